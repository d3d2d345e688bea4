"""The odd platform of PLAT-021, on which common code is tried.

Its handles have no addresses, its attach data are empty, and what is
attached is lost with the guest's definition.  It can write regions.
"""

import pathlib
from collections.abc import Callable

from os_acc.objects import (
    VAN,
    AttachData,
    CleanScope,
    InstanceInfo,
    Observation,
    Presence,
)
from os_acc.plugin import HostPluginInfo, PluginBase

from harness.agent import Perform, now

ODD = 'ODD'
UNDEFINED = 'UNDEFINED'


class OddError(Exception):
    """The platform cannot do what it is asked to."""


class OddPlatform:
    """What is true on the host.

    :ivar attached: handle -> uuid of the VAN
    :ivar owner: uuid of a VAN -> uuid of its instance
    :ivar soiled: handles that hold what their last user left
    :ivar loaded: region -> function, or None
    :ivar running: uuids of the instances whose guest runs
    :ivar perform: carries an operation out
    """

    def __init__(self) -> None:
        self.attached: dict[str, str] = {}
        self.owner: dict[str, str] = {}
        self.soiled: set[str] = set()
        self.loaded: dict[str, str | None] = {}
        self.running: set[str] = set()
        self.gone: set[str] = set()
        self.busy: set[str] = set()
        self.up = True
        self.perform: Perform = now

    def undefine(self, instance: str) -> None:
        """The guest's definition goes, and with it what it had."""
        for handle, van in list(self.attached.items()):
            if self.owner.get(van) == instance:
                del self.attached[handle]


class Odd(PluginBase):
    """The plugin.

    :param platform: whose state it reads each time
    """

    def __init__(self, platform: OddPlatform) -> None:
        self.platform = platform

    def describe(self) -> HostPluginInfo:
        return HostPluginInfo('odd', (1, 0), {ODD: ('1.0', '1.0')},
                              programs=True)

    def observe(self, van: VAN, deadline: float) -> Observation:
        here, handle = self.platform, name(van)
        if not here.up:
            return Observation(Presence.UNKNOWN)
        busy = handle in here.busy or van.region_uuid in here.busy
        if handle in here.gone:
            return Observation(Presence.GONE, busy)
        function = here.loaded.get(van.region_uuid or '')
        user = here.attached.get(handle)
        if user is None:
            return Observation(Presence.ABSENT, busy, function)
        if user != van.uuid:
            return Observation(Presence.UNKNOWN, busy)
        return Observation(
            Presence.IN_USE if van.instance_uuid in here.running
            else Presence.PRESENT, busy, function, AttachData(ODD, '1.0', {}))

    def program(self, van: VAN, path: str, deadline: float) -> None:
        region = str(van.region_uuid)

        def write() -> None:
            self.platform.loaded[region] = pathlib.Path(path).read_text()
        self._touch(van)
        self.platform.loaded[region] = UNDEFINED
        self._operate('write', van, region, write)

    def plug(self, van: VAN, instance: InstanceInfo, deadline: float
             ) -> AttachData:
        def attach() -> None:
            self.platform.attached[name(van)] = van.uuid
            self.platform.owner[van.uuid] = instance.uuid
        user = self.platform.attached.get(name(van))
        if user not in (None, van.uuid):
            raise OddError(f'it is attached to VAN {user}')
        self._touch(van)
        self._operate('attach', van, name(van), attach)
        return AttachData(ODD, '1.0', {})

    def unplug(self, van: VAN, deadline: float) -> None:
        def detach() -> None:
            if self.platform.attached.get(name(van)) == van.uuid:
                del self.platform.attached[name(van)]
        self._operate('detach', van, name(van), detach)

    def clean(self, van: VAN, scope: CleanScope, deadline: float) -> None:
        region = str(van.region_uuid)

        def erase() -> None:
            self.platform.soiled.discard(name(van))
            if scope is CleanScope.REGION:
                self.platform.loaded[region] = None
        self._refuse_gone(van)
        self._operate(
            'erase' if scope is CleanScope.HANDLE else 'erase-region', van,
            name(van) if scope is CleanScope.HANDLE else region, erase)

    def _touch(self, van: VAN) -> None:
        """What is begun leaves the device soiled, however it ends."""
        self._refuse_gone(van)
        self._answer()
        self.platform.soiled.add(name(van))

    def _refuse_gone(self, van: VAN) -> None:
        if name(van) in self.platform.gone:
            raise OddError('the device is gone')

    def _answer(self) -> None:
        if not self.platform.up:
            raise OddError('nobody answers')

    def _operate(self, operation: str, van: VAN, what: str,
                 apply: Callable[[], None]) -> None:
        self._answer()
        if what in self.platform.busy:
            raise OddError(f'another operation runs on {what}')
        self.platform.busy.add(what)

        def to_the_end() -> None:
            apply()
            self.platform.busy.discard(what)
        try:
            self.platform.perform(operation, van.uuid, to_the_end)
        except TimeoutError:  # it is still running
            raise
        except Exception:
            self.platform.busy.discard(what)
            raise
        self.platform.busy.discard(what)


def name(van: VAN) -> str:
    """The handle's name on the platform."""
    assert van.handle_data is not None, 'a VAN that was never BOUND'
    return str(van.handle_data.data['slot'])
