"""Program: from BOUND to READY when a region has to be written.

``prepare`` looks, fetches the bitstream, checks it, takes the region lock,
looks again, writes and verifies.  VANs are claimed when this begins (see
:mod:`~.attach`); then they are plugged, so that a region has users.
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import Model
from cyborg_models.rocky import (
    attach,
    lifecycle,
    nova,
    operators,
    properties,
    recovery,
)
from cyborg_models.rocky import defects as planted
from cyborg_models.rocky.vocabulary import (
    FAULTS,
    WEAK,
    Ask,
    Call,
    Function,
    Image,
    Instance,
    Job,
    Record,
    Van,
    World,
    pay,
    when,
)


@dataclass(frozen=True)
class Settings:
    """What may differ between configurations of the model.

    :ivar vans: instances, each with one VAN that wants a function
    :ivar regions: FPGA regions; the VANs' handles are dealt out to them
    :ivar functions: 1: all want the same; 2: every other VAN another one
    :ivar policy: IF_NEEDED, or NEVER: a region may not be written
    :ivar tenant: True if the bitstreams are tenants' own
    :ivar operator: True if an operator has regions programmed, too
    :ivar topology: LOCAL, VIA_API or NOVA_DIRECT
    :ivar programmer: who writes: os-acc, plugin, agent or cyborg-api
    :ivar faults: how many faults may happen in one run
    :ivar enabled_faults: which, by name; those of losses.py are in none of
        the defaults
    :ivar watched: True to check as well that each step changes something
    """

    vans: int = 2
    regions: int = 1
    functions: int = 1
    policy: str = 'IF_NEEDED'
    tenant: bool = False
    operator: bool = False
    topology: str = 'LOCAL'
    programmer: str = 'agent'
    faults: int = 1
    enabled_faults: frozenset = FAULTS - {'late-report', 'lost-reply',
                                          'journal-lost'}
    watched: bool = False

    @property
    def kind(self):
        """Only regions are written."""
        return 'FPGA'


def build(settings=Settings(), defects=()):
    """The model."""
    m = Model('rocky.program', defects)
    w = World(m, settings)
    van = w.van
    w.declare_van()
    w.declare_database()
    w.declare_device()
    w.declare_peers()
    declare_image(w)
    operators.declare_writes(w)

    @m.action('nova-compute -> os-acc: prepare({van}), which is claimed',
              van=van)
    def begin(s, van):
        """A VAN that is claimed and bound is prepared, if nobody in its
        region wants another function."""
        when(s.record[van] is Record.NONE, 'OSACC-016')
        w.nova_runs(s)
        when(not any(
            w.region_of(van) == w.region_of(other)
            and w.wanted(van) is not w.wanted(other)
            and s.record[other] is not Record.NONE
            for other in w.others(van)), 'OSACC-021')
        if w.operator:
            when(operators.is_idle(w, s, van), 'BITS-011')
        s.state[van] = Van.BOUND
        s.handle[van] = van
        w.own(s, van, van)
        s.instance[van] = Instance.BUILDING
        s.call[van] = Call.PREPARE

    attach.ready_actions(w)
    attach.wait_actions(w)
    program_actions(w)
    nova.start_actions(w)
    attach.plug_actions(w)
    attach.report_actions(w)
    recovery.process_actions(w)
    recovery.settle_program_actions(w)
    recovery.settle_plug_actions(w)
    recovery.settle_lost_actions(w)
    recovery.adopt_actions(w)
    operators.operator_actions(w)
    properties.ownership(w)
    properties.states(w)
    properties.processes(w)
    properties.programming(w)
    properties.agreement(w)
    properties.writing(w)
    operators.operator_properties(w)
    planted.declare(w)

    @m.may_end
    def done(s):
        """Every guest runs, or its build was given up."""
        return s.call.all(Call.NONE, Call.RAISED)
    return m.ready()


abstract = lifecycle.abstract


def declare_image(w):
    """The bitstream of each VAN, in nova-compute's hands."""
    w.m.var('image', Image, start=Image.NONE, each=w.van)
    if w.fault('wrong-function'):
        # The image names another function than the request.
        w.m.var('other', bool, start=False, each=w.van)


def program_actions(w):
    """Fetch, check, write, verify."""
    m, van = w.m, w.van

    def bound(s, van):
        """prepare works on a BOUND VAN."""
        w.goes_on(s, van, Call.PREPARE, Van.BOUND)

    @m.action('os-acc -> glance: GET the bitstream of {van}', fair=WEAK,
              van=van)
    def fetch(s, van):
        """A bitstream is fetched for a BOUND VAN whose function is not
        loaded, and may be written."""
        bound(s, van)
        when(s.image[van] is Image.NONE, 'OSACC-025')
        when(not w.fits(s, van), 'OSACC-029')
        when(w.policy == 'IF_NEEDED', 'OSACC-029')
        s.image[van] = Image.ASKED

    if w.policy == 'NEVER':
        @m.action('os-acc -> nova-compute: FunctionMissing {van}',
                  fair=WEAK, van=van)
        def function_missing(s, van):
            """prepare raises when the function wanted is not loaded and may
            not be written."""
            bound(s, van)
            when(not w.fits(s, van), 'OSACC-029')
            w.answer_error(s, van)

    def arrives(s, van, image, other=False):
        """The image service sends what it was asked for, or not quite."""
        when(s.image[van] is Image.ASKED, 'OSACC-064')
        s.image[van] = image
        if w.has('other'):
            s.other[van] = other

    @m.action('glance -> os-acc: the bitstream of {van}', fair=WEAK,
              van=van)
    def deliver(s, van):
        """The image service sends a bitstream that it was asked for."""
        w.api_answers(s)
        arrives(s, van, Image.GOOD)

    if w.has('other'):
        @m.action('glance -> os-acc: a bitstream of another function for '
                  '{van}', fault=True, van=van)
        def deliver_other(s, van):
            """The image may name another function by now than it did when
            the instance was created."""
            pay(s, 'OSACC-F04')
            arrives(s, van, Image.GOOD, True)

        @m.action('os-acc -> nova-compute: BitstreamRejected {van}, by its '
                  'function', fair=WEAK, van=van)
        def reject_other(s, van):
            """A bitstream whose image names another function than the
            request is refused; the VAN stays BOUND."""
            when(s.image[van] is Image.GOOD, 'BITS-004')
            when(s.other[van], 'BITS-004')
            w.answer_error(s, van)

        @m.always('BITS-004', van=van)
        def only_what_was_asked_for_is_written(s, van):
            """No region is to be written with another function than the
            request names."""
            return not s.other[van] or s.state[van] is not Van.PROGRAMMING

    if w.fault('bitstream'):
        @m.action('glance -> os-acc: a wrong bitstream for {van}',
                  fault=True, van=van)
        def deliver_wrong(s, van):
            """The image service may send what does not match."""
            pay(s, 'OSACC-F04')
            arrives(s, van, Image.BAD)

    if w.fault('fetch'):
        @m.action('glance -> os-acc: no bitstream for {van}', fault=True,
                  van=van)
        def lose_image(s, van):
            """The image service may fail; the VAN stays BOUND."""
            when(s.image[van] is Image.ASKED, 'OSACC-F04')
            pay(s, 'OSACC-F04')
            w.answer_error(s, van)

    if w.fault('api-down'):
        @m.action('os-acc -> nova-compute: BitstreamUnavailable {van}',
                  fair=WEAK, van=van)
        def give_up_fetch(s, van):
            """prepare raises when the image service cannot be reached; the
            VAN stays BOUND."""
            when(s.image[van] is Image.ASKED, 'OSACC-026')
            when(not w.api_up(s), 'OSACC-026')
            w.answer_error(s, van)

    @m.action('os-acc -> os-acc: check the bitstream of {van}', fair=WEAK,
              van=van)
    def check(s, van):
        """A bitstream that is on the host and matches is accepted."""
        when(s.image[van] is Image.GOOD, 'OSACC-065')
        if w.has('other'):
            when(not s.other[van], 'BITS-004')
        s.image[van] = Image.CHECKED

    if w.fault('bitstream'):
        @m.action('os-acc -> nova-compute: BitstreamRejected {van}',
                  fair=WEAK, van=van)
        def reject(s, van):
            """A bitstream that does not match is refused; the VAN stays
            BOUND."""
            when(s.image[van] is Image.BAD, 'OSACC-026')
            w.answer_error(s, van)

    def last_look(s, van):
        """All is there for a BOUND VAN, and under the region lock its
        function is still observed not to be.
        """
        bound(s, van)
        when(s.image[van] is Image.CHECKED, 'OSACC-025')
        when(not w.locked(s, van), 'OSACC-060')
        when(w.lacks(s, van), 'OSACC-029')

    @m.action('os-acc -> plugin: T05 PROGRAMMING, program {van}', fair=WEAK,
              van=van)
    def program(s, van):
        """A region is written for a BOUND VAN whose bitstream is checked,
        under the region lock, when nobody is barred and the function wanted
        is not there."""
        last_look(s, van)
        when(not w.barred(s, van), 'OSACC-027')
        when(not w.adopting(s), 'OSACC-056')
        w.lock(s, van)
        s.dirty[van] = True
        s.verified[van] = False
        w.journal(s, van, Van.PROGRAMMING)
        s.ask[van] = Ask.ASKED

    @m.action('os-acc -> nova-compute: RegionBusy {van}', fair=WEAK, van=van)
    def region_busy(s, van):
        """prepare raises when another VAN of the region forbids to write
        it."""
        last_look(s, van)
        when(w.barred(s, van), 'OSACC-027')
        w.answer_error(s, van)

    writer = {'os-acc': 'os-acc -> os-acc', 'plugin': 'plugin -> plugin',
              'cyborg-api': 'os-acc -> cyborg-api'}.get(w.programmer,
                                                        w.peers)

    @m.action(f'{writer}: write the region of {{van}}', fair=WEAK, van=van)
    def begin_write(s, van):
        """The write that was asked for begins, and leaves the region
        undefined until it ends."""
        w.begins(s, van, Van.PROGRAMMING, Job.WRITE)
        s.job[van] = Job.WRITE
        s.soiled[w.at(s, van)] = True
        s.loaded[w.region_of(w.at(s, van))] = Function.UNDEFINED

    @m.action(f'{w.peer} -> plugin: the region of {{van}} is written',
              fair=WEAK, van=van)
    def write(s, van):
        """A write that is under way comes to its end."""
        w.under_way(s, van, Job.WRITE)
        s.loaded[w.region_of(w.at(s, van))] = w.wanted(van)
        w.end_job(s, van, Ask.DONE)

    if w.fault('program'):
        @m.action(f'{w.peer} -> plugin: the write for {{van}} failed',
                  fault=True, van=van)
        def fail_write(s, van):
            """A write may fail; the region stays undefined."""
            w.under_way(s, van, Job.WRITE)
            pay(s, 'OSACC-F05')
            w.end_job(s, van, Ask.ERROR)

        @m.action(f'{w.peer} -> plugin: the write for {{van}} is done, so '
                  'it says', fault=True, van=van)
        def lie_about_write(s, van):
            """A driver may answer success without having written."""
            w.under_way(s, van, Job.WRITE)
            pay(s, 'OSACC-F05')
            w.end_job(s, van, Ask.DONE)

    @m.action('os-acc -> os-acc: T06 READY, verified {van}', fair=WEAK,
              van=van)
    def verify(s, van):
        """A PROGRAMMING VAN is READY when after the write its function is
        observed."""
        w.returned(s, van, Van.PROGRAMMING, w.offers(s, van))
        s.verified[van] = True
        w.journal(s, van, Van.READY)
        w.unlock(s, van)
        s.ask[van] = Ask.NONE
        s.image[van] = Image.NONE

    @m.action('os-acc -> nova-compute: T07 FAILED, ProgramFailed {van}',
              fair=WEAK, van=van)
    def program_failed(s, van):
        """A PROGRAMMING VAN is FAILED when the write failed, or the
        function is not observed after it."""
        w.failed(s, van, Van.PROGRAMMING, w.offers(s, van))
        w.journal(s, van, Van.FAILED)
        w.unlock(s, van)
        s.ask[van] = Ask.NONE
        w.answer_error(s, van)


__all__ = ['Settings', 'abstract', 'build', 'declare_image',
           'program_actions']
