"""The library's calls, by the names and in the order of the spec."""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from os_acc.control import CyborgAPI, Images, Unreachable
from os_acc.exceptions import (
    Cancelled,
    ClaimTimeout,
    FunctionLost,
    InstanceBusy,
    InstanceRunning,
    LibraryNotInitialized,
    PluginUnavailable,
    RegionBusy,
    ReleaseIncomplete,
    UnplugFailed,
    VanFailed,
    WrongState,
)
from os_acc.journal import Journal
from os_acc.objects import (
    TRANSITIONAL,
    VAN,
    AccRequest,
    Goal,
    InstanceInfo,
    Presence,
    RecoveryReport,
    State,
    SyncReport,
)
from os_acc.plugin import HostInfo, Plugins
from os_acc.records import Records
from os_acc.steps import Deadline, Steps, Unsettled
from os_acc.timeouts import Timeouts

LOG = logging.getLogger(__name__)


class Library:
    """os-acc in one nova-compute process.

    The functions of the spec are its methods, so that a test can have two
    processes of one host, and one that died.

    :param host: name as Nova and Placement know it
    :param journal: of the host, not yet open
    :param load: finds the plugins; by default those that are installed
    :param clock: the monotonic clock, in seconds
    :param sleep: waits for some seconds
    :cvar steps: does the transitions
    :cvar records: speaks to the API
    """

    steps: type[Steps] = Steps
    records: type[Records] = Records

    def __init__(self, host: str, journal: Journal, api: CyborgAPI,
                 images: Images, timeouts: Timeouts | None = None,
                 load: Callable[[], Plugins] = Plugins.load,
                 clock: Callable[[], float] = time.monotonic,
                 sleep: Callable[[float], object] = time.sleep) -> None:
        self.host = host
        self.journal = journal
        self.timeouts = timeouts or Timeouts()
        self._api = api
        self._images = images
        self._load = load
        self._clock, self._sleep = clock, sleep
        self._loaded: tuple[Plugins, Steps, Records] | None = None

    def initialize(self, reset: bool = False) -> None:
        """Load plugins, check versions and time-outs, open the journal.

        :param reset: drop what was loaded and start anew
        :raises PluginConflict, ConfigurationError, JournalError: nothing is
            loaded
        """
        if self._loaded and not reset:
            return
        self._loaded = None
        self.timeouts.check()
        self.journal.open()
        plugins = self._load()
        steps = self.steps(self.journal, plugins, self._images,
                           self.timeouts, self._clock)
        self._loaded = plugins, steps, self.records(
            self.host, self.journal, self._api, steps, self._sleep)

    def host_info(self, permitted: list[str] | None = None) -> HostInfo:
        """The merged descriptions of the plugins."""
        return self._parts()[0].info(permitted)

    def prepare(self, context: Any, instance: InstanceInfo,
                requests: list[AccRequest]) -> list[VAN]:
        """Claim, and have the function wanted in place.

        :returns: the instance's VANs, each READY or PLUGGED
        """
        _, steps, records = self._parts()
        end = steps.within(self.timeouts.prepare_timeout)
        self._adopt_before_claim(instance, requests, end)
        with self._instance(instance.uuid, end):
            with self._reporting():
                vans = []
                for van in self._wanted(instance.uuid):
                    records.undecided.discard(van.uuid)
                    vans.append(steps.settle(van, end, may_be_busy=True))
                known = {van.request_id for van, _ in vans}
                for request in requests:
                    if request.request_id not in known:
                        vans.append((self._request(instance, request), None))
                claimed = {van.uuid: van for van in self._claim(
                    [van for van, _ in vans if van.state is State.REQUESTED],
                    end)}
                ready = []
                for van, seen in vans:
                    van = claimed.get(van.uuid, van)
                    if van.state is State.FAILED:
                        raise failed(van)
                    if van.state is State.BOUND:
                        van = steps.make_ready(van, seen, context, end)
                    ready.append(van)
            return self._still_wanted(ready)

    def plug(self, context: Any, instance: InstanceInfo,
             request_ids: list[str]) -> list[VAN]:
        """Attach all that was prepared.

        :returns: the VANs of these requests, all PLUGGED
        """
        steps = self._parts()[1]
        end = steps.within(self.timeouts.plug_call_timeout)
        with self._instance(instance.uuid, end):
            with self._reporting():
                settled = self._settle_to_plug(instance, request_ids, end)
                plugged: list[VAN] = []
                for van in settled:
                    van = self.journal.aim(van.uuid, Goal.PLUGGED)
                    if van.state is State.READY:
                        # The one before may have taken long: look again.
                        seen = steps.observe(van, end)
                        if not (seen.idle(Presence.ABSENT)
                                and seen.offers(van)):
                            raise FunctionLost(
                                f'VAN {van.uuid} is {seen.presence.value} '
                                f'with {seen.function_id}: call prepare')
                        van = steps.plug(van, instance, end)
                    plugged.append(van)
            return self._still_wanted(plugged)

    def get_vans(self, instance_uuid: str | None = None) -> list[VAN]:
        """Copies from the journal, unsettled ones included."""
        self._parts()
        return self.journal.vans(instance_uuid)

    def unplug(self, context: Any, instance: InstanceInfo) -> list[VAN]:
        """Detach, and keep the claim.

        :returns: the instance's VANs
        """
        _, steps, _ = self._parts()
        end = steps.within(self.timeouts.unplug_call_timeout)
        with self._instance(instance.uuid, end), self._reporting():
            plugged = []
            for van in self._wanted(instance.uuid):
                if van.state not in TRANSITIONAL | {State.PLUGGED}:
                    continue
                van, seen = steps.settle(van, end)
                if van.state is State.PLUGGED and seen is not None:
                    if seen.presence is Presence.IN_USE:
                        raise running(van)
                    plugged.append(van)
            left = []
            for van in plugged:
                van = steps.unplug(
                    self.journal.aim(van.uuid, Goal.READY), end)
                if van.state is State.FAILED:
                    left.append(f'{van.uuid}: '
                                f'{van.fault.message if van.fault else ""}')
            if left:
                raise UnplugFailed('; '.join(left))
            return self.journal.vans(instance.uuid)

    def release(self, context: Any, instance_uuid: str) -> int:
        """Detach, erase and free, whatever state the VANs are in.

        :returns: how many VANs this call brought to RELEASED
        """
        _, steps, _ = self._parts()
        end = steps.within(self.timeouts.release_call_timeout)
        self._look_for_guest(instance_uuid, end)
        self._set_released(instance_uuid)  # which stops a running call
        try:
            with self._instance(instance_uuid, end), self._reporting():
                self._set_released(instance_uuid)
                count, left = 0, []
                for van in self.journal.vans(instance_uuid):
                    if van.state is State.RELEASED:
                        continue
                    van, why = self._give_up(van, end)
                    if van.state is State.RELEASED:
                        count += 1
                    else:
                        left.append(why)
        except InstanceBusy:
            self._set_released(instance_uuid)
            raise
        if left or not self.journal.whole:
            raise ReleaseIncomplete('; '.join(left) or (
                'the journal is not whole: a VAN may still be adopted'))
        return count

    def recover(self, context: Any, instance_uuids: list[str]
                ) -> RecoveryReport:
        """Settle every VAN of the host, and find the orphans.

        :param instance_uuids: all that Nova places on this host
        """
        _, steps, records = self._parts()
        report = RecoveryReport()
        end = steps.within(self.timeouts.release_call_timeout)
        with self._reporting():
            for van in self.journal.vans():
                self._recover_one(van, report)
                if van.instance_uuid not in instance_uuids:
                    records.undecided.add(van.uuid)
            report.adopted = self._adopt(end)
            self._find_orphans(instance_uuids, report)
        return report

    def sync(self, context: Any, instance_uuids: list[str]) -> SyncReport:
        """Send what is pending, and go on with what is unfinished.

        :param instance_uuids: all that Nova places on this host now
        """
        _, steps, records = self._parts()
        end = steps.within(self.timeouts.sync_interval)
        report = SyncReport()
        self._adopt(end)
        for van in self.journal.vans():
            if van.state is not State.RELEASED:
                with contextlib.suppress(InstanceBusy), self._instance(
                        van.instance_uuid, steps.within(0)):
                    self._sync_one(van, end, report)
        self._find_orphans(instance_uuids, RecoveryReport())
        report.reports_pending = records.report()
        return report

    # parts of the calls

    def _parts(self) -> tuple[Plugins, Steps, Records]:
        if self._loaded is None:
            raise LibraryNotInitialized('call initialize first')
        return self._loaded

    def _wanted(self, instance_uuid: str) -> list[VAN]:
        """The VANs that count as the instance's."""
        return [van for van in self.journal.vans(instance_uuid)
                if van.wanted]

    @contextlib.contextmanager
    def _instance(self, instance_uuid: str, end: Deadline) -> Iterator[None]:
        """The instance lock (OSACC-059, OSACC-062)."""
        try:
            with self.journal.lock('instance', instance_uuid, end.left(
                    self.timeouts.lock_timeout)):
                yield
        except TimeoutError as error:
            raise InstanceBusy(str(error)) from error

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """A call ends with one attempt to report, when it raises too."""
        records = self._parts()[2]
        try:
            yield
        except Exception:
            records.report()
            raise
        records.report()

    def _adopt(self, end: Deadline) -> dict[str, str]:
        """Adopt what can be adopted; the API may be away."""
        try:
            return self._parts()[2].adopt(end)
        except Unreachable as error:
            LOG.warning('nothing can be adopted: %s', error)
            return {}

    def _adopt_before_claim(self, instance: InstanceInfo,
                            requests: list[AccRequest], end: Deadline
                            ) -> None:
        """What ``recover`` could not adopt comes before a new claim."""
        records = self._parts()[2]
        known = {van.request_id for van in self._wanted(instance.uuid)}
        if records.up_to_date or all(
                request.request_id in known for request in requests):
            return
        try:
            records.adopt(end, end.left(self.timeouts.lock_timeout))
        except Unreachable as error:
            if self.journal.whole:
                return  # the claim will have no answer either
            raise ClaimTimeout(
                f'no claim is sent before the host\'s records are known: '
                f'{error}') from error
        if not self.journal.whole:
            raise PluginUnavailable(
                'no claim is sent before all VANs that the API records for '
                'the host are adopted, and some cannot be observed')

    def _request(self, instance: InstanceInfo, request: AccRequest) -> VAN:
        """T01: the intent to claim is journalled (OSACC-012)."""
        van = VAN(uuid=str(uuid.uuid4()), instance_uuid=instance.uuid,
                  project_id=instance.project_id,
                  user_id=instance.user_id, host=self.host,
                  request_id=request.request_id, rp_uuid=request.rp_uuid,
                  function_wanted=request.function,
                  bitstream_id=request.bitstream_id, policy=request.policy)
        LOG.info('T01 %s REQUESTED', van.uuid)
        self.journal.add(van)
        return van

    def _settle_to_plug(self, instance: InstanceInfo, request_ids: list[str],
                        end: Deadline) -> list[VAN]:
        """The VANs of all requests, each READY or PLUGGED.

        :raises WrongState, FunctionLost, VanFailed: one is not
        """
        _, steps, records = self._parts()
        settled = {}
        for before in self._wanted(instance.uuid):
            records.undecided.discard(before.uuid)
            settled[before.request_id] = (before,
                                          steps.settle(before, end)[0])
        for request_id in request_ids:
            if request_id not in settled:
                raise WrongState(f'request {request_id} of instance '
                                 f'{instance.uuid} has no VAN: call prepare '
                                 'first')
            before, van = settled[request_id]
            if van.state is State.FAILED:
                raise failed(van)
            if van.state in (State.BOUND, State.REQUESTED):
                error = (WrongState if before.state is van.state
                         else FunctionLost)
                raise error(f'VAN {van.uuid} is {van.state.value}: call '
                            'prepare')
        return [settled[request_id][1] for request_id in request_ids]

    def _claim(self, vans: list[VAN], end: Deadline) -> list[VAN]:
        return self._parts()[2].claim(vans, end) if vans else []

    def _still_wanted(self, vans: list[VAN]) -> list[VAN]:
        """A call does not succeed for what is to be released (OSACC-063).

        :raises Cancelled: one of them is
        """
        now = [self.journal.get(van.uuid) or van for van in vans]
        for van in now:
            if not van.wanted:
                raise Cancelled(f'VAN {van.uuid} is to be released')
        return now

    def _look_for_guest(self, instance_uuid: str, end: Deadline) -> None:
        """No goal is set while the guest uses a VAN (OSACC-037).

        :raises InstanceRunning: it does
        """
        steps = self._parts()[1]
        for van in self.journal.vans(instance_uuid):
            if van.state in (State.PLUGGED, State.FAILED) and (
                    steps.observe(van, end).presence is Presence.IN_USE):
                raise running(van)

    def _set_released(self, instance_uuid: str) -> None:
        for van in self.journal.vans(instance_uuid):
            if van.state is not State.RELEASED:
                self.journal.aim(van.uuid, Goal.RELEASED)

    def _give_up(self, van: VAN, end: Deadline) -> tuple[VAN, str]:
        """Release one VAN as far as it goes, and say what is in the way."""
        why = ''
        try:
            van = self._parts()[1].give_up(van, end)
        except (Unsettled, RegionBusy) as error:
            why = str(error)
            van = self.journal.get(van.uuid) or van
        if not why and van.fault:
            why = f'VAN {van.uuid} is {van.state.value}: {van.fault.message}'
        return van, why

    def _recover_one(self, van: VAN, report: RecoveryReport) -> None:
        """Settle one VAN; trouble with it is reported and stops no
        other.
        """
        _, steps, records = self._parts()
        end = steps.within(self.timeouts.release_call_timeout)
        try:
            with self._instance(van.instance_uuid, end):
                now = self.journal.get(van.uuid)
                if now is None:
                    return
                settled, _ = steps.settle(now, end)
        except (Unsettled, RegionBusy, InstanceBusy) as error:
            report.unsettled[van.uuid] = str(error)
            records.undecided.add(van.uuid)
            return
        if settled.state is not van.state:
            report.settled[van.uuid] = (
                f'{van.state.value} to {settled.state.value}')

    def _sync_one(self, van: VAN, end: Deadline, report: SyncReport) -> None:
        """Go on with the release of one VAN, or settle it."""
        now = self.journal.get(van.uuid)
        if now is None:
            return
        if not now.wanted:
            now, why = self._give_up(now, end)
            if now.state is not State.RELEASED:
                report.releases_pending[now.uuid] = why
        elif now.state in TRANSITIONAL | {State.PLUGGED}:
            with contextlib.suppress(PluginUnavailable, RegionBusy):
                self._parts()[1].settle(now, end)

    def _find_orphans(self, instance_uuids: list[str],
                      report: RecoveryReport) -> None:
        """The goal of what belongs to no instance of this very list is
        RELEASED, unless it is in use or cannot be seen (OSACC-055).
        """
        _, steps, records = self._parts()
        for uuid_ in sorted(records.undecided):
            van = self.journal.get(uuid_)
            if van is None or not van.wanted:
                records.undecided.discard(uuid_)
                continue
            if van.instance_uuid in instance_uuids:
                continue
            end = steps.within(self.timeouts.observe_timeout)
            seen = (None if van.state is State.REQUESTED
                    else steps.observe(van, end))
            if seen is None or seen.presence not in (
                    Presence.IN_USE, Presence.UNKNOWN):
                self.journal.aim(uuid_, Goal.RELEASED)
                records.undecided.discard(uuid_)
                report.to_release[uuid_] = 'instance not in list'
            else:
                report.to_release[uuid_] = (
                    f'instance not in list, and {seen.presence.value}')


def failed(van: VAN) -> VanFailed:
    """A VAN of the instance is FAILED."""
    return VanFailed(f'VAN {van.uuid} is FAILED, by '
                     f'{van.fault.message if van.fault else "no record"}: '
                     'call release')


def running(van: VAN) -> InstanceRunning:
    """The guest of a VAN runs."""
    return InstanceRunning(f'VAN {van.uuid} is in use: stop the guest of '
                           f'instance {van.instance_uuid} first')
