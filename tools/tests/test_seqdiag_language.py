"""The seqdiag language: mistakes, limits, any text at all, and its meaning.

The meaning is held against the seqdiag package's own builder, the oracle:
what it makes of a diagram is what ``tools.seqdiag.language`` must make of
it.
"""

import contextlib
import importlib
import importlib.metadata
import json
import string
import sys
import types
import unittest
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tools.seqdiag import DiagramError, language, render
from tools.tests import support

DIAGRAMS = sorted((Path(__file__).parent / 'diagrams').glob('*.diag'))
PROFILE = settings(max_examples=150, deadline=None, database=None,
                   derandomize=True, phases=[Phase.generate, Phase.shrink],
                   suppress_health_check=[HealthCheck.too_slow])

# diagram -> (line of the mistake, part of the message)
MISTAKES = {
    'A -> B;\nA \u2192 C;': (2, 'expected an arrow such as ->'),
    'A -> B;\nA -> B [failed = false];': (2, 'a flag is set by its name'),
    'A [stacked = maybe];': (1, 'a flag is set by its name'),
    # --- what the grammar does not take
    '': (1, 'the diagram is empty; expected a message'),
    '// only a comment\n': (1, 'the diagram is empty'),
    'A -> B;\nA -> ;\n': (2, "unexpected ';'; expected a participant "
                             "after '->'"),
    'A -> B;\nA =>': (2, 'the diagram ends too early; expected a '
                         "participant after '=>'"),
    'A -> B;\nB <--\n\n<-- C;': (2, "expected a participant after '<--'"),
    'A -> B [label = ];': (1, "expected a value after 'label ='"),
    'A -> B [\n  label = "x"\n': (2, "expected ',' or ']'"),
    'A -> B [\n  label "x"];': (2, "expected ',' or ']'"),
    'A;\nA -> B [label = two words];': (
        2, "unexpected 'words'; expected ',' or ']' (a text of several "
           'words needs quotes)'),
    'A -> B [, label = "x"];': (1, 'expected an attribute, such as label'),
    'A -> B [label = "x",];': (1, 'expected an attribute, such as label'),
    'A;\nB [': (2, 'ends too early; expected an attribute'),
    'A;\n[label = "x"];': (2, 'attributes only after a participant'),
    'A;;\nB;': (1, "unexpected ';'; expected a message"),
    'A -> B {\n  C;\n}': (2, "unexpected ';'"),
    'group {\n  A -> B;\n}': (2, "unexpected '->'"),

    # --- braces
    'seqdiag {\n  A -> B;\n': (1, "this '{' is never closed; expected '}'"),
    'A -> B;\nalt {\n  A -> B;\n': (2, "this '{' is never closed"),
    'A -> B;\nA -> B {\n  B -> C;\n': (2, "this '{' is never closed"),
    'seqdiag {\n  A;\n}\n}': (4, "no more '}' than '{'"),
    'A -> B;\n}': (2, "no more '}' than '{'"),
    'seqdiag {\n  A;\n}\nB;': (4, "nothing after the closing '}'"),

    # --- characters that mean nothing
    'A -> B;\n"open;\nC;': (2, 'expected the closing " of this text'),
    "A -> B [label = 'x];": (1, "the closing ' of this text"),
    'A;\nA->B;': (2, 'expected a space on both sides of the arrow'),
    'A;\nA ~> B;': (2, "cannot read '~> B;' at column 3; expected an arrow"),
    'A;\nB; $': (2, "cannot read '$' at column 4"),
    'A;\nB [width = -5];': (2, "cannot read '-5];'"),
    'A -> B;\n=== open\nC;': (2, "unexpected '='"),
    'A -> B;\nalt x {\n  === y ===\n  A -> B;\n}': (
        3, 'no separator inside alt, loop or group'),

    # --- names and values
    'A;\nA -> B [lable = "x"];': (
        2, "a message has no attribute 'lable'; did you mean 'label'?"),
    'A [\n  colour = red];': (
        2, "a participant has no attribute 'colour'; did you mean 'color'"),
    'A;\nzzz = 3;': (2, "a diagram has no attribute 'zzz'; known: act"),
    'group {\n  width2 = 3;\n  A;\n}': (2, 'a group has no attribute'),
    'alt {\n  A -> B;\n  note = x;\n}': (3, 'a fragment has no attribute'),
    'A [label];': (1, "'label' needs a value, such as label = \"text\""),
    'A;\nB [color = rde];': (2, "unknown colour 'rde' for color; did you "
                                "mean 'red'?"),
    'A [color = "#12345"];': (1, 'expected a CSS colour name or #rrggbb'),
    'A [shape = roundbox];': (1, "did you mean 'roundedbox'?"),
    'A [shape = zzz];': (1, "unknown shape 'zzz'; known: actor, "),
    'A -> B [style = wavy];': (1, 'expected solid, dotted, dashed, none'),
    'A [width = wide];': (1, 'is not a whole number from 1 to 2000'),
    'A [width = 0];': (1, 'is not a whole number from 1 to 2000'),
    'A;\n\ndefault_fontsize = 2001;': (3, 'is not a whole number'),
    'A -> B [dir = up];': (1, "unknown direction 'up'; expected one of ->"),
    'activation = some;\nA;': (1, "unknown activation 'some'"),
    'group {\n  A;\n  shape = circle;\n}': (3, 'box or line, not'),
    'class c [label = "x"];\nA [class = d];': (2, "unknown class 'd'; known: "
                                                  'c'),
    'A;\nplugin zzz;': (2, "unknown plugin 'zzz'; known: attributes"),
    'plugin attributes [x = X];\nA [y = 1];': (2, "no attribute 'y'"),

    # --- what draws nothing, or twice
    'seqdiag {\n}': (1, 'the diagram draws nothing'),
    'A;\ngroup {\n  color = red;\n}': (3, 'a group without a participant'),
    'group { A; }\ngroup {\n  B;\n  A;\n}': (
        4, "'A' stands in two groups; keep it in one"),
    'A;\nalt empty {\n  A;\n}': (2, "'alt' frames no message"),

    # --- what would reach out of the page
    'A;\nB [icon = "/etc/passwd"];': (2, "'icon' would read a file or a"),
    'A [background = "http://x.org/"];': (1, "'background' would read a"),
    'A;\nA -> B [icon = x];': (2, "'icon' would read"),
    'class c [icon = x];\nA [class = c];': (1, "'icon' would read"),
    'A;\nbackground = x;': (2, "'background' would read"),
    'A [href = "javascript:alert(1)"];': (1, 'is no link that is allowed'),
    'A [href = " JavaScript:alert(1)"];': (1, 'is no link that is allowed'),
    'A;\nB [href = "data:text/html,x"];': (2, 'is no link that is allowed'),
    'A [href = "file:///etc/passwd"];': (1, 'expected http://, https://'),
    'group {\n  A;\n  href = "javascript:x";\n}': (3, 'is no link'),
}

# Beyond every limit: refused, and at once.
HOSTILE = {
    '10,000 edges': 'A -> B;\n' * 10_000,
    '7,000 edges': 'A -> B;\n' * 7_000,
    '8,000 edges in a chain': 'A' + ' -> A' * 8_000,
    '1 MB label': 'A -> B [label = "' + 'x' * 1_000_000 + '"];',
    '60 kB label': 'A -> B [label = "' + 'x' * 60_000 + '"];',
    '1,000 deep fragments': 'alt {\n' * 1_000 + 'A -> B;' + '}' * 1_000,
    '1,000 deep edge blocks': 'A -> B {\n' * 1_000 + '}' * 1_000,
    '60,000 {': '{' * 60_000,
    '60,000 }': '}' * 60_000,
    '10,000 [': '[' * 10_000,
    '10,000 [ after a name': 'A ' + '[' * 10_000,
    '9,000 participants': ';'.join(f'p{n}' for n in range(9_000)),
    '10,000 participants': '\n'.join(f'p{n};' for n in range(10_000)),
    '3,000 groups': '\n'.join(f'group {{ a{n}; }}' for n in range(3_000)),
    '60,000 ;': ';' * 60_000,
    '60,000 =': '=' * 60_000,
    'open comment': '/*' + '\n' * 60_000,
    'open comments': '/* ' * 20_000,
    'escaped quotes': '"' + '\\"' * 30_000,
    'long name': 'x' * 60_000,
    'long style': 'A [style = "' + '1' * 900 + 'x"];',
    '30,000 names': 'x ' * 30_000 + '[',
}

# One step over a limit.
OVER = {
    'messages': 'A -> B;\n' * 401,
    'messages there and back': 'A => B;\n' * 201,
    'messages and separators': 'A -> B;\n... x ...\n' * 200 + 'A -> B;',
    'participants': ';'.join(f'p{n}' for n in range(41)),
    'depth': 'seqdiag {' + 'alt {' * 17 + 'A -> B;' + '}' * 18,
    'depth of a bare list': 'alt {' * 17 + 'A -> B;' + '}' * 17,
    'label': 'A -> B [label = "' + 'x' * 999 + '"];',
    'characters': 'A;' + ' ' * 65_535,
}

# At a limit: drawn.
ALLOWED = {
    'messages': 'A -> B;\n' * 400,
    'messages there and back': 'A => B;\n' * 200,
    'messages and separators': 'A -> B;\n... x ...\n' * 200,
    'alternatives': 'alt { A -> B; }\n' * 400,
    'participants': ';'.join(f'p{n}' for n in range(40)),
    'groups': ''.join(f'group {{ p{n}; }}' for n in range(40)),
    'depth': 'seqdiag {' + 'alt {' * 16 + 'A -> B;' + '}' * 17,
    'depth of a bare list': 'alt {' * 16 + 'A -> B;' + '}' * 16,
    'depth of edge blocks': 'A -> B {' * 16 + '}' * 16,
    'label': 'A -> B [label = "' + 'x' * 998 + '"];',
    'label of many lines': 'A -> B [label = "' + 'x\\n' * 330 + '"];',
    'characters': 'A;' + ' ' * 65_534,
    'long labels': ('A -> B [label = "' + 'w ' * 400 + '"];\n') * 79,
    'tall notes': ('A -> B [note = "' + 'w\n' * 400 + '"];\n') * 79,
    'classes within themselves':
        'class a [class = a, color = red];\nA [class = a];',
    'attributes': 'A [' + ','.join(['color = red'] * 2_000) + '];',
}

RENDER_ALL = """
import json, signal, sys
from tools.seqdiag import DiagramError, render

def hangs(*_):
    raise TimeoutError('it hangs')

signal.signal(signal.SIGALRM, hangs)
out = {}
for name, source in json.load(open(sys.argv[1], encoding='utf-8')).items():
    signal.alarm(20)
    try:
        out[name] = ['drawn', render(source)]
    except DiagramError as error:
        out[name] = ['refused', error.message, error.line]
    except BaseException as error:
        out[name] = ['broken', repr(error)]
signal.alarm(0)
print(json.dumps(out))
"""


def outcome(source):
    """A drawing that is well-formed XML in UTF-8, or a DiagramError.

    :returns: ``'drawn'`` or ``'refused'``
    """
    try:
        svg = render(source, source)
    except DiagramError as error:
        if not (error.message and 1 <= error.line <= source.count('\n')
                + source.count('\r') + 1):
            raise AssertionError(f'bad error: {error!r}') from error
        return 'refused'
    root = ElementTree.fromstring(svg.encode())
    if root.tag != '{http://www.w3.org/2000/svg}svg':
        raise AssertionError(f'not an SVG: {root.tag}')
    return 'drawn'


class TestMistakes(unittest.TestCase):
    """Each is reported with its line and with what was expected."""

    def test_line_and_what_was_expected(self):
        for source, (line, says) in MISTAKES.items():
            with self.subTest(source):
                with self.assertRaises(DiagramError) as caught:
                    render(source)
                self.assertEqual(line, caught.exception.line)
                self.assertIn(says, caught.exception.message)
                self.assertLess(len(caught.exception.message), 500)
        self.assertGreaterEqual(len(MISTAKES), 50)

    def test_line_is_the_same_with_comments_and_blank_lines_above(self):
        for source, (line, _) in MISTAKES.items():
            if line == 1:  # where nothing is there at all, 1 stands for it
                continue
            with self.subTest(source), self.assertRaises(
                    DiagramError) as caught:
                render('/* a\n b */\n\n// c\n' + source)
            self.assertEqual(line + 4, caught.exception.line)


class TestLimits(support.TempCase):
    """A diagram that nobody can read is refused, in no time.

    All run in another process, so that one that hangs fails the test.
    """

    def render_all(self, sources):
        path = support.write(self.folder / 'sources.json',
                             json.dumps(sources))
        result = support.python('-c', RENDER_ALL, path, timeout=200)
        self.assertEqual(0, result.code, result.output[-2000:])
        return json.loads(result.output)

    def test_hostile_diagrams_are_refused(self):
        for name, result in self.render_all(HOSTILE).items():
            with self.subTest(name):
                self.assertEqual('refused', result[0], result[1][:200])
                self.assertLess(len(result[1]), 1_500)
        self.assertGreaterEqual(len(HOSTILE), 20)

    def test_one_step_over_a_limit_is_refused(self):
        for name, result in self.render_all(OVER).items():
            with self.subTest(name):
                self.assertEqual('refused', result[0])
                self.assertRegex(result[1], 'more than|at most')

    def test_at_a_limit_it_is_drawn(self):
        for name, result in self.render_all(ALLOWED).items():
            with self.subTest(name):
                self.assertEqual('drawn', result[0], result[1][:200])
                ElementTree.fromstring(result[1])

    def test_every_attribute_with_any_value_is_drawn_or_refused(self):
        uses = {'participant': 'A [{}]; A -> B; A -> A;',
                'message': 'A -> B [{}]; B -> B [{}];',
                'group': 'group {{ A; B; {} }} A -> B;',
                'diagram': '{}; A; A -> B [note = "n"]; === x ===',
                'fragment': 'alt {{ A -> B; {} }}'}
        values = ('x', '1', '5', '2000', 'red', 'dashed', '4,2', '0,0',
                  'box', 'none', '"https://x.org/"', '"back"', '" "', '""')
        sources = [uses[kind].replace('{}', f'{name} = {value}').replace(
            '{{', '{').replace('}}', '}')
            for kind, attributes in language.ATTRIBUTES.items()
            for name in attributes for value in values]
        outcomes = {'drawn': 0, 'refused': 0}
        for source, result in self.render_all(
                {source: source for source in sources}).items():
            with self.subTest(source):
                self.assertIn(result[0], outcomes, result[1])
                outcomes[result[0]] += 1
                if result[0] == 'drawn':
                    ElementTree.fromstring(result[1])
        self.assertGreaterEqual(min(outcomes.values()), 300, outcomes)


# --- any text at all -------------------------------------------------------

WORDS = st.sampled_from([
    '{', '}', '[', ']', ';', ',', '=', '->', '-->', '->>', '<-', '<<--',
    '=>', '"', "'", '"""', '===', '...', '=== x ===', '//', '/*', '*/', '#',
    'A', 'B', 'label', 'color', 'red', '"x y"', 'alt', 'loop', 'group',
    'class', 'plugin', 'autoclass', 'seqdiag', 'note', 'failed', 'return',
    'href', '"https://x.org/"', 'style', '4,2', '10', 'shape', 'actor',
    'activation', 'none', 'autonumber', 'True', '\n', ' ', '\\', '\\n',
])
SOUP = st.lists(WORDS, max_size=40).map(' '.join)


class TestAnyText(unittest.TestCase):
    """Whatever is given: a drawing that parses, or a DiagramError."""

    @PROFILE
    @given(st.text(max_size=200))
    def test_text(self, source):
        outcome(source)

    @PROFILE
    @given(SOUP)
    def test_words_of_the_language(self, source):
        outcome(source)

    @PROFILE
    @given(st.text(max_size=30), st.text(max_size=30))
    def test_labels(self, one, two):
        one, two = (text.replace('"', '').replace('\\', '')
                    for text in (one, two))
        outcome(f'A [label = "{one}", description = "{two}"];\n'
                f'A -> B [label = "{one}", note = "{two}"];\n'
                f'alt "{one}" {{ A -> B; }}\n'
                f'group {{ label = "{two}"; C; }}')

    def test_characters_that_xml_refuses(self):
        characters = ['\0', '\x01', '\x0b', '\x0c', '\x1f', '\x7f', '\x85',
                      '\ud800', '\udfff', '\ufffe', '\uffff', '\u2028']
        for character in characters:
            for source in ('A [label = "a{}b"];', 'A -> B [note = "a{}b"];',
                           'A [href = "https://x.org/{}"];',
                           'A -> B [label = "{}"];',
                           'alt "{}" {{ A -> B; }}', '"{}" -> B;',
                           'group {{ label = "{}"; A; }}'):
                source = source.format(character)
                with self.subTest(source):
                    outcome(source)

    def test_markup_in_text_stays_text(self):
        evil = '</text><script>alert(1)</script>\'&quot;&#x3c;]]>'
        svg = render(
            f'A [label = "{evil}", href = "https://x.org/?{evil}"];\n'
            f'A -> B [label = "{evil}", note = "{evil}"];\n=== {evil} ===\n'
            f'alt "{evil}" {{ A -> B; }}\ngroup {{ label = "{evil}"; C; }}',
            evil + '"')
        tags = {element.tag.rpartition('}')[2]
                for element in ElementTree.fromstring(svg).iter()}
        self.assertNotIn('script', tags)
        self.assertIn(evil + '"', [text for text in ElementTree.fromstring(
            svg).attrib.values()] + [
                element.text for element
                in ElementTree.fromstring(svg).iter()])


# --- valid diagrams --------------------------------------------------------

NAMES = ['alpha', 'beta', 'gamma', 'delta', '日本', 'é-1']
TEXTS = st.text(string.ascii_letters + ' éж中<&\'', max_size=12)


def _quoted(text):
    return f'"{text}"'


def _attributes(**choices):
    """A list of some of the attributes, each with one of its values."""
    pairs = st.tuples(*(st.none() | value.map(
        lambda text, name=name: name.rstrip("_") if text is None
        else f'{name.rstrip("_")} = {text}')
        for name, value in choices.items()))
    return pairs.map(lambda found: [text for text in found if text]).map(
        lambda found: f' [{", ".join(found)}]' if found else '')


FLAG = st.just(None)
PARTICIPANT = st.sampled_from(NAMES)
PARTICIPANTS = st.tuples(PARTICIPANT, _attributes(
    label=TEXTS.map(_quoted), activated=FLAG,
    shape=st.sampled_from(['box', 'actor', 'cloud']),
    color=st.sampled_from(['red', '"#abcdef"']))).map(''.join)
ARROWS = st.sampled_from([arrow for arrow in language.ARROWS
                          if not arrow.isalpha()])
MESSAGE_ATTRIBUTES = _attributes(
    label=TEXTS.map(_quoted), note=TEXTS.map(_quoted),
    leftnote=TEXTS.map(_quoted), return_=TEXTS.map(_quoted), failed=FLAG,
    diagonal=FLAG, noactivate=FLAG, activate=FLAG, async_=FLAG,
    dir=st.sampled_from(['forward', 'back', 'both']),
    style=st.sampled_from(['dotted', 'solid', '"4,2"']))
CHAINS = st.tuples(
    PARTICIPANT, st.lists(st.tuples(ARROWS, PARTICIPANT), min_size=1,
                          max_size=3), MESSAGE_ATTRIBUTES).map(
    lambda parts: ' '.join([parts[0], *(f'{arrow} {name}' for arrow, name
                                        in parts[1])]) + parts[2])
SEPARATORS = st.tuples(
    st.sampled_from(['===', '...']), st.text(string.ascii_letters, min_size=1,
                                             max_size=8)).map(
    lambda parts: f'{parts[0]} {parts[1]} {parts[0]}')
EDGE_BLOCKS = st.recursive(CHAINS, lambda inner: st.tuples(
    CHAINS, st.lists(inner | SEPARATORS, min_size=1, max_size=3)).map(
    lambda parts: parts[0] + ' {\n' + ';\n'.join(
        f' {text}' for text in parts[1]).replace(
        '===;', '===').replace('...;', '...') + '\n}'), max_leaves=4)
FRAGMENTS = st.recursive(EDGE_BLOCKS, lambda inner: st.tuples(
    st.sampled_from(['alt', 'loop']), TEXTS.map(_quoted),
    st.lists(inner, min_size=1, max_size=3), st.lists(
        PARTICIPANT, max_size=1)).map(
    lambda parts: f'{parts[0]} {parts[1]} {{\n' + '\n'.join(
        f' {text};' for text in (*parts[3], *parts[2])) + '\n}'),
    max_leaves=4)
GROUPS = st.lists(st.sets(PARTICIPANT, min_size=1), max_size=2).map(
    lambda groups: [groups[0], *(group - groups[0] for group in groups[1:])]
    if groups else []).map(
    lambda groups: ''.join(
        'group {{\n label = g;\n {};\n}}\n'.format(';\n '.join(sorted(group)))
        for group in groups if group))
SETTINGS = st.sampled_from([
    '', 'activation = none;\n', 'autonumber = True;\n',
    'autonumber = false;\n', 'default_shape = roundedbox;\n'])
VALID = st.tuples(
    SETTINGS, st.lists(PARTICIPANTS, max_size=3), GROUPS,
    st.lists(FRAGMENTS | SEPARATORS, min_size=1, max_size=6)).map(
    lambda parts: parts[0] + ''.join(f'{text};\n' for text in parts[1])
    + parts[2] + '\n'.join(parts[3])).filter(
    lambda source: any(name in source for name in NAMES)).map(
    lambda source: f'seqdiag {{\n{source}\n}}')


class TestValid(support.TempCase):
    """Generated diagrams are drawn, and always in the same way."""

    drawn = {}

    @PROFILE
    @given(VALID)
    def draw(self, source):
        svg = render(source)
        ElementTree.fromstring(svg)
        self.assertEqual(svg, render(source))
        self.drawn[source] = svg

    def test_the_same_text_is_drawn_in_the_same_way_everywhere(self):
        self.drawn = {path.stem: render(path.read_text(encoding='utf-8'))
                      for path in DIAGRAMS}
        sources = {path.stem: path.read_text(encoding='utf-8')
                   for path in DIAGRAMS}
        self.draw()
        sources.update((text, text) for text in self.drawn
                       if text not in sources)
        self.assertGreaterEqual(len(sources), 100)
        path = support.write(self.folder / 'sources.json',
                             json.dumps(sources))
        for seed in ('1', '2'):
            result = support.python('-c', RENDER_ALL, path,
                                    PYTHONHASHSEED=seed)
            again = json.loads(result.output)
            self.assertEqual(
                [], [name for name, svg in self.drawn.items()
                     if again[name] != ['drawn', svg]])


# --- the oracle ------------------------------------------------------------

@contextlib.contextmanager
def _pkg_resources():
    """The one function of pkg_resources that blockdiag calls."""
    stub = types.ModuleType('pkg_resources')
    stub.iter_entry_points = lambda group, name=None: [
        entry for entry in importlib.metadata.entry_points(group=group)
        if name in (None, entry.name)]
    with mock.patch.dict(sys.modules, pkg_resources=stub):
        yield


class Oracle:
    """The seqdiag package, with its memory wiped before each diagram."""

    def __init__(self):
        saved = set(sys.modules)
        with _pkg_resources():
            self.builder = importlib.import_module('seqdiag.builder')
            self.elements = importlib.import_module('seqdiag.elements')
            self.parser = importlib.import_module('seqdiag.parser')
            self.plugins = importlib.import_module('blockdiag.plugins')
            importlib.import_module('blockdiag.noderenderer').init_renderers()
            kept = {name: module for name, module in sys.modules.items()
                    if name not in saved and name != 'pkg_resources'}
        sys.modules.update(kept)

    def forget(self):
        """Undo what one diagram leaves in the package's classes."""
        elements = self.elements
        for kind in (elements.DiagramNode, elements.DiagramEdge,
                     elements.NodeGroup, elements.EdgeSeparator):
            kind.clear()
        # Its own clear() is that of another class.
        for name in ('textcolor', 'fontfamily', 'fontsize', 'style'):
            if name in vars(elements.AltBlock):
                delattr(elements.AltBlock, name)
        elements.AltBlock.basecolor = elements.AltBlock.linecolor = (0, 0, 0)
        elements.Diagram.classes.clear()
        for memory in (self.plugins.loaded_plugins,
                       self.plugins.node_handlers,
                       self.plugins.general_handlers):
            memory.clear()

    def read(self, source):
        """What the package makes of a diagram, as plain data."""
        self.forget()
        try:
            tree = self.parser.parse_string(source)
        except self.parser.ParseException:
            tree = self.parser.parse_string(f'seqdiag {{\n{source}\n}}')
        # The package sets default_shape on a class and then wipes it, so
        # that it has no effect there. Here it has.
        shape = next((statement.value for statement in tree.stmts
                      if getattr(statement, 'name', '') == 'default_shape'),
                     'box')
        diagram = self.builder.ScreenNodeBuilder.build(tree)
        # Separators are taken out of the edges; their places stay free.
        rows = {edge.order: _row(edge, edge.dir) for edge in diagram.edges}
        rows.update((separator.order, (separator.type, separator.label))
                    for separator in diagram.separators)
        return {
            'participants': [
                (node.id, node.label,
                 vars(node).get('shape', shape)) for node
                in sorted(diagram.nodes, key=lambda node: node.xy.x)],
            'rows': [rows[order] for order in sorted(rows)],
            'groups': [(group.label, sorted(node.id for node in group.nodes))
                       for group in diagram.groups],
            'fragments': [
                (block.type, _bare(block.id), block.xlevel - 1,
                 sorted({edge.order for edge in block.edges}))
                for block in diagram.altblocks],
            'activations': {
                node.id: sorted((bar['level'], bar['lifetime'][0],
                                 bar['lifetime'][-1])
                                for bar in node.activities)
                for node in diagram.nodes},
        }


def _row(edge, direction):
    return (edge.node1.id, edge.node2.id, direction, edge.style or 'solid',
            bool(edge.asynchronous), edge.label or '', edge.leftnote or '',
            edge.rightnote or '', bool(edge.failed), bool(edge.diagonal))


def _bare(text):
    """A guard without its quotes, which the package leaves on."""
    return (text or '').strip('"')


def ours(source):
    """What we make of a diagram, as plain data."""
    diagram = language.parse(source)
    order = {row: index for index, row in enumerate(diagram.rows)}
    return {
        'participants': [(node.id, node.label, node.shape)
                         for node in diagram.participants],
        'rows': [_row(row, row.direction)
                 if isinstance(row, language.Message)
                 else (row.kind, row.label) for row in diagram.rows],
        'groups': [(group.label, sorted(node.id for node in group.members))
                   for group in diagram.groups],
        'fragments': [
            (fragment.kind, _bare(fragment.guard), fragment.depth,
             sorted({order[message] for message in fragment.messages}))
            for fragment in diagram.fragments],
        'activations': {
            node.id: sorted(
                (level, start, (len(order) if end is None else end) - 1)
                for level, start, end in node.activations)
            for node in diagram.participants},
    }


class TestOracle(unittest.TestCase):
    """Our meaning of a diagram is the seqdiag package's."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.oracle = Oracle()

    def test_every_diagram_of_the_corpus(self):
        parts = dict.fromkeys(
            ('participants', 'rows', 'groups', 'fragments', 'activations'), 0)
        for path in DIAGRAMS:
            source = path.read_text(encoding='utf-8')
            with self.subTest(path.stem):
                expected = self.oracle.read(source)
                self.assertEqual(expected, ours(source))
                for part in parts:
                    parts[part] += bool(expected[part])
        self.assertGreaterEqual(len(DIAGRAMS), 40)
        self.assertGreaterEqual(min(parts.values()), 4, parts)

    @PROFILE
    @given(VALID)
    def test_generated_diagrams(self, source):
        self.assertEqual(self.oracle.read(source), ours(source))

    def test_the_oracle_remembers_nothing(self):
        plain = 'A -> B;'
        before = self.oracle.read(plain)
        for path in DIAGRAMS:
            self.oracle.read(path.read_text(encoding='utf-8'))
            self.assertEqual(before, self.oracle.read(plain), path.stem)


if __name__ == '__main__':
    unittest.main()
