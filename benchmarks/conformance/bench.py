"""The conformance kit: steps per second of CPU time, and what importing it
costs, in one run.

What is timed is also held against what it had to do: the steps it was asked
for, evidence, and no failure of a sound model.  ``README.rst`` in the folder
above says what each figure means.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'models')]

# What --check asks for: at least, or at most.
LIMITS = {
    'explore, steps per second of CPU': ('least', 4000.0),
    'import, seconds of CPU': ('most', 0.3),
}
MODELS = ('stein.attach', 'rocky.attach')


class BenchError(Exception):
    """What was timed did not do what it had to."""


def explore(model, steps):
    """Seconds of CPU that exploring a sound model takes, in this process."""
    from cyborg_models.conformance import modes
    from cyborg_models.conformance.itself import ModelSystem

    system = ModelSystem(model)
    began = time.process_time()
    report = modes.report([system], {'explore': {'steps': steps}})
    spent = time.process_time() - began
    result = report.outcomes[0].modes[0]
    if report.failures or report.errors or result.steps != steps:
        raise BenchError(f'{model}: {result.steps:,} of {steps:,} steps, '
                         f'{len(report.failures)} failures, '
                         f'{report.errors}')
    if not any(one.evidence for one in report.verdicts.values()):
        raise BenchError(f'{model}: nothing was shown')
    return spent


def rate(model, steps, rounds):
    """Steps per second once all is loaded: of a long run less a short one,
    in the middle of some rounds.
    """
    short = steps // 10
    explore(model, short)
    return statistics.median(
        (steps - short) / (explore(model, steps) - explore(model, short))
        for _ in range(rounds))


def imports(rounds):
    """Seconds of CPU to import the kit's public names, less those of
    starting Python: the least of some rounds.
    """
    def spent(code):
        before = os.times()
        subprocess.run([sys.executable, '-c', code], check=True, env={
            **os.environ, 'PYTHONPATH': str(ROOT / 'models')})
        after = os.times()
        return (after.children_user + after.children_system
                - before.children_user - before.children_system)
    kit = ('from cyborg_models.conformance import Oracle, Suite, System')
    spent(kit)  # so that it is compiled
    return max(0.0, min(spent(kit) for _ in range(rounds)) - min(
        spent('pass') for _ in range(rounds)))


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument('--short', action='store_true',
                         help='few steps: shows that all works')
    options.add_argument('--check', action='store_true',
                         help='exit 1 when a limit is missed')
    options.add_argument('--repeat', type=int, default=5, metavar='N')
    options.add_argument('--json', metavar='FILE')
    options = options.parse_args(argv)
    steps, rounds = (1000, 1) if options.short else (
        10_000, options.repeat)
    figures = {}
    try:
        for model in MODELS:
            found = rate(model, steps, rounds)
            print(f'{model}: {found:,.0f} steps/s of CPU', flush=True)
            figures[f'{model}, steps per second of CPU'] = found
    except BenchError as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    figures['explore, steps per second of CPU'] = max(figures.values())
    figures['import, seconds of CPU'] = imports(rounds)
    print(f'import: {figures["import, seconds of CPU"]:.3f} s')
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1))
    missed = [f'{name}: {figures[name]:.2f}; at {kind} {limit:g} is asked'
              for name, (kind, limit) in LIMITS.items()
              if (figures[name] < limit if kind == 'least'
                  else figures[name] > limit)]
    for line in missed if options.check else ():
        print(f'missed: {line}')
    return 1 if options.check and missed else 0


if __name__ == '__main__':
    sys.exit(main())
