"""os-acc with known faults: what the kit has to find, and where.

Each is a mistake that somebody could make, in the library or in a plugin.
"""

from typing import Any

import msgspec
from os_acc.library import Library
from os_acc.objects import (
    VAN,
    Goal,
    InstanceInfo,
    Observation,
    Presence,
    State,
)
from os_acc.records import Records
from os_acc.steps import Deadline, Steps

from harness.odd import Odd
from harness.systems import OddFunctions, OddSlot, OddTwice


class FailedPlugIsReady(Steps):
    """After a failed plug nobody looks."""

    def fail(self, van: VAN, transition: str, *arguments: Any,
             **fields: Any) -> VAN:
        if transition == 'T12':
            return self.to(van, 'T11', State.READY)
        return super().fail(van, transition, *arguments, **fields)


class NoErase(Steps):
    """A device is handed on as its last user left it."""

    def clean(self, van: VAN, end: Deadline) -> VAN:
        return self.to(van, 'T20', State.RELEASED, dirty=False)


class PlugBeforeJournal(Steps):
    """The deed is ahead of the journal."""

    def plug(self, van: VAN, instance: InstanceInfo, end: Deadline) -> VAN:
        self.plugin(van).plug(van, instance,
                              end.step(self.timeouts.plug_timeout))
        return super().plug(van, instance, end)


class PluggingIsPluggedAgain(Steps):
    """A step that goes up is repeated in order to settle it."""

    def _settle_by(self, van: VAN, seen: Observation, end: Deadline
                   ) -> tuple[VAN, Observation]:
        if van.state is State.PLUGGING:
            data = self.plugin(van).plug(
                van, InstanceInfo(van.instance_uuid, '', '', ''),
                end.step(self.timeouts.plug_timeout))
            return self.to(van, 'T10', State.PLUGGED,
                           attach_data=data), seen
        return super()._settle_by(van, seen, end)


class NoAnswerIsAbsent(Odd):
    """The plugin says ABSENT when nobody answers it."""

    def observe(self, van: VAN, deadline: float) -> Observation:
        seen = super().observe(van, deadline)
        if seen.presence is Presence.UNKNOWN:
            return msgspec.structs.replace(seen, presence=Presence.ABSENT)
        return seen


class ReportsOnce(Records):
    """A report that had no answer counts as taken."""

    def report(self) -> list[str]:
        vans = self.journal.pending()
        for van in vans:
            self.journal.acknowledge(van.uuid, van.generation)
        try:
            self.api.report(vans)
        except Exception:
            return []
        return []


class ReleaseIsNotFinal(Library):
    """release leaves what it cannot finish without the goal, so that
    nobody ever does.
    """

    def _set_released(self, instance_uuid: str) -> None:
        for van in self.journal.vans(instance_uuid):
            if van.state is not State.FAILED:
                self.journal.aim(van.uuid, Goal.RELEASED)


class SecondUnplugGivesUp(Library):
    """An unplug that finds nothing to do takes the VANs for done with."""

    def unplug(self, context: Any, instance: InstanceInfo) -> list[VAN]:
        vans = self.journal.vans(instance.uuid)
        for van in vans:
            if van.state is State.READY:
                self.journal.aim(van.uuid, Goal.RELEASED)
        return super().unplug(context, instance)


def with_steps(faulty: type[Steps]) -> type[Library]:
    return type(faulty.__name__, (Library,), {'steps': faulty})


def with_records(faulty: type[Records]) -> type[Library]:
    return type(faulty.__name__, (Library,), {'records': faulty})


def _of(base: type, faults: str, **fields: Any) -> type:
    """A system with a mistake, and only with the faults that it takes to
    show.
    """
    kind = next(iter(fields.values()))
    settings = {**base.settings, 'vans': '1', 'faults': '1',
                'enabled_faults': faults}
    return type(kind.__name__, (base,), {**fields, 'settings': settings})


# What is run -> the requirement that fails: of the mistake, or of what it is
# seen by.  A failed plug that is READY is seen by a READY that is not true.
FAULTY: dict[type, str] = {
    _of(OddFunctions, 'plug', library=with_steps(FailedPlugIsReady)):
        'OSACC-046',
    _of(OddFunctions, 'plug', library=with_steps(NoErase)): 'OSACC-040',
    _of(OddFunctions, 'plug', library=with_steps(PlugBeforeJournal)):
        'OSACC-046',
    _of(OddFunctions, 'compute-crash',
        library=with_steps(PluggingIsPluggedAgain)): 'OSACC-053',
    _of(OddSlot, 'agent-crash,lost-reply', plugin=NoAnswerIsAbsent):
        'OSACC-030',
    _of(OddSlot, 'api-down', library=with_records(ReportsOnce)):
        'OSACC-049',
    _of(OddFunctions, 'plug', library=ReleaseIsNotFinal): 'OSACC-037',
    _of(OddTwice, 'plug', library=SecondUnplugGivesUp): 'OSACC-009',
}
