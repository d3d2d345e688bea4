"""Diagrams within Sphinx: options, cache, count, builders."""

import re
import sys
import unittest
from xml.etree import ElementTree

from tools import replay
from tools.tests import support

CONF = """\
import sys
sys.path.insert(0, {root!r})
project = 'Diagrams'
root_doc = 'index'
extensions = ['tools.seqdiag'{more}]
html_theme = 'basic'
html_copy_source = False
latex_engine = 'xelatex'
latex_use_xindy = False
"""
DIAGRAM = """\
.. seqdiag::
   :alt: The caller asks.
{options}
   caller -> callee [label = "{label}"];
"""
# Stands for rsvg-convert: the "PDF" is the SVG.
CONVERTER = """\
import shutil
from sphinx.transforms.post_transforms.images import ImageConverter


class Copy(ImageConverter):
    conversion_rules = [('image/svg+xml', 'application/pdf')]

    def is_available(self):
        return True

    def convert(self, source, target):
        shutil.copy(source, target)
        return True


def setup(app):
    app.add_post_transform(Copy)
"""
LOSING = """\
from tools.seqdiag.directive import seqdiag_node


def lose(app, doctree, docname):
    node = next(iter(doctree.findall(seqdiag_node)))
    node.parent.remove(node)


def setup(app):
    app.connect('doctree-resolved', lose)
"""
SVG = re.compile(r'<svg [^>]*class="seqdiag".*?</svg>', re.S)


def diagram(*options, label='ask'):
    """A directive with some options, each as ``:name: value``."""
    return DIAGRAM.format(options=''.join(
        f'   {option}\n' for option in options), label=label)


class Project(support.TempCase):
    """A test with a small Sphinx project of its own."""

    def write(self, **pages):
        """Write pages; the first is the root of the table of contents."""
        for name, text in pages.items():
            title = f'{name.capitalize()}\n{"=" * len(name)}\n\n'
            support.write(self.folder / 'src' / f'{name}.rst', title + text)

    def setUp(self):
        super().setUp()
        support.write(self.folder / 'src' / 'conf.py',
                      CONF.format(root=str(support.ROOT), more=''))

    def add_extension(self, name, code):
        """Give the project a Sphinx extension of its own."""
        support.write(
            self.folder / 'src' / 'conf.py',
            CONF.format(root=str(support.ROOT), more=f', {name!r}')
            + f'sys.path.insert(0, {str(self.folder / "code")!r})\n')
        support.write(self.folder / 'code' / f'{name}.py', code)
        self.addCleanup(sys.modules.pop, name, None)

    def build(self, *options, out='html', **more):
        return support.sphinx(self.folder / 'src', self.folder / out,
                              *options, **more)

    def good(self, *options, **more):
        """Build, and fail the test unless that worked."""
        result = self.build(*options, **more)
        self.assertEqual(0, result.code, result.output)
        return result.output

    def page(self, name='index', out='html'):
        return (self.folder / out / f'{name}.html').read_text(
            encoding='utf-8')

    def counts(self, *options, **more):
        """Build: (diagrams, drawn in this build)."""
        found = re.search(r'seqdiag: (\d+) diagrams, (\d+) drawn',
                          self.good(*options, **more))
        return int(found[1]), int(found[2])


class TestOptions(Project):
    """Each option of the directive shows in the page."""

    def html(self, *options, before='', after=''):
        self.write(index=f'{before}\n\n{diagram(*options)}\n{after}\n')
        self.good()
        return self.page()

    def test_each(self):
        # option -> what stands in the page with it, and not without it
        options = {
            ':align: right': 'align-right',
            ':caption: A *short* way': '<em>short</em>',
            ':class: wide': 'class="seqdiag-scroll wide"',
            ':figclass: broad': 'seqdiag-figure broad',
            ':figwidth: 60%': 'width: 60%',
            ':figwidth: image': re.compile(r'width: [\d.]+px'),
            ':height: 120': 'height:120px',
            ':maxwidth: 300': 'width:300px',
            ':name: The flow': 'id="the-flow"',
            ':scale: 50': re.compile(r'style="width:[\d.]+px"'),
            ':width: 20em': 'width:20em',
        }
        self.write(index=diagram())
        self.good()
        plain = self.page()
        for option, wanted in options.items():
            with self.subTest(option):
                html = self.html(option)
                pattern = (wanted if isinstance(wanted, re.Pattern)
                           else re.compile(re.escape(wanted)))
                self.assertRegex(html, pattern)
                self.assertNotRegex(plain, pattern)

    def test_every_option_is_tested(self):
        from tools.seqdiag.directive import SeqdiagDirective

        self.assertEqual(
            {'align', 'alt', 'caption', 'class', 'desctable', 'figclass',
             'figwidth', 'height', 'maxwidth', 'name', 'scale', 'width',
             *replay.OPTIONS},  # these in test_replay.py
            set(SeqdiagDirective.option_spec))

    def test_alt_is_the_accessible_name(self):
        html = self.html(':maxwidth: 300')
        svg = ElementTree.fromstring(SVG.search(html)[0])
        self.assertEqual('img', svg.get('role'))
        names = [svg.get('aria-label')] + [
            element.text for element in svg.iter()
            if element.tag.endswith('title')]
        self.assertIn('The caller asks.', names)

    def test_scale_halves_the_width(self):
        html = self.html(':width: 200', ':scale: 50')
        self.assertIn('width:100px', html)

    def test_desctable(self):
        self.write(index=(
            '.. seqdiag::\n   :alt: A asks B.\n   :desctable:\n\n'
            '   plugin attributes [team = Team];\n'
            '   A [description = "who asks", numbered = 2, team = red];\n'
            '   B [description = "who answers", numbered = 1];\n'
            '   A -> B [description = "the question"];\n'))
        self.good()
        cells = re.findall(r'<t[hd][^>]*><p>(.*?)</p></t[hd]>', self.page())
        self.assertEqual(
            ['No', 'Name', 'Team', 'Description',
             '1', 'B', '', 'who answers', '2', 'A', 'red', 'who asks',
             'Message', 'Description', 'A → B', 'the question'],
            [re.sub('<.*?>', '', cell) for cell in cells]
            or cells)

    def test_caption_has_a_permanent_link(self):
        html = self.html(':caption: Asking', ':name: asking')
        self.assertRegex(html, r'<a class="headerlink" href="#asking"')

    def test_caption_without_a_name_has_a_permanent_link_too(self):
        html = self.html(':caption: How it asks')
        self.assertIn('class="headerlink" href="#how-it-asks"', html)
        self.assertIn('id="how-it-asks"', html)

    def test_ref_to_the_name(self):
        html = self.html(':caption: Asking', ':name: asking',
                         before='See :ref:`asking`.')
        self.assertRegex(html, r'href="#asking"><span[^>]*>Asking</span>')

    def test_file_argument(self):
        self.write(index='.. seqdiag:: flow.diag\n   :alt: A asks B.\n')
        path = support.write(self.folder / 'src' / 'flow.diag', 'A -> B;')
        self.good()
        self.assertEqual(1, len(SVG.findall(self.page())))
        support.write(path, 'A -> B;\nB -> newcomer;')
        self.good()
        self.assertIn('newcomer', self.page())

    def test_links_of_participants(self):
        self.write(index=(
            '.. _there:\n\nThere\n-----\n\n.. toctree::\n\n   other\n\n'
            '.. seqdiag::\n   :alt: A asks B.\n\n'
            '   A [href = ":ref:`there`"];\n'
            '   B [href = ":ref:`elsewhere`"];\n'
            '   C [href = "https://example.org/?a=1&b=2"];\n'),
            other='.. _elsewhere:\n\nElsewhere\n---------\n\nText.\n')
        self.good()
        svg = SVG.search(self.page())[0]
        self.assertIn('href="#there"', svg)
        self.assertIn('href="other.html#elsewhere"', svg)
        self.assertIn('href="https://example.org/?a=1&amp;b=2"', svg)

    def test_two_diagrams_of_one_page_share_no_id(self):
        self.write(index='\n'.join(diagram(label=f'l{n}') for n in range(3)))
        self.good()
        ids = re.findall(r' id="([^"]+)"', self.page())
        self.assertEqual(sorted(set(ids)), sorted(ids))


class TestMistakes(Project):
    """Each fails the build, with the file and the line."""

    def fails(self, start, says, text, **pages):
        self.write(index=text, **pages)
        line = support.line_of(self.folder / 'src' / 'index.rst', start)
        result = self.build()
        self.assertNotEqual(0, result.code)
        self.assertRegex(result.output, rf'index\.rst:{line}: ')
        self.assertIn(says, result.output)
        self.assertNotIn('Traceback', result.output)

    def test_missing_alt(self):
        self.fails('.. seqdiag::', 'without :alt:; add one sentence',
                   'Text.\n\n.. seqdiag::\n\n   A -> B;')

    def test_syntax_error(self):
        self.fails('B -> ;', "expected a participant after '->'",
                   f'{diagram()}\n\n.. seqdiag::\n   :alt: A.\n\n'
                   '   A -> B;\n\n   // next\n   B -> ;')

    def test_syntax_error_in_a_nested_block(self):
        self.fails('B -> ;', "expected a participant after '->'",
                   '* one\n\n  .. note::\n\n     .. seqdiag::\n'
                   '        :alt: A.\n\n        A -> B;\n        B -> ;')

    def test_no_content(self):
        self.fails('.. seqdiag::', 'a seqdiag without content',
                   '.. seqdiag::\n   :alt: A.\n\nText.')

    def test_file_and_content(self):
        self.fails('.. seqdiag::', 'a file or content, not both',
                   '.. seqdiag:: x.diag\n   :alt: A.\n\n   A -> B;')

    def test_missing_file(self):
        self.fails('.. seqdiag::', 'cannot read the diagram file',
                   '.. seqdiag:: none.diag\n   :alt: A.\n')

    def test_file_outside_the_folder(self):
        support.write(self.folder / 'outside.diag', 'A -> B;')
        for name in ('../outside.diag', str(self.folder / 'outside.diag'),
                     '/etc/passwd'):
            with self.subTest(name):
                self.fails('.. seqdiag::', 'is not below the folder',
                           f'.. seqdiag:: {name}\n   :alt: A.\n')

    def test_link_to_a_file_outside_the_folder(self):
        support.write(self.folder / 'outside.diag', 'A -> B;')
        (self.folder / 'src' / 'in.diag').symlink_to('../outside.diag')
        self.fails('.. seqdiag::', 'is not below the folder',
                   '.. seqdiag:: in.diag\n   :alt: A.\n')

    def test_bad_option(self):
        self.fails('.. seqdiag::', 'align',
                   '.. seqdiag::\n   :alt: A.\n   :align: up\n\n   A -> B;')

    def test_label_of_href_that_is_not_there(self):
        self.fails('.. seqdiag::', "undefined label 'nowhere'",
                   '.. seqdiag::\n   :alt: A.\n\n'
                   '   A [href = ":ref:`nowhere`"];')

    def test_lost_diagram(self):
        self.add_extension('losing', LOSING)
        self.write(index=diagram() + '\n' + diagram(label='again'))
        result = self.build()
        self.assertNotEqual(0, result.code)
        self.assertIn('1 of the 2 diagrams of this page are missing',
                      result.output)


class TestCache(Project):
    """An unchanged diagram is drawn zero times."""

    def setUp(self):
        super().setUp()
        toctree = '\n\n.. toctree::\n\n   other\n'
        self.write(
            index=diagram(label='one') + '\n' + diagram(label='two')
            + toctree,
            other=diagram(label='three'))
        self.assertEqual((3, 3), self.counts())

    def test_second_build(self):
        self.assertEqual((3, 0), self.counts())

    def test_page_touched(self):
        path = self.folder / 'src' / 'other.rst'
        support.write(path, path.read_bytes())
        self.assertEqual((3, 0), self.counts())

    def test_page_changed_around_the_diagram(self):
        path = self.folder / 'src' / 'other.rst'
        support.write(path, path.read_text() + '\nMore.\n')
        self.assertEqual((3, 0), self.counts())
        self.assertIn('More.', self.page('other'))

    def test_environment_lost(self):
        (self.folder / 'doctrees' / 'environment.pickle').unlink()
        self.assertEqual((3, 0), self.counts())

    def test_everything_anew(self):
        self.assertEqual((3, 0), self.counts('-E', '-a'))

    def test_diagram_changed(self):
        support.edit(self.folder / 'src' / 'other.rst', 'three', 'four')
        self.assertEqual((3, 1), self.counts())
        self.assertIn('four', self.page('other'))

    def test_alt_changed(self):
        support.edit(self.folder / 'src' / 'other.rst', 'caller asks',
                     'caller demands')
        self.assertEqual((3, 1), self.counts())
        self.assertIn('caller demands', self.page('other'))

    def test_page_removed(self):
        (self.folder / 'src' / 'other.rst').unlink()
        self.write(index=diagram(label='one'))
        self.assertEqual((1, 0), self.counts())

    def test_same_diagram_on_two_pages_is_drawn_once(self):
        support.edit(self.folder / 'src' / 'other.rst', 'three', 'one')
        self.assertEqual((3, 0), self.counts())


class TestBuilds(Project):
    """Serial or parallel, HTML or not: the same diagrams."""

    COUNT = 8

    def setUp(self):
        super().setUp()
        names = [f'page{n}' for n in range(self.COUNT)]
        self.write(
            index='.. toctree::\n\n' + ''.join(
                f'   {name}\n' for name in names),
            **{name: diagram(f':name: {name}', f':caption: Of {name}',
                             label=f'{name} asks') + '\n' + diagram(
                                 label=f'{name} again') for name in names})

    def svgs(self, out):
        return {path.name: SVG.findall(path.read_text(encoding='utf-8'))
                for path in sorted((self.folder / out).glob('page*.html'))}

    def test_every_directive_gives_a_diagram(self):
        self.assertEqual((2 * self.COUNT, 2 * self.COUNT), self.counts())
        found = self.svgs('html')
        self.assertEqual([2] * self.COUNT, [*map(len, found.values())])
        for svg in sum(found.values(), []):
            ElementTree.fromstring(svg)

    def test_two_builds_give_the_same_bytes(self):
        self.good(doctrees=self.folder / 'one')
        self.good(out='again', doctrees=self.folder / 'two')
        for name in self.svgs('html'):
            self.assertEqual((self.folder / 'html' / name).read_bytes(),
                             (self.folder / 'again' / name).read_bytes())

    def test_parallel_gives_the_same_bytes(self):
        self.good(doctrees=self.folder / 'one')
        run = support.python(
            '-m', 'sphinx', '-W', '--keep-going', '-j2', '-b', 'html',
            '-d', self.folder / 'two', self.folder / 'src',
            self.folder / 'parallel')
        self.assertEqual(0, run.code, run.output)
        self.assertIn(f'seqdiag: {2 * self.COUNT} diagrams', run.output)
        self.assertEqual(self.svgs('html'), self.svgs('parallel'))
        self.assertEqual(self.COUNT, len(self.svgs('html')))

    def test_parallel_counts_what_it_drew(self):
        for drawn in (2 * self.COUNT, 0):
            run = support.python(
                '-m', 'sphinx', '-W', '-E', '-j2', '-b', 'html', '-d',
                self.folder / 'doctrees', self.folder / 'src',
                self.folder / 'html')
            self.assertIn(f'{2 * self.COUNT} diagrams, {drawn} drawn',
                          run.output)

    def test_other_html_builders(self):
        for builder, page, count in (
                ('dirhtml', 'page3/index.html', 2),
                ('singlehtml', 'index.html', 2 * self.COUNT)):
            with self.subTest(builder):
                self.good(out=builder, builder=builder)
                html = (self.folder / builder / page).read_text(
                    encoding='utf-8')
                self.assertEqual(count, len(SVG.findall(html)))

    def test_builders_without_pictures_say_what_is_shown(self):
        for builder, pattern in (('text', 'page3.txt'), ('man', '*.1'),
                                 ('texinfo', '*.texi')):
            with self.subTest(builder):
                self.good(out=builder, builder=builder)
                pages = [path.read_text(encoding='utf-8') for path in
                         (self.folder / builder).rglob(pattern)]
                self.assertEqual(1, len(pages))
                self.assertIn('The caller asks.', pages[0])
                self.assertNotIn('<svg', pages[0])

    def test_latex_includes_a_picture_per_diagram(self):
        self.add_extension('copying', CONVERTER)
        self.good(out='latex', builder='latex')
        [tex] = (self.folder / 'latex').glob('*.tex')
        included = re.findall(r'\\includegraphics(?:\[[^\]]*\])?\{+([^}]+)\}'
                              r'\.pdf\}', tex.read_text(encoding='utf-8')
                              .replace('sphinxinclude', 'include'))
        self.assertEqual(2 * self.COUNT, len(included))
        self.assertEqual(2 * self.COUNT, len(set(included)))
        for name in included:
            ElementTree.parse(self.folder / 'latex' / f'{name}.pdf')

    def test_other_builder_after_html_draws_nothing(self):
        self.good()
        self.assertEqual((2 * self.COUNT, 0), self.counts(
            out='text', builder='text'))


if __name__ == '__main__':
    unittest.main()
