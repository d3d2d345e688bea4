"""Compile what an exploration needs late while it needs the rest.

Numba keeps what it has compiled for the next time.  The first time takes
some fourteen seconds, not half of them for what expands states and is needed
at once.  Where there is a second processor, another process compiles what is
needed later, by calling it on a model of two states that is packed into as
many words.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cyborg_models.kernel import _compiled as compiled
from cyborg_models.kernel import liveness
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import WEAK, Model


@contextlib.contextmanager
def beside(engine: Engine) -> Iterator[Callable[[], object]]:
    """Compile for an engine meanwhile, if that is of use.

    :returns: what waits until it is done; what is not done in the end is
        given up
    """
    helper = start(engine)
    try:
        yield (lambda: None) if helper is None else helper.wait
    finally:
        if helper is not None:
            helper.terminate()
            helper.wait()


def start(engine: Engine) -> subprocess.Popen[bytes] | None:
    """Start to compile for an engine, if nothing has been compiled for one
    of its kind.

    :returns: the process, which ends by itself; or None
    """
    met = _missed()
    compiled.partition(engine.wide, engine.canonical(engine.model.initial),
                       engine.bits)
    if (_missed() == met or engine.symmetry is not None
            or len(os.sched_getaffinity(0)) < 2):
        return None
    paths = [str(Path(__file__).parents[2]),
             *filter(None, [os.environ.get('PYTHONPATH')])]
    return subprocess.Popen(
        [sys.executable, '-P', '-m', __name__, str(len(engine.wide))],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)})


def _missed() -> int:
    return sum(compiled.partition.stats.cache_misses.values())


def _switch(words: int) -> Model:
    """Two states, and variables that stay as they are, to fill words."""
    m = Model('cyborg_models.kernel.warm')
    for index in range(8 * words - 1):
        m.var(f'still{index}', range(256), start=0)
    m.var('on', bool, start=False)

    @m.action('user -> switch: press', fair=WEAK)
    def press(s: Any) -> None:
        """It is on, and then off again."""
        s.on = not s.on

    @m.always('WARM-001')
    def is_on_or_off(s: Any) -> bool:
        """It is one of the two."""
        return s.on in (False, True)

    @m.eventually('WARM-002')
    def comes_on(s: Any) -> tuple[bool, bool]:
        """Who waits for it to be on sees that."""
        return not s.on, s.on

    return m.ready()


class _Drawn(liveness.Graph):
    """The graph of the two states, whose edges need not be found: what
    finds them is compiled faster where states were expanded before.
    """

    def _edges(self) -> None:
        self.begin[:] = range(self.size + 1)
        self.to[:] = range(self.size)[::-1]
        self.label[:] = 0


def compile_late(words: int) -> None:
    """Call, and so compile, what is needed after states are expanded.

    :param words: number of words of a packed state
    """
    model = _switch(words)
    engine = Engine(model, threads=1)
    states = model.initial, (*model.initial[:-1], 1)
    for codes in states:
        # Both states, as if the first had been expanded: what stores them
        # is compiled by the other process, which needs it at once.
        row = engine.canonical(codes)
        part = compiled.partition(engine.wide, row, engine.bits)
        worker = engine.workers[0]
        worker.buckets[part, 0] = row
        worker.fill[part] = 1
        engine.flush()
        engine.levels.append(engine.high.copy())
        worker.tally[part] = 1
        engine.learn((part, 0))
    engine.trace(1, part, 0)
    compiled.rehash(engine.wide, 0, 1, engine.states, engine.table,
                    engine.slots, engine.high, engine.number_bits)
    engine.memo.regroup(np.array([
        engine.canonical(codes) for codes in states]), 1)
    groups, slots = engine.memo.arrays[:2]
    compiled.spread(engine.wide, groups, slots, groups, slots.copy())
    liveness.check(_Drawn(engine))


if __name__ == '__main__':
    compile_late(int(sys.argv[1]))
