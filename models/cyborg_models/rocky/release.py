"""Release: unplug, erase, free, from whatever state a VAN is in.

A VAN appears here in a state that it was left in (``found_...``); then its
instance is deleted.  How it came there is told by :mod:`~.attach` and
:mod:`~.program`.
"""

from dataclasses import dataclass

from cyborg_models.kernel.language import Model
from cyborg_models.rocky import (
    attach,
    lifecycle,
    losses,
    nova,
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
    Goal,
    Instance,
    Job,
    Presence,
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
    :ivar kind: VF, FPGA, GPU, MDEV or POWER_SLOT
    :ivar regions: FPGA regions; the VANs' handles are dealt out to them
    :ivar tenant: True if the bitstreams loaded are tenants' own
    :ivar topology: LOCAL, VIA_API, NOVA_DIRECT or POWER
    :ivar writer: who reports: common, plugin, agent-rest or agent-rpc
    :ivar faults: how many faults may happen in one run
    :ivar enabled_faults: which, by name; those of losses.py are in none of
        the defaults
    """

    vans: int = 1
    kind: str = 'FPGA'
    regions: int = 1
    tenant: bool = False
    topology: str = 'LOCAL'
    writer: str = 'common'
    faults: int = 1
    enabled_faults: frozenset = FAULTS


def build(settings=Settings(), defects=()):
    """The model."""
    m = Model('rocky.release', defects)
    w = World(m, settings)
    w.alike(paired=True)
    w.declare_van()
    w.declare_database()
    w.declare_device()
    w.declare_peers()
    attach.declare_claim(w)
    found_actions(w)
    nova.delete_actions(w)
    unplug_actions(w)
    release_actions(w)
    attach.wait_actions(w)
    attach.late_attach_actions(w)
    attach.report_actions(w)
    recovery.process_actions(w)
    recovery.settle_plug_actions(w)
    recovery.settle_lost_actions(w)
    recovery.adopt_actions(w)
    losses.loss_actions(w)
    if w.programs:
        recovery.settle_program_actions(w)
    properties.ownership(w)
    properties.states(w)
    properties.processes(w)
    if w.programs:
        properties.programming(w)
    properties.releasing(w)
    properties.agreement(w)
    planted.declare(w)

    @m.may_end
    def done(s):
        """No call works on any VAN."""
        return s.call.all(Call.NONE)
    return m.ready()


abstract = lifecycle.abstract


# The actions that say how a VAN is found, which is no step of its life.
BEGINNINGS = ('appear', 'appear_requested')

# How a VAN may be found: its state, the state reported last, whether its
# device is attached, and whether its guest runs.
FOUND = (
    (Van.BOUND, Record.BOUND, False, Instance.BUILDING),
    (Van.PROGRAMMING, Record.BOUND, False, Instance.BUILDING),
    (Van.READY, Record.READY, False, Instance.BUILDING),
    (Van.PLUGGING, Record.READY, False, Instance.BUILDING),
    (Van.PLUGGING, Record.READY, True, Instance.BUILDING),
    (Van.PLUGGED, Record.PLUGGED, True, Instance.RUNNING),
    (Van.PLUGGED, Record.PLUGGED, True, Instance.STOPPED),
    (Van.FAILED, Record.FAILED, False, Instance.BUILDING),
    (Van.FAILED, Record.FAILED, True, Instance.BUILDING),
)


def found_actions(w):
    """The beginnings: whatever attach and program may leave."""
    m, van = w.m, w.van
    found = m.set('found', len(FOUND))

    def beginning(s, van):
        """Nothing has happened yet, to this VAN or to any."""
        return (s.instance[van] is Instance.NONE and s.faults == w.budget
                and not s.instance.any(Instance.DELETING,
                                       Instance.DELETED))

    @m.action('nova-compute -> os-acc: {van} is as {found} says', van=van,
              found=found)
    def appear(s, van, found):
        """Before anything else happens a VAN is found in one of these
        states, one that leaves its region undefined alone in it."""
        state, record, attached, instance = FOUND[found]
        undefined = state in (Van.PROGRAMMING, Van.FAILED)
        when(beginning(s, van), 'OSACC-037')
        if w.programs and undefined:
            when(s.state.all(Van.NONE, Van.REQUESTED, Van.BOUND),
                 'OSACC-027')
        if not w.programs:
            when(state is not Van.PROGRAMMING, 'OSACC-025')
        s.state[van] = state
        s.handle[van] = van
        w.own(s, van, van)
        s.record[van] = record
        s.instance[van] = instance
        if state is not Van.BOUND and (w.programs
                                       or state is not Van.READY):
            s.dirty[van] = True
            s.soiled[van] = True
        if attached:
            s.attached[van] = van
        if w.programs and state is not Van.BOUND:
            s.loaded[w.region_of(van)] = (
                Function.UNDEFINED if undefined else w.wanted(van))
            s.verified[van] = not undefined

    @m.action('nova-compute -> os-acc: {van} is REQUESTED, its claim sent',
              van=van)
    def appear_requested(s, van):
        """Before anything else happens a VAN is found with its claim
        granted and nobody told."""
        when(beginning(s, van), 'OSACC-012')
        s.state[van] = Van.REQUESTED
        w.own(s, van, van)
        s.instance[van] = Instance.BUILDING


def unplug_actions(w):
    """``unplug``, and the detaching half of ``release``."""
    m, van = w.m, w.van

    @m.action('os-acc -> os-acc: T13 UNPLUGGING {van}', fair=WEAK, van=van)
    def unplug(s, van):
        """A PLUGGED VAN is unplugged by unplug or to be released, when it is
        observed to be idle and its guest not to run."""
        when(s.call[van] is Call.UNPLUG or (
            s.goal[van] is Goal.RELEASED
            and s.call[van] in (Call.RELEASE, Call.NONE)), 'OSACC-036')
        w.settles(s, van, Van.PLUGGED, Presence.PRESENT)
        w.journal(s, van, Van.UNPLUGGING)

    @m.action('os-acc -> plugin: unplug {van}', fair=WEAK, van=van)
    def ask_unplug(s, van):
        """The plugin is called, or called again, for an UNPLUGGING VAN that
        nobody works on, that is idle and whose guest does not run."""
        w.settles(s, van, Van.UNPLUGGING, Presence.PRESENT, Presence.ABSENT,
                  Presence.GONE)
        s.ask[van] = Ask.ASKED

    @m.action(f'{w.peers}: detach {{van}}', fair=WEAK, van=van)
    def begin_detach(s, van):
        """The detach that was asked for begins."""
        w.begins(s, van, Van.UNPLUGGING, Job.DETACH)
        s.job[van] = Job.DETACH

    @m.action(f'{w.peer} -> plugin: {{van}} is detached', fair=WEAK, van=van)
    def detach(s, van):
        """A detach that is under way comes to its end, whether there was
        anything to detach or not."""
        w.under_way(s, van, Job.DETACH)
        s.attached[w.at(s, van)] = None
        w.end_job(s, van, Ask.DONE)

    if w.fault('unplug'):
        @m.action(f'{w.peer} -> plugin: {{van}} cannot be detached',
                  fault=True, van=van)
        def fail_detach(s, van):
            """A detach may fail before it changed anything."""
            w.under_way(s, van, Job.DETACH)
            pay(s, 'OSACC-F19')
            w.end_job(s, van, Ask.ERROR)

        @m.action(f'{w.peer} -> plugin: {{van}} is detached, so it says',
                  fault=True, van=van)
        def lie_about_detach(s, van):
            """A platform may answer success without having detached."""
            w.under_way(s, van, Job.DETACH)
            pay(s, 'OSACC-F19')
            w.end_job(s, van, Ask.DONE)

    def detached(s, van):
        """One observation after unplug: nothing is attached any more."""
        return w.absent_and_idle(s, van) or (
            s.goal[van] is Goal.RELEASED
            and w.looks(s, van, Presence.GONE))

    @m.action('os-acc -> os-acc: T14 READY or T15 CLEANING, {van}',
              fair=WEAK, van=van)
    def unplugged(s, van):
        """A VAN that is unplugged, and observed to be absent and idle, is
        CLEANING if it is to be released, even if its device is gone, and
        else READY."""
        w.returned(s, van, Van.UNPLUGGING, detached(s, van))
        w.journal(s, van, Van.CLEANING if s.goal[van] is Goal.RELEASED
                  else Van.READY)
        s.ask[van] = Ask.NONE

    @m.action('os-acc -> nova-compute: T16 FAILED, unplug of {van}',
              fair=WEAK, van=van)
    def unplug_failed(s, van):
        """An UNPLUGGING VAN is FAILED when the plugin raised, or it is not
        observed to be absent and idle after it returned."""
        w.failed(s, van, Van.UNPLUGGING, detached(s, van))
        w.journal(s, van, Van.FAILED)
        s.ask[van] = Ask.NONE
        if s.call[van] is Call.UNPLUG:
            w.answer_error(s, van)

    @m.action('os-acc -> nova-compute: {van} is not plugged', fair=WEAK,
              van=van)
    def return_unplug(s, van):
        """unplug returns once its VAN, if it has one, is settled and not
        PLUGGED; one that is to be released it passes over."""
        when(s.call[van] is Call.UNPLUG, 'OSACC-036')
        when(s.goal[van] is Goal.RELEASED or s.state[van] in (
            Van.NONE, Van.BOUND, Van.READY, Van.FAILED), 'OSACC-036')
        s.call[van] = Call.UNPLUGGED


def release_actions(w):
    """``release`` and ``sync``: erase and free."""
    m, van = w.m, w.van

    @m.action('os-acc -> os-acc: T03 RELEASED {van}', fair=WEAK, van=van)
    def release_requested(s, van):
        """A REQUESTED VAN that is to be released is RELEASED at once."""
        w.gives_up(s, van, Van.REQUESTED)
        w.journal(s, van, Van.RELEASED)

    @m.action('os-acc -> os-acc: T17 or T18 CLEANING {van}', fair=WEAK,
              van=van)
    def release_unplugged(s, van):
        """A BOUND or READY VAN that is to be released is CLEANING."""
        w.gives_up(s, van, Van.BOUND, Van.READY)
        w.journal(s, van, Van.CLEANING)

    @m.action('os-acc -> os-acc: T19 UNPLUGGING {van}', fair=WEAK, van=van)
    def release_failed(s, van):
        """A FAILED VAN that is to be released is unplugged when it is idle
        and can be observed."""
        w.gives_up(s, van, Van.FAILED)
        when(w.looks(s, van, Presence.ABSENT, Presence.PRESENT,
                     Presence.GONE), 'OSACC-035')
        w.journal(s, van, Van.UNPLUGGING)

    @m.action('os-acc -> plugin: clean {van}', fair=WEAK, van=van)
    def clean(s, van):
        """A dirty VAN that is CLEANING is erased under the region lock,
        when it is absent and idle and the journal is whole; its whole
        region, if nobody else is in it and it holds what is a tenant's or
        nobody has verified."""
        w.settles(s, van, Van.CLEANING, Presence.ABSENT)
        when(s.dirty[van], 'OSACC-040')
        s.ask[van] = Ask.ASKED
        if w.programs:
            when(not w.adopting(s), 'OSACC-056')
            when(not w.locked(s, van), 'OSACC-060')
            w.lock(s, van)
            if not w.barred(s, van) and to_erase(s, van):
                s.ask[van] = Ask.ASKED_REGION

    def to_erase(s, van):
        """The region's function is a tenant's or was not verified: that it
        is what was wanted does not tell who wrote it."""
        return w.tenant or not s.verified[van] or not w.fits(s, van)

    @m.action(f'{w.peers}: erase {{van}}', fair=WEAK, van=van)
    def begin_erase(s, van):
        """The erasing that was asked for begins."""
        w.begins(s, van, Van.CLEANING, Job.ERASE_HANDLE)
        s.job[van] = (Job.ERASE_HANDLE if s.ask[van] is Ask.ASKED
                      else Job.ERASE_REGION)

    @m.action(f'{w.peer} -> plugin: {{van}} is erased', fair=WEAK, van=van)
    def erase(s, van):
        """An erasing that is under way comes to its end."""
        w.under_way(s, van, Job.ERASE_HANDLE, Job.ERASE_REGION)
        s.soiled[w.at(s, van)] = False
        if s.job[van] is Job.ERASE_REGION:
            w.blank(s, w.region_of(w.at(s, van)))
        w.end_job(s, van, Ask.DONE)

    if w.fault('clean'):
        @m.action(f'{w.peer} -> plugin: {{van}} cannot be erased',
                  fault=True, van=van)
        def fail_erase(s, van):
            """An erasing may fail."""
            w.under_way(s, van, Job.ERASE_HANDLE, Job.ERASE_REGION)
            pay(s, 'OSACC-F11')
            w.end_job(s, van, Ask.ERROR)

    @m.action('os-acc -> os-acc: T20 RELEASED, nothing to erase {van}',
              fair=WEAK, van=van)
    def released_clean(s, van):
        """A VAN that is CLEANING and not dirty is RELEASED."""
        when(s.state[van] is Van.CLEANING, 'OSACC-052')
        w.nobody_works(s, van)
        when(not s.dirty[van], 'OSACC-040')
        w.journal(s, van, Van.RELEASED)

    @m.action('os-acc -> os-acc: T20 RELEASED {van}', fair=WEAK, van=van)
    def released(s, van):
        """A VAN that is CLEANING is RELEASED when it was cleaned and is
        then observed to be absent and idle."""
        w.returned(s, van, Van.CLEANING, w.absent_and_idle(s, van))
        w.unlock(s, van)
        s.dirty[van] = False
        s.ask[van] = Ask.NONE
        w.journal(s, van, Van.RELEASED)

    if w.fault('gone'):
        @m.action('os-acc -> os-acc: T21 FAILED, the device of {van} is '
                  'gone', fair=WEAK, van=van)
        def settle_cleaning(s, van):
            """A dirty VAN that is CLEANING and that nobody works on is
            FAILED when its device is observed to be gone."""
            w.settles(s, van, Van.CLEANING, Presence.GONE)
            when(s.dirty[van], 'OSACC-040')
            w.journal(s, van, Van.FAILED)

    @m.action('os-acc -> os-acc: T21 FAILED, clean of {van}', fair=WEAK,
              van=van)
    def clean_failed(s, van):
        """A VAN that is CLEANING is FAILED when the plugin raised, or it is
        not observed to be absent and idle after it returned."""
        w.failed(s, van, Van.CLEANING, w.absent_and_idle(s, van))
        w.unlock(s, van)
        s.ask[van] = Ask.NONE
        w.journal(s, van, Van.FAILED)


__all__ = ['BEGINNINGS', 'Settings', 'abstract', 'build', 'release_actions',
           'unplug_actions']
