"""What a plugin owes the library, and how plugins are found."""

import abc
import logging

import msgspec
import stevedore

from os_acc.exceptions import PluginConflict
from os_acc.objects import (
    VAN,
    AttachData,
    CleanScope,
    InstanceInfo,
    Observation,
)

LOG = logging.getLogger(__name__)
NAMESPACE = 'os_acc'
INTERFACE = (1, 0)


class HostPluginInfo(msgspec.Struct, frozen=True):
    """A plugin's description of itself.

    :ivar name: such as ``gpu-libvirt``
    :ivar interface: version that it was written for, major and minor
    :ivar handle_types: each with the lowest and the highest version of its
        objects that the plugin reads; empty off its platform
    :ivar programs: it can write regions
    """

    name: str
    interface: tuple[int, int]
    handle_types: dict[str, tuple[str, str]]
    programs: bool = False


class PluginBase(metaclass=abc.ABCMeta):
    """One platform, and some kinds of handle.

    Each method but ``describe`` gets a deadline on the monotonic clock,
    returns or raises no later, and may be called again after it succeeded.
    Any exception counts as failure; no return value does.
    """

    @abc.abstractmethod
    def describe(self) -> HostPluginInfo:
        """Name, interface version, handle types, what it can do."""

    @abc.abstractmethod
    def observe(self, van: VAN, deadline: float) -> Observation:
        """Look and report; change nothing."""

    def program(self, van: VAN, path: str, deadline: float) -> None:
        """Write the checked file at path into the VAN's region."""
        raise NotImplementedError(
            f'{self.describe().name} describes no type that is programmed')

    @abc.abstractmethod
    def plug(self, van: VAN, instance: InstanceInfo,
             deadline: float) -> AttachData:
        """Attach the handle to the instance."""

    @abc.abstractmethod
    def unplug(self, van: VAN, deadline: float) -> None:
        """Detach it; succeed when it is not attached."""

    @abc.abstractmethod
    def clean(self, van: VAN, scope: CleanScope, deadline: float) -> None:
        """Erase HANDLE or REGION; raise unless it is erased."""


class HostInfo(msgspec.Struct, frozen=True):
    """The merged descriptions, and why the other plugins are not used."""

    plugins: dict[str, HostPluginInfo]
    left_out: dict[str, str]

    @property
    def handle_types(self) -> dict[str, tuple[str, str]]:
        return {kind: versions for info in self.plugins.values()
                for kind, versions in info.handle_types.items()}


def fits(interface: tuple[int, int]) -> bool:
    """The library serves plugins of this version (OSACC-003)."""
    return interface[0] == INTERFACE[0] and interface[1] <= INTERFACE[1]


class Plugins:
    """The plugins of one host, by the handle types that they describe.

    :param found: plugins by the names of their entry points
    :raises PluginConflict: two describe one handle type (OSACC-002)
    """

    def __init__(self, found: dict[str, PluginBase],
                 left_out: dict[str, str] | None = None) -> None:
        self._by_type: dict[str, PluginBase] = {}
        self._info: dict[str, HostPluginInfo] = {}
        self._left_out = dict(left_out or {})
        for entry, plugin in sorted(found.items()):
            info = plugin.describe()
            if not fits(info.interface):
                self._left_out[entry] = (
                    'written for version {}.{}'.format(*info.interface)
                    + ' and this is {}.{}'.format(*INTERFACE))
                continue
            self._info[info.name] = info
            for kind in info.handle_types:
                if kind in self._by_type:
                    raise PluginConflict(
                        f'{info.name} and '
                        f'{self._by_type[kind].describe().name} both '
                        f'describe {kind}; remove one of the packages')
                self._by_type[kind] = plugin
        for entry, why in self._left_out.items():
            LOG.warning('plugin %s is not used: %s', entry, why)

    @classmethod
    def load(cls) -> 'Plugins':
        """All plugins that are installed, and no others (OSACC-001)."""
        failed: dict[str, str] = {}

        def on_failure(_manager: object, entry: object,
                       error: BaseException) -> None:
            failed[getattr(entry, 'name', str(entry))] = (
                f'{type(error).__name__}: {error}')

        manager: stevedore.ExtensionManager[PluginBase] = (
            stevedore.ExtensionManager(
                NAMESPACE, invoke_on_load=True,
                on_load_failure_callback=on_failure))
        return cls({extension.name: extension.obj for extension in manager
                    if extension.obj is not None}, failed)

    def of(self, handle_type: str | None) -> PluginBase | None:
        """The plugin for a type, or None."""
        return self._by_type.get(handle_type or '')

    def info(self, permitted: list[str] | None = None) -> HostInfo:
        """What was loaded, and why the rest was not."""
        return HostInfo({name: info for name, info in self._info.items()
                         if permitted is None or name in permitted},
                        dict(self._left_out))
