"""Flows, tables, charts and figures of pages, held against the models."""

import ast
import inspect
import json
import re
import shutil
import sys
import unittest
from types import SimpleNamespace

from tools import models, produced, replay, speccheck, specs
from tools.seqdiag.language import parse
from tools.tests import support
from tools.tests.test_seqdiag_sphinx import Project
from tools.tests.test_specs import TEXT, _pattern

# A flow that passes: each case below breaks it, or a part of a page.
FLOW = '''\
.. seqdiag::
   :alt: A claim is sent.
   :name: claim
   :model: rocky.system
   :set: kind=VF
   :end: state[0]=BOUND

   nova-compute -> os-acc [label = "prepare(van0)\\ninstance"];
   os-acc -> os-acc [label = "T01 REQUESTED van0"];
   os-acc -> cyborg-api [label = "claim van0"];
   os-acc <-- cyborg-api [label = "201, handle0 granted to van0"];
   os-acc -> os-acc [label = "T02 BOUND van0"];
'''
SECOND = '''
.. seqdiag::
   :alt: And then it is ready.
   :model: rocky.system
   :set: kind=VF
   :after: claim
   :end: state[0]=READY

   os-acc -> os-acc [label = "T04 READY van0"];
'''

# name -> (old, new, the start of the line that is reported, what is said);
# FLOW and SECOND stand one behind the other.
BROKEN = {
    'model and none': (
        '   :end: state[0]=BOUND', '   :no-model: It is in none of these.',
        ':no-model: It is', ':model: and :no-model: in one flow; keep one'),
    'reason that is no sentence': (
        '   :model: rocky.system\n   :set: kind=VF\n   :end: state[0]=BOUND',
        '   :no-model: none', ':no-model: none',
        "the reason 'none' of :no-model: is no sentence"),
    'setting without a model': (
        '   :model: rocky.system\n   :set: kind=VF\n   :end: state[0]=BOUND',
        '   :set: kind=VF\n   :no-model: It is in none of these.',
        ':set: kind=VF\n   :no', ':set: says something of a model'),
    'unknown model': (
        'rocky.system\n   :set: kind=VF\n   :end: state[0]=BOUND',
        'rocky.sytem\n   :end: state[0]=BOUND', ':model: rocky.sytem',
        "unknown model 'rocky.sytem'; did you mean rocky.system?"),
    'unknown setting': (
        '   :set: kind=VF\n   :end: state[0]=BOUND',
        '   :set: knd=VF\n   :end: state[0]=BOUND', ':set: knd=VF',
        'did you mean kind?'),
    'setting that cannot be': (
        '   :set: kind=VF\n   :end: state[0]=BOUND',
        '   :set: faults=many\n   :end: state[0]=BOUND',
        ':set: faults=many',
        "setting faults of rocky.system cannot be 'many'"),
    'hides no action': (
        '   :end: state[0]=BOUND', '   :end: state[0]=BOUND\n   :hides:\n'
        '     bnd', ':hides:',
        "rocky.system has no action 'bnd'; did you mean bind?"),
    'hides what is drawn': (
        '   :end: state[0]=BOUND',
        '   :end: state[0]=BOUND\n   :hides: report', ':hides:',
        'report is hidden, and its message "os-acc -> cyborg-api: report '
        'van0" goes between os-acc and cyborg-api, which are both drawn'),
    'hides what never happens': (
        '   :end: state[0]=BOUND',
        '   :end: state[0]=BOUND\n   :hides: adopt', ':hides:',
        'hides adopt, which cannot happen between these messages'),
    'no condition': (
        ':end: state[0]=BOUND', ':end: state=BOUND', ':end: state=BOUND',
        'write state[0] to state[1]'),
    'another end': (
        ':end: state[0]=BOUND', ':end: state[0]=READY\n     state[1]=NONE',
        ':end: state[0]=READY\n     ',
        'the flow does not end with state[0]=READY: state[0] is BOUND'),
    'message that the model forbids': (
        '   os-acc -> os-acc [label = "T01 REQUESTED van0"];\n', '',
        'os-acc -> cyborg-api [',
        'send_claim(van=0) waits for s.state[van] is Van.REQUESTED '
        '(OSACC-052, models/cyborg_models/rocky/vocabulary.py:'),
    'message that the model does not have': (
        'T02 BOUND van0', 'T02 BOUND', 'os-acc -> os-acc [label = "T02',
        'has no message os-acc -> os-acc: T02 BOUND; did you mean "os-acc -> '
        'os-acc: T02 BOUND van0"?; possible here: "os-acc -> os-acc: T02'),
    'message in a branch': (
        '   os-acc -> os-acc [label = "T02 BOUND van0"];\n',
        '   alt "well" {\n   os-acc -> os-acc [label = "T02 BOUND van0"]; }\n'
        '   alt "badly" {\n'
        '   os-acc -> os-acc [\n      label = "T06 READY, verified van0"]; }'
        '\n', 'os-acc -> os-acc [\n',
        'has no message os-acc -> os-acc: T06 READY'),
    'diagram without a message': (
        FLOW[FLOW.index('   nova-compute ->'):], '   nova-compute;\n',
        '.. seqdiag::\n   :alt: A claim', 'the flow has no message'),
    'after what is not there': (
        ':after: claim', ':after: clam', ':after: clam',
        'good.rst has no flow of :name: clam; did you mean claim?'),
    'after what another spec does not have': (
        ':after: claim', ':after: stein/other#claim', ':after: stein',
        'other.rst has no flow of :name: claim'),
    'after no spec': (
        ':after: claim', ':after: stein/none#claim', ':after: stein',
        'stein/none is no spec of this repository; write release/spec#NAME'),
    'after a file that is no spec': (
        ':after: claim', ':after: ../../x#claim', ':after: ../',
        'is no spec of this repository'),
    'after itself': (
        ':name: claim', ':name: claim\n   :after: claim', ':after: claim\n'
        '   :model', 'claim comes after itself; let one of the flows begin'),
    'after a flow without a model': (
        '   :model: rocky.system\n   :set: kind=VF\n   :end: state[0]=BOUND',
        '   :no-model: It is in none of these.', ':after: claim',
        'names no model; begin after one that does'),
    'after a flow of another model': (
        '   :model: rocky.system\n   :set: kind=VF\n   :after',
        '   :model: rocky.attach\n   :after', ':after: claim',
        'is one of rocky.system kind=VF, and this one of rocky.attach'),
}

# A page with one of these says so at the line of its directive or role.
PRODUCED = {
    'Look:\n:model-value:`stein.sytem states`':
        ":model-value:`stein.sytem states`: unknown model 'stein.sytem'",
    ':model-value:`stein.system`': 'names no figure of a model',
    '.. model-table:: stein.sytem': "unknown model 'stein.sytem'",
    '.. model-table:: stein.system arq': "'arq' stands behind the model",
    '.. model-comparison:: rocky.attach x\n   :vs: faults=2':
        "'x' stands behind the model; give what it is compared with as :vs:",
    '.. model-table:: rocky.attach\n   :set: knd=VF': 'did you mean kind?',
    '.. model-table:: rocky.attach\n   :only: plug plugg':
        "rocky.attach has no action 'plugg'; did you mean plug",
    '.. state-chart:: stein.system': 'names no variable; write MODEL VARIABLE',
    '.. state-chart:: stein.system ar': 'did you mean arq?',
    '.. state-chart:: stein.system faults': 'no chart is recorded',
}


class Page(support.TempCase):
    """A spec that can be written and checked."""

    def setUp(self):
        super().setUp()
        self.spec = support.spec_tree(self.folder)
        context = support.registries()
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def check(self, text, status='approved'):
        """(line, message) of each problem of a spec that has *text*; its
        remarks are kept.
        """
        support.write(self.spec, TEXT.replace('None.\n', text).replace(
            ':status: approved', f':status: {status}'))
        remarks = []
        found = speccheck.check(self.spec, remarks)
        self.remarks = [(line, said) for _, line, said in remarks]
        return [(line, said) for _, line, said in found]

    def line(self, start):
        """The first line of the case's own text that begins so."""
        text = self.spec.read_text()
        mark = start if start.startswith('..') else f'   {start}'
        where = text.index(f'\n{mark}', text.index('References'))
        return text.count('\n', 0, where) + 2


class TestBroken(Page):
    """Each thing that can be wrong is reported, at its line."""

    def broken(self, name):
        old, new, at, says = BROKEN[name]
        text = FLOW + SECOND
        self.assertEqual(1, text.count(old), (name, old))
        return text.replace(old, new), at, says

    def test_the_flow_itself_passes(self):
        self.assertEqual([], self.check(FLOW + SECOND))

    def test_each_at_its_line(self):
        for name in BROKEN:
            with self.subTest(name):
                text, at, says = self.broken(name)
                # What follows the broken flow is reported too.
                found = self.check(text)
                mine = [row for row in found if says in row[1]
                        and 'itself refused' not in row[1]]
                self.assertEqual(1, len(mine), found)
                self.assertEqual(self.line(at), mine[0][0], found)
                self.assertLessEqual(len(found), 2, found)
        self.assertGreaterEqual(len(BROKEN), 20)

    def test_a_flow_after_a_refused_one_says_which(self):
        text, _, _ = self.broken('message that the model forbids')
        found = self.check(text)
        self.assertEqual(self.line(':after: claim'), found[1][0])
        self.assertRegex(found[1][1], r'the flow claim \(good\.rst:\d+\) is '
                         'itself refused; mend it first$')
        other = self.folder / 'specs/stein/approved/other.rst'
        support.write(other, other.read_text() + '\n' + text)
        (line, said), = self.check(SECOND.replace(
            ':after: claim', ':after: stein/other#claim'))
        self.assertEqual(self.line(':after: stein'), line)
        self.assertRegex(said, r'the flow claim \(other\.rst:\d+\) is itself '
                         'refused; mend it first: os-acc -> ')

    def test_flows_that_go_round_in_a_circle(self):
        text = (FLOW.replace(':name: claim', ':name: claim\n   :after: two')
                + SECOND.replace(':after: claim',
                                 ':name: two\n   :after: claim'))
        found = self.check(text)
        self.assertEqual(2, len(found))
        for _, said in found:
            self.assertIn('comes after itself; let one of the flows begin',
                          said)

    def chain(self, length):
        stop_start = '''
.. seqdiag::
   :alt: Told again.
   :name: n{}
   :model: rocky.system
   :set: kind=VF
   :after: {}
   :hides: report
   :end: state[0]=READY

   os-acc -> os-acc [label = "T04 READY van0"];
'''
        return FLOW + ''.join(
            stop_start.format(number, f'n{number - 1}' if number else 'claim')
            for number in range(length))

    def test_too_many_that_follow_each_other(self):
        found = self.check(self.chain(20))
        self.assertIn('more than 16 flows follow each other',
                      found[-1][1])

    def test_in_a_list_and_in_a_table(self):
        text, at, says = self.broken('message that the model forbids')
        flow = text[:text.index('\n.. seqdiag::\n   :alt: And')]
        for before, indent in (('* Look\n\n  ', '  '),
                               ('.. list-table::\n\n   * - ', '       '),
                               ('.. note::\n\n   ', '   ')):
            with self.subTest(before):
                inner = flow.replace('\n', f'\n{indent}')
                (line, said), = self.check(f'{before}{inner}\n')
                self.assertIn(says, said)
                self.assertIn('os-acc -> cyborg-api [',
                              self.spec.read_text().split('\n')[line - 1])

    def test_in_a_file_of_its_own(self):
        options, body = FLOW.split('\n\n')
        support.write(self.spec.parent / 'claim.diag',
                      body.replace('T01', 'T99'))
        support.write(self.spec, TEXT.replace(
            'None.\n', options.replace('::\n', ':: claim.diag\n', 1) + '\n'))
        (path, line, said), = speccheck.check(self.spec)
        self.assertEqual(('claim.diag', 2), (path.rpartition('/')[2], line))
        self.assertIn('T99 REQUESTED', said)

    def test_after_a_flow_of_another_spec_and_of_a_file(self):
        other = self.folder / 'specs/stein/approved/other.rst'
        support.write(other, other.read_text() + '\n' + FLOW)
        self.assertEqual([], self.check(SECOND.replace(
            ':after: claim', ':after: stein/other#claim')))

    def test_after_a_flow_in_a_file_of_its_own(self):
        options, body = FLOW.split('\n\n')
        support.write(self.spec.parent / 'claim.diag', body)
        self.assertEqual([], self.check(options.replace(
            '::\n', ':: claim.diag\n', 1) + '\n' + SECOND))

    def test_each_message_of_the_source_is_tested(self):
        said = []
        for name in BROKEN:
            said += [one for _, one in self.check(self.broken(name)[0])]
        said += [one for _, one in self.check(self.chain(20))]
        text, _, _ = self.broken('message that the model forbids')
        said += [one for _, one in self.check(text)]
        for text in PRODUCED:
            said += [one for _, one in self.check(text + '\n')]
        patterns = []
        for module in (replay, produced):
            for node in ast.walk(ast.parse(inspect.getsource(module))):
                if isinstance(node, ast.Call) and (getattr(
                        node.func, 'id', '') == 'ReplayError' or getattr(
                            node.func, 'attr', '') == 'Problem'):
                    patterns.append(_pattern(node.args[0]))
        self.assertEqual([], [pattern for pattern in patterns if not any(
            re.search(pattern, one) for one in said)])
        self.assertGreaterEqual(len(patterns), 15)

    def test_hostile_flows_end_in_a_message(self):
        for text in (
                FLOW.replace('rocky.system', '../../etc'),
                FLOW.replace('rocky.system', 'rocky.' + 'x' * 5000),
                FLOW.replace('rocky.system', 'os.path'),
                FLOW.replace('kind=VF', '= == ='),
                FLOW.replace('kind=VF', 'vans=9999'),
                FLOW.replace('state[0]', 'state[' + '9' * 4000 + ']'),
                FLOW.replace('state[0]', '__class__'),
                SECOND.replace('claim', '#'),
                SECOND.replace('claim', 'a/b/c#d#e'),
                SECOND.replace('claim', '/etc/passwd#x'),
                ':model-value:`{0.__class__} states`\n',
                ':model-value:`rocky vans=999999 states`\n',
                '.. state-chart:: ../x y\n',
        ):
            with self.subTest(text[:200]):
                self.assertTrue(self.check(text))


class TestProduced(Page):
    def test_what_is_wrong_is_said_at_its_line(self):
        for text, says in PRODUCED.items():
            with self.subTest(text):
                (line, said), = self.check(f'{text}\n')
                self.assertIn(says, said)
                start = text.split('\n')[0]
                self.assertEqual(start, self.spec.read_text().split('\n')[
                    line - 1])


class TestDraft(Page):
    """A draft is told the same, and does not fail."""

    def test_a_refused_flow_is_a_remark(self):
        text = FLOW.replace('T01 REQUESTED', 'T99')
        self.assertEqual(1, len(self.check(text)))
        self.assertEqual([], self.remarks)
        self.assertEqual([], self.check(text, 'draft'))
        (line, said), = self.remarks
        self.assertEqual(self.line('os-acc -> os-acc [label = "T99'), line)
        self.assertIn('flow: rocky.system has no message', said)

    def test_a_flow_without_a_model_is_a_remark(self):
        text = '.. seqdiag::\n   :alt: A asks B.\n\n   A -> B;\n'
        (_, said), = self.check(text)
        self.assertIn('the flow names no model', said)
        self.assertEqual([], self.check(text, 'draft'))
        self.assertEqual(
            ['flow: this flow names no model; give :model:, or :no-model: '
             'with the reason'], [said for _, said in self.remarks])

    def test_the_command_prints_remarks_and_ends_well(self):
        self.check(FLOW.replace('T01 REQUESTED', 'T99'), 'draft')
        result = support.python('-m', 'tools.speccheck', self.spec)
        self.assertEqual(0, result.code)
        self.assertRegex(result.output, r'good\.rst:\d+: flow: rocky')
        self.assertIn('1 spec checked, 0 problems', result.output)

    def test_which_files_are_drafts(self):
        self.check('None.\n')
        self.assertFalse(replay.is_draft(self.spec))
        self.check('None.\n', 'draft')
        self.assertTrue(replay.is_draft(self.spec))
        page = support.write(self.folder / 'page.rst', 'Page\n====\n')
        self.assertFalse(replay.is_draft(page))


class TestItems(unittest.TestCase):
    """The frames of a diagram as the models read them."""

    def shape(self, source):
        """Items as lists: messages by their text, alternatives as dicts,
        loops as lists.
        """
        flows = models.load('kernel.flow')

        def plain(item):
            if isinstance(item, flows.Message):
                return ('lost ' if item.lost else '') + str(item)
            if isinstance(item, flows.Loop):
                return [plain(one) for one in item.items]
            return {called: [plain(one) for one in items]
                    for called, items in item.branches}
        return [plain(item) for item in replay.items(parse(source))]

    def test_frames(self):
        a, b, c = ('A -> B: one', 'B -> A: two', 'A -> A: three')
        one, two, three = ('A -> B [label = "one\\nfree text"];',
                           'A <-- B [label = "two"];',
                           'A -> A [label = "three"];')
        for source, wanted in {
            f'{one} {two}': [a, b],
            f'{one} {two[:-2]}, failed];': [a, f'lost {b}'],
            f'alt x {{ {one} }} alt y {{ {two} }} {three}':
                [{'x': [a], 'y': [b]}, c],
            f'alt x {{ {one} }} {three} alt y {{ {two} }}':
                [{'x': [a]}, c, {'y': [b]}],
            f'alt x {{ {one} }}\n=== then ===\nalt y {{ {two} }}':
                [{'x': [a]}, {'y': [b]}],
            f'alt {{ {one} }} alt {{ {two} }}':
                [{'alternative 1': [a], 'alternative 2': [b]}],
            f'loop x {{ {one} {two} }} loop y {{ {three} }}':
                [[a, b], [c]],
            f'loop x {{ {one} alt y {{ {two} }} alt z {{ {three} }} }}':
                [[a, {'y': [b], 'z': [c]}]],
            f'alt x {{ loop y {{ {one} }} {two} }} alt z {{ {three} }}':
                [{'x': [[a], b], 'z': [c]}],
            'A => B [label = "one", return = "two"] '
            '{ A -> A [label = "three"]; }': [a, c, b],
        }.items():
            with self.subTest(source):
                self.assertEqual(wanted, self.shape(source))

    def test_every_message_of_every_diagram_is_there_once(self):
        flows = models.load('kernel.flow')

        def places(items):
            for item in items:
                if isinstance(item, flows.Message):
                    yield item.place
                elif isinstance(item, flows.Loop):
                    yield from places(item.items)
                else:
                    for _, inner in item.branches:
                        yield from places(inner)
        checked = 0
        for path in sorted((support.ROOT / 'tools/tests/diagrams').glob(
                '*.diag')):
            diagram = parse(path.read_text())
            with self.subTest(path.name):
                self.assertEqual(
                    [message.line for message in diagram.messages],
                    list(places(replay.items(diagram))))
            checked += len(diagram.messages)
        self.assertGreaterEqual(checked, 150)


class TestRepository(unittest.TestCase):
    def test_flows_are_replayed(self):
        """Those of approved specs: at least so many, and error flows."""
        flows = messages = reasons = faults = 0
        for path in specs.spec_files():
            for line, argument, options, body in specs.directives(
                    specs.read(path), 'seqdiag'):
                with self.subTest(path.name, line=line):
                    self.assertEqual('', argument)
                    if 'no-model' in options:
                        reasons += 1
                        continue
                    found = replay.replay(options, '\n'.join(body), path)
                    self.assertGreaterEqual(found.messages, 1)
                    flows += 1
                    messages += found.messages
                    faults += 'fail' in options.get('name', '')
        self.assertGreaterEqual(flows, 10)
        self.assertGreaterEqual(messages, 100)
        self.assertGreaterEqual(faults, 2)
        self.assertLess(reasons, flows)


# name -> (file, old, new, the flow of os-acc that breaks, its line, what is
# said): one guard, one effect, one message.
ALTERED = {
    'a guard is narrower': (
        'rocky/attach.py',
        "when(not held_by_another(s, van), 'OSACC-018')",
        "when(held_by_another(s, van), 'OSACC-018')",
        'os-acc-create-program', 'os-acc -> os-acc [label = "T02',
        'bind(van=0) waits for held_by_another(s, van) (OSACC-018, '),
    'an effect is missing': (
        'rocky/nova.py', 's.allocated[van] = False', 'pass',
        'os-acc-delete', ':end: instance[0]=DELETED',
        'the flow does not end with allocated[0]=false: allocated[0] is '
        'True'),
    'a message has another name': (
        'rocky/nova.py', "nova-compute -> placement: remove the allocation",
        "nova-compute -> placement: take away the allocation",
        'os-acc-delete', 'nova-compute -> placement [',
        'has no message nova-compute -> placement: remove the allocation of '
        'van0; did you mean "nova-compute -> placement: take away the '),
}


class TestAlteredModel(support.TempCase):
    """One guard of a model is changed: what depended on it breaks, there.
    """

    SPEC = support.ROOT / 'specs/rocky/approved/os-acc.rst'

    def setUp(self):
        super().setUp()
        self.models = self.folder / 'models'
        shutil.copytree(support.ROOT / 'models/cyborg_models',
                        self.models / 'cyborg_models',
                        ignore=shutil.ignore_patterns('__pycache__'))
        self.environment = {'PYTHONDONTWRITEBYTECODE': '1', 'PYTHONPATH': (
            f'{self.models}:{support.ROOT}')}

    def speccheck(self):
        return support.python('-m', 'tools.speccheck', self.SPEC,
                              **self.environment)

    def test_as_it_is_all_flows_pass(self):
        result = self.speccheck()
        self.assertEqual(0, result.code, result.output)

    def test_each_breaks_at_the_line_of_the_message(self):
        for name, (file, old, new, flow, start, says) in ALTERED.items():
            with self.subTest(name):
                path = self.models / 'cyborg_models' / file
                good = path.read_text()
                support.edit(path, old, new)
                result = self.speccheck()
                support.write(path, good)
                self.assertEqual(1, result.code, result.output)
                lines = self.SPEC.read_text().split('\n')
                first = lines.index(f'   :name: {flow}')
                wanted = next(number for number, line in enumerate(lines, 1)
                              if number > first
                              and line.strip().startswith(start))
                self.assertRegex(
                    result.output,
                    rf'(?m)^specs/rocky/approved/os-acc\.rst:{wanted}: '
                    rf'.*{re.escape(says)}')
        self.assertGreaterEqual(len(ALTERED), 3)


class TestSphinx(Project):
    """Within Sphinx: records, counts, and what a page depends on."""

    def flows(self, output):
        found = re.search(r'flows: (\d+) replayed, (\d+) messages; (\d+) '
                          'without a model', output)
        return tuple(map(int, found.groups()))

    def write_flow(self, **pages):
        self.add_extension('keeping', '''
import json
from tools import replay

def keep(app, env):
    with open(app.outdir / 'flows.json', 'w') as file:
        json.dump(replay.of(env), file)

def setup(app):
    app.setup_extension('tools.produced')
    app.connect('env-updated', keep)
    return {'parallel_read_safe': True}
''')
        self.write(**pages)

    def records(self):
        return json.loads((self.folder / 'html/flows.json').read_text())

    def test_records_and_count(self):
        self.write_flow(
            index=FLOW + SECOND + '\n.. toctree::\n\n   other\n',
            other='.. seqdiag::\n   :alt: A asks B.\n   :caption: Ask\n'
                  '   :no-model: It is in none of these.\n\n   A -> B;\n')
        self.assertEqual((2, 6, 1), self.flows(self.good()))
        notes = [' '.join(re.sub('<[^>]+>', '', note).split())
                 for note in re.findall(r'(?s)class="legend">(.+?)</div>',
                                        self.page() + self.page('other'))]
        self.assertEqual([
            'Replayed against rocky.system kind=VF, messages: 5; at the end '
            'state[0]=BOUND.',
            'Replayed against rocky.system kind=VF, messages: 1; from the '
            'end of claim; at the end state[0]=READY.',
            'Not replayed: It is in none of these.'], notes)
        self.assertIn('href="#claim"', self.page())
        first, second = self.records()['index']
        self.assertEqual(
            {'line': 4, 'name': 'claim', 'caption': '', 'reason': '',
             'model': 'rocky.system kind=VF', 'messages': 5, 'branches': 1,
             'problem': ''}, first)
        self.assertEqual(1, second['messages'])
        other, = self.records()['other']
        self.assertEqual(('Ask', '', 'It is in none of these.', 0), (
            other['caption'], other['model'], other['reason'],
            other['messages']))
        # Nothing changed: nothing is read, and nothing is forgotten.
        again = self.good()
        self.assertEqual((2, 6, 1), self.flows(again))
        self.assertIn('0 changed', again)

    def test_processes_side_by_side(self):
        names = [f'page{number}' for number in range(6)]
        self.write_flow(
            index='.. toctree::\n\n   ' + '\n   '.join(names) + '\n',
            **{name: FLOW.replace('claim\n', f'{name}\n')
               for name in names})
        self.assertEqual((6, 30, 0), self.flows(self.good('-j', '2')))

    def test_a_removed_page_is_forgotten(self):
        self.write_flow(index='.. toctree::\n   :glob:\n\n   *\n', two=FLOW)
        self.assertEqual(1, self.flows(self.good())[0])
        (self.folder / 'src/two.rst').unlink()
        self.write(index='Nothing.\n')
        self.assertEqual((0, 0, 0), self.flows(self.good()))

    def test_a_refused_flow_fails_the_build_at_its_line(self):
        self.write_flow(index=FLOW.replace('T01 REQUESTED', 'T99'))
        result = self.build()
        self.assertNotEqual(0, result.code)
        line = support.line_of(self.folder / 'src/index.rst',
                               'os-acc -> os-acc [label = "T99')
        self.assertIn(f'index.rst:{line}: ', result.output)
        self.assertTrue(self.records()['index'][0]['problem'])

    def test_in_a_draft_it_is_said_and_the_build_goes_on(self):
        spec = support.spec_tree(self.folder / 'src')
        support.write(spec, TEXT[:TEXT.index('It says')].replace(
            ':status: approved', ':status: draft') + FLOW.replace(
                'T01 REQUESTED', 'T99'))
        for path in (self.folder / 'src/specs').rglob('*.rst'):
            if path != spec:
                path.unlink()
        self.write_flow(
            index='.. toctree::\n\n   specs/rocky/approved/good\n')
        said = self.good()
        self.assertRegex(said, r'good\.rst:\d+: flow: rocky\.system has no '
                         'message')

    def test_what_is_produced_shows_in_the_page(self):
        self.write_flow(index=(
            'It has :model-value:`stein.system actions` actions.\n\n'
            '.. model-table:: rocky.lifecycle\n   :class: wide\n\n'
            '.. state-chart:: stein.lifecycle arq\n   :caption: An ARQ\n'
            '   :alt: The "life" of an ARQ.\n'))
        conf = self.folder / 'src/conf.py'
        support.write(conf, conf.read_text().replace(
            "['tools.seqdiag'", "['sphinx_needs', 'tools.seqdiag'"))
        self.build()  # the ids of the guards are stated nowhere here
        html = self.page()
        model = models.choose('stein.system').model
        self.assertIn(f'>{len(model.actions)}</span> actions', html)
        for action in models.choose('rocky.lifecycle').model.actions.values():
            self.assertIn(f'>{action.name}<', html)
            self.assertIn(action.doc.split("'")[0][:20], html)
        self.assertIn("""aria-label='The "life" of an ARQ.'""", html)
        self.assertIn('class="chart-figure', html)
        self.assertIn('An ARQ', html)

    def test_a_changed_model_has_its_pages_read_again(self):
        shutil.copytree(support.ROOT / 'models/cyborg_models',
                        self.folder / 'models/cyborg_models',
                        ignore=shutil.ignore_patterns('__pycache__'))
        self.write(index=FLOW + '\n.. toctree::\n\n   other\n',
                   other='Nothing.\n')

        def build():
            return support.python(
                '-m', 'sphinx', '-W', '--keep-going', '-b', 'html',
                self.folder / 'src', self.folder / 'html',
                PYTHONDONTWRITEBYTECODE='1', PYTHONPATH=(
                    f'{self.folder / "models"}:{support.ROOT}'))
        result = build()
        self.assertEqual(0, result.code, result.output)
        self.assertIn('0 changed', build().output)
        support.edit(self.folder / 'models/cyborg_models/rocky/attach.py',
                     'w.goes_on(s, van, Call.PREPARE, Van.NONE)',
                     'w.goes_on(s, van, Call.PREPARE, Van.FAILED)')
        result = build()
        self.assertNotEqual(0, result.code)
        self.assertIn('1 changed', result.output)
        line = support.line_of(self.folder / 'src/index.rst',
                               'os-acc -> os-acc [label = "T01')
        self.assertRegex(result.output, rf'index\.rst:{line}: .*request'
                         r'\(van=0\) waits for s\.state\[van\] is Van\.FAIL')


class TestModels(support.TempCase):
    def test_a_model_depends_on_its_files(self):
        paths = models.load('registry').sources('rocky.attach')
        names = {'/'.join(path.split('/')[-2:]) for path in paths}
        for name in ('rocky/attach.py', 'rocky/vocabulary.py',
                     'kernel/language.py', 'kernel/flow.py'):
            self.assertIn(name, names)
        self.assertNotIn('stein/attach.py', names)

    def broken(self, file, text):
        """What speccheck says of os-acc with a file of the models broken.
        """
        shutil.copytree(support.ROOT / 'models/cyborg_models',
                        self.folder / 'cyborg_models', dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns('__pycache__'))
        support.write(self.folder / 'cyborg_models' / file, text)
        result = support.python(
            '-m', 'tools.speccheck', TestAlteredModel.SPEC,
            PYTHONDONTWRITEBYTECODE='1',
            PYTHONPATH=f'{self.folder}:{support.ROOT}')
        self.assertEqual(1, result.code, result.output)
        self.assertNotIn('Traceback', result.output)
        return result.output

    def test_a_model_that_cannot_be_read_is_a_problem_of_each_flow(self):
        for file, text, says in (
                ('rocky/nova.py', 'def f(:', r'nova\.py:1: invalid syntax'),
                ('rocky/nova.py', 'nothing', 'NameError: name .nothing.'),
                ('rocky/nova.py', 'import nothing', 'No module named'),
                ('kernel/flow.py', 'def f(:', 'invalid syntax'),
                ('figures.py', 'import nothing', 'cannot be imported: No')):
            with self.subTest(file, text=text):
                self.assertGreaterEqual(len(re.findall(
                    rf'(?m)^specs/rocky/approved/os-acc\.rst:\d+: .*{says}',
                    self.broken(file, text))), 10)

    def test_without_sphinx_nothing_is_noted(self):
        models.depend(SimpleNamespace(settings=SimpleNamespace()), ['x'])

    def test_a_page_that_names_no_model_imports_none(self):
        result = support.python(
            '-c', 'import sys; from tools import speccheck;'
            'print([name for name in sys.modules if "cyborg" in name])')
        self.assertEqual('[]\n', result.output)
        self.assertIn('tools.speccheck', sys.modules)


if __name__ == '__main__':
    unittest.main()
