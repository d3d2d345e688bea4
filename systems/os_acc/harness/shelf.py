"""A plugin for a third platform, from nothing: an example to begin with.

The platform is a shelf: a folder for each slot, with a file ``user`` that
names the VAN in it, ``soil`` while it holds what its last user left, and
``busy`` while somebody works on it.  ``Plugin`` is what its author ships,
``Bench`` what the harness has to do to such a platform and to see of it, and
``Slots`` ties both to the conformance kit.
"""

import pathlib
from collections.abc import Callable
from typing import Any

from os_acc.objects import (
    VAN,
    AttachData,
    CleanScope,
    HandleData,
    InstanceInfo,
    Observation,
    Presence,
)
from os_acc.plugin import HostPluginInfo, PluginBase, Plugins

from harness.agent import Perform, now
from harness.api import Handle
from harness.host import DeviceFault
from harness.system import OsAcc

SLOT = 'SLOT'
NO_DATA = AttachData(SLOT, '1.0', {})


class Shelf:
    """The platform.

    :ivar up: whoever moves things on it is there
    :ivar running: uuids of the instances whose guest runs
    :ivar perform: carries a move out; the kit puts its own in this place
    """

    def __init__(self, root: pathlib.Path) -> None:
        self.root, self.up = root, True
        self.running: set[str] = set()
        self.perform: Perform = now

    def move(self, what: str, van: VAN, apply: Callable[[], None]) -> None:
        """Work on the slot of a VAN; it is busy until the end."""
        if not self.up:
            raise OSError('nobody is at the shelf')
        busy = self.slot(van) / 'busy'
        busy.touch(exist_ok=False)
        if what == 'attach':  # what is begun soils it, however it ends
            (self.slot(van) / 'soil').touch()

        def to_the_end() -> None:
            apply()
            busy.unlink(missing_ok=True)
        try:
            self.perform(what, van.uuid, to_the_end)
        except TimeoutError:  # it goes on
            raise
        except Exception:
            busy.unlink(missing_ok=True)
            raise

    def slot(self, van: VAN) -> pathlib.Path:
        """The folder of a VAN."""
        assert van.handle_data is not None, 'a VAN that was never BOUND'
        return self.root / str(van.handle_data.data['slot'])


class Plugin(PluginBase):
    """Puts VANs into slots."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def describe(self) -> HostPluginInfo:
        return HostPluginInfo('shelf', (1, 0), {SLOT: ('1.0', '1.0')})

    def observe(self, van: VAN, deadline: float) -> Observation:
        if not self.shelf.up:
            return Observation(Presence.UNKNOWN)
        slot = self.shelf.slot(van)
        busy, user = (slot / 'busy').exists(), slot / 'user'
        if not user.exists():
            return Observation(Presence.ABSENT, busy)
        if user.read_text() != van.uuid:
            return Observation(Presence.UNKNOWN, busy)
        return Observation(
            Presence.IN_USE if van.instance_uuid in self.shelf.running
            else Presence.PRESENT, busy, None, NO_DATA)

    def plug(self, van: VAN, instance: InstanceInfo, deadline: float
             ) -> AttachData:
        def attach() -> None:
            (self.shelf.slot(van) / 'user').write_text(van.uuid)
        self.shelf.move('attach', van, attach)
        return NO_DATA

    def unplug(self, van: VAN, deadline: float) -> None:
        user = self.shelf.slot(van) / 'user'
        self.shelf.move('detach', van,
                        lambda: user.unlink(missing_ok=True))

    def clean(self, van: VAN, scope: CleanScope, deadline: float) -> None:
        soil = self.shelf.slot(van) / 'soil'
        self.shelf.move('erase', van, lambda: soil.unlink(missing_ok=True))


class Bench:
    """The shelf under test: :class:`harness.host.Bench` says what each
    method is for.
    """

    def __init__(self, root: pathlib.Path, handles: int,
                 plugin: type[Plugin] = Plugin) -> None:
        self.shelf = Shelf(root)
        self._plugin = plugin(self.shelf)
        self.handles = [
            Handle(f'handle-{number}', SLOT,
                   HandleData(SLOT, '1.0', {'slot': f'slot-{number}'}))
            for number in range(handles)]
        for number in range(handles):
            self._slot(number).mkdir()

    def _slot(self, handle: int) -> pathlib.Path:
        return self.shelf.root / f'slot-{handle}'

    def plugins(self) -> Plugins:
        return Plugins({'shelf': self._plugin})

    @property
    def up(self) -> bool:
        return self.shelf.up

    @up.setter
    def up(self, value: bool) -> None:
        self.shelf.up = value

    def set_perform(self, perform: Perform) -> None:
        self.shelf.perform = perform

    def late(self, message: str) -> Exception:
        return TimeoutError(message)

    def failed(self, message: str) -> Exception:
        return DeviceFault(message)

    def drop_jobs(self) -> None:
        for busy in self.shelf.root.glob('slot-*/busy'):
            busy.unlink()

    def attached(self, handle: int) -> str | None:
        user = self._slot(handle) / 'user'
        return user.read_text() if user.exists() else None

    def soiled(self, handle: int) -> bool:
        return (self._slot(handle) / 'soil').exists()

    def start(self, instance: InstanceInfo) -> None:
        self.shelf.running.add(instance.uuid)

    def stop(self, instance: InstanceInfo) -> None:
        self.shelf.running.discard(instance.uuid)

    # A shelf knows no definitions, and keeps what is on it without power.

    def define(self, instance: InstanceInfo, data: list[AttachData]
               ) -> None: ...
    def undefine(self, instance: InstanceInfo) -> None: ...
    def power_loss(self) -> None: ...
    def look(self) -> None: ...


class Slots(OsAcc):
    """Two instances that want one slot; held to what a plugin owes."""

    roles = ('plugin',)
    capabilities = ('core',)
    implementation = ('shelf', '0.1')
    settings = {'kind': 'VF', 'vans': '2', 'handles': '1', 'limit': '1'}
    plugin: type[Plugin] = Plugin

    def bench(self, root: pathlib.Path) -> Any:
        return Bench(root, self.setting('handles', 1), self.plugin)
