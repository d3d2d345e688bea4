"""The ``seqdiag`` directive, as docutils sees it.

Syntax and options are those of sphinxcontrib-seqdiag.  The diagram is drawn
while the page is read, so that every mistake is found before anything is
written, and each is reported at the line of the RST file where it stands.
"""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives

from tools import models, replay
from tools.seqdiag import render
from tools.seqdiag.language import DiagramError, parse

# How what is said of a flow without being a problem begins.
REMARK = 'flow: '


class seqdiag_node(nodes.General, nodes.Element):
    """A drawn diagram: attributes ``svg``, ``alt`` and ``style``."""


def _align(argument):
    return directives.choice(argument, ('left', 'center', 'right'))


def _figure_width(argument):
    if argument.strip() == 'image':
        return 'image'
    return directives.length_or_percentage_or_unitless(argument, 'px')


class SeqdiagDirective(Directive):
    """Draw the sequence diagram that is the directive's content, or that
    stands in the file named by its argument.
    """

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = {
        'after': directives.unchanged_required,
        'align': _align,
        'alt': directives.unchanged_required,
        'caption': directives.unchanged_required,
        'class': directives.class_option,
        'desctable': directives.flag,
        'end': directives.unchanged_required,
        'figclass': directives.class_option,
        'figwidth': _figure_width,
        'height': directives.length_or_unitless,
        'hides': directives.unchanged_required,
        'maxwidth': directives.nonnegative_int,
        'model': directives.unchanged_required,
        'name': directives.unchanged,
        'no-model': directives.unchanged_required,
        'scale': directives.percentage,
        'set': directives.unchanged_required,
        'width': directives.length_or_percentage_or_unitless,
    }

    def run(self):
        try:
            source, lines = self.read_source()
        except ValueError as error:
            return [self.problem('error', str(error))]
        messages = self.tie(source, lines)
        alt = ' '.join(self.options.get('alt', '').split())
        if not alt:
            messages.append(self.problem(
                'warning', 'a seqdiag without :alt:; add one sentence that '
                'tells a reader who does not see it what the diagram shows'))
        try:
            svg = self.render(source, alt)
            tables = self.tables(source)
        except DiagramError as error:
            path, line = lines[min(error.line, len(lines)) - 1]
            return [*messages, self.problem(
                'error', f'seqdiag: {error.message}', path, line)]
        return [self.figure(svg, alt, self.replayed()), *tables, *messages]

    def tie(self, source, lines):
        """Hold the flow against the model that it names; what is wrong.

        In a draft it is remarked, and the page is good all the same.
        """
        self.record = {
            'line': self.lineno, 'name': self.options.get('name', ''),
            'caption': self.options.get('caption', ''), 'model': '',
            'reason': ' '.join(self.options.get('no-model', '').split()),
            'messages': 0, 'branches': 0, 'problem': ''}
        page = self.state.document.current_source or '.'
        draft = replay.is_draft(page)
        try:
            replay.check_options(self.options)
            if 'model' in self.options:
                self.record['model'] = ' '.join(
                    f"{self.options['model']} "
                    f"{self.options.get('set', '')}".split())
                models.depend(self.state.document,
                              self.options['model'].split()[:1])
                flow = replay.replay(self.options, source, page)
                self.record |= {'messages': flow.messages,
                                'branches': flow.branches}
                self.depend(flow.reads)
            elif draft and not self.record['reason']:
                self.remark('this flow names no model; give :model:, or '
                            ':no-model: with the reason')
        except DiagramError:
            pass  # it is reported where the diagram is drawn
        except replay.ReplayError as error:
            self.record['problem'] = error.message
            place = (lines[min(error.line, len(lines)) - 1]
                     if error.line else self.place_of(error.option))
            if draft:
                self.remark(error.message, *place)
            else:
                return [self.problem('error', error.message, *place)]
        return []

    def replayed(self):
        """What a reader is told of the replay, as RST; '' if there is none.
        """
        flow = self.record
        if flow['reason']:
            return f'Not replayed: {flow["reason"]}'
        if not flow['messages']:
            return ''
        said = [f'Replayed against ``{flow["model"]}``, '
                f'messages: {flow["messages"]}'
                + f', ways: {flow["branches"]}' * (flow['branches'] > 1)]
        after = ' '.join(self.options.get('after', '').split())
        if after:
            said.append(f'from the end of :ref:`{after} '
                        f'<{after.rpartition("#")[2]}>`')
        for option, words in (('hides', 'undrawn'), ('end', 'at the end')):
            names = self.options.get(option, '').split()
            if names:
                said.append(f'{words} ``{"`` ``".join(names)}``')
        return f'{"; ".join(said)}.'

    def depend(self, paths):
        """Note that the page depends on files; Sphinx's subclass does."""

    def remark(self, text, path=None, line=None):
        """Say something that is no problem."""
        self.problem('info', REMARK + text, path, line)

    def place_of(self, option):
        """The file and the line where an option of this directive stands.
        """
        for index, line in enumerate(self.block_text.split('\n')):
            if option and re.match(rf'\s*:{option}:', line):
                return self.state_machine.get_source_and_line(
                    self.lineno + index)
        return self.state_machine.get_source_and_line(self.lineno)

    def render(self, source, alt):
        """Draw; Sphinx's subclass asks its cache first."""
        return render(source, alt)

    def problem(self, level, text, path=None, line=None):
        if path is None:
            path, line = self.state_machine.get_source_and_line(self.lineno)
        report = getattr(self.state.document.reporter, level)
        return report(text, source=path, line=line)

    def read_source(self):
        """The diagram's text, and for each of its lines the file and the
        line number.

        :raises ValueError: saying what is wrong with the argument
        """
        if not self.arguments:
            if not self.content:
                raise ValueError('a seqdiag without content; write the '
                                 'diagram below the directive, indented')
            return '\n'.join(self.content), [
                (path, offset + 1) for path, offset in self.content.items]
        if self.content:
            raise ValueError('a seqdiag takes a file or content, not both; '
                             'remove one, or indent the diagram as far as '
                             'its options')
        path = self.find_file(self.arguments[0])
        try:
            text = path.read_text(encoding='utf-8-sig')
        except OSError:
            raise ValueError(f'cannot read the diagram file {path}; check '
                             'its name') from None
        except UnicodeDecodeError as error:
            raise ValueError(f'{path} is not UTF-8 at byte {error.start}; '
                             'save it as UTF-8') from None
        count = text.count('\n') + 1
        return text, [(str(path), number + 1) for number in range(count)]

    def find_file(self, name):
        """The file beside the RST file; nothing above its folder."""
        folder = Path(self.state.document.current_source or '.').parent
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f'{name} is not below the folder of this file; '
                             'keep a diagram beside the text that uses it')
        return path

    def figure(self, svg, alt, note=''):
        """The figure of a drawing; below its caption a note, as RST."""
        node = seqdiag_node(svg=svg, alt=alt, style=self.style(svg))
        node['classes'] += self.options.get('class', [])
        figure = nodes.figure('', node, classes=['seqdiag-figure'])
        figure['classes'] += self.options.get('figclass', [])
        figure['align'] = self.options.get('align', 'default')
        width = self.options.get('figwidth')
        if width:
            figure['width'] = (f'{natural_size(svg)[0]}px'
                               if width == 'image' else width)
        for element in (node, figure):
            self.set_source_info(element)
        caption = self.options.get('caption')
        if caption:
            text, _ = self.state.inline_text(caption, self.lineno)
            figure += nodes.caption(caption, '', *text)
            self.set_source_info(figure[-1])
        if note:
            text, _ = self.state.inline_text(note, self.lineno)
            figure += nodes.legend('', nodes.paragraph(note, '', *text))
        if 'name' in self.options:
            self.add_name(figure)
        elif caption:
            document = self.state.document
            address = nodes.make_id(caption)
            if address and address not in document.ids:
                figure['ids'].append(address)
            document.set_id(figure)
        return figure

    def set_source_info(self, node):
        node.source, node.line = self.state_machine.get_source_and_line(
            self.lineno)

    def style(self, svg):
        """The size on the page as CSS; '' leaves the natural size, which
        shrinks to the page.
        """
        width, height = natural_size(svg)
        wanted = self.options.get('width')
        if wanted is None and 'maxwidth' in self.options:
            wanted = str(self.options['maxwidth'])
        css = []
        scale = self.options.get('scale', 100) / 100
        if wanted:
            number, unit = re.match(r'([\d.]+)\s*(\S*)', wanted).groups()
            css.append(f'width:{float(number) * scale:g}{unit or "px"}')
        if 'height' in self.options:
            number, unit = re.match(r'([\d.]+)\s*(\S*)',
                                    self.options['height']).groups()
            css.append(f'height:{float(number) * scale:g}{unit or "px"}')
        if not css and scale != 1:
            css.append(f'width:{width * scale:g}px')
        return ';'.join(css)

    def tables(self, source):
        """Tables of what the author wrote as ``description``."""
        if 'desctable' not in self.options:
            return []
        diagram = parse(source)
        columns = ['Name', *diagram.description_columns.values(),
                   'Description']
        rows = [[node.label, *(node.extra.get(key) or '' for key
                               in diagram.description_columns),
                 node.description or '']
                for node in diagram.participants]
        numbered = [node.numbered for node in diagram.participants]
        if any(numbered):
            columns.insert(0, 'No')
            rows = sorted(
                ([number or '', *row] for number, row
                 in zip(numbered, rows, strict=True)),
                key=lambda row: int(row[0]) if row[0].isdigit() else 65535)
        tables = []
        if any(''.join(row[1 + any(numbered):]) for row in rows):
            tables.append(_table(columns, rows))
        edges = [[f'{message.source.label} → {message.target.label}',
                  message.description or '']
                 for message in diagram.messages]
        if any(description for _, description in edges):
            tables.append(_table(['Message', 'Description'], edges))
        return tables


def natural_size(svg):
    """Width and height that the drawing gives itself, in pixels."""
    width, height = re.search(r' width="([\d.]+)" height="([\d.]+)"',
                              svg).groups()
    return float(width), float(height)


def _table(columns, rows):
    group = nodes.tgroup(cols=len(columns))
    group += [nodes.colspec(colwidth=1) for _ in columns]
    group += nodes.thead('', _row(columns))
    group += nodes.tbody('', *(_row(row) for row in rows))
    return nodes.table('', group)


def _row(cells):
    return nodes.row('', *(nodes.entry('', nodes.paragraph(text=cell))
                           for cell in cells))
