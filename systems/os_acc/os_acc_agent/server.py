"""The host socket: a request and its answer, each a line of JSON."""

import contextlib
import os
import pathlib
import pwd
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from typing import Any

import msgspec

from os_acc_agent.agent import Agent, ConfigurationError
from os_acc_agent.driver import INTERFACE
from os_acc_agent.workers import Refused

VERSION = '{}.{}'.format(*INTERFACE)
PATIENCE = 1.0  # seconds for who has the answer, to hang up
LIMIT = 64 * 1024  # bytes of a request


class Hello(msgspec.Struct, tag_field='request', tag='hello',
            forbid_unknown_fields=True):
    """Who is there?"""

    versions: list[str] = []


class Observe(msgspec.Struct, tag_field='request', tag='observe',
              forbid_unknown_fields=True):
    handle: dict[str, Any]
    van: str
    deadline: float


class Attach(msgspec.Struct, tag_field='request', tag='attach',
             forbid_unknown_fields=True):
    handle: dict[str, Any]
    van: str
    instance: str
    deadline: float


class Detach(msgspec.Struct, tag_field='request', tag='detach',
             forbid_unknown_fields=True):
    handle: dict[str, Any]
    van: str
    deadline: float


class Erase(msgspec.Struct, tag_field='request', tag='erase',
            forbid_unknown_fields=True):
    handle: dict[str, Any]
    van: str
    region: str | None
    deadline: float


class Program(msgspec.Struct, tag_field='request', tag='program',
              forbid_unknown_fields=True):
    """The bitstream is the open file that comes along."""

    handle: dict[str, Any]
    van: str
    region: str
    deadline: float


Request = Hello | Observe | Attach | Detach | Erase | Program


def answer(agent: Agent, message: bytes, files: list[int]) -> Any:
    """Carry a request out.

    :param message: the lines, version first
    :param files: descriptors that came along
    :raises Refused: it is not
    """
    first, _, second = message.partition(b'\n')
    if first != msgspec.json.encode(VERSION):
        raise Refused('VersionMismatch', f'this agent speaks {VERSION}')
    try:
        request: Request = msgspec.json.decode(second, type=Request)
    except msgspec.DecodeError as error:
        raise Refused('NotSupported', f'no request: {error}') from error
    asked = msgspec.structs.asdict(request)
    name = type(request).__name__.lower()
    if isinstance(request, Hello):
        return agent.hello()
    if isinstance(request, Program):  # DRIVER-007
        if len(files) != 1:
            raise Refused('BitstreamRefused', 'an open file has to come '
                                              'with the request')
        with os.fdopen(os.dup(files[0]), 'rb') as bitstream:
            return agent.program(**asked, bitstream=bitstream)
    return getattr(agent, name)(**asked)


@contextlib.contextmanager
def listening(agent: Agent) -> Iterator[None]:
    """The agent on its socket, as long as the block runs."""
    path = pathlib.Path(agent.config.socket_path)
    path.unlink(missing_ok=True)
    try:
        users = [pwd.getpwnam(name) for name in agent.config.socket_users]
    except KeyError as error:
        raise ConfigurationError(f'[agent] socket_users: {error}') from error
    allowed = {user.pw_uid for user in users}

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            link: socket.socket = self.request
            files: list[int] = []
            try:
                _refuse_others(link, allowed)
                message = _received(link, files)
                said = {'done': msgspec.to_builtins(
                    answer(agent, message, files))}
            except Refused as error:
                said = {'error': error.name, 'message': str(error)}
            finally:
                for file in files:
                    os.close(file)
            with contextlib.suppress(OSError):  # nobody waits any more
                link.sendall(msgspec.json.encode(VERSION) + b'\n'
                             + msgspec.json.encode(said) + b'\n')
                link.shutdown(socket.SHUT_WR)
                link.settimeout(PATIENCE)
                while link.recv(LIMIT):  # or the answer would be lost
                    pass

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Connection) as server:
        os.chown(path, -1, users[0].pw_gid)
        os.chmod(path, 0o660)
        threading.Thread(target=server.serve_forever, args=(0.05,),
                         daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def _refuse_others(link: socket.socket, allowed: set[int]) -> None:
    """Only the users that are configured, by the kernel's word
    (DRIVER-006).
    """
    pid, uid, _ = struct.unpack('3i', link.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize('3i')))
    if uid not in allowed:
        raise Refused('NotAllowed', f'user {uid}, process {pid}')


def _received(link: socket.socket, files: list[int]) -> bytes:
    """Two lines, and the files that come with them."""
    message = b''
    while message.count(b'\n') < 2:
        part, more, _, _ = socket.recv_fds(link, LIMIT, 4)
        files += more
        message += part
        if not part or len(message) > LIMIT:
            raise Refused('NotSupported', 'no request: it is cut off or has '
                                          f'more than {LIMIT} bytes')
    return message
