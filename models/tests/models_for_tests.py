"""Small models for the tests of the kernel: written by hand, and drawn."""

import enum
import inspect
import random
import zlib
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st

from cyborg_models.kernel.language import STRONG, WEAK, Model, when

PROFILE = settings(max_examples=150, deadline=None, database=None,
                   derandomize=True)


class Colour(enum.Enum):
    RED, GREEN, BLUE = 'red', 'green', 'blue'


class Stage(enum.Enum):
    IDLE, ASKING, INSIDE = 'idle', 'asking', 'inside'


# --- by hand ----------------------------------------------------------------

def gate(processes=2, locked=True):
    """Processes that enter one at a time, if the gate is locked."""
    m = Model('tests.gate')
    who = m.set('process', processes)
    m.var('stage', Stage, start=Stage.IDLE, each=who)
    m.var('lock', (None, *who), start=None)

    @m.action('{p} -> gate: may I?', p=who)
    def ask(s, p):
        """An idle process asks."""
        when(s.stage[p] is Stage.IDLE, 'GATE-001')
        s.stage[p] = Stage.ASKING

    @m.action('gate -> {p}: enter', fair=STRONG, p=who)
    def enter(s, p):
        """A process that asks enters when nobody is inside."""
        when(s.stage[p] is Stage.ASKING, 'GATE-002')
        when(not locked or s.lock is None, 'GATE-003')
        s.stage[p] = Stage.INSIDE
        s.lock = p

    @m.action('{p} -> gate: thanks', fair=WEAK, p=who)
    def leave(s, p):
        """A process that is inside leaves."""
        when(s.stage[p] is Stage.INSIDE, 'GATE-004')
        s.stage[p] = Stage.IDLE
        s.lock = None

    @m.always('GATE-005')
    def alone(s):
        """At most one process is inside."""
        return s.stage.count(Stage.INSIDE) <= 1

    @m.eventually('GATE-006', p=who)
    def comes_in(s, p):
        """Who asks comes in."""
        return s.stage[p] is Stage.ASKING, s.stage[p] is Stage.INSIDE

    @m.sometimes('GATE-007')
    def queue(s):
        """All ask at once."""
        return s.stage.all(Stage.ASKING)

    return m.ready()


def digits(places, padding=0):
    """A counter whose digits go up and down one at a time: 10 ** places
    states, 18 * places * 10 ** (places - 1) transitions, 9 * places deep.

    :param padding: number of variables of 13 bits each that stay as they
        are, between the digits
    """
    m = Model('tests.digits')
    for index in range(places):
        m.var(f'digit{index}', range(10), start=0)
        for number in range(index * padding, (index + 1) * padding):
            m.var(f'filler{number}', range(8192), start=5461)

    for index in range(places):
        _add_digit(m, f'digit{index}')

    @m.always('DIG-001')
    def not_all_nine(s):
        """Some digit is below nine."""
        return any(getattr(s, f'digit{index}') != 9
                   for index in range(places))

    @m.sometimes('DIG-002')
    def threes(s):
        """Every digit is three."""
        return all(getattr(s, f'digit{index}') == 3
                   for index in range(places))

    return m.ready()


def _add_digit(m, name):
    def up(s):
        """A digit below nine goes up."""
        when(getattr(s, name) < 9, 'DIG-003')
        setattr(s, name, getattr(s, name) + 1)

    def down(s):
        """A digit above zero goes down."""
        when(getattr(s, name) > 0, 'DIG-004')
        setattr(s, name, getattr(s, name) - 1)

    for body in (up, down):
        body.__name__ += name
        m.action(f'clerk -> {name}: {body.__name__}')(body)


def walkabout(start, edges, wanted, fair=None, called=None):
    """A model that is a graph: one variable, and an action per label.

    :param edges: label -> list of (from, to), each label at most once from
        any one state
    :param wanted: the states that must come
    :param fair: label -> WEAK or STRONG
    :param called: the states that call for it; None for all
    """
    numbers = {start, *wanted, *(called or ())}
    numbers |= {end for ends in edges.values() for edge in ends
                for end in edge}
    m = Model('tests.walkabout')
    m.var('at', range(max(numbers) + 1), start=start)

    def add(label, ways):
        def move(s):
            """There is a way on."""
            when(s.at in ways, 'WALK-001')
            s.at = ways[s.at]
        move.__name__ = label
        m.action(f'walker -> walker: {label}',
                 fair=(fair or {}).get(label))(move)

    for label, ends in edges.items():
        assert len(dict(ends)) == len(ends), label
        add(label, dict(ends))

    @m.eventually('WALK-002')
    def gets_there(s):
        """It gets where it is wanted."""
        return called is None or s.at in called, s.at in wanted

    return m.ready()


# --- drawn ------------------------------------------------------------------

DOMAINS = {
    'bool': (False, True),
    'colour': Colour,
    'range': range(4),
    'mixed': (None, True, 1, 'x'),  # True == 1, and they are two values
    'wide': (0, 1, 4097, 8191),  # of the 8192 values, those that occur
}


@dataclass(frozen=True)
class Recipe:
    """What a random model is made of; :meth:`build` makes it.

    :ivar variables: (domain, number of its start, size or 0): a size makes
        a family of that many members
    :ivar padding: number of variables of 13 bits after each, which stay as
        they are
    :ivar actions: (sizes of its parameters, fault, operations)
    :ivar properties: (kind, sizes of its parameters, terms, seed)
    :ivar final: (terms, seed) or None
    """

    variables: tuple
    padding: int
    actions: tuple
    properties: tuple
    final: tuple | None

    def build(self):
        m = Model('tests.drawn')
        sets = {size: m.set(f'set{size}', size) for size in (2, 3)}
        for number, (domain, start, size) in enumerate(self.variables):
            values = self.values(number)
            whole = {'wide': range(8192), 'bool': bool}.get(
                domain, DOMAINS[domain])
            m.var(f'v{number}', whole, start=values[start % len(values)],
                  each=sets.get(size))
            for filler in range(self.padding):
                m.var(f'filler{number}_{filler}', range(8192),
                      start=(2731 * (number + filler + 1)) % 8192)
        for number, (sizes, fault, operations) in enumerate(self.actions):
            self._add_action(m, sets, f'a{number}', sizes, fault,
                             operations)
        for number, prop in enumerate(self.properties):
            self._add_property(m, sets, f'p{number}', *prop)
        if self.final is not None:
            m.may_end(lambda s: self._chance(s, (), *self.final, odds=0.6))
        return m.ready()

    def values(self, number):
        """The values of a variable that occur."""
        return tuple(DOMAINS[self.variables[number][0]])

    def _add_action(self, m, sets, name, sizes, fault, operations):
        given = {f'i{at}': sets[size] for at, size in enumerate(sizes)}
        view = 'a -> b: ' + name + ''.join(f' {{{key}}}' for key in given)

        def act(s, *arguments):
            """It may happen."""
            for operation in operations:
                self._operate(s, arguments, *operation)
        act.__signature__ = _signature(given)
        act.__name__ = name
        m.action(view, fault=fault, **given)(act)

    def _add_property(self, m, sets, name, kind, sizes, terms, seed):
        given = {f'i{at}': sets[size] for at, size in enumerate(sizes)}

        def holds(s, *arguments):
            """It holds."""
            return self._chance(s, arguments, terms, seed,
                                0.95 if kind == 'always' else 0.1)
        holds.__signature__ = _signature(given)
        holds.__name__ = name
        getattr(m, kind)('DRAWN-001', **given)(holds)

    def _operate(self, s, arguments, kind, target, terms, seed):
        number, member = target
        family = self.variables[number][2]
        if kind == 'when':
            when(self._chance(s, arguments, terms, seed, 0.7), 'DRAWN-002')
        elif kind == 'take' and family:  # one that has a value gets another
            values = self.values(number)
            free = getattr(s, f'v{number}').find(values[seed % len(values)])
            when(free is not None, 'DRAWN-003')
            getattr(s, f'v{number}')[free] = values[
                (seed // 7) % len(values)]
        elif kind == 'put' or self._chance(s, arguments, terms, seed, 0.5):
            values = self.values(number)
            value = values[self._number(s, arguments, terms, seed)
                           % len(values)]
            if family:
                getattr(s, f'v{number}')[
                    self._member(number, member, arguments)] = value
            else:
                setattr(s, f'v{number}', value)

    def _member(self, number, member, arguments):
        if member < 0 and arguments:  # by a parameter
            member = arguments[member % len(arguments)]
        return member % self.variables[number][2]

    def _term(self, s, arguments, kind, number, member):
        """One thing read from the state."""
        values = self.values(number)
        it = getattr(s, f'v{number}')
        if not self.variables[number][2]:
            return it
        some = values[member % len(values)], values[kind % len(values)]
        return [lambda: it[self._member(number, member, arguments)],
                lambda: it.count(*some), lambda: it.any(*some),
                lambda: it.all(*some), lambda: it.find(*some),
                lambda: tuple(it)][kind % 6]()

    def _number(self, s, arguments, terms, seed):
        seen = [self._term(s, arguments, *term) for term in terms]
        return zlib.crc32(f'{seed} {seen!r}'.encode()) % 1000

    def _chance(self, s, arguments, terms, seed, odds):
        return self._number(s, arguments, terms, seed) < 1000 * odds


def _signature(given):
    return inspect.Signature([
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for name in ('s', *given)])


@st.composite
def recipes(draw):
    """Random models of at most some hundred states, of one to four words
    each.
    """
    # Hypothesis draws the size, and chance the rest: left to itself,
    # Hypothesis likes models in which next to nothing happens.
    chance = random.Random(draw(st.integers(0, 2 ** 32)))
    sizes = [chance.choice([0, 0, 0, 2, 3])
             for _ in range(draw(st.integers(2, 4)))]
    while sum(size or 1 for size in sizes) > 4:
        sizes.pop()
    wide = draw(st.booleans())
    names = [name for name in DOMAINS if wide or name != 'wide']
    variables = tuple((chance.choice(names), chance.randrange(4), size)
                      for size in sizes)

    def target():
        return chance.randrange(len(variables)), chance.randint(-2, 2)

    def terms():
        return tuple((chance.randrange(6), *target())
                     for _ in range(chance.randint(1, 2)))

    def seed():
        return chance.randrange(2 ** 20)

    def parameters(most):
        return tuple(chance.choice([2, 3])
                     for _ in range(chance.randint(0, most)))

    def operations():
        return tuple((chance.choice(['when', 'put', 'put', 'maybe', 'take']),
                      target(), terms(), seed())
                     for _ in range(chance.randint(1, 4)))
    actions = tuple((parameters(2), chance.random() < 0.25, operations())
                    for _ in range(draw(st.integers(2, 6))))
    properties = tuple((chance.choice(['always', 'sometimes']),
                        parameters(1), terms(), seed())
                       for _ in range(draw(st.integers(1, 4))))
    return Recipe(variables, chance.choice([0, 0, 0, 2, 4]), actions,
                  properties, (terms(), seed()) if draw(st.booleans())
                  else None)
