"""The benchmark of the conformance kit fails when what it measures does not
do its work, or is too slow.
"""

import contextlib
import functools
import importlib.util
import io
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from cyborg_models.conformance import itself

BENCH = Path(__file__).parents[2] / 'benchmarks/conformance/bench.py'


def loaded():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location('bench_conformance', BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = loaded()

# What each measurement says when all is well, for each of N lines or steps.
FAST = {'sample': {}, 'check_log': {'cpu': 1 / 300_000, 'half': 100,
                                    'last': 100},
        'explore': {'cpu': 1 / 5000}, 'wire': {'cpu': 1 / 8000},
        'echo': {'cpu': 1 / 16_000}, 'imported': {'cpu': 0.1}}


class Outcome(unittest.TestCase):

    def run_bench(self, *arguments, slow=None):
        """Exit status and what is printed, with something else planted.

        :param slow: (measurement, key -> factor)
        """
        def apart(name, *given):
            row = dict(FAST[name])
            if slow and slow[0] == name:
                for key, factor in slow[1].items():
                    row[key] *= factor
            if name != 'imported' and 'cpu' in row:
                row['cpu'] *= given[-1]
                row |= {'seconds': row['cpu'], 'steps': given[-1]}
            return row

        out = io.StringIO()
        with (mock.patch.object(bench, 'apart', apart),
              contextlib.redirect_stdout(out),
              contextlib.redirect_stderr(out)):
            return bench.main(arguments), out.getvalue()

    def test_all_is_well(self):
        status, printed = self.run_bench('--check')
        self.assertEqual(0, status, printed)
        self.assertIn('all limits hold', printed)

    def test_each_limit_can_be_missed(self):
        missed = set()
        for slow in (('check_log', {'cpu': 1.6}), ('check_log', {'last': 1.1}),
                     ('explore', {'cpu': 1.3}), ('wire', {'cpu': 2.7}),
                     ('echo', {'cpu': 0.3}), ('imported', {'cpu': 3.1})):
            status, printed = self.run_bench('--check', slow=slow)
            self.assertEqual(1, status, printed)
            missed |= set(re.findall(r'(?m)^MISSED (.+): [\d.]+; at',
                                     printed))
            self.assertEqual(0, self.run_bench(slow=slow)[0])
        self.assertEqual(set(bench.LIMITS), missed)

    def test_an_option_that_makes_no_sense(self):
        for arguments in (('--short', '--check'), ('--repeat', '0'),
                          ('--json', '/no/such/folder/figures.json')):
            with (self.subTest(arguments), self.assertRaises(SystemExit),
                  contextlib.redirect_stderr(io.StringIO())):
                bench.main(arguments)

    def test_a_call_that_fails_is_named(self):
        with self.assertRaisesRegex(bench.BenchError, 'no.such.model'):
            bench.apart('explore', 'no.such.model', 10)


class Work(unittest.TestCase):
    """What did not do its work is not measured."""

    def test_a_system_that_is_not_sound(self):
        broken = functools.partial(itself.ModelSystem, defects=('A1',))
        with (mock.patch.object(itself, 'ModelSystem', broken),
              self.assertRaisesRegex(bench.BenchError, 'failures')):
            bench.explore('stein.attach', 1000)

    def test_a_log_that_lacks_a_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, 'log'))
            bench.sample(path, 100)
            self.assertEqual({'cpu', 'half', 'last'},
                             set(bench.check_log(path, 100)))
            with self.assertRaisesRegex(bench.BenchError, 'after 100 events'):
                bench.check_log(path, 101)


if __name__ == '__main__':
    unittest.main()
