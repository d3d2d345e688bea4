"""What changed from one release to the next, as a Sphinx extension.

The rows are data: ``OLD ... -> NEW ...: clause; what it means``, where
either side may be empty::

    .. changes:: requirements
       :old: rocky
       :new: stein/accelerator-requests stein/conformance

       OSACC-034 -> ARQ-033: same: the guest waits; nothing to change.

    .. changes:: states
       :old: rocky Van
       :new: stein Arq

       BOUND -> BIND_STARTED: the handle is taken; look at the ARQ instead.

Requirements say how they changed (:data:`KINDS`).  Each requirement of the
specs that are named, and each state, has to be in some row; a release stands
for all its specs that are no draft.  Tables of a page with the same ``:old:``
and ``:new:`` count as one.
"""

import ast
import difflib
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tools import evidence, matrix, specs

logger = logging.getLogger(__name__)

#: how a requirement changed: (has old ones, has new ones)
KINDS = {'same': (True, True), 'stricter': (True, True),
         'weaker': (True, True), 'gone': (True, False),
         'kept': (True, False), 'new': (False, True)}
_KEPT = 'cyborg_changes'


class Row(NamedTuple):
    """A row of changes; ``line`` is where it begins."""

    old: tuple
    new: tuple
    kind: str
    clause: str
    meaning: str
    line: int


class Problem(Exception):
    """A row that cannot be read: the line, and what."""

    def __init__(self, line, message):
        super().__init__(message)
        self.line, self.message = line, message


def rows(lines, with_kind):
    """Read rows of changes.

    :param lines: (line number, text) each
    :param with_kind: True for requirements
    :raises Problem: at the first that is wrong
    """
    found = []
    for number, text in lines:
        if '->' in text.partition(':')[0]:
            found.append([number, text.strip()])
        elif text.strip() and found:
            found[-1][1] += f' {text.strip()}'
        elif text.strip():
            raise Problem(number, f'{text.strip()!r} is no row; write OLD '
                          '-> NEW: clause; what it means')
    if not found:
        raise Problem(None, 'no row of changes; write one: OLD -> NEW: '
                      'clause; what it means')
    return [_row(number, text, with_kind) for number, text in found]


def _row(number, text, with_kind):
    sides, _, rest = text.partition(':')
    old, _, new = sides.partition('->')
    old, new, kind = tuple(old.split()), tuple(new.split()), ''
    if with_kind:
        kind, _, rest = rest.partition(':')
        kind = kind.strip()
        if kind not in KINDS:
            raise Problem(number, f'{kind!r} is no kind of change; use one '
                          f'of {", ".join(KINDS)}')
        if KINDS[kind] != (bool(old), bool(new)):
            raise Problem(number, (
                f'a row of kind {kind} has {len(old)} before and {len(new)} '
                'after the arrow; gone and kept have none after it, new none '
                'before it, and the others have both'))
    clause, _, meaning = (part.strip() for part in rest.partition(';'))
    if not clause or not meaning:
        raise Problem(number, 'the row says not both what changed and what '
                      'it means; put a semicolon between them')
    return Row(old, new, kind, clause, meaning, number)


def states(root, name):
    """The members of an enumeration of a release's vocabulary.

    :param name: ``release Class``
    :returns: dict, name -> value as text
    :raises Problem: if there is none of that name
    """
    release, _, wanted = name.partition(' ')
    path = Path(root, evidence.PACKAGE, release, 'vocabulary.py')
    classes = {}
    if path.is_file():
        classes = {node.name: node for node in ast.parse(
            path.read_bytes()).body if isinstance(node, ast.ClassDef)}
    if wanted not in classes:
        raise Problem(None, f'there are no states {name!r}; '
                      + _near(wanted, classes))
    return {node.targets[0].id: str(node.value.value)
            for node in classes[wanted].body if isinstance(node, ast.Assign)}


def _near(word, known):
    close = difflib.get_close_matches(word, known, n=1)
    return (f'did you mean {close[0]}?' if close else
            'there is ' + (', '.join(sorted(known)) or 'none'))


class Changes(SphinxDirective):
    """``.. changes:: requirements`` or ``states``."""

    required_arguments = 1
    has_content = True
    option_spec = {'old': directives.unchanged_required,
                   'new': directives.unchanged_required}

    def run(self):
        try:
            return self.table()
        except Problem as problem:
            return [self.state.document.reporter.error(
                problem.message, line=problem.line or self.lineno)]

    def table(self):
        kind = self.arguments[0]
        if kind not in ('requirements', 'states') or not {
                'old', 'new'} <= set(self.options):
            raise Problem(None, 'say .. changes:: requirements or states, '
                          'with :old: and :new:')
        lines = [(offset + 1, text) for (_, offset), text in zip(
            self.content.items, self.content, strict=True)]
        found = rows(lines, kind == 'requirements')
        sides = [' '.join(self.options[side].split())
                 for side in ('old', 'new')]
        if kind == 'states':
            return [self.drawn(found, sides, *self.states(found, sides))]
        of(self.env).setdefault(self.env.docname, []).append(
            (self.lineno, sides, found))
        return [self.drawn(found, sides)]

    def states(self, found, sides):
        """What the states of both sides are called; all are in a row."""
        both = []
        for side, name in zip(('old', 'new'), sides, strict=True):
            known = states(specs.ROOT, name)
            self.env.note_dependency(str(
                specs.ROOT / evidence.PACKAGE / name.split()[0]
                / 'vocabulary.py'))
            for row in found:
                for one in getattr(row, side):
                    if one not in known:
                        raise Problem(row.line, f'{name} has no state '
                                      f'{one!r}; {_near(one, known)}')
            rest = set(known) - {one for row in found
                                 for one in getattr(row, side)}
            if rest:
                raise Problem(None, f'{min(rest)} of {name} is in no row; '
                              'say what becomes of it')
            both.append(known)
        return both

    def drawn(self, found, sides, old=None, new=None):
        head = [side.split('/')[0].split()[0].capitalize()
                for side in sides]
        kinds = ['Change'] if old is None else []
        return matrix.table(
            (*head, *kinds, 'What changed', 'For an implementer'), [
                [self.names(row.old, row, old),
                 self.names(row.new, row, new),
                 *([row.kind] if kinds else []),
                 self.inline(row.clause, row), self.inline(row.meaning, row)]
                for row in found],
            (16, 16, *(10 for _ in kinds), 29, 29), 'changes')

    def names(self, names, row, shown):
        """The ids as links, or the states as they are written."""
        if shown is None:
            return self.inline(', '.join(f':need:`{name}`' for name in names)
                               or '—', row)
        found = []
        for name in names:
            found += [nodes.Text(', ' if found else ''),
                      nodes.literal(text=shown[name])]
        return found or [nodes.Text('—')]

    def inline(self, text, row):
        found, messages = self.state.inline_text(text, row.line)
        line = nodes.paragraph('', '', *found, *messages)
        line.source, line.line = self.get_source_info()[0], row.line
        return [line]


def of(env):
    """page -> list of (line, [old, new], rows)."""
    if not hasattr(env, _KEPT):
        setattr(env, _KEPT, {})
    return getattr(env, _KEPT)


def check(app, env):
    """Each requirement of the specs that are named is in some row."""
    stated = {requirements[0].spec: requirements for requirements
              in matrix.of(env).stated.values() if requirements}
    for page, tables in of(env).items():
        together = {}  # the tables of a page are one
        for line, sides, found in tables:
            _, so_far = together.setdefault(tuple(sides), (line, []))
            so_far += found
        for sides, (line, found) in together.items():
            checked = 0
            for side, names in zip(('old', 'new'), sides, strict=True):
                mine = {one for row in found for one in getattr(row, side)}
                for name in names.split():
                    wanted = _stated(name, stated)
                    if not wanted:
                        logger.warning(
                            'no spec %s states a requirement; %s', name,
                            _near(name, stated), location=(page, line))
                    for one in wanted:
                        checked += 1
                        if one.id not in mine:
                            logger.warning(
                                '%s of %s is in no row; say what %s', one.id,
                                one.spec, 'becomes of it' if side == 'old'
                                else 'it comes from, or that it is new',
                                location=(page, line))
            logger.info('changes: %d requirements in %d rows', checked,
                        len(found))


def _stated(name, stated):
    """The requirements of a spec, or of a release's that are no drafts."""
    return stated.get(name) or [
        one for spec, requirements in stated.items() for one in requirements
        if spec.startswith(f'{name}/') and one.status in specs.BINDING]


def forget(app, env, docname):
    of(env).pop(docname, None)


def merge(app, env, docnames, other):
    for docname in docnames:
        if docname in of(other):
            of(env)[docname] = of(other)[docname]


def setup(app):
    app.setup_extension('tools.matrix')  # it collects what specs state
    app.add_directive('changes', Changes)
    app.connect('env-purge-doc', forget)
    app.connect('env-merge-info', merge)
    app.connect('env-updated', check)
    return {'version': '1', 'env_version': 1, 'parallel_read_safe': True,
            'parallel_write_safe': True}
