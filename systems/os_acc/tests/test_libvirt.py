"""The plugin for libvirt, on a real libvirtd and the fake driver."""

import os
import unittest
from unittest import mock

from os_acc.objects import CleanScope, Presence
from os_acc_libvirt.elements import (
    MDEV,
    PCI_GPU,
    Address,
    elements,
    host_devices,
)
from os_acc_libvirt.host_socket import AgentError, HostSocket
from os_acc_libvirt.plugin import NotPlugged, parse

from tests.base import (
    CARD,
    CARD_DATA,
    INSTANCES,
    PARENT,
    SHARE_DATA,
    LibvirtCase,
    shows,
    soon,
    van_of,
)

ABSENT, PRESENT, IN_USE, GONE, UNKNOWN = Presence


class TestLibvirt(LibvirtCase):
    def setUp(self):
        super().setUp()
        self.card = van_of(PCI_GPU, CARD_DATA)
        self.share = van_of(MDEV, SHARE_DATA, 1)

    def presence(self, van):
        return self.plugin.observe(van, soon()).presence

    def plug(self, van, instance=0):
        data = self.plugin.plug(van, INSTANCES[instance], soon())
        self.define(van, data, instance)
        return data

    @shows('FPGAX86-004')
    def test_the_whole_way_of_a_card(self):
        """Attached to an inactive domain by real calls, and taken out."""
        self.assertEqual(self.presence(self.card), ABSENT)
        data = self.plug(self.card)
        self.assertEqual(data.data, {'managed': False, 'addresses': [
            {'domain': 0, 'bus': 0x3b, 'device': 0, 'function': number}
            for number in (0, 1)]})
        self.assertEqual(list(host_devices(self.virt.definition(
            INSTANCES[0].uuid))), CARD)
        self.assertIn("managed='no'", self.virt.definition(
            INSTANCES[0].uuid))
        seen = self.plugin.observe(self.card, soon())
        self.assertEqual((seen.presence, seen.attach_data), (PRESENT, data))
        self.plugin.unplug(self.card, soon())
        self.assertEqual(self.elements(), 0)
        self.assertEqual(self.presence(self.card), ABSENT)
        self.assertTrue(self.agent.soiled(CARD_DATA))
        self.plugin.clean(self.card, CleanScope.HANDLE, soon())
        self.assertFalse(self.agent.soiled(CARD_DATA))

    def test_the_whole_way_of_a_share(self):
        data = self.plug(self.share)
        self.assertEqual(data.data, {'uuid': self.share.uuid})
        self.assertEqual(list(host_devices(self.virt.definition(
            INSTANCES[0].uuid))), [self.share.uuid])
        made = self.agent.devices / str(PARENT) / self.share.uuid
        self.assertTrue(made.exists())
        self.assertEqual(self.presence(self.share), PRESENT)
        self.plugin.unplug(self.share, soon())
        self.assertEqual((self.elements(), made.exists()), (0, False))
        self.assertEqual(self.presence(self.share), ABSENT)

    def test_methods_can_be_repeated(self):
        """OSACC-009, each after it succeeded."""
        for van in (self.card, self.share):
            with self.subTest(van.handle_type):
                self.assertEqual(self.plug(van), self.plugin.plug(
                    van, INSTANCES[0], soon()))
                self.assertEqual(self.presence(van), PRESENT)
                for _ in range(2):
                    self.plugin.unplug(van, soon())
                    self.assertEqual(self.presence(van), ABSENT)
                for _ in range(2):
                    self.plugin.clean(van, CleanScope.HANDLE, soon())

    def test_both_in_one_domain(self):
        self.virt.define(INSTANCES[0].uuid, 'both', [
            self.plugin.plug(van, INSTANCES[0], soon())
            for van in (self.card, self.share)])
        self.assertEqual(self.elements(), 3)
        self.plugin.unplug(self.share, soon())
        self.assertEqual(self.elements(), 2)

    def test_an_active_domain(self):
        """IN_USE, and nothing is detached or erased under it
        (FPGAX86-007, FPGAX86-009).
        """
        self.plug(self.card)
        self.virt.start(INSTANCES[0].uuid, INSTANCES[0].name)
        self.assertEqual(self.presence(self.card), IN_USE)
        for method in (lambda: self.plugin.unplug(self.card, soon()),
                       lambda: self.plugin.clean(
                           self.card, CleanScope.HANDLE, soon())):
            with self.assertRaisesRegex(NotPlugged, 'active'):
                method()
        self.assertEqual(self.elements(), 2)
        self.virt.stop(INSTANCES[0].uuid)
        self.assertEqual(self.presence(self.card), PRESENT)

    @shows('FPGAX86-006')
    def test_no_element_when_the_agent_is_asked(self):
        """FPGAX86-006: the definition is cleared first."""
        self.plug(self.card)
        seen = []

        def perform(_operation, _van, apply):
            seen.append(self.elements())
            apply()
        self.agent.perform = perform
        self.plugin.unplug(self.card, soon())
        self.assertEqual(seen, [0])

    def test_the_element_of_another_stays(self):
        other = van_of(MDEV, {**SHARE_DATA, 'identity': 'share1'}, 2)
        self.virt.define(INSTANCES[0].uuid, 'two', [
            self.plugin.plug(van, INSTANCES[0], soon())
            for van in (self.share, other)])
        self.plugin.unplug(self.share, soon())
        self.assertEqual(list(host_devices(self.virt.definition(
            INSTANCES[0].uuid))), [other.uuid])

    def test_no_definition(self):
        """What is no longer defined has no element to remove."""
        self.plugin.plug(self.card, INSTANCES[0], soon())
        self.plugin.unplug(self.card, soon())
        self.assertEqual(self.presence(self.card), ABSENT)

    @shows('FPGAX86-001')
    def test_what_plug_refuses(self):
        """FPGAX86-001 and FPGAX86-002; what was set up is left to
        release.
        """
        for driver, why in (('nvidia', 'bound to nvidia'),
                            ('', 'bound to nothing')):
            self.agent.bind(CARD[1], driver)
            with self.subTest(driver), self.assertRaisesRegex(NotPlugged,
                                                              why):
                self.plugin.plug(self.card, INSTANCES[0], soon())
            self.assertEqual(self.presence(self.card), PRESENT)
        self.agent.bind(CARD[1], 'vfio-pci')
        self.virt.define(INSTANCES[1].uuid, 'other', [
            self.plugin.plug(self.card, INSTANCES[1], soon())])
        with self.assertRaisesRegex(NotPlugged, 'has a function'):
            self.plugin.plug(self.card, INSTANCES[0], soon())

    @shows('GPUX86-002')
    def test_a_function_that_the_handle_does_not_name(self):
        """GPUX86-002: all of the group's, bridges apart."""
        third = Address(0, 0x3b, 0, 2)
        self.agent.add_function(third, 7, 'vfio-pci')
        data = self.plugin.plug(self.card, INSTANCES[0], soon())
        self.assertEqual(elements(data)[2].count('0x2'), 1)
        self.assertEqual(len(elements(data)), 3)

    @shows('FPGAX86-008')
    def test_unknown(self):
        """FPGAX86-008 and FPGAX86-010."""
        self.plug(self.share)
        stranger = van_of(MDEV, SHARE_DATA, 2)
        self.assertEqual(self.presence(stranger), UNKNOWN)
        with self.assertRaisesRegex(AgentError, 'Leased'):
            self.plugin.plug(stranger, INSTANCES[0], soon())
        self.agent.up = False
        self.assertEqual(self.presence(self.share), UNKNOWN)
        self.agent.up = True
        self.plugin.uri = 'qemu+unix:///system?socket=/nowhere'
        self.plugin._connection = None
        self.assertEqual(self.presence(self.share), UNKNOWN)

    def test_an_unreadable_lease(self):
        """DRIVER-023."""
        self.plug(self.card)
        self.agent._lease_file(CARD_DATA).write_text('{')
        self.assertEqual(self.presence(self.card), UNKNOWN)

    def test_gone(self):
        self.plug(self.card)
        (self.agent.devices / str(CARD[1])).rename(
            self.agent.sysfs / 'away')
        self.assertEqual(self.presence(self.card), GONE)

    def test_power_loss(self):
        """A share goes with the host, and a card stays."""
        self.plug(self.card)
        self.plug(self.share, instance=1)
        self.agent.power_loss()
        self.assertEqual(self.presence(self.card), PRESENT)
        self.assertEqual(self.presence(self.share), ABSENT)
        self.assertEqual(self.elements(1), 1)  # which the next start mends

    def test_a_share_elsewhere(self):
        """GPUX86-011."""
        other = self.agent.devices / str(CARD[0]) / self.share.uuid
        other.mkdir()
        with self.assertRaisesRegex(AgentError, 'another parent'):
            self.plugin.plug(self.share, INSTANCES[0], soon())

    def test_the_deadline_has_passed(self):
        """OSACC-011."""
        with self.assertRaisesRegex(AgentError, 'Deadline'):
            self.plugin.plug(self.card, INSTANCES[0], 0.0)
        self.assertEqual(self.plugin.observe(self.card, 0.0).presence,
                         UNKNOWN)

    def test_libvirt_validates(self):
        """Its own schema refuses what is no element, and its own look a
        device that is there twice.
        """
        import libvirt

        data = self.plugin.plug(self.share, INSTANCES[0], soon())
        with self.assertRaises(libvirt.libvirtError) as raised:
            self.virt.define(INSTANCES[0].uuid, 'twice', [data, data])
        self.assertEqual(raised.exception.get_error_code(),
                         libvirt.VIR_ERR_OPERATION_INVALID)
        broken = elements(data)[0].replace(self.share.uuid, 'no-uuid')
        with self.assertRaises(libvirt.libvirtError):
            self.virt.connection.defineXMLFlags(
                self.virt.definition(INSTANCES[0].uuid).replace(
                    '</devices>', broken + '</devices>'),
                libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    def test_regions_are_not_its(self):
        with self.assertRaisesRegex(NotPlugged, 'no region'):
            self.plugin.clean(self.card, CleanScope.REGION, soon())


class TestMissing(unittest.TestCase):
    """What is not there is named, with its package."""

    def setUp(self):
        self.enterContext(mock.patch('shutil.which', return_value=None))

    def test_skipped_with_a_reason(self):
        with mock.patch.dict(os.environ):
            os.environ.pop('CYBORG_SPECS_NO_SKIP', None)
            with self.assertRaisesRegex(
                    unittest.SkipTest, 'libvirt-daemon, qemu-system-x86.*'
                    'bindep.txt, profile libvirt'):
                LibvirtCase.setUpClass()

    def test_failed_where_nothing_may_be_skipped(self):
        with mock.patch.dict(os.environ, CYBORG_SPECS_NO_SKIP='1'):
            with self.assertRaisesRegex(AssertionError, 'libvirt-daemon'):
                LibvirtCase.setUpClass()


class TestElements(unittest.TestCase):
    def test_an_address_is_read_back(self):
        for text in ('0000:3b:00.1', 'ffff:ff:1f.7'):
            self.assertEqual(str(parse(text)), text)

    def test_data_of_another_plugin(self):
        from os_acc.objects import AttachData

        with self.assertRaisesRegex(ValueError, 'IOSLOT'):
            elements(AttachData('IOSLOT', '1.0', {}))

    def test_nobody_answers(self):
        with self.assertRaisesRegex(AgentError, 'Silent.*/nowhere'):
            HostSocket('/nowhere').attach({}, 'van', 'instance', soon())
