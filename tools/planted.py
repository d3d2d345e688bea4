"""Whether the tests that show a requirement fail when it is broken.

A folder whose ``tests`` show requirements (see :mod:`tools.shown`) lists
faults: for each requirement one or more, each as (file, what stands there
once, what is put there).  ``systems/os_acc/harness/planted.py`` has those of
the reference os-acc, ``models/tests/planted.py`` those of the conformance
kit.  ``python -m harness.planted [ID ...]`` there and ``python -m
tools.planted [ID ...]`` for the kit plant them one by one in a copy and run
the tests that claim the requirement.  It takes a while, so CI only looks
whether each claim has a fault that can still be planted.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable

LIMIT = 300  # seconds for a test
Fault = tuple[str, str, str]


def plant(folder: pathlib.Path, fault: Fault, listed: str = 'the list'
          ) -> None:
    """Plant a fault in a copy of a folder.

    :param listed: where the faults are listed
    :raises ValueError: what it replaces does not stand there once
    """
    name, old, new = fault
    path = folder / name
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f'{name}:1: {old!r} stands there '
                         f'{text.count(old)} times, and not once; mend '
                         f'{listed}')
    path.write_text(text.replace(old, new))


def failing(home: pathlib.Path, fault: Fault, tests: Iterable[str]
            ) -> set[str]:
    """Those of the tests of a folder that fail with a fault."""
    failed = set()
    with tempfile.TemporaryDirectory(prefix='planted-') as folder:
        copy = pathlib.Path(folder, home.name)
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns(
            '__pycache__', '*.egg-info', '.stestr', 'build'))
        plant(copy, fault)
        path = os.pathsep.join((str(copy), os.environ.get('PYTHONPATH', '')))
        for test in tests:
            try:
                run = subprocess.run(
                    [sys.executable, '-m', 'unittest', f'tests.{test}'],
                    cwd=copy, env={**os.environ, 'PYTHONPATH': path},
                    capture_output=True, text=True, check=False,
                    timeout=LIMIT)
            except subprocess.TimeoutExpired:
                print(f'{test} hangs with {fault[2]!r} in {fault[0]}')
                continue
            if run.returncode and 'Ran 1 test' in run.stderr:
                failed.add(test)
    return failed


def main(home: pathlib.Path, faults: dict[str, list[Fault]],
         wanted: list[str]) -> int:
    """Try the faults of a folder; returns the exit status.

    :param wanted: of these requirements; of all if there are none
    """
    from tools import evidence, specs

    for name in set(wanted) - set(faults):
        print(f'{name} has no fault; there are some for '
              f'{", ".join(sorted(faults))}', file=sys.stderr)
        return 1
    found = evidence.read(specs.ROOT).tests
    inside = home.relative_to(specs.ROOT).as_posix() + '/'
    tried, wrong = 0, 0
    for name in wanted or sorted(faults):
        claims = {test.name for test in found.get(name, ())
                  if test.path.startswith(inside)}
        bitten: set[str] = set()
        for fault in faults[name]:
            failed = failing(home, fault, sorted(claims))
            bitten |= failed
            tried += 1
            if not failed:
                wrong += 1
                print(f'{name}: no test fails with {fault[2]!r} in '
                      f'{fault[0]}', flush=True)
        for test in sorted(claims - bitten):
            wrong += 1
            print(f'{name}: {test} fails with none of the faults',
                  flush=True)
    print(f'{tried} faults planted, {wrong} problems')
    return 1 if wrong or not tried else 0


if __name__ == '__main__':
    from models.tests.planted import FAULTS

    sys.exit(main(pathlib.Path(__file__).resolve().parents[1] / 'models',
                  FAULTS, sys.argv[1:]))
