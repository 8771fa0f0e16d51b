"""What a designer should know of an exported circuit before building or simulating it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from emulator.export.netlist import line_impedances, safe_label
from emulator.export.options import Options
from emulator.graph import ScatteringGraph
from emulator.measure.curvature import curvature_screen
from emulator.measure.reference import Reference
from emulator.units import si
from hwmodels import load

#: synapses that ngspice still solves in a minute or two, by circuit
MOST_SYNAPSES = {"directional": 200_000, "bilateral": 20_000}
#: parts of a hardware model that are in the circuit, or have no place in it
_SHOWN = ("clock.", "lines.delay", "energy.", "weights.", "lines.impedance", "name", "differs", "sources")


def warnings(graph: ScatteringGraph, options: Options, exact: Reference) -> tuple[str, ...]:
    """Sentences about a circuit; none of them keeps it from being exported."""
    return tuple(
        [
            *_left_out(graph, options),
            *_curvature(graph, options, exact),
            *_ranges(graph, options),
            *_size(graph, options),
        ]
    )


def _left_out(graph: ScatteringGraph, options: Options) -> Iterator[str]:
    if not options.bilateral and not graph.law.settles_on_arrival:
        yield f"the directional circuit is that of the matched law, whereas the graph has the law {graph.law.name}"
    ideal = load("ideal").flat()
    differing = [
        path
        for path, entry in graph.hardware.flat().items()
        if not path.startswith(_SHOWN) and path in ideal and entry.value != ideal[path].value
    ]
    if differing:
        yield f"of the hardware, these are not in the circuit: {', '.join(differing)}"
    if options.bilateral:
        uneven = any(len(set(c.delay_backward.tolist()) | set(c.delay_forward.tolist())) > 1 for c in graph.couplings)
        if uneven:
            yield "two-way lines have one delay: that of the forward direction; the backward delays are not used"


def _curvature(graph: ScatteringGraph, options: Options, exact: Reference) -> Iterator[str]:
    if not options.bilateral:
        return
    for found in curvature_screen(graph, exact, line_impedances(graph, options)):
        if found.trouble:
            yield (
                f"curvature: at the lines to {safe_label(found.bundle)} the least eigenvalue of 1/Z plus the loss's "
                f"curvature is {found.least:.3g}, not above 0: it may not settle, and ngspice may stop with 'timestep "
                f"too small'; an impedance below {-1 / found.hessian:.3g} there passes"
            )


def _ranges(graph: ScatteringGraph, options: Options) -> Iterator[str]:
    limits, step = options.buildable, graph.step
    weights = [np.abs(parameters.weight).ravel() for parameters in graph.network.parameters.values()]
    used = np.concatenate(weights) if weights else np.zeros(0)
    yield from _outside("conductance", "S", used[used > 0] / options.ohms, limits.conductance)
    delays = [delay for c in graph.couplings for delay in (c.delay_forward, c.delay_backward)]
    if options.bilateral:
        delays = [c.delay_forward for c in graph.couplings]
    yield from _outside("delay", "s", np.concatenate(delays) * step, limits.delay)
    if options.bilateral and options.lines.termination in ("rc", "both"):
        farads = [
            options.lines.capacitance * c.delay_forward * step / (z * options.ohms)
            for c, z in zip(graph.couplings, line_impedances(graph, options), strict=True)
        ]
        yield from _outside("capacitance", "F", np.concatenate(farads), limits.capacitance)


def _outside(name: str, unit: str, values: np.ndarray, limits: tuple[float, float] | None) -> Iterator[str]:
    if limits is None:
        return
    low, high = limits
    wrong = (values < low * (1 - 1e-9)) | (values > high * (1 + 1e-9))
    if wrong.any():
        span = f"{si(float(values[wrong].min()), unit)} to {si(float(values[wrong].max()), unit)}"
        yield f"{name}: {wrong.sum()} of {len(values)} values ({span}) lie outside {si(low, unit)} to {si(high, unit)}"


def _size(graph: ScatteringGraph, options: Options) -> Iterator[str]:
    synapses = sum(len(c.rows) * len(c.columns) if c.layer is not None else len(c.rows) for c in graph.couplings)
    most = MOST_SYNAPSES[options.circuit]
    if synapses > most:
        yield (
            f"size: {synapses} synapses are more than ngspice can be expected to solve as a {options.circuit} circuit "
            f"(some {most})"
        )
