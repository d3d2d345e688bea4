"""A NovaLink that begins as pypowervm's recorded responses say.

It speaks HTTP on loopback, so that pypowervm's own client and wrappers are
used as they are.  The managed system and the partitions are recorded ones;
what a change of a partition does to the slots is added here.
"""

import contextlib
import http.server
import pathlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree
from pypowervm import adapter
from pypowervm.tests.test_utils import pvmhttp
from pypowervm.wrappers import job, logical_partition, managed_system

SYSTEM, PARTITIONS, JOB = (
    'fake_managedsystem.txt', 'lpar.txt', 'job_response_completed_ok.txt')
ENTRY = ('<entry xmlns="http://www.w3.org/2005/Atom" xmlns:ns2="http://a9.com'
         '/-/spec/opensearch/1.1/" xmlns:etag="http://www.ibm.com/xmlns/'
         'systems/power/firmware/uom/mc/2012_10/"><id>{uuid}</id><title>'
         '{kind}</title><link rel="SELF" href="http://localhost:{port}/rest/'
         'api/uom/{kind}/{uuid}"/><etag:etag>{etag}</etag:etag><content type='
         '"application/vnd.ibm.powervm.uom+xml; type={kind}">{xml}</content>'
         '</entry>')
FEED = ('<feed xmlns="http://www.w3.org/2005/Atom"><id>feed</id><title/>'
        '{entries}</feed>')


class NovaLink:
    """The service's state.

    :ivar up: it answers
    :ivar jobs: uuids of the partitions on which a job runs
    :ivar before_write: called before each change of a partition
    """

    def __init__(self) -> None:
        self.system = first(managed_system.System.wrap(
            pvmhttp.load_pvm_resp(SYSTEM).get_response()))
        feed = logical_partition.LPAR.wrap(
            pvmhttp.load_pvm_resp(PARTITIONS).get_response())
        self.partitions = {lpar.uuid.upper(): lpar for lpar in feed}
        self.job = job.Job.wrap(pvmhttp.load_pvm_resp(JOB).get_response())
        self.versions = dict.fromkeys(self.partitions, 1)
        self.up = True
        self.jobs: set[str] = set()
        self.port = 0
        self.before_write: Callable[[], None] = lambda: None

    @property
    def slots(self) -> list[Any]:
        """The managed system's slots."""
        return list(self.system.asio_config.io_slots)

    def slot(self, drc_index: int) -> Any:
        return next(slot for slot in self.slots
                    if slot.drc_index == drc_index)

    def assign(self, drc_index: int, uuid: str | None) -> None:
        """Say whose a slot is, as the hypervisor would."""
        slot = self.slot(drc_index)
        lpar = self.partitions[uuid] if uuid else None
        for name, value in (('PartitionID', lpar and str(lpar.id)),
                            ('PartitionUUID', uuid),
                            ('PartitionName', lpar and lpar.name)):
            found = slot.element.find(name)
            if found is not None:
                slot.element.remove(found)
            if value:
                slot.set_parm_value(name, value)

    def delete(self, uuid: str) -> None:
        """Delete a partition, which frees its slots."""
        for slot in self.partitions.pop(uuid).io_config.io_slots:
            self.assign(slot.drc_index, None)

    def version(self, uuid: str) -> str:
        """The version of what has this uuid."""
        return str(self.versions.get(uuid, 1))

    # requests

    def read(self, kind: str, uuid: str) -> tuple[int, str]:
        """GET: status and body."""
        if kind == 'ManagedSystem':
            return 200, FEED.format(entries=self._entry(
                kind, self.system.uuid, self.system, 1))
        if uuid not in self.partitions:
            return 404, '<gone/>'
        return 200, self._entry(kind, uuid, self.partitions[uuid],
                                self.versions[uuid])

    def read_jobs(self, uuid: str) -> tuple[int, str]:
        """GET: the jobs of a partition."""
        self.job.set_parm_value('Status', 'RUNNING' if uuid in self.jobs
                                else 'COMPLETED_OK')
        return 200, FEED.format(entries=self._entry(
            'JobResponse', uuid, self.job, 1))

    def write(self, uuid: str, version: str | None, body: bytes
              ) -> tuple[int, str]:
        """POST: a partition, changed."""
        self.before_write()
        if uuid not in self.partitions:
            return 404, '<gone/>'
        if version != self.version(uuid):
            return 412, '<stale/>'
        old = self.partitions[uuid]
        had = {slot.drc_index for slot in old.io_config.io_slots}
        lpar = self._parsed(uuid, body.decode())
        has = {slot.drc_index for slot in lpar.io_config.io_slots}
        for index in has - had:
            if self.slot(index).part_uuid:
                return 400, '<assigned/>'
        self.partitions[uuid] = lpar
        for index in has ^ had:
            self.assign(index, uuid if index in has else None)
        self.versions[uuid] += 1
        return self.read('LogicalPartition', uuid)

    def _entry(self, kind: str, uuid: str, wrapper: Any, etag: int) -> str:
        xml = etree.tostring(wrapper.element.element).decode()
        return ENTRY.format(uuid=uuid, kind=kind, port=self.port, etag=etag,
                            xml=xml)

    def _parsed(self, uuid: str, xml: str) -> Any:
        """A partition from what a client sent."""
        body = ENTRY.format(
            uuid=uuid, kind='LogicalPartition', port=self.port, etag=1,
            xml=re.sub(r'^<\?xml[^>]*>', '', xml))
        response = adapter.Response(
            'GET', f'/rest/api/uom/LogicalPartition/{uuid}', 200, 'OK', {},
            body=body)
        response.adapter = None
        response._unmarshal_atom()
        return logical_partition.LPAR.wrap(response)


@contextlib.contextmanager
def listening(novalink: NovaLink) -> Iterator[Callable[[], Any]]:
    """The service on loopback; yields what connects to it."""
    logon = pathlib.Path(pvmhttp.__file__).parents[1] / 'data' / 'logon.xml'

    class Request(http.server.BaseHTTPRequestHandler):
        def _answer(self, status: int, body: str, version: str = '1',
                    kind: str = 'application/atom+xml') -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header('Content-Type', kind)
            self.send_header('X-MC-Type', 'PVM')
            self.send_header('ETag', version)
            self.send_header('Content-Length', str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers['Content-Length']))
            self._answer(200, logon.read_text(), kind='application/xml')

        def do_DELETE(self) -> None:
            self._answer(204, '')

        def do_GET(self) -> None:
            if novalink.up:
                _, kind, uuid, rest = self._path()
                self._answer(*(novalink.read_jobs(uuid) if rest == 'jobs'
                               else novalink.read(kind, uuid)),
                             novalink.version(uuid))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers['Content-Length']))
            if novalink.up:
                _, _, uuid, _ = self._path()
                self._answer(*novalink.write(
                    uuid, self.headers.get('If-Match'), body),
                    novalink.version(uuid))

        def _path(self) -> tuple[str, str, str, str]:
            """Service, kind, uuid and what follows."""
            parts = self.path.partition('?')[0].split('/')[3:]
            service, kind, uuid, rest = (*parts, '', '', '')[:4]
            return service, kind, uuid.upper(), rest

        def log_message(self, *_arguments: object) -> None:
            """The tests' output is not for it."""

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                         Request) as server:
        novalink.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,),
                         daemon=True).start()

        sessions = []

        def connect() -> Any:
            sessions.append(adapter.Session(
                'localhost', 'padmin', 'secret', protocol='http',
                port=novalink.port))
            return adapter.Adapter(sessions[-1])
        try:
            yield connect
        finally:
            for session in sessions:
                session._logoff()  # or it would when it is collected
            server.shutdown()


def first(found: Any) -> Any:
    """The one of a feed."""
    return found[0] if isinstance(found, list) else found
