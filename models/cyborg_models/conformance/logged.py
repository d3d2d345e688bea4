"""What a log shows of each requirement.

A report of a log is one as of a run, with two differences.  It says of each
requirement in how many lines its guards held, and how many lines were refused
by one of them.  And it is no claim: a log has what happened to happen, so
that all of it may be allowed and little of it shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cyborg_models import drawing
from cyborg_models.conformance import contract, suite, verdict
from cyborg_models.conformance.log import Checked
from cyborg_models.conformance.report import (
    Line,
    failure_lines,
    verdict_lines,
)
from cyborg_models.conformance.verdict import (
    CONFORMANT,
    DIVERGENT,
    INCONCLUSIVE,
    NOT_APPLICABLE,
    OPEN,
    Failure,
    Verdict,
)
from cyborg_models.kernel.describe import requirements
from cyborg_models.kernel.language import Model
from cyborg_models.registry import Chosen

STATUS = {'pass': CONFORMANT, 'fail': DIVERGENT, 'inconclusive': OPEN}


class Logged(suite.System):
    """What is said of the software that wrote a log.

    :param chosen: the model that the log is held to
    :param roles: that the software has; none: all of the contract
    :param capabilities: that it has; none: all of these roles
    :param hidden: names of the actions that it takes without a line
    """

    def __init__(self, chosen: Chosen, roles: Iterable[str] = (),
                 capabilities: Iterable[str] = (),
                 implementation: tuple[str, str] = ('unnamed', '0'),
                 known: Iterable[str] = (),
                 hidden: Iterable[str] = ()) -> None:
        rules = contract.of(chosen.name)
        roles = tuple(roles) or rules.roles
        # What is declared is of this one log, not of all of the class.
        vars(self).update(
            model=chosen.name, settings=dict(chosen.set), roles=roles,
            capabilities=tuple(capabilities) or tuple(
                name for name, one in rules.capabilities.items()
                if set(one.roles) & set(roles)),
            implementation=implementation, known=tuple(known),
            hidden=tuple(hidden))


@dataclass
class Report(verdict.Report):
    """One verdict for each requirement, of a log.

    :ivar found: what came of the log
    :ivar model: that it was held to
    """

    found: Checked = field(default_factory=Checked)
    model: Model | None = None

    @property
    def mended(self) -> list[str]:
        """None: what a log does not show may be there."""
        return []

    @property
    def status(self) -> int:
        """0 if all that the log says is allowed, 1 if not, 2 if nothing is
        decided.
        """
        return STATUS[self.found.verdict]

    @property
    def claim(self) -> str:
        """None: a log is no test."""
        return ''

    @property
    def word(self) -> str:
        return 'allowed' if self.status == CONFORMANT else super().word

    @property
    def open_kind(self) -> str:
        return 'error' if self.found.cause else 'skipped'

    @property
    def more(self) -> dict[str, Any]:
        found = self.found
        return {'log': {'lines': found.lines, 'events': found.events,
                        'line': found.line, 'text': found.text,
                        'cause': found.cause}}

    def _judge(self, rule: contract.Rule) -> Verdict:
        found = self.found
        judged = super()._judge(rule)
        if found.cause and judged.verdict != NOT_APPLICABLE and (
                not rule.review):
            return Verdict(INCONCLUSIVE, f'the log decides nothing: '
                                         f'{found.cause}')
        lines = found.held[rule.id], found.refused[rule.id]
        return dataclasses.replace(judged, lines=lines if any(
            lines) else None)

    def _not_shown(self, rule: contract.Rule) -> str:
        what = 'what should show it did not happen'
        found, model = self.found, self.model
        if model is None or rule.id not in self.outcomes[0].carried:
            return f'{what}: {self.outcomes[0].title} does not carry it'
        untried = rule.untried(self.outcomes[0].settings)
        if untried:
            return f'{what}: {untried}'
        parts = []
        if found.held[rule.id]:
            parts.append('no line was refused by one of its guards')
        names = [name for name, action in model.actions.items()
                 if rule.id in requirements(action)]
        if names and not found.actions.intersection(names):
            parts.append(f'the log has no {verdict.some(names)}')
        unseen = verdict.read_by(model, rule.id) - found.observed
        if unseen:
            parts.append(f'nobody observed {verdict.some(sorted(unseen))}')
        return f'{what}: ' + ('; '.join(parts) or (
            'nothing that was observed could have broken it'))


def report(found: Checked, chosen: Chosen, system: Logged,
           seconds: float = 0.0, repeat: str = '') -> Report:
    """The report of a log.

    :param found: what came of it
    :param system: what is said of the software that wrote it
    :param repeat: the command that checks it again
    :raises InputError: if what is said cannot be
    """
    rules = suite.declared(system)
    rows = [] if found.cause else [*found.known, *(
        [('', found.line, found.divergence)] if found.divergence else [])]
    failures = [Failure(
        'log', 0, line, found.before if not known else (), (), divergence,
        verdict.fails(divergence, system, rules), known, True, repeat)
        for known, line, divergence in rows]
    outcome = verdict.Outcome(
        chosen.title, verdict.carried(chosen.model), chosen.set,
        found.evidence, failures, [verdict.ModeResult(
            'log', 0, found.events, 1, seconds=seconds,
            counts={'lines': found.lines},
            notes=[found.cause] if found.cause else [], repeat=repeat)],
        faults=tuple(sorted({step.action.name for step in found.steps
                             if step.action.fault})))
    return Report(system, rules, [outcome], found=found,
                  model=chosen.model)


def lines(made: Report, width: int = 80, marks: Any = drawing.UNICODE,
          details: bool = True) -> Iterator[Line]:
    """The whole report as (line, style), as :func:`.report.lines`."""
    found = made.found
    yield made.outcomes[0].title, 'bold'
    yield (f'{found.events:,} events are allowed, of {found.lines:,} lines '
           'that were read'), None
    for failure in made.failures:
        yield '', None
        yield from failure_lines(failure, width, marks)
    yield '', None
    yield from verdict_lines(made, details)
    yield '', None
    if found.divergence:
        yield f'line {found.line}: {found.text}', None
        silent = dict.fromkeys(
            step.action.name for step in found.divergence.possible
            if not step.action.fault and step.action.name not in (
                *found.actions, *made.system.hidden))
        if silent:
            yield (f'No line before it has {verdict.some([*silent])}. What '
                   'happens without a line has to be named with --hidden, '
                   "which may be '*'."), 'yellow'
    if found.cause:
        at = f'line {found.line}: ' if found.line else ''
        yield f'Inconclusive: {at}{found.cause}', 'yellow'
    elif made.status == DIVERGENT:
        yield 'Divergent.', 'bold red'
    else:
        yield 'All that the log says is allowed.', 'green'


__all__ = ['Logged', 'Report', 'lines', 'report']
