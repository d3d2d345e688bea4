"""Reads what is recorded beside the models, or given in its place: a JSON
file that is one object with one list of rows.
"""

import json

from cyborg_models.kernel import itf
from cyborg_models.registry import InputError


def rows(path, key, what):
    """The rows of a file, of any kind; at least one.

    :param key: of the list
    :param what: the file is, as in ``a manifest``
    :raises InputError: saying file, line, what is wrong and the mend
    """
    try:
        data = json.loads(itf.content(path, what))
    except itf.TraceError as error:
        raise InputError(str(error)) from None
    except json.JSONDecodeError as error:
        raise InputError(f'{path}:{error.lineno}: not JSON: {error.msg}; '
                         'mend it there') from None
    except RecursionError:
        raise InputError(f'{path}: nested too deeply; give {what}') from None
    except ValueError as error:  # such as a number of a million digits
        raise InputError(f'{path}: {error}; give {what}') from None
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, list) or not found:
        raise InputError(f'{path}: there is no list "{key}"; write one, or '
                         f'give {what}')
    return found
