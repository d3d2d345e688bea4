"""Which handle is set up for which VAN: a small file for each handle."""

import hashlib
import os
import pathlib
from typing import Any
from urllib.parse import quote

import msgspec

FORMAT = 1


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The note that a handle is set up for a VAN.

    :ivar driver: whose handle it is
    :ivar data: ``handle_data``, with the address
    :ivar time: seconds since 1970
    """

    identity: str
    type: str
    driver: str
    region: str | None
    data: dict[str, Any]
    van: str
    instance: str
    time: float


class _File(msgspec.Struct):
    format: int
    checksum: str
    lease: msgspec.Raw


class Unreadable(Exception):
    """A lease is there and cannot be read: neither yes nor no."""


class Leases:
    """The leases of a host.

    :param kept: directory that outlives the host
    :param lost: directory that is empty after it has lost power
    """

    def __init__(self, kept: pathlib.Path, lost: pathlib.Path) -> None:
        self._folders = {True: kept, False: lost}
        for path in self._folders.values():
            path.mkdir(parents=True, exist_ok=True)

    def _files(self, identity: str) -> list[pathlib.Path]:
        name = quote(identity, safe='')
        return [folder / name for folder in self._folders.values()]

    def get(self, identity: str) -> Lease | None:
        """The lease of a handle, or None.

        :raises Unreadable: there is one
        """
        for path in self._files(identity):
            if path.exists():
                return _read(path)
        return None

    def all(self) -> tuple[list[Lease], list[str]]:
        """The leases that can be read, and the files of the others."""
        found, others = [], []
        for folder in self._folders.values():
            for path in sorted(folder.glob('[!.]*')):
                try:
                    found.append(_read(path))
                except Unreadable as error:
                    others.append(str(error))
        return found, others

    def put(self, lease: Lease, kept: bool) -> None:
        """Write a lease, so that it is there whole or not at all."""
        path = self._folders[kept] / quote(lease.identity, safe='')
        body = msgspec.json.encode(lease)
        draft = path.with_name(f'.{path.name}')
        with open(draft, 'wb') as file:
            file.write(msgspec.json.encode(_File(
                FORMAT, hashlib.sha256(body).hexdigest(),
                msgspec.Raw(body))))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)

    def remove(self, identity: str) -> None:
        for path in self._files(identity):
            path.unlink(missing_ok=True)


def _read(path: pathlib.Path) -> Lease:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        if (file.format != FORMAT or hashlib.sha256(
                bytes(file.lease)).hexdigest() != file.checksum):
            raise Unreadable(f'{path}: of another format, or damaged')
        return msgspec.json.decode(file.lease, type=Lease)
    except (OSError, ValueError) as error:
        raise Unreadable(f'{path}: {error}') from error
