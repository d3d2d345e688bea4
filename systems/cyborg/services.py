"""Run the real services: those named, in this process.

``python -m systems.cyborg.services FILE PORT placement``, or ``glance``, or
``api``, ``conductor``, ``agent``, or several of these three.  FILE is the oslo
configuration; PORT is that of placement, of Glance or of the API.  Nothing of
the services is changed: what is here is the part of their commands that starts
them, without forks and signal handlers, and what counts the binds that go on.

A line ``ready`` says that all answer.  A line ``report`` on standard input
runs the periodic tasks now rather than in a minute, the agent's report among
them; ``done``, ``failed`` or ``late`` answers it.  A line ``jobs`` asks what
goes on behind requests: two numbers answer it, of binds that program and of
those who wait for such binds.
"""

import os
import queue
import shlex
import socketserver
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from wsgiref import simple_server


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(simple_server.WSGIRequestHandler):
    protocol_version = 'HTTP/1.0'

    def log_message(self, *arguments):
        pass

    def address_string(self):
        return self.client_address[0]


def _serve(application, port):
    server = simple_server.make_server(
        '127.0.0.1', port, application, _Server, _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def placement(file, port):
    """The placement API, which creates its tables itself."""
    os.environ['OS_PLACEMENT_CONFIG_DIR'] = os.path.dirname(file)
    from placement import wsgi
    _serve(wsgi.init_application(), port)


def glance(file, port):
    """The image API."""
    os.environ['OS_GLANCE_CONFIG_DIR'] = os.path.dirname(file)
    from glance.common import wsgi_app
    _serve(wsgi_app.init_app(), port)


def cyborg(file, port, names):
    """The API, conductor and agent of Cyborg, or some of them."""
    from cyborg import cmd  # noqa: F401 - chooses threads as the backend
    from cyborg.common import constants, service
    service.prepare_service(['cyborg', '--config-file', file])
    running = []
    for name in ('conductor', 'agent'):
        if name not in names:
            continue
        if name == 'agent':
            from oslo_privsep import priv_context
            priv_context.init(root_helper=shlex.split('sudo'))
        running.append(service.RPCService(
            f'cyborg.{name}.manager', f'{name.title()}Manager',
            getattr(constants, f'{name.upper()}_TOPIC')))
        running[-1].start()
    if 'api' in names:
        from cyborg.api import app
        inner = app.load_app()

        def mounted(environ, start):
            """Version links of the API say /accelerator, so it is there."""
            if environ['PATH_INFO'].startswith('/accelerator'):
                environ['SCRIPT_NAME'] = '/accelerator'
                environ['PATH_INFO'] = environ['PATH_INFO'][12:] or '/'
            return inner(environ, start)
        _serve(mounted, port)
    return running


def main(arguments):
    file, port, *names = arguments
    running, jobs = [], count_jobs()
    if names == ['placement']:
        placement(file, int(port))
    elif names == ['glance']:
        glance(file, int(port))
    else:
        running = cyborg(file, int(port), names)
    print('ready', flush=True)
    for line in iter(_asked().get, None):
        if line.strip() == 'jobs':
            print(*jobs(), flush=True)
        else:
            print(_periodic([one.manager for one in running]), flush=True)


def _asked():
    """A queue of the lines of standard input.  When whoever started us goes,
    so do we, whatever we wait for.
    """
    lines = queue.SimpleQueue()

    def read():
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)
    threading.Thread(target=read, daemon=True).start()
    return lines


def count_jobs():
    """Count, from now on, the binds and their monitors in pools of threads.

    :returns: a function that gives how many of each there are
    """
    counts, lock = dict.fromkeys(('bind', 'job_monitor'), 0), threading.Lock()
    submit = ThreadPoolExecutor.submit

    def add(name, number):
        with lock:
            counts[name] += number

    def counted(pool, function, /, *arguments, **keywords):
        name = getattr(function, '__name__', '')
        if name not in counts:
            return submit(pool, function, *arguments, **keywords)
        add(name, 1)
        future = submit(pool, function, *arguments, **keywords)
        future.add_done_callback(lambda _: add(name, -1))
        return future

    ThreadPoolExecutor.submit = counted
    return lambda: tuple(counts.values())


def _periodic(managers):
    """Run the periodic tasks; returns what became of them: ``late`` is not
    known, since the bus gave up on a slow machine.
    """
    from cyborg import context
    from oslo_messaging import MessagingTimeout
    admin = context.get_admin_context()
    try:
        for manager in managers:
            task = getattr(manager, 'update_available_resource',
                           manager.periodic_tasks)
            task(admin)
    except Exception as error:  # as oslo.service would, say it and go on
        print(f'report: {error!r}', file=sys.stderr, flush=True)
        return 'late' if isinstance(error, MessagingTimeout) else 'failed'
    return 'done'


if __name__ == '__main__':
    main(sys.argv[1:])
