"""Runs of a model: made at random, told as messages, explained.

A run is told as numbered messages between actors, each with only the
variables that it changes.  A lasso, the counterexample of what must come,
is a run whose end leads back to one of its states.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import random
import re
import textwrap
from collections.abc import Container
from dataclasses import dataclass, field
from inspect import CO_VARARGS
from typing import TYPE_CHECKING, Any, cast

from cyborg_models.kernel.language import (
    Codes,
    Guard,
    Model,
    State,
    Step,
    _Refused,
    run,
    successor,
)
from cyborg_models.kernel.walk import successors

if TYPE_CHECKING:  # they import Numba, which is slow to import
    from cyborg_models.kernel.engine import Trace
    from cyborg_models.kernel.liveness import Lasso

NUMBER = 6  # columns of '  12. '
NARROW = 60  # columns below which changes stand under their message


@dataclass
class Run:
    """States and the steps between them.

    :ivar model: whose run it is
    :ivar states: tuples of codes, from the first on
    :ivar steps: the step from each state to the next; in a lasso the last
        one leads back to ``states[loop]``, and is missing where nothing
        more happens
    :ivar loop: for a lasso the index of the state where the loop begins
    """

    model: Model
    states: list[Codes] = field(repr=False)
    steps: list[Step]
    loop: int | None = None

    @classmethod
    def of(cls, model: Model, found: Trace | Lasso) -> Run:
        """The run of what an engine found, a trace or a lasso."""
        if not hasattr(found, 'stem'):
            return cls(model, list(found.states), list(found.steps))
        stem, loop = found.stem, cast('Lasso', found).loop
        states = list(stem.states) + list(loop.states[1:])
        steps = list(stem.steps) + list(loop.steps)
        if loop.steps:
            states.pop()  # it is the one where the loop began
        return cls(model, states, steps, len(stem.steps))

    def after(self, index: int) -> Codes:
        """The state after a step, by the step's index."""
        if index + 1 < len(self.states) or self.loop is None:
            return self.states[index + 1]
        return self.states[self.loop]

    @property
    def lasts(self) -> bool:
        """True for a lasso at whose end nothing more happens."""
        return (self.loop is not None
                and len(self.steps) < len(self.states))


def random_run(model: Model, chance: random.Random, count: int,
               only: Container[str] = (), first: Run | None = None) -> Run:
    """A run in which chance chooses among the steps that are possible.

    :param chance: a :class:`random.Random`
    :param count: how many steps at most
    :param only: names of the actions to choose from; none: all
    :param first: a run to go on from; None: the first state
    """
    found = first or Run(model, [model.initial], [])
    for _ in range(count):
        possible = [pair for pair in successors(model, found.states[-1])
                    if not only or pair[0].action.name in only]
        if not possible:
            break
        step, after = chance.choice(possible)
        found.steps.append(step)
        found.states.append(after)
    return found


# Telling

@dataclass(frozen=True)
class Change:
    """A variable that a step changes, with the names of the values."""

    variable: str
    member: int | None
    before: str
    after: str

    def __str__(self) -> str:
        return (f'{cell_name(self.variable, self.member)}: {self.before} '
                f'-> {self.after}')


@dataclass(frozen=True)
class Message:
    """A step as a message.

    :ivar number: from 1 on
    :ivar changes: a :class:`Change` for each variable that it changes
    """

    number: int
    step: Step
    sender: str
    receiver: str
    text: str
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return self.step.message


def cell_name(variable: str, member: int | None) -> str:
    """``state[0]``, or ``api`` for a single variable."""
    return variable if member is None else f'{variable}[{member}]'


def value_name(value: Any) -> str:
    """A value as it is shown: the name, for a member of an Enum."""
    return value.name if isinstance(value, enum.Enum) else str(value)


def shown_state(model: Model, codes: Codes) -> list[tuple[str, str]]:
    """The variables of a state: (``state[0]``, ``READY``), in order."""
    return [(cell_name(variable.name, member),
             value_name(variable.domain[code]))
            for (variable, member), code
            in zip(model.cells, codes, strict=True)]


def changes(model: Model, before: Codes, after: Codes) -> tuple[Change, ...]:
    """What differs between two states."""
    return tuple(
        Change(variable.name, member, value_name(variable.domain[was]),
               value_name(variable.domain[code]))
        for (variable, member), was, code
        in zip(model.cells, before, after, strict=True) if was != code)


def parts(step: Step) -> tuple[str, str, str]:
    """Sender, receiver and text of a step's message."""
    match = re.fullmatch(r'(.+?) -> (.+?): (.+)', step.message, re.DOTALL)
    if match is None:
        return '', '', step.message
    return match[1], match[2], match[3]


def messages(told: Run) -> list[Message]:
    """The steps of a run as :class:`Message`."""
    return [Message(number, step, *parts(step),
                    changes(told.model, told.states[number - 1],
                            told.after(number - 1)))
            for number, step in enumerate(told.steps, start=1)]


def lines(told: Run, width: int = 80, only: int | None = None) -> list[str]:
    """A run as lines of text, none longer than *width*.

    :param only: the number of the one step to tell, or None for all
    """
    rows = messages(told)
    texts = [[str(change) for change in row.changes] or ['(no change)']
             for row in rows]
    widest = max((len(text) for row in texts for text in row), default=0)
    right = min(widest, max(24, (width - NUMBER) * 9 // 20))
    found: list[str] = []
    for row, text in zip(rows, texts, strict=True):
        if only is not None:
            if row.number == only:
                return _two_columns(row, text, right, width)
            continue
        if told.loop == row.number - 1:
            found.append(_rule('from here on, again and again', width))
        found += _two_columns(row, text, right, width)
    if told.lasts:
        found.append(_rule('and nothing more happens, for ever', width))
    elif told.loop is not None:
        found.append(_rule(f'and again from {told.loop + 1}, for ever',
                           width))
    return found


def _rule(text: str, width: int) -> str:
    return f'{" " * NUMBER}--- {text} ---'[:width]


def _two_columns(row: Message, texts: list[str], right: int,
                 width: int) -> list[str]:
    beside = width >= NARROW
    room = width - NUMBER - (right + 2 if beside else 0)
    left = _wrap(str(row), room)
    changed = [line for text in texts
               for line in _wrap(text, right if beside else room - 2)]
    indent = ' ' * NUMBER
    if not beside:
        left += [f'  {line}' for line in changed]
        changed = []
    found = []
    for index in range(max(len(left), len(changed))):
        start = f'{row.number:>{NUMBER - 2}}. ' if index == 0 else indent
        here = left[index] if index < len(left) else ''
        there = changed[index] if index < len(changed) else ''
        found.append(f'{start}{here:<{room + 2}}{there}'.rstrip()
                     if there else f'{start}{here}'.rstrip())
    return found


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(8, width), subsequent_indent='  ',
                         break_on_hyphens=False) or ['']


# Explaining

@dataclass(frozen=True)
class Explained:
    """What may and what may not happen in a state.

    :ivar possible: the steps that are possible
    :ivar refused: (step, the :class:`~.language.Guard` that forbids it)
    """

    possible: tuple[Step, ...]
    refused: tuple[tuple[Step, Guard], ...]


def explain(model: Model, codes: Codes,
            only: Container[str] = ()) -> Explained:
    """What is possible in a state, and what forbids the rest.

    :param only: names of the actions to tell of; none: all
    """
    possible, refused = [], []
    for step in model.steps:
        if only and step.action.name not in only:
            continue
        outcome = run(model, step.action.body, step.arguments, codes)
        if isinstance(outcome.value, Guard):
            refused.append((step, in_full(model, codes, step, outcome.value)))
        else:
            possible.append(step)
    return Explained(tuple(possible), tuple(refused))


def follow(model: Model, codes: Codes, step: Step) -> Codes | Guard:
    """The state after a step, or the guard that forbids it."""
    outcome = run(model, step.action.body, step.arguments, codes)
    if isinstance(outcome.value, Guard):
        return outcome.value
    return successor(codes, outcome.value)


def in_full(model: Model, codes: Codes, step: Step, guard: Guard) -> Guard:
    """A guard that forbids a step, to be shown: where a helper of the action
    asks, members of enums that it was handed stand for its names for them.
    """
    try:
        step.action.body(State(model, codes, False), *step.arguments)
    except _Refused as refused:
        raised = refused.__traceback__
        assert raised is not None
        while raised.tb_next is not None and raised.tb_next.tb_next:
            raised = raised.tb_next  # the last is in when()
        frame = raised.tb_frame
        code = frame.f_code
        handed = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount
                                  + bool(code.co_flags & CO_VARARGS)]
        said = {name: text for name in handed
                if (text := _member(frame.f_locals.get(name)))}
        tree = ast.parse(guard.text, mode='eval')
        if any(isinstance(node, ast.Name) and node.id in said
               for node in ast.walk(tree)):
            return dataclasses.replace(guard, text=ast.unparse(
                _Named(said).visit(tree)))
    return guard


def _member(value: object) -> str:
    """An enum's member, or a tuple of them, as a model has it; or nothing."""
    if isinstance(value, enum.Enum):
        return f'{type(value).__name__}.{value.name}'
    if isinstance(value, tuple) and value and all(map(_member, value)):
        return f'({", ".join(map(_member, value))},)'
    return ''


class _Named(ast.NodeTransformer):
    """Puts texts for names."""

    def __init__(self, said: dict[str, str]) -> None:
        self.said = said

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return (ast.parse(self.said[node.id], mode='eval').body
                if node.id in self.said else node)


# Drawing

def seqdiag(told: Run) -> str:
    """The run as source of a sequence diagram, for seqdiag."""
    rows = messages(told)
    actors = dict.fromkeys(name for row in rows
                           for name in (row.sender, row.receiver) if name)
    found = ['seqdiag {', '  activation = none;']
    found += [f'  {_quoted(actor)};' for actor in actors]
    for row in rows:
        if told.loop == row.number - 1:
            found.append('  === from here on, again and again ===')
        if row.sender:
            found.append(f'  {_quoted(row.sender)} -> '
                         f'{_quoted(row.receiver)} '
                         f'[label = {_quoted(row.text, always=True)}];')
        else:
            found.append(f'  === {row.text.replace("=", "-")} ===')
    if told.lasts:
        found.append('  === and nothing more happens, for ever ===')
    return '\n'.join([*found, '}'])


def _quoted(text: str, always: bool = False) -> str:
    if not always and re.fullmatch(r'[A-Za-z_][A-Za-z0-9_-]*', text):
        return text
    return '"' + text.replace('\\', '\\\\').replace('"', "'") + '"'


__all__ = ['Change', 'Explained', 'Message', 'Run', 'cell_name', 'changes',
           'explain', 'follow', 'in_full', 'lines', 'messages', 'parts',
           'random_run', 'seqdiag', 'shown_state', 'value_name']
