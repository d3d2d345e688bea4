"""Which requirement an event breaks that the model forbids.

What was *done* although a guard is false breaks the guard's requirement; of
several states, the one counts in which most guards before it hold.

What was *refused*, or is still to come when nothing more comes, breaks what
the action is there for: the requirement of more than half of its guards; else
that of its guards which is also that of what must come and would have come;
else that of its guards which the fewest other actions have.  (Whoever can look
after it was refused does that first: what is seen may have its own cause.)

What was *seen* breaks, by the first of these that gives one:

* after a fault, the requirement that its guards carry and few other actions
  do: it says what has to come of the fault;
* the invariants that are false of the nearest state with the values seen put
  in, that first which the guards of the fewest actions carry;
* the guard that alone forbids a hidden step which explains it (before the
  invariants, if that step is a fault: nobody asked for it); a fault may have
  come before the last step as well, which then met what it had done;
* what at least half of the properties carry that read what differs;
* the invariant that is false soonest, if the model goes on from there;
* what the last step is there for, as if that had been refused.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cyborg_models.kernel.describe import describe, requirements
from cyborg_models.kernel.language import (
    Body,
    Codes,
    Guard,
    Model,
    ModelError,
    Property,
    Site,
    Step,
    recording,
    run,
    successor,
    without,
)
from cyborg_models.kernel.trace import (
    cell_name,
    follow,
    in_full,
    value_name,
)

if TYPE_CHECKING:
    from cyborg_models.conformance.oracle import Event

TRIED = 64  # states from which a hidden step is looked for
FEW = 3  # actions: a requirement that fewer have is their own
AHEAD = 100  # states that are looked at to see what would come
NAMED = 3  # variables, or steps, that a sentence names


class Blamed(NamedTuple):
    """Whom to blame.

    :ivar codes: the state that it is of
    :ivar guard: the false guard, or None
    :ivar requirements: ids, the first of them to blame; empty if the model
        names none
    :ivar why: a sentence without full stop
    :ivar unseen: the hidden step that would explain it, but for its guard
    """

    codes: Codes
    guard: Guard | None
    requirements: tuple[str, ...]
    why: str
    unseen: Step | None = None


def of(model: Model, event: Event, states: Sequence[Codes],
       hidden: Sequence[Step], last: Step | None = None,
       earlier: Sequence[Codes] = ()) -> Blamed:
    """Whom to blame for an event.

    :param states: that were possible before it
    :param hidden: the steps that may happen unseen
    :param last: the step that was taken before it, if one was
    :param earlier: the states that were possible before that, if it was done
        and nothing was told since
    """
    fitting = [codes for codes in states if all(
        codes[cell] == code for cell, code in event.seen)]
    if event.kind == 'quiet' and fitting:
        return _of_silence(model, fitting, hidden)
    if event.kind in ('observe', 'quiet'):
        return _of_observation(model, event, states, hidden, last, earlier)
    assert event.step is not None
    return _of_step(model, event.step, event.outcome, states)


def _of_step(model: Model, step: Step, outcome: str,
             states: Sequence[Codes]) -> Blamed:
    if outcome == 'ok':
        refused = [(-_depth(model, codes, step), codes, after)
                   for codes in states for after in [follow(
                       model, codes, step)] if isinstance(after, Guard)]
        if refused:
            _, codes, guard = min(refused, key=lambda one: one[:2])
            guard = in_full(model, codes, step, guard)
            return Blamed(codes, guard, (guard.requirement,), (
                f'{step.name} was done, and {guard.requirement} asks for '
                f'{guard.text}'))
    possible = [codes for codes in states if not isinstance(
        follow(model, codes, step), Guard)] or states
    word = 'done' if outcome == 'ok' else 'refused'
    return Blamed(possible[0], None, owed(model, step, possible[0]), (
        f'{step.name} was {word}, and no order of the calls allows that'
        if outcome == 'ok' else
        f'{step.name} was refused, and the model has it possible'))


def _depth(model: Model, codes: Codes, step: Step) -> int:
    """How many guards of a step are asked, the false one included."""
    return len(guards_asked(model, codes, step))


def guards_asked(model: Model, codes: Codes, step: Step) -> list[Site]:
    """The guards that a step asks in a state, by place."""
    with recording() as sites:
        run(model, step.action.body, step.arguments, codes)
    return sorted(site for site in sites if site.kind == 'guard')


def _of_silence(model: Model, states: Sequence[Codes],
                hidden: Sequence[Step]) -> Blamed:
    def due(codes: Codes) -> list[Step]:
        return [step for step in hidden if step.action.fair
                and not isinstance(follow(model, codes, step), Guard)]
    codes = min(states, key=lambda codes: (len(due(codes)), codes))
    steps = due(codes)
    requirements = dict.fromkeys(
        prop.requirement for prop, arguments in _each(model, 'eventually')
        if _waits(model, prop, arguments, codes))
    return Blamed(codes, None, tuple(requirements) or (
        owed(model, steps[0], codes) if steps else ()), (
        'nothing more comes, and '
        + ' or '.join(step.name for step in steps[:NAMED])
        + ' is still to come'))


def _of_observation(model: Model, event: Event, states: Sequence[Codes],
                    hidden: Sequence[Step], last: Step | None,
                    earlier: Sequence[Codes]) -> Blamed:
    def missed(codes: Codes) -> int:
        return sum(codes[cell] != code for cell, code in event.seen)
    near = sorted(states, key=lambda codes: (missed(codes), codes))
    codes = near[0]
    wrong = [(cell, code) for cell, code in event.seen
             if codes[cell] != code]
    why = ', '.join(
        f'{cell_name(variable.name, member)} is '
        f'{value_name(variable.domain[code])} and not '
        f'{value_name(variable.domain[codes[cell]])}'
        for cell, code in wrong[:NAMED]
        for variable, member in [model.cells[cell]])
    if len(wrong) > NAMED:
        why += f' (and {len(wrong) - NAMED} more)'
    seen = successor(codes, wrong)
    shared = _shared(model)
    broken = dict.fromkeys([*_of_fault(model, last), *sorted((
        prop.requirement for prop in _broken(model, seen)
        if prop not in _broken(model, codes)), key=lambda name: shared[
            name])])
    for here in near[:TRIED]:
        for step in hidden:
            found = but_for_one(model, here, step)
            if found is not None and not missed(found[1]):
                guard = found[0]
                names = [*broken, guard.requirement]
                if step.action.fault:  # nobody asked for it
                    names.reverse()
                return Blamed(here, guard, tuple(dict.fromkeys(names)), (
                    f'{why}, as by {step.name}, and {guard.requirement} '
                    f'asks for {guard.text}'), step)
    for here in earlier[:TRIED]:
        for step in hidden:
            found = but_for_one(model, here, step) if (
                step.action.fault) else None
            if found is None or last is None:
                continue
            after = follow(model, found[1], last)
            if isinstance(after, tuple) and not missed(after):
                guard = found[0]
                return Blamed(codes, guard, tuple(dict.fromkeys(
                    [guard.requirement, *broken])), (
                    f'{why}, as by {step.name} before {last.name}, and '
                    f'{guard.requirement} asks for {guard.text}'), step)
    if broken:
        return Blamed(codes, None, tuple(broken), why)
    if last is not None:
        why = f'{why}, after {last.name}'
    return Blamed(codes, None, tuple(dict.fromkeys([
        *_of_readers(model, seen, [cell for cell, _ in wrong]),
        *_to_come(model, seen),
        *(owed(model, last, codes) if last is not None else ())])), why)


def _of_readers(model: Model, codes: Codes,
                cells: Sequence[int]) -> list[str]:
    """What at least half of the properties carry that read some cells."""
    found = collections.Counter(
        prop.requirement for prop in model.properties.values() if any(
            cells_read(model, prop.body, arguments, codes).intersection(
                cells) for arguments in itertools.product(
                    *prop.sets.values())))
    name, count = next(iter(found.most_common(1)), ('', 0))
    return [name] if count and 2 * count >= found.total() else []


def _to_come(model: Model, codes: Codes) -> list[str]:
    """The requirements of the invariants that break soonest, if the model
    goes on from a state that it does not reach.
    """
    row, seen = [codes], {codes}
    for here in row:
        broken = _broken(model, here)
        if broken:
            return [prop.requirement for prop in broken]
        for step in model.steps:
            try:
                after = None if step.action.fault else follow(
                    model, here, step)
            except ModelError:  # nothing is made for such a state
                continue
            if isinstance(after, tuple) and after not in seen and (
                    len(row) < AHEAD):
                seen.add(after)
                row.append(after)
    return []


def _broken(model: Model, codes: Codes) -> list[Property]:
    """The invariants that are false of a state."""
    return list(dict.fromkeys(
        prop for prop, arguments in _each(model, 'always')
        if not _holds(model, prop, arguments, codes)))


def _of_fault(model: Model, last: Step | None) -> list[str]:
    """What has to come of the fault that happened last, if it says."""
    if last is None or not last.action.fault:
        return []
    shared = _shared(model)
    return [name for name in dict.fromkeys(
        name for name, _ in describe(last.action).guards)
        if shared[name] < FEW]


def but_for_one(model: Model, codes: Codes, step: Step
                 ) -> tuple[Guard, Codes] | None:
    """The guard that forbids a step, and where it would lead if it were not
    there; None if it is not the only one.
    """
    guard = follow(model, codes, step)
    if not isinstance(guard, Guard):
        return None
    site = next(site for site in guards_asked(model, codes, step)
                if site.where == guard.where)
    try:
        with without(site):
            after = follow(model, codes, step)
    except ModelError:  # it asks first what the rest makes sense of
        return None
    return None if isinstance(after, Guard) else (guard, after)


def cells_read(model: Model, body: Body, arguments: Sequence[int],
               codes: Codes) -> set[int]:
    """The cells that a property reads in a state; of a quantity, all that
    it is of.
    """
    found: set[int] = set()
    try:
        reads = run(model, body, arguments, codes, frozen=True).reads
    except ModelError:  # it makes no sense of the state
        return found
    for read in reads:
        if isinstance(read, int):
            found.add(read)
        else:
            found.update(model.place[read.variable, member] for member
                         in model.variables[read.variable].members)
    return found


def owed(model: Model, step: Step, codes: Codes) -> tuple[str, ...]:
    """The requirements that a step is there for, the first of them first.

    :param codes: a state in which it is possible
    """
    asked = _asked(model, step, codes)
    shared = _shared(model)
    return tuple(dict.fromkeys([
        *surely_owed(model, step, codes),
        *sorted(dict.fromkeys(asked), key=lambda name: shared[name])]))


def surely_owed(model: Model, step: Step, codes: Codes) -> list[str]:
    """Those of them that do not rest on how many other actions share a
    requirement.
    """
    asked = _asked(model, step, codes)
    common = [name for name, count in collections.Counter(asked).items()
              if 2 * count > len(asked)]
    after = follow(model, codes, step)
    comes = [] if isinstance(after, Guard) else [
        prop.requirement for prop, arguments in _each(model, 'eventually')
        if prop.requirement in asked
        and _waits(model, prop, arguments, codes)
        and not _waits(model, prop, arguments, after)]
    return common + comes


def _asked(model: Model, step: Step, codes: Codes) -> list[str]:
    """The requirements of a step's guards, in order."""
    return [requirement for requirement, _ in
            describe(step.action).guards] or [
        site.requirement for site in guards_asked(model, codes, step)]


def _shared(model: Model) -> collections.Counter[str]:
    """How many actions have guards with a requirement."""
    return collections.Counter(
        requirement for action in model.actions.values()
        for requirement in requirements(action))


def _each(model: Model, kind: str
          ) -> Iterator[tuple[Property, tuple[int, ...]]]:
    for prop in model.properties.values():
        if prop.kind == kind:
            for arguments in itertools.product(*prop.sets.values()):
                yield prop, arguments


def _holds(model: Model, prop: Property, arguments: Iterable[int],
           codes: Codes) -> bool:
    """True if an invariant holds, or makes no sense of the state: values
    that were seen are put together with others that never meet them.
    """
    try:
        return bool(run(model, prop.body, tuple(arguments), codes,
                        frozen=True).value)
    except ModelError:
        return True


def _waits(model: Model, prop: Property, arguments: Iterable[int],
           codes: Codes) -> bool:
    """True if what must come is called for, and has not come."""
    called, come = run(model, prop.body, tuple(arguments), codes,
                       frozen=True).value
    return bool(called and not come)


__all__ = ['Blamed', 'but_for_one', 'cells_read', 'guards_asked', 'of',
           'owed', 'surely_owed']
