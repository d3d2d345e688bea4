"""What a setting may be: who gives another value is told so.

A model that is built of any value would check something else than was
meant, and say that it holds.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from cyborg_models.kernel.language import ModelError

Value = TypeVar('Value')
MEMBERS = 64  # of a set, at most


def one_of(name: str, value: Value, allowed: Collection[Value]) -> Value:
    """*value*, if it is one of those allowed.

    :param name: of the setting
    :raises ModelError: naming the setting and what it may be
    """
    if value not in allowed:
        raise ModelError(f'the setting {name} is {value!r}; use one of '
                         + ', '.join(map(str, allowed)))
    return value


def number(name: str, value: int, least: int, most: int = MEMBERS) -> int:
    """*value*, if it is from *least* to *most*.

    :param name: of the setting
    :raises ModelError: naming the setting and what it may be
    """
    if not least <= value <= most:
        raise ModelError(f'the setting {name} is {value}; give a number '
                         f'from {least} to {most}')
    return value


__all__ = ['MEMBERS', 'number', 'one_of']
