"""The host socket of the agent, as ``driver-entry-points.rst`` has it.

One connection carries one request and its answer, each a line of JSON with
the version of the interface before it.
"""

import json
import socket
import time
from collections.abc import Sequence
from typing import Any

import msgspec

INTERFACE = '1.0'
SOCKET = '/run/cyborg/agent.sock'


class AgentError(Exception):
    """The agent refuses, or does not answer.

    :ivar name: of the closed set of the spec, such as ``Busy``; ``Silent``
        if nobody answers
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f'{name}: {message}')
        self.name = name


class Seen(msgspec.Struct, frozen=True):
    """The agent's answer to ``observe``.

    :ivar attached: there is a lease and the handle is set up; None: unknown
    :ivar van: whose lease it is, or None
    :ivar function: that the handle's region holds, or None
    """

    attached: bool | None
    busy: bool
    gone: bool
    van: str | None = None
    function: str | None = None


class HostSocket:
    """A client of the agent.

    :param path: of the socket
    """

    def __init__(self, path: str = SOCKET) -> None:
        self.path = path

    def observe(self, handle: dict[str, Any], van: str, deadline: float
                ) -> Seen:
        """Whether a handle is set up for a VAN.

        :raises AgentError: as do all methods
        """
        return msgspec.convert(self._ask(
            deadline, request='observe', handle=handle, van=van), Seen)

    def attach(self, handle: dict[str, Any], van: str, instance: str,
               deadline: float) -> None:
        """Set a handle up, and write its lease."""
        self._ask(deadline, request='attach', handle=handle, van=van,
                  instance=instance)

    def detach(self, handle: dict[str, Any], van: str, deadline: float
               ) -> None:
        """Undo that, if there is anything to undo."""
        self._ask(deadline, request='detach', handle=handle, van=van)

    def erase(self, handle: dict[str, Any], van: str, deadline: float,
              region: str | None = None) -> None:
        """Erase a handle's share, or a whole region."""
        self._ask(deadline, request='erase', handle=handle, van=van,
                  region=region)

    def program(self, handle: dict[str, Any], van: str, region: str,
                path: str, deadline: float) -> None:
        """Have a region written; the file is opened here and handed over,
        open as it is.
        """
        with open(path, 'rb') as bitstream:
            self._ask(deadline, [bitstream.fileno()], request='program',
                      handle=handle, van=van, region=region)

    def _ask(self, deadline: float, files: Sequence[int] = (),
             **request: Any) -> Any:
        """One request, answered or given up by its deadline."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise AgentError('Deadline', 'it has passed already')
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(left)
                link.connect(self.path)
                socket.send_fds(link, [line(INTERFACE)], files)
                link.sendall(line({**request, 'deadline': deadline}))
                with link.makefile('rb') as answers:
                    version, answer = (json.loads(answers.readline())
                                       for _ in range(2))
        except (OSError, ValueError) as error:
            raise AgentError('Silent', f'{self.path}: {error}') from error
        if version != INTERFACE:
            raise AgentError('VersionMismatch',
                             f'the agent speaks {version}')
        if 'error' in answer:
            raise AgentError(answer['error'], answer.get('message', ''))
        return answer.get('done')


def line(value: object) -> bytes:
    """A line of JSON."""
    return json.dumps(value).encode() + b'\n'
