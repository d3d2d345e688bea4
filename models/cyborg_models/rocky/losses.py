"""What goes missing under os-acc's feet, and how it goes on.

A device that disappears, a function that its region loses, a VAN that an
administrator retires, a database that was restored from an old backup, a
list of instances that is wrong, an entry of the journal that is damaged, a
limit that is lowered, a Placement that is away, a handle that discovery does
not find.
Each is a fault that a configuration names in ``enabled_faults``; none is in
the standard ones.
"""

from cyborg_models.rocky.recovery import is_missing, to_be_released
from cyborg_models.rocky.vocabulary import (
    AS_RECORDED,
    FORGETTABLE,
    WEAK,
    Ask,
    Call,
    Claim,
    Goal,
    Image,
    Instance,
    Job,
    Presence,
    Record,
    Van,
    pay,
    when,
)


def loss_actions(w):
    """All of them, as far as the configuration has them."""
    device_actions(w)
    function_actions(w)
    retire_actions(w)
    restore_actions(w)
    list_actions(w)
    limit_actions(w)
    placement_actions(w)
    discovery_actions(w)


def device_actions(w):
    """A device disappears, and may come back."""
    m, van = w.m, w.van

    if not w.fault('gone'):
        return

    @m.action('device -> nobody: {handle} disappears', fault=True,
              handle=w.handle)
    def withdraw(s, handle):
        """A device may disappear at any time, and what is done to it breaks
        off."""
        pay(s, 'OSACC-F13')
        s.gone[handle] = True
        for one in van:
            if s.handle[one] == handle and s.job[one] is not Job.NONE:
                w.end_job(s, one, Ask.ERROR)

    @m.action('device -> nobody: {handle} is back', handle=w.handle)
    def come_back(s, handle):
        """A device that disappeared may come back as it was, and nobody can
        rely on it."""
        when(s.gone[handle], 'OSACC-F13')
        s.gone[handle] = False

    @m.action('os-acc -> os-acc: T07, T12, T21 or T24 FAILED, the device of '
              '{van} is gone', fair=WEAK, van=van)
    def settle_gone(s, van):
        """A VAN that has a handle, that nobody works on, and whose device is
        observed to be gone is FAILED and dirty, unless it is being
        unplugged."""
        when(s.state[van] in LOST, 'OSACC-F13')
        w.nobody_works(s, van)
        when(w.looks(s, van, Presence.GONE), 'OSACC-054')
        s.dirty[van] = True
        w.journal(s, van, Van.FAILED)
        if w.has('image'):
            s.image[van] = Image.NONE

    @m.always('OSACC-F13', van=van)
    def nothing_is_done_to_what_is_gone(s, van):
        """A device that is gone is not written, attached or erased."""
        return (not w.is_gone(s, van)
                or s.job[van] in (Job.NONE, Job.DETACH))

    @m.eventually('OSACC-F13', van=van)
    def what_is_gone_is_failed(s, van):
        """A VAN whose device is gone does not stay as if it were there."""
        unseen = w.is_gone(s, van) and s.state[van] in LOST
        return unseen, not unseen

    if 'call_release' not in m.actions:
        return

    @m.sometimes('OSACC-F13', van=van)
    def gone_and_withheld(s, van):
        """A VAN whose device is gone stays FAILED, and its handle is not
        FREE."""
        return (s.state[van] is Van.FAILED and w.is_gone(s, van)
                and s.owner.any(van) and s.goal[van] is Goal.RELEASED
                and not s.pending[van])


LOST = (Van.BOUND, Van.PROGRAMMING, Van.READY, Van.PLUGGING, Van.PLUGGED)


def function_actions(w):
    """A region loses its function while no guest needs it."""
    m, van = w.m, w.van

    if not w.fault('function-lost'):
        return

    @m.action('device -> nobody: region {region} loses its function',
              fault=True, region=w.region)
    def lose_function(s, region):
        """A region may lose what was written while nobody uses it, nor is
        just about to."""
        when(not any(
            s.handle[one] is not None
            and w.region_of(s.handle[one]) == region
            and (s.instance[one] is Instance.RUNNING
                 or s.call[one] is Call.ATTACHED
                 or s.ask[one] is not Ask.NONE
                 or s.job[one] is not Job.NONE) for one in van),
            'OSACC-F12')
        pay(s, 'OSACC-F12')
        w.blank(s, region)

    @m.action('os-acc -> os-acc: T13 UNPLUGGING, function lost {van}',
              fair=WEAK, van=van)
    def settle_function(s, van):
        """A PLUGGED VAN that is PRESENT and idle without the function
        wanted is unplugged, to be READY again."""
        w.settles(s, van, Van.PLUGGED, Presence.PRESENT)
        when(not w.fits(s, van), 'OSACC-030')
        w.aim(s, van, Goal.READY)
        w.journal(s, van, Van.UNPLUGGING)

    @m.sometimes('OSACC-052', van=van)
    def function_is_missed(s, van):
        """A VAN is unplugged because its function is lost."""
        return (s.state[van] is Van.UNPLUGGING and not w.fits(s, van)
                and s.instance[van] is Instance.STARTING)


def retire_actions(w):
    """An administrator gives up what a dead host holds."""
    m, van = w.m, w.van

    if not w.fault('retire'):
        return

    @m.action('operator -> cyborg-api: retire {van}', fault=True, van=van)
    def retire(s, van):
        """A VAN may be retired while its host is down, or when it is FAILED:
        its quota is given back, and its handle is offered to nobody."""
        when(s.record[van] is Record.FAILED or (
            not w.compute_up(s)
            and s.record[van] not in (Record.NONE, Record.RELEASED)),
            'OSACC-F22')
        when(not w.is_retired(s, van), 'OSACC-022')
        pay(s, 'OSACC-F22')
        s.retired[s.owner.find(van) or 0] = True
        s.used = max(s.used, 1) - 1
        s.record[van] = Record.WITHHELD

    @m.action('cyborg-api -> os-acc: {van} is retired', fair=WEAK, van=van)
    def notice_retired(s, van):
        """sync reads the host's records, and a VAN of the journal that is
        to be released there is to be released here."""
        when(w.is_retired(s, van), 'OSACC-073')
        when(s.state[van] is not Van.NONE, 'OSACC-056')
        w.nova_runs(s)
        w.api_answers(s)
        to_be_released(s, van)

    @m.always('OSACC-043', handle=w.handle)
    def retired_is_not_free(s, handle):
        """A handle that is RETIRED stays with its VAN, whose record says
        that it is to be released."""
        return not s.retired[handle] or (
            s.owner[handle] is not None
            and s.record[s.owner[handle]] is Record.WITHHELD)

    @m.eventually('OSACC-073', van=van)
    def what_is_given_up_there_is_given_up_here(s, van):
        """A VAN that the API records as to be released, and the journal not,
        is to be released there too, if the API answers."""
        wanted = (w.is_retired(s, van) and s.state[van] is not Van.NONE
                  and s.goal[van] is not Goal.RELEASED)
        return wanted, not wanted or not w.api_up(s)

    @m.eventually('OSACC-F22', van=van)
    def retired_comes_to_its_end(s, van):
        """If the host is there a retired VAN is released in full, once no
        guest uses it, and its handle is FREE."""
        return (w.is_retired(s, van), not w.is_retired(s, van)
                or not w.api_up(s) or w.is_gone(s, van)
                or s.instance[van] in (Instance.RUNNING, Instance.STARTING,
                                       Instance.BUILDING))

    if w.builds and not w.has('allocated'):
        return  # in rocky.attach alone instances are not ended

    @m.sometimes('OSACC-F22', van=van)
    def retired_and_free_again(s, van):
        """A VAN that was retired is released in full by its host."""
        return (s.record[van] is Record.RELEASED
                and s.instance[van] not in (Instance.DELETING,
                                            Instance.DELETED)
                and s.owner.all(None) and s.used == 0)


def restore_actions(w):
    """The database is as it was before a claim."""
    m, van = w.m, w.van

    if not w.fault('restore'):
        return

    @m.action('operator -> cyborg-api: the database is restored, without '
              '{van}', fault=True, van=van)
    def restore(s, van):
        """A database may be restored from a backup that is older than a
        claim that was granted and taken."""
        when(s.state[van] in FORGETTABLE, 'OSACC-F16')
        pay(s, 'OSACC-F16')
        w.free(s, van)
        s.record[van] = Record.NONE

    @m.action('os-acc -> cyborg-api: claim {van} anew, with its handle',
              fair=WEAK, van=van)
    def claim_anew(s, van):
        """A VAN that the API has forgotten is claimed anew with its very
        handle, as soon as nobody else has that and the quota allows."""
        when(w.forgotten(s, van), 'OSACC-074')
        w.nova_runs(s)
        w.api_answers(s)
        when(s.owner[w.at(s, van)] is None, 'OSACC-013')
        when(w.has_quota(s), 'QUOTA-004')
        w.own(s, van, w.at(s, van))
        s.pending[van] = True

    @m.always('OSACC-018', van=van)
    def never_bound_to_what_another_uses(s, van):
        """A VAN is not BOUND to a handle that holds another one's device or
        data."""
        return s.state[van] is not Van.BOUND or (
            s.attached[w.at(s, van)] in (None, van)
            and (s.dirty[van] or not s.soiled[w.at(s, van)]))

    @m.eventually('OSACC-074', van=van)
    def the_forgotten_is_known_again(s, van):
        """What the API has forgotten is recorded again in the end, if the
        quota allows."""
        return (w.forgotten(s, van), not w.forgotten(s, van)
                or not w.api_up(s) or not w.has_quota(s))

    if len(van) > 1:
        @m.sometimes('OSACC-018', van=van)
        def the_host_refuses_the_grant(s, van):
            """A VAN is granted what another one still uses."""
            return (s.state[van] is Van.REQUESTED and any(
                s.owner[handle] == van
                and s.attached[handle] not in (None, van)
                for handle in w.handle))


def list_actions(w):
    """recover or sync is given a list that lacks an instance."""
    m, van = w.m, w.van

    if not w.fault('wrong-list'):
        return

    @m.action('nova-compute -> os-acc: a list without the instance of '
              '{van}', fault=True, van=van)
    def wrong_list(s, van):
        """A VAN whose instance is missing in a list is to be released when
        no call works on it and it is observed not to be in use."""
        when(s.call[van] is Call.NONE, 'OSACC-059')
        pay(s, 'OSACC-F17')
        is_missing(w, s, van)

    @m.sometimes('OSACC-F17', van=van)
    def released_behind_a_stopped_guest(s, van):
        """The VAN of a stopped guest is lost by a wrong list."""
        return (s.state[van] is Van.RELEASED
                and s.instance[van] is Instance.STOPPED)


def limit_actions(w):
    """A limit is set below what is used."""
    m, van = w.m, w.van

    if not w.fault('lower-limit'):
        return

    @m.action('operator -> cyborg-api: the limit is lower by one',
              fault=True)
    def lower_limit(s):
        """A limit may be lowered at any time, below the usage too."""
        pay(s, 'QUOTA-F04')
        s.lowered = True

    @m.always('QUOTA-008', van=van)
    def what_is_granted_stays_granted(s, van):
        """Above the limit who has a handle keeps it, is recorded as before,
        and is told so again when the claim is repeated."""
        return not s.lowered or s.state[van] not in FORGETTABLE or (
            s.owner.any(van) and s.claim[van] is not Claim.REFUSED)

    @m.sometimes('QUOTA-008', van=van)
    def a_guest_starts_above_the_limit(s, van):
        """A guest runs although usage is above the limit."""
        return (s.instance[van] is Instance.RUNNING
                and s.used > w.limit - s.lowered)


def placement_actions(w):
    """Placement does not answer, and its inventory is old."""
    m, van = w.m, w.van

    if not (w.fault('placement-down') and w.has('allocated')):
        return

    def units(s):
        """What there is to allocate: handles that are not withheld."""
        return len(w.handle) - s.record.count(Record.WITHHELD)

    @m.action('placement -> nobody: does not answer', fault=True)
    def lose_placement(s):
        """Placement may be away at any time."""
        pay(s, 'SCHED-F01')
        s.placement = False

    @m.action('placement -> conductor: answers again')
    def placement_back(s):
        """Placement may come back, and nobody can rely on it."""
        when(not s.placement, 'SCHED-006')
        s.placement = True

    @m.action('driver -> agent: other traits')
    def change_traits(s):
        """What a device can do may change, as when its driver is replaced,
        so that Placement has traits that are old."""
        when(s.traits, 'SCHED-005')
        s.traits = False

    @m.action('conductor -> placement: inventory and traits', fair=WEAK)
    def write_inventory(s):
        """Inventory and traits are written, at the next discovery report at
        the latest, when one of them differs from what Placement has."""
        when(s.placement, 'SCHED-006')
        when(s.inventory != units(s) or not s.traits, 'SCHED-005')
        s.inventory = units(s)
        s.traits = True

    @m.eventually('SCHED-005')
    def the_inventory_catches_up(s):
        """Placement has the inventory that there is, if it answers."""
        old = s.inventory != units(s)
        return old, not old or not s.placement

    @m.eventually('SCHED-005')
    def the_traits_catch_up(s):
        """Placement has the traits that there are, if it answers."""
        return not s.traits, s.traits or not s.placement

    @m.eventually('SCHED-006', van=van)
    def no_claim_waits_for_placement(s, van):
        """A claim is answered while Placement is away."""
        waits = s.claim[van] is Claim.SENT and not s.placement
        return waits, not waits

    @m.always('SCHED-006', van=van)
    def no_claim_is_refused_for_placement(s, van):
        """While nothing but Placement is away a claim is not refused that
        is new, and the only one that there ever was."""
        return (s.placement or s.claim[van] is not Claim.REFUSED
                or s.faults < w.budget - 1
                or any(s.record[one] is not Record.NONE
                       for one in w.van))

    @m.eventually('SCHED-006', van=van)
    def no_report_waits_for_placement(s, van):
        """A settled state is reported while Placement is away."""
        waits = (s.pending[van] and s.state[van] in AS_RECORDED
                 and not s.placement)
        return waits, not waits

    @m.sometimes('SCHED-005')
    def withheld_but_advertised(s):
        """Placement offers a unit that is withheld, for a while."""
        return s.inventory > units(s)


def discovery_actions(w):
    """A discovery report does not have a handle."""
    m, van = w.m, w.van

    if not w.fault('unlisted'):
        return

    @m.action('agent -> conductor: a discovery report without {handle}',
              fault=True, handle=w.handle)
    def discover_without(s, handle):
        """A handle that a discovery report does not have is deleted if it
        is FREE."""
        when(s.owner[handle] is None, 'SCHED-007')
        pay(s, 'SCHED-F04')
        s.listed[handle] = False
        if not s.listed.any(True):
            s.provider = False

    @m.action('agent -> conductor: a discovery report with {handle}',
              handle=w.handle)
    def discover_again(s, handle):
        """A handle that was deleted may be found again, and is FREE."""
        when(not s.listed[handle], 'SCHED-007')
        s.listed[handle] = True
        s.provider = True

    @m.always('SCHED-009')
    def a_provider_has_handles(s):
        """There is a provider exactly while there is a handle of it."""
        return s.provider == s.listed.any(True)

    @m.always('SCHED-007', van=van)
    def discovery_takes_nothing(s, van):
        """Who was granted a handle, and has not released it, has it, and it
        is in the table, whatever discovery found."""
        if s.record[van] in (Record.NONE, Record.RELEASED):
            return True
        handle = s.owner.find(van)
        return handle is not None and s.listed[handle]

    @m.sometimes('SCHED-007', van=van)
    def refused_for_what_is_not_found(s, van):
        """A claim is refused because discovery has lost a handle."""
        return (s.claim[van] is Claim.REFUSED and s.owner.any(None)
                and s.listed.any(False))


__all__ = ['loss_actions']
