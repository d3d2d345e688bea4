"""Logs: what a model made is allowed, a fault is found, and a bad log
proves nothing.
"""

import collections
import gzip
import io
import json
import os
import random
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from cyborg_models import registry
from cyborg_models.conformance import (
    contract,
    log,
    logged,
    modes,
    verdict,
)
from cyborg_models.conformance.itself import ModelSystem
from cyborg_models.conformance.oracle import Oracle
from cyborg_models.conformance.suite import System

from . import small


def lines_of(model, count=200, seed=1, **options):
    """The events of a sample, as objects."""
    return [json.loads(line) for line in log.sample(
        model, random.Random(seed), count, **options)]


def text_of(events):
    return b''.join(json.dumps(event).encode() + b'\n' for event in events)


def check(oracle, events, seconds=60.0, **mapping):
    """What comes of events, or of bytes."""
    data = events if isinstance(events, bytes) else text_of(events)
    return log.Checker(oracle, log.Mapping(**mapping), seconds).check(
        io.BytesIO(data), 'a.log')


def numbered(*events):
    return [{'number': number, **event}
            for number, event in enumerate(events, 1)]


def act(action, outcome=None, observed=None, **arguments):
    found = {'action': action, 'arguments': arguments}
    if outcome:
        found['outcome'] = outcome
    if observed:
        found['observed'] = observed
    return found


class Small(unittest.TestCase):
    """One model for all, since it is not changed."""

    @classmethod
    def setUpClass(cls):
        cls.model = small.build()

    def oracle(self, **options):
        return Oracle(self.model, **options)


class Allowed(Small):

    def test_what_models_made(self):
        for name in ('stein.attach', 'stein.release', 'rocky.attach'):
            chosen = registry.choose(name)
            for options in ({}, {'observe': False}, {'refused': 0.3}):
                with self.subTest(name, **options):
                    found = check(Oracle(chosen), lines_of(
                        chosen.model, **options))
                    self.assertEqual(('pass', '', 200, 200), (
                        found.verdict, found.cause, found.events,
                        found.lines))

    def test_a_log_without_a_hidden_step(self):
        chosen = registry.choose('stein.attach')
        events = lines_of(chosen.model, 400)
        kept = [event for event in events if event['action'] != 'start_bind']
        self.assertLess(len(kept), len(events))
        for number, event in enumerate(kept, 1):
            event['number'] = number
        self.assertEqual('fail', check(Oracle(chosen), kept).verdict)
        found = check(Oracle(chosen, hidden=('start_bind',)), kept)
        self.assertEqual('pass', found.verdict, found.divergence)

    def test_anything_may_be_missing(self):
        whole = act('plug', van=1, observed={'owner': 1})
        for event in (whole, {'action': 'plug', 'arguments': {}},
                      {'action': 'plug'}, {'observed': {'told': False}},
                      {'action': 'plug', 'observed': {'state[1]': 'PLUGGED'}},
                      {'time': 3, 'actor': 'x', **whole},
                      {'note': 'anything', **whole}):
            with self.subTest(event):
                found = check(self.oracle(), numbered(
                    act('ask', van=1), event))
                self.assertEqual('pass', found.verdict, found.divergence)

    def test_a_missing_argument_is_any_and_no_more(self):
        both = [act('ask', van=0), act('ask', van=1), {'action': 'plug'}]
        for owner, wanted in ((0, 'pass'), (1, 'pass'), (None, 'fail')):
            found = check(self.oracle(), numbered(
                *both, {'observed': {'owner': owner}}))
            self.assertEqual(wanted, found.verdict)

    def test_an_unknown_outcome_is_both(self):
        for state in ('ASKED', 'IDLE'):
            found = check(self.oracle(), numbered(
                act('ask', 'unknown', van=0),
                {'observed': {'state[0]': state}}))
            self.assertEqual('pass', found.verdict)
        found = check(self.oracle(), numbered(
            act('ask', 'unknown', van=0),
            {'observed': {'state[0]': 'PLUGGED'}}))
        self.assertEqual('fail', found.verdict)

    def test_begin_is_the_start_again(self):
        again = [act('ask', van=0), {'action': 'begin'}, act('ask', van=0)]
        self.assertEqual('pass', check(self.oracle(),
                                       numbered(*again)).verdict)
        del again[1]
        self.assertEqual('fail', check(self.oracle(),
                                       numbered(*again)).verdict)

    def test_times_of_both_kinds(self):
        for times in ((1, 2.5), ('2026-11-24T10:00:00Z',
                                 '2026-11-24T12:00:00+01:00')):
            events = numbered(*({'time': one, **act('ask', van=van)}
                                for van, one in enumerate(times)))
            self.assertEqual('pass', check(self.oracle(), events).verdict)

    def test_what_happened_is_told(self):
        found = check(self.oracle(), numbered(
            act('ask', van=0), act('plug', van=0), act('plug', 'refused',
                                                       van=1)))
        self.assertEqual({'ask(van=0)', 'plug(van=0)'},
                         {step.name for step in found.steps})


class Divergent(Small):

    def test_the_line_what_came_before_and_what_was_possible(self):
        found = check(self.oracle(), numbered(
            act('ask', van=0), act('ask', van=1), act('plug', van=0),
            act('plug', van=1), act('unplug', van=0)))
        self.assertEqual(('fail', 4, 3), (found.verdict, found.line,
                                          found.events))
        self.assertIn('"plug"', found.text)
        told = found.divergence
        self.assertEqual(['ask(van=0)', 'ask(van=1)', 'plug(van=0)'],
                         [step.name for step in told.prefix.steps])
        self.assertEqual(1, found.first)
        self.assertEqual('a.log:4', told.event.source)
        self.assertEqual(['unplug(van=0)'],
                         [step.name for step in told.possible])
        self.assertEqual(('TEST-003', 's.owner is None'), (
            told.requirement, told.guard.text))

    def test_what_was_seen_differs(self):
        found = check(self.oracle(), numbered(
            act('ask', van=0), act('plug', van=0, observed={
                'owner': 1, 'told': False})))
        self.assertEqual(('fail', 2), (found.verdict, found.line))
        difference, = found.divergence.differences
        self.assertEqual(('owner', '1', ('0',)), difference)

    def test_each_of_several_steps_is_forbidden(self):
        found = check(self.oracle(), numbered(
            act('ask', van=0), {'action': 'unplug'}))
        self.assertEqual(('fail', 2), (found.verdict, found.line))
        self.assertEqual('TEST-004', found.divergence.requirement)

    def test_of_a_long_log_the_last_lines_are_told(self):
        cycle = [act('ask', van=0), act('plug', van=0), act('unplug', van=0)]
        found = check(self.oracle(), numbered(
            *cycle * 200, act('unplug', van=1)))
        self.assertEqual(('fail', 601, 600), (
            found.verdict, found.line, found.events))
        self.assertEqual(log.WINDOW, len(found.divergence.prefix.steps))
        self.assertEqual(601 - log.WINDOW, found.first)

    def test_before_begin_is_another_story(self):
        found = check(self.oracle(), numbered(
            act('ask', van=1), {'action': 'begin'}, act('ask', van=0),
            act('plug', van=1)))
        self.assertEqual(('fail', 4, 3), (found.verdict, found.line,
                                          found.first))
        self.assertEqual(['ask(van=0)'], [
            step.name for step in found.divergence.prefix.steps])

    def test_what_was_remembered_is_not_lost_when_it_is_forgotten(self):
        chosen = registry.choose('stein.attach')
        events = lines_of(chosen.model, 500)
        events.append({'number': 501, **act('run', instance=0, observed={
            'nova[0]': 'GONE'})})
        before = log.REMEMBERED
        log.REMEMBERED = 7
        try:
            found = check(Oracle(chosen), events)
        finally:
            log.REMEMBERED = before
        self.assertEqual(('fail', 501), (found.verdict, found.line))

    def test_a_known_fault_is_passed_by_and_another_is_not(self):
        sound = registry.choose('stein.attach')
        faulty = registry.choose('stein.attach', (), ('A1', 'B3')).model
        shown, others = set(), set()
        for seed in range(8):
            data = text_of(lines_of(faulty, 1000, seed))
            found = log.Checker(Oracle(sound), known=('A1', 'B3')).check(
                io.BytesIO(data))
            self.assertEqual(('fail', None, 1000), (
                found.verdict, found.divergence, found.events))
            shown |= {name for name, _, _ in found.known}
            # With one of them known, the other is a divergence of its own.
            found = log.Checker(Oracle(sound), known=('A1',)).check(
                io.BytesIO(data))
            if found.divergence:
                self.assertNotIn('B3', [one[0] for one in found.known])
                others.add(found.divergence.requirement)
        self.assertEqual({'A1', 'B3'}, shown)
        self.assertTrue(others)

    def test_a_fault_that_does_not_show_is_not_told(self):
        found = log.Checker(self.oracle(build=lambda defects: small.build(
            defects=defects)), known=('greedy',)).check(io.BytesIO(text_of(
                numbered(act('ask', van=0)))))
        self.assertEqual(('pass', []), (found.verdict, found.known))

    def test_software_with_a_known_fault(self):
        sound = registry.choose('stein.attach')
        for defect in ('A1', 'A5', 'B3'):
            faulty = registry.choose('stein.attach', (), (defect,)).model
            oracle = Oracle(sound)
            found = next(one for one in (check(oracle, lines_of(
                faulty, 2000, seed)) for seed in range(20))
                if one.verdict != 'pass')
            with self.subTest(defect):
                self.assertEqual('fail', found.verdict, found.cause)
                # Allowed for, it is a divergence no more, there.
                found.divergence.again(oracle.with_defect(defect))


class Shown(Small):
    """What a log shows of each requirement, and what it does not."""

    def shown(self, *events, oracle=None, **mapping):
        found = check(oracle or self.oracle(), numbered(*events), **mapping)
        chosen = mock.Mock(title='test.small', model=self.model)
        rules = contract.Contract('test 1.0', ('x',), {}, {
            name: contract.Rule(name, '', '', contract.OBLIGES, ('x',),
                                (contract.CORE,), '', '')
            for name in sorted(verdict.carried(self.model) | {'TEST-999'})})
        system = System()
        vars(system).update(roles=('x',), implementation=('x', '1'))
        with mock.patch.object(logged.suite, 'declared',
                               return_value=rules):
            return found, logged.report(found, chosen, system)

    def test_what_was_refused_is_a_pass(self):
        found, report = self.shown(
            act('ask', van=0), act('plug', van=0), act('ask', van=1),
            act('plug', 'refused', van=1))
        one = report.verdicts['TEST-003']
        self.assertEqual(('pass', (1, 1)), (one.verdict, one.lines))
        self.assertIn('plug refused', one.evidence)
        self.assertEqual({'TEST-003': 1}, found.refused)

    def test_what_is_unknown_shows_nothing(self):
        for outcome, shown in (('refused', True), ('unknown', False)):
            found, _ = self.shown(act('plug', outcome, van=1))
            self.assertEqual(shown, bool(found.evidence), found.evidence)
            self.assertEqual(shown, bool(found.refused))

    def test_what_comes_of_a_fault_is_shown_by_who_looks(self):
        chosen = registry.choose('stein.attach')
        before = [act('claim', instance=0, host=0),
                  act('post', instance=0), act('ask_bind', instance=0)]
        for observed, shown in (({'asked[0]': False}, True), (None, False)):
            found = check(Oracle(chosen), numbered(*before, act(
                'lose_request', arq=0, observed=observed)))
            self.assertEqual('pass', found.verdict, found.divergence)
            self.assertEqual(shown, 'lose_request' in found.evidence.get(
                'ARQ-090', ()))

    def test_guards_that_held_are_counted_and_are_no_pass(self):
        cycle = [act('ask', van=0), act('plug', van=0), act('unplug', van=0)]
        found, report = self.shown(*cycle * 20)
        one = report.verdicts['TEST-003']
        self.assertEqual((20, 0), (found.held['TEST-003'],
                                   found.refused['TEST-003']))
        self.assertEqual(('inconclusive', (20, 0)), (one.verdict, one.lines))
        self.assertIn('no line was refused by one of its guards', one.reason)

    def test_counts_are_not_lost_when_moves_are_forgotten(self):
        events = [act('ask', van=0), act('plug', van=0),
                  act('unplug', van=0)] * 50
        with mock.patch.object(log, 'REMEMBERED', 1):
            found, _ = self.shown(*events)
        self.assertEqual(50, found.held['TEST-003'])

    def test_an_invariant_is_shown_by_what_was_observed(self):
        for observed, shown, reason in (
                ({'state[1]': 'IDLE'}, 'pass', ''),
                # Whatever this is, the other van is not plugged.
                ({'state[0]': 'PLUGGED'}, 'inconclusive', 'was refused'),
                ({'owner': 0}, 'inconclusive', 'nobody observed state')):
            _, report = self.shown(act('ask', van=0), act(
                'plug', van=0, observed=observed))
            one = report.verdicts['TEST-003']
            self.assertEqual(shown, one.verdict)
            self.assertIn(reason, one.reason)

    def test_why_it_is_not_shown(self):
        _, report = self.shown(act('ask', van=0))
        self.assertIn('test.small does not carry it',
                      report.verdicts['TEST-999'].reason)
        self.assertIn('the log has no unplug',
                      report.verdicts['TEST-004'].reason)

    def test_a_log_that_decides_nothing_shows_nothing(self):
        events = [act('ask', van=0), act('plug', van=0),
                  act('plug', 'refused', van=1)]
        for change in ({'number': 5}, {'number': 1}):
            found, report = self.shown(*events, {**act('unplug', van=0),
                                                 **change})
            self.assertTrue(found.evidence)
            self.assertEqual({'inconclusive'}, {
                one.verdict for one in report.verdicts.values()})
            self.assertIn(found.cause, report.verdicts['TEST-003'].reason)
            self.assertEqual(2, report.status)
        # Nor does one without numbers that the model does not allow.
        found = check(self.oracle(), [act('plug', van=0)])
        self.assertEqual('inconclusive', found.verdict)
        self.assertIn('does not allow what line 1 says', found.cause)

    def test_a_fail_is_a_fail_and_nothing_is_mended(self):
        _, report = self.shown(act('ask', van=0), act('plug', van=0),
                               act('ask', van=1), act('plug', van=1))
        self.assertEqual('fail', report.verdicts['TEST-003'].verdict)
        self.assertEqual((1, 'divergent', [], ''), (
            report.status, report.word, report.mended, report.claim))

    def test_what_shows_in_a_log_shows_in_a_run(self):
        """A whole log of a sound model passes what a run of it passes."""
        chosen = registry.choose('stein.attach')
        found = check(Oracle(chosen), lines_of(chosen.model, 6000,
                                               refused=0.4))
        run = modes.run(ModelSystem('stein.attach'), {
            'explore': {'steps': 1500}, 'faults': {'steps': 1500}})
        self.assertEqual(set(), set(found.evidence) - set(run.evidence))
        self.assertLess(len(set(run.evidence) - set(found.evidence)), 5)


class Corrupted(unittest.TestCase):
    """Whatever is wrong with a log, it is no verdict of what it is of."""

    @classmethod
    def setUpClass(cls):
        cls.chosen = registry.choose('stein.attach')
        cls.events = lines_of(cls.chosen.model, 60, 3, refused=0.1)

    def assertUndecided(self, events, text=None, **mapping):
        """Returns the line that is named."""
        try:
            found = check(Oracle(self.chosen), events, **mapping)
        except log.LogError as error:
            cause, line = str(error), int(str(error).split(':')[1])
        else:
            self.assertEqual('inconclusive', found.verdict,
                             found.divergence)
            cause, line = found.cause, found.line
        if text:
            self.assertRegex(cause, text)
        return line

    def each(self, count=20):
        """Places in the log, and a copy of it each."""
        chance = random.Random(5)
        for _ in range(count):
            yield chance.randrange(1, len(self.events) - 2), [
                dict(event) for event in self.events]

    def test_a_line_is_missing(self):
        for place, events in self.each():
            del events[place]
            self.assertEqual(place + 1, self.assertUndecided(
                events, f'number {place + 1} is missing'))

    def test_lines_are_missing(self):
        for place, events in self.each():
            del events[place:place + 2]
            self.assertEqual(place + 1, self.assertUndecided(
                events, f'numbers {place + 1} to {place + 2} are missing'))

    def test_a_line_comes_twice(self):
        for place, events in self.each():
            events.insert(place, dict(events[place]))
            self.assertEqual(place + 2, self.assertUndecided(events))

    def test_a_line_comes_twice_later(self):
        for place, events in self.each():
            events.append(dict(events[place]))
            self.assertUndecided(events, 'once more, or too late|back')

    def test_lines_change_places(self):
        for place, events in self.each():
            events[place], events[place + 1] = (events[place + 1],
                                                events[place])
            self.assertEqual(place + 1, self.assertUndecided(events))

    def test_the_clock_goes_back(self):
        for place, events in self.each():
            events[place]['time'] = events[place - 1]['time'] - 5
            self.assertEqual(place + 1, self.assertUndecided(
                events, 'goes back by 5'))

    def test_a_clock_that_differs_can_be_allowed(self):
        events = [dict(event) for event in self.events]
        events[7]['time'] = events[6]['time'] - 0.5
        self.assertEqual('pass', check(Oracle(self.chosen), events,
                                       skew=1.0).verdict)

    def test_the_beginning_is_missing(self):
        self.assertEqual(1, self.assertUndecided(
            self.events[4:], 'begins with number 5, and not with 1'))

    def test_nothing_is_numbered(self):
        for place, events in self.each():
            for event in events:
                del event['number']
            self.assertUndecided(events, 'nothing shows')
            del events[place]  # and one is missing
            self.assertUndecided(events)

    def test_not_all_are_numbered(self):
        for place, events in self.each():
            del events[place]['number']
            self.assertEqual(place + 1, self.assertUndecided(
                events, 'number is None'))
        events = [dict(event) for event in self.events]
        del events[0]['number']
        self.assertUndecided(events, 'before have no number')

    def test_without_numbers_a_doubled_line_is_noticed_by_its_time(self):
        for place, events in self.each():
            events.insert(place, dict(events[place]))
            for event in events:
                del event['number']
            self.assertEqual(place + 2, self.assertUndecided(
                events, 'says the same', complete=True))

    def test_rubbish(self):
        good = [text_of([event]) for event in self.events]
        for place, text in (
                (3, b'Traceback (most recent call last):\n'), (1, b'[]\n'),
                (9, b'null\n'), (5, b'{"number": 5\n'), (8, b'\xff\xfe\n'),
                (4, b'[' * 5000 + b'\n'), (2, b'"x"\n'), (7, b'\0' * 9)):
            lines = list(good)
            lines.insert(place, text + (b'' if text.endswith(b'\n')
                                        else b'\n'))
            self.assertEqual(place + 1, self.assertUndecided(
                b''.join(lines), 'no JSON object'), text)

    def test_a_text_file_that_is_no_log(self):
        text = text_of(self.events)
        for data, why in (
                (b'\xef\xbb\xbf' + text, 'begins with a byte order mark'),
                (text.decode().encode('utf-16'), 'a byte order mark'),
                (text.replace(b'\n', b'\r'), 'a carriage return within'),
                (text.decode().encode('utf-16-le'), 'no JSON object'),
                (gzip.compress(text), 'no JSON object|carriage return'),
                (b'[' + text.replace(b'\n', b',')[:-1] + b']',
                 'an object, in a line of its own'),
                (text.replace(b':', b':\n'), 'no JSON object .unexpected')):
            self.assertEqual(1, self.assertUndecided(data, why), why)

    def test_lines_of_another_system_end_otherwise(self):
        """With a carriage return before the line feed: that is no harm."""
        found = check(Oracle(self.chosen), text_of(self.events).replace(
            b'\n', b'\r\n'))
        self.assertEqual(('pass', len(self.events)),
                         (found.verdict, found.events))

    def test_the_log_of_another_model(self):
        for name, settings, text in (
                ('rocky.attach', (), 'unknown'),
                ('stein.release', (), 'unknown action'),
                ('stein.attach', ('instances=3',), r"unknown variable .*\[2"
                 )):
            self.assertUndecided(b''.join(log.sample(
                registry.choose(name, settings).model, random.Random(1),
                50)), text)

    def test_clocks_that_are_none(self):
        for moment, text in (
                (-31_536_000, 'goes back by 3.1536e'),
                ('0001-01-01T00:00:00+23:59', 'goes back by'),
                ('9999-12-31T23:59:59-23:59', 'goes back by'),
                ('', "time is ''"), (True, 'time is True'),
                ([1], r'time is \[1\]'), (float('nan'), 'no JSON object'),
                (float('inf'), 'no JSON object'),
                (10 ** 400, 'infinity when parsed')):
            for place, events in self.each(2):
                events[place]['time'] = moment
                self.assertUndecided(events, text)

    def test_it_begins_later(self):
        for first in (0, 2, 51):
            events = [{**event, 'number': first + place}
                      for place, event in enumerate(self.events)]
            self.assertEqual(1, self.assertUndecided(
                events, f'begins with number {first}, and not with 1'))
            self.assertEqual('pass', check(
                Oracle(self.chosen), events, first=first).verdict)

    def test_keys_in_any_order_say_the_same(self):
        """Of a line that is known only what stands before the action is
        read: wherever the rest stands, it is read as well.
        """
        def shuffled(event, order):
            return json.dumps({key: event[key] for key in order
                               if key in event}).encode() + b'\n'
        first = ('number', 'time', 'action', 'arguments', 'observed',
                 'outcome')
        orders = [first, first[::-1], ('action', *first),
                  ('outcome', 'number', 'arguments', 'action', 'observed',
                   'time'), ('observed', *first)]
        chance = random.Random(3)
        events = [json.loads(line) for line in log.sample(
            self.chosen.model, random.Random(4), 400, refused=0.2)]
        plain = check(Oracle(self.chosen), b''.join(
            shuffled(event, first).replace(b', "', b',"')
            for event in events))
        mixed = check(Oracle(self.chosen), b''.join(
            shuffled(event, chance.choice(orders)).replace(b', "', b',"')
            for event in events))
        self.assertEqual(('pass', 400), (plain.verdict, plain.events))
        for name in ('verdict', 'events', 'held', 'refused', 'evidence',
                     'actions', 'observed', 'steps'):
            self.assertEqual(getattr(plain, name), getattr(mixed, name),
                             name)
        self.assertGreater(sum(plain.refused.values()), 20)

    def test_what_stands_before_a_known_event_counts(self):
        model = small.build()
        once = (b'{"number":1,"action":"ask","arguments":{"van":0}}\n')
        again = b'{"number":2,"action":"begin"}\n' + once.replace(
            b':1,', b':3,')
        self.assertEqual('pass', check(Oracle(model), once + again).verdict)
        for bad in (b'{"number":3,"outcome":"maybe","action":"ask",'
                    b'"arguments":{"van":0}}\n',
                    b'{"number":3,,"action":"ask","arguments":{"van":0}}\n',
                    b'{"number":4,"action":"ask","arguments":{"van":0}}\n',
                    b'{"number":3,"time":[],"action":"ask",'
                    b'"arguments":{"van":0}}\n'):
            data = once + b'{"number":2,"action":"begin"}\n' + bad
            with self.subTest(bad):
                try:
                    self.assertEqual('inconclusive', check(
                        Oracle(model), data).verdict)
                except log.LogError as error:
                    self.assertIn('a.log:3:', str(error))
        nested = (b'{"number":1,"observed":{"state[0]":"IDLE","action":1}}\n')
        with self.assertRaisesRegex(log.LogError, "variable 'action'"):
            check(Oracle(model), nested)

    def test_lines_within_each_other(self):
        data = text_of(self.events)
        self.assertUndecided(data[:300] + data[:200] + data[300:])

    def test_it_ends_within_a_line(self):
        data = text_of(self.events)
        self.assertUndecided(data[:-9], 'ends within a line')

    def test_a_line_without_end(self):
        self.assertUndecided(text_of(self.events[:2]) + b'x' * (2 << 20),
                             'more than 1,048,576 bytes')

    def test_words_that_the_model_has_not(self):
        for change, text in (
                ({'action': 'clam'}, "'clam'; did you mean claim"),
                ({'action': 5}, 'unknown action 5'),
                ({'action': ['claim']}, 'unknown action'),
                ({'arguments': {'instanse': 0}}, 'did you mean instance'),
                ({'arguments': {'instance': 9}}, 'give 0 to 1'),
                ({'arguments': {'instance': '0'}}, "cannot be '0'"),
                ({'arguments': [0]}, 'give an object'),
                ({'outcome': 'refsued'}, 'did you mean refused'),
                ({'outcome': {}}, 'outcome is {}'),
                ({'observed': {'nvoa[0]': 'NONE'}}, r'mean nova\[0\]'),
                ({'observed': {'nova[0]': 'NOEN'}}, 'did you mean NONE'),
                ({'observed': {'nova[0]': 1}}, 'cannot be 1'),
                ({'observed': 'NONE'}, 'give an object'),
                ({'obseved': {}}, 'did you mean observed'),
                ({'time': 'noon'}, "time is 'noon'"),
                ({'time': []}, r'time is \[\]'),
                ({'number': '5'}, "number is '5'"),
                ({'number': 5.0}, 'number is 5.0'),
                ({'number': True}, 'number is True')):
            events = [dict(event) for event in self.events]
            events[4] = {**act('claim', instance=0, host=0), 'number': 5,
                         **change}
            with self.subTest(change):
                self.assertEqual(5, self.assertUndecided(events, text))

    def test_a_line_that_says_nothing(self):
        for event in ({}, {'outcome': 'ok'}, {'arguments': {}},
                      {'observed': {}}):
            with self.subTest(event):
                self.assertEqual(1, self.assertUndecided(numbered(event)))

    def test_nothing_at_all(self):
        for data in (b'', b'\n\n', text_of(numbered({'action': 'begin'}))):
            with self.assertRaisesRegex(log.LogError, 'no event'):
                check(Oracle(self.chosen), data)

    def test_a_key_that_is_there_twice(self):
        for text in (b'"action":"sweep","action":"claim"',
                     b'"observed":{"nova[0]":"GONE","nova[0]":"NONE"}'):
            self.assertEqual(1, self.assertUndecided(
                b'{"number":1,' + text + b'}\n', 'stands twice'))

    def test_a_key_that_is_there_twice_in_a_line_that_is_known(self):
        """Which of the two is meant?  That its event was met before does
        not say.
        """
        again = b',"action":"ask","arguments":{"van":0}}\n'
        begin = b'{"number":%d,"action":"begin"}\n'
        known = b'{"number":1' + again + begin % 2
        oracle = Oracle(small.build())
        self.assertEqual('pass', check(
            oracle, known + b'{"number":3' + again).verdict)
        twice = (b'"number":7,"number":3', b'"time":9,"number":3,"time":1',
                 b'"number" :7,"number":3', b'"number":7,"n\\u0075mber":3',
                 b'"number":7,"number":3,"note":"a\\u003ab\\u003a"')
        for head in twice:
            oracle.restart()
            with self.subTest(head), self.assertRaisesRegex(
                    log.LogError, 'a.log:3: the key "(number|time)" stands '
                    'twice'):
                check(oracle, known + b'{' + head + again)
        # Colons that are no sign of a key are none here either.
        oracle.restart()
        self.assertEqual('pass', check(oracle, (
            known + b'{"number" : 3, "note" : "a:b\\u003a\\":"'
            + again)).verdict)

    def test_a_line_that_is_deep(self):
        for depth in (300, 1000, 5000):
            self.assertUndecided(
                b'{"number":1,"note":' + b'[' * depth + b']' * depth
                + b',"action":"clam"}\n')

    def test_bytes_that_are_changed_break_nothing(self):
        chance, data = random.Random(2), text_of(self.events)
        counts = collections.Counter()
        oracle = Oracle(self.chosen)
        for _ in range(400):
            text = bytearray(data)
            for _ in range(chance.choice((1, 2, 20))):
                place = chance.randrange(len(text))
                text[place:place + chance.randrange(3)] = bytes(
                    [chance.choice(b'{}[]",:0a\\\n\xff')])
            oracle.restart()
            try:
                counts[check(oracle, bytes(text)).verdict] += 1
            except log.LogError as error:
                self.assertRegex(str(error), r'^a\.log:\d+: ')
                counts['error'] += 1
        self.assertGreater(counts['error'], 200)
        self.assertEqual(set(), set(counts) - {
            'error', 'inconclusive', 'fail', 'pass'})

    def test_the_time_is_up(self):
        found = check(Oracle(self.chosen), self.events, seconds=0)
        self.assertEqual('inconclusive', found.verdict)
        self.assertIn('are over', found.cause)

    def test_the_time_is_up_where_lines_say_nothing(self):
        class Endless:
            def readline(self, size):
                return b'\n'

        found = log.Checker(Oracle(self.chosen), seconds=0).check(Endless())
        self.assertEqual('inconclusive', found.verdict)
        self.assertIn('are over', found.cause)

    def test_too_many_states_fit(self):
        oracle = Oracle(self.chosen, hidden='*', controlled=(), limit=50)
        found = check(oracle, numbered({'observed': {'reachable': True}}))
        self.assertEqual('inconclusive', found.verdict)
        self.assertIn('more than 50 states', found.cause)

    def test_what_cannot_be_opened(self):
        with tempfile.TemporaryDirectory() as folder:
            pipe = os.path.join(folder, 'pipe')
            os.mkfifo(pipe)
            for path, text in ((pipe, 'no file'), (folder, 'no file'),
                               (folder + '/none', 'No such file')):
                with self.assertRaisesRegex(log.LogError, text):
                    log.check_file(path, log.Checker(
                        Oracle(self.chosen)))


MAPPING = '''\
hidden = ["prepare"]
complete = true
first = 10
skew = 0.5

[fields]
time = "ts"
action = "event.type"
outcome = "status"
"arguments.arq" = "event.arq"
"arguments.instance" = "server"
"arguments.host" = "host"
"observed.arq[{arq}]" = "event.state"

[actions]
"server.claim" = "claim"
"arq.create" = "post"
"test.start" = "begin"
heartbeat = ""

[outcomes]
"200" = "ok"
"409" = "refused"

[members]
arq = "in order"
instance = "in order"
host = {node1 = 0}

[values.arq]
Initial = "INITIAL"
'''


class Mapped(unittest.TestCase):
    """A log with other names."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.chosen = registry.choose('stein.attach')

    def read(self, text):
        path = Path(self.folder.name) / 'a.toml'
        path.write_text(text)
        return log.read_mapping(str(path))

    def check(self, *events):
        return log.Checker(
            Oracle(self.chosen), self.read(MAPPING)).check(
            io.BytesIO(text_of(events)), 'a.log')

    #: as somebody else's software writes it
    EVENTS = (
        {'event': {'type': 'test.start'}, 'level': 'INFO'},
        {'ts': 1, 'event': {'type': 'server.claim'}, 'server': 'uuid-1',
         'host': 'node1', 'status': 200, 'message': 'x'},
        {'ts': 2, 'event': {'type': 'heartbeat'}, 'message': 'y'},
        {'ts': 1.8, 'event': {'type': 'arq.create', 'arq': 'a-1',
                              'state': 'Initial'},
         'server': 'uuid-1', 'status': 200},
        {'ts': 3, 'event': {'type': 'arq.create'}, 'server': 'uuid-1',
         'status': 409})

    def test_it_is_read(self):
        mapping = self.read(MAPPING)
        self.assertEqual((('prepare',), True, 10, 0.5), (
            mapping.hidden, mapping.complete, mapping.first, mapping.skew))
        found = self.check(*self.EVENTS)
        self.assertEqual(('pass', 5), (found.verdict, found.events),
                         found.divergence)

    def test_a_key_that_is_there_twice(self):
        lines = text_of([{'event': {'type': 'heartbeat'}, 'ts': 1}] * 2)
        with self.assertRaisesRegex(log.LogError, 'a.log:2: the key "ts"'):
            log.Checker(Oracle(self.chosen), self.read(MAPPING)).check(
                io.BytesIO(lines[:-2] + b',"ts":2}\n'), 'a.log')

    def test_it_finds_a_fault(self):
        for place, change in ((1, {'status': 409}), (4, {'status': 200})):
            events = list(self.EVENTS)
            events[place] = {**events[place], **change}
            found = self.check(*events)
            self.assertEqual(('fail', place + 1),
                             (found.verdict, found.line))

    def test_what_the_mapping_lacks(self):
        for change, text in (
                ({'event': {'type': 'arq.crate'}},
                 "actions of the mapping has no 'arq.crate'"),
                ({'status': 500}, "outcomes of the mapping has no '500'"),
                ({'host': 'node2'}, 'members.host of the mapping has no'),
                ({'event': {'type': 'server.claim', 'arq': 'b',
                            'state': 'Lost'}}, "cannot be 'Lost'")):
            events = list(self.EVENTS)
            events[1] = {**events[1], **change}
            with self.subTest(change), self.assertRaisesRegex(
                    log.LogError, f'^a.log:2: .*{text}'):
                self.check(*events)

    def test_a_field_that_no_line_has(self):
        """Nobody would look at the clock, and nobody would notice."""
        for was, name in (('"ts"', 'time'), ('"event.type"', 'action')):
            oracle = Oracle(self.chosen)
            mapping = self.read(MAPPING.replace(was, '"typo"'))
            with self.subTest(name), self.assertRaisesRegex(
                    log.LogError, f"a.toml: fields.{name} is 'typo', which "
                    'no line has'):
                log.Checker(oracle, mapping).check(
                    io.BytesIO(text_of(
                        [{'event': {'arq': 'a-1', 'state': 'ABSENT'},
                          'ts': 1}] if name == 'action' else self.EVENTS)),
                    'a.log')

    def test_what_a_mapping_passes_over_is_no_event(self):
        with self.assertRaisesRegex(log.LogError, 'it has no event'):
            self.check({'event': {'type': 'heartbeat'}})

    def test_names_that_the_model_has_not(self):
        """What would not be read is not passed over."""
        good = '[fields]\naction = "event"\n"arguments.arq" = "a"\n'
        oracle = Oracle(self.chosen)
        log.Checker(oracle, self.read(good))
        for text, wanted in (
                ('"arguments.ark" = "x"', "'ark'.*did you mean arq"),
                ('"observed.ark[{arq}]" = "x"', "'ark'.*did you mean arq"),
                ('"observed.arq[{ark}]" = "x"', 'braces'),
                ('"observed.arq[{" = "x"', 'braces'),
                ('"observed.arq[{arq!x}]" = "x"', 'braces'),
                ('"observed.arq[{arq.real}]" = "x"', 'braces'),
                ('[actions]\nfoo = "clam"', "'clam'.*did you mean claim"),
                ('[members]\nark = {}', "'ark'.*did you mean arq"),
                ('[values.ark]\nA = "B"', "'ark'.*did you mean arq")):
            with self.subTest(text), self.assertRaisesRegex(
                    log.LogError, f'a.toml: .*{wanted}'):
                log.Checker(oracle, self.read(good + text + '\n'))

    def test_more_members_than_the_model_has(self):
        events = [{'event': {'type': 'test.start'}}, *(
            {'event': {'type': 'server.claim'}, 'server': str(number),
             'host': 'node1'} for number in range(3))]
        with self.assertRaisesRegex(log.LogError, 'a.log:4: instance of '
                                    'claim cannot be 2; give 0 to 1'):
            self.check(*events)

    def test_what_is_no_mapping(self):
        for text, wanted in (
                ('a b', 'not TOML'), ('hiden = []', 'did you mean hidden'),
                ('complete = 1', 'complete is 1; give true or false'),
                ('hidden = [3]', 'hidden is .3.; give names'),
                ('skew = nan', 'skew is nan'), ('skew = inf', 'skew is inf'),
                ('skew = -1', 'skew is -1'),
                ('fields = 3', 'fields is 3'),
                ('[fields]\ntime = 3', 'fields.time is 3'),
                ('[fields]\nmoment = "ts"', 'fields.moment is no key'),
                ('[fields]\nobserved = "ts"', 'fields.observed is no key'),
                ('[outcomes]\n"200" = "good"', "outcomes.200 is 'good'"),
                ('[members]\narq = "any"', 'members.arq'),
                ('[values]\narq = 5', 'values.arq')):
            with self.subTest(text), self.assertRaisesRegex(
                    log.LogError, wanted):
                self.read(text)
        with self.assertRaisesRegex(log.LogError, 'No such file'):
            log.read_mapping(self.folder.name + '/none')


class Samples(unittest.TestCase):

    def test_the_same_seed_gives_the_same_log(self):
        model = small.build()
        one, other, third = (
            b''.join(log.sample(model, random.Random(seed), 50))
            for seed in (1, 1, 2))
        self.assertEqual(one, other)
        self.assertNotEqual(one, third)

    def test_what_is_asked_for_is_there(self):
        model = registry.choose('stein.attach').model
        events = lines_of(model, 300, refused=0.5)
        self.assertEqual(list(range(1, 301)),
                         [event['number'] for event in events])
        self.assertTrue(any('observed' in event for event in events))
        refused = [event for event in events if 'outcome' in event]
        self.assertTrue(100 < len(refused) < 200, len(refused))
        self.assertTrue(any(event['action'] == 'begin' for event in events))


if __name__ == '__main__':
    unittest.main()
