"""The contracts as data: what the specs say, and nothing else."""

import contextlib
import io
import json
import shutil
import tempfile
import unittest
from pathlib import Path

from cyborg_models import manifest, registry
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
        for name, wanted in (
                ('OSACC-024', ['program']), ('OSACC-066', ['program']),
                ('OSACC-001', ['core']), ('BITS-005', ['program']),
                ('FPGAX86-019', ['program']), ('QUOTA-004', ['quota']),
                ('FPGAX86-001', ['fpga-libvirt', 'gpu-libvirt']),
                ('GPUX86-001', ['gpu-libvirt']),
                ('PLAT-011', ['ioslot-novalink'])):
            self.assertEqual(wanted, rocky[name], name)
        found = data['rocky']['capabilities']
        self.assertEqual(6, len(found))
        self.assertEqual(['program'], found['fpga-libvirt']['asks'])

    def test_a_plugin_for_another_platform(self):
        """It is not asked for what binds the plugins that there are."""
        data = json.loads(Path(ROOT, contract.FILE).read_text('utf-8'))
        self.assertEqual(
            ['OSACC-006', 'OSACC-007', 'OSACC-008', 'OSACC-009', 'OSACC-011',
             'PLAT-001', 'PLAT-002'],
            [row['id'] for row in data['rocky']['rules']
             if row['roles'] == ['plugin']
             and row['capabilities'] == ['core']])

    def test_each_version_has_its_digest(self):
        data = json.loads(Path(ROOT, contract.FILE).read_text('utf-8'))
        stated = contract.versions()
        for release, one in data.items():
            self.assertEqual([name for _, name in stated[release]],
                             list(one['digests']))
            self.assertEqual(contract.digest(one),
                             one['digests'][one['version']])
            self.assertEqual(len(one['digests']),
                             len(set(one['digests'].values())))
            self.assertGreater(len(one['digests']), 1)


class Divergences(unittest.TestCase):
    """The table of divergences has the steps of what a model knows."""

    def wrong(self, rows):
        """Names said to have no steps that a model has as a defect, and how
        many were looked at.
        """
        found = {name for entry in manifest.load() if not entry.defects
                 and entry.model.startswith('stein.') for name in
                 registry.choose(entry.model, entry.pairs).model.defects}
        none = [cells[0] for _, cells in rows if cells[-1] == 'none']
        return [name for name in none if name in found], len(none)

    def test_none_is_said_where_no_model_has_it(self):
        lines = specs.read(Path(ROOT, contract.TABLES)).lines
        rows = contract._rows(lines, 'divergences')
        wrong, looked = self.wrong(rows)
        self.assertEqual([], wrong)
        self.assertGreater(looked, 10)
        self.assertGreater(len(rows), 50)

    def test_a_row_that_says_none_and_is_wrong(self):
        self.assertEqual((['A1', 'A12', 'B22'], 4), self.wrong(
            [(number, [name, '', 'none']) for number, name in enumerate(
                ('A1', 'A12', 'B22', 'P8'))]))

    def test_what_a_test_of_the_reference_shows_is_for_review(self):
        """No model carries it, so another system's is not seen."""
        data = json.loads(Path(ROOT, contract.FILE).read_text('utf-8'))
        found = evidence.read()
        alone = {name for name in set(found.tests) - set(found.uses)
                 - set(found.vectors) if not name.startswith('CONF-')}
        told = {row['id']: row['review'] for one in data.values()
                for row in one['rules'] if row['id'] in alone}
        self.assertEqual(alone, set(told))
        self.assertGreaterEqual(len(told), 10)
        for name, review in told.items():
            self.assertIn('of the reference implementation '
                          f'{found.tests[name][0].name} shows it', review)


class Planted(unittest.TestCase):

    ARQ = 'specs/stein/approved/accelerator-requests.rst'
    LAST = '   * - Stein 3.0\n'

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        shutil.copytree(ROOT / 'specs', self.root / 'specs')
        (self.root / contract.FILE).parent.mkdir(parents=True)
        shutil.copy(ROOT / contract.FILE, self.root / contract.FILE)

    def change(self, name, old, new):
        path = self.root / name
        text = path.read_text('utf-8')
        self.assertIn(old, text)
        path.write_text(text.replace(old, new), 'utf-8')

    def refused(self, pattern, *arguments):
        """What the command says, which then writes nothing."""
        before = (self.root / contract.FILE).read_bytes()
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(1, contract.main(arguments, self.root))
        self.assertRegex(said.getvalue(), pattern)
        self.assertEqual(before, (self.root / contract.FILE).read_bytes())

    def written(self, *arguments):
        self.assertEqual(0, contract.main(arguments, self.root))
        data = json.loads((self.root / contract.FILE).read_text('utf-8'))
        self.assertEqual(contract.digest(data['stein']),
                         data['stein']['digests'][data['stein']['version']])
        return data['stein']

    def version(self, name):
        """Add a row to the table of versions."""
        self.change(contract.TABLES, self.LAST, (
            f'   * - {name}\n     - 2027-01-01\n     - a test\n{self.LAST}'))
        lines = (self.root / contract.TABLES).read_text('utf-8').split('\n')
        at = lines.index(f'   * - {name}')
        row, rest = lines[at:at + 3], lines[at + 3:]
        end = next(i for i, line in enumerate(rest)
                   if i and not line.startswith('     '))
        (self.root / contract.TABLES).write_text('\n'.join(
            lines[:at] + rest[:end] + row + rest[end:]), 'utf-8')

    def test_nothing_changed(self):
        before = json.loads((self.root / contract.FILE).read_text('utf-8'))
        self.assertEqual(before['stein']['digests'],
                         self.written()['digests'])

    def test_nobody_has_to_do_it(self):
        self.change(self.ARQ, 'Nova MUST hold a claim',
                    'Somebody MUST hold a claim')
        self.refused(r'rst:\d+: ARQ-001 names no role')

    def test_a_draft_is_no_contract(self):
        for path in (self.root / 'specs/stein/approved').glob('*.rst'):
            if path.stem != 'conformance':
                self.change(f'specs/stein/approved/{path.name}',
                            ':status: approved', ':status: draft')
        self.refused('state some')

    def test_words_that_changed(self):
        self.change(self.ARQ, 'Nova MUST hold a claim',
                    'Nova MUST have a claim')
        self.refused(r'conformance.rst:\d+: the words of ARQ-001 changed; '
                     r'give what has another meaning a new id .*--words')
        before = json.loads((self.root / contract.FILE).read_text('utf-8'))
        after = self.written('--words')
        self.assertEqual('stein 3.0', after['version'])
        self.assertNotEqual(before['stein']['digests']['stein 3.0'],
                            after['digests']['stein 3.0'])

    def test_a_requirement_that_is_added(self):
        self.change(self.ARQ, '.. req:: The claim comes first', (
            '.. req:: One more\n   :id: ARQ-099\n\n   Nova MUST do more.\n\n'
            '.. req:: The claim comes first'))
        wanted = (r'conformance.rst:\d+: the last version of stein is stein '
                  r'\S+ and has to be stein 4.0 \(added: ARQ-099\); add a row')
        self.refused(wanted)
        self.refused(wanted, '--words')
        self.version('Stein 3.1')
        self.refused(wanted)
        self.change(contract.TABLES, 'Stein 3.1', 'Stein 4.0')
        after = self.written()
        self.assertEqual('stein 4.0', after['version'])
        self.assertEqual(['stein 1.0', 'stein 2.0', 'stein 3.0',
                          'stein 4.0'], list(after['digests']))

    def test_a_requirement_that_is_dropped(self):
        path = self.root / self.ARQ
        text = path.read_text('utf-8')
        start = text.index('.. req:: Users ask when they like')
        end = text.index('.. req:: No step without its host')
        path.write_text(text[:start] + text[end:], 'utf-8')
        self.refused(r'has to be stein 3.1 \(dropped: ARQ-091\); add a row')
        self.version('Stein 3.1')
        after = self.written()
        self.assertEqual('stein 3.1', after['version'])
        # Nobody gets its id again, here or in a later version.
        self.assertEqual('stein 3.1', after['retired']['ARQ-091'])
        path.write_text(text, 'utf-8')
        self.refused(r'requests.rst:\d+: ARQ-091 was the id of another '
                     'requirement, and was retired with stein 3.1; take the')
        path.write_text(text[:start] + text[end:], 'utf-8')
        self.assertEqual(after['retired'], self.written()['retired'])

    def test_what_is_retired(self):
        data = json.loads((self.root / contract.FILE).read_text('utf-8'))
        self.assertEqual({'HANDLE-022': 'stein 3.0',
                          'PROGBIND-025': 'stein 3.0'},
                         data['stein']['retired'])

    def test_a_capability_that_brings_more(self):
        self.change(contract.TABLES, ':need:`HANDLE-014`',
                    ':need:`HANDLE-014`, :need:`HANDLE-013`')
        self.refused(r'has to be stein 4.0 \(changed: HANDLE-013\)')

    def test_a_capability_that_brings_what_there_is_not(self):
        self.change(contract.TABLES, ':need:`QUOTA-009`', ':need:`QUOTA-099`')
        self.refused('of rocky, quota brings QUOTA-099, which no approved')

    def test_a_capability_of_a_role_that_is_not_bound(self):
        self.change(contract.TABLES, ':need:`QUOTA-009`',
                    ':need:`QUOTA-009`, :need:`PLAT-002`')
        self.refused('quota brings PLAT-002, which binds plugin and not '
                     'cyborg; name its role')

    def test_a_version_for_nothing(self):
        self.version('Stein 4.0')
        self.refused(r'stein 4.0 and has to be stein 3.0 \(nothing changed\);'
                     ' take the row away')

    def test_a_version_that_is_taken_away(self):
        self.change(contract.TABLES, '   * - Stein 1.0', '   * - Rocky 0.9')
        self.refused('stein 1.0 is on record and not in the table')

    def test_a_version_of_nothing(self):
        self.change(contract.TABLES, '   * - Stein 1.0', '   * - Train one')
        self.refused("conformance.rst:[0-9]+: 'Train one' is no version")

    def test_a_file_that_is_none(self):
        (self.root / contract.FILE).write_text('<<<<<<< HEAD', 'utf-8')
        self.refused(r'contract.json:1: cannot be read .* take back')


if __name__ == '__main__':
    unittest.main()
