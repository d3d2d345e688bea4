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

import collections
import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    successor,
)

if TYPE_CHECKING:  # it imports this module
    from cyborg_models.kernel.tables import Packing

Goes = Mapping[str, tuple[int, ...]]  # of a set, where each member goes
Image = tuple[int, Sequence[int]]  # which cell, and the code for each code
Array = NDArray[Any]
MOST = 5040  # permutations


class Renaming:
    """Members of symmetric sets renamed.

    :param goes: of some sets, where each member goes
    :param images: the image of each cell
    """

    def __init__(self, goes: Goes, images: Sequence[Image]) -> None:
        self.goes, self.images = goes, images
        whence = {to: cell for cell, (to, _) in enumerate(images)}
        self._moved = operator.itemgetter(*(
            whence[to] for to in range(len(images))))
        self._renamed = [(to, become) for to, become in images
                         if not isinstance(become, range)]

    def state(self, codes: Codes) -> Codes:
        """The image of a state."""
        found = [*self._moved(codes)]
        for to, become in self._renamed:
            found[to] = become[found[to]]
        return tuple(found)

    def arguments(self, sets: Iterable[Set],
                  arguments: Sequence[int]) -> tuple[int, ...]:
        """What a body is called with, whose parameters have these sets."""
        return tuple(
            self.goes[one.name][value] if one.name in self.goes else value
            for one, value in zip(sets, arguments, strict=True))

    def check(self, body: Body, frozen: bool, codes: Codes, value: Any,
              image: Codes, found: Any) -> None:
        """What comes of a state, and what of its image, must be alike.

        :param value, found: an :class:`~.language.Outcome`'s, each
        :raises ModelError: if it is not
        """
        if frozen or isinstance(value, Guard) or isinstance(found, Guard):
            same = value == found
        else:
            same = dict(found) == {
                self.images[cell][0]: self.images[cell][1][code]
                for cell, code in value} or (
                self.state(successor(codes, value))
                == successor(image, found))
        if not same:
            raise ModelError(
                f'{place_of(body)}: {body.__name__} does not treat the '
                f'members of {" and ".join(self.goes)} alike, as '
                'symmetric() says; mend it, or check without symmetry')


class Symmetry:
    """The permutations of a model's members.

    :param model: a :class:`~.language.Model` that declares some
    :param packing: the :class:`~.tables.Packing` of its states
    :ivar order: how many permutations there are
    :ivar exchanges: renamings of which all others are made
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
        if self.order > MOST:
            raise ModelError(
                f'{model.name}: its symmetric sets have {self.order:,} '
                f'permutations; at most {MOST:,} can be dealt with: make a '
                'set smaller, or check without symmetry')
        self._home = {one.name: (number, len(one) // len(first))
                      for number, (first, linked) in enumerate(self.families)
                      for one in (first, *linked)}
        self.exchanges = [
            self.renaming({number: swapped})
            for number, size in enumerate(sizes)
            for swapped in _exchanges(size)]
        self.arrays = self._arrays()

    def renaming(self, chosen: Mapping[int, Sequence[int]]) -> Renaming:
        """
        :param chosen: number of a family -> permutation of its first set
        """
        goes = {name: tuple(to * block + index for to in chosen[number]
                            for index in range(block))
                for name, (number, block) in self._home.items()
                if number in chosen}
        return Renaming(goes, [self._image_of_cell(goes, cell)
                               for cell in range(len(self.model.cells))])

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
                     if _is_member(variable, value) else code
                     for code, value in enumerate(variable.domain)]
        return self.model.place[variable.name, member], codes

    def names_one(self, sets: Mapping[str, Set]) -> str | None:
        """The first of these sets that is symmetric, or None."""
        return next((one.name for one in sets.values()
                     if one.name in self._home), None)

    # Arrays for the compiled code.

    def _arrays(self) -> tuple[Array, ...]:
        """What ``_compiled.canonical`` takes.

        :returns: (slot, name, meant, family, fixed).  ``slot``: word, shift
            and mask of cells that move together, a mask of those of them
            that name nobody, the member whose they are, and how many slots
            each member has.  ``name``: slot, shift in it and mask, where
            its codes begin in ``meant``, the member whose it is, and what
            is added for each place that the one named moves up.
            ``meant``: the member named, and a number drawn for what else
            the code says.  ``family``: the first member, and the one after
            the last.  ``fixed``: the bits that never change.

        Members are numbered, of one family after the other.  Then comes one
        for the names that are no member's, and nobody.
        """
        packing, cells = self.packing, self.model.cells
        chance = np.random.default_rng(0)
        drawn: dict[tuple[object, ...], int] = collections.defaultdict(
            lambda: int(chance.integers(1 << 64, dtype=np.uint64)))
        families: list[tuple[int, ...]] = []
        slots: list[tuple[int, ...]] = []
        names: list[tuple[int, ...]] = []
        meant: list[tuple[int, int]] = []
        found = records(self.model)
        found.append([[cell for cell, (variable, _) in enumerate(cells)
                       if self._is_name(variable)
                       and not any(cell in some for some
                                   in itertools.chain(*found))]])
        first = [0, *itertools.accumulate(map(len, found))]
        for number, members in enumerate(found):
            cuts = self._cuts(members)
            families.append((first[number], first[number + 1], len(slots),
                             len(cuts) - 1))
            for member, places in itertools.product(
                    range(len(members)), itertools.pairwise(cuts)):
                mine = first[number] + member
                start = members[member][places[0]]
                mask = own = 0
                for place in range(*places):
                    cell = members[member][place]
                    variable, _ = cells[cell]
                    low = packing.shift[cell] - packing.shift[start]
                    mask |= packing.mask[cell] << low
                    if not self._is_name(variable):
                        own |= packing.mask[cell] << low
                        continue
                    family, block = self._home[
                        cast(Set, variable.names).name]
                    names.append((len(slots), low, packing.mask[cell],
                                  len(meant), mine, block << low))
                    meant += [
                        (first[family] + value // block,
                         drawn[number, place, 'of', value % block])
                        if _is_member(variable, value)
                        else (first[-1], drawn[number, place, code])
                        for code, value in enumerate(variable.domain)]
                slots.append((packing.word[start], packing.shift[start],
                              mask, own, mine))
        fixed = [0xFFFF_FFFF_FFFF_FFFF] * packing.words
        for word, shift, mask, *_ in slots:
            fixed[word] &= ~(mask << shift)
        return (_rows(slots, 5), _rows(names, 6), _rows(meant, 2),
                _rows(families, 4), np.array(fixed, np.uint64))

    def _is_name(self, variable: Variable) -> bool:
        return (variable.names is not None
                and variable.names.name in self._home)

    def _cuts(self, members: Sequence[Sequence[int]]) -> list[int]:
        """Where to cut records so that the cells of a part stand side by
        side, whichever member's they are.
        """
        packing, size = self.packing, len(members[0])
        return [0, *(place for place in range(1, size) if not all(
            packing.word[some[place - 1]] == packing.word[some[place]]
            and packing.shift[some[place - 1]] + packing.mask[
                some[place - 1]].bit_length() == packing.shift[some[place]]
            for some in members)), *([size] if size else [])]


def records(model: Model) -> list[list[list[int]]]:
    """The cells that move when the members of symmetric sets are renamed:
    of each family, of each member, and of those that go with it.
    """
    def cells(first: Set, linked: Sequence[Set], member: int) -> list[int]:
        found = []
        for one in (first, *linked):
            block = len(one) // len(first)
            found += [model.place[variable.name, index]
                      for variable in model.variables.values()
                      if variable.each is one
                      for index in range(member * block,
                                         (member + 1) * block)]
        return found
    return [[cells(first, linked, member) for member in first]
            for first, linked in model.symmetries]


def _is_member(variable: Variable, value: Any) -> bool:
    """True if a value of a variable that names members is one of them."""
    return type(value) is int and value < len(cast(Set, variable.names))


def _exchanges(size: int) -> Iterator[list[int]]:
    """The permutations that exchange two neighbours."""
    for index in range(size - 1):
        swapped = list(range(size))
        swapped[index:index + 2] = index + 1, index
        yield swapped


def _rows(found: Sequence[tuple[int, ...]], width: int) -> Array:
    return np.array(found, np.uint64).reshape(-1, width)


__all__ = ['Renaming', 'Symmetry', 'records']
