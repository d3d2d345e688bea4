"""``cyborg-models conform`` and ``cyborg-models vectors``.

``conform run TARGET...``
    runs systems and reports.  A target is ``MODULE:CLASS`` or
    ``FILE.py:CLASS``, a ``System`` or ``Suite`` of the implementer;
    ``wire:COMMAND`` or ``attach:ADDRESS``, a harness in any language; or
    ``model:NAME``, the model itself (``model:stein``: all that a release
    needs).  Several are one implementation, each held to another model.
``conform rules``
    what a contract asks of a role with some capabilities.
``vectors``
    checks the shipped vectors, or writes them anew.

Exit status of ``conform run``: 0 conformant by test, 1 a requirement fails,
2 something that a test can reach is inconclusive, 3 the test broke, or bad
usage.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import shlex
import sys
from typing import Any

from cyborg_models.conformance import ways
from cyborg_models.registry import InputError, near

MODES = ('vectors', 'explore', 'exhaustive', 'repeat', 'faults',
         'concurrent')


def add(commands: Any) -> None:
    """Add the commands to those of the command line.

    :param commands: what ``add_subparsers`` returned
    """
    made = commands.add_parser(
        'conform', allow_abbrev=False,
        help='Hold a system to the contract of its release.',
        description=__doc__, formatter_class=(
            argparse.RawDescriptionHelpFormatter))
    kinds = made.add_subparsers(dest='kind', metavar='KIND', required=True)
    runs(kinds.add_parser('run', allow_abbrev=False, help=(
        'run systems in all modes, and report')))
    rules = kinds.add_parser('rules', allow_abbrev=False, help=(
        'what a contract asks of a role'))
    rules.set_defaults(function=do_rules)
    rules.add_argument('release', metavar='RELEASE', help='such as stein')
    rules.add_argument('--role', nargs='+', action='extend', default=[])
    rules.add_argument('--capability', nargs='+', action='extend',
                       default=['core'])
    rules.add_argument('--json', action='store_true',
                       help='print one JSON object, for machines')
    ways.add(kinds)
    made = commands.add_parser(
        'vectors', allow_abbrev=False,
        help='Check the shipped vectors against the models.',
        description='Check the shipped vectors against the models.')
    made.set_defaults(function=do_vectors)
    made.add_argument('--record', metavar='FOLDER', nargs='?', const='',
                      help='write them anew, into this folder or in place')
    made.add_argument('--json', action='store_true',
                      help='print one JSON object, for machines')


def runs(made: argparse.ArgumentParser) -> None:
    """The options of what runs a system: whichever way in."""
    made.set_defaults(function=do_run)
    made.add_argument('target', metavar='TARGET', nargs='+',
                      help='MODULE:CLASS, FILE.py:CLASS, model:NAME, '
                           'wire:COMMAND or attach:ADDRESS')
    made.add_argument('--limit', type=ways.seconds, default=ways.LIMIT,
                      metavar='S', help='seconds for an answer of a harness; '
                                        'the default is 10')
    options(made)


def options(made: argparse.ArgumentParser) -> None:
    """The options that say what is run, and what is written of it."""
    made.add_argument('--mode', nargs='+', action='extend', default=[],
                      choices=MODES, metavar='MODE',
                      help=f'of {", ".join(MODES)}; the default is all')
    made.add_argument('--seed', type=int, default=0, metavar='N',
                      help='the same seed takes the same steps')
    made.add_argument('--steps', type=_positive, metavar='N',
                      help='of explore, repeat and faults')
    made.add_argument('--depth', type=_positive, metavar='N',
                      help='of exhaustive')
    made.add_argument('--rounds', type=_positive, metavar='N',
                      help='of concurrent')
    made.add_argument('--cover', type=_positive, metavar='PERCENT',
                      help='of the edges, in explore; fewer are inconclusive')
    made.add_argument('--pins', metavar='DIR',
                      help='play the failing runs there first, and keep new '
                           'ones')
    made.add_argument('--known', metavar='DEFECT', nargs='+',
                      action='extend', default=[],
                      help='known divergences, besides those declared')
    made.add_argument('--review', metavar='FILE',
                      help='JSON, requirement -> [true or false, "who '
                           'reviewed"]')
    ways.forms(made)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not (
            0 < int(text[:9]) and len(text) < 9):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no number from 1 to 99,999,999')
    return int(text)


def chosen_modes(given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Mode -> its options, as the command line has them."""
    found: dict[str, dict[str, Any]] = {
        name: {} for name in given.mode or MODES}
    for name, keys in (('explore', ('steps', 'cover', 'pins')),
                       ('faults', ('steps', 'pins')), ('repeat', ('steps',)),
                       ('exhaustive', ('depth',)),
                       ('concurrent', ('rounds',))):
        for key in keys:
            value = getattr(given, key)
            if value is not None and name in found:
                found[name][key] = value
    return found


def do_run(given: argparse.Namespace) -> int:
    """Run systems and report; returns the exit status."""
    return run([system for target in given.target
                for system in load(target, given.limit)], given,
               shlex.join(given.target))


def run(systems: list[Any], given: argparse.Namespace, target: str) -> int:
    """Run systems and report, as the options say.

    :param target: what to name on the command line that repeats it, which
        gets the options besides that have a say in what comes
    """
    from cyborg_models.conformance import modes, report

    for system in systems:
        if given.known:
            vars(system)['known'] = tuple(dict.fromkeys(
                [*system.known, *given.known]))
    reviews = _reviews(given.review) if given.review else {}
    for key, value in (('--limit', vars(given).get('limit', ways.LIMIT)),
                       ('--pins', given.pins)):
        if value not in (None, ways.LIMIT):
            target += f' {key} {shlex.quote(str(value))}'
    if given.known:
        target += f' --known {shlex.join(given.known)}'
    found = modes.report(systems, chosen_modes(given), given.seed, reviews,
                         target)
    for outcome in found.outcomes:  # what is asked for by name has to be run
        for one in outcome.modes:
            if one.skipped and one.mode in given.mode:
                one.notes.append(f'{one.mode} was asked for and not run: '
                                 f'{one.skipped}')
    ways.tell(found, given, report.lines)
    return int(found.status)


def _reviews(path: str) -> dict[str, tuple[bool, str]]:
    import json

    from cyborg_models.conformance import contract

    try:
        with open(path, encoding='utf-8') as file:
            data = json.load(file)
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: {error}; give a JSON file') from None
    known = {name for one in contract.contracts().values()
             for name in one.rules}
    if not isinstance(data, dict) or not all(
            isinstance(row, list) and len(row) == 2
            and isinstance(row[0], bool) and isinstance(row[1], str)
            and row[1].strip() for row in data.values()):
        raise InputError(f'{path}: a review is "ARQ-072": [true, "who '
                         'reviewed"]; write it so')
    for name in data:
        if name not in known:
            raise InputError(f'{path}: there is no requirement {name!r}; '
                             f'{near(name, known)}')
    return {name: (row[0], row[1]) for name, row in data.items()}


def load(target: str, limit: float = ways.LIMIT) -> list[Any]:
    """The systems that a target names: one, but for ``model:RELEASE``.

    :param limit: seconds for an answer of a harness
    :raises InputError: if there is none
    """
    from cyborg_models.conformance import itself, suite

    kind, _, rest = target.partition(':')
    if kind in ways.KINDS:
        return [ways.system(kind, rest, limit)]
    where, _, name = target.rpartition(':')
    if where == 'model':
        return itself.whole(name) if name in itself.WHOLE else [
            itself.ModelSystem(name)]
    if not where or not name:
        raise InputError(f'{target!r} names no system; give MODULE:CLASS, '
                         'FILE.py:CLASS or model:NAME')
    module = _module(where)
    found = getattr(module, name, None)
    if not isinstance(found, type) or not issubclass(found, suite.System):
        known = [key for key, value in vars(module).items()
                 if isinstance(value, type)
                 and issubclass(value, suite.System)]
        raise InputError(f'{where} has no system {name}; '
                         f'{near(name, known)}')
    try:
        return [found()]
    except Exception as error:
        raise InputError(f'{target} cannot be made: {type(error).__name__}: '
                         f'{error}; mend its __init__') from error


def _module(where: str) -> Any:
    try:
        if not where.endswith('.py'):
            sys.path.insert(0, os.getcwd())
            return importlib.import_module(where)
        name = os.path.splitext(os.path.basename(where))[0]
        # As of a script, what lies beside it can be imported.
        sys.path.insert(0, os.path.dirname(os.path.abspath(where)))
        spec = importlib.util.spec_from_file_location(name, where)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    except Exception as error:
        raise InputError(f'{where} cannot be imported: '
                         f'{type(error).__name__}: {error}; mend it, or give '
                         'another') from error


def do_rules(given: argparse.Namespace) -> int:
    """Tell what a contract asks for."""
    import json

    from cyborg_models.conformance import contract
    from cyborg_models.terminal import Terminal

    rules = contract.of(given.release)
    roles = given.role or rules.roles
    rules.check(roles, given.capability)
    mine = [rule for rule in rules.of(roles)
            if set(rule.capabilities) & set(given.capability)]
    if given.json:
        json.dump({'contract': rules.version, 'role': list(roles),
                   'capabilities': given.capability, 'rules': [
                       {'id': rule.id, 'level': rule.level,
                        'sentence': rule.sentence, 'review': rule.review,
                        'address': rule.address} for rule in mine]},
                  sys.stdout, indent=1)
        print()
        return 0
    out = Terminal()
    out.line(f'{rules.version}, role {", ".join(roles)}, with '
             f'{", ".join(given.capability)}: {len(mine)} requirements',
             'bold')
    out.pairs([(rule.id, rule.sentence + (
        ' [by review]' if rule.review else '')) for rule in mine])
    return 0


def do_vectors(given: argparse.Namespace) -> int:
    """Check the vectors, or write them anew; returns the exit status."""
    import json

    from cyborg_models.conformance import vectors
    from cyborg_models.terminal import Terminal

    if given.record is not None:
        figures = vectors.record(given.record or None)
        problems: list[str] = []
    else:
        figures, problems = vectors.check()
    if given.json:
        json.dump({'figures': figures, 'problems': problems}, sys.stdout,
                  indent=1)
        print()
    else:
        out = Terminal()
        for name, row in figures.items():
            out.line(f'{name}: ' + ', '.join(
                f'{value:,} {key}' for key, value in row.items()))
        for line in problems:
            out.line(line, 'bold red')
        out.line('All are as the models make them.' if not problems else
                 f'{len(problems)} problems.',
                 'bold red' if problems else 'green')
    return 1 if problems else 0


__all__ = ['add', 'chosen_modes', 'load', 'options', 'run']
