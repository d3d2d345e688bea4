"""The benchmark of the engine fails when engines differ, or are too slow.

Nothing is measured here: what the engines say is made up.
"""

import contextlib
import importlib.util
import io
import json
import re
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

BENCH = Path(__file__).parents[2] / 'benchmarks/engine/bench.py'


def loaded():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location('bench_engine', BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = loaded()

# What each measurement says when all is well.
FOUND = {
    'explore': {'states': 1000, 'transitions': 3000, 'depth': 9,
                'seconds': 1.0, 'cpu': 1.0, 'bytes': 20.0, 'words': 1,
                'group': 6, 'bad': ['kept']},
    'walked': {'states': 1000, 'transitions': 3000, 'depth': 9,
               'cpu': 2000.0},
    'broken': {'engine': {'kept': 3}, 'walk': {'kept': 3},
               'invariants': ['kept']},
    'checked': {'seconds': 1.5, 'cpu': 1.0, 'states': 1000},
    'imported': {'seconds': 0.1},
}
SPIN = types.SimpleNamespace(states=1000, transitions=3000, margin=0,
                             errors={'kept': 3}, seconds=10.0,
                             memory=100_000)


class Pan:
    """Stands in for Spin."""

    said = SPIN

    def __init__(self, *_, **__):
        self.numbers = {1: 'kept', 2: bench.spin.NO_DEADLOCK}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, *_):
        return types.SimpleNamespace(**{
            **vars(self.said), 'errors': dict(self.said.errors)})


class Outcome(unittest.TestCase):

    def setUp(self):
        self.calls = 0

    def run_bench(self, *arguments, change=None, said=None):
        """Exit status and what is printed, with something else planted.

        :param change: (measurement, what of it is otherwise, of which call:
            a function of its arguments)
        :param said: what Spin says otherwise
        """
        def apart(name, *given, **options):
            self.calls += 1
            if name == 'digits':
                row = {'states': 100, 'cpu': 1.0 + given[1] * 0.5,
                       'words': 1 + given[1]}
            else:
                row = dict(FOUND[name])
            if change and name == change[0] and change[2](given, options):
                row.update(change[1])
            return row

        pan = type('Pan', (Pan,), {'said': types.SimpleNamespace(**{
            **vars(SPIN), **(said or {})})})
        configurations = [('a.model', {}, 1000)]
        out = io.StringIO()
        with (mock.patch.object(bench, 'apart', apart),
              mock.patch.object(bench.spin, 'Pan', pan),
              mock.patch.object(bench.spin, 'missing', list),
              mock.patch.object(bench, 'standard', lambda: configurations),
              contextlib.redirect_stdout(out),
              contextlib.redirect_stderr(out)):
            return bench.main(arguments), out.getvalue()

    def test_all_is_well(self):
        status, said = self.run_bench('--check')
        self.assertEqual((0, 'all limits hold'),
                         (status, said.splitlines()[-1]), said)
        self.assertRegex(said, r'(?m)^\d\d results compared, all the same$')
        self.assertGreater(self.calls, 50)

    def test_what_differs_fails(self):
        def always(*_):
            return True

        def symmetric(_, options):
            return options.get('symmetry')

        for words, name, other, where in (
                ('states: 1001, and 1000', 'explore', {'states': 1001},
                 always),
                ('transitions', 'explore', {'transitions': 2999}, always),
                ('what is broken', 'explore', {'bad': []}, always),
                ('what is broken', 'explore', {'bad': ['other']}, always),
                ('the walk: states', 'walked', {'states': 999}, always),
                ('the walk: transitions', 'walked', {'transitions': 1},
                 always),
                ('the walk: depth', 'walked', {'depth': 8}, always),
                ("depths, the walk's", 'broken', {'walk': {'kept': 4}},
                 always),
                ("depths, the walk's", 'broken', {'walk': {}}, always),
                ("depths, Spin's", 'broken',
                 {'walk': {'kept': 2}, 'engine': {'kept': 2}}, always),
                ('invariants that Spin does not check', 'broken',
                 {'invariants': ['kept', 'new']}, always),
                ('words of each', 'digits', {'words': 1}, always),
                ('states: 100, and 7', 'digits', {'states': 7},
                 lambda given, _: given[1]),
                ('with symmetry: depth', 'explore', {'depth': 8},
                 symmetric),
                ('with symmetry: bad', 'explore', {'bad': []}, symmetric),
                ('check a.model: states', 'checked', {'states': 1},
                 always)):
            with self.subTest(words, other=other):
                status, said = self.run_bench(change=(name, other, where))
                self.assertEqual(1, status, said)
                self.assertRegex(said.splitlines()[-1],
                                 f'^bench: .*{words}')

    def test_what_spin_says_otherwise_fails(self):
        for words, said in (
                ('states: 1000, and 1001', {'states': 1001}),
                ('transitions', {'transitions': 3001}),
                ("depths, Spin's", {'errors': {'kept': 4}}),
                ("depths, Spin's", {'errors': {}})):
            with self.subTest(words, said=said):
                status, printed = self.run_bench(said=said)
                self.assertEqual(1, status, printed)
                self.assertRegex(printed.splitlines()[-1],
                                 f'^bench: .*{words}')
        status, printed = self.run_bench(
            said={'transitions': 3002, 'margin': 2})  # it rounds
        self.assertEqual(0, status, printed)

    def test_a_bug_that_breaks_nothing_fails(self):
        status, said = self.run_bench(
            change=('broken', {'engine': {}, 'walk': {}}, lambda *_: True),
            said={'errors': {}})
        self.assertEqual(1, status)
        self.assertIn('breaks nothing', said)

    def test_each_limit_can_be_missed(self):
        def like(**wanted):
            return lambda _, options: wanted.items() <= options.items()

        missed = set()
        for change, said in (
                (None, {'seconds': 7.9}),
                (('explore', {'bytes': 24.1}, like(threads=2)), {}),
                (('walked', {'cpu': 900.0}, like()), {}),
                (('explore', {'cpu': 1.6}, lambda given, options: given[1]
                  == bench.GROWING[-1][1]), {}),
                (('digits', {'cpu': 2.1}, lambda given, _: given[1]), {}),
                (('checked', {'seconds': 10.1}, like()), {}),
                (('imported', {'seconds': 0.5},
                  lambda given, _: given[0] != 'pass'), {})):
            status, printed = self.run_bench('--check', change=change,
                                             said=said)
            self.assertEqual(1, status, printed)
            missed |= set(re.findall(r'(?m)^MISSED (.+): [\d.]+; at',
                                     printed))
            with self.subTest('only --check asks', change=change):
                self.assertEqual(0, self.run_bench(
                    change=change, said=said)[0])
        self.assertEqual(set(bench.LIMITS), missed)

    def test_the_figures_are_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, 'figures.json')
            status, _ = self.run_bench('--json', str(path),
                                       said={'seconds': 7.9})
            data = json.loads(path.read_text())
        self.assertEqual(0, status)
        self.assertEqual(7.9, data['figures'][
            'stein 8e6: engine / Spin, states per second'])
        self.assertEqual(2, len(data['missed']))
        self.assertLessEqual(set(data['limits']), set(data['figures']))

    def test_wrong_options(self):
        for words in (['--short', '--check'], ['--repeat', '0'],
                      ['--json', 'no-such-folder/figures.json']):
            with self.subTest(words), self.assertRaises(SystemExit) as stop:
                self.run_bench(*words)
            self.assertEqual(2, stop.exception.code)
        self.assertEqual(0, self.calls)

    def test_standard_configurations_are_those_of_the_manifest(self):
        rows = list(bench.standard())
        self.assertEqual(len(bench.registry.RELEASES), len(rows))
        for model, settings, states in rows:
            self.assertTrue(model and settings is not None)
            self.assertTrue(0 < states <= bench.STANDARD)


if __name__ == '__main__':
    unittest.main()
