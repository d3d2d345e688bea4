"""A report for people and for programs: terminal, JSON, JUnit XML, HTML.

All of them are made of what :func:`as_data` gives, which
``report.schema.json`` describes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from html import escape
from typing import Any
from xml.sax.saxutils import quoteattr

from cyborg_models import drawing
from cyborg_models.conformance import contract
from cyborg_models.conformance.verdict import (
    CONFORMANT,
    FAIL,
    INCONCLUSIVE,
    OPEN,
    PASS,
    Failure,
    Report,
    Verdict,
)
from cyborg_models.kernel import trace
from cyborg_models.kernel.trace import Run

TOLD = 40  # steps of a prefix that are drawn; those before are left out
STYLES = {PASS: 'green', FAIL: 'bold red', INCONCLUSIVE: 'yellow'}


def as_data(report: Report) -> dict[str, Any]:
    """The report as an object for JSON, as the specification has it, and
    more.
    """
    system = report.system
    name, version = system.implementation
    return {
        'contract': report.contract.version, 'role': list(system.roles),
        'capabilities': list(system.capabilities),
        'implementation': {'name': name, 'version': version},
        'known': list(system.known),
        'faults': sorted({fault for outcome in report.outcomes
                          for fault in outcome.faults}),
        'seed': report.seed, 'status': report.status,
        'verdict': report.word, 'claim': report.claim,
        'counts': report.counts, 'mended': report.mended,
        'errors': report.errors,
        'verdicts': {
            rule: {'verdict': one.verdict,
                   **({'reason': one.reason} if one.reason else {}),
                   **({'evidence': list(one.evidence)}
                      if one.evidence else {}),
                   **({'known': one.known} if one.known else {}),
                   **({'lines': dict(zip(('held', 'refused'), one.lines,
                                         strict=True))}
                      if one.lines else {})}
            for rule, one in report.verdicts.items()},
        'failures': [failure_data(one) for one in report.failures],
        'models': [{
            'model': outcome.title, 'error': outcome.error,
            'last': outcome.last, 'repeat': outcome.repeat,
            'missing': list(outcome.missing),
            'modes': [{
                'mode': mode.mode, 'seed': mode.seed, 'steps': mode.steps,
                'runs': mode.runs, 'states': mode.states,
                'edges': mode.edges, 'seconds': round(mode.seconds, 3),
                'counts': mode.counts, 'notes': mode.notes,
                'skipped': mode.skipped, 'repeat': mode.repeat}
                for mode in outcome.modes]}
            for outcome in report.outcomes], **report.more}


def failure_data(failure: Failure) -> dict[str, Any]:
    """A failure as an object for JSON."""
    found = failure.divergence
    event, told = found.event, _shown(found.prefix)
    rule = _rule(failure.requirement)
    first = len(found.prefix.steps) - len(told.steps)
    return {
        'requirement': failure.requirement,
        'title': rule.title if rule else '',
        'sentence': rule.sentence if rule else '',
        'address': contract.address(failure.requirement),
        'also': [name for name in found.requirements
                 if name != failure.requirement],
        'why': found.why, 'known': failure.known,
        'event': {'kind': event.kind,
                  'step': event.step.name if event.step else '',
                  'message': event.step.message if event.step else '',
                  'sentence': event.step.action.doc if event.step else '',
                  'outcome': event.outcome, 'source': event.source},
        'calls': list(failure.calls),
        'prefix': [{
            'number': first + row.number, 'step': row.step.name,
            'message': str(row), 'changes': [str(one) for one
                                             in row.changes]}
            for row in trace.messages(told)],
        'differences': [{'name': one.name, 'observed': one.observed,
                         'possible': list(one.possible)}
                        for one in found.differences],
        'possible': [step.name for step in found.possible],
        'guard': None if found.guard is None else {
            'requirement': found.guard.requirement,
            'text': found.guard.text, 'where': found.guard.where,
            'address': contract.address(found.guard.requirement)},
        'mode': failure.mode, 'seed': failure.seed, 'steps': failure.steps,
        'steady': failure.steady, 'repeat': failure.repeat,
        'seqdiag': trace.seqdiag(told)}


def _rule(requirement: str) -> contract.Rule | None:
    return next((one.rules[requirement]
                 for one in contract.contracts().values()
                 if requirement in one.rules), None)


def _shown(told: Run) -> Run:
    """The last steps of a run."""
    return Run(told.model, told.states[-TOLD - 1:], told.steps[-TOLD:])


def diagram(failure: Failure) -> str:
    """The prefix that failed, as a sequence diagram in SVG."""
    return str(drawing.sequence_svg(_shown(failure.divergence.prefix), (
        f'{failure.requirement}: {failure.divergence.why}')))


# People

Line = tuple[str, str | None]  # a line, and its style


def failure_lines(failure: Failure, width: int = 80,
                  marks: Any = drawing.UNICODE) -> Iterator[Line]:
    """A failure as (line, style); a long line may be broken."""
    data = failure_data(failure)
    known = f' (known: {data["known"]})' if data['known'] else ''
    yield (f'{data["requirement"] or "no requirement"} fails{known}: '
           f'{data["why"]}'), 'bold red'
    if data['sentence']:
        yield f'  {data["sentence"]}', None
        yield f'  {data["address"]}', 'cyan'
    if data['also']:
        yield f'  also broken: {", ".join(data["also"])}', None
    guard = data['guard']
    if data['event']['sentence']:
        yield f'  {data["event"]["step"]}: {data["event"]["sentence"]}', None
    if guard:
        yield (f'  false guard: {guard["text"]} [{guard["requirement"]}] '
               f'{guard["where"]}'), None
        if guard['address'] != data['address']:
            yield f'  {guard["address"]}', 'cyan'
    if data['event']['source']:
        yield f'  at: {data["event"]["source"]}', None
    for row in data['differences']:
        yield f'  {_difference(row)}', None
    yield (f'  possible steps: {", ".join(data["possible"]) or "none"}',
           None)
    calls = data['calls']
    yield f'  calls ({len(calls)}):', None
    for call in calls[-TOLD:]:
        yield f'    {call}', None
    yield '', None
    yield (f'  The model agrees with {len(data["prefix"])} steps, and not '
           'with what came then:'), None
    yield '', None
    yield from drawing.sequence_text(_shown(failure.divergence.prefix),
                                     width, marks)
    yield '', None
    if not data['steady']:
        yield '  It did not show again when this was repeated.', 'yellow'
    if not data['event']['source']:
        yield (f'  found in mode {data["mode"]} with seed {data["seed"]}, '
               f'after {data["steps"]:,} steps'), None
    if data['repeat']:
        yield f'  to repeat: {data["repeat"]}', None


def _difference(row: dict[str, Any]) -> str:
    """What was seen of a variable, and what it may be."""
    possible = ', '.join(row['possible'])
    if row['observed'] in row['possible']:
        return (f'{row["name"]} is {row["observed"]}, which does not go with '
                f'what else was seen; by itself possible: {possible}')
    return f'{row["name"]} is {row["observed"]}; possible: {possible}'


def failure_text(failure: Failure) -> str:
    """A failure as text."""
    return '\n'.join(line for line, _ in failure_lines(failure))


def lines(report: Report, width: int = 80, marks: Any = drawing.UNICODE,
          details: bool = True) -> Iterator[Line]:
    """The whole report as (line, style).

    :param details: False to leave out what each pass rests on
    """
    data = as_data(report)
    yield (f'{data["implementation"]["name"]} '
           f'{data["implementation"]["version"]}: {data["contract"]}, role '
           f'{", ".join(data["role"])}, with '
           f'{", ".join(data["capabilities"])}' + (
               f'; faults injected: {", ".join(data["faults"])}'
               if data['faults'] else '')), 'bold'
    for title, models in _by_title(data):
        yield '', None
        yield title, 'bold'
        for model in models:
            yield from _mode_lines(model)
    for failure in report.failures:
        yield '', None
        yield from failure_lines(failure, width, marks)
    yield '', None
    yield from verdict_lines(report, details)
    yield '', None
    for name in data['mended']:
        yield (f'mended: {name}, which was said to be known, did not show',
               'green')
    yield (data['claim'] or data['verdict']).capitalize() + '.', (
        'green' if report.status == CONFORMANT else 'bold red'
        if report.status != OPEN else 'yellow')


def verdict_lines(report: Report, details: bool = True) -> Iterator[Line]:
    """The requirements by verdict as (line, style); those that are not shown
    for one reason are told together.
    """
    for verdict in report.counts:
        rows = [(rule, one) for rule, one in report.verdicts.items()
                if one.verdict == verdict]
        if not rows:
            continue
        yield f'{verdict} ({len(rows)})', STYLES.get(verdict, 'dim')
        told: dict[tuple[str, str], list[str]] = {}
        for (rule, one) in rows if details or verdict == FAIL else ():
            told.setdefault((_rests_on(one), rule if one.evidence else ''),
                            []).append(rule)
        for (what, _), rules in told.items():
            yield f'  {", ".join(rules)}{f": {what}" if what else ""}', None


def _rests_on(one: Verdict) -> str:
    """What a verdict rests on."""
    what = ', '.join(one.evidence) or one.reason
    if one.lines is None:
        return what
    told = [f'{word} in {count:,} line{"s" * (count > 1)}'
            for word, count in zip(('held', 'refused'), one.lines,
                                   strict=True) if count]
    return f'{what} ({", ".join(told)})'


def _by_title(data: dict[str, Any]
              ) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """What was done of each model: a runner of tests has a mode at a time.
    """
    return itertools.groupby(data['models'], lambda model: str(
        model['model']))


def _mode_lines(model: dict[str, Any]) -> Iterator[Line]:
    for mode in model['modes']:
        if mode['skipped']:
            yield f'  {mode["mode"]}: not run: {mode["skipped"]}', 'dim'
            continue
        counts = ''.join(f', {value:,} {name}' for name, value
                         in mode['counts'].items())
        yield (f'  {mode["mode"]}: {mode["steps"]:,} steps in '
               f'{mode["runs"]:,} runs, {mode["states"]:,} states, '
               f'{mode["edges"]:,} edges{counts} (seed {mode["seed"]}, '
               f'{mode["seconds"]:.1f} s)'), None
        for note in mode['notes']:
            yield f'    inconclusive: {note}', 'yellow'
    if model['missing']:
        yield f'  not implemented: {", ".join(model["missing"])}', 'yellow'
    if model['error']:
        yield f'  harness error: {model["error"]}', 'bold red'
        if model['last']:
            yield f'  done before: {model["last"]}', None
        if model['repeat']:
            yield f'  to repeat: {model["repeat"]}', None


# Programs

def as_json(report: Report) -> str:
    """The text of a JSON file."""
    return json.dumps(as_data(report), indent=1) + '\n'


def as_junit(report: Report) -> str:
    """The text of a JUnit XML file: one case for each requirement.

    What is inconclusive and can be tested is an *error*, for a skipped test
    is easily taken for a passed one; of a log that says enough it is skipped.
    """
    data = as_data(report)
    told = ''.join(
        f'   <property name={quoteattr(key)} value={quoteattr(_clean(one))}'
        '/>\n' for key, one in (
            ('contract', data['contract']), ('role', ' '.join(data['role'])),
            ('capabilities', ' '.join(data['capabilities'])),
            ('implementation', ' '.join(data['implementation'].values())),
            ('known', ' '.join(data['known'])),
            ('faults', ' '.join(data['faults'])), ('seed', str(data['seed'])),
            ('verdict', data['claim'] or data['verdict']),
            *(('repeat', mode['repeat']) for model in data['models']
              for mode in model['modes'])))
    rows, counts = [], {'failure': 0, 'error': 0, 'skipped': 0}
    texts = {}
    for failure in report.failures:
        texts.setdefault(failure.requirement, failure_text(failure))
    for name, one in report.verdicts.items():
        rule = report.contract.rules.get(name)
        kind = ('' if one.verdict == PASS else
                'failure' if one.verdict == FAIL else
                report.open_kind if one.verdict == INCONCLUSIVE and rule
                and not rule.review else 'skipped')
        head = (f'  <testcase classname={quoteattr(report.contract.version)}'
                f' name={quoteattr(name)}')
        if not kind:
            rows.append(f'{head}/>')
            continue
        counts[kind] += 1
        message = _clean(f'{one.verdict}: {_rests_on(one)}'.rstrip(': '))
        rows.append(f'{head}>\n   <{kind} message={quoteattr(message)}>'
                    f'{_xml(texts.get(name, ""))}</{kind}>\n  </testcase>')
    for error in report.errors:
        counts['error'] += 1
        rows.append(f'  <testcase classname="harness" name="harness">\n   '
                    f'<error message={quoteattr(_clean(error))}/>\n'
                    '  </testcase>')
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<testsuites>\n <testsuite name="conformance" tests="'
            f'{len(rows)}" failures="{counts["failure"]}" errors="'
            f'{counts["error"]}" skipped="{counts["skipped"]}">\n'
            f'  <properties>\n{told}  </properties>\n'
            + '\n'.join(rows) + '\n </testsuite>\n</testsuites>\n')


def _clean(text: str) -> str:
    """Text for XML 1.0, which has no control characters."""
    return ''.join(char for char in text if char >= ' ' or char in '\n\t')


def _xml(text: str) -> str:
    return escape(_clean(text), quote=False)


STYLE = '''
:root { color-scheme: light dark; --line: #889; --dim: #556;
  --good: #17692f; --bad: #a3333d; --open: #7a5600; }
@media (prefers-color-scheme: dark) { :root { --line: #66727f;
  --dim: #97a3b2; --good: #6fcf8b; --bad: #ff8f98; --open: #e3b341; } }
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h2, h3, p, li, td { overflow-wrap: anywhere; }
table { border-collapse: collapse; }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .6rem;
  text-align: left; vertical-align: top; }
th[scope], .all td:nth-child(odd):not(:last-child) { white-space: nowrap; }
code, pre { font: 14px/1.4 monospace; overflow-wrap: anywhere; }
pre, figure { overflow-x: auto; } figure { margin: 1rem 0; }
ol { margin: 0; padding: 0; list-style: none; }
section { border-top: 1px solid var(--line); margin-top: 2rem; }
@media (max-width: 40rem) {
  .how th, .how td { display: block; }
  .how th { border: 0; padding-bottom: 0; white-space: normal; }
  .all thead { display: none; }
  .all tr { display: block; padding: .3rem 0;
    border-bottom: 1px solid var(--line); }
  .all td { display: inline; border: 0; padding: 0 .5rem 0 0; }
  .all td:last-child { display: block; } }
.pass { color: var(--good); } .fail, .error { color: var(--bad); }
.inconclusive { color: var(--open); } .dim { color: var(--dim); }
'''


def as_html(report: Report) -> str:
    """One page that needs nothing beside it."""
    data = as_data(report)
    name = ' '.join(data['implementation'].values())
    title = f'{name}: {data["verdict"]}'
    colour = {CONFORMANT: 'pass', OPEN: 'inconclusive'}.get(
        report.status, 'fail')
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f'<title>{escape(title)}</title><style>{STYLE}</style></head>',
        f'<body><h1>{escape(name)}: <span class="{colour}">'
        f'{escape(data["claim"] or data["verdict"])}</span></h1>',
        _table('What was declared', [
            ('contract', data['contract']), ('role', data['role']),
            ('capabilities', data['capabilities']),
            ('known divergences', data['known'] or 'none'),
            ('mended', data['mended'] or 'none'),
            ('faults injected', data['faults'] or 'none'),
            ('seed', data['seed'])]),
        _table('Verdicts', list(data['counts'].items()))]
    parts += ['<p class="error">The test broke, which says nothing of the '
              f'implementation: {escape(error)}</p>'
              for error in data['errors']]
    for failure, row in zip(report.failures, data['failures'], strict=True):
        parts.append(_failure_html(failure, row))
    parts.append(_requirements_html(report))
    for title, group in _by_title(data):
        models = [*group]
        parts.append(f'<section><h2>{escape(title)}</h2><pre>' + escape(
            '\n'.join(line for model in models for line, _ in _mode_lines(
                model))) + '</pre>' + _rows([('to repeat', tuple(
                    mode['repeat'] for model in models
                    for mode in model['modes']))], 'how') + '</section>')
    return '\n'.join([*parts, '</body></html>']) + '\n'


def _table(title: str, rows: list[tuple[str, Any]]) -> str:
    return f'<section><h2>{title}</h2>{_rows(rows)}</section>'


def _rows(rows: list[tuple[str, Any]], kind: str = '') -> str:
    def text(value: Any) -> str:
        if isinstance(value, tuple):
            return '<ol>' + ''.join(f'<li><code>{escape(one)}</code></li>'
                                    for one in value) + '</ol>'
        told = escape(', '.join(value) if isinstance(value, list)
                      else str(value))
        return (f'<a href="{told}">{told}</a>'
                if told.startswith(contract.SITE) else told)
    return f'<table class="{kind}">' + ''.join(
        f'<tr><th scope="row">{escape(key)}</th><td>{text(value)}</td></tr>'
        for key, value in rows) + '</table>'


def _failure_html(failure: Failure, row: dict[str, Any]) -> str:
    guard, event = row['guard'], row['event']
    facts: list[tuple[str, Any]] = [
        ('known as', row['known']), ('also broken', row['also']),
        (event['step'], event['sentence']),
        ('false guard', guard and f'{guard["text"]} '
                                  f'[{guard["requirement"]}] '
                                  f'{guard["where"]}'),
        ('its rule', guard and guard['address'] != row['address']
         and guard['address']),
        ('at', event['source']),
        ('differs', tuple(_difference(one) for one in row['differences'])),
        ('possible steps', row['possible']), ('calls', tuple(row['calls'])),
        ('found', '' if event['source'] else (
            f'mode {row["mode"]}, seed {row["seed"]}, after '
            f'{row["steps"]:,} steps'
            + ('' if row['steady'] else '; it did not show again'))),
        ('to repeat', row['repeat'])]
    prefix = _shown(failure.divergence.prefix)
    return (f'<section><h2 class="fail">{_link(row)}: {escape(row["why"])}'
            f'</h2><p>{escape(row["sentence"])}</p>'
            + _rows([fact for fact in facts if fact[1]], 'how')
            + f'<figure>{diagram(failure)}<figcaption class="dim">The '
              f'model agrees with {len(row["prefix"])} steps, and not with '
              'what came then.</figcaption></figure>'
              '<details><summary>The same as text</summary><pre>'
            + escape('\n'.join(line for line, _ in drawing.sequence_text(
                prefix, 100, drawing.UNICODE))) + '</pre></details>'
              '</section>')


def _link(row: dict[str, Any]) -> str:
    return (f'<a href="{escape(row["address"])}">{row["requirement"]}</a>'
            if row['address'] else escape(row['requirement']))


def _requirements_html(report: Report) -> str:
    rows = []
    for name, one in report.verdicts.items():
        rule = report.contract.rules.get(name)
        link = (f'<a href="{escape(rule.address)}">{name}</a>' if rule
                else escape(name))
        rows.append(
            f'<tr><td>{link}</td><td>{escape(rule.title if rule else "")}'
            f'</td><td class="{one.verdict.split()[0]}">{one.verdict}</td>'
            f'<td>{escape(_rests_on(one))}</td></tr>')
    return ('<section><h2>Requirements</h2><table class="all"><thead><tr>'
            '<th>id</th><th>title</th><th>verdict</th><th>evidence, or '
            'reason</th></tr></thead><tbody>' + ''.join(rows)
            + '</tbody></table></section>')


FORMATS: dict[str, Callable[[Report], str]] = {
    'json': as_json, 'junit': as_junit, 'html': as_html}

__all__ = ['FORMATS', 'as_data', 'as_html', 'as_json', 'as_junit',
           'diagram', 'failure_data', 'failure_lines', 'failure_text',
           'lines', 'verdict_lines']
