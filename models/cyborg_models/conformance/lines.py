"""Lines of bytes to and from a harness, none of them waited for too long.

A harness is a process that the kit starts, or one that runs already and is
reached at a socket of this machine.  It may hang, die, print without end on
either stream, or never read: each of these ends in a :class:`WireError`
within the time limit, and what it said on standard error is kept.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Sequence

from cyborg_models.conformance.suite import HarnessError
from cyborg_models.registry import InputError

LONGEST = 1 << 20  # bytes of a line: a message is far shorter
KEPT = 16 << 10  # bytes of standard error, from its end
SHOWN = 3  # lines of it that a message has
NAMES_ERROR = re.compile(r'[\w.]*(?:error|exception|panic|fatal)\b', re.I)
CHUNK = 1 << 16
PATIENCE = 2.0  # seconds for a harness to end by itself
LOOPBACK = ('127.0.0.1', '::1', 'localhost')


class WireError(HarnessError):
    """The harness broke, which says nothing of what it drives.

    :ivar said: the end of its standard error
    """

    def __init__(self, what: str, said: str = '') -> None:
        last = '\n'.join(_told(said.splitlines()))
        super().__init__(what + (
            f'; on standard error it said: {last}' if last else ''))
        self.said = said


def _told(said: Sequence[str]) -> list[str]:
    """The last lines, and before them the last that names an error: Python
    ends with it, and others begin with it.
    """
    rest, shown = said[:-SHOWN], [*said[-SHOWN:]]
    if not any(map(NAMES_ERROR.match, shown)):
        shown[:0] = [line for line in rest if NAMES_ERROR.match(line)][-1:]
    return shown


class Lines:
    """Both streams of a harness.

    :param output: where it reads, a descriptor
    :param input: where it writes
    :param error: its standard error, or None
    :ivar name: as messages call it
    """

    name = 'the harness'

    def __init__(self, output: int, input: int,
                 error: int | None = None) -> None:
        self._output, self._input, self._error = output, input, error
        self._waiting, self._partial = bytearray(), bytearray()
        self._said = bytearray()
        self._poll = select.poll()
        for place in self._places():
            os.set_blocking(place, False)
            if place != output or place == input:
                self._poll.register(place, select.POLLIN)

    def _places(self) -> set[int]:
        """The descriptors that are open."""
        return {place for place in (self._output, self._input, self._error)
                if place is not None}

    @property
    def said(self) -> str:
        """The end of what it wrote on standard error."""
        return self._said.decode(errors='replace').rstrip()

    def send(self, line: bytes) -> None:
        """Write a line, or keep what the harness does not take yet."""
        self._waiting += line + b'\n'
        self._flush()

    def receive(self, seconds: float) -> list[bytes]:
        """The lines that have come, at the latest after a time.

        :returns: none, if the time is up
        :raises WireError: if there will be no more
        """
        end = time.monotonic() + seconds
        while True:
            self._watch_output()
            ready = self._poll.poll(
                max(0.0, end - time.monotonic()) * 1000)
            for place, _ in ready:
                if place == self._error:
                    self._read_error()
            if self._waiting:
                self._flush()
            # After standard error, so that last words are heard.
            found = (self._read_input() if any(
                place == self._input for place, _ in ready) else [])
            if found or time.monotonic() >= end:
                return found

    def close(self, seconds: float = PATIENCE) -> int | None:
        """End it; returns its exit status if it is a process of ours."""
        for place in self._places():
            with contextlib.suppress(OSError):
                os.close(place)
        return None

    def _watch_output(self) -> None:
        both = self._output == self._input
        wanted = select.POLLOUT if self._waiting else 0
        if both:
            self._poll.register(self._input, select.POLLIN | wanted)
        elif wanted:
            self._poll.register(self._output, wanted)
        else:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._output)

    def _flush(self) -> None:
        while self._waiting:
            try:
                sent = os.write(self._output, self._waiting)
            except BlockingIOError:
                return
            except OSError:  # it reads no more: the other stream says why
                self._waiting.clear()
                return
            del self._waiting[:sent]

    def _read_error(self) -> None:
        if self._error is None:
            return
        with contextlib.suppress(BlockingIOError):
            text = os.read(self._error, CHUNK)
            if not text:
                self._poll.unregister(self._error)
                os.close(self._error)
                self._error = None
            self._said += text
            del self._said[:-KEPT]

    def _read_input(self) -> list[bytes]:
        try:
            text = os.read(self._input, CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            if error.errno != errno.ECONNRESET:
                raise
            text = b''
        if not text:
            raise WireError(f'{self.name} {self._ended()}', self.said)
        self._partial += text
        *found, rest = self._partial.split(b'\n')
        self._partial = bytearray(rest)
        if len(rest) > LONGEST or any(len(one) > LONGEST for one in found):
            raise WireError(
                f'{self.name} wrote a line of more than {LONGEST:,} bytes; '
                'end each message with a line feed', self.said)
        return [bytes(one) for one in found]

    def _ended(self) -> str:
        return 'closed the connection; keep it open until "stop"'


class Process(Lines):
    """A harness that the kit starts, in a process group of its own.

    :param command: program and arguments
    :raises InputError: if it cannot be started
    """

    def __init__(self, command: Sequence[str]) -> None:
        if not command:
            raise InputError('no command to start a harness; give it after '
                             '"--"')
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True, bufsize=0)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise InputError(f'{command[0]}: {why}; give the path of a '
                             'program that can be run') from None
        self.name = shlex.join(command)
        streams = [one for one in (
            self._process.stdin, self._process.stdout,
            self._process.stderr) if one is not None]
        # Descriptors of our own, so that each is closed once and by us.
        super().__init__(*(os.dup(one.fileno()) for one in streams))
        for one in streams:
            one.close()

    def _ended(self) -> str:
        status = self._wait(PATIENCE)
        self._read_error()
        if status is None:
            return 'closed its standard output; keep it open until "stop"'
        how = (f'was ended by {signal.Signals(-status).name}' if status < 0
               else f'ended with status {status}')
        return f'{how}; it must run until "stop"'

    def _wait(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def close(self, seconds: float = PATIENCE) -> int | None:
        """End it: it may end by itself, and is then made to."""
        super().close()
        status = self._wait(seconds)
        # What it started goes with it.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            self._wait(seconds)
        return status


class Connection(Lines):
    """A harness that runs already, at a socket of this machine.

    :param address: ``host:port`` on loopback, or the path of a socket
    :raises InputError: if nobody is there, or it is not this machine
    """

    def __init__(self, address: str, seconds: float = PATIENCE) -> None:
        try:
            self._socket = _connected(address, seconds)
        except OSError as error:
            raise InputError(f'{address}: {error.strerror or error}; start '
                             'the harness there first') from None
        self.name = f'the harness at {address}'
        place = self._socket.fileno()
        super().__init__(place, place)

    def close(self, seconds: float = PATIENCE) -> int | None:
        """Leave it: it goes on."""
        self._socket.close()
        return None


def _connected(address: str, seconds: float) -> socket.socket:
    host, sign, port = address.rpartition(':')
    if '/' in address or not sign:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(seconds)
        try:
            made.connect(address)
        except BaseException:
            made.close()
            raise
        return made
    host = host.strip('[]')
    if host not in LOOPBACK:
        raise InputError(f'{address} is not this machine, and a harness is '
                         'trusted with no other; give 127.0.0.1:PORT, or '
                         'the path of a socket')
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise InputError(f'{address}: {port!r} is no port; give a number '
                         'from 1 to 65535')
    return socket.create_connection((host, int(port)), seconds)


__all__ = ['PATIENCE', 'Connection', 'Lines', 'Process', 'WireError']
