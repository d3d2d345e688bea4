"""Calls that stop where the world outside has a say.

A call of os-acc runs in a thread of its own, and only one thread runs at a
time: the tester lets a call go on, and has the turn back when the call ends
or comes to the next *seam*.  So each order of events can be had, and is the
same each time.
"""

import threading
from collections.abc import Callable
from typing import Any

import msgspec

PATIENCE = 60.0  # seconds of real time


class Died(BaseException):
    """The process has died: nothing in it is done any more."""


class Hung(Exception):
    """A call neither ends nor comes to a seam."""


class Seam(msgspec.Struct, frozen=True):
    """Where a call waits.

    :ivar kind: ``journal``, ``lock``, ``claim``, ``report`` or ``device``
    :ivar van: uuid of the VAN, if it is about one
    :ivar detail: such as the name of the operation
    """

    kind: str
    van: str = ''
    detail: str = ''


class Worker:
    """One call.

    :param name: of the call, such as ``prepare``
    :param index: number of the instance, or -1
    :ivar function: what it does
    :ivar at: the seam at which it waits, or None
    :ivar over: it has ended
    :ivar error: what it raised, or None
    """

    def __init__(self, name: str, index: int,
                 function: Callable[[], Any]) -> None:
        self.name, self.index = name, index
        self.at: Seam | None = None
        self.over = self.dead = False
        self.result: Any = None
        self.error: Exception | None = None
        self._outcome: Any = None
        self._turn = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self.function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._turn.acquire()
        try:
            self.result = self.function()
        except Died:
            self.dead = True
        except Exception as error:
            self.error = error
        self.over = True
        self._back.release()

    def resume(self, outcome: Any = None) -> None:
        """Let it go on until it ends or comes to a seam.

        :raises Hung: it does neither
        """
        self.at, self._outcome = None, outcome
        self._turn.release()
        if not self._back.acquire(timeout=PATIENCE):
            raise Hung(f'{self.name} of instance {self.index} has not come '
                       f'back in {PATIENCE:g} s')

    def pause(self, seam: Seam) -> Any:
        """Wait at a seam, in whatever thread; returns what the tester
        says.
        """
        if self.dead:
            raise Died
        self.at = seam
        self._back.release()
        self._turn.acquire()
        return self._outcome
