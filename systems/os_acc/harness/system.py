"""os-acc on a host, as a system of the conformance kit.

What the model leaves to the world (nova-compute's calls, the API's answers,
the ends of operations, faults) are the actions that the kit takes; what
os-acc makes of it is hidden, and seen from outside.

A call of os-acc that can go on does so when something is done that concerns
it, or when the kit waits.  Until then it stands after its last step, where a
crash can find it: after each write of the journal, before each answer.
"""

import collections
import pathlib
import shutil
import tempfile
from collections.abc import Collection, Mapping
from functools import partialmethod
from typing import Any, ClassVar

from os_acc.library import Library
from os_acc.objects import InstanceInfo

from cyborg_models.conformance import HIDDEN_REST, Refused, System
from cyborg_models.conformance.suite import chosen
from harness import host as world
from harness.host import Bench, Host
from harness.worker import Worker

INSTANCES = [InstanceInfo(f'0000000{number}-1111-4222-8333-444455556666',
                          f'instance-{number}', 'project', 'user')
             for number in range(3)]
# When Nova makes a call or does a thing: the call before it has ended, and
# how, and what the instance is.
OVER = ('NONE', 'PREPARED', 'ATTACHED', 'UNPLUGGED', 'RAISED')
COMING = ('BUILDING', 'STARTING')
WHEN = {
    'build': (OVER, ('NONE',)),
    'call_plug': (('PREPARED',), COMING),
    'start_guest': (('ATTACHED',), COMING),
    'fail_spawn': (('ATTACHED',), (*COMING, 'DELETING')),
    'call_unplug': (OVER, ('DELETING',)),
    'call_release': (OVER, ('DELETING',)),
    'stop': (OVER, ('RUNNING',)),
    'start': (OVER, ('STOPPED',)),
    'hard_reboot': (OVER, ('RUNNING',)),
    'rebuild': (OVER, ('RUNNING', 'STOPPED')),
    'prepare_again': (('UNPLUGGED',), COMING),
    'start_fails': (('NONE', 'RAISED'), ('STARTING',)),
    'delete_partition': (('NONE', 'RAISED'), ('DELETING',))}
STEPS = 1000  # that calls may take by themselves until nothing more comes
SYNCS = 3  # after which nothing more comes by sync
OBSERVED = ('state', 'goal', 'dirty', 'handle', 'call', 'instance',
            'allocated', 'record', 'owner', 'used', 'job', 'attached',
            'soiled', 'loaded', 'compute', 'agent', 'api', 'whole')


class OsAcc(System):
    """os-acc with one plugin on one host.

    :cvar library: os-acc; another class for one with a known fault
    :cvar twice: nova-compute makes each call a second time
    :ivar repeated: how often that was done in all runs, by name
    """

    model = 'rocky.system'
    roles = ('library', 'plugin')
    capabilities = ('core', 'program')
    implementation = ('os-acc-reference', '0.1.0')
    hidden = HIDDEN_REST
    refuses = ()  # the world is the tester
    limit = 120.0
    library: type[Library] = Library
    twice: ClassVar[bool] = False

    host: Host | None = None
    repeated: collections.Counter[str]
    _names: frozenset[str] = frozenset()

    def bench(self, root: pathlib.Path) -> Bench:
        """The platform, afresh.

        :param root: a directory of its own
        """
        raise NotImplementedError

    def setting(self, name: str, default: int) -> int:
        """A number of the model's settings."""
        return int(self.settings.get(name, default))

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # of a test, its name
        self.repeated = collections.Counter()

    def start(self) -> None:
        self.clear()
        if not self._names:
            self._names = frozenset(OBSERVED) & frozenset(
                chosen(self).model.variables)
        self._root = pathlib.Path(tempfile.mkdtemp(prefix='os-acc-'))
        self.host = Host(
            self.bench(self._root), self._root,
            INSTANCES[:self.setting('vans', 2)], self.setting('limit', 1),
            self.library, self.settings.get('tenant') == 'true', self.twice)

    def stop(self) -> None:
        self.clear()

    def clear(self) -> None:
        """End the host of the last run."""
        if self.host is not None:
            self.repeated.update(self.host.repeated)
            self.host.end()
            self.host = None
            shutil.rmtree(self._root, ignore_errors=True)

    def observe(self) -> Mapping[str, Any]:
        return {name: value for name, value in self._host.observe().items()
                if name.partition('[')[0] in self._names}

    def actions(self, known: Mapping[str, Any]) -> frozenset[str]:
        """A small model has not all that the world may do."""
        return frozenset(name for name in known
                         if hasattr(self, f'do_{name}'))

    @property
    def _host(self) -> Host:
        assert self.host is not None, 'start comes first'
        return self.host

    # what goes on by itself

    def _goes_on(self, worker: Worker) -> bool:
        """A call need not wait for the world."""
        seam = worker.at
        if seam is None or worker.over:
            return False
        if (worker.name == 'release'
                and self._host.call[worker.index] != 'RELEASE'):
            return False  # called while another call runs
        if self._host.is_held(worker):
            return False
        if seam.kind == 'claim':
            return (worker.index in self._host.answers
                    or not self._host.api.up)
        return seam.kind != 'device'

    def _advance(self, worker: Worker) -> bool:
        """Let a call go on until it has to wait; False if it has to."""
        moved = False
        for _ in range(STEPS):
            if not self._goes_on(worker):
                break
            before = worker.at
            self._host.go(worker)
            if worker.at == before and before.kind == 'lock':
                break  # somebody else has it
            moved = True
        return moved

    def _advance_for(self, index: int) -> None:
        """Let whatever works on an instance go on."""
        for worker in list(self._host.workers):
            if worker.index in (index, -1):
                self._advance(worker)

    def _advance_all(self) -> bool:
        moved = False
        while any([self._advance(worker)
                   for worker in list(self._host.workers)]):
            moved = True
        return moved

    def wait(self) -> None:
        """All goes on as far as it can, and ``sync`` comes a few times."""
        self._advance_all()
        for index in range(len(self._host.instances)):
            self._cancel(index)
        self._advance_all()
        for _ in range(SYNCS):
            if self._host.compute:
                self._host.sync()
                self._advance_all()

    # nova-compute

    def _nova(self, name: str, index: int) -> None:
        self._advance_for(index)
        self._cancel(index)
        self._advance_for(index)
        call, instance = self._host.call[index], self._host.instance[index]
        calls, instances = WHEN[name]
        given_up = name == 'call_release' and instance == 'BUILDING' and (
            call in ('NONE', 'RAISED'))
        if not given_up and (call not in calls or instance not in instances):
            raise Refused(f'not when {call} and {instance}')
        getattr(self._host, name)(index)

    def _cancel(self, index: int) -> None:
        """Nobody waits for the answer to a claim once its VAN is to be
        released.
        """
        worker, van = self._host.waits(index, 'claim'), self._host.van(index)
        if worker and van and not van.wanted:
            self._host.go(worker, world.LATE)

    def do_build(self, van: int) -> None:
        if not self._host.places():
            self._advance_all()
        if not self._host.places():
            raise Refused('the scheduler finds no unit')
        self._nova('build', van)

    def do_delete(self, van: int) -> None:
        if self._host.is_ending(van):
            self._advance_for(van)
        self._host.delete(van)

    do_call_plug = partialmethod(_nova, 'call_plug')
    do_start_guest = partialmethod(_nova, 'start_guest')
    do_fail_spawn = partialmethod(_nova, 'fail_spawn')
    do_call_unplug = partialmethod(_nova, 'call_unplug')
    do_call_release = partialmethod(_nova, 'call_release')
    do_stop = partialmethod(_nova, 'stop')
    do_start = partialmethod(_nova, 'start')
    do_hard_reboot = partialmethod(_nova, 'hard_reboot')
    do_rebuild = partialmethod(_nova, 'rebuild')
    do_delete_partition = partialmethod(_nova, 'delete_partition')
    do_prepare_again = partialmethod(_nova, 'prepare_again')
    do_start_fails = partialmethod(_nova, 'start_fails')

    # the API

    def _claim(self, van: int, handle: int | None, again: bool) -> None:
        self._advance_for(van)
        row = self._host._row(van)
        known = row is not None and row.state.value != 'RELEASED'
        if (known is not again) or not self._host.answer_claim(van, handle):
            raise Refused('the API has no such claim, or says otherwise')

    def do_grant_claim(self, van: int, handle: int) -> None:
        self._claim(van, handle, False)

    def do_repeat_grant(self, van: int) -> None:
        owner = self._host.bench.handles
        row = self._host._row(van)
        self._claim(van, next((number for number, handle in enumerate(owner)
                               if row and handle.van == row.uuid), None),
                    True)

    def do_refuse_claim(self, van: int) -> None:
        self._claim(van, None, False)

    def do_lose_claim(self, van: int) -> None:
        if van not in self._host.answers:
            self._advance_for(van)
        worker = self._host.waits(van, 'claim')
        if worker is None or not self._host.api.up:
            raise Refused('no claim is under way')
        self._host.answers.pop(van, None)
        self._host.go(worker, world.LOST)

    def do_claim_times_out(self, van: int) -> None:
        """A claim is late, and its call comes to its end at once."""
        self._advance_for(van)
        worker, entry = self._host.waits(van, 'claim'), self._host.van(van)
        if (worker is None or entry is None or not entry.wanted
                or not self._host.api.up or van in self._host.answers):
            raise Refused('no claim is under way')
        while worker in self._host.workers:
            late = worker.at is not None and worker.at.kind == 'claim'
            self._host.go(worker, world.LATE if late else world.GO)

    def _report(self, outcome: str, van: int) -> None:
        """A report of this VAN alone is under way."""
        entry = self._host.van(van)
        for worker in self._host.workers:
            if (worker.at and worker.at.kind == 'report' and entry
                    and worker.at.detail == entry.uuid
                    and [entry.uuid] == [
                        one.uuid for one in self._host.journal.to_report()]):
                self._host.go(worker, outcome)
                return
        raise Refused('no report is under way')

    do_lose_acknowledgement = partialmethod(_report, world.LOST)
    do_delay_report = partialmethod(_report, world.LATE)

    def do_take_late_report(self, van: int) -> None:
        if van not in self._host.late_reports or not self._host.api.up:
            raise Refused('no report is late')
        self._host.deliver_report(van)

    # the device

    def _end(self, operations: Collection[str], outcome: str, van: int
             ) -> None:
        """An operation on the VAN's device comes to an end."""
        if self._host.waits(van, 'device') is None:
            self._advance_for(van)
        worker = self._host.waits(van, 'device')
        if worker and worker.at and worker.at.detail in operations:
            self._host.go(worker, outcome)
            return
        late = next((uuid for uuid, (operation, _) in self._host.jobs.items()
                     if operation in operations
                     and self._host.is_of(uuid, van)), None)
        if late is None or outcome != world.GO:
            raise Refused('there is no such operation')
        self._host.finish(late)

    do_attach = partialmethod(_end, ('attach',), world.GO)
    do_fail_attach = partialmethod(_end, ('attach',), world.FAIL)
    do_fail_attached = partialmethod(_end, ('attach',), world.FAIL_AFTER)
    do_detach = partialmethod(_end, ('detach',), world.GO)
    do_fail_detach = partialmethod(_end, ('detach',), world.FAIL)
    do_lie_about_detach = partialmethod(_end, ('detach',), world.LIE)
    do_erase = partialmethod(_end, ('erase', 'erase-region'), world.GO)
    do_fail_erase = partialmethod(_end, ('erase', 'erase-region'), world.FAIL)
    do_write = partialmethod(_end, ('write',), world.GO)
    do_fail_write = partialmethod(_end, ('write',), world.FAIL)
    do_lie_about_write = partialmethod(_end, ('write',), world.LIE)
    do_time_out = partialmethod(_end, world.JOBS, world.LATE)

    # processes

    def _process(self, name: str) -> None:
        getattr(self._host, name)()

    def do_agent_restart(self) -> None:
        self._advance_all()  # every caller notices first
        self._host.agent_restart()

    do_compute_crash = partialmethod(_process, 'compute_crash')
    do_compute_restart = partialmethod(_process, 'compute_restart')
    do_journal_lost = partialmethod(_process, 'journal_lost')
    do_power_loss = partialmethod(_process, 'power_loss')
    do_agent_crash = partialmethod(_process, 'agent_crash')
    do_api_lost = partialmethod(_process, 'api_lost')
    do_api_back = partialmethod(_process, 'api_back')
