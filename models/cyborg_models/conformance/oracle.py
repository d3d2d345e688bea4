"""What a model allows of a system that is seen in part: a set of states.

An oracle is told what was done to a system and what was seen of it, event by
event, and keeps every state in which the model can be after that.  Where the
set becomes empty the system does what the model forbids::

    oracle = Oracle(registry.choose('stein.attach'),
                    controlled=('claim', 'post', 'ask_bind', 'lose_event'),
                    hidden=HIDDEN_REST)
    oracle.step('claim', {'instance': 0, 'host': 0})        # it said: done
    oracle.step('post', (0,), REFUSED)                      # it said no
    oracle.step('post', (0,), UNKNOWN)                      # a time-out
    oracle.observe({'arq[0]': 'INITIAL', 'handle[0]': None})
    oracle.fault('lose_event', (0,))                        # made to happen
    oracle.quiet({'arq[0]': 'BOUND'})      # seen, and nothing more comes

*Controlled* actions are called by the tester.  *Hidden* ones the system, or
its surroundings, may take unseen at any moment; all others never happen.
Before each event the set is closed under hidden steps.

Calls that overlap are told as they begin and end; the oracle allows every
order that these times leave open::

    one = oracle.call('start_bind', {'arq': 0})
    two = oracle.call('start_bind', {'arq': 0})
    oracle.reply(two, OK)
    oracle.reply(one, REFUSED)

An outcome is ``OK`` (it did what the action is), ``REFUSED`` (it answered
and did nothing: an error, or a repeated request that was ignored) or
``UNKNOWN`` (no answer: it may have happened, may happen later, or never).

What an event raises:

:class:`Divergence`
    the model forbids it.  The oracle stays where it was before, so that
    ``oracle.with_defect(NAME)`` gives one that allows a known fault of the
    system as well, and ``divergence.again(that)`` tells it the event anew.
:class:`OracleError`
    the event makes no sense (an unknown action, variable or value): an error
    of the harness, and no divergence.
:class:`Undecided`
    more states fit than are kept: inconclusive.

``may(step)`` says whether a step is possible in all the states, in some, or
in none; ``states`` are the states; ``copy()`` costs little.  ``source`` of
an event is any text that helps to find it, such as a line of a log.  With
``window=N`` no more than 2 N events are kept to tell the story of a failure,
so that memory stays flat.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cyborg_models import registry
from cyborg_models.kernel.language import (
    Action,
    Codes,
    Guard,
    Model,
    Step,
    successor,
)
from cyborg_models.kernel.trace import Run, cell_name, value_name
from cyborg_models.kernel.trees import Tree
from cyborg_models.registry import Chosen, InputError, near

OK, REFUSED, UNKNOWN = 'ok', 'refused', 'unknown'
ALL, SOME, NONE = 'all', 'some', 'none'
#: for ``hidden``: every action that is not controlled, faults apart
HIDDEN_REST = '*'
#: for a value that is not observed this time
IGNORE = object()
LIMIT = 50_000  # states that are kept at most
REMEMBERED = 2_000_000  # states in closures

# Of a call that is under way, within a configuration.
_OPEN, _DONE, _DENIED, _LOOSE = range(4)
_Calls = tuple[tuple[int, int, int], ...]  # (call, index of the step, which)
#: a state, and how each call that is under way stands in it
_Config = tuple[Codes, _Calls]


class OracleError(InputError):
    """What was told cannot be: an error of who tells it, with the mend."""


class Undecided(Exception):
    """More states fit than are kept: why, and the mend."""


class Event(NamedTuple):
    """What was told.

    :ivar kind: ``step``, ``call``, ``reply``, ``fault``, ``observe`` or
        ``quiet``
    :ivar seen: of ``observe`` and ``quiet``, (cell, code) pairs
    :ivar source: a text that says where it was seen
    """

    kind: str
    step: Step | None = None
    index: int = -1
    call: int = -1
    outcome: str = ''
    seen: tuple[tuple[int, int], ...] = ()
    source: str = ''


class Difference(NamedTuple):
    """A variable that is not as the model allows.

    :ivar name: such as ``arq[0]``
    :ivar observed: the value's name
    :ivar possible: the values that the model allows, in any of the states
    """

    name: str
    observed: str
    possible: tuple[str, ...]

    def __str__(self) -> str:
        return (f'{self.name} is {self.observed}, and may be '
                f'{" or ".join(self.possible)}')


class Divergence(Exception):
    """An event that the model forbids.

    :ivar event: the :class:`Event`
    :ivar prefix: the deepest prefix of the story that the model has, a
        :class:`~.kernel.trace.Run` up to the state nearest to the event
    :ivar states: the states that were possible before it
    :ivar differences: the variables that differ, of an observation
    :ivar possible: the steps that were possible, in order
    :ivar guard: the false guard nearest to the event, or None
    :ivar requirements: ids that are broken; the first is the one to blame
    :ivar why: a sentence without full stop
    :ivar unseen: the hidden step that would explain it, but for its guard,
        or None
    """

    def __init__(self, event: Event, prefix: Run, states: frozenset[Codes],
                 differences: tuple[Difference, ...],
                 possible: tuple[Step, ...], guard: Guard | None,
                 requirements: tuple[str, ...], why: str,
                 unseen: Step | None = None) -> None:
        super().__init__(why)
        self.event, self.prefix, self.states = event, prefix, states
        self.differences, self.possible = differences, possible
        self.guard, self.requirements, self.why = guard, requirements, why
        self.unseen = unseen

    @property
    def requirement(self) -> str:
        """The id of the requirement to blame, or ''."""
        return self.requirements[0] if self.requirements else ''

    @property
    def address(self) -> str:
        """Where the requirement stands in the documents, or ''."""
        from cyborg_models.conformance import contract

        return contract.address(self.requirement)

    def again(self, oracle: Oracle) -> None:
        """Tell the event to another oracle.

        :raises Divergence: if that forbids it as well
        """
        oracle.tell(self.event)


class Oracle:
    """The states that a model allows after what was told.

    :param model: a :class:`~.registry.Chosen` or a model
    :param controlled: names of the actions that are called; None: all that
        are not hidden
    :param hidden: names of the actions that may happen unseen, or
        ``HIDDEN_REST``
    :param observed: names of the variables that can be observed; None: all
    :param build: makes the model with the defects that it is handed; needed
        for :meth:`with_defect`, and known of a ``Chosen``
    :param limit: how many states are kept at most
    :param window: how many events are kept at least; None: all
    :ivar defects: names of the defects that are allowed for
    :raises OracleError: if there is no such action or variable
    """

    def __init__(self, model: Chosen | Model,
                 controlled: Iterable[str] | None = None,
                 hidden: Iterable[str] | str = (),
                 observed: Iterable[str] | None = None,
                 build: Callable[[tuple[str, ...]], Model] | None = None,
                 limit: int = LIMIT, window: int | None = None) -> None:
        if isinstance(model, Chosen):
            build = build or _builder(model)
            model = model.model
        self.model, self._build, self.limit = model, build, limit
        self.window = window
        self.hidden = self._hidden_names(hidden, controlled)
        self.controlled = frozenset(
            model.actions.keys() - self.hidden if controlled is None
            else self._names(controlled, model.actions, 'action'))
        self.observed = frozenset(
            model.variables if observed is None
            else self._names(observed, model.variables, 'variable'))
        self.defects: tuple[str, ...] = ()
        self._index = {(step.action.name, step.arguments): number
                       for number, step in enumerate(model.steps)}
        self._cells = _cells(model, self.observed)
        #: of each step, the sound one and what defects make of it
        self._trees: list[list[Tree]] = [
            [Tree(model, step.action.body, step.arguments, False)]
            for step in model.steps]
        self._unseen = [
            number for number, step in enumerate(model.steps)
            if step.action.name in self.hidden]
        self._forget()
        self._calls = 0
        self._base: frozenset[_Config] = frozenset({(model.initial, ())})
        self._now = self._earlier = self._base
        self._old: list[Event] = []
        self._events: list[Event] = []
        self._next_base = self._base

    def _hidden_names(self, hidden: Iterable[str] | str,
                      controlled: Iterable[str] | None) -> frozenset[str]:
        if hidden == HIDDEN_REST:
            known = set(controlled or ())
            return frozenset(
                name for name, action in self.model.actions.items()
                if name not in known and not action.fault)
        return frozenset(self._names(hidden, self.model.actions, 'action'))

    def _names(self, given: Iterable[str], known: Mapping[str, Any],
               what: str) -> Iterator[str]:
        for name in given:
            if name not in known:
                raise OracleError(f'{self.model.name} has no {what} '
                                  f'{name!r}; {near(name, known)}')
            yield name

    def _forget(self) -> None:
        self._closures: dict[Codes, frozenset[Codes]] = {}
        self._sets: dict[frozenset[_Config], frozenset[_Config]] = {}
        self._kept = 0
        self._blamed: dict[Any, Any] = {}

    def _remember(self, size: int) -> None:
        self._kept += size
        if self._kept > REMEMBERED:
            self._forget()
            self._kept = size

    # asking

    @property
    def states(self) -> frozenset[Codes]:
        """Every state that the model can be in now."""
        return frozenset(codes for codes, _ in self._reach(self._now))

    @property
    def fitting(self) -> frozenset[Codes]:
        """The states that fit what was told, before anything hidden."""
        if len(self._now) == 1:
            return frozenset([next(iter(self._now))[0]])
        return frozenset(codes for codes, _ in self._now)

    @property
    def configurations(self) -> frozenset[Any]:
        """The same, each with the calls that are under way: two oracles of
        one model that have the same allow the same.
        """
        return self._now

    @property
    def seen(self) -> tuple[int, ...]:
        """The cells that were seen, if that was the last thing told."""
        return tuple([cell for cell, _ in self._events[-1].seen
                      ]) if self._events else ()

    @property
    def told(self) -> int:
        """How many events are kept."""
        return len(self._old) + len(self._events)

    def step_of(self, name: str,
                arguments: Mapping[str, Any] | Sequence[Any] = ()) -> Step:
        """The step of an action with its arguments, by name or in order.

        :raises OracleError: if the model has no such step
        """
        return self.model.steps[self._number(name, arguments)]

    def may(self, step: Step) -> str:
        """Is a step possible: in ``ALL`` of the states, ``SOME``, ``NONE``?
        """
        trees = self._trees[self._index[step.action.name, step.arguments]]
        yes = no = False
        for codes, _ in self._reach(self._now):
            for tree in trees:
                if tree(codes).__class__ is Guard:
                    no = True
                else:
                    yes = True
        return SOME if yes and no else ALL if yes else NONE

    def possible(self) -> tuple[Step, ...]:
        """The controlled and hidden steps that are possible in some state.
        """
        return tuple(step for step in self.model.steps
                     if (step.action.name in self.controlled
                         or step.action.name in self.hidden)
                     and self.may(step) != NONE)

    def copy(self) -> Oracle:
        """An oracle that was told the same; what it learned is shared."""
        other = Oracle.__new__(Oracle)
        vars(other).update(vars(self))
        other._old, other._events = list(self._old), list(self._events)
        return other

    def restart(self) -> None:
        """Begin where the model begins; defects stay allowed."""
        self._base = self._now = self._next_base = self._earlier = (
            frozenset({(self.model.initial, ())}))
        self._old, self._events = [], []

    def stand(self, configurations: frozenset[Any]) -> None:
        """Go to where an oracle of this model stood; what was told before
        is no longer part of the story.

        :param configurations: of that oracle, then
        """
        self._base = self._now = self._next_base = configurations
        self._earlier = configurations
        self._old, self._events = [], []

    def with_defect(self, name: str) -> Oracle:
        """An oracle that was told the same, and that allows a defect, too.

        Each action may then do what the model says or what the defect makes
        of it, at every step: software in which it was mended fits as well.

        :raises OracleError: if the model has no such defect
        """
        if self._build is None:
            raise OracleError(f'{self.model.name} cannot be built with '
                              f'{name}; give build=')
        other = self.copy()
        if name in self.defects:
            return other
        if name not in self.model.defects:
            raise OracleError(f'{self.model.name} has no defect {name!r}; '
                              f'{near(name, self.model.defects)}')
        model = self._build((name,))
        if model.cells != self.model.cells or (
                [step.name for step in model.steps]
                != [step.name for step in self.model.steps]):
            raise OracleError(f'{self.model.name} with {name} has other '
                              'variables or actions; it cannot be compared')
        other.defects = (*self.defects, name)
        other._trees = [
            trees if _same(mine.action, theirs.action) else
            [*trees, Tree(model, theirs.action.body, theirs.arguments,
                          False)]
            for trees, mine, theirs in zip(
                self._trees, self.model.steps, model.steps, strict=True)]
        other._forget()
        other._now = self._base
        for event in (*self._old, *self._events):
            other._earlier, other._now = other._now, other._after(event)
        other._next_base = self._base
        other._old, other._events = [], [*self._old, *self._events]
        return other

    # telling

    def step(self, name: str,
             arguments: Mapping[str, Any] | Sequence[Any] = (),
             outcome: str = OK, source: str = '') -> None:
        """A controlled action was called, and ended before anything else."""
        number = self._called(name, arguments, outcome)
        self.tell(Event('step', self.model.steps[number], number,
                        outcome=outcome, source=source))

    def call(self, name: str,
             arguments: Mapping[str, Any] | Sequence[Any] = (),
             source: str = '') -> int:
        """A controlled action is called; returns the number of the call."""
        number = self._called(name, arguments, OK)
        self._calls += 1
        self.tell(Event('call', self.model.steps[number], number,
                        self._calls, source=source))
        return self._calls

    def reply(self, call: int, outcome: str = OK, source: str = '') -> None:
        """The outcome of a call."""
        found = next((event for event in (*self._events, *self._old)
                      if event.kind == 'call' and event.call == call), None)
        if found is None or any(
                event.kind == 'reply' and event.call == call
                for event in self._events):
            raise OracleError(f'there is no call {call} that is under way; '
                              'reply to each call once')
        self._check_outcome(outcome)
        self.tell(Event('reply', found.step, found.index, call, outcome,
                        source=source))

    def fault(self, name: str,
              arguments: Mapping[str, Any] | Sequence[Any] = (),
              source: str = '') -> None:
        """A fault was made to happen.  Where it is not possible, it hit
        nothing and changed nothing.
        """
        number = self._called(name, arguments, OK)
        self.tell(Event('fault', self.model.steps[number], number,
                        source=source))

    def observe(self, values: Mapping[str, Any], source: str = '') -> None:
        """Variables were seen, all at one moment: ``name`` or
        ``name[member]`` -> value, or the value's name.
        """
        self.tell(Event('observe', seen=self._seen(values), source=source))

    def quiet(self, values: Mapping[str, Any] | None = None,
              source: str = '') -> None:
        """The system was given time enough: what the model says must come
        by itself has come, and this was seen.
        """
        self.tell(Event('quiet', seen=self._seen(values or {}),
                        source=source))

    def tell(self, event: Event) -> None:
        """An event, as another oracle of the model made it."""
        after = self._after(event)
        if not after:
            raise self._diverged(event)
        self._earlier, self._now = self._now, after
        self._events.append(event)
        if self.window is not None and len(self._events) >= self.window:
            self._base, self._next_base = self._next_base, after
            self._old, self._events = self._events, []

    def _called(self, name: str,
                arguments: Mapping[str, Any] | Sequence[Any],
                outcome: str) -> int:
        number = self._number(name, arguments)
        if name not in self.controlled:
            raise OracleError(f'{name} is not among the controlled actions; '
                              f'{near(name, self.controlled)}')
        self._check_outcome(outcome)
        return number

    def _check_outcome(self, outcome: str) -> None:
        if outcome not in (OK, REFUSED, UNKNOWN):
            raise OracleError(f'the outcome {outcome!r} is none; it is '
                              f'{OK}, {REFUSED} or {UNKNOWN}')

    def _number(self, name: str,
                arguments: Mapping[str, Any] | Sequence[Any]) -> int:
        try:
            return self._index[name, tuple(
                arguments.values() if isinstance(arguments, Mapping)
                and list(arguments) == list(self.model.actions[name].sets)
                else arguments)]
        except (KeyError, TypeError):
            pass
        if name not in self.model.actions:
            raise OracleError(f'{self.model.name} has no action {name!r}; '
                              f'{near(str(name), self.model.actions)}')
        sets = self.model.actions[name].sets
        if isinstance(arguments, Mapping) and set(arguments) == set(sets):
            ordered = tuple(arguments[key] for key in sets)
            if (name, ordered) in self._index:
                return self._index[name, ordered]
        asked = ', '.join(f'{key} from 0 to {len(members) - 1}'
                          for key, members in sets.items()) or 'nothing'
        raise OracleError(f'{name} takes {asked}, and is given '
                          f'{arguments!r}; mend the arguments')

    def _seen(self, values: Mapping[str, Any]
              ) -> tuple[tuple[int, int], ...]:
        cells = self._cells
        try:  # the values as they are, which is the usual case
            return tuple([(cell, same[id(value)])
                          for name, value in values.items()
                          for cell, _, same in (cells[name],)])
        except KeyError:
            pass
        found = []
        for name, value in values.items():
            if value is IGNORE:
                continue
            try:
                cell, known, _ = cells[name]
                found.append((cell, known[value]))
            except (KeyError, TypeError):
                raise self._unseen_value(name, value) from None
        return tuple(found)

    def _unseen_value(self, name: str, value: Any) -> OracleError:
        if name not in self._cells and str(name).partition('[')[0] in (
                self.model.variables.keys() - self.observed):
            return OracleError(
                f'{name} is observed, and is not among what was said to be: '
                f'{", ".join(sorted(self.observed)) or "nothing"}; name it '
                'there, or leave it out')
        if name not in self._cells:
            return OracleError(
                f'{name!r} is observed, and {self.model.name} has no such '
                f'variable that can be; {near(str(name), self._cells)}')
        variable, _ = self.model.cells[self._cells[name][0]]
        return OracleError(
            f'{name} is observed as {value!r}, which is none of its values; '
            'it is one of ' + ', '.join(map(value_name, variable.domain)))

    # the set

    def _afters(self, number: int, codes: Codes) -> Iterator[Codes]:
        for tree in self._trees[number]:
            writes = tree(codes)
            if writes.__class__ is not Guard:
                yield successor(codes, writes)

    def _denies(self, number: int, codes: Codes) -> bool:
        return any(tree(codes).__class__ is Guard
                   for tree in self._trees[number])

    def _steps(self, config: _Config
               ) -> Iterator[tuple[_Config, int | None]]:
        """(configuration, the step that leads there, or None) for what may
        happen without being told.
        """
        codes, calls = config
        for number in self._unseen:
            for after in self._afters(number, codes):
                yield (after, calls), number
        for place, (call, number, stands) in enumerate(calls):
            rest = calls[:place], calls[place + 1:]
            if stands == _OPEN:
                for after in self._afters(number, codes):
                    yield (after, (*rest[0], (call, number, _DONE),
                                   *rest[1])), number
                if self._denies(number, codes):
                    yield (codes, (*rest[0], (call, number, _DENIED),
                                   *rest[1])), None
            elif stands == _LOOSE:
                for after in self._afters(number, codes):
                    yield (after, rest[0] + rest[1]), number

    def _reach(self, configs: frozenset[_Config]) -> frozenset[_Config]:
        """The configurations, and what may come of them untold."""
        if not self._unseen and not any(calls for _, calls in configs):
            return configs
        found = self._sets.get(configs)
        if found is None:
            if any(calls for _, calls in configs):
                found = frozenset(self._linked(configs))
            else:
                found = frozenset(
                    (after, ()) for codes, _ in configs
                    for after in self._closure(codes))
            self._check_size(len(found))
            self._remember(len(found))
            self._sets[configs] = found
        return found

    def _closure(self, codes: Codes) -> frozenset[Codes]:
        found = self._closures.get(codes)
        if found is None:
            seen, heap = {codes}, [codes]
            while heap:
                here = heap.pop()
                for number in self._unseen:
                    for after in self._afters(number, here):
                        if after not in seen:
                            seen.add(after)
                            heap.append(after)
                self._check_size(len(seen))
            self._remember(len(seen))
            found = self._closures[codes] = frozenset(seen)
        return found

    def _linked(self, configs: Iterable[_Config]
                ) -> dict[_Config, tuple[_Config, int | None] | None]:
        """Each configuration that is reached -> (the one before, the step),
        or None for those given; nearest first.
        """
        found: dict[_Config, tuple[_Config, int | None] | None] = (
            dict.fromkeys(configs))
        row = list(found)
        for here in row:
            for after, number in self._steps(here):
                if after not in found:
                    found[after] = here, number
                    row.append(after)
            self._check_size(len(found))
        return found

    def _check_size(self, size: int) -> None:
        if size > self.limit:
            raise Undecided(
                f'more than {self.limit:,} states of {self.model.name} fit '
                'what was seen; observe more, or hide fewer actions')

    def _after(self, event: Event) -> frozenset[_Config]:
        waits = event.kind == 'call' or event.outcome == UNKNOWN
        configs = self._now if waits else self._reach(self._now)
        return frozenset([after for config in configs
                          for after, _ in self._moves(event, config)])

    def _moves(self, event: Event, config: _Config
               ) -> Iterator[tuple[_Config, int | None]]:
        """(configuration, step) for what an event makes of one."""
        codes, calls = config
        kind, number = event.kind, event.index
        if kind == 'observe':
            for cell, code in event.seen:
                if codes[cell] != code:
                    return
            yield config, None
        elif kind == 'step':
            if event.outcome == OK:
                for after in self._afters(number, codes):
                    yield (after, calls), number
            elif event.outcome == REFUSED:
                if self._denies(number, codes):
                    yield config, None
            else:
                yield (codes, (*calls, (-number - 1, number, _LOOSE))), None
        elif kind == 'call':
            yield (codes, (*calls, (event.call, number, _OPEN))), None
        elif kind == 'reply':
            yield from self._replied(event, config)
        elif kind == 'fault':
            for after in self._afters(number, codes):
                yield (after, calls), number
            if self._denies(number, codes):
                yield config, None
        elif all(codes[cell] == code for cell, code in event.seen) and not any(
                stands == _OPEN for _, _, stands in calls) and not any(
                self.model.steps[number].action.fair
                and not self._denies(number, codes)
                for number in self._unseen):
            yield config, None

    def _replied(self, event: Event, config: _Config
                 ) -> Iterator[tuple[_Config, int | None]]:
        codes, calls = config
        for place, (call, number, stands) in enumerate(calls):
            if call != event.call:
                continue
            rest = calls[:place] + calls[place + 1:]
            if event.outcome == UNKNOWN and stands == _OPEN:
                rest = (*rest, (-number - 1, number, _LOOSE))
            elif event.outcome != UNKNOWN and stands != (
                    _DONE if event.outcome == OK else _DENIED):
                return
            yield (codes, rest), None

    # what went wrong

    def story(self, goal: Callable[[Codes], Any] | None = None) -> Run:
        """A run of the model that fits all that was told.

        :param goal: of a state, smaller for a better end; None: the
            shortest run
        """
        current: Iterable[_Config] = self._base
        rows = []
        for event in (*self._old, *self._events):
            opened = self._linked(current)
            moved: dict[_Config, tuple[_Config, int | None]] = {}
            for config in opened:
                for after, number in self._moves(event, config):
                    moved.setdefault(after, (config, number))
            rows.append((opened, moved))
            current = moved
        opened = self._linked(current)
        here = min(opened, key=lambda config: goal(
            config[0])) if goal else next(iter(opened))
        path: list[tuple[Codes, int | None]] = []
        while True:
            link = opened[here]
            while link is not None:
                path.append((here[0], link[1]))
                here = link[0]
                link = opened[here]
            if not rows:
                break
            opened, moved = rows.pop()
            before, number = moved[here]
            path.append((here[0], number))
            here = before
        told = Run(self.model, [here[0]], [])
        for codes, taken in reversed(path):
            if taken is not None:
                told.states.append(codes)
                told.steps.append(self.model.steps[taken])
        return told

    def _diverged(self, event: Event) -> Divergence:
        from cyborg_models.conformance import blame

        states = self.states
        missed = {codes: sum(codes[cell] != code for cell, code
                             in event.seen) for codes in states}
        last = next((one.step for one in reversed(self._old + self._events)
                     if one.step is not None), None)
        # Before the last step, if that was done and nothing was told since.
        earlier = frozenset(
            codes for codes, _ in self._reach(self._earlier)) if (
            self._events and self._events[-1].kind == 'step'
            and self._events[-1].outcome == OK) else frozenset()
        key = event[:-1], states, last, earlier
        if key not in self._blamed:
            self._blamed[key] = blame.of(
                self.model, event, sorted(states),
                [self.model.steps[number] for number in self._unseen], last,
                sorted(earlier))
        found = self._blamed[key]
        # Of the states that are as near, the one that the blame is of.
        prefix = self.story(lambda codes: (
            codes != found.codes, missed[codes]))
        nearest = prefix.states[-1]
        return Divergence(
            event, prefix, states, tuple(
                self._difference(cell, code, states)
                for cell, code in event.seen if nearest[cell] != code),
            self.possible(), found.guard, found.requirements, found.why,
            found.unseen)

    def _difference(self, cell: int, code: int,
                    states: Iterable[Codes]) -> Difference:
        variable, member = self.model.cells[cell]
        return Difference(
            cell_name(variable.name, member),
            value_name(variable.domain[code]), tuple(
                value_name(variable.domain[one])
                for one in sorted({codes[cell] for codes in states})))


def _builder(chosen: Chosen) -> Callable[[tuple[str, ...]], Model]:
    pairs = [f'{key}={text}' for key, text in chosen.set.items()]

    def build(defects: tuple[str, ...]) -> Model:
        return registry.choose(chosen.name, pairs, defects).model
    return build


def _cells(model: Model, observed: frozenset[str]
           ) -> dict[str, tuple[int, dict[Any, int], dict[int, int]]]:
    """Name of a cell -> (cell, a value or its name -> code, the identity of
    a value of the domain -> code: to hash a member of an Enum is slow).
    """
    found = {}
    for cell, (variable, member) in enumerate(model.cells):
        if variable.name not in observed:
            continue
        known: dict[Any, int] = {}
        for code, value in enumerate(variable.domain):
            known[value_name(value)] = code
            if isinstance(value, enum.Enum):
                known.setdefault(value.value, code)
        for code, value in enumerate(variable.domain):
            known[value] = code
        found[cell_name(variable.name, member)] = cell, known, {
            id(value): code for code, value in enumerate(variable.domain)}
    return found


def _same(one: Action, other: Action) -> bool:
    """True if two actions, of two builds, are one piece of code."""
    return (inspect.unwrap(one.body).__code__
            is inspect.unwrap(other.body).__code__
            and getattr(one.body, 'lacks', None)
            == getattr(other.body, 'lacks', None))


__all__ = ['ALL', 'HIDDEN_REST', 'IGNORE', 'NONE', 'OK', 'REFUSED', 'SOME',
           'UNKNOWN', 'Difference', 'Divergence', 'Event', 'Oracle',
           'OracleError', 'Undecided']
