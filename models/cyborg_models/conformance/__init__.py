"""Whether a system keeps a contract: for who implements one.

The names below are imported when they are first asked for, so that the
package itself costs little.
"""

import importlib

_WHERE = {
    'oracle': ('Divergence', 'Oracle', 'OracleError', 'Undecided', 'OK',
               'REFUSED', 'UNKNOWN', 'IGNORE', 'HIDDEN_REST'),
    'suite': ('HarnessError', 'Refused', 'Suite', 'System', 'Unknown'),
    'itself': ('ModelSystem',),
}
__all__ = [name for names in _WHERE.values() for name in names]


def __getattr__(name):
    for module, names in _WHERE.items():
        if name in names:
            return getattr(importlib.import_module(
                f'{__name__}.{module}'), name)
    raise AttributeError(f'{__name__} has no {name}')
