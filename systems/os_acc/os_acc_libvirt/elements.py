"""libvirt's ``hostdev`` elements: made of attach data, and found again."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

import msgspec
from os_acc.objects import PlatformData

PCI_GPU, MDEV, PCI_FPGA = 'PCI_GPU', 'MDEV', 'PCI_FPGA'


class Address(msgspec.Struct, frozen=True, order=True):
    """The address of a PCI function; Cyborg's ``device`` is libvirt's
    ``slot``.
    """

    domain: int
    bus: int
    device: int
    function: int

    def __str__(self) -> str:
        return (f'{self.domain:04x}:{self.bus:02x}:{self.device:02x}.'
                f'{self.function:x}')


class Function(msgspec.Struct, frozen=True):
    """One PCI function of a card, with its ids in hexadecimal."""

    address: Address
    vendor_id: str
    product_id: str


class CardData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``handle_data`` of ``PCI_GPU``, version 1.0."""

    identity: str
    functions: tuple[Function, ...]


class ShareData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``handle_data`` of ``MDEV``, version 1.0.

    :ivar parent: address of the card that the share is of
    :ivar type_name: by which the vendor's driver calls the type
    """

    identity: str
    parent: Address
    type_name: str


class FunctionData(msgspec.Struct, frozen=True,
                   forbid_unknown_fields=True):
    """``handle_data`` of ``PCI_FPGA``, version 1.0."""

    identity: str
    address: Address
    vendor_id: str
    product_id: str


class FunctionAttach(msgspec.Struct, frozen=True,
                     forbid_unknown_fields=True):
    """``attach_data`` of ``PCI_FPGA``, version 1.0."""

    address: Address
    managed: bool


class CardAttach(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``attach_data`` of ``PCI_GPU``, version 1.0."""

    addresses: tuple[Address, ...]
    managed: bool


class ShareAttach(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``attach_data`` of ``MDEV``, version 1.0: the device's uuid."""

    uuid: str


def elements(data: PlatformData) -> list[str]:
    """The elements of one VAN, from its attach data alone (FPGAX86-005).

    :raises ValueError: the data are of another plugin
    """
    if data.type == PCI_GPU:
        card = msgspec.convert(data.data, CardAttach)
        return [card_element(address, card.managed)
                for address in card.addresses]
    if data.type == PCI_FPGA:
        function = msgspec.convert(data.data, FunctionAttach)
        return [card_element(function.address, function.managed)]
    if data.type == MDEV:
        return [share_element(msgspec.convert(data.data, ShareAttach).uuid)]
    raise ValueError(f'attach data of the type {data.type} are of no plugin '
                     'for libvirt')


def card_element(address: Address, managed: bool = False) -> str:
    """A PCI function of the host."""
    hostdev = ET.Element('hostdev', mode='subsystem', type='pci',
                         managed='yes' if managed else 'no')
    ET.SubElement(
        ET.SubElement(hostdev, 'source'), 'address',
        domain=f'0x{address.domain:04x}', bus=f'0x{address.bus:02x}',
        slot=f'0x{address.device:02x}', function=f'0x{address.function:x}')
    return ET.tostring(hostdev, encoding='unicode')


def share_element(uuid: str) -> str:
    """A mediated device of the host."""
    hostdev = ET.Element('hostdev', mode='subsystem', type='mdev',
                         managed='no', model='vfio-pci')
    ET.SubElement(ET.SubElement(hostdev, 'source'), 'address', uuid=uuid)
    return ET.tostring(hostdev, encoding='unicode')


def host_devices(definition: str) -> Iterator[Address | str]:
    """What a domain definition has of the host: addresses of PCI functions,
    and uuids of mediated devices.
    """
    for hostdev in ET.fromstring(definition).iterfind('devices/hostdev'):
        source = hostdev.find('source/address')
        if source is None:
            continue
        if hostdev.get('type') == 'mdev':
            yield source.get('uuid', '').lower()
        elif hostdev.get('type') == 'pci':
            yield Address(*(int(source.get(name, '0'), 16) for name in (
                'domain', 'bus', 'slot', 'function')))
