"""The kit proves itself: good systems pass, bad ones fail where they should.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import types
import unittest
from importlib import resources
from pathlib import Path
from unittest import mock

from cyborg_models import registry
from cyborg_models.conformance import (
    cli,
    contract,
    modes,
    pytest_plugin,
    report,
    suite,
    verdict,
    ways,
)
from cyborg_models.conformance.itself import WHOLE, ModelSystem, whole
from cyborg_models.conformance.oracle import (
    HIDDEN_REST,
    OK,
    REFUSED,
    UNKNOWN,
)
from cyborg_models.conformance.session import WAIT, Watch
from cyborg_models.conformance.suite import (
    HarnessError,
    Refused,
    Suite,
    System,
    Unknown,
)
from cyborg_models.conformance.verdict import (
    FAIL,
    INCONCLUSIVE,
    NOT_APPLICABLE,
    NOT_IMPLEMENTED,
    PASS,
)
from cyborg_models.kernel.language import Guard, successor
from cyborg_models.registry import InputError
from cyborg_models.rocky.vocabulary import Ask

from . import shows

SHORT = {'explore': {'steps': 1200}, 'faults': {'steps': 1200},
         'repeat': {'steps': 400}, 'exhaustive': {'depth': 3},
         'concurrent': {'rounds': 40}}
ALONE = {'instances': '1', 'handles': '1'}
PAIR = {'instances': '1', 'arqs': '2'}
TWINS = {'twins': 'true'}

#: (model, settings, defect, what fails, what else follows from it)
BAD = (
    ('stein.attach', {}, 'A1', 'HANDLE-010', ()),
    ('stein.attach', {}, 'A20', 'ARQ-032', ()),
    ('stein.attach', {}, 'A5', 'HANDLE-011', ('HANDLE-010',)),
    ('stein.attach', {}, 'B3', 'ARQ-019', ()),
    ('stein.attach', {}, 'B9', 'ARQ-023', ()),
    ('stein.attach', {}, 'B16', 'ARQ-015', ()),
    ('stein.attach', {}, 'B17', 'ARQ-030', ()),
    ('stein.attach', {}, 'B20', 'ARQ-022', ()),
    ('stein.attach', {}, 'B23', 'ARQ-033', ()),
    ('stein.attach', {}, 'P6b', 'ARQ-011', ()),
    ('stein.attach', {}, 'crash', 'HANDLE-010', ()),
    ('stein.attach', PAIR, 'A8', 'ARQ-030', ()),
    ('stein.attach', PAIR, 'B4', 'ARQ-017', ()),
    ('stein.attach', PAIR, 'B4c', 'ARQ-030', ()),
    ('stein.attach', ALONE, 'P6e', 'HANDLE-020', ()),
    ('stein.attach', TWINS, 'A12', 'ARQ-012', ()),
    ('stein.attach', TWINS, 'B13', 'ARQ-012', ()),
    ('stein.release', {}, 'A19', 'ARQ-066', ()),
    ('stein.release', {}, 'A2', 'HANDLE-021', ()),
    ('stein.release', {}, 'A3', 'HANDLE-024', ('HANDLE-031',)),
    ('stein.release', {}, 'B1', 'ARQ-064', ()),
    ('stein.release', {}, 'B18', 'ARQ-005', ()),
    ('stein.release', {}, 'B7', 'ARQ-062', ()),
    ('stein.release', {}, 'B24', 'ARQ-066', ()),
    # Nova finds no row to delete: that is how it stays.
    ('stein.release', {}, 'B25', 'ARQ-006', ('ARQ-066',)),
    ('stein.release', {}, 'B26', 'HANDLE-031', ()),
    ('stein.release', {}, 'P4', 'ARQ-020', ('ARQ-070',)),
    ('stein.release', {}, 'running', 'ARQ-070', ()),
    ('stein.program', {}, 'B2', 'HANDLE-020', ()),
    ('stein.program', {}, 'Q2', 'PROGBIND-015', ('PROGBIND-014',)),
    ('stein.program', {}, 'Q8', 'PROGBIND-019', ()),
    ('stein.program', {}, 'Q22', 'HANDLE-010', ()),
)


def run(system, seed=0, **options):
    """The report of one system in the modes that are named."""
    return modes.report([system], options or SHORT, seed)


def failing(report):
    return {name for name, one in report.verdicts.items()
            if one.verdict == FAIL}


class Good(unittest.TestCase):

    def test_the_model_passes_in_every_mode(self):
        for mode, options in SHORT.items():
            with self.subTest(mode):
                report = run(ModelSystem('stein.attach'), **{mode: options})
                self.assertEqual([], report.failures)
                self.assertEqual([], report.errors)
                self.assertEqual(verdict.OPEN, report.status)
                result = report.outcomes[0].modes[0]
                self.assertGreater(result.steps, 100)
                self.assertEqual('', result.skipped)

    def test_the_model_that_does_most_by_itself(self):
        """Some is called, most is hidden, and little is seen."""
        for seed in range(3):
            system = ModelSystem('stein.attach', by_itself=(
                'start_bind', 'ignore_request', 'take', 'no_handle',
                'prepare', 'bound', 'fail_too', 'sweep', 'deliver', 'poll',
                'attach', 'run', 'time_out'), seed=seed)
            vars(system)['observed'] = ('arq', 'nova', 'use')
            system.observe = lambda whole=system.observe: {
                name: value for name, value in whole().items()
                if name.partition('[')[0] in ('arq', 'nova', 'use')}
            report = run(system, seed, explore={'steps': 300},
                         faults={'steps': 300}, repeat={'steps': 100},
                         concurrent={'rounds': 20})
            self.assertEqual([], [one.divergence.why
                                  for one in report.failures])
            self.assertEqual([], report.errors)
            self.assertIn(PASS, {one.verdict for one
                                 in report.verdicts.values()})

    def test_vectors(self):
        for settings in ({'handles': '1'}, {'quota': '1'}):
            report = run(ModelSystem('stein.attach', settings), vectors={})
            self.assertEqual([], report.failures)
            counts = report.outcomes[0].modes[0].counts
            self.assertGreater(counts['played'], 150)
            self.assertEqual(0, counts['left'])
            # Nobody has to refuse a fault.
            self.assertLess(counts['not callable'], 40)

    def test_every_edge(self):
        system = ModelSystem('stein.release')
        report = run(system, explore={'steps': 2000, 'cover': 100})
        result = report.outcomes[0].modes[0]
        self.assertEqual(result.counts['known edges'], result.edges)
        self.assertEqual([], result.notes)
        report = run(system, explore={'steps': 50, 'cover': 100})
        self.assertIn('edges were taken', report.outcomes[0].modes[0].notes[
            0])
        self.assertEqual(verdict.OPEN, report.status)

    def test_the_whole_of_a_release_conforms(self):
        systems = whole('stein')
        self.assertEqual(len(WHOLE['stein']), len(systems))
        report = modes.report(systems, {
            'explore': {'steps': 6000}, 'faults': {'steps': 4000}})
        report = verdict.Report(report.system, report.contract, [
            *report.outcomes,
            *run(ModelSystem('stein.release'), vectors={}).outcomes])
        left = [name for name, one in report.verdicts.items()
                if one.verdict == INCONCLUSIVE
                and not report.contract.rules[name].review]
        self.assertEqual([], left)
        self.assertEqual((verdict.CONFORMANT, 'conformant by test'),
                         (report.status, report.claim))
        self.assertEqual(set(report.contract.rules), set(report.verdicts))
        reviewed = {rule.id: (True, 'somebody else') for rule
                    in report.contract.rules.values() if rule.review}
        report = verdict.Report(report.system, report.contract,
                                report.outcomes, 0, reviewed)
        self.assertEqual('conformant', report.claim)
        reviewed['ARQ-072'] = False, 'somebody else'
        self.assertEqual(verdict.DIVERGENT, verdict.Report(
            report.system, report.contract, report.outcomes, 0,
            reviewed).status)

    def test_the_whole_of_rocky_conforms(self):
        report = modes.report(whole('rocky'), {
            'explore': {'steps': 3000}, 'faults': {'steps': 3000}})
        # To delete what runs on a host that is down is a long way off.
        report = verdict.Report(report.system, report.contract, [
            *report.outcomes, *run(ModelSystem('rocky.system', {
                'vans': '1', 'kind': 'VF', 'enabled_faults': 'compute-crash',
                'flows': 'abandon'}), faults={'steps': 12000}).outcomes])
        self.assertEqual(([], []), (report.failures, report.errors))
        carried = {name for name, rule in report.contract.rules.items()
                   if not rule.review}
        self.assertGreater(len(carried), 50)
        model = registry.choose('rocky.system').model
        self.assertLessEqual({'OSACC-009', 'OSACC-053', 'OSACC-047'},
                              verdict.carried(model))
        self.assertEqual(set(), {
            name for name in carried
            if report.verdicts[name].verdict != PASS})


class Bad(unittest.TestCase):
    """One defect each."""

    def test_each_fails_where_it_should_and_nowhere_else(self):
        self.assertGreaterEqual(len(BAD), 15)
        for model, settings, defect, wanted, follows in BAD:
            with self.subTest(model, defect=defect):
                report = run(ModelSystem(model, settings, (defect,)),
                             faults={'shrink': 800})
                self.assertEqual(verdict.DIVERGENT, report.status)
                self.assertIn(wanted, failing(report))
                self.assertLessEqual(failing(report),
                                     {wanted, *follows})
                self.assertEqual([], report.errors)

    def test_a_fault_that_comes_unseen_where_it_must_not(self):
        """B30: a report withdraws a handle that an ARQ has."""
        for seed in (0, 5, 6):  # a removal, a report, an erase meet it
            report = run(Seldom('stein.release', {}, ('B30',), ('withdraw',),
                                seed), explore={'steps': 1200, 'seed': seed})
            # Of the calls that meet a handle which is gone none is to blame.
            self.assertEqual({'HANDLE-024'}, failing(report))
        sound = run(Seldom('stein.release', {}, (), ('withdraw',)),
                    explore={'steps': 1200})
        self.assertEqual(([], []), (sound.failures, sound.errors))

    def test_what_is_forbidden_is_tried_in_trouble_too(self):
        """B24 shows only while the controller cannot be reached, which the
        guard does not read.
        """
        tried = set()

        class Noted(ModelSystem):
            def call(self, name, arguments):
                before = self.observe()['reachable']
                outcome = super().call(name, arguments)
                if outcome == REFUSED:
                    tried.add((name, before))
                return outcome
        run(Noted('stein.release'), faults={})
        self.assertLess(20, len({name for name, up in tried if not up}))

    def test_the_vectors_tell_each_defect(self):
        told = 0
        for defect in ('A1', 'A20', 'A5', 'B16', 'B20', 'B23', 'B3', 'B9'):
            with self.subTest(defect):
                report = run(ModelSystem('stein.attach', {'handles': '1'},
                                         (defect,)), vectors={})
                told += bool(report.failures)
        self.assertGreaterEqual(told, 6)

    def test_written_by_hand(self):
        for kind, wanted in ((Forgetful, 'TEST'), (Twice, 'HANDLE-010'),
                             (Lazy, 'ARQ-015')):
            with self.subTest(kind.__name__):
                report = run(kind(), explore={'steps': 400},
                             concurrent={'rounds': 60})
                if wanted == 'TEST':  # what fails in one run of ten
                    self.assertTrue(failing(report))
                    continue
                self.assertLessEqual({wanted}, failing(report))
                # A request that is not taken up is not answered either.
                self.assertLessEqual(failing(report),
                                     {wanted, 'ARQ-024'})

    def test_a_host_that_needs_the_controller(self):
        """Where that is away the plugin fails, and nothing else is wrong."""
        for role, wanted in (('library', 'OSACC-024'),
                             ('plugin', 'OSACC-008')):
            system = NeedsController()
            known = contract.of('rocky.attach').capabilities
            vars(system).update(roles=(role,), capabilities=tuple(
                name for name in system.capabilities
                if role in known[name].roles))
            report = run(system, faults={'steps': 2400})
            self.assertEqual(({wanted}, []), (failing(report), report.errors))

    @shows('CONF-005')
    def test_one_in_ten_is_a_fail(self):
        """Whatever other steps, modes and runs saw, before it or after."""
        bad = run(Forgetful(), explore={'steps': 600})
        self.assertEqual(verdict.DIVERGENT, bad.status)
        self.assertTrue(bad.failures)
        good = whole_of(bad)
        for failure in bad.failures:  # as one that did not show again
            failure.steady = False
        for name in failing(bad):
            self.assertFalse(bad.verdicts[name].evidence)
            for outcomes in ((*bad.outcomes, *good),
                             (*good, *bad.outcomes)):
                whole = verdict.Report(bad.system, bad.contract,
                                       list(outcomes),
                                       reviews={name: (True, 'somebody')})
                self.assertEqual(FAIL, whole.verdicts[name].verdict)
                self.assertEqual(verdict.DIVERGENT, whole.status)

    def test_a_failure_that_is_met_while_another_is_shrunk_is_not_lost(self):
        for seed in range(4):
            report = run(ModelSystem('stein.release', {}, ('B25',)), seed,
                         faults={'steps': 1200})
            self.assertEqual({'ARQ-006', 'ARQ-066'}, failing(report))

    def test_a_failure_is_shrunk(self):
        report = run(ModelSystem('stein.attach', {}, ('B3',)),
                     faults={'steps': 2000})
        failure = report.failures[0]
        self.assertEqual(3, len(failure.calls))
        self.assertTrue(failure.steady)
        self.assertEqual('ok', failure.calls[-1].partition(': ')[2])

    def test_the_same_seed_finds_the_same(self):
        def found(seed):
            report = run(ModelSystem('stein.attach', {}, ('B3',)), seed,
                         faults={'steps': 1500})
            return [(one.requirement, one.steps, one.calls)
                    for one in report.failures]
        self.assertEqual(found(1), found(1))
        self.assertNotEqual(found(1)[0][1], found(2)[0][1])


class Seldom(ModelSystem):
    """Does by itself what it does, and seldom."""

    def _some(self):
        if self._chance.random() < 0.05:
            self._take(self._hidden)


class Forgetful(ModelSystem):
    """Loses what it was told once in a while."""

    def __init__(self):
        super().__init__('stein.attach')
        self.count = 0

    def call(self, name, arguments):
        self.count += 1
        if self.count % 10 == 0:
            return OK
        return super().call(name, arguments)


class Twice(ModelSystem):
    """Looks whether a handle is free, and takes it a little later."""

    def __init__(self):
        super().__init__('stein.attach', {'handles': '2'})

    def call(self, name, arguments):
        if name != 'take':
            return super().call(name, arguments)
        before, tree = self._codes, self._trees[name, arguments]
        writes = tree(before)
        if not isinstance(writes, tuple):
            return REFUSED
        time.sleep(0.002)
        with self._lock:
            codes = list(self._codes)
            for cell, code in writes:
                codes[cell] = code
            self._codes = tuple(codes)
        return OK


class NeedsController(ModelSystem):
    """Its plugin gets no answer while the controller is away."""

    def __init__(self):
        super().__init__('rocky.attach', {'vans': '1'},
                         by_itself=('no_answer',))

    def observe(self):
        seen = super().observe()
        if seen['api'] or seen['ask[0]'] is not Ask.ASKED:
            return seen
        names, domains = zip(*self._names, strict=True)
        cell = names.index('ask[0]')
        self._codes = successor(self._codes, ((
            cell, domains[cell].index(Ask.ERROR)),))
        return super().observe()


class Lazy(ModelSystem):
    """Starts binds, and does not go on by itself."""

    def __init__(self):
        super().__init__('stein.attach', by_itself=(
            'start_bind', 'take', 'no_handle', 'prepare', 'bound'))

    def wait(self):
        self._take([step for step in self._hidden
                    if step.action.name == 'start_bind'])

    def _some(self):
        """Nothing."""


class Known(unittest.TestCase):

    def system(self, *known, defects=('B7', 'B20')):
        system = ModelSystem('stein.release', {}, defects)
        vars(system)['known'] = known
        return system

    @shows('CONF-006')
    def test_it_goes_on_past_it(self):
        report = run(self.system('B7'), faults={'steps': 2500})
        told = {(one.requirement, one.known) for one in report.failures}
        self.assertIn(('ARQ-062', 'B7'), told)
        self.assertIn(('ARQ-022', ''), told)
        # Known is not excused, and is not said of the other.
        self.assertEqual('B7', report.verdicts['ARQ-062'].known)
        self.assertEqual('', report.verdicts['ARQ-022'].known)
        self.assertEqual({'ARQ-062', 'ARQ-022'}, failing(report))

    @shows('CONF-006')
    def test_no_other_deviation_is_allowed(self):
        for defects in (('A2',), ('B7', 'B20', 'A2')):
            report = run(self.system('B7', 'B20', defects=defects),
                         faults={'steps': 2500})
            found = {(one.requirement, one.known)
                     for one in report.failures}
            self.assertIn(('HANDLE-021', ''), found)
            self.assertNotIn('HANDLE-021', {
                name for name, known in found if known})

    @shows('CONF-007')
    def test_mended_is_told(self):
        found = run(self.system('B7', 'B26', 'B20', defects=('B7',)),
                    faults={'steps': 1500})
        self.assertEqual(['B26', 'B20'], found.mended)
        self.assertEqual(['B26', 'B20'], report.as_data(found)['mended'])
        said = ' '.join(line for line, _ in report.lines(found))
        for name in ('B26', 'B20'):
            self.assertRegex(said, f'(?i)mended[^.]*{name}')
        self.assertNotRegex(said, '(?i)mended[^.]*B7')

    @shows('CONF-006')
    def test_only_known_is_still_a_fail(self):
        report = run(self.system('B7', defects=('B7',)),
                     faults={'steps': 1500})
        self.assertEqual({'B7'}, {one.known for one in report.failures})
        self.assertEqual(verdict.DIVERGENT, report.status)

    def test_what_the_model_has_not(self):
        with self.assertRaisesRegex(InputError, "no defect 'B70'"):
            run(self.system('B70'), explore={})


class Verdicts(unittest.TestCase):
    """What each verdict needs."""

    def report(self, capabilities=('core',), **options):
        system = ModelSystem('stein.attach')
        vars(system).update(roles=('cyborg',), capabilities=capabilities)
        return run(system, **options or {'explore': {'steps': 1500}})

    @shows('CONF-001')
    def test_exactly_one_for_each_requirement(self):
        """Of the contract as it is on record, for each set of roles."""
        recorded = json.loads(resources.files(
            'cyborg_models.conformance').joinpath('contract.json').read_text(
                'utf-8'))['stein']
        looked = 0
        for roles in (('cyborg',), ('nova',), ('agent', 'placement')):
            system = ModelSystem('stein.attach')
            vars(system).update(roles=roles, capabilities=('core',))
            told = report.as_data(run(system, explore={'steps': 20}))
            self.assertEqual(
                sorted(rule['id'] for rule in recorded['rules']
                       if set(rule['roles']) & set(roles)),
                sorted(told['verdicts']))
            for one in told['verdicts'].values():
                self.assertIn(one['verdict'], verdict.VERDICTS)
                looked += 1
        self.assertGreater(looked, 70)

    def test_pass_names_its_evidence(self):
        report = self.report()
        passed = {name: one for name, one in report.verdicts.items()
                  if one.verdict == PASS}
        self.assertGreater(len(passed), 5)
        for name, one in passed.items():
            self.assertTrue(one.evidence, name)
        self.assertIn('take refused', passed['HANDLE-010'].evidence)

    @shows('CONF-002')
    def test_nothing_done_is_nothing_shown(self):
        report = self.report(concurrent={'rounds': 1})
        before = verdict.Outcome('stein.attach', frozenset(['ARQ-011']), {})
        report = verdict.Report(report.system, report.contract, [before])
        self.assertNotIn(PASS, {one.verdict for one
                                in report.verdicts.values()})
        self.assertEqual(verdict.OPEN, report.status)

    @shows('CONF-002')
    def test_a_call_that_may_do_nothing_shows_nothing(self):
        """Neither one whose outcome is unknown, nor one that a system of
        which little is seen may have done or not.
        """
        class Blind(ModelSystem):
            def call(self, name, arguments):
                super().call(name, arguments)
                return UNKNOWN

            def observe(self):
                return {}
        system = Blind('stein.attach')
        vars(system).update(observed=())
        report = run(system, explore={'steps': 12})
        self.assertEqual(12, report.outcomes[0].modes[0].steps)
        self.assertEqual({}, report.outcomes[0].evidence)
        self.assertNotIn(PASS, {one.verdict for one
                                in report.verdicts.values()})

    @shows('CONF-002')
    def test_no_answer_shows_nothing(self):
        """A call without an answer is no evidence that it was done."""
        class Silent(ModelSystem):
            def call(self, name, arguments):
                found = super().call(name, arguments)
                return UNKNOWN if name == 'sweep' else found
        found = [run(kind('stein.attach', {'handles': '1'}),
                     faults={'steps': 900}).outcomes[0]
                 for kind in (ModelSystem, Silent)]
        self.assertEqual([[], []], [one.failures for one in found])
        self.assertEqual([True, False], [
            'sweep' in one.evidence.get('ARQ-022', ()) for one in found])

    @shows('CONF-002')
    def test_what_did_not_change_shows_nothing(self):
        system = ModelSystem('stein.attach')
        system.actions = lambda known: frozenset(['claim'])
        shown = {what for one in run(
            system, explore={'steps': 60}).outcomes[0].evidence.values()
            for what in one}
        self.assertIn('claim_while_busy', shown)
        self.assertNotIn('charged_while_it_exists', shown)
        self.assertNotIn('in_use_means_named', shown)

    @shows('CONF-002')
    def test_no_evidence_without_observation(self):
        """What cannot be seen shows no invariant."""
        def shown(*names):
            system = ModelSystem('stein.attach')
            system.observe = lambda whole=system.observe: {
                name: value for name, value in whole().items()
                if name.partition('[')[0] in names}
            report = run(system, explore={'steps': 500})
            return {what for one in report.verdicts.values()
                    for what in one.evidence}
        self.assertNotIn('one_owner_per_handle', shown('charged', 'arq'))
        self.assertIn('charged_while_it_exists', shown('charged', 'arq'))
        # Half of what it is about is not enough: who does not charge at all
        # would look just the same.
        for name in ('charged', 'arq'):
            self.assertNotIn('charged_while_it_exists', shown(name), name)
        properties = suite.chosen(ModelSystem('stein.attach')
                                  ).model.properties.values()
        self.assertFalse(shown() & {one.name for one in properties
                                    if one.kind == 'always'})

    def test_more_steps_show_no_less(self):
        """To look once more at what was looked at costs no evidence."""
        system = ModelSystem('stein.attach')
        few = run(system, explore={'steps': 600})
        more = run(system, exhaustive={'depth': 3}, repeat={'steps': 1500},
                   explore={'steps': 600})
        passed = [{name for name, one in report.verdicts.items()
                   if one.verdict == PASS} for report in (few, more)]
        self.assertGreater(len(passed[0]), 10)
        self.assertLessEqual(*passed)

    def test_a_capability_that_the_model_does_not_try(self):
        """Of one ARQ nothing can be created or fail together."""
        for settings, wanted, reason in (
                ({}, INCONCLUSIVE, 'group is tried with arqs=2 or more'),
                (PAIR, PASS, '')):
            report = run(ModelSystem('stein.attach', settings),
                         explore={'steps': 1500}, faults={'steps': 1500})
            for name in ('ARQ-003', 'ARQ-017'):
                with self.subTest(name, settings=settings):
                    one = report.verdicts[name]
                    self.assertEqual(wanted, one.verdict)
                    self.assertIn(reason, one.reason)
        self.assertLessEqual(set(contract.TRIED_WITH), set(
            report.contract.capabilities))

    def test_not_applicable_says_what_would_bring_it(self):
        report = self.report()
        one = report.verdicts['ARQ-004']
        self.assertEqual((NOT_APPLICABLE, 'quota is not declared'),
                         (one.verdict, one.reason))
        one = self.report(('core', 'quota')).verdicts['ARQ-004']
        self.assertEqual(INCONCLUSIVE, one.verdict)

    def test_not_implemented_is_for_what_is_permitted(self):
        one = self.report(('core', 'program')).verdicts['PROGBIND-018']
        self.assertEqual(NOT_IMPLEMENTED, one.verdict)

    def test_inconclusive_says_why(self):
        report = self.report(('core', 'program'))
        for name, text in (('PROGBIND-016', 'no model of this run'),
                           ('ARQ-072', 'nobody has reviewed')):
            one = report.verdicts[name]
            self.assertEqual(INCONCLUSIVE, one.verdict)
            self.assertIn(text, one.reason)

    def test_inconclusive_says_what_is_not_seen(self):
        system = ModelSystem('stein.attach', by_itself=('start_bind',
                                                        'ignore_request'))
        system.observe = lambda whole=system.observe: {
            name: value for name, value in whole().items()
            if name.partition('[')[0] in ('arq', 'use')}
        report = run(system, explore={'steps': 60})
        for name, text in (
                ('ARQ-090', 'nobody observed idled'),
                ('ARQ-011', 'start_bind comes unseen')):
            one = report.verdicts[name]
            self.assertEqual(INCONCLUSIVE, one.verdict)
            self.assertIn(f'did not happen: {text}', one.reason)

    def test_a_claimed_action_that_is_missing(self):
        system = ModelSystem('stein.attach')
        system.actions = lambda known: frozenset(known) - {'sweep'}
        report = run(system, explore={'steps': 300},
                     faults={'steps': 600})
        one = report.verdicts['ARQ-022']
        self.assertEqual(INCONCLUSIVE, one.verdict)
        self.assertIn('sweep cannot be called', one.reason)

    def test_a_method_that_says_not_implemented(self):
        system = ModelSystem('stein.attach')

        def call(name, arguments, whole=system.call):
            if name == 'sweep':
                raise NotImplementedError
            return whole(name, arguments)
        system.call = call
        report = run(system, faults={'steps': 1500})
        self.assertEqual(('sweep',), report.outcomes[0].missing)
        self.assertIn('do_sweep is there and raises NotImplementedError',
                      report.outcomes[0].modes[0].notes)
        self.assertEqual(verdict.OPEN, report.status)

    def test_a_recommendation(self):
        """It fails, and with a reason the claim stands."""
        report = self.report()
        rule = report.contract.rules['HANDLE-002']
        self.assertEqual(contract.RECOMMENDS, rule.level)
        made = verdict.Report(
            report.system, report.contract, whole_of(report),
            reviews={'HANDLE-002': (False, 'somebody')})
        self.assertEqual(verdict.DIVERGENT, made.status)
        vars(report.system)['reasons'] = {'HANDLE-002': 'not yet'}
        self.assertEqual(verdict.CONFORMANT, made.status)

    @shows('CONF-010')
    def test_all_of_it_or_not_conformant(self):
        """One requirement that obliges and has not passed is enough."""
        first = self.report(explore={'steps': 20})
        rules = [rule for rule in first.contract.of(('cyborg',))
                 if contract.CORE in rule.capabilities]

        def claim(without='', kept=True):
            [outcome] = whole_of(first)
            outcome.evidence.pop(without, None)
            return verdict.Report(
                first.system, first.contract, [outcome], reviews={
                    rule.id: (kept or rule.id != without, 'somebody')
                    for rule in rules if rule.review
                    and (rule.id != without or not kept)}).claim
        self.assertEqual('conformant', claim())
        oblige = [rule.id for rule in rules
                  if rule.level == contract.OBLIGES]
        self.assertGreater(len(oblige), 20)
        for name in oblige:
            with self.subTest(name):
                self.assertNotEqual('conformant', claim(name))
                self.assertNotEqual('conformant', claim(name, False))

    def test_less_declared_than_there_is(self):
        """CONF-F01: what is done and not declared fails all the same."""
        system = ModelSystem('stein.release', {}, ('B18',))
        vars(system).update(roles=('cyborg',), capabilities=('core',))
        report = run(system, explore={'steps': 500})
        self.assertEqual(verdict.DIVERGENT, report.status)
        self.assertEqual(FAIL, report.verdicts['ARQ-005'].verdict)


def whole_of(report):
    """Outcomes that show all that a test can reach."""
    return [verdict.Outcome(
        'all', frozenset(report.contract.rules),
        dict(contract.TRIED_WITH.values()),
        {name: ('shown',) for name in report.contract.rules})]


class Declared(unittest.TestCase):
    """What is declared before, and errors that name the mend."""

    @shows('CONF-003')
    def test_what_cannot_be(self):
        """It is refused, and nothing has been asked of the system."""
        for settings, message in (
                ({'roles': ()}, 'no role is declared'),
                ({'roles': ('nova-compute',)}, "no role 'nova-compute'; did"),
                ({'capabilities': ('group',)}, 'core is not declared'),
                ({'capabilities': ('core', 'share')}, 'asks for program'),
                ({'roles': ('nova',), 'capabilities': ('core', 'quota')},
                 'quota is for cyborg'),
                ({'capabilities': ('core', 'groups')}, 'did you mean group'),
                ({'implementation': ('x',)}, r'give \(name, version\)'),
                ({'reasons': {'ARQ-999': 'x'}}, 'ARQ-999'),
                ({'model': 'stein.attahc'}, 'did you mean stein.attach'),
                ({'model': 'nova.attach'}, 'no contract for nova.attach'),
                ({'model': ''}, 'names no model'),
                ({'observed': ('arqs',)}, "no variable 'arqs'"),
                ({'hidden': ('bind',)}, "no action 'bind'")):
            with self.subTest(message):
                system = ModelSystem('stein.attach')
                vars(system).update(settings)
                begun = []
                system.start = lambda begun=begun: begun.append('start')
                with self.assertRaisesRegex(InputError, message):
                    run(system, explore={'steps': 10})
                self.assertEqual([], begun)

    def test_modes_and_systems_that_cannot_be(self):
        system = ModelSystem('stein.attach')
        with self.assertRaisesRegex(InputError, 'did you mean explore'):
            run(system, explor={})
        with self.assertRaisesRegex(InputError, 'no system to run'):
            modes.report([], {})
        other = ModelSystem('stein.release')
        vars(other)['roles'] = ('nova',)
        with self.assertRaisesRegex(InputError, 'differ in roles'):
            modes.report([system, other], {})
        with self.assertRaisesRegex(InputError, 'cannot be counted'):
            part = ModelSystem('stein.attach', by_itself=('bound',))
            run(part, explore={'steps': 5, 'cover': 5})

    def test_a_method_for_no_action(self):
        class Odd(ModelSystem):
            actions = System.actions

            def do_clam(self, instance, host):
                """No action."""
        report = run(Odd('stein.attach'), explore={})
        self.assertIn('do_clam is for an action that stein.attach has not; '
                      'did you mean claim', report.errors[0])
        self.assertEqual(verdict.BROKEN, report.status)

    def test_no_method_at_all(self):
        class Empty(ModelSystem):
            actions = System.actions
        with self.assertRaisesRegex(InputError, 'write do_claim, say'):
            run(Empty('stein.attach'), explore={})


class Broken(unittest.TestCase):
    """A harness that breaks is never a pass, a divergence, or a hang."""

    def broken(self, limit=30.0, **methods):
        system = ModelSystem('stein.attach')
        vars(system).update(limit=limit, **methods)
        began = time.monotonic()
        report = run(system, explore={'steps': 200})
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(verdict.BROKEN, report.status)
        self.assertEqual([], report.failures)
        self.assertFalse({PASS, FAIL} & {
            one.verdict for one in report.verdicts.values()})
        return report.errors[0]

    def test_what_was_shown_before_is_no_pass(self):
        """Though it breaks once only."""
        system = ModelSystem('stein.attach')
        calls = []

        def call(name, arguments, whole=system.call):
            calls.append(name)
            if len(calls) == 400:
                raise OSError('gone')
            return whole(name, arguments)
        system.call = call
        report = run(system, explore={'steps': 800})
        self.assertEqual(verdict.BROKEN, report.status)
        self.assertEqual(0, report.counts[PASS])
        self.assertIn('the test broke; until then', report.verdicts[
            'HANDLE-010'].reason)
        [outcome] = report.outcomes
        self.assertIn('(', outcome.last)
        self.assertTrue(outcome.repeat.endswith(
            '--mode explore --seed 0 --steps 800'))

    def test_it_hangs(self):
        released = threading.Event()
        self.addCleanup(released.set)

        def call(name, arguments):
            released.wait(60)
        self.assertIn('did not come back within 0.3 s',
                      self.broken(0.3, call=call))

    def test_it_raises(self):
        for name in ('start', 'observe', 'call'):
            with self.subTest(name):
                error = self.broken(**{name: mock.Mock(
                    __name__=name, side_effect=KeyError('lost'))})
                self.assertIn("raises KeyError: 'lost'", error)

    def test_it_raises_in_stop(self):
        system = ModelSystem('stein.attach')
        system.stop = mock.Mock(side_effect=OSError('stuck'))
        report = run(system, explore={'steps': 50})
        self.assertEqual(verdict.BROKEN, report.status)
        self.assertIn('stop raises OSError', report.errors[0])

    def test_it_observes_nonsense(self):
        for values, message in (
                ({'arq[0]': 'READY'}, "observed as 'READY', which is none"),
                ({'arc[0]': 'BOUND'}, 'did you mean arq'),
                (['arq[0]'], 'return a dict')):
            with self.subTest(message):
                self.assertIn(message, self.broken(
                    observe=lambda values=values: values))

    def test_it_returns_nonsense(self):
        class Odd(ModelSystem):
            call = System.call

            def actions(self, known):
                return frozenset(['claim'])

            def do_claim(self, instance, host):
                return 201
        report = run(Odd('stein.attach'), explore={'steps': 20})
        self.assertIn('do_claim returns 201', report.errors[0])

    def test_the_last_step_is_told(self):
        """Though nothing can be done with it any more, as with a process
        that has ended.
        """
        system = ModelSystem('stein.attach')
        calls = []

        def call(name, arguments, whole=system.call):
            calls.append(name)
            if len(calls) >= 5:
                raise KeyError('lost')
            return whole(name, arguments)

        def start(whole=system.start):
            if len(calls) >= 5:
                raise KeyError('lost')
            whole()
        vars(system).update(call=call, start=start)
        [outcome] = run(system, explore={'steps': 50}).outcomes
        self.assertIn("raises KeyError: 'lost'", outcome.error)
        self.assertNotIn('start', outcome.error)
        self.assertEqual(calls[:4], [
            one.partition('(')[0] for one in outcome.last.split('), ')])
        self.assertEqual(5, len(calls))  # it is not tried anew

    def test_too_many_states_are_inconclusive(self):
        system = ModelSystem('stein.attach', by_itself=('take', 'bound'))
        with mock.patch('cyborg_models.conformance.oracle.Oracle.'
                        '_check_size', side_effect=modes.Undecided(
                            'more than 5 states')):
            report = run(system, explore={'steps': 300})
        self.assertEqual(['more than 5 states'],
                         report.outcomes[0].modes[0].notes)
        self.assertEqual(verdict.OPEN, report.status)

    def test_interrupted(self):
        system = ModelSystem('stein.attach')
        with mock.patch.object(Watch, 'run', side_effect=[
                frozenset(['claim']), KeyboardInterrupt, None]):
            report = run(system, explore={'steps': 10},
                         repeat={'steps': 10})
        (mode,) = report.outcomes[0].modes  # and no other is begun
        self.assertEqual(['it was interrupted'], mode.notes)
        self.assertEqual(verdict.OPEN, report.status)

    def test_no_other_system_is_run_once_interrupted(self):
        systems = [ModelSystem('stein.attach'), ModelSystem('stein.release')]
        with mock.patch.object(Watch, 'run', side_effect=[
                frozenset(['claim']), KeyboardInterrupt, None]):
            report = modes.report(systems, {'explore': {'steps': 10}})
        self.assertEqual(1, len(report.outcomes))


class Watched(unittest.TestCase):

    def test_what_a_job_returns_and_raises(self):
        watch = Watch(5)
        self.assertEqual(3, watch.run(lambda: watch.call('it', max, 1, 3)))
        with self.assertRaisesRegex(HarnessError, 'it raises ValueError'):
            watch.run(lambda: watch.call('it', int, 'x'))
        with self.assertRaises(InputError):
            watch.run(mock.Mock(side_effect=InputError('x')))

    def test_a_call_that_comes_too_late_ends_the_job(self):
        watch, released, went_on = Watch(0.1), threading.Event(), []

        def job():
            watch.call('it', released.wait, 30)
            went_on.append(1)
        with self.assertRaisesRegex(HarnessError, 'within 0.1 s'):
            watch.run(job)
        released.set()
        time.sleep(0.2)
        self.assertEqual([], went_on)


class Modes(unittest.TestCase):

    def test_repeat_calls_twice(self):
        system = Told('stein.attach')
        run(system, repeat={'steps': 300})
        pairs = sum(one[0] == other[0] != '(start)' for one, other
                    in zip(system.calls, system.calls[1:], strict=False))
        self.assertGreater(pairs, 80)

    def test_what_a_mode_did_not_do_is_told(self):
        """Steps that were taken are not what these modes are for."""
        for action, mode, options, why in (
                ('claim', 'repeat', {'steps': 30},
                 'no call could be made twice'),
                ('sweep', 'vectors', {}, 'the system was not led to'),
                ('sweep', 'concurrent', {'rounds': 5}, 'no two calls were')):
            system = Told('stein.attach')
            vars(system)['refuses'] = ()
            system.actions = lambda known, one=action: frozenset([one])
            report = run(system, **{mode: options})
            self.assertIn(why, report.outcomes[0].modes[0].skipped)

    def test_exhaustive_is_every_sequence(self):
        system = Told('stein.lifecycle')
        report = run(system, exhaustive={'depth': 4})
        done, here = set(), ()
        for name, outcome in system.calls:
            if name == '(start)':
                here = ()
            elif outcome == OK:
                here = (*here, name)
                done.add(here)
        self.assertEqual(sequences('stein.lifecycle', 4), done)
        self.assertEqual(
            sum(len(one) == 4 for one in done),
            report.outcomes[0].modes[0].counts['sequences'])

    def test_exhaustive_says_when_it_stops(self):
        report = run(Told('stein.lifecycle'),
                     exhaustive={'depth': 9, 'steps': 300})
        self.assertIn('was not finished',
                      report.outcomes[0].modes[0].notes[0])
        self.assertEqual(verdict.OPEN, report.status)

    def test_what_the_model_forbids_is_put_to_the_test(self):
        system = Told('stein.attach')
        run(system, explore={'steps': 600})
        refused = {name for name, outcome in system.calls
                   if outcome == REFUSED}
        self.assertGreater(len(refused), 10)
        system = Told('stein.attach')
        vars(system)['refuses'] = ('start_bind',)
        run(system, explore={'steps': 600})
        self.assertEqual({'start_bind'}, {
            name for name, outcome in system.calls if outcome == REFUSED})

    def test_faults_only_where_asked(self):
        system = Told('stein.attach')
        report = run(system, explore={'steps': 300})
        faults = {name for name, action in
                  suite.chosen(system).model.actions.items() if action.fault}
        self.assertEqual(set(), faults.intersection(
            name for name, _ in system.calls))
        self.assertEqual((), report.outcomes[0].faults)
        report = run(system, faults={'steps': 3000})
        self.assertEqual(faults, set(report.outcomes[0].faults))
        system.actions = lambda known: frozenset(['claim', 'post'])
        report = run(system, faults={'steps': 10})
        self.assertEqual('there is no method for a fault',
                         report.outcomes[0].modes[0].skipped)

    def test_concurrent_calls_overlap(self):
        system = Slow('stein.attach')
        run(system, concurrent={'rounds': 25})
        self.assertGreater(system.most, 1)
        vars(system)['callers'] = 1
        report = run(system, concurrent={'rounds': 25})
        self.assertEqual('one caller at a time is declared',
                         report.outcomes[0].modes[0].skipped)

    def race(self, seed=4, **more):
        system = Racy('stein.attach')
        vars(system).update(more)
        report = run(system, seed, concurrent={'rounds': 300})
        found = [failure for failure in report.failures
                 if failure.requirement == 'HANDLE-010']
        self.assertTrue(found)
        return system, found[0]

    def test_calls_that_overlap_are_shrunk(self):
        """To two callers, and to what makes them possible."""
        for callers in (2, 4):
            with self.subTest(callers):
                _, failure = self.race(callers=callers)
                *before, _, _ = failure.played
                self.assertEqual(
                    ['take', 'take'],
                    [step.action.name for step in failure.played[-2:]])
                self.assertEqual(
                    [False] * len(before) + [True] * 2,
                    [text.endswith('overlapping') for text in failure.calls])
                owners = {step.arguments[0] for step in failure.played[-2:]}
                self.assertEqual(
                    4 * len(owners), len(before), failure.calls)
                self.assertTrue(failure.steady)

    def test_without_the_steps_to_shrink_them_they_stay_long(self):
        with mock.patch.object(modes, 'SHRINK', 0):
            _, failure = self.race(callers=4)
        self.assertGreater(len(failure.played), 10)
        self.assertEqual(4, sum(text.endswith('overlapping')
                                for text in failure.calls))
        self.assertFalse(failure.steady)

    def test_calls_that_overlap_are_made_again_a_few_times(self):
        system, failure = self.race(once=True)
        self.assertFalse(failure.steady)
        self.assertEqual(300 + modes.TRIES, system.runs)

    def test_waiting_is_a_step_where_something_is_hidden(self):
        system = ModelSystem('stein.attach', by_itself=('start_bind',
                                                        'take'))
        system.wait = mock.Mock(side_effect=system.wait)
        run(system, explore={'steps': 200})
        self.assertTrue(system.wait.called)
        system = ModelSystem('stein.attach')
        system.wait = mock.Mock()
        run(system, explore={'steps': 200})
        self.assertFalse(system.wait.called)
        self.assertEqual('wait', WAIT.name)

    def test_no_vectors(self):
        report = run(ModelSystem('stein.attach', {'handles': '3'}),
                     vectors={})
        self.assertIn('there are no vectors for stein.attach handles=3',
                      report.outcomes[0].modes[0].skipped)


class Told(ModelSystem):
    """Keeps (name, outcome) of each call."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.calls = []

    def start(self):
        self.calls.append(('(start)', ''))
        super().start()

    def call(self, name, arguments):
        outcome = super().call(name, arguments)
        self.calls.append((name, outcome))
        return outcome


class Racy(ModelSystem):
    """Of handles that are taken at once each is looked at before any is
    marked: in one run of three, so that it takes some luck.

    :ivar once: True if it races in one run, and never again
    :ivar raced: the number of the last run in which it did
    """

    once, runs, raced = False, 0, 0

    def start(self):
        super().start()
        self.runs += 1
        self.home, self.before, self.taken = (
            threading.get_ident(), self._codes, 0)

    def call(self, name, arguments):
        if threading.get_ident() == self.home:
            outcome = super().call(name, arguments)
            self.before = self._codes
            return outcome
        if name != 'take' or (self.raced not in (0, self.runs) if self.once
                              else self.runs % 3):
            return super().call(name, arguments)
        with self._lock:
            writes = self._trees[name, arguments](self.before)
            if isinstance(writes, Guard):
                return REFUSED
            self.taken += 1
            if self.taken > 1:
                self.raced = self.runs
            self._codes = successor(self._codes, writes)
            return OK


class Slow(ModelSystem):
    """Counts how many calls are under way at most."""

    now = most = 0

    def call(self, name, arguments):
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.001)
        outcome = super().call(name, arguments)
        self.now -= 1
        return outcome


def sequences(name, depth):
    """Every sequence of steps of a model, up to a length, by the plain walk.
    """
    from cyborg_models import registry
    from cyborg_models.kernel.walk import successors

    model = registry.choose(name).model
    found, row = set(), [((), model.initial)]
    for path, codes in row:
        for step, after in successors(model, codes):
            if len(path) < depth:
                found.add((*path, step.name))
                row.append(((*path, step.name), after))
    return found


class Pins(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def found(self):
        return run(ModelSystem('stein.attach', {}, ('B3',)), faults={
            'steps': 1500, 'pins': self.folder})

    def test_played_first(self):
        first = self.found()
        self.assertEqual(1, len(os.listdir(self.folder)))
        again = self.found()
        self.assertEqual(1, again.outcomes[0].modes[0].counts['pins'])
        self.assertEqual(3, again.failures[0].steps)
        self.assertGreater(first.failures[0].steps, 3)
        # Of another configuration, it is left alone.
        other = run(ModelSystem('stein.attach', {'handles': '1'}), faults={
            'steps': 50, 'pins': self.folder})
        self.assertNotIn('pins', other.outcomes[0].modes[0].counts)

    def test_a_stale_one(self):
        self.found()
        path = os.path.join(self.folder, os.listdir(self.folder)[0])
        with open(path, encoding='utf-8') as file:
            data = json.load(file)
        for change in ({'calls': [['clam', [0, 0]]]}, {'format': 'x'},
                       {'calls': 3}):
            with open(path, 'w', encoding='utf-8') as file:
                json.dump({**data, **change}, file)
            report = self.found()
            self.assertIn('the pin cannot be used', report.errors[0])
            self.assertEqual(verdict.BROKEN, report.status)


SUITE = '''
    from cyborg_models.conformance.itself import ModelSystem
    from cyborg_models.conformance.suite import Suite, Refused

    class TestMine(Suite):
        model = 'stein.lifecycle'
        roles = ('cyborg',)
        implementation = ('mine', '1.0')
        modes = {'explore': {'steps': 200}, 'faults': {}, 'vectors': {}}

        def start(self):
            self.it = ModelSystem('stein.lifecycle', {}, DEFECTS)

        def observe(self):
            return self.it.observe()
    for name in ModelSystem('stein.lifecycle')._model.actions:
        def method(self, name=name):
            if BROKEN and name == 'remove':
                return None
            if self.it.call(name, ()) == 'refused':
                raise Refused(name)
        setattr(TestMine, f'do_{name}', method)
'''


class Suites(unittest.TestCase):
    """Under a runner of tests."""

    def write(self, broken, defects=()):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, 'test_mine.py')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(textwrap.dedent(SUITE).replace(
                'BROKEN', str(broken)).replace('DEFECTS', repr(defects)))
        return path

    def unittest(self, path):
        return subprocess.run(
            [sys.executable, '-m', 'unittest', '-v', 'test_mine'],
            cwd=os.path.dirname(path), capture_output=True, text=True,
            timeout=120, env={**os.environ, 'PYTHONPATH': os.pathsep.join(
                os.path.abspath(one) for one in sys.path if one)})

    def test_unittest(self):
        run = self.unittest(self.write(False))
        self.assertEqual(0, run.returncode, run.stderr)
        self.assertIn('Ran 3 tests', run.stderr)
        self.assertIn("skipped 'there is no method for a fault'",
                      run.stderr)
        run = self.unittest(self.write(True))
        self.assertEqual(1, run.returncode, run.stderr)
        self.assertIn('ARQ-020 fails: ', run.stderr)
        self.assertIn('to repeat: cyborg-models conform run '
                      'test_mine:TestMine --mode explore --seed 0 --steps',
                      run.stderr)

    def test_the_command_repeats_it(self):
        path = self.write(True)
        found = subprocess.run(
            [sys.executable, '-m', 'cyborg_models', 'conform', 'run',
             'test_mine:TestMine', '--mode', 'explore', '--seed', '0',
             '--steps', '200'], cwd=os.path.dirname(path),
            capture_output=True, text=True, timeout=120,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(
                os.path.abspath(one) for one in sys.path if one)})
        self.assertEqual(1, found.returncode, found.stderr)
        self.assertIn('ARQ-020 fails: ', found.stdout)

    def test_the_base_has_no_tests(self):
        names = unittest.defaultTestLoader.getTestCaseNames(Suite)
        self.assertEqual([], list(names))

    def test_outcomes_of_methods(self):
        class Mine(System):
            def do_a(self):
                raise Refused('no')

            def do_b(self):
                raise Unknown

            def do_c(self):
                raise TimeoutError

            def do_d(self):
                """Done."""
        mine = Mine()
        self.assertEqual(['refused', 'unknown', 'unknown', 'ok'], [
            mine.call(name, ()) for name in 'abcd'])
        self.assertEqual({'a', 'b', 'c', 'd'}, mine.actions(
            dict.fromkeys('abcde')))
        for method in (mine.start, mine.observe):
            self.assertRaises(NotImplementedError, method)


class Pytest(unittest.TestCase):
    """The plugin, handed what pytest hands it."""

    def test_options_and_summary(self):
        added = mock.Mock()
        pytest_plugin.pytest_addoption(added)
        names = [call.args[0] for call in
                 added.getgroup.return_value.addoption.call_args_list]
        self.assertEqual(['--conformance-seed', '--conformance-json'], names)

        class TestIt(Suite):
            model, roles = 'stein.lifecycle', ('cyborg',)
            implementation = ('mine', '1.0')

            def start(self):
                """Nothing is kept."""

            def observe(self):
                return {}

            def do_create(self):
                raise Refused
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(
                os.environ), mock.patch.dict(pytest_plugin._kinds):
            path = os.path.join(folder, 'report.json')
            given = {'--conformance-seed': 7, '--conformance-json': path}
            config = mock.Mock(getoption=given.get)
            pytest_plugin.pytest_configure(config)
            for mode in ('explore', 'repeat'):
                with self.assertRaisesRegex(AssertionError,
                                            'create was refused'):
                    modes.test(TestIt(), mode, {'steps': 20})
            pytest_plugin.pytest_runtest_teardown(
                types.SimpleNamespace(cls=TestIt))
            pytest_plugin.pytest_runtest_teardown(
                types.SimpleNamespace(cls=None))
            out = mock.Mock(config=config)
            pytest_plugin.pytest_terminal_summary(out)
            with open(path, encoding='utf-8') as file:
                data = json.load(file)
        self.assertEqual((1, 7), (data['status'], data['seed']))
        said = [call.args[0] for call in out.line.call_args_list]
        self.assertIn('Divergent.', said)
        # What they are of is said once, and what each mode did.
        self.assertEqual(1, said.count('stein.lifecycle'))
        for mode in ('explore', 'repeat'):
            self.assertEqual(1, sum(line.startswith(f'  {mode}: ')
                                    for line in said))

    def test_nothing_ran(self):
        out = mock.Mock()
        pytest_plugin.pytest_terminal_summary(out)
        self.assertFalse(out.line.called)


class Import(unittest.TestCase):

    def test_little_is_imported(self):
        code = ('import sys, cyborg_models.conformance as one; '
                'one.Suite, one.Oracle; '
                'print([name for name in sys.modules if name.split(".")[0] '
                'in ("hypothesis", "numba", "numpy", "sphinx", "rich")])')
        said = subprocess.run([sys.executable, '-c', code], check=True,
                              capture_output=True, text=True,
                              env={**os.environ, 'PYTHONPATH':
                                   os.pathsep.join(sys.path)})
        self.assertEqual('[]', said.stdout.strip())

    def test_each_name_is_there(self):
        from cyborg_models import conformance

        self.assertGreater(len(conformance.__all__), 10)
        for name in conformance.__all__:
            self.assertIsNotNone(getattr(conformance, name))
        with self.assertRaises(AttributeError):
            conformance.nothing  # noqa: B018


class CommandLine(unittest.TestCase):

    def test_what_cannot_be_loaded(self):
        for target, message in (
                ('mine', 'give MODULE:CLASS'),
                ('no_such_module:Mine', 'cannot be imported'),
                ('nowhere.py:Mine', 'cannot be imported'),
                ('models.tests.test_conformance:Twixe', 'did you mean Twice'),
                ('models.tests.test_conformance:ModelSystem',
                 'cannot be made'),
                ('model:stein.attahc', 'did you mean stein.attach')):
            with self.subTest(target), self.assertRaisesRegex(
                    InputError, message):
                cli.load(target)

    def test_a_release_is_many(self):
        self.assertEqual(len(WHOLE['rocky']), len(cli.load('model:rocky')))
        with self.assertRaisesRegex(InputError, 'did you mean stein'):
            whole('stien')

    def test_a_file_finds_what_lies_beside_it(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (
                    ('lies_beside.py', 'VERSION = "0.1"\n'),
                    ('with_another.py', (
                        'from cyborg_models.conformance import System\n'
                        'from lies_beside import VERSION\n'
                        'class Mine(System):\n'
                        '    implementation = "mine", VERSION\n'))):
                Path(folder, name).write_text(text, 'utf-8')
            with mock.patch.object(sys, 'path', list(sys.path)):
                [system] = cli.load(f'{folder}/with_another.py:Mine')
        self.assertEqual(('mine', '0.1'), system.implementation)

    def test_the_command_has_what_leads_there(self):
        """Whatever has a say in the steps that are taken."""
        parser = argparse.ArgumentParser()
        cli.runs(parser)
        broken = ModelSystem('stein.attach', defects=('A1', 'A7'))
        for more, ending in (
                ('--mode explore --steps 300 --limit 7 --pins x/y',
                 '--limit 7.0 --pins x/y --mode explore --seed 4 '
                 '--steps 300'),
                ('--mode explore --steps 300 --known A7',
                 '--known A7 --mode explore --seed 4 --steps 300')):
            given = parser.parse_args(
                ['model:stein.attach', '--seed', '4', *more.split()])
            with self.subTest(more), mock.patch.object(
                    ways, 'tell') as told, mock.patch.object(
                        modes, '_pin'):
                self.assertEqual(1, cli.run([broken], given, 'it'))
            found = {one.repeat for one in told.call_args[0][0].failures}
            self.assertEqual(
                {f'cyborg-models conform run it {ending}'}, found)

    def test_a_mode_that_is_asked_for_and_cannot_be(self):
        """A run that did less than it was asked for is no claim."""
        parser = argparse.ArgumentParser()
        cli.runs(parser)
        for more, notes in (
                ('explore concurrent', [[], ['concurrent was asked for and '
                                             'not run: one caller at a time '
                                             'is declared']]),
                ('', [[]] * len(modes.MODES))):
            with self.subTest(more), mock.patch.object(
                    ways, 'tell') as told, mock.patch.object(
                        cli, 'chosen_modes', lambda given: dict.fromkeys(
                            given.mode or modes.MODES, {})), \
                    mock.patch.object(modes, 'MODES', {
                        name: self.nothing for name in modes.MODES}):
                system = ModelSystem('stein.attach')
                cli.run([system], parser.parse_args(
                    ['it', *(['--mode', *more.split()] if more else [])]),
                    'it')
                found, = told.call_args[0][0].outcomes
                self.assertEqual(notes, [one.notes for one in found.modes])

    def nothing(self, mode):
        """Does nothing, and cannot have calls overlap."""
        if mode.result.mode == 'concurrent':
            mode.result.skipped = 'one caller at a time is declared'
        return mode.result

    def test_hidden_rest(self):
        class Mine(ModelSystem):
            hidden = HIDDEN_REST
        system = Mine('stein.attach')
        vars(system)['hidden'] = HIDDEN_REST
        system.actions = lambda known: frozenset(['claim', 'post'])
        system._hidden = []
        report = run(system, explore={'steps': 60})
        self.assertEqual([], report.errors)


if __name__ == '__main__':
    unittest.main()
