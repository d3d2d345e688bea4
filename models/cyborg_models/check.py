"""Decides every property of a model and says what came out.

Importing this imports Numba; the command line does so when it must.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cyborg_models.kernel import liveness, warm
from cyborg_models.kernel.engine import Engine, Explored, Trace
from cyborg_models.kernel.language import (
    Action,
    Codes,
    Model,
    Property,
    run,
)
from cyborg_models.kernel.symmetry import Symmetry
from cyborg_models.kernel.trace import Run, value_name
from cyborg_models.registry import InputError, near

HOLDS, VIOLATED = 'holds', 'violated'
WITNESSED, UNWITNESSED = 'witnessed', 'not witnessed'
INCONCLUSIVE = 'inconclusive'
Progress = Callable[[int, int, int, float], None]
DEADLOCK = 'no_deadlock'


@dataclass
class Verdict:
    """What came out for one property.

    :ivar kind: always, sometimes, eventually; ``no_deadlock`` is always
    :ivar verdict: holds, violated, witnessed, not witnessed, inconclusive
    :ivar depth: steps to the first state that breaks or witnesses it; for
        a lasso None
    :ivar run: the counterexample or witness, a :class:`~.kernel.trace.Run`
    :ivar arguments: for which members it is broken or witnessed
    """

    name: str
    kind: str
    requirement: str
    doc: str
    verdict: str
    depth: int | None = None
    run: Run | None = None
    arguments: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return self.verdict in (HOLDS, WITNESSED)

    def __str__(self) -> str:
        if self.depth is not None:
            return f'{self.verdict} at depth {self.depth}'
        return self.verdict


@dataclass
class Checked:
    """What came out for a model.

    :ivar complete: False if it was stopped before all was seen
    :ivar reason: why it was stopped
    :ivar seconds: that all took
    :ivar rate: states per second, while exploring
    :ivar verdicts: a :class:`Verdict` each
    :ivar impossible: names of the actions that are possible in no state, if
        all were seen
    """

    complete: bool
    reason: str
    states: int
    transitions: int
    depth: int
    seconds: float
    rate: float
    verdicts: list[Verdict]
    impossible: list[str]

    @property
    def verdict(self) -> str:
        """The verdict on the whole."""
        if any(one.verdict in (VIOLATED, UNWITNESSED)
               for one in self.verdicts):
            return VIOLATED
        if any(one.verdict == INCONCLUSIVE for one in self.verdicts):
            return INCONCLUSIVE
        return HOLDS

    @property
    def status(self) -> int:
        """The exit code: 0 holds, 1 violated, 2 inconclusive."""
        return (HOLDS, VIOLATED, INCONCLUSIVE).index(self.verdict)


def check(model: Model, only: str | None = None, memory: int | None = None,
          progress: Progress | None = None,
          say: Callable[[str], object] | None = None,
          symmetry: bool = False) -> Checked:
    """Explore a model and decide its properties.

    :param only: the name of the one property to decide, or None for all
    :param memory: bytes that states and tables may take
    :param progress: as for :class:`~.kernel.engine.Engine`
    :param say: called with a text when something else begins
    :param symmetry: True to store one of the states that differ only in
        which member of a symmetric set is which; what must come is then
        *inconclusive* where it, or what is fair, is of one such member
    :returns: a :class:`Checked`
    :raises InputError: if there is no such property, or not that memory
    :raises ModelError: if the model does what a model may not do
    """
    if only is not None:
        known = (*model.properties, DEADLOCK)
        if only not in known:
            raise InputError(f'{model.name} has no property {only!r}; '
                             f'{near(only, known)}')
        model.properties = {name: prop for name, prop
                            in model.properties.items() if name == only}
    began = time.monotonic()
    engine = engine_of(model, memory, progress, symmetry)
    due = [prop for prop in model.properties.values()
           if prop.kind == 'eventually']
    lassos: dict[str, liveness.Lasso] = {}
    with warm.beside(engine) as all_is_compiled:
        found = engine.explore()
        decided = found.complete
        if due and decided and engine.tables.symmetry is not None:
            found.reason = _refusal(model, due, engine.tables.symmetry)
            decided = not found.reason
        if due and decided:
            if say is not None:
                say(f'{found.states:,} states; deciding what must come')
            try:
                graph = liveness.Graph(engine)
                all_is_compiled()
                lassos = liveness.check(graph)
            except KeyboardInterrupt:
                decided, found.reason = False, 'interrupted'
            except MemoryError:
                decided = False
                found.reason = ('the memory does not suffice to decide what '
                                'must come; make the configuration smaller')
    verdicts = [_judge(model, prop, found, lassos, decided)
                for prop in model.properties.values()]
    if only in (None, DEADLOCK):
        verdicts.append(_deadlock(model, found))
    return Checked(found.complete and decided, found.reason, found.states,
                   found.transitions, found.depth,
                   time.monotonic() - began,
                   found.states / max(found.seconds, 1e-9), verdicts,
                   _impossible(engine) if found.complete else [])


def _impossible(engine: Engine) -> list[str]:
    """The actions that are possible in no state."""
    model, tables = engine.model, engine.tables
    possible = {step.action.name for number, step in enumerate(model.steps)
                if tables.possible(number)}
    return [name for name in model.actions if name not in possible]


def _refusal(model: Model, due: Sequence[Property],
             symmetry: Symmetry) -> str:
    """Why what must come cannot be decided with symmetry; or nothing.

    A run of one of the states that are alike stands for runs of the others,
    but a member whose turn never comes would be hidden among them.
    """
    asked: list[Action | Property] = [
        each for each in model.actions.values() if each.fair]
    for one in [*asked, *due]:
        name = symmetry.names_one(one.sets)
        if name is not None:
            return (f'{one.name} is of one {name}, and the members of '
                    f'{name} are taken for each other; check what must '
                    'come without symmetry')
    return ''


def engine_of(model: Model, memory: int | None = None,
              progress: Progress | None = None,
              symmetry: bool = False) -> Engine:
    """What explores a model.

    :raises InputError: if there is not that memory
    """
    try:
        return Engine(model, memory, progress, symmetry)
    except (MemoryError, OSError):
        raise InputError('the system does not grant that much memory; '
                         'give less') from None


def moves(model: Model, name: str, memory: int | None = None,
          progress: Progress | None = None
          ) -> dict[tuple[str, str], list[str]]:
    """How a variable changes: (before, after) -> names of the actions.

    :param name: of the variable; of one per member, all are taken together
    """
    if name not in model.variables:
        raise InputError(f'{model.name} has no variable {name!r}; '
                         f'{near(name, model.variables)}')
    engine = engine_of(model, memory, progress)
    found = engine.explore()
    if not found.complete:
        raise InputError(f'{found.reason}: not all states were seen')
    graph, packing = liveness.Graph(engine), engine.tables.packing
    words = np.concatenate([rows[:high] for rows, high
                            in zip(engine.states, engine.high, strict=True)])
    variable = model.variables[name]
    seen: dict[tuple[int, int], set[str]] = {}
    for member in variable.each or (None,):
        cell = model.place[name, member]
        value = (words[:, packing.word[cell]]
                 >> np.uint64(packing.shift[cell])
                 ) & np.uint64(packing.mask[cell])
        rows = np.stack((value[graph.source], value[graph.to],
                         graph.label.astype(np.uint64)), axis=1)
        rows = rows[rows[:, 0] != rows[:, 1]]
        for before, after, step in np.unique(rows, axis=0).tolist():
            seen.setdefault((before, after), set()).add(
                model.steps[step].action.name)
    return {(value_name(variable.domain[before]),
             value_name(variable.domain[after])): sorted(actions)
            for (before, after), actions in sorted(seen.items())}


def _judge(model: Model, prop: Property, found: Explored,
           lassos: Mapping[str, liveness.Lasso], decided: bool) -> Verdict:
    def verdict(word: str,
                trace: Trace | liveness.Lasso | None = None) -> Verdict:
        if trace is None:
            return Verdict(prop.name, prop.kind, prop.requirement, prop.doc,
                           word)
        told = Run.of(model, trace)
        depth = None if told.loop is not None else len(told.steps)
        return Verdict(prop.name, prop.kind, prop.requirement, prop.doc,
                       word, depth, told, _arguments(model, prop, told))
    if prop.kind == 'always':
        if prop.name in found.violations:
            return verdict(VIOLATED, found.violations[prop.name])
        return verdict(HOLDS if found.complete else INCONCLUSIVE)
    if prop.kind == 'sometimes':
        if prop.name in found.witnessed:
            return verdict(WITNESSED, found.witnessed[prop.name])
        return verdict(UNWITNESSED if found.complete else INCONCLUSIVE)
    if prop.name in lassos:
        return verdict(VIOLATED, lassos[prop.name])
    return verdict(HOLDS if decided else INCONCLUSIVE)


def _deadlock(model: Model, found: Explored) -> Verdict:
    doc = ('Something other than a fault is always possible, except where '
           'the model may end.')
    if found.stuck is None:
        word = HOLDS if found.complete else INCONCLUSIVE
        return Verdict(DEADLOCK, 'always', '', doc, word)
    told = Run.of(model, found.stuck)
    return Verdict(DEADLOCK, 'always', '', doc, VIOLATED, len(told.steps),
                   told)


def _arguments(model: Model, prop: Property, told: Run) -> dict[str, int]:
    """For which arguments the run breaks or witnesses the property."""
    def value(arguments: Sequence[int], codes: Codes) -> Any:
        return run(model, prop.body, arguments, codes, frozen=True).value

    def lacking(arguments: Sequence[int]) -> bool:
        # From where it is called for, it does not come, round and round.
        pairs = [value(arguments, codes) for codes in told.states]
        loop = told.loop or 0
        called = [index for index, pair in enumerate(pairs) if pair[0]]
        return any(
            not any(come for _, come in pairs[min(index, loop):])
            for index in called[-1:] + called[:1])
    for arguments in itertools.product(*prop.sets.values()):
        if (lacking(arguments) if prop.kind == 'eventually'
                else value(arguments, told.states[-1])
                == (prop.kind == 'sometimes')):
            return dict(zip(prop.sets, arguments, strict=True))
    return {}
