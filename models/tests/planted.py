"""A fault for each requirement that a test of the kit shows: it has to fail.

``python -m tools.planted [ID ...]``, from the root of the repository, plants
each in a copy and runs the tests that claim the requirement.
"""

CONTRACT, VERDICT, SESSION, REPORT, MODES, SUITE = (
    f'cyborg_models/conformance/{name}.py' for name in (
        'contract', 'verdict', 'session', 'report', 'modes', 'suite'))

#: requirement -> (file, what stands there once, what is put there)
FAULTS = {
    'CONF-001': [
        (VERDICT, 'for rule in self.contract.of(self.system.roles)}',
         'for rule in self.contract.of(self.system.roles[:1])}'),
        (VERDICT, 'for rule in self.contract.of(self.system.roles)}',
         'for rule in self.contract.rules.values()}'),
        (VERDICT, 'for rule in self.contract.of(self.system.roles)}',
         'for rule in self.contract.of(self.system.roles)\n'
         '            if not rule.review}')],
    'CONF-002': [
        (VERDICT, '        if shown:\n            return Verdict(PASS',
         '        if shown or self.outcomes:\n'
         '            return Verdict(PASS'),
        (VERDICT, "        if outcome != OK:  # of what is unknown nothing is "
                  'shown\n', '        if outcome == REFUSED:\n'),
        (VERDICT, 'not changed.isdisjoint(tree.cells(codes))\n'
                  '                    and not rule', 'not rule'),
        (VERDICT, 'and not rule.breaks(codes).isdisjoint(seen)\n'
                  '                    and rule.breaks(codes) <= self._eyes ',
         'and rule.breaks(codes) ')],
    'CONF-003': [
        (CONTRACT, 'if CORE not in declared:', 'if False:'),
        (CONTRACT, 'if not roles:', 'if False:'),
        (CONTRACT, 'if name not in self.roles:', 'if False:'),
        (CONTRACT, 'if name not in self.capabilities:', 'if False:')],
    'CONF-004': [
        (REPORT, "'contract': report.contract.version",
         "'contract': 'stein'"),
        (REPORT, "'role': list(system.roles)", "'role': []"),
        (REPORT, "        'capabilities': list(system.capabilities),",
         "        'capabilities': ['core'],"),
        (REPORT, "{'name': name, 'version': version}",
         "{'name': name, 'version': ''}"),
        (REPORT, "        'faults': sorted({fault for outcome in "
                 'report.outcomes\n                          for fault in '
                 'outcome.faults}),', "        'faults': [],"),
        (REPORT, "        'seed': report.seed, 'status'",
         "        'seed': 0, 'status'"),
        (REPORT, "'repeat': failure.repeat", "'repeat': ''"),
        (REPORT, "'repeat': mode.repeat", "'repeat': ''"),
        (REPORT, "('faults', ' '.join(data['faults']))", "('faults', '')")],
    'CONF-005': [
        (VERDICT, '        if failed:\n            first',
         '        if failed and not any(\n'
         '                rule.id in one.evidence for one in self.outcomes):\n'
         '            first'),
        (VERDICT, '        if failed:\n            first',
         '        if failed and failed[0] in self.outcomes[-1].failures:\n'
         '            first'),
        (VERDICT, '        if failed:\n            first',
         '        if any(failure.steady for failure in failed):\n'
         '            first')],
    'CONF-006': [
        (VERDICT, 'if failure.requirement == rule.id]',
         'if failure.requirement == rule.id\n'
         '                  and not failure.known]'),
        (SESSION, '            except Divergence:\n                continue\n'
                  '            self.oracle = oracle\n',
         '            except Divergence:\n                pass\n'
         '            self.oracle = oracle\n')],
    'CONF-007': [
        (VERDICT, 'for name in self.system.known if name not in shown]',
         'for name in self.system.known[:1] if name not in shown]'),
        (REPORT, "'mended': report.mended,", "'mended': [],"),
        (REPORT, "for name in data['mended']:", "for name in data['known']:")],
    'CONF-010': [
        (VERDICT, '            one.verdict in (PASS, NOT_APPLICABLE)',
         '            one.verdict in (PASS, NOT_APPLICABLE, INCONCLUSIVE)'),
        (VERDICT, '            if self.contract.rules[name].level == '
                  'contract.OBLIGES\n        ) else',
         '            if not self.contract.rules[name].review\n'
         '        ) else')],
}
