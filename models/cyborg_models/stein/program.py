"""Program: the function that an instance asked for gets into its region.

Choose a bitstream, fetch it, validate it, write it, verify it, record it.
The agent does the middle four on the host, and only the fetch needs the
control plane.  A mediated device is made in the same way, without a
bitstream; a plain PCI function needs none of this.
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import WEAK, when
from cyborg_models.stein import attach, release
from cyborg_models.stein.defects import declare as defects_of
from cyborg_models.stein.scene import Scene
from cyborg_models.stein.vocabulary import (
    Arq,
    Job,
    Kind,
    Logic,
    Nova,
    Use,
    Work,
    abstract,
    become,
    fail_bind,
    need,
    release_handle,
    strike,
)

__all__ = ['Settings', 'abstract', 'build']


@dataclass(frozen=True)
class Settings:
    """What can be set.

    :ivar instances: that want a function, one ARQ each
    :ivar handles: that there are
    :ivar per_region: handles that share one region
    :ivar functions: 1 if all want the same function, 2 if they differ
    :ivar kind: of the handles
    :ivar operator: True if an operator programs free regions, too
    :ivar faults: how many things may go wrong
    :ivar enabled: names of the faults that may happen, or None for all
    """

    instances: int = 2
    handles: int = 2
    per_region: int = 2
    functions: int = 2
    kind: Kind = Kind.FPGA
    operator: bool = False
    faults: int = 1
    enabled: tuple | None = None


def build(settings=Settings(), defects=()):
    """Programming as a model of its own: ARQs are bound, used, unbound."""
    scene = Scene(
        'stein.program', defects, instances=settings.instances,
        kinds=(settings.kind,) * settings.handles,
        per_region=settings.per_region, functions=settings.functions,
        begins=(Nova.STOPPED, 0), faults=settings.faults,
        enabled=settings.enabled)
    _users(scene)
    attach.conductor_binds(scene)
    conductor_programs(scene)
    agent_programs(scene)
    if settings.operator:
        operator_programs(scene)
    release.agent_cleans(scene)
    attach.conductor_goes_wrong(scene)
    what_goes_wrong(scene)
    release.hosts_lose_power(scene)
    attach.bind_properties(scene)
    properties(scene)
    m = scene.model  # it never ends: users come and go

    @m.always('HANDLE-011')
    def no_failure_without_cause(s):
        """Without a fault, with a region for each, no bind fails."""
        return (s.faults < settings.faults
                or settings.operator
                or settings.per_region > 1
                or settings.handles < settings.instances
                or not s.arq.any(Arq.BIND_FAILED))

    defects_of(scene)
    return m.ready()


def _users(scene):
    """Instances that want a device, have it, and give it back."""
    m = scene.model

    @m.action('operator -> cyborg-api: create {arq}', arq=scene.arq)
    def create(s, arq):
        """An ARQ can be created, once."""
        when(s.arq[arq] is Arq.ABSENT, 'ARQ-003')
        become(s, arq, Arq.INITIAL)

    @m.action('operator -> cyborg-api: bind {arq}', arq=scene.arq)
    def request(s, arq):
        """An ARQ can be bound when no handle has still to be erased."""
        when(s.arq[arq] in (Arq.INITIAL, Arq.UNBOUND), 'ARQ-011')
        when(not s.asked[arq], 'ARQ-010')
        when(not s.use.any(Use.CLEANING), 'HANDLE-001')
        s.asked[arq] = True

    @m.action('nova-compute -> libvirt: attach {arq}', arq=scene.arq)
    def use(s, arq):
        """A Bound ARQ can have its device attached, if the host is up."""
        when(s.arq[arq] is Arq.BOUND, 'ARQ-033')
        when(not scene.has_guest(s, arq), 'ARQ-033')
        when(scene.host_is_up(s, scene.instance_of(arq)), 'ARQ-092')
        scene.give_devices(s, scene.instance_of(arq))

    @m.action('nova-compute -> libvirt: detach {arq}', arq=scene.arq)
    def stop_using(s, arq):
        """An attached device can be detached."""
        when(scene.has_guest(s, arq), 'ARQ-060')
        scene.take_devices(s, scene.instance_of(arq))

    @m.action('operator -> cyborg-api: unbind {arq}', fair=WEAK,
              arq=scene.arq)
    def give_back(s, arq):
        """An ARQ that is detached, or whose bind failed, is unbound."""
        when(s.arq[arq] in (Arq.BOUND, Arq.BIND_FAILED), 'ARQ-020')
        when(not scene.has_guest(s, arq), 'ARQ-070')
        become(s, arq, Arq.UNBOUND)
        release_handle(s, arq)


def conductor_programs(scene):
    """What cyborg-conductor asks of the agent, and makes of the reply."""
    m = scene.model

    @m.action('cyborg-conductor -> cyborg-agent: prepare {handle} for {arq}',
              fair=WEAK, arq=scene.arq, handle=scene.handle)
    def choose(s, arq, handle):
        """A bind whose device is not ready has the region written."""
        when(s.job[arq] is Job.TAKEN, 'HANDLE-010')
        when(s.handle[arq] == handle, 'HANDLE-010')
        reaches_the_other(s)
        s.job[arq] = Job.ASKED
        scene.begin(s, arq, handle)

    @m.action('cyborg-agent -> cyborg-conductor: done, record {arq}',
              fair=WEAK, arq=scene.arq)
    def record(s, arq):
        """What the agent has verified is recorded, once its reply arrives.
        """
        when(scene.answer(s, arq) is Work.DONE, 'PROGBIND-016')
        reaches_the_other(s)
        region = scene.region_for(s, arq)
        s.recorded[region] = s.target[region]
        s.work[region] = Work.IDLE
        s.job[arq] = Job.READY

    @m.action('cyborg-agent -> cyborg-conductor: failed, {arq}', fair=WEAK,
              arq=scene.arq)
    def not_programmed(s, arq):
        """A bind fails when the agent says that programming failed."""
        when(scene.answer(s, arq) is Work.FAILED, 'PROGBIND-015')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        reaches_the_other(s)
        fail_bind(s, arq)

    @m.action('cyborg-conductor -> cyborg-conductor: no reply, {arq}',
              fair=WEAK, arq=scene.arq)
    def no_reply(s, arq):
        """A bind fails when a request or its reply was lost."""
        when(scene.answer(s, arq) is Work.IDLE, 'PROGBIND-021')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        fail_bind(s, arq)

    @m.action('cyborg-agent -> cyborg-agent: drop the work on {region}',
              fair=WEAK, region=scene.region)
    def drop_work(s, region):
        """Work on a region whose handle was released is of no use."""
        when(s.work[region] is not Work.IDLE, 'ARQ-023')
        when(any(s.use[handle] is Use.CLEANING
                 for handle in scene.handles_of(region)), 'ARQ-023')
        s.work[region] = Work.IDLE


def reaches_the_other(s):
    """A message between conductor and agent arrives."""
    when(s.reachable, 'ARQ-092')
    need(s, s.reachable)


def fetched(s, region, image):
    """The agent has fetched an image for a region."""
    s.image[region] = image
    s.work[region] = Work.FETCHED


def agent_programs(scene):
    """What cyborg-agent does to a region."""
    m = scene.model

    @m.action('glance -> cyborg-agent: bitstream for {region}', fair=WEAK,
              region=scene.region)
    def fetch(s, region):
        """A requested bitstream is fetched, if Glance can be reached."""
        when(s.work[region] is Work.ASKED, 'PROGBIND-013')
        when(s.reachable, 'PROGBIND-013')
        need(s, s.reachable)
        fetched(s, region, s.target[region])

    @m.action('cyborg-agent -> cyborg-agent: validate for {region}',
              fair=WEAK, region=scene.region)
    def validate(s, region):
        """A fetched bitstream that fits its region is accepted."""
        when(s.work[region] is Work.FETCHED, 'PROGBIND-014')
        when(s.image[region] is s.target[region], 'PROGBIND-014')
        s.work[region] = Work.VALID

    @m.action('cyborg-agent -> cyborg-agent: reject for {region}',
              fair=WEAK, region=scene.region)
    def reject(s, region):
        """A fetched bitstream that does not fit is rejected."""
        when(s.work[region] is Work.FETCHED, 'PROGBIND-014')
        when(s.image[region] is not s.target[region], 'PROGBIND-014')
        s.work[region] = Work.FAILED

    @m.action('cyborg-agent -> driver: write {region}', fair=WEAK,
              region=scene.region)
    def write(s, region):
        """An accepted bitstream is written."""
        when(s.work[region] is Work.VALID, 'PROGBIND-014')
        s.loaded[region] = Logic.PARTIAL
        s.work[region] = Work.WRITING

    @m.action('driver -> cyborg-agent: {region} written', fair=WEAK,
              region=scene.region)
    def finish(s, region):
        """A region holds what was written when the write has ended."""
        when(s.work[region] is Work.WRITING, 'PROGBIND-015')
        s.loaded[region] = s.image[region]
        s.work[region] = Work.WRITTEN

    @m.action('cyborg-agent -> driver: read {region} back', fair=WEAK,
              region=scene.region)
    def verify(s, region):
        """The write succeeded if the region reads as it should."""
        when(s.work[region] is Work.WRITTEN, 'PROGBIND-015')
        s.work[region] = (Work.DONE if s.loaded[region] is s.target[region]
                          else Work.FAILED)


def operator_programs(scene):
    """An operator has free regions programmed, without any ARQ."""
    m = scene.model

    @m.action('operator -> cyborg-api: program {region}',
              region=scene.region)
    def program(s, region):
        """A region all of whose handles are free can be programmed."""
        when(scene.ended(s, region), 'PROGBIND-022')
        when(s.work[region] is Work.IDLE, 'PROGBIND-020')
        when(scene.agent_is_up(s, region), 'ARQ-092')
        reaches_the_other(s)
        s.recorded[region] = Logic.NONE
        s.target[region] = Logic.FIRST
        s.work[region] = Work.ASKED

    @m.action('cyborg-agent -> cyborg-conductor: record {region}',
              fair=WEAK, region=scene.region)
    def record_region(s, region):
        """What the agent did for an operator is recorded."""
        when(s.work[region] in (Work.DONE, Work.FAILED), 'PROGBIND-016')
        when(scene.ended(s, region), 'PROGBIND-016')
        reaches_the_other(s)
        if s.work[region] is Work.DONE:
            s.recorded[region] = s.target[region]
        s.work[region] = Work.IDLE


def what_goes_wrong(scene):
    """The faults of programming."""

    @scene.fault('glance -> cyborg-conductor: none, or several, for {arq}',
                 arq=scene.arq)
    def no_bitstream(s, arq):
        """A bind fails if there is not exactly one bitstream for it."""
        when(s.arq[arq] is Arq.BIND_STARTED, 'PROGBIND-019')
        strike(s)
        fail_bind(s, arq)

    @scene.fault('cyborg-conductor -> cyborg-agent: lost, prepare for {arq}',
                 arq=scene.arq)
    def lose_prepare(s, arq):
        """A request to the agent may get lost."""
        when(s.job[arq] is Job.TAKEN, 'ARQ-090')
        strike(s)
        s.job[arq] = Job.ASKED

    @scene.fault('glance -> cyborg-agent: error, {region}',
                 region=scene.region)
    def fail_fetch(s, region):
        """A bitstream may not be had."""
        when(s.work[region] is Work.ASKED, 'ARQ-090')
        strike(s)
        s.work[region] = Work.FAILED

    @scene.fault('glance -> cyborg-agent: unfit bitstream for {region}',
                 region=scene.region)
    def fetch_unfit(s, region):
        """A bitstream may be made for another region, or be none at all."""
        when(s.work[region] is Work.ASKED, 'ARQ-090')
        strike(s)
        fetched(s, region, Logic.PARTIAL)

    @scene.fault('driver -> cyborg-agent: error, {region}',
                 region=scene.region)
    def fail_write(s, region):
        """A write may fail half way."""
        when(s.work[region] is Work.WRITING, 'ARQ-090')
        strike(s)
        s.work[region] = Work.FAILED

    @scene.fault('driver -> cyborg-agent: {region} written, it is said',
                 region=scene.region)
    def garble(s, region):
        """A write may fail while the driver reports success."""
        when(s.work[region] is Work.WRITING, 'ARQ-090')
        strike(s)
        s.work[region] = Work.WRITTEN

    @scene.fault('cyborg-agent -> cyborg-conductor: lost, {region}',
                 region=scene.region)
    def lose_result(s, region):
        """The agent's reply may get lost."""
        when(s.work[region] in (Work.DONE, Work.FAILED), 'ARQ-090')
        strike(s)
        s.work[region] = Work.IDLE

    @scene.fault('cyborg-agent -> cyborg-agent: crash on {host}',
                 host=scene.host)
    def crash_agent(s, host):
        """An agent may crash: its work stays as it is."""
        when(any(s.work[region] is not Work.IDLE
                 for region in scene.regions_on(host)), 'ARQ-090')
        strike(s)
        scene.stop_agent(s, host)

    @scene.fault('placement -> cyborg-conductor: trait refused, {arq}',
                 arq=scene.arq)
    def refuse_trait(s, arq):
        """Placement may refuse the trait of a function: the bind fails."""
        when(scene.answer(s, arq) is Work.DONE, 'PROGBIND-016')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        reaches_the_other(s)
        strike(s)
        fail_bind(s, arq)


def properties(scene):
    """What holds of programming, alone or within the system."""
    m = scene.model

    def lost_its_content(s, region):
        """A host that is down may have lost power, and the region with it
        what it held, which Cyborg learns when the host is up."""
        return ('lose_power' in m.actions
                and not scene.agent_is_up(s, region)
                and s.loaded[region] is Logic.NONE)

    @m.always('PROGBIND-010', handle=scene.handle)
    def never_attached_wrong_function(s, handle):
        """A guest has a device that holds what its instance asked for."""
        return (scene.plain(handle) or s.guest[handle] is None
                or s.loaded[scene.region_of(handle)]
                is scene.wanted(handle, s.guest[handle]))

    @m.always('PROGBIND-001', arq=scene.arq)
    def bound_means_loaded(s, arq):
        """The device of a Bound ARQ holds what was asked for, or its host
        has lost power, and has not come back yet."""
        return (s.arq[arq] is not Arq.BOUND or s.handle[arq] is None
                or scene.plain(s.handle[arq])
                or s.loaded[scene.region_of(s.handle[arq])]
                is scene.wanted(s.handle[arq], scene.instance_of(arq))
                or lost_its_content(s, scene.region_of(s.handle[arq])))

    @m.always('PROGBIND-011', region=scene.region)
    def never_reprogrammed_under_a_user(s, region):
        """Nobody has a device of a region that is being written."""
        return s.work[region] is not Work.WRITING or all(
            s.guest[handle] is None for handle in scene.handles_of(region))

    def to_be_erased(s, region):
        return any(s.use[handle] is Use.CLEANING
                   for handle in scene.handles_of(region))

    @m.always('PROGBIND-012', region=scene.region)
    def record_is_true(s, region):
        """Until it is erased, or its host has lost power and not come back
        yet, a region holds what the record names."""
        return (s.recorded[region] in (Logic.NONE, s.loaded[region])
                or to_be_erased(s, region) or lost_its_content(s, region))

    @m.always('PROGBIND-012', region=scene.region)
    def writing_destroys(s, region):
        """A region that is being written holds nothing of use."""
        return (s.work[region] is not Work.WRITING
                or s.loaded[region] is Logic.PARTIAL)

    @m.always('PROGBIND-014', region=scene.region)
    def only_fit_is_written(s, region):
        """A bitstream that does not fit its region is never written."""
        return (s.work[region] is not Work.WRITING
                or s.image[region] is s.target[region])

    @m.always('PROGBIND-015', region=scene.region)
    def success_is_true(s, region):
        """The agent reports success only if the region holds the target."""
        return (s.work[region] is not Work.DONE
                or s.loaded[region] is s.target[region])

    @m.always('PROGBIND-017', region=scene.region)
    def database_and_device_agree(s, region):
        """When all is done, the record says what a region holds.

        After a fault, a region that nobody uses may be recorded as empty,
        and that of a host without power as full.
        """
        return (s.work[region] is not Work.IDLE
                or not s.job.all(Job.NONE)
                or s.arq.any(Arq.BIND_STARTED, Arq.DELETING,
                             Arq.UNBIND_FAILED)
                or to_be_erased(s, region)
                or lost_its_content(s, region)
                or s.recorded[region] is s.loaded[region]
                or s.recorded[region] is Logic.NONE
                and scene.ended(s, region) and s.faults < scene.faults)

    @m.always('PROGBIND-010', region=scene.region)
    def work_has_a_target(s, region):
        """The agent works on a region towards a function."""
        return (s.work[region] is Work.IDLE
                or s.target[region] is not Logic.NONE)

    @m.always('PROGBIND-021', arq=scene.arq)
    def agent_works_for_who_waits(s, arq):
        """Without a fault, the agent works while a bind waits for it."""
        return (s.faults < scene.faults
                or scene.answer(s, arq) is not Work.IDLE)

    @m.always('ARQ-092', region=scene.region)
    def no_work_on_a_host_that_is_down(s, region):
        """The agent does nothing while its host is down."""
        return (s.work[region] is Work.IDLE
                or scene.agent_is_up(s, region))

    @m.eventually('PROGBIND-020', region=scene.region)
    def work_always_ends(s, region):
        """What the agent does to a region ends."""
        return (s.work[region] is not Work.IDLE,
                s.work[region] is Work.IDLE)

    @m.sometimes('PROGBIND-016', region=scene.region)
    def programmed(s, region):
        """A region can be programmed."""
        return s.recorded[region] is not Logic.NONE

    if scene.functions == 1 or scene.per_region == 1:
        @m.sometimes('PROGBIND-018', region=scene.region)
        def shared(s, region):
            """A region can serve all its handles, if its users agree."""
            return all(s.guest[handle] is not None
                       for handle in scene.handles_of(region))

    if 'lose_power' in m.actions:
        @m.always('PROGBIND-024', region=scene.region)
        def a_start_confirms(s, region):
            """The record of a host that is up does not name what its region
            has lost, unless that is to be erased."""
            return (not scene.agent_is_up(s, region)
                    or s.recorded[region] is Logic.NONE
                    or s.loaded[region] is not Logic.NONE
                    or to_be_erased(s, region))

        @m.always('PROGBIND-030', arq=scene.arq)
        def nothing_relies_on_what_is_lost(s, arq):
            """On a host that is up the device of an ARQ that is Bound, or
            about to be, holds what was asked for."""
            handle = s.handle[arq]
            return not scene.relies_on_its_device(s, arq) or (
                handle is None or scene.plain(handle)
                or not s.up[scene.host_of(handle)]
                or s.loaded[scene.region_of(handle)]
                is scene.wanted(handle, scene.instance_of(arq)))

    if not scene.faults:
        return

    @m.sometimes('PROGBIND-017', region=scene.region)
    def half_written(s, region):
        """A region can be left half written."""
        return (s.loaded[region] is Logic.PARTIAL
                and s.work[region] is Work.IDLE)

    if 'lose_power' in m.actions:
        @m.sometimes('PROGBIND-030', region=scene.region)
        def content_is_lost(s, region):
            """A region can lose what it is recorded to hold."""
            return (lost_its_content(s, region)
                    and s.recorded[region] is not Logic.NONE)
