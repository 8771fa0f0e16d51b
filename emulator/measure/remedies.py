"""Changes of a law that would let a substrate settle, each tried in the prediction before it is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from emulator.compile import with_law
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral, Law
from emulator.measure.rest import OperatingPoint
from emulator.measure.scattering import swap_test

#: says of a substrate with another law whether it is better, in a few words, or None
Check = Callable[[ScatteringGraph], str | None]

#: ports up to which the bound on the bandwidth is computed
_MOST_PORTS = 600
#: share of that bound that is tried
_BELOW = 0.9


def remedies(graph: ScatteringGraph, point: OperatingPoint, check: Check) -> tuple[list[str], list[str]]:
    """The mildest change of each setting of the law, alone, that passes a check.

    Parameters
    ----------
    graph : ScatteringGraph
    point : OperatingPoint
    check : callable

    Returns
    -------
    found, tried : list of str
        Changes that help, with what the check says of them; names of all settings that were tried.
    """
    found, tried = [], []
    for setting, values in _changes(graph, point).items():
        tried.append(setting)
        for value in values:
            change: dict[str, Any] = {setting: value}
            law: Law = replace(graph.law, **change)  # type: ignore[type-var]
            says = check(with_law(graph, law))
            if says is not None:
                shown = f"{value:g}" if isinstance(value, float) else value
                found.append(f"{setting} = {shown} ({says})")
                break
    return found, tried


def _changes(graph: ScatteringGraph, point: OperatingPoint) -> dict[str, Sequence[Any]]:
    """What the law proposes; for lines of one step without terminations also the bound on their bandwidth."""
    law = graph.law
    changes = dict(law.changes())
    if isinstance(law, Bilateral) and 4 * graph.neurons <= _MOST_PORTS:
        try:
            bound = float(f"{_BELOW * swap_test(graph, point).bound:.3g}")
        except EngineError:
            return changes
        if 0 < bound < law.bandwidth:
            changes["bandwidth"] = sorted({bound, *changes["bandwidth"]}, reverse=True)
    return changes
