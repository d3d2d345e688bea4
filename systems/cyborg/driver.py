"""A driver for the real cyborg-agent, outside Cyborg's tree.

Discovery is that of Cyborg's own fake driver, with as many handles as the
file that ``CYBORG_SPECS_DEVICES`` names says.  That file is read at each
call, so a test changes the hardware by writing it::

    {"handles": [1, 2], "program": "ok", "hold": false}

``handles`` are the functions that there are.  All are of one region, whose
content is the file's neighbour ``region``: to program it is to copy there
what the agent has fetched, in two halves.  ``program`` is what becomes of a
write after the first half: ``ok``, ``raise``, ``false`` (the driver says that
it failed) or ``half`` (it says that it succeeded).  While ``hold`` is true a
write waits after its first half.  Each is told in the neighbour ``writes``,
in a line when it begins and one when it ends.
"""

import json
import os
import time
from pathlib import Path

from cyborg.accelerator.drivers.fake import FakeDriver
from cyborg.accelerator.drivers.fpga.base import FPGADriver


def _hardware():
    return json.loads(Path(os.environ['CYBORG_SPECS_DEVICES']).read_text())


def _neighbour(name):
    return Path(os.environ['CYBORG_SPECS_DEVICES']).with_name(name)


def _tell(path, line):
    with path.open('a') as file:
        file.write(f'{line}\n')


class RegionDriver(FPGADriver, FakeDriver):
    """One FPGA with a region and some functions; see the module."""

    VENDOR = 'specs'

    def discover(self):
        """The devices of the host, as cyborg-agent reports them."""
        handles = _hardware()['handles']
        self.NUM_ACCELERATORS = max(handles, default=0)
        if not handles:
            return []
        devices = FakeDriver.discover(self)
        for device in devices:
            for deployable in device.deployable_list:
                deployable.driver_name = self.VENDOR
                deployable.num_accelerators = len(handles)
                deployable.attach_handle_list = [
                    handle for number, handle in enumerate(
                        deployable.attach_handle_list, 1)
                    if number in handles]
        return devices

    def program(self, controlpath, image):
        """Write the region, or fail as the file says.

        :param image: path of what Glance gave
        :returns: False if the write failed
        """
        region, writes = _neighbour('region'), _neighbour('writes')
        content = Path(image).read_bytes()
        half = len(content) // 2
        _tell(writes, f'begin {len(content)}')
        region.write_bytes(content[:half])
        while _hardware()['hold']:
            time.sleep(0.02)
        outcome = _hardware()['program']
        if outcome == 'ok':
            with region.open('ab') as file:
                file.write(content[half:])
        _tell(writes, f'end {outcome}')
        if outcome == 'raise':
            raise OSError('the region does not answer')
        return outcome != 'false'
