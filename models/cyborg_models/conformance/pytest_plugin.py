"""For pytest: the verdicts at the end, a report, and the seed.

pytest loads it by its entry point; a :class:`~.suite.Suite` is collected as
any TestCase is.
"""

from __future__ import annotations

import os
from typing import Any

_kinds: dict[type, None] = {}  # the suites that ran, in order


def pytest_addoption(parser: Any) -> None:
    """The options."""
    group = parser.getgroup('conformance', 'conformance of an implementation')
    group.addoption('--conformance-seed', type=int, metavar='N',
                    help='the same seed takes the same steps')
    group.addoption('--conformance-json', metavar='FILE',
                    help='write the report of the last suite there')


def pytest_configure(config: Any) -> None:
    """Hand the seed to the tests, in whichever process they run."""
    seed = config.getoption('--conformance-seed')
    if seed is not None:
        os.environ['CYBORG_MODELS_SEED'] = str(seed)


def pytest_runtest_teardown(item: Any) -> None:
    """Remember which suites ran."""
    kind = getattr(item, 'cls', None)
    if kind is not None and 'outcomes' in vars(kind):
        _kinds[kind] = None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One verdict for each requirement, for each suite that ran."""
    if not _kinds:
        return
    from cyborg_models.conformance import report, suite, verdict

    config = terminalreporter.config
    for kind in _kinds:
        system = kind()
        made = verdict.Report(
            system, suite.declared(system), kind.outcomes,
            int(os.environ.get('CYBORG_MODELS_SEED', '0')))
        terminalreporter.section(f'conformance of {kind.__qualname__}')
        for line, _ in report.lines(made, details=False):
            terminalreporter.line(line)
        path = config.getoption('--conformance-json')
        if path:
            with open(path, 'w', encoding='utf-8') as file:
                file.write(report.as_json(made))
