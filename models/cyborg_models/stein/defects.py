"""What shipped software does wrong, each as a change to one or more actions.

A defect drops or alters guards and effects of actions; it adds nothing that
is checked.  The names are those of the facts that were collected about
Cyborg and Nova: ``A`` was mended upstream, ``B`` is in Cyborg 17.0.0 or in
Nova still, ``P`` and ``Q`` were found by running it, as were ``crash``,
``power`` and ``running``.
"""

from cyborg_models.kernel.language import when
from cyborg_models.stein.vocabulary import (
    GIVEN_UP,
    LEAVING,
    Arq,
    Job,
    Logic,
    Notice,
    Nova,
    Use,
    Work,
    ask,
    become,
    fail_bind,
    release_handle,
    remove_row,
    strike,
)

ENDING = (Nova.FAILED, Nova.DELETING, Nova.ABANDONING)
UNTOLD = 's.notice[arq] = Notice.SENT_FAILED'


def declare(scene):
    """Declare the defects of all the actions that *scene* has."""
    of_requests(scene)
    of_handles(scene)
    of_failures(scene)
    of_events(scene)
    of_programming(scene)
    of_release(scene)
    of_reports(scene)


def of_requests(scene):
    """More is started than should be."""

    scene.defect('B18', of='post', without='ARQ-004', doc=(
        'The quota is counted, and never compared with a limit.'))

    scene.defect('B18', of='remove', without='s.charged[arq] = False',
                 doc='Quota that was charged is never given back.')

    scene.defect('A12', of='ask_bind', without='ARQ-012', doc=(
        'Nobody looks for other ARQs of the instance.'))

    for name in ('A12', 'B13'):
        scene.defect(name, of='start_bind', without='ARQ-012', doc=(
            'The conductor relies on what the API saw before.'))

    @scene.defect('A12', of='refuse_start')
    @scene.defect('B13', of='refuse_start')
    def never_refuse(s, arq):
        """The conductor refuses no instance."""
        when(False, 'ARQ-012')

    @scene.defect('P6b', of='start_bind')
    def start_again(s, arq):
        """The state is set by a query whose row count nobody reads."""
        when(s.asked[arq], 'ARQ-010')
        when(s.arq[arq] in (Arq.INITIAL, Arq.UNBOUND, Arq.BIND_STARTED),
             'ARQ-011')
        s.arq[arq] = Arq.BIND_STARTED
        s.asked[arq] = False
        s.job[arq] = Job.STARTED

    @scene.defect('P6b', of='rebind')
    def ask_again(s, arq):
        """So it is with a bind that an operator asks for again."""
        when(s.arq[arq] in (Arq.UNBOUND, Arq.BIND_STARTED), 'ARQ-011')
        when(not s.asked[arq], 'ARQ-010')
        ask(s)
        s.asked[arq] = True

    @scene.defect('P6e', of='ignore_request')
    def fail_what_is_bound(s, arq):
        """A bind begun twice fails for want of a second handle, whatever
        became of it meanwhile, and keeps the first."""
        when(s.asked[arq], 'ARQ-010')
        when(s.arq[arq] not in (Arq.INITIAL, Arq.UNBOUND), 'ARQ-024')
        s.asked[arq] = False
        if s.arq[arq] in (Arq.BIND_STARTED, Arq.BOUND) and (
                scene.none_suits(s, arq)):
            become(s, arq, Arq.BIND_FAILED)
            s.job[arq] = Job.NONE

    @scene.defect('B3', of='name_no_provider')
    def start_before_validation(s, instance):
        """BindStarted is written before the provider is looked up: to the
        first ARQ, where it ends."""
        when(s.nova[instance] is Nova.POSTED, 'ARQ-019')
        strike(s)
        become(s, scene.arqs_of(instance)[0], Arq.BIND_STARTED)
        s.nova[instance] = Nova.FAILED


def of_handles(scene):
    """Handles are taken without being marked, or marked and not named."""

    scene.defect('A1', of='take', without='s.use[handle] = Use.IN_USE',
                 doc='That a handle is in use is never written.')

    @scene.defect('A5', of='take')
    def take_the_only_one(s, arq, handle):
        """Allocation works only if exactly one handle is free."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'HANDLE-010')
        when(scene.suits(s, handle, scene.instance_of(arq)), 'HANDLE-010')
        when(s.use.count(Use.FREE) == 1, 'HANDLE-010')
        s.use[handle] = Use.IN_USE
        scene.name_handle(s, arq, handle)

    @scene.defect('A5', of='no_handle')
    def two_are_none(s, arq):
        """Two free handles are taken for an error."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-015')
        when(s.use.count(Use.FREE) != 1, 'HANDLE-011')
        fail_bind(s, arq)

    @scene.defect('provider', of='take')
    def take_anywhere(s, arq, handle):
        """Any free handle is taken, whoever's host it is on."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'HANDLE-010')
        when(s.use[handle] is Use.FREE, 'HANDLE-010')
        when(scene.region_serves(s, handle, scene.instance_of(arq)),
             'HANDLE-010')
        when(not scene.maintenance or not s.serviced[handle], 'HANDLE-014')
        s.use[handle] = Use.IN_USE
        scene.name_handle(s, arq, handle)

    if scene.maintenance:
        @scene.defect('P18', of='take')
        def take_in_maintenance(s, arq, handle):
            """A device in maintenance is bound like any other."""
            when(s.job[arq] is Job.STARTED, 'HANDLE-010')
            when(s.arq[arq] is Arq.BIND_STARTED, 'HANDLE-010')
            when(s.use[handle] is Use.FREE, 'HANDLE-010')
            when(s.claim[scene.instance_of(arq)] == scene.host_of(handle),
                 'HANDLE-013')
            s.use[handle] = Use.IN_USE
            scene.name_handle(s, arq, handle)

    @scene.defect('B21', of='take')
    @scene.defect('B7', of='take')
    def take_for_a_row_that_went(s, arq, handle):
        """The row goes after its handle is taken, before it is named."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] in (Arq.BIND_STARTED, Arq.ABSENT), 'HANDLE-010')
        when(scene.suits(s, handle, scene.instance_of(arq))
             or s.arq[arq] is Arq.ABSENT and s.use[handle] is Use.FREE,
             'HANDLE-010')
        s.use[handle] = Use.IN_USE
        if s.arq[arq] is Arq.ABSENT:
            s.job[arq] = Job.NONE  # the worker dies
        else:
            scene.name_handle(s, arq, handle)

    @scene.defect('crash', of='crash_conductor')
    def crash_between_two_writes(s):
        """A crash comes after a handle was marked, before it was named."""
        when(s.job.any(Job.STARTED), 'ARQ-090')
        when(s.use.any(Use.FREE), 'ARQ-090')
        strike(s)
        for arq in scene.arq:
            if s.job[arq] is not Job.NONE:
                s.job[arq] = Job.LOST
        s.use[s.use.find(Use.FREE)] = Use.IN_USE

    scene.defect('A2', of='unbind', without='s.handle[arq] = None',
                 doc='The row goes on naming the handle that was released.')


def of_failures(scene):
    """A bind that fails does so by half, or in silence."""

    @scene.defect('B4', of='no_handle')
    def fail_this_one_only(s, arq):
        """The caller gets an error, and no event is sent."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-015')
        when(scene.none_suits(s, arq), 'HANDLE-011')
        become(s, arq, Arq.BIND_FAILED)
        s.job[arq] = Job.NONE
        s.nova[scene.instance_of(arq)] = Nova.FAILED

    @scene.defect('B4d', of='no_handle')
    def leave_the_loop(s, arq):
        """The ARQs of the PATCH that had not begun never do."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-015')
        when(scene.none_suits(s, arq), 'HANDLE-011')
        become(s, arq, Arq.BIND_FAILED)
        s.job[arq] = Job.NONE
        for each in scene.siblings(arq):
            s.asked[each] = False
        s.nova[scene.instance_of(arq)] = Nova.FAILED

    @scene.defect('B4d', of='fail_too')
    @scene.defect('B4', of='fail_too')
    def fail_alone(s, arq):
        """The exception leaves the loop: the others stay as they are."""
        when(False, 'ARQ-017')

    @scene.defect('B21', of='no_handle')
    def tell_only_the_caller(s, arq):
        """Nova gets an error at once, while other jobs run on."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-015')
        when(scene.none_suits(s, arq), 'HANDLE-011')
        fail_bind(s, arq)
        s.nova[scene.instance_of(arq)] = Nova.FAILED

    @scene.defect('A9', of='no_handle')
    def failure_reported_as_success(s, arq):
        """BindFailed is compared with the wrong constant."""
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-015')
        when(scene.none_suits(s, arq), 'HANDLE-011')
        fail_bind(s, arq)
        s.notice[arq] = Notice.SENT_OK

    @scene.defect('B9', of='bind_times_out')
    def time_out_in_silence(s, arq):
        """The time-out raises on BindStarted: no event, no new state."""
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-023')
        strike(s)
        s.job[arq] = Job.NONE

    @scene.defect('B9b', of='bind_times_out')
    def time_out_unnoticed(s, arq):
        """Nothing of the bind ends with its time-out: it may succeed later.
        """
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-023')
        strike(s)

    @scene.defect('B20', of='sweep')
    def never_sweep(s, arq):
        """A conductor that starts looks at no row."""
        when(False, 'ARQ-022')

    @scene.defect('B16', of='prepare_fails')
    def handler_fails_too(s, arq):
        """The error handler raises, and no state is written."""
        when(s.job[arq] is Job.TAKEN, 'PROGBIND-001')
        strike(s)
        s.job[arq] = Job.NONE

    scene.defect('B17', of='prepare_fails', without=UNTOLD, doc=(
        'The ARQ ends BindFailed, and no event is sent.'))


def of_events(scene):
    """Nova is not told, or does not listen."""

    @scene.defect('A8', of='bound')
    def one_event_for_all(s, arq):
        """One event stands for all ARQs of a device profile."""
        when(s.job[arq] is Job.READY, 'PROGBIND-001')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-020')
        become(s, arq, Arq.BOUND)
        s.job[arq] = Job.NONE
        if arq == scene.arqs_of(scene.instance_of(arq))[0]:
            s.notice[arq] = Notice.SENT_OK

    @scene.defect('B4c', of='bound')
    def tell_when_all_are_bound(s, arq):
        """Events are sent when all ARQs of a PATCH are Bound, or never."""
        when(s.job[arq] is Job.READY, 'PROGBIND-001')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-020')
        become(s, arq, Arq.BOUND)
        s.job[arq] = Job.NONE
        if scene.all_bound(s, scene.instance_of(arq)):
            for each in scene.arqs_of(scene.instance_of(arq)):
                s.notice[each] = Notice.SENT_OK

    @scene.defect('A7', of='deliver')
    def no_host_yet_is_failure(s, arq):
        """Nova's answer that it has no host yet fails a good bind."""
        when(s.notice[arq] in (Notice.SENT_OK, Notice.SENT_FAILED),
             'ARQ-030')
        if s.nova[scene.instance_of(arq)] is not Nova.WAITING:
            s.notice[arq] = Notice.MISSED
            if s.arq[arq] is Arq.BOUND:
                become(s, arq, Arq.BIND_FAILED)
            return
        s.notice[arq] = Notice.TOLD
        if s.arq[arq] is not Arq.BOUND:
            s.nova[scene.instance_of(arq)] = Nova.FAILED

    @scene.defect('A20', of='poll')
    def never_poll(s, arq):
        """An event that came too early is missed for good."""
        when(False, 'ARQ-032')

    scene.defect('B23', of='poll', without='s.nova[instance] = state',
                 doc='An ARQ that is resolved is taken for Bound.')

    @scene.defect('A6', of='poll')
    def one_stands_for_all(s, arq):
        """A list with one ARQ resolved is taken for complete."""
        when(s.notice[arq] is Notice.MISSED, 'ARQ-032')
        when(s.nova[scene.instance_of(arq)] is Nova.WAITING, 'ARQ-032')
        when(s.reachable, 'ARQ-092')
        for each in scene.arqs_of(scene.instance_of(arq)):
            s.notice[each] = Notice.TOLD
        if s.arq[arq] is not Arq.BOUND:
            s.nova[scene.instance_of(arq)] = Nova.FAILED

    for action in ('start', 'restarted'):
        scene.defect('B23', of=action, without='ARQ-081', doc=(
            'ARQs without a handle are left out when the guest starts '
            'again.'))


def of_programming(scene):
    """The record of a region and its content differ."""

    @scene.defect('B6', of='not_programmed')
    def ignore_the_result(s, arq):
        """The driver's failure is not looked at."""
        when(scene.answer(s, arq) is Work.FAILED, 'PROGBIND-015')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        when(s.reachable, 'ARQ-092')
        region = scene.region_for(s, arq)
        s.recorded[region] = s.target[region]
        s.work[region] = Work.IDLE
        s.job[arq] = Job.READY

    @scene.defect('B2', of='not_programmed')
    def fail_with_handle(s, arq):
        """An ARQ whose mediated device failed keeps its handle."""
        when(scene.answer(s, arq) is Work.FAILED, 'PROGBIND-015')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        when(s.reachable, 'ARQ-092')
        region = scene.region_for(s, arq)
        s.work[region] = Work.IDLE
        become(s, arq, Arq.BIND_FAILED)
        s.job[arq] = Job.NONE
        s.notice[arq] = Notice.SENT_FAILED

    @scene.defect('B2', of='remove')
    def remove_only_what_is_whole(s, arq):
        """To remove a mediated device that is not there is an error."""
        when(s.arq[arq] is Arq.DELETING, 'ARQ-061')
        when(s.job[arq] is Job.NONE, 'ARQ-062')
        if s.handle[arq] is not None:
            handle = s.handle[arq]
            when(scene.plain(handle) or s.loaded[scene.region_of(handle)]
                 is scene.wanted(handle, scene.instance_of(arq)), 'ARQ-061')
        release_handle(s, arq)
        remove_row(s, arq)

    @scene.defect('B27', of='choose')
    def find_no_driver(s, arq, handle):
        """The driver's name is compared in another case: none is found."""
        when(s.job[arq] is Job.TAKEN, 'HANDLE-010')
        when(s.handle[arq] == handle, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        when(s.reachable, 'ARQ-092')
        fail_bind(s, arq)

    @scene.defect('Q22', of='choose')
    def write_first(s, arq, handle):
        """A region is written for an ARQ that has no handle yet."""
        when(scene.suits(s, handle, scene.instance_of(arq)), 'HANDLE-010')
        ask_without_handle(s, arq, handle)

    @scene.defect('Q23', of='choose')
    def write_under_another(s, arq, handle):
        """It is written although another user has a handle of it."""
        when(s.use[handle] is Use.FREE, 'HANDLE-010')
        when(s.claim[scene.instance_of(arq)] == scene.host_of(handle),
             'HANDLE-013')
        when(s.work[scene.region_of(handle)] is Work.IDLE, 'PROGBIND-020')
        ask_without_handle(s, arq, handle)

    def ask_without_handle(s, arq, handle):
        when(s.job[arq] is Job.STARTED, 'HANDLE-010')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        when(scene.region_of(handle) == scene.region_for(s, arq),
             'HANDLE-010')
        when(scene.takes_time(s, handle, scene.instance_of(arq)),
             'PROGBIND-018')
        when(s.reachable, 'ARQ-092')
        s.job[arq] = Job.ASKED
        scene.begin(s, arq, handle)

    @scene.defect('Q22', of='record')
    @scene.defect('Q23', of='record')
    def then_take_a_handle(s, arq):
        """A handle is taken when the write has ended."""
        when(scene.answer(s, arq) is Work.DONE, 'PROGBIND-016')
        when(s.reachable, 'ARQ-092')
        region = scene.region_for(s, arq)
        s.recorded[region] = s.target[region]
        s.work[region] = Work.IDLE
        s.job[arq] = Job.STARTED if s.handle[arq] is None else Job.READY

    @scene.defect('Q22', of='not_programmed')
    @scene.defect('Q23', of='not_programmed')
    def nothing_to_erase(s, arq):
        """There is no handle whose release would have the region erased."""
        when(scene.answer(s, arq) is Work.FAILED, 'PROGBIND-015')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        when(s.reachable, 'ARQ-092')
        s.work[scene.region_for(s, arq)] = Work.IDLE
        fail_bind(s, arq)

    scene.defect('Q2', of='validate', doc=(
        'Any file is accepted as a bitstream.'),
        without='s.image[region] is s.target[region]')

    @scene.defect('Q2', of='verify')
    def believe_the_driver(s, region):
        """Nothing is read back."""
        when(s.work[region] is Work.WRITTEN, 'PROGBIND-015')
        s.work[region] = Work.DONE

    @scene.defect('B22', of='program')
    def program_in_use(s, region):
        """Whether handles of the region are in use is not asked."""
        when(not s.job.any(Job.TAKEN, Job.ASKED), 'PROGBIND-022')
        when(s.work[region] is Work.IDLE, 'PROGBIND-020')
        when(scene.agent_is_up(s, region), 'ARQ-092')
        when(s.reachable, 'ARQ-092')
        s.target[region] = Logic.FIRST
        s.work[region] = Work.ASKED

    @scene.defect('B22', of='record_region')
    def record_nothing(s, region):
        """The new content of the region is not recorded."""
        when(s.work[region] in (Work.DONE, Work.FAILED), 'PROGBIND-016')
        when(not s.job.any(Job.ASKED), 'PROGBIND-016')
        when(s.reachable, 'ARQ-092')
        s.work[region] = Work.IDLE

    @scene.defect('B16', of='refuse_trait')
    def handler_raises(s, arq):
        """The error handler raises after the region was written."""
        when(scene.answer(s, arq) is Work.DONE, 'PROGBIND-016')
        when(s.arq[arq] is Arq.BIND_STARTED, 'ARQ-062')
        when(s.reachable, 'ARQ-092')
        strike(s)
        s.work[scene.region_for(s, arq)] = Work.IDLE
        s.job[arq] = Job.NONE

    scene.defect('B17', of='no_bitstream', without=UNTOLD, doc=(
        'The ARQ ends BindFailed, and no event is sent.'))

    @scene.defect('Q8', of='no_bitstream')
    def job_dies(s, arq):
        """A function that Glance does not know kills the job."""
        when(s.arq[arq] is Arq.BIND_STARTED, 'PROGBIND-019')
        strike(s)
        s.job[arq] = Job.NONE


def of_release(scene):
    """Something is not released, or too soon."""

    @scene.defect('A19', of='delete_arq')
    def keep_what_failed(s, arq):
        """The ARQs of a build that failed are not deleted."""
        when(s.nova[scene.instance_of(arq)] in (Nova.DELETING, *GIVEN_UP),
             'ARQ-066')
        when(s.arq[arq] not in (Arq.ABSENT, Arq.DELETING), 'ARQ-061')
        when(scene.guest_is_gone(s, arq), 'ARQ-060')
        when(s.reachable, 'ARQ-092')
        become(s, arq, Arq.DELETING)

    @scene.defect('A19', of='free_claim')
    def free_at_once(s, instance):
        """The claim of a build that failed is freed all the same."""
        when(s.nova[instance] in ENDING, 'ARQ-066')
        when(s.nova[instance] is Nova.FAILED
             or scene.no_rows(s, instance), 'ARQ-066')
        s.claim[instance] = None
        s.nova[instance] = Nova.GONE

    @scene.defect('A15', of='delete_arq')
    def stop_at_the_first_missing(s, arq):
        """One ARQ that is missing stops the deletion of the others."""
        when(s.nova[scene.instance_of(arq)] in LEAVING, 'ARQ-066')
        when(s.arq[arq] not in (Arq.ABSENT, Arq.DELETING), 'ARQ-061')
        when(scene.guest_is_gone(s, arq), 'ARQ-060')
        when(s.reachable, 'ARQ-092')
        when(all(s.arq[other] is not Arq.ABSENT
                 for other in scene.siblings(arq)), 'ARQ-061')
        become(s, arq, Arq.DELETING)

    @scene.defect('B24', of='free_claim')
    def log_and_go_on(s, instance):
        """Cyborg cannot be reached: the error is logged, no more."""
        when(s.nova[instance] in ENDING, 'ARQ-066')
        when(not s.reachable or scene.no_rows(s, instance), 'ARQ-066')
        s.claim[instance] = None
        s.nova[instance] = Nova.GONE

    @scene.defect('B25', of='delete_arq')
    def delete_by_instance(s, arq):
        """Only ARQs whose rows name the instance are found."""
        when(s.nova[scene.instance_of(arq)] in LEAVING, 'ARQ-066')
        when(s.arq[arq] not in (Arq.INITIAL, Arq.UNBOUND, Arq.ABSENT,
                                Arq.DELETING), 'ARQ-061')
        when(scene.guest_is_gone(s, arq), 'ARQ-060')
        when(s.reachable, 'ARQ-092')
        become(s, arq, Arq.DELETING)

    @scene.defect('B25', of='free_claim')
    def free_when_none_is_found(s, instance):
        """No row names the instance, so none is taken to be left."""
        when(s.nova[instance] in ENDING, 'ARQ-066')
        when(all(s.arq[arq] in (Arq.INITIAL, Arq.UNBOUND, Arq.ABSENT)
                 for arq in scene.arqs_of(instance)), 'ARQ-066')
        s.claim[instance] = None
        s.nova[instance] = Nova.GONE

    @scene.defect('B25', of='expire')
    def never_expire(s, arq):
        """Nobody looks for ARQs that were never bound."""
        when(False, 'ARQ-006')

    for name in ('B7', 'B21'):
        scene.defect(name, of='remove', without='ARQ-062', doc=(
            'The row goes while the job of its bind runs on.'))

    @scene.defect('B21', of='cancel')
    @scene.defect('B7', of='cancel')
    def never_cancel(s, arq):
        """A deletion does not stop a bind."""
        when(False, 'ARQ-062')

    @scene.defect('B26', of='remove')
    def free_a_dead_host(s, arq):
        """The handle on a host that is down is free at once."""
        when(s.arq[arq] is Arq.DELETING, 'ARQ-061')
        when(s.job[arq] is Job.NONE, 'ARQ-062')
        handle = s.handle[arq]
        release_handle(s, arq)
        if handle is not None and not s.up[scene.host_of(handle)]:
            s.use[handle] = Use.FREE
        remove_row(s, arq)

    @scene.defect('P4', of='unbind')
    def unbind_in_any_state(s, arq):
        """An ARQ is unbound whatever its state, and whatever Nova does."""
        when(s.arq[arq] not in (Arq.ABSENT, Arq.DELETING), 'ARQ-020')
        ask(s)
        become(s, arq, Arq.UNBOUND)
        release_handle(s, arq)

    if 'unbind' in scene.model.actions:
        @scene.defect('P4', of='take')
        def take_without_claim(s, arq, handle):
            """It is bound again although Nova has no claim any more."""
            when(s.job[arq] is Job.STARTED, 'HANDLE-010')
            when(s.arq[arq] is Arq.BIND_STARTED, 'HANDLE-010')
            instance = scene.instance_of(arq)
            when(scene.suits(s, handle, instance)
                 or s.claim[instance] is None
                 and s.use[handle] is Use.FREE
                 and scene.region_serves(s, handle, instance), 'HANDLE-010')
            s.use[handle] = Use.IN_USE
            scene.name_handle(s, arq, handle)

    scene.defect('running', of='unbind', without='ARQ-070', doc=(
        'An ARQ is unbound while its instance runs.'))

    @scene.defect('B1', of='release_fails')
    def no_such_transition(s, arq):
        """UnbindFailed is in no table: the row stays as it was, for good."""
        when(s.arq[arq] is Arq.DELETING, 'ARQ-064')
        when(s.handle[arq] is not None, 'ARQ-064')
        strike(s)
        s.arq[arq] = (Arq.BOUND if s.job[arq] is Job.NONE
                      else Arq.BIND_STARTED)
        # Nova logs the error, and forgets.
        s.nova[scene.instance_of(arq)] = Nova.GONE
        s.claim[scene.instance_of(arq)] = None

    @scene.defect('B1', of='unbind_fails')
    def stay_bound(s, arq):
        """An unbind that fails leaves the row Bound, as if never sent."""
        when(s.arq[arq] is Arq.BOUND, 'ARQ-064')
        when(s.nova[scene.instance_of(arq)] is Nova.STOPPED, 'ARQ-070')
        strike(s)


def of_reports(scene):
    """What the agent reports is not looked at, or undoes what is in use."""

    @scene.defect('power', of='find_host')
    def confirm_nothing(s, host):
        """A host that comes back changes no record and no ARQ."""
        when(not s.up[host], 'ARQ-090')
        if scene.prepares:
            when(s.reachable, 'PROGBIND-029')
        s.up[host] = True

    @scene.defect('A3', of='report')
    def report_everything_as_free(s, handle):
        """Each report sets the handles of the host to free."""
        when(s.use[handle] in (Use.CLEANING, Use.IN_USE), 'HANDLE-024')
        when(s.up[scene.host_of(handle)], 'ARQ-092')
        when(s.reachable, 'ARQ-092')
        s.use[handle] = Use.FREE

    @scene.defect('Q21', of='report')
    def free_as_it_is(s, handle):
        """What was released is free at once: nothing is ever erased, and
        no host is waited for."""
        when(s.use[handle] is Use.CLEANING, 'HANDLE-024')
        when(scene.plain(handle) or (
            s.work[scene.region_of(handle)] is Work.IDLE), 'PROGBIND-020')
        s.use[handle] = Use.FREE

    scene.defect('error', of='withdraw', without='HANDLE-005', doc=(
        'A driver that fails is taken for one that has found nothing.'))

    @scene.defect('B30', of='withdraw')
    def withdraw_at_any_time(s, handle):
        """A handle is withdrawn although an ARQ names it."""
        when(s.use[handle] is not Use.GONE, 'HANDLE-024')
        strike(s)
        s.use[handle] = Use.GONE
        s.dirty[handle] = True

    @scene.defect('B11', of='withdraw')
    def withdraw_another(s, handle):
        """The last handle of the deployable is withdrawn instead."""
        when(s.use[handle] is Use.FREE, 'HANDLE-024')
        strike(s)
        s.use[len(scene.handle) - 1] = Use.GONE
        s.dirty[len(scene.handle) - 1] = True

    @scene.defect('B11b', of='report')
    def withdraw_the_right_one(s, handle):
        """The next report withdraws another handle, and brings the last
        back as it is."""
        last = len(scene.handle) - 1
        when(s.up[scene.host_of(handle)], 'ARQ-092')
        when(s.reachable, 'ARQ-092')
        if s.use[handle] is Use.CLEANING:
            when(not s.dirty[handle], 'HANDLE-031')
            s.use[handle] = Use.FREE
            return
        when(s.use[handle] is Use.FREE, 'HANDLE-024')
        when(s.use[last] is Use.GONE, 'HANDLE-024')
        s.use[handle] = Use.GONE
        s.dirty[handle] = True
        s.use[last] = Use.FREE
