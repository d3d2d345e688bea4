"""Readable Python into tables that a machine runs fast.

Each step (an action with its parameters) and each property has a decision
tree: a node asks for one cell of the state, a leaf says what follows.  The
tree grows by running the Python on states that are really met, so nothing
is tabulated that no state asks for, a body may count and quantify over a
family as it likes, and it never sees values that do not occur together.

A state is packed into 64-bit words, one field per cell.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cyborg_models.kernel.language import (
    Body,
    Codes,
    Guard,
    Model,
    ModelError,
    Quantity,
    place_of,
    run,
)
from cyborg_models.kernel.symmetry import Symmetry, records

UNKNOWN, FALSE, TRUE = 0, -1, -2
REFUSED = FALSE
PAIR = 2  # a tree whose leaves hold two bools
VALUE = 3  # a tree whose leaves hold any value, by its number
MAX_ENTRIES = 4_000_000  # of all trees together
# The largest model here has 9,000; an author who has a tree explode should
# not wait a minute to be told.
MAX_NODES = 50_000
PIECES = 64, 32, 16, 0  # bits of cells that are kept together: what is tried
REPEAT = 8  # times that each body is run again at first


class Packing:
    """Where each cell stands in the words of a packed state.

    :param records: of some families, of each member, cells that should
        stand together, in the same way for each member
    :ivar words: number of 64-bit words
    :ivar word, shift, mask: per cell, its word, its lowest bit, and a mask
        of its bits moved down to bit 0
    """

    def __init__(self, model: Model,
                 records: Sequence[Sequence[Sequence[int]]] = ()) -> None:
        bits = [(len(variable.domain) - 1).bit_length()
                for variable, _ in model.cells]
        used, where = min(
            (_placed(bits, _pieces(bits, records, most), bool(records))
             for most in (PIECES if records else (0,))),
            key=lambda found: len(found[0]))
        self.word = [where[cell][0] for cell in range(len(bits))]
        self.shift = [where[cell][1] for cell in range(len(bits))]
        self.mask = [(1 << size) - 1 for size in bits]
        self.words = len(used)

    def pack(self, codes: Codes) -> NDArray[np.uint64]:
        """A tuple of codes as an array of words."""
        words = [0] * self.words
        for cell, code in enumerate(codes):
            words[self.word[cell]] |= code << self.shift[cell]
        return np.array(words, dtype=np.uint64)

    def unpack(self, words: NDArray[np.uint64]) -> Codes:
        """An array of words as a tuple of codes."""
        plain = [int(word) for word in words]
        return tuple((plain[word] >> shift) & mask for word, shift, mask
                     in zip(self.word, self.shift, self.mask, strict=True))


def _pieces(bits: Sequence[int], records: Sequence[Sequence[Sequence[int]]],
            most: int) -> list[list[int]]:
    """The cells, put into pieces that stand together: those of records, as
    far as they take no more than so many bits, and each other one alone.
    """
    found = []
    for members in records:
        cuts, size = [0], 0
        for place, cell in enumerate(members[0]):
            size += bits[cell]
            if size > most and place > cuts[-1]:
                cuts.append(place)
                size = bits[cell]
        found += [list(cells[first:last]) for cells in members
                  for first, last in itertools.pairwise([*cuts, None])]
    inside = {*itertools.chain(*found)}
    found.sort(key=lambda cells: -sum(bits[cell] for cell in cells))
    return found + [[cell] for cell in range(len(bits)) if cell not in inside]


def _placed(bits: Sequence[int], pieces: Sequence[Sequence[int]],
            back: bool) -> tuple[list[int], dict[int, tuple[int, int]]]:
    """How many bits of each word are used, and each cell's word and shift.

    :param back: True to put a piece into any word that has room, and not
        only into the last one
    """
    used, where = [0], {}
    for cells in pieces:
        size = sum(bits[cell] for cell in cells)
        word = 0 if back else len(used) - 1
        while used[word] + size > 64:  # a field never straddles two words
            word += 1
            if word == len(used):
                used.append(0)
        for cell in cells:
            where[cell] = word, used[word] % 64  # of no bits, after the last
            used[word] += bits[cell]
    return used, where


class Tables:
    """The decision trees of a model, in arrays that only grow.

    ``kids`` holds all entries.  Entry *t* is the root of tree *t*; a node
    has one entry per code of the cell that it asks for.  An entry is
    ``UNKNOWN``, a node (its number + 1), or below zero a leaf: ``FALSE``
    (or refused), ``TRUE``, or for an effect -(its number + 1).

    :param symmetry: True to check that the members of symmetric sets are
        treated alike
    """

    def __init__(self, model: Model, symmetry: bool = False) -> None:
        self.model = model
        self.packing = Packing(model, records(model) if symmetry else ())
        self.symmetry = Symmetry(model, self.packing) if symmetry else None
        # root entry -> (body, arguments, kind); the steps come first
        self.trees: dict[int, tuple[Body, tuple[int, ...], int]] = {
            number: (step.action.body, step.arguments, False)
            for number, step in enumerate(model.steps)}
        self._sets = {step.action.body: step.action.sets
                      for step in model.steps}
        self._sets |= {prop.body: prop.sets
                       for prop in model.properties.values()}
        self.invariants = []  # (property, arguments, tree)
        self.witnesses = []
        self.pairs = {}  # (name of an eventually property, arguments)
        for kind, found in (('always', self.invariants),
                            ('sometimes', self.witnesses)):
            for prop in model.properties.values():
                if prop.kind == kind:
                    for arguments in _combinations(prop.sets):
                        found.append((prop, arguments, len(self.trees)))
                        self._add_tree(prop.body, arguments, True)
        self.final_tree = -1
        if model.final is not None:
            self.final_tree = len(self.trees)
            self._add_tree(model.final, (), True)
        for prop in model.properties.values():
            if prop.kind == 'eventually':
                for arguments in _combinations(prop.sets):
                    self.pairs[prop.name, arguments] = len(self.trees)
                    self._add_tree(prop.body, arguments, PAIR)
        self._number = {(body, arguments): tree for tree,
                        (body, arguments, _) in self.trees.items()}
        self._told = {}  # entry -> outcome, with symmetry
        self.guards = {}  # entry -> the guard that refuses there
        self.count = len(self.trees)
        self.nodes, self.effects = 0, 1  # effect 0 is "refused"
        words = self.packing.words
        self.kids = np.zeros(max(1024, 2 * self.count), np.int32)
        # Of a node: word, shift, mask and base of its kids; for a quantity
        # the word is -1 (count) or -2 (find), the shift is where its
        # members begin in `member`, and the mask is their number.
        self.node = np.zeros((256, 4), np.int64)
        self.member = np.zeros((64, 4), np.int64)  # word, shift, mask, codes
        self.members = 0
        self.keep = np.zeros((256, words), np.uint64)
        self.set = np.zeros((256, words), np.uint64)
        self.by_effect = {}
        self._mine = {}
        self._learned = {}  # tree -> how often
        self.values, self.value_number = [], {}

    @property
    def arrays(self):
        """The arrays, as compiled code takes them."""
        return self.kids, self.node, self.member, self.keep, self.set

    def learn(self, tree: int, codes: Codes) -> None:
        """Run tree *tree* on a state and remember the outcome.

        :param codes: the state, a tuple of codes
        :raises ModelError: if the body misbehaves
        """
        if self.symmetry is None:
            self._learn(tree, codes)
        elif self.look_up(tree, codes)[0] == UNKNOWN:
            self._learn_alike(self.symmetry, tree, codes)

    def _learn_alike(self, symmetry, tree, codes):
        """Learn what the outcome says of other members, too: so all that
        is known of one is known of each, and was held against the Python.
        """
        left = [(tree, codes, self._learn(tree, codes))]
        while left:
            tree, codes, entry = left.pop()
            body, arguments, frozen = self.trees[tree]
            sets = self._sets.get(body, {}).values()
            for exchange in symmetry.exchanges:
                other = self._number[
                    body, exchange.arguments(sets, arguments)]
                image = exchange.state(codes)
                leaf, there = self.look_up(other, image)
                if leaf == UNKNOWN:
                    there = self._learn(other, image)
                    left.append((other, image, there))
                exchange.check(body, bool(frozen), codes, self._told[entry],
                               image, self._told[there])

    def _learn(self, tree, codes):
        """The entry of the leaf that is learned."""
        body, arguments, frozen = self.trees[tree]
        outcome = run(self.model, body, arguments, codes, bool(frozen))
        self._repeat(tree, codes, outcome)
        entry = tree
        for cell in outcome.reads:
            code = self.kids[entry]
            if code == UNKNOWN:
                code = self._add_node(cell, body)
                self.kids[entry] = code
            elif code < 0 or self._mine[int(code) - 1] != cell:
                raise _unsteady(body)
            entry = int(self.node[code - 1, 3]) + self._value(cell, codes)
        if self.kids[entry] != UNKNOWN:
            raise _unsteady(body)
        self.kids[entry] = self._leaf(outcome.value, frozen, entry, body)
        if self.symmetry is not None:
            self._told[entry] = outcome.value
        return entry

    def _repeat(self, tree, codes, outcome):
        """Now and then, run it again: the same must come of it."""
        count = self._learned[tree] = self._learned.get(tree, 0) + 1
        again = REPEAT if count == 1 else count & (count - 1) == 0
        body, arguments, frozen = self.trees[tree]
        for _ in range(again):
            if outcome != run(self.model, body, arguments, codes,
                              bool(frozen)):
                raise _unsteady(body)

    def _leaf(self, value, frozen, entry, body):
        if isinstance(value, Guard):
            self.guards[entry] = value
            return REFUSED
        if frozen == VALUE:
            key = repr(value)  # True and 1 are different values
            if key not in self.value_number:
                self.value_number[key] = len(self.values)
                self.values.append(value)
            return -(self.value_number[key] + 1)
        if frozen == PAIR:
            if not (isinstance(value, tuple) and len(value) == 2
                    and all(isinstance(each, (bool, np.bool_))
                            for each in value)):
                raise ModelError(
                    f'{place_of(body)}: {body.__name__} returns {value!r}; '
                    'return two bools: what calls for it, and what must '
                    'come')
            called, come = value
            return -(1 + bool(called) + 2 * bool(come))
        if frozen:
            if not isinstance(value, (bool, np.bool_)):
                raise ModelError(f'{place_of(body)}: {body.__name__} '
                                 f'returns {value!r}; return a bool')
            return TRUE if value else FALSE
        found = self.by_effect.get(value)
        if found is None:
            found = self._add_effect(value)
        return -(found + 1)

    def _value(self, read, codes):
        return (read.of(self.model, codes) if isinstance(read, Quantity)
                else codes[read])

    def _add_node(self, cell, body):
        base, size = self.count, self._size(cell)
        for what, count, most in (('entries', base + size, MAX_ENTRIES),
                                  ('nodes', self.nodes + 1, MAX_NODES)):
            if count > most:
                raise ModelError(
                    f'{place_of(body)}: with {body.__name__} the tables of '
                    f'{self.model.name} exceed {most:,} {what}; let it read '
                    'fewer variables, or make the domains smaller')
        if base + size > len(self.kids):
            self.kids = _grow(self.kids, base + size)
        if self.nodes == len(self.node):
            self.node = _grow(self.node, self.nodes + 1)
        if isinstance(cell, Quantity):
            self.node[self.nodes] = (*self._add_members(cell), base)
        else:
            self.node[self.nodes] = (self.packing.word[cell],
                                     self.packing.shift[cell],
                                     self.packing.mask[cell], base)
        self._mine[self.nodes] = cell
        self.count += size
        self.nodes += 1
        return self.nodes

    def _size(self, cell):
        """How many answers there are to what is asked."""
        if isinstance(cell, Quantity):
            return len(self.model.variables[cell.variable].each) + 1
        return self.packing.mask[cell] + 1

    def add_function(self, body: Body, arguments: tuple[int, ...]) -> int:
        """A tree for a function of the state, whatever it returns.

        :returns: the tree's number; its leaf -(n + 1) stands for
            ``values[n]``
        """
        if self.count + 1 > len(self.kids):
            self.kids = _grow(self.kids, self.count + 1)
        root = self.count
        self.trees[root] = (body, arguments, VALUE)
        self.count += 1
        return root

    def _add_tree(self, body, arguments, kind):
        self.trees[len(self.trees)] = (body, arguments, kind)

    def _add_members(self, quantity):
        """The row of a node that counts or finds."""
        family = self.model.variables[quantity.variable].each
        if self.members + len(family) > len(self.member):
            self.member = _grow(self.member, self.members + len(family))
        first = self.members
        wanted = sum(1 << code for code in quantity.codes)
        for index in family:
            cell = self.model.place[quantity.variable, index]
            self.member[self.members] = (
                self.packing.word[cell], self.packing.shift[cell],
                self.packing.mask[cell], wanted)
            self.members += 1
        kind = -1 if quantity.kind == 'count' else -2
        return kind, first, len(family)

    def _add_effect(self, writes):
        if self.effects == len(self.keep):
            self.keep = _grow(self.keep, self.effects + 1)
            self.set = _grow(self.set, self.effects + 1)
        packing = self.packing
        keep = [0xFFFF_FFFF_FFFF_FFFF] * packing.words
        put = [0] * packing.words
        for cell, code in writes:
            word = packing.word[cell]
            keep[word] &= ~(packing.mask[cell] << packing.shift[cell])
            put[word] |= code << packing.shift[cell]
        self.keep[self.effects] = np.array(keep, np.uint64)
        self.set[self.effects] = np.array(put, np.uint64)
        self.by_effect[writes] = self.effects
        self.effects += 1
        return self.effects - 1

    def possible(self, step: int) -> bool:
        """True if a step was possible in some state that was met."""
        entries = [step]
        while entries:
            code = int(self.kids[entries.pop()])
            if code < REFUSED:
                return True
            if code > 0:
                base = int(self.node[code - 1, 3])
                entries += range(base, base + self._size(
                    self._mine[code - 1]))
        return False

    def look_up(self, tree: int, codes: Codes) -> tuple[int, int]:
        """The leaf of a tree for a state, or ``UNKNOWN``; with the entry."""
        entry = tree
        while True:
            code = int(self.kids[entry])
            if code <= 0:
                return code, entry
            entry = int(self.node[code - 1, 3]) + self._value(
                self._mine[code - 1], codes)


def _unsteady(body):
    return ModelError(
        f'{place_of(body)}: {body.__name__} does not depend on the state '
        'alone; it may not keep anything between calls, nor use chance or '
        'time')


def _combinations(sets):
    return itertools.product(*sets.values())


def _grow(array, least):
    bigger = np.zeros((max(least, 2 * len(array)), *array.shape[1:]),
                      array.dtype)
    bigger[:len(array)] = array
    return bigger


__all__ = ['FALSE', 'REFUSED', 'TRUE', 'UNKNOWN', 'Packing', 'Tables']
