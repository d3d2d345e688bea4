"""Drivers that do as a test says, and how they are installed.

``Toy`` has one device with a region and two handles, of which all is in
files below the kernel's root: ``toy/behave.json`` says what a method does,
``toy/log`` what was done, and a method that waits does so until there is
``toy/go``.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any, BinaryIO

from os_acc_agent.driver import (
    Device,
    DeviceState,
    Driver,
    DriverError,
    DriverInfo,
    Handle,
    Region,
)
from os_acc_agent.sysfs import Sysfs

WAIT = ('import os, sys, time\n'
        'home = os.path.dirname(sys.argv[1])\n'
        'while os.path.exists(home) and not os.path.exists(sys.argv[1]):\n'
        '    time.sleep(0.01)\n')


def install(folder: pathlib.Path, drivers: dict[str, str],
            namespace: str = 'cyborg.accelerator.driver') -> None:
    """Make a package of entry points, as pip would leave it.

    :param folder: is on ``sys.path`` of whoever is to find them
    :param drivers: name -> ``module:Class``
    """
    info = folder / f'planted_{"_".join(drivers)}-1.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(
        f'Metadata-Version: 2.1\nName: {info.name[:-12]}\nVersion: 1\n')
    (info / 'entry_points.txt').write_text(
        f'[{namespace}]\n' + ''.join(f'{name} = {place}\n'
                                     for name, place in drivers.items()))


class Toy(Driver):
    """A driver that behaves as it is told to."""

    serial = 'T1'
    address = '0000:77:00.0'

    def __init__(self, sysfs: Sysfs, settings: dict[str, Any]) -> None:
        super().__init__(sysfs, settings)
        self.home = sysfs.root / 'toy'
        self.home.mkdir(exist_ok=True)

    def _told(self, method: str) -> str:
        """What a method is to do, which is logged before it is done."""
        with open('/proc/self/status', encoding='ascii') as status:
            caps = dict(line.split() for line in status
                        if line.startswith('Cap'))
        leases = [path.name for place in self.settings.get('leases', ())
                  for path in pathlib.Path(place).glob('[!.]*')]
        self._log(method, **caps, leases=leases)
        behave = self.home / 'behave.json'
        return str(json.loads(behave.read_text()).get(method, '')
                   if behave.exists() else '')

    def _log(self, did: str, **more: Any) -> None:
        with open(self.home / 'log', 'a') as log:
            log.write(json.dumps({'did': did, **more}) + '\n')

    def _act(self, method: str) -> bool:
        """Behave; True if the method is to do its work."""
        how = self._told(method)
        if how == 'raise':
            raise DriverError('as it was told')
        if how == 'die':
            os._exit(3)
        if how == 'wait':
            while self.home.exists() and not (self.home / 'go').exists():
                time.sleep(0.01)
        if how == 'leave':  # a vendor's tool that goes on, with the locks
            subprocess.Popen([sys.executable, '-c', WAIT, self.home / 'go'],
                             stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, close_fds=False)
        self._log(f'{method} done')
        return how != 'lie'

    def describe(self) -> DriverInfo:
        self._told('describe')
        return DriverInfo(
            capabilities=tuple(self.settings.get('capabilities', ())),
            uninterruptible=tuple(self.settings.get('uninterruptible', ())),
            kept=tuple(self.settings.get('kept', ())))

    def start(self, leased: list[Handle]) -> None:
        self._act('start')

    def discover(self) -> list[Device]:
        self._act('discover')
        name = f'toy-{self.serial}'
        return [Device(
            identity=name, type='TOY', vendor_id='77', product_id='1',
            serial=self.serial, address=self.address,
            regions=(Region(identity=f'{name}/r', interface='i'),),
            handles=tuple(Handle(
                identity=f'{name}/h{number}', type='TOY', region=f'{name}/r',
                data={'identity': f'{name}/h{number}'})
                for number in (0, 1)))]

    def _mark(self, handle: Handle) -> pathlib.Path:
        return self.home / handle.identity.replace('/', '-')

    def observe(self, handle: Handle, name: str) -> DeviceState:
        self._act('observe')
        mark = self._mark(handle)
        return DeviceState(True, mark.exists() and mark.read_text() == name)

    def program(self, region: Region, bitstream: BinaryIO, deadline: float
                ) -> None:
        if self._act('program'):
            (self.home / 'written').write_bytes(bitstream.read())

    def attach(self, handle: Handle, name: str, deadline: float) -> None:
        if self._act('attach'):
            self._mark(handle).write_text(name)

    def detach(self, handle: Handle, name: str, deadline: float) -> None:
        if self._act('detach'):
            self._mark(handle).unlink(missing_ok=True)

    def erase(self, handle: Handle, name: str, region: Region | None,
              deadline: float) -> None:
        if self._act('erase'):
            self._mark(handle).unlink(missing_ok=True)


class SameAddress(Toy):
    """Another serial number at the same address."""

    serial = 'T2'


class SameSerial(Toy):
    """The same serial number at another address."""

    address = '0000:78:00.0'


class Newer(Toy):
    interface = (1, 1)


class Other(Toy):
    interface = (2, 0)


class Older(Toy):
    interface = (0, 9)
