"""The systems that are run: os-acc on each platform, held to its model.

``cyborg-models conform run harness.systems:OddFunctions``, with the folder
``systems/os_acc`` on ``PYTHONPATH``, runs one; those on libvirt need root.
"""

import contextlib
import pathlib

from os_acc_libvirt.elements import MDEV, PCI_GPU
from os_acc_libvirt.plugin import GpuLibvirt

from harness import libvirtd
from harness.agent import Agent, listening
from harness.benches import LibvirtBench, OddBench
from harness.host import Bench
from harness.odd import Odd
from harness.system import OsAcc

KEPT = ('VF', 'GPU', 'POWER_SLOT')  # attachments outlive a loss of power


class OnOdd(OsAcc):
    """On the odd platform.

    :cvar plugin: another class for one with a known fault
    """

    plugin: type[Odd] = Odd

    def bench(self, root: pathlib.Path) -> Bench:
        kind = self.settings['kind']
        return OddBench(self.setting('handles', 1), int(kind == 'FPGA'),
                        kind in KEPT, self.plugin)


class OddFunctions(OnOdd):
    """Two instances that want one virtual function."""

    settings = {'kind': 'VF', 'vans': '2', 'handles': '1', 'limit': '1'}


class OddTwice(OddFunctions):
    """The same, with a Nova that makes each call twice.

    The models have no second call, so that what comes of one has to be
    nothing.  The mode ``repeat`` of the kit makes again what they allow
    twice.
    """

    twice = True


class OddRegion(OnOdd):
    """One instance that has a region written with its own bitstream."""

    settings = {'kind': 'FPGA', 'vans': '1', 'handles': '1', 'limit': '1',
                'tenant': 'true'}


class OddSlot(OnOdd):
    """One instance with a slot, and no agent."""

    settings = {'kind': 'POWER_SLOT', 'topology': 'POWER', 'vans': '1',
                'handles': '1', 'limit': '1', 'faults': '2'}


class OnLibvirt(OsAcc):
    """On a real libvirtd, which is started with the first run.

    :cvar kind: of the handles
    :cvar plugin: another class for one with a known fault
    """

    kind = ''
    plugin: type[GpuLibvirt] = GpuLibvirt

    _uri = ''

    def bench(self, root: pathlib.Path) -> Bench:
        if not self._uri:
            self._daemon = contextlib.ExitStack()
            self._uri = self._daemon.enter_context(libvirtd.running())
        self._agent = contextlib.ExitStack()
        agent = Agent(root / 'host')
        socket = root / 'agent.sock'
        self._agent.enter_context(listening(agent, socket))
        bench = LibvirtBench(agent, self._uri, socket, self.kind,
                             self.setting('handles', 1), self.plugin)
        self._agent.callback(bench.virt.close)
        return bench

    def clear(self) -> None:
        had = self.host is not None
        super().clear()
        if had:
            self._agent.close()

    def stop(self) -> None:
        super().stop()
        if self._uri:
            self._uri = ''
            self._daemon.close()


class LibvirtShares(OnLibvirt):
    """One instance that wants a share of a card."""

    kind = MDEV
    settings = {'kind': 'MDEV', 'vans': '1', 'handles': '1', 'limit': '1'}


class LibvirtCards(OnLibvirt):
    """Two instances, and two cards that can reach each other's memory."""

    kind = PCI_GPU
    settings = {'kind': 'GPU', 'vans': '2', 'handles': '2', 'limit': '2'}
