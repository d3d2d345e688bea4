"""Runs as messages, as ITF files and back, and what is refused."""

import collections
import itertools
import json
import os
import random
import tempfile
import unittest
from unittest import mock

from cyborg_models import registry
from cyborg_models.conformance import blame
from cyborg_models.kernel import describe, itf, trace
from cyborg_models.kernel.language import STRONG, Model

from . import small


def lasso(model):
    """van0 waits while van1 comes and goes."""
    steps = {step.name: step for step in model.steps}
    told = trace.Run(model, [model.initial], [])
    for name in ('ask(van=0)', 'ask(van=1)', 'plug(van=1)'):
        told.steps.append(steps[name])
        told.states.append(trace.follow(model, told.states[-1],
                                        steps[name]))
    told.steps.append(steps['unplug(van=1)'])
    told.loop = 1
    assert trace.follow(model, told.states[-1],
                        told.steps[-1]) == told.states[1]
    return told


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'x.itf.json')

    def write(self, text):
        with open(self.path, 'w', encoding='utf-8') as file:
            file.write(text)
        return self.path


class TestTelling(unittest.TestCase):
    def test_messages_say_only_what_changes(self):
        told = lasso(small.build())
        rows = trace.messages(told)
        self.assertEqual(('nova-compute', 'os-acc', 'attach van0'),
                         (rows[0].sender, rows[0].receiver, rows[0].text))
        self.assertEqual(['state[1]: ASKED -> PLUGGED', 'owner: None -> 1'],
                         [str(change) for change in rows[2].changes])
        self.assertEqual(['state[1]: PLUGGED -> IDLE', 'owner: 1 -> None'],
                         [str(change) for change in rows[3].changes])

    def test_lines(self):
        self.assertEqual([
            '   1. nova-compute -> os-acc: attach van0             '
            'state[0]: IDLE -> ASKED',
            '      --- from here on, again and again ---',
            '   2. nova-compute -> os-acc: attach van1             '
            'state[1]: IDLE -> ASKED',
            '   3. os-acc -> plugin: plug van1                     '
            'state[1]: ASKED -> PLUGGED',
            '                                                      '
            'owner: None -> 1',
            '   4. os-acc -> plugin: unplug van1                   '
            'state[1]: PLUGGED -> IDLE',
            '                                                      '
            'owner: 1 -> None',
            '      --- and again from 2, for ever ---',
        ], trace.lines(lasso(small.build())))

    def test_no_line_is_longer_than_the_width(self):
        looked = 0
        for name in registry.names():
            told = trace.random_run(registry.choose(name).model,
                                    random.Random(5), 40)
            for width in (40, 59, 60, 80, 132):
                for line in trace.lines(told, width):
                    self.assertLessEqual(len(line), width, line)
                    looked += 1
        self.assertGreater(looked, 500)

    def test_a_run_that_stops_for_ever(self):
        told = lasso(small.build())
        told.steps.pop()
        told.loop = 3
        self.assertTrue(told.lasts)
        self.assertEqual('      --- and nothing more happens, for ever ---',
                         trace.lines(told)[-1])
        self.assertIn('nothing more happens', trace.seqdiag(told))

    def test_a_step_that_changes_nothing(self):
        m = Model('test.idle')
        m.var('x', bool, start=False)

        @m.action('says nothing of who', fair=STRONG)
        def idle(s):
            """Always."""
            s.x = False
        told = trace.random_run(m, random.Random(1), 1)
        self.assertRegex('\n'.join(trace.lines(told)),
                         r'^   1\. says nothing of who +\(no change\)$')
        self.assertIn('=== says nothing of who ===', trace.seqdiag(told))

    def test_random_runs_repeat(self):
        model = small.build(small.Settings(busy=True))
        runs = [trace.random_run(model, random.Random(seed), 30).steps
                for seed in (1, 1, 2)]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])
        only = trace.random_run(model, random.Random(1), 30, ('ask',))
        self.assertEqual(['ask', 'ask'],
                         [step.action.name for step in only.steps])

    def test_seqdiag(self):
        source = trace.seqdiag(lasso(small.build()))
        self.assertIn('  nova-compute -> os-acc [label = "attach van0"];\n'
                      '  === from here on, again and again ===\n', source)
        self.assertEqual('"a b"', trace._quoted('a b'))
        self.assertEqual('"a \\\\ \'b\'"', trace._quoted('a \\ "b"'))

    def test_explain(self):
        told = lasso(small.build())
        explained = trace.explain(told.model, told.states[3])
        self.assertEqual(['unplug(van=1)'],
                         [step.name for step in explained.possible])
        guards = {step.name: guard for step, guard in explained.refused}
        self.assertEqual('TEST-003', guards['plug(van=0)'].requirement)
        self.assertEqual('s.owner is None', guards['plug(van=0)'].text)
        self.assertRegex(guards['plug(van=0)'].where, r'small\.py:\d+$')
        self.assertEqual(len(told.model.steps), 1 + len(guards))

    def test_a_guard_of_a_helper_in_full(self):
        # The helpers ask for s.call[van] is call, and of what it looks for.
        model = registry.choose('rocky.attach').model
        found = trace.explain(model, model.initial, ('plug', 'unplug'))
        self.assertEqual({'s.call[van] is Call.PLUG'},
                         {guard.text for _, guard in found.refused})
        step = next(one for one in model.steps if one.action.name == 'plug')
        self.assertEqual('s.call[van] is call', trace.follow(
            model, model.initial, step).text)
        model = registry.choose('rocky.release').model
        found = trace.explain(model, model.initial, ('begin_detach', 'erase'))
        self.assertEqual({'s.state[van] is Van.UNPLUGGING',
                          's.job[van] in (Job.ERASE_HANDLE, Job.ERASE_REGION)'
                          }, {guard.text for _, guard in found.refused})
        # What an action asks itself stays as it is written.
        model = registry.choose('stein.attach').model
        found = trace.explain(model, model.initial, ('post',))
        self.assertEqual({'s.nova[instance] is Nova.CLAIMED'},
                         {guard.text for _, guard in found.refused})

    def test_describe(self):
        said = describe.describe(small.build().actions['plug'])
        self.assertEqual((('TEST-002', 's.state[van] is Van.ASKED'),
                          ('TEST-003', 's.owner is None')), said.guards)
        self.assertEqual(('s.state[van] = Van.PLUGGED', 's.owner = van'),
                         said.effects)

    def test_requirements_of_an_action(self):
        """Those of guards that stand in what it calls are among them."""
        asked = collections.Counter()
        for name in ('rocky.system', 'rocky.attach', 'stein.attach'):
            model, chance = registry.choose(name).model, random.Random(1)
            codes = model.initial
            for _ in range(60):
                after = []
                for step in model.steps:
                    names = describe.requirements(step.action)
                    written = dict(describe.describe(step.action).guards)
                    for guard in blame.guards_asked(model, codes, step):
                        self.assertIn(guard.requirement, names, step.name)
                        asked[guard.requirement in written] += 1
                    found = trace.follow(model, codes, step)
                    if isinstance(found, tuple):
                        after.append(found)
                codes = chance.choice(after) if after else model.initial
        self.assertGreater(asked[True], 1000)
        self.assertGreater(asked[False], 1000)  # in what is called alone
        model = registry.choose('rocky.attach').model
        self.assertEqual((), describe.describe(
            model.actions['attach']).guards)
        self.assertIn('OSACC-009', describe.requirements(
            model.actions['attach']))
        self.assertNotIn('OSACC-009', describe.requirements(
            model.actions['bind']))


class TestRoundTrip(Folder):
    def test_every_model(self):
        names = registry.names()
        self.assertGreaterEqual(len(names), 8)
        for name, seed in itertools.product(names, range(3)):
            with self.subTest(name, seed=seed):
                chosen = registry.choose(name)
                told = trace.random_run(chosen.model, random.Random(seed),
                                        25)
                self.write(itf.dumps(told, name, chosen.set,
                                     chosen.defects))
                read = itf.Document(self.path)
                again = registry.choose(read.name, read.settings,
                                        read.defects)
                self.assertEqual(chosen.settings, again.settings)
                found = read.run(again.model)
                self.assertEqual(told.states, found.states)
                self.assertEqual([step.name for step in told.steps],
                                 [step.name for step in found.steps])

    def test_lasso(self):
        told = lasso(small.build())
        for standing in (False, True):
            if standing:
                told.steps.pop()
                told.loop = 3
            self.write(itf.dumps(told))
            found = itf.Document(self.path).run(small.build())
            self.assertEqual((told.loop, len(told.steps), told.lasts),
                             (found.loop, len(found.steps), found.lasts))

    def test_it_is_itf(self):
        data = json.loads(itf.dumps(lasso(small.build()), 'test.small',
                                    {'vans': '2'}, ('greedy',), 'why'))
        self.assertEqual({'#meta', 'vars', 'loop', 'states'}, set(data))
        self.assertEqual(1, data['loop'])
        state = data['states'][3]
        self.assertEqual({'index': 3}, state['#meta'])
        self.assertEqual('plug', state['mbt::actionTaken'])
        self.assertEqual(
            {'van': {'tag': 'Some', 'value': {'#bigint': '1'}}},
            state['mbt::nondetPicks'])
        self.assertEqual({'#map': [[{'#bigint': '0'}, 'ASKED'],
                                   [{'#bigint': '1'}, 'PLUGGED']]},
                         state['state'])
        self.assertEqual({'tag': 'Some', 'value': {'#bigint': '1'}},
                         state['owner'])
        self.assertIs(False, state['told'])
        self.assertEqual(set(data['vars']) | {'#meta'}, set(state))

    def test_plain_integers_are_read(self):
        text = itf.dumps(lasso(small.build()))
        for number in '012':
            text = text.replace(f'{{"#bigint": "{number}"}}', number)
        self.assertNotIn('#bigint', text)
        self.write(text)
        self.assertEqual(4, len(itf.Document(self.path).run(
            small.build()).steps))


class TestBadInput(Folder):
    def setUp(self):
        super().setUp()
        self.model = small.build()
        self.text = itf.dumps(lasso(self.model))

    def refused(self, text, words):
        """The message for a file; it names the file and the line."""
        self.write(text)
        with self.assertRaises(itf.TraceError) as caught:
            itf.Document(self.path).run(self.model)
        message = str(caught.exception)
        self.assertTrue(message.startswith(self.path), message)
        self.assertRegex(message, words)
        self.assertNotIn('\n', message)
        self.assertLess(len(message) - len(self.path), 300)
        return message

    def changed(self, change):
        data = json.loads(self.text)
        change(data)
        return json.dumps(data)

    def test_not_a_trace(self):
        cases = {
            '': 'empty', '\n ': 'empty', 'hello': ':1: not JSON',
            '[1, 2]': ':1: not a trace', '{}': 'no "#meta"', '7': 'no object',
            '{"#meta": {}, "vars": [], "states": {}}': 'no array',
            '{"#meta": {}, "vars": [], "states": []}': 'no state',
            '{"#meta": {}, "vars": [], "states": [{}]}': 'no model',
            '{"a": 1, "a": 2}': '"a" stands twice', '[NaN]': 'NaN',
            '[1.5]': '1.5', '[' * 100_000: 'nested|truncated',
            f'[{"9" * 5000}]': '5,000 digits',
            '{"#meta": {"model": "test.small", "settings": 3}, "vars": [], '
            '"states": [{}]}': 'settings',
            '{"#meta": {"model": "x", "defects": "y"}, "vars": [], '
            '"states": [{}]}': 'defects',
            '{"#meta": {}, "vars": [], "states": [{}], "more": 1}': 'more',
        }
        for text, words in cases.items():
            with self.subTest(text[:40]):
                self.refused(text, words)

    def test_truncated_anywhere(self):
        lines = self.text.count('\n')
        for end in range(1, len(self.text) - 3, 97):
            message = self.refused(self.text[:end], 'truncated|not JSON')
            line = int(message[len(self.path) + 1:].split(':')[0])
            self.assertLessEqual(line, lines)

    def test_not_a_file(self):
        folder = os.path.dirname(self.path)
        loop = os.path.join(folder, 'loop')
        os.symlink(loop, loop)
        cases = {folder: 'not a file', '/dev/zero': 'not a file',
                 loop: 'symbolic links',
                 os.path.join(folder, 'none'): 'No such file',
                 'a\0b': 'null'}
        for path, words in cases.items():
            with self.assertRaisesRegex(itf.TraceError, words):
                itf.Document(path)
        with open(self.path, 'wb') as file:
            file.write(b'{\n"\xff\xfe": 1}')
        with self.assertRaisesRegex(itf.TraceError, ':2: not UTF-8 at byte'):
            itf.Document(self.path)

    def test_a_gigabyte_is_not_read(self):
        with open(self.path, 'wb') as file:
            file.truncate(1 << 30)
        with mock.patch('builtins.open', side_effect=AssertionError):
            with self.assertRaisesRegex(itf.TraceError, '1,073,741,824'):
                itf.Document(self.path)

    def test_states(self):
        def of_state(index, **values):
            def change(data):
                data['states'][index].update(values)
            return change

        def without(index, name):
            return lambda data: data['states'][index].pop(name)

        def drop(data):
            del data['states'][2]
        cases = [
            (of_state(1, told='yes'), r'told cannot be "yes"'),
            (of_state(1, told=1), r'told cannot be 1'),
            (of_state(1, owner='0'), r'owner cannot be "0"'),
            (of_state(1, count={'#bigint': '9'}), r'count cannot be'),
            (of_state(1, count=2**60), r'count cannot be'),
            (of_state(1, state='IDLE'), r'one per van'),
            (of_state(1, state={'#map': [[0, 'IDLE']]}), r'each of 0 to 1'),
            (of_state(1, state={'#map': [[0, 'IDLE'], [0, 'IDLE']]}),
             r'each of 0 to 1'),
            (of_state(1, state={'#map': [[0, 'IDLE'], [1, 'LOST']]}),
             r'state\[1\] cannot be "LOST"; it is one of "IDLE"'),
            (of_state(1, colour=1), r'unknown variable "colour"'),
            (of_state(1, told=True), r'told is True, not False'),
            (of_state(0, told=True), r'not where the model starts'),
            (without(1, 'told'), r'lacks the variable "told"'),
            (without(1, itf.TAKEN), r'does not say which action'),
            (of_state(1, **{itf.TAKEN: 'unplug'}),
             r'forbids unplug\(van=0\).*TEST-004.*small\.py:\d+'),
            (of_state(1, **{itf.TAKEN: 'ak'}), r'did you mean ask'),
            (of_state(1, **{itf.TAKEN: 'init'}), r'only state 0'),
            (of_state(0, **{itf.TAKEN: 'count'}), r'comes from no action'),
            (of_state(1, **{itf.PICKS: {}}), r'needs van, from 0 to 1'),
            (of_state(1, **{itf.PICKS: {'van': 7}}), r'needs van'),
            (of_state(1, **{itf.PICKS: {'bus': 0}}), r'takes no "bus"'),
            (of_state(1, **{itf.PICKS: []}), r'no object'),
            (drop, r'another index'),
            (lambda data: data['states'].insert(1, 7), r'no object'),
            (lambda data: data.update(loop=9), r'"loop" is 9'),
            (lambda data: data.update(loop=True), r'"loop" is true'),
            (lambda data: data.update(loop=0), r'back to state 0'),
            (lambda data: data['#meta'].update(loopAction=1), 'loopAction'),
            (lambda data: data['vars'].append('z'), r'of another model'),
            (lambda data: data['vars'].pop(), r'of another model'),
            (lambda data: data['vars'].append([]), r'of another model'),
        ]
        for change, words in cases:
            with self.subTest(words):
                self.refused(self.changed(change), words)

    def test_the_line_is_that_of_the_variable(self):
        lines = self.text.split('\n')
        number = max(index for index, line in enumerate(lines, start=1)
                     if line.startswith('   "told"'))
        lines[number - 1] = '   "told": "perhaps",'
        self.refused('\n'.join(lines), f':{number}: state 3: told')

    def test_no_bytes_make_a_traceback(self):
        chance, looked = random.Random(7), 0
        for _ in range(300):
            text = list(self.text)
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(text))
                text[at] = chance.choice('{}[]",:0a\\\x00 \ud7ff')
            self.write(''.join(text))
            try:
                itf.Document(self.path).run(self.model)
            except itf.TraceError as error:
                self.assertNotIn('\n', str(error))
                looked += 1
        self.assertGreater(looked, 200)


if __name__ == '__main__':
    unittest.main()
