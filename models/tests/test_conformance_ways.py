"""The wire and logs from the command line, and a toy in C that passes."""

import contextlib
import functools
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as etree
from importlib import resources
from pathlib import Path
from unittest import mock

import jsonschema_rs

from cyborg_models import cli, registry
from cyborg_models.conformance import contract, modes, smoke, ways, wire
from cyborg_models.conformance.lines import Process
from cyborg_models.conformance.suite import System

from . import harness, small

TOY = Path(__file__).parents[2] / 'systems/toy/toy.c'
SCRIPT = harness.__file__
#: options of the modes for a system of which some is done by itself
QUICK = {'explore': {'steps': 250, 'shrink': 40},
         'repeat': {'steps': 150, 'shrink': 40},
         'faults': {'steps': 400, 'shrink': 40},
         'exhaustive': {'depth': 2}, 'vectors': {}, 'concurrent': {}}


def conform(*words):
    """What a command prints, and its exit status."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(
            out), mock.patch.dict(os.environ, COLUMNS='100'):
        status = cli.main(['conform', *words])
    return out.getvalue(), status


def mirror(*words, of='stein.attach'):
    return [sys.executable, SCRIPT, of, '--mirror', *words]


def mirror_target(*words):
    import shlex

    return 'wire:' + shlex.join(mirror(*words))


@functools.cache
def toy(broken=0):
    """The toy, compiled once; removed with the process."""
    folder = tempfile.TemporaryDirectory()
    toy.folders.append(folder)
    path = Path(folder.name) / 'toy'
    subprocess.run(['cc', '-std=c99', '-D_POSIX_C_SOURCE=200809L', '-Wall',
                    '-Wextra', '-Werror', f'-DBROKEN={broken}', '-o', path,
                    TOY], check=True)
    return str(path)


toy.folders = []


class Smoke(unittest.TestCase):

    def tried(self, *arguments, limit=30.0):
        return list(smoke.smoke(wire.Harness(Process(
            [sys.executable, SCRIPT, *arguments]), limit)))

    def test_one_that_works(self):
        rows = self.tried('stein.attach', '--mirror')
        self.assertEqual(8, len(rows))
        self.assertEqual([], [row for row in rows if not row.works])

    def test_the_first_that_does_not_work_is_the_last_that_is_tried(self):
        # The names of the actions are given; of an echo nothing is seen.
        actions = ('claim', 'post')
        for arguments, name, text in (
                (('--fault', 'nobody'), 'says hello', 'implementation is'),
                (('--fault', 'no_capability'), 'declares what there is',
                 "no capability 'qouta'; did you mean quota"),
                (('--fault', 'both'), 'declares what there is',
                 'claim is called and hidden'),
                (('--fault', 'no_start'), 'starts', 'no database'),
                ((), 'observes', 'it observes nothing')):
            with self.subTest(name):
                *good, bad = self.tried('stein.attach', *actions, *arguments)
                self.assertTrue(all(row.works for row in good))
                self.assertEqual((name, False), (bad.name, bad.works))
                self.assertIn(text, bad.detail)

    def test_what_comes_later(self):
        for fault, name, text in (
                ('lacks', 'is called', 'does not implement'),
                ('hang', 'is called', 'within 1.5 s'),
                ('wrong_start', 'observes', 'arq[0] is Arq.BOUND at the '
                 'start, and Arq.ABSENT in the model'),
                ('remembers', 'starts again, where it started',
                 'at the second; forget all that was'),
                ('any_action', 'knows what it does not implement',
                 'is ok; say "not implemented"'),
                ('bad_end', 'stops', 'ended with status 4')):
            with self.subTest(fault):
                *good, bad = self.tried('stein.attach', '--mirror',
                                        '--fault', fault, limit=(
                                            1.5 if fault == 'hang' else 30))
                self.assertTrue(all(row.works for row in good), good)
                self.assertEqual((name, False), (bad.name, bad.works))
                self.assertIn(text, bad.detail)

    def test_nothing_to_call(self):
        *_, bad = self.tried('stein.attach')
        self.assertIn('there is no action that can be called', bad.detail)

    def test_what_is_lost_is_told_and_a_divergence_left_to_the_tests(self):
        rows = {row.name: row for row in self.tried(
            'stein.attach', '--mirror', '--defect', 'B3')}
        self.assertTrue(all(row.works for row in rows.values()))

    def test_the_command(self):
        said, status = conform('smoke', '--', *mirror())
        self.assertEqual(0, status, said)
        self.assertIn('All works', said)
        said, status = conform('smoke', '--limit', '1', '--', *mirror(
            '--fault', 'hang'))
        self.assertEqual(3, status)
        self.assertIn('FAIL  is called: ', said)
        self.assertIn('What comes after it was not tried.', said)

    def test_for_machines(self):
        said, status = conform('smoke', '--json', '--', *mirror())
        data = json.loads(said)
        self.assertEqual((0, True, 8), (status, data['works'],
                                        len(data['checks'])))

    def test_bad_usage(self):
        for words, text in (((), 'give either the command'),
                            (('--attach', 'x', '--', 'y'), 'give either'),
                            (('--limit', '0', '--', 'y'), 'no number of'),
                            (('--', '/none/x'), 'No such file'),
                            (('--attach', '/none/x'), 'No such file')):
            said, status = conform('smoke', *words)
            self.assertEqual(3, status)
            self.assertIn(text, said)


class Wire(unittest.TestCase):
    """A harness as a system: what its model does is allowed in all modes."""

    def system(self, *words):
        made = ways.harness('wire', mirror_target(*words)[5:], 30.0)
        system = wire.WireSystem(made)
        self.addCleanup(system.stop)
        return system

    def test_what_it_says_is_what_a_system_says(self):
        system = self.system('--set', 'instances=1')
        self.assertEqual(
            ('stein.attach', {'instances': '1'}, ('cyborg', 'nova'),
             ('core',), ('echo', '1'), (), None, None, 1),
            (system.model, system.settings, system.roles,
             system.capabilities, system.implementation, system.hidden,
             system.refuses, system.observed, system.callers))
        # Nothing that a system can say is missing on the wire.
        said = {name for name in vars(System) if name in
                System.__annotations__}
        self.assertEqual(said - {'known', 'reasons', 'limit'},
                         said & set(wire.KEYS['hello']))

    def test_the_model_over_the_wire_passes_in_all_modes(self):
        # The configuration of which there are few vectors.
        system = self.system('--callers', '2', '--set', 'handles=1')
        outcome = modes.run(system, {
            **QUICK, 'exhaustive': {'depth': 2},
            'concurrent': {'rounds': 30}})
        self.assertEqual(('', []), (outcome.error, outcome.failures))
        self.assertEqual([], [one.mode for one in outcome.modes
                              if one.skipped])
        self.assertGreater(sum(one.steps for one in outcome.modes), 800)

    def test_a_defect_over_the_wire_is_found(self):
        system = self.system('--defect', 'A1')
        outcome = modes.run(system, {'explore': {'steps': 400,
                                                 'shrink': 40}})
        self.assertEqual('', outcome.error)
        self.assertIn('HANDLE-010', {one.requirement
                                     for one in outcome.failures})

    def test_a_harness_that_breaks_is_neither_pass_nor_fail(self):
        for fault, text in (('hang', 'does not answer'),
                            ('leave', 'no more of this'),
                            ('rubbish', 'Hello, world'),
                            ('lacks', 'does not implement')):
            with self.subTest(fault):
                said, status = conform(
                    'run', mirror_target('--fault', fault), '--mode',
                    'explore', '--limit', '1.5', '--brief')
                self.assertEqual(3, status, said)
                self.assertIn('harness error', said)
                self.assertIn(text, ' '.join(said.split()))
                self.assertNotIn('pass (', said)
                self.assertNotIn('fails', said)

    def test_what_it_says_does_nothing_to_the_terminal(self):
        said, status = conform('run', mirror_target('--fault', 'escapes'),
                               '--mode', 'explore', '--brief')
        self.assertEqual(3, status)
        self.assertIn('\\x1b[2Jall is well', said)
        self.assertNotIn('\x1b', said)

    def test_one_that_can_do_nothing(self):
        said, status = conform('run', f'wire:{sys.executable} {SCRIPT} '
                               'stein.attach', '--mode', 'explore')
        self.assertEqual(3, status)
        self.assertIn('name those that it has in "actions"', said)

    def test_what_was_not_said_to_be_observed(self):
        system = self.system()
        vars(system)['observed'] = ('arq', 'use')
        outcome = modes.run(system, {'explore': {'steps': 20}})
        self.assertIn('is not among what was said to be: arq, use; name it '
                      'there', outcome.error)

    def test_one_that_runs_already(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'socket')
            with subprocess.Popen(mirror('--listen', path), text=True,
                                  stderr=subprocess.PIPE) as process:
                self.addCleanup(process.kill)
                process.stderr.readline()  # it listens
                said, status = conform('smoke', '--attach', path)
                self.assertEqual(0, status, said)
                said, status = conform('run', f'attach:{path}', '--mode',
                                       'explore', '--steps', '60')
                self.assertEqual(2, status, said)
                process.kill()

    def test_one_that_does_not_say_hello(self):
        for words, text in (
                (mirror_target('--fault', 'nobody'), 'conform smoke'),
                ('wire:"', 'no command'), ('wire:', 'no command'),
                ('attach:192.0.2.1:80', 'not this machine')):
            said, status = conform('run', words)
            self.assertEqual(3, status)
            self.assertIn(text, said)

    def test_how_to_repeat_it_is_a_command(self):
        target = mirror_target('--defect', 'A1')
        said, status = conform('run', target, '--mode', 'explore', '--steps',
                               '300', '--json', '-')
        self.assertEqual(1, status)
        command = json.loads(said)['failures'][0]['repeat']
        self.assertIn("cyborg-models conform run 'wire:", command)


@unittest.skipUnless(shutil.which('cc'), 'needs cc to compile systems/toy; '
                     'see bindep.txt, profile toy')
class Toy(unittest.TestCase):
    """A toy in C, of which the conductor works by itself."""

    def run_in(self, broken=0, **which):
        system = ways.system('wire', toy(broken))
        return modes.run(system, which or QUICK, seed=2)

    def test_it_works(self):
        rows = list(smoke.smoke(ways.harness('wire', toy())))
        self.assertEqual([], [row for row in rows if not row.works])

    def test_it_passes(self):
        outcome = self.run_in()
        self.assertEqual(('', []), (outcome.error, [
            one.divergence.why for one in outcome.failures]))
        self.assertGreater(sum(one.steps for one in outcome.modes), 800)
        for requirement in ('HANDLE-010', 'HANDLE-012', 'ARQ-033',
                            'ARQ-022', 'ARQ-032'):
            self.assertIn(requirement, outcome.evidence)
        self.assertIn('crash_conductor', outcome.faults)

    def test_a_handle_that_two_have(self):
        outcome = self.run_in(1, explore=QUICK['explore'])
        self.assertEqual('', outcome.error)
        self.assertEqual({'HANDLE-012'}, {
            one.requirement for one in outcome.failures})

    def test_a_guest_that_does_not_wait(self):
        # Where the model has it possible in some of the states that fit, it
        # may be blamed on what is seen next.
        outcome = self.run_in(2, explore={'steps': 800, 'shrink': 40})
        self.assertEqual('', outcome.error)
        self.assertIn('ARQ-033', {
            one.requirement for one in outcome.failures})

    def test_a_handle_that_is_kept(self):
        outcome = self.run_in(3, faults={'steps': 1200, 'shrink': 40})
        self.assertEqual('', outcome.error)
        self.assertIn('HANDLE-020', {
            one.requirement for one in outcome.failures})


class Logs(unittest.TestCase):
    """``conform log`` and ``sample``."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = str(Path(folder.name) / 'a.log')

    def sample(self, *words):
        said, status = conform('sample', 'stein.attach', '--out', self.path,
                               *words)
        self.assertEqual(('', 0), (said, status))

    def check(self, *words):
        return conform('log', 'stein.attach', self.path, *words)

    def change(self, change):
        lines = Path(self.path).read_text().splitlines(keepends=True)
        change(lines)
        Path(self.path).write_text(''.join(lines))

    def test_what_is_allowed(self):
        self.sample('--refused', '20')
        said, status = self.check()
        self.assertEqual(0, status, said)
        self.assertIn('100 events are allowed', said)
        self.assertIn('All that the log says is allowed.', said)

    def test_standard_output_and_input(self):
        said, status = conform('sample', 'stein.attach', '--events', '5')
        self.assertEqual((0, 5), (status, said.count('\n')))
        stream = io.TextIOWrapper(io.BytesIO(said.encode()))
        with mock.patch('sys.stdin', stream):
            said, status = conform('log', 'stein.attach', '-')
        self.assertEqual(0, status, said)

    def test_what_is_not(self):
        self.sample('--defect', 'A1', '--events', '1000')
        said, status = self.check()
        self.assertEqual(1, status)
        for text in ('fails: ', 'possible steps: ', 'The model agrees with',
                     f'at: {self.path}:', 'to repeat: cyborg-models conform '
                     f'log stein.attach {self.path}', 'Divergent.'):
            self.assertIn(text, said)

    def test_for_machines(self):
        self.sample('--defect', 'A1', '--events', '1000')
        said, status = self.check('--json', '-')
        data = json.loads(said)
        found = data['log']
        self.assertEqual((1, 'divergent', ''), (status, data['verdict'],
                                                found['cause']))
        failure, = data['failures']
        self.assertEqual(f'{self.path}:{found["line"]}',
                         failure['event']['source'])
        self.assertEqual(found['events'] + 1, found['line'])
        self.assertTrue(failure['calls'][-1].startswith(
            f'{found["events"]}:'))
        self.assertIn('"number":', found['text'])

    def test_a_verdict_for_each_requirement(self):
        self.sample('--events', '400', '--refused', '20')
        said, status = self.check('--json', '-')
        data = json.loads(said)
        self.assertEqual((0, 0, 'allowed', ''), (
            status, data['status'], data['verdict'], data['claim']))
        rules = contract.of('stein.attach').rules
        self.assertEqual(list(rules), list(data['verdicts']))
        shown = data['verdicts']['HANDLE-010']
        self.assertEqual('pass', shown['verdict'])
        self.assertIn('take refused', shown['evidence'])
        self.assertGreater(shown['lines']['held'], 5)
        self.assertGreater(shown['lines']['refused'], 5)
        other = data['verdicts']['ARQ-066']
        self.assertEqual('inconclusive', other['verdict'])
        self.assertIn('stein.attach does not carry it', other['reason'])
        said, _ = self.check()
        self.assertRegex(said, r'pass \(\d+\)')
        self.assertRegex(said, r'HANDLE-010: (?s:.*)take refused')
        said, _ = self.check('--brief')
        self.assertNotIn('HANDLE-010', said)

    def test_it_is_of_the_roles_that_are_named(self):
        self.sample()
        said, _ = self.check('--json', '-', '--role', 'cyborg',
                             '--capability', 'core', '--implementation',
                             'mine', '2.1')
        data = json.loads(said)
        self.assertEqual((['cyborg'], ['core'], {'name': 'mine',
                                                 'version': '2.1'}),
                         (data['role'], data['capabilities'],
                          data['implementation']))
        self.assertNotIn('ARQ-033', data['verdicts'])
        self.assertEqual('not applicable',
                         data['verdicts']['ARQ-004']['verdict'])
        for words, text in ((('--role', 'nvoa'), 'did you mean nova'),
                            (('--capability', 'qouta', 'core'),
                             'did you mean quota')):
            said, status = self.check(*words)
            self.assertEqual(3, status)
            self.assertIn(text, said)

    def test_all_forms(self):
        valid = jsonschema_rs.validator_for(json.loads(resources.files(
            'cyborg_models.conformance').joinpath(
                'report.schema.json').read_text('utf-8'))).is_valid
        folder, kinds = Path(self.path).parent, []
        for words, change in (
                (('--refused', '20'), lambda lines: None),
                (('--defect', 'A1', '--events', '1000'),
                 lambda lines: None),
                ((), lambda lines: lines.pop(9))):
            self.sample(*words)
            self.change(change)
            names = [str(folder / f'a.{form}')
                     for form in ('json', 'junit', 'html')]
            said, status = self.check(*(
                word for name in names
                for word in (f'--{name.rpartition(".")[2]}', name)))
            text, suite, page = (Path(name).read_text() for name in names)
            data = json.loads(text)
            self.assertTrue(valid(data))
            self.assertFalse(valid({**data, 'log': {}}))
            self.assertEqual(status, data['status'])
            cases = etree.fromstring(suite).findall('.//testcase')
            self.assertEqual(list(data['verdicts']),
                             [case.get('name') for case in cases])
            tags = {child.tag for case in cases for child in case}
            kinds.append((status, tags))
            self.assertEqual(len(data['failures']), page.count('<svg'))
            self.assertIn(data['verdict'], page)
            self.assertIn(str(data['counts']['inconclusive']), page)
            self.assertRegex(said, r'inconclusive \(\d+\)')
        # What a good log does not show is no error; of a bad log it is.
        self.assertEqual([(0, {'skipped'}), (1, {'skipped', 'failure'}),
                          (2, {'skipped', 'error'})], kinds)

    def test_what_is_known(self):
        self.sample('--defect', 'A1', '--events', '1000')
        said, status = self.check('--known', 'A1')
        self.assertEqual(1, status)
        self.assertIn('(known: A1)', said)
        self.assertIn('1,000 events are allowed', said)
        said, status = self.check('--known', 'A0')
        self.assertEqual(3, status)
        self.assertIn("no defect 'A0'", said)

    def test_what_is_not_whole(self):
        self.sample()
        self.change(lambda lines: lines.pop(9))
        said, status = self.check()
        self.assertEqual(2, status)
        self.assertIn('Inconclusive: line 10: number 10 is missing', said)
        self.assertNotIn('pass (', said)

    def test_what_cannot_be_read(self):
        self.sample()
        self.change(lambda lines: lines.insert(4, 'Traceback:\n'))
        said, status = self.check()
        self.assertEqual(3, status)
        self.assertIn(f"{self.path}:5: 'Traceback:' is no JSON", said)

    def test_a_log_that_does_not_come(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        with open(reader) as stream, mock.patch('sys.stdin', stream):
            said, status = conform('log', 'stein.attach', '-', '--seconds',
                                   '0.2')
        self.assertEqual(2, status, said)
        self.assertIn('Inconclusive: 0.2 s are over', said)

    def test_what_is_hidden(self):
        self.sample()

        def drop(lines):
            kept = [json.loads(line) for line in lines]
            kept = [row for row in kept if row['action'] != 'prepare']
            self.assertLess(len(kept), len(lines))
            lines[:] = [json.dumps({**row, 'number': number}) + '\n'
                        for number, row in enumerate(kept, 1)]
        self.change(drop)
        self.assertEqual(1, self.check()[1])
        self.assertEqual(0, self.check('--hidden', 'prepare')[1])
        self.assertEqual(0, self.check('--hidden', '*')[1])
        self.assertEqual(3, self.check('--hidden', 'prepaer')[1])

    def test_what_is_said_to_be_complete(self):
        Path(self.path).write_text('{"action": "claim"}\n')
        self.assertEqual(2, self.check()[1])
        self.assertEqual(0, self.check('--complete')[1])

    def test_a_mapping(self):
        Path(self.path).write_text('{"what": "claimed", "who": "x"}\n')
        mapping = self.path + '.toml'
        Path(mapping).write_text(
            'complete = true\n[fields]\naction = "what"\n'
            '[actions]\nclaimed = "claim"\n')
        self.assertEqual(0, self.check('--mapping', mapping)[1])

    def test_bad_usage(self):
        for words in (('log', 'stein.attach', '/none'),
                      ('log', 'stein.attahc', '-'),
                      ('sample', 'stein.attach', '--out', '/none/x'),
                      ('sample', 'stein.attach', '--events', 'x')):
            said, status = conform(*words)
            self.assertEqual(3, status, said)
            self.assertIn('cyborg-models: ', said)


def setUpModule():
    patch = mock.patch.dict(registry.OTHERS,
                            {'test.small': small.__name__})
    patch.start()
    unittest.addModuleCleanup(patch.stop)


if __name__ == '__main__':
    unittest.main()
