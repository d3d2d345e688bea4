"""Flows held against a model: is what somebody drew a run of it?

A flow is a list of *items*: messages, alternatives and loops.  It is
replayed as the set of states in which the model may be.  Before each message
the hidden actions may happen, any of them and as often as they can; then
exactly the action whose message it is.  So a flow is right when some run of
the model shows those messages in that order, and nothing else but what it
hides.  What it says of its end holds in each state in which such a run may
be.

It runs the model's own Python, and needs neither tables nor a compiler.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cyborg_models.kernel.language import (
    Codes,
    Guard,
    Model,
    Step,
    run,
    successor,
)
from cyborg_models.kernel.trace import (
    cell_name,
    in_full,
    parts,
    value_name,
)

STATES = 20_000  # in which the model may be at one time
RUNS = 1_000_000  # of actions on states, in one replay
BRANCHES = 64  # that are followed at one time
SAMPLE = 200  # states that are asked what would be possible
SHOWN = 4  # possible messages that an error names
GUARDS = 3  # guards that an error names
#: who receives what is lost, in a model's views
NOBODY = 'nobody'


class FlowError(Exception):
    """A flow that is no run of the model.

    :ivar place: of the item where it goes wrong, as the item has it; None
        if it is the flow as a whole
    :ivar about: else ``'hidden'`` or ``'end'``, if one of these is wrong
    """

    def __init__(self, message: str, place: object = None,
                 about: str | None = None) -> None:
        super().__init__(message)
        self.message, self.place, self.about = message, place, about


class _Impossible(FlowError):
    """A message that the model forbids where it stands."""


@dataclass(frozen=True)
class Message:
    """A message as it is drawn.

    :ivar place: where it stands, in any form
    :ivar lost: True if it is drawn as one that does not arrive: in the
        model it may then go to :data:`NOBODY`
    """

    sender: str
    receiver: str
    text: str
    place: object = None
    lost: bool = False

    def __str__(self) -> str:
        return f'{self.sender} -> {self.receiver}: {self.text}'


@dataclass(frozen=True)
class Alternatives:
    """One of several branches happens; a single one happens or not.

    :ivar branches: (what it is called, its items) each
    """

    branches: tuple[tuple[str, Sequence[Item]], ...]
    place: object = None


@dataclass(frozen=True)
class Loop:
    """Its items happen at least once, and possibly again."""

    items: Sequence[Item]
    place: object = None


Item = Message | Alternatives | Loop


@dataclass(frozen=True)
class Replayed:
    """What a replay found.

    :ivar ends: the states in which the model may be at the end
    :ivar messages: how many messages were held against the model
    :ivar branches: how many ways through the flow were followed to its end
    """

    ends: tuple[Codes, ...]
    messages: int
    branches: int


@dataclass(frozen=True)
class _Branch:
    """A way through the flow, up to here.

    :ivar called: what the alternatives are called that it took
    """

    called: tuple[str, ...]
    states: tuple[Codes, ...] = field(repr=False)


def replay(model: Model, items: Sequence[Item],
           start: Iterable[Codes] | None = None,
           hidden: Collection[str] = (),
           end: Iterable[Condition] = ()) -> Replayed:
    """Hold a flow against a model.

    :param start: states in which it may begin; None: the model's first
    :param hidden: names of the actions that may happen in between
    :param end: what must hold at its end, from :func:`condition`
    :returns: a :class:`Replayed`
    :raises FlowError: at the first item that cannot be
    """
    replayer = _Replay(model, hidden)
    branches = replayer.items(
        items, [_Branch((), tuple(start or (model.initial,)))])
    if not replayer.messages:
        raise FlowError('the flow has no message; draw one')
    for branch in branches:
        _check_end(model, branch, end)
    unused = sorted(set(hidden) - replayer.happened)
    if unused:
        raise FlowError(f'hides {unused[0]}, which cannot happen between '
                        'these messages; take it out', about='hidden')
    return Replayed(_union(branches), len(replayer.messages), len(branches))


class _Replay:
    """Follows the branches of a flow.

    :ivar messages: the ids of the messages that were found possible
    :ivar happened: names of the hidden actions that were possible
    """

    def __init__(self, model: Model, hidden: Collection[str]) -> None:
        self.model = model
        self.hidden = [step for step in model.steps
                       if step.action.name in hidden]
        self.by_message: dict[tuple[str, ...], list[Step]] = {}
        self.messages: set[int] = set()
        self.happened: set[str] = set()
        self.runs = 0
        for step in model.steps:
            self.by_message.setdefault(_plain(*parts(step)), []).append(step)

    def items(self, items: Sequence[Item],
              branches: list[_Branch]) -> list[_Branch]:
        """The branches after some items."""
        for item in items:
            if isinstance(item, Message):
                branches = [self.message(item, branch)
                            for branch in branches]
            elif isinstance(item, Loop):
                branches = self.loop(item, branches)
            else:
                branches = self.alternatives(item, branches)
            branches = _distinct(branches)
            if len(branches) > BRANCHES:
                raise FlowError(
                    f'the alternatives lead to more than {BRANCHES} ways '
                    'through the flow; split the diagram', item.place)
        return branches

    def alternatives(self, item: Alternatives,
                     branches: list[_Branch]) -> list[_Branch]:
        taken = item.branches
        if len(taken) == 1:
            taken = (*taken, (f'without {taken[0][0]}', ()))
        return [after for branch in branches for called, items in taken
                for after in self.items(
                    items, [_Branch((*branch.called, called),
                                    branch.states)])]

    def loop(self, item: Loop, branches: list[_Branch]) -> list[_Branch]:
        branches = self.items(item.items, branches)
        found = []
        for branch in branches:
            states, again = dict.fromkeys(branch.states), [branch]
            while again:
                try:
                    again = self.items(item.items, again)
                except _Impossible:  # it need not happen again
                    break
                new = [state for one in again for state in one.states
                       if state not in states]
                states.update(dict.fromkeys(new))
                again = [_Branch(branch.called, tuple(new))] if new else []
            found.append(_Branch(branch.called, tuple(states)))
        return found

    def message(self, message: Message, branch: _Branch) -> _Branch:
        """The branch after a message."""
        step = self.step(message, branch)
        states = self.closure(branch.states, message)
        after: dict[Codes, None] = {}
        guards: dict[Guard, Codes] = {}
        for state in states:
            value = self.run(step, state, message)
            if isinstance(value, Guard):
                guards.setdefault(value, state)
            else:
                after[successor(state, value)] = None
        if not after:
            told = [in_full(self.model, state, step, guard)
                    for guard, state in guards.items()]
            raise _Impossible(
                f'{message} is not possible here{_called(branch)}: '
                f'{step.name} waits for {_told(told)}'
                f'{self.possible(states, message)}', message.place)
        self.messages.add(id(message))
        return _Branch(branch.called, tuple(after))

    def run(self, step: Step, state: Codes, message: Message) -> Any:
        """What a step does, or the guard that forbids it."""
        self.runs += 1
        if self.runs > RUNS:
            raise FlowError(
                f'to come to {message} takes more than {RUNS:,} steps of '
                'the model; hide less, or split the diagram', message.place)
        return run(self.model, step.action.body, step.arguments,
                   state).value

    def step(self, message: Message, branch: _Branch) -> Step:
        """The one step whose message it is."""
        found = self.by_message.get(_plain(
            message.sender, message.receiver, message.text))
        if found is None and message.lost:
            found = self.by_message.get(_plain(
                message.sender, NOBODY, message.text))
        if found is None:
            states = self.closure(branch.states, message)
            raise FlowError(
                f'{self.model.name} has no message {message}'
                f'{self.meant(message)}{self.possible(states, message)}',
                message.place)
        if len(found) > 1:
            raise FlowError(
                f'{message} is the message of several actions: '
                + ', '.join(step.name for step in found)
                + '; tell them apart in their views', message.place)
        return found[0]

    def meant(self, message: Message) -> str:
        if _plain(message.sender, NOBODY, message.text) in self.by_message:
            return f': there it goes to {NOBODY}; draw it as one that is lost'
        for name in (message.sender, message.receiver):
            actors = {actor for step in self.model.steps
                      for actor in parts(step)[:2]}
            if name not in actors:
                close = difflib.get_close_matches(name, actors, n=1)
                return f': it has no actor {name!r}' + (
                    f'; did you mean {close[0]!r}?' if close else '')
        close = _nearest(message, [step.message for step
                                   in self.model.steps], 1)
        return f'; did you mean "{close[0]}"?'

    def closure(self, states: Iterable[Codes],
                message: Message) -> list[Codes]:
        """The states that hidden actions lead to, these included."""
        found, waiting = dict.fromkeys(states), list(states)
        while waiting:
            state = waiting.pop()
            for step in self.hidden:
                value = self.run(step, state, message)
                if isinstance(value, Guard):
                    continue
                self.happened.add(step.action.name)
                after = successor(state, value)
                if after not in found:
                    found[after] = None
                    waiting.append(after)
            if len(found) > STATES:
                raise FlowError(
                    f'what is hidden before {message} leads to more than '
                    f'{STATES:,} states; hide less, or draw more',
                    message.place)
        return list(found)

    def possible(self, states: Sequence[Codes], message: Message) -> str:
        """What may happen instead, nearest first, as the end of an error.
        """
        hidden = set(self.hidden)
        found = [step.message for step in self.model.steps
                 if step not in hidden and any(
                     not isinstance(self.run(step, state, message), Guard)
                     for state in states[:SAMPLE])]
        if not found:
            return '; nothing is possible here'
        near = _nearest(message, found, SHOWN)
        more = len(found) - len(near)
        return '; possible here: ' + ', '.join(
            f'"{one}"' for one in near) + (
                f' and {more} more' if more else '')


def _plain(sender: str, receiver: str, text: str) -> tuple[str, ...]:
    return tuple(' '.join(part.split()) for part in (sender, receiver, text))


def _nearest(message: Message, texts: Iterable[str],
             count: int) -> list[str]:
    """The texts that are most like a message; those of its actors first."""
    wanted = str(message)
    matcher = difflib.SequenceMatcher(b=wanted, autojunk=False)

    def distance(text: str) -> tuple[float, str]:
        matcher.set_seq1(text)
        same = text.startswith(f'{message.sender} -> {message.receiver}:')
        return -matcher.ratio() - same, text
    return sorted(dict.fromkeys(texts), key=distance)[:count]


def _told(guards: Iterable[Guard]) -> str:
    """Guards as text: those that stand last in the action first, since
    they were nearest to letting it pass.
    """
    found = sorted(guards, key=lambda guard: -int(
        guard.where.rpartition(':')[2]))
    texts = [f'{guard.text} ({guard.requirement}, {guard.where})'
             for guard in found[:GUARDS]]
    return ', or '.join(texts)


def _called(branch: _Branch) -> str:
    if not branch.called:
        return ''
    return ' (' + ', '.join(f'"{one}"' for one in branch.called) + ')'


def _distinct(branches: Iterable[_Branch]) -> list[_Branch]:
    """Branches that differ in their states; the first of those that do
    not.
    """
    found: dict[frozenset[Codes], _Branch] = {}
    for branch in branches:
        found.setdefault(frozenset(branch.states), branch)
    return list(found.values())


def _union(branches: Iterable[_Branch]) -> tuple[Codes, ...]:
    return tuple(dict.fromkeys(
        state for branch in branches for state in branch.states))


# The end

@dataclass(frozen=True)
class Condition:
    """A variable has one of some values.

    :ivar cell: index of the variable among the model's cells
    :ivar codes: of the values
    """

    text: str
    cell: int
    codes: frozenset[int]


def condition(model: Model, text: str) -> Condition:
    """Read ``nova[0]=ACTIVE``; ``nova[0]=ACTIVE|STOPPED`` for one of them.

    :raises FlowError: saying what is no variable, member or value
    """
    match = re.fullmatch(r'(\w+)(?:\[(\d+)\])?=(\S+)', text)
    if not match:
        raise FlowError(f'{text!r} is no condition; write variable=VALUE, '
                        'or variable[0]=VALUE for one of several',
                        about='end')
    name, member, wanted = match.groups()
    if name not in model.variables:
        raise FlowError(f'{model.name} has no variable {name!r}'
                        f'{_hint(name, model.variables)}', about='end')
    variable = model.variables[name]
    number = None if member is None else int(member)
    if (name, number) not in model.place:
        raise FlowError(f'{text!r}: ' + (
            f'{name} is a single variable; write {name}='
            if variable.each is None else
            f'{name} is one variable per {variable.each.name}; write '
            f'{name}[0] to {name}[{variable.each.size - 1}]'),
            about='end')
    known = {}
    for code, value in enumerate(variable.domain):
        shown = value_name(value).replace(' ', '')
        known[shown] = code
        if value is None or isinstance(value, bool):
            known[shown.lower()] = code
    codes = set()
    for one in wanted.split('|'):
        if one not in known:
            raise FlowError(f'{text!r}: {name} is never {one!r}'
                            f'{_hint(one, known)}', about='end')
        codes.add(known[one])
    return Condition(text, model.place[name, number], frozenset(codes))


def _hint(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return (f'; did you mean {close[0]}?' if close else
            '; there is ' + ', '.join(sorted(known)))


def _check_end(model: Model, branch: _Branch,
               end: Iterable[Condition]) -> None:
    for wanted in end:
        variable, member = model.cells[wanted.cell]
        found = {state[wanted.cell] for state in branch.states}
        wrong = sorted(found - wanted.codes)
        if not wrong:
            continue
        name = cell_name(variable.name, member)
        values = ' or '.join(value_name(variable.domain[code])
                             for code in wrong)
        raise FlowError(
            f'the flow does not end with {wanted.text}{_called(branch)}: '
            f'{name} is {values}; draw on, or claim that'
            if found == set(wrong) else
            f'the flow need not end with {wanted.text}{_called(branch)}: '
            f'{name} may be {values}; hide less, or claim less', about='end')


__all__ = ['Alternatives', 'Condition', 'FlowError', 'Loop', 'Message',
           'NOBODY', 'Replayed', 'condition', 'replay']
