"""``example-gpu``: GPUs as whole cards, or in shares.

Settings: ``shares`` (serial number -> name of the type) says which cards are
parents, ``writable_firmware`` (serial numbers) of which the operator accepts
that a guest may write the firmware, and ``notes`` is a directory that is
empty after a loss of power.
"""

import pathlib
from typing import Any

from os_acc_agent.driver import (
    Device,
    DeviceGone,
    DeviceState,
    Driver,
    DriverError,
    DriverInfo,
    Handle,
    NotSupported,
    Region,
)
from os_acc_agent.sysfs import VFIO, numbers, text

from os_acc_drivers import VENDOR

PCI_GPU, MDEV = 'PCI_GPU', 'MDEV'
TYPES = 'mdev_supported_types'
PRODUCTS = ('0x6001', '0x6002')
#: of which the vendor documents that a reset clears the memory
CLEARED_BY_RESET = ('0x6002',)
#: of which it documents that a share's memory is cleared before it is given
#: to another
CLEARED_BY_HOST = ('0x6001',)
SAMPLE = 64  # bytes of memory that are overwritten and read in one go


class Gpu(Driver):
    """The driver."""

    def describe(self) -> DriverInfo:
        return DriverInfo(
            devices=tuple(f'{VENDOR[2:]}:{product[2:]}'
                          for product in PRODUCTS), kept=(PCI_GPU,))

    def start(self, leased: list[Handle]) -> None:
        """Bind the whole cards that can be offered to vfio-pci; what is
        bound already is left alone, leased or not.
        """
        for address in self._cards():
            if self._type_of(address) is None and self._whole(
                    address, self._serial(address), ''):
                for function in self._functions(address):
                    self.sysfs.bind(function, VFIO)

    # what there is

    def discover(self) -> list[Device]:
        cards = self._cards()
        groups = self._joined(cards)
        found = []
        for address in cards:
            serial = self.sysfs.read(address, 'serial_number')
            kind = self._type_of(address)
            handles = (self._whole(address, serial, groups[address])
                       if kind is None else self._shares(address, serial,
                                                         kind))
            found.append(Device(
                identity=f'gpu-{serial}', type='GPU', vendor_id=VENDOR[2:],
                product_id=self.sysfs.read(address, 'device')[2:],
                serial=serial, address=address, handles=handles))
        return found

    def _cards(self) -> list[str]:
        """The graphics function of each card; a virtual function is none
        (GPUX86-006).
        """
        return [address for address in self.sysfs.functions()
                if self.sysfs.read(address, 'vendor') == VENDOR
                and self.sysfs.read(address, 'device') in PRODUCTS
                and self.sysfs.read(address, 'class').startswith('0x03')
                and not self.sysfs.has(address, 'physfn')]

    def _type_of(self, address: str) -> str | None:
        """The type of a parent's shares; None of a whole card."""
        kind = self.settings.get('shares', {}).get(
            self.sysfs.read(address, 'serial_number'))
        return None if kind is None else str(kind)

    def _functions(self, address: str) -> list[str]:
        """All functions of a card."""
        place = address.rpartition('.')[0]
        return [other for other in self.sysfs.functions()
                if other.rpartition('.')[0] == place]

    def _joined(self, cards: list[str]) -> dict[str, str]:
        """Isolation groups: cards that reach each other's memory by links
        are in one (GPUX86-007).
        """
        group = {address: {address} for address in cards}
        for address in cards:
            for peer in self.sysfs.read(address, 'link_peers', '').split():
                one = group[address] | group.get(peer, set())
                for member in one:
                    group[member] = one
        return {address: 'gpu-link-' + self.sysfs.read(
            min(members), 'serial_number') if len(members) > 1 else ''
            for address, members in group.items()}

    def _whole(self, address: str, serial: str, group: str
               ) -> tuple[Handle, ...]:
        if (self.sysfs.read(address, 'boot_vga', '0') == '1'
                or self.sysfs.read(address, 'host_users', '0') != '0'):
            return ()  # GPUX86-005
        if (self.sysfs.read(address, 'firmware_writable', '1') != '0'
                and serial not in self.settings.get('writable_firmware',
                                                    ())):
            return ()  # GPUX86-009
        return (Handle(identity=f'gpu-{serial}/card', type=PCI_GPU, data={
            'identity': f'gpu-{serial}/card', 'functions': [{
                'address': numbers(function),
                'vendor_id': VENDOR[2:],
                'product_id': self.sysfs.read(function, 'device')[2:]}
                for function in self._functions(address)]},
            group=group or f'gpu-{serial}'),)

    def _shares(self, address: str, serial: str, kind: str
                ) -> tuple[Handle, ...]:
        """Those that are made, and as many more as can be."""
        place = self._place(address, kind)
        left = int(self.sysfs.read(address, f'{place}/available_instances'))
        made = {note.read_text() for note in self._notes().glob('*')
                if self.sysfs.has(address, note.name)}
        names = [name for name in (f'gpu-{serial}/share{number}'
                                   for number in range(left + len(made)))
                 if name not in made][:left]
        return tuple(Handle(identity=name, type=MDEV, data={
            'identity': name, 'parent': numbers(address), 'type_name': kind})
            for name in sorted([*made, *names]))

    def _place(self, address: str, kind: str) -> str:
        """The directory of a type, by its name (GPUX86-013)."""
        names = {self.sysfs.read(address, f'{place}/name'): place
                 for place in self.sysfs.names(address, f'{TYPES}/*')}
        if kind not in names:
            raise DriverError(f'{address} has no type {kind}; it has '
                              + ', '.join(sorted(names)))
        return names[kind]

    # one handle

    def observe(self, handle: Handle, name: str) -> DeviceState:
        if not self._is_here(handle):
            return DeviceState(here=False)
        if handle.type == MDEV:
            return DeviceState(True, self._share(handle, name) == 'mine')
        return DeviceState(True, all(
            self.sysfs.link(address, 'driver') == VFIO
            for address in addresses(handle)))

    def attach(self, handle: Handle, name: str, deadline: float) -> None:
        self._here_or_raise(handle)
        if handle.type == MDEV:
            self._make(handle, name)
            return
        for address in addresses(handle):
            self.sysfs.bind(address, VFIO)
            self.sysfs.reset(address)

    def detach(self, handle: Handle, name: str, deadline: float) -> None:
        self._here_or_raise(handle)
        if handle.type == MDEV:
            self._remove(handle, name)
            return
        for address in addresses(handle):
            self.sysfs.reset(address)

    def erase(self, handle: Handle, name: str, region: Region | None,
              deadline: float) -> None:
        if region is not None:
            raise NotSupported('a GPU has no region')
        self.detach(handle, name, deadline)
        first = addresses(handle)[0]
        product = self.sysfs.read(first, 'device')
        if handle.type == MDEV:
            if product not in CLEARED_BY_HOST:
                raise DriverError('nobody says that the memory of a share '
                                  f'of {product} is cleared')
        elif product not in CLEARED_BY_RESET:
            self._overwrite(first)

    def _overwrite(self, address: str) -> None:
        """Overwrite all of a card's memory, and read it back
        (GPUX86-008).
        """
        memory = self.sysfs.devices / address / 'memory'
        size = memory.stat().st_size
        with open(memory, 'r+b') as file:
            for start in range(0, size, SAMPLE):
                file.write(bytes(min(SAMPLE, size - start)))
        self.sysfs.write(address, 'flush', '1')
        if any(memory.read_bytes()):
            raise DriverError(f'the memory of {address} is not overwritten')

    # the host

    def _serial(self, address: str) -> str:
        return self.sysfs.read(address, 'serial_number', '')

    def _is_here(self, handle: Handle) -> bool:
        """The device at the address is the handle's (DRIVER-022)."""
        return (all(self.sysfs.has(address) for address in addresses(handle))
                and handle.identity.startswith(
                    f'gpu-{self._serial(addresses(handle)[0])}/'))

    def _here_or_raise(self, handle: Handle) -> None:
        if not self._is_here(handle):
            raise DeviceGone(f'{handle.identity} is not at '
                             f'{addresses(handle)[0]}')

    # shares

    def _notes(self) -> pathlib.Path:
        """Which share each mediated device of ours is."""
        notes = pathlib.Path(self.settings['notes'])
        notes.mkdir(parents=True, exist_ok=True)
        return notes

    def _share(self, handle: Handle, name: str) -> str:
        """``mine``, ``other`` or '', as there is a device of this uuid."""
        for address in self.sysfs.functions():
            if self.sysfs.has(address, name):
                fits = (address == addresses(handle)[0]
                        and self.sysfs.read(address, f'{name}/mdev_type/name')
                        == handle.data['type_name'])
                return 'mine' if fits else 'other'
        return ''

    def _make(self, handle: Handle, name: str) -> None:
        """By the table of the specification."""
        parent = addresses(handle)[0]
        place = self._place(parent, handle.data['type_name'])
        found = self._share(handle, name)
        if found == 'other':  # GPUX86-011
            raise DriverError(f'{name} is on another parent, or of another '
                              'type')
        (self._notes() / name).write_text(handle.identity)
        if not found:
            self.sysfs.write(parent, f'{place}/create', name)
        if self._share(handle, name) != 'mine':
            raise DriverError(f'{name} was not made on {parent}')

    def _remove(self, handle: Handle, name: str) -> None:
        parent = addresses(handle)[0]
        if self.sysfs.has(parent, name):
            self.sysfs.write(parent, f'{name}/remove', '1')
        if self.sysfs.has(parent, name):
            raise DriverError(f'{name} is still on {parent}')
        (self._notes() / name).unlink(missing_ok=True)


def addresses(handle: Handle) -> list[str]:
    """The handle's functions; of a share, its parent's."""
    data: dict[str, Any] = handle.data
    if handle.type == MDEV:
        return [text(data['parent'])]
    return [text(function['address']) for function in data['functions']]
