"""A driver for the real cyborg-agent, outside Cyborg's tree.

Discovery is that of Cyborg's own fake driver, with as many handles as the
file that ``CYBORG_SPECS_DEVICES`` names says.  That file is read at each
call, so a test changes the hardware by writing it::

    {"handles": [1, 2], "program": "ok", "seconds": 0}

``handles`` are the functions that there are; ``program`` is what becomes of
a write: ``ok``, ``false`` (the driver says it failed) or ``raise``; it takes
``seconds``.  Each write is noted in the file's neighbour ``writes``, a line
with the size of the image.
"""

import json
import os
import time
from pathlib import Path

from cyborg.accelerator.drivers.fake import FakeDriver
from cyborg.accelerator.drivers.fpga.base import FPGADriver


def _hardware():
    return json.loads(Path(os.environ['CYBORG_SPECS_DEVICES']).read_text())


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
        """Write a region, or fail as the file says.

        :param image: path of what Glance gave
        :returns: False if the write failed
        """
        hardware = _hardware()
        time.sleep(hardware['seconds'])
        writes = Path(os.environ['CYBORG_SPECS_DEVICES']).with_name('writes')
        with writes.open('a') as file:
            file.write(f'{Path(image).stat().st_size}\n')
        if hardware['program'] == 'raise':
            raise OSError('the region does not answer')
        return hardware['program'] == 'ok'
