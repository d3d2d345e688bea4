"""How a log with other names is read: through a mapping, in TOML.

It says where each key of ours is in their line, and what their values mean;
what it does not name is passed over.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from cyborg_models.conformance.oracle import OK, REFUSED, UNKNOWN
from cyborg_models.conformance.words import WordError, Words, shown
from cyborg_models.kernel.language import Model
from cyborg_models.registry import InputError, near

KEYS = ('number', 'time', 'actor', 'action', 'arguments', 'outcome',
        'observed', 'note')
OUTCOMES = (OK, REFUSED, UNKNOWN)
BEGIN = 'begin'  # an action of the log, of no model
IN_ORDER = 'in order'  # members are numbered as they appear


class LogError(InputError):
    """A log, or a mapping, that cannot be read: ``file:line: what; the
    mend``.
    """


@dataclass(frozen=True)
class Mapping:
    """How a log with other names is read.

    :ivar fields: key of ours, ``arguments.NAME`` or ``observed.NAME`` ->
        where it is in their line, with dots; ``{arq}`` in a name of ours
        stands for the number of that argument
    :ivar actions: name of theirs -> ours; '' to pass over the line
    :ivar outcomes: theirs -> ours
    :ivar members: name of an argument -> theirs -> number, or IN_ORDER
    :ivar values: name of a variable -> theirs -> ours
    :ivar hidden: names of actions that may happen and are not logged
    :ivar complete: True if no line is missing, although none is numbered
    :ivar first: the number of the first line
    :ivar skew: seconds that the time may go back
    :ivar path: where it was read, for messages
    """

    fields: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    complete: bool = False
    first: int = 1
    skew: float = 0.0
    path: str = 'the mapping'


_NAMES = {dict: 'a table', list: 'an array of names', int: 'a number',
          bool: 'true or false'}
_KINDS: dict[str, tuple[type, ...]] = {
    'fields': (dict,), 'actions': (dict,), 'outcomes': (dict,),
    'members': (dict,), 'values': (dict,), 'hidden': (list,),
    'complete': (bool,), 'first': (int,), 'skew': (int, float)}


def read_mapping(path: str) -> Mapping:
    """A mapping from a TOML file.

    :raises LogError: saying what in it cannot be
    """
    try:
        with open(path, 'rb') as file:
            given = tomllib.load(file)
    except OSError as error:
        raise LogError(f'{path}: {error.strerror}; give the path of a '
                       'mapping, in TOML') from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError,
            RecursionError) as error:
        raise LogError(f'{path}: not TOML: {error}; mend it') from None

    def fail(what: str) -> NoReturn:
        raise LogError(f'{path}: {what}')

    for key, value in given.items():
        if key not in _KINDS:
            fail(f'unknown key {key!r}; {near(key, _KINDS)}')
        if type(value) not in _KINDS[key]:
            fail(f'{key} is {shown(value)}; give '
                 + _NAMES[_KINDS[key][0]])
    for key in ('fields', 'actions', 'outcomes'):
        for name, value in given.get(key, {}).items():
            if not isinstance(value, str):
                fail(f'{key}.{name} is {shown(value)}; give a text')
    for name in given.get('fields', ()):
        top = name.partition('.')[0]
        if top not in KEYS or (top in ('arguments', 'observed')) != (
                '.' in name):
            fail(f'fields.{name} is no key of a line; {near(name, KEYS)}, '
                 'or arguments.NAME, observed.NAME')
    for name, value in given.get('outcomes', {}).items():
        if value not in OUTCOMES:
            fail(f'outcomes.{name} is {value!r}; {near(value, OUTCOMES)}')
    for name, value in given.get('members', {}).items():
        if value != IN_ORDER and not (isinstance(value, dict) and all(
                type(one) is int for one in value.values())):
            fail(f'members.{name} is {shown(value)}; give a table of '
                 f'numbers, or {IN_ORDER!r}')
    for name, value in given.get('values', {}).items():
        if not isinstance(value, dict):
            fail(f'values.{name} is {shown(value)}; give a table')
    if not all(isinstance(name, str) for name in given.get('hidden', ())):
        fail(f'hidden is {shown(given["hidden"])}; give names of actions')
    if not 0 <= given.get('skew', 0) < math.inf:
        fail(f'skew is {given["skew"]}; give seconds, 0 or more')
    given['hidden'] = tuple(given.get('hidden', ()))
    return Mapping(**given, path=path)


_MEMBER = re.compile(r'\{(\w+)\}')  # in a name of ours: of that argument


def check_names(mapping: Mapping, model: Model) -> None:
    """Refuse a mapping that names what the model has not: what it is about
    would not be read, and nobody would notice.

    :raises LogError: for the first
    """
    def check(where: str, name: str, known: Iterable[str]) -> None:
        if name not in known:
            raise LogError(f'{mapping.path}: {where} names {name!r}, which '
                           f'{model.name} has not; {near(name, known)}')

    parameters = {name for action in model.actions.values()
                  for name in action.sets}
    given = {name.partition('.')[2] for name in mapping.fields
             if name.startswith('arguments.')}
    used = set()
    for name in mapping.fields:
        top, _, ours = name.partition('.')
        if top == 'observed':
            check(f'fields.{name}', ours.partition('[')[0], model.variables)
            used.update(_MEMBER.findall(ours))
            if '{' in _MEMBER.sub('', ours) or not given.issuperset(used):
                raise LogError(
                    f'{mapping.path}: fields.{name} has braces around what '
                    'is no argument; {NAME} stands for what arguments.NAME '
                    'of the mapping reads')
    for name in sorted(given - used):
        check(f'fields.arguments.{name}', name, parameters)
    for theirs, ours in mapping.actions.items():
        check(f'actions.{theirs}', ours, ('', BEGIN, *model.actions))
    for name in mapping.members:
        check(f'members.{name}', name, given)
    for name in mapping.values:
        check(f'values.{name}', name, model.variables)


class Translator:
    """Makes lines of ours of lines of theirs."""

    def __init__(self, mapping: Mapping, words: Words) -> None:
        self._mapping, self._words = mapping, words
        self._paths = {name: path.split('.')
                       for name, path in mapping.fields.items()}
        self._met: set[str] = set()  # the fields that some line has
        #: of the arguments that are numbered as they appear
        self._seen: dict[str, dict[str, int]] = {
            f'arguments.{name}': {} for name, table
            in mapping.members.items() if table == IN_ORDER}

    def pick(self, line: dict[str, Any]) -> dict[str, Any]:
        """What of a line is read, still in their words; but of members that
        are numbered as they appear the number, so that lines are alike.
        """
        found = {}
        for name, path in self._paths.items():
            value: Any = line
            for part in path:
                value = value.get(part) if type(value) is dict else None
            if value is not None:
                found[name] = value
        if not self._met.issuperset(found):
            self._met.update(found)
        for name, seen in self._seen.items():
            if name in found:
                found[name] = seen.setdefault(str(found[name]), len(seen))
        if 'action' in found and self._mapping.actions.get(
                str(found['action']), found['action']) == BEGIN:
            for seen in self._seen.values():
                seen.clear()
        return found

    def check_fields(self) -> None:
        """Refuse a field that every line should have and none has: the
        clock, say, would not be looked at, and nobody would notice.

        :raises LogError: for the first
        """
        given = self._mapping
        for name in given.fields:
            if name in ('number', 'time', 'action') and (
                    name not in self._met):
                raise LogError(
                    f'{given.path}: fields.{name} is {given.fields[name]!r}, '
                    'which no line has; say where it is, or leave it out')

    def translate(self, picked: dict[str, Any]) -> dict[str, Any] | None:
        """The line as ours, or None to pass it over.

        :raises WordError: for what the mapping does not have
        """
        given = self._mapping
        found: dict[str, Any] = {}
        if 'action' in picked:
            theirs = str(picked['action'])
            found['action'] = given.actions.get(theirs, theirs)
            if found['action'] not in ('', BEGIN,
                                       *self._words.model.actions):
                raise WordError(f'actions of the mapping has no '
                                f'{shown(theirs)}; add it, with "" to pass '
                                'it over')
            if found['action'] == '':
                return None
            if found['action'] == BEGIN:
                return found
        if 'outcome' in picked:
            theirs = str(picked['outcome'])
            found['outcome'] = given.outcomes.get(theirs, theirs)
            if found['outcome'] not in OUTCOMES:
                raise WordError(f'outcomes of the mapping has no '
                                f'{shown(theirs)}; add it')
        arguments = {
            name.partition('.')[2]: self._member(name.partition('.')[2],
                                                 value)
            for name, value in picked.items()
            if name.startswith('arguments.')}
        if 'action' in found:
            sets = self._words.model.actions[
                self._words.action(found['action'])].sets
            found['arguments'] = {name: value for name, value
                                  in arguments.items() if name in sets}
        observed = {}
        for name, value in picked.items():
            if name.startswith('observed.'):
                wanted = name.partition('.')[2]
                if not arguments.keys() >= set(_MEMBER.findall(wanted)):
                    continue  # of whom it was seen is not said
                cell = _MEMBER.sub(lambda found: str(arguments[found[1]]),
                                   wanted)
                table = given.values.get(cell.partition('[')[0], {})
                observed[cell] = (table.get(value, value)
                                  if isinstance(value, str) else value)
        if observed:
            found['observed'] = observed
        return found

    def _member(self, name: str, value: Any) -> Any:
        table = self._mapping.members.get(name)
        if table is None or table == IN_ORDER:
            return value
        if str(value) not in table:
            raise WordError(f'members.{name} of the mapping has no '
                            f'{shown(value)}; add it')
        return table[str(value)]


__all__ = ['BEGIN', 'KEYS', 'OUTCOMES', 'LogError', 'Mapping', 'Translator',
           'check_names', 'read_mapping']
