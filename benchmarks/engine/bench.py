"""The engine against Spin, the plain walk and itself, in one run.

Engines that are compared explore the same configuration in turn, round
after round, and must find the same states, transitions and planted bugs;
what differs fails the benchmark.  ``README.rst`` in the folder above says
what each figure means.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'models')]

from cyborg_models import registry  # noqa: E402
from models.tests import spin  # noqa: E402

# What --check asks for: at least, or at most.
LIMITS = {
    'engine / Spin, states per second': ('least', 8.0),
    'engine / plain walk, states per second': ('least', 1000.0),
    'bytes per state, net': ('most', 24.0),
    'time per state, largest against 10^5': ('most', 1.5),
    'two words / one word, states per second': ('least', 0.5),
}
SHORT = {'spin': ['stein 1e4', 'rocky 1e4'], 'walk': 'rocky 1e4',
         'growth': ['rocky 1e4', 'rocky 1e5'], 'digits': 4,
         'symmetry': ('stein.attach', {'instances': 3, 'faults': 1}),
         'first': 'stein 1e4'}
LONG = {'spin': ['stein 1e6', 'rocky 1e6', 'stein 8e6', 'rocky 9e6'],
        'walk': 'rocky 1e5',
        'growth': ['rocky 1e4', 'rocky 1e5', 'rocky 1e6', 'rocky 9e6',
                   'rocky 3e7'], 'digits': 6,
        'symmetry': ('stein.attach', {'instances': 3, 'handles': 3,
                                      'faults': 4}),
        'first': 'rocky 1e6'}
PLANTED = [('stein.attach', {}, 'B3'),
           ('rocky.attach', {'limit': 2}, 'claim-not-exclusive')]


class BenchError(Exception):
    """Engines that should agree do not, or one cannot run."""


def build(model, settings, defects=()):
    return registry.choose(model, [f'{key}={value}' for key, value
                                   in settings.items()], defects).model


def memory():
    """Bytes of memory that this process has now."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize()


def explore(model, settings, threads=2, symmetry=False):
    """One exploration in this process, once its code is compiled."""
    from cyborg_models.kernel.engine import Engine

    Engine(build(model, {**settings, 'faults': 0}), threads=threads,
           symmetry=symmetry).explore()
    # One of as many words, so that the compiled code is loaded too.
    made = Engine(build(model, settings), threads=threads,
                  symmetry=symmetry)
    before = memory()
    began = time.monotonic(), time.process_time()
    found = made.explore()
    return {'states': found.states, 'transitions': found.transitions,
            'depth': found.depth, 'seconds': time.monotonic() - began[0],
            'cpu': time.process_time() - began[1],
            'bytes': (memory() - before) / found.states,
            'words': made.tables.packing.words,
            'bad': sorted([*found.violations,
                           *(['no_deadlock'] if found.stuck else [])])}


def digits(places, padding):
    """A counter's states, with variables that stay as they are."""
    from cyborg_models.kernel.engine import Engine
    from models.tests.models_for_tests import digits as made

    Engine(made(2, padding), threads=1).explore()
    engine = Engine(made(places, padding), threads=1)
    began = time.process_time()
    found = engine.explore()
    return {'states': found.states, 'cpu': time.process_time() - began,
            'words': engine.tables.packing.words}


def walked(model, settings):
    """The plain walk over the same."""
    from cyborg_models.kernel.walk import walk

    made = build(model, settings)
    began = time.process_time()
    found = walk(made)
    return {'states': len(found.depth), 'transitions': found.transitions,
            'cpu': time.process_time() - began}


def checked(model, settings):
    """``check`` as a user runs it: a process, from start to end."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, '-m', 'cyborg_models', 'check', model, '--set',
         *(f'{key}={value}' for key, value in settings.items())],
        check=True, capture_output=True,
        env={'PYTHONPATH': str(ROOT / 'models'), 'PATH': '/usr/bin:/bin'})
    return {'seconds': time.monotonic() - began}


CALLS = {'explore': explore, 'digits': digits, 'walked': walked,
         'checked': checked}


def apart(name, *arguments, **options):
    """Call one of ``CALLS`` in a process of its own."""
    run = subprocess.run(
        [sys.executable, __file__, '--call', json.dumps(
            [name, arguments, options])],
        capture_output=True, text=True, check=False)
    if run.returncode:
        raise BenchError(f'{name} {arguments}: {run.stderr[-2000:]}')
    return json.loads(run.stdout.splitlines()[-1])


class Bench:
    """Measures, prints and keeps what was measured."""

    def __init__(self, plan, rounds):
        self.plan, self.rounds = plan, rounds
        self.figures, self.compared = {}, 0

    def keep(self, name, value, shown):
        self.figures[name] = value
        print(f'  {name}: {shown}', flush=True)

    def same(self, what, one, other, margin=0):
        self.compared += 1
        if abs(one - other) > margin:
            raise BenchError(f'{what}: {one:,}, and {other:,}')

    def against_spin(self):
        best = None
        for name in self.plan['spin']:
            model, settings, states = spin.CONFIGURATIONS[name]
            print(f'{name}: {model} {settings}', flush=True)
            rows = []
            with spin.Pan(model, settings) as pan:
                for _ in range(self.rounds):
                    theirs = pan.run(states)
                    ours = {threads: apart('explore', model, settings,
                                           threads=threads)
                            for threads in (1, 2)}
                    for row in ours.values():
                        self.same(f'{name}: states', row['states'],
                                  theirs.states)
                        self.same(f'{name}: transitions',
                                  row['transitions'], theirs.transitions,
                                  theirs.margin)
                        self.same(f'{name}: properties broken',
                                  len(row['bad']), len(theirs.errors))
                    rows.append((theirs, ours))
            count = rows[0][0].states
            for label, seconds in (
                    ('Spin', [row.seconds for row, _ in rows]),
                    ('1 thread', [row[1]['seconds'] for _, row in rows]),
                    ('2 threads', [row[2]['seconds'] for _, row in rows])):
                middle = statistics.median(seconds)
                print(f'  {label}: {middle:.2f} s, '
                      f'{count / middle:,.0f} states/s')
            for threads in (1, 2):
                ratio = statistics.median(
                    theirs.seconds / ours[threads]['seconds']
                    for theirs, ours in rows)
                self.keep(f'{name}: engine / Spin, {threads} thread(s)',
                          ratio, f'{ratio:.1f}')
                best = max(best or 0, ratio)
            row = rows[-1][1][1]
            self.keep(f'{name}: bytes per state, net', row['bytes'],
                      f'{row["bytes"]:.1f} ({row["words"]} words), and '
                      f'{rows[-1][0].memory / count:.0f} in Spin')
            self.figures['bytes per state, net'] = row['bytes']
        self.figures['engine / Spin, states per second'] = best

    def planted(self):
        from cyborg_models.kernel.engine import Engine
        from cyborg_models.kernel.walk import walk

        for model, settings, defect in PLANTED:
            found = Engine(build(model, settings, [defect])).explore()
            ours = {name: len(trace.steps) for name, trace
                    in found.violations.items()}
            reference = {name: depth for name, (depth, _) in walk(
                build(model, settings, [defect])).violations.items()}
            with spin.Pan(model, settings, [defect],
                          breadth_first=True) as pan:
                theirs = pan.run().errors
            for name in {*ours, *reference, *theirs} - {spin.NO_DEADLOCK}:
                for other in (reference, theirs):
                    self.same(f'{model} with {defect}: depth of {name}',
                              ours.get(name, -1), other.get(name, -1))
            if not ours:
                raise BenchError(f'{model} with {defect} breaks nothing')
            print(f'{model} with {defect}: {ours}, as the walk and Spin '
                  'say', flush=True)

    def against_the_walk(self):
        model, settings, _ = spin.CONFIGURATIONS[self.plan['walk']]
        print(f'{self.plan["walk"]}: the plain walk', flush=True)
        slow = apart('walked', model, settings)
        fast = apart('explore', model, settings, threads=1)
        self.same('the walk: states', fast['states'], slow['states'])
        self.same('the walk: transitions', fast['transitions'],
                  slow['transitions'])
        large = spin.CONFIGURATIONS[self.plan['spin'][-1]]
        row = apart('explore', *large[:2], threads=1)
        ratio = (row['states'] / row['cpu']) / (slow['states'] / slow['cpu'])
        self.keep('engine / plain walk, states per second', ratio,
                  f'{ratio:,.0f} (the walk: '
                  f'{slow["states"] / slow["cpu"]:,.0f} states/s)')

    def growth(self):
        print('growth', flush=True)
        rows = []
        for name in self.plan['growth']:
            model, settings, _ = spin.CONFIGURATIONS[name]
            row = apart('explore', model, settings, threads=1)
            rows.append(row['cpu'] / row['states'])
            self.keep(f'{name}: ns per state', rows[-1] * 1e9,
                      f'{rows[-1] * 1e9:,.0f}, {row["states"]:,} states, '
                      f'{row["bytes"]:.1f} bytes each')
        ratio = rows[-1] / rows[1]
        self.keep('time per state, largest against 10^5', ratio,
                  f'{ratio:.2f}')

    def words(self):
        print('words', flush=True)
        one = apart('digits', self.plan['digits'], 0)
        two = apart('digits', self.plan['digits'], 1)
        self.same('words', two['words'], 2)
        self.same('states', one['states'], two['states'])
        self.keep('two words / one word, states per second',
                  one['cpu'] / two['cpu'], f'{one["cpu"] / two["cpu"]:.2f}')

    def symmetry(self):
        model, settings = self.plan['symmetry']
        print(f'symmetry: {model} {settings}', flush=True)
        whole = apart('explore', model, settings, threads=1)
        less = apart('explore', model, settings, threads=1, symmetry=True)
        self.same('depth with symmetry', whole['depth'], less['depth'])
        for name, key in (('states', 'states'), ('time', 'cpu')):
            ratio = whole[key] / less[key]
            self.keep(f'symmetry: {name}, a factor of', ratio,
                      f'{ratio:.1f}')

    def first(self):
        model, settings, _ = spin.CONFIGURATIONS[self.plan['first']]
        print(f'check of {self.plan["first"]}, from start to end',
              flush=True)
        times = [apart('checked', model, settings)['seconds']
                 for _ in range(2)]
        self.keep('check, seconds', min(times), f'{min(times):.1f}')

    def missed(self):
        """The limits that do not hold, as text."""
        for name, (kind, limit) in LIMITS.items():
            value = self.figures[name]
            if value < limit if kind == 'least' else value > limit:
                yield f'{name}: {value:.2f}; at {kind} {limit:g} is asked'


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument('--short', action='store_true',
                         help='small configurations: shows that all works')
    options.add_argument('--check', action='store_true',
                         help='exit 1 when a limit is missed')
    options.add_argument('--repeat', type=int, default=3, metavar='N',
                         help='rounds against Spin')
    options.add_argument('--json', metavar='FILE')
    options.add_argument('--call', help=argparse.SUPPRESS)
    options = options.parse_args(argv)
    if options.call:
        name, arguments, chosen = json.loads(options.call)
        print(json.dumps(CALLS[name](*arguments, **chosen)))
        return 0
    if spin.missing():
        print(f'bench: {" and ".join(spin.missing())} must be installed; '
              'see bindep.txt', file=sys.stderr)
        return 3
    bench = Bench(SHORT if options.short else LONG,
                  1 if options.short else options.repeat)
    try:
        bench.planted()
        bench.against_spin()
        bench.against_the_walk()
        bench.growth()
        bench.words()
        bench.symmetry()
        bench.first()
    except (BenchError, spin.SpinError) as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    if options.json:
        Path(options.json).write_text(json.dumps(bench.figures, indent=1))
    print(f'{bench.compared} results compared, all the same.')
    missed = list(bench.missed())
    for line in missed if options.check else ():
        print(f'missed: {line}')
    return 1 if options.check and missed else 0


if __name__ == '__main__':
    sys.exit(main())
