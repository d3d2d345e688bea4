"""A model in the place of a system: the kit against itself.

Sound, it conforms; with a defect it shows what that looks like.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from cyborg_models import registry
from cyborg_models.conformance import contract
from cyborg_models.conformance.oracle import OK, REFUSED
from cyborg_models.conformance.suite import System
from cyborg_models.kernel.language import Codes, Guard, Step, successor
from cyborg_models.kernel.trees import Tree

#: release -> (model, settings) that together carry its requirements
WHOLE: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    'stein': (
        ('stein.attach', {}),
        ('stein.attach', {'twins': 'true'}),
        ('stein.attach', {'quota': '1'}),
        ('stein.attach', {'maintenance': 'true'}),
        ('stein.attach', {'instances': '1', 'arqs': '2'}),
        ('stein.release', {}),
        ('stein.release', {'discovery': 'true'}),
        ('stein.program', {'operator': 'true'}),
        ('stein.program', {'kind': 'MDEV', 'per_region': '1'}),
        ('stein.system', {'instances': '1', 'handles': '1',
                          'operations': '3', 'operator': 'true'}),
        ('stein.system', {'instances': '1', 'hosts': '2', 'faults': '2',
                          'programmable': '0'}),
        ('stein.system', {'instances': '1', 'handles': '1', 'faults': '2',
                          'operations': '1',
                          'enabled': 'lose_host,lose_controller'}),
    ),
    'rocky': (
        ('rocky.attach', {}),
        ('rocky.attach', {'kind': 'GPU', 'handles': '2', 'limit': '2'}),
        ('rocky.attach', {'limit': '2', 'enabled_faults': 'restore'}),
        ('rocky.program', {}),
        ('rocky.program', {'functions': '2'}),
        ('rocky.release', {}),
        ('rocky.release', {'vans': '2', 'tenant': 'true', 'faults': '0'}),
        ('rocky.system', {}),
        ('rocky.system', {'vans': '1', 'kind': 'VF', 'faults': '2',
                          'enabled_faults': 'compute-crash,retire'}),
        ('rocky.system', {'vans': '1', 'enabled_faults': 'gone'}),
        ('rocky.system', {'vans': '1', 'kind': 'VF',
                          'enabled_faults': 'wrong-list'}),
        ('rocky.system', {'vans': '1', 'kind': 'VF', 'enabled_faults':
                          'compute-crash', 'flows': 'abandon,evacuate'}),
        ('rocky.system', {'vans': '1', 'kind': 'VF', 'faults': '0', 'flows':
                          'migrate,offload,pause,soft-delete'}),
        ('rocky.release', {'kind': 'VF', 'enabled_faults': 'journal-lost'}),
        ('rocky.system', {'vans': '1', 'operator': 'true'}),
        ('rocky.system', {'vans': '1', 'handles': '2', 'limit': '2',
                          'regions': '2', 'names_provider': 'true'}),
        ('rocky.system', {'vans': '1', 'handles': '2', 'limit': '2',
                          'regions': '2', 'fixed': '1'}),
        ('rocky.system', {'handles': '2', 'limit': '2', 'faults': '0',
                          'tenant': 'true', 'projects': '2'}),
        ('rocky.program', {'vans': '1', 'enabled_faults': 'wrong-function'}),
        ('rocky.attach', {'vans': '1', 'enabled_faults': 'lower-limit'}),
        ('rocky.attach', {'handles': '2', 'limit': '2',
                          'enabled_faults': 'unlisted'}),
        ('rocky.system', {'kind': 'VF', 'enabled_faults': 'placement-down'}),
    ),
}


class ModelSystem(System):
    """A system that does what a model does.

    :param model: its name
    :param settings: of the model, key -> value
    :param defects: that it has
    :param by_itself: names of the actions that it takes by itself: some
        before each observation, and while it is given time all that can be
    :param seed: of the chance that chooses among these

    It has all roles and capabilities of its contract.
    """

    implementation = ('cyborg-models', 'the model itself')
    callers = 2
    settle = 0.0

    def __init__(self, model: str, settings: Mapping[str, Any] | None = None,
                 defects: Iterable[str] = (),
                 by_itself: Iterable[str] = (), seed: int = 0) -> None:
        # What is declared is of this one system, not of all of the class.
        rules = contract.of(model)
        vars(self).update(
            model=model, settings=dict(settings or {}),
            hidden=tuple(by_itself), roles=rules.roles,
            capabilities=tuple(rules.capabilities))
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        made = registry.choose(model, [
            f'{key}={value}' for key, value in (settings or {}).items()],
            defects).model
        self._model = made
        self._trees = {(step.action.name, step.arguments): Tree(
            made, step.action.body, step.arguments, False)
            for step in made.steps}
        self._hidden = [step for step in made.steps
                        if step.action.name in self.hidden]
        self._names = [
            (variable.name if member is None
             else f'{variable.name}[{member}]', variable.domain)
            for variable, member in made.cells]
        self._codes: Codes = made.initial
        self._seen: dict[Codes, dict[str, Any]] = {}

    def actions(self, known: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(name for name in known if name not in self.hidden)

    def start(self) -> None:
        self._codes = self._model.initial

    def call(self, name: str, arguments: tuple[int, ...]) -> str:
        with self._lock:
            self._some()
            writes = self._trees[name, arguments](self._codes)
            if writes.__class__ is Guard:
                return REFUSED
            self._codes = successor(self._codes, writes)
            return OK

    def observe(self) -> Mapping[str, Any]:
        with self._lock:
            self._some()
            found = self._seen.get(self._codes)
            if found is None:
                found = self._seen[self._codes] = {
                    name: domain[code] for (name, domain), code in zip(
                        self._names, self._codes, strict=True)}
            return found

    def wait(self) -> None:
        while self._take([step for step in self._hidden
                          if step.action.fair]):
            pass

    def _some(self) -> None:
        while self._hidden and self._chance.random() < 0.5:
            self._take(self._hidden)

    def _take(self, steps: list[Step]) -> bool:
        """Take one of these steps; False if none is possible."""
        possible = [writes for step in steps for writes in [
            self._trees[step.action.name, step.arguments](self._codes)]
            if writes.__class__ is not Guard]
        if possible:
            self._codes = successor(self._codes,
                                    self._chance.choice(possible))
        return bool(possible)


def whole(release: str, defects: Iterable[str] = ()) -> list[ModelSystem]:
    """The systems that together show a release's requirements; each has the
    defects that its model has.

    :raises InputError: if there is no such release
    """
    if release not in WHOLE:
        raise registry.InputError(f'there is no release {release!r}; '
                                  f'{registry.near(release, WHOLE)}')
    return [ModelSystem(model, settings, [
        name for name in defects if name in registry.choose(
            model, [f'{key}={text}' for key, text in settings.items()]
        ).model.defects]) for model, settings in WHOLE[release]]


__all__ = ['WHOLE', 'ModelSystem', 'whole']
