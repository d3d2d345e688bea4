"""Symmetry reduction, held against the walk over all states."""

import enum
import itertools
import random
import unittest
import unittest.mock

from hypothesis import given, settings
from hypothesis import strategies as st

from cyborg_models import check
from cyborg_models.kernel import symmetry
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import WEAK, Model, ModelError, when
from cyborg_models.kernel.tables import Packing
from cyborg_models.kernel.walk import walk
from cyborg_models.stein import attach

from .models_for_tests import PROFILE
from .test_kernel_engine import MEMORY, faults_of, shows


class Colour(enum.Enum):
    """What a member may be."""

    RED = 'red'
    GREEN = 'green'
    BLUE = 'blue'


def drawn(seed, padding):
    """A model with three guests, two keys for each of them and two rooms,
    whose actions are put together at random.
    """
    chance = random.Random(seed)
    m = Model('tests.house')
    guest = m.set('guest', 3)
    key = m.set('key', 6)
    room = m.set('room', 2)
    m.symmetric(guest, key)
    m.symmetric(room)
    for index in range(padding):
        m.var(f'filler{index}', range(8192), start=4097)
    m.var('colour', Colour, start=Colour.RED, each=guest)
    m.var('held', bool, start=False, each=key)
    m.var('wants', (None, room), start=None, each=guest)
    m.var('host', (None, guest), start=None, each=room)
    m.var('last', (None, key), start=None)
    m.var('left', range(4), start=3)

    def colour():
        return chance.choice(list(Colour))

    for number in range(chance.randrange(2, 5)):
        _add_action(m, chance, f'act{number}', guest, key, room, colour)
    shown = [colour() for _ in range(3)]

    @m.always('X-001', g=guest)
    def not_this(s, g):
        """No guest of a colour has a room."""
        return s.colour[g] is not shown[0] or not s.host.any(g)

    @m.sometimes('X-002')
    def that(s):
        """All guests have one colour, and a key is held."""
        return s.colour.all(shown[1]) and s.held.any(True)

    @m.sometimes('X-002', k=key)
    def theirs(s, k):
        """A key is the last, and held."""
        return s.last == k and s.held[k]
    if chance.random() < 0.7:
        m.may_end(lambda s: s.left == 0 or s.colour.all(shown[2]))
    return m.ready()


def _add_action(m, chance, name, guest, key, room, colour):
    """An action made of guards and effects that know no member."""
    was, become, counted = colour(), colour(), colour()
    guards, effects = ([number for number in range(4)
                        if chance.random() < 0.5] for _ in range(2))

    def act(s, g, k, r):
        """Its guards hold."""
        when(s.left > 0, 'X-003')
        when(k // 2 == g, 'X-003')
        if 0 in guards:
            when(s.colour[g] is was, 'X-003')
        if 1 in guards:
            when(s.colour.count(counted) < 2, 'X-003')
        if 2 in guards:
            when(s.host[r] is None, 'X-003')
        if 3 in guards:
            when(s.wants[g] in (None, r), 'X-003')
        s.left -= 1
        s.colour[g] = become
        if 0 in effects:
            s.held[k] = not s.held[k]
        if 1 in effects:
            s.wants[g] = r
        if 2 in effects:
            s.host[r] = g
        if 3 in effects:
            s.last = k
    act.__name__ = name
    m.action('a -> b: act', g=guest, k=key, r=room)(act)


def classes(model, states):
    """How many different states there are, by the plain permutations."""
    plain, left, count = symmetry.Symmetry(model, Packing(model)), set(
        states), 0
    ways = [plain.images(plain._combined(dict(enumerate(chosen))))
            for chosen in itertools.product(*plain._each)]
    while left:
        codes = left.pop()
        left -= {symmetry.permute(way, codes) for way in ways}
        count += 1
    return count


def differences(build):
    """Where an exploration with symmetry and the plain walk disagree."""
    model = build()
    engine = Engine(model, memory=MEMORY, symmetry=True)
    explored, walked, found = engine.explore(), walk(model), []
    count = classes(model, walked.depth)
    if explored.states != count:
        found.append(f'{explored.states} states, and not {count}')
    if explored.depth != max(walked.depth.values()):
        found.append('depth')
    for mine, reference in ((explored.violations, walked.violations),
                            (explored.witnessed, walked.witnessed)):
        if set(mine) != set(reference):
            found.append(f'{set(mine)}, and not {set(reference)}')
        for name in set(mine) & set(reference):
            found += faults_of(model, mine[name], reference[name][0])
            if not shows(model, name, mine[name].states[-1]):
                found.append(f'{name}: the last state does not show')
    if (explored.stuck is None) != (walked.stuck is None):
        found.append('stuck')
    elif explored.stuck:
        found += faults_of(model, explored.stuck, walked.stuck[0])
    return found, len(walked.depth), explored


class AgainstTheWalk(unittest.TestCase):

    def test_drawn_models(self):
        seen = set()

        @settings(PROFILE, max_examples=25)
        @given(st.integers(0, 2 ** 32), st.sampled_from([0, 7]))
        def agree(seed, padding):
            found, states, explored = differences(
                lambda: drawn(seed, padding))
            self.assertEqual(found, [])
            seen.update(name for name, there in (
                ('fewer', explored.states * 2 < states),
                ('violated', explored.violations),
                ('witnessed', explored.witnessed),
                ('stuck', explored.stuck)) if there)
        agree()
        self.assertEqual({'fewer', 'violated', 'witnessed', 'stuck'}, seen)

    def test_attach(self):
        for chosen, defects in (
                ({'instances': 2, 'handles': 2}, ()),
                ({'instances': 2, 'arqs': 2, 'handles': 3, 'faults': 0},
                 ()),
                ({}, ('A1',)), ({}, ('B3',))):
            with self.subTest(chosen, defects=defects):
                found, states, explored = differences(
                    lambda chosen=chosen, defects=defects: attach.build(
                        attach.Settings(**chosen), defects))
                self.assertEqual(found, [])
                self.assertLess(explored.states * 2, states)


class TheComparisonBites(unittest.TestCase):
    """Each planted bug is noticed."""

    def noticed(self, name, wrong):
        with unittest.mock.patch.object(symmetry.Symmetry, name, wrong):
            self.assertTrue(any(self.differs(seed) for seed in range(30)))

    def differs(self, seed):
        try:
            return differences(lambda: drawn(seed, 0))[0]
        except StopIteration:
            return 'a trace that no run of the model is like'

    def test_a_signature_that_knows_the_member(self):
        right = symmetry.Symmetry._cells_of

        def cells_of(made, first, linked, member):
            return itertools.islice(right(made, first, linked, member),
                                    1 + member, None)
        self.noticed('_cells_of', cells_of)

    def test_a_permutation_left_out(self):
        right = symmetry.Symmetry._candidates

        def candidates(made):
            families, begin, ways = right(made)
            return families, begin, ways * 0
        self.noticed('_candidates', candidates)

    def test_a_name_that_is_not_renamed(self):
        right = symmetry.Symmetry._images

        def of(made, permuted, shift, mask, cells):
            return right(made, {name: goes for name, goes in permuted.items()
                                if name != 'room'}, shift, mask, cells)
        self.noticed('_images', of)


def pair(domain=None):
    """Two twins; a variable that names one."""
    m = Model('tests.twins')
    twin = m.set('twin', 2)
    m.symmetric(twin)
    m.var('done', bool, start=False, each=twin)
    m.var('first', (None, twin) if domain is None else domain, start=None)

    @m.action('twin -> twin: do', t=twin)
    def do(s, t):
        """A twin does what it has not done."""
        when(not s.done[t], 'X-001')
        s.done[t] = True
        if s.first is None:
            s.first = t

    @m.sometimes('X-002', t=twin)
    def came_first(s, t):
        """Each can be the first."""
        return s.first == t
    m.may_end(lambda s: s.done.all(True))
    return m, twin


def explore(m):
    return Engine(m.ready(), memory=MEMORY, symmetry=True).explore()


class NotAlike(unittest.TestCase):
    def test_they_are_alike(self):
        m, _ = pair()
        self.assertEqual(explore(m).states, 3)
        self.assertEqual(len(walk(m).depth), 5)

    def refused(self, m, name):
        with self.assertRaisesRegex(
                ModelError, rf'^models/tests/test_symmetry\.py:\d+: {name} '
                'does not treat the members of twin alike'):
            explore(m)

    def test_an_action(self):
        m, twin = pair()

        @m.action('twin -> twin: undo', t=twin)
        def undo(s, t):
            """The elder may undo what it did."""
            when(s.done[t] and t == 0, 'X-003')
            s.done[t] = False
        self.refused(m, 'undo')

    def test_an_effect(self):
        m, twin = pair()

        @m.action('twin -> twin: undo', t=twin)
        def undo(s, t):
            """A twin may undo what the elder did."""
            when(s.done[t], 'X-003')
            s.done[0] = False
        self.refused(m, 'undo')

    def test_the_first_found(self):
        m, _ = pair()

        @m.action('twin -> twin: undo')
        def undo(s):
            """The first that did something may undo it."""
            when(s.done.any(True), 'X-003')
            s.done[s.done.find(True)] = False
        self.refused(m, 'undo')

    def test_a_property(self):
        m, _ = pair()

        @m.always('X-003')
        def elder(s):
            """The elder is never first."""
            return s.first != 0
        self.refused(m, 'elder')

    def test_numbers_that_are_not_said_to_be_members(self):
        m, _ = pair((None, 0, 1))
        self.refused(m, 'do')


class Refused(unittest.TestCase):
    def test_declarations(self):
        m = Model('tests.bad')
        two, three, six = (m.set(f'set{size}', size) for size in (2, 3, 6))
        m.symmetric(two, six)
        for declare, message in (
                (lambda: m.symmetric(three, two), 'symmetric already'),
                (lambda: m.symmetric(six), 'symmetric already'),
                (lambda: m.symmetric(3), 'is no set'),
                (lambda: m.symmetric(three, m.set('four', 4)),
                 'the 4 members of four cannot go with the 3 of set3'),
                (lambda: m.var('x', (two, three), start=0), 'two sets')):
            with self.subTest(message):
                with self.assertRaisesRegex(
                        ModelError, r'test_symmetry\.py:\d+: .*' + message):
                    declare()

    def test_nothing_to_exchange(self):
        m = Model('tests.single')
        m.symmetric(m.set('one', 1))
        m.var('x', bool, start=False)

        @m.action('a -> a: x')
        def act(s):
            """It has not happened."""
            when(not s.x, 'X-001')
            s.x = True

        @m.always('X-001')
        def holds(s):
            """It holds."""
            return s.x in (True, False)
        with self.assertRaisesRegex(ModelError, 'has no symmetric set'):
            explore(m)

    def test_too_many(self):
        m, _ = pair()
        m.symmetric(m.set('many', 7))
        with self.assertRaisesRegex(ModelError, '10,080 permutations'):
            explore(m)


class WhatMustCome(unittest.TestCase):
    def verdict(self, build):
        checked = check.check(build(), symmetry=True)
        return next(one.verdict for one in checked.verdicts
                    if one.kind == 'eventually'), checked.reason

    def test_fair_to_one_member(self):
        verdict, reason = self.verdict(lambda: attach.build())
        self.assertEqual(verdict, 'inconclusive')
        self.assertIn('post is of one instance', reason)

    def model(self, sets, fair):
        m, twin = pair()

        @m.action('twin -> twin: rest', fair=fair)
        def rest(s):
            """A twin did something."""
            when(s.done.any(True) and not s.done.all(True), 'X-003')
            for each in twin:
                s.done[each] = True

        def body(s, t=None):
            """All is done."""
            return s.done.any(True), s.done.all(True)
        if sets:
            def comes(s, t):
                """All is done."""
                return body(s)
            m.eventually('X-003', t=twin)(comes)
        else:
            def comes(s):
                """All is done."""
                return body(s)
            m.eventually('X-003')(comes)
        return m.ready()

    def test_of_one_member(self):
        verdict, reason = self.verdict(lambda: self.model(True, WEAK))
        self.assertEqual(verdict, 'inconclusive')
        self.assertIn('comes is of one twin', reason)

    def test_of_none(self):
        for fair, verdict in ((WEAK, 'holds'), (None, 'violated')):
            self.assertEqual(
                self.verdict(lambda fair=fair: self.model(False, fair))[0],
                verdict)
            plain = check.check(self.model(False, fair))
            self.assertIn(verdict, [
                one.verdict for one in plain.verdicts
                if one.kind == 'eventually'])


if __name__ == '__main__':
    unittest.main()
