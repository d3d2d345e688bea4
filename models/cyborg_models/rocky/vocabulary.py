"""The words that the rocky models share.

Enums for what a variable may hold, and :class:`World`: the sets of one
model and short questions about its state that read like the spec.

An instance asks for one accelerator, so instance, request and VAN share a
number, and a VAN's uuid is never used twice because the number is not.
"""

import enum

from cyborg_models.kernel.language import WEAK, ModelError, when
from cyborg_models.kernel.settings import number, one_of


class Van(enum.Enum):
    """The states of a VAN; NONE: the journal has no entry."""

    NONE = 'NONE'
    REQUESTED = 'REQUESTED'
    BOUND = 'BOUND'
    PROGRAMMING = 'PROGRAMMING'
    READY = 'READY'
    PLUGGING = 'PLUGGING'
    PLUGGED = 'PLUGGED'
    UNPLUGGING = 'UNPLUGGING'
    CLEANING = 'CLEANING'
    RELEASED = 'RELEASED'
    FAILED = 'FAILED'


class Goal(enum.Enum):
    """What the last accepted call wants of a VAN."""

    READY = 'READY'
    PLUGGED = 'PLUGGED'
    RELEASED = 'RELEASED'


class Record(enum.Enum):
    """A VAN in the Cyborg database, as last reported.

    NONE: unknown there.  WITHHELD: the goal is RELEASED and the state is
    another one.  RELEASED: the tombstone.
    """

    NONE = 'NONE'
    BOUND = 'BOUND'
    READY = 'READY'
    PLUGGED = 'PLUGGED'
    FAILED = 'FAILED'
    WITHHELD = 'WITHHELD'
    RELEASED = 'RELEASED'


class Claim(enum.Enum):
    """Where the claim's request, or its reply, is."""

    NONE = 'NONE'
    SENT = 'SENT'
    GRANTED = 'GRANTED'
    REFUSED = 'REFUSED'


class Image(enum.Enum):
    """The bitstream on its way from the image service to the host."""

    NONE = 'NONE'
    ASKED = 'ASKED'
    GOOD = 'GOOD'
    BAD = 'BAD'
    CHECKED = 'CHECKED'


class Ask(enum.Enum):
    """What common code knows of the plugin method that it has called.

    ASKED_REGION: asked to clean, and in REGION scope.
    """

    NONE = 'NONE'
    ASKED = 'ASKED'
    ASKED_REGION = 'ASKED_REGION'
    DONE = 'DONE'
    ERROR = 'ERROR'


class Job(enum.Enum):
    """What really happens at the device; NONE: it is idle."""

    NONE = 'NONE'
    WRITE = 'WRITE'
    ATTACH = 'ATTACH'
    DETACH = 'DETACH'
    ERASE_HANDLE = 'ERASE_HANDLE'
    ERASE_REGION = 'ERASE_REGION'


class Function(enum.Enum):
    """What a region computes; UNDEFINED: written, and nobody knows what."""

    NONE = 'NONE'
    A = 'A'
    B = 'B'
    UNDEFINED = 'UNDEFINED'


class Presence(enum.Enum):
    """The answer of ``observe``."""

    ABSENT = 'ABSENT'
    PRESENT = 'PRESENT'
    IN_USE = 'IN_USE'
    GONE = 'GONE'
    UNKNOWN = 'UNKNOWN'


class Call(enum.Enum):
    """The call of nova-compute that os-acc works on, or its outcome."""

    NONE = 'NONE'
    PREPARE = 'PREPARE'
    PREPARED = 'PREPARED'
    PLUG = 'PLUG'
    ATTACHED = 'ATTACHED'
    UNPLUG = 'UNPLUG'
    UNPLUGGED = 'UNPLUGGED'
    RELEASE = 'RELEASE'
    RAISED = 'RAISED'


class Instance(enum.Enum):
    """An instance in Nova; only RUNNING has a guest that runs, PAUSED one
    that does not go on, and what has LEFT may have one that is not destroyed
    yet.
    """

    NONE = 'NONE'
    BUILDING = 'BUILDING'
    RUNNING = 'RUNNING'
    STOPPED = 'STOPPED'
    STARTING = 'STARTING'
    DELETING = 'DELETING'
    DELETED = 'DELETED'
    PAUSED = 'PAUSED'
    SOFT_DELETED = 'SOFT_DELETED'
    MIGRATING = 'MIGRATING'
    MIGRATED = 'MIGRATED'
    EVACUATED = 'EVACUATED'
    ABANDONED = 'ABANDONED'


KINDS = ('VF', 'FPGA', 'GPU', 'MDEV', 'POWER_SLOT')
TOPOLOGIES = ('LOCAL', 'VIA_API', 'NOVA_DIRECT', 'POWER')
PROGRAMMERS = ('os-acc', 'plugin', 'agent', 'cyborg-api')
POLICIES = ('IF_NEEDED', 'NEVER')
WRITERS = ('common', 'plugin', 'agent-rest', 'agent-rpc')
FAULTS = frozenset((
    'compute-crash', 'agent-crash', 'power-loss', 'journal-lost', 'api-down',
    'lost-request', 'lost-reply', 'late-claim', 'late-report', 'time-out',
    'fetch', 'bitstream', 'program', 'plug', 'unplug', 'clean', 'spawn'))
# Those that only configurations of their own have: see :mod:`~.losses`.
LOSSES = frozenset(('gone', 'function-lost', 'retire', 'restore',
                    'wrong-list', 'entry-damaged', 'wrong-function',
                    'lower-limit', 'placement-down', 'unlisted'))
# What Nova does besides, in configurations of their own: see :mod:`~.moves`.
FLOWS = frozenset(('pause', 'soft-delete', 'offload', 'migrate', 'evacuate',
                   'abandon'))

# Instances that only these have; those that are not this host's any more.
SET_ASIDE = (Instance.PAUSED, Instance.SOFT_DELETED, Instance.MIGRATING,
             Instance.MIGRATED, Instance.EVACUATED, Instance.ABANDONED)
LEFT = (Instance.EVACUATED, Instance.ABANDONED)

# The states in which a VAN still has, or may have, a claim.
UNRELEASED = (Van.REQUESTED, Van.BOUND, Van.PROGRAMMING, Van.READY,
              Van.PLUGGING, Van.PLUGGED, Van.UNPLUGGING, Van.CLEANING,
              Van.FAILED)
# Those in which the host has a handle, and the API may have lost its record.
FORGETTABLE = (Van.BOUND, Van.PROGRAMMING, Van.READY, Van.PLUGGING,
               Van.PLUGGED, Van.UNPLUGGING, Van.CLEANING, Van.FAILED)
# Those that bar every other VAN from writing or erasing the region.
BARRING = (Van.PROGRAMMING, Van.READY, Van.PLUGGING, Van.PLUGGED,
           Van.UNPLUGGING, Van.FAILED)
WAITING = (Call.PREPARE, Call.PLUG, Call.UNPLUG, Call.RELEASE)
WHOLE_REGION = (Job.WRITE, Job.ERASE_REGION)
ASKED = (Ask.ASKED, Ask.ASKED_REGION)
LOSING = ('journal-lost', 'entry-damaged')
# A settled state, as it is reported, and what a record makes of a VAN.
AS_RECORDED = {Van.BOUND: Record.BOUND, Van.READY: Record.READY,
               Van.PLUGGED: Record.PLUGGED, Van.FAILED: Record.FAILED,
               Van.RELEASED: Record.RELEASED}
AS_REMEMBERED = {Record.NONE: Van.NONE, Record.BOUND: Van.BOUND,
                 Record.READY: Van.READY, Record.PLUGGED: Van.PLUGGED,
                 Record.FAILED: Van.FAILED, Record.WITHHELD: Van.BOUND,
                 Record.RELEASED: Van.RELEASED}


class World:
    """One host with its devices, seen by one model.

    Parts that a model leaves out (no region, no controller that may vanish)
    are as if they always worked, so that an action is written once and
    serves the small models and the whole system alike.

    :param m: the model
    :param settings: its settings; what they lack has the default below
    """

    def __init__(self, m, settings):
        def setting(name, default):
            return getattr(settings, name, default)

        self.m = m
        self.kind = one_of('kind', setting('kind', 'VF'), KINDS)
        self.topology = one_of('topology', setting('topology', 'LOCAL'),
                               TOPOLOGIES)
        self.programmer = one_of('programmer',
                                 setting('programmer', 'agent'), PROGRAMMERS)
        self.writer = one_of('writer', setting('writer', 'common'), WRITERS)
        self.budget = number('faults', settings.faults, 0)
        self.enabled = setting('enabled_faults', FAULTS)
        self.watched = setting('watched', False)
        self.flows = setting('flows', frozenset())
        for name in self.flows:
            one_of('flows', name, sorted(FLOWS))
        for name in self.enabled:
            one_of('enabled_faults', name, sorted(FAULTS | LOSSES))
        self.power = self.topology == 'POWER'
        if self.power and (self.kind != 'POWER_SLOT'
                           or self.writer.startswith('agent')):
            raise ModelError('topology POWER has no agent: set kind to '
                             'POWER_SLOT and writer to common or plugin')
        self.programs = self.kind == 'FPGA'
        self.functions = number('functions', setting('functions', 1), 1, 2)
        self.policy = one_of('policy', setting('policy', 'IF_NEEDED'),
                             POLICIES)
        self.tenant = setting('tenant', False)
        self.operator = self.programs and setting('operator', False)
        self.projects = number('projects', setting('projects', 1), 1, 2)
        vans = number('vans', settings.vans, 1)
        self.van = m.set('van', vans)
        self.handle = m.set('handle', number(
            'handles', setting('handles', vans), 1))
        self.regions = number('regions', setting('regions', 1), 1)
        self.region = (m.set('region', self.regions) if self.programs
                       else None)
        self.fixed = number('fixed', setting('fixed', 0), 0, self.regions)
        self.names_provider = setting('names_provider', False)
        self.limited = hasattr(settings, 'limit')
        self.limit = number('limit', setting('limit', self.handle.size), 1)
        # Who does the work on the host, and what os-acc's word is called.
        self.peer = 'novalink' if self.power else 'agent'

    # what there is

    def alike(self, paired=False):
        """VANs that want the same are all alike, and so are handles that
        share no region.

        :param paired: True if each VAN begins with the handle of its number
        """
        if (self.functions == self.projects == 1 and not self.names_provider
                and not (paired and self.programs)):
            self.m.symmetric(self.van, *((self.handle,) if paired else ()))
        if not self.programs and not paired:
            self.m.symmetric(self.handle)

    def fault(self, name):
        """True if this fault may happen in this configuration."""
        if name in ('journal-lost', 'entry-damaged') and (
                not self.journalled):
            return False
        if name == 'function-lost' and not self.programs:
            return False
        return self.budget > 0 and name in self.enabled

    def flow(self, name):
        """True if Nova does this in this configuration."""
        return name in self.flows

    @property
    def leaves(self):
        """An instance may leave a host that is down."""
        return self.flow('evacuate') or self.flow('abandon')

    def has(self, variable):
        """This configuration has the variable, and what goes with it."""
        return variable in self.m.variables

    @property
    def peers(self):
        """Where the plugin's word goes, as a message reads."""
        return ('os-acc -> cyborg-api' if self.topology == 'VIA_API'
                else f'plugin -> {self.peer}')

    @property
    def loses_journal(self):
        """The journal, or an entry of it, may be lost."""
        return any(map(self.fault, LOSING))

    @property
    def journalled(self):
        """os-acc has a journal, which is the durable state."""
        return self.topology in ('LOCAL', 'POWER')

    def others(self, van):
        """All VANs but this one."""
        return tuple(other for other in self.van if other != van)

    # variables

    def declare_van(self):
        """The journal's entry, and what common code has in memory."""
        m, van = self.m, self.van
        m.var('state', Van, start=Van.NONE, each=van)
        m.var('goal', Goal, start=Goal.READY, each=van)
        m.var('dirty', bool, start=False, each=van)
        m.var('handle', (None, self.handle), start=None, each=van)
        m.var('call', Call, start=Call.NONE, each=van)
        m.var('ask', Ask if self.programs else
              tuple(ask for ask in Ask if ask is not Ask.ASKED_REGION),
              start=Ask.NONE, each=van)
        m.var('instance', Instance if self.flows else
              tuple(one for one in Instance if one not in SET_ASIDE),
              start=Instance.NONE, each=van)
        if self.leaves:
            m.var('remains', bool, start=False, each=van)
        if self.flow('pause'):
            m.var('saved', bool, start=False, each=van)
        if self.programs:
            # The function read back last, after the last write, was wanted.
            m.var('verified', bool, start=False, each=van)

    def declare_device(self):
        """The truth on the host."""
        m = self.m
        m.var('job', Job, start=Job.NONE, each=self.van)
        m.var('attached', (None, self.van), start=None, each=self.handle)
        m.var('soiled', bool, start=False, each=self.handle)
        if self.fault('gone'):
            m.var('gone', bool, start=False, each=self.handle)
        if self.programs:
            # Where nothing may be written the operator has loaded A.
            m.var('loaded', Function, each=self.region,
                  start=(Function.A if self.policy == 'NEVER'
                         else Function.NONE))
            m.var('lock', (None, self.van), start=None, each=self.region)

    def declare_database(self):
        """What the Cyborg API keeps, and the messages to it."""
        m = self.m
        m.var('record', Record, start=Record.NONE, each=self.van)
        m.var('owner', (None, self.van), start=None, each=self.handle)
        m.var('used', range(self.handle.size + 2), start=0)
        m.var('pending', bool, start=False, each=self.van)
        if self.fault('retire'):
            m.var('retired', bool, start=False, each=self.handle)
        if self.fault('lower-limit'):
            m.var('lowered', bool, start=False)
        if self.fault('unlisted'):
            m.var('listed', bool, start=True, each=self.handle)
            m.var('provider', bool, start=True)

    def declare_peers(self):
        """The processes that may fail, and how many faults are left."""
        m = self.m
        m.var('faults', range(self.budget + 1), start=self.budget)
        if self.watched:
            m.never_idle('OSACC-011', besides=('faults',))
        if any(map(self.fault,
                   ('compute-crash', 'power-loss', *LOSING))):
            m.var('compute', bool, start=True)
        if self.loses_journal:
            m.var('whole', bool, start=True)
            m.var('adopted', bool, start=False, each=self.van)
        if self.fault('agent-crash'):
            m.var('agent', bool, start=True)
        if self.fault('api-down'):
            m.var('api', bool, start=True)

    # questions about the processes

    @property
    def builds(self):
        """Instances are built here, and not found as they were left."""
        return 'found' not in self.m.sets

    def compute_up(self, s):
        """nova-compute runs, and os-acc within it."""
        return not self.has('compute') or s.compute

    def agent_up(self, s):
        """The agent, or the platform manager, runs."""
        return not self.has('agent') or s.agent

    def adopting(self, s):
        """The journal is not marked as whole: entries may be missing."""
        return self.has('whole') and not s.whole

    def api_up(self, s):
        """The controller can be reached from the host."""
        return not self.has('api') or s.api

    def in_process(self, job):
        """True if the job runs in nova-compute and dies with it."""
        return job is Job.WRITE and self.programmer in ('os-acc', 'plugin')

    def by_api(self, job):
        """True if the way to the device leads through API and bus."""
        if self.topology == 'VIA_API':
            return True
        slow = job in (Job.WRITE, Job.ERASE_HANDLE, Job.ERASE_REGION)
        if self.topology == 'NOVA_DIRECT':
            return slow
        return job is Job.WRITE and self.programmer == 'cyborg-api'

    def reachable(self, s, job):
        """Whoever does this job can be asked."""
        if self.in_process(job):
            return self.compute_up(s)
        return self.agent_up(s) and (
            not self.by_api(job) or self.api_up(s))

    # questions about handles and regions

    def at(self, s, van):
        """The handle that a plugin method for this VAN reaches.  One that
        is called for a VAN that has none would reach somebody's.
        """
        handle = s.handle[van]
        return 0 if handle is None else handle

    def region_of(self, handle):
        """The region of a handle: they are dealt out in turn."""
        return handle % self.regions

    def wanted(self, van):
        """The function that the request asks for."""
        return (Function.A, Function.B)[van % self.functions]

    def project(self, van):
        """The project that an instance belongs to."""
        return van % self.projects

    def claimed_of(self, van):
        """The region, as a provider, that the claim of a VAN names."""
        return van % self.regions

    def may_be_written(self, handle):
        """The region of a handle is none that is fixed, as the last are."""
        return self.region_of(handle) < self.regions - self.fixed

    def has_quota(self, s):
        """The project has room for one handle more."""
        return s.used < self.limit - (self.has('lowered') and s.lowered)

    def neighbour(self, s, van, other):
        """The other VAN has a handle of the same region."""
        return (s.handle[van] is not None and s.handle[other] is not None
                and self.region_of(s.handle[van])
                == self.region_of(s.handle[other]))

    def barred(self, s, van):
        """Another VAN of the region forbids to write or erase it."""
        return any(s.state[other] in BARRING
                   and self.neighbour(s, van, other)
                   for other in self.others(van))

    def used_beside(self, s, van):
        """Another handle of the region is attached, whoever knows it."""
        return any(
            s.attached[handle] not in (None, van) for handle in self.handle
            if s.handle[van] is not None
            and self.region_of(handle) == self.region_of(s.handle[van]))

    def locked(self, s, van):
        """Another VAN has the region lock."""
        return s.lock[self.region_of(self.at(s, van))] not in (None, van)

    def lock(self, s, van):
        """os-acc takes the region lock for a VAN, if there are regions."""
        if self.programs:
            s.lock[self.region_of(self.at(s, van))] = van

    def unlock(self, s, van):
        """os-acc lets go of the region lock of a VAN."""
        if self.programs:
            s.lock[self.region_of(self.at(s, van))] = None

    # what observe answers

    def presence(self, s, van):
        """Presence, as ``observe`` reports it."""
        if not self.agent_up(s) or s.handle[van] is None:
            return Presence.UNKNOWN
        if self.is_gone(s, van):
            return Presence.GONE
        at = s.attached[s.handle[van]]
        if at is None:
            return Presence.ABSENT
        if at != van:
            return Presence.UNKNOWN
        return (Presence.IN_USE if s.instance[van] in (
            Instance.RUNNING, Instance.PAUSED)
                or self.has('remains') and s.remains[van]
                else Presence.PRESENT)

    def is_gone(self, s, van):
        """The VAN's device is not there any more."""
        return self.has('gone') and s.gone[self.at(s, van)] and (
            s.handle[van] is not None)

    def partition_goes(self, s, van):
        """The platform may have freed the VAN's slot with the partition."""
        return self.power and s.instance[van] is Instance.DELETING

    def is_retired(self, s, van):
        """An administrator has given up the VAN, whose handle is RETIRED."""
        if not self.has('retired') or not s.owner.any(van):
            return False
        return s.retired[s.owner.find(van)]

    def forgotten(self, s, van):
        """The host has a VAN that the API does not know any more."""
        return (self.fault('restore') and s.record[van] is Record.NONE
                and s.state[van] in FORGETTABLE)

    def idle(self, s, van):
        """Nothing runs on the handle, nor on its whole region."""
        return s.job[van] is Job.NONE and (
            not self.programs or self.idle_beside(s, van))

    def fits(self, s, van):
        """The function wanted is loaded, or none is wanted."""
        return not self.programs or s.handle[van] is None or (
            s.loaded[self.region_of(s.handle[van])] is self.wanted(van))

    def looks(self, s, van, *answers):
        """One observation: presence is one of these answers, and idle."""
        return self.presence(s, van) in answers and self.idle(s, van)

    def absent_and_idle(self, s, van):
        """One observation: ABSENT, and idle."""
        return self.looks(s, van, Presence.ABSENT)

    def offers(self, s, van):
        """One observation: ABSENT, idle and the function wanted."""
        return self.absent_and_idle(s, van) and self.fits(s, van)

    def lacks(self, s, van):
        """One observation: ABSENT, idle and not the function wanted."""
        return self.absent_and_idle(s, van) and not self.fits(s, van)

    def as_plugged(self, s, van):
        """One observation: PRESENT, idle and the function wanted."""
        return (self.looks(s, van, Presence.PRESENT)
                and self.fits(s, van))

    def idle_beside(self, s, van):
        """No other VAN writes or erases the whole region."""
        return not any(s.job[other] in WHOLE_REGION
                       and self.neighbour(s, van, other)
                       for other in self.others(van))

    # what happens on the host

    def begins(self, s, van, state, job):
        """The work of this state was asked for, has not begun, and can."""
        when(s.state[van] is state, 'OSACC-046')
        when(s.ask[van] in ASKED and s.job[van] is Job.NONE, 'OSACC-053')
        when(self.reachable(s, job), 'OSACC-F19')
        if self.has('gone') and job is not Job.DETACH:
            when(not self.is_gone(s, van), 'OSACC-F13')

    def under_way(self, s, van, *jobs):
        """One of these jobs is being done at the device."""
        when(s.job[van] in jobs, 'OSACC-009')

    def end_job(self, s, van, answer):
        """The device is idle again; whoever still waits is told, if there
        is anybody to tell it."""
        if self.by_api(s.job[van]) and not self.api_up(s) or not (
                self.agent_up(s) or self.in_process(s.job[van])):
            answer = Ask.ERROR
        s.job[van] = Job.NONE
        if s.ask[van] in ASKED:
            s.ask[van] = answer

    def blank(self, s, region):
        """A region holds no function any more."""
        s.loaded[region] = Function.NONE

    # what os-acc does at each transition

    def journal(self, s, van, state):
        """Write a transition down, durably.

        Where the record in the database *is* the durable state, that takes
        the API; elsewhere the report may wait.
        """
        if self.topology == 'VIA_API' and self.has('api'):
            when(s.api, 'OSACC-048')
        s.state[van] = state
        if self.topology == 'VIA_API':
            if state in AS_RECORDED:
                self.take_report(s, van)
        else:
            s.pending[van] = True

    def nova_runs(self, s):
        """nova-compute, and os-acc within it, runs."""
        when(self.compute_up(s), 'OSACC-F08')

    def api_answers(self, s):
        """The controller can be reached."""
        when(self.api_up(s), 'OSACC-F01')

    def goes_on(self, s, van, call, state):
        """A step of prepare or of plug: the call runs, and its VAN is in
        this state and not to be released.
        """
        when(s.call[van] is call, 'OSACC-063')
        when(s.state[van] is state, 'OSACC-052')
        when(s.goal[van] is not Goal.RELEASED, 'OSACC-063')

    def settles(self, s, van, state, *answers):
        """os-acc finds a VAN in this state that nobody works on, and its
        observation is one of these answers, and idle.
        """
        when(s.state[van] is state, 'OSACC-052')
        self.nobody_works(s, van)
        when(self.looks(s, van, *answers), 'OSACC-054')

    def nobody_works(self, s, van):
        """nova-compute runs, and no plugin method of it on this VAN."""
        self.nova_runs(s)
        when(s.ask[van] is Ask.NONE, 'OSACC-059')

    def returned(self, s, van, state, seen):
        """The plugin method that this state names has returned, and what
        has then been seen is what it was to do.
        """
        when(s.state[van] is state, 'OSACC-052')
        when(s.ask[van] is Ask.DONE, 'OSACC-058')
        when(seen, 'OSACC-040')

    def failed(self, s, van, state, seen):
        """The plugin method that this state names has raised, or something
        else has been seen after it.
        """
        when(s.state[van] is state, 'OSACC-052')
        when(s.ask[van] in (Ask.DONE, Ask.ERROR), 'OSACC-058')
        when(s.ask[van] is Ask.ERROR or not seen, 'OSACC-058')

    def gives_up(self, s, van, *states):
        """release or sync works on a VAN in one of these states, whose goal
        is RELEASED.
        """
        when(s.state[van] in states, 'OSACC-037')
        when(s.goal[van] is Goal.RELEASED, 'OSACC-037')
        when(s.call[van] in (Call.RELEASE, Call.NONE), 'OSACC-059')
        self.nobody_works(s, van)

    def aim(self, s, van, goal):
        """A call wants another thing of a VAN; but RELEASED is final."""
        if s.goal[van] is not Goal.RELEASED:
            s.goal[van] = goal

    def answer_error(self, s, van):
        """The call raises, and lets go of what it held in memory."""
        s.call[van] = Call.RAISED
        if self.has('image'):
            s.image[van] = Image.NONE

    def to_report(self, s, van):
        """What the record becomes by a report of goal and state."""
        if (s.goal[van] is Goal.RELEASED
                and s.state[van] is not Van.RELEASED):
            return Record.WITHHELD
        # A state in transition has no name there: BOUND is the best guess.
        return AS_RECORDED.get(s.state[van], Record.BOUND)

    def take_report(self, s, van):
        """The API records a report, and older ones no longer count;
        RELEASED frees the handle, once.
        """
        s.record[van] = self.to_report(s, van)
        if self.is_retired(s, van) and s.state[van] is not Van.RELEASED:
            s.record[van] = Record.WITHHELD
        if self.has('late') and s.late[van] is not Record.NONE:
            s.overtaken[van] = True
        if s.state[van] is Van.RELEASED:
            self.free(s, van)

    def own(self, s, van, handle):
        """The API makes a handle this VAN's, and charges the quota."""
        s.owner[handle] = van
        s.used = min(s.used, len(self.handle)) + 1
        s.record[van] = Record.BOUND

    def free(self, s, van):
        """The API takes the handle of a VAN back, and refunds the quota,
        unless an administrator has already.
        """
        handle = s.owner.find(van)
        if handle is not None:
            s.owner[handle] = None
            if not self.has('retired') or not s.retired[handle]:
                s.used = max(s.used, 1) - 1
            if self.has('retired'):
                s.retired[handle] = False


def pay(s, failure):
    """A fault happens while the configuration allows one more."""
    when(s.faults > 0, failure)
    s.faults = max(s.faults, 1) - 1


__all__ = ['AS_RECORDED', 'AS_REMEMBERED', 'ASKED', 'BARRING', 'FAULTS',
           'FLOWS', 'LEFT', 'SET_ASIDE', 'UNRELEASED', 'WAITING', 'WEAK',
           'WHOLE_REGION', 'Ask', 'Call', 'Claim', 'Function', 'Goal',
           'Image', 'Instance', 'Job', 'pay', 'Presence', 'Record', 'Van',
           'when', 'World']
