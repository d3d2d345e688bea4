"""A system under test in any language: JSON lines over stdin and stdout.

The kit writes a request a line, and the harness answers each with a line
that repeats its ``id``; ``wire.schema.json`` beside this module has every
message.  ``ask`` of a request is one of

``hello``
    has the version of the protocol; the answer says what a
    :class:`~.suite.System` says of itself: the ``model`` that it is held to
    and ``settings`` of that, ``implementation``, ``roles``,
    ``capabilities``, the ``actions`` that can be called, and ``hidden``,
    ``refuses``, ``observed``, ``callers`` and ``settle``
``start``
    go to where the model starts, whatever was before
``call``
    an action with its arguments; the outcome is ``ok``, ``refused``,
    ``unknown`` (it may or may not have happened), ``not implemented`` or
    ``error`` (the harness itself failed)
``observe``
    what can be seen: name of a variable, such as ``arq[0]`` -> value
``stop``
    answer, and end

The answer to ``start`` and ``call`` may have ``observed`` too, which saves
a request.  Only a harness that takes several ``callers`` is asked before it
has answered, and may then answer in any order.

Everything that is not as said here is a :class:`~.lines.WireError`, and
so is silence beyond the time limit.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, NoReturn

from cyborg_models import registry
from cyborg_models.conformance.lines import (
    PATIENCE,
    Lines,
    WireError,
)
from cyborg_models.conformance.suite import HIDDEN_REST, System
from cyborg_models.conformance.words import WordError, Words, shown
from cyborg_models.kernel.itf import unique
from cyborg_models.registry import Chosen, InputError, near

VERSION = 1
OUTCOMES = ('ok', 'refused', 'unknown', 'not implemented', 'error')
BRIEF = 0.1  # seconds for a harness that broke to end
LONGEST_WAIT = 600  # seconds that a harness may ask to settle
LONGEST_NAME = 200  # characters of an implementation's name or version
HELLO = 30.0  # seconds at least for the first answer: it has to start
GRACE = 5.0  # seconds more, so that what is told is what the wire saw
SLICE = 0.002  # seconds that one of several callers listens at a time
#: answer to -> its keys -> what each may be
KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    'hello': {'model': (str,), 'settings': (dict,),
              'implementation': (dict,), 'roles': (list,),
              'capabilities': (list,), 'actions': (list,),
              'hidden': (list, str), 'refuses': (list,),
              'observed': (list,), 'callers': (int,),
              'settle': (int, float)},
    'start': {'outcome': (str,), 'message': (str,), 'observed': (dict,)},
    'call': {'outcome': (str,), 'message': (str,), 'observed': (dict,)},
    'observe': {'observed': (dict,)},
    'stop': {'outcome': (str,)},
}
NEEDED = {'hello': ('model', 'implementation', 'roles', 'actions'),
          'observe': ('observed',)}
NAMES = {dict: 'an object', list: 'an array', int: 'a number',
         float: 'a number', str: 'a text'}


@dataclass(frozen=True)
class Hello:
    """What a harness says of itself.

    The fields mean what they do in :class:`~.suite.System`; of those that
    were not given, its defaults hold.

    :ivar actions: those of the model that can be called
    """

    model: str
    implementation: tuple[str, str]
    roles: tuple[str, ...]
    actions: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = System.capabilities
    hidden: tuple[str, ...] | str = System.hidden
    refuses: tuple[str, ...] | None = System.refuses
    observed: tuple[str, ...] | None = System.observed
    callers: int = System.callers
    settle: float = System.settle


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    :ivar outcome: one of ``OUTCOMES``
    :ivar observed: variable -> value, or None if nothing was said
    """

    outcome: str
    message: str = ''
    observed: dict[str, Any] | None = field(default=None)


def schema() -> dict[str, Any]:
    """The JSON Schema of all messages."""
    text = resources.files(__package__).joinpath('wire.schema.json')
    found: dict[str, Any] = json.loads(text.read_text())
    return found


class Harness:
    """Asks a harness, and believes nothing that it answers.

    :param lines: its streams
    :param limit: seconds for an answer; for the first, at least ``HELLO``
    :ivar chosen: the model that it is held to, once it has said hello
    :ivar words: those of the model, then
    """

    chosen: Chosen
    words: Words

    def __init__(self, lines: Lines, limit: float = 10.0) -> None:
        self.limit, self._lines = limit, lines
        self._concurrent = False
        self._declared: tuple[str, ...] = ()
        self._numbers = itertools.count(1)
        self._asked: dict[int, str] = {}
        self._answers: dict[int, dict[str, Any]] = {}
        self._streams, self._turn = threading.Lock(), threading.Lock()
        self._broken: WireError | None = None
        self._ended = False

    @property
    def said(self) -> str:
        """The end of its standard error."""
        return self._lines.said

    def hello(self) -> Hello:
        """Exchange what both sides have.

        :raises WireError: as all others do, if the answer is none
        """
        answer = self._ask('hello', 'hello', {'protocol': VERSION})
        who = answer['implementation']
        if set(who) != {'name', 'version'} or not all(
                isinstance(one, str) and 0 < len(one) <= LONGEST_NAME
                for one in who.values()):
            self._break(f'says that its implementation is {shown(who)}; '
                        'give {"name": ..., "version": ...}, both texts of '
                        f'at most {LONGEST_NAME} characters')
        found: dict[str, Any] = {**answer, 'implementation': (
            who['name'], who['version'])}
        for key, value in answer.items():
            if isinstance(value, list):
                if not all(isinstance(one, str) for one in value):
                    self._break(f'gives {key} that are no names: '
                                f'{shown(value)}; give texts')
                found[key] = tuple(value)
        self._choose(answer['model'], answer.get('settings', {}))
        self._check_names(found)
        hello = Hello(**found)
        if hello.callers < 1 or not 0 <= hello.settle <= LONGEST_WAIT:
            self._break(f'has callers {shown(hello.callers)} and settle '
                        f'{hello.settle:g}; give one caller or more, and '
                        f'from 0 to {LONGEST_WAIT} s')
        self._concurrent, self._declared = hello.callers > 1, hello.actions
        return hello

    def _choose(self, name: str, settings: dict[str, Any]) -> None:
        """Build the model that is named."""
        if not all(isinstance(one, str) for one in settings.values()):
            self._break(f'gives settings that are no texts: '
                        f'{shown(settings)}; write {{"key": "value"}}')
        try:
            self.chosen = registry.choose(name[:80], [
                f'{key[:80]}={value[:800]}'
                for key, value in settings.items()])
        except InputError as error:
            self._break(f'asks for a model that there is not: {error}')
        self.words = Words(self.chosen.model)

    def _check_names(self, found: dict[str, Any]) -> None:
        """That the model has all that is named."""
        with self._in_words():
            hidden = found.get('hidden', ())
            for name in (*found['actions'], *found.get('refuses', ()), *(
                    () if hidden == HIDDEN_REST else
                    (hidden,) if isinstance(hidden, str) else hidden)):
                self.words.action(name)
            for name in found.get('observed', ()):
                self.words.variable(name)

    def start(self) -> Answer:
        """Have it go to where the model starts."""
        answer = self._answer(self._ask('start', 'start', {}), 'start')
        if answer.outcome != 'ok':
            self._break(f'does not start: {answer.outcome}'
                        f'{_because(answer.message)}; mend the harness, or '
                        'what it drives')
        return answer

    def call(self, action: str, arguments: Mapping[str, int]) -> Answer:
        """Have it do something."""
        listed = ', '.join(f'{key}={value}'
                           for key, value in arguments.items())
        about = f'{action}({listed})'
        answer = self._answer(self._ask('call', about, {
            'action': action, 'arguments': dict(arguments)}), about)
        if answer.outcome == 'error':
            self._break(f'failed at {about}{_because(answer.message)}; '
                        'mend the harness')
        if answer.outcome == 'not implemented' and action in self._declared:
            self._break(f'has {action} among its actions, and does not '
                        f'implement {about}; take it out, or implement it')
        return answer

    def observe(self) -> dict[str, Any]:
        """What can be seen, in the model's own values."""
        answer = self._ask('observe', 'observe', {})
        with self._in_words():
            return self.words.values(answer['observed'])

    def stop(self) -> int | None:
        """End it; returns its exit status if it is a process of ours."""
        if self._ended:
            return None
        self._ended = True
        try:
            if self._broken is None:
                self._ask('stop', 'stop', {})
        finally:
            # One that broke has had its time.
            status = self._lines.close(
                PATIENCE if self._broken is None else BRIEF)
        return status

    def close(self) -> None:
        """End it, whatever it says."""
        try:
            self.stop()
        except WireError:
            pass  # it was to end, and has

    def _answer(self, given: dict[str, Any], about: str) -> Answer:
        if given['outcome'] not in OUTCOMES:
            self._break(f'answers {about} with the outcome '
                        f'{shown(given["outcome"])}; '
                        f'{near(given["outcome"][:80], OUTCOMES)}')
        observed = given.get('observed')
        if observed is not None:
            with self._in_words():
                observed = self.words.values(observed)
        return Answer(given['outcome'], given.get('message', ''), observed)

    # asking

    def _ask(self, ask: str, about: str,
             more: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        line = json.dumps({'id': number, 'ask': ask, **more},
                          separators=(',', ':')).encode()
        turn: contextlib.AbstractContextManager[Any] = (
            contextlib.nullcontext() if self._concurrent else self._turn)
        with turn:
            answer = self._exchange(number, about, line)
        self._check(ask, about, answer)
        return answer

    def _exchange(self, number: int, about: str,
                  line: bytes) -> dict[str, Any]:
        limit = max(self.limit, HELLO) if number == 1 else self.limit
        end = time.monotonic() + limit
        with self._streams:
            self._whole()
            if not self._asked:
                self._take_early()
            self._asked[number] = about
            self._lines.send(line)
        while True:
            with self._streams:
                if number in self._answers:
                    return self._answers.pop(number)
                self._whole()
                left = end - time.monotonic()
                if left <= 0:
                    self._break(
                        f'does not answer {about} (id {number}) within '
                        f'{limit:g} s; answer each request and flush, '
                        'or allow more time with --limit')
                self._listen(min(left, SLICE) if self._concurrent else left)
            if self._concurrent:
                time.sleep(0)  # so that others may ask, too

    def _whole(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _listen(self, seconds: float) -> None:
        try:
            lines = self._lines.receive(seconds)
        except WireError as error:
            self._broken = error
            error.args = (f'{error}{self._under_way()}',)
            raise
        for line in lines:
            self._take(line)

    def _take_early(self) -> None:
        """What comes while nothing is asked is no answer, though its id may
        be the next one.
        """
        lines: list[bytes] = []
        with contextlib.suppress(WireError):  # it is told once it is asked
            lines = self._lines.receive(0)
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        """Keep an answer for who has asked."""
        answer = self._read(line)
        if 'id' not in answer:
            self._break(f'writes {shown(line.decode())}, which has no "id"; '
                        f'answer with the id of the request'
                        f'{self._under_way()}')
        number = answer.pop('id')
        if type(number) is not int or number not in self._asked:
            asked = ', '.join(map(str, self._asked)) or 'none'
            self._break(f'answers id {shown(number)}, and asked is {asked}; '
                        'answer each request once, in order, with its id'
                        f'{self._under_way()}')
        del self._asked[number]
        self._answers[number] = answer

    def _read(self, line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line.decode(), object_pairs_hook=unique,
                                parse_constant=_no_constant)
            if b'\\u' in line:  # halves of characters cannot be written
                json.dumps(answer, ensure_ascii=False).encode()
            why = ''
        except (ValueError, RecursionError) as error:
            answer, why = None, f' ({str(error)[:80]})'
        if not isinstance(answer, dict):
            self._break(f'writes {shown(line.decode(errors="replace"))}, '
                        f'which is no JSON object{why}; write nothing but '
                        f'answers to standard output{self._under_way()}')
        return answer

    def _under_way(self) -> str:
        """What it is asked and has not answered, for a message."""
        asked = ', '.join(self._asked.values())
        return f' (it was asked: {asked})' if asked else ''

    def _check(self, ask: str, about: str, answer: dict[str, Any]) -> None:
        keys = KEYS[ask]
        for key, value in answer.items():
            if key not in keys:
                self._break(f'answers {about} with the unknown key '
                            f'{shown(key)}; {near(key[:80], keys)}')
            if type(value) not in keys[key]:
                self._break(f'answers {about} with {key} {shown(value)}; '
                            f'it is {NAMES[keys[key][0]]}')
        for key in NEEDED.get(ask, ('outcome',)):
            if key not in answer:
                self._break(f'answers {about} without "{key}"; give it')

    def _break(self, what: str) -> NoReturn:
        self._broken = WireError(f'{self._lines.name} {what}', self.said)
        raise self._broken

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turns a word that is unknown into a harness that broke."""
        try:
            yield
        except WordError as error:
            self._break(f'names what the model has not: {error}')


class WireSystem(System):
    """What is at the other end of a harness, as a system to be tested.

    :param harness: that has not said hello yet
    :raises WireError: if it does not say hello as it should
    """

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        hello = harness.hello()
        if not hello.actions:
            raise WireError('the harness has no action that can be called; '
                            'name those that it has in "actions"')
        for key, value in vars(hello).items():
            if key != 'actions':
                setattr(self, key, value)
        vars(self)['limit'] = harness.limit + GRACE
        self._callable = hello.actions
        self._alone = hello.callers == 1
        self._seen: dict[str, Any] | None = None

    def start(self) -> None:
        self._seen = self._harness.start().observed

    def observe(self) -> Mapping[str, Any]:
        # What came with the last answer is as good, unless somebody else
        # was answered meanwhile.
        seen, self._seen = self._seen, None
        return seen if seen is not None and self._alone else (
            self._harness.observe())

    def wait(self) -> None:
        super().wait()
        self._seen = None

    def stop(self) -> None:
        self._harness.close()

    def actions(self, known: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(self._callable)

    def call(self, name: str, arguments: tuple[int, ...]) -> str:
        sets = self._harness.words.model.actions[name].sets
        answer = self._harness.call(name, dict(zip(sets, arguments,
                                                   strict=True)))
        self._seen = answer.observed
        return answer.outcome


def _because(message: str) -> str:
    return f': {message[:500]}' if message else ''


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is not JSON')


__all__ = ['Answer', 'Harness', 'Hello', 'WireError', 'WireSystem', 'schema']
