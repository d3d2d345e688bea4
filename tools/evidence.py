"""What shows that a requirement holds: guards, properties, mutants, vectors,
and tests of the reference implementations.

Everything is read from the sources of the models and from what is recorded
beside them; no model is imported.  A guard carries the id that its ``when``
names, a property the one it is declared with.  What stands in a module
``defects`` is what software does wrong, and carries nothing.
:mod:`tools.shown` says which tests show what.

A requirement that no model carries and no test shows says who looks
instead::

    .. req:: A title
       :id: MINE-001
       :verified: review -- why neither can show it
"""

import ast
import difflib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tools import shown, specs
from tools.specs import NEED_ID, Problem

PACKAGE = 'models/cyborg_models'
RELEASES = ('rocky', 'stein')
PROPERTIES = ('always', 'eventually', 'sometimes')
#: module of things done wrong on purpose
DEFECTS = 'defects'


class Use(NamedTuple):
    """Where a model names a requirement.

    :ivar kind: ``guard``, ``defect``, ``text`` (the sentence as the model
        repeats it), or the kind of a property
    :ivar name: of the property, else of the function that it stands in
    :ivar module: such as ``stein.attach``
    :ivar path: of the file, from the root
    """

    id: str
    kind: str
    name: str
    module: str
    path: str
    line: int
    text: str = ''

    @property
    def where(self):
        return f'{self.path}:{self.line}'


class Named(NamedTuple):
    """What is on record and names a requirement.

    :ivar name: of the vector, or the title of the divergence
    :ivar path: of the file, from the root
    """

    name: str
    path: str
    line: int

    @property
    def where(self):
        return f'{self.path}:{self.line}'


class Stated(NamedTuple):
    """A requirement, as a spec states it.

    :ivar spec: ``release/name``
    :ivar verified: what ``:verified:`` says; '' if it is not there
    :ivar place: the line of ``:verified:``, or of the directive
    """

    id: str
    title: str
    sentence: str
    verified: str
    line: int
    place: int
    spec: str
    status: str

    @property
    def reason(self):
        """Why it is verified by review; '' if it is not."""
        return self.verified.partition(' -- ')[2]


@dataclass
class Found:
    """What the models, what is recorded beside them and the tests say.

    :ivar uses: id -> list of :class:`Use` that carry it
    :ivar other: the uses that carry nothing
    :ivar mutants: release -> list of objects as recorded, or None
    :ivar vectors: id -> list of :class:`Named`, or None without vectors
    :ivar divergences: the same, or None if none are recorded
    :ivar tests: id -> list of :class:`tools.shown.Shown`
    :ivar retired: id -> the version of the contract that dropped it
    :ivar problems: (``file:line``, message) of what cannot be read
    """

    uses: dict = field(default_factory=dict)
    other: list = field(default_factory=list)
    mutants: dict = field(default_factory=dict)
    vectors: dict | None = None
    divergences: dict | None = None
    tests: dict = field(default_factory=dict)
    retired: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)

    def guards(self, name):
        return [use for use in self.uses.get(name, ())
                if use.kind == 'guard']

    def properties(self, name):
        return [use for use in self.uses.get(name, ())
                if use.kind != 'guard']

    def caught(self, name):
        """The mutants that bear on a requirement: a guard that carries it
        is left out, or a property that carries it fails.

        :returns: (number killed, number said to be harmless), or None if
            no mutant of the releases that carry it is on record
        """
        releases = {use.module.partition('.')[0]
                    for use in self.uses.get(name, ())}
        rows = [row for release in sorted(releases)
                for row in self.mutants.get(release) or ()]
        if not rows:
            return None
        watching = {use.name for use in self.properties(name)}
        mine = [row for row in rows if row['requirement'] == name
                or watching.intersection(row.get('killed', '').split()[1:2])]
        return (sum('killed' in row for row in mine),
                sum('killed' not in row for row in mine))


# --- the models ------------------------------------------------------------

def read(root=specs.ROOT, cache=None):
    """Read all that there is below *root*.

    :param cache: a dict that keeps what was read of unchanged files
    :returns: a :class:`Found`
    """
    found = Found()
    home = Path(root, PACKAGE)
    for release in RELEASES:
        for path in sorted(home.glob(f'{release}/*.py')):
            for use in _uses(path, root, cache):
                if isinstance(use, Use) and use.kind in (
                        'guard', *PROPERTIES):
                    found.uses.setdefault(use.id, []).append(use)
                elif isinstance(use, Use):
                    found.other.append(use)
                else:
                    found.problems.append(use)
        found.mutants[release] = _mutants(
            home / f'{release}.mutants.json', root, found.problems)
    found.vectors = _naming(home / 'vectors', root, found.problems, cache)
    found.divergences = _naming(home / 'conformance' / 'known', root,
                                found.problems, cache)
    found.retired = _retired(home / 'conformance' / 'contract.json', root,
                             found.problems)
    found.tests, problems = shown.read(Path(root), lambda path: _kept(
        path, cache, lambda: _parsed(path, root)))
    found.problems += problems
    return found


def _uses(path, root, cache):
    """The uses of a file, and what is wrong in it."""
    def make():
        tree = _parsed(path, root)
        if isinstance(tree, tuple):
            return [tree]
        reader = _Reader(path.relative_to(root).as_posix(),
                         f'{path.parent.name}.{path.stem}')
        reader.visit(tree)
        return reader.found
    return _kept(path, cache, make)


def _kept(path, cache, make):
    """What is made of a file, made anew when the file has changed."""
    state = path.stat()
    key = str(path), state.st_mtime_ns, state.st_size
    if cache is not None and key in cache:
        return cache[key]
    made = make()
    if cache is not None:
        for old in [old for old in cache if old[0] == key[0]]:
            del cache[old]
        cache[key] = made
    return made


def _parsed(path, root):
    """The tree of a file, or what is wrong in it."""
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        return (f'{path.relative_to(root).as_posix()}:'
                f'{getattr(error, "lineno", None) or 1}',
                f'not Python: {getattr(error, "msg", error)}; mend it')


class _Reader(ast.NodeVisitor):
    """Collects the uses of one module."""

    def __init__(self, path, module):
        self.path, self.module = path, module
        self.found, self.around = [], []

    def add(self, kind, node, name='', text=''):
        if self.module.endswith(f'.{DEFECTS}'):
            kind = 'defect'
        name = name or (self.around[-1].name if self.around else '')
        self.found.append(Use(node.value, kind, name, self.module,
                              self.path, node.lineno, text))

    def visit_FunctionDef(self, node):
        for decorator in node.decorator_list:
            if (isinstance(decorator, ast.Call)
                    and _called(decorator) in PROPERTIES and decorator.args):
                self.named(_called(decorator), decorator.args[0], node.name)
                decorator.args = decorator.args[1:]
        self.around.append(node)
        self.generic_visit(node)
        self.around.pop()

    def visit_Call(self, node):
        called = _called(node)
        if called == 'when' and len(node.args) == 2:
            self.named('guard', node.args[1])
            self.visit(node.args[0])
            return
        if called == 'never_idle' and node.args:
            self.named('always', node.args[0], 'no_idle_step')
            return
        for argument in node.args:  # of a helper that guards
            if _is_id(argument):
                self.add('guard', argument)
        for keyword in node.keywords:  # what a defect leaves out
            if _is_id(keyword.value):
                self.add('defect', keyword.value)
        self.generic_visit(node)

    def visit_Assign(self, node):
        if ([getattr(target, 'id', '') for target in node.targets]
                == ['REQUIREMENTS'] and isinstance(node.value, ast.Dict)):
            for key, value in zip(node.value.keys, node.value.values,
                                  strict=True):
                if _is_text(key) and _is_text(value):
                    self.add('text', key, 'REQUIREMENTS',
                             ' '.join(value.value.split()))
            return
        self.generic_visit(node)

    def named(self, kind, node, name=''):
        """The place of an id: it is written there, or handed in."""
        if _is_text(node):
            self.add(kind, node, name)
        elif not (isinstance(node, ast.Name) and any(
                node.id in _parameters(function)
                for function in self.around)):
            self.found.append((
                f'{self.path}:{node.lineno}',
                f'the requirement {ast.unparse(node)} cannot be read here; '
                'write its id in quotes'))


def _called(call):
    return getattr(call.func, 'attr', getattr(call.func, 'id', ''))


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_id(node):
    return _is_text(node) and bool(NEED_ID.fullmatch(node.value))


def _parameters(function):
    return {one.arg for one in (*function.args.args,
                                *function.args.kwonlyargs)}


# --- what is recorded ------------------------------------------------------

def _json(path, root, problems):
    """The content of a JSON file; None, with a problem, if it is none."""
    short = path.relative_to(root).as_posix()
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        problems.append((f'{short}:{error.lineno}',
                         f'not JSON: {error.msg}; mend it there'))
    except (OSError, ValueError, RecursionError) as error:
        problems.append((f'{short}:1', f'cannot be read: {error}; restore '
                         'the file'))
    return None


def _mutants(path, root, problems):
    if not path.exists():
        return None
    data = _json(path, root, problems)
    rows = data.get('mutants') if isinstance(data, dict) else None
    if data is not None and not (isinstance(rows, list) and rows and all(
            isinstance(row, dict) and isinstance(row.get('requirement'), str)
            and isinstance(row.get('killed', ''), str) for row in rows)):
        problems.append((f'{path.relative_to(root).as_posix()}:1',
                         'there is no list "mutants" of objects; record '
                         'them anew'))
        return None
    return rows


def _retired(path, root, problems):
    """id -> the version of a contract that dropped it."""
    data = (_json(path, root, problems) or {}) if path.exists() else {}
    try:
        return {name: version for one in data.values()
                for name, version in one['retired'].items()}
    except (AttributeError, KeyError, TypeError):
        problems.append((f'{path.relative_to(root).as_posix()}:1',
                         'it does not say which ids are retired; take back '
                         'the file of the last commit'))
        return {}


#: what an object of a JSON file is called by, the first that it has
TITLES = ('title', 'name', 'id')
_TITLE = re.compile(r'"(?:title|name|id)": ("(?:[^"\\]|\\.)*")')


def _naming(folder, root, problems, cache):
    """id -> list of :class:`Named`, of the objects in the JSON files of a
    folder that name it, as ``requirement`` or in ``requirements``; None
    without files.
    """
    paths = sorted(folder.rglob('*.json'))
    if not paths:
        return None
    found = {}
    for path in paths:
        rows, wrong = _kept(path, cache, lambda path=path: _named(path, root))
        problems += wrong
        for name, row in rows:
            found.setdefault(name, []).append(row)
    return found


def _named(path, root):
    """The (id, :class:`Named`) of a JSON file, and what is wrong in it."""
    rows, wrong = [], []
    data = _json(path, root, wrong)
    lines = {}
    if data is not None:
        for number, line in enumerate(path.read_text('utf-8').split('\n'), 1):
            for title in _TITLE.findall(line):
                lines.setdefault(json.loads(title), number)
    short = path.relative_to(root).as_posix()

    def look(node):
        if isinstance(node, list):
            for one in node:
                look(one)
        elif isinstance(node, dict):
            ids = node.get('requirements', node.get('requirement', []))
            title = str(next((node[key] for key in TITLES if node.get(key)),
                             path.stem))
            for one in [ids] if isinstance(ids, str) else ids:
                if isinstance(one, str):
                    rows.append((one, Named(title, short,
                                            lines.get(title, 1))))
            for value in node.values():
                look(value)
    look(data)
    return rows, wrong


# --- the specs -------------------------------------------------------------

def stated(spec):
    """The requirements of a spec, each a :class:`Stated`."""
    found = []
    for line, title, options, body in specs.directives(spec, 'req'):
        place = next((number for number in range(line, min(
            line + 12, len(spec.lines))) if re.match(
                r' +:verified:', spec.lines[number])), line - 1) + 1
        if 'verified' not in options:
            place = line
        found.append(Stated(
            options.get('id', ''), title, ' '.join(' '.join(body).split()),
            options.get('verified', ''), line, place, spec.name,
            spec.status))
    return found


def check_stated(requirements, found):
    """A requirement is carried by a model or shown by a test, or says that
    it is not; the model repeats its sentence as it stands.

    :param requirements: list of :class:`Stated`, of one spec
    :returns: generator of :class:`~tools.specs.Problem`
    """
    texts = {use.id: use for use in found.other if use.kind == 'text'}
    for one in requirements:
        if again := reused(one, found):
            yield Problem(one.line, again)
        carried = found.uses.get(one.id)
        vectors = (found.vectors or {}).get(one.id)
        tests = found.tests.get(one.id)
        if vectors and not carried:
            # It is a record of what a guard or property once said.
            yield Problem(one.line, (
                f'no guard or property carries {one.id}, which the vector '
                f'{vectors[0].name} ({vectors[0].where}) names, so that the '
                'vectors are outdated; write them anew with "cyborg-models '
                'vectors --record"'))
        elif not (carried or tests or one.verified):
            yield Problem(one.line, (
                f'no guard or property carries {one.id} and no test shows '
                'it; add it to the models or to such a test, or say here '
                ':verified: review -- and why neither can'))
        if one.verified and (carried or tests):
            where = (f'{carried[0].module}.{carried[0].name} '
                     f'({carried[0].where}) carries' if carried
                     else f'{tests[0].name} ({tests[0].where}) shows')
            yield Problem(one.place, (
                f'{one.id} is marked as verified by review, and {where} it; '
                'take the mark out'))
        text = texts.get(one.id)
        if text and text.text != one.sentence:
            yield Problem(one.line, (
                f'the sentence of {one.id} is not the one at {text.where}, '
                f'from {_differs(one.sentence, text.text)!r} on; make them '
                'the same'))


def reused(one, found):
    """What is wrong with an id that another requirement had; '' if none
    had.
    """
    version = found.retired.get(one.id)
    return version and (
        f'{one.id} was the id of another requirement, and was retired with '
        f'{version}; take the next free number') or ''


def left_to_review(one, found):
    """Why a requirement is for review where the system is not the reference
    implementation; '' if it is not.
    """
    tests = found.tests.get(one.id)
    if one.reason or not tests or found.uses.get(one.id):
        return one.reason
    return ('no model carries it; of the reference implementation '
            f'{tests[0].name} shows it')


def _differs(mine, theirs):
    """The words of *mine* from where it differs."""
    words, others = mine.split(), theirs.split()
    start = len(os.path.commonprefix([words, others]))
    return ' '.join(words[start:start + 4]) or 'its end'


def check_models(found, known, prefixes=None):
    """Each id that a model uses or a test shows is stated by a spec.

    :param known: all ids that specs state
    :param prefixes: look at ids with one of these alone; None: at all
    :returns: generator of (id, ``file:line``, message)
    """
    seen = set()
    for use in [*(use for uses in found.uses.values() for use in uses),
                *found.other,
                *(test for tests in found.tests.values() for test in tests)]:
        if use.id in known or (use.id, use.path) in seen or (
                prefixes is not None and prefix(use.id) not in prefixes):
            continue
        seen.add((use.id, use.path))
        close = difflib.get_close_matches(use.id, known, n=1)
        hint = (f'did you mean {close[0]}?' if close else
                'state it in a spec, or mend the id')
        does = 'shows' if isinstance(use, shown.Shown) else 'uses'
        yield use.id, use.where, (
            f'{use.name or use.module} {does} {use.id}, which no spec '
            f'states; {hint}')


def prefix(name):
    return name.rpartition('-')[0]


def check_one(spec, known, root, cache=None):
    """What one file shows, for who checks it alone.

    :param known: the ids that other specs state
    :returns: list of (file or None for the spec, line, message)
    """
    found = read(root, cache)
    rows = [(None, *problem) for problem in check_stated(stated(spec), found)]
    ids = {name for kind, name, _ in specs.defined(spec.lines)
           if kind == 'need'}
    elsewhere = [(where, message) for _, where, message in check_models(
        found, ids | known, {prefix(name) for name in ids})]
    for where, message in [*elsewhere, *found.problems]:
        path, _, line = where.rpartition(':')
        rows.append((str(Path(root, path)), int(line), message))
    return rows


# --- in words --------------------------------------------------------------

def summary(one, found):
    """The evidence of a requirement in a line."""
    guards, properties = found.guards(one.id), found.properties(one.id)
    vectors = (found.vectors or {}).get(one.id, ())
    parts = [_count(len(guards), 'guard'),
             _count(len(properties), 'property', 'properties')]
    caught = found.caught(one.id)
    if caught and caught[0]:
        parts.append(_count(caught[0], 'mutant') + ' caught')
    parts.append(_count(len(vectors), 'vector'))
    parts.append(_count(len(found.tests.get(one.id, ())), 'test'))
    words = ', '.join(filter(None, parts))
    return words or (f'by review: {one.reason}' if one.reason else 'none yet')


def _count(number, one, many=None):
    if not number:
        return ''
    return f'{number} {one if number == 1 else many or one + "s"}'


__all__ = ['Found', 'Named', 'Stated', 'Use', 'check_models', 'check_one',
           'check_stated', 'left_to_review', 'read', 'reused', 'stated',
           'summary']
