"""Flows of the pages, held against the models.

A ``seqdiag`` that names a model in ``:model:`` is replayed: each message
that is drawn has to be a message of the model, possible where it stands.
The options are

``:model:``     the model, such as ``stein.system``
``:set:``       settings that differ, ``key=value``, or ``defect=NAME``
``:after:``     the ``:name:`` of the flow at whose end this one begins:
                ``NAME``, or ``release/spec#NAME`` for one of another spec
``:hides:``     actions that may happen undrawn between the messages
``:end:``       what holds at the end, ``variable[0]=VALUE``
``:no-model:``  instead of all these: why no model has this flow

Without Sphinx, so that one file can be checked in a moment.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

from tools import models, specs
from tools.seqdiag.language import DiagramError, Message, Separator, parse
from tools.seqdiag.svg import split_lines

DEPENDENT = ('set', 'after', 'hides', 'end')
OPTIONS = ('model', *DEPENDENT, 'no-model')
LONGEST = 16  # flows that follow each other


class ReplayError(Exception):
    """A flow that is refused.

    :ivar line: within the diagram, or None
    :ivar option: else the option that is wrong, or None for the whole
    """

    def __init__(self, message, line=None, option=None):
        super().__init__(message)
        self.message, self.line, self.option = message, line, option


@dataclass(frozen=True)
class Flow:
    """A flow that was replayed.

    :ivar title: the model with its settings
    :ivar messages: how many messages were held against the model
    :ivar branches: how many ways lead through it
    :ivar ends: the states at its end
    :ivar reads: files beside the page and the model that it depends on
    """

    title: str
    messages: int
    branches: int
    ends: tuple
    reads: tuple = ()


def check_options(options):
    """What of the options does not go together.

    :raises ReplayError: saying what, and the mend
    """
    if 'model' in options and 'no-model' in options:
        raise ReplayError(':model: and :no-model: in one flow; keep one',
                          option='no-model')
    if 'model' not in options:
        for name in DEPENDENT:
            if name in options:
                raise ReplayError(
                    f':{name}: says something of a model, and there is no '
                    ':model:; name it', option=name)
    reason = ' '.join(options.get('no-model', '').split())
    if 'no-model' in options and len(reason.split()) < 4:
        raise ReplayError(
            f'the reason {reason!r} of :no-model: is no sentence; say in '
            'one why no model has this flow', option='no-model')


def replay(options, source, path):
    """Hold a flow against its model.

    :param options: of the directive, as text
    :param source: of the diagram
    :param path: of the page
    :returns: a :class:`Flow`
    :raises ReplayError: at the first thing that cannot be
    """
    path = Path(path).resolve()
    try:
        return _replay(options, source, path,
                       ((path, options.get('name')),))
    except models.Problem as problem:  # the models cannot be imported
        raise ReplayError(str(problem), option='model') from None


def _replay(options, source, path, trail):
    pairs = tuple(options.get('set', '').split())
    chosen = _choose(options['model'].strip(), pairs)
    start, reads = None, ()
    if 'after' in options:
        start, reads = _ends_of(options['after'], chosen.title, path, trail)
    flow = _held(chosen.name, pairs, source,
                 tuple(options.get('hides', '').split()),
                 tuple(options.get('end', '').split()), start)
    return Flow(flow.title, flow.messages, flow.branches, flow.ends, reads)


def _choose(name, pairs):
    try:
        models.choose(name)
    except models.Problem as problem:
        raise ReplayError(str(problem), option='model') from None
    try:
        return models.choose(name, pairs)
    except models.Problem as problem:
        raise ReplayError(str(problem), option='set') from None


@functools.lru_cache(maxsize=1024)
def _held(name, pairs, source, hides, end, start):
    """The replay itself; what was asked before is known."""
    flows = models.load('kernel.flow')
    chosen = models.choose(name, pairs)
    diagram = parse(source)
    _check_hidden(chosen.model, diagram, hides)
    conditions = []
    for text in end:
        try:
            conditions.append(flows.condition(chosen.model, text))
        except flows.FlowError as error:
            raise ReplayError(error.message, option='end') from None
    try:
        found = flows.replay(chosen.model, items(diagram), start, hides,
                             conditions)
    except flows.FlowError as error:
        raise ReplayError(
            _shorter(error.message), error.place,
            {'hidden': 'hides'}.get(error.about, error.about)) from None
    except models.load('kernel.language').ModelError as error:
        raise ReplayError(_shorter(str(error)), option='model') from None
    return Flow(chosen.title, found.messages, found.branches, found.ends)


def _shorter(message):
    """A message whose paths count from the root of the repository."""
    return message.replace(f'{specs.ROOT}/', '')


def _check_hidden(model, diagram, hides):
    """What is hidden exists, and goes not between two drawn actors."""
    parts = models.load('kernel.trace').parts
    drawn = {node.id for node in diagram.participants}
    for name in hides:
        if name not in model.actions:
            raise ReplayError(
                f'{model.name} has no action {name!r}; '
                f'{models.near(name, model.actions)}', option='hides')
    for step in model.steps:
        if step.action.name in hides:
            sender, receiver, _ = parts(step)
            if sender != receiver and {sender, receiver} <= drawn:
                raise ReplayError(
                    f'{step.action.name} is hidden, and its message '
                    f'"{step.message}" goes between {sender} and '
                    f'{receiver}, which are both drawn; draw it',
                    option='hides')


# --- from a diagram to a flow ------------------------------------------------

def items(diagram):
    """The messages of a diagram as the models read them.

    Frames of ``alt`` that stand next to each other are the branches of one
    alternative.
    """
    frame_of = {}
    for fragment in diagram.fragments:  # an outer one stands first
        for message in fragment.messages:
            frame_of[message] = fragment
    return _Reader(frame_of).read(diagram.rows, None)


class _Reader:
    """Nests the rows of a diagram as its frames do.

    :param frame_of: message -> the innermost frame around it
    """

    def __init__(self, frame_of):
        self.frame_of = frame_of

    def read(self, rows, frame):
        """The items of the rows, which all stand in *frame*."""
        flows = models.load('kernel.flow')
        found, branches = [], []
        for inner, group in self.grouped(rows, frame):
            if inner is not None and inner.kind == 'alt':
                branches.append((inner, tuple(self.read(group, inner))))
                continue
            self.close(branches, found)
            if inner is not None:
                found.append(flows.Loop(tuple(self.read(group, inner)),
                                        inner.line))
            elif isinstance(group[0], Message):
                found.append(_message(group[0]))
        self.close(branches, found)
        return found

    def grouped(self, rows, frame):
        """(frame below *frame*, its rows), or (None, the one row)."""
        current, group = None, []
        for row in rows:
            below = self.below(row, frame)
            if below is not None and below is current:
                group.append(row)
                continue
            if current is not None:
                yield current, group
            current, group = below, [row]
            if below is None:
                yield None, group
        if current is not None:
            yield current, group

    def below(self, row, frame):
        """The frame around a row that stands directly in *frame*."""
        if isinstance(row, Separator):
            return None
        found = self.frame_of.get(row)
        while found is not None and found.parent is not frame:
            if found is frame:
                return None
            found = found.parent
        return found

    @staticmethod
    def close(branches, found):
        if branches:
            flows = models.load('kernel.flow')
            found.append(flows.Alternatives(tuple(
                (frame.guard or f'alternative {number}', inner)
                for number, (frame, inner) in enumerate(branches, 1)),
                branches[0][0].line))
            branches.clear()


def _message(message):
    lines = split_lines(message.label)
    return models.load('kernel.flow').Message(
        message.source.id, message.target.id, lines[0], message.line,
        message.failed)


# --- one flow after another --------------------------------------------------

def _ends_of(text, title, path, trail):
    """The states at the end of the flow that ``:after:`` names, and the
    files that say so.
    """
    name = ' '.join(text.split())
    try:
        other, name = _place_of(name, path)
        if (other, name) in trail:
            raise ReplayError(f'{name} comes after itself; let one of the '
                              'flows begin in the first state')
        if len(trail) >= LONGEST:
            raise ReplayError(f'more than {LONGEST} flows follow each '
                              'other; let one begin in the first state')
        line, options, source = _find(other, name)
        at = f'{other.stem}.rst:{line}'
        if 'model' not in options:
            raise ReplayError(f'the flow {name} ({at}) names no model; '
                              'begin after one that does')
        try:
            flow = _replay(options, source, other,
                           (*trail, (other, name)))
        except (ReplayError, DiagramError) as error:
            # In one file the reason stands at that flow, but for one that
            # is of the order of flows.
            reason = f': {error.message}' if (
                other != path or getattr(error, 'option', '') == 'after'
            ) else ''
            raise ReplayError(f'the flow {name} ({at}) is itself refused; '
                              f'mend it first{reason}') from None
        if flow.title != title:
            raise ReplayError(f'the flow {name} ({at}) is one of '
                              f'{flow.title}, and this one of {title}; use '
                              'the same model and settings')
    except ReplayError as error:
        raise ReplayError(error.message, option='after') from None
    return flow.ends, (*flow.reads, str(other))


def _place_of(name, path):
    """The file and the name that ``:after:`` means."""
    spec, sign, rest = name.partition('#')
    if not sign:
        return path, name
    release, slash, slug = spec.partition('/')
    root = path.parents[3] if path.parent.name == 'approved' else specs.ROOT
    other = root / 'specs' / release / 'approved' / f'{slug}.rst'
    if not slash or other not in specs.spec_files(root):
        raise ReplayError(f'{spec} is no spec of this repository; write '
                          'release/spec#NAME')
    return other, rest


def _find(path, name):
    known = _named(path, path.stat().st_mtime_ns)
    if name not in known:
        raise ReplayError(f'{path.stem}.rst has no flow of :name: {name}; '
                          f'{models.near(name, known)}')
    return known[name]


@functools.lru_cache(maxsize=64)
def _named(path, changed):
    """name -> (line, options, source) of the flows of a file."""
    found = {}
    for line, argument, options, body in specs.directives(
            specs.read(path), 'seqdiag'):
        if argument:  # the diagram stands in a file of its own
            beside = (path.parent / argument).resolve()
            if not beside.is_relative_to(path.parent) or (
                    not beside.is_file()):
                continue
            body = beside.read_text('utf-8-sig', 'replace').split('\n')
        if 'name' in options:
            found[options['name']] = line, options, '\n'.join(body)
    return found


# --- what a build knows ------------------------------------------------------

def of(env):
    """The flows of a site: page -> a list of records.

    A record has ``line``, ``name``, ``caption``, ``model`` (with settings;
    '' without a model), ``reason`` (of ``:no-model:``), ``messages`` and
    ``branches`` (0 unless replayed), and ``problem`` ('' if there is none).
    """
    if not hasattr(env, 'cyborg_flows'):
        env.cyborg_flows = {}
    return env.cyborg_flows


def is_draft(path):
    """Whether a file is a spec that is still being argued."""
    path = Path(path).resolve()
    return (path.parent.name == 'approved' and path.suffix == '.rst'
            and specs.read_head(path).status not in specs.STATUSES[1:])


__all__ = ['Flow', 'OPTIONS', 'ReplayError', 'check_options', 'is_draft',
           'items', 'of', 'replay']
