/*
 * stein.attach once more, by hand, from what its actions and requirements
 * mean: the second opinion on models/cyborg_models/stein/attach.py.
 *
 * Whatever may happen is one atomic choice of one process, so that between
 * two steps the process stands where it stood, and a state of Spin is a
 * state of the model.  Things go wrong in a second process, which also
 * watches what must always hold.  So the first is blocked exactly where
 * nothing can happen but that something goes wrong: its "else" is the check
 * for deadlock.  (Spin's own, for invalid end states, would be content with
 * a state that nothing but a fault leads out of.)
 *
 * Left out is what cannot change in this model: its one host is up, the
 * controller can be reached, no user asks for an operation, and all faults
 * are enabled.  So are the states that only release leads to.
 */

/*
 * By hand: spin -o2 -o3 -DFAULTS=2 -a stein_attach.pml
 *          gcc -O2 -DNOREDUCE -DSAFETY -o pan pan.c && ./pan
 * -o2 keeps variables that are only written, as the model has them.  What
 * must come: add -DLIVENESS for spin, take -DNFAIR=32 for -DSAFETY, and run
 * ./pan -a -f -N <name>.  That is fair weakly to all; where the model asks
 * for strong fairness, it is to be compared with the model made weak.
 */

/* Settings */
#ifndef INSTANCES
#define INSTANCES 2
#endif
#ifndef EACH  /* ARQs of each instance */
#define EACH 1
#endif
#ifndef ARQS
#define ARQS 2
#endif
#if ARQS != INSTANCES * EACH
#error ARQS must be INSTANCES times EACH
#endif
#ifndef HANDLES
#define HANDLES 2
#endif
#ifndef INVENTORY  /* accelerators that Placement believes there are */
#define INVENTORY HANDLES
#endif
#ifndef QUOTA  /* enough */
#define QUOTA ARQS
#endif
#ifndef TWINS  /* 1: all builds are for one and the same instance */
#define TWINS 0
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#if ARQS > 6 || HANDLES > 6
#error at most 6 of a kind: each.pml has no longer lists
#endif

/* Defects; -DA1 switches one on */
#ifndef A1  /* that a handle is in use is never written */
#define A1 0
#endif
#ifndef A5  /* allocation works only if exactly one handle is free */
#define A5 0
#endif
#ifndef A6  /* one ARQ that is resolved stands for all */
#define A6 0
#endif
#ifndef A7  /* that there is no host yet fails a good bind */
#define A7 0
#endif
#ifndef A8  /* one event is sent for all ARQs of a profile */
#define A8 0
#endif
#ifndef A9  /* a failure is reported as a success */
#define A9 0
#endif
#ifndef A12  /* nobody looks for other ARQs of the instance */
#define A12 0
#endif
#ifndef A20  /* an event that came too early is missed for good */
#define A20 0
#endif
#ifndef B3  /* binds start before the request is validated */
#define B3 0
#endif
#ifndef B4  /* a bind fails alone, and without an event */
#define B4 0
#endif
#ifndef B4c  /* events are sent when all of a PATCH are Bound */
#define B4c 0
#endif
#ifndef B4d  /* B4, and what had not begun never does */
#define B4d 0
#endif
#ifndef B9  /* a time-out is silent */
#define B9 0
#endif
#ifndef B9b  /* a time-out ends nothing */
#define B9b 0
#endif
#ifndef B13  /* only the API looks for other ARQs of the instance */
#define B13 0
#endif
#ifndef B16  /* the handler of a failure fails, and writes nothing */
#define B16 0
#endif
#ifndef B17  /* a failure is not told */
#define B17 0
#endif
#ifndef B18  /* the quota is never compared */
#define B18 0
#endif
#ifndef B20  /* a conductor that starts sweeps nothing */
#define B20 0
#endif
#ifndef B21  /* for want of a handle the build fails before it is told */
#define B21 0
#endif
#ifndef B23  /* an ARQ that is resolved is taken for Bound */
#define B23 0
#endif
#ifndef P6b  /* a bind that has started is started again */
#define P6b 0
#endif
#ifndef P6e  /* a bind begun again fails what is bound, handle and all */
#define P6e 0
#endif
#ifndef crash  /* a crash comes between the two writes of a handle */
#define crash 0
#endif
#ifndef ODD  /* no known defect: this twin differs from the model */
#define ODD 0
#endif

#include "each.pml"

#define ANY_ARQ(p, ...) (CAT(A_, ARQS)(||, p, ##__VA_ARGS__))
#define HOW_MANY_ARQS(p, ...) (CAT(A_, ARQS)(+, p, ##__VA_ARGS__))
#define DO_ARQ(p) CAT(A_, ARQS)(;, p)
#define MUST_ARQ(step) CAT(A_, ARQS)(, MUST, step)
#define MAY_ARQ(step) CAT(A_, ARQS)(, MAY, step)
#define ALWAYS_ARQ(p) ALWAYS_EACH(CAT(A_, ARQS), p)

#define ANY_HANDLE(p, ...) (CAT(B_, HANDLES)(||, p, ##__VA_ARGS__))
#define HOW_MANY_HANDLES(p, ...) (CAT(B_, HANDLES)(+, p, ##__VA_ARGS__))
#define MUST_HANDLE(a, step) CAT(B_, HANDLES)(, MUST2, a, step)
#define MUST_ARQ_HANDLE(step) CAT(A_, ARQS)(, MUST_HANDLE, step)
#define ALWAYS_HANDLE(p) ALWAYS_EACH(CAT(B_, HANDLES), p)

#define ANY_INSTANCE(p, ...) (CAT(B_, INSTANCES)(||, p, ##__VA_ARGS__))
#define ALL_INSTANCES(p, ...) (CAT(B_, INSTANCES)(&&, p, ##__VA_ARGS__))
#define HOW_MANY_INSTANCES(p) (CAT(B_, INSTANCES)(+, p))
#define MUST_INSTANCE(step) CAT(B_, INSTANCES)(, MUST, step)
#define MAY_INSTANCE(step) CAT(B_, INSTANCES)(, MAY, step)
#define ALWAYS_INSTANCE(p) ALWAYS_EACH(CAT(B_, INSTANCES), p)

/* The ARQs of an instance are numbered in a row. */
#define instance_of(a) ((a) / EACH)
#define own(k, i, p, ...) p((i) * EACH + k, ##__VA_ARGS__)
#define ANY_OWN(i, p, ...) (CAT(C_, EACH)(||, own, i, p, ##__VA_ARGS__))
#define ALL_OWN(i, p, ...) (CAT(C_, EACH)(&&, own, i, p, ##__VA_ARGS__))
#define DO_OWN(i, p, ...) CAT(C_, EACH)(;, own, i, p, ##__VA_ARGS__)

mtype = {
    NONE,  /* no ARQ; no job; no event; an instance not asked for */
    INITIAL, BIND_STARTED, BOUND, BIND_FAILED,  /* an ARQ */
    CLAIMED, POSTED, ASKED, WAITING, SPAWNING, ACTIVE, FAILED, GONE, /* Nova */
    STARTED, TAKEN, READY,  /* the job of a bind in the conductor */
    SENT_OK, SENT_FAILED, MISSED, TOLD,  /* the event about an ARQ */
    LOST,  /* that event; or a job whose conductor crashed */
    FREE, IN_USE, CLEANING  /* a handle */
};

#define NO_HANDLE HANDLES
#define NOBODY INSTANCES

mtype nova[INSTANCES] = NONE;
bool claimed[INSTANCES];  /* in Placement, on the one host */
/* Cyborg's database */
mtype arq[ARQS] = NONE;
byte handle[ARQS] = NO_HANDLE;
bool charged[ARQS];
mtype use[HANDLES] = FREE;
/* under way */
bool asked[ARQS];
mtype job[ARQS] = NONE;
mtype notice[ARQS] = NONE;
/* on the host */
byte guest[HANDLES] = NOBODY;
bool dirty[HANDLES];
/* what may still go wrong */
byte faults = FAULTS;
/* every transition of an ARQ was allowed; every step was possible; some step
 * changed nothing */
bool lawful = true;
bool possible = true;
bool idled;

/* --- phrases ------------------------------------------------------------ */

#define is_naming(a) \
    (arq[a] == BIND_STARTED || arq[a] == BOUND || arq[a] == BIND_FAILED)
#define rival_names(a, i) (instance_of(a) != (i) && is_naming(a))
/* ARQs of another request name the same instance already. */
#define named_by_rivals(i) (TWINS && ANY_ARQ(rival_names, i))

#define has_claim(i) (claimed[i])
#define has_charge(a) (charged[a])
#define is_asked(a) (asked[a])
#define within_quota (HOW_MANY_ARQS(has_charge) + EACH <= QUOTA)

#define is_free(h) (use[h] == FREE)
/* A handle is free, on the host that the instance has claimed. */
#define suits(h, i) (is_free(h) && claimed[i])
#define some_suits(i) ANY_HANDLE(suits, i)

#define has_arq(a) (arq[a] != NONE)
#define failed(a) (arq[a] == BIND_FAILED)
#define goes_on(a) (arq[a] == BIND_STARTED || arq[a] == BOUND)
#define was_told(a) (notice[a] == TOLD)
#define was_lost(a) (notice[a] == LOST)
#define was_sent(a) (notice[a] == SENT_OK || notice[a] == SENT_FAILED)
#define has_job(a) (job[a] != NONE)
#define runs_job(a) (has_job(a) && job[a] != LOST)
#define has_guest(a) (handle[a] != NO_HANDLE \
                      && guest[handle[a]] == instance_of(a))
/* One bind of a PATCH failed, and another goes on or is Bound. */
#define half_failed(i) (ANY_OWN(i, failed) && ANY_OWN(i, goes_on))

/* An ARQ goes this way through its life. */
inline become(a, next)
{
    if
    :: next == INITIAL && arq[a] == NONE
    :: next == BIND_STARTED && arq[a] == INITIAL
    :: next == BOUND && arq[a] == BIND_STARTED
    :: next == BIND_FAILED && (arq[a] == BIND_STARTED || arq[a] == BOUND)
    :: else -> lawful = false
    fi;
    arq[a] = next
}

/* And Nova goes this way through a build. */
inline nova_becomes(i, next)
{
    if
    :: next == CLAIMED && nova[i] == NONE
    :: next == POSTED && nova[i] == CLAIMED
    :: next == ASKED && nova[i] == POSTED
    :: next == WAITING && nova[i] == ASKED
    :: next == SPAWNING && nova[i] == WAITING
    :: next == ACTIVE && nova[i] == SPAWNING
    :: next == FAILED && (nova[i] == CLAIMED || nova[i] == POSTED ||
                          nova[i] == ASKED || nova[i] == WAITING ||
                          nova[i] == SPAWNING)
    :: next == GONE && (nova[i] == POSTED || nova[i] == FAILED)
    :: else -> possible = false
    fi;
    nova[i] = next
}

/* The bind of an ARQ has failed: nothing is kept. */
inline drop_bind(a)
{
    become(a, BIND_FAILED);
    job[a] = NONE;
    if
    :: handle[a] != NO_HANDLE ->
        use[handle[a]] = CLEANING;
        handle[a] = NO_HANDLE
    :: else
    fi
}

/* And Nova is told. */
inline fail_bind(a)
{
    drop_bind(a);
    notice[a] = SENT_FAILED
}

/* --- Nova asks ---------------------------------------------------------- */

/* A new instance claims accelerators on a host that has room. */
inline claim(i)
{
    d_step {
        nova[i] == NONE &&
        (HOW_MANY_INSTANCES(has_claim) + 1) * EACH <= INVENTORY ->
        claimed[i] = true;
        nova_becomes(i, CLAIMED)
    }
}

#define create(a) become(a, INITIAL); charged[a] = true

/* With its claim, within quota, an instance gets its ARQs. */
inline post(i)
{
    d_step {
        nova[i] == CLAIMED && (B18 || within_quota) ->
        DO_OWN(i, create);
        nova_becomes(i, POSTED)
    }
}

/* A creation that would exceed the quota is refused. */
inline over_quota(i)
{
    d_step {
        nova[i] == CLAIMED && !within_quota ->
        nova_becomes(i, FAILED)
    }
}

#define request(a) asked[a] = true
#define withdraw(a) asked[a] = false

/* Created ARQs are bound in one PATCH, if no others are there. */
inline ask_bind(i)
{
    d_step {
        nova[i] == POSTED && (A12 || !named_by_rivals(i)) ->
        DO_OWN(i, request);
        nova_becomes(i, ASKED)
    }
}

/* A PATCH for an instance that has other ARQs is refused. */
inline refuse_bind(i)
{
    d_step {
        nova[i] == POSTED && named_by_rivals(i) ->
        nova_becomes(i, FAILED)
    }
}

/* nova-compute registers for events once the bind was asked for. */
inline register(i)
{
    d_step {
        nova[i] == ASKED && !(ODD && asked[(i) * EACH]) ->
        nova_becomes(i, WAITING)
    }
}

/* --- the conductor binds ------------------------------------------------ */

/* A requested bind starts from Initial, if no rival was faster. */
inline start_bind(a)
{
    d_step {
        asked[a] &&
        (arq[a] == INITIAL || (P6b && arq[a] == BIND_STARTED)) &&
        (A12 || B13 || !named_by_rivals(instance_of(a))) ->
        if
        :: P6b -> arq[a] = BIND_STARTED
        :: else -> become(a, BIND_STARTED)
        fi;
        asked[a] = false;
        job[a] = STARTED
    }
}

/* A bind is refused if another request was faster. */
inline refuse_start(a)
{
    d_step {
        asked[a] && named_by_rivals(instance_of(a)) && !A12 && !B13 ->
        DO_OWN(instance_of(a), withdraw);
        if
        :: nova[instance_of(a)] == ASKED || nova[instance_of(a)] == WAITING ->
            nova_becomes(instance_of(a), FAILED)
        :: else
        fi
    }
}

/* A request for an ARQ that cannot be bound changes nothing. */
inline ignore_request(a)
{
    d_step {
        asked[a] && arq[a] != INITIAL ->
        asked[a] = false;
        if
        :: P6e && goes_on(a) && !some_suits(instance_of(a)) ->
            become(a, BIND_FAILED);
            job[a] = NONE
        :: else
        fi
    }
}

/* A started bind takes a free handle that suits its instance. */
inline take(a, h)
{
    d_step {
        job[a] == STARTED && arq[a] == BIND_STARTED &&
        suits(h, instance_of(a)) &&
        (!A5 || HOW_MANY_HANDLES(is_free) == 1) ->
        if
        :: A1
        :: else -> use[h] = IN_USE
        fi;
        handle[a] = h;
        job[a] = TAKEN
    }
}

#define leave_out(b, a) \
    if \
    :: (b) != (a) -> asked[b] = false \
    :: else \
    fi

/* A started bind for which no handle suits fails. */
inline no_handle(a)
{
    d_step {
        job[a] == STARTED && arq[a] == BIND_STARTED &&
        (A5 -> HOW_MANY_HANDLES(is_free) != 1
            : !some_suits(instance_of(a))) ->
        if
        :: B4 || B4d ->
            become(a, BIND_FAILED);
            job[a] = NONE;
            nova[instance_of(a)] = FAILED;
            if
            :: B4d -> DO_OWN(instance_of(a), leave_out, a)
            :: else
            fi
        :: else ->
            fail_bind(a)
        fi;
        if
        :: A9 -> notice[a] = SENT_OK
        :: B21 -> nova[instance_of(a)] = FAILED
        :: else
        fi
    }
}

#define is_bound(a) (arq[a] == BOUND)
#define tell_bound(a) notice[a] = SENT_OK

/* A bind whose device has been prepared succeeds. */
inline bound(a)
{
    d_step {
        job[a] == READY && arq[a] == BIND_STARTED ->
        become(a, BOUND);
        job[a] = NONE;
        if
        :: A8 && (a) % EACH != 0
        :: B4c ->
            if
            :: ALL_OWN(instance_of(a), is_bound) ->
                DO_OWN(instance_of(a), tell_bound)
            :: else
            fi
        :: else -> notice[a] = SENT_OK
        fi
    }
}

/* A bind fails once another of the same PATCH has failed. */
inline fail_too(a)
{
    d_step {
        goes_on(a) && ANY_OWN(instance_of(a), failed) && !B4 && !B4d ->
        fail_bind(a)
    }
}

/* A conductor that starts fails what a crash left unfinished. */
inline sweep(a)
{
    d_step {
        job[a] == LOST && arq[a] == BIND_STARTED && !B20 ->
        fail_bind(a)
    }
}

/* A bind that has a handle has the device prepared. */
inline prepare(a)
{
    d_step {
        job[a] == TAKEN ->
        job[a] = READY
    }
}

/* --- Nova attaches ------------------------------------------------------ */

/* An event arrives; before nova-compute listens, it is missed. */
inline deliver(a)
{
    d_step {
        was_sent(a) ->
        if
        :: nova[instance_of(a)] != WAITING ->
            notice[a] = MISSED;
            if
            :: A7 && arq[a] == BOUND -> become(a, BIND_FAILED)
            :: else
            fi
        :: else ->
            if
            :: A7 && arq[a] != BOUND -> nova[instance_of(a)] = FAILED
            :: !A7 && notice[a] == SENT_FAILED ->
                nova_becomes(instance_of(a), FAILED)
            :: else
            fi;
            notice[a] = TOLD
        fi
    }
}

#define tell(a) notice[a] = TOLD

/* nova-compute reads the state of an ARQ whose event it missed. */
inline poll(a)
{
    d_step {
        notice[a] == MISSED && nova[instance_of(a)] == WAITING && !A20 ->
        if
        :: A6 -> DO_OWN(instance_of(a), tell)
        :: else -> tell(a)
        fi;
        if
        :: arq[a] == BOUND || B23
        :: else -> nova_becomes(instance_of(a), FAILED)
        fi
    }
}

#define give_device(a, i) \
    if \
    :: handle[a] != NO_HANDLE -> \
        guest[handle[a]] = i; \
        dirty[handle[a]] = true \
    :: else \
    fi

/* A guest is defined once Nova knows that all ARQs are Bound. */
inline attach(i)
{
    d_step {
        nova[i] == WAITING && ALL_OWN(i, was_told) ->
        DO_OWN(i, give_device, i);
        nova_becomes(i, SPAWNING)
    }
}

/* A guest that has been defined starts. */
inline start(i)
{
    d_step {
        nova[i] == SPAWNING ->
        nova_becomes(i, ACTIVE)
    }
}

/* A build fails when an event that was lost does not come. */
inline time_out(i)
{
    d_step {
        nova[i] == WAITING && ANY_OWN(i, was_lost) ->
        nova_becomes(i, FAILED)
    }
}

/* --- what goes wrong ---------------------------------------------------- */

/* A build may fail after its ARQs were created. */
inline fail_before_bind(i)
{
    d_step {
        faults > 0 && nova[i] == POSTED ->
        faults--;
        nova_becomes(i, FAILED)
    }
}

/* The answer that names new ARQs may get lost: Nova gives up. */
inline lose_created(i)
{
    d_step {
        faults > 0 && nova[i] == POSTED ->
        faults--;
        nova_becomes(i, GONE);
        claimed[i] = false
    }
}

/* A PATCH that names no known provider is refused as a whole. */
inline name_no_provider(i)
{
    d_step {
        faults > 0 && nova[i] == POSTED ->
        faults--;
        if
        :: B3 -> become((i) * EACH, BIND_STARTED)
        :: else
        fi;
        nova_becomes(i, FAILED)
    }
}

/* A bind request may get lost: Nova gets an error. */
inline lose_request(a)
{
    d_step {
        faults > 0 && asked[a] && nova[instance_of(a)] == ASKED ->
        faults--;
        asked[a] = false;
        nova_becomes(instance_of(a), FAILED)
    }
}

/* A bind request may be delivered twice. */
inline repeat_request(a)
{
    d_step {
        faults > 0 && has_job(a) && !asked[a] ->
        faults--;
        asked[a] = true
    }
}

/* The answer to a PATCH may get lost, while the bind goes on. */
inline lose_reply(i)
{
    d_step {
        faults > 0 && nova[i] == ASKED ->
        faults--;
        nova_becomes(i, FAILED)
    }
}

/* An event may get lost. */
inline lose_event(a)
{
    d_step {
        faults > 0 && was_sent(a) ->
        faults--;
        notice[a] = LOST
    }
}

/* Nova's time-out may pass while a bind goes on. */
inline give_up(i)
{
    d_step {
        faults > 0 && nova[i] == WAITING ->
        faults--;
        nova_becomes(i, FAILED)
    }
}

/* A build that a crash of nova-compute interrupts has failed. */
inline crash_compute(i)
{
    d_step {
        faults > 0 && (nova[i] == WAITING || nova[i] == SPAWNING) ->
        faults--;
        nova_becomes(i, FAILED)
    }
}

/* A guest that has been defined may not start. */
inline fail_spawn(i)
{
    d_step {
        faults > 0 && nova[i] == SPAWNING ->
        faults--;
        nova_becomes(i, FAILED)
    }
}

/* The device of a bind that has a handle cannot be prepared. */
inline prepare_fails(a)
{
    d_step {
        faults > 0 && job[a] == TAKEN ->
        faults--;
        if
        :: B16 -> job[a] = NONE
        :: B17 -> drop_bind(a)
        :: else -> fail_bind(a)
        fi
    }
}

/* A bind may take too long: it fails at once. */
inline bind_times_out(a)
{
    d_step {
        faults > 0 && arq[a] == BIND_STARTED ->
        faults--;
        if
        :: B9 ->
            if
            :: has_job(a) -> job[a] = NONE
            :: else -> idled = true
            fi
        :: B9b -> idled = true
        :: else -> fail_bind(a)
        fi
    }
}

#define lose_job(a) \
    if \
    :: has_job(a) -> job[a] = LOST \
    :: else \
    fi
#define started(a) (job[a] == STARTED)
#define mark(h) :: is_free(h) -> use[h] = IN_USE

/* A conductor may crash: every job that it runs is lost. */
inline crash_conductor()
{
    d_step {
        faults > 0 && ANY_ARQ(runs_job) &&
        (!crash || (ANY_ARQ(started) && ANY_HANDLE(is_free))) ->
        faults--;
        DO_ARQ(lose_job);
        if
        :: crash ->
            if  /* the first that is free */
            CAT(B_, HANDLES)(, mark)
            fi
        :: else
        fi
    }
}

/* --- what always holds -------------------------------------------------- */

/* No ARQ ever made a transition that is not allowed. */
#define state_matrix lawful

/* No step was taken that Nova's table forbids. */
#define nothing_impossible possible

/* Each step, and each fault, changes something.  It does what leaves its own
 * guard behind; only a time-out in silence (B9, B9b) may find nothing to stop.
 */
#define no_idle_step (!idled)

#define names(a, h) (handle[a] == h)

/* No two ARQs name the same handle. */
#define one_owner_per_handle(h) (HOW_MANY_ARQS(names, h) <= 1)

/* A handle is in use exactly while an ARQ names it. */
#define in_use_means_named(h) ((use[h] == IN_USE) == ANY_ARQ(names, h))

#define asks_for_it(i) ANY_OWN(i, is_naming)

/* ARQs of different requests never name the same instance. */
#define one_request_per_instance \
    (!TWINS || HOW_MANY_INSTANCES(asks_for_it) <= 1)

/* A bind that has started has a job, or is found by the sweep. */
#define somebody_binds(a) (arq[a] != BIND_STARTED || has_job(a))

/* An ARQ whose bind failed has no handle. */
#define failed_releases(a) (!failed(a) || handle[a] == NO_HANDLE)

/* An ARQ that is Initial, or not there, has no handle. */
#define unbound_releases(a) \
    ((arq[a] != INITIAL && has_arq(a)) || handle[a] == NO_HANDLE)

/* A Bound ARQ has a handle. */
#define bound_has_handle(a) (arq[a] != BOUND || handle[a] != NO_HANDLE)

/* The project never has more ARQs than its quota. */
#define quota_is_kept (HOW_MANY_ARQS(has_charge) <= QUOTA)

/* An ARQ is charged exactly while it exists. */
#define charged_while_it_exists(a) (charged[a] == has_arq(a))

/* While Nova waits for the binds, all ARQs of an instance exist. */
#define created_together(i) \
    ((nova[i] != POSTED && nova[i] != WAITING) || ALL_OWN(i, has_arq))

/* Placement never grants more claims than the host has room for. */
#define claims_fit (HOW_MANY_INSTANCES(has_claim) * EACH <= INVENTORY)

/* An instance has a claim exactly while Nova is busy with it. */
#define claim_while_busy(i) \
    (claimed[i] == (nova[i] != NONE && nova[i] != GONE))

#define told_the_truth(a) (was_told(a) && arq[a] == BOUND)

/* A guest starts when Nova knows that all its ARQs are Bound. */
#define starts_when_told(i) \
    (nova[i] != SPAWNING || ALL_OWN(i, told_the_truth))

/* While Nova waits, the event about a bind that ended is under way. */
#define somebody_tells(a) \
    (nova[instance_of(a)] != WAITING || notice[a] != NONE \
     || (arq[a] != BOUND && !failed(a)))

/* A running instance has the device of each of its ARQs. */
#define no_belief_without_device(i) \
    (nova[i] != ACTIVE || ALL_OWN(i, has_guest))

#define may_fail (faults < FAULTS || TWINS || HANDLES < ARQS)

/* Without a fault, with handles enough, no bind fails. */
#define no_failure_without_cause (may_fail || !ANY_ARQ(failed))

/* Then an ARQ whose event Nova could not use yet is Bound, as it said. */
#define no_answer_fails_a_bind(a) \
    (may_fail || notice[a] != MISSED || arq[a] == BOUND)

/* While Nova builds or has an instance, each handle is where it claimed. */
#define taken_where_it_was_claimed(a) \
    (handle[a] == NO_HANDLE \
     || (nova[instance_of(a)] != CLAIMED && nova[instance_of(a)] != POSTED \
         && nova[instance_of(a)] != ASKED \
         && nova[instance_of(a)] != WAITING \
         && nova[instance_of(a)] != SPAWNING \
         && nova[instance_of(a)] != ACTIVE) \
     || claimed[instance_of(a)])

/* Without a fault, a build fails when a bind did or was refused. */
#define failed_for_a_reason(i) \
    (nova[i] != FAILED || faults < FAULTS || ANY_OWN(i, failed) \
     || named_by_rivals(i) || (!ANY_OWN(i, has_arq) && !within_quota))

#define may_rest(i) \
    ((nova[i] == NONE || nova[i] == ACTIVE || nova[i] == FAILED \
      || nova[i] == GONE) && !half_failed(i))

/* Each instance runs, or failed, or was never asked for. */
#define at_rest \
    (ALL_INSTANCES(may_rest) && !ANY_ARQ(is_asked) && !ANY_ARQ(has_job) \
     && !ANY_ARQ(was_sent))

/* The numbers by which Spin names them. */
#define NR_no_deadlock 1
#define NR_state_matrix 2
#define NR_nothing_impossible 3
#define NR_no_idle_step 4
#define NR_one_owner_per_handle 5
#define NR_in_use_means_named 6
#define NR_one_request_per_instance 7
#define NR_somebody_binds 8
#define NR_failed_releases 9
#define NR_unbound_releases 10
#define NR_bound_has_handle 11
#define NR_quota_is_kept 12
#define NR_charged_while_it_exists 13
#define NR_created_together 14
#define NR_claims_fit 15
#define NR_claim_while_busy 16
#define NR_starts_when_told 17
#define NR_somebody_tells 18
#define NR_no_belief_without_device 19
#define NR_no_failure_without_cause 20
#define NR_failed_for_a_reason 21
#define NR_no_answer_fails_a_bind 22
#define NR_taken_where_it_was_claimed 23

/* --- the whole ---------------------------------------------------------- */

#ifndef LIVENESS
active proctype openstack()
{
    do
    MAY_INSTANCE(claim)
#endif
    MUST_INSTANCE(post)
    MUST_INSTANCE(over_quota)
    MUST_INSTANCE(ask_bind)
    MUST_INSTANCE(refuse_bind)
    MUST_INSTANCE(register)
    MUST_ARQ(start_bind)
    MUST_ARQ(refuse_start)
    MUST_ARQ(ignore_request)
    MUST_ARQ_HANDLE(take)
    MUST_ARQ(no_handle)
    MUST_ARQ(bound)
    MUST_ARQ(fail_too)
    MUST_ARQ(sweep)
    MUST_ARQ(prepare)
    MUST_ARQ(deliver)
    MUST_ARQ(poll)
    MUST_INSTANCE(attach)
    MUST_INSTANCE(start)
    MUST_INSTANCE(time_out)
#ifndef LIVENESS
    :: atomic { else -> assert(!(NR_no_deadlock) || at_rest) }
    od
}
#endif

active proctype fate()
{
    do
    MAY_INSTANCE(fail_before_bind)
    MAY_INSTANCE(lose_created)
    MAY_INSTANCE(name_no_provider)
    MAY_ARQ(lose_request)
    MAY_ARQ(repeat_request)
    MAY_INSTANCE(lose_reply)
    MAY_ARQ(lose_event)
    MAY_INSTANCE(give_up)
    MAY_INSTANCE(crash_compute)
    MAY_INSTANCE(fail_spawn)
    MAY_ARQ(prepare_fails)
    MAY_ARQ(bind_times_out)
    :: crash_conductor()
#ifdef LIVENESS
    MAY_INSTANCE(claim)
    :: d_step { true -> skip }  /* whatever may happen need not */
#else
    ALWAYS(state_matrix)
    ALWAYS(nothing_impossible)
    ALWAYS(no_idle_step)
    ALWAYS_HANDLE(one_owner_per_handle)
    ALWAYS_HANDLE(in_use_means_named)
    ALWAYS(one_request_per_instance)
    ALWAYS_ARQ(somebody_binds)
    ALWAYS_ARQ(failed_releases)
    ALWAYS_ARQ(unbound_releases)
    ALWAYS_ARQ(bound_has_handle)
    ALWAYS(quota_is_kept)
    ALWAYS_ARQ(charged_while_it_exists)
    ALWAYS_INSTANCE(created_together)
    ALWAYS(claims_fit)
    ALWAYS_INSTANCE(claim_while_busy)
    ALWAYS_INSTANCE(starts_when_told)
    ALWAYS_ARQ(somebody_tells)
    ALWAYS_INSTANCE(no_belief_without_device)
    ALWAYS(no_failure_without_cause)
    ALWAYS_INSTANCE(failed_for_a_reason)
    ALWAYS_ARQ(no_answer_fails_a_bind)
    ALWAYS_ARQ(taken_where_it_was_claimed)
#endif
    od
}

#ifdef LIVENESS
/* --- what must come ----------------------------------------------------- */

#define ends(a) ([] (arq[a] == BIND_STARTED -> <> (arq[a] != BIND_STARTED)))
#define answered(a) ([] (asked[a] -> <> (!asked[a])))
#define dealt_with(a) ([] (was_sent(a) -> <> (!was_sent(a))))
#define whole(i) ([] (half_failed(i) -> <> (!half_failed(i))))
#define building(i) \
    (nova[i] == CLAIMED || nova[i] == POSTED || nova[i] == ASKED \
     || nova[i] == WAITING || nova[i] == SPAWNING)
#define built(i) ([] (building(i) -> <> (!building(i))))
#define listens(i) (nova[i] == ASKED || nova[i] == WAITING)
#define told(i) ([] (listens(i) -> <> (!listens(i))))

/* A bind request is taken up, refused or ignored. */
ltl every_request_is_answered { CAT(A_, ARQS)(&&, answered) }
/* A bind that has started ends. */
ltl bind_always_ends { CAT(A_, ARQS)(&&, ends) }
/* Once a bind failed, no other of the same PATCH stays Bound. */
ltl failed_releases_all { CAT(B_, INSTANCES)(&&, whole) }
/* An event that was sent arrives, is missed, or is lost. */
ltl every_event_is_dealt_with { CAT(A_, ARQS)(&&, dealt_with) }
/* A build ends: the instance runs, or Nova gives it up. */
ltl every_build_ends { CAT(B_, INSTANCES)(&&, built) }
/* Nova does not wait for ever. */
ltl every_waiting_caller_is_told { CAT(B_, INSTANCES)(&&, told) }
#endif
