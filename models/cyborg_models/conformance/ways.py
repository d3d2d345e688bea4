"""The commands of the ways in that are not Python: the wire, and logs.

``conform run wire:COMMAND`` and ``attach:ADDRESS`` run a harness as any
other system.

``conform smoke -- COMMAND``
    tries a harness step by step and says what is missing.
``conform log MODEL LOG``
    checks a log after the fact, and says what it shows of each requirement.
``conform sample MODEL``
    writes a log that the model makes, to begin with.

Exit status of ``smoke``: 0 all works, 3 something does not.  Of ``log``: 0
all that it says is allowed, 1 it is not, 2 nothing is decided, 3 it cannot
be read.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import sys
import time
from typing import Any

from cyborg_models import registry
from cyborg_models.commands.common import write
from cyborg_models.conformance.oracle import HIDDEN_REST
from cyborg_models.conformance.suite import HarnessError
from cyborg_models.registry import InputError

KINDS = ('wire', 'attach')
LIMIT = 10.0  # seconds for an answer


def add(kinds: Any) -> None:
    """Add the commands to those of ``conform``.

    :param kinds: what ``add_subparsers`` returned
    """
    made = kinds.add_parser('smoke', allow_abbrev=False, help=(
        'try a harness step by step, and say what is missing'))
    made.set_defaults(function=do_smoke)
    made.add_argument('command', nargs='*', metavar='COMMAND', help=(
        'that starts the harness, after "--"'))
    made.add_argument('--attach', metavar='ADDRESS', help=(
        'of a harness that runs: 127.0.0.1:PORT, or the path of a socket'))
    made.add_argument('--limit', type=seconds, default=LIMIT, metavar='S',
                      help='seconds for an answer; the default is 10')
    made.add_argument('--json', action='store_true',
                      help='print one JSON object, for machines')

    made = kinds.add_parser('log', allow_abbrev=False, help=(
        'check a log after the fact'))
    made.set_defaults(function=do_log)
    _model(made)
    made.add_argument('log', metavar='LOG', help='NDJSON; - is standard input')
    made.add_argument('--mapping', metavar='FILE',
                      help='TOML: how a log with other names is read')
    made.add_argument('--hidden', metavar='ACTION', nargs='+',
                      action='extend', default=[],
                      help='may happen and is not logged; "*" is all but '
                           'faults')
    made.add_argument('--complete', action='store_true',
                      help='no line is missing, although none is numbered')
    made.add_argument('--known', metavar='DEFECT', nargs='+',
                      action='extend', default=[],
                      help='known divergences, to go on past them')
    made.add_argument('--seconds', type=seconds, default=3600.0,
                      metavar='S', help='that it may take')
    made.add_argument('--role', nargs='+', action='extend', default=[],
                      help='of the software that wrote it; the default is '
                           'all of the contract')
    made.add_argument('--capability', nargs='+', action='extend',
                      default=[], help='that it has; the default is all')
    made.add_argument('--implementation', nargs=2,
                      metavar=('NAME', 'VERSION'),
                      default=['unnamed', '0'], help='for the report')
    forms(made)

    made = kinds.add_parser('sample', allow_abbrev=False, help=(
        'write a log that a model makes'))
    made.set_defaults(function=do_sample)
    _model(made)
    made.add_argument('--defect', metavar='NAME', nargs='+',
                      action='extend', default=[],
                      help='defects to switch on; see list MODEL')
    made.add_argument('--seed', type=int, default=0, metavar='N')
    made.add_argument('--events', type=_count, default=100, metavar='N')
    made.add_argument('--out', metavar='FILE',
                      help='write it there, and not to standard output')
    made.add_argument('--refused', type=_count, default=0,
                      metavar='PERCENT', help='of steps that are refused')


def _model(made: argparse.ArgumentParser) -> None:
    made.add_argument('model', metavar='MODEL', help='such as stein.attach')
    made.add_argument('--set', metavar='KEY=VALUE', nargs='+',
                      action='extend', default=[],
                      help='settings; see list MODEL')


def forms(made: argparse.ArgumentParser) -> None:
    """The options that say what is written of a report."""
    for name, form in (('json', 'JSON'), ('junit', 'JUnit XML'),
                       ('html', 'HTML')):
        made.add_argument(f'--{name}', metavar='FILE',
                          help=f'write the report there, as {form}; '
                               '- is standard output')
    made.add_argument('--brief', action='store_true',
                      help='leave out what each verdict rests on')


def tell(found: Any, given: argparse.Namespace, lines: Any) -> None:
    """Write a report as the options say, and print it unless one of its
    forms is printed.

    :param lines: makes (line, style) of it, as :func:`.report.lines`
    """
    from cyborg_models import drawing
    from cyborg_models.conformance import report
    from cyborg_models.terminal import Terminal

    quiet = False
    for name, made in report.FORMATS.items():
        path = getattr(given, name)
        if path == '-':
            sys.stdout.write(made(found))
            quiet = True
        elif path:
            write(path, [made(found)])
    if quiet:
        return
    out = Terminal()
    marks = (drawing.UNICODE if out.can(''.join(drawing.UNICODE.values()))
             else drawing.ASCII)
    for line, style in lines(found, out.width, marks, not given.brief):
        if len(line) > out.width and '://' not in line:
            out.line(line, style)
        else:
            out.put(line, style)


def seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found < 1e9:
        raise argparse.ArgumentTypeError(f'{text!r} is no number of seconds')
    return found


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f'{text!r} is no number from 0 to '
                                         '999,999,999')
    return int(text)


# The wire

def harness(kind: str, where: str, limit: float = LIMIT) -> Any:
    """The harness of a target: ``wire`` and a command, or ``attach`` and
    an address.

    :raises InputError: if there is none
    """
    from cyborg_models.conformance import lines, wire

    if kind == 'attach':
        return wire.Harness(lines.Connection(where), limit)
    try:
        words = shlex.split(where)
    except ValueError as error:
        raise InputError(f'{where!r} is no command: {error}; close the '
                         'quotes') from None
    return wire.Harness(lines.Process(words), limit)


def system(kind: str, where: str, limit: float = LIMIT) -> Any:
    """The same as a system that says what it is.

    :raises InputError: if it does not
    """
    from cyborg_models.conformance import wire

    made = harness(kind, where, limit)
    try:
        return wire.WireSystem(made)
    except HarnessError as error:
        made.close()
        raise InputError(f'{error}; "conform smoke" tries it step by step'
                         ) from None


def do_smoke(given: argparse.Namespace) -> int:
    """Try a harness; returns the exit status."""
    from cyborg_models.conformance.smoke import smoke
    from cyborg_models.terminal import Terminal

    if bool(given.command) == bool(given.attach):
        raise InputError('give either the command of a harness, after "--", '
                         'or --attach ADDRESS')
    made = (harness('attach', given.attach, given.limit) if given.attach
            else harness('wire', shlex.join(given.command), given.limit))
    out, rows = Terminal(), []
    for tried in smoke(made):
        rows.append(tried)
        if not given.json:
            out.line(f'{"ok  " if tried.works else "FAIL"}  {tried.name}: '
                     f'{tried.detail}', None if tried.works else 'bold red')
    works = all(row.works for row in rows)
    if given.json:
        print(json.dumps({'works': works,
                          'checks': [vars(row) for row in rows]}, indent=1))
    elif works:
        out.line('All works: the harness can be tested with "conform run".',
                 'green')
    else:
        out.line('What comes after it was not tried.', 'bold red')
    return 0 if works else 3


# Logs

def _log() -> Any:
    try:
        from cyborg_models.conformance import log
    except ModuleNotFoundError as error:
        raise InputError(f'logs need {error.name}; install '
                         'cyborg-models[conformance]') from None
    return log


def do_log(given: argparse.Namespace) -> int:
    """Check a log; returns the exit status."""
    import dataclasses

    from cyborg_models.conformance import suite
    from cyborg_models.conformance.oracle import Oracle

    log = _log()
    from cyborg_models.conformance import logged

    chosen = registry.choose(given.model, given.set)
    mapping = (log.read_mapping(given.mapping) if given.mapping
               else log.Mapping())
    if given.complete:
        mapping = dataclasses.replace(mapping, complete=True)
    for name in given.known:
        if name not in chosen.model.defects:
            raise InputError(f'{chosen.title} has no defect {name!r}; '
                             f'{registry.near(name, chosen.model.defects)}')
    actions = chosen.model.actions
    hidden = {*mapping.hidden, *given.hidden}
    if HIDDEN_REST in hidden:
        hidden = {name for name, action in actions.items()
                  if not action.fault}
    # What may happen unseen may be logged all the same.
    oracle = Oracle(chosen, actions, sorted(hidden))
    system = logged.Logged(chosen, given.role, given.capability,
                           tuple(given.implementation), given.known,
                           sorted(hidden))
    suite.declared(system)
    began = time.monotonic()
    found = log.check_file(given.log, log.Checker(
        oracle, mapping, given.seconds, given.known))
    made = logged.report(
        found, chosen, system, time.monotonic() - began,
        'cyborg-models conform log ' + shlex.join([
            given.model, given.log, *_flags(given)]))
    tell(made, given, logged.lines)
    return made.status


def _flags(given: argparse.Namespace) -> list[str]:
    words = []
    for name in ('set', 'hidden', 'known', 'role', 'capability'):
        if getattr(given, name):
            words += [f'--{name}', *getattr(given, name)]
    if given.mapping:
        words += ['--mapping', given.mapping]
    return words + ['--complete'] * given.complete


def do_sample(given: argparse.Namespace) -> int:
    """Write a log; returns the exit status."""
    log = _log()
    model = registry.choose(given.model, given.set, given.defect).model
    lines = (line.decode() for line in log.sample(
        model, random.Random(given.seed), given.events,
        refused=given.refused / 100))
    if given.out is None:
        sys.stdout.writelines(lines)
        return 0
    write(given.out, lines)
    return 0


__all__ = ['KINDS', 'add', 'harness', 'system']
