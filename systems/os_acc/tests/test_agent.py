"""The reference agent: drivers, leases, locks, deadlines, the socket."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from unittest import mock

import msgspec
from os_acc_agent import workers
from os_acc_agent.agent import Agent, ConfigurationError
from os_acc_agent.worker import CAPABILITIES
from os_acc_agent.workers import Call, Refused
from os_acc_libvirt.host_socket import AgentError, HostSocket

from tests.base import shows
from tests.hosts import (
    VANS,
    HostCase,
    ask,
    bitstream,
    handles,
    needs_root,
    soon,
    until,
)

ZERO, ONE = ({'identity': f'toy-T1/h{number}'} for number in (0, 1))
REGION = 'toy-T1/r'
OPERATIONS = ('program', 'attach', 'detach', 'erase')


class ToyCase(HostCase):
    """A host with the toy driver."""

    def setUp(self):
        super().setUp()
        self.plant(toy='Toy')

    def refused(self, name, call, *arguments):
        with self.assertRaises(Refused) as raised:
            call(*arguments)
        self.assertEqual(raised.exception.name, name)
        return str(raised.exception)

    def operations(self, agent, handle=ZERO, van=VANS[0]):
        """Each operation, as a function of its deadline."""
        def program(deadline):
            path = self.root / 'bits'
            path.write_bytes(b'bits')
            with open(path, 'rb') as file:
                agent.program(handle, van, REGION, deadline, file)
        return {
            'program': program,
            'attach': lambda deadline: agent.attach(handle, van, 'instance',
                                                    deadline),
            'detach': lambda deadline: agent.detach(handle, van, deadline),
            'erase': lambda deadline: agent.erase(handle, van, None,
                                                  deadline)}


class TestDrivers(ToyCase):
    @shows('DRIVER-001')
    def test_drivers_come_from_one_namespace(self):
        self.plant('another.namespace', stranger='Toy')
        self.assertEqual(workers.names(),
                         ['example-fpga', 'example-gpu', 'toy'])
        self.assertEqual(list(self.agent('toy').drivers), ['toy'])
        for name in ('stranger', 'gpu-libvirt', 'harness.drivers:Toy'):
            with self.subTest(name):
                with self.assertRaises(ConfigurationError):
                    self.agent(name)
                self.refused('DeviceError', workers.run, Call(
                    driver=name, method='describe', settings={},
                    sysfs=self.config().sysfs), soon())

    @shows('DRIVER-002')
    def test_a_name_that_no_entry_point_has(self):
        checked = 0
        for name in ('Toy', 'toy ', 'to', 'toys', ''):
            with self.subTest(name):
                file = self.root / 'agent.json'
                file.write_bytes(msgspec.json.encode(self.config('toy',
                                                                 name)))
                run = subprocess.run(
                    [sys.executable, '-m', 'os_acc_agent', file],
                    capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual((run.returncode, run.stdout), (1, ''))
                self.assertIn(f'enabled_drivers has {name}, which is not '
                              'installed', run.stderr)
                checked += 1
        self.assertEqual((checked, self.log('start')), (5, []))

    @shows('DRIVER-003')
    def test_a_driver_of_another_version(self):
        self.plant('cyborg.accelerator.driver', newer='Newer', other='Other',
                   older='Older')
        for name in ('newer', 'other', 'older'):
            agent = self.agent(name)
            with self.subTest(name):
                self.assertIn('written for version', agent.left_out[name])
                self.assertEqual((agent.drivers, agent.report.devices),
                                 ({}, {}))
                self.refused('NoSuchHandle', agent.observe, ZERO, VANS[0],
                             soon())
        self.assertEqual(self.log('start', 'discover', 'observe'), [])

    def test_a_driver_that_is_left_out_keeps_its_leases(self):
        """DRIVER-F08."""
        self.agent('toy').attach(ZERO, VANS[0], 'instance', soon())
        agent = self.agent()
        self.assertIsNone(agent.observe(ZERO, VANS[0], soon()).attached)
        self.assertTrue(agent.report.devices['toy']['toy-T1'].gone)

    @shows('DRIVER-004')
    def test_a_device_that_two_drivers_list(self):
        self.plant('cyborg.accelerator.driver', address='SameAddress',
                   serial='SameSerial')
        for other, identity in (('address', 'toy-T2'), ('serial', 'toy-T1')):
            agent = self.agent('toy', other)
            with self.subTest(other):
                self.assertEqual(agent.report.offered(), {})
                for name in ('toy-T1', identity):
                    handle = {'identity': f'{name}/h0'}
                    self.assertIsNone(agent.observe(handle, VANS[0], soon()
                                                    ).attached)
                    for call in self.operations(agent, handle).values():
                        self.refused('NotSupported', call, soon())
        self.assertEqual(self.log(*OPERATIONS), [])
        self.assertEqual(len(self.agent('toy').report.offered()), 2)

    @shows('DRIVER-025')
    def test_a_driver_has_the_capabilities_that_it_lists(self):
        needs_root(self, 'others have none to give up')
        for listed in ([], ['CAP_NET_RAW', 'CAP_CHOWN']):
            self.settings['toy']['capabilities'] = listed
            agent = self.agent('toy')
            for call in self.operations(agent).values():
                call(soon())
            rows = self.log('start', 'discover', 'observe', *OPERATIONS)
            self.assertEqual({row['did'].split()[0] for row in rows}, {
                'start', 'discover', 'observe', *OPERATIONS})
            for row in rows:
                for kind in ('CapEff:', 'CapPrm:', 'CapBnd:'):
                    if not row['did'].endswith('done'):
                        self.assertLessEqual(names(row[kind]), set(listed))
            self.assertEqual(names(self.log('describe')[-1]['CapEff:']),
                             set())
            (self.kernel.root / 'toy' / 'log').unlink()

    def test_a_capability_that_there_is_not(self):
        self.settings['toy']['capabilities'] = ['CAP_OF_GOOD_HOPE']
        with self.assertRaisesRegex(Refused, 'CAP_OF_GOOD_HOPE'):
            self.agent('toy')


def names(mask):
    """The capabilities of a mask of the kernel's."""
    bits = int(mask, 16)
    return {name for number, name in enumerate(CAPABILITIES)
            if bits >> number & 1}


class TestLeases(ToyCase):
    def setUp(self):
        super().setUp()
        self.host = self.agent('toy')

    def seen(self, handle=ZERO, van=VANS[0], agent=None):
        return (agent or self.host).observe(handle, van, soon())

    @shows('DRIVER-011')
    def test_written_last_and_removed_last(self):
        name = 'toy-T1%2Fh0'
        self.host.attach(ZERO, VANS[0], 'instance', soon())
        self.assertEqual([row['leases'] for row in self.log('attach')
                          if 'leases' in row], [[]])
        self.assertTrue(self.seen().attached)
        self.host.detach(ZERO, VANS[0], soon())
        self.assertEqual([row['leases'] for row in self.log('detach')
                          if 'leases' in row], [[name]])
        self.assertEqual((self.seen().attached, self.seen().van),
                         (False, None))
        self.host.attach(ZERO, VANS[0], 'instance', soon())
        for method in ('attach', 'detach'):  # nor after one that has raised
            self.behave(**{method: 'raise'})
            self.refused('DeviceError', self.operations(self.host)[method],
                         soon())
            self.assertEqual(self.seen().van, VANS[0])

    def test_a_failed_attach_writes_none(self):
        for how in ('raise', 'die'):
            self.behave(attach=how)
            self.refused('DeviceError', self.host.attach, ZERO, VANS[0],
                         'instance', soon())
            self.assertIsNone(self.seen().van)

    @shows('DRIVER-028')
    def test_a_driver_that_lies(self):
        self.behave(attach='lie')
        said = self.refused('DeviceError', self.host.attach, ZERO, VANS[0],
                            'instance', soon())
        self.assertIn('not set up', said)
        self.assertIsNone(self.seen().van)
        self.assertEqual(self.host.leases.all(), ([], []))

    def test_a_lease_that_cannot_be_written(self):
        """DRIVER-F06: what was set up is taken back."""
        with mock.patch('os.fsync', side_effect=OSError('disk full')):
            said = self.refused('DeviceError', self.host.attach, ZERO,
                                VANS[0], 'instance', soon())
        self.assertIn('disk full', said)
        self.assertEqual(len(self.log('detach')), 2)
        self.assertIsNone(self.seen().van)

    @shows('DRIVER-023')
    def test_a_lease_that_cannot_be_read(self):
        self.host.attach(ZERO, VANS[0], 'instance', soon())
        [file] = (self.root / 'run' / 'leases').iterdir()
        good = file.read_bytes()
        for bad in (b'', good[:-20], good.replace(VANS[0].encode(),
                                                  VANS[1].encode()),
                    good.replace(b'"format":1', b'"format":2')):
            file.write_bytes(bad)
            with self.subTest(bad[:40]):
                for agent in (self.host, self.agent('toy')):
                    self.assertIsNone(self.seen(agent=agent).attached)
                for name, call in self.operations(self.host).items():
                    if name != 'detach':
                        self.refused('Leased', call, soon())
        file.write_bytes(good)
        self.assertTrue(self.seen().attached)

    @shows('DRIVER-012')
    def test_what_a_lease_covers(self):
        self.host.attach(ZERO, VANS[0], 'instance', soon())
        (self.kernel.root / 'toy' / 'log').unlink()
        mine = self.operations(self.host)
        other = self.operations(self.host, ONE, VANS[1])
        for call in (mine['program'], mine['erase'], other['program'],
                     self.operations(self.host, ZERO, VANS[1])['attach'],
                     lambda deadline: self.host.erase(ONE, VANS[1], REGION,
                                                      deadline),
                     lambda deadline: self.host.erase(ZERO, VANS[0], REGION,
                                                      deadline)):
            self.refused('Leased', call, soon())
        self.assertEqual(self.log(*OPERATIONS), [])
        for name in ('attach', 'detach', 'erase'):  # the other is free
            other[name](soon())
        self.assertTrue(self.seen().attached)
        mine['attach'](soon())  # and this one may be set up again
        mine['detach'](soon())
        for name in ('program', 'erase'):
            mine[name](soon())

    def test_kept_over_a_loss_of_power_or_not(self):
        for kept in ([], ['TOY']):
            self.settings['toy']['kept'] = kept
            agent = self.agent('toy')
            agent.attach(ZERO, VANS[0], 'instance', soon())
            for file in (self.root / 'run' / 'leases').iterdir():
                file.unlink()
            self.assertEqual(self.seen(agent=self.agent('toy')).attached,
                             bool(kept))

    def test_detach_for_another(self):
        """The lease is another's, so there is nothing to undo."""
        self.host.attach(ZERO, VANS[0], 'instance', soon())
        self.host.detach(ZERO, VANS[1], soon())
        self.assertEqual(self.log('detach'), [])
        self.assertTrue(self.seen().attached)


class TestOperations(ToyCase):
    def setUp(self):
        super().setUp()
        self.host = self.agent('toy')
        self.addCleanup(self.go)  # whatever waits still

    def waiting(self, method, call):
        """An operation that has begun, and waits."""
        self.behave(**{method: 'wait'})
        thread = threading.Thread(target=call, args=(soon(),), daemon=True)
        thread.start()
        until(lambda: self.log(method))
        self.behave()
        return thread

    def is_busy(self, agent=None, handle=ZERO):
        return (agent or self.host).observe(handle, VANS[0], soon()).busy

    @shows('DRIVER-013')
    def test_busy_and_not_queued(self):
        for method, call in self.operations(self.host).items():
            with self.subTest(method):
                thread = self.waiting(method, call)
                again = self.operations(self.host)
                for other in ('attach', 'detach', 'erase', 'program'):
                    self.refused('Busy', again[other], soon())
                self.refused('Busy', self.host.erase, ONE, VANS[1], REGION,
                             soon())
                if method != 'program':  # the other handle is free
                    self.host.erase(ONE, VANS[1], None, soon())
                else:
                    self.refused('Busy', self.host.attach, ONE, VANS[1],
                                 'instance', soon())
                self.go()
                thread.join()
                begun = [row['did'] for row in self.log(*OPERATIONS)
                         if not row['did'].endswith('done')]
                self.assertEqual(begun, [method] + (
                    ['erase'] if method != 'program' else []))
                for name in ('go', 'log'):
                    (self.kernel.root / 'toy' / name).unlink()
                if method == 'attach':
                    self.host.detach(ZERO, VANS[0], soon())
                    (self.kernel.root / 'toy' / 'log').unlink()

    @shows('DRIVER-014')
    def test_busy_until_the_last_process_has_ended(self):
        self.behave(attach='leave')
        self.host.attach(ZERO, VANS[0], 'instance', soon())
        self.assertTrue(self.log('attach')[-1]['did'].endswith('done'))
        for agent in (self.host, self.agent('toy')):
            self.assertTrue(self.is_busy(agent))
            self.assertFalse(self.is_busy(agent, ONE))
            self.refused('Busy', agent.detach, ZERO, VANS[0], soon())
        self.go()
        until(lambda: not self.is_busy())

    def test_a_region_that_is_written_makes_its_handles_busy(self):
        self.behave(program='leave')
        self.operations(self.host)['program'](soon())
        self.assertTrue(self.is_busy() and self.is_busy(handle=ONE))
        self.go()
        until(lambda: not self.is_busy())

    @contextlib.contextmanager
    def out_of_time(self, method):
        """The deadline passes once the driver is at this method; yields how
        long workers were waited for at most.
        """
        wait, waits = subprocess.Popen.communicate, []

        def communicate(worker, data=None, timeout=None):
            if data is not None:
                waits.append(timeout)
            if data is None or json.loads(data)['method'] != method:
                return wait(worker, data, timeout)
            with contextlib.suppress(subprocess.TimeoutExpired):
                wait(worker, data, 0.01)  # which hands the call over
            until(lambda: self.log(method))
            raise subprocess.TimeoutExpired('worker', timeout)
        self.behave(**{method: 'wait'})
        with mock.patch.object(subprocess.Popen, 'communicate', communicate):
            yield waits
        self.assertFalse((self.kernel.root / 'toy' / 'go').exists())

    @shows('DRIVER-015')
    def test_answered_at_the_deadline(self):
        """While the driver is still at it, and by the time that is left and
        no more.
        """
        calls = {**self.operations(self.host), 'observe': (
            lambda deadline: self.host.observe(ZERO, VANS[0], deadline))}
        for name, call in calls.items():
            with self.out_of_time(name) as waits:
                (self.kernel.root / 'toy' / 'log').unlink()
                begun = time.monotonic()
                self.refused('Deadline', call, begun + 60)
                self.assertLess(max(waits), 60)
                until(lambda: not self.is_busy_by_lock())
        self.behave()
        self.refused('Deadline', calls['attach'], time.monotonic())

    def is_busy_by_lock(self):
        return self.host.locks.busy(ZERO['identity'], REGION)

    @shows('DRIVER-016')
    def test_a_worker_is_ended_unless_it_must_not_be(self):
        for free in (True, False):
            self.settings['toy']['uninterruptible'] = (
                [] if free else list(OPERATIONS))
            agent = self.agent('toy')
            for name, call in self.operations(agent).items():
                (self.kernel.root / 'toy' / 'log').unlink()
                with self.out_of_time(name):
                    self.refused('Deadline', call, soon())
                if free:
                    until(lambda: not self.is_busy_by_lock())
                else:
                    self.assertTrue(self.is_busy_by_lock())
                self.go()
                until(lambda: not self.is_busy_by_lock())
                did = [row['did'] for row in self.log(name)]
                self.assertEqual(did, [name] if free
                                 else [name, f'{name} done'])
                (self.kernel.root / 'toy' / 'go').unlink()

    def test_a_driver_that_crashes(self):
        """DRIVER-F04: the agent goes on, and a second attempt succeeds."""
        self.behave(attach='die')
        self.refused('DeviceError', self.host.attach, ZERO, VANS[0],
                     'instance', soon())
        self.assertFalse(self.is_busy())
        self.behave()
        self.host.attach(ZERO, VANS[0], 'instance', soon())


class TestDiscovery(HostCase):
    @shows('DRIVER-020')
    def test_what_is_not_found_again_is_gone(self):
        one = self.kernel.add_gpu(0x3b, 'S1', types={'small': 2})
        self.kernel.add_gpu(0x3c, 'S2')
        card = self.kernel.add_fpga(0x3d, 'F1')
        self.settings['example-gpu']['shares'] = {'S1': 'small'}
        agent = self.agent('example-gpu', 'example-fpga')
        before = {handle.identity for _, _, handle in agent.report.all()}
        self.assertEqual(len(before), 2 + 1 + 4)
        places = self.kernel.devices / one / 'mdev_supported_types'
        [left] = places.glob('*/available_instances')
        left.write_text('1')  # a share
        for name in ('0000:3c:00.0', '0000:3c:00.1'):  # a card
            self.kernel.remove(name)
        region = self.kernel.devices / card / 'fpga' / 'region1'
        region.rename(self.root / 'region1')  # and a region
        gone = {'gpu-S1/share1', 'gpu-S2/card', 'fpga-F1/vf1',
                'fpga-F1/vf3'}
        for again in (agent, agent, self.agent('example-gpu',
                                               'example-fpga')):
            report = again.discover()
            every = {handle.identity: device.gone or handle.gone
                     for _, device, handle in report.all()}
            self.assertEqual(set(every), before)
            self.assertEqual({name for name in every if every[name]}, gone)
            self.assertEqual(set(report.offered()), before - gone)
            fpga = report.devices['example-fpga']['fpga-F1']
            self.assertEqual({region.identity: region.gone
                              for region in fpga.regions},
                             {'fpga-F1/region0': False,
                              'fpga-F1/region1': True})
            self.assertTrue(report.devices['example-gpu']['gpu-S2'].gone)

    def test_a_driver_that_raises(self):
        """DRIVER-F09: its devices are reported as they were last."""
        self.plant(toy='Toy')
        agent = self.agent('toy')
        self.behave(discover='raise')
        self.assertEqual(len(agent.discover().offered()), 2)

    @shows('DRIVER-022')
    def test_another_device_at_the_address(self):
        cards = [self.kernel.add_gpu(0x3b + number, f'S{number}', types={
            'small': 1}) for number in range(4)]
        self.settings['example-fpga']['functions'] = 2
        fpgas = [self.kernel.add_fpga(0x4b + number, f'F{number}')
                 for number in range(2)]
        self.settings['example-gpu']['shares'] = {'S2': 'small',
                                                  'S3': 'small'}
        agent = self.agent('example-gpu', 'example-fpga')
        before = handles(agent)
        self.assertEqual(len(before), 2 + 2 + 4)
        for data in before.values():
            self.assertFalse(agent.observe(data, VANS[0], soon()).gone)
        for one, other in (cards[:2], cards[2:], fpgas):
            self.kernel.swap(one, other)
        for identity, data in before.items():
            with self.subTest(identity):
                self.assertTrue(agent.observe(data, VANS[0], soon()).gone)
                with self.assertRaises(Refused) as raised:
                    agent.attach(data, VANS[0], 'instance', soon())
                self.assertEqual(raised.exception.name, 'DeviceGone')


class TestAssignable(HostCase):
    """What the host cannot hand to a guest is not offered."""

    def setUp(self):
        super().setUp()
        self.card = self.kernel.add_gpu(0x3b, 'S1')
        self.kernel.add_gpu(0x3c, 'S2')
        self.host = self.agent('example-gpu')
        self.assertEqual(len(self.host.report.offered()), 2)

    def withheld(self):
        """Why the first card is; the second one is offered."""
        report = self.host.discover()
        self.assertEqual(list(report.offered()), ['gpu-S2/card'])
        return report.withheld['gpu-S1/card']

    @shows('PLAT-004')
    def test_no_group(self):
        (self.kernel.devices / self.card / 'iommu_group').unlink()
        self.assertIn('has no IOMMU group', self.withheld())

    @shows('PLAT-005')
    def test_unsafe_interrupts(self):
        place = self.kernel.root / 'module/vfio_iommu_type1/parameters'
        place.mkdir(parents=True)
        for value, offered in (('N', 2), ('Y', 0), ('0', 2), ('1', 0)):
            (place / 'allow_unsafe_interrupts').write_text(f'{value}\n')
            self.assertEqual(len(self.host.discover().offered()), offered)

    @shows('PLAT-006')
    def test_reserved_windows(self):
        reserved = (self.kernel.devices / self.card
                    / 'iommu_group/reserved_regions')
        for line in ('0x00000000fee00000 0x00000000feefffff msi',
                     '0x0000000008000000 0x00000000080fffff '
                     'direct-relaxable'):
            reserved.write_text(f'{line}\n')
            self.assertEqual(len(self.host.discover().offered()), 2)
        for line in ('0x0000000008000000 0x00000000080fffff msi',
                     '0x0000000008000000 0x00000000080fffff reserved',
                     '0x00000000fee00000 0x0000000100000000 msi'):
            with self.subTest(line):
                reserved.write_text(f'{line}\n')
                self.assertIn('where guests have memory', self.withheld())
        self.host.config = self.config(
            'example-gpu', guest_memory_map=((0x40000000, 0x80000000),))
        reserved.write_text('0x08000000 0x080fffff msi\n')
        self.assertEqual(len(self.host.discover().offered()), 2)

    @shows('PLAT-007')
    def test_registers_in_one_page(self):
        self.kernel.add('0000:50:00.0', '0x1', '50', '0x020000',
                        vendor='0x8086')
        resource = '{:#018x} {:#018x} 0x0000000000040200\n'
        for start, other, alone in ((0x1000, 0x2000, True),
                                    (0x1000, 0x1800, False),
                                    (0x1800, 0x1000, False)):
            for address, begin in ((self.card, start),
                                   ('0000:50:00.0', other)):
                (self.kernel.devices / address / 'resource').write_text(
                    resource.format(begin, begin + 0x7ff) + '0x0 0x0 0x0\n')
            with self.subTest(start=start, other=other):
                if alone:
                    self.assertEqual(len(self.host.discover().offered()), 2)
                else:
                    self.assertIn('in one page', self.withheld())


class TestSocket(HostCase):
    """What is served on the host socket, to whom, and how."""

    def setUp(self):
        super().setUp()
        self.card = self.kernel.add_fpga(0x4b, 'F1')

    def begin(self):
        agent = self.agent('example-fpga')
        self.path = self.serve(agent)
        return handles(agent)

    def function(self, region='region0'):
        return self.kernel.read(self.card, f'fpga/{region}/function_id')

    def test_hello(self):
        self.begin()
        said = ask(self.path, {'request': 'hello'})['done']
        self.assertEqual((said['version'], said['drivers']),
                         ('1.0', ['example-fpga']))

    def test_what_is_no_request(self):
        self.begin()
        for request in ({'request': 'reboot'}, {'request': 'detach'}, 7,
                        {'request': 'hello', 'path': '/etc/passwd'},
                        {'request': 'hello', 'versions': ['1' * 70000]}):
            self.assertEqual(ask(self.path, request)['error'],
                             'NotSupported')
        self.assertEqual(ask(self.path, {'request': 'hello'},
                             version='2.0')['error'], 'VersionMismatch')

    @shows('DRIVER-006')
    def test_a_user_that_is_not_served(self):
        needs_root(self, 'to be another user')
        self.begin()
        self.root.chmod(0o755)
        program = ('import os, socket, sys\n'
                   'os.setgroups([]); os.setgid(int(sys.argv[2]))\n'
                   'os.setuid(int(sys.argv[3]))\n'
                   's = socket.socket(socket.AF_UNIX)\n'
                   's.settimeout(60)\n'
                   's.connect(sys.argv[1])\n'
                   's.sendall(b\'"1.0"\\n{"request": "hello"}\\n\')\n'
                   'print(s.makefile().read())\n')
        group = str(os.stat(self.path).st_gid)
        for user, served in (('0', True), ('65534', False)):
            said = subprocess.run(
                [sys.executable, '-c', program, self.path, group, user],
                capture_output=True, text=True, timeout=60, check=True)
            answer = json.loads(said.stdout.splitlines()[1])
            with self.subTest(user):
                self.assertEqual(answer.get('error'),
                                 None if served else 'NotAllowed')
                self.assertEqual('done' in answer, served)

    def test_users_that_there_are_not(self):
        with self.assertRaisesRegex(ConfigurationError, 'socket_users'):
            self.serve(Agent(msgspec.structs.replace(
                self.config(), socket_users=('nobody-of-this-name',))))

    @shows('DRIVER-007')
    def test_a_bitstream_is_read_from_the_open_file_alone(self):
        data = self.begin()['fpga-F1/vf0']
        path = self.root / 'image'
        path.write_bytes(bitstream('CHECKED'))
        request = {'request': 'program', 'handle': data, 'van': VANS[0],
                   'region': 'fpga-F1/region0', 'deadline': soon()}
        self.assertEqual(ask(self.path, request)['error'],
                         'BitstreamRefused')
        with open(path, 'rb') as checked:
            self.assertEqual(
                ask(self.path, {**request, 'path': str(path)},
                    [checked.fileno()])['error'], 'NotSupported')
            self.assertEqual(ask(self.path, request, [
                checked.fileno()] * 2)['error'], 'BitstreamRefused')
            self.assertEqual(self.function(), 'BLANK')
            other = self.root / 'other'
            other.write_bytes(bitstream('SWAPPED'))
            other.rename(path)
            self.assertEqual(ask(self.path, request, [checked.fileno()]),
                             {'done': None})
        self.assertEqual(self.function(), 'CHECKED')

    @shows('DRIVER-005', 'DRIVER-024')
    def test_without_a_peer_outside_the_host(self):
        """The agent and its drivers run where there is no network at all,
        not even the host's own.
        """
        needs_root(self, 'to be without a network')
        self.kernel.add_gpu(0x3b, 'S1', types={'small': 1})
        self.kernel.add_gpu(0x3c, 'S2')
        self.settings['example-gpu']['shares'] = {'S1': 'small'}
        file = self.root / 'agent.json'
        file.write_bytes(msgspec.json.encode(self.config(
            'example-fpga', 'example-gpu')))
        daemon = subprocess.Popen(
            ['unshare', '--net', sys.executable, '-m', 'os_acc_agent', file],
            stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(daemon.stdout.readline(), 'listening\n')
            self._all_five()
        finally:
            daemon.terminate()
            self.assertEqual(daemon.wait(60), 0)
            daemon.stdout.close()

    def _all_five(self):
        found = handles(self.agent('example-fpga', 'example-gpu'))
        socket = HostSocket(str(self.root / 'agent.sock'))
        image = self.root / 'image'
        image.write_bytes(bitstream('A'))
        socket.program(found['fpga-F1/vf0'], VANS[0], 'fpga-F1/region0',
                       str(image), soon())
        self.assertEqual(self.function(), 'A')
        for identity in ('fpga-F1/vf0', 'gpu-S1/share0', 'gpu-S2/card'):
            data = found[identity]
            socket.attach(data, VANS[0], 'instance', soon())
            self.assertTrue(socket.observe(data, VANS[0], soon()).attached)
            socket.detach(data, VANS[0], soon())
            socket.erase(data, VANS[0], soon())
            self.assertFalse(socket.observe(data, VANS[0], soon()).attached)
        socket.erase(found['fpga-F1/vf0'], VANS[0], soon(),
                     'fpga-F1/region0')
        self.assertEqual(self.function(), 'BLANK')
        with self.assertRaisesRegex(AgentError, 'NoSuchHandle'):
            socket.observe({'identity': 'none'}, VANS[0], soon())
