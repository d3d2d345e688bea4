"""What else Nova does with an instance: it sets aside, moves, leaves behind.

Each is seen from the one host of the models: what happens on another host
is not told.  A configuration names those that it has in ``flows``; the
standard ones have none.
"""

from cyborg_models.rocky.nova import aim_at_release, calls
from cyborg_models.rocky.recovery import is_missing
from cyborg_models.rocky.vocabulary import (
    LEFT,
    WEAK,
    Call,
    Goal,
    Instance,
    Job,
    Record,
    Van,
    when,
)

UNPLUGGED = (Van.NONE, Van.BOUND, Van.READY, Van.FAILED)
THERE = (Instance.RUNNING, Instance.STOPPED)


def move_actions(w):
    """All of them, as far as the configuration has them."""
    pause_actions(w)
    soft_delete_actions(w)
    offload_actions(w)
    migrate_actions(w)
    evacuate_actions(w)
    abandon_actions(w)
    if w.leaves:
        leave_actions(w)


def is_kept(s, van):
    """The VAN has its claim, and is not to be released."""
    return (s.call[van] is not Call.RELEASE
            and s.goal[van] is not Goal.RELEASED and s.owner.any(van))


def is_released(w, s, van):
    """The host has released the VAN, whose entry it may have lost since."""
    return s.state[van] is Van.RELEASED or (
        w.loses_journal and s.state[van] is Van.NONE)


def pause_actions(w):
    """What leaves the guest as it is defined: pause, and what stands for
    all that has no state of its own afterwards.
    """
    m, van = w.m, w.van

    if not w.flow('pause'):
        return

    @m.action('nova-compute -> nova-compute: pause {van}', van=van)
    def pause(s, van):
        """A guest that runs may be paused; os-acc is not called."""
        when(s.instance[van] is Instance.RUNNING, 'INSTOP-001')
        w.nova_runs(s)
        s.instance[van] = Instance.PAUSED

    @m.action('nova-compute -> nova-compute: unpause {van}', van=van)
    def unpause(s, van):
        """A guest that is paused may go on."""
        when(s.instance[van] is Instance.PAUSED, 'INSTOP-001')
        w.nova_runs(s)
        s.instance[van] = Instance.RUNNING

    @m.action('nova-compute -> nova-compute: snapshot of {van}', van=van)
    def snapshot(s, van):
        """A guest that runs, is paused or is stopped may be saved, and so it
        may be locked, backed up, dumped, given another password or, if it
        runs, rebooted softly; os-acc is not called."""
        when(s.instance[van] in (*THERE, Instance.PAUSED), 'INSTOP-001')
        when(not s.saved[van], 'INSTOP-001')
        when(s.call[van] is Call.NONE, 'OSACC-059')
        w.nova_runs(s)
        s.saved[van] = True

    @m.action('nova-compute -> nova-compute: {van} is saved', fair=WEAK,
              van=van)
    def snapshot_ends(s, van):
        """A snapshot comes to its end, whatever has become of the guest."""
        when(s.saved[van], 'INSTOP-001')
        s.saved[van] = False

    @m.always('INSTOP-001', van=van)
    def what_is_paused_keeps_its_device(s, van):
        """A guest that is paused has its device, and nothing is done to
        it."""
        return s.instance[van] is not Instance.PAUSED or (
            s.job[van] is Job.NONE and s.attached.any(van)
            and is_kept(s, van))

    @m.sometimes('INSTOP-001', van=van)
    def saved_with_its_device(s, van):
        """A snapshot is taken of a guest that has its device."""
        return s.saved[van] and s.attached.any(van)


def soft_delete_actions(w):
    """Delete, to think better of it."""
    m, van = w.m, w.van

    if not w.flow('soft-delete'):
        return

    @m.action('nova-compute -> nova-compute: soft-delete {van}, stop its '
              'guest', van=van)
    def soft_delete(s, van):
        """A user may delete an instance softly; os-acc is not called."""
        when(s.instance[van] in THERE, 'INSTOP-010')
        w.nova_runs(s)
        s.instance[van] = Instance.SOFT_DELETED

    @m.action('nova-compute -> os-acc: restore: prepare({van})', van=van)
    def undelete(s, van):
        """A user may have an instance back that is deleted softly."""
        when(s.instance[van] is Instance.SOFT_DELETED, 'INSTOP-010')
        calls(w, s, van, Call.PREPARE)
        s.instance[van] = Instance.STARTING

    @m.action('nova-compute -> nova-compute: reclaim {van}', van=van)
    def reclaim(s, van):
        """An instance that is deleted softly may be reclaimed, and then is
        deleted."""
        when(s.instance[van] is Instance.SOFT_DELETED, 'INSTOP-010')
        w.nova_runs(s)
        s.instance[van] = Instance.DELETING

    @m.always('INSTOP-010', van=van)
    def a_soft_delete_keeps_its_claim(s, van):
        """What is deleted softly has its claim until it is reclaimed."""
        return (s.instance[van] is not Instance.SOFT_DELETED
                or is_kept(s, van))

    @m.sometimes('INSTOP-010', van=van)
    def kept_while_soft_deleted(s, van):
        """A device waits for an instance that is deleted softly."""
        return (s.instance[van] is Instance.SOFT_DELETED
                and s.attached.any(van))


def offload_actions(w):
    """Shelve, and offload."""
    m, van = w.m, w.van

    if not w.flow('offload'):
        return

    @m.action('nova-compute -> os-acc: offload: release({van})', van=van)
    def offload(s, van):
        """An instance that is shelved, and so stopped, may be offloaded,
        which releases its VAN."""
        when(s.instance[van] is Instance.STOPPED, 'INSTOP-009')
        calls(w, s, van, Call.RELEASE)
        s.instance[van] = Instance.DELETING
        aim_at_release(w, s, van)

    @m.always('INSTOP-009', van=van)
    def what_is_offloaded_is_released(s, van):
        """While nothing has gone wrong the VAN of an instance that is not
        on the host any more, be it deleted or offloaded, is RELEASED."""
        return (s.faults < w.budget
                or s.instance[van] is not Instance.DELETED
                or s.state[van] in (Van.NONE, Van.RELEASED))


def migrate_actions(w):
    """Resize and cold migration, as their source sees them."""
    m, van = w.m, w.van

    if not w.flow('migrate'):
        return

    @m.action('nova-compute -> os-acc: move: unplug({van})', van=van)
    def move_away(s, van):
        """A guest may be moved to another host, where its new VAN is READY:
        it is stopped here, and unplugged."""
        when(s.instance[van] in THERE, 'INSTOP-011')
        calls(w, s, van, Call.UNPLUG)
        s.instance[van] = Instance.MIGRATING
        w.aim(s, van, Goal.READY)

    @m.action('nova-compute -> nova-compute: {van} runs elsewhere',
              fair=WEAK, van=van)
    def moved(s, van):
        """A guest that is unplugged here runs on the other host."""
        when(s.instance[van] is Instance.MIGRATING, 'INSTOP-011')
        when(s.call[van] is Call.UNPLUGGED, 'INSTOP-011')
        s.call[van] = Call.NONE
        s.instance[van] = Instance.MIGRATED

    @m.action('nova-compute -> nova-compute: {van} is not moved', fair=WEAK,
              van=van)
    def move_fails(s, van):
        """A move whose unplug raised, or that nova-compute died over,
        leaves the guest off and its VAN as it is."""
        when(s.instance[van] is Instance.MIGRATING, 'INSTOP-011')
        when(s.call[van] in (Call.RAISED, Call.NONE), 'INSTOP-011')
        s.call[van] = Call.NONE
        s.instance[van] = Instance.STOPPED

    @m.action('nova-compute -> nova-compute: the move of {van} is confirmed',
              van=van)
    def confirm(s, van):
        """A user may confirm a move, and then the instance is deleted
        here."""
        when(s.instance[van] is Instance.MIGRATED, 'INSTOP-011')
        w.nova_runs(s)
        s.instance[van] = Instance.DELETING

    @m.action('nova-compute -> os-acc: revert: prepare({van})', van=van)
    def revert(s, van):
        """A user may revert a move: the guest starts here again."""
        when(s.instance[van] is Instance.MIGRATED, 'INSTOP-011')
        calls(w, s, van, Call.PREPARE)
        s.instance[van] = Instance.STARTING

    @m.always('INSTOP-011', van=van)
    def the_source_keeps_its_claim(s, van):
        """Until it is confirmed a move leaves the claim of its source, whose
        VAN is not plugged any more when the guest runs elsewhere, unless
        the journal knew nothing of it."""
        if s.instance[van] is Instance.MIGRATING:
            return is_kept(s, van)
        return s.instance[van] is not Instance.MIGRATED or (
            is_kept(s, van)
            and (s.state[van] in UNPLUGGED or w.loses_journal))

    @m.sometimes('INSTOP-011', van=van)
    def ready_to_go_back(s, van):
        """A VAN is READY at the source while the guest runs elsewhere."""
        return (s.instance[van] is Instance.MIGRATED
                and s.state[van] is Van.READY)


def leaves(w, s, van, instance):
    """The instance is not this host's any more, which is down and does not
    know, and whose guest may go on.
    """
    when(not w.compute_up(s), 'OSACC-F22')
    when(s.instance[van] in THERE, 'OSACC-F22')
    s.remains[van] = s.instance[van] is Instance.RUNNING
    s.instance[van] = instance


def evacuate_actions(w):
    """Evacuate, as the host sees it that is left."""
    m, van = w.m, w.van

    if not w.flow('evacuate'):
        return

    @m.action('operator -> nova-api: evacuate {van}', van=van)
    def evacuate(s, van):
        """An instance may be built elsewhere while its host is down; what
        it has there stays."""
        leaves(w, s, van, Instance.EVACUATED)

    @m.action('nova-compute -> os-acc: release({van}), which was evacuated',
              fair=WEAK, van=van)
    def release_evacuated(s, van):
        """A host that is back releases what was evacuated from it, once the
        guest is destroyed."""
        when(s.instance[van] is Instance.EVACUATED, 'INSTOP-016')
        when(not s.remains[van], 'INSTOP-016')
        calls(w, s, van, Call.RELEASE)
        s.instance[van] = Instance.DELETING
        aim_at_release(w, s, van)

    @m.always('INSTOP-015', van=van)
    def an_evacuation_frees_nothing(s, van):
        """What an evacuated instance has on its old host it keeps, in
        Placement too, until that host has released it."""
        return s.instance[van] is not Instance.EVACUATED or (
            s.allocated[van]
            and (s.owner.any(van) or is_released(w, s, van)))

    @m.eventually('INSTOP-016', van=van)
    def what_was_evacuated_is_released(s, van):
        """The old host of an evacuated instance releases it when it is
        back."""
        return (s.instance[van] is Instance.EVACUATED,
                s.instance[van] is not Instance.EVACUATED)


def abandon_actions(w):
    """Delete while the host is down."""
    m, van = w.m, w.van

    if not w.flow('abandon'):
        return

    @m.action('user -> nova-api: delete {van}, whose host is down', van=van)
    def abandon(s, van):
        """An instance may be deleted while its host is down: its allocation
        goes, and nobody else is told."""
        leaves(w, s, van, Instance.ABANDONED)
        s.allocated[van] = False

    @m.always('INSTOP-017', van=van)
    def a_host_that_is_down_is_left_alone(s, van):
        """While its host is down the records say of an instance that was
        deleted what they said before: it has its handle."""
        return (s.instance[van] is not Instance.ABANDONED
                or w.compute_up(s)
                or s.record[van] not in (Record.NONE, Record.RELEASED)
                or is_released(w, s, van))


def leave_actions(w):
    """A host that is back finds what has left it."""
    m, van = w.m, w.van

    @m.action('nova-compute -> nova-compute: destroy what is left of {van}',
              fair=WEAK, van=van)
    def destroy_remains(s, van):
        """A guest that runs on although its instance has left is
        destroyed."""
        when(s.remains[van], 'INSTOP-016')
        w.nova_runs(s)
        s.remains[van] = False

    @m.action('nova-compute -> os-acc: a list without {van}, which has left',
              fair=WEAK, van=van)
    def left_out(s, van):
        """The VAN of an instance that has left is to be released: the list
        does not have it."""
        when(s.instance[van] in LEFT, 'INSTOP-014')
        when(s.state[van] not in (Van.NONE, Van.RELEASED), 'OSACC-055')
        is_missing(w, s, van)

    @m.always('INSTOP-014', van=van)
    def who_is_here_is_listed(s, van):
        """An instance that is on the host, deleted softly or moved without
        a confirmation included, is in each list, so that its VAN is not
        given up."""
        return s.instance[van] not in (
            *THERE, Instance.SOFT_DELETED, Instance.MIGRATING,
            Instance.MIGRATED) or s.goal[van] is not Goal.RELEASED

    @m.eventually('INSTOP-014', van=van)
    def who_has_left_is_not(s, van):
        """What an instance that has left had is released at last: no list
        has it."""
        return (s.instance[van] in LEFT,
                not s.owner.any(van) or not w.api_up(s)
                or s.instance[van] not in LEFT)

    @m.always('INSTOP-016', van=van)
    def destroyed_before_it_is_released(s, van):
        """While a guest that has left still runs nothing is done to its
        device, and no release is called."""
        return not s.remains[van] or (
            s.call[van] is Call.NONE and s.job[van] is Job.NONE
            and s.goal[van] is not Goal.RELEASED)


__all__ = ['move_actions']
