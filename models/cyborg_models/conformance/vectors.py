"""Test vectors: what a system must do and refuse, made from the models.

For each configuration there is one JSON file, and a manifest with figures
and digests.  A file is the graph of what is possible:

``states``
    Each but the first, which is the ``start``, says ``from`` which state,
    by which ``action`` with which ``picks`` (its arguments), a shortest way
    leads there, and ``then`` the variables that this step changes.
``edges``
    Every other step: from, action, picks, to.
``refusals``
    For each guard that can be false, a step that it forbids: the state,
    ``action``, ``picks``, and ``refused``, the requirement that forbids it.
``defects``
    For each known defect a step in a state that is nearest to the start,
    with ``then`` or ``refused``: what tells software that has the defect.

A defect that shows in none of these configurations is told in that of the
manifest of models which has it first; of such a one the file has the ways to
what tells, and no other edge or refusal.

So a vector is a way from the start, and one step more.  Nothing depends on
time or chance: a model has one set of vectors.
"""

from __future__ import annotations

import collections
import enum
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cyborg_models import manifest, registry
from cyborg_models.conformance import blame, contract
from cyborg_models.conformance.oracle import OK, REFUSED, Event
from cyborg_models.kernel.language import (
    Codes,
    Guard,
    Model,
    Step,
    successor,
)
from cyborg_models.kernel.trace import cell_name
from cyborg_models.kernel.trees import Tree
from cyborg_models.registry import Chosen, InputError

FOLDER = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'vectors')
FORMAT = 'cyborg-models vectors 1'
MANIFEST = 'manifest.json'
LONGEST = 100  # steps of a run that takes edges
MOST = 100_000  # states among which what tells a defect is looked for

#: (model, settings): large enough for each guard and defect, small enough
#: for each edge
CONFIGURATIONS: tuple[tuple[str, dict[str, str]], ...] = (
    ('rocky.lifecycle', {}),
    ('rocky.attach', {'enabled_faults': 'gone'}),
    ('rocky.program', {'functions': '2'}),
    ('rocky.release', {'enabled_faults': 'gone'}),
    ('stein.lifecycle', {}),
    ('stein.attach', {}),
    ('stein.attach', {'handles': '1'}),
    ('stein.attach', {'quota': '1'}),
    ('stein.attach', {'twins': 'true'}),
    ('stein.attach', {'instances': '1', 'arqs': '2'}),
    ('stein.release', {}),
    ('stein.program', {'instances': '1', 'handles': '1', 'per_region': '1'}),
    ('stein.system', {'instances': '1', 'handles': '1', 'enabled':
                      'refuse_trait,lose_host,release_fails'}),
)


@dataclass(frozen=True)
class Vector:
    """A run.

    :ivar kind: ``edges``, ``refusal`` or ``defect``
    :ivar requirements: that it puts to the test; empty for ``edges``
    :ivar steps: of which the last is refused, for ``refused``
    """

    name: str
    kind: str
    requirements: tuple[str, ...]
    steps: tuple[Step, ...]
    refused: bool = False


class Graph:
    """What is possible, state by state; states are numbers from 0.

    :ivar after: for each state [(step, state after it)], in order
    :ivar way: for each state the one before it and the step, of a shortest
        way from the first; of the first None
    """

    def __init__(self) -> None:
        self.after: list[list[tuple[Step, int]]] = [[]]
        self.way: list[tuple[int, Step] | None] = [None]

    @property
    def edges(self) -> int:
        """How many steps there are, counted in each state."""
        return sum(map(len, self.after))

    def path(self, here: int) -> list[Step]:
        """A shortest way to a state."""
        found = []
        link = self.way[here]
        while link is not None:
            found.append(link[1])
            link = self.way[link[0]]
        return found[::-1]

    def tours(self) -> Iterator[list[Step]]:
        """Runs that together take every step in every state."""
        left = [collections.deque(row) for row in self.after]
        for first in range(len(left)):
            while left[first]:
                steps, here = self.path(first), first
                while left[here] and len(steps) < LONGEST:
                    step, here = left[here].popleft()
                    steps.append(step)
                yield steps


class Walked(Graph):
    """The graph of a model.

    :param enough: told each state, by its number, before it is gone on from;
        True to end there

    :ivar states: each state's codes
    :ivar trees: of each step of the model
    :ivar refused: (action, where the guard is) -> (state, step, guard)
    """

    def __init__(self, model: Model,
                 enough: Callable[[Walked, int], bool] | None = None) -> None:
        super().__init__()
        self.model = model
        self.trees = [Tree(model, step.action.body, step.arguments, False)
                      for step in model.steps]
        self.states = [model.initial]
        self.refused: dict[tuple[str, str], tuple[int, Step, Guard]] = {}
        known = {model.initial: 0}
        for here, codes in enumerate(self.states):
            if enough is not None and enough(self, here):
                break
            for step, tree in zip(model.steps, self.trees, strict=True):
                writes = tree(codes)
                if writes.__class__ is Guard:
                    self.refused.setdefault(
                        (step.action.name, writes.where),
                        (here, step, writes))
                    continue
                there = successor(codes, writes)
                if there not in known:
                    known[there] = len(self.states)
                    self.states.append(there)
                    self.after.append([])
                    self.way.append((here, step))
                self.after[here].append((step, known[there]))

    def keep(self, wanted: Sequence[int]) -> dict[int, int]:
        """Keep some states, the ways to them, and nothing else; returns
        their new numbers.
        """
        kept = set(wanted)
        for state in range(len(self.states) - 1, 0, -1):
            link = self.way[state]
            if state in kept and link is not None:
                kept.add(link[0])
        new = {state: number for number, state
               in enumerate(sorted({0, *kept}))}
        ways = [self.way[state] for state in new]
        self.states = [self.states[state] for state in new]
        self.way = [link and (new[link[0]], link[1]) for link in ways]
        self.after = [[] for _ in new]
        for number, link in enumerate(self.way):
            if link is not None:
                self.after[link[0]].append((link[1], number))
        self.refused = {}
        return new


@dataclass(frozen=True)
class Told:
    """A step in a state, as a file tells it.

    :ivar sound: what the model makes of it: writes, or a guard
    """

    name: str
    kind: str
    requirements: tuple[str, ...]
    state: int
    step: Step
    sound: Any


def made(chosen: Chosen) -> tuple[Walked, list[Told]]:
    """The graph of a configuration, and the refusals and defects."""
    graph = Walked(chosen.model)
    found = []
    names: collections.Counter[str] = collections.Counter()
    for (action, _), (state, step, guard) in graph.refused.items():
        name = f'refusal-{action}-{guard.requirement}'
        names[name] += 1
        found.append(Told(
            name if names[name] == 1 else f'{name}-{names[name]}',
            'refusal', (guard.requirement,), state, step, guard))
    pairs = [f'{key}={text}' for key, text in chosen.set.items()]
    for defect in sorted(chosen.model.defects):
        trees = _trees(chosen, pairs, defect)
        told = next(filter(None, (
            _telling(graph, state, defect, trees)
            for state in range(len(graph.states)))), None)
        if told is not None:
            found.append(told)
    return graph, found


def told_of(chosen: Chosen, defects: Sequence[str]
            ) -> tuple[Walked, list[Told]]:
    """What tells some defects, each in the first state that does, and the
    ways there.

    :raises InputError: if nothing near the start tells one
    """
    pairs = [f'{key}={text}' for key, text in chosen.set.items()]
    left = {name: _trees(chosen, pairs, name) for name in sorted(defects)}
    found: list[Told] = []

    def enough(graph: Walked, state: int) -> bool:
        for name, trees in list(left.items()):
            told = _telling(graph, state, name, trees)
            if told is not None:
                found.append(told)
                del left[name]
        return not left or state >= MOST
    graph = Walked(chosen.model, enough)
    if left:
        raise InputError(
            f'{chosen.title}: in {len(graph.states):,} states no step tells '
            f'{", ".join(left)}; put another configuration with it before '
            'that one into the manifest of models')
    new = graph.keep([one.state for one in found])
    return graph, [replace(one, state=new[one.state]) for one in found]


def _trees(chosen: Chosen, pairs: Sequence[str], defect: str) -> list[Tree]:
    """What the model with a defect makes of each step."""
    other = registry.choose(chosen.name, pairs, (defect,)).model
    return [Tree(other, step.action.body, step.arguments, False)
            for step in other.steps]


def _telling(graph: Walked, state: int, defect: str, trees: Sequence[Tree]
             ) -> Told | None:
    """The first step in a state that tells a defect; None if none does."""
    here = graph.states[state]
    for step, tree, theirs in zip(graph.model.steps, graph.trees, trees,
                                  strict=True):
        sound, wrong = tree(here), theirs(here)
        refused = sound.__class__ is Guard
        if refused and wrong.__class__ is Guard or not refused and (
                wrong.__class__ is not Guard
                and successor(here, wrong) == successor(here, sound)):
            continue
        return Told(f'defect-{defect}', 'defect', _broken(
            graph.model, here, step, sound, wrong), state, step, sound)
    return None


def _broken(model: Model, here: Codes, step: Step, sound: Any,
            wrong: Any) -> tuple[str, ...]:
    """The requirement that who does the wrong thing breaks."""
    if sound.__class__ is Guard or wrong.__class__ is Guard:
        found = blame.of(model, Event('step', step, outcome=(
            OK if sound.__class__ is Guard else REFUSED)), [here], [])
    else:
        found = blame.of(model, Event('observe', seen=tuple(enumerate(
            successor(here, wrong)))), [successor(here, sound)], [], step)
    return found.requirements[:1]


# Files

def name_of(chosen: Chosen) -> str:
    """The name of the file of a configuration."""
    return '-'.join((chosen.name, *(
        f'{key}-{text.replace(",", "+")}'
        for key, text in chosen.differs.items()))) + '.json'


def dumps(chosen: Chosen, graph: Walked, found: Sequence[Told]) -> str:
    """The text of a file: a state, or a step, a line."""
    model = chosen.model
    names = [cell_name(variable.name, member)
             for variable, member in model.cells]

    def then(state: int, writes: Any) -> dict[str, Any]:
        codes = graph.states[state]
        return {names[cell]: _value(model, cell, code)
                for cell, code in writes if code != codes[cell]}
    start = {name: _value(model, cell, code) for cell, (name, code)
             in enumerate(zip(names, model.initial, strict=True))}
    states: list[Any] = [{'start': start}]
    for there, link in enumerate(graph.way):
        if link is not None:
            here, step = link
            states.append({'from': here, **_label(step), 'then': then(
                here, enumerate(graph.states[there]))})
    edges = [[here, step.action.name, list(step.arguments), there]
             for here, row in enumerate(graph.after) for step, there in row
             if graph.way[there] != (here, step)]
    told: dict[str, list[Any]] = {'refusal': [], 'defect': []}
    for one in found:
        told[one.kind].append({
            'name': one.name, 'requirements': list(one.requirements),
            'from': one.state, **_label(one.step), **(
                {'refused': one.sound.requirement}
                if isinstance(one.sound, Guard)
                else {'then': then(one.state, one.sound)})})
    head = {'#meta': {
        'format': FORMAT, 'model': chosen.name, 'settings': chosen.differs,
        'contract': contract.of(chosen.name).version}, 'vars': names}
    parts = [f' {json.dumps(key)}: {json.dumps(value)}'
             for key, value in head.items()]
    for key, rows in (('states', states), ('edges', edges),
                      ('refusals', told['refusal']),
                      ('defects', told['defect'])):
        parts.append(f' {json.dumps(key)}: [\n  ' + ',\n  '.join(
            map(json.dumps, rows)) + ']')
    return '{\n' + ',\n'.join(parts) + '\n}\n'


def _label(step: Step) -> dict[str, Any]:
    return {'action': step.action.name, 'picks': list(step.arguments)}


def _value(model: Model, cell: int, code: int) -> Any:
    value = model.cells[cell][0].domain[code]
    if isinstance(value, enum.Enum):
        return value.name
    return value if value is None or isinstance(value, (bool, int)) else (
        str(value))


def _texts() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(name of a file, its text, its row of the manifest)."""
    told: set[tuple[str, str]] = set()  # (release, name of a vector)
    for model, settings in CONFIGURATIONS:
        chosen = registry.choose(model, [
            f'{key}={text}' for key, text in settings.items()])
        graph, found = made(chosen)
        told.update((_release(model), one.name) for one in found)
        yield _file(chosen, graph, found)
    others: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for entry in manifest.load():
        for name in entry.defects if len(entry.defects) == 1 else ():
            key = _release(entry.model), f'defect-{name}'
            if key not in told:
                told.add(key)
                others.setdefault((entry.model, entry.pairs), []).append(
                    name)
    for (model, pairs), names in others.items():
        chosen = registry.choose(model, pairs)
        yield _file(chosen, *told_of(chosen, names))


def _release(model: str) -> str:
    return model.partition('.')[0]


def _file(chosen: Chosen, graph: Walked, found: Sequence[Told]
          ) -> tuple[str, str, dict[str, Any]]:
    text = dumps(chosen, graph, found)
    name = name_of(chosen)
    kinds = collections.Counter(one.kind for one in found)
    return name, text, {
        'file': name, 'model': chosen.name, 'settings': chosen.differs,
        'digest': hashlib.sha256(text.encode()).hexdigest(),
        'figures': {'states': len(graph.states), 'edges': graph.edges,
                    'refusals': kinds['refusal'],
                    'defects': kinds['defect']}}


def record(folder: str | None = None) -> dict[str, dict[str, int]]:
    """Write all vectors and the manifest; returns the figures.

    :raises InputError: if there would be fewer than before; nothing is
        written then
    """
    folder = folder or FOLDER
    before = {row['file']: row['figures'] for row in _manifest(folder)}
    rows = list(_texts())
    after = {name: row['figures'] for name, _, row in rows}
    for name, figures in before.items():
        for key, value in figures.items():
            if after.get(name, {}).get(key, 0) < value:
                raise InputError(
                    f'{name}: {after.get(name, {}).get(key, 0):,} {key}, and '
                    f'there were {value:,}; if that is right, take the '
                    f'{MANIFEST} away first')
    os.makedirs(folder, exist_ok=True)
    for name, text, _ in rows:
        with open(os.path.join(folder, name), 'w',
                  encoding='utf-8') as file:
            file.write(text)
    with open(os.path.join(folder, MANIFEST), 'w',
              encoding='utf-8') as file:
        json.dump({'format': FORMAT, 'files': [row for _, _, row in rows]},
                  file, indent=1)
        file.write('\n')
    return after


def check(folder: str | None = None
          ) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Make all vectors anew and compare; returns the figures, and what is
    stale as texts.
    """
    folder = folder or FOLDER
    known = {row['file']: row for row in _manifest(folder)}
    problems, figures = [], {}
    for name, text, row in _texts():
        figures[name] = row['figures']
        if known.pop(name, None) != row:
            problems.append(f'{MANIFEST} does not have {name} as it would '
                            'be now; run "cyborg-models vectors --record"')
        elif _content(folder, name) != text:
            problems.append(f'{name} is not as the model makes it; run '
                            '"cyborg-models vectors --record"')
    problems += [f'{MANIFEST} has {name}, which no configuration makes; '
                 'take it out' for name in known]
    return figures, problems


def _content(folder: str, name: str) -> str | None:
    try:
        with open(os.path.join(folder, name), encoding='utf-8') as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None


def _manifest(folder: str) -> list[dict[str, Any]]:
    text = _content(folder, MANIFEST)
    if text is None:
        return []
    try:
        data = json.loads(text)
        return [{**row} for row in data['files']]
    except (ValueError, LookupError, TypeError):
        raise InputError(f'{os.path.join(folder, MANIFEST)}: not a manifest '
                         'of vectors; take it away, and record them anew'
                         ) from None


def of(chosen: Chosen, folder: str | None = None) -> list[Vector]:
    """The shipped vectors of a configuration, as runs; none if there are
    none.

    :raises InputError: if the file is stale or damaged
    """
    folder = folder or FOLDER
    name = name_of(chosen)
    text = _content(folder, name)
    if text is None:
        return []
    try:
        return list(_runs(chosen.model, json.loads(text)))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise InputError(f'{os.path.join(folder, name)}: not the vectors of '
                         f'{chosen.title}; run "cyborg-models vectors '
                         '--record"') from None


def _runs(model: Model, data: Any) -> Iterator[Vector]:
    steps = {(step.action.name, step.arguments): step
             for step in model.steps}

    def step_of(row: Any) -> Step:
        return steps[row['action'], tuple(row['picks'])]
    graph = Graph()
    for row in data['states'][1:]:
        graph.after.append([])
        graph.way.append((row['from'], step_of(row)))
        graph.after[row['from']].append((step_of(row),
                                         len(graph.after) - 1))
    for here, action, picks, there in data['edges']:
        graph.after[here].append((steps[action, tuple(picks)], there))
    for number, tour in enumerate(graph.tours(), start=1):
        yield Vector(f'edges-{number:04}', 'edges', (), tuple(tour))
    for kind in ('refusal', 'defect'):
        for row in data[f'{kind}s']:
            yield Vector(row['name'], kind, tuple(row['requirements']), (
                *graph.path(row['from']), step_of(row)), 'refused' in row)


__all__ = ['CONFIGURATIONS', 'FOLDER', 'Graph', 'Told', 'Vector', 'Walked',
           'check', 'dumps', 'made', 'name_of', 'of', 'record']
