"""Explorations of the real Cyborg, and replays of what they came to.

An exploration is one system through one client in one mode, such as ``walk
release sdk``, or all of a mode that has no systems, such as ``requests``.
What it comes to depends on its seed alone, not on what was explored before,
and a longer one begins as a shorter one.
"""

import uuid
from collections import Counter

from cyborg_models.conformance import modes
from cyborg_models.conformance.suite import HarnessError
from systems.cyborg import nova, program
from systems.cyborg.adapter import PROFILES, Raw, Sdk, snapshot
from systems.cyborg.explore import (
    OVERLAPS,
    Walk,
    beyond,
    known_defects,
    label,
    read_divergence,
)
from systems.cyborg.profiles import Profiles
from systems.cyborg.requests import Requests
from systems.cyborg.stack import identity

SYSTEMS = {'release': nova.Release, 'group': nova.Group, 'twins': nova.Twins}
#: those for which a region is written
PROGRAMMED = {'program': program.Program, 'share': program.Share}
CLIENTS = {'http': Raw, 'sdk': Sdk}
#: modes of the kit, and what the share of steps is called there
KIT = {'explore': 'steps', 'repeat': 'steps', 'faults': 'steps',
       'concurrent': 'rounds'}
#: bad requests; steered walks, which get on where a step takes long; these
#: with requests that are held up, overlap, or meet a crash; walks with regions
#: that are written; and device profiles that ask for that
OWN = ('requests', 'walk', 'interrupted', 'program', 'profiles')
#: those that are no walks
OTHERS = {'requests': Requests, 'profiles': Profiles}
#: share of steps in which requests overlap
OVERLAPPING = {'interrupted': 0.6, 'program': 0.3}
LENGTH = 14  # steps of an example
SHRINK = 30  # steps to shorten one divergence with
TRIES = 12  # replays of what depends on chance
SURE = 3  # replays in each of which shows what does not


def explorations():
    """The explorations of each mode; the clients take turns in it, and from
    one mode to the next.
    """
    found = {}
    for place, mode in enumerate((*OWN, *KIT)):
        clients = [*CLIENTS, *CLIENTS][place % 2:]
        some = [f'{mode} {" ".join(pair)}'
                for pair in zip(SYSTEMS, clients, strict=False)]
        programmed = [f'{mode} {" ".join(pair)}'
                      for pair in zip(PROGRAMMED, clients, strict=False)]
        found[mode] = (
            [mode] if mode in OTHERS
            else programmed if mode == 'program'
            else some if mode in OWN
            else [*some, programmed[place // 2 % len(programmed)]])
    return found


EXPLORATIONS = explorations()


def exists(where):
    """Is there such an exploration?  Beside those of a mode there are those
    of its systems through the other client.
    """
    mode, *name = where.split() or ['']
    if mode in OTHERS or mode not in EXPLORATIONS:
        return where in OTHERS
    return len(name) == 2 and name[0] in {**SYSTEMS, **PROGRAMMED} and (
        name[1] in CLIENTS)


def planned(chosen, steps):
    """Exploration -> how many steps, which those of a mode share.

    :param chosen: names of modes and of explorations
    :param steps: of each that is chosen, or a function from its name
    :raises ValueError: if there is no such mode or exploration
    """
    plan = {}
    for name in chosen:
        mode = name.partition(' ')[0]
        these = EXPLORATIONS.get(name) or [name] * exists(name)
        if not these:
            raise ValueError(
                f'--mode {name}: there is none; choose of '
                f'{", ".join(EXPLORATIONS.get(mode, EXPLORATIONS))}')
        count = steps(name) if callable(steps) else steps
        plan |= dict.fromkeys(these, -(-count // len(these)))
    return plan


class Runs:
    """All modes against one stack.

    :param stack: a :class:`~systems.cyborg.stack.Stack`
    :param known: a :class:`~systems.cyborg.known.Known`
    :ivar steps: (exploration, seed) -> how many were taken
    :ivar calls: mode -> client, or ``by method``, -> how many requests
    :ivar interrupted: kind of step -> how often a request was caught by it
    :ivar outcomes: what the kit made of its modes
    """

    def __init__(self, stack, known):
        self.stack, self.known = stack, known
        self.steps, self.calls, self.interrupted = {}, {}, Counter()
        self.outcomes, self._replayers = [], {}

    def smoke(self):
        """The way that works, through each client.

        :raises HarnessError: if it does not: then nothing else says much
        """
        for name, kind in CLIENTS.items():
            self.stack.reset()
            Raw(self.stack, identity(roles='admin')).send(
                'POST', PROFILES, json=[{
                    'name': 'one', 'groups': [{'resources:FPGA': '1'}]}])
            self._smoke(name, kind(self.stack))

    def _smoke(self, name, client):
        made = client.create('one')
        arqs = [arq['uuid'] for arq in made.body['arqs']] if (
            made.status == 201) else []
        instance = str(uuid.uuid4())
        for what, send, state in (
                ('create', lambda: made, 'Initial'),
                ('bind', lambda: client.bind(
                    arqs, instance, self.stack.provider), 'Bound'),
                ('unbind', lambda: client.unbind(arqs), 'Unbound'),
                ('delete', lambda: client.delete(arqs), None)):
            reply = send()
            now = snapshot(self.stack.database.query)
            states = [row.state for row in now.rows.values()]
            used = sum(now.used.values())
            if reply.status not in (201, 202, 204) or (
                    states != ([state] if state else [])) or (
                    used != (state == 'Bound')):
                raise HarnessError(
                    f'{what} through {name} is answered {reply.status} '
                    f'{reply.fault}; then there are rows {states}, and '
                    f'{used} handles in use')
        if self.stack.nova.events != [(instance, arqs[0], 'completed')]:
            raise HarnessError(f'Nova was told {self.stack.nova.events}')

    def system(self, system, client):
        """A system of the kit."""
        return (SYSTEMS | PROGRAMMED)[system](
            self.stack, CLIENTS[client], self.known.defects)

    def explorer(self, where, seed=1):
        """Who explores by steps of our own, from the start of the seed."""
        if not exists(where):
            raise HarnessError(f'there is no exploration "{where}"; correct '
                               'the mode of what is on record')
        mode, _, name = where.partition(' ')
        if mode in OTHERS:
            return OTHERS[mode](self.stack, seed)
        kind = program.ProgramWalk if name.split()[0] in PROGRAMMED else Walk
        walk = kind(self.system(*name.split()), self.known, seed,
                    OVERLAPPING.get(mode, 0))
        walk.interrupted = self.interrupted  # of all, replays among them
        return walk

    def explore(self, where, seed, steps):
        """Take steps in an exploration; what is found is noted."""
        mode, sent = where.partition(' ')[0], len(self.stack.calls)
        taken = self._take(where, seed, steps)
        self.steps[where, seed] = self.known.explored[where, seed] = taken
        self.calls.setdefault(mode, Counter()).update(
            self.stack.calls[sent:])

    def _take(self, where, seed, steps):
        return (self._by_kit if where.partition(' ')[0] in KIT
                else self._by_steps)(where, seed, steps)

    def _by_steps(self, where, seed, steps):
        one, taken = self.explorer(where, seed), 0
        while taken < steps:
            one.begin()
            for number in range(LENGTH + 1):
                step = one.propose() if number < LENGTH else ['wait']
                if step is None or taken >= steps or (
                        number == LENGTH and where in OTHERS):
                    break
                taken += 1
                for finding in one.take(step):
                    self.known.note(finding, where, seed, taken, one.story)
                if one.over:
                    break
        return taken

    def _by_kit(self, where, seed, steps):
        """A mode of the kit; its failures and odd answers are noted."""
        mode, *name = where.split()
        tested = self.system(*name)
        options = {KIT[mode]: steps, 'shrink': SHRINK}
        outcome = modes.run(tested, {mode: options}, seed)
        self.outcomes.append((tested, outcome))
        past = []
        for failure in outcome.failures:
            trace = read_trace(failure)
            finding = read_divergence(failure.divergence, label(trace),
                                      failure.requirement, trace)
            tried = () if failure.known or (
                trace[-1][0] == 'together'  # seen otherwise by a walk
                ) else known_defects(self.known, finding, tested.known)
            self.known.note(
                beyond(self.known, finding, (*past, *tried)), where,
                seed, failure.steps, trace)
            past += [failure.known] * bool(failure.known)
        for finding, trace, count in tested.findings:
            self.known.note(finding, where, seed, count, trace)
        if outcome.error:
            raise HarnessError(f'{where}: {outcome.error}')
        return sum(one.steps for one in outcome.modes)

    def replay(self, where, trace):
        """The findings of a trace, in the order of its steps."""
        mode, _, name = where.partition(' ')
        one = self._replayers.get(name or mode) or self.explorer(where)
        self._replayers[name or mode] = one
        one.begin()
        found = []
        for step in trace:
            found += one.take(step)
            if one.over:
                break
        return found

    def replay_known(self, kinds=(), tries=TRIES):
        """Replay each trace on record until it shows what it is for.

        :param kinds: only traces with a step of such a kind, and of what
            has not shown yet; empty for all
        :param tries: of what needs luck
        """
        for row in self.known.rows:
            if not playable(row, self.stack) or kinds and (
                    row['id'] in self.known.seen
                    or not kinds_of(row['trace']) & {*kinds}):
                continue
            self.known.looked.add(row['id'])
            for _ in range(tries if row.get('chance') else 1):
                for finding in self.replay(row['mode'], row['trace']):
                    self.known.note(finding, row['mode'], row['seed'], 0,
                                    row['trace'])
                if row['id'] in self.known.seen:
                    break

    def look_again(self):
        """Play again what is new; what comes again is made short."""
        looked = set()
        # What comes in a replay for the first time is played again, too.
        while left := [one for name, one in self.known.found.items()
                       if name not in looked]:
            for one in left:
                looked.add(one.finding.signature)
                self._look_again(one)

    def _look_again(self, new):
        seen = new.times
        while new.times == seen and new.replays < TRIES:
            new.replays += 1
            for finding in self.replay(new.mode, new.trace):
                self.known.note(finding, new.mode, new.seed, 0, new.trace)
        if new.times > seen:
            new.again = f'by replay {new.replays}'
            new.trace = self.shorten(
                new.mode, new.trace, lambda found: new.finding.signature in {
                    one.signature for one in found},
                1 if new.replays == 1 else SURE)
        elif new.steps:
            # A mode of the kit goes past what is known in its own way.
            new.taken = self._take(new.mode, new.seed, new.steps)
            if new.times > seen:
                new.again = new.again or 'by its seed'

    def record(self, ids=()):
        """Write down how each divergence was found for the first time.

        :param ids: of those that are meant; empty for all
        :returns: ids of those meant to which no exploration came
        """
        left = self.known.unseen(ids)
        for row in self.known.meant(ids):
            if row['id'] not in left:
                first = self.known.first[row['id']]
                self.known.record(row, first, *self.reduce(row, first))
                self.known.write()
            elif row['id'] in ids:
                self.known.seek(row)
        self.known.keep()
        self.known.write()
        return left

    def reduce(self, row, first):
        """What of a trace shows an entry.

        :returns: the finding, the fewest steps, and True if these need luck
        """
        _, where, _, _, trace = first
        shown = [first[0]]

        def shows(found):
            these = [one for one in found if self.known.match(one) is row]
            shown[:] = these[:1] or shown
            return bool(these)

        def sure(steps, tries=SURE):
            return all(shows(self.replay(where, steps))
                       for _ in range(tries))
        mode, old = row.get('mode', ''), row.get('trace')
        alike = where == mode or (
            where.split()[1:2] == mode.split()[1:2] != [])
        if old and alike and sure(old):
            return shown[0], old, False  # which was made short before
        fewer = self.shorten(where, trace, shows,
                             1 if sure(trace, 1) else TRIES)
        return shown[0], fewer, not sure(fewer)

    def shorten(self, where, trace, shows, tries=1):
        """A trace without the steps that it does not need.

        Many are left out at once, then fewer; in the end none of those that
        are left can be left out alone.

        :param shows: function of findings: does it still show?
        :param tries: of what needs luck
        """
        tried = set()

        def still(fewer):
            if not fewer or str(fewer) in tried:
                return False
            tried.add(str(fewer))
            return any(shows(self.replay(where, fewer))
                       for _ in range(tries))
        size = len(trace) - 1 or 1
        while size:
            # What shows it is the last step, as a rule.
            end = len(trace) - (size > 1)
            for place in range(end - size, -1, -size):
                fewer = trace[:place] + trace[place + size:]
                if still(fewer):
                    trace = fewer
                    break
            else:
                size //= 2
        return trace


def kinds_of(trace):
    """The names of the steps of a trace, apart from plain requests."""
    return {step[0] for step in trace if isinstance(step, list)}


def playable(row, stack):
    """Can an entry's trace be replayed?  Some need MariaDB, some RabbitMQ."""
    return row.get('options', '') in ('', stack.options) and (
        stack.database.kind == 'mariadb'
        or not kinds_of(row['trace']) & {*OVERLAPS} - {'together'})


def read_trace(failure):
    """The steps of a failure of the kit, for :meth:`Runs.replay`."""
    rows = [[step.action.name, *step.arguments] for step in failure.played]
    at_once = sum(text.endswith('overlapping') for text in failure.calls)
    if at_once:
        rows[-at_once:] = [['together', *rows[-at_once:]]]
    return rows
