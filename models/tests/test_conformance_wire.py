"""The wire: what a harness may do wrong, and that it is told, in time."""

import collections
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

import jsonschema_rs

from cyborg_models import registry
from cyborg_models.conformance import wire
from cyborg_models.conformance.lines import (
    Connection,
    Process,
    WireError,
)
from cyborg_models.conformance.words import Words
from cyborg_models.registry import InputError

from . import harness, small

SCRIPT = harness.__file__
MODELS = Path(SCRIPT).parents[1]
SHORT = 1.5  # seconds that a harness has which hangs
LONG = 30.0  # ... and one that does not


SMALL = ('test.small', 'ask', 'plug', 'unplug')


def command(*arguments, of=SMALL):
    return [sys.executable, SCRIPT, *of, *arguments]


def setUpModule():
    patch = mock.patch.dict(registry.OTHERS,
                            {'test.small': small.__name__})
    patch.start()
    unittest.addModuleCleanup(patch.stop)


@contextlib.contextmanager
def running(*arguments, limit=LONG, of=SMALL):
    """A harness that has said hello and has started."""
    made = wire.Harness(Process(command(*arguments, of=of)), limit=limit)
    try:
        yield made
    finally:
        made.close()


def first_call(*arguments, limit=LONG):
    """What the first call comes to."""
    with running(*arguments, limit=limit) as made:
        made.hello()
        made.start()
        answer = made.call('ask', {'van': 0})
        made.observe()  # what came too much is seen by the next request
        return answer


def living(group):
    """The processes of a group; of those that have ended nobody may know.
    """
    found = []
    for path in Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            state, _, theirs = path.read_text().rpartition(')')[2].split()[:3]
            if int(theirs) == group and state not in 'ZX':
                found.append(path.parent.name)
    return found


class Misbehaving(unittest.TestCase):
    """Each is told as what it is, within the limit."""

    #: fault -> (what the error says, what it says on standard error)
    TOLD = {
        'hang': (r'does not answer ask\(van=0\) \(id 3\) within 1.5 s', ''),
        'deaf': ('within 1.5 s', ''),
        'flood_for_ever': ('within 1.5 s', 'all is well'),
        'leave': ('ended with status 7.*asked: ask', 'no more of this'),
        'shot': ('was ended by SIGKILL', ''),
        'silent': ('closed its standard output', ''),
        'flood_and_die': ('ended with status 7', 'last words'),
        'orphan': ('within 1.5 s', ''),
        'stopped': ('within 1.5 s', ''),
        'drip': ('within 1.5 s', ''),
        'blank': ("writes '', which is no JSON object", ''),
        'long_answer': ('a line of more than 1,048,576 bytes', ''),
        'mark': ('no JSON object .*BOM', ''),
        'utf16': ("no JSON object .'utf-8'", ''),
        'zero': ('no JSON object', ''),
        'float_id': (r'answers id 3\.0, and asked is 3', ''),
        'endless_id': ('no JSON object .*digits', ''),
        'rubbish': (r"writes 'Hello, world'.*asked: ask\(van=0\)", ''),
        'binary': ("no JSON object .'utf-8'", ''),
        'array': ('no JSON object; write', ''),
        'deep': ('no JSON object', ''),
        'nan': ('no JSON object .NaN', ''),
        'half_a_character': ('no JSON object', ''),
        'escapes': ('failed at ask', ''),
        'key_twice': ('no JSON object .*stands twice', ''),
        'endless': ('a line of more than', ''),
        'swapped': ('answers id 4, and asked is 3', ''),
        'late': ('answers id 2, and asked is 3', ''),
        'twice': ('answers id 3, and asked is (none|4)', ''),
        'no_id': (r'has no "id".*asked: ask\(van=0\)', ''),
        'no_outcome': ('without "outcome"', ''),
        'odd_outcome': ("'refsued'; did you mean refused", ''),
        'odd_key': ("key 'observd'; did you mean observed", ''),
        'odd_type': (r"observed \['BOUND'\]; it is an object", ''),
        'odd_variable': (r"variable 'sttate\[0\]'; did you mean state\[0\]",
                         ''),
        'odd_value': (r"state\[0\] cannot be 'IDEL'; did you mean IDLE", ''),
        'text_for_number': ("count cannot be '1'", ''),
        'fails': (r'failed at ask\(van=0\): out of memory', ''),
        'unknown_action': ("unknown action 'plgu'; did you mean plug", ''),
        'nobody': ('its implementation is', ''),
        'long_name': ('its implementation is .{80}; .*at most 200', ''),
        'no_true_id': ('answers id True, and asked is 1', ''),
        'many_vans': ("vans of test.small cannot be '100000'", ''),
        'many_digits': ("vans of test.small cannot be '1", ''),
        'endless_callers': (r'callers -10{70,76}\.\.\. and', ''),
        'endless_settle': ('settle inf; ', ''),
        'odd_actions': ('actions that are no names', ''),
        'odd_model': ('unknown model .*did you mean test.small', ''),
        'long_model': ("unknown model 'x{80}';", ''),
        'odd_setting': ("no setting 'vasn'; did you mean vans", ''),
        'odd_settings': ('settings that are no texts', ''),
        'no_roles': ('hello without "roles"', ''),
        'odd_hidden': ("unknown action 'plgu'; did you mean plug", ''),
        'odd_observed': (r"unknown variable 'state\[0\]'", ''),
        'odd_callers': ('callers 0', ''),
        'odd_settle': ('settle 1e', ''),
        'lacks': (r'among its actions, and does not implement ask\(van=0\)',
                  ''),
        'no_start': ('does not start: refused: no database', ''),
    }
    HANGING = {'hang', 'deaf', 'flood_for_ever', 'silent', 'orphan',
               'stopped', 'drip'}

    def test_each_is_a_harness_error(self):
        for fault, (text, said) in self.TOLD.items():
            limit = SHORT if fault in self.HANGING else LONG
            with self.subTest(fault):
                with self.assertRaisesRegex(WireError, text) as caught:
                    first_call('--fault', fault, limit=limit)
                self.assertIn(said, caught.exception.said)
                self.assertLessEqual(len(caught.exception.said), 16 << 10)

    def test_the_line_that_names_the_error_is_shown(self):
        """Node and Go begin with it, and end with where it was."""
        where = [f'    at agent.js:{line}' for line in range(9)]
        for said, shown in (
                (['agent.js:3', 'TypeError: no job', *where, 'Node.js v18'],
                 ['TypeError: no job', *where[-2:], 'Node.js v18']),
                (['panic: no job', '', *where], ['panic: no job',
                                                 *where[-3:]]),
                (['Traceback:', *where, 'OSError: no job'],
                 [*where[-2:], 'OSError: no job']),
                (['errors are none', *where], where[-3:])):
            with self.subTest(said[0]):
                self.assertEqual(
                    'it died; on standard error it said: '
                    + '\n'.join(shown),
                    str(WireError('it died', '\n'.join(said))))

    def test_each_fault_of_the_harness_is_here(self):
        faults = {name for name, one in vars(harness).items()
                  if getattr(one, '__code__', None)
                  and one.__code__.co_varnames[:1] == ('answer',)}
        good = {'flood', 'slow', 'stays',
                # what smoke finds, and the wire lets pass
                'no_capability', 'both', 'wrong_start', 'remembers',
                'any_action', 'bad_end'}
        self.assertEqual(faults, {*self.TOLD, *good})

    def test_an_answer_that_comes_before_it_is_asked(self):
        """It knows the next id, and not what is asked."""
        class Early:
            name, said, waiting = 'it', '', [b'{"id":1,"outcome":"ok"}']

            def receive(self, seconds):
                return self.waiting

            def send(self, line):
                self.waiting = []
        with self.assertRaisesRegex(WireError, (
                'it answers id 1, and asked is none; ')):
            wire.Harness(Early()).hello()

    def test_what_is_broken_stays_broken(self):
        with running('--fault', 'leave') as made:
            made.hello()
            made.start()
            for _ in range(2):
                with self.assertRaisesRegex(WireError, 'status 7'):
                    made.call('ask', {'van': 0})

    def test_what_cannot_start_is_bad_input(self):
        for words, text in ((['/nowhere/harness'], 'No such file'),
                            ([], 'no command'), (['a\0b'], 'null byte')):
            with self.subTest(words), self.assertRaisesRegex(
                    InputError, text):
                Process(words)


class WellBehaved(unittest.TestCase):

    def test_it_says_who_it_is(self):
        with running() as made:
            hello = made.hello()
        self.assertEqual(('echo', '1'), hello.implementation)
        self.assertEqual(SMALL[1:], hello.actions)
        self.assertEqual((('cyborg', 'nova'), ('core',)),
                         (hello.roles, hello.capabilities))
        self.assertEqual(1, hello.callers)

    def test_a_flood_on_standard_error_blocks_nobody(self):
        answer = first_call('--fault', 'flood')
        self.assertEqual('ok', answer.outcome)

    def test_slow_is_not_too_slow(self):
        self.assertEqual('ok', first_call('--fault', 'slow').outcome)

    def test_the_mirror_does_what_the_model_does(self):
        with running('--mirror', of=('stein.attach',)) as made:
            made.hello()
            model = made.chosen.model
            begun = made.start().observed
            self.assertEqual(model.values(model.initial), begun)
            refused = made.call('attach', {'instance': 0})
            self.assertEqual('refused', refused.outcome)
            self.assertIn('Nova.WAITING', refused.message)
            after = made.call('claim', {'instance': 0, 'host': 0}).observed
            self.assertEqual('CLAIMED', after['nova[0]'].name)
            self.assertEqual(after, made.observe())

    def test_it_is_ended_and_all_that_it_started(self):
        for fault in ('stays', 'orphan', 'stopped', 'drip'):
            lines = Process(command('--fault', fault))
            made = wire.Harness(lines, limit=LONG)
            made.hello()
            if fault != 'stays':
                made.limit = SHORT
                with self.subTest(fault), self.assertRaises(WireError):
                    made.call('ask', {'van': 0})
            made.close()
            with self.subTest(fault):
                self.assertEqual([], living(lines._process.pid))

    def test_what_lives_is_found(self):
        with subprocess.Popen(['sleep', '60'], start_new_session=True) as one:
            self.assertEqual([str(one.pid)], living(one.pid))
            one.kill()

    def test_its_exit_status_is_told(self):
        made = wire.Harness(Process(command()), limit=LONG)
        made.hello()
        self.assertEqual(0, made.stop())

    def test_no_descriptor_is_left_open(self):
        def count():
            return len(os.listdir('/proc/self/fd'))

        before = count()
        for fault in ('leave', 'rubbish', 'lacks'):
            with contextlib.suppress(WireError):
                first_call('--fault', fault)
        self.assertEqual(before, count())

    def test_a_large_request_and_a_large_answer_pass_each_other(self):
        # Neither side may wait for the other to read first.
        script = ('import sys, json\n'
                  'for line in sys.stdin:\n'
                  '    asked = json.loads(line)\n'
                  '    sys.stdout.write(" " * 300_000)\n'
                  '    print(json.dumps({"id": asked["id"], "observed": {}})'
                  ', flush=True)\n')
        made = wire.Harness(Process([sys.executable, '-c', script]),
                            limit=LONG)
        try:
            made.words = Words(small.build())
            for _ in range(3):
                self.assertEqual({}, made.observe())
        finally:
            made.close()


class Attached(unittest.TestCase):
    """A harness that runs already."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = str(Path(folder.name) / 'socket')

    def serve(self, *arguments):
        process = subprocess.Popen(command(*arguments),
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process.stderr.readline().strip()

    def talk(self, address):
        made = wire.Harness(Connection(address), limit=LONG)
        try:
            made.hello()
            made.start()
            return made.call('ask', {'van': 0}).outcome
        finally:
            made.close()

    def test_by_path_and_again(self):
        self.serve('--listen', self.path)
        for _ in range(2):  # it goes on when we have left
            self.assertEqual('ok', self.talk(self.path))

    def test_by_port(self):
        address = self.serve('--listen', '0')
        port = re.search(r'\d+\)$', address)[0][:-1]
        for host in ('127.0.0.1', 'localhost'):
            self.assertEqual('ok', self.talk(f'{host}:{port}'))

    def test_one_that_ends_is_told(self):
        self.serve('--listen', self.path, '--fault', 'leave')
        with self.assertRaisesRegex(WireError, 'closed the connection'):
            self.talk(self.path)

    def test_what_cannot_be_reached_is_bad_input(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))  # and does not listen
            port = taken.getsockname()[1]
            for address, text in (
                    (f'127.0.0.1:{port}', 'refused'),
                    ('192.0.2.1:80', 'not this machine'),
                    ('example.org:80', 'not this machine'),
                    ('localhost:http', "'http' is no port"),
                    ('localhost:99999', 'no port'),
                    (self.path, 'No such file')):
                with self.subTest(address), self.assertRaisesRegex(
                        InputError, text):
                    Connection(address)


class Concurrent(unittest.TestCase):
    """Two callers: one after the other, unless the harness can do more."""

    #: holds the first call back until the second has come
    SCRIPT = ('import sys, json\n'
              'held = []\n'
              'def say(asked, **more):\n'
              '    print(json.dumps({"id": asked["id"], **more}),'
              ' flush=True)\n'
              'for line in sys.stdin:\n'
              '    asked = json.loads(line)\n'
              '    if asked["ask"] == "hello":\n'
              '        say(asked, model="test.small", roles=["cyborg"],'
              ' actions=["ask"], implementation={"name": "x",'
              ' "version": "1"},'
              ' callers=int(sys.argv[1]))\n'
              '    elif asked["ask"] != "call":\n'
              '        say(asked, outcome="ok")\n'
              '    else:\n'
              '        held.insert(0, asked)\n'
              '        if len(held) == 2:\n'
              '            for one in held:\n'
              '                say(one, outcome="ok", message='
              'str(one["arguments"]["van"]))\n'
              '            held = []\n')

    def calls(self, callers, limit):
        made = wire.Harness(Process(
            [sys.executable, '-c', self.SCRIPT, callers]),
            limit=limit)
        self.addCleanup(made.close)
        made.hello()
        found = {}

        def call(van):
            try:
                found[van] = made.call('ask', {'van': van}).message
            except WireError as error:
                found[van] = str(error)

        threads = [threading.Thread(target=call, args=(van,))
                   for van in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def test_answers_may_come_in_any_order(self):
        self.assertEqual({0: '0', 1: '1'}, self.calls('2', LONG))

    def test_one_that_cannot_is_asked_one_at_a_time(self):
        found = self.calls('1', SHORT)
        for text in found.values():
            self.assertIn('within 1.5 s', text)


class Damaged(unittest.TestCase):
    """Whatever comes, it is an answer or a harness error."""

    def test_answers_with_a_byte_or_two_changed(self):
        good = {
            'hello': {'model': 'test.small', 'roles': ['cyborg'],
                      'actions': ['ask'], 'hidden': '*', 'settle': 1,
                      'implementation': {'name': 'x', 'version': '1'}},
            'start': {'outcome': 'ok', 'observed': {'told': False}},
            'call': {'outcome': 'ok', 'observed': {'state[0]': 'ASKED'}},
            'observe': {'observed': {'owner': None, 'count': 2}}}
        chance = random.Random(1)

        class Scripted:
            """Answers at once, with some damage to one kind of answer."""

            name, said = 'it', ''

            def __init__(self, kind):
                self.kind, self.lines = kind, []

            def send(self, line):
                asked = json.loads(line)
                text = bytearray(json.dumps({
                    'id': asked['id'], **good[asked['ask']]}).encode())
                for _ in range(chance.choice((1, 1, 2, 9))
                               if asked['ask'] == self.kind else 0):
                    place = chance.randrange(len(text))
                    text[place:place + chance.randrange(2)] = bytes(
                        [chance.choice(b'{}[]",:0a\\\n\xff')])
                self.lines = bytes(text).split(b'\n')

            def receive(self, seconds):
                lines, self.lines = self.lines, []
                return lines

            def close(self, seconds):
                return None

        counts = collections.Counter()
        for kind in good:
            for _ in range(300):
                made = wire.Harness(Scripted(kind), 0.001)
                wire_hello, wire.HELLO = wire.HELLO, 0.001
                try:
                    made.hello()
                    made.start()
                    made.call('ask', {'van': 0})
                    made.observe()
                    counts['answered'] += 1
                except WireError:
                    counts['error'] += 1
                finally:
                    wire.HELLO = wire_hello
        self.assertGreater(counts['error'], 600)
        self.assertGreater(counts['answered'], 10)


class Schema(unittest.TestCase):
    """The schema and the code agree."""

    def setUp(self):
        self.schema = wire.schema()
        jsonschema_rs.meta.validate(self.schema)
        self.valid = jsonschema_rs.validator_for(self.schema).is_valid

    def transcript(self, *arguments):
        """What both say in a short conversation."""
        said, heard = [], []

        class Recorded(Process):
            def send(self, line):
                said.append(line)
                super().send(line)

            def receive(self, seconds):
                found = super().receive(seconds)
                heard.extend(found)
                return found

        made = wire.Harness(Recorded(command(*arguments)), limit=LONG)
        with contextlib.suppress(WireError):
            made.hello()
            made.start()
            made.call('ask', {'van': 1})
            made.observe()
        made.close()
        return said, heard

    def test_every_message_is_valid(self):
        said, heard = self.transcript()
        self.assertEqual([5, 5], [len(said), len(heard)])
        for line in (*said, *heard):
            self.assertTrue(self.valid(json.loads(line)), line)

    def test_what_the_code_refuses_in_form_the_schema_refuses(self):
        for fault in ('no_id', 'no_outcome', 'odd_outcome', 'odd_key',
                      'odd_type', 'nobody', 'odd_actions'):
            _, heard = self.transcript('--fault', fault)
            self.assertFalse(all(self.valid(json.loads(line))
                                 for line in heard), fault)


if __name__ == '__main__':
    unittest.main()
