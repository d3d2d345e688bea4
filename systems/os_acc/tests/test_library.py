"""The library by itself: what the models have not, or not in detail."""

import contextlib
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import msgspec
import stevedore
from harness.api import Api, Handle, Status
from harness.benches import OddBench
from harness.odd import Odd
from os_acc import exceptions
from os_acc.control import Image, Refused, Unreachable
from os_acc.journal import Journal
from os_acc.library import Library
from os_acc.objects import (
    VAN,
    AccRequest,
    Goal,
    HandleData,
    Policy,
    State,
)
from os_acc.plugin import Plugins
from os_acc.timeouts import Timeouts

from tests.base import INSTANCES, shows
from tests.hosts import needs_root

ONE, TWO = INSTANCES[:2]
ALONE = """
import os, sys, unittest
from tests.test_library import TestCalls
suite = unittest.defaultTestLoader.loadTestsFromTestCase(TestCalls)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
result = unittest.TextTestRunner().run(suite)
sys.exit(not result.wasSuccessful() or not result.testsRun)
"""


class Images:
    """The image service, with one image."""

    def __init__(self, root, **fields):
        self.image = {'regions': frozenset({'region-0'}), 'tenant': True,
                      'digest': '559aead08264d5795d3909718cdd05abd49572e84f'
                                'e55590eef31a88a08fdffd', **fields}
        self.path = root / 'image'
        self.path.write_text('A')
        self.up = True

    def fetch(self, context, bitstream_id, deadline):
        if not self.up:
            raise Unreachable('no image service')
        return Image(path=str(self.path), **self.image)


class LibraryCase(unittest.TestCase):
    """A library on the odd platform."""

    regions = 0

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix='os-acc-')))
        self.bench = OddBench(2, self.regions)
        self.api = Api(self.bench.handles, 2)
        self.images = Images(self.root)
        self.library = self.made()
        self.library.initialize()
        self.library.recover(None, [])

    def made(self, timeouts=None, load=None):
        now = [time.monotonic()]

        def sleep(seconds):
            now[0] += seconds
        return Library('host', Journal(self.root / 'journal'), self.api,
                       self.images, timeouts, load or self.bench.plugins,
                       clock=lambda: now[0], sleep=sleep)

    def request(self, number=0):
        return AccRequest(str(number), 'rp')

    def prepare(self, instance=ONE, count=1):
        return self.library.prepare(None, instance, [
            self.request(number) for number in range(count)])

    def plug(self, instance=ONE, count=1):
        return self.library.plug(None, instance, [
            str(number) for number in range(count)])

    def states(self):
        return [van.state.value for van in self.library.get_vans()]


class TestCalls(LibraryCase):
    @shows('PLAT-021')
    def test_the_odd_platform(self):
        """Each call, where nothing is as on libvirt."""
        vans = self.prepare()
        [van] = self.plug()
        self.assertEqual((van.attach_data.data, list(van.handle_data.data)),
                         ({}, ['slot']))
        self.assertEqual(self.library.get_vans()[0].state, State.PLUGGED)
        self.library.unplug(None, ONE)
        self.assertEqual(self.states(), ['READY'])
        self.prepare()
        self.plug()
        self.bench.undefine(ONE)  # which takes the attachment along
        self.assertEqual(self.bench.platform.attached, {})
        self.library.recover(None, [ONE.uuid])
        self.assertEqual(self.states(), ['READY'])
        self.plug()
        self.library.sync(None, [ONE.uuid])
        self.assertEqual(self.states(), ['PLUGGED'])
        self.assertEqual(self.library.release(None, ONE.uuid), 1)
        self.assertEqual(self.bench.platform.soiled, set())
        self.assertEqual(len(vans), 1)

    @shows('PLAT-021')
    def test_two_accelerators_the_whole_way(self):
        vans = self.prepare(count=2)
        self.assertEqual([van.state for van in vans], [State.READY] * 2)
        self.assertEqual({van.handle_uuid for van in vans},
                         {'handle-0', 'handle-1'})
        vans = self.plug(count=2)
        self.assertEqual([van.state for van in vans], [State.PLUGGED] * 2)
        self.assertEqual(len(self.bench.platform.attached), 2)
        self.library.unplug(None, ONE)
        self.assertEqual(self.states(), ['READY'] * 2)
        self.assertEqual(self.library.release(None, ONE.uuid), 2)
        self.assertEqual(self.states(), [])  # reported, and so forgotten
        self.assertEqual([handle.status for handle in self.api.handles],
                         [Status.FREE] * 2)
        self.assertEqual((self.bench.platform.soiled, self.api.used),
                         (set(), 0))

    def test_a_claim_is_refused_whole(self):
        """For want of a handle and for quota; OSACC-051 for those
        refused.
        """
        self.prepare(TWO)
        for limit in (3, 2):
            self.api.limit = limit
            with self.assertRaises(exceptions.ClaimRefused):
                self.prepare(count=2)
            self.assertEqual([handle.status for handle in self.api.handles],
                             [Status.CLAIMED, Status.FREE])
        self.assertEqual(self.states(), ['READY'])
        self.assertEqual(sorted(van.state.value
                                for van in self.api.vans.values()),
                         ['READY', *['RELEASED'] * 4])

    def test_each_call_twice(self):
        """OSACC-032 and OSACC-036: the second changes nothing."""
        for call in (self.prepare, self.plug,
                     lambda: self.library.unplug(None, ONE)):
            first = call()
            journal, rows = self.library.get_vans(), dict(self.api.vans)
            self.assertEqual(call(), first)
            self.assertEqual(self.library.get_vans(), journal)
            self.assertEqual(self.api.vans, rows)
        self.assertEqual(self.library.release(None, ONE.uuid), 1)
        self.assertEqual(self.library.release(None, ONE.uuid), 0)

    def test_plug_before_prepare(self):
        with self.assertRaisesRegex(exceptions.WrongState, 'call prepare'):
            self.plug()

    def test_a_running_guest(self):
        """OSACC-035 and OSACC-037: no goal is set."""
        self.prepare()
        self.plug()
        self.bench.start(ONE)
        with self.assertRaises(exceptions.InstanceRunning):
            self.library.unplug(None, ONE)
        with self.assertRaises(exceptions.InstanceRunning):
            self.library.release(None, ONE.uuid)
        self.assertEqual(self.library.get_vans()[0].goal, Goal.PLUGGED)

    def test_the_definition_goes_first(self):
        """T23: the attachment was lost with it, and release goes on."""
        self.prepare()
        self.plug()
        self.bench.undefine(ONE)
        self.assertEqual(self.library.release(None, ONE.uuid), 1)
        self.assertEqual(self.bench.platform.soiled, set())

    def test_unplug_without_the_journal(self):
        """What the journal has lost is left alone until it is adopted."""
        self.prepare()
        self.plug()
        shutil.rmtree(self.root / 'journal')
        self.library = self.made()
        self.library.initialize()
        self.assertEqual(self.library.unplug(None, ONE), [])
        self.assertEqual(len(self.bench.platform.attached), 1)
        self.library.recover(None, [ONE.uuid])
        self.assertEqual(self.states(), ['PLUGGED'])
        self.library.unplug(None, ONE)
        self.assertEqual((self.states(), self.bench.platform.attached),
                         (['READY'], {}))

    def test_nobody_answers_the_plugin(self):
        self.prepare()
        self.bench.up = False
        with self.assertRaises(exceptions.PluginUnavailable):
            self.plug()
        self.bench.up = True
        self.assertEqual(self.plug()[0].state, State.PLUGGED)

    def test_failed_is_the_end_of_a_build(self):
        self.prepare()
        self.bench.set_perform(self.after_the_deed)
        with self.assertRaisesRegex(exceptions.PlugFailed, 'after all'):
            self.plug()
        [van] = self.library.get_vans()
        self.assertEqual((van.state, van.fault.step, van.fault.tries),
                         (State.FAILED, 'PLUGGING', 1))
        with self.assertRaises(exceptions.VanFailed):
            self.prepare()

    @staticmethod
    def after_the_deed(operation, _van, apply):
        apply()
        if operation == 'attach':
            raise ValueError('not good after all')

    def test_a_handle_that_is_retired(self):
        """The answer to a report says so, and the release is a whole
        one.
        """
        self.prepare()
        self.api.handles[0].status = Status.RETIRED
        with self.assertRaises(exceptions.Cancelled):
            self.plug()
        [van] = self.library.get_vans()
        self.assertEqual((van.state, van.goal),
                         (State.PLUGGED, Goal.RELEASED))
        self.library.sync(None, [ONE.uuid])
        self.assertEqual(self.states(), [])
        self.assertEqual(self.api.handles[0].status, Status.FREE)

    def test_a_database_from_a_backup(self):
        """A VAN that the API has forgotten has its handle claimed anew."""
        self.prepare()
        self.api.vans.clear()
        for handle in self.api.handles:
            handle.status, handle.van = Status.FREE, None
        self.plug()
        self.assertEqual(self.api.handles[0].status, Status.CLAIMED)
        report = self.library.sync(None, [ONE.uuid])
        self.assertEqual(report.reports_pending, [])
        [row] = self.api.vans.values()
        self.assertEqual(row.state, State.PLUGGED)

    def test_orphans(self):
        """OSACC-055: by the list given, and never under a guest."""
        for instance in (ONE, TWO):
            self.prepare(instance)
            self.plug(instance)
        self.bench.start(TWO)
        report = self.library.recover(None, [])
        self.assertEqual(len(report.to_release), 2)
        self.assertEqual({van.instance_uuid: van.goal
                          for van in self.library.get_vans()},
                         {ONE.uuid: Goal.RELEASED, TWO.uuid: Goal.PLUGGED})
        self.library.sync(None, [TWO.uuid])
        self.assertEqual(self.states(), ['PLUGGED'])

    @shows('OSACC-062')
    def test_a_lock_that_is_taken(self):
        """InstanceBusy and nothing else, and release sets the goal."""
        self.prepare()
        self.plug()
        library = self.made(Timeouts(lock_timeout=0.05))
        library.initialize()
        [before], rows = library.get_vans(), dict(self.api.vans)
        with self.library.journal.lock('instance', ONE.uuid, 0):
            for call in (
                    lambda: library.prepare(None, ONE, [self.request(1)]),
                    lambda: library.plug(None, ONE, ['0']),
                    lambda: library.unplug(None, ONE)):
                with self.assertRaises(exceptions.InstanceBusy):
                    call()
                self.assertEqual(library.get_vans(), [before])
            with self.assertRaises(exceptions.InstanceBusy):
                library.release(None, ONE.uuid)
        [after] = library.get_vans()
        self.assertEqual((after.goal, after.state),
                         (Goal.RELEASED, State.PLUGGED))
        self.assertEqual(self.api.vans, rows)
        self.assertEqual(len(self.bench.platform.attached), 1)


class TestApi(unittest.TestCase):
    """What the API grants and charges, and to whom."""

    def setUp(self):
        self.api = Api([
            Handle(f'handle-{number}', 'ODD', HandleData('ODD', '1.0', {}),
                   rp=f'rp-{kind}', resource_class=kind)
            for number, kind in enumerate(['FPGA'] * 4 + ['GPU'] * 2)],
            3, user_limit=2)

    def claim(self, uuid, kind='FPGA', project='p', user='u', count=1):
        vans = [VAN(uuid=f'{uuid}{number}', instance_uuid=uuid,
                    project_id=project, user_id=user, host='host',
                    request_id=str(number), rp_uuid=f'rp-{kind}')
                for number in range(count)]
        self.api.claim(vans)
        return vans

    def charged(self):
        """What each of two projects, and each of two users, uses."""
        return [self.api.usage('FPGA', project, user)
                for project in ('p', 'q') for user in (None, 'u', 'v')]

    @shows('OSACC-014')
    def test_all_of_a_claim_or_none(self):
        """For want of a handle, and for quota."""
        self.api.user_limit = None
        for project in 'pq':
            self.claim(f'{project}-one', project=project)
        before = [handle.van for handle in self.api.handles]
        rows = dict(self.api.vans)
        for project, count, limit, status in (
                ('p', 3, 9, 409), ('p', 2, 2, 403), ('q', 3, 3, 403)):
            self.api.limit = limit
            with self.subTest(count, limit=limit), self.assertRaisesRegex(
                    Refused, f'^{status}'):
                self.claim('none', project=project, count=count)
            self.assertEqual(
                (before, rows), ([handle.van for handle in self.api.handles],
                                 self.api.vans))
        self.api.limit = 9
        vans = self.claim('two', count=2)
        self.assertEqual([van.uuid for van in vans], [
            handle.van for handle in self.api.handles[2:4]])

    @shows('QUOTA-001')
    def test_usage_follows_the_handles(self):
        """Whoever changes a row, by whatever way."""
        self.claim('one', count=2)
        self.assertEqual(self.charged(), [2, 2, 0, 0, 0, 0])
        self.api.handles[0].status = Status.RETIRED
        self.assertEqual(self.charged(), [1, 1, 0, 0, 0, 0])
        self.api.handles[1].status = Status.FREE  # as a backup has it
        self.api.handles[1].van = None
        self.assertEqual(self.charged(), [0] * 6)
        self.claim('two', count=2)
        with self.assertRaisesRegex(Refused, '403'):
            self.claim('three')
        self.api.handles[1].status = Status.RETIRED
        self.claim('three')
        self.assertEqual(self.charged(), [2, 2, 0, 0, 0, 0])

    @shows('QUOTA-001')
    def test_usage_is_of_who_holds_them(self):
        """A VAN is another project's as soon as its record says so."""
        [van] = self.claim('one')
        self.assertEqual(self.charged(), [1, 1, 0, 0, 0, 0])
        self.api.vans[van.uuid] = msgspec.structs.replace(
            self.api.vans[van.uuid], project_id='q', user_id='v')
        self.assertEqual(self.charged(), [0, 0, 0, 1, 0, 1])

    @shows('QUOTA-002')
    def test_the_owner_is_charged(self):
        """Of several who claim each is charged, and no other."""
        self.claim('one', user='u')
        self.claim('two', user='v')
        self.claim('three', project='q', user='v')
        self.claim('four', 'GPU', project='q', user='u')
        self.assertEqual(self.charged(), [2, 1, 1, 1, 0, 1])
        self.assertEqual(self.api.usage('GPU', 'q', 'u'), 1)

    def test_os_acc_names_the_owner(self):
        """Whoever calls it, the VAN is of the instance's owner."""
        bench = OddBench(1)
        with tempfile.TemporaryDirectory(prefix='os-acc-') as folder:
            library = Library('host', Journal(pathlib.Path(folder)), Api(
                bench.handles, 1), None, load=bench.plugins)
            library.initialize()
            [van] = library.prepare('an administrator', ONE, [
                AccRequest('0', 'rp')])
        self.assertEqual((van.project_id, van.user_id), ('project', 'user'))

    @shows('QUOTA-007')
    def test_a_refusal_tells_the_numbers(self):
        for asked, said in (
                (dict(count=3), 'FPGA: the limit of user u is 2, usage is 0, '
                                'and 3 are asked for'),
                (dict(count=4), 'FPGA: the limit of project p is 3, usage is '
                                '0, and 4 are asked for')):
            with self.assertRaisesRegex(Refused, f'^403: {said}$'):
                self.claim('none', **asked)
        self.claim('one', user='v', count=2)
        self.claim('two')
        with self.assertRaisesRegex(Refused, (
                '^403: FPGA: the limit of project p is 3, usage is 3, and 1 '
                'are asked for$')):
            self.claim('three')
        self.claim('four', 'GPU', count=2)
        with self.assertRaisesRegex(Refused, (
                '^403: GPU: the limit of user u is 2, usage is 2, and 1 are '
                'asked for$')):
            self.claim('five', 'GPU')
        self.claim('six', project='q', user='u')


class TestPrivilege(unittest.TestCase):
    @shows('OSACC-067')
    def test_a_user_without_privilege(self):
        """All calls succeed for a user that has none."""
        needs_root(self, 'to be another user')
        run = subprocess.run(
            [sys.executable, '-c', ALONE], capture_output=True, text=True,
            timeout=120, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stderr, r'Ran 1\d tests')


class LockedJournal(Journal):
    """A journal that notes what was waited for while a region was locked."""

    def __init__(self, path):
        super().__init__(path)
        self.regions, self.taken, self.wrong = 0, [], []

    @contextlib.contextmanager
    def lock(self, kind, name, timeout):
        if kind == 'instance' and self.regions and timeout > 0:
            self.wrong.append(name)
        with super().lock(kind, name, timeout):
            self.taken.append(kind)
            self.regions += kind == 'region'
            try:
                yield
            finally:
                self.regions -= kind == 'region'


class TestRegions(LibraryCase):
    regions = 1

    def request(self, number=0, policy=Policy.IF_NEEDED):
        return AccRequest(str(number), 'rp', 'A', 'image', policy)

    def test_written_once_for_two(self):
        """OSACC-029; the last one out erases the region (OSACC-042)."""
        self.prepare()
        self.images.up = False
        self.prepare(TWO)
        self.library.release(None, ONE.uuid)
        self.assertEqual(self.bench.loaded(0), 'A')
        self.library.release(None, TWO.uuid)
        self.assertEqual(self.bench.loaded(0), 'NONE')

    @shows('OSACC-061')
    def test_a_region_is_locked_last(self):
        """By whatever call, also when the journal has to be rebuilt."""
        made = []

        def journal(path):
            made.append(LockedJournal(path))
            return made[-1]
        with mock.patch(f'{__name__}.Journal', journal):
            self.library = self.made()
            self.library.initialize()
            self.library.recover(None, [])
            for instance in (ONE, TWO):
                self.prepare(instance)
                self.plug(instance)
            self.library.unplug(None, TWO)
            for file in (self.root / 'journal').glob('*.van'):
                file.unlink()
            (self.root / 'journal' / 'whole').unlink()
            self.library = self.made()
            self.library.initialize()
            self.library.recover(None, [ONE.uuid, TWO.uuid])
            for van in self.library.get_vans():
                self.library.release(None, van.instance_uuid)
            self.prepare()
            self.library.sync(None, [])
            self.library.release(None, ONE.uuid)
        taken = sum((one.taken for one in made), [])
        self.assertEqual([one.wrong for one in made], [[], []])
        self.assertGreaterEqual(taken.count('region'), 4)
        self.assertGreaterEqual(taken.count('instance'), 10)
        self.assertEqual(self.bench.loaded(0), 'NONE')

    @shows('BITS-005')
    def test_a_bitstream_is_taken_by_its_id(self):
        """And by nothing else: of several that hold the function it is the
        one that the request names, or none.
        """
        asked = []

        class Many(Images):
            def __getattr__(self, name):
                raise AssertionError(f'{name} is asked for')

            def fetch(self, context, bitstream_id, deadline):
                asked.append(bitstream_id)
                if bitstream_id == 'none':
                    raise Unreachable('no such image')
                return super().fetch(context, bitstream_id, deadline)
        self.library._loaded[1].images = Many(self.root)
        for instance, image in ((ONE, 'image-7'), (TWO, 'image-3')):
            self.library.prepare(None, instance, [AccRequest(
                '0', 'rp', 'A', image, Policy.IF_NEEDED)])
            self.library.release(None, instance.uuid)
        with self.assertRaises(exceptions.BitstreamUnavailable):
            self.library.prepare(None, ONE, [AccRequest(
                '0', 'rp', 'A', 'none', Policy.IF_NEEDED)])
        self.assertEqual(asked, ['image-7', 'image-3', 'none'])

    @shows('BITS-006')
    def test_a_digest_that_is_too_weak(self):
        """Though it is right, and a stronger one is taken."""
        for name, kept in (('md5', False), ('sha1', False), ('sha224', False),
                           ('', False), ('sha256', True), ('sha384', True),
                           ('sha512', True), ('sha3_256', True)):
            self.library._loaded[1].images = Images(
                self.root, algorithm=name, digest=hashlib.new(
                    name, b'A').hexdigest() if name else '')
            with self.subTest(name):
                if kept:
                    self.prepare()
                else:
                    with self.assertRaisesRegex(
                            exceptions.BitstreamRejected, 'SHA-256'):
                        self.prepare()
                self.assertEqual((self.states(), self.bench.loaded(0)), (
                    ['READY'], 'A') if kept else (['BOUND'], 'NONE'))
                self.library.release(None, ONE.uuid)

    def test_what_is_refused_is_not_written(self):
        """OSACC-026 and OSACC-065: the VAN stays BOUND."""
        for fields, error, why in (
                ({'digest': '0' * 64}, 'BitstreamRejected', 'digest'),
                ({'regions': frozenset({'other'})}, 'BitstreamRejected',
                 'for the regions other'),
                ({'up': False}, 'BitstreamUnavailable', 'no image')):
            self.images = self.library._loaded[1].images = Images(
                self.root, **{name: value for name, value in fields.items()
                              if name != 'up'})
            self.images.up = fields.get('up', True)
            with self.subTest(why), self.assertRaisesRegex(
                    getattr(exceptions, error), why):
                self.prepare()
            self.assertEqual((self.states(), self.bench.loaded(0)),
                             (['BOUND'], 'NONE'))

    def test_never(self):
        with self.assertRaisesRegex(exceptions.FunctionMissing,
                                    'may not be written'):
            self.library.prepare(None, ONE, [
                self.request(policy=Policy.NEVER)])

    def test_a_driver_that_lies(self):
        """OSACC-028: READY means verified."""
        self.bench.set_perform(lambda operation, van, apply: None)
        with self.assertRaises(exceptions.ProgramFailed):
            self.prepare()
        self.assertEqual(self.states(), ['FAILED'])

    def test_a_function_that_is_lost(self):
        self.prepare()
        self.bench.platform.loaded.clear()
        with self.assertRaises(exceptions.FunctionLost):
            self.plug()
        self.assertEqual(self.states(), ['BOUND'])

    def test_a_bitstream_without_its_function(self):
        with self.assertRaisesRegex(ValueError, 'name both'):
            AccRequest('0', 'rp', None, 'image')


class TestInitialize(LibraryCase):
    def test_nothing_before_it(self):
        library = self.made()
        for call in (lambda: library.prepare(None, ONE, []),
                     lambda: library.get_vans(),
                     lambda: library.sync(None, [])):
            with self.assertRaises(exceptions.LibraryNotInitialized):
                call()

    @shows('OSACC-057')
    def test_time_outs_in_order(self):
        """OSACC-057; the defaults are, and each that is not is named."""
        Timeouts().check()
        for name, value in (('claim_timeout', 10), ('region_timeout', 620),
                            ('prepare_timeout', 1689),
                            ('plug_call_timeout', 119),
                            ('unplug_call_timeout', 119),
                            ('release_call_timeout', 1089)):
            with self.subTest(name), self.assertRaisesRegex(
                    exceptions.ConfigurationError, f'{name} is {value} s'):
                self.made(Timeouts(**{name: value})).initialize()

    def test_the_sums_of_the_spec(self):
        for name, least in (('prepare_timeout', 1690),
                            ('plug_call_timeout', 120),
                            ('unplug_call_timeout', 120),
                            ('release_call_timeout', 1090)):
            Timeouts(**{name: least}).check()

    @shows('OSACC-069')
    def test_a_newer_journal(self):
        """OSACC-069: refused, and left as it is."""
        self.prepare()
        (self.root / 'journal' / 'format').write_text('2\n')
        before = self.files()
        with self.assertRaisesRegex(exceptions.JournalError, 'upgrade'):
            self.made().initialize()
        self.assertEqual(self.files(), before)

    def files(self):
        return {path.name: path.read_bytes() for path in (
            self.root / 'journal').rglob('*') if path.is_file()}

    def test_a_damaged_entry(self):
        """It counts as lost, and is adopted again."""
        self.prepare()
        self.plug()
        [file] = (self.root / 'journal').glob('*.van')
        file.write_bytes(file.read_bytes()[:-3] + b'}}}')
        library = self.made()
        library.initialize()
        self.assertFalse(library.journal.whole)
        self.assertEqual(library.get_vans(), [])
        library.recover(None, [ONE.uuid])
        [van] = library.get_vans()
        self.assertEqual((van.state, van.dirty, library.journal.whole),
                         (State.PLUGGED, True, True))
        self.assertGreater(van.generation, 2 ** 32)

    def test_a_journal_that_cannot_be_written(self):
        """OSACC-046: the step is not begun."""
        self.prepare()
        with mock.patch('os.fsync', side_effect=OSError('disk full')):
            with self.assertRaisesRegex(exceptions.JournalError,
                                        'disk full'):
                self.plug()
        self.assertEqual(self.states(), ['READY'])
        self.assertEqual(self.bench.platform.attached, {})


class Newer(Odd):
    interface = (1, 1)

    def describe(self):
        import msgspec

        return msgspec.structs.replace(super().describe(),
                                       interface=self.interface)


class TestPlugins(unittest.TestCase):
    @shows('OSACC-001')
    def test_found_by_entry_point(self):
        """OSACC-001."""
        names = stevedore.ExtensionManager('os_acc').names()
        self.assertEqual(sorted(names), [
            'fpga-libvirt', 'gpu-libvirt', 'ioslot-novalink'])
        info = Plugins.load().info()
        self.assertEqual((sorted(info.plugins), info.left_out),
                         (sorted(names), {}))
        self.assertNotIn('IOSLOT', info.handle_types)

    @shows('OSACC-002')
    def test_two_for_one_type(self):
        """Nothing is loaded then."""
        platform = OddBench(1).platform
        with tempfile.TemporaryDirectory(prefix='os-acc-') as folder:
            library = Library(
                'host', Journal(pathlib.Path(folder)), None, None,
                load=lambda: Plugins({'one': Odd(platform),
                                      'two': Odd(platform)}))
            with self.assertRaisesRegex(exceptions.PluginConflict,
                                        'both describe ODD'):
                library.initialize()
            with self.assertRaises(exceptions.LibraryNotInitialized):
                library.host_info()

    @shows('OSACC-003')
    def test_one_that_does_not_fit(self):
        """OSACC-003: another major, or a higher minor number."""
        platform = OddBench(1).platform
        for interface, kept in (((1, 0), True), ((1, 1), False),
                                ((2, 0), False), ((0, 9), False)):
            plugin = Newer(platform)
            plugin.interface = interface
            found = Plugins({'odd': plugin})
            with self.subTest(interface):
                self.assertEqual(found.of('ODD') is not None, kept)
                self.assertEqual(not found.info().left_out, kept)
