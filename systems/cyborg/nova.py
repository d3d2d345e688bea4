"""Plays Nova, users, operators and hosts of ``stein`` to the real Cyborg.

Each ``do_`` method is one action of the model.  What Nova does by itself,
such as starting a guest, needs no request: it is noted, since Cyborg sees
nothing of it.  A claim is one in the real Placement.
"""

import contextlib
import threading
import uuid

from cyborg_models.conformance.oracle import UNKNOWN as UNKNOWN_OUTCOME
from cyborg_models.conformance.suite import (
    HarnessError,
    Refused,
    System,
    Unknown,
    chosen,
)
from cyborg_models.stein.vocabulary import Arq, Notice, Use
from systems.cyborg.adapter import PROFILES, Raw
from systems.cyborg.requests import UNKNOWN, Finding, words
from systems.cyborg.stack import LIMIT, REPORTS, identity

#: action -> (statuses of success, of refusal) in the table of the REST API
ANSWERS = {
    'post': ((201,), (403,)),
    'bind': ((202,), (409,)),
    'unbind': ((202,), (409,)),
    'delete': ((204, 202), ()),
    'unknown provider': ((400,), ()),
    'program': ((202, 200), (409,)),
}
#: what Cyborg does by itself
HIDDEN = (
    'refuse_bind', 'start_bind', 'refuse_start', 'ignore_request', 'take',
    'no_handle', 'prepare', 'bound', 'fail_too', 'sweep', 'cancel', 'remove',
    'expire', 'erase', 'report')


#: what goes to Cyborg as a request, so that several may overlap
REQUESTS = ('post', 'ask_bind', 'rebind', 'repeat_request', 'unbind',
            'delete_arq')


#: what the message bus says when it gives up
LATE = ('No reply on topic', 'Timed out waiting for a reply')


def gave_up(reply):
    """Did the message bus give up before there was an answer?"""
    return reply.status == 500 and any(text in reply.fault for text in LATE)


class Played(System):
    """Cyborg with everything around it played.

    :param stack: a :class:`~systems.cyborg.stack.Stack`
    :param client: class of the client, ``Raw`` or ``Sdk``
    :ivar findings: answers that are not in the table of the REST API, each
        with the steps of the run and the number of all steps before it
    """

    roles = ('cyborg',)
    capabilities = ('core', 'group', 'unbind')
    implementation = ('openstack-cyborg', '17.0.0')
    # The model's rebind is that of an operator, from Unbound alone; Cyborg
    # may start a bind from Initial as well.
    refuses = ('unbind',)
    limit, callers, hides = 4 * LIMIT, 2, HIDDEN
    instances = arqs = handles = 2
    twins = False

    def __init__(self, stack, client=Raw, known=()):
        self.stack, self._client = stack, client
        self._own = threading.local()
        self.admin = Raw(stack, identity(roles='admin'))
        model = chosen(self).model
        self.hidden = tuple(
            name for name in self.hides if name in model.actions)
        self.known = tuple(
            name for name in known if name in model.defects)
        self.findings = []
        self.claims, self.count = set(), 0
        self.lock, self.flying = threading.Lock(), []

    @property
    def client(self):
        """A client for each thread that calls."""
        if not hasattr(self._own, 'client'):
            self._own.client = self._client(self.stack)
        return self._own.client

    # what the kit asks for

    def _profile(self, name, group):
        """Make a device profile, again if the message bus gave up."""
        for _ in range(REPORTS):
            reply = self.admin.send('POST', PROFILES, json=[
                {'name': name, 'groups': [group]}])
            if reply.status == 201:
                return
            if not gave_up(reply):
                break
            self.stack.rest()
            if self.stack.database.query(
                    'SELECT id FROM device_profiles WHERE name = %s', name):
                return
        raise HarnessError(f'no device profile: {reply}')

    def actions(self, known):
        """The actions of the model that are played."""
        return frozenset(name for name in known if hasattr(
            self, f'do_{name}'))

    def start(self):
        """Nothing but a device profile, and all handles free."""
        self.stack.reset()
        for consumer in self.claims:
            self.stack.place('DELETE', f'/allocations/{consumer}')
        self.claims.clear()
        for name, group in self.wanted().items():
            self._profile(name, group)
        # Twins are attempts for one and the same instance.
        names = [str(uuid.uuid4()) for _ in range(self.instances)]
        self.names = names[:1] * self.instances if self.twins else names
        self.consumers = [str(uuid.uuid4()) for _ in names]
        self.uuids = [None] * (self.instances * self.arqs)
        self.notices = [Notice.NONE] * len(self.uuids)
        self.waits, self.guests, self.posted = set(), {}, set()
        self.story, self.home = [], threading.get_ident()
        self.reachable = self.up = True

    def wanted(self):
        """Name of a device profile -> its group; one for all instances, or
        in order one for each."""
        return {'wanted': {'resources:FPGA': str(self.arqs)}}

    def observe(self):
        """What the database holds, and which events came."""
        rows = {row['uuid']: row for row in self.stack.database.query(
            'SELECT uuid, state, attach_handle_id '
            'FROM extended_accelerator_requests')}
        places, used = self._handles()
        seen = {}
        for arq, name in enumerate(self.uuids):
            row = rows.get(name)
            seen[f'arq[{arq}]'] = Arq(row['state']) if row else Arq.ABSENT
            handle = row and row['attach_handle_id']
            seen[f'handle[{arq}]'] = (
                None if handle is None else places.get(handle, handle))
            seen[f'notice[{arq}]'] = self._notice(arq, row)
        for place in range(self.handles):
            seen[f'use[{place}]'] = self._use(place, used)
        return {name: value for name, value in seen.items()
                if value is not None or name.startswith('handle')}

    def _handles(self):
        """Handle id -> its place, and place -> whether it is in use."""
        places, used = {}, {}
        for row in self.stack.database.query(
                'SELECT id, attach_info, in_use FROM attach_handles'):
            place = int(row['attach_info'].split('"function": "')[1][0]) - 1
            places[row['id']] = place
            used[place] = bool(row['in_use'])
        return places, used

    def _notice(self, arq, row):
        if not row:
            return Notice.NONE
        name = self.uuids[arq]
        for _, tag, status in reversed(self.stack.nova.events):
            if tag == name and name is not None:
                return (Notice.SENT_OK if status == 'completed'
                        else Notice.SENT_FAILED)
        return self.notices[arq]

    def _use(self, place, used):
        """A free handle has been erased if that could be; else it waits."""
        if place not in used:
            return Use.GONE
        if used[place]:
            return Use.IN_USE
        if place in self.guests:
            return Use.CLEANING
        return Use.FREE if self.reachable and self.up else None

    def wait(self):
        """Binds end within the PATCH; what is left are periodic tasks."""
        self.stack.database.query(
            "UPDATE extended_accelerator_requests SET "
            "created_at = '2020-01-01', updated_at = '2020-01-01'")
        self.stack.report()

    # requests

    def arqs_of(self, instance):
        """The numbers of an instance's ARQs."""
        first = instance * self.arqs
        return list(range(first, first + self.arqs))

    def _named(self, numbers):
        """The uuids of ARQs; those without one were never made."""
        return [self.uuids[number] or UNKNOWN for number in numbers]

    def call(self, name, arguments):
        """As the kit asks; what is done is kept for the record."""
        self.story.append([name, *arguments])
        self.count += 1
        outcome = super().call(name, arguments)
        if name not in REQUESTS and threading.get_ident() != self.home:
            # Nova minds its own order; beside other calls, which it was
            # in is not known.
            return UNKNOWN_OUTCOME
        return outcome

    @contextlib.contextmanager
    def _once(self, *request):
        """A request; one that is under way already is ignored.

        Nova never sends it twice, the bus may: an answer that accepts the
        second says that it was ignored.  Of a bind it says nothing: with
        some defects it begins again.
        """
        with self.lock:
            repeated = request in self.flying
            self.flying.append(request)
        try:
            yield
        finally:
            with self.lock:
                self.flying.remove(request)
        if repeated and request[0] == 'bind':
            raise Unknown('it was under way')
        if repeated:
            raise Refused('it was under way')

    def _judge(self, kind, reply, requirement):
        """Success, refusal, or an answer that is not in the table."""
        good, bad = ANSWERS[kind]
        if reply.status in good:
            return
        if reply.status in bad:
            raise Refused(reply.fault)
        gone = reply.status == 404 and kind in ('bind', 'unbind') and (
            'ExtArq' in reply.fault)  # deleted meanwhile, which is allowed
        # On a slow machine the message bus gives up: what came of it is not
        # known to who asked, and the states that follow are judged anyhow,
        # once they do follow.
        late = gave_up(reply)
        if late:
            self.stack.rest()
        if reply.status is not None and not gone and not late:
            self.findings.append((Finding(
                f'{kind}: answer {reply.status} {words(reply.fault)}',
                requirement, 'answer ' + ' or '.join(map(str, good + bad)),
                f'answer {reply.status} {reply.fault}'.strip()),
                list(self.story), self.count))
        raise Unknown(f'{reply.status} {reply.fault}')

    def do_claim(self, instance, host):
        answer = self.stack.place(
            'PUT', f'/allocations/{self.consumers[instance]}', json={
                'allocations': {self.stack.provider: {
                    'resources': {'FPGA': self.arqs}}},
                'project_id': 'p', 'user_id': 'u',
                'consumer_generation': None})
        # Placement may know of what was withdrawn; then the claim is one
        # that was made just before.
        if answer.status_code == 204:
            self.claims.add(self.consumers[instance])
        elif answer.status_code not in (400, 409):
            raise HarnessError(f'placement: {answer.text}')

    def do_post(self, instance):
        with self.lock:
            if ('post', instance) in self.posted:
                raise Refused('Nova asks once')
            self.posted.add(('post', instance))
        names = list(self.wanted())
        reply = self.client.create(names[instance % len(names)])
        if reply.status == 201:
            made = [arq['uuid'] for arq in reply.body['arqs']]
            for number, name in zip(self.arqs_of(instance), made,
                                    strict=False):
                self.uuids[number] = name
                self.notices[number] = Notice.NONE
        self._judge('post', reply, 'ARQ-003')

    def do_ask_bind(self, instance):
        self._bind(self.arqs_of(instance))

    def do_rebind(self, arq):
        bound = self.observe()[f'arq[{arq}]'] is Arq.BOUND
        self._bind([arq])
        if bound and threading.get_ident() != self.home:
            raise Unknown('an unbind beside it may have come before')
        if bound:
            raise Refused('the row said so already')

    def do_repeat_request(self, arq):
        """It arrives twice; to ignore it is a step of Cyborg's own."""
        self._send_bind([arq])

    def _bind(self, numbers):
        with self._once('bind', *numbers):
            self._send_bind(numbers)

    def _send_bind(self, numbers):
        reply = self.client.bind(
            self._named(numbers), self.names[numbers[0] // self.arqs],
            self.stack.provider)
        self._judge('bind', reply, 'ARQ-024' if reply.status == 400
                    else 'ARQ-027' if 'Bad state' in reply.fault
                    else 'ARQ-030')

    def do_name_no_provider(self, instance):
        self._judge('unknown provider', self.client.bind(
            self._named(self.arqs_of(instance)), self.names[instance],
            UNKNOWN), 'ARQ-019')

    def do_unbind(self, arq):
        with self._once('unbind', arq):
            self._judge('unbind', self.client.unbind(self._named([arq])),
                        'ARQ-020')

    def do_delete_arq(self, arq):
        with self._once('delete', arq):
            self._judge('delete', self.client.delete(self._named([arq])),
                        'ARQ-061')

    # what Nova, users and hosts do

    def do_register(self, instance):
        self.waits.add(instance)

    def do_deliver(self, arq):
        """The last event about an ARQ arrives, and is one for all."""
        self._drop(arq)
        told = arq // self.arqs in self.waits
        self.notices[arq] = Notice.TOLD if told else Notice.MISSED

    def _drop(self, arq):
        events = self.stack.nova.events
        kept = [event for event in events if event[1] != self.uuids[arq]]
        if len(kept) == len(events):
            raise Refused('no event came')
        events[:] = kept

    def do_lose_event(self, arq):
        self._drop(arq)
        self.notices[arq] = Notice.LOST

    def do_poll(self, arq):
        self.client.get(self.uuids[arq])
        self.notices[arq] = Notice.TOLD

    def do_attach(self, instance):
        """The guest gets the handles that the rows name now."""
        self.waits.discard(instance)
        for arq in self.arqs_of(instance):
            handle = self.observe()[f'handle[{arq}]']
            if handle is not None:
                self.guests[handle] = instance

    def _detach(self, instance):
        for handle in [handle for handle, guest in self.guests.items()
                       if guest == instance]:
            del self.guests[handle]

    def do_run(self, instance):
        """Only Nova knows of it."""

    def do_stop(self, instance):
        self._detach(instance)

    def _fails(self, instance):
        self.waits.discard(instance)

    do_give_up = do_crash_compute = do_fail_spawn = do_lose_reply = _fails
    do_fail_before_bind = do_time_out = do_delete_instance = _fails
    do_abandon = do_evacuate = _fails

    def do_free_claim(self, instance):
        self.stack.place(
            'DELETE', f'/allocations/{self.consumers[instance]}')
        self.claims.discard(self.consumers[instance])

    do_lose_created = do_free_claim

    def do_destroy(self, instance, handle):
        self.guests.pop(handle, None)

    def do_destroy_remains(self, handle):
        self.guests.pop(handle, None)

    def do_lose_controller(self):
        self.reachable = False

    def do_find_controller(self):
        self.reachable = True

    def do_lose_host(self, host):
        self.up = False

    def do_lose_power(self, host):
        """All guests of the host end."""
        self.up = False
        self.guests.clear()
        self.waits.clear()

    def do_find_host(self, host):
        self.up = True

    def do_withdraw(self, handle):
        """The hardware lacks a function, and the agent reports it."""
        _, used = self._handles()
        if len(used) == 1:
            raise Refused('the last function stays')
        self._report({*used} - {handle})

    def do_come_back(self, handle):
        """The hardware has it again."""
        _, used = self._handles()
        self._report({*used, handle})

    def _report(self, places):
        self.stack.hardware(
            handles=[place + 1 for place in sorted(places)])
        self.stack.report()

    def do_crash_conductor(self):
        """Cyborg is killed, all three services, and starts again."""
        self.stack.restart()

    def do_release_fails(self, arq):
        """DELETE while the database refuses to free a handle."""
        with self.stack.failing_release():
            self.client.delete(self._named([arq]))

    def do_unbind_fails(self, arq):
        """The same with a PATCH that unbinds."""
        with self.stack.failing_release():
            self.client.unbind(self._named([arq]))


class Release(Played):
    """Two instances with an ARQ each, and everything that ends them."""

    model = 'stein.release'
    settings = {'instances': 2, 'handles': 2, 'faults': 30, 'operations': 30}
    arqs = 1


class Group(Played):
    """One instance with two ARQs, bound by one PATCH."""

    model = 'stein.release'
    settings = {'instances': 1, 'arqs': 2, 'handles': 2, 'faults': 30,
                'operations': 30}
    instances = 1


class Twins(Played):
    """Two requests for one and the same instance."""

    model = 'stein.attach'
    settings = {'twins': 'true', 'faults': 30}
    twins, arqs = True, 1
    refuses = ()
