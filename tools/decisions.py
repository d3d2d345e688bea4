"""Decisions: what was settled, or argued, at a meeting, and what it binds.

A record is a ``decision`` in ``doc/source/decisions.rst``.  Its rules work
on text, as those of :mod:`tools.specs`; the rest is the Sphinx extension
that shows records, their index, and on each spec which records bind it.

.. code-block:: rst

   .. decision:: Who calls?
      :id: DEC-001
      :standing: contested
      :log: 2018-06-27 15:00:41 wangzhh, 15:02:01 Sundar
      :binds: OSACC-Q04, OSACC-006
      :sections: rocky/os-acc#alternatives
      :variants: rocky.attach topology=VIA_API
      :properties: rocky.attach the_host_needs_no_controller

      What each side says.
"""

import collections
import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx_needs.directives.need import NeedDirective

from tools import meetbot, models, specs
from tools.site import SOURCE, headers, link
from tools.specs import Problem

logger = logging.getLogger(__name__)

PAGE = 'decisions'
_FACTS = 'cyborg_facts'
STANDINGS = (*specs.STANDINGS, 'superseded')
#: what a record may bind, and what else it may say
BINDINGS = ('binds', 'sections', 'files', 'variants', 'properties')
OPTIONS = ('id', 'standing', 'log', 'superseded-by', 'no-model',
           'no-binding', *BINDINGS)


@dataclass(frozen=True)
class Record:
    """A decision, as its text has it.

    :ivar line: of the directive
    :ivar body: the lines of its summary
    """

    line: int
    title: str
    options: dict
    body: tuple

    @property
    def id(self):
        return self.options.get('id', '')

    @property
    def standing(self):
        return self.options.get('standing', '')

    def all(self, option):
        """What an option lists."""
        return [one.strip() for one in self.options.get(
            option, '').split(',') if one.strip()]

    def models(self):
        """model -> the settings of its variants, each a text."""
        found = {}
        for variant in self.all('variants'):
            name, _, pairs = variant.partition(' ')
            found.setdefault(name, []).append(pairs.strip())
        return found

    def specs(self):
        """The specs of which sections are bound, ``release/name``."""
        return {one.partition('#')[0] for one in self.all('sections')}


def read(page):
    """The records of a page, a :class:`~tools.specs.Spec`."""
    return [Record(line, title, options, tuple(body)) for
            line, title, options, body in specs.directives(page, 'decision')]


@dataclass(frozen=True)
class Facts:
    """What a record may bind in one spec.

    :ivar needs: ids of what it states
    :ivar anchors: anchor -> title of the section, or the label
    :ivar questions: id -> (line, standing, has a log)
    :ivar logs: see :func:`~tools.meetbot.logs`
    """

    path: Path
    name: str
    needs: frozenset
    anchors: dict
    questions: dict
    logs: tuple


def facts(spec):
    """The :class:`Facts` of a spec that was read in full."""
    anchors, needs = {}, set()
    for _, title, _ in spec.sections:
        anchors.setdefault(nodes.make_id(title), title)
    for kind, name, _ in specs.defined(spec.lines):
        if kind == 'need':
            needs.add(name)
        else:
            anchors[nodes.make_id(name)] = name
    return Facts(
        spec.path, spec.name, frozenset(needs), anchors,
        {options.get('id'): (line, options.get('standing'), 'log' in options)
         for line, _, options, _ in specs.directives(spec, 'question')},
        tuple(meetbot.logs(spec)))


class Known:
    """What a record may bind.

    :ivar root: the folder that ``files`` start from
    :ivar specs: name -> its :class:`Facts`
    :ivar needs: all ids
    :ivar standings: id of a question -> how it stands
    """

    def __init__(self, root, found):
        self.root = root
        self.specs = {one.name: one for one in found}
        self.needs = set().union(*(one.needs for one in found))
        self.standings = {name: standing for one in found for name, (
            _, standing, _) in one.questions.items()}


# --- rules -----------------------------------------------------------------

def check_form(records, known):
    """Each record has an id, a standing and a summary."""
    seen = {}
    for record in records:
        if not re.fullmatch(r'DEC-[0-9]{3}', record.id):
            yield Problem(record.line, f'the id {record.id!r} is not of the '
                          'form DEC-001; take the next free number')
        elif record.id in seen:
            yield Problem(record.line, f'{record.id} is also the id at line '
                          f'{seen[record.id]}; take the next free number')
        seen.setdefault(record.id, record.line)
        if record.standing not in STANDINGS:
            yield Problem(record.line, 'the decision has no :standing:, or '
                          'an unknown one; use ' + ', '.join(STANDINGS))
        for name in record.options:
            if name not in OPTIONS:
                yield Problem(record.line, f'a decision has no :{name}:; '
                              'known: ' + ', '.join(OPTIONS))
        if not record.title:
            yield Problem(record.line, 'a decision without a title; put the '
                          'question, in a line, behind .. decision::')
        if not any(line.strip() for line in record.body):
            yield Problem(record.line, 'a decision without a summary; say in '
                          'your own words what was said')


def check_bindings(records, known):
    """What a record binds exists, and it binds something."""
    for record in records:
        line = record.line
        if any(map(record.all, BINDINGS)) == bool(
                record.options.get('no-binding')):
            yield Problem(line, (
                'the decision binds nothing, or says so and binds something; '
                f'give one of {", ".join(BINDINGS)}, or :no-binding: with a '
                'sentence that says why'))
        for name in record.all('binds'):
            if name not in known.needs:
                yield Problem(line, (
                    f':binds: {name} is no requirement, failure mode or '
                    f'question of a spec; {_near(name, known.needs)}'))
        for name in record.all('sections'):
            spec, _, anchor = name.partition('#')
            if spec not in known.specs:
                yield Problem(line, (
                    f':sections: {name}: there is no spec {spec!r}; '
                    f'{_near(spec, known.specs)}'))
            elif anchor not in known.specs[spec].anchors:
                yield Problem(line, (
                    f':sections: {name}: {spec} has neither a section nor a '
                    f'label {anchor!r}; '
                    f'{_near(anchor, known.specs[spec].anchors)}'))
        for name in record.all('files'):
            if Path(name).is_absolute() or '..' in Path(name).parts or not (
                    known.root / name).exists():
                yield Problem(line, (
                    f':files: {name} is not in this repository; give a path '
                    'from its root'))


def check_models(records, known):
    """Variants are recorded, and properties exist."""
    for record in records:
        differing, wrong = {}, False
        for name, sides in record.models().items():
            try:
                differing[name] = models.compare(name, [(), *(
                    side.split() for side in sides)]).differing()
            except models.Problem as problem:
                wrong = True
                yield Problem(record.line, f':variants: {problem}')
        for text in record.all('properties'):
            name, _, prop = text.partition(' ')
            try:
                has = models.choose(name).model.properties
            except models.Problem as problem:
                yield Problem(record.line, f':properties: {problem}')
                continue
            if prop not in has:
                yield Problem(record.line, (
                    f':properties: {name} has no property {prop!r}; '
                    f'{models.near(prop, has)}'))
            elif (record.standing == 'contested' and not wrong
                    and prop not in differing.get(name, ())):
                yield Problem(record.line, (
                    f':properties: {name} {prop} comes out the same in each '
                    'variant, so it decides nothing; take it out, or name '
                    'the variant that it tells apart'))


def check_contested(records, known):
    """What is contested has a variant of a model, or a reason why not."""
    for record in records:
        if record.standing == 'contested' and (
                bool(record.all('variants'))
                == bool(record.options.get('no-model'))):
            yield Problem(record.line, (
                'a contested decision needs either :variants: of a model to '
                'compare, or :no-model: with a sentence that says why no '
                'model decides it'))


def check_superseded(records, known):
    """What is superseded says by what."""
    ids = {record.id for record in records}
    for record in records:
        by = record.options.get('superseded-by', '')
        if bool(by) != (record.standing == 'superseded'):
            yield Problem(record.line, (
                'standing superseded and :superseded-by: go together; set '
                'both or neither'))
        elif by and (by == record.id or by not in ids
                     and by not in known.specs):
            yield Problem(record.line, (
                f':superseded-by: {by} is no other decision and no spec; '
                'give DEC-001 or release/name'))


def check_questions(records, known):
    """A question that a record binds stands as the record does."""
    for record in records:
        for name in record.all('binds'):
            standing = known.standings.get(name)
            if (standing and record.standing in STANDINGS
                    and standing != record.standing):
                yield Problem(record.line, (
                    f'the decision is {record.standing}, and {name}, which '
                    f'it binds, is {standing}; make them the same, or point '
                    'to it in the summary instead'))


def unbound_questions(records, known):
    """(path, problem) of questions with a ``:log:`` that no record binds."""
    bound = {name for record in records for name in record.all('binds')}
    for spec in known.specs.values():
        for name, (line, _, logged) in spec.questions.items():
            if logged and name not in bound:
                yield spec.path, Problem(line, (
                    f'{name} was argued at a meeting, and no decision binds '
                    f'it; add it to :binds: of one in doc/source/{PAGE}.rst'))


RULES = (check_form, check_bindings, check_models, check_contested,
         check_superseded, check_questions)


def check(page, known, rules=RULES):
    """All that is wrong with the records, and with what points to them.

    :param page: the page of decisions, a :class:`~tools.specs.Spec`
    :param known: a :class:`Known`; the indexes are in ``doc/decisions`` of
        its root
    :returns: sorted list of (path, line, message)
    """
    records = read(page)
    said, found = meetbot.read_indexes(known.root / 'doc' / 'decisions')
    for path, logs in ((page.path, meetbot.logs(page)), *(
            (spec.path, spec.logs) for spec in known.specs.values())):
        found += [(path, problem) for problem
                  in meetbot.check_logs(logs, said)[1]]
    for rule in rules:
        found += [(page.path, problem) for problem in rule(records, known)]
    found += unbound_questions(records, known)
    if not records:
        found.append((page.path, Problem(1, 'the page has no decision; '
                                            'record one, or delete it')))
    return sorted({(path, *problem) for path, problem in found})


def _near(name, known):
    close = difflib.get_close_matches(name, known, n=1)
    return f'did you mean {close[0]}?' if close else 'mend the name'


# --- on the pages ----------------------------------------------------------

class Decision(NeedDirective):
    """A record: a need, with what it binds as links below its summary."""

    def run(self):
        record = Record(self.lineno, (self.arguments or [''])[0],
                        dict(self.options), ())
        for name in set(OPTIONS) - {'id', 'standing', 'log'}:
            self.options.pop(name, None)
        for name in {*self.options} - {*OPTIONS}:
            self.options.pop(name)  # it is reported
        models.depend(self.state.document, dict.fromkeys(
            text.split()[0] for option in ('variants', 'properties')
            for text in record.all(option)))
        self.content.disconnect()
        path, line = self.get_source_info()
        for text in ['', *_facts(record)]:
            self.content.append(text, path, line - 1)
        return super().run()


def _facts(record):
    """What a record binds, as RST below its summary."""
    roles = {'binds': 'need', 'sections': 'spec-section',
             'files': 'spec-file'}
    for option, role in roles.items():
        if record.all(option):
            yield f':{option.capitalize()}: ' + ', '.join(
                f':{role}:`{one}`' for one in record.all(option))
    if record.all('properties'):
        yield ':Properties: ' + ', '.join(
            f'``{one}``' for one in record.all('properties'))
    if record.all('variants'):
        yield ':Repeat: ' + ', '.join(
            f'``cyborg-models compare {name} --vs {pairs}``'
            for name, sides in record.models().items() for pairs in sides)
    by = record.options.get('superseded-by')
    if by:
        role = 'spec-section' if '/' in by else 'need'
        yield f':Superseded by: :{role}:`{by}`'
    for option, words in (('no-model', 'No model'),
                          ('no-binding', 'Binds nothing')):
        if record.options.get(option):
            yield f':{words}: {record.options[option]}'
    for name, sides in record.models().items():
        yield from ('', f'.. model-comparison:: {name}',
                    f'   :vs: {", ".join(sides)}')


class section_link(nodes.Inline, nodes.TextElement):
    """A link to a spec or a section of one."""


def spec_section(name, rawtext, text, lineno, inliner, options=None,
                 content=None):
    """The role ``spec-section``: ``release/name#anchor``."""
    return [section_link(rawtext, text, target=text)], []


def spec_file(name, rawtext, text, lineno, inliner, options=None,
              content=None):
    """The role ``spec-file``: a file of the repository."""
    return [nodes.reference(rawtext, '', nodes.literal(text=text),
                            refuri=SOURCE + text)], []


class DecisionIndex(SphinxDirective):
    """``.. decision-index::``: all records of the page, by standing."""

    def run(self):
        out = []
        records = self.env.app.cyborg_decisions
        counts = collections.Counter(one.standing for one in records)
        out.append(nodes.paragraph(text=f'{len(records)} records: ' + (
            ', '.join(f'{counts[standing]} {standing}' for standing
                      in STANDINGS if counts[standing])) + '.'))
        for standing in STANDINGS:
            if not counts[standing]:
                continue
            out.append(nodes.rubric('', '', nodes.inline(
                text=standing, classes=['spec-status', standing])))
            items = nodes.bullet_list(classes=['decision-list'])
            for record in records:
                if record.standing == standing:
                    items += nodes.list_item('', nodes.paragraph(
                        '', '', *self.parse_inline(
                            f':need:`{record.id}`')[0],
                        nodes.Text(f' {record.title}')))
            out.append(items)
        return out


def check_all(app, env, docnames):
    """Once per build, hold the records against all that they name.

    What a spec has is kept: reading a thousand of them takes a while.
    """
    app.cyborg_decisions, app.cyborg_known = [], Known(None, [])
    if PAGE not in env.found_docs:
        return
    kept = getattr(env, _FACTS, {})
    found = {docname: kept[docname] if docname in kept
             and docname not in docnames else facts(specs.read(spec.path))
             for docname, spec in app.cyborg_specs.items()}
    setattr(env, _FACTS, found)
    page = specs.read(env.doc2path(PAGE))
    app.cyborg_decisions = read(page)
    app.cyborg_known = Known(Path(app.srcdir).resolve().parent.parent,
                             list(found.values()))
    where = {page.path: PAGE, **{
        one.path: docname for docname, one in found.items()}}
    # The page is read again when a model changes that it names.
    rules = RULES if PAGE in docnames else [
        rule for rule in RULES if rule is not check_models]
    for path, line, message in check(page, app.cyborg_known, rules):
        logger.warning(message, location=(
            (where[path], line) if path in where else f'{path}:{line}'))


def rewrite_bound(app, env):
    """The specs say which records bind them."""
    return [*app.cyborg_specs] if PAGE in app.cyborg_read else []


def resolve(app, doctree, docname):
    """Links to sections, and on a spec the records that bind it."""
    for node in list(doctree.findall(section_link)):
        name, _, anchor = node['target'].partition('#')
        release, _, slug = name.partition('/')
        spec = app.cyborg_known.specs.get(name)
        titles = spec.anchors if spec else {}
        text = f'{slug}: {titles[anchor]}' if anchor in titles else name
        node.replace_self(link(
            app, docname, f'specs/{release}/approved/{slug}', text, anchor))
    for page, header in headers(doctree).items():
        _bind(app, doctree, docname, app.cyborg_specs[page], header)


def _bind(app, doctree, docname, spec, header):
    """Say at a spec's head and in its boxes which records bind them."""
    stated = app.cyborg_known.specs[spec.name].needs if (
        app.cyborg_decisions) else ()
    bound = {}
    for record in app.cyborg_decisions:
        for name in record.all('binds'):
            if name in stated:
                bound.setdefault(name, []).append(record)
    boxes = {name: table for table in (
        doctree.findall(nodes.table) if bound else ())
        if 'need' in table['classes'] for name in table['ids']}
    for name, records in bound.items():
        if name in boxes:
            row = next(iter(boxes[name].findall(nodes.tbody)))[-1]
            row[-1] += _line(app, docname, records)
    whole = [record for record in app.cyborg_decisions
             if spec.name in record.specs()]
    if whole:
        header += _line(app, docname, whole)


def _line(app, docname, records):
    line = nodes.paragraph(classes=['decided'])
    line += nodes.inline(text='Decisions: ')
    for number, record in enumerate(records):
        if number:
            line += nodes.Text(', ')
        line += _record(app, docname, record)
    return line


def _record(app, docname, record):
    found = link(app, docname, PAGE, record.id, record.id)
    found['reftitle'] = f'{record.title} ({record.standing})'
    return found


def register(app, config):
    """In place of the plain need that sphinx-needs makes of the type."""
    app.add_directive('decision', Decision, override=True)


def setup(app):
    app.connect('config-inited', register, priority=650)
    app.add_directive('decision-index', DecisionIndex)
    app.add_role('spec-section', spec_section)
    app.add_role('spec-file', spec_file)
    app.add_node(section_link)
    app.connect('env-before-read-docs', check_all, priority=600)
    app.connect('env-updated', rewrite_bound)
    app.connect('doctree-resolved', resolve, priority=900)
    return {'version': '1', 'parallel_read_safe': True,
            'parallel_write_safe': True}
