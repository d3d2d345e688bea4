"""What the contracts ask for, as data for the conformance kit.

``python -m tools.contract`` writes what the approved specs of each release
require into ``contract.json`` of ``cyborg_models.conformance``, which knows
nothing of the specs' files.  The capabilities are read from the table of
``specs/stein/approved/conformance.rst``; the role of a requirement is the
subject of its sentence, as that spec says.
"""

import json
import re
import sys
from pathlib import Path

from tools import evidence, specs

FILE = 'models/cyborg_models/conformance/contract.json'
VERSIONS = {'rocky': 'rocky 1.0', 'stein': 'stein 1.0'}
LEVELS = {'MUST': 'obliges', 'MUST NOT': 'obliges', 'SHOULD': 'recommends',
          'SHOULD NOT': 'recommends', 'MAY': 'permits'}
#: release -> (how a sentence begins, roles), the first that fits
ROLES = {
    'stein': (
        (r'Cyborg\b|cyborg-|A conductor\b', ['cyborg']),
        (r'The agent\b', ['agent']),
        (r'Nova\b|nova-|A user\b', ['nova']),
        (r'Placement\b', ['placement']),
        # These name the whole: each role does its part.
        (r'A deleted instance\b|An implementation\b|A step that needs a host'
         r'|A guest\b', ['cyborg', 'agent', 'nova', 'placement'])),
    'rocky': (
        (r'Nova\b|nova-|Cyborg and Nova\b', ['nova']),
        (r'The Cyborg API\b|Cyborg\b|The conductor\b', ['cyborg']),
        (r'The driver|A driver', ['driver']),
        (r'The agent\b|A discovery report\b|Whoever reports slots\b',
         ['agent']),
        (r'A (PCI )?plugin|The (NovaLink )?plugin', ['plugin']),
        (r"os-acc\b|Common code\b|``|A ``|A running ``|After a plugin's"
         r"|Between BOUND|Every change that the host makes", ['library'])),
}
#: of Rocky: capability -> section of os-acc, and what else it brings
ROCKY = {'program': ('Programming', (
    'OSACC-021', 'OSACC-023', 'OSACC-041', 'OSACC-042', 'OSACC-060',
    'OSACC-064', 'OSACC-065', 'OSACC-066'))}


class ContractError(Exception):
    """A spec that is no contract: ``file:line: what; the mend``."""


def roles(release, sentence):
    """The roles that a requirement is for; none if nobody is named."""
    for pattern, found in ROLES[release]:
        if re.match(pattern, sentence):
            return found
    return []


def capabilities(lines):
    """The rows of the table of capabilities: name -> (roles, what it means,
    ids that it brings, capabilities that it asks for).
    """
    start = lines.index('.. _conformance-capabilities:')
    rows, cell = [], None
    for line in lines[start:]:
        if line.startswith('A requirement that several'):
            break
        if match := re.match(r'   \* - (.*)', line):
            rows.append([match[1]])
        elif match := re.match(r'     - (.*)', line):
            rows[-1].append(match[1])
        elif rows and re.match(r'       \S', line):
            rows[-1][-1] += f' {line.strip()}'
    found = {}
    for cell in rows[1:]:
        name, who, means, brings = cell
        found[name.strip('`')] = (
            who.split(', '), means.partition('; asks for')[0],
            re.findall(r':need:`([\w-]+)`', brings),
            re.findall(r'asks for ``([\w-]+)``', means))
    return found


def contract(release, root=specs.ROOT):
    """What a release asks for: an object for ``contract.json``.

    :raises ContractError: if a requirement has no level or no role
    """
    read = [specs.read(path) for path in sorted(
        Path(root, 'specs', release, 'approved').glob('*.rst'))]
    table = capabilities(next(
        spec for spec in (read if release == 'stein' else [specs.read(Path(
            root, 'specs/stein/approved/conformance.rst'))])
        if spec.slug == 'conformance').lines)
    if release != 'stein':
        table = {'core': (['all'], table['core'][1], [], [])}
        table |= {name: (['all'], f'what the section {section} has', ids, [])
                  for name, (section, ids) in ROCKY.items()}
    rows, found = [], evidence.read(root)
    for spec in read:
        if spec.slug == 'conformance' or spec.status != 'approved':
            continue  # its requirements are about tests and claims
        for one in evidence.stated(spec):
            rows.append(_requirement(spec, one, release, table, found))
    if not rows:
        raise ContractError(f'{release}: no approved spec has a requirement; '
                            'state some')
    every = sorted({role for row in rows for role in row['roles']})
    return {
        'version': VERSIONS[release], 'roles': every,
        'capabilities': {
            name: {'roles': every if who == ['all'] else who,
                   'means': means, 'asks': asks}
            for name, (who, means, _, asks) in table.items()},
        'rules': rows}


def _requirement(spec, one, release, table, found):
    level = re.search(r'\b(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\b',
                      one.sentence)
    who = roles(release, one.sentence)
    where = f'{spec.path}:{one.line}'
    if level is None or not who:
        raise ContractError(
            f'{where}: {one.id} names '
            + ('no role that ROLES has; begin it with who has to do it, or '
               'add the role' if level else
               'no level; use MUST, SHOULD or MAY'))
    section = max((line, title) for _, title, line in spec.sections
                  if line <= one.line)[1]
    brought = [
        name for name, (_, _, ids, _) in table.items() if one.id in ids
        or release == 'rocky' and spec.slug == 'os-acc'
        and section == ROCKY.get(name, ('', ()))[0]]
    return {'id': one.id, 'title': one.title, 'sentence': one.sentence,
            'level': LEVELS[level[1]], 'roles': who,
            'capabilities': brought or ['core'],
            'review': evidence.left_to_review(one, found),
            'page': f'specs/{release}/approved/{spec.slug}.html'}


def dumps(root=specs.ROOT):
    """The text of ``contract.json``."""
    return json.dumps({release: contract(release, root)
                       for release in VERSIONS}, indent=1) + '\n'


def main(root=specs.ROOT):
    """Write the file; returns the exit status."""
    try:
        text = dumps(root)
    except ContractError as error:
        print(f'contract: {error}', file=sys.stderr)
        return 1
    Path(root, FILE).write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
