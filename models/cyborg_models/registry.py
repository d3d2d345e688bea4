"""Finds the models, and reads what a user sets.

A model is a module of a release package that has a frozen dataclass
``Settings`` and a function ``build(settings, defects)``: ``rocky.attach``
is ``cyborg_models.rocky.attach``.  A setting is given as ``key=value``; the
type of the field says what a value may be.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import importlib
import inspect
import os
import pkgutil
import re
import traceback
import types
import typing
from collections.abc import Iterable, Mapping

from cyborg_models.kernel import language
from cyborg_models.kernel.language import Model, ModelError

RELEASES = ('rocky', 'stein')
#: name -> module, of models that stand elsewhere
OTHERS: dict[str, str] = {}
MENTIONED = 24  # names that a message lists
LARGEST = 1_000  # of a number that is set: a domain is never larger


class InputError(Exception):
    """What a user gave and cannot be used: what, and the mend."""


class _NoModel(InputError):
    """A name that no model has.

    :ivar other: True if it is that of another module
    """

    def __init__(self, name: str, other: bool = False) -> None:
        super().__init__(name)
        self.model, self.other = name, other

    def __str__(self) -> str:
        hint = near(self.model, names())
        if self.other:
            return (f'{self.model} is no model, which has a dataclass '
                    f'Settings and a function build; {hint}')
        return f'unknown model {self.model!r}; {hint}'


def shortened(text: str) -> str:
    """A text that a user gave, for a message."""
    return text if len(text) <= 40 else f'{text[:37]}...'


def near(word: str, known: Iterable[object]) -> str:
    """``did you mean ...?``, or what there is."""
    words = sorted(map(str, known))
    # 'attach' for 'rocky.attach', say.
    close = [one for one in words if word in one.split('.')]
    close = close or difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f'did you mean {" or ".join(close)}?'
    more = len(words) - MENTIONED
    return 'there is ' + (', '.join(words[:MENTIONED]) or 'none') + (
        f' and {more} more' if more > 0 else '')


def names() -> list[str]:
    """The names of all models, in order."""
    found = list(OTHERS)
    for release in RELEASES:
        package = importlib.import_module(f'cyborg_models.{release}')
        for module in pkgutil.iter_modules(package.__path__):
            name = f'{release}.{module.name}'
            try:
                find(name)
            except _NoModel:
                continue
            except InputError:
                pass  # a model that is broken is named all the same
            found.append(name)
    return sorted(found)


def find(name: str) -> types.ModuleType:
    """The module of a model.

    :raises InputError: if there is none of that name
    """
    if name in OTHERS:
        return importlib.import_module(OTHERS[name])
    release, _, rest = name.partition('.')
    if release in RELEASES and re.fullmatch(r'[a-z_]\w*', rest):
        return _import(name)
    raise _NoModel(name)


def _import(name: str) -> types.ModuleType:
    path = f'cyborg_models.{name}'
    try:
        module = importlib.import_module(path)
    except SyntaxError as error:
        where = short_path(error.filename or path)
        raise InputError(f'{where}:{error.lineno}: '
                         f'{error.msg}; mend it') from None
    except ImportError as error:
        if getattr(error, 'name', None) == path:
            raise _NoModel(name) from None
        raise InputError(f'{path} cannot be imported: {_plain(error)}, or '
                         'install what it needs') from None
    except (Exception, SystemExit) as error:  # a mistake of its own code
        raise InputError(
            f'{path} cannot be imported: {_plain(error)}') from error
    if not (dataclasses.is_dataclass(getattr(module, 'Settings', None))
            and callable(getattr(module, 'build', None))):
        raise _NoModel(name, other=True)
    return module


def sources(name: str) -> tuple[str, ...]:
    """The files that a model is made of: a change of one may change it."""
    module = find(name)
    home = os.path.dirname(os.path.abspath(inspect.getfile(module)))
    kernel = os.path.dirname(os.path.abspath(language.__file__))
    return tuple(
        os.path.join(folder, file) for folder in (home, kernel)
        for file in sorted(os.listdir(folder)) if file.endswith('.py'))


def first_line(module: types.ModuleType) -> str:
    """What a module says of itself in one line."""
    return (module.__doc__ or '').strip().partition('\n')[0]


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A model, built.

    :ivar name: such as ``rocky.attach``
    :ivar settings: the module's ``Settings``
    :ivar defects: names of the defects that are switched on
    :ivar model: the :class:`~.kernel.language.Model`
    """

    name: str
    settings: typing.Any
    defects: tuple[str, ...]
    model: Model

    @property
    def set(self) -> dict[str, str]:
        """Every setting as it is written: key -> text."""
        return as_text(self.settings)

    @property
    def differs(self) -> dict[str, str]:
        """The settings that are not the default: key -> text."""
        default = as_text(type(self.settings)())
        return {key: text for key, text in self.set.items()
                if text != default[key]}

    @property
    def title(self) -> str:
        """Name, settings that differ, and defects, in one line."""
        return ' '.join((
            self.name, *(f'{key}={text}' for key, text
                         in self.differs.items()),
            *(f'defect {name}' for name in self.defects)))


def choose(name: str, pairs: Iterable[str] = (),
           defects: Iterable[str] = ()) -> Chosen:
    """Build a model.

    :param name: of the model
    :param pairs: settings, each ``key=value``; the last of a key counts
    :param defects: names of the defects to switch on
    :returns: a :class:`Chosen`
    :raises InputError: saying what cannot be, and what can
    """
    module = find(name)
    settings = read_settings(name, module.Settings, pairs)
    defects = tuple(dict.fromkeys(defects))
    try:
        model = module.build(settings, defects)
    except (Exception, SystemExit) as error:
        _check_defects(name, module, settings, defects)
        why = '' if settings == module.Settings() else ' with these settings'
        raise InputError(f'{name} cannot be built{why}: '
                         f'{_plain(error)}') from error
    _check_built(name, module, model)
    unknown = set(defects) - set(model.defects)
    if unknown:
        _refuse_defect(name, min(unknown), model.defects)
    return Chosen(name, settings, defects, model)


def _check_built(name: str, module: types.ModuleType,
                 model: object) -> None:
    """What ``build`` returns is the model of that name, and checked."""
    if not isinstance(model, Model):
        wrong = f'returns {model!r}; end it with "return m.ready()"'
    elif not model.checked:
        wrong = ('returns a model that was not checked; end it with "return '
                 'm.ready()"')
    elif model.name != name:
        wrong = f'makes a model named {model.name!r}; name it {name!r}'
    else:
        return
    raise InputError(f'{language.place_of(module.build)}: build of {name} '
                     f'{wrong}')


def _plain(error: BaseException) -> object:
    """An error in words: where in a model's code, what, and the mend."""
    if isinstance(error, ModelError):
        return error
    home = os.path.dirname(os.path.abspath(language.__file__))
    here = [frame for frame in traceback.extract_tb(error.__traceback__)
            if os.path.dirname(frame.filename) not in (
                home, os.path.dirname(os.path.abspath(__file__)))
            and not frame.filename.startswith('<')]
    where = f'{short_path(here[-1].filename)}:{here[-1].lineno}: ' if (
        here) else ''
    return f'{where}{type(error).__name__}: {error}; mend it there'


def _check_defects(name: str, module: types.ModuleType, settings: typing.Any,
                   defects: tuple[str, ...]) -> None:
    if not defects:
        return
    try:
        known = module.build(settings).defects
    except Exception:
        return  # it is the settings, then
    unknown = set(defects) - set(known)
    if unknown:
        _refuse_defect(name, min(unknown), known)


def _refuse_defect(name: str, defect: str,
                   known: Iterable[str]) -> typing.NoReturn:
    raise InputError(f'{name} has no defect {defect!r} in this '
                     f'configuration; {near(defect, known)}')


# Settings

def describe(kind: type) -> list[tuple[str, str, str]]:
    """The settings of a model: (name, default as text, what it means)."""
    docs = _field_docs(kind)
    default = as_text(kind())
    return [(field.name, default[field.name], docs.get(field.name, ''))
            for field in dataclasses.fields(kind)]


def _field_docs(kind: type) -> dict[str, str]:
    docs = {}
    for block in re.split(r'(?m)^\s*:ivar ', kind.__doc__ or '')[1:]:
        name, _, text = block.partition(':')
        docs[name.strip()] = ' '.join(text.split())
    return docs


def read_settings(name: str, kind: type,
                  pairs: Iterable[str]) -> typing.Any:
    """The settings that ``key=value`` pairs give.

    :param name: of the model
    :param kind: its ``Settings``
    :raises InputError: for an unknown key, or a value that cannot be
    """
    hints = typing.get_type_hints(kind)
    default = {field.name: field.default
               for field in dataclasses.fields(kind)}
    given = {}
    for pair in pairs:
        key, sign, text = pair.partition('=')
        key = key.strip()
        if not sign:
            raise InputError(f'a setting is key=value, and {pair!r} is not; '
                             f'try {pair}=...')
        if key not in default:
            raise InputError(f'{name} has no setting {key!r}; '
                             f'{near(key, default)}')
        try:
            given[key] = _read(text.strip(), hints[key], default[key])
        except ValueError as error:
            raise InputError(f'setting {key} of {name} cannot be '
                             f'{shortened(text)!r}: {error}') from None
    return kind(**given)


def _read(text: str, hint: typing.Any, default: typing.Any) -> typing.Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if text.lower() == 'none':
            return None
        inner = [one for one in typing.get_args(hint)
                 if one is not types.NoneType]
        return _read(text, inner[0], default)
    if origin is typing.Literal:
        return _one_of(text, {str(one): one for one in typing.get_args(hint)})
    kind = origin or hint
    if kind is bool:
        return _one_of(text.lower(), {
            'true': True, 'false': False, 'yes': True, 'no': False,
            'on': True, 'off': False, '1': True, '0': False})
    if kind is int:
        if not re.fullmatch(r'-?\d{1,6}', text) or abs(int(text)) > LARGEST:
            raise ValueError(f'give a number of at most {LARGEST:,}')
        return int(text)
    if kind is str:
        return text
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _one_of(text, dict(kind.__members__))
    if kind in (tuple, list, set, frozenset):
        inner = [one for one in typing.get_args(hint) if one is not Ellipsis]
        if not inner:
            inner = [type(one) for one in default or ()][:1] or [str]
        parts = [] if text.lower() in ('', 'none') else text.split(',')
        return kind(_read(part.strip(), inner[0], None) for part in parts)
    raise ValueError('it cannot be given as text')


def _one_of(text: str, values: Mapping[str, typing.Any]) -> typing.Any:
    if text not in values:
        raise ValueError(near(text, values))
    return values[text]


def as_text(settings: typing.Any) -> dict[str, str]:
    """Settings as they are written: key -> text."""
    return {field.name: _write(getattr(settings, field.name))
            for field in dataclasses.fields(settings)}


def _write(value: typing.Any) -> str:
    if value is None:
        return 'none'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (set, frozenset)):
        return ','.join(sorted(map(_write, value)))
    if isinstance(value, (tuple, list)):
        return ','.join(map(_write, value))
    return str(value)


def short_path(where: str) -> str:
    """``file:line`` without what leads to this package."""
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    path = os.path.abspath(where)
    return path[len(here):] if path.startswith(here) else where
