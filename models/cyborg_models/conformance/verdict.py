"""What a run shows of each requirement.

A requirement *passes* only on evidence: something happened that would have
been a failure of it, had the system done otherwise.  Evidence is

* a call that was refused where one guard forbids it: of the guard;
* a call that was done where the model has it possible in every state: of what
  more than half of the action's guards are there for, or else of what had to
  come and came by it;
* a step after which an invariant holds, if the step changed a variable that
  the invariant reads, if another value of one that was seen would have broken
  it, and if no other value of one that is never seen would: of the invariant;
* a hidden step that a guard forbids and that would have been seen: of the
  guard;
* what must come, and came; what can be reached, and was.

Of several states that fit, all have to say so.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cyborg_models.conformance import blame, contract
from cyborg_models.conformance.oracle import (
    ALL,
    NONE,
    OK,
    REFUSED,
    Divergence,
)
from cyborg_models.conformance.suite import System
from cyborg_models.kernel.describe import requirements
from cyborg_models.kernel.language import (
    Codes,
    Guard,
    Model,
    ModelError,
    Property,
    Step,
    successor,
)
from cyborg_models.kernel.trees import Tree

PASS, FAIL = 'pass', 'fail'
NOT_APPLICABLE, NOT_IMPLEMENTED = 'not applicable', 'not implemented'
INCONCLUSIVE = 'inconclusive'
VERDICTS = (INCONCLUSIVE, FAIL, PASS, NOT_IMPLEMENTED, NOT_APPLICABLE)
CONFORMANT, DIVERGENT, OPEN, BROKEN = range(4)  # exit codes
WORDS = {CONFORMANT: 'conformant by test', DIVERGENT: 'divergent',
         OPEN: 'inconclusive', BROKEN: 'harness error'}
INTERRUPTED = 'it was interrupted'  # what is noted of a mode
STATES = 32  # that have to agree; more tell nothing
NAMED = 4  # actions or variables that a reason names
TRIES = 400  # states that one rule is looked at in without finding evidence


@dataclass
class Failure:
    """A divergence, and how it came about.

    :ivar mode: in which it was found
    :ivar seed: of the run
    :ivar steps: how many steps it took to find it
    :ivar calls: what was done and how it ended, as texts, to the last
    :ivar played: the steps of these calls, to play them again
    :ivar divergence: what the model forbids
    :ivar requirement: the id that fails
    :ivar known: the defect that describes it, or ''
    :ivar steady: False if it did not show again when it was repeated
    :ivar repeat: the command that repeats it
    """

    mode: str
    seed: int
    steps: int
    calls: tuple[str, ...]
    played: tuple[Step, ...]
    divergence: Divergence
    requirement: str
    known: str = ''
    steady: bool = True
    repeat: str = ''

    @property
    def kind(self) -> tuple[str, str, str]:
        """What two failures have in common that are one."""
        return kind_of(self.divergence)


def kind_of(divergence: Divergence) -> tuple[str, str, str]:
    """What divergences have in common that are one: requirement, kind of
    event, and the action.
    """
    event = divergence.event
    last = event.step or (divergence.prefix.steps or [None])[-1]
    return (divergence.requirement, event.kind,
            last.action.name if last else '')


@dataclass
class Verdict:
    """What came out for one requirement.

    :ivar verdict: one of ``VERDICTS``
    :ivar evidence: what shows it, for a pass
    :ivar reason: for all others
    :ivar known: the defect that is known to break it, or ''
    :ivar lines: of a log: in how many its guards held, and in how many one
        of them refused; None where there is no log
    """

    verdict: str
    reason: str = ''
    evidence: tuple[str, ...] = ()
    known: str = ''
    lines: tuple[int, int] | None = None


class Evidence:
    """Collects what shows that requirements are kept.

    :param hidden: names of the actions that are taken unseen
    :param tries: in how many states a rule is looked at without finding
        evidence
    :ivar found: requirement -> what shows it, once each
    :ivar observed: names of the variables of which something was ever seen
    :ivar taken: how often each action was taken, by name
    """

    def __init__(self, model: Model, hidden: Iterable[str],
                 tries: int = TRIES) -> None:
        self.model, self._most = model, tries
        self.found: dict[str, dict[str, None]] = {}
        self.taken: collections.Counter[str] = collections.Counter()
        self._tries: collections.Counter[Any] = collections.Counter()
        self._owed: dict[Step, str] = {}
        self.observed: set[str] = set()
        self._eyes: set[int] = set()  # the cells of these
        self._looked: set[tuple[Step, Codes]] = set()
        self._trees = {step: Tree(model, step.action.body, step.arguments,
                                  False) for step in model.steps}
        self._hidden = [step for step in model.steps
                        if step.action.name in frozenset(hidden)]
        self._rules = [
            _Rule(model, prop, arguments)
            for prop in model.properties.values()
            for arguments in itertools.product(*prop.sets.values())]

    def _add(self, requirement: str, what: str) -> None:
        self.found.setdefault(requirement, {})[what] = None

    def took(self, before: frozenset[Codes], step: Step, outcome: str,
             may: str, after: frozenset[Codes],
             seen: Sequence[int]) -> None:
        """A step was taken, and all was allowed.

        :param before: the states before, and what could come untold
        :param after: the states that fit what was seen after it
        :param seen: the cells that were seen
        """
        self.taken[step.action.name] += outcome == OK
        if len(before) > STATES or len(after) > STATES:
            return
        if outcome != OK:  # of what is unknown nothing is shown
            if outcome == REFUSED and may == NONE:
                self._refused(before, step)
            return
        # What came of a fault is shown by who looks; the rest by being done.
        if may == ALL and (seen or not step.action.fault):
            if step not in self._owed:
                self._owed[step] = next(iter(blame.surely_owed(
                    self.model, step, min(before))), '')
            if self._owed[step]:
                self._add(self._owed[step], step.action.name)
        self._changed(before, after, seen)

    def tree(self, step: Step) -> Tree:
        """What the sound model makes of a step."""
        return self._trees[step]

    def _refused(self, states: frozenset[Codes], step: Step) -> None:
        requirement = self.denied_by(states, step)
        if requirement:
            self._add(requirement, f'{step.action.name} refused')

    def denied_by(self, states: frozenset[Codes], step: Step) -> str:
        """The requirement whose guards forbid a step in all of the states;
        '' if it is not one.
        """
        guards = {self._trees[step](codes) for codes in states}
        found = {guard.requirement if guard.__class__ is Guard else ''
                 for guard in guards}
        return found.pop() if len(found) == 1 else ''

    def came(self, before: frozenset[Codes], after: frozenset[Codes],
             seen: Sequence[int]) -> None:
        """Something came by itself, and all was allowed."""
        if len(before) <= STATES and len(after) <= STATES:
            self._changed(before, after, seen)

    def _changed(self, before: frozenset[Codes], after: frozenset[Codes],
                 seen: Sequence[int]) -> None:
        if not self._eyes.issuperset(seen):
            self.observed.update(self.model.cells[cell][0].name
                                 for cell in seen)
            self._eyes.update(
                cell for cell, (variable, _) in enumerate(self.model.cells)
                if variable.name in self.observed)
        if self._rules:
            self._holding(before, after, seen)
        for step in self._hidden:
            self._not_taken(step, after, seen)

    def _holding(self, before: frozenset[Codes], after: frozenset[Codes],
                 seen: Sequence[int]) -> None:
        first = min(before)  # of many that fit, one was
        changed = {cell for codes in after for cell, (one, other)
                   in enumerate(zip(first, codes, strict=True))
                   if one != other}
        done = False
        for rule in self._rules:
            prop, tree = rule.prop, rule.tree
            if prop.kind == 'always':
                shown = all(
                    not changed.isdisjoint(tree.cells(codes))
                    and not rule.breaks(codes).isdisjoint(seen)
                    and rule.breaks(codes) <= self._eyes for codes in after)
            elif prop.kind == 'eventually':
                shown = all(_waits(tree(codes)) for codes in before) and all(
                    not _waits(tree(codes)) for codes in after)
            else:
                shown = all(tree(codes) for codes in after)
            if shown:
                self._add(prop.requirement, prop.name)
            done = done or shown or rule.tries > self._most
        if done:  # they need not be looked at again
            self._rules = [
                rule for rule in self._rules if rule.tries <= self._most
                and rule.prop.name not in self.found.get(
                    rule.prop.requirement, ())]

    def _not_taken(self, step: Step, states: frozenset[Codes],
                   seen: Iterable[int]) -> None:
        """A hidden step that is forbidden, and would have been seen."""
        guards = {self._trees[step](codes) for codes in states}
        if len(guards) != 1:
            return
        guard = next(iter(guards))
        if guard.__class__ is not Guard:
            return
        what = f'no {step.action.name}'
        codes = min(states)
        if what in self.found.get(guard.requirement, ()) or (
                self._tries[step, guard] > self._most // 10
                or (step, codes) in self._looked):
            return
        self._tries[step, guard] += 1
        found = blame.but_for_one(self.model, codes, step)
        if found is not None and any(
                found[1][cell] != codes[cell] for cell in seen):
            self._add(guard.requirement, what)


class _Rule:
    """A property with its arguments, and what it makes of states.

    :ivar tree: what it says of a state
    :ivar tries: of how many states it was found out what breaks it
    """

    def __init__(self, model: Model, prop: Property,
                 arguments: tuple[int, ...]) -> None:
        self.prop, self._model = prop, model
        self.tree = Tree(model, prop.body, arguments, True)
        self.tries = 0
        self._breaks: dict[Codes, frozenset[int]] = {}

    def breaks(self, codes: Codes) -> frozenset[int]:
        """The cells of which another value breaks it, by itself."""
        found = self._breaks.get(codes)
        if found is None:
            self.tries += 1
            found = self._breaks[codes] = frozenset(
                cell for cell in self.tree.cells(codes)
                if self._breakable(codes, cell))
        return found

    def _breakable(self, codes: Codes, cell: int) -> bool:
        for code in range(len(self._model.cells[cell][0].domain)):
            try:
                if not self.tree(successor(codes, ((cell, code),))):
                    return True
            except ModelError:  # values that never meet
                continue
        return False


def _waits(pair: Any) -> bool:
    called, come = pair
    return bool(called and not come)


def carried(model: Model) -> frozenset[str]:
    """The requirements that a model's guards and properties carry."""
    return frozenset(itertools.chain(
        (requirement for action in model.actions.values()
         for requirement in requirements(action)),
        (prop.requirement for prop in model.properties.values())))


@dataclass
class ModeResult:
    """What a mode did.

    :ivar steps, runs, states, edges: how many were taken and seen
    :ivar counts: other figures, by name
    :ivar notes: why it is inconclusive, if it is
    :ivar skipped: why it was not run, or ''
    :ivar repeat: the command that repeats it
    """

    mode: str
    seed: int = 0
    steps: int = 0
    runs: int = 0
    states: int = 0
    edges: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: str = ''
    repeat: str = ''


@dataclass
class Outcome:
    """What came of all modes for one system and one model.

    :ivar title: of the model, with its settings
    :ivar carried: the requirements that the model carries
    :ivar settings: of the model
    :ivar evidence: requirement -> what shows it
    :ivar unseen: requirement -> what of it cannot be seen
    :ivar missing: names of actions that nobody takes
    :ivar faults: names of the faults that were made to happen
    :ivar error: why the harness broke, or ''
    :ivar last: what was done last, before it broke
    :ivar repeat: the command that repeats that
    """

    title: str
    carried: frozenset[str]
    settings: Mapping[str, Any]
    evidence: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    modes: list[ModeResult] = field(default_factory=list)
    unseen: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    error: str = ''
    last: str = ''
    repeat: str = ''

    @property
    def interrupted(self) -> bool:
        """True if somebody stopped it."""
        return any(INTERRUPTED in mode.notes for mode in self.modes)


@dataclass
class Report:
    """One verdict for each requirement of the declared roles.

    :ivar reviews: requirement -> (kept, reviewer), by another person
    """

    system: System
    contract: contract.Contract
    outcomes: list[Outcome]
    seed: int = 0
    reviews: Mapping[str, tuple[bool, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.verdicts = {
            rule.id: self._judge(rule)
            for rule in self.contract.of(self.system.roles)}
        for failure in self.failures:  # of what it never declared
            self.verdicts.setdefault(failure.requirement, Verdict(
                FAIL, failure.divergence.why, (), failure.known))

    @property
    def failures(self) -> list[Failure]:
        """All that failed."""
        return [failure for outcome in self.outcomes
                for failure in outcome.failures]

    @property
    def mended(self) -> list[str]:
        """Known divergences that did not show."""
        shown = {failure.known for failure in self.failures}
        return [name for name in self.system.known if name not in shown]

    @property
    def errors(self) -> list[str]:
        """What broke, of the test."""
        return [outcome.error for outcome in self.outcomes if outcome.error]

    @property
    def counts(self) -> dict[str, int]:
        """Verdict -> how many, inconclusive ones first."""
        found = collections.Counter(
            one.verdict for one in self.verdicts.values())
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def status(self) -> int:
        """The exit code."""
        if self.errors or not self.outcomes:
            return BROKEN
        rules = self.contract.rules
        for name, one in self.verdicts.items():
            if one.verdict == FAIL and not (
                    name in self.system.reasons and name in rules
                    and rules[name].level == contract.RECOMMENDS):
                return DIVERGENT
        if any(mode.notes for outcome in self.outcomes
               for mode in outcome.modes):
            return OPEN
        if any(one.verdict == INCONCLUSIVE and not rules[name].review
               and rules[name].level == contract.OBLIGES
               for name, one in self.verdicts.items()):
            return OPEN
        return CONFORMANT

    @property
    def claim(self) -> str:
        """``conformant``, ``conformant by test``, or ''."""
        if self.status != CONFORMANT:
            return ''
        return 'conformant' if all(
            one.verdict in (PASS, NOT_APPLICABLE)
            for name, one in self.verdicts.items()
            if self.contract.rules[name].level == contract.OBLIGES
        ) else 'conformant by test'

    @property
    def word(self) -> str:
        """What came out, in a word."""
        return WORDS[self.status]

    @property
    def open_kind(self) -> str:
        """What JUnit calls a requirement that is not shown."""
        return 'error'

    @property
    def more(self) -> dict[str, Any]:
        """What else the report has."""
        return {}

    def _judge(self, rule: contract.Rule) -> Verdict:
        system = self.system
        failed = [failure for failure in self.failures
                  if failure.requirement == rule.id]
        if failed:
            first = next((one for one in failed if not one.known), failed[0])
            return Verdict(FAIL, system.reasons.get(
                rule.id, first.divergence.why), (), first.known)
        if not set(rule.capabilities) & {contract.CORE} and not (
                set(rule.capabilities) & set(system.capabilities)):
            return Verdict(NOT_APPLICABLE, (
                f'{" or ".join(rule.capabilities)} is not declared'))
        if rule.review:
            return self._reviewed(rule)
        shown = tuple(dict.fromkeys(
            what for outcome in self.outcomes
            if not rule.untried(outcome.settings)
            for what in outcome.evidence.get(rule.id, ())))
        if shown and self.errors:
            return Verdict(INCONCLUSIVE, 'the test broke; until then '
                                         f'{", ".join(shown)} showed it')
        if shown:
            return Verdict(PASS, '', shown)
        if rule.level == contract.PERMITS:
            return Verdict(NOT_IMPLEMENTED)
        return Verdict(INCONCLUSIVE, self._not_shown(rule))

    def _reviewed(self, rule: contract.Rule) -> Verdict:
        if rule.id not in self.reviews:
            return Verdict(INCONCLUSIVE, 'it is for review, and nobody has '
                                         f'reviewed: {rule.review}')
        kept, by = self.reviews[rule.id]
        return Verdict(PASS, '', (f'review by {by}',)) if kept else Verdict(
            FAIL, f'a review by {by} found it not kept')

    def _not_shown(self, rule: contract.Rule) -> str:
        what = 'what should show it did not happen'
        carrying = [outcome for outcome in self.outcomes
                    if rule.id in outcome.carried]
        if not carrying:
            return f'{what}: no model of this run carries it'
        untried = [rule.untried(outcome.settings) for outcome in carrying]
        if all(untried):
            return f'{what}: {untried[0]}'
        missing = sorted({name for outcome in self.outcomes
                          for name in outcome.missing})
        if missing:
            return f'{what}: {", ".join(missing)} cannot be called'
        unseen = dict.fromkeys(outcome.unseen.get(rule.id, '')
                               for outcome in carrying)
        return ': '.join([what, *filter(None, unseen)][:2])


def some(names: Sequence[str]) -> str:
    """Some names, for a sentence."""
    more = [f'{len(names) - NAMED} more'] if len(names) > NAMED else []
    return ', '.join([*names[:NAMED], *more])


def unseen(model: Model, requirement: str, observed: Iterable[str],
           hidden: Iterable[str]) -> str:
    """What of a requirement a system does not show; '' if nothing.

    :param observed: names of the variables that were seen
    :param hidden: names of the actions that are taken unseen
    """
    variables = sorted(read_by(model, requirement).difference(observed))
    actions = [name for name in sorted(hidden)
               if requirement in requirements(model.actions[name])]
    return '; '.join([
        *([f'nobody observed {some(variables)}'] if variables else []),
        *([f'{some(actions)} come{"s" * (len(actions) == 1)} unseen']
          if actions else [])])


def read_by(model: Model, requirement: str) -> set[str]:
    """The variables that the invariants of a requirement read at first."""
    return {model.cells[cell][0].name
            for prop in model.properties.values()
            if prop.requirement == requirement and prop.kind == 'always'
            for arguments in itertools.product(*prop.sets.values())
            for cell in blame.cells_read(model, prop.body, arguments,
                                         model.initial)}


def fails(divergence: Divergence, system: System,
          rules: contract.Contract) -> str:
    """The requirement that a divergence fails: of those that it breaks the
    first that the system has to keep, or else the first.
    """
    mine = {rule.id for rule in rules.of(system.roles)
            if {contract.CORE, *system.capabilities}
            & set(rule.capabilities)}
    return next((name for name in divergence.requirements if name in mine),
                divergence.requirement)


__all__ = ['BROKEN', 'CONFORMANT', 'DIVERGENT', 'FAIL', 'INCONCLUSIVE',
           'NOT_APPLICABLE', 'NOT_IMPLEMENTED', 'OPEN', 'PASS', 'VERDICTS',
           'Evidence', 'Failure', 'ModeResult', 'Outcome', 'Report',
           'Verdict', 'carried', 'fails', 'kind_of', 'read_by', 'some',
           'unseen']
