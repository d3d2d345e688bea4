"""The tags are read from the source; what runs is the same, and bites."""

import pathlib
import shutil
import tempfile
import unittest

from harness.planted import FAULTS

import tests
from tools import evidence, planted

HOME = pathlib.Path(tests.__file__).parents[1]
ROOT = HOME.parents[1]


def cases(suite):
    """The tests of a suite, one by one."""
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from cases(one)
        else:
            yield one


def read():
    """The tags of this folder's tests, as the site reads them."""
    return {(test.id, test.name)
            for tests in evidence.read(ROOT).tests.values()
            for test in tests if test.path.startswith('systems/os_acc/')}


class TestShows(unittest.TestCase):
    def test_what_is_read_is_what_runs(self):
        """Each tag is on a test that unittest collects, and none is left
        out.
        """
        runs = set()
        for case in cases(unittest.TestLoader().discover(
                str(HOME / 'tests'), top_level_dir=str(HOME))):
            name = case.id().removeprefix('tests.')
            method = getattr(case, case._testMethodName)
            runs |= {(one, name) for one in getattr(method, 'shows', ())}
        self.assertEqual(read(), runs)
        self.assertGreaterEqual(len(runs), 80)


class TestPlanted(unittest.TestCase):
    """``python -m harness.planted`` tries all; here it is seen to work."""

    def test_each_claim_has_a_fault_that_can_be_planted(self):
        self.assertEqual({one for one, _ in read()}, set(FAULTS))
        checked = 0
        with tempfile.TemporaryDirectory(prefix='os-acc-') as folder:
            for name, faults in FAULTS.items():
                for fault in faults:
                    copy = pathlib.Path(folder, fault[0])
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(HOME / fault[0], copy)
                    with self.subTest(name, fault=fault):
                        planted.plant(pathlib.Path(folder), fault)
                        compile(copy.read_text(), fault[0], 'exec')
                        checked += 1
        self.assertGreaterEqual(checked, 150)

    def test_a_fault_that_cannot_be_planted(self):
        with tempfile.TemporaryDirectory(prefix='os-acc-') as folder:
            pathlib.Path(folder, 'it.py').write_text('here\nhere\n')
            for old in ('here', 'there'):
                with self.assertRaisesRegex(ValueError, 'it.py:1: .* mend'):
                    planted.plant(pathlib.Path(folder), ('it.py', old, ''))

    def test_a_fault_is_noticed_and_nothing_else(self):
        test = 'test_drivers.TestGpu.test_one_type_of_a_parent'
        [fault] = FAULTS['GPUX86-012']
        self.assertEqual(planted.failing(HOME, fault, [test]), {test})
        harmless = fault[0], fault[1], fault[1]
        self.assertEqual(planted.failing(HOME, harmless, [test]), set())


if __name__ == '__main__':
    unittest.main()
