"""What must come, decided on the whole state graph.

A property ``eventually`` is broken by a run that calls for something and
then goes on for ever without it, fairly.  Such a run ends up in a strongly
connected part of the graph.  A part can be gone round fairly when each
weakly fair step is disabled somewhere in it or taken within it, and each
strongly fair step is disabled everywhere in it or taken within it (Emerson
and Lei, 1987; for strong fairness the states that enable the step are
taken out and the rest is looked at again).  Standing still for ever counts
as going on: one state is a part of its own.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyborg_models.kernel import _compiled as compiled
from cyborg_models.kernel.engine import Engine, Trace
from cyborg_models.kernel.language import STRONG, WEAK, Codes
from cyborg_models.kernel.memo import BATCH
from cyborg_models.kernel.tables import UNKNOWN


@dataclass
class Lasso:
    """A run that never gets there.

    :ivar stem: the :class:`~.engine.Trace` to the loop
    :ivar loop: the trace round it, ending where it began; without steps
        where nothing more happens
    """

    stem: Trace
    loop: Trace


class Graph:
    """The edges between the states that an engine has stored.

    :param engine: an :class:`~.engine.Engine` that has explored all
    """

    def __init__(self, engine: Engine) -> None:
        if (engine.levels[-1] != engine.high).any():
            raise ValueError('the exploration was stopped: what must come '
                             'can only be decided on all states')
        self.engine, self.model = engine, engine.model
        high, steps = engine.high, len(engine.model.steps)
        self.size = int(high.sum())
        self.offset = np.concatenate(([0], np.cumsum(high)))[:-1]
        # Of each state, where its edges begin; of each edge, where it leads
        # and the step that is taken.
        self.begin = np.zeros(self.size + 1, np.int64)
        self.to = np.empty(engine.transitions(),
                           np.int32 if self.size < 2**31 - 1 else np.int64)
        self.label = np.empty(len(self.to), np.int16 if steps < 2**15
                              else np.int32)
        self._edges()
        self.source = np.repeat(np.arange(self.size, dtype=self.to.dtype),
                                np.diff(self.begin))
        self.initial = self._number(engine.model.initial)
        kinds = [step.action.fair for step in self.model.steps]
        self.fair = [step for step, kind in enumerate(kinds) if kind]
        # Each step's number among the fair ones, or -1.
        self.fair_number = np.full(steps, -1, np.int64)
        self.fair_number[self.fair] = range(len(self.fair))

    def _edges(self):
        engine, works = self.engine, []
        for worker, (first, last) in zip(
                engine.workers, engine.shares(self.size), strict=False):
            worker.memo.clear()
            self.begin[self.offset[first]] = engine.tally()[:first].sum()
            works.append((worker, np.array([first, 0, last], np.int64),
                          np.empty(BATCH * len(engine.lively), np.uint32)))
        while True:
            statuses = engine.together([
                functools.partial(self._write, *work) for work in works])
            for (worker, at, _), status in zip(works, statuses, strict=True):
                if status == compiled.LEARN:
                    engine.learn(at)
                elif status == compiled.GROW:
                    engine.grow_memo(worker.memo)
            if all(status == compiled.DONE for status in statuses):
                return

    def _write(self, worker, at, labels):
        engine = self.engine
        return compiled.edges(
            engine.wide, engine.states, engine.levels[0], engine.high, at,
            self.offset, engine.table, engine.slots, *engine.tables.arrays,
            *worker.memo.arrays, engine.active, np.zeros_like(engine.want),
            engine.lively, engine.bits, engine.number_bits, *worker.room,
            labels, worker.scratch, engine.symmetry, self.begin, self.to,
            self.label)

    def _number(self, codes):
        engine = self.engine
        part, index = compiled.look_up(
            engine.wide, engine.states, engine.table, engine.slots,
            engine.canonical(codes), engine.bits, engine.number_bits)
        return int(self.offset[part] + index)

    def codes(self, number: int) -> Codes:
        """A state by its number, as a tuple of codes."""
        part = int(np.searchsorted(self.offset, number, side='right')) - 1
        while self.engine.high[part] <= number - self.offset[part]:
            part -= 1
        return self.engine.codes(part, number - self.offset[part])

    @functools.cached_property
    def lasting(self) -> NDArray[np.bool_]:
        """The states in which a run can stay, or to which it can return."""
        component = np.full(self.size, -1, self.to.dtype)
        compiled.components(self.begin, self.to,
                            np.ones(self.size, np.bool_), component)
        found = np.empty(self.size, np.bool_)
        compiled.lasting(self.begin, self.to, self.label, component,
                         np.bincount(component), self.fair_number, found)
        return found

    @functools.cached_property
    def depth(self) -> NDArray[np.int64]:
        """The distance of each state from the start."""
        found = np.empty(self.size, np.int64)
        compiled.depths(self.begin, self.to, self.initial, found)
        return found

    def trace_to_edge(self, edge: int) -> Trace:
        """The shortest run to an edge's source, and over the edge."""
        goal = np.zeros(self.size, np.bool_)
        goal[self.source[edge]] = True
        numbers, labels = _path(self, np.ones(self.size, np.bool_),
                                [self.initial], goal)
        return _trace(self, [*numbers, int(self.to[edge])],
                      [*labels, int(self.label[edge])])

    def answers(self, tree: int, asked: NDArray[np.bool_] | None = None
                ) -> NDArray[np.int32]:
        """What a property's tree says in some states; 0 in the others.

        :param asked: True for each state that is asked; None for all
        """
        engine, tables = self.engine, self.engine.tables
        if asked is None:
            asked = np.ones(self.size, np.bool_)
        found = np.zeros(self.size, np.int32)
        ats = [np.array([first, 0, last], np.int64)
               for first, last in engine.shares(self.size)]
        while not all(engine.together([
                functools.partial(
                    compiled.judge, engine.wide, engine.states, engine.high,
                    at, self.offset, tree, *tables.arrays[:3], asked, found)
                for at in ats])):
            for part, index, last in ats:
                codes = engine.codes(part, index) if part < last else ()
                if codes and tables.look_up(tree, codes)[0] == UNKNOWN:
                    tables.learn(tree, codes)
        return found


def check(graph: Graph) -> dict[str, Lasso]:
    """Decide every ``eventually`` property of the model.

    :param graph: a :class:`Graph`
    :returns: property name -> :class:`Lasso`, of those that fail
    """
    failed = {}
    for prop in graph.model.properties.values():
        if prop.kind != 'eventually':
            continue
        for arguments in itertools.product(*prop.sets.values()):
            tree = graph.engine.tables.pairs[prop.name, arguments]
            # No run that goes on for ever ends up among states that it
            # never returns to: most need not be looked at if it comes in
            # all others.
            if (graph.answers(tree, graph.lasting)[graph.lasting]
                    & 2).all():
                continue
            answers = graph.answers(tree)
            lasso = _find(graph, called=(answers & 1).astype(bool),
                          come=(answers & 2).astype(bool))
            if lasso is not None:
                failed[prop.name] = lasso
                break
    return failed


def _find(graph, called, come):
    """A fair run that is called for and never comes, or None."""
    waiting = np.zeros(graph.size, np.bool_)
    starts = np.flatnonzero(called & ~come)
    lasting = graph.lasting & ~come
    if not len(starts) or not lasting.any():
        return None
    queue = np.empty(graph.size, np.int64)
    queue[:len(starts)] = starts
    waiting[starts] = True
    compiled.reach(graph.begin, graph.to, ~come, queue, len(starts),
                   waiting)
    allowed, part, parts = waiting & lasting, np.full_like(queue, -1), 0
    while True:
        component = np.full(graph.size, -1, graph.to.dtype)
        count = compiled.components(graph.begin, graph.to, allowed,
                                    component)
        if not count:
            break
        fair = _fair_components(graph, allowed, component, count)
        inside = (component >= 0) & fair[component]
        part[inside] = component[inside] + parts
        parts += count
    return _lasso(graph, starts, ~come, part) if (part >= 0).any() else None


def _fair_components(graph, allowed, component, count):
    """Which components can be gone round fairly; those, and what cannot be
    part of any, are taken out of *allowed*.
    """
    words = len(graph.fair) // 64 + 1
    weak, strong = np.zeros(words, np.uint64), np.zeros(words, np.uint64)
    for bit, step in enumerate(graph.fair):
        kind = graph.model.steps[step].action.fair
        into = weak if kind == WEAK else strong
        into[bit // 64] |= np.uint64(1 << bit % 64)
    taken, idle, asked = np.zeros((3, count, words), np.uint64)
    compiled.fairness(graph.begin, graph.to, graph.label, allowed,
                      component, graph.fair_number, taken, idle, asked)
    # Weak fairness forbids the whole part, and every part of it; strong
    # fairness only to stay where the step is possible.
    dead = (weak & ~taken & ~idle).any(axis=1)
    broken = strong & asked & ~taken
    good = ~dead & ~broken.any(axis=1)
    compiled.keep_out(graph.begin, graph.label, allowed, component,
                      graph.fair_number, broken, dead | good)
    return good


def _lasso(graph, starts, allowed, part):
    """The lasso with the shortest stem: to a state that calls for it, and
    on without it into a part that can be gone round fairly.
    """
    starts = starts[np.argsort(graph.depth[starts], kind='stable')]
    parent = np.full(graph.size, -1, np.int64)
    end = compiled.first_of(graph.begin, graph.to, graph.depth, starts,
                            allowed, part >= 0, parent)
    numbers, labels = _way(graph, parent, end)
    only = np.zeros(graph.size, np.bool_)
    only[numbers[0]] = True
    first = _path(graph, np.ones(graph.size, np.bool_), [graph.initial],
                  only)
    numbers, labels = first[0] + numbers[1:], first[1] + labels
    loop = _loop(graph, numbers[-1], part == part[end])
    return Lasso(_trace(graph, numbers, labels), _trace(graph, *loop))


def _loop(graph, start, inside):
    """Round the part, past whatever fairness asks for."""
    numbers, labels = [start], []
    within = inside[graph.source] & inside[graph.to]
    for number, step in enumerate(graph.model.steps):
        if step.action.fair is None:
            continue
        edges = np.flatnonzero((graph.label == number) & within)
        enabled = np.zeros(graph.size, np.bool_)
        enabled[graph.source[graph.label == number]] = True
        idle = inside & ~enabled
        if (step.action.fair == WEAK and idle.any()) or (
                step.action.fair == STRONG and not (inside & enabled).any()):
            if step.action.fair == WEAK and not idle[numbers].any():
                way = _path(graph, inside, [numbers[-1]], idle)
                numbers += way[0][1:]
                labels += way[1]
            continue
        if number in labels:
            continue
        goal = np.zeros(graph.size, np.bool_)
        goal[graph.source[edges]] = True
        way = _path(graph, inside, [numbers[-1]], goal)
        numbers += way[0][1:]
        labels += way[1]
        edge = next(e for e in edges if graph.source[e] == numbers[-1])
        numbers.append(int(graph.to[edge]))
        labels.append(number)
    if numbers[-1] != start or (len(numbers) == 1 and within.any()):
        goal = np.zeros(graph.size, np.bool_)
        goal[start] = True
        if len(numbers) == 1:
            edges = np.flatnonzero(within & (graph.source == start))
            if not len(edges):
                return numbers, labels
            numbers.append(int(graph.to[edges[0]]))
            labels.append(int(graph.label[edges[0]]))
        way = _path(graph, inside, [numbers[-1]], goal)
        numbers += way[0][1:]
        labels += way[1]
    return numbers, labels


def _path(graph, allowed, starts, goal):
    """(states, steps) of a shortest way, or None."""
    parent = np.full(graph.size, -1, np.int64)
    at = compiled.shortest(graph.begin, graph.to, allowed,
                           np.array(starts, np.int64), goal, parent)
    return None if at < 0 else _way(graph, parent, at)


def _way(graph, parent, at):
    """(states, steps) of the way that leads to a state."""
    numbers, labels = [int(at)], []
    while parent[numbers[-1]] != -2:
        edge = parent[numbers[-1]]
        labels.append(int(graph.label[edge]))
        numbers.append(int(graph.source[edge]))
    return numbers[::-1], labels[::-1]


def _trace(graph: Graph, numbers: list[int], labels: list[int]) -> Trace:
    return Trace([graph.codes(number) for number in numbers],
                 [graph.model.steps[label] for label in labels])
