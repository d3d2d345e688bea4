"""From a flavor to requests: what each of Nova's services adds."""

import itertools
import re
import tempfile
import unittest
from pathlib import Path

from harness.api import Api, Status
from harness.benches import OddBench
from harness.flavor import (
    BadRequest,
    Group,
    NoFit,
    assign,
    goes_elsewhere,
    groups,
    of_the_host,
    trait,
)
from os_acc import exceptions
from os_acc.journal import Journal
from os_acc.library import Library
from os_acc.objects import Policy

from tests.base import INSTANCES, shows

FPGA, GPU = 'CUSTOM_ACCELERATOR_FPGA', 'CUSTOM_ACCELERATOR_GPU'
REGION = '11111111-2222-4333-8444-555555555555'
FUNCTION = '9999abcd-2222-4333-8444-555555555555'
BITSTREAM = {'accel:region_type': REGION, 'accel:function_id': FUNCTION,
             'accel:vendor': 'Acme', 'accel:format': 'raw', 'owner': 'ops'}
ON_REGION = 'CUSTOM_FPGA_REGION_ACME_11111111_2222_4333_8444_555555555555'
WITH_FUNCTION = (
    'CUSTOM_FPGA_FUNCTION_ACME_9999ABCD_2222_4333_8444_555555555555')


def one(flavor, image=(), bitstream=BITSTREAM):
    """The only group of a flavor for an FPGA."""
    [found] = groups({f'resources1:{FPGA}': '1', **flavor}, dict(image),
                     {'bits': bitstream} if bitstream else {})
    return found


class TestCreate(unittest.TestCase):
    """nova-api and nova-scheduler."""

    @shows('BITS-001')
    def test_a_bitstream_without_a_needed_property(self):
        flavor = {'accel1:bitstream_id': 'bits'}
        self.assertEqual(one(flavor).function, FUNCTION)
        tried = 0
        for name in BITSTREAM:
            if name == 'owner':
                continue
            bad = {'': '', 'missing': None}
            if name in ('accel:region_type', 'accel:function_id'):
                bad |= {'no uuid': 'AES', 'capitals': REGION.replace(
                    '1', 'A'), 'more': REGION + '0'}
            for value in bad.values():
                broken = {key: text for key, text in {
                    **BITSTREAM, name: value}.items() if text is not None}
                with self.subTest(name, value=value), self.assertRaisesRegex(
                        BadRequest, f'bits has {name} '):
                    one(flavor, bitstream=broken)
                tried += 1
        self.assertEqual(tried, 14)
        for flavor, image in (
                ({'accel1:bitstream_id': 'image'},
                 {'accel:bitstream_id': 'bits'}),
                ({'accel1:bitstream_id': 'bits'}, {})):
            with self.assertRaisesRegex(BadRequest, 'no bitstream bits'):
                one(flavor, image, None)

    @shows('BITS-003')
    def test_flavor_and_image_disagree(self):
        flavor = {'accel1:bitstream_id': 'bits',
                  'accel1:function_id': FUNCTION}
        self.assertEqual(one(flavor).bitstream, 'bits')
        for said in (REGION, FUNCTION.upper(), 'AES'):
            with self.assertRaisesRegex(BadRequest, (
                    f'asks for function {said}, and bitstream bits has '
                    f'{FUNCTION}')):
                one({**flavor, 'accel1:function_id': said})

    @shows('SCHED-012')
    def test_a_group_without_a_number(self):
        [found] = groups({f'resources:{FPGA}': '1'}, {}, {})
        self.assertEqual((found.number, found.amount), (0, 1))
        for amount in ('2', '16'):
            with self.assertRaisesRegex(BadRequest, 'number it'):
                groups({f'resources:{GPU}': amount}, {}, {})
        for flavor in ({f'resources:{FPGA}': '1', f'resources:{GPU}': '1'},
                       {f'resources1:{GPU}': '0'}):
            with self.assertRaises(BadRequest):
                groups(flavor, {}, {})
        self.assertEqual([], groups({'resources:VCPU': '4'}, {}, {}))

    @shows('SCHED-013')
    def test_what_is_written_decides_where(self):
        for flavor, image, required, forbidden in (
                ({'accel1:bitstream_id': 'bits'}, {},
                 {'CUSTOM_PROGRAMMABLE', ON_REGION}, set()),
                ({'accel1:bitstream_id': 'image'},
                 {'accel:bitstream_id': 'bits'},
                 {'CUSTOM_PROGRAMMABLE', ON_REGION}, set()),
                ({'accel1:bitstream_id': 'bits',
                  'accel1:function_id': FUNCTION}, {},
                 {'CUSTOM_PROGRAMMABLE', ON_REGION}, set()),
                ({'accel1:function_id': FUNCTION, 'accel1:vendor': 'Acme',
                  'trait1:CUSTOM_FAST': 'required',
                  'trait1:CUSTOM_OLD': 'forbidden'}, {},
                 {WITH_FUNCTION, 'CUSTOM_FAST'},
                 {'CUSTOM_PROGRAMMABLE', 'CUSTOM_OLD'}),
                ({}, {}, set(), set())):
            found = one(flavor, image)
            with self.subTest(flavor):
                self.assertEqual((found.required, found.forbidden),
                                 (required, forbidden))
        self.assertEqual(one({}).request('1.0', 'rp').policy, Policy.NEVER)

    @shows('SCHED-014')
    def test_what_the_host_has_to_have(self):
        for flavor, wanted in (
                ({f'resources1:{FPGA}': '1'}, 1),
                ({f'resources:{GPU}': '1', 'resources:VCPU': '2'}, 1),
                ({'resources:VCPU': '2', 'trait:CUSTOM_FAST': 'required'},
                 0), ({}, 0)):
            self.assertEqual(of_the_host(groups(flavor, {}, {})), frozenset(
                ['CUSTOM_COMPUTE_ACCELERATORS'] * wanted))

    def test_names_of_traits(self):
        names = [trait('FPGA', name) for name in (
            'Acme', 'acme-1.0', 'GRID V100-8Q', 'Ä\N{GREEK SMALL LETTER PI}',
            '\N{SUPERSCRIPT TWO}')]
        for name in names:
            self.assertTrue(re.fullmatch('CUSTOM_[A-Z0-9_]+', name), name)


class TestAssign(unittest.TestCase):
    """nova-compute."""

    WANTED = groups({
        f'resources1:{FPGA}': '2', 'trait1:CUSTOM_BIG': 'required',
        f'resources2:{FPGA}': '1', 'trait2:CUSTOM_OLD': 'forbidden',
        f'resources10:{GPU}': '1'}, {}, {})
    ALLOCATION = {'c': {FPGA: 2}, 'a': {FPGA: 1}, 'b': {GPU: 1}}
    TRAITS = {'c': frozenset(['CUSTOM_BIG', 'CUSTOM_OLD']),
              'a': frozenset(['CUSTOM_BIG']), 'b': frozenset()}
    FOUND = {'1.0': 'c', '1.1': 'c', '2.0': 'a', '10.0': 'b'}

    @shows('SCHED-015')
    def test_ids_are_of_the_flavor_alone(self):
        """Whatever was allocated, in whatever order it is written."""
        ids = ['1.0', '1.1', '2.0', '10.0']
        self.assertEqual(ids, [
            one for group in self.WANTED for one in group.ids()])
        flavor = {f'resources10:{GPU}': '1', f'resources2:{FPGA}': '1',
                  f'resources1:{FPGA}': '2'}
        for order in itertools.permutations(flavor):
            found = groups({key: flavor[key] for key in order}, {}, {})
            self.assertEqual(ids, [one for group in found
                                   for one in group.ids()])
        for names in (('x', 'y', 'z'), ('z', 'y', 'x')):
            there = dict(zip('cab', names, strict=True))
            self.assertEqual(set(ids), set(assign(
                self.WANTED, {there[name]: units for name, units
                              in self.ALLOCATION.items()},
                {there[name]: has for name, has in self.TRAITS.items()})))
        [group] = groups({f'resources:{FPGA}': '1'}, {}, {})
        self.assertEqual(['0.0'], group.ids())

    @shows('SCHED-016')
    def test_each_unit_serves_a_request_that_it_fits(self):
        self.assertEqual(self.FOUND, assign(
            self.WANTED, self.ALLOCATION, self.TRAITS))
        # A VAN keeps its provider, and its unit is not given twice.
        self.assertEqual(self.FOUND, assign(
            self.WANTED, self.ALLOCATION, self.TRAITS,
            {'1.0': 'c', '2.0': 'a'}))
        for allocation, traits in (
                ({**self.ALLOCATION, 'c': {FPGA: 1}, 'a': {FPGA: 2}},
                 self.TRAITS),  # two units for group 1, and none for 2
                ({**self.ALLOCATION, 'c': {FPGA: 1}, 'd': {FPGA: 1}},
                 {**self.TRAITS, 'd': self.TRAITS['c']}),  # not of one
                ({**self.ALLOCATION, 'b': {FPGA: 1}}, self.TRAITS),
                ({**self.ALLOCATION, 'a': {}}, self.TRAITS),
                (self.ALLOCATION, {**self.TRAITS, 'c': frozenset()}),
                (self.ALLOCATION, {**self.TRAITS, 'a': frozenset(
                    ['CUSTOM_OLD'])})):
            with self.subTest(allocation, traits=traits):
                self.assertRaises(NoFit, assign, self.WANTED, allocation,
                                  traits)
        two = [Group(number=number, resource_class=FPGA, amount=1)
               for number in (1, 2)]
        self.assertEqual({'1.0': 'a', '2.0': 'b'}, assign(
            two, {'a': {FPGA: 1}, 'b': {FPGA: 1}}, {}, {'1.0': 'a'}))
        pair = [Group(number=1, resource_class=FPGA, amount=2)]
        with self.assertRaises(NoFit):  # the VAN's provider has no more
            assign(pair, {'a': {FPGA: 1}, 'b': {FPGA: 2}}, {}, {'1.0': 'a'})

    @shows('SCHED-017')
    def test_the_same_is_assigned_the_same_way(self):
        """Of several that fit the first, in whatever order they come."""
        wanted = [Group(number=number, resource_class=FPGA, amount=1)
                  for number in (1, 2, 3)]
        allocation = {name: {FPGA: 1} for name in 'bca'}
        traits = {name: frozenset() for name in 'abc'}
        tried = 0
        for names in itertools.permutations('abc'):
            for some in itertools.permutations(wanted):
                self.assertEqual(
                    {'1.0': 'a', '2.0': 'b', '3.0': 'c'}, assign(
                        some, {name: allocation[name] for name in names},
                        {name: traits[name] for name in names}))
                tried += 1
        self.assertEqual(tried, 36)

    @shows('SCHED-018')
    def test_what_a_refusal_means(self):
        """By what the API really answers to os-acc."""
        bench = OddBench(1)
        api = Api(bench.handles, 1)
        folder = self.enterContext(tempfile.TemporaryDirectory(
            prefix='os-acc-'))
        library = Library('host', Journal(Path(folder)), api, None,
                          load=bench.plugins)
        library.initialize()

        def refused():
            [group] = groups({f'resources:{FPGA}': '1'}, {}, {})
            with self.assertRaises(exceptions.ClaimRefused) as caught:
                library.prepare(None, INSTANCES[1], [
                    group.request('0.0', 'rp')])
            return goes_elsewhere(caught.exception)
        api.handles[0].status = Status.RETIRED
        self.assertTrue(refused())
        api.handles[0].status = Status.FREE
        api.limit = 0
        self.assertFalse(refused())
        self.assertTrue(goes_elsewhere(NoFit('none')))
        self.assertFalse(goes_elsewhere(exceptions.ClaimTimeout('late')))


if __name__ == '__main__':
    unittest.main()
