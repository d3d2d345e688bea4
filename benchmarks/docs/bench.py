"""Time the docs build of 100, 400 and 1,000 specs with a diagram each.

``python benchmarks/docs/bench.py`` copies what the build needs into a
temporary repository, writes specs that pass the site's own rules, and runs
``sphinx-build -W`` on them: cold, with one sentence changed, and with
nothing changed.  Two more trees are built in turn with the first, so that
they meet the same machine: one without the diagrams, one with Sphinx's
``basic`` theme.  Every build is held against what it should have done;
``--check`` also holds the figures against the limits.

Exit status: 0, 1 when a build did not do its work or a limit is missed, 2
for a wrong option.
"""

import argparse
import compileall
import contextlib
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools import specs  # noqa: E402

SIZES, SHORT = (100, 400, 1000), (10, 20)
LIMITS = {'growth': 1.5, 'diagrams': 1.25, 'no-op': 3.0}
SITE, PLAIN, BASIC = 'site', 'without diagrams', 'basic theme'
# The pages of the site that name neither a spec of ours nor a model.
INDEXES = ('index', 'rocky', 'stein', 'status', 'requirements', 'evidence')
SVG = re.compile(r'<svg [^>]*class="seqdiag"')


class WorkError(Exception):
    """A build that failed, or did not do what is being timed."""


# --- the specs ---------------------------------------------------------------

ACTORS = ('the agent', 'the API service', 'the conductor', 'nova-compute',
          'the scheduler', 'an operator', 'a plugin', 'the driver')
DEEDS = (
    'reads the claim of the accelerator', 'writes the record of the device',
    'keeps the lock of the region', 'asks placement for the inventory',
    'reports the state of the handle', 'fetches the bitstream from Glance',
    'compares the journal with the host', 'repeats the request with its id',
    'counts the devices of the project', 'erases what the last tenant left',
)
TIMES = (
    'before the instance starts', 'while another request waits',
    'after the host came back', 'whenever the time-out has passed',
    'as soon as the reply arrives', 'once for each device profile',
    'although the peer may be down', 'until the claim is given back',
)
REASONS = (
    'so that no device is counted twice', 'which an operator can follow',
    'because a reply may be lost', 'and nothing is left behind',
    'so that the next tenant finds it clean', 'and the order stays the same',
    'which costs one request', 'because the database decides',
)
THINGS = ('quota', 'region', 'bitstream', 'inventory', 'profile', 'claim',
          'journal', 'handle', 'trait', 'event', 'driver', 'host')
# Words enough that a page adds to the search index what a real one does.
MATTERS = '''
abort access account address agreement allocation answer attachment attempt
audit backend backup balance bandwidth barrier batch binding boundary budget
buffer bus cache capacity catalogue cell certificate chain change channel
checkpoint checksum cluster code command commit compatibility conflict
connection contract controller copy core counter credential cycle daemon
deadline decision default dependency descriptor destination directory domain
element endpoint entry epoch error estimate evidence exception exclusion
extension failure fallback feature field filter firmware flavor fragment frame
function gateway generation goal grant group guarantee guest header hierarchy
history hook hypervisor identity image index instruction interface interval
interrupt invariant isolation item kernel key label latency layer layout lease
ledger level library limit link list loader location log loop machine mapping
margin marker mask master matrix memory message meter method migration minimum
mirror mode model module monitor name namespace network node notification
number object offset operation option origin output owner page parameter
parent partition password path pattern payload peer permission phase platform
pointer policy pool port position power precision predicate preference prefix
priority privilege probe procedure process product project promise proof
property protocol provider proxy queue range rate record redundancy reference
registry relation release reply repository request reservation resource
response restart result retry revision right role rollback root route rule
sample schedule schema scope section segment semaphore sequence server service
session setting share signal signature size slot snapshot socket source space
stage standard status step storage strategy stream structure subnet subset
summary supply switch symbol system tag target task template tenant test thread
threshold ticket time token tombstone topology trace traffic transaction
transfer transition tree trigger tuple unit update usage user utility validator
value variant vendor version volume watcher weight window worker zone
'''.split()
ASPECTS = ('limits', 'recovery', 'reports', 'locking', 'versions', 'health',
           'discovery', 'cleaning', 'policy', 'accounting')
PARTICIPANTS = ('nova-compute', 'os-acc', 'plugin', 'cyborg-api', 'agent',
                'conductor', 'glance', 'placement', 'driver', 'scheduler')
CALLS = ('claim', 'prepare', 'plug', 'observe', 'program', 'verify',
         'report', 'release', 'clean', 'list')


class Spec:
    """One generated spec; the same number gives the same text.

    :cvar MODELLED: which of its rules a guard carries
    """

    MODELLED = (1, 2)

    def __init__(self, number, count):
        self.number = number
        self.count = count
        self.random = random.Random(f'cyborg {number}')
        self.thing = self.random.choice(THINGS)
        self.aspect = self.random.choice(ASPECTS)
        # Most are settled; those of the next release are being argued.
        self.release = 'stein' if number % 4 == 1 else 'rocky'
        self.status = ('draft' if self.release == 'stein' else
                       'implemented' if number % 4 == 2 else 'approved')
        self.slug = f'{self.thing}-{self.aspect}-{number:04}'
        self.prefix = f'B{number:04}'

    @property
    def path(self):
        return f'specs/{self.release}/approved/{self.slug}.rst'

    def text(self, sections, meeting=1):
        """The whole file, with *sections* as the template has them."""
        out = [LICENCE, *self.metadata(), '']
        title = (f'{self.thing.capitalize()} {self.aspect} for accelerators, '
                 f'part {self.number}')
        out += ['=' * len(title), title, '=' * len(title), '',
                *self.prose(3), '']
        for level, name, _ in sections:
            out += [name, ' =-'[level] * len(name), '']
            write = getattr(self, '_' + re.sub(r'\W+', '_', name.lower()),
                            None)
            if name == 'Problem description':
                out += [meeting_sentence(self, meeting)]
            out += [*(write() if write else self.prose(4)), '']
        return ''.join(f'{wrap(line)}\n' for line in out)

    def metadata(self):
        values = (self.slug, self.status, self.release,
                  'Ann Author, Bea Builder',
                  f'2018-{self.number % 12 + 1:02}-'
                  f'{self.number % 28 + 1:02}',
                  'https://bugs.launchpad.net/openstack-cyborg/+bug/'
                  f'{1_700_000 + self.number}', 'none', 'none')
        return [f':{name}: {value}' for name, value
                in zip(specs.FIELDS, values, strict=True)]

    def sentence(self):
        pick = self.random.choice
        words = (f'{pick(ACTORS)} {pick(DEEDS)} with the {pick(MATTERS)} of '
                 f'its {pick(MATTERS)} {pick(TIMES)}, {pick(REASONS)}.')
        return words[0].upper() + words[1:]

    def prose(self, count):
        """Two paragraphs, a sentence a line."""
        lines = [self.sentence() for _ in range(count)]
        lines.append(f'For the {self.thing} this is ``{self.slug}``.')
        return [*lines[:count // 2], '', *lines[count // 2:]]

    def _use_cases(self):
        return [*(f'* {self.sentence()}' for _ in range(3)), '',
                *self.prose(2)]

    def _proposed_change(self):
        first, *others = self.prose(4)
        return [first, f'It rests on :need:`{self.prefix}-001`.', *others, '',
                *self.diagram(), '',
                'What is kept', '------------', '', *self.prose(3), '',
                '.. list-table::', '   :header-rows: 1', '   :widths: 30 70',
                '', '   * - Field', '     - Meaning',
                *(line for name in self.random.sample(THINGS, 4) for line in
                  (f'   * - {name}_id', f'     - {self.sentence()}')), '',
                'How it is stored', '----------------', '', *self.prose(2),
                '', '.. code-block:: json', '',
                f'   {{"{self.thing}": {{"id": {self.number},',
                f'    "state": "{self.random.choice(CALLS)}"}}}}']

    def _failure_modes(self):
        return [*self.prose(2), '',
                f'.. failure:: The {self.thing} is lost half way',
                f'   :id: {self.prefix}-F01', '',
                f'   :Detection: {self.sentence()}',
                f'   :Mitigation: {self.sentence()}',
                f'      See :need:`{self.prefix}-002`.',
                f'   :Diagnosis: {self.sentence()}',
                f'   :Test: {self.sentence()}']

    def _requirements(self):
        out = self.prose(2)
        for index, word in enumerate(('MUST', 'MUST NOT', 'SHOULD'), 1):
            out += ['', f'.. req:: Rule {index} of the {self.thing}',
                    f'   :id: {self.prefix}-{index:03}',
                    *(['   :verified: review -- no model has this agent']
                      if index not in self.MODELLED else ()), '',
                    f'   The agent {word} keep the {self.thing} of a device '
                    f'that part {self.number} names',
                    f'   {self.random.choice(TIMES)}.']
        return out

    def _open_questions(self):
        return [f'.. question:: Who owns the {self.thing}?',
                f'   :id: {self.prefix}-Q01', '   :standing: open',
                '   :log: 2018-06-27 15:00:41, 15:03:03', '',
                *(f'   {self.sentence()}' for _ in range(3))]

    def _dependencies(self):
        other = Spec((self.number + 1) % self.count, self.count)
        return [*self.prose(2), '',
                f':doc:`/specs/{other.release}/approved/{other.slug}` comes '
                'first.']

    def _history(self):
        return ['.. list-table::', '   :header-rows: 1',
                '   :widths: 15 15 70', '', '   * - Release', '     - Date',
                '     - Change', f'   * - {self.release.capitalize()}',
                '     - 2018-07-01', '     - Introduced']

    def diagram(self):
        """Five participants and eight messages, unlike any other spec's."""
        pick = self.random
        who = pick.sample(PARTICIPANTS, 5)
        body = [f'{"; ".join(who)};']
        for left, right in zip(who, who[1:], strict=False):
            call = f'{pick.choice(CALLS)}({self.thing} {self.number})'
            note = (', note = "may be repeated"' if pick.random() < .3
                    else '')
            body += [f'{left} -> {right} [label = "{call}"{note}];',
                     f'{left} <-- {right} [label = '
                     f'"{pick.choice(THINGS)} {pick.randrange(1000)}"];']
        body.insert(5, f'=== {pick.choice(TIMES)} ===')
        return ['.. seqdiag::',
                f'   :alt: {who[0]} hands the {self.thing} on to {who[4]}.',
                f'   :caption: Flow of the {self.thing}',
                '   :no-model: The models do not know this thing.',
                f'   :name: {self.slug}-flow', '', '   seqdiag {',
                *(f'      {line}' for line in body), '   }']


LICENCE = '''..
   This work is licensed under a Creative Commons Attribution 3.0
   Unported License.
   https://creativecommons.org/licenses/by/3.0/
'''


def wrap(text):
    """Long lines of prose, broken as authors break them."""
    if len(text) < 80 or text.lstrip()[:1] in ('.', ':') or '[label' in text:
        return text
    indent = ' ' * (len(text) - len(text.lstrip('* -')))
    return textwrap.fill(text, 79, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)


def meeting_sentence(spec, meeting):
    """The sentence that a warm build finds changed."""
    return f'Meeting {meeting} discussed the {spec.thing} of {spec.slug}.'


def without_diagrams(text):
    # What is approved has to have one.
    text = re.sub('^:status: (approved|implemented)$', ':status: draft', text,
                  flags=re.MULTILINE)
    return re.sub(r'^\.\. seqdiag::.*\n(?:(?: .*)?\n)*', '', text,
                  flags=re.MULTILINE)


# --- the trees ---------------------------------------------------------------

class Tree:
    """A repository of its own, with *count* generated specs."""

    def __init__(self, folder, kind, count):
        self.kind = kind
        self.count = count
        self.folder = Path(folder)
        self.html = self.folder / 'doc' / 'build' / 'html'
        self.log = self.folder / 'sphinx.log'
        self.specs = [Spec(number, count) for number in range(count)]
        self.templates = {
            path.name.removesuffix('-template.rst'): specs.read(path).sections
            for path in ROOT.glob('specs/*-template.rst')}
        self.meeting = 1
        self._fill()

    def _fill(self):
        # The models, and what is recorded of them, state what our specs
        # require; see _stand_in.
        trash = shutil.ignore_patterns(
            '__pycache__', 'tests', 'rocky', 'stein', 'conformance',
            '*.json')
        for name in ('doc/source', 'models', 'tools'):
            shutil.copytree(ROOT / name, self.folder / name, symlinks=True,
                            ignore=trash)
        (self.folder / 'specs').mkdir()
        for path in (*ROOT.glob('specs/*-template.rst'),
                     ROOT / '.gitreview'):
            shutil.copy(path, self.folder / path.relative_to(ROOT))
        for spec in self.specs:
            path = self.folder / spec.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(spec.text(self.templates[spec.release]))
        self._stand_in()
        if self.kind == PLAIN:
            for path in (*self.folder.glob('doc/source/*.rst'),
                         *self.folder.glob('specs/*/*/*.rst')):
                path.write_text(without_diagrams(path.read_text()))
        if self.kind == BASIC:
            # Added at the end, so that the rest of the conf.py is the
            # site's.
            with (self.folder / 'doc/source/conf.py').open('a') as conf:
                conf.write("\nhtml_theme = 'basic'\nhtml_theme_options = {}\n"
                           'templates_path = []\n'
                           "extensions.remove('openstackdocstheme')\n")
        for command in (['init', '-q'], ['add', '-A'],
                        ['commit', '-q', '-m', 'The specs']):
            self._git(*command)
        compileall.compile_dir(self.folder / 'tools', quiet=2)
        # Diagrams per page that the sources ask for.
        self.pages = {
            str(path.relative_to(base).with_suffix('.html')):
            len(re.findall(r'^\.\. seqdiag::', path.read_text(), re.M))
            for base, pattern in ((self.folder / 'doc/source', '*.rst'),
                                  (self.folder, 'specs/**/*.rst'))
            for path in base.glob(pattern)}

    def _stand_in(self):
        """In place of what needs our specs and models: pages without either,
        one decision that binds the questions of these specs, and a module
        with a guard for each rule that a model can know.
        """
        for path in self.folder.glob('doc/source/*.rst'):
            if path.stem in INDEXES:
                path.write_text(re.sub(':(ref|need):`[^`]*`', 'elsewhere',
                                       path.read_text()))
            else:
                path.write_text(f'{path.stem}\n{"=" * len(path.stem)}\n\n'
                                'Nothing.\n')
        model = self.folder / 'models/cyborg_models/rocky/attach.py'
        model.parent.mkdir()
        model.write_text('def plug(s):\n' + ''.join(
            f"    when(s.rule[{spec.number}], '{spec.prefix}-{index:03}')\n"
            for spec in self.specs for index in spec.MODELLED))
        shutil.copytree(ROOT / 'doc/decisions', self.folder / 'doc/decisions')
        names = ', '.join(f'{spec.prefix}-Q01' for spec in self.specs)
        (self.folder / 'doc/source/decisions.rst').write_text(
            'Decisions\n=========\n\n.. decision-index::\n\n'
            '.. decision:: Who owns it all?\n   :id: DEC-001\n'
            '   :standing: open\n   :log: 2018-06-27 15:00:41 wangzhh\n'
            f'   :binds: {names}\n\n   Nobody knows.\n')

    def _git(self, *arguments):
        subprocess.run(
            ['git', '-c', 'user.name=bench', '-c', 'user.email=b@localhost',
             *arguments], cwd=self.folder, check=True, env=environment())

    def change(self):
        """Change one sentence of one spec."""
        spec = self.specs[self.count // 2]
        path = self.folder / spec.path
        old = meeting_sentence(spec, self.meeting)
        self.meeting += 1
        text = path.read_text()
        path.write_text(text.replace(old, meeting_sentence(
            spec, self.meeting)))

    def forget(self):
        shutil.rmtree(self.folder / 'doc' / 'build', ignore_errors=True)

    def build(self, kind):
        """Build, hold the result against what was to be done, and return
        the times.
        """
        if kind == 'cold':
            self.forget()
        elif kind == 'warm':
            self.change()
        before = self._times()
        command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-b',
                   'html', 'doc/source', 'doc/build/html']
        with self.log.open('w') as log:
            start = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment(), stdout=log,
                stderr=subprocess.STDOUT)
            # What wait4 tells includes the processes that Sphinx waited for.
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise WorkError(f'{self}, {kind}: sphinx-build failed\n'
                            + self.log.read_text()[-2000:])
        self._verify(kind, before)
        return {'cpu': usage.ru_utime + usage.ru_stime, 'wall': wall,
                'peak_mb': usage.ru_maxrss / 1024}

    def _times(self):
        return {name: (self.html / name).stat().st_mtime_ns
                for name in self.pages if (self.html / name).exists()}

    def _verify(self, kind, before):
        """That the build read, drew and wrote what it should."""
        read = {'cold': (len(self.pages), 0), 'warm': (0, 1),
                'no-op': (0, 0)}[kind]
        self._expect(kind, 'pages read (added, changed)', read, tuple(
            int(number) for number in re.search(
                r'(\d+) added, (\d+) changed', self.log.read_text()
                ).groups()))
        found = {str(path.relative_to(self.html)): len(SVG.findall(
            path.read_text())) for path in self.html.rglob('*.html')}
        wrong = [name for name in self.pages
                 if self.pages[name] != found.get(name)]
        for name in wrong[:1]:
            self._expect(kind, f'diagrams on {name} (one of {len(wrong)} '
                         'such pages)', self.pages[name], found.get(name))
        self._expect(
            kind, 'diagrams in specs', 0 if self.kind == PLAIN
            else self.count, sum(number for name, number in found.items()
                                 if '/approved/' in name))
        spec = self.specs[self.count // 2]
        page = self.html / Path(spec.path).with_suffix('.html')
        self._expect(kind, 'the changed sentence on its page', True,
                     meeting_sentence(spec, self.meeting).split(spec.slug)[0]
                     in page.read_text())
        after = self._times()
        written = sum(before.get(name) != after[name] for name in after)
        if kind == 'cold':
            self._expect(kind, 'pages written', len(self.pages), written)
        elif kind == 'no-op':
            self._expect(kind, 'pages written', 0, written)
        elif not written:
            raise WorkError(f'{self}, {kind}: no page was written')

    def _expect(self, kind, what, wanted, found):
        if wanted != found:
            raise WorkError(f'{self}, {kind}: {what}: expected {wanted}, '
                            f'found {found}')

    def __str__(self):
        return f'{self.count} specs, {self.kind}'


def environment():
    """Ours, without what would let a build read something of ours."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('GIT_', 'PYTHON', 'SPHINX'))}
    return {**kept, 'GIT_CONFIG_GLOBAL': os.devnull,
            'GIT_CONFIG_NOSYSTEM': '1', 'LC_ALL': 'C.UTF-8'}


# --- measuring ---------------------------------------------------------------

def measure(folder, count, repeat):
    """Build the three trees of one size in turn.

    :returns: dict of series, each a list with one dict of times per round
    """
    trees = [Tree(folder / f'{count}-{kind.replace(" ", "-")}', kind, count)
             for kind in (SITE, PLAIN, BASIC)]
    site = trees[0]
    times = {name: [] for name in ('cold', PLAIN, BASIC, 'warm', 'no-op')}
    for number in range(repeat):
        # Back and forth, so that a machine that slows down favours none.
        for tree in trees if number % 2 == 0 else reversed(trees):
            progress(f'{tree}, round {number + 1} of {repeat}')
            name = 'cold' if tree is site else tree.kind
            times[name].append(tree.build('cold'))
        progress(f'{site}, warm and no-op')
        for kind in ('warm', 'no-op'):
            times[kind].append(site.build(kind))
    pages = len(site.pages)
    progress('')
    return {'specs': count, 'pages': pages, 'repeat': repeat, 'times': times}


def progress(text):
    if sys.stderr.isatty():
        print(f'\r\033[K{text}', end='', file=sys.stderr, flush=True)
    elif text:
        print(time.strftime('%H:%M:%S'), text, file=sys.stderr, flush=True)


def middle(result, name, what='cpu'):
    return statistics.median(row[what] for row in result['times'][name])


def ratio(result, one, other):
    """The median of the ratios, each of two builds of one round."""
    return statistics.median(
        a['cpu'] / b['cpu'] for a, b in zip(
            result['times'][one], result['times'][other], strict=True))


def ratios(results, empty):
    """The figures that do not depend on the machine."""
    first, last = results[0], results[-1]
    found = [
        {'name': 'diagrams', 'specs': result['specs'],
         'value': ratio(result, 'cold', PLAIN),
         'text': 'cold, with diagrams / without'} for result in results]
    found += [
        {'name': 'theme', 'specs': result['specs'],
         'value': ratio(result, 'cold', BASIC),
         'text': 'cold, openstackdocs / basic theme'} for result in results]
    if last is not first:
        def growth(fixed):
            each = [(middle(result, 'cold') - fixed) / result['specs']
                    for result in (first, last)]
            return each[1] / each[0]

        words = f'cold per spec, against {first["specs"]} specs'
        found.append({'name': 'growth', 'specs': last['specs'],
                      'value': growth(0), 'text': words})
        found.append({'name': 'growth of the rest', 'specs': last['specs'],
                      'value': growth(empty['cpu']),
                      'text': words + ', less an empty site'})
    return found


def missed(results, found):
    """The limits that do not hold, in words."""
    out = [f'{row["text"]}: {row["value"]:.2f} at {row["specs"]} specs, '
           f'limit {LIMITS[row["name"]]}' for row in found
           if row['value'] > LIMITS.get(row['name'], row['value'])]
    wall = middle(results[-1], 'no-op', 'wall')
    if wall >= LIMITS['no-op']:
        out.append(f'no-op build: {wall:.2f} s at {results[-1]["specs"]} '
                   f'specs, limit {LIMITS["no-op"]}')
    return out


# --- telling -----------------------------------------------------------------

def table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print('  '.join(
            cell.ljust(width) if index == 1 else cell.rjust(width)
            for index, (cell, width)
            in enumerate(zip(row, widths, strict=True))).rstrip())


def times_table(results):
    rows = [('specs', 'build', 'CPU s', 'wall s', 'CPU ms/spec', 'peak MB',
             'pages', 'rounds')]
    for result in results:
        for name in result['times']:
            cpu = middle(result, name)
            label = name if name in ('cold', 'warm', 'no-op') else (
                f'cold, {name}')
            rows.append((
                str(result['specs']), label, f'{cpu:.2f}',
                f'{middle(result, name, "wall"):.2f}',
                f'{cpu / result["specs"] * 1000:.1f}',
                f'{middle(result, name, "peak_mb"):.0f}',
                str(result['pages']), str(result['repeat'])))
    table(rows)


def ratios_table(found):
    table([('specs', 'ratio of CPU', 'value', 'limit'),
           *((str(row['specs']), row['text'], f'{row["value"]:.2f}',
              str(LIMITS.get(row['name'], '-'))) for row in found)])


def machine():
    return {'python': platform.python_version(), 'sphinx': version('sphinx'),
            'docutils': version('docutils'),
            'openstackdocstheme': version('openstackdocstheme'),
            'sphinx-needs': version('sphinx-needs'),
            'processors': os.cpu_count(), 'load': os.getloadavg()}


def sizes(text):
    try:
        found = sorted({int(part) for part in text.split(',')})
    except ValueError:
        found = []
    if not found or not 2 <= found[0] <= found[-1] <= 9999:
        raise argparse.ArgumentTypeError(
            f'{text!r}: give numbers from 2 to 9999, as in 100,400,1000')
    return found


def options(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        epilog='Times are medians over the rounds; each ratio is the median '
               'of the rounds\' ratios.')
    add = parser.add_argument
    add('--sizes', type=sizes, metavar='N,N',
        help='numbers of specs (default: 100,400,1000)')
    add('--short', action='store_true',
        help=f'{SHORT[0]} and {SHORT[1]} specs, ratios only: that the '
             'benchmark works')
    add('--repeat', type=int, metavar='N',
        help='rounds per size (default: 3 to 100 specs, 2 to 400, then 1)')
    add('--check', action='store_true',
        help='exit with 1 when a limit is missed, and say which')
    add('--json', type=Path, metavar='FILE', help='write the figures there')
    add('--keep', type=Path, metavar='FOLDER',
        help='build in this new folder and leave it, for a profiler')
    given = parser.parse_args(arguments)
    if given.short and (given.check or given.sizes):
        parser.error('--short has its own sizes and no limits')
    if given.repeat is not None and given.repeat < 1:
        parser.error('--repeat: at least one round')
    given.sizes = given.sizes or list(SHORT if given.short else SIZES)
    return given


def rounds(count, given):
    return given.repeat or (1 if given.short or count > 400
                            else 2 if count > 100 else 3)


@contextlib.contextmanager
def workplace(given):
    if given.keep:
        given.keep.mkdir(parents=True)
        yield given.keep.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix='cyborg-bench-') as name:
            yield Path(name).resolve()


def main(arguments=None):
    given = options(arguments)
    results = []
    try:
        with workplace(given) as folder:
            # Not timed for itself: it fills the disk cache, and shows what
            # a build costs that holds next to nothing.
            empty_tree = Tree(folder / 'empty', SITE, 2)
            empty_tree.build('cold')
            empty = empty_tree.build('cold')
            for count in given.sizes:
                results.append(measure(folder, count, rounds(count, given)))
    except WorkError as error:
        progress('')
        print(error, file=sys.stderr)
        return 1
    found = ratios(results, empty)
    if not given.short:
        times_table(results)
        print()
    ratios_table(found)
    wrong = [] if given.short else missed(results, found)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(
            {'machine': machine(), 'empty': empty, 'results': results,
             'ratios': found, 'limits': LIMITS, 'missed': wrong},
            indent=1) + '\n')
    print(f'\n{len(results)} sizes, every build did its work')
    if given.check:
        print('\n'.join(f'MISSED {text}' for text in wrong)
              or 'all limits hold')
    return 1 if given.check and wrong else 0


if __name__ == '__main__':
    sys.exit(main())
