"""One run after the other of a system beside its oracle, each step judged.

A call that does not come back in time is given up: all that talks to the
system runs in a thread of its own, and who waits for it looks at the clock.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from cyborg_models.conformance import suite, verdict
from cyborg_models.conformance.oracle import (
    NONE,
    REFUSED,
    UNKNOWN,
    Divergence,
    Oracle,
    OracleError,
)
from cyborg_models.conformance.suite import HarnessError, System
from cyborg_models.conformance.verdict import Evidence, Failure
from cyborg_models.kernel.language import Action, Codes, Step

Result = TypeVar('Result')
MAY_WAIT = 'wait'  # of a step, as ALL, SOME and NONE
KEPT = 200  # calls whose outcome a failure tells; the first ones are left out


def _wait(s: Any) -> None:
    """At any time."""


#: what a tester may do besides calling an action: give it time
WAIT = Step(Action('wait', 'test -> test: wait until nothing more comes',
                   _wait, {}), ())


class Watch:
    """Runs a job, and gives it up when one call takes too long.

    :param limit: seconds that a call may take
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._since: dict[int, tuple[float, str]] = {}
        self._given_up = False

    def call(self, what: str, function: Callable[..., Result],
             *arguments: Any) -> Result:
        """Call the system, within the job.

        :raises HarnessError: if it raises, or the job was given up
        """
        me = threading.get_ident()
        self._since[me] = time.monotonic(), what
        try:
            found = function(*arguments)
        except (NotImplementedError, HarnessError, InterruptedError):
            raise
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise HarnessError(
                f'{what} raises {type(error).__name__}: {error} '
                f'({place.filename}:{place.lineno}); raise Refused where '
                'the system says no, Unknown where it does not answer'
            ) from error
        finally:
            del self._since[me]
        if self._given_up:
            raise HarnessError(f'{what} came too late')
        return found

    def run(self, job: Callable[[], Result]) -> Result:
        """Do a job; returns what it returns.

        :raises HarnessError: if a call takes longer than the limit
        """
        found: list[Any] = []

        def work() -> None:
            try:
                found[:] = [job(), None]
            except BaseException as error:
                found[:] = [None, error]
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(min(0.1, self.limit / 4))
            now = time.monotonic()
            for since, what in list(self._since.values()):
                if now - since > self.limit and thread.is_alive():
                    self._given_up = True
                    raise HarnessError(
                        f'{what} did not come back within {self.limit:g} '
                        's; let it answer, or give it a larger limit')
        result, error = found
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]


class Session:
    """A system, its oracle, and what was shown so far.

    :param oracle: at its start; it is replaced when a known divergence shows
    :ivar refusable: names of the actions that it must itself refuse
    :ivar calls: what was done in this run, with its outcome
    :ivar missing: names of the actions that could not be called after all
    :ivar found: the known divergences that showed, each a
        :class:`~.verdict.Failure`
    """

    def __init__(self, system: System, oracle: Oracle, evidence: Evidence,
                 watch: Watch, note: Callable[[Failure], None]) -> None:
        self.system, self.oracle = system, oracle
        self.evidence, self.watch, self._note = evidence, watch, note
        self.missing: set[str] = set()
        self.faults: set[str] = set()
        #: cells of two values that faults alone take from where they begin
        self._struck: set[int] = set()
        self._usual: set[int] = set()
        self.mode, self.seed, self.steps = '', 0, 0
        self.calls: list[tuple[Step, str]] = []
        refuses = system.refuses
        self.refusable = frozenset(
            name for name in oracle.controlled
            if not oracle.model.actions[name].fault
            and (refuses is None or name in refuses))

    # what may be done

    def sort(self, step: Step) -> str:
        """What a step would be now: ``ALL``, ``SOME`` or ``NONE`` as the
        oracle says; '' if there is no use in it.
        """
        name = step.action.name
        if step is WAIT:
            return MAY_WAIT if self.oracle.hidden else ''
        if name not in self.oracle.controlled or name in self.missing:
            return ''
        may = self.oracle.may(step)
        if may == NONE and name not in self.refusable:
            return ''
        return may

    # doing it

    def begin(self) -> None:
        """Begin a run where the model starts."""
        self.calls = []
        self.watch.call('start', self.system.start)
        self.oracle.restart()
        self.look()

    def take(self, step: Step) -> None:
        """Do a step, and look.

        :raises Divergence: if the model forbids what came of it
        :raises HarnessError: if the harness breaks
        """
        if step is WAIT:
            self.wait()
            return
        action, before = step.action, self.oracle.states
        may = self.oracle.may(step)
        try:
            outcome = self.watch.call(step.name, self.system.call,
                                      action.name, step.arguments)
        except NotImplementedError:
            self.missing.add(action.name)
            return
        self.steps += 1
        self.calls.append((step, outcome))
        if not action.fault:
            try:
                self._tell(self.oracle.step, action.name, step.arguments,
                           outcome)
            except Divergence as divergence:
                raise (self._met() if outcome == REFUSED else None
                       ) or divergence from None
        elif outcome == UNKNOWN:
            self._tell(self.oracle.step, action.name, step.arguments,
                       UNKNOWN)
        elif outcome != REFUSED:  # else the harness could not
            self.faults.add(action.name)
            self._tell(self.oracle.fault, action.name, step.arguments)
        self.look()
        after = self.oracle.fitting
        self._note_trouble(action, before, after)
        self.evidence.took(before, step, outcome, may, after,
                           self.oracle.seen)

    def _met(self) -> Divergence | None:
        """What a call met that was refused and should not have been: a fault
        that must not come, and came unseen, if what is seen now is as that
        fault alone leaves it.  For what refuses does nothing.
        """
        try:
            self.oracle.copy().observe(self._observed())
        except OracleError as error:
            raise HarnessError(str(error)) from error
        except Divergence as found:
            if found.unseen is not None and found.unseen.action.fault:
                return found
        return None

    def _note_trouble(self, action: Action, before: frozenset[Codes],
                      after: frozenset[Codes]) -> None:
        """Learn which cells are as they are through faults alone."""
        if not self._struck and not action.fault:
            return
        model = self.oracle.model
        cells: Iterable[int] = self._struck if not action.fault else (
            cell for cell, (variable, _) in enumerate(model.cells)
            if len(variable.domain) == 2 and cell not in self._usual)
        switched = {cell for cell in cells if all(
            codes[cell] == model.initial[cell] for codes in before) and all(
                codes[cell] != model.initial[cell] for codes in after)}
        if action.fault:
            self._struck |= switched
        else:
            self._usual |= switched
            self._struck -= switched

    def wait(self) -> None:
        """Give the system the time to do what it has to, and look.

        :raises Divergence: if that is not what the model has to come
        """
        before = self.oracle.states
        self.calls.append((WAIT, ''))
        self.watch.call('wait', self.system.wait)
        self._tell(self.oracle.quiet, self._observed())
        self.evidence.came(before, self.oracle.fitting, self.oracle.seen)

    def look(self) -> None:
        """Observe the system.

        :raises Divergence: if the model cannot be where it is
        """
        self._tell(self.oracle.observe, self._observed())

    def _observed(self) -> Mapping[str, Any]:
        values = self.watch.call('observe', self.system.observe)
        if not hasattr(values, 'items'):
            raise HarnessError(f'observe returns {values!r}; return a dict, '
                               'name -> value')
        return values

    def together(self, steps: Sequence[Step]) -> None:
        """Do several steps at once, each in a thread of its own, and look.

        :raises Divergence: if no order of them gives what came
        """
        events: list[tuple[int, str]] = []  # (which step, '' or outcome)
        broken: list[Exception] = []
        barrier = threading.Barrier(len(steps))

        def caller(which: int, step: Step) -> None:
            try:
                barrier.wait(self.watch.limit)
                events.append((which, ''))
                events.append((which, self.watch.call(
                    step.name, self.system.call, step.action.name,
                    step.arguments)))
            except Exception as error:
                broken.append(error)
        threads = [threading.Thread(target=caller, args=pair, daemon=True)
                   for pair in enumerate(steps)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error in broken:
            if isinstance(error, NotImplementedError):
                raise HarnessError(
                    'an action is not implemented in a concurrent call, and '
                    'was before; implement it always or never') from error
            raise error
        # All of them came about, whichever of them the model forbids.
        self.calls += [(steps[which], f'{outcome}, overlapping')
                       for which, outcome in events if outcome]
        self.steps += len(steps)
        calls: dict[int, int] = {}
        for which, outcome in events:
            if outcome:
                self._tell(self._reply, calls, which, outcome)
            else:
                self._tell(self._call, calls, which, steps[which])
        self.look()

    def _call(self, calls: dict[int, int], which: int, step: Step) -> None:
        calls[which] = self.oracle.call(step.action.name, step.arguments)

    def _reply(self, calls: dict[int, int], which: int,
               outcome: str) -> None:
        self.oracle.reply(calls[which], outcome)

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except OracleError as error:
            raise HarnessError(str(error)) from error
        except Divergence as divergence:
            self._past(divergence)

    def _past(self, divergence: Divergence) -> None:
        """Go on past a known divergence, or raise it."""
        for name in self.system.known:
            if name in self.oracle.defects:
                continue
            oracle = self.oracle.with_defect(name)
            try:
                divergence.again(oracle)
            except Divergence:
                continue
            self.oracle = oracle
            self._note(self.failure(divergence, known=name))
            return
        raise divergence

    def failure(self, divergence: Divergence, known: str = '') -> Failure:
        """A divergence of this run, with how it came about."""
        played = tuple(step for step, _ in self.calls)
        return Failure(
            self.mode, self.seed, self.steps, tuple(
                f'{step.name}{f": {outcome}" if outcome else ""}'
                for step, outcome in self.calls[-KEPT:]), played,
            divergence, verdict.fails(
                divergence, self.system, suite.declared(self.system)),
            known)

    def key(self) -> frozenset[Any]:
        """What is known of where the system is: equal where nothing tells
        two runs apart.
        """
        return self.oracle.configurations

    def reasons(self, step: Step) -> set[Any]:
        """Why a step is forbidden now: where all of these were met before,
        nothing new comes of trying it.

        It is what the step reads of the states; and while something is as it
        is through faults alone, the action, its guard, and that.
        """
        tree, first = self.evidence.tree(step), self.oracle.model.initial
        fitting = self.oracle.fitting
        found: set[Any] = {(step.name, frozenset(
            tree.reads(codes) for codes in fitting))}
        if self._struck:
            codes = min(fitting)
            troubles = frozenset(cell for cell in self._struck
                                 if codes[cell] != first[cell])
            if troubles:
                found.add((step.action.name, tree(codes), troubles))
        return found


__all__ = ['MAY_WAIT', 'WAIT', 'Session', 'Watch']
