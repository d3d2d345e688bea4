"""Take steps at random and hold what is seen to the model.

One example is a walk of some steps.  After each, an
:class:`~cyborg_models.conformance.oracle.Oracle` says whether the model
allows what was seen.  What it does not is a finding; if it is a known one
that the model has as a defect, the defect is allowed for from then on and
the walk goes on, otherwise the walk ends there.
"""

import contextlib
import random
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import replace

from cyborg_models.conformance.oracle import (
    NONE,
    OK,
    REFUSED,
    UNKNOWN,
    Divergence,
    Oracle,
)
from cyborg_models.conformance.suite import (
    HarnessError,
    chosen,
    declared,
)
from cyborg_models.conformance.verdict import fails
from cyborg_models.kernel.trace import value_name
from cyborg_models.stein.vocabulary import Arq, Notice, Use
from systems.cyborg.known import BEYOND
from systems.cyborg.nova import REQUESTS
from systems.cyborg.requests import Finding
from systems.cyborg.stack import LEAVING, LIMIT, POINTS

#: a fault that hits a request which is under way, and that request
WITHIN = {'release_fails': 'delete_arq'}
#: what is tried where the model forbids it
PROBED = ('unbind', 'rebind')
#: what a caller may send again, so that it changes nothing
REPEATED = ('ask_bind', 'unbind', 'delete_arq')
#: what Cyborg sees nothing of, and how often something else is preferred
AWAY = ('lose_controller', 'find_controller', 'lose_host', 'find_host')
UNSEEN = 0.8
#: what makes sense only while a bind is under way
OVERLAPPING = ('repeat_request', 'crash_conductor')
#: share of overlapping steps in which the conductor is stopped, if it can be
PAUSED = 0.3
#: steps in which a process is killed, and which service it has; those of
#: their own need a process each
CRASHES = {'crash': 'conductor', 'crash api': 'api', 'crash agent': 'agent'}
#: steps that are several requests at once
OVERLAPS = ('together', 'held', 'paused', *CRASHES)
#: states of which Nova is to be told
ENDED = (Arq.BOUND, Arq.BIND_FAILED)
#: a point at which nothing of a bind is written
UNASKED = 'before BindStarted'
#: a point at which the row of the ARQ is not locked
UNLOCKED = 'before the handle is taken'
#: seconds from one request to the next that overlaps it, at most
APART = 0.15
#: seconds that a request may take while another is held up: fewer than the
#: other is waited for
HELD = 3


class Walk:
    """Examples of one system.

    :param system: a :class:`~systems.cyborg.nova.Played`
    :param known: what is known, or None
    :param seed: of the chance
    :param overlapping: share of steps in which several requests overlap, or
        Cyborg crashes
    :ivar interrupted: kind of step -> how often a request was caught at the
        point that it was to be caught at
    :cvar repeating: share of requests that are sent twice
    :cvar waiting: share of steps that give it time
    :cvar within: faults that only come with something else
    :cvar away: steps that are taken seldom
    :cvar probed: steps that are tried where the model forbids them
    """

    repeating, waiting = 0.3, 0.1
    within, away, probed = ('lose_request',), AWAY, PROBED

    def __init__(self, system, known, seed, overlapping=0):
        self.system, self.known = system, known
        self.overlapping = overlapping
        self.points = tuple(POINTS) if (
            system.stack.database.kind == 'mariadb') else ()
        self.chance = random.Random(seed)
        self.chosen = chosen(system)
        model = self.chosen.model
        self.contract = declared(system)
        self.able = system.actions(model.actions)
        self.fresh = Oracle(
            self.chosen, controlled={*self.able, *self.within},
            hidden=system.hidden)
        self.taken, self.names, self.far = {}, Counter(), True
        self.interrupted = Counter()

    def begin(self):
        """Begin an example; the system starts anew.  Every other one goes
        far: to what was done least, past faults that were met before.
        """
        self.far = not self.far
        self.system.start()
        self.oracle = self.fresh.copy()
        self.story, self.over, self.last = [], False, ''
        self.seen = {}

    def choices(self):
        """(name, arguments) of what can be done now."""
        found = []
        for step in self.oracle.model.steps:
            name = step.action.name
            if name not in self.able or name in OVERLAPPING:
                continue
            if name in WITHIN:
                first = self.oracle.step_of(WITHIN[name], step.arguments)
                if self.oracle.may(first) != NONE and self.seen.get(
                        f'handle[{step.arguments[0]}]') is not None:
                    found.append((name, step.arguments))
            elif self.oracle.may(step) != NONE:
                found.append((name, step.arguments))
            elif name in self.probed and self.seen.get(
                    f'arq[{step.arguments[0]}]') not in (
                        None, Arq.ABSENT, Arq.INITIAL
                        if name == 'rebind' else None):
                found.append((name, step.arguments))
        return found

    def propose(self):
        """The step that was taken least in a case like this, or None."""
        if self.story and self.chance.random() < self.waiting:
            return ['wait']
        steps = [[name, *arguments] for name, arguments in self.choices()]
        if self.chance.random() < self.overlapping:
            steps = [*self._overlaps(steps)] or steps
            if self.chance.random() < PAUSED:
                steps = [step for step in steps
                         if step[0] == 'paused'] or steps
        elif self.chance.random() < self.repeating and self.story and (
                self.story[-1][0] in REPEATED):
            return ['again', *self.story[-1]]
        if self.chance.random() < UNSEEN:
            steps = [step for step in steps
                     if step[0] not in self.away] or steps
        if not steps:
            return None
        case = tuple(sorted(map(str, self.seen.values())))

        def tried(step):
            return self.taken.get((str(step[:2]), case), 0)

        def done(step):
            return self.names[step[0]]
        if self.far:
            steps = [step for step in steps if not done(step)
                     or self._leads(step)] or steps
        measure = done if self.far else tried
        least = min(map(measure, steps))
        step = self.chance.choice([
            step for step in steps if measure(step) == least]
            if self.chance.random() < 0.7 else steps)
        self.last = str(step[:2]), case
        self.taken[self.last] = tried(step) + 1
        self.names[step[0]] += 1
        return step

    def _leads(self, step):
        """Is a step no fault, and one that the model allows?"""
        action = self.oracle.model.actions.get(step[0])
        return action is None or not action.fault and (
            self.oracle.may(self.oracle.step_of(step[0], step[1:])) != NONE)

    def _overlaps(self, steps):
        """Steps of several requests that overlap: any two, one with itself,
        and a bind that Nova gives up and deletes.
        """
        calls = [step for step in steps if step[0] in REQUESTS]
        for one in calls:
            for other in calls:
                if one != other and other[0] != 'post':
                    yield ['together', one, other]
            name, number = one
            if name == 'ask_bind' and 'lose_reply' in self.able:
                arqs = self.system.arqs_of(number)
                for point in (None, *self.points):
                    first = ['together'] if point is None else [
                        'held', point]
                    yield [*first, one, ['repeat_request', arqs[0]]]
                    given_up = [['lose_reply', number], *(
                        ['delete_arq', arq] for arq in arqs)]
                    if 'delete_arq' in self.able and self.system.reachable:
                        yield [*first, one, *given_up]
                        if point == UNLOCKED and (
                                self.system.stack.bus == 'rabbit'):
                            yield ['paused', point, one, *given_up]
                    # The models lose the requests of one PATCH one by one.
                    if point and (point != UNASKED or len(arqs) == 1):
                        yield ['crash', point, one]
                    if point and self.system.stack.bus == 'rabbit':
                        yield ['crash agent', point, one]
                        yield ['crash api', point, one, given_up[0]]
            elif name != 'post':  # which makes new ones each time
                yield ['together', one, one]
                if name == 'delete_arq' and self.points:
                    yield ['held', LEAVING, one, one]

    def take(self, step):
        """Take a step; returns list of findings."""
        name, *arguments = step
        self.story.append(step)
        if name == 'wait':
            self.story.pop()
            return self.settle()
        found = []
        if name == 'again':
            with contextlib.suppress(NotImplementedError):
                self.system.call(arguments[0], tuple(arguments[1:]))
            found += self._complaints()
            self.observe(found, f'again {arguments[0]}')
            return found
        if name in OVERLAPS:
            self._overlap(found, name, arguments)
            return found
        try:
            outcome = self.system.call(name, tuple(arguments))
        except NotImplementedError:
            self.story.pop()
            return found
        found += self._complaints()
        if name in WITHIN:
            self._tell(found, name, lambda oracle: (
                oracle.step(WITHIN[name], arguments),
                oracle.fault(name, arguments)))
        elif self.oracle.model.actions[name].fault:
            if outcome == REFUSED:  # it could not be made to happen
                self.story.pop()
                return found
            self._tell(found, name,
                       lambda oracle: oracle.fault(name, arguments))
        else:
            self._tell(found, name, lambda oracle: oracle.step(
                name, arguments, outcome))
        if not self.over:
            self.observe(found, name)
        return found

    def _complaints(self):
        found = [finding for finding, _, _ in self.system.findings]
        self.system.findings.clear()
        return found

    def _overlap(self, found, kind, calls):
        """Several requests at once; with ``held`` the first waits at a point
        of its bind while the others go on; with ``crash`` the conductor is
        killed there, or the API or agent, and with ``paused`` it is stopped
        there until the first request has timed out and the others were sent.
        """
        point = None if kind == 'together' else calls.pop(0)
        part = CRASHES.get(kind)
        name = label(self.story)
        told = [('call', 0)]
        outcomes = [None] * len(calls)

        def send(number, action, *members):
            try:
                outcomes[number] = self.system.call(action, tuple(members))
                told.append(('reply', number))
            except Exception as error:
                broken.append(error)

        def start(number):
            threads.append(threading.Thread(
                target=send, args=(number, *calls[number]), daemon=True))
            threads[-1].start()

        threads, broken, caught = [], [], False
        with contextlib.ExitStack() as stack:
            waits = stack.enter_context(
                self.system.stack.held(point)) if point else None
            start(0)
            if waits:
                end = time.monotonic() + LIMIT
                while (not waits() and self._under_way(threads[0])
                       and time.monotonic() < end):
                    time.sleep(0.01)
                caught = waits()
                self.interrupted[kind] += caught
            if kind == 'paused':
                self.system.stack.signal(signal.SIGSTOP)
                threads[0].join(LIMIT)
            for number in range(1, len(calls)):
                if not waits:
                    time.sleep(self.chance.choice((0, APART))
                               * self.chance.random())
                action, *members = calls[number]
                told.append(('call', number))
                if self.oracle.model.actions[action].fault and (
                        action not in REQUESTS):
                    told[-1] = ('fault', number)
                    self.system.call(action, tuple(members))
                else:
                    start(number)
                    if waits:
                        threads[-1].join(HELD)
            killed = part and caught
            if killed:
                self.system.stack.crash(part)
        crashed = killed and part == 'conductor'
        if kind == 'paused' or killed and not crashed:
            time.sleep(HELD)  # for what it does all the same
        for thread in threads:
            thread.join(LIMIT)
        for error in broken:
            raise HarnessError(f'{name}: {error!r}') from error
        if killed:
            self.system.stack.restart(part)
        for number in range(len(calls)):
            if outcomes[number] is None and ('call', number) in told and (
                    ('reply', number) not in told):
                told.append(('reply', number))
                outcomes[number] = UNKNOWN
        found += [one for one in self._complaints() if not (
            (crashed or kind == 'paused')  # which is why
            and one.signature.startswith('bind: answer 500'))]

        def tell(oracle):
            if crashed:
                action, *members = calls[0]
                oracle.step(action, members)
                oracle.fault('crash_conductor')
                if outcomes[0] == OK:  # it was answered before
                    return
                for arq in range(len(self.system.uuids)):
                    # What the bus had is lost as well.
                    oracle.fault('lose_request', (arq,))
                oracle.fault('lose_reply', members)
                return
            numbers = {}
            for what, number in told:
                action, *members = calls[number]
                if what == 'call':
                    numbers[number] = oracle.call(action, members)
                elif what == 'reply':
                    oracle.reply(numbers[number], outcomes[number])
                else:
                    oracle.fault(action, members)
        self._tell(found, name, tell)
        if not self.over:
            self.observe(found, name)
        if not self.over and killed:
            found += self.settle()

    def _under_way(self, thread):
        """Is what a thread has asked for not done yet?"""
        return thread.is_alive()

    def observe(self, found, name):
        """Look, and hold what is seen to the model."""
        self.seen = self.system.observe()
        self._tell(found, name,
                   lambda oracle: oracle.observe(self.seen))

    def settle(self):
        """Give it time, and ask for what should have come."""
        found = []
        self.system.wait()
        self.story.append(['wait'])
        name = label(self.story)
        self.observe(found, name)
        if not self.over:
            self._tell(found, name, lambda oracle: (
                oracle.quiet(), oracle.observe(self.seen)))
        return found

    def _tell(self, found, name, tell):
        """Tell the oracle; past what is known with the known defects."""
        for _ in range(5):
            oracle = self.oracle.copy()
            try:
                tell(oracle)
            except Divergence as divergence:
                finding = read_divergence(divergence, name, fails(
                    divergence, self.system, self.contract), self.story)
                if self.known:
                    finding = beyond(self.known, finding,
                                     self.oracle.defects)
                found.append(finding)
                more = [one for one in known_defects(
                    self.known, finding, self.oracle.model.defects)
                    if one not in self.oracle.defects]
                if not more:
                    self.over = True
                    # Steer away from where walks are known to end.
                    self.taken[self.last] = self.taken.get(self.last, 0) + 3
                    return
                for one in more:
                    self.oracle = self.oracle.with_defect(one)
            else:
                self.oracle = oracle
                return
        self.over = True


def label(trace):
    """The last step of a trace in words, without numbers."""
    steps = [step for step in trace if step[0] != 'wait']
    if not steps:
        return 'wait' if trace else 'start'
    name, *rest = steps[-1]
    if name in (*OVERLAPS, 'with'):
        name += ' ' + ' + '.join(
            one if isinstance(one, str) else one[0] for one in rest)
    return name if steps[-1] is trace[-1] else f'wait after {name}'


def read_divergence(divergence, name, requirement, trace=()):
    """A :class:`Finding` of what the oracle says.

    :param name: of the step after which it said so
    :param trace: the steps up to it
    """
    event = divergence.event
    if divergence.differences:
        what = '; '.join(sorted({
            f'{one.name.partition("[")[0]} is {kind(one.observed)}'
            for one in divergence.differences}))
        if 'recorded is NONE' in what and any(
                step[0] == 'program' for step in trace):
            what += ', an operator programmed'
    elif event.kind == 'quiet':
        what = 'nothing more comes'
    else:
        what = {OK: 'done', REFUSED: 'refused',
                UNKNOWN: 'unknown'}.get(event.outcome, event.outcome)
    rows = picture(divergence) if event.seen else ''
    return Finding(
        f'{name}: {what} [{requirement}]{rows}', requirement,
        '; '.join(map(str, divergence.differences)) or divergence.why,
        divergence.why)


def picture(divergence):
    """The rows that were seen, for a signature: of the instances of which
    something differs, or of all.

    The differences alone are those to the nearest state that is allowed,
    which may be any.
    """
    model = divergence.prefix.model
    seen = {}
    for cell, code in divergence.event.seen:
        variable, member = model.cells[cell]
        seen[variable.name, member] = variable.domain[code]
    count = sum(variable.name == 'nova' for variable, _ in model.cells)
    arqs = [member for name, member in seen if name == 'arq']
    differ = {int(one.name[:-1].partition('[')[2]) * count // len(arqs)
              for one in divergence.differences
              if one.name.startswith(('arq', 'handle', 'notice'))}
    rows = {picture_row(seen, arq) for arq in arqs
            if seen['arq', arq] is not Arq.ABSENT
            and (not differ or arq * count // len(arqs) in differ)}
    named = {seen.get(('handle', arq)) for arq in arqs}
    if any(one.name.startswith('use') for one in divergence.differences) and (
            any(name == 'use' and value is Use.IN_USE and member not in named
                for (name, member), value in seen.items())):
        rows.add('a leak')  # if of handles nothing differs, one of before
    return ' of ' + (', '.join(sorted(rows)) or 'no row')


def picture_row(seen, arq):
    """One row, and what is odd about it."""
    state, handle = seen['arq', arq], seen.get(('handle', arq))
    text = state.name
    if (handle is None) is (state is Arq.BOUND):
        text += ' with no handle' if handle is None else ' with a handle'
    if state in ENDED and seen.get(('notice', arq)) is Notice.NONE:
        text += ' untold'
    return text


def known_defects(known, finding, model):
    """The defects that explain a finding, if it is known and the model has
    them all.

    :param model: the defects that it has
    """
    names = known.defects_of(finding) if known else ()
    return names if set(names) <= set(model) else ()


def beyond(known, finding, defects):
    """The finding as one that these defects, which are allowed for, do not
    explain: if it is on record as such, or looks like what they explain.
    """
    if not defects:
        return finding
    later = replace(finding, signature=(
        f'{finding.signature}{BEYOND}{" and ".join(defects)}'))
    explained = known.defects_of(finding)
    return later if known.match(later) or (
        explained and set(explained) <= set(defects)) else finding


def kind(value):
    """A value without the number of a member."""
    return 'some' if re.fullmatch(r'\d+', value_name(value)
                                  if not isinstance(value, str)
                                  else value) else str(value)
