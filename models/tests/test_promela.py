"""The models against their twins, written by hand and run by Spin."""

import contextlib
import dataclasses
import re
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from cyborg_models.kernel import liveness
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import STRONG, WEAK
from cyborg_models.kernel.walk import walk
from cyborg_models.rocky import attach as rocky
from cyborg_models.stein import attach as stein

from . import spin

MODULES = {'stein.attach': stein, 'rocky.attach': rocky}
QUICK = ('-O0', '-DNOREDUCE', '-DSAFETY')  # to compile, and it checks bounds
WHY = 'no {}: install the packages that bindep.txt lists for spin'.format(
    ' and no '.join(spin.missing()))

BATCH = {'instances': 1, 'arqs': 2}
SHORT = {**BATCH, 'handles': 1, 'inventory': 2}  # the second gets none
ALONE = {'instances': 1, 'handles': 1}
ONE = {'vans': 1}

CLEAN = (
    ('stein.attach', {'faults': 0}),
    ('stein.attach', {}),
    ('stein.attach', {'faults': 2}),
    ('stein.attach', {'twins': True}),
    ('stein.attach', {'quota': 1}),
    ('stein.attach', BATCH),
    ('stein.attach', {'instances': 3, 'handles': 3, 'faults': 0}),
    ('rocky.attach', {'faults': 0}),
    ('rocky.attach', {}),
    ('rocky.attach', {'faults': 2}),
    ('rocky.attach', {'handles': 2, 'limit': 1}),
    ('rocky.attach', {'kind': 'GPU', 'handles': 2, 'limit': 2}),
)

WALKED = (
    ('stein.attach', ALONE),
    ('stein.attach', {**BATCH, 'faults': 0}),
    ('rocky.attach', {'faults': 0}),
    ('rocky.attach', ONE),
)

# Defect -> settings with which it does harm.
STEIN = {
    'A1': {}, 'A5': {}, 'A6': BATCH, 'A7': {}, 'A8': BATCH, 'A9': SHORT,
    'A12': {'twins': True}, 'A20': {}, 'B3': BATCH, 'B4': SHORT,
    'B4c': BATCH, 'B4d': SHORT, 'B9': {'faults': 2}, 'B9b': {},
    'B13': {'twins': True}, 'B16': {}, 'B17': {},
    'B18': {'quota': 1}, 'B20': {}, 'B21': SHORT, 'B23': {}, 'P6b': {},
    'P6e': ALONE, 'crash': {}}
ROCKY = {
    'claim-not-exclusive': {'limit': 2},
    'quota-not-checked': {'handles': 2, 'limit': 1},
    'regions-mixed': {'kind': 'GPU', 'handles': 2, 'limit': 2},
    'claim-after-release': {}, 'plug-without-look': {},
    'plug-not-journalled-dirty': {}, 'pending-reports-die': {},
    'repeated-claim-granted-anew': {'handles': 2, 'limit': 2},
    'refused-claim-is-charged': {}, 'usage-is-kept': {},
    'refused-claim-not-closed': {}, 'plug-before-journal': {},
    'released-claim-not-answered': {},
    'failed-plug-is-ready': {}, 'guest-without-plug': {},
    'old-report-counts': {}, 'lost-answer-is-an-acknowledgement': {},
    'recovery-forgets-plugging': {}, 'plugging-is-taken-for-ready': {},
    'no-answer-is-an-answer': {'faults': 2}}
# In these models nothing that must always hold is broken by them.
HARMLESS = {'B21', 'plug-without-look', 'recovery-forgets-plugging',
            'released-claim-not-answered'}
# And these change nothing: they need release, or a second host.
WITHOUT_TWIN = {'stein.attach': {'B7', 'provider'}, 'rocky.attach': set()}

NARROW = {'stein.attach': {'inventory': 1}, 'rocky.attach': {}}
# What no defect breaks: a twin, its text, what to put there instead, and what
# is broken then.
SPOILED = (
    ('stein.attach', ':: next == BOUND && arq[a] == BIND_STARTED', '',
     {'state_matrix'}),
    ('stein.attach', ':: next == ACTIVE && nova[i] == SPAWNING', '',
     {'nothing_impossible'}),
    ('stein.attach', 'nova_becomes(i, GONE);\n        claimed[i] = false',
     'nova_becomes(i, GONE)', {'claim_while_busy'}),
    ('stein.attach', 'handle[ARQS] = NO_HANDLE', 'handle[ARQS] = 0',
     {'unbound_releases'}),
    ('stein.attach', 'nova_becomes(i, WAITING)', 'nova_becomes(i, FAILED)',
     {'failed_for_a_reason'}),
    ('stein.attach', 'DO_OWN(i, create);', '', {'created_together'}),
    ('stein.attach', 'handle[a] = h;', '', {'bound_has_handle'}),
    ('stein.attach', '; charged[a] = true', '', {'charged_while_it_exists'}),
    ('stein.attach', '* EACH <= INVENTORY ->', '* EACH <= INVENTORY + 1 ->',
     {'claims_fit'}),
    ('stein.attach', 'nova_becomes(i, ACTIVE)',
     'nova_becomes(i, ACTIVE); claimed[i] = false',
     {'taken_where_it_was_claimed'}),
    ('rocky.attach', 'instance[v] = BUILDING;', 'dirty[v] = true;',
     {'calls_fit_the_instance', 'no_entry_no_goal',
      'untouched_without_a_claim'}),
    ('rocky.attach', ':: else -> goal[v] = PLUGGED', ':: else',
     {'the_goal_is_the_last_call_s'}),
    ('rocky.attach', 'instance[v] = RUNNING\n    }',
     'instance[v] = RUNNING; goal[v] = RELEASED }',
     {'what_is_in_use_is_not_given_up'}),
    ('rocky.attach', 'claim[v] = NONE;\n        if  /*', 'if  /*',
     {'claims_are_journalled_first'}),
    ('rocky.attach', 'goal[v] = RELEASED;\n        state[v] = RELEASED;',
     'state[v] = RELEASED;', {'only_what_is_given_up_is_erased'}),
    ('rocky.attach', 'goes_on(v, PREPARE, READY)',
     'goes_on(v, PREPARE, BOUND)', {'success_is_true'}),
    ('rocky.attach', ';\n        soiled[at(v)] = true\n    }', ' }',
     {'used_means_touched', 'work_touches'}),
    ('rocky.attach', 'journal(v, PLUGGED);\n        ask[v] = NONE',
     'journal(v, PLUGGED)', {'settled_means_at_rest'}),
    ('rocky.attach', 'state[v] != NONE && state[v] != REQUESTED && state[v] '
     '!= RELEASED &&\n        !agent', '!agent', {'no_claim_is_left_open'}),
    ('rocky.attach', 'late[v] = NONE;\n        overtaken[v] = false',
     'late[v] = NONE', {'only_what_is_under_way_is_overtaken'}),
    ('rocky.attach', 'DO_VAN(forget)', 'skip',
     {'no_call_without_nova_compute'}),
    ('rocky.attach', 'DO_VAN(break_off)', 'skip',
     {'no_work_without_the_agent'}),
    ('rocky.attach', 'ask[v] == ASKED && !agent',
     'ask[v] == ASKED && (!agent || !api)',
     {'a_plugin_stays_on_the_host', 'the_host_needs_no_controller'}),
)

# Model, settings, defects: what must come, under weak fairness alone.
COMING = (
    ('stein.attach', ALONE, ()),
    ('stein.attach', ALONE, ('A20',)),
    ('stein.attach', ALONE, ('B20',)),
    ('stein.attach', SHORT, ('B4',)),
    ('rocky.attach', ONE, ()),
    ('rocky.attach', ONE, ('recovery-forgets-plugging',)),
    ('rocky.attach', ONE, ('released-claim-not-answered',)),
)


def build(name, settings, defects=()):
    module = MODULES[name]
    return module.build(module.Settings(**settings), defects)


def verify(name, settings, defects=(), **options):
    options = {'flags': QUICK, 'breadth_first': True, **options}
    with spin.Pan(name, settings, defects, **options) as pan:
        return pan.run()


def numbered(name):
    """Names of what a twin checks in every state."""
    with spin.Pan(name, flags=QUICK) as pan:
        return list(pan.numbers.values())


@contextlib.contextmanager
def spoiled(name, text, instead):
    """Run a twin with *instead* in place of *text* meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        for source in spin.PROMELA.glob('*.pml'):
            written = source.read_text()
            if source.stem == name.replace('.', '_'):
                assert written.count(text) == 1, text
                written = written.replace(text, instead)
            (Path(folder) / source.name).write_text(written)
        with unittest.mock.patch.object(spin, 'PROMELA', Path(folder)):
            yield


def of_engine(model):
    """(states, transitions, what is wrong -> where it first is)."""
    found = Engine(model, memory=1 << 30).explore()
    wrong = {name: len(trace.steps)
             for name, trace in found.violations.items()}
    if found.stuck is not None:
        wrong[spin.NO_DEADLOCK] = len(found.stuck.steps)
    return found.states, found.transitions, wrong


def of_walk(model):
    found = walk(model)
    wrong = {name: depth for name, (depth, _) in found.violations.items()}
    if found.stuck is not None:
        wrong[spin.NO_DEADLOCK] = found.stuck[0]
    return len(found.depth), found.transitions, wrong


def of_spin(verified):
    return verified.states, verified.transitions, verified.errors


def differences(one, other):
    """What two explorations do not agree on."""
    names = ('states', 'transitions', 'errors')
    return [name for name, ours, theirs in zip(names, one, other, strict=True)
            if ours != theirs]


def weakened(model):
    """The model, with weak fairness wherever it asks for strong."""
    for name, action in model.actions.items():
        if action.fair == STRONG:
            model.actions[name] = dataclasses.replace(action, fair=WEAK)
    return model


def never_coming(model):
    """Names of what must come, and does not."""
    engine = Engine(model, memory=1 << 30)
    engine.explore()
    return set(liveness.check(liveness.Graph(engine)))


def must_come(model):
    return {prop.name for prop in model.properties.values()
            if prop.kind == 'eventually'}


@unittest.skipIf(spin.missing(), WHY)
class SpinTest(unittest.TestCase):

    def agree(self, name, settings, defects=()):
        """That the engine and Spin agree; returns what Spin found."""
        found = verify(name, settings, defects)
        self.assertGreater(found.states, 1)
        self.assertEqual(of_engine(build(name, settings, defects)),
                         of_spin(found))
        return found


class CleanTest(SpinTest):

    def test_states_transitions_and_verdicts(self):
        for name, settings in CLEAN:
            with self.subTest(name, **settings):
                self.assertEqual({}, self.agree(name, settings).errors)

    def test_depth_first_counts_the_same(self):
        for name, settings in (('stein.attach', {}), ('rocky.attach', {})):
            with self.subTest(name):
                self.assertEqual(
                    of_spin(verify(name, settings)),
                    of_spin(verify(name, settings, breadth_first=False)))

    def test_what_the_benchmark_compares(self):
        for name in ('stein 1e4', 'rocky 1e4'):
            with self.subTest(name):
                model, settings, _ = spin.CONFIGURATIONS[name]
                self.assertEqual(of_engine(build(model, settings)),
                                 of_spin(spin.measure(name)))

    def test_the_plain_walk_agrees_too(self):
        for name, settings in WALKED:
            with self.subTest(name, **settings):
                self.assertEqual(of_walk(build(name, settings)),
                                 of_spin(verify(name, settings)))

    def test_every_property_has_its_number(self):
        for name, fixed, left_out in (
                ('stein.attach', {'twins': True, 'quota': 1}, set()),
                ('rocky.attach', {'kind': 'GPU'},
                 spin.BEYOND)):
            always = {prop.name for prop in build(
                name, fixed).properties.values() if prop.kind == 'always'}
            self.assertEqual(always - left_out | {spin.NO_DEADLOCK},
                             set(numbered(name)))


class DefectTest(SpinTest):

    def test_stein(self):
        self.break_all('stein.attach', STEIN)

    def test_rocky(self):
        self.break_all('rocky.attach', ROCKY)

    def break_all(self, name, defects):
        unbroken = set(numbered(name))
        for defect, settings in defects.items():
            with self.subTest(defect):
                found = self.agree(name, settings, (defect,))
                self.assertEqual(defect in HARMLESS, not found.errors)
                unbroken -= set(found.errors)
        self.assertEqual(unbroken, set().union(*(
            broken for twin, *_, broken in SPOILED if twin == name)))

    def test_what_no_defect_breaks_can_be_broken(self):
        for name, text, instead, broken in SPOILED:
            with self.subTest(name, text=text), spoiled(
                    name, text, instead):
                found = verify(name, NARROW[name])
                self.assertLessEqual(broken, set(found.errors))

    def test_a_twin_that_differs_is_found_out(self):
        for name in MODULES:
            with self.subTest(name):
                self.assertIn('states', differences(
                    of_engine(build(name, {})),
                    of_spin(verify(name, {}, ('ODD',)))))

    def test_a_model_that_differs_is_found_out(self):
        # A model with a defect against a twin without: whatever the defect
        # changes, something of it shows.
        for name, defect, shows in (
                ('stein.attach', 'A20', ['transitions', 'errors']),
                ('rocky.attach', 'failed-plug-is-ready',
                 ['states', 'transitions', 'errors'])):
            with self.subTest(name):
                self.assertEqual(shows, differences(
                    of_engine(build(name, {}, (defect,))),
                    of_spin(verify(name, {}))))

    def test_every_defect_of_a_twin_is_tried(self):
        for name, defects in (('stein.attach', STEIN),
                              ('rocky.attach', ROCKY)):
            text = (spin.PROMELA
                    / f'{name.replace(".", "_")}.pml').read_text()
            text = text[text.index('/* Defects'):text.index('#include')]
            self.assertEqual(
                set(re.findall(r'^#ifndef (\w+)', text, re.M)) - {'ODD'},
                {re.search('-D(.*)=1', spin.definitions(
                    name, {}, (defect,))[-1])[1] for defect in defects})

    def test_every_defect_of_a_model_has_its_twin(self):
        for name, defects in (('stein.attach', STEIN),
                              ('rocky.attach', ROCKY)):
            self.assertEqual(set(defects) | WITHOUT_TWIN[name],
                             set(build(name, {}).defects))
            for defect in WITHOUT_TWIN[name]:
                with self.subTest(defect):
                    self.assertEqual(
                        of_engine(build(name, {})),
                        of_engine(build(name, {}, (defect,))))


class LivenessTest(SpinTest):

    def test_what_must_come(self):
        verdicts = set()
        for name, settings, defects in COMING:
            with self.subTest(name, defects=defects, **settings):
                model = weakened(build(name, settings, defects))
                never = never_coming(model)
                # Strong fairness, which Spin does not know, changes nothing.
                self.assertEqual(never, never_coming(
                    build(name, settings, defects)))
                with spin.Pan(name, settings, defects, liveness=True,
                              flags=QUICK) as pan:
                    coming = {prop: pan.must_come(prop)
                              for prop in must_come(model)}
                self.assertEqual({prop: prop not in never
                                  for prop in must_come(model)}, coming)
                verdicts |= set(coming.items())
        # Each verdict can be the other.
        self.assertLessEqual(
            {(prop, True) for name in MODULES
             for prop in must_come(build(name, {}))}, verdicts)
        self.assertLess(3, sum(not comes for _, comes in verdicts))

    def test_no_such_property(self):
        with spin.Pan('stein.attach', ALONE, liveness=True,
                      flags=QUICK) as pan, self.assertRaisesRegex(
                          spin.SpinError, 'no property sunshine'):
            pan.must_come('sunshine')


SAID = '''pan:1: assertion violated  !(2) (at depth 7)
pan:2: assertion violated ( !(3)||(owner[0]==1)) (at depth 9)
State-vector 28 byte, depth reached 9, errors: 4
       20 states, stored
\t      18 nominal states (stored-atomic)
       16 states, matched
       36 transitions (= stored+matched)
        2 atomic steps
    0.001\tequivalent memory usage for states
  128.500\ttotal actual memory usage
pan: elapsed time 0.25 seconds
'''


class ParseTest(unittest.TestCase):
    """What Spin says, and what it never should; needs no Spin."""

    numbers = {1: spin.NO_DEADLOCK, 2: 'fits', 3: 'shines'}

    def parse(self, said=SAID, **options):
        return spin.parse(said, self.numbers, **options)

    def test_numbers(self):
        self.assertEqual(
            spin.Verified(18, 18 + 16 - 1 - 2, 0, {'fits': 6, 'shines': 8},
                          0.25, 128 * 2**20 + 2**19, 28),
            self.parse(breadth_first=True))
        self.assertEqual(20, self.parse().states)
        large = self.parse(SAID.replace('16 states, matched',
                                        '1.0443620e+08 states, matched'))
        self.assertEqual((104436200 + 20 - 1 - 2, 5),
                         (large.transitions, large.margin))

    def test_what_cannot_be_believed(self):
        for said, message in (
                ('', 'said nothing like'),
                (SAID.replace('states, matched', 'cows'),
                 'said nothing like.*matched'),
                (SAID.replace('!(2)', '!(9)'), 'no property.*9'),
                (SAID.replace('assertion violated  !(2)',
                              'invalid end state'),
                 'no property: invalid end state'),
                (SAID.replace('errors: 4', 'errors: 0'), 'does not count'),
                (re.sub('(?m)^pan:[12].*\n', '', SAID), 'does not name'),
                ('error: max search depth too small\n' + SAID,
                 'did not visit all states'),
                ('pan: reached -DMEMLIM bound\n' + SAID,
                 'did not visit all.*allow more memory')):
            with self.subTest(message), self.assertRaisesRegex(
                    spin.SpinError, f'(?s){message}'):
                self.parse(said)

    def test_what_there_is_not(self):
        for call, message in (
                (lambda: spin.Pan('stein.release'), 'no twin.*rocky.attach'),
                (lambda: spin.definitions('rocky.attach', {'moon': 1}),
                 'moon fixed; those it has: vans'),
                (lambda: spin.definitions('rocky.attach', {'kind': 'FPGA'}),
                 'no kind FPGA'),
                (lambda: spin.definitions('rocky.attach', {}, ('B3',)),
                 'no defect B3'),
                (lambda: spin.measure('big'), 'no configuration big')):
            with self.subTest(message), self.assertRaisesRegex(
                    spin.SpinError, message):
                call()

    def test_no_compiler(self):
        with unittest.mock.patch.object(spin.shutil, 'which',
                                        lambda name: None), \
                self.assertRaisesRegex(spin.SpinError,
                                       'no spin and no gcc.*bindep'):
            spin.Pan('stein.attach')


class FailureTest(SpinTest):

    def test_more_than_there_are_lists_for(self):
        with self.assertRaisesRegex(spin.SpinError, 'at most 6'):
            spin.Pan('stein.attach', {'instances': 7})

    def test_no_memory(self):
        with spin.Pan('stein.attach', {'faults': 2}, flags=QUICK,
                      memory=1 << 20) as pan, self.assertRaisesRegex(
                          spin.SpinError, 'memory'):
            pan.run()

    def test_no_time(self):
        with spin.Pan('stein.attach', {'instances': 3, 'handles': 3},
                      flags=QUICK) as pan, self.assertRaisesRegex(
                          spin.SpinError, 'took longer than 0.01 s'):
            pan.run(timeout=0.01)


if __name__ == '__main__':
    unittest.main()
