"""The stein models: clean as they stand, and every defect is found."""

import re
import unittest

from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.liveness import Graph, check
from cyborg_models.kernel.refinement import refine
from cyborg_models.kernel.walk import walk
from cyborg_models.stein import attach, lifecycle, program, release, system
from cyborg_models.stein.vocabulary import REQUIREMENTS, Kind

MEMORY = 2 << 30
KEYWORD = re.compile(r'\b(MUST NOT|MUST|SHOULD|MAY)\b')

BATCH = {'instances': 1, 'arqs': 2}
SHORT = {**BATCH, 'handles': 1, 'inventory': 2}  # the second gets none
ALONE = {'instances': 1, 'handles': 1}

# module, settings, states, transitions, depth
CLEAN = (
    (lifecycle, {}, 13, 31, 7),
    (attach, {'faults': 0}, 599, 1486, 22),
    (attach, {}, 4139, 13624, 24),
    (attach, {'faults': 2}, 13707, 56052, 26),
    (attach, {'twins': True}, 1495, 4740, 17),
    (attach, {'quota': 1}, 712, 1908, 15),
    (attach, {'maintenance': True, 'faults': 0}, 1874, 6652, 22),
    (attach, BATCH, 1291, 3854, 18),
    (release, {'faults': 0}, 51, 70, 17),
    (release, {}, 480, 1111, 19),
    (release, {'faults': 2}, 1865, 5764, 22),
    (release, {'discovery': True}, 960, 3165, 20),
    (release, {'arqs': 2, 'handles': 2}, 10363, 36186, 26),
    (program, {'faults': 0}, 1362, 2824, 42),
    (program, {}, 10117, 30671, 43),
    (program, {'faults': 2}, 24896, 104848, 44),
    (program, {'functions': 1}, 9209, 28621, 38),
    (program, {'operator': True}, 20259, 66750, 47),
    (program, {'kind': Kind.MDEV, 'per_region': 1}, 19359, 57391, 43),
    (system, {'faults': 0}, 9790, 29716, 37),
    (system, {}, 177452, 648540, 46),
    (system, {'instances': 1, 'hosts': 2, 'faults': 2}, 18533, 65631, 48),
    (system, {'hosts': 2, 'operations': 1}, 105005, 398768, 44),
    (system, {'programmable': 0, 'mediated': 1}, 139195, 503379, 42),
    (system, {**BATCH, 'operations': 2, 'operator': True}, 80128, 330188, 44),
)

# defect, module, settings, what it breaks, steps of the shortest trace
DEFECTS = (
    ('A1', attach, {}, 'one_owner_per_handle', 10),
    ('A2', release, {'instances': 2, 'inventory': 2, 'operations': 3},
     'one_owner_per_handle', 19),
    ('A3', release, {}, 'in_use_means_named', 6),
    ('A5', attach, {}, 'no_failure_without_cause', 5),
    ('A6', attach, BATCH, 'no_belief_without_device', 12),
    ('A7', attach, {}, 'no_failure_without_cause', 8),
    ('A7', attach, {}, 'no_answer_fails_a_bind', 8),
    ('A8', attach, BATCH, 'somebody_tells', 8),
    ('A9', attach, SHORT, 'no_belief_without_device', 14),
    ('A12', attach, {'twins': True}, 'one_request_per_instance', 8),
    ('A15', release, {'arqs': 2, 'handles': 2}, 'stuck', 5),
    ('A19', release, {}, 'nothing_leaks', 8),
    ('A20', attach, {}, 'stuck', 12),
    ('B1', release, {}, 'nothing_leaks', 10),
    ('B1', release, {}, 'no_idle_step', 12),
    ('B2', program, {'kind': Kind.MDEV, 'per_region': 1},
     'failed_releases', 8),
    ('B2', system, {**ALONE, 'programmable': 0, 'mediated': 1}, 'stuck', 8),
    ('B3', attach, {}, 'somebody_binds', 3),
    ('B3', attach, BATCH, 'somebody_binds', 3),
    ('B4', attach, SHORT, 'stuck', 10),
    ('B4c', attach, BATCH, 'somebody_tells', 8),
    ('B4d', attach, SHORT, 'stuck', 10),
    ('B6', program, {}, 'never_attached_wrong_function', 9),
    ('B7', release, {}, 'in_use_means_named', 8),
    ('B9', attach, {}, 'somebody_binds', 5),
    ('B9', system, {}, 'stuck', 18),
    ('B9b', attach, {}, 'no_idle_step', 5),
    ('B11', release, {'handles': 2}, 'in_use_means_named', 6),
    ('B11b', release, {'handles': 2}, 'never_offered_before_erased', 2),
    ('B13', attach, {'twins': True}, 'one_request_per_instance', 8),
    ('B16', program, {}, 'somebody_binds', 11),
    ('B17', attach, {}, 'somebody_tells', 7),
    ('B18', attach, {'quota': 1}, 'quota_is_kept', 4),
    ('B18', release, {}, 'nothing_leaks', 5),
    ('B20', attach, {}, 'stuck', 11),
    ('B21', release, SHORT, 'in_use_means_named', 8),
    ('B22', program, {'operator': True},
     'never_reprogrammed_under_a_user', 17),
    ('B23', attach, {}, 'no_belief_without_device', 10),
    ('B24', release, {}, 'nothing_leaks', 11),
    ('B25', release, {}, 'nothing_leaks', 8),
    ('B26', release, {}, 'never_offered_before_erased', 12),
    ('B27', program, {'per_region': 1}, 'no_failure_without_cause', 5),
    ('B30', release, {}, 'in_use_means_named', 6),
    ('P4', release, {}, 'state_matrix', 3),
    ('P18', attach, {'maintenance': True, 'faults': 0},
     'nobody_has_what_is_serviced', 6),
    ('P6b', attach, {}, 'in_use_means_named', 8),
    ('P6e', attach, {}, 'failed_releases', 12),
    ('Q2', program, {}, 'never_attached_wrong_function', 13),
    ('Q8', program, {}, 'somebody_binds', 4),
    ('Q21', release, {}, 'never_offered_before_erased', 3),
    ('Q22', program, {}, 'record_is_true', 17),
    ('Q23', program, {}, 'bound_means_loaded', 16),
    ('crash', attach, {}, 'in_use_means_named', 5),
    ('error', release, {'discovery': True}, 'withdrawn_by_a_report', 2),
    ('power', program, {}, 'a_start_confirms', 13),
    ('provider', system, {'instances': 1, 'hosts': 2, 'faults': 0},
     'taken_where_it_was_claimed', 5),
    ('running', release, {}, 'no_belief_without_device', 11),
)

# defect, module, settings, what then need not come
STARVED = (
    ('A15', release, {'arqs': 2, 'handles': 2}, 'delete_always_possible'),
    ('A20', attach, {}, 'every_waiting_caller_is_told'),
    ('B1', release, {}, 'delete_always_possible'),
    ('B4', attach, SHORT, 'failed_releases_all'),
    ('B4d', attach, SHORT, 'failed_releases_all'),
    ('B9', attach, {}, 'bind_always_ends'),
    ('B17', attach, {}, 'every_waiting_caller_is_told'),
    ('B20', attach, {}, 'bind_always_ends'),
)

# module, settings: small enough for the plain walk
WALKED = (
    (lifecycle, {}),
    (attach, {'instances': 1}),
    (attach, {**BATCH, 'faults': 0}),
    (release, {}),
    (program, {'faults': 0}),
    (system, ALONE),
)

# module, settings, number of abstract steps that it makes
REFINED = (
    (attach, {}, 7),
    (attach, BATCH, 8),
    (release, {}, 24),
    (program, {}, 12),
    (system, {**ALONE, 'operations': 3, 'operator': True, 'faults': 2,
              'enabled': None}, 29),
    (release, {'arqs': 2, 'handles': 2, 'faults': 3, 'operations': 3}, 30),
)


def build(module, settings, defects=()):
    return module.build(module.Settings(**settings), defects)


def explore(module, settings, *defects):
    engine = Engine(build(module, settings, defects), memory=MEMORY)
    return engine, engine.explore()


def broken(found):
    """What an exploration found to be wrong -> steps of the trace."""
    wrong = {name: len(trace.steps)
             for name, trace in found.violations.items()}
    if found.stuck is not None:
        wrong['stuck'] = len(found.stuck.steps)
    return wrong


class CleanTest(unittest.TestCase):

    def test_every_property_holds(self):
        for module, settings, *figures in CLEAN:
            with self.subTest(module.__name__, **settings):
                engine, found = explore(module, settings)
                self.assertTrue(found.complete)
                self.assertEqual({}, broken(found))
                self.assertEqual(
                    {prop.name for prop in engine.model.properties.values()
                     if prop.kind == 'sometimes'}, set(found.witnessed))
                self.assertEqual({}, check(Graph(engine)))
                self.assertEqual(
                    figures, [found.states, found.transitions, found.depth])

    def test_engine_and_walk_agree(self):
        for module, settings in WALKED:
            with self.subTest(module.__name__, **settings):
                _, found = explore(module, settings)
                walked = walk(build(module, settings))
                self.assertEqual(
                    (len(walked.depth), walked.transitions,
                     max(walked.depth.values())),
                    (found.states, found.transitions, found.depth))
                self.assertEqual(({}, None),
                                 (walked.violations, walked.stuck))
                self.assertEqual(set(found.witnessed),
                                 set(walked.witnessed))


class DefectTest(unittest.TestCase):

    def test_every_defect_breaks_its_property(self):
        for defect, module, settings, name, steps in DEFECTS:
            with self.subTest(defect, module=module.__name__, **settings):
                _, found = explore(module, settings, defect)
                self.assertEqual(steps, broken(found).get(name))
                clean = build(module, settings)
                self.assertIn(name, [*clean.properties, 'stuck'])
                self.assertEqual(
                    list(clean.properties),
                    list(build(module, settings, (defect,)).properties))

    def test_what_a_defect_breaks_held_before(self):
        seen = [(module, settings) for module, settings, *_ in CLEAN]
        for _, module, settings, _, _ in DEFECTS:
            if (module, settings) in seen:
                continue
            seen.append((module, settings))
            with self.subTest(module.__name__, **settings):
                self.assertEqual({}, broken(explore(module, settings)[1]))

    def test_another_host_is_not_maintenance(self):
        settings = {'maintenance': True, 'faults': 0}
        one = explore(attach, settings, 'provider')[1]
        self.assertEqual({}, broken(one))
        self.assertEqual(explore(attach, settings)[1].states, one.states)
        self.assertNotEqual({}, broken(explore(attach, settings, 'P18')[1]))

    def test_what_need_not_come(self):
        for defect, module, settings, name in STARVED:
            with self.subTest(defect, module=module.__name__, **settings):
                engine, _ = explore(module, settings, defect)
                self.assertIn(name, check(Graph(engine)))

    def test_every_defect_is_in_the_table(self):
        known = set()
        for module in (attach, program, release, system):
            known |= set(build(module, {}).defects)
        known |= set(build(program, {'operator': True}).defects)
        known |= set(build(attach, {'twins': True}).defects)
        known |= set(build(attach, {'maintenance': True}).defects)
        self.assertEqual(known, {row[0] for row in DEFECTS})


class RefinementTest(unittest.TestCase):

    def test_every_step_is_an_abstract_one(self):
        for module, settings, hit in REFINED:
            with self.subTest(module.__name__, **settings):
                engine, _ = explore(module, settings)
                found = refine(Graph(engine), lifecycle.build(),
                               module.abstract, engine.model.sets['arq'])
                self.assertIsNone(found.broken, found.between)
                self.assertEqual(hit, found.hit)
        self.assertEqual([], found.missing)  # of the last one

    def test_a_defect_that_skips_a_step_is_none(self):
        for defect, module, settings in (
                ('B1', release, {}),
                ('B2', program, {'kind': Kind.MDEV, 'per_region': 1})):
            with self.subTest(defect):
                engine, _ = explore(module, settings, defect)
                found = refine(Graph(engine), lifecycle.build(),
                               module.abstract, engine.model.sets['arq'])
                self.assertIsNotNone(found.broken)


class RequirementTest(unittest.TestCase):

    def test_one_sentence_with_one_keyword(self):
        for name, text in REQUIREMENTS.items():
            with self.subTest(name):
                self.assertEqual(1, len(KEYWORD.findall(text)), text)
                self.assertTrue(text.endswith('.'))
                self.assertEqual(1, text.count('. ') + 1, text)

    def test_every_requirement_is_carried(self):
        carried = set()
        for module, settings in (
                (lifecycle, {}), (attach, {'twins': True}),
                (attach, {'quota': 1, **ALONE}), (release, {}),
                (attach, {'maintenance': True, **ALONE}),
                (program, {'operator': True}),
                (system, {'instances': 1, 'hosts': 2}),
                (system, {**ALONE, 'operator': True, 'faults': 2})):
            engine, _ = explore(module, settings)
            carried |= {guard.requirement for guard
                        in engine.tables.guards.values()}
            carried |= {prop.requirement for prop
                        in engine.model.properties.values()}
        self.assertEqual(set(REQUIREMENTS), carried)


if __name__ == '__main__':
    unittest.main()
