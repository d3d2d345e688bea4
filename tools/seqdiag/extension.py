"""Sequence diagrams in Sphinx: the cache, the count and the writers.

A diagram is drawn once for its text: the SVG is kept below the doctree
folder under a hash of the text and of this package's own code, so that a
changed renderer draws anew and an unchanged diagram is never drawn twice.
"""

import hashlib
import os
import re
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from tools import replay
from tools.seqdiag import render
from tools.seqdiag.directive import (
    REMARK,
    SeqdiagDirective,
    natural_size,
    seqdiag_node,
)

logger = logging.getLogger(__name__)

# What the build counts; `of(env)` holds [directives, drawn] per page.
_COUNTS = 'cyborg_seqdiag_counts'


def of(env):
    """The count of this environment: page -> [directives, drawn]."""
    if not hasattr(env, _COUNTS):
        setattr(env, _COUNTS, {})
    return getattr(env, _COUNTS)


class SphinxSeqdiag(SeqdiagDirective):
    """The directive within Sphinx: counted, and drawn through the cache."""

    @property
    def env(self):
        return self.state.document.settings.env

    def run(self):
        of(self.env).setdefault(self.env.docname, [0, 0])[0] += 1
        return super().run()

    def tie(self, source, lines):
        messages = super().tie(source, lines)
        replay.of(self.env).setdefault(self.env.docname, []).append(
            self.record)
        return messages

    def depend(self, paths):
        for path in paths:
            self.env.note_dependency(path)

    def remark(self, text, path=None, line=None):
        if path is None:
            path, line = self.place_of(None)
        logger.info('%s%s', REMARK, text, location=f'{path}:{line}')

    def find_file(self, name):
        path = super().find_file(name)
        self.env.note_dependency(str(path))
        return path

    def render(self, source, alt):
        key = hashlib.sha256('\0'.join(
            (_renderer(), alt, source)).encode()).hexdigest()
        folder = Path(self.env.doctreedir) / 'seqdiag'
        cached = folder / f'{key}.svg'
        try:
            return cached.read_text(encoding='utf-8')
        except OSError:
            pass
        svg = render(source, alt)
        of(self.env)[self.env.docname][1] += 1
        folder.mkdir(parents=True, exist_ok=True)
        # Several processes may write one diagram: the last rename wins, and
        # nobody reads half a file.
        handle, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            file.write(svg)
        os.replace(name, cached)
        return svg


@cache
def _renderer():
    """A name for the code that draws: its text and the parser's version."""
    digest = hashlib.sha256(version('seqdiag').encode())
    for name in ('language.py', 'svg.py'):
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


# --- writers ---------------------------------------------------------------

def visit_html(self, node):
    svg = _with_links(self, node)
    style = node['style']
    if style:
        svg = svg.replace('<svg ', f'<svg style="{style}" ', 1)
    classes = ' '.join(['seqdiag-scroll', *node['classes']])
    width, _ = natural_size(node['svg'])
    # The picture shrinks to 85 % and then scrolls, so that its text stays
    # readable on a phone.
    least = '' if style else f' style="--least:{width * .85:g}px"'
    self.body.append(f'<div class="{classes}" tabindex="0" role="group"'
                     f' aria-label="Diagram"{least}>{svg}'
                     '</div>')
    raise nodes.SkipNode


_REF = re.compile(r'href=":ref:`([^`<]*)`"')


def _with_links(writer, node):
    """The drawing, with ``:ref:`` targets made into addresses."""
    builder = writer.builder

    def resolve(match):
        domain = builder.env.get_domain('std')
        wanted = addnodes.pending_xref('', refexplicit=False)
        found = domain.resolve_xref(
            builder.env, builder.current_docname, builder, 'ref',
            match[1], wanted, nodes.inline())
        if found is None:
            logger.warning('seqdiag: undefined label %r in href', match[1],
                           location=node)
            return ''
        return 'href="{}"'.format(
            found.get('refuri') or '#' + found['refid'])

    return _REF.sub(resolve, node['svg'])


def visit_text(self, node):
    """For writers without pictures: say what the diagram shows."""
    text = nodes.paragraph('', f'[Diagram: {node["alt"]}]')
    nodes.container('', text)  # the man writer asks for its parent
    text.walkabout(self)
    raise nodes.SkipNode


class LatexImages(SphinxPostTransform):
    """For LaTeX, each drawing becomes an image file of its own."""

    default_priority = 5  # before Sphinx converts images to PDF
    formats = ('latex',)

    def run(self, **kwargs):
        folder = Path(self.env.doctreedir) / 'seqdiag'
        folder.mkdir(parents=True, exist_ok=True)
        for node in list(self.document.findall(seqdiag_node)):
            name = hashlib.sha256(node['svg'].encode()).hexdigest()[:16]
            path = folder / f'latex-{name}.svg'
            path.write_text(node['svg'], encoding='utf-8')
            uri = os.path.relpath(path, self.env.srcdir)
            # As wide as the text, unless it would then be too tall for a
            # page with its caption (about 1.3 times as high as wide), or
            # its words larger than those of the text (600 px wide).
            width, height = natural_size(node['svg'])
            share = max(1, min(100, int(130 * width / height),
                               int(100 * width / 600)))
            image = nodes.image('', uri=uri, alt=node['alt'],
                                width=f'{share}%')
            image['candidates'] = {'image/svg+xml': uri}
            self.env.images.add_file(self.env.docname, uri)
            node.replace_self(image)


# --- counting --------------------------------------------------------------

def start_reading(app, env, docnames):
    for count in of(env).values():
        count[1] = 0


def purge(app, env, docname):
    of(env).pop(docname, None)
    replay.of(env).pop(docname, None)


def merge(app, env, docnames, other):
    for docname in docnames:
        for kept in (of, replay.of):
            if docname in kept(other):
                kept(env)[docname] = kept(other)[docname]


def check_page(app, pagename, templatename, context, doctree):
    """A page with fewer diagrams than directives must not pass."""
    wanted = of(app.env).get(pagename, [0, 0])[0]
    found = context.get('body', '').count(' class="seqdiag" role="img"')
    if found < wanted:
        logger.warning(
            'seqdiag: %d of the %d diagrams of this page are missing from '
            'the HTML', wanted - found, wanted, location=pagename)


def report(app, exception):
    if exception is None:
        counts = of(app.env).values()
        total = sum(count[0] for count in counts)
        drawn = sum(count[1] for count in counts)
        logger.info('seqdiag: %d diagrams, %d drawn in this build', total,
                    drawn)
        flows = [flow for page in replay.of(app.env).values()
                 for flow in page]
        logger.info(
            'flows: %d replayed, %d messages; %d without a model',
            sum(bool(flow['messages']) for flow in flows),
            sum(flow['messages'] for flow in flows),
            sum(bool(flow['reason']) for flow in flows))


def setup(app):
    app.add_directive('seqdiag', SphinxSeqdiag)
    app.add_node(
        seqdiag_node, html=(visit_html, None), text=(visit_text, None),
        man=(visit_text, None), texinfo=(visit_text, None))
    app.add_post_transform(LatexImages)
    app.connect('env-before-read-docs', start_reading)
    app.connect('env-purge-doc', purge)
    app.connect('env-merge-info', merge)
    app.connect('html-page-context', check_page)
    app.connect('build-finished', report)
    return {'version': '1', 'env_version': 1, 'parallel_read_safe': True,
            'parallel_write_safe': True}
