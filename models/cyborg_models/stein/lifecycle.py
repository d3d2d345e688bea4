"""The contract on a page: the life of one ARQ.

The models beside this one add who does it, by which messages, and what may
go wrong.  Each refines this one: whatever it does to an ARQ is one of the
steps below, or none.
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import Model, when
from cyborg_models.stein.vocabulary import SOURCES, Arq


@dataclass(frozen=True)
class Settings:
    """What can be set.

    :ivar watched: True to check as well that each step changes something
    """

    watched: bool = False


def build(settings=Settings(), defects=()):
    """The abstract life cycle as a model."""
    m = Model('stein.lifecycle', defects)
    m.var('arq', Arq, start=Arq.ABSENT)
    m.var('handle', bool, start=False)  # a handle is in use for it
    m.var('attached', bool, start=False)  # a guest has the device

    if settings.watched:
        m.never_idle('ARQ-020')

    def become(s, state):
        when(s.arq in SOURCES[state], 'ARQ-020')
        s.arq = state

    @m.action('nova-conductor -> cyborg-api: create')
    def create(s):
        """An ARQ that does not exist can be created."""
        become(s, Arq.INITIAL)

    @m.action('nova-conductor -> cyborg-api: bind')
    def start(s):
        """The bind of an Initial or Unbound ARQ can start."""
        become(s, Arq.BIND_STARTED)

    @m.action('cyborg-conductor -> cyborg-conductor: take a handle')
    def take(s):
        """An ARQ whose bind has started takes one handle."""
        when(s.arq is Arq.BIND_STARTED and not s.handle, 'HANDLE-010')
        s.handle = True

    @m.action('cyborg-conductor -> nova-compute: bound')
    def bound(s):
        """A bind that has a handle succeeds."""
        when(s.handle, 'PROGBIND-001')
        become(s, Arq.BOUND)

    @m.action('cyborg-conductor -> nova-compute: failed')
    def fail(s):
        """A bind fails, or is undone, unless a guest has the device."""
        when(not s.attached, 'ARQ-017')
        become(s, Arq.BIND_FAILED)
        s.handle = False

    @m.action('nova-compute -> libvirt: attach')
    def attach(s):
        """A Bound ARQ has its device attached."""
        when(s.arq is Arq.BOUND and not s.attached, 'ARQ-033')
        s.attached = True

    @m.action('nova-compute -> libvirt: detach')
    def detach(s):
        """An attached device is taken from its guest before all else."""
        when(s.attached and s.arq is Arq.BOUND, 'ARQ-060')
        s.attached = False

    @m.action('host -> nova-compute: guest lost with its power')
    def lose_power(s):
        """A guest that ends with its host has no device any more."""
        when(s.attached, 'ARQ-090')
        s.attached = False

    @m.action('operator -> cyborg-api: unbind')
    def unbind(s):
        """An ARQ whose device no guest has can be unbound."""
        when(not s.attached, 'ARQ-070')
        become(s, Arq.UNBOUND)
        s.handle = False

    @m.action('cyborg-conductor -> cyborg-conductor: release failed')
    def release_fails(s):
        """To release a handle may fail: the ARQ keeps it."""
        when(s.handle, 'ARQ-064')
        when(s.arq is Arq.DELETING or not s.attached, 'ARQ-070')
        become(s, Arq.UNBIND_FAILED)

    @m.action('nova-compute -> cyborg-api: delete')
    def delete(s):
        """An ARQ can be deleted in every state."""
        become(s, Arq.DELETING)

    @m.action('cyborg-conductor -> cyborg-conductor: remove the row')
    def remove(s):
        """A row that is being deleted goes, with all that it held."""
        become(s, Arq.ABSENT)
        s.handle = False
        s.attached = False  # for Cyborg; a host that is down may differ

    @m.always('ARQ-036')
    def attached_means_handle(s):
        """A guest has a device only while its ARQ has the handle."""
        return s.handle or not s.attached

    @m.always('ARQ-067')
    def idle_means_no_handle(s):
        """No handle is held before a bind, nor after it failed."""
        return not s.handle or s.arq in (
            Arq.BIND_STARTED, Arq.BOUND, Arq.UNBIND_FAILED, Arq.DELETING)

    @m.always('ARQ-064')
    def failed_release_keeps_handle(s):
        """An ARQ whose release failed has its handle still."""
        return s.arq is not Arq.UNBIND_FAILED or s.handle

    @m.sometimes('ARQ-036')
    def attached(s):
        """A guest can get its device."""
        return s.attached

    return m.ready()
