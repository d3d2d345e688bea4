"""``speccheck``: what it reports, where, and that it never gives up."""

import contextlib
import io
import json
import re
import unittest
from pathlib import Path

from docutils.parsers.rst import directives, roles
from docutils.parsers.rst.languages import en

from tools import speccheck, specs
from tools.tests import support
from tools.tests.test_specs import INNOCENT

GIF = (b'GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04'
       b'\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D'
       b'\x01\x00;')

# name -> (what takes the place of the good spec's last paragraph,
#          the start of the line that is reported, part of the message)
MISTAKES = {
    'misspelt directive': (
        '.. seqdaig::\n   :alt: A asks B.\n\n   A -> B;', '.. seqdaig::',
        "unknown directive 'seqdaig'; did you mean 'seqdiag'?"),
    'unknown directive': (
        '.. zzzz:: x', '.. zzzz::', "unknown directive 'zzzz'; the site"),
    'misspelt role': (
        'Look at\n:reff:`good-flow`.', 'Look at', "did you mean 'ref'?"),
    'unknown role': (
        'Look at :zzzz:`good-flow`.', 'Look', "unknown role 'zzzz'"),
    'diagram that does not parse': (
        '.. seqdiag::\n   :alt: A.\n'
        '   :no-model: No model has this one.\n'
        '\n   // first\n   A -> B;\n   A -> ;',
        'A -> ;', "unexpected ';'; expected a participant"),
    'diagram with an unknown attribute': (
        '.. seqdiag::\n   :alt: A.\n'
        '   :no-model: No model has this one.\n'
        '\n   A -> B;\n   A -> C [\n'
        '      lable = "x"];', 'lable', "did you mean 'label'?"),
    'diagram in a list in a note': (
        '* one\n\n  * two\n\n    .. note::\n\n       Look:\n\n'
        '       .. seqdiag::\n          :alt: A.\n'
        '          :no-model: No model has this one.\n'
        '\n          A -> B;\n\n'
        '          A <- ;', 'A <- ;', 'seqdiag: '),
    'diagram in a table': (
        '.. list-table::\n\n   * - .. seqdiag::\n          :alt: A.\n'
        '          :no-model: No model has this one.\n\n'
        '          A -> B;\n          B => ;\n     - two', 'B => ;',
        'seqdiag: '),
    'diagram in a requirement': (
        '.. req:: Draw\n   :id: GOOD-003\n'
        '   :verified: review -- no model has it\n\n   It MUST be drawn.\n\n'
        '   .. seqdiag::\n      :alt: A.\n'
        '      :no-model: No model has this one.\n'
        '\n      A ->> ;', 'A ->> ;',
        'seqdiag: '),
    'misspelt option': (
        '.. seqdiag:: \n   :alt: A.\n   :no-model: No model has it.\n'
        '   :captoin: B\n\n   A -> B;',
        '.. seqdiag:: ', 'option: "captoin"; did you mean :caption:?'),
    'unknown option': (
        '.. list-table::\n   :zzzz: 1\n\n   * - a', '.. list-table::',
        'option: "zzzz"; it has align, class, header-rows'),
    'no line between options and content': (
        '.. seqdiag:: \n   :no-model: No model has it.\n   A -> B;',
        '.. seqdiag:: ', 'invalid option block; leave a line free between'),
    'literal that is not closed': (
        'Look at ``this.', 'Look at', 'close it, or put a backslash before'),
    'link without an underline': (
        'Look at `this <https://x.org>`_ and `that`_.', 'Look',
        'write `text <address>`_, or define the name'),
    'list that ends without a blank line': (
        '* one\ntwo', 'two', 'leave a line free where'),
    'row that is too short': (
        '.. list-table::\n\n   * - a\n     - b\n   * - c',
        '.. list-table::', 'give each row as many cells'),
    'diagram without alt': (
        '.. seqdiag:: \n   :no-model: No model has this one.\n\n   A ->> B;',
        '.. seqdiag:: ', 'a seqdiag without :alt:'),
    'diagram with an unknown option': (
        '.. seqdiag:: \n   :no-model: No model has this one.\n'
        '   :alternative: A.\n\n   A ->> B;',
        '.. seqdiag:: ', 'unknown option: "alternative"'),
    'diagram from a missing file': (
        '.. seqdiag:: none.diag\n   :alt: A.\n'
        '   :no-model: No model has this one.', '.. seqdiag:: none',
        'cannot read the diagram file'),
    'missing image': (
        'x\n\n.. image:: none.png\n   :alt: N.', '.. image::',
        'there is no image none.png'),
    'missing figure in a list': (
        '* x\n\n  .. figure:: none.png\n\n     Caption', '.. figure::',
        'there is no image none.png'),
    'missing image of a substitution': (
        'The |x|.\n\n.. |x| image:: none.png', '.. |x|',
        'there is no image none.png'),
    'missing image of the site': (
        '.. image:: /none.png', '.. image::', 'there is no image /none.png'),
    'id of another spec': (
        '.. req:: Draw\n   :id: OTHER-001\n'
        '   :verified: review -- no model has it\n\n   It MUST be.',
        ':id: OTHER-001', 'OTHER-001 stands in stein/other too'),
    'missing include': (
        '.. include:: none.txt', '.. include::', 'include:: in a spec'),
    'literalinclude': (
        '.. literalinclude:: none.py\n   :lines: 1', '.. literalinclude::',
        'literalinclude:: in a spec'),
    'Python that does not parse': (
        '.. code-block:: python\n   :linenos:\n\n   a = 1\n   b = = 2',
        'b = = 2', 'this code is not python: invalid syntax'),
    'JSON that does not parse': (
        '.. code-block:: json\n\n   {"a": 1,\n    "b": }', '"b": }',
        'this code is not json: Expecting value'),
    'title that is too short': (
        'None.\n\nDrawings\n-----\n\nNone.', '-----\n',
        'Title underline too short'),
    'undefined substitution': (
        'The |thing|.', 'The |thing|.', 'Undefined substitution'),
    'unclosed literal': (
        'An ``open one.', 'An ``open', 'Inline literal start-string'),
}

# What Sphinx knows and docutils does not, yet must not be reported.
VALID = {
    'directives of Sphinx':
        '.. versionadded:: 1.0\n   New.\n\n.. seealso:: this\n\n'
        '.. glossary::\n\n   term\n      What it is.\n',
    'code': '.. code-block:: python\n   :emphasize-lines: 1\n\n   a = 1\n\n'
            '.. code-block:: json\n\n   {"a": [1, 2]}\n\n'
            '.. code-block:: none\n\n   = = =',
    'code without content': '.. code-block:: json\n\nNone.',
    'Python session': '.. code-block:: python\n\n   >>> a = 1\n   >>> a\n   1',
    'Python with a warning': '.. code-block:: python\n\n   a = "\\d" is "d"',
    'roles of Sphinx': 'See :ref:`good-flow`, :term:`x`, :file:`/etc/{x}`, '
                       ':py:func:`f`, :class:`C`, :option:`-x`.',
    'Python objects': '.. py:function:: f(x)\n\n   :param x: this\n\n'
                      '.. data:: A\n\n.. class:: B',
    'image elsewhere': '.. image:: https://example.org/x.png',
    'image that is there':
        '.. image:: there.gif\n\n.. figure:: there.*\n\n   Caption',
}


def run(*arguments):
    """Run ``speccheck`` in this process."""
    printed = io.StringIO()
    with (support.registries(), contextlib.redirect_stdout(printed),
          contextlib.redirect_stderr(printed)):
        code = speccheck.main(list(map(str, arguments)))
    return support.Result(code, printed.getvalue())


class SpecCase(support.TempCase):
    """A test with a tree of specs, whose ``self.spec`` it may change."""

    def setUp(self):
        super().setUp()
        self.spec = support.spec_tree(self.folder)
        beside = self.spec.parent
        support.write(beside / 'there.gif', GIF)
        support.write(beside / 'there.txt', 'Text.\n')
        self.good = self.spec.read_text(encoding='utf-8')

    def say(self, text):
        """Put *text* in the place of the spec's last paragraph."""
        support.write(self.spec, self.good.replace('None.', text))


class TestExit(SpecCase):
    """The program as it is called from the shell: status and format."""

    def shell(self, *arguments, **more):
        result = support.python('-m', 'tools.speccheck', *arguments,
                                **{'cwd': self.folder, **more})
        self.assertNotIn('Traceback', result.output)
        return result

    def test_status_0_without_a_problem(self):
        path = self.spec.relative_to(self.folder)
        self.assertEqual((0, '1 spec checked, 0 problems\n'),
                         self.shell(path))

    def test_status_1_with_file_line_and_message_in_the_order_of_lines(self):
        self.say('Look: :ref:`nowhere`.\n\n.. seqdaig::\n\nTODO: more.')
        lines = self.shell('specs/rocky/approved/good.rst')
        self.assertEqual(1, lines.code)
        *lines, last = sorted(lines.output.splitlines(),
                              key=lambda line: line.endswith('problems'))
        self.assertEqual('1 spec checked, 3 problems', last)
        for line, start in zip(lines, ('Look:', '.. seqdaig', 'TODO'),
                               strict=True):
            number = support.line_of(self.spec, start)
            self.assertRegex(
                line, rf'^specs/rocky/approved/good\.rst:{number}: \S')

    def test_path_is_relative_when_an_absolute_one_was_given(self):
        self.say('TODO')
        self.assertRegex(self.shell(self.spec).output,
                         r'(?m)^specs/rocky/approved/good\.rst:\d+: TODO')

    def test_runs_from_inside_the_tree(self):
        for folder in ('specs', 'specs/rocky/approved'):
            with self.subTest(folder):
                result = run(self.spec)
                shell = self.shell(
                    self.spec.relative_to(self.folder / folder)
                    if folder == 'specs' else self.spec,
                    cwd=self.folder / folder)
                self.assertEqual(result, shell)
                self.assertEqual(0, shell.code)

    def test_status_2_for_what_is_no_readable_spec(self):
        folder = self.spec.with_name('folder.rst')
        folder.mkdir()
        for path, says in (
                ('specs/rocky/approved/none.rst', 'cannot be read: No such'),
                ('specs/rocky/approved/folder.rst', 'cannot be read'),
                ('specs/rocky/approved', 'not a spec'),
                ('specs/rocky-template.rst', 'not a spec'),
                ('specs/rocky/approved/there.gif', 'not a spec')):
            with self.subTest(path):
                result = self.shell(path)
                self.assertEqual(2, result.code)
                self.assertIn(f'{path}:1: ', result.output)
                self.assertIn(says, result.output)
                self.assertIn('0 specs checked', result.output)

    def test_a_file_that_cannot_be_read_does_not_hide_the_others(self):
        self.say('TODO')
        result = self.shell('specs/rocky/approved/none.rst', self.spec)
        self.assertEqual(2, result.code)
        self.assertIn('TODO in a spec', result.output)
        self.assertIn('1 spec checked, 1 problem\n', result.output)

    def test_no_spec_at_all_is_status_2(self):
        for name in ('__init__.py', 'specs.py', 'speccheck.py',
                     'evidence.py', 'meetbot.py', 'models.py', 'produced.py',
                     'replay.py', 'shown.py',
                     *(f'seqdiag/{name}.py' for name in (
                         '__init__', 'language', 'svg', 'directive'))):
            support.write(self.folder / 'bare' / 'tools' / name,
                          (support.ROOT / 'tools' / name).read_bytes())
        result = self.shell(cwd=self.folder / 'bare',
                            PYTHONPATH=str(self.folder / 'bare'))
        self.assertEqual((2, '0 specs checked, 0 problems\n'), result)

    def test_without_a_file_it_checks_all_specs_of_the_repository(self):
        result = self.shell(cwd=support.ROOT)
        count = len(specs.spec_files())
        self.assertEqual(0, result.code, result.output)
        self.assertIn(f'{count} spec', result.output)
        self.assertGreaterEqual(count, 1)

    def test_needs_no_sphinx(self):
        result = support.python(
            '-c', 'import sys, tools.speccheck as s; s.main(sys.argv[1:]);'
            'sys.exit("sphinx" in sys.modules)', self.spec)
        self.assertEqual(0, result.code, result.output)

    def test_hostile_files_are_reported_without_a_traceback(self):
        deep = '\n\n'.join(' ' * indent + 'x' for indent in range(1, 900))
        hostile = {
            'empty': b'',
            'bytes': bytes(range(256)) * 40,
            'utf16': self.good.encode('utf-16'),
            'nul': self.good.encode() + b'\nA \0 :doc:`a\0b`.\n',
            'quotes': self.good.encode() + b'\n' + deep.encode(),
            'lists': self.good.encode() + b'\n' + b'* ' * 1500 + b'x\n',
            'brackets': self.good.encode() + b'\n.. code-block:: python\n\n'
            b'   ' + b'(' * 3000 + b'\n\n.. code-block:: json\n\n   '
            + b'[' * 9000 + b'\n',
            'longline': self.good.encode() + b'\n' + b'x' * 200_000,
            'edges': self.good.encode() + b'\n.. seqdiag::\n   :alt: A.\n'
            b'   :no-model: No model has this one.\n\n'
            + b'   A -> B;\n' * 10_000,
            'surrogate': self.good.encode() + b'\n\xed\xa0\x80\n',
            'titles': b'====\n' * 500,
            'options': b'.. req::\n   :id:\n' * 50,
        }
        paths = [support.write(self.spec.with_name(f'{name}.rst'), data)
                 for name, data in hostile.items()]
        result = self.shell(*paths)
        self.assertEqual(1, result.code, result.output)
        for name in hostile:
            self.assertRegex(result.output,
                             rf'(?m)^specs/rocky/approved/{name}\.rst:\d+: ')
        self.assertIn(f'{len(hostile)} specs checked', result.output)

    def test_a_file_name_of_any_bytes_is_printed(self):
        for name in (b'caf\xe9.rst', 'größe.rst'.encode()):
            with open(bytes(self.spec.parent) + b'/' + name, 'wb') as file:
                file.write(b'x')
        names = sorted(map(str, self.spec.parent.glob('*[!a-z]*.rst')))
        self.assertEqual(2, len(names))
        for encoding in ('utf-8', 'ascii'):
            with self.subTest(encoding):
                result = self.shell(*names, PYTHONIOENCODING=encoding)
                self.assertEqual(1, result.code, result.output)
                self.assertIn('2 specs checked', result.output)


class TestMistakes(SpecCase):
    """Each is reported at its line, and nothing else is."""

    def test_each_is_reported_at_its_line(self):
        for name, (text, start, says) in MISTAKES.items():
            with self.subTest(name):
                self.say(text)
                line = support.line_of(self.spec, start)
                result = run(self.spec)
                self.assertEqual(1, result.code)
                found = [row for row in result.output.splitlines()
                         if row.startswith(f'{self.spec}:')]
                self.assertEqual(1, len(found), result.output)
                self.assertIn(f'{self.spec}:{line}: ', found[0])
                self.assertIn(says, found[0])
        self.assertGreaterEqual(len(MISTAKES), 20)

    def test_each_mend_is_given(self):
        said = ('Title underline too short.', 'Title overline too long.')
        for text in said:
            self.assertEqual('; make the lines as long as the title',
                             speccheck._mend(text))
        self.assertEqual('', speccheck._mend('Something else.'))

    def test_bytes_are_reported_at_their_line(self):
        for old, new, says in (
                (b'None.', b'Noun\xe9.', 'is not UTF-8'),
                (b'None.\n', b'None.\r\n', 'a carriage return'),
                (b'None.', b'a\tb', 'a tab'),
                (b'None.', b'a\xe2\x80\x8bb', 'invisible')):
            with self.subTest(says):
                data = self.good.encode().replace(old, new)
                support.write(self.spec, data)
                line = data[:data.index(new)].count(b'\n') + 1
                result = run(self.spec)
                self.assertEqual(1, result.code)
                self.assertIn(f'{self.spec}:{line}: ', result.output)
                self.assertIn(says, result.output)
                self.assertIn('1 problem\n', result.output)

    def test_crlf_throughout_is_one_problem(self):
        support.write(self.spec, self.good.replace('\n', '\r\n'))
        result = run(self.spec)
        self.assertIn('good.rst:1: a carriage return', result.output)
        self.assertIn('1 problem\n', result.output)

    def test_mistake_in_a_diagram_file_names_that_file(self):
        self.say('.. seqdiag:: flow.diag\n   :alt: A.')
        support.write(self.spec.with_name('flow.diag'),
                      'A -> B;\n\nA -> ;\n')
        self.assertIn('flow.diag:3: seqdiag: ', run(self.spec).output)

    def test_supersession_one_way_only(self):
        support.edit(self.spec, ':supersedes: none',
                     ':supersedes: stein/other')
        result = run(self.spec)
        self.assertIn('does not name rocky/good', result.output)
        self.assertIn('1 problem\n', result.output)

    def test_every_text_rule_is_used(self):
        self.assertEqual(
            specs.check(self.spec), [])
        support.edit(self.spec, ':standing: open', ':standing: maybe')
        self.assertIn(specs.check(self.spec)[0].message,
                      run(self.spec).output)


class TestInnocent(SpecCase):
    """What looks like a mistake and is none."""

    def test_repository_and_fixtures(self):
        paths = [*specs.spec_files(),
                 *(support.FIXTURES / 'specs').glob('*/approved/*.rst')]
        result = run(*paths)
        self.assertEqual(0, result.code, result.output)
        self.assertIn(f'{len(paths)} specs checked, 0 ', result.output)
        self.assertGreaterEqual(len(paths), 3)

    def test_is_not_reported(self):
        for name, text in {**INNOCENT, **VALID}.items():
            with self.subTest(name):
                self.say(text)
                self.assertEqual(
                    (0, '1 spec checked, 0 problems\n'), run(self.spec))


LIST_KNOWN = """
import io, json, sys
from docutils.parsers.rst import directives, roles
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace
source, out = sys.argv[1:]
with docutils_namespace():
    app = Sphinx(source, source, out, out, 'html', status=None,
                 warning=io.StringIO())
    names = [list(directives._directives), list(roles._roles)]
for index, kind in enumerate(('directives', 'roles')):
    for domain in ('std', 'py', 'c', 'cpp', 'js', 'math', 'rst'):
        for name in getattr(app.env.domains[domain], kind):
            names[index].append(f'{domain}:{name}')
            if domain in ('std', app.config.primary_domain):
                names[index].append(name)
print(json.dumps([sorted(set(found)) for found in names]))
"""


class TestKnownNames(support.TempCase):
    """The names that speccheck takes are those that the site takes."""

    # Not in every Sphinx that the requirements allow.
    YOUNG = {'version-added', 'version-changed', 'version-deprecated',
             'version-removed', 'versionremoved', 'cve', 'cwe', 'variant',
             'choose', 'when', 'otherwise', 'if', 'data-viewer',
             'math:numref', 'c:texpr', 'cpp:texpr', 'py:deco', 'deco',
             'py:type', 'type'}

    def setUp(self):
        super().setUp()
        result = support.python(
            '-c', LIST_KNOWN, support.ROOT / 'doc' / 'source', self.folder)
        self.assertEqual(0, result.code, result.output)
        directives_, roles_ = json.loads(result.output.splitlines()[-1])
        self.site = {'directive': set(directives_), 'role': set(roles_)}
        with support.registries(empty=True):
            speccheck._register()
            self.ours = {'directive': set(directives._directives),
                         'role': set(roles._roles)}
        self.docutils = {
            'directive': {*en.directives, *directives._directive_registry},
            'role': {*en.roles, *roles._role_registry}}

    def test_all_that_the_site_knows_is_known(self):
        for kind, names in self.site.items():
            with self.subTest(kind):
                self.assertEqual(
                    set(), names - self.ours[kind] - self.docutils[kind],
                    'add these to tools/speccheck.py')
                self.assertGreaterEqual(len(names), 60)

    def test_nothing_is_known_that_the_site_refuses(self):
        for kind, names in self.ours.items():
            with self.subTest(kind):
                self.assertEqual(
                    # raw is known to docutils, and a spec may not use it.
                    set(), names - self.site[kind] - self.YOUNG - {'raw'},
                    'remove these from tools/speccheck.py')
                self.assertGreaterEqual(len(names), 60)

    def test_no_name_stands_in_two_lists(self):
        for names in ((*speccheck.CONTAINERS, *speccheck.OPAQUE,
                       *speccheck._domain_names(0)),
                      (*speccheck.ROLES, *speccheck._domain_names(1))):
            twice = {name for name in names if names.count(name) > 1}
            self.assertEqual(set(), twice)

    def test_the_needs_of_conf_py_are_known(self):
        conf = (Path(support.ROOT) / 'doc/source/conf.py').read_text()
        names = re.findall(r"\{'directive': '(\w+)'", conf)
        self.assertEqual({'req', 'failure', 'question', 'decision'},
                         set(names))
        self.assertLessEqual(set(names), set(speccheck.CONTAINERS))


if __name__ == '__main__':
    unittest.main()
