"""What Nova makes of a flavor, from the create request to os-acc's requests.

nova-api reads flavor and image (:func:`groups`), nova-scheduler adds what a
host has to have (:func:`of_the_host`), and nova-compute gives each request a
unit of what was allocated (:func:`assign`).
"""

import re
from collections.abc import Iterable, Mapping

import msgspec
from os_acc.control import Refused
from os_acc.exceptions import ClaimRefused
from os_acc.objects import AccRequest, Policy

PROGRAMMABLE = 'CUSTOM_PROGRAMMABLE'
COMPUTE = 'CUSTOM_COMPUTE_ACCELERATORS'
CLASS = 'CUSTOM_ACCELERATOR_'
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
KEY = re.compile(r'(resources|trait|accel)([1-9][0-9]*|):(\w+)')
#: property of a bitstream's image -> the form of its value
NEEDED = {'accel:region_type': UUID, 'accel:function_id': UUID,
          'accel:vendor': re.compile(r'\S.*'),
          'accel:format': re.compile(r'\S.*')}


class BadRequest(Exception):
    """nova-api answers with 400, and says why."""


class NoFit(Exception):
    """No assignment fits; the build goes on as if a claim was refused for
    want of a handle.
    """


def trait(*parts: str) -> str:
    """The name of a trait (SCHED-010)."""
    return '_'.join(['CUSTOM', *(
        re.sub('[^A-Z0-9_]', '_', part.upper()) for part in parts)])


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group of a flavor: one request for each unit.

    :ivar number: 0 for the group without a number
    :ivar owner: project that owns the bitstream's image
    """

    number: int
    resource_class: str
    amount: int
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    function: str | None = None
    bitstream: str | None = None
    owner: str | None = None

    def ids(self) -> list[str]:
        """The ids of its requests (SCHED-015)."""
        return [f'{self.number}.{unit}' for unit in range(self.amount)]

    def request(self, request_id: str, provider: str) -> AccRequest:
        return AccRequest(
            request_id, provider, self.function, self.bitstream,
            Policy.IF_NEEDED if self.bitstream else Policy.NEVER)


# nova-api

def groups(flavor: Mapping[str, str], image: Mapping[str, str],
           images: Mapping[str, Mapping[str, str]]) -> list[Group]:
    """The groups that ask for accelerators, in the order of their numbers.

    :param flavor: its extra specs
    :param image: properties of the image that the instance boots from
    :param images: id -> properties and ``owner`` of what the user can read
    :raises BadRequest: the request cannot be what is meant
    """
    keys: dict[int, dict[tuple[str, str], str]] = {}
    for key, value in flavor.items():
        match = KEY.fullmatch(key)
        if match:
            keys.setdefault(int(match[2] or 0), {})[
                match[1], match[3]] = value
    found = [_group(number, keys[number], image, images)
             for number in sorted(keys) if any(
                 kind == 'resources' and name.startswith(CLASS)
                 for kind, name in keys[number])]
    for group in found:
        if group.number == 0 and group.amount > 1:  # SCHED-012
            raise BadRequest(
                f'the group without a number asks for {group.amount} units '
                f'of {group.resource_class}, and may ask for one; number it')
    return found


def _group(number: int, keys: Mapping[tuple[str, str], str],
           image: Mapping[str, str],
           images: Mapping[str, Mapping[str, str]]) -> Group:
    classes = [name for kind, name in keys
               if kind == 'resources' and name.startswith(CLASS)]
    if len(classes) != 1:
        raise BadRequest(f'group {number} asks for {", ".join(classes)}; '
                         'put each class into a group of its own')
    amount = keys['resources', classes[0]]
    if not re.fullmatch('[1-9][0-9]*', amount):
        raise BadRequest(f'group {number} asks for {amount!r} units; give a '
                         'number of 1 or more')
    required, forbidden = (
        frozenset(name for (kind, name), value in keys.items()
                  if (kind, value) == ('trait', word))
        for word in ('required', 'forbidden'))
    group = Group(number=number, resource_class=classes[0],
                  amount=int(amount), required=required,
                  forbidden=forbidden,
                  function=keys.get(('accel', 'function_id')))
    bitstream = keys.get(('accel', 'bitstream_id'))
    if bitstream == 'image':
        bitstream = image.get('accel:bitstream_id')
    if bitstream:
        return _with_bitstream(group, bitstream, images.get(bitstream))
    if group.function:  # SCHED-013
        vendor = keys.get(('accel', 'vendor'), '')
        return msgspec.structs.replace(
            group, required=group.required | {
                trait('FPGA_FUNCTION', vendor, group.function)},
            forbidden=group.forbidden | {PROGRAMMABLE})
    return group


def _with_bitstream(group: Group, bitstream: str,
                    described: Mapping[str, str] | None) -> Group:
    """What the bitstream's image says, once and for all (BITS-002)."""
    if described is None:
        raise BadRequest(f'there is no bitstream {bitstream}')
    for name, form in NEEDED.items():  # BITS-001
        value = described.get(name)
        if value is None or not form.fullmatch(value):
            raise BadRequest(f'bitstream {bitstream} has {name} '
                             f'{value!r}; set the property')
    function = described['accel:function_id']
    if group.function not in (None, function):  # BITS-003
        raise BadRequest(
            f'the flavor asks for function {group.function}, and bitstream '
            f'{bitstream} has {function}; name one of them')
    return msgspec.structs.replace(
        group, function=function, bitstream=bitstream,
        owner=described.get('owner'),
        required=group.required | {PROGRAMMABLE, trait(
            'FPGA_REGION', described['accel:vendor'],
            described['accel:region_type'])})


def of_the_host(wanted: Iterable[Group]) -> frozenset[str]:
    """The traits that nova-scheduler requires of the compute node
    (SCHED-014).
    """
    return frozenset([COMPUTE] if list(wanted) else [])


# nova-compute

def assign(wanted: Iterable[Group],
           allocation: Mapping[str, Mapping[str, int]],
           traits: Mapping[str, frozenset[str]],
           kept: Mapping[str, str] | None = None) -> dict[str, str]:
    """The provider of each request (SCHED-016), and the first that fits
    when groups are sorted by number and providers by uuid (SCHED-017).

    :param allocation: provider -> class -> units, on this host
    :param traits: provider -> its traits
    :param kept: request -> provider, of requests that have a VAN
    :raises NoFit: none fits
    """
    kept = kept or {}
    left = {(provider, name): units for provider, found in allocation.items()
            for name, units in found.items()}
    todo = []
    for group in sorted(wanted, key=lambda group: group.number):
        new = [one for one in group.ids() if one not in kept]
        for one in set(group.ids()) & set(kept):
            left[kept[one], group.resource_class] -= 1
        todo.append((group, new))
    found = _fit(todo, left, traits, kept)
    if found is None:
        raise NoFit('no assignment of what is allocated fits the flavor')
    return {**kept, **found}


def _fit(todo: list[tuple[Group, list[str]]], left: dict[tuple[str, str], int],
         traits: Mapping[str, frozenset[str]], kept: Mapping[str, str]
         ) -> dict[str, str] | None:
    if not todo:
        return {}
    (group, new), rest = todo[0], todo[1:]
    if not new:
        return _fit(rest, left, traits, kept)
    mine = {kept[one] for one in group.ids() if one in kept}
    for provider, name in sorted(left):
        has = traits.get(provider, frozenset())
        if (name != group.resource_class or left[provider, name] < len(new)
                or not group.required <= has or group.forbidden & has
                or not mine <= {provider}):
            continue
        found = _fit(rest, {**left, (provider, name): (
            left[provider, name] - len(new))}, traits, kept)
        if found is not None:
            return {**found, **dict.fromkeys(new, provider)}
    return None


def goes_elsewhere(error: Exception) -> bool:
    """A build that failed so is tried on another host (SCHED-018)."""
    why = error.__cause__
    return isinstance(error, NoFit) or isinstance(error, ClaimRefused) and (
        not isinstance(why, Refused) or why.status == 409)
