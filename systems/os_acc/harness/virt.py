"""Nova's libvirt driver, as far as accelerators need it."""

from typing import Any

from os_acc.objects import AttachData
from os_acc_libvirt.elements import elements

# No disk, no network, and little memory: the guest need not boot.
DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""


class VirtDriver:
    """Defines, starts and stops the guests of a libvirtd.

    :param uri: of libvirtd
    """

    def __init__(self, uri: str) -> None:
        import libvirt

        self.libvirt: Any = libvirt
        self.connection = libvirt.open(uri)

    def define(self, uuid: str, name: str, devices: list[AttachData]
               ) -> None:
        """Build the definition anew, with elements made of attach data
        alone; libvirt holds it against its schema.

        :raises libvirtError: the definition is not valid
        """
        lv = self.libvirt
        domain = self.connection.defineXMLFlags(
            DOMAIN.format(name=name, uuid=uuid), lv.VIR_DOMAIN_DEFINE_VALIDATE)
        for data in devices:
            for element in elements(data):
                domain.attachDeviceFlags(element,
                                         lv.VIR_DOMAIN_AFFECT_CONFIG)
        self.connection.defineXMLFlags(
            domain.XMLDesc(lv.VIR_DOMAIN_XML_INACTIVE),
            lv.VIR_DOMAIN_DEFINE_VALIDATE)

    def definition(self, uuid: str) -> str | None:
        """The persistent definition, or None."""
        try:
            return str(self.connection.lookupByUUIDString(uuid).XMLDesc(
                self.libvirt.VIR_DOMAIN_XML_INACTIVE))
        except self.libvirt.libvirtError as error:
            if error.get_error_code() == self.libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def start(self, uuid: str, name: str) -> None:
        """Start the guest, paused, on a host that has none of its devices.

        libvirt refuses to start a guest with devices that are not there, so
        the live definition has none; the persistent one keeps them.
        """
        self.connection.createXML(DOMAIN.format(name=name, uuid=uuid),
                                  self.libvirt.VIR_DOMAIN_START_PAUSED)

    def stop(self, uuid: str) -> None:
        """Stop the guest, if it runs."""
        try:
            domain = self.connection.lookupByUUIDString(uuid)
            if domain.isActive():
                domain.destroy()
        except self.libvirt.libvirtError as error:
            if error.get_error_code() != self.libvirt.VIR_ERR_NO_DOMAIN:
                raise

    def undefine(self, uuid: str) -> None:
        """Remove the definition, if there is one."""
        if self.definition(uuid) is not None:
            self.connection.lookupByUUIDString(uuid).undefine()

    def close(self) -> None:
        self.connection.close()
