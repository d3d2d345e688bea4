"""Executable reference models of Cyborg's attach, program and release.

The package knows neither Sphinx nor the specs' files: ``tools`` reads the
specs and imports this package, never the other way round.
"""
