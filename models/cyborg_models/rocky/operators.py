"""An operator has a region programmed, without an instance.

The Cyborg API accepts that, or not; the agent fetches, checks, writes and
reads back.  Only configurations with ``operator`` have it.
"""

import enum

from cyborg_models.rocky.vocabulary import (
    WEAK,
    Function,
    Image,
    Record,
    pay,
    when,
)


class Write(enum.Enum):
    """The ``program_state`` of a region, as Cyborg has it."""

    IDLE = 'IDLE'
    WRITING = 'WRITING'
    FAILED = 'FAILED'


class Work(enum.Enum):
    """What the agent does to a region for an operator."""

    NONE = 'NONE'
    ASKED = 'ASKED'
    WRITE = 'WRITE'
    WRITTEN = 'WRITTEN'


ONCE_CLAIMED = tuple(record for record in Record
                     if record is not Record.NONE)


def declare_writes(w):
    """What Cyborg records of a region, and what the agent does to it."""
    if w.operator:
        w.m.var('program_state', Write, start=Write.IDLE, each=w.region)
        w.m.var('work', Work, start=Work.NONE, each=w.region)
        w.m.var('file', Image, start=Image.NONE, each=w.region)


def operator_actions(w):
    """From the request to what is reported of the region."""
    if not w.operator:
        return
    m, region = w.m, w.region

    def owned(s, region):
        """A handle of the region has a VAN that is not RELEASED."""
        return any(s.owner[handle] is not None for handle in w.handle
                   if w.region_of(handle) == region)

    @m.action('operator -> cyborg-api: program {region}', region=region)
    def ask_write(s, region):
        """An operator may have a region written that no VAN has, and that is
        not being written; from then on its content is undefined."""
        w.api_answers(s)
        when(not owned(s, region), 'OSACC-023')
        when(s.program_state[region] is not Write.WRITING, 'BITS-011')
        when(w.agent_up(s), 'OSACC-F06')
        s.program_state[region] = Write.WRITING
        s.work[region] = Work.ASKED
        s.file[region] = Image.ASKED

    def arrives(s, region, image):
        """The image service sends what the agent asked it for."""
        when(s.file[region] is Image.ASKED, 'BITS-012')
        w.api_answers(s)
        s.file[region] = image

    @m.action('glance -> agent: a bitstream for {region}', fair=WEAK,
              region=region)
    def deliver_to_agent(s, region):
        """The image service sends the agent a bitstream."""
        arrives(s, region, Image.GOOD)

    if w.fault('bitstream'):
        @m.action('glance -> agent: a wrong bitstream for {region}',
                  fault=True, region=region)
        def deliver_wrong_to_agent(s, region):
            """The image service may send the agent what does not match."""
            pay(s, 'OSACC-F04')
            arrives(s, region, Image.BAD)

    @m.action('agent -> agent: check the bitstream for {region}', fair=WEAK,
              region=region)
    def check_file(s, region):
        """The agent accepts a bitstream that matches."""
        when(s.file[region] is Image.GOOD, 'BITS-012')
        s.file[region] = Image.CHECKED

    @m.action('agent -> driver: write {region} for the operator', fair=WEAK,
              region=region)
    def begin_operator_write(s, region):
        """The agent writes a region for an operator from a bitstream that it
        has checked."""
        when(s.work[region] is Work.ASKED, 'BITS-012')
        when(s.file[region] is Image.CHECKED, 'BITS-012')
        s.work[region] = Work.WRITE
        s.loaded[region] = Function.UNDEFINED

    @m.action('driver -> agent: {region} is written for the operator',
              fair=WEAK, region=region)
    def operator_write(s, region):
        """A write for an operator comes to its end."""
        when(s.work[region] is Work.WRITE, 'BITS-012')
        s.work[region] = Work.WRITTEN
        s.loaded[region] = Function.A

    if w.fault('program'):
        @m.action('driver -> agent: {region} is written, so it says',
                  fault=True, region=region)
        def lie_to_operator(s, region):
            """A driver may say of a region that it is written, and it is
            not."""
            when(s.work[region] is Work.WRITE, 'BITS-012')
            pay(s, 'OSACC-F05')
            s.work[region] = Work.WRITTEN

    def read_back(s, region):
        """Cyborg is told what the agent has read from the region."""
        w.api_answers(s)
        when(w.agent_up(s), 'OSACC-F06')
        good = s.loaded[region] is Function.A
        s.program_state[region] = Write.IDLE if good else Write.FAILED

    @m.action('agent -> cyborg-api: {region} is IDLE, or FAILED', fair=WEAK,
              region=region)
    def report_write(s, region):
        """After a write, or a bitstream that was refused, the agent reports
        what it has read from the region."""
        when(s.work[region] is Work.WRITTEN
             or s.file[region] is Image.BAD, 'BITS-012')
        read_back(s, region)
        s.work[region] = Work.NONE
        s.file[region] = Image.NONE

    @m.action('agent -> cyborg-api: {region}, found WRITING, is IDLE or '
              'FAILED', fair=WEAK, region=region)
    def report_interrupted(s, region):
        """An agent that starts reports what it reads from a region that is
        recorded as WRITING."""
        when(s.program_state[region] is Write.WRITING, 'BITS-014')
        when(s.work[region] is Work.NONE, 'BITS-014')
        read_back(s, region)


def agent_drops(w, s):
    """The agent dies, and what it did for operators with it."""
    if w.operator:
        for region in w.region:
            s.work[region] = Work.NONE
            s.file[region] = Image.NONE


def is_idle(w, s, handle):
    """No operator's write bars a grant of the handle."""
    return not w.operator or (
        s.program_state[w.region_of(handle)] is Write.IDLE)


def was_loaded(w, s, region):
    """What the region holds, or half holds, may be an operator's."""
    return w.operator and (s.program_state[region] is not Write.IDLE
                           or s.loaded[region] is Function.A)


def operator_properties(w):
    """What a write for an operator does not do."""
    if not w.operator:
        return
    m, region = w.m, w.region

    def users(s, region):
        """The VANs that own a handle of the region."""
        return [s.owner[handle] for handle in w.handle
                if w.region_of(handle) == region
                and s.owner[handle] is not None]

    @m.always('OSACC-023', region=region)
    def no_write_past_the_vans(s, region):
        """What an operator has written no VAN has, nor uses."""
        return s.work[region] is Work.NONE or not (users(s, region) or any(
            s.attached[handle] is not None for handle in w.handle
            if w.region_of(handle) == region))

    @m.always('BITS-011', region=region)
    def no_claim_under_a_write(s, region):
        """A region whose state is not IDLE is nobody's, and one that is
        worked on is WRITING."""
        if s.work[region] is not Work.NONE and (
                s.program_state[region] is not Write.WRITING):
            return False
        return (s.program_state[region] is Write.IDLE
                or not users(s, region))

    @m.always('BITS-012', region=region)
    def a_good_write_succeeds(s, region):
        """While nothing has gone wrong no write for an operator is
        FAILED."""
        return (s.faults < w.budget
                or s.program_state[region] is not Write.FAILED)

    if w.has('agent'):
        @m.always('OSACC-F06', region=region)
        def no_operator_s_work_without_the_agent(s, region):
            """While the agent is down it does nothing for an operator."""
            return s.agent or s.work[region] is Work.NONE

    @m.always('BITS-012', region=region)
    def only_checked_files_are_written(s, region):
        """The agent writes for an operator only what it has checked, and
        has a bitstream only while it works for one."""
        if s.work[region] is Work.NONE:
            return s.file[region] is Image.NONE
        return s.work[region] is Work.ASKED or (
            s.file[region] is Image.CHECKED)

    @m.always('BITS-014', region=region)
    def idle_was_read(s, region):
        """What an operator had written is IDLE only if it was read: while
        no VAN has the region, that is not undefined."""
        return (s.program_state[region] is not Write.IDLE
                or s.loaded[region] is not Function.UNDEFINED
                or s.record.any(*ONCE_CLAIMED))

    @m.always('BITS-014', region=region)
    def a_write_is_not_half_seen(s, region):
        """While a region is written for an operator nobody can tell what it
        holds."""
        return (s.work[region] is not Work.WRITE
                or s.loaded[region] is Function.UNDEFINED)

    @m.eventually('BITS-014', region=region)
    def every_write_is_settled(s, region):
        """A region that is recorded as WRITING is not so for ever, if the
        API answers; the agent may have died meanwhile."""
        writing = s.program_state[region] is Write.WRITING
        return writing, not writing or not w.api_up(s)

    @m.sometimes('BITS-012', region=region)
    def loaded_for_an_operator(s, region):
        """A region is loaded although no VAN was ever claimed."""
        return (s.loaded[region] is Function.A
                and s.program_state[region] is Write.IDLE
                and s.record.all(Record.NONE))


__all__ = ['agent_drops', 'declare_writes', 'is_idle', 'operator_actions',
           'operator_properties', 'was_loaded']
