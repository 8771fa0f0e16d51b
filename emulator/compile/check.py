"""What must hold of a graph after every pass; a pass that breaks it is named."""

from __future__ import annotations

import networkx as nx

from emulator.compile.draft import Draft
from emulator.errors import CompileError


def check_draft(draft: Draft, after: str) -> None:
    """Every port's scalars are joined exactly once, widths agree, and no element depends on itself.

    Raises
    ------
    CompileError
        Naming the pass, the element and the port.
    """
    if not nx.is_directed_acyclic_graph(draft.nx):
        loop = " -> ".join(edge[0] for edge in nx.find_cycle(draft.nx))
        raise CompileError(f"after {after}: the graph has a loop: {loop}")
    for element in draft.elements():
        for port in element.ports:
            if port.inward:
                ranges = sorted((b.into.start, b.into.stop) for b in draft.into(element.name) if b.head[1] == port.name)
                covered = [(0, 0), *ranges, (port.width, port.width)]
                joined = all(stop == start for (_, stop), (start, _) in zip(covered, covered[1:], strict=False))
                if ranges and not joined:
                    raise CompileError(f"after {after}: port {element.name}.{port.name} is not covered exactly once")
        for bundle in draft.out_of(element.name):
            width = element.port(bundle.tail[1]).width
            if bundle.into.stop - bundle.into.start != width:
                raise CompileError(f"after {after}: bundle {bundle.name} does not carry all {width} scalars of its tail")
