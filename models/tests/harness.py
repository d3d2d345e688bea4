"""A harness for the tests of the wire, which can be made to misbehave.

``python harness.py MODEL ACTION...`` says yes to everything and observes
nothing; with ``--mirror`` it does what the model does, with ``--set`` and
``--defect`` as elsewhere; ``--fault NAME`` goes wrong as one of the
functions below.
"""

import argparse
import json
import os
import signal
import socket
import sys
import time


class Echo:
    """Says yes."""

    settings, callers = (), 1

    def __init__(self, model, actions):
        self.name, self.actions = model, actions

    def hello(self, asked):
        return {'model': self.name,
                'settings': dict(pair.split('=') for pair in self.settings),
                'implementation': {'name': 'echo', 'version': '1'},
                'roles': ['cyborg', 'nova'], 'actions': self.actions,
                'callers': self.callers}

    def start(self, asked):
        return {'outcome': 'ok'}

    def call(self, asked):
        return {'outcome': 'ok'}

    def observe(self, asked):
        return {'observed': {}}

    def stop(self, asked):
        return {'outcome': 'ok'}


class Mirror(Echo):
    """Does what the model does."""

    def __init__(self, name, settings, defects):
        from cyborg_models import registry
        from cyborg_models.conformance.words import Words, written
        from cyborg_models.kernel.language import Guard
        from cyborg_models.kernel.trace import follow

        self.settings = settings
        self.model = registry.choose(name, settings, defects).model
        super().__init__(name, list(self.model.actions))
        self.words, self.written = Words(self.model), written
        self.follow, self.guard = follow, Guard

    def start(self, asked):
        self.codes = self.model.initial
        return {'outcome': 'ok', **self.observe(asked)}

    def call(self, asked):
        if asked['action'] not in self.model.actions:
            return {'outcome': 'not implemented'}
        step, = self.words.matching(asked['action'], asked['arguments'])
        after = self.follow(self.model, self.codes, step)
        if isinstance(after, self.guard):
            return {'outcome': 'refused', 'message': after.text}
        self.codes = after
        return {'outcome': 'ok', **self.observe(asked)}

    def observe(self, asked):
        values = self.model.values(self.codes)
        return {'observed': {name: self.written(value)
                             for name, value in values.items()}}


# What goes wrong, each at the first call; what is returned is the answer.

def hang(answer):
    time.sleep(60)


def deaf(answer):
    os.close(0)
    time.sleep(60)


def leave(answer):
    print('no more of this', file=sys.stderr)
    raise SystemExit(7)


def shot(answer):
    os.kill(os.getpid(), signal.SIGKILL)


def silent(answer):
    os.close(1)
    time.sleep(60)


def orphan(answer):
    if os.fork() == 0:  # it holds all streams
        time.sleep(60)
    os._exit(0)


def stopped(answer):
    os.kill(os.getpid(), signal.SIGSTOP)


def drip(answer):
    while True:
        os.write(1, b' ')
        time.sleep(0.1)


def blank(answer):
    while True:
        os.write(1, b'\n' * 1000)


def long_answer(answer):
    os.write(1, b'{"outcome": "')
    for _ in range(100):
        os.write(1, b'x' * (1 << 20))
    print('"}', flush=True)
    return answer


def mark(answer):
    os.write(1, b'\xef\xbb\xbf')
    return answer


def utf16(answer):
    os.write(1, (json.dumps(answer) + '\n').encode('utf-16'))
    return answer


def zero(answer):
    os.write(1, b'\0')
    return answer


def float_id(answer):
    return {**answer, 'id': float(answer['id'])}


def endless_id(answer):
    os.write(1, b'{"id": %b, "outcome": "ok"}\n' % (b'9' * 5000))
    return answer


def rubbish(answer):
    print('Hello, world', flush=True)
    return answer


def binary(answer):
    os.write(1, b'\xff\xfe\x00\n')
    return answer


def array(answer):
    return [answer]


def deep(answer):
    os.write(1, b'[' * 100_000 + b'\n')
    return answer


def endless(answer):
    while True:
        os.write(1, b'x' * 65536)


def nan(answer):
    return {**answer, 'observed': {'count': float('nan')}}


def swapped(answer):
    return {**answer, 'id': answer['id'] + 1}


def late(answer):
    return {**answer, 'id': answer['id'] - 1}


def twice(answer):
    print(json.dumps(answer), flush=True)
    return answer


def no_id(answer):
    return {key: value for key, value in answer.items() if key != 'id'}


def key_twice(answer):
    print('{"outcome": "refused", "outcome": "ok", "id": '
          f'{answer["id"]}}}', flush=True)
    return answer


def flood(answer):
    for _ in range(300):
        os.write(2, b'all is well\n' * 1000)
    return answer


def flood_for_ever(answer):
    while True:
        os.write(2, b'all is well\n' * 1000)


def flood_and_die(answer):
    flood(answer)
    print('last words', file=sys.stderr)
    raise SystemExit(7)


def no_outcome(answer):
    return {'id': answer['id']}


def odd_outcome(answer):
    return {**answer, 'outcome': 'refsued'}


def odd_key(answer):
    return {**answer, 'observd': {}}


def odd_type(answer):
    return {**answer, 'observed': ['BOUND']}


def odd_variable(answer):
    return {**answer, 'observed': {'sttate[0]': 'IDLE'}}


def odd_value(answer):
    return {**answer, 'observed': {'state[0]': 'IDEL'}}


def escapes(answer):
    return {**answer, 'outcome': 'error', 'message': '\x1b[2Jall is well'}


def half_a_character(answer):
    return {**answer, 'outcome': 'error', 'message': 'bad \ud800'}


def text_for_number(answer):
    return {**answer, 'observed': {'count': '1'}}


def lacks(answer):
    return {**answer, 'outcome': 'not implemented'}


def fails(answer):
    return {**answer, 'outcome': 'error', 'message': 'out of memory'}


def slow(answer):
    time.sleep(0.3)
    return answer


# These go wrong elsewhere: at which request, and how.

def unknown_action(answer):
    return {**answer, 'actions': ['plgu']}


def nobody(answer):
    return {**answer, 'implementation': {'name': 'echo'}}


def long_name(answer):
    return {**answer, 'implementation': {'name': 'x' * 100_000,
                                         'version': '1'}}


def no_true_id(answer):
    return {**answer, 'id': True}


def many_vans(answer):
    return {**answer, 'settings': {'vans': '100000'}}


def many_digits(answer):
    return {**answer, 'settings': {'vans': '1' * 5000}}


def endless_callers(answer):
    return {**answer, 'callers': -10 ** 4000}


def endless_settle(answer):
    print(json.dumps(answer)[:-1] + ', "settle": 1e400}', flush=True)
    time.sleep(60)


def odd_actions(answer):
    return {**answer, 'actions': [1]}


def odd_model(answer):
    return {**answer, 'model': 'test.smal'}


def odd_setting(answer):
    return {**answer, 'settings': {'vasn': '2'}}


def odd_settings(answer):
    return {**answer, 'settings': {'vans': 2}}


def no_roles(answer):
    return {key: value for key, value in answer.items() if key != 'roles'}


def odd_hidden(answer):
    return {**answer, 'hidden': 'plgu'}


def odd_observed(answer):
    return {**answer, 'observed': ['state[0]']}


def long_model(answer):
    return {**answer, 'model': 'x' * 100_000}


def odd_callers(answer):
    return {**answer, 'callers': 0}


def odd_settle(answer):
    return {**answer, 'settle': 1e9}


def no_capability(answer):
    return {**answer, 'capabilities': ['core', 'qouta']}


def both(answer):
    return {**answer, 'hidden': ['claim']}


def wrong_start(answer):
    return {**answer, 'observed': {**answer['observed'], 'arq[0]': 'BOUND'}}


def remembers(answer):
    SEEN.append(answer)
    if len(SEEN) > 1:
        answer['observed']['reachable'] = not answer['observed']['reachable']
    return answer


def any_action(answer):
    return {**answer, 'outcome': 'ok'}


def bad_end(answer):
    print(json.dumps(answer), flush=True)
    raise SystemExit(4)


def no_start(answer):
    return {**answer, 'outcome': 'refused', 'message': 'no database'}


def stays(answer):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(json.dumps(answer), flush=True)
    time.sleep(60)


SEEN = []
ELSEWHERE = {'unknown_action': 'hello', 'nobody': 'hello',
             'odd_actions': 'hello', 'no_roles': 'hello',
             'long_name': 'hello', 'no_true_id': 'hello',
             'many_vans': 'hello', 'many_digits': 'hello',
             'endless_callers': 'hello', 'endless_settle': 'hello',
             'odd_model': 'hello', 'odd_setting': 'hello',
             'long_model': 'hello',
             'odd_settings': 'hello',
             'odd_hidden': 'hello', 'odd_observed': 'hello',
             'odd_callers': 'hello', 'odd_settle': 'hello',
             'no_capability': 'hello', 'both': 'hello',
             'wrong_start': 'observe', 'remembers': 'observe',
             'no_start': 'start', 'stays': 'stop', 'bad_end': 'stop'}


def serve(system, fault, reader, writer):
    """Answer each line until stop."""
    for line in reader:
        asked = json.loads(line)
        answer = {'id': asked['id'],
                  **getattr(system, asked['ask'])(asked)}
        if fault and asked['ask'] == ELSEWHERE.get(fault, 'call'):
            answer = globals()[fault](answer)
        writer.write(json.dumps(answer, separators=(',', ':')) + '\n')
        writer.flush()
        if asked['ask'] == 'stop':
            break


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('model')
    parser.add_argument('actions', nargs='*')
    parser.add_argument('--mirror', action='store_true')
    parser.add_argument('--set', nargs='+', default=[])
    parser.add_argument('--defect', nargs='+', default=[])
    parser.add_argument('--fault')
    parser.add_argument('--callers', type=int, default=1)
    parser.add_argument('--listen', help='path of a socket, or a port')
    arguments = parser.parse_args()
    system = (Mirror(arguments.model, arguments.set, arguments.defect)
              if arguments.mirror else Echo(arguments.model,
                                            arguments.actions))
    system.callers = arguments.callers
    if arguments.listen is None:
        serve(system, arguments.fault, sys.stdin, sys.stdout)
        return
    with (socket.create_server(('127.0.0.1', int(arguments.listen)))
          if arguments.listen.isdecimal() else
          _unix(arguments.listen)) as server:
        print(server.getsockname(), file=sys.stderr, flush=True)
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile('r') as reader, \
                    connection.makefile('w') as writer:
                serve(system, arguments.fault, reader, writer)


def _unix(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    return server


if __name__ == '__main__':
    main()
