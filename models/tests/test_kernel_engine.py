"""The engine and its tables against the plain walk."""

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cyborg_models.kernel import engine as engines
from cyborg_models.kernel import memo, tables
from cyborg_models.kernel.engine import Engine, Trace
from cyborg_models.kernel.language import Guard, Model, run, successor, when
from cyborg_models.kernel.walk import may_end, successors, walk

from .models_for_tests import PROFILE, digits, gate, recipes, walkabout

MEMORY = 64 << 20


def explore(model, **options):
    engine = Engine(model, **{'memory': MEMORY, **options})
    return engine, engine.explore()


# --- what is wrong with a trace, with an exploration, with tables -----------

def faults_of(model, trace, depth):
    """What keeps a trace from being a run of so many steps."""
    if len(trace.states) != len(trace.steps) + 1:
        return ['states and steps do not alternate']
    found = []
    if len(trace.steps) != depth:
        found.append(f'{len(trace.steps)} steps, and not {depth}')
    if trace.states[0] != model.initial:
        found.append('it does not begin at the beginning')
    for before, step, after in zip(trace.states, trace.steps,
                                   trace.states[1:], strict=False):
        outcome = run(model, step.action.body, step.arguments, before)
        if isinstance(outcome.value, Guard):
            found.append(f'{step.name} is refused by {outcome.value}')
        elif successor(before, outcome.value) != after:
            found.append(f'{step.name} leads elsewhere')
    return found


def shows(model, name, state):
    """True if a property is broken, or seen, in a state."""
    prop = model.properties[name]
    answers = [run(model, prop.body, arguments, state, frozen=True).value
               for arguments in itertools.product(*prop.sets.values())]
    return any(answers) if prop.kind == 'sometimes' else not all(answers)


def is_stuck(model, state):
    return not may_end(model, state) and all(
        step.action.fault for step, _ in successors(model, state))


def differences(model, engine, explored):
    """Where an exploration and the plain walk disagree."""
    walked, found = walk(model), []

    def same(what, mine, reference):
        if mine != reference:
            found.append(f'{what}: {mine}, and not {reference}')
    same('complete', explored.complete, True)
    same('states', explored.states, len(walked.depth))
    same('transitions', explored.transitions, walked.transitions)
    same('depth', explored.depth, max(walked.depth.values()))
    for what, mine, reference in (
            ('violated', explored.violations, walked.violations),
            ('witnessed', explored.witnessed, walked.witnessed)):
        same(what, set(mine), set(reference))
        for name in set(mine) & set(reference):
            found += [f'{what} {name}: {fault}' for fault in faults_of(
                model, mine[name], reference[name][0])]
            if not shows(model, name, mine[name].states[-1]):
                found.append(f'{what} {name}: the last state does not show')
    same('stuck', explored.stuck is None, walked.stuck is None)
    if explored.stuck and walked.stuck:
        found += [f'stuck: {fault}' for fault in faults_of(
            model, explored.stuck, walked.stuck[0])]
        if not is_stuck(model, explored.stuck.states[-1]):
            found.append('stuck: the last state is not')
    return found + table_differences(model, engine.tables, walked.depth)


def table_differences(model, made, states):
    """Where tables and the Python disagree, of all steps in all states."""
    found = []
    for state in states:
        row = made.packing.pack(state)
        if made.packing.unpack(row) != state:
            found.append(f'{state} is packed wrongly')
        for tree, step in enumerate(model.steps):
            leaf, entry = made.look_up(tree, state)
            value = run(model, step.action.body, step.arguments,
                        state).value
            if leaf == tables.UNKNOWN:
                found.append(f'{step.name} is unknown in {state}')
            elif isinstance(value, Guard):
                if (leaf, made.guards.get(entry)) != (
                        tables.REFUSED, value):
                    found.append(f'{step.name} is not refused in {state}')
            elif leaf == tables.REFUSED:
                found.append(f'{step.name} is refused in {state}')
            else:
                after = (row & made.keep[-leaf - 1]) | made.set[-leaf - 1]
                if made.packing.unpack(after) != successor(state, value):
                    found.append(f'{step.name} leads elsewhere in {state}')
    return found


def compare(case, model):
    engine, explored = explore(model)
    case.assertEqual(differences(model, engine, explored), [])
    return engine, explored


class AgainstTheWalk(unittest.TestCase):

    def test_drawn_models(self):
        seen = set()

        @settings(PROFILE, max_examples=200)
        @given(recipes())
        def agree(recipe):
            engine, explored = compare(self, recipe.build())
            seen.update(name for name, there in (
                ('violated', explored.violations),
                ('witnessed', explored.witnessed),
                ('stuck', explored.stuck),
                ('many states', explored.states > 50),
                ('several words', engine.tables.packing.words > 2),
                ('deep', explored.depth > 5)) if there)
        agree()
        # The drawn models are worth it: they do all that there is.
        self.assertEqual({'violated', 'witnessed', 'stuck', 'many states',
                          'several words', 'deep'}, seen)

    def test_in_groups(self):
        grouped = 0

        @settings(PROFILE, max_examples=100)
        @given(recipes())
        def agree(recipe):
            nonlocal grouped
            # Groups are formed again and again, with hardly any room.
            with contextlib.ExitStack() as stack:
                for owner, name, value in (
                        (engines, 'FIRST_GROUPS', 2),
                        (engines, 'MORE_GROUPS', 2), (engines, 'SAMPLE', 16),
                        (memo, 'ROOM', 0), (memo, 'MOST_SLOTS', 16),
                        (memo, 'RECORDS', 256), (memo, 'PATHS', 2),
                        (tables, 'MAX_ENTRIES', 1 << 26),
                        (tables, 'MAX_NODES', 1 << 26),
                        (engines, 'ALONE', 1)):
                    stack.enter_context(
                        unittest.mock.patch.object(owner, name, value))
                engine, _ = compare(self, recipe.build())
            trees = engine.memo.arrays[3]
            self.assertEqual(sorted(trees), list(range(len(trees))))
            words = engine.tables.packing.words
            grouped += engine.memo.arrays[0][:, :words].any()
        agree()
        self.assertGreater(grouped, 0)

    def test_by_hand(self):
        for model in (gate(), gate(3), gate(3, locked=False), digits(3),
                      digits(3, padding=5), digits(4, padding=3)):
            with self.subTest(model.name):
                compare(self, model)

    def test_gate_is_as_it_should_be(self):
        _, closed = explore(gate())
        self.assertEqual((closed.states, closed.violations, closed.stuck),
                         (8, {}, None))
        self.assertEqual(len(closed.witnessed['queue'].steps), 2)
        _, opened = explore(gate(locked=False))
        self.assertEqual(
            [step.action.name for step in opened.violations['alone'].steps],
            ['ask', 'ask', 'enter', 'enter'])

    def test_deadlocks(self):
        def model(fault, final):
            m = Model('tests.dead')
            m.var('n', range(4), start=0)

            @m.action('a -> a: on')
            def on(s):
                """Before two."""
                when(s.n < 2, 'X-001')
                s.n = s.n + 1

            @m.action('a -> a: round', fault=fault)
            def again(s):
                """At two."""
                when(s.n == 2, 'X-002')
                s.n = 3
            if final:
                m.may_end(lambda s: s.n == final)
            m.always('X-003')(_true)
            return m.ready()
        for fault, final, depth in (
                (False, None, 3), (True, None, 2), (False, 3, None),
                (True, 3, 2), (True, 2, 3), (False, 2, 3)):
            with self.subTest(fault=fault, final=final):
                _, explored = compare(self, model(fault, final))
                self.assertEqual(
                    explored.stuck and len(explored.stuck.steps), depth)

    def test_one_state(self):
        m = Model('tests.one')
        m.var('n', range(1), start=0)

        @m.action('a -> a: stay')
        def stay(s):
            """Always."""
        m.always('X-001')(_true)
        _, explored = compare(self, m.ready())
        self.assertEqual((explored.states, explored.transitions,
                          explored.depth), (1, 1, 0))

    def test_violated_at_once(self):
        m = gate()

        @m.always('GATE-008')
        def never(s):
            """It never holds."""
            return s is None
        _, explored = compare(self, m)
        self.assertEqual(explored.violations['never'],
                         Trace([m.initial], []))

    def test_big_quantity(self):
        # A family of more values than a word has bits.
        m = Model('tests.big')
        each = m.set('member', 2)
        m.var('x', range(70), start=0, each=each)

        @m.action('a -> {i}: on', i=each)
        def on(s, i):
            """Below 69, and unless the other is at 65 or 66."""
            when(s.x[i] < 69, 'X-001')
            when(not s.x.any(65, 66) or s.x.find(65) == i, 'X-002')
            s.x[i] = s.x[i] + 1
        m.sometimes('X-003')(_true)
        compare(self, m.ready())


def _true(s):
    """Always."""
    return s is not None


class Words(unittest.TestCase):
    """States wider than a machine word."""

    @PROFILE
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=20),
           st.randoms(use_true_random=False))
    def test_packing(self, widths, chance):
        m = Model('tests.wide')
        for number, width in enumerate(widths):
            m.var(f'x{number}', (0,), start=0)
            # The number of values, without listing them.
            m.variables[f'x{number}'].__dict__['domain'] = range(
                (1 << width) - (chance.random() < 0.3 and width > 1))
        packing = tables.Packing(m)
        taken = set()
        for word, shift, mask, width in zip(
                packing.word, packing.shift, packing.mask, widths,
                strict=True):
            self.assertEqual(mask.bit_length(), width)
            self.assertLessEqual(shift + width, 64)
            self.assertLess(word, packing.words)
            bits = {(word, bit) for bit in range(shift, shift + width)}
            self.assertFalse(bits & taken)
            taken |= bits
        for _ in range(5):
            codes = tuple(chance.randrange(mask + 1)
                          for mask in packing.mask)
            row = packing.pack(codes)
            self.assertEqual(row.shape, (packing.words,))
            self.assertEqual(packing.unpack(row), codes)

    def test_how_many(self):
        for places, padding, words in ((3, 0, 1), (2, 4, 2), (3, 4, 3),
                                       (4, 4, 4)):
            engine, explored = compare(self, digits(places, padding))
            self.assertEqual(engine.tables.packing.words, words)
            self.assertEqual(explored.states, 10 ** places)

    def test_full_words(self):
        # Fields that end exactly where a word ends, and one that would not.
        m = Model('tests.full')
        sixteen = m.set('sixteen', 16)
        m.var('low', range(16), start=15, each=sixteen)
        m.var('mid', range(8), start=7, each=sixteen)
        m.var('top', range(1 << 14), start=(1 << 14) - 1)
        m.var('over', range(1 << 5), start=31)

        @m.action('a -> {i}: fall', i=sixteen)
        def fall(s, i):
            """One at a time, in a row."""
            when(i == 0 or s.low[i - 1] == 0, 'X-001')
            s.low[i] = 0
            s.mid[i] = 0

        @m.action('a -> a: last')
        def last(s):
            """After all."""
            when(s.mid.all(0), 'X-002')
            s.top = s.top - 1 if s.over else s.top
            s.over = 0
        m.may_end(lambda s: s.over == 0)
        m.sometimes('X-003')(_true)
        engine, explored = compare(self, m.ready())
        self.assertEqual(engine.tables.packing.words, 3)
        self.assertEqual(explored.states, 18)


class Large(unittest.TestCase):
    def test_hundred_thousand_states(self):
        for padding, words in ((0, 1), (2, 3)):
            model = digits(5, padding)
            engine, explored = explore(model)
            self.assertEqual(engine.tables.packing.words, words)
            self.assertEqual(
                (explored.complete, explored.states, explored.transitions,
                 explored.depth, explored.stuck),
                (True, 10 ** 5, 9 * 10 ** 5, 45, None))
            for found, depth in ((explored.violations['not_all_nine'], 45),
                                 (explored.witnessed['threes'], 15)):
                self.assertEqual(faults_of(model, found, depth), [])

    def test_a_long_way(self):
        ends = [(n, n + 1) for n in range(500)]
        model = walkabout(0, {'on': ends}, wanted=[500])
        _, explored = explore(model)
        self.assertEqual((explored.states, explored.depth), (501, 500))
        self.assertEqual(faults_of(model, explored.stuck, 500), [])


class Enough(unittest.TestCase):
    """A violation may be enough."""

    def model(self):
        m = Model('tests.enough')
        m.var('x', range(9), start=0)

        @m.action('a -> b: {by} more', by=m.set('by', 2))
        def add(s, by):
            """It goes on, by one or two, up to 8."""
            when(s.x + by < 8, 'T-1')
            s.x += by + 1

        @m.always('T-2')
        def low(s):
            """It does not reach 2."""
            return s.x < 2

        @m.always('T-2')
        def odd(s):
            """It is never 3."""
            return s.x != 3

        @m.always('T-2')
        def high(s):
            """It does not reach 5."""
            return s.x < 5
        m.may_end(always)
        return m.ready()

    def explore(self, *enough):
        engine = Engine(self.model(), MEMORY)
        return engine.explore(enough)

    def test_the_depth_of_the_first_is_finished(self):
        whole = self.explore()
        self.assertEqual((True, {'low': 1, 'odd': 2, 'high': 3}, 4), (
            whole.complete, depths(whole), whole.depth))
        for enough, found in (
                (('low',), {'low': 1}), (('odd',), {'low': 1, 'odd': 2}),
                (('high', 'odd'), {'low': 1, 'odd': 2})):
            with self.subTest(enough):
                some = self.explore(*enough)
                self.assertEqual((found, max(found.values()), False),
                                 (depths(some), some.depth, some.complete))
                self.assertEqual('a violation was enough', some.reason)
                self.assertLess(some.transitions, whole.transitions)

    def test_what_does_not_fail_is_never_enough(self):
        self.assertTrue(self.explore('no_such').complete)


def always(s):
    return True


def depths(found):
    """Name of each broken property -> after how many steps."""
    return {name: len(trace.steps)
            for name, trace in found.violations.items()}


class Warm(unittest.TestCase):
    """What another process compiles is what this one would have to."""

    LATE = frozenset({'insert', 'rehash', 'paths', 'weigh', 'predecessor',
                      'judge', 'components', 'lasting', 'look_up'})

    def run_python(self, cache, *arguments):
        ran = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True,
            env={**os.environ, 'NUMBA_CACHE_DIR': cache}, timeout=300)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.split()

    def test_it_need_not_be_compiled_again(self):
        used = """
from cyborg_models.kernel import _compiled as compiled, liveness, warm
from cyborg_models.kernel.engine import Engine
from models.tests.models_for_tests import digits, gate
for model in (digits(4), gate()):
    engine = Engine(model)
    assert warm.start(engine) is None
    engine.explore()
liveness.check(liveness.Graph(engine))
for name, one in vars(compiled).items():
    if getattr(one, 'stats', None) and one.stats.cache_hits:
        print(name)
"""
        with tempfile.TemporaryDirectory() as cache:
            self.run_python(cache, '-m', 'cyborg_models.kernel.warm', '1')
            self.assertLessEqual(self.LATE, {
                *self.run_python(cache, '-c', used)})

    def test_another_process_compiles_where_nothing_is(self):
        begun = """
import sys
from cyborg_models.kernel import warm
from cyborg_models.kernel.engine import Engine
from models.tests.models_for_tests import digits
helper = warm.start(Engine(digits(2)))
if helper is not None:
    helper.terminate()
    helper.wait()
print(helper is not None, warm.start(Engine(digits(2))))
"""
        several = len(os.sched_getaffinity(0)) > 1
        with tempfile.TemporaryDirectory() as cache:
            self.assertEqual(self.run_python(cache, '-c', begun),
                             [str(several), 'None'])
            self.assertEqual(self.run_python(cache, '-c', begun),
                             ['False', 'None'])


class Limits(unittest.TestCase):
    def test_tables_that_explode(self):
        for name, most, what in (('MAX_ENTRIES', 100, 'entries'),
                                 ('MAX_NODES', 5, 'nodes')):
            with unittest.mock.patch.object(tables, name, most):
                with self.assertRaisesRegex(
                        tables.ModelError, r'^[^:]+\.py:\d+: with \w+ the '
                        f'tables of tests.digits exceed {most} {what}; let it '
                        'read fewer'):
                    explore(digits(3))

    def test_more_records_than_are_of_use(self):
        engine = Engine(digits(5), memory=MEMORY)
        with unittest.mock.patch.object(memo, 'MOST_SLOTS', 1 << 10):
            engine.explore()
        self.assertEqual(int(engine.high.sum()), 10 ** 5)

    def test_memory(self):
        # Apart, since what it guards against kills the interpreter.
        for places, padding in ((6, 0), (6, 2)):
            with self.subTest(padding=padding):
                self.memory(places, padding)

    def memory(self, places, padding):
        script = (
            'from models.tests.models_for_tests import digits\n'
            'from cyborg_models.kernel.engine import Engine\n'
            f'model = digits({places}, {padding})\n'
            'found = Engine(model, memory=1 << 18).explore()\n'
            'print(found.complete, found.states)\n'
            'print(found.depth >= 0, len(found.witnessed["threes"].steps))\n'
            'print(found.reason)\n')
        root = Path(__file__).parents[2]
        ended = subprocess.run(
            [sys.executable, '-c', script], capture_output=True, text=True,
            timeout=120, cwd=root, check=False, env={
                **os.environ,
                'PYTHONPATH': f'{root}{os.pathsep}{root / "models"}'})
        self.assertEqual((ended.returncode, ended.stderr), (0, ''))
        first, second, reason = ended.stdout.splitlines()
        complete, states = first.split()
        self.assertEqual(complete, 'False')
        # Not all, and no more than some multiple of the limit holds.
        self.assertLess(int(states), 10 ** places)
        self.assertEqual(second, 'True 18')
        self.assertRegex(reason, 'limit .* is reached; allow more, or make')

    def test_enough_memory_is_enough(self):
        _, explored = explore(digits(4), memory=16 << 20)
        self.assertTrue(explored.complete)
        self.assertEqual(explored.reason, '')

    def test_progress_and_interrupt(self):
        told = []

        def progress(states, transitions, depth, seconds):
            told.append((states, transitions, depth, seconds))
        _, explored = explore(digits(6), progress=progress)
        self.assertTrue(told)
        self.assertEqual(sorted(told), told)
        self.assertLessEqual(told[-1][0], explored.states)
        self.assertLessEqual(told[-1][2], explored.depth)

        def stop(*_):
            raise KeyboardInterrupt
        _, explored = explore(digits(6), progress=stop)
        self.assertEqual((explored.complete, explored.reason),
                         (False, 'interrupted'))
        self.assertLess(explored.states, 10 ** 6)
        self.assertGreaterEqual(explored.depth, 0)

    def test_interrupted_while_it_learns(self):
        m, calls = gate(3), []

        @m.sometimes('X-002')
        def never(s):
            """It is never seen."""
            calls.append(tuple(s.stage))
            if len(set(calls)) > 3:
                raise KeyboardInterrupt
            return False
        _, explored = explore(m)
        self.assertEqual((explored.complete, explored.reason),
                         (False, 'interrupted'))
        self.assertGreaterEqual(explored.depth, 0)


class TheComparisonBites(unittest.TestCase):
    """Each planted bug is noticed."""

    def noticed(self, *patches):
        """One of the drawn models or of those by hand shows a difference."""
        @settings(PROFILE, max_examples=250, phases=[Phase.generate],
                  report_multiple_bugs=False)
        @given(recipes())
        def drawn(recipe):
            compare(self, recipe.build())
        with contextlib.ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch)
            with self.assertRaises(AssertionError):
                drawn()

    def patch(self, owner, name, wrong):
        return unittest.mock.patch.object(owner, name, wrong)

    def test_a_dropped_successor(self):
        right = tables.Tables._leaf

        def leaf(made, *arguments):
            found = right(made, *arguments)
            return tables.REFUSED if found == -4 else found
        self.noticed(self.patch(tables.Tables, '_leaf', leaf))

    def test_a_wrong_effect(self):
        right = tables.Tables._add_effect

        def add(made, writes):
            return right(made, writes[:1])
        self.noticed(self.patch(tables.Tables, '_add_effect', add))

    def test_a_tree_in_no_group(self):
        def groups(grouping):
            return [(mask, trees[1:], records)
                    for mask, trees, records in right(grouping)]
        right = memo._Grouping.groups
        self.noticed(self.patch(engines, 'FIRST_GROUPS', 2),
                     self.patch(memo._Grouping, 'groups', groups))

    def test_two_states_taken_for_one(self):
        right = tables.Packing.__init__

        def init(packing, *arguments):
            right(packing, *arguments)
            packing.word[-1] = packing.word[0]
            packing.shift[-1] = packing.shift[0]
        self.noticed(self.patch(tables.Packing, '__init__', init))

    def test_one_state_taken_for_two(self):
        right = tables.Tables._add_effect

        def add(made, writes):
            effect = right(made, writes)
            made.set[effect, -1] |= 1 << 63
            return effect
        self.noticed(self.patch(tables.Tables, '_add_effect', add))

    def test_properties_that_always_hold(self):
        right = tables.Tables._leaf

        def leaf(made, value, frozen, *rest):
            return right(made, True if frozen else value, frozen, *rest)
        self.noticed(self.patch(tables.Tables, '_leaf', leaf))

    def test_may_end_forgotten(self):
        right = tables.Tables.__init__

        def init(made, *arguments):
            right(made, *arguments)
            made.final_tree = -1
        self.noticed(self.patch(tables.Tables, '__init__', init))

    def test_a_trace_with_a_detour(self):
        right = Engine.trace

        def trace(engine, *where):
            found = right(engine, *where)
            return Trace(found.states[:1] + found.states,
                         engine.model.steps[:1] + tuple(found.steps))
        self.noticed(self.patch(Engine, 'trace', trace))

    def test_a_trace_of_the_wrong_step(self):
        right = Engine.trace

        def trace(engine, *where):
            found = right(engine, *where)
            return Trace(found.states, [engine.model.steps[0]
                                        for _ in found.steps])
        self.noticed(self.patch(Engine, 'trace', trace))

    def test_a_trace_to_another_state(self):
        right = Engine.trace

        def trace(engine, *where):
            found = right(engine, *where)
            if not found.steps:
                return found
            state = found.states[-2]
            for step, after in successors(engine.model, state):
                if after != found.states[-1]:
                    return Trace([*found.states[:-1], after],
                                 [*found.steps[:-1], step])
            return found
        self.noticed(self.patch(Engine, 'trace', trace))
