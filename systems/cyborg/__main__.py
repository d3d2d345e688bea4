"""Run the real Cyborg against ``stein``: ``python -m systems.cyborg``.

Explores at random from a seed, replays what is on record, and says what is
known, new or mended, and whether the seeds on record still lead where they
led.  What is new is played again; what does not come again is told as seen
once, which is a warning.  Exit code: 0 all as recorded, 1 something is new or
mended (with ``--again`` also: a seed leads elsewhere), 3 the test itself
broke.  Where Cyborg is not installed it says so and skips, unless
CYBORG_SPECS_NO_SKIP is set.
"""

import argparse
import json
import os
import shutil
import signal
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

from cyborg_models.conformance.suite import HarnessError
from systems.cyborg.adapter import BY_METHOD
from systems.cyborg.explore import OVERLAPS
from systems.cyborg.known import Known, KnownError
from systems.cyborg.program import KILLS
from systems.cyborg.runs import (
    CLIENTS,
    EXPLORATIONS,
    TRIES,
    Runs,
    planned,
)
from systems.cyborg.stack import RABBIT, Stack, StackError

#: modules without which there is nothing to run
NEEDED = ('cyborg', 'placement', 'glance', 'openstack', 'pymysql')
#: steps that a short run with RabbitMQ is for
MUST = ('held', 'crash', 'paused', 'kill conductor')
#: steps or rounds of a mode, with --short
SHORT = {'concurrent': 9, 'program': 20, 'profiles': 10}
FEW = 24  # of the other modes
#: the modes of a short run that is beside the one of MariaDB and one process,
#: and their steps
BESIDE = {'rabbit': {'interrupted release sdk': 12,
                     'program share http': 16},
          'sqlite': {'requests': 6, 'walk': 12}}


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
    parser.add_argument('--json', type=Path, metavar='FILE', help=(
        'also write there what is known, new, seen once and mended'))
    given = parser.parse_args(arguments)
    try:
        plan = planned(given.mode or [*EXPLORATIONS], given.steps)
    except ValueError as error:
        parser.error(str(error))
    if given.json and not given.json.absolute().parent.is_dir():
        parser.error(f'--json {given.json}: there is no such folder')
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


def _run(given, plan, known, stack):
    if stack.weaker:
        print(f'Weaker: {stack.weaker}.')
    known.options = stack.options
    for name in given.record or ():
        if all(row['id'] != name for row in known.rows):
            raise KnownError(f'--record {name}: no entry has this id')
    recording = given.record is not None
    if recording and stack.weaker:
        raise KnownError(f'--record needs MariaDB: there is {stack.weaker}')
    runs = Runs(stack, known)
    runs.smoke()
    beside = given.short and BESIDE.get(
        given.bus, BESIDE.get(stack.database.kind))
    if given.short:
        plan = planned(given.mode or beside or [*EXPLORATIONS], (
            lambda name: (beside or SHORT).get(name, FEW)))
    if not recording and not given.again and (
            not beside or stack.database.kind == 'mariadb'):
        runs.replay_known((*OVERLAPS, *KILLS) if beside else (),
                          1 if given.short else TRIES)
        if not known.looked:
            raise HarnessError('nothing that is on record was replayed')
    seeds = [*range(given.seed, given.seed + given.seeds)]
    try:
        _explore(given, plan, seeds, runs)
    except HarnessError:
        for one in known.found.values():  # which is not lost for that
            print(*one.lines(), sep='\n')
        raise
    return _report(given, runs, beside)


def _explore(given, plan, seeds, runs):
    known = runs.known
    for where, seed, steps in known.ways() if given.again else (
            (where, seed, plan[where]) for seed in seeds for where in plan):
        runs.explore(where, seed, steps)
        if given.record is not None and not known.unseen(given.record):
            break
    runs.look_again()


def _report(given, runs, beside):
    known = runs.known
    for line in known.report():
        print(line)
    if given.json:
        given.json.write_text(json.dumps(known.outcome(), indent=1) + '\n')
    steps = Counter()
    for (where, _), count in runs.steps.items():
        steps[where.partition(' ')[0]] += count
    print('steps: ' + ', '.join(
        f'{mode} {count}' for mode, count in steps.items()))
    for line in tell_calls(runs):
        print(line)
    if beside and given.bus == 'rabbit':
        caught = runs.interrupted
        print('interrupted: ' + ', '.join(
            f'{kind} {caught[kind]}' for kind in sorted(caught)))
        lacks = [kind for kind in MUST if not caught[kind]]
        if lacks:
            raise HarnessError(
                f'no request was caught to be {", ".join(lacks)}')
    kept = {name for _, outcome in runs.outcomes for name in outcome.evidence}
    print(f'fail: {", ".join(known.fails)}')
    print(f'shown as kept: {", ".join(sorted(kept - {*known.fails}))}')
    idle = [where for (where, _), count in runs.steps.items() if not count]
    if idle or not runs.steps:
        raise HarnessError(f'no step was taken by {", ".join(idle) or "any"}')
    if given.again and not known.again:
        raise HarnessError('no seed on record was taken again')
    if given.record is not None:
        left = runs.record(given.record)
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
            if not count and {*EXPLORATIONS[mode]} <= {
                    where for where, _ in runs.steps}:
                raise HarnessError(f'{name} sent no request in {mode}')


if __name__ == '__main__':
    # Whoever is ended by a signal leaves no folder behind, either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    sys.exit(main())
