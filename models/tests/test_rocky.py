"""The rocky models: clean as they stand, and every defect is found."""

import itertools
import unittest

from cyborg_models.kernel import liveness, refinement
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import (
    STRONG,
    WEAK,
    ModelError,
    State,
    run,
)
from cyborg_models.kernel.walk import successors, walk
from cyborg_models.rocky import attach, lifecycle, program, release, system
from cyborg_models.rocky.vocabulary import FAULTS, FLOWS, LOSSES

MODULES = {'attach': attach, 'lifecycle': lifecycle, 'program': program,
           'release': release, 'system': system}
SMALL = ('attach', 'lifecycle', 'program', 'release')

WRITING = {'enabled_faults': frozenset({'compute-crash', 'program'})}
ADOPTING = {'vans': 2, 'tenant': True,
            'enabled_faults': frozenset({'journal-lost'})}

DAMAGED = {'vans': 2, 'tenant': True,
           'enabled_faults': frozenset({'entry-damaged'})}
LOSING = {'enabled_faults': frozenset({'gone'})}
FORGETTING = {'limit': 2, 'enabled_faults': frozenset({'restore'})}
FORGOING = {'vans': 1, 'enabled_faults': frozenset({'function-lost'})}
RETIRING = {'vans': 1, 'kind': 'VF', 'faults': 2, 'enabled_faults': frozenset(
    {'retire', 'compute-crash'})}
OUTLIVED = {'vans': 2, 'tenant': True,
            'enabled_faults': frozenset({'agent-crash'})}
UNSEEN = {'vans': 1, 'enabled_faults': frozenset(
    {'agent-crash', 'program', 'time-out'})}
MISLED = {'vans': 1, 'kind': 'VF',
          'enabled_faults': frozenset({'wrong-list'})}
BUILT = {'vans': 1, 'kind': 'VF'}
KEPT = {**BUILT, 'enabled_faults': frozenset({'compute-crash', 'unplug'}),
        'flows': frozenset({'pause', 'soft-delete', 'offload', 'migrate'})}
LEFT = {**BUILT, 'enabled_faults': frozenset({'compute-crash'}),
        'flows': frozenset({'evacuate', 'abandon', 'migrate'})}
OPERATED = {'vans': 1, 'operator': True, 'enabled_faults': frozenset(
    {'agent-crash', 'bitstream', 'program'})}
RENAMED = {'vans': 1, 'enabled_faults': frozenset({'wrong-function'})}
LOWERED = {'enabled_faults': frozenset({'lower-limit'})}
UNPLACED = {'kind': 'VF', 'enabled_faults': frozenset(
    {'clean', 'placement-down'})}
UNLISTED = {'enabled_faults': frozenset({'unlisted'})}
REGIONS = {'vans': 1, 'handles': 2, 'limit': 2, 'regions': 2, 'faults': 0}
TENANTS = {'handles': 2, 'limit': 2, 'faults': 0, 'tenant': True,
           'projects': 2}
OUTDATED = {**BUILT, 'faults': 2, 'enabled_faults': frozenset(
    {'journal-lost', 'late-report'})}

# Model, settings, states, transitions: nothing is wrong with these.
CLEAN = (
    ('lifecycle', {}, 10, 23),
    ('attach', {}, 4765, 12886),
    ('attach', {'faults': 0}, 352, 754),
    ('attach', {'faults': 2}, 27446, 93897),
    ('attach', {'handles': 2, 'limit': 1}, 9305, 25330),
    ('attach', {'kind': 'GPU', 'handles': 2, 'limit': 2}, 9305, 25330),
    ('attach', {'topology': 'POWER', 'kind': 'POWER_SLOT'}, 4765, 12886),
    ('program', {}, 13550, 36470),
    ('program', {'faults': 0}, 978, 2518),
    ('program', {'faults': 2}, 54785, 182509),
    ('program', {'functions': 2}, 525, 979),
    ('program', {'policy': 'NEVER'}, 9175, 23182),
    ('program', {'programmer': 'plugin'}, 13422, 36004),
    ('release', {}, 2687, 5678),
    ('release', {'faults': 0}, 161, 220),
    ('release', {'kind': 'MDEV'}, 1965, 4400),
    ('release', {'faults': 2}, 17737, 54943),
    ('release', {'kind': 'VF'}, 1939, 4349),
    ('release', {'vans': 2, 'faults': 0, 'tenant': True}, 24583, 64422),
    ('release', ADOPTING, 189833, 585441),
    ('system', {}, 216469, 726593),
    ('system', {'faults': 0}, 7967, 21508),
    ('system', {'vans': 1, 'faults': 2}, 63892, 228226),
    ('system', {'handles': 2, 'limit': 2, 'faults': 0}, 325301, 1228180),
    ('system', {'handles': 2, 'limit': 2, 'faults': 0, 'tenant': True},
     338613, 1265128),
    ('system', {'handles': 2, 'limit': 2, 'faults': 0, 'functions': 2},
     69561, 227756),
    ('system', {'handles': 2, 'limit': 1, 'faults': 0}, 69273, 226884),
    ('system', {'kind': 'GPU', 'handles': 2, 'limit': 2, 'faults': 0},
     61193, 205108),
    ('system', {'vans': 1, 'kind': 'VF'}, 6425, 18080),
    ('system', {'vans': 1, 'kind': 'MDEV'}, 6527, 18339),
    ('system', {'vans': 1, 'policy': 'NEVER'}, 7729, 20772),
    ('system', {'vans': 1, 'programmer': 'plugin'}, 7856, 21010),
    ('system', {'vans': 1, 'programmer': 'os-acc'}, 7856, 21010),
    ('system', {'vans': 1, 'topology': 'POWER', 'kind': 'POWER_SLOT'},
     6900, 19730),
    ('attach', {'limit': 2}, 4765, 12886),
    ('attach', FORGETTING, 980, 2552),
    ('attach', {'handles': 2, 'limit': 1,
                'enabled_faults': frozenset({'restore'})}, 3576, 8696),
    ('attach', LOSING, 2176, 5886),
    ('program', {'faults': 2, 'enabled_faults': frozenset(
        {'program', 'journal-lost'})}, 8116, 21634),
    ('release', LOSING, 957, 1851),
    ('release', {'enabled_faults': frozenset({'entry-damaged'})}, 880, 1633),
    ('release', {'kind': 'VF', 'faults': 2, 'enabled_faults': frozenset(
        {'retire', 'journal-lost'})}, 1804, 4465),
    ('system', {'vans': 1, **LOSING}, 2376, 5841),
    ('system', FORGOING, 1492, 3298),
    ('system', RETIRING, 3349, 8457),
    ('system', MISLED, 498, 927),
    ('system', UNSEEN, 2638, 6555),
    ('release', {'vans': 2, 'topology': 'POWER', 'kind': 'POWER_SLOT',
                 'faults': 0}, 22500, 62352),
    ('release', {'kind': 'VF', 'faults': 2, 'enabled_faults': frozenset(
        {'gone', 'journal-lost'})}, 3868, 10948),
    ('system', OUTDATED, 14783, 47715),
    ('system', KEPT, 3462, 9533),
    ('system', LEFT, 1936, 4133),
    ('system', OPERATED, 4048, 10423),
    ('system', {'vans': 1, 'operator': True}, 12329, 35796),
    ('program', OPERATED, 222, 360),
    ('program', RENAMED, 31, 37),
    ('attach', LOWERED, 737, 1912),
    ('system', UNPLACED, 60666, 252747),
    ('attach', UNLISTED, 786, 1709),
    ('system', {**REGIONS, 'fixed': 1}, 384, 725),
    ('system', {**REGIONS, 'names_provider': True}, 384, 725),
    ('system', TENANTS, 69497, 227660),
)

# The paths that the specification did not take, and the writers and
# programmers that it forbids: what they break, and after how many steps.
CONTESTED = (
    ({'vans': 1, 'topology': 'VIA_API'},
     {'the_host_needs_no_controller': 10, 'a_plugin_stays_on_the_host': 10},
     {'every_start_ends', 'every_waiting_caller_is_told',
      'release_always_possible', 'request_always_ends'}),
    ({'vans': 1, 'topology': 'NOVA_DIRECT'},
     {'untouched_without_a_claim': 8, 'nothing_leaks': 9,
      'a_plugin_stays_on_the_host': 10,
      'the_host_needs_no_controller': 10,
      'database_and_device_agree': 19, 'no_belief_without_device': 21},
     {'database_catches_up', 'every_report_arrives', 'every_start_ends',
      'every_waiting_caller_is_told', 'failed_releases_all',
      'release_always_possible', 'request_always_ends'}),
    ({'vans': 1, 'programmer': 'cyborg-api'},
     {'the_host_needs_no_controller': 10,
      'a_plugin_stays_on_the_host': 10}, set()),
    ({'vans': 1, 'writer': 'plugin'},
     {'acknowledged_means_recorded': 7, 'database_and_device_agree': 8,
      'nothing_leaks': 12},
     {'database_catches_up', 'failed_releases_all'}),
    ({'vans': 1, 'writer': 'agent-rest'},
     {'acknowledged_means_recorded': 7, 'database_and_device_agree': 9,
      'nothing_leaks': 12},
     {'database_catches_up', 'failed_releases_all'}),
    ({'vans': 1, 'writer': 'agent-rpc'},
     {'acknowledged_means_recorded': 5, 'database_and_device_agree': 6,
      'nothing_leaks': 10},
     {'database_catches_up', 'failed_releases_all'}),
)

# Defect, model, settings, the property it breaks, the shortest trace; None
# where what must come does not.
DEFECTS = (
    ('adopted-as-clean', 'release', {},
     'never_offered_before_erased', 8),
    ('adopted-unseen', 'release', {},
     'what_is_adopted_is_true', 4),
    ('adoption-keeps-generation', 'system', {'vans': 1, 'faults': 2},
     'one_owner_per_handle', 15),
    ('adoption-keeps-generation', 'system', OUTDATED,
     'what_is_adopted_is_not_freed', 13),
    ('allocation-goes-first', 'system', {'vans': 1},
     'allocation_goes_last', 2),
    ('bitstream-not-checked', 'program', {},
     'only_checked_bitstreams_are_written', 5),
    ('cancel-forgotten', 'system', {'vans': 1},
     'every_waiting_caller_is_told', None),
    ('claim-after-release', 'system', {'vans': 1},
     'nothing_leaks', 9),
    ('claim-not-exclusive', 'attach', {'limit': 2},
     'one_owner_per_handle', 8),
    ('adopted-unseen', 'release', {},
     'database_and_device_agree', 5),
    ('erase-before-adoption', 'release', ADOPTING,
     'never_erased_under_a_user', 9),
    ('tool-goes-unseen', 'release', OUTLIVED,
     'busy_until_it_is_over', 13),
    ('failed-erase-ignored', 'release', {},
     'never_offered_before_erased', 7),
    ('failed-is-stuck', 'release', {},
     'release_always_possible', None),
    ('failed-plug-is-ready', 'attach', {},
     'database_and_device_agree', 13),
    ('failed-spawn-forgets-release', 'system', {'vans': 1},
     'nothing_leaks', 9),
    ('freed-before-released', 'release', {},
     'never_free_while_used', 3),
    ('guest-without-plug', 'attach', {},
     'no_belief_without_device', 8),
    ('half-written-is-ready', 'program', WRITING,
     'ready_means_verified', 8),
    ('lost-answer-is-an-acknowledgement', 'attach', {},
     'database_and_device_agree', 15),
    ('no-answer-is-an-answer', 'attach', {'faults': 2},
     'database_and_device_agree', 17),
    ('no-erase', 'release', {},
     'never_offered_before_erased', 5),
    ('no-lock-to-erase', 'system',
     {'handles': 2, 'limit': 2, 'faults': 0, 'tenant': True},
     'one_writer_per_region', 30),
    ('no-lock-to-erase', 'release',
     {'vans': 2, 'faults': 0, 'tenant': True},
     'one_writer_per_region', 10),
    ('not-verified', 'program', WRITING,
     'ready_means_verified', 8),
    ('old-report-counts', 'attach', {},
     'database_and_device_agree', 17),
    ('orphans-by-an-old-list', 'release', {},
     'failed_releases_all', None),
    ('pending-reports-die', 'system', {'vans': 1},
     'nothing_leaks', 12),
    ('plug-before-journal', 'attach', {},
     'database_and_device_agree', 11),
    ('plug-not-journalled-dirty', 'system',
     {'handles': 2, 'limit': 2, 'faults': 0},
     'never_offered_before_erased', 34),
    ('plug-without-look', 'system', FORGOING,
     'never_plugged_wrong_function', 17),
    ('plugging-is-taken-for-ready', 'attach', {},
     'database_and_device_agree', 15),
    ('quota-not-checked', 'attach', {'handles': 2, 'limit': 1},
     'quota_is_exact', 8),
    ('quota-not-checked', 'attach', {'handles': 2, 'limit': 1},
     'never_above_the_limit', 8),
    ('usage-is-kept', 'release', {},
     'usage_is_what_is_claimed', 4),
    ('refused-claim-is-charged', 'attach', {},
     'a_refusal_leaves_nothing', 6),
    ('lower-limit-takes-away', 'attach', LOWERED,
     'what_is_granted_stays_granted', 6),
    ('recovery-forgets-plugging', 'attach', {},
     'every_report_arrives', None),
    ('released-claim-not-answered', 'attach', {},
     'every_claim_is_closed', None),
    ('refused-claim-not-closed', 'attach', {},
     'database_and_device_agree', 5),
    ('region-erased-under-user', 'system',
     {'handles': 2, 'limit': 2, 'faults': 0},
     'never_erased_under_a_user', 24),
    ('region-never-erased', 'release', {},
     'last_one_out_erases_the_region', 9),
    ('regions-mixed', 'system',
     {'handles': 2, 'limit': 2, 'faults': 0, 'functions': 2},
     'one_function_per_region', 8),
    ('repeated-claim-granted-anew', 'attach', {'handles': 2, 'limit': 2},
     'one_owner_per_handle', 7),
    ('shared-function-not-dirty', 'system',
     {'handles': 2, 'limit': 2, 'faults': 0, 'tenant': True},
     'last_one_out_erases_the_region', 33),
    ('unverified-write-is-kept', 'system', UNSEEN,
     'last_one_out_erases_the_region', 24),
    ('unplug-under-guest', 'release', {},
     'never_pulled_from_a_guest', 3),
    ('damaged-entry-keeps-the-mark', 'release', DAMAGED,
     'never_erased_under_a_user', 8),
    ('forgotten-told-by-report-only', 'attach', FORGETTING,
     'the_forgotten_is_known_again', None),
    ('gone-found-by-calls-only', 'system', {'vans': 1, **LOSING},
     'what_is_gone_is_failed', None),
    ('gone-counts-as-erased', 'release', LOSING,
     'never_offered_before_erased', 6),
    ('grant-not-checked', 'attach', FORGETTING,
     'never_bound_to_what_another_uses', 16),
    ('retire-frees', 'system', RETIRING,
     'never_free_while_used', 13),
    ('retired-told-by-report-only', 'system', RETIRING,
     'retired_comes_to_its_end', None),
    ('retired-told-by-report-only', 'system', RETIRING,
     'what_is_given_up_there_is_given_up_here', None),
    ('wrong-list-is-believed', 'system', MISLED,
     'what_is_in_use_is_not_given_up', 15),
    ('write-under-user', 'program', {},
     'never_reprogrammed_under_a_user', 13),
    ('stop-unplugs', 'system', BUILT,
     'no_call_takes_out_what_stays', 15),
    ('rebuild-releases', 'system', BUILT,
     'a_rebuild_keeps_its_claim', 15),
    ('rebuild-without-unplug', 'system', BUILT, 'rebuilt', None),
    ('failed-start-releases', 'system', BUILT,
     'a_failure_gives_nothing_away', 17),
    ('delete-waits', 'system', BUILT,
     'a_delete_does_not_wait', 9),
    ('pause-unplugs', 'system', KEPT,
     'no_call_takes_out_what_stays', 15),
    ('pause-detaches', 'system', KEPT,
     'what_is_paused_keeps_its_device', 15),
    ('snapshot-unplugs', 'system', KEPT,
     'no_call_takes_out_what_stays', 15),
    ('soft-delete-releases', 'system', KEPT,
     'a_soft_delete_keeps_its_claim', 15),
    ('offload-forgets-release', 'system', KEPT,
     'what_is_offloaded_is_released', 16),
    ('move-releases-its-source', 'system', KEPT,
     'the_source_keeps_its_claim', 15),
    ('list-forgets-migrations', 'system', LEFT,
     'who_is_here_is_listed', 23),
    ('list-keeps-what-has-left', 'system', LEFT,
     'who_has_left_is_not', None),
    ('evacuation-frees', 'system', LEFT,
     'an_evacuation_frees_nothing', 16),
    ('released-before-destroyed', 'system', LEFT,
     'destroyed_before_it_is_released', 18),
    ('delete-frees-behind-the-host', 'system', LEFT,
     'a_host_that_is_down_is_left_alone', 16),
    ('write-past-the-vans', 'program', OPERATED,
     'no_write_past_the_vans', 2),
    ('operator-file-not-checked', 'program', OPERATED,
     'only_checked_files_are_written', 3),
    ('granted-under-a-write', 'system', OPERATED,
     'no_claim_under_a_write', 5),
    ('interrupted-write-is-forgotten', 'program', OPERATED,
     'every_write_is_settled', None),
    ('interrupted-write-is-taken-for-done', 'program', OPERATED,
     'idle_was_read', 7),
    ('function-not-compared', 'program', RENAMED,
     'only_what_was_asked_for_is_written', 5),
    ('claim-waits-for-placement', 'system', UNPLACED,
     'no_claim_waits_for_placement', None),
    ('claim-refused-without-placement', 'system', UNPLACED,
     'no_claim_is_refused_for_placement', 5),
    ('report-waits-for-placement', 'system', UNPLACED,
     'no_report_waits_for_placement', None),
    ('traits-written-once', 'system', UNPLACED,
     'the_traits_catch_up', None),
    ('inventory-adjusted', 'system', UNPLACED,
     'the_inventory_catches_up', None),
    ('discovery-deletes', 'attach', UNLISTED,
     'discovery_takes_nothing', 5),
    ('provider-outlives-its-handles', 'attach', UNLISTED,
     'a_provider_has_handles', 1),
    ('fixed-region-granted', 'system', {**REGIONS, 'fixed': 1},
     'what_is_fixed_is_not_granted', 4),
    ('granted-elsewhere', 'system', {**REGIONS, 'names_provider': True},
     'granted_where_it_was_claimed', 4),
    ('projects-mixed', 'system', TENANTS,
     'one_project_per_region', 8),
)


class Graph:
    """All states of a small model and the steps between them.

    :ivar states: state -> number
    :ivar edges: per state, a dict step index -> number of the next state
    """

    def __init__(self, model):
        self.model = model
        self.states = {model.initial: 0}
        self.edges = []
        index = {(step.action.name, step.arguments): number
                 for number, step in enumerate(model.steps)}
        todo = [model.initial]
        for state in todo:
            mine = {}
            for step, after in successors(model, state):
                if after not in self.states:
                    self.states[after] = len(todo)
                    todo.append(after)
                mine[index[step.action.name, step.arguments]] = (
                    self.states[after])
            self.edges.append(mine)
        self.weak = {number for number, step in enumerate(model.steps)
                     if step.action.fair == WEAK}
        self.strong = {number for number, step in enumerate(model.steps)
                       if step.action.fair == STRONG}

    def judge(self, body, arguments):
        """What a property's body says of each state, in order."""
        return [run(self.model, body, arguments, state, frozen=True).value
                for state in self.states]

    def starved(self, prop):
        """The arguments and a state from which what must come need not, or
        None.
        """
        for arguments in itertools.product(*prop.sets.values()):
            said = self.judge(prop.body, arguments)
            todo = [number for number, (called, come) in enumerate(said)
                    if called and not come]
            inside = set(todo)
            for number in todo:
                for after in self.edges[number].values():
                    if after not in inside and not said[after][1]:
                        inside.add(after)
                        todo.append(after)
            found = self._fair_component(inside)
            if found is not None:
                return arguments, found
        return None

    def _fair_component(self, inside):
        """A state in which, or around which, a fair run can stay."""
        work = [inside]
        while work:
            inside = work.pop()
            for component in self._components(inside):
                taken, always, ever = set(), None, set()
                for number in component:
                    mine = self.edges[number]
                    taken.update(step for step, after in mine.items()
                                 if after in component)
                    always = (set(mine) if always is None
                              else always & set(mine))
                    ever.update(mine)
                if (always & self.weak) - taken:
                    continue
                hungry = (ever & self.strong) - taken
                if not hungry:
                    return min(component)
                work.append({number for number in component
                             if not hungry & set(self.edges[number])})
        return None

    def _components(self, inside):
        """Tarjan's strongly connected components, without recursion."""
        order, low, stack, on = {}, {}, [], set()
        for root in inside:
            if root in order:
                continue
            path = [(root, iter(self.edges[root].values()))]
            order[root] = low[root] = len(order)
            stack.append(root)
            on.add(root)
            while path:
                number, rest = path[-1]
                for after in rest:
                    if after not in inside:
                        continue
                    if after not in order:
                        order[after] = low[after] = len(order)
                        stack.append(after)
                        on.add(after)
                        path.append((after,
                                     iter(self.edges[after].values())))
                        break
                    if after in on:
                        low[number] = min(low[number], order[after])
                else:
                    path.pop()
                    if path:
                        above = path[-1][0]
                        low[above] = min(low[above], low[number])
                    if low[number] == order[number]:
                        component = set()
                        while True:
                            one = stack.pop()
                            on.discard(one)
                            component.add(one)
                            if one == number:
                                break
                        yield component


def starved(graph):
    """Names of the ``eventually`` properties that do not hold."""
    return {prop.name for prop in graph.model.properties.values()
            if prop.kind == 'eventually'
            and graph.starved(prop) is not None}


def build(name, settings, defects=()):
    module = MODULES[name]
    return module.build(module.Settings(**settings), defects)


def explore(model):
    engine = Engine(model, memory=1 << 30)
    return engine, engine.explore()


def broken(result):
    """Property -> length of the shortest trace that breaks it."""
    return {name: len(trace.steps)
            for name, trace in result.violations.items()}


def unseen(result, model):
    return {prop.name for prop in model.properties.values()
            if prop.kind == 'sometimes'} - set(result.witnessed)


class TestClean(unittest.TestCase):

    def test_configurations(self):
        for name, settings, states, transitions in CLEAN:
            with self.subTest(name, **settings):
                model = build(name, settings)
                engine, result = explore(model)
                self.assertTrue(result.complete)
                self.assertEqual(broken(result), {})
                self.assertIsNone(result.stuck)
                self.assertEqual(unseen(result, model), set())
                self.assertEqual((result.states, result.transitions),
                                 (states, transitions))
                self.assertEqual(
                    liveness.check(liveness.Graph(engine)), {})

    def test_small_ones_by_the_plain_walk(self):
        for name in SMALL:
            with self.subTest(name):
                model = build(name, {})
                _, result = explore(model)
                walked = walk(model)
                self.assertEqual(walked.violations, {})
                self.assertIsNone(walked.stuck)
                self.assertEqual(unseen(walked, model), set())
                self.assertEqual(
                    (len(walked.depth), walked.transitions,
                     max(walked.depth.values())),
                    (result.states, result.transitions, result.depth))

    def test_default_system_is_small(self):
        _, states, _ = next(row[1:] for row in CLEAN
                            if row[:2] == ('system', {}))
        self.assertTrue(10**4 <= states <= 10**6)

    def test_settings_that_cannot_be(self):
        for name, settings in (
                ('system', {'kind': 'NIC'}),
                ('system', {'topology': 'POWER'}),
                ('attach', {'topology': 'POWER', 'kind': 'POWER_SLOT',
                            'writer': 'agent-rpc'}),
                ('release', {'enabled_faults': frozenset({'rain'})})):
            with self.subTest(name, **settings):
                self.assertRaises(ModelError, build, name, settings)


class TestContested(unittest.TestCase):
    """What each path adds to the failures that all share."""

    def test_what_breaks(self):
        for settings, always, eventually in CONTESTED:
            with self.subTest(**settings):
                engine, result = explore(build('system', settings))
                self.assertEqual(broken(result), always)
                self.assertEqual(
                    set(liveness.check(liveness.Graph(engine))), eventually)

    def test_nothing_breaks_without_faults(self):
        for topology in ('LOCAL', 'VIA_API', 'NOVA_DIRECT', 'POWER'):
            settings = {'topology': topology, 'faults': 0, 'kind': (
                'POWER_SLOT' if topology == 'POWER' else 'FPGA')}
            with self.subTest(**settings):
                engine, result = explore(build('system', settings))
                self.assertEqual(broken(result), {})
                self.assertIsNone(result.stuck)
                self.assertEqual(
                    liveness.check(liveness.Graph(engine)), {})


class TestDefects(unittest.TestCase):

    def test_each_breaks_its_property(self):
        for defect, name, settings, prop, depth in DEFECTS:
            with self.subTest(defect):
                model = build(name, settings, (defect,))
                engine, result = explore(model)
                if depth is None:  # what must come, or can, does not
                    self.assertIn(prop, {
                        *liveness.check(liveness.Graph(engine)),
                        *unseen(result, model)})
                else:
                    self.assertEqual(broken(result).get(prop), depth)

    def test_all_are_listed(self):
        known = set()
        for name in MODULES:
            settings = {} if name == 'lifecycle' else {
                'enabled_faults': FAULTS | LOSSES}
            if name == 'system':
                settings |= {'flows': FLOWS, 'operator': True, 'regions': 2,
                             'fixed': 1, 'names_provider': True,
                             'tenant': True, 'projects': 2}
            known |= set(build(name, settings).defects)
        self.assertEqual({row[0] for row in DEFECTS}, known)

    def test_none_is_where_it_could_do_nothing(self):
        for name, absent in (
                ('attach', {'projects-mixed', 'claim-waits-for-placement',
                            'grant-not-checked', 'cancel-forgotten'}),
                ('release', {'allocation-goes-first', 'delete-waits'}),
                ('program', {'function-not-compared'})):
            with self.subTest(name):
                self.assertEqual(set(), absent & set(build(name, {}).defects))
        self.assertIn('grant-not-checked',
                      build('attach', FORGETTING).defects)

    def test_none_adds_a_property_or_an_action(self):
        for defect, name, settings, *_ in DEFECTS:
            clean = build(name, settings)
            other = build(name, settings, (defect,))
            self.assertEqual(list(clean.properties), list(other.properties))
            self.assertEqual(list(clean.actions), list(other.actions))


class TestWatched(unittest.TestCase):

    def test_a_fault_that_changes_nothing(self):
        # The API that is lost once more while it is away.
        for faults, bad in ((1, {}), (2, {'no_idle_step': 2})):
            for name in ('attach', 'system'):
                settings = {'vans': 1, 'faults': faults, 'watched': True,
                            'enabled_faults': frozenset({'api-down'})}
                with self.subTest(name, faults=faults):
                    self.assertEqual(bad, broken(explore(build(
                        name, settings))[1]))


class TestLiveness(unittest.TestCase):
    """The engine's verdicts on what must come, against plain Python."""

    def test_agreement(self):
        for name, settings, defects in (
                ('program', {}, ()), ('release', {'faults': 0}, ()),
                ('release', {'kind': 'VF'}, ('failed-is-stuck',)),
                ('system', {'vans': 1, 'faults': 0}, ('cancel-forgotten',)),
                ('system', {'vans': 1, 'faults': 0}, ())):
            with self.subTest(name, defects=defects):
                model = build(name, settings, defects)
                engine, _ = explore(model)
                self.assertEqual(
                    set(liveness.check(liveness.Graph(engine))),
                    starved(Graph(model)))


class TestRefinement(unittest.TestCase):
    """Each step is one of the life cycle's, or none of them."""

    def abstract_steps(self):
        abstract = lifecycle.build()
        values = {}
        for state in walk(abstract).depth:
            values[state] = tuple(abstract.values(state).values())
        return abstract, {
            (values[state], values[after]) for state in values
            for _, after in successors(abstract, state) if state != after}

    def test_small_models(self):
        _, allowed = self.abstract_steps()
        for name in ('attach', 'release'):
            with self.subTest(name):
                self.assertLessEqual(self.images(name), allowed)

    def images(self, name):
        """The abstract steps that a model's steps map to, except for those
        that only say how a VAN is found.
        """
        model = build(name, {})
        graph = Graph(model)
        van = model.sets['van']
        mapped = [[MODULES[name].abstract(State(model, state, True), one)
                   for one in van] for state in graph.states]
        return {
            (mapped[number][one], mapped[after][one])
            for number, mine in enumerate(graph.edges)
            for step, after in mine.items() for one in van
            if not model.steps[step].action.name.startswith('appear')
            and mapped[number][one] != mapped[after][one]}

    def test_how_many_are_taken(self):
        for name, hit in (('attach', 9), ('program', 6), ('release', 13)):
            with self.subTest(name):
                model = build(name, {})
                engine, _ = explore(model)
                graph = liveness.Graph(engine)
                found = refinement.refine(
                    graph, lifecycle.build(), MODULES[name].abstract,
                    model.sets['van'], release.BEGINNINGS)
                self.assertIsNone(found.broken, found.between)
                self.assertEqual(hit, found.hit)
        # As it is found a VAN is nowhere that one step leads to.
        found = refinement.refine(graph, lifecycle.build(), release.abstract,
                                  model.sets['van'])
        self.assertEqual('appear', found.broken.steps[-1].action.name)

    def test_system(self):
        model = build('system', {})
        engine, _ = explore(model)
        found = refinement.refine(
            liveness.Graph(engine), lifecycle.build(), system.abstract,
            model.sets['van'])
        self.assertIsNone(found.broken)
        self.assertEqual(found.missing, [])
        self.assertEqual(found.hit, len(self.abstract_steps()[1]))


if __name__ == '__main__':
    unittest.main()
