"""The inner loops, compiled by Numba.

Nothing here knows of models: states are words, trees are arrays (see
``tables``), and so is what has been worked out before (see ``memo``).  All
numbers are of fixed width, so that Numba keeps them integers: words, shifts
and masks are uint64, places are int64.  ``wide`` is a tuple of as many zeros
as a state has words: its length is known when the code is compiled, and the
loops over the words of a state are unrolled.
"""

import functools

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

DONE, LEARN, FLUSH, FOUND, GROW, STOPPED = range(6)
ABLE, HIT, MISSING, FULL = 1, 2, 4, 8  # what `enabled` says beside its steps
SOME = 16  # a record is not empty
HIGH = np.uint64(32)  # the bits of a slot's last word above the record's place
CHUNK = 4  # steps of a record that are copied at once
AHEAD = 12  # states that insert looks ahead
SEED = 0x9E3779B97F4A7C15
ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)
# What the row of a group has after its mask: where its slots begin, the
# last of them from there, the shift from a hash to a slot, how many are
# used, and where its trees begin and end.
FIRST, LAST, SHIFT, USED, BEGIN, END = range(6)


@intrinsic
def _prefetch(typing, array, place):
    """Have the processor fetch an element that is needed soon."""
    def generate(context, builder, signature, arguments):
        made = context.make_array(signature.args[0])(
            context, builder, arguments[0])
        element = cgutils.get_item_pointer(
            context, builder, signature.args[0], made,
            cgutils.unpack_tuple(builder, arguments[1]))
        pointer = builder.bitcast(element, cgutils.voidptr_t)
        number = ir.IntType(32)
        fetch = builder.module.declare_intrinsic(
            'llvm.prefetch', [pointer.type], ir.FunctionType(
                ir.VoidType(), [pointer.type, number, number, number]))
        builder.call(fetch, [pointer, number(0), number(3), number(1)])
        return context.get_dummy_value()
    return types.void(array, place), generate


# Indices are unsigned where it matters: else each is tested for being
# negative, as in Python.  One array is not copied to another as a whole: the
# text of the error that they may differ in shape takes two seconds to
# compile.

# No array is made in an inner loop, so that none need be counted: Numba
# would count each use where a function is inlined.
_loop = functools.partial(njit, cache=True, _nrt=False)


@_loop()
def _quantity(row, kind, first, size, member):
    count = 0
    for index in range(first, first + size):
        value = (row[member[index, 0]] >> np.uint64(member[index, 1])
                 ) & np.uint64(member[index, 2])
        if (member[index, 3] >> np.int64(value)) & 1:
            if kind == -2:
                return index - first
            count += 1
    return size if kind == -2 else count


@_loop(inline='always')
def _answer(row, code, node, member):
    """What the node *code* - 1 asks of a state."""
    word = node[code - 1, 0]
    if word >= 0:
        return np.int64((row[np.uint64(word)] >> np.uint64(node[code - 1, 1]))
                        & np.uint64(node[code - 1, 2]))
    return _quantity(row, word, node[code - 1, 1], node[code - 1, 2], member)


@_loop(inline='always')
def _leaf(row, entry, kids, node, member):
    code = kids[entry]
    while code > 0:
        code = kids[np.uint64(node[code - 1, 3]
                              + _answer(row, code, node, member))]
    return code


@_loop(inline='always')
def _hash(wide, row):
    mixed = np.uint64(SEED)
    for index in range(len(wide)):
        mixed ^= row[index]
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(29))


@_loop()
def partition(wide, row, bits):
    """The partition that a state belongs to."""
    return np.int64(_hash(wide, row) >> bits)


@_loop()
def _covers(wide, groups, group, code, node, member):
    """True if all that a node asks of a state lies within a mask."""
    word = node[code - 1, 0]
    if word >= 0:
        asked = (np.uint64(node[code - 1, 2])
                 << np.uint64(node[code - 1, 1]))
        return groups[group, word] & asked == asked
    first = node[code - 1, 1]
    for index in range(first, first + node[code - 1, 2]):
        asked = np.uint64(member[index, 2]) << np.uint64(member[index, 1])
        if groups[group, member[index, 0]] & asked != asked:
            return False
    return True


@_loop()
def _work_out(wide, row, group, slot, kids, node, member, groups, slots,
              record, tree_of, watch, want, lively):
    """Follow the trees of a group as far as its mask reaches, and note
    where that led, under *slot*.

    Returns 0, or MISSING or FULL.  The slot's last word has the record's
    place, and above it the flags.
    """
    steps = len(lively)
    words = len(wide)
    place = np.int64(record[0])
    begin = np.int64(groups[group, words + BEGIN])
    end = np.int64(groups[group, words + END])
    if (groups[group, words + USED] * np.uint64(4)
            > groups[group, words + LAST] * THREE
            or place + 2 + 4 * (end - begin) + CHUNK > len(record)):
        return FULL
    done, rest, flags = 0, 0, 0
    # What is moved up when all is known: the steps that are possible, and,
    # from the far end, what is left to be asked.
    near, far = place + 2 + end - begin, len(record)
    for index in range(begin, end):
        tree = tree_of[index]
        entry = np.int64(tree)
        if tree >= steps:
            if want[tree - steps] == 0:
                continue
            entry = watch[tree - steps]
        code = kids[entry]
        while code > 0 and _covers(wide, groups, group, code, node, member):
            entry = node[code - 1, 3] + _answer(row, code, node, member)
            code = kids[entry]
        if code == 0:
            return MISSING
        if code > 0:
            far -= 2
            record[far] = entry
            record[far + 1] = tree
            rest += 1
        elif tree >= steps:
            if code == want[tree - steps]:
                flags |= HIT
        elif code < -1:
            record[place + 2 + done] = -code - 1
            record[near + done] = tree
            done += 1
            if lively[tree]:
                flags |= ABLE
    record[place] = done
    record[place + 1] = rest
    into = place + 2 + done
    for index in range(done):
        record[into + index] = record[near + index]
    into += done
    for index in range(rest):
        record[into + 2 * index] = record[far + 2 * index]
        record[into + 2 * index + 1] = record[far + 2 * index + 1]
    record[0] = into + 2 * rest
    groups[group, words + USED] += ONE
    for index in range(words):
        slots[slot, index] = row[index] & groups[group, index]
    if done or rest:
        flags |= SOME
    slots[slot, words] = np.uint64(place) | np.uint64(flags) << HIGH
    return 0


@_loop()
def gather(wide, states, high, low, at, last, rows, whence):
    """Copy the next states, from ``at`` on to before partition *last*.

    ``low`` has the first of each partition, ``whence`` receives where each
    one stands and, after them, where the next one does.  Returns how many.
    """
    part, place, count = at[0], at[1], 0
    while part < last and count < len(rows):
        if place < high[part]:
            for w in range(len(wide)):
                rows[count, w] = states[part, place, w]
            whence[count, 0] = part
            whence[count, 1] = place
            count += 1
            place += 1
        else:
            part += 1
            if part < last:
                place = low[part]
    whence[count, 0] = part
    whence[count, 1] = place
    return count


@_loop(inline='always')
def _sort(wide, rows, at, groups, group):
    """The slot of a group where to look for a state's record."""
    mixed = np.uint64(0)
    factor = np.uint64(SEED)
    for w in range(len(wide)):
        mixed += (rows[at, w] & groups[group, w]) * factor
        factor = factor * np.uint64(0xD6E8FEB86659FD93)
    return mixed >> groups[group, len(wide) + SHIFT]


@_loop()
def spread(wide, groups, slots, more, room):
    """Move the slots of groups to where there is more room."""
    words = len(wide)
    for group in range(len(groups)):
        begin = np.int64(groups[group, words + FIRST])
        end = begin + np.int64(groups[group, words + LAST]) + 1
        first, last = more[group, words + FIRST], more[group, words + LAST]
        for place in range(begin, end):
            if slots[place, words]:
                slot = _sort(wide, slots, place, more, group)
                while room[first + slot, words]:
                    slot = (slot + ONE) & last
                for w in range(words + 1):
                    room[first + slot, w] = slots[place, w]


@_loop()
def look(wide, rows, count, kids, node, member, groups, slots, record,
         tree_of, places, known, watch, want, lively):
    """Find the records of some states, group after group: so a group stays
    in the cache, and the processor looks for several at once.

    ``places`` receives for each state where its records are, those that
    have steps or trees, and ``known`` how many these are, and the flags.
    Returns how many states have all records, and MISSING or FULL for the
    next one.
    """
    words = len(wide)
    problem = 0
    for at in range(count):
        known[at, 0] = 0
        known[at, 1] = 0
    for group in range(np.uint64(len(groups))):
        first = groups[group, words + FIRST]
        last = groups[group, words + LAST]
        for at in range(np.uint64(count)):
            slot = _sort(wide, rows, at, groups, group)
            found = np.uint64(0)
            while True:
                found = slots[first + slot, words]
                if found == 0:
                    break
                same = True
                for w in range(words):
                    if (slots[first + slot, w]
                            != rows[at, w] & groups[group, w]):
                        same = False
                if same:
                    break
                slot = (slot + ONE) & last
            if found == 0:
                status = _work_out(
                    wide, rows[at], group, first + slot, kids, node, member,
                    groups, slots, record, tree_of, watch, want, lively)
                if status:
                    problem = status
                    count = np.int64(at)
                    break
                found = slots[first + slot, words]
            flags = found >> HIGH
            known[at, 1] |= np.uint32(flags)
            # An empty record is written over by the next.
            places[at, known[at, 0]] = np.uint32(found)
            known[at, 0] += np.uint32(flags >> np.uint64(4))
    return count, problem


@_loop(inline='always')
def _copy(record, place, into, at):
    """Copy CHUNK numbers at once."""
    one, two = record[place], record[place + ONE]
    three, four = record[place + TWO], record[place + THREE]
    into[at] = one
    into[at + ONE] = two
    into[at + TWO] = three
    into[at + THREE] = four


@_loop(nogil=True)
def enabled(wide, rows, count, kids, node, member, record, places, known,
            watch, want, lively, leaves, labels, ends):
    """The steps that are possible in states that were looked at, and their
    effects.

    ``leaves`` receives the effects, one state's after the other's, and has
    room for CHUNK more; ``labels`` the steps, if it has any room.
    ``ends`` receives for each state where its steps end there, and flags:
    ABLE if one of them is no fault, HIT if what is watched may be seen,
    MISSING if a tree is unknown here; then that state is the last.
    """
    steps = np.uint64(len(lively))
    labelled = len(labels) > 0
    end = np.uint64(0)
    for at in range(np.uint64(count)):
        row = rows[at]
        flags = np.uint64(known[at, 1]) & np.uint64(SOME - 1)
        for index in range(np.uint64(known[at, 0])):
            place = np.uint64(places[at, index])
            done = np.uint64(record[place])
            rest = np.uint64(record[place + ONE])
            place += TWO
            # Whole chunks, of which the first is nearly always enough: so
            # the processor need not guess how many there are.
            copied = np.uint64(0)
            while True:
                _copy(record, place + copied, leaves, end + copied)
                copied += np.uint64(CHUNK)
                if copied >= done:
                    break
            if labelled:
                for step in range(done):
                    labels[end + step] = record[place + done + step]
            end += done
            place += TWO * done
            for _ in range(rest):
                tree = np.uint64(record[place + ONE])
                if tree < steps or want[tree - steps] != 0:
                    code = _leaf(row, np.uint64(record[place]), kids, node,
                                 member)
                    if code == 0:
                        flags |= np.uint64(MISSING)
                    elif tree >= steps:
                        if code == want[tree - steps]:
                            flags |= np.uint64(HIT)
                    elif code < -1:
                        leaves[end] = -code - 1
                        if labelled:
                            labels[end] = tree
                        end += ONE
                        if lively[tree]:
                            flags |= np.uint64(ABLE)
                place += TWO
        ends[at, 0] = end
        ends[at, 1] = flags
        if flags & np.uint64(MISSING):
            break


@_loop()
def unknown(row, trees, kids, node, member, found):
    """Put those of some trees that are unknown in a state into ``found``;
    returns how many.
    """
    count = 0
    for tree in trees:
        if _leaf(row, tree, kids, node, member) == 0:
            found[count] = tree
            count += 1
    return count


@_loop()
def paths(states, roots, kids, node, member, masks, counts, asked):
    """What each tree asks for in some states: for each tree the different
    sets of cells, as masks, and how often each occurs.

    What does not fit into ``masks`` is added to the last of them;
    ``asked`` is room to work in, a state's.
    """
    words, most = states.shape[1], masks.shape[1]
    for state in range(len(states)):
        row = states[state]
        for tree in range(len(roots)):
            for w in range(words):
                asked[w] = 0
            code = kids[roots[tree]]
            while code > 0:
                word = node[code - 1, 0]
                if word >= 0:
                    asked[word] |= (np.uint64(node[code - 1, 2])
                                    << np.uint64(node[code - 1, 1]))
                else:
                    first = node[code - 1, 1]
                    for index in range(first, first + node[code - 1, 2]):
                        asked[member[index, 0]] |= (
                            np.uint64(member[index, 2])
                            << np.uint64(member[index, 1]))
                code = kids[node[code - 1, 3]
                            + _answer(row, code, node, member)]
            for index in range(most):
                same = True
                for w in range(words):
                    same = same and masks[tree, index, w] == asked[w]
                if same or counts[tree, index] == 0 or index + 1 == most:
                    for w in range(words):
                        masks[tree, index, w] |= asked[w]
                    counts[tree, index] += 1
                    break


@_loop()
def weigh(states, mask, begin, trees, masks, counts, slots, often, answers):
    """How groups with these masks would do on some states.

    ``begin`` has for each group where its ``trees`` begin; ``slots`` and
    ``often`` are room to work in.  ``answers`` receives for each group how
    many different values the masked cells have, how many of these are met
    once and how many twice, and how many trees must be walked further, all
    states together.
    """
    words = states.shape[1]
    last = np.uint64(len(slots) - 1)
    for group in range(np.uint64(len(mask))):
        slots[:] = 0
        found, once, twice = 0, 0, 0
        for state in range(np.uint64(len(states))):
            mixed = np.uint64(SEED)
            for w in range(words):
                mixed = (mixed ^ (states[state, w] & mask[group, w])
                         ) * np.uint64(0xD6E8FEB86659FD93)
                mixed ^= mixed >> np.uint64(32)
            mixed |= ONE  # never 0
            slot = (mixed >> np.uint64(8)) & last
            while slots[slot] != 0 and slots[slot] != mixed:
                slot = (slot + ONE) & last
            if slots[slot] == 0:
                slots[slot] = mixed
                often[slot] = 0
                found += 1
            often[slot] += 1
            met = often[slot]
            once += np.int64(met == 1) - np.int64(met == 2)
            twice += np.int64(met == 2) - np.int64(met == 3)
        answers[group, 0] = found
        answers[group, 1] = once
        answers[group, 2] = twice
        for at in range(begin[group], begin[group + ONE]):
            tree = trees[at]
            for index in range(masks.shape[1]):
                if counts[tree, index] == 0:
                    break
                for w in range(words):
                    if masks[tree, index, w] & ~mask[group, w]:
                        answers[group, 3] += counts[tree, index]
                        break


@_loop()
def _seen(row, kids, node, member, watch, want):
    """The first of the watched trees that says what is wanted, or -1."""
    for index in range(len(watch)):
        if want[index] != 0 and _leaf(row, watch[index], kids, node,
                                      member) == want[index]:
            return index
    return -1


# --- which of the states alike is stored ------------------------------------

# The tables of what `canonical` works in.  Each has a column for each of the
# states that are dealt with together: so the processor has many at once.
# Of the last ones only the first row is used: as bits, the members that name
# others or are named; whether the keys leave open which comes first; and the
# rows of the states.
(VALUE, MADE, NAMED, LOCAL, KEY, GOES, ORDER, IMAGE, BEST, NAMES, OPEN,
 WHICH) = TABLES = range(12)
TOGETHER = 64


def workroom(words, states, symmetry):
    """What compiled code works in, which makes no array itself: a state
    after a step; with symmetry also room for so many states, for as many
    numbers, and for `canonical`.
    """
    after = np.empty(words, np.uint64)
    if symmetry is None:
        return after, None, None, None
    most = words + sum(len(array) for array in symmetry)
    return (after, np.empty((states, words), np.uint64),
            np.empty(states, np.uint64),
            np.empty((len(TABLES), most, TOGETHER), np.uint64))


@_loop()
def _sign(rows, count, work, slot, name, meant, members):
    """Give each member a key that tells it from others: made of its own
    variables and those of the members that it names or that name it.
    """
    for member in range(members + ONE):
        for at in range(count):
            work[LOCAL, member, at] = 0
    for index in range(np.uint64(len(slot))):
        w, shift, mask = slot[index, 0], slot[index, 1], slot[index, 2]
        own, mine = slot[index, 3], slot[index, 4]
        for at in range(count):
            value = (rows[work[WHICH, 0, at], w] >> shift) & mask
            work[VALUE, index, at] = value
            work[LOCAL, mine, at] = (
                work[LOCAL, mine, at] * np.uint64(SEED) + (value & own))
    for member in range(members):
        for at in range(count):
            work[KEY, member, at] = (
                work[LOCAL, member, at] * np.uint64(SEED))
    for at in range(count):
        work[NAMES, 0, at] = 0
    for index in range(np.uint64(len(name))):
        here, shift, mask = name[index, 0], name[index, 1], name[index, 2]
        first, mine = name[index, 3], name[index, 4]
        for at in range(count):
            said = first + ((work[VALUE, here, at] >> shift) & mask)
            named = meant[said, 0]
            work[NAMED, index, at] = named
            some = np.uint64(named != members)
            work[NAMES, 0, at] |= some << named | some << mine
            mixed = (work[LOCAL, named, at] ^ work[LOCAL, mine, at] * THREE
                     ) + meant[said, 1]
            mixed *= np.uint64(0xD6E8FEB86659FD93)
            mixed ^= mixed >> np.uint64(32)
            work[KEY, mine, at] += mixed
            work[KEY, named, at] += TWO * mixed


@_loop()
def _rank(count, work, family):
    """Put the members of each family in the order of their keys."""
    for at in range(count):
        work[OPEN, 0, at] = 0
    for index in range(np.uint64(len(family))):
        first, last = family[index, 0], family[index, 1]
        for member in range(first, last):
            for at in range(count):
                work[GOES, member, at] = first
        for one in range(first, last):
            for two in range(one + ONE, last):
                for at in range(count):
                    mine, other = work[KEY, one, at], work[KEY, two, at]
                    after = np.uint64(mine > other)
                    work[GOES, one, at] += after
                    work[GOES, two, at] += ONE - after
                    # Where neither names another, nor is named, both orders
                    # give the same image.
                    work[OPEN, 0, at] |= np.uint64(mine == other) & (
                        work[NAMES, 0, at] >> one) & ONE


@_loop()
def _image(wide, rows, count, work, into, slot, name, family,
           fixed):
    """Make the images of the states."""
    for index in range(np.uint64(len(slot))):
        for at in range(count):
            work[MADE, index, at] = work[VALUE, index, at]
    for index in range(np.uint64(len(name))):
        here, factor = name[index, 0], name[index, 5]
        for at in range(count):
            named = work[NAMED, index, at]
            work[MADE, here, at] += (work[GOES, named, at] - named) * factor
    for w in range(np.uint64(len(wide))):
        for at in range(count):
            work[into, w, at] = rows[work[WHICH, 0, at], w] & fixed[w]
    for index in range(np.uint64(len(family))):
        first, last = family[index, 0], family[index, 1]
        begin, parts = family[index, 2], family[index, 3]
        for to in range(first, last):
            for member in range(first, last):
                for part in range(parts):
                    here = begin + (member - first) * parts + part
                    there = begin + (to - first) * parts + part
                    w, shift = slot[there, 0], slot[there, 1]
                    for at in range(count):
                        work[into, w, at] |= np.uint64(
                            work[GOES, member, at] == to) * (
                                work[MADE, here, at] << shift)


@_loop()
def _next(work, at, family):
    """Go on to the next order that the keys leave open; False if there is
    none, and then it is the first again.
    """
    for index in range(np.uint64(len(family))):
        first = family[index, 0]
        while first < family[index, 1]:
            last = first + ONE
            mine = work[ORDER, first, at]
            named = (work[NAMES, 0, at] >> mine) & ONE
            while (last < family[index, 1] and named and work[KEY, work[
                    ORDER, last, at], at] == work[KEY, mine, at]):
                last += ONE
            # The next permutation of those from first to before last.
            pivot = last - ONE
            while pivot > first and (work[ORDER, pivot - ONE, at]
                                     > work[ORDER, pivot, at]):
                pivot -= ONE
            if pivot > first:
                other = last - ONE
                while (work[ORDER, other, at]
                       < work[ORDER, pivot - ONE, at]):
                    other -= ONE
                _swap(work, at, pivot - ONE, other)
            low, high = pivot, last - ONE
            while low < high:
                _swap(work, at, low, high)
                low += ONE
                high -= ONE
            if pivot > first:
                return True
            first = last
    return False


@_loop(inline='always')
def _swap(work, at, one, two):
    member, other = work[ORDER, one, at], work[ORDER, two, at]
    work[ORDER, one, at] = other
    work[ORDER, two, at] = member
    work[GOES, other, at] = one
    work[GOES, member, at] = two


@_loop()
def _try_others(wide, rows, count, work, slot, name, family, fixed):
    """Try all orders that the keys leave open, for the least image."""
    for member in range(family[len(family) - 1, 1]):
        for at in range(count):
            work[ORDER, work[GOES, member, at], at] = member
    more = True
    while more:
        more = False
        for at in range(count):
            if work[OPEN, 0, at]:
                work[OPEN, 0, at] = np.uint64(_next(work, at, family))
                more = more or work[OPEN, 0, at] != 0
        _image(wide, rows, count, work, IMAGE, slot, name, family,
               fixed)
        for at in range(count):
            less = False
            for w in range(np.uint64(len(wide))):
                if work[IMAGE, w, at] != work[BEST, w, at]:
                    less = work[IMAGE, w, at] < work[BEST, w, at]
                    break
            if less:
                for w in range(np.uint64(len(wide))):
                    work[BEST, w, at] = work[IMAGE, w, at]


@_loop()
def canonical(wide, rows, count, which, work, slot, name, meant, family,
              fixed):
    """Put the one of the states alike that is stored in the place of each
    of the first *count* rows.

    ``which`` and ``work`` are room to work in, as :func:`workroom` makes
    it; see ``symmetry`` for the other arrays.  Returns for how many states
    more than one image was made.
    """
    members = family[len(family) - 1, 1]  # and then comes nobody
    for at in range(np.uint64(count)):
        which[at] = at
    # In a second turn, those whose members' order the keys leave open.
    last, more = np.uint64(count), np.uint64(0)
    for turn in range(2):
        begin = np.uint64(0)
        while begin < last:
            some = last - begin
            if some > np.uint64(TOGETHER):
                some = np.uint64(TOGETHER)
            for at in range(some):
                work[WHICH, 0, at] = which[begin + at]
                work[GOES, members, at] = members
            _sign(rows, some, work, slot, name, meant, members)
            _rank(some, work, family)
            _image(wide, rows, some, work, BEST, slot, name, family, fixed)
            if turn == 1:
                _try_others(wide, rows, some, work, slot, name, family,
                            fixed)
            for at in range(some):
                row = work[WHICH, 0, at]
                if turn == 0 and work[OPEN, 0, at]:
                    which[more] = row
                    more += ONE
                else:
                    for w in range(np.uint64(len(wide))):
                        rows[row, w] = work[BEST, w, at]
            begin += some
        last = more
    return more


@_loop()
def _make(wide, rows, count, leaves, ends, keep, put, made, which, work,
          symmetry):
    """Put the states that follow on some, one state's after the other's,
    into ``made``; as they are stored, with symmetry.
    """
    begin = np.uint64(0)
    for state in range(np.uint64(count)):
        if ends[state, 1] & MISSING:
            break
        end = np.uint64(ends[state, 0])
        for index in range(begin, end):
            leaf = np.uint64(leaves[index])
            for w in range(len(wide)):
                made[index, w] = (
                    rows[state, w] & keep[leaf, w]) | put[leaf, w]
        begin = end
    canonical(wide, made, np.int64(begin), which, work, *symmetry)


@_loop(nogil=True)
def expand(wide, states, low, high, at, kids, node, member, keep, put,
           groups, slots, record, tree_of, places, known, watch, want,
           lively, final, rows, whence, leaves, ends, labels, scratch,
           buckets, fill, bits, symmetry, tally, found, stop):
    """Expand states into the buckets until something needs attention.

    ``at`` is (partition, index) of the next state, which is kept up to
    date, and the partition to stop before.  ``tally`` counts each
    partition's transitions; ``found`` receives, for FOUND, what: the number
    of a watched tree, or -1 for a deadlock.  ``stop`` is all workers': once
    one needs attention, the others need not go on until they do.
    """
    room = np.uint64(buckets.shape[1] - len(lively))
    after, made, which, work = scratch
    while at[0] < at[2]:
        if stop[0]:
            return STOPPED
        count = gather(wide, states, high, low, at, at[2], rows, whence)
        ready, problem = look(
            wide, rows, count, kids, node, member, groups, slots, record,
            tree_of, places, known, watch, want, lively)
        enabled(wide, rows, ready, kids, node, member, record, places, known,
                watch, want, lively, leaves, labels, ends)
        if symmetry is not None:
            _make(wide, rows, ready, leaves, ends, keep, put, made, which,
                  work, symmetry)
        begin, status, state = 0, -1, 0
        while state < ready:
            row = rows[state]
            end, flags = ends[state, 0], ends[state, 1]
            if flags != ABLE:
                if flags & MISSING:
                    status = LEARN
                else:
                    if flags & HIT:
                        found[0] = _seen(row, kids, node, member, watch,
                                         want)
                        if found[0] >= 0:
                            status = FOUND
                    if (status < 0 and not flags & ABLE
                            and want[len(watch)] != 0):
                        code = np.int32(-1)
                        if final >= 0:
                            code = _leaf(row, final, kids, node, member)
                        if code == 0:
                            status = LEARN
                        if code == -1:
                            found[0] = -1
                            status = FOUND
                if status >= 0:
                    break
            full = False
            for index in range(np.uint64(begin), np.uint64(end)):
                leaf = np.uint64(leaves[index])
                for w in range(len(wide)):
                    after[w] = (row[w] & keep[leaf, w]) | put[leaf, w]
                if symmetry is not None:
                    for w in range(len(wide)):
                        after[w] = made[index, w]
                to = _hash(wide, after) >> bits
                last = fill[to]
                for w in range(len(wide)):
                    buckets[to, last, w] = after[w]
                fill[to] = last + ONE
                full = full or last >= room
            tally[whence[state, 0]] += end - begin
            begin = end
            state += 1
            if full:
                status = FLUSH
                break
        if status < 0 and ready < count:
            status = LEARN if problem == MISSING else GROW
        at[0] = whence[state, 0]
        at[1] = whence[state, 1]
        if status >= 0:
            stop[0] = True
            return status
    return DONE


# An entry of a table is the number of a state within its partition, from 1
# on, in the lowest ``bits`` bits, and above them a mark, bits of the hash:
# a state that hashes alike is hardly ever looked at in vain.

@_loop(inline='always')
def _slot(mixed, size):
    return ((mixed & np.uint64(0xFFFFFFFF)) * size) >> np.uint64(32)


@_loop(inline='always')
def _mark(mixed, bits):
    return ((mixed >> np.uint64(32)) << bits) & np.uint64(0xFFFFFFFF)


@_loop(nogil=True)
def insert(wide, first, last, states, table, slots, high, buckets, fill, bits,
           hashes):
    """Move the new states in all workers' buckets to the end of their
    partitions, from partition *first* to before *last*.

    ``hashes`` is room to work in: of each state of a bucket the hash, and a
    slot such that no entry before it can be the state's.  Returns False
    when a partition is full.
    """
    size = np.uint64(slots)
    capacity = np.uint64(states.shape[1])
    low = (ONE << bits) - ONE
    ahead = np.uint64(AHEAD)
    for part in range(np.uint64(first), np.uint64(last)):
        for worker in range(np.uint64(len(buckets))):
            count = fill[worker, part]
            for index in range(count):
                hashes[index, 0] = _hash(
                    wide, buckets[worker, part, np.uint64(index)])
            # One round has the table's slot of one state fetched, the state
            # that may be the same of another, and moves a third.
            for turn in range(count + TWO * ahead):
                if turn < count:
                    slot = _slot(hashes[turn, 0], size)
                    hashes[turn, 1] = slot
                    _prefetch(table, (part, slot))
                if turn - ahead < count:  # never less than 0: it is unsigned
                    index = turn - ahead
                    slot = hashes[index, 1]
                    mark = _mark(hashes[index, 0], bits)
                    entry = np.uint64(table[part, slot])
                    while entry != 0 and entry & ~low != mark:
                        slot += ONE
                        if slot == size:
                            slot = np.uint64(0)
                        entry = np.uint64(table[part, slot])
                    hashes[index, 1] = slot
                    if entry != 0:
                        _prefetch(states, (part, (entry & low) - ONE,
                                           np.uint64(0)))
                if turn < TWO * ahead:
                    continue
                index = turn - TWO * ahead
                slot = hashes[index, 1]
                mark = _mark(hashes[index, 0], bits)
                while True:
                    entry = np.uint64(table[part, slot])
                    if entry == 0:
                        end = np.uint64(high[part])
                        if end == capacity:
                            return False
                        for w in range(len(wide)):
                            states[part, end, w] = (
                                buckets[worker, part, index, w])
                        high[part] += 1
                        table[part, slot] = mark | (end + ONE)
                        break
                    if entry & ~low == mark:
                        same = True
                        for w in range(len(wide)):
                            if (states[part, (entry & low) - ONE, w]
                                    != buckets[worker, part, index, w]):
                                same = False
                        if same:
                            break
                    slot += ONE
                    if slot == size:
                        slot = np.uint64(0)
            fill[worker, part] = 0
    return True


@_loop(nogil=True)
def rehash(wide, first, last, states, table, slots, high, bits):
    """Make the table one of more slots, from partition *first* to before
    *last*.
    """
    size = np.uint64(slots)
    for part in range(np.uint64(first), np.uint64(last)):
        for slot in range(size):
            table[part, slot] = 0
        for index in range(np.uint64(high[part])):
            mixed = _hash(wide, states[part, index])
            slot = _slot(mixed, size)
            while table[part, slot] != 0:
                slot += ONE
                if slot == size:
                    slot = np.uint64(0)
            table[part, slot] = _mark(mixed, bits) | (index + ONE)


@_loop()
def look_up(wide, states, table, slots, row, partition_bits, bits):
    """(partition, index) of a state that is stored."""
    size = np.uint64(slots)
    low = (ONE << bits) - ONE
    mixed = _hash(wide, row)
    part = mixed >> partition_bits
    slot = _slot(mixed, size)
    mark = _mark(mixed, bits)
    while True:
        entry = np.uint64(table[part, slot])
        there = (entry & low) - ONE
        if entry == 0:
            return np.int64(part), np.int64(-1)
        if entry & ~low == mark:
            same = True
            for w in range(len(wide)):
                if states[part, there, w] != row[w]:
                    same = False
            if same:
                return np.int64(part), np.int64(there)
        slot += ONE
        if slot == size:
            slot = np.uint64(0)


@_loop()
def predecessor(wide, states, low, high, target, kids, node, member, keep,
                put, steps, likely, symmetry, scratch, answer):
    """Find a state of a level with a step to *target*.

    ``likely`` has the effects that agree with *target* in what they write:
    only a state that differs from it nowhere else is asked for its steps.
    With symmetry every state is.
    ``answer`` receives partition, index and step.
    """
    after, made, which, work = scratch
    for part in range(states.shape[0]):
        for index in range(low[part], high[part]):
            row = states[part, index]
            near = symmetry is not None
            for effect in likely:
                same = True
                for w in range(len(wide)):
                    if (row[w] ^ target[w]) & keep[effect, w]:
                        same = False
                near = near or same
            if not near:
                continue
            for step in range(steps):
                code = _leaf(row, step, kids, node, member)
                if code >= -1:
                    continue
                leaf = -code - 1
                for w in range(len(wide)):
                    after[w] = (row[w] & keep[leaf, w]) | put[leaf, w]
                if symmetry is not None:
                    for w in range(len(wide)):
                        made[0, w] = after[w]
                    canonical(wide, made, 1, which, work, *symmetry)
                    for w in range(len(wide)):
                        after[w] = made[0, w]
                same = True
                for w in range(len(wide)):
                    same = same and after[w] == target[w]
                if same:
                    answer[0] = part
                    answer[1] = index
                    answer[2] = step
                    return True
    return False


# --- the state graph, for liveness -----------------------------------------

@_loop(nogil=True)
def edges(wide, states, low, high, at, offset, table, size, kids, node,
          member, keep, put, groups, slots, record, tree_of, places, known,
          watch, want, lively, partition_bits, bits, rows, whence, leaves,
          ends, labels, scratch, symmetry, begin, to, label):
    """Write the edges of each state: where ``to``, and by which step.
    ``begin`` receives for each state, and after them, where its edges begin;
    it has that of the first.

    ``at`` is (partition, index) of the next state, which is kept up to
    date, and the partition to stop before.
    """
    after, made, which, work = scratch
    while at[0] < at[2]:
        count = gather(wide, states, high, low, at, at[2], rows, whence)
        ready, problem = look(
            wide, rows, count, kids, node, member, groups, slots, record,
            tree_of, places, known, watch, want, lively)
        enabled(wide, rows, ready, kids, node, member, record, places, known,
                watch, want, lively, leaves, labels, ends)
        if symmetry is not None:
            _make(wide, rows, ready, leaves, ends, keep, put, made, which,
                  work, symmetry)
        first, place = 0, 0
        missing = ready < count and problem == MISSING
        while place < ready:
            row = rows[place]
            last = ends[place, 0]
            if ends[place, 1] & MISSING:
                missing = True
                break
            state = offset[whence[place, 0]] + whence[place, 1]
            edge = begin[state]
            for index in range(first, last):
                leaf = leaves[index]
                for w in range(len(wide)):
                    after[w] = (row[w] & keep[leaf, w]) | put[leaf, w]
                if symmetry is not None:
                    for w in range(len(wide)):
                        after[w] = made[index, w]
                there, found = look_up(wide, states, table, size, after,
                                       partition_bits, bits)
                to[edge] = offset[there] + found
                label[edge] = labels[index]
                edge += 1
            begin[state + 1] = edge
            first = last
            place += 1
        at[0] = whence[place, 0]
        at[1] = whence[place, 1]
        if missing:
            return LEARN
        if place < count:
            return GROW
    return DONE


@_loop(nogil=True)
def judge(wide, states, high, at, offset, tree, kids, node, member, asked,
          answers):
    """The leaf of one tree in the states that are asked; False at one where
    it is unknown.

    ``at`` is (partition, index) of the next state, which is kept up to
    date, and the partition to stop before.
    """
    index = np.uint64(at[1])
    for part in range(np.uint64(at[0]), np.uint64(at[2])):
        begin = np.uint64(offset[part])
        while index < np.uint64(high[part]):
            if asked[begin + index]:
                code = _leaf(states[part, index], tree, kids, node, member)
                if code == 0:
                    at[0] = part
                    at[1] = index
                    return False
                answers[begin + index] = -code - 1
            index += ONE
        index = np.uint64(0)
    at[0] = at[2]
    return True


@njit(cache=True)
def reach(begin, to, allowed, queue, count, seen):
    """Mark what is reachable from the queue within *allowed*."""
    at = 0
    while at < count:
        state = queue[at]
        at += 1
        for edge in range(begin[state], begin[state + 1]):
            other = to[edge]
            if allowed[other] and not seen[other]:
                seen[other] = True
                queue[count] = other
                count += 1
    return count


@njit(cache=True)
def components(begin, to, allowed, component):
    """Strongly connected components of the allowed states (Tarjan 1972,
    without recursion); returns their number.
    """
    size = len(begin) - 1
    done = size + 1
    # Of each state, when it was met; 0 if it was not, and *done* once it is
    # known in which component it is, or that it is in none.  Of each state
    # of the path, the first met that can be reached from it.
    order = np.empty(size, to.dtype)
    for state in range(size):
        order[state] = 0 if allowed[state] else done
    stack = np.empty(size, to.dtype)
    path = np.empty(size, to.dtype)
    lowest = np.empty(size, to.dtype)
    edge = np.empty(size, np.int64)
    counter, top, found = 0, 0, 0
    for root in range(size):
        if order[root]:
            continue
        deep, other = -1, root
        while True:
            # Go on to a state that was not met before,
            counter += 1
            deep += 1
            path[deep] = stack[top] = other
            order[other] = lowest[deep] = counter
            edge[deep] = begin[other]
            top += 1
            # and back from those of which all edges were followed.
            while deep >= 0:
                state, low = path[deep], lowest[deep]
                at, last = edge[deep], begin[state + 1]
                met = 1
                while at < last:
                    other = to[at]
                    met = order[other]
                    if met == 0:
                        break
                    low = min(low, met)
                    at += 1
                lowest[deep], edge[deep] = low, at
                if met == 0:
                    break
                if low == order[state]:
                    while True:
                        top -= 1
                        other = stack[top]
                        order[other] = done
                        component[other] = found
                        if other == state:
                            break
                    found += 1
                deep -= 1
                if deep >= 0:
                    lowest[deep] = min(lowest[deep], low)
            if deep < 0:
                break
    return found


@njit(cache=True)
def lasting(begin, to, label, component, sizes, number, answer):
    """Mark the states in which a run can stay, or to which it can return:
    those on a cycle, and those where no fair step is possible.
    """
    for state in range(len(begin) - 1):
        mine = component[state]
        lasts = sizes[mine] > 1
        able = False
        for edge in range(begin[state], begin[state + 1]):
            lasts = lasts or to[edge] == state
            able = able or number[label[edge]] >= 0
        answer[state] = lasts or not able


@njit(cache=True)
def fairness(begin, to, label, allowed, component, number, taken, idle,
             asked):
    """What the components do about fair steps, as bits.

    ``number`` has each step's number among the fair ones, or -1.  Each of
    the others has a row of words for a component: ``taken``: the step is
    taken within it; ``idle``: it is impossible somewhere in it; ``asked``:
    it is possible somewhere in it.
    """
    able = np.empty(taken.shape[1], np.uint64)
    for state in range(len(begin) - 1):
        if not allowed[state]:
            continue
        mine = component[state]
        able[:] = 0
        for edge in range(begin[state], begin[state + 1]):
            fair = number[label[edge]]
            if fair < 0:
                continue
            bit = ONE << np.uint64(fair & 63)
            able[fair >> 6] |= bit
            if allowed[to[edge]] and component[to[edge]] == mine:
                taken[mine, fair >> 6] |= bit
        for word in range(len(able)):
            idle[mine, word] |= ~able[word]
            asked[mine, word] |= able[word]


@njit(cache=True)
def keep_out(begin, label, allowed, component, number, broken, done):
    """Take out of *allowed* the components that are done with, and the
    states in which a step is possible that is ``broken`` (as bits) there.
    """
    for state in range(len(begin) - 1):
        if not allowed[state]:
            continue
        mine = component[state]
        out = done[mine]
        for edge in range(begin[state], begin[state + 1]):
            fair = number[label[edge]]
            if fair >= 0 and (broken[mine, fair >> 6]
                              >> np.uint64(fair & 63)) & ONE:
                out = True
        allowed[state] = not out


@njit(cache=True)
def shortest(begin, to, allowed, starts, goal, parent):
    """A shortest way from any start to any goal within *allowed*.

    ``parent`` receives the edge that led to each state (-2: a start);
    returns the goal reached, or -1.
    """
    size = len(begin) - 1
    queue = np.empty(size, np.int64)
    count, at = 0, 0
    for state in starts:
        if parent[state] == -1:
            parent[state] = -2
            queue[count] = state
            count += 1
    while at < count:
        state = queue[at]
        at += 1
        if goal[state]:
            return state
        for edge in range(begin[state], begin[state + 1]):
            other = to[edge]
            if allowed[other] and parent[other] == -1:
                parent[other] = edge
                queue[count] = other
                count += 1
    return -1


@njit(cache=True)
def depths(begin, to, start, depth):
    """The distance of each state from the start."""
    queue = np.empty(len(begin) - 1, np.int64)
    depth[:] = -1
    depth[start] = 0
    queue[0] = start
    count, at = 1, 0
    while at < count:
        state = queue[at]
        at += 1
        for edge in range(begin[state], begin[state + 1]):
            if depth[to[edge]] < 0:
                depth[to[edge]] = depth[state] + 1
                queue[count] = to[edge]
                count += 1


@njit(cache=True)
def first_of(begin, to, depth, starts, allowed, goal, parent):
    """The goal that is nearest to the beginning, by way of any start and
    within *allowed* from there on; -1 if there is none.

    ``starts`` are in order of their depth.  ``parent`` receives the edge
    that led to each state (-2: a start).
    """
    now = np.empty(len(begin) - 1, np.int64)
    after = np.empty(len(begin) - 1, np.int64)
    coming, taken, level = 0, 0, 0
    while coming or taken < len(starts):
        now, after = after, now
        count, coming = coming, 0
        if count == 0:
            level = depth[starts[taken]]
        while taken < len(starts) and depth[starts[taken]] <= level:
            if parent[starts[taken]] == -1:
                parent[starts[taken]] = -2
                now[count] = starts[taken]
                count += 1
            taken += 1
        for index in range(count):
            state = now[index]
            if goal[state]:
                return state
            for edge in range(begin[state], begin[state + 1]):
                other = to[edge]
                if allowed[other] and parent[other] == -1:
                    parent[other] = edge
                    after[coming] = other
                    coming += 1
        level += 1
    return -1
