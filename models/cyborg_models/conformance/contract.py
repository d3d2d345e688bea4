"""What a release asks for: its requirements, roles and capabilities.

The data are made from the approved specs by ``tools/contract.py``; a test
holds them against the specs.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from cyborg_models.registry import InputError, near

SITE = 'https://specs.openstack.org/openstack/cyborg-specs/'
OBLIGES, RECOMMENDS, PERMITS = 'obliges', 'recommends', 'permits'
CORE = 'core'
#: capability -> a setting of the models, and how much of it there must be for
#: the capability to be tried: of one ARQ nothing can be done together
TRIED_WITH = {'group': ('arqs', 2), 'share': ('per_region', 2)}


@dataclass(frozen=True)
class Rule:
    """A requirement.

    :ivar level: ``OBLIGES``, ``RECOMMENDS`` or ``PERMITS``
    :ivar roles: who has to keep it
    :ivar capabilities: that bring it; one that is declared is enough
    :ivar review: why it is verified by review; '' if it is not
    :ivar page: its spec, from the top of the site
    """

    id: str
    title: str
    sentence: str
    level: str
    roles: tuple[str, ...]
    capabilities: tuple[str, ...]
    review: str
    page: str

    @property
    def address(self) -> str:
        """Where it stands in the documents."""
        return f'{SITE}{self.page}#{self.id}'

    def untried(self, settings: Mapping[str, Any]) -> str:
        """What a model's settings lack to try it; '' if nothing."""
        lacks = [f'{name} is tried with {key}={least} or more'
                 for name, (key, least) in TRIED_WITH.items()
                 if name in self.capabilities
                 and int(settings.get(key, 0)) < least]
        return '; '.join(lacks) if len(lacks) == len(
            self.capabilities) else ''


@dataclass(frozen=True)
class Capability:
    """A named set of requirements that come together.

    :ivar roles: that can have it
    :ivar asks: capabilities that it needs
    """

    name: str
    roles: tuple[str, ...]
    means: str
    asks: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """The requirements of a release.

    :ivar version: such as ``stein 2.0``
    :ivar rules: id -> :class:`Rule`, in the order of the specs
    """

    version: str
    roles: tuple[str, ...]
    capabilities: dict[str, Capability]
    rules: dict[str, Rule]

    def check(self, roles: Iterable[str], capabilities: Iterable[str]
              ) -> None:
        """Refuse what cannot be declared.

        :raises InputError: saying what is unknown, missing or lacks another
        """
        roles, declared = tuple(roles), tuple(capabilities)
        if not roles:
            raise InputError('no role is declared; there is '
                             + ', '.join(self.roles))
        for name in roles:
            if name not in self.roles:
                raise InputError(f'{self.version} has no role {name!r}; '
                                 f'{near(name, self.roles)}')
        for name in declared:
            if name not in self.capabilities:
                raise InputError(f'{self.version} has no capability '
                                 f'{name!r}; {near(name, self.capabilities)}')
            found = self.capabilities[name]
            if not set(found.roles) & set(roles):
                raise InputError(
                    f'the capability {name} is for {", ".join(found.roles)}, '
                    f'and the role is {", ".join(roles)}; leave it out')
            for other in found.asks:
                if other not in declared:
                    raise InputError(f'the capability {name} asks for '
                                     f'{other}; declare both, or neither')
        if CORE not in declared:
            raise InputError('the capability core is not declared, and there '
                             'is no claim without it; add it')

    def of(self, roles: Iterable[str]) -> list[Rule]:
        """The rules that some roles have."""
        wanted = set(roles)
        return [rule for rule in self.rules.values()
                if wanted & set(rule.roles)]


@functools.cache
def contracts() -> dict[str, Contract]:
    """Release -> its contract."""
    data = json.loads(resources.files(__package__).joinpath(
        'contract.json').read_text('utf-8'))
    return {release: Contract(
        one['version'], tuple(one['roles']),
        {name: Capability(name, tuple(row['roles']), row['means'],
                          tuple(row['asks']))
         for name, row in one['capabilities'].items()},
        {row['id']: Rule(
            row['id'], row['title'], row['sentence'], row['level'],
            tuple(row['roles']), tuple(row['capabilities']), row['review'],
            row['page']) for row in one['rules']})
        for release, one in data.items()}


def of(model: str) -> Contract:
    """The contract of a model, by its name.

    :raises InputError: if its release has none
    """
    release = model.partition('.')[0]
    try:
        return contracts()[release]
    except KeyError:
        raise InputError(f'there is no contract for {model}; '
                         f'{near(release, contracts())}') from None


def address(requirement: str) -> str:
    """Where a requirement stands in the documents; '' if it is unknown."""
    for one in contracts().values():
        if requirement in one.rules:
            return one.rules[requirement].address
    return ''


__all__ = ['CORE', 'OBLIGES', 'PERMITS', 'RECOMMENDS', 'Capability',
           'Contract', 'Rule', 'address', 'contracts', 'of']
