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
    ``trace`` (a *trace*, or null)
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
    ``left``, ``right``: each as ``check MODEL`` gives it; ``same``
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
import json
import os
import random
import sys

from cyborg_models import registry
from cyborg_models.conformance import cli as conformance
from cyborg_models.kernel import describe, itf, trace
from cyborg_models.kernel.itf import TraceError
from cyborg_models.kernel.language import ModelError
from cyborg_models.registry import InputError

HOLDS, VIOLATED, INCONCLUSIVE, BAD = range(4)


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

    made = command('run', do_run, 'Run a model at random.')
    choice(made)
    made.add_argument('--seed', type=int, metavar='N',
                      help='the same seed gives the same run')
    made.add_argument('--steps', type=_positive, default=20, metavar='N')
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
    try:
        options = _parse(argv)
        status = options.function(options)
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # --help
        return stop.code or 0
    except (InputError, ModelError, TraceError) as error:
        print(f'cyborg-models: {error}', file=sys.stderr)
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
                'hunt', 'compare', 'mutate', 'conform', 'vectors')
    if not argv:
        top.print_help()
        raise SystemExit(BAD)
    if not argv[0].startswith('-') and argv[0] not in commands:
        raise InputError(f'unknown command {argv[0]!r}; '
                         f'{registry.near(argv[0], commands)}')
    return top.parse_args(argv)


def _print_json(data):
    json.dump(data, sys.stdout, indent=1)
    print()


def _chosen(options):
    return registry.choose(options.model, options.set, options.defect)


def _head(chosen):
    return {'model': chosen.name, 'settings': chosen.set,
            'defects': list(chosen.defects)}


# list

def do_list(options):
    """The models, or one of them."""
    if options.model is None:
        return _list_all(options)
    chosen = _chosen(options)
    module, model = registry.find(chosen.name), chosen.model
    settings = registry.describe(module.Settings)
    if options.json:
        _print_json({
            'model': chosen.name, 'doc': registry.first_line(module),
            'settings': [{'name': name, 'default': default, 'doc': doc}
                         for name, default, doc in settings],
            'actions': [_action_json(action)
                        for action in model.actions.values()],
            'properties': [{'name': prop.name, 'kind': prop.kind,
                            'requirement': prop.requirement,
                            'doc': prop.doc}
                           for prop in model.properties.values()],
            'defects': [{'name': name, 'doc': doc}
                        for name, doc in sorted(model.defects.items())],
            'variables': [_variable_json(variable)
                          for variable in model.variables.values()]})
        return HOLDS
    out = _terminal()
    out.line(chosen.title, 'bold')
    out.line(registry.first_line(module))
    _section(out, 'Settings', [
        (f'{name}={_shortened(default)}', doc)
        for name, default, doc in settings])
    _section(out, f'Actions ({len(model.actions)}, with their parameters '
             f'{len(model.steps)})', [
        (_signature(action), ' '.join(filter(None, (
            action.doc, _kind_of(action)))))
        for action in model.actions.values()])
    _section(out, 'Properties', [
        (prop.name, f'{prop.kind}, {prop.requirement}: {prop.doc}')
        for prop in model.properties.values()])
    _section(out, 'Defects', sorted(model.defects.items()))
    return HOLDS


def _list_all(options):
    rows = []
    for name in registry.names():
        try:
            doc = registry.first_line(registry.find(name))
        except InputError as error:
            doc = f'cannot be used: {error}'
        rows.append((name, doc))
    if options.json:
        _print_json({'models': [{'name': name, 'doc': doc}
                                for name, doc in rows]})
    else:
        _terminal().pairs(rows, indent=0)
    return HOLDS


def _section(out, title, rows):
    out.line()
    out.line(title, 'bold')
    out.pairs(rows or [('none', '')])


def _shortened(text):
    return text if len(text) <= 20 else f'{text[:17]}...'


def _signature(action):
    return f'{action.name}({", ".join(action.sets)})'


def _kind_of(action):
    return '[fault]' if action.fault else (
        f'[{action.fair}ly fair]' if action.fair else '')


def _action_json(action):
    return {'name': action.name,
            'parameters': {key: members.name
                           for key, members in action.sets.items()},
            'message': action.view, 'fair': action.fair,
            'fault': action.fault, 'doc': action.doc}


def _variable_json(variable):
    return {'name': variable.name,
            'each': variable.each.name if variable.each else None,
            'values': [trace.value_name(value) for value in variable.domain]}


# check

def do_check(options):
    """One model, or the manifest."""
    if options.manifest is not None:
        return _check_manifest(options)
    if options.model is None:
        raise InputError('check needs a MODEL, or --manifest; '
                         'there is ' + ', '.join(registry.names()))
    if options.small or options.record:
        raise InputError('--small and --record need --manifest')
    chosen = _chosen(options)
    if options.out:  # before the work, not after it
        os.makedirs(options.out, exist_ok=True)
    checked = _explore(chosen, options, options.property)
    files = _write_runs(chosen, checked, options.out)
    if options.json:
        _print_json(_checked_json(chosen, checked))
    else:
        _print_checked(chosen, checked, files)
    return checked.status


def _explore(chosen, options, only=None):
    from cyborg_models import check, manifest, terminal

    total = (None if getattr(options, 'symmetry', False) else
             manifest.expected_states(chosen, manifest.load()))
    with terminal.progress(total) as (tell, say):
        return check.check(chosen.model, only, _bytes(options), tell, say,
                           getattr(options, 'symmetry', False))


def _bytes(options):
    return options.memory << 20 if options.memory else None


def _write_runs(chosen, checked, folder):
    found = {}
    for one in checked.verdicts:
        if folder is None or one.run is None:
            continue
        path = os.path.join(folder, f'{chosen.name}-{one.name}.itf.json')
        _write(path, itf.dumps(one.run, chosen.name, chosen.set,
                               chosen.defects, f'{one.name}: {one}'))
        found[one.name] = path
    return found


def _write(path, text):
    try:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
    except (OSError, ValueError) as error:  # such as a null byte in it
        raise InputError(f'{path}: {getattr(error, "strerror", error)}; '
                         'give a path that can be written') from None


def _checked_json(chosen, checked):
    return {
        **_head(chosen), 'verdict': checked.verdict,
        'complete': checked.complete, 'reason': checked.reason,
        'states': checked.states, 'transitions': checked.transitions,
        'depth': checked.depth, 'seconds': round(checked.seconds, 3),
        'states_per_second': round(checked.rate),
        'properties': [{
            'name': one.name, 'kind': one.kind,
            'requirement': one.requirement, 'doc': one.doc,
            'verdict': one.verdict, 'depth': one.depth,
            'arguments': one.arguments,
            'trace': None if one.run is None else _trace_json(one.run)}
            for one in checked.verdicts]}


def _trace_json(told):
    return {'loop': told.loop, 'steps': [{
        'number': row.number, **_step_json(row.step), 'message': str(row),
        'sender': row.sender, 'receiver': row.receiver, 'text': row.text,
        'changes': [{'variable': one.variable, 'member': one.member,
                     'from': one.before, 'to': one.after}
                    for one in row.changes]}
        for row in trace.messages(told)]}


def _step_json(step):
    return {'action': step.action.name,
            'arguments': dict(zip(step.action.sets, step.arguments,
                                  strict=True))}


def _print_checked(chosen, checked, files):
    out = _terminal()
    out.line(chosen.title, 'bold')
    out.line()
    if checked.verdicts:
        out.table(('property', 'kind', 'requirement', 'verdict'), [
            (one.name, one.kind, one.requirement, str(one))
            for one in checked.verdicts])
        out.line()
    out.line(_figures(checked))
    for one in checked.verdicts:
        if one.run is None or one.good:
            continue
        out.line()
        out.line(_heading(one), 'bold red')
        out.line(f'  {one.doc}')
        out.line()
        out.messages(trace.lines(one.run, out.width))
    for path in files.values():
        out.line(f'written: {path}')
    out.line()
    _conclude(out, checked)


def _heading(one):
    members = ', '.join(f'{key}={value}'
                        for key, value in one.arguments.items())
    asked = ', '.join(filter(None, (one.kind, one.requirement)))
    return (f'{one.name}{f"({members})" if members else ""} [{asked}]: '
            + (f'{one}' if one.run.loop is None else
               'it need never come'))


def _figures(checked):
    # Of a small model, the rate says how long compiling took.
    rate = f', {checked.rate:,.0f} states/s' if checked.states > 9999 else ''
    return (f'{checked.states:,} states, {checked.transitions:,} '
            f'transitions, depth {checked.depth}, '
            f'{checked.seconds:.2f} s{rate}')


def _conclude(out, checked):
    bad = [one.name for one in checked.verdicts
           if one.verdict in ('violated', 'not witnessed')]
    if not checked.complete:
        out.line(f'Inconclusive: {checked.reason}.', 'yellow')
    if bad:
        out.line(f'Violated: {", ".join(bad)}.', 'bold red')
    elif checked.verdict == 'holds':
        out.line('All holds.', 'green')


# check --manifest

def _check_manifest(options):
    from cyborg_models import manifest

    if (options.set or options.defect or options.property or options.out
            or options.symmetry):
        raise InputError('--manifest says what to check; leave out --set, '
                         '--defect, --property, --out and --symmetry')
    entries = manifest.load(options.manifest or None)
    mine = [entry for entry in entries
            if options.model in (None, entry.model)
            and (not options.small or entry.size == 'small')]
    if not mine:
        models = {entry.model for entry in entries}
        raise InputError('the manifest has no such configuration; '
                         + registry.near(options.model or '', models))
    made = [(entry, registry.choose(entry.model, entry.pairs, entry.defects))
            for entry in mine]
    found = {}
    out = None if options.json or options.record else _terminal()
    for entry, chosen in made:
        checked = _explore(chosen, options)
        lines = manifest.differences(entry, checked)
        found[entry.name] = checked, lines
        if out:
            _print_entry(out, entry, checked, lines)
        if checked.reason == 'interrupted':
            break
    if options.record:
        _print_json({'configurations': [manifest.as_json(
            entry, manifest.outcome(found[entry.name][0])
            if entry.name in found and found[entry.name][0].complete
            else entry.expect) for entry in entries]})
    elif options.json:
        _print_json({'verdict': ('holds', 'violated', 'inconclusive')[
            _manifest_status(mine, found, options)],
            'configurations': [{
                'name': name, 'differences': lines,
                'complete': checked.complete, 'seconds':
                round(checked.seconds, 3), **manifest.outcome(checked)}
                for name, (checked, lines) in found.items()]})
    else:
        same = sum(not lines for _, lines in found.values())
        out.line()
        out.line(f'{same} of {len(mine)} as expected.',
                 'green' if same == len(mine) else 'bold red')
    return _manifest_status(mine, found, options)


def _manifest_status(mine, found, options):
    checked = [one for one, _ in found.values()]
    if not options.record and any(
            one.complete and lines for one, lines in found.values()):
        return VIOLATED
    if len(found) < len(mine) or not all(one.complete for one in checked):
        return INCONCLUSIVE
    return HOLDS


def _print_entry(out, entry, checked, lines):
    word = ('inconclusive' if not checked.complete else
            'differs' if lines else 'as expected')
    out.line(f'{word}: {entry.name}, {checked.states:,} states, '
             f'{checked.seconds:.2f} s',
             {'as expected': 'green', 'differs': 'bold red'}.get(
                 word, 'yellow'))
    for line in lines:
        out.line(f'  {line}')


# run

def do_run(options):
    """A random run."""
    chosen = _chosen(options)
    _check_actions(chosen, options.only)
    seed = (random.randrange(1_000_000) if options.seed is None
            else options.seed)
    told = trace.random_run(chosen.model, random.Random(seed),
                            options.steps, frozenset(options.only))
    ended = len(told.steps) < options.steps
    if options.out:
        _write(options.out, itf.dumps(told, chosen.name, chosen.set,
                                      chosen.defects, f'seed {seed}'))
    if options.json:
        _print_json({**_head(chosen), 'seed': seed, 'ended': ended,
                     'trace': _trace_json(told)})
        return HOLDS
    out = _terminal()
    out.line(f'{chosen.title}, seed {seed}', 'bold')
    out.line()
    out.messages(trace.lines(told, out.width))
    if ended:
        out.line('      --- nothing more is possible'
                 + (' of what was asked for' if options.only else '')
                 + ' ---')
    if options.out:
        out.line()
        out.line(f'written: {options.out}')
    return HOLDS


def _check_actions(chosen, names):
    for name in names:
        if name not in chosen.model.actions:
            raise InputError(f'{chosen.name} has no action {name!r}; '
                             f'{registry.near(name, chosen.model.actions)}')


# explain

def _read_trace(path):
    document = itf.Document(path)
    try:
        chosen = registry.choose(document.name, document.settings,
                                 document.defects)
    except InputError as error:
        raise InputError(f'{document.path}: "#meta": {error}') from error
    told = document.run(chosen.model)
    description = document.data['#meta'].get('description')
    return chosen, told, description if isinstance(description, str) else ''


def do_explain(options):
    """Step by step, what may happen and what may not."""
    chosen, told, _ = _read_trace(options.trace)
    _check_actions(chosen, options.only)
    last = len(told.states)
    if options.step and options.step > last:
        raise InputError(f'{options.trace} has {len(told.steps)} steps; '
                         f'give --step from 1 to {last}')
    numbers = [options.step] if options.step else range(1, last + 1)
    found = [(number, told.steps[number - 1]
              if number <= len(told.steps) else None,
              trace.explain(chosen.model, told.states[number - 1],
                            options.only))
             for number in numbers]
    if options.json:
        _print_json({**_head(chosen), 'steps': [{
            'number': number, 'next': step and _step_json(step),
            'possible': [_step_json(one) for one in explained.possible],
            'forbidden': [{
                **_step_json(one), 'requirement': guard.requirement,
                'guard': guard.text,
                'where': registry.short_path(guard.where)}
                for one, guard in explained.refused],
            'state': dict(trace.shown_state(
                chosen.model, told.states[number - 1]))}
            for number, step, explained in found]})
        return HOLDS
    out = _terminal()
    out.line(chosen.title, 'bold')
    for number, step, explained in found:
        out.line()
        _print_explained(out, told, number, step, explained,
                         bool(options.step), options.only)
    return HOLDS


def _print_explained(out, told, number, step, explained, whole, only):
    if step is None:
        out.line(f'At the end, after {len(told.steps)} steps', 'bold')
    else:
        out.line(f'At step {number}', 'bold')
        out.messages(trace.lines(told, out.width, only=number))
    if whole:
        out.line()
        out.line('  state')
        out.pairs(trace.shown_state(told.model, told.states[number - 1]),
                  indent=4)
    out.line()
    out.line('  possible' if explained.possible else
             '  nothing of this is possible' if only else
             '  nothing is possible')
    out.pairs([(one.name, one.message) for one in explained.possible],
              indent=4)
    if explained.refused:
        out.line()
        out.line('  forbidden')
    for (name, guard), members in _grouped(explained.refused).items():
        out.line(f'    {name} {" ".join(members)}'.rstrip())
        _print_guard(out, guard)


def _grouped(refused):
    found = {}
    for step, guard in refused:
        members = step.name[len(step.action.name):]
        found.setdefault((step.action.name, guard), []).append(members)
    return found


def _print_guard(out, guard):
    where = registry.short_path(guard.where)
    text = f'      {guard.requirement}  {guard.text}'
    if len(text) + len(where) + 2 <= out.width:
        out.line(f'{text}{where:>{out.width - len(text)}}')
    else:
        out.line(text)
        out.line(f'{where:>{out.width}}' if len(where) <= out.width
                 else os.path.basename(where))


# diagram

def do_diagram(options):
    """A trace as a sequence diagram; a model as a chart or a table."""
    _check_diagram(options)
    if options.chart is not None or options.of is not None:
        return _moves(options)
    if options.table:
        return _table(options)
    from cyborg_models import drawing

    chosen, told, description = _read_trace(options.what)
    title = ': '.join(filter(None, (
        chosen.title, drawing.clean(description)[:120])))
    if options.svg:
        _write(options.svg, drawing.sequence_svg(told, title))
    if options.json:
        _print_json({'model': chosen.name, 'seqdiag': trace.seqdiag(told)})
    elif options.seqdiag:
        print(trace.seqdiag(told))
    else:
        _print_drawing(title, told, options.svg)
    return HOLDS


def _check_diagram(options):
    of_model = options.table or options.chart is not None
    if options.of is not None and not options.table:
        raise InputError('--of needs --table')
    if options.svg and (options.table or options.seqdiag):
        raise InputError('--svg draws a trace or a --chart; leave out '
                         f'{"--table" if options.table else "--seqdiag"}')
    if of_model:
        if os.path.isfile(options.what):
            raise InputError(f'{options.what} is a file; --table and '
                             '--chart need a MODEL')
    elif options.set or options.defect or options.memory:
        raise InputError('--set, --defect and --memory need --table or '
                         '--chart; a trace names its own settings')
    elif options.what in registry.names():
        raise InputError(f'{options.what} is a model; add --table or '
                         '--chart VARIABLE')


def _print_drawing(title, told, written):
    """What was written where, or the drawing of a run or a chart."""
    from cyborg_models import drawing

    out = _terminal()
    if written:
        out.line(f'written: {written}')
        return
    out.line(title, 'bold')
    out.line()
    draw = (drawing.chart_text if isinstance(told, drawing.Chart)
            else drawing.sequence_text)
    for line, style in draw(told, out.width, drawing.UNICODE if out.can(
            ''.join(drawing.UNICODE.values())) else drawing.ASCII):
        out.put(line, style)


def _described_json(action):
    described = describe.describe(action)
    return {**_action_json(action),
            'guards': [{'requirement': requirement, 'condition': condition}
                       for requirement, condition in described.guards],
            'effects': list(described.effects)}


def _table(options):
    chosen = registry.choose(options.what, options.set, options.defect)
    actions = chosen.model.actions.values()
    if options.json:
        _print_json({'model': chosen.name,
                     'actions': [_described_json(action)
                                 for action in actions]})
        return HOLDS
    out = _terminal()
    out.line(chosen.title, 'bold')
    for action in actions:
        described = describe.describe(action)
        out.line()
        out.line(' '.join(filter(None, (_signature(action),
                                        _kind_of(action)))), 'bold')
        out.line(f'  {action.view}', 'cyan')
        out.line(f'  {action.doc}')
        out.pairs([*(('when ' + requirement, condition)
                     for requirement, condition in described.guards),
                   *(('then', effect) for effect in described.effects)])
    return HOLDS


def _moves(options):
    from cyborg_models import check, drawing, terminal

    chosen = registry.choose(options.what, options.set, options.defect)
    model = chosen.model
    name = options.of if options.chart is None else options.chart
    with terminal.progress() as (tell, _):
        found = check.moves(model, name, _bytes(options), tell)
    chart = drawing.Chart(
        f'{chosen.title}: {name}',
        trace.value_name(model.variables[name].start), found,
        frozenset(action.name for action in model.actions.values()
                  if action.fault))
    if options.svg:
        if (len(chart.values) > drawing.VALUES
                or len(chart.moves) > drawing.MOVES):
            raise InputError(
                f'{name} has {len(chart.values)} values and '
                f'{len(chart.moves)} moves, too many for a picture; ask for '
                f'--table --of {name}')
        _write(options.svg, drawing.chart_svg(chart))
    if options.json:
        _print_json({
            'model': chosen.name, 'variable': name, 'start': chart.start,
            'moves': [{'from': before, 'to': after, 'actions': actions}
                      for (before, after), actions in found.items()],
            'actions': [_described_json(model.actions[action])
                        for action in sorted(set().union(*found.values()))]})
    elif options.table:
        _print_moves(chosen, chart)
    else:
        _print_drawing(chart.title, chart, options.svg)
    return HOLDS


def _print_moves(chosen, chart):
    """The transition table: from, to, by which action, and its guards."""
    out = _terminal()
    out.line(chart.title, 'bold')
    for (before, after), names in chart.moves.items():
        out.line()
        out.line(f'{before} -> {after}', 'bold cyan')
        for name in names:
            action = chosen.model.actions[name]
            out.line('  ' + ' '.join(filter(None, (_signature(action),
                                                   _kind_of(action)))))
            out.pairs(describe.describe(action).guards, indent=4)


# hunt

def do_hunt(options):
    """Random steps against a model: one configuration, or many."""
    machine = _machine()
    if options.all_defects or options.manifest is not None:
        return _hunt_many(options, machine)
    if options.model is None:
        raise InputError('hunt needs a MODEL, or --manifest; there is '
                         + ', '.join(registry.names()))
    chosen = _chosen(options)
    row, hunted = _hunt(options, machine, chosen)
    status = {'found': VIOLATED, 'nothing fails': HOLDS}.get(
        row['outcome'], INCONCLUSIVE)
    if options.cover and status == HOLDS:
        try:
            hunted.require(row['known_edges'] or 0, options.cover / 100)
        except InputError as error:
            row['reason'], status = str(error), INCONCLUSIVE
    if options.json:
        _print_hunts(options, [row], status)
        return status
    out = _terminal()
    out.line(chosen.title, 'bold')
    out.line()
    if hunted is not None:
        out.pairs(_hunt_figures(row), indent=0)
        out.line()
    if hunted is not None and hunted.run is not None:
        out.messages(trace.lines(hunted.run, out.width))
        out.line()
        out.line(f'Violated: {row["property"]}.', 'bold red')
    if row['reason']:
        out.line(row['reason'])
    if status != VIOLATED:
        out.line('Inconclusive.' if status else 'Nothing failed.',
                 'yellow' if status else 'green')
    return status


def _machine():
    try:
        from cyborg_models import machine
    except ModuleNotFoundError as error:
        raise InputError(f'hunt needs {error.name}; install '
                         'cyborg-models[conformance]') from None
    return machine


def _hunt_many(options, machine):
    if options.cover or options.pins or options.defect:
        raise InputError('--cover, --pins and --defect are for one '
                         'configuration; leave them out')
    many = (_hunted_entries(options) if options.manifest is not None
            else _hunted_defects(options))
    rows = [_hunt(options, machine, chosen, skip=True)[0]
            for chosen in many]
    missed = [row for row in rows if row['outcome'] == 'missed']
    status = INCONCLUSIVE if missed else HOLDS
    if options.json:
        _print_hunts(options, rows, status)
        return status
    out = _terminal()
    found = [row for row in rows if row['steps'] is not None]
    if found:
        out.table(('defect', 'property', 'steps', 'first', 'shrunk',
                   'shortest'), [
            (_hunt_name(options, row), row['property'] or row['outcome'],
             f'{row["steps"]:,}', *(
                 '-' if row[key] is None else row[key]
                 for key in ('found_length', 'length', 'shortest')))
            for row in found])
        out.line()
    out.pairs([(_hunt_name(options, row), row['reason'])
               for row in rows if row['steps'] is None], indent=0)
    out.line()
    hits = sum(row['outcome'] == 'found' for row in rows)
    out.line(f'{hits} of {hits + len(missed)} that a test can show were '
             f'found, seed {options.seed}; {len(rows) - len(found)} others.',
             'yellow' if missed else 'green')
    return status


def _hunted_defects(options):
    if options.model is None:
        raise InputError('--all-defects needs a MODEL; there is '
                         + ', '.join(registry.names()))
    names = sorted(_chosen(options).model.defects)
    if not names:
        raise InputError(f'{options.model} has no defects; hunt another '
                         'model, or without --all-defects')
    return [registry.choose(options.model, options.set, [name])
            for name in names]


def _hunted_entries(options):
    from cyborg_models import manifest

    if options.set or options.all_defects:
        raise InputError('--manifest says what to hunt; leave out --set and '
                         '--all-defects')
    mine = [entry for entry in manifest.load(options.manifest or None)
            if entry.defects and options.model in (None, entry.model)]
    if not mine:
        raise InputError('the manifest has no such configuration with a '
                         'defect; see list')
    return [registry.choose(entry.model, entry.pairs, entry.defects)
            for entry in mine]


def _hunt(options, machine, chosen, skip=False):
    """Check all, then hunt; what came out, as a row and as it is.

    :param skip: True not to hunt where nothing can be found
    """
    checked = _explore(chosen, options)
    shortest = {one.name: one.depth for one in checked.verdicts
                if one.kind == 'always' and one.verdict == 'violated'}
    row = {**_head(chosen), 'outcome': 'nothing fails', 'reason':
           checked.reason, 'property': None, 'steps': None,
           'found_length': None, 'length': None, 'shortest': None,
           'shrinking': 0, 'states': 0, 'edges': 0, 'known_edges':
           checked.transitions if checked.complete else None, 'pins': 0,
           'seconds': 0.0, 'steps_per_second': 0, 'trace': None}
    never = [one.name for one in checked.verdicts
             if one.kind == 'eventually' and one.verdict == 'violated']
    if checked.complete and not shortest:
        if never:
            row['outcome'] = 'beyond testing'
            row['reason'] = (f'beyond testing: only {", ".join(never)} '
                             f'fail{"" if len(never) > 1 else "s"}, and no '
                             'run that ends shows what never comes')
            return row, None
        if skip:
            row['reason'] = ('nothing fails in this configuration, says the '
                             'exhaustive check')
            return row, None
    pins = options.pins and machine.Pins(
        options.pins, chosen.name, chosen.set, chosen.defects)
    hunted = machine.hunt(chosen.model, options.budget, options.seed,
                          pins=pins)
    row.update(
        steps=hunted.steps, shrinking=hunted.shrinking,
        states=hunted.states, edges=hunted.edges, pins=hunted.pins,
        seconds=round(hunted.seconds, 3),
        steps_per_second=round(hunted.rate))
    if hunted.failure is not None:
        name = hunted.failure.name
        row.update(outcome='found', property=name,
                   found_length=len(hunted.found.steps),
                   length=len(hunted.run.steps),
                   shortest=shortest.get(name),
                   trace=_trace_json(hunted.run))
    elif shortest:
        first = min(shortest, key=shortest.get)
        row.update(outcome='missed', shortest=shortest[first], reason=(
            f'the exhaustive check finds {first} violated at depth '
            f'{shortest[first]}; allow more steps'))
    elif not checked.complete:
        row['outcome'] = 'missed'
    return row, hunted


def _hunt_name(options, row):
    defect = ' '.join(row['defects'])
    return defect if options.manifest is None else (
        f'{row["model"]} {defect}')


def _hunt_figures(row):
    known = row['known_edges']
    edges = f'{row["edges"]:,}' + (
        f' of {known:,} ({row["edges"] / known:.1%})' if known else '')
    figures = [('steps', f'{row["steps"]:,}, and {row["shrinking"]:,} to '
                f'shrink; {row["steps_per_second"]:,} steps/s'),
               ('states', f'{row["states"]:,}'), ('edges', edges)]
    if row['pins']:
        figures.append(('pins', f'{row["pins"]:,} replayed'))
    if row['length'] is not None:
        figures.append(('trace', f'{row["found_length"]} steps, shrunk to '
                        f'{row["length"]}; the shortest has '
                        f'{row["shortest"]}'))
    return figures


def _print_hunts(options, rows, status):
    _print_json({'verdict': ('holds', 'violated', 'inconclusive')[status],
                 'seed': options.seed, 'budget': options.budget,
                 'hunts': rows})


# charts

def do_charts(options):
    """Hold each recorded chart against the model."""
    from cyborg_models import charts, terminal

    rows, found = charts.load(), []
    with terminal.progress() as (_, say):
        for row in rows:
            if say:
                say(f'{row["model"]} {row["variable"]}')
            found.append(charts.explored(row))
    wrong = [charts.differences(row, now)
             for row, now in zip(rows, found, strict=True)]
    if options.record:
        sys.stdout.write(charts.as_json(found))
        return HOLDS
    if options.json:
        _print_json({'charts': [
            {'model': row['model'], 'set': row['set'],
             'variable': row['variable'], 'differences': lines}
            for row, lines in zip(rows, wrong, strict=True)]})
    else:
        out = _terminal()
        for row, lines in zip(rows, wrong, strict=True):
            out.line(f'{row["model"]} {row["variable"]}: '
                     f'{"stale" if lines else "as recorded"}')
            for line in lines:
                out.line(f'  {line}')
        out.line(f'{len(rows)} charts, {sum(map(bool, wrong))} stale')
    return VIOLATED if any(wrong) else HOLDS


# compare

def do_compare(options):
    """Two configurations side by side."""
    if not options.vs and not options.vs_defect:
        raise InputError('compare needs --vs KEY=VALUE or --vs-defect NAME: '
                         'what is otherwise on the right')
    left = _chosen(options)
    right = registry.choose(options.model, [*options.set, *options.vs],
                            [*options.defect, *options.vs_defect])
    found = [_explore(chosen, options) for chosen in (left, right)]
    rows = _side_by_side(found)
    same = all(a == b for name, a, b in rows if name != 'seconds')
    if options.json:
        _print_json({'left': _checked_json(left, found[0]),
                     'right': _checked_json(right, found[1]), 'same': same})
    else:
        out = _terminal()
        out.line(left.name, 'bold')
        out.line(f'  left:  {_difference(left)}')
        out.line(f'  right: {_difference(right)}')
        out.line()
        out.table(('', 'property', 'left', 'right'), [
            ('*' if a != b and name != 'seconds' else '', name, a, b)
            for name, a, b in rows])
        out.line()
        differ = [name for name, a, b in rows[:-4] if a != b]
        out.line(f'Otherwise on the right: {", ".join(differ)}.' if differ
                 else 'Every verdict is the same on both sides.', 'bold')
        for checked in found:
            if checked.reason:
                out.line(f'Inconclusive: {checked.reason}.', 'yellow')
    return VIOLATED if VIOLATED in (one.status for one in found) else max(
        one.status for one in found)


def _difference(chosen):
    return chosen.title.partition(' ')[2] or 'as it is by default'


def _side_by_side(found):
    verdicts = [{one.name: str(one) for one in checked.verdicts}
                for checked in found]
    rows = [(name, verdicts[0].get(name, '-'), verdicts[1].get(name, '-'))
            for name in dict.fromkeys([*verdicts[0], *verdicts[1]])]
    for key in ('states', 'transitions', 'depth'):
        rows.append((key, *(f'{getattr(one, key):,}' for one in found)))
    rows.append(('seconds', *(f'{one.seconds:.2f}' for one in found)))
    return rows


# mutate

#: what may become of a mutant, as it is shown
MUTANTS = {'always': 'killed by an invariant', 'eventually':
           'killed by what must come', 'deadlock': 'killed by a deadlock',
           'idle': 'killed by a step that changes nothing, alone',
           'sometimes': 'only a witness is missed',
           'error': 'ends in an error of the model',
           'inconclusive': 'inconclusive', 'lives': 'lives'}


def do_mutate(options):
    """Each mutant of a release, or of a model."""
    from cyborg_models import manifest, mutate, terminal

    whole = options.model in registry.RELEASES
    if options.record and (options.sample or not whole):
        raise InputError('--record needs all mutants of a release; leave '
                         'out --sample, and name one of '
                         + ', '.join(registry.RELEASES))
    chosen = mutate.configurations(options.model, options.set,
                                   manifest.load())
    known = mutate.load(options.known or mutate.path_of(options.model),
                        bool(options.known))
    with terminal.progress() as (_, say):
        report = mutate.mutate(
            chosen, known, whole or bool(options.known), options.sample,
            options.jobs, _bytes(options), say, not options.record)
    if options.record:
        if not report.complete:
            raise KeyboardInterrupt  # half a record would be none
        sys.stdout.write(mutate.dumps(report))
        return HOLDS
    if options.json:
        _print_json(_mutated_json(options.model, report))
    else:
        _print_mutated(options.model, report)
    return report.status


def _mutated_json(name, report):
    rows = {True: [], False: []}
    for mutant, (judged, configuration) in report.found.items():
        function, _, requirement, text = mutant.key
        rows[mutant.inverted].append({
            'where': registry.short_path(mutant.site.where),
            'in': function, 'kind': mutant.site.kind,
            'requirement': requirement, 'text': text,
            'outcome': judged.outcome, 'configuration': configuration,
            'by': [{'name': one.name, 'kind': one.kind,
                    'requirement': one.requirement, 'depth': one.depth}
                   for one in judged.by],
            'states': judged.states, 'transitions': judged.transitions,
            'harmless': report.reasons.get(mutant.key)})
    return {'of': name, 'verdict': ('holds', 'violated', 'inconclusive')[
        report.status], 'complete': report.complete,
        'configurations': [one.title for one in report.configurations],
        'total': report.total, 'sample': report.sample,
        'killed': report.killed, 'score': round(report.score, 4),
        'problems': report.problems, 'mutants': rows[False],
        'inverted': rows[True]}


def _print_mutated(name, report):
    out = _terminal()
    out.line(f'{name}: {report.total:,} guards and effects', 'bold')
    for one in report.configurations:
        out.line(f'  {one.title}')
    if report.sample:
        out.line(f'A sample of {len(report.dropped)}:')
        out.pairs([(registry.short_path(mutant.site.where),
                    f'{mutant.name}: {judged.outcome}')
                   for mutant, judged in report.dropped.items()])
    out.line()
    kinds = {'guard': [], 'effect': [], 'inverted': []}
    for mutant, (judged, _) in report.found.items():
        kinds[mutant.kind].append(judged.outcome)
    out.table(('what comes of it', 'guards', 'effects', 'inverted guards'), [
        (text, *(found.count(outcome) for found in kinds.values()))
        for outcome, text in MUTANTS.items()]
        + [('all', *map(len, kinds.values()))])
    harmless = [(registry.short_path(mutant.site.where),
                 f'{mutant.name}: {report.reasons[mutant.key]}')
                for mutant, judged in report.dropped.items()
                if mutant.key in report.reasons and not judged.killed]
    if harmless:
        out.line()
        out.line('Harmless', 'bold')
        out.pairs(harmless)
    out.line()
    if report.sample:
        out.line(f'Killed: {report.killed} of {len(report.dropped)}; on '
                 f'record: {report.recorded[0]} of {report.recorded[1]}.')
    else:
        out.line(f'Killed: {report.killed} of {len(report.dropped)}, '
                 f'{report.score:.1%}; harmless for a reason: '
                 f'{len(harmless)}.')
    for line in report.problems:
        out.line(line, 'bold red')
    if not report.complete:
        out.line('Inconclusive: interrupted.', 'yellow')
    elif not report.problems:
        out.line('All are accounted for.', 'green')


def _terminal():
    from cyborg_models.terminal import Terminal

    return Terminal()


if __name__ == '__main__':
    sys.exit(main())
