"""The command line: exit statuses, messages, JSON keys, 80 columns."""

import contextlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest
from unittest import mock

import cyborg_models
from cyborg_models import cli, manifest, registry
from cyborg_models.kernel import engine
from cyborg_models.stein import attach as stein_attach
from cyborg_models.stein import system as stein_system

from . import small

ROOT = os.path.dirname(os.path.dirname(cyborg_models.__file__))
STEP = {'action', 'arguments'}
TOLD = {'number', 'message', 'sender', 'receiver', 'text', 'changes', *STEP}
HEAD = {'model', 'settings', 'defects'}
CHECKED = {'verdict', 'complete', 'reason', 'states', 'transitions', 'depth',
           'seconds', 'states_per_second', 'properties', *HEAD}
CHECK = {*CHECKED, 'unbreakable', 'impossible'}


class Commands(unittest.TestCase):
    def setUp(self):
        for patch in (
                mock.patch.dict(registry.OTHERS,
                                {'test.small': small.__name__}),
                mock.patch.dict(os.environ, COLUMNS='80')):
            patch.start()
            self.addCleanup(patch.stop)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def call(self, *argv, status=0):
        """Run a command; returns what it printed."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(
                err):
            found = cli.main(argv)
        self.assertEqual(status, found, (argv, out.getvalue(),
                                         err.getvalue()))
        if status == cli.BAD:
            self.assertEqual('', out.getvalue())
            self.assertRegex(err.getvalue(), r'\Acyborg-models: [^\n]+\n\Z')
            return err.getvalue()
        self.assertEqual('', err.getvalue())
        for line in out.getvalue().split('\n'):
            if '--json' not in argv and '--record' not in argv:
                self.assertLessEqual(len(line), 80, line)
                self.assertEqual(line.rstrip(), line)
        return out.getvalue()

    def json(self, *argv, status=0):
        return json.loads(self.call(*argv, '--json', status=status))

    def path(self, name):
        return os.path.join(self.folder, name)

    def trace(self, *argv):
        path = self.path('run.itf.json')
        self.call('run', 'test.small', '--seed', '2', '--out', path, *argv)
        return path


class TestList(Commands):
    def test_all(self):
        text = self.call('list')
        for name in ('rocky.attach', 'stein.attach', 'test.small'):
            self.assertRegex(text, rf'(?m)^{name} +\S')
        rows = self.json('list')['models']
        self.assertEqual({'name', 'doc'}, set(rows[0]))
        self.assertEqual(registry.names(), [row['name'] for row in rows])

    def test_one(self):
        text = self.call('list', 'test.small')
        self.assertRegex(text, r'vans=2 +how many vans there are, on the')
        self.assertIn('quota=none', text)
        self.assertRegex(text, r'plug\(van\) +A van that is asked for')
        self.assertRegex(text, r'(?m)^Variables \(4, with their members 5\)$')
        self.assertRegex(text, r'state\[van\] +IDLE, ASKED, PLUGGED\n')
        self.assertRegex(text, r'owner +None, 0, 1\n')
        self.assertRegex(text, r'one_owner +always, TEST-003: At most')
        self.assertRegex(text, r'greedy +Nobody looks')
        found = self.json('list', 'test.small')
        self.assertEqual({'model', 'doc', 'settings', 'actions',
                          'properties', 'defects', 'variables'}, set(found))
        self.assertEqual({'name': 'kind', 'default': 'VF',
                          'doc': 'VF or GPU'}, found['settings'][2])
        self.assertEqual({'name', 'parameters', 'message', 'fair', 'fault',
                          'doc'}, set(found['actions'][0]))
        self.assertEqual({'name': 'owner', 'each': None,
                          'values': ['None', '0', '1']},
                         found['variables'][1])

    def test_a_default_is_told_whole(self):
        text = ' '.join(self.call('list', 'stein.system').split())
        self.assertIn('enabled=... names of the faults that may happen, or '
                      'None for all; by default crash_conductor, ', text)
        for name in stein_system.FAULTS:
            self.assertIn(f' {name}', text.partition('Actions')[0])

    def test_every_model_at_80_columns(self):
        for name in registry.names():
            self.call('list', name)
            self.call('diagram', name, '--table')

    def test_a_broken_model_is_named(self):
        with mock.patch.dict(registry.OTHERS, {'test.none': 'tests.none'}):
            with self.assertRaises(ModuleNotFoundError):
                registry.find('test.none')


class TestSettings(Commands):
    def test_each_type(self):
        chosen = registry.choose('test.small', [
            'vans=3', 'busy=yes', 'quota=4', 'names=x, y', 'kind=GPU',
            'colours=BLUE,RED', 'vans=1'])
        self.assertEqual(small.Settings(
            1, 0, 'GPU', 4, True, frozenset('xy'),
            (small.Colour.BLUE, small.Colour.RED)), chosen.settings)
        self.assertEqual(chosen.settings, registry.read_settings(
            'test.small', small.Settings,
            [f'{key}={text}' for key, text in chosen.set.items()]))
        self.assertIsNone(registry.choose(
            'test.small', ['quota=none']).settings.quota)
        self.assertEqual((), registry.choose(
            'test.small', ['colours=none']).settings.colours)

    def test_every_default_is_read_as_it_is_written(self):
        for name in registry.names():
            kind = registry.find(name).Settings
            self.assertEqual(kind(), registry.read_settings(
                name, kind, [f'{key}={text}' for key, text
                             in registry.as_text(kind()).items()]))
            for key, _, doc in registry.describe(kind):
                self.assertTrue(doc, f'{name}: {key} has no :ivar')

    def test_refused(self):
        cases = {
            ('--set', 'vns=2'): "no setting 'vns'; did you mean vans?",
            ('--set', 'vans'): 'key=value',
            ('--set', 'vans=two'): 'a number of at most',
            ('--set', 'vans=1001'): 'a number of at most',
            ('--set', 'vans=' + '9' * 9999): r"be '9{37}\.{3}': give a num",
            ('--set', 'vans=0'): 'from 1 to 64',
            ('--set', 'busy=perhaps'): 'there is',
            ('--set', 'colours=BLU'): 'did you mean BLUE?',
            ('--set', 'names='): None,
            ('--defect', 'greed'): "'greed'.*did you mean greedy?",
            ('--defect', 'x', '--set', 'vans=0'): 'from 1 to 64',
        }
        for argv, words in cases.items():
            with self.subTest(argv[:2]):
                if words is None:
                    self.call('list', 'test.small', *argv)
                    continue
                self.assertRegex(self.call('list', 'test.small', *argv,
                                           status=3), words)

    def test_what_no_model_has_is_refused(self):
        # Otherwise it would hold, of something that nobody meant.
        for name, words in (
                ('stein.attach enabled=nonesuch', 'enabled is .nonesuch.; '
                 'use one of bind_times_out, '),
                ('stein.attach instances=0', 'from 1 to 64'),
                ('stein.attach quota=0', 'quota is 0; give'),
                ('stein.release operations=-1', 'from 0 to 64'),
                ('stein.program functions=3', 'from 1 to 2'),
                ('stein.program per_region=0', 'per_region is 0'),
                ('stein.system programmable=-1', 'from 0 to 64'),
                ('stein.system programmable=1 per_region=2', 'two kinds'),
                ('stein.system programmable=2 per_region=2 hosts=2',
                 'two kinds or hosts; choose other'),
                ('rocky.attach kind=FPGA', 'use one of VF, GPU, MDEV'),
                ('rocky.attach limit=-5', 'from 1 to 64'),
                ('rocky.attach faults=-1', 'from 0 to 64'),
                ('rocky.attach enabled_faults=nonesuch', 'use one of agent-'),
                ('rocky.program functions=0', 'from 1 to 2'),
                ('rocky.program regions=0', 'from 1 to 64'),
                ('rocky.system fixed=2', 'from 0 to 1'),
                ('rocky.system projects=3', 'from 1 to 2')):
            with self.subTest(name):
                model, *pairs = name.split()
                self.assertRegex(self.call('list', model, '--set', *pairs,
                                           status=3), words)


class TestBuild(Commands):
    """What a model's module does wrong before it is a model."""

    def refused(self, text):
        path = self.path('spoiled.py')
        with open(path, 'w') as file:
            file.write('from dataclasses import dataclass\n\n\n'
                       '@dataclass(frozen=True)\nclass Settings:\n'
                       f'    pass\n\n\n{text}')
        with (mock.patch.object(sys, 'path', [self.folder, *sys.path]),
              mock.patch.dict(registry.OTHERS, {'test.bad': 'spoiled'}),
              mock.patch.object(sys, 'dont_write_bytecode', True)):
            self.addCleanup(sys.modules.pop, 'spoiled', None)
            importlib.invalidate_caches()
            sys.modules.pop('spoiled', None)
            return self.call('check', 'test.bad', status=3)

    def test_file_line_and_mend(self):
        for body, line, words in (
                ('return None', 9, 'returns None; end it with "return'),
                ('1 / 0', 10, 'ZeroDivisionError: division by zero; mend'),
                ('raise SystemExit(0)', 10, 'SystemExit: 0; mend it there'),
                ('raise OSError("no")', 10, 'OSError: no; mend it there'),
                ('from cyborg_models.kernel.language import Model; return '
                 'Model("test.bad")', 9, 'not checked; end it with "return'),
                ('from models.tests.small import build; return build()', 9,
                 "a model named 'test.small'; name it 'test.bad'")):
            with self.subTest(body):
                said = self.refused('def build(settings=None, defects=()):\n'
                                    f'    {body}\n')
                self.assertRegex(said, rf'spoiled\.py:{line}: .*{words}')
                self.assertNotIn('with these settings', said)


    def test_a_property_that_nothing_can_break(self):
        said = self.refused(textwrap.dedent('''
            from models.tests import small

            def build(settings=None, defects=()):
                m = small.build()
                m.name = 'test.bad'

                @m.always('TEST-008')
                def a_count(s):
                    """A domain is no news."""
                    return s.count >= 0
                return m.ready()
            '''))
        self.assertRegex(said, r'spoiled\.py:16: a_count comes out the same '
                               r'whatever .*; say what could fail, or record')


class TestCheck(Commands):
    def test_holds(self):
        text = self.call('check', 'test.small')
        self.assertRegex(text, r'one_owner +always +TEST-003 +holds\n')
        self.assertRegex(text, r'plugged +sometimes +TEST-002 +witnessed at '
                               r'depth 2\n')
        self.assertRegex(text, r'no_deadlock +always +holds\n')
        self.assertRegex(text, r'8 states, 14 transitions, depth 3, ')
        self.assertTrue(text.endswith('\nAll holds.\n'))

    def test_violated(self):
        text = self.call('check', 'test.small', '--defect', 'greedy',
                         status=1)
        self.assertRegex(text, r'one_owner +always +TEST-003 +violated at '
                               r'depth 4\n')
        self.assertRegex(text, r'   3\. os-acc -> plugin: plug van1 +'
                               r'state\[1\]: ASKED -> PLUGGED\n'
                               r' +owner: None -> 1\n')
        self.assertTrue(text.endswith('\nViolated: one_owner.\n'))

    def test_deadlock(self):
        found = self.json('check', 'test.small', '--defect', 'deaf',
                          status=1)
        stuck = found['properties'][-1]
        self.assertEqual(('no_deadlock', 'violated', 3),
                         (stuck['name'], stuck['verdict'], stuck['depth']))
        self.assertEqual(3, len(stuck['trace']['steps']))

    def test_lasso(self):
        text = self.call('check', 'test.small', '--set', 'busy=true',
                         status=1)
        self.assertIn('everybody_is_plugged(van=0) [eventually, TEST-007]: '
                      'it need never come\n', text)
        self.assertIn('--- from here on, again and again ---', text)
        self.assertRegex(text, r'--- and again from \d, for ever ---')

    def test_not_witnessed(self):
        found = self.json('check', 'test.small', '--set', 'vans=1',
                          '--defect', 'deaf', '--property', 'plugged')
        self.assertEqual('witnessed', found['properties'][0]['verdict'])

        model = small.build()
        del model.actions['plug']
        with mock.patch.object(small, 'build', return_value=model):
            text = self.call('check', 'test.small', '--property', 'plugged',
                             status=1)
        self.assertRegex(text, r'plugged +sometimes +TEST-002 +not witness')

    def test_property(self):
        found = self.json('check', 'test.small', '--property', 'one_owner')
        self.assertEqual(['one_owner'],
                         [row['name'] for row in found['properties']])
        found = self.json('check', 'test.small', '--property',
                          'no_deadlock')
        self.assertEqual(['no_deadlock'],
                         [row['name'] for row in found['properties']])
        self.assertIn('did you mean one_owner?', self.call(
            'check', 'test.small', '--property', 'one_ower', status=3))

    def test_json(self):
        found = self.json('check', 'test.small', '--defect', 'greedy',
                          status=1)
        self.assertEqual(CHECK, set(found))
        self.assertEqual([], found['unbreakable'])
        self.assertEqual('violated', found['verdict'])
        row = found['properties'][0]
        self.assertEqual({'name', 'kind', 'requirement', 'doc', 'verdict',
                          'depth', 'arguments', 'trace'}, set(row))
        self.assertEqual({'loop', 'steps'}, set(row['trace']))
        step = row['trace']['steps'][2]
        self.assertEqual(TOLD, set(step))
        self.assertEqual({'variable': 'state', 'member': 1,
                          'from': 'ASKED', 'to': 'PLUGGED'},
                         step['changes'][0])

    def test_memory_limit(self):
        argv = 'check', 'test.small', '--set', 'size=35', '--memory', '1'
        text = self.call(*argv, status=2)
        self.assertRegex(text, r'one_owner +always +TEST-003 +inconclusive')
        self.assertRegex(text, r'plugged_at_last +eventually +TEST-005 +inco')
        self.assertIn('witnessed at depth 2', text)
        self.assertRegex(text, r'Inconclusive: the limit of 1 MiB')
        self.assertEqual('inconclusive',
                         self.json(*argv, status=2)['verdict'])

    def test_what_is_violated_before_the_limit_is_violated(self):
        self.call('check', 'test.small', '--set', 'size=35', '--memory', '1',
                  '--defect', 'greedy', status=1)

    def test_where_nothing_can_be_written(self):
        with mock.patch('cyborg_models.check.check') as checked:
            self.assertIn('/dev/null/x', self.call(
                'check', 'test.small', '--out', '/dev/null/x', status=3))
        checked.assert_not_called()

    def test_narrow(self):
        with mock.patch.dict(os.environ, COLUMNS='40'):
            for argv, words in (
                    (('check', 'test.small'),
                     '\none_owner\n    always  TEST-003  holds\n'),
                    (('compare', 'test.small', '--vs-defect', 'greedy'),
                     '\n*  one_owner\n    holds  violated at depth 4\n'),
                    (('list',), 'rocky.attach\n  Attach: from the'),
                    (('list', 'test.small'), '\n  plug(van)'),
                    (('run', 'test.small', '--steps', '4'), '   1. '),
                    (('diagram', 'test.small', '--table'), 'plug(van)'),
                    (('diagram', 'test.small', '--chart', 'state'),
                     'ASKED: ask')):
                text = self.call(*argv, status=int(argv[0] == 'compare'))
                self.assertIn(words, text)
                for line in text.split('\n'):
                    self.assertLessEqual(len(line), 40, line)

    def test_a_verdict_is_broken_before_it_goes_below(self):
        with mock.patch.dict(os.environ, COLUMNS='60'):
            text = self.call('check', 'test.small')
            self.assertRegex(text, r'\none_owner +always +TEST-003 +holds\n')
            self.assertRegex(
                text, r'\nplugged +sometimes +TEST-002 +witnessed at\n'
                r' +depth 2\n')
        for line in text.split('\n'):
            self.assertLessEqual(len(line), 60, line)

    def test_interrupted(self):
        with mock.patch.object(engine.Engine, '_run_level',
                               side_effect=KeyboardInterrupt):
            text = self.call('check', 'test.small', status=2)
        self.assertIn('Inconclusive: interrupted.', text)
        with mock.patch('cyborg_models.kernel.liveness.check',
                        side_effect=KeyboardInterrupt):
            text = self.call('check', 'test.small', status=2)
        self.assertRegex(text, r'one_owner +always +TEST-003 +holds')
        self.assertRegex(text, r'plugged_at_last +eventually +TEST-005 +inco')

    def test_traces_out(self):
        self.call('check', 'test.small', '--defect', 'greedy', '--out',
                  self.folder, status=1)
        self.assertEqual(['test.small-one_owner.itf.json',
                          'test.small-plugged.itf.json'],
                         sorted(os.listdir(self.folder)))
        path = self.path('test.small-one_owner.itf.json')
        self.assertIn('greedy', self.call('explain', path))


class TestManifest(Commands):
    def write(self, **changes):
        row = {'name': 'one', 'model': 'test.small', 'set': {},
               'defects': [], 'size': 'small', 'expect': None, **changes}
        return self.save(json.dumps({'configurations': [
            row, {**row, 'name': 'two', 'size': 'large'}]}))

    def save(self, text):
        path = self.path('manifest.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def test_recorded_is_as_expected(self):
        path = self.write()
        text = self.call('check', '--manifest', path, '--small', status=1)
        self.assertIn('nothing is recorded yet', text)
        self.save(self.call('check', '--manifest', path, '--small',
                            '--record'))
        text = self.call('check', '--manifest', path, '--small')
        self.assertRegex(text, r'\Aas expected: one, 8 states')
        self.assertIn('1 of 1 as expected.', text)
        text = self.call('check', '--manifest', path, status=1)
        self.assertIn('1 of 2 as expected.', text)

    def test_what_can_fail_elsewhere_is_told(self):
        text = self.call('check', 'stein.attach', '--set', 'faults=0')
        self.assertIn('Nothing can break these here, whatever the variables '
                      'hold: claims_fit', ' '.join(text.split()))

    def test_what_never_happens_is_told(self):
        """Of one ARQ none fails because another of its request did."""
        text = self.call('check', 'stein.attach')
        self.assertIn('Possible in no state here: no_handle, fail_too.\n',
                      text)
        argv = 'check', 'stein.attach', '--set', 'instances=1', 'arqs=2'
        self.assertEqual(['no_handle'], self.json(*argv)['impossible'])
        self.assertEqual(['attach', 'run', 'fail_spawn'], self.json(
            *argv, 'handles=1', 'inventory=2', status=1)['impossible'])
        # Where not all was seen it may be possible yet.
        self.assertEqual([], self.json(
            'check', 'stein.system', '--set', 'faults=2', '--memory', '1',
            status=2)['impossible'])

    def test_what_differs(self):
        path = self.write(expect={
            'states': 9, 'transitions': 14, 'depth': 3, 'verdicts': {
                'one_owner': 'violated at depth 4', 'gone': 'holds'}})
        text = self.call('check', '--manifest', path, '--small', status=1)
        self.assertIn('  states: 9 expected, 8 found\n', text)
        self.assertIn('  one_owner: violated at depth 4 expected, holds '
                      'found\n', text)
        self.assertIn('  gone: holds expected, no such property found\n',
                      text)
        self.assertNotIn('transitions', text)
        found = self.json('check', '--manifest', path, status=1)
        self.assertEqual({'verdict', 'configurations'}, set(found))
        self.assertEqual({'name', 'differences', 'complete', 'states',
                          'transitions', 'depth', 'seconds', 'verdicts'},
                         set(found['configurations'][0]))

    def test_inconclusive(self):
        path = self.write(set={'size': '35'})
        text = self.call('check', '--manifest', path, '--small',
                         '--memory', '1', status=2)
        self.assertIn('inconclusive: one', text)

    def test_bad(self):
        for text, words in (
                ('{', r'manifest\.json:1: not JSON'), ('[]', 'no list'),
                ('{"configurations": [1]}', 'no object'),
                ('{"configurations": [{}]}', "'name' is missing"),
                ('{"configurations": 1}', 'no list')):
            self.assertRegex(self.call('check', '--manifest',
                                       self.save(text), status=3), words)
        for change, words in (
                ({'size': 'huge'}, 'small or large'), ({'more': 1}, 'more'),
                ({'expect': {}}, 'needs states'), ({'set': 1}, "'set'"),
                ({'model': 'test.smal'}, 'did you mean test.small'),
                ({'set': {'vns': '1'}}, 'did you mean vans'),
                ({'defects': ['x']}, "no defect 'x'")):
            self.assertRegex(self.call('check', '--manifest', self.write(
                **change), status=3), words)
        path = self.write()
        self.assertIn('leave out', self.call(
            'check', '--manifest', path, '--set', 'a=1', status=3))
        self.assertIn('did you mean test.small', self.call(
            'check', 'test.smal', '--manifest', path, status=3))

    def test_what_is_no_file_is_not_read(self):
        pipe = self.path('pipe')
        os.mkfifo(pipe)
        large = self.path('large.json')
        with open(large, 'wb') as file:
            file.truncate(1 << 30)
        for path, words in ((pipe, 'not a file'), ('/dev/zero', 'not a file'),
                            (self.folder, 'not a file'),
                            (large, '1,073,741,824 bytes are more than')):
            for argv in (('check', '--manifest', path),
                         ('mutate', 'stein', '--known', path),
                         ('explain', path)):
                with self.subTest(argv):
                    self.assertIn(f'{path}: {words}',
                                  self.call(*argv, status=3))

    def test_a_folder_that_cannot_be(self):
        path = self.path('file')
        with open(path, 'w'):
            pass
        for option, argv in (('--out', ('check', 'test.small')),
                             ('--pins', ('hunt', 'test.small'))):
            for folder in (path, f'{path}/below', 'a\0b'):
                with self.subTest(option, folder=folder):
                    self.assertIn('give a folder', self.call(
                        *argv, option, folder, status=3))

    def test_ours_is_recorded(self):
        # That the figures are right, "check --manifest" says.
        entries = manifest.load()
        self.assertGreaterEqual(len(entries), 12)
        self.assertLessEqual({entry.model for entry in entries},
                             set(registry.names()))
        for entry in entries:
            self.assertIsNotNone(entry.expect, entry.name)
            self.assertIn('no_deadlock', entry.expect['verdicts'])

    def test_the_estimate_comes_from_the_manifest(self):
        entries = [manifest.Entry('x', 'test.small', ('vans=1',), (),
                                  'small', {'states': 5})]
        for pairs, states in ((['vans=1'], 5), ([], None)):
            self.assertEqual(states, manifest.expected_states(
                registry.choose('test.small', pairs), entries))


class TestRefine(Commands):
    def test_what_is_taken(self):
        text = self.call('refine', 'stein.attach')
        self.assertRegex(text, r'fail +3 +2\n')
        self.assertTrue(text.endswith('\nEach step is one of these, or '
                                      'none.\n'))
        found = self.json('refine', 'stein.attach')
        self.assertEqual({'of', 'verdict', 'reason', 'steps', 'trace', *HEAD},
                         set(found))
        self.assertEqual(7, sum(row['taken'] for row in found['steps']))
        # Two are the same but for their names, detach and lose_power.
        self.assertEqual(31, sum(row['steps'] for row in found['steps']))

    def test_a_step_that_is_none(self):
        argv = 'refine', 'stein.release', '--defect', 'B1'
        self.assertTrue(self.call(*argv, status=1).endswith(
            'The last step is none of these: arq DELETING -> '
            'BIND_STARTED.\n'))
        steps = self.json(*argv, status=1)['trace']['steps']
        self.assertEqual((9, 'release_fails'),
                         (len(steps), steps[-1]['action']))

    def test_a_mapping_that_stands_still(self):
        def still(s, arq):
            return stein_attach.Arq.ABSENT, False, s.arq[arq] is None
        with mock.patch.object(stein_attach, 'abstract', still):
            text = self.call('refine', 'stein.attach', status=1)
        self.assertIn('a mapping that stands still proves nothing', text)

    def test_what_cannot_be_compared(self):
        for name in ('stein.lifecycle', 'rocky.lifecycle'):
            self.assertIn(
                f'{name} is what the models of its release are held against',
                self.call('refine', name, status=3))
        with mock.patch.object(stein_attach, 'abstract',
                               lambda s, disk: None):
            self.assertRegex(
                self.call('refine', 'stein.attach', status=3),
                r'test_cli\.py:\d+: abstract is of a disk, which is no set of '
                'stein.attach; it has instance')
        with mock.patch.object(stein_attach, 'abstract'):
            del stein_attach.abstract
            self.assertIn('give it a function "abstract"', self.call(
                'refine', 'stein.attach', status=3))
        self.assertIn('Inconclusive: ', self.call(
            'refine', 'stein.system', '--memory', '1', '--set', 'faults=2',
            'enabled=none', status=2))


class TestLibraries(unittest.TestCase):
    def test_without_one_it_says_what_to_install(self):
        for library, what, *words in (
                ('hypothesis', 'this needs', 'run', 'model:stein.lifecycle'),
                ('orjson', 'logs need', 'sample', 'stein.attach')):
            with self.subTest(library):
                done = subprocess.run(
                    [sys.executable, '-c', (
                        'import sys\n'
                        'sys.modules[sys.argv.pop(1)] = None\n'
                        'from cyborg_models import cli\n'
                        'sys.exit(cli.main(sys.argv[1:]))'),
                     library, 'conform', *words],
                    capture_output=True, text=True, check=False)
                self.assertEqual(
                    (3, '', f'cyborg-models: {what} {library}; install '
                     'cyborg-models[conformance]\n'),
                    (done.returncode, done.stdout, done.stderr))


class TestRun(Commands):
    def test_a_seed_repeats(self):
        argv = 'run', 'test.small', '--steps', '9', '--seed'
        self.assertEqual(self.call(*argv, '4'), self.call(*argv, '4'))
        self.assertNotEqual(self.call(*argv, '4'), self.call(*argv, '5'))
        self.assertRegex(self.call('run', 'test.small'), r'seed \d+\n')

    def test_only(self):
        text = self.call('run', 'test.small', '--only', 'ask')
        self.assertIn('nothing more is possible of what was asked', text)
        found = self.json('run', 'test.small', '--seed', '1', '--only',
                          'ask')
        self.assertEqual({'seed', 'ended', 'trace', *HEAD}, set(found))
        self.assertTrue(found['ended'])
        self.assertEqual(2, len(found['trace']['steps']))

    def test_the_steps_that_are_named(self):
        found = self.json('run', 'test.small', '--take', 'ask(van=1)', 'plug',
                          'ask( van = 0 )')
        self.assertFalse(found['ended'])
        self.assertEqual(
            [('ask', 1), ('plug', 1), ('ask', 0)],
            [(step['action'], step['arguments']['van'])
             for step in found['trace']['steps']])
        found = self.json('run', 'stein.attach', '--take',
                          'claim(instance=1)', 'post')
        self.assertEqual({'instance': 1, 'host': 0},
                         found['trace']['steps'][0]['arguments'])
        argv = 'run', 'test.small', '--take', 'ask(van=1)', '--seed', '3'
        self.assertEqual(1, len(self.json(*argv)['trace']['steps']))
        self.assertEqual(8, len(self.json(*argv, '--steps', '7')[
            'trace']['steps']))
        self.assertIn('test.small, as it was asked for\n', self.call(*argv))
        path = self.path('taken.itf.json')
        self.call(*argv, '--out', path)
        self.assertIn('At step 1', self.call('explain', path))

    def test_steps_that_cannot_be_taken(self):
        for steps, words in (
                (['ask'], 'step 1, ask, may be any of ask.van=0., ask.van=1'),
                (['aks'], 'no action .aks.; did you mean ask'),
                (['ask(van=2)'], 'no step .ask.van=2..; give ask.van=0. or'),
                (['ask(van=0)', 'plug(van=1)'],
                 'step 2, plug.van=1., is forbidden: TEST-002 asks for '
                 r's.state.van. is Van.ASKED \(.*small.py:\d+\); possible '
                 r'is ask\(van=1\), plug\(van=0\)')):
            with self.subTest(steps):
                self.assertRegex(self.call(
                    'run', 'test.small', '--take', *steps, status=3), words)

    def test_every_model_at_80_columns(self):
        for name in registry.names():
            self.call('run', name, '--seed', '1', '--steps', '40')


class TestExplain(Commands):
    def test_a_step(self):
        path = self.trace('--steps', '4')
        text = self.call('explain', path, '--step', '1')
        self.assertRegex(text, r'At step 1\n   1\. nova-compute -> os-acc')
        self.assertIn('    state[0]  IDLE\n', text)
        self.assertRegex(text, r'possible\n    ask\(van=0\)  nova-compute ->')
        self.assertRegex(text, r'plug \(van=0\) \(van=1\)\n +TEST-002  '
                               r's\.state\[van\] is Van\.ASKED +\S*small\.py'
                               r':\d+\n')
        self.assertNotIn('At step 2', text)

    def test_all_steps(self):
        path = self.trace('--steps', '4')
        text = self.call('explain', path)
        self.assertEqual(4, text.count('At step'))
        self.assertIn('At the end, after 4 steps', text)
        found = self.json('explain', path)
        self.assertEqual({'steps', *HEAD}, set(found))
        self.assertEqual(5, len(found['steps']))
        row = found['steps'][0]
        self.assertEqual({'number', 'next', 'possible', 'forbidden',
                          'state'}, set(row))
        self.assertEqual(STEP, set(row['next']))
        self.assertEqual({'requirement', 'guard', 'where', *STEP},
                         set(row['forbidden'][0]))
        self.assertEqual(7, len(row['possible']) + len(row['forbidden']))
        self.assertIsNone(found['steps'][4]['next'])

    def test_only(self):
        text = self.call('explain', self.trace(), '--only', 'count')
        self.assertIn('nothing of this is possible', text)
        self.assertNotIn('plug (', text)

    def test_every_model_at_80_columns(self):
        path = self.path('x')
        for name in registry.names():
            self.call('run', name, '--seed', '1', '--steps', '6', '--out',
                      path)
            self.call('explain', path)
            self.call('diagram', path)
            self.assertTrue(self.call('diagram', path, '--seqdiag')
                            .startswith('seqdiag {\n'))

    def test_bad_traces(self):
        path = self.trace()
        self.assertRegex(self.call('explain', path, '--step', '99',
                                   status=3), 'from 1 to 21')
        with open(path, encoding='utf-8') as file:
            text = file.read()
        for old, new, words in (
                ('"test.small"', '"test.smal"', 'did you mean test.small'),
                ('"test.small"', '"os.path"', "unknown model 'os.path'"),
                ('"test.small"', '"stein.attach"',
                 r'run\.itf\.json:2: "#meta": stein.attach has no setting'),
                ('"vans": "2"', '"vans": "3"', 'each of 0 to 2'),
                ('"vans": "2"', '"vans": "x"', '#meta.*vans'),
                ('"defects": []', '"defects": ["x"]', "no defect 'x'"),
                ('"told"', '"tod"', 'another model'),
                ('"IDLE"', '"IDEL"', r'run\.itf\.json:\d+: state 0')):
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text.replace(old, new))
            for command in ('explain', 'diagram'):
                self.assertRegex(self.call(command, path, status=3), words)


    def test_bad_files(self):
        path, other = self.trace(), self.path('other')
        with open(path, 'rb') as file:
            data = file.read()
        os.symlink(other, other)
        os.mkdir(self.path('folder'))
        cases = [(self.path('folder'), None, 'folder: not a file; give'),
                 (other, None, r'other: Too many levels of symbolic links;')]
        for name, content, words in (
                ('short', data[:-30], r'short:\d+: .*truncated, write it'),
                ('words', b'once\nupon', r'words:1: not JSON'),
                ('empty', b'', r'empty:1: the file is empty'),
                ('bytes', data.replace(b'IDLE', b'\xff', 1),
                 r'bytes:\d+: not UTF-8 at byte')):
            cases.append((self.path(name), content, words))
        for name, content, words in cases:
            if content is not None:
                with open(name, 'wb') as file:
                    file.write(content)
            for command in ('explain', 'diagram'):
                self.assertRegex(self.call(command, name, status=3), words)
        with open(path, 'wb') as file:
            file.truncate(1 << 30)
        for command in ('explain', 'diagram'):
            self.assertIn('1,073,741,824 bytes are more than',
                          self.call(command, path, status=3))

    def test_what_is_written_is_read(self):
        self.call('check', 'test.small', '--set', 'busy=true', '--out',
                  self.folder, status=1)
        self.call('run', 'test.small', '--out', self.path('run.itf.json'))
        lassos = 0
        names = sorted(os.listdir(self.folder))
        self.assertEqual(3, len(names), names)
        for name in names:
            path = self.path(name)
            with open(path, encoding='utf-8') as file:
                steps = len(json.load(file)['states'])
            text = self.call('diagram', path)
            lassos += 'from here on, again and again' in text
            numbers = re.findall(r'(?m)^ +(\d+)\. ', text)
            self.assertEqual([str(number) for number
                              in range(1, len(numbers) + 1)], numbers)
            self.assertIn(len(numbers), (steps - 1, steps))
            self.assertIn('At step 1\n', self.call('explain', path))
        self.assertEqual(1, lassos)


class TestDiagram(Commands):
    chart = 'diagram', 'test.small', '--chart', 'state'

    def test_trace(self):
        path = self.trace('--steps', '3')
        text = self.call('diagram', path)
        self.assertRegex(text, r'\Atest.small: seed 2\n\n +nova-compute +os-')
        self.assertRegex(text, r'(?m)^   1\. +│ attach van\d')
        self.assertIn('├──', text)

    def test_where_there_are_no_lines_to_draw_with(self):
        path = self.trace('--steps', '3')
        out = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
        with contextlib.redirect_stdout(out):
            self.assertEqual(0, cli.main(['diagram', path]))
        out.seek(0)
        self.assertIn('|--', out.read())

    def test_seqdiag(self):
        path = self.trace('--steps', '3')
        text = self.call('diagram', path, '--seqdiag')
        self.assertIn('  nova-compute -> os-acc [label = "attach van', text)
        self.assertEqual({'model': 'test.small', 'seqdiag': text[:-1]},
                         self.json('diagram', path))

    def test_svg(self):
        for argv in (('diagram', self.trace('--steps', '3')), self.chart):
            path = self.path('x.svg')
            self.assertEqual(f'written: {path}\n', self.call(
                *argv, '--svg', path).replace('\n/', ' /'))
            first = self.read(path)
            self.assertTrue(first.startswith('<svg xmlns='))
            self.json(*argv, '--svg', path)
            self.assertEqual(first, self.read(path))

    def read(self, path):
        with open(path, encoding='utf-8') as file:
            return file.read()

    def test_a_file_survives_bad_input(self):
        path, bad = self.path('x.svg'), self.trace('--steps', '3')
        text = self.read(bad)
        for argv, content in (
                (('diagram', bad), text[:-40]),
                (('diagram', bad), text.replace('"IDLE"', '"IDEL"')),
                (('diagram', 'test.small', '--chart', 'stat'), ''),
                (('diagram', 'test.smal', '--chart', 'state'), ''),
                ((*self.chart, '--set', 'vans=0'), ''),
                ((*self.chart, '--defect', 'greed'), ''),
                (('diagram', 'test.small', '--chart', 'c0', '--set',
                  'size=61'), '')):
            for name, said in ((path, 'precious'), (bad, content)):
                with open(name, 'w', encoding='utf-8') as file:
                    file.write(said)
            if 'c0' in argv:  # more values than a picture shows
                with mock.patch('cyborg_models.drawing.VALUES', 2), \
                        mock.patch('cyborg_models.check.moves', return_value={
                            ('0', '1'): ['a'], ('1', '2'): ['a']}):
                    self.assertIn('--table --of c0', self.call(
                        *argv, '--svg', path, status=3))
            else:
                self.call(*argv, '--svg', path, status=3)
            self.assertEqual('precious', self.read(path), argv)

    def test_paths_that_cannot_be_written(self):
        folder = self.path('folder')
        os.mkdir(folder)
        loop = self.path('loop')
        os.symlink(loop, loop)
        for argv in (('diagram', self.trace('--steps', '3')), self.chart):
            for path, words in (('/nowhere/x.svg', 'No such file'),
                                (folder, 'Is a directory'),
                                (loop, 'symbolic links'),
                                ('a\0b', 'null byte')):
                self.assertIn(words, self.call(*argv, '--svg', path,
                                               status=3))

    def test_table(self):
        text = self.call('diagram', 'test.small', '--table')
        self.assertIn('plug(van) [weakly fair]\n'
                      '  os-acc -> plugin: plug {van}\n'
                      '  A van that is asked for is plugged', text)
        self.assertIn('  when TEST-003  s.owner is None\n'
                      '  then           s.state[van] = Van.PLUGGED\n', text)
        row = self.json('diagram', 'test.small', '--table')['actions'][0]
        self.assertEqual({'name', 'parameters', 'message', 'fair', 'fault',
                          'doc', 'guards', 'effects'}, set(row))

    def test_transition_table(self):
        argv = 'diagram', 'test.small', '--table', '--of', 'state'
        self.assertIn('\nASKED -> PLUGGED\n  plug(van) [weakly fair]\n'
                      '    TEST-002  s.state[van] is Van.ASKED\n'
                      '    TEST-003  s.owner is None\n\n'
                      'PLUGGED -> IDLE\n  unplug(van)\n', self.call(*argv))
        found = self.json(*argv)
        self.assertEqual({'model', 'variable', 'start', 'moves', 'actions'},
                         set(found))
        self.assertEqual({'from': 'IDLE', 'to': 'ASKED', 'actions': ['ask']},
                         found['moves'][0])
        self.assertEqual(['ask', 'plug', 'unplug'],
                         [row['name'] for row in found['actions']])
        self.assertEqual(found, self.json(*self.chart))
        self.assertIn('did you mean state?', self.call(
            *argv[:-1], 'stat', status=3))

    def test_chart(self):
        self.assertEqual('test.small: state\n\nIDLE (start)\n'
                         '  └──> ASKED: ask\nASKED\n  └──> PLUGGED: plug\n'
                         'PLUGGED\n  └──> IDLE: unplug\n',
                         self.call(*self.chart))

    def test_a_chart_is_of_the_configuration(self):
        found = self.json(*self.chart, '--defect', 'deaf', '--set',
                          'vans=1')['moves']
        self.assertIn('TEST-001', str(self.json(
            *self.chart, '--defect', 'deaf')))
        self.assertEqual([('IDLE', 'ASKED'), ('ASKED', 'PLUGGED'),
                          ('PLUGGED', 'IDLE')],
                         [(row['from'], row['to']) for row in found])


class TestCompare(Commands):
    def test_side_by_side(self):
        argv = ('compare', 'test.small', '--set', 'vans=2', '--vs',
                'busy=yes')
        text = self.call(*argv, status=1)
        self.assertRegex(text, r'\* +everybody_is_plugged +holds +violated\n')
        self.assertRegex(text, r'\n   one_owner +holds +holds\n')
        self.assertRegex(text, r'\* +states +8 +24\n')
        found = self.json(*argv, status=1)
        self.assertEqual({'left', 'right', 'same'}, set(found))
        self.assertEqual(CHECKED, set(found['left']))
        self.assertIs(False, found['same'])

    def test_what_differs_is_told_apart(self):
        # Of the two, what breaks, what is only asked, and what is late.
        text = self.call('compare', 'test.small', '--vs', 'busy=yes',
                         status=1)
        self.assertTrue(text.endswith(
            '\nBroken on the right alone: everybody_is_plugged.\n'), text)
        text = self.call('compare', 'test.small', '--set', 'busy=yes', '--vs',
                         'busy=no', status=1)
        self.assertTrue(text.endswith(
            '\nBroken on the left alone: everybody_is_plugged.\n'), text)
        text = self.call('compare', 'rocky.lifecycle', '--vs', 'watched=yes')
        self.assertTrue(text.endswith(
            '\nAsked on the right alone: no_idle_step.\n'), text)
        text = self.call('compare', 'rocky.lifecycle', '--set',
                         'watched=yes', '--vs', 'watched=no')
        self.assertTrue(text.endswith(
            '\nAsked on the left alone: no_idle_step.\n'), text)
        text = self.call('compare', 'stein.attach', '--set', 'instances=1',
                         'faults=0', '--vs', 'faults=1')
        self.assertIn('\nOtherwise different: ', text)
        self.assertNotIn('Broken', text)

    def test_defect_on_the_right(self):
        text = self.call('compare', 'test.small', '--vs-defect', 'greedy',
                         status=1)
        self.assertRegex(text, r'\* +one_owner +holds +violated at depth 4')
        self.assertTrue(self.json('compare', 'test.small', '--vs',
                                  'kind=GPU')['same'])


class TestUsage(Commands):
    def test_bad_usage(self):
        cases = {
            ('chek',): 'did you mean check?',
            ('check',): 'check needs a MODEL',
            ('check', 'attach'): 'rocky.attach or stein.attach',
            ('check', 'test.smal'): 'did you mean test.small?',
            ('check', 'os.path'): 'unknown model',
            ('check', 'rocky'): 'unknown model',
            ('check', 'rocky.vocabulary'): 'no model, which has a dataclass',
            ('check', 'rocky.../x'): 'unknown model',
            ('check', 'test.small', '--bogus'): 'unrecognized',
            ('check', 'test.small', '--memory', '0'): 'no number from 1',
            ('check', 'test.small', '--memory', '99999999'): 'give less',
            ('check', 'test.small', '--small'): 'need --manifest',
            ('run', 'test.small', '--seed', 'x'): 'invalid int',
            ('run', 'test.small', '--steps', '-1'): 'no number',
            ('run', 'test.small', '--only', 'as'): 'did you mean ask?',
            ('run', 'test.small', '--out', '/nowhere/x'): '/nowhere/x: No',
            ('explain',): 'required: TRACE',
            ('explain', '/nowhere/x'): '/nowhere/x: No such file',
            ('diagram', '/nowhere/x', '--of', 'a'): 'needs --table',
            ('diagram', '/nowhere/x', '--set', 'a=1'): 'need --table',
            ('diagram', '/nowhere/x'): '/nowhere/x: No such file',
            ('diagram', 'test.small'): 'is a model; add --table or',
            ('diagram', cli.__file__, '--table'): 'is a file',
            ('diagram', 'test.small', '--table', '--svg', 'x'): '--table',
            ('diagram', 'test.small', '--seqdiag', '--svg', 'x'): 'leave',
            ('diagram', 'test.small', '--table', '--chart', 'state'):
                'not allowed with',
            ('diagram', 'test.small', '--chart', ''): 'no variable',
            ('compare', 'test.small'): 'needs --vs',
        }
        for argv, words in cases.items():
            with self.subTest(argv):
                self.assertIn(words, self.call(*argv, status=3))

    def test_help(self):
        for argv in ((), ('check',), ('run',), ('explain',), ('diagram',),
                     ('compare',), ('list',)):
            self.assertIn('usage: cyborg-models', self.call(*argv, '--help'))

    def test_every_command_is_documented(self):
        for command in ('list', 'check MODEL', 'check --manifest', 'run',
                        'explain', 'diagram TRACE',
                        'diagram MODEL --table', 'compare'):
            self.assertIn(f'``{command}``\n', cli.__doc__)


class TestProcess(unittest.TestCase):
    def python(self, *argv):
        return subprocess.run(
            [sys.executable, *argv], capture_output=True, text=True,
            timeout=60, env={**os.environ, 'PYTHONPATH': ROOT})

    def test_importing_is_light(self):
        done = self.python('-c', (
            'import cyborg_models, cyborg_models.cli, sys;'
            'print([one for one in ("numba", "numpy", "rich") '
            'if one in sys.modules])'))
        self.assertEqual('[]\n', done.stdout, done.stderr)

    def test_as_a_module(self):
        done = self.python('-m', 'cyborg_models', 'list')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('rocky.attach', done.stdout)
        self.assertNotIn('\x1b', done.stdout)

    def test_a_closed_pipe_is_no_error(self):
        with subprocess.Popen(
                [sys.executable, '-m', 'cyborg_models', 'list',
                 'stein.attach'], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, 'PYTHONPATH': ROOT}) as done:
            done.stdout.close()
            self.assertEqual(b'', done.stderr.read())
        self.assertEqual(0, done.returncode)

    def test_a_closed_pipe_changes_no_verdict(self):
        """Nor does it make one of what has none, as Rich would."""
        for argv, status in (
                (('run', 'stein.lifecycle', '--steps', '3'), 0),
                (('refine', 'stein.release', '--defect', 'B1'), 1)):
            with self.subTest(argv[0]), subprocess.Popen(
                    [sys.executable, '-u', '-m', 'cyborg_models', *argv],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env={**os.environ, 'PYTHONPATH': ROOT}) as done:
                done.stdout.close()
                self.assertEqual(b'', done.stderr.read())
                self.assertEqual(status, done.wait())


if __name__ == '__main__':
    unittest.main()
