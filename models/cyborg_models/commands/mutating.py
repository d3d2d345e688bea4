"""``mutate``: each guard and each effect left out in turn."""

import sys

from cyborg_models import registry
from cyborg_models.commands import common
from cyborg_models.commands.common import HOLDS
from cyborg_models.registry import InputError

#: what may become of a mutant, as it is shown
MUTANTS = {'always': 'killed by an invariant', 'eventually':
           'killed by what must come', 'deadlock': 'killed by a deadlock',
           'idle': 'killed by a step that changes nothing, alone',
           'sometimes': 'only a witness is missed',
           'error': 'ends in an error of the model',
           'inconclusive': 'inconclusive', 'lives': 'lives'}


def do_mutate(options):
    """Each mutant of a release, or of a model."""
    from cyborg_models import manifest, mutate, terminal

    whole = options.model in registry.RELEASES
    if options.record and (options.sample or not whole):
        raise InputError('--record needs all mutants of a release; leave '
                         'out --sample, and name one of '
                         + ', '.join(registry.RELEASES))
    chosen = mutate.configurations(options.model, options.set,
                                   manifest.load())
    known = mutate.load(options.known or mutate.path_of(options.model),
                        bool(options.known))
    with terminal.progress() as (_, say):
        report = mutate.mutate(
            chosen, known, whole or bool(options.known), options.sample,
            options.jobs, common.limit(options), say, not options.record)
    if options.record:
        if not report.complete:
            raise KeyboardInterrupt  # half a record would be none
        sys.stdout.write(mutate.dumps(report))
        return HOLDS
    if options.json:
        common.print_json(_mutated_json(options.model, report))
    else:
        _print_mutated(options.model, report)
    return report.status


def _mutated_json(name, report):
    rows = {True: [], False: []}
    for mutant, (judged, configuration) in report.found.items():
        function, _, requirement, text = mutant.key
        rows[mutant.inverted].append({
            'where': registry.short_path(mutant.site.where),
            'in': function, 'kind': mutant.site.kind,
            'requirement': requirement, 'text': text,
            'outcome': judged.outcome, 'configuration': configuration,
            'by': [{'name': one.name, 'kind': one.kind,
                    'requirement': one.requirement, 'depth': one.depth}
                   for one in judged.by],
            'states': judged.states, 'transitions': judged.transitions,
            'harmless': report.reasons.get(mutant.key)})
    return {'of': name, 'verdict': ('holds', 'violated', 'inconclusive')[
        report.status], 'complete': report.complete,
        'configurations': [one.title for one in report.configurations],
        'total': report.total, 'sample': report.sample,
        'killed': report.killed, 'score': round(report.score, 4),
        'problems': report.problems, 'mutants': rows[False],
        'inverted': rows[True]}


def _print_mutated(name, report):
    out = common.output()
    out.line(f'{name}: {report.total:,} guards and effects', 'bold')
    for one in report.configurations:
        out.line(f'  {one.title}')
    if report.sample:
        out.line(f'A sample of {len(report.dropped)}:')
        out.pairs([(registry.short_path(mutant.site.where),
                    f'{mutant.name}: {judged.outcome}')
                   for mutant, judged in report.dropped.items()])
    out.line()
    kinds = {'guard': [], 'effect': [], 'inverted': []}
    for mutant, (judged, _) in report.found.items():
        kinds[mutant.kind].append(judged.outcome)
    out.table(('what comes of it', 'guards', 'effects', 'inverted guards'), [
        (text, *(found.count(outcome) for found in kinds.values()))
        for outcome, text in MUTANTS.items()]
        + [('all', *map(len, kinds.values()))])
    harmless = [(registry.short_path(mutant.site.where),
                 f'{mutant.name}: {report.reasons[mutant.key]}')
                for mutant, judged in report.dropped.items()
                if mutant.key in report.reasons and not judged.killed]
    if harmless:
        out.line()
        out.line('Harmless', 'bold')
        out.pairs(harmless)
    out.line()
    if report.sample:
        out.line(f'Killed: {report.killed} of {len(report.dropped)}; on '
                 f'record: {report.recorded[0]} of {report.recorded[1]}.')
    else:
        out.line(f'Killed: {report.killed} of {len(report.dropped)}, '
                 f'{report.score:.1%}; harmless for a reason: '
                 f'{len(harmless)}.')
    for line in report.problems:
        out.line(line, 'bold red')
    if not report.complete:
        out.line('Inconclusive: interrupted.', 'yellow')
    elif not report.problems:
        out.line('All are accounted for.', 'green')
