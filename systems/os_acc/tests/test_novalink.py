"""The plugin for NovaLink, on what pypowervm recorded of one."""

import socket
import unittest
from unittest import mock

from harness.novalink import NovaLink, listening
from os_acc.objects import CleanScope, HandleData, InstanceInfo, Presence
from os_acc_novalink.plugin import (
    IOSLOT,
    IoSlotNovaLink,
    NotPlugged,
    ids,
)

from tests.base import shows, soon, van_of

ABSENT, PRESENT, IN_USE, GONE, UNKNOWN = Presence
ETHERNET = 553779220  # a slot of the recorded system
OTHER = 553713680


class TestNovaLink(unittest.TestCase):
    def setUp(self):
        self.novalink = NovaLink()
        self.resets = []
        self.plugin = IoSlotNovaLink(
            self.enterContext(listening(self.novalink)),
            lambda _adapter, slot, _deadline: self.resets.append(slot),
            frozenset({('1657', '0000', '0420')}))
        off = [lpar for lpar in self.novalink.partitions.values()
               if lpar.state == 'not activated']
        on = [lpar for lpar in self.novalink.partitions.values()
              if lpar.state == 'running']
        self.off, self.other, self.on = (
            lpar.uuid.upper() for lpar in (*off[:2], on[0]))
        self.van = self.van_in(self.off)

    def van_in(self, partition, number=ETHERNET, **changed):
        slot = self.novalink.slot(number)
        vendor, device, subsystem = ids(slot)
        return van_with(partition, {
            'drc_index': slot.drc_index, 'location': slot.drc_name,
            'vendor_id': vendor, 'device_id': device,
            'subsystem_id': subsystem, **changed})

    def presence(self, van=None):
        return self.plugin.observe(van or self.van, soon()).presence

    def plug(self, van=None):
        van = van or self.van
        return self.plugin.plug(van, InstanceInfo(
            van.instance_uuid, 'name', 'project', 'user'), soon())

    def slots(self, partition=None):
        return [(slot.drc_index, slot.required) for slot in
                self.novalink.partitions[partition or self.off
                                         ].io_config.io_slots]

    @shows('PLAT-012')
    def test_the_whole_way(self):
        """One change each; required (PLAT-012); each repeated."""
        self.assertEqual(self.presence(), ABSENT)
        for _ in range(2):
            data = self.plug()
            self.assertEqual(self.slots(), [(ETHERNET, True)])
        self.assertEqual(data.data, {'drc_index': ETHERNET})
        seen = self.plugin.observe(self.van, soon())
        self.assertEqual((seen.presence, seen.attach_data), (PRESENT, data))
        for _ in range(2):
            self.plugin.unplug(self.van, soon())
            self.assertEqual((self.slots(), self.presence()), ([], ABSENT))
        self.plugin.clean(self.van, CleanScope.HANDLE, soon())
        self.assertEqual(self.resets, [ETHERNET])
        self.assertEqual(self.novalink.versions[self.off], 3)

    @shows('PLAT-015')
    def test_nobody_but_novalink_is_asked(self):
        """No socket of an agent, nor of anybody else."""
        asked, connect = [], socket.socket.connect

        def watched(link, address):
            asked.append((link.family, address))
            return connect(link, address)
        with mock.patch.object(socket.socket, 'connect', watched):
            self.assertEqual(self.presence(), ABSENT)
            self.plug()
            self.assertEqual(self.presence(), PRESENT)
            self.plugin.unplug(self.van, soon())
            self.plugin.clean(self.van, CleanScope.HANDLE, soon())
        self.assertEqual({(family, address[1]) for family, address in asked},
                         {(socket.AF_INET, self.novalink.port)})
        self.assertEqual(self.resets, [ETHERNET])

    @shows('PLAT-020')
    def test_a_slot_is_not_programmed(self):
        info = self.plugin.describe()
        self.assertEqual((list(info.handle_types), info.programs),
                         ([IOSLOT], False))
        with self.assertRaises(NotImplementedError):
            self.plugin.program(self.van, '/dev/null', soon())

    @shows('PLAT-016')
    def test_the_version_is_stale(self):
        """PLAT-016: read again, and in the end given up."""
        times = [2]

        def changed():
            times[0] -= 1
            if times[0] >= 0:
                self.novalink.versions[self.off] += 1
        self.novalink.before_write = changed
        self.plug()
        self.assertEqual((self.slots(), times), ([(ETHERNET, True)], [-1]))

        def always():
            self.novalink.versions[self.off] += 1
        self.novalink.before_write = always
        with self.assertRaisesRegex(NotPlugged, 'deadline'):
            self.plugin.unplug(self.van, soon() - 59)
        self.assertEqual(self.slots(), [(ETHERNET, True)])

    @shows('PLAT-016')
    def test_a_change_by_somebody_else_is_kept(self):
        """What was read is stale as soon as it has been read: the version
        tells, and nothing of the other change is lost.
        """
        read, meanwhile = self.plugin._partition, [
            lambda: self.plug(self.van_in(self.off, OTHER))]

        def watched(van, deadline):
            partition = read(van, deadline)
            if meanwhile:
                meanwhile.pop()()
            return partition
        self.plugin._partition = watched
        self.plug()
        self.assertEqual(sorted(self.slots()), [(OTHER, True),
                                                (ETHERNET, True)])
        self.assertEqual(self.novalink.versions[self.off], 3)

    @shows('PLAT-013')
    def test_another_partition_has_it(self):
        """PLAT-013."""
        self.novalink.assign(ETHERNET, self.other)
        self.assertEqual(self.presence(), UNKNOWN)
        with self.assertRaisesRegex(NotPlugged, 'has U78CB'):
            self.plug()
        self.plugin.unplug(self.van, soon())
        self.assertEqual(self.novalink.slot(ETHERNET).part_uuid, self.other)

    @shows('PLAT-011')
    def test_a_partition_that_runs(self):
        """PLAT-011."""
        van = self.van_in(self.on)
        for method in (lambda: self.plug(van),
                       lambda: self.plugin.unplug(van, soon())):
            with self.assertRaisesRegex(NotPlugged, 'power it off'):
                method()
        self.novalink.assign(ETHERNET, self.on)
        self.assertEqual(self.presence(van), IN_USE)

    def test_no_partition(self):
        """Its deletion frees the slots; T23 follows."""
        self.plug()
        self.novalink.delete(self.off)
        self.assertEqual(self.presence(), ABSENT)
        self.plugin.unplug(self.van, soon())
        with self.assertRaisesRegex(NotPlugged, 'create it first'):
            self.plug()

    @shows('PLAT-010')
    def test_another_adapter(self):
        """PLAT-010: GONE, and it is neither assigned nor reset."""
        for changed in ({'device_id': '1234'}, {'location': 'U78CB-C1'},
                        {'drc_index': 1}):
            van = self.van_in(self.off, **changed)
            with self.subTest(changed):
                self.assertEqual(self.presence(van), GONE)
                with self.assertRaisesRegex(NotPlugged, 'any more'):
                    self.plug(van)
                with self.assertRaises(NotPlugged):
                    self.plugin.clean(van, CleanScope.HANDLE, soon())
        self.assertEqual((self.slots(), self.resets), ([], []))

    def test_a_job_is_busy(self):
        """PLAT-017."""
        self.assertFalse(self.plugin.observe(self.van, soon()).busy)
        self.novalink.jobs.add(self.off)
        self.assertTrue(self.plugin.observe(self.van, soon()).busy)

    @shows('OSACC-010')
    def test_observing_is_reading(self):
        """Nothing is written, and nothing remembered."""
        def observed(presence):
            before = dict(self.novalink.versions), self.slots()
            self.assertEqual(self.presence(), presence)
            self.assertEqual((self.novalink.versions, self.slots()), before)
        observed(ABSENT)
        self.novalink.up = False
        observed(UNKNOWN)
        self.novalink.up = True
        self.plug()
        observed(PRESENT)
        self.novalink.assign(ETHERNET, self.other)
        observed(UNKNOWN)
        self.novalink.assign(ETHERNET, None)
        observed(ABSENT)
        self.novalink.up = False
        observed(UNKNOWN)

    def test_silence(self):
        self.plug()
        self.novalink.up = False
        self.assertEqual(self.presence(), UNKNOWN)
        self.assertEqual(self.plugin.observe(self.van, 0.0).presence,
                         UNKNOWN)

    @shows('PLAT-018')
    def test_not_cleared_by_a_reset(self):
        """PLAT-018, and without a way to reset nothing is."""
        van = self.van_in(self.off, OTHER)
        with self.assertRaisesRegex(NotPlugged, 'cleared_by_reset'):
            self.plugin.clean(van, CleanScope.HANDLE, soon())
        self.plugin._reset = None
        with self.assertRaisesRegex(NotPlugged, 'cannot be asked'):
            self.plugin.clean(self.van, CleanScope.HANDLE, soon())
        self.assertEqual(self.resets, [])

    def test_two_slots(self):
        other = self.van_in(self.off, OTHER)
        self.plug()
        self.plug(other)
        self.plugin.unplug(self.van, soon())
        self.assertEqual(self.slots(), [(OTHER, True)])


def van_with(partition, data):
    import msgspec

    return msgspec.structs.replace(
        van_of(IOSLOT, {}), instance_uuid=partition.lower(),
        handle_data=HandleData(IOSLOT, '1.0', data))
