"""Run the real Cyborg against ``stein``: ``python -m systems.cyborg``.

Explores at random from a seed, replays what is on record, and says what is
known, new or mended.  Exit code: 0 all as recorded, 1 something is new or
mended, 3 the test itself broke.  Where Cyborg is not installed it says so and
skips, unless CYBORG_SPECS_NO_SKIP is set.
"""

import argparse
import os
import shutil
import sys
import uuid
from collections import Counter
from importlib.util import find_spec

from cyborg_models.conformance import modes
from cyborg_models.conformance.suite import HarnessError
from systems.cyborg import nova, program
from systems.cyborg.adapter import PROFILES, Raw, Sdk, snapshot
from systems.cyborg.explore import (
    OVERLAPS,
    Walk,
    beyond,
    known_defects,
    label,
    read_divergence,
)
from systems.cyborg.known import Known, KnownError
from systems.cyborg.profiles import Profiles
from systems.cyborg.requests import Requests
from systems.cyborg.stack import RABBIT, Stack, StackError, identity

SYSTEMS = {'release': nova.Release, 'group': nova.Group, 'twins': nova.Twins}
#: those for which a region is written
PROGRAMMED = {'program': program.Program, 'share': program.Share}
CLIENTS = {'http': Raw, 'sdk': Sdk}
#: modes of the kit, and what the share of steps is called there
KIT = {'explore': 'steps', 'repeat': 'steps', 'faults': 'steps',
       'concurrent': 'rounds'}
#: bad requests; steered walks, which get on where a step takes long; these
#: with requests that are held up, overlap, or meet a crash; walks with regions
#: that are written; and device profiles that ask for that
OWN = ('requests', 'walk', 'interrupted', 'program', 'profiles')
#: those that are no walks
OTHERS = {'requests': Requests, 'profiles': Profiles}
OVERLAPPING = 0.6  # share of steps, of the last
#: modules without which there is nothing to run
NEEDED = ('cyborg', 'placement', 'glance', 'openstack', 'pymysql')
#: steps that need a process for each service
ALONE = ('paused', 'crash api', 'crash agent')
#: steps that a short run with RabbitMQ is for
MUST = ('held', 'crash', 'paused')
LENGTH = 14  # steps of an example
#: steps or rounds of a mode, with --short
SHORT = {'concurrent': 9, 'program': 20, 'profiles': 10}
FEW = 24  # of the other modes
#: the modes of a short run that is beside the one of MariaDB and one process
BESIDE = {'rabbit': ('interrupted',), 'sqlite': ('requests', 'walk')}
SHRINK = 30  # steps to shorten one divergence with
TRIES = 12  # replays of what depends on chance


class Runs:
    """All modes against one stack.

    :param stack: a :class:`~systems.cyborg.stack.Stack`
    :param known: a :class:`~systems.cyborg.known.Known`
    :ivar steps: mode -> how many were taken
    :ivar outcomes: what the kit made of its modes
    """

    def __init__(self, stack, known, seed):
        self.stack, self.known, self.seed = stack, known, seed
        self.steps, self.outcomes, self._made = {}, [], {}

    def smoke(self):
        """The way that works, through each client.

        :raises HarnessError: if it does not: then nothing else says much
        """
        for name, kind in CLIENTS.items():
            self.stack.reset()
            Raw(self.stack, identity(roles='admin')).send(
                'POST', PROFILES, json=[{
                    'name': 'one', 'groups': [{'resources:FPGA': '1'}]}])
            self._smoke(name, kind(self.stack))

    def _smoke(self, name, client):
        made = client.create('one')
        arqs = [arq['uuid'] for arq in made.body['arqs']] if (
            made.status == 201) else []
        instance = str(uuid.uuid4())
        for what, send, state in (
                ('create', lambda: made, 'Initial'),
                ('bind', lambda: client.bind(
                    arqs, instance, self.stack.provider), 'Bound'),
                ('unbind', lambda: client.unbind(arqs), 'Unbound'),
                ('delete', lambda: client.delete(arqs), None)):
            reply = send()
            now = snapshot(self.stack.database.query)
            states = [row.state for row in now.rows.values()]
            used = sum(now.used.values())
            if reply.status not in (201, 202, 204) or (
                    states != ([state] if state else [])) or (
                    used != (state == 'Bound')):
                raise HarnessError(
                    f'{what} through {name} is answered {reply.status} '
                    f'{reply.fault}; then there are rows {states}, and '
                    f'{used} handles in use')
        if self.stack.nova.events != [(instance, arqs[0], 'completed')]:
            raise HarnessError(f'Nova was told {self.stack.nova.events}')

    def system(self, system, client):
        """A system of the kit."""
        return (SYSTEMS | PROGRAMMED)[system](
            self.stack, CLIENTS[client], self.known.defects)

    def explorer(self, name):
        """Who explores by steps: of ``OTHERS``, or ``SYSTEM CLIENT``."""
        if name not in self._made:
            self._made[name] = (
                OTHERS[name](self.stack, self.seed) if name in OTHERS
                else self.walk(*name.split()))
        return self._made[name]

    def walk(self, system, client):
        """Walks of a system."""
        kind = program.ProgramWalk if system in PROGRAMMED else Walk
        return kind(self.system(system, client), self.known, self.seed)

    @property
    def interrupted(self):
        """Kind of step -> how often a request was caught by it."""
        return sum((one.interrupted for one in self._made.values()
                    if isinstance(one, Walk)), Counter())

    def explore(self, mode, steps):
        """Take steps in a mode; what is found is noted."""
        self.steps.setdefault(mode, 0)
        # The clients take turns, from mode to mode as well.
        clients = [*CLIENTS] * 2
        shift = [*OWN, *KIT].index(mode) % 2
        pairs = [*zip(SYSTEMS, clients[shift:], strict=False)]
        programmed = [*zip(PROGRAMMED, clients[shift:], strict=False)]
        if mode in KIT:
            turn = [*KIT].index(mode) % len(programmed)
            for pair in [*pairs, programmed[turn]]:
                self._by_kit(mode, *pair, -(-steps // len(pairs)))
            return
        names = [mode] if mode in OTHERS else [
            ' '.join(pair) for pair in (
                programmed if mode == 'program' else pairs)]
        goal, turn = self.steps[mode] + steps, 0
        while self.steps[mode] < goal:
            self._example(mode, names[turn % len(names)])
            turn += 1

    def _example(self, mode, name):
        one = self.explorer(name)
        one.overlapping = {'interrupted': OVERLAPPING,
                           'program': OVERLAPPING / 2}.get(mode, 0)
        one.begin()
        for _ in range(LENGTH):
            step = one.propose()
            if step is None:
                break
            self.take(one, name, mode, step)
            if one.over:
                return
        if mode not in OTHERS:
            self.take(one, name, mode, ['wait'])

    def _by_kit(self, mode, system, client, steps):
        """A mode of the kit; its failures and odd answers are noted."""
        tested = self.system(system, client)
        options = {KIT[mode]: steps, 'shrink': SHRINK}
        outcome = modes.run(tested, {mode: options}, self.seed)
        self.outcomes.append((tested, outcome))
        name, before = f'{system} {client}', self.steps[mode]
        self.steps[mode] += sum(one.steps for one in outcome.modes)
        past = []
        for failure in outcome.failures:
            trace = read_trace(failure)
            finding = read_divergence(failure.divergence, label(trace),
                                      failure.requirement)
            tried = () if failure.known or (
                trace[-1][0] == 'together'  # seen otherwise by a walk
                ) else known_defects(self.known, finding, tested.known)
            self.known.note(
                beyond(self.known, finding, (*past, *tried)), name,
                self.seed, before + failure.steps, trace)
            past += [failure.known] * bool(failure.known)
        for finding, trace, count in tested.findings:
            self.known.note(finding, name, self.seed, before + count, trace)
        if outcome.error:
            raise HarnessError(f'{mode} of {name}: {outcome.error}')

    def take(self, one, name, mode, step):
        """One step, whose findings are noted."""
        self.steps[mode] += 1
        for finding in one.take(step):
            self.known.note(finding, name, self.seed, self.steps[mode],
                            one.story)

    def replay(self, name, trace):
        """The findings of a trace, in the order of its steps."""
        one = self.explorer(name)
        one.begin()
        found = []
        for step in trace:
            found += one.take(step)
            if one.over:
                break
        return found

    def replay_known(self, kinds=(), tries=TRIES):
        """Replay each trace on record until it shows what it is for.

        :param kinds: only traces with a step of such a kind, and of what
            has not shown yet; empty for all
        :param tries: of what needs luck
        """
        for row in self.known.rows:
            if not playable(row['trace'], self.stack) or kinds and (
                    row['id'] in self.known.seen
                    or not kinds_of(row['trace']) & {*kinds}):
                continue
            self.known.looked.add(row['id'])
            for _ in range(tries if row.get('chance') else 1):
                for finding in self.replay(row['mode'], row['trace']):
                    self.known.note(finding, row['mode'], row['seed'],
                                    len(row['trace']), row['trace'])
                if row['id'] in self.known.seen:
                    break

    def shorten(self, name, trace, shows):
        """A trace without the steps that it does not need.

        :param shows: function of the findings: does it still show?
        """
        place = len(trace) - 1
        while place >= 0:
            fewer = trace[:place] + trace[place + 1:]
            if fewer and shows(self.replay(name, fewer)):
                trace = fewer
            place -= 1
        return trace


def kinds_of(trace):
    """The names of the steps of a trace, apart from plain requests."""
    return {step[0] for step in trace if isinstance(step, list)}


def playable(trace, stack):
    """Can a trace be replayed?  Some need MariaDB, some RabbitMQ."""
    kinds = kinds_of(trace)
    return (stack.database.kind == 'mariadb'
            or not kinds & {*OVERLAPS} - {'together'}) and (
        stack.bus == 'rabbit' or not kinds & {*ALONE})


def read_trace(failure):
    """The steps of a failure of the kit, for :meth:`Runs.replay`."""
    rows = [[step.action.name, *step.arguments] for step in failure.played]
    at_once = sum(text.endswith('overlapping') for text in failure.calls)
    if at_once:
        rows[-at_once:] = [['together', *rows[-at_once:]]]
    return rows


def record(runs, ids=()):
    """Write down how each divergence was found for the first time.

    :param ids: of those that are meant; empty for all
    """
    for row in runs.known.rows:
        if row['id'] not in runs.known.first or (
                ids and row['id'] not in ids):
            continue
        finding, mode, seed, steps, trace = runs.known.first[row['id']]

        def shows(found, row=row):
            return any(runs.known.match(one) is row for one in found)
        again = shows(runs.replay(mode, trace))
        runs.known.record(
            row, finding, mode, seed, steps,
            runs.shorten(mode, trace, shows) if again else trace, not again)
        runs.known.write()


def missing(bus):
    """What there is not, with the mend; '' if nothing is missing."""
    modules = [name for name in NEEDED if find_spec(name) is None]
    if modules:
        return (f'there is no {", ".join(modules)}; install '
                'systems/cyborg/requirements.txt')
    if bus == 'rabbit' and not all(map(shutil.which, RABBIT)):
        return ('there is no RabbitMQ; install the package rabbitmq-server '
                '(Debian), or leave out --bus rabbit')
    return ''


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog='python -m systems.cyborg', description=__doc__.split('\n')[0])
    parser.add_argument('--short', action='store_true', help=(
        'what CI runs: what is on record, and a few steps; with RabbitMQ or '
        'SQLite only what differs there'))
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--steps', type=int, default=400,
                        help='of each mode, or rounds; default 400')
    parser.add_argument('--mode', action='append',
                        choices=[*OWN, *KIT])
    parser.add_argument('--database', default='auto',
                        choices=['auto', 'mariadb', 'sqlite'])
    parser.add_argument('--bus', default='fake', choices=['fake', 'rabbit'],
                        help='one process, or one for each service')
    parser.add_argument('--conductors', type=int, default=1,
                        help='how many, with --bus rabbit')
    parser.add_argument('--record', nargs='*', metavar='ID', help=(
        'write into the record how each divergence was found, or those '
        'named; an entry that is new has what a person judges'))
    given = parser.parse_args(arguments)
    lacks = missing(given.bus)
    if lacks:
        print(f'skipped: {lacks}', file=sys.stderr)
        return 3 if os.environ.get('CYBORG_SPECS_NO_SKIP') else 0
    if given.database == 'auto' and os.environ.get('CYBORG_SPECS_NO_SKIP'):
        given.database = 'mariadb'  # less would skip what needs it
    try:
        known = Known.read(whole=given.record is None)
        with Stack(database=given.database, bus=given.bus,
                   conductors=given.conductors) as stack:
            return _run(given, known, stack)
    except (StackError, KnownError, HarnessError) as error:
        print(f'harness error: {error}', file=sys.stderr)
        return 3


def _run(given, known, stack):
    if stack.weaker:
        print(f'Weaker: {stack.weaker}.')
    runs = Runs(stack, known, given.seed)
    runs.smoke()
    beside = given.short and BESIDE.get(
        given.bus, BESIDE.get(stack.database.kind))
    if given.record is None and (
            not beside or stack.database.kind == 'mariadb'):
        runs.replay_known(OVERLAPS if beside else (),
                          1 if given.short else TRIES)
        if not known.looked:
            raise HarnessError('nothing that is on record was replayed')
    for mode in given.mode or beside or [*OWN, *KIT]:
        runs.explore(mode, given.steps if not given.short else (
            FEW // 4 if beside else SHORT.get(mode, FEW)))
    for line in known.report():
        print(line)
    print('steps: ' + ', '.join(
        f'{mode} {count}' for mode, count in runs.steps.items()))
    if beside and given.bus == 'rabbit':
        caught = runs.interrupted
        print('interrupted: ' + ', '.join(
            f'{kind} {caught[kind]}' for kind in OVERLAPS if caught[kind]))
        lacks = [kind for kind in MUST if not caught[kind]]
        if lacks:
            raise HarnessError(
                f'no request was caught to be {", ".join(lacks)}')
    kept = {name for _, outcome in runs.outcomes for name in outcome.evidence}
    print(f'fail: {", ".join(known.fails)}')
    print(f'shown as kept: {", ".join(sorted(kept - {*known.fails}))}')
    if not all(runs.steps.values()):
        raise HarnessError('a mode took no step')
    if given.record is not None:
        record(runs, given.record)
    return 1 if known.new or known.mended else 0


if __name__ == '__main__':
    sys.exit(main())
