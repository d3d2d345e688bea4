"""The types of the models' public face, as mypy reads them."""

import importlib.util
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / 'models/cyborg_models'
STRICT = [PACKAGE / f'kernel/{name}.py' for name in (
    'describe', 'flow', 'itf', 'language', 'mutation', 'refinement',
    'symmetry', 'trace', 'walk')]
STRICT += [PACKAGE / 'check.py', PACKAGE / 'registry.py']
PLANTED = '\n\ndef planted(one):\n    return one\n'


def marks(path):
    """(line, name of the error) of a file that says what is wrong in it."""
    return {(number, match[1]) for number, line
            in enumerate(path.read_text().splitlines(), start=1)
            if (match := re.search(r'  # ([a-z-]+)( # noqa.*)?$', line))}


@unittest.skipUnless(importlib.util.find_spec('mypy'),
                     'mypy is missing: see test-requirements.txt')
class TypesTest(unittest.TestCase):

    def test_what_is_wrong_is_found_and_nothing_else(self):
        # One run for all: each strict file with a function that has no
        # types at its end, and a caller that makes mistakes.
        use = ROOT / 'models/tests/typed_use.py'
        wanted = {(str(use.relative_to(ROOT)), *mark) for mark in marks(use)}
        self.assertGreater(len(wanted), 8)
        with tempfile.TemporaryDirectory() as folder:
            options = []
            for number, path in enumerate(STRICT):
                text = path.read_text()
                shadow = Path(folder, f'{number}.py')
                shadow.write_text(text + PLANTED)
                options += ['--shadow-file', str(path), str(shadow)]
                wanted.add((str(path.relative_to(ROOT)),
                            text.count('\n') + 3, 'no-untyped-def'))
            done = subprocess.run(
                [sys.executable, '-m', 'mypy', *options, '--cache-dir',
                 '.mypy_cache/tests', '-p', 'cyborg_models.kernel', '-m',
                 'cyborg_models.check', '-m', 'cyborg_models.registry',
                 '-m', 'models.tests.typed_use'],
                cwd=ROOT, capture_output=True, text=True, check=False)
        found = {(path, int(line), name) for path, line, name in re.findall(
            r'(?m)^([^:\n]+):(\d+): error: .*\[([a-z-]+)\]$', done.stdout)}
        self.assertEqual(wanted, found, done.stdout + done.stderr)
        self.assertEqual(1, done.returncode)

    def test_the_gate_runs_it(self):
        tox = (ROOT / 'tox.ini').read_text()
        gate = tox.partition('[testenv:pep8]')[2].partition('[testenv:')[0]
        self.assertRegex(gate, r'(?m)^  mypy$')


if __name__ == '__main__':
    unittest.main()
