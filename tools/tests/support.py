"""What several tests share: building a small site, running a program."""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from docutils.parsers.rst import directives, roles

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).resolve().parent / 'fixtures'


class Result(NamedTuple):
    """How a program ended: its exit status and all that it printed."""

    code: int
    output: str


class TempCase(unittest.TestCase):
    """A test with a temporary folder of its own, ``self.folder``."""

    def setUp(self):
        super().setUp()
        self.folder = temporary_folder(self)


def temporary_folder(case):
    """A folder that is removed after the test *case*, or after the tests
    of the class when *case* is a class.
    """
    folder = tempfile.TemporaryDirectory(prefix='cyborg-specs-')
    (case.addClassCleanup if isinstance(case, type) else case.addCleanup)(
        folder.cleanup)
    return Path(folder.name).resolve()


def write(path, content):
    """Write text or bytes, and make the folder where need be.

    The time of the file is set from the clock that Sphinx reads, which is
    finer than that of the file system.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    now = time.time_ns()
    os.utime(path, ns=(now, now))
    return path


def edit(path, old, new):
    """Replace *old*, which stands there once, by *new*."""
    text = Path(path).read_text(encoding='utf-8')
    if text.count(old) != 1:
        raise AssertionError(f'{old!r} stands {text.count(old)} times in '
                             f'{path}')
    write(path, text.replace(old, new))


def spec_tree(folder):
    """A small valid tree of specs in *folder*.

    :returns: the path of its spec ``good.rst``
    """
    for path in sorted((FIXTURES / 'specs').rglob('*.rst')):
        write(folder / path.relative_to(FIXTURES), path.read_bytes())
    return folder / 'specs' / 'rocky' / 'approved' / 'good.rst'


def line_of(path, start):
    """The number of the only line of a file that starts with *start*, not
    counting its indent; with a line end in *start*, that is all of it.
    """
    text = Path(path).read_bytes().decode(errors='replace')
    found = [number for number, line in enumerate(text.split('\n'), 1)
             if f'{line.lstrip()}\n'.startswith(start)]
    if len(found) != 1:
        raise AssertionError(f'{len(found)} lines start with {start!r}')
    return found[0]


@contextlib.contextmanager
def registries(empty=False):
    """Leave the directives and roles that docutils knows as they were.

    :param empty: start with none beside docutils' own
    """
    with (mock.patch.dict(directives._directives, clear=empty),
          mock.patch.dict(roles._roles, clear=empty)):
        yield


def sphinx(source, out, *options, builder='html', doctrees=None):
    """Run ``sphinx-build -W --keep-going`` in this process.

    :returns: a :class:`Result`, without the colours
    """
    from sphinx.cmd import build

    printed = io.StringIO()
    path = list(sys.path)
    with (registries(empty=True), contextlib.redirect_stdout(printed),
          contextlib.redirect_stderr(printed)):
        try:
            code = build.main([
                '-W', '--keep-going', '-b', builder, '--no-color',
                '-d', str(doctrees or Path(out).parent / 'doctrees'),
                *options, str(source), str(out)])
        except SystemExit as ending:
            code = ending.code
        finally:
            sys.path[:] = path
    return Result(code, re.sub(r'\x1b\[[0-9;]*m', '', printed.getvalue()))


def python(*arguments, cwd=ROOT, timeout=300, **environment):
    """Run Python with this repository's ``tools`` importable.

    :returns: a :class:`Result`; standard output and error in one
    """
    run = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, timeout=timeout,
        env={**os.environ, 'PYTHONPATH': str(ROOT), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        encoding='utf-8', errors='replace')
    return Result(run.returncode, run.stdout)


def files(folder, pattern='*'):
    """Path -> (content, time) of the files below *folder*."""
    return {str(path.relative_to(folder)):
            (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(Path(folder).rglob(pattern))
            if path.is_file()}
