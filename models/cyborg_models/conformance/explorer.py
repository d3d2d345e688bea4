"""Takes steps of a session, each where there is use in it.

As :mod:`~cyborg_models.machine` does of a model, of which one state is known
at a time; here it is a set of states that fits, and what the model forbids is
taken too.
"""

from __future__ import annotations

import collections
import math
import random
from typing import Any

from cyborg_models import machine
from cyborg_models.conformance.oracle import NONE, Divergence
from cyborg_models.conformance.session import WAIT, Session
from cyborg_models.conformance.verdict import kind_of
from cyborg_models.kernel.language import Action, Step

SHRINK = 3000  # steps to shrink one failure with
END = -1  # where a step leads that the model forbids


class Explorer(machine.Explorer):
    """Takes steps of a session, each where there is use in it.

    What is known is known of a set of states that fits, not of one.

    :param faults: True to take faults, too
    :param shrink: steps to shrink one failure with
    """

    def __init__(self, session: Session, seed: int, faults: bool = False,
                 shrink: int = SHRINK) -> None:
        self.session, self.model = session, session.oracle.model
        self.system = session
        self.faults, self.shrink = faults, shrink
        self.all = (*self.model.steps, WAIT)
        self.count = len(self.all)
        self.result = machine.Hunted(self.model, seed)
        self.run = None
        self.plain = self.passing = self.stop = self.over = False
        self.passed, self._queue = None, []
        self._chance = random.Random(seed)
        self._index = {(step.action.name, step.arguments): number
                       for number, step in enumerate(self.all)}
        self._known: dict[Any, Any] = {}
        self._path: list[Any] = []
        self._first: Any = None
        self.seen: set[Any] = set()
        self.edges = 0
        self._probed: set[Any] = set()
        self._ways: Any = None
        self._places: dict[Any, int] = {}
        self._taken: collections.Counter[str] = collections.Counter()

    def choose(self) -> int:
        """The number of the step that goes where the least was done: in
        every other run to what was not tried yet, nearest first; in the
        others to the actions that were taken least, which leads far, and
        every second time by no fault that was taken before: a run has few
        of them.
        """
        self.plain = False
        here = self._here
        if self.over:
            return self.count  # in a new run
        places = here.untried
        if self.result.runs % 2 == 0:
            places = [place for place in here.untried
                      if place in here.probes]
            if not places or self._chance.random() < 0.5:
                places = self._far(here) or places
            if not places:
                return self.count
        if not places:
            return int(super().choose())
        taken = [self._taken[self._action(here, place).name]
                 for place in places]
        least = min(taken)
        return int(here.steps[self._chance.choice([
            place for place, count in zip(places, taken, strict=True)
            if count == least])])

    def _far(self, here: Any) -> list[int]:
        """The places of the steps by which a run gets far: of none that
        led nowhere when it was taken last, such as a wait at the end.
        """
        spares = self.result.runs % 4 == 0
        return [place for place in range(len(here.steps))
                if place not in here.probes
                and self._known.get(here.afters[place]) is not here
                and not (spares and self._action(here, place).fault
                         and self._taken[self._action(here, place).name])]

    def _action(self, here: Any, place: int) -> Action:
        return self.all[here.steps[place]].action

    def _judge(self, key: Any) -> Any:
        steps, untried = [], []
        known = Known([], [], [])
        for number, step in enumerate(self.all):
            if step.action.fault and not self.faults:
                continue
            may = self.session.sort(step)
            if not may:
                continue
            place = len(steps)
            steps.append(number)
            if may == NONE:
                known.probes.add(place)
                reasons = self.session.reasons(step)
                if reasons <= self._probed:
                    continue
                self._probed |= reasons
            untried.append(place)
        known.steps, known.untried = steps, untried
        known.afters = [None] * len(steps)
        known.far = 0 if steps else math.inf
        return known

    def _nearest(self, known: Any) -> Any:
        bounds = [(self._known[after].far if after in self._known else 0,
                   place) for place, after in enumerate(known.afters)
                  if place not in known.probes]
        least = min(bounds, default=(math.inf, 0))[0]
        return least, [place for bound, place in bounds
                       if bound == least] or range(len(known.steps))

    def begin(self) -> None:
        """Begin a run where the model starts."""
        self._afresh()
        self.over = False
        try:
            self.session.begin()
        except Divergence as divergence:
            self._diverged(divergence)
        self._look()
        self._first = self._place()

    def _look(self) -> None:
        ways = self.session.oracle.defects, len(self.session.missing)
        if ways != self._ways:  # more is possible now, or less
            self._ways = ways
            self._known = {END: Known([], [], [])}
            self._known[END].far = math.inf
        self._here = self.look(self._place())

    def _place(self) -> int:
        """A number for where the system is: to hash a set is slow."""
        key = self.session.key()
        return self._places.setdefault(key, len(self._places))

    def take(self, number: int) -> None:
        """As :meth:`machine.Explorer.take`; nothing, once shrinking has
        cost enough.
        """
        if self.result.shrinking > self.shrink:
            return
        if number >= self.count or self.over or not self._here.steps:
            self.begin()
            if self.over or not self._here.steps:
                return
        here, place = self._stands_for(number)
        self.edges += self._looking and (
            place in here.untried and place not in here.probes)
        self._mark(here, place)
        step = self.all[here.steps[place]]
        self._taken[step.action.name] += 1
        self.run.steps.append(step)
        try:
            self.session.take(step)
        except Divergence as divergence:
            here.afters[place] = END
            self._diverged(divergence)
            if kind_of(divergence) not in self.seen:
                # It was passed by, while another failure is shrunk.
                here.afters[place], here.far = None, 0
                if place not in here.untried:
                    here.untried.append(place)
            return
        self._look()
        if here is not self._here or here.afters[place] is None:
            here.afters[place] = self._place()

    def can(self, step: Step) -> bool:
        """True if there is use in a step now."""
        return not self.over and self._number(step) in self._here.steps

    def take_step(self, step: Step) -> bool:
        """Take this step, if there is use in it; returns whether."""
        if not self.can(step):
            return False
        self.take(self._number(step))
        return True

    def callable(self, which: str = '') -> list[Step]:
        """The steps that there is use in; ``'possible'``: not those that
        the model forbids, ``'forbidden'``: those alone.
        """
        here = self._here
        return [] if self.over else [
            self.all[number] for place, number in enumerate(here.steps)
            if which != ('possible' if place in here.probes
                         else 'forbidden')]

    def _diverged(self, divergence: Divergence) -> None:
        self.over = True
        kind = kind_of(divergence)
        if kind not in self.seen:
            self._fail(kind, self.session.failure(divergence))


class Known(machine.Known):
    """What is known of a set of states.

    :ivar probes: places of the steps that the model forbids
    """

    __slots__ = ('probes',)

    def __init__(self, steps: list[int], afters: list[Any],
                 broken: list[str]) -> None:
        super().__init__(steps, afters, broken)
        self.probes: set[int] = set()


__all__ = ['SHRINK', 'Explorer']
