"""Symmetry reduction, held against the walk over all states."""

import enum
import itertools
import random
import unittest
import unittest.mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cyborg_models import check
from cyborg_models.kernel import _compiled as compiled
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


def renamings(model):
    """All that members can be renamed to, in plain Python: for each cell
    the one that it becomes, and for each code the one that it becomes.
    """
    for orders in itertools.product(*(
            itertools.permutations(first) for first, _ in model.symmetries)):
        goes = {one.name: [order[member // block] * block + member % block
                           for member in one]
                for order, (first, linked) in zip(
                    orders, model.symmetries, strict=True)
                for one in (first, *linked)
                for block in [len(one) // len(first)]}
        yield [_renamed(model, goes, *cell) for cell in model.cells]


def _renamed(model, goes, variable, member):
    def of(members, number):
        return number if members is None else goes.get(
            members.name, range(64))[number]
    to = model.place[variable.name, member if member is None
                     else of(variable.each, member)]
    if variable.names is None:
        return to, range(len(variable.domain))
    return to, [variable.code_of(of(variable.names, value)
                                 if type(value) is int else value)
                for value in variable.domain]


def alike(ways, codes):
    """The states that renaming members makes of one."""
    found = set()
    for way in ways:
        image = [0] * len(codes)
        for (to, become), code in zip(way, codes, strict=True):
            image[to] = become[code]
        found.add(tuple(image))
    return found


def classes(model, states):
    """How many different states there are."""
    ways, left, count = [*renamings(model)], set(states), 0
    while left:
        left -= alike(ways, left.pop())
        count += 1
    return count


def tangled(fillers=0):
    """Variables in which members name each other, in every way there is;
    nothing happens.
    """
    m = Model('tests.tangled')
    m.var('before', range(3), start=0)
    guest = m.set('guest', 5)
    key = m.set('key', 10)
    room = m.set('room', 2)
    m.symmetric(guest, key)
    m.symmetric(room)
    for index in range(fillers):
        m.var(f'filler{index}', range(8192), start=0, each=guest)
    m.var('likes', (guest, None, 'all'), start=None, each=guest)
    m.var('uses', ('lost', key), start='lost', each=room)
    m.var('lost', bool, start=False, each=key)
    m.var('lies_in', (None, room), start=None, each=key)
    m.var('one', (0,), start=0, each=room)
    m.var('floor', range(3), start=0, each=room)
    m.var('master', key, start=0)
    m.var('after', range(5), start=0)

    @m.action('a -> b: act')
    def act(s):
        """Before is 0."""
        when(s.before == 0, 'X-001')
        s.before = 1

    @m.always('X-001')
    def holds(s):
        """Before is not 2."""
        return s.before != 2
    m.may_end(lambda s: s.before == 1)
    return m.ready()


def drawn_states(model, chance, count):
    """States at random, whether they can be reached or not.  In most of
    them many members are equal, and name each other in turn.
    """
    for _ in range(count):
        found = list(model.initial)
        for variable in model.variables.values():
            turn, way = chance.randrange(5), chance.random()
            for member in variable.each or (None,):
                code = found[model.place[variable.name, member]]
                if way < 0.6 and variable.names and variable.each:
                    code = variable.code_of(
                        (member + turn) % len(variable.names))
                elif way < 0.2:
                    code = chance.randrange(len(variable.domain))
                found[model.place[variable.name, member]] = code
        for _ in range(chance.randrange(3)):
            cell = chance.randrange(len(found))
            found[cell] = chance.randrange(
                len(model.cells[cell][0].domain))
        yield tuple(found)


class Canonical(unittest.TestCase):
    """Which state is stored, for states at random and all that are alike,
    held against the plain permutations.
    """

    def wrong(self, model, packing, count, spoil=lambda arrays: arrays):
        """For how many of some states another is stored than for one that
        is alike, or one that is not alike; and for how many of them more
        than one image was looked at.
        """
        arrays = spoil(symmetry.Symmetry(model, packing).arrays)
        ways = [*renamings(model)]
        groups = [sorted(alike(ways, codes)) for codes in drawn_states(
            model, random.Random(count), count)]
        rows = np.array([packing.pack(codes) for group in groups
                         for codes in group])
        _, *room = compiled.workroom(packing.words, len(rows), arrays)
        open_ = compiled.canonical((0,) * packing.words, rows, len(rows),
                                   *room[1:], *arrays)
        stored, found = iter(rows), 0
        for group in groups:
            mine = {packing.unpack(next(stored)) for _ in group}
            found += len(mine) != 1 or not mine <= {*group}
        return found, open_

    def models(self):
        for model in (tangled(), tangled(6), drawn(1, 0), drawn(2, 7),
                      attach.build(attach.Settings(
                          instances=2, arqs=2, handles=3)),
                      attach.build(attach.Settings(
                          instances=3, handles=3, maintenance=True))):
            yield model, Packing(model, symmetry.records(model))
            yield model, Packing(model)

    def test_one_of_those_alike(self):
        words, looked_at = set(), 0
        for model, packing in self.models():
            with self.subTest(model.name, words=packing.words):
                found, more = self.wrong(model, packing, 60)
                self.assertEqual(found, 0)
                looked_at += more
                words.add(packing.words)
        self.assertGreater(looked_at, 1000)
        self.assertLess({1, 2}, words)

    def test_all_orders_are_tried(self):
        # Five of six members have one key, and both of two.
        family = np.array([(0, 6, 0, 0), (6, 8, 0, 0)], np.uint64)
        work = np.zeros((len(compiled.TABLES), 8, 1), np.uint64)
        work[compiled.KEY, :, 0] = 3, 3, 3, 3, 5, 3, 7, 7
        work[compiled.NAMES, 0] = 0b11111111
        first = 0, 1, 2, 3, 5, 4, 6, 7
        work[compiled.ORDER, :, 0] = first
        work[compiled.GOES, first, 0] = range(8)
        seen = {first}
        while compiled._next(work, 0, family):
            order = work[compiled.ORDER, :, 0]
            self.assertEqual(work[compiled.GOES, order, 0].tolist(),
                             [*range(8)])
            self.assertNotIn(tuple(order.tolist()), seen)
            seen.add(tuple(order.tolist()))
        self.assertEqual(len(seen), 120 * 2)
        self.assertEqual(work[compiled.ORDER, :, 0].tolist(), [*first])

    def noticed(self, spoil):
        model = tangled()
        packing = Packing(model, symmetry.records(model))
        self.assertGreater(self.wrong(model, packing, 20, spoil)[0], 0)

    def test_a_key_that_knows_the_member(self):
        def spoil(arrays):
            slot, *others = arrays
            slot[0, 3] = 0
            return slot, *others
        self.noticed(spoil)

    def test_a_name_told_by_its_number(self):
        def spoil(arrays):
            slot, name, meant, *others = arrays
            meant[:, 1] = range(len(meant))
            return slot, name, meant, *others
        self.noticed(spoil)

    def test_a_name_that_stays(self):
        def spoil(arrays):
            slot, name, *others = arrays
            name[-1, 5] = 0
            return slot, name, *others
        self.noticed(spoil)

    def test_a_family_that_stays(self):
        def spoil(arrays):
            *others, family, fixed = arrays
            family = np.array([
                (member, member + 1, begin + (member - first) * parts, parts)
                for first, last, begin, parts in family.tolist()
                for member in range(first, last)], np.uint64)
            return *others, family, fixed
        self.noticed(spoil)

    def test_bits_that_stay(self):
        def spoil(arrays):
            *others, fixed = arrays
            return *others, fixed | np.uint64(1 << 3)
        self.noticed(spoil)


class Layout(unittest.TestCase):
    def test_members_stand_alike_in_no_more_words(self):
        checked = 0
        for model in (tangled(), tangled(6), drawn(1, 0), drawn(2, 7),
                      attach.build()):
            found = symmetry.records(model)
            packing, plain = Packing(model, found), Packing(model)
            self.assertLessEqual(packing.words, plain.words)
            taken = [0] * packing.words
            for word, shift, mask in zip(packing.word, packing.shift,
                                         packing.mask, strict=True):
                if mask:
                    self.assertLess(mask << shift, 1 << 64)
                    self.assertEqual(taken[word] & mask << shift, 0)
                    taken[word] |= mask << shift
            for codes in drawn_states(model, random.Random(1), 20):
                self.assertEqual(packing.unpack(packing.pack(codes)), codes)
                checked += 1
        self.assertEqual(checked, 100)


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

    def test_members_told_apart(self):
        right = symmetry.Symmetry._arrays

        def arrays(made):
            slot, *others = right(made)
            slot[0, 3] = 0
            return slot, *others
        self.noticed('_arrays', arrays)

    def test_a_name_that_is_not_renamed(self):
        right = symmetry.Symmetry._arrays

        def arrays(made):
            slot, name, *others = right(made)
            name[:, 5] = 0
            return slot, name, *others
        self.noticed('_arrays', arrays)

    def noticed(self, name, wrong):
        with unittest.mock.patch.object(symmetry.Symmetry, name, wrong):
            self.assertTrue(any(self.differs(seed) for seed in range(30)))

    def differs(self, seed):
        try:
            return differences(lambda: drawn(seed, 0))[0]
        except StopIteration:
            return 'a trace that no run of the model is like'


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

    def test_one_that_no_stored_state_shows(self):
        # Whichever of the three it is that the stored states have first.
        for odd in range(3):
            with self.subTest(odd):
                self.refused(self.triplets(odd), 'undo')

    def triplets(self, odd):
        m = Model('tests.triplets')
        twin = m.set('twin', 3)
        m.symmetric(twin)
        m.var('done', bool, start=False, each=twin)

        @m.action('twin -> twin: do', t=twin)
        def do(s, t):
            """A twin does what nobody has done."""
            when(s.done.all(False), 'X-001')
            s.done[t] = True

        @m.action('twin -> twin: undo', t=twin)
        def undo(s, t):
            """A twin may undo what it did, but for one."""
            when(s.done[t] and t != odd, 'X-001')
            s.done[t] = False

        @m.always('X-001')
        def holds(s):
            """Not all have done it."""
            return not s.done.all(True)
        return m

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
