"""What pages take from the models: figures, as roles.

``:model-value:`stein.system states``` becomes the figure that is recorded
or counted, so that no number about a model is typed by hand.  Without
Sphinx, so that one file can be checked in a moment.
"""

from docutils import nodes

from tools import models


def model_value(name, rawtext, text, lineno, inliner, options=None,
                content=None):
    """The role ``model-value``: a figure, as :mod:`cyborg_models.figures`
    knows it.
    """
    text = nodes.unescape(text)
    models.depend(inliner.document, text.split()[:1])
    try:
        figure = models.figure(text)
    except models.Problem as problem:
        message = inliner.reporter.error(
            f':{name}:`{text}`: {problem}', line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [nodes.inline(rawtext, f'{figure:,}',
                         classes=['model-value'])], []


ROLES = {'model-value': model_value}


def setup(app):
    """Register with Sphinx."""
    for name, role in ROLES.items():
        app.add_role(name, role)
    return {'version': '1', 'parallel_read_safe': True,
            'parallel_write_safe': True}
