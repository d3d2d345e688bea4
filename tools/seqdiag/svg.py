"""From a :class:`~tools.seqdiag.language.Diagram` to SVG text.

Two steps: :class:`_Layout` decides where everything stands, and
:func:`draw` writes it down.  All lengths are pixels.  No font is opened and
no clock or random number is read, so one source gives one SVG, byte for
byte, on every machine.

Colours: what the author leaves open is painted with presentation
attributes, which the site's style sheet overrides in dark mode; each
element's class says what it is.  What the author chose stays, and carries a
second colour ``--d`` that is legible on a dark page.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape

from tools.seqdiag.language import Message

FONT_SIZE = 12
LINE_HEIGHT = 1.3  # of the font size
BAR = 8  # width of an activation bar
HEAD = 8  # length of an arrowhead
FOLD = 26  # how far a message to oneself goes out
SELF_DROP = 22  # how far it comes back lower
DIAGONAL_DROP = 30
PAD = 8
# Text that crosses lines is drawn over a margin of the paper's colour.
HALO = ' stroke="#fff" stroke-width="4" paint-order="stroke"'
GAP = 16  # between two rows, unless span_height says otherwise
NOTE_WIDTH = 210  # where the text of a note wraps
LABEL_WIDTH = 210  # where the text of a message wraps, if it may
NODE_TEXT = 140  # where the name of a participant wraps
FRAGMENT_TOP = 26
FRAGMENT_BOTTOM = 12
FRAGMENT_INSET = 10  # between a frame and one nested in it


# --- text ------------------------------------------------------------------

# Widths in em, a little over those of the usual sans-serif fonts, so that a
# reader's own font still fits the boxes.
_NARROW = dict.fromkeys("iIjl.,:;'|!", 0.34) | dict.fromkeys(
    'frt()[]{}/\\- `"', 0.42)
_WIDE = dict.fromkeys('mwMW@%&', 0.98)


@lru_cache(maxsize=4096)
def _char_width(char):
    if char in _NARROW:
        return _NARROW[char]
    if char in _WIDE:
        return _WIDE[char]
    if unicodedata.combining(char):
        return 0
    if unicodedata.east_asian_width(char) in 'WF':
        return 1.05
    return 0.74 if char.isupper() else 0.62


def text_width(text, size):
    """The width to reserve for one line of text, in pixels."""
    return sum(map(_char_width, text)) * size


def split_lines(text):
    """The lines of a label: ``\\n`` written out or typed breaks a line."""
    text = text.strip().replace('\\\\', '\0').replace('\\n', '\n')
    return [line.strip().replace('\0', '\\') for line in text.split('\n')]


def wrap(text, size, width):
    """Break a label into lines of at most *width* pixels, between words
    where that is possible, between characters where it is not.
    """
    lines = []
    for line in split_lines(text):
        current = ''
        for word in _words(line):
            candidate = (current + word).rstrip()
            if text_width(candidate, size) <= width or not current:
                current += word
            else:
                lines.append(current.rstrip())
                current = word.lstrip()
            while (len(current.rstrip()) > 1
                   and text_width(current.rstrip(), size) > width):
                keep = max(1, _fitting(current, size, width))
                lines.append(current[:keep])
                current = current[keep:]
        lines.append(current.rstrip())
    return lines


def _words(line):
    """Pieces that a line may be broken between: words with the space after
    them, and single characters of scripts that are written without spaces.
    """
    return re.findall(
        r'[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]'
        r'|[^\s\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]+\s*|\s+', line)


def _fitting(text, size, width):
    used = 0.0
    for index, char in enumerate(text):
        used += _char_width(char) * size
        if used > width:
            return index
    return len(text)


@dataclass
class _Text:
    """Lines of text that have been measured."""

    lines: list
    size: int
    width: float = field(init=False)
    height: float = field(init=False)

    def __post_init__(self):
        self.width = max((text_width(line, self.size)
                          for line in self.lines), default=0)
        self.height = len(self.lines) * self.size * LINE_HEIGHT


# --- layout ----------------------------------------------------------------

class _Layout:
    """Where everything stands."""

    def __init__(self, diagram):
        self.diagram = diagram
        self.font = diagram.default_fontsize or FONT_SIZE
        self.column = {node: index for index, node
                       in enumerate(diagram.participants)}
        self.row_index = {row: index
                          for index, row in enumerate(diagram.rows)}
        self.left, self.right = [0.0], [0.0]
        self.place_participants()
        self.place_rows()
        self.place_bars()
        self.place_fragments()
        self.place_groups()

    def reach(self, x1, x2):
        """Note that something is drawn from *x1* to *x2*."""
        self.left.append(x1)
        self.right.append(x2)

    # across

    def place_participants(self):
        diagram = self.diagram
        self.node_text, self.node_size = {}, {}
        for node in diagram.participants:
            given = node.width or diagram.node_width
            text = _Text(wrap(node.label, node.fontsize or self.font,
                              (given or NODE_TEXT + 20) - 2 * PAD),
                         node.fontsize or self.font)
            width = given or max(84, text.width + 2 * PAD + 4)
            height = (node.height or diagram.node_height
                      or max(36, text.height + 14))
            if node.shape in ('circle', 'square'):
                width = height = max(text.width + 20, text.height + 14, 44)
            elif node.shape in ('diamond', 'flowchart.condition', 'ellipse',
                                'cloud'):
                # The text of a round shape needs room at the corners.
                width = given or width * 1.25
                height = max(height, text.height * 1.6)
            self.node_text[node] = text
            self.node_size[node] = (width, height)
        self.head = max(size[1] for size in self.node_size.values())
        gaps = self.find_gaps()
        x = self.node_size[diagram.participants[0]][0] / 2
        self.x = {}
        for index, node in enumerate(diagram.participants):
            self.x[node] = x
            width = self.node_size[node][0]
            self.reach(x - width / 2, x + width / 2)
            if index < len(gaps):
                x += gaps[index]

    def find_gaps(self):
        """The distance between each two neighbouring lifelines."""
        diagram, nodes = self.diagram, self.diagram.participants
        gaps = []
        for one, two in zip(nodes, nodes[1:], strict=False):
            boxes = (self.node_size[one][0] + self.node_size[two][0]) / 2
            if diagram.edge_length:
                gaps.append(max(diagram.edge_length, boxes + PAD))
            else:
                gaps.append(boxes + (diagram.span_width or 24))
        if not gaps or diagram.edge_length or diagram.span_width:
            return gaps
        # The widest column an author did not size: room for the labels.
        for row in diagram.messages:
            size = row.fontsize or self.font
            one, two = sorted((self.column[row.node1],
                               self.column[row.node2]))
            if not row.label:
                continue
            need = _Text(wrap(row.label, size, LABEL_WIDTH), size).width
            need += 4 * PAD
            if one == two:
                if one < len(gaps):
                    gaps[one] = max(gaps[one], need + 2 * PAD)
                continue
            if two - one > 1:
                # A long arrow has room: only its longest word must fit.
                words = re.split(r'\s+', ' '.join(split_lines(row.label)))
                need = 4 * PAD + min(
                    need, max(text_width(word, size) for word in words))
            missing = need - sum(gaps[one:two])
            if missing > 0:
                gaps[two - 1] += missing
        return gaps

    # down

    def place_rows(self):
        diagram = self.diagram
        opening, closing = {}, {}
        for fragment in diagram.fragments:
            rows = [self.row_index[m] for m in fragment.messages]
            opening.setdefault(min(rows), []).append(fragment)
            closing.setdefault(max(rows), []).append(fragment)
        labelled = any(group.label for group in diagram.groups)
        self.top = (self.font * LINE_HEIGHT + 10) if labelled else 0
        y = self.top + self.head
        gap = diagram.span_height or GAP
        self.y, self.row_text, self.fragment_y = [], {}, {}
        self.band = {}
        for index, row in enumerate(diagram.rows):
            y += gap
            for fragment in sorted(opening.get(index, ()),
                                   key=lambda f: f.depth):
                self.fragment_y[fragment] = [y, None]
                y += FRAGMENT_TOP
            if isinstance(row, Message):
                above, below = self.measure_message(row, index)
                self.y.append(y + above)
                y += above + below
            else:
                text = _Text(wrap(row.label, self.font, self.span_all() - 24),
                             self.font)
                self.row_text[index] = text
                height = text.height + (12 if row.kind == 'divider' else 24)
                self.y.append(y)
                self.band[index] = (y, y + height)
                y += height
            for fragment in sorted(closing.get(index, ()),
                                   key=lambda f: -f.depth):
                y += FRAGMENT_BOTTOM
                self.fragment_y[fragment][1] = y
        self.bottom = y + gap

    def span_all(self):
        """The width that a separator's text may take."""
        xs = self.x.values()
        return max(160, max(xs) - min(xs) + 80)

    def measure_message(self, row, index):
        """The room that a message needs above and below its arrow."""
        size = row.fontsize or self.font
        one, two = self.ends(row)
        if row.node1 is row.node2:
            last = self.column[row.node1] + 1 == len(self.x)
            room = LABEL_WIDTH if last else max(
                60, self.neighbour(row.node1) - self.x[row.node1] - 3 * PAD)
        else:
            room = self.x[two] - self.x[one] - 3 * PAD
        label = _Text(wrap(row.label, size, room), size)
        notes = {}
        for side in ('leftnote', 'rightnote'):
            if getattr(row, side):
                notes[side] = _Text(
                    wrap(getattr(row, side), size, NOTE_WIDTH), size)
        self.row_text[index] = {'label': label, **notes}
        half = max((note.height + 8 for note in notes.values()),
                   default=0) / 2
        drop = (SELF_DROP if row.node1 is row.node2
                else DIAGONAL_DROP if row.diagonal else 0)
        above = max(label.height + 5 if row.label else 4, half)
        return above, max(drop + 4, half)

    def neighbour(self, node):
        """The x of the next lifeline to the right."""
        nodes = self.diagram.participants
        return self.x[nodes[self.column[node] + 1]]

    def ends(self, row):
        """The participants at the left and at the right end."""
        if self.column[row.node1] <= self.column[row.node2]:
            return row.node1, row.node2
        return row.node2, row.node1

    def place_bars(self):
        """Activation bars as (x, y1, y2), and the half width of the bars
        that stand on a lifeline at a row.
        """
        self.bars = []
        self.levels = {}
        rows = self.diagram.rows
        for node in self.diagram.participants:
            for level, start, end in node.activations:
                row = rows[start]
                y1 = self.y[start]
                if (isinstance(row, Message) and row.diagonal
                        and row.target is node and not row.failed):
                    y1 += DIAGONAL_DROP
                y2 = self.bottom if end is None else self.y[end]
                x = self.x[node] + (level - 1) * BAR / 2
                self.bars.append((x, y1, y2))
                self.reach(x, x + BAR)
                last = len(rows) - 1 if end is None else end
                for index in range(start, last + 1):
                    key = (node, index)
                    self.levels[key] = max(self.levels.get(key, -1), level)

    def shaft(self, row, index):
        """The points of an arrow, from its tail to its tip."""
        y = self.y[index]
        one, two = self.ends(row)
        x1 = self.x[one]
        level = self.levels.get((one, index), -1)
        if level >= 0:
            x1 += (level + 1) * BAR / 2
        if one is two:
            out = x1 + FOLD
            points = [(x1, y), (out, y), (out, y + SELF_DROP),
                      (x1, y + SELF_DROP)]
            return points
        x2 = self.x[two]
        if self.levels.get((two, index), -1) >= 0:
            x2 -= BAR / 2
        points = [(x1, y), (x2, y)]
        if row.source is two:
            points.reverse()
        if row.diagonal:
            points[1] = (points[1][0], y + DIAGONAL_DROP)
        if row.failed:
            (tx, ty), (hx, hy) = points
            share = max(0.4, 1 - 32 / max(abs(hx - tx), 1))
            points[1] = (tx + (hx - tx) * share, ty + (hy - ty) * share)
        return points

    def place_fragments(self):
        self.frames = {}
        for fragment in reversed(self.diagram.fragments):
            x1s, x2s = [], []
            size = fragment.fontsize or self.font
            for row in fragment.messages:
                one, two = self.ends(row)
                index = self.row_index[row]
                reached = [x for x, _ in self.shaft(row, index)]
                x1s.append(self.x[one] - max(
                    28, _tab_width(fragment, size) + PAD))
                x2s.append(max(self.x[two], *reached) + 28)
                x1, x2 = self.label_span(row, index)
                x1s.append(x1 - PAD)
                x2s.append(x2 + PAD)
                for box in self.notes(row, index).values():
                    x1s.append(box[0] - PAD)
                    x2s.append(box[2] + 2 * PAD)
            for child, frame in self.frames.items():
                if child.parent is fragment:
                    x1s.append(frame[0] - FRAGMENT_INSET)
                    x2s.append(frame[2] + FRAGMENT_INSET)
            x1 = min(x1s)
            header = x1 + _tab_width(fragment, size) + 26
            if fragment.guard:
                header = _guard_x(self, fragment, header) + text_width(
                    fragment.guard, size) + 12
            x2 = max(*x2s, header)
            y1, y2 = self.fragment_y[fragment]
            self.frames[fragment] = (x1, y1, x2, y2)
            self.reach(x1, x2)

    def label_span(self, row, index):
        """From where to where the label of a message reaches."""
        text = self.row_text[index]['label']
        points = self.shaft(row, index)
        if row.node1 is row.node2 or row.source is self.ends(row)[0]:
            x1 = min(x for x, _ in points) + PAD
            return x1, x1 + text.width
        x2 = max(x for x, _ in points) - PAD
        return x2 - text.width, x2

    def notes(self, row, index):
        """The boxes (x1, y1, x2, y2) of the notes beside a message."""
        boxes = {}
        one, two = self.ends(row)
        y = self.y[index]
        for side in ('leftnote', 'rightnote'):
            if side not in self.row_text[index]:
                continue
            text = self.row_text[index][side]
            width, height = text.width + 20, text.height + 8
            if side == 'leftnote':
                x1 = self.x[one] - 2 * PAD - width
            elif one is two:
                points = self.shaft(row, index)
                x1 = max(self.label_span(row, index)[1],
                         points[1][0]) + 2 * PAD
            else:
                x1 = self.x[two] + 2 * PAD
            boxes[side] = (x1, y - height / 2, x1 + width, y + height / 2)
        return boxes

    def place_groups(self):
        self.group_boxes = []
        for group in self.diagram.groups:
            sides = [(self.x[node], self.node_size[node][0] / 2)
                     for node in group.members]
            x1 = min(x - half for x, half in sides) - 10
            x2 = max(x + half for x, half in sides) + 10
            if group.label:
                missing = 2 * PAD + text_width(
                    group.label, group.fontsize or self.font) - (x2 - x1)
                x1, x2 = x1 - max(missing, 0) / 2, x2 + max(missing, 0) / 2
            self.group_boxes.append((x1, -8, x2, self.bottom + 6))
            self.reach(x1, x2)


def _tab_width(fragment, size):
    """The width of the corner that names a fragment's kind."""
    return text_width(fragment.kind, size) + 14


def _guard_x(layout, fragment, tab_end):
    """Where a guard's text begins: clear of the first lifeline."""
    first = min(layout.x[layout.ends(row)[0]] for row in fragment.messages)
    return max(tab_end, first + 2) + PAD


# --- drawing ---------------------------------------------------------------

def _n(value):
    """A coordinate with at most one decimal, without a trailing zero."""
    rounded = round(value + 0.0, 1)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)


def _luminance(color):
    """Relative luminance of ``#rrggbb`` (WCAG 2.1), from 0 to 1."""
    parts = []
    for start in (1, 3, 5):
        part = int(color[start:start + 2], 16) / 255
        parts.append(part / 12.92 if part <= 0.04045
                     else ((part + 0.055) / 1.055) ** 2.4)
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _on_dark(color):
    """The colour, made lighter until it is legible on a dark page."""
    red, green, blue = (int(color[i:i + 2], 16) for i in (1, 3, 5))
    while _luminance(f'#{red:02x}{green:02x}{blue:02x}') < 0.28:
        red, green, blue = (min(255, part + (255 - part) // 8 + 1)
                            for part in (red, green, blue))
    return f'#{red:02x}{green:02x}{blue:02x}'


def _line_paint(color):
    """Attributes for a stroke in the author's colour."""
    if color is None:
        return ''
    if color == 'none':
        return ' stroke="none"'
    return f' stroke="{color}" style="--d:{_on_dark(color)}"'


def _text_paint(color, behind=None):
    """Attributes for text in the author's colour, or in one that is legible
    on the author's background.
    """
    if behind and behind != 'none':
        if color is None or color == 'none':
            color = '#000' if _luminance(behind) > 0.18 else '#fff'
        return f' style="fill:{color}"'
    if color is None or color == 'none':
        return ''
    return f' fill="{color}" style="--d:{_on_dark(color)}"'


def _fill_paint(color):
    """Attributes for an area in the author's colour."""
    return '' if color is None else f' style="fill:{color}"'


def _dash(style, fallback=''):
    if style in (None, 'solid'):
        return fallback
    dash = {'dashed': '4', 'dotted': '2', 'none': '0 9999'}.get(
        style, style.replace(',', ' '))
    return f' stroke-dasharray="{dash}"'


def _text(kind, text, x, y, anchor='middle', font=FONT_SIZE, extra=''):
    """The lines of *text*, the first with its baseline at *y*."""
    out = []
    size = '' if text.size == font else f' font-size="{text.size}"'
    for index, line in enumerate(text.lines):
        if line:
            base = y + index * text.size * LINE_HEIGHT
            out.append(
                f'<text class="{kind}" x="{_n(x)}" y="{_n(base)}"'
                f' text-anchor="{anchor}"{size}{extra}>'
                f'{escape(line, quote=False)}</text>')
    return ''.join(out)


def _first_baseline(top, height, text):
    """The first line's baseline when *text* is centred in a box."""
    return top + (height - text.height) / 2 + text.size


def draw(diagram, alt=''):
    """Draw a diagram.

    :param diagram: a :class:`~tools.seqdiag.language.Diagram`
    :param alt: the accessible name of the picture
    :returns: an ``<svg>`` element as text, without an XML declaration
    """
    layout = _Layout(diagram)
    top = -10 if diagram.groups else 0
    x1, x2 = min(layout.left) - PAD, max(layout.right) + PAD
    parts = [
        _draw_groups(layout), _draw_fragments(layout),
        _draw_lifelines(layout), _draw_participants(layout),
        _draw_messages(layout), _draw_separators(layout),
        _draw_fragment_tabs(layout),
    ]
    # Notes and labels may reach past the participants: take them in.
    x1 = min(x1, min(layout.left) - PAD)
    x2 = max(x2, max(layout.right) + PAD)
    y1, y2 = top - PAD, layout.bottom + 12
    width, height = x2 - x1, y2 - y1
    name = f' aria-label="{escape(alt)}"' if alt else ''
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="seqdiag" role="img"'
        f'{name} viewBox="{_n(x1)} {_n(y1)} {_n(width)} {_n(height)}"'
        f' width="{_n(width)}" height="{_n(height)}"'
        f' font-family="sans-serif" font-size="{layout.font}"'
        f' fill="#111" stroke="none">{"".join(parts)}</svg>')


def _draw_groups(layout):
    out = []
    for group, box in zip(layout.diagram.groups, layout.group_boxes,
                          strict=True):
        x1, y1, x2, y2 = box
        if group.shape == 'line':
            line = _line_paint(group.color) or ' stroke="#889"'
            paint = (f' fill="none" stroke-width="{group.thick}"{line}'
                     f'{_dash(group.style)}')
            kind, behind = 'group line', None
        else:
            paint = f' fill="#eef1f5"{_fill_paint(group.color)}'
            kind, behind = 'group', group.color
        shape = (f'<rect class="{kind}" x="{_n(x1)}" y="{_n(y1)}"'
                 f' width="{_n(x2 - x1)}" height="{_n(y2 - y1)}" rx="4"'
                 f'{paint}/>')
        if group.label:
            text = _Text([' '.join(split_lines(group.label))],
                         group.fontsize or layout.font)
            shape += _text('group-label', text, (x1 + x2) / 2,
                           y1 + text.size + 5, font=layout.font,
                           extra=_text_paint(group.textcolor, behind))
        out.append(_link(group.href, shape))
    return ''.join(out)


def _draw_fragments(layout):
    out = []
    for fragment in layout.diagram.fragments:
        x1, y1, x2, y2 = layout.frames[fragment]
        line = _line_paint(fragment.linecolor) or ' stroke="#667"'
        fill = (f' fill="{fragment.color}" fill-opacity="0.12"'
                if fragment.color else ' fill="none"')
        out.append(
            f'<rect class="fragment" x="{_n(x1)}" y="{_n(y1)}"'
            f' width="{_n(x2 - x1)}" height="{_n(y2 - y1)}"'
            f'{fill}{line}{_dash(fragment.style)}/>')
    return ''.join(out)


def _draw_fragment_tabs(layout):
    """The corners with the kind and the guard, over the lifelines."""
    out = []
    for fragment in layout.diagram.fragments:
        x1, y1 = layout.frames[fragment][:2]
        size = fragment.fontsize or layout.font
        tab = _tab_width(fragment, size)
        line = _line_paint(fragment.linecolor) or ' stroke="#667"'
        out.append(
            f'<path class="fragment-tab" d="M {_n(x1)} {_n(y1)}'
            f' L {_n(x1 + tab)} {_n(y1)} L {_n(x1 + tab)} {_n(y1 + 11)}'
            f' L {_n(x1 + tab - 7)} {_n(y1 + 18)} L {_n(x1)} {_n(y1 + 18)}'
            f' Z" fill="#fff"{line}/>')
        paint = _text_paint(fragment.textcolor)
        out.append(_text('fragment-label', _Text([fragment.kind], size),
                         x1 + 5, y1 + 13.5, 'start', layout.font, paint))
        if fragment.guard:
            guard = _Text([' '.join(split_lines(fragment.guard))], size)
            out.append(_text('fragment-guard', guard,
                             _guard_x(layout, fragment, x1 + tab),
                             y1 + 13.5, 'start', layout.font,
                             paint + HALO))
    return ''.join(out)


def _draw_lifelines(layout):
    diagram = layout.diagram
    paint = _line_paint(diagram.default_linecolor) or ' stroke="#889"'
    out = []
    delays = [layout.band[index] for index, row in enumerate(diagram.rows)
              if index in layout.band and row.kind == 'delay']
    for node in diagram.participants:
        x = _n(layout.x[node])
        y = layout.top + (layout.head + layout.node_size[node][1]) / 2
        for y1, y2 in [*delays, (layout.bottom, None)]:
            out.append(f'<line class="lifeline" x1="{x}" y1="{_n(y)}"'
                       f' x2="{x}" y2="{_n(y1)}" stroke-dasharray="6 4"'
                       f'{paint}/>')
            if y2 is not None:
                out.append(f'<line class="lifeline" x1="{x}" y1="{_n(y1)}"'
                           f' x2="{x}" y2="{_n(y2)}"'
                           f' stroke-dasharray="2 4"{paint}/>')
                y = y2
    for x, y1, y2 in layout.bars:
        out.append(f'<rect class="activation" x="{_n(x)}" y="{_n(y1)}"'
                   f' width="{BAR}" height="{_n(y2 - y1)}" fill="#fdf0d0"'
                   f' stroke="#667"/>')
    return ''.join(out)


def _draw_participants(layout):
    out = []
    for node in layout.diagram.participants:
        width, height = layout.node_size[node]
        x, y = layout.x[node], layout.top + layout.head / 2
        text = layout.node_text[node]
        line = _line_paint(node.linecolor) or ' stroke="#334"'
        # The author's fill and line share one style attribute.
        paint = f' fill="#fff"{line}{_dash(node.style)}'
        if node.color:
            if 'style="' in paint:
                paint = paint.replace('style="', f'style="fill:{node.color};')
            else:
                paint += _fill_paint(node.color)
        shape = ''
        if node.stacked:
            shape += _outline('box', x + 6, y - 6, width, height, paint)
        shape += _outline(node.shape, x, y, width, height, paint)
        if node.shape != 'none':
            shape += _text('node-label', text, x,
                           _first_baseline(y - height / 2, height, text),
                           font=layout.font,
                           extra=_text_paint(node.textcolor, node.color))
        if node.numbered:
            number = _Text([node.numbered], 10)
            shape += (f'<circle class="badge" cx="{_n(x - width / 2)}"'
                      f' cy="{_n(y - height / 2 + 4)}" r="9" fill="#fdf0d0"'
                      ' stroke="#334"/>')
            shape += _text('badge-label', number, x - width / 2,
                           y - height / 2 + 7.5, font=layout.font)
            layout.reach(x - width / 2 - 10, x)
        out.append(_link(node.href, shape))
    return ''.join(out)


def _outline(shape, x, y, width, height, paint):
    """The outline of a participant, centred on (x, y)."""
    a, b = width / 2, height / 2
    x1, y1, x2, y2 = x - a, y - b, x + a, y + b

    def path(text):
        numbers = re.sub(r'-?\d+(\.\d+)?', lambda m: _n(float(m[0])), text)
        return f'<path class="node" d="{numbers}"{paint}/>'

    def ellipse(cx, cy, rx, ry, kind='node'):
        return (f'<ellipse class="{kind}" cx="{_n(cx)}" cy="{_n(cy)}"'
                f' rx="{_n(rx)}" ry="{_n(ry)}"{paint}/>')

    if shape in ('box', 'roundedbox', 'square', 'flowchart.terminator'):
        radius = {'roundedbox': 8, 'flowchart.terminator': b}.get(shape, 0)
        return (f'<rect class="node" x="{_n(x1)}" y="{_n(y1)}"'
                f' width="{_n(width)}" height="{_n(height)}"'
                f' rx="{_n(radius)}"{paint}/>')
    if shape in ('none', 'textbox', 'dots'):
        return (f'<rect class="node bare" x="{_n(x1)}" y="{_n(y1)}"'
                f' width="{_n(width)}" height="{_n(height)}" fill="none"'
                ' stroke="none"/>')
    if shape in ('ellipse', 'circle', 'beginpoint', 'endpoint'):
        return ellipse(x, y, a, b)
    if shape in ('diamond', 'minidiamond', 'flowchart.condition'):
        return path(f'M {x} {y1} L {x2} {y} L {x} {y2} L {x1} {y} Z')
    if shape == 'note':
        return path(f'M {x1} {y1} L {x2 - 9} {y1} L {x2} {y1 + 9}'
                    f' L {x2} {y2} L {x1} {y2} Z M {x2 - 9} {y1}'
                    f' L {x2 - 9} {y1 + 9} L {x2} {y1 + 9}')
    if shape == 'mail':
        return path(f'M {x1} {y1} L {x2} {y1} L {x2} {y2} L {x1} {y2} Z'
                    f' M {x1} {y1} L {x} {y1 + b * 0.4} L {x2} {y1}')
    if shape == 'flowchart.database':
        return path(f'M {x1} {y1 + 5} A {a} 5 0 0 1 {x2} {y1 + 5}'
                    f' L {x2} {y2 - 5} A {a} 5 0 0 1 {x1} {y2 - 5} Z'
                    f' M {x1} {y1 + 5} A {a} 5 0 0 0 {x2} {y1 + 5}')
    if shape == 'flowchart.input':
        return path(f'M {x1 + 10} {y1} L {x2} {y1} L {x2 - 10} {y2}'
                    f' L {x1} {y2} Z')
    if shape == 'flowchart.loopin':
        return path(f'M {x1 + 10} {y1} L {x2 - 10} {y1} L {x2} {y1 + 10}'
                    f' L {x2} {y2} L {x1} {y2} L {x1} {y1 + 10} Z')
    if shape == 'flowchart.loopout':
        return path(f'M {x1} {y1} L {x2} {y1} L {x2} {y2 - 10}'
                    f' L {x2 - 10} {y2} L {x1 + 10} {y2} L {x1} {y2 - 10} Z')
    if shape == 'cloud':
        return path(f'M {x1 + a * 0.4} {y2} A {a * 0.4} {b * 0.6} 0 0 1'
                    f' {x1 + a * 0.3} {y - b * 0.2} A {a * 0.5} {b * 0.7} 0'
                    f' 0 1 {x + a * 0.2} {y1 + b * 0.2} A {a * 0.4}'
                    f' {b * 0.6} 0 0 1 {x2 - a * 0.2} {y - b * 0.1}'
                    f' A {a * 0.3} {b * 0.5} 0 0 1 {x2 - a * 0.3} {y2} Z')
    # actor: a person above the name would need another row of heights, so
    # the figure stands at the left inside the box.
    body = (f'M {x1} {y1} L {x2} {y1} L {x2} {y2} L {x1} {y2} Z'
            f' M {x1 + 9} {y - 3} L {x1 + 9} {y + 6}'
            f' M {x1 + 4} {y} L {x1 + 14} {y}'
            f' M {x1 + 5} {y + 12} L {x1 + 9} {y + 6} L {x1 + 13} {y + 12}')
    return path(body) + ellipse(x1 + 9, y - 7, 4, 4, 'actor')


def _draw_messages(layout):
    out = []
    for index, row in enumerate(layout.diagram.rows):
        if isinstance(row, Message) and row.style != 'none':
            out.append(_draw_message(layout, index, row))
    return ''.join(out)


def _draw_message(layout, index, row):
    points = layout.shaft(row, index)
    line = _line_paint(row.color) or ' stroke="#223"'
    thick = f' stroke-width="{row.thick}"' if row.thick else ''
    steps = ' L '.join(f'{_n(x)} {_n(y)}' for x, y in points)
    out = [f'<path class="edge" d="M {steps}" fill="none"{line}{thick}'
           f'{_dash(row.style)}/>']
    (px, py), (x, y) = points[-2:]
    length = max(((x - px) ** 2 + (y - py) ** 2) ** 0.5, 1)
    ux, uy = (x - px) / length * HEAD, (y - py) / length * HEAD
    tips = [(x - ux - uy / 2, y - uy + ux / 2), (x, y),
            (x - ux + uy / 2, y - uy - ux / 2)]
    head = ' '.join(f'{_n(a)},{_n(b)}' for a, b in tips)
    if row.asynchronous:
        out.append(f'<polyline class="head" points="{head}" fill="none"'
                   f'{line}/>')
    else:
        fill = (f' fill="{row.color}"' if row.color
                and row.color != 'none' else ' fill="#223"')
        out.append(f'<polygon class="head" points="{head}"{fill}{line}/>')
    if row.failed:
        cx = x + (1 if x >= px else -1) * 10
        out.append(f'<path class="failed" d="M {_n(cx - 6)} {_n(y - 6)}'
                   f' L {_n(cx + 6)} {_n(y + 6)} M {_n(cx - 6)} {_n(y + 6)}'
                   f' L {_n(cx + 6)} {_n(y - 6)}" fill="none"'
                   f' stroke-width="2"{line}/>')
    for side, box in layout.notes(row, index).items():
        x1, y1, x2, y2 = box
        layout.reach(x1, x2)
        corner = (f'{_n(x1)},{_n(y1)} {_n(x2 - 8)},{_n(y1)}'
                  f' {_n(x2)},{_n(y1 + 8)} {_n(x2)},{_n(y2)}'
                  f' {_n(x1)},{_n(y2)}')
        out.append(f'<polygon class="note" points="{corner}" fill="#fff6c8"'
                   f' stroke="#998"{_fill_paint(row.notecolor)}/>')
        text = layout.row_text[index][side]
        out.append(_text('note-label', text, x1 + 7,
                         _first_baseline(y1, y2 - y1, text), 'start',
                         layout.font, _text_paint(None, row.notecolor)))
    if row.label:
        text = layout.row_text[index]['label']
        x1, x2 = layout.label_span(row, index)
        layout.reach(x1, x2)
        one, two = layout.ends(row)
        crosses = abs(layout.column[one] - layout.column[two]) > 1
        leftward = (row.node1 is not row.node2
                    and row.source is two)
        out.append(_text(
            'edge-label', text, x2 if leftward else x1,
            layout.y[index] - text.height + text.size * 0.95 - 3,
            'end' if leftward else 'start', layout.font,
            _text_paint(row.textcolor or row.color)
            + (HALO if crosses else '')))
    return ''.join(out)


def _draw_separators(layout):
    out = []
    xs = layout.x.values()
    x1, x2 = min(xs) - 40, max(xs) + 40
    for index, row in enumerate(layout.diagram.rows):
        if isinstance(row, Message):
            continue
        text = layout.row_text[index]
        y1, y2 = layout.band[index]
        middle = (y1 + y2) / 2
        half = text.width / 2 + 8
        cx = (x1 + x2) / 2
        left, right = min(x1, cx - half - 20), max(x2, cx + half + 20)
        layout.reach(left, right)
        if row.kind == 'divider':
            out.append(
                f'<path class="divider" d="M {_n(left)} {_n(middle - 2)}'
                f' L {_n(right)} {_n(middle - 2)} M {_n(left)}'
                f' {_n(middle + 2)} L {_n(right)} {_n(middle + 2)}"'
                ' fill="none" stroke="#889"/>')
            out.append(
                f'<rect class="separator" x="{_n(cx - half)}"'
                f' y="{_n(middle - text.height / 2 - 4)}"'
                f' width="{_n(2 * half)}" height="{_n(text.height + 8)}"'
                ' fill="#e4e7ec" stroke="#889"/>')
        out.append(_text('separator-label', text, cx,
                         _first_baseline(middle - text.height / 2,
                                         text.height, text),
                         font=layout.font,
                         extra=HALO if row.kind == 'delay' else ''))
    return ''.join(out)


def _link(href, shape):
    if not href:
        return shape
    return f'<a href="{escape(href)}">{shape}</a>'
