"""What nothing can break is found, and what something can is let pass."""

import enum
import unittest

from cyborg_models import manifest, registry
from cyborg_models.kernel.language import Model
from cyborg_models.kernel.vacuity import unbreakable


class Colour(enum.Enum):
    """Of a van."""

    RED = 1
    BLUE = 2


def painted():
    """A model with one of each that can fail, and one that cannot."""
    m = Model('tests.painted')
    van = m.set('van', 3)
    m.var('colour', Colour, start=Colour.RED, each=van)
    m.var('count', range(40), start=0)
    m.var('total', range(40), start=0)

    @m.always('X-001')
    def count_has_a_value(s):
        """A domain is no news."""
        return s.count >= 0

    @m.always('X-001')
    def rarely_broken(s):
        """One of 1,600 pairs of values breaks it."""
        return (s.count, s.total) != (31, 32)

    @m.always('X-001')
    def no_more_than_there_are(s):
        """There are three vans."""
        return s.colour.count(Colour.RED) < 4

    @m.always('X-001')
    def never_two(s):
        """A count can be two."""
        return s.colour.count(Colour.RED) != 2

    @m.always('X-001')
    def found_or_not(s):
        """Some van is red, or none is."""
        return s.colour.find(Colour.RED) is None or s.colour.any(Colour.RED)

    @m.always('X-001', van=van)
    def one_member_can_fail(s, van):
        """Of one van something is said, and nothing of the others."""
        return s.colour[van] is Colour.RED or van < 2

    @m.always('X-001')
    def breaks_off(s):
        """It cannot cope with every value."""
        return (1, 2)[s.count] > 0

    @m.always('X-001')
    def reads_too_much(s):
        """More is read than can be gone through."""
        return s.count + s.total + sum(
            one is Colour.RED for one in s.colour) >= 0

    @m.sometimes('X-001')
    def each_state_is_a_witness(s):
        """A van has a colour."""
        return s.colour[0] in Colour

    @m.sometimes('X-001')
    def a_witness(s):
        """A van can be blue."""
        return s.colour.any(Colour.BLUE)

    @m.eventually('X-001')
    def never_called_for(s):
        """Nothing calls for it."""
        return s.count > 99, s.total > 0

    @m.eventually('X-001')
    def is_there_already(s):
        """What calls for it is what must come."""
        return s.count > 1, s.count > 0

    @m.eventually('X-001')
    def comes(s):
        """It need not be there."""
        return s.count > 1, s.total > 0
    return m


class Vacuity(unittest.TestCase):

    def test_what_nothing_can_break(self):
        self.assertEqual(
            ['count_has_a_value', 'no_more_than_there_are', 'found_or_not',
             'each_state_is_a_witness', 'never_called_for',
             'is_there_already'],
            [prop.name for prop in unbreakable(painted())])

    def test_only_those_asked_for(self):
        self.assertEqual(['found_or_not'], [
            prop.name for prop in unbreakable(
                painted(), {'found_or_not', 'never_two'})])

    def test_each_property_of_ours_can_fail_in_some_configuration(self):
        seen = 0
        for name in registry.names():
            known, left = set(), set()
            for pairs in dict.fromkeys(
                    ((), *(entry.pairs for entry in manifest.load()
                           if entry.model == name))):
                model = registry.choose(name, pairs).model
                left |= set(model.properties) - known
                known |= set(model.properties)
                left &= ({prop.name for prop in unbreakable(model, left)}
                         | (left - set(model.properties)))
            with self.subTest(name):
                self.assertEqual(set(), left)
                self.assertGreater(len(known), 4)
            seen += len(known)
        self.assertGreater(seen, 400)


if __name__ == '__main__':
    unittest.main()
