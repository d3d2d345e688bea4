"""The ways to test a system against its model.

``explore``
    Hypothesis takes steps, steered to what was not tried yet: calls that the
    model has possible, and calls that it forbids, once for each reason: for
    what the action reads, and for what is in trouble through faults.
    Options: ``steps``, ``cover`` (per cent of the model's edges; needs a
    system of which everything is called and seen), ``pins`` (a folder of
    failing runs that are played first, and to which new ones are added).
``faults``
    the same, with the faults that the system has a method for.
``repeat``
    each call is made twice.  Option: ``steps``.
``exhaustive``
    every sequence of calls of a length.  Options: ``depth``, ``steps`` at
    most.
``concurrent``
    after a walk, several calls at once from as many threads: some order of
    them must give what came.  Option: ``rounds``.
``vectors``
    the shipped vectors of the system's configuration.

Each mode goes on after a divergence, and tells the same one once only, with
the fewest steps that still show it; calls that overlap are made again up to
``TRIES`` times for that, since they need luck.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import SkipTest

import hypothesis
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS

from cyborg_models import machine
from cyborg_models.conformance import suite, verdict
from cyborg_models.conformance.explorer import SHRINK, Explorer
from cyborg_models.conformance.oracle import (
    NONE,
    Divergence,
    Oracle,
    Undecided,
)
from cyborg_models.conformance.session import WAIT, Session, Watch
from cyborg_models.conformance.suite import HarnessError, System
from cyborg_models.conformance.verdict import (
    Evidence,
    Failure,
    ModeResult,
    Outcome,
    Report,
    kind_of,
)
from cyborg_models.kernel.language import Guard, ModelError, Step
from cyborg_models.kernel.trace import follow
from cyborg_models.registry import InputError, near

TRIES = 6  # how often calls overlap anew before they are said to do no harm
FAILURES = 50  # after which a mode stops
TOLD = 8  # calls that are told of a run in which the harness broke
WALK = 12  # steps at most before calls overlap
PINNED = 'cyborg-models calls 1'  # the format of a pin


class _Mode:
    """One mode of a run: what all of them need."""

    def __init__(self, session: Session, found: list[Failure], name: str,
                 options: dict[str, Any]) -> None:
        self.session, self.found = session, found
        self.result = ModeResult(name, options.get('seed', 0))
        self.options = options

    def explorer(self, **more: Any) -> Explorer:
        """One that knows what was found already."""
        made = Explorer(self.session, self.result.seed,
                        shrink=self.options.get('shrink', SHRINK), **more)
        made.seen = {failure.kind for failure in self.found}
        return made

    def guard(self, explorer: Explorer, work: Callable[[], None]) -> bool:
        """Do some work; what fails is shrunk and kept.  False once there
        is no use in going on.
        """
        try:
            work()
        except machine.Failed:
            try:
                if _again(explorer):
                    _chop(explorer)
                    machine.trim(explorer)
            except HarnessError:
                pass  # a failure was seen all the same
            self._keep(explorer)
        return len(self.found) < FAILURES

    def _keep(self, explorer: Explorer) -> None:
        result = explorer.result
        failure: Failure = result.failure.detail
        failure.steps = result.steps
        failure.steady = result.steady
        self.found.append(failure)
        explorer.seen.add(failure.kind)
        result.failure = result.found = result.run = None
        result.shrinking, explorer.over = 0, True

    def need(self, count: str, why: str) -> None:
        """Call the mode skipped if it counted none of what it is for, and
        nothing failed.
        """
        if not self.result.counts.get(count) and not self.found:
            self.result.skipped = why

    def sum_up(self, explorer: Explorer) -> ModeResult:
        """The figures of an explorer."""
        result, of = self.result, explorer.result
        result.steps, result.runs = of.steps, of.runs
        result.states, result.edges = of.states, explorer.edges
        return result


def _again(explorer: Explorer) -> bool:
    """Does the run that failed fail again?"""
    result = explorer.result
    try:
        machine.replay(explorer, list(result.run.steps))
        result.steady = False
    except machine.Failed:
        result.steady = True
    return bool(result.steady)


def _chop(explorer: Explorer) -> None:
    """Leave out long parts of a run that fails just the same, so that it
    does not cost much to trim.
    """
    size = len(explorer.result.run.steps) // 2
    while size > 1:
        steps = list(explorer.result.run.steps)
        for start in range(0, len(steps), size):
            try:
                machine.replay(explorer, steps[:start] + steps[
                    start + size:])
            except machine.Failed:
                break
        if len(explorer.result.run.steps) >= len(steps):
            size //= 2


def explore(mode: _Mode, steps: int = 6000, cover: int | None = None,
            pins: str | None = None, faults: bool = False) -> ModeResult:
    """See the module: steered steps."""
    explorer = mode.explorer(faults=faults)
    kept = len(mode.found)
    for played in _pins(mode.session, pins):
        mode.result.counts['pins'] = mode.result.counts.get('pins', 0) + 1
        mode.guard(explorer, lambda played=played: machine.replay(
            explorer, played))
    going = True
    while going and explorer.result.steps < steps:
        before = explorer.result.steps
        going = mode.guard(explorer, lambda: _generate(
            explorer, steps - explorer.result.steps)) and (
            explorer.result.steps > before)
    for failure in mode.found[kept:]:
        _pin(mode.session, pins, failure)
    mode.sum_up(explorer)
    if cover is not None:
        _cover(mode, cover)
    return mode.result


def _generate(explorer: Explorer, budget: int) -> None:
    """Take steps as Hypothesis, steered by the explorer, has them.

    They are drawn one by one in a strategy of its own, which costs half of
    what a rule-based state machine does; what fails is shrunk here.

    :param budget: how many at most
    :raises machine.Failed: once something has failed
    """
    length = min(machine.STEPS, budget)
    numbers = st.integers(0, 2 * explorer.count - 1)
    name = f'cyborg-models-{id(explorer)}'
    AVAILABLE_PROVIDERS[name] = machine.backend(explorer)

    broken: list[Exception] = []

    @st.composite
    def runs(draw: Any) -> None:
        if broken:  # Hypothesis tries it anew; it is told as it was
            raise broken[0]
        try:
            explorer.begin()
            for _ in range(length):
                explorer.plain = True
                number = draw(numbers)
                # Of its first example Hypothesis draws nothing.
                explorer.take(explorer.choose() if explorer.plain
                              else number)
        except (HarnessError, Undecided, ModelError) as error:
            broken.append(error)
            raise

    @hypothesis.seed(explorer.result.seed)
    @hypothesis.settings(
        backend=name, max_examples=max(1, budget // length),
        deadline=None, database=None, derandomize=False,
        report_multiple_bugs=False, print_blob=False,
        phases=(hypothesis.Phase.generate,),
        verbosity=hypothesis.Verbosity.quiet,
        suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(runs())
    def steps(_: None) -> None:
        """All is done while it is drawn."""

    try:
        steps()
    except Flaky:  # it is seen to below whether it fails again
        pass
    finally:
        del AVAILABLE_PROVIDERS[name]
    if broken:
        raise broken[0]
    if explorer.result.failure is not None:
        raise explorer.result.failure


def faults(mode: _Mode, steps: int = 6000,
           pins: str | None = None) -> ModeResult:
    """See the module: steered steps, with faults."""
    if not any(mode.session.oracle.model.actions[name].fault
               for name in mode.session.oracle.controlled):
        mode.result.skipped = 'there is no method for a fault'
        return mode.result
    return explore(mode, steps, None, pins, True)


def repeat(mode: _Mode, steps: int = 1000) -> ModeResult:
    """See the module: each call twice."""
    explorer = mode.explorer()

    def work() -> None:
        explorer.begin()
        while explorer.result.steps < steps:
            explorer.take(explorer.choose())
            step = explorer.run.steps[-1] if explorer.run.steps else WAIT
            if step is not WAIT:
                again = explorer.take_step(step)
                counts['repeated'] = counts.get('repeated', 0) + again
    counts = mode.result.counts
    while mode.guard(explorer, work) and explorer.result.steps < steps:
        pass
    mode.need('repeated', 'no call could be made twice: the model forbids '
              'the second, and the system need not refuse it')
    return mode.sum_up(explorer)


def exhaustive(mode: _Mode, depth: int = 3, steps: int = 20_000
               ) -> ModeResult:
    """See the module: every sequence of a length."""
    explorer = mode.explorer()
    heap: list[tuple[Step, ...]] = [()]

    def work() -> None:
        while heap and explorer.result.steps < steps:
            prefix = heap.pop()
            machine.replay(explorer, prefix)
            if len(explorer.run.steps) < len(prefix) or explorer.over:
                continue  # it went another way this time
            for step in explorer.callable('forbidden'):
                explorer.take_step(step)
            if len(prefix) < depth:
                heap.extend((*prefix, step) for step
                            in reversed(explorer.callable('possible')))
            else:
                mode.result.counts['sequences'] = (
                    mode.result.counts.get('sequences', 0) + 1)
    while mode.guard(explorer, work) and heap and (
            explorer.result.steps < steps):
        pass
    if heap:
        mode.result.notes.append(
            f'exhaustive to depth {depth} was not finished: {steps:,} steps '
            'did not suffice; allow more, or less depth')
    return mode.sum_up(explorer)


def concurrent(mode: _Mode, rounds: int = 100) -> ModeResult:
    """See the module: calls that overlap."""
    session = mode.session
    callers = session.system.callers
    if callers < 2:
        mode.result.skipped = 'one caller at a time is declared'
        return mode.result
    explorer = mode.explorer()
    chance = random.Random(mode.result.seed)
    counts = mode.result.counts

    def work() -> None:
        while counts.get('rounds', 0) < rounds:
            counts['rounds'] = counts.get('rounds', 0) + 1
            explorer.begin()
            for _ in range(chance.randrange(WALK + 1)):
                if explorer.over or not explorer.callable('possible'):
                    break
                explorer.take_step(chance.choice(
                    explorer.callable('possible')))
            steps = _overlapping(explorer, chance, callers)
            if len(steps) < 2:
                continue
            counts['overlapping'] = counts.get('overlapping', 0) + len(steps)
            explorer.result.steps += len(steps)
            explorer.run.steps.extend(steps)
            try:
                session.together(steps)
            except Divergence as divergence:
                explorer.over = True
                if kind_of(divergence) not in explorer.seen:
                    _raced(mode, explorer, session.failure(divergence),
                           steps)
    while mode.guard(explorer, work) and counts.get('rounds', 0) < rounds:
        pass
    mode.need('overlapping', 'no two calls were possible at once')
    return mode.sum_up(explorer)


def _overlapping(explorer: Explorer, chance: random.Random,
                 callers: int) -> list[Step]:
    """Steps to take at once: those that get in each other's way first."""
    steps = [step for step in explorer.callable('possible')
             if step is not WAIT and not step.action.fault]
    if not steps:
        return []
    chance.shuffle(steps)
    model = explorer.model
    codes = min(explorer.session.oracle.fitting)

    def hinders(one: Step, other: Step) -> bool:
        after = follow(model, codes, one)
        return not isinstance(after, Guard) and isinstance(
            follow(model, after, other), Guard)
    first = steps[0]
    rest = sorted([*steps[1:], first], key=lambda step: not (
        hinders(first, step) or hinders(step, first)))
    return [first, *rest[:callers - 1]]


def _raced(mode: _Mode, explorer: Explorer, failure: Failure,
           calls: list[Step]) -> None:
    """Keep a failure of calls that overlap: with the fewest of them, and
    then of the steps before them, that still show it.
    """
    result = explorer.result
    result.failure = machine.Failed(failure.kind, failure)
    result.run = explorer.run

    def shows(before: list[Step], at_once: list[Step]) -> bool:
        for _ in range(TRIES):
            again = _race(explorer, before, at_once)
            if again is not None:
                result.failure = machine.Failed(again.kind, again)
                return True
        return False

    steps = list(failure.played[:-len(calls)])
    try:
        result.steady = shows(steps, calls)
        if result.steady:
            calls = _fewest(calls, 2, lambda fewer: shows(steps, fewer))
            _fewest(steps, 0, lambda fewer: shows(fewer, calls))
    except HarnessError:
        pass  # a failure was seen all the same
    mode._keep(explorer)


def _race(explorer: Explorer, before: list[Step],
          at_once: list[Step]) -> Failure | None:
    """Take steps, then some at once; the failure that is looked for, if
    that is what comes of it.
    """
    session, result = explorer.session, explorer.result
    if result.shrinking + len(before) + len(at_once) > explorer.shrink:
        return None
    try:
        machine.replay(explorer, before)
        if explorer.over or any(
                session.sort(step) in ('', NONE) for step in at_once):
            return None
        result.shrinking += len(at_once)
        session.together(at_once)
    except machine.Failed as failed:  # they need not overlap
        return failed.detail  # type: ignore[no-any-return]
    except Divergence as divergence:
        explorer.over = True
        if kind_of(divergence) == result.failure.name:
            return session.failure(divergence)
    return None


def _fewest(steps: list[Step], least: int,
            shows: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave out parts of half the size, and so on down to one step, without
    which it shows just the same.
    """
    size = max(1, len(steps) // 2)
    while size:
        place = len(steps)
        while place > 0:
            fewer = steps[:max(0, place - size)] + steps[place:]
            place -= size
            if len(fewer) >= least and shows(fewer):
                steps = fewer
        size //= 2
    return steps


def vectors(mode: _Mode, folder: str | None = None) -> ModeResult:
    """See the module: the shipped vectors."""
    from cyborg_models.conformance import vectors as shipped

    session = mode.session
    chosen = suite.chosen(session.system)
    every = shipped.of(chosen, folder)
    if not every:
        mode.result.skipped = f'there are no vectors for {chosen.title}'
        return mode.result
    explorer = mode.explorer(faults=True)
    able = session.oracle.controlled | session.oracle.hidden
    counts = mode.result.counts
    counts.update(dict.fromkeys(('played', 'not callable', 'left'), 0))
    for vector in every:
        played = [step for step in vector.steps
                  if step.action.name in session.oracle.controlled]
        if not {step.action.name for step in vector.steps} <= able or (
                vector.refused
                and vector.steps[-1].action.name not in session.refusable):
            counts['not callable'] += 1
            continue

        def work(vector: Any = vector, played: Any = played) -> None:
            explorer.begin()
            for step in played:
                if explorer.over or not _come(explorer, step) or (
                        not explorer.take_step(step)):
                    counts['left'] += not explorer.over
                    return
            counts['played'] += 1
        if not mode.guard(explorer, work):
            break
    mode.need('played', 'the system was not led to the end of any vector')
    if counts['left']:
        mode.result.notes.append(
            f'{counts["left"]:,} vectors were not played to their end: the '
            'system went another way, which the model allows, or failed')
    return mode.sum_up(explorer)


def _come(explorer: Explorer, step: Step) -> bool:
    """Wait, once, for what must come before a step; False if it fails."""
    session = explorer.session
    if session.oracle.hidden and session.oracle.may(step) == NONE:
        explorer.take_step(WAIT)
    return not explorer.over


MODES: dict[str, Callable[..., ModeResult]] = {
    'vectors': vectors, 'explore': explore, 'exhaustive': exhaustive,
    'repeat': repeat, 'faults': faults, 'concurrent': concurrent}


def _cover(mode: _Mode, percent: int) -> None:
    """Refuse an exploration that saw too little."""
    session = mode.session
    if session.oracle.hidden or session.oracle.observed != frozenset(
            session.oracle.model.variables):
        raise InputError('the edges of a system that is seen in part cannot '
                         'be counted; leave out the coverage')
    known = _edges(session)
    mode.result.counts['known edges'] = known
    if mode.result.edges * 100 < known * percent:
        mode.result.notes.append(
            f'{mode.result.edges:,} of {known:,} edges were taken '
            f'({mode.result.edges * 100 // known} %), and {percent} % are '
            'asked for; allow more steps')


def _edges(session: Session) -> int:
    """How many edges the callable actions have, faults apart."""
    model = session.oracle.model
    names = {name for name in session.oracle.controlled
             if not model.actions[name].fault}
    steps = [step for step in model.steps if step.action.name in names]
    heap, seen, edges = [model.initial], {model.initial}, 0
    while heap:
        here = heap.pop()
        for step in steps:
            writes = session.evidence.tree(step)(here)
            if writes.__class__ is Guard:
                continue
            edges += 1
            after = list(here)
            for cell, code in writes:
                after[cell] = code
            if tuple(after) not in seen:
                seen.add(tuple(after))
                heap.append(tuple(after))
    return edges


# Pins

def _pins(session: Session, folder: str | None) -> Iterator[list[Step]]:
    """The pinned runs of a system's configuration."""
    if folder is None or not os.path.isdir(folder):
        return
    chosen = suite.chosen(session.system)
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.calls.json'):
            continue
        path = os.path.join(folder, name)
        try:
            with open(path, encoding='utf-8') as file:
                data = json.load(file)
            if data['format'] != PINNED:
                raise ValueError(f'format {data["format"]!r}')
            if (data['model'], data['settings']) != (
                    chosen.name, chosen.differs):
                continue
            yield [_step_of(session.oracle, *row) for row in data['calls']]
        except (OSError, ValueError, LookupError, TypeError,
                InputError) as error:
            raise HarnessError(
                f'{path}: the pin cannot be used: {error}; take the file '
                'away, or pin the failure anew') from None


def _step_of(oracle: Oracle, name: str, arguments: Sequence[int]) -> Step:
    return WAIT if name == WAIT.action.name else oracle.step_of(
        name, arguments)


def _pin(session: Session, folder: str | None, failure: Failure) -> None:
    if folder is None:
        return
    os.makedirs(folder, exist_ok=True)
    chosen = suite.chosen(session.system)
    path = os.path.join(folder, '-'.join((chosen.name, *filter(
        None, failure.kind))) + '.calls.json')
    with open(path, 'w', encoding='utf-8') as file:
        json.dump({'format': PINNED, 'model': chosen.name,
                   'settings': chosen.differs,
                   'requirement': failure.requirement,
                   'why': failure.divergence.why,
                   'calls': [[step.action.name, list(step.arguments)]
                             for step in failure.played]}, file, indent=1)
        file.write('\n')


# Running

def run(system: System, modes: Mapping[str, Mapping[str, Any]],
        seed: int = 0, only: str = '') -> Outcome:
    """Run a system in some modes.

    :param modes: name of a mode -> its options
    :param only: the targets of the command line that repeats it, and what
        else that has beside mode, seed and the modes' options
    :raises InputError: if what is declared or asked for cannot be
    """
    chosen = suite.chosen(system)
    suite.declared(system)
    for name in modes:
        if name not in MODES:
            raise InputError(f'there is no mode {name!r}; '
                             f'{near(name, MODES)}')
    model = chosen.model
    for name in system.known:
        if name not in model.defects:
            raise InputError(f'{chosen.title} has no defect {name!r}, which '
                             f'is said to be known; '
                             f'{near(name, model.defects)}')
    outcome = Outcome(chosen.title, verdict.carried(model), chosen.set)
    command = f'cyborg-models conform run {only or type(system).__name__}'

    def repeat(mode: str, of: int) -> str:
        given = ''.join(f' --{key} {modes[mode][key]}' for key in (
            'steps', 'depth', 'rounds') if key in modes[mode])
        return f'{command} --mode {mode} --seed {of}{given}'
    watch = Watch(system.limit)
    session = None
    try:
        names = watch.run(lambda: watch.call(
            'actions', system.actions, model.actions))
        oracle = Oracle(chosen, sorted(names), system.hidden,
                        system.observed)
        if not names:
            raise InputError(f'{type(system).__name__} has no method for an '
                             f'action of {chosen.name}; write '
                             f'do_{next(iter(model.actions))}, say')
        evidence = Evidence(model, oracle.hidden)
        session = Session(system, oracle, evidence, watch,
                          outcome.failures.append)
        for name, options in modes.items():
            outcome.modes.append(_run_mode(
                session, outcome, name, {'seed': seed, **options}))
            if outcome.interrupted:
                break
    except HarnessError as error:
        outcome.error = str(error)
        if session is not None:
            outcome.last = ', '.join(
                step.name for step, _ in session.calls[-TOLD:])
            outcome.repeat = repeat(session.mode, session.seed)
    finally:
        if session is not None:
            _sum_up(outcome, session, system)
        _stop(system, outcome)
    for one in (*outcome.failures, *outcome.modes):
        one.repeat = repeat(one.mode, one.seed)
    return outcome


def _run_mode(session: Session, outcome: Outcome, name: str,
              options: dict[str, Any]) -> ModeResult:
    mode = _Mode(session, outcome.failures, name, options)
    session.mode, session.seed = name, mode.result.seed
    session.steps = 0
    given = {key: value for key, value in options.items()
             if key not in ('seed', 'shrink')}
    began = time.monotonic()
    try:
        result = session.watch.run(lambda: MODES[name](mode, **given))
    except Undecided as undecided:
        result = mode.result
        result.notes.append(str(undecided))
    except KeyboardInterrupt:
        result = mode.result
        result.notes.append(verdict.INTERRUPTED)
    except ModelError as error:
        raise HarnessError(f'the model broke: {error}') from error
    result.seconds = time.monotonic() - began
    result.notes += [f'do_{one} is there and raises NotImplementedError'
                     for one in sorted(session.missing)]
    return result


def _sum_up(outcome: Outcome, session: Session, system: System) -> None:
    oracle = session.oracle
    outcome.evidence = {
        name: tuple(shown)
        for name, shown in session.evidence.found.items()}
    outcome.unseen = {name: verdict.unseen(
        oracle.model, name, session.evidence.observed, oracle.hidden)
        for name in outcome.carried}
    able = (oracle.controlled | oracle.hidden) - session.missing
    outcome.missing = tuple(
        name for name, action in oracle.model.actions.items()
        if name not in able and not action.fault)
    outcome.faults = tuple(sorted(session.faults))


def _stop(system: System, outcome: Outcome) -> None:
    watch = Watch(system.limit)
    try:
        watch.run(lambda: watch.call('stop', system.stop))
    except (HarnessError, NotImplementedError) as error:
        outcome.error = outcome.error or str(error)


def report(systems: Sequence[System], modes: Mapping[str, Mapping[str, Any]],
           seed: int = 0, reviews: Mapping[str, tuple[bool, str]] | None
           = None, only: str = '') -> Report:
    """Run systems that are one implementation, each of a model of its own.

    :returns: one verdict for each requirement, from all of them
    :raises InputError: if they do not declare the same
    """
    if not systems:
        raise InputError('there is no system to run; name one')
    first = systems[0]
    for other in systems[1:]:
        for key in ('roles', 'capabilities', 'implementation', 'known'):
            if getattr(other, key) != getattr(first, key):
                raise InputError(
                    f'{type(other).__name__} and {type(first).__name__} '
                    f'differ in {key}; one report is of one implementation')
        if suite.declared(other) is not suite.declared(first):
            raise InputError(f'{type(other).__name__} and '
                             f'{type(first).__name__} are of two contracts; '
                             'make two reports')
    declared, outcomes = suite.declared(first), []
    for system in systems:
        outcomes.append(run(system, modes, seed, only))
        if outcomes[-1].interrupted:
            break
    return Report(first, declared, outcomes, seed, reviews or {})


def test(system: Any, mode: str, options: Mapping[str, Any]) -> None:
    """Run one mode as a test: it fails with the report of what failed.

    A known divergence is told and is no failure of the test: of the verdict
    it is.

    :raises AssertionError: if a requirement fails
    :raises HarnessError: if the test itself broke
    """
    from cyborg_models.conformance import report as reports

    seed = int(os.environ.get('CYBORG_MODELS_SEED', '0'))
    outcome = run(system, {mode: options}, seed,
                  f'{type(system).__module__}:{type(system).__qualname__}')
    kind = type(system)
    if 'outcomes' not in vars(kind):
        kind.outcomes = []
    kind.outcomes.append(outcome)
    if outcome.error:
        raise HarnessError(f'{outcome.error} (done before: '
                           f'{outcome.last or "nothing"})')
    new = [failure for failure in outcome.failures if not failure.known]
    if new:
        raise AssertionError('\n\n'.join(
            reports.failure_text(failure) for failure in new))
    for result in outcome.modes:
        if result.skipped:
            raise SkipTest(result.skipped)


__all__ = ['MODES', 'report', 'run', 'test']
