"""Pictures, read back from where their marks stand.

Who moves where, and with which words, follows from coordinates alone: from
which box a line leaves, at which its head points, beside which line a word
stands.  What departs from the model is returned as complaints, so that the
tests also see that a planted fault is noticed.
"""

import itertools
import random
import re
import unittest
from dataclasses import dataclass
from unittest import mock
from xml.etree import ElementTree

from cyborg_models import drawing, registry
from cyborg_models.kernel import trace
from cyborg_models.kernel.language import Model, when

from . import small
from .test_trace import lasso

HOSTILE = '</text><script>"&\'\x00\x1b[31m\ud800 ' + 'x' * 300


# Reading back

@dataclass
class Box:
    x1: float
    y1: float
    x2: float
    y2: float

    def meets(self, other):
        return (self.x1 < other.x2 and other.x1 < self.x2
                and self.y1 < other.y2 and other.y1 < self.y2)

    def holds(self, x, y, margin=0.0):
        return (self.x1 - margin <= x <= self.x2 + margin
                and self.y1 - margin <= y <= self.y2 + margin)


@dataclass
class Word:
    kind: set
    text: str
    box: Box


class Picture:
    """The marks of an SVG."""

    def __init__(self, svg):
        root = ElementTree.fromstring(svg)
        names = {child: child.tag.rpartition('}')[2] for child in root}
        self.title = root[0].text
        self.told = root[1].text
        _, _, width, height = map(float, root.get('viewBox').split())
        self.canvas = Box(0, 0, width, height)
        self.boxes, self.words, self.arrows, self.lifelines = [], [], [], []
        for child, name in names.items():
            kind = set((child.get('class') or '').split())
            if name == 'rect' and 'node' in kind:
                x, y, wide, high = (float(child.get(key)) for key in (
                    'x', 'y', 'width', 'height'))
                self.boxes.append(Box(x, y, x + wide, y + high))
            elif name == 'text':
                self.words.append(self._word(child, kind))
            elif name == 'path' and 'edge' in kind:
                self.arrows.append([kind, points(child.get('d')), None])
            elif name == 'polygon':
                tip = child.get('points').split()[1].split(',')
                if self.arrows:
                    self.arrows[-1][2] = tuple(map(float, tip))
            elif name == 'line':
                self.lifelines.append(float(child.get('x1')))

    @staticmethod
    def _word(child, kind):
        size = (14 if 'title' in kind else
                10 if kind & {'change', 'key'} else 12)
        wide = drawing.text_width(child.text or '', size)
        x, y = float(child.get('x')), float(child.get('y'))
        if child.get('text-anchor') == 'middle':
            x -= wide / 2
        return Word(kind, child.text or '',
                    Box(x, y - 0.8 * size, x + wide, y + 0.2 * size))

    def named(self):
        """(box, its name) each, from the words that stand in it."""
        return [(box, plain(''.join(
            word.text for word in self.words if 'node-label' in word.kind
            and box.holds(word.box.x1, word.box.y2)
            and box.holds(word.box.x2, word.box.y1))))
            for box in self.boxes]

    def complaints(self):
        """What no picture may have."""
        found = []
        for one, two in itertools.combinations(self.boxes, 2):
            if one.meets(two):
                found.append(f'two boxes overlap: {one}, {two}')
        for thing in [*self.boxes, *(word.box for word in self.words)]:
            if not (self.canvas.holds(thing.x1, thing.y1)
                    and self.canvas.holds(thing.x2, thing.y2)):
                found.append(f'not on the canvas: {thing}')
        labels = [word for word in self.words
                  if 'node-label' not in word.kind]
        for word, box in itertools.product(labels, self.boxes):
            if word.box.meets(box):
                found.append(f'on a box: {word.text}')
        for one, two in itertools.combinations(labels, 2):
            if one.box.meets(two.box):
                found.append(f'words overlap: {one.text}, {two.text}')
        for _, path, tip in self.arrows:
            if tip is None or min(far(tip, path[0]), far(tip, path[-1])) > 1:
                found.append('an arrow whose head is not at its end')
            if not all(self.canvas.holds(*point) for point in path):
                found.append('an arrow leaves the canvas')
        return found


def far(one, two):
    return max(abs(one[0] - two[0]), abs(one[1] - two[1]))


def points(path):
    """The points of a path, close to each other."""
    found, words = [], path.split()
    while words:
        letter = words.pop(0)
        if letter == 'M':
            found.append((float(words.pop(0)), float(words.pop(0))))
            continue
        x, y = found[-1]
        if letter == 'C':
            a, b, c, d, e, f = (float(words.pop(0)) for _ in range(6))
            found += [(
                (1 - t) ** 3 * x + 3 * (1 - t) ** 2 * t * a
                + 3 * (1 - t) * t * t * c + t ** 3 * e,
                (1 - t) ** 3 * y + 3 * (1 - t) ** 2 * t * b
                + 3 * (1 - t) * t * t * d + t ** 3 * f)
                for t in (step / 16 for step in range(1, 17))]
            continue
        to = float(words.pop(0))
        steps = int(abs(to - (x if letter == 'H' else y))) // 2 + 1
        for step in range(1, steps + 1):
            share = step / steps
            found.append((x + (to - x) * share, y) if letter == 'H'
                         else (x, y + (to - y) * share))
    return found


def plain(text):
    """A text as it may be broken into lines: without spaces."""
    return re.sub(r'\s', '', drawing.clean(text))


def chart_faults(svg, chart):
    """Where a state chart departs from *chart*."""
    picture = Picture(svg)
    found, named = picture.complaints(), picture.named()
    if sorted(name for _, name in named) != sorted(
            map(plain, chart.values)):
        found.append(f'boxes: {sorted(name for _, name in named)}')

    def at(point):
        names = [name for box, name in named if box.holds(*point, 0.2)]
        return names[0] if len(names) == 1 else None
    drawn = {}
    for kind, path, tip in picture.arrows:
        if tip is not None and far(tip, path[0]) < far(tip, path[-1]):
            path = path[::-1]
        move = at(path[0]), at(path[-1])
        if move in drawn:
            found.append(f'drawn twice: {move}')
        drawn[move] = kind, path
        for box, _ in named:
            if any(box.holds(*point, -1) for point in path):
                found.append(f'{move} runs through a box')
    start = drawn.pop((None, plain(chart.start)), None)
    if start is None:
        found.append('the first value is not marked')
    said = {move: [] for move in drawn}
    for word in picture.words:
        if 'edge-label' in word.kind:
            move = beside(word, drawn)
            if move is None:
                found.append(f'stands alone: {word.text}')
            else:
                said[move].append(word)
    wanted = {tuple(map(plain, move)): move for move in chart.moves}
    for move in set(wanted) - set(drawn):
        found.append(f'not drawn: {move}')
    for move in set(drawn) - set(wanted):
        found.append(f'drawn, and no move: {move}')
    for move in set(drawn) & set(wanted):
        found += label_faults(chart, wanted[move], said[move],
                              drawn[move][0])
    return found


def beside(word, drawn):
    """The move whose line is just left of a word."""
    x, y = word.box.x1, (word.box.y1 + word.box.y2) / 2
    near = {x - px: move for move, (_, path) in drawn.items()
            for px, py in path if abs(py - y) < 9 and 0 < x - px < 8}
    return near[min(near)] if near else None


def label_faults(chart, move, words, kind):
    words = sorted(words, key=lambda word: word.box.y1)
    found = []
    for fault in (False, True):
        said = ''.join(word.text for word in words
                       if ('fault' in word.kind) == fault)
        names = [plain(name) for name in chart.moves[move]
                 if (name in chart.faults) == fault]
        if said.replace(',', '').replace(' ', '') != ''.join(
                names).replace(',', ''):
            found.append(f'{move} is said to be by {said}, not {names}')
    if ('fault' in kind) != chart.is_fault(move):
        found.append(f'{move} is dashed, or should be')
    return found


def sequence_faults(svg, told):
    """Where a sequence diagram departs from the run *told*."""
    picture = Picture(svg)
    found, read = picture.complaints(), []
    lanes = {}
    for x in picture.lifelines:
        heads = {name for box, name in picture.named()
                 if box.x1 < x < box.x2}
        if len(heads) != 1:
            found.append(f'the lifeline at {x} is of {heads}')
        else:
            lanes[x] = heads.pop()
    for kind, path, tip in picture.arrows:
        ends = (path[-1], path[0]) if tip == path[0] else (path[0], path[-1])
        who = [next((name for x, name in lanes.items()
                     if abs(x - end[0]) < 1), None) for end in ends]
        read.append([path[0][1], 'fault' in kind, *who])
    for row in trace.messages(told):
        # The words that begin with its number; the arrow next below.
        label = next((word for word in picture.words if word.kind & {
            'edge-label', 'separator-label'} and word.text.startswith(
                f'{row.number}. ')), None)
        if label is None:
            found.append(f'message {row.number} is missing')
            continue
        low, high = label.box.y1, following(picture, row.number + 1)
        words = [word for word in picture.words
                 if low <= word.box.y1 < high]
        text = ''.join(word.text for word in words if word.kind & {
            'edge-label', 'separator-label'} and not rule(word))
        if plain(text) != plain(f'{row.number}. {row.text}'):
            found.append(f'message {row.number} says {text}')
        changes = ''.join(word.text for word in words
                          if 'change' in word.kind)
        if plain(changes) != plain(''.join(map(str, row.changes))):
            found.append(f'message {row.number} changes {changes}')
        arrows = [one[1:] for one in read if low <= one[0] < high]
        wanted = [[row.step.action.fault, plain(row.sender),
                   plain(row.receiver)]] if row.sender else []
        if arrows != wanted:
            found.append(f'message {row.number} goes {arrows}')
    if len(picture.arrows) != sum(bool(row.sender)
                                  for row in trace.messages(told)):
        found.append('there are arrows of no message')
    return found


def rule(word):
    return word.text.startswith(('from here on', 'and again', 'and nothing'))


def following(picture, number):
    return min((word.box.y1 for word in picture.words
                if word.text.startswith(f'{number}. ')), default=1e9)


def text_faults(lines, told, width):
    """Where a diagram in a terminal departs from the run *told*."""
    found = [f'longer than {width}: {line}' for line in lines
             if len(line) > width or line.rstrip() != line]
    rows = [row for row in trace.messages(told) if row.sender]
    actors = list(dict.fromkeys(name for row in rows for name in (
        row.sender, row.receiver)))
    lanes = next([index for index, mark in enumerate(line) if mark != ' ']
                 for line in lines if line.strip() and set(line) <= {
                     ' ', '│', '|'})
    if len(lanes) != len(actors):
        return [*found, f'{len(lanes)} lifelines of {len(actors)} actors']
    at = dict(zip(lanes, actors, strict=True))
    read = []
    for line in lines:
        for mark in re.finditer(
                r'(?<=\s)[├|][─┄.-]*>|<[─┄.-]*[┤|](?=\s|$)|[├|][─┄.-][┐+]',
                line):
            text, low, high = mark[0], mark.start(), mark.end()
            ends = ((low, high) if text.endswith('>') else
                    (high - 1, low - 1) if text.startswith('<') else
                    (low, low))
            if text in ('<┘', '<+', '<|'):
                continue
            read.append((*(at.get(end) for end in ends),
                         '┄' in text or '.' in text))
    wanted = [(row.sender, row.receiver, row.step.action.fault)
              for row in rows]
    if read != wanted:
        found.append(f'arrows: {read}, and not {wanted}')
    text = ' '.join(''.join(lines).replace('│', '').split())
    at = 0
    for row in trace.messages(told):
        number = re.search(rf'(?<!\d){row.number}\. ', text[at:])
        if number is None:
            found.append(f'message {row.number} is missing')
        else:
            at += number.end()
    return found


# Inputs

def random_chart(seed):
    """A chart of at most 15 states and 40 moves."""
    chance = random.Random(seed)
    values = [f'S{index}' + 'X' * chance.choice((0, 6, 30))
              for index in range(chance.randint(1, 15))]
    moves = {(chance.choice(values[:index]), values[index]): ()
             for index in range(1, len(values))}
    for _ in range(chance.randint(0, 26)):
        moves[chance.choice(values), chance.choice(values)] = ()
    actions = [f'action_{index}' + 'y' * chance.choice((0, 9))
               for index in range(20)]
    return drawing.Chart(
        f'chart {seed}', values[0],
        {move: sorted(chance.sample(actions, chance.choice((1, 1, 2, 3, 7))))
         for move in moves}, frozenset(actions[::3]))


def hostile_run():
    m = Model('test.hostile')
    m.var('x', ('a<b>&"', HOSTILE), start='a<b>&"')

    @m.action(f'a "b" & <c> -> {HOSTILE}: {HOSTILE}'.replace('{', '('))
    def talk(s):
        """Always."""
        s.x = HOSTILE

    @m.action('nobody is named: & < "')
    def fall(s):
        """Once."""
        when(s.x == HOSTILE, 'X')
        s.x = 'a<b>&"'
    told = trace.Run(m, [m.initial], [])
    for step in (m.steps[0], m.steps[1], m.steps[0]):
        told.steps.append(step)
        told.states.append(trace.follow(m, told.states[-1], step))
    return told


class TestChart(unittest.TestCase):
    def test_random_charts(self):
        loops = backs = 0
        for seed in range(40):
            chart = random_chart(seed)
            self.assertEqual([], chart_faults(drawing.chart_svg(chart),
                                              chart), seed)
            order = {value: index for index, value
                     in enumerate(chart.values)}
            loops += sum(a == b for a, b in chart.moves)
            backs += sum(order[a] > order[b] for a, b in chart.moves)
        self.assertGreater(loops, 10)
        self.assertGreater(backs, 80)

    def test_planted_faults_are_noticed(self):
        chart = drawing.Chart('c', 'A', {
            ('A', 'B'): ['go'], ('B', 'C'): ['on', 'fail'],
            ('C', 'A'): ['fail'], ('B', 'B'): ['stay']},
            frozenset(['fail']))
        svg = drawing.chart_svg(chart)
        self.assertEqual([], chart_faults(svg, chart))
        lines = svg.split('\n')

        def without(words, count=1):
            index = [index for index, line in enumerate(lines)
                     if words in line][0]
            return '\n'.join(lines[:index] + lines[index + count:])
        for change, words in (
                (without('<path class="edge"', 2), 'not drawn'),
                (without('<path class="edge fault"', 2), 'not drawn'),
                (without('<polygon'), 'head is not at its end'),
                (without('>stay<'), "by , not \\['stay'"),
                (without('class="node"'), 'boxes:'),
                (without('class="first"', 3), 'first value is not marked'),
                (svg.replace('>go<', '>on<'), 'by on, not'),
                (svg.replace('"edge fault"', '"edge"'), 'dashed'),
                (re.sub(r'(<text class="edge-label" x=")[^"]*', r'\g<1>9999',
                        svg), 'not on the canvas'),
                (re.sub(r'(<rect class="node" x="[^"]*" y=")[^"]*',
                        r'\g<1>60', svg), 'two boxes overlap'),
                (re.sub(r' V [\d.]+"/>', ' V 999"/>', svg), 'leaves'),
                (svg.replace('>A<', '>Z<'), 'boxes:')):
            self.assertNotEqual(svg, change, words)
            self.assertRegex('\n'.join(chart_faults(change, chart)), words)

    def test_an_edge_that_is_forgotten_is_noticed(self):
        chart, real = random_chart(3), drawing._draw_edge
        skipped = next(move for move in chart.moves if move[0] != move[1])

        def forgetful(canvas, laid, ports, move, chain):
            if move != skipped:
                real(canvas, laid, ports, move, chain)
        with mock.patch.object(drawing, '_draw_edge', forgetful):
            self.assertIn('not drawn', '\n'.join(chart_faults(
                drawing.chart_svg(chart), chart)))

    def test_layers_that_are_not_kept_apart_are_noticed(self):
        seen = []
        with mock.patch.object(drawing, '_apart', return_value=0):
            for seed in range(5):
                chart = random_chart(seed)
                seen += chart_faults(drawing.chart_svg(chart), chart)
        self.assertTrue(seen)

    def test_one_value_and_no_move(self):
        chart = drawing.Chart('c', 'A', {})
        self.assertEqual([], chart_faults(drawing.chart_svg(chart), chart))
        self.assertEqual([('A (start) (end)', 'bold cyan')],
                         drawing.chart_text(chart))

    def test_hostile_names(self):
        chart = drawing.Chart(HOSTILE, HOSTILE, {
            (HOSTILE, 'a & b'): [HOSTILE, '"'], ('a & b', HOSTILE): ['<']},
            frozenset([HOSTILE]))
        svg = drawing.chart_svg(chart)
        self.assertEqual([], chart_faults(svg, chart))
        self.assertNotIn('<script', svg)
        svg.encode('utf-8')
        for width in (40, 80):
            for line, _ in drawing.chart_text(chart, width):
                self.assertLessEqual(len(line), width)
                self.assertNotIn('\x1b', line)

    def test_what_is_said(self):
        chart = random_chart(4)
        picture = Picture(drawing.chart_svg(chart))
        self.assertEqual('chart 4', picture.title)
        for (before, after), names in chart.moves.items():
            self.assertIn(f'{before} to {after} by {", ".join(names)}',
                          picture.told)

    def test_text(self):
        chart = drawing.Chart('c', 'A', {
            ('A', 'B'): ['go'], ('A', 'C'): ['fail'],
            ('B', 'A'): ['back', 'fail'], ('B', 'C'): ['on']},
            frozenset(['fail']))
        self.assertEqual([
            'A (start)', '  ├──> B: go', '  └┄┄> C: fail [fault]', 'B',
            '  ├──> A: back, fail [fault]', '  └──> C: on', 'C (end)',
        ], [line for line, _ in drawing.chart_text(chart)])
        self.assertEqual('  |--> B: go', drawing.chart_text(
            chart, marks=drawing.ASCII)[1][0])
        for seed in range(20):
            for width in (40, 80):
                for line, _ in drawing.chart_text(random_chart(seed), width):
                    self.assertLessEqual(len(line), width)

    def test_the_same_twice(self):
        for seed in range(5):
            self.assertEqual(drawing.chart_svg(random_chart(seed)),
                             drawing.chart_svg(random_chart(seed)))

    def test_spread_is_the_best_there_is(self):
        chance, looked = random.Random(2), 0
        for _ in range(50):
            wishes = [chance.uniform(0, 100) for _ in range(6)]
            weights = [chance.choice((1, 3, 8)) for _ in wishes]
            gaps = [chance.uniform(0, 30) for _ in wishes[1:]]
            found = drawing.spread(wishes, weights, gaps)

            def cost(xs, wishes=wishes, weights=weights):
                return sum(weight * (x - wish) ** 2 for x, wish, weight
                           in zip(xs, wishes, weights, strict=True))

            def apart(xs, gaps=gaps):
                return all(two - one >= gap - 1e-9 for one, two, gap
                           in zip(xs, xs[1:], gaps, strict=False))
            self.assertTrue(apart(found))
            for _ in range(50):
                # Every number moved on by as much as the one before it, or
                # by more: apart all the same.
                moved, other = chance.gauss(0, 5), []
                for x in found:
                    other.append(x + moved)
                    moved += chance.choice((0, 0, chance.expovariate(1)))
                self.assertTrue(apart(other))
                looked += cost(other) > cost(found) + 1e-9
                self.assertLessEqual(cost(found), cost(other) + 1e-9)
        self.assertGreater(looked, 2000)


class TestSequence(unittest.TestCase):
    def runs(self):
        for name in registry.names():
            yield trace.random_run(registry.choose(name).model,
                                   random.Random(5), 40)
        yield lasso(small.build())
        told = lasso(small.build())
        told.steps.pop()
        told.loop = 3
        yield told

    def test_svg(self):
        looked = 0
        for told in self.runs():
            svg = drawing.sequence_svg(told, 'a title')
            self.assertEqual([], sequence_faults(svg, told))
            self.assertEqual(svg, drawing.sequence_svg(told, 'a title'))
            looked += len(told.steps)
        self.assertGreater(looked, 150)

    def test_planted_faults_are_noticed(self):
        told = lasso(small.build())
        svg = drawing.sequence_svg(told, '')
        for change, words in (
                (re.sub(r'<path class="edge"[^>]*>\n<polygon[^>]*>\n', '',
                        svg, count=1), r'message 1 goes \[\]'),
                (svg.replace('>3. plug van1<', '>3. plug van0<'),
                 'message 3 says'),
                (svg.replace('>2. ', '>9. '), 'message 2 is missing'),
                (svg.replace('owner: None', 'owner: 0'),
                 'message 3 changes'),
                (re.sub(r'(d="M [\d.]+ [\d.]+ H )[\d.]+', r'\g<1>200', svg),
                 'head is not at its end'),
                (re.sub(r'(<line class="lifeline" x1=")[\d.]+',
                        r'\g<1>1', svg, count=1), 'lifeline at 1.0')):
            self.assertNotEqual(svg, change)
            self.assertRegex('\n'.join(sequence_faults(change, told)), words)

    def test_a_message_that_is_forgotten_is_noticed(self):
        told, real = lasso(small.build()), trace.messages

        def forgetful(told):
            return real(told)[1:]
        with mock.patch.object(trace, 'messages', forgetful):
            svg = drawing.sequence_svg(told, '')
            lines = [line for line, _ in drawing.sequence_text(told)]
        self.assertIn('message 1 is missing', sequence_faults(svg, told))
        self.assertIn('arrows', '\n'.join(text_faults(lines, told, 80)))

    def test_text(self):
        looked = 0
        for told in self.runs():
            for width, marks in itertools.product(
                    (60, 80, 120), (drawing.UNICODE, drawing.ASCII)):
                lines = [line for line, _ in drawing.sequence_text(
                    told, width, marks)]
                self.assertEqual([], text_faults(lines, told, width),
                                 '\n'.join(lines))
                if marks is drawing.ASCII:
                    self.assertTrue(''.join(lines).isascii())
                looked += len(lines)
        self.assertGreater(looked, 3000)

    def test_text_of_a_lasso(self):
        self.assertEqual('''\
      nova-compute     os-acc        plugin
            │             │             │
   1.       │ attach van0 │             │
            ├────────────>│             │
            │ state[0]: IDLE -> ASKED   │
            │             │             │
      ═══ from here on, again and again ════
            │             │             │
   2.       │ attach van1 │             │
            ├────────────>│             │
            │ state[1]: IDLE -> ASKED   │
            │             │             │
   3.       │             │ plug van1   │
            │             ├────────────>│
            │             │ state[1]: ASKED -> PLUGGED, owner: None -> 1
            │             │             │
   4.       │             │ unplug van1 │
            │             ├────────────>│
            │             │ state[1]: PLUGGED -> IDLE, owner: 1 -> None
            │             │             │
      ════ and again from 2, for ever ═══''', '\n'.join(
            line for line, _ in drawing.sequence_text(lasso(small.build()))))

    def test_no_room(self):
        told = trace.random_run(registry.choose('stein.system').model,
                                random.Random(5), 40)
        for width in (8, 20, 40):
            lines = [line for line, _ in drawing.sequence_text(told, width)]
            self.assertGreater(len(lines), 40)
        self.assertLessEqual(max(map(len, lines)), 40)

    def test_no_step(self):
        told = trace.Run(small.build(), [small.build().initial], [])
        self.assertEqual([], sequence_faults(
            drawing.sequence_svg(told, 'nothing'), told))
        self.assertIn('>no step<', drawing.sequence_svg(told, 'nothing'))
        self.assertIn('no step', drawing.sequence_text(told)[0][0])

    def test_hostile_names(self):
        told = hostile_run()
        svg = drawing.sequence_svg(told, HOSTILE)
        self.assertEqual([], sequence_faults(svg, told))
        self.assertNotIn('<script', svg)
        svg.encode('utf-8')
        for width in (40, 80, 120):
            for line, _ in drawing.sequence_text(told, width):
                self.assertLessEqual(len(line), width)
                self.assertRegex(line, '^[ -~\xa0-\uffff]*$')


if __name__ == '__main__':
    unittest.main()
