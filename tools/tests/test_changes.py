"""From one release to the next: every row is read, and nothing is left out.
"""

import re
import unittest

from tools import changes, specs
from tools.tests import support
from tools.tests.test_gate import CONF

PAGE = '''\
Changes
=======

.. changes:: requirements
   :old: rocky/good
   :new: stein/other

   GOOD-001 -> OTHER-001: same: it answers
      still; nothing to do.
   GOOD-002 ->: gone: nobody asks again; wait.

Between.

.. changes:: requirements
   :old: rocky/good
   :new: stein/other

   -> OTHER-002: new: ``ask`` again; do so.

.. changes:: states
   :old: rocky Van
   :new: stein Arq

   NONE REQUESTED BOUND PROGRAMMING -> ABSENT INITIAL BIND_STARTED: all of
      these; look.
   READY PLUGGING PLUGGED UNPLUGGING -> BOUND UNBOUND: these too; look.
   CLEANING RELEASED FAILED -> DELETING BIND_FAILED UNBIND_FAILED: and
      these; look.
'''

# name -> (old, new, the start of the line that is reported, what is said)
BROKEN = {
    'no kind of change': (
        'OTHER-001: same: it', 'OTHER-001: sane: it', 'GOOD-001 ->',
        "'sane' is no kind of change; use one of same, stricter"),
    'gone with something new': (
        'GOOD-002 ->: gone', 'GOOD-002 -> OTHER-002: gone', 'GOOD-002 ->',
        'a row of kind gone has 1 before and 1 after the arrow'),
    'kept with something new': (
        'GOOD-002 ->: gone', 'GOOD-002 -> OTHER-002: kept', 'GOOD-002 ->',
        'a row of kind kept has 1 before and 1 after the arrow'),
    'new with something old': (
        '-> OTHER-002: new', 'GOOD-002 -> OTHER-002: new', 'GOOD-002 -> O',
        'a row of kind new has 1 before and 1 after the arrow'),
    'half a row': (
        'it answers\n      still; nothing', 'it answers\n      still, nothing',
        'GOOD-001 ->', 'the row says not both what changed and what it '
        'means'),
    'no row': (
        'GOOD-001 -> OTHER-001: same', 'GOOD-001: same', 'GOOD-001: same',
        'is no row; write OLD -> NEW: clause; what it means'),
    'no row at all': (
        '   -> OTHER-002: new: ``ask`` again; do so.\n', '', None,
        'no row of changes; write one'),
    'unknown table': (
        '.. changes:: states', '.. changes:: stats', '.. changes:: stats',
        'say .. changes:: requirements or states, with :old: and :new:'),
    'id that vanished': (
        '-> OTHER-001: same', '-> OTHER-001 OTHER-003: same', 'GOOD-001 ->',
        ':need:`OTHER-003` points to nothing; did you mean OTHER-00'),
    'old id in no row': (
        '   GOOD-002 ->: gone: nobody asks again; wait.\n', '', None,
        'GOOD-002 of rocky/good is in no row; say what becomes of it'),
    'new id in no row': (
        'GOOD-001 -> OTHER-001: same: it answers', 'GOOD-001 ->: gone: it',
        None, 'OTHER-001 of stein/other is in no row; say what it comes '
        'from, or that it is new'),
    'no such spec': (
        ':old: rocky/good\n   :new: stein/other\n\n   GOOD',
        ':old: rocky/goof\n   :new: stein/other\n\n   GOOD', None,
        'no spec rocky/goof states a requirement; did you mean rocky/good?'),
    'no such state': (
        'NONE REQUESTED', 'NONE REQESTED', 'NONE REQESTED',
        "rocky Van has no state 'REQESTED'; did you mean REQUESTED?"),
    'state in no row': (
        'BOUND UNBOUND', 'BOUND', '.. changes:: states',
        'UNBOUND of stein Arq is in no row; say what becomes of it'),
    'no such states': (
        ':new: stein Arq', ':new: stein Arc', '.. changes:: states',
        "there are no states 'stein Arc'; did you mean Arq?"),
    'no such release': (
        ':new: stein Arq', ':new: train Arq', '.. changes:: states',
        "there are no states 'train Arq'; there is none"),
}


class TestSite(support.TempCase):
    def setUp(self):
        super().setUp()
        self.root = self.folder / 'src'
        self.spec = support.spec_tree(self.root)
        conf = str(support.ROOT / 'doc' / 'source' / 'conf.py')
        support.write(self.root / 'conf.py', CONF.format(conf=conf).replace(
            "'tools.site'", "'tools.site', 'tools.changes'"))
        support.write(self.root / 'index.rst',
                      'Site\n====\n\n.. toctree::\n   :glob:\n\n   changes\n'
                      '   specs/**\n')
        self.page = support.write(self.root / 'changes.rst', PAGE)

    def build(self, *options):
        return support.sphinx(self.root, self.folder / 'html', *options)

    def test_a_page_that_is_complete(self):
        for options in ((), ('-E', '-j', '2')):
            result = self.build(*options)
            self.assertEqual(0, result.code, result.output)
            self.assertIn('changes: 4 requirements in 3 rows', result.output)
        html = (self.folder / 'html/changes.html').read_text()
        for words in ('OTHER-002', 'it answers still', 'nothing to do.',
                      'Rocky', 'BindStarted', '<p>gone</p>',
                      'href="specs/rocky/approved/good.html#GOOD-001"'):
            self.assertIn(words, html)

    def test_each_is_reported_at_its_line(self):
        for name, (old, new, start, says) in BROKEN.items():
            with self.subTest(name):
                support.write(self.page, PAGE)
                support.edit(self.page, old, new)
                line = support.line_of(self.page, start) if start else r'\d+'
                result = self.build()
                self.assertNotEqual(0, result.code)
                self.assertRegex(result.output, (
                    rf'changes\.rst:{line}: .*{re.escape(says)}'))
                self.assertNotIn('Traceback', result.output)
        self.assertGreaterEqual(len(BROKEN), 14)

    def test_a_requirement_added_elsewhere_is_missed(self):
        self.assertEqual(0, self.build().code)
        support.edit(self.spec, 'Open questions\n', (
            '.. req:: Sing\n   :id: GOOD-003\n'
            '   :verified: review -- no model can sing\n\n'
            '   The callee MAY sing.\n\nOpen questions\n'))
        result = self.build()
        self.assertRegex(result.output, r'changes\.rst:4: WARNING: GOOD-003 '
                         'of rocky/good is in no row')


    def test_a_release_stands_for_its_specs(self):
        whole = PAGE.replace('rocky/good', 'rocky').replace(
            'stein/other', 'stein')
        support.write(self.page, whole)
        result = self.build()
        self.assertEqual(0, result.code, result.output)
        self.assertIn('changes: 4 requirements in 3 rows', result.output)
        support.write(self.page, whole.replace(
            '   GOOD-002 ->: gone: nobody asks again; wait.\n', ''))
        self.assertIn('GOOD-002 of rocky/good is in no row',
                      self.build().output)
        # A draft is still being argued.
        support.edit(self.spec, ':status: approved', ':status: draft')
        self.assertIn('no spec rocky states a requirement',
                      self.build().output)


class TestRepository(unittest.TestCase):
    def test_the_page_has_both_releases(self):
        path = support.ROOT / 'doc/source/rocky-to-stein.rst'
        page = specs.read(path)
        found, states = [], []
        for line, kind, _, body in specs.directives(page, 'changes'):
            rows = changes.rows([
                (line + number, text) for number, text
                in enumerate(body) if text], kind == 'requirements')
            (found if kind == 'requirements' else states).extend(rows)
        self.assertGreaterEqual(len({one for row in found
                                     for one in row.old}), 217)
        self.assertGreaterEqual(len({one for row in found
                                     for one in row.new}), 97)
        self.assertGreaterEqual(len(states), 12)
        self.assertEqual(set(changes.KINDS), {row.kind for row in found})


if __name__ == '__main__':
    unittest.main()
