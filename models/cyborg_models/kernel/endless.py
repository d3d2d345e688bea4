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
import threading
from collections.abc import Callable, Collection, Iterable
from types import (
    CodeType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
)
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
    for space in spaces:  # to which more are added
        for value in list(space.values()):
            name = (value.__name__ if isinstance(value, ModuleType)
                    else getattr(value, '__module__', None))
            module = sys.modules.get(name) if isinstance(name, str) else None
            path = getattr(module, '__file__', None)
            if (module and isinstance(path, str) and path not in paths
                    and os.path.dirname(path) in homes):
                paths.add(path)
                spaces.append(vars(module))
    found = any(map(_has_loop, paths))
    if found and TOOL is not None:
        _watch(paths, [*plain, *spaces])
    return found


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


class _Left(threading.local):
    """How many lines a body may still run; None where none is run."""

    lines: int | None = None


_left = _Left()


def counted(body: Callable[..., Any], *arguments: Any) -> Any:
    """Call a body, and count its lines and those of what it calls of its
    model.

    :raises Endless: in the middle of it, once they are too many
    """
    before = _left.lines  # of a body that runs another
    _left.lines = LINES
    try:
        return (_traced(body, *arguments) if TOOL is None
                else body(*arguments))
    finally:
        _left.lines = before


def _count(*_: Any) -> None:
    if _left.lines is not None:
        _left.lines -= 1
        if _left.lines < 0:
            _left.lines = None  # or who tidies up would be stopped, too
            raise Endless


def _traced(body: Callable[..., Any], *arguments: Any) -> Any:
    """Call a body, and count the lines of all but the kernel."""
    def line(frame: FrameType, event: str, _: Any) -> Any:
        _count()
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


# From Python 3.12 on, to begin to trace makes all code anew that is running,
# and the lines of some functions can be counted for good.
TOOL: int | None = None
if sys.version_info >= (3, 12):
    # A loop on one line comes to no other line.
    _EVENTS = (sys.monitoring.events.LINE, sys.monitoring.events.JUMP,
               sys.monitoring.events.BRANCH)
    # The other numbers are kept for debuggers, coverage and the like.
    TOOL = next((one for one in (3, 4)
                 if sys.monitoring.get_tool(one) is None), None)
    if TOOL is not None:
        sys.monitoring.use_tool_id(TOOL, __name__)
        for _event in _EVENTS:
            sys.monitoring.register_callback(TOOL, _event, _count)


def _watch(paths: Collection[str], what: Iterable[Any]) -> None:
    """Have the lines counted of functions of some files, and of those that
    are within them, in classes and in what holds them.

    What a model imports from elsewhere is everybody's, and is let be.
    """
    left, seen = [*what], set()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, CodeType):
            if sys.version_info >= (3, 12) and TOOL is not None and (
                    one.co_filename in paths):
                sys.monitoring.set_local_events(TOOL, one, sum(_EVENTS))
                left += [each for each in one.co_consts
                         if isinstance(each, CodeType)]
        elif isinstance(one, FunctionType):
            left.append(one.__code__)
            left += [cell.cell_contents for cell in one.__closure__ or ()
                     if isinstance(cell.cell_contents, FunctionType)]
        elif isinstance(one, staticmethod | classmethod | MethodType):
            left.append(one.__func__)
        elif isinstance(one, property):
            left += [one.fget, one.fset]
        elif isinstance(one, type):
            if getattr(sys.modules.get(one.__module__), '__file__',
                       None) in paths:
                left += vars(one).values()
        elif isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list | tuple):
            left += one


@functools.cache
def _is_kernel(path: str) -> bool:
    return os.path.dirname(os.path.abspath(path)) == _here


__all__ = ['LINES', 'Endless', 'counted', 'may_loop']
