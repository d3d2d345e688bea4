"""States that differ only in which member is which are one.

A model says which sets have members that are all alike (``symmetric``).
Of the states that renaming members turns into each other, the engine stores
one: the least image under the permutations that put the members in order.
Which order that is, a member's *signature* says: a number made of its own
variables and of those of the members that they name.  A renaming permutes
the signatures and does not change them, so whichever of the states is met,
the same images are compared.  Members with one signature are compared in
either order, unless nobody names them and they name nobody: then both
orders give the same image.

That the members are alike is not taken on trust: whenever a body is run
because no table says what it does, it is also run with members exchanged.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from cyborg_models.kernel.language import (
    Body,
    Codes,
    Guard,
    Model,
    ModelError,
    Set,
    Variable,
    place_of,
    run,
    successor,
)

if TYPE_CHECKING:  # it imports this module
    from cyborg_models.kernel.tables import Packing

Goes = Mapping[str, tuple[int, ...]]  # of a set, where each member goes
Chunk = tuple[int, int, int, list[int]]  # word, shift, mask, cells
Image = tuple[int, Sequence[int]]  # which cell, and the code for each code
Array = NDArray[Any]
MOST = 5040  # permutations
LARGEST = 6  # of a set: its members are compared pair by pair
NOBODY = 1 << 32  # more than members
BITS = 8  # of a state that are looked up at once


class Symmetry:
    """The permutations of a model's members.

    :param model: a :class:`~.language.Model` that declares some
    :param packing: the :class:`~.tables.Packing` of its states
    :ivar order: how many permutations there are
    :ivar arrays: what ``_compiled.canonical`` takes
    """

    def __init__(self, model: Model, packing: Packing) -> None:
        self.model, self.packing = model, packing
        self.families = model.symmetries  # (set, the sets that go with it)
        if not self.families:
            raise ModelError(f'{model.name} has no symmetric set in this '
                             'configuration; check without symmetry')
        sizes = [len(first) for first, _ in self.families]
        self.order = math.prod(math.factorial(size) for size in sizes)
        if self.order > MOST or max(sizes) > LARGEST:
            raise ModelError(
                f'{model.name}: its symmetric sets have {self.order:,} '
                f'permutations; at most {MOST:,}, and {LARGEST} members of '
                'a set, can be dealt with: make a set smaller, or check '
                'without symmetry')
        self._each = [list(itertools.permutations(range(size)))
                      for size in sizes]
        self._home = {one.name: (number, len(one) // len(first))
                      for number, (first, linked) in enumerate(self.families)
                      for one in (first, *linked)}
        self._generators = [
            (permuted, self.images(permuted))
            for number, size in enumerate(sizes)
            for permuted in (self._combined({number: swapped})
                             for swapped in _exchanges(size))]
        self.arrays = self._arrays()

    def _combined(self, chosen: Mapping[int, Sequence[int]]) -> Goes:
        """set name -> where each of its members goes.

        :param chosen: number of a family -> permutation of its first set
        """
        found = {}
        for name, (number, block) in self._home.items():
            if number in chosen:
                found[name] = tuple(
                    to * block + index for to in chosen[number]
                    for index in range(block))
        return found

    def _image_of_cell(self, permuted: Goes,
                       cell: int) -> Image:
        """The cell that a cell becomes, and for each code the one that it
        becomes.
        """
        variable, member = self.model.cells[cell]
        if (member is not None and variable.each is not None
                and variable.each.name in permuted):
            member = permuted[variable.each.name][member]
        codes: Sequence[int] = range(len(variable.domain))
        if variable.names is not None and variable.names.name in permuted:
            goes = permuted[variable.names.name]
            codes = [variable.code_of(goes[value])
                     if type(value) is int else code
                     for code, value in enumerate(variable.domain)]
        return self.model.place[variable.name, member], codes

    def images(self, permuted: Goes) -> list[Image]:
        """The image of each cell."""
        return [self._image_of_cell(permuted, cell)
                for cell in range(len(self.model.cells))]

    # Held against the Python.

    def check(self, body: Body, sets: Mapping[str, Set],
              arguments: Sequence[int], codes: Codes, frozen: bool) -> None:
        """Run a body with members exchanged: the same must come of it.

        :param sets: parameter name -> set, of the body's parameters
        :raises ModelError: if it does not
        """
        wanted = run(self.model, body, arguments, codes, frozen).value
        for permuted, images in self._generators:
            others = tuple(
                permuted[one.name][value] if one.name in permuted else value
                for one, value in zip(sets.values(), arguments, strict=True))
            image = permute(images, codes)
            found = run(self.model, body, others, image, frozen).value
            if frozen or isinstance(wanted, Guard) or isinstance(
                    found, Guard):
                same = wanted == found
            else:
                same = permute(images, successor(codes, wanted)) == (
                    successor(image, found))
            if not same:
                raise ModelError(
                    f'{place_of(body)}: {body.__name__} does not treat the '
                    f'members of {" and ".join(permuted)} alike, as '
                    'symmetric() says; mend it, or check without symmetry')

    def names_one(self, sets: Mapping[str, Set]) -> str | None:
        """The first of these sets that is symmetric, or None."""
        return next((one.name for one in sets.values()
                     if one.name in self._home), None)

    # Arrays for the compiled code.

    def _arrays(self) -> tuple[Array, ...]:
        packing, words = self.packing, self.packing.words
        moved = [cell for cell, (variable, _) in enumerate(self.model.cells)
                 if self._is_moved(variable)]
        fixed = [0xFFFF_FFFF_FFFF_FFFF] * words
        for cell in moved:
            fixed[packing.word[cell]] &= ~(
                packing.mask[cell] << packing.shift[cell])
        chunks = self._chunks(moved)
        size = sum(mask + 1 for *_, mask, _ in chunks)
        image = np.zeros((self.order, size, words), np.uint64)
        base, rows = 0, []
        for word, shift, mask, cells in chunks:
            rows.append((word, shift, mask, base))
            for number, chosen in enumerate(itertools.product(*self._each)):
                permuted = self._combined(dict(enumerate(chosen)))
                image[number, base:base + mask + 1] = self._images(
                    permuted, shift, mask, cells)
            base += mask + 1
        return (np.array(fixed, np.uint64), _rows(rows, 4), image,
                self._local(chunks), *self._names(), *self._candidates())

    def _is_moved(self, variable: Variable) -> bool:
        return any(one is not None and one.name in self._home
                   for one in (variable.each, variable.names))

    def _chunks(self, cells: Sequence[int]) -> list[Chunk]:
        """Neighbouring cells together."""
        packing = self.packing
        found: list[Chunk] = []
        for cell in sorted(cells, key=lambda cell: (
                packing.word[cell], packing.shift[cell])):
            word, shift = packing.word[cell], packing.shift[cell]
            bits = packing.mask[cell].bit_length()
            if found:
                at, low, mask, inside = found[-1]
                if at == word and low + mask.bit_length() == shift and (
                        mask.bit_length() + bits <= BITS):
                    found[-1] = (at, low, (1 << (shift + bits - low)) - 1,
                                 [*inside, cell])
                    continue
            found.append((word, shift, packing.mask[cell], [cell]))
        return found

    def _images(self, permuted: Goes, shift: int, mask: int,
                cells: Sequence[int]) -> Array:
        """For each value of a chunk its image, as words."""
        packing = self.packing
        found = np.zeros((mask + 1, packing.words), np.uint64)
        values = np.arange(mask + 1, dtype=np.uint64)
        for cell in cells:
            to, become = self._image_of_cell(permuted, cell)
            table = np.zeros(packing.mask[cell] + 1, np.uint64)
            table[:len(become)] = become
            mine = (values >> np.uint64(packing.shift[cell] - shift)
                    ) & np.uint64(packing.mask[cell])
            found[:, packing.word[to]] |= table[mine] << np.uint64(
                packing.shift[to])
        return found

    def _local(self, chunks: Sequence[Chunk]) -> Array:
        """For each value of a chunk what it adds to each member: a number
        at random for each of the member's values that name nobody.
        """
        chance = np.random.default_rng(0)
        drawn: dict[int, Array] = {}  # the same for each member
        adds: dict[int, tuple[int, Array]] = {}
        members = 0  # so far
        for number, (first, linked) in enumerate(self.families):
            for member in range(len(first)):
                for place, cell in enumerate(
                        self._cells_of(first, linked, member)):
                    variable, _ = self.model.cells[cell]
                    if not self._is_name(variable):
                        key = number << 32 | place
                        if key not in drawn:
                            drawn[key] = chance.integers(
                                1 << 64, size=self.packing.mask[cell] + 1,
                                dtype=np.uint64)
                        adds[cell] = members, drawn[key]
                members += 1
        found = []
        for _, shift, mask, cells in chunks:
            values = np.arange(mask + 1)
            rows = np.zeros((mask + 1, members), np.uint64)
            for cell in cells:
                if cell in adds:
                    member, numbers = adds[cell]
                    rows[:, member] += numbers[
                        values >> (self.packing.shift[cell] - shift)
                        & self.packing.mask[cell]]
            found.append(rows)
        return np.concatenate(found)

    def _is_name(self, variable: Variable) -> bool:
        return (variable.names is not None
                and variable.names.name in self._home)

    def _names(self) -> tuple[Array, ...]:
        """Whom the members name.

        :returns: (begin, name, meant): the names of each member, of all
            families one after the other, stand from ``begin`` on, and after
            them those that are no member's; ``name`` has word, shift, mask
            and where its codes begin in ``meant``: the number of the member
            named, or ``NOBODY``, and what else tells the codes apart
        """
        begin: list[int] = []
        name: list[tuple[int, ...]] = []
        meant: list[tuple[int, ...]] = []
        before = np.cumsum([0, *(len(first) for first, _ in self.families)])
        names = [cell for cell, (variable, _) in enumerate(self.model.cells)
                 if self._is_name(variable)]
        mine = [[cell for cell in self._cells_of(first, linked, member)
                 if cell in names]
                for first, linked in self.families
                for member in range(len(first))]
        mine.append([cell for cell in names
                     if not any(cell in some for some in mine)])
        for some in mine:
            begin.append(len(name))
            for cell in some:
                variable, _ = self.model.cells[cell]
                name.append((self.packing.word[cell],
                             self.packing.shift[cell],
                             self.packing.mask[cell], len(meant)))
                family, block = self._home[cast(Set, variable.names).name]
                meant += [(int(before[family]) + value // block,
                           value % block) if type(value) is int
                          else (NOBODY, code) for code, value
                          in enumerate(variable.domain)]
        begin.append(len(name))
        return (np.array(begin, np.uint64), _rows(name, 4), _rows(meant, 2))

    def _cells_of(self, first: Set, linked: Sequence[Set],
                  member: int) -> Iterator[int]:
        """The cells of a member, and of those that go with it."""
        for one in (first, *linked):
            block = len(one) // len(first)
            for variable in self.model.variables.values():
                if variable.each is one:
                    for index in range(member * block,
                                       (member + 1) * block):
                        yield self.model.place[variable.name, index]

    def _candidates(self) -> tuple[Array, ...]:
        """For each outcome of comparing the signatures of a family's
        members pair by pair (0: less, 1: equal, 2: greater) the permutations
        that put them in order.
        """
        begin: list[int] = []
        found: list[int] = []
        # Of each family: its first member, the one after its last, where
        # its outcomes begin, and how many permutations each of its own
        # stands for.
        families: list[tuple[int, ...]] = []
        stride, member = self.order, 0
        for ways in self._each:
            size = len(ways[0])
            stride //= len(ways)
            families.append((member, member + size, len(begin), stride))
            member += size
            pairs = list(itertools.combinations(range(size), 2))
            for outcome in itertools.product(range(3), repeat=len(pairs)):
                begin.append(len(found))
                found += [way for way, goes in enumerate(ways) if all(
                    said == 1 or (goes[one] < goes[two]) == (said == 0)
                    for said, (one, two) in zip(outcome, pairs,
                                                strict=True))]
        begin.append(len(found))
        return (_rows(families, 4), np.array(begin, np.uint64),
                np.array(found, np.uint64))


def permute(images: Sequence[Image], codes: Codes) -> Codes:
    """The image of a state of codes."""
    found = list(codes)
    for (to, become), code in zip(images, codes, strict=True):
        found[to] = become[code]
    return tuple(found)


def _exchanges(size: int) -> Iterator[list[int]]:
    """The permutations that exchange two neighbours."""
    for index in range(size - 1):
        swapped = list(range(size))
        swapped[index:index + 2] = index + 1, index
        yield swapped


def _rows(found: Sequence[tuple[int, ...]], width: int) -> Array:
    return np.array(found, np.uint64).reshape(-1, width)


__all__ = ['Symmetry', 'permute']
