"""The objects that travel between library, plugins, Nova and the API.

They are immutable: whoever changes a VAN replaces it, through the journal.
The spec has them as oslo.versionedobjects; here they are structures of
msgspec, which checks types when it reads and needs nothing else of
OpenStack.  Each carries its version where it is stored.
"""

import enum
from typing import Any

import msgspec


class State(enum.Enum):
    """What is true of the device."""

    REQUESTED = 'REQUESTED'
    BOUND = 'BOUND'
    PROGRAMMING = 'PROGRAMMING'
    READY = 'READY'
    PLUGGING = 'PLUGGING'
    PLUGGED = 'PLUGGED'
    UNPLUGGING = 'UNPLUGGING'
    CLEANING = 'CLEANING'
    RELEASED = 'RELEASED'
    FAILED = 'FAILED'


# A step is under way, or was when its process died.
TRANSITIONAL = frozenset((State.PROGRAMMING, State.PLUGGING,
                          State.UNPLUGGING, State.CLEANING))
# The states that a report can name.
REPORTABLE = frozenset((State.BOUND, State.READY, State.PLUGGED,
                        State.FAILED, State.RELEASED))
# A VAN in one of these bars the others of its region from writing or
# erasing it (OSACC-027, OSACC-041).
BARRING = frozenset((State.PROGRAMMING, State.READY, State.PLUGGING,
                     State.PLUGGED, State.UNPLUGGING, State.FAILED))


class Goal(enum.Enum):
    """What the last accepted call wants."""

    READY = 'READY'
    PLUGGED = 'PLUGGED'
    RELEASED = 'RELEASED'


class Policy(enum.Enum):
    """May the region be written?"""

    NEVER = 'NEVER'
    IF_NEEDED = 'IF_NEEDED'


class Origin(enum.Enum):
    """Whose function was last written or found; when in doubt TENANT."""

    NONE = 'NONE'
    OPERATOR = 'OPERATOR'
    TENANT = 'TENANT'


class Presence(enum.Enum):
    """Whether a handle is attached, as ``observe`` sees it."""

    ABSENT = 'ABSENT'
    PRESENT = 'PRESENT'
    IN_USE = 'IN_USE'
    GONE = 'GONE'
    UNKNOWN = 'UNKNOWN'


class CleanScope(enum.Enum):
    """How much is erased."""

    HANDLE = 'HANDLE'
    REGION = 'REGION'


class PlatformData(msgspec.Struct, frozen=True):
    """Data of a platform, which common code hands on unread (OSACC-004).

    :ivar type: the handle type whose plugin understands it
    :ivar version: of the plugin's object, such as ``1.0``
    :ivar data: what JSON can hold
    """

    type: str
    version: str
    data: dict[str, Any]


class HandleData(PlatformData, frozen=True):
    """Locates a handle: address, parent and type, DRC index."""


class AttachData(PlatformData, frozen=True):
    """What the virt driver needs in order to define the instance."""


class VANFault(msgspec.Struct, frozen=True):
    """What went wrong last.

    :ivar step: the state in which it happened
    :ivar error: the class of the error
    :ivar time: seconds since 1970
    :ivar tries: how often this step has failed, 1 or more
    """

    step: str
    error: str
    message: str
    time: float
    tries: int


class VAN(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual accelerator nexus: one handle on its way to one instance
    and back.  The fields are those of the spec.
    """

    uuid: str
    instance_uuid: str
    project_id: str
    user_id: str | None = None
    host: str
    request_id: str
    rp_uuid: str
    handle_uuid: str | None = None
    handle_type: str | None = None
    region_uuid: str | None = None
    function_wanted: str | None = None
    bitstream_id: str | None = None
    policy: Policy = Policy.NEVER
    origin: Origin = Origin.NONE
    function_loaded: str | None = None
    state: State = State.REQUESTED
    goal: Goal = Goal.READY
    dirty: bool = False
    generation: int = 1
    fault: VANFault | None = None
    handle_data: HandleData | None = None
    attach_data: AttachData | None = None

    @property
    def wanted(self) -> bool:
        """It still counts as its instance's."""
        return self.goal is not Goal.RELEASED

    @property
    def region(self) -> str | None:
        """What is locked to write or erase: the region, or the handle,
        which counts as its own.
        """
        return self.region_uuid or self.handle_uuid


class InstanceInfo(msgspec.Struct, frozen=True):
    """What os-acc gets to know of an instance."""

    uuid: str
    name: str
    project_id: str
    user_id: str


class AccRequest(msgspec.Struct, frozen=True):
    """One accelerator that an instance asks for.

    :raises ValueError: a bitstream is named without its function
    """

    request_id: str
    rp_uuid: str
    function: str | None = None
    bitstream_id: str | None = None
    policy: Policy = Policy.NEVER

    def __post_init__(self) -> None:
        if self.bitstream_id and not self.function:
            raise ValueError(
                f'request {self.request_id} names the bitstream '
                f'{self.bitstream_id} and no function; name both')


class Observation(msgspec.Struct, frozen=True):
    """The answer of a plugin's ``observe``.

    :ivar busy: an operation on the handle, or on its whole region, runs
    :ivar function_id: read back from the device, or None
    :ivar attach_data: as ``plug`` would return, when attached
    """

    presence: Presence
    busy: bool = False
    function_id: str | None = None
    attach_data: AttachData | None = None

    def offers(self, van: VAN) -> bool:
        """The function wanted is there, or none is wanted."""
        return van.function_wanted in (None, self.function_id)

    def idle(self, *presences: Presence) -> bool:
        """One of these presences, and no operation runs."""
        return self.presence in presences and not self.busy


class RecoveryReport(msgspec.Struct):
    """What ``recover`` did: uuids of VANs, each with a word on it."""

    settled: dict[str, str] = {}
    unsettled: dict[str, str] = {}
    adopted: dict[str, str] = {}
    to_release: dict[str, str] = {}


class SyncReport(msgspec.Struct):
    """What ``sync`` left: uuids of VANs."""

    reports_pending: list[str] = []
    releases_pending: dict[str, str] = {}


__all__ = ['AccRequest', 'AttachData', 'BARRING', 'CleanScope', 'Goal',
           'HandleData', 'InstanceInfo', 'Observation', 'Origin',
           'PlatformData', 'Policy', 'Presence', 'REPORTABLE',
           'RecoveryReport', 'State', 'SyncReport', 'TRANSITIONAL', 'VAN',
           'VANFault']
