"""What a body may not do beside reading and assigning its state."""

import functools
import random
import time
import unittest
from pathlib import Path

from cyborg_models import registry
from cyborg_models.kernel import purity
from cyborg_models.kernel.language import Model, ModelError, when
from cyborg_models.kernel.tables import Tables

TEXT = Path(__file__).read_text().splitlines()
KNOWN, COLOURS = [], {'red': 1}


def _helper(s):
    KNOWN.append(s.count)  # BAD


class Scene:
    """A method counts as a function does."""

    def note(self, s):
        """Keeps what it saw."""
        KNOWN.append(s.count)  # BAD


SCENE = Scene()


def prints(s):
    print(s.count)  # BAD


def opens(s):
    with open(s.count):  # BAD
        pass


def appends(s):
    KNOWN.append(s.count)  # BAD


def assigns(s):
    COLOURS['red'] += 1  # BAD


def deletes(s):
    del COLOURS['red']  # BAD


def keeps(s):
    global KNOWN  # BAD
    KNOWN = [s.count]


def sets_attribute(s):
    SCENE.last = s.count  # BAD


def asks_the_clock(s):
    s.count = int(time.time())  # BAD


def uses_chance(s):
    s.count = random.choice([1, 2])  # BAD


def imports(s):
    import math  # BAD
    s.count = math.floor(s.count)


def calls_a_helper(s):
    _helper(s)


def calls_a_method(s):
    SCENE.note(s)


def generates(s):
    yield s.count  # BAD


async def waits(s):  # BAD
    s.count = 1


def _decorated():
    @functools.cache
    def inner(s):
        print(s)  # BAD
    return inner


def reads_and_assigns(s, van):
    """All that is allowed, and looks a little like what is not."""
    found = [COLOURS['red'], *KNOWN]
    found.append(van)
    found.sort()
    seen = {one: s.colour[one] for one in found}
    seen[van] = len(KNOWN)
    when(COLOURS.get('red') == 1, 'X-001')
    s.colour[van] = max(seen)
    s.count += 1

    def within(other):
        nonlocal_one = other
        return nonlocal_one
    s.state = within(s.state)


BAD = (prints, opens, appends, assigns, deletes, keeps, sets_attribute,
       asks_the_clock, uses_chance, imports, calls_a_helper, calls_a_method,
       generates, waits, _decorated())
WHERE = {'calls_a_helper': _helper, 'calls_a_method': Scene.note}


class Bodies(unittest.TestCase):

    def test_each_is_found_at_its_line(self):
        for body in BAD:
            with self.subTest(body.__name__):
                found = purity.impure(body)
                self.assertEqual(__file__, found.path)
                self.assertIn('# BAD', TEXT[found.line - 1])
                first = WHERE.get(body.__name__, getattr(
                    body, '__wrapped__', body)).__code__.co_firstlineno
                self.assertLess(abs(found.line - first), 4)

    def test_what_is_allowed(self):
        self.assertIsNone(purity.impure(reads_and_assigns))

    def test_code_without_a_text(self):
        space = {}
        exec('def body(s):\n    print(s)', space)
        self.assertIsNone(purity.impure(space['body']))

    def test_a_name_of_a_closure(self):
        kept = []

        def go(s):
            kept.append(s)

        def wait(s):
            return later(s)
        self.assertEqual('changes kept', purity.impure(go).what)
        self.assertIsNone(purity.impure(wait))

        def later(s):
            print(s)
        self.assertEqual('uses print', purity.impure(wait).what)

    def test_every_model_is_pure(self):
        checked = 0
        for name in registry.names():
            if name not in registry.OTHERS:
                checked += len(registry.choose(name).model.actions)
        self.assertGreater(checked, 100)


class Models(unittest.TestCase):

    def small(self):
        m = Model('tests.small')
        m.var('count', range(3), start=0)

        @m.action('a -> b: go')
        def go(s):
            """Always."""
            s.count = 1

        @m.always('X-001')
        def held(s):
            """It holds."""
            return s.count < 2
        return m

    def test_a_model_is_refused(self):
        self.small().ready()
        m = self.small()

        @m.action('a -> b: tell')
        def tell(s):
            """Always."""
            print(s.count)
        with self.assertRaisesRegex(ModelError, (
                r'test_kernel_purity\.py:\d+: tell uses print; .*take it '
                'out')):
            m.ready()

    def test_so_is_a_property_and_the_end(self):
        for declare in (Model.always, Model.may_end):
            m = self.small()

            def told(s):
                """It holds."""
                print(s)
                return s.count < 2
            (declare(m, 'X-001') if declare is Model.always
             else functools.partial(declare, m))(told)
            with self.assertRaisesRegex(ModelError, 'told uses print'):
                m.ready()

    def test_a_body_that_exits(self):
        m = self.small()

        @m.action('a -> b: leave')
        def leave(s):
            """Always."""
            raise SystemExit(0)
        with self.assertRaisesRegex(ModelError, 'leave raises SystemExit'):
            tables = Tables(m.ready())
            tables.learn(1, m.initial)

    def test_a_domain_without_end(self):
        for values in (range(10 ** 12), iter(int, 1)):
            with self.assertRaisesRegex(ModelError, 'more than 65,536'):
                Model('tests.small').var('count', values, start=0)


if __name__ == '__main__':
    unittest.main()
