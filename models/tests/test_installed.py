"""The package as it is installed: its files, its command, and its plugin for
pytest, which no conftest names.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import unittest
from pathlib import Path

from .test_conformance import SUITE

ROOT = Path(__file__).resolve().parents[2]
PACKED = ('pyproject.toml', 'README.rst', 'requirements.txt')


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, timeout=300,
                          check=False, **options)


class Installed(unittest.TestCase):
    """In a virtual environment that sees what ours has, and not our tree."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        # Whoever builds leaves files in the tree.
        tree = cls.folder / 'tree'
        shutil.copytree(ROOT / 'models/cyborg_models',
                        tree / 'models/cyborg_models',
                        ignore=shutil.ignore_patterns('__pycache__'))
        for name in PACKED:
            shutil.copy(ROOT / name, tree)
        cls.environ = {key: value for key, value in os.environ.items()
                       if key != 'PYTHONPATH'}
        done = run(sys.executable, '-m', 'venv', '--without-pip',
                   cls.folder / 'env', env=cls.environ)
        assert done.returncode == 0, done.stderr
        cls.python = str(cls.folder / 'env/bin/python')
        site = run(cls.python, '-c', 'import sysconfig; '
                   'print(sysconfig.get_path("purelib"))').stdout.strip()
        Path(site, 'theirs.pth').write_text(sysconfig.get_path('purelib'))
        done = run(sys.executable, '-m', 'pip', '--python', cls.python,
                   'install', '--quiet', '--no-deps', '--no-compile',
                   '--no-build-isolation', str(tree), env=cls.environ)
        assert done.returncode == 0, done.stdout + done.stderr

    def suite(self, broken=False):
        """A folder with one test and nothing else."""
        folder = self.folder / f'suite-{broken}'
        folder.mkdir(exist_ok=True)
        text = textwrap.dedent(SUITE).replace('BROKEN', str(broken))
        (folder / 'test_mine.py').write_text(text.replace('DEFECTS', '()'))
        return folder

    def python_in(self, folder, *words):
        return run(self.python, *words, cwd=folder, env={
            **self.environ, 'PYTHON': self.python,
            'COLUMNS': '200'})

    def test_it_is_the_installed_one_that_runs(self):
        done = self.python_in(self.folder, '-c', (
            'import cyborg_models; print(cyborg_models.__file__)'))
        self.assertIn(str(self.folder / 'env'), done.stdout, done.stderr)

    def test_each_file_is_there(self):
        there = set(run(self.python, '-c', textwrap.dedent('''
            from importlib.metadata import files
            print(*files("cyborg-models"), sep="\\n")
            ''')).stdout.split())
        wanted = run('git', '-C', str(ROOT / 'models'), 'ls-files',
                     'cyborg_models').stdout.split() or [
            str(path.relative_to(ROOT / 'models')) for path
            in (ROOT / 'models/cyborg_models').rglob('*.*')
            if '__pycache__' not in path.parts]
        self.assertGreater(len(wanted), 80)
        self.assertEqual([], [name for name in wanted if name not in there
                              and not name.endswith('.cfg')])

    def test_the_command(self):
        command = str(self.folder / 'env/bin/cyborg-models')
        done = run(command, 'conform', 'run', 'model:stein.lifecycle',
                   '--mode', 'explore', '--steps', '50', '--brief',
                   env=self.environ)
        self.assertEqual((2, ''), (done.returncode, done.stderr))
        self.assertIn('stein.lifecycle', done.stdout)

    def test_pytest_finds_the_plugin(self):
        for broken, status, text in ((False, 0, 'Inconclusive.'),
                                     (True, 1, 'Divergent.')):
            folder = self.suite(broken)
            done = self.python_in(folder, '-m', 'pytest', '-q',
                                  '--conformance-seed', '3',
                                  '--conformance-json', 'report.json')
            with self.subTest(broken=broken):
                self.assertEqual(status, done.returncode,
                                 done.stdout + done.stderr)
                self.assertIn('conformance of TestMine', done.stdout)
                self.assertIn(text, done.stdout)
                data = json.loads((folder / 'report.json').read_text())
                self.assertEqual(3, data['seed'])
                self.assertEqual('fail' if broken else 'pass', data[
                    'verdicts']['ARQ-020']['verdict'])
        self.assertIn('ARQ-020 fails: ', done.stdout)

    def test_without_the_entry_point_it_would_be_noticed(self):
        done = self.python_in(self.suite(), '-m', 'pytest', '-q', '-p',
                              'no:cyborg-models', '--conformance-seed', '3')
        self.assertNotEqual(0, done.returncode)
        self.assertIn('--conformance-seed', done.stderr)

    def test_stestr(self):
        for broken, status in ((False, 0), (True, 1)):
            folder = self.suite(broken)
            done = self.python_in(folder, '-m', 'stestr', '--test-path', '.',
                                  'run')
            self.assertEqual(status, done.returncode,
                             done.stdout + done.stderr)
            self.assertIn(' - Skipped: 1', done.stdout)
            self.assertEqual(broken, ' - Failed: 0' not in done.stdout)
            self.assertEqual(broken, 'ARQ-020 fails: ' in done.stdout)


if __name__ == '__main__':
    unittest.main()
