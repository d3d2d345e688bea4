"""os-acc and its plugins, held to the models by the conformance kit."""

import logging
import os
import unittest

from harness import libvirtd, shelf
from harness.faulty import FAULTY
from harness.host import Broken
from harness.systems import (
    LibvirtCards,
    LibvirtShares,
    OddFunctions,
    OddRegion,
    OddSlot,
    OddTwice,
)
from os_acc_libvirt.plugin import GpuLibvirt

from cyborg_models.conformance import Suite, modes

EDGES = 40  # that a run has to see at least, or it has tried little


def setUpModule():
    """What os-acc warns of is wanted here."""
    logging.disable(logging.CRITICAL)
    unittest.addModuleCleanup(logging.disable, logging.NOTSET)


def shown(report):
    """What failed, to read in the output of a test."""
    return [*report.errors, *(
        f'{failure.requirement}: {failure.divergence.why}; after '
        f'{", ".join(failure.calls)}' for failure in report.failures)]


class TestOnOdd(unittest.TestCase):
    """PLAT-021: common code is tried on an odd plugin."""

    def conforms(self, systems, run, edges):
        report = modes.report(systems, run)
        self.assertEqual(shown(report), [])
        for outcome in report.outcomes:
            self.assertEqual(outcome.missing, ())
            self.assertGreaterEqual(
                sum(mode.edges for mode in outcome.modes), edges)
        return report

    def test_faults(self):
        """Crashes between any two steps, losses and failures."""
        report = self.conforms([OddFunctions(), OddRegion(), OddSlot()],
                               {'faults': {'steps': 800}}, EDGES)
        for outcome in report.outcomes:
            self.assertGreaterEqual(len(outcome.faults), 6)
        passed = {name for name, one in report.verdicts.items()
                  if one.verdict == 'pass'}
        self.assertLessEqual({'OSACC-012', 'OSACC-040', 'OSACC-046',
                              'OSACC-049', 'OSACC-052'}, passed)

    def test_explore(self):
        self.conforms([OddFunctions()], {'explore': {'steps': 500}}, EDGES)

    def test_repeat(self):
        """A run that has come to its end is followed by another, and each
        call is made twice, though the models have it once.
        """
        system = OddTwice()
        report = self.conforms([system], {'repeat': {'steps': 300}},
                               3 * EDGES)
        self.assertGreaterEqual(report.outcomes[0].modes[0].runs, 5)
        for name in ('prepare', 'plug', 'unplug', 'release'):
            self.assertGreaterEqual(system.repeated[name], 10)


class TestFaulty(unittest.TestCase):
    """Each planted fault is found, on the requirement it should be."""

    def test_all(self):
        self.assertGreaterEqual(len(FAULTY), 7)
        for kind, requirement in FAULTY.items():
            with self.subTest(kind.__name__):
                report = modes.report([kind()], {'faults': {'steps': 1500}})
                self.assertEqual(report.errors, [])
                self.assertIn(requirement, {
                    one for failure in report.failures
                    for one in failure.divergence.requirements})


class Forgets(shelf.Plugin):
    """Says that a slot is erased, and has erased nothing."""

    def clean(self, van, scope, deadline):
        self.shelf.move('erase', van, lambda: None)


class SlotsThatForget(shelf.Slots):
    plugin = Forgets


class AsATest(shelf.Slots, Suite):
    """What a plugin's author has a runner of tests find."""

    modes = {'faults': {'steps': 60}}


class TestOnShelf(unittest.TestCase):
    """The example that the guide has for a plugin of one's own."""

    def test_it_conforms(self):
        report = modes.report([shelf.Slots()], {'faults': {'steps': 300}})
        self.assertEqual(shown(report), [])
        [mode] = report.outcomes[0].modes
        self.assertGreaterEqual(mode.edges, 3 * EDGES)
        found = {name: one.verdict for name, one in report.verdicts.items()}
        self.assertEqual('pass', found['OSACC-009'])
        # What binds the plugins of other platforms is not asked of it.
        self.assertEqual('not applicable', found['PLAT-011'])
        self.assertEqual('not applicable', found['FPGAX86-001'])

    def test_one_that_forgets(self):
        report = modes.report([SlotsThatForget()],
                              {'explore': {'steps': 60}})
        self.assertEqual(report.errors, [])
        self.assertEqual({'OSACC-009'}, {
            name for name, one in report.verdicts.items()
            if one.verdict == 'fail'})


class ElementsStay(GpuLibvirt):
    """unplug has the device detached and leaves it in the definition."""

    def _remove_elements(self, domain, van, deadline):
        pass


class SharesStay(LibvirtShares):
    plugin = ElementsStay


class TestOnLibvirt(unittest.TestCase):
    """On a real libvirtd, with guests that run."""

    def setUp(self):
        why = libvirtd.missing()
        if why:
            if os.environ.get('CYBORG_SPECS_NO_SKIP'):
                self.fail(why)
            self.skipTest(why)

    def test_faults(self):
        for kind in (LibvirtShares, LibvirtCards):
            with self.subTest(kind.__name__):
                report = modes.report([kind()], {'faults': {'steps': 200}})
                self.assertEqual(shown(report), [])
                [mode] = report.outcomes[0].modes
                self.assertGreaterEqual(mode.edges, EDGES)

    def test_elements_that_stay(self):
        """What no model sees, the bench does: FPGAX86-006."""
        system = SharesStay()
        self.addCleanup(system.stop)
        system.start()
        for name, *arguments in (
                ('build', 0), ('grant_claim', 0, 0), ('call_plug', 0),
                ('attach', 0), ('start_guest', 0), ('delete', 0),
                ('call_release', 0)):
            self.assertEqual(system.call(name, tuple(arguments)), 'ok')
            system.observe()
        self.assertEqual(system.call('detach', (0,)), 'ok')
        with self.assertRaisesRegex(Broken, 'FPGAX86-006'):
            system.observe()
