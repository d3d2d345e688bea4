"""Named defects: what goes wrong when one action is not as specified.

Each is a version of one action with a guard or an effect dropped or
altered, and a model has those whose action it has.  With a defect switched
on some property of the model fails that holds without it; ``test_rocky``
says which, where, and after how many steps at least.
"""

from cyborg_models.rocky.operators import Work, Write
from cyborg_models.rocky.recovery import is_missing
from cyborg_models.rocky.vocabulary import (
    AS_REMEMBERED,
    LEFT,
    Ask,
    Call,
    Claim,
    Function,
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


def declare(w):
    """Declare all defects of the actions that the model has."""
    altering = Altering(w.m)
    for declare_some in (of_the_claim, of_programming, of_plug, of_reports,
                         of_recovery, of_release, of_losses, of_nova,
                         of_moves, of_operators):
        declare_some(w, altering)


class Altering:
    """``altering(defect, action)``: like ``Model.defect``, by the action's
    name, and without effect in a model that lacks the action or, by
    ``where``, what the defect is about.
    ``altering[action]``: the body of the action as specified.
    """

    def __init__(self, m):
        self.m = m
        self.bodies = {name: action.body
                       for name, action in m.actions.items()}

    def __call__(self, defect, action, where=True):
        if action in self.bodies and where:
            return self.m.defect(defect, of=self.bodies[action])
        return lambda body: body

    def __getitem__(self, action):
        return self.bodies[action]


def of_the_claim(w, altering):
    """Claim and ownership."""

    def grant(s, van, handle):
        when(s.claim[van] is Claim.SENT, 'OSACC-013')
        w.api_answers(s)
        w.own(s, van, handle)
        s.claim[van] = Claim.GRANTED

    @altering('claim-not-exclusive', 'grant_claim')
    def grant_claimed(s, van, handle):
        """Two claims for a handle may both win."""
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(w.has_quota(s), 'QUOTA-004')
        grant(s, van, handle)

    @altering('quota-not-checked', 'grant_claim')
    def grant_beyond_quota(s, van, handle):
        """A handle is granted beyond the quota."""
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        grant(s, van, handle)

    def grant_in_any_region(s, van, handle):
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(w.has_quota(s), 'QUOTA-004')
        grant(s, van, handle)

    @altering('projects-mixed', 'grant_claim',
              where=w.tenant and w.projects > 1)
    def grant_beside_another_project(s, van, handle):
        """A handle is granted in a region with a tenant's function of which
        another project has one, too."""
        grant_in_any_region(s, van, handle)

    @altering('fixed-region-granted', 'grant_claim', where=w.fixed)
    def grant_what_is_fixed(s, van, handle):
        """A handle is granted in a region that would have to be written, and
        may not be."""
        grant_in_any_region(s, van, handle)

    @altering('granted-elsewhere', 'grant_claim', where=w.names_provider)
    def grant_elsewhere(s, van, handle):
        """A handle is granted of whatever provider, whichever the claim
        names."""
        grant_in_any_region(s, van, handle)

    @altering('claim-waits-for-placement', 'grant_claim',
              where=w.has('placement'))
    def grant_with_placement(s, van, handle):
        """A claim is granted only when Placement answers, too."""
        when(s.placement, 'SCHED-006')
        altering['grant_claim'](s, van, handle)

    @altering('claim-refused-without-placement', 'refuse_claim',
              where=w.has('placement'))
    def refuse_without_placement(s, van):
        """A claim is refused while Placement does not answer."""
        if not s.placement:
            when(s.claim[van] is Claim.SENT, 'OSACC-013')
            w.api_answers(s)
            s.claim[van] = Claim.REFUSED
        else:
            altering['refuse_claim'](s, van)

    @altering('refused-claim-is-charged', 'refuse_claim')
    def refuse_and_charge(s, van):
        """What was reserved for a claim stays charged when it is
        refused."""
        altering['refuse_claim'](s, van)
        s.used = min(s.used, len(w.handle)) + 1

    @altering('claim-after-release', 'grant_claim')
    def grant_released(s, van, handle):
        """A claim that arrives after its own release is granted."""
        when(s.record[van] in (Record.NONE, Record.RELEASED), 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(w.has_quota(s), 'QUOTA-004')
        grant(s, van, handle)

    @altering('repeated-claim-granted-anew', 'grant_claim')
    def grant_again(s, van, handle):
        """A repeated claim gets another handle than the first."""
        when(s.record[van] is not Record.RELEASED, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(w.has_quota(s), 'QUOTA-004')
        grant(s, van, handle)

    @altering('regions-mixed', 'grant_claim')
    def grant_mixed(s, van, handle):
        """A handle is granted in a region where another function is
        wanted, or in an isolation group that has a user."""
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(w.has_quota(s), 'QUOTA-004')
        grant(s, van, handle)

    @altering('released-claim-not-answered', 'refuse_claim')
    def refuse_only_the_new(s, van):
        """Whoever answers a claim fails when its VAN has gone meanwhile, and
        so answers nothing."""
        when(s.record[van] is Record.NONE, 'OSACC-015')
        altering['refuse_claim'](s, van)

    @altering('refused-claim-not-closed', 'give_up_claim')
    def give_up_silently(s, van):
        """A claim that nobody can answer is given up without a report."""
        altering['give_up_claim'](s, van)
        s.pending[van] = False

    @altering('cancel-forgotten', 'cancel',
              where='call_release' in w.m.actions)
    def do_not_cancel(s, van):
        """prepare and plug do not notice that they are cancelled."""
        when(s.call[van] is Call.RAISED, 'OSACC-063')
        altering['cancel'](s, van)


def of_programming(w, altering):
    """Programming."""

    def program(s, van):
        w.goes_on(s, van, Call.PREPARE, Van.BOUND)
        when(not w.locked(s, van), 'OSACC-060')
        when(w.lacks(s, van), 'OSACC-029')
        w.lock(s, van)
        s.dirty[van] = True
        s.verified[van] = False
        w.journal(s, van, Van.PROGRAMMING)
        s.ask[van] = Ask.ASKED

    @altering('write-under-user', 'program')
    def program_anyway(s, van):
        """A region is written without a look at its other VANs."""
        when(s.image[van] is Image.CHECKED, 'OSACC-025')
        program(s, van)

    @altering('bitstream-not-checked', 'program')
    def program_unchecked(s, van):
        """A region is written from a bitstream that was not checked."""
        when(s.image[van] in (Image.GOOD, Image.BAD, Image.CHECKED),
             'OSACC-025')
        when(not w.barred(s, van), 'OSACC-027')
        program(s, van)

    @altering('function-not-compared', 'check', where=w.has('other'))
    def check_all_but_the_function(s, van):
        """The function that the image names is not compared."""
        when(s.image[van] is Image.GOOD, 'OSACC-065')
        s.image[van] = Image.CHECKED

    @altering('not-verified', 'verify')
    def believe(s, van):
        """A driver's word is taken for its deed."""
        when(s.state[van] is Van.PROGRAMMING, 'OSACC-028')
        when(s.ask[van] is Ask.DONE, 'OSACC-028')
        s.verified[van] = True
        w.journal(s, van, Van.READY)
        w.unlock(s, van)
        s.ask[van] = Ask.NONE
        s.image[van] = Image.NONE

    def clean(s, van):
        w.settles(s, van, Van.CLEANING, Presence.ABSENT)
        ask_to_clean(s, van)

    def ask_to_clean(s, van):
        when(s.dirty[van], 'OSACC-040')
        s.ask[van] = Ask.ASKED
        if w.programs and not w.barred(s, van) and (
                w.tenant or not s.verified[van] or not w.fits(s, van)):
            s.ask[van] = Ask.ASKED_REGION

    def lock_to_clean(s, van):
        if w.programs:
            when(not w.locked(s, van), 'OSACC-060')
            w.lock(s, van)

    @altering('no-lock-to-erase', 'clean')
    def clean_unlocked(s, van):
        """A region is erased without its lock."""
        clean(s, van)

    @altering('tool-goes-unseen', 'clean')
    def clean_beside_a_tool(s, van):
        """A device is erased while a tool that nobody waits for any more
        still works on its region."""
        when(s.state[van] is Van.CLEANING, 'OSACC-052')
        w.nobody_works(s, van)
        when(w.presence(s, van) is Presence.ABSENT, 'OSACC-054')
        ask_to_clean(s, van)
        lock_to_clean(s, van)

    @altering('region-erased-under-user', 'clean')
    def clean_too_much(s, van):
        """A region is erased while somebody else uses it."""
        altering['clean'](s, van)
        if w.programs:
            s.ask[van] = Ask.ASKED_REGION

    @altering('erase-before-adoption', 'clean')
    def clean_early(s, van):
        """A region is erased before a lost journal is rebuilt, when os-acc
        does not know yet who else is in it."""
        clean(s, van)
        lock_to_clean(s, van)

    @altering('region-never-erased', 'clean')
    def clean_too_little(s, van):
        """Only the handle is erased, never its region."""
        altering['clean'](s, van)
        s.ask[van] = Ask.ASKED

    @altering('unverified-write-is-kept', 'clean')
    def clean_by_look(s, van):
        """A region is kept if it holds the function wanted, though nobody
        verified the write that put it there."""
        altering['clean'](s, van)
        if w.programs and not w.tenant and w.fits(s, van):
            s.ask[van] = Ask.ASKED

    @altering('shared-function-not-dirty', 'make_ready', where=w.tenant)
    def make_ready_clean(s, van):
        """A VAN that finds a tenant's function loaded does not count as
        having touched it, so that the last one out erases nothing."""
        dirty = s.dirty[van]
        altering['make_ready'](s, van)
        s.dirty[van] = dirty


def of_plug(w, altering):
    """Plug."""

    @altering('plug-without-look', 'plug')
    def plug_blindly(s, van):
        """A READY VAN is plugged without another look."""
        w.goes_on(s, van, Call.PLUG, Van.READY)
        s.dirty[van] = True
        w.journal(s, van, Van.PLUGGING)
        s.ask[van] = Ask.ASKED

    @altering('plug-not-journalled-dirty', 'plug')
    def plug_unnoted(s, van):
        """The journal does not say that plug touches the device."""
        dirty = s.dirty[van]
        altering['plug'](s, van)
        s.dirty[van] = dirty

    @altering('plug-before-journal', 'plug')
    def plug_first(s, van):
        """The attach begins before the journal says so, and then the
        journal cannot be written."""
        w.goes_on(s, van, Call.PLUG, Van.READY)
        when(w.offers(s, van), 'OSACC-030')
        s.job[van] = Job.ATTACH
        s.soiled[w.at(s, van)] = True
        s.call[van] = Call.RAISED

    @altering('failed-plug-is-ready', 'plug_failed')
    def plug_failed_unseen(s, van):
        """After a failed plug nobody looks whether it went through."""
        altering['plug_failed'](s, van)
        s.state[van] = Van.READY

    @altering('guest-without-plug', 'start_guest')
    def start_unplugged(s, van):
        """Nova starts the guest as soon as prepare has returned."""
        when(s.call[van] in (Call.PREPARED, Call.ATTACHED), 'OSACC-034')
        when(s.instance[van] in (Instance.BUILDING, Instance.STARTING),
             'OSACC-034')
        s.call[van] = Call.NONE
        s.instance[van] = Instance.RUNNING


def of_reports(w, altering):
    """Journal and database."""

    @altering('old-report-counts', 'take_late_report')
    def take_any_report(s, van):
        """A report that was overtaken counts."""
        s.overtaken[van] = False
        altering['take_late_report'](s, van)

    @altering('lost-answer-is-an-acknowledgement', 'delay_report')
    def forget_report(s, van):
        """A report that was sent counts as taken."""
        altering['delay_report'](s, van)
        s.late[van] = Record.NONE
        s.pending[van] = False

    @altering('freed-before-released', 'report',
              where='call_release' in w.m.actions)
    def free_early(s, van):
        """The API frees the handle as soon as the goal is RELEASED."""
        altering['report'](s, van)
        if s.goal[van] is Goal.RELEASED:
            s.record[van] = Record.RELEASED
            w.free(s, van)

    @altering('report-waits-for-placement', 'report', where=w.has('placement'))
    def report_with_placement(s, van):
        """A report is taken only when Placement answers, too."""
        when(s.placement, 'SCHED-006')
        altering['report'](s, van)

    @altering('usage-is-kept', 'report')
    def keep_usage(s, van):
        """The usage charged is a record of its own, from which nothing is
        taken when a handle is FREE again."""
        used = s.used
        altering['report'](s, van)
        s.used = used

    @altering('pending-reports-die', 'compute_crash')
    def crash_with_reports(s):
        """Reports that wait are kept in memory only."""
        altering['compute_crash'](s)
        for one in w.van:
            s.pending[one] = False


def of_recovery(w, altering):
    """Settling."""

    @altering('recovery-forgets-plugging', 'settle_plugging')
    def leave_plugging(s, van):
        """PLUGGING is settled only while a call waits for it, which after
        a crash none does."""
        when(s.call[van] is Call.PLUG, 'OSACC-052')
        altering['settle_plugging'](s, van)

    @altering('plugging-is-taken-for-ready', 'settle_plugging')
    def settle_unseen(s, van):
        """PLUGGING is settled as READY without a look."""
        when(s.state[van] is Van.PLUGGING, 'OSACC-052')
        w.nobody_works(s, van)
        when(w.idle(s, van), 'OSACC-054')
        w.journal(s, van, Van.READY)

    @altering('no-answer-is-an-answer', 'settle_plugging')
    def settle_unknown(s, van):
        """PLUGGING is settled while nobody can look."""
        when(s.state[van] is Van.PLUGGING, 'OSACC-052')
        w.nobody_works(s, van)
        when(w.idle(s, van), 'OSACC-054')
        w.journal(s, van, Van.PLUGGED if w.presence(s, van)
                  is Presence.PRESENT else Van.READY)

    @altering('half-written-is-ready', 'settle_programming')
    def settle_half_written(s, van):
        """PROGRAMMING is settled as READY without a look at the function."""
        altering['settle_programming'](s, van)
        s.state[van] = Van.READY

    @altering('adopted-as-clean', 'adopt')
    def adopt_clean(s, van):
        """An adopted VAN does not count as dirty."""
        altering['adopt'](s, van)
        s.dirty[van] = False

    @altering('adopted-unseen', 'adopt')
    def adopt_unseen(s, van):
        """A VAN is adopted as recorded, whatever is observed."""
        pending = s.pending[van]
        altering['adopt'](s, van)
        s.state[van] = AS_REMEMBERED[s.record[van]]
        s.pending[van] = pending

    @altering('adoption-keeps-generation', 'adopt')
    def adopt_generation(s, van):
        """An adopted VAN takes its generation from the record, so that a
        report from before the loss of the journal is newer."""
        overtaken = w.has('late') and s.overtaken[van]
        altering['adopt'](s, van)
        if w.has('late'):
            s.overtaken[van] = overtaken

    @altering('orphans-by-an-old-list', 'orphan')
    def leave_orphan(s, van):
        """An orphan is left alone when its instance was in the list given
        to recover, though it was deleted before the VAN was adopted."""
        when(s.instance[van] is Instance.NONE, 'OSACC-055')
        altering['orphan'](s, van)


def of_release(w, altering):
    """Unplug and release."""

    @altering('no-erase', 'released_clean')
    def release_uncleaned(s, van):
        """A VAN is RELEASED without being erased."""
        when(s.state[van] is Van.CLEANING, 'OSACC-052')
        w.nobody_works(s, van)
        s.dirty[van] = False
        w.journal(s, van, Van.RELEASED)

    @altering('failed-erase-ignored', 'clean_failed')
    def release_anyway(s, van):
        """A VAN that could not be erased is RELEASED all the same."""
        altering['clean_failed'](s, van)
        s.dirty[van] = False
        w.journal(s, van, Van.RELEASED)

    @altering('failed-is-stuck', 'release_failed')
    def leave_failed(s, van):
        """A FAILED VAN that is attached is not released."""
        when(w.presence(s, van) is Presence.ABSENT, 'OSACC-037')
        altering['release_failed'](s, van)

    @altering('unplug-under-guest', 'unplug')
    def unplug_running(s, van):
        """A PLUGGED VAN is unplugged whether its guest runs or not."""
        when(s.state[van] is Van.PLUGGED, 'OSACC-052')
        w.nobody_works(s, van)
        when(w.idle(s, van), 'OSACC-035')
        w.journal(s, van, Van.UNPLUGGING)
        s.ask[van] = Ask.ASKED


def of_losses(w, altering):
    """What goes missing."""

    @altering('gone-found-by-calls-only', 'settle_gone')
    def notice_when_called(s, van):
        """A device that is gone is noticed only when a call needs it, which
        for a guest that runs none does."""
        when(s.call[van] is not Call.NONE, 'OSACC-054')
        altering['settle_gone'](s, van)

    @altering('gone-counts-as-erased', 'settle_cleaning')
    def release_what_is_gone(s, van):
        """A VAN whose device is gone is RELEASED, as if it were erased."""
        altering['settle_cleaning'](s, van)
        s.dirty[van] = False
        w.journal(s, van, Van.RELEASED)

    @altering('retire-frees', 'retire')
    def retire_and_free(s, van):
        """A handle whose VAN is retired is FREE at once."""
        altering['retire'](s, van)
        s.retired[s.owner.find(van)] = False
        s.owner[s.owner.find(van)] = None
        s.record[van] = Record.RELEASED

    @altering('retired-told-by-report-only', 'notice_retired')
    def notice_by_report(s, van):
        """os-acc learns that a VAN is retired by the answer to a report,
        and so never if it has nothing to report."""
        when(s.pending[van], 'OSACC-F22')
        altering['notice_retired'](s, van)

    @altering('forgotten-told-by-report-only', 'claim_anew')
    def claim_anew_by_report(s, van):
        """os-acc learns that the API has forgotten a VAN by the answer to a
        report, and so never if it has nothing to report."""
        when(s.pending[van], 'OSACC-F16')
        altering['claim_anew'](s, van)

    @altering('grant-not-checked', 'bind', where=w.fault('restore'))
    def bind_unchecked(s, van):
        """A grant is taken although the journal holds its handle for
        another VAN."""
        w.goes_on(s, van, Call.PREPARE, Van.REQUESTED)
        when(s.claim[van] is Claim.GRANTED, 'OSACC-017')
        s.claim[van] = Claim.NONE
        s.handle[van] = s.owner.find(van)
        w.journal(s, van, Van.BOUND)

    @altering('lower-limit-takes-away', 'lower_limit')
    def take_away(s):
        """A limit that is lowered takes a handle from somebody."""
        altering['lower_limit'](s)
        for one in w.van:
            if s.used >= w.limit and s.owner.any(one):
                w.free(s, one)
                s.record[one] = Record.RELEASED

    @altering('inventory-adjusted', 'write_inventory')
    def adjust_inventory(s):
        """An inventory is changed where something is withheld, and never
        compared."""
        when(s.record.any(Record.WITHHELD), 'SCHED-005')
        altering['write_inventory'](s)

    @altering('traits-written-once', 'write_inventory')
    def write_no_traits(s):
        """Traits are written when a provider is made, and not compared."""
        traits = s.traits
        altering['write_inventory'](s)
        s.traits = traits

    @altering('discovery-deletes', 'discover_without')
    def delete_whatever_is_missing(s, handle):
        """A handle that a discovery report does not have is deleted, be it
        FREE or not."""
        pay(s, 'SCHED-F04')
        s.listed[handle] = False
        s.provider = s.listed.any(True)

    @altering('provider-outlives-its-handles', 'discover_without')
    def keep_provider(s, handle):
        """A provider stays when its last handle is deleted."""
        altering['discover_without'](s, handle)
        s.provider = True

    @altering('wrong-list-is-believed', 'wrong_list')
    def believe_list(s, van):
        """A VAN that a list lacks is to be released whatever is seen."""
        when(s.instance[van] is not Instance.NONE, 'OSACC-F17')
        when(s.state[van] is Van.PLUGGED, 'OSACC-055')
        w.nobody_works(s, van)
        s.goal[van] = Goal.RELEASED
        s.pending[van] = True

    @altering('damaged-entry-keeps-the-mark', 'entry_damaged')
    def damage_unmarked(s, van):
        """A journal with a damaged entry passes as whole."""
        altering['entry_damaged'](s, van)
        s.whole = True


def of_nova(w, altering):
    """Nova's side."""

    @altering('failed-spawn-forgets-release', 'call_release')
    def forget_release(s, van):
        """A build that is given up is not released."""
        goal, pending = s.goal[van], s.pending[van]
        altering['call_release'](s, van)
        s.goal[van], s.pending[van] = goal, pending
        s.call[van] = Call.NONE
        s.instance[van] = Instance.DELETED
        if w.has('allocated'):
            s.allocated[van] = False

    @altering('stop-unplugs', 'stop')
    def stop_and_unplug(s, van):
        """nova-compute unplugs when a guest is stopped."""
        altering['stop'](s, van)
        s.call[van] = Call.UNPLUG
        w.aim(s, van, Goal.READY)

    @altering('rebuild-releases', 'rebuild')
    def rebuild_by_release(s, van):
        """A rebuild releases the VAN, as a delete does."""
        altering['rebuild'](s, van)
        s.goal[van] = Goal.RELEASED

    @altering('rebuild-without-unplug', 'rebuild')
    def rebuild_in_place(s, van):
        """A rebuild leaves what the old definition had where it is, as a
        hard reboot does."""
        altering['rebuild'](s, van)
        s.call[van] = Call.PREPARE

    @altering('failed-start-releases', 'start_fails')
    def give_up_when_failed(s, van):
        """What an instance had is released when its start fails."""
        altering['start_fails'](s, van)
        s.goal[van] = Goal.RELEASED

    @altering('delete-waits', 'delete', where=w.builds)
    def delete_later(s, van):
        """A delete is not told to a call that works on the instance."""
        goal, pending = s.goal[van], s.pending[van]
        altering['delete'](s, van)
        s.goal[van], s.pending[van] = goal, pending

    @altering('allocation-goes-first', 'delete', where=w.has('allocated'))
    def delete_allocation_first(s, van):
        """The Placement allocation is removed before the release."""
        altering['delete'](s, van)
        s.allocated[van] = False


def of_moves(w, altering):
    """What else Nova does."""

    @altering('pause-unplugs', 'pause')
    def pause_and_unplug(s, van):
        """nova-compute unplugs when a guest is paused."""
        altering['pause'](s, van)
        s.call[van] = Call.UNPLUG
        w.aim(s, van, Goal.READY)

    @altering('pause-detaches', 'pause')
    def pause_and_detach(s, van):
        """nova-compute takes the device out of a guest that is paused, as
        if it were suspended."""
        altering['pause'](s, van)
        s.attached[w.at(s, van)] = None

    @altering('snapshot-unplugs', 'snapshot')
    def snapshot_and_unplug(s, van):
        """nova-compute unplugs while a snapshot is taken."""
        altering['snapshot'](s, van)
        s.call[van] = Call.UNPLUG
        w.aim(s, van, Goal.READY)

    @altering('soft-delete-releases', 'soft_delete')
    def soft_delete_and_release(s, van):
        """An instance that is deleted softly is released at once."""
        altering['soft_delete'](s, van)
        s.goal[van] = Goal.RELEASED

    @altering('offload-forgets-release', 'offload')
    def offload_and_forget(s, van):
        """An instance is offloaded, and nobody calls release."""
        goal, pending = s.goal[van], s.pending[van]
        altering['offload'](s, van)
        s.goal[van], s.pending[van] = goal, pending
        s.call[van] = Call.NONE
        s.instance[van] = Instance.DELETED
        s.allocated[van] = False

    @altering('move-releases-its-source', 'move_away')
    def move_and_release(s, van):
        """The source of a move is released before it is confirmed."""
        altering['move_away'](s, van)
        s.goal[van] = Goal.RELEASED

    @altering('list-forgets-migrations', 'left_out')
    def leave_out_what_moves(s, van):
        """The list lacks an instance whose move is not confirmed."""
        when(s.instance[van] is Instance.MIGRATED or (
            s.instance[van] in LEFT), 'INSTOP-014')
        when(s.state[van] not in (Van.NONE, Van.RELEASED), 'OSACC-055')
        is_missing(w, s, van)

    @altering('list-keeps-what-has-left', 'left_out')
    def list_all(s, van):
        """The list has every instance that was ever built on the host."""
        when(s.instance[van] is Instance.DELETED, 'INSTOP-014')
        altering['left_out'](s, van)

    @altering('evacuation-frees', 'evacuate')
    def evacuate_and_free(s, van):
        """The handle of an evacuated instance is FREE at once."""
        altering['evacuate'](s, van)
        w.free(s, van)
        s.record[van] = Record.RELEASED

    @altering('released-before-destroyed', 'release_evacuated')
    def release_under_a_guest(s, van):
        """What was evacuated is released whether its guest runs or not."""
        when(s.instance[van] is Instance.EVACUATED, 'INSTOP-016')
        w.nova_runs(s)
        when(s.call[van] is Call.NONE, 'OSACC-059')
        s.call[van] = Call.RELEASE
        s.instance[van] = Instance.DELETING
        s.goal[van] = Goal.RELEASED
        s.pending[van] = True

    @altering('delete-frees-behind-the-host', 'abandon')
    def abandon_and_free(s, van):
        """nova-api has the Cyborg API free what a host that is down has."""
        altering['abandon'](s, van)
        w.free(s, van)
        s.record[van] = Record.RELEASED


def of_operators(w, altering):
    """Writes without an instance."""

    @altering('write-past-the-vans', 'ask_write')
    def ask_always(s, region):
        """A region is written for an operator whoever has it."""
        w.api_answers(s)
        when(s.program_state[region] is not Write.WRITING, 'BITS-011')
        s.program_state[region] = Write.WRITING
        s.work[region] = Work.ASKED
        s.file[region] = Image.ASKED

    @altering('operator-file-not-checked', 'begin_operator_write')
    def write_unchecked(s, region):
        """The agent writes for an operator what it has not checked."""
        when(s.work[region] is Work.ASKED, 'BITS-012')
        when(s.file[region] in (Image.GOOD, Image.BAD, Image.CHECKED),
             'BITS-012')
        s.work[region] = Work.WRITE
        s.loaded[region] = Function.UNDEFINED

    @altering('granted-under-a-write', 'grant_claim', where=w.operator)
    def grant_under_a_write(s, van, handle):
        """A handle is granted whose region is written for an operator."""
        when(s.claim[van] is Claim.SENT, 'OSACC-013')
        w.api_answers(s)
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(w.has_quota(s), 'QUOTA-004')
        w.own(s, van, handle)
        s.claim[van] = Claim.GRANTED

    @altering('interrupted-write-is-forgotten', 'report_interrupted')
    def forget_write(s, region):
        """An agent that starts looks at no region."""
        when(s.work[region] is not Work.NONE, 'BITS-014')
        altering['report_interrupted'](s, region)

    @altering('interrupted-write-is-taken-for-done', 'report_interrupted')
    def believe_write(s, region):
        """An agent that starts reports IDLE without reading."""
        altering['report_interrupted'](s, region)
        s.program_state[region] = Write.IDLE


__all__ = ['declare']
