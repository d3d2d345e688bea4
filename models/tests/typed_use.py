"""What mypy must say of a model's author: read by it, and never run.

Each line that is wrong ends in the name of the error that it must bring.
"""

import enum

from cyborg_models import check, registry
from cyborg_models.kernel.language import WEAK, Model, State, when
from cyborg_models.kernel.trace import Run


class Door(enum.Enum):
    """A door."""

    OPEN, SHUT = 'open', 'shut'


def build() -> Model:
    """A model as it should be."""
    m = Model('typed')
    who = m.set('who', 2)
    m.var('door', Door, start=Door.SHUT)
    m.var('inside', bool, start=False, each=who)

    @m.action('{p} -> door: open', fair=WEAK, p=who)
    def open_it(s: State, p: int) -> None:
        """The door is shut."""
        when(s.door is Door.SHUT, 'DOOR-001')
        s.door = Door.OPEN
        s.inside[p] = True

    @m.always('DOOR-002')
    def alone(s: State) -> bool:
        """At most one is inside."""
        return bool(s.inside.count(True) <= 1)

    alone('state')  # arg-type
    return m.ready()


def use(model: Model) -> int:
    """What is wrong here, mypy alone can see."""
    model.set('who', 'two')  # arg-type
    model.var('door', 5, start=0)  # arg-type
    model.action('a -> b: c', who=2)  # arg-type
    model.steps[0].action.fairness  # attr-defined # noqa: B018
    when(True)  # call-arg
    verdict: bool = check.check(model).verdict  # assignment
    told: Run | None = check.check(model).verdicts[0].run
    print(told.steps, verdict)  # union-attr
    chosen: str = registry.choose('rocky.attach').model  # assignment
    return chosen  # return-value
