"""Runs Spin on the twins of models that stand in ``models/promela``.

Used by the tests and by ``benchmarks/engine``.  Nothing here knows how the
models' own engine works, or what it finds.

What Spin counts is set against what the models count as follows.

* States: the same.  Breadth first, Spin also stores the inside of the check
  for deadlock; it says how many states are left without that.
* Transitions: Spin counts states stored and states met again, that is, each
  transition, and the first state.  Beside those of the model there is one
  that stands still for each state in which nothing ordinary can happen (the
  check for deadlock), and for each property that is broken in a state.
  Only these have two steps, so Spin counts them as "atomic steps".  Spin
  prints eight digits: from 10**8 on the number is a little off.
* Depth: Spin says where a check fails, which is one step after the state
  that is wrong.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROMELA = Path(__file__).resolve().parent.parent / 'promela'

NO_DEADLOCK = 'no_deadlock'

# A setting of a model -> the definition that it is in Promela.
DEFINITIONS = {
    'stein.attach': {
        'instances': 'INSTANCES', 'arqs': 'EACH', 'handles': 'HANDLES',
        'inventory': 'INVENTORY', 'quota': 'QUOTA', 'twins': 'TWINS',
        'faults': 'FAULTS'},
    'rocky.attach': {
        'vans': 'VANS', 'handles': 'HANDLES', 'limit': 'LIMIT',
        'kind': 'GPU', 'faults': 'FAULTS'},
}

# What only calls that the twins do not have can break; the engine checks it
# all the same.
BEYOND = {'no_call_takes_out_what_stays'}

# Explored by each engine alike: model, settings, about how many states.
# Of those whose state fits one word of 64 bits 'stein 2e6' is the largest.
CONFIGURATIONS = {
    'stein 1e4': ('stein.attach', {'faults': 2}, 14_000),
    'stein 1e5': ('stein.attach', {'instances': 3, 'faults': 3}, 126_000),
    'stein 1e6': ('stein.attach', {'instances': 3, 'handles': 3,
                                   'faults': 2}, 1_340_000),
    'stein 2e6': ('stein.attach', {'instances': 1, 'arqs': 3, 'handles': 3,
                                   'faults': 7}, 2_000_000),
    'stein 8e6': ('stein.attach', {'instances': 3, 'handles': 3,
                                   'faults': 4}, 7_640_000),
    'stein 3e7': ('stein.attach', {'arqs': 2, 'inventory': 4,
                                   'faults': 7}, 28_500_000),
    'rocky 1e4': ('rocky.attach', {'handles': 2}, 9_300),
    'rocky 1e5': ('rocky.attach', {'faults': 3}, 95_000),
    'rocky 1e6': ('rocky.attach', {'handles': 2, 'limit': 2,
                                   'faults': 3}, 803_000),
    'rocky 9e6': ('rocky.attach', {'vans': 3, 'handles': 4,
                                   'faults': 3}, 8_550_000),
    'rocky 3e7': ('rocky.attach', {'vans': 3, 'handles': 2, 'limit': 2,
                                   'faults': 3}, 27_500_000),
}

# What makes pan fastest here, of what was tried: no partial order reduction
# (it would not visit all states), no search for cycles, no checks of array
# bounds, no masks over the state vector.
FAST = ('-O2', '-march=native', '-DNOREDUCE', '-DSAFETY', '-DNOBOUNDCHECK',
        '-DNOCOMP')


class SpinError(Exception):
    """Spin cannot run, or says what nobody understands."""


def missing():
    """The programs that are needed and not there."""
    return [name for name in ('spin', 'gcc') if shutil.which(name) is None]


@dataclass(frozen=True)
class Verified:
    """What Spin found.

    :ivar states: number of distinct states
    :ivar transitions: number of the model's transitions
    :ivar margin: how far that may be off, because Spin rounds
    :ivar errors: property -> depth of the first state that breaks it
    :ivar seconds: that the exploration took, as Spin says
    :ivar memory: bytes in all, as Spin says
    :ivar vector: bytes of a state before it is stored
    """

    states: int
    transitions: int
    margin: int
    errors: dict
    seconds: float
    memory: int
    vector: int


class Pan:
    """A verifier of one configuration; a context manager.

    :param model: ``stein.attach`` or ``rocky.attach``
    :param settings: of the model, by name; what is left out is as there
    :param defects: that are switched on, by name
    :param breadth_first: so that the first error is a nearest one
    :param liveness: for :meth:`must_come`, and not for :meth:`run`
    :param flags: for the compiler
    :raises SpinError: if it cannot be made
    """

    def __init__(self, model, settings=None, defects=(),
                 breadth_first=False, liveness=False, flags=FAST,
                 memory=4 << 30):
        self.model, self.breadth_first = model, breadth_first
        source = _source(model)
        self.numbers = {int(number): name for name, number in re.findall(
            r'^#define NR_(\w+) (\d+)$', source.read_text(), re.M)}
        defined = definitions(model, settings or {}, defects)
        flags = [*flags, '-w', f'-DMEMLIM={memory >> 20}']
        if breadth_first:
            flags.append('-DBFS')
        if liveness:
            defined.append('-DLIVENESS')
            flags = [flag for flag in flags if flag != '-DSAFETY']
            flags.append('-DNFAIR=32')  # room for 126 processes
        self._folder = tempfile.TemporaryDirectory()
        try:
            # -o2: a variable that is only written is part of the state;
            # -o3: two statements are two steps.
            self._call('spin', '-o2', '-o3', *defined, '-a', str(source))
            self._call('gcc', *flags, '-o', 'pan', 'pan.c')
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Delete what was made."""
        self._folder.cleanup()

    def run(self, states=1 << 20, all_errors=True, timeout=600):
        """Visit all states; returns a :class:`Verified`.

        :param states: about how many there are: sizes the hash table
        :param all_errors: False to stop at the first
        :param timeout: seconds
        """
        said = self._call(
            './pan', '-n', f'-w{max(16, states.bit_length())}',
            '-m10000', '-c0' if all_errors else '-c1', timeout=timeout)
        return parse(said, self.numbers, self.breadth_first)

    def must_come(self, name, timeout=600):
        """True if what must come does, under weak fairness.

        :param name: of a property
        """
        source = _source(self.model)
        if f'\nltl {name} {{' not in source.read_text():
            raise SpinError(f'{source.name} has no property {name} that must '
                            'come; add an ltl')
        said = self._call('./pan', '-n', '-a', '-f', '-w20', '-m1000000',
                          '-N', name, timeout=timeout)
        return not parse(said, self.numbers).errors

    def _call(self, *command, timeout=600):
        lacking = missing()
        if lacking:
            raise SpinError(f'there is no {" and no ".join(lacking)}; '
                            'install the packages that bindep.txt lists '
                            'for spin')
        try:
            done = subprocess.run(
                command, cwd=self._folder.name, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=timeout,
                check=False)
        except subprocess.TimeoutExpired:
            raise SpinError(f'{command[0]} took longer than {timeout} s; '
                            'allow more, or make the configuration '
                            'smaller') from None
        if done.returncode or re.search(r'^spin: .*Error', done.stdout, re.M):
            raise SpinError(f'{self.model}: {" ".join(command)} failed:\n'
                            + done.stdout[-2000:])
        return done.stdout


def _source(model):
    if model not in DEFINITIONS:
        raise SpinError(f'{model} has no twin in Promela; those with one: '
                        + ', '.join(DEFINITIONS))
    return PROMELA / f'{model.replace(".", "_")}.pml'


def definitions(model, settings, defects=()):
    """Settings and defects as arguments for Spin.

    :raises SpinError: for what the twin does not have
    """
    source, known = _source(model), DEFINITIONS[model]
    wanted = {}
    for name, value in settings.items():
        if name not in known:
            raise SpinError(f'{source.name} has the setting {name} fixed; '
                            f'those it has: {", ".join(known)}')
        if name == 'kind':
            if value not in ('VF', 'GPU'):
                raise SpinError(f'{source.name} has no kind {value}; use VF '
                                'or GPU')
            value = value == 'GPU'
        if value is not None:
            wanted[known[name]] = int(value)
    if model == 'stein.attach':
        wanted['ARQS'] = wanted.get('INSTANCES', 2) * wanted.get('EACH', 1)
    text = source.read_text()
    for defect in defects:
        name = (defect if model == 'stein.attach'
                else defect.upper().replace('-', '_'))
        if f'#ifndef {name} ' not in text:
            raise SpinError(f'{source.name} has no defect {defect}')
        wanted[name] = 1
    return [f'-D{name}={value}' for name, value in wanted.items()]


def parse(said, numbers, breadth_first=False):
    """What Spin said as a :class:`Verified`.

    :param numbers: number -> name of the property
    :raises SpinError: if it did not finish, or this is not its language
    """
    def number(pattern, kind=int):
        found = re.search(pattern, said, re.M)
        if found is None:
            raise SpinError(f'Spin said nothing like {pattern!r}:\n'
                            + said[-2000:])
        return kind(found[1])

    unfinished = re.search(
        r'^.*(?:max search depth too small|out of memory|reached -DMEMLIM|'
        r'hash table is full).*$', said, re.M)
    if unfinished:
        raise SpinError(f'Spin did not visit all states: {unfinished[0]}; '
                        'allow more memory, or make the configuration '
                        'smaller')
    errors = {}
    for what, depth in re.findall(r'^pan:\d+: (.*) \(at depth (\d+)\)$',
                                  said, re.M):
        broken = re.match(r'assertion violated +\(? *!\((\d+)\)', what)
        if what == 'acceptance cycle':
            errors.setdefault(what, int(depth))
        elif broken is None or int(broken[1]) not in numbers:
            raise SpinError(f'Spin found an error that is no property: '
                            f'{what}')
        else:
            errors.setdefault(numbers[int(broken[1])], int(depth) - 1)
    counted = number(r'errors: (\d+)$')
    if bool(counted) != bool(errors):
        raise SpinError('Spin counts errors that it does not name, or names '
                        f'some that it does not count:\n{said[-2000:]}')
    stored = number(r'^ *([\d.e+]+) states, stored', float)
    matched = number(r'^ *([\d.e+]+) states, matched', float)
    atomic = number(r'^ *([\d.e+]+) atomic steps', float)
    states = int(number(r'^\s*([\d.e+]+) nominal states', float)
                 if breadth_first else stored)
    return Verified(
        states, int(states + matched - 1 - atomic),
        10 ** max(0, len(f'{matched:.0f}') - 8) // 2, errors,
        number(r'elapsed time ([\d.e+]+) seconds', float),
        int(number(r'([\d.]+)\t(?:total actual memory|memory usage \(M)',
                   float)
            * (1 << 20)),
        number(r'^State-vector (\d+) byte'))


def measure(name, **options):
    """Explore one of :data:`CONFIGURATIONS`.

    :param options: for :class:`Pan`
    :returns: a :class:`Verified`
    """
    if name not in CONFIGURATIONS:
        raise SpinError(f'there is no configuration {name}; use one of '
                        + ', '.join(CONFIGURATIONS))
    model, settings, states = CONFIGURATIONS[name]
    with Pan(model, settings, **options) as pan:
        return pan.run(states)
