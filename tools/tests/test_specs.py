"""The rules of a spec: the repository keeps them, and each can fail.

``fixtures/specs`` holds a small tree that keeps every rule.  :data:`BROKEN`
breaks it, one edit for each thing that a rule looks at.
"""

import ast
import inspect
import re
import unittest
from pathlib import Path
from typing import NamedTuple

from tools import specs
from tools.tests import support

TREE = support.FIXTURES / 'specs'
GOOD = TREE / 'rocky' / 'approved' / 'good.rst'
OTHER = TREE / 'stein' / 'approved' / 'other.rst'
TEXT = GOOD.read_text(encoding='utf-8')


class Broken(NamedTuple):
    """One way to break the good spec.

    :ivar rule: the function that must report it, and no other
    :ivar old: what stands once in the good spec...
    :ivar new: ...and what takes its place
    :ivar at: the line of the broken spec at which it is reported
    :ivar says: part of the message
    """

    rule: object
    old: str
    new: str
    at: str
    says: str
    path: Path = GOOD


ANSWER = """\
.. req:: Answer
   :id: GOOD-001
   :verified: review -- no model has a caller

   The callee MUST answer.
"""
REFERENCES = 'References\n==========\n\nNone.\n'
QUESTIONS = TEXT[TEXT.index('Open questions'):TEXT.index('References')]

BROKEN = {
    # --- bytes; `old` and `new` are encoded as Latin-1
    'not UTF-8': Broken(
        specs.decode, 'The testers', 'The t\xe9sters', ':authors: The t',
        'byte 0xe9 is not UTF-8'),
    'byte order mark': Broken(
        specs.decode, '..\n   This work', '\xef\xbb\xbf..\n   This work',
        '..', 'byte order mark'),
    'CR and LF': Broken(
        specs.decode, 'None.\n', 'None.\r\n', 'None.', 'carriage return'),
    'CR alone': Broken(
        specs.decode, 'stop the callee', 'stop\rthe callee',
        '   :Test: stop', 'carriage return'),
    'tab': Broken(
        specs.decode, 'caller asks again', 'caller asks\tagain',
        '   :Mitigation: the caller asks', 'a tab'),
    'zero-width space': Broken(
        specs.decode, 'A second', 'A\xe2\x80\x8b second', '   A', 'invisible'),
    'control character': Broken(
        specs.decode, 'A second', 'A\0 second', '   A', 'invisible'),

    # --- metadata
    'no licence': Broken(
        specs.check_licence, TEXT[:TEXT.index(':spec:')], '', ':spec: good',
        'does not begin with the licence; copy the first 5 lines of rocky-'),
    'another licence': Broken(
        specs.check_licence, 'Attribution 3.0', 'Attribution 4.0', '..',
        'does not begin with the licence'),
    'missing field': Broken(
        specs.check_metadata, ':created: 2018-06-27\n', '', ':spec: good',
        'no :created:'),
    'unknown field': Broken(
        specs.check_metadata, ':superseded-by: none\n',
        ':superseded-by: none\n:reviewer: me\n', ':reviewer: me',
        'unknown metadata field :reviewer:; known: spec, status'),
    'misspelt field': Broken(
        specs.check_metadata, ':superseded-by: none\n',
        ':superseded-by: none\n:authers: me\n', ':authers: me',
        'did you mean :authors:?'),
    'empty field': Broken(
        specs.check_metadata, ':authors: The testers', ':authors:',
        ':authors:', ':authors: is empty'),
    'slug mismatch': Broken(
        specs.check_metadata, ':spec: good', ':spec: best', ':spec: best',
        "is 'best' and the file is called good.rst"),
    'release mismatch': Broken(
        specs.check_metadata, ':release: rocky', ':release: stein',
        ':release: stein', 'the file lies in specs/rocky'),
    'bad status': Broken(
        specs.check_metadata, ':status: approved', ':status: aproved',
        ':status: aproved', 'use one of draft, approved'),
    'bad date': Broken(
        specs.check_metadata, '2018-06-27', '2018-06-31',
        ':created: 2018-06-31', 'YYYY-MM-DD'),
    'date in another form': Broken(
        specs.check_metadata, '2018-06-27', '20180627',
        ':created: 20180627', 'YYYY-MM-DD'),
    'bad tracker': Broken(
        specs.check_metadata, 'https://review.opendev.org/1', 'story 1',
        ':tracker: story 1', 'give the https:// address'),
    'bad supersedes': Broken(
        specs.check_metadata, ':supersedes: none', ':supersedes: Other',
        ':supersedes: Other', 'release/name of the specs'),
    'superseded, by nothing': Broken(
        specs.check_metadata, ':status: approved', ':status: superseded',
        ':status: superseded', 'go together'),
    'superseded by a spec, approved': Broken(
        specs.check_metadata, ':superseded-by: none',
        ':superseded-by: stein/other', ':status: approved', 'go together'),

    # --- supersession, which several specs must agree on
    'supersedes no spec': Broken(
        specs.check_together, ':supersedes: none',
        ':supersedes: stein/nobody', ':supersedes: stein/nobody',
        'stein/nobody is no spec of this repository'),
    'superseded one way only': Broken(
        specs.check_together, ':supersedes: none',
        ':supersedes: stein/other', ':supersedes: stein/other',
        'whose :superseded-by: does not name rocky/good'),

    'slug with capitals': Broken(
        specs.check_metadata, ':spec: good', ':spec: Good One',
        ':spec: Good One', 'small letters, digits, - and . alone'),

    # --- what an approved spec may hold nowhere
    'TODO in a comment': Broken(
        specs.check_leftovers, 'None.\n', 'None.\n\n.. TODO: finish\n',
        '.. TODO', 'TODO in a spec of status approved'),
    'TODO in a diagram': Broken(
        specs.check_leftovers, 'None.\n',
        'None.\n\n.. seqdiag::\n   :alt: A.\n'
        '   :no-model: No model has this one.\n'
        '\n   A -> B [label = "TBD"];\n',
        '   A -> B [label = "TBD', 'TBD in a spec of status approved'),
    'placeholder in a diagram': Broken(
        specs.check_leftovers, 'None.\n',
        'None.\n\n.. seqdiag::\n   :alt: A.\n'
        '   :no-model: No model has this one.\n'
        '\n   A -> B [label = "<c>"];\n',
        '   A -> B [label = "<c', 'the placeholder <c> is left over'),

    # --- normative words, and files taken in
    'normative sentence in prose': Broken(
        specs.check_normative_words, 'None.\n', 'Callers MUST wait.\n',
        'Callers MUST', 'a normative sentence outside a requirement'),
    'raw HTML': Broken(
        specs.check_self_contained, 'None.\n',
        'None.\n\n.. raw:: html\n\n   <b>\n', '.. raw', 'raw:: in a spec'),
    'another file': Broken(
        specs.check_self_contained, 'None.\n',
        'None.\n\n* x\n\n  .. include:: good.rst\n', '  .. include',
        'include:: in a spec'),
    'a table from a file': Broken(
        specs.check_self_contained, 'None.\n',
        'None.\n\n.. csv-table::\n   :file: x.csv\n', '.. csv',
        'csv-table:: of a file'),
    'a requirement within a list': Broken(
        specs.check_requirements, 'None.\n',
        '* None.\n\n  .. req:: Ask\n     :id: GOOD-009\n\n     Ask.\n',
        '  .. req', 'has 0 of MUST'),
    'log without a date': Broken(
        specs.check_questions, '   :standing: ',
        '   :log: 15:00\n   :standing: ', '.. question', 'the :log:'),

    # --- sections
    'no title': Broken(
        specs.check_sections,
        '==================\nA spec that passes\n==================\n', '',
        '..', 'no title'),
    'missing template': Broken(
        specs.check_sections, ':release: rocky', ':release: train',
        '..', 'no template train-template.rst',
        TREE / 'train' / 'approved' / 'good.rst'),
    'missing section': Broken(
        specs.check_sections, REFERENCES, '', 'Open questions',
        "'References' is missing; add it after 'Open questions'"),
    'wrong order': Broken(
        specs.check_sections, QUESTIONS + REFERENCES,
        REFERENCES + '\n' + QUESTIONS, 'References',
        "'References' stands where the template has 'Open questions'"),
    'extra section': Broken(
        specs.check_sections, REFERENCES,
        'Thanks\n======\n\nTo all.\n\n' + REFERENCES, 'Thanks',
        "no section 'Thanks'; make it a subsection"),
    'misspelt extra section': Broken(
        specs.check_sections, REFERENCES,
        'Reference\n=========\n\nTo all.\n\n' + REFERENCES, 'Reference',
        "no section 'Reference'; did you mean 'References'?"),
    'duplicate section': Broken(
        specs.check_sections, 'None.\n',
        'None.\n\nRequirements\n============\n\nThe same as above.\n',
        'Requirements', 'a second time'),
    'missing subsection': Broken(
        specs.check_sections, 'Use cases\n---------\n\n', '',
        'Problem description', "lacks its subsection 'Use cases'"),
    'empty section': Broken(
        specs.check_empty_sections, 'None.\n', '\n', 'References',
        "'References' is empty"),
    'empty section in the middle': Broken(
        specs.check_empty_sections,
        'A tester who changes a rule sees at once what it hits.\n', '',
        'Use cases', "'Use cases' is empty"),

    # --- leftovers
    'TODO': Broken(
        specs.check_leftovers, 'None.', 'None.\nTODO: more.', 'TODO: more.',
        'TODO in a spec of status approved'),
    'TBD in a list': Broken(
        specs.check_leftovers, 'None.', '* one\n* TBD', '* TBD', 'TBD'),
    'placeholder': Broken(
        specs.check_leftovers, 'None.', 'None.\nAsk <name>.', 'Ask <name>.',
        'the placeholder <name>'),
    'placeholder over two lines': Broken(
        specs.check_leftovers, 'None.', 'None.\nAsk <the\nname>.',
        'Ask <the', 'the placeholder <the name>'),
    'template sentence': Broken(
        specs.check_leftovers, 'None.',
        'Describe what is missing today,\nand for whom it is missing.',
        'Describe what is missing today,', 'a sentence of the template'),

    # --- requirements, failure modes, questions
    'two keywords': Broken(
        specs.check_requirements, 'The callee MUST answer.',
        'The callee MUST answer and\n   MAY sing.', '.. req:: Answer',
        'has 2 of MUST'),
    'no keyword': Broken(
        specs.check_requirements, 'The callee MUST answer.',
        'The callee must answer.', '.. req:: Answer', 'has 0 of MUST'),
    'requirement without a title': Broken(
        specs.check_requirements, '.. req:: Answer', '.. req::', '.. req::',
        'without a title'),
    'bad id of a requirement': Broken(
        specs.check_requirements, ':id: GOOD-002', ':id: GOOD-F02',
        '.. req:: Ask again', 'not of the form PREFIX-001'),
    'no id': Broken(
        specs.check_requirements, '   :id: GOOD-002\n', '',
        '.. req:: Ask again', 'an :id: is missing; take the next free'),
    'two sentences': Broken(
        specs.check_requirements, 'The callee MUST answer.',
        'The callee MUST answer.\n   It is polite.', '.. req:: Answer',
        'has more than one sentence; split it'),
    'review without a reason': Broken(
        specs.check_verified,
        'GOOD-002\n   :verified: review -- no model has a caller',
        'GOOD-002\n   :verified: review', '.. req:: Ask again',
        ":verified: is 'review'; write review -- and, in a few words, why"),
    'bad id of a failure mode': Broken(
        specs.check_failure_modes, ':id: GOOD-F01', ':id: GOOD-F1',
        '.. failure:: The callee never answers', 'PREFIX-F001'),
    'no id of a failure mode': Broken(
        specs.check_failure_modes, '   :id: GOOD-F01\n', '',
        '.. failure:: The callee never answers',
        'an :id: is missing; take the next free number of the form '
        'PREFIX-F001'),
    'missing failure field': Broken(
        specs.check_failure_modes,
        '   :Diagnosis: the log of the caller says so\n', '',
        '.. failure:: The callee never answers', 'no :Diagnosis:'),
    'empty failure field': Broken(
        specs.check_failure_modes, ':Detection: the caller waits',
        ':Detection:', '.. failure:: The callee never answers',
        'no :Detection:'),
    'bad id of a question': Broken(
        specs.check_questions, ':id: GOOD-Q01', ':id: good-q01',
        '.. question:: How long does the caller wait?', 'PREFIX-Q001'),
    'question without standing': Broken(
        specs.check_questions, '   :standing: open\n', '',
        '.. question:: How long does the caller wait?', 'no :standing:'),
    'unknown standing': Broken(
        specs.check_questions, ':standing: open', ':standing: opened',
        '.. question:: How long does the caller wait?',
        'use agreed, open, contested'),
    'duplicate id': Broken(
        specs.check_ids, ':id: GOOD-002', ':id: GOOD-001',
        '.. req:: Ask again', 'GOOD-001 is also the id at line'),
    'another prefix': Broken(
        specs.check_ids, ':id: GOOD-Q01', ':id: GOD-Q01',
        '.. question:: How long does the caller wait?',
        'GOD-Q01 has another prefix than GOOD-001; a spec has one'),

    # --- links
    'dangling need': Broken(
        specs.check_links, ':need:`GOOD-001`', ':need:`GOOD-003`',
        'See :ref:`the flow <good-flow>`, :need:`GOOD-003` and',
        ':need:`GOOD-003` points to nothing; did you mean GOOD-0'),
    'dangling ref': Broken(
        specs.check_links, 'the flow <good-flow>', 'the flow <bad>',
        'See :ref:`the flow <bad>`, :need:`GOOD-001` and',
        ':ref:`bad` points to nothing; define it'),
    'dangling ref over two lines': Broken(
        specs.check_links, 'See :ref:`the flow <good-flow>`,',
        'See this,\n:ref:`the\nflow <bad>`,', ':ref:`the',
        ':ref:`bad` points to nothing'),
    'dangling doc': Broken(
        specs.check_links, '/specs/stein/approved/other',
        '/specs/stein/approved/none',
        ':doc:`the other one </specs/stein/approved/none>`.',
        ':doc:`/specs/stein/approved/none` names no page'),

    # --- what a finished spec has
    'no flow': Broken(
        specs.check_parts,
        TEXT[TEXT.index('.. seqdiag::'):TEXT.index('See :ref:')],
        '', 'Proposed change', 'a spec of status approved has no flow; draw '
        'one as .. seqdiag::, or leave it a draft'),
    'no failure mode': Broken(
        specs.check_parts, TEXT[
            TEXT.index('.. failure::'):TEXT.index('Requirements\n===')],
        'Nothing fails.\n\n', 'Failure modes', 'has no failure mode; add'),
    'no requirement': Broken(
        specs.check_parts, TEXT[
            TEXT.index('See :ref:'):TEXT.index('Failure modes\n')]
        + TEXT[TEXT.index('Failure modes\n'):TEXT.index('Open questions')],
        TEXT[TEXT.index('Failure modes\n'):TEXT.index('.. req::')]
        + 'None.\n\n', 'Requirements', 'has no requirement; state'),

    # --- ties to the models
    'flow without a model': Broken(
        specs.check_flows,
        '   :no-model: The models know neither caller nor callee.\n', '',
        '.. seqdiag::', 'the flow names no model; give :model:'),
    'flow without an end': Broken(
        specs.check_flows,
        '   :no-model: The models know neither caller nor callee.\n',
        '   :model: rocky.system\n', '.. seqdiag::',
        'the flow does not say how it ends, so one cut short would pass'),
    'number of states': Broken(
        specs.check_typed_numbers, 'None.\n',
        'It is long.\nThe model has 4,765\nstates in all.\n',
        'The model has 4,765', "'4,765 states' of a model is typed by hand"),
    'number in a sentence that names a model': Broken(
        specs.check_typed_numbers, 'None.\n',
        'With ``rocky.attach`` it takes 12 more steps.\n', 'With ``rocky',
        "'12 more steps' of a model"),
    'number of configurations': Broken(
        specs.check_typed_numbers, 'None.\n',
        'The models hold in 41 recorded configurations.\n', 'The models',
        "'41 recorded configurations' of a model"),
    'number in words': Broken(
        specs.check_typed_numbers, 'None.\n',
        'It is short.\nThe model needs twelve\nsteps for it.\n', 'The model',
        "'twelve steps' of a model is typed by hand"),
    'number of requirements': Broken(
        specs.check_typed_numbers, 'None.\n',
        'The models carry 205 requirements.\n', 'The models',
        "'205 requirements' of a model"),
    'depth of a model': Broken(
        specs.check_typed_numbers, 'None.\n',
        'The model ``stein.system`` has a depth of 23.\n', 'The model',
        "'depth of 23' of a model is typed by hand"),
}

# What must not be reported: text that takes the place of `None.` at the end.
INNOCENT = {
    'placeholder in a literal': 'Write ``<name>`` for it.',
    'placeholder in a literal of two lines': 'Write ``a\n<name>`` for it.',
    'placeholder in a literal block': 'Write::\n\n   <name> now\n\nso.',
    'placeholder in a code block':
        '.. code-block:: rst\n\n   <name> now\n\n   then',
    'placeholder in a comment': '.. <name> now\n\nNone.',
    'placeholder in a list with a code block':
        '* Write\n\n  .. code-block:: rst\n\n     Now <name>\n\n* Read',
    'template sentence in a code block':
        '.. code-block:: rst\n\n   Describe what is missing today, and for '
        'whom it\n   is missing.\n',
    'arrows in a diagram':
        '.. seqdiag::\n   :alt: A asks B.\n'
        '   :no-model: No model has this one.\n'
        '\n   A -> B;\n   A <- B;\n'
        '   C <<-- B [label = "now"];',
    'arrow in prose': 'It goes A <- B, and then B -> A.',
    'comparison': 'As long as x < y and y > z.',
    'e-mail address': 'Ask Ann <ann@example.org>.',
    'address': 'See <https://example.org/TODO>.',
    'RST link': 'See `the text <https://example.org/>`_.',
    'RST link over two lines': 'See `the\ntext <https://example.org/>`_.',
    'named target over two lines': 'See :ref:`the\nflow <good-flow>`.',
    'TODO in a literal': 'Grep for ``TODO`` and ``FIXME``.',
    'word with TODO in it': 'The METODOS table, the todo list.',
    'short sentence of the template': 'Explain it.',
    'role in a literal': 'Write ``:need:`GOOD-999```.',
    'role in a code block':
        '.. code-block:: rst\n\n   :ref:`nowhere` :doc:`nothing`',
    'keyword in a literal':
        '.. req:: Words\n   :id: GOOD-003\n'
        '   :verified: review -- no model has it\n\n   It MUST say ``MAY``.',
    'title over two lines':
        '.. req:: A title that needs more\n   than a line\n   :id: GOOD-003'
        '\n   :verified: review -- no model has it\n\n   It MUST hold.',
    'failure field on the next line':
        '.. failure:: A lie\n   :id: GOOD-F02\n\n   :Detection:\n'
        '      late\n   :Mitigation: :need:`GOOD-001`\n   :Diagnosis: none\n'
        '   :Test: lie\n',
    'directive in a code block':
        '.. code-block:: rst\n\n   .. req:: <title>\n\n      None.',
    'subsection of its own': 'None.\n\nBooks\n-----\n\nNone.',
    'letters of other scripts': 'Grüße, 说明, Ελλάδα.',
    'simple table': '===== =====\nA     B\n===== =====\n1     2\n===== =====',
    'label with capitals': '.. _Big Label:\n\nSee :ref:`big label`.',
    'number of states of something else':
        'A VAN has 11 states.\nA model says which follow which.',
    'number that the build inserts':
        'The model has :model-value:`rocky.attach\nstates` states, and\n'
        ':model-value:`rocky.attach actions` actions.',
    'number of something else in a model':
        'The model of 2026 has 2 hosts and a state each.',
    'diagram by its name':
        '.. seqdiag::\n   :alt: A asks B.\n'
        '   :no-model: No model has this one.\n'
        '   :name: asking\n\n   A -> B;\n\n'
        'See :ref:`it <asking>`.',
}


def found_by_rule(path, data, together=True):
    """All (rule, problem) of a spec with the content *data*.

    :param together: also hold it against the other spec of the tree
    """
    text, problems = specs.decode(data)
    found = [(specs.decode, problem) for problem in problems]
    spec = specs.read(path, text)
    for rule in specs.RULES:
        found += [(rule, problem) for problem in rule(spec)]
    if together:
        found += [(specs.check_together, problem) for owner, problem
                  in specs.check_together([spec, specs.read(OTHER)])
                  if owner is spec]
    return found


def broken_bytes(case):
    """The broken spec's content."""
    if TEXT.count(case.old) != 1:
        raise AssertionError(f'{case.old!r} stands {TEXT.count(case.old)} '
                             'times in the good spec')
    before, after = TEXT.split(case.old)
    encoding = 'latin-1' if case.rule is specs.decode else 'utf-8'
    return before.encode() + case.new.encode(encoding) + after.encode()


def line_of(data, start):
    """The number of the last line of *data* that starts with *start*.

    A carriage return ends no line here, as it is what is wrong.
    """
    lines = specs.decode(data.replace(b'\r', b' '))[0].split('\n')
    found = [number for number, line in enumerate(lines, 1)
             if line == start or (
                 line.startswith(start) and start not in lines)]
    if not found:
        raise AssertionError(f'no line starts with {start!r}')
    return found[-1]


class TestRepository(unittest.TestCase):
    """The specs and the templates that we publish."""

    def test_every_spec_keeps_every_rule(self):
        paths = specs.spec_files()
        found = [f'{path.relative_to(specs.ROOT)}:{line}: {message}'
                 for path in paths for line, message in specs.check(path)]
        self.assertEqual([], found, f'{len(paths)} specs checked')
        self.assertGreaterEqual(len(paths), 1, f'{len(paths)} specs checked')

    def test_specs_agree_on_what_supersedes_what(self):
        known = [specs.read(path) for path in specs.spec_files()]
        self.assertEqual([], specs.check_together(known))
        self.assertGreaterEqual(len(known), 1)

    def test_every_release_has_a_template(self):
        releases = [path for path in (specs.ROOT / 'specs').iterdir()
                    if path.is_dir()]
        for release in releases:
            with self.subTest(release.name):
                self.assertTrue(release.with_name(
                    f'{release.name}-template.rst').is_file())
        self.assertGreaterEqual(len(releases), 2)


class TestTemplates(unittest.TestCase):
    """A template is a draft full of placeholders."""

    SECTIONS = ('Failure modes', 'Upgrade impact', 'Security impact',
                'Concurrency and ordering', 'Requirements',
                'Open questions', 'Alternatives')

    def each(self):
        """Each template, in a subtest."""
        paths = sorted((specs.ROOT / 'specs').glob('*-template.rst'))
        for path in paths:
            with self.subTest(path.name):
                yield specs.read(path)
        self.assertGreaterEqual(len(paths), 2, f'{len(paths)} templates')

    def test_has_all_metadata_fields_in_order(self):
        for template in self.each():
            self.assertEqual(list(specs.FIELDS), list(template.metadata))

    def test_is_a_draft_of_its_release(self):
        for template in self.each():
            self.assertEqual('draft', template.metadata['status'])
            self.assertEqual(f'{template.metadata["release"]}-template',
                             template.path.stem)

    def test_is_clean_text(self):
        for template in self.each():
            self.assertEqual([], specs.decode(template.path.read_bytes())[1])

    def test_has_the_sections_that_reviewers_ask_for(self):
        for template in self.each():
            titles = [title for _, title, _ in template.sections]
            self.assertEqual([], [title for title in self.SECTIONS
                                  if title not in titles])
            self.assertEqual(len(titles), len(set(titles)))

    def test_has_guidance_in_every_section(self):
        for template in self.each():
            self.assertEqual([], list(specs.check_empty_sections(template)))

    def test_copied_and_approved_as_it_is_fails_in_every_section(self):
        for template in self.each():
            release = template.metadata['release']
            copy = specs.read(specs.ROOT / 'specs' / release / 'approved'
                              / 'copy.rst', '\n'.join(template.lines))
            copy.metadata['status'] = 'approved'
            lines = {line for line, _ in specs.check_leftovers(copy)}
            starts = [line for _, _, line in template.sections]
            for start, end in zip(starts, [*starts[1:], 10_000],
                                  strict=True):
                self.assertTrue(
                    any(start < line < end for line in lines),
                    f'nothing was reported from line {start} to {end}')


class TestGoodTree(unittest.TestCase):
    """The fixture that everything below is made of keeps every rule."""

    def test_has_no_problem(self):
        paths = [GOOD, OTHER]
        self.assertEqual(paths, sorted(TREE.glob('*/approved/*.rst')))
        for path in paths:
            self.assertEqual([], found_by_rule(path, path.read_bytes()))

    def test_uses_all_that_the_rules_look_at(self):
        spec = specs.read(GOOD)
        for name in ('req', 'failure', 'question', 'seqdiag'):
            with self.subTest(name):
                self.assertTrue(list(specs.directives(spec, name)))


class TestBroken(support.TempCase):
    """Every rule can fail, at the right line."""

    def test_each_is_reported_once_by_its_rule_at_its_line(self):
        for name, case in BROKEN.items():
            with self.subTest(name):
                data = broken_bytes(case)
                found = found_by_rule(
                    case.path, data, case.rule is specs.check_together)
                self.assertEqual(
                    [(case.rule, line_of(data, case.at))],
                    [(rule, problem.line) for rule, problem in found], found)
                self.assertIn(case.says, found[0][1].message)
        self.assertGreaterEqual(len(BROKEN), 50)

    def test_each_is_reported_from_the_file_too(self):
        checked = 0
        for case in BROKEN.values():
            if case.rule in specs.RULES and case.path == GOOD:
                path = support.write(
                    self.folder / 'specs/rocky/approved/good.rst',
                    broken_bytes(case))
                for source in (TREE / 'rocky-template.rst', OTHER):
                    support.write(
                        self.folder / 'specs' / source.relative_to(TREE),
                        source.read_bytes())
                self.assertEqual(1, len(specs.check(path)), case)
                checked += 1
        self.assertGreaterEqual(checked, 35)

    def test_every_rule_has_a_broken_fixture(self):
        wanted = {*specs.RULES, specs.decode, specs.check_together}
        self.assertEqual(wanted, {case.rule for case in BROKEN.values()})

    def test_no_rule_is_forgotten_in_the_list(self):
        functions = {function for name, function in vars(specs).items()
                     if name.startswith('check_')
                     and inspect.isfunction(function)}
        self.assertEqual({*specs.RULES, specs.check_together}, functions)

    def test_every_message_has_a_broken_fixture(self):
        said = [problem.message for case in BROKEN.values()
                for _, problem in found_by_rule(case.path,
                                                broken_bytes(case))]
        patterns = message_patterns()
        missing = [pattern for pattern in patterns
                   if not any(re.fullmatch(pattern, message, re.S)
                              for message in said)]
        self.assertEqual([], missing)
        self.assertGreaterEqual(len(patterns), 35)


def message_patterns():
    """Each message that the rules can give, as a regular expression, from
    the source of ``tools/specs.py``.
    """
    tree = ast.parse(inspect.getsource(specs))
    texts = [node.args[1] for node in ast.walk(tree)
             if isinstance(node, ast.Call)
             and getattr(node.func, 'id', '') == 'Problem']
    for function in ast.walk(tree):
        if getattr(function, 'name', '') == '_wrong_value':
            texts += [node.value for node in ast.walk(function)
                      if isinstance(node, ast.Return)
                      and getattr(node.value, 'value', '') is not None]
    return [f'(:[a-z-]+: )?{_pattern(text)}' for text in texts]


def _pattern(text):
    if isinstance(text, ast.JoinedStr):
        return ''.join(_pattern(part) for part in text.values)
    if isinstance(text, ast.Constant):
        return re.escape(text.value)
    if isinstance(text, ast.BinOp):
        return _pattern(text.left) + _pattern(text.right)
    return '.+'


class TestInnocent(unittest.TestCase):
    """What looks like a mistake and is none."""

    def test_is_not_reported(self):
        for name, text in INNOCENT.items():
            with self.subTest(name):
                data = TEXT.replace('None.', text).encode()
                self.assertEqual([], found_by_rule(GOOD, data))

    def test_draft_may_have_leftovers(self):
        text = TEXT.replace('None.', 'TODO: ask <name>.\nDescribe what is '
                            'missing today, and for whom it is missing.')
        self.assertEqual(3, len(found_by_rule(GOOD, text.encode())))
        text = text.replace(':status: approved', ':status: draft')
        self.assertEqual([], found_by_rule(GOOD, text.encode()))

    def test_supersession_said_in_both_is_right(self):
        new = specs.read(GOOD, TEXT.replace(
            ':supersedes: none', ':supersedes: stein/other'))
        old = specs.read(OTHER)
        old.metadata['superseded-by'] = 'rocky/good'
        self.assertEqual([], specs.check_together([new, old]))

    def test_several_specs_may_be_superseded(self):
        text = TEXT.replace(':supersedes: none',
                            ':supersedes: rocky/a-1, stein/b')
        self.assertEqual([], list(specs.check_metadata(
            specs.read(GOOD, text))))

    def test_metadata_may_continue_on_the_next_line(self):
        text = TEXT.replace('The testers', 'The testers, the\n   writers')
        self.assertEqual([], found_by_rule(GOOD, text.encode()))

    def test_a_template_as_it_is_gets_no_message_twice(self):
        """Its placeholders are malformed, and not names of specs too."""
        text = (TREE / 'rocky-template.rst').read_text('utf-8')
        found = found_by_rule(GOOD, text.encode())
        self.assertEqual([], [one for rule, one in found
                              if rule is specs.check_together])
        self.assertEqual([], [one for _, one in found
                              if 'go together' in one.message])
        lines = [one.line for rule, one in found
                 if rule is specs.check_metadata]
        self.assertEqual(len(set(lines)), len(lines))
        self.assertGreater(len(lines), 3)


if __name__ == '__main__':
    unittest.main()
