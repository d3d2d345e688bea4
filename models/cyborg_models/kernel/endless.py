"""A body that never ends is stopped.

To count the lines that a body runs makes it take twice as long.  So they are
counted only where the text of the model, or of what it uses beside it, has
what may go on for ever: a ``while``, an iterator of its own, or ``itertools``.
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from types import FrameType, ModuleType
from typing import Any

from cyborg_models.kernel.source import parsed, statements

LINES = 100_000  # of one run of a body; ours run at most some hundred
_here = os.path.dirname(os.path.abspath(__file__))


class Endless(BaseException):  # so that no body takes it for its own
    """A body has run all the lines that it may."""


def may_loop(bodies: Iterable[Callable[..., Any]]) -> bool:
    """True if a body may go on for ever, by the text of its module and of
    those beside it that this one has something of: by whatever way the body
    reaches that.
    """
    plain = [one for one in map(inspect.unwrap, bodies)
             if not _is_kernel(one.__code__.co_filename)]
    paths = {body.__code__.co_filename for body in plain}
    homes = set(map(os.path.dirname, paths))
    spaces = list({id(body.__globals__): body.__globals__
                   for body in plain}.values())
    while spaces:
        for value in list(spaces.pop().values()):
            name = (value.__name__ if isinstance(value, ModuleType)
                    else getattr(value, '__module__', None))
            module = sys.modules.get(name) if isinstance(name, str) else None
            path = getattr(module, '__file__', None)
            if (module and isinstance(path, str) and path not in paths
                    and os.path.dirname(path) in homes):
                paths.add(path)
                spaces.append(vars(module))
    return any(map(_has_loop, paths))


@functools.cache
def _has_loop(path: str) -> bool:
    tree = parsed(path)
    return tree is None or any(map(_is_loop, statements(tree)))


def _is_loop(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name == '__next__'
    return isinstance(node, ast.While) or 'itertools' in (
        [one.name for one in node.names] if isinstance(node, ast.Import) else
        [node.module] if isinstance(node, ast.ImportFrom) else ())


def counted(body: Callable[..., Any], *arguments: Any) -> Any:
    """Call a body, and count the lines of all but the kernel.

    :raises Endless: in the middle of it, once they are too many
    """
    left = LINES

    def line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Endless
        return line

    def call(frame: FrameType, event: str, _: Any) -> Any:
        return (None if _is_kernel(frame.f_code.co_filename)
                else line(frame, event, _))
    before = sys.gettrace()  # who measures coverage, say
    sys.settrace(call)
    try:
        return body(*arguments)
    finally:
        sys.settrace(before)


@functools.cache
def _is_kernel(path: str) -> bool:
    return os.path.dirname(os.path.abspath(path)) == _here


__all__ = ['LINES', 'Endless', 'counted', 'may_loop']
