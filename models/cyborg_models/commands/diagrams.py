"""``diagram`` and ``charts``: pictures, tables, and which are stale."""

import os
import sys

from cyborg_models import registry
from cyborg_models.commands import common
from cyborg_models.commands.common import HOLDS, VIOLATED
from cyborg_models.kernel import describe, trace
from cyborg_models.registry import InputError


def do_diagram(options):
    """A trace as a sequence diagram; a model as a chart or a table."""
    _check_diagram(options)
    if options.chart is not None or options.of is not None:
        return _moves(options)
    if options.table:
        return _table(options)
    from cyborg_models import drawing

    chosen, told, description = common.read_trace(options.what)
    title = ': '.join(filter(None, (
        chosen.title, drawing.clean(description)[:120])))
    if options.svg:
        common.write(options.svg, [drawing.sequence_svg(told, title)])
    if options.json:
        common.print_json({'model': chosen.name,
                           'seqdiag': trace.seqdiag(told)})
    elif options.seqdiag:
        print(trace.seqdiag(told))
    else:
        _print_drawing(title, told, options.svg)
    return HOLDS


def _check_diagram(options):
    of_model = options.table or options.chart is not None
    if options.of is not None and not options.table:
        raise InputError('--of needs --table')
    if options.svg and (options.table or options.seqdiag):
        raise InputError('--svg draws a trace or a --chart; leave out '
                         f'{"--table" if options.table else "--seqdiag"}')
    if of_model:
        if os.path.isfile(options.what):
            raise InputError(f'{options.what} is a file; --table and '
                             '--chart need a MODEL')
    elif options.set or options.defect or options.memory:
        raise InputError('--set, --defect and --memory need --table or '
                         '--chart; a trace names its own settings')
    elif options.what in registry.names():
        raise InputError(f'{options.what} is a model; add --table or '
                         '--chart VARIABLE')


def _print_drawing(title, told, written):
    """What was written where, or the drawing of a run or a chart."""
    from cyborg_models import drawing

    out = common.output()
    if written:
        out.line(f'written: {written}')
        return
    out.line(title, 'bold')
    out.line()
    draw = (drawing.chart_text if isinstance(told, drawing.Chart)
            else drawing.sequence_text)
    for line, style in draw(told, out.width, drawing.UNICODE if out.can(
            ''.join(drawing.UNICODE.values())) else drawing.ASCII):
        out.put(line, style)


def _described_json(action):
    described = describe.describe(action)
    return {**common.action_json(action),
            'guards': [{'requirement': requirement, 'condition': condition}
                       for requirement, condition in described.guards],
            'effects': list(described.effects)}


def _table(options):
    chosen = registry.choose(options.what, options.set, options.defect)
    actions = chosen.model.actions.values()
    if options.json:
        common.print_json({'model': chosen.name,
                           'actions': [_described_json(action)
                                       for action in actions]})
        return HOLDS
    out = common.output()
    out.line(chosen.title, 'bold')
    for action in actions:
        described = describe.describe(action)
        out.line()
        out.line(' '.join(filter(None, (common.signature(action),
                                        common.kind_of(action)))), 'bold')
        out.line(f'  {action.view}', 'cyan')
        out.line(f'  {action.doc}')
        out.pairs([*(('when ' + requirement, condition)
                     for requirement, condition in described.guards),
                   *(('then', effect) for effect in described.effects)])
    return HOLDS


def _moves(options):
    from cyborg_models import check, drawing, terminal

    chosen = registry.choose(options.what, options.set, options.defect)
    model = chosen.model
    name = options.of if options.chart is None else options.chart
    with terminal.progress() as (tell, _):
        found = check.moves(model, name, common.limit(options), tell)
    chart = drawing.Chart(
        f'{chosen.title}: {name}',
        trace.value_name(model.variables[name].start), found,
        frozenset(action.name for action in model.actions.values()
                  if action.fault))
    if options.svg:
        if (len(chart.values) > drawing.VALUES
                or len(chart.moves) > drawing.MOVES):
            raise InputError(
                f'{name} has {len(chart.values)} values and '
                f'{len(chart.moves)} moves, too many for a picture; ask for '
                f'--table --of {name}')
        common.write(options.svg, [drawing.chart_svg(chart)])
    if options.json:
        common.print_json({
            'model': chosen.name, 'variable': name, 'start': chart.start,
            'moves': [{'from': before, 'to': after, 'actions': actions}
                      for (before, after), actions in found.items()],
            'actions': [_described_json(model.actions[action])
                        for action in sorted(set().union(*found.values()))]})
    elif options.table:
        _print_moves(chosen, chart)
    else:
        _print_drawing(chart.title, chart, options.svg)
    return HOLDS


def _print_moves(chosen, chart):
    """The transition table: from, to, by which action, and its guards."""
    out = common.output()
    out.line(chart.title, 'bold')
    for (before, after), names in chart.moves.items():
        out.line()
        out.line(f'{before} -> {after}', 'bold cyan')
        for name in names:
            action = chosen.model.actions[name]
            out.line('  ' + ' '.join(filter(None, (common.signature(action),
                                                   common.kind_of(action)))))
            out.pairs(describe.describe(action).guards, indent=4)


def do_charts(options):
    """Hold each recorded chart against the model."""
    from cyborg_models import charts, terminal

    rows, found = charts.load(), []
    with terminal.progress() as (_, say):
        for row in rows:
            if say:
                say(f'{row["model"]} {row["variable"]}')
            found.append(charts.explored(row))
    wrong = [charts.differences(row, now)
             for row, now in zip(rows, found, strict=True)]
    if options.record:
        sys.stdout.write(charts.as_json(found))
        return HOLDS
    if options.json:
        common.print_json({'charts': [
            {'model': row['model'], 'set': row['set'],
             'variable': row['variable'], 'differences': lines}
            for row, lines in zip(rows, wrong, strict=True)]})
    else:
        out = common.output()
        for row, lines in zip(rows, wrong, strict=True):
            out.line(f'{row["model"]} {row["variable"]}: '
                     f'{"stale" if lines else "as recorded"}')
            for line in lines:
                out.line(f'  {line}')
        out.line(f'{len(rows)} charts, {sum(map(bool, wrong))} stale')
    return VIOLATED if any(wrong) else HOLDS
