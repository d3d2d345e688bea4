"""Pictures: the sequence diagram of a run, the state chart of a variable.

Each as SVG, which needs nothing beside it, and as lines of text for a
terminal.  No font is opened and no clock or random number is read: one
input gives one picture, byte for byte, on every machine.

A chart is laid out in layers (Sugiyama's method).  A label is a node of a
layer of its own, and between two layers there is nothing but edges; so no
edge and no label ever lies on a box, whatever the graph.
"""

import functools
import re
import textwrap
import unicodedata
from dataclasses import dataclass, field
from html import escape

from cyborg_models.kernel import trace

FONT, SMALL, LINE = 12, 10, 1.3  # sizes, and a line's height of the size
PAD = 8
HEAD = 8  # length of an arrowhead
FOLD, DROP = 26, 20  # a message to oneself: how far out, and down
LABEL = 210  # pixels after which a label breaks, if its arrow is no longer
ACTORS_AGAIN = 12  # messages after which the actors stand below as well
BOUND = 1e6  # no picture is so wide
VALUES, MOVES = 60, 200  # of which there can be a chart that is read
NUMBER = 6  # columns of '  12. '

_STYLE = '''
svg.cyborg { font: 12px sans-serif; max-width: 100%; height: auto;
  color-scheme: light dark; }
svg.cyborg text { fill: #111; white-space: pre; }
.cyborg .paper { fill: #fff; }
.cyborg .title { font-size: 14px; font-weight: bold; }
.cyborg .change, .cyborg .key { font-size: 10px; fill: #556; }
.cyborg .number { fill: #667; }
.cyborg .node { fill: #fff; stroke: #334; }
.cyborg .ring, .cyborg .edge { fill: none; stroke: #334; }
.cyborg .first { fill: #334; }
.cyborg .lifeline { stroke: #889; stroke-dasharray: 6 4; }
.cyborg .head { fill: #334; }
.cyborg .rule { fill: none; stroke: #889; }
.cyborg .band { fill: #e4e7ec; stroke: #889; }
.cyborg .over { stroke: #fff; stroke-width: 4px; paint-order: stroke;
  stroke-linejoin: round; }
.cyborg .edge.fault { stroke: #a3333d; stroke-dasharray: 5 3; }
.cyborg .head.fault { fill: #a3333d; }
svg.cyborg text.fault { fill: #a3333d; font-style: italic; }
@media screen and (prefers-color-scheme: dark) {
  svg.cyborg text { fill: #dde3ea; }
  .cyborg .paper { fill: #12171e; }
  .cyborg .change, .cyborg .key, .cyborg .number { fill: #97a3b2; }
  .cyborg .node { fill: #1e2833; stroke: #aab6c4; }
  .cyborg .ring, .cyborg .edge { stroke: #aab6c4; }
  .cyborg .first, .cyborg .head { fill: #aab6c4; }
  .cyborg .lifeline, .cyborg .rule { stroke: #66727f; }
  .cyborg .band { fill: #2b3542; stroke: #66727f; }
  .cyborg .over { stroke: #12171e; }
  .cyborg .edge.fault { stroke: #f08b93; }
  .cyborg .head.fault, svg.cyborg text.fault { fill: #f08b93; }
}
'''.replace('\n  ', ' ')


# Text

def clean(text):
    """*text* without what neither XML nor a terminal bears."""
    return re.sub('[^ -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]',
                  '\ufffd', ' '.join(text.split()))


@functools.lru_cache(maxsize=4096)
def _em(char):
    # A little over the usual sans-serif fonts, so that a reader's own fits.
    if char in "iIjl.,:;'|!":
        return 0.34
    if char in 'frt()[]{}/\\- `"':
        return 0.42
    if char in 'mwMW@%&':
        return 0.98
    if unicodedata.combining(char):
        return 0
    if unicodedata.east_asian_width(char) in 'WF':
        return 1.05
    return 0.74 if char.isupper() else 0.62


def text_width(text, size=FONT):
    """The pixels to reserve for a line of text."""
    return sum(map(_em, text)) * size


def _wrap(text, width, size=FONT):
    """Lines of at most *width* pixels, broken between words if possible."""
    found, used = [''], 0
    for word in re.findall(r'[^\s-]*-|[^\s-]+\s*|\s+', clean(text)):
        if found[-1] and used + text_width(word.rstrip(), size) > width:
            found.append('')
            used = 0
        for char in word:
            if found[-1] and used + text_width(char, size) > width:
                found.append('')
                used = 0
            found[-1] += char
            used += text_width(char, size)
    return [line.strip() for line in found if line.strip()] or ['']


def _widest(lines, size=FONT):
    return max((text_width(line, size) for line in lines), default=0)


# SVG

def _n(value):
    """A coordinate, with at most one decimal."""
    return f'{value:.1f}'.removesuffix('.0')


class _Canvas:
    """Collects elements, and how far they reach."""

    def __init__(self):
        self.parts, self.right, self.bottom = [], 0, 0

    def reach(self, x, y):
        self.right, self.bottom = max(self.right, x), max(self.bottom, y)

    def text(self, kind, x, y, lines, size=FONT, anchor='start'):
        """Lines of text, the first with its baseline at *y*."""
        for index, line in enumerate(lines):
            base = y + index * size * LINE
            set_at = '' if anchor == 'start' else f' text-anchor="{anchor}"'
            self.parts.append(
                f'<text class="{kind}" x="{_n(x)}" y="{_n(base)}"{set_at}>'
                f'{escape(line, quote=False)}</text>')
            wide = text_width(line, size)
            self.reach(x + (wide / 2 if set_at else wide), base + 4)

    def box(self, kind, x1, y1, x2, y2, radius=0):
        self.parts.append(
            f'<rect class="{kind}" x="{_n(x1)}" y="{_n(y1)}"'
            f' width="{_n(x2 - x1)}" height="{_n(y2 - y1)}"'
            + (f' rx="{radius}"/>' if radius else '/>'))
        self.reach(x2, y2)

    def arrow(self, path, tip, way, fault=False):
        """A line and its head.

        :param tip: the point (x, y) where it ends
        :param way: the unit vector in which it arrives there
        """
        kind = ' fault' if fault else ''
        self.parts.append(f'<path class="edge{kind}" d="{path}"/>')
        (x, y), (dx, dy) = tip, (way[0] * HEAD, way[1] * HEAD)
        points = ((x - dx - dy / 2, y - dy + dx / 2), (x, y),
                  (x - dx + dy / 2, y - dy - dx / 2))
        self.parts.append(f'<polygon class="head{kind}" points="' + ' '.join(
            f'{_n(a)},{_n(b)}' for a, b in points) + '"/>')

    def svg(self, title, told):
        """The whole, with what a screen reader says of it."""
        width, height = self.right + 2 * PAD, self.bottom + 2 * PAD
        least = max(min(width, 720), width * 0.75)  # else it is scrolled
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="cyborg"'
            ' role="img"'
            f' width="{_n(width)}" height="{_n(height)}"'
            f' style="min-width: {_n(least)}px"'
            f' viewBox="0 0 {_n(width)} {_n(height)}">\n'
            f'<title>{escape(title, quote=False)}</title>\n'
            f'<desc>{escape(told, quote=False)}</desc>\n'
            f'<style>{_STYLE}</style>\n'
            f'<rect class="paper" width="{_n(width)}"'
            f' height="{_n(height)}"/>\n' + '\n'.join(self.parts)
            + '\n</svg>\n')


def _heading(canvas, title):
    lines = _wrap(title, 560, 14)
    canvas.text('title', 2 * PAD, 2 * PAD + 12, lines, 14)
    return 2 * PAD + len(lines) * 14 * LINE


# The sequence diagram of a run

def _actors(rows):
    return list(dict.fromkeys(name for row in rows for name in
                              (row.sender, row.receiver) if name))


def _rules(told):
    """What is said before the step of each index, and at the end."""
    found = {}
    if told.lasts:
        found[len(told.steps)] = 'and nothing more happens, for ever'
    elif told.loop is not None:
        found[told.loop] = 'from here on, again and again'
        found[len(told.steps)] = f'and again from {told.loop + 1}, for ever'
    if not told.steps:
        found[0] = found.get(0, 'no step')
    return found


def sequence_svg(told, title):
    """A :class:`~.kernel.trace.Run` as a sequence diagram in SVG."""
    rows, title = trace.messages(told), clean(title)
    actors, rules = _actors(rows), _rules(told)
    canvas = _Canvas()
    top = _heading(canvas, title) + PAD
    names = {name: _wrap(name, 140) for name in actors}
    half = {name: max(42, _widest(names[name]) / 2 + 10) for name in actors}
    high = max([36, *(len(lines) * FONT * LINE + 14
                      for lines in names.values())])
    at = _lifelines(rows, actors, half)
    y = top + (high if actors else 0)
    body = canvas.parts
    canvas.parts = []  # what stands over the lifelines
    for index, row in enumerate([*rows, None]):
        if index in rules:
            y = _draw_rule(canvas, at, y, [rules[index]])
        if row is None:
            break
        label = f'{row.number}. {row.text}'
        if row.sender:
            y = _draw_message(canvas, row, label, at, y)
        else:
            y = _draw_rule(canvas, at, y, _wrap(label, 400))
            y = _draw_changes(canvas, row, min(at.values(), default=PAD)
                              + PAD, y - 6, LABEL)
    y += 16
    over, canvas.parts = canvas.parts, body
    heads = [top] + ([y] if len(rows) > ACTORS_AGAIN else [])
    for name in actors:
        x = at[name]
        canvas.parts.append(
            f'<line class="lifeline" x1="{_n(x)}" y1="{_n(top + high)}"'
            f' x2="{_n(x)}" y2="{_n(y)}"/>')
        for head in heads:
            canvas.box('node', x - half[name], head, x + half[name],
                       head + high)
            first = head + (high - len(names[name]) * FONT * LINE) / 2
            canvas.text('node-label', x, first + FONT, names[name],
                        anchor='middle')
    canvas.parts += over
    canvas.reach(0, y)
    return canvas.svg(title, '; '.join(
        _said(row) for row in rows) or 'no step')


def _said(row):
    changed = ', '.join(map(str, row.changes)) or 'no change'
    return clean(f'{row.number}. {row} ({changed})')


def _lifelines(rows, actors, half):
    """actor -> x of its lifeline, with room for the labels between."""
    place = {name: index for index, name in enumerate(actors)}
    gaps = [half[one] + half[two] + 24
            for one, two in zip(actors, actors[1:], strict=False)]
    for row in rows:
        if not row.sender:
            continue
        one, two = sorted((place[row.sender], place[row.receiver]))
        need = _widest(_wrap(f'{row.number}. {row.text}', LABEL)) + 4 * PAD
        if one == two:
            two, need = one + 1, need + FOLD
        if two < len(actors) and need > sum(gaps[one:two]):
            gaps[two - 1] += need - sum(gaps[one:two])
    at = {name: 2 * PAD + half[name] for name in actors[:1]}
    for name, before, gap in zip(actors[1:], actors, gaps, strict=False):
        at[name] = at[before] + gap
    return at


def _draw_message(canvas, row, label, at, y):
    x1, x2 = at[row.sender], at[row.receiver]
    left = min(x1, x2) + PAD
    room = max(LABEL, abs(x2 - x1) - 2 * PAD)
    lines = _wrap(label, room)
    y += 16 + len(lines) * FONT * LINE
    canvas.text('edge-label over', left,
                y - (len(lines) - 1) * FONT * LINE - 5, lines)
    if x1 == x2:
        out = x1 + FOLD
        canvas.arrow(f'M {_n(x1)} {_n(y)} H {_n(out)} V {_n(y + DROP)}'
                     f' H {_n(x1)}', (x1, y + DROP), (-1, 0),
                     row.step.action.fault)
        canvas.reach(out, y + DROP)
        y += DROP
    else:
        canvas.arrow(f'M {_n(x1)} {_n(y)} H {_n(x2)}', (x2, y),
                     (1 if x2 > x1 else -1, 0), row.step.action.fault)
    return _draw_changes(canvas, row, left, y, room)


def _draw_changes(canvas, row, x, y, room):
    lines = [line for change in row.changes
             for line in _wrap(str(change), room, SMALL)]
    canvas.text('change over', x, y + SMALL + 3, lines, SMALL)
    return y + len(lines) * SMALL * LINE + 2


def _draw_rule(canvas, at, y, lines):
    y1 = y + 14
    y2 = y1 + len(lines) * FONT * LINE + 8
    wide = _widest(lines) + 2 * PAD
    left = min(at.values(), default=2 * PAD + 20) - 20
    right = max([left + wide + 40, *(x + 20 for x in at.values())])
    middle = (left + right) / 2
    canvas.parts.append(f'<path class="rule" d="M {_n(left)}'
                        f' {_n((y1 + y2) / 2)} H {_n(right)}"/>')
    canvas.box('band', middle - wide / 2, y1, middle + wide / 2, y2)
    canvas.text('separator-label', middle, y1 + FONT + 4, lines,
                anchor='middle')
    canvas.reach(right, y2)
    return y2


# The same in a terminal

UNICODE = {'line': '│', 'right': '├', 'left': '┤', 'dash': '─', 'fault': '┄',
           'out': '┐', 'back': '┘', 'rule': '═', 'item': '├', 'last': '└'}
ASCII = {'line': '|', 'right': '|', 'left': '|', 'dash': '-', 'fault': '.',
         'out': '+', 'back': '+', 'rule': '=', 'item': '|', 'last': '`'}


def sequence_text(told, width=80, marks=UNICODE):
    """A run as a sequence diagram in a terminal.

    :param marks: to draw with, UNICODE or ASCII
    :returns: (line, style of the line), no line longer than *width*; where
        there is no room for the actors, the messages alone
    """
    rows = trace.messages(told)
    actors, rules = _actors(rows), _rules(told)
    for names, key in _namings(actors, width):
        at = _columns(rows, actors, names, width)
        if at is not None:
            found = [(line, 'dim') for line in key]
            break
    else:
        return [(line, None) for line in trace.lines(told, width)]
    sheet = _Sheet(width, marks, at)
    high = max(map(len, names.values()), default=0)
    for index in range(high):
        line = ' ' * width
        for name, lines in names.items():
            text = ([''] * (high - len(lines)) + lines)[index]
            start = max(0, at[name] - len(text) // 2)
            line = line[:start] + text + line[start + len(text):]
        found.append((line.rstrip(), 'bold cyan'))
    for index, row in enumerate([*rows, None]):
        found.append(sheet.row())
        if index in rules:
            found += sheet.rule('      ', rules[index])
            if row is not None:
                found.append(sheet.row())
        if row is not None:
            found += sheet.message(row)
    return found if actors else [row for row in found if row[0]]


def _namings(actors, width):
    """How the actors may be called, the best first: actor -> lines, and
    lines that explain them.
    """
    for most in (14, 10, 8):  # broken after a hyphen, where there is one
        yield {name: [line if len(line) <= 14 else f'{line[:11]}...'
                      for line in textwrap.wrap(
                          clean(name), most, break_long_words=False)]
               for name in actors}, []
    letters = {name: (chr(64 + index // 26) if index >= 26 else '')
               + chr(65 + index % 26) for index, name in enumerate(actors)}
    key = [line for name, letter in letters.items() for line in _folded(
        '', f'{letter:<2} {clean(name)}', width, '   ')]
    yield {name: [letter] for name, letter in letters.items()}, [*key, '']


def _columns(rows, actors, names, width):
    """actor -> column of its lifeline, or None if there is no room."""
    wide = {name: max(map(len, lines)) for name, lines in names.items()}
    gaps = [max(4, (wide[one] + wide[two] + 1) // 2 + 1)
            for one, two in zip(actors, actors[1:], strict=False)]
    first = NUMBER + (wide[actors[0]] // 2 if actors else 0)
    last = (wide[actors[-1]] + 1) // 2 if actors else 0
    spare = width - first - sum(gaps) - max(last, 4)
    if spare < 0:
        return None
    place = {name: index for index, name in enumerate(actors)}
    wanted = [0] * len(gaps)
    for row in rows:
        if row.sender:
            one, two = sorted((place[row.sender], place[row.receiver]))
            if one < len(gaps) and two <= one + 1:
                wanted[one] = max(wanted[one], len(row.text) + 3
                                  + 2 * (one == two) - gaps[one])
    share = min(1, spare / max(1, sum(wanted)))
    at = {name: first for name in actors[:1]}
    for name, before, gap, more in zip(actors[1:], actors, gaps, wanted,
                                       strict=False):
        at[name] = at[before] + gap + int(more * share)
    return at


class _Sheet:
    """Rows of characters with the lifelines in them."""

    def __init__(self, width, marks, at):
        self.width, self.marks, self.at = width, marks, at

    def row(self, style=None, *texts):
        """A row with texts (column, text) over the lifelines."""
        line = [' '] * self.width
        for x in self.at.values():
            line[x] = self.marks['line']
        for start, text in texts:
            line[start:start + len(text)] = text
        return ''.join(line[:self.width]).rstrip(), style

    def rule(self, start, text):
        """A text across all lifelines."""
        marks, room = self.marks['rule'], self.width - NUMBER - 8
        lines = textwrap.wrap(text, max(16, room)) or ['']
        right = max([*self.at.values(), NUMBER + len(lines[0]) + 8])
        line = f' {lines[0]} '.center(right - NUMBER + 1, marks)
        rows = [((start + line)[:self.width], 'magenta')]
        return rows + [self.row('magenta', (NUMBER + 4, part))
                       for part in lines[1:]]

    def message(self, row):
        number = f'{row.number:>{NUMBER - 2}}. '
        if not row.sender:
            return [*self.rule(number, clean(row.text)),
                    *(self.row(*said) for said in self._changes(row, NUMBER))]
        x1, x2 = self.at[row.sender], self.at[row.receiver]
        dash = self.marks['fault' if row.step.action.fault else 'dash']
        left = min(x1, x2) + (4 if x1 == x2 else 2)
        labels = self._label(clean(row.text), left)
        changes = self._changes(row, left)
        if x1 == x2:
            arrows = [(x1, f'{self.marks["right"]}{dash}'
                           f'{self.marks["out"]}'),
                      (x1, f'{self.marks["line"]}<{self.marks["back"]}')]
        elif x1 < x2:
            arrows = [(x1, self.marks['right'] + dash * (x2 - x1 - 2) + '>')]
        else:
            arrows = [(x2 + 1, '<' + dash * (x1 - x2 - 2)
                       + self.marks['left'])]
        # A label stands beside an arrow that comes back, if it can.
        rows = []
        while len(arrows) < 2 and labels or labels and labels[0][1][0] < left:
            rows.append(labels.pop(0))
        beside = [*labels, *changes]
        for arrow in arrows:
            if len(arrows) == 2 and beside and beside[0][1][0] >= left:
                style, text = beside.pop(0)
                rows.append((style, arrow, text))
            else:
                rows.append((None, arrow))
        rows += beside
        rows[0] = (rows[0][0], (0, number), *rows[0][1:])
        return [self.row(*said) for said in rows]

    def _label(self, text, start):
        """A message's text: (style, (column, line)) each."""
        room = self.width - start
        if room < min(24, len(text)):
            start = max(NUMBER, self.width - min(
                len(text), max(24, self.width // 2)))
            room = self.width - start
        return [(None, (start, f'{line} ')) for line in textwrap.wrap(
            text, room, break_on_hyphens=False) or ['']]

    def _changes(self, row, start):
        texts = [clean(str(change)) for change in row.changes]
        widest = max(map(len, texts), default=0)
        start = max(NUMBER, min(start, self.width - widest))
        room, lines = self.width - start, []
        for text in texts:
            if lines and len(lines[-1]) + 2 + len(text) <= room:
                lines[-1] += f', {text}'
            else:
                lines += textwrap.wrap(text, room, break_on_hyphens=False)
        return [('dim', (start, f'{line} ')) for line in lines]


# State charts

@dataclass(frozen=True)
class Chart:
    """How a variable changes.

    :ivar start: its first value
    :ivar moves: (before, after) -> names of the actions
    :ivar faults: names of the actions that are faults
    """

    title: str
    start: str
    moves: dict
    faults: frozenset = frozenset()

    @property
    def values(self):
        """The values that are reached, in the order of a walk from the
        start, depth first.
        """
        found, waiting = {}, [self.start]
        for before, after in self.moves:
            waiting[:0] = [after, before]
        while waiting:
            value = waiting.pop()
            if value not in found:
                found[value] = [after for before, after in self.moves
                                if before == value]
                waiting += reversed(found[value])
        return list(found)

    def is_fault(self, move):
        """True if only faults make the move."""
        return set(self.moves[move]) <= self.faults


def chart_text(chart, width=80, marks=UNICODE):
    """A chart as lines: each value, and below it where it leads to.

    :returns: (line, style of the line), none longer than *width*
    """
    found, values = [], chart.values
    for value in values:
        after = [move for move in chart.moves if move[0] == value]
        said = ''.join((' (start)' if value == chart.start else '',
                        '' if after else ' (end)'))
        found += [(line, 'bold cyan') for line in _folded(
            '', clean(value) + said, width)]
        for index, move in enumerate(after, start=1):
            dash = marks['fault' if chart.is_fault(move) else 'dash']
            branch = marks['last' if index == len(after) else 'item']
            names = ', '.join(
                f'{clean(name)} [fault]' if name in chart.faults
                else clean(name) for name in chart.moves[move])
            start = f'  {branch}{dash * 2}> '
            rest = (f'  {marks["line"] if index < len(after) else " "}'
                    '      ')
            found += [(line, None) for line in _folded(
                start, f'{clean(move[1])}: {names}', width, rest)]
    return found


def _folded(start, text, width, rest='    '):
    return textwrap.wrap(text, width, initial_indent=start,
                         subsequent_indent=rest, break_on_hyphens=False)


@dataclass
class _Node:
    """A state, a label, or a bend of a long edge, in its layer.

    :ivar left, right: how far it reaches from its x
    """

    layer: int
    kind: str
    lines: list = field(default_factory=list)
    left: float = 4
    right: float = 4
    height: float = 0
    x: float = 0
    loop: list = field(default_factory=list)
    # The neighbours in the layer above, and in the one below.
    near: tuple = field(default_factory=lambda: ([], []))


class _Layers:
    """A chart laid out.

    :ivar layers: the nodes of each layer, from left to right
    :ivar chains: move -> its nodes, from top to bottom
    :ivar top, bottom: of each layer
    """

    def __init__(self, chart):
        self.chart = chart
        self.states = self._rank()
        self.chains = {}
        self._add_chains()
        depth = 1 + max(node.layer for node in self.states.values())
        self.layers = [[] for _ in range(depth)]
        for node in [*self.states.values(), *(
                node for chain in self.chains.values()
                for node in chain[1:-1])]:
            self.layers[node.layer].append(node)
        self._order()
        self._place()
        self._stack()

    def _rank(self):
        """value -> its node, in the layer that the longest way from the
        start gives, ways back left out.
        """
        chart, rank, self.backs = self.chart, {}, set()
        values = chart.values
        after = {value: [] for value in values}
        for before, to in chart.moves:
            if before != to:
                after[before].append(to)
        open_, done = [], []

        def visit(value):
            open_.append(value)
            for to in after[value]:
                if to in open_:
                    self.backs.add((value, to))
                elif to not in done:
                    visit(to)
            done.append(open_.pop())
        for value in values:
            if value not in done:
                visit(value)
        for value in reversed(done):
            rank.setdefault(value, 0)
            for to in after[value]:
                if (value, to) not in self.backs:
                    rank[to] = max(rank.get(to, 0), rank[value] + 1)
        return {value: self._state(value, 2 * rank[value])
                for value in values}

    def _state(self, value, layer):
        chart = self.chart
        lines = _wrap(value, 180)
        # Room for as many edges as begin or end at one side.
        ports = sum(value in move for move in chart.moves)
        half = max(36, _widest(lines) / 2 + 12, 6 * ports)
        node = _Node(layer, 'state', lines, half, half,
                     max(30, len(lines) * FONT * LINE + 14))
        if (value, value) in chart.moves:
            node.loop = _names(chart, (value, value))
            node.right += FOLD + PAD + _wide(node.loop)
            node.height = max(node.height, len(node.loop) * FONT * LINE)
        return node

    def _add_chains(self):
        for move in self.chart.moves:
            if move[0] == move[1]:
                continue
            ends = [self.states[value] for value in move]
            back = move in self.backs
            upper, lower = reversed(ends) if back else ends
            chain = [upper]
            for layer in range(upper.layer + 1, lower.layer):
                if layer == (lower.layer - 1 if back else upper.layer + 1):
                    lines = _names(self.chart, move)
                    chain.append(_Node(layer, 'label', lines, 6,
                                       _wide(lines) + 10,
                                       len(lines) * FONT * LINE))
                else:
                    chain.append(_Node(layer, 'bend'))
            chain.append(lower)
            for one, two in zip(chain, chain[1:], strict=False):
                one.near[1].append(two)
                two.near[0].append(one)
            self.chains[move] = chain

    def _order(self):
        """Order each layer so that few edges cross: barycentres, and then
        exchanges of neighbours, as long as that helps.
        """
        best, kept = self._crossings(), [list(row) for row in self.layers]
        for turn in range(24):
            down = turn % 2 == 0
            for row in self.layers if down else reversed(self.layers):
                self._number()
                row.sort(key=lambda node: _mean(
                    [other.x for other in node.near[not down]], node.x))
            self._exchange()
            found = self._crossings()
            if found < best:
                best, kept = found, [list(row) for row in self.layers]
        self.layers = kept

    def _number(self):
        for row in self.layers:
            for index, node in enumerate(row):
                node.x = index

    def _exchange(self):
        self._number()
        for row in self.layers:
            for index in range(len(row) - 1):
                one, two = row[index:index + 2]
                if (sum(_crossed(one.near[side], two.near[side])
                        - _crossed(two.near[side], one.near[side])
                        for side in (0, 1)) > 0):
                    row[index:index + 2] = two, one
                    one.x, two.x = two.x, one.x

    def _crossings(self):
        self._number()
        return sum(_crossed(one.near[1], two.near[1])
                   for row in self.layers for index, one in enumerate(row)
                   for two in row[index + 1:])

    def _place(self):
        """Give each node its x: near its neighbours, above all where that
        makes a long edge straight, and clear of those beside it.
        """
        for row in self.layers:
            x = 0
            for node in row:
                x += node.left
                node.x = x
                x += node.right + 2 * PAD
        for turn in range(60):
            sides = ((0,), (1,))[turn % 2] if turn < 48 else (0, 1)
            for row in self.layers if turn % 2 == 0 else reversed(
                    self.layers):
                wishes = [_wish(node, sides) for node in row]
                for node, x in zip(row, spread(
                        [wish for wish, _ in wishes],
                        [weight for _, weight in wishes],
                        [_apart(one, two) for one, two
                         in zip(row, row[1:], strict=False)]), strict=True):
                    node.x = x
        for _ in range(8):
            self._straighten()
        least = min(node.x - node.left for row in self.layers
                    for node in row)
        for row in self.layers:
            for node in row:
                node.x += 2 * PAD - least

    def _straighten(self):
        """Make what is between the ends of an edge one line, or as few as
        its neighbours allow.
        """
        place = {id(node): (row, index) for row in self.layers
                 for index, node in enumerate(row)}

        def room(node):
            row, index = place[id(node)]
            low = high = None
            if index:
                low = row[index - 1].x + _apart(row[index - 1], node)
            if index + 1 < len(row):
                high = row[index + 1].x - _apart(node, row[index + 1])
            return (-BOUND if low is None else low,
                    BOUND if high is None else high)
        for chain in self.chains.values():
            run, low, high = [], -BOUND, BOUND
            for node in [*chain[1:-1], None]:
                if node is not None:
                    a, b = room(node)
                    if max(low, a) <= min(high, b):
                        run.append(node)
                        low, high = max(low, a), min(high, b)
                        continue
                x = min(max(sum(one.x for one in run) / max(1, len(run)),
                            low), high)
                for one in run:
                    one.x = x
                if node is not None:
                    run, (low, high) = [node], room(node)

    def _stack(self):
        self.top, self.bottom, y = [], [], 0
        for row in self.layers:
            height = max((node.height for node in row), default=0)
            self.top.append(y)
            self.bottom.append(y + height)
            far = max((abs(node.x - other.x) for node in row
                       for other in node.near[1]), default=0)
            y += height + min(64, 14 + far / 8)

    def middle(self, node):
        return (self.top[node.layer] + self.bottom[node.layer]) / 2

    def ports(self):
        """(move, node) -> where on the box the edge begins or ends."""
        found = {}
        for node in self.states.values():
            for side in (0, 1):
                edges = sorted(
                    (chain[1 if side else -2].x, index, move)
                    for index, (move, chain)
                    in enumerate(self.chains.items())
                    if chain[0 if side else -1] is node)
                space = 12
                wide = (node.left if node.loop else node.right) - PAD
                for place, ((_, _, move), x) in enumerate(zip(
                        edges, spread([x for x, _, _ in edges],
                                      [1] * len(edges),
                                      [space] * (len(edges) - 1)),
                        strict=True)):
                    low = node.x - wide + place * space
                    high = node.x + wide - (len(edges) - 1 - place) * space
                    found[move, id(node)] = min(max(x, low), high)
        return found


def _names(chart, move):
    """A move's actions as (line, whether of faults): one in a line, or more
    where they are many.
    """
    found = []
    for fault in (False, True):
        names = [clean(name) for name in chart.moves[move]
                 if (name in chart.faults) == fault]
        if len(names) > 3:
            names = [', '.join(names)]
        found += [(line, fault) for name in names
                  for line in _wrap(name, 150)]
    return found


def _wide(label):
    return _widest([line for line, _ in label])


def _draw_label(canvas, x, middle, label):
    top = middle - len(label) * FONT * LINE / 2
    for index, (line, fault) in enumerate(label):
        canvas.text('edge-label fault' if fault else 'edge-label', x,
                    top + FONT + index * FONT * LINE, [line])


def _mean(numbers, otherwise):
    return sum(numbers) / len(numbers) if numbers else otherwise


def _crossed(left, right):
    """How many edges cross, of two nodes beside each other."""
    return sum(one.x > two.x for one in left for two in right)


def _apart(one, two):
    """How far two nodes beside each other are apart at least."""
    bends = one.kind == two.kind == 'bend'
    return one.right + two.left + (6 if bends else 2 * PAD)


def _wish(node, sides):
    """Where a node would be, and how much it wants to."""
    pull = [(other.x, {0: 1, 1: 3, 2: 8}[
        (node.kind != 'state') + (other.kind != 'state')])
        for side in sides for other in node.near[side]]
    if not pull:
        return node.x, 0.1
    weight = sum(part for _, part in pull)
    return sum(x * part for x, part in pull) / weight, weight


def spread(wishes, weights, gaps):
    """Numbers as near to *wishes* as can be, in their order, with at least
    *gaps* between them: the least sum of weighted squares.
    """
    offsets, blocks = [0.0], []
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    for wish, weight, offset in zip(wishes, weights, offsets, strict=False):
        blocks.append([wish - offset, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            x, weight, count = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + x * weight) / (
                before[1] + weight)
            before[1] += weight
            before[2] += count
    level = [x for x, _, count in blocks for _ in range(count)]
    return [x + offset for x, offset in zip(level, offsets, strict=False)]


def chart_svg(chart):
    """A :class:`Chart` in SVG."""
    canvas, laid = _Canvas(), _Layers(chart)
    shift = _heading(canvas, clean(chart.title)) + 32
    laid.top = [y + shift for y in laid.top]
    laid.bottom = [y + shift for y in laid.bottom]
    ports = laid.ports()
    for move, chain in laid.chains.items():
        _draw_edge(canvas, laid, ports, move, chain)
    for value, node in laid.states.items():
        _draw_state(canvas, laid, value, node)
    if any(chart.faults.intersection(names)
           for names in chart.moves.values()):
        canvas.text('key', 2 * PAD, canvas.bottom + 24,
                    ['slanted: a fault; dashed: by faults alone'], SMALL)
    return canvas.svg(clean(chart.title), '; '.join(
        [clean(f'begins as {chart.start}'),
         *(clean(f'{before} to {after} by {", ".join(names)}')
           for (before, after), names in chart.moves.items())]))


def _draw_edge(canvas, laid, ports, move, chain):
    fault = laid.chart.is_fault(move)
    x = ports[move, id(chain[0])]
    y = laid.middle(chain[0]) + chain[0].height / 2
    start, path = (x, y), []
    for node in chain[1:]:
        last = node is chain[-1]
        to = ports[move, id(node)] if last else node.x
        above = laid.bottom[node.layer - 1]
        below = laid.top[node.layer]
        path.append((x, above, to, below))
        canvas.reach(to, below)
        x, y = to, (laid.middle(node) - node.height / 2 if last
                    else laid.bottom[node.layer])
        if node.kind == 'label':
            _draw_label(canvas, node.x + 6, laid.middle(node), node.lines)
    end = (x, y)
    # Drawn from the top down; a move back has its head at the top.
    back = move in laid.backs
    text = [f'M {_n(start[0])} {_n(start[1])}']
    for x1, y1, x2, y2 in path:
        middle = _n((y1 + y2) / 2)
        text.append(f'V {_n(y1)} C {_n(x1)} {middle} {_n(x2)} {middle}'
                    f' {_n(x2)} {_n(y2)}')
    text.append(f'V {_n(end[1])}')
    canvas.arrow(' '.join(text), start if back else end,
                 (0, -1 if back else 1), fault)


def _draw_state(canvas, laid, value, node):
    chart, y = laid.chart, laid.middle(node)
    high, wide = node.height / 2, node.left
    canvas.box('node', node.x - wide, y - high, node.x + wide, y + high, 6)
    if not any(before == value != after for before, after in chart.moves):
        canvas.box('ring', node.x - wide + 3, y - high + 3,
                   node.x + wide - 3, y + high - 3, 4)
    canvas.text('node-label', node.x,
                y - len(node.lines) * FONT * LINE / 2 + FONT, node.lines,
                anchor='middle')
    if value == chart.start:
        top = y - high
        canvas.parts.append(f'<circle class="first" cx="{_n(node.x)}"'
                            f' cy="{_n(top - 22)}" r="5"/>')
        canvas.arrow(f'M {_n(node.x)} {_n(top - 20)} V {_n(top)}',
                     (node.x, top), (0, 1))
    if node.loop:
        x, fault = node.x + wide, chart.is_fault((value, value))
        half = high - 7
        canvas.arrow(f'M {_n(x)} {_n(y - half)} H {_n(x + FOLD)}'
                     f' V {_n(y + half)} H {_n(x)}', (x, y + half), (-1, 0),
                     fault)
        _draw_label(canvas, x + FOLD + 5, y, node.loop)


__all__ = ['ASCII', 'UNICODE', 'Chart', 'chart_svg', 'chart_text', 'clean',
           'sequence_svg', 'sequence_text', 'spread', 'text_width']
