"""Requests at random, good and bad, held to the table of the REST API.

The models have no status codes, bodies or credentials; what
``accelerator-requests`` says of these is here as one function from a request
and the rows before it to what may come of it (:func:`contract`).  Requests
are made by :func:`propose`: a valid one for rows that there are, in which at
most one place has been changed.
"""

import copy
import json
import random
import re
import uuid
from dataclasses import dataclass, field

from systems.cyborg.adapter import (
    ARQS,
    PROFILES,
    Raw,
    Sdk,
    bind_body,
    read_listing,
    snapshot,
    unbind_body,
)
from systems.cyborg.stack import OTHER_PROJECT, identity

INSTANCES = tuple(str(uuid.UUID(int=0x1000 + i)) for i in range(3))
UNKNOWN = str(uuid.UUID(int=0xdead))
BINDABLE = ('Initial', 'Unbound')
UNBINDABLE = ('Bound', 'BindFailed', 'UnbindFailed')
#: what a place in a body is changed to
KINDS = {
    'null': None, 'a number': 7, 'an empty text': '', 'a text': 'x',
    'a long text': 'x' * 300, 'a list': [], 'a map': {}, 'a truth': True,
}
CALLERS = {
    'service': identity(),
    'admin': identity(roles='admin'),
    'user': identity(service=False),
    'other': identity(OTHER_PROJECT, service=True),
}


@dataclass
class Request:
    """One request.

    :ivar name: what it is, such as ``bind``
    :ivar change: what was changed in it, '' for nothing
    :ivar arqs: numbers of the ARQs that it is about, in order of creation
    :ivar call: (method, path, arguments)
    """

    name: str
    call: tuple
    change: str = ''
    arqs: tuple = ()
    caller: str = 'service'
    instance: str = ''


@dataclass(frozen=True)
class Finding:
    """What a system did and the contract does not allow.

    :ivar signature: what happened in which case, without names and numbers
        that differ from run to run; the same cause gives few of them
    :ivar requirement: that is broken
    """

    signature: str
    requirement: str
    expected: str
    happened: str


@dataclass
class Allowed:
    """What may come of a request.

    :ivar statuses: of the answer
    :ivar requirement: that says so
    :ivar after: uuid -> states that the row may have then, None for no row;
        rows that are not named stay as they are
    :ivar new: how many rows may be added
    :ivar events: how many events to Nova may come
    """

    statuses: tuple
    requirement: str
    after: dict = field(default_factory=dict)
    new: int = 0
    events: int = 0


def places(body, path=()):
    """The places of a body: tuples of keys and indexes, outermost first."""
    yield path
    items = body.items() if isinstance(body, dict) else (
        enumerate(body) if isinstance(body, list) else ())
    for key, value in items:
        yield from places(value, (*path, key))


def name_place(body, path):
    """A place in words, without uuids and numbers of items."""
    words = ['body', 'patch', 'entry']
    if len(path) < 3:
        return words[len(path)]
    field_name = path[2]
    if field_name != 'value':
        return field_name
    entry = body[path[0]][path[1]]
    return f'{entry["path"].lstrip("/")}'


def changed(body, path, value):
    """A copy of a body with another value at one place."""
    if not path:
        return value
    new = copy.deepcopy(body)
    here = new
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return new


def dropped(body, path):
    """A copy of a body without one place."""
    new = copy.deepcopy(body)
    here = new
    for key in path[:-1]:
        here = here[key]
    del here[path[-1]]
    return new


class Requests:
    """Makes requests, sends them, and judges what came of them.

    :param stack: a :class:`~systems.cyborg.stack.Stack`
    :param seed: of the chance
    """

    def __init__(self, stack, seed):
        self.stack, self.chance = stack, random.Random(seed)
        self.clients = {
            name: tuple(kind(stack, who) for kind in (Raw, Sdk))
            for name, who in CALLERS.items()}
        self.begin()

    def begin(self):
        """Begin an example with nothing but two device profiles."""
        self.stack.reset()
        self.order, self.story = [], []
        self.poisoned = False
        self.maintain(False)
        for name, groups in (('one', [{'resources:FPGA': '1'}]),
                             ('two', [{'resources:FPGA': '2'}])):
            reply = self._client('admin').send('POST', PROFILES, json=[
                {'name': name, 'groups': groups}])
            assert reply.status == 201, reply
        self.groups = {'one': 1, 'two': 2}
        self.now = self.look()

    def _client(self, caller):
        """Raw HTTP and openstacksdk, by turns."""
        return self.clients[caller][len(self.story) % 2]

    def maintain(self, on):
        """Put the device into maintenance, or back."""
        device = self.stack.database.query('SELECT uuid FROM devices')
        verb = 'disable' if on else 'enable'
        return self._client('admin').send(
            'POST', f'/devices/{device[0]["uuid"]}/{verb}')

    def look(self):
        """The database now; new rows are numbered."""
        now = snapshot(self.stack.database.query)
        self.order += [arq for arq in now.rows if arq not in self.order]
        return now

    # making requests

    @property
    def over(self):
        """True if nothing more can be learned of this example."""
        return self.poisoned

    def propose(self):
        """A request that suits the rows that there are, as a step."""
        return self.encode(self._any())

    def _any(self):
        chance = self.chance
        rows = [arq for arq in self.order if arq in self.now.rows]
        choices = ['post', 'post', 'profile', 'nova']
        if rows:
            choices += ['bind'] * 6 + ['unbind'] * 2 + ['delete'] * 2 + [
                'delete instance', 'get', 'resolved', 'delete profile',
                'maintain']
        return getattr(self, '_' + chance.choice(choices).replace(
            ' ', '_'))(rows)

    def _allowed(self, request):
        return contract(request, self.now, self.order, self.groups)

    def _some(self, rows, most=2):
        return self.chance.sample(rows, min(
            len(rows), self.chance.randint(1, most)))

    def _request(self, name, call, arqs=(), **more):
        return Request(name, call, arqs=tuple(
            self.order.index(arq) for arq in arqs), **more)

    def _post(self, rows):
        names = [*self.groups]
        request = self._request('create', ('POST', ARQS, {
            'json': {'device_profile_name': self.chance.choice(names)}}))
        kind = self.chance.randrange(4)
        if kind == 1:
            return self._change(request)
        if kind == 2:
            request.change = 'unknown profile'
            request.call[2]['json'] = {'device_profile_name': 'nowhere'}
        return request

    def _bind(self, rows):
        wanted = [arq for arq in rows
                  if self.now.rows[arq].state in BINDABLE]
        if not wanted or self.chance.random() < 0.2:
            wanted = rows
        arqs = self._some(wanted)
        instance = self.chance.choice(INSTANCES)
        body = bind_body(arqs, instance, self.stack.provider)
        request = self._request('bind', ('PATCH', ARQS, {'json': body}),
                                arqs, instance=instance)
        kind = self.chance.randrange(10)
        if not all(self.now.rows[arq].state in BINDABLE for arq in arqs) or (
                self._allowed(request).statuses != (202,)):
            return request  # one thing is wrong at a time
        if kind < 4:
            return self._change(request)
        first = body[arqs[0]]
        if kind == 4:
            request.change = 'provider unknown'
            for patch in body.values():
                patch[1]['value'] = UNKNOWN
        elif kind == 5:
            request.change = self.chance.choice(
                ('host of no device', 'provider of the host'))
            place, value = ((0, 'compute9') if request.change.startswith(
                'host') else (1, self.stack.root))
            for patch in body.values():
                patch[place]['value'] = value
        elif kind == 6:
            others = [one for one in rows if one not in arqs]
            if self.chance.random() < 0.5 or not others:
                request.change = 'an unknown ARQ besides'
                body[UNKNOWN] = copy.deepcopy(first)
            elif self.chance.random() < 0.5:
                request.change = 'another instance besides'
                body[others[0]] = bind_body(
                    [others[0]], INSTANCES[INSTANCES.index(instance) - 1],
                    self.stack.provider)[others[0]]
                request.arqs += (self.order.index(others[0]),)
            else:
                request.change = 'an unbind besides'
                body.update(unbind_body(others[:1]))
                request.arqs += (self.order.index(others[0]),)
        elif kind == 7:
            request.caller = self.chance.choice(('user', 'other'))
            request.change = f'by {request.caller}'
        return request

    def _unbind(self, rows):
        arqs = self._some(rows)
        request = self._request('unbind', (
            'PATCH', ARQS, {'json': unbind_body(arqs)}), arqs)
        kind = self.chance.randrange(4)
        if self._allowed(request).statuses != (202,):
            return request
        if kind < 2:
            return self._change(request)
        if kind == 2:
            request.caller = self.chance.choice(('user', 'other'))
            request.change = f'by {request.caller}'
        return request

    def _change(self, request):
        """Change one place of the body."""
        body = request.call[2]['json']
        path = self.chance.choice(list(places(body)))
        if request.name == 'create':
            where = 'profile name' if path else 'body'
        else:
            where = name_place(body, path)
        kind = self.chance.choice([*KINDS, 'absent'] if path else [*KINDS])
        if kind == 'absent':
            new = dropped(body, path)
        else:
            new = changed(body, path, KINDS[kind])
        request.change = f'{where} is {kind}'
        request.call = (*request.call[:2], {'json': new})
        return request

    def _delete(self, rows):
        arqs = self._some(rows)
        given, change = list(arqs), ''
        kind = self.chance.randrange(6)
        caller = 'service'
        if kind == 1:
            place = self.chance.randint(0, len(given))
            given.insert(place, UNKNOWN)
            change = 'an unknown ARQ besides'
        elif kind == 2:
            gone = [arq for arq in self.order if arq not in self.now.rows]
            given, arqs = gone[:1] or [UNKNOWN], []
            change = 'gone already'
        elif kind == 3:
            caller = self.chance.choice(('user', 'other'))
            change = f'by {caller}'
        elif kind == 4:
            given.append(given[0])
            change = 'one twice'
        params = {'arqs': ','.join(given)}
        if kind == 5:
            params = self.chance.choice(({}, {
                **params, 'instance': INSTANCES[0]}))
            change = 'both' if params else 'neither'
        return self._request('delete', ('DELETE', ARQS, {'params': params}),
                             arqs, change=change, caller=caller)

    def _delete_instance(self, rows):
        instance = self.chance.choice(INSTANCES)
        arqs = [arq for arq in rows
                if self.now.rows[arq].instance == instance]
        request = self._request('delete instance', (
            'DELETE', ARQS, {'params': {'instance': instance}}), arqs)
        if self.chance.random() < 0.2:
            request.change = request.caller = 'user'
            request.change = 'by user'
        return request

    def _get(self, rows):
        arq = self.chance.choice(rows)
        caller = self.chance.choice(('user', 'other'))
        return self._request('get', ('GET', f'{ARQS}/{arq}', {}), [arq],
                             caller=caller, change=f'by {caller}')

    def _resolved(self, rows):
        instance = self.chance.choice(INSTANCES)
        state = self.chance.choice(('resolved', 'resolved', 'bound'))
        return self._request('list', ('GET', ARQS, {'params': {
            'instance': instance, 'bind_state': state}}), [
                arq for arq in rows
                if self.now.rows[arq].instance == instance],
            change='' if state == 'resolved' else 'another bind_state')

    def _profile(self, rows):
        name = f'p{len(self.story)}'
        groups = [{'resources:FPGA': '1'}]
        change = self.chance.choice((
            '', 'no units', 'negative units', 'no resources',
            'two groups', 'a fraction', 'two groups, one a fraction',
            'not text'))
        groups = {
            '': groups, 'no units': [{'resources:FPGA': '0'}],
            'negative units': [{'resources:FPGA': '-1'}],
            'no resources': [{}], 'two groups': groups * 2,
            'a fraction': [{'resources:FPGA': '1.5'}],
            'two groups, one a fraction': [
                *groups, {'resources:FPGA': 1.5}],
            'not text': [{'resources:FPGA': 1}]}[change]
        return self._request('create profile', ('POST', PROFILES, {'json': [
            {'name': name, 'groups': groups}]}), change=change,
            caller='admin', instance=name)

    def _delete_profile(self, rows):
        name = self.chance.choice([*self.groups])
        return self._request('delete profile', (
            'DELETE', PROFILES, {'params': {'value': name}}), [
                arq for arq in rows if self.now.profiles.get(
                    self.now.rows[arq].profile) == name],
            caller='admin', instance=name)

    def _nova(self, rows):
        return self._request('nova', ('NOVA', self.chance.choice(
            ('ok', 'no host', 'unknown', 'error')), {}))

    def _maintain(self, rows):
        return self._request('maintain', (
            'MAINTAIN', not self.now.maintained, {}))

    # judging

    def take(self, step):
        """Send a request, and judge.

        :returns: list of :class:`Finding`
        """
        self.story.append(step)
        request = self.decode(step)
        method, path, arguments = request.call
        if method == 'NOVA':
            self.stack.nova.answer = path
            return []
        if method == 'MAINTAIN':
            self.maintain(path)
            self.now = self.look()
            return []
        before, told = self.now, len(self.stack.nova.events)
        allowed = self._allowed(request)
        reply = self._client(request.caller).send(method, path, **arguments)
        self.now = after = self.look()
        if request.name == 'create profile' and reply.status == 201:
            self.groups[request.instance] = sum(
                int(float(value)) for group in arguments['json'][0]['groups']
                for value in group.values())
        if request.name == 'delete profile' and reply.status == 204:
            self.groups.pop(request.instance, None)
        found = list(differences(request, before, after, allowed, reply,
                                 len(self.stack.nova.events) - told))
        what = describe(request, before, self.order, self.stack.nova.answer)
        listing = read_listing(self._client('admin').listing(), after)
        if listing:
            self.poisoned = True
            found.append(('ARQ-028', 'a list of all rows',
                          f'then {listing}'))
        return [Finding(f'{what}: {happened}', requirement, expected,
                        f'{happened} {reply.fault}'.strip())
                for requirement, expected, happened in found]

    def encode(self, request):
        """A request with numbers for what differs from run to run."""
        names = {arq: f'@{number}' for number, arq in enumerate(self.order)}
        names |= {self.stack.provider: '@provider', self.stack.root: '@root'}
        text = json.dumps(vars(request))
        for name, number in names.items():
            text = text.replace(name, number)
        return json.loads(text)

    def decode(self, row):
        """The request that :meth:`encode` has told."""
        text = json.dumps(row)
        text = text.replace('@provider', self.stack.provider)
        text = text.replace('@root', self.stack.root)
        text = re.sub(r'@(\d+)', lambda found: (
            self.order[int(found[1])] if int(found[1]) < len(self.order)
            else UNKNOWN), text)
        fields = json.loads(text)
        return Request(**{**fields, 'call': tuple(fields['call']),
                          'arqs': tuple(number for number in fields['arqs']
                                        if number < len(self.order))})


def describe(request, before, order, answer):
    """The case that a request is, in words."""
    what = request.name
    states = {before.rows[order[number]].state for number in request.arqs
              if order[number] in before.rows}
    if request.change:
        what += f' ({request.change})'
    elif request.name == 'bind' and states <= set(BINDABLE):
        if before.maintained:
            what += ' in maintenance'
        if answer != 'ok':
            what += f' while Nova answers {answer}'
    return f'{what} of {"+".join(sorted(states)) or "no row"}'


def words(fault):
    """An error message without what differs from run to run."""
    # Over a bus the conductor's errors come with their kind before them.
    fault = re.sub(r'^Remote error: \w+ ', '', fault)
    text = re.sub(r"'[^']*'|\[[^]]*\]|[0-9a-f]{8}-[-0-9a-f]{27}|\d+", '_',
                  fault.split('\n')[0])
    return ' '.join(text.split())[:60]


def contract(request, before, order, groups):
    """What ``accelerator-requests`` allows of a request.

    :returns: :class:`Allowed`
    """
    rows = {order[number]: before.rows[order[number]]
            for number in request.arqs if order[number] in before.rows}
    states = {row.state for row in rows.values()}
    name, change = request.name, request.change
    if change.startswith('by '):
        return _of_caller(request, rows)
    if name == 'create':
        if change:
            return Allowed((400,), 'ARQ-028')
        units = groups.get(request.call[2]['json']['device_profile_name'])
        if units is None:
            return Allowed((400,), 'ARQ-028')
        return Allowed((201,), 'ARQ-007', new=max(0, units))
    if name == 'create profile':
        good = change in ('', 'two groups', 'not text')
        return Allowed((201,) if good else (400,), 'ARQ-007')
    if name == 'delete profile':
        return Allowed((409,) if rows else (204,), 'ARQ-008')
    if name == 'list':
        if change:
            return Allowed((400,), 'ARQ-038')
        unresolved = states - {'Bound', 'BindFailed', 'UnbindFailed'}
        return Allowed((423,) if unresolved else (200,), 'ARQ-038')
    if name.startswith('delete'):
        if change in ('both', 'neither'):
            return Allowed((400,), 'ARQ-028')
        return Allowed((204, 202), 'ARQ-061', dict.fromkeys(rows, (None,)))
    if len(rows) < len(request.arqs):
        return Allowed((404,), 'ARQ-019')
    if name == 'unbind':
        forbidden = not states <= {*UNBINDABLE, 'Unbound'}
    else:
        forbidden = not states <= set(BINDABLE)
    rivals = any(row.instance == request.instance
                 for arq, row in before.rows.items()
                 if name == 'bind' and arq not in rows)
    if change:
        return _of_change(change)
    if name == 'unbind':
        if forbidden:
            return Allowed((409,), 'ARQ-020')
        return Allowed((202,), 'ARQ-020', dict.fromkeys(rows, ('Unbound',)))
    if forbidden:
        same = all(row.state == 'Bound' and row.instance == request.instance
                   for row in rows.values())
        return Allowed((202,) if same else (409,),
                       'ARQ-024' if same else 'ARQ-027')
    if rivals:
        return Allowed((409,), 'ARQ-027')
    free = sum(not used for used in before.used.values())
    ends = 'Bound' if free >= len(rows) and not before.maintained else (
        'BindFailed')
    return Allowed((202,), (
        'HANDLE-014' if before.maintained else
        'HANDLE-011' if ends == 'Bound' else 'ARQ-017'),
        dict.fromkeys(rows, (ends,)), events=len(rows))


def _of_caller(request, rows):
    """What another caller than Nova may do."""
    if request.caller == 'other':
        if request.name.startswith('delete'):
            return Allowed((204, 403, 404), 'ARQ-073')
        return Allowed((403, 404), 'ARQ-073')
    if request.name == 'get':
        return Allowed((200,), 'ARQ-073')
    named = any(row.instance for row in rows.values())
    if request.name == 'delete' and not named:
        return Allowed((204, 202), 'ARQ-061', dict.fromkeys(rows, (None,)))
    return Allowed((403,), 'ARQ-072')


def _of_change(change):
    """What a PATCH with one change may do: nothing, and says why."""
    if change == 'an unknown ARQ besides':
        return Allowed((404,), 'ARQ-019')
    if change == 'another instance besides':
        return Allowed((400,), 'ARQ-026')
    if change.startswith(('provider', 'host of')):
        return Allowed((400,), 'ARQ-019')
    return Allowed((400,), 'ARQ-028')


def differences(request, before, after, allowed, reply, events):
    """How what happened is not what is allowed: first what was answered and
    became of rows, then what leaked, then what Nova was told.

    :param events: how many came
    :returns: generator of (requirement, expected, happened)
    """
    happened, expected = [], []
    if reply.status not in allowed.statuses:
        happened.append(f'answer {reply.status} {words(reply.fault)}'.strip())
    expected.append('answer ' + ' or '.join(map(str, allowed.statuses)))
    moves = set()
    for arq, row in before.rows.items():
        now = after.rows.get(arq)
        state = now.state if now else None
        if state not in allowed.after.get(arq, (row.state,)):
            if not (state == row.state and reply.status == 202
                    and request.name.startswith('delete')):
                moves.add(f'{row.state} becomes {state or "no row"}'
                          if state != row.state else f'{state} stays')
        elif (now and arq not in allowed.after
                and (now.instance, now.handle) != (row.instance, row.handle)):
            moves.add(f'a row that is {row.state} changes')
    happened += sorted(moves)
    wanted = sorted({str(state or 'no row')
                     for states in allowed.after.values()
                     for state in states})
    expected.append(f'rows become {", ".join(wanted)}' if wanted
                    else 'nothing changes')
    added = len(set(after.rows) - set(before.rows))
    requirement = allowed.requirement
    if added != allowed.new:
        happened.append('rows are added' if added > allowed.new
                        else 'some rows are added' if added
                        else 'no rows are added')
        if added and allowed.new > added:
            requirement = 'ARQ-003'
        expected.append(f'{allowed.new} rows are added')
    if happened:
        yield requirement, '; '.join(expected), '; '.join(happened)
    if len(after.leaked()) > len(before.leaked()):
        yield ('HANDLE-010', 'each handle in use is named by a row',
               'a handle is in use and no row names it')
    if events != allowed.events and not moves:
        yield ('ARQ-030', f'{allowed.events} events',
               f'{"more" if events > allowed.events else "fewer"} events')
