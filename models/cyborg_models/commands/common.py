"""What the commands share: what is chosen, how it is explored, and how it is
told to a machine or a reader.
"""

import json
import os
import sys
from collections.abc import Iterable

from cyborg_models import registry
from cyborg_models.kernel import itf, trace
from cyborg_models.registry import InputError

HOLDS, VIOLATED, INCONCLUSIVE, BAD = range(4)  # exit statuses


def print_json(data):
    """Print one JSON object, for machines."""
    json.dump(data, sys.stdout, indent=1)
    print()


def chosen_by(options):
    """The model that the arguments name."""
    return registry.choose(options.model, options.set, options.defect)


def head(chosen):
    """What each JSON object says of a model first."""
    return {'model': chosen.name, 'settings': chosen.set,
            'defects': list(chosen.defects)}


def output():
    """The terminal, as an object with styles and a width."""
    from cyborg_models.terminal import Terminal

    return Terminal()


def explore(chosen, options, only=None):
    """Check a model, with progress; see :func:`cyborg_models.check.check`."""
    from cyborg_models import check, manifest, terminal

    total = (None if getattr(options, 'symmetry', False) else
             manifest.expected_states(chosen, manifest.load()))
    with terminal.progress(total) as (tell, say):
        return check.check(chosen.model, only, limit(options), tell, say,
                           getattr(options, 'symmetry', False))


def limit(options):
    """The bytes that ``--memory`` allows, or None."""
    return options.memory << 20 if options.memory else None


def make_folder(path):
    """Make a folder, if it is not there.

    :raises InputError: if it cannot be
    """
    try:
        os.makedirs(path, exist_ok=True)
    except (OSError, ValueError) as error:  # such as a null byte in it
        raise InputError(f'{path}: {getattr(error, "strerror", error)}; '
                         'give a folder that is there or can be made'
                         ) from None


def write(path: str, lines: Iterable[str]) -> None:
    """Write a file.

    :param lines: with their ends; a text whole is ``[text]``
    :raises InputError: if it cannot be
    """
    try:
        with open(path, 'w', encoding='utf-8') as file:
            file.writelines(lines)
    except (OSError, ValueError) as error:  # such as a null byte in it
        raise InputError(f'{path}: {getattr(error, "strerror", error)}; '
                         'give a path that can be written') from None


def trace_json(told):
    """A run as JSON has it: a *trace*."""
    return {'loop': told.loop, 'steps': [{
        'number': row.number, **step_json(row.step), 'message': str(row),
        'sender': row.sender, 'receiver': row.receiver, 'text': row.text,
        'changes': [{'variable': one.variable, 'member': one.member,
                     'from': one.before, 'to': one.after}
                    for one in row.changes]}
        for row in trace.messages(told)]}


def step_json(step):
    """A step as JSON has it."""
    return {'action': step.action.name,
            'arguments': dict(zip(step.action.sets, step.arguments,
                                  strict=True))}


def signature(action):
    """``name(parameter, ...)``."""
    return f'{action.name}({", ".join(action.sets)})'


def kind_of(action):
    """Its fairness, or that it is a fault; as it is shown."""
    return '[fault]' if action.fault else (
        f'[{action.fair}ly fair]' if action.fair else '')


def action_json(action):
    """An action as JSON has it."""
    return {'name': action.name,
            'parameters': {key: members.name
                           for key, members in action.sets.items()},
            'message': action.view, 'fair': action.fair,
            'fault': action.fault, 'doc': action.doc}


def read_trace(path):
    """A trace file: the model that it names, the run, and its description.

    :raises TraceError: naming the line, what is wrong and the mend
    """
    document = itf.Document(path)
    try:
        chosen = registry.choose(document.name, document.settings,
                                 document.defects)
    except InputError as error:
        document.fail(f'"#meta": {error}', '#meta')
    told = document.run(chosen.model)
    description = document.data['#meta'].get('description')
    return chosen, told, description if isinstance(description, str) else ''


def check_actions(chosen, names):
    """Refuse what is no action of a model.

    :raises InputError: for the first
    """
    for name in names:
        if name not in chosen.model.actions:
            raise InputError(f'{chosen.name} has no action {name!r}; '
                             f'{registry.near(name, chosen.model.actions)}')
