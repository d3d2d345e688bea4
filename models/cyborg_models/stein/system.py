"""The whole: attach, program and release, under everything that Nova does.

Instances compete for handles on hosts.  Users create, stop, start, reboot,
rebuild, evacuate and delete; services crash, messages get lost, hosts and
devices go away.
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import WEAK, ModelError, when
from cyborg_models.kernel.settings import number
from cyborg_models.stein import attach, program, release
from cyborg_models.stein.defects import declare as defects_of
from cyborg_models.stein.scene import Scene
from cyborg_models.stein.vocabulary import (
    Kind,
    Nova,
    abstract,
    ask,
    need,
    nova_becomes,
)

__all__ = ['FAULTS', 'Settings', 'abstract', 'build']

#: what happens unless ``enabled`` says otherwise: at least one of each sort
FAULTS = (
    'crash_conductor', 'crash_agent', 'crash_compute',  # crash and restart
    'lose_request', 'lose_reply', 'lose_event',  # between Nova and Cyborg
    'lose_prepare', 'lose_result',  # between conductor and agent
    'bind_times_out', 'fail_spawn', 'fail_write', 'release_fails',
    'lose_controller', 'lose_host', 'lose_power',
)


@dataclass(frozen=True)
class Settings:
    """What can be set.

    :ivar instances: that users create, and that compete for handles
    :ivar arqs: accelerators of each instance
    :ivar handles: that there are
    :ivar programmable: how many of them are FPGA regions, the first ones
    :ivar mediated: how many are mediated devices, the next ones; the others
        are PCI functions
    :ivar per_region: handles that share one region
    :ivar functions: 1 if all want the same function, 2 if they differ
    :ivar hosts: that the handles are dealt out to, in turn
    :ivar quota: ARQs that the project may have, or None for enough
    :ivar faults: how many things may go wrong
    :ivar enabled: names of the faults that may happen, or None for all
    :ivar operations: how many times users ask for something, besides the
        creation of each instance
    :ivar operator: True if operators program regions and unbind ARQs
    """

    instances: int = 2
    arqs: int = 1
    handles: int = 2
    programmable: int = 1
    mediated: int = 0
    per_region: int = 1
    functions: int = 2
    hosts: int = 1
    quota: int | None = None
    faults: int = 1
    enabled: tuple | None = FAULTS
    operations: int = 2
    operator: bool = False


def build(settings=Settings(), defects=()):
    """The system as a model."""
    plain = (number('handles', settings.handles, 1)
             - number('programmable', settings.programmable, 0)
             - number('mediated', settings.mediated, 0))
    if plain < 0:
        raise ModelError(
            f'{settings.programmable} programmable and {settings.mediated} '
            f'mediated handles are more than {settings.handles} handles; '
            'give more handles')
    scene = Scene(
        'stein.system', defects, instances=settings.instances,
        arqs=settings.arqs, hosts=settings.hosts,
        kinds=((Kind.FPGA,) * settings.programmable
               + (Kind.MDEV,) * settings.mediated + (Kind.PCI,) * plain),
        per_region=settings.per_region, functions=settings.functions,
        quota=settings.quota, faults=settings.faults,
        operations=settings.operations, enabled=settings.enabled)
    attach.nova_asks(scene)
    attach.conductor_binds(scene)
    attach.nova_attaches(scene)
    if scene.prepares:
        program.conductor_programs(scene)
        program.agent_programs(scene)
        program.what_goes_wrong(scene)
        if settings.operator:
            program.operator_programs(scene)
    users_go_on(scene)
    release.users_end(scene)
    if settings.operator:
        release.operator_unbinds(scene)
    release.nova_releases(scene)
    release.conductor_releases(scene)
    release.agent_cleans(scene)
    attach.nova_goes_wrong(scene)
    attach.conductor_goes_wrong(scene)
    release.what_goes_wrong(scene)
    attach.bind_properties(scene)
    attach.nova_properties(scene)
    if scene.prepares:
        program.properties(scene)
    release.properties(scene)
    properties(scene)
    scene.model.may_end(scene.quiet)
    defects_of(scene)
    return scene.model.ready()


def users_go_on(scene):
    """What users ask for that keeps the ARQs, or needs new ones."""
    m = scene.model

    @m.action('user -> nova-api: hard reboot or rebuild {instance}',
              instance=scene.instance)
    def restart(s, instance):
        """A running instance can be rebooted or rebuilt: it keeps its ARQs."""
        when(s.nova[instance] is Nova.ACTIVE, 'ARQ-080')
        when(scene.host_is_up(s, instance), 'ARQ-092')
        ask(s)
        scene.take_devices(s, instance)
        nova_becomes(s, instance, Nova.RESTARTING)

    @m.action('nova-compute -> libvirt: define {instance} again', fair=WEAK,
              instance=scene.instance)
    def restarted(s, instance):
        """A rebooted guest comes back with its devices, if its ARQs are
        still Bound."""
        reads_again(s, instance)
        when(scene.all_bound(s, instance), 'ARQ-081')
        scene.give_devices(s, instance)
        nova_becomes(s, instance, Nova.ACTIVE)

    @m.action('nova-compute -> nova-api: {instance} stays stopped',
              fair=WEAK, instance=scene.instance)
    def stays_stopped(s, instance):
        """A rebooted guest one of whose ARQs is Bound no more does not come
        back."""
        reads_again(s, instance)
        when(not scene.all_bound(s, instance), 'ARQ-081')
        nova_becomes(s, instance, Nova.STOPPED)

    def reads_again(s, instance):
        """nova-compute reads the ARQs of a guest that is rebooted."""
        when(s.nova[instance] is Nova.RESTARTING, 'ARQ-080')
        when(s.reachable, 'ARQ-092')
        when(scene.host_is_up(s, instance), 'ARQ-092')
        need(s, s.reachable)

    @m.action('user -> nova-api: start {instance}', instance=scene.instance)
    def start(s, instance):
        """A stopped instance can start if its ARQs are still Bound."""
        when(s.nova[instance] is Nova.STOPPED, 'ARQ-080')
        when(scene.all_bound(s, instance), 'ARQ-081')
        when(s.reachable, 'ARQ-092')
        when(scene.host_is_up(s, instance), 'ARQ-092')
        need(s, s.reachable)
        ask(s)
        scene.give_devices(s, instance)
        nova_becomes(s, instance, Nova.ACTIVE)

    @m.action('nova-scheduler -> placement: move {instance} to {host}',
              fair=WEAK, instance=scene.instance, host=scene.host)
    def move_claim(s, instance, host):
        """An evacuated instance, its ARQs gone, claims another host.

        A host on which it was before must have destroyed its guest.
        """
        when(s.nova[instance] is Nova.EVACUATING, 'ARQ-001')
        when(scene.no_rows(s, instance), 'ARQ-066')
        when(s.claim[instance] != host
             and not scene.left_on(s, instance, host), 'ARQ-083')
        when(s.up[host], 'ARQ-092')
        need(s, s.up[host])
        when((s.claim.count(host) + 1) * scene.arqs <= scene.room(host),
             'HANDLE-001')
        s.claim[instance] = host
        nova_becomes(s, instance, Nova.CLAIMED)


def properties(scene):
    """What holds only of the whole."""
    m = scene.model

    @m.always('ARQ-083', instance=scene.instance)
    def one_guest_per_instance(s, instance):
        """On the host that a build claims, nothing is left of the instance.
        """
        return s.nova[instance] not in (
            Nova.CLAIMED, Nova.POSTED, Nova.ASKED, Nova.WAITING) or not (
            scene.left_on(s, instance, s.claim[instance]))

    @m.eventually('ARQ-081', instance=scene.instance)
    def every_restart_ends(s, instance):
        """A reboot ends: the guest runs again or, if one of its ARQs is
        Bound no more, stays stopped."""
        return (s.nova[instance] is Nova.RESTARTING,
                s.nova[instance] is Nova.ACTIVE
                or s.nova[instance] is not Nova.RESTARTING
                and not scene.all_bound(s, instance))

    @m.sometimes('ARQ-080', instance=scene.instance)
    def comes_back(s, instance):
        """An instance can be restarted."""
        return (s.nova[instance] is Nova.RESTARTING
                or not s.operations)

    @m.sometimes('HANDLE-012')
    def together(s):
        """All instances can run side by side, if each can have a handle,
        and none a region that others want to hold something else."""
        return s.nova.all(Nova.ACTIVE) or len(scene.instance) * (
            scene.arqs) > len(scene.handle) or (
            scene.per_region > 1 and scene.functions > 1)
