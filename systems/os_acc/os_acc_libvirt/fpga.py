"""``fpga-libvirt``: functions of FPGAs, whose regions can be written."""

from collections.abc import Iterator

import msgspec
from os_acc.objects import VAN, AttachData, CleanScope

from os_acc_libvirt.elements import (
    PCI_FPGA,
    Address,
    FunctionAttach,
    FunctionData,
    card_element,
)
from os_acc_libvirt.plugin import (
    LibvirtPlugin,
    NotPlugged,
    attach_data,
    handle,
)


class FpgaLibvirt(LibvirtPlugin):
    """The plugin."""

    name = 'fpga-libvirt'
    types = (PCI_FPGA,)
    programs = True

    def program(self, van: VAN, path: str, deadline: float) -> None:
        """Open the checked file, and pass it on."""
        self._refuse_if_active(van, deadline)
        self.agent.program(handle(van), van.uuid, region(van), path,
                           deadline)

    def clean(self, van: VAN, scope: CleanScope, deadline: float) -> None:
        """Have the handle's share erased, or its region made blank."""
        self._refuse_if_active(van, deadline)
        self.agent.erase(
            handle(van), van.uuid, deadline,
            region(van) if scope is CleanScope.REGION else None)

    def _own(self, van: VAN) -> set[Address]:
        return {msgspec.convert(handle(van), FunctionData).address}

    def _named(self, van: VAN) -> Iterator[tuple[Address | str, str]]:
        for address in self._own(van):
            yield address, card_element(address)

    def _attach_data(self, van: VAN) -> AttachData:
        [address] = self._own(van)
        return attach_data(van, FunctionAttach(address, managed=False))


def region(van: VAN) -> str:
    """The VAN's region."""
    if van.region_uuid is None:
        raise NotPlugged(f'the handle of VAN {van.uuid} lies in no region')
    return van.region_uuid
