"""Tries a harness step by step, for who writes one: what works, what lacks.

Each check is one thing that the kit will ask of the harness; the first that
does not work says what is missing, and those after it are not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cyborg_models.conformance import contract
from cyborg_models.conformance.oracle import (
    Divergence,
    Oracle,
    Undecided,
)
from cyborg_models.conformance.suite import HarnessError
from cyborg_models.conformance.wire import Harness, Hello
from cyborg_models.registry import InputError

CALLED = 12  # steps that are taken along one run
NO_ACTION = 'smoke_test_of_an_action_that_no_model_has'


@dataclass(frozen=True)
class Tried:
    """One check.

    :ivar name: what was tried
    :ivar detail: what was seen, or what is wrong and the mend
    """

    name: str
    works: bool
    detail: str


class _Lacks(Exception):
    """It works as far as the wire goes, and is not what it has to be."""


def smoke(harness: Harness) -> Iterator[Tried]:
    """Try a harness; it is stopped at the end."""
    trial = _Trial(harness)
    try:
        for name, check in trial.checks():
            try:
                yield Tried(name, True, check())
            except (HarnessError, InputError, _Lacks) as error:
                yield Tried(name, False, str(error))
                return
    finally:
        harness.close()


class _Trial:
    """The checks, in order, and what they learn of the harness."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._hello: Hello | None = None
        self._first: dict[str, Any] = {}

    def checks(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        return (('says hello', self.hello),
                ('declares what there is', self.declares),
                ('starts', self.start), ('observes', self.observe),
                ('is called', self.call),
                ('starts again, where it started', self.again),
                ('knows what it does not implement', self.unknown),
                ('stops', self.stop))

    @property
    def said(self) -> Hello:
        assert self._hello is not None
        return self._hello

    def hello(self) -> str:
        self._hello = self._harness.hello()
        return (f'{" ".join(self.said.implementation)}, held to '
                f'{self._harness.chosen.title}')

    def declares(self) -> str:
        hello, model = self.said, self._harness.chosen.model
        contract.of(self._harness.chosen.name).check(hello.roles,
                                             hello.capabilities)
        if not hello.actions:
            raise _Lacks('there is no action that can be called; name those '
                         'that the harness has in "actions"')
        both = set(hello.actions) & set(
            () if isinstance(hello.hidden, str) else hello.hidden)
        if both:
            raise _Lacks(f'{min(both)} is called and hidden; it is one of '
                         'them')
        lacking = [
            name for name, action in model.actions.items()
            if name not in hello.actions and not action.fault
            and not isinstance(hello.hidden, str)
            and name not in hello.hidden]
        return (f'{len(hello.actions)} of {len(model.actions)} actions'
                + (f'; neither called nor hidden, so it never happens: '
                   f'{", ".join(lacking)}' if lacking else ''))

    def start(self) -> str:
        answer = self._harness.start()
        return 'observed at once' if answer.observed else 'ok'

    def observe(self) -> str:
        seen = self._first = self._harness.observe()
        model = self._harness.chosen.model
        if not seen:
            raise _Lacks('it observes nothing, so that nothing it does can '
                         'be wrong; give the variables that can be seen')
        first = model.values(model.initial)
        for name, value in seen.items():
            if value != first[name]:
                raise _Lacks(f'{name} is {value} at the start, and '
                             f'{first[name]} in the model; go there at '
                             '"start"')
        names = {name.partition('[')[0] for name in seen}
        return (f'{len(seen)} of {len(model.cells)} variables: '
                + ', '.join(sorted(names)))

    def call(self) -> str:
        hello = self.said
        oracle = Oracle(self._harness.chosen, hello.actions, hello.hidden)
        called, counts = 0, dict.fromkeys(('ok', 'refused', 'unknown'), 0)
        try:
            while called < CALLED:
                step = next((one for one in oracle.possible()
                             if one.action.name in oracle.controlled
                             and not one.action.fault), None)
                if step is None:
                    break
                answer = self._harness.call(step.action.name, dict(zip(
                    step.action.sets, step.arguments, strict=True)))
                if answer.outcome == 'not implemented':
                    raise _Lacks(f'{step.name} is not implemented')
                oracle.step(step.action.name, step.arguments, answer.outcome)
                oracle.observe(answer.observed if answer.observed is not None
                               else self._harness.observe())
                called += 1
                counts[answer.outcome] += 1
        except (Divergence, Undecided) as found:
            return (f'{called} calls; then, which is for the tests to '
                    f'judge: {found}')
        if not called:
            raise _Lacks('nothing that it has is possible at the start; '
                         'give it what comes first, too')
        return ', '.join(f'{count} {outcome}' for outcome, count
                         in counts.items() if count)

    def again(self) -> str:
        self._harness.start()
        seen = self._harness.observe()
        for name, value in self._first.items():
            if seen.get(name) != value:
                raise _Lacks(f'{name} was {value} at the first start, and '
                             f'is {seen.get(name)} at the second; forget '
                             'all that was')
        return 'ok'

    def unknown(self) -> str:
        answer = self._harness.call(NO_ACTION, {})
        if answer.outcome != 'not implemented':
            raise _Lacks(f'a call of {NO_ACTION} is {answer.outcome}; say '
                         '"not implemented"')
        return 'ok'

    def stop(self) -> str:
        status = self._harness.stop()
        if status:
            raise _Lacks(f'it ended with status {status}; end with 0')
        return 'ok' if status == 0 else 'ok; it goes on'


__all__ = ['Tried', 'smoke']
