"""A system that is to conform, and its tests.

An implementer subclasses :class:`Suite`, says what it is, and gives one
method per action of the model that a test can make the system take::

    class TestMine(Suite):
        model = 'stein.attach'
        roles = ('cyborg',)
        implementation = ('mine', '1.0')
        hidden = HIDDEN_REST      # the rest it does by itself, unseen

        def start(self):
            self.cloud = Cloud()

        def observe(self):
            return {f'arq[{arq}]': row.state
                    for arq, row in enumerate(self.cloud.arqs)}

        def do_post(self, instance):
            answer = self.cloud.post(instance)
            if answer.status == 409:
                raise Refused(answer.text)

An action for which there is no method, or whose method raises
NotImplementedError, is not called.  Its tests run under unittest, stestr and
pytest; ``cyborg-models conform run MODULE:CLASS`` runs them all and reports.
What is not tested from Python, such as a process that is spoken to over a
pipe, is a :class:`System` of its own.
"""

from __future__ import annotations

import time
import unittest
from collections.abc import Mapping
from typing import Any, ClassVar

from cyborg_models import registry
from cyborg_models.conformance import contract
from cyborg_models.conformance.oracle import (
    HIDDEN_REST,
    IGNORE,
    OK,
    REFUSED,
    UNKNOWN,
    OracleError,
)
from cyborg_models.registry import Chosen, InputError, near


class Refused(Exception):
    """The system answered, and did nothing: an error, or it ignored what was
    repeated.
    """


class Unknown(Exception):
    """There was no answer: it may have happened, may happen yet, or never.
    """


class HarnessError(Exception):
    """The test broke, or what ties it to the system did: says what."""


class System:
    """What is tested, and what is said of it before the first step.

    :cvar model: name of the model that it is held to, such as
        ``stein.attach``
    :cvar settings: of the model, key -> value, as on the command line
    :cvar roles: that it has
    :cvar capabilities: that it has; ``core`` is always among them
    :cvar implementation: (name, version)
    :cvar known: names of defects that it is known to have
    :cvar reasons: requirement -> why a recommendation is not kept
    :cvar hidden: names of the actions that it takes by itself, unseen, or
        ``HIDDEN_REST``: all without a method, faults apart
    :cvar refuses: names of the actions that it must itself refuse where the
        model forbids them; None: all with a method, faults apart.  An action
        that the test takes in its place, such as Nova's, is none of them
    :cvar observed: names of the variables that ``observe`` gives; None: any
    :cvar limit: seconds that a call may take
    :cvar settle: seconds within which it does by itself what it has to
    :cvar callers: how many threads may call it at once
    """

    model: ClassVar[str] = ''
    settings: ClassVar[Mapping[str, Any]] = {}
    roles: ClassVar[tuple[str, ...]] = ()
    capabilities: ClassVar[tuple[str, ...]] = ('core',)
    implementation: ClassVar[tuple[str, str]] = ('unnamed', '0')
    known: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[Mapping[str, str]] = {}
    hidden: ClassVar[tuple[str, ...] | str] = ()
    refuses: ClassVar[tuple[str, ...] | None] = None
    observed: ClassVar[tuple[str, ...] | None] = None
    limit: ClassVar[float] = 30.0
    settle: ClassVar[float] = 1.0
    callers: ClassVar[int] = 1

    def start(self) -> None:
        """Go to the state where the model starts.  It is called before each
        run, and again and again.
        """
        raise NotImplementedError

    def observe(self) -> Mapping[str, Any]:
        """What can be seen at one moment: ``name`` or ``name[member]`` ->
        value, or its name; what is left out, or ``IGNORE``, was not seen.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Called once at the end, whatever happened."""

    def wait(self) -> None:
        """Give it time to do by itself what it has to."""
        time.sleep(self.settle)

    def actions(self, known: Mapping[str, Any]) -> frozenset[str]:
        """The names, of those of the model, that can be called.

        :raises HarnessError: if there is a method for what is no action
        """
        for name in dir(type(self)):
            if name.startswith('do_') and name[3:] not in known:
                raise HarnessError(
                    f'{type(self).__name__}.{name} is for an action that '
                    f'{self.model} has not; {near(name[3:], known)}')
        return frozenset(name for name in known if callable(
            getattr(self, f'do_{name}', None)))

    def call(self, name: str, arguments: tuple[int, ...]) -> str:
        """Take an action; returns ``OK``, ``REFUSED`` or ``UNKNOWN``.

        :raises NotImplementedError: if it cannot after all
        :raises HarnessError: if a method returns what is no outcome
        """
        try:
            found = getattr(self, f'do_{name}')(*arguments)
        except Refused:
            return REFUSED
        except (Unknown, TimeoutError):
            return UNKNOWN
        if found is None:
            return OK
        if found in (OK, REFUSED, UNKNOWN):
            return str(found)
        raise HarnessError(f'do_{name} returns {found!r}; return None, or '
                           'raise Refused or Unknown')


def chosen(system: System) -> Chosen:
    """The model of a system.

    :raises InputError: if there is none
    """
    if not system.model:
        raise InputError(f'{type(system).__name__} names no model; set '
                         "model = 'stein.attach', say")
    return registry.choose(system.model, [
        f'{key}={value}' for key, value in system.settings.items()])


def declared(system: System) -> contract.Contract:
    """The contract of a system, once what it declares is checked.

    :raises InputError: if it declares what cannot be
    """
    found = contract.of(system.model or chosen(system).name)
    found.check(system.roles, system.capabilities)
    if len(system.implementation) != 2 or not all(
            isinstance(one, str) and one for one in system.implementation):
        raise InputError(f'implementation is {system.implementation!r}; '
                         'give (name, version)')
    for name in system.reasons:
        if name not in found.rules:
            raise InputError(f'a reason is given for {name}, which '
                             f'{found.version} has not; '
                             f'{near(name, found.rules)}')
    return found


class Suite(System, unittest.TestCase):
    """A system whose tests a runner of tests finds: one for each mode.

    A test fails where a requirement fails; what a mode leaves inconclusive
    is for the report of ``cyborg-models conform run``.

    :cvar modes: names of the modes, and the options of each: see
        :mod:`~cyborg_models.conformance.modes`
    """

    modes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        'explore': {'steps': 2000}, 'repeat': {'steps': 500},
        'faults': {'steps': 1000}, 'concurrent': {'rounds': 50},
        'vectors': {}}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for mode in cls.modes:
            if not hasattr(cls, f'test_{mode}'):
                setattr(cls, f'test_{mode}', _test_of(mode))

    def __init__(self, methodName: str = 'runTest') -> None:
        super().__init__(methodName)


def _test_of(mode: str) -> Any:
    def test(self: Suite) -> None:
        from cyborg_models.conformance import modes

        modes.test(self, mode, self.modes[mode])
    test.__doc__ = f'Mode {mode} of the conformance kit.'
    return test


__all__ = ['HIDDEN_REST', 'IGNORE', 'OK', 'REFUSED', 'UNKNOWN',
           'HarnessError', 'OracleError', 'Refused', 'Suite', 'System',
           'Unknown', 'chosen', 'declared']
