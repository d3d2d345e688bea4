"""The engine against Spin, the plain walk and itself, in one run.

Engines that are compared explore the same configuration in turn, round
after round, and must find the same states, transitions and planted bugs;
what differs fails the benchmark.  ``README.rst`` in the folder above says
what each figure means.

Exit status: 0, 1 when results differ or a limit is missed, 2 for a wrong
option, 3 when a program is missing.
"""

import json
import math
import os
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
from cyborg_models import manifest, registry  # noqa: E402
from models.tests import spin  # noqa: E402

ATTACH = 'rocky.attach'
# One model that grows by its faults alone: each state has as many steps.
GROWING = [(ATTACH, {'vans': 3, 'handles': 2, 'limit': 2, 'faults': faults})
           for faults in range(4)]
# What --check asks for: at least, or at most.
LIMITS = {
    **{f'{name}: engine / Spin, states per second': ('least', 8.0)
       for name in ('stein 8e6', 'rocky 9e6')},
    **{f'{name}: bytes per state, net': ('most', 24.0)
       for name in ('stein 8e6', 'rocky 9e6')},
    'engine / plain walk, states per second': ('least', 1000.0),
    'time per state, largest against the least': ('most', 1.5),
    'two words / one word, states per second': ('least', 0.5),
    'check, first time, seconds': ('most', 10.0),
    'check, cached, seconds': ('most', 2.0),
    'import cyborg_models, seconds': ('most', 0.3),
    'import cyborg_models.cli, seconds': ('most', 0.3),
}
SHORT = {
    'planted': [('stein.attach', {'instances': 1, 'handles': 1}, 'B3'),
                (ATTACH, {'limit': 2, 'faults': 0}, 'claim-not-exclusive')],
    'spin': ['stein 1e4'],
    'walk': ((ATTACH, {'faults': 0}), (ATTACH, {})),
    'growth': [(ATTACH, {}), GROWING[0]], 'digits': 4,
    'symmetry': [('stein.attach', {'instances': 3, 'faults': 0})],
    'check': [('stein.attach', {}, 4139)], 'imports': 1}
LONG = {
    'planted': [('stein.attach', {}, 'B3'),
                (ATTACH, {'limit': 2}, 'claim-not-exclusive')],
    'spin': ['stein 1e6', 'rocky 1e6', 'stein 8e6', 'rocky 9e6'],
    'walk': (spin.CONFIGURATIONS['rocky 1e5'][:2],
             spin.CONFIGURATIONS['rocky 9e6'][:2]),
    'growth': [(ATTACH, {'handles': 2}), *GROWING], 'digits': 6,
    'symmetry': [('stein.attach', {'instances': 3, 'handles': 3,
                                   'faults': 2}),
                 ('stein.attach', {'instances': 3, 'handles': 3,
                                   'faults': 4}),
                 ('stein.attach', {'instances': 3, 'handles': 3,
                                   'faults': 6})],
    'check': None, 'imports': 5}  # None: see standard()
QUICK = ('-O0', '-DNOREDUCE', '-DSAFETY')  # to compile
STANDARD = 1_000_000  # states that a standard configuration has at most


# --- what is measured, each in a process of its own --------------------------

def build(model, settings, defects=()):
    return registry.choose(model, [f'{key}={value}' for key, value
                                   in settings.items()], defects).model


def explore(model, settings, threads=2, symmetry=False):
    """One exploration in this process, once its code is compiled."""
    from cyborg_models.kernel.engine import Engine

    # Of as many words, and large enough to need all that is compiled.
    Engine(build(model, {**settings, 'faults': 1}), threads=threads,
           symmetry=symmetry).explore()
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
            'group': math.prod(math.factorial(len(alike)) for alike, _
                               in made.model.symmetries),
            'bad': sorted([*found.violations,
                           *([spin.NO_DEADLOCK] if found.stuck else [])])}


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
            'depth': max(found.depth.values()),
            'cpu': time.process_time() - began}


def broken(model, settings, defect):
    """The depth of each invariant that a defect breaks, as the engine and
    as the walk say, and the invariants there are.
    """
    from cyborg_models.kernel.engine import Engine
    from cyborg_models.kernel.walk import walk

    made = build(model, settings, [defect])
    return {
        'engine': {name: len(trace.steps) for name, trace
                   in Engine(made).explore().violations.items()},
        'walk': {name: depth for name, (depth, _)
                 in walk(made).violations.items()},
        'invariants': sorted(name for name, prop in made.properties.items()
                             if prop.kind == 'always')}


def checked(model, settings, cache):
    """``check`` as a user runs it: a process, from start to end.

    :param cache: folder for what numba compiles
    """
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, '-m', 'cyborg_models', 'check', model, '--json',
         *(['--set'] if settings else []),
         *(f'{key}={value}' for key, value in settings.items())],
        check=True, capture_output=True, env={
            **os.environ, 'PYTHONPATH': str(ROOT / 'models'),
            'NUMBA_CACHE_DIR': cache})
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {'seconds': time.monotonic() - began,
            'cpu': used.ru_utime + used.ru_stime,
            'states': json.loads(run.stdout)['states']}


def imported(statement):
    """Seconds until a new interpreter has run a statement."""
    began = time.monotonic()
    subprocess.run([sys.executable, '-c', statement], check=True, env={
        **os.environ, 'PYTHONPATH': str(ROOT / 'models')})
    return {'seconds': time.monotonic() - began}


CALLS = {call.__name__: call for call in (
    explore, digits, walked, broken, checked, imported)}


def apart(name, *arguments, **chosen):
    """Call one of ``CALLS`` in a process of its own."""
    return shared.apart(__file__, name, *arguments, **chosen)


# --- what is compared --------------------------------------------------------

class Bench(shared.Bench):
    """Measures, and holds what should agree against each other."""

    compared = 0

    def same(self, what, one, other, margin=0):
        self.compared += 1
        if one != other and not (margin and abs(one - other) <= margin):
            raise BenchError(f'{what}: {one}, and {other}')

    def planted(self):
        """The same bugs, at the same depth, for engine, walk and Spin."""
        for model, settings, defect in self.plan['planted']:
            found = apart('broken', model, settings, defect)
            with spin.Pan(model, settings, [defect], breadth_first=True,
                          flags=QUICK) as pan:
                theirs = pan.run().errors
                known = {*pan.numbers.values()} - {spin.NO_DEADLOCK}
            theirs.pop(spin.NO_DEADLOCK, None)
            title = f'{model} with {defect}'
            # A twin also has those that only other settings can break.
            self.same(f'{title}: invariants that Spin does not check',
                      sorted({*found['invariants']} - known - spin.BEYOND), [])
            self.same(f'{title}: depths, the walk\'s', found['engine'],
                      found['walk'])
            self.same(f'{title}: depths, Spin\'s', found['engine'], theirs)
            if not theirs:
                raise BenchError(f'{title} breaks nothing')
            print(f'{title}: {theirs}, as the walk and Spin say; '
                  f'{len(found["invariants"])} invariants checked, by Spin '
                  f'{len(known)}', flush=True)

    def against_spin(self):
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
                        self.same(f'{name}: what is broken', row['bad'],
                                  sorted(theirs.errors))
                    rows.append((theirs, ours))
            self._tell_spin(name, rows)

    def _tell_spin(self, name, rows):
        count = rows[0][0].states
        for label, seconds in (
                ('Spin', [theirs.seconds for theirs, _ in rows]),
                ('1 thread', [row[1]['seconds'] for _, row in rows]),
                ('2 threads', [row[2]['seconds'] for _, row in rows])):
            middle = statistics.median(seconds)
            print(f'  {label}: {middle:.2f} s, {count / middle:,.0f} '
                  f'states/s')
        ratios = {threads: statistics.median(
            theirs.seconds / ours[threads]['seconds']
            for theirs, ours in rows) for threads in (1, 2)}
        for threads, ratio in ratios.items():
            self.keep(f'{name}: engine / Spin, {threads} thread(s)', ratio,
                      f'{ratio:.1f}')
        best = max(ratios, key=ratios.get)
        self.keep(f'{name}: engine / Spin, states per second', ratios[best],
                  f'{ratios[best]:.1f}, with {best} thread(s)')
        most = max((row for _, ours in rows for row in ours.values()),
                   key=lambda row: row['bytes'])
        self.keep(f'{name}: bytes per state, net', most['bytes'],
                  f'{most["bytes"]:.1f} ({most["words"]} words), and '
                  f'{rows[-1][0].memory / count:.0f} in Spin')

    def against_the_walk(self):
        small, large = self.plan['walk']
        print(f'the plain walk: {small}', flush=True)
        slow = apart('walked', *small)
        fast = apart('explore', *small, threads=1)
        for key in ('states', 'transitions', 'depth'):
            self.same(f'the walk: {key}', fast[key], slow[key])
        row = apart('explore', *large, threads=1)
        ratio = (row['states'] / row['cpu']) / (slow['states'] / slow['cpu'])
        self.keep('engine / plain walk, states per second', ratio,
                  f'{ratio:,.0f} (the walk: '
                  f'{slow["states"] / slow["cpu"]:,.0f} states/s)')

    def growth(self):
        print('growth', flush=True)
        rows = []
        for model, settings in self.plan['growth']:
            row = apart('explore', model, settings, threads=1)
            rows.append(row['cpu'] / row['states'])
            self.keep(f'{row["states"]:,} states: ns per state',
                      rows[-1] * 1e9, f'{rows[-1] * 1e9:,.0f}, '
                      f'{row["bytes"]:.1f} bytes each')
        ratio = rows[-1] / min(rows)
        self.keep('time per state, largest against the least', ratio,
                  f'{ratio:.2f}')

    def words(self):
        print('words', flush=True)
        one = apart('digits', self.plan['digits'], 0)
        two = apart('digits', self.plan['digits'], 1)
        self.same('words of each', [one['words'], two['words']], [1, 2])
        self.same('states', one['states'], two['states'])
        self.keep('two words / one word, states per second',
                  one['cpu'] / two['cpu'], f'{one["cpu"] / two["cpu"]:.2f}')

    def symmetry(self):
        for model, settings in self.plan['symmetry']:
            print(f'symmetry: {model} {settings}', flush=True)
            whole = apart('explore', model, settings, threads=1)
            less = apart('explore', model, settings, threads=1,
                         symmetry=True)
            for key in ('depth', 'bad'):
                self.same(f'with symmetry: {key}', whole[key], less[key])
            for name, key in (('states', 'states'), ('time', 'cpu')):
                ratio = whole[key] / less[key]
                self.keep(f'{whole["states"]:,} states: symmetry, {name}',
                          ratio, f'a factor of {ratio:.1f}; the group has '
                          f'{whole["group"]}')

    def check(self):
        """``check`` on standard configurations: the slowest counts."""
        times = {'first time': [], 'cached': []}
        for model, settings, states in self.plan['check'] or standard():
            print(f'check: {model} {settings}', flush=True)
            with tempfile.TemporaryDirectory() as cache:
                for when, found in times.items():
                    row = apart('checked', model, settings, cache)
                    self.same(f'check {model}: states', row['states'],
                              states)
                    found.append(row['seconds'])
                    print(f'  {when}: {found[-1]:.2f} s, of the processors '
                          f'{row["cpu"]:.2f} s', flush=True)
        for when, found in times.items():
            self.keep(f'check, {when}, seconds', max(found),
                      f'{max(found):.2f}')

    def imports(self):
        def median(statement):
            return statistics.median(
                apart('imported', statement)['seconds']
                for _ in range(self.plan['imports']))

        bare = median('pass')
        print(f'imports, less the {bare:.3f} s of an interpreter',
              flush=True)
        for name in ('cyborg_models', 'cyborg_models.cli',
                     'cyborg_models.kernel.engine'):
            took = median(f'import {name}') - bare
            self.keep(f'import {name}, seconds', took, f'{took:.3f}')


def standard():
    """Of each release, the largest configuration on record that is whole,
    has no defect and at most STANDARD states.
    """
    for release in registry.RELEASES:
        mine = [entry for entry in manifest.load()
                if entry.model.startswith(f'{release}.')
                and not entry.defects and entry.expect
                and entry.expect['states'] <= STANDARD]
        entry = max(mine, key=lambda entry: entry.expect['states'])
        yield (entry.model, dict(pair.split('=', 1) for pair in entry.pairs),
               entry.expect['states'])


def main(arguments=None):
    given = shared.options(__doc__.splitlines()[0], arguments)
    if given.call:
        shared.answer(given.call, CALLS)
        return 0
    if spin.missing():
        print(f'bench: {" and ".join(spin.missing())} must be installed; '
              'see bindep.txt', file=sys.stderr)
        return 3
    bench = Bench(SHORT if given.short else LONG,
                  1 if given.short else given.repeat)
    try:
        bench.planted()
        bench.against_spin()
        bench.against_the_walk()
        bench.growth()
        bench.words()
        bench.symmetry()
        bench.check()
        bench.imports()
    except (BenchError, spin.SpinError) as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    return shared.conclude(
        given, bench, LIMITS,
        f'{bench.compared} results compared, all the same')


if __name__ == '__main__':
    sys.exit(main())
