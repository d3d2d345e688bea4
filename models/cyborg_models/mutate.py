"""Mutation of all models of a release, and what is known of each mutant.

A guard or an effect that several models share is one mutant; it is judged
in the small configurations of the manifest that run it, the smallest first,
until a property fails that the configuration keeps without the mutant.

``<release>.mutants.json``, which comes with the models, is the record: an
object with the list ``mutants``, in the order of the text of the modules,
one object on a line for each mutant.  All values are text:

``in``
    module and function, as ``attach.claim``
``kind``
    ``guard`` or ``effect``
``requirement``
    the id that the guard carries; empty for an effect
``text``
    the condition or the assignment as written; with the three before, it is
    the same when lines move.  The second of two that are alike ends in
    `` (2)``
``killed``
    ``KIND NAME at depth N``: the kind of the property that fails
    (``always``, ``eventually`` or ``deadlock``), its name, and after how
    many steps it is broken, or the loop begins
``configuration``
    in which one: a model with its settings, as ``stein.attach handles=1``
``harmless``
    in place of the two before: the reason, that somebody wrote down, why
    no requirement can suffer

``--record`` writes all of it anew and keeps the reasons; one that is empty
is still to be written.
"""

import dataclasses
import hashlib
import json
import multiprocessing
import os
import signal
from dataclasses import dataclass, field

from cyborg_models import records, registry
from cyborg_models.kernel import mutation
from cyborg_models.registry import InputError

LEAST = 0.95  # of all mutants: this many must be killed
MEMORY = 512 << 20  # of one mutant
KEYS = ('in', 'kind', 'requirement', 'text')
KNOWN = ({*KEYS, 'killed', 'configuration'}, {*KEYS, 'harmless'})


@dataclass(frozen=True)
class Configuration:
    """A model with its settings.

    :ivar pairs: ``key=value`` each
    :ivar states: how many it has, if that is known
    :ivar broken: names of the properties that it breaks without a mutant
    """

    model: str
    pairs: tuple = ()
    states: int = 0
    broken: tuple = ()

    @property
    def title(self):
        return ' '.join((self.model, *self.pairs))

    def build(self):
        return registry.choose(self.model, self.pairs).model


@dataclass(frozen=True)
class Mutant:
    """A guard or effect that is left out, or a guard turned round.

    :ivar key: what ``KEYS`` name: it is the same when lines move
    """

    key: tuple
    site: object
    inverted: bool = False

    @property
    def kind(self):
        return 'inverted' if self.inverted else self.site.kind

    @property
    def name(self):
        """What it is, in words."""
        function, kind, requirement, text = self.key
        how = 'with the opposite of' if self.inverted else 'without'
        return ' '.join(filter(None, (
            function, how, 'the', kind, requirement, text)))


@dataclass
class Report:
    """What came of all the mutants.

    :ivar found: :class:`Mutant` -> (:class:`~.kernel.mutation.Judged`,
        title of the configuration)
    :ivar total: how many mutants there are; more than are in ``found`` if
        a sample was taken, or if it was stopped
    :ivar reasons: key -> why it is harmless
    :ivar recorded: (killed, all) of the record
    :ivar problems: a line of text each
    :ivar complete: False if it was stopped
    """

    configurations: list
    total: int
    sample: int | None
    found: dict = field(default_factory=dict)
    reasons: dict = field(default_factory=dict)
    recorded: tuple = (0, 0)
    problems: list = field(default_factory=list)
    complete: bool = True

    @property
    def dropped(self):
        """The mutants that count: those that lack something."""
        return {mutant: judged for mutant, (judged, _) in self.found.items()
                if not mutant.inverted}

    @property
    def killed(self):
        return sum(judged.killed for judged in self.dropped.values())

    @property
    def score(self):
        """How much is killed; of a sample, how much is on record to be."""
        killed, total = self.killed, len(self.dropped)
        if self.sample is not None and self.recorded[1]:
            killed, total = self.recorded
        return killed / max(1, total)

    @property
    def status(self):
        """The exit code: 0 all accounted for, 1 not, 2 inconclusive."""
        if self.problems:
            return 1
        return 0 if self.complete and not any(
            judged.outcome == 'inconclusive'
            for judged in self.dropped.values()) else 2


def configurations(name, pairs, entries):
    """In which configurations the mutants of a release are judged.

    :param name: of a release, or of a model
    :param pairs: settings; then it is this one configuration
    :param entries: of the manifest
    :returns: list of :class:`Configuration`, the smallest first
    """
    if name in registry.RELEASES:
        if pairs:
            raise InputError('--set needs a model; name one of '
                             + ', '.join(_models(name)))
    else:
        registry.find(name)
    if pairs:
        return [Configuration(name, tuple(pairs))]
    found = [Configuration(entry.model, entry.pairs,
                           (entry.expect or {}).get('states', 0))
             for entry in entries if name in (
                 entry.model, entry.model.partition('.')[0])
             and not entry.defects and entry.size == 'small']
    if name in registry.RELEASES:
        listed = {one.model for one in found}
        found += [Configuration(model) for model in _models(name)
                  if model not in listed]
    return sorted(found or [Configuration(name)],
                  key=lambda one: (one.states, one.title))


def _models(release):
    return [name for name in registry.names()
            if name.startswith(f'{release}.')]


# What is known

def path_of(name):
    """Where the mutants of a release, or of a model's, are recorded."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        f'{name.partition(".")[0]}.mutants.json')


def load(path, needed=False):
    """What is recorded: key -> the object; empty if there is no file.

    :param needed: True if there must be one
    :raises InputError: saying file, line or number, what and the mend
    """
    if not needed and not os.path.exists(path):
        return {}
    rows = records.rows(path, 'mutants', 'the list of mutants')
    known = {}
    for number, row in enumerate(rows, 1):
        key = _check_row(f'{path}: mutant {number}', row)
        if key in known:
            raise InputError(f'{path}: mutant {number}, {" ".join(key)!r}, '
                             'stands twice; take one out')
        known[key] = row
    return known


def _check_row(where, row):
    if not isinstance(row, dict) or set(row) not in KNOWN:
        raise InputError(
            f'{where} is no object with the keys {", ".join(KEYS)}, and '
            '"killed" with "configuration", or "harmless"; give these')
    for key, value in row.items():
        if not isinstance(value, str) or not (
                value.strip() or key == 'requirement'):
            raise InputError(f'{where}: {key!r} is {value!r}; write what '
                             'it is' + (': why no requirement can suffer'
                                        if key == 'harmless' else ''))
    return tuple(row[key] for key in KEYS)


def dumps(report):
    """The text of the file that records a report, one line for each."""
    rows = []
    for mutant, (judged, configuration) in report.found.items():
        if mutant.inverted:
            continue
        row = dict(zip(KEYS, mutant.key, strict=True))
        if judged.killed:
            first = judged.by[0]
            row |= {'killed': f'{first.kind} {first.name} at depth '
                              f'{first.depth}',
                    'configuration': configuration}
        else:
            row['harmless'] = report.reasons.get(mutant.key, '')
        rows.append(f'  {json.dumps(row)}')
    return '{"mutants": [\n' + ',\n'.join(rows) + '\n]}\n'


# Judging

def mutate(chosen, known, whole=True, sample=None, jobs=1, memory=None,
           say=None, inverted=True):
    """Judge the mutants of some configurations.

    :param chosen: a list of :class:`Configuration`
    :param known: what is recorded, see :func:`load`
    :param whole: True if these are all of the release: then what is
        recorded must agree
    :param sample: judge this many only, always the same ones, and none
        that is harmless
    :param jobs: number of processes
    :param say: called with a text when something else begins
    :param inverted: False to leave out the guards that are turned round
    :returns: a :class:`Report`
    """
    memory = memory or MEMORY
    report, mutants = Report(chosen, 0, sample), []
    try:
        where = {}  # mutant -> the configurations that run it
        for one in chosen:
            if say is not None:
                say(f'{one.title}: looking for guards and effects')
            found, broken = mutation.original(one.build(), memory)
            one = dataclasses.replace(one, broken=broken)
            for site in found:
                where.setdefault(site, []).append(one)
        mutants = _named(where)
        report.total = len(mutants)
        report.reasons = {key: row['harmless'] for key, row in known.items()
                          if 'harmless' in row}
        report.recorded = len(known) - len(report.reasons), len(known)
        if sample is None:
            wanted = [*mutants, *(
                Mutant(one.key, one.site, True) for one in mutants
                if inverted and one.site.kind == 'guard')]
        else:
            wanted = _sampled([one for one in mutants if one.key
                               not in report.reasons], sample)
        # All: the smallest first, so that the same comes out whatever was
        # recorded.  A sample: what is recorded to kill it.
        tasks = [(where[one.site] if sample is None else _best_first(
            where[one.site], known.get(one.key)), one.site, one.inverted,
            memory, sample is None) for one in wanted]
        for mutant, found in zip(wanted, _results(tasks, jobs),
                                 strict=True):
            report.found[mutant] = found
            if say is not None:
                say(f'{len(report.found):,} of {len(wanted):,} mutants, '
                    f'{len(report.dropped) - report.killed} not killed')
    except KeyboardInterrupt:
        report.complete = False
    report.problems = _problems(report, known if whole else {}, mutants)
    return report


def _named(sites):
    """The mutants of all sites, in the order of the text."""
    def place(site):
        path, _, line = site.where.rpartition(':')
        return path, int(line), site.variable
    found, taken = [], {}
    for site in sorted(sites, key=place):
        module = os.path.splitext(os.path.basename(place(site)[0]))[0]
        key = (f'{module}.{site.function}', site.kind, site.requirement,
               site.text)
        taken[key] = taken.get(key, 0) + 1
        if taken[key] > 1:
            key = (*key[:3], f'{site.text} ({taken[key]})')
        found.append(Mutant(key, site))
    return found


def _sampled(mutants, sample):
    """The first ones by a hash: others join, and none changes places."""
    return sorted(mutants, key=lambda one: hashlib.sha256(
        '\n'.join(one.key).encode()).digest())[:sample]


def _best_first(chosen, row):
    """The configuration that is recorded to kill it comes first."""
    return sorted(chosen, key=lambda one: row is None or one.title
                  != row.get('configuration'))


def _results(tasks, jobs):
    if jobs == 1:
        yield from map(_judge, tasks)
        return
    # Each process begins anew: threads of compiled code do not survive a
    # fork.
    context = multiprocessing.get_context('spawn')
    with context.Pool(min(jobs, max(1, len(tasks))), _leave_interrupts) as (
            pool):
        yield from pool.imap(_judge, tasks)


def _leave_interrupts():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _judge(task):
    """One mutant in each configuration, until it is killed; with *onward*,
    if all that fails is that each step changes something, look on for
    another property.
    """
    chosen, site, inverted, memory, onward = task
    best = None
    for one in chosen:
        judged = mutation.judge(one.build, site, inverted, memory,
                                one.broken)
        if best is None or judged.rank < best[0].rank:
            best = judged, one.title
        if judged.killed and not (onward and judged.outcome == 'idle'):
            break
    return best


# What is wrong

def _problems(report, known, mutants):
    lines = []
    for mutant, judged in report.dropped.items():
        line = _problem(report, mutant, judged, known.get(mutant.key))
        if line:
            lines.append(f'{registry.short_path(mutant.site.where)}: {line}')
    if known and report.complete:
        keys = {one.key for one in mutants}
        lines += [f'{" ".join(filter(None, key))}: is on record, and stands '
                  'nowhere in the models; record them anew, see --record'
                  for key in known if key not in keys]
        lines += [f'{registry.short_path(one.site.where)}: {one.name}: is '
                  'not on record; see --record'
                  for one in mutants if one.key not in known]
    if report.complete and not report.dropped:
        lines.append('no mutant was judged: nothing is known')
    elif report.complete and report.score < LEAST:
        lines.append(f'{report.score:.1%} of the mutants are killed; '
                     f'{LEAST:.0%} must be: add properties')
    return lines


def _problem(report, mutant, judged, row):
    reason = report.reasons.get(mutant.key)
    if judged.killed:
        return reason and (
            f'{mutant.name}: is said to be harmless, and '
            f'{judged.by[0].name} fails; take the reason out')
    if judged.outcome == 'inconclusive' or reason:
        return None
    if row is not None:
        return (f'{mutant.name}: was killed by {row["killed"]}, and is no '
                'more; mend the property')
    what = {'lives': 'no property fails',
            'sometimes': 'only a witness is missed',
            'error': f'the model is none ({judged.reason})'}[judged.outcome]
    return (f'{mutant.name}: {what}; add a property, or the reason why it '
            'is harmless')


__all__ = ['Configuration', 'Mutant', 'Report', 'configurations', 'dumps',
           'load', 'mutate', 'path_of']
