"""What the calls raise, by the names of the spec."""


class OsAccError(Exception):
    """Any error of a call; what it leaves behind is in the spec."""


class LibraryNotInitialized(OsAccError):
    """A call was made before ``initialize`` has returned."""


class PluginConflict(OsAccError):
    """Two plugins describe one handle type."""


class ConfigurationError(OsAccError):
    """The time-outs break their order."""


class JournalError(OsAccError):
    """The journal cannot be read or written, or is of a newer format."""


class ClaimRefused(OsAccError):
    """The API, or the host, refuses the claim."""


class ClaimTimeout(OsAccError):
    """The API has not answered the claim in time."""


class BitstreamUnavailable(OsAccError):
    """The bitstream cannot be fetched."""


class BitstreamRejected(OsAccError):
    """The bitstream is not what it should be."""


class FunctionMissing(OsAccError):
    """The function wanted is not loaded and may not be written."""


class RegionBusy(OsAccError):
    """Others use the region, or work on it."""


class ProgramFailed(OsAccError):
    """The region was not written, or not with the function wanted."""


class PluginUnavailable(OsAccError):
    """No plugin can look, so that nothing may be done."""


class VanFailed(OsAccError):
    """A VAN of the instance is FAILED; only ``release`` leads on."""


class WrongState(OsAccError):
    """``plug`` was called for what ``prepare`` has not made READY."""


class FunctionLost(OsAccError):
    """The region has lost its function since ``prepare``."""


class PlugFailed(OsAccError):
    """The plugin has not attached the handle."""


class UnplugFailed(OsAccError):
    """The plugin has not detached the handle."""


class InstanceRunning(OsAccError):
    """The guest runs: stop it first."""


class InstanceBusy(OsAccError):
    """Another call works on the instance."""


class ReleaseIncomplete(OsAccError):
    """The goal is set, and ``sync`` does what is left."""


class Cancelled(OsAccError):
    """The VAN is to be released, so the call stops."""
