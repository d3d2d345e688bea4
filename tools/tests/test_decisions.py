"""Decisions: what the rules refuse, and what the pages show.

A small page of records that keeps every rule, and :data:`BROKEN`, which
breaks it in one way each.
"""

import ast
import html
import inspect
import json
import re
import unittest
from unittest import mock

from cyborg_models import cli
from tools import decisions, meetbot, models, specs
from tools.tests import support

PAGE = """\
=========
Decisions
=========

.. decision-index::

.. decision:: Who answers?
   :id: DEC-001
   :standing: agreed
   :log: 2020-03-03 09:01:00 ann, 09:02:00 bob
   :binds: GOOD-001, GOOD-Q01
   :sections: rocky/good#requirements, rocky/good#good-flow
   :files: doc/source

   The callee.

.. decision:: Which way?
   :id: DEC-002
   :standing: contested
   :log: 2020-03-03 09:02:00 bob
   :variants: rocky.attach topology=VIA_API,
      rocky.attach topology=NOVA_DIRECT
   :properties: rocky.attach the_host_needs_no_controller

   One says here, one says there.

.. decision:: Is tea better?
   :id: DEC-003
   :standing: contested
   :log: 2020-03-03 09:02:00 bob
   :no-model: No model drinks.
   :no-binding: It is about tea.

   Yes and no.

.. decision:: The old way
   :id: DEC-004
   :standing: superseded
   :superseded-by: DEC-001
   :log: 2020-03-03 09:02:00 bob
   :sections: stein/other#requirements

   As it was.

.. decision:: The older way
   :id: DEC-005
   :standing: superseded
   :superseded-by: rocky/good
   :log: 2020-03-03 09:02:00 bob
   :sections: stein/other#requirements

   As it was before.
"""
INDEX = '2020-03-03\n09:01:00 ann\n09:02:00 bob\n'
LOG = '   :log: 2020-03-03 09:01:00 ann, 09:02:00 bob\n'
FIRST, SECOND, THIRD, FOURTH = (
    '.. decision:: Who', '.. decision:: Which', '.. decision:: Is tea',
    '.. decision:: The old ')

# name -> (rule, old, new, the start of the line, part of the message)
BROKEN = {
    'bad id': (
        decisions.check_form, ':id: DEC-002', ':id: DEC-2', SECOND,
        "the id 'DEC-2' is not of the form DEC-001"),
    'id twice': (
        decisions.check_form, ':id: DEC-002', ':id: DEC-001', SECOND,
        'DEC-001 is also the id at line 7'),
    'no standing': (
        decisions.check_form, '   :standing: agreed\n', '', FIRST,
        'use agreed, open, contested, superseded'),
    'unknown option': (
        decisions.check_form, ':files:', ':fiels:', FIRST,
        'a decision has no :fiels:; known: id'),
    'no title': (
        decisions.check_form, '.. decision:: Who answers?', '.. decision::',
        '.. decision::', 'without a title'),
    'no summary': (
        decisions.check_form, '   The callee.\n', '', FIRST,
        'without a summary'),
    'binds nothing': (
        decisions.check_bindings, '   :no-binding: It is about tea.\n', '',
        THIRD, 'binds nothing, or says so and binds something'),
    'binds nothing and something': (
        decisions.check_bindings, '   :no-binding: It is about tea.\n',
        '   :no-binding: It is about tea.\n   :files: doc\n',
        THIRD, 'binds nothing, or says so and binds something'),
    'no such requirement': (
        decisions.check_bindings, ':binds: GOOD-001', ':binds: GOOD-009',
        FIRST, ':binds: GOOD-009 is no requirement, failure mode or question '
        'of a spec; did you mean GOOD-0'),
    'no such spec': (
        decisions.check_bindings, 'rocky/good#requirements',
        'rocky/goood#requirements', FIRST,
        "there is no spec 'rocky/goood'; did you mean rocky/good?"),
    'no such section': (
        decisions.check_bindings, 'rocky/good#requirements',
        'rocky/good#requirement', FIRST,
        "neither a section nor a label 'requirement'; did you mean "
        'requirements?'),
    'no such file': (
        decisions.check_bindings, ':files: doc/source', ':files: doc/none',
        FIRST, ':files: doc/none is not in this repository'),
    'a file elsewhere': (
        decisions.check_bindings, ':files: doc/source', ':files: ../doc',
        FIRST, ':files: ../doc is not in this repository'),
    'no such model': (
        decisions.check_models, 'rocky.attach topology=VIA_API,',
        'rocky.atach topology=VIA_API,', SECOND,
        ":variants: unknown model 'rocky.atach'; did you mean rocky.attach?"),
    'no such variant': (
        decisions.check_models, 'topology=VIA_API', 'topology=VIA_APE',
        SECOND, ":variants: rocky.attach cannot be built"),
    'a variant that is not recorded': (
        decisions.check_models, 'topology=VIA_API', 'topology=VIA_API vans=1',
        SECOND, ':variants: nothing is recorded for rocky.attach vans=1'),
    'a variant that is none': (
        decisions.check_models, 'topology=VIA_API', 'topology=LOCAL',
        SECOND, ':variants: rocky.attach is compared with itself'),
    'no such property': (
        decisions.check_models, 'the_host_needs_no_controller',
        'the_host_needs_no_control', SECOND,
        "rocky.attach has no property 'the_host_needs_no_control'; did you "
        'mean the_host_needs_no_controller?'),
    'a property of no model': (
        decisions.check_models, 'rocky.attach the_host', 'rocky.none the_host',
        SECOND, ":properties: unknown model 'rocky.none'"),
    'a property that decides nothing': (
        decisions.check_models, 'the_host_needs_no_controller',
        'quota_is_exact', SECOND,
        'rocky.attach quota_is_exact comes out the same in each variant'),
    'contested without a variant or a reason': (
        decisions.check_contested, '   :no-model: No model drinks.\n', '',
        THIRD, 'needs either :variants: of a model to compare, or'),
    'contested with a variant and a reason': (
        decisions.check_contested, '   :no-binding: It is about tea.\n',
        '   :variants: rocky.attach writer=plugin\n', THIRD,
        'needs either :variants:'),
    'superseded by nothing': (
        decisions.check_superseded, '   :superseded-by: DEC-001\n', '',
        FOURTH, 'go together'),
    'superseded, and agreed': (
        decisions.check_superseded, ':standing: agreed',
        ':standing: agreed\n   :superseded-by: DEC-002', FIRST,
        'go together'),
    'superseded by no decision': (
        decisions.check_superseded, ':superseded-by: DEC-001',
        ':superseded-by: DEC-099', FOURTH,
        ':superseded-by: DEC-099 is no other decision and no spec'),
    'superseded by itself': (
        decisions.check_superseded, ':superseded-by: DEC-001',
        ':superseded-by: DEC-004', FOURTH, 'DEC-004 is no other decision'),
    'not as its question stands': (
        decisions.check_questions, ':standing: agreed', ':standing: open',
        FIRST, 'the decision is open, and GOOD-Q01, which it binds, is '
        'agreed; make them the same'),
    'a question that nobody binds': (
        decisions.unbound_questions, ', GOOD-Q01', '',
        '.. question::', 'GOOD-Q01 was argued at a meeting, and no decision '
        'binds it'),
    'a time at which nobody spoke': (
        meetbot.check_logs, '09:01:00 ann,', '09:01:01 ann,', FIRST,
        'nobody spoke at 09:01:01'),
    'a speaker who did not speak then': (
        meetbot.check_logs, '09:01:00 ann,', '09:01:00 bob,', FIRST,
        'bob did not speak at 09:01:00 on 2020-03-03, but ann did'),
    'a day without a meeting': (
        meetbot.check_logs, LOG, LOG.replace('03-03', '03-04'), FIRST,
        'no meeting of 2020-03-04 is known'),
    'a time without a speaker': (
        meetbot.check_logs, LOG, LOG.replace(' ann', ''), FIRST,
        'is not of the form YYYY-MM-DD HH:MM:SS NICK'),
}


class PageCase(support.TempCase):
    """A tree with the page of records, a spec that was argued, an index."""

    def setUp(self):
        super().setUp()
        self.good = make_tree(self.folder)

    def check(self, page=PAGE):
        """(file, line, message) of what is wrong."""
        path = self.folder / 'doc/source/decisions.rst'
        return [(path_.name, line, message) for path_, line, message
                in decisions.check(specs.read(path, page), self.known())]

    def known(self):
        return known_below(self.folder / 'doc/source', self.folder)


def known_below(folder, root):
    """What the specs below a folder have."""
    return decisions.Known(root, [decisions.facts(specs.read(path))
                                  for path in specs.spec_files(folder)])


def make_tree(folder):
    """The path of its spec ``good.rst``."""
    support.write(folder / 'doc/decisions/2020-03-03.index', INDEX)
    support.write(folder / 'doc/source/decisions.rst', PAGE)
    good = support.spec_tree(folder / 'doc/source')
    support.edit(good, '   :id: GOOD-Q01\n   :standing: open\n',
                 '   :id: GOOD-Q01\n   :standing: agreed\n'
                 '   :log: 2020-03-03 09:01:00\n')
    return good


class TestRules(PageCase):
    def test_the_good_page_has_no_problem(self):
        self.assertEqual([], self.check())

    def test_each_is_reported_once_at_its_line(self):
        for name, (_, old, new, start, says) in BROKEN.items():
            with self.subTest(name):
                page = broken(old, new)
                found = self.check(page)
                (file, line, message), = found
                text = (page if file == 'decisions.rst'
                        else self.good.read_text(encoding='utf-8'))
                self.assertEqual([line], [
                    number for number, one in enumerate(text.split('\n'), 1)
                    if one.startswith(start) and (
                        start != '.. decision::' or one == start)])
                self.assertIn(says, message)
        self.assertGreaterEqual(len(BROKEN), 30)

    def test_each_is_reported_by_its_rule(self):
        known = self.known()
        checked = 0
        for name, (rule, old, new, _, _) in BROKEN.items():
            if rule in decisions.RULES:
                with self.subTest(name):
                    records = decisions.read(specs.read(
                        self.good, broken(old, new)))
                    self.assertEqual([rule], [
                        one for one in decisions.RULES
                        if list(one(records, known))])
                    checked += 1
        self.assertGreaterEqual(checked, 25)

    def test_every_rule_and_every_message_has_a_broken_page(self):
        rules = {value for name, value in vars(decisions).items()
                 if name.startswith('check_') and inspect.isfunction(value)
                 and list(inspect.signature(value).parameters)
                 == ['records', 'known']}
        self.assertEqual({*decisions.RULES}, rules)
        self.assertEqual(
            {*rules, decisions.unbound_questions, meetbot.check_logs},
            {case[0] for case in BROKEN.values()})
        said = [found[2] for case in BROKEN.values()
                for found in self.check(broken(case[1], case[2]))]
        said += [found[2] for found in self.check('None.\n')]
        patterns = [_pattern(node.args[1]) for node in ast.walk(ast.parse(
            inspect.getsource(decisions))) if isinstance(node, ast.Call)
            and getattr(node.func, 'id', '') == 'Problem']
        self.assertGreaterEqual(len(patterns), 18)
        self.assertEqual([], [pattern for pattern in patterns if not any(
            re.fullmatch(pattern, message, re.S) for message in said)])

    def test_a_page_without_a_record(self):
        self.assertIn('the page has no decision',
                      ' '.join(found[2] for found in self.check('None.\n')))

    def test_a_bad_index(self):
        support.write(self.folder / 'doc/decisions/2020-03-03.index',
                      INDEX + 'hello there all\n')
        self.assertEqual(
            [('2020-03-03.index', 4)], [found[:2] for found in self.check()])

    def test_a_time_stamp_of_a_question(self):
        support.edit(self.good, '09:01:00', '09:01:07')
        (file, _, message), = self.check()
        self.assertEqual('good.rst', file)
        self.assertIn('nobody spoke at 09:01:07', message)


def broken(old, new):
    if PAGE.count(old) != 1:
        raise AssertionError(f'{old!r} stands {PAGE.count(old)} times')
    return PAGE.replace(old, new)


def _pattern(text):
    if isinstance(text, ast.JoinedStr):
        return ''.join(_pattern(part) for part in text.values)
    if isinstance(text, ast.Constant):
        return re.escape(text.value)
    if isinstance(text, ast.BinOp):
        return _pattern(text.left) + _pattern(text.right)
    return '.+'


CONF = """\
import pathlib
exec(compile(pathlib.Path({conf!r}).read_text(), {conf!r}, 'exec'))
extensions = ['sphinx_needs', 'tools.produced', 'tools.seqdiag',
              'tools.site', 'tools.decisions']
html_theme = 'basic'
html_theme_options = {{}}
html_static_path = []
templates_path = []
"""


def compared():
    """What the second record of the page shows."""
    return models.compare('rocky.attach', [
        (), ('topology=VIA_API',), ('topology=NOVA_DIRECT',)])


class TestSite(unittest.TestCase):
    """The build shows the records, and stops where one is wrong."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = support.temporary_folder(cls)
        cls.source = cls.folder / 'doc/source'
        cls.good = make_tree(cls.folder)
        cls.page = cls.source / 'decisions.rst'
        conf = str(support.ROOT / 'doc/source/conf.py')
        support.write(cls.source / 'conf.py', CONF.format(conf=conf))
        support.write(cls.source / 'index.rst',
                      'Site\n====\n\n.. toctree::\n   :glob:\n\n'
                      '   decisions\n   others\n   specs/**\n')
        # What the comparison points to is stated elsewhere.
        support.write(cls.source / 'others.rst', 'Others\n======\n' + ''.join(
            f'\n.. req:: It\n   :id: {requirement}\n\n   It MUST.\n'
            for requirement in {row[1] for row in compared().verdicts}))
        result = cls.build()
        if result.code:
            raise AssertionError(result.output)

    @classmethod
    def build(cls):
        return support.sphinx(cls.source, cls.folder / 'html')

    def html(self, name):
        return (self.folder / 'html' / name).read_text(encoding='utf-8')

    def box(self, page, need):
        """What stands in the box of a need."""
        text = self.html(page)
        start = text.index(f'id="{need}"')
        return text[start:text.find('class="need_container', start)]

    def test_the_index_counts_and_groups(self):
        text = self.html('decisions.html')
        self.assertIn('5 records: 1 agreed, 2 contested, 2 superseded.', text)
        first = text[:text.index('id="DEC-001"')]
        self.assertEqual(
            [f'DEC-00{number}' for number in range(1, 6)],
            re.findall(r'href="#(DEC-\d+)"', first))

    def test_what_a_record_binds_is_linked(self):
        box = self.box('decisions.html', 'DEC-001')
        good = 'specs/rocky/approved/good.html'
        for anchor in ('GOOD-001', 'GOOD-Q01', 'requirements', 'good-flow'):
            self.assertIn(f'href="{good}#{anchor}"', box)
            self.assertIn(f'id="{anchor}"', self.html(good))
        self.assertIn('good: Requirements', box)
        self.assertIn('09:01:00 ann', box)
        self.assertIn(f'href="{good}"', self.box('decisions.html', 'DEC-005'))

    def test_what_is_bound_points_back(self):
        good = 'specs/rocky/approved/good.html'
        link = 'href="../../../decisions.html#DEC-001"'
        for need in ('GOOD-001', 'GOOD-Q01'):
            self.assertIn(link, self.box(good, need))
        self.assertNotIn(link, self.box(good, 'GOOD-002'))
        text = self.html(good)
        self.assertIn(link, text[text.index('spec-header'):
                                 text.index('id="problem-description"')])

    def test_it_points_back_where_all_pages_are_one(self):
        result = support.sphinx(self.source, self.folder / 'one',
                                builder='singlehtml')
        self.assertEqual(0, result.code, result.output)
        text = (self.folder / 'one' / 'index.html').read_text('utf-8')
        pages = ''.join(path.read_text('utf-8') for path in (
            self.folder / 'html' / 'specs').rglob('*.html'))
        self.assertEqual(pages.count('class="decided"'),
                         text.count('class="decided"'))
        self.assertGreater(pages.count('class="decided"'), 2)

    def test_the_comparison_is_what_is_recorded(self):
        box = re.sub('<[^>]+>', ' ', self.box('decisions.html', 'DEC-002'))
        box = ' '.join(html.unescape(box).split())
        made = compared()
        for name, numbers in made.figures:
            self.assertIn(' '.join([name, *(f'{one:,}' for one in numbers)]),
                          box)
        for name, requirement, verdicts in made.verdicts:
            self.assertIn(' '.join([name, requirement, *verdicts]), box)
        self.assertGreaterEqual(len(made.verdicts), 5)
        self.assertIn('cyborg-models compare rocky.attach --vs '
                      'topology=NOVA_DIRECT', box)

    def test_the_build_stops(self):
        for name in ('no such requirement', 'no such section',
                     'no such property', 'no such variant',
                     'a time at which nobody spoke',
                     'a speaker who did not speak then',
                     'contested without a variant or a reason',
                     'a question that nobody binds'):
            _, old, new, start, says = BROKEN[name]
            with self.subTest(name):
                support.write(self.page, broken(old, new))
                try:
                    result = self.build()
                finally:
                    support.write(self.page, PAGE)
                self.assertNotEqual(0, result.code)
                self.assertIn(says, result.output)
                self.assertNotIn('Traceback', result.output)
                where = self.good if 'question' in start else self.page
                self.assertRegex(result.output,
                                 rf'{where.name}:\d+: .*{re.escape(says)}')
        self.assertEqual(0, self.build().code)

    def test_the_build_stops_when_what_is_bound_goes(self):
        text = self.good.read_text(encoding='utf-8')
        support.write(self.good, text.replace('GOOD-001', 'GOOD-007'))
        try:
            result = self.build()
        finally:
            support.write(self.good, text)
        self.assertNotEqual(0, result.code)
        self.assertIn(':binds: GOOD-001 is no requirement', result.output)
        self.assertEqual(0, self.build().code)

    def test_a_spec_is_written_again_when_a_record_changes(self):
        good = 'specs/rocky/approved/good.html'
        support.write(self.page, PAGE.replace(
            ':binds: GOOD-001,', ':binds: GOOD-002,'))
        self.assertEqual(0, self.build().code)
        self.assertIn('#DEC-001', self.box(good, 'GOOD-002'))
        self.assertNotIn('#DEC-001', self.box(good, 'GOOD-001'))
        support.write(self.page, PAGE)
        self.assertEqual(0, self.build().code)
        self.assertIn('#DEC-001', self.box(good, 'GOOD-001'))


class TestRepository(unittest.TestCase):
    """The records that we publish."""

    def setUp(self):
        self.page = specs.read(
            specs.ROOT / 'doc/source' / f'{decisions.PAGE}.rst')
        self.records = decisions.read(self.page)

    def test_they_keep_every_rule(self):
        self.assertEqual([], decisions.check(
            self.page, known_below(specs.ROOT, specs.ROOT)))
        self.assertGreaterEqual(len(self.records), 40)

    def test_numbers_have_no_gap(self):
        self.assertEqual(
            [f'DEC-{number:03}' for number
             in range(1, len(self.records) + 1)],
            [record.id for record in self.records])

    def test_every_standing_is_there(self):
        self.assertEqual({*decisions.STANDINGS},
                         {record.standing for record in self.records})

    def test_most_of_what_is_contested_is_compared(self):
        contested = [record for record in self.records
                     if record.standing == 'contested']
        compared = [record for record in contested if record.models()]
        self.assertGreaterEqual(len(compared), 6)
        self.assertLessEqual(len(contested) - len(compared), 2)

    def test_the_commands_that_repeat_a_comparison_are_accepted(self):
        checked = 0
        for record in self.records:
            for name, sides in record.models().items():
                for pairs in sides:
                    options = cli.parser().parse_args(
                        ['compare', name, '--vs', *pairs.split()])
                    self.assertEqual((name, pairs.split()),
                                     (options.model, options.vs))
                    checked += 1
        self.assertGreaterEqual(checked, 12)

    def test_a_spec_s_stamps_are_checked_by_speccheck_too(self):
        from tools import speccheck

        folder = support.temporary_folder(self)
        make_tree(folder)
        (folder / 'doc/source/specs').rename(folder / 'specs')
        good = folder / 'specs/rocky/approved/good.rst'
        with support.registries():
            self.assertEqual([], speccheck.check(good))
            support.edit(good, '09:01:00', '09:01:07')
            (_, _, message), = speccheck.check(good)
        self.assertIn('nobody spoke at 09:01:07', message)


class TestComparisonDirective(support.TempCase):
    """``model-comparison`` on a page of its own."""

    def read(self, text):
        from docutils.core import publish_doctree

        from tools import speccheck

        with support.registries(), mock.patch('sys.stderr'):
            speccheck._register()
            return publish_doctree(text).astext()

    def test_verdicts_that_are_all_the_same(self):
        text = self.read('.. model-comparison:: rocky.program\n'
                         '   :vs: programmer=plugin\n')
        self.assertRegex(text, r'every verdict\s+the same\s+the same')

    def test_what_cannot_be_compared(self):
        for given, says in {
                'rocky.attach': 'is compared with itself',
                'rocky.attach\n   :vs: vans=9': 'nothing is recorded for',
                'rocky.attach faults=2': "'faults=2' stands behind the model",
                'rocky.none\n   :vs: vans=9': "unknown model 'rocky.none'",
                }.items():
            with self.subTest(given):
                self.assertIn(says, ' '.join(self.read(
                    f'.. model-comparison:: {given}\n').split()))


class TestRecomputed(unittest.TestCase):
    """A comparison is what the command computes."""

    def test_the_smaller_ones(self):
        import contextlib
        import io

        for name, pair in (('rocky.attach', 'writer=plugin'),
                           ('rocky.release', 'topology=VIA_API')):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                cli.main(['compare', name, '--vs', pair, '--json'])
            found = json.loads(out.getvalue())
            sides = [found['left'], found['right']]
            made = models.compare(name, [(), (pair,)])
            with self.subTest(name):
                for row, key in enumerate(('states', 'transitions', 'depth')):
                    self.assertEqual(
                        (key, tuple(side[key] for side in sides)),
                        made.figures[row])
                verdicts = [{one['name']: one['verdict'] for one
                             in side['properties']} for side in sides]
                self.assertEqual(
                    {prop for prop in verdicts[0] if prop in verdicts[1]
                     and verdicts[0][prop] != verdicts[1][prop]},
                    {*made.differing()})


if __name__ == '__main__':
    unittest.main()
