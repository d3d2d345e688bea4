"""Hypothesis on the models: what it finds, and that no step is wasted."""

import os
import sys
import tempfile
import unittest
from unittest import mock

import cyborg_models
from cyborg_models import machine, registry
from cyborg_models.kernel import itf, trees
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import Guard, Model, ModelError, when
from cyborg_models.kernel.trace import follow

from . import small, test_cli

# Model, defect, the property that fails, its shortest trace.
FOUND = (
    ('rocky.attach', 'guest-without-plug', 'no_belief_without_device', 8),
    ('rocky.release', 'no-erase', 'untouched_without_a_claim', 4),
    ('stein.attach', 'B3', 'somebody_binds', 3),
    ('stein.release', 'B18', 'charged_while_it_exists', 5),
)
BUDGET = 5000


def model_of(name, *defects):
    return registry.choose(name, (), defects).model


def edges_of(model):
    return Engine(model, memory=1 << 28).explore().transitions


class Mirror(machine.System):
    """A system that does what the model does.

    :ivar calls: the name and arguments of each call
    :ivar refused: those that the model forbids
    """

    def __init__(self, model):
        self.model, self.calls, self.refused = model, [], []
        self.starts = 0
        for name, action in model.actions.items():
            setattr(self, name, self._method(name, action))
        self.steps = {(step.action.name, step.arguments): step
                      for step in model.steps}

    def _method(self, name, action):
        def method(*arguments):
            self.calls.append((name, arguments))
            after = follow(self.model, self.codes,
                           self.steps[name, arguments])
            if isinstance(after, Guard):
                self.refused.append((name, arguments))
            else:
                self.codes = after
            self.done(name)
        method.__name__ = name
        return method

    def done(self, name):
        """After an action."""

    def start(self):
        self.starts += 1
        self.codes = self.model.initial

    def observe(self):
        return self.model.values(self.codes)


class Clean(unittest.TestCase):

    def test_nothing_fails(self):
        for name in ('rocky.lifecycle', 'stein.lifecycle', 'rocky.attach',
                     'stein.attach', 'stein.release'):
            with self.subTest(name):
                found = machine.hunt(model_of(name), 2000)
                self.assertIsNone(found.failure)
                self.assertEqual(2000, found.steps)
                self.assertEqual(0, found.shrinking)
                self.assertGreater(found.runs, 0)

    def test_every_edge_of_a_small_model(self):
        model = model_of('stein.release')
        known = edges_of(model)
        found = machine.hunt(model, 10_000)
        self.assertEqual(known, found.edges)
        found.require(known, 1)

    def test_steered_takes_more_edges(self):
        model = model_of('stein.attach')
        steered = machine.hunt(model, 5000)
        with mock.patch.object(
                machine.Explorer, 'choose', lambda self: (
                    self._here.steps or [0])[self._chance.randrange(
                        len(self._here.steps) or 1)]):
            plain = machine.hunt(model, 5000)
        self.assertEqual(steered.steps, plain.steps)
        self.assertGreater(plain.edges, 1)
        self.assertGreater(steered.edges, 1.5 * plain.edges)

    def test_too_little_seen(self):
        model = model_of('stein.attach')
        found = machine.hunt(model, 100)
        with self.assertRaisesRegex(machine.HuntError,
                                    r'stein.attach: \d+ of 13,947 edges'):
            found.require(13_947, 0.5)
        with self.assertRaisesRegex(machine.HuntError, 'no edge to cover'):
            found.require(0, 0.5)


class Planted(unittest.TestCase):

    def test_found_and_shrunk(self):
        for name, defect, prop, shortest in FOUND:
            with self.subTest(name, defect=defect):
                found = machine.hunt(model_of(name, defect), BUDGET)
                self.assertEqual(prop, found.failure.name)
                self.assertLessEqual(found.steps, BUDGET)
                self.assertGreater(found.shrinking, 0)
                length = len(found.run.steps)
                self.assertLessEqual(length, len(found.found.steps))
                self.assertIn(length, range(shortest, shortest + 3))
                self.assertEqual(0, self.replayed(found))

    def replayed(self, found):
        """How many steps of the run the model does not take."""
        pairs = zip(found.run.states, found.run.steps,
                    found.run.states[1:], strict=False)
        return sum(follow(found.model, before, step) != after
                   for before, step, after in pairs)

    def test_a_deadlock(self):
        found = machine.hunt(dead_end(), 100)
        self.assertEqual(machine.DEADLOCK, found.failure.name)
        self.assertEqual(2, len(found.run.steps))

    def test_a_start_that_is_broken(self):
        model = dead_end()

        @model.always('TEST-003')
        def never(s):
            """Nothing is well."""
            return s is None
        found = machine.hunt(model, 100)
        self.assertEqual('never', found.failure.name)
        self.assertEqual(([], 0), (found.run.steps, found.steps))

    def test_at_the_very_end_of_the_budget(self):
        # No example is left in which Hypothesis could see it again.
        model = model_of('stein.attach', 'B3')
        steps = machine.hunt(model, BUDGET).steps
        budget = -(-steps // machine.STEPS) * machine.STEPS
        found = machine.hunt(model, budget)
        self.assertEqual((steps, 'somebody_binds', True), (
            found.steps, found.failure.name, found.steady))
        self.assertEqual(3, len(found.run.steps))

    def test_in_the_smallest_example_of_all(self):
        model = model_of('stein.release', 'B18')
        found = machine.hunt(model, 20)
        self.assertEqual('charged_while_it_exists', found.failure.name)
        self.assertEqual(len(found.found.steps), found.steps)
        self.assertEqual(5, len(found.run.steps))

    def test_the_same_seed_takes_the_same_steps(self):
        def once(seed):
            found = machine.hunt(model_of('stein.attach', 'B3'), BUDGET,
                                 seed)
            return (found.steps, found.shrinking, found.states, found.edges,
                    [step.name for step in found.found.steps],
                    [step.name for step in found.run.steps])
        self.assertEqual(once(3), once(3))
        self.assertNotEqual(once(3)[:1], once(4)[:1])


def dead_end():
    """A model that stops after two steps."""
    model = Model('tests.dead-end')
    model.var('at', range(3), start=0)

    @model.action('a -> b: go on')
    def go(s):
        """Until 2."""
        when(s.at < 2, 'TEST-001')
        s.at = s.at + 1

    @model.always('TEST-002')
    def small_number(s):
        """It is small."""
        return s.at < 3
    return model.ready()


class OnASystem(unittest.TestCase):

    def test_no_step_is_wasted(self):
        system = Mirror(model_of('stein.attach'))
        found = machine.hunt(system.model, 1000, system=system)
        self.assertIsNone(found.failure, found.failure)
        self.assertEqual(1000, found.steps)
        self.assertEqual(found.steps, len(system.calls))
        self.assertEqual([], system.refused)
        self.assertEqual(found.runs, system.starts)

    def test_another_state_than_the_model(self):
        class Wrong(Mirror):
            def done(self, name):
                if name == 'plug':
                    self.codes = self.model.initial
        system = Wrong(small.build())
        found = machine.hunt(system.model, 500, system=system)
        self.assertEqual(machine.DIFFERS, found.failure.name)
        self.assertRegex(found.failure.detail,
                         r'state\[\d\] is IDLE, and PLUGGED in the model')
        self.assertEqual(['ask', 'plug'],
                         [step.action.name for step in found.run.steps])
        self.assertEqual([], system.refused)

    def test_an_exception(self):
        class Wrong(Mirror):
            def done(self, name):
                if name == 'unplug':
                    raise ValueError('still in use')
        system = Wrong(small.build())
        found = machine.hunt(system.model, 500, system=system)
        self.assertEqual(machine.RAISES, found.failure.name)
        self.assertEqual('unplug raises ValueError: still in use',
                         found.failure.detail)
        self.assertEqual(3, len(found.run.steps))

    def test_a_failure_that_does_not_come_again(self):
        class Fickle(Mirror):
            failed = False

            def done(self, name):
                if len(self.calls) > 80 and not self.failed:
                    self.failed = True
                    raise ValueError('once')
        system = Fickle(small.build())
        found = machine.hunt(system.model, 500, system=system)
        self.assertEqual(machine.RAISES, found.failure.name)
        self.assertFalse(found.steady)
        self.assertIs(found.found, found.run)

    def test_an_action_without_a_method(self):
        with self.assertRaisesRegex(
                machine.HuntError, 'System has no method ask, and '
                'test.small has that action'):
            machine.hunt(small.build(), 10, system=machine.System())

    def test_a_variable_that_the_model_has_not(self):
        class Wrong(Mirror):
            def observe(self):
                return {'mood': 1}
        with self.assertRaisesRegex(machine.HuntError, "observes 'mood'"):
            machine.hunt(small.build(), 10, system=Wrong(small.build()))


class Bad(unittest.TestCase):

    def test_nothing_to_test(self):
        with self.assertRaisesRegex(machine.HuntError, 'tests nothing'):
            machine.hunt(dead_end(), 0)
        model = dead_end()
        model.may_end(lambda s: True)
        del model.actions['go']
        with self.assertRaisesRegex(machine.HuntError, 'nothing is possible'):
            machine.hunt(model, 10)

    def test_a_body_that_keeps_something(self):
        model, kept = dead_end(), []

        @model.action('a -> b: twice')
        def fickle(s):
            """As often as it likes."""
            kept.append(1)
            when(len(kept) % 2 and s.at < 3, 'TEST-004')
        with self.assertRaisesRegex(ModelError, 'the state alone'):
            tree = trees.Tree(model, fickle, (), False)
            for at in (0, 1, 2):
                tree((at,))


class Pinned(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.model = model_of('stein.attach', 'B3')
        self.pins = machine.Pins(self.folder, 'stein.attach', {}, ('B3',))

    def test_replayed_first(self):
        before = machine.hunt(self.model, BUDGET, pins=self.pins)
        self.assertEqual(0, before.pins)
        names = os.listdir(self.folder)
        self.assertEqual(['stein.attach-B3-somebody_binds.itf.json'], names)
        again = machine.hunt(self.model, BUDGET, pins=self.pins)
        self.assertEqual(1, again.pins)
        self.assertEqual(len(before.run.steps), again.steps)
        self.assertEqual(before.run.states, again.run.states)
        self.assertEqual(names, os.listdir(self.folder))

    def test_mended(self):
        # The model allows the run still, and nothing is broken by it.
        machine.hunt(self.model, BUDGET, pins=self.pins)
        self.model.properties = {
            name: prop for name, prop in self.model.properties.items()
            if prop.kind != 'always'}
        again = machine.hunt(self.model, 100, pins=self.pins)
        self.assertEqual(1, again.pins)
        self.assertIsNone(again.failure)
        self.assertGreater(again.steps, 100)

    def test_of_another_configuration(self):
        machine.hunt(self.model, BUDGET, pins=self.pins)
        clean = machine.Pins(self.folder, 'stein.attach')
        found = machine.hunt(model_of('stein.attach'), 100, pins=clean)
        self.assertEqual(0, found.pins)

    def test_stale(self):
        machine.hunt(self.model, BUDGET, pins=self.pins)
        with self.assertRaisesRegex(
                machine.HuntError, r'somebody_binds.itf.json:\d+: state \d'
                '.*the pin is stale: the model has changed'):
            machine.hunt(model_of('stein.attach'), 100, pins=self.pins)

    def test_no_trace(self):
        path = os.path.join(self.folder, 'x.itf.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('{')
        with self.assertRaisesRegex(itf.TraceError, 'x.itf.json:1: '):
            machine.hunt(self.model, 100, pins=self.pins)


class Command(test_cli.Commands):

    ROW = {'model', 'settings', 'defects', 'outcome', 'reason', 'property',
           'steps', 'found_length', 'length', 'shortest', 'shrinking',
           'states', 'edges', 'known_edges', 'pins', 'seconds',
           'steps_per_second', 'trace'}

    def test_clean(self):
        text = self.call('hunt', 'test.small', '--budget', '200')
        self.assertRegex(text, r'edges +\d+ of \d+ \(100.0%\)')
        self.assertIn('Nothing failed.', text)

    def test_covers_too_little(self):
        text = self.call('hunt', 'stein.attach', '--budget', '60',
                         '--cover', '90', status=2)
        self.assertIn('90.0% are asked for', text)
        self.call('hunt', 'test.small', '--budget', '200', '--cover', '100')

    def test_a_defect(self):
        found = self.json('hunt', 'test.small', '--defect', 'greedy',
                          '--budget', '200', status=1)
        self.assertEqual('violated', found['verdict'])
        row, = found['hunts']
        self.assertEqual(self.ROW, set(row))
        self.assertEqual(('found', 'one_owner', 4, 4),
                         (row['outcome'], row['property'], row['length'],
                          row['shortest']))
        self.assertEqual(4, len(row['trace']['steps']))
        text = self.call('hunt', 'test.small', '--defect', 'greedy',
                         '--budget', '200', status=1)
        self.assertIn('Violated: one_owner.', text)
        self.assertIn('shrunk to 4; the shortest has 4', text)

    def test_all_defects(self):
        text = self.call('hunt', 'test.small', '--all-defects', '--budget',
                         '200')
        self.assertRegex(text, r'(?m)^greedy +one_owner +\d+ +\d+ +4 +4$')
        self.assertIn('2 of 2 that a test can show', text)

    def test_missed(self):
        found = self.json('hunt', 'test.small', '--all-defects', '--budget',
                          '1', status=2)
        self.assertIn('missed', [row['outcome'] for row in found['hunts']])

    def test_beyond_testing(self):
        text = self.call('hunt', 'stein.release', '--defect', 'A20',
                         status=2)
        self.assertIn('beyond testing: only every_build_ends', text)
        self.assertIn('no run that ends shows', ' '.join(text.split()))

    def test_manifest(self):
        found = self.json('hunt', 'stein.release', '--manifest', '--budget',
                          '8000')
        self.assertGreater(len(found['hunts']), 5)
        self.assertTrue(all(row['model'] == 'stein.release'
                            for row in found['hunts']))

    def test_pins(self):
        self.call('hunt', 'test.small', '--defect', 'greedy', '--budget',
                  '200', '--pins', self.folder, status=1)
        text = self.call('hunt', 'test.small', '--defect', 'greedy',
                         '--pins', self.folder, status=1)
        self.assertRegex(text, 'pins +1 replayed')

    def test_refused(self):
        for argv, message in (
                ((), 'hunt needs a MODEL'),
                (('--all-defects',), '--all-defects needs a MODEL'),
                (('stein.lifecycle', '--all-defects'), 'has no defects'),
                (('stein.lifecycle', '--manifest'), 'no such configuration'),
                (('test.small', '--budget', '0'), 'no number from 1'),
                (('test.small', '--cover', '101'), 'no number from 1'),
                (('test.small', '--all-defects', '--cover', '5'),
                 'leave them out')):
            with self.subTest(argv):
                self.assertIn(message, self.call('hunt', *argv, status=3))

    def test_without_hypothesis(self):
        with mock.patch.dict('sys.modules', {'hypothesis': None}), \
                mock.patch.object(cyborg_models, 'machine', create=True):
            del sys.modules['cyborg_models.machine']
            del cyborg_models.machine
            text = self.call('hunt', 'test.small', status=3)
        self.assertIn('install cyborg-models[conformance]', text)


if __name__ == '__main__':
    unittest.main()
