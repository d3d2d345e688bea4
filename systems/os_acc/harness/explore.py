"""Runs of a :class:`~harness.host.Host` at random, held to a model.

Each step is one that the model leaves to the world: a call of nova-compute,
an answer of the API, the end of an operation, a fault.  What os-acc makes of
it is seen from outside after each step and has to fit.
"""

import collections
import random
from collections.abc import Callable

import msgspec

from cyborg_models.conformance import Divergence, Oracle
from cyborg_models.kernel.trace import cell_name
from cyborg_models.registry import Chosen
from harness import host as world
from harness.host import Broken, Host
from harness.worker import Worker

# What nova-compute may do, by the models' names: methods of the host.
NOVA = ('build', 'call_plug', 'start_guest', 'delete', 'call_unplug',
        'call_release', 'stop', 'start', 'hard_reboot', 'rebuild',
        'prepare_again', 'start_fails')
# What comes back, and what dies.
BACK = ('agent_restart', 'api_back')
DEATHS = ('compute_crash', 'power_loss', 'journal_lost', 'agent_crash',
          'api_lost')
API = ('grant_claim', 'repeat_grant', 'refuse_claim')
ENDS = {'attach': 'attach', 'detach': 'detach', 'erase': 'erase',
        'erase-region': 'erase', 'write': 'write'}
# How an operation may end otherwise: what is told to the model.
FAULTS = {
    'attach': {world.FAIL: 'fail_attach', world.FAIL_AFTER: 'fail_attached'},
    'detach': {world.FAIL: 'fail_detach', world.LIE: 'lie_about_detach'},
    'erase': {world.FAIL: 'fail_erase'},
    'erase-region': {world.FAIL: 'fail_erase'},
    'write': {world.FAIL: 'fail_write', world.LIE: 'lie_about_write'}}
# How often a step is taken, beside the others with 1.
RARE = {'sync': 0.1, 'delete': 0.15, 'stop': 0.3, 'rebuild': 0.3,
        **dict.fromkeys(DEATHS, 0.1)}
CONTROLLED = frozenset((*NOVA, *BACK, *API, *ENDS.values(), *DEATHS,
                        'compute_restart', 'take_late_report', 'fail_spawn',
                        'time_out', 'lose_claim', 'claim_times_out',
                        'lose_acknowledgement', 'delay_report',
                        *(name for ways in FAULTS.values()
                          for name in ways.values())))


class Failure(msgspec.Struct, frozen=True):
    """What a run found.

    :ivar requirement: the id to blame, or ''
    :ivar why: a sentence
    :ivar story: the model's run up to there, and then what was done
    :ivar seed: repeats it
    """

    requirement: str
    why: str
    story: tuple[str, ...]
    seed: int


class Runner:
    """One run.

    :param oracle: of a model of the same size as the host
    :param chance: what happens is drawn from it
    """

    def __init__(self, host: Host, oracle: Oracle, chance: random.Random
                 ) -> None:
        self.host, self.oracle, self.chance = host, oracle, chance
        self.told: collections.Counter[str] = collections.Counter()
        self.done: list[str] = []
        self.names = frozenset(oracle.observed)

    # telling the oracle

    def has(self, name: str) -> bool:
        return name in self.oracle.model.actions

    def may(self, name: str, *arguments: int) -> bool:
        """The model has such a step, and it is possible now."""
        return self.has(name) and self.oracle.may(
            self.oracle.step_of(name, arguments)) != 'none'

    def tell(self, name: str, *arguments: int) -> None:
        self.told[name] += 1
        self.oracle.step(name, arguments)

    def look(self) -> None:
        """All that is seen has to be possible."""
        self.oracle.observe({
            name: self._goal(name, value) if name.startswith('goal')
            else value for name, value in self.host.observe().items()
            if name.partition('[')[0] in self.names})

    def _goal(self, name: str, value: str) -> str:
        """A goal that is not RELEASED is as good as another: a call may
        raise before it has set its own.
        """
        if value == 'RELEASED':
            return value
        model = self.oracle.model
        cell = next(number for number, (variable, member) in enumerate(
            model.cells) if cell_name(variable.name, member) == name)
        domain = model.variables['goal'].domain
        possible = {domain[codes[cell]].value
                    for codes in self.oracle.states}
        return min(possible - {'RELEASED'} or {value})

    # steps

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        """What the world may do now."""
        found: list[tuple[str, Callable[[], None]]] = []
        for worker in self.host.workers:
            if not self._waits(worker):
                found += self._answers(worker)
        for van in self.host.jobs:
            found.append((f'an operation for {self._index(van)} ends',
                          lambda van=van: self._finish(van)))
        found += self._late()
        recovering = any(worker.name == 'recover'
                         for worker in self.host.workers)
        for index in range(len(self.host.instances)):
            if self.host.compute and not recovering:
                found += [(f'{name}({index})',
                           lambda name=name, index=index:
                           self._nova(name, index))
                          for name in (*NOVA, 'fail_spawn')
                          if self.may(name, index)
                          and self._can(name, index)]
        for name in (*BACK, *DEATHS):
            if self.may(name):
                found.append((name, lambda name=name: self._process(name)))
        if not self.host.compute:
            found.append(('compute_restart', self._restart))
        elif not any(worker.index == -1 for worker in self.host.workers):
            found.append(('sync', self.host.sync))
        return found

    def step(self) -> None:
        """One step, and what is seen of it."""
        steps = self.steps()
        [(name, do)] = self.chance.choices(
            steps, [RARE.get(name.partition('(')[0], 1) for name, _ in steps])
        self.done.append(name)
        do()
        self.look()

    def settle(self) -> None:
        """Bring everything back, and let all that is unfinished come to its
        end; then nothing is left that must come.
        """
        for name in BACK:
            if self.may(name):
                self._process(name)
        if not self.host.compute:
            self._restart()
        for _ in range(400):
            self._run_out()
            follow = [(name, index) for name in (
                'call_plug', 'start_guest', 'prepare_again', 'call_release',
                'start_fails') for index in range(len(self.host.instances))
                if self.may(name, index) and self._can(name, index)]
            if not follow:
                break
            self._nova(*follow[0])
            self.look()
        for _ in range(3):
            self.host.sync()
            self._run_out()
        self.done.append('and all comes to its end')
        self.oracle.quiet()

    def _run_out(self) -> None:
        """Let calls and operations end, as they would by themselves."""
        while self.host.jobs or self._late() or any(
                not self._waits(worker) for worker in self.host.workers):
            for van in list(self.host.jobs):
                self._finish(van)
                self.look()
            for _, do in self._late():
                do()
                self.look()
            for worker in list(self.host.workers):
                if not worker.over and not self._waits(worker):
                    self._answers(worker)[0][1]()
                    self.look()

    def _waits(self, worker: Worker) -> bool:
        """A release that was called while another call ran, which for the
        models is not called before that has ended.
        """
        return (worker.name == 'release'
                and self.host.call[worker.index] != 'RELEASE')

    def _index(self, van: str) -> int:
        for index in range(len(self.host.instances)):
            for one in (self.host.van(index), self.host._row(index)):
                if one and one.uuid == van:
                    return index
        raise Broken(f'VAN {van} is of no instance')

    def _can(self, name: str, index: int) -> bool:
        """Nova finds a unit for it, and no call is under way that
        nova-compute would wait for.
        """
        if name == 'build' and not (self.host.places()
                                    and self.host.may_claim()):
            return False
        if name == 'delete':
            return not self.host.is_ending(index)
        return not any(
            worker.index == index
            and not (worker.name == 'release' and name == 'call_release')
            for worker in self.host.workers)

    def _nova(self, name: str, index: int) -> None:
        self.tell(name, index)
        getattr(self.host, name)(index)

    def _process(self, name: str) -> None:
        self.tell(name)
        getattr(self.host, name)()

    def _restart(self) -> None:
        self.tell('compute_restart')
        self.host.compute_restart()

    def _finish(self, van: str) -> None:
        self.tell(ENDS[self.host.jobs[van][0]], self._index(van))
        self.host.finish(van)

    def _answers(self, worker: Worker
                 ) -> list[tuple[str, Callable[[], None]]]:
        """How a call may go on; the first is how it does by itself."""
        seam = worker.at
        assert seam is not None, 'a call that has ended'
        here = f'{worker.name}({worker.index})'
        if seam.kind == 'claim':
            return self._claim(worker, self._index(seam.van), here)
        if seam.kind == 'report':
            return self._report(worker, seam.detail.split(), here)
        if seam.kind == 'device':
            return self._device(worker, self._index(seam.van), here)
        return [(f'{here} goes on, {seam.kind} {seam.detail}',
                 lambda: self.host.go(worker))]

    def _claim(self, worker: Worker, index: int, here: str
               ) -> list[tuple[str, Callable[[], None]]]:
        def answer() -> None:
            self._tell_claim(index)
            self.host.go(worker)

        def lose_reply() -> None:
            self._tell_claim(index)
            self.tell('lose_claim', index)
            self.host.go(worker, world.LOSE_REPLY)

        def lose_request() -> None:
            self.tell('lose_claim', index)
            self.host.go(worker, world.LOSE_REQUEST)

        def late() -> None:
            self.tell('claim_times_out', index)
            # For the models the call raises in this very step.
            while worker in self.host.workers:
                at_claim = worker.at and worker.at.kind == 'claim'
                self.host.go(worker, world.LATE if at_claim else world.GO)
        if not self.host.api.up:
            return [(f'{here}: no answer', lambda: self.host.go(worker))]
        ways = [(f'{here}: the claim is answered', answer)]
        if self.may('lose_claim', index):
            ways += [(f'{here}: the claim is lost', lose_request),
                     (f'{here}: the answer to the claim is lost',
                      lose_reply)]
        wanted = self.host.van(index)
        if wanted and wanted.wanted and self.may('claim_times_out', index):
            ways.append((f'{here}: the claim is late', late))
        return ways

    def _tell_claim(self, index: int) -> None:
        """Which of its answers the API gives, which the model has to
        allow.
        """
        van = self.host.late_claims.get(index, [self.host.van(index)])[0]
        assert van is not None, 'a claim of no VAN'
        known = self.host.api.vans.get(van.uuid)
        if known and known.state.value != 'RELEASED':
            self.tell('repeat_grant', index)
            return
        handle = self.host.api.choice(van)
        if handle is None:
            self.tell('refuse_claim', index)
        else:
            self.tell('grant_claim', index,
                      self.host.bench.handles.index(handle))

    def _report(self, worker: Worker, vans: list[str], here: str
                ) -> list[tuple[str, Callable[[], None]]]:
        ways = [(f'{here} reports', lambda: self.host.go(worker))]
        index = self._index(vans[0])

        def otherwise(name: str, outcome: str) -> None:
            self.tell(name, index)
            self.host.go(worker, outcome)
        if vans == [van.uuid for van in self.host.journal.to_report()]:
            ways += [(f'{here}: {name}',
                      lambda name=name, outcome=outcome:
                      otherwise(name, outcome))
                     for name, outcome in (
                         ('lose_acknowledgement', world.LOSE_REPLY),
                         ('delay_report', world.LATE))
                     if len(vans) == 1 and self.may(name, index)]
        return ways

    def _device(self, worker: Worker, index: int, here: str
                ) -> list[tuple[str, Callable[[], None]]]:
        assert worker.at is not None, 'a call that has ended'
        operation = worker.at.detail

        def ends(name: str, outcome: str) -> None:
            self.tell(name, index)
            self.host.go(worker, outcome)
        ways = [(ENDS[operation], world.GO)]
        ways += [(name, outcome) for outcome, name in
                 FAULTS[operation].items() if self.may(name, index)]
        if self.may('time_out', index):
            ways.append(('time_out', world.LATE))
        return [(f'{here}: {name}',
                 lambda name=name, outcome=outcome: ends(name, outcome))
                for name, outcome in ways]

    def _late(self) -> list[tuple[str, Callable[[], None]]]:
        """Messages that arrive after all."""
        def claim(index: int) -> None:
            self._tell_claim(index)
            self.host.deliver_claim(index)

        def report(index: int) -> None:
            self.tell('take_late_report', index)
            self.host.deliver_report(index)
        if not self.host.api.up:
            return []
        return [(f'the late claim of {index} arrives',
                 lambda index=index: claim(index))
                for index in self.host.late_claims] + [
            (f'the late report of {index} arrives',
             lambda index=index: report(index))
            for index in self.host.late_reports]


def run(make: Callable[[], Host], model: Chosen, seed: int, length: int,
        seen: collections.Counter[str] | None = None) -> Failure | None:
    """One run of a host that was just made.

    :param length: steps before everything is brought to its end
    :param seen: counts what was done
    :returns: what the model forbids, or None
    """
    oracle = Oracle(model, controlled=CONTROLLED & set(model.model.actions),
                    hidden='*', observed=observed(model))
    host = make()
    runner = Runner(host, oracle, random.Random(seed))
    try:
        runner.look()
        for _ in range(length):
            runner.step()
        runner.settle()
    except Divergence as found:
        story = (*(step.name for step in found.prefix.steps), 'done:',
                 *runner.done)
        return Failure(found.requirement, '; '.join(
            [found.why, *map(str, found.differences)]), story, seed)
    except Broken as found:
        requirement = str(found).partition(':')[0]
        return Failure(requirement if '-' in requirement else '',
                       str(found), tuple(runner.done), seed)
    finally:
        host.end()
        if seen is not None:
            seen.update(runner.told)
            seen.update(host.transitions)
    return None


def observed(model: Chosen) -> list[str]:
    """The variables that are seen from outside."""
    seen = {'state', 'goal', 'dirty', 'handle', 'call', 'instance',
            'allocated', 'record', 'owner', 'used', 'job', 'attached',
            'soiled', 'loaded', 'compute', 'agent', 'api', 'whole'}
    return sorted(seen & set(model.model.variables))


__all__ = ['Failure', 'Runner', 'run']
