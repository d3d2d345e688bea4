"""Named defects: what goes wrong when one action is not as specified.

Each is a version of one action with a guard or an effect dropped or
altered, and a model has those whose action it has.  With a defect switched
on some property of the model fails that holds without it; ``test_rocky``
says which, where, and after how many steps at least.
"""

from cyborg_models.rocky.recovery import nobody_works, to_release
from cyborg_models.rocky.vocabulary import (
    AS_REMEMBERED,
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


def declare(w):
    """Declare all defects of the actions that the model has."""
    altering = Altering(w.m)
    for declare_some in (of_the_claim, of_programming, of_plug, of_reports,
                         of_recovery, of_release, of_nova):
        declare_some(w, altering)


class Altering:
    """``altering(defect, action)``: like ``Model.defect``, by the action's
    name, and without effect in a model that lacks the action.
    """

    def __init__(self, m):
        self.m = m
        self.bodies = {name: action.body
                       for name, action in m.actions.items()}

    def __call__(self, defect, action):
        if action in self.bodies:
            return self.m.defect(defect, of=self.bodies[action])
        return lambda body: body


def of_the_claim(w, altering):
    """Claim and ownership."""

    @altering('claim-not-exclusive', 'grant_claim')
    def grant_claimed(s, van, handle):
        """Two claims for a handle may both win."""
        when(s.claim[van] is Claim.SENT, 'OSACC-013')
        when(w.api_up(s), 'OSACC-F01')
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(s.used < w.limit, 'OSACC-022')
        s.owner[handle] = van
        s.used += 1
        s.record[van] = Record.BOUND
        s.claim[van] = Claim.GRANTED

    @altering('quota-not-checked', 'grant_claim')
    def grant_beyond_quota(s, van, handle):
        """A handle is granted beyond the quota."""
        when(s.claim[van] is Claim.SENT, 'OSACC-013')
        when(w.api_up(s), 'OSACC-F01')
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        s.owner[handle] = van
        s.used += 1
        s.record[van] = Record.BOUND
        s.claim[van] = Claim.GRANTED

    @altering('claim-after-release', 'grant_claim')
    def grant_released(s, van, handle):
        """A claim that arrives after its own release is granted."""
        when(s.claim[van] is Claim.SENT, 'OSACC-013')
        when(w.api_up(s), 'OSACC-F01')
        when(s.record[van] in (Record.NONE, Record.RELEASED), 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(s.used < w.limit, 'OSACC-022')
        s.owner[handle] = van
        s.used += 1
        s.record[van] = Record.BOUND
        s.claim[van] = Claim.GRANTED

    @altering('repeated-claim-granted-anew', 'grant_claim')
    def grant_again(s, van, handle):
        """A repeated claim gets another handle than the first."""
        when(s.claim[van] is Claim.SENT, 'OSACC-013')
        when(w.api_up(s), 'OSACC-F01')
        when(s.record[van] is not Record.RELEASED, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(s.used < w.limit, 'OSACC-022')
        s.owner[handle] = van
        s.used += 1
        s.record[van] = Record.BOUND
        s.claim[van] = Claim.GRANTED

    @altering('regions-mixed', 'grant_claim')
    def grant_mixed(s, van, handle):
        """A handle is granted in a region where another function is
        wanted, or in an isolation group that has a user."""
        when(s.claim[van] is Claim.SENT, 'OSACC-013')
        when(w.api_up(s), 'OSACC-F01')
        when(s.record[van] is Record.NONE, 'OSACC-016')
        when(s.owner[handle] is None, 'OSACC-013')
        when(s.used < w.limit, 'OSACC-022')
        s.owner[handle] = van
        s.used += 1
        s.record[van] = Record.BOUND
        s.claim[van] = Claim.GRANTED

    @altering('refused-claim-not-closed', 'give_up_claim')
    def give_up_silently(s, van):
        """A claim that nobody can answer is given up without a report."""
        when(s.call[van] is Call.PREPARE, 'OSACC-F18')
        when(s.state[van] is Van.REQUESTED, 'OSACC-051')
        when(s.claim[van] is Claim.REFUSED or not w.api_up(s), 'OSACC-051')
        if s.claim[van] is not Claim.SENT:
            s.claim[van] = Claim.NONE
        s.goal[van] = Goal.RELEASED
        s.state[van] = Van.RELEASED
        s.pending[van] = False
        w.answer_error(s, van)

    @altering('cancel-forgotten', 'cancel')
    def do_not_cancel(s, van):
        """prepare and plug do not notice that they are cancelled."""
        when(s.call[van] is Call.RAISED, 'OSACC-063')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-063')
        when(s.ask[van] is Ask.ASKED, 'OSACC-063')


def of_programming(w, altering):
    """Programming."""

    @altering('write-under-user', 'program')
    def program_anyway(s, van):
        """A region is written without a look at its other VANs."""
        when(s.call[van] is Call.PREPARE, 'OSACC-063')
        when(s.state[van] is Van.BOUND, 'OSACC-025')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-063')
        when(s.image[van] is Image.CHECKED, 'OSACC-025')
        when(not w.locked(s, van), 'OSACC-060')
        when(w.absent_and_idle(s, van), 'OSACC-060')
        when(not w.fits(s, van), 'OSACC-029')
        w.lock(s, van)
        s.dirty[van] = True
        w.journal(s, van, Van.PROGRAMMING)
        s.ask[van] = Ask.ASKED

    @altering('bitstream-not-checked', 'program')
    def program_unchecked(s, van):
        """A region is written from a bitstream that was not checked."""
        when(s.call[van] is Call.PREPARE, 'OSACC-063')
        when(s.state[van] is Van.BOUND, 'OSACC-025')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-063')
        when(s.image[van] in (Image.GOOD, Image.BAD, Image.CHECKED),
             'OSACC-025')
        when(not w.locked(s, van), 'OSACC-060')
        when(w.absent_and_idle(s, van), 'OSACC-060')
        when(not w.fits(s, van), 'OSACC-029')
        when(not w.barred(s, van), 'OSACC-027')
        w.lock(s, van)
        s.dirty[van] = True
        w.journal(s, van, Van.PROGRAMMING)
        s.ask[van] = Ask.ASKED

    @altering('not-verified', 'verify')
    def believe(s, van):
        """A driver's word is taken for its deed."""
        when(s.state[van] is Van.PROGRAMMING, 'OSACC-028')
        when(s.ask[van] is Ask.DONE, 'OSACC-028')
        w.journal(s, van, Van.READY)
        w.unlock(s, van)
        s.ask[van] = Ask.NONE
        s.image[van] = Image.NONE

    @altering('no-lock-to-erase', 'clean')
    def clean_unlocked(s, van):
        """A region is erased without its lock."""
        when(s.state[van] is Van.CLEANING, 'OSACC-052')
        when(s.dirty[van], 'OSACC-040')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.absent_and_idle(s, van), 'OSACC-054')
        s.ask[van] = Ask.ASKED
        if w.programs and not w.barred(s, van) and (
                w.tenant or not w.fits(s, van)):
            s.ask[van] = Ask.ASKED_REGION

    @altering('region-erased-under-user', 'clean')
    def clean_too_much(s, van):
        """A region is erased while somebody else uses it."""
        when(s.state[van] is Van.CLEANING, 'OSACC-052')
        when(s.dirty[van], 'OSACC-040')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.absent_and_idle(s, van), 'OSACC-054')
        s.ask[van] = Ask.ASKED
        if w.programs:
            when(not w.locked(s, van), 'OSACC-060')
            w.lock(s, van)
            s.ask[van] = Ask.ASKED_REGION

    @altering('erase-before-adoption', 'clean')
    def clean_early(s, van):
        """A region is erased before a lost journal is rebuilt, when os-acc
        does not know yet who else is in it."""
        when(s.state[van] is Van.CLEANING, 'OSACC-052')
        when(s.dirty[van], 'OSACC-040')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.absent_and_idle(s, van), 'OSACC-054')
        s.ask[van] = Ask.ASKED
        if w.programs:
            when(not w.locked(s, van), 'OSACC-060')
            w.lock(s, van)
            if not w.barred(s, van) and (w.tenant or not w.fits(s, van)):
                s.ask[van] = Ask.ASKED_REGION

    @altering('region-never-erased', 'clean')
    def clean_too_little(s, van):
        """Only the handle is erased, never its region."""
        when(s.state[van] is Van.CLEANING, 'OSACC-052')
        when(s.dirty[van], 'OSACC-040')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.absent_and_idle(s, van), 'OSACC-054')
        s.ask[van] = Ask.ASKED
        if w.programs:
            when(not w.locked(s, van), 'OSACC-060')
            w.lock(s, van)

    @altering('shared-function-not-dirty', 'make_ready')
    def make_ready_clean(s, van):
        """A VAN that finds a tenant's function loaded does not count as
        having touched it, so that the last one out erases nothing."""
        when(s.call[van] is Call.PREPARE, 'OSACC-063')
        when(s.state[van] is Van.BOUND, 'OSACC-028')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-063')
        if w.programs:
            when(not w.locked(s, van), 'OSACC-060')
            when(w.absent_and_idle(s, van), 'OSACC-028')
            when(w.fits(s, van), 'OSACC-028')
            s.image[van] = Image.NONE
        w.journal(s, van, Van.READY)


def of_plug(w, altering):
    """Plug."""

    @altering('plug-without-look', 'plug')
    def plug_blindly(s, van):
        """A READY VAN is plugged without another look."""
        when(s.call[van] is Call.PLUG, 'OSACC-063')
        when(s.state[van] is Van.READY, 'OSACC-030')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-063')
        s.dirty[van] = True
        w.journal(s, van, Van.PLUGGING)
        s.ask[van] = Ask.ASKED

    @altering('plug-not-journalled-dirty', 'plug')
    def plug_unnoted(s, van):
        """The journal does not say that plug touches the device."""
        when(s.call[van] is Call.PLUG, 'OSACC-063')
        when(s.state[van] is Van.READY, 'OSACC-030')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-063')
        when(w.absent_and_idle(s, van), 'OSACC-030')
        when(w.fits(s, van), 'OSACC-030')
        w.journal(s, van, Van.PLUGGING)
        s.ask[van] = Ask.ASKED

    @altering('plug-before-journal', 'plug')
    def plug_first(s, van):
        """The attach begins before the journal says so, and then the
        journal cannot be written."""
        when(s.call[van] is Call.PLUG, 'OSACC-063')
        when(s.state[van] is Van.READY, 'OSACC-030')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-063')
        when(w.absent_and_idle(s, van), 'OSACC-030')
        when(w.fits(s, van), 'OSACC-030')
        s.job[van] = Job.ATTACH
        s.soiled[s.handle[van]] = True
        s.call[van] = Call.RAISED

    @altering('failed-plug-is-ready', 'plug_failed')
    def plug_failed_unseen(s, van):
        """After a failed plug nobody looks whether it went through."""
        when(s.state[van] is Van.PLUGGING, 'OSACC-033')
        when(s.ask[van] is Ask.ERROR, 'OSACC-033')
        w.journal(s, van, Van.READY)
        s.ask[van] = Ask.NONE
        w.answer_error(s, van)

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
        when(s.late[van] is not None, 'OSACC-050')
        when(w.api_up(s), 'OSACC-F10')
        s.record[van] = s.late[van]
        if s.late[van] is Record.RELEASED:
            w.free(s, van)
        s.late[van] = None
        s.overtaken[van] = False

    @altering('lost-answer-is-an-acknowledgement', 'delay_report')
    def forget_report(s, van):
        """A report that was sent counts as taken."""
        when(s.pending[van], 'OSACC-050')
        when(w.api_up(s), 'OSACC-050')
        when(s.state[van] in (Van.BOUND, Van.READY, Van.PLUGGED, Van.FAILED,
                              Van.RELEASED), 'OSACC-050')
        pay(s, 'OSACC-F10')
        s.pending[van] = False

    @altering('freed-before-released', 'report')
    def free_early(s, van):
        """The API frees the handle as soon as the goal is RELEASED."""
        when(s.pending[van], 'OSACC-049')
        when(w.api_up(s), 'OSACC-048')
        when(s.state[van] in (Van.BOUND, Van.READY, Van.PLUGGED, Van.FAILED,
                              Van.RELEASED), 'OSACC-047')
        w.take_report(s, van)
        if s.goal[van] is Goal.RELEASED:
            s.record[van] = Record.RELEASED
            w.free(s, van)
        s.pending[van] = False

    @altering('pending-reports-die', 'compute_crash')
    def crash_with_reports(s):
        """Reports that wait are kept in memory only."""
        when(w.compute_up(s), 'OSACC-F08')
        pay(s, 'OSACC-F08')
        s.compute = False
        for one in w.van:
            s.call[one] = Call.NONE
            s.ask[one] = Ask.NONE
            s.pending[one] = False
            if w.has('image'):
                s.image[one] = Image.NONE
        if w.programs:
            for region in w.region:
                s.lock[region] = None


def of_recovery(w, altering):
    """Settling."""

    @altering('recovery-forgets-plugging', 'settle_plugging')
    def leave_plugging(s, van):
        """PLUGGING is settled only while a call waits for it, which after
        a crash none does."""
        when(s.state[van] is Van.PLUGGING, 'OSACC-052')
        when(s.call[van] is Call.PLUG, 'OSACC-052')
        when(nobody_works(w, s, van), 'OSACC-059')
        w.journal(s, van, Van.READY)

    @altering('plugging-is-taken-for-ready', 'settle_plugging')
    def settle_unseen(s, van):
        """PLUGGING is settled as READY without a look."""
        when(s.state[van] is Van.PLUGGING, 'OSACC-052')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.idle(s, van), 'OSACC-054')
        w.journal(s, van, Van.READY)

    @altering('no-answer-is-an-answer', 'settle_plugging')
    def settle_unknown(s, van):
        """PLUGGING is settled while nobody can look."""
        when(s.state[van] is Van.PLUGGING, 'OSACC-052')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.idle(s, van), 'OSACC-054')
        if w.presence(s, van) is Presence.PRESENT:
            w.journal(s, van, Van.PLUGGED)
        else:
            w.journal(s, van, Van.READY)

    @altering('half-written-is-ready', 'settle_programming')
    def settle_half_written(s, van):
        """PROGRAMMING is settled as READY without a look at the function."""
        when(s.state[van] is Van.PROGRAMMING, 'OSACC-052')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.absent_and_idle(s, van), 'OSACC-054')
        w.journal(s, van, Van.READY)

    @altering('adopted-as-clean', 'adopt')
    def adopt_clean(s, van):
        """An adopted VAN does not count as dirty."""
        when(s.state[van] is Van.NONE, 'OSACC-056')
        when(s.record[van] not in (Record.NONE, Record.RELEASED),
             'OSACC-056')
        when(s.call[van] in (Call.NONE, Call.PREPARE), 'OSACC-059')
        when(w.compute_up(s) and w.api_up(s), 'OSACC-056')
        s.handle[van] = s.owner.find(van)
        when(w.presence(s, van) is not Presence.UNKNOWN, 'OSACC-054')
        when(w.idle(s, van), 'OSACC-054')
        s.state[van] = AS_REMEMBERED[s.record[van]]
        if (w.presence(s, van) is not Presence.ABSENT
                and s.record[van] is not Record.PLUGGED):
            s.state[van] = Van.FAILED
            s.pending[van] = True
        if s.record[van] is Record.WITHHELD:
            s.goal[van] = Goal.RELEASED
        s.adopted[van] = True
        if w.has('late') and s.late[van] is not None:
            s.overtaken[van] = True

    @altering('adopted-unseen', 'adopt')
    def adopt_unseen(s, van):
        """A VAN is adopted as recorded, without a look at the device."""
        when(s.state[van] is Van.NONE, 'OSACC-056')
        when(s.record[van] not in (Record.NONE, Record.RELEASED),
             'OSACC-056')
        when(s.call[van] in (Call.NONE, Call.PREPARE), 'OSACC-059')
        when(w.compute_up(s) and w.api_up(s), 'OSACC-056')
        s.handle[van] = s.owner.find(van)
        s.state[van] = AS_REMEMBERED[s.record[van]]
        if s.record[van] is Record.WITHHELD:
            s.goal[van] = Goal.RELEASED
        s.dirty[van] = True
        s.adopted[van] = True
        if w.has('late') and s.late[van] is not None:
            s.overtaken[van] = True

    @altering('adoption-keeps-generation', 'adopt')
    def adopt_generation(s, van):
        """An adopted VAN takes its generation from the record, so that a
        report from before the loss of the journal is newer."""
        when(s.state[van] is Van.NONE, 'OSACC-056')
        when(s.record[van] not in (Record.NONE, Record.RELEASED),
             'OSACC-056')
        when(s.call[van] in (Call.NONE, Call.PREPARE), 'OSACC-059')
        when(w.compute_up(s) and w.api_up(s), 'OSACC-056')
        s.handle[van] = s.owner.find(van)
        when(w.presence(s, van) is not Presence.UNKNOWN, 'OSACC-054')
        when(w.idle(s, van), 'OSACC-054')
        s.state[van] = AS_REMEMBERED[s.record[van]]
        if (w.presence(s, van) is not Presence.ABSENT
                and s.record[van] is not Record.PLUGGED):
            s.state[van] = Van.FAILED
            s.pending[van] = True
        if s.record[van] is Record.WITHHELD:
            s.goal[van] = Goal.RELEASED
        s.dirty[van] = True
        s.adopted[van] = True

    @altering('orphans-by-an-old-list', 'orphan')
    def leave_orphan(s, van):
        """An orphan is left alone when its instance was in the list given
        to recover, though it was deleted before the VAN was adopted."""
        when(s.instance[van] is Instance.NONE, 'OSACC-055')
        when(s.adopted[van], 'OSACC-055')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-038')
        when(nobody_works(w, s, van), 'OSACC-059')
        s.goal[van] = Goal.RELEASED
        s.pending[van] = True


def of_release(w, altering):
    """Unplug and release."""

    @altering('no-erase', 'released')
    def release_uncleaned(s, van):
        """A VAN is RELEASED without being erased."""
        when(s.state[van] is Van.CLEANING, 'OSACC-038')
        when(nobody_works(w, s, van), 'OSACC-059')
        s.dirty[van] = False
        w.journal(s, van, Van.RELEASED)

    @altering('failed-erase-ignored', 'clean_failed')
    def release_anyway(s, van):
        """A VAN that could not be erased is RELEASED all the same."""
        when(s.state[van] is Van.CLEANING, 'OSACC-058')
        when(s.dirty[van], 'OSACC-040')
        when(s.ask[van] in (Ask.DONE, Ask.ERROR), 'OSACC-058')
        w.unlock(s, van)
        s.dirty[van] = False
        s.ask[van] = Ask.NONE
        w.journal(s, van, Van.RELEASED)

    @altering('failed-is-stuck', 'release_failed')
    def leave_failed(s, van):
        """A FAILED VAN that is attached is not released."""
        when(s.state[van] is Van.FAILED, 'OSACC-037')
        when(to_release(s, van), 'OSACC-037')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.presence(s, van) is Presence.ABSENT, 'OSACC-037')
        when(w.idle(s, van), 'OSACC-040')
        w.journal(s, van, Van.UNPLUGGING)
        s.ask[van] = Ask.ASKED

    @altering('unplug-under-guest', 'unplug')
    def unplug_running(s, van):
        """A PLUGGED VAN is unplugged whether its guest runs or not."""
        when(s.state[van] is Van.PLUGGED, 'OSACC-036')
        when(nobody_works(w, s, van), 'OSACC-059')
        when(w.idle(s, van), 'OSACC-035')
        w.journal(s, van, Van.UNPLUGGING)
        s.ask[van] = Ask.ASKED


def of_nova(w, altering):
    """Nova's side."""

    @altering('failed-spawn-forgets-release', 'call_release')
    def forget_release(s, van):
        """A build that is given up is not released."""
        when(s.instance[van] in (Instance.DELETING, Instance.BUILDING),
             'OSACC-037')
        when(s.call[van] in (Call.RAISED, Call.NONE, Call.UNPLUGGED),
             'OSACC-059')
        when(w.compute_up(s), 'OSACC-F08')
        s.call[van] = Call.NONE
        s.instance[van] = Instance.DELETED
        if w.has('allocated'):
            s.allocated[van] = False

    @altering('allocation-goes-first', 'delete')
    def delete_allocation_first(s, van):
        """The Placement allocation is removed before the release."""
        when(s.instance[van] in (Instance.RUNNING, Instance.STOPPED),
             'OSACC-035')
        when(w.compute_up(s), 'OSACC-F08')
        s.instance[van] = Instance.DELETING
        if w.has('allocated'):
            s.allocated[van] = False


__all__ = ['declare']
