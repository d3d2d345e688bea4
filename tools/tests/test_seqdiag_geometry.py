"""What is drawn, read back from the drawing, is what the source says.

Each ``diagrams/NAME.diag`` has an expectation ``NAME.json`` beside it that
was worked out by hand from the language.  ``drawing`` reads the SVG by
geometry alone; see there.
"""

import copy
import itertools
import json
import pathlib
import unittest
from xml.etree import ElementTree

from tools.seqdiag import render
from tools.tests import drawing

DIAGRAMS = pathlib.Path(__file__).parent / 'diagrams'
SVG = '{http://www.w3.org/2000/svg}'


def sources():
    """The diagrams: (name, source, expectation)."""
    for path in sorted(DIAGRAMS.glob('*.diag')):
        expected = path.with_suffix('.json').read_text(encoding='utf-8')
        yield (path.stem, path.read_text(encoding='utf-8'),
               json.loads(expected))


class TestCorpus(unittest.TestCase):
    """The diagrams themselves."""

    def test_every_diagram_has_an_expectation_and_the_reverse(self):
        diagrams = {path.stem for path in DIAGRAMS.glob('*.diag')}
        expected = {path.stem for path in DIAGRAMS.glob('*.json')}
        self.assertEqual(diagrams, expected)

    def test_expectations_are_well_formed(self):
        with_bars = 0
        for name, source, expected in sources():
            with self.subTest(name):
                self.assertTrue(source.startswith('// '))
                names = set(expected['participants'])
                for row in expected['rows']:
                    if 'separator' not in row:
                        self.assertLessEqual({row['from'], row['to']}, names)
                        self.assertIn(row['line'],
                                      ('solid', 'dashed', 'dotted'))
                        self.assertIn(row['head'], ('filled', 'open'))
                bars = expected.get('activations', {})
                self.assertLessEqual(set(bars), names)
                with_bars += bool(bars)
        self.assertGreaterEqual(with_bars, 12)


class TestGeometry(unittest.TestCase):
    """The drawing says what the source says."""

    maxDiff = None

    def test_every_diagram_reads_back(self):
        checked = 0
        for name, source, expected in sources():
            checked += 1
            with self.subTest(name):
                got = drawing.read(render(source))
                self.assertEqual(drawing.differences(expected, got), [])
        self.assertGreaterEqual(checked, 40)

    def test_line_endings_do_not_matter(self):
        for name, source, _ in sources():
            with self.subTest(name):
                self.assertEqual(render(source.replace('\n', '\r\n')),
                                 render(source))

    def test_same_source_same_drawing(self):
        for name, source, _ in sources():
            with self.subTest(name):
                self.assertEqual(render(source), render(source))

    def test_another_name_changes_nothing_that_is_drawn(self):
        for name, source, _ in sources():
            with self.subTest(name):
                self.assertEqual(
                    drawing.read(render(source, 'A <name> & "more"')),
                    drawing.read(render(source)))


class TestLayout(unittest.TestCase):
    """What is drawn can be read: nothing covers or leaves anything."""

    def check(self, find):
        """Look for defects in each drawing.

        :param find: a function that yields sentences about a Picture
        """
        for name, source, _ in sources():
            with self.subTest(name):
                picture = drawing.Picture(render(source))
                self.assertEqual(list(find(picture)), [])

    def test_words_are_on_the_page(self):
        def find(picture):
            for words in picture.words:
                if not picture.page.contains(words.box, slack(words)):
                    yield f'{words.text!r} leaves the page'

        self.check(find)

    def test_marks_are_on_the_page(self):
        def find(picture):
            for mark in picture.marks:
                if not picture.page.contains(mark.box, 0.5):
                    yield f'a {mark.kind} leaves the page: {mark.box}'

        self.check(find)

    def test_names_are_in_their_boxes(self):
        def find(picture):
            for line in picture.lifelines:
                for words in line.labels if line.box else ():
                    if not line.box.contains(words.box, slack(words)):
                        yield f'{words.text!r} leaves its box'

        self.check(find)

    def test_groups_hold_their_names(self):
        def find(picture):
            boxes = [mark.box for mark in picture.of_kind('group')]
            for words in picture.texts('group-label'):
                if not any(box.contains(words.box, slack(words))
                           for box in boxes):
                    yield f'{words.text!r} leaves its group'

        self.check(find)

    def test_frames_hold_their_words(self):
        def find(picture):
            boxes = [mark.box for mark in picture.of_kind('fragment')]
            for words in [*picture.texts('fragment-label'),
                          *picture.texts('fragment-guard')]:
                if not any(box.contains(words.box, slack(words))
                           for box in boxes):
                    yield f'{words.text!r} leaves its frame'

        self.check(find)

    def test_notes_hold_their_words(self):
        def find(picture):
            boxes = [mark.box for mark in picture.of_kind('note')]
            for words in picture.texts('note-label'):
                if not any(box.contains(words.box, slack(words))
                           for box in boxes):
                    yield f'{words.text!r} leaves its note'

        self.check(find)

    def test_words_do_not_overlap(self):
        def find(picture):
            for one, two in itertools.combinations(picture.words, 2):
                if collide(one.box, two.box):
                    yield f'{one.text!r} and {two.text!r} overlap'

        self.check(find)

    def test_boxes_do_not_overlap(self):
        """No two outlines, no two notes, no two groups."""
        def find(picture):
            outlines = [line.box for line in picture.lifelines if line.box]
            notes = [mark.box for mark in picture.of_kind('note')]
            groups = [mark.box for mark in picture.of_kind('group')]
            for boxes in outlines, notes, groups:
                for one, two in itertools.combinations(boxes, 2):
                    if collide(one, two):
                        yield f'{one} and {two} overlap'

        self.check(find)

    def test_frames_are_nested_or_apart(self):
        def find(picture):
            boxes = [mark.box for mark in picture.of_kind('fragment')]
            for one, two in itertools.combinations(boxes, 2):
                if min(one.overlap(two)) > 0 and not (
                        one.contains(two) or two.contains(one)):
                    yield f'{one} and {two} cross'
                if one == two:
                    yield f'{one} is there twice'

        self.check(find)

    def test_notes_cover_nothing(self):
        """Neither words of others nor an arrowhead nor a participant.

        A bar it may: an author who sets edge_length leaves no choice.
        """
        def find(picture):
            boxes = [(repr(words.text), words.box)
                     for words in picture.words if words.kind != 'note-label']
            for kind in 'node', 'head':
                boxes += [(kind, mark.box) for mark in picture.of_kind(kind)]
            for mark in picture.of_kind('note'):
                for what, box in boxes:
                    if collide(mark.box, box):
                        yield f'a note is on {what}, {mark.box}, {box}'

        self.check(find)

    def test_words_are_not_on_participants(self):
        def find(picture):
            outlines = [line.box for line in picture.lifelines if line.box]
            for words in picture.words:
                if words.kind != 'node-label':
                    for box in outlines:
                        if collide(words.box, box):
                            yield f'{words.text!r} is on a participant'

        self.check(find)

    def test_no_line_goes_through_a_label(self):
        """A level shaft runs below its own words and over no others."""
        def find(picture):
            words_of = [words for words in picture.words if words.kind in
                        ('edge-label', 'separator-label', 'fragment-guard')]
            for row, words in itertools.product(picture.messages, words_of):
                shaft, box = row.shaft.box, words.box
                if row.folded or shaft.height > drawing.NEAR:
                    continue
                wide = min(shaft.x2, box.x2) - max(shaft.x1, box.x1)
                if (wide > slack(words)
                        and box.y1 + 2 < shaft.y1 < words.y - 1):
                    yield f'{words.text!r} is struck through'

        self.check(find)


def slack(words):
    """By how much the estimate of a line's width may be too large, on
    either side.
    """
    return 2 + 0.08 * words.box.width


def collide(one, two):
    """Whether two boxes share more than an estimate can be wrong by."""
    wide, high = one.overlap(two)
    return wide > 3 + 0.1 * min(one.width, two.width) and high > 3


COLORS = {
    'red': '#ff0000', 'blue': '#0000ff', 'navy': '#000080',
    'green': '#008000', 'pink': '#ffc0cb', 'lightblue': '#add8e6'}


class TestAttributes(unittest.TestCase):
    """Sizes, shapes and paint that an author chose."""

    def picture(self, name):
        source = (DIAGRAMS / f'{name}.diag').read_text(encoding='utf-8')
        picture = drawing.Picture(render(source))
        self.lines = {line.name: line for line in picture.lifelines}
        self.rows = {row.facts['text']: row for row in picture.messages}
        return picture

    def check_paint(self, picture, mark, **wanted):
        """Check ``fill`` and ``stroke`` of a mark or of words."""
        for name, color in wanted.items():
            got = picture.paint(mark.element, name, 'none').lower()
            self.assertEqual(COLORS.get(got, got), COLORS.get(color, color))

    def distance(self, one, two):
        return abs(self.lines[one].x - self.lines[two].x)

    def test_participants(self):
        picture = self.picture('13-node-attributes')
        name, outline = (self.lines['Web UI'].labels[0],
                         self.lines['Web UI'].outlines[0])
        self.check_paint(picture, outline, fill='#ffdddd', stroke='red')
        self.check_paint(picture, name, fill='blue')
        box = self.lines['API'].box
        self.assertEqual((box.width, box.height), (180, 60))
        self.assertEqual(self.lines['API'].labels[0].size, 16)
        self.assertEqual(self.lines['C'].outlines[0].dash, 'dashed')
        self.assertEqual(self.lines['Docs'].outlines[0].dash, 'dotted')

    def test_links(self):
        picture = self.picture('13-node-attributes')
        element = self.lines['Docs'].outlines[0].element
        while element is not None and not element.tag.endswith('}a'):
            element = picture.parents.get(element)
        self.assertIsNotNone(element)
        self.assertIn('https://docs.openstack.org/', element.attrib.values())

    def test_round_is_round_and_square_is_square(self):
        self.picture('15-more-shapes')
        for name in 'CQ':
            with self.subTest(name):
                box = self.lines[name].box
                self.assertAlmostEqual(box.width, box.height, delta=1)

    def test_shape_none_has_no_outline(self):
        picture = self.picture('16-shape-none')
        for mark in picture.lifelines[1].outlines:
            self.assertEqual((mark.stroke, mark.fill), ('none', 'none'))

    def test_textbox_has_no_outline(self):
        self.picture('15-more-shapes')
        for mark in self.lines['txt'].outlines:
            self.assertEqual((mark.stroke, mark.fill), ('none', 'none'))

    def test_defaults(self):
        picture = self.picture('18-defaults')
        for name in 'ABC':
            self.check_paint(picture, self.lines[name].outlines[0],
                             fill='#eeffee', stroke='#336699')
            self.check_paint(picture, self.lines[name].labels[0],
                             fill='navy')
            self.assertEqual(self.lines[name].labels[0].size, 14)
            self.assertEqual(self.lines[name].outlines[0].tag, 'rect')
            self.assertGreater(
                float(self.lines[name].outlines[0].element.get('rx')), 0)
        self.assertEqual(self.rows['ask'].labels[0].size, 14)
        self.check_paint(picture, self.rows['ask'].shaft, stroke='#336699')
        self.check_paint(picture, picture.of_kind('note')[0],
                         fill='lightblue')
        self.check_paint(picture, picture.of_kind('group')[0],
                         fill='#ffeecc')

    def test_edge_length(self):
        self.picture('19-edge-length')
        self.assertEqual(self.distance('A', 'B'), 260)
        self.assertEqual(self.distance('B', 'C'), 260)

    def test_spans(self):
        self.picture('20-spans-and-nodes')
        self.assertEqual(self.distance('A', 'B'), 100 + 120)
        box = self.lines['B'].box
        self.assertEqual((box.width, box.height), (100, 30))

    def test_messages(self):
        picture = self.picture('21-edge-attributes')
        self.check_paint(picture, self.rows['red'].shaft, stroke='red')
        self.check_paint(picture, self.rows['red'].heads[0], stroke='red',
                         fill='red')
        self.check_paint(picture, self.rows['words in green'].labels[0],
                         fill='green')
        self.check_paint(picture, self.rows['dots home'].shaft,
                         stroke='#008800')
        self.assertEqual(self.rows['large'].labels[0].size, 18)

    def test_groups(self):
        picture = self.picture('32-groups')
        one, two = sorted(picture.of_kind('group'),
                          key=lambda mark: mark.box.x1)
        self.check_paint(picture, one, fill='#ddeeff')
        self.check_paint(picture, two, fill='#ffeedd')
        picture = self.picture('33-group-gathers')
        one, two = sorted(picture.of_kind('group'),
                          key=lambda mark: mark.box.x1)
        self.assertEqual((one.fill, one.dash), ('none', 'dashed'))
        self.assertNotEqual(one.stroke, 'none')
        self.check_paint(picture, two, fill='#ccffcc')

    def test_frames(self):
        picture = self.picture('34-alt')
        frames = sorted(picture.of_kind('fragment'),
                        key=lambda mark: mark.box.y1)
        self.check_paint(picture, frames[1], stroke='red')

    def test_classes(self):
        picture = self.picture('38-classes')
        self.check_paint(picture, self.lines['A'].outlines[0], fill='pink')
        self.assertEqual(self.lines['A'].outlines[0].dash, 'dashed')
        self.check_paint(picture, self.rows['bold'].shaft, stroke='red')
        for text in 'pair', 'r':
            self.check_paint(picture, self.rows[text].shaft, stroke='pink')


# --- proof that the comparison can fail ------------------------------------

def straight(picture):
    """Messages between two participants that are easy to damage."""
    return [row for row in picture.messages
            if not row.folded and not row.crosses
            and row.facts['from'] != row.facts['to']]


def set_points(element, points):
    """Give a line, polygon, polyline or M-L path other points."""
    if element.tag == SVG + 'path':
        element.set('d', 'M ' + ' L '.join(f'{x} {y}' for x, y in points))
    else:
        element.set('points', ' '.join(f'{x},{y}' for x, y in points))


def shift(mark, dx=0.0, dy=0.0):
    """Move a mark."""
    set_points(mark.element, [(x + dx, y + dy) for x, y in mark.points])


def swap_labels(picture):
    """Exchange the words of two messages."""
    rows = [row for row in picture.messages if row.labels]
    for one, two in itertools.combinations(rows, 2):
        a, b = one.labels[0], two.labels[0]
        if a.text != b.text:
            a.element.text, b.element.text = b.text, a.text
            return True
    return False


def flip_head(picture):
    """Put an arrowhead at the other end of its shaft, turned round."""
    for row in straight(picture):
        (x1, y1), (x2, y2) = row.ends
        set_points(row.heads[0].element, [
            (x1 + x2 - x, y1 + y2 - y) for x, y in row.heads[0].points])
        return True
    return False


def turn_head(picture):
    """Turn an arrowhead round where it is."""
    for row in straight(picture):
        tip, _ = drawing.tip_of(row.heads[0].points)
        set_points(row.heads[0].element, [
            (2 * tip[0] - x, y) for x, y in row.heads[0].points])
        return True
    return False


def move_end(picture):
    """Let the arrow of a message end at another lifeline."""
    for row in straight(picture):
        tip, _ = drawing.tip_of(row.heads[0].points)
        for line in picture.lifelines:
            if line.name in (row.facts['from'], row.facts['to']):
                continue
            dx = line.x - tip[0]
            set_points(row.shaft.element, [
                (x + dx if abs(x - tip[0]) < 1 else x, y)
                for x, y in row.shaft.points])
            shift(row.heads[0], dx)
            return True
    return False


def remove(picture, mark):
    picture.parents[mark.element].remove(mark.element)


def delete_message(picture):
    """Leave out a message altogether."""
    for row in picture.messages:
        for mark in [row.shaft, *row.heads, *row.labels, *row.crosses]:
            remove(picture, mark)
        return True
    return False


def delete_shaft(picture):
    """Leave out a shaft and nothing else."""
    for row in picture.messages:
        remove(picture, row.shaft)
        return True
    return False


def swap_rows(picture):
    """Exchange the heights of two messages."""
    rows = [row for row in straight(picture)
            if row.shaft.box.height < drawing.NEAR
            and not {'leftnote', 'rightnote'} & row.facts.keys()]
    for one, two in itertools.combinations(rows, 2):
        if one.facts != two.facts:
            dy = two.top - one.top
            for row, way in (one, dy), (two, -dy):
                shift(row.shaft, dy=way)
                shift(row.heads[0], dy=way)
                for words in row.labels:
                    words.element.set('y', str(words.y + way))
            return True
    return False


def change_dash(picture):
    """Make a solid message dashed, or another one solid."""
    for row in picture.messages:
        solid = row.facts['line'] == 'solid'
        row.shaft.element.set('stroke-dasharray', '4' if solid else 'none')
        return True
    return False


def empty_head(picture):
    """Take the fill from an arrowhead, or fill it."""
    for row in picture.messages:
        head = row.heads[0].element
        filled = row.facts['head'] == 'filled'
        head.set('fill', 'none' if filled else '#000')
        return True
    return False


def hide_shaft(picture):
    """Draw a shaft with no paint."""
    for row in picture.messages:
        row.shaft.element.set('stroke', 'none')
        row.shaft.element.attrib.pop('style', None)
        return True
    return False


def swap_names(picture):
    """Exchange the names of two participants."""
    lines = [line for line in picture.lifelines if line.labels]
    for one, two in itertools.combinations(lines, 2):
        a, b = one.labels[0], two.labels[0]
        if a.text != b.text:
            a.element.text, b.element.text = b.text, a.text
            return True
    return False


def move_note(picture):
    """Move a note's sheet away from its words."""
    for mark in picture.of_kind('note'):
        shift(mark, dx=3 * mark.box.width)
        return True
    return False


def delete_cross(picture):
    """Let a lost message seem to arrive."""
    for mark in picture.of_kind('failed'):
        remove(picture, mark)
        return True
    return False


def stretch_frame(picture):
    """Let a frame reach from the top to the bottom of the page."""
    messages = len(picture.messages)
    for mark in picture.of_kind('fragment'):
        inside = [row for row in picture.messages
                  if mark.box.y1 < row.top < mark.box.y2]
        if len(inside) < messages:
            mark.element.set('y', str(picture.page.y1))
            mark.element.set('height', str(picture.page.height))
            return True
    return False


def delete_divider(picture):
    """Leave out the lines of a divider."""
    found = picture.of_kind('divider')
    for mark in found:
        remove(picture, mark)
    return bool(found)


def heal_delay(picture):
    """Draw the lifelines through a delay as everywhere else."""
    found = [row for row in picture.rows
             if row.facts.get('separator') == 'delay']
    for line in picture.lifelines:
        for part in line.parts:
            part.element.set('stroke-dasharray', '6 4')
    return bool(found)


def shrink_group(picture):
    """Let a group hold nobody."""
    for mark in picture.of_kind('group'):
        mark.element.set('width', '1')
        return True
    return False


def add_transform(picture):
    """Move everything by a transform, which no coordinate shows."""
    picture.root.set('transform', 'scale(-1 1)')
    return True


def stretch_bar(picture):
    """Let a bar that ends at a message go on to the end."""
    for line in picture.lifelines:
        for bar, (_, last) in zip(
                sorted(line.bars, key=lambda bar: bar.box.y1),
                sorted(picture.activations(line),
                       key=lambda bar: bar[0]), strict=True):
            if last not in (None, 'end'):
                bar.element.set(
                    'height', str(picture.page.y2 - bar.box.y1))
                return True
    return False


# What is damaged, and in how many of the diagrams that can be done at least.
DAMAGE = [
    (swap_labels, 40), (flip_head, 40), (turn_head, 40), (move_end, 25),
    (delete_message, 50), (delete_shaft, 50), (swap_rows, 40),
    (change_dash, 50), (empty_head, 50), (hide_shaft, 50), (swap_names, 40),
    (move_note, 8), (delete_cross, 3), (stretch_frame, 4),
    (delete_divider, 3), (heal_delay, 3), (shrink_group, 5),
    (add_transform, 50), (stretch_bar, 20),
]


class TestItCanFail(unittest.TestCase):
    """Every kind of damage to a drawing is seen."""

    @classmethod
    def setUpClass(cls):
        cls.sound = []
        for name, source, expected in sources():
            svg = render(source)
            got = drawing.read(svg)
            if not drawing.differences(expected, got):
                # A fixture may name the bars of some; here all count.
                expected = {**expected, 'activations': got['activations']}
                cls.sound.append((name, svg, expected))

    def test_damage_is_seen(self):
        for damage, least in DAMAGE:
            done = 0
            for name, svg, expected in self.sound:
                picture = drawing.Picture(svg)
                if not damage(picture):
                    continue
                done += 1
                with self.subTest(damage=damage.__name__, diagram=name):
                    damaged = ElementTree.tostring(picture.root, 'unicode')
                    self.assertNotEqual([], drawing.differences(
                        expected, drawing.read(damaged)))
            with self.subTest(damage=damage.__name__):
                self.assertGreaterEqual(done, least)

    def test_only_geometry_is_read(self):
        """The order of elements, titles, ids and data attributes are no
        help and no hindrance.
        """
        for name, svg, expected in self.sound:
            with self.subTest(name):
                root = ElementTree.fromstring(svg)
                for count, element in enumerate(root.iter()):
                    element[:] = list(element)[::-1]
                    element.set('id', f'x{count}')
                    element.set('data-from', 'nobody')
                root.append(ElementTree.Element(SVG + 'title'))
                shuffled = ElementTree.tostring(root, 'unicode')
                self.assertEqual([], drawing.differences(
                    expected, drawing.read(shuffled)))

    def test_a_wrong_expectation_is_seen(self):
        for name, svg, expected in self.sound:
            got = drawing.read(svg)
            for index, row in enumerate(expected['rows']):
                for key in row:
                    wrong = copy.deepcopy(expected)
                    wrong['rows'][index][key] = 'something else'
                    with self.subTest(name, row=index, key=key):
                        self.assertTrue(drawing.differences(wrong, got))
