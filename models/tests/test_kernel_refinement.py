"""What a refinement finds is what a plain walk finds, and no deeper."""

import functools
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from cyborg_models import registry
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import Model, State
from cyborg_models.kernel.liveness import Graph
from cyborg_models.kernel.refinement import refine
from cyborg_models.kernel.walk import successors, walk

from .models_for_tests import PROFILE, recipes

FEW = settings(PROFILE, max_examples=50)
MEMORY = 64 << 20
# Each takes a step that its life cycle does not have.
ONE = ('instances=1', 'handles=1')
BROKEN = (('stein.attach', ONE, ('A7',)),
          ('stein.attach', ONE, ('P6e',)),
          ('stein.attach', ('instances=1', 'arqs=2'), ('P6e',)),
          ('stein.release', (), ('B1',)),
          # A VAN that appears takes none, if nobody says so.
          ('rocky.release', ('vans=1', 'faults=0'), ()))


def clock(hours, skips):
    """An abstract model: a number that goes round by one of *skips*."""
    m = Model('tests.clock')
    m.var('hour', range(hours), start=0)
    skip = m.set('skip', len(skips))

    @m.action('clock -> clock: {skip}', skip=skip)
    def strike(s, skip):
        """At any time."""
        s.hour = (s.hour + skips[skip]) % hours

    @m.always('CLOCK-001')
    def early(s):
        """It is not late."""
        return s.hour < hours - 1
    return m.ready()


def plainly(model, abstract, mapping, members):
    """The steps to the end of a first one that is none, or None; and which
    abstract steps are taken: by the Python itself.
    """
    @functools.cache
    def image(codes, member):
        values = mapping(State(model, codes, True), member)
        return tuple(variable.code_of(value) for (variable, _), value
                     in zip(abstract.cells, values, strict=True))
    allowed = {(state, after) for state in walk(abstract).depth
               for _, after in successors(abstract, state)}
    broken, hit = None, set()
    for state, depth in walk(model).depth.items():  # the shallowest first
        for _, after in successors(model, state):
            for member in members:
                pair = image(state, member), image(after, member)
                if pair[0] != pair[1] and pair in allowed:
                    hit.add(pair)
                elif pair[0] != pair[1] and broken is None:
                    broken = depth + 1
    return broken, hit


class Shortest(unittest.TestCase):

    def compare(self, model, abstract, mapping, members):
        """Hold one against the other; returns the length of the trace."""
        engine = Engine(model, MEMORY)
        self.assertTrue(engine.explore().complete)
        found = refine(Graph(engine), abstract, mapping, members)
        broken, hit = plainly(model, abstract, mapping, members)
        self.assertEqual(len(hit), found.hit)
        self.assertEqual(broken, found.broken and len(found.broken.steps))
        if broken:
            self.assertEqual(model.initial, found.broken.states[0])
            before, after = (
                tuple(mapping(State(model, codes, True), found.member))
                for codes in found.broken.states[-2:])
            self.assertEqual(
                (before, after),
                tuple(tuple(one.values()) for one in found.between))
        return broken

    def test_defects(self):
        for name, pairs, defects in BROKEN:
            with self.subTest(name, pairs=pairs, defects=defects):
                chosen = registry.choose(name, pairs, defects)
                module = registry.find(name)
                release = name.partition('.')[0]
                members = chosen.model.sets[
                    'van' if release == 'rocky' else 'arq']
                self.assertIsNotNone(self.compare(
                    chosen.model,
                    registry.choose(f'{release}.lifecycle').model,
                    module.abstract, members))

    def test_drawn_models(self):
        lengths = []

        @FEW
        @given(recipes(), st.integers(1, 3))
        def drawn(recipe, never):
            def hour(s, member):
                # Of its value, how far it is from its start.
                number = member % len(recipe.variables)
                _, start, size = recipe.variables[number]
                it = getattr(s, f'v{number}')
                values = recipe.values(number)
                at = [(type(one), one) for one in values].index(
                    (type(it[0]), it[0]) if size else (type(it), it))
                return ((at - start) % len(values) % 4,)
            lengths.append(self.compare(
                recipe.build(), clock(4, [
                    skip for skip in (1, 2, 3) if skip != never]), hour,
                range(2)))
        drawn()
        # The drawn models are worth it: some take no such step, some at
        # once, and some later.
        self.assertGreater(lengths.count(None), 3)
        self.assertGreater(sum(one == 1 for one in lengths if one), 3)
        self.assertGreater(sum(one > 1 for one in lengths if one), 3)


if __name__ == '__main__':
    unittest.main()
