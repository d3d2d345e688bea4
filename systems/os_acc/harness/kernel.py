"""The kernel, on files laid out as sysfs has them: what a write does.

The state is on the disk alone, so that it is the same in each process, and
so are the faults: ``sulk`` says which writes have no effect, and ``fail``
which raise.
"""

import fnmatch
import json
import pathlib
import shutil
from collections.abc import Callable

from os_acc_agent.sysfs import Sysfs

VENDOR = '0x1e4a'
NAME = 'harness.kernel:Kernel'


class Kernel(Sysfs):
    """sysfs with a kernel behind it.

    :param root: a directory of its own
    """

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.devices.mkdir(parents=True, exist_ok=True)
        self._faults = self.root / 'faults.json'

    # what a write does

    def write(self, address: str, name: str, text: str) -> None:
        path = self.devices / address / name
        for pattern, fault in self.faults().items():
            if fnmatch.fnmatch(f'{address}/{name}', pattern):
                if fault == 'fail':
                    raise OSError(5, 'Input/output error', str(path))
                return
        what = path.name
        if what not in ('unbind', 'create', 'remove'):
            super().write(address, name, text)
        act: Callable[[str, pathlib.Path, str], None] | None = getattr(
            self, f'_on_{what}', None)
        if act is not None:
            act(address, path, text)

    def faults(self) -> dict[str, str]:
        return dict(json.loads(self._faults.read_text())
                    ) if self._faults.exists() else {}

    def set_fault(self, pattern: str, fault: str) -> None:
        """Make writes that fit ``address/name`` ``sulk`` or ``fail``."""
        self._faults.write_text(json.dumps({**self.faults(),
                                            pattern: fault}))

    def mend(self) -> None:
        self._faults.unlink(missing_ok=True)

    def _on_unbind(self, address: str, _: pathlib.Path, __: str) -> None:
        (self.devices / address / 'driver').unlink()

    def probe(self, address: str) -> None:
        driver = self.read(address, 'driver_override', '') or self.read(
            address, 'native_driver', '')
        if driver and not self.has(address, 'driver'):
            target = self.root / 'bus' / 'pci' / 'drivers' / driver
            target.mkdir(parents=True, exist_ok=True)
            (self.devices / address / 'driver').symlink_to(target)
            with open(self.root / 'probed', 'a') as log:
                log.write(f'{address} {driver}\n')

    def _on_create(self, address: str, path: pathlib.Path, text: str
                   ) -> None:
        left = path.with_name('available_instances')
        if int(left.read_text()) < 1:
            raise OSError(28, 'No space left on device', str(path))
        share = self.devices / address / text
        share.mkdir()
        (share / 'mdev_type').symlink_to(path.parent)
        left.write_text(str(int(left.read_text()) - 1))

    def _on_remove(self, address: str, path: pathlib.Path, _: str) -> None:
        left = path.parent / 'mdev_type' / 'available_instances'
        left.write_text(str(int(left.read_text()) + 1))
        shutil.rmtree(path.parent)

    def _on_reset(self, address: str, _: pathlib.Path, __: str) -> None:
        for name in ('registers', 'queues'):
            if self.has(address, name):
                super().write(address, name, '0')

    def _on_sriov_numvfs(self, address: str, _: pathlib.Path, text: str
                         ) -> None:
        for name in self.names(address, 'virtfn*'):
            self.remove(self.link(address, name))
            (self.devices / address / name).unlink()
        regions = self.names(address, 'fpga/region*')
        for number in range(int(text)):
            self._add_virtual(address, number, regions[
                number % len(regions)].rpartition('/')[2])

    def _add_virtual(self, card: str, number: int, region: str) -> None:
        place = card.rpartition(':')[0]
        address = f'{place}:02.{number}'
        self.add(address, self.read(card, 'device'), group=f'{card}-{number}',
                 kind='0x120000', region=region, registers='0', queues='0',
                 share='0', enabled='0', reset='')
        (self.devices / address / 'native_driver').write_text('uio')
        self._probe_virtual(card, address)
        (self.devices / address / 'physfn').symlink_to(self.devices / card)
        (self.devices / card / f'virtfn{number}').symlink_to(
            self.devices / address)

    def _on_write(self, address: str, path: pathlib.Path, text: str) -> None:
        """A region is written: its logic is another, and functions go."""
        region = path.parent
        if (region / 'freeze').read_text() != '1':
            with open(self.root / 'link_errors', 'a') as log:
                log.write(f'{address} {region.name}\n')
        header = json.loads(text.partition('\n')[0])
        if header['part'] == 'static':
            super().write(address, 'fpga/static', text)
            return
        (region / 'function_id').write_text(header['function'])
        (region / 'memory').write_text('left behind')
        for function in self._of(address, region.name):
            for name in ('driver', 'driver_override'):
                (self.devices / function / name).unlink(missing_ok=True)
            shutil.move(self.devices / function, self.root
                        / f'away-{region.name}-{function}')

    def _on_freeze(self, address: str, path: pathlib.Path, text: str
                   ) -> None:
        """After the isolation the functions come back, as if new: bound to
        whatever the kernel has for them.
        """
        if text == '0':
            for away in self.root.glob(f'away-{path.parent.name}-*'):
                function = away.name.split('-', 2)[2]
                shutil.move(away, self.devices / function)
                for name in ('registers', 'queues'):
                    super().write(function, name, '0')
                self._probe_virtual(address, function)

    def _probe_virtual(self, card: str, function: str) -> None:
        if self.read(card, 'sriov_drivers_autoprobe') == '1':
            self.probe(function)

    def _on_flush(self, address: str, _: pathlib.Path, __: str) -> None:
        if f'{address}/memory' in self.faults():
            (self.devices / address / 'memory').write_bytes(b'secret')

    def _of(self, card: str, region: str) -> list[str]:
        """The virtual functions that a write takes away."""
        every = self.read(card, 'device') == '0x7002'
        return [self.link(card, name)
                for name in self.names(card, 'virtfn*')
                if every or self.read(self.link(card, name), 'region')
                == region]

    # what stands in the host

    def add(self, address: str, product: str, group: str, kind: str,
            native: str = '', vendor: str = VENDOR, **files: str) -> None:
        """A PCI function.

        :param native: the host driver that the kernel has for it
        :param files: more of its files
        """
        here = self.devices / address
        here.mkdir()
        for name, text in {'vendor': vendor, 'device': product,
                           'class': kind, 'native_driver': native,
                           'resource': '', **files}.items():
            (here / name).write_text(f'{text}\n' if text else '')
        members = (self.root / 'kernel' / 'iommu_groups' / group / 'devices')
        members.mkdir(parents=True, exist_ok=True)
        (members.parent / 'reserved_regions').touch()
        (members / address).symlink_to(here)
        (here / 'iommu_group').symlink_to(members.parent)
        if native:
            self.probe(address)

    def add_gpu(self, bus: int, serial: str, product: str = '0x6001',
                types: dict[str, int] | None = None, **files: str) -> str:
        """A card with an audio function; its address.

        :param types: of shares: name -> how many
        """
        address = f'0000:{bus:02x}:00.0'
        self.add(address, product, f'{bus}', '0x030000', 'nvidia',
                 serial_number=serial, **{'firmware_writable': '0', **files})
        (self.devices / address / 'memory').write_bytes(b'secret' * 100)
        (self.devices / address / 'registers').write_text('1')
        for number, (name, left) in enumerate((types or {}).items()):
            place = (self.devices / address / 'mdev_supported_types'
                     / f'nvidia-{bus + number}')
            place.mkdir(parents=True)
            (place / 'name').write_text(name + '\n')
            (place / 'available_instances').write_text(str(left))
        self.add(f'0000:{bus:02x}:00.1', '0x60ff', f'{bus}', '0x040300',
                 'snd_hda_intel', registers='1', reset='')
        return address

    def add_fpga(self, bus: int, serial: str, regions: int = 2,
                 product: str = '0x7001') -> str:
        """A card that is managed by its one physical function; its
        address.
        """
        address = f'0000:{bus:02x}:00.0'
        self.add(address, product, f'{bus}', '0x120000', 'example',
                 serial_number=serial, sriov_numvfs='0',
                 sriov_drivers_autoprobe='1')
        for number in range(regions):
            region = self.devices / address / 'fpga' / f'region{number}'
            region.mkdir(parents=True)
            for name, text in {'interface_id': 'shell-1',
                               'function_id': 'BLANK', 'freeze': '0',
                               'memory': '0'}.items():
                (region / name).write_text(text)
        (self.devices / address / 'fpga' / 'static').write_text('shell-1')
        return address

    def swap(self, one: str, other: str) -> None:
        """Two cards are in each other's slots after a restart."""
        places = [place.rpartition(':')[0] for place in (one, other)]
        swapped = {}
        for name in self.functions():
            for here, there in (places, places[::-1]):
                if name.startswith(here):
                    swapped[name] = name.replace(here, there)
        groups = {name: (self.devices / name / 'iommu_group').readlink()
                  for name in swapped}
        for name in swapped:
            (self.devices / name).rename(self.root / f'away-{name}')
        for name, there in swapped.items():
            (self.root / f'away-{name}').rename(self.devices / there)
        for name, group in groups.items():  # which belong to the place
            link = self.devices / name / 'iommu_group'
            link.unlink()
            link.symlink_to(group)
            for link in (self.devices / name).iterdir():
                if link.is_symlink() and link.readlink().name in swapped:
                    there = swapped[link.readlink().name]
                    link.unlink()
                    link.symlink_to(self.devices / there)

    def remove(self, address: str) -> None:
        """A function vanishes from the bus."""
        group = self.devices / address / 'iommu_group'
        (group / 'devices' / address).unlink(missing_ok=True)
        shutil.rmtree(self.devices / address)

    def picture(self) -> dict[str, str]:
        """All that there is, to compare with later."""
        found = {}
        for path in sorted(self.root.rglob('*')):
            name = path.relative_to(self.root).as_posix()
            if path.is_symlink():
                found[name] = f'-> {path.readlink()}'
            elif path.is_file() and path.name not in ('probed', 'reset'):
                found[name] = path.read_bytes().hex()
        return found
