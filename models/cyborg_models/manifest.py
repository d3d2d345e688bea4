"""Named configurations and what each is known to give.

``manifest.json`` has an object for each: ``name``, ``model``, ``set`` (key
-> text), ``defects``, ``size`` (``small``: checked on each run; ``large``)
and ``expect``: ``states``, ``transitions``, ``depth`` and ``verdicts``, one
text for each property.  ``expect`` is null until it is recorded.
"""

import os
from dataclasses import dataclass

from cyborg_models import records
from cyborg_models.registry import InputError

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    'manifest.json')
KEYS = {'name': str, 'model': str, 'set': dict, 'defects': list,
        'size': str, 'expect': (dict, type(None))}
FIGURES = ('states', 'transitions', 'depth')


@dataclass(frozen=True)
class Entry:
    """A configuration.

    :ivar pairs: its settings, ``key=value`` each
    :ivar expect: the figures and verdicts, or None
    """

    name: str
    model: str
    pairs: tuple
    defects: tuple
    size: str
    expect: dict | None


def load(path=None):
    """The entries of a manifest.

    :param path: of the file; None: the one that comes with the models
    :raises InputError: saying file, line or entry, what and the mend
    """
    path = path or HERE
    rows = records.rows(path, 'configurations', 'a manifest')
    entries = [_entry(path, index, row) for index, row in enumerate(rows)]
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f'{path}: {name!r} stands twice; rename one')
    return entries


def _entry(path, index, row):
    where = f'{path}: configuration {index + 1}'
    if not isinstance(row, dict):
        raise InputError(f'{where} is no object; write one')
    for key, kind in KEYS.items():
        if key not in row or not isinstance(row[key], kind):
            raise InputError(f'{where}: {key!r} is missing or no '
                             f'{getattr(kind, "__name__", "object")}; '
                             'give it')
    for key in row:
        if key not in KEYS:
            raise InputError(f'{where}: unknown key {key!r}; take it out')
    if row['size'] not in ('small', 'large'):
        raise InputError(f'{where}: size is {row["size"]!r}; use small or '
                         'large')
    expect = row['expect']
    if expect is not None and (
            set(expect) != {*FIGURES, 'verdicts'}
            or not all(type(expect[key]) is int for key in FIGURES)
            or not isinstance(expect['verdicts'], dict)):
        raise InputError(f'{where}: "expect" needs states, transitions, '
                         'depth and verdicts; see check --record')
    return Entry(row['name'], row['model'],
                 tuple(f'{key}={text}' for key, text in row['set'].items()),
                 tuple(row['defects']), row['size'], expect)


def outcome(checked):
    """What came out, as ``expect`` has it."""
    found = {key: getattr(checked, key) for key in FIGURES}
    found['verdicts'] = {one.name: str(one) for one in checked.verdicts}
    return found


def differences(entry, checked):
    """What differs from what is expected, a line of text each."""
    found, expect = outcome(checked), entry.expect
    if not checked.complete:
        return [f'inconclusive: {checked.reason}']
    if expect is None:
        return ['nothing is recorded yet; see check --record']
    lines = [f'{key}: {expect[key]:,} expected, {found[key]:,} found'
             for key in FIGURES if expect[key] != found[key]]
    before, after = expect['verdicts'], found['verdicts']
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            lines.append(f'{name}: {before.get(name, "no such property")} '
                         f'expected, {after.get(name, "no such property")} '
                         'found')
    return lines


def as_json(entry, expect):
    """An entry as the manifest has it, with new figures."""
    return {'name': entry.name, 'model': entry.model,
            'set': dict(pair.split('=', 1) for pair in entry.pairs),
            'defects': list(entry.defects), 'size': entry.size,
            'expect': expect}


def expected_states(chosen, entries):
    """How many states a model is known to have, or None."""
    for entry in entries:
        if (entry.model == chosen.name and entry.expect
                and set(entry.defects) == set(chosen.defects)
                and dict(pair.split('=', 1) for pair in entry.pairs)
                == chosen.differs):
            return entry.expect['states']
    return None
