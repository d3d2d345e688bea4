"""The tags are read from the source; what runs is the same."""

import pathlib
import unittest

import tests
from tools import evidence

ROOT = pathlib.Path(tests.__file__).parents[3]


def cases(suite):
    """The tests of a suite, one by one."""
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from cases(one)
        else:
            yield one


class TestShows(unittest.TestCase):
    def test_what_is_read_is_what_runs(self):
        """Each tag is on a test that unittest collects, and none is left
        out.
        """
        runs = set()
        for case in cases(unittest.TestLoader().discover(
                str(ROOT / 'systems/os_acc/tests'),
                top_level_dir=str(ROOT / 'systems/os_acc'))):
            name = case.id().removeprefix('tests.')
            method = getattr(case, case._testMethodName)
            runs |= {(one, name) for one in getattr(method, 'shows', ())}
        read = {(test.id, test.name)
                for tests in evidence.read(ROOT).tests.values()
                for test in tests if test.path.startswith(
                    'systems/os_acc/')}
        self.assertEqual(read, runs)
        self.assertGreaterEqual(len(runs), 80)
