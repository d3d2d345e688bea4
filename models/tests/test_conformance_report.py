"""Reports: each field, each form, and what a failure says."""

import contextlib
import copy
import io
import json
import os
import re
import tempfile
import unittest
import xml.etree.ElementTree as etree
from html.parser import HTMLParser
from importlib import resources

import jsonschema_rs

from cyborg_models import cli
from cyborg_models.conformance import contract, modes, report, verdict
from cyborg_models.conformance.itself import ModelSystem

from . import shows

SCHEMA = json.loads(resources.files('cyborg_models.conformance').joinpath(
    'report.schema.json').read_text('utf-8'))


def made(*defects, known=(), **options):
    system = ModelSystem('stein.release', {}, defects)
    vars(system).update(roles=('cyborg', 'nova'), capabilities=(
        'core', 'unbind'), implementation=('mine', '1.2'), known=known)
    return modes.report([system], options or {
        'faults': {'steps': 1500}, 'concurrent': {'rounds': 5}}, 4,
        only='mine:Mine')


class Shared(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.good = made()
        cls.bad = made('B7', 'B20', known=('B7', 'B26'))
        cls.data = report.as_data(cls.bad)
        cls.failure = next(one for one in cls.data['failures']
                           if one['requirement'] == 'ARQ-022')
        cls.found = next(one for one in cls.bad.failures
                         if one.requirement == 'ARQ-022')


class Data(Shared):

    @shows('CONF-004')
    def test_what_was_declared(self):
        for key, value in (
                ('contract', 'stein 3.0'), ('role', ['cyborg', 'nova']),
                ('capabilities', ['core', 'unbind']), ('seed', 4),
                ('implementation', {'name': 'mine', 'version': '1.2'}),
                ('known', ['B7', 'B26']), ('mended', ['B26']),
                ('status', 1), ('verdict', 'divergent'), ('claim', ''),
                ('errors', [])):
            with self.subTest(key):
                self.assertEqual(value, self.data[key])
        self.assertIn('crash_conductor', self.data['faults'])
        self.assertEqual([], report.as_data(made(
            concurrent={'rounds': 2}))['faults'])
        self.assertEqual(
            ['stein.release'], [one['model'] for one in self.data['models']])
        [model] = self.data['models']
        self.assertEqual(
            [('faults', 4), ('concurrent', 4)],
            [(mode['mode'], mode['seed']) for mode in model['modes']])
        self.assertTrue(self.data['failures'])
        for one in self.data['failures']:
            self.assertRegex(one['repeat'], (
                '^cyborg-models conform run mine:Mine --mode '
                f'{one["mode"]} --seed 4'))

    def test_counts_begin_with_inconclusive(self):
        self.assertEqual('inconclusive', next(iter(self.data['counts'])))
        self.assertEqual(len(self.data['verdicts']),
                         sum(self.data['counts'].values()))

    def test_verdicts(self):
        self.assertEqual('B7', self.data['verdicts']['ARQ-062']['known'])
        self.assertNotIn('known', self.data['verdicts']['ARQ-022'])
        self.assertIn('sweep', self.data['verdicts']['ARQ-022']['reason'])
        passed = self.data['verdicts']['ARQ-061']
        self.assertEqual({'verdict', 'evidence'}, set(passed))

    def test_a_failure(self):
        one = self.failure
        for key, value in (
                ('title', 'Sweep at start'), ('also', ['ARQ-015']),
                ('known', ''), ('mode', 'faults'), ('seed', 4),
                ('steady', True), ('guard', None), ('differences', []),
                ('why', 'sweep(arq=0) was refused, and the model has it '
                        'possible'),
                ('event', {'kind': 'step', 'step': 'sweep(arq=0)',
                           'message': 'cyborg-conductor -> '
                           'cyborg-conductor: sweep arq0',
                           'sentence': 'A conductor that starts fails what '
                           'a crash left unfinished.',
                           'outcome': 'refused', 'source': ''}),
                ('repeat', 'cyborg-models conform run mine:Mine --mode '
                           'faults --seed 4 --steps 1500')):
            with self.subTest(key):
                if key == 'title':
                    self.assertTrue(one['title'])
                elif key == 'also':
                    self.assertNotIn('ARQ-022', one['also'])
                else:
                    self.assertEqual(value, one[key])
        self.assertIn('MUST fail, when a conductor starts',
                      one['sentence'])
        self.assertTrue(one['address'].endswith(
            'accelerator-requests.html#ARQ-022'))
        self.assertTrue(one['address'].startswith('https://'))
        self.assertIn('sweep(arq=0)', one['possible'])
        self.assertEqual('sweep(arq=0): refused', one['calls'][-1])
        self.assertEqual(
            ['claim(instance=0, host=0)', 'post(instance=0)',
             'ask_bind(instance=0)', 'start_bind(arq=0)',
             'crash_conductor'], [row['step'] for row in one['prefix']])
        self.assertEqual(1, one['prefix'][0]['number'])
        self.assertIn('job[0]: STARTED -> LOST',
                      one['prefix'][-1]['changes'])
        self.assertIn('-> cyborg-api: create ARQs',
                      one['prefix'][1]['message'])
        self.assertTrue(one['seqdiag'].startswith('seqdiag {'))
        self.assertGreater(one['steps'], 0)

    def test_the_false_guard(self):
        bad = made('P6b', 'A3')
        found = [one for one in report.as_data(bad)['failures']
                 if one['guard']]
        self.assertTrue(found)
        for one in found:
            guard = one['guard']
            self.assertEqual(one['requirement'], guard['requirement'])
            self.assertIn('.py:', guard['where'])
            self.assertIn(guard['requirement'], guard['address'])
            self.assertIn(guard['text'], one['why'])

    def test_what_differs(self):
        bad = made('A2')
        one = report.as_data(bad)['failures'][0]
        self.assertEqual([{'name': 'handle[0]', 'observed': '0',
                           'possible': ['None']}], one['differences'])

    def test_only_the_last_steps_are_drawn(self):
        bad = made('A2', explore={'steps': 1500, 'shrink': 1})
        failure = bad.failures[0]
        told = failure.divergence.prefix
        while len(told.steps) <= report.TOLD:
            told.steps.extend(told.steps)
            told.states.extend(told.states[1:])
        rows = report.failure_data(failure)['prefix']
        self.assertEqual(report.TOLD, len(rows))
        self.assertEqual(len(told.steps), rows[-1]['number'])

    def test_models_and_modes(self):
        model = self.data['models'][0]
        self.assertEqual('stein.release', model['model'])
        self.assertEqual(['faults', 'concurrent'],
                         [one['mode'] for one in model['modes']])
        mode = model['modes'][0]
        self.assertEqual((1500, 4), (mode['steps'], mode['seed']))
        self.assertEqual(
            ['cyborg-models conform run mine:Mine --mode faults --seed 4 '
             '--steps 1500', 'cyborg-models conform run mine:Mine --mode '
             'concurrent --seed 4 --rounds 5'],
            [one['repeat'] for one in model['modes']])
        for key in ('runs', 'states', 'edges', 'seconds'):
            self.assertGreater(mode[key], 0)
        self.assertEqual(5, model['modes'][1]['counts']['rounds'])
        self.assertEqual([], model['missing'])

    def test_the_harness_broke(self):
        system = ModelSystem('stein.release')
        system.observe = lambda: 3
        broken = report.as_data(modes.report(
            [system], {'explore': {'steps': 5}}))
        self.assertEqual((3, 'harness error'),
                         (broken['status'], broken['verdict']))
        self.assertIn('return a dict', broken['errors'][0])
        self.assertEqual(
            'cyborg-models conform run ModelSystem --mode explore --seed 0 '
            '--steps 5', broken['models'][0]['repeat'])


class Schema(Shared):

    def test_reports_keep_to_it(self):
        check = jsonschema_rs.validator_for(SCHEMA)
        for one in (self.good, self.bad, made('P6b', 'A3', 'A2')):
            check.validate(json.loads(report.as_json(one)))

    def test_it_bites(self):
        """Each required key, and each kind of value."""
        check = jsonschema_rs.validator_for(SCHEMA)
        for key in SCHEMA['required']:
            with self.subTest(key):
                data = copy.deepcopy(self.data)
                del data[key]
                self.assertFalse(check.is_valid(data))
        for key in SCHEMA['$defs']['failure']['required']:
            with self.subTest(failure=key):
                data = copy.deepcopy(self.data)
                del data['failures'][0][key]
                self.assertFalse(check.is_valid(data))
        for verdicts in ({'ARQ-001': {'verdict': 'pass'}},
                         {'ARQ-001': {'verdict': 'fail'}},
                         {'ARQ-001': {'verdict': 'skipped', 'reason': 'x'}}):
            self.assertFalse(check.is_valid({**self.data,
                                             'verdicts': verdicts}))

    def test_the_specification_has_these_keys(self):
        """The report of the specification's example is one of ours."""
        for key in ('contract', 'role', 'capabilities', 'implementation',
                    'known', 'faults', 'seed', 'verdicts'):
            self.assertIn(key, SCHEMA['required'])


class Text(Shared):

    def test_a_failure(self):
        text = report.failure_text(self.found)
        for part in ('ARQ-022 fails: sweep(arq=0) was refused',
                     'MUST fail, when a conductor starts',
                     'sweep(arq=0): A conductor that starts fails what a ',
                     '#ARQ-022', 'possible steps: ', 'sweep(arq=0): refused',
                     'The model agrees with 5 steps', 'nova-conductor',
                     'found in mode faults with seed 4',
                     'to repeat: cyborg-models conform run mine:Mine'):
            with self.subTest(part):
                self.assertIn(part, text)
        known = next(one for one in self.bad.failures if one.known)
        self.assertIn('fails (known: B7): ', report.failure_text(known))

    def test_guard_differences_and_unsteady(self):
        texts = [report.failure_text(one)
                 for one in made('P6b', 'A3', 'A2').failures]
        self.assertTrue(any('false guard: ' in one for one in texts))
        self.assertTrue(any('handle[0] is 0; possible: None' in one
                            for one in texts))
        self.assertEqual('a is 1; possible: 2', report._difference(
            {'name': 'a', 'observed': '1', 'possible': ['2']}))
        self.assertIn('not go with what else was seen', report._difference(
            {'name': 'a', 'observed': '1', 'possible': ['1', '2']}))
        failure = copy.copy(self.found)
        failure.steady = False
        self.assertIn('did not show again', report.failure_text(failure))

    def test_the_whole(self):
        text = '\n'.join(line for line, _ in report.lines(self.bad))
        for part in ('mine 1.2: stein 3.0, role cyborg, nova, with core, '
                     'unbind', 'faults: 1,500 steps in ', 'inconclusive (',
                     'fail (2)', 'not applicable (',
                     'mended: B26', 'Divergent.'):
            with self.subTest(part):
                self.assertIn(part, text)
        self.assertIn(f'; faults injected: {", ".join(self.data["faults"])}'
                      '\n', text)
        self.assertLess(text.index('inconclusive ('), text.index('fail ('))
        brief = [line for line, _ in report.lines(self.good,
                                                  details=False)]
        self.assertLess(len(brief), 12)

    def test_no_line_of_a_diagram_is_too_long(self):
        for width in (60, 80, 120):
            for line, _ in report.failure_lines(self.found, width):
                if '│' in line:
                    self.assertLessEqual(len(line), width)


class Junit(Shared):

    def test_one_case_for_each_requirement(self):
        suite = etree.fromstring(report.as_junit(self.bad)).find('testsuite')
        cases = suite.findall('testcase')
        self.assertEqual(list(self.bad.verdicts),
                         [case.get('name') for case in cases])
        kinds = {case.get('name'): [one.tag for one in case]
                 for case in cases}
        self.assertEqual(['failure'], kinds['ARQ-022'])
        self.assertEqual([], kinds['ARQ-061'])
        self.assertEqual(['skipped'], kinds['ARQ-072'])
        left = next(name for name, one in self.bad.verdicts.items()
                    if one.verdict == verdict.INCONCLUSIVE
                    and not self.bad.contract.rules[name].review)
        self.assertEqual(['error'], kinds[left])
        for attribute, tag in (('failures', 'failure'), ('errors', 'error'),
                               ('skipped', 'skipped')):
            self.assertEqual(int(suite.get(attribute)), sum(
                [tag] == one for one in kinds.values()))
        self.assertEqual(len(cases), int(suite.get('tests')))
        text = next(case for case in cases if case.get('name') == 'ARQ-022')
        self.assertIn('to repeat', text[0].text)

    @shows('CONF-004')
    def test_what_it_is_of(self):
        suite = etree.fromstring(report.as_junit(self.bad)).find('testsuite')
        self.assertEqual('properties', suite[0].tag)
        found = {one.get('name'): one.get('value') for one in suite[0]}
        for key, value in (
                ('contract', 'stein 3.0'), ('role', 'cyborg nova'),
                ('capabilities', 'core unbind'), ('known', 'B7 B26'),
                ('implementation', 'mine 1.2'), ('seed', '4'),
                ('faults', ' '.join(self.data['faults'])),
                ('verdict', 'divergent'), ('repeat', (
                    'cyborg-models conform run mine:Mine --mode concurrent '
                    '--seed 4 --rounds 5'))):
            with self.subTest(key):
                self.assertEqual(value, found[key])
        self.assertTrue(found['faults'])

    def test_a_harness_error(self):
        system = ModelSystem('stein.release')
        system.observe = lambda: 'a\x00b & <c>'
        broken = modes.report([system], {'explore': {'steps': 5}})
        case = etree.fromstring(report.as_junit(broken)).find(
            './/testcase[@name="harness"]')
        self.assertIn('return a dict', case[0].get('message'))
        self.assertIn("x00b & <c>'", case[0].get('message'))


class Page(Shared):

    def test_it_needs_nothing_beside_it(self):
        page = report.as_html(self.bad)
        reader = Reader()
        reader.feed(page)
        self.assertEqual([], reader.open)
        self.assertEqual(set(), reader.loaded)
        self.assertGreater(reader.links, 40)
        self.assertEqual(len(self.bad.failures), reader.tags.count('svg'))
        self.assertEqual(len(self.bad.failures), page.count('<details>'))
        for part in ('prefers-color-scheme: dark', 'mine 1.2',
                     'ARQ-022', 'to repeat', 'B26', 'divergent'):
            self.assertIn(part, page)
        for mode in self.data['models'][0]['modes']:
            self.assertIn(f'<li><code>{mode["repeat"]}</code></li>', page)

    def test_each_thing_that_differs_stands_alone(self):
        broken = ModelSystem('stein.attach', defects=('A1',))
        made = modes.report([broken], {'explore': {'steps': 600}})
        page, checked = report.as_html(made), 0
        for failure in report.as_data(made)['failures']:
            for row in failure['differences']:
                self.assertRegex(page, (
                    f'<li><code>{re.escape(row["name"])} is [^<]*'
                    f'{row["possible"][-1]}</code></li>'))
                checked += 1
        self.assertGreater(checked, 0)

    def test_the_rule_of_a_guard_is_a_link(self):
        rule = contract.address('HANDLE-012')
        self.assertIn(f'<td><a href="{rule}">{rule}</a></td>',
                      report._rows([('its rule', rule)]))
        self.assertNotIn('<a', report._rows([('at', 'https://else.where')]))

    def test_what_others_wrote_is_text(self):
        system = ModelSystem('stein.release')
        vars(system)['implementation'] = ('<script>x</script>', '1 & 2')
        page = report.as_html(modes.report(
            [system], {'explore': {'steps': 20}}))
        self.assertNotIn('<script', page)
        self.assertIn('1 &amp; 2', page)


class Reader(HTMLParser):
    """What a page has."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.loaded, self.links = [], [], set(), 0

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        names = dict(attributes)
        if tag in ('script', 'link', 'img', 'iframe') or 'src' in names:
            self.loaded.add(tag)
        self.links += tag == 'a' and '#' in names.get('href', '')
        if tag not in ('meta', 'br', 'path', 'line', 'rect', 'polygon'):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()


class CommandLine(unittest.TestCase):
    """``cyborg-models conform`` from the outside."""

    def run_it(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(
                err):
            status = cli.main(['conform', *arguments])
        return status, out.getvalue(), err.getvalue()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_all_forms_at_once(self):
        status, out, err = self.run_it(
            'run', 'model:stein.lifecycle', '--mode', 'explore', 'vectors',
            '--steps', '200', '--json', self.path('a.json'), '--junit',
            self.path('a.xml'), '--html', self.path('a.html'))
        self.assertEqual((2, ''), (status, err))
        self.assertIn('Inconclusive.', out)
        with open(self.path('a.json'), encoding='utf-8') as file:
            self.assertEqual(2, json.load(file)['status'])
        etree.parse(self.path('a.xml'))
        self.assertTrue(os.path.getsize(self.path('a.html')))

    def test_standard_output(self):
        status, out, _ = self.run_it(
            'run', 'model:stein.lifecycle', '--mode', 'exhaustive',
            '--depth', '2', '--json', '-')
        self.assertEqual(json.loads(out)['status'], status)

    def test_reviews(self):
        path = self.path('review.json')
        for text, message in (
                ('{"ARQ-072": true}', 'write it so'),
                ('{"ARQ-999": [true, "me"]}', 'no requirement'),
                ('[', 'give a JSON file')):
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
            status, out, err = self.run_it(
                'run', 'model:stein.lifecycle', '--review', path)
            self.assertEqual((3, ''), (status, out))
            self.assertIn(message, err)
        with open(path, 'w', encoding='utf-8') as file:
            file.write('{"ARQ-072": [true, "somebody else"]}')
        _, out, _ = self.run_it(
            'run', 'model:stein.lifecycle', '--review', path, '--mode',
            'explore', '--steps', '50')
        self.assertIn('ARQ-072: review by somebody else', out)

    def test_usage(self):
        for arguments, message in (
                (['run', 'model:stein.attahc'], 'did you mean'),
                (['run', 'x', '--mode', 'explor'], 'invalid choice'),
                (['run', 'model:stein.attach', '--known', 'B999'],
                 'no defect'),
                (['run', 'model:stein.attach', '--steps', '0'], 'no number'),
                (['rules', 'stien'], 'did you mean stein'),
                (['rules', 'stein', '--role', 'nova', '--capability',
                  'quota'], 'is for cyborg'),
                ([], 'KIND')):
            with self.subTest(message):
                status, out, err = self.run_it(*arguments)
                self.assertEqual((3, ''), (status, out))
                self.assertIn(message, err)

    def test_a_path_that_cannot_be_written(self):
        status, _, err = self.run_it(
            'run', 'model:stein.lifecycle', '--mode', 'explore', '--steps',
            '20', '--json', self.path('no/such/folder.json'))
        self.assertEqual(3, status)
        self.assertIn('give a path that can be written', err)

    def test_rules(self):
        status, out, _ = self.run_it('rules', 'stein', '--role', 'agent',
                                     '--json')
        rules = json.loads(out)['rules']
        self.assertEqual(0, status)
        self.assertIn('HANDLE-023', [rule['id'] for rule in rules])
        self.assertNotIn('ARQ-011', [rule['id'] for rule in rules])
        status, out, _ = self.run_it('rules', 'rocky', '--role', 'library')
        self.assertIn('OSACC-', out)
        self.assertIn('[by review]', out)


if __name__ == '__main__':
    unittest.main()
