"""Mutation: every outcome, planted weak properties, a list that is stale."""

import contextlib
import enum
import io
import json
import os
import unittest
from dataclasses import dataclass
from unittest import mock

from cyborg_models import cli, manifest, mutate, registry
from cyborg_models.kernel import describe, language, mutation
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import WEAK, Model, ModelError, when

from . import test_rocky, test_stein
from .test_cli import Commands

MEMORY = 64 << 20
LAMP = 'test.lamp'


class Lamp(enum.Enum):
    """What a lamp does."""

    OFF = 'off'
    ASKED = 'to be lit'
    ON = 'lit'


@dataclass(frozen=True)
class Settings:
    """What can be set.

    :ivar strong: True if the properties say all that matters
    :ivar watched: True to check that each step changes something
    :ivar dimmer: True if there is one more guard than the record knows
    :ivar dark: True if a lamp that is lit breaks a property by itself
    """

    strong: bool = True
    watched: bool = True
    dimmer: bool = False
    dark: bool = False


def build(settings=Settings(), defects=()):
    """A lamp, whose power may fail once."""
    m = Model(LAMP, defects)
    m.var('lamp', Lamp, start=Lamp.OFF)
    m.var('power', bool, start=True)
    m.var('left', range(2), start=1)
    if settings.watched:
        m.never_idle('LAMP-007', besides=('left',))

    @m.action('user -> lamp: light', fair=WEAK)
    def ask(s):
        """A lamp that is off can be lit."""
        when(s.lamp is Lamp.OFF, 'LAMP-001')
        if settings.dimmer:
            when(s.lamp is not Lamp.ON, 'LAMP-008')
        s.lamp = Lamp.ASKED

    @m.action('lamp -> lamp: lit', fair=WEAK)
    def light(s):
        """A lamp that is to be lit is, with power."""
        when(s.lamp is Lamp.ASKED, 'LAMP-002')
        when(s.power, 'LAMP-003')
        s.lamp = Lamp.ON

    @m.action('user -> lamp: off')
    def put_out(s):
        """A lamp that is lit can be put out."""
        when(s.lamp is Lamp.ON, 'LAMP-004')
        s.lamp = Lamp.OFF

    @m.action('mains -> lamp: no power', fault=True)
    def lose_power(s):
        """The power may fail: the lamp goes out."""
        when(s.left > 0, 'LAMP-005')
        s.left -= 1
        s.power = False
        if s.lamp is Lamp.ON:
            s.lamp = Lamp.OFF

    @m.action('mains -> lamp: power', fair=WEAK)
    def find_power(s):
        """The power comes back."""
        when(not s.power, 'LAMP-006')
        s.power = True

    m.defect('dark', of=light, without='LAMP-003',
             doc='A lamp needs no power.')
    m.defect('hot', of=light, without='s.lamp is Lamp.ASKED',
             doc='A lamp is lit unasked.')
    m.defect('broken', of=light, without='s.lamp = Lamp.ON',
             doc='Nothing is lit.')

    @m.always('LAMP-003')
    def lit_means_power(s):
        """A lamp that is lit has power."""
        return s.lamp is not Lamp.ON or not settings.dark and (
            s.power or not settings.strong)

    @m.eventually('LAMP-002')
    def lit_at_last(s):
        """A lamp that is to be lit is lit."""
        return s.lamp is Lamp.ASKED and settings.strong, s.lamp is Lamp.ON

    @m.sometimes('LAMP-002')
    def lit(s):
        """A lamp can be lit."""
        return s.lamp is Lamp.ON
    return m.ready()


def mutants(**settings):
    """function, text -> what becomes of the mutant."""
    def made():
        return build(Settings(**settings))
    return {(site.function, site.text): mutation.judge(made, site,
                                                       memory=MEMORY)
            for site in mutation.sites(made(), MEMORY)}


class JudgeTest(unittest.TestCase):

    def test_every_site_is_found(self):
        found = mutation.sites(build(), MEMORY)
        self.assertEqual(
            {('ask', 's.lamp is Lamp.OFF', 'LAMP-001'),
             ('ask', 's.lamp = Lamp.ASKED', ''),
             ('light', 's.lamp is Lamp.ASKED', 'LAMP-002'),
             ('light', 's.power', 'LAMP-003'),
             ('light', 's.lamp = Lamp.ON', ''),
             ('put_out', 's.lamp is Lamp.ON', 'LAMP-004'),
             ('put_out', 's.lamp = Lamp.OFF', ''),
             ('lose_power', 's.left > 0', 'LAMP-005'),
             ('lose_power', 's.left -= 1', ''),
             ('lose_power', 's.power = False', ''),
             ('lose_power', 's.lamp = Lamp.OFF', ''),
             ('find_power', 'not s.power', 'LAMP-006'),
             ('find_power', 's.power = True', '')},
            {(one.function, one.text, one.requirement) for one in found})
        for one in found:
            path, _, line = one.where.rpartition(':')
            with open(path, encoding='utf-8') as file:
                text = file.read().split('\n')[int(line) - 1]
            self.assertIn(one.text, text)
            self.assertEqual('when(' in text, one.kind == 'guard')

    def test_a_model_that_runs_none(self):
        m = Model('test.nothing')
        m.var('x', bool, start=False)
        m.action('a -> b: c')(nothing)
        m.always('LAMP-001')(true)
        with self.assertRaisesRegex(ModelError, 'runs no guard and no'):
            mutation.sites(m.ready(), MEMORY)

    def test_what_becomes_of_each(self):
        self.assertEqual(
            {('ask', 's.lamp is Lamp.OFF'): 'idle',
             ('ask', 's.lamp = Lamp.ASKED'): 'idle',
             ('light', 's.lamp is Lamp.ASKED'): 'idle',
             ('light', 's.power'): 'always',
             ('light', 's.lamp = Lamp.ON'): 'eventually',
             ('put_out', 's.lamp is Lamp.ON'): 'eventually',
             ('put_out', 's.lamp = Lamp.OFF'): 'idle',
             ('lose_power', 's.left > 0'): 'error',
             ('lose_power', 's.left -= 1'): 'eventually',
             ('lose_power', 's.power = False'): 'idle',
             ('lose_power', 's.lamp = Lamp.OFF'): 'always',
             ('find_power', 'not s.power'): 'idle',
             ('find_power', 's.power = True'): 'eventually'},
            {key: judged.outcome for key, judged in mutants().items()})

    def test_nothing_counts_twice(self):
        judged = mutants()['light', 's.lamp = Lamp.ON']
        self.assertEqual(['lit_at_last', 'no_idle_step'],
                         [one.name for one in judged.by])
        self.assertEqual(('eventually', 'LAMP-002'),
                         (judged.by[0].kind, judged.by[0].requirement))
        self.assertEqual(1, mutants()['ask', 's.lamp = Lamp.ASKED'].by[
            0].depth)
        self.assertEqual((True, ''), (judged.killed, judged.reason))

    def test_weak_properties_see_little(self):
        found = mutants(strong=False, watched=False)
        outcomes = [one.outcome for one in found.values()]
        self.assertEqual(
            {'lives': 10, 'sometimes': 2, 'error': 1},
            {name: outcomes.count(name) for name in set(outcomes)})
        self.assertFalse(found['light', 's.power'].killed)
        self.assertFalse(found['light', 's.lamp = Lamp.ON'].killed)
        self.assertIn('left is set to -1',
                      found['lose_power', 's.left > 0'].reason)

    def test_a_guard_turned_round(self):
        for requirement, outcome, name in (
                ('LAMP-003', 'always', 'lit_means_power'),
                ('LAMP-001', 'deadlock', 'no_deadlock')):
            site = next(one for one in mutation.sites(build(), MEMORY)
                        if one.requirement == requirement)
            judged = mutation.judge(build, site, True, MEMORY)
            with self.subTest(requirement):
                self.assertEqual((outcome, name),
                                 (judged.outcome, judged.by[0].name))

    def test_what_the_model_breaks_itself(self):
        found, broken = mutation.original(build(Settings(dark=True)), MEMORY)
        self.assertEqual(('lit_means_power',), broken)
        self.assertEqual(mutation.sites(build(), MEMORY), found)
        self.assertEqual((), mutation.original(build(), MEMORY)[1])
        for settings, besides, names in (
                (Settings(), (), ['lit_means_power']),
                (Settings(), broken, []),
                (Settings(dark=True), (), ['lit_means_power']),
                (Settings(dark=True), broken, [])):
            site = next(one for one in found
                        if one.requirement == 'LAMP-003')
            judged = mutation.judge(lambda: build(settings),  # noqa: B023
                                    site, memory=MEMORY, besides=besides)
            with self.subTest(settings, besides=besides):
                self.assertEqual(names, [one.name for one in judged.by])
                self.assertEqual(bool(names), judged.killed)

    def test_what_must_come_and_never_does_in_the_model(self):
        def made():
            return build(defects=('broken',))
        found, broken = mutation.original(made(), MEMORY)
        self.assertEqual({'no_idle_step', 'lit_at_last'}, set(broken))
        site = next(one for one in found if one.requirement == 'LAMP-003')
        self.assertTrue(mutation.judge(made, site, memory=MEMORY).killed)
        judged = mutation.judge(made, site, memory=MEMORY, besides=broken)
        self.assertFalse(judged.killed)

    def test_nothing_stays_left_out(self):
        site = mutation.sites(build(), MEMORY)[0]
        before = Engine(build(), MEMORY).explore()
        mutation.judge(build, site, memory=MEMORY)
        self.assertEqual(before.transitions,
                         Engine(build(), MEMORY).explore().transitions)

    def test_an_interrupt_is_none_of_the_mutants(self):
        found = mock.Mock(reason='interrupted')
        with mock.patch.object(Engine, 'explore', return_value=found):
            with self.assertRaises(KeyboardInterrupt):
                mutation.sites(build(), MEMORY)

    def test_too_little_memory_is_no_verdict(self):
        found = Engine(build(Settings(strong=False)), MEMORY).explore()
        found.complete, found.reason = False, 'the limit is reached'
        found.violations = {}
        site = mutation.sites(build(), MEMORY)[0]
        with mock.patch.object(Engine, 'explore', return_value=found):
            judged = mutation.judge(build, site, memory=MEMORY)
        self.assertEqual(('inconclusive', False, 'the limit is reached'),
                         (judged.outcome, judged.killed, judged.reason))


def nothing(s):
    """This is always possible."""


def true(s):
    """All is well."""
    return s is not None


class DefectTest(unittest.TestCase):

    def broken(self, defect):
        engine = Engine(build(defects=(defect,)), MEMORY)
        found = engine.explore()
        return set(found.violations), found

    def test_a_guard_goes_by_its_requirement(self):
        self.assertEqual({'lit_means_power'}, self.broken('dark')[0])

    def test_a_guard_goes_by_its_text(self):
        self.assertEqual({'no_idle_step'}, self.broken('hot')[0])

    def test_an_assignment_goes(self):
        self.assertEqual({'no_idle_step'}, self.broken('broken')[0])

    def test_the_table_leaves_it_out(self):
        def described(*defects):
            return describe.describe(build(defects=defects).actions['light'])
        self.assertEqual(2, len(described().guards))
        self.assertEqual([('LAMP-002', 's.lamp is Lamp.ASKED')],
                         list(described('dark').guards))
        self.assertEqual([('LAMP-003', 's.power')],
                         list(described('hot').guards))
        self.assertEqual((), described('broken').effects)

    def test_it_is_the_mutant(self):
        site = next(one for one in mutation.sites(build(), MEMORY)
                    if one.requirement == 'LAMP-003')
        judged = mutation.judge(build, site, memory=MEMORY)
        whole = self.broken('dark')[1]
        self.assertEqual(
            [(name, len(trace.steps))
             for name, trace in whole.violations.items()],
            [(one.name, one.depth) for one in judged.by])

    def test_no_such_text(self):
        m = build()
        body = m.actions['ask'].body
        for without, doc, text in (
                ('s.lamp is Lamp.GREEN', 'Odd.', 'no guard or assignment'),
                ('LAMP-999', 'Odd.', 'no guard or assignment'),
                ('LAMP-001', None, 'has no doc'),
                ('LAMP-001', ' ', 'has no doc')):
            with self.subTest(without, doc=doc):
                with self.assertRaisesRegex(
                        ModelError, rf'test_mutation.py:\d+: .*{text}'):
                    m.defect('odd', of=body, without=without, doc=doc)

    def test_no_such_action(self):
        with self.assertRaisesRegex(ModelError, 'is no action; name one'):
            build().defect('odd', of=true, without='LAMP-001', doc='Odd.')


class IdleTest(unittest.TestCase):

    def test_what_does_not_count(self):
        # Nothing but `left` changes: only a property that leaves it out of
        # account sees that nothing happens.
        for besides, bad in ((('left',), {'no_idle_step'}), ((), set())):
            m = Model('test.idle')
            m.var('left', range(2), start=1)
            m.never_idle('LAMP-007', besides)

            @m.action('a -> b: c')
            def spend(s):
                """This is possible once."""
                when(s.left > 0, 'LAMP-005')
                s.left -= 1
            m.may_end(true)
            found = Engine(m.ready(), MEMORY).explore()
            self.assertEqual(bad, set(found.violations))

    def test_the_same_value_is_no_change(self):
        for value, bad in ((False, {'no_idle_step'}), (True, set())):
            m = Model('test.idle')
            m.var('on', bool, start=False)
            m.never_idle('LAMP-007')

            @m.action('a -> b: c')
            def put(s):
                """This is possible while it is off."""
                when(not s.on, 'LAMP-001')
                s.on = value  # noqa: B023
            m.may_end(true)
            found = Engine(m.ready(), MEMORY).explore()
            self.assertEqual(bad, set(found.violations))


class ReportTest(Commands):
    """The command, with a record of its own."""

    def setUp(self):
        super().setUp()
        patch = mock.patch.dict(registry.OTHERS, {LAMP: __name__})
        patch.start()
        self.addCleanup(patch.stop)
        self.known = self.path('lamp.mutants.json')

    def run_it(self, *argv, status=0, **settings):
        pairs = [f'{key}={str(value).lower()}'
                 for key, value in settings.items()]
        return self.json('mutate', LAMP, '--jobs', '1', '--known',
                         self.known, *(['--set', *pairs] if pairs else []),
                         *argv, status=status)

    def write(self, rows):
        with open(self.known, 'w', encoding='utf-8') as file:
            json.dump({'mutants': rows}, file)

    def rows(self):
        """A true record of the lamp, all reasons given."""
        report = mutate.mutate([mutate.Configuration(LAMP)], {}, jobs=1,
                               memory=MEMORY)
        rows = json.loads(mutate.dumps(report))['mutants']
        for row in rows:
            if 'harmless' in row:
                row['harmless'] = 'It says how often the power may fail.'
        return rows

    def lowered(self):
        """12 of 13 is less than 95 %."""
        return mock.patch.object(mutate, 'LEAST', 0.9)

    def test_all_are_accounted_for(self):
        self.write(self.rows())
        with self.lowered():
            found = self.run_it()
            text = self.call('mutate', LAMP, '--jobs', '1', '--known',
                             self.known)
        self.assertEqual(
            {'of', 'verdict', 'complete', 'configurations', 'total',
             'sample', 'killed', 'score', 'problems', 'mutants',
             'inverted'}, set(found))
        self.assertEqual(('holds', 13, 12, [], None),
                         (found['verdict'], found['total'], found['killed'],
                          found['problems'], found['sample']))
        self.assertEqual(
            {'where', 'in', 'kind', 'requirement', 'text', 'outcome',
             'configuration', 'by', 'states', 'transitions', 'harmless'},
            set(found['mutants'][0]))
        self.assertEqual(13, len(found['mutants']))
        self.assertEqual(6, len(found['inverted']))
        self.assertRegex(text, r'(?m)^all +6 +7 +6$')
        self.assertRegex(text, r'lose_power without the guard\s+LAMP-005')
        self.assertIn('Killed: 12 of 13, 92.3%; harmless for a reason: 1.',
                      text)

    def test_the_score_must_be_reached(self):
        self.write(self.rows())
        line = '92.3% of the mutants are killed; 95% must be: add properties'
        self.assertEqual([line], self.run_it(status=1)['problems'])
        # A sample is held against the record.
        self.assertEqual([line], self.run_it('--sample', '3', status=1)[
            'problems'])

    def test_weak_properties(self):
        self.write([row for row in self.rows() if 'harmless' in row])
        with self.lowered():
            found = self.run_it(status=1, strong=False)
        lines = [line for line in found['problems']
                 if 'light without the guard LAMP-003 s.power: no property '
                 'fails' in line]
        self.assertEqual(1, len(lines))
        self.assertRegex(lines[0], r'test_mutation\.py:\d+: ')

    def test_what_was_killed_must_be(self):
        self.write(self.rows())
        with self.lowered():
            found = self.run_it(status=1, strong=False)
        self.assertTrue([line for line in found['problems'] if
                         'was killed by always lit_means_power' in line])
        # A sample sees it as well.
        with self.lowered():
            found = self.run_it('--sample', '12', status=1, strong=False)
        self.assertTrue([line for line in found['problems'] if
                         'was killed by always lit_means_power' in line])

    def test_a_reason_for_what_is_killed(self):
        rows = self.rows()
        row = next(row for row in rows if row['requirement'] == 'LAMP-003')
        del row['killed'], row['configuration']
        row['harmless'] = 'I think so.'
        self.write(rows)
        with self.lowered():
            found = self.run_it(status=1)
        self.assertEqual(1, len(found['problems']))
        self.assertIn('is said to be harmless, and lit_means_power fails',
                      found['problems'][0])

    def test_a_reason_for_what_is_not_there(self):
        self.write([*self.rows(), {
            'in': 'lamp.explode', 'kind': 'guard', 'requirement': '',
            'text': 'True', 'harmless': 'It is loud.'}])
        with self.lowered():
            found = self.run_it(status=1)
        self.assertEqual(
            ['lamp.explode guard True: is on record, and stands nowhere in '
             'the models; record them anew, see --record'],
            found['problems'])

    def test_what_is_not_on_record(self):
        self.write(self.rows())
        with self.lowered():
            found = self.run_it('--sample', '2', status=1, dimmer=True)
        self.assertEqual(1, len(found['problems']))
        self.assertRegex(found['problems'][0],
                         r'LAMP-008 .*: is not on record; see --record')

    def test_what_fails_anyway_kills_nothing(self):
        self.write(self.rows())
        with self.lowered():
            found = self.run_it(status=1, dark=True)
        self.assertLess(found['killed'], 12)
        self.assertNotIn('lit_means_power', [
            one['name'] for row in found['mutants'] for one in row['by']])

    def test_a_sample_is_always_the_same(self):
        self.write(self.rows())
        with self.lowered():
            found = self.run_it('--sample', '5')
            again = self.run_it('--sample', '5')
            more = self.run_it('--sample', '6')
            text = self.call('mutate', LAMP, '--jobs', '1', '--sample', '5',
                             '--known', self.known)
        self.assertEqual(found['mutants'], again['mutants'])
        self.assertEqual(found['mutants'], more['mutants'][:5])
        self.assertEqual((13, 5, 5, []), (
            found['total'], found['sample'], len(found['mutants']),
            found['inverted']))
        self.assertIn('A sample of 5:', text)
        self.assertIn('Killed: 5 of 5; on record: 12 of 13.', text)
        for row in found['mutants']:
            self.assertIn(row['in'], text)

    def test_two_that_are_alike(self):
        where = {language.Site(f'a.py:{line}', 'effect', 's.x = 1', '', 'f',
                               'x'): [] for line in (100, 20)}
        self.assertEqual(
            [('a.f', 'effect', '', 's.x = 1'),
             ('a.f', 'effect', '', 's.x = 1 (2)')],
            [one.key for one in mutate._named(where)])
        self.assertEqual(['a.py:20', 'a.py:100'], [
            one.site.where for one in mutate._named(where)])

    def test_interrupted(self):
        self.write(self.rows())
        real, calls = mutation.judge, []

        def judge(*arguments):
            calls.append(arguments)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return real(*arguments)
        with mock.patch.object(mutation, 'judge', judge):
            found = self.run_it(status=2)
        self.assertEqual((False, 'inconclusive', []), (
            found['complete'], found['verdict'], found['problems']))
        self.assertLess(len(found['mutants']), 13)

    def test_what_is_inconclusive(self):
        self.write(self.rows())
        judged = mutation.Judged('inconclusive', reason='the limit')
        with self.lowered(), mock.patch.object(
                mutation, 'judge', return_value=judged), mock.patch.object(
                mutate, 'LEAST', 0):
            self.run_it(status=2)

    def test_bad_files(self):
        row = {'in': 'lamp.ask', 'kind': 'guard', 'requirement': '',
               'text': 'True'}
        for content, message in (
                ('{', r'lamp\.mutants\.json:1: not JSON'),
                ('[]', 'no list "mutants"'),
                ('{"mutants": []}', 'no list "mutants"'),
                ('\udcff', 'UTF-8'),
                (json.dumps({'mutants': [row]}), 'mutant 1 is no object'),
                (json.dumps({'mutants': [{**row, 'harmless': ' '}]}),
                 "mutant 1: 'harmless' is ' '; write what it is: why"),
                (json.dumps({'mutants': [{**row, 'harmless': 3}]}),
                 "'harmless' is 3"),
                (json.dumps({'mutants': [{**row, 'harmless': 'So.'}] * 2}),
                 'stands twice')):
            with self.subTest(content):
                with open(self.known, 'wb') as file:
                    file.write(content.encode(errors='surrogateescape'))
                self.assertRegex(
                    self.call('mutate', LAMP, '--known', self.known,
                              status=3), message)

    def test_a_record_is_whole(self):
        with mock.patch.object(registry, 'RELEASES', ('test.lamp',)), (
                mock.patch.object(mutate, 'configurations', return_value=[
                    mutate.Configuration(LAMP)])):
            argv = ('mutate', LAMP, '--jobs', '1', '--record')
            rows = json.loads(self.call(*argv))['mutants']
            with mock.patch.object(mutation, 'judge',
                                   side_effect=KeyboardInterrupt):
                with contextlib.redirect_stderr(io.StringIO()) as err:
                    with contextlib.redirect_stdout(io.StringIO()) as out:
                        self.assertEqual(cli.INCONCLUSIVE, cli.main(argv))
        self.assertEqual(('', 'cyborg-models: interrupted\n'),
                         (out.getvalue(), err.getvalue()))
        self.assertEqual(13, len(rows))
        self.assertEqual([''], [row['harmless'] for row in rows
                                if 'harmless' in row])

    def test_nothing_judged(self):
        self.write(self.rows())
        with mock.patch.object(mutate, '_sampled', return_value=[]):
            found = self.run_it('--sample', '3', status=1)
        self.assertEqual(['no mutant was judged: nothing is known'],
                         found['problems'])

    def test_usage(self):
        for argv, message in (
                ((LAMP, '--known', self.path('none')), 'No such file'),
                (('lava',), 'unknown model'),
                (('stein', '--set', 'faults=2'), '--set needs a model'),
                ((LAMP, '--record'), '--record needs all mutants'),
                (('stein', '--record', '--sample', '3'), '--record needs'),
                ((LAMP, '--sample', '0'), 'no number from 1'),
                ((LAMP, '--set', 'size=3'), 'has no setting')):
            with self.subTest(argv):
                self.assertRegex(self.call('mutate', *argv, status=3),
                                 message)


class ReleaseTest(unittest.TestCase):

    def test_processes_find_the_same(self):
        chosen = [mutate.Configuration('stein.lifecycle')]
        one, two = (mutate.mutate(chosen, {}, False, jobs=jobs,
                                  memory=MEMORY) for jobs in (1, 2))
        self.assertEqual(one.found, two.found)
        self.assertGreater(len(one.found), 10)

    def test_each_release_has_a_record(self):
        for release in registry.RELEASES:
            with self.subTest(release):
                known = mutate.load(mutate.path_of(release), needed=True)
                killed = [row for row in known.values() if 'killed' in row]
                self.assertGreater(len(known), 200)
                self.assertGreaterEqual(len(killed),
                                        mutate.LEAST * len(known))

    def unbroken(self, release, entries):
        """What is asked in any configuration, by name, and broken in none,
        whatever the defect, nor by any mutant; and how much is asked.
        """
        verdicts = [(name, verdict) for entry in entries
                    if entry.model.startswith(release)
                    for name, verdict in entry.expect['verdicts'].items()
                    if 'witnessed' not in verdict]
        asked = {name for name, _ in verdicts}
        broken = {name for name, verdict in verdicts if verdict != 'holds'}
        known = mutate.load(mutate.path_of(release), needed=True)
        broken |= {row['killed'].split()[1] for row in known.values()
                   if 'killed' in row}
        return asked - broken, len(asked)

    def test_every_property_can_be_broken(self):
        for release in registry.RELEASES:
            with self.subTest(release):
                unbroken, asked = self.unbroken(release, manifest.load())
                self.assertEqual(set(), unbroken)
                self.assertGreater(asked, 50)
        self.assertEqual({'what_is_paused_keeps_its_device'}, self.unbroken(
            'rocky', [entry for entry in manifest.load()
                      if 'pause-detaches' not in entry.defects])[0])

    def test_every_defect_is_on_record(self):
        for release, rows in (('rocky', test_rocky.DEFECTS),
                              ('stein', test_stein.DEFECTS)):
            with self.subTest(release):
                self.assertEqual(
                    {row[0] for row in rows},
                    {defect for entry in manifest.load()
                     if entry.model.startswith(release)
                     for defect in entry.defects})

    def test_what_nova_does_needs_its_host(self):
        # What the step itself says of the host is left out; the table of
        # what Nova may do where notices it.
        def made():
            return registry.choose('stein.release').model
        found = [site for site in mutation.sites(made(), MEMORY)
                 if site.kind == 'guard' and site.text in (
                     'scene.host_is_up(s, instance)',
                     'not scene.host_is_up(s, instance)')]
        self.assertEqual({'attach', 'run', 'stop', 'abandon', 'evacuate'},
                         {site.function for site in found})
        for site in found:
            with self.subTest(site.function):
                judged = mutation.judge(made, site, memory=MEMORY)
                self.assertIn('nothing_impossible',
                              [one.name for one in judged.by])

    def test_the_smallest_configuration_comes_first(self):
        found = mutate.configurations('stein', (), manifest.load())
        self.assertEqual(sorted(one.states for one in found),
                         [one.states for one in found])
        self.assertEqual({name for name in registry.names()
                          if name.startswith('stein.')},
                         {one.model for one in found})
        self.assertTrue(os.path.exists(mutate.path_of('stein.attach')))


if __name__ == '__main__':
    unittest.main()
