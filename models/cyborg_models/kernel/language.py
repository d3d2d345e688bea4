"""The model language: variables, actions, properties.

A model is a finite state machine written as plain Python.  It declares
*sets* (the instances, handles and so on that parameters range over),
*variables* over finite domains, *actions* (guards, then effects) and
*properties*::

    m = Model('example')
    Van = m.set('van', 2)
    m.var('state', VanState, start=VanState.BOUND, each=Van)

    @m.action('os-acc -> plugin: plug({van})', van=Van)
    def plug(s, van):
        \"\"\"A bound VAN is plugged.\"\"\"
        when(s.state[van] is VanState.BOUND, 'OSACC-014')
        s.state[van] = VanState.PLUGGED

An action reads and writes ``s`` and nothing else.  A parameter ranges over
a set: that, and which action comes next, is all the non-determinism there
is.  ``when`` ends the action, without effect, unless its condition holds.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import dis
import enum
import functools
import inspect
import itertools
import linecache
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

from cyborg_models.kernel import endless
from cyborg_models.kernel.purity import impure
from cyborg_models.kernel.source import parsed, statements

WEAK, STRONG = 'weak', 'strong'
LARGEST = 1 << 16  # values of a variable

Body = Callable[..., Any]  # of an action or a property: takes s first
Decorated = TypeVar('Decorated', bound=Body)
Codes = tuple[int, ...]  # a state: of each cell, the place of its value


class ModelError(Exception):
    """A model that is not a model: says file, line, what and the mend."""


class _Refused(Exception):
    """A guard that does not hold ends the action."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(guard)
        self.guard = guard


_here = os.path.dirname(os.path.abspath(__file__))


@functools.cache
def _is_kernel(path: str) -> bool:
    return os.path.dirname(os.path.abspath(path)) == _here


def _models_frame() -> FrameType | None:
    """The frame of the model's code that is running, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame and _is_kernel(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _where() -> str:
    """``file:line`` of the model's code that is running."""
    frame = _models_frame()
    if frame is None:
        return '?'
    return f'{_short_path(frame.f_code.co_filename)}:{frame.f_lineno}'


def _short_path(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith('..') else relative


def place_of(body: Body) -> str:
    """``file:line`` where the function *body* begins."""
    code = inspect.unwrap(body).__code__
    return f'{_short_path(code.co_filename)}:{code.co_firstlineno}'


def _where_raised(error: BaseException, body: Body) -> str:
    """``file:line`` of the model's code, where *body* raised *error*: not
    of a library that it called.
    """
    home = os.path.dirname(os.path.abspath(
        inspect.unwrap(body).__code__.co_filename))
    found, trace = place_of(body), error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if os.path.dirname(os.path.abspath(path)) == home:
            found = f'{_short_path(path)}:{trace.tb_lineno}'
        trace = trace.tb_next
    return found


@dataclass(frozen=True)
class Guard:
    """A condition that an action waits for.

    :ivar requirement: the id of the requirement that it carries
    :ivar text: the condition, as written
    :ivar where: ``file:line``
    """

    requirement: str
    text: str
    where: str


@dataclass(frozen=True, order=True)
class Site:
    """A guard or an assignment, in the text of a model.

    :ivar where: ``file:line``
    :ivar kind: ``'guard'`` or ``'effect'``
    :ivar text: the condition, or the assignment, as written
    :ivar requirement: of a guard, the requirement that it carries
    :ivar function: that it stands in
    :ivar variable: of an effect, the variable that is assigned
    """

    where: str
    kind: str
    text: str
    requirement: str
    function: str
    variable: str


@functools.cache
def _texts(
        path: str) -> tuple[dict[int, tuple[str, str]], dict[int, str]]:
    """(condition, requirement) by the line where a when() begins, and the
    statements by each of their lines: as written, on one line.
    """
    rows = [line.encode() for line in linecache.getlines(path)]
    guards: dict[int, tuple[str, str]] = {}
    written: dict[int, str] = {}
    tree = parsed(path)
    for node in [] if tree is None else statements(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr)):
            call = node.value
            if (isinstance(call, ast.Call) and call.args
                    and getattr(call.func, 'id', None) == 'when'):
                guards[node.lineno] = _segment(rows, call.args[0]), getattr(
                    call.args[-1], 'value', '')
            for line in range(node.lineno,
                              (node.end_lineno or node.lineno) + 1):
                written[line] = _segment(rows, node)
    return guards, written


def _segment(rows: list[bytes], node: ast.expr | ast.stmt) -> str:
    """The source of an expression, in one line.

    :param rows: the lines of the file, in bytes, as columns are counted
    """
    part = rows[node.lineno - 1:node.end_lineno]
    part[-1] = part[-1][:node.end_col_offset]
    part[0] = part[0][node.col_offset:]
    return ' '.join(row.decode().strip() for row in part)


@functools.cache
def _guard(path: str, line: int, requirement: str) -> Guard:
    text, _ = _texts(path)[0].get(line, ('?', ''))
    return Guard(requirement, text, f'{_short_path(path)}:{line}')


@functools.cache
def _guard_site(guard: Guard, function: str) -> Site:
    return Site(guard.where, 'guard', guard.text, guard.requirement,
                function, '')


@functools.cache
def _effect_site(path: str, line: int, function: str,
                 variable: str) -> Site:
    text = _texts(path)[1].get(line, '?')
    return Site(f'{_short_path(path)}:{line}', 'effect', text, '', function,
                variable)


#: while recording: the sites that were run
_seen: set[Site] | None = None
#: while mutating: a site, and how
_without: Site | None = None
_inverted = False
#: while a defect runs: what it lacks, see Model.defect
_dropped: str | None = None


@contextlib.contextmanager
def recording() -> Iterator[set[Site]]:
    """Collect every guard and assignment that is run meanwhile, each a
    :class:`Site`.
    """
    global _seen
    _seen = set()
    try:
        yield _seen
    finally:
        _seen = None


@contextlib.contextmanager
def without(site: Site, inverted: bool = False) -> Iterator[None]:
    """Leave out one guard or one assignment meanwhile.

    :param site: a :class:`Site`
    :param inverted: True to turn a guard into its opposite instead
    """
    global _without, _inverted
    _without, _inverted = site, inverted
    try:
        yield
    finally:
        _without, _inverted = None, False


@functools.cache
def _known_texts(folder: str) -> set[str]:
    """Every guard, its requirement and every statement in a folder."""
    found: set[str] = set()
    for name in sorted(os.listdir(folder)):
        if name.endswith('.py'):
            guards, written = _texts(os.path.join(folder, name))
            found |= {*written.values(), *(
                text for guard in guards.values() for text in guard)}
    return found


def _lacking(body: Body, text: str, doc: str | None) -> Body:
    """*body* without some of its guards, or an assignment."""
    @functools.wraps(body)
    def altered(*arguments: Any) -> Any:
        global _dropped
        before, _dropped = _dropped, text
        try:
            return body(*arguments)
        finally:
            _dropped = before
    vars(altered).update(lacks=text)  # for a table of what it says
    altered.__doc__ = doc
    return altered


def when(condition: object, requirement: str) -> None:
    """End the action here unless *condition* holds.

    :param condition: a bool
    :param requirement: the id of the requirement that says so
    """
    if condition and _seen is None and not _inverted:
        return
    frame = sys._getframe(1)
    guard = _guard(frame.f_code.co_filename, frame.f_lineno, requirement)
    if _seen is not None or _without is not None:
        site = _guard_site(guard, frame.f_code.co_name)
        if _seen is not None:
            _seen.add(site)
        if site == _without:
            condition = not condition if _inverted else True
    if not condition and _dropped not in (guard.text, requirement):
        raise _Refused(guard)


@dataclass(frozen=True)
class Set:
    """What a parameter ranges over: the numbers from 0 to size - 1.

    """

    name: str
    size: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size))

    def __len__(self) -> int:
        return self.size


@dataclass(frozen=True)
class Variable:
    """A variable, or one per member of a set.

    :ivar domain: its values, in order
    :ivar each: the set, or None for a single variable
    :ivar names: the set whose members the numbers in the domain are, or
        None
    """

    name: str
    domain: tuple[Any, ...]
    start: Any
    each: Set | None
    names: Set | None = None

    @functools.cached_property
    def members(self) -> tuple[int, ...]:
        """Those that there is one for; of a single variable, none."""
        return tuple(self.each or ())

    @functools.cached_property
    def code(self) -> dict[tuple[type, Any], int]:
        """value -> its place in the domain."""
        return {_key(value): index
                for index, value in enumerate(self.domain)}

    def code_of(self, value: Any) -> int:
        """The place of a value in the domain."""
        return self.code[_key(value)]


def _reads_state(body: Body) -> bool:
    """True if a body uses its first parameter at all."""
    code = inspect.unwrap(body).__code__
    for one in dis.get_instructions(code):
        # From Python 3.13 on, one instruction may load two names.
        names = (one.argval if isinstance(one.argval, tuple)
                 else (one.argval,))
        if 'CONST' not in one.opname and any(
                name in names for name in code.co_varnames[:1]):
            return True
    return False


def _key(value: Any) -> tuple[type, Any]:
    # True == 1 in Python, and they are different values of a model.
    return (type(value), value)


@dataclass(frozen=True)
class Action:
    """Something that may happen.

    :ivar view: how it appears as a message: ``sender -> receiver: text``
    :ivar body: the function; its docstring says when it may happen
    :ivar sets: parameter name -> set
    :ivar fair: None, ``'weak'`` or ``'strong'``
    :ivar fault: True for what goes wrong by itself
    """

    name: str
    view: str
    body: Body = field(repr=False, compare=False)
    sets: dict[str, Set] = field(compare=False)
    fair: str | None = None
    fault: bool = False

    @property
    def doc(self) -> str:
        return ' '.join((self.body.__doc__ or '').split())


@dataclass(frozen=True)
class Step:
    """An action with its parameters: one label of the state graph."""

    action: Action
    arguments: tuple[int, ...]

    @property
    def name(self) -> str:
        if not self.arguments:
            return self.action.name
        named = ', '.join(
            f'{key}={value}' for key, value
            in zip(self.action.sets, self.arguments, strict=True))
        return f'{self.action.name}({named})'

    @property
    def message(self) -> str:
        """The view, with the arguments filled in."""
        values = {key: f'{self.action.sets[key].name}{value}'
                  for key, value in zip(self.action.sets, self.arguments,
                                        strict=True)}
        return self.action.view.format(**values)


@dataclass(frozen=True)
class Property:
    """What a model is checked for.

    :ivar kind: ``'always'``, ``'eventually'`` or ``'sometimes'``
    :ivar body: function of ``s`` (and parameters): for ``eventually`` it
        returns (what calls for it, what must come), else a bool
    """

    name: str
    kind: str
    requirement: str
    body: Body = field(repr=False, compare=False)
    sets: dict[str, Set] = field(compare=False)

    @property
    def doc(self) -> str:
        return ' '.join((self.body.__doc__ or '').split())


class Model:
    """A finite state machine.

    :param name: such as ``'rocky.attach'``
    :param defects: names of the defects that are switched on
    :raises ModelError: from each declaration that cannot be
    """

    def __init__(self, name: str, defects: Iterable[str] = ()) -> None:
        self.name = name
        self.sets: dict[str, Set] = {}
        self.variables: dict[str, Variable] = {}
        #: (set, the sets that go with it)
        self.symmetries: list[tuple[Set, tuple[Set, ...]]] = []
        self.actions: dict[str, Action] = {}
        self.properties: dict[str, Property] = {}
        self.defects: dict[str, str] = {}
        self.final: Body | None = None
        self.besides: frozenset[str] | None = None
        self.checked = False  # by ready()
        self.may_loop = True  # for ever, for all that is known
        self._wanted = frozenset(defects)

    # declarations

    def set(self, name: str, size: int) -> Set:
        """Declare a set of *size* members, numbered from 0."""
        if not isinstance(size, int) or not 1 <= size <= 64:
            raise ModelError(f'{_where()}: set {name} has size {size!r}; '
                             'give a number from 1 to 64')
        if name in self.sets:
            raise ModelError(f'{_where()}: set {name!r} is declared twice; '
                             'choose another name')
        self.sets[name] = Set(name, size)
        return self.sets[name]

    def symmetric(self, members: Set, *linked: Set) -> None:
        """Declare that the members of a set are all alike: to exchange two,
        wherever they are named, makes no difference.

        :param linked: sets of whose members some go with each of *members*:
            of six, number 0 and 1 with the first of three, and so on
        """
        taken = {one.name for first, others in self.symmetries
                 for one in (first, *others)}
        for one in (members, *linked):
            if not isinstance(one, Set) or one.name in taken:
                raise ModelError(f'{_where()}: {one!r} is no set, or is '
                                 'symmetric already; name each set once')
            if len(one) % len(members):
                raise ModelError(f'{_where()}: the {len(one)} members of '
                                 f'{one.name} cannot go with the '
                                 f'{len(members)} of {members.name}; make '
                                 'it a multiple')
            taken.add(one.name)
        if len(members) > 1:
            self.symmetries.append((members, linked))

    def var(self, name: str, domain: Iterable[Any] | type[bool], start: Any,
            each: Set | None = None) -> None:
        """Declare a variable.

        :param domain: an Enum class, ``bool``, a range, a :class:`Set`, or
            an iterable of values; a Set in it stands for its members
        :param start: its first value
        :param each: a set: one variable per member
        """
        if (name in self.variables or not name.isidentifier()
                or name.startswith('_')):
            raise ModelError(f'{_where()}: variable {name!r} is declared '
                             'twice, or is no name; choose another')
        if not isinstance(each, Set | None):
            raise ModelError(f'{_where()}: {name} is declared for each '
                             f'{each!r}; use a set of the model')
        names = None
        values: tuple[Any, ...]
        if isinstance(domain, type) and issubclass(domain, enum.Enum):
            values = tuple(domain)
        elif domain is bool:
            values = (False, True)
        elif isinstance(domain, Set):
            values, names = tuple(domain), domain
        else:
            try:
                values = tuple(itertools.islice(domain, LARGEST + 1))
            except TypeError:
                raise ModelError(f'{_where()}: the domain of {name} is '
                                 f'{domain!r}; list its values') from None
            sets = [value for value in values if isinstance(value, Set)]
            if len(sets) > 1:
                raise ModelError(f'{_where()}: the domain of {name} has two '
                                 'sets, whose members are the same numbers; '
                                 'use two variables')
            if sets:
                names = sets[0]
                values = tuple(itertools.chain(*(
                    value if value is names else (value,)
                    for value in values)))
        if len(values) > LARGEST:
            raise ModelError(f'{_where()}: {name} has more than {LARGEST:,} '
                             'values; a model is small: let fewer stand for '
                             'all')
        made = Variable(name, values, start, each, names)
        try:
            known = _key(start) in made.code
        except TypeError as error:
            raise ModelError(f'{_where()}: {name} has a value that can '
                             f'change ({error}); use one that cannot, such '
                             'as a tuple') from None
        if not values or len(made.code) != len(values):
            raise ModelError(f'{_where()}: the domain of {name} is empty or '
                             'names a value twice; list each value once')
        if not known:
            raise ModelError(f'{_where()}: {name} starts as {start!r}, '
                             'which is not in its domain; add it, or start '
                             'otherwise')
        self.variables[name] = made

    def action(self, view: str, fair: str | None = None,
               fault: bool = False,
               **sets: Set) -> Callable[[Decorated], Decorated]:
        """Declare the decorated function as an action.

        :param view: ``'sender -> receiver: text'``; ``{name}`` stands for a
            parameter
        :param fair: ``WEAK`` if it happens at last when it stays possible,
            ``STRONG`` if when it is possible again and again
        :param fault: True if it costs one of the configured faults
        :param sets: parameter name -> set
        """
        return functools.partial(self._add_action, view, fair, fault, sets)

    def _add_action(self, view: str, fair: str | None, fault: bool,
                    sets: dict[str, Set], body: Decorated) -> Decorated:
        name = body.__name__
        self._check(body, sets, self.actions)
        if fair not in (None, WEAK, STRONG):
            raise ModelError(f'{_where()}: action {name} has fairness '
                             f'{fair!r}; use WEAK, STRONG or None')
        try:
            view.format(**dict.fromkeys(sets, ''))
        except (AttributeError, LookupError, TypeError,
                ValueError) as error:
            raise ModelError(f'{_where()}: the view {view!r} of {name} '
                             f'names {error}, which is no parameter') from None
        self.actions[name] = Action(name, view, body, sets, fair, fault)
        return body

    def _check(self, body: Body, sets: dict[str, Set],
               known: Iterable[str]) -> None:
        name = body.__name__
        if name in known:
            raise ModelError(f'{_where()}: {name} is declared twice; choose '
                             'another name')
        if not (body.__doc__ or '').strip():
            raise ModelError(f'{_where()}: {name} has no docstring; say in '
                             'one sentence when it may happen, or what holds')
        if list(inspect.signature(body).parameters)[1:] != list(sets):
            raise ModelError(f'{_where()}: the parameters of {name} are not '
                             'those of its declaration; give the same, in '
                             'the same order, after s')
        for key, value in sets.items():
            if not isinstance(value, Set):
                raise ModelError(f'{_where()}: parameter {key} of {name} '
                                 f'ranges over {value!r}; use a set of the '
                                 'model')

    def defect(self, name: str, of: Body, without: str | None = None,
               doc: str | None = None) -> Body:
        """Declare what a defect makes of the action *of*; it is in force
        when the defect is switched on.

        It is the decorated function, or the action itself without some
        guards or assignments.

        :param without: the text of a guard or an assignment that goes, or
            a requirement, whose guards go; wherever the action runs them
        :param doc: with *without*, what is wrong, in one sentence
        """
        if of.__name__ not in self.actions:
            raise ModelError(f'{_where()}: defect {name} alters '
                             f'{of.__name__}, which is no action; name one')
        original = self.actions[of.__name__]

        def declare(body: Body) -> Body:
            self.defects.setdefault(name, ' '.join(
                (body.__doc__ or '').split()))
            if name in self._wanted:
                self.actions[of.__name__] = Action(
                    original.name, original.view, body, original.sets,
                    original.fair, original.fault)
            return body

        def declare_other(body: Body) -> Body:
            self._check(body, original.sets, {})
            return declare(body)
        if without is None:
            return declare_other
        if not (doc or '').strip():
            raise ModelError(f'{_where()}: defect {name} has no doc; say in '
                             'one sentence what is wrong')
        if without not in _known_texts(os.path.dirname(
                inspect.unwrap(original.body).__code__.co_filename)):
            raise ModelError(
                f'{_where()}: defect {name} leaves out {without!r}, which '
                'no guard or assignment beside the model is; copy it from '
                'there')
        return declare(_lacking(original.body, without, doc))

    def ready(self) -> Model:
        """Check the whole once all is declared; returns the model.

        :raises ModelError: naming what is missing
        """
        unknown = self._wanted - set(self.defects)
        if unknown:
            raise ModelError(
                f'{_where()}: {self.name} has no defect '
                f'{sorted(unknown)[0]!r}; known: '
                + (', '.join(sorted(self.defects)) or 'none'))
        for what, count in (('variable', len(self.variables)),
                            ('action', len(self.actions)),
                            ('property', len(self.properties))):
            if not count:
                raise ModelError(f'{_where()}: {self.name} has no {what}; '
                                 'declare one')
        bodies = (*(action.body for action in self.actions.values()),
                  *(prop.body for prop in self.properties.values()),
                  *([self.final] if self.final else ()))
        for body in bodies:
            found = impure(body)
            if found is not None:
                raise ModelError(
                    f'{_short_path(found.path)}:{found.line}: '
                    f'{body.__name__} {found.what}; a body reads and assigns '
                    'the state, and nothing else: take it out')
        self.checked, self.may_loop = True, endless.may_loop(bodies)
        return self

    def always(self, requirement: str,
               **sets: Set) -> Callable[[Decorated], Decorated]:
        """Declare an invariant: the function returns True in every state."""
        return functools.partial(self._add_property, 'always', requirement,
                                 sets)

    def eventually(self, requirement: str,
                   **sets: Set) -> Callable[[Decorated], Decorated]:
        """Declare what must come: the function returns two bools, what
        calls for it and what it is.
        """
        return functools.partial(self._add_property, 'eventually',
                                 requirement, sets)

    def sometimes(self, requirement: str,
                  **sets: Set) -> Callable[[Decorated], Decorated]:
        """Declare a witness: the function returns True in some state."""
        return functools.partial(self._add_property, 'sometimes',
                                 requirement, sets)

    def _add_property(self, kind: str, requirement: str,
                      sets: dict[str, Set], body: Decorated) -> Decorated:
        self._check(body, sets, self.properties)
        if not _reads_state(body):
            raise ModelError(f'{place_of(body)}: {body.__name__} does not '
                             'look at the state: it is the same in every '
                             'one, and no configuration can break it; say '
                             'what holds of s')
        self.properties[body.__name__] = Property(
            body.__name__, kind, requirement, body, sets)
        return body

    def never_idle(self, requirement: str,
                   besides: Iterable[str] = ()) -> None:
        """Declare the invariant ``no_idle_step``: each step changes
        something.  A step that changes nothing would hide a deadlock, and
        a fault that does so puts nothing to the test.

        :param besides: names of variables that do not count, such as how
            many faults are left
        """
        self.var('idled', bool, start=False)
        self.besides = frozenset(besides)

        @self.always(requirement)
        def no_idle_step(s: Any) -> bool:
            """Each step, and each fault, changes something."""
            return not s.idled

    def may_end(self, body: Decorated) -> Decorated:
        """Declare the states in which nothing more need happen."""
        self.final = body
        return body

    # what the engines use

    @functools.cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every action with every combination of its parameters."""
        return tuple(
            Step(action, arguments) for action in self.actions.values()
            for arguments in itertools.product(*action.sets.values()))

    @functools.cached_property
    def cells(self) -> tuple[tuple[Variable, int | None], ...]:
        """The single variables: (variable, member or None), in order."""
        return tuple(
            (variable, member) for variable in self.variables.values()
            for member in (variable.each or (None,)))

    @functools.cached_property
    def place(self) -> dict[tuple[str, int | None], int]:
        """(variable name, member or None) -> index among the cells."""
        return {(variable.name, member): index for index,
                (variable, member) in enumerate(self.cells)}

    @functools.cached_property
    def initial(self) -> Codes:
        """The first state: for each cell, the code of its value."""
        return tuple(variable.code[_key(variable.start)]
                     for variable, _ in self.cells)

    def values(self, state: Codes) -> dict[str, Any]:
        """A state of codes as a dict ``name`` or ``name[i]`` -> value."""
        return {variable.name if member is None
                else f'{variable.name}[{member}]': variable.domain[code]
                for (variable, member), code
                in zip(self.cells, state, strict=True)}


class State:
    """What a body sees as ``s``: reads and writes one state.

    :ivar codes: the state, a tuple of codes
    :ivar reads: cells and quantities read, in order, each once
    :ivar writes: cell index -> code
    """

    __slots__ = ('_model', '_codes', '_reads', '_writes', '_frozen')
    _model: Model
    _codes: Codes
    _reads: dict[int | Quantity, None]
    _writes: dict[int, int]
    _frozen: bool

    def __init__(self, model: Model, codes: Codes,
                 frozen: bool = False) -> None:
        put = object.__setattr__
        put(self, '_model', model)
        put(self, '_codes', codes)
        put(self, '_reads', {})
        put(self, '_writes', {})
        put(self, '_frozen', frozen)

    def __getattr__(self, name: str) -> Any:
        variable = _variable(self._model, name)
        if variable.each is not None:
            return _Family(self, variable)
        return _read(self, variable, None)

    def __setattr__(self, name: str, value: Any) -> None:
        variable = _variable(self._model, name)
        if variable.each is not None:
            raise ModelError(f'{_where()}: {name} is one variable per '
                             f'{variable.each.name}; assign {name}[...]')
        _write(self, variable, None, value)


class _Family:
    """One variable per member of a set: indexed, counted, iterated."""

    __slots__ = ('_state', '_variable')

    def __init__(self, state: State, variable: Variable) -> None:
        self._state, self._variable = state, variable

    def __getitem__(self, member: int) -> Any:
        return _read(self._state, self._variable, member)

    def __setitem__(self, member: int, value: Any) -> None:
        _write(self._state, self._variable, member, value)

    def __iter__(self) -> Iterator[Any]:
        return (self[member] for member in self._variable.members)

    def __len__(self) -> int:
        return len(self._variable.members)

    # These three are read as one: the tables hold a number, and not every
    # combination of the members' values.

    def count(self, *values: Any) -> int:
        """How many members have one of these values."""
        return _read_count(self._state, self._variable, values)

    def any(self, *values: Any) -> bool:
        """True if some member has one of these values."""
        return self.count(*values) > 0

    def all(self, *values: Any) -> bool:
        """True if every member has one of these values."""
        return self.count(*values) == len(self)

    def find(self, *values: Any) -> int | None:
        """The first member that has one of these values, or None."""
        return _read_find(self._state, self._variable, values)


def _variable(model: Model, name: str) -> Variable:
    try:
        return model.variables[name]
    except KeyError:
        close = difflib.get_close_matches(name, model.variables, n=1)
        hint = (f'did you mean {close[0]}?' if close
                else 'declare it with var()')
        raise ModelError(f'{_where()}: {model.name} has no variable '
                         f'{name}; {hint}') from None


def _cell(state: State, variable: Variable, member: int | None) -> int:
    try:
        return state._model.place[variable.name, member]
    except (KeyError, TypeError):
        raise ModelError(
            f'{_where()}: {variable.name} has no member {member!r}; its '
            f'members are 0 to {len(variable.members) - 1}') from None


def _read(state: State, variable: Variable, member: int | None) -> Any:
    cell = _cell(state, variable, member)
    if cell in state._writes:
        return variable.domain[state._writes[cell]]
    state._reads[cell] = None
    return variable.domain[state._codes[cell]]


@dataclass(frozen=True)
class Quantity:
    """What is read of a whole family: ``count`` or ``find``.

    :ivar codes: the codes that are looked for
    """

    kind: str
    variable: str
    codes: Codes

    def of(self, model: Model, state: Codes) -> int:
        """Its value in a state of codes: the count, or the member found
        and the size of the set if there is none.
        """
        found = [state[model.place[self.variable, member]] in self.codes
                 for member in model.variables[self.variable].members]
        if self.kind == 'count':
            return sum(found)
        return found.index(True) if True in found else len(found)


def _read_quantity(state: State, kind: str, variable: Variable,
                   values: Sequence[Any]) -> tuple[int | None, Codes]:
    """The value of a quantity; None if it must be read member by member,
    as once one of them has been written.
    """
    try:
        codes = tuple(sorted({variable.code[_key(value)]
                              for value in values}))
    except (KeyError, TypeError):
        raise ModelError(f'{_where()}: {kind}() looks for a value that is '
                         f'not in the domain of {variable.name}') from None
    # The tables keep the codes that are looked for as bits of one word.
    if len(variable.domain) > 63 or any(
            state._model.place[variable.name, member] in state._writes
            for member in variable.members):
        return None, codes
    quantity = Quantity(kind, variable.name, codes)
    state._reads[quantity] = None
    return quantity.of(state._model, state._codes), codes


def _read_count(state: State, variable: Variable,
                values: Sequence[Any]) -> int:
    found, codes = _read_quantity(state, 'count', variable, values)
    if found is None:
        found = sum(variable.code[_key(_read(state, variable, member))]
                    in codes for member in variable.members)
    return found


def _read_find(state: State, variable: Variable,
               values: Sequence[Any]) -> int | None:
    found, codes = _read_quantity(state, 'find', variable, values)
    if found is None:
        return next((member for member in variable.members if variable.code[
            _key(_read(state, variable, member))] in codes), None)
    return None if found == len(variable.members) else found


def _write(state: State, variable: Variable, member: int | None,
           value: Any) -> None:
    if state._frozen:
        raise ModelError(f'{_where()}: a property assigns '
                         f'{variable.name}; only actions may')
    cell = _cell(state, variable, member)
    if (_seen is not None or _without is not None
            or _dropped is not None) and _left_out(variable):
        return
    try:
        state._writes[cell] = variable.code[_key(value)]
    except (KeyError, TypeError):
        raise ModelError(
            f'{_where()}: {variable.name} is set to {value!r}, which is not '
            'in its domain; add it there, or guard against it') from None


def _left_out(variable: Variable) -> bool:
    """True if the assignment that is running is not to be made."""
    frame = _models_frame()
    if frame is None:
        return False
    site = _effect_site(frame.f_code.co_filename, frame.f_lineno,
                        frame.f_code.co_name, variable.name)
    if _seen is not None:
        _seen.add(site)
    return site == _without or site.text == _dropped


@dataclass(frozen=True)
class Outcome:
    """What running a body on a state gave.

    :ivar reads: the cells and :class:`Quantity` that it read, in order
    :ivar value: for an action the writes (cell, code) in order of cells, or
        the :class:`Guard` that refused; for a property what it returned
    """

    reads: tuple[int | Quantity, ...]
    value: Any


def run(model: Model, body: Body, arguments: Sequence[int], codes: Codes,
        frozen: bool = False) -> Outcome:
    """Run an action's or a property's body on one state.

    :param codes: the state, a tuple of codes
    :param frozen: True for a property, which may not assign
    :returns: an :class:`Outcome`
    :raises ModelError: if the body does what a model may not do
    """
    s = State(model, codes, frozen)
    try:
        returned = (endless.counted(body, s, *arguments) if model.may_loop
                    else body(s, *arguments))
    except endless.Endless as error:
        raise ModelError(
            f'{_where_raised(error, body)}: {body.__name__} has run '
            f'{endless.LINES:,} lines and does not end; let its loop end in '
            f'the state {model.values(codes)}') from None
    except _Refused as refused:
        if frozen:
            raise ModelError(f'{refused.guard.where}: a property uses '
                             'when(); return a bool') from None
        return Outcome(tuple(s._reads), refused.guard)
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(
            f'{_where_raised(error, body)}: {body.__name__} raises '
            f'{type(error).__name__}: {error}; guard against the state '
            f'{model.values(codes)}') from error
    if frozen:
        return Outcome(tuple(s._reads), returned)
    if returned is not None:
        raise ModelError(f'{place_of(body)}: action {body.__name__} '
                         f'returns {returned!r}; it may only assign to s')
    if model.besides is not None and not _changes(s):
        s._writes[model.place['idled', None]] = 1
    return Outcome(tuple(s._reads), tuple(sorted(s._writes.items())))


def _changes(s: State) -> bool:
    """True if what is assigned differs from what was, where it counts."""
    model, besides = s._model, s._model.besides or ()
    # What has been read already is told first: it is known.
    for cell in sorted(s._writes, key=lambda cell: cell not in s._reads):
        if model.cells[cell][0].name not in besides:
            s._reads[cell] = None
            if s._writes[cell] != s._codes[cell]:
                return True
    return False


def successor(codes: Codes, writes: Iterable[tuple[int, int]]) -> Codes:
    """The state after the writes."""
    changed = list(codes)
    for cell, code in writes:
        changed[cell] = code
    return tuple(changed)
