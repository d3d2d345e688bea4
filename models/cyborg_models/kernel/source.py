"""The text of model files, parsed once."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Iterator


@functools.cache
def parsed(path: str) -> ast.Module | None:
    """The syntax tree of a file; None if it is not what was imported."""
    try:
        return ast.parse(''.join(linecache.getlines(path)))
    except (SyntaxError, ValueError):
        return None


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """All statements within a node, without a look at expressions."""
    for name in ('body', 'handlers', 'orelse', 'finalbody', 'cases'):
        for one in getattr(node, name, ()):
            if isinstance(one, ast.stmt):
                yield one
            yield from statements(one)


__all__ = ['parsed', 'statements']
