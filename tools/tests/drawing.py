"""Read a sequence diagram back from its SVG.

Only what a reader of the page can see is used: outlines, lines, arrowheads
and words, where they stand and how they are painted.  The ``class`` of an
element is trusted for one thing, to know what kind of mark it is (a
lifeline, a shaft, an arrowhead...).  Who speaks to whom, in which order and
with which words follows from coordinates alone: ids, titles, data
attributes and the order of elements in the file are never looked at.

:func:`read` gives the whole diagram as plain data, :func:`differences` says
in words where it departs from an expectation.
"""

import math
import re
import unicodedata
from dataclasses import dataclass, field
from xml.etree import ElementTree

KINDS = {
    'node', 'node-label', 'lifeline', 'activation', 'edge', 'head', 'failed',
    'edge-label', 'note', 'note-label', 'divider', 'separator-label',
    'group', 'group-label', 'fragment', 'fragment-tab', 'fragment-label',
    'fragment-guard'}

NEAR = 4  # two things that should meet are at most this far apart
REACH = 16  # how far a shaft may end from its lifeline or bar

DASHES = {'none': 'solid', '4': 'dashed', '2': 'dotted'}


# --- the marks on the page -------------------------------------------------

@dataclass
class Box:
    """A rectangle with sides parallel to the page's."""

    x1: float
    y1: float
    x2: float
    y2: float

    @classmethod
    def around(cls, points):
        """The smallest box around some points."""
        xs, ys = zip(*points, strict=True)
        return cls(min(xs), min(ys), max(xs), max(ys))

    @property
    def center(self):
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    @property
    def width(self):
        return self.x2 - self.x1

    @property
    def height(self):
        return self.y2 - self.y1

    def holds(self, x, y, margin=0.0):
        """Whether a point is inside, or at most *margin* outside."""
        return (self.x1 - margin <= x <= self.x2 + margin
                and self.y1 - margin <= y <= self.y2 + margin)

    def contains(self, other, margin=0.0):
        """Whether another box is inside, or sticks out by *margin*."""
        return (self.holds(other.x1, other.y1, margin)
                and self.holds(other.x2, other.y2, margin))

    def overlap(self, other):
        """The width and the height of what two boxes share, or zeros."""
        wide = min(self.x2, other.x2) - max(self.x1, other.x1)
        high = min(self.y2, other.y2) - max(self.y1, other.y1)
        return (wide, high) if wide > 0 and high > 0 else (0, 0)


@dataclass
class Mark:
    """A line or an area."""

    element: ElementTree.Element
    kind: str
    points: list
    stroke: str
    fill: str
    dash: str

    @property
    def tag(self):
        return self.element.tag.rpartition('}')[2]

    @property
    def box(self):
        return Box.around(self.points)


@dataclass
class Words:
    """One line of text."""

    element: ElementTree.Element
    kind: str
    text: str
    x: float
    y: float
    size: float
    anchor: str

    @property
    def box(self):
        """Where the line is, from an estimate of the width of letters."""
        width = text_width(self.text) * self.size
        left = {'start': 0, 'middle': width / 2, 'end': width}[self.anchor]
        return Box(self.x - left, self.y - 0.8 * self.size,
                   self.x - left + width, self.y + 0.2 * self.size)


def text_width(text):
    """An estimate of the width of a line of text, in em."""
    width = 0.0
    for char in text:
        if unicodedata.east_asian_width(char) in 'WF':
            width += 1.0
        elif not unicodedata.combining(char):
            width += 0.6
    return width


def path_points(data):
    """The points a path goes through; curves are followed in small steps.

    The path is cut into subpaths by the way, but a caller that needs the
    corners of a simple line gets just those.
    """
    tokens = re.findall(r'[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)', data)
    counts = {'M': 2, 'L': 2, 'H': 1, 'V': 1, 'C': 6, 'A': 7, 'Z': 0}
    points, start, command = [], None, None
    while tokens:
        if tokens[0].isalpha():
            command = tokens.pop(0)
            if command not in counts:
                raise ValueError(f'path command {command!r} in {data!r}')
        elif command in ('Z', None):
            raise ValueError(f'a number after Z in {data!r}')
        count = counts[command]
        numbers = [float(token) for token in tokens[:count]]
        del tokens[:count]
        if command == 'M':
            start = tuple(numbers)
            points.append(start)
            command = 'L'
        elif command == 'L':
            points.append(tuple(numbers))
        elif command == 'H':
            points.append((numbers[0], points[-1][1]))
        elif command == 'V':
            points.append((points[-1][0], numbers[0]))
        elif command == 'C':
            points.extend(curve_points(points[-1], numbers))
        elif command == 'A':
            points.extend(arc_points(points[-1], numbers))
        elif points[-1] != start:
            points.append(start)
    return points


def curve_points(begin, numbers, steps=8):
    """Points along a cubic Bezier curve, without the first."""
    corners = [begin, numbers[0:2], numbers[2:4], numbers[4:6]]
    points = []
    for step in range(1, steps + 1):
        t = step / steps
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2,
                   3 * t ** 2 * (1 - t), t ** 3)
        points.append(tuple(
            sum(w * corner[axis] for w, corner in
                zip(weights, corners, strict=True)) for axis in (0, 1)))
    return points


def arc_points(begin, numbers, steps=16):
    """Points along an elliptical arc, without the first (SVG 1.1, F.6.5);
    the ellipse is taken to be upright.
    """
    rx, ry, turn, large, sweep, x2, y2 = numbers
    x1, y1 = begin
    if turn or not rx or not ry or (x1, y1) == (x2, y2):
        return [(x2, y2)]
    # Scaled to a circle of radius 1, the middle is on the bisector.
    ux, uy = (x1 - x2) / rx / 2, (y1 - y2) / ry / 2
    half = math.hypot(ux, uy)
    if half > 1:
        rx, ry, ux, uy, half = rx * half, ry * half, ux / half, uy / half, 1
    far = math.sqrt(max(0, 1 / half ** 2 - 1))
    far = far if large != sweep else -far
    cx, cy = far * uy, -far * ux
    first = math.atan2(uy - cy, ux - cx)
    last = math.atan2(-uy - cy, -ux - cx)
    if sweep and last < first:
        last += 2 * math.pi
    if not sweep and last > first:
        last -= 2 * math.pi
    mx, my = (x1 + x2) / 2 + cx * rx, (y1 + y2) / 2 + cy * ry
    points = []
    for step in range(1, steps):
        angle = first + (last - first) * step / steps
        points.append((mx + rx * math.cos(angle), my + ry * math.sin(angle)))
    return [*points, (x2, y2)]


def element_points(element):
    """The points of a basic shape or a path."""
    def number(name):
        return float(element.get(name, 0))

    tag = element.tag.rpartition('}')[2]
    if tag == 'path':
        return path_points(element.get('d'))
    if tag == 'line':
        return [(number('x1'), number('y1')), (number('x2'), number('y2'))]
    if tag in ('polygon', 'polyline'):
        numbers = [float(n) for n in
                   re.split(r'[\s,]+', element.get('points').strip())]
        return list(zip(numbers[::2], numbers[1::2], strict=True))
    if tag == 'rect':
        x, y = number('x'), number('y')
        return [(x, y), (x + number('width'), y + number('height'))]
    if tag in ('circle', 'ellipse'):
        rx = number('rx' if tag == 'ellipse' else 'r')
        ry = number('ry' if tag == 'ellipse' else 'r')
        x, y = number('cx'), number('cy')
        return [(x - rx, y - ry), (x + rx, y + ry)]
    raise ValueError(f'no geometry in <{tag}>')


# --- what a diagram is made of ---------------------------------------------

@dataclass
class Lifeline:
    """A participant: the x of its line, its outline and its name."""

    x: float
    parts: list
    outlines: list = field(default_factory=list)
    labels: list = field(default_factory=list)
    bars: list = field(default_factory=list)

    @property
    def name(self):
        return join(self.labels)

    @property
    def box(self):
        """The bounds of the outline, if there is one."""
        corners = [point for mark in self.outlines for point in mark.points]
        return Box.around(corners) if corners else None

    def extent(self, y):
        """From where to where line and bars reach at a height."""
        bars = [bar.box for bar in self.bars
                if bar.box.y1 - 1 <= y <= bar.box.y2 + 1]
        return (min([self.x, *(box.x1 for box in bars)]),
                max([self.x, *(box.x2 for box in bars)]))

    def distance(self, x, y):
        """How far a point is from the line and its bars."""
        low, high = self.extent(y)
        return max(low - x, x - high, 0)

    def dash_at(self, y):
        """How the line is drawn at a height; None where it is broken."""
        for part in self.parts:
            if part.box.y1 <= y <= part.box.y2:
                return part.dash
        return None


@dataclass
class Row:
    """A message or a separator."""

    top: float
    bottom: float
    facts: dict = field(default_factory=dict)
    shaft: Mark | None = None
    heads: list = field(default_factory=list)
    labels: list = field(default_factory=list)
    crosses: list = field(default_factory=list)

    @property
    def ends(self):
        return self.shaft.points[0], self.shaft.points[-1]

    @property
    def folded(self):
        """Whether the shaft goes out and comes back."""
        return len(self.shaft.points) == 4

    def height_at(self, x):
        """The y of a straight shaft above or below a point."""
        (x1, y1), (x2, y2) = self.ends
        share = (x - x1) / (x2 - x1) if x1 != x2 else 0
        return y1 + (y2 - y1) * min(max(share, 0), 1)


def join(lines):
    """Lines of text as one, from top to bottom."""
    ordered = sorted(lines, key=lambda line: (line.y, line.x))
    return ' '.join(' '.join(line.text.split()) for line in ordered).strip()


def distance(one, two):
    return math.dist(one, two)


def tip_of(points):
    """The tip of an arrowhead and the middle of its base: the tip is the
    corner whose two sides are equally long.
    """
    def skew(index):
        a, b = points[index - 1], points[(index + 1) % 3]
        return abs(distance(points[index], a) - distance(points[index], b))

    best = min(range(3), key=skew)
    (ax, ay), (bx, by) = points[best - 1], points[(best + 1) % 3]
    return points[best], ((ax + bx) / 2, (ay + by) / 2)


class Picture:
    """A drawing that is being read.

    What cannot be read is noted in ``problems``: a drawing that is right has
    none.
    """

    def __init__(self, svg):
        self.root = ElementTree.fromstring(svg)
        self.parents = {child: parent for parent in self.root.iter()
                        for child in parent}
        self.problems = []
        self.marks, self.words = [], []
        self.collect()
        self.lifelines = self.find_lifelines()
        self.find_names()
        self.find_bars()
        self.messages = [Row(mark.box.y1, mark.box.y2, shaft=mark)
                         for mark in self.of_kind('edge')]
        self.find_heads()
        self.find_labels()
        self.messages = [row for row in self.messages if self.describe(row)]
        self.rows = sorted([*self.messages, *self.find_separators()],
                           key=lambda row: row.top)
        self.find_notes()

    # the marks

    def paint(self, element, name, default):
        """A property of an element, from it or from those around it."""
        while element is not None:
            style = dict(part.split(':', 1) for part in
                         element.get('style', '').split(';') if ':' in part)
            style = {key.strip(): value.strip()
                     for key, value in style.items()}
            value = style.get(name, element.get(name))
            if value is not None:
                return value
            element = self.parents.get(element)
        return default

    def collect(self):
        """Gather the marks and the words."""
        box = [float(n) for n in self.root.get('viewBox').split()]
        self.page = Box(box[0], box[1], box[0] + box[2], box[1] + box[3])
        for element in self.root.iter():
            if element.get('transform'):
                self.problems.append('a transform moves what is drawn')
            kinds = KINDS.intersection(element.get('class', '').split())
            if not kinds:
                continue
            kind = kinds.pop()
            if element.tag.endswith('}text'):
                self.words.append(self.words_of(element, kind))
            else:
                dash = self.paint(element, 'stroke-dasharray', 'none')
                self.marks.append(Mark(
                    element, kind, element_points(element),
                    self.paint(element, 'stroke', 'none'),
                    self.paint(element, 'fill', '#000'),
                    DASHES.get(dash, dash)))

    def words_of(self, element, kind):
        """One line of text."""
        size = self.paint(element, 'font-size', '12')
        return Words(element, kind, ''.join(element.itertext()),
                     float(element.get('x')), float(element.get('y')),
                     float(size.removesuffix('px')),
                     self.paint(element, 'text-anchor', 'start'))

    def of_kind(self, kind):
        return [mark for mark in self.marks if mark.kind == kind]

    def texts(self, kind):
        return [words for words in self.words if words.kind == kind]

    # participants

    def find_lifelines(self):
        """The lifelines from left to right."""
        lines = []
        for mark in sorted(self.of_kind('lifeline'),
                           key=lambda mark: mark.box.x1):
            if mark.box.width > 0.5:
                self.problems.append('a lifeline is not upright')
            if mark.stroke == 'none':
                self.problems.append('a lifeline is not painted')
            if lines and abs(lines[-1].x - mark.box.x1) < 1:
                lines[-1].parts.append(mark)
            else:
                lines.append(Lifeline(mark.box.x1, [mark]))
        return lines

    def find_names(self):
        """Outlines stand on top of lifelines, names stand in outlines."""
        for mark in self.of_kind('node'):
            middle = mark.box.center[0]
            line = min(self.lifelines, key=lambda line: abs(line.x - middle))
            if not mark.box.x1 <= line.x <= mark.box.x2:
                self.problems.append('an outline has no lifeline')
            else:
                line.outlines.append(mark)
        for line in self.lifelines:
            top = min(part.box.y1 for part in line.parts)
            if line.box and not (line.box.y1 <= top
                                 <= line.box.y2 + NEAR):
                self.problems.append(f'the lifeline at x={line.x} does not '
                                     'begin at its outline')
        for words in self.texts('node-label'):
            x, y = words.box.center
            inside = [line for line in self.lifelines
                      if line.box and line.box.holds(x, y, 1)]
            bare = [line for line in self.lifelines if not line.box
                    and abs(line.x - x) < words.box.width / 2 + NEAR]
            found = min(inside or bare, default=None,
                        key=lambda line: abs(line.x - x))
            if found:
                found.labels.append(words)
            else:
                self.problems.append(f'name {words.text!r} is nowhere')

    def find_bars(self):
        """Every bar belongs to the nearest lifeline."""
        for mark in self.of_kind('activation'):
            middle = mark.box.center[0]
            line = min(self.lifelines, key=lambda line: abs(line.x - middle))
            line.bars.append(mark)
        for line in self.lifelines:
            # The first bar is centred, each further one leans on another.
            reached = (line.x, line.x)
            for bar in sorted(line.bars,
                              key=lambda bar: abs(bar.box.center[0]
                                                  - line.x)):
                if (bar.box.x1 > reached[1] + 1
                        or bar.box.x2 < reached[0] - 1):
                    self.problems.append(
                        f'a bar stands apart from {line.name!r}')
                reached = (min(reached[0], bar.box.x1),
                           max(reached[1], bar.box.x2))

    # messages

    def find_heads(self):
        """Every arrowhead's tip is at an end of a shaft."""
        for mark in self.of_kind('head'):
            if len(mark.points) != 3:
                self.problems.append('an arrowhead has not three corners')
                continue
            tip, _ = tip_of(mark.points)
            gaps = [(min(distance(tip, end) for end in row.ends), index)
                    for index, row in enumerate(self.messages)]
            gap, index = min(gaps, default=(math.inf, 0))
            if gap > NEAR:
                self.problems.append(f'an arrowhead at {tip} has no shaft')
            else:
                self.messages[index].heads.append(mark)
        for mark in self.of_kind('failed'):
            middle = mark.box.center
            gaps = [(min(distance(middle, end) for end in row.ends), index)
                    for index, row in enumerate(self.messages)]
            gap, index = min(gaps, default=(math.inf, 0))
            if gap > 2 * REACH:
                self.problems.append(f'a cross at {middle} has no shaft')
            else:
                self.messages[index].crosses.append(mark)

    def find_labels(self):
        """A label stands on its shaft, the nearest one below it."""
        for words in self.texts('edge-label'):
            best, nearest = None, math.inf
            for row in self.messages:
                gap = self.label_gap(row, words)
                if gap is not None and gap < nearest:
                    best, nearest = row, gap
            if best is None:
                self.problems.append(f'label {words.text!r} has no shaft')
            else:
                best.labels.append(words)
        for row in self.messages:
            below = row.top
            for words in sorted(row.labels, key=lambda words: -words.y):
                if below - words.y > 1.8 * words.size:
                    self.problems.append(
                        f'label {words.text!r} is far from its shaft')
                below = words.y

    def label_gap(self, row, words):
        """How far a line of text is above a shaft; None when it is not
        above it at all.
        """
        box, middle = row.shaft.box, words.box.center[0]
        if row.folded:
            if not box.x1 - NEAR <= words.box.x1 <= box.x2 + REACH:
                return None
            if row.top <= words.y <= row.bottom:
                return 0
            gap = row.top - words.y
        else:
            if not box.x1 - NEAR <= middle <= box.x2 + NEAR:
                return None
            gap = row.height_at(middle) - words.y
        return gap if gap > -0.4 * words.size else None

    def line_at(self, point):
        """The lifeline at the end of a shaft."""
        def gap(line):
            return line.distance(*point), abs(line.x - point[0])

        line = min(self.lifelines, key=gap)
        return line if line.distance(*point) <= REACH else None

    def describe(self, row):
        """Say what a message is; False when it cannot be told."""
        where = f'the message at y={row.top}'
        if row.shaft.stroke == 'none':
            self.problems.append(f'{where} is not painted')
        if len(row.heads) != 1 or len(row.crosses) > 1:
            self.problems.append(f'{where} has {len(row.heads)} heads and '
                                 f'{len(row.crosses)} crosses')
            return False
        head = row.heads[0]
        tip, base = tip_of(head.points)
        corners = row.shaft.points
        if distance(tip, corners[0]) < distance(tip, corners[-1]):
            corners = corners[::-1]
        (ax, ay), (bx, by) = corners[-2:]
        along = (bx - ax) * (tip[0] - base[0]) + (by - ay) * (tip[1]
                                                              - base[1])
        if along <= 0:
            self.problems.append(f'{where} has its head the wrong way round')
        source, target = self.line_at(corners[0]), self.line_at(corners[-1])
        if row.crosses:
            target = self.beyond(corners[0], corners[-1])
        if source is None or target is None:
            self.problems.append(f'{where} has an end at no lifeline')
            return False
        if row.folded != (source is target):
            self.problems.append(f'{where} is folded and should not be, or '
                                 'the other way about')
        if {'polygon': 'none', 'polyline': None}.get(head.tag) == head.fill:
            self.problems.append(f'{where} has a head that is not painted')
        row.facts = {
            'from': source.name, 'to': target.name, 'text': join(row.labels),
            'line': row.shaft.dash,
            'head': 'filled' if head.fill != 'none' else 'open'}
        if row.crosses:
            row.facts['failed'] = True
        if not row.folded and abs(ay - by) > NEAR:
            row.facts['diagonal'] = True
            if by < ay:
                self.problems.append(f'{where} goes back in time')
        return True

    def beyond(self, tail, tip):
        """The lifeline that a lost message was on its way to."""
        ahead = [line for line in self.lifelines
                 if (line.x - tip[0]) * (tip[0] - tail[0]) > 0]
        return min(ahead, default=None,
                   key=lambda line: abs(line.x - tip[0]))

    def find_notes(self):
        """A note stands beside an end of a message, at its height."""
        rest = self.texts('note-label')
        for mark in self.of_kind('note'):
            inside = [words for words in rest
                      if mark.box.holds(*words.box.center)]
            rest = [words for words in rest if words not in inside]
            text = join(inside)
            row = min(self.messages, default=None,
                      key=lambda row: abs(row.top - mark.box.center[1]))
            if row is None or not mark.box.y1 <= row.top <= mark.box.y2:
                self.problems.append(f'note {text!r} is at no message')
            elif mark.box.x2 <= row.shaft.box.x1 + NEAR:
                row.facts['leftnote'] = text
            elif mark.box.x1 >= row.shaft.box.x2 - NEAR:
                row.facts['rightnote'] = text
            else:
                self.problems.append(f'note {text!r} is on its message')
        for words in rest:
            self.problems.append(f'{words.text!r} is in no note')

    # separators

    def find_separators(self):
        """Dividers and delays."""
        blocks = []
        for words in sorted(self.texts('separator-label'),
                            key=lambda words: words.y):
            if blocks and words.y - blocks[-1][-1].y < 1.5 * words.size:
                blocks[-1].append(words)
            else:
                blocks.append([words])
        rows = []
        for mark in sorted(self.of_kind('divider'),
                           key=lambda mark: mark.box.y1):
            y = mark.box.center[1]
            if rows and abs(rows[-1].top - y) < 10:
                continue  # the other half or the second line of one divider
            if not (mark.box.x1 <= self.lifelines[0].x
                    and mark.box.x2 >= self.lifelines[-1].x):
                self.problems.append(f'the divider at y={y} is too short')
            here = [block for block in blocks
                    if block[0].box.y1 - NEAR <= y <= block[-1].box.y2 + NEAR]
            blocks = [block for block in blocks if block not in here]
            rows.append(Row(y, y, {
                'separator': 'divider',
                'text': join(words for block in here for words in block)}))
        for block in blocks:
            y = (block[0].box.y1 + block[-1].box.y2) / 2
            text = join(block)
            for line in self.lifelines:
                usual = line.dash_at(line.parts[0].box.y1)
                if line.dash_at(y) == usual:
                    self.problems.append(
                        f'{text!r} is no divider, and the lifeline of '
                        f'{line.name!r} does not change there')
            rows.append(Row(y, y, {'separator': 'delay', 'text': text}))
        return rows

    # bars and frames

    def row_at(self, y):
        """The number of the message that begins or ends at a height."""
        near = [(min(abs(row.top - y), abs(row.bottom - y)), index)
                for index, row in enumerate(self.rows) if row.shaft]
        gap, index = min(near, default=(math.inf, None))
        return index if gap <= NEAR else None

    def activations(self, line):
        """The rows of each bar on a lifeline: the first that it covers and
        the one at which it ends.
        """
        found = []
        for bar in line.bars:
            first, last = self.row_at(bar.box.y1), self.row_at(bar.box.y2)
            if first is None and not self.rows[0].shaft:
                if bar.box.y1 <= self.rows[0].top:
                    first = 0
            if last is None and bar.box.y2 > self.rows[-1].bottom:
                last = 'end'
            if first is None or last is None:
                self.problems.append(
                    f'a bar of {line.name!r} begins or ends at no message')
            found.append([first, last])
        return sorted(found, key=bar_order)

    def fragments(self):
        """The frames, from the top, the outer before the inner."""
        frames = sorted((mark.box for mark in self.of_kind('fragment')),
                        key=lambda box: (box.y1, -box.height))
        labels = {'fragment-label': {}, 'fragment-guard': {}}
        for kind, found in labels.items():
            for words in self.texts(kind):
                around = [index for index, box in enumerate(frames)
                          if box.holds(words.x, words.y)]
                if not around:
                    self.problems.append(f'{words.text!r} is in no frame')
                    continue
                inmost = min(around, key=lambda index: frames[index].width
                             * frames[index].height)
                found.setdefault(inmost, []).append(words)
        result = []
        for index, box in enumerate(frames):
            guard = join(labels['fragment-guard'].get(index, ()))
            rows = [number for number, row in enumerate(self.rows)
                    if box.y1 <= row.top <= row.bottom <= box.y2]
            for number, row in enumerate(self.rows):
                if row.shaft and row.top <= box.y2 and row.bottom >= box.y1:
                    if not box.contains(row.shaft.box):
                        self.problems.append(
                            f'message {number} crosses a frame')
            names = [line.name for line in self.lifelines
                     if box.x1 <= line.x <= box.x2]
            result.append({
                'type': join(labels['fragment-label'].get(index, ())),
                'guard': re.sub(r'^\[(.*)\]$', r'\1', guard),
                'rows': [rows[0], rows[-1]] if rows else [],
                'participants': [names[0], names[-1]] if names else []})
        return result

    def groups(self):
        """The groups of participants, from left to right."""
        boxes = sorted((mark.box for mark in self.of_kind('group')),
                       key=lambda box: box.x1)
        rest = self.texts('group-label')
        result = []
        for box in boxes:
            inside = [words for words in rest
                      if box.holds(*words.box.center)]
            rest = [words for words in rest if words not in inside]
            result.append({
                'label': join(inside),
                'participants': [
                    line.name for line in self.lifelines
                    if box.x1 <= line.x <= box.x2
                    and (line.box is None or box.contains(line.box, NEAR))]})
        for words in rest:
            self.problems.append(f'{words.text!r} is in no group')
        return result

    def data(self):
        """The diagram as plain data."""
        result = {
            'participants': [line.name for line in self.lifelines],
            'rows': [row.facts for row in self.rows],
            'activations': {line.name: self.activations(line)
                            for line in self.lifelines},
            'fragments': self.fragments(),
            'groups': self.groups()}
        return {**result, 'problems': self.problems}


def bar_order(bar):
    """The order of bars in a list: by beginning, then by end."""
    return [math.inf if end in ('end', None) else end for end in bar]


def read(svg):
    """Read a drawing.

    :param svg: the SVG as text
    :returns: a dict with ``participants``, ``rows``, ``activations``,
        ``fragments`` and ``groups``, like an expectation, and with what
        could not be read in ``problems``
    """
    return Picture(svg).data()


# --- comparing -------------------------------------------------------------

def same_text(one, two):
    """Whether two texts are the same, wherever their lines are broken.

    Lines are joined by a space, which is one too many where a line was
    broken within a script that has no spaces or within a very long word.
    """
    one, two = ' '.join(one.split()), ' '.join(two.split())
    if one == two:
        return True
    breakable = (any(unicodedata.east_asian_width(char) in 'WF'
                     for char in one)
                 or any(len(word) > 16 for word in one.split()))
    return breakable and one.replace(' ', '') == two.replace(' ', '')


def same(expected, got):
    """Whether two values are the same, texts as in :func:`same_text`."""
    if isinstance(expected, str) and isinstance(got, str):
        return same_text(expected, got)
    if isinstance(expected, dict) and isinstance(got, dict):
        return (expected.keys() == got.keys()
                and all(same(expected[key], got[key]) for key in expected))
    if isinstance(expected, list) and isinstance(got, list):
        return (len(expected) == len(got)
                and all(map(same, expected, got)))
    return expected == got


def differences(expected, got):
    """Where a drawing departs from what it should show.

    :param expected: an expectation; ``activations`` may name some of the
        participants or be absent, ``fragments`` and ``groups`` are empty
        when absent
    :param got: what :func:`read` returned
    :returns: a list of sentences, empty when all is as it should be
    """
    found = [f'cannot be read: {text}' for text in got['problems']]

    def check(what, wanted, seen):
        if not same(wanted, seen):
            found.append(f'{what}: expected {wanted!r}, got {seen!r}')

    check('participants', expected['participants'], got['participants'])
    check('number of rows', len(expected['rows']), len(got['rows']))
    for index, (wanted, seen) in enumerate(
            zip(expected['rows'], got['rows'], strict=False)):
        check(f'row {index}', wanted, seen)
    for name, bars in expected.get('activations', {}).items():
        match = [key for key in got['activations'] if same_text(name, key)]
        check(f'bars of {name!r}', sorted(bars, key=bar_order),
              got['activations'][match[0]] if match else None)
    check('fragments', expected.get('fragments', []), got['fragments'])
    by_place = {name: place for place, name
                in enumerate(expected['participants'])}
    check('groups', sorted(
        expected.get('groups', []),
        key=lambda group: by_place[group['participants'][0]]), got['groups'])
    return found
