"""The seqdiag language: from source text to a :class:`Diagram`.

The grammar is that of the seqdiag package: its tokenizer and parser are
used as they are, since they define the language, and they need nothing but
funcparserlib.  What the parsed statements *mean* is written here, because
the package's own builder keeps its state in classes (one diagram leaks into
the next) and cannot say on which line a mistake stands.  The tests hold the
meaning given here against the package's builder.

Every error is a :class:`DiagramError`: the line within the diagram, what is
wrong, and what was expected.
"""

import difflib
import re
from collections import Counter
from dataclasses import dataclass, field

import webcolors
from funcparserlib.lexer import LexerError
from funcparserlib.parser import NoParseError
from seqdiag import parser as grammar

# A diagram beyond these is refused before it is parsed: nobody can read it,
# and a hostile one would stop the build.
MAX_SOURCE = 65_536  # characters
MAX_TOKENS = 12_000  # words and signs
MAX_MESSAGES = 400  # messages and separators
MAX_PARTICIPANTS = 40
MAX_DEPTH = 16  # nested blocks
MAX_LABEL = 1_000  # characters of one label or note
MAX_SIZE = 2_000  # pixels, for each size that an author may set

SHAPES = (
    'actor', 'beginpoint', 'box', 'circle', 'cloud', 'diamond', 'dots',
    'ellipse', 'endpoint', 'flowchart.condition', 'flowchart.database',
    'flowchart.input', 'flowchart.loopin', 'flowchart.loopout',
    'flowchart.terminator', 'mail', 'minidiamond', 'none', 'note',
    'roundedbox', 'square', 'textbox',
)

# arrow -> (direction, line style, asynchronous)
ARROWS = {
    '->': ('forward', None, False),
    '-->': ('forward', 'dashed', False),
    '->>': ('forward', None, True),
    '-->>': ('forward', 'dashed', True),
    '<-': ('back', None, False),
    '<--': ('back', 'dashed', False),
    '<<-': ('back', None, True),
    '<<--': ('back', 'dashed', True),
    '=>': ('both', None, False),
    'forward': ('forward', None, False),
    'back': ('back', None, False),
    'both': ('both', None, False),
}


class DiagramError(Exception):
    """A mistake in a diagram.

    :ivar line: line within the diagram's source, counted from 1
    :ivar message: what is wrong, and how to mend it
    """

    def __init__(self, message, line):
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(eq=False)
class Participant:
    """A box at the top of the diagram, with its lifeline."""

    id: str
    line: int
    label: str = ''
    shape: str = 'box'
    color: str | None = None
    textcolor: str | None = None
    linecolor: str | None = None
    style: str | None = None
    fontsize: int | None = None
    width: int | None = None
    height: int | None = None
    href: str | None = None
    description: str | None = None
    numbered: str | None = None
    stacked: bool = False
    activated: bool = False
    group: 'Group | None' = None
    extra: dict = field(default_factory=dict)
    # (level, first row, row at which it ends or None for the end)
    activations: list = field(default_factory=list)


@dataclass(eq=False)
class Group:
    """Participants that stand together."""

    line: int
    members: list = field(default_factory=list)
    label: str = ''
    shape: str = 'box'
    color: str | None = None
    textcolor: str | None = None
    style: str | None = None
    fontsize: int | None = None
    href: str | None = None
    thick: int = 3


@dataclass(eq=False)
class Message:
    """An arrow between two participants: one row of the diagram.

    ``node1`` and ``node2`` are the participants as written; the arrow points
    to the second for ``forward`` and to the first for ``back``.
    """

    node1: Participant
    node2: Participant
    line: int
    direction: str = 'forward'
    style: str | None = None
    asynchronous: bool = False
    label: str = ''
    leftnote: str = ''
    rightnote: str = ''
    return_label: str = ''
    color: str | None = None
    textcolor: str | None = None
    notecolor: str | None = None
    fontsize: int | None = None
    thick: int | None = None
    activate: bool = True
    diagonal: bool = False
    failed: bool = False
    description: str | None = None

    @property
    def source(self):
        """The participant that sends."""
        return self.node1 if self.direction == 'forward' else self.node2

    @property
    def target(self):
        """The participant that the arrow points to."""
        return self.node2 if self.direction == 'forward' else self.node1


@dataclass(eq=False)
class Separator:
    """A row of text across all lifelines: a ``divider`` or a ``delay``."""

    kind: str
    label: str
    line: int


@dataclass(eq=False)
class Fragment:
    """An ``alt`` or ``loop`` frame around some messages."""

    kind: str
    guard: str
    line: int
    parent: 'Fragment | None' = None
    messages: list = field(default_factory=list)
    color: str | None = None
    linecolor: str | None = None
    textcolor: str | None = None
    fontsize: int | None = None
    style: str | None = None

    @property
    def depth(self):
        """How many frames stand around this one."""
        return self.parent.depth + 1 if self.parent else 0


@dataclass(eq=False)
class Diagram:
    """A sequence diagram, ready to be laid out."""

    participants: list = field(default_factory=list)
    rows: list = field(default_factory=list)  # of Message and Separator
    groups: list = field(default_factory=list)
    fragments: list = field(default_factory=list)
    description_columns: dict = field(default_factory=dict)
    # what the author set for the whole diagram; None: the layout decides
    node_width: int | None = None
    node_height: int | None = None
    span_width: int | None = None
    span_height: int | None = None
    edge_length: int | None = None
    default_shape: str = 'box'
    default_fontsize: int | None = None
    default_node_color: str | None = None
    default_node_style: str | None = None
    default_group_color: str | None = None
    default_linecolor: str | None = None
    default_textcolor: str | None = None
    default_note_color: str | None = None
    shape_namespace: tuple = ()
    activation: bool = True
    autonumber: bool = False

    @property
    def messages(self):
        """The rows that are messages, top to bottom."""
        return [row for row in self.rows if isinstance(row, Message)]


class _Located(str):
    """Source text that knows its line; a slice of it still does."""

    line = 0

    @classmethod
    def at(cls, line, text):
        located = cls(text)
        located.line = line
        return located

    def __getitem__(self, index):
        return self.at(self.line, super().__getitem__(index))

    def strip(self, chars=None):
        return self.at(self.line, super().strip(chars))


def parse(source):
    """Read a diagram.

    :param source: seqdiag source, with or without ``seqdiag { }`` around it
    :returns: a :class:`Diagram`
    :raises DiagramError: naming the line, the mistake and what was expected
    """
    tokens = _tokenize(source)
    _refuse_oversized(tokens)
    return _Builder().build(_parse_tokens(tokens))


def _tokenize(source):
    if len(source) > MAX_SOURCE:
        raise DiagramError(
            f'the diagram has {len(source):,} characters, and at most '
            f'{MAX_SOURCE:,} are allowed; split it', 1)
    try:
        tokens = grammar.tokenize(source)
    except LexerError as error:
        line, column = error.place
        text = source.split('\n')[line - 1]
        rest = text[column - 1:]
        if rest[0] in '"\'':
            expected = f'the closing {rest[0]} of this text'
        elif rest[0] in '<>' and '-' in text[:column]:
            expected = 'a space on both sides of the arrow'
        elif text.strip().startswith(('===', '...')):
            expected = ('a separator: === text === or ... text ..., on one '
                        'line')
        else:
            expected = ('an arrow such as -> or <--, a name, or a text in '
                        'double quotes')
        raise DiagramError(
            f'cannot read {_short(rest)} at column {column}; expected '
            f'{expected}', line) from None
    for token in tokens:
        token.value = _Located.at(token.start[0], token.value)
    return tokens


def _short(text):
    """The first words of *text*, quoted, for an error message."""
    text = text.strip()
    return f"'{text if len(text) <= 24 else text[:24] + '...'}'"


def _refuse_oversized(tokens):
    """Refuse a diagram that is too large, before it costs anything."""
    if len(tokens) > MAX_TOKENS:
        raise DiagramError(
            f'more than {MAX_TOKENS:,} words and signs; split the diagram',
            tokens[MAX_TOKENS].value.line)
    arrows = depth = 0
    most = MAX_DEPTH + _is_framed(tokens)
    for token in tokens:
        value = token.value
        if token.type == 'Op':
            if value == '{':
                depth += 1
            elif value == '}':
                depth -= 1
            elif value in ARROWS:
                arrows += 2 if value == '=>' else 1
        elif token.type == 'Separator':
            arrows += 1
        if depth > most:
            raise DiagramError(
                f'blocks are nested more than {MAX_DEPTH} deep; split the '
                'diagram', value.line)
        if arrows > MAX_MESSAGES:
            raise DiagramError(
                f'more than {MAX_MESSAGES} messages and separators; split '
                'the diagram', value.line)
        if len(value) > MAX_LABEL:
            raise DiagramError(
                f'a text of {len(value):,} characters, and at most '
                f'{MAX_LABEL:,} are allowed; say it in the prose',
                value.line)


def _parse_tokens(tokens):
    if not tokens:
        raise DiagramError('the diagram is empty; expected a message such '
                           'as A -> B', 1)
    framed = _is_framed(tokens)
    if not framed:
        # A bare list of statements is allowed. The frame takes the lines of
        # the first and the last token, so that positions stay true.
        first, last = tokens[0], tokens[-1]
        tokens = [_frame(first, '{'), *tokens, _frame(last, '}')]
    try:
        return grammar.sort_tree(grammar.parse(tokens))
    except NoParseError as error:
        raise _explain(tokens, error.state.max, framed) from None


def _is_framed(tokens):
    values = [token.value for token in tokens[:3]]
    return values[:1] == ['{'] or (
        values[:1] in (['seqdiag'], ['diagram']) and '{' in values[1:3])


def _frame(token, brace):
    return type(token)('Op', _Located.at(token.value.line, brace),
                       token.start, token.end)


def _explain(tokens, index, framed):
    """The error for a token that does not fit: what stands before it says
    what was expected.
    """
    if not framed:
        tokens = tokens[1:-1]
        index = min(index - 1, len(tokens))
    before, braces, bracket = None, [], False
    for token in tokens[:index]:
        before = token.value
        if token.type == 'Op':
            if before == '{':
                braces.append(token)
            elif before == '}':
                if not braces:
                    return DiagramError("unexpected '}'; expected no more "
                                        "'}' than '{'", before.line)
                braces.pop()
            elif before in '[]':
                bracket = before == '['
    at_end = index >= len(tokens)
    if at_end and braces:
        return DiagramError("this '{' is never closed; expected '}'",
                            braces[-1].value.line)
    got = tokens[min(index, len(tokens) - 1)]
    line = got.value.line
    if before in ARROWS and tokens[index - 1].type == 'Op':
        expected = f"a participant after '{before}'"
        line = before.line if at_end or line > before.line else line
    elif bracket and before in ('[', ','):
        expected = "an attribute, such as label = \"text\""
    elif before == '=':
        expected = f"a value after '{tokens[index - 2].value} ='"
    elif bracket:
        expected = "',' or ']' (a text of several words needs quotes)"
    elif got.value == '}' and not braces:
        expected = "no more '}' than '{'"
    elif framed and not braces and index:
        expected = "nothing after the closing '}'"
    elif got.type == 'Separator':
        expected = ('no separator inside alt, loop or group; end the block '
                    'first')
    elif got.value == '[':
        expected = 'attributes only after a participant or a message'
    else:
        expected = ('a message (A -> B), a participant, name = value, '
                    "=== text ===, alt, loop, group or '}'")
    if at_end:
        return DiagramError(f'the diagram ends too early; expected '
                            f'{expected}', before.line)
    return DiagramError(f"unexpected {_short(got.value)}; expected "
                        f'{expected}', line)


# What each attribute takes. A flag needs no value; a text, a number and a
# colour do. `None` is known and without effect in a sequence diagram.
_TEXT, _NUMBER, _COLOR, _FLAG = 'text', 'number', 'colour', 'flag'
_STYLE, _SHAPE = 'style', 'shape'

_COMMON = {
    'color': _COLOR, 'textcolor': _COLOR, 'fontsize': _NUMBER,
    'fontfamily': None, 'style': _STYLE, 'class': _TEXT,
}
ATTRIBUTES = {
    'participant': _COMMON | {
        'label': _TEXT, 'linecolor': _COLOR, 'shape': _SHAPE,
        'width': _NUMBER, 'height': _NUMBER, 'href': _TEXT,
        'description': _TEXT, 'numbered': _TEXT, 'stacked': _FLAG,
        'activated': _FLAG, 'rotate': None, 'label_orientation': None,
        'colwidth': None, 'colheight': None,
    },
    'message': _COMMON | {
        'label': _TEXT, 'note': _TEXT, 'leftnote': _TEXT,
        'rightnote': _TEXT, 'return': _TEXT, 'dir': _TEXT, 'async': _FLAG,
        'diagonal': _FLAG, 'failed': _FLAG, 'activate': _FLAG,
        'noactivate': _FLAG, 'thick': _FLAG, 'description': _TEXT,
        'label_margin': None, 'hstyle': None, 'folded': None,
        'nofolded': None,
    },
    'group': _COMMON | {
        'label': _TEXT, 'shape': _TEXT, 'href': _TEXT, 'thick': _FLAG,
        'orientation': None, 'colwidth': None, 'colheight': None,
        'width': None, 'height': None,
    },
    'fragment': _COMMON | {'linecolor': _COLOR},
    'diagram': {
        'default_shape': _SHAPE, 'default_fontsize': _NUMBER,
        'default_node_color': _COLOR, 'default_node_style': _STYLE,
        'default_group_color': _COLOR, 'default_linecolor': _COLOR,
        'default_line_color': _COLOR, 'default_textcolor': _COLOR,
        'default_text_color': _COLOR, 'default_note_color': _COLOR,
        'default_fontfamily': None, 'default_label_orientation': None,
        'default_edge_label_margin': None, 'fontsize': _NUMBER,
        'node_width': _NUMBER, 'node_height': _NUMBER,
        'span_width': _NUMBER, 'span_height': _NUMBER,
        'edge_height': _NUMBER, 'edge_length': _NUMBER,
        'activation': _TEXT, 'autonumber': _TEXT, 'shape_namespace': _TEXT,
        'shadow_style': None, 'edge_layout': None, 'orientation': None,
        'page_padding': None, 'label': None,
    },
}
_REFUSED = {
    name: (f"'{name}' would read a file or a URL, which a diagram may not; "
           'remove it, and use shape or color to tell participants apart')
    for name in ('icon', 'background')
}
# Old names of the diagram's attributes, still read.
_RENAMED = {
    'default_line_color': 'default_linecolor',
    'default_text_color': 'default_textcolor',
    'edge_height': 'span_height', 'fontsize': 'default_fontsize',
}


class _Builder:
    """Gives the parsed statements their meaning, top to bottom."""

    def __init__(self):
        self.diagram = Diagram()
        self.by_id = {}
        self.classes = {}
        self.autoclass = False

    def build(self, tree):
        diagram = self.diagram
        self.block(tree.stmts, None, None)
        if len(diagram.participants) > MAX_PARTICIPANTS:
            extra = diagram.participants[MAX_PARTICIPANTS]
            raise DiagramError(
                f'more than {MAX_PARTICIPANTS} participants; split the '
                'diagram', extra.line)
        if not diagram.participants:
            raise DiagramError('the diagram draws nothing; expected a '
                               'participant or a message such as A -> B', 1)
        self.order_participants()
        if diagram.activation:
            self.find_activations()
        if diagram.autonumber:
            for number, message in enumerate(diagram.messages, 1):
                message.label = f'{number}. {message.label}'
        return diagram

    def block(self, statements, group, fragment):
        for stmt in statements:
            if isinstance(stmt, grammar.Extension):
                self.extension(stmt)
            elif isinstance(stmt, grammar.Attr):
                self.attribute(stmt, fragment or group or self.diagram)
            elif isinstance(stmt, grammar.Node):
                self.participant(stmt.id, group, stmt.attrs)
            elif isinstance(stmt, grammar.Edge):
                self.message(stmt, fragment)
            elif isinstance(stmt, grammar.Separator):
                kind = 'divider' if stmt.type == '===' else 'delay'
                self.diagram.rows.append(
                    Separator(kind, _unquote(stmt.value), stmt.value.line))
            elif isinstance(stmt, grammar.Group):
                self.group(stmt)
            elif isinstance(stmt, grammar.Fragment):
                self.fragment(stmt, fragment)

    def participant(self, name, group=None, attrs=()):
        node = self.by_id.get(_unquote(name))
        if node is None:
            if name[0] not in '"\'' and not re.search(r'\w', name):
                raise DiagramError(
                    f"'{name}' is no name; expected an arrow such as -> or "
                    '<--, or a name in double quotes', name.line)
            diagram = self.diagram
            node = Participant(
                _unquote(name), name.line, label=_unquote(name),
                shape=diagram.default_shape,
                color=diagram.default_node_color,
                textcolor=diagram.default_textcolor,
                linecolor=diagram.default_linecolor,
                style=diagram.default_node_style)
            self.by_id[node.id] = node
            diagram.participants.append(node)
            if self.autoclass:
                self.apply_autoclass(node)
        self.attributes(attrs, node)
        if group is not None and node not in group.members:
            if node.group is not None:
                raise DiagramError(
                    f"'{node.id}' stands in two groups; keep it in one",
                    name.line)
            node.group = group
            group.members.append(node)
        return node

    def apply_autoclass(self, node):
        for name, attrs in self.classes.items():
            if node.id.endswith('_' + name):
                node.label = node.id[:-len(name) - 1]
                self.attributes(attrs, node)

    def message(self, stmt, fragment):
        first = self.participant(stmt.from_node)
        second = self.participant(stmt.to_node)
        direction, style, asynchronous = ARROWS[stmt.edge_type]
        message = Message(
            first, second, stmt.from_node.line, direction, style,
            asynchronous, color=self.diagram.default_linecolor,
            textcolor=self.diagram.default_textcolor,
            notecolor=self.diagram.default_note_color)
        if first is second and direction != 'both':
            message.activate = False
        self.attributes(stmt.attrs, message)
        both = message.direction == 'both'
        if both:
            message.direction = 'forward'
        if message.direction == 'forward':
            self.add_message(message, fragment)
        if stmt.followers:
            arrow, target = stmt.followers[0]
            self.message(
                grammar.Edge(stmt.to_node, arrow, target,
                             stmt.followers[1:], stmt.attrs,
                             stmt.edge_block),
                fragment)
        elif stmt.edge_block:
            self.block(stmt.edge_block.stmts, None, fragment)
        if both:
            self.add_message(
                Message(first, second, message.line, 'back', 'dashed',
                        message.asynchronous, message.return_label,
                        color=message.color, textcolor=message.textcolor,
                        fontsize=message.fontsize, thick=message.thick,
                        activate=message.activate,
                        diagonal=message.diagonal, failed=message.failed),
                fragment)
        elif message.direction == 'back':
            self.add_message(message, fragment)

    def add_message(self, message, fragment):
        self.diagram.rows.append(message)
        while fragment is not None:
            fragment.messages.append(message)
            fragment = fragment.parent

    def group(self, stmt):
        line = next((_line_of(s) for s in stmt.stmts if _line_of(s)), 1)
        group = Group(line, color=self.diagram.default_group_color,
                      textcolor=self.diagram.default_textcolor)
        self.block(stmt.stmts, group, None)
        if not group.members:
            raise DiagramError('a group without a participant; name one in '
                               'it, or remove it', line)
        self.diagram.groups.append(group)

    def fragment(self, stmt, parent):
        fragment = Fragment(stmt.type, _unquote(stmt.id) or '',
                            stmt.type.line, parent,
                            linecolor=self.diagram.default_linecolor)
        self.diagram.fragments.append(fragment)
        self.block(stmt.stmts, None, fragment)
        if not fragment.messages:
            raise DiagramError(
                f"'{stmt.type}' frames no message; put one in it, or remove "
                'it', fragment.line)

    def extension(self, stmt):
        name = _unquote(stmt.name)
        if stmt.type == 'class':
            self.classes[name] = stmt.attrs
        elif name == 'autoclass':
            self.autoclass = True
        elif name == 'attributes':
            for attr in stmt.attrs:
                self.diagram.description_columns[_unquote(attr.name)] = (
                    _unquote(attr.value) or _unquote(attr.name))
        else:
            raise DiagramError(
                f"unknown plugin '{name}'; known: attributes, autoclass",
                stmt.name.line)

    def attributes(self, attrs, element):
        for attr in attrs:
            self.attribute(attr, element)

    def attribute(self, attr, element):
        kind = type(element).__name__.lower()
        name, line = _unquote(attr.name), attr.name.line
        known = ATTRIBUTES[kind]
        if name in _REFUSED:
            raise DiagramError(_REFUSED[name], line)
        if name == 'class':
            self.apply_class(attr, element)
            return
        if (kind == 'participant'
                and name in self.diagram.description_columns):
            element.extra[name] = _unquote(attr.value)
            return
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = (f"did you mean '{close[0]}'?" if close else
                    'known: ' + ', '.join(sorted(
                        key for key, takes in known.items() if takes)))
            raise DiagramError(
                f"a {kind} has no attribute '{name}'; {hint}", line)
        if known[name] is None:
            return
        value = self.value(name, known[name], attr)
        if isinstance(element, Message):
            self.set_on_message(name, value, element, line)
        elif isinstance(element, Diagram):
            self.set_on_diagram(name, value, line)
        else:
            if name == 'shape' and kind == 'group' and value not in (
                    'box', 'line'):
                raise DiagramError(
                    f"a group's shape is box or line, not '{value}'", line)
            setattr(element, name, value)

    def apply_class(self, attr, element):
        name = _unquote(attr.value)
        if name not in self.classes:
            known = ', '.join(sorted(self.classes)) or 'none is defined'
            raise DiagramError(
                f"unknown class '{name}'; known: {known}", attr.name.line)
        # A class names attributes of its own only: class in class is left
        # out, since it could go round in a circle.
        self.attributes(
            [a for a in self.classes[name] if a.name != 'class'], element)

    def value(self, name, takes, attr):
        line, raw = attr.name.line, attr.value
        if takes is _FLAG:
            if raw is not None and _unquote(raw).lower() != 'true':
                raise DiagramError(
                    f"'{name} = {_unquote(raw)}': a flag is set by its name "
                    'alone; leave it out to leave it off', line)
            return True
        if raw is None:
            raise DiagramError(
                f"'{name}' needs a value, such as {name} = "
                f'{_EXAMPLES[takes]}', line)
        text = _unquote(raw)
        if takes is _NUMBER:
            if not re.fullmatch(r'\d{1,5}', text) or not (
                    0 < int(text) <= MAX_SIZE):
                raise DiagramError(
                    f"'{name} = {text}' is not a whole number from 1 to "
                    f'{MAX_SIZE}', line)
            return int(text)
        if takes is _COLOR:
            return _color(name, text, line)
        if takes is _STYLE:
            if not re.fullmatch(r'none|solid|dotted|dashed|\d+(,\d+)*',
                                text.lower()):
                raise DiagramError(
                    f"unknown style '{text}'; expected solid, dotted, "
                    'dashed, none, or numbers such as 4,2', line)
            return text.lower()
        if takes is _SHAPE:
            return self.shape(text, line)
        if name == 'href' and not re.match(
                r"https?://|#|mailto:|:ref:`[^`]+`$", text):
            raise DiagramError(
                f"'href = {_short(text)}' is no link that is allowed; "
                'expected http://, https://, mailto:, # or :ref:', line)
        return text

    def shape(self, text, line):
        for name in (*(f'{space}.{text}' for space
                       in self.diagram.shape_namespace), text):
            if name in SHAPES:
                return name
        close = difflib.get_close_matches(text, SHAPES, n=1)
        hint = f"did you mean '{close[0]}'?" if close else (
            'known: ' + ', '.join(SHAPES))
        raise DiagramError(f"unknown shape '{text}'; {hint}", line)

    def set_on_message(self, name, value, message, line):
        if name == 'dir':
            if value.lower() not in ARROWS:
                raise DiagramError(
                    f"unknown direction '{value}'; expected one of "
                    + ', '.join(ARROWS), line)
            (message.direction, message.style,
             message.asynchronous) = ARROWS[value.lower()]
            if (message.node1 is message.node2
                    and message.direction != 'both'):
                message.activate = False
        elif name == 'async':
            message.direction = 'forward'
        elif name == 'failed':
            message.failed, message.activate = True, False
        elif name == 'noactivate':
            message.activate = False
        elif name == 'return':
            message.return_label = value
        elif name == 'thick':
            message.thick = 3
        else:
            setattr(message, 'rightnote' if name == 'note' else name, value)

    def set_on_diagram(self, name, value, line):
        diagram = self.diagram
        if name == 'activation':
            if value.lower() != 'none':
                raise DiagramError(
                    f"unknown activation '{value}'; expected none", line)
            diagram.activation = False
        elif name == 'autonumber':
            diagram.autonumber = value.lower() != 'false'
        elif name == 'shape_namespace':
            diagram.shape_namespace = tuple(value.split(','))
        else:
            setattr(diagram, _RENAMED.get(name, name), value)

    def order_participants(self):
        """First mention decides; the member of a group that is mentioned
        first takes the others along.
        """
        ordered = []
        for node in self.diagram.participants:
            others = node.group.members if node.group else ()
            for member in (node, *others):
                if member not in ordered:
                    ordered.append(member)
        self.diagram.participants = ordered

    def find_activations(self):
        """When each participant is active, and how deeply.

        The first sender is active from the start; a message activates its
        target, and an arrow drawn backwards ends one activation of the
        participant that it comes from.
        """
        rows = self.diagram.rows
        messages = self.diagram.messages
        if not messages:
            return
        active = Counter({messages[0].node1: 1})
        for node in self.diagram.participants:
            if node.activated:
                active[node] = 1
        running = {}  # (participant, level) -> row where the bar began
        order = self.diagram.participants
        for index, row in enumerate(rows):
            if isinstance(row, Message) and row.activate:
                if row.direction == 'forward':
                    active[row.node2] += 1
                elif row.node2 in active:
                    active[row.node2] -= 1
                else:
                    active[row.node2] = 0
            for node in order:
                for level in range(max(active[node], 0)):
                    running.setdefault((node, level), index)
                level = max(active[node], 0)
                while (node, level) in running:
                    node.activations.append(
                        (level, running.pop((node, level)), index))
                    level += 1
        for (node, level), start in running.items():
            node.activations.append((level, start, None))
        for node in order:
            node.activations.sort(key=lambda bar: (bar[0], bar[1]))


_EXAMPLES = {
    _TEXT: '"text"', _NUMBER: '120', _COLOR: 'red', _STYLE: 'dashed',
    _SHAPE: 'roundedbox',
}


def _color(name, text, line):
    """A colour as ``#rrggbb``, or ``none``."""
    if text == 'none':
        return text
    try:
        if text.startswith('#'):
            return webcolors.normalize_hex(text)
        return webcolors.name_to_hex(text)
    except ValueError:
        close = difflib.get_close_matches(
            text.lower(), webcolors.names('css3'), n=1)
        hint = f"did you mean '{close[0]}'?" if close else (
            'expected a CSS colour name or #rrggbb')
        raise DiagramError(
            f"unknown colour '{_short(text)[1:-1]}' for {name}; {hint}",
            line) from None


def _line_of(statement):
    for part in statement:
        if isinstance(part, _Located):
            return part.line
    return 0


def _unquote(text):
    """The text without its quotes and with ``\\"`` inside it undone."""
    if text is None:
        return None
    text = str(text)
    for quote in ('"""', "'''", '"', "'"):
        if (len(text) >= 2 * len(quote) and text.startswith(quote)
                and text.endswith(quote)):
            inner = text[len(quote):-len(quote)]
            return inner.replace('\\' + quote[0], quote[0])
    return text
