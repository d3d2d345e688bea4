"""A host with the reference agent, for tests."""

import contextlib
import json
import os
import pathlib
import pwd
import socket
import sys
import tempfile
import time
import unittest
from unittest import mock

from harness.drivers import install
from harness.kernel import NAME, Kernel
from os_acc_agent.agent import Agent, Config
from os_acc_agent.server import listening

VANS = [f'7000000{number}-aaaa-4bbb-8ccc-ddddeeeeffff'
        for number in range(4)]
ME = pwd.getpwuid(os.geteuid()).pw_name


def soon():
    """A deadline, on the monotonic clock, that no test comes to."""
    return time.monotonic() + 60


def until(condition):
    """Wait for what has to come; the limit is for a test that fails."""
    end = soon()
    while not condition():
        if time.monotonic() > end:
            raise AssertionError('it has not come')
        time.sleep(0.01)


def needs_root(case, why):
    """Skip a test that only root can run, or fail where none may be
    skipped.
    """
    if os.geteuid():
        if os.environ.get('CYBORG_SPECS_NO_SKIP'):
            case.fail(f'needs root: {why}')
        case.skipTest(f'needs root: {why}')


def bitstream(function, interface='shell-1', part='region'):
    """The content of a bitstream for the drivers' cards."""
    return (json.dumps({'interface': interface, 'part': part,
                        'function': function}) + '\nbits\n').encode()


class HostCase(unittest.TestCase):
    """A test with a host of its own, on which nothing stands yet."""

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix='os-acc-')))
        self.kernel = Kernel(str(self.root / 'sys'))
        blank = self.root / 'blank'
        blank.mkdir()
        (blank / 'shell-1').write_bytes(bitstream('BLANK'))
        self.settings = {
            'example-gpu': {'shares': {}, 'writable_firmware': [],
                            'notes': str(self.root / 'run' / 'notes')},
            'example-fpga': {'functions': 4, 'blank': str(blank)},
            'toy': {'leases': [str(self.root / place / 'leases')
                               for place in ('run', 'state')]}}

    def config(self, *drivers, **more):
        return Config(
            enabled_drivers=drivers, socket_users=(ME,),
            socket_path=str(self.root / 'agent.sock'),
            run=str(self.root / 'run'), state=str(self.root / 'state'),
            sysfs=(NAME, str(self.kernel.root)), settings=self.settings,
            **more)

    def agent(self, *drivers, **more):
        """A new agent of this host, started."""
        agent = Agent(self.config(*drivers, **more))
        agent.start()
        return agent

    def serve(self, agent):
        self.enterContext(listening(agent))
        return str(self.root / 'agent.sock')

    def plant(self, namespace='cyborg.accelerator.driver', **drivers):
        """Install drivers of ``harness.drivers``, for this test alone."""
        folder = self.root / 'planted'
        install(folder, {name: f'harness.drivers:{kind}'
                         for name, kind in drivers.items()}, namespace)
        for name in drivers:
            self.settings.setdefault(name, dict(self.settings['toy']))
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
            self.addCleanup(sys.path.remove, str(folder))
            self.enterContext(mock.patch.dict(os.environ, PYTHONPATH=(
                os.pathsep.join(map(str, (
                    folder, pathlib.Path(__file__).parents[1],
                    os.environ.get('PYTHONPATH', '')))))))

    # the toy

    def behave(self, **how):
        home = self.kernel.root / 'toy'
        home.mkdir(exist_ok=True)
        (home / 'behave.json').write_text(json.dumps(how))

    def go(self):
        """What waits goes on."""
        (self.kernel.root / 'toy' / 'go').touch()

    def log(self, *methods):
        """What drivers did, of these methods alone."""
        path = self.kernel.root / 'toy' / 'log'
        rows = [json.loads(line) for line in path.read_text().splitlines()
                ] if path.exists() else []
        return [row for row in rows if row['did'].split()[0] in methods]


def handles(agent):
    """The ``handle_data`` of what an agent offers, by identity."""
    return {identity: handle.data for identity, handle
            in agent.report.offered().items()}


def ask(path, request, files=(), version='1.0'):
    """One request, as any program could send it; the answer."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as link:
        link.settimeout(60)
        link.connect(path)
        socket.send_fds(link, [json.dumps(version).encode() + b'\n'], files)
        link.sendall(json.dumps(request).encode() + b'\n')
        with link.makefile('rb') as answers:
            answers.readline()
            return json.loads(answers.readline())
