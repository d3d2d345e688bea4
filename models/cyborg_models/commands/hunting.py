"""``hunt``: random steps, beside the exhaustive check."""

from cyborg_models import registry
from cyborg_models.commands import common
from cyborg_models.commands.common import HOLDS, INCONCLUSIVE, VIOLATED
from cyborg_models.kernel import trace
from cyborg_models.registry import InputError


def do_hunt(options):
    """Random steps against a model: one configuration, or many."""
    from cyborg_models import machine

    if options.all_defects or options.manifest is not None:
        return _hunt_many(options, machine)
    if options.model is None:
        raise InputError('hunt needs a MODEL, or --manifest; there is '
                         + ', '.join(registry.names()))
    chosen = common.chosen_by(options)
    row, hunted = _hunt(options, machine, chosen)
    status = {'found': VIOLATED, 'nothing fails': HOLDS}.get(
        row['outcome'], INCONCLUSIVE)
    if options.cover and status == HOLDS:
        try:
            hunted.require(row['known_edges'] or 0, options.cover / 100)
        except InputError as error:
            row['reason'], status = str(error), INCONCLUSIVE
    if options.json:
        _print_hunts(options, [row], status)
        return status
    out = common.output()
    out.line(chosen.title, 'bold')
    out.line()
    if hunted is not None:
        out.pairs(_hunt_figures(row), indent=0)
        out.line()
    if hunted is not None and hunted.run is not None:
        out.messages(trace.lines(hunted.run, out.width))
        out.line()
        out.line(f'Violated: {row["property"]}.', 'bold red')
    if row['reason']:
        out.line(row['reason'])
    if status != VIOLATED:
        out.line('Inconclusive.' if status else 'Nothing failed.',
                 'yellow' if status else 'green')
    return status


def _hunt_many(options, machine):
    if options.cover or options.pins or options.defect:
        raise InputError('--cover, --pins and --defect are for one '
                         'configuration; leave them out')
    many = (_hunted_entries(options) if options.manifest is not None
            else _hunted_defects(options))
    rows = [_hunt(options, machine, chosen, skip=True)[0]
            for chosen in many]
    missed = [row for row in rows if row['outcome'] == 'missed']
    status = INCONCLUSIVE if missed else HOLDS
    if options.json:
        _print_hunts(options, rows, status)
        return status
    out = common.output()
    found = [row for row in rows if row['steps'] is not None]
    if found:
        out.table(('defect', 'property', 'steps', 'first', 'shrunk',
                   'shortest'), [
            (_hunt_name(options, row), row['property'] or row['outcome'],
             f'{row["steps"]:,}', *(
                 '-' if row[key] is None else row[key]
                 for key in ('found_length', 'length', 'shortest')))
            for row in found])
        out.line()
    out.pairs([(_hunt_name(options, row), row['reason'])
               for row in rows if row['steps'] is None], indent=0)
    out.line()
    hits = sum(row['outcome'] == 'found' for row in rows)
    out.line(f'{hits} of {hits + len(missed)} that a test can show were '
             f'found, seed {options.seed}; {len(rows) - len(found)} others.',
             'yellow' if missed else 'green')
    return status


def _hunted_defects(options):
    if options.model is None:
        raise InputError('--all-defects needs a MODEL; there is '
                         + ', '.join(registry.names()))
    names = sorted(common.chosen_by(options).model.defects)
    if not names:
        raise InputError(f'{options.model} has no defects; hunt another '
                         'model, or without --all-defects')
    return [registry.choose(options.model, options.set, [name])
            for name in names]


def _hunted_entries(options):
    from cyborg_models import manifest

    if options.set or options.all_defects:
        raise InputError('--manifest says what to hunt; leave out --set and '
                         '--all-defects')
    mine = [entry for entry in manifest.load(options.manifest or None)
            if entry.defects and options.model in (None, entry.model)]
    if not mine:
        raise InputError('the manifest has no such configuration with a '
                         'defect; see list')
    return [registry.choose(entry.model, entry.pairs, entry.defects)
            for entry in mine]


def _hunt(options, machine, chosen, skip=False):
    """Check all, then hunt; what came out, as a row and as it is.

    :param skip: True not to hunt where nothing can be found
    """
    checked = common.explore(chosen, options)
    shortest = {one.name: one.depth for one in checked.verdicts
                if one.kind == 'always' and one.verdict == 'violated'}
    row = {**common.head(chosen), 'outcome': 'nothing fails', 'reason':
           checked.reason, 'property': None, 'steps': None,
           'found_length': None, 'length': None, 'shortest': None,
           'shrinking': 0, 'states': 0, 'edges': 0, 'known_edges':
           checked.transitions if checked.complete else None, 'pins': 0,
           'seconds': 0.0, 'steps_per_second': 0, 'trace': None}
    never = [one.name for one in checked.verdicts
             if one.kind == 'eventually' and one.verdict == 'violated']
    if checked.complete and not shortest:
        if never:
            row['outcome'] = 'beyond testing'
            row['reason'] = (f'beyond testing: only {", ".join(never)} '
                             f'fail{"" if len(never) > 1 else "s"}, and no '
                             'run that ends shows what never comes')
            return row, None
        if skip:
            row['reason'] = ('nothing fails in this configuration, says the '
                             'exhaustive check')
            return row, None
    if options.pins:
        common.make_folder(options.pins)
    pins = options.pins and machine.Pins(
        options.pins, chosen.name, chosen.set, chosen.defects)
    hunted = machine.hunt(chosen.model, options.budget, options.seed,
                          pins=pins)
    row.update(
        steps=hunted.steps, shrinking=hunted.shrinking,
        states=hunted.states, edges=hunted.edges, pins=hunted.pins,
        seconds=round(hunted.seconds, 3),
        steps_per_second=round(hunted.rate))
    if hunted.failure is not None:
        name = hunted.failure.name
        row.update(outcome='found', property=name,
                   found_length=len(hunted.found.steps),
                   length=len(hunted.run.steps),
                   shortest=shortest.get(name),
                   trace=common.trace_json(hunted.run))
    elif shortest:
        first = min(shortest, key=shortest.get)
        row.update(outcome='missed', shortest=shortest[first], reason=(
            f'the exhaustive check finds {first} violated at depth '
            f'{shortest[first]}; allow more steps'))
    elif not checked.complete:
        row['outcome'] = 'missed'
    return row, hunted


def _hunt_name(options, row):
    defect = ' '.join(row['defects'])
    return defect if options.manifest is None else (
        f'{row["model"]} {defect}')


def _hunt_figures(row):
    known = row['known_edges']
    edges = f'{row["edges"]:,}' + (
        f' of {known:,} ({row["edges"] / known:.1%})' if known else '')
    figures = [('steps', f'{row["steps"]:,}, and {row["shrinking"]:,} to '
                f'shrink; {row["steps_per_second"]:,} steps/s'),
               ('states', f'{row["states"]:,}'), ('edges', edges)]
    if row['pins']:
        figures.append(('pins', f'{row["pins"]:,} replayed'))
    if row['length'] is not None:
        figures.append(('trace', f'{row["found_length"]} steps, shrunk to '
                        f'{row["length"]}; the shortest has '
                        f'{row["shortest"]}'))
    return figures


def _print_hunts(options, rows, status):
    common.print_json({
        'verdict': ('holds', 'violated', 'inconclusive')[status],
        'seed': options.seed, 'budget': options.budget, 'hunts': rows})
