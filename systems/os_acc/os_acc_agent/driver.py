"""What a driver has to offer, and what it says of its devices."""

import abc
from typing import Any, BinaryIO, ClassVar

import msgspec

from os_acc_agent.sysfs import Sysfs

NAMESPACE = 'cyborg.accelerator.driver'
INTERFACE = (1, 0)
#: operations that are carried out under a lock
OPERATIONS = ('start', 'program', 'attach', 'detach', 'erase')


class DriverError(Exception):
    """A driver has not done what it was asked to do.

    :cvar name: which of the host socket's errors it is
    """

    name: ClassVar[str] = 'DeviceError'


class DeviceGone(DriverError):
    """There is no device of this identity at the address."""

    name = 'DeviceGone'


class BitstreamRefused(DriverError):
    """The bitstream is not for this region."""

    name = 'BitstreamRefused'


class NotSupported(DriverError):
    """The device cannot do it."""

    name = 'NotSupported'


class Handle(msgspec.Struct, frozen=True, kw_only=True):
    """What can be given to a guest.

    :ivar data: ``handle_data`` of its type
    :ivar region: identity of the region in which it lies, or None
    :ivar group: isolation group; handles of one go to one instance
    """

    identity: str
    type: str
    data: dict[str, Any]
    region: str | None = None
    group: str = ''
    gone: bool = False


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a device that can be written.

    :ivar interface: id that a bitstream for it has to name
    :ivar function: that is loaded, or None
    """

    identity: str
    interface: str
    function: str | None = None
    writable: bool = True
    gone: bool = False


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device, with what it consists of.

    :ivar address: of the function that manages it
    """

    identity: str
    type: str
    vendor_id: str
    product_id: str
    serial: str
    address: str
    regions: tuple[Region, ...] = ()
    handles: tuple[Handle, ...] = ()
    gone: bool = False


class DeviceState(msgspec.Struct, frozen=True):
    """What is true of a handle now.

    :ivar here: its device is at its address
    :ivar set_up: as ``attach`` leaves it
    :ivar function: that its region holds
    """

    here: bool
    set_up: bool = False
    function: str | None = None


class DriverInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A driver's description of itself.

    :ivar devices: vendor's and product's ids, as ``1e4a:6001``
    :ivar capabilities: of the kernel that it needs, as ``CAP_SYS_ADMIN``
    :ivar uninterruptible: operations that must not be ended half way
    :ivar kept: types of handle of which what ``attach`` does outlives the
        host
    """

    devices: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    uninterruptible: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class Driver(metaclass=abc.ABCMeta):
    """One vendor's devices.

    A method that returns has done what it was asked to do, and one that has
    not raises.  Each may be called again after it succeeded, in another
    process: what it needs is on the device, on the host or in its arguments.

    :param sysfs: the kernel's files
    :param settings: the driver's section of the agent's configuration
    """

    interface: ClassVar[tuple[int, int]] = (1, 0)

    def __init__(self, sysfs: Sysfs, settings: dict[str, Any]) -> None:
        self.sysfs, self.settings = sysfs, settings

    @abc.abstractmethod
    def describe(self) -> DriverInfo:
        """What it is for, and what it needs."""

    def start(self, leased: list[Handle]) -> None:  # noqa: B027
        """Make the devices ready to be offered; spare the leased."""

    @abc.abstractmethod
    def discover(self) -> list[Device]:
        """All devices of this driver on this host."""

    @abc.abstractmethod
    def observe(self, handle: Handle, name: str) -> DeviceState:
        """What is true of a handle, read from the device."""

    def program(self, region: Region, bitstream: BinaryIO, deadline: float
                ) -> None:
        """Write the bitstream into the region."""
        raise NotSupported('this driver has no region to write')

    @abc.abstractmethod
    def attach(self, handle: Handle, name: str, deadline: float) -> None:
        """Set the handle up for a guest, under this name."""

    @abc.abstractmethod
    def detach(self, handle: Handle, name: str, deadline: float) -> None:
        """Undo attach; succeed when there is nothing to undo."""

    @abc.abstractmethod
    def erase(self, handle: Handle, name: str, region: Region | None,
              deadline: float) -> None:
        """Erase the handle's share, or the whole region if given."""
