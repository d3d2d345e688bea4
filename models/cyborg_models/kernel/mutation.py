"""Do the properties bite?

A mutant of a model lacks one guard, or one effect: one assignment.  Each
must break a property that the model itself keeps, or make it get stuck;
one that does not is either harmless, with a reason that somebody wrote
down, or shows what no property looks at.
"""

from dataclasses import dataclass

from cyborg_models.kernel import language
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.liveness import Graph, check


@dataclass(frozen=True, order=True)
class Mutant:
    """What is left out.

    :ivar where: ``file:line`` of the guard or assignment
    :ivar kind: ``'guard'`` or ``'effect'``
    :ivar text: the guard as written, or the variable assigned
    :ivar requirement: of a guard, the requirement that it carries
    """

    where: str
    kind: str
    text: str
    requirement: str = ''


@dataclass(frozen=True)
class Killed:
    """How a mutant ended.

    :ivar by: the properties that failed, ``'stuck'`` or ``'error'``; empty
        if it lives
    :ivar kind: ``'always'``, ``'eventually'``, ``'stuck'``, ``'error'``,
        ``'sometimes'`` (which proves little) or ``''``
    :ivar depth: length of the shortest trace that shows it
    """

    by: tuple = ()
    kind: str = ''
    depth: int = 0


def sites(model):
    """Every guard and every assignment that a model runs.

    :param model: a :class:`~.language.Model`
    :returns: sorted list of :class:`Mutant`
    """
    with language.recording() as seen:
        Engine(model).explore()
    return sorted({Mutant(*site) for site in seen})


def judge(build, mutant):
    """Explore one mutant.

    :param build: a function without arguments that builds the model
    :returns: a :class:`Killed`
    """
    with language.without(mutant.kind, mutant.where, mutant.text):
        model = build()
        engine = Engine(model)
        try:
            found = engine.explore()
            if found.violations:
                by = tuple(sorted(found.violations))
                return Killed(by, 'always', min(
                    len(t.steps) for t in found.violations.values()))
            if found.stuck is not None:
                return Killed(('stuck',), 'stuck', len(found.stuck.steps))
            failed = check(Graph(engine))
        except language.ModelError as error:
            return Killed((str(error),), 'error')
    if failed:
        return Killed(tuple(sorted(failed)), 'eventually', min(
            len(lasso.stem.steps) for lasso in failed.values()))
    unseen = [prop.name for prop in model.properties.values()
              if prop.kind == 'sometimes'
              and prop.name not in found.witnessed]
    if unseen:
        return Killed(tuple(sorted(unseen)), 'sometimes')
    return Killed()


def mutate(build, progress=None):
    """Judge every mutant of a model.

    :param build: a function without arguments that builds the model
    :param progress: called with (number, total) before each
    :returns: dict :class:`Mutant` -> :class:`Killed`
    """
    mutants = sites(build())
    results = {}
    for number, mutant in enumerate(mutants):
        if progress is not None:
            progress(number, len(mutants))
        results[mutant] = judge(build, mutant)
    return results
