"""What os-acc needs of the control plane: the Cyborg API and images.

Common code alone speaks to them.  How the requests travel is not said here;
an implementation raises :class:`Unreachable` for whatever has no answer
within ``rest_timeout``.
"""

import enum
from typing import Any, Protocol

import msgspec

from os_acc.objects import VAN, Goal, HandleData, Origin, State


class Unreachable(Exception):
    """Nobody answers, or not in time."""


class Refused(Exception):
    """The API answers with an error.

    :ivar status: of HTTP: 403 quota or policy, 404, 409 no handle or
        changed meanwhile, 410 RELEASED
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f'{status}: {message}')
        self.status = status


class Grant(msgspec.Struct, frozen=True):
    """The handle granted to a VAN.

    :ivar origin: whose function is in its region, as last reported
    """

    uuid: str
    handle_uuid: str
    handle_type: str
    handle_data: HandleData
    region_uuid: str | None = None
    origin: Origin = Origin.TENANT


class Record(msgspec.Struct, frozen=True):
    """A VAN in the Cyborg database: the VAN as last reported, with the
    handle granted to it.
    """

    van: VAN

    @property
    def released(self) -> bool:
        return self.van.state is State.RELEASED

    @property
    def to_be_released(self) -> bool:
        return self.van.goal is Goal.RELEASED


class Answer(enum.Enum):
    """What the API says to the report of one VAN."""

    TAKEN = 'taken'
    OLDER = 'older'
    UNKNOWN = 'unknown'
    RETIRED = 'retired'


class CyborgAPI(Protocol):
    """``/v1/vans``; each method may raise Unreachable or Refused."""

    def claim(self, vans: list[VAN]) -> list[Grant]:
        """POST: handles for all of them, or for none; the same again when
        it is repeated.  A VAN that has a handle names it.
        """

    def report(self, vans: list[VAN]) -> dict[str, Answer]:
        """PATCH: an answer for each uuid."""

    def records(self, host: str) -> list[Record]:
        """GET by host."""

    def record(self, uuid: str) -> Record:
        """GET of one."""

    def adopt(self, uuid: str, generation: int) -> Record:
        """POST: raise the generation, provided it is still this one."""


class Image(msgspec.Struct, frozen=True):
    """A bitstream on this host, as the image service describes it.

    :ivar path: of the file fetched
    :ivar digest: as recorded, in hexadecimal
    :ivar algorithm: by which it was made, as hashlib names it, or ''
    :ivar regions: uuids of the regions that it fits
    :ivar tenant: it is a tenant's own, and not the operator's
    """

    path: str
    digest: str
    regions: frozenset[str]
    tenant: bool
    algorithm: str = 'sha256'


class Images(Protocol):
    """The image service."""

    def fetch(self, context: Any, bitstream_id: str, deadline: float
              ) -> Image:
        """Get a bitstream with the user's rights (OSACC-064), or take it
        from the host's cache.

        :raises Unreachable: it cannot be had
        """
