"""The model language: what it means, and what it says of a bad model."""

import ast
import contextlib
import functools
import os
import random
import sys
import unittest
import unittest.mock
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cyborg_models.kernel import language, tables
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import (
    STRONG,
    WEAK,
    Guard,
    Model,
    ModelError,
    State,
    run,
    successor,
    when,
)

from .models_for_tests import PROFILE, Colour, Stage, gate

AT_MOST = 4
HERE = os.path.relpath(__file__)
HERE = __file__ if HERE.startswith('..') else HERE


def small():
    """A model that can be spoiled."""
    m = Model('tests.small')
    m.van = m.set('van', 2)
    m.var('state', Stage, start=Stage.IDLE)
    m.var('colour', Colour, start=Colour.RED, each=m.van)
    m.var('count', range(AT_MOST), start=0)
    return m


def tabulate(m):
    """Run every body of a model on its first state."""
    made = tables.Tables(m)
    for tree in list(made.trees):
        made.learn(tree, m.initial)


def action(m, **options):
    return m.action('nova -> cyborg: something', **options)


def _marked_lines():
    return [number for number, text in enumerate(
        Path(__file__).read_text().splitlines(), 1)
        if text.endswith('# HERE')]


@functools.cache
def _blocks():
    return {node.lineno: node.end_lineno for node in ast.walk(
        ast.parse(Path(__file__).read_text())) if isinstance(node, ast.With)}


def _marked_in_block(start):
    return [line for line in _marked_lines()
            if start <= line <= _blocks()[start]]


class BadInput(unittest.TestCase):
    """Each mistake: the line of the model, what it is, and the mend."""

    @contextlib.contextmanager
    def refused(self, *parts):
        """A ModelError at the line that is marked ``# HERE``, in the block
        or else in the test.
        """
        frame = sys._getframe(2)
        marked = _marked_in_block(frame.f_lineno) or [
            line for line in _marked_lines()
            if frame.f_code.co_firstlineno <= line <= frame.f_lineno]
        self.assertEqual(len(marked), 1)
        with self.assertRaises(ModelError) as caught:
            yield
        message = str(caught.exception)
        self.assertEqual(message.split(': ')[0], f'{HERE}:{marked[0]}',
                         message)
        for part in parts:
            self.assertIn(part, message)
        self.assertRegex(message, '[;:] ')  # the mend

    def test_undeclared_variable_with_a_near_miss(self):
        m = small()

        @action(m)
        def go(s):
            """A state is there."""
            when(
                s.sttae is Stage.IDLE, 'X-001')  # HERE
        with self.refused('tests.small has no variable sttae',
                          'did you mean state?'):
            tabulate(m)

    def test_undeclared_variable_like_no_other(self):
        m = small()

        @action(m)
        def go(s):
            """A state is there."""
            s.zebra = 3  # HERE
        with self.refused('no variable zebra', 'declare it with var()'):
            tabulate(m)

    def test_undeclared_variable_in_a_helper(self):
        m = small()

        def helper(s):
            return s.coulor[0]  # HERE

        @m.always('X-001')
        def held(s):
            """It holds."""
            return helper(s) is None
        with self.refused('no variable coulor', 'did you mean colour?'):
            tabulate(m)

    def test_value_outside_the_domain(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
            s.count = s.count - 1  # HERE
        with self.refused('count is set to -1', 'not in its domain',
                          'add it there, or guard against it'):
            tabulate(m)

    def test_a_bool_is_no_number(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
            s.count = True  # HERE
        with self.refused('count is set to True'):
            tabulate(m)

    def test_value_that_cannot_be_looked_up(self):
        m = small()

        @action(m, v=m.van)
        def go(s, v):
            """Always."""
            s.colour[v] = []  # HERE
        with self.refused('colour is set to []'):
            tabulate(m)

    def test_counting_a_value_outside_the_domain(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
            when(s.colour.count('red') == 0, 'X-001')  # HERE
        with self.refused('not in the domain of colour'):
            tabulate(m)

    def test_property_that_assigns(self):
        for declare in ('always', 'sometimes', 'eventually'):
            with self.subTest(declare):
                m = small()

                @getattr(m, declare)('X-001')
                def held(s):
                    """It holds."""
                    s.count = 2  # HERE
                    return True
                with self.refused('a property assigns count',
                                  'only actions may'):
                    tabulate(m)

    def test_may_end_that_assigns(self):
        m = small()

        @m.may_end
        def done(s):
            s.colour[1] = Colour.BLUE  # HERE
            return True
        with self.refused('assigns colour'):
            tabulate(m)

    def test_property_with_a_guard(self):
        m = small()

        @m.always('X-001')
        def held(s):
            """It holds."""
            when(s.count > 0, 'X-002')  # HERE
            return True
        with self.refused('a property uses when()', 'return a bool'):
            tabulate(m)

    def test_property_that_returns_no_bool(self):
        m = small()

        @m.always('X-001')  # HERE
        def held(s):
            """It holds."""
            return s.count
        with self.refused('held returns 0', 'return a bool'):
            tabulate(m)

    def test_eventually_that_returns_no_pair(self):
        for wrong in (True, None, (True,), (True, 1), [True, False]):
            with self.subTest(wrong):
                self.returns_no_pair(wrong)

    def returns_no_pair(self, wrong):
        m = small()

        @m.eventually('X-001')  # HERE
        def comes(s):
            """It comes."""
            return wrong if s.count < AT_MOST else None
        with self.refused(f'comes returns {wrong!r}', 'return two bools'):
            tabulate(m)

    def test_property_that_does_not_look(self):
        # Of a member, of a constant, or of what stands in no state.
        wanted = 3
        bodies = (lambda s: True, lambda s: wanted > 2,
                  lambda s, v: v < 2, lambda: True)
        for body in bodies:
            m = small()
            body.__name__, body.__doc__ = 'held', 'It holds.'
            given = {'v': m.van} if body is bodies[2] else {}
            for declare in (m.always, m.eventually, m.sometimes):
                with self.subTest(body=bodies.index(body)):
                    with self.assertRaises(ModelError) as caught:
                        declare('X-001', **given)(body)
                    self.assertRegex(
                        str(caught.exception),
                        rf'^{HERE}:{body.__code__.co_firstlineno}: held does '
                        'not look at the state: .*; say what holds of s$')

    def test_property_that_looks_by_way_of_another(self):
        m = small()

        def ask(s):
            return s.count < AT_MOST
        bodies = (lambda s: ask(s), lambda s: all(s.count < n for n in (4,)),
                  lambda s, v: s.colour[v] is not None)
        for number, body in enumerate(bodies):
            body.__name__, body.__doc__ = f'held{number}', 'It holds.'
            m.always('X-001', **({'v': m.van} if number == 2 else {}))(body)
        tabulate(m)
        self.assertEqual(['held0', 'held1', 'held2'], list(m.properties))

    def test_action_that_returns_a_value(self):
        m = small()

        @action(m)  # HERE
        def go(s):
            """Always."""
            s.count = 1
            return False
        with self.refused('action go returns False',
                          'it may only assign to s'):
            tabulate(m)

    def test_action_that_raises(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
            s.state = Stage.ASKING
            s.count = 1 // s.count  # HERE
        with self.refused('go raises ZeroDivisionError', 'guard against',
                          "'count': 0"):
            tabulate(m)

    def test_action_that_raises_in_a_helper(self):
        m = small()

        def helper(value):
            return {}[value]  # HERE

        @action(m)
        def go(s):
            """Always."""
            s.count = helper(s.count)
        with self.refused('go raises KeyError: 0'):
            tabulate(m)

    def test_action_that_raises_in_a_library(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
            s.colour[0] = Colour('purple')  # HERE
        with self.refused('go raises ValueError'):
            tabulate(m)

    def test_hidden_state_in_what_is_written(self):
        m, calls = small(), []

        @action(m)  # HERE
        def go(s):
            """Always."""
            calls.append(s.count)
            s.count = len(calls) % AT_MOST
        with self.refused('go does not depend on the state alone',
                          'may not keep anything between calls'):
            tabulate(m)

    def test_hidden_state_in_what_is_read(self):
        m, calls = small(), []

        @m.always('X-001')  # HERE
        def held(s):
            """It holds."""
            calls.append(1)
            return s.count < 9 if len(calls) % 3 else s.state is not None
        with self.refused('held does not depend on the state alone'):
            tabulate(m)

    def test_hidden_state_that_shows_late(self):
        m, calls = small(), []

        @action(m)  # HERE
        def go(s):
            """Always."""
            calls.append(1)
            if len(calls) < 20 or s.state is Stage.IDLE:
                s.count = (s.count + 1) % AT_MOST
        with self.refused('go does not depend on the state alone'):
            made = tables.Tables(m)
            for code in (0, 1, 2, 3) * 9:
                state = successor(m.initial, [(3, code)])
                made.learn(0, state)

    def test_a_leaf_where_a_node_is(self):
        m, calls = small(), []

        @action(m)  # HERE
        def go(s):
            """Always."""
            calls.append(1)
            if len(calls) <= 1 + tables.REPEAT:
                s.count = s.count
        with self.refused('go does not depend on the state alone'):
            made = tables.Tables(m)
            made.learn(0, m.initial)
            made._learned[0] = 2  # so that it is not run again
            made.learn(0, m.initial)

    def test_chance(self):
        m, chance = small(), random.Random(1)

        @action(m)  # HERE
        def go(s):
            """Sometimes."""
            when(chance.random() < 0.5, 'X-001')
            s.count = 1
        with self.refused('nor use chance or time'):
            tabulate(m)

    def test_the_engine_says_the_same(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
            s.count = s.count + 1  # HERE
        m.always('X-001')(_true)
        with self.refused('count is set to 4'):
            Engine(m.ready(), memory=1 << 24).explore()

    def test_family_assigned_as_if_it_were_one(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
            s.colour = Colour.BLUE  # HERE
        with self.refused('colour is one variable per van',
                          'assign colour[...]'):
            tabulate(m)

    def test_unknown_member(self):
        def reads(s, member):
            when(s.colour[member] is None, 'X-001')

        def writes(s, member):
            s.colour[member] = Colour.RED
        m = small()
        for body in (reads, writes):
            for member in (2, -1, None, 'x', []):
                with self.subTest(body=body, member=member):
                    with self.assertRaises(ModelError) as caught:
                        run(m, body, (member,), m.initial)
                    line = body.__code__.co_firstlineno + 1
                    self.assertEqual(
                        str(caught.exception),
                        f'{HERE}:{line}: colour has no member {member!r}; '
                        'its members are 0 to 1')

    def test_single_variable_indexed(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
            when(s.state[0] is None, 'X-001')  # HERE
        with self.refused('go raises TypeError'):
            tabulate(m)

    def test_parameters_of_another_name_number_or_order(self):
        m = small()
        for body in (lambda s: None, lambda s, b, a: None,
                     lambda s, a: None, lambda s, a, c: None,
                     lambda s, a, b, c: None):
            body.__doc__ = 'Always.'
            with self.refused('the parameters of <lambda>',
                              'give the same, in the same order, after s'):
                m.action('x -> y: z', a=m.van, b=m.van)(body)  # HERE

    def test_parameters_of_a_decorated_function(self):
        m = small()
        with self.refused('the parameters of go'):
            @m.action('x -> y: {v}',  # HERE
                      v=m.van)
            def go(s):
                """Always."""

    def test_parameter_that_ranges_over_no_set(self):
        m = small()
        with self.refused('parameter v of go ranges over range(0, 2)',
                          'use a set of the model'):
            @action(m, v=range(2))  # HERE
            def go(s, v):
                """Always."""

    def test_wrong_parameters_of_a_property(self):
        m = small()
        with self.refused('the parameters of held'):
            @m.always('X-001')  # HERE
            def held(s, v):
                """It holds."""

    def test_wrong_parameters_of_may_end(self):
        m = small()

        @m.may_end  # HERE
        def done(s, v):
            return True
        with self.refused('done raises TypeError'):
            tabulate(m)

    def test_no_docstring(self):
        def nothing(s):
            pass

        def blank(s):
            """ """
        for body in (nothing, blank):
            for declare in (action(small()), small().always('X-001'),
                            small().eventually('X-001'),
                            small().sometimes('X-001')):
                with self.refused(f'{body.__name__} has no docstring',
                                  'say in one sentence'):
                    declare(body)  # HERE

    def test_unknown_defect(self):
        m = Model('tests.small', defects=['forgets', 'lapses'])
        _complete(m)
        with self.refused("tests.small has no defect 'lapses'",
                          'known: forgets'):
            m.ready()  # HERE

    def test_unknown_defect_where_there_is_none(self):
        m = small()
        m._wanted = frozenset(['forgets'])
        with self.refused("no defect 'forgets'", 'known: none'):
            m.ready()  # HERE

    def test_defect_of_what_is_no_action(self):
        m = small()
        with self.refused('defect forgets alters _true', 'no action'):
            m.defect('forgets', of=_true)(_true)  # HERE

    def test_defect_with_other_parameters(self):
        m = small()

        @action(m)
        def go(s):
            """Always."""
        with self.refused('the parameters of worse'):
            @m.defect('forgets', of=go)  # HERE
            def worse(s, v):
                """Always."""

    def test_names_declared_twice(self):
        def go(s):
            """Always."""
            return s.count
        m = small()
        action(m)(go)
        m.always('X-001')(go)  # a property may be named like an action
        for what, declare in (
                ('go is declared twice', lambda: action(m)(go)),  # HERE
                ('go is declared twice', lambda: m.always('X')(go)),
                ('go is declared twice', lambda: m.sometimes('X')(go)),
                ("variable 'count' is declared twice",
                 lambda: m.var('count', bool, start=False)),
                ("set 'van' is declared twice", lambda: m.set('van', 3))):
            with self.subTest(what):
                with self.assertRaises(ModelError) as caught:
                    declare()
                line = declare.__code__.co_firstlineno
                self.assertIn(f':{line}: {what}', str(caught.exception))
                self.assertIn('another', str(caught.exception))

    def test_names_that_are_none(self):
        m = small()
        for name in ('a b', '', '1', 'a-b', '_codes'):
            with self.refused(f'variable {name!r}', 'is no name'):
                m.var(name, bool, start=False)  # HERE

    def test_domains(self):
        m = small()
        for domain, what in (
                ((), 'is empty'), (range(0), 'is empty'),
                ((1, 2, 1), 'names a value twice'),
                (7, 'the domain of x is 7'), ([[]], 'that can change')):
            with self.subTest(domain=domain), self.refused(what):
                m.var('x', domain, start=1)  # HERE
        for start in (3, True, 0.0, None, 'x'):
            with self.subTest(start=start), self.refused(
                    f'x starts as {start!r}', 'not in its domain',
                    'add it, or start otherwise'):
                m.var('x', range(2), start=start)  # HERE
        with self.refused('that can change'):
            m.var('x', range(2), start={})  # HERE
        with self.refused('for each 3', 'use a set'):
            m.var('x', range(2), start=1, each=3)  # HERE
        self.assertNotIn('x', m.variables)

    def test_equal_values_of_two_types(self):
        m = small()
        m.var('x', (1, True), start=True)
        self.assertIs(m.values(m.initial)['x'], True)

    def test_sets(self):
        m = small()
        for size in (0, -1, 65, '3', 1.0, None):
            with self.refused(f'set x has size {size!r}',
                              'a number from 1 to 64'):
                m.set('x', size)  # HERE

    def test_fairness(self):
        m = small()
        for fair in ('fair', True, 'STRONG'):
            with self.refused(f'has fairness {fair!r}',
                              'use WEAK, STRONG or None'):
                action(m, fair=fair)(_true)  # HERE

    def test_view_that_names_no_parameter(self):
        m = small()

        def go(s, van):
            """Always."""
        for view in ('a -> b: {vam}', 'a -> b: {}', 'a -> b: {0}',
                     'a -> b: {van.name}', 'a -> b: {van', 'a -> b: }',
                     'a -> b: {van:d}', 'a -> b: {van[x]}'):
            with self.subTest(view), self.refused(
                    f'the view {view!r} of go', 'which is no parameter'):
                m.action(view, van=m.van)(go)  # HERE

    def test_model_without(self):
        m = Model('tests.empty')
        for what, add in (
                ('variable', lambda: m.var('x', bool, start=False)),
                ('action', lambda: action(m)(_true)),
                ('property', lambda: m.always('X-001')(_true))):
            with self.refused(f'tests.empty has no {what}', 'declare one'):
                m.ready()  # HERE
            add()
        self.assertIs(m.ready(), m)

    def test_too_many_entries(self):
        m = small()

        @action(m)  # HERE
        def go(s):
            """Always."""
            s.count = (s.count + len({*s.colour, s.state})) % AT_MOST
        with self.refused('with go the tables of tests.small exceed 14',
                          'entries', 'read fewer variables'):
            with unittest.mock.patch.object(tables, 'MAX_ENTRIES', 14):
                tabulate(m)
        tabulate(m)


def _true(s):
    """Always."""
    return s is not None


def _complete(m):
    m.var('x', bool, start=False)

    @action(m)
    def go(s):
        """Always."""
        s.x = True

    @m.defect('forgets', of=go)
    def forget(s):
        """Never."""
        when(False, 'X-009')
    m.always('X-001')(_true)
    return m


class Guards(unittest.TestCase):
    """A refusal tells its guard as it is written."""

    def refusal(self, body, *arguments):
        found = run(small(), body, arguments, small().initial).value
        self.assertIsInstance(found, Guard)
        file, line = found.where.rsplit(':', 1)
        self.assertEqual(file, HERE)
        return found.text, found.requirement, (
            int(line) - body.__code__.co_firstlineno)

    def test_on_one_line(self):
        def body(s):
            when(s.count == 0, 'X-001')
            when(s.state is not Stage.IDLE, 'X-002.1')
            when(s.count == 0, 'X-003')
        self.assertEqual(self.refusal(body), (
            's.state is not Stage.IDLE', 'X-002.1', 2))

    def test_over_two_lines(self):
        def body(s):
            when(s.state is Stage.IDLE
                 and s.count > 0, 'X-002')
        self.assertEqual(self.refusal(body), (
            's.state is Stage.IDLE and s.count > 0', 'X-002', 1))

    def test_requirement_on_the_second_line(self):
        def body(s):
            when(s.colour[0] in (Colour.BLUE, Colour.GREEN),
                 'X-002')
        self.assertEqual(self.refusal(body), (
            's.colour[0] in (Colour.BLUE, Colour.GREEN)', 'X-002', 1))

    def test_over_many_lines_with_a_comma_at_the_end(self):
        def body(s):
            s.count = 1
            when(
                s.colour.any(
                    Colour.BLUE,
                    Colour.GREEN),  # why
                'X-002',
            )
        self.assertEqual(self.refusal(body), (
            's.colour.any( Colour.BLUE, Colour.GREEN)', 'X-002', 2))

    def test_with_a_bracket_in_a_string(self):
        def body(s):
            when(s.count == '(', 'X-002')
        self.assertEqual(self.refusal(body), ("s.count == '('", 'X-002', 1))

    def test_with_a_comment(self):
        def body(s):
            when(s.count == 1, 'X-002')  # (because
        self.assertEqual(self.refusal(body), ('s.count == 1', 'X-002', 1))

    def test_under_a_condition(self):
        def body(s):
            if s.count == 0: when(s.count == 1, 'X-002')  # noqa: E701
        self.assertEqual(self.refusal(body), ('s.count == 1', 'X-002', 1))

    def test_requirement_by_name(self):
        def body(s, requirement):
            when(s.count == 1, requirement)
        self.assertEqual(self.refusal(body, 'X-004'),
                         ('s.count == 1', 'X-004', 1))
        self.assertEqual(self.refusal(body, 'X-005')[1], 'X-005')

    def test_nothing_is_assigned_when_refused(self):
        m = small()

        def body(s):
            s.count = 1
            when(s.count == 2, 'X-001')
        outcome = run(m, body, (), m.initial)
        self.assertIsInstance(outcome.value, Guard)
        self.assertEqual(outcome.reads, ())

    def test_tables_keep_the_guard(self):
        m = gate()
        made = tables.Tables(m)
        for number, step in enumerate(m.steps):
            made.learn(number, m.initial)
            leaf, entry = made.look_up(number, m.initial)
            expected = run(m, step.action.body, step.arguments,
                           m.initial).value
            if isinstance(expected, Guard):
                self.assertEqual(leaf, tables.REFUSED)
                self.assertEqual(made.guards[entry], expected)
            else:
                self.assertEqual(step.action.name, 'ask')


class Declarations(unittest.TestCase):
    def build(self, defects=()):
        m = Model('tests.defective', defects)
        m.van = m.set('van', 2)
        m.var('plugged', bool, start=False, each=m.van)

        @m.action('os-acc -> plugin: plug {van}', fair=WEAK, van=m.van)
        def plug(s, van):
            """A VAN can be plugged when none is."""
            when(not s.plugged.any(True), 'X-001')
            s.plugged[van] = True

        @m.action('os-acc -> plugin: unplug {van}', fair=STRONG, fault=True,
                  van=m.van)
        def unplug(s, van):
            """A VAN that is plugged can be unplugged."""
            when(s.plugged[van], 'X-002')
            s.plugged[van] = False

        @m.defect('greedy', of=plug)
        def greedy_plug(s, van):
            """A VAN can be plugged   at
            any time."""
            s.plugged[van] = True

        @m.defect('forgetful', of=unplug)
        def unplug_nothing(s, van):
            """A VAN that is plugged stays so."""
            when(s.plugged[van], 'X-002')

        m.always('X-003')(_one_at_a_time)
        return m.ready()

    def test_defects_are_known_and_off(self):
        m = self.build()
        self.assertEqual(m.defects, {
            'greedy': 'A VAN can be plugged at any time.',
            'forgetful': 'A VAN that is plugged stays so.'})
        self.assertEqual(m.actions['plug'].body.__name__, 'plug')
        self.assertFalse(Engine(m, memory=1 << 24).explore().violations)

    def test_a_defect_replaces_the_body_and_nothing_else(self):
        plain, bad = self.build(), self.build(['greedy'])
        self.assertEqual(bad.actions['plug'].body.__name__, 'greedy_plug')
        self.assertEqual(bad.actions['unplug'].body.__name__, 'unplug')
        self.assertEqual([step.name for step in plain.steps],
                         [step.name for step in bad.steps])
        self.assertEqual(plain.actions, bad.actions)  # but for the bodies
        self.assertEqual((bad.actions['plug'].fair,
                          bad.actions['unplug'].fair,
                          bad.actions['unplug'].fault),
                         (WEAK, STRONG, True))
        found = Engine(bad, memory=1 << 24).explore()
        trace = found.violations['_one_at_a_time']
        self.assertEqual([step.message for step in trace.steps[:1]],
                         ['os-acc -> plugin: plug van0'])
        self.assertEqual(len(trace.steps), 2)

    def test_both(self):
        bad = self.build(['greedy', 'forgetful'])
        self.assertEqual(bad.actions['plug'].body.__name__, 'greedy_plug')
        self.assertEqual(bad.actions['unplug'].body.__name__,
                         'unplug_nothing')

    def test_steps_and_cells(self):
        m = small()

        @m.action('{a} -> {b}: hello', a=m.van, b=m.van)
        def greet(s, a, b):
            """Two that are two can greet.

            And more about it.
            """
            when(a != b, 'X-001')
        self.assertEqual([step.name for step in m.steps],
                         ['greet(a=0, b=0)', 'greet(a=0, b=1)',
                          'greet(a=1, b=0)', 'greet(a=1, b=1)'])
        self.assertEqual(m.steps[1].message, 'van0 -> van1: hello')
        self.assertEqual(m.actions['greet'].doc,
                         'Two that are two can greet. And more about it.')
        self.assertEqual(m.initial, (0, 0, 0, 0))
        self.assertEqual(m.values((2, 1, 0, 3)), {
            'state': Stage.INSIDE, 'colour[0]': Colour.GREEN,
            'colour[1]': Colour.RED, 'count': 3})

    def test_reads_are_those_of_the_state(self):
        m = small()

        def body(s):
            s.count = 2
            when(s.count == 2, 'X-001')  # its own: no read of the state
            s.state = Stage.ASKING if s.colour[1] else None
            s.colour[0] = s.colour[1]
        outcome = run(m, body, (), m.initial)
        self.assertEqual(outcome.reads, (2,))
        self.assertEqual(outcome.value, ((0, 1), (1, 0), (3, 2)))
        self.assertEqual(successor(m.initial, outcome.value), (1, 0, 0, 2))


def _one_at_a_time(s):
    """At most one VAN is plugged."""
    return s.plugged.count(True) <= 1


class Quantities(unittest.TestCase):
    """``count``, ``any``, ``all`` and ``find`` are the plain Python."""

    def compare(self, size, domain, codes, wanted, write=None):
        m = Model('tests.family')
        each = m.set('member', size)
        m.var('before', range(3), start=0)
        m.var('x', domain, start=domain[0], each=each)
        state = (2, *codes)
        plain = [domain[code] for code in codes]
        s = State(m, state)
        if write is not None:
            member, code = write
            plain[member] = domain[code]
            s.x[member] = domain[code]

        def same(value):
            return any(value is each for each in wanted)
        chosen = [member for member in range(size) if same(plain[member])]
        self.assertEqual(s.x.count(*wanted), len(chosen))
        self.assertIs(s.x.any(*wanted), any(map(same, plain)))
        self.assertIs(s.x.all(*wanted), all(map(same, plain)))
        self.assertEqual(s.x.find(*wanted), chosen[0] if chosen else None)
        self.assertEqual(list(s.x), plain)
        self.assertEqual(len(s.x), size)
        return m, state

    @PROFILE
    @given(st.data())
    def test_random_families(self, data):
        domain = data.draw(st.sampled_from([
            (False, True), tuple(Colour), (None, True, 1, 'x', 0, False),
            tuple(range(63)), tuple(range(64)), tuple(range(200))]))
        size = data.draw(st.integers(1, 6))
        code = st.integers(0, len(domain) - 1)
        codes = data.draw(st.lists(code, min_size=size, max_size=size))
        near = st.sampled_from(codes) | code
        wanted = [domain[n] for n in data.draw(st.lists(near, max_size=4))]
        write = data.draw(st.none() | st.tuples(
            st.integers(0, size - 1), near))
        m, state = self.compare(size, domain, codes, wanted, write)
        self.tables_say_the_same(m, state, wanted, write, domain)

    def tables_say_the_same(self, m, state, wanted, write, domain):
        def body(s, kind):
            if write is not None:
                s.x[write[0]] = domain[write[1]]
            found = getattr(s.x, kind)(*wanted)
            s.before = (0 if found is None else int(found)) % 3
        for kind in ('count', 'any', 'all', 'find'):
            one = functools.partial(body, kind=kind)
            one.__name__, one.__doc__ = kind, 'Always.'
            one.__code__ = body.__code__
            m.action('a -> b: c')(_without_kind(one))
        made = tables.Tables(m)
        for tree, step in enumerate(m.steps):
            made.learn(tree, state)
            leaf, _ = made.look_up(tree, state)
            self.assertEqual(
                effect_of(made, leaf, state),
                successor(state, run(m, step.action.body, (), state).value))

    def test_of_a_family_is_one_read(self):
        m = small()

        def body(s):
            when(s.colour.count(Colour.RED) == 2, 'X-001')
            when(s.colour.all(Colour.RED), 'X-001')
        outcome = run(m, body, (), m.initial)
        self.assertEqual(outcome.reads, (
            language.Quantity('count', 'colour', (0,)),))

    def test_this_comparison_can_fail(self):
        class Wrong(language._Family):
            def any(self, *values):
                return self.count(*values) > 1
        with unittest.mock.patch.object(language, '_Family', Wrong):
            with self.assertRaises(AssertionError):
                self.compare(2, (False, True), (0, 1), [True])


def _without_kind(one):
    def body(s):
        """Always."""
        one(s)
    body.__name__ = one.__name__
    return body


def effect_of(made, leaf, state):
    """The state after the effect that a leaf stands for."""
    effect = -int(leaf) - 1
    row = made.packing.pack(state)
    return made.packing.unpack((row & made.keep[effect]) | made.set[effect])
