"""The whole: attach, program and release under Nova's flows and faults.

Instances compete for the handles and regions of one host; Placement and the
quota say who may try.
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import Model
from cyborg_models.rocky import (
    attach,
    lifecycle,
    losses,
    moves,
    nova,
    operators,
    program,
    properties,
    recovery,
    release,
)
from cyborg_models.rocky import defects as planted
from cyborg_models.rocky.vocabulary import (
    FAULTS,
    Call,
    World,
)


@dataclass(frozen=True)
class Settings:
    """What may differ between configurations of the model.

    :ivar vans: instances, each with one VAN
    :ivar handles: handles of the one resource provider
    :ivar regions: FPGA regions; the handles are dealt out to them
    :ivar fixed: how many of the regions, the last ones, are not to be
        written
    :ivar kind: VF, FPGA, GPU (one isolation group), MDEV or POWER_SLOT
    :ivar functions: 1: all want the same; 2: every other VAN another one
    :ivar policy: IF_NEEDED, or NEVER: a region may not be written
    :ivar tenant: True if the bitstreams are tenants' own
    :ivar names_provider: True if a claim names one of the regions, each a
        provider of its own
    :ivar projects: 1: all instances are of one; 2: every other of another
    :ivar operator: True if an operator has regions programmed, too
    :ivar topology: LOCAL, VIA_API, NOVA_DIRECT, or POWER: no agent
    :ivar programmer: who writes: os-acc, plugin, agent or cyborg-api
    :ivar writer: who reports: common, plugin, agent-rest or agent-rpc
    :ivar limit: the project's quota, in handles
    :ivar faults: how many faults may happen in one run
    :ivar enabled_faults: which, by name; those of losses.py are in none of
        the defaults
    :ivar flows: what else Nova does: pause, soft-delete, offload, migrate,
        evacuate or abandon
    :ivar watched: True to check as well that each step changes something
    """

    vans: int = 2
    handles: int = 1
    regions: int = 1
    fixed: int = 0
    names_provider: bool = False
    kind: str = 'FPGA'
    functions: int = 1
    policy: str = 'IF_NEEDED'
    tenant: bool = False
    projects: int = 1
    operator: bool = False
    topology: str = 'LOCAL'
    programmer: str = 'agent'
    writer: str = 'common'
    limit: int = 1
    faults: int = 1
    enabled_faults: frozenset = FAULTS
    flows: frozenset = frozenset()
    watched: bool = False


def build(settings=Settings(), defects=()):
    """The model."""
    m = Model('rocky.system', defects)
    w = World(m, settings)
    w.alike()
    w.declare_van()
    w.declare_database()
    w.declare_device()
    w.declare_peers()
    attach.declare_claim(w)
    m.var('allocated', bool, start=False, each=w.van)
    if w.fault('placement-down'):
        m.var('placement', bool, start=True)
        m.var('inventory', range(w.handle.size + 1), start=w.handle.size)
        m.var('traits', bool, start=True)
    if w.programs:
        program.declare_image(w)
    operators.declare_writes(w)

    nova.build_actions(w)
    nova.power_actions(w)
    nova.delete_actions(w)
    attach.claim_actions(w)
    attach.ready_actions(w)
    if w.programs:
        program.program_actions(w)
        recovery.settle_program_actions(w)
    attach.plug_actions(w)
    attach.wait_actions(w)
    attach.report_actions(w)
    release.unplug_actions(w)
    release.release_actions(w)
    recovery.process_actions(w)
    recovery.settle_plug_actions(w)
    recovery.settle_lost_actions(w)
    recovery.adopt_actions(w)
    losses.loss_actions(w)
    moves.move_actions(w)
    operators.operator_actions(w)

    properties.ownership(w)
    properties.states(w)
    properties.processes(w)
    properties.attaching(w)
    if w.programs:
        properties.programming(w)
    properties.releasing(w)
    properties.agreement(w)
    properties.instances(w)
    operators.operator_properties(w)
    planted.declare(w)

    @m.may_end
    def done(s):
        """No call works on any VAN."""
        return s.call.all(Call.NONE)
    return m.ready()


abstract = lifecycle.abstract

__all__ = ['Settings', 'abstract', 'build']
