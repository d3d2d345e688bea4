"""What plugins for libvirt have in common, and ``gpu-libvirt``.

What is done to the device is done by the agent; libvirtd says who runs, and
keeps the definitions.  sysfs is read and never written.
"""

import abc
import importlib
import importlib.util
import pathlib
import platform
import time
from collections.abc import Iterator
from typing import Any, ClassVar

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

from os_acc_libvirt.elements import (
    MDEV,
    PCI_GPU,
    Address,
    CardAttach,
    CardData,
    ShareAttach,
    ShareData,
    card_element,
    host_devices,
    share_element,
)
from os_acc_libvirt.host_socket import AgentError, HostSocket, Seen

VFIO = 'vfio-pci'
BRIDGE = '0x0604'  # the class of a PCI bridge, without the interface


class NotPlugged(Exception):
    """A device cannot be given to the guest, or not be taken from it."""


class LibvirtPlugin(PluginBase):
    """What plugins for libvirt have in common.

    :cvar types: the handle types that the plugin describes
    :param agent: its host socket
    :param uri: of libvirtd
    :param sysfs: where sysfs is
    """

    name: ClassVar[str]
    types: ClassVar[tuple[str, ...]]
    programs: ClassVar[bool] = False

    def __init__(self, agent: HostSocket | None = None,
                 uri: str = 'qemu:///system', sysfs: str = '/sys') -> None:
        self.agent = agent or HostSocket()
        self.uri = uri
        self.devices = pathlib.Path(sysfs, 'bus/pci/devices')
        self._connection: Any = None

    def describe(self) -> HostPluginInfo:
        """All types where libvirt is, and none elsewhere (PLAT-001)."""
        here = (importlib.util.find_spec('libvirt') is not None
                and platform.machine() not in ('ppc64', 'ppc64le'))
        return HostPluginInfo(
            self.name, (1, 0), dict.fromkeys(self.types, ('1.0', '1.0'))
            if here else {}, self.programs)

    def observe(self, van: VAN, deadline: float) -> Observation:
        """The table of ``fpga-plugin-x86``: the first row counts."""
        try:
            seen = self._agent_sees(van, deadline)
            users = self._users(van, deadline)
        except (AgentError, self.libvirt.libvirtError):
            return Observation(Presence.UNKNOWN)  # FPGAX86-008
        if seen.attached is None:
            return Observation(Presence.UNKNOWN)
        return self._combined(van, seen, users)

    def _combined(self, van: VAN, seen: Seen, users: 'Users') -> Observation:
        if seen.gone:
            return Observation(Presence.GONE, seen.busy)
        if seen.van not in (None, van.uuid) or users.others:
            return Observation(Presence.UNKNOWN, seen.busy)  # FPGAX86-010
        leased = seen.van == van.uuid
        if users.active and (leased or users.has_it):  # FPGAX86-009
            return Observation(Presence.IN_USE, seen.busy,
                               attach_data=self._attach_data(van))
        if leased and seen.attached:
            return Observation(Presence.PRESENT, seen.busy, seen.function,
                               self._attach_data(van))
        return Observation(Presence.ABSENT, seen.busy, seen.function)

    def plug(self, van: VAN, instance: InstanceInfo, deadline: float
             ) -> AttachData:
        """Have the handle set up, and look whether a guest can have it."""
        self.agent.attach(handle(van), van.uuid, instance.uuid, deadline)
        self._check_groups(van, deadline)
        return self._attach_data(van)

    def unplug(self, van: VAN, deadline: float) -> None:
        """Take the elements out of the persistent definition (FPGAX86-006),
        and then have the handle given back.
        """
        self._refuse_if_active(van, deadline)
        domain = self._domain(van, deadline)
        if domain is not None:
            self._remove_elements(domain, van, deadline)
        self.agent.detach(handle(van), van.uuid, deadline)

    # libvirtd

    @property
    def libvirt(self) -> Any:
        """The library, which only hosts with libvirt have."""
        return importlib.import_module('libvirt')

    def _libvirtd(self, deadline: float) -> Any:
        """The connection, made anew when it has broken."""
        if time.monotonic() > deadline:
            raise NotPlugged('the deadline has passed')
        if self._connection is None or not self._connection.isAlive():
            self._connection = self.libvirt.open(self.uri)
        return self._connection

    def _domain(self, van: VAN, deadline: float) -> Any:
        """The domain of the VAN's instance, or None."""
        try:
            return self._libvirtd(deadline).lookupByUUIDString(
                van.instance_uuid)
        except self.libvirt.libvirtError as error:
            if error.get_error_code() == self.libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _refuse_if_active(self, van: VAN, deadline: float) -> None:
        """FPGAX86-007."""
        domain = self._domain(van, deadline)
        if domain is not None and domain.isActive():
            raise NotPlugged(f'the domain of instance {van.instance_uuid} '
                             'is active: stop it first')

    def _remove_elements(self, domain: Any, van: VAN, deadline: float
                         ) -> None:
        lv = self.libvirt
        there = set(host_devices(domain.XMLDesc(
            lv.VIR_DOMAIN_XML_INACTIVE)))
        for name, element in self._named(van):
            if name in there:
                self._libvirtd(deadline)
                domain.detachDeviceFlags(element,
                                         lv.VIR_DOMAIN_AFFECT_CONFIG)

    def _users(self, van: VAN, deadline: float) -> 'Users':
        """Which active domains there are for this VAN's device."""
        mine = {name for name, _ in self._named(van)}
        active = has_it = False
        others = []
        lv = self.libvirt
        for domain in self._libvirtd(deadline).listAllDomains(
                lv.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            has = not mine.isdisjoint(host_devices(domain.XMLDesc()))
            if domain.UUIDString() == van.instance_uuid:
                active, has_it = True, has
            elif has:
                others.append(domain.name())
        return Users(active, has_it, tuple(others))

    # the device

    def _agent_sees(self, van: VAN, deadline: float) -> Seen:
        return self.agent.observe(handle(van), van.uuid, deadline)

    @abc.abstractmethod
    def _own(self, van: VAN) -> set[Address]:
        """The PCI functions that the VAN's handle names; none of a share."""

    @abc.abstractmethod
    def _named(self, van: VAN) -> Iterator[tuple[Address | str, str]]:
        """The VAN's elements, by what they name."""

    @abc.abstractmethod
    def _attach_data(self, van: VAN) -> AttachData:
        """What the virt driver makes the elements of."""

    def _functions(self, van: VAN) -> list[Address]:
        """Every function of the handle's IOMMU groups that is no bridge."""
        found = self._own(van)
        for address in list(found):
            found.update(member for member in self._group(address)
                         if not self._is_bridge(member))
        return sorted(found)

    def _group(self, address: Address) -> list[Address]:
        """The members of the function's IOMMU group."""
        members = self.devices / str(address) / 'iommu_group' / 'devices'
        return [parse(entry.name) for entry in members.iterdir()] if (
            members.is_dir()) else []

    def _is_bridge(self, address: Address) -> bool:
        kind = self.devices / str(address) / 'class'
        return kind.exists() and kind.read_text().startswith(BRIDGE)

    def _check_groups(self, van: VAN, deadline: float) -> None:
        """FPGAX86-001 and FPGAX86-002, for each function of the card.

        :raises NotPlugged: a guest cannot have it
        """
        functions = self._functions(van)
        if not functions:
            return
        for address in functions:
            driver = self.devices / str(address) / 'driver'
            bound = driver.resolve().name if driver.exists() else 'nothing'
            if bound != VFIO:
                raise NotPlugged(f'{address} is bound to {bound} and not to '
                                 f'{VFIO}')
            if not self._group(address):
                raise NotPlugged(f'{address} has no IOMMU group')
        for domain in self._libvirtd(deadline).listAllDomains():
            if domain.UUIDString() == van.instance_uuid:
                continue
            if not set(functions).isdisjoint(host_devices(
                    domain.XMLDesc())):
                raise NotPlugged(
                    f'the domain {domain.name()} has a function of the group')


class Users(msgspec.Struct, frozen=True):
    """Which active domains have to do with a device.

    :ivar active: the instance's domain is
    :ivar has_it: and has the device in its live definition
    :ivar others: names of other active domains that have it
    """

    active: bool
    has_it: bool
    others: tuple[str, ...]


def handle(van: VAN) -> dict[str, Any]:
    """Where the VAN's handle is."""
    if van.handle_data is None:
        raise NotPlugged(f'VAN {van.uuid} has no handle')
    return van.handle_data.data


def parse(text: str) -> Address:
    """An address as sysfs writes it, such as ``0000:3b:00.0``."""
    domain, bus, rest = text.split(':')
    device, _, function = rest.partition('.')
    return Address(*(int(part, 16) for part in (
        domain, bus, device, function)))


def attach_data(van: VAN, data: msgspec.Struct) -> AttachData:
    """Attach data of the handle's type."""
    return AttachData(str(van.handle_type), '1.0', msgspec.json.decode(
        msgspec.json.encode(data), type=dict[str, Any]))


class GpuLibvirt(LibvirtPlugin):
    """``gpu-libvirt``: whole cards, and shares of cards (GPUX86-001)."""

    name = 'gpu-libvirt'
    types = (PCI_GPU, MDEV)

    def clean(self, van: VAN, scope: CleanScope, deadline: float) -> None:
        """Erase the handle; neither type lies in a region."""
        if scope is not CleanScope.HANDLE:
            raise NotPlugged(f'{van.handle_type} lies in no region: there is '
                             'only the handle to erase')
        self._refuse_if_active(van, deadline)
        self.agent.erase(handle(van), van.uuid, deadline)

    def _own(self, van: VAN) -> set[Address]:
        if van.handle_type != PCI_GPU:
            return set()
        card = msgspec.convert(handle(van), CardData)
        return {function.address for function in card.functions}

    def _named(self, van: VAN) -> Iterator[tuple[Address | str, str]]:
        if van.handle_type == PCI_GPU:
            for address in self._functions(van):
                yield address, card_element(address)
        else:
            yield van.uuid, share_element(van.uuid)

    def _attach_data(self, van: VAN) -> AttachData:
        data: CardAttach | ShareAttach
        if van.handle_type == PCI_GPU:
            data = CardAttach(tuple(self._functions(van)),
                              managed=False)  # FPGAX86-004
        else:
            msgspec.convert(handle(van), ShareData)
            data = ShareAttach(van.uuid)  # GPUX86-010
        return attach_data(van, data)
