"""The conformance kit: logs, exploring, the wire, and its import.

Each figure is CPU time of a process of its own, which holds what it did
against what it had to do.  ``README.rst`` in the folder above says what each
figure means.
"""

import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'models')]

from benchmarks import shared  # noqa: E402
from benchmarks.shared import BenchError, memory  # noqa: E402

MODEL = 'stein.attach'
EXPLORED = ('stein.attach', 'rocky.attach')
# What --check asks for: at least, or at most.
LIMITS = {
    'log, events per second': ('least', 200_000),
    'log, memory at the end against half way': ('most', 1.05),
    'explore, useful steps per second': ('least', 4_000),
    'wire, steps per second': ('least', 3_000),
    'wire / plain echo, steps per second': ('least', 0.2),
    'import, seconds': ('most', 0.3),
}
SHORT = {'log': 50_000, 'explore': 2_000, 'wire': 2_000, 'import': 3}
LONG = {'log': 10_000_000, 'explore': 10_000, 'wire': 30_000, 'import': 9}


class Tap:
    """A file that notes how much memory is in use as it is read.

    :ivar seen: bytes of memory after each tenth of the lines
    """

    def __init__(self, file, lines):
        self._file, self._every, self._count = file, max(1, lines // 10), 0
        self.seen = []

    def readline(self, size):
        self._count += 1
        if not self._count % self._every:
            self.seen.append(memory())
        return self._file.readline(size)


def sample(path, lines):
    """Write a log of the model."""
    from cyborg_models import registry
    from cyborg_models.conformance import log

    model = registry.choose(MODEL).model
    with open(path, 'wb') as file:
        file.writelines(log.sample(model, random.Random(1), lines))
    return {}


def check_log(path, lines):
    """Check it, once without and once with a look at the memory."""
    from cyborg_models import registry
    from cyborg_models.conformance import log
    from cyborg_models.conformance.oracle import Oracle

    def check(file):
        found = log.Checker(Oracle(chosen)).check(file)
        if (found.verdict, found.events) != ('pass', lines):
            raise BenchError(f'{found.verdict} after {found.events:,} '
                             f'events: {found.cause or found.divergence}')

    chosen = registry.choose(MODEL)
    with open(path, 'rb') as file:
        began = time.process_time()
        check(file)
        cpu = time.process_time() - began
    with open(path, 'rb') as file:
        tap = Tap(file, lines)
        check(tap)
    return {'cpu': cpu, 'half': tap.seen[4], 'last': tap.seen[-1]}


def explore(model, steps):
    """A sound model in the place of a system: a long run, less a short one
    in which all is loaded.
    """
    from cyborg_models.conformance import modes
    from cyborg_models.conformance.itself import ModelSystem

    def spent(steps):
        began = time.process_time()
        report = modes.report([ModelSystem(model)],
                              {'explore': {'steps': steps}})
        cpu = time.process_time() - began
        result = report.outcomes[0].modes[0]
        if report.failures or report.errors or result.steps != steps:
            raise BenchError(f'{model}: {result.steps:,} of {steps:,} steps, '
                             f'{len(report.failures)} failures, '
                             f'{report.errors}')
        if not any(one.evidence for one in report.verdicts.values()):
            raise BenchError(f'{model}: nothing was shown')
        return cpu

    short = steps // 10
    spent(short)
    return {'steps': steps - short, 'cpu': spent(steps) - spent(short)}


def wire(steps):
    """Calls of a harness that says yes, each with its answer."""
    from cyborg_models import registry
    from cyborg_models.conformance.lines import Process
    from cyborg_models.conformance.wire import Harness
    from models.tests import harness

    model = registry.choose(MODEL).model
    made = Harness(Process([sys.executable, harness.__file__, MODEL,
                            *model.actions]))
    made.hello()
    made.start()
    calls = [(step.action.name, dict(zip(step.action.sets, step.arguments,
                                         strict=True)))
             for step in model.steps]
    began = time.process_time(), time.monotonic()
    for number in range(steps):
        if made.call(*calls[number % len(calls)]).outcome != 'ok':
            raise BenchError('the echo did not say ok')
    spent = time.process_time() - began[0], time.monotonic() - began[1]
    if made.stop() != 0:
        raise BenchError('the echo did not end well')
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {'cpu': spent[0] + theirs.ru_utime + theirs.ru_stime,
            'seconds': spent[1], 'steps': steps}


ECHO = 'import sys\nfor line in sys.stdin:\n print(line, end="", flush=True)'


def echo(steps):
    """Lines to a process that sends them back: what the pipes cost."""
    line = b'{"id":1,"ask":"call","action":"take","arguments":{"arq":0}}\n'
    with subprocess.Popen([sys.executable, '-c', ECHO], bufsize=0,
                          stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        began = time.process_time(), time.monotonic()
        for _ in range(steps):
            process.stdin.write(line)
            if process.stdout.readline() != line:
                raise BenchError('a line came back otherwise')
        spent = time.process_time() - began[0], time.monotonic() - began[1]
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {'cpu': spent[0] + theirs.ru_utime + theirs.ru_stime,
            'seconds': spent[1], 'steps': steps}


def imported():
    """The kit's own import, in a process that has imported nothing."""
    began = time.process_time()
    import cyborg_models.conformance as kit
    from cyborg_models.conformance import log, wire
    names = [getattr(kit, name).__name__ for name in (
        'Oracle', 'Suite', 'System')]
    return {'cpu': time.process_time() - began,
            'names': [*names, log.__name__, wire.__name__]}


CALLS = {'sample': sample, 'check_log': check_log, 'explore': explore,
         'wire': wire, 'echo': echo, 'imported': imported}


def apart(name, *arguments):
    """Call one of ``CALLS`` in a process of its own."""
    return shared.apart(__file__, name, *arguments)


class Bench(shared.Bench):
    """Measures the ways in, one after the other."""

    def log(self):
        lines = self.plan['log']
        print(f'a log of {lines:,} events, nothing hidden', flush=True)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'log.ndjson')
            apart('sample', path, lines)
            rows = [apart('check_log', path, lines)
                    for _ in range(self.rounds)]
        rate = statistics.median(lines / row['cpu'] for row in rows)
        self.keep('log, events per second', rate, f'{rate:,.0f}')
        growth = max(row['last'] / row['half'] for row in rows)
        self.keep('log, memory at the end against half way', growth,
                  f'{growth:.3f} ({rows[0]["last"] / 1e6:,.0f} MB)')

    def explore(self):
        print('explore, a sound model as the system', flush=True)
        least = math.inf
        for model in EXPLORED:
            rows = [apart('explore', model, self.plan['explore'])
                    for _ in range(self.rounds)]
            rate = statistics.median(row['steps'] / row['cpu']
                                     for row in rows)
            self.keep(f'{model}, useful steps per second', rate,
                      f'{rate:,.0f}')
            least = min(least, rate)
        self.figures['explore, useful steps per second'] = least

    def wire(self):
        print('the wire, to an echo in Python', flush=True)
        steps = self.plan['wire']
        rows = [(apart('wire', steps), apart('echo', steps))
                for _ in range(self.rounds)]
        rate = statistics.median(steps / ours['cpu'] for ours, _ in rows)
        clock = statistics.median(steps / ours['seconds']
                                  for ours, _ in rows)
        self.keep('wire, steps per second', rate,
                  f'{rate:,.0f} (both sides; {clock:,.0f} on the clock)')
        ratio = statistics.median(theirs['cpu'] / ours['cpu']
                                  for ours, theirs in rows)
        self.keep('wire / plain echo, steps per second', ratio,
                  f'{ratio:.2f}')

    def imports(self):
        print('import of the kit', flush=True)
        seconds = statistics.median(
            apart('imported')['cpu'] for _ in range(self.plan['import']))
        self.keep('import, seconds', seconds, f'{seconds:.3f}')


def main(arguments=None):
    given = shared.options(__doc__.splitlines()[0], arguments)
    if given.call:
        shared.answer(given.call, CALLS)
        return 0
    bench = Bench(SHORT if given.short else LONG,
                  1 if given.short else given.repeat)
    try:
        bench.imports()
        bench.wire()
        bench.explore()
        bench.log()
    except BenchError as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    return shared.conclude(given, bench, LIMITS,
                           f'{len(bench.figures)} figures, all of what it '
                           'had to do was done')


if __name__ == '__main__':
    sys.exit(main())
