"""What holds for the plugins of every platform."""

import importlib.util
import os
import platform
import unittest
from unittest import mock

from harness.novalink import NovaLink, listening
from os_acc.objects import CleanScope
from os_acc_libvirt.fpga import FpgaLibvirt
from os_acc_libvirt.plugin import GpuLibvirt
from os_acc_novalink.plugin import IoSlotNovaLink

from tests.base import INSTANCES, shows, soon
from tests.test_fpga import BothCase

ARCHITECTURES = ('X86', 'AMD64', 'I386', 'I686', 'ARM', 'AARCH64', 'PPC',
                 'POWER', 'S390', 'RISCV', 'LOONG', 'MIPS', 'IA64')
LIBVIRT = (GpuLibvirt, FpgaLibvirt)


class TestTypes(unittest.TestCase):
    """Which handle types are described where."""

    def types(self, plugin, machine, installed=True):
        """What a plugin describes on such a host."""
        with mock.patch.object(platform, 'machine', return_value=machine), \
                mock.patch.object(importlib.util, 'find_spec',
                                  return_value=installed or None):
            return set(plugin().describe().handle_types)

    @shows('PLAT-001')
    def test_silent_off_the_platform(self):
        checked = 0
        for machine in ('x86_64', 'aarch64', 's390x', 'riscv64', 'ppc64',
                        'ppc64le'):
            power = machine.startswith('ppc')
            for plugin, here in ((GpuLibvirt, not power),
                                 (FpgaLibvirt, not power),
                                 (IoSlotNovaLink, power)):
                for installed in (True, False):
                    with self.subTest(machine, plugin=plugin,
                                      installed=installed):
                        self.assertEqual(bool(self.types(
                            plugin, machine, installed)), here and installed)
                    checked += 1
        self.assertEqual(checked, 36)

    @shows('PLAT-002')
    def test_named_for_what_is_attached(self):
        found = {kind for plugin in (*LIBVIRT, IoSlotNovaLink)
                 for machine in ('x86_64', 'aarch64', 'ppc64le')
                 for kind in self.types(plugin, machine)}
        self.assertEqual(found, {'PCI_GPU', 'MDEV', 'PCI_FPGA', 'IOSLOT'})
        for kind in found:
            self.assertFalse([name for name in ARCHITECTURES
                              if name in kind.upper()], kind)

    @shows('GPUX86-001')
    def test_types_of_the_gpu_plugin(self):
        self.assertEqual(self.types(GpuLibvirt, 'x86_64'),
                         {'PCI_GPU', 'MDEV'})

    def test_a_slot_where_novalink_is(self):
        novalink = self.enterContext(listening(NovaLink()))
        self.assertEqual(set(IoSlotNovaLink(novalink).describe()
                             .handle_types), {'IOSLOT'})


class TestArchitectures(BothCase):
    @shows('PLAT-003')
    def test_the_same_on_each(self):
        """All that the plugins do and ask, on hosts that call themselves
        otherwise.
        """
        self.assertEqual(self.on('x86_64'), self.on('aarch64'))

    def on(self, machine):
        """What all methods of both plugins answer, and ask the agent."""
        told = list(platform.uname()[:4]) + [machine]
        said = []
        asked = []
        with mock.patch.object(platform, 'machine', return_value=machine), \
                mock.patch.object(platform, 'processor',
                                  return_value=machine), \
                mock.patch.object(os, 'uname', return_value=os.uname_result(
                    told)):
            self.record(asked)
            for plugin, van in ((self.plugin, self.van),
                                (self.gpu_plugin, self.card),
                                (self.gpu_plugin, self.share)):
                said.append(plugin.describe())
                if plugin.programs:
                    plugin.program(van, self.image(), soon())
                said.append(plugin.observe(van, soon()))
                said.append(plugin.plug(van, INSTANCES[0], soon()))
                self.define(van, said[-1])
                said.append(self.virt.definition(INSTANCES[0].uuid))
                said.append(plugin.observe(van, soon()))
                plugin.unplug(van, soon())
                plugin.clean(van, CleanScope.HANDLE, soon())
                said.append(plugin.observe(van, soon()))
                said.append(self.elements())
                self.virt.undefine(INSTANCES[0].uuid)
            self.stop_recording()
        self.assertGreaterEqual(len(asked), 19)
        return said, asked
