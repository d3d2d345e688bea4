"""What an action says: its guards and effects, as written.

Read from the source, so that a table of them is the model and no copy.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
from dataclasses import dataclass

from cyborg_models.kernel.language import Action


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


__all__ = ['Described', 'describe']
