"""``list``: the models, or what one has."""

from cyborg_models import registry
from cyborg_models.commands import common
from cyborg_models.commands.common import HOLDS
from cyborg_models.kernel import trace
from cyborg_models.registry import InputError

LONG = 20  # columns of a default that are too many beside its name


def do_list(options):
    """The models, or one of them."""
    if options.model is None:
        return _list_all(options)
    chosen = common.chosen_by(options)
    module, model = registry.find(chosen.name), chosen.model
    settings = registry.describe(module.Settings)
    if options.json:
        common.print_json({
            'model': chosen.name, 'doc': registry.first_line(module),
            'settings': [{'name': name, 'default': default, 'doc': doc}
                         for name, default, doc in settings],
            'actions': [common.action_json(action)
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
    out = common.output()
    out.line(chosen.title, 'bold')
    out.line(registry.first_line(module))
    _section(out, 'Settings', [
        (f'{name}={default}', doc) if len(default) <= LONG else
        (f'{name}=...', f'{doc}; by default {default.replace(",", ", ")}')
        for name, default, doc in settings])
    _section(out, f'Actions ({len(model.actions)}, with their parameters '
             f'{len(model.steps)})', [
        (common.signature(action), ' '.join(filter(None, (
            action.doc, common.kind_of(action)))))
        for action in model.actions.values()])
    _section(out, f'Variables ({len(model.variables)}, with their members '
             f'{len(model.cells)})', [
        (_cell(variable), ', '.join(map(trace.value_name, variable.domain)))
        for variable in model.variables.values()])
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
        common.print_json({'models': [{'name': name, 'doc': doc}
                                      for name, doc in rows]})
    else:
        common.output().pairs(rows, indent=0)
    return HOLDS


def _section(out, title, rows):
    out.line()
    out.line(title, 'bold')
    out.pairs(rows or [('none', '')])


def _cell(variable):
    return variable.name + (
        f'[{variable.each.name}]' if variable.each else '')


def _variable_json(variable):
    return {'name': variable.name,
            'each': variable.each.name if variable.each else None,
            'values': [trace.value_name(value) for value in variable.domain]}
