"""The reference drivers, called as a worker calls them."""

import io
import pathlib

from os_acc_agent.driver import (
    BitstreamRefused,
    DriverError,
    Handle,
)
from os_acc_drivers.fpga import Fpga
from os_acc_drivers.gpu import Gpu

from tests.base import shows
from tests.hosts import VANS, HostCase, bitstream, soon

MINE, THEIRS = VANS[:2]


class DriverCase(HostCase):
    """A driver is made anew for each call, as a worker is."""

    kind = Gpu
    name = 'example-gpu'

    @property
    def driver(self):
        return self.kind(self.kernel, self.settings[self.name])

    def devices(self):
        return {device.identity: device for device in self.driver.discover()}

    def offered(self):
        """All handles, by identity."""
        return {handle.identity: handle for device in self.driver.discover()
                for handle in device.handles}

    def attach(self, handle, name=MINE):
        self.driver.attach(handle, name, soon())

    def detach(self, handle, name=MINE):
        self.driver.detach(handle, name, soon())

    def erase(self, handle, region=None, name=MINE):
        self.driver.erase(handle, name, region, soon())

    def is_set_up(self, handle, name=MINE):
        return self.driver.observe(handle, name).set_up

    def failing(self, pattern, fault, call, *arguments):
        """A call raises while the kernel has this fault, and not after."""
        self.kernel.set_fault(pattern, fault)
        with self.assertRaises((DriverError, OSError)):
            call(*arguments)
        self.kernel.mend()
        call(*arguments)


class GpuCase(DriverCase):
    """A parent with two types, two cards that are whole."""

    def setUp(self):
        super().setUp()
        self.parent = self.kernel.add_gpu(0x3a, 'P1', types={'small': 4,
                                                             'large': 2})
        self.card = self.kernel.add_gpu(0x3b, 'S1')
        self.other = self.kernel.add_gpu(0x3c, 'S2', '0x6002')
        self.settings['example-gpu']['shares'] = {'P1': 'small'}
        self.driver.start([])

    @property
    def whole(self):
        return self.offered()['gpu-S1/card']

    def share(self, number=0):
        return self.offered()[f'gpu-P1/share{number}']

    def left(self, kind='small', parent=None):
        """How many the kernel says can be made of a type, by its name."""
        parent = parent or self.parent
        [place] = [place for place in self.kernel.names(
            parent, 'mdev_supported_types/*')
            if self.kernel.read(parent, f'{place}/name') == kind]
        return place, int(self.kernel.read(
            parent, f'{place}/available_instances'))

    def by_hand(self, name, parent=None):
        """Somebody else makes a mediated device."""
        place, _ = self.left(parent=parent)
        self.kernel.write(parent or self.parent, f'{place}/create', name)


class TestGpu(GpuCase):
    def test_the_whole_way(self):
        for handle in (self.whole, self.share()):
            self.attach(handle)
            self.assertTrue(self.is_set_up(handle))
            self.detach(handle)
            self.erase(handle)

    @shows('GPUX86-004')
    def test_whole_or_in_shares(self):
        def kinds():
            return {name: {handle.type for handle in device.handles}
                    for name, device in self.devices().items()}
        self.assertEqual(kinds(), {'gpu-P1': {'MDEV'}, 'gpu-S1': {'PCI_GPU'},
                                   'gpu-S2': {'PCI_GPU'}})
        self.settings['example-gpu']['shares'] = {}
        self.assertEqual(kinds()['gpu-P1'], {'PCI_GPU'})

    @shows('GPUX86-005')
    def test_a_card_that_the_host_uses(self):
        for name, free, taken in (('boot_vga', '0', '1'),
                                  ('host_users', '0', '1'),
                                  ('host_users', '0', '3')):
            (self.kernel.devices / self.card / name).write_text(taken)
            with self.subTest(name):
                self.assertNotIn('gpu-S1/card', self.offered())
                self.assertIn('gpu-S2/card', self.offered())
                self.assertIn('gpu-S1', self.devices())
            (self.kernel.devices / self.card / name).write_text(free)
            self.assertIn('gpu-S1/card', self.offered())

    def test_the_console_stays_with_its_driver(self):
        card = self.kernel.add_gpu(0x3d, 'S3', boot_vga='1')
        self.driver.start([])
        self.assertEqual(self.kernel.link(card, 'driver'), 'nvidia')

    @shows('GPUX86-006')
    def test_a_virtual_function_that_looks_like_a_card(self):
        self.kernel.add('0000:3b:02.0', '0x6001', '3b-0', '0x030000',
                        serial_number='S1v', firmware_writable='0')
        self.assertIn('gpu-S1v/card', self.offered())  # but for the link
        (self.kernel.devices / '0000:3b:02.0' / 'physfn').symlink_to(
            self.kernel.devices / self.card)
        self.assertNotIn('gpu-S1v', self.devices())
        self.assertEqual({name for name, handle in self.offered().items()
                          if handle.type == 'PCI_GPU'},
                         {'gpu-S1/card', 'gpu-S2/card'})

    @shows('GPUX86-007')
    def test_cards_that_are_joined(self):
        cards = {number: self.kernel.add_gpu(0x40 + number, f'J{number}')
                 for number in range(5)}

        def join(one, *others):
            (self.kernel.devices / cards[one] / 'link_peers').write_text(
                ' '.join(cards[other] for other in others))

        def groups():
            offered = self.offered()
            return [offered[f'gpu-J{number}/card'].group for number in cards]
        self.assertEqual(len(set(groups())), 5)
        join(2, 3)  # said at one end alone, and by way of another
        join(3, 1)
        join(0, 4)
        found = groups()
        self.assertEqual(found[1], found[2])
        self.assertEqual(found[2], found[3])
        self.assertEqual(found[0], found[4])
        self.assertEqual(len(set(found)), 2)
        self.assertNotIn('', found)

    @shows('GPUX86-008')
    def test_erased_or_said_to_be(self):
        memory = self.kernel.devices / self.card / 'memory'
        self.assertTrue(any(memory.read_bytes()))
        self.failing(f'{self.card}/memory', 'keep', self.erase, self.whole)
        self.assertFalse(any(memory.read_bytes()))
        # Of this one a reset is documented to clear it, and must be one.
        second = self.offered()['gpu-S2/card']
        self.failing(f'{self.other}/reset', 'sulk', self._erase_again,
                     second, self.other)
        # The host driver clears what shares leave, of this product alone.
        self.erase(self.share())
        (self.kernel.devices / self.parent / 'device').write_text('0x6002')
        with self.assertRaisesRegex(DriverError, 'nobody says'):
            self.erase(self.share())

    def _erase_again(self, handle, address):
        (self.kernel.devices / address / 'registers').write_text('7')
        self.erase(handle)

    @shows('GPUX86-009')
    def test_firmware_that_a_guest_can_write(self):
        for value, offered in (('1', False), ('0', True)):
            (self.kernel.devices / self.card / 'firmware_writable'
             ).write_text(value)
            self.assertEqual('gpu-S1/card' in self.offered(), offered)
        (self.kernel.devices / self.card / 'firmware_writable').unlink()
        self.assertNotIn('gpu-S1/card', self.offered())  # nobody knows
        self.settings['example-gpu']['writable_firmware'] = ['S2']
        self.assertNotIn('gpu-S1/card', self.offered())
        self.settings['example-gpu']['writable_firmware'] = ['S2', 'S1']
        self.assertIn('gpu-S1/card', self.offered())

    @shows('GPUX86-010')
    def test_a_share_has_the_uuid_of_its_van(self):
        agent = self.agent('example-gpu')
        share = self.share()
        for van in VANS:
            agent.attach(share.data, van, 'instance', soon())
            self.assertEqual(self.kernel.names(
                self.parent, '*/mdev_type'), [f'{van}/mdev_type'])
            agent.detach(share.data, van, soon())

    @shows('GPUX86-011')
    def test_a_uuid_that_is_elsewhere(self):
        other = self.kernel.add_gpu(0x50, 'P2', types={'small': 4})
        share = self.share()
        self.by_hand(MINE, other)
        with self.assertRaisesRegex(DriverError, 'another parent'):
            self.attach(share)
        self.assertFalse(self.is_set_up(share))
        self.kernel.write(other, f'{MINE}/remove', '1')
        place, _ = self.left('large')
        self.kernel.write(self.parent, f'{place}/create', MINE)
        with self.assertRaisesRegex(DriverError, 'of another type'):
            self.attach(share)
        self.assertFalse(self.is_set_up(share))
        self.kernel.write(self.parent, f'{MINE}/remove', '1')
        self.attach(share)

    @shows('GPUX86-012')
    def test_one_type_of_a_parent(self):
        for kind, number in (('small', 4), ('large', 2)):
            self.settings['example-gpu']['shares'] = {'P1': kind}
            shares = [handle for handle in self.offered().values()
                      if handle.type == 'MDEV']
            self.assertEqual([handle.data['type_name'] for handle in shares],
                             [kind] * number)

    @shows('GPUX86-013')
    def test_a_type_is_found_by_its_name(self):
        share = self.share()
        places = self.kernel.devices / self.parent / 'mdev_supported_types'
        small, large = (places / pathlib.Path(self.left(kind)[0]).name
                        for kind in ('small', 'large'))
        small.rename(places / 'away')  # the ids are each other's now
        large.rename(small)
        (places / 'away').rename(large)
        self.attach(share)
        self.assertEqual(self.kernel.read(
            self.parent, f'{MINE}/mdev_type/name'), 'small')
        self.assertTrue(self.is_set_up(share))
        (large / 'name').write_text('tiny\n')
        with self.assertRaisesRegex(DriverError, 'no type small'):
            self.attach(share, THEIRS)

    @shows('GPUX86-016')
    def test_no_more_than_can_be_made(self):
        def free(*taken):
            """The handles of the parent, without those that are attached."""
            return {handle.identity for handle in self.offered().values()
                    if handle.type == 'MDEV'} - set(taken)
        self.assertEqual(len(free()), 4)
        self.by_hand(VANS[3])  # somebody else's
        self.assertEqual(len(free()), 3)
        share = self.share(1)
        self.attach(share)
        self.assertEqual(len(free(share.identity)), 2)
        self.assertIn(share.identity, free())
        for number in (0, 2):
            self.by_hand(VANS[2][:-1] + str(number))
        self.assertEqual(free(share.identity), set())
        self.detach(share)
        self.assertEqual((len(free()), self.left()[1]), (1, 1))

    @shows('GPUX86-017')
    def test_what_others_have_made_stays(self):
        for name in (THEIRS, VANS[2]):
            self.by_hand(name)
        share = self.share()
        self.driver.start([])
        self.attach(share)
        self.driver.start([share])
        self.driver.discover()
        self.detach(share)
        self.attach(share)
        self.erase(share)
        self.erase(self.whole)
        self.assertEqual(self.kernel.names(self.parent, '*/mdev_type'),
                         [f'{name}/mdev_type' for name in (THEIRS, VANS[2])])


class FpgaCase(DriverCase):
    """Two cards with two regions, and two functions in each."""

    kind = Fpga
    name = 'example-fpga'

    def setUp(self):
        super().setUp()
        self.card = self.kernel.add_fpga(0x4b, 'F1')
        self.other = self.kernel.add_fpga(0x4c, 'F2')
        self.driver.start([])

    def handle(self, number=0, card='F1'):
        return self.offered()[f'fpga-{card}/vf{number}']

    def address(self, number=0):
        return f'0000:4b:02.{number}'

    def region(self, number=0):
        return self.devices()['fpga-F1'].regions[number]

    def program(self, content=None, number=0):
        self.driver.program(self.region(number), io.BytesIO(
            bitstream('A') if content is None else content), soon())

    def function(self, number=0):
        return self.kernel.read(self.card, f'fpga/region{number}/function_id')

    def use(self, number, text='work'):
        """A guest leaves its traces in a function."""
        for name in ('registers', 'queues', 'share'):
            (self.kernel.devices / self.address(number) / name).write_text(
                text)

    def traces(self, number):
        return [self.kernel.read(self.address(number), name)
                for name in ('registers', 'queues', 'share')]


class TestFpga(FpgaCase):
    def test_the_whole_way(self):
        self.program()
        handle = self.handle()
        self.attach(handle)
        seen = self.driver.observe(handle, MINE)
        self.assertEqual((seen.set_up, seen.function), (True, 'A'))
        self.detach(handle)
        self.erase(handle, self.region())
        self.assertIsNone(self.driver.observe(handle, MINE).function)

    @shows('FPGAX86-003')
    def test_what_can_write_the_card_is_no_handle(self):
        single = self.kernel.add_fpga(0x4d, 'F3', regions=1)
        self.settings['example-fpga']['functions'] = 0
        self.assertFalse(self.kernel.names(single, 'virtfn*'))
        offered = self.offered()
        self.assertEqual(len(offered), 8)  # none of the last card
        self.assertIn('fpga-F3', self.devices())
        for handle in offered.values():
            address = self.kernel_address(handle)
            self.assertFalse(self.kernel.has(address, 'fpga'))
            self.assertTrue(self.kernel.has(address, 'physfn'))

    def kernel_address(self, handle):
        return '{domain:04x}:{bus:02x}:{device:02x}.{function:x}'.format(
            **handle.data['address'])

    @shows('FPGAX86-014')
    def test_the_number_of_functions_of_a_card_in_use(self):
        handle = self.handle()
        self.attach(handle)
        self.settings['example-fpga']['functions'] = 2
        self.driver.start([handle])
        self.assertEqual(self.kernel.read(self.card, 'sriov_numvfs'), '4')
        self.assertEqual(self.kernel.read(self.other, 'sriov_numvfs'), '2')
        self.assertTrue(self.is_set_up(handle))
        for call in (lambda: self.program(number=1), self.driver.discover,
                     lambda: self.erase(self.handle(1)),
                     lambda: self.attach(self.handle(2), THEIRS)):
            call()
            self.assertEqual(len(self.kernel.names(self.card, 'virtfn*')), 4)
        self.detach(handle)
        self.driver.start([])
        self.assertEqual(self.kernel.read(self.card, 'sriov_numvfs'), '2')

    @shows('FPGAX86-015')
    def test_a_write_keeps_addresses_and_bindings(self):
        def functions():
            return {name: (self.kernel.link(self.card, name),
                           self.kernel.link(self.kernel.link(
                               self.card, name), 'driver'))
                    for name in self.kernel.names(self.card, 'virtfn*')}
        before = functions()
        self.assertEqual({driver for _, driver in before.values()},
                         {'vfio-pci'})
        self.program()
        self.assertEqual(functions(), before)
        # Or it does not return: they stay away, or are not bound again.
        for pattern in ('*/fpga/region0/freeze', f'{self.address()}/'
                                                 'driver_override'):
            with self.subTest(pattern):
                self.kernel.set_fault(pattern, 'sulk')
                with self.assertRaises((DriverError, OSError)):
                    self.program()
                self.kernel.mend()
                self.kernel.write(self.card, 'fpga/region0/freeze', '0')
                self.program()
                self.assertEqual(functions(), before)

    @shows('FPGAX86-016')
    def test_a_card_that_gives_up_all_its_functions(self):
        card = self.kernel.add_fpga(0x4d, 'F3', product='0x7002')
        self.driver.start([])
        device = self.devices()['fpga-F3']
        [region] = device.regions
        self.assertEqual({handle.region for handle in device.handles},
                         {region.identity})
        self.assertEqual(len(device.handles), 2)
        # As it does: functions of the other region go with the write.
        (self.kernel.devices / card / 'fpga/region0/freeze').write_text('1')
        self.kernel.write(card, 'fpga/region0/write',
                          bitstream('A').decode())
        self.assertFalse(self.kernel.has('0000:4d:02.1'))
        self.assertEqual(len(self.devices()['fpga-F1'].regions), 2)

    @shows('FPGAX86-017')
    def test_no_host_driver_sees_a_function(self):
        handle = self.handle()
        steps = {
            'start': lambda: self.driver.start([]),
            'program': self.program,
            'attach': lambda: self.attach(handle),
            'start in use': lambda: self.driver.start([handle]),
            'detach': lambda: self.detach(handle),
            'erase': lambda: self.erase(handle),
            'erase region': lambda: self.erase(handle, self.region())}
        for name, step in steps.items():
            step()
            with self.subTest(name):
                for handle_ in self.offered().values():
                    self.assertEqual(self.kernel.link(
                        self.kernel_address(handle_), 'driver'), 'vfio-pci')
        probed = (self.kernel.root / 'probed').read_text().splitlines()
        mine = [line for line in probed if ':02.' in line]
        self.assertGreaterEqual(len(mine), 8)
        self.assertEqual({line.split()[1] for line in mine}, {'vfio-pci'})

    @shows('FPGAX86-018')
    def test_the_link_reports_no_error(self):
        self.attach(self.handle(1))
        self.program(number=0)
        self.program(number=1)
        self.erase(self.handle(), self.region())
        self.assertFalse((self.kernel.root / 'link_errors').exists())
        for number in (0, 1):  # and the isolation is over
            self.assertEqual(self.kernel.read(
                self.card, f'fpga/region{number}/freeze'), '0')
        self.kernel.write(self.card, 'fpga/region0/write',
                          bitstream('A').decode())  # it is seen to be one
        self.assertTrue((self.kernel.root / 'link_errors').exists())

    @shows('FPGAX86-019')
    def test_the_header_of_a_bitstream(self):
        self.program(bitstream('BEFORE'))
        before = self.kernel.picture()
        for content in (bitstream('A', 'shell-2'), bitstream('A', ''),
                        b'', b'no header\n', b'[]\n', b'{}\n'):
            with self.subTest(content), self.assertRaises(BitstreamRefused):
                self.program(content)
            self.assertEqual(self.kernel.picture(), before)
        self.program(bitstream('A'))
        self.assertEqual(self.function(), 'A')

    @shows('FPGAX86-020')
    def test_a_share_is_erased_wholly_and_alone(self):
        self.program()
        for number in range(4):
            self.attach(self.handle(number), VANS[number])
            self.use(number)
        self.detach(self.handle())
        self.use(0)
        before = self.kernel.picture()
        self.erase(self.handle())
        self.assertEqual(self.traces(0), ['0', '0', '0'])
        after = self.kernel.picture()
        changed = {name for name in after if after[name] != before[name]}
        self.assertEqual({name.rpartition('/')[0] for name in changed},
                         {f'bus/pci/devices/{self.address()}'})
        self.assertEqual(self.function(), 'A')
        for number in (1, 2, 3):
            self.assertEqual(self.traces(number), ['work'] * 3)
            self.assertTrue(self.is_set_up(self.handle(number),
                                           VANS[number]))
        for name in ('share', 'reset'):
            self.use(0)
            self.failing(f'{self.address()}/{name}', 'sulk', self.erase,
                         self.handle())

    @shows('FPGAX86-021')
    def test_functions_that_share_a_memory(self):
        self.kernel.add_fpga(0x4d, 'F3', product='0x7003')
        self.driver.start([])
        device = self.devices()['fpga-F3']
        self.assertEqual(len(device.regions), 2)
        self.assertEqual(sorted(handle.region for handle in device.handles),
                         [region.identity for region in device.regions])

    @shows('FPGAX86-022')
    def test_an_erased_region_is_blank(self):
        self.program()
        self.program(number=1)
        for number in range(4):
            self.use(number)
        (self.kernel.devices / self.card / 'fpga/region1/memory').write_text(
            'work')
        self.erase(self.handle(), self.region())
        self.assertEqual(self.function(), 'BLANK')
        self.assertEqual(self.kernel.read(self.card, 'fpga/region0/memory'),
                         '0')
        for number in (0, 2):
            self.assertEqual(self.traces(number), ['0', '0', '0'])
        self.assertEqual((self.function(1), self.traces(1), self.kernel.read(
            self.card, 'fpga/region1/memory')), ('A', ['work'] * 3, 'work'))
        for pattern in (f'{self.card}/fpga/region0/memory',
                        f'{self.card}/fpga/region0/write',
                        f'{self.address()}/share'):
            self.program()
            self.use(0)
            self.failing(pattern, 'sulk', self.erase, self.handle(),
                         self.region())

    @shows('FPGAX86-023')
    def test_no_region_without_its_blank_bitstream(self):
        blank = self.root / 'blank' / 'shell-1'
        (self.kernel.devices / self.card / 'fpga/region1/interface_id'
         ).write_text('shell-9')
        device = self.devices()['fpga-F1']
        self.assertEqual([region.identity for region in device.regions],
                         ['fpga-F1/region0'])
        self.assertEqual({handle.region for handle in device.handles},
                         {'fpga-F1/region0'})
        blank.unlink()
        self.assertEqual(self.offered(), {})
        for name in ('shell-1', 'shell-9'):
            blank.with_name(name).write_bytes(bitstream('BLANK', name))
        self.assertEqual(len(self.offered()), 8)

    @shows('BITS-016')
    def test_another_static_part_has_other_region_types(self):
        """Reported anew, also by a driver that has seen the former one."""
        self.assertEqual(self.region().interface, 'shell-1')
        self.program()
        (self.root / 'blank' / 'shell-2').write_bytes(
            bitstream('BLANK', 'shell-2'))
        for number in range(2):  # the operator loads another static part
            (self.kernel.devices / self.card / f'fpga/region{number}'
             / 'interface_id').write_text('shell-2')
            self.assertEqual(self.region(number).interface, 'shell-2')
        with self.assertRaises(BitstreamRefused):
            self.program()
        self.program(bitstream('B', 'shell-2'))
        self.assertEqual(self.function(), 'B')

    @shows('FPGAX86-025')
    def test_the_static_part_is_not_written(self):
        for content in (bitstream('A', part='static'),
                        bitstream('A', '', 'static')):
            with self.assertRaises(BitstreamRefused):
                self.program(content)
        self.program()
        self.assertEqual(self.kernel.read(self.card, 'fpga/static'),
                         'shell-1')
        self.assertEqual(self.function(), 'A')


class Both(GpuCase):
    """A host with cards of both drivers."""

    def setUp(self):
        super().setUp()
        self.fpga = self.kernel.add_fpga(0x4b, 'F1')
        Fpga(self.kernel, self.settings['example-fpga']).start([])

    def drivers(self):
        """Both, each made anew."""
        return [kind(self.kernel, self.settings[name]) for kind, name in (
            (Gpu, 'example-gpu'), (Fpga, 'example-fpga'))]

    def calls(self):
        """Each operation of each driver, as functions of a driver, on one
        handle of each type; in an order that they can be made in.
        """
        for index, identity in ((0, 'gpu-S1/card'), (0, 'gpu-P1/share0'),
                                (1, 'fpga-F1/vf0')):
            [device] = [device for device in self.drivers()[index].discover()
                        if identity.startswith(f'{device.identity}/')]
            [handle] = [handle for handle in device.handles
                        if handle.identity == identity]
            region = device.regions[0] if device.regions else None
            yield index, identity, 'start', lambda driver: driver.start([])
            if region:
                yield index, identity, 'program', (
                    lambda driver, region=region: driver.program(
                        region, io.BytesIO(bitstream('A')), soon()))
            for name in ('attach', 'detach'):
                yield index, identity, name, (
                    lambda driver, name=name, handle=handle: getattr(
                        driver, name)(handle, MINE, soon()))
            for place in (None, region)[:1 + bool(region)]:
                yield index, identity, f'erase {place and "region"}', (
                    lambda driver, handle=handle, place=place: driver.erase(
                        handle, MINE, place, soon()))


class TestBoth(Both):
    @shows('DRIVER-009')
    def test_each_call_twice(self):
        checked = 0
        for index, identity, name, call in self.calls():
            with self.subTest(identity, name=name):
                call(self.drivers()[index])
                before = self.kernel.picture()
                call(self.drivers()[index])
                self.assertEqual(self.kernel.picture(), before)
                checked += 1
        self.assertEqual(checked, 4 + 4 + 6)

    @shows('DRIVER-010')
    def test_nothing_is_kept_in_memory(self):
        """Each call is made of a driver that knows nothing of the others,
        and leaves it as it was made.
        """
        checked = 0
        for index, identity, name, call in self.calls():
            driver = self.drivers()[index]
            before = [vars(place).copy() for place in (driver, type(driver))]
            call(driver)
            with self.subTest(identity, name=name):
                self.assertEqual([vars(place) for place in (
                    driver, type(driver))], before)
            checked += 1
        self.assertEqual(checked, 14)

    @shows('DRIVER-008')
    def test_what_is_not_done_raises(self):
        """The kernel takes a write and does nothing, or refuses it; each
        method of each driver raises, and does it once that is mended.
        """
        gpu, fpga = (lambda index=index: self.drivers()[index]
                     for index in (0, 1))
        card, share = self.whole, self.share()
        [device] = fpga().discover()
        region, function = device.regions[0], device.handles[0]
        address = '0000:4b:02.0'
        new = self.kernel.add_gpu(0x3d, 'S3')
        other = self.kernel.add_fpga(0x4c, 'F2')

        def used(*names):
            """A guest leaves its traces."""
            for name in names:
                (self.kernel.devices / name).write_text('work')

        def program():
            fpga().program(region, io.BytesIO(bitstream('A')), soon())
            fpga().program(region, io.BytesIO(bitstream('B')), soon())
        cases = (
            (f'{new}/driver_override', lambda: gpu().start([])),
            (f'{self.card}/reset', lambda: (
                used(f'{self.card}/registers'),
                gpu().attach(card, MINE, soon()))),
            (f'{self.card}/driver_override', lambda: (
                self.native(self.card),
                gpu().attach(card, MINE, soon()))),
            (f'{self.card}/reset', lambda: (
                used(f'{self.card}/registers'),
                gpu().detach(card, MINE, soon()))),
            (f'{self.card}/memory', lambda: (
                used(f'{self.card}/memory'),
                gpu().erase(card, MINE, None, soon()))),
            ('*/create', lambda: gpu().attach(share, MINE, soon())),
            (f'*/{MINE}/remove', lambda: gpu().detach(share, MINE, soon())),
            ('*/create', lambda: gpu().attach(share, MINE, soon())),
            (f'*/{MINE}/remove', lambda: gpu().erase(share, MINE, None,
                                                     soon())),
            (f'{other}/sriov_numvfs', lambda: fpga().start([])),
            ('*/fpga/region0/write', program),
            ('*/fpga/region0/freeze', program),
            (f'{address}/driver_override', program),
            (f'{address}/enabled', lambda: fpga().attach(function, MINE,
                                                         soon())),
            (f'{address}/reset', lambda: (
                used(f'{address}/registers'),
                fpga().attach(function, MINE, soon()))),
            (f'{address}/enabled', lambda: fpga().detach(function, MINE,
                                                         soon())),
            (f'{address}/reset', lambda: (
                used(f'{address}/registers'),
                fpga().detach(function, MINE, soon()))),
            (f'{address}/share', lambda: (
                used(f'{address}/share'),
                fpga().erase(function, MINE, None, soon()))),
            (f'{address}/share', lambda: (
                used(f'{address}/share'),
                fpga().erase(function, MINE, region, soon()))),
            ('*/fpga/region0/write', lambda: (
                program(), fpga().erase(function, MINE, region, soon()))),
            ('*/fpga/region0/memory', lambda: fpga().erase(
                function, MINE, region, soon())))
        for pattern, call in cases:
            for fault in ('sulk', 'fail') if not pattern.startswith(
                    f'{self.card}/memory') else ('keep',):
                with self.subTest(pattern, fault=fault):
                    self.kernel.set_fault(pattern, fault)
                    with self.assertRaises((DriverError, OSError)):
                        call()
                    self.kernel.mend()
                    self.kernel.write(self.fpga, 'fpga/region0/freeze', '0')
            call()
        self.assertGreaterEqual(len(cases), 20)

    def native(self, address):
        """The kernel has given a function back to its own driver."""
        (self.kernel.devices / address / 'driver_override').write_text('')
        if self.kernel.has(address, 'driver'):
            self.kernel.write(address, 'driver/unbind', address)
        self.kernel.probe(address)

    @shows('DRIVER-017')
    def test_observed_now(self):
        """One and the same driver says what is true at each time."""
        gpu, fpga = self.drivers()
        card, share = self.whole, self.share()
        [device] = fpga.discover()
        function = device.handles[0]

        def seen():
            return [(state.here, state.set_up, state.function) for state in (
                gpu.observe(card, MINE), gpu.observe(share, MINE),
                fpga.observe(function, MINE))]
        self.assertEqual(seen(), [(True, True, None), (True, False, None),
                                  (True, False, None)])
        self.by_hand(MINE)
        self.kernel.write('0000:4b:02.0', 'enabled', '1')
        self.kernel.write(self.fpga, 'fpga/region0/function_id', 'A')
        self.assertEqual(seen(), [(True, True, None), (True, True, None),
                                  (True, True, 'A')])
        self.kernel.write(self.parent, f'{MINE}/remove', '1')
        for address in (self.card, '0000:4b:02.0'):
            self.kernel.write(address, 'driver/unbind', address)
        self.assertEqual(seen(), [(True, False, None), (True, False, None),
                                  (True, False, 'A')])
        for address in (self.card, self.parent, '0000:4b:02.0'):
            self.kernel.remove(address)
        self.assertEqual([here for here, _, _ in seen()], [False] * 3)

    @shows('DRIVER-018')
    def test_all_devices_or_none(self):
        gpu, fpga = self.drivers()
        for number in range(3):
            self.kernel.add_gpu(0x60 + number, f'M{number}')
            self.kernel.add_fpga(0x70 + number, f'G{number}')
        self.kernel.add('0000:01:00.0', '0x6001', '1', '0x030000',
                        vendor='0x8086')
        gpus = {device.serial for device in gpu.discover()}
        fpgas = {device.serial for device in fpga.discover()}
        self.assertEqual(gpus, {'P1', 'S1', 'S2', 'M0', 'M1', 'M2'})
        self.assertEqual(fpgas, {'F1', 'G0', 'G1', 'G2'})
        checked = 0
        for driver, address, names in (
                (gpu, '0000:61:00.0', ('vendor', 'device', 'class',
                                       'serial_number')),
                (fpga, '0000:71:00.0', ('vendor', 'device', 'serial_number',
                                        'fpga/region1/interface_id'))):
            for name in names:
                path = self.kernel.devices / address / name
                path.rename(self.root / 'away')
                path.mkdir()  # which nobody can read, root included
                with self.subTest(name), self.assertRaises(OSError):
                    driver.discover()
                path.rmdir()
                (self.root / 'away').rename(path)
                checked += 1
        self.assertEqual(checked, 8)

    @shows('DRIVER-019')
    def test_discovery_changes_nothing(self):
        agent = self.agent('example-gpu', 'example-fpga')
        offered = {handle.identity: handle
                   for handle in agent.report.offered().values()}
        for number, identity in enumerate(('gpu-S1/card', 'gpu-P1/share0',
                                           'fpga-F1/vf0')):
            agent.attach(offered[identity].data, VANS[number], 'instance',
                         soon())
        self.by_hand(VANS[3])
        (self.kernel.devices / '0000:4b:02.0' / 'registers').write_text('7')
        # Discovery meets devices that no start has prepared, too.
        self.kernel.add_gpu(0x3d, 'S3')
        self.kernel.add_fpga(0x4c, 'F2')
        before = self.kernel.picture()
        for driver in self.drivers():
            self.assertTrue(driver.discover())
        agent.discover()
        self.assertEqual(self.kernel.picture(), before)

    @shows('DRIVER-021')
    def test_addresses_move(self):
        cards = [self.kernel.add_gpu(0x60 + number, f'M{number}', types={
            'small': 2}) for number in range(4)]
        fpgas = [self.kernel.add_fpga(0x70 + number, f'G{number}')
                 for number in range(2)]
        self.settings['example-gpu']['shares'] |= {'M2': 'small',
                                                   'M3': 'small'}
        self.drivers()[1].start([])

        def places():
            """Identity -> serial number of what is at its address."""
            found = {}
            for driver in self.drivers():
                for device in driver.discover():
                    serial = self.kernel.read(device.address,
                                              'serial_number')
                    found[device.identity] = serial
                    found |= {region.identity: serial
                              for region in device.regions}
                    for handle in device.handles:
                        found[handle.identity] = (serial, self.mark(handle))
            return found
        before = places()
        self.assertGreaterEqual(len(before), 30)
        addresses = {identity: handle.data for identity, handle
                     in self.everything().items()}
        for one, other in (cards[:2], cards[2:], fpgas):
            self.kernel.swap(one, other)
        self.assertEqual(places(), before)
        moved = {identity for identity, handle in self.everything().items()
                 if handle.data != addresses[identity]}
        self.assertEqual({name.partition('/')[0] for name in moved}, {
            'gpu-M0', 'gpu-M1', 'gpu-M2', 'gpu-M3', 'fpga-G0', 'fpga-G1'})

    def everything(self):
        return {handle.identity: handle for driver in self.drivers()
                for device in driver.discover() for handle in device.handles}

    def mark(self, handle):
        """What tells a virtual function from its like, wherever it is."""
        if handle.type != 'PCI_FPGA':
            return ''
        path = self.kernel.devices / '{domain:04x}:{bus:02x}:{device:02x}.' \
            '{function:x}'.format(**handle.data['address']) / 'mark'
        if not path.exists():
            path.write_text(handle.identity)
        return path.read_text()

    @shows('DRIVER-026')
    def test_start_spares_what_is_leased(self):
        card, share = self.whole, self.share()
        gpu, fpga = self.drivers()
        [device] = fpga.discover()
        function = device.handles[0]
        fpga.program(device.regions[0], io.BytesIO(bitstream('A')), soon())
        for driver, handle in ((gpu, card), (gpu, share), (fpga, function)):
            driver.attach(handle, MINE, soon())
        for address in (self.card, '0000:4b:02.0'):
            (self.kernel.devices / address / 'registers').write_text('7')
        (self.kernel.devices / self.fpga / 'fpga/region0/memory').write_text(
            'work')
        new = self.kernel.add_gpu(0x3d, 'S3')
        before = self.kernel.picture()
        self.settings['example-fpga']['functions'] = 8  # of cards not in use
        for driver, leased in zip(self.drivers(), ([card, share],
                                                   [function]), strict=True):
            driver.start(leased)
        after = self.kernel.picture()
        self.assertEqual({name for name in before
                          if after.get(name) != before[name]
                          and f'/{new[:-1]}' not in f'/{name}'}, set())
        self.assertEqual(self.kernel.link(new, 'driver'), 'vfio-pci')
        for driver, handle in ((gpu, card), (gpu, share), (fpga, function)):
            self.assertTrue(driver.observe(handle, MINE).set_up)

    @shows('DRIVER-027')
    def test_an_attach_that_has_left_no_lease(self):
        agent = self.agent('example-gpu', 'example-fpga')
        offered = agent.report.offered()
        for index, identity in ((0, 'gpu-P1/share0'), (1, 'fpga-F1/vf0')):
            handle = offered[identity]
            for region in (None, handle.region)[:1 + bool(handle.region)]:
                # The agent dies before it writes the lease.
                self.drivers()[index].attach(Handle(
                    identity=identity, type=handle.type, data=handle.data,
                    region=handle.region), MINE, soon())
                seen = agent.observe(handle.data, MINE, soon())
                self.assertEqual((seen.attached, seen.van), (False, None))
                self.assertTrue(self.drivers()[index].observe(
                    handle, MINE).set_up)
                agent.erase(handle.data, MINE, region, soon())
                with self.subTest(identity, region=region):
                    self.assertFalse(self.drivers()[index].observe(
                        handle, MINE).set_up)
        self.assertEqual(self.kernel.names(self.parent, '*/mdev_type'), [])
        self.assertEqual(self.left()[1], 4)
