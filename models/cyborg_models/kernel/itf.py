"""Traces as files: Apalache's Informal Trace Format, written and read.

The format is JSON (``apalache-mc.org/docs/adr/015adr-trace.html``).  As
Quint does, each state has the variables ``mbt::actionTaken``, the action
that led to it (``init`` at the start), and ``mbt::nondetPicks``, its
arguments.  A member of an Enum is its name; where a domain has None, values
are ``{"tag": "Some", "value": ...}`` and ``{"tag": "None", ...}``; one
variable per member of a set is a ``#map``.

``#meta`` of the file names the model with its settings and defects, so that
the file alone says whose trace it is.  Reading believes nothing: every
state must be what the model makes of the one before.
"""

from __future__ import annotations

import collections
import difflib
import enum
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from cyborg_models.kernel.language import (
    Action,
    Codes,
    Guard,
    Model,
    Step,
    Variable,
)
from cyborg_models.kernel.trace import Run, cell_name, changes, follow

Json = Any  # what json reads and writes

LARGEST = 64 << 20  # bytes of a file that is read
SAFE = 2 ** 53  # beyond, JSON readers round
TAKEN, PICKS = 'mbt::actionTaken', 'mbt::nondetPicks'
NONE: Json = {'tag': 'None', 'value': {'#tup': []}}
DEEP = 'nested too deeply to be a trace; write it again'
FORMAT = 'https://apalache-mc.org/docs/adr/015adr-trace.html'


_space = re.compile(r'[ \t\r\n]*')


class TraceError(Exception):
    """A trace that cannot be read: ``file:line: what; the mend``."""


# Writing

def dumps(told: Run, name: str = '',
          settings: Mapping[str, str] | None = None,
          defects: Iterable[str] = (), description: str = '') -> str:
    """A run as the text of an ITF file.

    :param told: a :class:`~.trace.Run`
    :param name: of the model, if it is not the model's own
    :param settings: key -> text, from which the model was built
    :param defects: that are switched on in it
    """
    model = told.model
    meta: Json = {'format': 'ITF', 'format-description': FORMAT,
                  'description': description, 'model': name or model.name,
                  'settings': dict(settings or {}),
                  'defects': list(defects)}
    if told.loop is not None and not told.lasts:
        meta['loopAction'] = _label(model, told.steps[-1])
    head: Json = {'#meta': meta, 'vars': [TAKEN, PICKS, *model.variables]}
    if told.loop is not None:
        head['loop'] = told.loop
    states = ',\n'.join(_state(told, index)
                        for index in range(len(told.states)))
    top = ''.join(f' {json.dumps(key)}: {json.dumps(value)},\n'
                  for key, value in head.items())
    return f'{{\n{top} "states": [\n{states}\n ]\n}}\n'


def _state(told: Run, index: int) -> str:
    # A variable a line, so that a reader, and a message, finds it.
    step = told.steps[index - 1] if index else None
    rows: Json = {'#meta': {'index': index}, **_label(told.model, step)}
    values = told.states[index]
    for variable in told.model.variables.values():
        found = [_encode(variable, variable.domain[
            values[told.model.place[variable.name, member]]])
            for member in variable.each or (None,)]
        rows[variable.name] = found[0] if variable.each is None else {
            '#map': [[_integer(member), value]
                     for member, value in enumerate(found)]}
    return '  {\n' + ',\n'.join(
        f'   {json.dumps(key)}: {json.dumps(value)}'
        for key, value in rows.items()) + '\n  }'


def _label(model: Model, step: Step | None) -> Json:
    names = dict.fromkeys(key for action in model.actions.values()
                          for key in action.sets)
    picked = {} if step is None else dict(
        zip(step.action.sets, step.arguments, strict=True))
    return {TAKEN: 'init' if step is None else step.action.name,
            PICKS: {key: {'tag': 'Some', 'value': _integer(picked[key])}
                    if key in picked else NONE for key in names}}


def _integer(value: int) -> Json:
    return {'#bigint': str(value)}


def _encode(variable: Variable, value: Any) -> Json:
    if None not in variable.domain:
        return _encode_plain(value)
    return NONE if value is None else {'tag': 'Some',
                                       'value': _encode_plain(value)}


def _encode_plain(value: Any) -> Json:
    if isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, tuple):
        return {'#tup': [_encode_plain(one) for one in value]}
    return str(value)


# Reading

class Document:
    """A trace file, read as far as it needs no model.

    :param path: of the file
    :ivar name: of the model that it names
    :ivar settings: ``key=value`` texts
    :ivar defects: names
    :raises TraceError: if it is no trace
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(path)
        self.text = content(self.path)
        self.data = self._parse()
        meta = self._meta()
        self.name = meta['model']
        settings = meta.get('settings', {})
        defects = meta.get('defects', [])
        if not isinstance(settings, dict) or not all(
                isinstance(one, str) for one in settings.values()):
            self.fail('"settings" of "#meta" is not an object of texts; '
                       'write {"key": "value"}', '#meta', 'settings')
        if not isinstance(defects, list) or not all(
                isinstance(one, str) for one in defects):
            self.fail('"defects" of "#meta" is not an array of names; '
                       'write ["NAME"], or leave it out',
                       '#meta', 'defects')
        self.settings = [f'{key}={value}'
                         for key, value in settings.items()]
        self.defects = tuple(defects)

    def _parse(self) -> Json:
        try:
            data = json.loads(self.text, object_pairs_hook=unique,
                              parse_constant=_no_constant,
                              parse_float=_no_float,
                              parse_int=_short_integer)
        except json.JSONDecodeError as error:
            end = (error.pos >= len(self.text.rstrip())
                   or error.msg.startswith('Unterminated string'))
            what = (f'the file ends early: {error.msg}; it is truncated, '
                    'write it again' if end and self.text.strip() else
                    'the file is empty; write it again'
                    if not self.text.strip() else
                    f'not JSON: {error.msg}; a trace is an ITF file, as '
                    '"cyborg-models run MODEL --out FILE" writes it')
            raise TraceError(f'{self.path}:{error.lineno}: {what}') from None
        except RecursionError:
            raise TraceError(f'{self.path}: {DEEP}') from None
        except ValueError as error:
            raise TraceError(f'{self.path}: {error}') from None
        if not isinstance(data, dict):
            self.fail('not a trace: the top is no object; an ITF file is '
                       '{"#meta": ..., "vars": ..., "states": ...}')
        for key, kind, word in (('#meta', dict, 'object'),
                                ('vars', list, 'array'),
                                ('states', list, 'array')):
            if key not in data:
                self.fail(f'not a trace: there is no "{key}"; an ITF file '
                           'has "#meta", "vars" and "states"')
            if not isinstance(data[key], kind):
                self.fail(f'"{key}" is no {word}; write it as ITF does',
                           key)
        for key in data:
            if key not in ('#meta', 'vars', 'states', 'loop', 'params'):
                self.fail(f'unknown key {_shown(key)}; take it out', key)
        if not data['states']:
            self.fail('the trace has no state; give at least the first',
                       'states')
        return data

    def _meta(self) -> Json:
        meta = self.data['#meta']
        if not isinstance(meta.get('model'), str):
            self.fail('"#meta" names no model; add "model": "rocky.attach", '
                       'say', '#meta')
        return meta

    def fail(self, what: str, *path: str | int) -> NoReturn:
        """Refuse the file, at the line where *path* leads."""
        try:
            at = _position(self.text, path)
        except (IndexError, ValueError):
            at = 0
        line = self.text.count('\n', 0, at) + 1
        raise TraceError(f'{self.path}:{line}: {what}')

    def run(self, model: Model) -> Run:
        """The run, checked against the model step by step.

        :raises TraceError: naming the line, what is wrong and the mend
        """
        # variable -> its values as texts -> their codes
        self._known: dict[str, dict[str, int]] = {}
        try:
            return self._run(model)
        except RecursionError:
            raise TraceError(f'{self.path}: {DEEP}') from None

    def _run(self, model: Model) -> Run:
        self._check_variables(model)
        codes = [self._codes(model, index)
                 for index in range(len(self.data['states']))]
        if codes[0] != model.initial:
            self.fail('state 0 is not where the model starts: '
                       + _differences(model, codes[0], model.initial)
                       + '; begin with the first state', 'states', 0)
        taken = self._label(model, 0, self.data['states'][0])
        if taken is not None:
            self.fail(f'state 0 is the start and comes from no action; '
                       f'write "init" for {TAKEN}', 'states', 0, TAKEN)
        steps = []
        for index in range(1, len(codes)):
            step = self._label(model, index, self.data['states'][index])
            if step is None:
                self.fail(f'state {index} says "init", and only state 0 '
                           'is the start; name the action',
                           'states', index, TAKEN)
            self._check_step(model, codes, index, step)
            steps.append(step)
        return self._close(model, codes, steps)

    def _check_variables(self, model: Model) -> None:
        given = self.data['vars']
        wanted = [TAKEN, PICKS, *model.variables]
        for name in given:
            if name not in wanted:
                self.fail(
                    f'unknown variable {_shown(name)}: this is a trace of '
                    f'another model, or other settings, than {model.name}; '
                    f'give the model in "#meta" that it is of', 'vars')
        for name in wanted:
            if name not in given:
                self.fail(
                    f'variable "{name}" is missing: this is a trace of '
                    'another model, or other settings, than '
                    f'{model.name}; give the model in "#meta" that it is '
                    'of', 'vars')

    def _codes(self, model: Model, index: int) -> Codes:
        state = self.data['states'][index]
        if not isinstance(state, dict):
            self.fail(f'state {index} is no object; give each variable its '
                       'value', 'states', index)
        meta = state.get('#meta', {})
        if not isinstance(meta, dict) or meta.get('index', index) != index:
            self.fail(f'state {index} says it has another index; a state '
                       'is missing, or they are out of order',
                       'states', index, '#meta')
        for name in state:
            if name not in model.variables and name not in (
                    '#meta', TAKEN, PICKS):
                self.fail(f'state {index} has the unknown variable '
                           f'{_shown(name)}; take it out',
                           'states', index, name)
        found: list[int] = []
        for variable in model.variables.values():
            if variable.name not in state:
                self.fail(f'state {index} lacks the variable '
                           f'"{variable.name}"; a state gives them all',
                           'states', index)
            found += self._values(index, variable, state[variable.name])
        return tuple(found)

    def _values(self, index: int, variable: Variable,
                given: Json) -> list[int]:
        where = ('states', index, variable.name)
        if variable.name not in self._known:
            self._known[variable.name] = _codes_by_text(variable)
        known = self._known[variable.name]
        if variable.each is None:
            values = [given]
        else:
            pairs = given.get('#map') if isinstance(given, dict) else None
            if not isinstance(pairs, list) or not all(
                    isinstance(pair, list) and len(pair) == 2
                    for pair in pairs):
                self.fail(f'state {index}: {variable.name} is one per '
                           f'{variable.each.name}; write {{"#map": '
                           '[[0, ...], ...]}', *where)
            by_member = {_text(key): value for key, value in pairs}
            wanted = [_text(member) for member in variable.each]
            if len(pairs) != len(wanted) or set(by_member) != set(wanted):
                self.fail(f'state {index}: {variable.name} does not give '
                           'one value for each of 0 to '
                           f'{len(wanted) - 1}; it must', *where)
            values = [by_member[key] for key in wanted]
        for member, value in enumerate(values):
            if _text(value) not in known:
                name = cell_name(variable.name, None if variable.each is None
                                 else member)
                self.fail(f'state {index}: {name} cannot be '
                           f'{_shown(value)}; it is one of '
                           f'{_some(known)}', *where)
        return [known[_text(value)] for value in values]

    def _label(self, model: Model, index: int, state: Json) -> Step | None:
        """The step that a state says led to it; None: it is the start."""
        where = ('states', index)
        name = state.get(TAKEN)
        if name == 'init':
            return None
        if not isinstance(name, str):
            self.fail(f'state {index} does not say which action led to it; '
                       f'give "{TAKEN}"', *where)
        if name not in model.actions:
            close = difflib.get_close_matches(name, model.actions, n=1)
            self.fail(f'state {index}: {model.name} has no action '
                       f'{_shown(name)}; ' + (
                           f'did you mean {close[0]}?' if close else
                           'see "cyborg-models list MODEL"'), *where, TAKEN)
        return self._step(model, index, model.actions[name],
                          state.get(PICKS, {}))

    def _step(self, model: Model, index: int, action: Action,
              picks: Json) -> Step:
        where = ('states', index, PICKS)
        if not isinstance(picks, dict):
            self.fail(f'state {index}: "{PICKS}" is no object; write one',
                       *where)
        given = {}
        for key, value in picks.items():
            if isinstance(value, dict) and value.get('tag') == 'None':
                continue
            if isinstance(value, dict) and value.get('tag') == 'Some':
                value = value.get('value')
            if key not in action.sets:
                self.fail(f'state {index}: {action.name} takes no '
                           f'{_shown(key)}; take it out', *where)
            given[key] = _text(value)
        arguments = []
        for key, members in action.sets.items():
            known = {_text(member): member for member in members}
            if given.get(key) not in known:
                self.fail(f'state {index}: {action.name} needs {key}, from '
                           f'0 to {len(members) - 1}; give it in "{PICKS}"',
                           *where)
            arguments.append(known[given[key]])
        return Step(action, tuple(arguments))

    def _check_step(self, model: Model, codes: Sequence[Codes], index: int,
                    step: Step) -> None:
        after = follow(model, codes[index - 1], step)
        if isinstance(after, Guard):
            self.fail(f'state {index}: the model forbids {step.name} '
                       f'here: {after.requirement} asks for {after.text} '
                       f'({after.where}); "cyborg-models explain" on the '
                       'states before says what is possible',
                       'states', index, TAKEN)
        if after != codes[index]:
            self.fail(f'state {index} is not what {step.name} leads to: '
                       + _differences(model, codes[index], after)
                       + '; correct the state or the action',
                       'states', index)

    def _close(self, model: Model, codes: list[Codes],
               steps: list[Step]) -> Run:
        loop = self.data.get('loop')
        if loop is None:
            return Run(model, codes, steps)
        if isinstance(loop, bool) or not isinstance(loop, int) or not (
                0 <= loop < len(codes)):
            self.fail(f'"loop" is {_shown(loop)}; it is the index of a '
                       'state', 'loop')
        hint = self.data['#meta'].get('loopAction')
        tried: Sequence[Step | None]
        if hint is not None:
            if not isinstance(hint, dict):
                self.fail('"loopAction" of "#meta" is no object; write '
                           f'"{TAKEN}" and "{PICKS}"', '#meta')
            tried = [self._label(model, len(codes) - 1, hint)]
        else:
            tried = model.steps
        if hint is None and loop == len(codes) - 1:
            return Run(model, codes, steps, loop)
        for step in tried:
            if step and follow(model, codes[-1], step) == codes[loop]:
                return Run(model, codes, [*steps, step], loop)
        self.fail(f'no step leads from the last state back to state {loop}'
                   '; correct "loop", or add the states that are missing',
                   'loop')


def content(path: str, what: str = 'an ITF trace') -> str:
    """The text of a file of at most ``LARGEST`` bytes.

    :param what: the file is
    :raises TraceError: if it is none, or too large, or no UTF-8
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise TraceError(f'{path}: not a file; give the path of {what}')
        if found.st_size > LARGEST:
            raise TraceError(f'{path}: {found.st_size:,} bytes are more '
                             f'than the {LARGEST:,} that are read; give '
                             f'{what} that is shorter')
        with open(path, 'rb') as file:
            return file.read(LARGEST + 1).decode('utf-8')
    except UnicodeDecodeError as error:
        line = 1 + error.object.count(b'\n', 0, error.start)
        raise TraceError(f'{path}:{line}: not UTF-8 at byte '
                         f'{error.start:,}; {what} is JSON in UTF-8'
                         ) from None
    except ValueError as error:  # such as a null byte in the path
        raise TraceError(f'{path!r}: {error}; give the path of {what}'
                         ) from None
    except OSError as error:
        raise TraceError(f'{path}: {error.strerror}; give the path of '
                         f'{what}') from None


def unique(pairs: list[tuple[str, Json]]) -> Json:
    """An object of JSON, for ``object_pairs_hook``.

    :raises ValueError: if a key is there twice
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = collections.Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f'the key {_shown(twice)} stands twice in one '
                         'object; keep one')
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f'{text} is no JSON; a value is a bool, a name or an '
                     'integer')


def _no_float(text: str) -> NoReturn:
    raise ValueError(f'the number {text[:30]} is no integer; a value is a '
                     'bool, a name or an integer')


def _short_integer(text: str) -> int:
    if len(text) > 20:
        raise ValueError(f'an integer has {len(text):,} digits; none here '
                         'has more than 19')
    return int(text)


def _shown(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:57]}...'


def _some(known: Iterable[str]) -> str:
    names = [text if len(text) < 30 else text[:27] + '...' for text in known]
    if len(names) > 12:
        names = [*names[:11], f'and {len(names) - 11} more']
    return ', '.join(names)


def _text(value: Json) -> str:
    """A value as canonical JSON, with integers in one of their forms."""
    return json.dumps(_integers(value), sort_keys=True)


def _integers(value: Json) -> Json:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _integer(value) if abs(value) <= SAFE else value
    if isinstance(value, dict):
        if set(value) == {'#bigint'} and isinstance(value['#bigint'], str):
            match = re.fullmatch(r'(-?)0*(\d{1,19})', value['#bigint'])
            return _integer(int(''.join(match.groups()))) if match else value
        return {key: _integers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_integers(one) for one in value]
    return value


def _codes_by_text(variable: Variable) -> dict[str, int]:
    return {_text(_encode(variable, value)): code
            for code, value in enumerate(variable.domain)}


def _differences(model: Model, given: Codes, right: Codes) -> str:
    """``state[0] is A, not B``, for some of what differs."""
    found = changes(model, right, given)
    text = ', '.join(
        f'{cell_name(one.variable, one.member)} is {one.after}, not '
        f'{one.before}' for one in found[:3])
    return text + (f' (and {len(found) - 3} more)' if len(found) > 3 else '')


def _position(text: str, path: Sequence[str | int]) -> int:
    """Where the value at a path of keys and indices begins.

    :param text: JSON that is known to be valid
    """
    decode = json.JSONDecoder().raw_decode
    at = _skip(text, 0)
    for depth, wanted in enumerate(path, start=1):
        is_object, index = text[at] == '{', 0
        at = _skip(text, at + 1)
        while True:
            key: Json = index
            if is_object:
                begins = at
                key, at = decode(text, at)
                at = _skip(text, _skip(text, at) + 1)
            if key == wanted:
                break
            _, at = decode(text, at)
            at = _skip(text, at)
            if text[at] != ',':
                raise ValueError(wanted)
            at, index = _skip(text, at + 1), index + 1
        if is_object and depth == len(path):
            at = begins
    return at


def _skip(text: str, at: int) -> int:
    found = _space.match(text, at)
    return found.end() if found else at


__all__ = ['Document', 'TraceError', 'dumps', 'unique']
