"""Talk to Cyborg as Nova, users and operators do, and see what came of it.

:class:`Raw` speaks HTTP; :class:`Sdk` is openstacksdk's accelerator proxy.
Both give a :class:`Reply`.  :func:`snapshot` reads the database, and
:func:`read_listing` what the API says of the same rows.
"""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import requests

from systems.cyborg.stack import HOST, LIMIT, identity

ARQS = '/accelerator_requests'
PROFILES = '/device_profiles'
#: a kind of request of openstacksdk: the proxy's methods made it up, not we
BY_METHOD = 'by a method for it'


class Reply(NamedTuple):
    """What came back.

    :ivar status: of HTTP; None if no answer came, so that nobody knows
        whether the request was carried out
    :ivar body: as JSON, or the text if it is none
    """

    status: int | None
    body: Any = None

    @property
    def fault(self):
        """The server's words about an error, '' if there are none; a trace
        of its own files is none.
        """
        return self._fault().partition('Traceback (most')[0].rstrip()

    def _fault(self):
        body = self.body
        if isinstance(body, dict) and 'error_message' in body:
            body = body['error_message']
            if isinstance(body, str):
                try:
                    body = json.loads(body)
                except ValueError:
                    return body
        if isinstance(body, dict):
            return str(body.get('faultstring', ''))
        return ''


def read_reply(response):
    """The :class:`Reply` in a response of ``requests``."""
    try:
        body = response.json()
    except ValueError:
        body = response.text
    return Reply(response.status_code, body)


class Raw:
    """Requests as they are.

    :param who: headers of :func:`~systems.cyborg.stack.identity`
    """

    name = 'HTTP'

    def __init__(self, stack, who=None):
        self.stack, self.url = stack, stack.url
        self.session = requests.Session()
        self.session.headers.update(who or identity())

    def send(self, method, path, **arguments):
        """One request; ``json`` or ``data`` is its body."""
        self.stack.calls.append(self.name)
        try:
            return read_reply(self.session.request(
                method, self.url + path, timeout=LIMIT, **arguments))
        except requests.RequestException:
            return Reply(None)

    def create(self, profile):
        """POST: the ARQs of a device profile."""
        return self.send('POST', ARQS, json={'device_profile_name': profile})

    def bind(self, arqs, instance, provider, host=HOST):
        """PATCH: bind ARQs for an instance."""
        return self._patch(bind_body(arqs, instance, provider, host))

    def unbind(self, arqs):
        """PATCH: unbind ARQs."""
        return self._patch(unbind_body(arqs))

    def _patch(self, body):
        return self.send('PATCH', ARQS, json=body)

    def delete(self, arqs):
        """DELETE by uuid."""
        return self.send('DELETE', ARQS, params={'arqs': ','.join(arqs)})

    def get(self, arq):
        """GET one."""
        return self.send('GET', f'{ARQS}/{arq}')

    def listing(self):
        """GET all."""
        return self.send('GET', ARQS)


class Sdk(Raw):
    """The same through openstacksdk: by a method of its accelerator proxy
    where there is one for it, or else with the proxy as an adapter, which is
    what Nova does.  The methods are for one ARQ at a time.
    """

    name = 'openstacksdk'

    def __init__(self, stack, who=None):
        import openstack.exceptions
        from keystoneauth1 import exceptions, session, token_endpoint
        super().__init__(stack, who)
        self._http_errors = openstack.exceptions.HttpException
        self._errors = (openstack.exceptions.SDKException,
                        exceptions.ClientException)
        auth = token_endpoint.Token(stack.url, 'user')
        self.proxy = openstack.connection.Connection(
            session=session.Session(
                auth=auth, timeout=LIMIT,
                additional_headers=who or identity()),
            compute_api_version='2', accelerator_endpoint_override=stack.url,
        ).accelerator

    def send(self, method, path, **arguments):
        return self._try(
            lambda: self.proxy.request(path, method, **arguments), None)

    def _method(self, call, status):
        """A method of the proxy: what it returns, or the error."""
        self.stack.calls.append(BY_METHOD)
        return self._try(call, status)

    def _try(self, call, status):
        self.stack.calls.append(self.name)
        try:
            found = call()
        except self._http_errors as error:
            if error.response is None:
                return Reply(None)
            return read_reply(error.response)
        except self._errors:
            return Reply(None)
        if isinstance(found, requests.Response):
            return read_reply(found)
        return Reply(status, found)

    def _patch(self, body):
        if len(body) > 1:
            return super()._patch(body)
        (arq, patch), = body.items()
        return self._method(lambda: self.proxy.update_accelerator_request(
            arq, patch), 202)

    def delete(self, arqs):
        if len(arqs) > 1:
            return super().delete(arqs)
        return self._method(lambda: self.proxy.delete_accelerator_request(
            arqs[0], ignore_missing=False), 204)

    def get(self, arq):
        return self._method(
            lambda: self.proxy.get_accelerator_request(arq).to_dict(), 200)

    def listing(self):
        return self._method(lambda: {'arqs': [
            arq.to_dict() for arq in self.proxy.accelerator_requests()]},
            200)


def bind_body(arqs, instance, provider, host=HOST):
    """The body of a PATCH that binds."""
    return {arq: [
        {'op': 'add', 'path': '/hostname', 'value': host},
        {'op': 'add', 'path': '/device_rp_uuid', 'value': provider},
        {'op': 'add', 'path': '/instance_uuid', 'value': instance},
    ] for arq in arqs}


def unbind_body(arqs):
    """The body of a PATCH that unbinds."""
    return {arq: [{'op': 'remove', 'path': f'/{name}'} for name in (
        'hostname', 'device_rp_uuid', 'instance_uuid')] for arq in arqs}


@dataclass(frozen=True)
class Row:
    """An ARQ as the database has it; ``handle`` is the handle's id."""

    state: str
    instance: str | None
    handle: int | None
    project: str | None
    profile: int


@dataclass(frozen=True)
class Snapshot:
    """What Cyborg's database holds, as far as it matters.

    :ivar rows: uuid -> :class:`Row`
    :ivar used: handle id -> whether it is in use, of all that exist
    :ivar profiles: id -> name
    :ivar maintained: True if the device is in maintenance
    """

    rows: dict = field(default_factory=dict)
    used: dict = field(default_factory=dict)
    profiles: dict = field(default_factory=dict)
    maintained: bool = False

    def leaked(self):
        """Handles that are in use and named by no row."""
        named = {row.handle for row in self.rows.values()}
        return sorted(handle for handle, used in self.used.items()
                      if used and handle not in named)


def snapshot(query):
    """Read the database.

    :param query: a function from SQL to a list of dicts
    """
    return Snapshot(
        {row['uuid']: Row(row['state'], row['instance_uuid'],
                          row['attach_handle_id'], row['project_id'],
                          row['device_profile_id'])
         for row in query(
             'SELECT uuid, state, instance_uuid, attach_handle_id, '
             'project_id, device_profile_id '
             'FROM extended_accelerator_requests ORDER BY id')},
        {row['id']: bool(row['in_use'])
         for row in query(
             'SELECT id, in_use FROM attach_handles ORDER BY id')},
        {row['id']: row['name']
         for row in query('SELECT id, name FROM device_profiles')},
        any(row['status'] == 'maintaining'
            for row in query('SELECT status FROM devices')))


def read_listing(reply, now):
    """How a listing of the API differs from the database.

    :param reply: to a GET of all ARQs by an administrator
    :param now: the :class:`Snapshot` of the same moment
    :returns: '' or what is wrong
    """
    if reply.status != 200:
        return f'GET answers {reply.status}'
    said = {arq['uuid']: arq['state'] for arq in reply.body['arqs']}
    truth = {uuid: row.state for uuid, row in now.rows.items()}
    return '' if said == truth else 'GET and the database differ'
