"""The set of states: what it allows, and what it says when it is empty."""

import itertools
import random
import unittest

from cyborg_models import registry
from cyborg_models.conformance import oracle as oracles
from cyborg_models.conformance.oracle import (
    ALL,
    HIDDEN_REST,
    IGNORE,
    NONE,
    OK,
    REFUSED,
    SOME,
    UNKNOWN,
    Divergence,
    Oracle,
    OracleError,
    Undecided,
)
from cyborg_models.kernel.language import Guard, Model, when
from cyborg_models.kernel.trace import follow, random_run
from cyborg_models.kernel.walk import successors

NOVA = ('claim', 'post', 'ask_bind', 'name_no_provider', 'crash_conductor')


def seen_by_nova():
    """Nova's calls are made, all else is hidden."""
    return Oracle(registry.choose('stein.attach'), NOVA, HIDDEN_REST,
                  ('arq', 'handle', 'use', 'nova'))


def asked():
    """Nova has asked for the bind of ARQ 0."""
    found = seen_by_nova()
    found.step('claim', (0, 0))
    found.step('post', {'instance': 0})
    found.step('ask_bind', (0,))
    return found


def counter(size=3):
    """A counter that two may move; it ticks by itself where it is odd."""
    m = Model('test.counter')
    m.var('at', range(size), start=0)
    m.var('sum', range(size), start=0)

    @m.action('a -> b: up')
    def up(s):
        """It goes up to its end."""
        when(s.at < size - 1, 'TEST-001')
        s.at += 1

    @m.action('b -> b: tick', fair='weak')
    def tick(s):
        """It ticks where it is odd."""
        when(s.at % 2, 'TEST-002')
        when(s.sum == 0, 'TEST-003')
        s.sum = s.at

    @m.always('TEST-004')
    def behind(s):
        """The sum is never ahead."""
        return s.sum <= s.at
    return m.ready()


class Allowed(unittest.TestCase):

    def test_a_run_of_the_model_is_allowed(self):
        for name in ('stein.attach', 'stein.release', 'rocky.attach'):
            chosen = registry.choose(name)
            told = random_run(chosen.model, random.Random(1), 60)
            found = Oracle(chosen)
            for step, codes in zip(told.steps, told.states[1:],
                                   strict=True):
                found.step(step.action.name, step.arguments)
                found.observe(chosen.model.values(codes))
                self.assertEqual({codes}, found.states)
            self.assertEqual(told.steps, found.story().steps)
            self.assertEqual(told.states, found.story().states)

    def test_hidden_steps_are_followed(self):
        found = asked()
        reached = reachable(found)
        self.assertEqual(reached, found.states)
        self.assertGreater(len(reached), 10)
        found.observe({'arq[0]': 'BOUND', 'nova[0]': 'ACTIVE'})
        self.assertEqual(
            {codes for codes in reached
             if found.model.values(codes)['arq[0]'].name == 'BOUND'
             and found.model.values(codes)['nova[0]'].name == 'ACTIVE'},
            found.states)
        self.assertEqual(
            ['claim', 'post', 'ask_bind', 'register', 'start_bind', 'take',
             'prepare', 'bound', 'deliver', 'attach', 'run'],
            [step.action.name for step in found.story().steps])

    def test_an_unknown_outcome_keeps_both(self):
        found = seen_by_nova()
        found.step('claim', (0, 0), UNKNOWN)
        values = {found.model.values(codes)['nova[0]'].name
                  for codes in found.states}
        self.assertEqual({'NONE', 'CLAIMED'}, values)
        late = found.copy()
        found.step('post', (0,))  # so it had happened
        late.observe({'nova[0]': 'NONE'})
        late.observe({'nova[0]': 'CLAIMED'})  # it happened late
        with self.assertRaises(Divergence):
            late.observe({'nova[0]': 'NONE'})  # and only once

    def test_refused_is_allowed_where_a_guard_is_false(self):
        found = seen_by_nova()
        found.step('post', (0,), REFUSED)
        self.assertEqual({found.model.initial}, found.states)
        with self.assertRaises(Divergence) as caught:
            found.step('claim', (0, 0), REFUSED)
        self.assertIn('was refused', caught.exception.why)

    def test_a_fault_that_hits_nothing(self):
        found = seen_by_nova()
        found.fault('crash_conductor')
        self.assertEqual({found.model.initial}, found.states)
        found = asked()
        before = found.states
        found.fault('crash_conductor')
        self.assertLess(before, found.states)

    def test_may(self):
        found = asked()
        self.assertEqual(ALL, found.may(found.step_of('claim', (1, 0))))
        self.assertEqual(SOME, found.may(found.step_of('bound', (0,))))
        self.assertEqual(NONE, found.may(found.step_of('post', (0,))))
        self.assertIn('claim(instance=1, host=0)',
                      [step.name for step in found.possible()])

    def test_values_by_name_or_as_they_are(self):
        for value in ('INITIAL', 'Initial', registry.find(
                'stein.attach').Arq.INITIAL):
            found = seen_by_nova()
            found.step('claim', (0, 0))
            found.step('post', (0,))
            found.observe({'arq[0]': value, 'handle[0]': None,
                           'handle[1]': 'None', 'use[0]': IGNORE})
            self.assertEqual(1, len(found.states))

    def test_restart(self):
        found = asked()
        found.restart()
        self.assertEqual((found.model.initial, 0),
                         (*found.states, found.told))


def reachable(found):
    """The closure, by the plain walk."""
    m, heap = found.model, [m_after(found.model)]
    seen = set(heap)
    while heap:
        for step, after in successors(m, heap.pop()):
            if step.action.name in found.hidden and after not in seen:
                seen.add(after)
                heap.append(after)
    return seen


def m_after(m):
    codes = m.initial
    for name in ('claim', 'post', 'ask_bind'):
        step = next(step for step in m.steps if step.action.name == name)
        codes = follow(m, codes, step)
    return codes


class Overlapping(unittest.TestCase):

    def test_any_order_that_the_times_allow(self):
        for outcomes, good in ((('ok', 'refused'), True),
                               (('refused', 'ok'), True),
                               (('ok', 'ok'), False),
                               (('refused', 'refused'), False)):
            with self.subTest(outcomes):
                found = Oracle(counter(2), ('up',))
                calls = [found.call('up'), found.call('up')]

                def reply(found=found, calls=calls, outcomes=outcomes):
                    for call, outcome in zip(calls, outcomes, strict=True):
                        found.reply(call, outcome)
                if good:
                    reply()
                else:
                    self.assertRaises(Divergence, reply)

    def test_one_after_the_other_is_that_order(self):
        found = Oracle(counter(2), ('up',))
        found.reply(found.call('up'), OK)
        with self.assertRaises(Divergence) as caught:
            found.reply(found.call('up'), OK)
        self.assertEqual('TEST-001', caught.exception.requirement)

    def test_seen_while_under_way(self):
        found = Oracle(counter(), ('up',))
        call = found.call('up')
        found.observe({'at': 0})
        found.observe({'at': 1})
        with self.assertRaises(Divergence):
            found.reply(call, REFUSED)
        found.reply(call, UNKNOWN)
        found.observe({'at': 1})

    def test_unknown_may_come_late(self):
        found = Oracle(counter(), ('up',))
        found.reply(found.call('up'), UNKNOWN)
        found.observe({'at': 0})
        found.observe({'at': 1})

    def test_against_all_orders(self):
        """Three calls at once: allowed if and only if some order of them
        gives these outcomes and this end.
        """
        chosen = registry.choose('stein.release')
        model = chosen.model
        chance, good, bad = random.Random(3), 0, 0
        for _ in range(30):
            told = random_run(model, chance, 12)
            steps = chance.sample(model.steps, 3)
            ends = orders(model, told.states[-1], steps)
            for outcomes in itertools.product((OK, REFUSED), repeat=3):
                found = Oracle(chosen)
                for step in told.steps:
                    found.step(step.action.name, step.arguments)
                calls = [found.call(step.action.name, step.arguments)
                         for step in steps]
                try:
                    for call, outcome in zip(calls, outcomes, strict=True):
                        found.reply(call, outcome)
                    self.assertEqual(ends[outcomes], found.states)
                    good += 1
                except Divergence:
                    self.assertNotIn(outcomes, ends)
                    bad += 1
        self.assertGreater(min(good, bad), 20)


def orders(model, codes, steps):
    """Outcomes -> the states where some order of the steps ends so."""
    found = {}
    for order in itertools.permutations(range(len(steps))):
        here, outcomes = codes, [None] * len(steps)
        for index in order:
            after = follow(model, here, steps[index])
            outcomes[index] = REFUSED if isinstance(after, Guard) else OK
            here = here if isinstance(after, Guard) else after
        found.setdefault(tuple(outcomes), set()).add(here)
    return found


class Forbidden(unittest.TestCase):

    def caught(self, function, *arguments):
        with self.assertRaises(Divergence) as caught:
            function(*arguments)
        return caught.exception

    def test_the_guard_that_is_false(self):
        found = Oracle(registry.choose('stein.attach'))
        found.step('claim', (0, 0))
        found.step('post', (0,))
        failed = self.caught(found.step, 'bound', (0,))
        self.assertEqual('PROGBIND-001', failed.requirement)
        self.assertEqual('s.job[arq] is Job.READY', failed.guard.text)
        self.assertIn('attach.py:', failed.guard.where)
        self.assertIn('bound(arq=0) was done', failed.why)
        self.assertEqual(['claim', 'post'], [
            step.action.name for step in failed.prefix.steps])
        self.assertIn('ask_bind(instance=0)',
                      [step.name for step in failed.possible])

    def test_the_guard_that_is_farthest(self):
        """Of states that forbid it, the one that forbids it last."""
        found = Oracle(counter(4), ('up', 'tick'), ())
        found.step('up', (), UNKNOWN)  # at is 0 or 1
        found.step('tick')
        self.assertEqual('TEST-003', self.caught(
            found.step, 'tick').requirement)

    def test_an_invariant_that_the_observation_breaks(self):
        found = Oracle(registry.choose('stein.attach'))
        found.step('claim', (0, 0))
        found.step('post', (0,))
        failed = self.caught(found.observe, {
            'arq[0]': 'INITIAL', 'charged[0]': False})
        self.assertEqual('ARQ-005', failed.requirement)
        self.assertEqual('charged[0] is False, and may be True',
                         str(failed.differences[0]))
        self.assertEqual(1, len(failed.differences))

    def test_a_hidden_step_that_a_guard_forbids(self):
        found = Oracle(counter(), ('up',), ('tick',))
        found.step('up')
        found.step('up')
        found.observe({'at': 2, 'sum': 0})
        failed = self.caught(found.observe, {'sum': 2})
        self.assertEqual('TEST-002', failed.requirement)
        self.assertEqual('s.at % 2', failed.guard.text)

    def test_a_fault_that_a_step_meets(self):
        """A report withdraws a handle that an ARQ has; what is seen first
        of that is the handle of an ARQ that was removed.
        """
        sound, bad = (registry.choose('stein.release', (), defects)
                      for defects in ((), ('B30',)))
        found = Oracle(sound, hidden=('withdraw',))
        codes = sound.model.initial
        for name, arguments in (
                ('claim', (0, 0)), ('post', (0,)), ('ask_bind', (0,)),
                ('register', (0,)), ('start_bind', (0,)), ('take', (0, 0)),
                ('bound', (0,)), ('delete_instance', (0,)),
                ('delete_arq', (0,)), ('withdraw', (0,)), ('remove', (0,))):
            step = next(one for one in bad.model.steps
                        if (one.action.name, one.arguments)
                        == (name, arguments))
            codes = follow(bad.model, codes, step)
            if name != 'withdraw':
                found.step(name, arguments)
        failed = self.caught(found.observe, bad.model.values(codes))
        self.assertEqual('HANDLE-024', failed.requirement)
        self.assertIn('as by withdraw(handle=0) before remove(arq=0)',
                      failed.why)
        # Once something else was told it cannot have been just before.
        found.observe({'reachable': True})
        failed = self.caught(found.observe, bad.model.values(codes))
        self.assertNotIn(' before ', failed.why)

    def test_nothing_comes(self):
        found = asked()
        found.observe({'arq[0]': 'BIND_STARTED'})
        failed = self.caught(found.quiet, {'arq[0]': 'BIND_STARTED'})
        self.assertEqual('ARQ-015', failed.requirement)
        self.assertEqual('nothing more comes, and prepare(arq=0) is still to '
                         'come', failed.why)
        quiet = found.copy()
        quiet.quiet()  # where that is not seen, it may have come
        self.assertTrue(self.caught(
            quiet.observe, {'arq[0]': 'BIND_STARTED'}).differences)
        found = Oracle(counter(), ('up',), ('tick',))
        found.step('up')
        found.observe({'sum': 0})
        found.quiet()
        failed = self.caught(found.observe, {'sum': 0})
        self.assertEqual(('0', ('1',)), failed.differences[0][1:])

    def test_what_the_properties_carry_that_read_it(self):
        found = Oracle(counter(), ('up',))
        found.step('up')
        self.assertEqual('TEST-004', self.caught(
            found.observe, {'at': 0}).requirement)

    def test_the_last_step_is_blamed_when_nothing_else_is(self):
        model = counter()
        del model.properties['behind']
        found = Oracle(model, ('up',))
        found.step('up')
        self.assertEqual('TEST-001', self.caught(
            found.observe, {'at': 0}).requirement)

    def test_the_invariant_that_comes_to_break(self):
        """Nova is not told that a bind failed, and starts the guest."""
        found = Oracle(registry.choose('stein.attach'))
        for name, arguments in (
                ('claim', (0, 0)), ('post', (0,)), ('ask_bind', (0,)),
                ('start_bind', (0,)), ('bind_times_out', (0,)),
                ('deliver', (0,)), ('register', (0,)), ('poll', (0,))):
            found.step(name, arguments)
        self.assertEqual('ARQ-033', self.caught(
            found.observe, {'nova[0]': 'WAITING'}).requirement)

    def test_what_a_fault_must_come_to(self):
        found = Oracle(registry.choose('stein.attach'))
        found.step('claim', (0, 0))
        found.step('post', (0,))
        found.fault('name_no_provider', (0,))
        failed = self.caught(found.observe, {'arq[0]': 'BIND_STARTED'})
        self.assertEqual(('ARQ-019', 'ARQ-015'), failed.requirements)

    def test_the_prefix_stays(self):
        found = asked()
        before = found.states
        for bad in (lambda: found.step('post', (0,)),
                    lambda: found.observe({'use[0]': 'GONE'})):
            self.caught(bad)
            self.assertEqual(before, found.states)
            self.assertEqual(3, found.told)


class Defects(unittest.TestCase):

    def test_it_goes_on_past_a_known_one(self):
        found = seen_by_nova()
        found.step('claim', (0, 0))
        found.step('post', (0,))
        found.fault('name_no_provider', (0,))
        event = None
        try:
            found.observe({'arq[0]': 'BIND_STARTED', 'nova[0]': 'FAILED'})
        except Divergence as failed:
            event = failed
        after = found.with_defect('B3')
        self.assertEqual(('B3',), after.defects)
        event.again(after)
        after.observe({'arq[0]': 'BIND_STARTED'})
        with self.assertRaises(Divergence):  # the other does not allow it
            event.again(found.with_defect('B20'))
        with self.assertRaises(Divergence):  # and it allows no more than it
            after.observe({'arq[0]': 'BOUND'})

    def test_a_mended_one_fits_as_well(self):
        sound = registry.choose('stein.attach')
        told = random_run(sound.model, random.Random(5), 40)
        found = Oracle(sound)
        for name in ('B3', 'P6b', 'A7', 'B16'):
            found = found.with_defect(name)
        for step, codes in zip(told.steps, told.states[1:], strict=True):
            found.step(step.action.name, step.arguments)
            found.observe(sound.model.values(codes))

    def test_what_is_no_defect(self):
        with self.assertRaisesRegex(OracleError, 'no defect'):
            seen_by_nova().with_defect('B333')
        with self.assertRaisesRegex(OracleError, 'give build='):
            Oracle(counter()).with_defect('B3')


class Bounds(unittest.TestCase):

    def test_too_many_states(self):
        found = Oracle(registry.choose('stein.attach'), NOVA, HIDDEN_REST,
                       limit=10)
        found.step('claim', (0, 0))
        found.step('post', (0,))
        with self.assertRaisesRegex(Undecided, 'more than 10 states'):
            found.step('ask_bind', (0,))
            found.step('claim', (1, 0))

    def test_a_window_keeps_few_events(self):
        found = Oracle(counter(), ('up',), ('tick',), window=10)
        for _ in range(500):
            found.step('up', (), UNKNOWN)
            found.observe({'at': 0})
            self.assertLess(found.told, 20)
        found.observe({'at': 2})
        story = found.story()
        self.assertEqual(['up', 'up'], [step.name for step in story.steps])

    def test_closures_are_forgotten(self):
        found = asked()
        states = found.states
        found._remember(oracles.REMEMBERED)
        self.assertEqual({}, found._closures)
        self.assertEqual(states, found.states)


class NoSense(unittest.TestCase):

    def test_each_says_what_and_the_mend(self):
        found = asked()
        for message, call in (
                ("no action 'bind'", lambda: found.step('bind')),
                ('takes instance from 0 to 1', lambda: found.step(
                    'post', (7,))),
                ('takes instance', lambda: found.step(
                    'post', {'instnace': 0})),
                ('takes instance', lambda: found.step('post', ([],))),
                ('not among the controlled', lambda: found.step(
                    'bound', (0,))),
                ("outcome 'maybe' is none", lambda: found.step(
                    'post', (0,), 'maybe')),
                ('no such variable', lambda: found.observe({'arc[0]': 1})),
                ('job.0. is observed, and is not among', lambda:
                    found.observe({'job[0]': 1})),
                ("'READY', which is none", lambda: found.observe(
                    {'arq[0]': 'READY'})),
                ('which is none', lambda: found.observe({'arq[0]': []})),
                ('no call 9', lambda: found.reply(9)),
                ("no action 'bind'", lambda: Oracle(
                    found.model, ('bind',))),
                ("no variable 'arcs'", lambda: Oracle(
                    found.model, observed=('arcs',)))):
            with self.subTest(message), self.assertRaisesRegex(
                    OracleError, message):
                call()
        call = found.call('claim', (1, 0))
        found.reply(call)
        with self.assertRaisesRegex(OracleError, 'reply to each call once'):
            found.reply(call)


if __name__ == '__main__':
    unittest.main()
