"""Do the properties bite?

A mutant of a model lacks one guard, or one effect: one assignment.  A
property that the model itself keeps must fail for it; a mutant that none
notices is either harmless, with a reason that somebody wrote down, or shows
what no property looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cyborg_models.kernel import language
from cyborg_models.kernel.engine import Engine, Explored, Trace
from cyborg_models.kernel.liveness import Graph, check

DEADLOCK, IDLE = 'no_deadlock', 'no_idle_step'
#: what becomes of a mutant, from what proves most to what proves nothing
OUTCOMES = ('always', 'eventually', 'deadlock', 'idle', 'sometimes', 'error',
            'inconclusive', 'lives')
KILLED = OUTCOMES[:4]


@dataclass(frozen=True)
class Failed:
    """A property that a mutant breaks.

    :ivar depth: steps to where it is broken, or to the loop in which what
        must come never does; None of a witness that is not found
    """

    name: str
    kind: str
    requirement: str
    depth: int | None


@dataclass(frozen=True)
class Judged:
    """What became of a mutant.

    :ivar outcome: one of ``OUTCOMES``: the kind of the property that
        fails; ``idle`` if that is ``no_idle_step`` alone; ``error`` if the
        model itself ends in one
    :ivar by: a :class:`Failed` each, those of that kind first; if that is
        ``always``, only what fails at the depth of the first or before
    :ivar reason: of an error, or of what is inconclusive
    :ivar states: number of states of the mutant that were visited
    :ivar transitions: number of their transitions
    """

    outcome: str
    by: tuple[Failed, ...] = ()
    reason: str = ''
    states: int = 0
    transitions: int = 0

    @property
    def killed(self) -> bool:
        return self.outcome in KILLED

    @property
    def rank(self) -> int:
        """The less, the more it proves."""
        return OUTCOMES.index(self.outcome)


def sites(model: language.Model,
          memory: int | None = None) -> list[language.Site]:
    """Every guard and every assignment that a model runs.

    :param model: a :class:`~.language.Model`
    :returns: sorted list of :class:`~.language.Site`
    :raises ModelError: if there is none
    """
    return original(model, memory)[0]


def original(model: language.Model, memory: int | None = None) -> tuple[
        list[language.Site], tuple[str, ...]]:
    """What :func:`sites` finds, and the names of the properties that the
    model itself breaks: these say nothing of a mutant.
    """
    with language.recording() as seen:
        engine, found = _explore(model, memory)
    if not seen:
        raise language.ModelError(f'{model.name} runs no guard and no '
                                  'assignment: nothing can be left out')
    return sorted(seen), tuple(sorted(
        name for _, traces in _broken(engine, found) for name in traces))


def judge(build: Callable[[], language.Model], site: language.Site,
          inverted: bool = False, memory: int | None = None,
          besides: Collection[str] = ()) -> Judged:
    """Explore one mutant.

    :param build: a function without arguments that builds the model
    :param site: the :class:`~.language.Site` to leave out
    :param inverted: True to turn a guard into its opposite instead
    :param besides: names of the properties that do not count
    :returns: a :class:`Judged`
    :raises KeyboardInterrupt: if that comes meanwhile
    """
    with language.without(site, inverted):
        try:
            return _judge(build(), memory, besides)
        except language.ModelError as error:
            return Judged('error', reason=str(error))


def _explore(model: language.Model, memory: int | None,
             enough: Collection[str] = ()) -> tuple[Engine, Explored]:
    engine = Engine(model, memory)
    found = engine.explore(enough)
    if found.reason == 'interrupted':  # the engine keeps it to itself
        raise KeyboardInterrupt
    return engine, found


def _broken(engine: Engine, found: Explored) -> tuple[
        tuple[str, Mapping[str, Trace]], ...]:
    """What fails: (kind, name -> trace), from what proves most on."""
    starved: dict[str, Trace] = {}
    if found.complete:
        starved = {name: lasso.stem for name, lasso
                   in check(Graph(engine)).items()}
    bad = dict(found.violations)
    idle = {name: bad.pop(name) for name in (IDLE,) if name in bad}
    stuck = {} if found.stuck is None else {DEADLOCK: found.stuck}
    return (('always', bad), ('eventually', starved), ('deadlock', stuck),
            ('idle', idle))


def _judge(model: language.Model, memory: int | None,
           besides: Collection[str]) -> Judged:
    known = model.properties
    engine, found = _explore(model, memory, [
        name for name, prop in known.items() if prop.kind == 'always'
        and name != IDLE and name not in besides])
    by: list[Failed] = []
    outcome = 'lives'
    for kind, traces in _broken(engine, found):
        traces = {name: trace for name, trace in traces.items()
                  if name not in besides}
        if traces and not by:
            outcome = kind
        by += _failed(known, traces)
    if not by and not found.complete:
        outcome = 'inconclusive'
    elif not by:
        by = [Failed(name, prop.kind, prop.requirement, None)
              for name, prop in known.items() if prop.kind == 'sometimes'
              and name not in found.witnessed]
        outcome = 'sometimes' if by else 'lives'
    return Judged(outcome, tuple(by), '' if by else found.reason,
                  found.states, found.transitions)


def _failed(known: Mapping[str, language.Property],
            traces: Mapping[str, Trace]) -> list[Failed]:
    """The shallowest first."""
    rows = sorted((len(trace.steps), name) for name, trace in traces.items())
    return [Failed(name, known[name].kind, known[name].requirement, depth)
            if name in known else Failed(name, 'deadlock', '', depth)
            for depth, name in rows]
