"""Flows held against a model: what passes, what is refused, and why."""

import ast
import inspect
import random
import re
import unittest
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from cyborg_models.kernel import flow, trace, walk
from cyborg_models.kernel.flow import (
    Alternatives,
    FlowError,
    Loop,
    Message,
    condition,
    replay,
)
from cyborg_models.kernel.language import Model, when

from .models_for_tests import PROFILE, gate


def parcel(twice=False):
    """A parcel that is sent, may get lost, and arrives damaged or not."""
    m = Model('tests.parcel')
    m.var('at', ('shop', 'road', 'home'), start='shop')
    m.var('whole', bool, start=True)
    m.var('count', range(40_000), start=0)

    @m.action('shop -> carrier: parcel')
    def send(s):
        """A parcel in the shop is sent."""
        when(s.at == 'shop', 'PARCEL-001')
        s.at = 'road'

    @m.action('carrier -> home: parcel')
    def arrive(s):
        """A parcel that is whole arrives from the road."""
        when(s.at == 'road', 'PARCEL-002')
        when(s.whole, 'PARCEL-003')
        s.at = 'home'

    @m.action('carrier -> nobody: parcel, lost', fault=True)
    def lose(s):
        """A parcel on the road gets lost."""
        when(s.at == 'road', 'PARCEL-002')
        s.at = 'shop'

    @m.action('carrier -> carrier: drops it', fault=True)
    def drop(s):
        """A parcel on the road is dropped."""
        when(s.at == 'road', 'PARCEL-002')
        s.whole = False

    @m.action('clerk -> clerk: counts')
    def count(s):
        """A clerk counts to the end."""
        s.count = (s.count + 1) % 40_000

    if twice:
        @m.action('shop -> carrier: parcel')
        def send_again(s):
            """Nobody can tell this from the other one."""
            when(s.at == 'shop', 'PARCEL-001')

    @m.always('PARCEL-009')
    def counted(s):
        """The count is no more than there is."""
        return s.count < 40_000
    return m.ready()


def drawn(*lines):
    """Messages, each written ``sender -> receiver: text``, with ``x``
    before it if it is drawn as lost; their places are 1, 2, and so on.
    """
    found = []
    for number, line in enumerate(lines, 1):
        lost = line.startswith('x ')
        sender, receiver, text = re.fullmatch(
            '(.+?) -> (.+?): (.+)', line.removeprefix('x ')).groups()
        found.append(Message(sender, receiver, text, number, lost))
    return found


SEND, ARRIVE = 'shop -> carrier: parcel', 'carrier -> home: parcel'
DROP, LOSE = 'carrier -> carrier: drops it', 'x carrier -> home: parcel, lost'

# name -> (the flow, how it is replayed, the place, part of what is said)
REFUSED = {
    'no message': ((), {}, None, 'the flow has no message; draw one'),
    'out of order': (
        drawn(ARRIVE), {}, 1, 'carrier -> home: parcel is not possible here: '
        "arrive waits for s.at == 'road' (PARCEL-002, "),
    'the guard that is nearest': (
        drawn(SEND, DROP, ARRIVE), {}, 3, 'waits for s.whole (PARCEL-003, '),
    'the same again': (
        drawn(SEND, ARRIVE, ARRIVE), {'hidden': ['drop']}, 3,
        "waits for s.at == 'road' (PARCEL-002, "),
    'what is possible, nearest first': (
        drawn(SEND, SEND), {}, 2, '; possible here: "carrier -> home: parcel"'
        ', "carrier -> nobody: parcel, lost", '),
    'unknown text': (
        drawn('shop -> carrier: parcels'), {}, 1,
        'tests.parcel has no message shop -> carrier: parcels; did you mean '
        '"shop -> carrier: parcel"?; possible here: '),
    'unknown actor': (
        drawn('shop -> carier: parcel'), {}, 1,
        "it has no actor 'carier'; did you mean 'carrier'?"),
    'unlike any actor': (
        drawn('shop -> Q: parcel'), {}, 1, "it has no actor 'Q'; possible"),
    'lost, and not drawn so': (
        drawn(SEND, LOSE[2:]), {}, 2, 'has no message carrier -> home: '
        'parcel, lost: there it goes to nobody; draw it as one that is'),
    'in the other branch': (
        [*drawn(SEND), Alternatives((
            ('well', tuple(drawn(ARRIVE))),
            ('badly', tuple(drawn(DROP, ARRIVE)))), 9)], {}, 2,
        'carrier -> home: parcel is not possible here ("badly"): '),
    'after one of the branches': (
        [*drawn(SEND), Alternatives((
            ('well', ()), ('badly', tuple(drawn(DROP)))), 9),
         *drawn(SEND, SEND, ARRIVE)[2:]], {}, 3, '("badly"): arrive waits'),
    'without what may happen': (
        [Alternatives((('sent', tuple(drawn(SEND))),), 9),
         *drawn(SEND, ARRIVE)[1:]], {}, 2, '("without sent"): '),
    'never once in a loop': (
        [Loop(tuple(drawn(ARRIVE)), 9)], {}, 1, 'is not possible here'),
    'hides what cannot happen': (
        drawn(SEND), {'hidden': ['drop']}, None,
        'hides drop, which cannot happen between these messages'),
    'hides too much': (
        drawn(SEND), {'hidden': ['count']}, 1,
        'what is hidden before shop -> carrier: parcel leads to more than '
        '20,000 states'),
    'another end': (
        drawn(SEND), {'end': ['at=home']}, None,
        'the flow does not end with at=home: at is road; draw on, or claim '
        'that'),
    'another end, in a branch': (
        [*drawn(SEND), Alternatives((
            ('well', tuple(drawn(ARRIVE))), ('badly', tuple(drawn(DROP)))))],
        {'end': ['at=home']}, None,
        'the flow does not end with at=home ("badly"): at is road'),
    'an end that need not be': (
        drawn(SEND, LOSE, SEND), {'hidden': ['drop'],
                                  'end': ['whole=true']}, None,
        'the flow need not end with whole=true: whole may be False; hide '
        'less, or claim less'),
}

# text -> part of what is said
NO_CONDITIONS = {
    'at': "'at' is no condition; write variable=VALUE",
    'at home': "'at home' is no condition",
    'att=home': "tests.parcel has no variable 'att'; did you mean at?",
    'zzz=1': "no variable 'zzz'; there is at, count, whole",
    'at[0]=home': 'at is a single variable; write at=',
    'at=hom': "at is never 'hom'; did you mean home?",
    'at=home|': "at is never ''; there is home, road, shop",
    'at=Q': "at is never 'Q'; there is home, road, shop",
}


class TestRefused(unittest.TestCase):
    """What is no run of the model is refused where it goes wrong."""

    def refusal(self, items, options, model=None):
        model = model or parcel()
        options = dict(options)
        with self.assertRaises(FlowError) as caught:
            options['end'] = [condition(model, text)
                              for text in options.get('end', ())]
            replay(model, items, **options)
        return caught.exception

    def said(self):
        """Every message that the cases of this file bring about."""
        for items, options, _, _ in REFUSED.values():
            yield self.refusal(items, options).message
        for text in NO_CONDITIONS:
            yield self.refusal((), {'end': [text]}).message
        yield self.refusal((), {'end': ['stage=IDLE']}, gate()).message
        yield self.refusal(drawn(SEND), {}, parcel(True)).message
        yield self.many_ways().message
        yield self.long().message

    def many_ways(self):
        # Each branch leaves another number behind.
        counts = [Alternatives((('counted', (Message(
            'clerk', 'clerk', 'counts', 5),)),), 5) for _ in range(100)]
        return self.refusal(counts, {})

    def long(self):
        with mock.patch.object(flow, 'RUNS', 10):
            return self.refusal(drawn(*[SEND, LOSE] * 6), {})

    def test_at_its_place_with_what_was_possible(self):
        for name, (items, options, place, says) in REFUSED.items():
            with self.subTest(name):
                error = self.refusal(items, options)
                self.assertIn(says, error.message)
                self.assertEqual(place, error.place)
        self.assertGreaterEqual(len(REFUSED), 15)

    def test_the_guard_has_its_file_and_line(self):
        said = self.refusal(drawn(SEND, DROP, ARRIVE), {}).message
        where = re.search(r'PARCEL-003, (\S+):(\d+)\)', said)
        source, start = inspect.getsourcelines(parcel)
        self.assertTrue(where[1].endswith('test_flow.py'), said)
        self.assertIn("when(s.whole, 'PARCEL-003')",
                      source[int(where[2]) - start])

    def test_several_guards_are_named_the_last_first(self):
        said = self.refusal(drawn(SEND, ARRIVE, ARRIVE),
                            {'start': None, 'hidden': []}).message
        self.assertNotIn(', or ', said)
        model = parcel()
        road, = replay(model, drawn(SEND)).ends
        dropped, = replay(model, drawn(SEND, DROP)).ends
        said = self.refusal(drawn(ARRIVE), {
            'start': [model.initial, dropped]}, model).message
        self.assertRegex(said, r"waits for s\.whole \(.*, or s\.at == ")
        self.assertEqual(1, replay(model, drawn(ARRIVE),
                                   [model.initial, road]).messages)

    def test_conditions(self):
        for text, says in NO_CONDITIONS.items():
            with self.subTest(text):
                error = self.refusal((), {'end': [text]})
                self.assertIn(says, error.message)
                self.assertEqual('end', error.about)

    def test_condition_of_one_of_several(self):
        error = self.refusal((), {'end': ['stage=IDLE']}, gate())
        self.assertIn('write stage[0] to stage[1]', error.message)
        error = self.refusal((), {'end': ['stage[2]=IDLE']}, gate())
        self.assertIn('write stage[0] to stage[1]', error.message)

    def test_a_message_of_several_actions(self):
        error = self.refusal(drawn(SEND), {}, parcel(twice=True))
        self.assertIn('is the message of several actions: send, send_again',
                      error.message)

    def test_too_many_ways(self):
        self.assertIn('more than 64 ways', self.many_ways().message)

    def test_too_much_work(self):
        self.assertIn('takes more than 10 steps', self.long().message)

    def test_each_message_of_the_source_is_tested(self):
        patterns = messages_of(flow)
        said = list(self.said())
        self.assertEqual([], [pattern for pattern in patterns if not any(
            re.fullmatch(pattern, one, re.S) for one in said)])
        self.assertGreaterEqual(len(patterns), 12)


def messages_of(module):
    """Each message that a module can raise as a FlowError, as a pattern."""
    found = []
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and getattr(
                node.func, 'id', '') in ('FlowError', '_Impossible'):
            texts = [node.args[0]]
            if isinstance(texts[0], ast.IfExp):
                texts = [texts[0].body, texts[0].orelse]
            found += map(_pattern, texts)
    return found


def _pattern(text):
    if isinstance(text, ast.JoinedStr):
        return ''.join(map(_pattern, text.values))
    if isinstance(text, ast.Constant):
        return re.escape(text.value)
    if isinstance(text, ast.BinOp):
        return _pattern(text.left) + _pattern(text.right)
    return '.*'


class TestAllowed(unittest.TestCase):
    """What is a run of the model passes, and is counted."""

    def ends(self, *items, **options):
        model = parcel()
        end = [condition(model, text) for text in options.pop('end', ())]
        found = replay(model, items, end=end, **options)
        values = [model.values(state) for state in found.ends]
        return found, {(one['at'], one['whole']) for one in values}

    def test_messages_in_order(self):
        found, ends = self.ends(*drawn(SEND, ARRIVE),
                                end=['at=home', 'whole=true'])
        self.assertEqual((2, 1), (found.messages, found.branches))
        self.assertEqual({('home', True)}, ends)

    def test_what_is_lost_may_be_drawn_to_whom_it_was_meant_for(self):
        self.assertEqual({('shop', True)},
                         self.ends(*drawn(SEND, LOSE))[1])

    def test_white_space_does_not_count(self):
        self.ends(*drawn('shop -> carrier:  parcel '))

    def test_hidden_actions_in_between(self):
        found, ends = self.ends(*drawn(SEND, SEND), hidden=['lose'])
        self.assertEqual({('road', True)}, ends)
        _, ends = self.ends(*drawn(SEND, LOSE), hidden=['drop'],
                            end=['at=shop'])
        self.assertEqual({('shop', True), ('shop', False)}, ends)

    def test_nothing_hidden_happens_after_the_last_message(self):
        with self.assertRaises(FlowError):
            self.ends(*drawn(SEND), hidden=['drop'])

    def test_start(self):
        before, _ = self.ends(*drawn(SEND))
        self.assertEqual({('home', True)}, self.ends(
            *drawn(ARRIVE), start=before.ends)[1])

    def test_each_branch_to_the_end(self):
        found, ends = self.ends(*drawn(SEND), Alternatives((
            ('well', tuple(drawn(ARRIVE))), ('badly', tuple(drawn(DROP))))),
            end=['at=home|road'])
        self.assertEqual((3, 2), (found.messages, found.branches))
        self.assertEqual({('home', True), ('road', False)}, ends)

    def test_branches_that_come_together_are_one(self):
        found, _ = self.ends(*drawn(SEND), Alternatives((
            ('once', ()), ('twice', tuple(drawn(LOSE, SEND))))),
            *drawn(SEND, ARRIVE)[1:])
        self.assertEqual((4, 1), (found.messages, found.branches))

    def test_a_single_branch_happens_or_not(self):
        _, ends = self.ends(*drawn(SEND), Alternatives((
            ('dropped', tuple(drawn(DROP))),)))
        self.assertEqual({('road', True), ('road', False)}, ends)

    def test_alternatives_within_alternatives(self):
        _, ends = self.ends(*drawn(SEND), Alternatives((
            ('well', tuple(drawn(ARRIVE))),
            ('badly', (*drawn(LOSE), Alternatives((
                ('again', tuple(drawn(SEND))),)))))))
        self.assertEqual(
            {('home', True), ('shop', True), ('road', True)}, ends)

    def test_a_loop_goes_on_until_nothing_is_new(self):
        model = parcel()
        found = replay(model, [Loop((Message('clerk', 'clerk', 'counts'),))])
        self.assertEqual(1, found.messages)
        self.assertEqual(40_000, len(found.ends))

    def test_a_loop_need_not_happen_again(self):
        _, ends = self.ends(Loop(tuple(drawn(SEND))), *drawn(SEND, ARRIVE)[1:])
        self.assertEqual({('home', True)}, ends)

    def test_conditions_of_each_kind_of_value(self):
        model = gate()
        self.assertEqual(1, len(condition(model, 'lock=none').codes))
        self.assertEqual(2, len(condition(model, 'lock=None|1').codes))
        self.assertEqual(1, len(condition(model, 'stage[1]=IDLE').codes))
        self.assertEqual(
            condition(parcel(), 'whole=true').codes,
            condition(parcel(), 'whole=True').codes)


class TestAgainstAWalk(unittest.TestCase):
    """A replay and a plain search agree on random flows."""

    @PROFILE
    @given(st.integers(0, 10**6), st.booleans(), st.booleans())
    def test_agree(self, seed, locked, shuffled):
        chance, model = random.Random(seed), gate(2, locked)
        told = trace.messages(trace.random_run(model, chance, 8))
        hidden = chance.sample(sorted(model.actions), chance.randrange(3))
        kept = [row for row in told if row.step.action.name not in hidden]
        if shuffled:
            chance.shuffle(kept)
        if not kept:
            return
        items = [Message(row.sender, row.receiver, row.text, index)
                 for index, row in enumerate(kept)]
        reached = self.search(model, [row.step for row in kept], hidden)
        try:
            ends = replay(model, items, hidden=hidden).ends
        except FlowError as error:
            if error.about != 'hidden':
                self.assertEqual(set(), reached, error)
            return
        self.assertEqual(reached, set(ends))

    @staticmethod
    def search(model, steps, hidden):
        """The states after all the steps, by walking pairs of a state and
        how many steps were done.
        """
        seen = {(model.initial, 0)}
        waiting, found = list(seen), set()
        while waiting:
            state, done = waiting.pop()
            if done == len(steps):
                found.add(state)
                continue
            for step, after in walk.successors(model, state):
                pairs = []
                if step == steps[done]:
                    pairs.append((after, done + 1))
                if step.action.name in hidden:
                    pairs.append((after, done))
                for pair in pairs:
                    if pair not in seen:
                        seen.add(pair)
                        waiting.append(pair)
        return found


if __name__ == '__main__':
    unittest.main()
