"""The inner loops, compiled by Numba.

Nothing here knows of models: states are words, trees are arrays (see
``tables``).  All numbers are of fixed width, so that Numba keeps them
integers: words, shifts and masks are uint64, places are int64.
"""

import numpy as np
from numba import njit

DONE, LEARN, FLUSH, FOUND = 0, 1, 2, 3


@njit(cache=True)
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


@njit(cache=True, inline='always')
def _leaf(row, entry, kids, node, member):
    code = kids[entry]
    while code > 0:
        word = node[code - 1, 0]
        if word >= 0:
            value = np.int64((row[word] >> np.uint64(node[code - 1, 1]))
                             & np.uint64(node[code - 1, 2]))
        else:
            value = _quantity(row, word, node[code - 1, 1],
                              node[code - 1, 2], member)
        code = kids[node[code - 1, 3] + value]
    return code


@njit(cache=True, inline='always')
def _hash(row, words):
    mixed = np.uint64(0x9E3779B97F4A7C15)
    for index in range(words):
        mixed ^= row[index]
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(29))


@njit(cache=True)
def expand(states, low, high, at, kids, node, member, keep, put,
           group, span, candidate, steps, lively, final, active, want,
           leaves, buckets, fill, bits, tally, found):
    """Expand states into the buckets until something needs attention.

    Steps that ask for the same cell first stand in one ``group``; the cell's
    value selects a ``span`` of candidates, an entry and a step each.
    ``at`` is (partition, index) of the next state, and is kept up to date.
    ``tally`` counts transitions; ``found`` receives, for FOUND, what: the
    number of an active property tree, or -1 for a deadlock.
    """
    words = states.shape[2]
    after = np.empty(words, np.uint64)
    room = buckets.shape[1] - steps
    total = states.shape[0]
    while at[0] < total:
        part = at[0]
        end = high[part]
        while at[1] < end:
            row = states[part, at[1]]
            missing = False
            for index in range(len(active)):
                if want[index] == 0:
                    continue
                code = _leaf(row, active[index], kids, node, member)
                if code == 0:
                    missing = True
                elif code == want[index]:
                    found[0] = index
                    return FOUND
            able = False
            count = 0
            for index in range(len(group)):
                if group[index, 0] >= 0:
                    value = np.int64(
                        (row[group[index, 0]] >> np.uint64(group[index, 1]))
                        & np.uint64(group[index, 2]))
                else:
                    value = 0
                place = group[index, 3] + value
                for chosen in range(span[place], span[place + 1]):
                    code = _leaf(row, candidate[chosen, 0], kids, node,
                                 member)
                    if code < -1:
                        leaves[count] = -code - 1
                        count += 1
                        able = able or lively[candidate[chosen, 1]]
                    elif code == 0:
                        missing = True
            if missing:
                return LEARN
            if not able and want[len(active)] != 0:
                code = np.int32(-1)
                if final >= 0:
                    code = _leaf(row, final, kids, node, member)
                if code == 0:
                    return LEARN
                if code == -1:
                    found[0] = -1
                    return FOUND
            full = False
            for index in range(count):
                leaf = leaves[index]
                for w in range(words):
                    after[w] = (row[w] & keep[leaf, w]) | put[leaf, w]
                to = np.int64(_hash(after, words) >> bits)
                place = fill[to]
                for w in range(words):
                    buckets[to, place, w] = after[w]
                fill[to] = place + 1
                full = full or place + 1 > room
            tally[0] += count
            at[1] += 1
            if full:
                return FLUSH
        at[0] += 1
        if at[0] < total:
            at[1] = low[at[0]]
    return DONE


@njit(cache=True)
def insert(states, table, high, buckets, fill):
    """Move the buckets' new states to the end of their partitions.

    Returns False when a partition is full.
    """
    words = states.shape[2]
    size = np.uint64(table.shape[1] - 1)
    for part in range(states.shape[0]):
        for index in range(fill[part]):
            row = buckets[part, index]
            slot = _hash(row, words) & size
            while True:
                there = table[part, slot]
                if there == 0:
                    if high[part] == states.shape[1]:
                        return False
                    for w in range(words):
                        states[part, high[part], w] = row[w]
                    high[part] += 1
                    table[part, slot] = high[part]
                    break
                same = True
                for w in range(words):
                    if states[part, there - 1, w] != row[w]:
                        same = False
                if same:
                    break
                slot = (slot + np.uint64(1)) & size
        fill[part] = 0
    return True


@njit(cache=True)
def rehash(states, table, high):
    """Fill a new, larger table."""
    words = states.shape[2]
    size = np.uint64(table.shape[1] - 1)
    for part in range(states.shape[0]):
        for index in range(high[part]):
            slot = _hash(states[part, index], words) & size
            while table[part, slot] != 0:
                slot = (slot + np.uint64(1)) & size
            table[part, slot] = index + 1


@njit(cache=True)
def predecessor(states, low, high, target, kids, node, member,
                keep, put, steps, answer):
    """Find a state of a level with a step to *target*.

    ``answer`` receives partition, index and step.
    """
    words = states.shape[2]
    for part in range(states.shape[0]):
        for index in range(low[part], high[part]):
            row = states[part, index]
            for step in range(steps):
                code = _leaf(row, step, kids, node, member)
                if code < -1:
                    leaf = -code - 1
                    same = True
                    for w in range(words):
                        if ((row[w] & keep[leaf, w]) | put[leaf, w]
                                ) != target[w]:
                            same = False
                            break
                    if same:
                        answer[0] = part
                        answer[1] = index
                        answer[2] = step
                        return True
    return False


# --- the state graph, for liveness -----------------------------------------

@njit(cache=True)
def out_degrees(states, high, kids, node, member, steps, degrees):
    """How many steps are possible in each state."""
    state = 0
    for part in range(states.shape[0]):
        for index in range(high[part]):
            count = 0
            for step in range(steps):
                if _leaf(states[part, index], step, kids, node,
                         member) < -1:
                    count += 1
            degrees[state] = count
            state += 1


@njit(cache=True)
def fill_edges(states, table, high, offset, kids, node, member, keep, put,
               steps, bits, begin, to, label):
    """Write each state's edges: where to, and by which step."""
    words = states.shape[2]
    size = np.uint64(table.shape[1] - 1)
    after = np.empty(words, np.uint64)
    state = 0
    for part in range(states.shape[0]):
        for index in range(high[part]):
            place = begin[state]
            row = states[part, index]
            for step in range(steps):
                code = _leaf(row, step, kids, node, member)
                if code >= -1:
                    continue
                leaf = -code - 1
                for w in range(words):
                    after[w] = (row[w] & keep[leaf, w]) | put[leaf, w]
                mixed = _hash(after, words)
                there = np.int64(mixed >> bits)
                slot = mixed & size
                while True:
                    found = np.int64(table[there, slot]) - 1
                    same = True
                    for w in range(words):
                        if states[there, found, w] != after[w]:
                            same = False
                    if same:
                        break
                    slot = (slot + np.uint64(1)) & size
                to[place] = offset[there] + found
                label[place] = step
                place += 1
            state += 1


@njit(cache=True)
def judge(states, high, tree, kids, node, member, answers):
    """The leaf of one tree in each state; False at an unknown one."""
    state = 0
    for part in range(states.shape[0]):
        for index in range(high[part]):
            code = _leaf(states[part, index], tree, kids, node, member)
            if code == 0:
                answers[0] = -1
                answers[1 % len(answers)] = state
                return False
            answers[state] = -code - 1
            state += 1
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
    order = np.zeros(size, np.int64)
    lowest = np.zeros(size, np.int64)
    stack = np.empty(size, np.int64)
    path = np.empty(size, np.int64)
    edge = np.empty(size, np.int64)
    on_stack = np.zeros(size, np.bool_)
    counter, top, found = 0, 0, 0
    for root in range(size):
        if not allowed[root] or order[root]:
            continue
        deep = 0
        path[0] = root
        edge[0] = begin[root]
        counter += 1
        order[root] = lowest[root] = counter
        stack[top] = root
        top += 1
        on_stack[root] = True
        while deep >= 0:
            state = path[deep]
            if edge[deep] < begin[state + 1]:
                other = to[edge[deep]]
                edge[deep] += 1
                if not allowed[other]:
                    continue
                if order[other] == 0:
                    counter += 1
                    order[other] = lowest[other] = counter
                    stack[top] = other
                    top += 1
                    on_stack[other] = True
                    deep += 1
                    path[deep] = other
                    edge[deep] = begin[other]
                elif on_stack[other]:
                    lowest[state] = min(lowest[state], order[other])
                continue
            if lowest[state] == order[state]:
                while True:
                    top -= 1
                    other = stack[top]
                    on_stack[other] = False
                    component[other] = found
                    if other == state:
                        break
                found += 1
            deep -= 1
            if deep >= 0:
                lowest[path[deep]] = min(lowest[path[deep]], lowest[state])
    return found


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
