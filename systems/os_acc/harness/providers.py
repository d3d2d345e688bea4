"""What Cyborg tells Placement of a host's devices.

A conductor takes discovery reports into the API's table of handles, and
writes providers, inventories and traits; Placement is one in memory, with
the generations that the real one has.
"""

import contextlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from os_acc.control import Unreachable
from os_acc.objects import Goal, HandleData, State

from harness.api import Api, Handle, Status
from harness.flavor import trait


class Conflict(Exception):
    """409: the generation is another one by now."""


class Provider(msgspec.Struct):
    """A resource provider in Placement."""

    uuid: str
    name: str
    parent: str | None
    generation: int = 0
    inventory: Mapping[str, Any] = {}
    traits: frozenset[str] = frozenset()


class Placement:
    """Placement, with the provider of one compute node.

    :ivar up: it answers
    :ivar writes: how many changes it was asked for
    """

    def __init__(self, host: str) -> None:
        self.providers = {'node': Provider('node', host, None)}
        self.up = True
        self.writes = 0

    def get(self, name: str) -> Provider | None:
        """A copy of a provider, or None."""
        self._answer()
        found = self.providers.get(name)
        return found and msgspec.structs.replace(found)

    def create(self, provider: Provider) -> None:
        self._answer()
        self.writes += 1
        self.providers[provider.uuid] = provider

    def write(self, name: str, generation: int,
              inventory: Mapping[str, Any], traits: frozenset[str]) -> None:
        """Replace inventory and traits.

        :raises Conflict: the generation is another one
        """
        self._answer()
        self.writes += 1
        provider = self.providers[name]
        if provider.generation != generation:
            raise Conflict(f'{name} is at {provider.generation}')
        provider.inventory, provider.traits = inventory, traits
        provider.generation += 1

    def delete(self, name: str) -> None:
        self._answer()
        self.writes += 1
        del self.providers[name]

    def _answer(self) -> None:
        if not self.up:
            raise Unreachable('Placement does not answer')


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A handle as a driver reports it.

    :ivar type: of the device, such as FPGA
    :ivar address: all parts of it
    """

    type: str
    vendor: str
    device: str
    address: Mapping[str, Any]
    region: str | None = None
    group: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """What has a provider of its own (SCHED-001, SCHED-003)."""
        if self.group is not None:
            return 'group', self.group
        return (('device', self.device) if self.region is None
                else ('region', self.region))


class Conductor:
    """cyborg-conductor, for one host.

    :param host: the name that the compute node's provider has
    :ivar places: what has a provider -> its uuid, as the database keeps it
    """

    def __init__(self, api: Api, placement: Placement, host: str) -> None:
        self.api, self.placement, self.host = api, placement, host
        self.places: dict[tuple[str, str], str] = {}
        self._traits: dict[str, frozenset[str]] = {}
        api.changed = self.write

    def report(self, found: Iterable[Found]) -> None:
        """A discovery report (SCHED-007)."""
        seen = [(one, self._provider(one)) for one in found]
        for one, provider in seen:
            self._traits[provider] = frozenset([
                trait(one.type, one.vendor)])
            if not any(same(handle, one, provider)
                       for handle in self.api.handles):
                self.api.handles.append(Handle(
                    str(uuid.uuid4()), one.type,
                    HandleData(one.type, '1.0', dict(one.address)),
                    one.region, one.group, provider,
                    f'CUSTOM_ACCELERATOR_{one.type}'))
        for handle in list(self.api.handles):
            if handle.status is Status.FREE and not any(
                    same(handle, one, provider) for one, provider in seen):
                self.api.handles.remove(handle)
        self.write()

    def _provider(self, one: Found) -> str:
        return self.places.setdefault(one.place, str(uuid.uuid4()))

    def write(self) -> None:
        """Write what differs from what Placement has; if it does not
        answer, the next report does (SCHED-005, SCHED-006).
        """
        with contextlib.suppress(Unreachable):
            for place, provider in list(self.places.items()):
                self._write(place, provider)

    def _write(self, place: tuple[str, str], provider: str) -> None:
        while True:
            there = self.placement.get(provider)
            inventory = self._inventory(place, provider)
            if not inventory:  # SCHED-009
                if there:
                    self.placement.delete(provider)
                del self.places[place]
                return
            if there is None:
                there = Provider(provider, f'{self.host}_{provider}', 'node')
                self.placement.create(there)
            traits = self._traits[provider]
            if (there.inventory, there.traits) == (inventory, traits):
                return
            with contextlib.suppress(Conflict):  # or both are read again
                self.placement.write(provider, there.generation, inventory,
                                     traits)
                return

    def _inventory(self, place: tuple[str, str], provider: str
                   ) -> dict[str, Any]:
        """Of one read of the table; empty without a handle (SCHED-004)."""
        mine = [handle for handle in self.api.handles
                if handle.rp == provider]
        if not mine:
            return {}
        unit = len(mine) if place[0] == 'group' else 1
        return {mine[0].resource_class: {
            'total': len(mine),
            'reserved': sum(self._withheld(handle) for handle in mine),
            'min_unit': unit, 'step_size': unit}}

    def _withheld(self, handle: Handle) -> bool:
        van = self.api.vans.get(handle.van or '')
        return handle.status is Status.RETIRED or van is not None and (
            van.goal is Goal.RELEASED and van.state is not State.RELEASED)


def same(handle: Handle, one: Found, provider: str) -> bool:
    """A handle of the table is the one reported (SCHED-008)."""
    return (handle.type, handle.rp, handle.data.data) == (
        one.type, provider, dict(one.address))
