"""What Nova does with an instance that has an accelerator.

Only the calls and their order; each waits for the answer of the last.
"""

from cyborg_models.kernel.language import STRONG
from cyborg_models.rocky.vocabulary import (
    WEAK,
    Call,
    Goal,
    Instance,
    Record,
    Van,
    World,
    pay,
    when,
)


def build_actions(w: World):
    """Create: prepare, plug, start the guest."""
    m, van = w.m, w.van

    @m.action('nova-compute -> os-acc: prepare({van})', van=van)
    def build(s, van):
        """A user may create an instance, once the scheduler has claimed a
        unit in Placement that is neither taken nor withheld."""
        when(s.instance[van] is Instance.NONE, 'OSACC-034')
        if w.has('allocated'):
            if w.has('inventory'):
                when(s.allocated.count(True) < s.inventory, 'OSACC-044')
            else:
                when(s.allocated.count(True)
                     + s.record.count(Record.WITHHELD) < w.handle.size,
                     'OSACC-044')
            s.allocated[van] = True
        calls(w, s, van, Call.PREPARE)
        s.instance[van] = Instance.BUILDING

    start_actions(w)


def start_actions(w):
    """What follows when prepare has returned."""
    m, van = w.m, w.van

    @m.action('nova-compute -> os-acc: plug({van})', fair=WEAK, van=van)
    def call_plug(s, van):
        """Nova has the instance plugged when prepare has returned."""
        when(s.call[van] is Call.PREPARED, 'INSTOP-002')
        is_coming(s, van)
        calls(w, s, van, Call.PLUG)
        w.aim(s, van, Goal.PLUGGED)

    @m.action('nova-compute -> nova-compute: start the guest of {van}',
              fair=WEAK, van=van)
    def start_guest(s, van):
        """Nova starts the guest when plug has returned for that start."""
        when(s.call[van] is Call.ATTACHED, 'OSACC-034')
        is_coming(s, van)
        s.call[van] = Call.NONE
        s.instance[van] = Instance.RUNNING

    if w.fault('spawn'):
        @m.action('nova-compute -> nova-compute: the guest of {van} does '
                  'not start', fault=True, van=van)
        def fail_spawn(s, van):
            """A guest may fail to start although plug returned."""
            when(s.call[van] is Call.ATTACHED, 'OSACC-034')
            pay(s, 'OSACC-F07')
            w.answer_error(s, van)


OVER = (Call.NONE, Call.PREPARED, Call.ATTACHED, Call.UNPLUGGED, Call.RAISED)


def calls(w, s, van, call):
    """nova-compute makes a call, when it runs and no other works on the
    instance.
    """
    w.nova_runs(s)
    when(s.call[van] in OVER, 'OSACC-059')
    s.call[van] = call


def is_coming(s, van):
    """The instance is to start."""
    when(s.instance[van] in (Instance.BUILDING, Instance.STARTING),
         'OSACC-063')


def aim_at_release(w, s, van):
    """The goal of the instance's VAN, if there is one, is RELEASED."""
    if s.state[van] not in (Van.NONE, Van.RELEASED):
        s.goal[van] = Goal.RELEASED
        if w.topology != 'VIA_API':
            s.pending[van] = True


def delete_actions(w: World):
    """Delete, and giving up a build."""
    m, van = w.m, w.van

    @m.action('nova-compute -> nova-compute: delete {van}, stop its guest',
              van=van)
    def delete(s, van):
        """A user may delete an instance at any time; its guest is stopped
        first, and a release that finds a call running sets the goal."""
        when(s.instance[van] in (
            Instance.BUILDING, Instance.RUNNING, Instance.STOPPED,
            Instance.STARTING), 'OSACC-035')
        w.nova_runs(s)
        s.instance[van] = Instance.DELETING
        if s.call[van] in (Call.PREPARE, Call.PLUG, Call.UNPLUG):
            aim_at_release(w, s, van)

    if w.power:
        @m.action('nova-compute -> novalink: delete the partition of {van}',
                  van=van)
        def delete_partition(s, van):
            """The virt driver may delete a partition before it unplugs, as
            its half of a delete, when no call works on the instance; that
            frees the slot."""
            when(s.instance[van] is Instance.DELETING, 'OSACC-035')
            when(s.call[van] in (Call.NONE, Call.RAISED), 'OSACC-059')
            when(s.attached.any(van), 'OSACC-036')
            w.nova_runs(s)
            s.attached[w.at(s, van)] = None

    @m.action('nova-compute -> os-acc: unplug({van})', van=van)
    def call_unplug(s, van):
        """The virt driver may unplug a guest that is stopped, as its half
        of a delete."""
        when(s.instance[van] is Instance.DELETING, 'OSACC-035')
        when(s.state[van] is Van.PLUGGED, 'OSACC-036')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-038')
        calls(w, s, van, Call.UNPLUG)
        w.aim(s, van, Goal.READY)

    @m.action('nova-compute -> os-acc: release({van})', fair=WEAK, van=van)
    def call_release(s, van):
        """Nova releases on delete and when it gives up a build, once no
        other call works on the instance."""
        when(s.instance[van] is Instance.DELETING
             or (s.instance[van] is Instance.BUILDING
                 and s.call[van] in (Call.RAISED, Call.NONE)), 'OSACC-037')
        calls(w, s, van, Call.RELEASE)
        s.instance[van] = Instance.DELETING
        aim_at_release(w, s, van)

    @m.action('nova-compute -> placement: remove the allocation of {van}',
              fair=WEAK, van=van)
    def return_release(s, van):
        """release returns when nothing of the VAN is left on the host, and
        then the allocation goes."""
        when(s.state[van] is Van.RELEASED or (
            s.state[van] is Van.NONE and not w.adopting(s)), 'OSACC-045')
        release_ends(s, van)

    # release has a time-out, however often it tries again: hence strong.
    @m.action('os-acc -> nova-compute: ReleaseIncomplete {van}', fair=STRONG,
              van=van)
    def release_incomplete(s, van):
        """release raises for a VAN that it cannot bring to its end, or
        while one may still be adopted; the goal is set, Nova goes on, and
        sync does the rest."""
        when(s.state[van] is Van.FAILED or not w.agent_up(s)
             or w.adopting(s), 'OSACC-054')
        release_ends(s, van)

    def release_ends(s, van):
        """release returns or raises, and Nova ends the instance."""
        when(s.call[van] is Call.RELEASE, 'OSACC-045')
        s.call[van] = Call.NONE
        s.instance[van] = Instance.DELETED
        if w.has('allocated'):
            s.allocated[van] = False


def power_actions(w: World):
    """Stop, start, hard reboot and rebuild."""
    m, van = w.m, w.van

    def rests(s, van):
        s.instance[van] = Instance.STOPPED

    @m.action('nova-compute -> nova-compute: stop the guest of {van}',
              van=van)
    def stop(s, van):
        """A guest that runs may be stopped, or stop by itself; os-acc is
        not called."""
        when(s.instance[van] is Instance.RUNNING, 'OSACC-035')
        rests(s, van)

    @m.action('nova-compute -> os-acc: start: prepare({van})', van=van)
    def start(s, van):
        """A user may start an instance that is stopped; if its VAN was given
        up, prepare makes a new one, which is not told here."""
        when(s.instance[van] is Instance.STOPPED, 'OSACC-034')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-038')
        calls(w, s, van, Call.PREPARE)
        s.instance[van] = Instance.STARTING

    @m.action('nova-compute -> os-acc: hard reboot: prepare({van})', van=van)
    def hard_reboot(s, van):
        """A user may reboot a running guest the hard way: it stops, and the
        definition is made anew."""
        when(s.instance[van] is Instance.RUNNING, 'OSACC-032')
        calls(w, s, van, Call.PREPARE)
        s.instance[van] = Instance.STARTING

    @m.action('nova-compute -> os-acc: rebuild: unplug({van})', van=van)
    def rebuild(s, van):
        """A user may have a guest rebuilt that runs, or that is stopped and
        whose VAN was not given up; the device is taken out of its definition
        first.  A rescue and an unrescue go the same way."""
        when(s.instance[van] in (Instance.RUNNING, Instance.STOPPED),
             'OSACC-035')
        when(s.instance[van] is Instance.RUNNING
             or s.goal[van] is not Goal.RELEASED, 'OSACC-038')
        calls(w, s, van, Call.UNPLUG)
        s.instance[van] = Instance.STARTING
        w.aim(s, van, Goal.READY)

    @m.action('nova-compute -> os-acc: rebuilt: prepare({van})', fair=WEAK,
              van=van)
    def prepare_again(s, van):
        """A rebuild goes on with prepare when unplug has returned."""
        when(s.call[van] is Call.UNPLUGGED, 'INSTOP-002')
        is_coming(s, van)
        calls(w, s, van, Call.PREPARE)

    @m.action('nova-compute -> nova-compute: {van} stays stopped', fair=WEAK,
              van=van)
    def start_fails(s, van):
        """A start, reboot or rebuild that raised, or that nova-compute died
        over, leaves the guest off and its VAN as it is; that Nova shows an
        error after the latter two is not told here."""
        when(s.instance[van] is Instance.STARTING, 'OSACC-034')
        when(s.call[van] in (Call.RAISED, Call.NONE), 'OSACC-034')
        s.call[van] = Call.NONE
        rests(s, van)


__all__ = ['build_actions', 'delete_actions', 'power_actions',
           'start_actions']
