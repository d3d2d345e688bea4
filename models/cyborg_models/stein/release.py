"""Release: the way back, from every place where an ARQ can be.

Nova deletes the ARQs of an instance that is deleted, that failed to build
or that leaves a host which is down; Cyborg sweeps those that nobody will
bind.  A row goes at once, and takes nothing with it: its handle stays on to
be erased by the agent, and only then is it offered again.
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import WEAK, when
from cyborg_models.stein import attach
from cyborg_models.stein.defects import declare as defects_of
from cyborg_models.stein.scene import Scene
from cyborg_models.stein.vocabulary import (
    GIVEN_UP,
    LEAVING,
    Arq,
    Job,
    Kind,
    Logic,
    Nova,
    Use,
    Work,
    abstract,
    ask,
    become,
    fail_bind,
    need,
    nova_becomes,
    release_handle,
    remove_row,
    strike,
)

__all__ = ['Settings', 'abstract', 'build']


@dataclass(frozen=True)
class Settings:
    """What can be set.

    :ivar instances: that are built and deleted
    :ivar arqs: accelerators of each instance
    :ivar handles: that there are
    :ivar inventory: accelerators that Placement believes there are, or None
        for as many as there are handles
    :ivar faults: how many things may go wrong
    :ivar operations: how many times users may ask for something
    :ivar discovery: True if a driver may fail to look for its devices
    :ivar enabled: names of the faults that may happen, or None for all
    """

    instances: int = 1
    arqs: int = 1
    handles: int = 1
    inventory: int | None = None
    faults: int = 1
    operations: int = 2
    discovery: bool = False
    enabled: tuple | None = None


def build(settings=Settings(), defects=()):
    """Release as a model of its own, with the bind that it undoes."""
    scene = Scene(
        'stein.release', defects, instances=settings.instances,
        arqs=settings.arqs, kinds=(Kind.PCI,) * settings.handles,
        inventory=settings.inventory, faults=settings.faults,
        operations=settings.operations, discovery=settings.discovery,
        enabled=settings.enabled)
    attach.nova_asks(scene)
    attach.conductor_binds(scene)
    attach.nova_attaches(scene)
    attach.nova_goes_wrong(scene)
    attach.conductor_goes_wrong(scene)
    attach.bind_properties(scene)
    attach.nova_properties(scene)
    users_end(scene)
    operator_unbinds(scene)
    nova_releases(scene)
    conductor_releases(scene)
    agent_cleans(scene)
    what_goes_wrong(scene)
    properties(scene)
    scene.model.may_end(scene.quiet)
    defects_of(scene)
    return scene.model.ready()


def users_end(scene):
    """What a user asks for that takes devices away."""
    m = scene.model

    @m.action('user -> nova-api: stop {instance}', instance=scene.instance)
    def stop(s, instance):
        """A running instance can be stopped: it keeps its ARQs."""
        when(s.nova[instance] is Nova.ACTIVE, 'ARQ-091')
        when(scene.host_is_up(s, instance), 'ARQ-092')
        ask(s)
        scene.take_devices(s, instance)
        nova_becomes(s, instance, Nova.STOPPED)

    @m.action('user -> nova-api: delete {instance}', instance=scene.instance)
    def delete_instance(s, instance):
        """An instance can be deleted while it waits, runs or is stopped."""
        when(s.nova[instance] in (Nova.WAITING, Nova.ACTIVE, Nova.STOPPED),
             'ARQ-091')
        ask(s)
        nova_becomes(s, instance, Nova.DELETING)

    @m.action('user -> nova-api: delete {instance}, its host is down',
              instance=scene.instance)
    def abandon(s, instance):
        """An instance can be deleted while its host is down."""
        when(s.nova[instance] in (Nova.ACTIVE, Nova.STOPPED), 'ARQ-091')
        when(not scene.host_is_up(s, instance), 'ARQ-082')
        ask(s)
        nova_becomes(s, instance, Nova.ABANDONING)

    @m.action('operator -> nova-api: evacuate {instance}',
              instance=scene.instance)
    def evacuate(s, instance):
        """An instance can leave a host that is down."""
        when(s.nova[instance] in (Nova.ACTIVE, Nova.STOPPED), 'ARQ-091')
        when(not scene.host_is_up(s, instance), 'ARQ-082')
        ask(s)
        nova_becomes(s, instance, Nova.EVACUATING)


def operator_unbinds(scene):
    """An operator takes devices from stopped instances, and gives them back.
    """
    m = scene.model

    @m.action('operator -> cyborg-api: unbind {arq}', arq=scene.arq)
    def unbind(s, arq):
        """An ARQ of a stopped instance can be unbound."""
        when(s.arq[arq] in (Arq.BOUND, Arq.BIND_FAILED, Arq.UNBIND_FAILED),
             'ARQ-020')
        when(s.nova[scene.instance_of(arq)] is Nova.STOPPED, 'ARQ-070')
        ask(s)
        become(s, arq, Arq.UNBOUND)
        release_handle(s, arq)

    @m.action('operator -> cyborg-api: bind {arq} again', arq=scene.arq)
    def rebind(s, arq):
        """An Unbound ARQ can be bound again."""
        when(s.arq[arq] is Arq.UNBOUND, 'ARQ-011')
        when(not s.asked[arq], 'ARQ-010')
        ask(s)
        s.asked[arq] = True


def nova_releases(scene):
    """Nova takes the devices from the guest, then deletes the ARQs."""
    m = scene.model
    ending = (Nova.FAILED, Nova.DELETING, Nova.ABANDONING)

    @m.action('nova-compute -> libvirt: destroy {instance} on {handle}',
              fair=WEAK, instance=scene.instance, handle=scene.handle)
    def destroy(s, instance, handle):
        """An instance that ends loses its guest, if the host is up."""
        when(s.nova[instance] in (Nova.FAILED, Nova.DELETING), 'ARQ-060')
        when(s.guest[handle] == instance, 'ARQ-060')
        when(s.up[scene.host_of(handle)], 'ARQ-092')
        need(s, s.up[scene.host_of(handle)])
        s.guest[handle] = None

    @m.action('nova-compute -> libvirt: destroy what is left on {handle}',
              fair=WEAK, handle=scene.handle)
    def destroy_remains(s, handle):
        """A host that is up destroys guests that were evacuated."""
        when(s.guest[handle] is not None, 'ARQ-083')
        when(s.use[handle] is Use.CLEANING, 'ARQ-083')
        when(s.up[scene.host_of(handle)], 'ARQ-092')
        need(s, s.up[scene.host_of(handle)])
        s.guest[handle] = None

    @m.action('nova-compute -> cyborg-api: delete {arq}', fair=WEAK,
              arq=scene.arq)
    def delete_arq(s, arq):
        """Each ARQ of an instance that ends is deleted, until it is gone."""
        when(s.nova[scene.instance_of(arq)] in LEAVING, 'ARQ-066')
        when(s.arq[arq] not in (Arq.ABSENT, Arq.DELETING), 'ARQ-061')
        when(scene.guest_is_gone(s, arq), 'ARQ-060')
        when(s.reachable, 'ARQ-092')
        need(s, s.reachable)
        become(s, arq, Arq.DELETING)

    @m.action('nova-compute -> placement: free the claim of {instance}',
              fair=WEAK, instance=scene.instance)
    def free_claim(s, instance):
        """An instance is gone once its ARQs are."""
        when(s.nova[instance] in ending, 'ARQ-066')
        when(scene.no_rows(s, instance), 'ARQ-066')
        s.claim[instance] = None
        nova_becomes(s, instance, Nova.GONE)


def conductor_releases(scene):
    """What Cyborg does with rows that are to go."""
    m = scene.model

    @m.action('cyborg-conductor -> cyborg-conductor: end the job of {arq}',
              fair=WEAK, arq=scene.arq)
    def cancel(s, arq):
        """A bind whose ARQ is being deleted ends."""
        when(s.arq[arq] is Arq.DELETING, 'ARQ-062')
        when(s.job[arq] is not Job.NONE, 'ARQ-062')
        s.job[arq] = Job.NONE

    @m.action('cyborg-conductor -> cyborg-conductor: remove {arq}',
              fair=WEAK, arq=scene.arq)
    def remove(s, arq):
        """A deleted ARQ goes once its bind has ended."""
        when(s.arq[arq] is Arq.DELETING, 'ARQ-061')
        when(s.job[arq] is Job.NONE, 'ARQ-062')
        release_handle(s, arq)
        remove_row(s, arq)

    @m.action('cyborg-conductor -> cyborg-conductor: {arq} has expired',
              fair=WEAK, arq=scene.arq)
    def expire(s, arq):
        """An Initial ARQ is deleted when no Nova can still bind it."""
        when(s.arq[arq] is Arq.INITIAL, 'ARQ-006')
        when(s.nova[scene.instance_of(arq)] is Nova.GONE, 'ARQ-006')
        become(s, arq, Arq.DELETING)


def agent_cleans(scene):
    """The agent erases released handles and reports them."""
    m = scene.model

    def idle(s, handle):
        """The agent does nothing to the region of a handle."""
        return scene.plain(handle) or (
            s.work[scene.region_of(handle)] is Work.IDLE)

    def alone(s, handle):
        """Nobody uses another handle of the region."""
        return all(s.use[other] is not Use.IN_USE
                   for other in scene.neighbours(handle))

    def holds_logic(s, handle):
        """A region that nobody uses holds something that has to go."""
        return (not scene.plain(handle) and alone(s, handle)
                and s.loaded[scene.region_of(handle)] is not Logic.NONE)

    @m.action('cyborg-agent -> driver: erase {handle}', fair=WEAK,
              handle=scene.handle)
    def erase(s, handle):
        """A released handle that no guest has is erased."""
        when(s.use[handle] is Use.CLEANING, 'HANDLE-024')
        when(s.up[scene.host_of(handle)], 'ARQ-092')
        when(s.guest[handle] is None, 'HANDLE-023')
        when(idle(s, handle), 'PROGBIND-020')
        when(s.dirty[handle] or holds_logic(s, handle), 'HANDLE-031')
        need(s, s.up[scene.host_of(handle)])
        s.dirty[handle] = False
        if not scene.plain(handle) and alone(s, handle):
            s.loaded[scene.region_of(handle)] = Logic.NONE

    @m.action('cyborg-agent -> cyborg-conductor: {handle} is clean',
              fair=WEAK, handle=scene.handle)
    def report(s, handle):
        """A released handle that has been erased is free again."""
        when(s.use[handle] is Use.CLEANING, 'HANDLE-024')
        when(s.up[scene.host_of(handle)], 'ARQ-092')
        when(s.reachable, 'ARQ-092')
        when(idle(s, handle), 'PROGBIND-020')
        when(not s.dirty[handle] and not holds_logic(s, handle), 'HANDLE-031')
        need(s, s.up[scene.host_of(handle)] and s.reachable)
        s.use[handle] = Use.FREE
        if not scene.plain(handle) and alone(s, handle):
            s.recorded[scene.region_of(handle)] = Logic.NONE


def what_goes_wrong(scene):
    """The faults of release."""
    m = scene.model

    @scene.fault('cyborg-conductor -> cyborg-conductor: {arq} not released',
                 arq=scene.arq)
    def release_fails(s, arq):
        """To release a handle may fail."""
        when(s.arq[arq] is Arq.DELETING, 'ARQ-064')
        when(s.handle[arq] is not None, 'ARQ-064')
        strike(s)
        become(s, arq, Arq.UNBIND_FAILED)

    @scene.fault('cyborg-conductor -> operator: {arq} not released',
                 arq=scene.arq)
    def unbind_fails(s, arq):
        """To unbind an ARQ may fail."""
        when(s.arq[arq] is Arq.BOUND, 'ARQ-064')
        when(s.nova[scene.instance_of(arq)] is Nova.STOPPED, 'ARQ-070')
        strike(s)
        become(s, arq, Arq.UNBIND_FAILED)

    @scene.fault('nova-compute -> cyborg-api: unreachable')
    def lose_controller(s):
        """The controller may become unreachable."""
        when(s.reachable, 'ARQ-090')
        strike(s)
        s.reachable = False

    @m.action('cyborg-api -> nova-compute: reachable again', fair=WEAK)
    def find_controller(s):
        """The controller becomes reachable again."""
        when(not s.reachable, 'ARQ-090')
        s.reachable = True

    @scene.fault('{host} -> {host}: down', host=scene.host)
    def lose_host(s, host):
        """A host may go down: its agent stops, its guests may go on."""
        when(s.up[host], 'ARQ-090')
        strike(s)
        s.up[host] = False
        if scene.prepares:
            scene.stop_agent(s, host)

    hosts_lose_power(scene)

    @scene.fault('cyborg-agent -> cyborg-conductor: no {handle}',
                 handle=scene.handle)
    def withdraw(s, handle):
        """A handle that is missing from a report, of a host that is up and
        a driver without an error, is withdrawn if free; who has it meanwhile
        nobody knows."""
        host = scene.host_of(handle)
        when(s.use[handle] is Use.FREE, 'HANDLE-024')
        when(s.up[host], 'HANDLE-005')
        when(s.reachable, 'ARQ-092')
        if scene.discovery:
            when(not s.failing[host], 'HANDLE-005')
            # Asked once more: without the guards it is no report.
            if s.up[host] and not s.failing[host]:
                s.reported[handle] = False
        need(s, s.up[host] and s.reachable)
        strike(s)
        s.use[handle] = Use.GONE
        s.dirty[handle] = True

    if 'withdraw' in m.actions:
        @m.action('cyborg-agent -> cyborg-conductor: {handle} is back',
                  handle=scene.handle)
        def come_back(s, handle):
            """A handle that was withdrawn and is in a report again is to be
            erased; nobody can rely on that."""
            when(s.use[handle] is Use.GONE, 'HANDLE-024')
            when(s.up[scene.host_of(handle)], 'ARQ-092')
            when(s.reachable, 'ARQ-092')
            need(s, s.up[scene.host_of(handle)] and s.reachable)
            s.use[handle] = Use.CLEANING
            if scene.discovery:
                s.reported[handle] = True

    if scene.discovery:
        drivers_fail(scene)


def drivers_fail(scene):
    """Drivers that cannot look for their devices."""
    m = scene.model

    @m.action('driver -> cyborg-agent: error, devices of {host}',
              host=scene.host)
    def fail_discovery(s, host):
        """A driver may fail to look for its devices, at any time."""
        when(not s.failing[host], 'ARQ-090')
        s.failing[host] = True

    @m.action('driver -> cyborg-agent: devices of {host}', host=scene.host)
    def discover(s, host):
        """A driver that failed may find its devices again; nobody can rely
        on that."""
        when(s.failing[host], 'ARQ-090')
        s.failing[host] = False

    @m.always('HANDLE-005', handle=scene.handle)
    def withdrawn_by_a_report(s, handle):
        """While its driver fails, or its host is down, a handle is not
        withdrawn that the last report without an error has."""
        host = scene.host_of(handle)
        return (s.up[host] and not s.failing[host]
                or not s.reported[handle]
                or s.use[handle] is not Use.GONE)


def hosts_lose_power(scene):
    """Hosts lose power, and hosts come back.

    A host is up when what its agent found there is known to Cyborg.
    """
    m = scene.model

    @scene.fault('{host} -> {host}: loses power', host=scene.host)
    def lose_power(s, host):
        """A host may lose power: its guests stop, and its regions are empty.

        An instance that was being built has failed, and one that was being
        rebooted goes on when the host is up again.
        """
        when(s.up[host], 'ARQ-090')
        strike(s)
        for instance in scene.instance:
            if s.claim[instance] != host:
                continue
            if s.nova[instance] is Nova.ACTIVE:
                nova_becomes(s, instance, Nova.STOPPED)
            elif s.nova[instance] in (Nova.WAITING, Nova.SPAWNING):
                nova_becomes(s, instance, Nova.FAILED)
        for handle in scene.handle:
            if scene.host_of(handle) == host:
                s.guest[handle] = None
        if scene.prepares:
            for region in scene.regions_on(host):
                s.loaded[region] = Logic.NONE
            scene.stop_agent(s, host)
        s.up[host] = False

    @m.action('{host} -> {host}: up again', fair=WEAK, host=scene.host)
    def find_host(s, host):
        """A host that was down comes back, and its agent reports what its
        regions hold, if the controller can be reached."""
        when(not s.up[host], 'ARQ-090')
        if scene.prepares:
            when(s.reachable, 'PROGBIND-029')
            need(s, s.reachable)
            for region in scene.regions_on(host):
                confirm(s, region)
        s.up[host] = True

    def confirm(s, region):
        """Cyborg clears a record that the report does not confirm, and
        fails each ARQ that relies on what is lost."""
        if s.recorded[region] is not s.loaded[region]:
            s.recorded[region] = Logic.NONE
        for arq in scene.arq:
            if s.handle[arq] in scene.handles_of(region) and (
                    scene.relies_on_its_device(s, arq) and s.loaded[region]
                    is not scene.wanted(s.handle[arq],
                                        scene.instance_of(arq))):
                fail_bind(s, arq)


def properties(scene):
    """What holds of release, alone or within the system."""
    m = scene.model

    @m.always('ARQ-067', instance=scene.instance)
    def nothing_leaks(s, instance):
        """At rest, a deleted instance has no ARQ, claim or device left."""
        return not scene.quiet(s) or s.nova[instance] is not Nova.GONE or (
            s.claim[instance] is None
            and all(s.arq[arq] is Arq.ABSENT and not s.charged[arq]
                    for arq in scene.arqs_of(instance))
            and (not s.guest.any(instance) or not s.up.all(True)))

    @m.always('HANDLE-031', handle=scene.handle)
    def never_offered_before_erased(s, handle):
        """A free handle has no guest and nothing of its last tenant."""
        return s.use[handle] is not Use.FREE or (
            not s.dirty[handle] and s.guest[handle] is None)

    @m.always('HANDLE-031', handle=scene.handle)
    def used_means_dirty(s, handle):
        """What a guest has must be erased before another gets it."""
        return s.guest[handle] is None or s.dirty[handle]

    @m.always('HANDLE-031', handle=scene.handle)
    def withdrawn_means_dirty(s, handle):
        """What was withdrawn must be erased before anybody gets it."""
        return s.use[handle] is not Use.GONE or s.dirty[handle]

    @m.always('ARQ-060', arq=scene.arq)
    def guest_needs_its_arq(s, arq):
        """Unless the host was given up, no guest has what is deleted."""
        return (s.arq[arq] not in (Arq.DELETING, Arq.UNBOUND)
                or not scene.has_guest(s, arq)
                or s.nova[scene.instance_of(arq)] in GIVEN_UP)

    @m.always('ARQ-060', instance=scene.instance)
    def off_means_detached(s, instance):
        """A guest that does not run has no device."""
        return s.nova[instance] not in (
            Nova.STOPPED, Nova.RESTARTING, Nova.GONE) or not any(
            scene.has_guest(s, arq) for arq in scene.arqs_of(instance))

    @m.always('ARQ-062', arq=scene.arq)
    def no_job_without_row(s, arq):
        """No bind goes on, or is asked for, of an ARQ that is gone."""
        return s.arq[arq] is not Arq.ABSENT or (
            s.job[arq] is Job.NONE and not s.asked[arq])

    @m.eventually('ARQ-061', arq=scene.arq)
    def delete_always_possible(s, arq):
        """An ARQ of an instance that ends goes, if Nova and hosts answer."""
        return (s.nova[scene.instance_of(arq)] in LEAVING,
                s.arq[arq] is Arq.ABSENT)

    @m.eventually('ARQ-066', instance=scene.instance)
    def gone_at_last(s, instance):
        """An instance that is to be deleted is gone in the end."""
        return (s.nova[instance] in (Nova.FAILED, Nova.DELETING,
                                     Nova.ABANDONING),
                s.nova[instance] is Nova.GONE)

    @m.eventually('HANDLE-031', handle=scene.handle)
    def erased_at_last(s, handle):
        """A released handle becomes free again, or is withdrawn."""
        return (s.use[handle] is Use.CLEANING,
                s.use[handle] is not Use.CLEANING)

    @m.sometimes('ARQ-067', instance=scene.instance)
    def comes_and_goes(s, instance):
        """An instance can be deleted after it used a device."""
        return s.nova[instance] is Nova.GONE and s.use.any(Use.CLEANING)

    if not scene.faults:
        return

    @m.sometimes('ARQ-083')
    def remains(s):
        """A guest can be left on a host after its ARQs have gone."""
        return not s.handle.any(*scene.handle) and not s.guest.all(None)

    @m.sometimes('ARQ-064')
    def release_failed(s):
        """A release can fail."""
        return s.arq.any(Arq.UNBIND_FAILED)
