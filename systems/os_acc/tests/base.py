"""What the tests share."""

import os
import pathlib
import tempfile
import time
import unittest
from collections.abc import Callable
from typing import TypeVar

from harness import libvirtd
from harness.agent import Agent, listening
from harness.virt import VirtDriver
from os_acc.objects import VAN, HandleData, InstanceInfo, State
from os_acc_libvirt.elements import Address
from os_acc_libvirt.host_socket import HostSocket
from os_acc_libvirt.plugin import GpuLibvirt

Test = TypeVar('Test', bound=Callable[..., None])
CARD = [Address(0, 0x3b, 0, 0), Address(0, 0x3b, 0, 1)]
BRIDGE = Address(0, 0x3a, 0, 0)
PARENT = Address(0, 0x5e, 0, 0)
INSTANCES = [InstanceInfo(f'0000000{number}-1111-4222-8333-444455556666',
                          f'instance-{number}', 'project', 'user')
             for number in range(3)]
CARD_DATA = {'identity': 'card-S123', 'functions': [
    {'address': {'domain': 0, 'bus': 0x3b, 'device': 0, 'function': number},
     'vendor_id': '10de', 'product_id': product}
    for number, product in enumerate(('1db6', '10f7'))]}
SHARE_DATA = {'identity': 'parent-S7/share0', 'parent': {
    'domain': 0, 'bus': 0x5e, 'device': 0, 'function': 0},
    'type_name': 'GRID V100-8Q'}


def shows(*ids: str) -> Callable[[Test], Test]:
    """Say of a test that it fails when one of these requirements is
    broken: it is their evidence (``tools/shown.py`` reads it).
    """
    def mark(test: Test) -> Test:
        test.shows = ids  # type: ignore[attr-defined]
        return test
    return mark


def soon() -> float:
    """A deadline, on the monotonic clock."""
    return time.monotonic() + 60


def van_of(kind: str, data: dict, number: int = 0, instance: int = 0,
           **more) -> VAN:
    """A VAN that is claimed for an instance."""
    return VAN(uuid=f'7000000{number}-aaaa-4bbb-8ccc-ddddeeeeffff',
               instance_uuid=INSTANCES[instance].uuid, project_id='project',
               host='host', request_id='0', rp_uuid='rp',
               handle_uuid=f'handle-{number}', handle_type=kind,
               handle_data=HandleData(kind, '1.0', data),
               state=State.READY, **more)


def a_host(root: pathlib.Path) -> Agent:
    """A host with a card of two functions behind a bridge, and a parent."""
    agent = Agent(root)
    agent.add_function(BRIDGE, 7, 'pcieport', kind='0x060400')
    for address in CARD:
        agent.add_function(address, 7, 'vfio-pci')
    agent.add_function(PARENT, 9, 'nvidia')
    return agent


class LibvirtCase(unittest.TestCase):
    """A test with a libvirtd of its own for the class, and an agent."""

    @classmethod
    def setUpClass(cls):
        why = libvirtd.missing()
        if why:
            if os.environ.get('CYBORG_SPECS_NO_SKIP'):
                raise AssertionError(why)
            raise unittest.SkipTest(why)
        cls.uri = cls.enterClassContext(libvirtd.running())
        cls.virt = VirtDriver(cls.uri)
        cls.addClassCleanup(cls.virt.close)

    def setUp(self):
        root = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix='os-acc-')))
        self.agent = a_host(root / 'host')
        self.enterContext(listening(self.agent, root / 'agent.sock'))
        self.plugin = GpuLibvirt(HostSocket(str(root / 'agent.sock')),
                                 self.uri, str(self.agent.sysfs))
        self.addCleanup(self._clear)

    def _clear(self):
        for instance in INSTANCES:
            self.virt.stop(instance.uuid)
            self.virt.undefine(instance.uuid)

    def define(self, van, data, instance=0):
        self.virt.define(INSTANCES[instance].uuid, INSTANCES[instance].name,
                         [data])

    def elements(self, instance=0):
        """How many host devices the persistent definition has."""
        definition = self.virt.definition(INSTANCES[instance].uuid)
        return definition.count('<hostdev') if definition else 0
