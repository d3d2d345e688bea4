"""The guide to the models does what it shows: its model, its commands."""

import contextlib
import doctest
import importlib.util
import io
import os
import re
import shlex
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path
from unittest import mock

from cyborg_models import cli, registry

GUIDE = Path(__file__).parents[2] / 'doc/source/models.rst'
MODEL, MODULE = 'stein.lend', 'cyborg_models.stein.lend'


def blocks(text, language):
    """The code blocks of a page in one language: (line, text)."""
    found = []
    for match in re.finditer(
            rf'(?m)^\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)', text):
        found.append((text.count('\n', 0, match.start()) + 1,
                      textwrap.dedent(match[1]).strip('\n') + '\n'))
    return found


def examples(text):
    """The commands of a page: (line, command, what it prints)."""
    found = []
    for line, block in blocks(text, 'console'):
        for part in re.split(r'(?m)^(?=\$ )', block)[1:]:
            command, _, wanted = part.partition('\n')
            found.append((line, command[2:], wanted.strip('\n')))
    return found


def agrees(wanted, printed):
    """True if it is what was printed, where ``...`` stands for anything."""
    return doctest.OutputChecker().check_output(
        f'{wanted}\n', f'{printed}\n', doctest.ELLIPSIS)


class Stage:
    """A folder where the guide's model stands as a release's module."""

    def __init__(self, text):
        self._stack = contextlib.ExitStack()
        enter = self._stack.enter_context
        folder = Path(enter(tempfile.TemporaryDirectory()))
        path = folder / 'stein/lend.py'
        path.parent.mkdir()
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(MODULE, path)
        module = importlib.util.module_from_spec(spec)
        # Not patch.dict: it would forget all that is imported meanwhile.
        sys.modules[MODULE] = module
        self._stack.callback(sys.modules.pop, MODULE)
        enter(mock.patch.dict(registry.OTHERS, {MODEL: MODULE}))
        # Paths are told from the package on.
        enter(mock.patch.object(registry, '__file__',
                                str(folder.resolve() / 'registry.py')))
        enter(mock.patch.dict(os.environ, COLUMNS='72'))
        enter(contextlib.chdir(folder))
        spec.loader.exec_module(module)

    def close(self):
        self._stack.close()

    def run(self, command):
        """What a command prints, and its exit status."""
        out = io.StringIO()
        words = shlex.split(command)
        assert words[0] == 'cyborg-models', command
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(
                out):
            status = cli.main(words[1:])
        return out.getvalue().strip('\n'), status


class Guide(unittest.TestCase):

    def setUp(self):
        self.text = GUIDE.read_text()
        (_, model), *_ = blocks(self.text, 'python')
        self.stage = Stage(model)
        self.addCleanup(self.stage.close)

    def test_each_command_prints_what_is_shown(self):
        shown = examples(self.text)
        for line, command, wanted in shown:
            with self.subTest(f'{GUIDE.name}:{line}: {command}'):
                printed, _ = self.stage.run(command)
                self.assertTrue(agrees(wanted, printed), printed)
        known = {command.split()[1] for _, command, _ in shown}
        self.assertEqual({'list', 'check', 'run', 'explain', 'diagram',
                          'compare', 'mutate', 'hunt'}, known)

    def test_what_is_shown_otherwise_is_noticed(self):
        printed, _ = self.stage.run(f'cyborg-models check {MODEL}')
        states = re.search(r'(\d+) states', printed)[1]
        self.assertTrue(agrees('stein.lend\n...\nAll holds.', printed))
        for wrong in (printed.replace(f'{states} states', '47 states'),
                      printed.replace('holds', 'violated', 1),
                      'stein.lend\n...\nViolated.', ''):
            self.assertNotEqual(printed, wrong)
            self.assertFalse(agrees(wrong, printed), wrong)

    def test_what_is_imported_meanwhile_stays(self):
        """numba cannot be imported a second time."""
        kept = {MODULE: sys.modules[MODULE], 'colorsys': None}
        sys.modules.pop('colorsys', None)
        importlib.import_module('colorsys')
        self.stage.close()
        self.assertEqual({'colorsys'}, kept.keys() & sys.modules.keys())

    def test_the_exit_statuses_are_those_of_the_table(self):
        rows = re.findall(r'(?m)^   \* - ``(\d)``\n     - .*``(.+)``$',
                          self.text)
        self.assertEqual(['0', '1', '2', '3'], [row[0] for row in rows])
        for status, command in rows:
            _, found = self.stage.run(command)
            self.assertEqual(int(status), found, command)

    def test_it_names_each_declaration_there_is(self):
        from cyborg_models.kernel.language import Model

        public = {name for name, value in vars(Model).items()
                  if callable(value) and not name.startswith('_')}
        public -= {'values'}  # for the engines
        named = set(re.findall(r'``(?:@)?m\.(\w+)', self.text))
        self.assertEqual(public, named)



class Untold(unittest.TestCase):
    """What is wrong with real software is a defect, or there is a reason."""

    # Of the facts that were collected; five of the numbers are of none.
    KNOWN = {f'A{number}' for number in range(1, 23)} | {
        f'B{number}' for number in range(1, 31)
        if number not in (5, 8, 10, 14, 15)}

    def told(self, text):
        """The names in the table of what no model tells."""
        _, _, table = text.partition('What no model tells')
        return re.findall(r'(?m)^   \* - ([AB]\d+)\n', table)

    def defects(self):
        return set().union(*(
            registry.choose(name, pairs).model.defects for name, pairs in (
                ('stein.attach', ['arqs=2']), ('stein.attach', ['twins=true']),
                ('stein.program', ['operator=true']),
                ('stein.release', []), ('stein.system', ['mediated=1']))))

    def test_each_is_a_defect_or_has_a_reason(self):
        self.assertEqual([], self.missing(GUIDE.read_text()))

    def missing(self, text):
        rows, defects = self.told(text), self.defects()
        self.assertGreater(len(rows), 10)
        self.assertEqual(sorted(set(rows)), sorted(rows))
        self.assertEqual(set(), defects & set(rows), 'is a defect by now')
        return sorted(self.KNOWN - defects - set(rows))

    def test_one_without_a_reason_is_found(self):
        text = GUIDE.read_text().replace('   * - A16\n', '   * - A1x\n')
        self.assertEqual(['A16'], self.missing(text))


if __name__ == '__main__':
    unittest.main()
