"""What the contracts ask for, as data for the conformance kit.

``python -m tools.contract`` writes what the approved specs of each release
require into ``contract.json`` of ``cyborg_models.conformance``, which knows
nothing of the specs' files.  Capabilities and versions are read from the
tables of ``specs/stein/approved/conformance.rst``; the role of a requirement
is the subject of its sentence, as that spec says.

A version has a digest of what it asks for.  Where that differs from what is
asked now, nothing is written before the table of versions has a row more;
``--words`` is for sentences whose words changed and whose meaning did not.
An id that is dropped is noted as retired, and refused from then on.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

from tools import evidence, specs

FILE = 'models/cyborg_models/conformance/contract.json'
TABLES = 'specs/stein/approved/conformance.rst'
RELEASES = ('rocky', 'stein')
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
#: release -> the label of its table of capabilities
LABELS = {'stein': 'capabilities', 'rocky': 'rocky-capabilities'}


class ContractError(Exception):
    """A spec that is no contract: ``file:line: what; the mend``."""


def roles(release, sentence):
    """The roles that a requirement is for; none if nobody is named."""
    for pattern, found in ROLES[release]:
        if re.match(pattern, sentence):
            return found
    return []


def capabilities(lines, release):
    """The rows of a release's table of capabilities: name -> (roles, what it
    means, ids that it brings, capabilities that it asks for).
    """
    found = {}
    for _, (name, who, means, brings) in _rows(lines, LABELS[release]):
        found[name.strip('`')] = (
            who.split(', '), means.partition('; asks for')[0],
            re.findall(r':need:`([\w-]+)`', brings),
            re.findall(r'asks for ``([\w-]+)``', means))
    return found


def _rows(lines, name):
    """(line, cells) of each row, but the first, of the table below a label."""
    start = lines.index(f'.. _conformance-{name}:')
    rows = []
    for number, line in enumerate(lines[start + 1:], start + 2):
        if rows and re.match(r'[^\s.]', line):
            break
        if match := re.match(r'   \* - (.*)', line):
            rows.append((number, [match[1]]))
        elif match := re.match(r'     - (.*)', line):
            rows[-1][1].append(match[1])
        elif rows and re.match(r'       \S', line):
            rows[-1][1][-1] += f' {line.strip()}'
    return rows[1:]


def versions(root=specs.ROOT):
    """release -> (line, version) of each row of the table of versions."""
    found = {release: [] for release in RELEASES}
    lines = specs.read(Path(root, TABLES)).lines
    for line, cells in _rows(lines, 'versions'):
        match = re.fullmatch(r'(\w+) (\d+)\.(\d+)', cells[0])
        if match is None or match[1].lower() not in found:
            raise ContractError(
                f'{TABLES}:{line}: {cells[0]!r} is no version of '
                f'{" or ".join(RELEASES)}; write it as "Stein 2.0"')
        found[match[1].lower()].append((line, cells[0].lower()))
    return found


def digest(one):
    """Of what a contract asks for; titles, reasons and pages may change."""
    asked = [_declared(one), sorted(_asked(rule) for rule in one['rules'])]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _declared(one):
    return sorted([name, [sorted(row['roles']), row['asks']]]
                  for name, row in one['capabilities'].items())


def _asked(rule):
    return [rule['id'], rule['sentence'], rule['level'],
            sorted(rule['roles']), sorted(rule['capabilities'])]


def _changes(old, new):
    """What differs between two contracts: kind -> ids or names."""
    before, now = ({rule['id']: _asked(rule) for rule in one['rules']}
                   for one in (old, new))
    both = [name for name in now if name in before]
    return {
        'worded': [name for name in both if now[name][1] != before[name][1]],
        'changed': [name for name in both if now[name][2:]
                    != before[name][2:]],
        'added': [rule['id'] for rule in new['rules']
                  if rule['id'] not in before
                  and set(rule['capabilities']) & set(old['capabilities'])],
        'dropped': [name for name in before if name not in now],
        'capabilities': [name for name, row in _declared(new)
                         if [name, row] not in _declared(old)]}


def _next(version, changes):
    """The version that follows with some changes."""
    release, first, second = re.split(r'[ .]', version)
    if changes['added'] or changes['changed']:
        return f'{release} {int(first) + 1}.0'
    if changes['dropped'] or changes['capabilities']:
        return f'{release} {first}.{int(second) + 1}'
    return version


def _keep_versions(release, one, old, rows, words):
    """Give a contract its digests; *old* is the recorded one.

    :raises ContractError: if it differs from what its version is
    """
    line, version = rows[-1]
    where = f'{TABLES}:{line}'
    known = dict(old['digests'])
    for name in known:
        if name not in [row[1] for row in rows]:
            raise ContractError(f'{where}: {name} is on record and not in '
                                'the table of versions; put it back')
    changes = _changes(old, one)
    if changes['worded'] and not words:
        raise ContractError(
            f'{where}: the words of {", ".join(changes["worded"])} changed; '
            'give what has another meaning a new id (CONF-008), or run '
            '"python -m tools.contract --words" if it has not')
    wanted = _next(old['version'], changes)
    if version != wanted:
        what = '; '.join(f'{kind}: {", ".join(names)}'
                         for kind, names in changes.items() if names)
        raise ContractError(
            f'{where}: the last version of {release} is {version} and has to '
            f'be {wanted} ({what or "nothing changed"}); '
            + ('add a row for it' if what else 'take the row away'))
    one['digests'] = known | {version: digest(one)}
    one['retired'] = dict(old['retired']) | dict.fromkeys(
        changes['dropped'], version)


def contract(release, root=specs.ROOT):
    """What a release asks for: an object for ``contract.json``.

    :raises ContractError: if a requirement has no level or no role
    """
    read = [specs.read(path) for path in sorted(
        Path(root, 'specs', release, 'approved').glob('*.rst'))]
    table = capabilities(specs.read(Path(root, TABLES)).lines, release)
    rows, found = [], evidence.read(root)
    for spec in read:
        if spec.slug == 'conformance' or spec.status != 'approved':
            continue  # its requirements are about tests and claims
        for one in evidence.stated(spec):
            if again := evidence.reused(one, found):
                raise ContractError(f'{spec.path}:{one.line}: {again}')
            rows.append(_requirement(spec, one, release, table, found))
    if not rows:
        raise ContractError(f'{release}: no approved spec has a requirement; '
                            'state some')
    _check_table(release, table, rows)
    every = sorted({role for row in rows for role in row['roles']})
    return {
        'version': versions(root)[release][-1][1], 'digests': {},
        'retired': {},
        'roles': every,
        'capabilities': {
            name: {'roles': every if who == ['all'] else who,
                   'means': means, 'asks': asks}
            for name, (who, means, _, asks) in table.items()},
        'rules': rows}


def _check_table(release, table, rows):
    """Refuse a table that brings what there is not, or to nobody."""
    known = {row['id']: row['roles'] for row in rows}
    for name, (who, _, ids, _) in table.items():
        for one in ids:
            if who != ['all'] and not set(who) & set(known.get(one, ())):
                raise ContractError(
                    f'{TABLES}: of {release}, {name} brings {one}, which '
                    + (f'binds {", ".join(known[one])} and not '
                       f'{", ".join(who)}; name its role, or leave it out'
                       if one in known else 'no approved spec of it has; '
                       'leave it out'))


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
    brought = [name for name, (_, _, ids, _) in table.items()
               if one.id in ids]
    return {'id': one.id, 'title': one.title, 'sentence': one.sentence,
            'level': LEVELS[level[1]], 'roles': who,
            'capabilities': brought or ['core'],
            'review': evidence.left_to_review(one, found),
            'page': f'specs/{release}/approved/{spec.slug}.html'}


def dumps(root=specs.ROOT, words=False):
    """The text of ``contract.json``.

    :param words: where sentences changed, their meaning did not
    :raises ContractError: if a contract differs from what its version is
    """
    rows = versions(root)
    made = {release: contract(release, root) for release in RELEASES}
    try:
        recorded = json.loads(Path(root, FILE).read_text('utf-8'))
        for release, one in made.items():
            _keep_versions(release, one, recorded[release], rows[release],
                           words)
    except (OSError, ValueError, KeyError) as error:
        raise ContractError(f'{FILE}:1: cannot be read ({error!r}); take '
                            'back the file of the last commit') from None
    return json.dumps(made, indent=1) + '\n'


def main(arguments=None, root=specs.ROOT):
    """Write the file; returns the exit status."""
    parser = argparse.ArgumentParser(
        'python -m tools.contract', description=main.__doc__)
    parser.add_argument('--words', action='store_true', help=(
        'where sentences changed, their words did, and not their meaning'))
    options = parser.parse_args(arguments)
    try:
        text = dumps(root, options.words)
    except ContractError as error:
        print(f'contract: {error}', file=sys.stderr)
        return 1
    Path(root, FILE).write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
