"""The agent: which drivers there are, what they offer, and what is done."""

import pathlib
import threading
import time
from collections.abc import Iterable, Mapping
from typing import IO, Any, TypeVar

import msgspec

from os_acc_agent import assignable, workers
from os_acc_agent.driver import (
    INTERFACE,
    Device,
    DeviceState,
    DriverInfo,
    Handle,
    Region,
)
from os_acc_agent.leases import Lease, Leases, Unreadable
from os_acc_agent.sysfs import text
from os_acc_agent.workers import Call, Locks, Refused

PATIENCE = 60.0  # seconds for what no caller waits for
Part = TypeVar('Part', bound=Device | Region | Handle)


class ConfigurationError(Exception):
    """The agent cannot start as it is configured."""


class Config(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The section ``[agent]``.

    :ivar socket_users: whom the host socket serves, by name
    :ivar run: directory that is empty after a loss of power
    :ivar state: directory that outlives the host
    :ivar sysfs: what stands for the kernel's files, and its root
    :ivar settings: driver -> its own section
    """

    enabled_drivers: tuple[str, ...] = ()
    socket_path: str = '/run/cyborg/agent.sock'
    socket_users: tuple[str, ...] = ('nova',)
    guest_memory_map: tuple[tuple[int, int], ...] = assignable.MEMORY_MAP
    run: str = '/run/cyborg'
    state: str = '/var/lib/cyborg'
    sysfs: tuple[str, str] = ('os_acc_agent.sysfs:Sysfs', '/sys')
    settings: dict[str, dict[str, Any]] = {}


class Seen(msgspec.Struct, frozen=True):
    """What ``observe`` answers; ``attached`` None is "unknown"."""

    attached: bool | None
    busy: bool
    gone: bool
    van: str | None = None
    function: str | None = None


class Report(msgspec.Struct, frozen=True):
    """What the conductor is told.

    :ivar devices: driver -> identity -> device
    :ivar withheld: identity of a handle or a device -> why it is not
        offered
    """

    devices: dict[str, dict[str, Device]] = {}
    withheld: dict[str, str] = {}

    def offered(self) -> dict[str, Handle]:
        """The handles that can be claimed."""
        return {handle.identity: handle for _, device, handle in self.all()
                if not (device.gone or handle.gone
                        or handle.identity in self.withheld
                        or device.identity in self.withheld)}

    def all(self) -> Iterable[tuple[str, Device, Handle]]:
        """Each handle, with its driver and its device."""
        for driver, devices in self.devices.items():
            for device in devices.values():
                for handle in device.handles:
                    yield driver, device, handle


class Agent:
    """One host's agent.

    :ivar drivers: those that are used, with their descriptions
    :ivar left_out: those that are not, with the reason
    :raises ConfigurationError: a driver that is enabled is not installed
    """

    def __init__(self, config: Config) -> None:
        installed = workers.names()
        for name in config.enabled_drivers:
            if name not in installed:  # DRIVER-002
                raise ConfigurationError(
                    f'[agent] enabled_drivers has {name}, which is not '
                    f'installed; there are {", ".join(installed) or "none"}')
        self.config = config
        run, self._state = pathlib.Path(config.run), pathlib.Path(
            config.state)
        self.leases = Leases(self._state / 'leases', run / 'leases')
        self.locks = Locks(run / 'locks')
        self.drivers: dict[str, DriverInfo] = {}
        self.left_out: dict[str, str] = {}
        self.report = Report()
        self._reporting = threading.Lock()

    def start(self) -> None:
        """Before the first request: load, prepare, discover."""
        path = self._state / 'report.json'
        if path.exists():
            self.report = msgspec.json.decode(path.read_bytes(), type=Report)
        leased, _ = self.leases.all()
        for name in self.config.enabled_drivers:
            info = self._describe(name)
            if info is None:
                continue
            self.drivers[name] = info
            self._call(name, 'start', soon(), leased=[
                Handle(identity=lease.identity, type=lease.type,
                       data=lease.data, region=lease.region)
                for lease in leased if lease.driver == name])
        self.discover()

    def _describe(self, name: str) -> DriverInfo | None:
        """A driver's description; None if it does not fit (DRIVER-003)."""
        said = self._call(name, 'describe', soon())
        major, minor = said['interface']
        if major != INTERFACE[0] or minor > INTERFACE[1]:
            self.left_out[name] = (
                f'written for version {major}.{minor} and this is '
                '{}.{}'.format(*INTERFACE))
            return None
        return msgspec.convert(said['info'], DriverInfo)

    # discovery

    def discover(self) -> Report:
        """Ask each driver for its devices, and keep the report."""
        with self._reporting:
            found: dict[str, dict[str, Device]] = {
                name: merged(before, ())
                for name, before in self.report.devices.items()
                if name not in self.drivers}
            for name in self.drivers:
                before = self.report.devices.get(name, {})
                try:
                    devices = msgspec.convert(
                        self._call(name, 'discover', soon()), list[Device])
                except Refused:
                    found[name] = before  # as they were last
                else:
                    found[name] = merged(before, devices)
            self.report = Report(found, {**self._contested(found),
                                         **self._not_assignable(found)})
            (self._state / 'report.json').write_bytes(
                msgspec.json.encode(self.report))
            return self.report

    @staticmethod
    def _contested(found: Mapping[str, Mapping[str, Device]]
                   ) -> dict[str, str]:
        """The devices that two drivers list, by address or serial number
        (DRIVER-004).
        """
        owners: dict[str, list[tuple[str, str]]] = {}
        for name, devices in found.items():
            for device in devices.values():
                if not device.gone:
                    for key in (device.address, f'{device.vendor_id} '
                                                f'{device.serial}'):
                        owners.setdefault(key, []).append(
                            (name, device.identity))
        return {identity: f'listed by the drivers '
                          f'{", ".join(name for name, _ in listed)}'
                for listed in owners.values() if len(listed) > 1
                for _, identity in listed}

    def _not_assignable(self, found: dict[str, dict[str, Device]]
                        ) -> dict[str, str]:
        sysfs = self._sysfs()
        withheld = {}
        for _, device, handle in Report(found).all():
            for address in functions(handle.data):
                why = sysfs.has(address) and assignable.why_not(
                    sysfs, address, self.config.guest_memory_map)
                if why and not (device.gone or handle.gone):
                    withheld[handle.identity] = why
        return withheld

    # requests

    def hello(self) -> dict[str, Any]:
        return {'version': '{}.{}'.format(*INTERFACE),
                'drivers': sorted(self.drivers),
                'left_out': self.left_out}

    def observe(self, handle: dict[str, Any], van: str, deadline: float
                ) -> Seen:
        """Lease, lock and device, all read now."""
        driver, known = self._known(handle)
        busy = self.locks.busy(known.identity, known.region)
        try:
            lease = self.leases.get(known.identity)
        except Unreadable:  # DRIVER-023
            return Seen(None, busy, False)
        if driver is None:
            return Seen(None, busy, False)
        state = self._state_of(driver, known, lease.van if lease else van,
                               deadline)
        if not state.here:  # DRIVER-022
            return Seen(False, busy, True)
        return Seen(lease is not None and state.set_up, busy, False,
                    lease.van if lease else None, state.function)

    def attach(self, handle: dict[str, Any], van: str, instance: str,
               deadline: float) -> None:
        """Have a handle set up, look, and write the lease last."""
        driver, known = self._owned(handle)
        with self._handle_locked(known) as locks:
            lease = self._lease(known.identity)
            if lease and lease.van != van:
                raise Refused('Leased', f'to VAN {lease.van}')
            self._operate(driver, 'attach', deadline, locks, handle=known,
                          name=van)
            if not self._state_of(driver, known, van, deadline).set_up:
                raise Refused('DeviceError', (  # DRIVER-028
                    f'{known.identity} is not set up, though its driver '
                    'says so'))
            try:
                self.leases.put(Lease(
                    identity=known.identity, type=known.type, driver=driver,
                    region=known.region, data=known.data, van=van,
                    instance=instance, time=time.time()),
                    known.type in self.drivers[driver].kept)
            except OSError as error:
                self._operate(driver, 'detach', deadline, locks,
                              handle=known, name=van)
                raise Refused('DeviceError',
                              f'no lease can be written: {error}') from error

    def detach(self, handle: dict[str, Any], van: str, deadline: float
               ) -> None:
        """Undo that, and remove the lease last; without one something may
        be left of an attempt.
        """
        driver, known = self._owned(handle)
        with self._handle_locked(known) as locks:
            lease = self._lease(known.identity)
            if lease and lease.van != van:
                return
            self._operate(driver, 'detach', deadline, locks, handle=known,
                          name=van)
            self.leases.remove(known.identity)

    def erase(self, handle: dict[str, Any], van: str, region: str | None,
              deadline: float) -> None:
        """Erase a handle's share, or a whole region."""
        driver, known = self._owned(handle)
        place = self._region(known, region) if region else None
        with (self._region_locked(place) if place
              else self._handle_locked(known)) as locks:
            self._refuse_leased(known, place)
            self._operate(driver, 'erase', deadline, locks, handle=known,
                          name=van, region=place)

    def program(self, handle: dict[str, Any], van: str, region: str,
                deadline: float, bitstream: IO[bytes]) -> None:
        """Have a region written with what is in the open file."""
        driver, known = self._owned(handle)
        place = self._region(known, region)
        with self._region_locked(place) as locks:
            self._refuse_leased(known, place)
            self._operate(driver, 'program', deadline, locks, bitstream,
                          region=place)

    # what is known

    def _known(self, data: dict[str, Any]) -> tuple[str | None, Handle]:
        """A handle, with its driver; None if that is not used, or if there
        are two.

        :raises Refused: nobody has ever heard of it
        """
        identity = str(data.get('identity'))
        for driver, device, handle in self.report.all():
            if handle.identity == identity:
                here = msgspec.structs.replace(handle, data=data)
                mine = (driver in self.drivers and device.identity
                        not in self.report.withheld)
                return driver if mine else None, here
        try:
            lease = self.leases.get(identity)
        except Unreadable:
            return None, Handle(identity=identity, type='', data=data)
        if lease is None:
            raise Refused('NoSuchHandle', identity)
        return None, Handle(identity=identity, type=lease.type, data=data,
                            region=lease.region)

    def _owned(self, data: dict[str, Any]) -> tuple[str, Handle]:
        """The same, for an operation."""
        driver, known = self._known(data)
        if driver is None:
            raise Refused('NotSupported', 'no driver, or more than one, has '
                                          f'{known.identity}')
        return driver, known

    def _region(self, handle: Handle, identity: str) -> Region:
        for devices in self.report.devices.values():
            for device in devices.values():
                for region in device.regions:
                    if region.identity == identity == handle.region:
                        return region
        raise Refused('NoSuchHandle', f'{handle.identity} does not lie in a '
                                      f'region {identity}')

    def _lease(self, identity: str) -> Lease | None:
        """A lease, for who would change what it covers."""
        try:
            return self.leases.get(identity)
        except Unreadable as error:
            raise Refused('Leased', str(error)) from error

    def _refuse_leased(self, handle: Handle, region: Region | None) -> None:
        """DRIVER-012."""
        covered = [handle.identity] + ([] if region is None else [
            other.identity for _, _, other in self.report.all()
            if other.region == region.identity])
        for identity in covered:
            lease = self._lease(identity)
            if lease:
                raise Refused('Leased', f'{identity} is leased to VAN '
                                        f'{lease.van}: detach it first')

    # drivers

    def _sysfs(self) -> Any:
        module, _, name = self.config.sysfs[0].partition(':')
        return getattr(__import__(module, fromlist=[name]), name)(
            self.config.sysfs[1])

    def _handle_locked(self, handle: Handle) -> Any:
        return self.locks.held([handle.identity],
                               [handle.region] if handle.region else [])

    def _region_locked(self, region: Region) -> Any:
        return self.locks.held([region.identity], [])

    def _state_of(self, driver: str, handle: Handle, name: str,
                  deadline: float) -> DeviceState:
        return msgspec.convert(self._call(
            driver, 'observe', deadline, handle=handle, name=name),
            DeviceState)

    def _operate(self, driver: str, operation: str, deadline: float,
                 locks: list[int], bitstream: IO[bytes] | None = None,
                 **arguments: Any) -> None:
        """An operation of a driver, with what is locked."""
        self._call(driver, operation, deadline, locks, bitstream,
                   **arguments, deadline=deadline)

    def _call(self, driver: str, method: str, until: float,
              locks: list[int] | None = None,
              bitstream: IO[bytes] | None = None, **arguments: Any) -> Any:
        """Have a worker call a driver, with what it needs and no more."""
        info = self.drivers.get(driver, DriverInfo())
        return workers.run(
            Call(driver=driver, method=method, sysfs=self.config.sysfs,
                 settings=self.config.settings.get(driver, {}),
                 capabilities=info.capabilities,
                 arguments=msgspec.to_builtins(arguments),
                 bitstream=bitstream.fileno() if bitstream else None),
            until, locks, method not in info.uninterruptible)


def soon() -> float:
    """A deadline for what no caller waits for."""
    return time.monotonic() + PATIENCE


def merged(before: Mapping[str, Device], devices: Iterable[Device]
           ) -> dict[str, Device]:
    """What was reported before and is not found is gone (DRIVER-020)."""
    found = {}
    for device in devices:
        old = before.get(device.identity)
        found[device.identity] = msgspec.structs.replace(
            device, regions=_kept(old.regions if old else (),
                                  device.regions),
            handles=_kept(old.handles if old else (), device.handles))
    gone = {identity: _gone(device) for identity, device in before.items()
            if identity not in found}
    return {**gone, **found}


def _kept(before: tuple[Part, ...], now: tuple[Part, ...]
          ) -> tuple[Part, ...]:
    here = {part.identity for part in now}
    return (*now, *(msgspec.structs.replace(part, gone=True)
                    for part in before if part.identity not in here))


def _gone(device: Device) -> Device:
    return msgspec.structs.replace(
        device, gone=True, regions=_kept(device.regions, ()),
        handles=_kept(device.handles, ()))


def functions(data: Mapping[str, Any]) -> list[str]:
    """The addresses of the PCI functions that a guest would have."""
    if 'address' in data:
        return [text(data['address'])]
    return [text(function['address'])
            for function in data.get('functions', ())]
