"""The life cycle of one VAN on a page: the contract.

It says what is true of the device and of the database, and nothing of who
does it or of what the journal says.  Every step of ``rocky.attach``,
``program``, ``release`` and ``system`` is one of these or none of them.
"""

import enum
from dataclasses import dataclass

from cyborg_models.kernel.language import Model, when
from cyborg_models.rocky.vocabulary import Goal, Instance, Record


class Phase(enum.Enum):
    """What is wanted of the VAN; ENDED: its handle can be another's."""

    WANTED = 'WANTED'
    UNWANTED = 'UNWANTED'
    ENDED = 'ENDED'


@dataclass(frozen=True)
class Settings:
    """What can be set.

    :ivar watched: True to check as well that each step changes something
    """

    watched: bool = False


def build(settings=Settings(), defects=()):
    """The model."""
    m = Model('rocky.lifecycle', defects)
    m.var('phase', Phase, start=Phase.WANTED)
    m.var('owned', bool, start=False)
    m.var('attached', bool, start=False)
    m.var('soiled', bool, start=False)
    m.var('running', bool, start=False)
    if settings.watched:
        m.never_idle('OSACC-015')

    @m.action('cyborg-api -> os-acc: granted')
    def claim(s):
        """A handle may be granted until the VAN has ended."""
        when(s.phase is not Phase.ENDED, 'OSACC-016')
        when(not s.owned, 'OSACC-015')
        s.owned = True

    @m.action('os-acc -> plugin: program or plug begins')
    def touch(s):
        """A device may be touched when it is owned."""
        when(s.owned, 'OSACC-017')
        when(not s.soiled, 'OSACC-039')
        s.soiled = True

    @m.action('os-acc -> plugin: plug')
    def attach(s):
        """A device is attached when it counts as touched."""
        when(s.owned, 'OSACC-017')
        when(s.soiled, 'OSACC-039')
        when(not s.attached, 'OSACC-030')
        s.attached = True

    @m.action('nova-compute -> nova-compute: start the guest')
    def run(s):
        """A guest runs only with its device, while that is wanted."""
        when(s.phase is Phase.WANTED, 'OSACC-031')
        when(s.attached, 'OSACC-034')
        when(not s.running, 'OSACC-034')
        s.running = True

    @m.action('nova-compute -> nova-compute: stop the guest')
    def stop(s):
        """A guest that runs may stop."""
        when(s.running, 'OSACC-035')
        s.running = False

    @m.action('os-acc -> plugin: unplug')
    def detach(s):
        """A device is detached, or its attachment lost, only when the guest
        does not run."""
        when(s.attached, 'OSACC-036')
        when(not s.running, 'OSACC-035')
        s.attached = False

    @m.action('host -> nobody: loses power')
    def lose_power(s):
        """A guest and its attachment may be lost at once."""
        when(s.running, 'OSACC-F12')
        s.running = False
        s.attached = False

    @m.action('nova-compute -> os-acc: release')
    def unwant(s):
        """A VAN may be given up at any time when its guest does not run."""
        when(s.phase is Phase.WANTED, 'OSACC-038')
        when(not s.running, 'OSACC-037')
        s.phase = Phase.UNWANTED

    @m.action('nova-compute -> nobody: the journal is lost')
    def forget(s):
        """That a VAN was given up may be forgotten, until Nova says so
        again."""
        when(s.phase is Phase.UNWANTED, 'OSACC-F15')
        s.phase = Phase.WANTED

    @m.action('os-acc -> plugin: clean')
    def erase(s):
        """A device is erased when it is not attached."""
        when(s.soiled, 'OSACC-040')
        when(not s.attached, 'OSACC-040')
        s.soiled = False

    @m.action('os-acc -> cyborg-api: RELEASED')
    def end(s):
        """A VAN ends, and frees its handle, when it is given up and its
        device is detached and erased."""
        when(s.phase is Phase.UNWANTED, 'OSACC-043')
        when(not s.attached, 'OSACC-043')
        when(not s.soiled, 'OSACC-040')
        s.owned = False
        s.phase = Phase.ENDED

    @m.always('OSACC-043')
    def free_is_clean(s):
        """A device that nobody owns is detached and erased."""
        return s.owned or not (s.attached or s.soiled)

    @m.always('OSACC-034')
    def guest_has_device(s):
        """A guest that runs has its device."""
        return s.attached or not s.running

    @m.always('OSACC-031')
    def runs_while_wanted(s):
        """A guest runs only while its VAN is wanted."""
        return s.phase is Phase.WANTED or not s.running

    @m.always('OSACC-039')
    def attached_is_touched(s):
        """What is attached counts as touched, and is to be erased."""
        return s.soiled or not s.attached

    @m.always('OSACC-016')
    def ended_owns_nothing(s):
        """A VAN that has ended gets no handle again."""
        return s.phase is not Phase.ENDED or not s.owned

    @m.may_end
    def done(s):
        """The VAN has ended."""
        return s.phase is Phase.ENDED
    return m.ready()


def abstract(s, van):
    """(phase, owned, attached, soiled, running) of a VAN in a detailed
    state: what :func:`build` says of it.
    """
    handle = s.owner.find(van)
    phase = (Phase.ENDED if s.record[van] is Record.RELEASED
             else Phase.UNWANTED if s.goal[van] is Goal.RELEASED
             else Phase.WANTED)
    owned = handle is not None
    return (phase, owned, owned and s.attached[handle] == van,
            owned and s.soiled[handle],
            s.instance[van] is Instance.RUNNING)
