"""What a body makes of a state, remembered by what it reads.

For whoever looks at one state after the other, where tabulating all of them
would be too much: a tester, a monitor.  A state that agrees with an earlier
one in what the body reads costs a walk down a tree and runs no Python of the
model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cyborg_models.kernel.language import (
    Body,
    Codes,
    Model,
    ModelError,
    Quantity,
    place_of,
    run,
)

_MISSING = object()


class _Node:
    """Asks for one cell, or one quantity, of the state."""

    __slots__ = ('read', 'kids')

    def __init__(self, read: int | Quantity) -> None:
        self.read = read
        self.kids: dict[Any, Any] = {}


class Tree:
    """A body that is called with a state.

    :param body: of an action or a property
    :param arguments: for its parameters after the state
    :param frozen: True for a property, which may not assign
    """

    def __init__(self, model: Model, body: Body, arguments: Sequence[int],
                 frozen: bool) -> None:
        self._model, self._body = model, body
        self._arguments, self._frozen = arguments, frozen
        self._root: dict[Any, Any] = {None: _MISSING}

    def __call__(self, codes: Codes) -> Any:
        """What it makes of a state: of an action the writes (cell, code) or
        the :class:`~.language.Guard` that refuses it, of a property what it
        returns.

        :raises ModelError: if the body does what a model may not do, or
            does not depend on the state alone
        """
        found = self._root[None]
        while found.__class__ is _Node:
            found = found.kids.get(self._value(found.read, codes), _MISSING)
        return self._learn(codes) if found is _MISSING else found

    def reads(self, codes: Codes) -> tuple[int, ...]:
        """What it reads of a state: the codes, and values of quantities, in
        order.  Where two states have the same it makes the same of them.
        """
        self(codes)
        found, path = self._root[None], []
        while found.__class__ is _Node:
            path.append(self._value(found.read, codes))
            found = found.kids[path[-1]]
        return tuple(path)

    def cells(self, codes: Codes) -> list[int]:
        """The cells that it reads in a state; of a quantity, all that it is
        of.
        """
        self(codes)
        node, found = self._root[None], []
        while node.__class__ is _Node:
            if isinstance(node.read, int):
                found.append(node.read)
            else:
                found += [self._model.place[node.read.variable, member]
                          for member in self._model.variables[
                              node.read.variable].members]
            node = node.kids[self._value(node.read, codes)]
        return found

    def _value(self, read: int | Quantity, codes: Codes) -> int:
        return (codes[read] if isinstance(read, int)
                else read.of(self._model, codes))

    def _learn(self, codes: Codes) -> Any:
        outcome = run(self._model, self._body, self._arguments, codes,
                      self._frozen)
        kids: dict[Any, Any] = self._root
        key: int | None = None
        for read in outcome.reads:
            node = kids.get(key, _MISSING)
            if node is _MISSING:
                node = kids[key] = _Node(read)
            elif node.__class__ is not _Node or node.read != read:
                raise self._unsteady()
            kids, key = node.kids, self._value(read, codes)
        if kids.get(key, _MISSING) is not _MISSING:
            raise self._unsteady()
        kids[key] = outcome.value
        return outcome.value

    def _unsteady(self) -> ModelError:
        return ModelError(
            f'{place_of(self._body)}: {self._body.__name__} does not depend '
            'on the state alone; it may not keep anything between calls, '
            'nor use chance or time')


__all__ = ['Tree']
