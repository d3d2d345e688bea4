"""Tests of a reference implementation as evidence: read, checked, shown."""

import contextlib
import importlib
import io
import json
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from models.tests.planted import FAULTS
from tools import evidence, planted, shown, specs
from tools.tests import support
from tools.tests.test_evidence import MARK, Site, Tree, message_patterns

BASE = '''\
import unittest


def shows(*ids):
    return lambda test: test


class Case(unittest.TestCase):
    pass
'''
TESTS = '''\
from tests.base import Case, shows


class TestIt(Case):
    @shows('GOOD-002')
    def test_again(self):
        pass

    def test_other(self):
        pass

    def helper(self):
        pass


class Mixin:
    def test_mixed(self):
        pass
'''
HOME = 'systems/ref/tests'
IT = f'{HOME}/test_it.py'
ONE = "    @shows('GOOD-002')\n    def test_again"
NO_TEST = ('is tagged and is no test that runs; tag a method test* of a '
           'TestCase in a file test_*.py, which is neither skipped nor '
           'defined anew')

# name -> (file; old, new; start of the line that is reported; what is said)
BROKEN = {
    'id that no spec states': (
        IT, "'GOOD-002'", "'GOOD-002', 'GOOD-022'", '@shows',
        'test_it.TestIt.test_again shows GOOD-022, which no spec states; '
        'did you mean GOOD-00'),
    'id of a failure': (
        IT, "'GOOD-002'", "'GOOD-002', 'GOOD-F01'", '@shows',
        "'GOOD-F01' is not the id of a requirement; write one, such as"),
    'id that is computed': (
        IT, "'GOOD-002'", "'GOOD-002', 'GOOD-' + '001'", '@shows',
        "'GOOD-' + '001' is not the id of a requirement"),
    'no id': (IT, ONE, "    @shows()\n    def test_third(self):\n        "
              f'pass\n\n{ONE}', '@shows()',
              'the tag names nothing; write @shows with ids in quotes'),
    'no call': (IT, "@shows('GOOD-002')", '@shows', '@shows',
                'the tag names nothing; '),
    'helper': (IT, '    def helper', "    @shows('GOOD-001')\n    def helper",
               "@shows('GOOD-001')", f'helper {NO_TEST}'),
    'class': (IT, 'class TestIt', "@shows('GOOD-001')\nclass TestIt",
              "@shows('GOOD-001')", f'TestIt {NO_TEST}'),
    'class that is no TestCase': (
        IT, '    def test_mixed', "    @shows('GOOD-001')\n    def "
        'test_mixed', "@shows('GOOD-001')", f'test_mixed {NO_TEST}'),
    'function': (IT, 'class Mixin', "@shows('GOOD-001')\ndef test_so():\n"
                 '    pass\n\n\nclass Mixin', "@shows('GOOD-001')",
                 f'test_so {NO_TEST}'),
    'test within a test': (
        IT, 'test_other(self):\n        pass', 'test_other(self):\n        '
        "@shows('GOOD-001')\n        def test_inner(self):\n            "
        'pass', "@shows('GOOD-001')", f'test_inner {NO_TEST}'),
    'test that is defined anew': (
        IT, '    def helper', "    @shows('GOOD-001')\n    def test_twice("
        'self):\n        pass\n\n    def test_twice(self):\n        pass\n\n'
        '    def helper', "@shows('GOOD-001')", f'test_twice {NO_TEST}'),
    'test that is skipped': (
        IT, '    def test_other', "    @unittest.skip('no')\n    @shows("
        "'GOOD-001')\n    def test_other", "@shows('GOOD-001')",
        f'test_other {NO_TEST}'),
    'test that is to fail': (
        IT, '    def test_other', "    @unittest.expectedFailure\n    "
        "@shows('GOOD-001')\n    def test_other", "@shows('GOOD-001')",
        f'test_other {NO_TEST}'),
    'file that is not collected': (
        f'{HOME}/base.py', '    pass\n', "    @shows('GOOD-001')\n    def "
        'test_base(self):\n        pass\n', '@shows', f'test_base {NO_TEST}'),
    'file that is no Python': (
        IT, 'class Mixin:', 'class Mixin!', 'class Mixin!',
        'not Python: '),
}
STALE = ('GOOD-002 is marked as verified by review, and test_it.TestIt.'
         f'test_again ({IT}:5) shows it; take the mark out')


class ShownTree(Tree):
    """A valid tree in which GOOD-002 is shown by a test and no more."""

    def setUp(self):
        super().setUp()
        support.edit(self.spec, f'   :id: GOOD-002\n{MARK}',
                     '   :id: GOOD-002\n')
        support.write(self.root / HOME / 'base.py', BASE)
        support.write(self.root / IT, TESTS)


class TestShown(ShownTree):
    def test_as_it_is_it_passes(self):
        self.assertEqual(([], []), self.check())
        found = evidence.read(self.root)
        self.assertEqual({'GOOD-002': [shown.Shown(
            'GOOD-002', 'test_it.TestIt.test_again', IT, 6, f'{IT}:5')]},
            found.tests)
        second = evidence.stated(specs.read(self.spec))[1]
        self.assertEqual('1 test', evidence.summary(second, found))

    def test_each_is_reported_at_its_line(self):
        for name, (file, old, new, start, said) in BROKEN.items():
            with self.subTest(name):
                self.setUp()
                support.edit(self.root / file, old, new)
                line = support.line_of(self.root / file, start)
                found, remarks = self.check()
                here = [row for row in found if said in row[2]]
                self.assertEqual([(str(self.root / file), line)],
                                 [row[:2] for row in here], found)
                self.assertEqual([], remarks)
                self.assertLessEqual(len(found), 2)
        self.assertGreaterEqual(len(BROKEN), 15)

    def test_a_mark_that_is_stale(self):
        support.edit(self.spec, '   :id: GOOD-002\n',
                     f'   :id: GOOD-002\n{MARK}')
        line = support.line_of(self.spec, '.. req:: Ask again') + 2
        self.assertEqual([(str(self.spec), line, STALE)], self.check()[0])

    def test_the_kit_has_tests_too(self):
        support.write(self.root / 'models/tests/test_kit.py', TESTS.replace(
            'from tests.base import Case, shows', BASE))
        self.assertEqual(
            ['test_it.TestIt.test_again', 'test_kit.TestIt.test_again'],
            sorted(test.name for test in evidence.read(
                self.root).tests['GOOD-002']))
        # What is not among them is not looked at.
        support.write(self.root / 'models/other/test_kit.py', TESTS)
        self.assertEqual(([], []), self.check())

    def test_without_the_tag_nothing_shows_it(self):
        support.edit(self.root / IT, "    @shows('GOOD-002')\n", '')
        self.assertIn('carries GOOD-002 and no test shows it',
                      self.check()[0][0][2])

    def test_every_message_has_a_broken_fixture(self):
        said = []
        for file, old, new, _, _ in BROKEN.values():
            self.setUp()
            support.edit(self.root / file, old, new)
            said += [message for _, _, message in self.check()[0]]
        patterns = message_patterns(shown)
        self.assertEqual([], [pattern for pattern in patterns if not any(
            re.fullmatch(pattern, message) for message in said)])
        self.assertGreaterEqual(len(patterns), 3)


class TestSiteShown(ShownTree, Site):
    """The page, the file, the line below a requirement, and the gate."""

    def test_page_line_and_export(self):
        self.assertIn('evidence: 4 requirements, 1 carried by models, 2 by '
                      'review, 1 by tests alone', self.good())
        one = json.loads(self.page('evidence.json'))[
            'specs'][0]['requirements'][1]
        [test] = one['tests']
        self.assertRegex(test.pop('link'), rf'^https://.*/{IT}#L6$')
        self.assertEqual({'name': 'test_it.TestIt.test_again', 'file': IT,
                          'line': 6}, test)
        self.assertIsNone(one['review'])
        html = self.page('evidence.html')
        self.assertIn('>TestIt.test_again:6</a>', html)
        self.assertIn(f'{IT}#L6', html)
        self.assertIn('</a>: 1 test<',
                      self.page('specs/rocky/approved/good.html'))

    def test_a_changed_test_changes_pages_though_none_is_read(self):
        self.good()
        support.edit(self.root / IT, '    def test_other',
                     "    @shows('GOOD-002')\n    def test_other")
        self.assertIn('0 added, 0 changed', self.good())
        self.assertIn('</a>: 2 tests<',
                      self.page('specs/rocky/approved/good.html'))

    def test_each_problem_stops_the_build_at_its_line(self):
        checked = 0
        for name in ('id that no spec states', 'helper'):
            file, old, new, start, said = BROKEN[name]
            with self.subTest(name):
                support.edit(self.root / file, old, new)
                line = support.line_of(self.root / file, start)
                result = self.build()
                self.assertNotEqual(0, result.code)
                self.assertRegex(result.output, (
                    rf'(?m){file}:{line}: WARNING: .*{re.escape(said)}'))
                checked += 1
                support.edit(self.root / file, new, old)
        self.assertEqual(2, checked)
        self.good()

    def test_nothing_shown_is_an_error(self):
        support.edit(self.root / IT, "    @shows('GOOD-002')\n", '')
        self.assertIn('no test shows a requirement; tag one with @shows',
                      self.build().output)
        shutil.rmtree(self.root / 'systems')
        support.edit(self.spec, '   :id: GOOD-002\n',
                     f'   :id: GOOD-002\n{MARK}')
        self.good()


class TestRepository(unittest.TestCase):
    """The tags of this repository are on tests, and name requirements."""

    def test_all_are_read(self):
        found = evidence.read()
        self.assertEqual([], found.problems)
        self.assertGreaterEqual(sum(map(len, found.tests.values())), 1)


class TestKit(unittest.TestCase):
    """What the kit's tests claim; ``models/tests/planted.py`` tries all."""

    @classmethod
    def setUpClass(cls):
        cls.claims = {(one, test.name) for one, tests in evidence.read(
            support.ROOT).tests.items() for test in tests
            if test.path.startswith(shown.KIT)}

    def test_what_is_read_is_what_runs(self):
        runs = set()
        for name in {name.partition('.')[0] for _, name in self.claims}:
            module = importlib.import_module(f'models.tests.{name}')
            for case in unittest.TestLoader().loadTestsFromModule(module):
                for test in case:
                    method = getattr(test, test._testMethodName)
                    runs |= {(one, test.id().removeprefix('models.tests.'))
                             for one in getattr(method, 'shows', ())}
        self.assertEqual(self.claims, runs)
        self.assertGreaterEqual(len(runs), 10)

    def test_each_claim_has_a_fault_that_can_be_planted(self):
        self.assertEqual({one for one, _ in self.claims}, set(FAULTS))
        checked = 0
        with tempfile.TemporaryDirectory() as folder:
            for name, faults in FAULTS.items():
                for fault in faults:
                    copy = Path(folder, fault[0])
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(support.ROOT / 'models' / fault[0], copy)
                    with self.subTest(name, fault=fault):
                        planted.plant(Path(folder), fault)
                        compile(copy.read_text(), fault[0], 'exec')
                        checked += 1
        self.assertGreaterEqual(checked, 20)

    def test_a_fault_is_noticed(self):
        name = 'test_conformance.Declared.test_what_cannot_be'
        fault = FAULTS['CONF-003'][0]
        self.assertEqual({name}, planted.failing(
            support.ROOT / 'models', fault, [name]))

    def test_an_id_without_a_fault(self):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(1, planted.main(
                support.ROOT / 'models', FAULTS, ['CONF-900']))
        self.assertIn('CONF-900 has no fault; there are some for CONF-001',
                      said.getvalue())


if __name__ == '__main__':
    unittest.main()
