"""The words of a model in JSON: its actions, their arguments, its values.

A member of an Enum is its name, a tuple is an array, and what is left is
itself: a text, a number, ``true``, ``false``, ``null``.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Mapping
from typing import Any

from cyborg_models.kernel.language import Model, Step
from cyborg_models.kernel.trace import cell_name
from cyborg_models.registry import near


class WordError(ValueError):
    """A word that the model does not have: what, and the mend."""


def written(value: Any) -> Any:
    """A value of a model as JSON has it."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, tuple):
        return [written(one) for one in value]
    return value


class Words:
    """What a model's words in JSON mean.

    :ivar cells: name of a variable, such as ``arq[0]`` -> JSON value, as
        :func:`repr` has it -> value
    :ivar steps: (action, arguments) -> step
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.cells = {
            cell_name(variable.name, member): {
                repr(written(value)): value for value in variable.domain}
            for variable, member in model.cells}
        self.steps = {(step.action.name, step.arguments): step
                      for step in model.steps}

    def action(self, name: Any) -> str:
        """An action by its name.

        :raises WordError: if there is none
        """
        if not isinstance(name, str) or name not in self.model.actions:
            raise WordError(f'unknown action {shown(name)}; '
                            f'{near(str(name)[:80], self.model.actions)}')
        return name

    def variable(self, name: Any) -> str:
        """A variable by its name.

        :raises WordError: if there is none
        """
        if not isinstance(name, str) or name not in self.model.variables:
            raise WordError(f'unknown variable {shown(name)}; '
                            f'{near(str(name)[:80], self.model.variables)}')
        return name

    def matching(self, name: Any, arguments: Any) -> list[Step]:
        """The steps of an action that agree with some of its arguments.

        :param arguments: parameter -> number; one that is missing may be
            any
        :raises WordError: naming what is unknown
        """
        sets = self.model.actions[self.action(name)].sets
        if not isinstance(arguments, Mapping):
            raise WordError(f'the arguments of {name} are '
                            f'{shown(arguments)}; give an object')
        for key, value in arguments.items():
            if key not in sets:
                raise WordError(f'{name} has no parameter {shown(key)}; '
                                f'{near(str(key)[:80], sets)}')
            if type(value) is not int or not 0 <= value < sets[key].size:
                raise WordError(f'{key} of {name} cannot be {shown(value)}; '
                                f'give 0 to {sets[key].size - 1}')
        ranges = [(arguments[key],) if key in arguments else members
                  for key, members in sets.items()]
        return [self.steps[name, tuple(one)]
                for one in itertools.product(*ranges)]

    def values(self, observed: Any) -> dict[str, Any]:
        """What was observed, in the model's own values.

        :param observed: such as ``{"arq[0]": "BOUND"}``
        :raises WordError: naming what is unknown
        """
        if not isinstance(observed, Mapping):
            raise WordError(f'what is observed is {shown(observed)}; give '
                            'an object')
        found = {}
        for name, value in observed.items():
            if name not in self.cells:
                raise WordError(f'unknown variable {shown(name)}; '
                                f'{near(str(name)[:80], self.cells)}')
            known = self.cells[name]
            if repr(value) not in known:
                # repr tells a text from a number, and a user need not.
                texts = {text.strip("'"): None for text in known}
                raise WordError(f'{name} cannot be {shown(value)}; '
                                f'{near(str(value)[:80], texts)}')
            found[name] = known[repr(value)]
        return found


def shown(value: Any) -> str:
    """A JSON value in a message: not more than a part of a long one."""
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'


__all__ = ['WordError', 'Words', 'shown', 'written']
