"""Figures about the models, for prose: recorded or counted, never typed.

A figure is asked for by a text such as ``stein.system states``,
``stein.attach faults=2 states`` or ``stein.attach defect=B3 depth``: the
model, settings and defects that differ from none, and the name of the
figure.  What takes an exploration comes from the manifest; the rest is
counted in the model itself.
"""

import functools
import re
from dataclasses import dataclass

from cyborg_models import manifest, registry
from cyborg_models.kernel import describe
from cyborg_models.registry import InputError, near

#: from the manifest
RECORDED = manifest.FIGURES
#: counted in the model
COUNTED = ('actions', 'properties', 'defects', 'requirements')
FORM = 'write MODEL [key=value ...] [defect=NAME] FIGURE'


@functools.cache
def _entries():
    return manifest.load()


@functools.lru_cache(maxsize=64)
def choose(name, pairs):
    """A model, built once for the same settings.

    :param pairs: as for :func:`~.registry.choose`; ``defect=NAME`` switches
        a defect on
    """
    return registry.choose(
        name, [pair for pair in pairs if not pair.startswith('defect=')],
        [pair[7:] for pair in pairs if pair.startswith('defect=')])


def _pairs(entry):
    return (*entry.pairs, *(f'defect={name}' for name in entry.defects))


def _title(chosen):
    return chosen.title.replace(' defect ', ' defect=')


def figure(text):
    """The figure that a text asks for, as a number.

    With a defect, ``depth`` is the number of steps to the nearest state
    that violates a property.

    :raises InputError: saying what is unknown, and what was meant
    """
    words = text.split()
    if len(words) < 2:
        raise InputError(f'{text!r} names no figure of a model; {FORM}')
    name, *pairs, wanted = words
    if wanted not in (*RECORDED, *COUNTED):
        raise InputError(f'there is no figure {wanted!r}; '
                         f'{near(wanted, (*RECORDED, *COUNTED))}')
    chosen = choose(name, tuple(pairs))
    if wanted in COUNTED:
        return len(_counted(chosen.model, wanted))
    expect = _recorded(chosen).expect
    if chosen.defects and wanted == 'depth':
        return _steps(chosen, expect['verdicts'])
    return expect[wanted]


def _counted(model, wanted):
    return (requirements(model) if wanted == 'requirements'
            else getattr(model, wanted))


def requirements(model):
    """The ids that the guards and properties of a model carry, sorted."""
    carried = {prop.requirement for prop in model.properties.values()}
    for action in model.actions.values():
        carried.update(describe.requirements(action))
    return sorted(filter(describe.ID.fullmatch, carried))


def _recorded(chosen):
    """The entry of the manifest for a model with its settings."""
    mine = [entry for entry in _entries() if entry.model == chosen.name]
    for entry in mine:
        if (entry.expect and set(entry.defects) == set(chosen.defects)
                and choose(entry.model, _pairs(entry)).differs
                == chosen.differs):
            return entry
    titles = [_title(choose(entry.model, _pairs(entry)))
              for entry in mine if entry.expect]
    raise InputError(f'nothing is recorded for {_title(chosen)}; '
                     f'{near(_title(chosen), titles)} (the figures of '
                     'manifest.json)')


def _steps(chosen, verdicts):
    depths = [int(found[1]) for found in (
        re.fullmatch(r'violated at depth (\d+)', verdict)
        for verdict in verdicts.values()) if found]
    if not depths:
        raise InputError(f'{_title(chosen)} reaches no state that violates a '
                         'property, so no number of steps is recorded; name '
                         'another figure')
    return min(depths)


@dataclass(frozen=True)
class Comparison:
    """Recorded configurations of one model side by side.

    :ivar titles: of each, the settings that differ between them
    :ivar figures: (name, the number of each)
    :ivar verdicts: (property, its requirement, the verdict of each), where
        they differ; only of properties that all of them have
    """

    titles: tuple
    figures: tuple
    verdicts: tuple

    def differing(self):
        """The names of the properties whose verdict differs."""
        return [name for name, _, _ in self.verdicts]


@functools.lru_cache(maxsize=64)
def compare(name, sides):
    """What recorded configurations of a model differ in.

    :param sides: settings of each, as for :func:`choose`; the first is what
        the others are compared with
    :raises InputError: if one is unknown, or not recorded
    """
    chosen = [choose(name, pairs) for pairs in sides]
    expects = [_recorded(one).expect for one in chosen]
    keys = [key for key, text in chosen[0].set.items()
            if any(one.set[key] != text for one in chosen)]
    if len(set(map(_title, chosen))) < max(2, len(chosen)):
        raise InputError(f'{name} is compared with itself; name settings '
                         'that differ')
    titles = tuple(' '.join((
        *(f'{key}={one.set[key]}' for key in keys),
        *(f'defect={defect}' for defect in one.defects))) for one in chosen)
    verdicts = [expect['verdicts'] for expect in expects]
    shared = [prop for prop in verdicts[0]
              if all(prop in one for one in verdicts)]
    rows = [(key, tuple(expect[key] for expect in expects))
            for key in RECORDED]
    rows.append(('properties that are violated', tuple(
        sum(map(_violated, one.values())) for one in verdicts)))
    rows.append(('properties that not all have', tuple(
        len(one) - len(shared) for one in verdicts)))
    properties = chosen[0].model.properties
    return Comparison(titles, tuple(rows), tuple(
        (prop, getattr(properties.get(prop), 'requirement', ''),
         tuple(one[prop] for one in verdicts)) for prop in shared
        if len({one[prop].partition(' at ')[0] for one in verdicts}) > 1))


def _violated(verdict):
    return verdict.startswith('violated')


__all__ = ['COUNTED', 'RECORDED', 'Comparison', 'choose', 'compare', 'figure',
           'requirements']
