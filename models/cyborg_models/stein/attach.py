"""Attach: from Nova's claim to the device inside the guest.

Nova claims in Placement, creates ARQs, asks for their bind and waits for
one event each.  Cyborg's conductor takes a handle, has the device prepared
(here one step; ``program`` has the details), and says how it ended.
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import STRONG, WEAK, when
from cyborg_models.stein.defects import declare as defects_of
from cyborg_models.stein.scene import Scene
from cyborg_models.stein.vocabulary import (
    BUILDING,
    NAMING,
    Arq,
    Job,
    Kind,
    Notice,
    Nova,
    Use,
    abstract,
    become,
    fail_bind,
    need,
    nova_becomes,
    strike,
)

__all__ = ['Settings', 'abstract', 'build']


@dataclass(frozen=True)
class Settings:
    """What can be set.

    :ivar instances: that Nova builds, and that compete for handles
    :ivar arqs: accelerators of each instance
    :ivar handles: that there are
    :ivar inventory: accelerators that Placement believes there are, or None
        for as many as there are handles
    :ivar quota: ARQs that the project may have, or None for enough
    :ivar maintenance: True if an operator takes devices into maintenance
    :ivar twins: True if all builds are for one and the same instance
    :ivar faults: how many things may go wrong
    :ivar enabled: names of the faults that may happen, or None for all
    """

    instances: int = 2
    arqs: int = 1
    handles: int = 2
    inventory: int | None = None
    quota: int | None = None
    twins: bool = False
    maintenance: bool = False
    faults: int = 1
    enabled: tuple | None = None


def build(settings=Settings(), defects=()):
    """Attach as a model of its own; it ends with a guest or a failure."""
    scene = Scene(
        'stein.attach', defects, instances=settings.instances,
        arqs=settings.arqs, kinds=(Kind.PCI,) * settings.handles,
        inventory=settings.inventory, quota=settings.quota,
        twins=settings.twins, maintenance=settings.maintenance,
        faults=settings.faults, enabled=settings.enabled, in_one_step=True)
    nova_asks(scene)
    conductor_binds(scene)
    _prepare_in_one_step(scene)
    nova_attaches(scene)
    nova_goes_wrong(scene)
    conductor_goes_wrong(scene)
    operator_maintains(scene)
    bind_properties(scene)
    nova_properties(scene)
    m = scene.model

    @m.always('HANDLE-011')
    def no_failure_without_cause(s):
        """Without a fault, with handles enough, no bind fails."""
        return may_fail(s) or not s.arq.any(Arq.BIND_FAILED)

    def may_fail(s):
        """Something went wrong, or there are fewer handles than ARQs."""
        return (s.faults < settings.faults
                or settings.twins or settings.maintenance
                or settings.handles < settings.instances * settings.arqs)

    @m.always('ARQ-037', arq=scene.arq)
    def no_answer_fails_a_bind(s, arq):
        """Without a fault, with handles enough, an ARQ whose event Nova
        could not use yet is Bound, as the event said."""
        return (may_fail(s) or s.notice[arq] is not Notice.MISSED
                or s.arq[arq] is Arq.BOUND)

    @m.always('ARQ-034', instance=scene.instance)
    def failed_for_a_reason(s, instance):
        """Without a fault, a build fails when a bind did or was refused."""
        if s.nova[instance] is not Nova.FAILED or s.faults < settings.faults:
            return True
        return (any(s.arq[arq] is Arq.BIND_FAILED
                    for arq in scene.arqs_of(instance))
                or scene.named_by_rivals(s, instance)
                or scene.no_rows(s, instance) and not scene.within_quota(s))

    @m.may_end
    def at_rest(s):
        """Each instance runs, or failed, or was never asked for."""
        return (s.nova.all(Nova.NONE, Nova.ACTIVE, Nova.FAILED, Nova.GONE)
                and not s.asked.any(True) and s.job.all(Job.NONE)
                and not s.notice.any(Notice.SENT_OK, Notice.SENT_FAILED)
                and not any(scene.half_failed(s, instance)
                            for instance in scene.instance))

    defects_of(scene)
    return m.ready()


def nova_asks(scene):
    """From the claim to the bind request, and the waiter for its events."""
    m = scene.model

    @m.action('nova-scheduler -> placement: claim {host} for {instance}',
              instance=scene.instance, host=scene.host)
    def claim(s, instance, host):
        """A new instance claims accelerators on a host that has room."""
        when(s.nova[instance] is Nova.NONE, 'ARQ-001')
        when((s.claim.count(host) + 1) * scene.arqs <= scene.room(host),
             'HANDLE-001')
        s.claim[instance] = host
        nova_becomes(s, instance, Nova.CLAIMED)

    @m.action('nova-conductor -> cyborg-api: create ARQs for {instance}',
              fair=WEAK, instance=scene.instance)
    def post(s, instance):
        """With its claim, within quota, an instance gets its ARQs."""
        when(s.nova[instance] is Nova.CLAIMED, 'ARQ-001')
        when(scene.within_quota(s), 'ARQ-004')
        for arq in scene.arqs_of(instance):
            become(s, arq, Arq.INITIAL)
            s.charged[arq] = True
        nova_becomes(s, instance, Nova.POSTED)

    if scene.quota is not None:
        @m.action('cyborg-api -> nova-conductor: over quota, {instance}',
                  fair=WEAK, instance=scene.instance)
        def over_quota(s, instance):
            """A creation that would exceed the quota is refused."""
            when(s.nova[instance] is Nova.CLAIMED, 'ARQ-001')
            when(not scene.within_quota(s), 'ARQ-004')
            nova_becomes(s, instance, Nova.FAILED)

    @m.action('nova-conductor -> cyborg-api: bind the ARQs of {instance}',
              fair=WEAK, instance=scene.instance)
    def ask_bind(s, instance):
        """Created ARQs are bound in one PATCH, if no others are there."""
        when(s.nova[instance] is Nova.POSTED, 'ARQ-010')
        when(not scene.named_by_rivals(s, instance), 'ARQ-012')
        for arq in scene.arqs_of(instance):
            s.asked[arq] = True
        nova_becomes(s, instance, Nova.ASKED)

    if scene.twins:
        @m.action('cyborg-api -> nova-conductor: 409 for {instance}',
                  fair=WEAK, instance=scene.instance)
        def refuse_bind(s, instance):
            """A PATCH for an instance that has other ARQs is refused."""
            when(s.nova[instance] is Nova.POSTED, 'ARQ-010')
            when(scene.named_by_rivals(s, instance), 'ARQ-012')
            nova_becomes(s, instance, Nova.FAILED)

    @m.action('nova-compute -> nova-compute: register for {instance}',
              fair=WEAK, instance=scene.instance)
    def register(s, instance):
        """nova-compute registers for events once the bind was asked for."""
        when(s.nova[instance] is Nova.ASKED, 'ARQ-031')
        nova_becomes(s, instance, Nova.WAITING)


def conductor_binds(scene):
    """What cyborg-conductor does with a bind request."""
    m = scene.model

    @m.action('cyborg-api -> cyborg-conductor: bind {arq}', fair=WEAK,
              arq=scene.arq)
    def start_bind(s, arq):
        """A requested bind starts from Initial or Unbound."""
        when(s.asked[arq], 'ARQ-010')
        when(s.arq[arq] in (Arq.INITIAL, Arq.UNBOUND), 'ARQ-011')
        when(not scene.named_by_rivals(s, scene.instance_of(arq)),
             'ARQ-012')
        become(s, arq, Arq.BIND_STARTED)
        s.asked[arq] = False
        s.job[arq] = Job.STARTED

    if scene.twins:
        @m.action('cyborg-conductor -> nova-conductor: refuse to bind {arq}',
                  fair=WEAK, arq=scene.arq)
        def refuse_start(s, arq):
            """A bind is refused if another request was faster."""
            when(s.asked[arq], 'ARQ-010')
            when(scene.named_by_rivals(s, scene.instance_of(arq)), 'ARQ-012')
            instance = scene.instance_of(arq)
            for each in scene.arqs_of(instance):
                s.asked[each] = False
            if s.nova[instance] in (Nova.ASKED, Nova.WAITING):
                nova_becomes(s, instance, Nova.FAILED)

    @m.action('cyborg-conductor -> cyborg-conductor: ignore bind {arq}',
              fair=WEAK, arq=scene.arq)
    def ignore_request(s, arq):
        """A request for an ARQ that cannot be bound changes nothing."""
        when(s.asked[arq], 'ARQ-010')
        when(s.arq[arq] not in (Arq.INITIAL, Arq.UNBOUND), 'ARQ-024')
        s.asked[arq] = False

    # A handle suits, or none does; which of the two may change for ever.

    @m.action('cyborg-conductor -> cyborg-conductor: {handle} for {arq}',
              fair=STRONG, arq=scene.arq, handle=scene.handle)
    def take(s, arq, handle):
        """A started bind takes a free handle that suits its instance."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'HANDLE-010')
        when(scene.is_claimed(s, handle, scene.instance_of(arq)),
             'HANDLE-013')
        when(scene.can_serve(s, handle, scene.instance_of(arq)),
             'HANDLE-010')
        s.use[handle] = Use.IN_USE
        scene.name_handle(s, arq, handle)

    @m.action('cyborg-conductor -> nova-compute: no handle for {arq}',
              fair=STRONG, arq=scene.arq)
    def no_handle(s, arq):
        """A started bind for which no handle suits fails."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-015')
        when(scene.none_suits(s, arq), 'HANDLE-011')
        fail_bind(s, arq)

    @m.action('cyborg-conductor -> nova-compute: {arq} completed',
              fair=WEAK, arq=scene.arq)
    def bound(s, arq):
        """A bind whose device has been prepared succeeds."""
        when(s.job[arq] is Job.READY, 'PROGBIND-001')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-020')
        become(s, arq, Arq.BOUND)
        s.job[arq] = Job.NONE
        s.notice[arq] = Notice.SENT_OK

    @m.action('cyborg-conductor -> nova-compute: {arq} failed with others',
              fair=WEAK, arq=scene.arq)
    def fail_too(s, arq):
        """A bind fails once another of the same PATCH has failed."""
        when(s.arq[arq] in (Arq.BIND_STARTED, Arq.BOUND), 'ARQ-017')
        when(any(s.arq[other] is Arq.BIND_FAILED
                 for other in scene.siblings(arq)), 'ARQ-017')
        fail_bind(s, arq)

    @m.action('cyborg-conductor -> cyborg-conductor: sweep {arq}',
              fair=WEAK, arq=scene.arq)
    def sweep(s, arq):
        """A conductor that starts fails what a crash left unfinished."""
        when(s.job[arq] is Job.LOST, 'ARQ-022')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-022')
        fail_bind(s, arq)


def _prepare_in_one_step(scene):
    """Stands for all of ``program``, whatever the kind of handle."""
    m = scene.model

    @m.action('cyborg-conductor -> cyborg-agent: prepare the device of {arq}',
              fair=WEAK, arq=scene.arq)
    def prepare(s, arq):
        """A bind that has a handle has the device prepared."""
        when(s.job[arq] is Job.TAKEN, 'PROGBIND-001')
        s.job[arq] = Job.READY

    @scene.fault('cyborg-agent -> cyborg-conductor: {arq} not prepared',
                 arq=scene.arq)
    def prepare_fails(s, arq):
        """The device of a bind that has a handle cannot be prepared."""
        when(s.job[arq] is Job.TAKEN, 'PROGBIND-001')
        strike(s)
        fail_bind(s, arq)


def nova_attaches(scene):
    """From the events to the running guest."""
    m = scene.model

    @m.action('cyborg-conductor -> nova-compute: event for {arq}',
              fair=WEAK, arq=scene.arq)
    def deliver(s, arq):
        """An event arrives; before nova-compute listens, it is missed."""
        when(s.notice[arq] in (Notice.SENT_OK, Notice.SENT_FAILED),
             'ARQ-030')
        if s.nova[scene.instance_of(arq)] is not Nova.WAITING:
            s.notice[arq] = Notice.MISSED
        else:
            learn(s, arq, s.notice[arq] is Notice.SENT_OK)

    @m.action('nova-compute -> cyborg-api: state of {arq}', fair=WEAK,
              arq=scene.arq)
    def poll(s, arq):
        """nova-compute reads the state of an ARQ whose event it missed."""
        when(s.notice[arq] is Notice.MISSED, 'ARQ-032')
        when(s.nova[scene.instance_of(arq)] is Nova.WAITING, 'ARQ-032')
        when(s.reachable, 'ARQ-092')
        need(s, s.reachable)
        learn(s, arq, s.arq[arq] is Arq.BOUND)

    def learn(s, arq, is_bound):
        """One bind that failed fails the build."""
        s.notice[arq] = Notice.TOLD
        if not is_bound:
            nova_becomes(s, scene.instance_of(arq), Nova.FAILED)

    @m.action('nova-compute -> libvirt: define the guest of {instance}',
              fair=WEAK, instance=scene.instance)
    def attach(s, instance):
        """A guest is defined once Nova knows that all ARQs are Bound."""
        when(s.nova[instance] is Nova.WAITING, 'ARQ-031')
        when(all(s.notice[arq] is Notice.TOLD
                 for arq in scene.arqs_of(instance)), 'ARQ-033')
        when(scene.host_is_up(s, instance), 'ARQ-092')
        scene.give_devices(s, instance)
        nova_becomes(s, instance, Nova.SPAWNING)

    @m.action('libvirt -> nova-compute: {instance} runs', fair=WEAK,
              instance=scene.instance)
    def run(s, instance):
        """A guest that has been defined starts."""
        when(s.nova[instance] is Nova.SPAWNING, 'ARQ-033')
        when(scene.host_is_up(s, instance), 'ARQ-092')
        nova_becomes(s, instance, Nova.ACTIVE)

    @m.action('nova-compute -> nova-compute: no event for {instance}',
              fair=WEAK, instance=scene.instance)
    def time_out(s, instance):
        """A build fails when an event that was lost does not come."""
        when(s.nova[instance] is Nova.WAITING, 'ARQ-035')
        when(any(s.notice[arq] is Notice.LOST
                 for arq in scene.arqs_of(instance)), 'ARQ-035')
        nova_becomes(s, instance, Nova.FAILED)


def nova_goes_wrong(scene):
    """The faults of Nova and of its messages."""

    @scene.fault('nova-conductor -> nova-conductor: give up {instance}',
                 instance=scene.instance)
    def fail_before_bind(s, instance):
        """A build may fail after its ARQs were created."""
        when(s.nova[instance] is Nova.POSTED, 'ARQ-090')
        strike(s)
        nova_becomes(s, instance, Nova.FAILED)

    @scene.fault('cyborg-api -> nova-conductor: lost, ARQs of {instance}',
                 instance=scene.instance)
    def lose_created(s, instance):
        """The answer that names new ARQs may get lost: Nova gives up."""
        when(s.nova[instance] is Nova.POSTED, 'ARQ-090')
        strike(s)
        nova_becomes(s, instance, Nova.GONE)
        s.claim[instance] = None

    @scene.fault('nova-conductor -> cyborg-api: unknown provider, {instance}',
                 instance=scene.instance)
    def name_no_provider(s, instance):
        """A PATCH that names no known provider is refused as a whole."""
        when(s.nova[instance] is Nova.POSTED, 'ARQ-019')
        strike(s)
        nova_becomes(s, instance, Nova.FAILED)

    @scene.fault('cyborg-api -> cyborg-conductor: lost, bind {arq}',
                 arq=scene.arq)
    def lose_request(s, arq):
        """A bind request may get lost: Nova gets an error."""
        when(s.asked[arq], 'ARQ-090')
        when(s.nova[scene.instance_of(arq)] is Nova.ASKED, 'ARQ-090')
        strike(s)
        s.asked[arq] = False
        nova_becomes(s, scene.instance_of(arq), Nova.FAILED)

    @scene.fault('cyborg-api -> cyborg-conductor: bind {arq} once more',
                 arq=scene.arq)
    def repeat_request(s, arq):
        """A bind request may be delivered twice."""
        when(s.job[arq] is not Job.NONE, 'ARQ-090')
        when(not s.asked[arq], 'ARQ-090')
        strike(s)
        s.asked[arq] = True

    @scene.fault('cyborg-api -> nova-conductor: lost, answer {instance}',
                 instance=scene.instance)
    def lose_reply(s, instance):
        """The answer to a PATCH may get lost, while the bind goes on."""
        when(s.nova[instance] is Nova.ASKED, 'ARQ-090')
        strike(s)
        nova_becomes(s, instance, Nova.FAILED)

    @scene.fault('cyborg-conductor -> nova-compute: lost, event for {arq}',
                 arq=scene.arq)
    def lose_event(s, arq):
        """An event may get lost."""
        when(s.notice[arq] in (Notice.SENT_OK, Notice.SENT_FAILED),
             'ARQ-090')
        strike(s)
        s.notice[arq] = Notice.LOST

    @scene.fault('nova-compute -> nova-compute: too slow, {instance}',
                 instance=scene.instance)
    def give_up(s, instance):
        """Nova's time-out may pass while a bind goes on."""
        when(s.nova[instance] is Nova.WAITING, 'ARQ-090')
        strike(s)
        nova_becomes(s, instance, Nova.FAILED)

    @scene.fault('nova-compute -> nova-compute: crash, {instance}',
                 instance=scene.instance)
    def crash_compute(s, instance):
        """A build that a crash of nova-compute interrupts has failed."""
        when(s.nova[instance] in (Nova.WAITING, Nova.SPAWNING), 'ARQ-090')
        strike(s)
        nova_becomes(s, instance, Nova.FAILED)

    @scene.fault('libvirt -> nova-compute: {instance} does not start',
                 instance=scene.instance)
    def fail_spawn(s, instance):
        """A guest that has been defined may not start."""
        when(s.nova[instance] is Nova.SPAWNING, 'ARQ-090')
        strike(s)
        nova_becomes(s, instance, Nova.FAILED)


def conductor_goes_wrong(scene):
    """The faults of the conductor."""

    @scene.fault('cyborg-conductor -> nova-compute: bind time-out of {arq}',
                 arq=scene.arq)
    def bind_times_out(s, arq):
        """A bind may take too long: it fails at once."""
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-023')
        strike(s)
        fail_bind(s, arq)

    @scene.fault('cyborg-conductor -> cyborg-conductor: crash')
    def crash_conductor(s):
        """A conductor may crash: every job that it runs is lost."""
        when(s.job.any(Job.STARTED, Job.TAKEN, Job.ASKED, Job.READY),
             'ARQ-090')
        strike(s)
        for arq in scene.arq:
            if s.job[arq] is not Job.NONE:
                s.job[arq] = Job.LOST


def operator_maintains(scene):
    """Devices go into maintenance, and come back."""
    m = scene.model

    if not scene.maintenance:
        return

    @m.action('operator -> cyborg-api: device of {handle} into maintenance',
              handle=scene.handle)
    def maintain(s, handle):
        """A device that nobody has can be taken into maintenance."""
        when(s.use[handle] is Use.FREE, 'HANDLE-014')
        when(not s.serviced[handle], 'HANDLE-014')
        s.serviced[handle] = True

    @m.action('operator -> cyborg-api: device of {handle} from maintenance',
              handle=scene.handle)
    def bring_back(s, handle):
        """A device comes back from maintenance."""
        when(s.serviced[handle], 'HANDLE-014')
        s.serviced[handle] = False

    @m.always('HANDLE-014', handle=scene.handle)
    def nobody_has_what_is_serviced(s, handle):
        """A device that went into maintenance free is nobody's there."""
        return not s.serviced[handle] or s.use[handle] is Use.FREE

    @m.sometimes('HANDLE-014', arq=scene.arq)
    def none_but_what_is_serviced(s, arq):
        """A bind fails for want of a handle that is in maintenance."""
        return (s.arq[arq] is Arq.BIND_FAILED and s.serviced.any(True)
                and s.faults == scene.faults)


def bind_properties(scene):
    """What holds of binds, alone or within the system."""
    m = scene.model

    @m.always('ARQ-020')
    def state_matrix(s):
        """No ARQ ever made a transition that is not allowed."""
        return s.lawful

    @m.always('ARQ-092')
    def nothing_impossible(s):
        """No step was taken that its host, or Nova's table, forbids."""
        return s.possible

    @m.always('HANDLE-012', handle=scene.handle)
    def one_owner_per_handle(s, handle):
        """No two ARQs name the same handle."""
        return s.handle.count(handle) <= 1

    @m.always('HANDLE-013', arq=scene.arq)
    def taken_where_it_was_claimed(s, arq):
        """While Nova builds or has an instance, the handle of its ARQ is of
        the host, and so of the provider, that it claimed."""
        instance = scene.instance_of(arq)
        return (s.handle[arq] is None
                or s.nova[instance] not in (*BUILDING, Nova.ACTIVE)
                or s.claim[instance] == scene.host_of(s.handle[arq]))

    @m.always('HANDLE-010', handle=scene.handle)
    def in_use_means_named(s, handle):
        """A handle is in use exactly while an ARQ names it."""
        return (s.use[handle] is Use.IN_USE) == (s.handle.any(handle))

    if scene.twins:
        @m.always('ARQ-012')
        def one_request_per_instance(s):
            """ARQs of different requests never name the same instance."""
            naming = {scene.instance_of(arq) for arq in scene.arq
                      if s.arq[arq] in NAMING}
            return len(naming) <= 1

    @m.always('ARQ-015', arq=scene.arq)
    def somebody_binds(s, arq):
        """A bind that has started has a job, or is found by the sweep."""
        return (s.arq[arq] is not Arq.BIND_STARTED
                or s.job[arq] is not Job.NONE)

    @m.always('HANDLE-020', arq=scene.arq)
    def failed_releases(s, arq):
        """An ARQ whose bind failed has no handle."""
        return (s.arq[arq] is not Arq.BIND_FAILED
                or s.handle[arq] is None)

    @m.always('HANDLE-021', arq=scene.arq)
    def unbound_releases(s, arq):
        """An ARQ that is Initial, Unbound or gone has no handle."""
        return (s.arq[arq] not in (Arq.INITIAL, Arq.UNBOUND, Arq.ABSENT)
                or s.handle[arq] is None)

    @m.always('PROGBIND-001', arq=scene.arq)
    def bound_has_handle(s, arq):
        """A Bound ARQ has a handle."""
        return s.arq[arq] is not Arq.BOUND or s.handle[arq] is not None

    @m.eventually('ARQ-024', arq=scene.arq)
    def every_request_is_answered(s, arq):
        """A bind request is taken up, refused or ignored."""
        return s.asked[arq], not s.asked[arq]

    @m.eventually('ARQ-015', arq=scene.arq)
    def bind_always_ends(s, arq):
        """A bind that has started ends, or its ARQ is deleted."""
        return (s.arq[arq] is Arq.BIND_STARTED,
                s.arq[arq] is not Arq.BIND_STARTED)

    if scene.arqs > 1:
        @m.eventually('ARQ-017', instance=scene.instance)
        def failed_releases_all(s, instance):
            """Once a bind failed, no other of the same PATCH stays Bound."""
            half = scene.half_failed(s, instance)
            return half, not half


def nova_properties(scene):
    """What holds of builds, alone or within the system."""
    m = scene.model

    if scene.quota is not None:
        @m.always('ARQ-004')
        def quota_is_kept(s):
            """The project never has more ARQs than its quota."""
            return s.charged.count(True) <= scene.quota

    @m.always('ARQ-005', arq=scene.arq)
    def charged_while_it_exists(s, arq):
        """An ARQ is charged exactly while its row exists."""
        return s.charged[arq] == (s.arq[arq] is not Arq.ABSENT)

    @m.always('ARQ-003', instance=scene.instance)
    def created_together(s, instance):
        """While Nova waits for the binds, all ARQs of an instance exist."""
        return s.nova[instance] not in (Nova.POSTED, Nova.WAITING) or all(
            s.arq[arq] is not Arq.ABSENT for arq in scene.arqs_of(instance))

    @m.always('HANDLE-001', host=scene.host)
    def claims_fit(s, host):
        """Placement never grants more claims than a host has room for."""
        return s.claim.count(host) * scene.arqs <= scene.room(host)

    @m.always('ARQ-001', instance=scene.instance)
    def claim_while_busy(s, instance):
        """An instance has a claim exactly while Nova is busy with it."""
        return (s.claim[instance] is None) == (
            s.nova[instance] in (Nova.NONE, Nova.GONE))

    @m.always('ARQ-033', instance=scene.instance)
    def starts_when_told(s, instance):
        """A guest starts when Nova knows that all its ARQs are Bound."""
        return s.nova[instance] is not Nova.SPAWNING or all(
            s.notice[arq] is Notice.TOLD and s.arq[arq] is Arq.BOUND
            for arq in scene.arqs_of(instance))

    @m.always('ARQ-030', arq=scene.arq)
    def somebody_tells(s, arq):
        """While Nova waits, the event about a bind that ended is under way."""
        return (s.nova[scene.instance_of(arq)] is not Nova.WAITING
                or s.notice[arq] is not Notice.NONE
                or s.arq[arq] not in (Arq.BOUND, Arq.BIND_FAILED))

    @m.always('ARQ-036', instance=scene.instance)
    def no_belief_without_device(s, instance):
        """A running instance has the device of each of its ARQs."""
        return s.nova[instance] is not Nova.ACTIVE or all(
            scene.has_guest(s, arq) for arq in scene.arqs_of(instance))

    @m.eventually('ARQ-030', arq=scene.arq)
    def every_event_is_dealt_with(s, arq):
        """An event that was sent arrives, is missed, or is lost."""
        sent = s.notice[arq] in (Notice.SENT_OK, Notice.SENT_FAILED)
        return sent, not sent

    @m.eventually('ARQ-034', instance=scene.instance)
    def every_build_ends(s, instance):
        """A build ends: the instance runs, or Nova gives it up."""
        return (s.nova[instance] in BUILDING,
                s.nova[instance] not in BUILDING)

    @m.eventually('ARQ-030', instance=scene.instance)
    def every_waiting_caller_is_told(s, instance):
        """Nova does not wait for ever."""
        return (s.nova[instance] in (Nova.ASKED, Nova.WAITING),
                s.nova[instance] not in (Nova.ASKED, Nova.WAITING))

    @m.sometimes('ARQ-036', instance=scene.instance)
    def runs(s, instance):
        """An instance can run with its devices."""
        return s.nova[instance] is Nova.ACTIVE

    @m.sometimes('ARQ-032')
    def event_missed(s):
        """An event can come before nova-compute listens."""
        return s.notice.any(Notice.MISSED)
