"""brian2's waves for the transient testbench: a sample takes the place of an empty one, at whose rest the circuit starts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from emulator.errors import ExportError
from emulator.export.cells import bent_cells, neurons_of
from emulator.graph import ScatteringGraph
from emulator.laws import Matched
from emulator.measure.reference import reference
from emulator.measure.rest import OperatingPoint, operating_point
from emulator.measure.result import Traces
from emulator.measure.synapses import Floats
from emulator.runs.settle import settle
from hwmodels import load

Pair = dict[str, Floats]
#: longest round trips for which the empty sample is presented at first, and at most so many times as long
_REST, _LONGER = 16, 10
#: largest deviation from rest, relative to the largest value, at which the sample may appear
_AT_REST = 1e-8


def matched_waves(graph: ScatteringGraph, inputs: Pair, targets: Floats) -> dict[str, Floats]:
    """``x`` and ``lam`` (steps, N) of the second sample of a pair under the matched law, until its last wave lands.

    Raises
    ------
    ExportError
        If the waves do not stay finite.
    """
    plain = replace(graph, hardware=load("ideal"), law=Matched())
    run = settle(plain, inputs, targets, target="numpy", traces=True, diagnose=False)
    # rounding that is left of the first sample may outlast costates of the second; it is no reason not to export
    if run.traces is None or not (np.isfinite(run.traces.x).all() and np.isfinite(run.traces.lam).all()):
        raise ExportError(f"the matched run is {run.status}; allowed: a network whose waves stay finite")
    return _last(run.traces, run.hold)


def two_way_waves(graph: ScatteringGraph, inputs: Pair, targets: Floats, hold: int) -> dict[str, Floats] | None:
    """The same on the two-way lines of a graph, for `hold` steps.

    None if it never comes to rest before, or rests where a circuit does not begin.
    """
    noise, lines = graph.hardware.noise, graph.hardware.lines.model_copy(update={"jitter": 0.0, "temperature": 0.0})
    mismatch = {f"noise.{name}": getattr(noise, name) for name in type(noise).model_fields if "mismatch" in name}
    plain = replace(
        graph, hardware=load("ideal").replace({"lines": lines, "faults": graph.hardware.faults, **mismatch})
    )
    exact = reference(graph.network, {name: values[:1] for name, values in inputs.items()}, targets[:1])
    point = operating_point(plain, exact)
    if _at_kink(graph, point):
        return None
    rest = point.x
    first = least = math.ceil(_REST * graph.longest_round_trip / hold)
    while least <= _LONGER * first:
        order = [0] * least + [1]
        run = settle(
            plain, {name: values[order] for name, values in inputs.items()}, targets[order],
            hold_seconds=hold * graph.step, traces=True, diagnose=False,
        )  # fmt: skip
        if run.traces is None or not (np.isfinite(run.traces.x).all() and np.isfinite(run.traces.lam).all()):
            return None
        off = np.abs(run.traces.x - rest).max(axis=1) / (np.abs(rest).max() or 1.0)
        at = least * hold
        if off[at - 1] <= _AT_REST:
            return _last(run.traces, hold)
        least = _patience(off[:at], hold, least)
    return None


def _at_kink(graph: ScatteringGraph, point: OperatingPoint) -> bool:
    """Whether a neuron rests at its kink, and passes on some share of its costate: circuits have a gap there in transients only."""
    bent = neurons_of(graph, bent_cells(graph))
    return bool((bent & (point.s == 0) & (np.abs(point.lam) > _AT_REST)).any())


def _patience(off: Floats, hold: int, least: int) -> int:
    """For how many holds to wait, from how deviations in the second half compare with those in the first."""
    middle = len(off) // 2
    decay = math.log(off[:middle].max() / off[middle:].max()) / middle
    if decay <= 0:
        return 1 << 30
    return least + max(1, math.ceil(math.log(off[middle:].max() / _AT_REST) / decay / hold))


def _last(traces: Traces, hold: int) -> dict[str, Floats]:
    return {"x": traces.x[-hold:], "lam": traces.lam[-hold:]}
