"""The test runner: it counts, and takes nothing for a pass that is none."""

import io
import os
import sys
import unittest
from pathlib import Path

import subunit

from tools import runtests
from tools.tests import support

TEST = """\
import unittest


class Test(unittest.TestCase):
{methods}
"""
METHODS = {
    'pass': '    def test_passes{n}(self):\n        pass\n',
    'fail': '    def test_fails{n}(self):\n        self.fail()\n',
    'error': '    def test_breaks{n}(self):\n        raise ValueError\n',
    'skip': '    @unittest.skip("why not")\n'
            '    def test_skips{n}(self):\n        pass\n',
    'xfail': '    @unittest.expectedFailure\n'
             '    def test_is_expected{n}(self):\n        self.fail()\n',
    'uxsuccess': '    @unittest.expectedFailure\n'
                 '    def test_surprises{n}(self):\n        pass\n',
}


def stream(*outcomes):
    """A subunit stream of one test for each outcome."""
    data = io.BytesIO()
    writer = subunit.StreamResultToBytes(data)
    for number, outcome in enumerate(outcomes):
        for status in ('exists', 'inprogress', outcome):
            writer.status(test_id=f'test.{number}', test_status=status)
        writer.status(test_id=f'test.{number}', file_name='log',
                      file_bytes=b'some output', mime_type='text/plain')
    data.seek(0)
    return data


class TestTally(unittest.TestCase):
    """tally() counts the outcomes of a stream."""

    def test_each_outcome(self):
        for outcome, expected in (
                ('success', (1, 0, 0)), ('xfail', (1, 0, 0)),
                ('fail', (0, 1, 0)), ('uxsuccess', (0, 1, 0)),
                ('skip', (0, 0, 1))):
            with self.subTest(outcome):
                counts = runtests.tally(stream(outcome))
                self.assertEqual(expected, (
                    counts['passed'], counts['failed'],
                    len(counts['skipped'])))

    def test_all_together(self):
        counts = runtests.tally(stream(
            'success', 'skip', 'success', 'fail', 'skip', 'success'))
        self.assertEqual({'passed': 3, 'failed': 1,
                          'skipped': ['test.1', 'test.4']}, counts)

    def test_nothing(self):
        self.assertEqual({'passed': 0, 'failed': 0, 'skipped': []},
                         runtests.tally(io.BytesIO()))

    def test_test_that_never_ended_is_no_pass(self):
        data = io.BytesIO()
        writer = subunit.StreamResultToBytes(data)
        writer.status(test_id='test.0', test_status='inprogress')
        data.seek(0)
        self.assertEqual(0, runtests.tally(data)['passed'])


class TestMain(support.TempCase):
    """The program, on a small project."""

    def run_on(self, *kinds, arguments=(), **environment):
        """Run it on a project with one test of each kind."""
        support.write(self.folder / '.stestr.conf',
                      '[DEFAULT]\ntest_path=./unit\ntop_dir=./\n')
        support.write(self.folder / 'unit' / '__init__.py', '')
        support.write(self.folder / 'unit' / 'test_it.py', TEST.format(
            methods='\n'.join(METHODS[kind].format(n=n) for n, kind
                              in enumerate(kinds)) or '    pass'))
        environment.setdefault('CYBORG_SPECS_NO_SKIP', '')
        path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
        return support.python('-m', 'tools.runtests', *arguments,
                              cwd=self.folder, PATH=path, **environment)

    def test_passes_are_green(self):
        result = self.run_on('pass', 'pass', 'xfail')
        self.assertEqual(0, result.code, result.output)
        self.assertTrue(result.output.endswith(
            '3 passed, 0 failed, 0 skipped\n'), result.output)

    def test_failures_are_red(self):
        for kind in ('fail', 'error', 'uxsuccess'):
            with self.subTest(kind):
                result = self.run_on('pass', kind)
                self.assertNotEqual(0, result.code, result.output)
                self.assertIn('1 passed, 1 failed, 0 skipped', result.output)

    def test_skip_is_green_unless_forbidden(self):
        result = self.run_on('pass', 'skip')
        self.assertEqual(0, result.code, result.output)
        self.assertIn('1 passed, 0 failed, 1 skipped', result.output)

        result = self.run_on('pass', 'skip', CYBORG_SPECS_NO_SKIP='1')
        self.assertNotEqual(0, result.code)
        self.assertIn('Skipped, which CYBORG_SPECS_NO_SKIP forbids',
                      result.output)
        self.assertIn('unit.test_it.Test.test_skips1', result.output)

    def test_no_skip_is_green_when_skips_are_forbidden(self):
        result = self.run_on('pass', CYBORG_SPECS_NO_SKIP='1')
        self.assertEqual(0, result.code, result.output)

    def test_no_test_is_red(self):
        self.assertNotEqual(0, self.run_on().code)

    def test_no_test_is_red_though_an_earlier_run_had_some(self):
        self.assertEqual(0, self.run_on('pass').code)
        result = self.run_on('pass', arguments=['no_such_test'])
        self.assertNotEqual(0, result.code, result.output)
        self.assertNotIn('1 passed', result.output)

    def test_only_skips_is_red(self):
        result = self.run_on('skip')
        self.assertNotEqual(0, result.code, result.output)
        self.assertIn('0 passed, 0 failed, 1 skipped', result.output)

    def test_regular_expression_chooses(self):
        result = self.run_on('pass', 'fail', arguments=['test_passes'])
        self.assertEqual(0, result.code, result.output)
        self.assertIn('1 passed, 0 failed', result.output)

    def test_module_that_cannot_be_imported_is_red(self):
        support.write(self.folder / 'unit' / 'test_bad.py',
                      'import no_such_module\n')
        self.assertNotEqual(0, self.run_on('pass').code)


if __name__ == '__main__':
    unittest.main()
