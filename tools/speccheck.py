"""Check specs in a moment, before they are submitted.

``python -m tools.speccheck FILE ...`` says ``file:line: what and the mend``
for each problem and ends with the number of specs it looked at.  It knows
the site's own directives, and draws every diagram, but starts no Sphinx:
references between pages are looked up in the text.

Exit status: 0 no problem, 1 problems, 2 a file that cannot be read or that
is no spec.
"""

import argparse
import contextlib
import difflib
import gc
import os
import re
import sys
from pathlib import Path

import docutils.core
import docutils.utils
from docutils import nodes
from docutils.parsers.rst import Directive, directives, roles

from tools import evidence, meetbot, produced, specs
from tools.seqdiag.directive import REMARK, SeqdiagDirective

# Directives and roles that Sphinx and its extensions add to docutils. The
# test holds both lists against what the site's Sphinx knows.
CONTAINERS = (
    'acks', 'centered', 'choose', 'codeauthor', 'cssclass', 'decision',
    'deprecated', 'failure', 'hlist', 'if', 'moduleauthor', 'only',
    'otherwise', 'question', 'req', 'rst-class', 'sectionauthor', 'seealso',
    'version-added', 'version-changed', 'version-deprecated',
    'version-removed', 'versionadded', 'versionchanged', 'versionremoved',
    'when',
)
OPAQUE = (
    'changes', 'code-block', 'data-viewer', 'decision-index',
    'default-domain', 'describe', 'digraph', 'evidence', 'graph',
    'graphviz', 'highlight', 'index',
    'list2need', 'literalinclude', 'needarch', 'needbar', 'needextend',
    'needextract', 'needflow', 'needgantt', 'needimport', 'needlist',
    'needpie', 'needreport', 'needsequence', 'needservice', 'needtable',
    'needuml', 'object', 'productionlist', 'requirement-index', 'sourcecode',
    'spec-index', 'std:productionlist', 'tabularcolumns', 'toctree',
)
ROLES = (
    'abbr', 'any', 'command', 'cve', 'cwe', 'dfn', 'download', 'eq', 'file',
    'guilabel', 'index', 'kbd', 'mailheader', 'makevar', 'manpage',
    'menuselection', 'mimetype', 'ndf', 'need', 'need_count',
    'need_incoming', 'need_outgoing', 'need_part', 'newsgroup', 'np', 'pep',
    'program', 'regexp', 'rfc', 'samp', 'spec-file', 'spec-section',
    'variant',
)
# domain -> (directives, roles); those of py and std go without a prefix too.
DOMAINS = {
    'c': (
        'alias enum enumerator function macro member namespace namespace-pop'
        ' namespace-push struct type union var',
        'data enum enumerator expr func macro member struct texpr type union'
        ' var'),
    'cpp': (
        'alias class concept enum enum-class enum-struct enumerator function'
        ' member namespace namespace-pop namespace-push struct type union'
        ' var',
        'any class concept enum enumerator expr func member struct texpr'
        ' type union var'),
    'js': ('attribute class data function method module',
           'attr class data func meth mod'),
    'math': ('', 'numref'),
    'py': (
        'attribute class classmethod currentmodule data decorator'
        ' decoratormethod exception function method module property'
        ' staticmethod type',
        'attr class const data deco exc func meth mod obj type'),
    'rst': ('directive directive:option role', 'dir role'),
    'std': ('cmdoption confval envvar glossary option program',
            'confval doc envvar keyword numref option ref term token'),
}

# What docutils says -> the mend, which it leaves out.
MENDS = (
    (r'Title (over|under)line', 'make the lines as long as the title'),
    (r'invalid option block', 'leave a line free between the options and '
                              'what follows'),
    (r'Inline \S+ start-string', 'close it, or put a backslash before it'),
    (r'Unknown target name', 'write `text <address>`_, or define the name'),
    (r'without a blank line|[Uu]nexpected (un)?indent',
     'leave a line free where the indentation changes'),
    (r'uniform two-level bullet list', 'give each row as many cells'),
)


def _domain_names(index):
    """All names of the domains' directives (0) or roles (1)."""
    return [name for domain, names in DOMAINS.items()
            for bare in names[index].split()
            for name in (f'{domain}:{bare}',
                         *([bare] if domain in ('py', 'std') else []))]


class _Anything(dict):
    """An option specification that takes every option as text."""

    def __bool__(self):
        return True  # or docutils would read no option at all

    def __contains__(self, name):
        return True

    def __getitem__(self, name):
        return directives.unchanged


class _Container(Directive):
    """Reads its content as RST, so that mistakes within it are found."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = _Anything()

    def run(self):
        node = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, node)
        return node.children


class _Opaque(_Container):
    """Has content of its own, which is no RST."""

    def run(self):
        return []


class _Code(_Opaque):
    """A code block: where the language is known, it must parse."""

    def run(self):
        language = (self.arguments or [''])[0].strip()
        text = '\n'.join(self.content)
        wrong = specs.wrong_code(language, text)
        if wrong and self.content:
            path, line = self.content.items[
                min(wrong[0], len(self.content)) - 1]
            return [self.state.document.reporter.warning(
                f'this code is not {language}: {wrong[1]}; mend it, or '
                'name another language', source=path, line=line + 1)]
        return []


def _missing(source, name):
    """Whether a file that *source* names is missing; a name that begins
    with / counts from the folder of the site, as in Sphinx.
    """
    path = (specs.ROOT / 'doc' / 'source' / name.lstrip('/')
            if name.startswith('/') else Path(source).parent / name)
    return not os.path.isfile(path)


def _missing_images(document):
    """(file, line, message) for each picture that is not there."""
    for image in document.findall(nodes.image):
        uri = image['uri']
        if re.match(r'\w+:', uri) or uri.endswith('.*'):
            continue
        place = image
        while place.line is None and place.parent is not None:
            place = place.parent
        source = place.source or document['source']
        if _missing(source, uri):
            yield source, place.line or 1, (
                f'there is no image {uri}; mend its name, or add the file '
                'beside the spec')


def _any_role(name, rawtext, text, lineno, inliner, options=None,
              content=None):
    return [nodes.literal(rawtext, text)], []


def _register():
    for name in (*CONTAINERS, *_domain_names(0)):
        directives.register_directive(name, _Container)
    for name in OPAQUE:
        directives.register_directive(name, _Opaque)
    for name in ('code-block', 'sourcecode'):
        directives.register_directive(name, _Code)
    # That they are used at all is a problem, which tools.specs reports.
    for name in ('include', 'raw'):
        directives.register_directive(name, _Opaque)
    directives.register_directive('seqdiag', SeqdiagDirective)
    for name, directive in produced.DIRECTIVES.items():
        directives.register_directive(name, directive)
    for name in (*ROLES, *_domain_names(1)):
        roles.register_local_role(name, _any_role)
    for name, role in produced.ROLES.items():
        roles.register_local_role(name, role)


def check(path, remarks=None):
    """All problems of one spec.

    :param path: a spec, in a folder ``specs/<release>/approved``
    :param remarks: a list that gets what is no problem, in the same form
    :returns: sorted list of (file, line, message)
    :raises OSError: if the file cannot be read
    """
    path = Path(path).resolve()
    spec, problems = specs.examine(path)
    theirs = _others(spec)
    found = {(str(path), problem.line, problem.message)
             for problem in [*problems, *_shared_names(spec, theirs),
                             *_who_spoke(spec)]}
    # An id that another spec has is one mistake, its prefix included.
    found -= {row for row in found for _, name in theirs
              if row[2].startswith(f'{name} has another prefix')}
    for where, line, message in evidence.check_one(
            spec, {name for kind, name in theirs if kind == 'need'},
            path.parents[3], _MODELS):
        if spec.status in specs.BINDING:
            found.add((where or str(path), line, message))
        elif spec.status == 'draft' and remarks is not None:
            remarks.append((where or str(path), line, message))
    for path_, line, said in _check_markup(path, '\n'.join(spec.lines)):
        if not said.startswith(REMARK):
            found.add((path_, line, said))
        elif remarks is not None:
            remarks.append((path_, line, said))
    if {spec.metadata.get(name, 'none') for name in (
            'supersedes', 'superseded-by')} != {'none'}:
        others = (specs.read(other) for other in specs.spec_files(
            path.parents[3]) if other != path)
        found.update((str(path), problem.line, problem.message)
                     for owner, problem in specs.check_together(
                         [spec, *others]) if owner is spec)
    return sorted(found)


_MODELS = {}  # what was read of the models' files


def _others(spec):
    """(kind, name) -> path of all that the other specs define."""
    theirs = {}
    for path in specs.spec_files(spec.path.parents[3]):
        if path != spec.path:
            lines = path.read_text(encoding='utf-8',
                                   errors='replace').split('\n')
            for kind, name, _ in specs.defined(lines):
                theirs[kind, name] = path
    return theirs


def _shared_names(spec, theirs):
    """No id and no label that another spec has already.

    Sphinx knows this by itself; it is for those who check one file.
    """
    for kind, name, line in specs.defined(spec.lines):
        other = theirs.get((kind, name))
        if other:
            yield specs.Problem(line, (
                f'{name} stands in {other.parent.parent.name}/{other.stem} '
                'too; choose another'))


def _who_spoke(spec):
    """The time stamps of its questions, against the indexes of meetings."""
    known, _ = meetbot.read_indexes(
        spec.path.parents[3] / 'doc' / 'decisions')
    return meetbot.check_logs(meetbot.logs(spec), known)[1]


def _check_markup(path, text):
    """What docutils says of the text, diagrams included."""
    _register()
    found = []

    def note(message):
        line = message.get('line') or 1
        said = message.children[0].astext() if message.children else ''
        said = ' '.join(said.split())
        unknown = re.match(r'Unknown (directive type|interpreted text role)'
                           r' "([^"]+)"', said)
        if unknown:
            kind = 'directive' if 'directive' in unknown[1] else 'role'
            said = f'unknown {kind} {unknown[2]!r}{_near(kind, unknown[2])}'
        mend = _mend(said)
        said = said.rstrip('.') + mend if mend else said
        found.append((message.get('source') or str(path), line, said))

    reader_settings = {
        'report_level': 2, 'halt_level': 5, 'warning_stream': False,
        'input_encoding': 'utf-8', 'file_insertion_enabled': False,
        'line_length_limit': 10**7,
        'raw_enabled': True, '_disable_config': True,
    }
    original = docutils.utils.Reporter.notify_observers

    def observe(self, message):
        if message['level'] >= 2 or (
                message.children
                and message.children[0].astext().startswith(REMARK)):
            note(message)
        return original(self, message)

    docutils.utils.Reporter.notify_observers = observe
    try:
        document = docutils.core.publish_doctree(
            text, source_path=str(path), settings_overrides=reader_settings)
        found.extend(_missing_images(document))
    except RecursionError:
        found.append((str(path), 1, 'blocks or lists are nested too deep to '
                      'be read; make them flatter'))
    finally:
        docutils.utils.Reporter.notify_observers = original
    return found


def _mend(said):
    option = re.match(r'Error in "(.+)" directive: unknown option: "(.+)"',
                      said)
    if option:
        known = directives._directives[option[1]].option_spec or ()
        close = difflib.get_close_matches(option[2], known, n=1)
        return (f'; did you mean :{close[0]}:?' if close else
                f'; it has {", ".join(sorted(known))}')
    return next((f'; {mend}' for pattern, mend in MENDS
                 if re.search(pattern, said)), '')


def _near(kind, name):
    known = ((*ROLES, *_domain_names(1), *produced.ROLES)
             if kind == 'role' else
             (*CONTAINERS, *OPAQUE, *_domain_names(0),
              *produced.DIRECTIVES, 'seqdiag', 'note', 'warning',
              'image', 'figure', 'list-table', 'table', 'math',
              'contents'))
    close = difflib.get_close_matches(name, known, n=1)
    return f'; did you mean {close[0]!r}?' if close else (
        '; the site knows none of that name')


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog='speccheck',
        description='Check specs before they are submitted.')
    parser.add_argument('files', nargs='*', type=Path, metavar='FILE',
                        help='specs; none: all of them')
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):  # a name may be of any bytes
            stream.reconfigure(errors='backslashreplace')
    paths = options.files or specs.spec_files()
    problems, remarks, unreadable = [], [], 0
    for path in paths:
        if path.parent.name != 'approved' or path.suffix != '.rst':
            print(f'{path}:1: not a spec; a spec is a file '
                  'specs/<release>/approved/<name>.rst', file=sys.stderr)
            unreadable += 1
            continue
        try:
            problems += check(path, remarks)
        except OSError as error:
            print(f'{path}:1: cannot be read: {error.strerror}; check the '
                  'name', file=sys.stderr)
            unreadable += 1
    for found, stream in ((problems, sys.stdout), (remarks, sys.stderr)):
        for path, line, message in found:
            with contextlib.suppress(ValueError):
                path = Path(path).resolve().relative_to(Path.cwd())
            print(f'{path}:{line}: {message}', file=stream)
    checked = len(paths) - unreadable
    print(f'{checked} spec{"s" * (checked != 1)} checked, '
          f'{len(problems)} problem{"s" * (len(problems) != 1)}',
          file=sys.stderr)
    if unreadable or not checked:
        return 2
    return 1 if problems else 0


if __name__ == '__main__':
    gc.disable()  # it runs for a moment: looking for garbage takes a tenth
    sys.exit(main())
