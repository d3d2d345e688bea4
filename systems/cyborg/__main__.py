"""Run the real Cyborg against ``stein``: ``python -m systems.cyborg``.

Explores at random from a seed, replays what is on record, and says what is
known, new or mended, and whether the seeds on record still lead where they
led.  Exit code: 0 all as recorded, 1 something is new or mended (with
``--again`` also: a seed leads elsewhere), 3 the test itself broke.  Where
Cyborg is not installed it says so and skips, unless CYBORG_SPECS_NO_SKIP is
set.

An exploration is one system through one client in one mode, such as ``walk
release sdk``, or all of a mode that has no systems, such as ``requests``.
What it comes to depends on its seed alone, not on what was explored before.
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
from systems.cyborg.adapter import (
    BY_METHOD,
    PROFILES,
    Raw,
    Sdk,
    snapshot,
)
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
#: share of steps in which requests overlap
OVERLAPPING = {'interrupted': 0.6, 'program': 0.3}
#: modules without which there is nothing to run
NEEDED = ('cyborg', 'placement', 'glance', 'openstack', 'pymysql')
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
SURE = 3  # replays in each of which shows what does not


def explorations():
    """The explorations of each mode; the clients take turns in it, and from
    one mode to the next.
    """
    found = {}
    for place, mode in enumerate((*OWN, *KIT)):
        clients = [*CLIENTS, *CLIENTS][place % 2:]
        some = [f'{mode} {" ".join(pair)}'
                for pair in zip(SYSTEMS, clients, strict=False)]
        programmed = [f'{mode} {" ".join(pair)}'
                      for pair in zip(PROGRAMMED, clients, strict=False)]
        found[mode] = (
            [mode] if mode in OTHERS
            else programmed if mode == 'program'
            else some if mode in OWN
            else [*some, programmed[place // 2 % len(programmed)]])
    return found


EXPLORATIONS = explorations()


class Runs:
    """All modes against one stack.

    :param stack: a :class:`~systems.cyborg.stack.Stack`
    :param known: a :class:`~systems.cyborg.known.Known`
    :ivar steps: exploration -> how many were taken
    :ivar calls: mode -> client, or ``by method``, -> how many requests
    :ivar interrupted: kind of step -> how often a request was caught by it
    :ivar outcomes: what the kit made of its modes
    """

    def __init__(self, stack, known, seed):
        self.stack, self.known, self.seed = stack, known, seed
        self.steps, self.calls, self.interrupted = {}, {}, Counter()
        self.outcomes, self._replayers = [], {}

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

    def explorer(self, where):
        """Who explores by steps of our own, from the start of the seed."""
        mode, _, name = where.partition(' ')
        if mode in OTHERS:
            return OTHERS[mode](self.stack, self.seed)
        kind = program.ProgramWalk if name.split()[0] in PROGRAMMED else Walk
        return kind(self.system(*name.split()), self.known, self.seed,
                    OVERLAPPING.get(mode, 0))

    def explore(self, where, steps):
        """Take steps in an exploration; what is found is noted."""
        mode = where.partition(' ')[0]
        self.steps[where], sent = 0, len(self.stack.calls)
        if mode in KIT:
            self._by_kit(where, steps)
        else:
            self._by_steps(where, steps)
        self.known.explored[where, self.seed] = self.steps[where]
        self.calls.setdefault(mode, Counter()).update(
            self.stack.calls[sent:])

    def _by_steps(self, where, steps):
        one = self.explorer(where)
        while self.steps[where] < steps:
            one.begin()
            for number in range(LENGTH + 1):
                step = one.propose() if number < LENGTH else ['wait']
                if step is None or self.steps[where] >= steps or (
                        number == LENGTH and where in OTHERS):
                    break
                self.steps[where] += 1
                for finding in one.take(step):
                    self.known.note(finding, where, self.seed,
                                    self.steps[where], one.story)
                if one.over:
                    break
        if isinstance(one, Walk):
            self.interrupted.update(one.interrupted)

    def _by_kit(self, where, steps):
        """A mode of the kit; its failures and odd answers are noted."""
        mode, *name = where.split()
        tested = self.system(*name)
        options = {KIT[mode]: steps, 'shrink': SHRINK}
        outcome = modes.run(tested, {mode: options}, self.seed)
        self.outcomes.append((tested, outcome))
        self.steps[where] = sum(one.steps for one in outcome.modes)
        past = []
        for failure in outcome.failures:
            trace = read_trace(failure)
            finding = read_divergence(failure.divergence, label(trace),
                                      failure.requirement)
            tried = () if failure.known or (
                trace[-1][0] == 'together'  # seen otherwise by a walk
                ) else known_defects(self.known, finding, tested.known)
            self.known.note(
                beyond(self.known, finding, (*past, *tried)), where,
                self.seed, failure.steps, trace)
            past += [failure.known] * bool(failure.known)
        for finding, trace, count in tested.findings:
            self.known.note(finding, where, self.seed, count, trace)
        if outcome.error:
            raise HarnessError(f'{where}: {outcome.error}')

    def replay(self, where, trace):
        """The findings of a trace, in the order of its steps."""
        mode, _, name = where.partition(' ')
        one = self._replayers.get(name or mode) or self.explorer(where)
        self._replayers[name or mode] = one
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
            if not playable(row, self.stack) or kinds and (
                    row['id'] in self.known.seen
                    or not kinds_of(row['trace']) & {*kinds}):
                continue
            self.known.looked.add(row['id'])
            for _ in range(tries if row.get('chance') else 1):
                for finding in self.replay(row['mode'], row['trace']):
                    self.known.note(finding, row['mode'], row['seed'], 0,
                                    row['trace'])
                if row['id'] in self.known.seen:
                    break

    def reduce(self, row, first):
        """What of a trace shows an entry.

        :returns: the finding, the fewest steps, and True if these need luck
        """
        _, where, _, _, trace = first
        shown = [first[0]]

        def shows(found):
            these = [one for one in found if self.known.match(one) is row]
            shown[:] = these[:1] or shown
            return bool(these)

        def sure(steps, tries=SURE):
            return all(shows(self.replay(where, steps))
                       for _ in range(tries))
        if sure(trace, 1):
            fewer = self.shorten(where, trace, shows)
            if sure(fewer):
                return shown[0], fewer, False
        fewer = self.shorten(where, trace, shows, TRIES)
        return shown[0], fewer, True

    def shorten(self, where, trace, shows, tries=1):
        """A trace without the steps that it does not need.

        None of those that are left can be left out alone.

        :param shows: function of findings: does it still show?
        :param tries: of what needs luck
        """
        tried = set()

        def still(fewer):
            if not fewer or str(fewer) in tried:
                return False
            tried.add(str(fewer))
            return any(shows(self.replay(where, fewer))
                       for _ in range(tries))
        place = len(trace) - 1
        while place >= 0:
            fewer = trace[:place] + trace[place + 1:]
            if still(fewer):
                trace = fewer
                place = len(trace)
            place -= 1
        return trace


def kinds_of(trace):
    """The names of the steps of a trace, apart from plain requests."""
    return {step[0] for step in trace if isinstance(step, list)}


def playable(row, stack):
    """Can an entry's trace be replayed?  Some need MariaDB, some RabbitMQ."""
    return row.get('options', '') in ('', stack.options) and (
        stack.database.kind == 'mariadb'
        or not kinds_of(row['trace']) & {*OVERLAPS} - {'together'})


def read_trace(failure):
    """The steps of a failure of the kit, for :meth:`Runs.replay`."""
    rows = [[step.action.name, *step.arguments] for step in failure.played]
    at_once = sum(text.endswith('overlapping') for text in failure.calls)
    if at_once:
        rows[-at_once:] = [['together', *rows[-at_once:]]]
    return rows


def meant(known, ids):
    """The entries to record: those named, or all; of these only those that a
    run with other options does not find.
    """
    return [row for row in known.rows if row['id'] in ids or not ids and (
        'mode' not in row or row.get('options', '') == known.options)]


def unseen(known, ids):
    """Ids of the entries to record to which no exploration came."""
    return [row['id'] for row in meant(known, ids)
            if row['id'] not in known.first]


def record(runs, ids=()):
    """Write down how each divergence was found for the first time.

    :param ids: of those that are meant; empty for all
    :returns: ids of those meant to which no exploration came
    """
    left = unseen(runs.known, ids)
    for row in meant(runs.known, ids):
        if row['id'] in left:
            continue
        first = runs.known.first[row['id']]
        runs.known.record(row, first, *runs.reduce(row, first),
                          runs.stack.options)
        runs.known.write()
    return left


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
    parser.add_argument('--seeds', type=int, default=1, metavar='N',
                        help='how many, one after the other; default 1')
    parser.add_argument('--steps', type=int, default=400,
                        help='of each mode, or rounds; default 400')
    parser.add_argument('--mode', action='append', metavar='MODE', help=(
        f'{", ".join(EXPLORATIONS)}, or one exploration of a mode, such as '
        '"walk release sdk", with all of the steps; default all modes'))
    parser.add_argument('--database', default='auto',
                        choices=['auto', 'mariadb', 'sqlite'])
    parser.add_argument('--bus', default='fake', choices=['fake', 'rabbit'],
                        help='one process, or one for each service')
    parser.add_argument('--conductors', type=int, default=1,
                        help='how many, with --bus rabbit')
    parser.add_argument('--again', action='store_true', help=(
        'explore what is on record from its seeds, as far as its steps'))
    parser.add_argument('--record', nargs='*', metavar='ID', help=(
        'write into the record how each divergence was found, or those '
        'named, when all have shown or the seeds have run out; an entry '
        'that is new has what a person judges'))
    given = parser.parse_args(arguments)
    try:
        plan = planned(given.mode or [*EXPLORATIONS], given.steps)
    except ValueError as error:
        parser.error(str(error))
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
            return _run(given, plan, known, stack)
    except (StackError, KnownError, HarnessError) as error:
        print(f'harness error: {error}', file=sys.stderr)
        return 3


def planned(chosen, steps):
    """Exploration -> how many steps, which those of a mode share.

    :param chosen: names of modes and of explorations
    :param steps: of each mode, or a function from its name
    :raises ValueError: if there is no such mode or exploration
    """
    plan = {}
    for name in chosen:
        mode = name.partition(' ')[0]
        these = EXPLORATIONS.get(name) or (
            [name] if name in EXPLORATIONS.get(mode, ()) else [])
        if not these:
            raise ValueError(
                f'--mode {name}: there is none; choose of '
                f'{", ".join(EXPLORATIONS.get(mode, EXPLORATIONS))}')
        count = steps(mode) if callable(steps) else steps
        plan |= dict.fromkeys(these, -(-count // len(these)))
    return plan


def _run(given, plan, known, stack):
    if stack.weaker:
        print(f'Weaker: {stack.weaker}.')
    known.options = stack.options
    runs = Runs(stack, known, given.seed)
    runs.smoke()
    recording = given.record is not None
    beside = given.short and BESIDE.get(
        given.bus, BESIDE.get(stack.database.kind))
    if given.short:
        plan = planned(given.mode or beside or [*EXPLORATIONS], (
            lambda mode: FEW // 2 if beside else SHORT.get(mode, FEW)))
    if not recording and not given.again and (
            not beside or stack.database.kind == 'mariadb'):
        runs.replay_known(OVERLAPS if beside else (),
                          1 if given.short else TRIES)
        if not known.looked:
            raise HarnessError('nothing that is on record was replayed')
    seeds = [*range(given.seed, given.seed + given.seeds)]
    for where, seed, steps in known.ways() if given.again else (
            (where, seed, plan[where]) for seed in seeds for where in plan):
        runs.seed = seed
        runs.explore(where, steps)
        if recording and not unseen(known, given.record):
            break
    return _report(given, runs, beside)


def _report(given, runs, beside):
    known = runs.known
    for line in known.report():
        print(line)
    steps = Counter()
    for where, count in runs.steps.items():
        steps[where.partition(' ')[0]] += count
    print('steps: ' + ', '.join(
        f'{mode} {count}' for mode, count in steps.items()))
    for line in tell_calls(runs):
        print(line)
    if beside and given.bus == 'rabbit':
        caught = runs.interrupted
        print('interrupted: ' + ', '.join(
            f'{kind} {caught[kind]}' for kind in caught if caught[kind]))
        lacks = [kind for kind in MUST if not caught[kind]]
        if lacks:
            raise HarnessError(
                f'no request was caught to be {", ".join(lacks)}')
    kept = {name for _, outcome in runs.outcomes for name in outcome.evidence}
    print(f'fail: {", ".join(known.fails)}')
    print(f'shown as kept: {", ".join(sorted(kept - {*known.fails}))}')
    idle = [where for where, count in runs.steps.items() if not count]
    if idle or not runs.steps:
        raise HarnessError(f'no step was taken by {", ".join(idle) or "any"}')
    if given.again and not known.again:
        raise HarnessError('no seed on record was taken again')
    if given.record is not None:
        left = record(runs, given.record)
        print(f'recorded; not found: {", ".join(left) or "none"}')
    return 1 if known.new or known.mended or (
        given.again and known.astray) else 0


def tell_calls(runs):
    """Lines that say which client sent how many requests in each mode.

    :raises HarnessError: if one of them sent none in a mode that was run
    """
    for mode, counts in runs.calls.items():
        sent = {client.name: counts[client.name]
                for client in CLIENTS.values()}
        yield f'requests in {mode}: ' + ', '.join(
            f'{name} {count}' for name, count in sent.items()) + (
                f', of which {counts[BY_METHOD]} {BY_METHOD}')
        for name, count in sent.items():
            if not count and {*EXPLORATIONS[mode]} <= {*runs.steps}:
                raise HarnessError(f'{name} sent no request in {mode}')


if __name__ == '__main__':
    sys.exit(main())
