"""What circuits do not have: penalties of states."""

from __future__ import annotations

from emulator.errors import ExportError
from emulator.graph import ScatteringGraph


def refuse_penalties(graph: ScatteringGraph) -> None:
    """Refuse a network whose states have penalties.

    Raises
    ------
    ExportError
        Naming the first layer.
    """
    for name, penalty in graph.network.penalties.items():
        if penalty.state:
            raise ExportError(
                f"layer {name!r}: penalty has state {penalty.told}, which would be a conductance to ground at its neurons, "
                "and the circuit has none; allowed: 0 (network.with_penalties(None) leaves all out)"
            )
