"""The commands of the ways in that are not Python: the wire, and logs.

``conform run wire:COMMAND`` and ``attach:ADDRESS`` run a harness as any
other system.

``conform smoke -- COMMAND``
    tries a harness step by step and says what is missing.
``conform log MODEL LOG``
    checks a log after the fact.
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
from typing import Any

from cyborg_models import registry
from cyborg_models.commands.common import write
from cyborg_models.conformance.oracle import HIDDEN_REST
from cyborg_models.conformance.suite import HarnessError
from cyborg_models.registry import InputError

KINDS = ('wire', 'attach')
LIMIT = 10.0  # seconds for an answer
STATUS = {'pass': 0, 'fail': 1, 'inconclusive': 2}


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
    made.add_argument('--json', action='store_true',
                      help='print one JSON object, for machines')

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

    from cyborg_models.conformance.oracle import Oracle

    log = _log()
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
    found = log.check_file(given.log, log.Checker(
        oracle, mapping, given.seconds, given.known))
    repeat = ('cyborg-models conform log ' + shlex.join([
        given.model, given.log, *_flags(given)]))
    if given.json:
        print(json.dumps(_log_data(found, chosen, repeat), indent=1))
    else:
        _log_print(found, chosen, repeat)
    return STATUS[found.verdict]


def _flags(given: argparse.Namespace) -> list[str]:
    words = []
    for name in ('set', 'hidden', 'known'):
        if getattr(given, name):
            words += [f'--{name}', *getattr(given, name)]
    if given.mapping:
        words += ['--mapping', given.mapping]
    return words + ['--complete'] * given.complete


def _failures(found: Any, repeat: str) -> list[Any]:
    """The divergences, known ones first, as failures."""
    from cyborg_models.conformance.verdict import Failure

    rows = [*found.known, *([('', found.line, found.divergence)]
                            if found.divergence else [])]
    return [Failure('log', 0, line, found.before if not known else (), (),
                    divergence, divergence.requirement, known, True, repeat)
            for known, line, divergence in rows]


def _log_data(found: Any, chosen: Any, repeat: str) -> dict[str, Any]:
    from cyborg_models.conformance import report

    return {'model': chosen.title, 'verdict': found.verdict,
            'cause': found.cause, 'lines': found.lines,
            'events': found.events, 'line': found.line, 'text': found.text,
            'failures': [report.failure_data(one)
                         for one in _failures(found, repeat)]}


def _log_print(found: Any, chosen: Any, repeat: str) -> None:
    from cyborg_models import drawing
    from cyborg_models.conformance import report
    from cyborg_models.terminal import Terminal

    out = Terminal()
    marks = (drawing.UNICODE if out.can(''.join(drawing.UNICODE.values()))
             else drawing.ASCII)
    out.line(chosen.title, 'bold')
    out.line(f'{found.events:,} events are allowed, of {found.lines:,} lines '
             'that were read')
    for failure in _failures(found, repeat):
        out.line('')
        for line, style in report.failure_lines(failure, out.width, marks):
            out.put(line, style) if len(line) <= out.width else out.line(
                line, style)
    out.line('')
    if found.divergence:
        out.line(f'line {found.line}: {found.text}')
    if found.cause:
        at = f'line {found.line}: ' if found.line else ''
        out.line(f'Inconclusive: {at}{found.cause}', 'yellow')
    elif found.verdict == 'fail':
        out.line('Divergent.', 'bold red')
    else:
        out.line('All that the log says is allowed.', 'green')


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
