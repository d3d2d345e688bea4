"""What a body does beside reading and assigning its state.

Running a body twice shows that it depends on more than the state, and not
that it prints or keeps something: that is looked for in its text, and in
that of the functions and methods that it names.  What is reached otherwise,
such as through a table of functions, is not seen.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from cyborg_models.kernel.source import parsed, statements

FUNCTIONS = (print, input, open, exec, eval, breakpoint,
             # these need not end, and nothing counts what C does
             iter, itertools.count, itertools.cycle, itertools.repeat)
MODULES = frozenset({
    'asyncio', 'datetime', 'io', 'logging', 'multiprocessing', 'os',
    'pathlib', 'random', 'secrets', 'shutil', 'signal', 'socket',
    'subprocess', 'sys', 'tempfile', 'threading', 'time', 'uuid'})
CHANGING = (list, dict, set, bytearray, deque)
CHANGES = frozenset({
    'add', 'append', 'appendleft', 'clear', 'difference_update', 'discard',
    'extend', 'extendleft', 'insert', 'intersection_update', 'pop', 'popitem',
    'popleft', 'remove', 'reverse', 'rotate', 'setdefault', 'sort',
    'symmetric_difference_update', 'update'})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Impure(NamedTuple):
    """What a body does that it may not.

    :ivar path: of the file
    :ivar what: such as ``uses print``
    """

    path: str
    line: int
    what: str


class _Text(NamedTuple):
    """What the text of a function says.

    :ivar faults: (line, what) that it may not do, whatever names mean
    :ivar chains: (line, names) of ``name.attribute...`` where the name is
        not the function's own
    """

    faults: tuple[tuple[int, str], ...]
    chains: tuple[tuple[int, tuple[str, ...]], ...]


def impure(body: Callable[..., Any]) -> Impure | None:
    """The first thing that a body does beside its state, or None."""
    return next(_search(inspect.unwrap(body), set()), None)


def _search(function: Any, seen: set[CodeType]) -> Iterator[Impure]:
    code = function.__code__
    seen.add(code)
    text = _text(code)
    for line, what in text.faults:
        yield Impure(code.co_filename, line, what)
    for line, names in text.chains:
        value, *owners = _values(function, names)
        if any(_is_outside(one) for one in (value, *owners)):
            yield Impure(code.co_filename, line, f'uses {".".join(names)}')
        elif (owners and isinstance(owners[0], CHANGING)
              and names[-1] in CHANGES):
            yield Impure(code.co_filename, line,
                         f'changes {".".join(names[:-1])}')
        elif (isinstance(value, FunctionType)
              and value.__code__ not in seen
              and _folder(value.__code__) == _folder(code)):
            yield from _search(value, seen)


def _folder(code: CodeType) -> str:
    # What a library or the kernel does is not the model's to mend.
    return os.path.dirname(code.co_filename)


def _values(function: Any, names: tuple[str, ...]) -> list[Any]:
    """What a chain of names means, and what each is read from, backwards;
    None for what is not known before the body runs.
    """
    cells = dict(zip(function.__code__.co_freevars,
                     function.__closure__ or (), strict=True))
    found: list[Any]
    if names[0] in cells:
        try:
            found = [cells[names[0]].cell_contents]
        except ValueError:  # not assigned yet
            found = [None]
    else:
        found = [function.__globals__.get(
            names[0], getattr(builtins, names[0], None))]
    for name in names[1:]:
        owner = found[0]
        found.insert(0, getattr(owner, name, None) if isinstance(
            owner, ModuleType) else inspect.getattr_static(
                owner, name, None))
    return found


def _is_outside(value: Any) -> bool:
    if isinstance(value, ModuleType):
        return value.__name__.partition('.')[0] in MODULES
    return any(value is one for one in FUNCTIONS)


@functools.cache
def _text(code: CodeType) -> _Text:
    node = _functions(code.co_filename).get(
        (code.co_firstlineno, code.co_name))
    if node is None:  # made while running: there is no text
        return _Text((), ())
    faults, chains = [], []
    nodes = list(ast.walk(node))
    own = _own_names(node, nodes)

    def outside(names: tuple[str, ...]) -> bool:
        return bool(names) and names[0] not in own

    for one in nodes:
        line = getattr(one, 'lineno', 0)
        if isinstance(one, (ast.Global, ast.Nonlocal)):
            faults.append((line, f'keeps {", ".join(one.names)}'))
        elif isinstance(one, (ast.Import, ast.ImportFrom)):
            faults.append((line, f'has "{ast.unparse(one)}"'))
        elif isinstance(one, (ast.Yield, ast.YieldFrom,
                              ast.AsyncFunctionDef)):
            faults.append((line, 'is no plain function'))
        elif isinstance(one, (ast.Attribute, ast.Subscript, ast.Name)):
            names = _chain(one)
            if not outside(names):
                continue
            if not isinstance(one.ctx, ast.Load):
                faults.append((line, f'changes {ast.unparse(one)}'))
            elif not isinstance(one, ast.Subscript):
                chains.append((line, names))
    return _Text(tuple(faults), tuple(chains))


@functools.cache
def _functions(path: str) -> dict[tuple[int, str], _Function]:
    """(first line, with decorators, name) -> function, of a file."""
    tree = parsed(path)
    return {} if tree is None else {(min([node.lineno, *(one.lineno
                                 for one in node.decorator_list)]),
             node.name): node
            for node in statements(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _own_names(node: _Function, nodes: list[ast.AST]) -> set[str]:
    """What is bound somewhere in a function.

    :param nodes: the function's, itself among them
    """
    kept: set[str] = set()
    found: set[str] = set()
    for one in nodes:
        if isinstance(one, ast.Name):
            if not isinstance(one.ctx, ast.Load):
                found.add(one.id)
        elif isinstance(one, ast.arg):
            found.add(one.arg)
        elif isinstance(one, ast.FunctionDef):
            if one is not node:
                found.add(one.name)
        elif isinstance(one, (ast.Global, ast.Nonlocal)):
            kept.update(one.names)
    return found - kept


def _chain(node: ast.expr) -> tuple[str, ...]:
    """The names of ``a.b.c``; a subscript is passed over; () for others."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        names = _chain(node.value)
        return (*names, node.attr) if names else ()
    return _chain(node.value) if isinstance(node, ast.Subscript) else ()


__all__ = ['Impure', 'impure']
