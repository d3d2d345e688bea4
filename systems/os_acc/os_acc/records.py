"""The VANs of this host at the Cyborg API: claim, report, adopt.

Every change that the host makes to a record is made here (OSACC-047).
"""

import contextlib
import logging
import time
from collections.abc import Callable

import msgspec

from os_acc.control import (
    Answer,
    CyborgAPI,
    Grant,
    Record,
    Refused,
    Unreachable,
)
from os_acc.exceptions import Cancelled, ClaimRefused, ClaimTimeout
from os_acc.journal import Journal
from os_acc.objects import VAN, Goal, Observation, Origin, Presence, State
from os_acc.steps import Deadline, Steps

LOG = logging.getLogger(__name__)
RETRY = 0.5  # seconds between two attempts of a claim


class Records:
    """What common code asks and tells the API.

    :param sleep: waits for some seconds
    """

    def __init__(self, host: str, journal: Journal, api: CyborgAPI,
                 steps: Steps,
                 sleep: Callable[[float], object] = time.sleep) -> None:
        self.host = host
        self.journal = journal
        self.api = api
        self.steps = steps
        self.sleep = sleep
        self._adopted = False  # since this process began
        # VANs of which "orphan or not" is still to be decided (OSACC-055).
        self.undecided: set[str] = set()

    @property
    def up_to_date(self) -> bool:
        """The journal has all that the API records, and had after the
        start.
        """
        return self._adopted and self.journal.whole

    # claim

    def claim(self, vans: list[VAN], end: Deadline) -> list[VAN]:
        """T02 for all of them, or T03.

        :param vans: of one instance, REQUESTED
        :raises ClaimRefused, ClaimTimeout: all are RELEASED
        :raises Cancelled: they are to be released
        """
        try:
            grants = {grant.uuid: grant for grant in self._ask(vans, end)}
        except Refused as error:
            self._close(vans)
            raise ClaimRefused(str(error)) from error
        except Unreachable as error:
            self._close(vans)
            raise ClaimTimeout(str(error)) from error
        taken = [van.uuid for van in vans
                 if van.uuid not in grants
                 or self._is_taken(grants[van.uuid])]
        if taken:
            self._close(vans)
            raise ClaimRefused(
                'the API has granted what others on this host still use, to '
                + ', '.join(taken))
        return [self._bind(van, grants[van.uuid]) for van in vans]

    def _ask(self, vans: list[VAN], end: Deadline) -> list[Grant]:
        """Send the claim until it is answered or out of time.

        :raises Cancelled: it is not wanted any more
        """
        until = end.step(self.steps.timeouts.claim_timeout)
        while True:
            for van in vans:
                if not (self.journal.get(van.uuid) or van).wanted:
                    raise Cancelled(f'VAN {van.uuid} is to be released')
            try:
                self._adopt_first(end)
                return self.api.claim(vans)
            except Unreachable:
                if self.steps.clock() + RETRY > until:
                    raise
                self.sleep(RETRY)

    def _adopt_first(self, end: Deadline) -> None:
        """No claim is the first after a start before what the API records
        is adopted (OSACC-056).

        :raises Unreachable: it is not yet
        """
        if not self.up_to_date:
            self.adopt(end)
        if not self.up_to_date:
            raise Unreachable('not all that the API records is adopted')

    def _is_taken(self, grant: Grant) -> bool:
        """The journal holds this handle for another VAN (OSACC-018)."""
        return any(van.handle_uuid == grant.handle_uuid
                   and van.uuid != grant.uuid
                   and van.state is not State.RELEASED
                   for van in self.journal.vans())

    def _bind(self, van: VAN, grant: Grant) -> VAN:
        return self.steps.to(
            van, 'T02', State.BOUND, only_if_wanted=True,
            handle_uuid=grant.handle_uuid, handle_type=grant.handle_type,
            handle_data=grant.handle_data, region_uuid=grant.region_uuid,
            origin=grant.origin)

    def _close(self, vans: list[VAN]) -> None:
        """T03, which the next report tells the API (OSACC-051)."""
        for van in vans:
            self.steps.to(van, 'T03', State.RELEASED, goal=Goal.RELEASED)

    # report

    def report(self) -> list[str]:
        """Tell the API what it has not acknowledged; if it does not listen,
        that can wait (OSACC-048).

        :returns: uuids of the VANs whose report waits
        """
        vans = self.journal.pending()
        if not vans:
            return []
        try:
            answers = self.api.report(vans)
        except (Unreachable, Refused) as error:
            LOG.warning('%d reports wait: %s', len(vans), error)
            return [van.uuid for van in vans]
        wait = []
        for van in vans:
            answer = answers.get(van.uuid)
            if answer in (Answer.TAKEN, Answer.OLDER, Answer.RETIRED):
                self.journal.acknowledge(van.uuid, van.generation)
            else:
                wait.append(van.uuid)
            if answer is Answer.RETIRED and van.state is not State.RELEASED:
                self.journal.aim(van.uuid, Goal.RELEASED)
            if answer is Answer.UNKNOWN:
                self.claim_anew(van)
        return wait

    def claim_anew(self, van: VAN) -> None:
        """Claim the very handle of a VAN that the API has forgotten, as
        after a restored backup; if it may not be granted, later again.
        """
        try:
            self.api.claim([van])
        except (Unreachable, Refused) as error:
            LOG.warning('VAN %s is unknown to the API, and its handle '
                        'cannot be claimed anew: %s', van.uuid, error)

    # adopt

    def adopt(self, end: Deadline, lock_timeout: float = 0) -> dict[str, str]:
        """Take over what the API records for the host and the journal
        lacks (T25), and notice what it has retired.

        The journal is whole when nothing is left to adopt.

        :param lock_timeout: seconds to wait for an instance
        :returns: what was adopted, and in which state
        :raises Unreachable: the API does not answer
        """
        records = [record for record in self.api.records(self.host)
                   if not record.released]
        adopted, complete = {}, True
        for record in records:
            van = self.journal.get(record.van.uuid)
            if van is not None:
                if record.to_be_released and van.wanted:
                    self.journal.aim(van.uuid, Goal.RELEASED)
                continue
            try:
                with self.journal.lock('instance', record.van.instance_uuid,
                                       lock_timeout):
                    van = self._adopt_one(record, end)
            except TimeoutError:
                complete = False
                continue
            if van is None:
                complete = complete and self._is_over(record)
            else:
                adopted[van.uuid] = van.state.value
                self.undecided.add(van.uuid)
        if complete:
            self.journal.whole = True
            self._adopted = True
        return adopted

    def _adopt_one(self, record: Record, end: Deadline) -> VAN | None:
        """T25, under the lock of the instance.

        :returns: None if the VAN cannot be adopted now
        """
        try:
            record = self.api.record(record.van.uuid)
            if record.released or self.journal.get(record.van.uuid):
                return None
            seen = self.steps.observe(record.van, end)
            if seen.presence is Presence.UNKNOWN or seen.busy:
                return None
            van = self.api.adopt(record.van.uuid,
                                 record.van.generation).van
        except Refused:  # it has changed meanwhile: the next run looks
            return None
        state = as_seen(van, seen)
        # Since it was recorded as BOUND its region may have been written.
        in_doubt = van.region_uuid and van.state is State.BOUND
        van = msgspec.structs.replace(
            van, state=state, dirty=True,
            origin=Origin.TENANT if in_doubt else van.origin,
            attach_data=(seen.attach_data if state is State.PLUGGED
                         else None))
        LOG.info('T25 %s %s', van.uuid, van.state.value)
        self.journal.add(van)
        return van

    def _is_over(self, record: Record) -> bool:
        """What was not adopted is no longer there to adopt."""
        if self.journal.get(record.van.uuid):
            return True
        with contextlib.suppress(Refused):
            return self.api.record(record.van.uuid).released
        return True


def as_seen(van: VAN, seen: Observation) -> State:
    """What T22, T23 or T24 make of a recorded state (OSACC-072)."""
    if seen.presence is Presence.GONE or (
            seen.presence is not Presence.ABSENT
            and van.state in (State.BOUND, State.READY)):
        return State.FAILED
    if (seen.presence is Presence.ABSENT
            and van.state in (State.READY, State.PLUGGED)):
        return State.READY if seen.offers(van) else State.BOUND
    return van.state


__all__ = ['Records', 'as_seen']
