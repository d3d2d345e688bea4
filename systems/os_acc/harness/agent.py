"""An agent within the test's process, with its driver: a card, a parent,
leases, a host socket.  ``os_acc_agent`` is the one that a host would have.

The devices are a tree of files laid out as sysfs has it, so that the plugin
reads what it would read of a real host; what the kernel would do, the driver
does.  "Soiled" is a file that stands for a device's memory.
"""

import contextlib
import json
import pathlib
import shutil
import socketserver
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from os_acc_libvirt.elements import Address, CardData, ShareData
from os_acc_libvirt.host_socket import INTERFACE, AgentError, Seen, line

Perform = Callable[[str, str, Callable[[], None]], None]


def now(_operation: str, _van: str, apply: Callable[[], None]) -> None:
    """Carry an operation out; a test may put another in its place."""
    apply()


class Agent:
    """One host's agent.

    :param root: a directory of its own
    :ivar perform: carries out an operation: (name, van, what it does)
    :ivar up: it answers
    """

    def __init__(self, root: pathlib.Path) -> None:
        self.sysfs = root / 'sys'
        self.devices = self.sysfs / 'bus' / 'pci' / 'devices'
        self._kept = root / 'var-leases'  # over a restart of the host
        self._lost = root / 'run-leases'
        self._memory = root / 'memory'
        for path in (self.devices, self._kept, self._lost, self._memory):
            path.mkdir(parents=True)
        self.perform: Perform = now
        self.up = True
        self._busy: set[str] = set()

    # the host

    def add_function(self, address: Address, group: int, driver: str,
                     kind: str = '0x030000') -> None:
        """A PCI function, as it is after the agent's start.

        :param group: its IOMMU group
        :param kind: its class; ``0x0604..`` is a bridge
        """
        here = self.devices / str(address)
        here.mkdir()
        (here / 'class').write_text(kind + '\n')
        members = (self.sysfs / 'kernel' / 'iommu_groups' / str(group)
                   / 'devices')
        members.mkdir(parents=True, exist_ok=True)
        (members / str(address)).symlink_to(here)
        (here / 'iommu_group').symlink_to(members.parent)
        self.bind(address, driver)

    def bind(self, address: Address, driver: str) -> None:
        """Bind a function to a host driver, or to none."""
        link = self.devices / str(address) / 'driver'
        link.unlink(missing_ok=True)
        if driver:
            target = self.sysfs / 'bus' / 'pci' / 'drivers' / driver
            target.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)

    def power_loss(self) -> None:
        """Mediated devices go, and what was in ``/run``."""
        shutil.rmtree(self._lost)
        self._lost.mkdir()
        for share in self.devices.glob('*/*/mdev_type'):
            shutil.rmtree(share.parent)

    def soiled(self, handle: dict[str, Any]) -> bool:
        """The device holds what its last user left."""
        return (self._memory / self._name(handle)).exists()

    def leased(self, handle: dict[str, Any]) -> str | None:
        """The VAN that has a lease of a handle that is set up."""
        seen = self.observe(handle, '')
        return seen.van if seen.attached else None

    # requests

    def observe(self, handle: dict[str, Any], van: str) -> Seen:
        """Lease and device, both read now."""
        busy = self._name(handle) in self._busy
        if not self._is_here(handle):
            return Seen(False, busy, True)
        try:
            lease = self._lease(handle)
        except ValueError:
            return Seen(None, busy, False)
        leased = lease['van'] if lease else None
        return Seen(leased is not None and self._is_set_up(handle, leased),
                    busy, False, leased)

    def attach(self, handle: dict[str, Any], van: str, instance: str
               ) -> None:
        """Set up, and write the lease last (DRIVER-028)."""
        lease = self._lease(handle)
        if lease and lease['van'] != van:
            raise AgentError('Leased', f'to VAN {lease["van"]}')

        def apply() -> None:
            self._here_or_raise(handle)
            if 'parent' in handle:
                self._make_share(handle, van)
            if not self._is_set_up(handle, van):
                raise AgentError('DeviceError', 'it is not set up')
            self._lease_file(handle).write_text(json.dumps(
                {'van': van, 'instance': instance}))
        self._here_or_raise(handle)
        self._operate('attach', handle, van, apply)

    def detach(self, handle: dict[str, Any], van: str) -> None:
        """Undo, and remove the lease last."""
        def apply() -> None:
            lease = self._lease(handle)
            if lease and lease['van'] == van:
                self._remove_share(handle, van)
                self._lease_file(handle).unlink()
        self._operate('detach', handle, van, apply)

    def erase(self, handle: dict[str, Any], van: str,
              region: str | None) -> None:
        """Clear the device, and undo an attach that left no lease
        (DRIVER-027).
        """
        if self._lease(handle):
            raise AgentError('Leased', 'detach it first')

        def apply() -> None:
            self._here_or_raise(handle)
            self._remove_share(handle, van)
            self._memory_of(handle).unlink(missing_ok=True)
        self._operate('erase', handle, van, apply)

    def _operate(self, operation: str, handle: dict[str, Any], van: str,
                 apply: Callable[[], None]) -> None:
        """One operation at a time on a handle, and none is queued."""
        name = self._name(handle)
        if name in self._busy:
            raise AgentError('Busy', f'another operation runs on {name}')
        self._busy.add(name)
        if operation == 'attach':
            self._memory_of(handle).touch()

        def to_the_end() -> None:
            try:
                apply()
            finally:
                self._busy.discard(name)
        try:
            self.perform(operation, van, to_the_end)
        except AgentError as error:
            if error.name == 'Deadline':  # it is still running
                raise
            self._busy.discard(name)
            raise
        self._busy.discard(name)

    def drop_jobs(self) -> None:
        """Whoever worked has died, and the kernel has dropped its locks."""
        self._busy.clear()

    # leases and devices

    @staticmethod
    def _name(handle: dict[str, Any]) -> str:
        return str(handle['identity']).replace('/', '-')

    def _lease_file(self, handle: dict[str, Any]) -> pathlib.Path:
        return (self._lost if 'parent' in handle
                else self._kept) / self._name(handle)

    def _lease(self, handle: dict[str, Any]) -> dict[str, str] | None:
        """The lease, or None.

        :raises ValueError: it cannot be read
        """
        try:
            lease = json.loads(self._lease_file(handle).read_text())
        except FileNotFoundError:
            return None
        if not isinstance(lease, dict) or 'van' not in lease:
            raise ValueError('no lease')
        return lease

    def _memory_of(self, handle: dict[str, Any]) -> pathlib.Path:
        return self._memory / self._name(handle)

    def _addresses(self, handle: dict[str, Any]) -> list[Address]:
        if 'parent' in handle:
            return [msgspec.convert(handle, ShareData).parent]
        return [function.address for function in
                msgspec.convert(handle, CardData).functions]

    def _is_here(self, handle: dict[str, Any]) -> bool:
        return all((self.devices / str(address)).exists()
                   for address in self._addresses(handle))

    def _here_or_raise(self, handle: dict[str, Any]) -> None:
        if not self._is_here(handle):
            raise AgentError('DeviceGone', self._name(handle))

    def _share(self, handle: dict[str, Any], van: str) -> pathlib.Path:
        return self.devices / str(self._addresses(handle)[0]) / van

    def _make_share(self, handle: dict[str, Any], van: str) -> None:
        """The kernel's answer to the VAN's uuid in ``create``."""
        for found in self.devices.glob(f'*/{van}'):
            if found != self._share(handle, van):  # GPUX86-011
                raise AgentError('DeviceError', f'{van} is on another parent')
        self._share(handle, van).mkdir(exist_ok=True)
        (self._share(handle, van) / 'mdev_type').write_text(
            handle['type_name'])

    def _remove_share(self, handle: dict[str, Any], van: str) -> None:
        if 'parent' in handle and self._share(handle, van).exists():
            shutil.rmtree(self._share(handle, van))

    def _is_set_up(self, handle: dict[str, Any], van: str) -> bool:
        return 'parent' not in handle or self._share(handle, van).exists()


@contextlib.contextmanager
def listening(agent: Agent, path: pathlib.Path) -> Any:
    """The agent on its host socket, as long as the block runs."""
    class Request(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            version = json.loads(self.rfile.readline())
            request = json.loads(self.rfile.readline())
            if not agent.up:
                return
            answer = serve(agent, version, request)
            if agent.up:
                with contextlib.suppress(OSError):  # nobody waits any more
                    self.wfile.write(line(INTERFACE) + line(answer))

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Request) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,),
                         daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def serve(agent: Agent, version: str, request: dict[str, Any]
          ) -> dict[str, Any]:
    """The answer to one request."""
    if version != INTERFACE:
        return {'error': 'VersionMismatch', 'message': INTERFACE}
    asked = {name: request[name] for name in (
        'handle', 'van', 'instance', 'region') if name in request}
    try:
        done = getattr(agent, request['request'])(**asked)
    except AgentError as error:
        return {'error': error.name, 'message': str(error)}
    return {'done': msgspec.to_builtins(done)}
