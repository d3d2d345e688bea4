"""``check`` and ``compare``: every state, and what is decided by it."""

import os

from cyborg_models import registry
from cyborg_models.commands import common
from cyborg_models.commands.common import HOLDS, INCONCLUSIVE, VIOLATED
from cyborg_models.kernel import itf, trace, vacuity
from cyborg_models.kernel.language import ModelError, place_of
from cyborg_models.registry import InputError

BROKEN = ('violated', 'not witnessed')


def do_check(options):
    """One model, or the manifest."""
    if options.manifest is not None:
        return _check_manifest(options)
    if options.model is None:
        raise InputError('check needs a MODEL, or --manifest; '
                         'there is ' + ', '.join(registry.names()))
    if options.small or options.record:
        raise InputError('--small and --record need --manifest')
    chosen = common.chosen_by(options)
    if options.out:  # before the work, not after it
        common.make_folder(options.out)
    idle = _unbreakable(chosen, options.property)
    checked = common.explore(chosen, options, options.property)
    files = _write_runs(chosen, checked, options.out)
    if options.json:
        common.print_json({**_checked_json(chosen, checked),
                           'unbreakable': idle,
                           'impossible': checked.impossible})
    else:
        _print_checked(chosen, checked, idle, files)
    return checked.status


def _unbreakable(chosen, only):
    """The names of the properties that nothing can break in this
    configuration.

    :param only: the name of the one to decide, or None
    :raises ModelError: for one that nothing can break in any configuration
        that is recorded either
    """
    from cyborg_models import manifest

    found = vacuity.unbreakable(chosen.model, only and (only,))
    entries = [entry for entry in manifest.load()
               if entry.model == chosen.name]
    # Of those on record, the tests ask.
    left = {prop.name for prop in found}.difference(
        *((entry.expect or {}).get('verdicts', ()) for entry in entries))
    for pairs in dict.fromkeys(((), *(entry.pairs for entry in entries))):
        if not left:
            break
        model = registry.choose(chosen.name, pairs).model
        left &= {prop.name for prop in vacuity.unbreakable(model, left)
                 } | (left - set(model.properties))
    for prop in found:
        if prop.name in left:
            raise ModelError(
                f'{place_of(prop.body)}: {prop.name} comes out the same '
                'whatever the variables hold, here and in each configuration '
                'that is recorded, so nothing can break it; say what could '
                'fail, or record a configuration in which it can')
    return [prop.name for prop in found]


def _write_runs(chosen, checked, folder):
    found = {}
    for one in checked.verdicts:
        if folder is None or one.run is None:
            continue
        path = os.path.join(folder, f'{chosen.name}-{one.name}.itf.json')
        common.write(path, [itf.dumps(one.run, chosen.name, chosen.set,
                                     chosen.defects, f'{one.name}: {one}')])
        found[one.name] = path
    return found


def _checked_json(chosen, checked):
    return {
        **common.head(chosen), 'verdict': checked.verdict,
        'complete': checked.complete, 'reason': checked.reason,
        'states': checked.states, 'transitions': checked.transitions,
        'depth': checked.depth, 'seconds': round(checked.seconds, 3),
        'states_per_second': round(checked.rate),
        'properties': [{
            'name': one.name, 'kind': one.kind,
            'requirement': one.requirement, 'doc': one.doc,
            'verdict': one.verdict, 'depth': one.depth,
            'arguments': one.arguments,
            'trace': None if one.run is None else common.trace_json(one.run)}
            for one in checked.verdicts]}


def _print_checked(chosen, checked, idle, files):
    out = common.output()
    out.line(chosen.title, 'bold')
    out.line()
    if checked.verdicts:
        out.table(('property', 'kind', 'requirement', 'verdict'), [
            (one.name, one.kind, one.requirement, str(one))
            for one in checked.verdicts])
        out.line()
    out.line(_figures(checked))
    if idle:
        out.line('Nothing can break these here, whatever the variables hold: '
                 f'{", ".join(idle)}.')
    if checked.impossible:
        out.line('Possible in no state here: '
                 f'{", ".join(checked.impossible)}.')
    for one in checked.verdicts:
        if one.run is None or one.good:
            continue
        out.line()
        out.line(_heading(one), 'bold red')
        out.line(f'  {one.doc}')
        out.line()
        out.messages(trace.lines(one.run, out.width))
    for path in files.values():
        out.line(f'written: {path}')
    out.line()
    _conclude(out, checked)


def _heading(one):
    members = ', '.join(f'{key}={value}'
                        for key, value in one.arguments.items())
    asked = ', '.join(filter(None, (one.kind, one.requirement)))
    return (f'{one.name}{f"({members})" if members else ""} [{asked}]: '
            + (f'{one}' if one.run.loop is None else
               'it need never come'))


def _figures(checked):
    # Of a small model, the rate says how long compiling took.
    rate = f', {checked.rate:,.0f} states/s' if checked.states > 9999 else ''
    return (f'{checked.states:,} states, {checked.transitions:,} '
            f'transitions, depth {checked.depth}, '
            f'{checked.seconds:.2f} s{rate}')


def _conclude(out, checked):
    bad = [one.name for one in checked.verdicts if one.verdict in BROKEN]
    if not checked.complete:
        out.line(f'Inconclusive: {checked.reason}.', 'yellow')
    if bad:
        out.line(f'Violated: {", ".join(bad)}.', 'bold red')
    elif checked.verdict == 'holds':
        out.line('All holds.', 'green')


def _check_manifest(options):
    from cyborg_models import manifest

    if (options.set or options.defect or options.property or options.out
            or options.symmetry):
        raise InputError('--manifest says what to check; leave out --set, '
                         '--defect, --property, --out and --symmetry')
    entries = manifest.load(options.manifest or None)
    mine = [entry for entry in entries
            if options.model in (None, entry.model)
            and (not options.small or entry.size == 'small')]
    if not mine:
        models = {entry.model for entry in entries}
        raise InputError('the manifest has no such configuration; '
                         + registry.near(options.model or '', models))
    made = [(entry, registry.choose(entry.model, entry.pairs, entry.defects))
            for entry in mine]
    found = {}
    out = None if options.json or options.record else common.output()
    for entry, chosen in made:
        checked = common.explore(chosen, options)
        lines = manifest.differences(entry, checked)
        found[entry.name] = checked, lines
        if out:
            _print_entry(out, entry, checked, lines)
        if checked.reason == 'interrupted':
            break
    if options.record:
        common.print_json({'configurations': [manifest.as_json(
            entry, manifest.outcome(found[entry.name][0])
            if entry.name in found and found[entry.name][0].complete
            else entry.expect) for entry in entries]})
    elif options.json:
        common.print_json({'verdict': ('holds', 'violated', 'inconclusive')[
            _manifest_status(mine, found, options)],
            'configurations': [{
                'name': name, 'differences': lines,
                'complete': checked.complete, 'seconds':
                round(checked.seconds, 3), **manifest.outcome(checked)}
                for name, (checked, lines) in found.items()]})
    else:
        same = sum(not lines for _, lines in found.values())
        out.line()
        out.line(f'{same} of {len(mine)} as expected.',
                 'green' if same == len(mine) else 'bold red')
    return _manifest_status(mine, found, options)


def _manifest_status(mine, found, options):
    checked = [one for one, _ in found.values()]
    if not options.record and any(
            one.complete and lines for one, lines in found.values()):
        return VIOLATED
    if len(found) < len(mine) or not all(one.complete for one in checked):
        return INCONCLUSIVE
    return HOLDS


def _print_entry(out, entry, checked, lines):
    word = ('inconclusive' if not checked.complete else
            'differs' if lines else 'as expected')
    out.line(f'{word}: {entry.name}, {checked.states:,} states, '
             f'{checked.seconds:.2f} s',
             {'as expected': 'green', 'differs': 'bold red'}.get(
                 word, 'yellow'))
    for line in lines:
        out.line(f'  {line}')


def do_compare(options):
    """Two configurations side by side."""
    if not options.vs and not options.vs_defect:
        raise InputError('compare needs --vs KEY=VALUE or --vs-defect NAME: '
                         'what is otherwise on the right')
    left = common.chosen_by(options)
    right = registry.choose(options.model, [*options.set, *options.vs],
                            [*options.defect, *options.vs_defect])
    found = [common.explore(chosen, options) for chosen in (left, right)]
    rows = _side_by_side(found)
    same = all(a == b for name, a, b in rows if name != 'seconds')
    if options.json:
        common.print_json({'left': _checked_json(left, found[0]),
                           'right': _checked_json(right, found[1]),
                           'same': same})
    else:
        out = common.output()
        out.line(left.name, 'bold')
        out.line(f'  left:  {_difference(left)}')
        out.line(f'  right: {_difference(right)}')
        out.line()
        out.table(('', 'property', 'left', 'right'), [
            ('*' if a != b and name != 'seconds' else '', name, a, b)
            for name, a, b in rows])
        out.line()
        for line in _told_apart(found) or [
                'Every verdict is the same on both sides.']:
            out.line(line, 'bold')
        for checked in found:
            if checked.reason:
                out.line(f'Inconclusive: {checked.reason}.', 'yellow')
    return VIOLATED if VIOLATED in (one.status for one in found) else max(
        one.status for one in found)


def _difference(chosen):
    return chosen.title.partition(' ')[2] or 'as it is by default'


def _told_apart(found):
    """What the verdicts of one side say and those of the other do not."""
    left, right = ({one.name: one for one in checked.verdicts}
                   for checked in found)
    both = [name for name in left if name in right]
    broken = [{name for name in both if side[name].verdict in BROKEN}
              for side in (left, right)]
    return [f'{what}: {", ".join(names)}.' for what, names in (
        ('Broken on the left alone',
         [name for name in both if name in broken[0] - broken[1]]),
        ('Broken on the right alone',
         [name for name in both if name in broken[1] - broken[0]]),
        ('Otherwise different',
         [name for name in both if str(left[name]) != str(right[name])
          and (name in broken[0]) == (name in broken[1])]),
        ('Asked on the left alone',
         [name for name in left if name not in right]),
        ('Asked on the right alone',
         [name for name in right if name not in left])) if names]


def _side_by_side(found):
    verdicts = [{one.name: str(one) for one in checked.verdicts}
                for checked in found]
    rows = [(name, verdicts[0].get(name, '-'), verdicts[1].get(name, '-'))
            for name in dict.fromkeys([*verdicts[0], *verdicts[1]])]
    for key in ('states', 'transitions', 'depth'):
        rows.append((key, *(f'{getattr(one, key):,}' for one in found)))
    rows.append(('seconds', *(f'{one.seconds:.2f}' for one in found)))
    return rows
