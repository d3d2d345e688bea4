"""``ioslot-novalink``: whole adapters on POWER with NovaLink.

There is no domain definition, no host driver and no agent; NovaLink's REST
service, through pypowervm, is all that is asked.
"""

import importlib
import importlib.util
import platform
import time
from collections.abc import Callable
from typing import Any

import msgspec
from os_acc.objects import (
    VAN,
    AttachData,
    CleanScope,
    InstanceInfo,
    Observation,
    Presence,
)
from os_acc.plugin import HostPluginInfo, PluginBase

IOSLOT = 'IOSLOT'
STALE = 412  # of HTTP: the version sent is not the newest
POWERED_OFF = 'not activated'
UNDER_WAY = ('NOT_STARTED', 'RUNNING')  # states of a job of NovaLink's


class SlotData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``handle_data`` of ``IOSLOT``, version 1.0.

    :ivar drc_index: by which NovaLink takes the slot
    :ivar location: code that says where it is in the machine
    :ivar vendor_id, device_id, subsystem_id: of the adapter, hexadecimal
    """

    drc_index: int
    location: str
    vendor_id: str
    device_id: str
    subsystem_id: str

    @property
    def ids(self) -> tuple[str, str, str]:
        return self.vendor_id, self.device_id, self.subsystem_id


class NotPlugged(Exception):
    """A slot cannot be assigned, freed or cleared."""


class IoSlotNovaLink(PluginBase):
    """The plugin.

    :param connect: gives pypowervm's adapter; by default to this host, by
        NovaLink's local authentication
    :param reset: has the platform power-cycle a slot: (adapter, DRC index,
        deadline).  pypowervm has no request for that, so without it nothing
        is ever cleared
    :param cleared_by_reset: (vendor, device, subsystem) ids of the adapters
        that a reset clears, by the operator's word
    """

    def __init__(self, connect: Callable[[], Any] | None = None,
                 reset: Callable[[Any, int, float], None] | None = None,
                 cleared_by_reset: frozenset[tuple[str, str, str]]
                 = frozenset()) -> None:
        self._connect = connect or local
        self._here = connect is not None or (
            importlib.util.find_spec('pypowervm') is not None
            and platform.machine() in ('ppc64', 'ppc64le'))
        self._reset = reset
        self.cleared_by_reset = cleared_by_reset
        self._adapter: Any = None

    def describe(self) -> HostPluginInfo:
        """``IOSLOT``, which is not programmed (PLAT-020); nothing off the
        platform (PLAT-001).
        """
        return HostPluginInfo('ioslot-novalink', (1, 0), {
            IOSLOT: ('1.0', '1.0')} if self._here else {})

    def observe(self, van: VAN, deadline: float) -> Observation:
        """The table of the specification: the first row counts."""
        try:
            slot = self._slot(slot_data(van), deadline)
            if slot is None:
                return Observation(Presence.GONE)
            partition = self._partition(van, deadline)
            busy = partition is not None and self._is_busy(partition,
                                                           deadline)
        except (self._errors, NotPlugged):
            return Observation(Presence.UNKNOWN)
        user = (slot.part_uuid or '').lower()
        if not user:
            return Observation(Presence.ABSENT, busy)
        if partition is None or user != partition.uuid.lower():
            return Observation(Presence.UNKNOWN, busy)
        return Observation(
            Presence.PRESENT if partition.state == POWERED_OFF
            else Presence.IN_USE, busy, attach_data=attach_data(van))

    def plug(self, van: VAN, instance: InstanceInfo, deadline: float
             ) -> AttachData:
        """Put the slot on the partition's list, as required."""
        data = slot_data(van)

        def change(partition: Any) -> bool:
            slot = self._slot(data, deadline)
            if slot is None:
                raise NotPlugged(f'{data.location} does not have the '
                                 'adapter of the handle any more')
            user = (slot.part_uuid or '').lower()
            if user not in ('', partition.uuid.lower()):  # PLAT-013
                raise NotPlugged(f'partition {slot.part_name} has '
                                 f'{data.location}')
            if user:
                return False
            kind = self._module('wrappers.base_partition').IOSlot
            partition.io_config.io_slots.append(kind.bld(
                self._adapter, bool(slot.bus_grp_required), data.drc_index,
                required=True))  # PLAT-012
            return True
        if not self._change(van, change, deadline):
            raise NotPlugged(f'instance {instance.name} has no partition: '
                             'create it first')
        return attach_data(van)

    def unplug(self, van: VAN, deadline: float) -> None:
        """Take the slot off the list; a partition that was deleted has
        none.
        """
        data = slot_data(van)

        def change(partition: Any) -> bool:
            slots = partition.io_config.io_slots
            mine = [slot for slot in slots
                    if slot.drc_index == data.drc_index]
            for slot in mine:
                slots.remove(slot)
            return bool(mine)
        self._change(van, change, deadline)

    def clean(self, van: VAN, scope: CleanScope, deadline: float) -> None:
        """Have the slot reset, if that clears its adapter (PLAT-018)."""
        data = slot_data(van)
        if scope is not CleanScope.HANDLE:
            raise NotPlugged('a slot lies in no region')
        if data.ids not in self.cleared_by_reset:
            raise NotPlugged(
                'the adapter {}:{}:{} is not listed in [os_acc_ioslot_'
                'novalink] cleared_by_reset'.format(*data.ids))
        if self._reset is None:
            raise NotPlugged('this NovaLink cannot be asked to reset a slot')
        if self._slot(data, deadline) is None:
            raise NotPlugged(f'another adapter is in {data.location}')
        self._reset(self._novalink(), data.drc_index, deadline)

    # NovaLink

    @staticmethod
    def _module(name: str) -> Any:
        """A module of pypowervm, which only hosts with NovaLink have."""
        return importlib.import_module(f'pypowervm.{name}')

    @property
    def _errors(self) -> Any:
        return self._module('exceptions').Error

    def _novalink(self) -> Any:
        if self._adapter is None:
            self._adapter = self._connect()
        return self._adapter

    def _ask(self, request: Callable[..., Any], *what: Any,
             deadline: float) -> Any:
        """Make a request, which may take as long as there is time left.

        :raises NotPlugged: there is none, or was not enough
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotPlugged('the deadline has passed')
        try:
            return request(*what, timeout=left)
        except self._module('exceptions').TimeoutError as error:
            raise NotPlugged('NovaLink did not answer before the '
                             'deadline') from error

    def _slot(self, data: SlotData, deadline: float) -> Any:
        """The slot, or None if it is not the handle's (PLAT-010)."""
        response = self._ask(self._novalink().read, 'ManagedSystem',
                             deadline=deadline)
        system = self._module('wrappers.managed_system').System.wrap(
            response)[0]
        return next((slot for slot in system.asio_config.io_slots
                     if slot.drc_index == data.drc_index
                     and slot.drc_name == data.location
                     and ids(slot) == data.ids), None)

    def _partition(self, van: VAN, deadline: float) -> Any:
        """The partition of the VAN's instance, or None."""
        uuid = self._module('utils.uuid').convert_uuid_to_pvm(
            van.instance_uuid).upper()
        try:
            response = self._ask(self._novalink().read, 'LogicalPartition',
                                 uuid, deadline=deadline)
        except self._module('exceptions').HttpNotFound:
            return None
        return self._module('wrappers.logical_partition').LPAR.wrap(response)

    def _is_busy(self, partition: Any, deadline: float) -> bool:
        """NovaLink runs a job on the partition (PLAT-017)."""
        response = self._ask(self._novalink().read_jobs, 'LogicalPartition',
                             partition.uuid, deadline=deadline)
        wrap = self._module('wrappers.job').Job.wrap
        return any(wrap(entry).job_status in UNDER_WAY
                   for entry in response.feed.entries)

    def _change(self, van: VAN, change: Callable[[Any], bool],
                deadline: float) -> bool:
        """Read the partition, change it, and write it with the version that
        was read; begin anew when somebody else has changed it (PLAT-016).

        :param change: False if there is nothing to change
        :returns: False if there is no partition
        """
        http_error = self._module('exceptions').HttpError
        while True:
            partition = self._partition(van, deadline)
            if partition is None:
                return False
            if partition.state != POWERED_OFF:  # PLAT-011
                raise NotPlugged(f'partition {partition.name} is '
                                 f'{partition.state}: power it off first')
            if not change(partition):
                return True
            try:
                self._ask(partition.update, deadline=deadline)
                return True
            except http_error as error:
                if error.response.status != STALE:
                    raise


def local() -> Any:
    """pypowervm's adapter to NovaLink on this host."""
    module = importlib.import_module('pypowervm.adapter')
    return module.Adapter(module.Session())


def ids(slot: Any) -> tuple[str, str, str]:
    """Vendor's, device's and subsystem's ids of a slot's adapter."""
    return (f'{slot.pci_vendor_id or 0:04x}', f'{slot.pci_dev_id or 0:04x}',
            f'{slot.pci_subsys_dev_id or 0:04x}')


def slot_data(van: VAN) -> SlotData:
    """Which slot the VAN's handle is."""
    if van.handle_data is None:
        raise NotPlugged(f'VAN {van.uuid} has no handle')
    return msgspec.convert(van.handle_data.data, SlotData)


def attach_data(van: VAN) -> AttachData:
    """The DRC index alone: the partition has the slot already."""
    return AttachData(IOSLOT, '1.0', {'drc_index': slot_data(van).drc_index})
