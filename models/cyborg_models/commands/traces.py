"""``run`` and ``explain``: a run, and what was possible on the way."""

import os
import random

from cyborg_models import registry
from cyborg_models.commands import common
from cyborg_models.commands.common import HOLDS
from cyborg_models.kernel import itf, trace
from cyborg_models.kernel.language import Guard
from cyborg_models.registry import InputError


def do_run(options):
    """A run: the steps that are asked for, then random ones."""
    chosen = common.chosen_by(options)
    common.check_actions(chosen, options.only)
    seed = (random.randrange(1_000_000) if options.seed is None
            else options.seed)
    count = options.steps or (0 if options.take else 20)
    told = trace.random_run(chosen.model, random.Random(seed), count,
                            frozenset(options.only),
                            _taken(chosen, options.take))
    ended = len(told.steps) < len(options.take) + count
    how = f'seed {seed}' if count else 'as it was asked for'
    if options.out:
        common.write(options.out, [itf.dumps(told, chosen.name, chosen.set,
                                            chosen.defects, how)])
    if options.json:
        common.print_json({**common.head(chosen), 'seed': seed, 'ended': ended,
                           'trace': common.trace_json(told)})
        return HOLDS
    out = common.output()
    out.line(f'{chosen.title}, {how}', 'bold')
    out.line()
    out.messages(trace.lines(told, out.width))
    if ended:
        out.line('      --- nothing more is possible'
                 + (' of what was asked for' if options.only else '')
                 + ' ---')
    if options.out:
        out.line()
        out.line(f'written: {options.out}')
    return HOLDS


def _taken(chosen, texts):
    """The run of the steps that are named, such as ``plug(van=0)``; where
    only one is possible, arguments may be left out.

    :raises InputError: for what is no step, or not possible
    """
    model = chosen.model
    told = trace.Run(model, [model.initial], [])
    for number, text in enumerate(texts, start=1):
        action, _, rest = ''.join(text.split()).partition('(')
        given = set(filter(None, rest.removesuffix(')').split(',')))
        common.check_actions(chosen, [action])
        steps = [step for step in model.steps if step.action.name == action
                 and given <= {f'{key}={value}' for key, value in zip(
                     step.action.sets, step.arguments, strict=True)}]
        if not steps:
            raise InputError(
                f'{chosen.name} has no step {text!r}; give '
                + ' or '.join(step.name for step in model.steps
                              if step.action.name == action))
        after = [(step, trace.follow(model, told.states[-1], step))
                 for step in steps]
        possible = [(step, codes) for step, codes in after
                    if not isinstance(codes, Guard)]
        if not possible:
            guard = trace.in_full(model, told.states[-1], *after[0])
            there = trace.explain(model, told.states[-1]).possible
            raise InputError(
                f'step {number}, {text}, is forbidden: {guard.requirement} '
                f'asks for {guard.text} ({registry.short_path(guard.where)})'
                '; possible is ' + (', '.join(step.name for step in there)
                                    or 'nothing'))
        if len(possible) > 1:
            raise InputError(
                f'step {number}, {text}, may be any of '
                + ', '.join(step.name for step, _ in possible)
                + '; name one')
        told.steps.append(possible[0][0])
        told.states.append(possible[0][1])
    return told


def do_explain(options):
    """Step by step, what may happen and what may not."""
    chosen, told, _ = common.read_trace(options.trace)
    common.check_actions(chosen, options.only)
    last = len(told.states)
    if options.step and options.step > last:
        raise InputError(f'{options.trace} has {len(told.steps)} steps; '
                         f'give --step from 1 to {last}')
    numbers = [options.step] if options.step else range(1, last + 1)
    found = [(number, told.steps[number - 1]
              if number <= len(told.steps) else None,
              trace.explain(chosen.model, told.states[number - 1],
                            options.only))
             for number in numbers]
    if options.json:
        common.print_json({**common.head(chosen), 'steps': [{
            'number': number, 'next': step and common.step_json(step),
            'possible': [common.step_json(one) for one in explained.possible],
            'forbidden': [{
                **common.step_json(one), 'requirement': guard.requirement,
                'guard': guard.text,
                'where': registry.short_path(guard.where)}
                for one, guard in explained.refused],
            'state': dict(trace.shown_state(
                chosen.model, told.states[number - 1]))}
            for number, step, explained in found]})
        return HOLDS
    out = common.output()
    out.line(chosen.title, 'bold')
    for number, step, explained in found:
        out.line()
        _print_explained(out, told, number, step, explained,
                         bool(options.step), options.only)
    return HOLDS


def _print_explained(out, told, number, step, explained, whole, only):
    if step is None:
        out.line(f'At the end, after {len(told.steps)} steps', 'bold')
    else:
        out.line(f'At step {number}', 'bold')
        out.messages(trace.lines(told, out.width, only=number))
    if whole:
        out.line()
        out.line('  state')
        out.pairs(trace.shown_state(told.model, told.states[number - 1]),
                  indent=4)
    out.line()
    out.line('  possible' if explained.possible else
             '  nothing of this is possible' if only else
             '  nothing is possible')
    out.pairs([(one.name, one.message) for one in explained.possible],
              indent=4)
    if explained.refused:
        out.line()
        out.line('  forbidden')
    for (name, guard), members in _grouped(explained.refused).items():
        out.line(f'    {name} {" ".join(members)}'.rstrip())
        _print_guard(out, guard)


def _grouped(refused):
    found = {}
    for step, guard in refused:
        members = step.name[len(step.action.name):]
        found.setdefault((step.action.name, guard), []).append(members)
    return found


def _print_guard(out, guard):
    where = registry.short_path(guard.where)
    text = f'      {guard.requirement}  {guard.text}'
    if len(text) + len(where) + 2 <= out.width:
        out.line(f'{text}{where:>{out.width - len(text)}}')
    else:
        out.line(text)
        out.line(f'{where:>{out.width}}' if len(where) <= out.width
                 else os.path.basename(where))
