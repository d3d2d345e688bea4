"""Attach: from the request to the device inside the instance.

nova-compute calls ``prepare``, which claims a handle, and ``plug``, which
attaches it; then the guest starts.  Nothing is programmed here (see
:mod:`~.program`) and nothing released (see :mod:`~.release`).
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import STRONG, Model
from cyborg_models.kernel.settings import one_of
from cyborg_models.rocky import defects as planted
from cyborg_models.rocky import (
    lifecycle,
    losses,
    nova,
    operators,
    properties,
    recovery,
)
from cyborg_models.rocky.vocabulary import (
    ASKED,
    FAULTS,
    KINDS,
    UNRELEASED,
    WEAK,
    Ask,
    Call,
    Claim,
    Goal,
    Image,
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

    :ivar vans: instances, each with one VAN
    :ivar handles: handles of the one resource provider
    :ivar kind: VF, GPU (one isolation group), MDEV or POWER_SLOT
    :ivar topology: LOCAL, VIA_API, NOVA_DIRECT or POWER
    :ivar writer: who reports: common, plugin, agent-rest or agent-rpc
    :ivar limit: the project's quota, in handles
    :ivar faults: how many faults may happen in one run
    :ivar enabled_faults: which, by name; those of losses.py are in none of
        the defaults
    :ivar watched: True to check as well that each step changes something
    """

    vans: int = 2
    handles: int = 1
    kind: str = 'VF'
    topology: str = 'LOCAL'
    writer: str = 'common'
    limit: int = 1
    faults: int = 1
    enabled_faults: frozenset = FAULTS - {'power-loss', 'journal-lost'}
    watched: bool = False


def build(settings=Settings(), defects=()):
    """The model."""
    # What is written first is a model of its own: program.
    one_of('kind', settings.kind, [kind for kind in KINDS if kind != 'FPGA'])
    m = Model('rocky.attach', defects)
    w = World(m, settings)
    w.alike()
    w.declare_van()
    w.declare_database()
    w.declare_device()
    w.declare_peers()
    declare_claim(w)
    nova.build_actions(w)
    claim_actions(w)
    ready_actions(w)
    plug_actions(w)
    wait_actions(w)
    report_actions(w)
    recovery.process_actions(w)
    recovery.settle_plug_actions(w)
    losses.loss_actions(w)
    properties.ownership(w)
    properties.states(w)
    properties.processes(w)
    properties.attaching(w)
    properties.agreement(w)
    planted.declare(w)

    @m.may_end
    def done(s):
        """Every guest runs, or its build was given up."""
        return s.call.all(Call.NONE, Call.RAISED)
    return m.ready()


abstract = lifecycle.abstract


def declare_claim(w):
    """The claim's request and reply, and reports that are late."""
    w.m.var('claim', Claim, start=Claim.NONE, each=w.van)
    if w.fault('late-report'):
        w.m.var('late', Record, start=Record.NONE, each=w.van)
        w.m.var('overtaken', bool, start=False, each=w.van)


def claim_actions(w):
    """``prepare`` until BOUND."""
    m, van = w.m, w.van

    @m.action('os-acc -> os-acc: T01 REQUESTED {van}', fair=WEAK, van=van)
    def request(s, van):
        """prepare journals a VAN for the request that has none."""
        w.goes_on(s, van, Call.PREPARE, Van.NONE)
        when(not w.adopting(s), 'OSACC-056')
        w.journal(s, van, Van.REQUESTED)

    def claiming(s, van):
        """prepare works on a VAN that is REQUESTED."""
        w.goes_on(s, van, Call.PREPARE, Van.REQUESTED)

    @m.action('os-acc -> cyborg-api: claim {van}', fair=WEAK, van=van)
    def send_claim(s, van):
        """The claim of a journalled VAN is sent, and sent again until it is
        answered."""
        claiming(s, van)
        when(s.claim[van] is Claim.NONE, 'OSACC-015')
        s.claim[van] = Claim.SENT

    def answer(s, van, claim):
        """The API has a claim, and answers it."""
        when(s.claim[van] is Claim.SENT, 'OSACC-013')
        w.api_answers(s)
        s.claim[van] = claim

    def region_wants_another(s, van, handle):
        """In the handle's region somebody wants another function."""
        return w.programs and any(
            s.owner[other] is not None
            and w.region_of(other) == w.region_of(handle)
            and w.wanted(s.owner[other]) is not w.wanted(van)
            for other in w.handle)

    def bars_writing(handle):
        """What the VANs want may have to be written, and may not be."""
        return w.policy == 'IF_NEEDED' and not w.may_be_written(handle)

    def is_elsewhere(van, handle):
        """A handle is of another provider than the claim names."""
        return w.region_of(handle) != w.claimed_of(van)

    def has_anothers_logic(s, van, handle):
        """A tenant's bitstream is wanted in a region that another project
        has a handle of."""
        return w.tenant and any(
            s.owner[other] is not None
            and w.region_of(other) == w.region_of(handle)
            and w.project(s.owner[other]) != w.project(van)
            for other in w.handle)

    # Whether a claim is granted or refused an operator who writes the region
    # again and again may change for ever.
    answered = STRONG if w.operator else WEAK

    @m.action('cyborg-api -> os-acc: 201, {handle} granted to {van}',
              fair=answered, van=van, handle=w.handle)
    def grant_claim(s, van, handle):
        """A handle that is FREE is granted to a claim that is new, within
        the quota, alone in its isolation group, and in a region where
        nobody wants another function."""
        answer(s, van, Claim.GRANTED)
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(w.has_quota(s), 'QUOTA-004')
        if w.kind == 'GPU':
            when(s.owner.all(None), 'OSACC-020')
        when(not region_wants_another(s, van, handle), 'OSACC-021')
        if w.operator:
            when(operators.is_idle(w, s, handle), 'BITS-011')
        if w.fixed:
            when(not bars_writing(handle), 'BITS-010')
        if w.projects > 1:
            when(not has_anothers_logic(s, van, handle), 'OSACC-066')
        if w.names_provider:
            when(not is_elsewhere(van, handle), 'OSACC-019')
        if w.has('listed'):
            when(s.listed[handle], 'OSACC-013')
        w.own(s, van, handle)

    @m.action('cyborg-api -> os-acc: 200, the grant of {van} again',
              fair=WEAK, van=van)
    def repeat_grant(s, van):
        """A claim that was granted before gets the same grant."""
        answer(s, van, Claim.GRANTED)
        when(s.record[van] not in (Record.NONE, Record.RELEASED),
             'OSACC-015')

    def grantable(s, van, handle):
        """The API may grant this handle to this VAN: all that grant_claim
        asks for, as one condition."""
        return (s.owner[handle] is None
                and w.has_quota(s)
                and (w.kind != 'GPU' or s.owner.all(None))
                and not region_wants_another(s, van, handle)
                and operators.is_idle(w, s, handle)
                and not (w.fixed and bars_writing(handle))
                and not (w.projects > 1
                         and has_anothers_logic(s, van, handle))
                and not (w.names_provider and is_elsewhere(van, handle))
                and (not w.has('listed') or s.listed[handle]))

    @m.action('cyborg-api -> os-acc: no handle for {van}', fair=answered,
              van=van)
    def refuse_claim(s, van):
        """A claim is refused when its VAN is RELEASED, or is new and no
        handle may be granted."""
        answer(s, van, Claim.REFUSED)
        when(s.record[van] in (Record.NONE, Record.RELEASED), 'OSACC-015')
        when(s.record[van] is Record.RELEASED or not any(
            grantable(s, van, handle) for handle in w.handle), 'OSACC-016')

    def claim_ends(s, van):
        """Neither the claim nor its answer is under way any more."""
        s.claim[van] = Claim.NONE

    def held_by_another(s, van):
        """The journal holds the granted handle for another VAN."""
        handle = s.owner.find(van)
        return handle is not None and any(
            s.handle[other] == handle and s.state[other] in UNRELEASED
            for other in w.others(van))

    @m.action('os-acc -> os-acc: T02 BOUND {van}', fair=WEAK, van=van)
    def bind(s, van):
        """A REQUESTED VAN becomes BOUND when it is granted a handle that no
        other VAN of the journal has."""
        claiming(s, van)
        when(s.claim[van] is Claim.GRANTED, 'OSACC-017')
        when(not held_by_another(s, van), 'OSACC-018')
        claim_ends(s, van)
        s.handle[van] = s.owner.find(van)
        w.journal(s, van, Van.BOUND)

    @m.action('os-acc -> nova-compute: T03 RELEASED, claim of {van} refused',
              fair=WEAK, van=van)
    def give_up_claim(s, van):
        """prepare gives up a claim that is refused, that nobody can answer,
        or whose handle another VAN of the journal has."""
        when(s.call[van] is Call.PREPARE, 'OSACC-F18')
        when(s.state[van] is Van.REQUESTED, 'OSACC-051')
        when(s.claim[van] is Claim.REFUSED or not w.api_up(s)
             or (s.claim[van] is Claim.GRANTED
                 and held_by_another(s, van)), 'OSACC-051')
        if s.claim[van] is not Claim.SENT:
            claim_ends(s, van)
        s.goal[van] = Goal.RELEASED
        w.journal(s, van, Van.RELEASED)
        w.answer_error(s, van)

    @m.action('cyborg-api -> os-acc: too late, nobody waits for {van}',
              fair=WEAK, van=van)
    def drop_answer(s, van):
        """An answer to a claim is dropped when nobody waits for it."""
        when(s.claim[van] in (Claim.GRANTED, Claim.REFUSED)
             and s.state[van] is not Van.REQUESTED, 'OSACC-051')
        claim_ends(s, van)

    at_risk = ((Claim.SENT,) if w.fault('lost-request') else ()) + (
        (Claim.GRANTED, Claim.REFUSED) if w.fault('lost-reply') else ())

    if at_risk:
        @m.action('cyborg-api -> nobody: the claim of {van}, or its answer, '
                  'is lost', fault=True, van=van)
        def lose_claim(s, van):
            """A claim may be lost on its way to the API, and its answer on
            its way back."""
            when(s.claim[van] in at_risk, 'OSACC-F02')
            pay(s, 'OSACC-F02')
            claim_ends(s, van)

    if w.fault('late-claim'):
        @m.action('os-acc -> nova-compute: T03 RELEASED, ClaimTimeout {van}',
                  fault=True, van=van)
        def claim_times_out(s, van):
            """A claim may run out of time while its request is under way."""
            when(s.call[van] is Call.PREPARE, 'OSACC-F02')
            when(s.state[van] is Van.REQUESTED, 'OSACC-F02')
            pay(s, 'OSACC-F02')
            s.goal[van] = Goal.RELEASED
            w.journal(s, van, Van.RELEASED)
            w.answer_error(s, van)


def ready_actions(w):
    """From BOUND to READY when nothing has to be written, and the answer."""
    m, van = w.m, w.van

    @m.action('os-acc -> os-acc: T04 READY {van}', fair=WEAK, van=van)
    def make_ready(s, van):
        """A BOUND VAN is READY when no function is wanted, or when under
        the region lock its function is observed to be there."""
        w.goes_on(s, van, Call.PREPARE, Van.BOUND)
        if w.programs:
            when(not w.locked(s, van), 'OSACC-060')
            when(w.offers(s, van), 'OSACC-028')
            s.verified[van] = True
            if w.tenant:
                s.dirty[van] = True
        if w.has('image'):
            s.image[van] = Image.NONE
        w.journal(s, van, Van.READY)

    @m.action('os-acc -> nova-compute: {van} is READY', fair=WEAK, van=van)
    def return_prepare(s, van):
        """prepare returns once its VAN is READY, with the function wanted,
        and not to be released."""
        w.goes_on(s, van, Call.PREPARE, Van.READY)
        when(w.fits(s, van), 'OSACC-028')
        s.call[van] = Call.PREPARED

    @m.action('os-acc -> nova-compute: {van} is PLUGGED already', fair=WEAK,
              van=van)
    def return_prepare_plugged(s, van):
        """prepare returns when its VAN is PLUGGED, is observed to be so and
        idle, and is not to be released."""
        w.goes_on(s, van, Call.PREPARE, Van.PLUGGED)
        when(w.as_plugged(s, van), 'OSACC-032')
        s.call[van] = Call.PREPARED

    @m.action('os-acc -> nova-compute: {van} is FAILED', fair=WEAK, van=van)
    def raise_failed(s, van):
        """prepare or plug raises VanFailed for a VAN that is FAILED."""
        when(s.call[van] in (Call.PREPARE, Call.PLUG), 'OSACC-031')
        when(s.state[van] is Van.FAILED, 'OSACC-031')
        w.answer_error(s, van)

    @m.action('os-acc -> nova-compute: Cancelled {van}', fair=WEAK, van=van)
    def cancel(s, van):
        """prepare or plug stops before its next step when its VAN is to be
        released."""
        when(s.call[van] in (Call.PREPARE, Call.PLUG), 'OSACC-063')
        when(s.goal[van] is Goal.RELEASED, 'OSACC-063')
        when(s.ask[van] is Ask.NONE, 'OSACC-063')
        w.answer_error(s, van)


def attach_now(w, s, van, answer):
    """The end of an attach that did attach, whatever the plugin says."""
    w.under_way(s, van, Job.ATTACH)
    s.attached[w.at(s, van)] = van
    w.end_job(s, van, answer)


def late_attach_actions(w):
    """The end of an attach, which may come when nobody waits any more."""
    m, van = w.m, w.van

    @m.action(f'{w.peer} -> plugin: {{van}} is attached', fair=WEAK, van=van)
    def attach(s, van):
        """An attach that is under way comes to its end."""
        attach_now(w, s, van, Ask.DONE)


def plug_actions(w):
    """``plug``."""
    m, van = w.m, w.van

    @m.action('os-acc -> plugin: T09 PLUGGING, plug {van}', fair=WEAK,
              van=van)
    def plug(s, van):
        """A READY VAN is plugged when it was just observed to be absent and
        idle, and to offer the function wanted."""
        w.goes_on(s, van, Call.PLUG, Van.READY)
        when(w.offers(s, van), 'OSACC-030')
        s.dirty[van] = True
        w.journal(s, van, Van.PLUGGING)
        s.ask[van] = Ask.ASKED

    @m.action(f'{w.peers}: attach {{van}}', fair=WEAK, van=van)
    def begin_attach(s, van):
        """The attach that was asked for begins."""
        w.begins(s, van, Van.PLUGGING, Job.ATTACH)
        s.job[van] = Job.ATTACH
        s.soiled[w.at(s, van)] = True

    late_attach_actions(w)

    if w.fault('plug'):
        @m.action(f'{w.peer} -> plugin: {{van}} cannot be attached',
                  fault=True, van=van)
        def fail_attach(s, van):
            """An attach may fail before it changed anything."""
            w.under_way(s, van, Job.ATTACH)
            pay(s, 'OSACC-F07')
            w.end_job(s, van, Ask.ERROR)

        @m.action(f'{w.peer} -> plugin: {{van}} is attached, but an error',
                  fault=True, van=van)
        def fail_attached(s, van):
            """An attach may fail after the platform's change."""
            pay(s, 'OSACC-F07')
            attach_now(w, s, van, Ask.ERROR)

    @m.action('os-acc -> os-acc: T10 PLUGGED {van}', fair=WEAK, van=van)
    def plugged(s, van):
        """A VAN is PLUGGED when the plugin returned attach data."""
        w.returned(s, van, Van.PLUGGING, True)
        w.journal(s, van, Van.PLUGGED)
        s.ask[van] = Ask.NONE

    @m.action('os-acc -> nova-compute: T11 or T12, PlugFailed {van}',
              fair=WEAK, van=van)
    def plug_failed(s, van):
        """After a failed plug the VAN is READY if it is observed to be
        absent and idle, and else FAILED."""
        when(s.state[van] is Van.PLUGGING, 'OSACC-033')
        when(s.ask[van] is Ask.ERROR, 'OSACC-033')
        if w.absent_and_idle(s, van):
            w.journal(s, van, Van.READY)
        else:
            w.journal(s, van, Van.FAILED)
        s.ask[van] = Ask.NONE
        w.answer_error(s, van)

    @m.action('os-acc -> nova-compute: {van} is PLUGGED', fair=WEAK, van=van)
    def return_plug(s, van):
        """plug returns once its VAN is PLUGGED, is observed to be so and
        idle, and is not to be released."""
        w.goes_on(s, van, Call.PLUG, Van.PLUGGED)
        when(w.as_plugged(s, van), 'OSACC-032')
        s.call[van] = Call.ATTACHED


def wait_actions(w):
    """What ends the wait for a plugin method."""
    m, van = w.m, w.van

    @m.action('os-acc -> nova-compute: PluginUnavailable {van}', fair=WEAK,
              van=van)
    def cannot_look(s, van):
        """A call that has to look first raises when nobody answers the
        plugin."""
        when(s.call[van] in (Call.PREPARE, Call.PLUG, Call.UNPLUG),
             'OSACC-054')
        when(s.ask[van] is Ask.NONE, 'OSACC-054')
        when(s.state[van] not in (Van.NONE, Van.REQUESTED, Van.RELEASED),
             'OSACC-054')
        when(not w.agent_up(s), 'OSACC-054')
        w.answer_error(s, van)

    if w.programs:
        @m.action('os-acc -> nova-compute: FunctionLost {van}, which '
                  'prepares it again', fair=WEAK, van=van)
        def function_lost(s, van):
            """plug raises for a VAN that has lost its function, and Nova
            calls prepare."""
            w.goes_on(s, van, Call.PLUG, Van.BOUND)
            s.call[van] = Call.PREPARE

    def gives_up(s, van):
        """A plugin method that was called raises."""
        when(s.ask[van] in ASKED, 'OSACC-011')
        s.ask[van] = Ask.ERROR

    if w.fault('time-out'):
        @m.action('plugin -> os-acc: out of time for {van}', fault=True,
                  van=van)
        def time_out(s, van):
            """A plugin method may reach its deadline before its end."""
            pay(s, 'OSACC-F06')
            gives_up(s, van)

    if any(map(w.fault, ('agent-crash', 'api-down', 'gone'))):
        @m.action('plugin -> os-acc: no answer for {van}', fair=WEAK,
                  van=van)
        def no_answer(s, van):
            """A plugin method fails when nobody can be asked, whoever was
            asked has died, or the device is gone."""
            when(not w.reachable(s, JOB_OF.get(s.state[van], Job.NONE))
                 or (w.is_gone(s, van)
                     and s.state[van] is not Van.UNPLUGGING), 'OSACC-011')
            gives_up(s, van)


def report_actions(w):
    """Reports to the Cyborg API."""
    m, van = w.m, w.van
    reporter = {'common': 'os-acc', 'plugin': 'plugin'}.get(w.writer,
                                                            'agent')

    def to_be_reported(s, van):
        """A settled state waits, and whoever reports reaches the API."""
        when(s.pending[van], 'OSACC-049')
        w.api_answers(s)
        if w.writer.startswith('agent'):
            when(w.agent_up(s), 'OSACC-048')
        else:
            w.nova_runs(s)
        when(s.state[van] in SETTLED, 'OSACC-047')
        if w.fault('restore'):
            when(not w.forgotten(s, van), 'OSACC-F16')

    # Each call that changed a VAN ends with an attempt: hence strong.
    @m.action(f'{reporter} -> cyborg-api: report {{van}}', fair=STRONG,
              van=van)
    def report(s, van):
        """What the API has not acknowledged is reported, once the VAN is
        settled."""
        to_be_reported(s, van)
        w.take_report(s, van)
        s.pending[van] = False

    if w.fault('lost-reply'):
        @m.action('cyborg-api -> nobody: the answer to the report of {van} '
                  'is lost', fault=True, van=van)
        def lose_acknowledgement(s, van):
            """A report may be taken and its answer lost."""
            to_be_reported(s, van)
            pay(s, 'OSACC-F10')
            w.take_report(s, van)
            if w.writer != 'common':
                s.pending[van] = False

    if w.fault('late-report'):
        @m.action(f'{reporter} -> nobody: the report of {{van}} is delayed',
                  fault=True, van=van)
        def delay_report(s, van):
            """A report may be under way for long."""
            to_be_reported(s, van)
            pay(s, 'OSACC-F10')
            s.late[van] = w.to_report(s, van)

        @m.action(f'{reporter} -> cyborg-api: the delayed report of {{van}}',
                  fair=WEAK, van=van)
        def take_late_report(s, van):
            """A delayed report arrives, and counts unless a newer one was
            taken."""
            when(s.late[van] is not Record.NONE, 'OSACC-050')
            w.api_answers(s)
            if not s.overtaken[van] and (
                    s.record[van] is not Record.NONE
                    or s.late[van] is Record.RELEASED):
                s.record[van] = s.late[van]
                if s.late[van] is Record.RELEASED:
                    w.free(s, van)
            s.late[van] = Record.NONE
            s.overtaken[van] = False

    if w.writer == 'agent-rpc' and w.fault('api-down'):
        @m.action('agent -> nobody: no conductor takes the report of {van}',
                  fair=WEAK, van=van)
        def drop_report(s, van):
            """A cast to a conductor that is not there is gone."""
            when(s.pending[van], 'OSACC-048')
            when(not w.api_up(s), 'OSACC-048')
            when(s.state[van] in SETTLED, 'OSACC-047')
            s.pending[van] = False


SETTLED = (Van.BOUND, Van.READY, Van.PLUGGED, Van.FAILED, Van.RELEASED)
MOVING = (Van.PROGRAMMING, Van.PLUGGING, Van.UNPLUGGING, Van.CLEANING)
JOB_OF = {Van.PROGRAMMING: Job.WRITE, Van.PLUGGING: Job.ATTACH,
          Van.UNPLUGGING: Job.DETACH, Van.CLEANING: Job.ERASE_HANDLE}

__all__ = ['JOB_OF', 'MOVING', 'SETTLED', 'Settings', 'abstract',
           'build', 'claim_actions', 'declare_claim', 'late_attach_actions',
           'plug_actions', 'ready_actions', 'report_actions', 'wait_actions']
