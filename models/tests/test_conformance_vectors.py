"""The vectors: complete, as the models make them, and never fewer."""

import contextlib
import io
import json
import os
import shutil
import tempfile
import unittest
from unittest import mock

from cyborg_models import cli, manifest, registry
from cyborg_models.conformance import vectors
from cyborg_models.kernel.language import Guard
from cyborg_models.kernel.trace import follow
from cyborg_models.kernel.walk import walk
from cyborg_models.registry import InputError

RECORDED = manifest.load()
#: what there was; more is welcome, and raises these
LEAST = {'states': 13_006, 'edges': 36_151, 'refusals': 841, 'defects': 229}


def choose(name, **settings):
    return registry.choose(name, [f'{key}={value}' for key, value
                                  in settings.items()])


def run(chosen, steps):
    """The states of a run by the plain model; ends at a refusal."""
    codes, found = chosen.model.initial, []
    for step in steps:
        after = follow(chosen.model, codes, step)
        found.append((codes, step, after))
        if isinstance(after, Guard):
            break
        codes = after
    return found


class Shipped(unittest.TestCase):

    def setUp(self):
        self.rows = vectors._manifest(vectors.FOLDER)

    def test_they_are_as_the_models_make_them(self):
        figures, problems = vectors.check()
        self.assertEqual([], problems)
        self.assertEqual({row['file'] for row in self.rows}, set(figures))
        self.assertGreater(len(figures), len(vectors.CONFIGURATIONS) + 20)

    def test_they_did_not_shrink(self):
        for key, least in LEAST.items():
            with self.subTest(key):
                self.assertGreaterEqual(
                    sum(row['figures'][key] for row in self.rows), least)

    def test_every_file_is_in_the_manifest(self):
        names = {name for name in os.listdir(vectors.FOLDER)
                 if name.endswith('.json')}
        self.assertEqual(names, {vectors.MANIFEST, *(
            row['file'] for row in self.rows)})


class Complete(unittest.TestCase):
    """Against the plain walk."""

    def test_every_edge_and_every_refusal(self):
        for chosen in (choose('stein.lifecycle'),
                       choose('stein.attach', handles=1)):
            with self.subTest(chosen.title):
                found = vectors.of(chosen)
                walked = walk(chosen.model)
                edges, refused = set(), set()
                for vector in found:
                    for codes, step, after in run(chosen, vector.steps):
                        if isinstance(after, Guard):
                            refused.add((step.action.name, after.where))
                        elif vector.kind == 'edges':
                            edges.add((codes, step))
                self.assertEqual(walked.transitions, len(edges))
                wanted = {
                    (step.action.name, after.where)
                    for codes in walked.depth for step in chosen.model.steps
                    for after in [follow(chosen.model, codes, step)]
                    if isinstance(after, Guard)}
                self.assertEqual(wanted, refused)

    def test_refusals_and_defects_are_where_they_are_said_to_be(self):
        chosen, count = choose('stein.release'), 0
        for vector in vectors.of(chosen):
            told = run(chosen, vector.steps)
            self.assertEqual(len(vector.steps), len(told))
            last = told[-1][2]
            self.assertEqual(vector.refused, isinstance(last, Guard))
            if vector.kind == 'refusal':
                self.assertEqual((last.requirement,), vector.requirements)
            count += vector.kind != 'edges'
        self.assertGreater(count, 100)

    def test_a_defect_ends_otherwise(self):
        chosen, count = choose('stein.release'), 0
        for vector in vectors.of(chosen):
            if vector.kind != 'defect':
                continue
            name = vector.name.partition('-')[2]
            other = registry.choose('stein.release', (), (name,)).model
            steps = {step.name: step for step in other.steps}
            codes, _, sound = run(chosen, vector.steps)[-1]
            wrong = follow(other, codes, steps[vector.steps[-1].name])
            self.assertTrue(isinstance(sound, Guard) != isinstance(
                wrong, Guard) or sound != wrong, name)
            count += 1
        self.assertGreater(count, 15)

    def test_every_defect_on_record_is_told(self):
        """Of each one that the manifest of models has by itself."""
        told, wanted = set(), set()
        for name in os.listdir(vectors.FOLDER):
            if name != vectors.MANIFEST:
                with open(os.path.join(vectors.FOLDER, name),
                          encoding='utf-8') as file:
                    told |= {(name.partition('.')[0], row['name'])
                             for row in json.load(file)['defects']}
        for entry in manifest.load():
            if len(entry.defects) == 1:
                wanted.add((entry.model.partition('.')[0],
                            f'defect-{entry.defects[0]}'))
        self.assertEqual(set(), wanted - told)
        self.assertGreater(len(wanted), 110)

    def test_a_file_that_tells_defects_alone(self):
        chosen = choose('rocky.system', vans=1, kind='VF')
        found, count = vectors.of(chosen), 0
        self.assertEqual({'edges', 'defect'}, {one.kind for one in found})
        for vector in found:
            told = run(chosen, vector.steps)
            self.assertEqual(len(vector.steps), len(told))
            codes, step, sound = told[-1]
            self.assertEqual(vector.refused, isinstance(sound, Guard))
            if vector.kind == 'defect':
                other = registry.choose(chosen.name, (
                    'vans=1', 'kind=VF'), (vector.name.removeprefix(
                        'defect-'),)).model
                self.assertNotEqual(sound, follow(other, codes, next(
                    one for one in other.steps if one.name == step.name)))
                count += 1
        self.assertEqual(5, count)

    def test_nothing_tells_it(self):
        """Without a fault no conductor crashes that could lose a job."""
        with self.assertRaisesRegex(
                InputError, 'stein.attach .*states no step tells B20; put '
                            'another configuration'):
            vectors.told_of(choose('stein.attach', instances=1, handles=1,
                                   faults=0), ['B20'])

    def test_what_a_state_says_is_what_changes(self):
        chosen = choose('stein.lifecycle')
        path = os.path.join(vectors.FOLDER, vectors.name_of(chosen))
        with open(path, encoding='utf-8') as file:
            data = json.load(file)
        values = [data['states'][0]['start']]
        for row in data['states'][1:]:
            values.append({**values[row['from']], **row['then']})
        walked = {tuple(getattr(value, 'name', value) for value
                        in chosen.model.values(codes).values())
                  for codes in walk(chosen.model).depth}
        self.assertEqual(walked, {tuple(one.values()) for one in values})


class Files(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.chosen = choose('stein.lifecycle')
        shutil.copy(os.path.join(vectors.FOLDER, 'stein.lifecycle.json'),
                    self.folder)

    def small(self, *configurations):
        before = vectors.CONFIGURATIONS
        self.addCleanup(setattr, vectors, 'CONFIGURATIONS', before)
        vectors.CONFIGURATIONS = configurations
        self.entries = []  # of the manifest of models
        self.enterContext(mock.patch.object(
            vectors.manifest, 'load', lambda: self.entries))

    def test_recorded_again_they_are_the_same(self):
        self.small(('stein.lifecycle', {}), ('rocky.lifecycle', {}))
        vectors.record(self.folder)
        before = self.read('rocky.lifecycle.json')
        self.assertEqual([], vectors.check(self.folder)[1])
        vectors.record(self.folder)
        self.assertEqual(before, self.read('rocky.lifecycle.json'))

    def read(self, name):
        with open(os.path.join(self.folder, name), 'rb') as file:
            return file.read()

    def test_what_is_stale_is_told(self):
        self.small(('stein.lifecycle', {}), ('rocky.lifecycle', {}))
        vectors.record(self.folder)
        with open(os.path.join(self.folder, 'rocky.lifecycle.json'), 'a',
                  encoding='utf-8') as file:
            file.write(' ')
        self.assertIn('rocky.lifecycle.json is not as the model makes it',
                      vectors.check(self.folder)[1][0])
        os.remove(os.path.join(self.folder, 'rocky.lifecycle.json'))
        self.assertEqual(1, len(vectors.check(self.folder)[1]))
        self.small(('stein.lifecycle', {}))
        self.assertIn('which no configuration makes',
                      vectors.check(self.folder)[1][0])

    def test_a_defect_that_no_file_tells(self):
        """It is told in the first configuration that the models have it in.
        """
        self.small(('stein.lifecycle', {}))
        self.entries += [one for one in RECORDED if one.defects == ('P18',)]
        self.assertEqual(1, len(self.entries))
        figures = vectors.record(self.folder)
        self.assertEqual(
            {'states': 6, 'edges': 5, 'refusals': 0, 'defects': 1},
            figures['stein.attach-maintenance-true-faults-0.json'])
        self.assertEqual([], vectors.check(self.folder)[1])

    def test_they_are_not_recorded_smaller(self):
        self.small(('stein.lifecycle', {}), ('rocky.lifecycle', {}))
        vectors.record(self.folder)
        before = self.read(vectors.MANIFEST)
        self.small(('stein.lifecycle', {}))
        with self.assertRaisesRegex(InputError, '0 states, and there were'):
            vectors.record(self.folder)
        self.assertEqual(before, self.read(vectors.MANIFEST))

    def test_what_is_damaged(self):
        path = os.path.join(self.folder, 'stein.lifecycle.json')
        with open(path, encoding='utf-8') as file:
            data = json.load(file)
        for change in ({'states': 3}, {'edges': [[0, 'clam', [], 1]]},
                       {'refusals': [{}]}):
            with open(path, 'w', encoding='utf-8') as file:
                json.dump({**data, **change}, file)
            with self.assertRaisesRegex(InputError, 'not the vectors of'):
                vectors.of(self.chosen, self.folder)
        with open(path, 'w', encoding='utf-8') as file:
            file.write('{')
        with self.assertRaisesRegex(InputError, 'not the vectors of'):
            vectors.of(self.chosen, self.folder)
        with open(os.path.join(self.folder, vectors.MANIFEST), 'w',
                  encoding='utf-8') as file:
            file.write('[]')
        with self.assertRaisesRegex(InputError, 'not a manifest'):
            vectors.check(self.folder)

    def test_none_for_another_configuration(self):
        self.assertEqual([], vectors.of(choose('stein.attach', handles=3)))

    def test_the_command(self):
        self.small(('stein.lifecycle', {}))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(0, cli.main(['vectors', '--record',
                                          self.folder]))
        self.assertIn('stein.lifecycle.json: 13 states, ',
                      out.getvalue())
        self.addCleanup(setattr, vectors, 'FOLDER', vectors.FOLDER)
        vectors.FOLDER = self.folder
        os.remove(os.path.join(self.folder, 'stein.lifecycle.json'))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(1, cli.main(['vectors', '--json']))
        self.assertEqual(1, len(json.loads(out.getvalue())['problems']))


if __name__ == '__main__':
    unittest.main()
