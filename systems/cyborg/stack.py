"""Start and stop the real services, and look into their database.

What runs: cyborg-api, cyborg-conductor and cyborg-agent with a driver that
reports some functions of one FPGA, MariaDB (or SQLite where there is none),
Placement and Glance.  Stubs are Nova's event endpoint (:class:`Nova`) and the
identity service: requests carry the headers that keystonemiddleware would
set.  Everything listens on loopback, lives below one temporary folder and
has a time limit.
"""

import concurrent.futures
import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
HOST = 'compute1'
#: project ids have to look like UUIDs
PROJECT = '11111111-1111-4111-8111-111111111111'
OTHER_PROJECT = '22222222-2222-4222-8222-222222222222'
#: seconds; longer than any answer takes, and no run hangs
LIMIT = 30
#: seconds without a change after which nothing more is expected of what is
#: late, and how many reports are tried
REST, REPORTS = 5, 5
#: what RabbitMQ is started with; Debian's wrapper of the latter would change
#: to another user
RABBIT = ('epmd', '/usr/lib/rabbitmq/bin/rabbitmq-server')
#: a shell that ends a server, and what that has started, when whoever started
#: us goes, were it by a signal
WHILE_WE_RUN = ('sh', '-c', '"$@" & read _; kill -9 0', 'sh')
WITHOUT_MARIADB = (
    'SQLite in place of MariaDB: no foreign keys, FOR UPDATE does nothing, '
    'the tables are not those of the migrations, and what several callers '
    'do at once shows less, or other errors ("database is locked")')


ARQS = 'extended_accelerator_requests'
#: where a bind can be held up: table, and which update is meant
POINTS = {
    'before BindStarted': (
        ARQS, "NEW.state = 'BindStarted' AND OLD.state <> 'BindStarted'"),
    'before the handle is taken': (
        'attach_handles', 'NEW.in_use = 1 AND OLD.in_use = 0'),
    'before the handle is named': (
        ARQS, 'NEW.attach_handle_id IS NOT NULL '
        'AND OLD.attach_handle_id IS NULL'),
    'before Bound': (
        ARQS, "NEW.state = 'Bound' AND OLD.state <> 'Bound'"),
}
#: where a deletion can: its row is set free, and still there
LEAVING = 'before the row goes'


class StackError(Exception):
    """A service does not start or does not answer; says which and why."""


def identity(project=PROJECT, roles='member', service=True):
    """The headers that keystonemiddleware would set.

    :param roles: of the user, separated by commas
    :param service: True for a request with a service token as well
    """
    headers = {'X-Auth-Token': 'user', 'X-User-Id': project,
               'X-Project-Id': project, 'X-Roles': roles,
               'X-Identity-Status': 'Confirmed',
               'OpenStack-API-Version': 'accelerator 2.0'}
    if service:
        headers['X-Service-Roles'] = 'service'
    return headers


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


class Nova:
    """Nova's event endpoint, the one stub besides identity.

    :ivar events: (instance, ARQ, status) in order of arrival
    :ivar answer: ``ok``, ``no host`` (207 with 422), ``unknown`` (207 with
        404) or ``error`` (500)
    """

    def __init__(self):
        self.events, self.answer = [], 'ok'
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get('Content-Length', 0))
                events = json.loads(self.rfile.read(length))['events']
                status, code = {'ok': (200, 200), 'no host': (207, 422),
                                'unknown': (207, 404),
                                'error': (500, 500)}[stub.answer]
                for event in events:
                    stub.events.append((event['server_uuid'], event['tag'],
                                        event['status']))
                self.reply(status, {'events': [
                    {**event, 'code': code} for event in events]})

            def do_GET(self):
                self.reply(200, {'versions': [{
                    'id': 'v2.1', 'status': 'CURRENT', 'version': '2.96',
                    'min_version': '2.1',
                    'links': [{'rel': 'self', 'href': stub.url}]}]})

            def reply(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Process:
    """A service as a process of its own session.

    :param ready: the line that says that it answers, or None
    :raises StackError: if it ends or is not ready within the limit
    """

    def __init__(self, name, command, folder, ready='ready', **environment):
        self.name, self.log = name, Path(folder, f'{name}.log')
        with self.log.open('ab') as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, start_new_session=True, cwd=folder,
                env={**os.environ, **environment})
        self.seen, self._asking = threading.Event(), threading.Lock()
        self.lines = []
        threading.Thread(target=self._read, args=(ready,),
                         daemon=True).start()
        if ready is not None and not (
                self.seen.wait(4 * LIMIT) and ready in self.lines):
            self.kill()
            raise StackError(f'{name} does not start: {self.tail()}')

    def _read(self, ready):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors='replace').strip())
            if self.lines[-1] == ready:
                self.seen.set()
        self.seen.set()

    def ask(self, line):
        """Send a line, and wait for the line that answers it.

        :raises StackError: if none comes within the limit
        """
        with self._asking:
            count = len(self.lines)
            self.process.stdin.write(f'{line}\n'.encode())
            self.process.stdin.flush()
            wait_for(lambda: len(self.lines) > count,
                     f'{self.name} does not answer', self.tail, pause=0.002)
            return self.lines[count]

    def tail(self, lines=15):
        """The end of what it logged."""
        text = self.log.read_text(errors='replace')
        return '\n'.join(text.splitlines()[-lines:])

    def signal(self, number):
        """Send a signal to the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self):
        """End it at once, as a crash does."""
        self.signal(signal.SIGKILL)
        self.process.wait(LIMIT)


class Database:
    """The tables of Cyborg, behind one call for both kinds."""

    def __init__(self, folder, kind):
        self.folder, self.kind, self.server = Path(folder), kind, None
        self._own = threading.local()
        if kind == 'sqlite':
            self.url = f'sqlite:///{self.folder}/cyborg.sqlite'
            return
        self.port = free_port()
        data = self.folder / 'mariadb'
        user = ['--user=mysql'] if os.getuid() == 0 else []
        if user:  # the server does not run as root
            os.chmod(self.folder, 0o755)
        scratch = self.folder / 'scratch'
        scratch.mkdir()
        scratch.chmod(0o777)
        run(['mariadb-install-db', '--no-defaults', f'--datadir={data}',
             f'--tmpdir={scratch}',
             '--auth-root-authentication-method=normal',
             '--skip-test-db', *user], self.folder)
        self.server = Process('mariadb', [
            *WHILE_WE_RUN,
            'mariadbd', '--no-defaults', f'--datadir={data}', *user,
            f'--port={self.port}', '--bind-address=127.0.0.1',
            f'--socket={data}/socket', f'--pid-file={data}/pid',
            f'--tmpdir={scratch}',
            '--innodb-flush-log-at-trx-commit=0', '--skip-log-bin',
            '--innodb-buffer-pool-size=32M', '--max-connections=200',
        ], self.folder, ready=None)
        self.socket = data / 'socket'
        wait_for(lambda: self._try(), 'MariaDB does not answer',
                 self.server.tail)
        self.query('CREATE DATABASE cyborg CHARACTER SET utf8mb3')
        self.query("CREATE USER cyborg@'127.0.0.1' IDENTIFIED BY 'cyborg'")
        self.query("GRANT ALL ON cyborg.* TO cyborg@'127.0.0.1'")
        self._own.connection.select_db('cyborg')
        self.url = f'mysql+pymysql://cyborg:cyborg@127.0.0.1:{self.port}/cyborg'

    def _try(self):
        import pymysql.err
        try:
            self.query('SELECT 1')
        except pymysql.err.OperationalError:
            return False
        return True

    def connect(self):
        """A connection of this thread's own, which commits by itself."""
        if self.kind == 'sqlite':
            connection = sqlite3.connect(
                self.folder / 'cyborg.sqlite', timeout=LIMIT,
                isolation_level=None)
            connection.row_factory = sqlite3.Row
            return connection
        import pymysql.cursors
        return pymysql.connect(
            unix_socket=str(self.socket), user='root', autocommit=True,
            connect_timeout=LIMIT, read_timeout=LIMIT,
            cursorclass=pymysql.cursors.DictCursor)

    def query(self, text, *arguments):
        """Run one statement.

        :returns: list of dicts, empty for what returns no rows
        """
        if not hasattr(self._own, 'connection'):
            self._own.connection = self.connect()
            if hasattr(self, 'url') and self.kind != 'sqlite':
                self._own.connection.select_db('cyborg')
        if self.kind == 'sqlite':
            text = text.replace('%s', '?')
        cursor = self._own.connection.cursor()
        cursor.execute(text, arguments)
        return [dict(row) for row in cursor.fetchall() or ()]

    def close(self):
        if hasattr(self._own, 'connection'):
            self._own.connection.close()
        if self.server:
            self.server.kill()


def run(command, folder):
    """Run a command to its end.

    :raises StackError: if it fails or exceeds the limit
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True,
                              text=True, timeout=4 * LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f'{command[0]}: {error}') from None
    if done.returncode:
        raise StackError(f'{command[0]} fails: '
                         f'{(done.stdout + done.stderr)[-2000:]}')


def wait_for(condition, complaint, details=lambda: '', seconds=LIMIT,
             pause=0.05):
    """Wait until a condition holds.

    :param pause: seconds between two looks
    :raises StackError: with the complaint, when time is up
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise StackError(f'{complaint}: {details()}')
        time.sleep(pause)


class Stack:
    """All services; start once, ``reset`` between examples.

    :param handles: functions that the FPGA has
    :param database: ``mariadb``, ``sqlite`` or ``auto``
    :param bus: ``fake`` for one process with all three services and the bus
        within, ``rabbit`` for a process each and RabbitMQ between them
    :param conductors: how many, with RabbitMQ
    :param bind_timeout: Cyborg's option, seconds
    :param rpc_timeout: oslo.messaging's option, seconds
    :ivar options: of the run, where they are not the default: bus and
        number of conductors
    :ivar calls: which client sent each request, in order
    :ivar devices: what the driver finds and does
    :ivar images: an :class:`~systems.cyborg.images.Images`
    :ivar weaker: what the choice of database weakens; '' for MariaDB
    """

    def __init__(self, handles=2, database='auto', bus='fake', conductors=1,
                 bind_timeout=3, rpc_timeout=6):
        if database == 'auto':
            database = 'mariadb' if shutil.which('mariadbd') else 'sqlite'
        self.weaker = WITHOUT_MARIADB if database == 'sqlite' else ''
        self.folder = Path(tempfile.mkdtemp(prefix='cyborg-stack-'))
        self.handles, self.bus, self.calls = handles, bus, []
        self.options = '' if bus == 'fake' else (
            f'--bus {bus} --conductors {conductors}')
        self.conductors = ['conductor', *(
            f'conductor{number}' for number in range(2, conductors + 1))]
        self.rpc_timeout, self.bind_timeout = rpc_timeout, bind_timeout
        self.processes, self._placing = {}, threading.Lock()
        self.devices, self._changing = {}, threading.Lock()
        self.nova = self.database = None
        try:
            self._start(database, bind_timeout)
        except BaseException:
            self.close()
            raise

    def _start(self, database, bind_timeout):
        self.nova = Nova()
        from systems.cyborg import images  # which needs this module
        self.image_port = free_port()
        self.glance_options = images.configure(self.folder, self.image_port)
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            glance = beside.submit(self._start_glance)
            self._start_others(database, bind_timeout)
            glance.result()
        self.images = images.Images(self)

    def _start_glance(self):
        """Start Glance, which takes long and needs nobody."""
        run([Path(sys.executable).parent / 'glance-manage', '--config-file',
             self.folder / 'glance' / 'glance-api.conf', 'db_sync'],
            self.folder)
        self.launch('glance', self.image_port, 'glance')

    def _start_others(self, database, bind_timeout):
        self.database = Database(self.folder, database)
        self.sound_hardware()
        transport = 'fake://' if self.bus == 'fake' else self._rabbit()
        self._configure(bind_timeout, transport)
        scripts = Path(sys.executable).parent
        run([scripts / 'cyborg-dbsync', '--config-file', self.file,
             'create_schema' if database == 'sqlite' else 'upgrade'],
            self.folder)
        self.launch('placement', self.placement_port, 'placement')
        self.placement = requests.Session()
        self.placement.headers.update({
            'X-Auth-Token': 'admin',
            'OpenStack-API-Version': 'placement 1.36'})
        self.root = str(uuid.uuid4())
        self.place('POST', '/resource_providers', json={
            'name': HOST, 'uuid': self.root})
        self.launch_cyborg()
        wait_for(self._reported, 'no report of the agent arrives',
                 self.processes[self.serves('agent')].tail)
        self._age()
        self.provider = self.database.query(
            'SELECT rp_uuid FROM deployables')[0]['rp_uuid']

    def _reported(self):
        rows = self.database.query('SELECT rp_uuid FROM deployables')
        handles = self.database.query('SELECT id FROM attach_handles')
        return rows and rows[0]['rp_uuid'] and len(handles) == self.handles

    def _rabbit(self):
        """Start RabbitMQ, on loopback only; returns its address."""
        port, epmd = free_port(), str(free_port())
        home = self.folder / 'rabbit'
        home.mkdir()
        self.processes['epmd'] = Process('epmd', [
            *WHILE_WE_RUN,
            RABBIT[0], '-port', epmd, '-address', '127.0.0.1'], home, None)
        self.processes['rabbit'] = Process(
            'rabbit', [*WHILE_WE_RUN, RABBIT[1]], home, None,
            HOME=str(home), ERL_EPMD_PORT=epmd, ERL_EPMD_ADDRESS='127.0.0.1',
            RABBITMQ_NODENAME='specs@localhost',
            RABBITMQ_NODE_PORT=str(port),
            RABBITMQ_NODE_IP_ADDRESS='127.0.0.1',
            RABBITMQ_DIST_PORT=str(free_port()),
            RABBITMQ_MNESIA_BASE=str(home / 'mnesia'),
            RABBITMQ_LOG_BASE=str(home / 'log'),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(home / 'plugins'),
            RABBITMQ_CONF_ENV_FILE=str(home / 'environment'),
            RABBITMQ_CONFIG_FILE=str(home / 'configuration'),
            RABBITMQ_PID_FILE=str(home / 'pid'),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                '-kernel inet_dist_use_interface {127,0,0,1}'))

        def answers():
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', port), 1).close()
                return True
            return False
        wait_for(answers, 'RabbitMQ does not answer',
                 self.processes['rabbit'].tail, 4 * LIMIT)
        return f'rabbit://guest:guest@127.0.0.1:{port}/'

    def _configure(self, bind_timeout, transport):
        self.port, self.placement_port = free_port(), free_port()
        self.url = f'http://127.0.0.1:{self.port}/accelerator/v2'
        placement = f'http://127.0.0.1:{self.placement_port}'
        Path(self.folder, 'placement.conf').write_text(f'''\
[placement_database]
connection = sqlite:///{self.folder}/placement.sqlite
sync_on_startup = true
[api]
auth_strategy = noauth2
''')
        Path(self.folder, 'paste.ini').write_text('''\
[pipeline:main]
pipeline = http_proxy_to_wsgi request_id api_v2
[app:api_v2]
paste.app_factory = cyborg.api.app:app_factory
[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory
''')

        def client(name, url):
            return (f'[{name}]\nauth_type = admin_token\ntoken = admin\n'
                    f'endpoint = {url}\nendpoint_override = {url}\n')
        self.file = Path(self.folder, 'cyborg.conf')
        self.file.write_text(f'''\
[DEFAULT]
host = {HOST}
transport_url = {transport}
rpc_response_timeout = {self.rpc_timeout}
bind_timeout = {bind_timeout}
state_path = {self.folder}
use_stderr = true
[api]
api_paste_config = {self.folder}/paste.ini
[database]
connection = {self.database.url}
[oslo_concurrency]
lock_path = {self.folder}
[agent]
enabled_drivers = specs_driver
resource_provider_name = {HOST}
{client('placement', placement)}{client('nova', self.nova.url)}\
{self.glance_options}''')
        entry = Path(self.folder, 'path', 'specs_driver-1.dist-info')
        entry.mkdir(parents=True)
        (entry / 'METADATA').write_text(
            'Metadata-Version: 2.1\nName: specs-driver\nVersion: 1\n')
        (entry / 'entry_points.txt').write_text(
            '[cyborg.accelerator.driver]\n'
            'specs_driver = systems.cyborg.driver:RegionDriver\n')

    def launch_cyborg(self):
        """Start what runs of Cyborg."""
        if self.bus == 'fake':
            self.launch('cyborg', self.port, 'api', 'conductor', 'agent')
            return
        self._launch_all(dict.fromkeys(self.conductors, 'conductor') | {
            'agent': 'agent', 'api': 'api'})

    def _launch_all(self, services):
        """Start a process for each service: name -> what runs in it."""
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(lambda name: self.launch(
                    name, self.port, services[name]), services):
                pass

    def serves(self, part):
        """The name of the process that a service runs in."""
        return 'cyborg' if self.bus == 'fake' else part

    def launch(self, name, port, *parts):
        """Start services as one process called *name*."""
        file = self.folder / {
            'placement': 'placement.conf', 'glance': 'glance/glance-api.conf',
        }.get(name, 'cyborg.conf')
        if name in self.conductors[1:]:  # has a name of its own on the bus
            file = self.file.with_name(f'{name}.conf')
            file.write_text(self.file.read_text().replace(
                f'host = {HOST}', f'host = {name}', 1))
        path = os.pathsep.join([str(ROOT), str(self.folder / 'path')])
        self.processes[name] = Process(
            name, [sys.executable, '-m', 'systems.cyborg.services',
                   str(file), str(port), *parts], self.folder,
            PYTHONPATH=path, PYTHONWARNINGS='ignore',
            OS_CLIENT_CONFIG_FILE=str(self.folder / 'clouds.yaml'),
            CYBORG_SPECS_DEVICES=str(self.folder / 'hardware.json'))

    def hardware(self, **changes):
        """What the driver finds and does from now on; see its module."""
        path = self.folder / 'hardware.json'
        new = path.with_suffix('.new')
        with self._changing:
            self.devices |= changes
            new.write_text(json.dumps(self.devices))
            new.replace(path)

    def sound_hardware(self):
        """All is there again, and works."""
        self.hardware(handles=list(range(1, self.handles + 1)),
                      program='ok', hold=False)

    def writes(self):
        """How many writes of the region have begun, and go on."""
        path = self.folder / 'writes'
        lines = path.read_text().splitlines() if path.exists() else []
        begun = sum(line.startswith('begin') for line in lines)
        return begun, 2 * begun - len(lines)

    def writes_ended(self):
        """Whoever wrote is gone."""
        Path(self.folder, 'writes').unlink(missing_ok=True)

    def jobs(self):
        """How many binds program, and how many monitors wait for them."""
        found = [self.processes[name].ask('jobs').split()
                 for name in dict.fromkeys(map(self.serves, self.conductors))]
        return tuple(sum(map(int, numbers)) for numbers in zip(
            *found, strict=True))

    def pass_bind_timeout(self):
        """Let a bind that goes on take too long."""
        time.sleep(self.bind_timeout + 0.5)

    def place(self, method, path, **arguments):
        """One request to Placement.

        :raises StackError: if it answers with a server error
        """
        with self._placing:  # SQLite takes one at a time
            answer = self.placement.request(
                method, f'http://127.0.0.1:{self.placement_port}{path}',
                timeout=LIMIT, **arguments)
        if answer.status_code >= 500:
            raise StackError(f'placement: {answer.text}')
        return answer

    def report(self):
        """Have periodic tasks run, and so the agent report.

        :returns: whether the conductor took the report
        :raises StackError: if nobody waits long enough to know it
        """
        taken = True
        for name in dict.fromkeys(map(
                self.serves, (*self.conductors, 'agent'))):
            for _ in range(REPORTS):
                answer = self.processes[name].ask('report')
                if answer != 'late':
                    break
                self.rest()
            else:
                raise StackError(f'{REPORTS} reports of {name} are late: '
                                 'the machine is too slow, try again')
            taken = answer == 'done'
        self._age()
        return taken

    def rest(self):
        """Wait until nothing changes any more of what was begun and is not
        waited for: on a slow machine the message bus gives up.
        """
        def now():
            rows = [self.database.query(f'SELECT * FROM {table}')
                    for table in ('extended_accelerator_requests',
                                  'attach_handles')]
            return rows, list(self.nova.events)
        end = time.monotonic() + LIMIT
        last, since = now(), time.monotonic()
        while time.monotonic() < min(end, since + REST):
            time.sleep(REST / 20)
            if (new := now()) != last:
                last, since = new, time.monotonic()

    def _age(self):
        """The functions were found in their order: which one Cyborg takes
        for the newest depends on no earlier example.
        """
        for handle in range(1, self.handles + 1):
            self.database.query(
                'UPDATE attach_handles SET created_at = %s '
                'WHERE attach_info LIKE %s', f'2020-01-01 00:00:{handle:02}',
                f'%"function": "{handle}"%')

    def _number(self):
        """Their ids are in their order, too: the first is taken first."""
        ids = [row['id'] for row in self.database.query(
            'SELECT id FROM attach_handles ORDER BY created_at')]
        if ids != sorted(ids):
            last = max(ids)
            for number, old in enumerate(ids, 1):
                self.database.query(
                    'UPDATE attach_handles SET id = %s WHERE id = %s',
                    last + number, old)

    def crash(self, part='conductor'):
        """Kill a service, with all that is in one process with it; of
        several conductors all.
        """
        for name in self._running(part):
            self.processes[name].kill()

    def signal(self, number, part='conductor'):
        """Send a signal to a service; of several conductors to all."""
        for name in self._running(part):
            self.processes[name].signal(number)

    def _running(self, part):
        """The names of the processes that a service runs in."""
        return [*dict.fromkeys(map(self.serves, (
            self.conductors if part == 'conductor' else [part])))]

    @contextlib.contextmanager
    def failing_release(self):
        """While this lasts the database refuses to set a handle free."""
        fail = ("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'disk full';"
                if self.database.kind == 'mariadb' else
                "SELECT RAISE(ABORT, 'disk full');")
        when = ('FOR EACH ROW IF NEW.in_use = 0 THEN {} END IF'
                if self.database.kind == 'mariadb' else
                'WHEN NEW.in_use = 0 BEGIN {} END').format(fail)
        self.database.query('CREATE TRIGGER no_release BEFORE UPDATE ON '
                            f'attach_handles {when}')
        try:
            yield
        finally:
            self.database.query('DROP TRIGGER no_release')

    @contextlib.contextmanager
    def held(self, point):
        """While this lasts, the first to come to a point waits; after it a
        conductor that was stopped goes on.

        :param point: one of ``POINTS``, or ``LEAVING``
        :returns: a function that says whether somebody waits there
        """
        table, when = POINTS.get(point, (ARQS, 'TRUE'))
        event = 'DELETE' if point == LEAVING else 'UPDATE'
        self._release()
        self.database.query(
            f'CREATE TRIGGER hold BEFORE {event} ON {table} FOR EACH ROW '
            f"IF {when} THEN DO GET_LOCK('hold', {LIMIT}); "
            "DO RELEASE_LOCK('hold'); END IF")
        self.database.query(f"DO GET_LOCK('hold', {LIMIT})")
        try:
            yield lambda: any(
                row['STATE'] == 'User lock' for row in self.database.query(
                    'SELECT STATE FROM information_schema.processlist'))
        finally:
            self.database.query("DO RELEASE_LOCK('hold')")
            self.signal(signal.SIGCONT)  # or its transaction stays open

    def _release(self):
        """Take away what held requests up; while one is under way it would
        fail with the table changed below it.
        """
        if self.database.kind == 'mariadb':
            self.database.query('DROP TRIGGER IF EXISTS hold')

    def restart(self, part='conductor'):
        """Start again what a crash has ended."""
        self.crash(part)
        if self.bus == 'fake':
            self.launch_cyborg()
        else:
            self._launch_all(dict.fromkeys(self._running(part), part))

    def reset(self):
        """Empty what an example has left, by truncation; hardware that was
        taken away comes back with a report.
        """
        self.nova.answer = 'ok'
        self._release()
        self.sound_hardware()
        wait_for(lambda: self.jobs() == (0, 0), 'a bind does not end',
                 self.processes[self.serves('conductor')].tail)
        for text in (
                'DELETE FROM extended_accelerator_requests',
                'UPDATE attach_handles SET in_use = 0',
                'DELETE FROM device_profiles',
                'UPDATE deployables SET bitstream_id = NULL',
                "UPDATE devices SET status = 'enabled'"):
            self.database.query(text)
        self.nova.events.clear()
        for name in ('region', 'writes'):
            Path(self.folder, name).unlink(missing_ok=True)
        if len(self.database.query(
                'SELECT id FROM attach_handles')) != self.handles:
            self.report()
        self._number()

    def close(self):
        """Stop everything, and remove the folder."""
        for process in self.processes.values():
            process.kill()
        if self.database:
            self.database.close()
        if self.nova:
            self.nova.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
