"""What must come: the checker against the definition, by brute force."""

import collections
import itertools
import random
import unittest
import unittest.mock

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cyborg_models.kernel import liveness
from cyborg_models.kernel.engine import Engine, Trace
from cyborg_models.kernel.language import STRONG, WEAK, Model, run, when
from cyborg_models.kernel.liveness import Graph, Lasso, check
from cyborg_models.kernel.walk import successors, walk

from .models_for_tests import PROFILE, gate, walkabout
from .test_kernel_engine import faults_of

MEMORY = 16 << 20


def failing(model):
    """Property name -> Lasso."""
    engine = Engine(model, memory=MEMORY)
    explored = engine.explore()
    assert explored.complete
    return check(Graph(engine))


# --- the definition ---------------------------------------------------------

def combinations(prop):
    return itertools.product(*prop.sets.values())


def answer(model, prop, arguments, state):
    return run(model, prop.body, arguments, state, frozen=True).value


def connected(states, ways):
    """True if each of the states is reached from each, within them."""
    for start in states:
        seen, todo = {start}, [start]
        for state in todo:
            for _, after in ways[state]:
                if after in states and after not in seen:
                    seen.add(after)
                    todo.append(after)
        if seen != set(states):
            return False
    return True


def is_fair(model, states, taken, ways):
    """True if a run is fair whose states again and again are these, and
    whose steps again and again are those taken.
    """
    for step in model.steps:
        able = {state for state in states
                if any(each is step for each, _ in ways[state])}
        if step in taken or step.action.fair is None:
            continue
        if step.action.fair == WEAK and len(able) == len(states):
            return False
        if step.action.fair == STRONG and able:
            return False
    return True


def _circles(model, states, ways):
    """The sets of states that can be gone round fairly."""
    for size in range(1, len(states) + 1):
        for some in itertools.combinations(states, size):
            # One state can be stood still in; many need ways between them.
            some = frozenset(some)
            if connected(some, ways):
                taken = [step for state in some for step, after in ways[state]
                         if after in some]
                if is_fair(model, some, taken, ways):
                    yield some


def broken_by_definition(model):
    """Names of the ``eventually`` properties that a fair run breaks."""
    states = list(walk(model).depth)
    ways = {state: list(successors(model, state)) for state in states}
    circles = list(_circles(model, states, ways))
    return {prop.name for prop in model.properties.values()
            if prop.kind == 'eventually'
            for arguments in combinations(prop)
            if _breaks(model, prop, arguments, states, ways, circles)}


def shortest_stem(model, prop):
    """How many steps at least lead to a circle that breaks a property."""
    states = list(walk(model).depth)
    ways = {state: list(successors(model, state)) for state in states}
    circles = list(_circles(model, states, ways))
    best = None
    for arguments in combinations(prop):
        says = {state: answer(model, prop, arguments, state)
                for state in states}
        ends = {state for circle in circles for state in circle
                if not any(says[each][1] for each in circle)}

        def after(waits, state, says=says):
            called, come = says[state]
            return (waits or called) and not come, state
        level, seen, depth = {after(False, model.initial)}, set(), 0
        while level and (best is None or depth < best):
            if any(waits and state in ends for waits, state in level):
                best = depth
            seen |= level
            level = {after(waits, there) for waits, state in level
                     for _, there in ways[state]} - seen
            depth += 1
    return best


def _breaks(model, prop, arguments, states, ways, circles):
    says = {state: answer(model, prop, arguments, state)
            for state in states}
    waiting = [state for state in states if says[state] == (True, False)]
    seen = set(waiting)
    for state in waiting:
        for _, after in ways[state]:
            if after not in seen and not says[after][1]:
                seen.add(after)
                waiting.append(after)
    return any(circle <= seen and not any(says[state][1] for state in circle)
               for circle in circles)


# --- what is wrong with a lasso ---------------------------------------------

def lasso_faults(model, name, lasso):
    """What keeps a lasso from being a fair run that breaks a property."""
    found = [f'stem: {fault}' for fault in faults_of(
        model, lasso.stem, len(lasso.stem.steps))]
    loop = lasso.loop
    found += [f'loop: {fault}' for fault in faults_of(
        model, loop, len(loop.steps)) if 'beginning' not in fault]
    if loop.states[0] != lasso.stem.states[-1]:
        found.append('the loop does not begin where the stem ends')
    if loop.states[-1] != loop.states[0]:
        found.append('the loop does not close')
    ways = {state: list(successors(model, state)) for state in loop.states}
    if not is_fair(model, set(loop.states), loop.steps, ways):
        found.append('the loop is not fair')
    prop = model.properties[name]
    if not any(_waits(model, prop, arguments, lasso)
               for arguments in combinations(prop)):
        found.append('nothing is called for and does not come')
    return found


def _waits(model, prop, arguments, lasso):
    says = [answer(model, prop, arguments, state)
            for state in lasso.stem.states + lasso.loop.states[1:]]
    last = max((at for at, (_, come) in enumerate(says) if come),
               default=-1)
    return any(called for called, _ in says[last + 1:len(lasso.stem.states)])


# --- drawn models -----------------------------------------------------------

FAIR = st.sampled_from([None, WEAK, STRONG])


@st.composite
def graphs(draw):
    """One variable of up to 7 values, and steps that map them at random;
    some actions are two steps.
    """
    size = draw(st.integers(2, 7))
    chance = random.Random(draw(st.integers(0, 2 ** 32)))

    def ways(odds):
        return {state: chance.randrange(size) for state in range(size)
                if chance.random() < odds}

    def some(odds):
        return {state for state in range(size) if chance.random() < odds}
    single = [(draw(FAIR), ways(chance.choice([0.2, 0.5, 0.8])))
              for _ in range(draw(st.integers(1, 5)))]
    double = [(draw(FAIR), ways(0.3), ways(0.3))
              for _ in range(draw(st.integers(0, 2)))]
    calls = [(some(0.5), some(0.25))
             for _ in range(draw(st.integers(1, 2)))]
    pair = (some(0.5), some(0.3), some(0.3)) if draw(st.booleans()) else None
    return Drawn(size, single, double, calls, pair)


class Drawn(collections.namedtuple('Drawn', 'size single double calls pair')):
    """A random graph; ``build`` makes the model."""

    def build(self, ignore=None):
        """:param ignore: a fairness that is taken for none"""
        m = Model('tests.graph')
        two = m.set('two', 2)
        m.var('at', range(self.size), start=0)

        def fairness(fair):
            return None if fair == ignore else fair
        for number, (fair, ways) in enumerate(self.single):
            self._single(m, f'a{number}', fairness(fair), ways)
        for number, (fair, *ways) in enumerate(self.double):
            self._double(m, f'b{number}', fairness(fair), ways, two)
        for number, (called, come) in enumerate(self.calls):
            self._call(m, f'p{number}', called, come)
        if self.pair:
            self._pair(m, two)
        return m.ready()

    def _single(self, m, name, fair, ways):
        def act(s):
            """There is a way."""
            when(s.at in ways, 'X-001')
            s.at = ways[s.at]
        act.__name__ = name
        m.action('a -> a: on', fair=fair)(act)

    def _double(self, m, name, fair, ways, two):
        def act(s, i):
            """There is a way."""
            when(s.at in ways[i], 'X-001')
            s.at = ways[i][s.at]
        act.__name__ = name
        m.action('a -> {i}: on', fair=fair, i=two)(act)

    def _call(self, m, name, called, come):
        def comes(s):
            """It comes."""
            return s.at in called, s.at in come
        comes.__name__ = name
        m.eventually('X-002')(comes)

    def _pair(self, m, two):
        called, *come = self.pair

        @m.eventually('X-003', i=two)
        def both(s, i):
            """It comes to both."""
            return s.at in called, s.at in come[i]


def compare(case, model, judged=None):
    """The checker and the definition agree, and each lasso is one."""
    failed = failing(judged or model)
    case.assertEqual(set(failed), broken_by_definition(model))
    for name, lasso in failed.items():
        case.assertEqual(lasso_faults(model, name, lasso), [])
        # Of a property of several members, it is of the first that fails.
        prop = model.properties[name]
        if not prop.sets:
            case.assertEqual(len(lasso.stem.steps),
                             shortest_stem(model, prop))
    return failed


class AgainstTheDefinition(unittest.TestCase):
    seen = collections.Counter()

    @classmethod
    def tearDownClass(cls):
        if cls.seen:
            lacking = {'holds', 'broken', 'stands still', 'goes round',
                       'weak matters', 'strong matters',
                       'strong is not weak', 'several rounds'} - set(+cls.seen)
            assert not lacking, f'no drawn model has: {lacking}'

    @settings(PROFILE, max_examples=600)
    @given(graphs())
    def test_drawn_models(self, drawn):
        with unittest.mock.patch.object(
                liveness, '_fair_components',
                side_effect=liveness._fair_components) as judge:
            failed = compare(self, drawn.build())
        self.seen['several rounds'] += (
            judge.call_count > len(drawn.calls) + 2 * bool(drawn.pair))
        self.seen['holds'] += len(failed) < len(drawn.calls)
        for lasso in failed.values():
            self.seen['broken'] += 1
            self.seen['goes round' if len(lasso.loop.steps) > 1
                      else 'stands still'] += 1
        for ignore in (WEAK, STRONG):
            if broken_by_definition(drawn.build(ignore)) != set(failed):
                self.seen[f'{ignore} matters'] += 1
                if ignore is STRONG:
                    self._weaker(drawn, failed)

    def _weaker(self, drawn, failed):
        weaker = drawn._replace(
            single=[(fair and WEAK, ways) for fair, ways in drawn.single],
            double=[(fair and WEAK, *ways) for fair, *ways in drawn.double])
        if broken_by_definition(weaker.build()) != set(failed):
            self.seen['strong is not weak'] += 1

    def test_gate(self):
        compare(self, gate())
        self.assertEqual(failing(gate(3)), {})


class TextBook(unittest.TestCase):
    """Cases whose answers are known."""

    def judge(self, start, edges, wanted, **options):
        """The steps of the stem and of the loop, or None if it holds."""
        model = walkabout(start, edges, wanted, **options)
        failed = compare(self, model)
        if not failed:
            return None
        lasso, = failed.values()
        return tuple(' '.join(step.name for step in trace.steps)
                     for trace in (lasso.stem, lasso.loop))

    def test_stuttering(self):
        edges = {'on': [(0, 1)]}
        self.assertEqual(self.judge(0, edges, [1]), ('', ''))
        for fair in (WEAK, STRONG):
            self.assertIsNone(self.judge(0, edges, [1], fair={'on': fair}))

    def test_a_busy_neighbour_is_no_excuse(self):
        # What another does for ever does not keep a fair step from coming.
        edges = {'on': [(0, 1)], 'hum': [(0, 0)]}
        self.assertIsNone(self.judge(0, edges, [1], fair={'on': WEAK}))
        self.assertEqual(self.judge(0, edges, [1], fair={'hum': STRONG}),
                         ('', 'hum'))

    def test_weak_and_strong(self):
        # Ready only now and then: weak fairness does not get there.
        edges = {'rest': [(0, 1)], 'wake': [(1, 0)], 'on': [(0, 2)]}
        both = {'rest': WEAK, 'wake': WEAK}
        self.assertEqual(
            self.judge(0, edges, [2], fair={**both, 'on': WEAK}),
            ('', 'rest wake'))
        self.assertIsNone(
            self.judge(0, edges, [2], fair={**both, 'on': STRONG}))

    def test_strong_may_be_avoided_for_good(self):
        # 'on' is possible only in 2, and nobody has to go to 2.
        edges = {'a': [(0, 1)], 'b': [(1, 0)], 'c': [(1, 2)],
                 'd': [(2, 0)], 'on': [(2, 3)]}
        fair = {'a': STRONG, 'b': STRONG, 'on': STRONG}
        self.assertEqual(self.judge(0, edges, [3], fair=fair), ('', 'a b'))
        self.assertIsNone(
            self.judge(0, edges, [3], fair={**fair, 'c': STRONG}))

    def test_two_rounds_of_taking_out(self):
        # Without 3 (where 'on' is possible), 2 must be left out as well
        # (where 'c' is); what is left may go round.
        edges = {'a': [(0, 1)], 'b': [(1, 0)], 'into': [(1, 2)],
                 'back': [(2, 1), (3, 0)], 'c': [(2, 3)], 'on': [(3, 4)]}
        fair = {'c': STRONG, 'on': STRONG, 'a': WEAK, 'b': WEAK}
        self.assertEqual(self.judge(0, edges, [4], fair=fair), ('', 'a b'))
        fair['into'] = STRONG
        self.assertIsNone(self.judge(0, edges, [4], fair=fair))

    def test_a_deadlock_stands_still(self):
        edges = {'on': [(0, 1)], 'off': [(0, 2)]}
        fair = {'on': STRONG, 'off': STRONG}
        self.assertEqual(self.judge(0, edges, [1], fair=fair), ('off', ''))
        self.assertIsNone(self.judge(0, edges, [1, 2], fair=fair))

    def test_called_for_later(self):
        edges = {'on': [(0, 1), (1, 2), (2, 3)], 'off': [(2, 4)]}
        fair = {'on': STRONG, 'off': STRONG}
        # 1 comes, but before 2 calls for it.
        self.assertEqual(
            self.judge(0, edges, [1], fair=fair, called=[2])[1], '')
        # 3 need not come, since 4 may.
        self.assertEqual(self.judge(0, edges, [3], fair=fair, called=[1]),
                         ('on on off', ''))
        # What comes as it is called for has come.
        self.assertIsNone(self.judge(0, edges, [2], fair=fair, called=[2]))
        # Nothing calls, nothing need come.
        self.assertIsNone(self.judge(0, edges, [5], called=[6]))

    def test_calls_again_after_it_came(self):
        edges = {'on': [(0, 1), (1, 2)], 'halt': [(2, 3)]}
        fair = {'on': WEAK, 'halt': WEAK}
        self.assertIsNone(
            self.judge(0, edges, [1], fair=fair, called=[0]))
        self.assertEqual(
            self.judge(0, edges, [1], fair=fair, called=[0, 2]),
            ('on on halt', ''))

    def test_the_nearest_caller_is_not_the_one(self):
        # 1 calls and is served; 3, farther off, calls and is not.
        edges = {'a': [(0, 1), (1, 2)], 'b': [(0, 4), (4, 5), (5, 3)],
                 'hum': [(3, 3)]}
        fair = dict.fromkeys(edges, WEAK)
        self.assertEqual(
            self.judge(0, edges, [2], fair=fair, called=[1, 3]),
            ('b b b', 'hum'))

    def test_two_components(self):
        # Round 0 1 nobody may stay; round 2 3 one may.
        edges = {'a': [(0, 1), (2, 3)], 'b': [(1, 0), (3, 2)],
                 'on': [(0, 2), (1, 2)], 'up': [(2, 4)]}
        fair = {'a': WEAK, 'b': WEAK, 'on': WEAK}
        self.assertEqual(self.judge(0, edges, [4], fair=fair),
                         ('on', 'a b'))
        self.assertIsNone(self.judge(0, edges, [3, 4], fair=fair))
        self.assertIsNone(
            self.judge(0, edges, [4], fair={**fair, 'up': STRONG}))

    def test_one_of_two_starves(self):
        def model(fair):
            m = Model('tests.two')
            two = m.set('two', 2)
            m.var('served', (None, 0, 1), start=None)

            @m.action('server -> {i}: serve', fair=fair, i=two)
            def serve(s, i):
                """Nobody is served."""
                when(s.served is None, 'X-001')
                s.served = i

            @m.action('{i} -> server: thanks', fair=WEAK, i=two)
            def thanks(s, i):
                """It is served."""
                when(s.served == i, 'X-002')
                s.served = None

            @m.eventually('X-003', i=two)
            def fairly(s, i):
                """Each is served."""
                return True, s.served == i
            return m.ready()
        self.assertEqual(set(compare(self, model(WEAK))), {'fairly'})
        self.assertEqual(compare(self, model(STRONG)), {})

    def test_fairness_is_of_each_step(self):
        # The two steps of an action do not stand in for each other.
        drawn = Drawn(2, [], [(STRONG, {0: 0}, {0: 1})],
                      [({0}, {1})], None)
        self.assertEqual(compare(self, drawn.build()), {})
        drawn = Drawn(2, [], [(None, {0: 0}, {0: 1})], [({0}, {1})], None)
        self.assertEqual(set(compare(self, drawn.build())), {'p0'})

    def test_many_states(self):
        # A ring of 300, with one strongly fair way out.
        ring = [(n, (n + 1) % 300) for n in range(300)]
        edges = {'on': ring, 'out': [(77, 300)]}
        for fair, there in ((WEAK, True), (STRONG, False)):
            model = walkabout(0, edges, [300], fair={'on': WEAK,
                                                     'out': fair})
            failed = failing(model)
            self.assertEqual(bool(failed), there)
            for name, lasso in failed.items():
                self.assertEqual(lasso_faults(model, name, lasso), [])
                self.assertEqual(len(lasso.loop.steps), 300)


class TheComparisonBites(unittest.TestCase):
    """Each planted bug is noticed."""

    def noticed(self, ignore=None, **patches):
        @settings(PROFILE, max_examples=300, phases=[Phase.generate],
                  report_multiple_bugs=False)
        @given(graphs())
        def drawn(graph):
            compare(self, graph.build(),
                    graph.build(ignore) if ignore else None)
        with unittest.mock.patch.multiple(liveness, **patches) if (
                patches) else unittest.mock.patch.dict({}):
            # It disagrees, or stumbles over what cannot be.
            with self.assertRaises((AssertionError, TypeError)):
                drawn()

    def test_weak_fairness_ignored(self):
        self.noticed(ignore=WEAK)

    def test_strong_fairness_ignored(self):
        self.noticed(ignore=STRONG)

    def test_strong_fairness_taken_for_weak(self):
        right = liveness._fair_components

        def judge(*arguments):
            with unittest.mock.patch.object(liveness, 'WEAK', STRONG):
                return right(*arguments)
        self.noticed(_fair_components=judge)

    def test_given_up_after_the_first_round(self):
        right = liveness._fair_components

        def judge(graph, allowed, *arguments):
            found = right(graph, allowed, *arguments)
            allowed &= found.any()
            return found
        self.noticed(_fair_components=judge)

    def test_nothing_lasts_but_cycles(self):
        right = liveness.compiled.lasting

        def lasting(begin, to, label, component, sizes, number, answer):
            right(begin, to, label, component, sizes, number, answer)
            answer &= sizes[component] > 1
        with unittest.mock.patch.object(liveness.compiled, 'lasting',
                                        lasting):
            self.noticed()

    def test_a_stem_that_is_no_shortest_one(self):
        right = liveness.compiled.first_of

        def first_of(begin, to, depth, starts, *rest):
            return right(begin, to, depth, starts[-1:], *rest)
        with unittest.mock.patch.object(liveness.compiled, 'first_of',
                                        first_of):
            self.noticed()

    def test_standing_still_forbidden(self):
        right = liveness._find

        def find(*arguments, **options):
            lasso = right(*arguments, **options)
            return lasso if lasso and lasso.loop.steps else None
        self.noticed(_find=find)

    def test_the_call_forgotten(self):
        right = liveness._find

        def find(graph, called, come):
            return right(graph, called | True, come)
        self.noticed(_find=find)

    def test_a_loop_that_does_not_close(self):
        right = liveness._loop

        def loop(*arguments):
            numbers, labels = right(*arguments)
            return (numbers[:-1], labels[:-1]) if labels else (
                numbers, labels)
        self.noticed(_loop=loop)

    def test_an_unfair_loop(self):
        def loop(graph, start, inside):
            return [start], []
        self.noticed(_loop=loop)

    def test_a_stem_cut_short(self):
        right = liveness._find

        def find(*arguments, **options):
            lasso = right(*arguments, **options)
            return lasso and Lasso(
                Trace(lasso.stem.states[1:], lasso.stem.steps[1:])
                if lasso.stem.steps else lasso.stem, lasso.loop)
        self.noticed(_find=find)
