"""What must hold of a graph after every pass; a pass that breaks it is named."""

from __future__ import annotations

import itertools

import networkx as nx

from emulator.compile.draft import Draft
from emulator.errors import CompileError


def check_draft(draft: Draft, after: str) -> None:
    """Once elements are joined, every inward port is fed exactly once; widths agree; there is no loop.

    Raises
    ------
    CompileError
        Naming the pass, the element and the port.
    """
    if not nx.is_directed_acyclic_graph(draft.nx):
        edges = [edge[:2] for edge in nx.find_cycle(draft.nx)]
        loop = " -> ".join([edges[0][0], *(head for _, head in edges)])
        raise CompileError(f"after {after}: the graph has a loop: {loop}")
    joined = draft.nx.number_of_edges() > 0
    for element in draft.elements():
        for port in element.ports:
            ranges = [(b.into.start, b.into.stop) for b in draft.into(element.name) if b.head[1] == port.name]
            covered = [(0, 0), *sorted(ranges), (port.width, port.width)]
            if port.inward and joined and any(a[1] != b[0] for a, b in itertools.pairwise(covered)):
                place = f"port {element.name}.{port.name}"
                raise CompileError(f"after {after}: {place} is not covered exactly once")
        for bundle in draft.out_of(element.name):
            width = element.port(bundle.tail[1]).width
            if (
                bundle.part is not None
                and element.kind != "fanout"
                and 0 <= bundle.part.start < bundle.part.stop <= width
            ):
                width = bundle.part.stop - bundle.part.start
            if bundle.into.stop - bundle.into.start != width:
                place = f"bundle {bundle.name}"
                raise CompileError(f"after {after}: {place} does not carry all {width} scalars of its tail")
            for name in ("delay_forward", "delay_backward", "rows", "columns"):
                array = getattr(bundle, name)
                if array is not None and array.shape != (bundle.count,):
                    place = f"bundle {bundle.name}"
                    raise CompileError(
                        f"after {after}: {place} has {name} of shape {array.shape}; allowed: ({bundle.count},)"
                    )
