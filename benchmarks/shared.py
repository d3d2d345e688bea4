"""What the benchmarks of the engine and of the conformance kit share.

Each measures in processes of its own, keeps figures by name, and has limits
by the same names.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path


class BenchError(Exception):
    """What was measured did not do what it had to, or cannot run."""


def memory():
    """Bytes of memory that this process has now."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize()


def apart(script, name, *arguments, **options):
    """Have a benchmark's script make one call, in a process of its own.

    :returns: what :func:`answer` printed there
    :raises BenchError: if it fails
    """
    run = subprocess.run(
        [sys.executable, script, '--call', json.dumps(
            [name, arguments, options])],
        capture_output=True, text=True, check=False)
    if run.returncode:
        raise BenchError(f'{name} {arguments}: {run.stderr[-2000:]}')
    return json.loads(run.stdout.splitlines()[-1])


def answer(call, calls):
    """Make the call that :func:`apart` asks for, and print what came."""
    name, arguments, options = json.loads(call)
    print(json.dumps(calls[name](*arguments, **options)))


class Bench:
    """Keeps what was measured, and prints it.

    :param plan: what is measured
    :param rounds: how often
    :ivar figures: name -> number
    """

    def __init__(self, plan, rounds):
        self.plan, self.rounds, self.figures = plan, rounds, {}

    def keep(self, name, value, shown):
        self.figures[name] = value
        print(f'  {name}: {shown}', flush=True)

    def missed(self, limits):
        """The limits that do not hold, as text.

        :param limits: name -> (``least`` or ``most``, number)
        """
        for name, (kind, limit) in limits.items():
            value = self.figures[name]
            if value < limit if kind == 'least' else value > limit:
                yield f'{name}: {value:.2f}; at {kind} {limit:g} is asked'


def options(description, arguments):
    """The options of a benchmark."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add('--short', action='store_true',
        help='small configurations: that all works, and no limits')
    add('--check', action='store_true',
        help='exit with 1 when a limit is missed, and say which')
    add('--repeat', type=int, default=3, metavar='N',
        help='rounds (default: %(default)s; --short has one)')
    add('--json', type=Path, metavar='FILE', help='write the figures there')
    add('--call', help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.short and given.check:
        parser.error('--short has no limits')
    if given.repeat < 1:
        parser.error('--repeat: at least one round')
    if given.json and not given.json.resolve().parent.is_dir():
        parser.error(f'--json: there is no folder {given.json.parent}')
    return given


def conclude(given, bench, limits, done):
    """Write what was asked for, and judge; returns the exit status.

    :param done: says how much was held against what it had to be
    """
    wrong = [] if given.short else list(bench.missed(limits))
    if given.json:
        given.json.write_text(json.dumps(
            {'figures': bench.figures, 'limits': limits, 'missed': wrong},
            indent=1) + '\n')
    print(done)
    if given.check:
        print('\n'.join(f'MISSED {text}' for text in wrong)
              or 'all limits hold')
    return 1 if given.check and wrong else 0
