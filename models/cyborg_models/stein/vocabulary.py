"""The words of the Stein models: states, requirements, common phrases."""

import enum

from cyborg_models.kernel.language import when


class Arq(enum.Enum):
    """The state of an accelerator request in Cyborg's database."""

    ABSENT = 'no row'
    INITIAL = 'Initial'
    BIND_STARTED = 'BindStarted'
    BOUND = 'Bound'
    BIND_FAILED = 'BindFailed'
    UNBOUND = 'Unbound'
    UNBIND_FAILED = 'UnbindFailed'
    DELETING = 'Deleting'


#: state -> the states that it may follow
SOURCES = {
    Arq.INITIAL: (Arq.ABSENT,),
    Arq.BIND_STARTED: (Arq.INITIAL, Arq.UNBOUND),
    Arq.BOUND: (Arq.BIND_STARTED,),
    Arq.BIND_FAILED: (Arq.BIND_STARTED, Arq.BOUND),
    Arq.UNBOUND: (Arq.BOUND, Arq.BIND_FAILED, Arq.UNBIND_FAILED),
    Arq.UNBIND_FAILED: (Arq.BOUND, Arq.DELETING),
    Arq.DELETING: (Arq.INITIAL, Arq.BIND_STARTED, Arq.BOUND,
                   Arq.BIND_FAILED, Arq.UNBOUND, Arq.UNBIND_FAILED),
    Arq.ABSENT: (Arq.DELETING,),
}

#: states in which the row of an ARQ names its instance
NAMING = (Arq.BIND_STARTED, Arq.BOUND, Arq.BIND_FAILED, Arq.UNBIND_FAILED)


class Nova(enum.Enum):
    """What Nova is doing with an instance."""

    NONE = 'not asked for'
    CLAIMED = 'accelerators claimed in Placement'
    POSTED = 'ARQs created'
    ASKED = 'bind asked for'
    WAITING = 'nova-compute waits for events'
    SPAWNING = 'guest defined'
    ACTIVE = 'running'
    STOPPED = 'stopped'
    RESTARTING = 'hard reboot or rebuild'
    EVACUATING = 'leaves a host that is down'
    ABANDONING = 'deleted while its host is down'
    FAILED = 'build failed, to be cleaned up'
    DELETING = 'to be deleted'
    GONE = 'gone'


#: what Nova does -> what it may have done before
NOVA_SOURCES = {
    Nova.CLAIMED: (Nova.NONE, Nova.EVACUATING),
    Nova.POSTED: (Nova.CLAIMED,),
    Nova.ASKED: (Nova.POSTED,),
    Nova.WAITING: (Nova.ASKED,),
    Nova.SPAWNING: (Nova.WAITING,),
    Nova.ACTIVE: (Nova.SPAWNING, Nova.RESTARTING, Nova.STOPPED),
    Nova.STOPPED: (Nova.ACTIVE, Nova.RESTARTING),
    Nova.RESTARTING: (Nova.ACTIVE,),
    Nova.EVACUATING: (Nova.ACTIVE, Nova.STOPPED),
    Nova.ABANDONING: (Nova.ACTIVE, Nova.STOPPED),
    Nova.FAILED: (Nova.CLAIMED, Nova.POSTED, Nova.ASKED, Nova.WAITING,
                  Nova.SPAWNING),
    Nova.DELETING: (Nova.WAITING, Nova.ACTIVE, Nova.STOPPED),
    Nova.GONE: (Nova.POSTED, Nova.FAILED, Nova.DELETING, Nova.ABANDONING),
}

#: Nova builds an instance
BUILDING = (Nova.CLAIMED, Nova.POSTED, Nova.ASKED, Nova.WAITING,
            Nova.SPAWNING)

#: Nova and libvirt do this on the host that the instance has claimed
ON_HOST = (Nova.SPAWNING, Nova.ACTIVE, Nova.STOPPED, Nova.RESTARTING)

#: Nova has given up the host of the instance
GIVEN_UP = (Nova.EVACUATING, Nova.ABANDONING)

#: Nova no longer needs the ARQs of the instance
LEAVING = (Nova.FAILED, Nova.DELETING, *GIVEN_UP)


class Job(enum.Enum):
    """The bind of an ARQ, inside cyborg-conductor."""

    NONE = 'none'
    STARTED = 'started'
    TAKEN = 'handle taken'
    ASKED = 'agent asked to prepare the device'
    READY = 'device prepared'
    LOST = 'conductor crashed'


class Notice(enum.Enum):
    """The event to Nova about one ARQ."""

    NONE = 'none'
    SENT_OK = 'sent: completed'
    SENT_FAILED = 'sent: failed'
    MISSED = 'came before nova-compute listened'
    LOST = 'lost'
    TOLD = 'arrived: completed'


class Use(enum.Enum):
    """An attach handle in Cyborg's database."""

    FREE = 'free'
    IN_USE = 'in use'
    CLEANING = 'to be erased'
    GONE = 'withdrawn'


class Kind(enum.Enum):
    """What must be done to a handle before a guest can have it."""

    PCI = 'nothing'
    MDEV = 'create a mediated device'
    FPGA = 'program its region'


class Logic(enum.Enum):
    """What a region holds, or is recorded to hold."""

    NONE = 'nothing'
    FIRST = 'first function'
    SECOND = 'second function'
    MDEV = 'mediated device'
    PARTIAL = 'half written'


class Work(enum.Enum):
    """What cyborg-agent does to a region."""

    IDLE = 'nothing'
    ASKED = 'asked'
    FETCHED = 'image fetched'
    VALID = 'image fits'
    WRITING = 'writing'
    WRITTEN = 'written'
    DONE = 'verified, reply sent'
    FAILED = 'failed, reply sent'


REQUIREMENTS = {
    # Creation
    'ARQ-001': 'Nova MUST hold a claim in Placement before it asks Cyborg '
               'for ARQs.',
    'HANDLE-001':
        'Placement MUST NOT grant more claims on a host than the host '
        'reported accelerators.',
    'HANDLE-005':
        'Cyborg MUST NOT withdraw the handles of a driver that reported an '
        'error, or of a host that did not report.',
    'ARQ-003': 'Cyborg MUST create all ARQs of a device profile in state '
               'Initial, or none of them.',
    'ARQ-004': 'Cyborg MUST refuse to create ARQs that would take their '
               'project above its quota.',
    'ARQ-005': 'Cyborg MUST charge an ARQ to the quota of its project from '
               'its creation until its row is removed, and no longer.',
    'ARQ-006': 'Cyborg MUST delete an ARQ that is still Initial after the '
               'longest time that Nova waits for one.',
    # Bind
    'ARQ-010': 'Nova MUST ask for the bind of all ARQs of an instance in one '
               'PATCH.',
    'ARQ-011': 'Cyborg MUST start a bind only from Initial or Unbound, and '
               'check that in the transaction that sets BindStarted.',
    'ARQ-012': 'Cyborg MUST NOT start a bind for an instance that ARQs of '
               'another request name.',
    'HANDLE-010':
        'Cyborg MUST check that a handle is free, mark it as in use '
        'and name it in the row of its ARQ in one transaction.',
    'PROGBIND-001':
        'Cyborg MUST set an ARQ to Bound only when its device has '
        'been prepared.',
    'ARQ-015': 'Cyborg MUST end each bind that it started as Bound or '
               'BindFailed, unless the ARQ is deleted before.',
    'HANDLE-020':
        'Cyborg MUST release the handle of an ARQ in the transaction '
        'that sets BindFailed.',
    'ARQ-017': 'Cyborg MUST fail all ARQs of a PATCH when it fails one.',
    'HANDLE-011':
        'Cyborg MUST NOT fail a bind for which a free handle suits '
        'and nothing went wrong.',
    'ARQ-019': 'Cyborg MUST validate a PATCH, with the resource provider '
               'that it names, before it changes any ARQ.',
    'ARQ-020': 'Cyborg MUST change the state of an ARQ only along the '
               'transitions of the life cycle.',
    'HANDLE-012':
        'Cyborg MUST NOT let two ARQs name one handle.',
    'HANDLE-013':
        'Cyborg MUST NOT take a handle of another resource provider than '
        'the PATCH names.',
    'HANDLE-014':
        'Cyborg MUST NOT take a handle of a device that is in maintenance.',
    'ARQ-022': 'Cyborg MUST fail, when a conductor starts, each bind that an '
               'earlier conductor left unfinished.',
    'ARQ-023': 'Cyborg MUST fail a bind that exceeds its time-out, and drop '
               'what the agent still does for it.',
    'ARQ-024': 'Cyborg MUST ignore a bind request that it receives again.',
    # Events, and what Nova makes of them
    'ARQ-030': 'Cyborg MUST send Nova one event, with the outcome, for each '
               'ARQ whose bind ends.',
    'ARQ-031': 'nova-compute MUST register for the events of its ARQs before '
               'it waits for them.',
    'ARQ-032': 'nova-compute MUST read the state of an ARQ whose event came '
               'before it registered.',
    'ARQ-033': 'nova-compute MUST NOT start a guest before each of its ARQs '
               'has been reported, or read, as Bound.',
    'ARQ-034': 'Nova MUST fail a build when the bind of one of its ARQs '
               'failed.',
    'ARQ-035': 'Nova MUST fail a build when an event does not come before '
               'its time-out.',
    'ARQ-037': 'Cyborg MUST NOT change an ARQ because of how Nova answers '
               'its event.',
    'ARQ-036': 'Nova MUST NOT run an instance that lacks a device which it '
               'takes for attached.',
    # Programming
    'PROGBIND-010':
        'A guest MUST NOT have a device that holds another function '
        'than the one it asked for.',
    'PROGBIND-011':
        'Cyborg MUST NOT write a region of which another user has a '
        'handle.',
    'PROGBIND-012':
        'Cyborg MUST clear the record of a region in the transaction '
        'that decides to write it.',
    'PROGBIND-013':
        'The agent MUST NOT depend on the control plane in any step '
        'of programming but the fetch of a bitstream.',
    'PROGBIND-014':
        'The agent MUST validate a bitstream against its region '
        'before it writes.',
    'PROGBIND-015':
        'The agent MUST read the region back and report success only '
        'if it holds what was asked for.',
    'PROGBIND-016':
        'Cyborg MUST record as the content of a region only what the '
        'agent has verified.',
    'PROGBIND-017':
        'Cyborg MUST bring the record of a region and its content '
        'into agreement once work on the region has ended.',
    'PROGBIND-018':
        'Cyborg MAY skip programming when the record says that the '
        'region holds the function asked for.',
    'PROGBIND-019':
        'Cyborg MUST fail a bind for which there is not exactly one '
        'bitstream.',
    'PROGBIND-020':
        'The agent MUST NOT begin work on a region before its earlier '
        'work on it has ended.',
    'PROGBIND-021':
        'Cyborg MUST fail a bind whose request to the agent, or its '
        'reply, was lost.',
    'PROGBIND-022':
        'Cyborg MUST refuse to program a region on an operator\'s '
        'request unless all its handles are free.',
    'PROGBIND-024':
        'Cyborg MUST clear the record of each region that the first report '
        'of an agent after its start does not confirm.',
    'PROGBIND-030':
        'Cyborg MUST set BindFailed for each ARQ that is Bound, or about to '
        'be, when its region, by the first report of an agent after its '
        'start, lacks the function asked for.',
    'PROGBIND-029':
        'Nova MUST NOT start a guest on a host before Cyborg has taken the '
        'first report of its agent since the host started.',
    # Release
    'ARQ-060': 'Nova MUST take a device from its guest before it deletes the '
               'ARQ, unless it gave up the host of the guest.',
    'ARQ-061': 'Cyborg MUST accept the deletion of an ARQ in every state, '
               'and again when it is repeated.',
    'ARQ-062': 'Cyborg MUST end the bind of an ARQ before it removes the '
               'row.',
    'HANDLE-021':
        'Cyborg MUST release the handle of an ARQ in the transaction '
        'that removes the row or sets Unbound.',
    'ARQ-064': 'Cyborg MUST keep an ARQ whose release failed in state '
               'UnbindFailed, with its handle, for another attempt.',
    'HANDLE-031':
        'Cyborg MUST NOT offer a handle that was released or withdrawn '
        'before it has been erased.',
    'ARQ-066': 'Nova MUST repeat the deletion of ARQs until they are gone, '
               'and free the claim only then.',
    'ARQ-067': 'A deleted instance MUST NOT leave a row, a claim, a charge '
               'to the quota or a handle in use behind.',
    'HANDLE-023':
        'The agent MUST NOT erase a handle while a guest may still '
        'have it.',
    'HANDLE-024':
        'Cyborg MUST NOT let a report of the agent change a handle '
        'that is in use.',
    'ARQ-070': 'Cyborg MUST refuse to unbind an ARQ unless its instance is '
               'stopped.',
    # Flows of Nova
    'ARQ-080': 'Nova MUST keep the ARQs of an instance over stop, start, '
               'hard reboot and rebuild.',
    'ARQ-081': 'Nova MUST read the ARQs again before it starts a guest '
               'again, and fail unless all are Bound.',
    'ARQ-082': 'Nova MUST NOT give up a host that is up.',
    'ARQ-083': 'Nova MUST destroy what evacuated instances left on a host '
               'when the host is up again.',
    # What happens to the system
    'ARQ-090': 'An implementation MUST keep every requirement while crashes '
               'happen, messages get lost and devices fail.',
    'ARQ-091': 'A user MAY ask for any operation on an instance whenever '
               'Nova allows it.',
    'ARQ-092': 'A step that needs a host, or the controller, MUST wait or '
               'fail while it cannot be reached.',
}


def become(s, arq, state):
    """The state of *arq* becomes *state*; noted if that is not allowed."""
    if s.arq[arq] not in SOURCES[state]:
        s.lawful = False
    s.arq[arq] = state


def nova_becomes(s, instance, state):
    """What Nova does becomes *state*; noted if that is not allowed: it
    does nothing on a host that is down, and gives up no host that is up.
    """
    need(s, s.nova[instance] in NOVA_SOURCES[state])
    if state in ON_HOST or state in GIVEN_UP:
        host = s.claim[instance]
        need(s, (host is None or s.up[host]) is (state in ON_HOST))
    s.nova[instance] = state


def need(s, condition):
    """What makes a step possible at all; noted if it was not so."""
    if not condition:
        s.possible = False


def strike(s):
    """One of the configured faults happens."""
    when(s.faults > 0, 'ARQ-090')
    s.faults -= 1


def ask(s):
    """A user asks for one of the configured operations."""
    when(s.operations > 0, 'ARQ-091')
    s.operations -= 1


def release_handle(s, arq):
    """The handle of *arq*, if it has one, is to be erased."""
    if s.handle[arq] is not None:
        s.use[s.handle[arq]] = Use.CLEANING
        s.handle[arq] = None


def fail_bind(s, arq):
    """The bind of *arq* has failed: nothing is kept, and Nova is told."""
    become(s, arq, Arq.BIND_FAILED)
    s.job[arq] = Job.NONE
    release_handle(s, arq)
    s.notice[arq] = Notice.SENT_FAILED


def remove_row(s, arq):
    """Nothing of *arq* is left in Cyborg, nor charged."""
    become(s, arq, Arq.ABSENT)
    s.charged[arq] = False
    s.asked[arq] = False
    s.notice[arq] = Notice.NONE


def abstract(s, arq):
    """The abstract life cycle's (arq, handle, attached) for one ARQ."""
    handle = s.handle[arq]
    return (s.arq[arq], handle is not None,
            handle is not None and s.guest[handle] is not None)
