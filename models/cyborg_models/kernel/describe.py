"""What an action says: its guards and effects, as written.

Read from the source, so that a table of them is the model and no copy.
"""

import ast
import inspect
import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Described:
    """An action's guards and effects.

    :ivar guards: (requirement, condition) in order; where a guard stands
        under an ``if``, the condition begins with it
    :ivar effects: texts in order: assignments, and calls that are handed
        the state
    """

    guards: tuple
    effects: tuple


def describe(action):
    """Read an action's source; returns a :class:`Described`."""
    try:
        source = textwrap.dedent(inspect.getsource(action.body))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        return Described((), ())
    reader = _Reader()
    for node in tree.body[0].body:
        reader.read(node, '')
    lacks = getattr(action.body, 'lacks', None)  # with a defect
    return Described(
        tuple(guard for guard in reader.guards if lacks not in guard),
        tuple(effect for effect in reader.effects if effect != lacks))


class _Reader:
    """Collects guards and effects, statement by statement."""

    def __init__(self):
        self.guards, self.effects = [], []

    def read(self, node, under):
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

    def _block(self, nodes, under):
        for node in nodes:
            self.read(node, under)

    def _call(self, call, under):
        if ast.unparse(call.func) == 'when' and len(call.args) == 2:
            condition, requirement = call.args
            name = (str(requirement.value) if isinstance(
                requirement, ast.Constant) else ast.unparse(requirement))
            self.guards.append((name, under + ast.unparse(condition)))
        else:
            self.effects.append(under + ast.unparse(call))


__all__ = ['Described', 'describe']
