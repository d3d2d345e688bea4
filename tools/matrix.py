"""The evidence on the site, as a Sphinx extension.

``.. evidence:: counts``, ``requirements`` or ``flows`` is a table of all
specs; below each requirement of a spec a line says where its evidence is;
``evidence.json`` has the same for programs.  What :mod:`tools.evidence`
finds wrong stops the build, and is said without stopping it for a draft.
"""

import json
from collections import Counter
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx_needs.directives.need import Need

from tools import evidence, replay, specs
from tools.site import SOURCE, evidence_link, headers, link

logger = logging.getLogger(__name__)

PAGE = 'evidence'
REMARK = 'evidence: '
VECTORS = 8  # shown of a requirement
_KEPT = 'cyborg_evidence'


class _Kept:
    """What a build keeps for the next one.

    :ivar stated: page -> list of :class:`~tools.evidence.Stated`
    :ivar cache: of :func:`tools.evidence.read`
    :ivar lines: page -> {id: the line below the requirement}
    :ivar data: what ``evidence.json`` holds
    """

    def __init__(self):
        self.stated, self.cache, self.lines, self.data = {}, {}, {}, {}


def of(env):
    """The :class:`_Kept` of this environment."""
    if not hasattr(env, _KEPT):
        setattr(env, _KEPT, _Kept())
    return getattr(env, _KEPT)


# --- while reading ---------------------------------------------------------

def collect(app, env, docnames):
    """Keep what the specs state that are to be read."""
    kept = of(env)
    for name in docnames:
        if name in app.cyborg_specs:
            spec = specs.read(app.cyborg_specs[name].path)
            kept.stated[name] = evidence.stated(spec)
    for name in set(kept.stated) - set(app.cyborg_specs):
        del kept.stated[name]


class evidence_line(nodes.General, nodes.Element):
    """The place below a requirement; ``refid`` is its id, and ``page`` its
    spec's: of a PDF all pages are one.
    """


class evidence_table(nodes.General, nodes.Element):
    """The place of a table; ``of`` is its kind."""


class EvidenceDirective(SphinxDirective):
    """``.. evidence:: counts|requirements|flows``."""

    required_arguments = 1

    def run(self):
        try:
            kind = directives.choice(self.arguments[0], tuple(TABLES))
        except ValueError:
            return [self.state.document.reporter.error(
                f'there is no table {self.arguments[0]!r} of evidence; use '
                f'{", ".join(TABLES)}', line=self.lineno)]
        return [evidence_table(of=kind)]


def mark(app, doctree):
    """Leave a place below each requirement."""
    mine = {one.id for one in of(app.env).stated.get(app.env.docname, ())}
    for node in doctree.findall(Need):
        if node['refid'] in mine:
            node += nodes.paragraph('', '', evidence_line(
                refid=node['refid'], page=app.env.docname),
                classes=['evidence-line'])


# --- when all is read ------------------------------------------------------

def weigh(app, env):
    """Hold requirements and models against each other.

    :returns: the pages whose text may differ for it
    """
    kept = of(env)
    by_page = {name: kept.stated[name] for name in sorted(kept.stated)}
    everything = [one for found in by_page.values() for one in found]
    root = next((spec.path.parents[3] for spec in app.cyborg_specs.values()),
                specs.ROOT)
    found = evidence.read(root, kept.cache)
    for where, message in found.problems:
        logger.warning(message, location=where)
    for name, requirements in by_page.items():
        status = app.cyborg_specs[name].status
        for problem in evidence.check_stated(requirements, found):
            _say(status in specs.BINDING, status == 'draft',
                 problem.message, (name, problem.line))
    _check_models(app, env, found)
    if app.cyborg_specs and not everything:
        logger.warning('no spec states a requirement, so nothing was '
                       'checked; state one', location=PAGE)
    if not found.uses and Path(root, evidence.PACKAGE).is_dir():
        logger.warning('no guard and no property of the models names a '
                       'requirement', location=f'{evidence.PACKAGE}:1')
    if not found.tests and Path(root, evidence.shown.HOME).is_dir():
        logger.warning('no test shows a requirement; tag one with '
                       f'@{evidence.shown.TAG}',
                       location=f'{evidence.shown.HOME}:1')
    lines = {name: {one.id: evidence.summary(one, found)
                    for one in requirements}
             for name, requirements in by_page.items()}
    changed = {name for name in lines
               if lines[name] != kept.lines.get(name)}
    data = _data(app, env, by_page, found)
    if data != kept.data:
        changed |= {name for name in (PAGE, 'requirements')
                    if name in env.found_docs}
    kept.lines, kept.data = lines, data
    return sorted(changed)


def _check_models(app, env, found):
    """Ids that the models use are stated; those of drafts may not be."""
    known, drafts, settled = set(), set(), set()
    for spec in app.cyborg_specs.values():
        ids = {name for kind, name, _ in specs.defined(
            spec.path.read_text('utf-8', 'replace').split('\n'))
            if kind == 'need'}
        known |= ids
        prefixes = {evidence.prefix(name) for name in ids}
        (drafts if spec.status == 'draft' else settled).update(prefixes)
    for name, where, message in evidence.check_models(found, known):
        draft = evidence.prefix(name) in drafts - settled
        _say(not draft, draft, message, where)


def _say(binding, draft, message, location):
    if binding:
        logger.warning(message, location=location)
    elif draft:
        logger.info('%s%s', REMARK, message, location=location)


def _data(app, env, by_page, found):
    """What the tables and ``evidence.json`` are made of."""
    return {
        'specs': [{
            'spec': app.cyborg_specs[name].name, 'page': name,
            'title': app.cyborg_specs[name].title,
            'status': app.cyborg_specs[name].status,
            'requirements': [_requirement(one, found)
                             for one in requirements],
            'flows': [dict(flow) for flow in
                      replay.of(env).get(name, ())]}
            for name, requirements in by_page.items()],
        'vectors': found.vectors is not None,
        'divergences': found.divergences is not None,
        'mutants': {release: None if rows is None else {
            'killed': sum('killed' in row for row in rows),
            'recorded': len(rows)}
            for release, rows in found.mutants.items()},
    }


def _requirement(one, found):
    caught = found.caught(one.id)
    return {
        'id': one.id, 'title': one.title, 'sentence': one.sentence,
        'guards': [{'in': f'{use.module}.{use.name}', 'file': use.path,
                    'line': use.line} for use in found.guards(one.id)],
        'properties': [{'kind': use.kind, 'name': use.name,
                        'in': use.module, 'file': use.path,
                        'line': use.line}
                       for use in found.properties(one.id)],
        'mutants': caught and {'killed': caught[0], 'harmless': caught[1]},
        'vectors': found.vectors and _places(found.vectors, one),
        'divergences': found.divergences and _places(found.divergences, one),
        'tests': _places(found.tests, one),
        'review': one.reason or None}


def _places(found, one):
    """What names a requirement, and where that is to be read."""
    return [{'name': use.name, 'file': use.path, 'line': use.line,
             'link': _source(use.path, use.line)}
            for use in found.get(one.id, ())]


def _source(file, line):
    """Where a line of a file is to be read."""
    return f'{SOURCE}{file}#L{line}'


# --- when a page is written ------------------------------------------------

def fill(app, doctree, docname):
    """Put the evidence in its places."""
    kept = of(app.env)
    for node in list(doctree.findall(evidence_line)):
        text = kept.lines.get(node['page'], {}).get(node['refid'], '')
        node.replace_self([evidence_link(app, docname, node['refid']),
                           nodes.Text(f': {text}')])
    for node in list(doctree.findall(evidence_table)):
        node.replace_self(TABLES[node['of']](app, docname, kept.data))
    _head(app, doctree, docname, kept.data)


def _head(app, doctree, docname, data):
    """At the head of a spec, how much of it models carry."""
    by_page = {spec['page']: spec for spec in data.get('specs', ())}
    for page, head in headers(doctree).items():
        spec = by_page.get(page)
        line = next((node for node in head
                     if 'spec-parts' in node['classes']), None)
        if line is None or not spec or not spec['requirements']:
            continue
        count = count_of(spec)
        text = 'evidence: ' + ', '.join(
            f'{count[key]} {words}' for key, words in (
                ('carried', 'by models'), ('by test', 'by tests'),
                ('by review', 'by review')) if count[key] or key != 'by test')
        line += nodes.inline(text=' · ')
        line += (link(app, docname, PAGE, text, _anchor(spec))
                 if PAGE in app.env.found_docs else nodes.Text(text))


def _anchor(spec, kind='evidence'):
    return f'{kind}-{spec["spec"].replace("/", "-")}'


def _counts(app, docname, data):
    """A row per spec, and the sum."""
    columns = ('carried', 'by test', 'by review', 'neither',
               'flows replayed', 'flows without a model')
    rows, total = [], Counter()
    for spec in data['specs']:
        count = count_of(spec)
        total += count
        cells = {column: str(count[column])
                 for column in ('requirements', *columns)}
        # Its tables stand further down on this page.
        for column, place in (('requirements', _anchor(spec)),
                              ('flows replayed', _anchor(spec, 'flows'))):
            if count[column]:
                cells[column] = [link(app, docname, PAGE, cells[column],
                                       place)]
        rows.append([[link(app, docname, spec['page'], spec['spec']),
                      nodes.Text(f' {spec["status"]}')], *cells.values()])
    rows.append(['All', str(total['requirements']),
                 *(str(total[column]) for column in columns)])
    out = [table(('Spec', 'Requirements', *(column.capitalize()
                                             for column in columns)),
                  rows, (30, 14, *(12 for _ in columns)),
                 'evidence-counts')]
    notes = []
    for release, mutants in data['mutants'].items():
        notes.append(f'{release}: {mutants["killed"]:,} of '
                     f'{mutants["recorded"]:,} mutants on record are caught.'
                     if mutants else f'{release}: no mutant is on record.')
    if not data['vectors']:
        notes.append('Test vectors: none yet.')
    if not data['divergences']:
        notes.append('Divergences of real software: none recorded yet.')
    return [*out, nodes.paragraph(text=' '.join(notes))]


def count_of(spec):
    """What a spec of the data has, as a :class:`Counter`."""
    count = Counter({'requirements': len(spec['requirements'])})
    for one in spec['requirements']:
        carried = bool(one['guards'] or one['properties'])
        count['carried'] += carried
        shows = bool(one['tests']) and not carried
        count['by test'] += shows
        count['by review'] += bool(one['review']) and not (carried or shows)
        count['neither'] += not (carried or shows or one['review'])
    for flow in spec['flows']:
        count['flows replayed'] += bool(flow['messages'])
        count['flows without a model'] += not flow['messages']
    return count


def _requirements(app, docname, data):
    out = []
    for spec in data['specs']:
        out.append(nodes.rubric('', '', link(
            app, docname, spec['page'], spec['spec']), ids=[_anchor(spec)]))
        made = table(('Requirement', 'Evidence'), [
            [[link(app, docname, spec['page'], one['id'], one['id']),
              nodes.Text(f' {one["title"]}')], _cell(one)]
            for one in spec['requirements']], (35, 65), 'evidence')
        for row, one in zip(made.findall(nodes.row), [
                None, *spec['requirements']], strict=True):
            if one:
                row['ids'].append(f'evidence-{one["id"]}')
        out.append(made)
    return out or [nodes.paragraph(text='No requirement yet.')]


def _cell(one):
    """The evidence of a requirement, a paragraph for each kind."""
    out = []
    for word, uses in (('Guards', [
            (use['in'], use) for use in one['guards']]), ('Properties', [
                (f'{use["in"]}.{use["name"]}', use)
                for use in one['properties']]), ('Tests', [
                    (use['name'], use) for use in one['tests']])):
        if uses:
            out.append(_linked(word, [
                (f'{text.partition(".")[2]}:{use["line"]}', use)
                for text, use in uses]))
    mutants = one['mutants']
    if mutants and (mutants['killed'] or mutants['harmless']):
        harmless = (f', {mutants["harmless"]} said to be harmless'
                    if mutants['harmless'] else '')
        out.append(nodes.paragraph(
            text=f'Mutants: {mutants["killed"]} caught{harmless}'))
    if one['vectors']:
        # Each name once: several files may have one of a name, and
        # evidence.json has them all.
        named = {use['name']: use for use in reversed(one['vectors'])}
        names = list(dict.fromkeys(use['name'] for use in one['vectors']))
        line = _linked('Vectors', [(name, named[name])
                                   for name in names[:VECTORS]])
        if len(names) > VECTORS:
            line += nodes.Text(f', and {len(names) - VECTORS} more')
        out.append(line)
    if one['divergences']:  # sentences, with commas of their own
        out.append(_linked('Divergences', [
            (use['name'], use) for use in one['divergences']], '; '))
    if one['review']:
        out.append(nodes.paragraph(text=f'By review: {one["review"]}'))
    return out or [nodes.paragraph(text='None yet.')]


def _linked(word, uses, between=', '):
    """A paragraph of links to where each is to be read."""
    line = nodes.paragraph('', f'{word}: ')
    for index, (text, use) in enumerate(uses):
        line += nodes.Text(between if index else '')
        line += nodes.reference('', text, refuri=_source(
            use['file'], use['line']))
    return line


def _flows(app, docname, data):
    out = []
    for spec in data['specs']:
        if not spec['flows']:
            continue
        out.append(nodes.rubric('', '', link(
            app, docname, spec['page'], spec['spec']),
            ids=[_anchor(spec, 'flows')]))
        rows = []
        for flow in spec['flows']:
            name = flow['caption'] or flow['name'] or f'line {flow["line"]}'
            anchor = nodes.make_id(flow['name'] or flow['caption'])
            flow_link = link(app, docname, spec['page'], name, anchor)
            if flow['messages']:
                rows.append([[flow_link], [nodes.literal(text=flow['model'])],
                             str(flow['messages']), str(flow['branches'])])
            else:
                rows.append([[flow_link], flow['reason'] or flow['problem']
                             or 'names no model', '', ''])
        out.append(table(('Flow', 'Model, or why none', 'Messages', 'Ways'),
                          rows, (35, 45, 10, 10), 'evidence-flows'))
    return out or [nodes.paragraph(text='No flow yet.')]


TABLES = {'counts': _counts, 'requirements': _requirements, 'flows': _flows}


def table(head, rows, widths, name):
    """A table; a cell is a text, or a list of inline or body nodes."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=width) for width in widths]
    group += nodes.thead('', nodes.row('', *(
        nodes.entry('', nodes.paragraph(text=text)) for text in head)))
    body = nodes.tbody()
    for cells in rows:
        row = nodes.row()
        for cell in cells:
            if isinstance(cell, str):
                cell = [nodes.paragraph(text=cell)] if cell else []
            elif cell and not isinstance(cell[0], nodes.paragraph):
                cell = [nodes.paragraph('', '', *cell)]
            row += nodes.entry('', *cell)
        body += row
    group += body
    return nodes.table('', group, classes=[name])


# --- afterwards ------------------------------------------------------------

def export(app, exception):
    """Write ``evidence.json``, and count."""
    if exception is not None or not hasattr(app, 'cyborg_specs'):
        return
    data = of(app.env).data
    total = sum((count_of(spec) for spec in data.get('specs', ())),
                Counter())
    logger.info('evidence: %d requirements, %d carried by models, %d by '
                'review, %d by tests alone', total['requirements'],
                total['carried'], total['by review'], total['by test'])
    if app.builder.format == 'html':
        path = Path(app.outdir, 'evidence.json')
        text = json.dumps(data, ensure_ascii=False, indent=1) + '\n'
        if not path.exists() or path.read_text('utf-8') != text:
            path.write_text(text, encoding='utf-8')


def setup(app):
    app.setup_extension('tools.site')  # it finds the specs first
    app.add_directive('evidence', EvidenceDirective)
    app.add_node(evidence_line)
    app.add_node(evidence_table)
    app.connect('env-before-read-docs', collect, priority=600)
    app.connect('doctree-read', mark)
    app.connect('env-updated', weigh)
    app.connect('doctree-resolved', fill)
    app.connect('build-finished', export)
    return {'version': '1', 'env_version': 2, 'parallel_read_safe': True,
            'parallel_write_safe': True}
