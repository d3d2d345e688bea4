"""One host with nova-compute, os-acc in it, and everything around.

:class:`Host` is what is tried: nova-compute's calls are made by its methods,
and go on by :meth:`Host.go`, which says what the world answers at a seam.
:meth:`Host.observe` reads from outside, in the words of the models, what is
true: the journal's files, the API's rows, the platform.
"""

import collections
import contextlib
import hashlib
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec
from os_acc.control import Answer, Grant, Image, Refused, Unreachable
from os_acc.exceptions import (
    FunctionLost,
    OsAccError,
    ReleaseIncomplete,
)
from os_acc.journal import Journal
from os_acc.library import Library
from os_acc.objects import (
    VAN,
    AccRequest,
    AttachData,
    Goal,
    InstanceInfo,
    State,
)
from os_acc.plugin import Plugins
from os_acc.timeouts import Timeouts

from harness.agent import Perform
from harness.api import Api, Handle
from harness.flavor import Group, assign
from harness.worker import Died, Seam, Worker

HOST = 'host'
# What the world may say at a seam: it goes well, the message is lost, it
# comes late, the operation fails, fails after it was done, or says that it
# was done, or is cut off, or the process dies.
GO, LOST, LATE, FAIL, FAIL_AFTER, LIE, CUT, DIE = (
    'go', 'lost', 'late', 'fail', 'fail after', 'lie', 'cut', 'die')
AIM = 'goal'
# Where a call waits for the world; elsewhere it goes on when it may.
WORLD = ('claim', 'device')
JOBS = {'attach': 'ATTACH', 'detach': 'DETACH', 'erase': 'ERASE_HANDLE',
        'erase-region': 'ERASE_REGION', 'write': 'WRITE'}


# What a call has journalled when it is about to raise.
ENDING = {'prepare': ('RELEASED',), 'plug': ('READY', 'BOUND')}


class DeviceFault(Exception):
    """An operation has failed, as the test wants it."""


class Broken(Exception):
    """The system did what no model is needed to forbid."""


class Bench(Protocol):
    """A platform with its devices, as a test needs it.

    :ivar handles: those of the one provider
    :ivar up: whoever the plugin asks, answers
    """

    handles: list[Handle]
    up: bool

    def plugins(self) -> Plugins: ...
    def set_perform(self, perform: Perform) -> None: ...
    def late(self, message: str) -> Exception: ...
    def failed(self, message: str) -> Exception: ...
    def drop_jobs(self) -> None: ...
    def attached(self, handle: int) -> str | None: ...
    def soiled(self, handle: int) -> bool: ...
    def define(self, instance: InstanceInfo, data: list[AttachData]
               ) -> None: ...
    def undefine(self, instance: InstanceInfo) -> None: ...
    def start(self, instance: InstanceInfo) -> None: ...
    def stop(self, instance: InstanceInfo) -> None: ...
    def power_loss(self) -> None: ...
    def look(self) -> None:
        """Hold what the platform's own specification says.

        :raises Broken: it is not kept
        """


class HostJournal(Journal):
    """A journal whose writes are seams, and whose locks do not wait."""

    def __init__(self, path: pathlib.Path, host: 'Host') -> None:
        super().__init__(path)
        self.host = host

    def add(self, van: VAN) -> None:
        self.host.live()
        super().add(van)
        self._written(van, '')

    def change(self, uuid: str, only_if_wanted: bool = False,
               **fields: object) -> VAN:
        self.host.live()
        before = self.get(uuid)
        after = super().change(uuid, only_if_wanted, **fields)
        self.host.transitions[
            f'{before.state.value if before else "none"} to '
            f'{after.state.value}'] += 1
        self._written(after, after.state.value)
        return after

    def aim(self, uuid: str, goal: Goal) -> VAN:
        self.host.live()
        van = super().aim(uuid, goal)
        self._written(van, AIM)
        return van

    def acknowledge(self, uuid: str, generation: int) -> None:
        self.host.live()
        super().acknowledge(uuid, generation)
        self.host.seam('journal', uuid, 'acknowledged')

    def _written(self, van: VAN, what: str) -> None:
        """After a write anything may happen; what was observed before it,
        and the write, are one step of the models.
        """
        self.host.remember(van)
        self.host.seam('journal', van.uuid, what)

    def pending(self) -> list[VAN]:
        """What is reported is read when the API has it: the models have no
        report that is older than that, but as a fault.
        """
        uuids = [van.uuid for van in self.to_report()]
        if uuids and self.host.api.up:
            self.host.report = self.host.seam('report', uuids[0],
                                              ' '.join(uuids)) or GO
        return [van for van in self.to_report() if van.uuid in uuids]

    def to_report(self) -> list[VAN]:
        """What the API has not acknowledged."""
        return super().pending()

    @contextlib.contextmanager
    def lock(self, kind: str, name: str | None, timeout: float
             ) -> Iterator[None]:
        if kind == 'instance' and name and self.host.release_waits(name):
            if not timeout:
                raise TimeoutError('a release waits for it')
            self.host.seam('lock', detail=f'{kind} {name}')
        with contextlib.ExitStack() as held:
            while True:
                try:
                    held.enter_context(super().lock(kind, name, 0))
                    break
                except TimeoutError:
                    if not timeout:
                        raise
                    self.host.seam('lock', detail=f'{kind} {name}')
            yield


class HostApi:
    """The API as the host's network shows it."""

    def __init__(self, api: Api, host: 'Host') -> None:
        self.api = api
        self.host = host

    def claim(self, vans: list[VAN]) -> list[Grant]:
        index = self.host.index_of(vans[0].instance_uuid)
        if self.api.up:
            outcome = self.host.seam('claim', vans[0].uuid)
            if index in self.host.answers:
                answer = self.host.answers.pop(index)
                if isinstance(answer, Refused):
                    raise answer
                return answer
            if outcome == LATE:
                self.host.late_claims[index] = list(vans)
        if not self.api.up:
            self.host.late_claims[index] = list(vans)
        raise self._lost()

    def report(self, vans: list[VAN]) -> dict[str, Answer]:
        outcome, self.host.report = self.host.report, GO
        if not self.api.up:
            raise self._lost()
        if outcome == GO:
            return self.api.report(vans)
        if outcome == LOST:
            self.api.report(vans)
        if outcome == LATE:
            self.host.late_reports[
                self.host.index_of(vans[0].instance_uuid)] = vans
        raise self._lost()

    def __getattr__(self, name: str) -> Any:
        if not self.api.up:
            raise self._lost()
        return getattr(self.api, name)

    def _lost(self) -> Unreachable:
        """An attempt without an answer takes ``rest_timeout``."""
        self.host.sleep(self.host.timeouts.rest_timeout)
        return Unreachable('no answer')


class Files:
    """The image service: one image for each function.  It is cut off
    together with the API.
    """

    def __init__(self, host: 'Host') -> None:
        self.host = host

    def fetch(self, context: Any, bitstream_id: str, deadline: float
              ) -> Image:
        if not self.host.api.up:
            raise Unreachable('the image service is cut off')
        path = self.host.root / bitstream_id
        path.write_text(bitstream_id)
        return Image(
            str(path), hashlib.sha256(path.read_bytes()).hexdigest(),
            frozenset(handle.region for handle in self.host.bench.handles
                      if handle.region), self.host.tenant)


class Host:
    """The system.

    :param bench: the platform
    :param root: a directory of its own
    :param instances: those that may be built, each with one accelerator
    :param limit: quota, in handles
    :param library: os-acc; another class for one with a known fault
    :param tenant: bitstreams are tenants' own
    :param twice: nova-compute makes each call a second time when it has
        succeeded, as one does that has lost the answer
    :ivar repeated: how often that was done, by name
    """

    def __init__(self, bench: Bench, root: pathlib.Path,
                 instances: list[InstanceInfo], limit: int,
                 library: type[Library] = Library,
                 tenant: bool = False, twice: bool = False) -> None:
        self.bench, self.root = bench, root
        self.twice = twice
        self.repeated: collections.Counter[str] = collections.Counter()
        self.instances = instances
        self.timeouts = Timeouts()
        self.api = Api(bench.handles, limit)
        self._network = HostApi(self.api, self)
        self._library = library
        self.tenant = tenant
        self._offset = 0.0
        self.workers: list[Worker] = []
        self._running: Worker | None = None
        self.jobs: dict[str, tuple[str, Callable[[], None]]] = {}
        self.answers: dict[int, list[Grant] | Refused] = {}
        self.late_claims: dict[int, list[VAN]] = {}
        self.late_reports: dict[int, list[VAN]] = {}
        self.report = GO  # how the next report ends
        self.call = ['NONE'] * len(instances)
        self.instance = ['NONE'] * len(instances)
        self.allocated = [False] * len(instances)
        self.aims = ['READY'] * len(instances)  # by Nova's last call
        self._last: dict[int, VAN] = {}
        self.transitions: collections.Counter[str] = collections.Counter()
        self.compute = True
        bench.set_perform(self._perform)
        self.journal = HostJournal(root / 'journal', self)
        self._start_library()
        self.library.recover(None, [])

    def _start_library(self) -> None:
        self.library = self._library(
            HOST, self.journal, self._network,
            Files(self), self.timeouts,
            load=self.bench.plugins, clock=self.clock, sleep=self.sleep)
        self.library.initialize()

    # time and turns

    def clock(self) -> float:
        """The monotonic clock, ahead of the real one by what was slept."""
        return time.monotonic() + self._offset

    def sleep(self, seconds: float) -> None:
        self._offset += seconds

    def seam(self, kind: str, van: str = '', detail: str = '') -> Any:
        """Where the call that has the turn waits for the tester."""
        worker = self._running
        if worker is None:
            return None
        outcome = worker.pause(Seam(kind, van, detail))
        if outcome == DIE:
            worker.dead = True
            if kind not in ('device', 'answer'):
                raise Died
        return outcome

    def live(self) -> None:
        """A process that has died writes nothing.

        :raises Died: it has
        """
        if self._running and self._running.dead:
            raise Died

    def index_of(self, instance_uuid: str) -> int:
        return next(number for number, instance in enumerate(self.instances)
                    if instance.uuid == instance_uuid)

    def _spawn(self, name: str, index: int, function: Callable[[], Any]
               ) -> Worker:
        def begin() -> Any:
            if name not in ('release', 'recover', 'sync'):
                self.seam('begin', detail=AIM)
            return function()
        worker = Worker(name, index, begin)
        self.workers.append(worker)
        self.go(worker)
        return worker

    def _accept(self, worker: Worker) -> None:
        """A call sets the goals of its VANs as soon as it is made."""
        while worker.at and worker.at.detail == AIM and not (
                self.is_held(worker)):
            self.go(worker)

    def is_held(self, worker: Worker) -> bool:
        """A call of nova-compute waits for an operation that is left over
        on its VAN's device.  os-acc would raise, as the spec says for a VAN
        that is unsettled; the models have the call wait.
        """
        if worker.at is None or worker.index < 0 or worker.at.detail != AIM:
            return False
        van = self.van(worker.index)
        return (van is not None and van.state is not State.FAILED
                and any(self.is_of(uuid, worker.index)
                        for uuid in self.jobs))

    def go(self, worker: Worker, outcome: str = GO) -> None:
        """Let a call go on with what the world answers."""
        self._running = worker
        try:
            worker.resume(outcome)
        finally:
            self._running = None
        if worker.over:
            self.workers.remove(worker)
            if not worker.dead:
                self._ended(worker)
                if self.twice and not (worker.error or self.workers):
                    self._repeat(worker)

    def _repeat(self, worker: Worker) -> None:
        """Make a call that has succeeded again, and see to it that it does;
        the tester sees whether anything has changed (OSACC-032, OSACC-036).
        """
        self.repeated[worker.name] += 1
        try:
            worker.function()
        except OsAccError as error:
            raise Broken(f'{worker.name}, made again after it has succeeded, '
                         f'raised {type(error).__name__}: {error}') from error

    def _ended(self, worker: Worker) -> None:
        """What nova-compute makes of the end of a call."""
        index, error = worker.index, worker.error
        if error is not None and not isinstance(error, OsAccError):
            raise Broken(f'{worker.name} raised {type(error).__name__}: '
                         f'{error}') from error
        if worker.name == 'prepare':
            self.call[index] = 'RAISED' if error else 'PREPARED'
        elif worker.name == 'plug' and isinstance(error, FunctionLost):
            self.prepare(index)
        elif worker.name == 'plug':
            self.call[index] = 'RAISED' if error else 'ATTACHED'
        elif worker.name == 'unplug':
            self.call[index] = 'RAISED' if error else 'UNPLUGGED'
        elif worker.name == 'release':
            if error and not isinstance(error, ReleaseIncomplete):
                raise Broken(f'release raised {type(error).__name__}: '
                             f'{error}') from error
            self.call[index], self.instance[index] = 'NONE', 'DELETED'
            self.allocated[index] = False
            self.bench.undefine(self.instances[index])
        elif error:
            raise Broken(f'{worker.name} raised {type(error).__name__}: '
                         f'{error}') from error

    # nova-compute

    def request(self, index: int) -> AccRequest:
        """What an instance asks for; regions are asked for function A."""
        first = self.bench.handles[0]
        function = None if first.region is None else 'A'
        group = Group(number=0, resource_class=first.resource_class,
                      amount=1, function=function, bitstream=function)
        [(request_id, provider)] = assign([group], {first.rp: {
            first.resource_class: 1}}, {}).items()
        return group.request(request_id, provider)

    def prepare(self, index: int) -> None:
        self.call[index] = 'PREPARE'
        self._accept(self._spawn(
            'prepare', index, lambda: self.library.prepare(
                None, self.instances[index], [self.request(index)])))

    def build(self, index: int) -> None:
        self.allocated[index] = True
        self.instance[index] = 'BUILDING'
        self.prepare(index)

    def call_plug(self, index: int) -> None:
        self.call[index], self.aims[index] = 'PLUG', 'PLUGGED'
        self._accept(self._spawn('plug', index, lambda: self.library.plug(
            None, self.instances[index],
            [self.request(index).request_id])))

    def start_guest(self, index: int) -> None:
        instance = self.instances[index]
        self.bench.define(instance, [
            van.attach_data for van in self.library.get_vans(instance.uuid)
            if van.attach_data is not None])
        self.bench.start(instance)
        self.call[index], self.instance[index] = 'NONE', 'RUNNING'

    def fail_spawn(self, index: int) -> None:
        self.call[index] = 'RAISED'

    def stop(self, index: int) -> None:
        self.bench.stop(self.instances[index])
        self.instance[index] = 'STOPPED'

    def start(self, index: int) -> None:
        self.instance[index] = 'STARTING'
        self.prepare(index)

    def hard_reboot(self, index: int) -> None:
        self.stop(index)
        self.start(index)

    def rebuild(self, index: int) -> None:
        self.stop(index)
        self.instance[index] = 'STARTING'
        self.call_unplug(index)

    def delete_partition(self, index: int) -> None:
        """The definition goes, and with it what it had."""
        self.bench.undefine(self.instances[index])

    def prepare_again(self, index: int) -> None:
        self.prepare(index)

    def start_fails(self, index: int) -> None:
        self.call[index], self.instance[index] = 'NONE', 'STOPPED'

    def delete(self, index: int) -> None:
        """The guest stops; a release that finds a call running sets the
        goal and waits.
        """
        self.bench.stop(self.instances[index])
        self.instance[index] = 'DELETING'
        if self.call[index] in ('PREPARE', 'PLUG', 'UNPLUG'):
            self._accept(self._spawn('release', index,
                                     self._release(index)))

    def _release(self, index: int) -> Callable[[], int]:
        return lambda: self.library.release(
            None, self.instances[index].uuid)

    def call_unplug(self, index: int) -> None:
        self.call[index], self.aims[index] = 'UNPLUG', 'READY'
        self._accept(self._spawn('unplug', index, lambda: self.library.unplug(
            None, self.instances[index])))

    def call_release(self, index: int) -> None:
        self.call[index], self.instance[index] = 'RELEASE', 'DELETING'
        waiting = next((worker for worker in self.workers
                        if worker.name == 'release'
                        and worker.index == index), None)
        if waiting:
            self.go(waiting)
        self._accept(waiting or self._spawn('release', index,
                                            self._release(index)))

    def sync(self) -> None:
        self._spawn('sync', -1, lambda: self.library.sync(
            None, self._placed()))

    def _placed(self) -> list[str]:
        """The instances that Nova places on this host."""
        return [instance.uuid for instance, state in zip(
            self.instances, self.instance, strict=True)
            if state not in ('NONE', 'DELETED')]

    # processes

    def compute_crash(self) -> None:
        """nova-compute dies, wherever its calls are."""
        self.compute = False
        for worker in list(self.workers):
            self.leave_claim(worker)
            worker.dead = worker.at is None or (
                worker.at.kind not in ('device', 'answer'))
            self.go(worker, DIE)
        self.call = ['NONE'] * len(self.call)
        self.answers.clear()

    def compute_restart(self) -> None:
        self.compute = True

        def begin() -> None:
            self._start_library()
            self.library.recover(None, self._placed())
        self._spawn('recover', -1, begin)

    def journal_lost(self) -> None:
        self.compute_crash()
        shutil.rmtree(self.root / 'journal', ignore_errors=True)
        self._last.clear()
        self.aims = ['READY'] * len(self.aims)

    def agent_crash(self) -> None:
        """Who works at the devices dies, and their work with it."""
        self.bench.up = False
        self.jobs.clear()
        self.bench.drop_jobs()
        for worker in list(self.workers):
            if worker.at and worker.at.kind == 'device':
                self.go(worker, CUT)

    def agent_restart(self) -> None:
        self.bench.up = True

    def api_lost(self) -> None:
        self.api.up = False

    def api_back(self) -> None:
        self.api.up = True

    def power_loss(self) -> None:
        self.jobs.clear()
        for index, instance in enumerate(self.instances):
            if self.instance[index] == 'RUNNING':
                self.stop(index)
            else:
                self.bench.stop(instance)
        self.compute_crash()
        self.jobs.clear()
        self.bench.drop_jobs()
        self.bench.power_loss()

    # devices

    def _perform(self, operation: str, van: str, apply: Callable[[], None]
                 ) -> None:
        """An operation at a device, which ends as the tester says."""
        outcome = self.seam('device', van, operation)
        if outcome in (None, GO):
            apply()
            self.seam('answer', van, operation)
        elif outcome in (LATE, DIE):
            self.jobs[van] = operation, apply
            raise self.bench.late('the deadline has passed')
        elif outcome == FAIL_AFTER:
            apply()
            self.seam('answer', van, operation)
            raise self.bench.failed('it is done, and something is wrong')
        else:
            self.seam('answer', van, operation)
            if outcome != LIE:
                raise self.bench.failed('it is not done')

    def finish(self, van: str) -> None:
        """An operation for which nobody waits comes to its end."""
        self.jobs.pop(van)[1]()

    def answer_claim(self, index: int, handle: int | None) -> bool:
        """The API has a claim, of a call that waits or one that is late,
        and grants this handle, or what it granted before, or refuses.

        :returns: False if it has none, or answers otherwise
        """
        van, waits = self.van(index), self.waits(index, 'claim')
        vans = [sent(van)] if van and waits else self.late_claims.get(
            index, [])
        if not vans or index in self.answers or not self.api.up:
            return False
        may = self.api.may_grant(vans[0])
        if (handle is None) is bool(may) or (
                handle is not None
                and self.bench.handles[handle] not in may):
            return False
        answer: list[Grant] | Refused
        try:
            answer = self.api.claim(vans, handle)
        except Refused as error:
            answer = error
        # The models have one claim under way, however often it was sent.
        self.late_claims.pop(index, None)
        if waits:
            self.answers[index] = answer
        return True

    def leave_claim(self, worker: Worker) -> None:
        """Nobody waits for a claim any more that is under way."""
        van = self.van(worker.index) if worker.at and (
            worker.at.kind == 'claim') else None
        if van and self.answers.pop(worker.index, None) is None:
            self.late_claims[worker.index] = [sent(van)]

    def waits(self, index: int, kind: str) -> Worker | None:
        """The call that waits at a seam of this kind for this instance's
        VAN.
        """
        for worker in self.workers:
            if (worker.at and worker.at.kind == kind
                    and self.is_of(worker.at.van, index)):
                return worker
        return None

    def deliver_report(self, index: int) -> None:
        """A late report arrives."""
        self.api.report(self.late_reports.pop(index))

    def end(self) -> None:
        """The test is over: no call is left running."""
        for worker in list(self.workers):
            worker.dead = True
            with contextlib.suppress(Broken):
                self.go(worker, DIE)
        for instance in self.instances:
            self.bench.stop(instance)
            self.bench.undefine(instance)

    # what is true

    def van(self, index: int) -> VAN | None:
        """The VAN of an instance, as the journal has or had it last."""
        return next(iter(self.journal.vans(self.instances[index].uuid)),
                    self._last.get(index))

    def remember(self, van: VAN) -> None:
        """A VAN that is RELEASED and reported leaves the journal."""
        self._last[self.index_of(van.instance_uuid)] = van

    def observe(self) -> dict[str, Any]:
        """Everything that is seen from outside, by the models' names.

        :raises Broken: what is seen has no name there
        """
        seen: dict[str, Any] = {'compute': self.compute,
                                'agent': self.bench.up, 'api': self.api.up,
                                'whole': self.journal.whole,
                                'used': self.api.used}
        known: dict[str, int] = {}
        for index in range(len(self.instances)):
            seen |= self._observe_van(index, known)
        for number, handle in enumerate(self.bench.handles):
            seen[f'owner[{number}]'] = known.get(handle.van or '')
            user = self.bench.attached(number)
            if user is not None and user not in known:
                raise Broken(f'handle {number} is attached to {user}, which '
                             'is no VAN of this host')
            seen[f'attached[{number}]'] = known.get(user or '')
            seen[f'soiled[{number}]'] = self.bench.soiled(number)
        self.bench.look()
        return seen

    def _observe_van(self, index: int, known: dict[str, int]
                     ) -> dict[str, Any]:
        van = self.van(index)
        here = f'[{index}]'
        seen: dict[str, Any] = {
            f'instance{here}': self.instance[index],
            f'allocated{here}': self.allocated[index],
            f'state{here}': van.state.value if van else 'NONE'}
        if not self.is_ending(index):
            seen[f'call{here}'] = self.call[index]
        row = self._row(index)
        for one in (van, row):
            if one:
                known[one.uuid] = index
        seen[f'record{here}'] = recorded(row)
        seen[f'job{here}'] = self._job(van or row)
        if van:
            seen[f'dirty{here}'] = van.dirty
            # A call that raises early has not set its goal, and for the
            # models it has.
            seen[f'goal{here}'] = (self.aims[index] if van.wanted
                                   else van.goal.value)
            if van.handle_uuid:
                seen[f'handle{here}'] = next(
                    number for number, handle in enumerate(
                        self.bench.handles)
                    if handle.uuid == van.handle_uuid)
        return seen

    def is_ending(self, index: int) -> bool:
        """The instance's call has nothing left to do but to report, or to
        raise.  How it ends is settled, and for the models it has ended.
        """
        return any(
            worker.index == index and worker.at is not None
            and (worker.at.kind == 'report' or worker.at.detail in (
                'acknowledged', 'FAILED', *ENDING.get(worker.name, ())))
            for worker in self.workers)

    def release_waits(self, instance_uuid: str) -> bool:
        """A release was called while another call ran, and is to wait."""
        index = self.index_of(instance_uuid)
        return self.call[index] != 'RELEASE' and any(
            (worker.name, worker.index) == ('release', index)
            for worker in self.workers)

    def places(self) -> bool:
        """The scheduler finds a unit that is neither taken nor withheld."""
        withheld = sum(recorded(van) == 'WITHHELD'
                       for van in self.api.vans.values())
        return sum(self.allocated) + withheld < len(self.bench.handles)

    def is_of(self, uuid: str, index: int) -> bool:
        """A VAN is the instance's, by the journal or the database."""
        return any(van is not None and van.uuid == uuid
                   for van in (self.van(index), self._row(index)))

    def _row(self, index: int) -> VAN | None:
        """The instance's VAN in the database."""
        return next((van for van in self.api.vans.values()
                     if van.instance_uuid == self.instances[index].uuid),
                    None)

    def _job(self, van: VAN | None) -> str:
        """What is being done at the VAN's device."""
        if van is None:
            return 'NONE'
        if van.uuid in self.jobs:
            return JOBS[self.jobs[van.uuid][0]]
        for worker in self.workers:
            if (worker.at and worker.at.kind == 'device'
                    and worker.at.van == van.uuid):
                return JOBS[worker.at.detail]
        return 'NONE'


def sent(van: VAN) -> VAN:
    """A VAN as its claim has it, whatever it is to be since."""
    return msgspec.structs.replace(van, goal=Goal.READY)


def recorded(van: VAN | None) -> str:
    """A VAN in the database, in one word of the models."""
    if van is None:
        return 'NONE'
    if van.goal is Goal.RELEASED and van.state is not State.RELEASED:
        return 'WITHHELD'
    return van.state.value
