"""What the detailed models share: sets, variables, and what is fixed.

An *instance* here is one attempt of Nova to give an instance its devices;
its ARQs are numbered in a row.  With ``twins`` all attempts are for one and
the same instance, as when a boot request is delivered twice.
"""

from types import SimpleNamespace

from cyborg_models.kernel.language import Model, ModelError
from cyborg_models.kernel.settings import number, one_of
from cyborg_models.stein.vocabulary import (
    FAULTS,
    GIVEN_UP,
    NAMING,
    Arq,
    Job,
    Kind,
    Logic,
    Notice,
    Nova,
    Use,
    Work,
    need,
)


class Scene:
    """The stage of a model.

    :param name: of the model
    :param defects: that are switched on
    :param fixed: what differs from the defaults below
    :ivar model: the model, with sets and variables declared
    """

    twins = maintenance = discovery = False
    in_one_step = False  # each device is prepared, whatever its kind
    instances, arqs, hosts, per_region, functions = 1, 1, 1, 1, 2
    kinds = (Kind.PCI,)
    begins = (Nova.NONE, None)  # what Nova does, and the host claimed
    inventory = quota = None
    faults, operations = 0, 0
    enabled = None

    def __init__(self, name, defects, **fixed):
        for key, value in fixed.items():
            if not hasattr(Scene, key):
                raise TypeError(f'unknown setting {key}')
            setattr(self, key, value)
        self._check()
        self.model = m = Model(name, defects)
        self.instance = m.set('instance', self.instances)
        self.arq = m.set('arq', self.instances * self.arqs)
        self.handle = m.set('handle', len(self.kinds))
        if self.prepares:
            self.region = m.set('region', 1 + max(
                self.region_of(handle) for handle in self.handle
                if not self.plain(handle)))
        self.host = m.set('host', self.hosts)
        if not self.prepares:  # all want the same of the same devices
            m.symmetric(self.instance, self.arq)
            if self.hosts == 1:
                m.symmetric(self.handle)
        self._declare(m)

    def _check(self):
        """Refuse what no such stage has."""
        number('handles', len(self.kinds), 1)
        for name in ('instances', 'arqs', 'hosts', 'per_region'):
            number(name, getattr(self, name), 1)
        number('functions', self.functions, 1, 2)
        for name in ('inventory', 'quota'):
            if getattr(self, name) is not None:
                number(name, getattr(self, name), 1)
        for name in ('faults', 'operations'):
            number(name, getattr(self, name), 0)
        for name in self.enabled or ():
            one_of('enabled', name, sorted(FAULTS))
        for handle, kind in enumerate(self.kinds):
            first = self.region_of(handle) * self.per_region
            if kind is Kind.PCI is self.kinds[first]:
                continue
            if kind is not self.kinds[first] or (
                    self.host_of(handle) != self.host_of(first)):
                raise ModelError(
                    f'with per_region={self.per_region} the handles {first} '
                    f'and {handle} share a region, and are of two kinds or '
                    'hosts; choose other numbers of handles, or per_region=1')

    def _declare(self, m):
        nova, claim = self.begins
        m.var('nova', Nova, start=nova, each=self.instance)
        m.var('claim', (None, self.host), start=claim, each=self.instance)
        # Cyborg's database
        m.var('arq', Arq, start=Arq.ABSENT, each=self.arq)
        m.var('handle', (None, self.handle), start=None, each=self.arq)
        m.var('charged', bool, start=False, each=self.arq)
        m.var('use', Use, start=Use.FREE, each=self.handle)
        # under way: bind requests, the conductor's jobs, events
        m.var('asked', bool, start=False, each=self.arq)
        m.var('job', Job, start=Job.NONE, each=self.arq)
        m.var('notice', Notice, start=Notice.NONE, each=self.arq)
        # on the hosts
        m.var('guest', (None, self.instance), start=None, each=self.handle)
        m.var('dirty', bool, start=False, each=self.handle)
        if self.maintenance:
            m.var('serviced', bool, start=False, each=self.handle)
        m.var('up', bool, start=True, each=self.host)
        if self.discovery:
            m.var('failing', bool, start=False, each=self.host)
            # the last report without an error has it
            m.var('reported', bool, start=True, each=self.handle)
        if self.prepares:
            whole = [logic for logic in Logic if logic is not Logic.PARTIAL
                     and (logic is not Logic.MDEV
                          or Kind.MDEV in self.kinds)]
            for name, domain in (
                    ('recorded', whole),  # in Cyborg's database
                    ('loaded', [*whole, Logic.PARTIAL]),  # in truth
                    ('target', whole),  # what the agent was asked for
                    ('image', [*whole, Logic.PARTIAL])):  # what it fetched
                m.var(name, domain, start=Logic.NONE, each=self.region)
            m.var('work', Work, start=Work.IDLE, each=self.region)
        m.var('reachable', bool, start=True)  # the controller, from a host
        # what may still happen
        m.var('faults', range(self.faults + 1), start=self.faults)
        m.var('operations', range(self.operations + 1),
              start=self.operations)
        # every transition of an ARQ was allowed; every step was possible
        m.var('lawful', bool, start=True)
        m.var('possible', bool, start=True)
        m.never_idle('ARQ-090', besides=('faults', 'operations'))

    # What is fixed.

    def arqs_of(self, instance):
        """The ARQs of an instance, by number."""
        return range(instance * self.arqs, (instance + 1) * self.arqs)

    def instance_of(self, arq):
        """The instance that an ARQ is for."""
        return arq // self.arqs

    def siblings(self, arq):
        """The other ARQs of the same PATCH."""
        return [other for other in self.arqs_of(self.instance_of(arq))
                if other != arq]

    def rivals(self, instance):
        """The ARQs of other requests for the same instance."""
        return [arq for arq in self.arq if self.twins
                and self.instance_of(arq) != instance]

    def plain(self, handle):
        """A handle needs no work on its device, and has no region."""
        return self.kinds[handle] is Kind.PCI

    def region_of(self, handle):
        """The region that a handle gives access to."""
        return handle // self.per_region

    def handles_of(self, region):
        """The handles that give access to a region."""
        return [handle for handle in range(len(self.kinds))
                if self.region_of(handle) == region]

    def neighbours(self, handle):
        """The other handles of the same region."""
        return [other for other in self.handles_of(self.region_of(handle))
                if other != handle]

    def host_of(self, handle):
        """The host that a handle is on: they are dealt out in turn."""
        return handle % self.hosts

    def room(self, host):
        """How many accelerators Placement has for a host."""
        if self.inventory is not None:
            return self.inventory
        return sum(self.host_of(handle) == host for handle in self.handle)

    def ended(self, s, region):
        """No handle of a region is in use or to be erased."""
        return not any(s.use[handle] in (Use.IN_USE, Use.CLEANING)
                       for handle in self.handles_of(region))

    @property
    def prepares(self):
        """True if some handle needs work on the device before use."""
        return not all(self.plain(handle) for handle in self.handle)

    def wanted(self, handle, instance):
        """What the region of a handle must hold for an instance."""
        return {Kind.PCI: Logic.NONE, Kind.MDEV: Logic.MDEV,
                Kind.FPGA: (Logic.FIRST, Logic.SECOND)[
                    instance % self.functions],
                }[self.kinds[handle]]

    # Declaring.

    def fault(self, view, **sets):
        """Declare a fault, unless the configuration leaves it out."""
        def declare(body):
            if self.enabled is not None and body.__name__ not in self.enabled:
                return body
            return self.model.action(view, fault=True, **sets)(body)
        return declare

    def defect(self, name, of, without=None, doc=None):
        """Declare what a defect makes of the action named *of*, if the
        configuration has that action; see the model's ``defect``.
        """
        if of not in self.model.actions:
            return lambda body: body
        return self.model.defect(name, SimpleNamespace(__name__=of),
                                 without, doc)

    # Phrases.

    def named_by_rivals(self, s, instance):
        """ARQs of another request name the same instance already."""
        return any(s.arq[arq] in NAMING for arq in self.rivals(instance))

    def suits(self, s, handle, instance):
        """A handle can serve an instance, where it was claimed."""
        return (self.is_claimed(s, handle, instance)
                and self.can_serve(s, handle, instance))

    def is_claimed(self, s, handle, instance):
        """A handle is of the provider that the instance has claimed, which
        here is the host.
        """
        return s.claim[instance] == self.host_of(handle)

    def can_serve(self, s, handle, instance):
        """A handle is free, its device is not in maintenance, and its region
        can serve.

        A region that nobody uses can be written; one in use serves only
        who wants what it holds.
        """
        return (s.use[handle] is Use.FREE
                and not (self.maintenance and s.serviced[handle])
                and self.region_serves(s, handle, instance))

    def region_serves(self, s, handle, instance):
        """The region of a handle, if it has one, can serve an instance."""
        if self.plain(handle):
            return True
        region = self.region_of(handle)
        if s.work[region] is not Work.IDLE:
            return False
        uses = [s.use[other] for other in self.neighbours(handle)]
        if Use.CLEANING in uses:
            return False
        return Use.IN_USE not in uses or (
            s.recorded[region] is self.wanted(handle, instance))

    def none_suits(self, s, arq):
        """There is no handle for *arq*."""
        return not any(self.suits(s, handle, self.instance_of(arq))
                       for handle in self.handle)

    def name_handle(self, s, arq, handle):
        """The row of *arq* names *handle*; is its device ready?"""
        need(s, s.arq[arq] is Arq.BIND_STARTED)
        s.handle[arq] = handle
        if not self.takes_time(s, handle, self.instance_of(arq)):
            s.job[arq] = Job.READY
            return
        s.job[arq] = Job.TAKEN
        if self.prepares:
            s.recorded[self.region_of(handle)] = Logic.NONE

    def begin(self, s, arq, handle):
        """The agent is asked to prepare the device of *handle* for *arq*."""
        if not s.up[self.host_of(handle)]:
            return
        region = self.region_of(handle)
        wanted = self.wanted(handle, self.instance_of(arq))
        s.target[region] = wanted
        if wanted is Logic.MDEV:  # needs no bitstream
            s.image[region] = wanted
            s.work[region] = Work.VALID
        else:
            s.work[region] = Work.ASKED

    def region_for(self, s, arq):
        """The region of the handle that *arq* has; without one, the first.
        """
        return 0 if s.handle[arq] is None else self.region_of(s.handle[arq])

    def answer(self, s, arq):
        """How the work stands that the bind of *arq* waits for."""
        if s.job[arq] is not Job.ASKED:
            return None
        return s.work[self.region_for(s, arq)]

    def relies_on_its_device(self, s, arq):
        """The device of *arq* was prepared, or found as it should be."""
        return s.arq[arq] is Arq.BOUND or (
            s.arq[arq] is Arq.BIND_STARTED and s.job[arq] is Job.READY)

    def within_quota(self, s):
        """There is quota for the ARQs of one more instance."""
        return self.quota is None or (
            s.charged.count(True) + self.arqs <= self.quota)

    def all_bound(self, s, instance):
        """Every ARQ of the instance is Bound."""
        return all(s.arq[arq] is Arq.BOUND
                   for arq in self.arqs_of(instance))

    def give_devices(self, s, instance):
        """The guest gets the device of each ARQ that has a handle."""
        for arq in self.arqs_of(instance):
            if s.handle[arq] is not None:
                need(s, s.up[self.host_of(s.handle[arq])])
                s.guest[s.handle[arq]] = instance
                s.dirty[s.handle[arq]] = True

    def take_devices(self, s, instance):
        """The guest has no device any more."""
        for arq in self.arqs_of(instance):
            if s.handle[arq] is not None:
                need(s, s.up[self.host_of(s.handle[arq])])
                s.guest[s.handle[arq]] = None

    def guest_is_gone(self, s, arq):
        """No guest has the device of *arq*, or its host was given up."""
        return (s.nova[self.instance_of(arq)] in GIVEN_UP
                or not self.has_guest(s, arq))

    def regions_on(self, host):
        """The regions that a host has."""
        return [region for region in self.region
                if self.host_of(self.handles_of(region)[0]) == host]

    def stop_agent(self, s, host):
        """The agent of a host stops, and leaves its work as it is."""
        for region in self.regions_on(host):
            s.work[region] = Work.IDLE

    def agent_is_up(self, s, region):
        """The host of a region answers."""
        return s.up[self.host_of(self.handles_of(region)[0])]

    def host_is_up(self, s, instance):
        """The host that an instance has claimed answers."""
        return s.claim[instance] is None or s.up[s.claim[instance]]

    def left_on(self, s, instance, host):
        """A guest of the instance has a device of the host."""
        return any(s.guest[handle] == instance for handle in self.handle
                   if self.host_of(handle) == host)

    def no_rows(self, s, instance):
        """No ARQ of the instance exists."""
        return all(s.arq[arq] is Arq.ABSENT
                   for arq in self.arqs_of(instance))

    def half_failed(self, s, instance):
        """One bind of a PATCH failed, and another goes on or is Bound."""
        arqs = self.arqs_of(instance)
        return len(arqs) > 1 and any(
            s.arq[arq] is Arq.BIND_FAILED for arq in arqs) and any(
            s.arq[arq] in (Arq.BIND_STARTED, Arq.BOUND) for arq in arqs)

    def has_guest(self, s, arq):
        """The guest of its instance has the device of *arq*."""
        return s.handle[arq] is not None and (
            s.guest[s.handle[arq]] == self.instance_of(arq))

    def takes_time(self, s, handle, instance):
        """The device must be prepared before the instance can have it."""
        return self.in_one_step or not self.plain(handle) and (
            s.recorded[self.region_of(handle)]
            is not self.wanted(handle, instance))

    def quiet(self, s):
        """Nothing is under way, save what a host that is down holds up."""
        return (not s.asked.any(True)
                and s.job.all(Job.NONE)
                and not s.arq.any(Arq.INITIAL, Arq.BIND_STARTED,
                                  Arq.DELETING)
                and s.nova.all(Nova.NONE, Nova.ACTIVE, Nova.STOPPED,
                               Nova.EVACUATING, Nova.GONE)
                and all(s.nova[instance] is not Nova.EVACUATING
                        or self.no_rows(s, instance)
                        for instance in self.instance)
                and not s.notice.any(Notice.SENT_OK, Notice.SENT_FAILED)
                and s.reachable
                and (not s.use.any(Use.CLEANING) or not s.up.all(True))
                and (not self.prepares or s.work.all(Work.IDLE)))
