"""``cyborg-models``: check the models, run them, explain what they do.

Exit status: 0 all holds, 1 a property is violated or a manifest entry
differs, 2 inconclusive (interrupted, or the memory limit), 3 usage or bad
input, with a message on standard error.

With ``--json`` a command prints one JSON object.  Its keys are stable:

``list``
    ``models``: objects with ``name``, ``doc``
``list MODEL``
    ``model``, ``doc``, ``settings`` (``name``, ``default``, ``doc``),
    ``actions`` (``name``, ``parameters``, ``message``, ``fair``, ``fault``,
    ``doc``), ``properties`` (``name``, ``kind``, ``requirement``, ``doc``),
    ``defects`` (``name``, ``doc``), ``variables`` (``name``, ``each``,
    ``values``)
``check MODEL``
    ``model``, ``settings`` (key -> text), ``defects``, ``verdict``
    (``holds``, ``violated``, ``inconclusive``), ``complete``, ``reason``,
    ``states``, ``transitions``, ``depth``, ``seconds``,
    ``states_per_second``, ``properties``: objects with ``name``, ``kind``,
    ``requirement``, ``doc``, ``verdict``, ``depth``, ``arguments`` and
    ``trace`` (a *trace*, or null); ``unbreakable``: names of the properties
    that nothing can break in this configuration, whatever the variables
    hold; ``impossible``: names of the actions that are possible in no state
``check --manifest``
    ``verdict``, ``configurations``: objects with ``name``, ``differences``
    (texts), ``complete``, ``states``, ``transitions``, ``depth``,
    ``seconds``, ``verdicts`` (name -> text)
``run``
    ``model``, ``settings``, ``defects``, ``seed``, ``ended``, ``trace``
``explain``
    ``model``, ``settings``, ``defects``, ``steps``: objects with
    ``number``, ``next`` (a *step*, or null at the end), ``possible``
    (*steps*), ``forbidden``: *steps* with ``requirement``, ``guard``,
    ``where``; ``state`` (``name[member]`` -> value)
``diagram TRACE``
    ``model``, ``seqdiag``
``diagram MODEL --table``
    ``model``, ``actions``: objects with ``name``, ``parameters``,
    ``message``, ``fair``, ``fault``, ``doc``, ``guards`` (``requirement``,
    ``condition``), ``effects``
``diagram MODEL --table --of``, ``diagram MODEL --chart``
    ``model``, ``variable``, ``start``, ``moves``: objects with ``from``,
    ``to``, ``actions``; ``actions``: of those that make a move, as above
``hunt``
    ``verdict``, ``seed``, ``budget``, ``hunts``: objects with ``model``,
    ``settings``, ``defects``, ``outcome`` (``found``, ``missed``,
    ``beyond testing``, ``nothing fails``), ``reason``, ``property``,
    ``steps`` (until it failed, or all), ``found_length``, ``length`` (once
    shrunk), ``shortest`` (of the exhaustive check), ``shrinking`` (steps
    taken to shrink), ``states``, ``edges``, ``known_edges``, ``pins``,
    ``seconds``, ``steps_per_second``, ``trace`` (a *trace*, or null).  Of
    one configuration, what is not found is inconclusive if the exhaustive
    check finds it; of many, all holds if each that a test can show is found
``charts``
    ``charts``: objects with ``model``, ``set`` (key -> text), ``variable``,
    ``differences`` (texts)
``vectors``
    ``figures`` (file -> figures), ``problems`` (texts)
``conform rules``
    ``contract``, ``role``, ``capabilities``, ``rules``: objects with ``id``,
    ``level``, ``sentence``, ``review``, ``address``
``conform run --json FILE``
    what ``conformance/report.schema.json`` says
``compare``
    ``left``, ``right``: each as ``check MODEL`` gives it, but for
    ``unbreakable`` and ``impossible``; ``same``
``refine``
    ``model``, ``settings``, ``defects``, ``of`` (the life cycle),
    ``verdict``, ``reason``, ``steps``: objects with ``action``, ``steps``
    (how many the life cycle has) and ``taken``; ``trace`` (a *trace* whose
    last step is none of them, or null)
``mutate``
    ``of``, ``verdict``, ``complete``, ``configurations`` (texts),
    ``total``, ``sample`` (a number, or null), ``killed``, ``score``,
    ``problems`` (texts), ``mutants`` and ``inverted``: objects with
    ``where``, ``in``, ``kind``, ``requirement``, ``text``, ``outcome``
    (``always``, ``eventually``, ``deadlock``, ``idle``, ``sometimes``,
    ``error``, ``inconclusive``, ``lives``), ``configuration``, ``by``
    (objects with ``name``, ``kind``, ``requirement``, ``depth``),
    ``states``, ``transitions``, ``harmless`` (the reason, or null)

A *step* has ``action`` and ``arguments``.  A *trace* has ``loop`` (null,
or the number of steps before the loop begins) and ``steps``: steps with
``number``, ``message``, ``sender``, ``receiver``, ``text`` and ``changes``
(``variable``, ``member``, ``from``, ``to``).
"""

import argparse
import atexit
import gc
import os
import sys

from cyborg_models import registry
from cyborg_models.commands.checking import do_check, do_compare
from cyborg_models.commands.common import BAD, HOLDS, INCONCLUSIVE
from cyborg_models.commands.diagrams import do_charts, do_diagram
from cyborg_models.commands.hunting import do_hunt
from cyborg_models.commands.listing import do_list
from cyborg_models.commands.mutating import do_mutate
from cyborg_models.commands.refining import do_refine
from cyborg_models.commands.traces import do_explain, do_run
from cyborg_models.conformance import cli as conformance
from cyborg_models.kernel.itf import TraceError
from cyborg_models.kernel.language import ModelError
from cyborg_models.registry import InputError

EXTRA = ('hypothesis', 'orjson')  # libraries that not everybody has


class _Parser(argparse.ArgumentParser):
    """Bad usage is exit status 3, with a hint where one is near."""

    def error(self, message):
        raise InputError(f'{message}; see "{self.prog} --help"')


def parser():
    """The command line."""
    top = _Parser(prog='cyborg-models', description=(
        'Check the reference models of Cyborg, run them, and explain what '
        'they do.'), epilog='Exit status: 0 all holds, 1 violated, 2 '
        'inconclusive, 3 usage or bad input.', allow_abbrev=False)
    commands = top.add_subparsers(dest='command', metavar='COMMAND')

    def command(name, function, text):
        made = commands.add_parser(name, help=text, description=text,
                                   allow_abbrev=False)
        made.set_defaults(function=function)
        made.add_argument('--json', action='store_true',
                          help='print one JSON object, for machines')
        return made

    def choice(made, optional=False):
        made.add_argument('model', metavar='MODEL',
                          nargs='?' if optional else None,
                          help='such as rocky.attach; see list')
        made.add_argument('--set', metavar='KEY=VALUE', nargs='+',
                          action='extend', default=[],
                          help='settings; see list MODEL')
        made.add_argument('--defect', metavar='NAME', nargs='+',
                          action='extend', default=[],
                          help='defects to switch on; see list MODEL')

    def memory(made):
        made.add_argument('--memory', metavar='MB', type=_positive,
                          help='how much the states may take; the default '
                               'is 40 %% of the memory')

    made = command('list', do_list, 'Show the models, or what one has.')
    choice(made, optional=True)

    made = command('check', do_check, 'Visit every state of a model and '
                   'decide its properties.')
    choice(made, optional=True)
    made.add_argument('--property', metavar='NAME',
                      help='decide this one only')
    made.add_argument('--symmetry', action='store_true',
                      help='take members that are all alike for each '
                           'other: fewer states; what must come is then '
                           'mostly left open')
    memory(made)
    made.add_argument('--out', metavar='DIR',
                      help='write each counterexample and witness there')
    made.add_argument('--manifest', metavar='FILE', nargs='?', const='',
                      help='check the configurations of the manifest, of '
                           'MODEL or of all models')
    made.add_argument('--small', action='store_true',
                      help='with --manifest: the small ones only')
    made.add_argument('--record', action='store_true',
                      help='with --manifest: print it with new figures')

    made = command('run', do_run, 'Run a model: by the steps that are '
                   'named, or at random.')
    choice(made)
    made.add_argument('--take', metavar='STEP', nargs='+', action='extend',
                      default=[],
                      help='take these steps first, such as "plug(van=0)"; '
                           'where only one is possible, arguments may be '
                           'left out')
    made.add_argument('--seed', type=int, metavar='N',
                      help='the same seed gives the same run')
    made.add_argument('--steps', type=_positive, metavar='N',
                      help='at random; the default is 20, or none after '
                           '--take')
    made.add_argument('--only', metavar='ACTION', nargs='+',
                      action='extend', default=[],
                      help='choose among these actions only')
    made.add_argument('--out', metavar='FILE',
                      help='write the trace there, as ITF')

    made = command('explain', do_explain, 'Say what was possible at each '
                   'step of a trace, and which guard forbade the rest.')
    made.add_argument('trace', metavar='TRACE', help='an ITF file')
    made.add_argument('--step', type=_positive, metavar='N',
                      help='at this step only, with the whole state')
    made.add_argument('--only', metavar='ACTION', nargs='+',
                      action='extend', default=[],
                      help='tell of these actions only')

    made = command('diagram', do_diagram, 'Draw a trace as a sequence '
                   'diagram, how a variable changes as a state chart, or '
                   'print the transition table of a model.')
    made.add_argument('what', metavar='TRACE|MODEL')
    kind = made.add_mutually_exclusive_group()
    kind.add_argument('--chart', metavar='VARIABLE',
                      help='of MODEL: which values follow which, by which '
                           'actions, over all states')
    kind.add_argument('--table', action='store_true',
                      help='of MODEL: the guards and effects of each action')
    kind.add_argument('--seqdiag', action='store_true',
                      help='of TRACE: the source for seqdiag')
    made.add_argument('--of', metavar='VARIABLE',
                      help='with --table: how this variable changes, by '
                           'which actions, and their guards')
    made.add_argument('--svg', metavar='FILE',
                      help='write the trace or the chart there, as SVG')
    made.add_argument('--set', metavar='KEY=VALUE', nargs='+',
                      action='extend', default=[],
                      help='settings of MODEL; a trace has its own')
    made.add_argument('--defect', metavar='NAME', nargs='+',
                      action='extend', default=[],
                      help='defects to switch on in MODEL')
    memory(made)

    made = command('hunt', do_hunt, 'Test a model at random, steered to '
                   'what was not tried, and compare with the exhaustive '
                   'check.')
    choice(made, optional=True)
    made.add_argument('--all-defects', action='store_true',
                      help='each defect of MODEL in turn')
    made.add_argument('--manifest', metavar='FILE', nargs='?', const='',
                      help='the configurations of the manifest, of MODEL or '
                           'of all models, that have defects')
    made.add_argument('--seed', type=int, default=0, metavar='N',
                      help='the same seed takes the same steps')
    made.add_argument('--budget', type=_positive, default=50_000,
                      metavar='STEPS', help='how many steps at most; the '
                                            'default is %(default)s')
    made.add_argument('--cover', type=_percent, metavar='PERCENT',
                      help='of the edges; fewer are inconclusive')
    made.add_argument('--pins', metavar='DIR',
                      help='replay the failing runs there first, and keep '
                           'new ones')
    memory(made)
    made = command('charts', do_charts, 'Check the recorded state charts, '
                   'which the documents show, against the models.')
    made.add_argument('--record', action='store_true',
                      help='print the file with new charts')

    made = command('compare', do_compare, 'Check two configurations of a '
                   'model side by side.')
    choice(made)
    made.add_argument('--vs', metavar='KEY=VALUE', nargs='+',
                      action='extend', default=[],
                      help='what is set otherwise on the right')
    made.add_argument('--vs-defect', metavar='NAME', nargs='+',
                      action='extend', default=[],
                      help='defects to switch on also on the right')
    memory(made)

    made = command('refine', do_refine, 'Hold each step of a model against '
                   'the one page of its release, lifecycle.')
    choice(made)
    memory(made)

    made = command('mutate', do_mutate, 'Leave out each guard and each '
                   'effect in turn: does a property fail?')
    made.add_argument('model', metavar='RELEASE|MODEL',
                      help='such as stein, or stein.attach')
    made.add_argument('--set', metavar='KEY=VALUE', nargs='+',
                      action='extend', default=[],
                      help='in this configuration of MODEL only')
    made.add_argument('--sample', metavar='N', type=_positive,
                      help='judge N of them, always the same')
    made.add_argument('--jobs', metavar='N', type=_positive,
                      default=os.cpu_count() or 1,
                      help='processes; the default is one per processor')
    made.add_argument('--known', metavar='FILE',
                      help='what is known of the mutants, and must agree; '
                           'the default is RELEASE.mutants.json beside the '
                           'models')
    made.add_argument('--record', action='store_true',
                      help='print that file with what comes out')
    made.add_argument('--memory', metavar='MB', type=_positive,
                      help='how much the states of one mutant may take; '
                           'the default is 512')
    conformance.add(commands)
    return top


def _positive(text):
    if not text.isascii() or not text.isdigit() or not (
            0 < int(text[:9]) and len(text) < 9):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no number from 1 to 99,999,999')
    return int(text)


def _percent(text):
    if not text.isascii() or not text.isdigit() or len(text) > 3 or not (
            0 < int(text) <= 100):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no number from 1 to 100')
    return int(text)


def main(argv=None):
    """Run the command line; returns the exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    # Nearly all objects are needed to the end, and go with the process: to
    # look through them for what could be freed takes a third of a second.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    try:
        options = _parse(argv)
        status = options.function(options)
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # --help
        return stop.code or 0
    except (InputError, ModelError, TraceError) as error:
        from cyborg_models.terminal import plain

        print(f'cyborg-models: {plain(str(error))}', file=sys.stderr)
        return BAD
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        print(f'cyborg-models: this needs {error.name}; install '
              'cyborg-models[conformance]', file=sys.stderr)
        return BAD
    except KeyboardInterrupt:
        print('cyborg-models: interrupted', file=sys.stderr)
        return INCONCLUSIVE
    except BrokenPipeError:
        # The reader has seen enough: say nothing at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return HOLDS
    except OSError as error:
        print(f'cyborg-models: {error.filename or "output"}: '
              f'{error.strerror}', file=sys.stderr)
        return BAD


def _parse(argv):
    top = parser()
    commands = ('list', 'check', 'run', 'explain', 'diagram', 'charts',
                'hunt', 'compare', 'refine', 'mutate', 'conform', 'vectors')
    if not argv:
        top.print_help()
        raise SystemExit(BAD)
    if not argv[0].startswith('-') and argv[0] not in commands:
        raise InputError(f'unknown command {argv[0]!r}; '
                         f'{registry.near(argv[0], commands)}')
    return top.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
