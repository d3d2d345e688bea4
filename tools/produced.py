"""What pages take from the models, so that it is the model and no copy.

``:model-value:`stein.system states```
    the figure that is recorded or counted
``.. model-table:: stein.attach``
    the actions: message, enabling condition, guards with their
    requirements, effects; ``:only:`` some of them, ``:set:`` settings
``.. state-chart:: stein.system arq``
    how a variable changes, as a picture
``.. model-comparison:: rocky.attach``
    what the configurations that ``:vs:`` names do otherwise, as recorded

Without Sphinx, so that one file can be checked in a moment.
"""

from xml.sax.saxutils import quoteattr

from docutils import nodes
from docutils.parsers.rst import Directive, directives

from tools import models
from tools.seqdiag.directive import SeqdiagDirective
from tools.specs import NEED_ID


def model_value(name, rawtext, text, lineno, inliner, options=None,
                content=None):
    """The role ``model-value``: a figure, as :mod:`cyborg_models.figures`
    knows it.
    """
    text = nodes.unescape(text)
    models.depend(inliner.document, text.split()[:1])
    try:
        figure = models.figure(text)
    except models.Problem as problem:
        message = inliner.reporter.error(
            f':{name}:`{text}`: {problem}', line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [nodes.inline(rawtext, f'{figure:,}',
                         classes=['model-value'])], []


class _Produced:
    """What the directives share."""

    def run(self):
        try:
            name, *more = self.arguments[0].split()
            models.depend(self.state.document, [name])
            return self.produce(name, *more)
        except models.Problem as problem:
            path, line = self.state_machine.get_source_and_line(self.lineno)
            return [self.state.document.reporter.error(
                f'{self.name}: {problem}', source=path, line=line)]

    def pairs(self):
        return tuple(self.options.get('set', '').split())

    def need(self, requirement):
        """A requirement as a link, where it is one."""
        if NEED_ID.fullmatch(requirement):
            return self.state.inline_text(f':need:`{requirement}`',
                                          self.lineno)[0]
        return [nodes.Text(requirement)]


class ModelTable(_Produced, Directive):
    """The transition table of a model."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {
        'class': directives.class_option,
        'only': directives.unchanged_required,
        'set': directives.unchanged_required,
    }
    HEAD = ('Action and message', 'It may happen when', 'Guards', 'Effects')
    WIDTHS = (25, 25, 30, 20)

    def produce(self, name, *more):
        if more:
            raise models.Problem(f'{more[0]!r} stands behind the model; give '
                                 'settings as :set:')
        actions = models.choose(name, self.pairs()).model.actions
        only = self.options.get('only', '').split()
        for one in only:
            if one not in actions:
                raise models.Problem(f'{name} has no action {one!r}; '
                                     f'{models.near(one, actions)}')
        group = nodes.tgroup(cols=len(self.HEAD))
        group += [nodes.colspec(colwidth=width) for width in self.WIDTHS]
        group += nodes.thead('', nodes.row('', *(
            nodes.entry('', nodes.paragraph(text=text))
            for text in self.HEAD)))
        group += nodes.tbody('', *(self.row(actions[one])
                                   for one in only or actions))
        table = nodes.table('', group, classes=['model-table'])
        table['classes'] += self.options.get('class', [])
        return [table]

    def row(self, action):
        described = models.load('kernel.describe').describe(action)
        return nodes.row('', *(nodes.entry('', *cell) for cell in (
            [nodes.paragraph('', '', nodes.literal(text=action.name)),
             nodes.paragraph(text=action.view)],
            [nodes.paragraph(text=action.doc)],
            [self.guard(*guard) for guard in described.guards],
            [nodes.paragraph('', '', nodes.literal(text=effect))
             for effect in described.effects])))

    def guard(self, requirement, condition):
        return nodes.paragraph('', '', nodes.literal(text=condition),
                               nodes.Text(' '), *self.need(requirement))


class ModelComparison(_Produced, Directive):
    """Recorded configurations of one model side by side."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {
        'class': directives.class_option,
        'set': directives.unchanged_required,
        'vs': directives.unchanged_required,
    }

    def produce(self, name, *more):
        if more:
            raise models.Problem(f'{more[0]!r} stands behind the model; give '
                                 'what it is compared with as :vs:')
        made = models.compare(name, [self.pairs(), *(
            (*self.pairs(), *side.split())
            for side in self.options.get('vs', '').split(',') if side)])
        columns = len(made.titles)
        group = nodes.tgroup(cols=columns + 1)
        group += [nodes.colspec(colwidth=width)
                  for width in (40, *[60 // columns] * columns)]
        group += nodes.thead('', self.row(
            [nodes.Text(name)], *([nodes.literal(text=title)]
                                  for title in made.titles)))
        group += nodes.tbody('', *(
            self.row([nodes.Text(figure)],
                     *([nodes.Text(f'{number:,}')] for number in numbers))
            for figure, numbers in made.figures), *(
            self.row([nodes.literal(text=prop), nodes.Text(' '),
                      *self.need(requirement)],
                     *([nodes.inline(text=verdict, classes=[
                         'verdict', verdict.split()[0]])]
                       for verdict in verdicts))
            for prop, requirement, verdicts in made.verdicts))
        if not made.verdicts:
            group[-1] += self.row([nodes.Text('every verdict')], *(
                [nodes.Text('the same')] for _ in made.titles))
        table = nodes.table('', group, classes=['model-comparison'])
        table['classes'] += self.options.get('class', [])
        return [table]

    def row(self, *cells):
        return nodes.row('', *(nodes.entry('', nodes.paragraph('', '', *cell))
                               for cell in cells))


class StateChart(_Produced, SeqdiagDirective):
    """The state chart of a variable, from what is recorded."""

    has_content = False
    required_arguments, optional_arguments = 1, 0
    option_spec = {
        key: SeqdiagDirective.option_spec[key] for key in (
            'align', 'alt', 'caption', 'class', 'figclass', 'figwidth',
            'height', 'maxwidth', 'name', 'scale', 'set', 'width')}

    def produce(self, name, *variables):
        if len(variables) != 1:
            raise models.Problem(f'{self.arguments[0]!r} names no variable; '
                                 'write MODEL VARIABLE')
        chart = models.chart(name, self.pairs(), *variables)
        alt = ' '.join(self.options.get('alt', '').split()) or (
            f'State chart of {chart.title}: {len(chart.values)} values, '
            f'{len(chart.moves)} changes.')
        svg = models.load('drawing').chart_svg(chart).replace(
            'role="img"', f'role="img" aria-label={quoteattr(alt)}', 1)
        figure = self.figure(svg, alt)
        figure['classes'][0] = 'chart-figure'  # it is no flow
        return [figure]


ROLES = {'model-value': model_value}
DIRECTIVES = {'model-comparison': ModelComparison, 'model-table': ModelTable,
              'state-chart': StateChart}


def setup(app):
    """Register with Sphinx."""
    for name, role in ROLES.items():
        app.add_role(name, role)
    for name, directive in DIRECTIVES.items():
        app.add_directive(name, directive)
    return {'version': '1', 'parallel_read_safe': True,
            'parallel_write_safe': True}
