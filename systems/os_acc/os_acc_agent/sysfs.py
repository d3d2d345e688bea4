"""The kernel's files of PCI functions."""

import pathlib
import re

ADDRESS = re.compile(
    r'([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])')
BRIDGE = '0x0604'  # the class of a PCI bridge, without the interface
VFIO = 'vfio-pci'


class Sysfs:
    """sysfs, below a directory.

    :param root: where it is
    """

    def __init__(self, root: str = '/sys') -> None:
        self.root = pathlib.Path(root)
        self.devices = self.root / 'bus' / 'pci' / 'devices'

    def functions(self) -> list[str]:
        """The addresses of all PCI functions."""
        return sorted(path.name for path in self.devices.iterdir())

    def read(self, address: str, name: str, default: str | None = None
             ) -> str:
        """A file of a function, without the line end.

        :raises OSError: it cannot be read, and there is no default
        """
        try:
            return (self.devices / address / name).read_text().strip()
        except FileNotFoundError:
            if default is None:
                raise
            return default

    def write(self, address: str, name: str, text: str) -> None:
        """Have the kernel do something."""
        (self.devices / address / name).write_text(text)

    def probe(self, address: str) -> None:
        """Have the kernel look for a driver of a function."""
        (self.root / 'bus' / 'pci' / 'drivers_probe').write_text(address)

    def has(self, address: str, name: str = '') -> bool:
        return (self.devices / address / name).exists()

    def names(self, address: str, pattern: str) -> list[str]:
        """The files and directories of a function that fit a pattern."""
        here = self.devices / address
        return sorted(path.relative_to(here).as_posix()
                      for path in here.glob(pattern))

    def link(self, address: str, name: str) -> str:
        """The last part of where a link leads, or '' without one."""
        path = self.devices / address / name
        return path.readlink().name if path.is_symlink() else ''

    def group(self, address: str) -> list[str]:
        """The functions of an IOMMU group; none if there is no group."""
        members = self.devices / address / 'iommu_group' / 'devices'
        return sorted(path.name for path in members.glob('*'))

    def is_bridge(self, address: str) -> bool:
        return self.read(address, 'class', '').startswith(BRIDGE)

    def bind(self, address: str, driver: str) -> None:
        """Have a function bound to one driver and to no other.

        :raises OSError: it is not bound afterwards
        """
        if self.link(address, 'driver') != driver:
            self.write(address, 'driver_override', driver)
            if self.has(address, 'driver'):
                self.write(address, 'driver/unbind', address)
            self.probe(address)
        if self.link(address, 'driver') != driver:
            raise OSError(f'{address} is not bound to {driver}')

    def reset(self, address: str) -> None:
        """Reset a function.

        :raises OSError: its registers are as they were
        """
        self.write(address, 'reset', '1')
        if self.read(address, 'registers') != '0':
            raise OSError(f'{address} is not reset')


def numbers(address: str) -> dict[str, int]:
    """An address as ``handle_data`` has it."""
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError(f'{address!r} is no address of a PCI function')
    return dict(zip(('domain', 'bus', 'device', 'function'),
                    (int(part, 16) for part in match.groups()),
                    strict=True))


def text(address: dict[str, int]) -> str:
    """An address as sysfs has it."""
    return '{domain:04x}:{bus:02x}:{device:02x}.{function:x}'.format(
        **address)
