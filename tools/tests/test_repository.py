"""Holds the repository's own files against each other."""

import ast
import re
import subprocess
import sys
import unittest
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def requirements(path):
    """The names of the distributions that a requirements file asks for."""
    found = set()
    for line in path.read_text().splitlines():
        line = line.split('#')[0].strip()
        if line and not line.startswith('-'):
            found.add(canonical(Requirement(line).name))
    return found


def canonical(name):
    return re.sub(r'[-_.]+', '-', name).lower()


def extensions(conf):
    """The names in the ``extensions`` list of a conf.py."""
    for node in ast.parse(conf.read_text()).body:
        if (isinstance(node, ast.Assign)
                and node.targets[0].id == 'extensions'):
            return ast.literal_eval(node.value)
    return []


def unprovided(names, wanted):
    """The extensions that no named distribution provides.

    :param names: extension modules, such as ``sphinx_needs``
    :param wanted: distributions that the docs environment installs
    """
    providers = packages_distributions()
    missing = []
    for name in names:
        top = name.split('.')[0]
        if (ROOT / name.split('.')[0]).is_dir():
            local = ROOT.joinpath(*name.split('.'))
            if not (local.is_dir() or local.with_suffix('.py').exists()):
                missing.append(name)
        elif top == 'sphinxcontrib':
            # One namespace, many distributions: ask the module's file.
            if not any(_owns(dist, name) for dist in wanted):
                missing.append(name)
        elif not {canonical(d) for d in providers.get(top, ())} & wanted:
            missing.append(name)
    return missing


def _owns(distribution, module):
    from importlib.metadata import PackageNotFoundError, files
    path = module.replace('.', '/')
    try:
        owned = files(distribution) or ()
    except PackageNotFoundError:
        return False
    return any(str(file) in (path + '.py', path + '/__init__.py')
               for file in owned)


def tox():
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / 'tox.ini')
    return parser


def imports(path):
    """The modules that a Python file imports, dotted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


class Extensions(unittest.TestCase):
    """Every extension is installed by the environment that builds."""

    def setUp(self):
        self.wanted = requirements(ROOT / 'doc/requirements.txt')

    def test_each_is_provided(self):
        checked = 0
        for conf in ('doc/source/conf.py', 'releasenotes/source/conf.py'):
            with self.subTest(conf):
                names = extensions(ROOT / conf)
                self.assertTrue(names, 'no extension found')
                self.assertEqual([], unprovided(names, self.wanted))
                checked += len(names)
        self.assertGreaterEqual(checked, 5)

    def test_a_missing_one_is_found(self):
        names = ['sphinx_needs', 'sphinxcontrib.seqdiag', 'tools.nothing',
                 'sphinxcontrib.rsvgconverter']
        self.assertEqual(names[1:3], unprovided(names, self.wanted))
        self.assertEqual(['sphinx_needs'], unprovided(
            ['sphinx_needs'], self.wanted - {'sphinx-needs'}))

    def test_the_docs_environment_reads_that_file(self):
        self.assertIn('doc/requirements.txt', tox()['testenv:docs']['deps'])


class Environments(unittest.TestCase):
    """tox.ini keeps to OpenStack's project testing interface."""

    def test_all_are_there(self):
        sections = tox().sections()
        for name in ('docs', 'pdf-docs', 'releasenotes', 'pep8', 'py3',
                     'cover', 'preview', 'check', 'bench'):
            self.assertIn(f'testenv:{name}', sections)

    def test_docs_is_one_command(self):
        self.assertEqual(
            'sphinx-build -W --keep-going -b html doc/source doc/build/html',
            tox()['testenv:docs']['commands'].strip())

    def test_constraints_are_a_file_of_ours(self):
        text = (ROOT / 'tox.ini').read_text()
        self.assertNotIn('http', text)
        self.assertIn('{env:TOX_CONSTRAINTS_FILE:{toxinidir}/constraints'
                      '.txt}', text)
        for name in tox().sections():
            deps = tox()[name].get('deps', '')
            if '-r' in deps and '{[testenv:docs]deps}' not in deps:
                self.assertIn('{[pins]file}', deps, name)

    def test_constraints_pin_all_that_is_asked_for(self):
        pinned = {canonical(line.split('==')[0]) for line
                  in (ROOT / 'constraints.txt').read_text().splitlines()
                  if '==' in line and not line.startswith('#')}
        asked = set()
        for path in ('doc/requirements.txt', 'test-requirements.txt',
                     'requirements.txt', 'tools/preview-requirements.txt'):
            asked |= requirements(ROOT / path)
        self.assertGreaterEqual(len(asked), 12)
        self.assertEqual(set(), asked - pinned)


class Readme(unittest.TestCase):
    """CI runs what the README says."""

    def commands(self):
        text = (ROOT / 'README.rst').read_text()
        return re.findall(r'^   (python3 -m venv .+)$', text, re.M)

    def test_two_commands(self):
        self.assertEqual(2, len(self.commands()))

    def test_ci_runs_them(self):
        lines = (ROOT / '.ci/run').read_text().splitlines()
        for command in self.commands():
            self.assertIn(command, lines)

    def test_ci_tries_nothing_twice(self):
        """What fails is red, and not run until it passes."""
        found = re.findall(r'/tox ([^&|\n]+?) *(?:[&|]|$)',
                           (ROOT / '.ci/run').read_text(), re.M)
        self.assertGreaterEqual(len(found), 12)
        self.assertEqual(len(found), len(set(found)), found)

    def test_they_name_environments_that_exist(self):
        for command in self.commands():
            for name in command.split('-e ')[1].split(','):
                self.assertIn(f'testenv:{name}', tox().sections())


def unnamed(wanted, *pages):
    """What none of the texts has, as a whole word."""
    return [name for name in wanted if not any(
        re.search(rf'(?<![\w-]){re.escape(name)}(?![\w-])', page)
        for page in pages)]


class WhereThingsGo(unittest.TestCase):
    """A newcomer finds each environment, command and module."""

    def setUp(self):
        self.readme = (ROOT / 'README.rst').read_text()
        self.pages = self.readme, (ROOT / 'CONTRIBUTING.rst').read_text()

    def test_environments(self):
        names = [f'-e {name.removeprefix("testenv:")}'
                 for name in tox().sections() if name.startswith('testenv:')]
        self.assertGreater(len(names), 10)
        # Two of them stand together, after "-e".
        text = re.sub(r'-e (\w+),(\w+)', r'-e \1 -e \2', self.pages[0])
        self.assertEqual([], unnamed(names, text, self.pages[1]))

    def test_commands(self):
        text = (ROOT / 'models/cyborg_models/cli.py').read_text()
        names = [f'cyborg-models {name}' for name
                 in re.findall(r"made = command\('(\w+)'", text)]
        self.assertGreater(len(names), 8)
        self.assertEqual([], unnamed(names, self.readme))

    def test_modules(self):
        home = ROOT / 'models/cyborg_models'
        names = [path.name for folder in (
                     home, home / 'kernel', home / 'commands',
                     home / 'conformance', ROOT / 'tools')
                 for path in folder.glob('*.py')
                 if not path.name.startswith('__')]
        self.assertGreater(len(names), 30)
        # How tests are run, nobody need change.
        names.remove('runtests.py')
        self.assertEqual([], unnamed(names, *self.pages))

    def test_what_is_not_named_is_found(self):
        self.assertEqual(['-e bench', 'cli.py'], unnamed(
            ['-e bench', 'cli.py', '-e docs'],
            'tox -e bench-engine and tox -e docs', '``acli.py``'))


class Architecture(unittest.TestCase):
    """specs <- tools -> models: the arrows run one way."""

    def test_models_know_neither_sphinx_nor_tools(self):
        files = list((ROOT / 'models').rglob('*.py'))
        self.assertTrue(files)
        for path in files:
            for name in imports(path):
                self.assertNotIn(name.split('.')[0],
                                 ('sphinx', 'docutils', 'tools'), path)

    def test_checking_one_file_loads_no_sphinx(self):
        """speccheck answers in a moment only without Sphinx."""
        code = ('import sys, tools.speccheck; '
                'print([m for m in sys.modules if m.split(".")[0] in '
                '("sphinx", "PIL", "pkg_resources", "sphinx_needs")])')
        said = subprocess.run([sys.executable, '-c', code], cwd=ROOT,
                              capture_output=True, text=True, check=True)
        self.assertEqual('[]', said.stdout.strip())

    def test_nothing_points_off_the_project(self):
        """No path of a machine, no host of a package index."""
        listed = subprocess.run(['git', 'ls-files'], cwd=ROOT, text=True,
                                capture_output=True).stdout.split()
        checked = 0
        for name in listed or ['README.rst']:
            path = ROOT / name
            if path.is_symlink() or not path.is_file():
                continue
            text = path.read_bytes()
            checked += 1
            self.assertIsNone(re.search(
                rb'pypi[.]org|python[h]osted|/(?:root|home|work|tmp)/[a-z]',
                text.replace(b'\\', b'')), name)
        self.assertTrue(checked)


if __name__ == '__main__':
    unittest.main()
