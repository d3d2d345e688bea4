"""What has been worked out before, so that trees are seldom walked.

Most trees ask for the same few cells, and those cells have few values
together.  So trees are put into *groups*, each with a mask of the cells that
it looks at.  For each value that the masked cells have had together, a
record says which steps of the group are then possible, with their effects,
and from where on the other trees must still be walked.  A mask need not hold
all that a tree may ask for: that costs a walk, and never the truth.  Many
states are looked up together, in one group after another.

A record is: number of possible steps, number of trees still to be walked,
flags (see ``_compiled.enabled``); then (effect, step) for each of the first,
and (entry, tree) for each of the second.
"""

import heapq
import itertools
from typing import NamedTuple

import numpy as np

from cyborg_models.kernel import _compiled as compiled

BATCH = 128  # states that are looked up together
SAMPLE = 2048  # states on which groups are tried
SLOTS = 1 << 10  # of a group, at first; for at most half as many records
MOST_SLOTS = 1 << 17
RECORDS = 1 << 16  # numbers in all records, at first
PATHS = 32  # different sets of cells that are told apart for one tree
# What things cost, in nanoseconds, roughly: it matters only which of two
# ways to group is the cheaper.
LOOK, WALK = 12.0, 150.0
CACHED = 1000.0  # records: as many again take as long again


class Memo:
    """The groups of an engine's trees, and their records.

    :param tables: the :class:`~.tables.Tables`
    :param watch: the roots of the trees that are watched beside the steps
    """

    def __init__(self, tables, watch):
        self.tables, self.watch = tables, watch
        self.roots = np.array([*range(len(tables.model.steps)), *watch],
                              np.int64)
        words = tables.packing.words
        # One group that looks at nothing: every tree is walked.
        self._set([(np.zeros(words, np.uint64), range(len(self.roots)))])

    def _set(self, groups):
        self._mask = np.array([mask for mask, _ in groups], np.uint64)
        self._begin = np.cumsum([0, *(len(trees) for _, trees in groups)])
        self._tree = np.concatenate(
            [list(trees) for _, trees in groups]).astype(np.uint64)
        self._slots = [SLOTS if mask.any() else 2 for mask, _ in groups]
        self._records = RECORDS
        self.clear()

    def clear(self):
        """Forget the records, as when less is watched than before."""
        groups = self._table()
        slots = np.zeros((sum(self._slots), self._mask.shape[1] + 1),
                         np.uint64)
        record = np.zeros(self._records, np.uint32)
        record[0] = 1  # where the next record begins
        # Where the records of the states are that are looked up together;
        # how many each state has, and what they say.
        places = np.zeros((BATCH, len(groups)), np.uint32)
        known = np.zeros((BATCH, 2), np.uint32)
        self.arrays = groups, slots, record, self._tree, places, known

    def _table(self):
        """The groups, as compiled code takes them."""
        slots = np.array(self._slots)
        words = self._mask.shape[1]
        groups = np.zeros((len(slots), words + 6), np.uint64)
        groups[:, :words] = self._mask
        groups[:, words + compiled.FIRST] = np.cumsum(slots) - slots
        groups[:, words + compiled.LAST] = slots - 1
        groups[:, words + compiled.SHIFT] = [
            65 - int(size).bit_length() for size in slots]
        groups[:, words + compiled.BEGIN] = self._begin[:-1]
        groups[:, words + compiled.END] = self._begin[1:]
        return groups

    def grow(self):
        """Make room for more records.

        :returns: False if there are more than can be of use: then other
            groups should be formed
        """
        old, slots, record, *others = self.arrays
        words = self._mask.shape[1]
        used = old[:, words + compiled.USED]
        full = False
        for group, size in enumerate(self._slots):
            if 2 * int(used[group]) > size - 1:
                full = True
                if size == MOST_SLOTS:
                    return False
                self._slots[group] = 2 * size
        if full:
            groups = self._table()
            groups[:, words + compiled.USED] = used
            more = np.zeros((sum(self._slots), words + 1), np.uint64)
            compiled.spread((0,) * words, old, slots, groups, more)
            self.arrays = groups, more, record, *others
        else:
            self._records *= 2
            more = np.zeros(self._records, np.uint32)
            more[:len(record)] = record
            self.arrays = old, slots, more, *others
        return True

    def regroup(self, states, expected):
        """Form the groups anew, by what a sample of states asks for.

        :param states: an array of packed states, in no order
        :param expected: how many states are to be looked up
        """
        shape = len(self.roots), PATHS, states.shape[1]
        masks = np.zeros(shape, np.uint64)
        counts = np.zeros(shape[:2], np.int64)
        compiled.paths(states, self.roots, *self.tables.arrays[:3], masks,
                       counts)
        self._set(_Grouping(states, masks, counts, expected).groups())

    def take_over(self, other):
        """Have the groups of another memo, and records of one's own."""
        self._mask, self._begin, self._tree = (
            other._mask, other._begin, other._tree)
        self._slots, self._records = list(other._slots), other._records
        self.clear()


class _Group(NamedTuple):
    """Trees that are decided together, as tried on a sample."""

    cost: float
    records: float
    mask: np.ndarray
    trees: list


class _Grouping:
    """Finds groups of trees that cost little on a sample of states."""

    def __init__(self, states, masks, counts, expected):
        self.states, self.masks, self.counts = states, masks, counts
        self.expected = expected
        size = 2 << len(states).bit_length()
        self.room = np.zeros(size, np.uint64), np.zeros(size, np.int64)

    def group(self, mask, trees):
        """A group, with what it costs for each state, in nanoseconds."""
        answer, size = np.zeros(4, np.int64), len(self.states)
        compiled.weigh(self.states, mask, np.array(trees), self.masks,
                       self.counts, *self.room, answer)
        met, once, twice, rest = answer.tolist()
        # How many values there are that the sample does not show: as many
        # as Chao (1984) says of species, and never more than states.
        records = min(met + once * (once - 1) / (2 * (twice + 1)),
                      self.expected)
        return _Group(self.price(records, len(trees)) + WALK * rest / size,
                      records, mask, trees)

    def price(self, records, trees):
        """What a group costs without the walks that its mask does not
        save: to find a record, and each one's first time.
        """
        return (LOOK * (1 + records / CACHED)
                + WALK * trees * records / self.expected)

    def groups(self):
        """Join two groups while that makes them cheaper."""
        found = {}
        for tree in range(len(self.masks)):
            mask = self.best_mask(tree)
            found.setdefault(tuple(mask.tolist()), []).append(tree)
        groups = [self.group(mask, trees) for mask, trees in _absorbed(found)]
        alive = set(range(len(groups)))
        # What is gained by joining two, the most first: at most, until it
        # is worked out.
        gains = [(-self.most_gained(groups[one], groups[two]), one, two, None)
                 for one, two in itertools.combinations(alive, 2)]
        heapq.heapify(gains)
        while gains and gains[0][0] < 0:
            _, one, two, joined = heapq.heappop(gains)
            if not {one, two} <= alive:
                continue
            if joined is None:
                both = groups[one], groups[two]
                number = len(groups)
                groups.append(self.group(both[0].mask | both[1].mask,
                                         both[0].trees + both[1].trees))
                heapq.heappush(gains, (
                    groups[number].cost - both[0].cost - both[1].cost,
                    one, two, number))
                continue
            alive -= {one, two}
            for other in alive:
                heapq.heappush(gains, (
                    -self.most_gained(groups[other], groups[joined]),
                    other, joined, None))
            alive.add(joined)
        return [(groups[one].mask, sorted(groups[one].trees))
                for one in alive]

    def most_gained(self, one, two):
        """Joined, two groups have no fewer records than the larger."""
        return one.cost + two.cost - self.price(
            max(one.records, two.records), len(one.trees) + len(two.trees))

    def best_mask(self, tree):
        """The mask that serves one tree best: all that it asks for, or
        only what it asks for often.
        """
        often = np.argsort(-self.counts[tree], kind='stable')
        often = often[self.counts[tree, often] > 0]
        tried = np.unique(np.bitwise_or.accumulate(
            self.masks[tree, often], axis=0), axis=0)
        return min([np.zeros_like(tried[0]), *tried],
                   key=lambda mask: self.group(mask, [tree]).cost)


def _absorbed(found):
    """Masks with their trees, those within another mask with that one."""
    masks = sorted(found, key=lambda mask: sum(
        word.bit_count() for word in mask))
    for index, mask in enumerate(masks):
        for other in masks[index + 1:]:
            if all(word & ~more == 0 for word, more
                   in zip(mask, other, strict=True)):
                found[other] += found.pop(mask)
                break
    return [(np.array(mask, np.uint64), trees)
            for mask, trees in found.items()]


__all__ = ['BATCH', 'Memo', 'SAMPLE']
