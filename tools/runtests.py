"""Run the tests with stestr, and judge the result as a whole.

``python -m tools.runtests [REGEX ...]``.  Beyond what stestr does: no test
at all is an error, a skipped test is one when ``CYBORG_SPECS_NO_SKIP`` is
set, and the last line counts what ran.
"""

import io
import os
import subprocess
import sys
from pathlib import Path

import subunit


def tally(stream):
    """Count the outcomes in a subunit v2 stream.

    :param stream: a binary file of results
    :returns: dict with ``passed``, ``failed`` and ``skipped`` (a list of
        test ids)
    """
    outcome = {}

    class Sink:
        def status(self, test_id=None, test_status=None, **_):
            if test_id and test_status not in (None, 'inprogress', 'exists'):
                outcome[test_id] = test_status

    subunit.ByteStreamToStreamResult(stream).run(Sink())
    skipped = sorted(name for name, status in outcome.items()
                     if status == 'skip')
    failed = sum(status in ('fail', 'uxsuccess')
                 for status in outcome.values())
    return {'passed': len(outcome) - failed - len(skipped),
            'failed': failed, 'skipped': skipped}


def _newest_run():
    return max((int(path.name) for path in Path('.stestr').glob('[0-9]*')
                if path.name.isdigit()), default=None)


def main(arguments):
    before = _newest_run()
    run = subprocess.run([sys.executable, '-m', 'stestr', 'run',
                          *arguments], check=False)
    if _newest_run() == before:  # or the tally would be of that run
        print('No test ran.')
        return run.returncode or 1
    last = subprocess.run([sys.executable, '-m', 'stestr', 'last',
                           '--subunit'], check=False,
                          stdout=subprocess.PIPE)
    counts = tally(io.BytesIO(last.stdout))
    skipped = counts['skipped']
    status = run.returncode
    if skipped and os.environ.get('CYBORG_SPECS_NO_SKIP'):
        print('Skipped, which CYBORG_SPECS_NO_SKIP forbids:', *skipped,
              sep='\n  ')
        status = status or 1
    if not counts['passed'] and not status:
        print('No test ran.')
        status = 1
    print(f"{counts['passed']} passed, {counts['failed']} failed, "
          f'{len(skipped)} skipped')
    return status


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
