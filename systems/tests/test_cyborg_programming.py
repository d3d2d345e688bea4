"""Programming by the real Cyborg: how it is made to go wrong, and judged.

Nothing of Cyborg or Glance is needed here.  ``tox -e cyborg`` runs them.
"""

import contextlib
import functools
import json
import os
import random
import sqlite3
import sys
import tempfile
import threading
import types
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from cyborg_models.conformance.oracle import OK, Oracle
from cyborg_models.conformance.suite import Refused, chosen
from cyborg_models.stein.vocabulary import Arq, Logic, Notice, Use
from systems.cyborg import images, known, profiles, program, services
from systems.cyborg.adapter import Reply
from systems.cyborg.program import Program, ProgramWalk, Share
from systems.cyborg.requests import Finding
from systems.cyborg.stack import Stack

FIRST, SECOND = images.FUNCTIONS
TABLES = '''
CREATE TABLE extended_accelerator_requests (
 id INTEGER, uuid TEXT, state TEXT, attach_handle_id INTEGER);
CREATE TABLE attach_handles (id INTEGER, attach_info TEXT, in_use INTEGER);
CREATE TABLE deployables (bitstream_id TEXT);
INSERT INTO attach_handles VALUES (11, '{"function": "1"}', 0);
INSERT INTO attach_handles VALUES (12, '{"function": "2"}', 0);
INSERT INTO deployables VALUES (NULL);
'''


class Folder(unittest.TestCase):
    """A folder as a stack has it."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))


class FakeGlance(images.Images):
    """Images in memory."""

    def __init__(self, folder):
        self.rows, self.asked = {}, []
        super().__init__(SimpleNamespace(folder=folder, image_port=9))

    def ask(self, method, path, **arguments):
        self.asked.append((method, path))
        name = path.split('/')[2] if path.count('/') > 1 else ''
        if method == 'POST':
            name = f'image-{len(self.rows)}'
            self.rows[name] = {**arguments['json'], 'id': name}
        elif method == 'PATCH':
            (change,) = arguments['json']
            key = change['path'][1:].replace('~1', '/').replace('~0', '~')
            assert (key in self.rows[name]) == (change['op'] != 'add')
            if change['op'] == 'remove':
                del self.rows[name][key]
            else:
                self.rows[name][key] = change['value']
        return SimpleNamespace(json=lambda: dict(self.rows[name]))

    def of(self, function):
        """The images of a function."""
        return [name for name, row in self.rows.items()
                if row.get(images.FUNCTION) == function]


class Bitstreams(Folder):
    """What is in Glance, and what may be wrong with it."""

    def setUp(self):
        super().setUp()
        self.options = images.configure(self.folder, 9)
        self.glance = FakeGlance(self.folder)

    def test_a_content_is_a_function_or_undefined_or_nothing(self):
        whole = images.bitstream(FIRST)
        self.assertEqual(FIRST, images.read(whole))
        self.assertEqual(SECOND, images.read(images.bitstream(SECOND)))
        self.assertIsNone(images.read(b''))
        for content in (whole[:-1], whole + b'x', b'text',
                        images.bitstream(FIRST, 'region-2')):
            self.assertEqual('', images.read(content))

    def test_cyborg_is_told_where_glance_is(self):
        clouds = (self.folder / 'clouds.yaml').read_text()
        self.assertIn(f'{images.CLOUD}:', clouds)
        self.assertIn('http://127.0.0.1:9', clouds)
        self.assertIn('http://127.0.0.1:9', self.options)

    def test_each_function_has_one_image(self):
        for number, function in enumerate(images.FUNCTIONS):
            self.assertEqual([self.glance.good[number]],
                             self.glance.of(function))

    def test_what_is_wrong_is_so_for_a_while(self):
        data = self.folder / 'glance' / 'data' / self.glance.good[0]
        data.write_text('x')
        checked = 0
        for name, found in (('none', []), ('unfit', [self.glance.text]),
                            ('several', [self.glance.good[0],
                                         self.glance.copy]),
                            ('away', self.glance.good[:1]),
                            ('lost', self.glance.good[:1])):
            with self.subTest(name):
                before = (self.folder / 'clouds.yaml').read_text()
                with contextlib.suppress(KeyError), getattr(
                        self.glance, name)(FIRST):
                    self.assertEqual(found, self.glance.of(FIRST))
                    self.assertEqual(name != 'lost', data.exists())
                    self.assertEqual(
                        name == 'away',
                        before != (self.folder / 'clouds.yaml').read_text())
                    raise KeyError
                self.assertEqual(self.glance.good[:1],
                                 self.glance.of(FIRST))
                self.assertTrue(data.exists())
                self.assertEqual(
                    before, (self.folder / 'clouds.yaml').read_text())
                checked += 1
        self.assertEqual(len(program.WRONG), checked)

    def test_what_a_record_names_is_known_of_each_image(self):
        with self.glance.unfit(FIRST):
            pass
        self.assertEqual(FIRST, self.glance.named[self.glance.text])
        self.assertEqual(SECOND, self.glance.named[self.glance.good[1]])


class Driver(Folder):
    """The driver, without Cyborg's base classes."""

    def setUp(self):
        super().setUp()
        base = types.ModuleType('cyborg.accelerator.drivers.fpga.base')
        base.FPGADriver = type('FPGADriver', (), {})
        fake = types.ModuleType('cyborg.accelerator.drivers.fake')
        fake.FakeDriver = type('FakeDriver', (), {})
        names = {'cyborg': None, 'cyborg.accelerator': None,
                 'cyborg.accelerator.drivers': None,
                 'cyborg.accelerator.drivers.fpga': None,
                 base.__name__: base, fake.__name__: fake}
        self.enterContext(mock.patch.dict(sys.modules, {
            name: module or types.ModuleType(name)
            for name, module in names.items()}))
        self.enterContext(mock.patch.dict(os.environ, {
            'CYBORG_SPECS_DEVICES': str(self.folder / 'hardware.json')}))
        self.addCleanup(sys.modules.pop, 'systems.cyborg.driver', None)
        from systems.cyborg.driver import RegionDriver
        self.driver = RegionDriver()
        self.image = self.folder / 'image'
        self.image.write_bytes(images.bitstream(FIRST))
        self.stack = Stack.__new__(Stack)
        self.stack.folder, self.stack.devices = self.folder, {}
        self.stack._changing = threading.Lock()
        self.stack.handles = 2
        self.stack.sound_hardware()

    def loaded(self):
        return images.read((self.folder / 'region').read_bytes())

    def test_each_outcome(self):
        for outcome, answer, loaded in (
                ('ok', True, FIRST), ('false', False, ''),
                ('half', True, '')):
            self.stack.hardware(program=outcome)
            self.assertIs(answer, self.driver.program(None, self.image))
            self.assertEqual(loaded, self.loaded())
        self.stack.hardware(program='raise')
        with self.assertRaises(OSError):
            self.driver.program(None, self.image)
        self.assertEqual((4, 0), self.stack.writes())

    def test_a_write_waits_and_then_goes_on_as_is_said(self):
        self.stack.hardware(hold=True)
        answer = []
        thread = threading.Thread(target=lambda: answer.append(
            self.driver.program(None, self.image)))
        thread.start()
        while self.stack.writes() != (1, 1):
            self.assertTrue(thread.is_alive())
        self.assertEqual([], answer)
        self.stack.hardware(hold=False, program='half')
        thread.join(10)
        self.assertEqual([True], answer)
        self.assertEqual('', self.loaded())
        self.assertEqual((1, 0), self.stack.writes())


class Jobs(unittest.TestCase):
    """Which binds go on in pools of threads."""

    def test_they_are_counted_from_when_they_are_handed_over(self):
        self.addCleanup(setattr, ThreadPoolExecutor, 'submit',
                        ThreadPoolExecutor.submit)
        jobs, go_on = services.count_jobs(), threading.Event()

        def bind():
            go_on.wait(10)
            raise OSError

        def job_monitor(others):
            return [other.exception() for other in others]

        def something():
            return go_on.wait(10)
        self.assertEqual((0, 0), jobs())
        with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1) as beside:
            one, two = pool.submit(bind), pool.submit(bind)
            pool.submit(something)
            beside.submit(job_monitor, [one, two])
            self.assertEqual((2, 1), jobs())
            go_on.set()
        self.assertEqual((0, 0), jobs())


class FakeStack:
    """A stack with tables and a folder, in which writes are said to be."""

    provider, url, bus = 'rp', '', 'fake'

    def __init__(self, folder, database='mariadb'):
        self.folder, self.waiting, self.hardware_was = folder, 0, []
        connection = sqlite3.connect(':memory:', check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.executescript(TABLES)
        self.database = SimpleNamespace(kind=database, query=lambda text: [
            dict(row) for row in connection.execute(text)])
        self.nova = SimpleNamespace(events=[])
        self.images = SimpleNamespace(
            good=['one', 'two'], named={'one': FIRST, 'two': SECOND})

    def writes(self):
        return self.waiting, self.waiting

    def jobs(self):
        return self.waiting, self.waiting

    def hardware(self, **changes):
        self.hardware_was.append(changes)
        if changes.get('hold') is False:
            self.waiting = 0


class Systems(Folder):
    """With a system that has a fake stack."""

    def system(self, kind=Program):
        made = kind(FakeStack(self.folder), lambda stack: mock.Mock())
        made.uuids, made.notices = [None] * 2, [Notice.NONE] * 2
        made.guests, made.waits, made.posted = {}, set(), set()
        made.story, made.names = [], ['i', 'j']
        made.reachable = made.up = True
        made.home = threading.get_ident()
        return made


class Seen(Systems):
    """What is seen of a region, and what is done to it."""

    def test_a_region_and_its_record(self):
        made = self.system()
        self.assertEqual(Logic.NONE, made.observe()['loaded[0]'])
        self.assertEqual(Logic.NONE, made.observe()['recorded[0]'])
        (self.folder / 'region').write_bytes(images.bitstream(SECOND))
        made.stack.database.query(
            "UPDATE deployables SET bitstream_id = 'one'")
        self.assertEqual(Logic.SECOND, made.observe()['loaded[0]'])
        self.assertEqual(Logic.FIRST, made.observe()['recorded[0]'])
        (self.folder / 'region').write_bytes(b'half')
        self.assertEqual(Logic.PARTIAL, made.observe()['loaded[0]'])

    def test_a_region_that_is_written_is_looked_at_when_asked(self):
        made = self.system()
        made.stack.waiting = 1
        self.assertNotIn('loaded[0]', made.observe())
        self.assertIn('use[0]', made.observe())
        self.assertIn('loaded[0]', made.observe(whole=True))
        self.assertEqual([], made.findings)

    def test_two_writes_at_once_are_a_finding(self):
        made = self.system()
        made.stack.waiting = 2
        made.observe()
        (finding, _, _), = made.findings
        self.assertEqual('PROGBIND-020', finding.requirement)

    def test_what_comes_after_a_write_lets_it_end(self):
        made = self.system()
        made.stack.waiting = 1
        made.call('register', (0,))
        self.assertEqual(1, made.stack.waiting)
        made.call('run', (0,))
        self.assertEqual(0, made.stack.waiting)
        self.assertEqual({'hold': True, 'program': 'ok'},
                         made.stack.hardware_was[-1])

    def test_a_fault_of_a_write_needs_one(self):
        made = self.system()
        for name in ('fail_write', 'garble', 'lose_result',
                     'bind_times_out', 'refuse_trait'):
            with self.subTest(name), self.assertRaises(Refused):
                getattr(made, f'do_{name}')(0)
        made.stack.waiting = 1
        made.do_garble(0)
        self.assertIn({'hold': False, 'program': 'half'},
                      made.stack.hardware_was)

    def test_who_asks_for_what(self):
        by_function, by_image = self.system(), self.system(Share)
        self.assertEqual(
            [FIRST, SECOND], [group[images.FUNCTION] for group
                              in by_function.wanted().values()])
        self.assertEqual(
            ['one'], [group[images.BITSTREAM] for group
                      in by_image.wanted().values()])

    def test_nobody_but_cyborg_does_what_is_left(self):
        for kind in (Program, Share):
            made = self.system(kind)
            actions = chosen(made).model.actions
            done = made.actions(actions) | set(made.hidden) | {
                *program.LEFT}
            self.assertEqual(set(), {
                name for name, action in actions.items()
                if not action.fault} - done)
            self.assertLessEqual(
                {fault for fault, _ in program.WRONG.values()},
                set(actions))


class Scripted(Systems):
    """A walk of a system that does what a test says."""

    def walk(self, **ends):
        """A walk up to where a bind can be asked for."""
        made = self.system()
        made.start = lambda: None
        walk = ProgramWalk(made, None, 1)
        walk.begin()
        self.assertIsInstance(walk.oracle, Oracle)
        walk.oracle.step('claim', (0, 0))
        walk.oracle.step('post', (0,))
        made.call = lambda name, arguments: OK
        made.let = lambda outcome: None
        made.wrong = lambda what, instance: contextlib.nullcontext()
        self.seen = {
            'arq[0]': Arq.INITIAL, 'handle[0]': None,
            'notice[0]': Notice.NONE, 'use[0]': Use.FREE,
            'loaded[0]': Logic.NONE, 'recorded[0]': Logic.NONE, **ends}
        made.observe = lambda whole=False: self.seen
        return walk

    def test_a_bind_that_an_image_spoils_has_to_fail(self):
        walk = self.walk(**{'arq[0]': Arq.BIND_FAILED,
                            'notice[0]': Notice.SENT_FAILED})
        self.assertEqual([], walk.take(['with', 'none', ['ask_bind', 0]]))
        self.assertFalse(walk.over)

    def test_one_that_does_not_is_found(self):
        for wrong, ends in (
                ('none', {'arq[0]': Arq.BIND_STARTED}),
                ('away', {'arq[0]': Arq.BIND_STARTED}),
                ('unfit', {'arq[0]': Arq.BOUND, 'handle[0]': 0,
                           'use[0]': Use.IN_USE, 'loaded[0]': Logic.PARTIAL,
                           'recorded[0]': Logic.FIRST,
                           'notice[0]': Notice.SENT_OK})):
            with self.subTest(wrong):
                walk = self.walk(**ends)
                found = walk.take(['with', wrong, ['ask_bind', 0]])
                self.assertEqual(1, len(found))
                self.assertIn(f'with {wrong} + ask_bind: ',
                              found[0].signature)
                self.assertTrue(walk.over)

    def test_a_write_without_a_handle_is_seen_by_looking(self):
        walk = self.walk()
        walk.oracle.step('ask_bind', (0,))
        self.seen |= {'arq[0]': Arq.BIND_STARTED,
                      'loaded[0]': Logic.PARTIAL}
        found = walk.take(['look'])
        self.assertIn('look: loaded is PARTIAL', found[0].signature)

    def test_a_kill_is_the_fault_of_those_who_are_killed(self):
        """A write stays half done, and the bind is not ended: of a killed
        conductor that is known to be so, of a killed agent it is not.
        """
        for name, parts, stays in (
                ('kill', {'conductor', 'agent'}, 1),
                ('kill conductor', {'conductor'}, 1),
                ('kill agent', {'agent'}, 1)):
            with self.subTest(name):
                walk = self.walk()
                walk.oracle.step('ask_bind', (0,))
                walk.oracle.observe({'arq[0]': Arq.BIND_STARTED})
                restarted = []
                walk.system.stack.serves = lambda part: part
                walk.system.stack.restart = restarted.append
                walk.system.stack.writes_ended = functools.partial(
                    restarted.append, 'no write')
                walk.system.wait = lambda: None
                self.seen |= {'arq[0]': Arq.BIND_STARTED, 'handle[0]': 0,
                              'use[0]': Use.IN_USE}
                found = walk.take([name])
                self.assertEqual(parts | ({'no write'} if 'agent' in parts
                                          else set()), {*restarted})
                self.assertEqual(stays, len(found))
                self.assertEqual({name: 1}, walk.interrupted)
                self.assertIn(f'wait after {name}: arq is BIND_STARTED',
                              found[0].signature)

    def test_each_kill_comes_first_amid_a_write(self):
        for bus, kills in (('fake', {'kill'}), ('rabbit', {*program.KILLS})):
            FakeStack.bus = bus
            self.addCleanup(setattr, FakeStack, 'bus', 'fake')
            walk = self.walk()
            walk.oracle.step('ask_bind', (0,))
            walk.system.stack.waiting = 1
            self.assertEqual(kills, {name for name, _ in walk.choices()})
            walk.names.update(kills)
            self.assertIn('look', {name for name, _ in walk.choices()})

    def test_a_crash_after_the_write(self):
        """It is caught at a point of the job that the request left behind."""
        walk = self.walk()
        stack = walk.system.stack
        done, go = [], threading.Event()

        @contextlib.contextmanager
        def held(point):
            done.append(point)
            yield go.is_set
        stack.held, stack.crash, stack.restart = held, (
            lambda part: done.append(f'crash {part}')), (
            lambda part: done.append(f'restart {part}'))
        turns = iter([(1, 1)] * 3)

        def jobs():
            return next(turns, None) or (go.set(), (1, 1))[1]
        stack.jobs = jobs
        walk.system.wait = lambda: None
        self.seen |= {'arq[0]': Arq.BIND_FAILED, 'handle[0]': None,
                      'notice[0]': Notice.SENT_FAILED}
        step = ['crash', 'before Bound', ['ask_bind', 0]]
        self.assertEqual([], walk.take(step))
        self.assertEqual(['before Bound', 'crash conductor',
                          'restart conductor'], done)
        self.assertEqual({'crash': 1}, walk.interrupted)
        self.assertEqual([{'hold': False}, {'hold': True}],
                         stack.hardware_was[-2:])
        steps = [*walk._overlaps([['ask_bind', 0]])]
        self.assertIn(step, steps)
        self.assertNotIn('before BindStarted', [one[1] for one in steps])

    def test_what_an_operator_programmed_is_told(self):
        walk = self.walk(**{'loaded[0]': Logic.FIRST})
        walk.system.wait = lambda: None
        found = walk.take(['program', 0]) + walk.take(['wait'])
        self.assertIn('recorded is NONE, an operator programmed',
                      found[-1].signature)

    def test_what_power_takes_is_no_longer_recorded(self):
        walk = self.walk()
        walk.system.do_power = lambda: None
        self.assertEqual([], walk.take(['power']))

    def test_steps_amid_a_write(self):
        walk = self.walk()
        names = {name for name, _ in walk.choices()}
        self.assertIn('power', names)
        self.assertFalse(names & {'look', 'kill', 'go_on'})
        walk.oracle.step('ask_bind', (0,))
        walk.system.stack.waiting = 1
        names = {name for name, _ in walk.choices()}
        self.assertEqual({'kill'}, names)
        walk.names['kill'] += 1
        names = {name for _ in range(9) for name, _ in walk.choices()}
        self.assertLessEqual({'look', 'kill', 'go_on', 'fail_write'}, names)
        self.assertFalse(names & {'power', 'with', 'program'})
        for _ in range(30):
            self.assertNotEqual(['wait'], walk.propose())


class Profiles(unittest.TestCase):
    """What may come of a device profile."""

    def judged(self, step, state, events, status=202):
        made = profiles.Profiles.__new__(profiles.Profiles)
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        made.stack = SimpleNamespace(folder=folder)
        (folder / 'region').write_bytes(
            images.bitstream(profiles.FUNCTION))
        return list(made._judge('x', *profiles.contract(*step),
                                Reply(status, ''), state, events))

    def test_each_step_that_is_made_has_a_contract(self):
        made = profiles.Profiles.__new__(profiles.Profiles)
        made.chance = random.Random(1)
        steps = {tuple(made.propose()) for _ in range(300)}
        self.assertEqual(27, len(steps))
        for step in steps:
            states, requirement = profiles.contract(*step)
            self.assertLessEqual({*states}, {'Bound', 'BindFailed'})
            self.assertTrue(requirement)
        json.dumps(sorted(steps))

    def test_what_is_allowed_is_no_finding(self):
        for step, state, event in (
                (('function', 'plain', 'one'), 'Bound', 'completed'),
                (('function', 'plain', 'none'), 'BindFailed', 'failed'),
                (('bitstream', 'plain', 'without function'), 'BindFailed',
                 'failed')):
            self.assertEqual([], self.judged(step, state, [event]))

    def test_what_is_not_is_one(self):
        one = 'function', 'with hyphens', 'one'
        for step, state, events, words in (
                (one, 'BindStarted', [], 'the ARQ is BindStarted; events'),
                (one, 'Bound', [], 'events are none'),
                (one, 'Bound', ['completed', 'failed'], 'events are'),
                (('function', 'plain', 'none'), 'Bound', ['completed'],
                 'the ARQ is Bound')):
            (found,) = self.judged(step, state, events)
            self.assertIn(words, found.signature)
        (found,) = self.judged(one, 'Bound', ['completed'], 500)
        self.assertIn('answer 500', found.signature)
        self.assertEqual('PROGBIND-027', found.requirement)

    def test_a_region_that_holds_something_else(self):
        made = profiles.Profiles.__new__(profiles.Profiles)
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        made.stack = SimpleNamespace(folder=folder)
        (found,) = made._judge('x', ('Bound',), 'HANDLE-011', Reply(202),
                               'Bound', ['completed'])
        self.assertEqual('PROGBIND-001', found.requirement)


class Record(unittest.TestCase):
    """What is on record of programming."""

    def test_programming_is_on_record(self):
        rows = [row for row in known.Known.read().rows
                if row['mode'].split()[0] in ('program', 'share',
                                              'profiles')]
        self.assertGreaterEqual(len(rows), 15)
        steps = {step[0] for row in rows for step in row['trace']}
        self.assertLessEqual({'with', 'fail_write', 'look', 'power',
                              'function'}, steps)

    def test_what_is_like_it_is_not_on_record(self):
        """Each is an entry, a signature, and signatures that differ."""
        record = known.Known.read()

        def matched(text):
            row = record.match(Finding(text, '', '', ''))
            return row and row['id']
        checked = 0
        for row, text, others in (
                ('B6', 'fail_write: loaded is PARTIAL [PROGBIND-012] of '
                 'BOUND', (
                     'go_on: loaded is PARTIAL [PROGBIND-012] of BOUND',
                     'fail_write: loaded is PARTIAL [PROGBIND-012] of '
                     'BIND_STARTED')),
                ('Q2', 'garble: loaded is PARTIAL [PROGBIND-012] of BOUND', (
                    'garble: loaded is PARTIAL [PROGBIND-012] of BOUND '
                    'beyond Q2',
                    'with lost + ask_bind: loaded is PARTIAL '
                    '[PROGBIND-012] of BOUND',
                    'ask_bind: loaded is PARTIAL [PROGBIND-012] of BOUND')),
                ('Q8', 'with none + ask_bind: arq is BIND_STARTED; notice '
                 'is NONE [PROGBIND-019] of BIND_STARTED', (
                     'with none + ask_bind: arq is BOUND; notice is '
                     'SENT_OK [PROGBIND-019] of BOUND',
                     'with lost + ask_bind: arq is BIND_STARTED; notice is '
                     'NONE [PROGBIND-019] of BIND_STARTED')),
                ('Q8', 'function plain, image none: the ARQ is BindStarted; '
                 'events are none', (
                     'function plain, image one: the ARQ is BindStarted; '
                     'events are none',
                     'function plain, image none: the ARQ is Bound')),
                ('Q22', 'look: loaded is PARTIAL [PROGBIND-014] of '
                 'BIND_STARTED', (
                     'ask_bind: loaded is PARTIAL [PROGBIND-014] of '
                     'BIND_STARTED',)),
                ('Q23', 'look: loaded is PARTIAL [PROGBIND-014] of '
                 'BIND_STARTED, BOUND', (
                     'power: loaded is PARTIAL [PROGBIND-014] of BOUND',)),
                ('power', 'power: recorded is FIRST [PROGBIND-012] of no '
                 'row', (
                     'power: loaded is FIRST [PROGBIND-012] of no row',
                     'power: recorded is NONE [PROGBIND-012] of no row',
                     'power: recorded is FIRST [ARQ-030] of no row',
                     'power: recorded is FIRST [PROGBIND-012] of BOUND',
                     'power: recorded is FIRST [PROGBIND-012] of a leak',
                     'power: recorded is FIRST [PROGBIND-012] of '
                     'BIND_FAILED untold',
                     'power: recorded is FIRST; use is IN_USE '
                     '[PROGBIND-012] of BIND_STARTED')),
                ('power', 'power: arq is BOUND; handle is some; notice is '
                 'TOLD; recorded is FIRST; use is IN_USE [PROGBIND-012] of '
                 'BOUND, INITIAL', (
                     'power: arq is BOUND; handle is some; notice is TOLD; '
                     'recorded is FIRST; use is IN_USE [PROGBIND-012] of '
                     'INITIAL',
                     'power: arq is BOUND; handle is some; notice is TOLD; '
                     'recorded is FIRST; use is IN_USE [PROGBIND-012] of '
                     'BOUND, a leak',
                     'power: arq is BOUND; handle is some; notice is NONE; '
                     'recorded is FIRST; use is IN_USE [PROGBIND-012] of '
                     'BOUND untold',
                     'power: arq is BOUND; handle is some; notice is TOLD; '
                     'recorded is FIRST; use is FREE [PROGBIND-012] of '
                     'BOUND')),
                ('B22', 'wait after claim: recorded is NONE, an operator '
                 'programmed [PROGBIND-017] of no row', (
                     'wait after claim: recorded is NONE [PROGBIND-017] of '
                     'no row',
                     'claim: recorded is NONE, an operator programmed '
                     '[PROGBIND-017] of no row',
                     'wait after claim: recorded is NONE, an operator '
                     'programmed [PROGBIND-017] of BOUND',
                     'wait after claim: recorded is NONE, an operator '
                     'programmed [PROGBIND-017] of INITIAL, a leak',
                     'wait after claim: loaded is FIRST; recorded is NONE, '
                     'an operator programmed [PROGBIND-017] of no row')),
                ('B22', 'program: recorded is SECOND [PROGBIND-022] of '
                 'INITIAL', (
                     'go_on: recorded is SECOND [PROGBIND-022] of INITIAL',
                     'program: recorded is SECOND [PROGBIND-022] of BOUND',
                     'program: recorded is SECOND [ARQ-005] of INITIAL')),
                ('B22', 'wait after program: nothing more comes '
                 '[PROGBIND-020]', (
                     'wait after post: nothing more comes '
                     '[PROGBIND-020]',
                     'wait after program: nothing more comes '
                     '[PROGBIND-016]')),
                ('Q22', 'crash before the handle is taken + ask_bind: loaded '
                 'is FIRST; recorded is FIRST [ARQ-090] of BIND_STARTED', (
                     'crash before Bound + ask_bind: loaded is FIRST; '
                     'recorded is FIRST [ARQ-090] of BIND_STARTED',
                     'crash before the handle is taken + ask_bind: loaded '
                     'is PARTIAL [ARQ-090] of BIND_STARTED',
                     'crash before the handle is taken + ask_bind: loaded '
                     'is FIRST; recorded is FIRST [ARQ-090] of BOUND')),
                ('crashb', 'crash before the handle is named + ask_bind: '
                 'handle is None [HANDLE-010] of BIND_STARTED', (
                     'crash before Bound + ask_bind: handle is None '
                     '[HANDLE-010] of BIND_STARTED',
                     'crash before the handle is named + ask_bind: handle '
                     'is None [HANDLE-010] of BOUND with no handle',
                     'crash before the handle is named + ask_bind: handle '
                     'is None [HANDLE-010] of BIND_STARTED, a leak')),
                ('Q26', 'program: done [PROGBIND-022]', (
                    'program: done [PROGBIND-020]',
                    'program: refused [PROGBIND-022]')),
                ('Q26', 'together ask_bind + program: loaded is FIRST '
                 '[PROGBIND-012] of BOUND, INITIAL', (
                     'together ask_bind + rebind: loaded is FIRST '
                     '[PROGBIND-012] of BOUND, INITIAL',
                     'together ask_bind + program: loaded is PARTIAL '
                     '[PROGBIND-012] of BOUND, INITIAL',
                     'together ask_bind + program: loaded is FIRST '
                     '[PROGBIND-012] of BIND_STARTED, INITIAL')),
                ('P6e', 'together rebind + rebind: arq is BIND_FAILED '
                 '[HANDLE-020] of BIND_FAILED with a handle, INITIAL', (
                     'together rebind + rebind: arq is BIND_FAILED '
                     '[HANDLE-020] of BIND_FAILED with no handle, INITIAL',
                     'together rebind + unbind: arq is BIND_FAILED '
                     '[HANDLE-020] of BIND_FAILED with a handle, INITIAL')),
                ('Q21', 'delete_arq: use is FREE [HANDLE-031] of INITIAL', (
                    'delete_arq: use is IN_USE [HANDLE-031] of INITIAL',
                    'ask_bind: use is FREE [HANDLE-031] of INITIAL'))):
            self.assertEqual(row, matched(text))
            for other in others:
                with self.subTest(other):
                    self.assertIsNone(matched(other))
                    checked += 1
        self.assertEqual(47, checked)


if __name__ == '__main__':
    unittest.main()
