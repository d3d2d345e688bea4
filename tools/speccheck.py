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
import re
import sys
from pathlib import Path

import docutils.core
import docutils.utils
from docutils import nodes
from docutils.parsers.rst import Directive, directives, roles

from tools import specs
from tools.seqdiag.directive import SeqdiagDirective

# Directives and roles that Sphinx and its extensions add to docutils. The
# test holds both lists against what the site's Sphinx knows.
CONTAINERS = (
    'centered', 'codeauthor', 'deprecated', 'glossary', 'hlist', 'only',
    'sectionauthor', 'seealso', 'versionadded', 'versionchanged',
    'versionremoved', 'failure', 'question', 'req',
)
OPAQUE = (
    'code-block', 'default-domain', 'describe', 'highlight', 'index',
    'literalinclude', 'object', 'productionlist', 'requirement-index',
    'sourcecode', 'spec-index', 'tabularcolumns', 'toctree', 'acks',
    'graphviz', 'digraph', 'graph', 'option', 'program', 'envvar',
    'cmdoption', 'confval', 'rst:directive', 'rst:role',
    'rst:directive:option', 'std:confval', 'need', 'needbar', 'needextend',
    'needextract', 'needflow', 'needgantt', 'needimport', 'needlist',
    'needpie', 'needreport', 'needsequence', 'needservice', 'needtable',
    'needuml', 'needarch', 'list2need',
)
ROLES = (
    'abbr', 'any', 'command', 'confval', 'dfn', 'doc', 'download', 'envvar',
    'eq', 'file', 'guilabel', 'index', 'kbd', 'keyword', 'mailheader',
    'makevar', 'manpage', 'menuselection', 'mimetype', 'need', 'need_count',
    'need_func', 'need_incoming', 'need_outgoing', 'need_part', 'ndf',
    'newsgroup', 'np', 'numref', 'option', 'pep', 'program', 'ref',
    'regexp', 'rfc', 'samp', 'term', 'token', 'cve', 'cwe',
)


class _Anything(dict):
    """An option specification that takes every option as text."""

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
        wrong = {'python': _wrong_python, 'json': _wrong_json}.get(
            language, lambda text: None)(text)
        if wrong:
            path, line = self.content.items[
                min(wrong[0], len(self.content)) - 1]
            return [self.state.document.reporter.warning(
                f'this code is not {language}: {wrong[1]}; mend it, or '
                'name another language', source=path, line=line + 1)]
        return []


def _wrong_python(text):
    try:
        compile(text, '<block>', 'exec', dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    return None


def _wrong_json(text):
    import json
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno, error.msg
    return None


def _any_role(name, rawtext, text, lineno, inliner, options=None,
              content=None):
    return [nodes.literal(rawtext, text)], []


def _register():
    for name in CONTAINERS:
        directives.register_directive(name, _Container)
    for name in OPAQUE:
        directives.register_directive(name, _Opaque)
    for name in ('code-block', 'sourcecode'):
        directives.register_directive(name, _Code)
    directives.register_directive('seqdiag', SeqdiagDirective)
    for name in ROLES:
        roles.register_local_role(name, _any_role)


def check(path):
    """All problems of one spec.

    :param path: a spec, in a folder ``specs/<release>/approved``
    :returns: sorted list of (file, line, message)
    :raises OSError: if the file cannot be read
    """
    path = Path(path)
    found = {(str(path), problem.line, problem.message)
             for problem in specs.check(path)}
    text, _ = specs.decode(path.read_bytes())
    found.update(_check_markup(path, text))
    return sorted(found)


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
        elif said.startswith('No role entry') or said.startswith(
                'No directive entry'):
            return
        found.append((message.get('source') or str(path), line, said))

    reader_settings = {
        'report_level': 2, 'halt_level': 5, 'warning_stream': False,
        'input_encoding': 'unicode', 'file_insertion_enabled': True,
        'raw_enabled': True, '_disable_config': True,
    }
    original = docutils.utils.Reporter.notify_observers

    def observe(self, message):
        if message['level'] >= 2 or 'No ' in message.astext()[:40]:
            note(message)
        return original(self, message)

    docutils.utils.Reporter.notify_observers = observe
    try:
        docutils.core.publish_doctree(
            text, source_path=str(path), settings_overrides=reader_settings)
    finally:
        docutils.utils.Reporter.notify_observers = original
    return found


def _near(kind, name):
    import difflib
    known = (ROLES if kind == 'role' else
             (*CONTAINERS, *OPAQUE, 'seqdiag', 'note', 'warning', 'image',
              'figure', 'list-table', 'table', 'math', 'contents'))
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
    paths = options.files or specs.spec_files()
    problems, unreadable = [], 0
    for path in paths:
        if path.parent.name != 'approved' or path.suffix != '.rst':
            print(f'{path}:1: not a spec; a spec is a file '
                  'specs/<release>/approved/<name>.rst', file=sys.stderr)
            unreadable += 1
            continue
        try:
            problems += check(path)
        except OSError as error:
            print(f'{path}:1: cannot be read: {error.strerror}; check the '
                  'name', file=sys.stderr)
            unreadable += 1
    for path, line, message in problems:
        with contextlib.suppress(ValueError):
            path = Path(path).resolve().relative_to(Path.cwd())
        print(f'{path}:{line}: {message}')
    checked = len(paths) - unreadable
    print(f'{checked} spec{"s" * (checked != 1)} checked, '
          f'{len(problems)} problem{"s" * (len(problems) != 1)}',
          file=sys.stderr)
    if unreadable or not checked:
        return 2
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
