"""Which properties no state can break: they would prove nothing.

What is asked is whether a property could fail at all, and not whether a state
in which it does is ever reached.  Combinations of values are tried, most of
them at random; then what the property reads is gone through, value by value.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Container, Iterable

from cyborg_models.kernel.language import (
    Codes,
    Model,
    ModelError,
    Outcome,
    Property,
    Quantity,
    run,
)

GUESSES = 100  # for each combination of members
MOST = 3_000  # runs; what reads more than that can say is let pass


def unbreakable(model: Model, names: Container[str] | None = None
                ) -> list[Property]:
    """The properties that come out the same whatever the variables hold:
    an invariant that is never broken, a witness that each state is, what
    never has to come.

    :param names: of those to look at, or None for all
    """
    return [prop for prop in model.properties.values()
            if (names is None or prop.name in names)
            and not _can_fail(model, prop)]


def _can_fail(model: Model, prop: Property) -> bool:
    """True if some combination of values breaks it, or none was found and
    not all could be tried.
    """
    members = list(itertools.product(*prop.sets.values()))
    sizes = [len(variable.domain) for variable, _ in model.cells]
    chance = random.Random(prop.name)
    for arguments in members:
        for _ in range(GUESSES):
            guess = tuple(chance.randrange(size) for size in sizes)
            if _fails(prop, _tried(model, prop, arguments, guess)):
                return True
    return any(_some_path_fails(model, prop, arguments)
               for arguments in members)


def _some_path_fails(model: Model, prop: Property,
                     arguments: tuple[int, ...]) -> bool:
    """Go through what is read: each cell with each of its values."""
    paths: list[dict[int, int]] = [{}]  # cell -> code
    for _ in range(MOST):
        if not paths:
            return False
        chosen = paths.pop()
        codes = tuple(chosen.get(cell, code)
                      for cell, code in enumerate(model.initial))
        outcome = _tried(model, prop, arguments, codes)
        if outcome is None or _fails(prop, outcome):
            return True
        for cell in _cells(model, outcome.reads):
            if cell not in chosen:
                paths += [{**chosen, cell: code} for code
                          in range(len(model.cells[cell][0].domain))]
                break
    return True


def _tried(model: Model, prop: Property, arguments: tuple[int, ...],
           codes: Codes) -> Outcome | None:
    """What the property makes of these values; None if it cannot cope with
    them, which may never occur together.
    """
    try:
        return run(model, prop.body, arguments, codes, frozen=True)
    except ModelError:
        return None


def _fails(prop: Property, outcome: Outcome | None) -> bool:
    if outcome is None:
        return False
    if prop.kind == 'eventually':
        called, come = outcome.value
        return bool(called and not come)
    return not outcome.value


def _cells(model: Model, reads: Iterable[int | Quantity]) -> Iterable[int]:
    for read in reads:
        if isinstance(read, Quantity):
            for member in model.variables[read.variable].members:
                yield model.place[read.variable, member]
        else:
            yield read


__all__ = ['unbreakable']
