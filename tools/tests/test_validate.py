"""The guide for implementers does what it shows, from first to last."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import jsonschema_rs

from cyborg_models import cli
from cyborg_models.conformance import wire

from .test_guide import agrees, blocks, examples

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / 'doc/source/validate.rst'


def run(command):
    """What a command prints, and its exit status."""
    words = shlex.split(command)
    if words[0] == 'python':
        words[0] = sys.executable
    if words[0] != 'cyborg-models':
        done = subprocess.run(words, capture_output=True, text=True,
                              check=False)
        return (done.stdout + done.stderr).strip('\n'), done.returncode
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = cli.main(words[1:])
    return out.getvalue().strip('\n'), status


class Guide(unittest.TestCase):

    def setUp(self):
        self.text = GUIDE.read_text()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        enter = self.enterContext
        enter(contextlib.chdir(folder.name))
        enter(mock.patch.dict(os.environ, COLUMNS='72'))
        shutil.copy(ROOT / 'systems/toy/toy.c', 'toy.c')
        (_, self.mine), (self.line, self.mended), (_, convert) = blocks(
            self.text, 'python')
        Path('mine.py').write_text(self.mine)
        Path('convert.py').write_text(convert)
        (_, self.wire), (_, their), (_, lines) = blocks(self.text, 'text')
        Path('their.log').write_text(their)
        Path('cyborg.log').write_text(lines)
        (_, mapping), = blocks(self.text, 'toml')
        Path('their.toml').write_text(mapping)

    def mend(self):
        """Do what the guide says below its first verdict."""
        last = '        self.handle[arq] = handle\n'
        self.assertEqual(1, self.mine.count(last))
        Path('mine.py').write_text(self.mine.replace(
            last, f'{last}        {self.mended}'))

    def test_each_command_prints_what_is_shown(self):
        shown = examples(self.text)
        statuses = []
        for line, command, wanted in shown:
            if command.startswith('cc ') and shutil.which('cc') is None:
                self.skipTest('needs cc; see bindep.txt, profile toy')
            if line > self.line and self.mended:
                self.mend()
                self.mended = ''
            with self.subTest(f'{GUIDE.name}:{line}: {command}'):
                printed, status = run(command)
                statuses.append(status)
                self.assertTrue(agrees(wanted, printed), printed)
        kinds = {command.split()[2] for _, command, _ in shown
                 if command.startswith('cyborg-models')}
        self.assertEqual({'run', 'smoke', 'log', 'sample'}, kinds)
        self.assertEqual({0, 1, 2, 3}, set(statuses))

    def test_the_conversation_is_of_the_protocol(self):
        valid = jsonschema_rs.validator_for(wire.schema()).is_valid
        lines = [json.loads(line) for line in self.wire.splitlines()]
        self.assertEqual([], [line for line in lines if not valid(line)])
        asked = [line['ask'] for line in lines if 'ask' in line]
        self.assertEqual(set(wire.KEYS), set(asked))
        for request, answer in zip(lines[::2], lines[1::2], strict=True):
            self.assertEqual(request['id'], answer['id'])
            self.assertLessEqual(set(answer) - {'id'},
                                 set(wire.KEYS[request['ask']]))

    def test_it_names_all_that_a_harness_may_say(self):
        for name in (*wire.KEYS['hello'], *wire.OUTCOMES):
            self.assertRegex(self.text, rf'``{name}``|"{name}"')

    def test_what_is_not_logged_is_asked_for(self):
        """The guide's last command, by who does not know of --hidden."""
        run('python convert.py cyborg.log events.log')
        printed, status = run('cyborg-models conform log stein.attach '
                              'events.log --complete --brief')
        self.assertEqual(1, status)
        self.assertIn('start_bind. What happens without a line', printed)
        printed, _ = run('cyborg-models conform log stein.attach '
                         "events.log --complete --brief --hidden '*'")
        self.assertNotIn('No line before it has', printed)

    def test_what_is_shown_otherwise_is_noticed(self):
        printed, _ = run('cyborg-models conform sample stein.attach '
                         '--events 3')
        self.assertTrue(agrees('{"number":1,...', printed))
        self.assertFalse(agrees('{"number":2,...', printed))
        self.assertTrue(re.match(r'{"number":1,', printed))


if __name__ == '__main__':
    unittest.main()
