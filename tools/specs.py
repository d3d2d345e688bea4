"""What a spec is: where it lies, its metadata, its sections, its rules.

Everything here works on text, without docutils or Sphinx, and is used by
the docs build, by ``speccheck`` and by the tests alike.  A rule is a
generator of :class:`Problem`; :data:`RULES` lists them, and each has a
broken fixture in ``tools/tests/fixtures/specs``.
"""

import datetime
import difflib
import functools
import itertools
import json
import os
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
STATUSES = ('draft', 'approved', 'implemented', 'superseded')
BINDING = STATUSES[1:3]  # these are to be built, or are
FIELDS = ('spec', 'status', 'release', 'authors', 'created', 'tracker',
          'supersedes', 'superseded-by')
FAILURE_FIELDS = ('Detection', 'Mitigation', 'Diagnosis', 'Test')
STANDINGS = ('agreed', 'open', 'contested')
# Control characters, but not the tab and the line end, and zero widths.
INVISIBLE = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f'
                       '\u2028\u2029\u202a-\u202e\u2060\ufeff]')
NEED_ID = re.compile(r'[A-Z][A-Z0-9]*-[FQ]?[0-9]{2,3}')


class Problem(NamedTuple):
    """Something to mend: the line (from 1) and what is wrong, with the
    mend.
    """

    line: int
    message: str


@dataclass
class Spec:
    """A spec's text and what its metadata say.

    :ivar path: the file
    :ivar lines: its lines, without line ends
    :ivar metadata: field -> value, as written
    :ivar field_line: field -> line number, from 1
    :ivar title: the document title
    :ivar sections: (level, title, line) of each section; level 1 is `=`
    """

    path: Path
    lines: list
    metadata: dict = field(default_factory=dict)
    field_line: dict = field(default_factory=dict)
    title: str = ''
    sections: list = field(default_factory=list)

    @property
    def release(self):
        """The release whose folder holds the file."""
        return self.path.parent.parent.name

    @property
    def slug(self):
        """The file's name without its ending."""
        return self.path.stem

    @property
    def name(self):
        """``release/slug``: how one spec refers to another."""
        return f'{self.release}/{self.slug}'

    @property
    def status(self):
        return self.metadata.get('status', 'draft')


def spec_files(root=ROOT):
    """All specs below *root*, sorted."""
    return sorted(Path(root).glob('specs/*/approved/*.rst'))


def template_for(spec):
    """The template of the spec's release."""
    folder = spec.path.parent.parent.parent
    return folder / f'{spec.release}-template.rst'


def decode(data):
    """Bytes of a text file to text, with what is wrong with them.

    :returns: (text, list of :class:`Problem`); bytes that are not UTF-8
        come out as U+FFFD
    """
    problems = []
    text = data.decode('utf-8', errors='replace')
    try:
        data.decode('utf-8')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        problems.append(Problem(line, (
            f'byte 0x{data[error.start]:02x} is not UTF-8; save the file as '
            'UTF-8')))
    if text.startswith('\ufeff'):
        problems.append(Problem(1, 'a byte order mark; save the file as '
                                   'UTF-8 without one'))
        text = text[1:]
    if '\r' in text:
        line = text[:text.index('\r')].count('\n') + 1
        problems.append(Problem(line, 'a carriage return; end lines with LF '
                                      'alone (dos2unix mends the file)'))
        text = text.replace('\r\n', '\n').replace('\r', '\n')
    if '\t' not in text and not INVISIBLE.search(text):
        return text, problems
    for number, line in enumerate(text.split('\n'), 1):
        if '\t' in line:
            problems.append(Problem(number, 'a tab; indent with spaces'))
        if INVISIBLE.search(line):
            problems.append(Problem(number, 'an invisible character (such '
                                    'as a zero-width space); delete it'))
    return text, problems


def read(path, text=None):
    """Read a spec or a template.

    :param path: the file; only its name is used when *text* is given
    :returns: a :class:`Spec`, with whatever metadata and sections are there
    """
    path = Path(path)
    if text is None:
        text, _ = decode(path.read_bytes())
    spec = Spec(path, text.split('\n'))
    _read_metadata(spec)
    _read_sections(spec)
    return spec


def read_head(path):
    """A spec's metadata and title, from the head of its file alone."""
    lines = []
    with Path(path).open(encoding='utf-8', errors='replace') as file:
        for line in file:
            lines.append(line.rstrip('\n'))
            if len(lines) > 2 and lines[-1][:3] == '===' == lines[-3][:3]:
                break
    return read(path, '\n'.join(lines))


def _read_metadata(spec):
    for number, line in enumerate(spec.lines, 1):
        match = re.match(r':([\w-]+):(?: +(.*))?$', line)
        if match:
            name = match[1]
            spec.metadata[name] = (match[2] or '').strip()
            spec.field_line[name] = number
        elif spec.field_line and line.startswith(' '):
            spec.metadata[name] += ' ' + line.strip()
        elif spec.field_line or (line and line[0] not in '. '):
            return


def _read_sections(spec):
    previous = ''
    for number, line in enumerate(spec.lines[1:], 2):
        title, previous = previous, line
        if line[:1] not in ('=', '-', '~'):
            continue
        if (not re.fullmatch(r'([=~-])\1{2,}', line) or not title.strip()
                or title[0] == ' '):
            continue
        above = spec.lines[number - 3] if number > 2 else ''
        if line[0] == '=' and re.fullmatch(r'={3,}', above):
            spec.title = spec.title or title.strip()
        elif not re.fullmatch(r'([=~-])\1{2,}', title):
            spec.sections.append(('=-~'.index(line[0]) + 1, title.strip(),
                                  number - 1))


def prose(spec):
    """The (line number, text) of a spec without its literal blocks,
    diagrams, comments and inline literals.
    """
    for start, text in _prose_paragraphs(spec):
        yield from enumerate(text.split('\n'), start)


def _prose_paragraphs(spec):
    for start, text in paragraphs(spec):
        yield start, re.sub(
            r'``.*?``|`[^`]*`', lambda literal: '``' + '\n' *
            literal[0].count('\n'), text, flags=re.S)


def paragraphs(spec):
    """The (line number, text) of each run of lines without a blank one;
    literal blocks, diagrams and comments are left out.
    """
    start, lines = 0, []
    for number, line in _no_blocks(spec):
        if lines and number == start + len(lines) and line.strip():
            lines.append(line)
            continue
        if lines:
            yield start, '\n'.join(lines)
        start, lines = number, [line]
    if lines:
        yield start, '\n'.join(lines)


def _no_blocks(spec):
    skip_deeper_than = None
    for number, line in enumerate(spec.lines, 1):
        indent = len(line) - len(line.lstrip())
        if skip_deeper_than is not None:
            if not line.strip() or indent > skip_deeper_than:
                continue
            skip_deeper_than = None
        if re.match(r'\s*\.\. (code-block|seqdiag|parsed-literal|math|raw)'
                    r'::', line) or re.match(
                        r'\s*\.\.($| (?!\S+::|_|\[|\|))', line):
            skip_deeper_than = indent
            continue
        if line.rstrip().endswith('::') and not re.match(
                r'\s*\.\. \S+::$', line):
            skip_deeper_than = indent
        yield number, line


def directives(spec, name):
    """Each use of a directive: (line, argument, options, body lines)."""
    outside = {number for number, _ in _no_blocks(spec)}
    for index, line in enumerate(spec.lines):
        if index + 1 not in outside and not line.startswith('.. '):
            continue  # shown in a block, not used
        match = re.match(rf'((?:\s|[-*] )*)\.\. {name}::\s*(.*)$', line)
        if not match:
            continue
        argument, options, body, in_options = match[2], {}, [], True
        last, indent = None, 0  # the option that may go on, and its indent
        for inner in spec.lines[index + 1:]:
            if inner.strip() and not inner.startswith(
                    ' ' * (len(match[1]) + 1)):
                break
            option = re.match(r'( +):([\w-]+):(?: +(.*))?$', inner)
            if in_options and option:
                last, indent = option[2], len(option[1])
                options[last] = (option[3] or '').strip()
            elif in_options and last and inner.startswith(
                    ' ' * (indent + 1)) and inner.strip():
                options[last] = f'{options[last]} {inner.strip()}'.strip()
            elif in_options and not options and inner.strip():
                argument = f'{argument} {inner.strip()}'.strip()
            else:
                in_options = False
                body.append(inner.strip())
        yield index + 1, argument, options, body


def wrong_code(language, text):
    """What is wrong with the code of a block, where that can be told.

    :returns: (line within the block, what), or None
    """
    return {'python': _wrong_python, 'json': _wrong_json}.get(
        language, lambda text: None)(text)


def _wrong_python(text):
    if text.lstrip().startswith('>>>'):
        return None  # a session, not a program
    try:
        with warnings.catch_warnings(action='ignore'):
            compile(text, '<block>', 'exec', dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, str(error) or 'too deep'
    return None


def _wrong_json(text):
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno, error.msg
    except RecursionError:
        return 1, 'too deep'
    return None


# --- rules -----------------------------------------------------------------

_NAMES = re.compile(
    r'none|[a-z0-9.]+/[a-z0-9-]+(, [a-z0-9.]+/[a-z0-9-]+)*')


def check_licence(spec):
    """It begins as its template does, with the licence."""
    template = template_for(spec)
    if template.is_file():
        head = _licence(read(template).lines)
        if _licence(spec.lines) != head:
            yield Problem(1, 'the file does not begin with the licence; copy '
                          f'the first {len(head)} lines of {template.name}')


def _licence(lines):
    """The lines above the metadata."""
    return list(itertools.takewhile(
        lambda line: not re.match(r':[\w-]+:', line), lines))


def check_metadata(spec):
    """Every field is there, known, and of its form."""
    first = min(spec.field_line.values(), default=1)
    for name in FIELDS:
        if name not in spec.metadata:
            yield Problem(first, f'the metadata have no :{name}:; add it '
                          'to the field list above the title (see the '
                          'template)')
    for name, line in spec.field_line.items():
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, n=1)
            hint = (f'did you mean :{close[0]}:?' if close else
                    'known: ' + ', '.join(FIELDS))
            yield Problem(line, f'unknown metadata field :{name}:; {hint}')
            continue
        value = spec.metadata[name]
        wrong = _wrong_value(spec, name, value)
        if wrong:
            yield Problem(line, f':{name}: {wrong}')
    superseded = spec.metadata.get('superseded-by', 'none')
    if (_NAMES.fullmatch(superseded) and
            (superseded != 'none') != (spec.status == 'superseded')):
        yield Problem(
            spec.field_line.get('status', first),
            'status superseded and :superseded-by: go together; set both '
            'or neither')


def _wrong_value(spec, name, value):
    if not value:
        return 'is empty; fill it in, or write none'
    if name == 'spec' and not re.fullmatch(r'[a-z0-9][a-z0-9.-]*', value):
        return (f'is {value!r}; name the file and this field with small '
                'letters, digits, - and . alone')
    if name == 'spec' and value != spec.slug:
        return (f'is {value!r} and the file is called {spec.slug}.rst; make '
                'them the same')
    if name == 'release' and value != spec.release:
        return (f'is {value!r} and the file lies in specs/{spec.release}; '
                'make them the same')
    if name == 'status' and value not in STATUSES:
        return f'is {value!r}; use one of ' + ', '.join(STATUSES)
    if name == 'created':
        try:
            if str(datetime.date.fromisoformat(value)) != value:
                raise ValueError
        except ValueError:
            return f'is {value!r}; write a date as YYYY-MM-DD'
    if name == 'tracker' and value != 'none' and not re.fullmatch(
            r'https://\S+', value):
        return f'is {value!r}; give the https:// address, or none'
    if (name in ('supersedes', 'superseded-by')
            and not _NAMES.fullmatch(value)):
        return (f'is {value!r}; write none, or release/name of the specs, '
                'separated by a comma and a space')
    return None


def check_sections(spec):
    """The sections of the release's template, in its order.

    A spec may add subsections, never a section.
    """
    if not spec.title:
        yield Problem(1, 'no title; put one below the metadata, with a line '
                         'of = above and below it')
    template = template_for(spec)
    if not template.exists():
        yield Problem(1, f'the release has no template {template.name}; '
                      'write one beside the release folder')
        return
    wanted = read(template)
    have = [(title, line) for level, title, line in spec.sections
            if level == 1]
    names = [title for title, _ in have]
    want = [title for level, title, _ in wanted.sections if level == 1]
    lines = {title: line for title, line in reversed(have)}
    for index, (title, line) in enumerate(have):
        if title not in want:
            close = difflib.get_close_matches(title, want, n=1)
            hint = (f'did you mean {close[0]!r}?' if close else
                    'make it a subsection of one that the template has')
            yield Problem(line, f'the template has no section {title!r}; '
                          f'{hint}')
        elif title in names[:index]:
            yield Problem(line, f'section {title!r} stands here a second '
                          'time; keep one')
    for index, title in enumerate(want):
        if title not in names:
            after = f'after {want[index - 1]!r}' if index else 'first'
            near = [lines[other] for other in want[:index] if other in lines]
            yield Problem(near[-1] if near else 1,
                          f'section {title!r} is missing; add it {after}')
    common = [title for title in want if title in names]
    for title, expected in zip([n for n in dict.fromkeys(names)
                                if n in want], common, strict=True):
        if title != expected:
            yield Problem(lines[title], (
                f'section {title!r} stands where the template has '
                f'{expected!r}; keep the order of the template'))
            break
    for parent, title in _subsections(wanted):
        if parent in names and (parent, title) not in _subsections(spec):
            yield Problem(lines[parent], (
                f'section {parent!r} lacks its subsection {title!r}; add '
                'it'))


def _subsections(spec):
    found, parent = [], None
    for level, title, _ in spec.sections:
        if level == 1:
            parent = title
        elif level == 2:
            found.append((parent, title))
    return found


def check_empty_sections(spec):
    """No section without a word."""
    ends = [line - 1 for _, _, line in spec.sections[1:]] + [
        len(spec.lines)]
    for index, (level, title, line) in enumerate(spec.sections):
        body = spec.lines[line + 1:ends[index]]
        nested = (index + 1 < len(spec.sections)
                  and spec.sections[index + 1][0] > level)
        if not nested and not any(text.strip() for text in body):
            yield Problem(line, f'section {title!r} is empty; say why '
                          'nothing changes, or what does')


def check_leftovers(spec):
    """A spec that is no draft is finished: no TODO, placeholder or template
    sentence, in comments and diagrams neither.
    """
    if spec.status not in STATUSES[1:]:
        return
    for number, line in enumerate(spec.lines, 1):
        text = re.sub(r'``.*?``', '', line)
        for found in re.finditer(
                r'(?<![\w/])(?:(?:TODO|TBD|T\.B\.D|FIXME)\b|Todo:|XXX\b)',
                text):
            yield Problem(number, f'{found[0]} in a spec of status '
                          f'{spec.status}; settle it, or make it an open '
                          'question')
    given, sentences = _of_template(template_for(spec))
    blocks = [(number, line) for number, line, diagram in _rst_blocks(spec)
              if diagram or line in given]
    for start, text in [*_prose_paragraphs(spec), *blocks]:
        for found in re.finditer(r'<[A-Za-z][^<>@:/]*>', text):
            number = start + text.count('\n', 0, found.start())
            words = ' '.join(found[0].split())
            yield Problem(number, f'the placeholder {words} is left over '
                          'from the template; replace it')
    for number, text in _sentences(spec) if sentences else ():
        if text in sentences:
            yield Problem(number, 'a sentence of the template is left '
                          f'over: {text[:50]!r}; replace it')


def _of_template(path):
    """The lines and the sentences of a template; none if it is not there."""
    try:
        return _read_template(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return frozenset(), frozenset()


@functools.lru_cache(maxsize=16)
def _read_template(path, changed):
    template = read(path)
    return frozenset(template.lines), frozenset(
        text for _, text in _sentences(template))


def _rst_blocks(spec):
    """The (line number, line, is a diagram) of diagrams and of blocks that
    show RST.
    """
    inside, diagram = None, False
    for number, line in enumerate(spec.lines, 1):
        indent = len(line) - len(line.lstrip())
        if inside is not None:
            if not line.strip() or indent > inside:
                yield number, line, diagram
                continue
            inside = None
        if re.match(r'\s*\.\. (seqdiag::|code-block:: rst)', line):
            inside, diagram = indent, 'seqdiag' in line


def _sentences(spec):
    """(line, sentence) of the prose; short ones are too common to count."""
    paragraph, start = '', 0
    for number, line in [*prose(spec), (0, '')]:
        if re.fullmatch(r'([=~-])\1{2,}', line):
            paragraph, start = '', 0  # what was gathered is a title
            continue
        if line.strip() and line.lstrip()[:1] not in ('.', ':'):
            start = start or number
            paragraph += ' ' + line.strip()
            continue
        for sentence in re.split(r'(?<=[.?!]) ', paragraph):
            if len(sentence.split()) >= 6:
                yield start, sentence.strip()
        paragraph, start = '', 0


PARTS = {
    'seqdiag': ('Proposed change', 'no flow; draw one as .. seqdiag::'),
    'failure': ('Failure modes', 'no failure mode; add a .. failure::'),
    'req': ('Requirements', 'no requirement; state one as .. req::'),
}


def check_parts(spec):
    """A spec that is to be built has flows, failure modes, requirements."""
    if spec.status not in BINDING:
        return
    lines = {title: line for _, title, line in spec.sections}
    for name, (section, message) in PARTS.items():
        if section in lines and not any(directives(spec, name)):
            yield Problem(lines[section], f'a spec of status {spec.status} '
                          f'has {message}, or leave it a draft')


def check_requirements(spec):
    """One normative keyword per requirement, and an id of the right form.
    """
    for line, title, options, body in directives(spec, 'req'):
        yield from _check_id(line, options, '')
        if not title:
            yield Problem(line, 'a requirement without a title; put a few '
                          'words behind .. req::')
        text = re.sub(r'``.*?``', '', ' '.join(body))
        if re.search(r'[.?!] +[A-Z:]', text.partition(' .. ')[0]):
            yield Problem(line, 'the requirement has more than one sentence; '
                          'split it, or move what is no rule into the text')
        words = re.findall(r'\b(?:MUST NOT|SHOULD NOT|MUST|SHOULD|MAY)\b',
                           text)
        if len(words) != 1:
            yield Problem(line, (
                f'the requirement has {len(words)} of MUST, MUST NOT, '
                'SHOULD, SHOULD NOT and MAY, and needs exactly one; split '
                'it, or add one'))


def check_verified(spec):
    """What is verified by review says why."""
    for line, _, options, _ in directives(spec, 'req'):
        if 'verified' in options and not re.fullmatch(
                r'review -- \S+( \S+){2,}', options['verified']):
            yield Problem(line, (
                f':verified: is {options["verified"]!r}; write review -- '
                'and, in a few words, why no model can show it'))


def check_normative_words(spec):
    """What is normative is a requirement, and nothing else is."""
    within = set()
    for line, _, _, body in directives(spec, 'req'):
        within.update(range(line, line + len(body) + 8))
    for number, line in prose(spec):
        if number not in within and re.search(
                r'\b(MUST|SHOULD)( NOT)? [a-z]', line):
            yield Problem(number, 'a normative sentence outside a '
                          'requirement; make it a .. req::, or write it '
                          'without capitals')


def check_self_contained(spec):
    """A spec stands alone: it takes in no other file and no raw HTML."""
    for name in ('include', 'literalinclude', 'raw'):
        for line, _, _, _ in directives(spec, name):
            yield Problem(line, f'.. {name}:: in a spec; write what it '
                          'would bring into the text')
    for line, _, options, _ in directives(spec, 'csv-table'):
        if {'file', 'url'} & set(options):
            yield Problem(line, '.. csv-table:: of a file; write its rows '
                          'into the text')


def check_failure_modes(spec):
    """Each failure mode says how it is detected, mitigated, diagnosed and
    tested.
    """
    for line, _, options, body in directives(spec, 'failure'):
        yield from _check_id(line, options, 'F')
        text, fields = '\n'.join(body), '|'.join(FAILURE_FIELDS)
        for name in FAILURE_FIELDS:
            if not re.search(rf'^:{name}:\s*(?!:({fields}):)\S', text,
                             re.M):
                yield Problem(line, f'the failure mode has no :{name}:; '
                              'say it')


def check_questions(spec):
    """Each open question says how it stands."""
    for line, _, options, _ in directives(spec, 'question'):
        yield from _check_id(line, options, 'Q')
        if options.get('standing') not in STANDINGS:
            yield Problem(line, 'the question has no :standing:, or an '
                          'unknown one; use ' + ', '.join(STANDINGS))
        if not re.fullmatch(
                r'\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?'
                r'(, \d\d:\d\d(:\d\d)?)*)?',
                options.get('log', '2018-06-27')):
            yield Problem(line, f'the :log: {options["log"]!r} is not of '
                          'the form YYYY-MM-DD HH:MM:SS, HH:MM:SS')


def _check_id(line, options, letter):
    found = options.get('id', '')
    if not found:
        yield Problem(line, 'an :id: is missing; take the next free number '
                      f'of the form PREFIX-{letter}001')
    elif not NEED_ID.fullmatch(found) or (
            letter != ''.join(re.findall(r'-([FQ])', found))):
        yield Problem(line, (
            f'the id {found!r} is not of the form PREFIX-{letter}001; '
            'number it like its neighbours'))


def check_flows(spec):
    """Each flow of a spec that is to be built names a model and how it ends
    there, or says why not.
    """
    if spec.status not in BINDING:
        return
    for line, _, options, _ in directives(spec, 'seqdiag'):
        if not {'model', 'no-model'} & set(options):
            yield Problem(line, 'the flow names no model; give :model:, or '
                          ':no-model: with a sentence that says why no '
                          'model has it')
        elif not {'end', 'no-model'} & set(options):
            yield Problem(line, 'the flow does not say how it ends, so one '
                          'cut short would pass; give :end: with what holds '
                          'then')


def check_typed_numbers(spec):
    """No figure of a model is typed by hand in a spec that is to be built.
    """
    if spec.status not in BINDING:
        return
    for start, text in paragraphs(spec):
        text = re.sub(r':model-value:`[^`]*`', lambda role: '\n' *
                      role[0].count('\n'), text)
        for sentence in re.finditer(r'.+?(?:[.?!](?=\s)|$)', text, re.S):
            if not _OF_A_MODEL.search(sentence[0]):
                continue
            for found in _FIGURE.finditer(sentence[0]):
                number = start + text.count(
                    '\n', 0, sentence.start() + found.start())
                words = ' '.join(found[0].split())
                yield Problem(number, (
                    f'{words!r} of a model is typed by hand; let the build '
                    'insert it: :model-value:`MODEL FIGURE`'))


_OF_A_MODEL = re.compile(
    r'\b(?:models?|model checker|counterexample)\b|\b(?:rocky|stein)\.'
    r'(?:attach|lifecycle|program|release|system)\b')
# "One" is more often a word than a number.
_NUMBER = (r'(?:(?<![\w.:,-])\d[\d,]*|\b(?:[Tt]wo|[Tt]hree|[Ff]our|[Ff]ive|'
           r'[Ss]ix|[Ss]even|[Ee]ight|[Nn]ine|[Tt]en|[Ee]leven|[Tt]welve)\b)')
_FIGURE = re.compile(
    rf'{_NUMBER}\s+(?:(?!of|to|and|or)[a-z]+\s+)?(?:states?|'
    r'transitions?|actions?|properties|property|invariants?|defects?|steps?|'
    r'configurations?|mutants?|guards?|requirements?|vectors?)\b|'
    rf'\bdepth(?:\s+(?:of|is))?\s+{_NUMBER}')


def check_ids(spec):
    """No id twice in one spec, and one prefix for all of them."""
    seen = {}
    for name in ('req', 'failure', 'question'):
        for line, _, options, _ in directives(spec, name):
            found = options.get('id')
            first = next(iter(seen), found)
            if (found and NEED_ID.fullmatch(found)
                    and _prefix(found) != _prefix(first)):
                yield Problem(line, f'{found} has another prefix than '
                              f'{first}; a spec has one')
            if found in seen:
                yield Problem(line, f'{found} is also the id at line '
                              f'{seen[found]}; take the next free number')
            elif found:
                seen[found] = line


def _prefix(name):
    return name.rpartition('-')[0]


def check_links(spec):
    """What ``:need:``, ``:ref:`` and ``:doc:`` point to exists."""
    known = None
    for start, text in paragraphs(spec):
        text = re.sub(r'``.*?``', lambda literal: '\n' *
                      literal[0].count('\n'), text, flags=re.S)
        for use in re.finditer(r':(need|ref|doc):`([^`]+)`', text):
            number = start + text.count('\n', 0, use.start())
            role, target = use[1], ' '.join(use[2].split())
            match = re.search(r'<([^<>]+)>$', target)
            target = (match[1] if match else target).strip()
            if role == 'doc':
                if not _document(spec, target):
                    yield Problem(number, (
                        f':doc:`{target}` names no page; give its path '
                        'without .rst'))
                continue
            if known is None:
                known = _targets(spec)
            wanted = target if role == 'need' else ' '.join(
                target.lower().split())
            if wanted not in known[role]:
                close = difflib.get_close_matches(wanted, known[role], n=1)
                hint = (f'did you mean {close[0]}?' if close else
                        'define it, or mend the name')
                yield Problem(number, f':{role}:`{target}` points to '
                              f'nothing; {hint}')


def _document(spec, target):
    root = spec.path.parent.parent.parent.parent
    folders = ((root / 'doc' / 'source', root) if target.startswith('/')
               else (spec.path.parent,))
    return any(os.path.isfile(folder / f'{target.lstrip("/")}.rst')
               for folder in folders)


def _targets(spec):
    """All ids of needs and all labels, in this spec and its neighbours."""
    root = spec.path.parent.parent.parent.parent
    found = {'need': set(), 'ref': {'genindex', 'modindex', 'search'}}
    for path in {spec.path, *spec_files(root),
                 *(root / 'doc' / 'source').glob('*.rst')}:
        lines = (spec.lines if path == spec.path else path.read_text(
            encoding='utf-8', errors='replace').split('\n'))
        for kind, name, _ in defined(lines):
            found[kind].add(name)
    return found


def defined(lines):
    """(``need`` or ``ref``, id or label, line number) of what is defined."""
    for number, line in enumerate(lines, 1):
        need = re.match(r' +:id: *(\S+)', line)
        if need:
            yield 'need', need[1], number
        label = re.match(r' +:name: *(.+?) *$| *\.\. _([^:`]+):', line)
        if label:
            yield 'ref', ' '.join(
                (label[1] or label[2]).lower().split()), number


RULES = (
    check_licence, check_metadata, check_sections, check_empty_sections,
    check_leftovers, check_parts, check_requirements, check_verified,
    check_normative_words, check_self_contained, check_failure_modes,
    check_questions, check_ids, check_flows, check_typed_numbers,
    check_links,
)


def check(path, rules=RULES):
    """All problems of one spec that its text shows, sorted by line.

    :param path: a spec, in a folder ``specs/<release>/approved``
    :raises OSError: if the file cannot be read
    """
    return examine(path, rules)[1]


def examine(path, rules=RULES):
    """Read one spec, and check it; (:class:`Spec`, problems as of
    :func:`check`).
    """
    text, problems = decode(Path(path).read_bytes())
    spec = read(path, text)
    for rule in rules:
        problems.extend(rule(spec))
    return spec, sorted(set(problems))


def check_together(specs):
    """What only all specs together show: supersession, both ways.

    :param specs: iterable of :class:`Spec`
    :returns: list of (:class:`Spec`, :class:`Problem`)
    """
    found = []
    by_name = {spec.name: spec for spec in specs}
    for spec in by_name.values():
        for mine, theirs in (('supersedes', 'superseded-by'),
                             ('superseded-by', 'supersedes')):
            value = spec.metadata.get(mine, 'none')
            line = spec.field_line.get(mine, 1)
            if value == 'none' or not _NAMES.fullmatch(value):
                continue
            for name in value.split(', '):
                other = by_name.get(name)
                if other is None:
                    found.append((spec, Problem(line, (
                        f':{mine}: {name} is no spec of this repository; '
                        'mend the name'))))
                elif spec.name not in other.metadata.get(
                        theirs, '').split(', '):
                    found.append((spec, Problem(line, (
                        f':{mine}: {name}, whose :{theirs}: does not name '
                        f'{spec.name}; say it in both'))))
    return found
