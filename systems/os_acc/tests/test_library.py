"""The library by itself: what the models have not, or not in detail."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import stevedore
from harness.api import Api, Status
from harness.benches import OddBench
from harness.odd import Odd
from os_acc import exceptions
from os_acc.control import Image, Unreachable
from os_acc.journal import Journal
from os_acc.library import Library
from os_acc.objects import AccRequest, Goal, Policy, State
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
                      'sha256': '559aead08264d5795d3909718cdd05abd49572e84f'
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

    def test_a_claim_is_granted_whole(self):
        """OSACC-014, and OSACC-051 for those refused."""
        self.prepare(TWO)
        with self.assertRaises(exceptions.ClaimRefused):
            self.prepare(count=2)
        self.assertEqual(self.states(), ['READY'])
        self.assertEqual(sorted(van.state.value
                                for van in self.api.vans.values()),
                         ['READY', 'RELEASED', 'RELEASED'])

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
        self.api.used = 0
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

    def test_what_is_refused_is_not_written(self):
        """OSACC-026 and OSACC-065: the VAN stays BOUND."""
        for fields, error, why in (
                ({'sha256': '0' * 64}, 'BitstreamRejected', 'digest'),
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

    def test_two_for_one_type(self):
        """OSACC-002."""
        platform = OddBench(1).platform
        with self.assertRaisesRegex(exceptions.PluginConflict,
                                    'both describe ODD'):
            Plugins({'one': Odd(platform), 'two': Odd(platform)})

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

    def test_no_platform_is_common(self):
        """OSACC-004 and OSACC-005, as far as words show it."""
        words = ('libvirt', 'novalink', 'power', 'qemu', 'x86', 'pci',
                 'mdev', 'ioslot', '.data')
        import os_acc

        found = looked = 0
        for file in pathlib.Path(os_acc.__file__).parent.glob('*.py'):
            code = compile(file.read_text(), str(file), 'exec')
            looked += 1
            found += sum(word in text.lower() for text in names(code)
                         for word in words)
        self.assertEqual((found, looked > 10), (0, True))
        self.assertIn('libvirt', list(names(compile(
            'def f(x):\n    return x.libvirt', '', 'exec'))))


def names(code):
    """The names that code uses, without its constants and comments."""
    yield from (*code.co_names, *code.co_varnames)
    for constant in code.co_consts:
        if hasattr(constant, 'co_names'):
            yield from names(constant)
