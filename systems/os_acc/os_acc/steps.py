"""The transitions of one VAN on the host, and how it is settled.

Whoever calls a step holds the lock of the VAN's instance.  Each transition
is journalled before the work that the new state names begins (OSACC-046).
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from os_acc.control import Images, Unreachable
from os_acc.exceptions import (
    BitstreamRejected,
    BitstreamUnavailable,
    Cancelled,
    FunctionMissing,
    PlugFailed,
    PluginUnavailable,
    ProgramFailed,
    RegionBusy,
)
from os_acc.images import check
from os_acc.journal import Journal
from os_acc.objects import (
    BARRING,
    TRANSITIONAL,
    VAN,
    AttachData,
    CleanScope,
    Goal,
    InstanceInfo,
    Observation,
    Origin,
    Policy,
    Presence,
    State,
    VANFault,
)
from os_acc.plugin import PluginBase, Plugins
from os_acc.timeouts import Timeouts

LOG = logging.getLogger(__name__)
ABSENT, PRESENT, IN_USE, GONE, UNKNOWN = Presence


class Unsettled(PluginUnavailable):
    """Nothing may be done to a VAN as long as this lasts (OSACC-054)."""


class Deadline:
    """When a call ends; a step gets its own time-out or what is left."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.at = clock() + seconds

    def step(self, seconds: float) -> float:
        """The deadline of a step, on the monotonic clock."""
        return min(self._clock() + seconds, self.at)

    def left(self, seconds: float) -> float:
        """How long a step may wait, in seconds."""
        return max(0.0, self.step(seconds) - self._clock())


class Steps:
    """What is done to VANs, one at a time.

    :param clock: the monotonic clock, in seconds
    """

    def __init__(self, journal: Journal, plugins: Plugins, images: Images,
                 timeouts: Timeouts,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.journal = journal
        self.plugins = plugins
        self.images = images
        self.timeouts = timeouts
        self.clock = clock

    def within(self, seconds: float) -> Deadline:
        """The deadline of a call."""
        return Deadline(seconds, self.clock)

    # looking

    def plugin(self, van: VAN) -> PluginBase:
        """The plugin of the VAN's handle type.

        :raises Unsettled: none was loaded
        """
        plugin = self.plugins.of(van.handle_type)
        if plugin is None:
            raise Unsettled(
                f'VAN {van.uuid}: no plugin describes {van.handle_type}; '
                'install it, or see host_info for why it was left out')
        return plugin

    def observe(self, van: VAN, end: Deadline) -> Observation:
        """Look; whoever cannot has seen nothing."""
        try:
            return self.plugin(van).observe(
                van, end.step(self.timeouts.observe_timeout))
        except Exception as error:  # a plugin's; any may come
            LOG.warning('VAN %s cannot be observed: %s', van.uuid, error)
            return Observation(UNKNOWN)

    def to(self, van: VAN, transition: str, state: State,
           only_if_wanted: bool = False, **fields: object) -> VAN:
        """Journal a transition."""
        LOG.info('%s %s %s', transition, van.uuid, state.value)
        if state is not State.PLUGGED:
            fields['attach_data'] = None
        return self.journal.change(van.uuid, only_if_wanted, state=state,
                                   **fields)

    def fail(self, van: VAN, transition: str, why: object,
             dirty: bool | None = None) -> VAN:
        """Journal a transition to FAILED, and what went wrong.

        :param why: the error, or what was observed in its place
        """
        step, tries = van.state.value, 1
        if van.fault and van.fault.step == step:
            tries = van.fault.tries + 1
        if tries >= 5:
            LOG.critical('%s of VAN %s has failed %d times', step, van.uuid,
                         tries)
        fault = VANFault(step, type(why).__name__, str(why), time.time(),
                         tries)
        return self.to(van, transition, State.FAILED, fault=fault,
                       dirty=van.dirty if dirty is None else dirty)

    # settling

    def settle(self, van: VAN, end: Deadline, may_be_busy: bool = False
               ) -> tuple[VAN, Observation | None]:
        """Bring a VAN that nobody works on to a state that is true.

        :param may_be_busy: a BOUND one may be busy, as in ``prepare``
        :returns: the VAN, and what was observed of it last, if anything was
        :raises Unsettled: it stays as it is
        """
        if van.state in (State.REQUESTED, State.FAILED, State.RELEASED):
            return van, None
        if van.state is State.CLEANING and not van.dirty:
            return self.clean(van, end), None
        seen = self.observe(van, end)
        if seen.presence is UNKNOWN or seen.busy:
            if (van.state is State.BOUND and may_be_busy
                    and seen.presence is not UNKNOWN):
                return van, seen
            raise Unsettled(
                f'VAN {van.uuid} is {van.state.value} and '
                + ('busy' if seen.busy else 'its plugin cannot tell more'))
        return self._settle_by(van, seen, end)

    def _settle_by(self, van: VAN, seen: Observation, end: Deadline
                   ) -> tuple[VAN, Observation]:
        """The settling table, row by row; *seen* is idle and known."""
        here = seen.presence
        match van.state:
            case State.BOUND:
                if here is not ABSENT:
                    van = self.lost(van, seen)
            case State.PROGRAMMING:
                if here is not ABSENT:
                    van = self.fail(van, 'T07', here)
                elif seen.offers(van):
                    van = self.to(van, 'T06', State.READY,
                                  function_loaded=seen.function_id)
                else:
                    van = self.to(van, 'T08', State.BOUND)
            case State.READY:
                if here is not ABSENT:
                    van = self.lost(van, seen)
                elif not seen.offers(van):
                    van = self.to(van, 'T22', State.BOUND)
            case State.PLUGGING:
                if here is GONE:
                    van = self.fail(van, 'T12', here)
                elif here is ABSENT:
                    return self._settle_by(
                        self.to(van, 'T11', State.READY), seen, end)
                else:
                    van = self.to(van, 'T10', State.PLUGGED,
                                  attach_data=seen.attach_data)
            case State.PLUGGED:
                if here is GONE:
                    van = self.lost(van, seen)
                elif here is ABSENT:
                    return self._settle_by(
                        self.to(van, 'T23', State.READY), seen, end)
                elif here is PRESENT and not seen.offers(van):
                    self.journal.aim(van.uuid, Goal.READY)
                    van, again = self.detach(
                        self.to(van, 'T13', State.UNPLUGGING), end)
                    if van.state is State.READY and again is not None:
                        return self._settle_by(van, again, end)
            case State.UNPLUGGING:
                if here is IN_USE:
                    van = self.fail(van, 'T16', here)
                else:
                    van, again = self.detach(van, end)
                    if van.state is State.CLEANING:
                        return self.clean(van, end), seen
                    if van.state is State.READY and again is not None:
                        return self._settle_by(van, again, end)
            case State.CLEANING:
                if here is ABSENT:
                    van = self.clean(van, end)
                else:
                    van = self.fail(van, 'T21', here)
        return van, seen

    def lost(self, van: VAN, seen: Observation) -> VAN:
        """T24: the device is gone, or attached and nothing explains it."""
        return self.fail(van, 'T24', seen.presence, dirty=True)

    # going up

    def make_ready(self, van: VAN, seen: Observation | None, context: Any,
                   end: Deadline) -> VAN:
        """From BOUND to READY: look, fetch, check, write, verify.

        :param seen: the observation that settling has made, if any
        :raises FunctionMissing, BitstreamUnavailable, BitstreamRejected,
            RegionBusy, PluginUnavailable: the VAN stays BOUND
        :raises ProgramFailed: it is FAILED
        """
        if van.function_wanted is None:
            return self.to(van, 'T04', State.READY, only_if_wanted=True)
        if seen is None:
            seen = self.observe(van, end)
        path, origin = None, van.origin
        if seen.presence is ABSENT and not seen.offers(van):
            path, origin = self._fetch(van, seen, context, end)
        with self._region(van, end):
            seen = self.observe(van, end)
            if seen.presence is UNKNOWN:
                raise Unsettled(f'VAN {van.uuid} cannot be observed')
            if seen.busy:
                raise RegionBusy(f'region {van.region} is being worked on')
            if seen.presence is not ABSENT:
                self.lost(van, seen)
                raise ProgramFailed(
                    f'the handle of VAN {van.uuid} is '
                    f'{seen.presence.value} before it was plugged')
            if seen.offers(van):
                return self.to(
                    van, 'T04', State.READY, only_if_wanted=True,
                    function_loaded=seen.function_id,
                    dirty=van.dirty or van.origin is Origin.TENANT)
            if path is None:
                raise FunctionMissing(
                    f'the region of VAN {van.uuid} has just lost '
                    f'{van.function_wanted}; prepare again')
            return self._write(van, path, origin, end)

    def _fetch(self, van: VAN, seen: Observation, context: Any,
               end: Deadline) -> tuple[str | None, Origin]:
        """The checked bitstream, if one may be written.

        :returns: its path, or None while the region is busy and the look
            under its lock decides
        """
        if van.policy is Policy.NEVER or van.bitstream_id is None:
            if seen.busy:
                return None, van.origin
            raise FunctionMissing(
                f'region {van.region} holds {seen.function_id} and not '
                f'{van.function_wanted}, and may not be written')
        try:
            image = self.images.fetch(context, van.bitstream_id,
                                      end.step(self.timeouts.fetch_timeout))
        except Unreachable as error:
            raise BitstreamUnavailable(
                f'bitstream {van.bitstream_id}: {error}') from error
        why = check(image, van)
        if why:
            raise BitstreamRejected(f'bitstream {van.bitstream_id}: {why}')
        return image.path, Origin.TENANT if image.tenant else Origin.OPERATOR

    def _write(self, van: VAN, path: str, origin: Origin, end: Deadline
               ) -> VAN:
        """T05 and T06, or T07, with the region lock held."""
        if not self.journal.whole or self.neighbours(van):
            raise RegionBusy(
                f'region {van.region} has other users, or may have: '
                + (', '.join(self.neighbours(van))
                   or 'the journal is not whole'))
        van = self.to(van, 'T05', State.PROGRAMMING, only_if_wanted=True,
                      dirty=True, origin=origin)
        try:
            self.plugin(van).program(
                van, path, end.step(self.timeouts.program_timeout))
        except Exception as error:  # a plugin's; any may come
            self.fail(van, 'T07', error)
            raise ProgramFailed(f'VAN {van.uuid}: {error}') from error
        seen = self.observe(van, end)
        if seen.idle(ABSENT) and seen.offers(van):
            return self.to(van, 'T06', State.READY,
                           function_loaded=seen.function_id)
        self.fail(van, 'T07', f'{seen.presence.value}, '
                  f'function {seen.function_id}')
        raise ProgramFailed(
            f'VAN {van.uuid}: the region was written and holds '
            f'{seen.function_id}, not {van.function_wanted}')

    def plug(self, van: VAN, instance: InstanceInfo, end: Deadline) -> VAN:
        """T09 and T10, or T11 or T12; the caller has just observed ABSENT,
        idle and the function wanted (OSACC-030).

        :raises PlugFailed: the VAN is READY or FAILED
        """
        van = self.to(van, 'T09', State.PLUGGING, only_if_wanted=True,
                      dirty=True)
        try:
            data = self.plugin(van).plug(
                van, instance, end.step(self.timeouts.plug_timeout))
            if not isinstance(data, AttachData):
                raise TypeError(f'the plugin returned {data!r} in place of '
                                'attach data')
        except Exception as error:  # a plugin's; any may come
            seen = self.observe(van, end)
            if seen.idle(ABSENT):
                self.to(van, 'T11', State.READY)
            else:
                self.fail(van, 'T12', error)
            raise PlugFailed(f'VAN {van.uuid}: {error}') from error
        return self.to(van, 'T10', State.PLUGGED, attach_data=data)

    # going down

    def unplug(self, van: VAN, end: Deadline) -> VAN:
        """T13, and on to READY, CLEANING or FAILED; the caller has observed
        PRESENT and idle.
        """
        return self.detach(self.to(van, 'T13', State.UNPLUGGING), end)[0]

    def detach(self, van: VAN, end: Deadline
               ) -> tuple[VAN, Observation | None]:
        """T14, T15 or T16 of a VAN that is UNPLUGGING."""
        try:
            self.plugin(van).unplug(
                van, end.step(self.timeouts.unplug_timeout))
        except Exception as error:  # a plugin's; any may come
            return self.fail(van, 'T16', error), None
        seen = self.observe(van, end)
        try:
            if seen.idle(ABSENT):
                return self.to(van, 'T14', State.READY,
                               only_if_wanted=True), seen
        except Cancelled:
            pass  # T15
        van = self.journal.get(van.uuid) or van
        if not van.wanted and seen.idle(ABSENT, GONE):
            return self.to(van, 'T15', State.CLEANING), seen
        return self.fail(van, 'T16', seen.presence), seen

    def clean(self, van: VAN, end: Deadline) -> VAN:
        """T20 or T21 of a VAN that is CLEANING.

        :raises Unsettled: it is dirty and cannot be cleaned now
        """
        if not van.dirty:
            return self.to(van, 'T20', State.RELEASED)
        if van.region_uuid and not self.journal.whole:
            raise Unsettled(
                f'VAN {van.uuid}: the journal is not whole, so nobody knows '
                f'who else uses region {van.region_uuid}')
        with self._region(van, end):
            seen = self.observe(van, end)
            if seen.busy or seen.presence is UNKNOWN:
                raise Unsettled(f'VAN {van.uuid} is to be erased and '
                                f'{seen.presence.value}')
            if seen.presence is not ABSENT:
                return self.fail(van, 'T21', seen.presence)
            try:
                self.plugin(van).clean(
                    van, self._scope(van, seen),
                    end.step(self.timeouts.clean_timeout))
            except Exception as error:  # a plugin's; any may come
                return self.fail(van, 'T21', error)
            seen = self.observe(van, end)
            if seen.idle(ABSENT):
                return self.to(van, 'T20', State.RELEASED, dirty=False)
            return self.fail(van, 'T21', seen.presence)

    def _scope(self, van: VAN, seen: Observation) -> CleanScope:
        """How much is erased (OSACC-041, OSACC-042)."""
        if (van.region_uuid is None or self.neighbours(van)
                or (van.origin is not Origin.TENANT and seen.offers(van))):
            return CleanScope.HANDLE
        return CleanScope.REGION

    def give_up(self, van: VAN, end: Deadline) -> VAN:
        """One release: from any state to RELEASED, or as far as it goes.

        The goal is RELEASED.

        :raises Unsettled: it goes on when the plugin can tell more
        """
        if van.state in TRANSITIONAL or van.state is State.PLUGGED:
            van, seen = self.settle(van, end)
            if van.state is State.PLUGGED and seen is not None:
                if seen.presence is not PRESENT:
                    raise Unsettled(f'the guest of VAN {van.uuid} runs')
                van = self.unplug(van, end)
        elif van.state is State.FAILED:
            seen = self.observe(van, end)
            if not seen.idle(ABSENT, PRESENT, GONE):
                raise Unsettled(
                    f'VAN {van.uuid} is FAILED and {seen.presence.value}'
                    + (', busy' if seen.busy else ''))
            van = self.detach(
                self.to(van, 'T19', State.UNPLUGGING), end)[0]
        if van.state is State.REQUESTED:
            return self.to(van, 'T03', State.RELEASED)
        if van.state in (State.BOUND, State.READY):
            van = self.to(van, 'T17' if van.state is State.BOUND else 'T18',
                          State.CLEANING)
        if van.state is State.CLEANING:
            van = self.clean(van, end)
        return van

    # regions

    def neighbours(self, van: VAN) -> list[str]:
        """VANs that forbid to write or erase this one's region."""
        return [other.uuid for other in self.journal.vans()
                if van.region_uuid is not None
                and other.region_uuid == van.region_uuid
                and other.uuid != van.uuid and other.state in BARRING]

    @contextlib.contextmanager
    def _region(self, van: VAN, end: Deadline) -> Iterator[None]:
        """The region lock (OSACC-060)."""
        try:
            with self.journal.lock('region', van.region, end.left(
                    self.timeouts.region_timeout)):
                yield
        except TimeoutError as error:
            raise RegionBusy(str(error)) from error
