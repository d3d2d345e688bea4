"""Sequence diagrams in the seqdiag language, drawn as SVG.

``language`` reads the source, ``svg`` draws it, ``directive`` is what an
RST file uses, and ``extension`` is what Sphinx needs.  The first three
import no Sphinx, so that one file can be checked in a moment.
"""

import re

from tools.seqdiag.language import DiagramError, parse
from tools.seqdiag.svg import draw

__all__ = ['DiagramError', 'render', 'setup']


def render(source, alt=''):
    """Draw a diagram.

    :param source: seqdiag source
    :param alt: what the diagram shows, for those who do not see it
    :returns: an ``<svg>`` element as text
    :raises DiagramError: naming the line within *source*, what is wrong and
        what was expected
    """
    # What XML cannot hold would make the whole page unreadable.
    return re.sub(r'[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]',
                  '\ufffd', draw(parse(source), alt))


def setup(app):
    """Register the directive with Sphinx."""
    from tools.seqdiag.extension import setup as setup_extension

    return setup_extension(app)
