"""The way from a page to the models: imported when first asked for.

A page that names no model costs nothing, and what a page takes from a model
makes it depend on the model's files.
"""

import functools
import importlib
import sys

from tools.specs import ROOT


class Problem(Exception):
    """What a page asks of a model and does not get: what, and the mend."""


@functools.cache
def load(name):
    """A module of ``cyborg_models``, from beside the specs.

    :raises Problem: if it cannot be imported
    """
    folder = str(ROOT / 'models')
    if folder not in sys.path:
        sys.path.append(folder)  # where it is installed, that one serves
    try:
        return importlib.import_module(f'cyborg_models.{name}')
    except (ImportError, SyntaxError) as error:
        raise Problem(f'cyborg_models.{name} cannot be imported: {error}; '
                      'mend it, or restore the folder models') from None


def figure(text):
    """See :func:`cyborg_models.figures.figure`.

    :raises Problem: saying what is unknown
    """
    return _ask(load('figures').figure, text)


def choose(name, pairs=()):
    """A model with settings; see :func:`cyborg_models.figures.choose`.

    :raises Problem: saying what is unknown
    """
    return _ask(load('figures').choose, name, tuple(pairs))


def compare(name, sides):
    """See :func:`cyborg_models.figures.compare`.

    :raises Problem: saying what is unknown
    """
    return _ask(load('figures').compare, name, tuple(map(tuple, sides)))


def chart(name, pairs, variable):
    """See :func:`cyborg_models.charts.find`.

    :raises Problem: saying what is unknown
    """
    return _ask(load('charts').find, name, pairs, variable)


def near(word, known):
    """``did you mean ...?``, or what there is."""
    return load('registry').near(word, known)


def _ask(function, *arguments):
    try:
        return function(*arguments)
    except (load('registry').InputError,
            load('kernel.language').ModelError) as error:
        raise Problem(str(error)) from None


def depend(document, names):
    """Have a page of Sphinx read again when a model that it names, or what
    is recorded of it, changes.
    """
    env = getattr(document.settings, 'env', None)
    if env is None:
        return
    for name in names:
        try:
            for path in (load('manifest').HERE, load('charts').HERE,
                         *_ask(load('registry').sources, name)):
                env.note_dependency(path)
        except Problem:
            pass  # it is reported where the model is asked for
