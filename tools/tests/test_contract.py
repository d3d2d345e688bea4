"""The contracts as data: what the specs say, and nothing else."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

from tools import contract, evidence, specs

ROOT = specs.ROOT


class Recorded(unittest.TestCase):

    def test_it_is_what_the_specs_say(self):
        text = Path(ROOT, contract.FILE).read_text('utf-8')
        self.assertTrue(contract.dumps() == text,
                        'stale; run "python -m tools.contract"')

    def test_every_requirement_on_software_is_there(self):
        data = json.loads(Path(ROOT, contract.FILE).read_text('utf-8'))
        checked = 0
        for release, one in data.items():
            wanted = {
                row.id for path in Path(
                    ROOT, 'specs', release, 'approved').glob('*.rst')
                for row in evidence.stated(specs.read(path))
                if not row.id.startswith('CONF-')}
            self.assertEqual(wanted, {row['id'] for row in one['rules']})
            checked += len(wanted)
        self.assertGreater(checked, 250)

    def test_what_the_specification_says_of_levels(self):
        """Its sentence names those of Stein that do not oblige."""
        data = json.loads(Path(ROOT, contract.FILE).read_text('utf-8'))
        other = {row['id']: row['level'] for row in data['stein']['rules']
                 if row['level'] != 'obliges'}
        self.assertEqual({'HANDLE-002': 'recommends', 'ARQ-091': 'permits',
                          'PROGBIND-018': 'permits'}, other)

    def test_what_names_the_whole_is_for_every_role(self):
        data = json.loads(Path(ROOT, contract.FILE).read_text('utf-8'))
        every = {row['id'] for row in data['stein']['rules']
                 if len(row['roles']) == 4}
        self.assertEqual({'ARQ-067', 'ARQ-090', 'ARQ-092', 'PROGBIND-010'},
                         every)

    def test_capabilities(self):
        data = json.loads(Path(ROOT, contract.FILE).read_text('utf-8'))
        brought = {row['id']: row['capabilities']
                   for row in data['stein']['rules']}
        self.assertEqual(['group'], brought['ARQ-017'])
        self.assertEqual(['program', 'mdev'], brought['PROGBIND-001'])
        self.assertEqual(['core'], brought['ARQ-011'])
        found = data['stein']['capabilities']
        self.assertEqual(11, len(found))
        self.assertEqual(['program'], found['share']['asks'])
        self.assertEqual(['cyborg', 'agent'], found['mdev']['roles'])
        rocky = {row['id']: row['capabilities']
                 for row in data['rocky']['rules']}
        self.assertEqual(['program'], rocky['OSACC-024'])
        self.assertEqual(['program'], rocky['OSACC-066'])
        self.assertEqual(['core'], rocky['OSACC-001'])


    def test_what_a_test_of_the_reference_shows_is_for_review(self):
        """No model carries it, so another system's is not seen."""
        data = json.loads(Path(ROOT, contract.FILE).read_text('utf-8'))
        found = evidence.read()
        alone = set(found.tests) - set(found.uses) - set(found.vectors)
        told = {row['id']: row['review'] for one in data.values()
                for row in one['rules'] if row['id'] in alone}
        self.assertEqual(alone, set(told))
        self.assertGreaterEqual(len(told), 10)
        for name, review in told.items():
            self.assertIn('of the reference implementation '
                          f'{found.tests[name][0].name} shows it', review)


class Planted(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        shutil.copytree(ROOT / 'specs', self.root / 'specs')

    def change(self, name, old, new):
        path = self.root / 'specs' / name
        text = path.read_text('utf-8')
        self.assertIn(old, text)
        path.write_text(text.replace(old, new), 'utf-8')

    def test_nobody_has_to_do_it(self):
        self.change('stein/approved/accelerator-requests.rst',
                    'Nova MUST hold a claim', 'Somebody MUST hold a claim')
        with self.assertRaisesRegex(contract.ContractError,
                                    r'rst:\d+: ARQ-001 names no role'):
            contract.contract('stein', self.root)
        self.assertEqual(1, contract.main(self.root))

    def test_a_word_that_changed(self):
        self.change('stein/approved/accelerator-requests.rst',
                    'Nova MUST hold a claim', 'Nova MUST have a claim')
        self.assertNotEqual(contract.dumps(self.root), contract.dumps())

    def test_a_draft_is_no_contract(self):
        for path in (self.root / 'specs/stein/approved').glob('*.rst'):
            if path.stem != 'conformance':
                self.change(f'stein/approved/{path.name}',
                            ':status: approved', ':status: draft')
        with self.assertRaisesRegex(contract.ContractError, 'state some'):
            contract.contract('stein', self.root)


if __name__ == '__main__':
    unittest.main()
