"""What holds, in groups that a model takes as far as it has the variables."""

from cyborg_models.rocky import operators
from cyborg_models.rocky.vocabulary import (
    AS_RECORDED,
    ASKED,
    UNRELEASED,
    WAITING,
    WHOLE_REGION,
    Ask,
    Call,
    Claim,
    Function,
    Goal,
    Image,
    Instance,
    Job,
    Record,
    Van,
)

# What is done to a device in a state.
WORK = {Van.PROGRAMMING: (Job.WRITE,), Van.PLUGGING: (Job.ATTACH,),
        Van.UNPLUGGING: (Job.DETACH,),
        Van.CLEANING: (Job.ERASE_HANDLE, Job.ERASE_REGION)}
# In which states of its instance a call is made or has ended.
COMING = (Instance.BUILDING, Instance.STARTING, Instance.DELETING)
GOING = (Instance.STARTING, Instance.DELETING, Instance.MIGRATING)
CALLED_IN = {
    Call.NONE: tuple(Instance), Call.PREPARE: COMING, Call.PREPARED: COMING,
    Call.PLUG: COMING, Call.ATTACHED: COMING, Call.UNPLUG: GOING,
    Call.UNPLUGGED: GOING, Call.RELEASE: (Instance.DELETING,),
    Call.RAISED: (*COMING, Instance.MIGRATING)}
# What a call that has returned says of its VAN.
RETURNED = {Call.PREPARED: (Van.READY, Van.PLUGGED),
            Call.ATTACHED: (Van.PLUGGED,),
            Call.UNPLUGGED: (Van.NONE, Van.BOUND, Van.READY, Van.FAILED)}


def quiet(w, s):
    """Nothing is under way, on the host or to the database."""
    return (s.call.all(Call.NONE, Call.RAISED) and s.ask.all(Ask.NONE)
            and s.job.all(Job.NONE) and s.pending.all(False)
            and (not w.has('claim') or s.claim.all(Claim.NONE))
            and (not w.has('late') or s.late.all(Record.NONE))
            and not any(w.forgotten(s, one) for one in w.van)
            and not w.adopting(s)
            and w.compute_up(s) and w.agent_up(s) and w.api_up(s))


def ownership(w):
    """Who has what."""
    m, van, handle = w.m, w.van, w.handle

    @m.always('OSACC-013', van=van)
    def one_owner_per_handle(s, van):
        """A VAN that is granted and not released owns one handle, and no
        other VAN that is not RELEASED believes to have it."""
        if s.owner.count(van) != (
                s.record[van] not in (Record.NONE, Record.RELEASED)):
            return False
        return s.handle[van] is None or s.state[van] not in UNRELEASED or all(
            s.handle[other] != s.handle[van]
            or s.state[other] not in UNRELEASED for other in w.others(van))

    @m.always('OSACC-043', handle=handle)
    def never_free_while_used(s, handle):
        """The database never runs ahead of the host: what is attached is
        claimed there by whom it is attached to, unless it has forgotten."""
        return s.attached[handle] in (None, s.owner[handle]) or (
            w.forgotten(s, s.attached[handle]))

    @m.always('OSACC-040', handle=handle)
    def never_offered_before_erased(s, handle):
        """A handle that is FREE holds nothing of its last user."""
        return (s.owner[handle] is not None or not s.soiled[handle]
                or any(s.handle[one] == handle and w.forgotten(s, one)
                       for one in van))

    if w.programs:
        @m.always('OSACC-042', handle=handle)
        def last_one_out_erases_the_region(s, handle):
            """A region whose handles are all FREE holds no function that is
            a tenant's or undefined, nor one that was not verified by
            somebody who had it, or whom the journal has lost; but for what
            an operator has it written with."""
            region = w.region_of(handle)
            if any(s.owner[other] is not None for other in w.handle
                   if w.region_of(other) == region):
                return True
            loaded = s.loaded[region]
            if operators.was_loaded(w, s, region):
                return True
            return loaded is Function.NONE or (
                not w.tenant and loaded is not Function.UNDEFINED
                and (w.policy == 'NEVER'
                     or any(vouches(s, one, region) for one in van)))

        def vouches(s, one, region):
            """The VAN had a handle of the region, and has verified it."""
            if s.handle[one] is None:  # RELEASED, and Nova has forgotten it
                return s.verified[one]
            return w.region_of(s.handle[one]) == region and (
                s.verified[one] or s.state[one] is Van.NONE)

    if w.programs and w.fixed and w.policy == 'IF_NEEDED':
        @m.always('BITS-010', handle=handle)
        def what_is_fixed_is_not_granted(s, handle):
            """A region that may not be written has no VAN for which it might
            have to be, and is as it was."""
            return w.may_be_written(handle) or (
                s.owner[handle] is None
                and s.loaded[w.region_of(handle)] is Function.NONE)

    if w.programs and w.names_provider:
        @m.always('OSACC-019', handle=handle)
        def granted_where_it_was_claimed(s, handle):
            """Who owns a handle has named its provider."""
            return s.owner[handle] is None or w.region_of(handle) == (
                w.claimed_of(s.owner[handle]))

    if w.programs and w.tenant and w.projects > 1:
        @m.always('OSACC-066', handle=handle)
        def one_project_per_region(s, handle):
            """All who own handles of a region with a tenant's function are
            of one project."""
            return s.owner[handle] is None or all(
                s.owner[other] is None
                or w.region_of(other) != w.region_of(handle)
                or w.project(s.owner[other]) == w.project(s.owner[handle])
                for other in w.handle)

    if w.kind == 'GPU':
        @m.always('OSACC-020')
        def one_user_per_isolation_group(s):
            """Handles that cannot be kept apart have one user."""
            return len(handle) - s.owner.count(None) <= 1

    if w.programs and w.functions > 1:
        @m.always('OSACC-021', handle=handle)
        def one_function_per_region(s, handle):
            """All who own handles of a region want the same function."""
            return s.owner[handle] is None or all(
                s.owner[other] is None
                or w.region_of(other) != w.region_of(handle)
                or w.wanted(s.owner[other]) is w.wanted(s.owner[handle])
                for other in w.handle)

    @m.always('OSACC-022')
    def quota_is_exact(s):
        """The quota charged is that of the handles claimed and not RETIRED,
        and within its limit."""
        return s.used == usage(s) and s.used <= w.limit

    def usage(s):
        """How many handles are CLAIMED."""
        retired = s.retired.count(True) if w.has('retired') else 0
        return len(handle) - s.owner.count(None) - retired

    @m.always('QUOTA-001')
    def usage_is_what_is_claimed(s):
        """The usage that a claim is held against is the number of handles
        that are CLAIMED, and no other."""
        return s.used == usage(s)

    if w.limited:
        @m.always('QUOTA-004')
        def never_above_the_limit(s):
            """No grants, however they follow on one another, take the
            handles that are CLAIMED above the limit."""
            return usage(s) <= w.limit


def states(w):
    """What a state says is true, and who works on the VAN."""
    m, van = w.m, w.van

    @m.always('OSACC-017', van=van)
    def untouched_without_a_claim(s, van):
        """Nothing is done to a device, or left of it, for a VAN that has
        no handle yet, or none any more."""
        if s.state[van] not in (Van.REQUESTED, Van.RELEASED) and (
                s.state[van] is not Van.NONE or w.loses_journal):
            return True
        return (s.job[van] is Job.NONE and not s.attached.any(van)
                and not s.dirty[van]
                and (s.handle[van] is None
                     or s.owner[w.at(s, van)] != van
                     or not s.soiled[w.at(s, van)]))

    @m.always('OSACC-052', van=van)
    def settled_means_at_rest(s, van):
        """A plugin method works only on a VAN that is in transition."""
        return s.ask[van] is Ask.NONE or s.state[van] in WORK

    if not w.journalled:
        return

    @m.always('OSACC-012', van=van)
    def no_entry_no_goal(s, van):
        """What the journal has no entry for is not known to be wanted,
        dirty or verified, and nothing is reported of it."""
        return s.state[van] is not Van.NONE or (
            s.goal[van] is Goal.READY and not s.dirty[van]
            and not s.pending[van]
            and not (w.programs and s.verified[van]))

    @m.always('OSACC-046', van=van)
    def the_journal_is_ahead_of_the_deed(s, van):
        """What is done to a device is what the journal says, or what it
        said before the VAN FAILED, or before it was lost."""
        return (s.job[van] is Job.NONE or s.job[van] in WORK.get(
            s.state[van], ()) or s.state[van] is Van.FAILED
            or (w.loses_journal and s.state[van] is Van.NONE))

    @m.always('OSACC-046', van=van)
    def what_is_settled_is_true(s, van):
        """A VAN that is BOUND or READY has its handle, not attached; one
        that is PLUGGED has it attached, unless the host lost that."""
        if s.state[van] in (Van.BOUND, Van.READY):
            return (s.handle[van] is not None and not s.attached.any(van)
                    and (s.owner[s.handle[van]] == van
                         or w.forgotten(s, van)))
        return (s.state[van] is not Van.PLUGGED or s.attached.any(van)
                or (s.faults < w.budget and w.fault('power-loss'))
                or w.partition_goes(s, van))

    @m.always('OSACC-039', van=van)
    def touched_means_dirty(s, van):
        """A VAN whose device is changed, by it or before it, is dirty in
        the journal."""
        return (s.handle[van] is None or s.dirty[van]
                or not s.soiled[w.at(s, van)]
                or s.state[van] in (Van.NONE, Van.REQUESTED, Van.RELEASED))

    @m.always('OSACC-040', van=van)
    def failed_means_dirty(s, van):
        """A VAN that FAILED is not RELEASED without being erased."""
        return s.state[van] is not Van.FAILED or s.dirty[van]

    @m.always('OSACC-039', handle=w.handle)
    def used_means_touched(s, handle):
        """What is attached has been changed."""
        return s.attached[handle] is None or s.soiled[handle]

    @m.always('OSACC-039', van=van)
    def work_touches(s, van):
        """What is being written or attached counts as changed."""
        return (s.job[van] not in (Job.WRITE, Job.ATTACH)
                or s.soiled[w.at(s, van)])

    @m.always('OSACC-038', van=van)
    def only_what_is_given_up_is_erased(s, van):
        """A VAN that is CLEANING or RELEASED is to be released, and one
        that is unplugged is not to be PLUGGED."""
        if s.state[van] in (Van.CLEANING, Van.RELEASED):
            return s.goal[van] is Goal.RELEASED
        return (s.state[van] is not Van.UNPLUGGING
                or s.goal[van] is not Goal.PLUGGED
                or w.fault('function-lost'))

    if w.loses_journal:
        @m.always('OSACC-071', van=van)
        def what_is_adopted_is_not_freed(s, van):
            """No report from before the loss of the journal frees what was
            adopted since, and is not RELEASED."""
            return (not s.adopted[van] or s.state[van] not in UNRELEASED
                    or s.owner.any(van))

        @m.always('OSACC-072', van=van)
        def what_is_adopted_is_true(s, van):
            """A VAN that was adopted is READY or PLUGGED only if its device
            shows it, unless the host or the platform took it since."""
            if not s.adopted[van] or s.state[van] not in (Van.READY,
                                                          Van.PLUGGED):
                return True
            if s.state[van] is Van.READY:
                return not s.attached.any(van)
            return s.attached.any(van) or w.power or (
                s.faults < w.budget - 1 and w.fault('power-loss'))

    @m.always('OSACC-049', van=van)
    def acknowledged_means_recorded(s, van):
        """A settled state that is not waiting to be reported is in the
        database."""
        return (s.state[van] not in AS_RECORDED or s.pending[van]
                or w.forgotten(s, van) or w.is_retired(s, van)
                or s.record[van] is w.to_report(s, van))

    if w.has('late'):
        @m.always('OSACC-050', van=van)
        def only_what_is_under_way_is_overtaken(s, van):
            """A report is overtaken only while it is under way."""
            return not s.overtaken[van] or (
                s.late[van] is not Record.NONE)

    if w.programs:
        @m.always('OSACC-060', van=van)
        def work_on_a_region_holds_its_lock(s, van):
            """A VAN has the region lock exactly while program or clean
            works on it."""
            return (s.lock.find(van) is not None) == (
                s.ask[van] is not Ask.NONE
                and s.state[van] in (Van.PROGRAMMING, Van.CLEANING))


def processes(w):
    """Who is dead does nothing."""
    m, van = w.m, w.van

    if w.has('compute'):
        @m.always('OSACC-F08', van=van)
        def no_call_without_nova_compute(s, van):
            """While nova-compute is down no call works on any VAN, and no
            write of its own goes on."""
            return s.compute or (s.call[van] is Call.NONE
                                 and s.ask[van] is Ask.NONE
                                 and not w.in_process(s.job[van]))

    if w.has('agent'):
        @m.always('OSACC-F06', van=van)
        def no_work_without_the_agent(s, van):
            """While the agent is down nothing is done to any device but by
            os-acc, or by a tool that writes or erases a region."""
            return (s.agent or s.job[van] is Job.NONE
                    or w.in_process(s.job[van])
                    or w.programs and s.job[van] in WHOLE_REGION)

    if w.has('agent') and w.programs:
        if len(van) > 1:
            @m.always('DRIVER-014', van=van)
            def busy_until_it_is_over(s, van):
                """While a tool goes on that nobody waits for, nobody is
                asked to write or erase its region."""
                return (s.job[van] not in WHOLE_REGION
                        or s.ask[van] in ASKED
                        or not any(s.ask[other] in ASKED
                                   and s.state[other] in (Van.PROGRAMMING,
                                                          Van.CLEANING)
                                   for other in w.others(van)
                                   if w.neighbour(s, van, other)))

        if ('begin_write' in m.actions and w.policy == 'IF_NEEDED'
                and not w.in_process(Job.WRITE)):
            @m.sometimes('DRIVER-014', van=van)
            def a_tool_outlives_the_agent(s, van):
                """A region is written while the agent is away."""
                return not s.agent and s.job[van] is Job.WRITE

    @m.always('OSACC-059', van=van)
    def calls_fit_the_instance(s, van):
        """nova-compute calls what the instance is in need of: prepare and
        plug to start it, unplug and release to end it."""
        return s.instance[van] in CALLED_IN[s.call[van]]

    @m.always('OSACC-037', van=van)
    def the_goal_is_the_last_call_s(s, van):
        """What a call wants of its VAN is in the journal, unless release
        wanted another thing since."""
        if (s.state[van] is Van.NONE or s.goal[van] is Goal.RELEASED
                or w.fault('function-lost')):
            return True
        if s.call[van] in (Call.PLUG, Call.ATTACHED):
            return (s.goal[van] is Goal.PLUGGED and (
                s.call[van] is Call.ATTACHED
                or s.instance[van] is not Instance.DELETING))
        return (s.call[van] is not Call.RELEASE
                and (s.call[van] is not Call.UNPLUG
                     or s.goal[van] is Goal.READY))

    @m.always('OSACC-031', van=van)
    def success_is_true(s, van):
        """prepare returns a VAN that is READY or PLUGGED, and plug one that
        is PLUGGED, and neither one that is to be released; unplug returns
        one that is not PLUGGED, or is to be released."""
        call, state = s.call[van], s.state[van]
        if call not in RETURNED or w.fault('retire') or (
                w.fault('function-lost')):
            return True
        if s.goal[van] is Goal.RELEASED:
            return call is Call.UNPLUGGED
        return state in RETURNED[call] or (
            w.fault('gone') and state is Van.FAILED)

    @m.always('INSTOP-001', van=van)
    def no_call_takes_out_what_stays(s, van):
        """While a guest runs, is paused or is stopped, and is neither to
        start nor deleted, neither unplug nor release is called for it."""
        return (s.call[van] not in (Call.UNPLUG, Call.UNPLUGGED,
                                    Call.RELEASE)
                or s.instance[van] not in (
                    Instance.RUNNING, Instance.PAUSED, Instance.STOPPED))

    @m.always('OSACC-055', van=van)
    def what_is_in_use_is_not_given_up(s, van):
        """The VAN of a guest that runs is not to be released, unless an
        administrator says so."""
        return (s.instance[van] is not Instance.RUNNING
                or s.goal[van] is not Goal.RELEASED or w.fault('retire'))

    if not w.builds:
        return

    @m.always('OSACC-048', van=van)
    def no_failure_without_cause(s, van):
        """While nothing has gone wrong a claim is refused, or a build ends
        without a guest, only for what another instance has, for a delete,
        or for a function that may not be written."""
        if w.operator or s.faults < w.budget or any(
                s.record[other] is not Record.NONE
                for other in w.others(van)):
            return True
        if s.instance[van] in (Instance.DELETING, Instance.DELETED) or (
                w.policy == 'NEVER' and not w.fits(s, van)):
            return True
        return ((not w.has('claim') or s.claim[van] is not Claim.REFUSED)
                and s.call[van] is not Call.RAISED
                and (s.call[van] is not Call.NONE
                     or s.instance[van] is not Instance.BUILDING))


def attaching(w):
    """Claim and plug."""
    m, van = w.m, w.van

    @m.always('OSACC-034', van=van)
    def no_belief_without_device(s, van):
        """A guest that runs has the device that it believes to have."""
        return (s.instance[van] is not Instance.RUNNING
                or s.attached.any(van) and (
                    s.state[van] is Van.PLUGGED
                    or w.loses_journal or w.fault('gone')))

    @m.eventually('OSACC-051', van=van)
    def request_always_ends(s, van):
        """A request ends: its VAN is bound, failed or released; unless
        nova-compute has died and nobody asks any more."""
        return (s.call[van] is Call.PREPARE,
                s.call[van] is not Call.PREPARE)

    @m.always('OSACC-012', van=van)
    def claims_are_journalled_first(s, van):
        """A claim is under way only for a VAN that is REQUESTED, or was
        given up since, or lost with the journal."""
        return (s.claim[van] is Claim.NONE or w.loses_journal
                or not w.journalled
                or s.state[van] in (Van.REQUESTED, Van.RELEASED))

    @m.always('OSACC-051', van=van)
    def no_claim_is_left_open(s, van):
        """A call raises for a VAN that is wanted only when its claim is
        answered or closed, or when the journal is lost and the API away."""
        if s.call[van] is not Call.RAISED or s.goal[van] is Goal.RELEASED:
            return True
        return s.state[van] is not Van.REQUESTED and (
            s.state[van] is not Van.NONE
            or (w.loses_journal and s.faults <= w.budget - 2))

    @m.always('OSACC-015', van=van)
    def answers_are_true(s, van):
        """Who is told of a grant has one, or gave it up since, and who is
        refused has none."""
        if s.claim[van] is Claim.GRANTED:
            return s.owner.any(van) or s.record[van] is Record.RELEASED
        return s.claim[van] is not Claim.REFUSED or not s.owner.any(van)

    @m.always('QUOTA-005', van=van)
    def a_refusal_leaves_nothing(s, van):
        """Who is refused has neither record nor handle, and is charged
        nothing."""
        return s.claim[van] is not Claim.REFUSED or (
            s.record[van] in (Record.NONE, Record.RELEASED)
            and not s.owner.any(van)
            and s.used <= len(w.handle) - s.owner.count(None))

    @m.eventually('OSACC-051', van=van)
    def every_claim_is_closed(s, van):
        """The claim of a VAN that was given up comes to its end."""
        given_up = s.state[van] is Van.RELEASED
        return (given_up and s.claim[van] is not Claim.NONE,
                s.claim[van] is Claim.NONE or not w.api_up(s))

    @m.sometimes('OSACC-031', van=van)
    def a_guest_runs(s, van):
        """A guest runs with its device."""
        return s.instance[van] is Instance.RUNNING

    if w.limit < min(len(van), len(w.handle)):
        @m.sometimes('QUOTA-004', van=van)
        def quota_refused(s, van):
            """A claim is refused although a handle is FREE."""
            return (s.claim[van] is Claim.REFUSED and s.owner.any(None)
                    and s.used == w.limit)

    if w.kind == 'GPU' and len(van) > 1 and w.limit > 1:
        @m.sometimes('OSACC-020', van=van)
        def the_isolation_group_is_taken(s, van):
            """A claim is refused although a handle is FREE and the quota
            allows."""
            return (s.claim[van] is Claim.REFUSED and s.owner.any(None)
                    and s.used < w.limit and s.used > 0)

    if len(van) > 1:
        @m.sometimes('OSACC-013', van=van)
        def two_compete(s, van):
            """A VAN claims while another already has a handle."""
            return s.claim[van] is Claim.SENT and s.owner.any(
                *w.others(van))


def agreement(w):
    """Journal, database and device."""
    m, van = w.m, w.van

    @m.always('OSACC-049', van=van)
    def database_and_device_agree(s, van):
        """When nothing is under way the record says what the device is."""
        if not quiet(w, s) or s.state[van] not in AS_RECORDED:
            return True
        plugged = s.attached.any(van)
        return (s.record[van] in (AS_RECORDED[s.state[van]],
                                  Record.WITHHELD)
                and (s.record[van] is not Record.PLUGGED or plugged
                     or w.fault('power-loss') or w.loses_journal
                     or w.partition_goes(s, van))
                and (not plugged or s.record[van] in (
                    Record.PLUGGED, Record.FAILED, Record.WITHHELD)))

    @m.always('OSACC-024', van=van)
    def the_host_needs_no_controller(s, van):
        """No plugin method is held up by a controller that is away, nor
        fails while that is all that has gone wrong."""
        return not relies_on_controller(s, van, Ask.ASKED)

    @m.always('OSACC-008', van=van)
    def a_plugin_stays_on_the_host(s, van):
        """No plugin method that was called waits for a peer outside the host,
        in whatever state and scope, nor fails while one is away and that is
        all that has gone wrong."""
        return not relies_on_controller(s, van, *ASKED)

    def relies_on_controller(s, van, *waiting):
        return not w.api_up(s) and (
            s.ask[van] in waiting
            and any(w.by_api(job) for job in asked(s, van))
            or s.ask[van] is Ask.ERROR and s.faults + 1 >= w.budget)

    def asked(s, van):
        return {Van.PROGRAMMING: (Job.WRITE,), Van.PLUGGING: (Job.ATTACH,),
                Van.UNPLUGGING: (Job.DETACH,),
                Van.CLEANING: (Job.ERASE_HANDLE,)}.get(s.state[van], ())

    @m.eventually('OSACC-011', van=van)
    def every_waiting_caller_is_told(s, van):
        """A call of nova-compute ends, while nova-compute lives."""
        return s.call[van] in WAITING, s.call[van] not in WAITING

    @m.eventually('OSACC-052', van=van)
    def database_catches_up(s, van):
        """A record that is wrong about the attachment is put right, or comes
        true, if the API is there."""
        wrong = (s.record[van] in (Record.BOUND, Record.READY,
                                   Record.PLUGGED)
                 and s.attached.any(van) != (
                     s.record[van] is Record.PLUGGED))
        return wrong, not wrong or not w.api_up(s)

    @m.eventually('OSACC-049', van=van)
    def every_report_arrives(s, van):
        """A settled state is reported in the end, if the API is there."""
        return (s.pending[van] and s.state[van] in AS_RECORDED,
                not s.pending[van] or not w.api_up(s)
                or w.forgotten(s, van))


def programming(w):
    """What a region holds, and who writes it."""
    m, van = w.m, w.van

    @m.always('OSACC-027', van=van)
    def never_reprogrammed_under_a_user(s, van):
        """No region is written while another VAN of it is ready for use, in
        use or undefined."""
        return s.job[van] is not Job.WRITE or not (
            w.barred(s, van) or w.used_beside(s, van)
            or w.loses_journal and recorded_beside(s, van))

    def recorded_beside(s, van):
        """The API knows another VAN of the region that bars writing it,
        and that the journal has lost."""
        return any(s.state[other] is Van.NONE and w.neighbour(s, van, other)
                   and s.record[other] in (Record.READY, Record.PLUGGED,
                                           Record.FAILED)
                   for other in w.others(van))

    @m.always('OSACC-060', van=van)
    def one_writer_per_region(s, van):
        """At most one VAN writes or erases a region."""
        return s.job[van] not in WHOLE_REGION or w.idle_beside(s, van)

    @m.always('OSACC-030', van=van)
    def never_plugged_wrong_function(s, van):
        """A guest that runs, and an attach that is under way, have the
        function wanted."""
        return (s.handle[van] is None
                or (s.instance[van] is not Instance.RUNNING
                    and s.job[van] is not Job.ATTACH) or w.fits(s, van))

    @m.always('OSACC-028', van=van)
    def ready_means_verified(s, van):
        """A READY VAN has the function that it wants, unless the host lost
        it."""
        return s.state[van] is not Van.READY or w.fits(s, van) or (
            any(map(w.fault, ('power-loss', 'function-lost'))) and s.loaded[
                w.region_of(w.at(s, van))] is Function.NONE)

    @m.always('OSACC-042', van=van)
    def verified_means_read_back(s, van):
        """What is being written is not verified, and what is READY or
        further on is, unless it was adopted."""
        if s.state[van] is Van.PROGRAMMING:
            return not s.verified[van]
        return (s.verified[van] or w.has('adopted') and s.adopted[van]
                or s.state[van] not in (Van.READY, Van.PLUGGING,
                                        Van.PLUGGED))

    @m.always('OSACC-027', van=van)
    def a_write_destroys(s, van):
        """While a region is written nobody can tell what it holds."""
        return s.job[van] is not Job.WRITE or s.loaded[
            w.region_of(w.at(s, van))] is Function.UNDEFINED

    @m.always('OSACC-029', van=van)
    def no_needless_write(s, van):
        """No region is to be written that has the function wanted."""
        return (s.state[van] is not Van.PROGRAMMING
                or s.ask[van] is not Ask.ASKED
                or s.job[van] is Job.WRITE or not w.fits(s, van))

    if not w.has('image'):
        return

    @m.always('OSACC-029', van=van)
    def no_needless_fetch(s, van):
        """A bitstream is fetched for want of the function, which another
        VAN may have written since."""
        return (s.image[van] is Image.NONE or s.state[van] is not Van.BOUND
                or not w.fits(s, van)
                or any(w.neighbour(s, van, other)
                       for other in w.others(van)))

    @m.always('OSACC-026', van=van)
    def bitstreams_are_for_prepare(s, van):
        """A bitstream is on the host, or asked for, only while prepare works
        with it."""
        return s.image[van] is Image.NONE or (
            s.call[van] is Call.PREPARE
            and s.state[van] in (Van.BOUND, Van.PROGRAMMING))

    @m.always('OSACC-025', van=van)
    def only_checked_bitstreams_are_written(s, van):
        """A region is written only from a bitstream that was checked, by
        whoever still waits for it."""
        return (s.job[van] is not Job.WRITE or s.ask[van] is not Ask.ASKED
                or s.image[van] is Image.CHECKED)


def writing(w):
    """Programming alone."""
    m, van = w.m, w.van

    @m.eventually('OSACC-011', van=van)
    def preparing_ends(s, van):
        """prepare of a BOUND VAN ends."""
        return s.call[van] is Call.PREPARE, s.call[van] is not Call.PREPARE

    if w.policy == 'NEVER':
        @m.always('OSACC-029')
        def never_written(s):
            """A region is not written by policy NEVER."""
            return not s.job.any(Job.WRITE)

        @m.sometimes('OSACC-029', van=van)
        def function_is_missing(s, van):
            """A VAN is refused for want of its function."""
            return s.call[van] is Call.RAISED
        return

    @m.sometimes('OSACC-028', van=van)
    def programmed(s, van):
        """A region is written and verified."""
        return s.state[van] is Van.READY and s.dirty[van]

    if len(van) > 1 and w.regions == 1 and w.functions == 1:
        @m.sometimes('OSACC-029', van=van)
        def found_programmed(s, van):
            """A VAN finds its function loaded, and does not write."""
            return s.state[van] is Van.READY and not s.dirty[van]


def releasing(w):
    """Release, and what must be left: nothing."""
    m, van = w.m, w.van

    @m.always('OSACC-037', van=van)
    def nothing_leaks(s, van):
        """After a delete, and when nothing is under way any more, no
        handle, quota, claim or attachment of the VAN is left."""
        if s.instance[van] is not Instance.DELETED or not quiet(w, s):
            return True
        if (s.goal[van] is Goal.RELEASED
                and s.state[van] not in (Van.NONE, Van.RELEASED)):
            return True  # sync goes on
        if w.has('adopted') and s.state[van] is not Van.RELEASED and (
                s.adopted[van] or s.state[van] is Van.NONE):
            return True  # sync adopts the orphan: see failed_releases_all
        return not s.owner.any(van) and not s.attached.any(van)

    @m.eventually('OSACC-040', van=van)
    def failed_releases_all(s, van):
        """A VAN that is to be released, or whose instance is gone, gives
        its handle back, if the API is there."""
        return (s.goal[van] is Goal.RELEASED
                or s.instance[van] is Instance.DELETED,
                not s.owner.any(van) or not w.api_up(s)
                or w.is_gone(s, van) or s.instance[van] is Instance.RUNNING)

    @m.eventually('OSACC-037', van=van)
    def release_always_possible(s, van):
        """A VAN that is to be released becomes RELEASED on the host, with
        the API or without; but a lost journal is rebuilt first."""
        return (s.goal[van] is Goal.RELEASED,
                s.state[van] in (Van.NONE, Van.RELEASED)
                or w.adopting(s) or w.is_gone(s, van)
                or s.instance[van] is Instance.RUNNING)

    if w.programs:
        @m.always('OSACC-041', van=van)
        def never_erased_under_a_user(s, van):
            """No region is erased while another VAN of it is ready for use, in
            use or undefined."""
            return s.job[van] is not Job.ERASE_REGION or not (
                w.barred(s, van) or w.used_beside(s, van))

    @m.always('OSACC-035', van=van)
    def never_pulled_from_a_guest(s, van):
        """A device is not detached or erased while its guest runs."""
        return (s.instance[van] is not Instance.RUNNING
                or s.job[van] is Job.NONE)

    @m.always('OSACC-038', van=van)
    def released_is_final(s, van):
        """A VAN that is RELEASED has nothing that runs for it."""
        return s.state[van] is not Van.RELEASED or (
            s.job[van] is Job.NONE and s.ask[van] is Ask.NONE)

    @m.sometimes('OSACC-043', van=van)
    def freed(s, van):
        """A handle that was used is free again."""
        return (s.record[van] is Record.RELEASED
                and s.instance[van] is Instance.DELETED)


def instances(w):
    """Nova's flows over the whole."""
    m, van = w.m, w.van

    @m.always('OSACC-045', van=van)
    def allocation_goes_last(s, van):
        """An instance has its unit in Placement until release has returned
        or raised, and no longer; but for one that is deleted while its host
        is down."""
        return s.allocated[van] != (s.instance[van] in (
            Instance.NONE, Instance.DELETED, Instance.ABANDONED))

    @m.always('OSACC-044')
    def placement_is_not_oversold(s):
        """No more units are allocated than there are handles."""
        return s.allocated.count(True) <= len(w.handle)

    @m.always('OSACC-037', van=van)
    def a_delete_is_complete(s, van):
        """While nothing has gone wrong nothing of a VAN is left on the host
        when its instance is deleted."""
        return (s.faults < w.budget
                or s.instance[van] is not Instance.DELETED
                or s.state[van] in (Van.NONE, Van.RELEASED))

    if w.fault('compute-crash') and w.has('claim'):
        @m.sometimes('OSACC-052', van=van)
        def recovered(s, van):
            """A guest runs although nova-compute died on the way."""
            return (s.instance[van] is Instance.RUNNING and s.faults == 0
                    and s.compute)

    @m.eventually('OSACC-011', van=van)
    def every_start_ends(s, van):
        """A build or a start ends."""
        coming = s.instance[van] in (Instance.BUILDING, Instance.STARTING)
        return coming, not coming

    @m.always('INSTOP-006', van=van)
    def a_rebuild_keeps_its_claim(s, van):
        """What is taken out of a definition to be put into a new one, by a
        rebuild, a rescue or an unrescue, is unplugged, and not to be
        released."""
        return (s.instance[van] is not Instance.STARTING
                or s.call[van] not in (Call.UNPLUG, Call.UNPLUGGED,
                                       Call.RELEASE)
                or keeps(s, van))

    @m.always('INSTOP-007', van=van)
    def a_failure_gives_nothing_away(s, van):
        """Whether a start, a reboot or a rebuild failed or not, an instance
        that was built has its claim until it is deleted."""
        return (s.instance[van] not in (Instance.STOPPED, Instance.STARTING)
                or keeps(s, van))

    def keeps(s, van):
        """The VAN has its claim and is not to be released, but for those
        who may say otherwise."""
        return any(map(w.fault, ('retire', 'wrong-list', 'restore'))) or (
            s.call[van] is not Call.RELEASE
            and s.goal[van] is not Goal.RELEASED
            and s.owner.any(van))

    @m.always('INSTOP-008', van=van)
    def a_delete_does_not_wait(s, van):
        """While an instance is deleted no plug goes on that was not told
        to stop."""
        return (s.instance[van] is not Instance.DELETING
                or s.call[van] is not Call.PLUG
                or s.goal[van] is Goal.RELEASED)

    @m.sometimes('INSTOP-008', van=van)
    def a_delete_overtakes(s, van):
        """A release is called while prepare works on the instance."""
        return (s.instance[van] is Instance.DELETING
                and s.call[van] is Call.PREPARE
                and s.goal[van] is Goal.RELEASED)

    @m.sometimes('INSTOP-006', van=van)
    def rebuilt(s, van):
        """A rebuild has taken the device out, and is to put it in again."""
        return (s.instance[van] is Instance.STARTING
                and s.call[van] is Call.PREPARE and s.dirty[van]
                and s.state[van] is Van.READY
                and s.goal[van] is Goal.READY)

    @m.sometimes('OSACC-035', van=van)
    def stopped_with_its_device(s, van):
        """A guest that is stopped keeps claim and attachment."""
        return (s.instance[van] is Instance.STOPPED
                and s.attached.any(van))

    if w.fault('spawn'):
        @m.sometimes('OSACC-F07', van=van)
        def a_spawn_failed(s, van):
            """A guest did not start, although its device was plugged."""
            return (s.instance[van] is Instance.DELETING
                    and s.state[van] is Van.PLUGGED
                    and s.goal[van] is Goal.RELEASED
                    and s.faults < w.budget)

    if w.fault('agent-crash'):
        @m.sometimes('OSACC-F06', van=van)
        def the_agent_dies_at_work(s, van):
            """The agent, or the platform manager, is away while a plugin
            waits for it."""
            return not s.agent and s.ask[van] in ASKED

    if w.fault('api-down'):
        @m.sometimes('OSACC-F10', van=van)
        def released_without_the_api(s, van):
            """A VAN that was used is RELEASED on the host, and the API does
            not know."""
            return (s.state[van] is Van.RELEASED and not s.api
                    and s.owner.any(van) and s.pending[van])

    if w.fault('power-loss') and w.kind in ('MDEV', 'FPGA'):
        @m.sometimes('OSACC-F12', van=van)
        def the_host_loses_an_attachment(s, van):
            """A kind of handle that is not kept is lost with the power."""
            return (s.state[van] is Van.PLUGGED
                    and not s.attached.any(van))

    if w.programs and len(w.handle) > 1 and w.limit > 1 and (
            w.functions == 1 and not (w.tenant and w.projects > 1)
            and not w.fixed and not w.names_provider):
        @m.sometimes('OSACC-021', van=van)
        def a_region_is_shared(s, van):
            """Two guests run with handles of one region."""
            return s.instance[van] is Instance.RUNNING and any(
                s.instance[other] is Instance.RUNNING
                and w.neighbour(s, van, other) for other in w.others(van))

    @m.sometimes('OSACC-032', van=van)
    def restarted(s, van):
        """A plugged VAN is used for another start."""
        return (s.instance[van] is Instance.STARTING
                and s.call[van] is Call.ATTACHED)


__all__ = ['agreement', 'attaching', 'instances', 'ownership', 'processes',
           'programming', 'quiet', 'releasing', 'states', 'writing']
