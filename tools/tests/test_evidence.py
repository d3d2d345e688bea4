"""What shows that a requirement holds: read, checked, shown."""

import ast
import inspect
import json
import re
import shutil
import unittest

from tools import evidence, speccheck, specs
from tools.tests import support
from tools.tests.test_gate import CONF
from tools.tests.test_specs import TEXT, _pattern

# A model that carries GOOD-001 and GOOD-F01, and says what GOOD-001 is.
MODEL = '''\
"""A model."""

REQUIREMENTS = {
    'GOOD-001': 'The callee '
                'MUST answer.',
}


def build(m):
    @m.action('caller -> callee: ask')
    def ask(s):
        """It may ask."""
        when(s.asked, 'GOOD-001')
        spend(s, 'GOOD-F01')
        s.asked = False

    @m.always('GOOD-001')
    def answered(s):
        """It is answered."""
        return s.answered


def spend(s, failure):
    when(s.faults > 0, failure)
'''
MUTANTS = json.dumps({'mutants': [
    {'in': 'call.ask', 'kind': 'guard', 'requirement': 'GOOD-001',
     'text': 's.asked', 'killed': 'always other at depth 1'},
    {'in': 'call.ask', 'kind': 'effect', 'requirement': '',
     'text': 's.asked = False', 'killed': 'always answered at depth 2'},
    {'in': 'call.ask', 'kind': 'effect', 'requirement': '',
     'text': 's.x = 1', 'killed': 'always another at depth 2'},
    {'in': 'call.spend', 'kind': 'guard', 'requirement': 'GOOD-001',
     'text': 's.faults > 0', 'harmless': 'It is none.'}]})
MARK = '   :verified: review -- no model has a caller\n'
SPEC = TEXT.replace(f'   :id: GOOD-001\n{MARK}', '   :id: GOOD-001\n')
PACKAGE = evidence.PACKAGE
CALL = f'{PACKAGE}/rocky/call.py'

# name -> (what is edited: 'spec' or a file; old, new; the file and the
# start of the line that are reported; what is said). An empty old makes it
# a file of its own.
BROKEN = {
    'requirement that nothing carries': (
        'spec', f'   :id: GOOD-002\n{MARK}', '   :id: GOOD-002\n',
        'spec', '.. req:: Ask again',
        'no guard or property carries GOOD-002 and no test shows '
        'it; add it to the models or to such a test, or say here :verified: '
        'review -- and why neither can'),
    'mark that is stale': (
        'spec', '   :id: GOOD-001\n',
        '   :id: GOOD-001\n   :verified: review -- it cannot be seen\n',
        'spec', ':verified: review -- it cannot',
        'GOOD-001 is marked as verified by review, and rocky.call.ask '
        f'({CALL}:13) carries it; take the mark out'),
    'sentence that differs': (
        'spec', 'The callee MUST answer.', 'The callee MUST reply soon.',
        'spec', '.. req:: Answer',
        f'the sentence of GOOD-001 is not the one at {CALL}:4, from '
        "'reply soon.' on; make them the same"),
    'sentence that is shorter': (
        CALL, "MUST answer.'", "MUST answer. At once.'", 'spec',
        '.. req:: Answer', "from 'its end' on"),
    'id that no spec states': (
        CALL, "s.asked, 'GOOD-001'", "s.asked, 'GOOD-003'", CALL,
        "when(s.asked", 'ask uses GOOD-003, which no spec states; did you '
        'mean GOOD-00'),
    'id of a property that no spec states': (
        CALL, "always('GOOD-001')", "always('GOOD-800')", CALL,
        '@m.always(', 'answered uses GOOD-800, which no spec states; did '),
    'id of a failure that no spec states': (
        CALL, "'GOOD-F01'", "'GOOD-F77'", CALL, 'spend(s,',
        'ask uses GOOD-F77, which no spec states'),
    'id of a sentence that no spec states': (
        CALL, "    'GOOD-001': 'The", "    'GOOD-555': 'The", CALL,
        "'GOOD-555'", 'REQUIREMENTS uses GOOD-555, which no spec states'),
    'id that is computed': (
        CALL, "s.asked, 'GOOD-001'", "s.asked, 'GOOD-' + '001'", CALL,
        'when(s.asked', "the requirement 'GOOD-' + '001' cannot be read "
        'here; write its id in quotes'),
    'model that is no Python': (
        CALL, 's.asked = False', 's.asked = = False', CALL,
        's.asked = = ', 'not Python: invalid syntax; mend it'),
    'mutants that are no JSON': (
        f'{PACKAGE}/rocky.mutants.json', '{"mutants"', '{\n"mutants', None,
        2, 'not JSON: '),
    'mutants that are no list': (
        f'{PACKAGE}/rocky.mutants.json', '"mutants"', '"mutant"', None, 1,
        'there is no list "mutants" of objects; record them anew'),
    'mutants that are not UTF-8': (
        f'{PACKAGE}/rocky.mutants.json', '', b'{"\xff"}', None, 1,
        'cannot be read: '),
    'vector that is outdated': (
        f'{PACKAGE}/vectors/a.json', '',
        '[{"name": "again", "requirements": ["GOOD-002"]}]', 'spec',
        '.. req:: Ask again', 'no guard or property carries GOOD-002, which '
        f'the vector again ({PACKAGE}/vectors/a.json:1) names, so that the '
        'vectors are outdated; write them anew with "cyborg-models vectors '
        '--record"'),
    'vectors that are no JSON': (
        f'{PACKAGE}/vectors/a.json', '', '[', None, 1, 'not JSON: '),
    'id that was another requirement\'s': (
        f'{PACKAGE}/conformance/contract.json', '',
        '{"stein": {"retired": {"GOOD-001": "stein 9.0"}}}', 'spec',
        '.. req:: Answer', 'GOOD-001 was the id of another requirement, and '
        'was retired with stein 9.0; take the next free number'),
    'contract that retires nothing': (
        f'{PACKAGE}/conformance/contract.json', '', '{"stein": []}', None, 1,
        'it does not say which ids are retired; take back the file of the '
        'last commit'),
    'divergences that are no JSON': (
        f'{PACKAGE}/conformance/known/a.json', '', ']', None, 1,
        'not JSON: '),
}


class Tree(support.TempCase):
    """A tree of specs and a model, valid at first."""

    def setUp(self):
        super().setUp()
        self.root = self.folder / 'src'
        self.spec = support.spec_tree(self.root)
        support.write(self.spec, SPEC)
        support.write(self.root / CALL, MODEL)
        support.write(self.root / PACKAGE / 'rocky.mutants.json', MUTANTS)

    def check(self):
        """The problems of the good spec, and what is remarked."""
        remarks = []
        return speccheck.check(self.spec, remarks), remarks

    def broken(self, case):
        """Break the tree; the (file, line) at which it is said."""
        edited, old, new, at, start, _ = case
        path = self.spec if edited == 'spec' else self.root / edited
        if old:
            support.edit(path, old, new)
        else:
            support.write(path, new)
        place = {None: path, 'spec': self.spec}.get(at) or self.root / at
        return place, (start if isinstance(start, int)
                       else support.line_of(place, start))


class TestBroken(Tree):
    """Each check can fail, at the right line, in one file and in a build.
    """

    def test_as_it_is_it_passes(self):
        self.assertEqual(([], []), self.check())

    def test_each_is_reported_once_at_its_line(self):
        for name, case in BROKEN.items():
            with self.subTest(name):
                self.setUp()
                place, line = self.broken(case)
                found, remarks = self.check()
                here = [row for row in found if case[-1] in row[2]]
                self.assertEqual([(str(place), line)],
                                 [row[:2] for row in here], found)
                self.assertEqual([], remarks)
                if case[3] is not None and 'not Python' not in case[-1]:
                    self.assertLessEqual(len(found), 2, found)
        self.assertGreaterEqual(len(BROKEN), 15)

    def test_in_a_draft_it_is_a_remark(self):
        checked = 0
        for name, case in BROKEN.items():
            with self.subTest(name):
                self.setUp()
                place, line = self.broken(case)
                support.edit(self.spec, ':status: approved',
                             ':status: draft')
                found, remarks = self.check()
                self.assertEqual([], found)
                self.assertIn((str(place), line),
                              [row[:2] for row in remarks
                               if case[-1] in row[2]], remarks)
                checked += 1
        self.assertEqual(len(BROKEN), checked)

    def test_a_superseded_spec_needs_no_evidence(self):
        self.broken(BROKEN['requirement that nothing carries'])
        support.edit(self.spec, ':status: approved', ':status: superseded')
        support.edit(self.spec, ':superseded-by: none',
                     ':superseded-by: stein/other')
        other = self.root / 'specs/stein/approved/other.rst'
        support.edit(other, ':supersedes: none', ':supersedes: rocky/good')
        self.assertEqual(([], []), self.check())

    def test_every_message_has_a_broken_fixture(self):
        said = []
        for case in BROKEN.values():
            self.setUp()
            self.broken(case)
            said += [message for _, _, message in self.check()[0]]
        patterns = message_patterns()
        self.assertEqual([], [pattern for pattern in patterns if not any(
            re.fullmatch(pattern, message) for message in said)])
        self.assertGreaterEqual(len(patterns), 9)


def message_patterns(module=evidence):
    """Each message of a module as a regular expression: what stands behind
    a line or a place, and has a semicolon before the mend.
    """
    found = []
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and node.args and isinstance(
                node.func, ast.Name) and node.func.id == 'Problem':
            found.append(node.args[1])
        elif isinstance(node, ast.Tuple) and len(node.elts) > 1:
            found.append(node.elts[-1])
    patterns = (_pattern(node) for node in found if isinstance(
        node, (ast.BinOp, ast.JoinedStr, ast.Constant)))
    return [pattern for pattern in patterns if ';' in pattern]


class TestRead(Tree):
    """What is read of models and records."""

    def read(self):
        return evidence.read(self.root)

    def test_uses(self):
        found = self.read()
        self.assertEqual(
            [('guard', 'ask', 13), ('always', 'answered', 17)],
            [use[1:3] + use[5:6] for use in found.uses['GOOD-001']])
        self.assertEqual([('guard', 'ask')],
                         [use[1:3] for use in found.uses['GOOD-F01']])
        self.assertEqual(
            [('GOOD-001', 'text', 'The callee MUST answer.')],
            [(use.id, use.kind, use.text) for use in found.other])

    def test_mutants_that_bear_on_a_requirement(self):
        # Its own guards, and what its property catches.
        self.assertEqual((2, 1), self.read().caught('GOOD-001'))
        (self.root / PACKAGE / 'rocky.mutants.json').unlink()
        self.assertIsNone(self.read().caught('GOOD-001'))

    def test_what_a_defect_does_carries_nothing(self):
        (self.root / CALL).rename(self.root / PACKAGE / 'rocky/defects.py')
        found = self.read()
        self.assertEqual({}, found.uses)
        self.assertEqual({'defect'}, {use.kind for use in found.other})
        self.assertIn('no guard or property carries GOOD-001',
                      self.check()[0][0][2])

    def test_a_vector_alone_carries_nothing(self):
        self.broken(BROKEN['requirement that nothing carries'])
        support.write(self.root / PACKAGE / 'vectors/a.json',
                      '{"vectors": [{"id": "v1", "requirement": "GOOD-002"}'
                      ']}')
        self.assertEqual(
            {'GOOD-002': [('v1', f'{PACKAGE}/vectors/a.json', 1)]},
            self.read().vectors)
        # With a mark as without: there is one thing to do.
        for mark in ('', MARK):
            support.edit(self.spec, '   :id: GOOD-002\n',
                         f'   :id: GOOD-002\n{mark}')
            (_, _, message), = self.check()[0]
            self.assertRegex(message, 'no guard or property carries GOOD-002'
                             '.*vectors are outdated.*vectors --record')

    def test_a_file_that_did_not_change_is_not_read_again(self):
        cache = {}
        first = evidence.read(self.root, cache)
        kept = dict(cache)
        self.assertEqual(1, len(kept))
        self.assertEqual(first, evidence.read(self.root, cache))
        support.edit(self.root / CALL, 'It may ask', 'It might ask')
        evidence.read(self.root, cache)
        self.assertEqual(1, len(cache))
        self.assertNotEqual(kept, cache)

    def test_summary(self):
        first, second = evidence.stated(specs.read(self.spec))
        found = self.read()
        self.assertEqual('1 guard, 1 property, 2 mutants caught',
                         evidence.summary(first, found))
        self.assertEqual('by review: no model has a caller',
                         evidence.summary(second, found))


class TestRepository(unittest.TestCase):
    """The specs and the models of this repository agree."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.found = evidence.read()
        cls.specs = [specs.read(path) for path in specs.spec_files()]

    def test_every_requirement_has_its_evidence(self):
        checked = 0
        for spec in self.specs:
            mine = evidence.stated(spec)
            checked += len(mine)
            self.assertEqual([], list(evidence.check_stated(
                mine, self.found)), spec.path)
        self.assertGreaterEqual(checked, 300)

    def test_every_id_of_the_models_is_stated(self):
        known = {name for spec in self.specs
                 for kind, name, _ in specs.defined(spec.lines)
                 if kind == 'need'}
        self.assertEqual([], self.found.problems)
        self.assertEqual([], list(evidence.check_models(self.found, known)))
        self.assertGreaterEqual(len(self.found.uses), 100)
        self.assertGreaterEqual(sum(use.kind == 'text'
                                    for use in self.found.other), 50)

    def test_what_is_read_is_what_the_models_have(self):
        """Read from the source or asked of the model: the same."""
        from cyborg_models import registry
        checked = 0
        for name in registry.names():
            model = registry.choose(name, ()).model
            for one in model.properties.values():
                with self.subTest(name=name, property=one.name):
                    self.assertIn(one.name, {
                        use.name for use in self.found.properties(
                            one.requirement)})
                    checked += 1
        self.assertGreaterEqual(checked, 100)


# One guard of a model is changed: name -> (file, old, new, spec or None for
# the file itself, the start of the line that is reported, what is said).
ALTERED = {
    'a sentence loses its guard': (
        'stein/release.py', "'HANDLE-023')", "'HANDLE-031')",
        'deployables-and-handles', '.. req:: {HANDLE-023}',
        'no guard or property carries HANDLE-023'),
    'a guard names what no spec states': (
        'stein/attach.py', "'ARQ-019')", "'ARQ-919')", None,
        "", 'uses ARQ-919, which no spec states; did you mean ARQ-'),
    'a flow is forbidden': (
        'stein/attach.py', "when(s.nova[instance] is Nova.NONE, 'ARQ-001')",
        "when(s.nova[instance] is Nova.GONE, 'ARQ-001')",
        'accelerator-requests', 'nova-scheduler -> placement',
        'waits for s.nova[instance] is Nova.GONE (ARQ-001, '),
    'a figure has lost its defect': (
        'stein/program.py',
        "when(s.image[region] is s.target[region], 'PROGBIND-014')",
        "when(s.image[region] is not Logic.NONE, 'PROGBIND-014')",
        'conformance', '- :model-value:`stein.program defect=A3 depth`',
        'defect Q2 leaves out'),
}


class TestAlteredModel(support.TempCase):
    """One guard of a copy of the models is changed: what depended on it
    breaks, where it stands.
    """

    def setUp(self):
        super().setUp()
        for name in ('specs', 'doc/decisions'):
            shutil.copytree(support.ROOT / name, self.folder / name)
        shutil.copytree(support.ROOT / PACKAGE, self.folder / PACKAGE,
                        ignore=shutil.ignore_patterns('__pycache__'))

    def said(self, name):
        path = self.folder / f'specs/stein/approved/{name}.rst'
        return support.python(
            '-m', 'tools.speccheck', path, cwd=self.folder, timeout=300,
            PYTHONDONTWRITEBYTECODE='1',
            PYTHONPATH=f'{self.folder / "models"}:{support.ROOT}')

    def test_each_breaks_where_it_stands(self):
        for name, (file, old, new, spec, start, says) in ALTERED.items():
            with self.subTest(name):
                path = self.folder / PACKAGE / file
                good = path.read_text()
                self.assertIn(old, good)
                support.write(path, good.replace(old, new))
                result = self.said(spec or 'accelerator-requests')
                support.write(path, good)
                self.assertEqual(1, result.code, result.output)
                at, line = self.place(path, good, old, spec, start)
                self.assertRegex(result.output, (
                    rf'(?m)^{re.escape(at)}:{line}: .*{re.escape(says)}'))
        self.assertGreaterEqual(len(ALTERED), 3)

    def place(self, path, good, old, spec, start):
        """The file and the line that depended on the guard."""
        if spec is None:
            return (path.relative_to(self.folder).as_posix(),
                    good[:good.index(old)].count('\n') + 1)
        rst = self.folder / f'specs/stein/approved/{spec}.rst'
        lines = rst.read_text().split('\n')
        wanted = re.search(r'\{(.+)\}', start)
        if wanted:
            number = lines.index(f'   :id: {wanted[1]}')
        else:
            number = next(index for index, line in enumerate(lines, 1)
                          if line.strip().startswith(start))
        return rst.relative_to(self.folder).as_posix(), number


# One guard each: name -> (file, old, new, spec, the start of the line that
# is reported, what is said).
REBUILT = {
    'the only guard of a sentence is dropped': (
        'stein/release.py',
        "            when(s.reachable, 'PROGBIND-029')\n", '',
        'programming-at-bind', '.. req:: No guest before the first report',
        'no guard or property carries PROGBIND-029'),
    'a guard that a flow passes is turned': (
        'stein/attach.py', "when(s.job[arq] is Job.READY, 'PROGBIND-001')",
        "when(s.job[arq] is Job.STARTED, 'PROGBIND-001')",
        'accelerator-requests',
        'cyborg-conductor -> nova-compute [label = "arq0 completed\\nBound"]',
        'waits for s.job[arq] is Job.STARTED (PROGBIND-001, '),
    'a guard that a figure rests on is weaker': (
        'stein/program.py',
        "when(s.image[region] is s.target[region], 'PROGBIND-014')",
        "when(s.image[region] is not Logic.NONE, 'PROGBIND-014')",
        'conformance', '- :model-value:`stein.program defect=Q2 depth`',
        'defect Q2 leaves out'),
}


class TestRebuilt(support.TempCase):
    """The same by the build of the whole site, which writes nothing then."""

    def test_one_build_says_each_where_it_depends_on_the_guard(self):
        for path in support.ROOT.iterdir():
            if path.name in ('doc', 'specs', 'models'):
                shutil.copytree(
                    path, self.folder / path.name, symlinks=True,
                    ignore=shutil.ignore_patterns('__pycache__', 'build'))
            elif not path.name.startswith('.'):
                (self.folder / path.name).symlink_to(path)
        wanted = []
        for file, old, new, spec, start, says in REBUILT.values():
            support.edit(self.folder / PACKAGE / file, old, new)
            path = self.folder / f'specs/stein/approved/{spec}.rst'
            line = next(number for number, text in enumerate(
                path.read_text().split('\n'), 1)
                if text.strip().startswith(start))
            wanted.append((f'{spec}.rst:{line}: ', says))
        result = support.python(
            '-m', 'sphinx', '-W', '--keep-going', '-b', 'html', '--no-color',
            self.folder / 'doc/source', self.folder / 'html',
            cwd=self.folder, timeout=600,
            PYTHONPATH=f'{self.folder / "models"}:{support.ROOT}')
        self.assertNotEqual(0, result.code)
        for place, says in wanted:
            with self.subTest(place):
                self.assertRegex(result.output, (
                    f'{re.escape(place)}(WARNING|ERROR): .*'
                    f'{re.escape(says)}'), result.output[-2000:])
        # And of nothing else that has its evidence.
        self.assertEqual(1, result.output.count('and no test shows it'))
        self.assertGreaterEqual(len(wanted), 3)
        self.assertEqual([], list(self.folder.glob('html/specs/**/*.html')))


# --- on the site ------------------------------------------------------------

EVIDENCE = '''\
Evidence
========

.. evidence:: counts
.. evidence:: requirements
.. evidence:: flows
'''


class Site(Tree):
    """A site of that tree."""

    def setUp(self):
        super().setUp()
        conf = str(support.ROOT / 'doc' / 'source' / 'conf.py')
        support.write(self.root / 'conf.py', CONF.format(conf=conf).replace(
            "'tools.site'", "'tools.site', 'tools.matrix'"))
        support.write(self.root / 'index.rst',
                      'Site\n====\n\n.. toctree::\n   :glob:\n\n   evidence\n'
                      '   requirements\n   specs/**\n')
        support.write(self.root / 'evidence.rst', EVIDENCE)
        support.write(self.root / 'requirements.rst',
                      'Requirements\n============\n\n'
                      '.. requirement-index::\n')

    def build(self, *options):
        return support.sphinx(self.root, self.folder / 'html', *options)

    def page(self, name):
        return (self.folder / 'html' / name).read_text(encoding='utf-8')

    def good(self, *options):
        result = self.build(*options)
        self.assertEqual(0, result.code, result.output)
        return result.output


class TestSite(Site):
    """The page, the file, the line below a requirement, and the gate."""

    def test_page_line_and_export(self):
        said = self.good()
        self.assertIn('evidence: 4 requirements, 1 carried by models, 3 by '
                      'review', said)
        head = self.page('specs/rocky/approved/good.html').split(
            'spec-parts')[1][:800]
        self.assertRegex(head, r'evidence.html#evidence-rocky-good">evidence: '
                               '1 by models, 1 by review<')
        html = self.page('evidence.html')
        self.assertIn('id="evidence-rocky-good"', html)
        self.assertIn('id="flows-rocky-good"', html)
        self.assertIn('href="#evidence-rocky-good">2</a>', html)
        data = json.loads(self.page('evidence.json'))
        good, other = data['specs']
        self.assertEqual(('rocky/good', 'approved', 'stein/other'),
                         (good['spec'], good['status'], other['spec']))
        first, second = good['requirements']
        self.assertEqual(
            ([{'in': 'rocky.call.ask', 'file': CALL, 'line': 13}],
             {'killed': 2, 'harmless': 1}, None),
            (first['guards'], first['mutants'], first['review']))
        self.assertEqual(('always', 'answered'), (
            first['properties'][0]['kind'], first['properties'][0]['name']))
        self.assertEqual('no model has a caller', second['review'])
        self.assertEqual(
            [('Asking', 'The models know neither caller nor callee.')],
            [(flow['caption'], flow['reason']) for flow in good['flows']])
        html = self.page('evidence.html')
        for words in ('id="evidence-GOOD-001"', '>call.ask:13</a>',
                      '>call.answered:17</a>', f'{CALL}#L13',
                      'Mutants: 2 caught, 1 said to be harmless',
                      'By review: no model has a caller',
                      'Test vectors: none yet.',
                      'specs/rocky/approved/good.html#asking',
                      'rocky: 3 of 4 mutants on record are caught. stein: no '
                      'mutant is on record.'):
            self.assertIn(words, html)
        html = self.page('specs/rocky/approved/good.html')
        self.assertIn('href="../../../evidence.html#evidence-GOOD-001"', html)
        self.assertIn('</a>: 1 guard, 1 property, 2 mutants caught', html)
        self.assertIn('</a>: by review: no model has a caller', html)
        html = self.page('requirements.html')
        self.assertIn('href="evidence.html#evidence-GOOD-001">Evidence</a>: 1 '
                      'guard, 1 property', html)
        self.assertIn('href="specs/rocky/approved/good.html">', html)

    def test_of_many_vectors_the_first_are_shown(self):
        names = [f'v{number}' for number in range(11)]
        path = f'{PACKAGE}/vectors/a.json'
        support.write(self.root / path, json.dumps([
            {'name': name, 'requirements': ['GOOD-001']}
            for name in [*names, 'v1']], indent=0))
        self.good()
        html = self.page('evidence.html')
        for number, name in enumerate(names[:8]):
            rest = ', ' if number < 7 else ', and 3 more'
            self.assertRegex(
                html, f'{path}#L{3 + 6 * number}">{name}</a>{rest}')
        self.assertNotIn('>v8</a>', html)
        good = json.loads(self.page('evidence.json'))['specs'][0]
        found = good['requirements'][0]['vectors']
        self.assertEqual([*names, 'v1'], [one['name'] for one in found])
        self.assertEqual({path}, {one['file'] for one in found})

    def test_divergences_are_linked_where_they_are_recorded(self):
        path = f'{PACKAGE}/conformance/known/a.json'
        support.write(self.root / path, json.dumps({'divergences': [
            {'id': 'X1', 'title': 'one, "so" to say',
             'requirements': ['GOOD-001']},
            {'id': 'X2', 'requirement': 'GOOD-001'},
            {'requirement': 'GOOD-001'}]}, indent=1))
        self.good()
        self.assertRegex(self.page('evidence.html'), (
            f'Divergences: <a [^>]*{path}#L5">one, &quot;so&quot; to say</a>; '
            f'<a [^>]*{path}#L11">X2</a>; <a [^>]*{path}#L1">a</a>'))

    def test_all_pages_in_one_say_the_same(self):
        """As a PDF has them."""
        result = support.sphinx(self.root, self.folder / 'one',
                                builder='singlehtml')
        self.assertEqual(0, result.code, result.output)
        text = (self.folder / 'one' / 'index.html').read_text('utf-8')
        for words in ('</a>: 1 guard, 1 property, 2 mutants caught',
                      '</a>: by review: no model has a caller',
                      '>evidence: 1 by models, 1 by review<'):
            self.assertIn(words, text)

    def test_a_changed_model_changes_pages_though_none_is_read(self):
        self.good('-j', '2')
        before = support.files(self.folder / 'html')
        self.good()
        after = support.files(self.folder / 'html', '*.html')
        self.assertEqual(
            [], [name for name, one in after.items()
                 if name != 'search.html'
                 and one != before[name]])
        support.edit(self.root / CALL, '        s.asked = False',
                     "        when(s.asked, 'GOOD-001')")
        said = self.good()
        self.assertIn('0 added, 0 changed', said)
        self.assertIn('2 guards, 1 property',
                      self.page('specs/rocky/approved/good.html'))
        self.assertIn('call.ask:15', self.page('evidence.html'))
        self.assertEqual(2, len(json.loads(self.page('evidence.json'))[
            'specs'][0]['requirements'][0]['guards']))

    def test_each_problem_stops_the_build_at_its_line(self):
        self.good()
        checked = 0
        for name in ('requirement that nothing carries',
                     'mark that is stale', 'sentence that differs',
                     'id that no spec states', 'id that is computed',
                     'mutants that are no list'):
            with self.subTest(name):
                place, line = self.broken(BROKEN[name])
                for turn in ('first', 'second'):
                    result = self.build()
                    self.assertNotEqual(0, result.code, turn)
                    at = place.relative_to(self.root).as_posix()
                    self.assertRegex(result.output, (
                        rf'(?m){re.escape(at)}:{line}: WARNING: '
                        rf'.*{re.escape(BROKEN[name][-1])}'))
                    self.assertIn('nothing was written', result.output)
                checked += 1
                support.write(self.spec, SPEC)
                support.write(self.root / CALL, MODEL)
                support.write(self.root / PACKAGE / 'rocky.mutants.json',
                              MUTANTS)
        self.assertEqual(6, checked)
        self.good()

    def test_in_a_draft_it_is_said_and_the_build_goes_on(self):
        support.edit(self.spec, ':status: approved', ':status: draft')
        for name in ('requirement that nothing carries',
                     'id that no spec states'):
            self.broken(BROKEN[name])
        said = self.good()
        self.assertRegex(said, r'good\.rst:\d+: evidence: no guard or '
                         'property carries GOOD-002')
        self.assertRegex(said, r'call\.py:13: evidence: ask uses GOOD-003')
        self.assertIn('none yet', self.page('specs/rocky/approved/good.html'))

    def test_nothing_to_check_is_an_error(self):
        for path in (self.root / CALL, self.root / PACKAGE
                     / 'rocky.mutants.json'):
            path.unlink()
        support.write(self.spec, TEXT)
        self.assertIn('no guard and no property of the models names',
                      self.build().output)
        shutil.rmtree(self.root / 'models')
        self.good()
        for path in self.root.glob('specs/*/approved/*.rst'):
            text = path.read_text()
            support.write(path, re.sub(
                r'(?s)\.\. req::.*?(?=Open questions)', 'None.\n\n',
                text).replace('See :ref:', ':ref:').replace(
                    ', :need:`GOOD-001`', '').replace(
                    ', :need:`OTHER-001`', ''))
        self.assertIn('no spec states a requirement, so nothing was checked',
                      self.build().output)

    def test_unknown_table(self):
        support.write(self.root / 'evidence.rst',
                      EVIDENCE + '\n.. evidence:: everything\n')
        self.assertIn("evidence.rst:8: ERROR: there is no table 'everything' "
                      'of evidence; use counts, requirements, flows',
                      self.build().output)


if __name__ == '__main__':
    unittest.main()
