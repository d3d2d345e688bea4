"""The platforms that os-acc is tried on, with their devices."""

import pathlib

from os_acc.objects import AttachData, HandleData, InstanceInfo
from os_acc.plugin import PluginBase, Plugins
from os_acc_libvirt.elements import MDEV, PCI_GPU, Address, host_devices
from os_acc_libvirt.host_socket import AgentError, HostSocket
from os_acc_libvirt.plugin import GpuLibvirt

from harness.agent import Agent, Perform
from harness.api import Handle
from harness.host import Broken, DeviceFault
from harness.odd import ODD, Odd, OddPlatform
from harness.virt import VirtDriver

PARENT = Address(0, 0x5e, 0, 0)


class OddBench:
    """The odd platform.

    :param handles: how many
    :param regions: how many; the handles are dealt out to them
    :param keeps: attachments outlive a loss of power
    :param plugin: the plugin; another class for one with a known fault
    """

    def __init__(self, handles: int, regions: int = 0, keeps: bool = False,
                 plugin: type[Odd] = Odd) -> None:
        self.platform = OddPlatform()
        self._keeps = keeps
        self.handles = [
            Handle(f'handle-{number}', ODD,
                   HandleData(ODD, '1.0', {'slot': f'slot-{number}'}),
                   region=f'region-{number % regions}' if regions else None)
            for number in range(handles)]
        self._plugin = plugin(self.platform)

    def plugins(self) -> Plugins:
        return Plugins({'odd': self._plugin})

    @property
    def up(self) -> bool:
        return self.platform.up

    @up.setter
    def up(self, value: bool) -> None:
        self.platform.up = value

    def set_perform(self, perform: Perform) -> None:
        self.platform.perform = perform

    def late(self, message: str) -> Exception:
        return TimeoutError(message)

    def failed(self, message: str) -> Exception:
        return DeviceFault(message)

    def drop_jobs(self) -> None:
        self.platform.busy.clear()

    def _slot(self, handle: int) -> str:
        return str(self.handles[handle].data.data['slot'])

    def attached(self, handle: int) -> str | None:
        return self.platform.attached.get(self._slot(handle))

    def soiled(self, handle: int) -> bool:
        return self._slot(handle) in self.platform.soiled

    def loaded(self, region: int) -> str:
        return self.platform.loaded.get(f'region-{region}') or 'NONE'

    def define(self, instance: InstanceInfo, data: list[AttachData]
               ) -> None:
        """The odd platform needs no data for a definition."""

    def undefine(self, instance: InstanceInfo) -> None:
        self.platform.undefine(instance.uuid)

    def start(self, instance: InstanceInfo) -> None:
        self.platform.running.add(instance.uuid)

    def stop(self, instance: InstanceInfo) -> None:
        self.platform.running.discard(instance.uuid)

    def power_loss(self) -> None:
        if not self._keeps:
            self.platform.attached.clear()
        self.platform.loaded.clear()

    def look(self) -> None:
        """The odd platform promises nothing of its own."""


class LibvirtBench:
    """Cards or shares, with the fake driver, on a real libvirtd.

    :param root: a directory of its own
    :param uri: of libvirtd
    :param socket: the agent's; it listens there already
    :param kind: ``PCI_GPU``, cards that are joined, or ``MDEV``
    :param plugin: the plugin; another class for one with a known fault
    """

    def __init__(self, agent: Agent, uri: str, socket: pathlib.Path,
                 kind: str, handles: int,
                 plugin: type[GpuLibvirt] = GpuLibvirt) -> None:
        self.agent = agent
        self.handles = (shares if kind == MDEV else cards)(agent, handles)
        self.virt = VirtDriver(uri)
        self._plugin = plugin(HostSocket(str(socket)), uri,
                              str(agent.sysfs))
        self._defined: set[str] = set()
        self._broken = ''

    def plugins(self) -> Plugins:
        plugin: PluginBase = self._plugin
        return Plugins({'gpu-libvirt': plugin})

    @property
    def up(self) -> bool:
        return self.agent.up

    @up.setter
    def up(self, value: bool) -> None:
        self.agent.up = value

    def set_perform(self, perform: Perform) -> None:
        def watched(operation, van, apply):  # type: ignore[no-untyped-def]
            self._before(operation, van)
            perform(operation, van, apply)
        self.agent.perform = watched

    def late(self, message: str) -> Exception:
        return AgentError('Deadline', message)

    def failed(self, message: str) -> Exception:
        return AgentError('DeviceError', message)

    def drop_jobs(self) -> None:
        self.agent.drop_jobs()

    def attached(self, handle: int) -> str | None:
        return self.agent.leased(self.handles[handle].data.data)

    def soiled(self, handle: int) -> bool:
        return self.agent.soiled(self.handles[handle].data.data)

    def define(self, instance: InstanceInfo, data: list[AttachData]
               ) -> None:
        self.virt.define(instance.uuid, instance.name, data)
        self._defined.add(instance.uuid)

    def undefine(self, instance: InstanceInfo) -> None:
        self.virt.undefine(instance.uuid)
        self._defined.discard(instance.uuid)

    def start(self, instance: InstanceInfo) -> None:
        self.virt.start(instance.uuid, instance.name)

    def stop(self, instance: InstanceInfo) -> None:
        self.virt.stop(instance.uuid)

    def power_loss(self) -> None:
        self.agent.power_loss()

    def _devices(self) -> dict[str, set[Address | str]]:
        """What each definition has of the host, by instance."""
        return {uuid: set(host_devices(self.virt.definition(uuid) or
                                       '<domain/>'))
                for uuid in self._defined}

    def _before(self, operation: str, van: str) -> None:
        """FPGAX86-006: no definition has what is about to be detached.  It
        is told when somebody looks, as this is the agent's thread.
        """
        if operation != 'detach':
            return
        mine = self._named(van)
        for uuid, devices in self._devices().items():
            if not mine.isdisjoint(devices):
                self._broken = (
                    f'FPGAX86-006: the definition of instance {uuid} still '
                    f'has the device of VAN {van} when it is detached')

    def _named(self, van: str) -> set[Address | str]:
        """What elements name when a VAN has what it has a lease of."""
        found: set[Address | str] = {van}
        for handle in self.handles:
            if self.agent.leased(handle.data.data) == van:
                found.update(
                    Address(**function['address'])
                    for function in handle.data.data.get('functions', ()))
        return found

    def look(self) -> None:
        """No two definitions have one device (FPGAX86-006)."""
        if self._broken:
            raise Broken(self._broken)
        seen: dict[Address | str, str] = {}
        for uuid, devices in self._devices().items():
            for device in devices:
                if device in seen:
                    raise Broken(
                        f'FPGAX86-006: the definitions of {uuid} and '
                        f'{seen[device]} both have {device}')
                seen[device] = uuid


def shares(agent: Agent, number: int) -> list[Handle]:
    """The shares of one parent."""
    agent.add_function(PARENT, 9, 'nvidia')
    parent = {'domain': PARENT.domain, 'bus': PARENT.bus,
              'device': PARENT.device, 'function': PARENT.function}
    return [Handle(f'handle-{share}', MDEV, HandleData(MDEV, '1.0', {
        'identity': f'parent-S7/share{share}', 'parent': parent,
        'type_name': 'GRID V100-8Q'})) for share in range(number)]


def cards(agent: Agent, number: int) -> list[Handle]:
    """Cards of two functions each, all joined by a link."""
    found = []
    for card in range(number):
        bus = 0x3b + card
        for function in (0, 1):
            agent.add_function(Address(0, bus, 0, function), 7 + card,
                               'vfio-pci')
        found.append(Handle(
            f'handle-{card}', PCI_GPU, HandleData(PCI_GPU, '1.0', {
                'identity': f'card-S{card}', 'functions': [
                    {'address': {'domain': 0, 'bus': bus, 'device': 0,
                                 'function': function},
                     'vendor_id': '10de', 'product_id': '1db6'}
                    for function in (0, 1)]}), group='joined'))
    return found
