"""A log checked after the fact: does the model allow what it says?

A log is NDJSON, an event a line, each key of which may be missing:

.. code-block:: json

   {"number": 7, "time": 12.5, "actor": "cyborg-conductor",
    "action": "take", "arguments": {"arq": 0, "handle": 1},
    "outcome": "ok", "observed": {"arq[0]": "BIND_STARTED"}}

``number``
    counts the lines of the whole log from 1 on
``time``
    seconds, or a text as ISO 8601 has it
``actor``
    who wrote it; only for messages
``action``, ``arguments``
    what happened; without an action the line is what was seen.  An argument
    that is missing may be any
``outcome``
    ``ok``, as it is without; ``refused``; ``unknown``: it may have happened
    The action ``begin`` is of no model: the implementation was set up anew
``observed``
    what was seen after it; whatever is missing was not seen
``note``
    anything

Other logs are read through a :class:`~.mapping.Mapping`.

Only a log that is whole proves anything.  A line that is missing, doubled
or out of order looks just like a fault of the implementation, so a log
must number its lines, or whoever hands it in says that it is complete.
Where the numbers jump, or the clock goes back, the check ends, and the
verdict is inconclusive, whatever came before was allowed.  A line that
cannot be read, or has a word that the model has not, is an error of the
log: neither says anything of the implementation.

How it is fast: a line without its number and time is one of a few texts.
What such a line does to a set of states is asked of the oracle once, and
remembered, with what it shows of the requirements.  Where the action comes
after these two, what follows is such a text as it stands, and of a line that
is known no more is read than what stands before.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import functools
import json
import os
import random
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, NoReturn

import orjson

from cyborg_models.conformance import blame
from cyborg_models.conformance.mapping import (
    BEGIN,
    KEYS,
    OUTCOMES,
    LogError,
    Mapping,
    Translator,
    check_names,
    read_mapping,
)
from cyborg_models.conformance.oracle import (
    NONE,
    OK,
    REFUSED,
    Divergence,
    Oracle,
    Undecided,
)
from cyborg_models.conformance.verdict import Evidence
from cyborg_models.conformance.words import (
    WordError,
    Words,
    shown,
    written,
)
from cyborg_models.kernel.itf import unique
from cyborg_models.kernel.language import Codes, Guard, Model, Step
from cyborg_models.kernel.walk import successors
from cyborg_models.registry import near

LONGEST = 1 << 20  # bytes of a line
WINDOW = 100  # lines that are kept to tell what came before
SHOWN = 12  # of them, as they were written
REMEMBERED = 200_000  # what lines do to sets of states
TICK = 1 << 14  # lines between two looks at the clock
TRIES = 10_000  # states that a rule is looked at in without finding evidence
ACTION = b',"action"'  # what stands before it is read of each line
BOMS = b'\xef\xbb\xbf', b'\xff\xfe', b'\xfe\xff'
UNNUMBERED = ('nothing shows that no line is missing, doubled or out of '
              'order; give each line its "number", from 1 on, or say '
              '--complete if you know')


@dataclass
class Checked:
    """What came of a log.

    :ivar lines: that were read
    :ivar events: that the model allows, one after the other
    :ivar divergence: the first line that it does not allow, or None
    :ivar line: the number of the line, in the file, where it ended
    :ivar text: that line
    :ivar cause: why nothing is decided, or ''
    :ivar first: the line of the file where the divergence's prefix begins
    :ivar before: the last lines that are allowed, each with its number
    :ivar steps: of the model, those that happened, as far as is known
    :ivar known: (defect, line, divergence) for each known divergence that
        showed: the check went on after it
    :ivar evidence: requirement -> what shows it
    :ivar held: requirement -> in how many lines its guards held
    :ivar refused: requirement -> how many lines were refused where nothing
        else forbids what they say
    :ivar actions: names of those that some line has
    :ivar observed: names of the variables that some line has
    """

    lines: int = 0
    events: int = 0
    divergence: Divergence | None = None
    line: int = 0
    text: str = ''
    cause: str = ''
    first: int = 1
    before: tuple[str, ...] = ()
    steps: set[Step] = field(default_factory=set)
    known: list[tuple[str, int, Divergence]] = field(default_factory=list)
    evidence: dict[str, tuple[str, ...]] = field(default_factory=dict)
    held: collections.Counter[str] = field(
        default_factory=collections.Counter)
    refused: collections.Counter[str] = field(
        default_factory=collections.Counter)
    actions: set[str] = field(default_factory=set)
    observed: set[str] = field(default_factory=set)

    @property
    def verdict(self) -> str:
        """``pass``, ``fail`` or ``inconclusive``."""
        return ('inconclusive' if self.cause else
                'fail' if self.divergence or self.known else 'pass')


class _Line(NamedTuple):
    """What a line says.

    :ivar steps: each that it may be; none: only what was seen
    :ivar begins: True where the implementation begins anew
    """

    steps: tuple[Step, ...] = ()
    outcome: str = OK
    seen: dict[str, Any] = {}
    begins: bool = False


class _Doubt(Exception):
    """From here on nothing is decided: why."""


class _Place:
    """A set of states that was met, and what lines make of it."""

    __slots__ = ('position', 'moves')

    def __init__(self, position: Any) -> None:
        self.position = position
        self.moves: dict[bytes, _Move] = {}


class _Move:
    """What a line makes of a set of states.

    :ivar lines: how many have made it and are not counted yet
    :ivar held: the requirements whose guards held
    :ivar refused: the requirement that refused it, or ''
    """

    __slots__ = ('after', 'held', 'lines', 'refused')

    def __init__(self, after: _Place, held: frozenset[str] = frozenset(),
                 refused: str = '') -> None:
        self.after, self.held, self.refused = after, held, refused
        self.lines = 0


class Checker:
    """Holds a log against an oracle.

    :param oracle: that begins where the log does
    :param mapping: how the lines are read
    :param seconds: that it may take
    :param known: names of defects that may show
    """

    def __init__(self, oracle: Oracle, mapping: Mapping | None = None,
                 seconds: float = 3600.0, known: Iterable[str] = ()) -> None:
        self._oracle, self._mapping = oracle, mapping or Mapping()
        check_names(self._mapping, oracle.model)
        self._words = Words(oracle.model)
        self._cells = {name: cell for cell, name
                       in enumerate(self._words.cells)}
        self._translator = (Translator(self._mapping, self._words)
                            if self._mapping.fields else None)
        self.seconds, self._known = seconds, tuple(known)
        self._places: dict[Any, _Place] = {}
        self._moves = 0
        self._asked: dict[Any, frozenset[str]] = {}
        self._start = oracle.configurations
        self._result = Checked()

    def check(self, file: BinaryIO, name: str = 'log') -> Checked:
        """Read a log to its end, or to where it is decided.

        :param file: of bytes
        :param name: of the log, for messages
        :raises LogError: at a line that cannot be read
        """
        self._name, self._end = name, time.monotonic() + self.seconds
        self._result = result = Checked()
        self._places.clear()
        self._moves = 0
        self._evidence = Evidence(
            self._oracle.model, self._oracle.hidden, TRIES)
        self._last: collections.deque[tuple[_Place, bytes, int]] = (
            collections.deque(maxlen=WINDOW))
        try:
            self._follow(file)
        except (_Doubt, Undecided) as doubt:
            result.cause = str(doubt)
        except Divergence as divergence:
            result.divergence = divergence
        if not (result.actions or result.observed or result.cause
                or result.divergence is not None):
            raise LogError(f'{name}: it has no event; give a log of what '
                           'happened')
        if self._translator is not None and result.divergence is None:
            self._translator.check_fields()
        if not result.cause and not self._numbered and (
                not self._mapping.complete):
            result.cause = UNNUMBERED
            if result.divergence is not None:
                result.cause = (
                    f'the model does not allow what line {result.line} says '
                    f'({result.divergence}), if none before it is missing; '
                    f'and {UNNUMBERED}')
        self._count()
        result.evidence = {name: tuple(shown) for name, shown
                           in self._evidence.found.items()}
        return result

    def _count(self) -> None:
        """Count what the lines have shown since the last time."""
        result = self._result
        for place in self._places.values():
            for move in place.moves.values():
                for name in move.held:
                    result.held[name] += move.lines
                if move.refused:
                    result.refused[move.refused] += move.lines
                move.lines = 0

    def _follow(self, file: BinaryIO) -> None:
        # The inner loop: what is here runs for each line.
        loads, dumps = orjson.loads, orjson.dumps
        pick = self._translator.pick if self._translator else None
        result, last = self._result, self._last
        here = self._place(self._start)
        expected, latest, before = self._mapping.first, None, b''
        self._numbered, skew = False, self._mapping.skew
        events, line = 0, b''
        split = ACTION if pick is None else b'\n'
        try:
            for count, line in enumerate(
                    iter(functools.partial(file.readline, LONGEST), b''), 1):
                result.lines = count
                if not count % TICK and time.monotonic() > self._end:
                    raise _Doubt(_over(self.seconds))
                head, _, key = line.partition(split)
                move = here.moves.get(key)
                try:
                    text = line if move is None else head + b'}'
                    given = loads(text)
                    # Of a key that is there twice one value is left, and
                    # with it one colon.
                    if b'\\' in text or (text.count(b':')
                                         != dumps(given).count(b':')):
                        self._check_keys(line)
                    if pick is not None:
                        given = pick(given)
                    number = given.pop('number', None)
                    moment = given.pop('time', None)
                    if 'actor' in given or 'note' in given:
                        given.pop('actor', None)
                        given.pop('note', None)
                    if move is None or given:
                        if move is not None:
                            given.update(loads(_event_of(key)))
                        tail, key = key, dumps(given)
                        move = here.moves.get(key)
                except (ValueError, TypeError, AttributeError):
                    if line.isspace():
                        continue
                    self._unreadable(line)
                if number != expected or number.__class__ is not int:
                    self._check_number(number, expected, events)
                else:
                    expected += 1
                    self._numbered = True
                if moment is not None:
                    if moment.__class__ is str:
                        moment = self._seconds_of(moment, line)
                    elif (moment.__class__ is not float
                          and moment.__class__ is not int):
                        self._fail(f'time is {shown(moment)}; give seconds, '
                                   'or a text as ISO 8601 has it')
                    if line == before:
                        raise _Doubt('the line before it says the same, at '
                                     'the same time: it may be doubled; '
                                     'number the lines')
                    before = line
                    if latest is None or moment >= latest:
                        latest = moment
                    elif moment < latest - skew:
                        raise _Doubt(
                            f'the time goes back by {latest - moment:g} s: '
                            'the order of the lines is not that of the '
                            'clock, or clocks differ; sort them, or allow '
                            'it with "skew" in a mapping')
                if move is None:
                    move = self._learn(here, key, given, tail)
                move.lines += 1
                last.append((here, key, count))
                here = move.after
                events += 1
        except (_Doubt, Undecided, Divergence):
            result.line = result.lines
            result.text = line.decode(errors='replace').strip()
            raise
        finally:
            result.events = events

    def _place(self, position: Any) -> _Place:
        found = self._places.get(position)
        if found is None:
            found = self._places[position] = _Place(position)
        return found

    def _learn(self, here: _Place, key: bytes, given: dict[str, Any],
               tail: bytes) -> _Move:
        """What a line makes of where it was met.

        :param tail: what stands behind the first action in it
        """
        if self._moves > REMEMBERED or len(self._places) > REMEMBERED:
            self._count()
            self._places.clear()
            here.moves.clear()
            self._places[here.position] = here
            self._moves = 0
        if time.monotonic() > self._end:
            raise _Doubt(_over(self.seconds))
        try:
            move = self._after(here.position, given)
        except Divergence as divergence:
            last, result = self._last, self._result
            result.first = last[0][2] if last else result.lines
            divergence = self._retold(here, given, divergence)
            result.before = tuple(
                f'{number}: {_event_of(key).decode()}'
                for _, key, number in last
                if number >= result.first)[-SHOWN:]
            return self._past(divergence, given)
        with contextlib.suppress(ValueError):
            if orjson.loads(_event_of(tail)) == given:
                key = tail  # there is nothing else in the line
        here.moves[key] = move
        self._moves += 1
        return move

    def _after(self, position: Any, given: dict[str, Any]) -> _Move:
        """What a line makes of where the oracle stands."""
        line, result = self._read(given), self._result
        if line.begins:
            return _Move(self._place(self._start))
        if not line.steps and not line.seen:
            return _Move(self._place(position))
        oracle = self._oracle
        found: dict[Step | None, Any] = {}
        trouble = None
        for step in line.steps or (None,):  # each that it may have been
            oracle.stand(position)
            try:
                self._tell(line, step)
            except Divergence as divergence:
                trouble = trouble or divergence
            else:
                found[step] = oracle.configurations
                if step is not None and line.outcome == OK:
                    result.steps.add(step)
        if not found:
            assert trouble is not None
            raise trouble
        result.observed.update(name.partition('[')[0] for name in line.seen)
        result.actions.update(step.action.name for step in line.steps)
        after = frozenset().union(*found.values())
        return self._shown(position, line, after,
                           next(iter(found)) if len(found) == 1 else None)

    def _shown(self, position: Any, line: _Line, after: Any,
               step: Step | None) -> _Move:
        """What a line shows of the requirements.

        :param after: where the oracle stands then
        :param step: that the line has; None if it has none, or may be one
            of several
        """
        oracle, evidence = self._oracle, self._evidence
        oracle.stand(after)
        fitting, place = oracle.fitting, self._place(after)
        oracle.stand(position)
        before = oracle.states
        seen = [self._cells[name] for name in line.seen]
        if step is None:
            evidence.came(before, fitting, seen)
            return _Move(place)
        may = oracle.may(step)
        evidence.took(before, step, line.outcome, may, fitting, seen)
        if line.outcome == OK:
            return _Move(place, self._held(before, step))
        return _Move(place, refused=evidence.denied_by(before, step)
                     if line.outcome == REFUSED and may == NONE else '')

    def _held(self, states: Iterable[Codes], step: Step) -> frozenset[str]:
        """The requirements whose guards hold where a step is possible."""
        tree = self._evidence.tree(step)
        found: frozenset[str] | None = None
        for codes in states:
            if tree(codes).__class__ is Guard:
                continue
            key = step.name, tree.reads(codes)
            if key not in self._asked:
                self._asked[key] = frozenset(
                    site.requirement for site in blame.guards_asked(
                        self._oracle.model, codes, step))
            found = (self._asked[key] if found is None
                     else found & self._asked[key])
        return (found or frozenset()) - {''}

    def _tell(self, line: _Line, step: Step | None) -> None:
        source = f'{self._name}:{self._result.lines}'
        if step is not None:
            self._oracle.step(step.action.name, step.arguments, line.outcome,
                              source)
        if line.seen:
            self._oracle.observe(line.seen, source)

    def _retold(self, here: _Place, given: dict[str, Any],
                divergence: Divergence) -> Divergence:
        """The divergence with the story of the last lines, told again."""
        oracle, result = self._oracle, self._result
        count = result.lines
        places = [*(place for place, _, _ in self._last), here]
        oracle.stand(places[0].position)
        for (_, key, number), after in zip(self._last, places[1:],
                                           strict=True):
            line = self._read(orjson.loads(_event_of(key)))
            if line.begins or len(line.steps) > 1:
                # Of several steps it is not known which it was: what is
                # told begins after them.
                oracle.stand(after.position)
                result.first = number + 1
                continue
            result.lines = number
            self._tell(line, line.steps[0] if line.steps else None)
        result.lines = count
        line = self._read(given)
        try:
            self._tell(line, line.steps[0] if line.steps else None)
        except Divergence as found:
            return found
        return divergence

    def _past(self, divergence: Divergence, given: dict[str, Any]) -> _Move:
        """Go on past a known divergence, or raise it."""
        line = self._read(given)
        for name in self._known:
            if name in self._oracle.defects:
                continue
            oracle = self._oracle.with_defect(name)
            try:
                divergence.again(oracle)
                if divergence.event.kind == 'step' and line.seen:
                    oracle.observe(line.seen, divergence.event.source)
            except Divergence:
                continue
            self._oracle = oracle
            self._result.known.append(
                (name, self._result.lines, divergence))
            # What was remembered is of an oracle that allowed less.
            self._count()
            self._places.clear()
            return _Move(self._place(oracle.configurations))
        raise divergence

    # reading a line

    def _read(self, given: Any) -> _Line:
        """What a line says."""
        try:
            if self._translator is not None:
                given = self._translator.translate(given)
                if given is None:
                    return _Line()
            return self._read_ours(given)
        except WordError as error:
            self._fail(str(error))

    def _read_ours(self, given: dict[str, Any]) -> _Line:
        for key in given:
            if key not in KEYS:
                raise WordError(f'unknown key {shown(key)}; '
                                f'{near(key[:80], KEYS)}')
        outcome = given.get('outcome', OK)
        if outcome not in OUTCOMES:
            raise WordError(f'outcome is {shown(outcome)}; '
                            f'{near(str(outcome)[:80], OUTCOMES)}')
        if given.get('action') == BEGIN:
            return _Line(begins=True)
        seen = self._words.values(given.get('observed', {}))
        if 'action' in given:
            steps = self._words.matching(given['action'],
                                         given.get('arguments', {}))
            return _Line(tuple(steps), outcome, seen)
        if 'arguments' in given or 'outcome' in given:
            raise WordError('arguments or an outcome, and no action; name '
                            'it, or take them out')
        if not seen:
            raise WordError('neither an action nor anything observed; take '
                            'the line out')
        return _Line(seen=seen)

    def _check_keys(self, line: bytes) -> None:
        """Refuse a line that says something twice: of the two, which?"""
        try:
            json.loads(line, object_pairs_hook=unique)
        except ValueError as error:
            self._fail(str(error))
        except RecursionError:
            self._unreadable(line)

    def _unreadable(self, line: bytes) -> NoReturn:
        text = line.decode(errors='replace').strip()
        if len(line) >= LONGEST:
            self._fail(f'a line of more than {LONGEST:,} bytes; end each '
                       'event with a line feed')
        if self._result.lines == 1 and line.startswith(BOMS):
            self._fail('it begins with a byte order mark; save it as UTF-8 '
                       'without one')
        if b'\r' in line.strip():
            self._fail('it has a carriage return within a line; end each '
                       'event with a line feed')
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if not line.endswith(b'\n'):
                raise _Doubt('the log ends within a line: whoever wrote it '
                             'was cut off, and what happened then is not '
                             'known') from None
            why = f' ({error.msg})'
        else:
            why = ''  # JSON, and no object
        self._fail(f'{shown(text)} is no JSON object{why}; write each event '
                   'as an object, in a line of its own')

    def _fail(self, what: str) -> NoReturn:
        raise LogError(f'{self._name}:{self._result.lines}: {what}')

    def _check_number(self, number: Any, expected: int, events: int) -> None:
        """Raises unless the log has no numbers."""
        if number is None and not self._numbered:
            return
        if type(number) is not int:
            self._fail(f'number is {shown(number)}; give each line its '
                       f'number, here {expected}')
        if events and not self._numbered:
            self._fail('the lines before have no number; give each line '
                       'its own, or none')
        if not events:
            raise _Doubt(f'the log begins with number {number}, and not with '
                         f'{expected}: what came before is missing; if it '
                         'is whole, say "first" in a mapping')
        if number > expected:
            missing = (f'number {expected} is' if number == expected + 1
                       else f'numbers {expected} to {number - 1} are')
            raise _Doubt(f'{missing} missing here, or out of order: this '
                         f'line has number {number}')
        raise _Doubt(f'number {number} comes once more, or too late: '
                     f'{expected} is next')

    def _seconds_of(self, text: str, line: bytes) -> float:
        try:
            found = datetime.datetime.fromisoformat(text)
        except ValueError:
            self._fail(f'time is {shown(text)}; give seconds, or a text as '
                       'ISO 8601 has it')
        if found.tzinfo is None:
            found = found.replace(tzinfo=datetime.UTC)
        return found.timestamp()


def _event_of(key: bytes) -> bytes:
    """The event by which a move is remembered."""
    return key if key.startswith(b'{') else b'{' + ACTION[1:] + key.rstrip()


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Have whoever waits for a line wait no longer than that."""
    def ring(number: int, frame: Any) -> NoReturn:
        raise _Doubt(_over(seconds))

    if threading.current_thread() is not threading.main_thread():
        yield  # nobody else can be rung
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _over(seconds: float) -> str:
    return f'{seconds:g} s are over; allow more with --seconds'


def check_file(path: str, checker: Checker) -> Checked:
    """Check a log by its path; ``-`` for standard input.

    :raises LogError: if it cannot be read
    """
    if path == '-':
        with _alarm(checker.seconds):
            return checker.check(sys.stdin.buffer, 'standard input')
    try:
        # To open a pipe that nobody writes to would wait for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise LogError(f'{path}: it is no file; give a log, or "-" '
                           'for standard input')
        with open(path, 'rb') as file:
            return checker.check(file, path)
    except OSError as error:
        raise LogError(f'{path}: {error.strerror}; give the path of a '
                       'log') from None


# Logs of a model

def sample(model: Model, chance: random.Random, count: int,
           observe: bool = True, refused: float = 0.0) -> Iterator[bytes]:
    """The lines of a log that a model makes: random runs, one after the
    other, in which nothing is hidden.

    :param count: how many lines
    :param observe: True to say after each step what it changed
    :param refused: the share of lines that are steps that are not possible
    """
    known: dict[Codes, list[tuple[bytes, Codes]]] = {}
    denied: dict[Codes, list[bytes]] = {}
    here, clock = model.initial, 0.0
    for number in range(1, count + 1):
        if here not in known:
            known[here], denied[here] = _told(model, here, observe)
        clock += chance.random()
        if denied[here] and chance.random() < refused:
            text = chance.choice(denied[here])
        elif known[here]:
            text, here = chance.choice(known[here])
        else:
            text, here = b'"action":"begin"', model.initial
        yield b'{"number":%d,"time":%.3f,%b}\n' % (number, clock, text)


def _told(model: Model, codes: Codes, observe: bool
          ) -> tuple[list[tuple[bytes, Codes]], list[bytes]]:
    """What steps are as texts: (text, state after) each; and those that
    are refused.
    """
    names = list(Words(model).cells)
    found, possible = [], set()
    for step, after in successors(model, codes):
        event: dict[str, Any] = _event(step)
        if observe:
            values = model.values(after)
            event['observed'] = {
                name: written(values[name]) for name, was, code
                in zip(names, codes, after, strict=True) if was != code}
        found.append((orjson.dumps(event)[1:-1], after))
        possible.add(step)
    return found, [orjson.dumps({**_event(step), 'outcome': REFUSED})[1:-1]
                   for step in model.steps if step not in possible]


def _event(step: Step) -> dict[str, Any]:
    return {'action': step.action.name, 'arguments': dict(zip(
        step.action.sets, step.arguments, strict=True))}


__all__ = ['Checked', 'Checker', 'LogError', 'Mapping', 'check_file',
           'read_mapping', 'sample']
