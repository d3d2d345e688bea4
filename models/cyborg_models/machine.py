"""Tests a system against a model: guarded random steps, steered and shrunk.

A model becomes a ``RuleBasedStateMachine`` of Hypothesis with one rule: it
draws which step is next.  A drawn number means that step if its guards
hold, and else the next one in the model's order whose guards do, so that
every number is a step that is possible: none is wasted, and a number means
the same step wherever it may, which keeps traces good to shrink.

An *edge* is a state with a step that is possible there: what the engine
counts as a transition.  Generation goes to edges that were not taken yet.
Each state keeps a lower bound of how far the nearest of them is, raised as
more is learned (learning real-time A*, Korf 1990); the run goes where the
bound is least, and begins afresh where that is nearer.  This is a backend
of Hypothesis: it says which numbers are drawn and leaves their meaning
alone, so that shrinking and replaying need no steering.
"""

import itertools
import math
import os
import random
import time
from bisect import bisect_left
from dataclasses import dataclass, field

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.internal.conjecture.providers import (
    AVAILABLE_PROVIDERS,
    PrimitiveProvider,
)
from hypothesis.stateful import (
    RuleBasedStateMachine,
    rule,
    run_state_machine_as_test,
)

from cyborg_models.kernel import itf
from cyborg_models.kernel.language import Guard, successor
from cyborg_models.kernel.trace import Run, value_name
from cyborg_models.kernel.trees import Tree
from cyborg_models.registry import InputError

STEPS = 100  # of one example of Hypothesis
MORE = 1000  # steps, to look for a shorter run where that costs nothing
DEADLOCK, DIFFERS, RAISES = 'no_deadlock', 'differs', 'raises'


class Failed(Exception):
    """A run that breaks a property, or that the system does not follow.

    :ivar name: of the property; ``no_deadlock``; ``differs`` if the system
        is in another state than the model; ``raises`` if it raised
    """

    def __init__(self, name, detail=''):
        super().__init__(name, detail)
        self.name, self.detail = name, detail


class HuntError(InputError):
    """What was asked for cannot be hunted: what, and the mend."""


class System:
    """What is tested; a subclass has a method for each action, too.

    The method has the action's name and takes its parameters.  It is called
    only where the model says that the action is possible.
    """

    def start(self):
        """Go to the state where the model starts."""

    def observe(self):
        """What can be seen: ``name`` or ``name[member]`` -> value."""
        return {}


@dataclass
class Hunted:
    """What came out.

    :ivar steps: that were taken while looking, replayed pins included
    :ivar states, edges: how many different ones were seen
    :ivar runs: how often a run began
    :ivar pins: how many were replayed
    :ivar failure: the :class:`Failed`, or None
    :ivar found: the :class:`~.kernel.trace.Run` that failed first
    :ivar run: the shortest that shrinking made of it
    :ivar shrinking: how many steps were taken to shrink it
    :ivar steady: False if the system did not fail again in the same way
    """

    model: object
    seed: int
    steps: int = 0
    states: int = 0
    edges: int = 0
    runs: int = 0
    pins: int = 0
    seconds: float = 0.0
    failure: Failed | None = None
    found: Run | None = None
    run: Run | None = None
    shrinking: int = 0
    steady: bool = True

    @property
    def rate(self):
        """Steps per second."""
        taken = self.steps + self.shrinking
        return taken / max(self.seconds, 1e-9)

    def require(self, known, least):
        """Refuse a hunt that saw too little.

        :param known: how many edges there are, from exploring all
        :param least: the share of them that must have been taken
        :raises HuntError: if it is less
        """
        if known < 1:
            raise HuntError(f'{self.model.name} has no edge to cover; give '
                            'how many the exhaustive check counted')
        if self.edges < least * known:
            raise HuntError(
                f'{self.model.name}: {self.edges:,} of {known:,} edges '
                f'({self.edges / known:.1%}) were taken, and '
                f'{least:.1%} are asked for; allow more steps')


# What a state allows

class Known:
    """A state that was seen.

    :ivar steps: the steps that are possible, by their index
    :ivar afters: where each leads
    :ivar untried: the places in ``steps`` that were not taken yet
    :ivar far: at least so many steps lie before the next untried edge
    :ivar broken: what this state breaks
    """

    __slots__ = ('steps', 'afters', 'untried', 'far', 'broken')

    def __init__(self, steps, afters, broken):
        self.steps, self.afters, self.broken = steps, afters, broken
        self.untried = list(range(len(steps)))
        self.far = 0 if steps else math.inf


class Explorer:
    """What is known of a model, where the run stands, and where to go.

    :param seed: of the chance that decides where the steering does not
    :param system: a :class:`System`, or None: the model itself
    :ivar plain: True while Hypothesis tries its smallest example, before
        any steering; it remembers what came of it, so that nothing is
        passed by there
    :ivar passing: True to pass by the first failure, and to repeat its run
        in an example of its own, which is quick to shrink
    :ivar passed: the (failure, run) that was passed by, or None
    :ivar stop: True to end the example that is being made
    :raises HuntError: if the system lacks an action
    """

    def __init__(self, model, seed=0, system=None):
        self.model, self.system = model, system
        self.count = len(model.steps)
        self.result = Hunted(model, seed)
        self.run = None
        self.plain = self.passing = self.stop = False
        self.passed, self._queue = None, []
        self._index = {(step.action.name, step.arguments): number
                       for number, step in enumerate(model.steps)}
        self._chance = random.Random(seed)
        self._trees = [Tree(model, step.action.body, step.arguments, False)
                       for step in model.steps]
        self._always = [
            (prop.name, Tree(model, prop.body, arguments, True))
            for prop in model.properties.values() if prop.kind == 'always'
            for arguments in itertools.product(*prop.sets.values())]
        self._final = model.final and Tree(model, model.final, (), True)
        self._known, self._path = {}, []
        self._first = model.initial
        self._check_system()

    def _check_system(self):
        for name in self.model.actions if self.system is not None else ():
            if not callable(getattr(self.system, name, None)):
                raise HuntError(
                    f'{type(self.system).__name__} has no method {name}, '
                    f'and {self.model.name} has that action; write it')

    def look(self, codes):
        """The :class:`Known` of a state."""
        found = self._known.get(codes)
        if found is None:
            found = self._known[codes] = self._judge(codes)
            if self._looking:
                self.result.states += 1
        return found

    def _judge(self, codes):
        steps, afters, lively = [], [], False
        for index, tree in enumerate(self._trees):
            writes = tree(codes)
            if writes.__class__ is not Guard:
                steps.append(index)
                afters.append(successor(codes, writes))
                lively = (lively
                          or not self.model.steps[index].action.fault)
        broken = [name for name, tree in self._always if not tree(codes)]
        if not lively and not (self._final and self._final(codes)):
            broken.append(DEADLOCK)
        return Known(steps, afters, broken)

    # taking steps

    @property
    def _looking(self):
        """True until something has failed."""
        return self.passed is None and self.result.failure is None

    def begin(self):
        """Begin a run where the model starts."""
        self._afresh()
        self._here = self.look(self.model.initial)
        if self.system is not None:
            self._call(self.system.start)
        self._compare()

    def _afresh(self):
        """Let go of the run, and keep what was learned from it."""
        self.stop = False
        self.result.runs += self._looking
        # From the end back, what was learned goes farthest.
        for known in reversed(self._path):
            if not known.untried:
                known.far = max(known.far, 1 + self._nearest(known)[0])
        self._path = []
        self.run = Run(self.model, [self.model.initial], [])

    def take(self, number):
        """Take the step that a number from 0 to 2 * count - 1 stands for;
        from count on, in a new run.

        :raises Failed: if that breaks something
        """
        if number >= self.count or not self._here.steps:
            self.begin()
        here, place = self._stands_for(number)
        self._mark(here, place)
        step = self.model.steps[here.steps[place]]
        self.run.steps.append(step)
        self.run.states.append(here.afters[place])
        self._here = self.look(here.afters[place])
        if self.system is not None:
            self._call(getattr(self.system, step.action.name),
                       *step.arguments)
        self._compare()

    def _stands_for(self, number):
        """The :class:`Known` here, and the place in it of the step that a
        number stands for: the next one that is possible.
        """
        here = self._here
        place = bisect_left(here.steps, number % self.count)
        return here, place if place < len(here.steps) else 0

    def take_step(self, step):
        """Take this step, if it is possible; returns whether it is."""
        number = self._number(step)
        if number not in self._here.steps:
            return False
        self.take(number)
        return True

    def _mark(self, here, place):
        self._path.append(here)
        new = place in here.untried
        if new:
            here.untried.remove(place)
        if self._looking:
            self.result.steps += 1
            self.result.edges += new
        else:
            self.result.shrinking += 1

    def _call(self, method, *arguments):
        try:
            method(*arguments)
        except Exception as error:
            self._fail(RAISES, f'{method.__name__} raises '
                       f'{type(error).__name__}: {error}')

    def _compare(self):
        for name in self._here.broken:
            self._fail(name)
        if self.system is None:
            return
        values = self.model.values(self.run.states[-1])
        for name, value in self.system.observe().items():
            if name not in values:
                raise HuntError(f'{type(self.system).__name__} observes '
                                f'{name!r}, which {self.model.name} has not; '
                                f'it has {", ".join(values)}')
            if value is not values[name] and value != values[name]:
                self._fail(DIFFERS, f'{name} is {value_name(value)}, and '
                           f'{value_name(values[name])} in the model')

    def _fail(self, name, detail=''):
        # Shrinking follows one failure and goes past all others.
        before = self.result.failure
        if before is not None and before.name != name:
            return
        failed = Failed(name, detail)
        if self.passing and not self.plain and (
                self.passed is None or self._queue):
            if self.passed is None:
                self.passed, self.stop = (failed, self._copy()), True
                self._queue = [self._number(step) for step in self.run.steps]
            return
        if before is None:
            self.result.found = self._copy()
        if before is None or len(self.run.steps) < len(
                self.result.run.steps):
            self.result.failure, self.result.run = failed, self.run
        raise failed

    def _copy(self):
        return Run(self.model, list(self.run.states), list(self.run.steps))

    def _number(self, step):
        return self._index[step.action.name, step.arguments]

    # steering

    def _nearest(self, known):
        """How far the nearest untried edge is from where the steps lead,
        and the places of the steps that go there.
        """
        bounds = [self._known[after].far if after in self._known else 0
                  for after in known.afters]
        least = min(bounds, default=math.inf)
        return least, [place for place, bound in enumerate(bounds)
                       if bound == least]

    def choose(self):
        """The number of the step that goes to an untried edge."""
        self.plain = False
        if self._queue:
            return self._queue.pop(0)
        here, again = self._here, 0
        places = here.untried
        if not places:
            least, places = self._nearest(here)
            here.far = max(here.far, 1 + least)
            first = self._known[self._first]
            if not places or self._path and first.far < least:
                here, again = first, self.count
                places = here.untried or self._nearest(here)[1]
        return again + here.steps[self._chance.choice(places)]


# Hypothesis

def machine(explorer):
    """A ``RuleBasedStateMachine`` whose rule takes a step of the model."""

    class ModelMachine(RuleBasedStateMachine):
        """Takes one step after the other."""

        def __init__(self):
            super().__init__()
            explorer.begin()

        @rule(number=st.integers(0, 2 * explorer.count - 1))
        def step(self, number):
            """Take the step that the number stands for."""
            explorer.take(number)

    return hypothesis.seed(explorer.result.seed)(ModelMachine)


def backend(explorer):
    """A backend that draws what the explorer chooses."""
    largest = 2 * explorer.count - 1

    class Steered(PrimitiveProvider):
        """Asks the explorer for numbers of steps; all else is plain."""

        def draw_integer(self, min_value=None, max_value=None, *,
                         weights=None, shrink_towards=0):
            return explorer.choose() if max_value == largest else (
                min_value or 0)

        def draw_boolean(self, p=0.5):
            # Nothing but the end of an example has a chance of its own.
            return p >= 1 or p > 0 and explorer.stop

        def _no(self, *args, **kwargs):
            raise NotImplementedError('a step is a number')

        draw_float = draw_string = draw_bytes = _no

    return Steered


def hunt(model, budget=20_000, seed=0, system=None, pins=None):
    """Look for a run that fails, and shrink it.

    :param model: a :class:`~.kernel.language.Model`
    :param budget: how many steps to take at most, those of pins apart
    :param seed: the same seed takes the same steps
    :param system: a :class:`System`; None: the model itself
    :param pins: :class:`Pins` to replay first, and to add to
    :returns: a :class:`Hunted`
    :raises HuntError: if there is nothing to hunt, or a pin is stale
    :raises ModelError: if the model does what a model may not do
    """
    if budget < 1:
        raise HuntError(f'a budget of {budget} steps tests nothing; give '
                        'one or more')
    began = time.monotonic()
    explorer = Explorer(model, seed, system)
    result = explorer.result
    try:
        replay(explorer, [])  # is the start itself as it should be?
        if not explorer.look(model.initial).steps:
            raise HuntError(f'{model.name}: nothing is possible at the '
                            'start; there is no step to test')
        for steps in pins.read(model) if pins else ():
            result.pins += 1
            replay(explorer, steps)
        _generate(explorer, budget)
    except Failed:
        if result.steady:
            trim(explorer)
            if system is None and _look_shorter(explorer):
                trim(explorer)
            if pins:
                pins.write(result)
    result.seconds = time.monotonic() - began
    return result


def replay(explorer, steps):
    """Take these steps from the start, until one is not possible."""
    explorer.begin()
    for step in steps:
        if not explorer.take_step(step):
            return


def trim(explorer):
    """Leave out steps without which the run fails just the same: one at a
    time and, where that costs little, in pairs such as a bind and its
    unbind.

    Hypothesis does not touch a run of smallest numbers, and stops after a
    while; this is quick, and comes after it.
    """
    result, shorter = explorer.result, True
    sizes = (1, 2) if explorer.system is None else (1,)
    while shorter:
        length, shorter = len(result.run.steps), False
        for gone in itertools.chain.from_iterable(
                itertools.combinations(range(length), size)
                for size in sizes):
            try:
                replay(explorer, [
                    step for place, step in enumerate(result.run.steps)
                    if place not in gone])
            except Failed:
                shorter = True
                break


def _look_shorter(explorer):
    """Steer on for a while, in runs too short to be longer: out of where
    leaving steps out does not help.  Returns whether that found one.
    """
    result = explorer.result
    length = len(result.run.steps)
    if length < 2:
        return False
    explorer.passing = False
    explorer.begin()
    for _ in range(MORE):
        if len(explorer.run.steps) >= len(result.run.steps) - 1:
            explorer.begin()
        try:
            explorer.take(explorer.choose())
        except Failed:
            explorer.begin()
    return len(result.run.steps) < length


def _generate(explorer, budget):
    length = min(STEPS, budget)
    name = f'cyborg-models-{id(explorer)}'
    AVAILABLE_PROVIDERS[name] = backend(explorer)
    explorer.plain = explorer.passing = True
    try:
        run_state_machine_as_test(machine(explorer), settings=settings(
            backend=name, max_examples=budget // length,
            stateful_step_count=length, deadline=None, database=None,
            derandomize=False, report_multiple_bugs=False, print_blob=False,
            phases=(Phase.generate, Phase.shrink), verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck)))
    except Flaky:
        result = explorer.result
        result.steady, result.run = False, result.found
    finally:
        del AVAILABLE_PROVIDERS[name]
    _repeat(explorer)


def _repeat(explorer):
    """A failure that was passed by and not seen again: see to it here."""
    result = explorer.result
    passed = explorer.passed
    if passed is None or result.failure is not None:
        return
    explorer.passing = False
    replay(explorer, passed[1].steps)
    result.steady = False
    result.failure, result.found = passed
    result.run = result.found
    raise result.failure


# Pins

@dataclass
class Pins:
    """Failing runs that are kept as files, and replayed first.

    :ivar folder: where the ITF files are
    :ivar name, settings, defects: of the model, as in the files; those of
        another configuration are left alone
    """

    folder: str
    name: str
    settings: dict = field(default_factory=dict)
    defects: tuple = ()

    def read(self, model):
        """The steps of each pinned run of this configuration.

        :raises HuntError: if the model has changed since
        :raises TraceError: if a file is no trace
        """
        names = (sorted(os.listdir(self.folder))
                 if os.path.isdir(self.folder) else [])
        for name in names:
            if not name.endswith('.itf.json'):
                continue
            document = itf.Document(os.path.join(self.folder, name))
            if self._is_mine(document):
                yield self._steps(document, model)

    def _is_mine(self, document):
        given = dict(pair.split('=', 1) for pair in document.settings)
        return (document.name == self.name and given == self.settings
                and set(document.defects) == set(self.defects))

    def _steps(self, document, model):
        try:
            return document.run(model).steps
        except itf.TraceError as error:
            raise HuntError(f'{error}; the pin is stale: the model has '
                            'changed since; take the file away, or pin the '
                            'failure anew') from None

    def write(self, result):
        """Keep the run that failed."""
        os.makedirs(self.folder, exist_ok=True)
        name = '-'.join((self.name, *self.defects, result.failure.name))
        with open(os.path.join(self.folder, f'{name}.itf.json'), 'w',
                  encoding='utf-8') as file:
            file.write(itf.dumps(
                result.run, self.name, self.settings, self.defects,
                f'{result.failure.name}, seed {result.seed}'))


__all__ = ['DEADLOCK', 'DIFFERS', 'RAISES', 'Explorer', 'Failed', 'Hunted',
           'HuntError', 'Known', 'Pins', 'System', 'backend', 'hunt',
           'machine', 'replay', 'trim']
