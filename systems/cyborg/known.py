"""What is known of a system, and what a run makes of it.

A record is one JSON object: software, version, contract, and
``divergences``, a list of objects with

* ``id``, ``title``, ``requirements``, ``severity``;
* ``signatures``: regular expressions, one of which matches the whole of a
  finding's signature; one with ``beyond`` is of what follows from a defect;
* ``defect``: its name in the model, or several with spaces between: what
  looks like it is another where these do not explain it; or, where no
  defect of the models describes it, ``reason``: why, in a sentence.

These a person judges; the others a run records:

* ``expected`` and ``happened``, in words;
* ``mode``, ``seed`` and ``steps``: the exploration that found it, and the
  number of steps that it took; ``--mode``, ``--seed`` and ``--steps`` of
  ``python -m systems.cyborg`` take it again;
* ``options``: those that it needs besides, such as ``--bus rabbit``;
* ``trace``: the steps of it that are needed to show it, for a replay;
* ``chance``: true if a replay needs luck, such as two callers at once;
* ``sought``: where its seed leads elsewhere by now, the explorations that
  were to find it anew and did not: mode, seed and number of steps of each.

Beside them stands ``once``, which a run records, too: what was seen once and
not again.  Nothing is known because it is there.
"""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = (Path(__file__).resolve().parents[2]
          / 'models/cyborg_models/conformance/known')
FILE = FOLDER / 'cyborg-17.0.0.json'
JUDGED = {'id': str, 'title': str, 'requirements': list, 'severity': str,
          'signatures': list}
RECORDED = {'expected': str, 'happened': str, 'mode': str, 'seed': int,
            'steps': int, 'trace': list}
#: what an entry of ``once`` has
ONCE = {'signature': str, 'requirement': str, **RECORDED, 'replays': int,
        'taken': int}
BEYOND = ' beyond '  # in a signature: although a defect is allowed for
SEVERITIES = ('high', 'medium', 'low')


class KnownError(Exception):
    """A record that cannot be used: file, entry, and the mend."""


def needs_luck(trace):
    """Do requests of a trace meet by chance?"""
    return any(step[0] == 'together' for step in trace
               if isinstance(step, (list, tuple)))


def demand(row, needed, where):
    """Hold an entry to the keys that it needs, and their types.

    :raises KnownError: if it lacks one
    """
    for key, kind in needed.items():
        if not isinstance(row, dict) or not isinstance(
                row.get(key), kind) or row[key] in ('', []):
            raise KnownError(f'{where}: {key} must be a {kind.__name__}, '
                             'not empty')


@dataclass
class New:
    """A finding that is not on record, and whether it came again.

    :ivar steps: of the exploration; 0 if a replay showed it
    :ivar times: how often it was seen
    :ivar replays: how often its steps were played again
    :ivar taken: how many steps its seed was taken again
    :ivar again: how it came again; '' if it did not
    """

    finding: object
    mode: str
    seed: int
    steps: int
    trace: list
    times: int = 0
    replays: int = 0
    taken: int = 0
    again: str = ''

    def told(self, options):
        """Its keys and values in JSON."""
        row = asdict(self)
        return row.pop('finding') | row | {'options': options}

    def lines(self):
        """What a run says of it."""
        once = self.replays and not self.again
        yield (f'{"ONCE" if once else "NEW":<8} '
               f'{self.finding.requirement:<22} {self.finding.signature}')
        yield f'    expected: {self.finding.expected}'
        yield f'    happened: {self.finding.happened}'
        yield (f'    mode {self.mode}, seed {self.seed}, {self.steps} steps; '
               + (f'again {self.again}' if self.again else
                  f'not again by {self.replays} replays'
                  + f', nor by {self.taken} steps of the seed'
                  * bool(self.taken)) + '; trace:')
        for step in self.trace:
            yield f'      {json.dumps(step)}'


@dataclass
class Known:
    """A record, and what a run has seen of it.

    :ivar options: of the run, as those of an entry
    :ivar seen: id of a divergence -> how often it showed
    :ivar looked: ids whose traces were replayed
    :ivar first: id -> (finding, mode, seed, steps, trace) of the first time
        that exploration showed it, without luck if it ever did
    :ivar found: signature -> :class:`New`, of what is not on record
    :ivar explored: (mode, seed) -> how many steps were taken from the start
    :ivar came: id -> set of (mode, seed, steps) at which it showed
    """

    document: dict
    options: str = ''
    seen: dict = field(default_factory=dict)
    looked: set = field(default_factory=set)
    first: dict = field(default_factory=dict)
    found: dict = field(default_factory=dict)
    explored: dict = field(default_factory=dict)
    came: dict = field(default_factory=dict)

    @classmethod
    def read(cls, path=FILE, whole=True):
        """Read a record.

        :param whole: False if what runs record may be missing
        :raises KnownError: if it is none
        """
        try:
            document = json.loads(Path(path).read_text())
        except (OSError, ValueError) as error:
            raise KnownError(f'{path}: {error}; restore the file') from None
        rows = document.get('divergences') if isinstance(
            document, dict) else None
        if not isinstance(rows, list):
            raise KnownError(f'{path}: there is no list "divergences"; '
                             'restore the file')
        ids = set()
        once = document.get('once', [])
        if not isinstance(once, list):
            raise KnownError(f'{path}: "once" is no list; restore the file')
        for number, row in enumerate(once):
            demand(row, ONCE, f'{path}: once[{number}]')
        for number, row in enumerate(rows):
            where = f'{path}: divergences[{number}]'
            demand(row, JUDGED | RECORDED if whole else JUDGED, where)
            if row['severity'] not in SEVERITIES:
                raise KnownError(f'{where}: severity is one of '
                                 f'{", ".join(SEVERITIES)}')
            told = [row[key] for key in ('defect', 'reason') if key in row]
            if len(told) != 1 or not isinstance(told[0], str) or (
                    not told[0].strip()):
                raise KnownError(f'{where}: give defect, or reason if the '
                                 'models have none, as text')
            for one in row.get('sought', ()):
                if not isinstance(one, list) or (
                        [*map(type, one)] != [str, int, int]):
                    raise KnownError(f'{where}: sought has lists of mode, '
                                     'seed and steps')
            if row['id'] in ids:
                raise KnownError(f'{where}: {row["id"]} is there twice; '
                                 'rename one')
            ids.add(row['id'])
            for text in row['signatures']:
                try:
                    re.compile(text)
                except (re.error, TypeError) as error:
                    raise KnownError(f'{where}: {text!r} is no regular '
                                     f'expression: {error}') from None
        return cls(document)

    @property
    def rows(self):
        return self.document['divergences']

    @property
    def defects(self):
        """The defects of the models that are on record."""
        return tuple(dict.fromkeys(
            name for row in self.rows
            for name in row.get('defect', '').split()))

    def match(self, finding):
        """The divergence that a finding is an instance of, or None.

        What comes beyond a defect is only what says so.
        """
        return self._named(finding.signature)

    def _named(self, signature):
        later = BEYOND in signature
        for row in self.rows:
            if any(re.fullmatch(text, signature)
                   for text in row['signatures']
                   if (BEYOND in text) is later):
                return row
        return None

    def defects_of(self, finding):
        """The names of the model's defects for a finding, if any."""
        row = self.match(finding) or {}
        return tuple(row.get('defect', '').split())

    def note(self, finding, mode, seed, steps, trace):
        """Count a finding; what is not known is kept as found.

        :param steps: 0 if it was replayed
        """
        row = self.match(finding)
        if not row:
            one = self.found.setdefault(finding.signature, New(
                finding, mode, seed, steps, list(trace)))
            one.times += 1
            if steps and ((mode, seed) != (one.mode, one.seed)
                          or trace[:len(one.trace)] != one.trace):
                one.again = f'by {mode}, seed {seed}, {steps} steps'
            return
        name = row['id']
        self.seen[name] = self.seen.get(name, 0) + 1
        if not steps:
            return
        self.came.setdefault(name, set()).add((mode, seed, steps))
        first = self.first.get(name)
        if not first or needs_luck(first[-1]) and not needs_luck(trace):
            self.first[name] = finding, mode, seed, steps, list(trace)

    def meant(self, ids=()):
        """The entries to record: those named, or all; of these only those
        that a run with other options does not find.
        """
        return [row for row in self.rows if row['id'] in ids or not ids and (
            'mode' not in row or row.get('options', '') == self.options)]

    def unseen(self, ids=()):
        """Ids of the entries to record to which no exploration came."""
        return [row['id'] for row in self.meant(ids)
                if row['id'] not in self.first]

    def record(self, row, first, finding, trace, lucky):
        """Write into a divergence how it was found.

        :param first: what is in ``first``
        :param finding: what the trace shows
        """
        _, mode, seed, steps, _ = first
        row.update(expected=finding.expected, happened=finding.happened,
                   mode=mode, seed=seed, steps=steps, trace=trace)
        for name, value in (('options', self.options), ('chance', lucky),
                            ('sought', None)):
            row.pop(name, None)
            if value:
                row[name] = value

    def seek(self, row):
        """Write into a divergence what was explored and did not find it."""
        ways = {(mode, seed): steps for mode, seed, steps
                in row.get('sought', ())}
        for way, steps in self.explored.items():
            ways[way] = max(steps, ways.get(way, 0))
        row['sought'] = [[*way, steps] for way, steps in sorted(ways.items())]

    def write(self, path=FILE):
        """Write the record back."""
        path.write_text(json.dumps(self.document, indent=1) + '\n')

    @property
    def mended(self):
        """Ids whose traces were replayed and that did not show; of those
        that need luck nothing can be said.
        """
        lucky = {row['id'] for row in self.rows if row.get('chance')}
        return sorted(self.looked - set(self.seen) - lucky)

    def ways(self):
        """The explorations on record: (mode, seed, most steps)."""
        most = {}
        for row in self.rows:
            if 'mode' in row and row.get('options', '') == self.options:
                way = row['mode'], row['seed']
                most[way] = max(most.get(way, 0), row['steps'])
        return [(*way, steps) for way, steps in most.items()]

    @property
    def again(self):
        """id -> whether it showed at its step, of the entries as far as
        whose steps their seeds were taken again.
        """
        return {row['id']: (row['mode'], row['seed'], row['steps'])
                in self.came.get(row['id'], ()) for row in self.rows
                if 'mode' in row and row.get('options', '') == self.options
                and self.explored.get((row['mode'], row['seed']), 0)
                >= row['steps']}

    @property
    def astray(self):
        """Ids of the entries to which their seeds lead no longer."""
        return [name for name, came in self.again.items() if not came]

    @property
    def kept(self):
        """What is on record as seen once."""
        return self.document.get('once', [])

    @property
    def once(self):
        """What was looked for again and did not come."""
        return [one for one in self.found.values()
                if one.replays and not one.again]

    @property
    def new(self):
        """What came again, or was not looked for again."""
        return [one for one in self.found.values()
                if one.again or not one.replays]

    def keep(self):
        """Put what was seen once into the record, until it is known."""
        rows = {one.finding.signature: one.told(self.options)
                for one in self.once} | {
                    row['signature']: row for row in self.kept}
        self.document['once'] = [row for name, row in rows.items()
                                 if not self._named(name)]

    def outcome(self):
        """What a run came to, in JSON."""
        return {'options': self.options, 'known': self.seen,
                'new': [one.told(self.options) for one in self.new],
                'once': [one.told(self.options) for one in self.once],
                'mended': self.mended, 'again': self.again}

    @property
    def fails(self):
        """The requirements that what showed breaks."""
        return sorted({name for row in self.rows if row['id'] in self.seen
                       for name in row['requirements']}
                      | {one.finding.requirement
                         for one in self.found.values()})

    def report(self):
        """Lines that say what is known, new and mended."""
        for row in self.rows:
            times = self.seen.get(row['id'], 0)
            word = (f'known, {times} times' if times else 'mended'
                    if row['id'] in self.mended else 'without luck'
                    if row['id'] in self.looked else 'not looked for')
            yield (f'{row["id"]:<8} {", ".join(row["requirements"]):<22} '
                   f'{word}: {row["title"]}')
            if row.get('sought'):
                yield '    not found anew by ' + '; '.join(
                    f'{mode}, seed {seed}, {steps} steps'
                    for mode, seed, steps in row['sought'])
        for row in self.kept:
            yield (f'once     {row["requirement"]:<22} on record: '
                   f'{row["signature"]}')
        for one in (*self.new, *self.once):
            yield from one.lines()
        yield f'seen once, not again: {len(self.once)}'
        again, astray = self.again, self.astray
        yield (f'seeds: {len(again)} taken again, '
               f'{len(again) - len(astray)} led where they led' + (
                   f'; not to {", ".join(astray)}' if astray else ''))
        yield (f'{len(self.seen)} known, {len(self.new)} new, '
               f'{len(self.mended)} mended, of '
               f'{len(self.rows)} on record')
