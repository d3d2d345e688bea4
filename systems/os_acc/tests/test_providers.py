"""What Placement is told, by whom, and when."""

import itertools
import re
import unittest

import msgspec
from harness.api import Api, Status
from harness.flavor import trait
from harness.providers import Conductor, Found, Placement
from os_acc.control import Answer
from os_acc.objects import VAN, Goal

from tests.base import shows

HOST = 'node-1.example.org'


def function(number, device='card-0', **more):
    """A function of a card, as a driver reports it."""
    return Found(type=more.pop('type', 'GPU'), vendor='Acme', device=device,
                 address={'bus': 1, 'function': number}, **more)


class TestProviders(unittest.TestCase):
    def setUp(self):
        self.api = Api([], 9)
        self.placement = Placement(HOST)
        self.conductor = Conductor(self.api, self.placement, HOST)

    def children(self):
        return [one for one in self.placement.providers.values()
                if one.uuid != 'node']

    def figures(self):
        """total, reserved, min_unit and step_size of each provider."""
        return sorted(tuple(row.values()) for one in self.children()
                      for row in one.inventory.values())

    def vans(self, count=1):
        """VANs that claim a unit of the first provider."""
        return [VAN(uuid=f'van-{number}', instance_uuid='one',
                    project_id='p', host='host', request_id=str(number),
                    rp_uuid=self.children()[0].uuid)
                for number in range(count)]

    @shows('SCHED-001', 'SCHED-002')
    def test_one_for_each_region_or_device(self):
        found = [
            *(function(number, 'fpga-0', type='FPGA', region=region)
              for number, region in enumerate(['r0', 'r0', 'r1'])),
            function(0, 'gpu-0'), function(1, 'gpu-0'),
            function(0, 'gpu-1'),
            function(7, 'gpu-2', group='g'), function(8, 'gpu-3', group='g')]
        self.conductor.report(found)
        self.assertEqual(self.figures(), [
            (1, 0, 1, 1), (1, 0, 1, 1), (2, 0, 1, 1), (2, 0, 1, 1),
            (2, 0, 2, 2)])
        for one in self.children():
            self.assertEqual((one.parent, one.name),
                             ('node', f'{HOST}_{one.uuid}'))
        names = {one.name for one in self.children()}
        self.conductor.report(found)  # they stay
        self.assertEqual(names, {one.name for one in self.children()})
        self.assertEqual([None], [
            one.parent for one in self.placement.providers.values()
            if one.uuid == 'node'])

    @shows('SCHED-003')
    def test_a_group_is_allocated_as_a_whole(self):
        """Though it is of several cards, and others are not."""
        self.conductor.report([
            *(function(number, f'gpu-{number}', group='linked')
              for number in range(3)), function(0, 'gpu-9'),
            function(1, 'gpu-9')])
        self.assertEqual(self.figures(), [(2, 0, 1, 1), (3, 0, 3, 3)])

    @shows('SCHED-004')
    def test_an_inventory_is_computed_anew(self):
        """When somebody else was quicker the table is read again."""
        self.conductor.report([function(0), function(1)])
        [one] = self.children()
        write, tried = self.placement.write, []

        def too_late(name, generation, inventory, traits):
            tried.append(inventory)
            if len(tried) == 1:  # meanwhile another worker has a claim
                self.placement.providers[name].generation += 1
                self.api.handles[1].status = Status.RETIRED
            write(name, generation, inventory, traits)
        self.placement.write = too_late
        self.api.handles[0].status = Status.RETIRED
        self.conductor.write()
        self.assertEqual([2, 2], [len(tried), one.generation - 1])
        self.assertEqual(self.figures(), [(2, 2, 1, 1)])
        self.conductor.write()  # nothing differs
        self.assertEqual(2, len(tried))

    @shows('SCHED-006')
    def test_nobody_waits_for_placement(self):
        """Claim, report and retire do what they do; later it is told."""
        self.conductor.report([function(number) for number in range(3)])
        vans = self.vans(3)
        self.placement.up = False
        self.assertEqual(3, len(self.api.claim(vans)))
        given_up = msgspec.structs.replace(
            vans[0], goal=Goal.RELEASED, generation=2)
        self.assertEqual({'van-0': Answer.TAKEN},
                         self.api.report([given_up]))
        self.api.retire('van-1')
        self.assertEqual(Status.RETIRED, self.api.handles[1].status)
        self.assertEqual(self.figures(), [(3, 0, 1, 1)])
        self.placement.up = True
        self.conductor.report([function(number) for number in range(3)])
        self.assertEqual(self.figures(), [(3, 2, 1, 1)])

    @shows('SCHED-008')
    def test_a_handle_is_its_whole_address(self):
        """Nothing less: another type, provider or part is another one."""
        self.conductor.report([function(0)])
        [handle] = self.api.handles
        self.conductor.report([function(0)])
        self.assertEqual([handle], self.api.handles)
        for other in (function(1), function(0, type='FPGA'),
                      function(0, 'card-1'),
                      msgspec.structs.replace(function(0), address={
                          'bus': 2, 'function': 0}),
                      msgspec.structs.replace(function(0), address={
                          'bus': 1, 'function': 0, 'domain': 0})):
            handle.status = Status.CLAIMED  # it stays meanwhile
            handle.van = 'van'
            self.conductor.report([other])
            with self.subTest(other):
                self.assertEqual(2, len(self.api.handles))
                self.assertIs(handle, self.api.handles[0])
            handle.status, handle.van = Status.FREE, None
            self.conductor.report([function(0)])
            self.assertEqual([handle], self.api.handles)

    @shows('SCHED-010')
    def test_names_of_traits(self):
        """Of Cyborg, and of Nova by the same function."""
        tried = 0
        for type_, vendor in itertools.product(('GPU', 'FPGA'), (
                'Acme', 'acme-1.0', 'GRID V100-8Q', 'Ä\u03c0', '\u00b2',
                '\u0661', '\u0131')):
            self.setUp()
            self.conductor.report([msgspec.structs.replace(
                function(0), type=type_, vendor=vendor)])
            [one] = self.children()
            [name] = one.traits
            self.assertRegex(name, re.compile(r'\ACUSTOM_[A-Z0-9_]+\Z',
                                              re.ASCII))
            self.assertEqual(name, trait(type_, vendor))
            tried += 1
        self.assertEqual(14, tried)


if __name__ == '__main__':
    unittest.main()
