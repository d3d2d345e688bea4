"""A Cyborg API in memory, which keeps the requirements on it.

It stands in for the service when os-acc is tried, on one host.
"""

import enum
from collections.abc import Callable

import msgspec
from os_acc.control import Answer, Grant, Record, Refused, Unreachable
from os_acc.objects import VAN, Goal, HandleData, Origin, State


class Status(enum.Enum):
    """Of a handle."""

    FREE = 'FREE'
    CLAIMED = 'CLAIMED'
    RETIRED = 'RETIRED'


class Handle(msgspec.Struct):
    """A row of the table ``handles``.

    :ivar rp: the provider that it is of, and ``resource_class`` its class
    """

    uuid: str
    type: str
    data: HandleData
    region: str | None = None
    group: str | None = None
    rp: str = 'rp'
    resource_class: str = 'CUSTOM_ACCELERATOR_TEST'
    status: Status = Status.FREE
    van: str | None = None


class Api:
    """``/v1/vans``.

    :param limit: quota of each project in each class, in handles
    :param user_limit: of each user within a project, or None
    :ivar up: it answers
    :ivar changed: is called when more or less is withheld than before
    """

    def __init__(self, handles: list[Handle], limit: int,
                 user_limit: int | None = None) -> None:
        self.handles = handles
        self.limit = limit
        self.user_limit = user_limit
        self.changed: Callable[[], None] = lambda: None
        self.vans: dict[str, VAN] = {}
        self.up = True

    # quota

    @property
    def used(self) -> int:
        """How many handles are charged to anybody."""
        return sum(handle.status is Status.CLAIMED
                   for handle in self.handles)

    def usage(self, resource_class: str, project: str,
              user: str | None = None) -> int:
        """Counted, and kept nowhere (QUOTA-001): handles that are CLAIMED
        by the project's VANs, or those of one user in it.
        """
        return sum(
            handle.status is Status.CLAIMED
            and handle.resource_class == resource_class
            and self.vans[handle.van or ''].project_id == project
            and user in (None, self.vans[handle.van or ''].user_id)
            for handle in self.handles)

    def over(self, vans: list[VAN]) -> str:
        """Why new VANs of one claim are beyond a limit; '' if they are not
        (OSACC-022, QUOTA-007).
        """
        for van in vans:
            name = self._class_of(van)
            asked = sum(self._class_of(other) == name for other in vans)
            for whose, limit, usage in (
                    (f'project {van.project_id}', self.limit,
                     self.usage(name, van.project_id)),
                    (f'user {van.user_id}', self.user_limit,
                     self.usage(name, van.project_id, van.user_id))):
                if limit is not None and usage + asked > limit:
                    return (f'{name}: the limit of {whose} is {limit}, '
                            f'usage is {usage}, and {asked} are asked for')
        return ''

    def _class_of(self, van: VAN) -> str:
        """The resource class of the provider that a VAN's claim names."""
        return next((handle.resource_class for handle in self.handles
                     if handle.rp == van.rp_uuid), '')

    # requests

    def may_grant(self, van: VAN) -> list[Handle]:
        """The handles that a claim of one VAN may get: what it has, or what
        is free.
        """
        known = self.vans.get(van.uuid)
        if known:
            return ([] if known.state is State.RELEASED
                    else [self._handle_of(van.uuid)])
        if self.over([van]):
            return []
        return [handle for handle in self.handles
                if self._may_have(van, handle)]

    def claim(self, vans: list[VAN], prefer: int | None = None
              ) -> list[Grant]:
        """All of them or none (OSACC-014).

        :param prefer: number of the handle to take of several
        :raises Refused: 403 for quota, 409 for want of a handle, 410
        """
        self._answer()
        over = self.over([van for van in vans if van.uuid not in self.vans])
        if over:
            raise Refused(403, over)
        granted: list[tuple[VAN, Handle]] = []
        for van in vans:
            may = [handle for handle in self.may_grant(van)
                   if all(handle is not other for _, other in granted)]
            if not may:
                known = self.vans.get(van.uuid)
                raise Refused(410 if known else 409,
                              f'nothing may be granted to VAN {van.uuid}')
            granted.append((van, may[0] if prefer is None else next(
                handle for handle in may
                if handle is self.handles[prefer])))
        new = [(van, handle) for van, handle in granted
               if van.uuid not in self.vans]
        for van, handle in new:
            handle.status, handle.van = Status.CLAIMED, van.uuid
            self.vans[van.uuid] = msgspec.structs.replace(
                van, state=State.BOUND, generation=0,  # nothing is reported
                handle_uuid=handle.uuid, handle_type=handle.type,
                handle_data=handle.data, region_uuid=handle.region)
        self.changed()
        return [Grant(van.uuid, handle.uuid, handle.type, handle.data,
                      handle.region, self._origin(handle))
                for van, handle in granted]

    def report(self, vans: list[VAN]) -> dict[str, Answer]:
        """Newer ones count (OSACC-050)."""
        self._answer()
        answers = {van.uuid: self._take(van) for van in vans}
        self.changed()
        return answers

    def retire(self, uuid: str) -> None:
        """An administrator gives up what a VAN has (OSACC-F22)."""
        self._handle_of(uuid).status = Status.RETIRED
        self.vans[uuid] = msgspec.structs.replace(
            self.vans[uuid], goal=Goal.RELEASED)
        self.changed()

    def records(self, host: str) -> list[Record]:
        self._answer()
        return [Record(van) for van in self.vans.values()
                if van.host == host]

    def record(self, uuid: str) -> Record:
        self._answer()
        if uuid not in self.vans:
            raise Refused(404, uuid)
        return Record(self.vans[uuid])

    def adopt(self, uuid: str, generation: int) -> Record:
        van = self.record(uuid).van
        if van.state is State.RELEASED or van.generation != generation:
            raise Refused(409, f'VAN {uuid} is {van.state.value} of '
                          f'generation {van.generation}')
        self.vans[uuid] = msgspec.structs.replace(
            van, generation=van.generation + 2 ** 32)
        return Record(self.vans[uuid])

    # what is behind them

    def _answer(self) -> None:
        if not self.up:
            raise Unreachable('the API is down')

    def _may_have(self, van: VAN, handle: Handle) -> bool:
        """OSACC-013, OSACC-019, OSACC-020, OSACC-021; a claim that is made
        anew names its handle.
        """
        if (handle.rp != van.rp_uuid or handle.status is not Status.FREE
                or van.handle_uuid not in (None, handle.uuid)):
            return False
        for other in self.handles:
            if other.van is None or other is handle:
                continue
            user = self.vans[other.van]
            if (handle.region is not None and handle.region == other.region
                    and user.function_wanted != van.function_wanted):
                return False
            if (handle.group is not None and handle.group == other.group
                    and user.instance_uuid != van.instance_uuid):
                return False
        return True

    def _handle_of(self, van: str) -> Handle:
        return next(handle for handle in self.handles if handle.van == van)

    def _origin(self, handle: Handle) -> Origin:
        """Whose function was last said to be in the region."""
        if handle.region is None:
            return Origin.NONE
        said = [van.origin for van in self.vans.values()
                if van.region_uuid == handle.region
                and van.origin is not Origin.NONE]
        return said[-1] if said else Origin.OPERATOR

    def _take(self, van: VAN) -> Answer:
        known = self.vans.get(van.uuid)
        if known is None:
            if van.state is not State.RELEASED:
                return Answer.UNKNOWN
            self.vans[van.uuid] = van  # the tombstone
            return Answer.TAKEN
        if (known.state is State.RELEASED
                or van.generation <= known.generation):
            return Answer.OLDER
        retired = any(handle.van == van.uuid
                      and handle.status is Status.RETIRED
                      for handle in self.handles)
        self.vans[van.uuid] = msgspec.structs.replace(
            van, attach_data=None,
            goal=Goal.RELEASED if retired else van.goal)
        if van.state is State.RELEASED:
            self._free(van.uuid)
        elif retired:
            return Answer.RETIRED
        return Answer.TAKEN

    def _free(self, van: str) -> None:
        """The handle is FREE (OSACC-043)."""
        for handle in self.handles:
            if handle.van == van:
                handle.status, handle.van = Status.FREE, None


__all__ = ['Api', 'Handle', 'Status']
