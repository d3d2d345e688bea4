"""The site around the specs, as a Sphinx extension.

Three jobs: the *gate* (all problems are found while reading, and with one
of them nothing is written), what is *generated* from the metadata (header,
indexes, feed, navigation), and the context of each page.
"""

import datetime
import difflib
import gc
import itertools
import json
import logging as std_logging
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.errors import NoUri
from sphinx.highlighting import PygmentsBridge
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx_needs.data import SphinxNeedsData
from sphinx_needs.directives.need import Need
from sphinx_needs.roles.need_ref import NeedRef

from tools import specs

logger = logging.getLogger(__name__)

_REFERENCES = 'cyborg_references'
# Where a file can be read, and where Gerrit opens it in its editor.
SOURCE = 'https://opendev.org/openstack/cyborg-specs/src/branch/master/'
EDIT = ('https://review.opendev.org/admin/repos/edit/repo/openstack/'
        'cyborg-specs/branch/refs/heads/master/file/')
# Title of a section -> what is in the ids of its boxes.
PARTS = {'Failure modes': '-F', 'Requirements': '-', 'Open questions': '-Q'}
STATUS_TEXT = {
    'draft': 'Draft: still being argued',
    'approved': 'Approved: to be built as written',
    'implemented': 'Implemented: this is how it works',
    'superseded': 'Superseded: kept for its address',
}


def find_specs(app, env, docnames):
    """Once per build, read the metadata of every spec: ``app.cyborg_specs``
    is page name -> :class:`~tools.specs.Spec`, with its head alone.
    """
    app.cyborg_specs = {}
    for docname in sorted(env.found_docs):
        parts = docname.split('/')
        if (len(parts) == 4 and parts[0] == 'specs'
                and parts[2] == 'approved'):
            path = Path(env.doc2path(docname)).resolve()
            app.cyborg_specs[docname] = specs.read_head(path)


# --- the gate --------------------------------------------------------------

class _Count(std_logging.Handler):
    """Counts the warnings and errors that this build reports."""

    def __init__(self, app):
        super().__init__(std_logging.WARNING)
        self.addFilter(logging.WarningSuppressor(app))
        self.seen = set()

    def emit(self, record):
        self.seen.add((str(getattr(record, 'location', '')),
                       record.getMessage()))


def start_counting(app):
    app.cyborg_count = _Count(app)
    std_logging.getLogger('sphinx').addHandler(app.cyborg_count)


def check_sources(app, env, docnames):
    """Hold each page that will be read against the rules of its kind."""
    known = app.cyborg_specs
    for docname in list(docnames):
        data = Path(env.doc2path(docname)).read_bytes()
        text, problems = specs.decode(data)
        try:
            data.decode()
        except UnicodeDecodeError:
            docnames.remove(docname)  # Sphinx would end with a traceback
        if docname.startswith('specs/') and docname not in known and (
                docname.count('/') > 1 or not docname.endswith('-template')):
            problems.append(specs.Problem(1, 'a spec that lies where none '
                            'is looked for; move it to '
                            'specs/<release>/approved/<name>.rst'))
        if docname in known:
            spec = specs.read(known[docname].path, text)
            for rule in specs.RULES:
                # References are checked below, with Sphinx's knowledge.
                if rule is not specs.check_links:
                    problems += rule(spec)
        for problem in sorted(set(problems)):
            logger.warning(problem.message, location=(docname, problem.line))
    for spec, problem in specs.check_together(known.values()):
        docname = next(name for name, s in known.items() if s is spec)
        logger.warning(problem.message, location=(docname, problem.line))


def note_references(app, doctree):
    """Keep what a page points to: the pages it points to may change."""
    found = []
    for node in doctree.findall(addnodes.pending_xref):
        if node.get('reftype') == 'any' or not node.get('refdomain'):
            continue
        found.append((node['refdomain'], node['reftype'], node['reftarget'],
                      node.get('refexplicit', False), _line(node)))
    for node in doctree.findall(NeedRef):
        found.append(('need', 'need', node['reftarget'], True, _line(node)))
    references(app.env)[app.env.docname] = found


def check_code(app, doctree):
    """Let Pygments complain now, and not while the page is written, and
    hold code against its language.
    """
    for node in doctree.findall(nodes.literal_block):
        if node.get('language'):
            PygmentsBridge('html').get_lexer(
                node.astext(), node['language'], location=node)
            wrong = specs.wrong_code(node['language'], node.astext())
            if wrong:
                logger.warning(
                    'this code is not %s: line %d of it: %s; mend it, or '
                    'name another language', node['language'], *wrong,
                    location=node)


def _line(node):
    while node is not None and node.line is None:
        node = node.parent
    return node.line if node is not None else None


def references(env):
    """page -> the references it holds."""
    if not hasattr(env, _REFERENCES):
        setattr(env, _REFERENCES, {})
    return getattr(env, _REFERENCES)


def check_references(app, env):
    """Find references to nothing before a page is written."""
    needs = SphinxNeedsData(env).get_needs_mutable()
    for docname, found in references(env).items():
        for domain, kind, target, explicit, line in found:
            if domain == 'need':
                exists = target.split('.')[0] in needs
            else:
                wanted = addnodes.pending_xref(
                    '', refdomain=domain, reftype=kind, reftarget=target,
                    refexplicit=explicit, refdoc=docname)
                try:
                    exists = env.domains[domain].resolve_xref(
                        env, docname, app.builder, kind, target, wanted,
                        nodes.inline('', target)) is not None
                except NoUri:  # it exists; this builder has no address
                    exists = True
            if not exists:
                close = difflib.get_close_matches(
                    target, needs if domain == 'need' else (), n=1)
                logger.warning(
                    ':%s:`%s` points to nothing; %s', kind, target,
                    f'did you mean {close[0]}?' if close else
                    'define it, or mend the name', location=(docname, line))


def close_gate(app, env):
    """With a problem, stop here: nothing has been written yet, and since
    the environment is not saved either, the next build finds it again.
    """
    check_references(app, env)
    env.check_consistency()  # or Sphinx does it after the gate
    count = len(app.cyborg_count.seen)
    if count:
        logger.error(
            '%d problem%s while reading; nothing was written, and the last '
            'good pages are as they were', count, 's' if count > 1 else '')
        _stop_counting(app)
        for docname in app.cyborg_read:
            # What was read is not good: it must be read again, even if an
            # older copy of the file comes back with its old time.
            Path(app.doctreedir, docname + '.doctree').unlink(
                missing_ok=True)
        # Not an exception of Sphinx's: it would print a traceback.
        raise SystemExit(1)


def _stop_counting(app):
    std_logging.getLogger('sphinx').removeHandler(app.cyborg_count)


def finish(app, exception):
    if not hasattr(app, 'cyborg_count'):
        return
    _stop_counting(app)
    if app.cyborg_count.seen and exception is None:
        # A problem that showed while writing: do not let the next build
        # take the saved pages for good.
        Path(app.doctreedir, 'environment.pickle').unlink(missing_ok=True)


def forget(app, env, docname):
    references(env).pop(docname, None)


def merge(app, env, docnames, other):
    for docname in docnames:
        if docname in references(other):
            references(env)[docname] = references(other)[docname]


# --- generated -------------------------------------------------------------

def add_header(app, doctree):
    """Below a spec's title: its status and where it comes from."""
    env = app.env
    spec = app.cyborg_specs.get(env.docname)
    title = next(iter(doctree.findall(nodes.title)), None)
    if spec is None or title is None:
        return
    meta = spec.metadata
    header = nodes.container(classes=['spec-header', spec.status],
                             page=env.docname)
    line = nodes.paragraph()
    line += nodes.inline(text=spec.status, classes=['spec-status'])
    line += nodes.inline(text=f' {spec.release} · {meta.get("authors", "")} '
                              f'· {meta.get("created", "")}')
    tracker = meta.get('tracker', 'none')
    if tracker != 'none':
        line += nodes.inline(text=' · ')
        line += nodes.reference(text='Tracker', refuri=tracker)
    path = f'specs/{spec.release}/approved/{spec.slug}.rst'
    for text, address in (('Source', SOURCE), ('Edit', EDIT)):
        line += nodes.inline(text=' · ')
        line += nodes.reference(text=text, refuri=address + path)
    for name, words in (('supersedes', 'Supersedes'),
                        ('superseded-by', 'Superseded by')):
        if meta.get(name, 'none') != 'none':
            line += nodes.inline(text=f' · {words} ')
            for other in meta[name].split(', '):
                release, slug = other.split('/')
                line += addnodes.pending_xref(
                    '', nodes.inline(text=other), refdomain='std',
                    reftype='doc', refexplicit=True, refdoc=env.docname,
                    reftarget=f'/specs/{release}/approved/{slug}')
    header += line
    for word, links in (('Parts', _parts(doctree)),
                        ('Flows', _figures(doctree, 'seqdiag-figure')),
                        ('States', _figures(doctree, 'chart-figure'))):
        if links:
            line = nodes.paragraph(classes=[f'spec-{word.lower()}'])
            line += nodes.inline(text=f'{word}: ')
            for number, (text, place) in enumerate(links):
                if number:
                    line += nodes.inline(text=' · ')
                line += nodes.reference(text=text, internal=True,
                                        refid=place)
            header += line
    title.parent.insert(title.parent.index(title) + 1, header)


def headers(doctree):
    """page -> the header of a spec; of a PDF all pages are one."""
    return {node['page']: node for node in doctree.findall(nodes.container)
            if 'spec-header' in node['classes']}


def _figures(doctree, kind):
    """(caption, id) of the figures of a kind."""
    return [(next(figure.findall(nodes.caption)).astext(), figure['ids'][0])
            for figure in doctree.findall(nodes.figure)
            if kind in figure['classes'] and figure['ids']]


def _parts(doctree):
    """(text, id) of the sections that a reviewer looks for, with how much
    is in them.
    """
    found = []
    for section in doctree.findall(nodes.section):
        title = section[0].astext()
        if title in PARTS:
            count = sum(PARTS[title] in need['refid']
                        for need in section.findall(Need))
            words = title.lower() if count != 1 else title.lower()[:-1]
            found.append((f'{count} {words}', section['ids'][0]))
    return found


class generated_index(nodes.General, nodes.Element):
    """A place for a list that only a complete reading can fill."""


class SpecIndex(SphinxDirective):
    """``.. spec-index:: release`` or ``status``; ``:only:`` one of them."""

    required_arguments = 1
    option_spec = {'only': directives.unchanged}

    def run(self):
        by = directives.choice(self.arguments[0], ('release', 'status'))
        return [generated_index(kind='specs', by=by,
                                only=self.options.get('only'))]


class RequirementIndex(SphinxDirective):
    """``.. requirement-index::``: all requirements, by spec."""

    def run(self):
        return [generated_index(kind='requirements')]


def fill_indexes(app, doctree, docname):
    for node in list(doctree.findall(generated_index)):
        fill = _spec_lists if node['kind'] == 'specs' else _requirements
        node.replace_self(fill(app, docname, node))


def _spec_lists(app, docname, index):
    groups = {}
    for name, spec in app.cyborg_specs.items():
        key = spec.release if index['by'] == 'release' else spec.status
        groups.setdefault(key, []).append((name, spec))
    if index['by'] == 'status':
        order = [key for key in specs.STATUSES if key in groups]
    else:
        order = sorted(groups, reverse=True)
    out = []
    for key in order:
        if index['only'] not in (None, key):
            continue
        items = nodes.bullet_list(classes=['spec-list'])
        for name, spec in sorted(groups[key], key=lambda g: g[1].slug):
            line = nodes.paragraph('', '', link(
                app, docname, name, spec.title))
            line += nodes.Text(' ')
            line += nodes.inline(
                text=spec.release if index['by'] == 'status'
                else spec.status, classes=['spec-status', spec.status])
            items += nodes.list_item('', line)
        if index['only'] is None:
            words = STATUS_TEXT.get(key)
            out.append(nodes.rubric(text=words) if words else nodes.rubric(
                '', '', link(app, docname, key, key.capitalize())))
        out.append(items)
    return out or [nodes.paragraph(text='No spec yet.')]


def _requirements(app, docname, index):
    by_doc = {}
    evidence = getattr(app.env, 'cyborg_evidence', None)  # tools.matrix
    for need in SphinxNeedsData(app.env).get_needs_view().values():
        if need['type'] == 'req':
            by_doc.setdefault(need['docname'], []).append(need)
    out = []
    for name in sorted(by_doc):
        spec = app.cyborg_specs.get(name)
        out.append(nodes.rubric('', '', link(
            app, docname, name, spec.title if spec else name)))
        words = evidence.lines.get(name, {}) if evidence else {}
        items = nodes.bullet_list(classes=['requirement-list'])
        for need in sorted(by_doc[name], key=lambda need: need['id']):
            line = nodes.paragraph('', '', link(
                app, docname, name, need['id'], need['id']))
            line += nodes.inline(text=' ' + need['title'])
            if words.get(need['id']):
                line += nodes.Text(' ')
                line += nodes.inline(
                    '', '', evidence_link(app, docname, need['id']),
                    nodes.Text(f': {words[need["id"]]}'),
                    classes=['verified'])
            items += nodes.list_item('', line)
        out.append(items)
    return out or [nodes.paragraph(text='No requirement yet.')]


def evidence_link(app, docname, name):
    """The word, as a link where there is a page of evidence."""
    if 'evidence' in app.env.found_docs:
        return link(app, docname, 'evidence', 'Evidence', f'evidence-{name}')
    return nodes.Text('Evidence')


def link(app, here, there, text, anchor=''):
    """A link from a page to a page, or to an anchor in it."""
    uri = app.builder.get_relative_uri(here, there)
    return nodes.reference(text=text, internal=True,
                           refuri=f'{uri}#{anchor}' if anchor else uri)


def rewrite_indexes(app, env):
    """The pages whose lists may differ after what was read."""
    if not app.cyborg_read:
        return []
    return [name for name in ('index', 'status', 'requirements')
            if name in env.found_docs]


def note_read(app, env, docnames):
    """Keep which pages this build reads."""
    app.cyborg_read = list(docnames)


def write_data(app, exception):
    """The feed, the metadata as JSON, and the list for the navigation."""
    if exception is not None or app.builder.format != 'html':
        return
    out = Path(app.outdir)
    known = app.cyborg_specs
    rows = [{'url': app.builder.get_target_uri(name), 'title': spec.title,
             **{key: spec.metadata.get(key, '') for key in specs.FIELDS}}
            for name, spec in known.items()]
    for path in (out / 'specs').rglob('*.html'):
        name = path.relative_to(out).with_suffix('').as_posix()
        if name not in app.env.found_docs:
            path.unlink()  # of a spec that was removed or renamed
    data = json.dumps(rows, ensure_ascii=False, indent=1)
    changed = _write(out / 'specs.json', data + '\n')
    _write(out / '_static' / 'specs-data.js', f'window.SPECS = {data};\n')
    if changed or app.cyborg_read:
        _write(out / 'feed.atom', _feed(app, known))


def _write(path, text):
    if path.exists() and path.read_text(encoding='utf-8') == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')
    return True


def _feed(app, known):
    """An Atom 1.0 feed (RFC 4287) of all specs, the newest change first."""
    changed = _last_changes()
    base = app.config.html_baseurl
    atom = 'http://www.w3.org/2005/Atom'
    ElementTree.register_namespace('', atom)

    def add(parent, tag, text=None, **attributes):
        element = ElementTree.SubElement(parent, f'{{{atom}}}{tag}',
                                         attributes)
        element.text = text
        return element

    entries = sorted(
        ((changed.get(f'specs/{spec.release}/approved/{spec.slug}.rst')
          or spec.metadata['created'] + 'T00:00:00Z', name, spec)
         for name, spec in known.items()), key=lambda row: row[:2],
        reverse=True)
    feed = ElementTree.Element(f'{{{atom}}}feed')
    add(feed, 'title', app.config.project)
    add(feed, 'id', base)
    add(feed, 'link', rel='self', href=base + 'feed.atom')
    add(feed, 'link', rel='alternate', href=base)
    add(feed, 'updated', entries[0][0] if entries
        else '2018-06-27T00:00:00Z')
    for when, name, spec in entries:
        address = base + app.builder.get_target_uri(name)
        entry = add(feed, 'entry')
        add(entry, 'title', spec.title)
        add(entry, 'id', address)
        add(entry, 'link', href=address)
        add(entry, 'updated', when)
        add(entry, 'published', spec.metadata['created'] + 'T00:00:00Z')
        for author in spec.metadata['authors'].split(', '):
            add(add(entry, 'author'), 'name', author)
        add(entry, 'category', term=spec.status)
        add(entry, 'summary', STATUS_TEXT.get(spec.status, spec.status))
    ElementTree.indent(feed)
    return ElementTree.tostring(feed, encoding='unicode') + '\n'


def _last_changes():
    """file -> time of its last commit, from one look at the history."""
    try:
        text = subprocess.run(
            ['git', 'log', '--format=%x00%ct', '--name-only', '--', 'specs'],
            cwd=specs.ROOT, capture_output=True, text=True, check=True,
            timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return {}  # no git, or no repository: the date of creation serves
    found = {}
    for block in text.split('\0')[1:]:
        seconds, *files = block.strip().split('\n')
        when = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
        for name in filter(None, files):
            found.setdefault(name, when.strftime('%Y-%m-%dT%H:%M:%SZ'))
    return found


def drop_redirection(app, env):
    """sphinx-needs has written a page that reads a ``needs.json``, and this
    site has none.
    """
    Path(app.outdir, 'permalink.html').unlink(missing_ok=True)


def number_boxes(app, pagename, templatename, context, doctree):
    """sphinx-needs names its boxes by lot; count them instead, so that one
    source gives one page.
    """
    if 'body' in context:
        numbers = itertools.count(1)
        context['body'] = re.sub(
            'SNCB-[0-9a-f]+', lambda _: f'box-{next(numbers)}',
            context['body'])


def resume_collecting(app):
    """The environment is loaded: a million objects, and all of them stay."""
    gc.freeze()
    gc.enable()


def setup(app):
    gc.disable()  # until then, looking for garbage is most of the work
    app.connect('builder-inited', resume_collecting)
    app.add_directive('spec-index', SpecIndex)
    app.add_directive('requirement-index', RequirementIndex)
    app.add_node(generated_index)
    app.connect('builder-inited', start_counting)
    app.connect('env-before-read-docs', find_specs)
    app.connect('env-before-read-docs', note_read)
    app.connect('env-before-read-docs', check_sources)
    app.connect('env-purge-doc', forget)
    app.connect('env-merge-info', merge)
    app.connect('doctree-read', add_header, priority=400)
    app.connect('doctree-read', note_references)
    app.connect('doctree-read', check_code)
    app.connect('env-updated', rewrite_indexes)
    app.connect('env-updated', drop_redirection, priority=9_000)
    app.connect('env-updated', close_gate, priority=10_000)
    app.connect('doctree-resolved', fill_indexes)
    app.connect('html-page-context', number_boxes)
    app.connect('build-finished', write_data)
    app.connect('build-finished', finish, priority=10_000)
    return {'version': '1', 'env_version': 2, 'parallel_read_safe': True,
            'parallel_write_safe': True}
