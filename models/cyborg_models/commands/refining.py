"""``refine``: does a model keep to the life cycle of its release?"""

import inspect

from cyborg_models import registry
from cyborg_models.commands import common
from cyborg_models.commands.common import HOLDS, INCONCLUSIVE, VIOLATED
from cyborg_models.kernel import trace, walk
from cyborg_models.kernel.language import place_of
from cyborg_models.registry import InputError


def do_refine(options):
    """Map each step of a model to one of its life cycle, or to none."""
    chosen = common.chosen_by(options)
    module = registry.find(chosen.name)
    name = f'{chosen.name.partition(".")[0]}.lifecycle'
    if chosen.name == name:
        raise InputError(f'{name} is what the models of its release are held '
                         'against; name one of those')
    if not hasattr(module, 'abstract'):
        raise InputError(f'{chosen.name} does not say what of its state '
                         f'{name} tells; give it a function "abstract" of '
                         'the state and a member')
    *_, member = inspect.signature(module.abstract).parameters
    if member not in chosen.model.sets:
        raise InputError(
            f'{place_of(module.abstract)}: abstract is of a {member}, which '
            f'is no set of {chosen.name}; it has '
            f'{", ".join(chosen.model.sets) or "none"}')
    abstract = registry.choose(name).model
    found, reason = _refine(chosen, module.abstract, member, abstract,
                            getattr(module, 'BEGINNINGS', ()), options)
    if reason:
        verdict, status = 'inconclusive', INCONCLUSIVE
    elif found.broken is not None or not found.hit:
        verdict, status = 'violated', VIOLATED
    else:
        verdict, status = 'holds', HOLDS
    rows = [] if reason else _rows(abstract, found)
    if options.json:
        common.print_json({
            **common.head(chosen), 'of': name, 'verdict': verdict,
            'reason': reason, 'steps': [
                {'action': action, 'steps': steps, 'taken': taken}
                for action, steps, taken in rows],
            'trace': (common.trace_json(trace.Run.of(
                chosen.model, found.broken))
                if found and found.broken else None)})
    else:
        _print(chosen, name, found, reason, rows)
    return status


def _refine(chosen, mapping, member, abstract, beginnings, options):
    """What comes of it, or None and why not."""
    from cyborg_models import check, terminal
    from cyborg_models.kernel import liveness, refinement

    with terminal.progress() as (tell, say):
        engine = check.engine_of(chosen.model, common.limit(options), tell)
        explored = engine.explore()
        if not explored.complete:
            return None, explored.reason
        if say:
            say(f'{explored.states:,} states; comparing the steps')
        return refinement.refine(
            liveness.Graph(engine), abstract, mapping,
            chosen.model.sets[member], beginnings), ''


def _rows(abstract, found):
    """(action, how many steps of it there are, how many are taken)."""
    missing = [tuple(map(tuple, (one.items(), two.items())))
               for one, two in found.missing]
    rows = {action: [0, 0] for action in abstract.actions}
    for state in walk.walk(abstract).depth:
        for step, after in walk.successors(abstract, state):
            if after != state:
                pair = (tuple(abstract.values(state).items()),
                        tuple(abstract.values(after).items()))
                rows[step.action.name][0] += 1
                rows[step.action.name][1] += pair not in missing
    return [(action, *counts) for action, counts in rows.items()]


def _print(chosen, name, found, reason, rows):
    out = common.output()
    out.line(f'{chosen.title}, as {name}', 'bold')
    out.line()
    if reason:
        out.line(f'Inconclusive: {reason}.', 'yellow')
        return
    out.table(('action', 'steps', 'taken'), rows)
    out.line()
    if found.broken is not None:
        told = trace.Run.of(chosen.model, found.broken)
        out.messages(trace.lines(told, out.width))
        out.line()
        before, after = found.between
        out.line('The last step is none of these: ' + ', '.join(
            f'{key} {trace.value_name(value)} -> '
            f'{trace.value_name(after[key])}'
            for key, value in before.items() if value != after[key]) + '.',
            'bold red')
    elif not found.hit:
        out.line('No step is taken: a mapping that stands still proves '
                 'nothing.', 'bold red')
    else:
        out.line('Each step is one of these, or none.', 'green')
