"""State charts that are recorded, so that drawing one explores nothing.

``charts.json`` has an object for each: ``model``, ``set`` (key -> text),
``variable`` and ``moves``: objects with ``from``, ``to`` and ``actions``, as
``diagram MODEL --chart VARIABLE --json`` gives them.  A test explores the
models again, and fails when a chart is stale; ``charts --record`` prints
the file anew.
"""

import functools
import json
import os

from cyborg_models import drawing, figures, records
from cyborg_models.kernel.trace import value_name
from cyborg_models.registry import InputError, near

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    'charts.json')
KEYS = {'model': str, 'set': dict, 'variable': str, 'moves': list}


def load(path=HERE):
    """The recorded charts, as the file has them.

    :raises InputError: saying file, chart, what is wrong and the mend
    """
    rows = records.rows(path, 'charts', 'the recorded charts')
    for number, row in enumerate(rows, 1):
        if (not isinstance(row, dict) or set(row) != set(KEYS) or not all(
                isinstance(row[key], kind) for key, kind in KEYS.items())
                or not all(isinstance(move, dict)
                           and set(move) == {'from', 'to', 'actions'}
                           for move in row['moves'])):
            raise InputError(f'{path}: chart {number} needs '
                             f'{", ".join(KEYS)}; see charts --record')
    return rows


@functools.cache
def _recorded():
    return {_key(row): row for row in load()}


def _pairs(row):
    return tuple(f'{key}={text}' for key, text in row['set'].items())


def _key(row):
    chosen = figures.choose(row['model'], _pairs(row))
    return chosen.title, row['variable']


def find(name, pairs, variable):
    """The chart of a variable of a model.

    :returns: a :class:`~.drawing.Chart`
    :raises InputError: if there is none, saying which there are
    """
    chosen = figures.choose(name, tuple(pairs))
    known = _recorded()
    if variable not in chosen.model.variables:
        raise InputError(f'{name} has no variable {variable!r}; '
                         f'{near(variable, chosen.model.variables)}')
    if (chosen.title, variable) not in known:
        titles = [f'{title} {other}' for title, other in known]
        raise InputError(
            f'no chart is recorded of {chosen.title} {variable}; '
            f'{near(f"{chosen.title} {variable}", titles)} (charts.json)')
    return _chart(chosen, variable, {
        (move['from'], move['to']): move['actions']
        for move in known[chosen.title, variable]['moves']})


def _chart(chosen, variable, moves):
    return drawing.Chart(
        f'{chosen.title}: {variable}',
        value_name(chosen.model.variables[variable].start), moves,
        frozenset(action.name for action in chosen.model.actions.values()
                  if action.fault))


def explored(row):
    """A recorded chart with the moves that the model has now."""
    from cyborg_models import check

    model = figures.choose(row['model'], _pairs(row)).model
    return row | {'moves': [
        {'from': before, 'to': after, 'actions': actions}
        for (before, after), actions
        in check.moves(model, row['variable']).items()]}


def differences(row, now):
    """What differs between two states of a chart, a line of text each."""
    before, after = ({(move['from'], move['to']): move['actions']
                      for move in one['moves']} for one in (row, now))
    return [f'{source} -> {target}: '
            f'{", ".join(before.get((source, target), ["none"]))} recorded, '
            f'{", ".join(after.get((source, target), ["none"]))} found'
            for source, target in dict.fromkeys([*before, *after])
            if before.get((source, target)) != after.get((source, target))]


def as_json(rows):
    """The text of the file."""
    return json.dumps({'charts': rows}, indent=1) + '\n'


__all__ = ['HERE', 'as_json', 'differences', 'explored', 'find', 'load']
