"""What an action says: its guards and effects, as written.

Read from the source, so that a table of them is the model and no copy.
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
import re
import textwrap
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from cyborg_models.kernel.language import Action

ID = re.compile(r'[A-Z][A-Z0-9]*-\w+')  # of a requirement


@dataclass(frozen=True)
class Described:
    """An action's guards and effects.

    :ivar guards: (requirement, condition) in order; where a guard stands
        under an ``if``, the condition begins with it
    :ivar effects: texts in order: assignments, and calls that are handed
        the state
    """

    guards: tuple[tuple[str, str], ...]
    effects: tuple[str, ...]


def describe(action: Action) -> Described:
    """Read an action's source; returns a :class:`Described`."""
    return _described(inspect.unwrap(action.body).__code__,
                      getattr(action.body, 'lacks', None))


@functools.cache
def _described(code: types.CodeType, lacks: str | None) -> Described:
    """What a function says, without a guard or effect that it lacks."""
    try:
        source = textwrap.dedent(inspect.getsource(code))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        return Described((), ())
    reader = _Reader()
    function = tree.body[0]
    for node in getattr(function, 'body', ()):  # of a lambda, none
        reader.read(node, '')
    return Described(
        tuple(guard for guard in reader.guards if lacks not in guard),
        tuple(effect for effect in reader.effects if effect != lacks))


def requirements(action: Action) -> frozenset[str]:
    """The ids that an action's guards carry, and those of the functions of
    its model that it calls.
    """
    body = inspect.unwrap(action.body)
    if body not in _known:
        _known[body] = frozenset(_named(body, set(), set()) if isinstance(
            body, types.FunctionType) else ())
    return _known[body].union(name for name, _ in describe(action).guards)


#: what was made of a body, as long as there is one
_known: weakref.WeakKeyDictionary[
    Callable[..., object], frozenset[str]] = weakref.WeakKeyDictionary()


def _named(function: types.FunctionType, kinds: set[type],
           seen: set[types.CodeType]) -> set[str]:
    """The ids that a function names, and whatever it calls.

    :param kinds: of what the model is made with, whose methods may be called
    """
    found: set[str] = set()
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    kinds = kinds.union(type(cell) for cell in cells)
    codes = [function.__code__]
    for code in codes:  # lambdas and the like within it are met on the way
        if code in seen:
            continue
        seen.add(code)
        for one in code.co_consts:
            if isinstance(one, types.CodeType):
                codes.append(one)
            elif isinstance(one, str) and ID.fullmatch(one):
                found.add(one)
        near = [*cells, *(function.__globals__.get(name)
                          for name in code.co_names),
                *(inspect.getattr_static(kind, name, None)
                  for kind in kinds for name in code.co_names)]
        for other in near:
            if isinstance(other, types.FunctionType) and (
                    _folder(other) == _folder(function)):
                found |= _named(other, kinds, seen)
    return found


def _folder(function: types.FunctionType) -> str:
    return os.path.dirname(function.__code__.co_filename)


class _Reader:
    """Collects guards and effects, statement by statement."""

    def __init__(self) -> None:
        self.guards: list[tuple[str, str]] = []
        self.effects: list[str] = []

    def read(self, node: ast.stmt, under: str) -> None:
        if isinstance(node, ast.If):
            self._block(node.body, f'{under}if {ast.unparse(node.test)}: ')
            self._block(node.orelse, f'{under}else: ')
        elif isinstance(node, ast.For):
            self._block(node.body, f'{under}for {ast.unparse(node.target)} '
                                   f'in {ast.unparse(node.iter)}: ')
        elif isinstance(node, ast.Expr) and isinstance(
                node.value, ast.Call):
            self._call(node.value, under)
        elif isinstance(node, (ast.Assign, ast.AugAssign)):
            self.effects.append(under + ast.unparse(node))

    def _block(self, nodes: list[ast.stmt], under: str) -> None:
        for node in nodes:
            self.read(node, under)

    def _call(self, call: ast.Call, under: str) -> None:
        if ast.unparse(call.func) == 'when' and len(call.args) == 2:
            condition, requirement = call.args
            name = (str(requirement.value) if isinstance(
                requirement, ast.Constant) else ast.unparse(requirement))
            self.guards.append((name, under + ast.unparse(condition)))
        else:
            self.effects.append(under + ast.unparse(call))


__all__ = ['ID', 'Described', 'describe', 'requirements']
