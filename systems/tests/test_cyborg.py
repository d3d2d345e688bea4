"""How what the real Cyborg answers is read, without the real Cyborg.

Replies and rows here were recorded from it.  ``tox -e cyborg`` runs it.
"""

import contextlib
import io
import itertools
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from cyborg_models import registry
from cyborg_models.conformance import contract as contracts
from cyborg_models.conformance.itself import ModelSystem
from cyborg_models.conformance.oracle import (
    OK,
    UNKNOWN,
    Divergence,
    Oracle,
)
from cyborg_models.conformance.suite import (
    HarnessError,
    Refused,
    Unknown,
    chosen,
)
from cyborg_models.kernel.language import Action, Step
from cyborg_models.stein.vocabulary import Arq, Logic, Notice, Use
from systems.cyborg import __main__ as command
from systems.cyborg import adapter, explore, known, nova, requests, runs
from systems.cyborg.adapter import Reply, Row, Snapshot
from systems.cyborg.explore import kind, label, read_divergence
from systems.cyborg.program import Program, Share
from systems.cyborg.requests import Allowed, Finding, Request
from systems.cyborg.stack import (
    LIMIT,
    REPORTS,
    WHILE_WE_RUN,
    Stack,
    StackError,
)

ERROR = {'error_message': json.dumps({
    'faultcode': 'Server', 'debuginfo': None, 'faultstring':
    "Bad state: Bound for ARQ: d3a95d5e-4d14-4dc7-af02-8b04b21d4753. "
    "Expected state(s): ['Initial', 'Unbound']"})}
FIRST = '988f7257-1b85-485b-a4d4-ce430aaa9594'
SECOND = '3ea663fc-1059-4a3c-8312-95337d6e7cec'
INSTANCE = requests.INSTANCES[0]
TABLES = '''
CREATE TABLE extended_accelerator_requests (
 id INTEGER, uuid TEXT, state TEXT, instance_uuid TEXT,
 attach_handle_id INTEGER, project_id TEXT, device_profile_id INTEGER);
CREATE TABLE attach_handles (id INTEGER, attach_info TEXT, in_use INTEGER);
CREATE TABLE device_profiles (id INTEGER, name TEXT);
CREATE TABLE devices (status TEXT);
INSERT INTO device_profiles VALUES (1, 'one');
INSERT INTO devices VALUES ('enabled');
'''


def row(state, instance=None, handle=None):
    return Row(state, instance, handle, 'p', 1)


class Rows:
    """Tables of Cyborg with some rows."""

    def __init__(self, arqs=(), handles=((1, 0), (2, 0))):
        self.connection = sqlite3.connect(':memory:')
        self.connection.row_factory = sqlite3.Row
        self.connection.executescript(TABLES)
        for number, (uuid, state, instance, handle) in enumerate(arqs):
            self.connection.execute(
                'INSERT INTO extended_accelerator_requests VALUES '
                '(?, ?, ?, ?, ?, ?, 1)',
                (number, uuid, state, instance, handle, 'p'))
        for function, used in handles:
            self.connection.execute(
                'INSERT INTO attach_handles VALUES (?, ?, ?)',
                (10 + function, json.dumps({
                    'domain': '0000', 'bus': '0c', 'device': '0',
                    'function': str(function)}), used))

    def query(self, text, *arguments):
        return [dict(one) for one in self.connection.execute(
            text.replace('%s', '?'), arguments)]


class Reading(unittest.TestCase):
    """Replies, rows and lists."""

    def test_a_fault_is_read_from_where_it_is(self):
        self.assertIn('Bad state: Bound', Reply(500, ERROR).fault)
        self.assertEqual('plain', Reply(
            500, {'error_message': 'plain'}).fault)
        self.assertEqual('No row 1', Reply(404, {'error_message': json.dumps({
            'faultstring': 'No row 1\nTraceback (most recent call last):\n'
            '  File "x.py", line 1'})}).fault)
        for body in (None, 'text', [], {}, {'error_message': None}):
            self.assertEqual('', Reply(500, body).fault, body)

    def test_words_leave_out_what_differs(self):
        self.assertEqual(
            'Bad state: Bound for ARQ: _. Expected state(s): _',
            requests.words(Reply(500, ERROR).fault))
        self.assertEqual(requests.words('a 7\nb'), requests.words('a 12\nc'))
        self.assertEqual('a', requests.words('Remote error: DBError a'))

    def test_a_reply_that_is_no_json(self):
        def no_json():
            raise ValueError
        self.assertEqual(Reply(502, 'Bad Gateway'), adapter.read_reply(
            SimpleNamespace(status_code=502, text='Bad Gateway',
                            json=no_json)))

    def test_rows(self):
        rows = Rows([(FIRST, 'Bound', INSTANCE, 11),
                     (SECOND, 'Initial', None, None)], [(1, 1), (2, 1)])
        now = adapter.snapshot(rows.query)
        self.assertEqual([FIRST, SECOND], list(now.rows))
        self.assertEqual(row('Bound', INSTANCE, 11), now.rows[FIRST])
        self.assertEqual({11: True, 12: True}, now.used)
        self.assertEqual([12], now.leaked())
        self.assertFalse(now.maintained)
        rows.connection.execute("UPDATE devices SET status = 'maintaining'")
        self.assertTrue(adapter.snapshot(rows.query).maintained)

    def test_a_list_is_held_to_the_rows(self):
        now = Snapshot({FIRST: row('Bound')})
        good = Reply(200, {'arqs': [{'uuid': FIRST, 'state': 'Bound'}]})
        self.assertEqual('', adapter.read_listing(good, now))
        self.assertIn('400', adapter.read_listing(Reply(400), now))
        self.assertTrue(adapter.read_listing(Reply(200, {'arqs': []}), now))

    def test_bodies(self):
        body = adapter.bind_body([FIRST], INSTANCE, 'rp')
        self.assertEqual({'add'}, {one['op'] for one in body[FIRST]})
        self.assertEqual(
            {'/hostname', '/device_rp_uuid', '/instance_uuid'},
            {one['path'] for one in adapter.unbind_body([FIRST])[FIRST]})


class Changing(unittest.TestCase):
    """A body in which one place is changed."""

    body = adapter.bind_body([FIRST], INSTANCE, 'rp')

    def test_each_place_has_a_name(self):
        names = {requests.name_place(self.body, path)
                 for path in requests.places(self.body)}
        self.assertEqual({'body', 'patch', 'entry', 'op', 'path', 'hostname',
                          'device_rp_uuid', 'instance_uuid'}, names)

    def test_a_change_leaves_the_rest(self):
        before = json.dumps(self.body)
        checked = 0
        for path in requests.places(self.body):
            new = requests.changed(self.body, path, 'x')
            self.assertNotEqual(self.body, new)
            if path:
                self.assertNotEqual(self.body, requests.dropped(
                    self.body, path))
            checked += 1
        self.assertEqual(14, checked)
        self.assertEqual(before, json.dumps(self.body))


class Contract(unittest.TestCase):
    """What the table of the REST API allows."""

    order = [FIRST, SECOND]

    def allowed(self, name, states, change='', instance=INSTANCE, **more):
        before = Snapshot(
            {arq: row(state, INSTANCE if state in (
                'Bound', 'BindFailed') else None)
             for arq, state in zip(self.order, states, strict=False)},
            {11: False, 12: False}, **more)
        call = ('POST', adapter.ARQS, {
            'json': {'device_profile_name': 'two'}})
        arqs = (0,) if name != 'create' else ()
        return requests.contract(
            Request(name, call, change, arqs, instance=instance),
            before, self.order, {'two': 2})

    def test_answers(self):
        other = requests.INSTANCES[1]
        for expected, requirement, case in (
                ((201,), 'ARQ-007', ('create', ())),
                ((400,), 'ARQ-028', ('create', (), 'unknown profile')),
                ((202,), 'HANDLE-011', ('bind', ('Initial',))),
                ((409,), 'ARQ-027', ('bind', ('Bound',), '', other)),
                ((202,), 'ARQ-024', ('bind', ('Bound',))),
                ((409,), 'ARQ-027', ('bind', ('BindStarted',))),
                ((409,), 'ARQ-027', ('bind', ('Initial', 'Bound'))),
                ((400,), 'ARQ-019', ('bind', ('Initial',),
                                     'provider unknown')),
                ((400,), 'ARQ-026', ('bind', ('Initial',),
                                     'another instance besides')),
                ((400,), 'ARQ-028', ('bind', ('Initial',),
                                     'op is absent')),
                ((403,), 'ARQ-072', ('bind', ('Initial',), 'by user')),
                ((409,), 'ARQ-020', ('unbind', ('Initial',))),
                ((202,), 'ARQ-020', ('unbind', ('Bound',))),
                ((204, 202), 'ARQ-061', ('delete', ('BindStarted',))),
                ((409,), 'ARQ-008', ('delete profile', ('Bound',))),
                ((423,), 'ARQ-038', ('list', ('Initial',))),
                ((200,), 'ARQ-038', ('list', ('Bound',)))):
            with self.subTest(case):
                found = self.allowed(*case)
                self.assertEqual(expected, found.statuses)
                self.assertEqual(requirement, found.requirement)

    def test_a_device_in_maintenance_is_bound_to_nobody(self):
        found = self.allowed('bind', ('Initial',), maintained=True)
        self.assertEqual({FIRST: ('BindFailed',)}, found.after)
        self.assertEqual('HANDLE-014', found.requirement)

    def test_one_of_two_finds_no_handle(self):
        before = Snapshot({FIRST: row('Initial'), SECOND: row('Initial')},
                          {11: True, 12: False})
        found = requests.contract(
            Request('bind', ('PATCH', adapter.ARQS, {}), '', (0, 1),
                    instance=INSTANCE), before, self.order, {})
        self.assertEqual({FIRST: ('BindFailed',), SECOND: ('BindFailed',)},
                         found.after)
        self.assertEqual(2, found.events)


class Judging(unittest.TestCase):
    """What happened beside what is allowed."""

    def found(self, allowed, before, after, status, events=0, name='bind'):
        return list(requests.differences(
            Request(name, ()), before, after, allowed, Reply(status),
            events))

    def test_what_is_allowed_is_no_finding(self):
        self.assertEqual([], self.found(
            Allowed((202,), 'ARQ-030', {FIRST: ('Bound',)}, events=1),
            Snapshot({FIRST: row('Initial')}, {11: False}),
            Snapshot({FIRST: row('Bound', INSTANCE, 11)}, {11: True}),
            202, 1))

    def test_each_difference_is_one(self):
        before = Snapshot({FIRST: row('Initial')}, {11: False})
        nothing = Allowed((400,), 'ARQ-019')
        for after, status, events, text in (
                (before, 500, 0, 'answer 500'),
                (Snapshot({FIRST: row('BindStarted')}, {11: False}), 400, 0,
                 'Initial becomes BindStarted'),
                (Snapshot({}, {11: False}), 400, 0,
                 'Initial becomes no row'),
                (Snapshot({**before.rows, SECOND: row('Initial')},
                          {11: False}), 400, 0, 'rows are added'),
                (Snapshot(before.rows, {11: True}), 400, 0,
                 'no row names it'),
                (before, 400, 1, 'more events')):
            with self.subTest(text):
                found = self.found(nothing, before, after, status, events)
                self.assertEqual(1, len(found))
                self.assertIn(text, found[0][2])

    def test_half_of_a_request(self):
        found = self.found(
            Allowed((201,), 'ARQ-007', new=2), Snapshot(),
            Snapshot({FIRST: row('Initial')}), 500, name='create')
        self.assertEqual('ARQ-003', found[0][0])

    def test_a_deletion_may_take_its_time(self):
        both = Snapshot({FIRST: row('Bound')})
        allowed = Allowed((204, 202), 'ARQ-061', {FIRST: (None,)})
        self.assertEqual([], self.found(allowed, both, both, 202,
                                        name='delete'))
        self.assertEqual(1, len(self.found(allowed, both, both, 204,
                                           name='delete')))


class Sent(unittest.TestCase):
    """Requests that are made, told and sent again."""

    def setUp(self):
        self.made = requests.Requests.__new__(requests.Requests)
        self.made.stack = SimpleNamespace(provider='rp-1', root='rp-0')
        self.made.order = [FIRST, SECOND]

    def test_a_step_holds_no_name_of_a_run(self):
        request = Request('bind', ('PATCH', adapter.ARQS, {
            'json': adapter.bind_body([SECOND], INSTANCE, 'rp-1')}),
            arqs=(1,), instance=INSTANCE)
        told = self.made.encode(request)
        self.assertNotIn(SECOND, json.dumps(told))
        self.assertIn('@1', told['call'][2]['json'])
        self.assertEqual(request, self.made.decode(
            json.loads(json.dumps(told))))

    def test_a_row_that_is_not_there_is_an_unknown_one(self):
        self.made.order = []
        again = self.made.decode({
            'name': 'delete', 'call': ['DELETE', adapter.ARQS, {
                'params': {'arqs': '@3'}}], 'change': '', 'arqs': [3],
            'caller': 'service', 'instance': ''})
        self.assertEqual(requests.UNKNOWN, again.call[2]['params']['arqs'])
        self.assertEqual((), again.arqs)


class Played(unittest.TestCase):
    """Nova and all else that is played."""

    def played(self, arqs=(), handles=((1, 0), (2, 0)), events=()):
        rows = Rows(arqs, handles)
        stack = SimpleNamespace(
            database=SimpleNamespace(query=rows.query), url='', provider='rp',
            nova=SimpleNamespace(events=list(events)), rest=mock.Mock())
        made = nova.Release(stack, lambda stack: mock.Mock())
        made.uuids = [FIRST, None]
        made.notices = [Notice.NONE] * 2
        made.guests, made.waits, made.posted = {}, set(), set()
        made.names, made.story = [INSTANCE, 'i2'], []
        made.reachable = made.up = True
        return made

    def test_what_is_seen(self):
        made = self.played([(FIRST, 'Bound', INSTANCE, 12)], [(1, 0), (2, 1)],
                           [(INSTANCE, FIRST, 'completed')])
        seen = made.observe()
        self.assertEqual(Arq.BOUND, seen['arq[0]'])
        self.assertEqual(Arq.ABSENT, seen['arq[1]'])
        self.assertEqual(1, seen['handle[0]'])
        self.assertIsNone(seen['handle[1]'])
        self.assertEqual(Notice.SENT_OK, seen['notice[0]'])
        self.assertEqual(Use.FREE, seen['use[0]'])
        self.assertEqual(Use.IN_USE, seen['use[1]'])

    def test_a_handle_that_a_guest_has_is_not_free(self):
        made = self.played()
        made.guests = {0: 0}
        self.assertEqual(Use.CLEANING, made.observe()['use[0]'])
        made.up = False
        self.assertNotIn('use[1]', made.observe())

    def test_a_handle_that_is_missing(self):
        self.assertEqual(Use.GONE, self.played(
            handles=[(1, 0)]).observe()['use[1]'])

    def test_a_failed_event(self):
        made = self.played([(FIRST, 'BindFailed', INSTANCE, None)],
                           events=[(INSTANCE, FIRST, 'failed')])
        self.assertEqual(Notice.SENT_FAILED, made.observe()['notice[0]'])
        made.do_lose_event(0)
        self.assertEqual(Notice.LOST, made.observe()['notice[0]'])

    def test_answers(self):
        made = self.played([(FIRST, 'Initial', None, None)])
        made.client.bind.return_value = Reply(202)
        made.do_ask_bind(0)
        made.client.bind.return_value = Reply(409, 'x')
        with self.assertRaises(Refused):
            made.do_ask_bind(0)
        self.assertEqual([], made.findings)
        made.client.bind.return_value = Reply(None)
        with self.assertRaises(Unknown):
            made.do_ask_bind(0)
        self.assertEqual([], made.findings)
        made.stack.rest.assert_not_called()
        for number, text in enumerate((
                'No reply on topic cyborg-agent',
                'Timed out waiting for a reply to message ID 1f'), 1):
            made.client.bind.return_value = Reply(
                500, {'error_message': text})
            with self.assertRaises(Unknown):
                made.do_ask_bind(0)
            self.assertEqual([], made.findings)
            self.assertEqual(number, made.stack.rest.call_count)
        made.client.bind.return_value = Reply(500, ERROR)
        with self.assertRaises(Unknown):
            made.do_ask_bind(0)
        (finding, _, _), = made.findings
        self.assertEqual('ARQ-027', finding.requirement)
        self.assertIn('answer 500', finding.signature)

    def test_what_is_under_way_already_counts_once(self):
        made = self.played()
        made.flying = [('delete', 0)]
        made.client.delete.return_value = Reply(204)
        with self.assertRaises(Refused):
            made.do_delete_arq(0)

    def test_a_profile_is_made_again_if_the_bus_gave_up(self):
        late = Reply(500, {'error_message': 'No reply on topic x'})
        made = self.played()
        query = made.stack.database.query
        query('DELETE FROM device_profiles')
        for replies, sent in (([Reply(201)], 1), ([late, Reply(201)], 2)):
            made.admin = mock.Mock()
            made.admin.send.side_effect = replies
            made._profile('one', {})
            self.assertEqual(sent, made.admin.send.call_count)
        for replies, sent in (([Reply(500, ERROR)], 1),
                              ([late] * REPORTS, REPORTS)):
            made.admin.send = mock.Mock(side_effect=replies)
            with self.assertRaises(HarnessError):
                made._profile('one', {})
            self.assertEqual(sent, made.admin.send.call_count)
        # It was made all the same.
        query("INSERT INTO device_profiles VALUES (1, 'one')")
        made.admin.send = mock.Mock(side_effect=[late])
        made._profile('one', {})

    def test_what_a_second_bind_does_is_not_known(self):
        made = self.played([(FIRST, 'Unbound', None, None)])
        made.client.bind.return_value = Reply(202)
        made._bind([0])
        made.flying = [('bind', 0)]
        with self.assertRaises(Unknown):
            made._bind([0])

    def test_nobody_but_cyborg_does_what_is_left(self):
        for each in (nova.Release, nova.Group, nova.Twins):
            with self.subTest(each.__name__):
                made = each(SimpleNamespace(url=''), lambda stack: None)
                actions = chosen(made).model.actions
                done = made.actions(actions) | set(made.hidden)
                self.assertEqual(set(), {
                    name for name, action in actions.items()
                    if not action.fault} - done)


class Told(unittest.TestCase):
    """What an oracle says, as a finding."""

    def oracle(self):
        model = registry.choose('stein.release', ['faults=3'])
        return Oracle(model, controlled=('claim', 'post', 'unbind'),
                      hidden=[name for name in nova.HIDDEN
                              if name in model.model.actions])

    def test_a_signature_has_no_numbers(self):
        oracle = self.oracle()
        with self.assertRaises(Divergence) as caught:
            oracle.observe({'arq[0]': Arq.BOUND, 'handle[0]': 0})
        found = read_divergence(caught.exception, 'claim', 'ARQ-015')
        self.assertEqual('claim: arq is BOUND; handle is some [ARQ-015]'
                         ' of BOUND', found.signature)
        self.assertIn('ABSENT', found.expected)

    def test_what_should_have_been_refused(self):
        oracle = self.oracle()
        oracle.step('claim', (0, 0))
        oracle.step('post', (0,))
        with self.assertRaises(Divergence) as caught:
            oracle.step('unbind', (0,))
        self.assertEqual('ARQ-020', caught.exception.requirement)
        self.assertEqual('unbind: done [ARQ-020]', read_divergence(
            caught.exception, 'unbind', 'ARQ-020').signature)

    def test_steps_in_words(self):
        crash = ['crash', 'before Bound', ['ask_bind', 1]]
        for trace, words in (
                ([], 'start'), ([['wait']], 'wait'),
                ([['claim', 0, 0]], 'claim'),
                ([crash], 'crash before Bound + ask_bind'),
                ([crash, ['wait']],
                 'wait after crash before Bound + ask_bind'),
                ([['together', ['unbind', 0], ['unbind', 1]]],
                 'together unbind + unbind')):
            self.assertEqual(words, label(trace))
        self.assertEqual('some', kind('1'))
        self.assertEqual('GONE', kind('GONE'))


class Pictured(unittest.TestCase):
    """The rows in a signature: what the nearest state hides."""

    def signature(self, settings, **seen):
        model = registry.choose('stein.release', settings)
        oracle = Oracle(model, controlled=('claim', 'post'))
        with self.assertRaises(Divergence) as caught:
            oracle.observe({
                f'{name}[{member}]': value for name, values in seen.items()
                for member, value in enumerate(values)})
        return read_divergence(caught.exception, 'x', 'R-1').signature

    def test_what_is_odd_about_a_row(self):
        for arq, handle, notice, words in (
                (Arq.BOUND, 0, Notice.SENT_OK, 'BOUND'),
                (Arq.BOUND, 0, Notice.NONE, 'BOUND untold'),
                (Arq.BOUND, None, Notice.SENT_OK, 'BOUND with no handle'),
                (Arq.BIND_FAILED, None, Notice.SENT_FAILED, 'BIND_FAILED'),
                (Arq.BIND_FAILED, 0, Notice.NONE,
                 'BIND_FAILED with a handle untold'),
                (Arq.INITIAL, None, Notice.NONE, 'INITIAL')):
            with self.subTest(words):
                self.assertTrue(self.signature(
                    ['instances=1'], arq=[arq], handle=[handle],
                    notice=[notice]).endswith(f' of {words}'))

    def test_a_handle_that_no_row_names_leaks(self):
        for arq, handle, words in ((Arq.BOUND, 1, 'BOUND'),
                                   (Arq.BOUND, 0, 'BOUND, a leak'),
                                   (Arq.ABSENT, None, 'a leak')):
            with self.subTest(words):
                self.assertTrue(self.signature(
                    ['instances=1', 'handles=2'], arq=[arq], handle=[handle],
                    use=[Use.FREE, Use.IN_USE]).endswith(f' of {words}'))

    def test_only_instances_of_which_something_differs(self):
        oracle = Oracle(registry.choose('stein.release', [
            'instances=2', 'handles=2']),
                        controlled=('claim', 'post'))
        for instance in (0, 1):
            oracle.step('claim', (instance, 0))
            oracle.step('post', (instance,))
        for seen, words in (
                ((Arq.INITIAL, Arq.BIND_STARTED), 'BIND_STARTED'),
                ((Arq.BIND_STARTED, Arq.INITIAL), 'BIND_STARTED'),
                ((Arq.ABSENT, Arq.ABSENT), 'no row')):
            with self.subTest(seen), self.assertRaises(
                    Divergence) as caught:
                oracle.observe({f'arq[{arq}]': state
                                for arq, state in enumerate(seen)})
            found = read_divergence(caught.exception, 'x', 'R-1')
            self.assertEqual(words, found.signature.partition(' of ')[2])

    def test_the_others_of_a_request_are_in_it(self):
        self.assertTrue(self.signature(
            ['instances=1', 'arqs=2'], arq=[Arq.BOUND, Arq.BIND_FAILED],
            handle=[0, None], notice=[Notice.NONE] * 2).endswith(
                ' of BIND_FAILED untold, BOUND untold'))


class Walked(unittest.TestCase):
    """A walk goes past what is known, and only past that."""

    TELLING = ('claim', 'post', 'ask_bind', 'withdraw', 'unbind_fails')

    def walk(self, rows):
        walk = explore.Walk.__new__(explore.Walk)
        model = registry.choose('stein.release', [
            'faults=9', 'instances=1', 'handles=1'])
        walk.oracle = Oracle(model, controlled=self.TELLING, hidden=[
            name for name in nova.HIDDEN if name in model.model.actions])
        walk.system = nova.Release(SimpleNamespace(url=''), lambda _: None)
        walk.contract = contracts.of('stein.release')
        walk.known = known.Known({'divergences': rows})
        walk.taken, walk.last, walk.over, walk.story = {}, '', False, []
        for name, arguments in (('claim', (0, 0)), ('post', (0,))):
            walk.oracle.step(name, arguments)
        return walk

    def failed(self, walk):
        """The bind has failed, and no event came."""
        found = []
        walk.oracle.step('ask_bind', (0,))
        walk._tell(found, 'ask_bind', lambda oracle: oracle.observe({
            'arq[0]': Arq.BIND_FAILED, 'handle[0]': None,
            'notice[0]': Notice.NONE}))
        return [finding.signature.partition(' of ')[2] for finding in found]

    ROW = {'id': 'B4b', 'defect': 'B4', 'signatures': [
        r'ask_bind: arq is BIND_FAILED \[.*\] of BIND_FAILED untold']}

    def test_past_what_a_defect_explains(self):
        walk = self.walk([self.ROW])
        walk.oracle.fault('withdraw', (0,))
        self.assertEqual(['BIND_FAILED untold'], self.failed(walk))
        self.assertFalse(walk.over)
        self.assertEqual(('B4',), walk.oracle.defects)

    def test_what_looks_like_it_is_new(self):
        """A handle was free: the bind had no reason to fail."""
        walk = self.walk([self.ROW])
        found = self.failed(walk)
        self.assertEqual(['BIND_FAILED untold',
                          'BIND_FAILED untold beyond B4'], found)
        self.assertTrue(walk.over)
        self.assertIsNone(walk.known.match(Finding(
            f'ask_bind: arq is BIND_FAILED [ARQ-030] of {found[1]}',
            'ARQ-030', '', '')))

    def test_what_follows_from_a_defect_may_be_on_record(self):
        row = {**self.ROW, 'id': 'then', 'defect': '', 'signatures': [
            r'.* of BIND_FAILED untold beyond B4']}
        walk = self.walk([self.ROW, row])
        found = [explore.beyond(walk.known, Finding(
            f'x: arq is {state} [R-1] of BIND_FAILED untold', '', '', ''),
            defects).signature for state, defects in (
                ('BOUND', ()), ('BOUND', ('B3',)), ('BOUND', ('B4',)))]
        self.assertEqual(
            ['', '', ' beyond B4'],
            [text.partition('untold')[2] for text in found])
        # A signature that is not of what follows does not take it in.
        walk.known.rows[0]['signatures'] = ['.*']
        del walk.known.rows[1]
        self.assertIsNone(walk.known.match(Finding(found[2], '', '', '')))

    def test_walks_get_far(self):
        """To where a guest was started and stopped again."""
        hidden = nova.Release(SimpleNamespace(url=''), None).hidden
        model = ModelSystem('stein.release', nova.Release.settings, (),
                            hidden)
        vars(model).update(
            stack=SimpleNamespace(database=SimpleNamespace(kind='sqlite')),
            findings=[], roles=('cyborg',), capabilities=('core', 'unbind'))

        class Near(explore.Walk):
            def begin(self):
                super().begin()
                self.far = False
        for made, reached in ((explore.Walk, True), (Near, False)):
            walk = made(model, None, 1)
            for _ in range(40):
                walk.begin()
                for _ in range(runs.LENGTH):
                    walk.take(walk.propose())
                    if walk.over:
                        break
            self.assertEqual(reached, walk.names['stop'] > 0)

    def test_without_a_defect_a_walk_ends(self):
        walk = self.walk([{**self.ROW, 'defect': ''}])
        self.assertEqual(['BIND_FAILED untold'], self.failed(walk))
        self.assertTrue(walk.over)

    def test_several_defects_are_one_explanation(self):
        row = {**self.ROW, 'defect': 'B7 B4'}
        walk = self.walk([row])
        walk.oracle.fault('withdraw', (0,))
        self.failed(walk)
        self.assertEqual(('B7', 'B4'), walk.oracle.defects)
        self.assertEqual((), explore.known_defects(
            walk.known, Finding('ask_bind: arq is BIND_FAILED [R-1] of '
                                'BIND_FAILED untold', '', '', ''), ['B4']))


BOUND = ('claim', 0, 0), ('post', 0), ('ask_bind', 0)
STOPPED = (*BOUND, ('register', 0), {'arq[0]': Arq.BOUND}, ('deliver', 0),
           ('attach', 0), ('run', 0), ('stop', 0))
TWICE = (('withdraw', 1), *BOUND, ('repeat_request', 0))

#: of an entry: the system, the defects that are allowed for already, what
#: was told before, what is seen or done that diverges, what is still
#: forbidden then, and a step with which it goes on
PAST = (
    ('B4c', nova.Group, (), (('withdraw', 1), *BOUND),
     {'arq[0]': Arq.BOUND, 'arq[1]': Arq.BIND_FAILED,
      'notice[0]': Notice.NONE, 'notice[1]': Notice.NONE},
     {'arq[0]': Arq.BIND_FAILED, 'notice[0]': Notice.NONE,
      'arq[1]': Arq.BOUND, 'notice[1]': Notice.SENT_OK},
     ('delete_arq', 0)),
    ('B4d', nova.Group, ('P6b', 'B4'), (*TWICE, {
        'arq[0]': Arq.BIND_FAILED, 'handle[0]': 0, 'arq[1]': Arq.INITIAL,
        'notice[0]': Notice.NONE}),
     ('quiet', {'arq[1]': Arq.INITIAL}), ('quiet', {'arq[1]': Arq.UNBOUND}),
     ('delete_arq', 1)),
    ('B3b', nova.Group, (), (('claim', 0, 0), ('post', 0),
                             ('name_no_provider', 0)),
     {'arq[0]': Arq.BIND_STARTED, 'arq[1]': Arq.INITIAL},
     {'arq[0]': Arq.INITIAL, 'arq[1]': Arq.BIND_STARTED},
     ('delete_arq', 0)),
    ('B1b', nova.Release, (), (*STOPPED, ('unbind_fails', 0)),
     {'arq[0]': Arq.BOUND}, {'arq[0]': Arq.UNBOUND}, ('unbind', 0)),
    ('B1c', nova.Release, ('B20',), (
        *BOUND, {'arq[0]': Arq.BIND_STARTED, 'handle[0]': 0},
        ('crash_conductor',), ('lose_reply', 0), ('delete_arq', 0),
        ('release_fails', 0)),
     {'arq[0]': Arq.BIND_STARTED, 'handle[0]': 0},
     {'arq[0]': Arq.BIND_FAILED, 'handle[0]': 0}, ('claim', 1, 0)),
    ('B11b', nova.Group, ('B11',), (
        ('withdraw', 0), {'use[0]': Use.FREE, 'use[1]': Use.GONE}),
     {'use[0]': Use.GONE, 'use[1]': Use.FREE},
     {'use[0]': Use.GONE, 'use[1]': Use.GONE}, ('claim', 0, 0)),
    ('P6e', nova.Release, (), (
        ('withdraw', 1), *BOUND, {'arq[0]': Arq.BIND_STARTED},
        ('repeat_request', 0), {'notice[0]': Notice.SENT_OK}),
     {'arq[0]': Arq.BIND_FAILED, 'handle[0]': 0,
      'notice[0]': Notice.SENT_OK},
     {'arq[0]': Arq.UNBOUND}, ('register', 0)),
    ('P4', nova.Release, (), BOUND[:2], ('unbind', 0),
     {'arq[0]': Arq.INITIAL}, ('rebind', 0)),
    ('ARQ-070', nova.Release, (), (*BOUND, {'arq[0]': Arq.BOUND}),
     ('unbind', 0), {'arq[0]': Arq.BOUND}, ('rebind', 0)),
    ('B9b', Share, ('B9',), (
        *BOUND, {'loaded[0]': Logic.PARTIAL}, ('bind_times_out', 0),
        {'arq[0]': Arq.BIND_STARTED, 'notice[0]': Notice.NONE}),
     {'arq[0]': Arq.BOUND, 'handle[0]': 0}, {'arq[0]': Arq.INITIAL},
     ('register', 0)),
    ('Q22', Program, (), BOUND,
     {'loaded[0]': Logic.PARTIAL, 'handle[0]': None,
      'arq[0]': Arq.BIND_STARTED},
     {'loaded[0]': Logic.PARTIAL, 'handle[0]': None, 'arq[0]': Arq.BOUND},
     ('register', 0)),
    ('Q23', Program, (), (
        *BOUND, {'arq[0]': Arq.BOUND}, ('claim', 1, 0), ('post', 1),
        ('ask_bind', 1)),
     {'loaded[0]': Logic.PARTIAL, 'arq[0]': Arq.BOUND,
      'arq[1]': Arq.BIND_STARTED},
     {'loaded[0]': Logic.NONE, 'arq[0]': Arq.BOUND}, ('register', 1)),
    ('B16', Program, (), (
        *BOUND, {'loaded[0]': Logic.FIRST}, ('refuse_trait', 0)),
     ('quiet', {'loaded[0]': Logic.FIRST, 'arq[0]': Arq.BIND_STARTED,
                'handle[0]': None}),
     ('quiet', {'arq[0]': Arq.BIND_STARTED, 'handle[0]': 0}),
     ('register', 0)),
    ('B7b', Program, (), (
        *BOUND, {'loaded[0]': Logic.PARTIAL}, ('lose_reply', 0),
        ('delete_arq', 0), {'arq[0]': Arq.ABSENT,
                            'loaded[0]': Logic.PARTIAL}),
     {'loaded[0]': Logic.FIRST, 'recorded[0]': Logic.FIRST,
      'use[0]': Use.IN_USE},
     {'recorded[0]': Logic.SECOND}, ('free_claim', 0)),
    ('power', Program, (), (
        *BOUND, {'arq[0]': Arq.BOUND}, ('lose_power', 0), ('find_host', 0)),
     {'arq[0]': Arq.BOUND, 'recorded[0]': Logic.FIRST,
      'loaded[0]': Logic.NONE},
     {'arq[0]': Arq.BOUND, 'recorded[0]': Logic.SECOND}, ('claim', 1, 0)),
)


class Past(unittest.TestCase):
    """The defects on record explain what they are on record for, and the
    walk goes on.
    """

    def oracle(self, system):
        model = registry.choose(system.model, [
            f'{key}={value}' for key, value in system.settings.items()])
        hidden = [name for name in system.hides
                  if name in model.model.actions]
        return Oracle(model, hidden=hidden)

    def tell(self, oracle, told):
        if isinstance(told, dict):
            oracle.observe(told)
        elif told[0] == 'quiet':
            oracle.quiet(told[1])
        elif oracle.model.actions[told[0]].fault:
            oracle.fault(told[0], told[1:])
        else:
            oracle.step(told[0], told[1:])

    def test_what_a_defect_explains_and_nothing_more(self):
        record = {row['id']: row for row in known.Known.read().rows}
        for name, system, before, story, seen, never, then in PAST:
            with self.subTest(name):
                oracle = self.oracle(system)
                for one in before:
                    oracle = oracle.with_defect(one)
                for told in story:
                    self.tell(oracle, told)
                defects = record[name]['defect'].split()
                for left_out in defects:  # each is needed
                    lacking = oracle
                    for one in defects:
                        if one != left_out:
                            lacking = lacking.with_defect(one)
                    with self.assertRaises(Divergence, msg=left_out):
                        self.tell(lacking.copy(), seen)
                for one in defects:
                    oracle = oracle.with_defect(one)
                self.tell(oracle, seen)
                with self.assertRaises(Divergence):
                    self.tell(oracle.copy(), never)
                self.tell(oracle, then)

    def test_each_defect_is_one_of_the_models(self):
        names = {one for name, *pairs in (
            ('stein.attach', 'maintenance=true'),
            ('stein.system', 'enabled=none', 'operator=true'))
            for one in registry.choose(name, pairs).model.defects}
        self.assertLessEqual(set(known.Known.read().defects), names)


class Held:
    """A stack whose first bind waits until it is let go, and what is done
    to it meanwhile; beside it what a walk asks a system for.
    """

    bus, reachable, uuids = 'rabbit', True, (FIRST,)
    database = SimpleNamespace(kind='mariadb')

    def __init__(self, outcome, seen):
        self.stack, self.outcome, self.seen = self, outcome, seen
        self.done, self.findings = [], []
        self.waiting, self.go = threading.Event(), threading.Event()

    @contextlib.contextmanager
    def held(self, point):
        self.done.append(point)
        yield self.waiting.is_set
        self.go.set()

    def crash(self, part):
        self.done.append(f'crash {part}')

    def restart(self, part):
        self.done.append(f'restart {part}')

    def signal(self, number):
        self.done.append(number.name)
        self.outcome = UNKNOWN  # the bus has timed out
        self.go.set()

    def call(self, name, arguments):
        if name == 'ask_bind':
            self.waiting.set()
            self.go.wait(30)
            return self.outcome
        self.done.append(name)
        return OK

    def observe(self):
        return self.seen

    def wait(self):
        self.done.append('wait')


class Interrupted(unittest.TestCase):
    """A request that is caught at a point of its bind."""

    BOUND = {'arq[0]': Arq.BOUND, 'handle[0]': 0,
             'notice[0]': Notice.SENT_OK, 'use[0]': Use.IN_USE}
    STARTED = {'arq[0]': Arq.BIND_STARTED, 'handle[0]': 0,
               'notice[0]': Notice.NONE, 'use[0]': Use.IN_USE}
    GONE = {'arq[0]': Arq.ABSENT, 'use[0]': Use.IN_USE}

    def take(self, step, outcome, seen):
        system = Held(outcome, seen)
        walk = Walked.walk(self, [])
        walk.system, walk.known = system, None
        walk.interrupted, walk.chance = Counter(), None
        with mock.patch.object(explore, 'HELD', 0), mock.patch.object(
                explore, 'fails', lambda divergence, *_:
                divergence.requirement):
            found = walk.take(step)
        return system.done, [one.requirement for one in found], (
            walk.interrupted)

    TELLING = (*Walked.TELLING, 'lose_reply', 'delete_arq', 'repeat_request',
               'crash_conductor', 'lose_request')

    def test_what_is_killed_starts_again(self):
        given_up = ['lose_reply', 0]
        for name, part, rest in (('crash', 'conductor', ()),
                                 ('crash agent', 'agent', ()),
                                 ('crash api', 'api', (given_up,))):
            step = [name, 'before Bound', ['ask_bind', 0], *rest]
            outcome = OK if part == 'agent' else UNKNOWN
            told = [row[0] for row in rest]
            with self.subTest(name):
                done, found, caught = self.take(step, outcome, self.BOUND)
                self.assertEqual(
                    ['before Bound', *told, f'crash {part}',
                     f'restart {part}', 'wait'], done)
                self.assertEqual([], found)
                self.assertEqual({name: 1}, caught)
                # A bind that was begun has to end.
                _, found, _ = self.take(step, outcome, self.STARTED)
                self.assertEqual(1, len(found))

    def test_what_is_stopped_goes_on(self):
        step = ['paused', 'before the handle is taken', ['ask_bind', 0],
                ['lose_reply', 0], ['delete_arq', 0]]
        done, found, caught = self.take(step, OK, {
            'arq[0]': Arq.ABSENT, 'use[0]': Use.FREE})
        self.assertEqual(['before the handle is taken', 'SIGSTOP',
                          'lose_reply', 'delete_arq'], done)
        self.assertEqual(([], {'paused': 1}), (found, caught))
        _, found, _ = self.take(step, OK, self.GONE)
        self.assertEqual(['HANDLE-010'], found)

    def test_a_request_that_was_not_caught_is_not_counted(self):
        with mock.patch.object(Held, 'call', lambda *_: OK):
            done, found, caught = self.take(
                ['crash', 'before Bound', ['ask_bind', 0]], OK, self.BOUND)
        self.assertEqual((['before Bound'], [], 0),
                         (done, found, caught.total()))

    def test_some_need_a_process_each(self):
        """And no two deletions overlap where nothing can be held."""
        for bus, database, kinds in (
                ('rabbit', 'mariadb', {*explore.OVERLAPS}),
                ('fake', 'mariadb', {'together', 'held', 'crash'}),
                ('fake', 'sqlite', {'together'})):
            with self.subTest(bus=bus, database=database):
                stack = SimpleNamespace(
                    bus=bus, options='', database=SimpleNamespace(
                        kind=database))
                walk = explore.Walk.__new__(explore.Walk)
                walk.points = tuple(explore.POINTS) * (database == 'mariadb')
                walk.able = {'lose_reply', 'delete_arq'}
                walk.system = SimpleNamespace(
                    stack=stack, reachable=True, arqs_of=lambda _: [0])
                steps = [*walk._overlaps([['ask_bind', 0],
                                          ['delete_arq', 0]])]
                self.assertEqual(kinds, {step[0] for step in steps})
                self.assertTrue(all(runs.playable(
                    {'trace': [step]}, stack) for step in steps))
                self.assertFalse(runs.playable(
                    {'options': '--bus x', 'trace': []}, stack))
                self.assertEqual(database == 'mariadb', runs.playable(
                    {'trace': [['held', 'x', []]]}, stack))
                self.assertEqual(
                    database == 'mariadb',
                    ['held', explore.LEAVING, ['delete_arq', 0],
                     ['delete_arq', 0]] in steps)


class Record(unittest.TestCase):
    """What is on record, and what a run makes of it."""

    row = {'id': 'X1', 'title': 't', 'requirements': ['ARQ-020'],
           'severity': 'high', 'signatures': [r'unbind: done .ARQ-020.'],
           'expected': 'e', 'happened': 'h', 'mode': 'release http',
           'seed': 1, 'steps': 3, 'trace': [['claim', 0, 0]],
           'defect': 'P6b'}
    finding = Finding('unbind: done [ARQ-020]', 'ARQ-020', 'e', 'h')

    def read(self, document):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, 'x.json')
            path.write_text(document if isinstance(document, str)
                            else json.dumps(document))
            return known.Known.read(path)

    def test_a_finding_is_known_or_new(self):
        record = self.read({'divergences': [self.row]})
        record.note(self.finding, 'm', 1, 2, [['a']])
        self.assertEqual({'X1': 1}, record.seen)
        self.assertEqual(('P6b',), record.defects_of(self.finding))
        self.assertEqual(('P6b',), record.defects)
        other = Finding('unbind: done [ARQ-070]', 'ARQ-070', 'e', 'h')
        record.note(other, 'm', 1, 2, [['b']])
        self.assertEqual((), record.defects_of(other))
        self.assertEqual([other], [one.finding for one in record.new])
        self.assertEqual(['ARQ-020', 'ARQ-070'], record.fails)
        text = '\n'.join(record.report())
        self.assertIn('known, 1 times', text)
        self.assertIn('NEW', text)
        self.assertIn('1 known, 1 new, 0 mended, of 1 on record', text)

    def test_the_first_that_needs_no_luck_is_kept(self):
        record = self.read({'divergences': [self.row]})
        for trace in ([['together', ['a'], ['b']]], [['c']], [['d']]):
            record.note(self.finding, 'm', 1, 2, trace)
        self.assertEqual([['c']], record.first['X1'][-1])

    def test_a_seed_leads_where_it_led_or_not(self):
        record = self.read({'divergences': [
            {**self.row, 'id': f'X{steps}', 'steps': steps, **more}
            for steps, more in ((3, {}), (5, {'signatures': ['other']}),
                                (7, {}), (8, {'options': '--bus rabbit'}))]})
        self.assertEqual([('release http', 1, 7)], record.ways())
        self.assertIn('seeds: 0 taken again', [*record.report()][-2])
        record.note(self.finding, 'release http', 1, 3, [])
        record.explored['release http', 1] = 6
        self.assertEqual({'X3': True, 'X5': False}, record.again)
        self.assertIn('seeds: 2 taken again, 1 led where they led; not to X5',
                      [*record.report()])
        # Neither another step nor a replay is what the seed led to.
        record.note(self.finding, 'release http', 1, 5, [])
        record.came['X3'].discard(('release http', 1, 3))
        record.note(self.finding, 'release http', 1, 0, [])
        self.assertEqual(['X3', 'X5'], record.astray)

    def test_what_was_replayed_and_did_not_show_is_mended(self):
        record = self.read({'divergences': [self.row]})
        self.assertEqual([], record.mended)
        record.looked.add('X1')
        self.assertEqual(['X1'], record.mended)
        self.assertIn('mended', next(record.report()))
        record.rows[0]['chance'] = True
        self.assertEqual([], record.mended)
        self.assertIn('without luck', next(record.report()))

    def test_a_bad_record_is_refused(self):
        cases = ['{', '[]', {'divergences': 1}, {'divergences': [1]},
                 {'divergences': [self.row, self.row]},
                 {'divergences': [{**self.row, 'sought': [['m', 1]]}]},
                 {'divergences': [self.row], 'once': 1},
                 {'divergences': [self.row], 'once': [{'signature': 'x'}]}]
        for key, value in (('severity', 'grave'), ('signatures', ['(']),
                           ('signatures', []), ('trace', []),
                           ('requirements', 'ARQ-020'), ('steps', '3'),
                           ('title', ''), ('defect', ''), ('defect', ['P6b']),
                           ('reason', 'both')):
            cases.append({'divergences': [{**self.row, key: value}]})
        cases.append({'divergences': [{
            key: value for key, value in self.row.items()
            if key != 'defect'}]})
        for case in cases:
            with self.subTest(case), self.assertRaises(
                    known.KnownError) as caught:
                self.read(case)
            self.assertIn('x.json', str(caught.exception))

    def test_the_record_of_cyborg(self):
        record = known.Known.read()
        rules = contracts.of('stein.system').rules
        self.assertGreaterEqual(len(record.rows), 25)
        for row in record.rows:
            with self.subTest(row['id']):
                self.assertLessEqual(set(row['requirements']), set(rules))
                self.assertTrue(runs.exists(row['mode']), row['mode'])
                self.assertFalse(any(
                    re.fullmatch(text, '') for text in row['signatures']))
        self.assertTrue(any(
            step[0] in ('together', 'held') for row in record.rows
            for step in row['trace'] if isinstance(step, list)))
        self.assertGreaterEqual(len(record.defects), 9)

    def test_the_guide_names_those_at_which_a_walk_ends(self):
        """Those without a defect, of a finding that has a requirement in
        its signature: answers and bad requests have none.
        """
        ends = {row['id'] for row in known.Known.read().rows
                if not row.get('defect')
                and any('\\[' in text for text in row['signatures'])}
        text = (Path(known.__file__).parents[2]
                / 'doc/source/validate.rst').read_text()
        told = re.search(r'\n\* ([^*]+?) are seen\s+in a region that is '
                         r'written, and ([^*]+?)\s+where', text)
        self.assertEqual(ends, {
            *re.split(', | and ', told[1]), *re.split(', | and ', told[2])})

    def test_what_is_like_it_is_not_on_record(self):
        """Each is a signature, the entry, and one that differs a little."""
        record = known.Known.read()

        def matched(text):
            row = record.match(Finding(f'{text}', '', '', ''))
            return row and row['id']
        checked = 0
        for row, text, others in (
                ('B4b', 'ask_bind: arq is BIND_FAILED [ARQ-030] of '
                 'BIND_FAILED untold', (
                     ' with a handle untold', ', a leak',
                     ' untold, BOUND untold', ' untold beyond B4')),
                ('B4', 'ask_bind: arq is BIND_FAILED; arq is BOUND '
                 '[ARQ-030] of BIND_FAILED untold, BOUND untold', (
                     ' untold, BOUND', ' with a handle untold, BOUND untold',
                     ' untold, BOUND untold beyond B25')),
                ('B4c', 'held before Bound + ask_bind + lose_reply: notice '
                 'is NONE [ARQ-030] of BIND_FAILED untold, BOUND untold', (
                     ' untold, BOUND', '', ' with a handle untold')),
                ('B4c', 'ask_bind: arq is BOUND [ARQ-012] of BIND_FAILED '
                 'untold, BOUND untold', (
                     ', BOUND untold', ' untold, BOUND with no handle')),
                ('P6c', 'held before BindStarted + ask_bind + '
                 'repeat_request: arq is BIND_FAILED [HANDLE-020] of '
                 'BIND_FAILED with a handle untold', (
                     ' untold, a leak', '', ' with a handle, BOUND',
                     ' with a handle untold, a leak',
                     ' with a handle untold beyond P6b and B4'))):
            self.assertEqual(row, matched(text))
            for other in others:
                near = text.partition('BIND_FAILED untold')[0].partition(
                    'BIND_FAILED with')[0] + f'BIND_FAILED{other}'
                with self.subTest(near):
                    self.assertNotEqual(text, near)
                    self.assertIsNone(matched(near))
                    checked += 1
        # A bind that nothing disturbed, and of which Nova is not told.
        for text in ('ask_bind: notice is NONE [ARQ-030] of BOUND untold',
                     'ask_bind: arq is BOUND [ARQ-030] of BOUND untold',
                     'wait after withdraw: use is FREE; use is GONE '
                     '[HANDLE-031] of no row',
                     'wait after crash api before Bound + ask_bind + '
                     'lose_reply: arq is BIND_STARTED [ARQ-015] of '
                     'BIND_STARTED with a handle',
                     'paused before Bound + ask_bind: use is IN_USE '
                     '[HANDLE-010] of BOUND'):
            with self.subTest(text):
                self.assertIsNone(matched(text))
                checked += 1
        self.assertEqual(22, checked)

    def test_what_lies_behind_what_walks_go_past(self):
        """Each is an entry, a signature, and signatures that differ."""
        record = known.Known.read()
        checked = 0
        for name, text, others in (
                ('Q21b', 'rebind: arq is BOUND; handle is some; notice is '
                 'SENT_OK; use is IN_USE [ARQ-011] of BOUND', (
                     'rebind: arq is BOUND; notice is SENT_OK [ARQ-011] of '
                     'BOUND',
                     'rebind: arq is BOUND; handle is some; use is IN_USE '
                     '[ARQ-011] of BOUND, a leak',
                     'rebind: arq is BOUND; handle is some; use is IN_USE '
                     '[ARQ-011] of BOUND beyond Q21')),
                ('Q21b', 'together rebind + rebind: handle is some; use is '
                 'IN_USE [HANDLE-020] of BIND_FAILED with a handle untold, '
                 'UNBOUND', (
                     'together rebind + rebind: handle is some; use is '
                     'IN_USE [HANDLE-020] of BIND_FAILED untold, UNBOUND',
                     'rebind: handle is some; use is IN_USE [HANDLE-020] of '
                     'BIND_FAILED with a handle untold, UNBOUND')),
                ('Q23', 'crash before the handle is taken + ask_bind: loaded '
                 'is FIRST; recorded is FIRST [PROGBIND-001] of '
                 'BIND_STARTED, BOUND', (
                     'crash before the handle is taken + ask_bind: loaded '
                     'is FIRST; recorded is FIRST [PROGBIND-001] of '
                     'BIND_STARTED',
                     'crash before Bound + ask_bind: loaded is FIRST; '
                     'recorded is FIRST [PROGBIND-001] of BIND_STARTED, '
                     'BOUND')),
                ('Q23b', 'kill: loaded is PARTIAL [PROGBIND-012] of '
                 'BIND_STARTED beyond B7 and Q22', (
                     'kill: loaded is PARTIAL [PROGBIND-012] of BIND_STARTED',
                     'kill: loaded is PARTIAL [PROGBIND-012] of BIND_STARTED '
                     'beyond B7',
                     'kill: loaded is PARTIAL [PROGBIND-012] of '
                     'BIND_STARTED, BOUND beyond Q22')),
                ('Q23b', 'go_on: arq is BOUND; handle is some; loaded is '
                 'SECOND; notice is SENT_OK; recorded is SECOND; use is '
                 'IN_USE [HANDLE-010] of BOUND, a leak', (
                     'go_on: arq is BOUND; handle is some; notice is '
                     'SENT_OK; use is IN_USE [HANDLE-010] of BOUND, a leak',
                     'go_on: arq is BOUND; handle is some; loaded is '
                     'SECOND; notice is SENT_OK; recorded is SECOND; use is '
                     'IN_USE [HANDLE-010] of BOUND, a leak beyond Q23')),
                ('B1c', 'release_fails: arq is BIND_STARTED [ARQ-064] of '
                 'BIND_STARTED with a handle, INITIAL beyond B20', (
                     'release_fails: arq is BIND_STARTED [ARQ-064] of '
                     'BIND_STARTED, INITIAL beyond B20',
                     'release_fails: arq is BIND_STARTED [ARQ-064] of '
                     'BIND_STARTED with a handle, INITIAL')),
                ('P4d', 'together ask_bind + unbind: use is IN_USE '
                 '[HANDLE-010] of UNBOUND, a leak', (
                     'together ask_bind + unbind: use is IN_USE '
                     '[HANDLE-010] of UNBOUND',
                     'together unbind + unbind: use is IN_USE [HANDLE-010] '
                     'of UNBOUND, a leak')),
                ('P4d', 'together ask_bind + unbind: handle is some; use is '
                 'IN_USE [HANDLE-021] of UNBOUND, UNBOUND with a handle', (
                     'unbind: handle is some; use is IN_USE [HANDLE-021] of '
                     'UNBOUND, UNBOUND with a handle',
                     'together ask_bind + unbind: handle is some; use is '
                     'IN_USE [HANDLE-021] of UNBOUND')),
                ('policy', 'delete: answer 403 Policy cyborg:arq:delete has '
                 'not been registered', ('delete: answer 403 Forbidden',)),
                ('P6b', 'together rebind + rebind: use is IN_USE '
                 '[HANDLE-010] of BOUND, UNBOUND, a leak', (
                     'rebind: use is IN_USE [HANDLE-010] of BOUND, UNBOUND, '
                     'a leak',)),
                ('B6b', 'fail_write: loaded is PARTIAL [PROGBIND-012] of '
                 'BOUND beyond Q22 and B9 and B9b and B6', (
                     'fail_write: loaded is PARTIAL [PROGBIND-012] of BOUND '
                     'beyond B9 and B9b and B6',
                     'fail_write: loaded is PARTIAL [PROGBIND-012] of BOUND',
                     'go_on: loaded is PARTIAL [PROGBIND-012] of BOUND '
                     'beyond Q22 and B6')),
                ('P4c', 'together unbind + rebind: arq is BOUND; handle is '
                 'some; notice is SENT_OK; use is IN_USE [ARQ-011] of '
                 'BOUND, INITIAL', (
                     'together rebind + rebind: arq is BOUND; handle is '
                     'some; notice is SENT_OK; use is IN_USE [ARQ-011] of '
                     'BOUND, INITIAL',)),
                ('P4b', 'unbind: notice is NONE [ARQ-030] of INITIAL, '
                 'UNBOUND', (
                     'unbind: notice is NONE [ARQ-030] of INITIAL, BOUND',)),
                ('B25', 'wait after lose_created: arq is INITIAL [ARQ-005] '
                 'of INITIAL, UNBOUND', (
                     'lose_created: arq is INITIAL [ARQ-005] of INITIAL, '
                     'UNBOUND',)),
                ('Q21b', 'crash before Bound + ask_bind: handle is some; use '
                 'is IN_USE [HANDLE-010] of BIND_STARTED with a handle, '
                 'UNBOUND', (
                     'crash before Bound + ask_bind: handle is some; use is '
                     'IN_USE [HANDLE-010] of BIND_STARTED, UNBOUND',)),
                ('B9b', 'fail_write: arq is BOUND; handle is some; notice is '
                 'SENT_OK; recorded is FIRST; use is IN_USE [PROGBIND-012] '
                 'of BOUND beyond Q22 and B9 and B6', (
                     'fail_write: arq is BOUND; handle is some; notice is '
                     'SENT_OK; recorded is FIRST; use is IN_USE '
                     '[PROGBIND-012] of BOUND beyond Q22 and B6',)),
                ('B25', 'wait after release_fails: arq is INITIAL [ARQ-064] '
                 'of BIND_STARTED with a handle, INITIAL', (
                     'wait after release_fails: arq is INITIAL [ARQ-064] of '
                     'BIND_STARTED with a handle, INITIAL beyond B25',
                     'wait after release_fails: arq is INITIAL [ARQ-064] of '
                     'BIND_STARTED, INITIAL')),
                ('P4c', 'together unbind + unbind: notice is MISSED '
                 '[ARQ-030] of UNBOUND', (
                     'together unbind + unbind: notice is MISSED [ARQ-030] '
                     'of BOUND',
                     'together rebind + rebind: notice is MISSED [ARQ-030] '
                     'of UNBOUND',
                     'together unbind + unbind: notice is MISSED [ARQ-030] '
                     'of UNBOUND beyond P4')),
                ('P4c', 'together rebind + unbind: arq is BOUND; handle is '
                 'some; use is IN_USE [ARQ-011] of BOUND beyond running', (
                     'rebind: arq is BOUND; handle is some; use is IN_USE '
                     '[ARQ-011] of BOUND beyond running',
                     'together rebind + rebind: arq is BOUND; handle is '
                     'some; use is IN_USE [ARQ-011] of BOUND beyond B20')),
                ('P4c', 'together ask_bind + unbind: arq is BIND_FAILED '
                 '[ARQ-012] of BIND_FAILED untold, BOUND untold', (
                     'together ask_bind + unbind: arq is BIND_FAILED '
                     '[ARQ-012] of BIND_FAILED with a handle, BOUND',)),
                ('B4c', 'together ask_bind + unbind: arq is BIND_FAILED; arq '
                 'is BOUND; notice is NONE [ARQ-030] of BIND_FAILED untold, '
                 'BOUND untold', (
                     'together ask_bind + unbind: arq is BIND_FAILED; arq '
                     'is BOUND; notice is NONE [ARQ-030] of BIND_FAILED '
                     'untold, BOUND',)),
                ('B22b', 'with unfit + ask_bind: loaded is PARTIAL '
                 '[PROGBIND-012] of BOUND, INITIAL beyond Q2', (
                     'with unfit + ask_bind: loaded is PARTIAL '
                     '[PROGBIND-012] of BIND_FAILED beyond Q2',
                     'with lost + ask_bind: loaded is PARTIAL '
                     '[PROGBIND-012] of BOUND beyond Q2')),
                ('Q23', 'go_on: loaded is FIRST; recorded is FIRST '
                 '[PROGBIND-030] of BOUND beyond Q22 and B7', (
                     'go_on: loaded is FIRST [PROGBIND-030] of BOUND beyond '
                     'Q22 and B7',
                     'go_on: loaded is FIRST; recorded is FIRST '
                     '[PROGBIND-030] of BOUND beyond Q22')),
                ('B4e', 'rebind: arq is BIND_FAILED [ARQ-020] of '
                 'BIND_FAILED untold', (
                     'rebind: arq is BIND_FAILED [ARQ-020] of BIND_FAILED',
                     'rebind: arq is BIND_FAILED [ARQ-020] of BIND_FAILED '
                     'untold beyond B4')),
                ('P6f', 'together rebind + rebind: arq is BIND_FAILED '
                 '[HANDLE-020] of BIND_FAILED with a handle untold', (
                     'rebind: arq is BIND_FAILED [HANDLE-020] of '
                     'BIND_FAILED with a handle untold',
                     'together rebind + rebind: arq is BIND_FAILED '
                     '[HANDLE-020] of BIND_FAILED with a handle')),
                ('B9c', 'lose_result: arq is BIND_FAILED; loaded is SECOND; '
                 'notice is SENT_FAILED [ARQ-090] of BIND_FAILED', (
                     'fail_write: arq is BIND_FAILED; loaded is SECOND; '
                     'notice is SENT_FAILED [ARQ-090] of BIND_FAILED',
                     'lose_result: arq is BIND_FAILED; notice is '
                     'SENT_FAILED [ARQ-090] of BIND_FAILED beyond B9b')),
                ('Q21', 'delete_arq: recorded is FIRST [PROGBIND-012] of no '
                 'row', (
                     'power: recorded is FIRST [PROGBIND-012] of no row',
                     'delete_arq: recorded is NONE [PROGBIND-012] of no '
                     'row')),
                ('B7b', 'wait after together ask_bind + lose_reply + '
                 'delete_arq: recorded is FIRST [HANDLE-010] of no row', (
                     'wait after together ask_bind + delete_arq: recorded '
                     'is FIRST [HANDLE-010] of no row',
                     'wait after together ask_bind + lose_reply + '
                     'delete_arq: recorded is FIRST [HANDLE-010] of no row '
                     'beyond B7'))):
            self.assertEqual(name, (record.match(
                Finding(text, '', '', '')) or {}).get('id'), text)
            for other in others:
                with self.subTest(other):
                    self.assertNotEqual(name, (record.match(
                        Finding(other, '', '', '')) or {}).get('id'))
                    checked += 1
        self.assertEqual(51, checked)


class Again(unittest.TestCase):
    """What is new is played again before a run fails of it."""

    NEW = Finding('planted [ARQ-020]', 'ARQ-020', 'e', 'h')
    OTHER = Finding('besides [ARQ-021]', 'ARQ-021', 'e', 'h')
    BOTH = 'walk release sdk', 'walk group http'

    def run_it(self, *shows, modes=BOTH[:1], kit=lambda *_: [], more=()):
        """A run of a system that shows something new after the step 3.

        :param shows: what it shows the first time, the second and so on
        :param kit: what a mode of the kit shows
        """
        turns, said, replayed = iter(shows), io.StringIO(), []

        class Chance:
            over = False

            def begin(self):
                self.story = []

            def propose(self):
                return [len(self.story) + 1]

            def take(self, step):
                self.story.append(step)
                return next(turns, []) if step == [3] else []

        class Planted(command.Runs):
            def smoke(self):
                pass

            def replay_known(self, kinds=(), tries=0):
                self.known.looked.add('X1')
                self.known.seen['X1'] = 1

            def explorer(self, where, seed=1):
                return Chance()

            def replay(self, where, trace):
                replayed.append(trace)
                return super().replay(where, trace)

            def _by_kit(self, where, seed, steps):
                for finding in kit(seed):
                    self.known.note(finding, where, seed, 5, [[1]])
                return steps

        class Stub:
            weaker, options, calls = '', '--bus x', []
            database = SimpleNamespace(kind='mariadb')

            def __init__(self, **options):
                pass

            def __enter__(self):
                return self

            def __exit__(self, *exception):
                pass
        self.record = known.Known({'divergences': [{**Record.row}]})
        with tempfile.TemporaryDirectory() as folder, mock.patch.multiple(
                command, Runs=Planted, Stack=Stub, missing=lambda bus: ''), (
                mock.patch.object(known.Known, 'read',
                                  lambda whole: self.record)), (
                contextlib.redirect_stdout(said)), (
                contextlib.redirect_stderr(said)):
            path = Path(folder, 'outcome.json')
            status = command.main([
                *more, '--steps', '9', '--json', str(path),
                *itertools.chain(*(['--mode', mode] for mode in modes))])
            self.outcome = json.loads(
                path.read_text()) if path.exists() else None
        self.replayed = replayed
        return status, said.getvalue()

    def test_what_comes_twice_fails_the_run(self):
        status, said = self.run_it([self.NEW], [], [self.NEW], [self.NEW])
        self.assertEqual(1, status)
        self.assertIn('NEW      ARQ-020                planted', said)
        self.assertIn('mode walk release sdk, seed 1, 3 steps; again by '
                      'replay 2; trace:', said)
        self.assertIn('1 known, 1 new, 0 mended', said)
        self.assertNotIn('ONCE', said)
        one, = self.outcome['new']
        self.assertEqual([[3]], one['trace'])  # what it needs
        self.assertEqual([], self.outcome['once'])

    def test_what_comes_once_is_told_and_no_failure(self):
        status, said = self.run_it([self.NEW])
        self.assertEqual(0, status)
        self.assertIn('ONCE     ARQ-020                planted', said)
        self.assertIn(f'seed 1, 3 steps; not again by {runs.TRIES} replays, '
                      'nor by 3 steps of the seed; trace:', said)
        self.assertIn('\n      [3]\n', said)
        self.assertIn('seen once, not again: 1', said)
        self.assertIn('1 known, 0 new, 0 mended', said)
        self.assertIn('fail: ARQ-020', said)
        one, = self.outcome['once']
        self.assertEqual(('planted [ARQ-020]', 1, 3, [[1], [2], [3]]), (
            one['signature'], one['seed'], one['steps'], one['trace']))
        self.assertEqual([], self.outcome['new'])
        self.assertNotIn('planted', str(self.outcome['known']))
        self.assertEqual([[[1], [2], [3]]] * runs.TRIES, self.replayed)

    def test_what_is_beside_it_in_a_replay_is_played_again_too(self):
        status, said = self.run_it([self.NEW], [self.OTHER])
        self.assertEqual(0, status)
        self.assertIn('seen once, not again: 2', said)
        self.assertEqual(1, self.run_it(
            [self.NEW], [self.OTHER], *[[]] * runs.TRIES, [self.OTHER])[0])

    def test_what_another_exploration_shows_came_again(self):
        status, said = self.run_it([self.NEW], [self.NEW], modes=self.BOTH)
        self.assertEqual(1, status)
        self.assertIn('again by walk group http, seed 1, 3 steps', said)

    def test_a_mode_of_the_kit_is_taken_again(self):
        for shows, status in ([[self.NEW]], 0), ([[self.NEW]] * 2, 1):
            turns = iter(shows)
            found, said = self.run_it(
                modes=['explore release sdk'],
                kit=lambda seed, turns=turns: next(turns, []))
            self.assertEqual(status, found)
            self.assertIn('again by its seed' if status else
                          'nor by 5 steps of the seed', said)

    def test_it_is_told_although_the_test_breaks(self):
        def breaks(seed):
            raise HarnessError('no reply')
        status, said = self.run_it([self.NEW], kit=breaks, modes=[
            *self.BOTH[:1], 'explore release sdk'])
        self.assertEqual(3, status)
        self.assertIn('NEW      ARQ-020                planted', said)
        self.assertIn('not again by 0 replays', said)

    def test_record_keeps_it_until_it_is_known(self):
        with mock.patch.object(known.Known, 'write'):
            status, said = self.run_it([self.NEW], more=['--record', 'X1'])
        self.assertEqual(0, status)
        one, = self.record.document['once']
        self.assertEqual(('planted [ARQ-020]', '--bus x'),
                         (one['signature'], one['options']))
        self.assertEqual(self.record.document, Record.read(
            self, self.record.document).document)
        again = known.Known(self.record.document)
        self.assertIn('once     ARQ-020                on record: planted '
                      '[ARQ-020]', [*again.report()])
        self.assertEqual((), again.defects_of(self.NEW))
        again.keep()
        self.assertEqual([one], again.kept)
        again.rows[0]['signatures'] = ['planted .*']
        again.keep()
        self.assertEqual([], again.kept)

    def test_there_is_no_such_folder(self):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(
                SystemExit):
            command.main(['--json', '/nowhere/at/all.json'])
        self.assertIn('--json /nowhere/at/all.json: there is no such folder',
                      said.getvalue())


class Slow(unittest.TestCase):
    """A machine so slow that the message bus gives up."""

    def stack(self, answers):
        made = Stack.__new__(Stack)
        agent = mock.Mock()
        agent.ask.side_effect = answers
        made.processes, made.conductors = {'agent': agent}, ()
        made.serves = lambda part: part
        made._age, made.rest = mock.Mock(), mock.Mock()
        return made, agent

    def test_a_report_that_is_late_is_sent_again(self):
        for answers, taken in (
                (['done'], True), (['failed'], False),
                (['late', 'late', 'done'], True), (['late', 'failed'], False)):
            made, agent = self.stack(answers)
            self.assertIs(taken, made.report(), answers)
            self.assertEqual(len(answers), agent.ask.call_count)
            self.assertEqual(len(answers) - 1, made.rest.call_count)

    def test_one_that_is_always_late_is_no_verdict(self):
        made, _ = self.stack(itertools.repeat('late'))
        with self.assertRaises(StackError) as caught:
            made.report()
        self.assertIn('too slow', str(caught.exception))

    def test_it_rests_when_nothing_changes_any_more(self):
        made = Stack.__new__(Stack)
        changes = iter(['BindStarted', 'BindStarted', 'Bound'])
        seen = []

        def query(text):
            if 'attach_handles' in text:
                return [1]
            seen.append(next(changes, 'Bound'))
            return seen[-1:]
        made.database = SimpleNamespace(query=query)
        made.nova = SimpleNamespace(events=[])
        clock = itertools.count()  # a second each time that it is asked
        with mock.patch.object(time, 'monotonic', lambda: next(clock)), (
                mock.patch.object(time, 'sleep')):
            made.rest()
            self.assertEqual('Bound', seen[-1])
            self.assertGreaterEqual(len(seen), 4)
            # And never for good.
            made.database.query = lambda text: [next(clock)]
            made.rest()
            self.assertGreater(next(clock), LIMIT)


class Servers(unittest.TestCase):
    """What is started ends with who started it."""

    def test_what_a_server_has_started_ends_with_it(self):
        with subprocess.Popen(
                [*WHILE_WE_RUN, 'sh', '-c', 'sleep 600 & echo up; wait'],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                start_new_session=True) as process:
            self.assertEqual(b'up\n', process.stdout.readline())
            # Nobody else has its output open once it has come to its end.
            said, _ = process.communicate(timeout=60)
        self.assertEqual(b'', said)
        self.assertEqual(-signal.SIGKILL, process.returncode)


    def test_a_service_that_is_busy_ends_with_who_started_it(self):
        busy = ('import time; from systems.cyborg import services; '
                'services.cyborg = lambda *_: []; '
                'services._periodic = lambda _: time.sleep(600); '
                'services.main(["file", "1"])')
        with subprocess.Popen(
                [sys.executable, '-c', busy], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, start_new_session=True) as process:
            self.assertEqual(b'ready\n', process.stdout.readline())
            process.stdin.write(b'jobs\nreport\n')
            process.stdin.flush()
            self.assertEqual(b'0 0\n', process.stdout.readline())
            said, _ = process.communicate(timeout=60)  # closes its input
        self.assertEqual((b'', 0), (said, process.returncode))


class Command(unittest.TestCase):
    """``python -m systems.cyborg``, where it cannot run."""

    def run_it(self, found, **patched):
        said = io.StringIO()
        with mock.patch.multiple(command, find_spec=lambda name: found,
                                 **patched), (
                contextlib.redirect_stderr(said)):
            return command.main(['--short']), said.getvalue()

    def test_a_stack_that_does_not_start_is_a_harness_error(self):
        status, said = self.run_it(True, Stack=mock.Mock(
            side_effect=StackError('no mariadbd')))
        self.assertEqual(3, status)
        self.assertIn('no mariadbd', said)

    def test_without_cyborg_it_is_skipped_or_an_error(self):
        for value, status in (('', 0), ('1', 3)):
            with mock.patch.dict('os.environ', CYBORG_SPECS_NO_SKIP=value):
                found, said = self.run_it(None)
            self.assertEqual(status, found)
            self.assertIn('there is no cyborg', said)

    def test_without_rabbitmq_it_is_skipped_or_an_error(self):
        for value, status in (('', 0), ('1', 3)):
            said = io.StringIO()
            with mock.patch.dict('os.environ', CYBORG_SPECS_NO_SKIP=value), (
                    mock.patch.object(command, 'find_spec')), (
                    mock.patch.object(command.shutil, 'which',
                                      lambda name: None)), (
                    contextlib.redirect_stderr(said)):
                self.assertEqual(status, command.main(
                    ['--short', '--bus', 'rabbit']))
            self.assertIn('there is no RabbitMQ; install', said.getvalue())
        with mock.patch.object(command, 'find_spec'):
            self.assertEqual('', command.missing('fake'))

    def short(self, bus, database, caught=(), looked=True,
              calls=('HTTP', 'openstacksdk')):
        """What a short run does, of a stack that does nothing."""
        done, said = [], io.StringIO()

        class Nothing(command.Runs):
            def __init__(self, *arguments):
                super().__init__(*arguments)
                self.interrupted = Counter(caught)

            def smoke(self):
                done.append('smoke')

            def replay_known(self, kinds=(), tries=0):
                self.known.looked.update(['X1'] * looked)
                self.known.seen['X1'] = 1
                done.append('some' if kinds else 'all')

            def explore(self, where, seed, steps):
                self.steps[where, seed] = steps
                done.append(where)
                for call in calls:
                    self.calls.setdefault(
                        where.split()[0], Counter())[call] += 1

        class Stub:
            weaker = 'no keys' if database == 'sqlite' else ''
            options = ''

            def __init__(self, **options):
                self.database = SimpleNamespace(kind=database)

            def __enter__(self):
                return self

            def __exit__(self, *exception):
                pass
        with mock.patch.multiple(
                command, Runs=Nothing, Stack=Stub, missing=lambda bus: ''), (
                contextlib.redirect_stdout(said)), (
                contextlib.redirect_stderr(said)):
            status = command.main(['--short', '--bus', bus])
        return status, done, said.getvalue()

    def test_a_short_run_beside_the_others_has_what_differs(self):
        every = dict.fromkeys(command.MUST, 1)
        self.assertEqual(
            (0, ['smoke', 'all', *itertools.chain(
                *runs.EXPLORATIONS.values())]),
            self.short('fake', 'mariadb')[:2])
        status, done, said = self.short('rabbit', 'mariadb', every)
        self.assertEqual((0, [
            'smoke', 'some', 'interrupted release sdk',
            'program share http']), (status, done))
        self.assertIn('interrupted: crash 1, held 1, kill conductor 1, '
                      'paused 1', said)
        status, done, said = self.short('fake', 'sqlite')
        self.assertEqual((0, ['smoke', 'requests', *runs.EXPLORATIONS[
            'walk']]), (status, done))
        self.assertIn('Weaker: no keys.', said)

    def test_a_short_run_that_caught_nothing_is_no_success(self):
        for name in command.MUST:
            caught = dict.fromkeys({*command.MUST} - {name}, 1)
            status, _, said = self.short('rabbit', 'mariadb', caught)
            self.assertEqual(3, status)
            self.assertIn(f'no request was caught to be {name}', said)
        self.assertEqual(3, self.short('fake', 'mariadb', looked=False)[0])

    def test_a_client_that_sends_nothing_is_no_success(self):
        for calls in (['HTTP'], ['openstacksdk'] * 2):
            status, _, said = self.short('fake', 'mariadb', calls=calls)
            self.assertEqual(3, status)
            self.assertIn('sent no request in requests', said)

    def test_steps_are_shared_by_the_explorations_of_a_mode(self):
        self.assertEqual(
            {'requests': 10, 'walk release sdk': 10},
            runs.planned(['requests', 'walk release sdk'], 10))
        self.assertEqual([4, 4, 4], [*runs.planned(
            ['walk'], 10).values()])
        self.assertEqual({'walk share http': 9}, runs.planned(
            ['walk share http'], 9))
        for name in ('nowhere', 'walk nowhere http', 'walk release', '',
                     'requests release http', 'walk release http http'):
            with self.subTest(name), self.assertRaises(ValueError) as caught:
                runs.planned([name], 10)
            self.assertIn('choose of', str(caught.exception))
        for mode, names in runs.EXPLORATIONS.items():
            if mode not in runs.OTHERS:
                self.assertEqual({*runs.CLIENTS}, {
                    name.split()[-1] for name in names})

    def test_an_exploration_begins_as_a_shorter_one(self):
        def taken(steps):
            told = []

            class Chance:
                over = False

                def begin(self):
                    self.story = []

                def propose(self):
                    return [chance.randrange(9)]

                def take(self, step):
                    told.append(step)
                    self.over = step == [8]
                    return []
            chance = random.Random(1)
            made = runs.Runs(SimpleNamespace(calls=[]),
                             known.Known({'divergences': []}))
            made.explorer = lambda where, seed: Chance()
            made.explore('walk release http', 1, steps)
            self.assertEqual({('walk release http', 1): steps},
                             made.known.explored)
            return told
        self.assertEqual(taken(90)[:40], taken(40))
        self.assertEqual(40, len(taken(40)))
        self.assertIn(['wait'], taken(90))

    def test_only_the_entries_that_are_named_are_recorded(self):
        row = {**Record.row, 'signatures': ['.*']}
        made = runs.Runs(None, known.Known({'divergences': [
            row, {**row, 'id': 'X2', 'signatures': ['x']},
            {**row, 'id': 'X3'},
            {**row, 'id': 'X4', 'options': '--bus rabbit'}]}))
        made.known.first = {name: (Record.finding, 'm', 7, 9, [['a']])
                            for name in ('X1', 'X2', 'X4')}
        made.replay = lambda mode, trace: [Record.finding] * bool(trace)
        with mock.patch.object(known.Known, 'write'):
            self.assertEqual([], made.record(['X1']))
            self.assertEqual([7, 1, 1, 1],
                             [row['seed'] for row in made.known.rows])
            self.assertEqual(['X3'], made.record())
        self.assertEqual([7, 7, 1, 1],
                         [row['seed'] for row in made.known.rows])
        self.assertEqual([None, True], [
            row.get('chance') for row in made.known.rows[:2]])

    def test_steps_on_record_that_still_show_it_are_kept(self):
        made = runs.Runs(None, known.Known({'divergences': [
            {**Record.row, 'mode': 'walk release http',
             'trace': [['old'], ['steps']]}]}))
        row, = made.known.rows
        first = Record.finding, 'faults release sdk', 1, 9, [['a'], ['b']]
        for shows, fewest in (
                ([['old'], ['steps']], [['old'], ['steps']]),
                ([['b']], [['b']])):
            made.replay = lambda where, trace, shows=shows: (
                [Record.finding] if trace[-len(shows):] == shows else [])
            with self.subTest(fewest):
                self.assertEqual((Record.finding, fewest, False),
                                 made.reduce(row, first))
        # Those of another system say nothing.
        made.replay = lambda where, trace: [Record.finding]
        for mode, kept in (('walk release sdk', True), ('requests', False),
                           ('walk group http', False)):
            found = made.reduce(row, (*first[:1], mode, *first[2:]))
            self.assertEqual(kept, found[1] == row['trace'], mode)
        row['mode'] = 'profiles'
        self.assertNotEqual(row['trace'], made.reduce(
            row, (Record.finding, 'requests', *first[2:]))[1])

    def test_what_was_sought_in_vain_is_told_until_it_is_found(self):
        made = runs.Runs(None, known.Known({'divergences': [
            {**Record.row, 'sought': [['walk release sdk', 1, 40],
                                      ['walk release sdk', 2, 30]]},
            {**Record.row, 'id': 'X2', 'signatures': ['x']}]}))
        made.known.explored = {('walk release sdk', 2): 20,
                               ('walk group http', 1): 50}
        made.replay = lambda mode, trace: [Record.finding] * bool(trace)
        with mock.patch.object(known.Known, 'write'):
            self.assertEqual(['X1'], made.record(['X1']))
            self.assertEqual(
                [['walk group http', 1, 50], ['walk release sdk', 1, 40],
                 ['walk release sdk', 2, 30]],
                made.known.rows[0]['sought'])
            self.assertNotIn('sought', made.known.rows[1])
            self.assertIn('    not found anew by walk group http, seed 1, 50 '
                          'steps; walk release sdk, seed 1, 40 steps; walk '
                          'release sdk, seed 2, 30 steps',
                          [*made.known.report()])
            self.assertEqual(made.known.document, Record.read(
                self, made.known.document).document)
            made.known.first['X1'] = Record.finding, 'm', 7, 9, [['a']]
            self.assertEqual([], made.record(['X1']))
        self.assertNotIn('sought', made.known.rows[0])
        self.assertNotIn('not found anew', '\n'.join(made.known.report()))

    def test_a_trace_is_as_short_as_it_gets(self):
        """It shows where ``a`` is before ``b``, and not always with ``?``."""
        other = Finding('other', 'R-1', '', '')
        made = runs.Runs(None, known.Known({'divergences': [
            {**Record.row, 'signatures': ['shown .']}]}))
        row, = made.known.rows
        turns = itertools.cycle((False, True))

        def replay(where, trace):
            self.assertEqual('m', where)
            shown = ''.join(trace).replace('x', '').startswith('ab') or (
                '?' in trace and next(turns))
            return [other, Finding(f'shown {len(trace)}', '', '', '')][
                :1 + shown]
        made.replay = replay
        for trace, fewest, lucky in (
                ('xaxxbx', 'ab', False), ('ab', 'ab', False),
                ('x?x', '?', True)):
            with self.subTest(trace):
                finding, fewer, luck = made.reduce(
                    row, (other, 'm', 1, 9, [*trace]))
                self.assertEqual((fewest, lucky), (''.join(fewer), luck))
                self.assertEqual(f'shown {len(fewest)}', finding.signature)

    def test_a_stack_on_which_nothing_works_is_no_success(self):
        made = runs.Runs(SimpleNamespace(
            reset=lambda: None, provider='rp', database=SimpleNamespace(
                query=Rows([(FIRST, 'Initial', None, None)]).query),
            nova=SimpleNamespace(events=[])),
            None)
        client = mock.Mock(name='client')
        client.send.return_value = Reply(201)
        client.create.return_value = Reply(201, {'arqs': [{'uuid': FIRST}]})
        client.bind.return_value = Reply(202)
        with mock.patch.object(runs, 'CLIENTS', {
                'http': lambda *_: client}), mock.patch.object(
                runs, 'Raw', lambda *_: client), self.assertRaises(
                HarnessError) as caught:
            made.smoke()
        self.assertIn('bind', str(caught.exception))

    def test_a_trace_of_the_kit_can_be_replayed(self):
        step = Step(Action('claim', '', None, {}), (0,))
        self.assertEqual([['claim', 0], ['together', ['claim', 0],
                                         ['claim', 0]]], runs.read_trace(
            SimpleNamespace(played=(step,) * 3, calls=(
                'claim(0): ok', 'claim(0): ok, overlapping',
                'claim(0): refused, overlapping'))))


if __name__ == '__main__':
    unittest.main()
