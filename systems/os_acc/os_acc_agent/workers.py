"""Where drivers run: a process for each call, with locks and a deadline.

The agent never loads a driver.  A worker holds the locks of what it works
on, and so does whatever it starts; the kernel drops them with the last.
"""

import contextlib
import fcntl
import importlib.metadata
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import quote

import msgspec

from os_acc_agent.driver import NAMESPACE

PROGRAM = (sys.executable, '-m', 'os_acc_agent.worker')
MARGIN = 0.02  # seconds to answer in, before the deadline
ERRORS = ('NoSuchHandle', 'Leased', 'Busy', 'NotSupported',
          'BitstreamRefused', 'DeviceGone', 'DeviceError', 'Deadline',
          'VersionMismatch', 'NotAllowed')


class Refused(Exception):
    """A request is not carried out.

    :ivar name: one of ``ERRORS``
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Call(msgspec.Struct, kw_only=True):
    """What a worker is asked for.

    :ivar driver: name of its entry point
    :ivar sysfs: what stands for the kernel's files, as ``module:Class``,
        and its root
    :ivar capabilities: what the driver may
    :ivar arguments: as JSON has them, of the method
    :ivar bitstream: descriptor of the open file, or None
    """

    driver: str
    method: str
    sysfs: tuple[str, str]
    settings: dict[str, Any]
    capabilities: tuple[str, ...] = ()
    arguments: dict[str, Any] = {}
    bitstream: int | None = None


class Locks:
    """File locks of handles and regions.

    :param folder: where they are
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._look = threading.Lock()  # to look takes a lock for a moment

    def _file(self, identity: str) -> IO[bytes]:
        return open(self._folder / quote(identity, safe=''), 'ab')

    @contextlib.contextmanager
    def held(self, whole: list[str], shared: list[str]
             ) -> Iterator[list[int]]:
        """Hold locks, and yield their descriptors for a worker; the kernel
        keeps them as long as one of both has them.

        :raises Refused: another operation holds one
        """
        with contextlib.ExitStack() as files:
            found = []
            with self._look:
                for identity, kind in (
                        *((one, fcntl.LOCK_EX) for one in whole),
                        *((one, fcntl.LOCK_SH) for one in shared)):
                    file = files.enter_context(self._file(identity))
                    try:
                        fcntl.flock(file, kind | fcntl.LOCK_NB)
                    except BlockingIOError:
                        raise Refused('Busy', 'another operation runs on '
                                              f'{identity}') from None
                    found.append(file.fileno())
            yield found

    def busy(self, *identities: str | None) -> bool:
        """Somebody works on one of these as a whole."""
        with self._look:
            for identity in filter(None, identities):
                with self._file(identity) as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    except BlockingIOError:
                        return True
        return False


def names() -> list[str]:
    """The drivers that are installed (DRIVER-001)."""
    return sorted(importlib.metadata.entry_points(group=NAMESPACE).names)


def run(call: Call, deadline: float, locks: list[int] | None = None,
        interruptible: bool = True) -> Any:
    """Have a worker call a method of a driver; what it returns, as JSON has
    it.

    :param deadline: on the monotonic clock
    :raises Refused: the driver raised, its process died, or the deadline
        has passed; then a worker that may be is ended, and one that may not
        goes on with its locks
    """
    if deadline - MARGIN <= time.monotonic():
        raise Refused('Deadline', 'it has passed already')
    keep = [*(locks or ()), *([] if call.bitstream is None
                              else [call.bitstream])]
    worker = subprocess.Popen(
        PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        pass_fds=keep, start_new_session=True)
    try:
        said, _ = worker.communicate(msgspec.json.encode(call),
                                     deadline - MARGIN - time.monotonic())
    except subprocess.TimeoutExpired:
        if interruptible:
            end(worker)
        threading.Thread(target=worker.communicate, daemon=True).start()
        raise Refused('Deadline', f'{call.method} of {call.driver} has not '
                                  'come to its end') from None
    try:
        answer = msgspec.json.decode(said, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Refused('DeviceError', (
            f'the worker of {call.driver} has ended in {call.method} with '
            f'status {worker.returncode}')) from None
    if 'error' in answer:
        name = answer['error']
        raise Refused(name if name in ERRORS else 'DeviceError',
                      str(answer.get('message')))
    return answer.get('done')


def end(worker: 'subprocess.Popen[bytes]') -> None:
    """End a worker and what it has started; one that is in the kernel
    stays until it comes back.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
