"""The embedded engine: every state, breadth first, at machine speed.

States are spread over partitions by their hash.  A level is expanded into
one bucket per partition, and a full bucket is inserted into its partition's
own table, which fits a cache while that lasts.  Breadth first, so the first
violation found is a shallowest one; its trace is found backwards, level by
level, and needs no memory while exploring.
"""

from __future__ import annotations

import concurrent.futures
import functools
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyborg_models.kernel import _compiled as compiled
from cyborg_models.kernel.language import Codes, Model, Step
from cyborg_models.kernel.memo import BATCH, SAMPLE, Memo, reserve
from cyborg_models.kernel.tables import FALSE, TRUE, Tables
from cyborg_models.kernel.walk import successors

PARTITION_BITS = 8
BUCKET_BYTES = 6 << 20  # all workers' together
THREADS = 2  # at most, unless more are asked for
ALONE = 1 << 14  # states of a level below which one thread does it all
FULL = 0.9  # of a table, before it grows
GROWTH = 1.2
CRAMMED = 0.97  # that it must stay below, were all that comes new
FIRST_GROUPS = 1 << 13  # states, before trees are put into groups
MORE_GROUPS = 64  # times as many, before that is done anew
NO_LABELS = np.empty(0, np.uint32)  # nobody asks which steps they are


@dataclass
class Trace:
    """A run of the model.

    :ivar states: the states, from the first on, as tuples of codes
    :ivar steps: the :class:`~.language.Step` between each two
    """

    states: list[Codes]
    steps: list[Step]


@dataclass
class Explored:
    """What an exploration found.

    :ivar complete: False if it was stopped: then a verdict that needs all
        states is *inconclusive*
    :ivar reason: why it was stopped
    :ivar states: number of distinct states
    :ivar transitions: number of (state, step) pairs that are enabled
    :ivar depth: distance of the farthest state from the start
    :ivar violations: property name -> :class:`Trace` to a shallowest one
    :ivar witnessed: property name -> :class:`Trace` to a shallowest one
    :ivar stuck: :class:`Trace` to a shallowest deadlock, or None
    """

    complete: bool = True
    reason: str = ''
    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    violations: dict[str, Trace] = field(default_factory=dict)
    witnessed: dict[str, Trace] = field(default_factory=dict)
    stuck: Trace | None = None


def _slots(need):
    """How many a table is given of which so many are needed."""
    return int(need * GROWTH) + 1


class _Worker:
    """What one thread works with alone.

    :param buckets, fill: its part of the engine's
    """

    def __init__(self, engine, buckets, fill):
        steps = len(engine.lively)
        words = engine.tables.packing.words
        self.buckets, self.fill = buckets, fill
        self.hashes = np.empty((buckets.shape[1], 2), np.uint64)
        # The states that are at work, and where they stand; what their
        # steps do, and where each one's end.
        self.room = (np.empty((BATCH, words), np.uint64),
                     np.empty((BATCH + 1, 2), np.int64),
                     np.empty(BATCH * steps + compiled.CHUNK, np.uint32),
                     np.empty((BATCH, 2), np.int64))
        self.scratch = compiled.workroom(words, BATCH * steps,
                                         engine.symmetry)
        self.tally = np.zeros(len(fill), np.int64)
        self.found = np.zeros(1, np.int64)
        self.memo = Memo(engine.tables, engine.active)


class Engine:
    """Explores one model.

    :param model: a :class:`~.language.Model`
    :param memory: bytes that the states and tables may take
    :param progress: called now and then with (states, transitions, depth,
        seconds)
    :param symmetry: True to store one of the states that differ only in
        which member of a symmetric set is which
    :param threads: how many may work at once; None for at most two
    """

    def __init__(
            self, model: Model, memory: int | None = None,
            progress: Callable[[int, int, int, float], None] | None = None,
            symmetry: bool = False, threads: int | None = None) -> None:
        self.model, self.progress = model, progress
        self.tables = Tables(model, symmetry)
        # The code is compiled apart for models without.
        self.symmetry = (None if self.tables.symmetry is None
                         else self.tables.symmetry.arrays)
        self.memory = memory or int(
            0.4 * os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))
        words = self.tables.packing.words
        self.wide = (0,) * words
        parts = 1 << PARTITION_BITS
        self.bits = np.uint64(64 - PARTITION_BITS)
        capacity = max(1024, self.memory // (8 * words) // parts)
        self.states = reserve((parts, capacity, words))
        self.number_bits = np.uint64(capacity.bit_length())
        # Of each partition's row, so many entries are the table.
        self.slots = 64
        self.table = reserve(
            (parts, _slots(capacity / CRAMMED)), np.uint32)
        self.lively = np.array([not step.action.fault
                                for step in model.steps])
        self.levels = [np.zeros(parts, np.int64)]
        self.high = np.zeros(parts, np.int64)
        self._told = 0.0
        self._watch = [(prop, tree, 'violations', FALSE)
                       for prop, _, tree in self.tables.invariants]
        self._watch += [(prop, tree, 'witnessed', TRUE)
                        for prop, _, tree in self.tables.witnesses]
        self.active = np.array([row[1] for row in self._watch], np.int64)
        # What is wanted of each, and at the end: whether to look for
        # deadlocks.
        self.want = np.array([*(row[3] for row in self._watch), 1], np.int32)
        threads = threads or min(THREADS, len(os.sched_getaffinity(0)))
        size = max(2 * len(self.lively),
                   BUCKET_BYTES // (8 * words * parts * threads))
        self.buckets = reserve((threads, parts, size, words))
        self.fill = np.zeros((threads, parts), np.uint64)
        self.workers = [_Worker(self, self.buckets[worker], self.fill[worker])
                        for worker in range(threads)]
        self.memo = self.workers[0].memo
        self._pool = (concurrent.futures.ThreadPoolExecutor(threads - 1)
                      if threads > 1 else None)
        # With symmetry few states take many steps, and few at first have to
        # do: else half of the time would go by before there are groups.
        self._regroup_at = FIRST_GROUPS >> (0 if self.symmetry is None else 3)
        self._stop = np.zeros(1, np.bool_)  # True: some worker waits

    def explore(self, enough: Collection[str] = ()) -> Explored:
        """Visit every state; returns an :class:`Explored`.

        :param enough: names of invariants: once one of them is violated,
            the states of that depth are visited, and no more
        """
        result, began = Explored(), time.monotonic()
        pending: list[tuple[int, tuple[int, int, int]]] = []
        try:
            self._start()
            while True:
                low, high = self.levels[-1].copy(), self.high.copy()
                if (low == high).all():
                    break
                ats = [np.array([first, low[first], last], np.int64)
                       for first, last in self.shares(self._new())]
                while self._run_level(low, high, ats, pending):
                    self._tell(began)
                self.levels.append(high)
                self._tell(began)
                if any(index >= 0 and self._watch[index][0].name in enough
                       for index, _ in pending):
                    result.complete = False
                    result.reason = 'a violation was enough'
                    break
        except KeyboardInterrupt:
            result.complete, result.reason = False, 'interrupted'
        except MemoryError:
            result.complete = False
            result.reason = (f'the limit of {self.memory >> 20:,} MiB is '
                             'reached; allow more, or make the '
                             'configuration smaller')
        result.states = int(self.high.sum())
        result.transitions = self.transitions()
        result.depth = max(0, len(self.levels) - 2)
        self._collect(pending, result)
        result.seconds = time.monotonic() - began
        return result

    def _start(self):
        first = self.canonical(self.model.initial)
        part = compiled.partition(self.wide, first, self.bits)
        self.workers[0].buckets[part, 0] = first
        self.workers[0].fill[part] = 1
        self.flush()

    def codes(self, part: int, index: int) -> Codes:
        """A state that is stored, as a tuple of codes."""
        return self.tables.packing.unpack(self.states[part, index])

    def canonical(self, codes: Codes) -> NDArray[np.uint64]:
        """The packed state that is stored for a state."""
        row = self.tables.packing.pack(codes)
        if self.symmetry is None:
            return row
        compiled.canonical(
            self.wide, row[np.newaxis], 1,
            *compiled.workroom(len(row), 1, self.symmetry)[2:],
            *self.symmetry)
        return row

    def _run_level(self, low, high, ats, pending):
        """Expand until the level is done or a bucket is full; False when it
        is done.
        """
        self._stop[0] = False
        statuses = self.together([
            functools.partial(self._expand, worker, low, high, at)
            for worker, at in zip(self.workers, ats, strict=False)])
        done = True
        for worker, at, status in zip(self.workers, ats, statuses,
                                      strict=False):
            done = done and status == compiled.DONE
            if status == compiled.LEARN:
                self.learn(at)
            elif status == compiled.GROW:
                self.grow_memo(worker.memo)
            elif status == compiled.FOUND:
                index = int(worker.found[0])
                pending.append((index, (len(self.levels) - 1, int(at[0]),
                                        int(at[1]))))
                self._settle(index)
        if done or compiled.FLUSH in statuses:
            self.flush()
            if self.high.sum() >= self._regroup_at:
                self._regroup()
        return not done

    def _expand(self, worker, low, high, at):
        # Learning may replace an array by a larger one.
        return compiled.expand(
            self.wide, self.states, low, high, at, *self.tables.arrays,
            *worker.memo.arrays, self.active, self.want, self.lively,
            self.tables.final_tree, *worker.room, NO_LABELS,
            worker.scratch, worker.buckets, worker.fill, self.bits,
            self.symmetry, worker.tally, worker.found, self._stop)

    def together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        """Call all at once; returns what they return."""
        if self._pool is None or len(calls) == 1:
            return [call() for call in calls]
        others = [self._pool.submit(call) for call in calls[1:]]
        try:
            first = calls[0]()
        finally:
            # They work on arrays that must not go away meanwhile.
            concurrent.futures.wait(others)
        return [first, *(other.result() for other in others)]

    def grow_memo(self, memo):
        """Make room in a memo, or form the groups anew."""
        if not memo.grow():
            self._regroup()

    def _regroup(self):
        """Form the groups by some of the states that are stored."""
        total = int(self.high.sum())
        self._regroup_at = total * MORE_GROUPS
        # A partition's states are in order of their levels: take of each.
        # Few states are not worth being looked at closely.
        sample = min((total + 1) // 2, SAMPLE)
        chosen = np.linspace(0, total - 1, sample).astype(int)
        chosen = np.random.default_rng(0).permutation(chosen)
        ends = np.cumsum(self.high)
        part = np.searchsorted(ends, chosen, side='right')
        first, *others = (worker.memo for worker in self.workers)
        first.regroup(self.states[part, chosen - (ends - self.high)[part]],
                      self._regroup_at // len(self.workers))
        for other in others:
            other.take_over(first)

    def _settle(self, index):
        """One violation of a property is enough: watch it no more."""
        if index < 0:
            self.want[-1] = 0
            return
        prop = self._watch[index][0]
        for other, row in enumerate(self._watch):
            if row[0] is prop:
                self.want[other] = 0
        for worker in self.workers:
            worker.memo.clear()

    def learn(self, at: Sequence[int] | NDArray[np.int64]) -> None:
        """Run the Python for all that a state asks and no table says.

        :param at: where the state is stored: partition, index
        """
        tables, row = self.tables, self.states[at[0], at[1]]
        wanted = np.concatenate([
            self.active[self.want[:-1] != 0], np.arange(len(self.lively)),
            [tables.final_tree] if tables.final_tree >= 0 else []
        ]).astype(np.int64)
        found = np.empty_like(wanted)
        learned = compiled.unknown(row, wanted, *tables.arrays[:3], found)
        codes = self.codes(at[0], at[1])
        for tree in found[:learned].tolist():
            tables.learn(tree, codes)
        # Another worker may have asked the same.
        if not learned and len(self.workers) == 1:
            raise AssertionError('the tables and the compiled code disagree '
                                 'about a state; report this as a bug')

    def flush(self) -> None:
        """Store the new states that are in the buckets."""
        shares = self.shares(self._new())
        need = max(self.high.max() / FULL, (
            self.high + self.fill.sum(0).astype(np.int64)).max() / CRAMMED)
        if need > self.slots:
            self.slots = min(_slots(need), self.table.shape[1])
            self.together([
                functools.partial(
                    compiled.rehash, self.wide, *share, self.states,
                    self.table, self.slots, self.high, self.number_bits)
                for share in shares])
        if not all(self.together([
                functools.partial(self._insert, worker, *share)
                for worker, share in zip(self.workers, shares,
                                         strict=False)])):
            self.fill[:] = 0
            raise MemoryError

    def _insert(self, worker, first, last):
        return compiled.insert(
            self.wide, first, last, self.states, self.table, self.slots,
            self.high, self.buckets, self.fill, self.number_bits,
            worker.hashes)

    def _new(self):
        return int((self.high - self.levels[-1]).sum())

    def shares(self, states: int) -> list[tuple[int, int]]:
        """(first, last) partition for each worker that is of use for so
        many states.
        """
        count = len(self.workers) if states >= ALONE else 1
        cuts = np.linspace(0, len(self.high), count + 1).astype(int)
        return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))

    def transitions(self) -> int:
        """How many steps are possible in the states that were expanded."""
        return int(self.tally().sum())

    def tally(self) -> NDArray[np.int64]:
        """How many steps are possible in the states of each partition."""
        found: NDArray[np.int64] = np.zeros_like(self.high)
        for worker in self.workers:
            found += worker.tally
        return found

    def _tell(self, began):
        now = time.monotonic()
        if self.progress is not None and now - self._told > 0.1:
            self._told = now
            self.progress(int(self.high.sum()), self.transitions(),
                          len(self.levels) - 1, time.monotonic() - began)

    def _collect(self, pending, result):
        for index, where in pending:
            trace = self.trace(*where)
            if index < 0:
                result.stuck = trace
            else:
                prop, _, into, _ = self._watch[index]
                getattr(result, into)[prop.name] = trace

    def trace(self, level: int, part: int, index: int) -> Trace:
        """The shortest run to a state.

        :param level: its distance from the start
        :param part, index: where it is stored
        """
        tables, steps = self.tables, []
        states = [self.codes(part, index)]
        answer = np.zeros(3, np.int64)
        while level:
            target = self.states[part, index].copy()
            level -= 1
            agree = (target & ~tables.keep[1:tables.effects]
                     == tables.set[1:tables.effects]).all(axis=1)
            compiled.predecessor(
                self.wide, self.states, self.levels[level],
                self.levels[level + 1], target, *tables.arrays,
                len(self.model.steps), 1 + np.flatnonzero(agree),
                self.symmetry, self.workers[0].scratch, answer)
            part, index = int(answer[0]), int(answer[1])
            states.append(self.codes(part, index))
            steps.append(self.model.steps[int(answer[2])])
        found = Trace(states[::-1], steps[::-1])
        return found if tables.symmetry is None else self._renamed(found)

    def _renamed(self, found):
        """A run from the first state that meets states like those found."""
        states, steps = [self.model.initial], []
        for wanted in found.states[1:]:
            target = self.tables.packing.pack(wanted)
            step, after = next(
                pair for pair in successors(self.model, states[-1])
                if (self.canonical(pair[1]) == target).all())
            states.append(after)
            steps.append(step)
        return Trace(states, steps)


__all__ = ['Engine', 'Explored', 'Step', 'Trace']
