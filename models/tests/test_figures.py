"""Figures and charts for the documents: as recorded, and never stale."""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from cyborg_models import charts, cli, figures, manifest, registry
from cyborg_models.kernel.describe import describe
from cyborg_models.registry import InputError

from . import small

# text -> part of what is said
NO_FIGURES = {
    '': "'' names no figure of a model; write MODEL",
    'stein.system': "'stein.system' names no figure",
    'stein.sytem states': "unknown model 'stein.sytem'; did you mean stein.s",
    'stein.system stats': "no figure 'stats'; did you mean states?",
    'stein.system n=1 states': "has no setting 'n'",
    'stein.system defect=B99 states': "no defect 'B99'",
    'stein.system faults=9 states':
        'nothing is recorded for stein.system faults=9; did you mean '
        'stein.system faults=0?',
    'stein.attach faults=2 defect=B3 depth':
        'nothing is recorded for stein.attach faults=2 defect=B3; did you '
        'mean stein.attach',
    'rocky.release defect=failed-is-stuck depth':
        'rocky.release defect=failed-is-stuck reaches no state that violates',
}


class TestFigures(unittest.TestCase):
    def test_recorded_ones_are_those_of_the_manifest(self):
        checked = 0
        for entry in manifest.load():
            words = [entry.model, *entry.pairs,
                     *(f'defect={name}' for name in entry.defects)]
            for figure in ('states', 'transitions', 'depth'):
                if entry.expect and not (figure == 'depth' and entry.defects):
                    self.assertEqual(
                        entry.expect[figure],
                        figures.figure(' '.join([*words, figure])))
                    checked += 1
        self.assertGreaterEqual(checked, 100)

    def test_settings_may_be_given_in_any_order_and_as_their_default(self):
        self.assertEqual(
            figures.figure('rocky.system vans=1 faults=2 states'),
            figures.figure('rocky.system faults=2 handles=1 vans=1 states'))

    def test_depth_with_a_defect_is_the_nearest_violation(self):
        entry, = (entry for entry in manifest.load()
                  if entry.model == 'stein.attach'
                  and entry.defects == ('B3',))
        depths = [int(text.split()[-1])
                  for text in entry.expect['verdicts'].values()
                  if text.startswith('violated at depth')]
        self.assertGreaterEqual(len(depths), 1)
        self.assertEqual(min(depths),
                         figures.figure('stein.attach defect=B3 depth'))

    def test_counted_ones(self):
        with mock.patch.dict(registry.OTHERS,
                             {'test.small': small.__name__}):
            for figure, wanted in {'actions': 4, 'properties': 4,
                                   'defects': 2, 'requirements': 7}.items():
                with self.subTest(figure):
                    self.assertEqual(
                        wanted, figures.figure(f'test.small {figure}'))

    def test_comparisons_are_of_what_is_recorded(self):
        made = figures.compare('rocky.attach', (
            (), ('topology=VIA_API',), ('topology=NOVA_DIRECT', 'vans=2')))
        self.assertEqual(
            ('topology=LOCAL', 'topology=VIA_API', 'topology=NOVA_DIRECT'),
            made.titles)
        expects = {entry.name: entry.expect for entry in manifest.load()}
        mine = [expects['rocky.attach'],
                expects['rocky.attach topology=VIA_API'],
                expects['rocky.attach topology=NOVA_DIRECT']]
        rows = dict(made.figures)
        for key in manifest.FIGURES:
            self.assertEqual(tuple(one[key] for one in mine), rows[key])
        self.assertEqual(
            tuple(sum('violated' in text for text in one['verdicts'].values())
                  for one in mine), rows['properties that are violated'])
        for prop, requirement, verdicts in made.verdicts:
            self.assertEqual(
                tuple(one['verdicts'][prop] for one in mine), verdicts)
            self.assertRegex(requirement, 'OSACC-')
        self.assertIn('the_host_needs_no_controller', made.differing())
        self.assertNotIn('quota_is_exact', made.differing())

    def test_a_witness_at_another_depth_is_no_other_verdict(self):
        made = figures.compare('rocky.release', ((), ('topology=VIA_API',)))
        self.assertNotIn('freed', made.differing())

    def test_comparisons_with_a_defect(self):
        made = figures.compare('stein.attach', ((), ('defect=B3',)))
        self.assertEqual('defect=B3', made.titles[1])
        self.assertIn('somebody_binds', made.differing())

    def test_what_cannot_be_compared_is_said(self):
        for sides, says in (
                (((),), 'compared with itself'), (((), ()), 'with itself'),
                (((), ('vans=2',)), 'with itself'),
                (((), ('vans=9',)), 'nothing is recorded for'),
                (((), ('vens=9',)), "no setting 'vens'")):
            with self.subTest(sides), self.assertRaisesRegex(
                    InputError, says):
                figures.compare('rocky.attach', sides)

    def test_what_is_not_known_is_said(self):
        for text, says in NO_FIGURES.items():
            with self.subTest(text), self.assertRaises(
                    InputError) as caught:
                figures.figure(text)
            self.assertIn(says, str(caught.exception))

    def test_requirements_are_those_of_guards_and_properties(self):
        model = registry.choose('rocky.program').model
        found = figures.requirements(model)
        for action in model.actions.values():
            for name, _ in describe(action).guards:
                if '-' in name:
                    self.assertIn(name, found)
        self.assertIn('OSACC-009', found)  # of what its actions call
        self.assertGreaterEqual(len(found), 40)


class TestCharts(unittest.TestCase):
    def call(self, *argv):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = cli.main(['charts', *argv])
        return code, printed.getvalue()

    def test_none_is_stale(self):
        """`cyborg-models charts --record` prints what stands here."""
        code, printed = self.call()
        self.assertEqual(0, code, printed)
        self.assertGreaterEqual(len(charts.load()), 15)

    def altered(self):
        """The first chart, without its first move."""
        row = charts.load()[0]
        return row | {'moves': row['moves'][1:]}

    def test_a_stale_one_is_named_with_what_differs(self):
        rows = [self.altered()]
        with mock.patch.object(charts, 'load', lambda: rows):
            code, printed = self.call()
            _, told = self.call('--json')
            recorded, mended = self.call('--record')
        gone = charts.load()[0]['moves'][0]
        line = (f'{gone["from"]} -> {gone["to"]}: none recorded, '
                f'{", ".join(gone["actions"])} found')
        self.assertEqual(1, code)
        self.assertIn('stale\n', printed)
        self.assertIn(line, printed)
        self.assertEqual([line], json.loads(told)['charts'][0]['differences'])
        self.assertEqual(0, recorded)
        self.assertEqual({'charts': charts.load()[:1]}, json.loads(mended))

    def test_each_is_found_by_model_and_variable(self):
        for row in charts.load():
            with self.subTest(row['model'], variable=row['variable']):
                found = charts.find(row['model'], (), row['variable'])
                self.assertEqual(len(row['moves']), len(found.moves))
                self.assertIn(found.start, found.values)

    def test_what_is_not_known_is_said(self):
        for arguments, says in (
                (('stein.system', (), 'ar'), "has no variable 'ar'; did you "
                 'mean arq?'),
                (('stein.system', ('faults=0',), 'arq'), 'no chart is '
                 'recorded of stein.system faults=0 arq; did you mean '
                 'stein.system arq?'),
                (('stein.sys', (), 'arq'), 'unknown model')):
            with self.subTest(arguments), self.assertRaises(
                    InputError) as caught:
                charts.find(*arguments)
            self.assertIn(says, str(caught.exception))

    def test_a_file_that_is_none_is_refused(self):
        good = json.dumps({'charts': charts.load()[:1]})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, 'charts.json')
            for text, says in (
                    ('{', ':1: not JSON'), ('[' * 99_999, 'nested too deeply'),
                    ('[]', 'no list "charts"'),
                    ('{"charts": []}', 'no list "charts"'),
                    (good.replace('"model"', '"modell"'), 'chart 1 needs'),
                    (good.replace('"from"', '"form"'), 'chart 1 needs'),
                    (good, None)):
                path.write_text(text)
                if says is None:
                    self.assertEqual(1, len(charts.load(path)))
                    continue
                with self.assertRaises(InputError) as caught:
                    charts.load(path)
                self.assertIn(says, str(caught.exception))
                self.assertIn(str(path), str(caught.exception))
            with self.assertRaises(InputError):
                charts.load(Path(folder, 'none.json'))


class TestLight(unittest.TestCase):
    """The docs environment installs none of what the engines need."""

    def test_what_pages_import_needs_nothing_but_python(self):
        code = (
            'import sys\n'
            'for name in ("numba", "numpy", "rich"):\n'
            '    sys.modules[name] = None\n'
            'from cyborg_models import charts, drawing, figures\n'
            'from cyborg_models.kernel import describe, flow, trace, walk\n'
            'figures.figure("stein.system states")\n'
            'drawing.chart_svg(charts.find("stein.system", (), "arq"))\n'
            'model = figures.choose("rocky.system", ()).model\n'
            'flow.replay(model, [flow.Message("nova-compute", "os-acc",'
            ' "prepare(van0)")])\n'
            'print("light")\n')
        said = subprocess.run([sys.executable, '-c', code], text=True,
                              capture_output=True)
        self.assertEqual('light\n', said.stdout, said.stderr)


if __name__ == '__main__':
    unittest.main()
