"""A model for the tests: two vans, one handle, one clerk who may forget."""

import enum
from dataclasses import dataclass

from cyborg_models.kernel.language import STRONG, WEAK, Model, when


class Van(enum.Enum):
    """The life of a van."""

    IDLE = 'idle'
    ASKED = 'asked for'
    PLUGGED = 'plugged'


class Colour(enum.Enum):
    """Of nothing."""

    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Settings:
    """What can be set.

    :ivar vans: how many vans there are,
        on the host
    :ivar size: of a counter that makes states, or 0 for none
    :ivar kind: VF or GPU
    :ivar quota: None for no quota
    :ivar busy: True if an unfair clerk works
    :ivar names: anything
    :ivar colours: of nothing
    """

    vans: int = 2
    size: int = 0
    kind: str = 'VF'
    quota: int | None = None
    busy: bool = False
    names: frozenset = frozenset(('a', 'b'))
    colours: tuple = (Colour.RED,)


def build(settings=Settings(), defects=()):
    """The model."""
    m = Model('test.small', defects)
    van = m.set('van', settings.vans)
    m.var('state', Van, start=Van.IDLE, each=van)
    m.var('owner', (None, *van), start=None)
    m.var('told', bool, start=False)
    m.var('count', range(3), start=0)

    @m.action('nova-compute -> os-acc: attach {van}', fair=WEAK, van=van)
    def ask(s, van):
        """An idle van is asked for."""
        when(s.state[van] is Van.IDLE, 'TEST-001')
        s.state[van] = Van.ASKED

    @m.action('os-acc -> plugin: plug {van}', fair=WEAK, van=van)
    def plug(s, van):
        """A van that is asked for is plugged when the handle is free."""
        when(s.state[van] is Van.ASKED, 'TEST-002')
        when(s.owner is None, 'TEST-003')
        s.state[van] = Van.PLUGGED
        s.owner = van

    @m.action('os-acc -> plugin: unplug {van}', van=van)
    def unplug(s, van):
        """A plugged van may be unplugged."""
        when(s.state[van] is Van.PLUGGED, 'TEST-004')
        s.state[van] = Van.IDLE
        s.owner = None

    @m.action('clerk -> clerk: counts')
    def count(s):
        """A clerk may count."""
        when(settings.busy, 'TEST-006')
        s.count = (s.count + 1) % 3

    @m.defect('greedy', of=plug)
    def plug_greedily(s, van):
        """Nobody looks whether the handle is free."""
        when(s.state[van] is Van.ASKED, 'TEST-002')
        s.state[van] = Van.PLUGGED
        s.owner = van

    @m.defect('deaf', of=ask)
    def ask_deaf(s, van):
        """A van is asked for once only, and never van 1."""
        when(s.state[van] is Van.IDLE and van == 0, 'TEST-001')
        when(not s.told, 'TEST-001')
        s.told = True
        s.state[van] = Van.ASKED

    if settings.size:
        for index in range(4):
            _counter(m, index, settings.size)

    @m.always('TEST-003')
    def one_owner(s):
        """At most one van is plugged."""
        return s.state.count(Van.PLUGGED) <= 1

    @m.eventually('TEST-005', van=van)
    def plugged_at_last(s, van):
        """Once some van was asked for, van 0 is plugged, or van 1."""
        return (s.state.any(Van.ASKED) and s.owner is None,
                s.owner is not None)

    @m.eventually('TEST-007', van=van)
    def everybody_is_plugged(s, van):
        """Whoever asks is plugged: only with two handles, or turns."""
        return (s.state[van] is Van.ASKED and (settings.busy or s.count > 0),
                s.state[van] is Van.PLUGGED)

    @m.sometimes('TEST-002', van=van)
    def plugged(s, van):
        """A van can be plugged."""
        return s.state[van] is Van.PLUGGED
    return m.ready()


def _counter(m, index, size):
    m.var(f'c{index}', range(size), start=0)

    def step(s):
        """A counter may count."""
        setattr(s, f'c{index}', (getattr(s, f'c{index}') + 1) % size)
    step.__name__ = f'step{index}'
    m.action(f'clock -> clock: tick {index}')(step)


__all__ = ['STRONG', 'Settings', 'build']
