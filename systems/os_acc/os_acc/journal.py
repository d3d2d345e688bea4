"""os-acc's durable record on the host: one file for each VAN.

A file is replaced by an atomic rename after a flush and carries a checksum.
An entry is read, changed and replaced under one file lock that is held for
nothing else, so that no writer loses another's goal.  The locks of instances
and regions are here too: they work across processes, and the kernel drops
them with the process that held one.
"""

import contextlib
import hashlib
import json
import logging
import os
import pathlib
from collections.abc import Iterator

import filelock
import msgspec

from os_acc.exceptions import Cancelled, JournalError
from os_acc.objects import REPORTABLE, VAN, Goal, State

LOG = logging.getLogger(__name__)
FORMAT = 1
POLL = 0.02  # seconds between two tries for a lock


class Entry(msgspec.Struct, frozen=True):
    """A VAN, and the newest generation that the API has acknowledged."""

    van: VAN
    acknowledged: int = 0
    version: str = '1.0'


class Journal:
    """The journal below one directory.

    :param path: the directory; made when it is missing
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)

    # the journal as a whole

    def open(self) -> None:
        """Make it, or look whether it can be read.

        An entry that is damaged counts as lost: it is put aside, and the
        journal is no longer whole.

        :raises JournalError: it is of a newer format, or not accessible
        """
        try:
            (self.path / 'locks').mkdir(parents=True, exist_ok=True)
            mark = self.path / 'format'
            if not mark.exists():
                self.write(mark, b'%d\n' % FORMAT)
            found = mark.read_text().strip()
        except OSError as error:
            raise JournalError(f'{self.path}: {error}') from error
        if not found.isdigit() or int(found) > FORMAT:
            raise JournalError(
                f'{mark}: format {found!r}, and this os-acc knows up to '
                f'{FORMAT}; upgrade os-acc')
        for file in self._files():
            try:
                self._load(file)
            except (ValueError, msgspec.MsgspecError) as error:
                LOG.error('%s is damaged and counts as lost: %s', file,
                          error)
                self.whole = False
                file.rename(file.with_suffix('.damaged'))

    @property
    def whole(self) -> bool:
        """All that the API records for the host is here (OSACC-056)."""
        return (self.path / 'whole').exists()

    @whole.setter
    def whole(self, value: bool) -> None:
        mark = self.path / 'whole'
        if value and not mark.exists():
            self.write(mark, b'')
        elif not value:
            mark.unlink(missing_ok=True)

    # entries

    def _files(self) -> list[pathlib.Path]:
        return sorted(self.path.glob('*.van'))

    def _file(self, uuid: str) -> pathlib.Path:
        return self.path / f'{uuid}.van'

    @staticmethod
    def _load(file: pathlib.Path) -> Entry:
        head, _, body = file.read_bytes().partition(b'\n')
        if json.loads(head) != hashlib.sha256(body).hexdigest():
            raise ValueError('its checksum does not fit')
        return msgspec.json.decode(body, type=Entry)

    def _store(self, entry: Entry) -> None:
        body = msgspec.json.encode(entry)
        digest = json.dumps(hashlib.sha256(body).hexdigest()).encode()
        self.write(self._file(entry.van.uuid), digest + b'\n' + body)

    def write(self, file: pathlib.Path, content: bytes) -> None:
        """Replace a file, durably.

        :raises JournalError: it was not written, and is as it was
        """
        new = file.with_suffix('.new')
        try:
            with open(new, 'wb') as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(file)
            directory = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise JournalError(f'{file}: {error}') from error

    def entries(self) -> list[Entry]:
        """All entries; takes no lock."""
        found = []
        for file in self._files():
            # One may be removed meanwhile, which is no error.
            with contextlib.suppress(FileNotFoundError):
                found.append(self._load(file))
        return found

    def vans(self, instance_uuid: str | None = None) -> list[VAN]:
        """The VANs of an instance, or of the host."""
        return [entry.van for entry in self.entries()
                if instance_uuid in (None, entry.van.instance_uuid)]

    def get(self, uuid: str) -> VAN | None:
        """One VAN, or None."""
        try:
            return self._load(self._file(uuid)).van
        except FileNotFoundError:
            return None

    def add(self, van: VAN) -> None:
        """A new entry: a VAN that is REQUESTED, or adopted."""
        with self._replacing():
            self._store(Entry(van))

    def change(self, uuid: str, only_if_wanted: bool = False,
               **fields: object) -> VAN:
        """Change fields of a VAN, and so its generation.

        :param only_if_wanted: the goal must not be RELEASED
        :raises Cancelled: it is
        :returns: the VAN as it is now
        """
        with self._replacing():
            entry = self._load(self._file(uuid))
            if only_if_wanted and not entry.van.wanted:
                raise Cancelled(f'VAN {uuid} is to be released')
            van = msgspec.structs.replace(
                entry.van, generation=entry.van.generation + 1, **fields)
            self._store(msgspec.structs.replace(entry, van=van))
            return van

    def aim(self, uuid: str, goal: Goal) -> VAN:
        """Set the goal, unless it is RELEASED already (OSACC-038) or what
        it is to be.
        """
        with self._replacing():
            entry = self._load(self._file(uuid))
            van = entry.van
            if van.goal not in (goal, Goal.RELEASED):
                van = msgspec.structs.replace(
                    van, goal=goal, generation=van.generation + 1)
                self._store(msgspec.structs.replace(entry, van=van))
            return van

    def pending(self) -> list[VAN]:
        """What is to be reported (OSACC-049)."""
        return [entry.van for entry in self.entries()
                if entry.acknowledged < entry.van.generation
                and entry.van.state in REPORTABLE]

    def acknowledge(self, uuid: str, generation: int) -> None:
        """The API has this generation, or a newer one.  A VAN that is
        RELEASED, and acknowledged as such, is forgotten.
        """
        with self._replacing():
            try:
                entry = self._load(self._file(uuid))
            except FileNotFoundError:
                return
            if (entry.van.state is State.RELEASED
                    and generation >= entry.van.generation):
                self._file(uuid).unlink()
            elif generation > entry.acknowledged:
                self._store(msgspec.structs.replace(
                    entry, acknowledged=generation))

    # locks

    @contextlib.contextmanager
    def _replacing(self) -> Iterator[None]:
        with filelock.FileLock(self.path / 'locks' / 'journal',
                               thread_local=False):
            yield

    @contextlib.contextmanager
    def lock(self, kind: str, name: str | None, timeout: float
             ) -> Iterator[None]:
        """The lock of an instance or a region.

        :param kind: ``instance`` or ``region``
        :param timeout: seconds to wait
        :raises TimeoutError: somebody else has it
        """
        lock = filelock.FileLock(self.path / 'locks' / f'{kind}-{name}',
                                 thread_local=False)
        try:
            lock.acquire(timeout=max(timeout, 0), poll_interval=POLL)
        except filelock.Timeout as error:
            raise TimeoutError(f'the lock of {kind} {name} is taken'
                               ) from error
        try:
            yield
        finally:
            lock.release()
