"""Changes of a law that would let a substrate settle, each tried in the prediction before it is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emulator.compile import with_law
from emulator.graph import ScatteringGraph
from emulator.laws import Law, family_of
from emulator.measure.rest import OperatingPoint

#: says of a substrate with another law whether it is better, in a few words, or None
Check = Callable[[ScatteringGraph], str | None]


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
    for setting, values in family_of(graph.law).changes(graph, point).items():
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
