"""Programming by the real Cyborg: a region that is written when ARQs bind.

The region is the driver's (``driver.py``), the bitstreams are in the real
Glance (``images.py``).  A write waits after its first half until it is clear
what becomes of it, so that requests, faults and looks come amid it.
"""

import signal
import threading
from typing import ClassVar

from cyborg_models.conformance.oracle import OK
from cyborg_models.conformance.suite import Refused
from cyborg_models.stein.vocabulary import Arq, Logic
from systems.cyborg import images
from systems.cyborg.explore import Walk, label
from systems.cyborg.nova import HIDDEN, REQUESTS, Played
from systems.cyborg.requests import Finding
from systems.cyborg.stack import wait_for

#: what Cyborg and its agent do by themselves about a region
PREPARING = (
    'choose', 'record', 'not_programmed', 'no_reply', 'drop_work', 'fetch',
    'validate', 'reject', 'write', 'finish', 'verify', 'record_region')
#: faults of a write that is under way
OF_WRITES = ('fail_write', 'garble', 'lose_result', 'bind_times_out',
             'refuse_trait')
#: what happens while a write waits; all else comes when it has ended
AMID = (*REQUESTS, *OF_WRITES, 'claim', 'register', 'lose_reply',
        'fail_before_bind', 'give_up', 'crash_compute', 'delete_instance')
#: what may be wrong with an image while ARQs bind -> the model's fault, and
#: whether it is one of a region, not of an ARQ
WRONG = {'none': ('no_bitstream', False), 'several': ('no_bitstream', False),
         'away': ('no_bitstream', False), 'unfit': ('fetch_unfit', True),
         'lost': ('fail_fetch', True)}
#: what is a part of something else here, or is tried without programming
LEFT = ('crash_conductor', 'lose_controller', 'lose_host', 'lose_power',
        'find_controller', 'find_host', 'withdraw', 'come_back',
        'name_no_provider')
#: a request that starts a bind
BINDS = ('ask_bind', 'rebind')
#: how often a bind may meet a fault of an image
SPOILT = 0.4
#: steps in which processes are killed amid a write; those of one service need
#: a process for each
KILLS = {'kill': ('conductor', 'agent'), 'kill conductor': ('conductor',),
         'kill agent': ('agent',)}
#: the model's fault that this is
CRASHED = {'conductor': ('crash_conductor', ()),
           'agent': ('crash_agent', (0,))}
#: share of steps amid a write that strike it; and of all, that let it end
STRUCK, GOES_ON = 0.6, 0.15
LOGIC = (Logic.FIRST, Logic.SECOND)


class Program(Played):
    """Two instances that want different functions, and two handles of one
    region.

    :cvar key: of the device profile, which says what is asked for
    :cvar functions: how many different ones
    :cvar ways: what can be wrong with an image, of ``WRONG``
    """

    roles = ('cyborg', 'agent')
    capabilities = ('core', 'unbind', 'program', 'share', 'operator-program')
    model = 'stein.system'
    settings: ClassVar = {
        'instances': 2, 'handles': 2, 'programmable': 2, 'per_region': 2,
        'faults': 30, 'operations': 30, 'enabled': 'none',
        'operator': 'true'}
    hides = (*HIDDEN, *PREPARING)
    arqs, functions = 1, 2
    key, ways = images.FUNCTION, tuple(WRONG)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.letting = threading.Lock()

    def actions(self, known):
        """All that are played, but for ``LEFT``."""
        return super().actions(known) - {*LEFT}

    def wrong(self, what, instance):
        """While this lasts, the image for an instance is not as it should
        be.
        """
        return getattr(self.stack.images, what)(
            images.FUNCTIONS[instance % self.functions])

    def wanted(self):
        """The function, or the bitstream, that each instance asks for."""
        return {f'wanted{number}': {
            'resources:FPGA': '1', self.key: self.asked_for(number)}
            for number in range(self.functions)}

    def asked_for(self, instance):
        """The value in the device profile of an instance."""
        number = instance % self.functions
        return (images.FUNCTIONS if self.key == images.FUNCTION
                else self.stack.images.good)[number]

    def start(self):
        super().start()
        self.stack.hardware(hold=True)

    # what is seen

    def observe(self, whole=False):
        """Of a region that is being written, only whose it is.

        :param whole: True to look at what it holds as well
        """
        self.settle()
        seen = super().observe()
        if whole or not self.stack.writes()[1]:
            seen['loaded[0]'] = self._loaded()
            seen['recorded[0]'] = self._recorded()
        return seen

    def settle(self):
        """Wait until each bind has ended, or its write waits."""
        def settled():
            jobs, monitors = self.stack.jobs()
            return jobs <= self.stack.writes()[1] and monitors <= jobs
        wait_for(settled, 'a bind does not end', pause=0.01)
        if self.stack.writes()[1] > 1:
            self.findings.append((Finding(
                'two writes at once [PROGBIND-020]', 'PROGBIND-020',
                'one write at a time', 'a region is written twice at once'),
                list(self.story), self.count))

    def _loaded(self):
        path = self.stack.folder / 'region'
        content = path.read_bytes() if path.exists() else b''
        return self._logic(images.read(content))

    def _recorded(self):
        row, = self.stack.database.query(
            'SELECT bitstream_id FROM deployables')
        image = row['bitstream_id']
        return self._logic(image and self.stack.images.named[image])

    @staticmethod
    def _logic(function):
        if function is None:
            return Logic.NONE
        if not function:
            return Logic.PARTIAL
        return LOGIC[images.FUNCTIONS.index(function)]

    # what happens

    def call(self, name, arguments):
        """As the kit asks; a write that waits goes on before what comes
        after it."""
        if name not in AMID:
            self.let('ok')
        return super().call(name, arguments)

    def wait(self):
        self.let('ok')
        super().wait()

    def let(self, outcome):
        """Writes that wait end, well or not; later ones wait again."""
        with self.letting:
            self.settle()
            self.stack.hardware(hold=False, program=outcome)
            wait_for(lambda: not self.stack.writes()[1],
                     'a write does not end', pause=0.01)
            self.settle()
            self.stack.hardware(hold=True, program='ok')

    def _amid(self):
        self.settle()
        if not self.stack.writes()[1]:
            raise Refused('nothing is written')

    def do_fail_write(self, region):
        """The driver says so by its result, or raises, by turns."""
        self._amid()
        begun, _ = self.stack.writes()
        self.let('false' if begun % 2 else 'raise')

    def do_garble(self, region):
        self._amid()
        self.let('half')

    def do_lose_result(self, region):
        """The agent takes longer than the conductor waits for a reply: it is
        stopped where it has a process of its own.
        """
        self._amid()
        alone = self.stack.bus == 'rabbit'
        if alone:
            self.stack.signal(signal.SIGSTOP, 'agent')
        wait_for(lambda: self.stack.jobs() == (0, 0),
                 'nobody gives up a call')
        if alone:
            self.stack.signal(signal.SIGCONT, 'agent')
        self.let('ok')

    def do_bind_times_out(self, arq):
        """A write takes longer than a bind may."""
        self._amid()
        self.stack.pass_bind_timeout()

    def do_refuse_trait(self, arq):
        """Placement does not answer when the write has ended."""
        self._amid()
        self.stack.processes['placement'].kill()
        self.let('ok')
        self.stack.launch('placement', self.stack.placement_port,
                          'placement')

    def do_kill(self, parts):
        """Services are killed, and start again."""
        for part in {self.stack.serves(part): part for part in parts}.values():
            self.stack.restart(part)
        if 'agent' in parts:
            self.stack.writes_ended()

    def do_power(self):
        """The host loses power, and comes back: the region is empty."""
        (self.stack.folder / 'region').unlink(missing_ok=True)
        self.guests.clear()
        self.waits.clear()
        self.stack.report()

    def do_program(self, region):
        """An operator has the region written, and waits for it."""
        self.stack.hardware(hold=False)
        try:
            uuid = self.stack.database.query(
                'SELECT uuid FROM deployables')[0]['uuid']
            self._judge('program', self.admin.send(
                'PATCH', f'/deployables/{uuid}/program', json=[{
                    'op': 'replace', 'path': '/program', 'value': [
                        {'image_uuid': self.stack.images.good[0]}]}]),
                'PROGBIND-022')
        finally:
            self.stack.hardware(hold=True)

    # what only Nova knows of

    def do_restart(self, instance):
        self._detach(instance)

    def do_restarted(self, instance):
        self.do_attach(instance)

    do_start = do_restarted

    def do_stays_stopped(self, instance):
        """The guest is gone already."""

    def do_move_claim(self, instance, host):
        """There is one host: never possible."""


class Share(Program):
    """By bitstream, and all want the same."""

    settings: ClassVar = {**Program.settings, 'functions': 1}
    key, functions, ways = images.BITSTREAM, 1, ('away', 'lost')


class ProgramWalk(Walk):
    """Walks with what may be wrong with images, looks amid a write, and
    kills.
    """

    within = (
        *Walk.within, 'crash_conductor', 'crash_agent', 'lose_power',
        'find_host', *dict.fromkeys(fault for fault, _ in WRONG.values()))
    away, repeating = ('program', 'power'), 0.1
    probed = ('program',)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.after, self.points = self.points[1:], ()
        self.kills = [*KILLS] if (
            self.system.stack.bus == 'rabbit') else ['kill']

    def choices(self):
        """Steps beside those of the model: ``look``, ``go_on`` and kills
        amid a write, of which each comes first until it was taken; ``power``
        when there is none; ``with``, a fault of an image and the bind that
        it hits.
        """
        found = super().choices()
        if self.system.stack.writes()[1]:
            new = [name for name in self.kills if not self.names[name]]
            if new:
                return [(name, ()) for name in new]
            names = OF_WRITES if self.chance.random() < STRUCK else AMID
            return [*(step for step in found if step[0] in names),
                    *((name, ()) for name in self.kills),
                    ('look', ()), ('go_on', ())]
        found.append(('power', ()))
        if self.chance.random() < SPOILT:
            found += [('with', (wrong, [name, *arguments]))
                      for name, arguments in found if name in BINDS
                      for wrong in self.system.ways]
        return found

    def propose(self):
        """As it says; a write that waits goes on rather often."""
        step = super().propose()
        amid = self.system.stack.writes()[1] and (
            step == ['wait'] or self.chance.random() < GOES_ON)
        return ['go_on'] if amid else step

    def _overlaps(self, steps):
        """With binds that are caught after the write, and a crash there."""
        yield from super()._overlaps(steps)
        for step in steps:
            if step[0] == 'ask_bind' and not self.system.stack.writes()[1]:
                for point in self.after:
                    yield ['crash', point, step]

    def _overlap(self, found, kind, calls):
        caught = kind != 'together'
        if caught:  # later than amid the write
            self.system.stack.hardware(hold=False)
        super()._overlap(found, kind, calls)
        if caught:
            self.system.stack.hardware(hold=True)

    def _under_way(self, thread):
        return thread.is_alive() or self.system.stack.jobs() != (0, 0)

    def observe(self, found, name):
        super().observe(found, name)
        complaints = self._complaints()
        found += complaints
        self.over |= bool(complaints)  # nobody knows what is written then

    def take(self, step):
        """Take a step; returns list of findings."""
        name, *arguments = step
        own = {'look': self._look, 'go_on': self._go_on,
               'power': self._lose_power, 'with': self._with,
               **{one: lambda found, one=one: self._kill(found, one)
                  for one in KILLS}}
        if name not in own:
            return super().take(step)
        self.story.append(step)
        found = []
        own[name](found, *arguments)
        if not self.over:
            self.observe(found, label(self.story))
        if name in KILLS and not self.over:
            found += self.settle()
        return found

    def _look(self, found):
        self.seen = self.system.observe(whole=True)
        self._tell(found, 'look', lambda oracle: oracle.observe(self.seen))

    def _go_on(self, found):
        self.system.let('ok')

    def _kill(self, found, name):
        def tell(oracle):
            for part in KILLS[name]:
                oracle.fault(*CRASHED[part])
        self.system.do_kill(KILLS[name])
        self.interrupted[name] += 1
        self._tell(found, name, tell)

    def _lose_power(self, found):
        def tell(oracle):
            oracle.fault('lose_power', (0,))
            oracle.step('find_host', (0,))
        self.system.do_power()
        self._tell(found, 'power', tell)

    def _with(self, found, wrong, request):
        name, *arguments = request
        fault, of_region = WRONG[wrong]

        def tell(oracle):
            oracle.step(name, arguments, outcome)
            if outcome == OK:  # then it began, and the fault hit it
                oracle.observe({f'arq[{arguments[0]}]': Arq.BIND_STARTED})
            oracle.fault(fault, (0 if of_region else arguments[0],))
        with self.system.wrong(wrong, arguments[0]):
            outcome = self.system.call(name, tuple(arguments))
            self.system.let('ok')
        found += self._complaints()
        self._tell(found, label(self.story), tell)
