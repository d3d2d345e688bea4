"""Can the host hand a PCI function to a guest at all?"""

import mmap
from collections.abc import Iterable

from os_acc_agent.sysfs import Sysfs

#: where guests have memory, as QEMU's machine q35 lays it out
MEMORY_MAP = ((0x0, 0xbfffffff), (0x100000000, 0xfcffffffff))
UNSAFE = 'module/vfio_iommu_type1/parameters/allow_unsafe_interrupts'


def why_not(sysfs: Sysfs, address: str,
            memory: Iterable[tuple[int, int]] = MEMORY_MAP,
            page: int = mmap.PAGESIZE) -> str:
    """Why a function cannot be offered, or ''.

    :param memory: first and last address of each range that guests use
    :param page: size of a page of the host
    """
    members = sysfs.group(address)
    if not members:  # PLAT-004
        return f'{address} has no IOMMU group'
    unsafe = sysfs.root / UNSAFE
    if unsafe.exists() and unsafe.read_text().strip() in ('Y', '1'):
        return 'VFIO allows unsafe interrupts'  # PLAT-005
    for first, last in _reserved(sysfs, address):  # PLAT-006
        if any(first <= end and start <= last for start, end in memory):
            return (f'the group of {address} reserves {first:#x} to '
                    f'{last:#x}, where guests have memory')
    mine = set(_pages(sysfs, address, page))  # PLAT-007
    for other in sysfs.functions():
        if other != address and not mine.isdisjoint(
                _pages(sysfs, other, page)):
            return f'{address} and {other} have registers in one page'
    return ''


def _reserved(sysfs: Sysfs, address: str) -> Iterable[tuple[int, int]]:
    """The windows that the group reserves; what the kernel may map through
    (``direct-relaxable``) is none.
    """
    for line in sysfs.read(address, 'iommu_group/reserved_regions',
                           '').splitlines():
        first, last, kind = line.split()
        if kind != 'direct-relaxable':
            yield int(first, 16), int(last, 16)


def _pages(sysfs: Sysfs, address: str, page: int) -> Iterable[int]:
    """The pages that the function's registers lie in."""
    for line in sysfs.read(address, 'resource', '').splitlines():
        first, last, _flags = (int(part, 16) for part in line.split())
        if last > first:
            yield from range(first // page, last // page + 1)
