"""The reference: a plain breadth-first walk over the Python itself.

Slow, and obviously right: no tables, no packing.  The fast engine is held
against it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from cyborg_models.kernel.language import (
    Codes,
    Guard,
    Model,
    Step,
    run,
    successor,
)


@dataclass
class Walked:
    """What a walk found.

    :ivar depth: state -> its distance from the start
    :ivar transitions: number of (state, step) pairs that are enabled
    :ivar violations: property name -> (depth, state) of a shallowest one
    :ivar witnessed: names of ``sometimes`` properties that were seen
    :ivar stuck: (depth, state) of a shallowest deadlock, or None
    """

    depth: dict[Codes, int] = field(default_factory=dict)
    transitions: int = 0
    violations: dict[str, tuple[int, Codes]] = field(default_factory=dict)
    witnessed: dict[str, tuple[int, Codes]] = field(default_factory=dict)
    stuck: tuple[int, Codes] | None = None


def successors(model: Model, state: Codes) -> Iterator[tuple[Step, Codes]]:
    """(step, next state) for each step that is possible."""
    for step in model.steps:
        outcome = run(model, step.action.body, step.arguments, state)
        if not isinstance(outcome.value, Guard):
            yield step, successor(state, outcome.value)


def walk(model: Model, limit: int = 1_000_000) -> Walked:
    """Visit every state.

    :param limit: stop after this many states
    :returns: a :class:`Walked`
    """
    found = Walked()
    found.depth[model.initial] = 0
    frontier, depth = [model.initial], 0
    while frontier and len(found.depth) <= limit:
        following: list[Codes] = []
        for state in frontier:
            _judge(model, state, depth, found)
            lively = False
            for step, after in successors(model, state):
                found.transitions += 1
                lively = lively or not step.action.fault
                if after not in found.depth:
                    found.depth[after] = depth + 1
                    following.append(after)
            if not lively and found.stuck is None and not may_end(
                    model, state):
                found.stuck = (depth, state)
        frontier, depth = following, depth + 1
    return found


def may_end(model: Model, state: Codes) -> bool:
    """True if nothing more need happen in this state."""
    return model.final is not None and bool(run(
        model, model.final, (), state, frozen=True).value)


def _judge(model: Model, state: Codes, depth: int, found: Walked) -> None:
    for prop in model.properties.values():
        if prop.kind == 'eventually':
            continue
        for arguments in itertools.product(*prop.sets.values()):
            holds = run(model, prop.body, arguments, state,
                        frozen=True).value
            if prop.kind == 'always' and not holds:
                found.violations.setdefault(prop.name, (depth, state))
            if prop.kind == 'sometimes' and holds:
                found.witnessed.setdefault(prop.name, (depth, state))
