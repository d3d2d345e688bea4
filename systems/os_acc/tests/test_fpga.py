"""The plugin for FPGAs: on a real libvirtd, with the reference agent."""

import pathlib
import subprocess
import sys
from unittest import mock

import msgspec
from os_acc.objects import CleanScope, Presence
from os_acc_libvirt.elements import MDEV, PCI_FPGA, PCI_GPU
from os_acc_libvirt.fpga import FpgaLibvirt
from os_acc_libvirt.host_socket import AgentError, HostSocket
from os_acc_libvirt.plugin import GpuLibvirt, NotPlugged

from tests.base import INSTANCES, LibvirtCase, shows, soon, van_of
from tests.hosts import HostCase, bitstream, handles, needs_root

ABSENT, PRESENT, IN_USE, GONE, UNKNOWN = Presence
REGION = 'fpga-F1/region0'
ADDRESS = '0000:4b:02.0'
ALONE = """
import sys
import libvirt, msgspec
from os_acc.objects import VAN, CleanScope, InstanceInfo
from os_acc_libvirt.fpga import FpgaLibvirt
from os_acc_libvirt.host_socket import HostSocket
from tests.base import soon
import os
van = msgspec.json.decode(sys.argv[1], type=VAN)
path, uri, sysfs, image = sys.argv[2:]
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
plugin = FpgaLibvirt(HostSocket(path), uri, sysfs)
plugin.program(van, image, soon())
plugin.plug(van, InstanceInfo(van.instance_uuid, '', '', ''), soon())
print(plugin.observe(van, soon()).presence.value)
plugin.unplug(van, soon())
plugin.clean(van, CleanScope.REGION, soon())
print(plugin.observe(van, soon()).presence.value)
"""


class FpgaCase(LibvirtCase, HostCase):
    """A host with an FPGA.

    :cvar drivers: those that the agent loads
    """

    drivers = ('example-fpga',)

    def setUp(self):
        HostCase.setUp(self)
        self.add_cards()
        self.agent = self.agent(*self.drivers)
        self.data = handles(self.agent)
        self.path = self.serve(self.agent)
        self.plugin = FpgaLibvirt(HostSocket(self.path), self.uri,
                                  str(self.kernel.root))
        self.van = self.van_of_function(0)
        self.addCleanup(self._clear)

    def add_cards(self):
        self.kernel.add_fpga(0x4b, 'F1')

    def van_of_function(self, number, van=0, instance=0):
        return van_of(PCI_FPGA, self.data[f'fpga-F1/vf{number}'], van,
                      instance, region_uuid=f'fpga-F1/region{number % 2}')

    def image(self, function='A'):
        path = self.root / 'image'
        path.write_bytes(bitstream(function))
        return str(path)

    def presence(self, van=None):
        return self.plugin.observe(van or self.van, soon()).presence

    def plug(self, van=None, instance=0):
        van = van or self.van
        data = self.plugin.plug(van, INSTANCES[instance], soon())
        self.define(van, data, instance)
        return data

    def record(self, asked):
        """Keep what the agent is asked, but for the deadlines."""
        ask = HostSocket._ask

        def watched(link, deadline, files=(), **request):
            asked.append((request, len(files)))
            return ask(link, deadline, files, **request)
        self._recording = mock.patch.object(HostSocket, '_ask', watched)
        self._recording.start()
        self.addCleanup(self.stop_recording)

    def stop_recording(self):
        if self._recording:
            self._recording.stop()
        self._recording = None


class BothCase(FpgaCase):
    """A host with an FPGA, a whole card and a parent of shares."""

    drivers = ('example-fpga', 'example-gpu')

    def setUp(self):
        super().setUp()
        self.gpu_plugin = GpuLibvirt(HostSocket(self.path), self.uri,
                                     str(self.kernel.root))
        self.card = van_of(PCI_GPU, self.data['gpu-S1/card'], 1)
        self.share = van_of(MDEV, self.data['gpu-P1/share0'], 2)

    def add_cards(self):
        super().add_cards()
        self.kernel.add_gpu(0x3b, 'S1')
        self.kernel.add_gpu(0x3c, 'P1', types={'small': 2})
        self.settings['example-gpu']['shares'] = {'P1': 'small'}


class Domain:
    """A domain of libvirtd's, as far as the plugins look."""

    def __init__(self, instance, definition):
        self.instance, self.definition = instance, definition

    def XMLDesc(self):
        return self.definition

    def UUIDString(self):
        return self.instance.uuid

    def name(self):
        return self.instance.name


class TestFpga(FpgaCase):
    @shows('FPGAX86-004')
    def test_the_whole_way(self):
        self.plugin.program(self.van, self.image(), soon())
        seen = self.plugin.observe(self.van, soon())
        self.assertEqual((seen.presence, seen.function_id), (ABSENT, 'A'))
        data = self.plug()
        self.assertEqual(data.data, {'managed': False, 'address': {
            'domain': 0, 'bus': 0x4b, 'device': 2, 'function': 0}})
        definition = self.virt.definition(INSTANCES[0].uuid)
        self.assertEqual((definition.count('<hostdev'),
                          definition.count("managed='no'")), (1, 1))
        seen = self.plugin.observe(self.van, soon())
        self.assertEqual((seen.presence, seen.attach_data), (PRESENT, data))
        self.plugin.unplug(self.van, soon())
        self.assertEqual((self.elements(), self.presence()), (0, ABSENT))
        self.plugin.clean(self.van, CleanScope.HANDLE, soon())
        self.plugin.clean(self.van, CleanScope.REGION, soon())
        self.assertIsNone(self.plugin.observe(self.van, soon()).function_id)

    @shows('FPGAX86-001')
    def test_the_binding_is_looked_at(self):
        """In the call, after the agent has set the function up."""
        attach = self.plugin.agent.attach

        def undone(*arguments):
            attach(*arguments)
            self.kernel.write(ADDRESS, 'driver/unbind', ADDRESS)
        self.plugin.plug(self.van, INSTANCES[0], soon())
        self.plugin.agent.attach = undone
        with self.assertRaisesRegex(NotPlugged, 'bound to nothing'):
            self.plugin.plug(self.van, INSTANCES[0], soon())
        self.plugin.agent.attach = lambda *arguments: (
            undone(*arguments),
            (self.kernel.devices / ADDRESS / 'driver_override').unlink(),
            self.kernel.probe(ADDRESS))
        with self.assertRaisesRegex(NotPlugged, 'bound to uio'):
            self.plugin.plug(self.van, INSTANCES[0], soon())

    @shows('FPGAX86-002')
    def test_the_group_is_the_guests_alone(self):
        group = '0000:4b:00.0-0'
        bridge, other = '0000:4a:00.0', '0000:4b:03.0'
        self.kernel.add(bridge, '0x1', group, '0x060400', 'pcieport')
        self.plug()  # a bridge is no member that counts
        self.kernel.add(other, '0x1', group, '0x020000', 'e1000')
        with self.assertRaisesRegex(NotPlugged, f'{other} is bound to e1000'):
            self.plug()
        self.kernel.write(other, 'driver/unbind', other)
        with self.assertRaisesRegex(NotPlugged, 'bound to nothing'):
            self.plug()
        self.kernel.bind(other, 'vfio-pci')
        data = self.plug()
        for name in (other, ADDRESS):  # which another instance has
            there = msgspec.structs.replace(data, data={
                'managed': False, 'address': {
                    **data.data['address'],
                    'device': int(name[8:10], 16)}})
            self.virt.define(INSTANCES[1].uuid, 'other', [there])
            with self.assertRaisesRegex(NotPlugged, 'has a function of the '
                                                    'group'):
                self.plug()
            self.virt.undefine(INSTANCES[1].uuid)
        self.plug()

    @shows('FPGAX86-006')
    def test_the_definition_is_cleared_first(self):
        self.plug()
        seen, detach = [], self.plugin.agent.detach

        def watched(*arguments):
            seen.append(self.elements())
            detach(*arguments)
        self.plugin.agent.detach = watched
        self.plugin.unplug(self.van, soon())
        self.assertEqual(seen, [0])

    @shows('FPGAX86-008')
    def test_both_have_to_answer(self):
        self.plug()
        self.assertEqual(self.presence(), PRESENT)
        with mock.patch.object(HostSocket, '_ask', side_effect=AgentError(
                'Silent', 'nobody')):
            self.assertEqual(self.presence(), UNKNOWN)
        self.assertEqual(self.presence(), PRESENT)
        self.plugin.uri, self.plugin._connection = (
            'qemu+unix:///system?socket=/nowhere', None)
        self.assertEqual(self.presence(), UNKNOWN)
        self.plugin.uri = self.uri
        self.assertEqual(self.presence(), PRESENT)
        [lease] = (self.root / 'run' / 'leases').iterdir()
        lease.write_bytes(b'')
        self.assertEqual(self.presence(), UNKNOWN)

    def live(self, *domains):
        """libvirtd says that these are active; a live definition with
        devices cannot be had on a host that has none of them.
        """
        connection = mock.Mock()
        connection.listAllDomains.return_value = domains
        self.plugin._connection = connection

    def definition(self, data):
        """A definition with the element of attach data."""
        self.virt.define(INSTANCES[2].uuid, 'for its text', [data])
        text = self.virt.definition(INSTANCES[2].uuid)
        self.virt.undefine(INSTANCES[2].uuid)
        return text

    @shows('FPGAX86-009')
    def test_active_is_in_use(self):
        data = self.plug()
        mine, none = self.definition(data), '<domain/>'
        self.live(Domain(INSTANCES[0], none))
        self.assertEqual(self.presence(), IN_USE)  # by the lease
        self.live(Domain(INSTANCES[0], mine))
        self.assertEqual(self.presence(), IN_USE)  # by both
        self.plugin.agent.detach(self.van.handle_data.data, self.van.uuid,
                                 soon())
        self.assertEqual(self.presence(), IN_USE)  # by the live definition
        self.live(Domain(INSTANCES[0], none))
        self.assertEqual(self.presence(), ABSENT)  # by neither
        self.live()
        self.assertEqual(self.presence(), ABSENT)
        self.plugin._connection = None
        self.plug()
        self.assertEqual(self.presence(), PRESENT)
        self.virt.start(INSTANCES[0].uuid, INSTANCES[0].name)
        self.assertEqual(self.presence(), IN_USE)  # libvirtd itself

    @shows('FPGAX86-010')
    def test_what_is_anothers(self):
        other = self.van_of_function(0, 3, 1)
        data = self.plug()
        self.assertEqual(self.presence(other), UNKNOWN)  # leased
        self.assertEqual(self.presence(), PRESENT)
        mine = self.definition(data)
        for van, user in ((self.van, 1), (other, 0)):
            self.live(Domain(INSTANCES[user], mine))
            self.assertEqual(self.presence(van), UNKNOWN)
        self.live(Domain(INSTANCES[1], mine), Domain(INSTANCES[0], mine))
        self.assertEqual(self.presence(), UNKNOWN)
        self.plugin.agent.detach(self.van.handle_data.data, self.van.uuid,
                                 soon())
        self.live(Domain(INSTANCES[1], mine))
        self.assertEqual(self.presence(), UNKNOWN)  # without a lease, too
        self.live(Domain(INSTANCES[1], '<domain/>'))
        self.assertEqual(self.presence(), ABSENT)
        self.kernel.remove(ADDRESS)
        self.live(Domain(INSTANCES[1], mine))
        self.assertEqual(self.presence(), GONE)

    @shows('FPGAX86-012')
    def test_a_user_without_privilege(self):
        needs_root(self, 'to be another user')
        self.agent.config = msgspec.structs.replace(
            self.agent.config, socket_users=('nobody',),
            socket_path=str(self.root / 'nobody.sock'))
        self.serve(self.agent)
        image = self.image()
        socket = self.uri.partition('socket=')[2]
        folder = pathlib.Path(socket).parents[1]
        for path in (self.root, folder):
            path.chmod(0o755)
        said = subprocess.run(
            [sys.executable, '-c', ALONE, msgspec.json.encode(self.van),
             str(self.root / 'nobody.sock'), self.uri, str(self.kernel.root),
             image], capture_output=True, text=True, timeout=120,
            check=False)
        self.assertEqual((said.stdout.split(), said.returncode),
                         (['PRESENT', 'ABSENT'], 0), said.stderr)


class TestBothPlugins(BothCase):
    def test_a_share_and_a_card(self):
        """The plugin for GPUs, with the reference agent."""
        for van in (self.card, self.share):
            data = self.gpu_plugin.plug(van, INSTANCES[0], soon())
            self.define(van, data)
            self.assertEqual(self.gpu_plugin.observe(van, soon()).presence,
                             PRESENT)
            self.gpu_plugin.unplug(van, soon())
            self.gpu_plugin.clean(van, CleanScope.HANDLE, soon())
            self.assertEqual(self.gpu_plugin.observe(van, soon()).presence,
                             ABSENT)

    @shows('OSACC-010')
    def test_observing_is_reading(self):
        """It changes nothing, and says no more than it has read now."""
        image, asked = self.image(), []
        vans = ((self.plugin, self.van), (self.gpu_plugin, self.card),
                (self.gpu_plugin, self.share))

        def observed(*presences):
            """Each is seen so, and nothing is otherwise than before."""
            before = (self.kernel.picture(), self.agent.leases.all(),
                      self.virt.definition(INSTANCES[0].uuid))
            for (plugin, van), presence in zip(vans, presences, strict=True):
                self.assertEqual(plugin.observe(van, soon()).presence,
                                 presence)
            self.assertEqual((self.kernel.picture(), self.agent.leases.all(),
                              self.virt.definition(INSTANCES[0].uuid)),
                             before)
        self.plugin.program(self.van, image, soon())
        observed(*[ABSENT] * 3)
        data = [plugin.plug(van, INSTANCES[0], soon())
                for plugin, van in vans]
        self.virt.define(INSTANCES[0].uuid, INSTANCES[0].name, data)
        self.record(asked)
        observed(*[PRESENT] * 3)
        self.virt.start(INSTANCES[0].uuid, INSTANCES[0].name)
        observed(*[IN_USE] * 3)
        self.virt.stop(INSTANCES[0].uuid)
        self.assertEqual({request['request'] for request, _ in asked},
                         {'observe'})
        self.assertEqual(self.plugin.observe(self.van, soon()).function_id,
                         'A')
        self.kernel.write('0000:4b:00.0', 'fpga/region0/function_id',
                          'BLANK')
        self.assertIsNone(self.plugin.observe(self.van, soon()).function_id)
        with mock.patch.object(HostSocket, '_ask', side_effect=AgentError(
                'Silent', 'nobody')):
            observed(*[UNKNOWN] * 3)
            self.assertIsNone(
                self.plugin.observe(self.van, soon()).function_id)

    @shows('FPGAX86-005')
    def test_the_definition_is_built_of_attach_data_alone(self):
        """Whenever it is built: nobody is there to ask, and nothing is left
        of the definition before.
        """
        vans = (self.van, self.card, self.share)
        data = [plugin.plug(van, INSTANCES[0], soon()) for plugin, van in zip(
            (self.plugin, self.gpu_plugin, self.gpu_plugin), vans,
            strict=True)]
        kept = msgspec.json.decode(msgspec.json.encode(data), type=list[
            type(data[0])])
        self.virt.define(INSTANCES[0].uuid, INSTANCES[0].name, data)
        first = self.virt.definition(INSTANCES[0].uuid)
        self.assertEqual(first.count('<hostdev'), 1 + 2 + 1)
        for address in self.kernel.functions():
            self.kernel.remove(address)
        with mock.patch.object(HostSocket, '_ask', side_effect=AssertionError
                               ('nobody is to be asked')):
            for _ in range(2):
                self.virt.define(INSTANCES[0].uuid, INSTANCES[0].name, kept)
                self.assertEqual(self.virt.definition(INSTANCES[0].uuid),
                                 first)
            self.virt.undefine(INSTANCES[0].uuid)
            self.virt.define(INSTANCES[0].uuid, INSTANCES[0].name, kept)
            self.assertEqual(self.virt.definition(INSTANCES[0].uuid), first)
            self.virt.define(INSTANCES[0].uuid, INSTANCES[0].name, kept[:1])
            self.assertEqual(self.elements(), 1)

    @shows('FPGAX86-007')
    def test_nothing_is_done_under_an_active_domain(self):
        self.plug()
        self.define(self.card, self.gpu_plugin.plug(
            self.card, INSTANCES[0], soon()))
        self.virt.start(INSTANCES[0].uuid, INSTANCES[0].name)
        asked = []
        self.record(asked)
        calls = [lambda: self.plugin.program(self.van, self.image(), soon()),
                 *(lambda plugin=plugin, van=van, scope=scope: (
                     plugin.unplug(van, soon()) if scope is None
                     else plugin.clean(van, scope, soon()))
                   for plugin, van, scopes in (
                       (self.plugin, self.van, tuple(CleanScope)),
                       (self.gpu_plugin, self.card, (CleanScope.HANDLE,)))
                   for scope in (None, *scopes))]
        for call in calls:
            with self.assertRaisesRegex(NotPlugged, 'active: stop it first'):
                call()
        self.assertEqual((asked, len(calls)), ([], 6))
        self.assertEqual(self.presence(), IN_USE)
        self.virt.stop(INSTANCES[0].uuid)
        self.plugin.unplug(self.van, soon())
        self.assertEqual([request['request'] for request, _ in asked],
                         ['observe', 'detach'])
