"""``example-fpga``: FPGAs with SR-IOV, whose functions lie in regions.

Settings: ``functions`` is how many virtual functions a card is to have, and
``blank`` the directory of the blank bitstreams, each named by the interface
id of the static part that it is for.

A bitstream begins with a line of JSON that names its ``interface``, its
``part`` (``region`` or ``static``) and its ``function``.
"""

import io
import json
import pathlib
from typing import Any, BinaryIO

from os_acc_agent.driver import (
    BitstreamRefused,
    Device,
    DeviceGone,
    DeviceState,
    Driver,
    DriverError,
    DriverInfo,
    Handle,
    Region,
)
from os_acc_agent.sysfs import VFIO, numbers, text

from os_acc_drivers import VENDOR

PCI_FPGA = 'PCI_FPGA'
BLANK = 'BLANK'
PRODUCTS = ('0x7001', '0x7002', '0x7003')
#: that gives up all of its virtual functions for any write
ALL_FOR_ONE = ('0x7002',)
#: whose functions keep their users' data in one memory
ONE_MEMORY = ('0x7003',)


class Fpga(Driver):
    """The driver."""

    def describe(self) -> DriverInfo:
        return DriverInfo(
            devices=tuple(f'{VENDOR[2:]}:{product[2:]}'
                          for product in PRODUCTS))

    def start(self, leased: list[Handle]) -> None:
        """Make the virtual functions, unless one of the card is leased
        (FPGAX86-014), and bind them before a host driver sees them
        (FPGAX86-017).
        """
        for card in self._cards():
            mine = [handle for handle in leased if handle.identity.startswith(
                f'{self._identity(card)}/')]
            wanted = str(self.settings['functions'])
            self.sysfs.write(card, 'sriov_drivers_autoprobe', '0')
            if not mine and self.sysfs.read(card, 'sriov_numvfs') != wanted:
                self.sysfs.write(card, 'sriov_numvfs', '0')
                self.sysfs.write(card, 'sriov_numvfs', wanted)
                if len(self._functions(card)) != int(wanted):
                    raise DriverError(f'{card} has not the {wanted} '
                                      'functions that it is to have')
            for function in self._functions(card):
                self.sysfs.bind(function, VFIO)

    # what there is

    def discover(self) -> list[Device]:
        return [self._device(card) for card in self._cards()]

    def _cards(self) -> list[str]:
        """The functions that manage a card, which are no handles
        (FPGAX86-003).
        """
        return [address for address in self.sysfs.functions()
                if self.sysfs.read(address, 'vendor') == VENDOR
                and self.sysfs.read(address, 'device') in PRODUCTS
                and not self.sysfs.has(address, 'physfn')]

    def _device(self, card: str) -> Device:
        identity = self._identity(card)
        product = self.sysfs.read(card, 'device')
        places = self.sysfs.names(card, 'fpga/region*')
        if product in ALL_FOR_ONE:  # FPGAX86-016
            places = places[:1]
        regions, handles = [], []
        for place in places:
            region = Region(
                identity=f'{identity}/{place.rpartition("/")[2]}',
                interface=self.sysfs.read(card, f'{place}/interface_id'),
                function=self._function(card, place))
            if not self._blank(region.interface).exists():
                continue  # FPGAX86-023
            regions.append(region)
            functions = [one for one in self._functions(card)
                         if self.sysfs.read(one, 'region', '')
                         == place.rpartition('/')[2]]
            if product in ONE_MEMORY:  # FPGAX86-021
                functions = functions[:1]
            handles += [self._handle(card, identity, region, function)
                        for function in functions]
        return Device(identity=identity, type='FPGA', vendor_id=VENDOR[2:],
                      product_id=product[2:],
                      serial=self.sysfs.read(card, 'serial_number'),
                      address=card, regions=tuple(regions),
                      handles=tuple(handles))

    def _handle(self, card: str, identity: str, region: Region,
                function: str) -> Handle:
        name = f'{identity}/vf{self._number(card, function)}'
        return Handle(
            identity=name, type=PCI_FPGA, region=region.identity, data={
                'identity': name, 'address': numbers(function),
                'vendor_id': VENDOR[2:],
                'product_id': self.sysfs.read(function, 'device')[2:]})

    def _identity(self, card: str) -> str:
        return f'fpga-{self.sysfs.read(card, "serial_number")}'

    def _functions(self, card: str) -> list[str]:
        """The virtual functions that the card has, in their order, though
        a write that failed may have left some away.
        """
        return [self.sysfs.link(card, name) for name in sorted(
            self.sysfs.names(card, 'virtfn*'),
            key=lambda name: int(name.removeprefix('virtfn')))]

    def _number(self, card: str, function: str) -> str:
        return next(name.removeprefix('virtfn')
                    for name in self.sysfs.names(card, 'virtfn*')
                    if self.sysfs.link(card, name) == function)

    def _function(self, card: str, place: str) -> str | None:
        found = self.sysfs.read(card, f'{place}/function_id')
        return None if found == BLANK else found

    def _blank(self, interface: str) -> pathlib.Path:
        return pathlib.Path(self.settings['blank'], interface)

    # one handle

    def observe(self, handle: Handle, name: str) -> DeviceState:
        function = address_of(handle)
        if not self._is_here(handle):
            return DeviceState(here=False)
        card = self.sysfs.link(function, 'physfn')
        place = 'fpga/' + self.sysfs.read(function, 'region')
        return DeviceState(
            True, self.sysfs.read(function, 'enabled') == '1'
            and self.sysfs.link(function, 'driver') == VFIO,
            self._function(card, place))

    def attach(self, handle: Handle, name: str, deadline: float) -> None:
        function = self._here(handle)
        self.sysfs.bind(function, VFIO)
        self.sysfs.reset(function)
        self._enable(function, '1')

    def detach(self, handle: Handle, name: str, deadline: float) -> None:
        function = self._here(handle)
        self._enable(function, '0')
        self.sysfs.reset(function)

    def _enable(self, function: str, value: str) -> None:
        self.sysfs.write(function, 'enabled', value)
        if self.sysfs.read(function, 'enabled') != value:
            raise DriverError(f'{function} is not connected to its region, '
                              'or still is')

    def erase(self, handle: Handle, name: str, region: Region | None,
              deadline: float) -> None:
        if region is None:
            self.detach(handle, name, deadline)
            self._clear(self._here(handle), 'share')
            return
        self._here(handle)
        card, place = self._place(region)
        with open(self._blank(region.interface), 'rb') as blank:
            self.program(region, blank, deadline)
        for function in self._functions(card):
            if self.sysfs.read(function, 'region') == place.rpartition(
                    '/')[2]:
                self._enable(function, '0')
                self.sysfs.reset(function)
                self._clear(function, 'share')
        self._clear(card, f'{place}/memory')

    def _clear(self, address: str, name: str) -> None:
        """Overwrite a memory, and read it back."""
        self.sysfs.write(address, name, '0')
        if self.sysfs.read(address, name) != '0':
            raise DriverError(f'{name} of {address} is not overwritten')

    # regions

    def program(self, region: Region, bitstream: BinaryIO, deadline: float
                ) -> None:
        """The steps of the specification, in its order."""
        card, place = self._place(region)
        content = bitstream.read()
        wanted = self._checked(content, region)
        self.sysfs.write(card, f'{place}/freeze', '1')  # FPGAX86-018
        try:
            self.sysfs.write(card, f'{place}/write', content.decode())
        finally:
            self.sysfs.write(card, f'{place}/freeze', '0')
        for function in self._functions(card):  # FPGAX86-015
            if not self.sysfs.has(function):
                raise DriverError(f'{function} has not come back')
            self.sysfs.bind(function, VFIO)
        found = self.sysfs.read(card, f'{place}/function_id')
        if found != wanted:
            raise DriverError(f'{region.identity} holds {found} and not '
                              f'{wanted}')

    def _checked(self, content: bytes, region: Region) -> str:
        """The function of a bitstream that is for this region
        (FPGAX86-019, FPGAX86-025).
        """
        try:
            header: dict[str, Any] = json.loads(
                io.BytesIO(content).readline())
            interface, part = header['interface'], header['part']
            function = str(header['function'])
        except (ValueError, KeyError, TypeError) as error:
            raise BitstreamRefused(f'no header: {error}') from error
        if part != 'region' or interface != region.interface:
            raise BitstreamRefused(
                f'it is for the {part} part of {interface}, and this is a '
                f'region of {region.interface}')
        return function

    def _place(self, region: Region) -> tuple[str, str]:
        """The card that has a region now, and the region's directory."""
        identity, _, name = region.identity.rpartition('/')
        for card in self._cards():
            if self._identity(card) == identity:
                return card, f'fpga/{name}'
        raise DeviceGone(region.identity)

    # the host

    def _is_here(self, handle: Handle) -> bool:
        function = address_of(handle)
        card = self.sysfs.link(function, 'physfn')
        return bool(card) and handle.identity == (
            f'{self._identity(card)}/vf{self._number(card, function)}')

    def _here(self, handle: Handle) -> str:
        if not self._is_here(handle):
            raise DeviceGone(f'{handle.identity} is not at '
                             f'{address_of(handle)}')
        return address_of(handle)


def address_of(handle: Handle) -> str:
    return text(handle.data['address'])
