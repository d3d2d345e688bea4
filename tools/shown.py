"""Which tests show a requirement: of the reference implementations, and of
the conformance kit.

A test says so itself, by the decorator of ``systems/os_acc/tests/base.py``
or ``models/tests/__init__.py``::

    @shows('GPUX86-010')
    def test_a_share_has_the_uuid_of_its_van(self):

It is read from the source, and nothing is imported.  A tag counts on what
unittest collects alone: a method ``test*`` of a class that is a TestCase,
in a file ``systems/*/tests/test_*.py`` or ``models/tests/test_*.py``.
"""

import ast
import re
from typing import NamedTuple

HOME = 'systems'
KIT = 'models/tests'
TAG = 'shows'
#: decorators of what does not run, or is to fail
NOT_RUN = ('skip', 'skipIf', 'skipUnless', 'expectedFailure')
REQUIREMENT = re.compile(r'[A-Z][A-Z0-9]*-[0-9]{2,3}')


class Shown(NamedTuple):
    """A test that shows a requirement.

    :ivar name: such as ``test_libvirt.TestLibvirt.test_gone``
    :ivar path: of the file, from the root
    :ivar line: of the test
    :ivar where: file and line of the tag
    """

    id: str
    name: str
    path: str
    line: int
    where: str


def read(root, parsed):
    """All tags below *root*.

    :param parsed: path -> the tree of a file, or what is wrong in it as
        (``file:line``, message)
    :returns: (id -> list of :class:`Shown`, list of what is wrong)
    """
    found, problems = {}, []
    trees = {path: parsed(path) for path in (
        *sorted(root.glob(f'{HOME}/**/*.py')),
        *sorted(root.glob(f'{KIT}/*.py'))) if path.parent.name == 'tests'
        or TAG.encode() in path.read_bytes()}
    for path, tree in trees.items():
        if isinstance(tree, tuple):
            problems.append(tree)
            continue
        short = path.relative_to(root).as_posix()
        tests = _collected(path, trees)
        for node, decorator in _tags(tree):
            where = f'{short}:{decorator.lineno}'
            if node not in tests:
                problems.append((where, (
                    f'{node.name} is tagged and is no test that runs; tag a '
                    'method test* of a TestCase in a file test_*.py, which '
                    'is neither skipped nor defined anew')))
                continue
            for one, wrong in _ids(decorator):
                if wrong:
                    problems.append((where, wrong))
                else:
                    found.setdefault(one, []).append(Shown(
                        one, f'{path.stem}.{tests[node]}.{node.name}',
                        short, node.lineno, where))
    return found, problems


def _tags(tree):
    """Each function or class that is tagged, with its tag."""
    for node in ast.walk(tree):
        for decorator in getattr(node, 'decorator_list', ()):
            if _name(decorator) == TAG:
                yield node, decorator


def _name(node):
    """The last part of what a decorator or a base is called."""
    node = node.func if isinstance(node, ast.Call) else node
    return getattr(node, 'attr', getattr(node, 'id', ''))


def _ids(decorator):
    """The ids of a tag, each with '' or what is wrong with it."""
    given = decorator.args if isinstance(decorator, ast.Call) else []
    if not given:
        yield '', f'the tag names nothing; write @{TAG} with ids in quotes'
    for node in given:
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and REQUIREMENT.fullmatch(text):
            yield text, ''
        else:
            yield '', (f'{ast.unparse(node)} is not the id of a requirement; '
                       'write one, such as OSACC-001, in quotes')


def _collected(path, trees):
    """The tests of a file that unittest runs, each with its class."""
    home = path.parent.parent
    if not (path.name.startswith('test_') and path.parent.name == 'tests'
            and (home.parent.name == HOME or home.name == 'models')):
        return {}
    classes = {}
    for other, tree in trees.items():
        if other.parent == path.parent and isinstance(tree, ast.Module):
            classes |= {node.name: node for node in tree.body
                        if isinstance(node, ast.ClassDef)}
    mine = {node.name: node for node in trees[path].body
            if isinstance(node, ast.ClassDef)}
    return {test: name for name, node in mine.items()
            if _is_case(name, classes | mine) and _runs(node)
            for test in {test.name: test for test in node.body if isinstance(
                test, ast.FunctionDef | ast.AsyncFunctionDef)}.values()
            if test.name.startswith('test') and _runs(test)}


def _is_case(name, classes, seen=()):
    """A class is a TestCase, by whatever classes of the folder."""
    if name.endswith('TestCase'):
        return True
    return name in classes and name not in seen and any(
        _is_case(_name(base), classes, (*seen, name))
        for base in classes[name].bases)


def _runs(node):
    return not any(_name(decorator) in NOT_RUN
                   for decorator in node.decorator_list)


__all__ = ['Shown', 'read']
