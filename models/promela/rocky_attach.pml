/*
 * rocky.attach once more, by hand, from what its actions and requirements
 * mean: the second opinion on models/cyborg_models/rocky/attach.py.
 *
 * Whatever may happen is one atomic choice of one process, so that between
 * two steps the process stands where it stood, and a state of Spin is a
 * state of the model.  Things go wrong in a second process, which also
 * watches what must always hold.  So the first is blocked exactly where
 * nothing can happen but that something goes wrong: its "else" is the check
 * for deadlock.  (Spin's own, for invalid end states, would be content with
 * a state that nothing but a fault leads out of.)
 *
 * Fixed here: topology LOCAL, writer common, a kind that is not programmed,
 * and the faults that the model enables unless told otherwise.  The states
 * that only release leads to are left out.
 */

/*
 * By hand: spin -o2 -o3 -DFAULTS=2 -a rocky_attach.pml
 *          gcc -O2 -DNOREDUCE -DSAFETY -o pan pan.c && ./pan
 * -o2 keeps variables that are only written, as the model has them.  What
 * must come: add -DLIVENESS for spin, take -DNFAIR=32 for -DSAFETY, and run
 * ./pan -a -f -N <name>.  That is fair weakly to all; where the model asks
 * for strong fairness, it is to be compared with the model made weak.
 */

/* Settings */
#ifndef VANS
#define VANS 2
#endif
#ifndef HANDLES
#define HANDLES 1
#endif
#ifndef LIMIT  /* the project's quota, in handles */
#define LIMIT 1
#endif
#ifndef GPU  /* 1: all handles are one isolation group */
#define GPU 0
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#if VANS > 6 || HANDLES > 6
#error at most 6 of a kind: each.pml has no longer lists
#endif

/* Defects; -DCLAIM_NOT_EXCLUSIVE switches one on */
#ifndef CLAIM_NOT_EXCLUSIVE  /* two claims for a handle may both win */
#define CLAIM_NOT_EXCLUSIVE 0
#endif
#ifndef QUOTA_NOT_CHECKED  /* a handle is granted beyond the quota */
#define QUOTA_NOT_CHECKED 0
#endif
#ifndef REGIONS_MIXED  /* an isolation group may get a second user */
#define REGIONS_MIXED 0
#endif
#ifndef CLAIM_AFTER_RELEASE  /* a claim is granted after its own release */
#define CLAIM_AFTER_RELEASE 0
#endif
#ifndef REPEATED_CLAIM_GRANTED_ANEW  /* with another handle than before */
#define REPEATED_CLAIM_GRANTED_ANEW 0
#endif
#ifndef REFUSED_CLAIM_IS_CHARGED  /* what it was to cost stays charged */
#define REFUSED_CLAIM_IS_CHARGED 0
#endif
#ifndef USAGE_IS_KEPT  /* nothing is taken from it when a handle is FREE */
#define USAGE_IS_KEPT 0
#endif
#ifndef REFUSED_CLAIM_NOT_CLOSED  /* a claim is given up, and not reported */
#define REFUSED_CLAIM_NOT_CLOSED 0
#endif
#ifndef RELEASED_CLAIM_NOT_ANSWERED  /* nor refused */
#define RELEASED_CLAIM_NOT_ANSWERED 0
#endif
#ifndef PLUG_WITHOUT_LOOK  /* nobody looks before it */
#define PLUG_WITHOUT_LOOK 0
#endif
#ifndef PLUG_NOT_JOURNALLED_DIRTY  /* nor is it written down as a change */
#define PLUG_NOT_JOURNALLED_DIRTY 0
#endif
#ifndef PLUG_BEFORE_JOURNAL  /* the attach begins before it is written down */
#define PLUG_BEFORE_JOURNAL 0
#endif
#ifndef FAILED_PLUG_IS_READY  /* nobody looks whether it went through */
#define FAILED_PLUG_IS_READY 0
#endif
#ifndef GUEST_WITHOUT_PLUG  /* the guest starts when prepare has returned */
#define GUEST_WITHOUT_PLUG 0
#endif
#ifndef OLD_REPORT_COUNTS  /* a report that was overtaken counts */
#define OLD_REPORT_COUNTS 0
#endif
#ifndef LOST_ANSWER_IS_AN_ACKNOWLEDGEMENT  /* what was sent was taken */
#define LOST_ANSWER_IS_AN_ACKNOWLEDGEMENT 0
#endif
#ifndef PENDING_REPORTS_DIE  /* what waits is kept in memory only */
#define PENDING_REPORTS_DIE 0
#endif
#ifndef RECOVERY_FORGETS_PLUGGING  /* it is settled only while a call waits */
#define RECOVERY_FORGETS_PLUGGING 0
#endif
#ifndef PLUGGING_IS_TAKEN_FOR_READY  /* it is settled without a look */
#define PLUGGING_IS_TAKEN_FOR_READY 0
#endif
#ifndef NO_ANSWER_IS_AN_ANSWER  /* it is settled when nobody can look */
#define NO_ANSWER_IS_AN_ANSWER 0
#endif
#ifndef ODD  /* no known defect: this twin differs from the model */
#define ODD 0
#endif

#include "each.pml"

#define ANY_VAN(p, ...) (CAT(A_, VANS)(||, p, ##__VA_ARGS__))
#define ALL_VANS(p) (CAT(A_, VANS)(&&, p))
#define DO_VAN(p) CAT(A_, VANS)(;, p)
#define MUST_VAN(step) CAT(A_, VANS)(, MUST, step)
#define MAY_VAN(step) CAT(A_, VANS)(, MAY, step)
#define ALWAYS_VAN(p) ALWAYS_EACH(CAT(C_, VANS), p)

#define ANY_HANDLE(p, ...) (CAT(B_, HANDLES)(||, p, ##__VA_ARGS__))
#define HOW_MANY_HANDLES(p, ...) (CAT(B_, HANDLES)(+, p, ##__VA_ARGS__))
#define MUST_HANDLE(v, step) CAT(B_, HANDLES)(, MUST2, v, step)
#define MUST_VAN_HANDLE(step) CAT(A_, VANS)(, MUST_HANDLE, step)
#define ALWAYS_HANDLE(p) ALWAYS_EACH(CAT(B_, HANDLES), p)

mtype = {
    NONE,  /* unknown; nothing of the kind */
    REQUESTED, BOUND, READY, PLUGGING, PLUGGED, FAILED, RELEASED,  /* a VAN */
    WITHHELD,  /* a record: the goal is RELEASED, the state another one */
    SENT, GRANTED, REFUSED,  /* a claim */
    ASKED, DONE, ERROR,  /* what os-acc knows of the method that it called */
    PREPARE, PREPARED, PLUG, ATTACHED, RAISED,  /* the call of nova-compute */
    BUILDING, RUNNING  /* an instance */
};

#define NO_HANDLE HANDLES
#define NOBODY VANS

/* the journal, and what os-acc has in memory */
mtype state[VANS] = NONE;
mtype goal[VANS] = READY;
bool dirty[VANS];
byte handle[VANS] = NO_HANDLE;
mtype call[VANS] = NONE;
mtype ask[VANS] = NONE;
mtype instance[VANS] = NONE;
/* the API's database, and messages to it; a settled VAN is recorded as such */
mtype record[VANS] = NONE;
byte owner[HANDLES] = NOBODY;
byte used;
bool pending[VANS];  /* a report that was not acknowledged */
mtype claim[VANS] = NONE;
mtype late[VANS] = NONE;  /* a report that is under way for long */
bool overtaken[VANS];
/* the truth on the host */
bool attaching[VANS];
byte attached[HANDLES] = NOBODY;
bool soiled[HANDLES];
/* the processes, and what may still go wrong */
bool compute = true;
bool agent = true;
bool api = true;
byte faults = FAULTS;

/* --- phrases ------------------------------------------------------------ */

#define is_owned(h) (owner[h] != NOBODY)
#define is_free(h) (owner[h] == NOBODY)
#define owns(h, v) (owner[h] == (v))
#define has_attached(h, v) (attached[h] == (v))
#define is_attached(v) ANY_HANDLE(has_attached, v)
#define is_unreleased(v) (state[v] != NONE && state[v] != RELEASED)
#define is_settled(v) \
    (state[v] == BOUND || state[v] == READY || state[v] == PLUGGED || \
     state[v] == FAILED || state[v] == RELEASED)
#define to_be_released(v) (goal[v] == RELEASED)
#define is_idle(v) (!attaching[v])
/* What a plugin method reaches; without a handle it would be somebody's. */
#define at(v) (handle[v] == NO_HANDLE -> 0 : handle[v])

/* A step of prepare or of plug, on a VAN in this state. */
#define goes_on(v, what, where) \
    (call[v] == what && state[v] == where && !to_be_released(v))

/* What observe answers; PRESENT is when the guest does not run. */
#define can_look(v) (agent && handle[v] != NO_HANDLE)
#define is_absent(v) (can_look(v) && attached[handle[v]] == NOBODY)
#define is_with_it(v) (can_look(v) && attached[handle[v]] == (v))
#define is_present(v) (is_with_it(v) && instance[v] != RUNNING)
#define is_ready(v) (is_absent(v) && is_idle(v))
#define is_in_place(v) (is_present(v) && is_idle(v))

#define nobody_works(v) (compute && ask[v] == NONE)
#define holds_grant(w, v) \
    ((w) != (v) && is_unreleased(w) && \
     handle[w] != NO_HANDLE && owner[handle[w]] == (v))
/* The journal holds the granted handle for another VAN. */
#define held_by_another(v) ANY_VAN(holds_grant, v)

/* The API may grant some handle to a claim that is new. */
#define some_grantable \
    (used < LIMIT && \
     (GPU -> !ANY_HANDLE(is_owned) : ANY_HANDLE(is_free)))

/* A transition is written down, and is still to be reported. */
inline journal(v, next)
{
    state[v] = next;
    pending[v] = true
}

/* The API frees what a VAN owns, once. */
#define give_back(h) \
    :: owner[h] == who -> \
        owner[h] = NOBODY; \
        used = (USAGE_IS_KEPT || used == 0 -> used : used - 1)
inline free(who)
{
    if
    CAT(B_, HANDLES)(, give_back)
    :: else
    fi
}

#define to_report(v) \
    (to_be_released(v) && state[v] != RELEASED -> WITHHELD : state[v])

/* The API records a report, and older ones no longer count. */
inline take_report(v)
{
    record[v] = to_report(v);
    if
    :: late[v] != NONE -> overtaken[v] = true
    :: else
    fi;
    if
    :: state[v] == RELEASED -> free(v)
    :: else
    fi
}

/* The device is idle again; whoever still waits is told. */
inline end_attach(v, answer)
{
    attaching[v] = false;
    if
    :: ask[v] == ASKED -> ask[v] = answer
    :: else
    fi
}

/* --- Nova --------------------------------------------------------------- */

/* A user may create an instance. */
inline build(v)
{
    d_step {
        instance[v] == NONE && compute ->
        instance[v] = BUILDING;
        call[v] = PREPARE
    }
}

/* Nova has the instance plugged when prepare has returned. */
inline call_plug(v)
{
    d_step {
        call[v] == PREPARED && instance[v] == BUILDING ->
        call[v] = PLUG;
        if
        :: to_be_released(v)  /* that is final */
        :: else -> goal[v] = PLUGGED
        fi
    }
}

/* Nova starts the guest when plug has returned for that start. */
inline start_guest(v)
{
    d_step {
        (call[v] == ATTACHED || (GUEST_WITHOUT_PLUG && call[v] == PREPARED)) &&
        instance[v] == BUILDING ->
        call[v] = NONE;
        instance[v] = RUNNING
    }
}

/* A guest may fail to start although plug returned. */
inline fail_spawn(v)
{
    d_step {
        faults > 0 && call[v] == ATTACHED ->
        faults--;
        call[v] = RAISED
    }
}

/* --- the claim ---------------------------------------------------------- */

/* prepare journals a VAN for the request that has none. */
inline request(v)
{
    d_step {
        goes_on(v, PREPARE, NONE) ->
        journal(v, REQUESTED)
    }
}

/* The claim of a journalled VAN is sent, and again until it is answered. */
inline send_claim(v)
{
    d_step {
        goes_on(v, PREPARE, REQUESTED) && claim[v] == NONE ->
        claim[v] = SENT
    }
}

/* A handle that is FREE is granted to a claim that is new, within quota,
 * and alone in its isolation group. */
inline grant_claim(v, h)
{
    d_step {
        claim[v] == SENT && api &&
        (record[v] == NONE ||
         (CLAIM_AFTER_RELEASE && record[v] == RELEASED) ||
         (REPEATED_CLAIM_GRANTED_ANEW && record[v] != RELEASED)) &&
        (CLAIM_NOT_EXCLUSIVE || !is_owned(h)) &&
        (QUOTA_NOT_CHECKED || used < LIMIT) &&
        (!GPU || REGIONS_MIXED || !ANY_HANDLE(is_owned)) &&
        !(ODD && faults < FAULTS) ->
        owner[h] = v;
        used = (used < HANDLES -> used : HANDLES) + 1;
        record[v] = BOUND;
        claim[v] = GRANTED
    }
}

/* A claim that was granted before gets the same grant. */
inline repeat_grant(v)
{
    d_step {
        claim[v] == SENT && api && record[v] != NONE &&
        record[v] != RELEASED ->
        claim[v] = GRANTED
    }
}

/* A claim is refused when its VAN is RELEASED, or is new and no handle may
 * be granted. */
inline refuse_claim(v)
{
    d_step {
        claim[v] == SENT && api &&
        ((record[v] == RELEASED && !RELEASED_CLAIM_NOT_ANSWERED) ||
         (record[v] == NONE && !some_grantable)) ->
        claim[v] = REFUSED;
        used = (!REFUSED_CLAIM_IS_CHARGED -> used :
                (used < HANDLES -> used : HANDLES) + 1)
    }
}

#define note(h, v) :: owner[h] == v -> handle[v] = h

/* A REQUESTED VAN becomes BOUND when it is granted a handle that no other
 * VAN of the journal has. */
inline bind(v)
{
    d_step {
        goes_on(v, PREPARE, REQUESTED) && claim[v] == GRANTED &&
        !held_by_another(v) ->
        claim[v] = NONE;
        if  /* the first that it owns */
        CAT(B_, HANDLES)(, note, v)
        :: else -> handle[v] = NO_HANDLE
        fi;
        journal(v, BOUND)
    }
}

/* prepare gives up a claim that is refused, that nobody can answer, or whose
 * handle another VAN of the journal has. */
inline give_up_claim(v)
{
    d_step {
        call[v] == PREPARE && state[v] == REQUESTED &&
        (claim[v] == REFUSED || !api ||
         (claim[v] == GRANTED && held_by_another(v))) ->
        if
        :: claim[v] != SENT -> claim[v] = NONE
        :: else
        fi;
        goal[v] = RELEASED;
        state[v] = RELEASED;
        pending[v] = !REFUSED_CLAIM_NOT_CLOSED;
        call[v] = RAISED
    }
}

/* An answer to a claim is dropped when nobody waits for it. */
inline drop_answer(v)
{
    d_step {
        (claim[v] == GRANTED || claim[v] == REFUSED) &&
        state[v] != REQUESTED ->
        claim[v] = NONE
    }
}

/* A claim may be lost on its way to the API, and its answer on its way
 * back. */
inline lose_claim(v)
{
    d_step {
        faults > 0 && claim[v] != NONE ->
        faults--;
        claim[v] = NONE
    }
}

/* A claim may run out of time while its request is under way. */
inline claim_times_out(v)
{
    d_step {
        faults > 0 && call[v] == PREPARE && state[v] == REQUESTED ->
        faults--;
        goal[v] = RELEASED;
        journal(v, RELEASED);
        call[v] = RAISED
    }
}

/* --- ready -------------------------------------------------------------- */

/* A BOUND VAN is READY when no function is wanted. */
inline make_ready(v)
{
    d_step {
        goes_on(v, PREPARE, BOUND) ->
        journal(v, READY)
    }
}

/* prepare returns once its VAN is READY, and not to be released. */
inline return_prepare(v)
{
    d_step {
        goes_on(v, PREPARE, READY) ->
        call[v] = PREPARED
    }
}

/* prepare returns when its VAN is PLUGGED, is observed to be so and idle, and
 * is not to be released. */
inline return_prepare_plugged(v)
{
    d_step {
        goes_on(v, PREPARE, PLUGGED) && is_in_place(v) ->
        call[v] = PREPARED
    }
}

/* prepare or plug raises VanFailed for a VAN that is FAILED. */
inline raise_failed(v)
{
    d_step {
        (call[v] == PREPARE || call[v] == PLUG) && state[v] == FAILED ->
        call[v] = RAISED
    }
}

/* prepare or plug stops before its next step when its VAN is to be
 * released. */
inline cancel(v)
{
    d_step {
        (call[v] == PREPARE || call[v] == PLUG) && to_be_released(v) &&
        ask[v] == NONE ->
        call[v] = RAISED
    }
}

/* --- plug --------------------------------------------------------------- */

/* A READY VAN is plugged when it was just observed to be absent and idle. */
inline plug(v)
{
    d_step {
        goes_on(v, PLUG, READY) && (PLUG_WITHOUT_LOOK || is_ready(v)) ->
        if
        :: PLUG_BEFORE_JOURNAL ->
            attaching[v] = true;
            soiled[at(v)] = true;
            call[v] = RAISED
        :: else ->
            if
            :: PLUG_NOT_JOURNALLED_DIRTY
            :: else -> dirty[v] = true
            fi;
            journal(v, PLUGGING);
            ask[v] = ASKED
        fi
    }
}

/* The attach that was asked for begins. */
inline begin_attach(v)
{
    d_step {
        state[v] == PLUGGING && ask[v] == ASKED && is_idle(v) && agent ->
        attaching[v] = true;
        soiled[at(v)] = true
    }
}

/* An attach that is under way comes to its end. */
inline attach(v)
{
    d_step {
        attaching[v] ->
        attached[at(v)] = v;
        end_attach(v, DONE)
    }
}

/* An attach may fail before it changed anything. */
inline fail_attach(v)
{
    d_step {
        faults > 0 && attaching[v] ->
        faults--;
        end_attach(v, ERROR)
    }
}

/* An attach may fail after the platform's change. */
inline fail_attached(v)
{
    d_step {
        faults > 0 && attaching[v] ->
        faults--;
        attached[at(v)] = v;
        end_attach(v, ERROR)
    }
}

/* A VAN is PLUGGED when the plugin returned attach data. */
inline plugged(v)
{
    d_step {
        state[v] == PLUGGING && ask[v] == DONE ->
        journal(v, PLUGGED);
        ask[v] = NONE
    }
}

/* After a failed plug the VAN is READY if it is observed to be absent and
 * idle, and else FAILED. */
inline plug_failed(v)
{
    d_step {
        state[v] == PLUGGING && ask[v] == ERROR ->
        if
        :: FAILED_PLUG_IS_READY || is_ready(v) ->
            journal(v, READY)
        :: else ->
            journal(v, FAILED)
        fi;
        ask[v] = NONE;
        call[v] = RAISED
    }
}

/* plug returns once its VAN is PLUGGED, is observed to be so and idle, and
 * is not to be released. */
inline return_plug(v)
{
    d_step {
        goes_on(v, PLUG, PLUGGED) && is_in_place(v) ->
        call[v] = ATTACHED
    }
}

/* A call that has to look first raises when nobody answers the plugin. */
inline cannot_look(v)
{
    d_step {
        (call[v] == PREPARE || call[v] == PLUG) && ask[v] == NONE &&
        state[v] != NONE && state[v] != REQUESTED && state[v] != RELEASED &&
        !agent ->
        call[v] = RAISED
    }
}

/* A plugin method may reach its deadline before its end. */
inline time_out(v)
{
    d_step {
        faults > 0 && ask[v] == ASKED ->
        faults--;
        ask[v] = ERROR
    }
}

/* A plugin method fails when nobody can be asked, or whoever was asked has
 * died. */
inline no_answer(v)
{
    d_step {
        ask[v] == ASKED && !agent ->
        ask[v] = ERROR
    }
}

/* A PLUGGING VAN that nobody works on becomes PLUGGED or READY, by looking. */
inline settle_plugging(v)
{
    d_step {
        state[v] == PLUGGING && nobody_works(v) && is_idle(v) &&
        (PLUGGING_IS_TAKEN_FOR_READY || NO_ANSWER_IS_AN_ANSWER ||
         is_absent(v) || is_with_it(v)) &&
        (!RECOVERY_FORGETS_PLUGGING || call[v] == PLUG) ->
        if
        :: PLUGGING_IS_TAKEN_FOR_READY ||
           !(NO_ANSWER_IS_AN_ANSWER -> is_present(v) : is_with_it(v)) ->
            journal(v, READY)
        :: else ->
            journal(v, PLUGGED)
        fi
    }
}

/* --- reports ------------------------------------------------------------ */

#define is_to_be_reported(v) (pending[v] && api && compute && is_settled(v))

/* What the API has not acknowledged is reported, once the VAN is settled. */
inline report(v)
{
    d_step {
        is_to_be_reported(v) ->
        take_report(v);
        pending[v] = false
    }
}

/* A report may be taken and its answer lost. */
inline lose_acknowledgement(v)
{
    d_step {
        faults > 0 && is_to_be_reported(v) ->
        faults--;
        take_report(v)
    }
}

/* A report may be under way for long. */
inline delay_report(v)
{
    d_step {
        faults > 0 && is_to_be_reported(v) ->
        faults--;
        if
        :: LOST_ANSWER_IS_AN_ACKNOWLEDGEMENT -> pending[v] = false
        :: else -> late[v] = to_report(v)
        fi
    }
}

/* A delayed report arrives, and counts unless a newer one was taken; of a VAN
 * that the API does not know only that it is RELEASED. */
inline take_late_report(v)
{
    d_step {
        late[v] != NONE && api ->
        if
        :: (overtaken[v] && !OLD_REPORT_COUNTS) ||
           (record[v] == NONE && late[v] != RELEASED)
        :: else ->
            record[v] = late[v];
            if
            :: late[v] == RELEASED -> free(v)
            :: else
            fi
        fi;
        late[v] = NONE;
        overtaken[v] = false
    }
}

/* --- what dies and comes back ------------------------------------------- */

#define forget(v) \
    call[v] = NONE; \
    ask[v] = NONE; \
    pending[v] = pending[v] && !PENDING_REPORTS_DIE
#define break_off(v) attaching[v] = false
#define waits(v) (ask[v] == ASKED)

/* nova-compute may die at any time, even while it comes back; what was only
 * in its memory is gone. */
inline compute_crash()
{
    d_step {
        faults > 0 ->
        faults--;
        compute = false;
        DO_VAN(forget)
    }
}

/* nova-compute comes back. */
inline compute_restart()
{
    d_step {
        !compute ->
        compute = true
    }
}

/* The agent may die at any time, and its work with it. */
inline agent_crash()
{
    d_step {
        faults > 0 ->
        faults--;
        agent = false;
        DO_VAN(break_off)
    }
}

/* The agent comes back, when every caller has noticed. */
inline agent_restart()
{
    d_step {
        !agent && !ANY_VAN(waits) ->
        agent = true
    }
}

/* The controller may become unreachable at any time. */
inline api_lost()
{
    d_step {
        faults > 0 ->
        faults--;
        api = false
    }
}

/* The controller may come back, and nobody can rely on it. */
inline api_back()
{
    d_step {
        !api ->
        api = true
    }
}

/* --- what always holds -------------------------------------------------- */

#define is_granted(v) (record[v] != NONE && record[v] != RELEASED)

#define has_it_too(w, v) \
    ((w) != (v) && is_unreleased(w) && handle[w] == handle[v])

/* A VAN that is granted and not released owns one handle, and no other VAN
 * that is not RELEASED believes to have it. */
#define one_owner_per_handle(v) \
    (HOW_MANY_HANDLES(owns, v) == is_granted(v) && \
     (handle[v] == NO_HANDLE || !is_unreleased(v) || \
      !ANY_VAN(has_it_too, v)))

/* What is attached is claimed by whom it is attached to. */
#define never_free_while_used(h) \
    (attached[h] == NOBODY || attached[h] == owner[h])

/* A handle that is FREE holds nothing of its last user. */
#define never_offered_before_erased(h) (is_owned(h) || !soiled[h])

/* The quota charged is that of the handles claimed, and within its limit. */
#define quota_is_exact (used == HOW_MANY_HANDLES(is_owned) && used <= LIMIT)

/* The usage that a claim is held against is what is claimed. */
#define usage_is_what_is_claimed (used == HOW_MANY_HANDLES(is_owned))

/* What is claimed never comes above the limit. */
#define never_above_the_limit (HOW_MANY_HANDLES(is_owned) <= LIMIT)

/* Who is refused has neither record nor handle, and is charged nothing. */
#define a_refusal_leaves_nothing(v) \
    (claim[v] != REFUSED || \
     (!is_granted(v) && !ANY_HANDLE(owns, v) && \
      used <= HOW_MANY_HANDLES(is_owned)))

/* Handles that cannot be kept apart have one user. */
#define one_user_per_isolation_group \
    (!GPU || HOW_MANY_HANDLES(is_owned) <= 1)

/* Nothing is done to a device, or left of it, for a VAN that has no handle
 * yet, or none any more. */
#define untouched_without_a_claim(v) \
    ((is_unreleased(v) && state[v] != REQUESTED) || \
     (is_idle(v) && !is_attached(v) && !dirty[v] && \
      (handle[v] == NO_HANDLE || owner[at(v)] != v || !soiled[at(v)])))

/* A plugin method works only on a VAN that is in transition. */
#define settled_means_at_rest(v) (ask[v] == NONE || state[v] == PLUGGING)

/* What the journal has no entry for is not known to be wanted or dirty, and
 * nothing is reported of it. */
#define no_entry_no_goal(v) \
    (state[v] != NONE || (goal[v] == READY && !dirty[v] && !pending[v]))

/* What is done to a device is what the journal says, or said before the VAN
 * FAILED. */
#define the_journal_is_ahead_of_the_deed(v) \
    (is_idle(v) || state[v] == PLUGGING || state[v] == FAILED)

/* A VAN that is BOUND or READY has its handle, not attached; one that is
 * PLUGGED has it attached. */
#define has_its_own(v) (handle[v] != NO_HANDLE && owner[at(v)] == v)
#define what_is_settled_is_true(v) \
    ((state[v] == BOUND || state[v] == READY) \
        -> has_its_own(v) && !is_attached(v) \
        : state[v] != PLUGGED || is_attached(v))

/* A VAN whose device is changed, by it or before it, is dirty. */
#define touched_means_dirty(v) \
    (handle[v] == NO_HANDLE || dirty[v] || !soiled[at(v)] || \
     !is_unreleased(v) || state[v] == REQUESTED)

/* A VAN that FAILED is not RELEASED without being erased. */
#define failed_means_dirty(v) (state[v] != FAILED || dirty[v])

/* What is attached has been changed. */
#define used_means_touched(h) (attached[h] == NOBODY || soiled[h])

/* What is being attached counts as changed. */
#define work_touches(v) (is_idle(v) || soiled[at(v)])

/* A VAN that is RELEASED is to be. */
#define only_what_is_given_up_is_erased(v) \
    (state[v] != RELEASED || to_be_released(v))

/* A settled state that is not waiting to be reported is in the database. */
#define acknowledged_means_recorded(v) \
    (!is_settled(v) || pending[v] || record[v] == to_report(v))

/* A report is overtaken only while it is under way. */
#define only_what_is_under_way_is_overtaken(v) \
    (!overtaken[v] || late[v] != NONE)

/* While nova-compute is down no call works on any VAN. */
#define no_call_without_nova_compute(v) \
    (compute || (call[v] == NONE && ask[v] == NONE))

/* While the agent is down it does nothing to any device. */
#define no_work_without_the_agent(v) (agent || is_idle(v))

/* nova-compute calls prepare and plug to start an instance. */
#define calls_fit_the_instance(v) \
    (call[v] == NONE || instance[v] == BUILDING)

/* What a call wants of its VAN is in the journal, unless that is to be
 * released. */
#define the_goal_is_the_last_call_s(v) \
    (state[v] == NONE || to_be_released(v) || goal[v] == PLUGGED || \
     (call[v] != PLUG && call[v] != ATTACHED))

/* prepare returns a VAN that is READY or PLUGGED, and plug one that is
 * PLUGGED, and neither one that is to be released. */
#define success_is_true(v) \
    ((call[v] != PREPARED && call[v] != ATTACHED) || \
     (!to_be_released(v) && \
      (state[v] == PLUGGED || (state[v] == READY && call[v] == PREPARED))))

/* The VAN of a guest that runs is not to be released. */
#define what_is_in_use_is_not_given_up(v) \
    (instance[v] != RUNNING || !to_be_released(v))

/* While nothing has gone wrong a claim is refused, or a build ends without a
 * guest, only for what another instance has. */
#define is_known_beside(w, v) ((w) != (v) && record[w] != NONE)
#define no_failure_without_cause(v) \
    (faults < FAULTS || ANY_VAN(is_known_beside, v) || \
     (claim[v] != REFUSED && call[v] != RAISED && \
      (call[v] != NONE || instance[v] != BUILDING)))

/* A claim is under way only for a VAN that is REQUESTED, or was given up
 * since. */
#define claims_are_journalled_first(v) \
    (claim[v] == NONE || state[v] == REQUESTED || state[v] == RELEASED)

/* A call raises for a VAN that is wanted only when its claim is answered or
 * closed. */
#define no_claim_is_left_open(v) \
    (call[v] != RAISED || to_be_released(v) || \
     (state[v] != REQUESTED && state[v] != NONE))

/* Who is told of a grant has one, or gave it up since, and who is refused
 * has none. */
#define answers_are_true(v) \
    ((claim[v] != GRANTED || ANY_HANDLE(owns, v) || record[v] == RELEASED) \
     && (claim[v] != REFUSED || !ANY_HANDLE(owns, v)))

/* A guest that runs has the device that it believes to have. */
#define no_belief_without_device(v) \
    (instance[v] != RUNNING || (is_attached(v) && state[v] == PLUGGED))

/* No plugin method fails while the controller is away, and that is all that
 * has gone wrong. */
#define does_without_a_controller(v) \
    (api || ask[v] != ERROR || faults + 1 < FAULTS)
#define the_host_needs_no_controller(v) does_without_a_controller(v)
#define a_plugin_stays_on_the_host(v) does_without_a_controller(v)

#define at_peace(v) \
    ((call[v] == NONE || call[v] == RAISED) && ask[v] == NONE && \
     is_idle(v) && !pending[v] && claim[v] == NONE && late[v] == NONE)
#define quiet (ALL_VANS(at_peace) && compute && agent && api)

/* When nothing is under way the record says what the device is. */
#define database_and_device_agree(v) \
    (!is_settled(v) || !quiet || \
     ((record[v] == state[v] || record[v] == WITHHELD) && \
      (record[v] != PLUGGED || is_attached(v)) && \
      (!is_attached(v) || record[v] == PLUGGED || record[v] == FAILED || \
       record[v] == WITHHELD)))

/* Every guest runs, or its build was given up. */
#define is_over(v) (call[v] == NONE || call[v] == RAISED)
#define at_rest ALL_VANS(is_over)

/* The numbers by which Spin names them. */
#define NR_no_deadlock 1
#define NR_one_owner_per_handle 2
#define NR_never_free_while_used 3
#define NR_never_offered_before_erased 4
#define NR_quota_is_exact 5
#define NR_one_user_per_isolation_group 6
#define NR_untouched_without_a_claim 7
#define NR_settled_means_at_rest 8
#define NR_no_entry_no_goal 9
#define NR_the_journal_is_ahead_of_the_deed 10
#define NR_what_is_settled_is_true 11
#define NR_touched_means_dirty 12
#define NR_failed_means_dirty 13
#define NR_used_means_touched 14
#define NR_work_touches 15
#define NR_only_what_is_given_up_is_erased 16
#define NR_acknowledged_means_recorded 17
#define NR_only_what_is_under_way_is_overtaken 18
#define NR_no_call_without_nova_compute 19
#define NR_no_work_without_the_agent 20
#define NR_calls_fit_the_instance 21
#define NR_the_goal_is_the_last_call_s 22
#define NR_success_is_true 23
#define NR_what_is_in_use_is_not_given_up 24
#define NR_no_failure_without_cause 25
#define NR_no_belief_without_device 26
#define NR_claims_are_journalled_first 27
#define NR_no_claim_is_left_open 28
#define NR_answers_are_true 29
#define NR_database_and_device_agree 30
#define NR_usage_is_what_is_claimed 31
#define NR_never_above_the_limit 32
#define NR_a_refusal_leaves_nothing 33
#define NR_the_host_needs_no_controller 34
#define NR_a_plugin_stays_on_the_host 35

/* --- the whole ---------------------------------------------------------- */

#ifndef LIVENESS
active proctype openstack()
{
    do
    MAY_VAN(build)
    :: api_back()
#endif
    MUST_VAN(call_plug)
    MUST_VAN(start_guest)
    MUST_VAN(request)
    MUST_VAN(send_claim)
    MUST_VAN_HANDLE(grant_claim)
    MUST_VAN(repeat_grant)
    MUST_VAN(refuse_claim)
    MUST_VAN(bind)
    MUST_VAN(give_up_claim)
    MUST_VAN(drop_answer)
    MUST_VAN(make_ready)
    MUST_VAN(return_prepare)
    MUST_VAN(return_prepare_plugged)
    MUST_VAN(raise_failed)
    MUST_VAN(cancel)
    MUST_VAN(plug)
    MUST_VAN(begin_attach)
    MUST_VAN(attach)
    MUST_VAN(plugged)
    MUST_VAN(plug_failed)
    MUST_VAN(return_plug)
    MUST_VAN(cannot_look)
    MUST_VAN(no_answer)
    MUST_VAN(settle_plugging)
    MUST_VAN(report)
    MUST_VAN(take_late_report)
    MUST0(compute_restart)
    MUST0(agent_restart)
#ifndef LIVENESS
    :: atomic { else -> assert(!(NR_no_deadlock) || at_rest) }
    od
}
#endif

active proctype fate()
{
    do
    MAY_VAN(fail_spawn)
    MAY_VAN(lose_claim)
    MAY_VAN(claim_times_out)
    MAY_VAN(fail_attach)
    MAY_VAN(fail_attached)
    MAY_VAN(time_out)
    MAY_VAN(lose_acknowledgement)
    MAY_VAN(delay_report)
    :: compute_crash()
    :: agent_crash()
    :: api_lost()
#ifdef LIVENESS
    MAY_VAN(build)
    :: api_back()
    :: d_step { true -> skip }  /* whatever may happen need not */
#else
    ALWAYS_VAN(one_owner_per_handle)
    ALWAYS_HANDLE(never_free_while_used)
    ALWAYS_HANDLE(never_offered_before_erased)
    ALWAYS(quota_is_exact)
    ALWAYS(one_user_per_isolation_group)
    ALWAYS_VAN(untouched_without_a_claim)
    ALWAYS_VAN(settled_means_at_rest)
    ALWAYS_VAN(no_entry_no_goal)
    ALWAYS_VAN(the_journal_is_ahead_of_the_deed)
    ALWAYS_VAN(what_is_settled_is_true)
    ALWAYS_VAN(touched_means_dirty)
    ALWAYS_VAN(failed_means_dirty)
    ALWAYS_HANDLE(used_means_touched)
    ALWAYS_VAN(work_touches)
    ALWAYS_VAN(only_what_is_given_up_is_erased)
    ALWAYS_VAN(acknowledged_means_recorded)
    ALWAYS_VAN(only_what_is_under_way_is_overtaken)
    ALWAYS_VAN(no_call_without_nova_compute)
    ALWAYS_VAN(no_work_without_the_agent)
    ALWAYS_VAN(calls_fit_the_instance)
    ALWAYS_VAN(the_goal_is_the_last_call_s)
    ALWAYS_VAN(success_is_true)
    ALWAYS_VAN(what_is_in_use_is_not_given_up)
    ALWAYS_VAN(no_failure_without_cause)
    ALWAYS_VAN(no_belief_without_device)
    ALWAYS_VAN(claims_are_journalled_first)
    ALWAYS_VAN(no_claim_is_left_open)
    ALWAYS_VAN(answers_are_true)
    ALWAYS_VAN(database_and_device_agree)
    ALWAYS(usage_is_what_is_claimed)
    ALWAYS(never_above_the_limit)
    ALWAYS_VAN(a_refusal_leaves_nothing)
    ALWAYS_VAN(the_host_needs_no_controller)
    ALWAYS_VAN(a_plugin_stays_on_the_host)
#endif
    od
}

#ifdef LIVENESS
/* --- what must come ----------------------------------------------------- */

#define ends(v) ([] (call[v] == PREPARE -> <> (call[v] != PREPARE)))
#define is_waiting(v) (call[v] == PREPARE || call[v] == PLUG)
#define is_left(v) (state[v] == RELEASED && claim[v] != NONE)
#define closed(v) ([] (is_left(v) -> <> (claim[v] == NONE || !api)))
#define told(v) ([] (is_waiting(v) -> <> (!is_waiting(v))))
#define is_wrong(v) \
    ((record[v] == PLUGGED && !is_attached(v)) || \
     ((record[v] == BOUND || record[v] == READY) && is_attached(v)))
#define put_right(v) ([] (is_wrong(v) -> <> (!is_wrong(v) || !api)))
#define unreported(v) (pending[v] && is_settled(v))
#define arrives(v) ([] (unreported(v) -> <> (!pending[v] || !api)))

/* A request ends: its VAN is bound, failed or released. */
ltl request_always_ends { CAT(A_, VANS)(&&, ends) }
/* The claim of a VAN that was given up comes to its end. */
ltl every_claim_is_closed { CAT(A_, VANS)(&&, closed) }
/* A call of nova-compute ends. */
ltl every_waiting_caller_is_told { CAT(A_, VANS)(&&, told) }
/* A record that is wrong about the attachment is put right, or comes true,
 * if the API is there. */
ltl database_catches_up { CAT(A_, VANS)(&&, put_right) }
/* A settled state is reported in the end, if the API is there. */
ltl every_report_arrives { CAT(A_, VANS)(&&, arrives) }
#endif
