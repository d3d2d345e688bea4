"""What has been worked out before, so that trees are seldom walked.

Most trees ask for the same few cells, and those cells have few values
together.  So trees are put into *groups*, each with a mask of the cells that
it looks at.  For each value that the masked cells have had together, a
record says which steps of the group are then possible, with their effects,
and from where on the other trees must still be walked.  A mask need not hold
all that a tree may ask for: that costs a walk, and never the truth.  Many
states are looked up together, in one group after another.

A record is: number of possible steps, number of trees still to be walked;
then the effect of each of the first, the step of each, and (entry, tree) for
each of the second.  What a group's slot says of a record, ``_compiled`` has.
"""

import itertools
import mmap

import numpy as np

from cyborg_models.kernel import _compiled as compiled

BATCH = 128  # states that are looked up together
SAMPLE = 2048  # states whose walks through the trees are looked at
WEIGHED = 2  # one in so many of them has groups tried in it
ROOM = 0.5  # for that many times the records that a group should have
MOST_SLOTS = 1 << 17  # of a group; three in four can have records
RECORDS = 1 << 16  # numbers in all records, at first
PATHS = 32  # different sets of cells that are told apart for one tree
# What things cost, in nanoseconds, roughly: it matters only which of two
# ways to group is the cheaper.
LOOK, WALK = 12.0, 150.0
CACHED = 1000.0  # records: as many again take as long again


def reserve(shape, kind=np.uint64):
    """An array of zeros that takes address space, and memory only page by
    page as it is written to.  What it took is given back with it, which an
    array of numpy's need not do.
    """
    size = np.dtype(kind).itemsize * int(np.prod(shape))
    space = mmap.mmap(-1, size)
    if hasattr(mmap, 'MADV_NOHUGEPAGE'):
        # Else each partition takes 2 MiB at its first state.
        space.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(space, kind).reshape(shape)


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
        self._set([(np.zeros(words, np.uint64), range(len(self.roots)), 0)])

    def _set(self, groups):
        self._mask = np.array([mask for mask, _, _ in groups], np.uint64)
        self._begin = np.cumsum([0, *(len(trees) for _, trees, _ in groups)])
        self._tree = np.concatenate(
            [list(trees) for _, trees, _ in groups]).astype(np.uint64)
        self._slots = [min(MOST_SLOTS, 2 << int(ROOM * records).bit_length())
                       for _, _, records in groups]
        self._records = RECORDS
        self.clear()

    def clear(self):
        """Forget the records, as when less is watched than before."""
        groups = self._table()
        slots = reserve((sum(self._slots), self._mask.shape[1] + 1))
        record = reserve(self._records, np.uint32)
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
            if 4 * int(used[group]) > 3 * (size - 1):
                full = True
                if size == MOST_SLOTS:
                    return False
                self._slots[group] = 2 * size
        if full:
            groups = self._table()
            groups[:, words + compiled.USED] = used
            more = reserve((sum(self._slots), words + 1))
            compiled.spread((0,) * words, old, slots, groups, more)
            self.arrays = groups, more, record, *others
        else:
            self._records += self._records // 2
            more = reserve(self._records, np.uint32)
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
                       counts, np.empty_like(states[0]))
        self._set(_Grouping(states, masks, counts, expected).groups())

    def take_over(self, other):
        """Have the groups of another memo, and records of one's own."""
        self._mask, self._begin, self._tree = (
            other._mask, other._begin, other._tree)
        self._slots, self._records = list(other._slots), other._records
        self.clear()


class _Grouping:
    """Finds groups of trees that cost little on a sample of states."""

    def __init__(self, states, masks, counts, expected):
        self.states, self.masks, self.counts = states, masks, counts
        self.expected = expected
        size = 2 << len(states).bit_length()
        self.room = np.zeros(size, np.uint64), np.zeros(size, np.int64)

    def costs(self, masks, trees):
        """What groups cost for each state, in nanoseconds, and how many
        records they will have.

        :param trees: for each mask a list of trees
        """
        counts = [len(some) for some in trees]
        answers = np.zeros((len(masks), 4), np.int64)
        compiled.weigh(
            self.states[:len(self.states) // WEIGHED + 1], np.array(masks),
            np.cumsum([0, *counts]),
            np.fromiter(itertools.chain(*trees), np.int64), self.masks,
            self.counts, *self.room, answers)
        met, once, twice, rest = answers.T
        # How many values there are that the sample does not show: as many
        # as Chao (1984) says of species, and never more than states.
        records = np.minimum(met + once * (once - 1) / (2 * (twice + 1)),
                             self.expected)
        # The first state with a record has every tree walked.
        return (LOOK * (1 + records / CACHED)
                + WALK * (rest / len(self.states)
                          + counts * records / self.expected)), records

    def groups(self):
        """Join two groups while that makes them cheaper."""
        found = {}
        for tree in range(len(self.masks)):
            mask = self.best_mask(tree)
            found.setdefault(tuple(mask.tolist()), []).append(tree)
        masks, trees = zip(*_absorbed(found), strict=True)
        masks, trees = list(masks), list(trees)
        costs, records = self.costs(masks, trees)
        gains = np.full((len(masks), len(masks)), -np.inf)

        def work_out(ones, twos):
            gains[ones, twos] = costs[ones] + costs[twos] - self.costs(
                [masks[one] | masks[two]
                 for one, two in zip(ones, twos, strict=True)],
                [trees[one] + trees[two]
                 for one, two in zip(ones, twos, strict=True)])[0]

        alive = np.arange(len(masks))
        if len(alive) > 1:
            work_out(*np.triu_indices(len(alive), 1))
        while gains.max() > 0:
            one, two = np.unravel_index(gains.argmax(), gains.shape)
            masks[one] |= masks[two]
            trees[one] += trees[two]
            costs[[one]], records[[one]] = self.costs(
                [masks[one]], [trees[one]])
            gains[two] = gains[:, two] = -np.inf
            alive = alive[alive != two]
            others = alive[alive != one]
            if len(others):
                work_out(np.minimum(one, others), np.maximum(one, others))
        return [(masks[one], sorted(trees[one]), records[one])
                for one in alive]

    def best_mask(self, tree):
        """The mask that serves one tree best: all that it asks for, or
        only what it asks for often.
        """
        often = np.argsort(-self.counts[tree], kind='stable')
        often = often[self.counts[tree, often] > 0]
        tried = np.unique(np.bitwise_or.accumulate(
            self.masks[tree, often], axis=0), axis=0)
        tried = [np.zeros_like(tried[0]), *tried]
        return tried[self.costs(tried, [[tree]] * len(tried))[0].argmin()]


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


__all__ = ['BATCH', 'Memo', 'SAMPLE', 'reserve']
