"""Does a detailed model keep to an abstract one?

Each detailed state is mapped to an abstract state.  Then each detailed step
must be an abstract step, or none; the first state must map to the first
state; and each abstract step must come from some detailed step, since a
mapping that always stands still would prove nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyborg_models.kernel.engine import Trace
from cyborg_models.kernel.language import (
    Body,
    Codes,
    Model,
    ModelError,
    _key,
)
from cyborg_models.kernel.liveness import Graph
from cyborg_models.kernel.walk import successors, walk

Values = dict[str, Any]  # of a state, by the name of the variable


@dataclass
class Refinement:
    """What the comparison found.

    :ivar broken: a shortest :class:`~.engine.Trace` whose last step is no
        abstract step, or None
    :ivar member: the member of the set that it is about
    :ivar between: the abstract values before and after that step
    :ivar missing: abstract steps that no detailed step maps to, as
        (values before, values after)
    :ivar hit: number of abstract steps that some detailed step maps to
    """

    broken: Trace | None = None
    member: int | None = None
    between: tuple[Values, Values] | None = None
    missing: list[tuple[Values, Values]] = field(default_factory=list)
    hit: int = 0

    @property
    def holds(self) -> bool:
        return self.broken is None and not self.missing


def refine(graph: Graph, abstract: Model, mapping: Body,
           members: Iterable[int],
           beginnings: Container[str] = ()) -> Refinement:
    """Hold an explored model against an abstract one.

    :param graph: a :class:`~.liveness.Graph` of the detailed model
    :param abstract: the abstract :class:`~.language.Model`
    :param mapping: function of (s, member): the values of the abstract
        model's variables, in their order
    :param members: the members to map, each by itself
    :param beginnings: names of actions that only say where a member begins,
        and are no steps
    :returns: a :class:`Refinement`
    """
    walked = walk(abstract)
    allowed = {(state, after) for state in walked.depth
               for _, after in successors(abstract, state)
               if after != state}
    result = Refinement()
    begins = np.array([step.action.name in beginnings
                       for step in graph.model.steps])
    steps = np.flatnonzero(~begins[graph.label])
    hit: set[tuple[Codes, Codes]] = set()
    edge, nearest = None, graph.size  # what is broken first, and where
    for member in members:
        image, ids = _images(graph, abstract, mapping, member)
        first = ids[image[graph.initial]]
        if first != abstract.initial:
            raise ModelError(
                f'{graph.model.name}: the first state maps to '
                f'{_values(abstract, first)}, and {abstract.name} starts as '
                f'{_values(abstract, abstract.initial)}; mend the mapping')
        before, after = image[graph.source[steps]], image[graph.to[steps]]
        many = 1 + max(ids)
        pairs = before.astype(np.int64) * many + after
        changes = {}  # pair -> what it is, of those that change something
        for pair in np.unique(pairs).tolist():
            one, two = ids[pair // many], ids[pair % many]
            if one != two:
                changes[pair] = one, two
        hit.update(allowed.intersection(changes.values()))
        wrong = [pair for pair, step in changes.items()
                 if step not in allowed]
        if not wrong:
            continue
        found = np.flatnonzero(np.isin(pairs, wrong))
        depths = graph.depth[graph.source[steps[found]]]
        if depths.min() < nearest:
            nearest, where = depths.min(), found[depths.argmin()]
            edge, result.member = int(steps[where]), member
            one, two = changes[int(pairs[where])]
            result.between = _values(abstract, one), _values(abstract, two)
    if edge is not None:
        result.broken = graph.trace_to_edge(edge)
    result.hit = len(hit)
    result.missing = [(_values(abstract, one), _values(abstract, two))
                      for one, two in sorted(allowed - hit)]
    return result


def _images(graph: Graph, abstract: Model, mapping: Body,
            member: int) -> tuple[NDArray[np.int32], dict[int, Codes]]:
    """Per state the number of its image, and the images by number."""
    tables = graph.engine.tables
    tree = tables.add_function(mapping, (member,))
    found = graph.answers(tree)
    ids = {}
    for number, value in enumerate(tables.values):
        if number in found:
            ids[number] = _codes(abstract, value, mapping)
    return found, ids


def _codes(abstract: Model, values: Any, mapping: Body) -> Codes:
    try:
        return tuple(
            variable.code[_key(value)] for (variable, _), value
            in zip(abstract.cells, values, strict=True))
    except (KeyError, TypeError, ValueError):
        code = mapping.__code__
        raise ModelError(
            f'{code.co_filename}:{code.co_firstlineno}: {mapping.__name__} '
            f'returns {values!r}; return one value for each of '
            + ', '.join(abstract.variables)) from None


def _values(abstract: Model, codes: Codes) -> Values:
    return abstract.values(codes)
