"""What dies and comes back, and how os-acc settles what it finds then.

A transitional VAN for which no plugin method is running is one whose
process died, or one that waits for a lock.  Going down is repeated, going
up is only looked at.
"""

from cyborg_models.rocky import operators
from cyborg_models.rocky.vocabulary import (
    AS_REMEMBERED,
    WEAK,
    WHOLE_REGION,
    Ask,
    Call,
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


def goes_down(s, process):
    """A process may die, or be cut off, at any time, even when it is only
    just coming back; and so may the journal cease to be whole.
    """
    setattr(s, process, False)


def process_actions(w):
    """Crash and restart of nova-compute, agent and controller."""
    m, van = w.m, w.van

    def lose_entry(s, van):
        """The journal says nothing of a VAN any more."""
        s.state[van] = Van.NONE
        s.goal[van] = Goal.READY
        s.dirty[van] = False
        s.pending[van] = False
        s.adopted[van] = False
        if w.programs:
            s.verified[van] = False

    def forget(s):
        """What was only in nova-compute's memory is gone."""
        for one in van:
            s.call[one] = Call.NONE
            s.ask[one] = Ask.NONE
            if w.in_process(s.job[one]):
                s.job[one] = Job.NONE
            if w.has('image'):
                s.image[one] = Image.NONE
            if w.writer == 'plugin':
                s.pending[one] = False
            if w.topology == 'NOVA_DIRECT':  # the records are the journal
                s.state[one] = AS_REMEMBERED[s.record[one]]
                s.handle[one] = s.owner.find(one)
                s.pending[one] = False
                s.dirty[one] = s.record[one] is not Record.NONE
        if w.programs:
            for region in w.region:
                s.lock[region] = None

    if w.fault('journal-lost'):
        @m.action('nova-compute -> nobody: dies, and loses its journal',
                  fault=True)
        def journal_lost(s):
            """nova-compute may die, and its journal be lost."""
            # The handle stays: work that goes on at the device is there.
            pay(s, 'OSACC-F15')
            goes_down(s, 'compute')
            goes_down(s, 'whole')
            forget(s)
            for one in van:
                lose_entry(s, one)

    if w.fault('entry-damaged'):
        @m.action('nova-compute -> nobody: dies, and the entry of {van} is '
                  'damaged', fault=True, van=van)
        def entry_damaged(s, van):
            """nova-compute may die and leave a journal with an entry that
            cannot be read, and that so is not whole."""
            pay(s, 'OSACC-F15')
            goes_down(s, 'compute')
            goes_down(s, 'whole')
            forget(s)
            lose_entry(s, van)

    if w.fault('compute-crash'):
        @m.action('nova-compute -> nobody: dies', fault=True)
        def compute_crash(s):
            """nova-compute may die at any time."""
            pay(s, 'OSACC-F08')
            goes_down(s, 'compute')
            forget(s)

    if w.has('compute'):
        @m.action('nova-compute -> os-acc: initialize, recover', fair=WEAK)
        def compute_restart(s):
            """nova-compute comes back."""
            when(not s.compute, 'OSACC-F08')
            s.compute = True

    if w.fault('agent-crash'):
        @m.action(f'{w.peer} -> nobody: dies', fault=True)
        def agent_crash(s):
            """The agent, or the platform manager, may die at any time, and
            its work with it."""
            pay(s, 'OSACC-F06')
            dies(s)
            for one in van:
                if not w.in_process(s.job[one]):
                    s.job[one] = Job.NONE

        def dies(s):
            """The agent is down, and what was only in its memory is gone."""
            goes_down(s, 'agent')
            for one in van:
                if w.writer.startswith('agent'):
                    s.pending[one] = False
            operators.agent_drops(w, s)

        if w.programs:
            @m.action(f'{w.peer} -> nobody: dies, and a tool goes on',
                      fault=True)
            def agent_leaves_a_tool(s):
                """The agent may die while a tool that it has started to
                write or erase a region goes on."""
                when(any(s.job[one] in WHOLE_REGION
                         and not w.in_process(s.job[one]) for one in van),
                     'DRIVER-014')
                pay(s, 'OSACC-F06')
                dies(s)
                for one in van:
                    if s.job[one] not in WHOLE_REGION:
                        s.job[one] = Job.NONE

        @m.action(f'{w.peer} -> plugin: answers again', fair=WEAK)
        def agent_restart(s):
            """The agent comes back, and every caller has noticed."""
            when(s.ask.all(Ask.NONE, Ask.DONE, Ask.ERROR), 'OSACC-011')
            when(not s.agent, 'OSACC-F06')
            s.agent = True

    if w.fault('api-down'):
        @m.action('cyborg-api -> nobody: cannot be reached', fault=True)
        def api_lost(s):
            """The controller may become unreachable at any time."""
            pay(s, 'OSACC-F01')
            goes_down(s, 'api')

        @m.action('cyborg-api -> os-acc: can be reached again')
        def api_back(s):
            """The controller may come back, and nobody can rely on it."""
            when(not s.api, 'OSACC-F01')
            s.api = True

    if w.fault('power-loss'):
        @m.action('host -> nobody: loses power', fault=True)
        def power_loss(s):
            """The host may lose power: processes, guests and jobs end, and
            what the kind of device does not keep is gone."""
            pay(s, 'OSACC-F12')
            goes_down(s, 'compute')
            forget(s)
            for one in van:
                s.job[one] = Job.NONE
                if s.instance[one] in (Instance.RUNNING, Instance.PAUSED):
                    s.instance[one] = Instance.STOPPED
                if w.has('remains'):
                    s.remains[one] = False
            if w.kind in ('MDEV', 'FPGA'):
                for handle in w.handle:
                    s.attached[handle] = None
            if w.programs:
                for region in w.region:
                    w.blank(s, region)
                operators.agent_drops(w, s)


def adopt_actions(w):
    """A journal that is lost is rebuilt from the API's records."""
    m, van = w.m, w.van

    if not w.loses_journal:
        return

    def asks(s):
        """os-acc asks the API for the host's records, and is answered."""
        w.nova_runs(s)
        w.api_answers(s)

    def as_seen(s, van, state):
        """What T22, T23 or T24 make of a recorded state by looking."""
        seen = w.presence(s, van)
        if seen is Presence.GONE or (seen is not Presence.ABSENT
                                     and state is not Van.PLUGGED):
            return Van.FAILED
        if seen is Presence.ABSENT and state in (Van.READY, Van.PLUGGED):
            return Van.READY if w.fits(s, van) else Van.BOUND
        return state

    @m.action('os-acc -> os-acc: T25, {van} is adopted', fair=WEAK, van=van)
    def adopt(s, van):
        """A VAN that the API has for this host, and the journal lacks, is
        adopted as dirty, with the goal recorded and in the state that T22,
        T23 or T24 make of the one recorded by what is observed; but only
        when that is known, and idle."""
        when(s.state[van] is Van.NONE, 'OSACC-056')
        # A VAN that is RELEASED there, or unknown, has no handle to look at.
        when(s.call[van] in (Call.NONE, Call.PREPARE), 'OSACC-059')
        asks(s)
        s.handle[van] = s.owner.find(van)
        when(w.looks(s, van, *ATTACHED_OR_NOT, Presence.GONE), 'OSACC-072')
        recorded = AS_REMEMBERED[s.record[van]]
        s.state[van] = as_seen(s, van, recorded)
        s.pending[van] = s.state[van] is not recorded
        if s.record[van] is Record.WITHHELD:
            s.goal[van] = Goal.RELEASED
        s.dirty[van] = True
        s.adopted[van] = True
        # What was reported before the loss is old from now on.
        if w.has('late') and s.late[van] is not Record.NONE:
            s.overtaken[van] = True

    @m.action('os-acc -> cyborg-api: GET the VANs of the host, no more',
              fair=WEAK)
    def all_adopted(s):
        """Claims may be sent again when the journal has all that the API
        records."""
        asks(s)
        when(not s.whole, 'OSACC-056')
        for one in van:
            when(s.state[one] is not Van.NONE or s.record[one] in (
                Record.NONE, Record.RELEASED), 'OSACC-056')
        s.whole = True

    @m.action('os-acc -> nova-compute: {van} cannot be looked up', fair=WEAK,
              van=van)
    def cannot_adopt(s, van):
        """prepare raises when it may not claim before it has adopted, and
        the API does not answer."""
        w.goes_on(s, van, Call.PREPARE, Van.NONE)
        when(w.adopting(s), 'OSACC-056')
        when(not w.api_up(s), 'OSACC-056')
        w.answer_error(s, van)

    @m.action('os-acc -> os-acc: {van} is an orphan, goal RELEASED',
              fair=WEAK, van=van)
    def orphan(s, van):
        """A VAN that was adopted and whose instance Nova does not know is
        to be released, when it is observed and no guest uses it."""
        when(s.instance[van] is Instance.DELETED, 'OSACC-055')
        when(s.adopted[van], 'OSACC-055')
        is_missing(w, s, van)


def is_missing(w, s, van):
    """By the list that os-acc is given nobody needs a VAN, which nobody
    works on and which is observed not to be in use: its goal is RELEASED.
    """
    w.nobody_works(s, van)
    when(w.looks(s, van, Presence.ABSENT, Presence.PRESENT, Presence.GONE),
         'OSACC-055')
    to_be_released(s, van)


def to_be_released(s, van):
    """The goal becomes RELEASED, once, and that is reported."""
    when(s.goal[van] is not Goal.RELEASED, 'OSACC-038')
    s.goal[van] = Goal.RELEASED
    s.pending[van] = True


def settle_plug_actions(w):
    """PLUGGING found without a process."""
    m, van = w.m, w.van

    @m.action('os-acc -> os-acc: T10 or T11, settled {van}', fair=WEAK,
              van=van)
    def settle_plugging(s, van):
        """A PLUGGING VAN that nobody works on becomes PLUGGED or READY, by
        looking."""
        w.settles(s, van, Van.PLUGGING, *ATTACHED_OR_NOT)
        if w.presence(s, van) is Presence.ABSENT:
            w.journal(s, van, Van.READY)
        else:
            w.journal(s, van, Van.PLUGGED)


def settle_program_actions(w):
    """PROGRAMMING found without a process."""
    m, van = w.m, w.van

    @m.action('os-acc -> os-acc: T06 or T08, settled {van}', fair=WEAK,
              van=van)
    def settle_programming(s, van):
        """A PROGRAMMING VAN that nobody works on becomes READY or BOUND, by
        looking."""
        w.settles(s, van, Van.PROGRAMMING, Presence.ABSENT)
        if w.fits(s, van):
            s.verified[van] = True
            w.journal(s, van, Van.READY)
        else:
            w.journal(s, van, Van.BOUND)


def settle_lost_actions(w):
    """What a host that lost power still believes."""
    m, van = w.m, w.van

    if w.kind in ('MDEV', 'FPGA') or w.loses_journal or w.power:
        @m.action('os-acc -> os-acc: T23 READY, attachment lost {van}',
                  fair=WEAK, van=van)
        def settle_plugged(s, van):
            """A PLUGGED VAN that is observed to be absent becomes READY."""
            w.settles(s, van, Van.PLUGGED, Presence.ABSENT)
            w.journal(s, van, Van.READY)

    if w.programs:
        @m.action('os-acc -> os-acc: T22 BOUND, function lost {van}',
                  fair=WEAK, van=van)
        def settle_ready(s, van):
            """A READY VAN whose function is lost becomes BOUND."""
            w.settles(s, van, Van.READY, Presence.ABSENT)
            when(not w.fits(s, van), 'OSACC-030')
            w.journal(s, van, Van.BOUND)


ATTACHED_OR_NOT = (Presence.ABSENT, Presence.PRESENT, Presence.IN_USE)

__all__ = ['adopt_actions', 'is_missing', 'process_actions',
           'settle_lost_actions', 'settle_plug_actions',
           'settle_program_actions', 'to_be_released']
