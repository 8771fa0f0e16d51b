"""What a designer should know of an exported circuit before building or simulating it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from emulator.engine.effects import lasting_faults
from emulator.export.expected import Expected
from emulator.export.netlist import safe_label
from emulator.export.options import Options
from emulator.export.rounding import terms, vanishing
from emulator.export.two_way import TwoWayLines
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure.curvature import curvature_screen
from emulator.options import Ramp
from emulator.units import si
from hwmodels import HardwareModel, load

#: synapses that ngspice still solves in a minute or two, by circuit
MOST_SYNAPSES = {"directional": 200_000, "bilateral": 20_000}
#: formats other than SPICE that are circuits of a whole network
CIRCUITS = ("vacask", "spectre", "sax", "touchstone-network", "xschem")
#: parts of a hardware model that are in the circuit, or have no place in it
_SHOWN = (
    "clock.", "lines.delay", "energy.", "tiles.", "lines.impedance", "name", "differs", "sources", "weights.g_min",
    "weights.g_max", "weights.differential", "weights.update", "weights.accumulator", "weights.fitted_",
)  # fmt: skip
#: those that two-way lines have besides, and what is in weights that are laid as a chip holds them
_TWO_WAY = (
    "lines.attenuation_", "lines.loss_per_length", "lines.bandwidth", "noise.gain_mismatch_", "noise.offset_mismatch_",
    "lines.crosstalk", "faults.duplicated",
)  # fmt: skip
_HELD = ("weights.levels", "weights.programming", "weights.stuck_", "precision.weights")


def warnings(
    graph: ScatteringGraph,
    options: Options,
    expected: Expected,
    hardware: HardwareModel | None = None,
    *,
    verified: bool = True,
) -> tuple[str, ...]:
    """Sentences about a circuit of this hardware, by default the graph's; none of them keeps it from being exported.

    `verified` tells whether ngspice is to run it, and to compare it with brian2.
    """
    hardware = graph.hardware if hardware is None else hardware
    return tuple(
        [
            *_left_out(graph, options.bilateral, hardware, _laid(graph, options)),
            *_vanishing(graph, expected),
            *(_settling(graph, options, expected) if options.bilateral else ()),
            *_ranges(graph, options),
            *(_verified(graph, options, expected) if verified else ()),
        ]
    )


def left_out(graph: ScatteringGraph, kind: str, options: Options) -> tuple[str, ...]:
    """Sentences about what a circuit in another format than SPICE has not, of the graph's hardware and law."""
    if kind not in CIRCUITS:
        return ()
    both = options.bilateral or kind == "touchstone-network"
    laid = _HELD if both and family_of(graph.law).circuits and kind != "touchstone-network" else ()
    return tuple(_left_out(graph, both, graph.hardware, laid, ("lines.crosstalk",) if kind == "sax" else ()))


def still(ramp: Ramp | None, threshold: float) -> tuple[str, ...]:
    """Sentences about what a run has and no circuit: drivers that move along a ramp, ports that send from a threshold on."""
    keys = {"data.ramp": ramp is not None, "run.threshold": threshold > 0}
    named = [key for key, given in keys.items() if given]
    return (f"of the scenario, these are not in the circuit: {', '.join(named)}",) if named else ()


def _laid(graph: ScatteringGraph, options: Options) -> tuple[str, ...]:
    """What the weights of a SPICE circuit have of the hardware's, of a graph as it is laid."""
    if options.mismatch:
        return ("weights.programming",)
    held = graph.hardware.weights.exact and graph.hardware.precision.weights.bits is None
    return _HELD if options.bilateral and held else ()


def _left_out(
    graph: ScatteringGraph, both: bool, hardware: HardwareModel, laid: tuple[str, ...], lacking: tuple[str, ...] = ()
) -> Iterator[str]:
    if not both and not graph.law.settles_on_arrival:
        yield f"the directional circuit is that of the matched law, whereas the graph has the law {graph.law.name}"
    ideal, there = load("ideal").flat(), (*_SHOWN, *laid, *(_two_way(hardware) if both else ()))
    there = tuple(path for path in there if path not in lacking)
    differing = dict.fromkeys(
        path if path in ideal else ".".join(path.split(".")[:2])
        for path, entry in hardware.flat().items()
        if not path.startswith(there) and (path not in ideal or entry.value != ideal[path].value)
    )
    if differing:
        yield f"of the hardware, these are not in the circuit: {', '.join(differing)}"


def _two_way(hardware: HardwareModel) -> tuple[str, ...]:
    return (*_TWO_WAY, *(f"faults.{name}" for name in lasting_faults(hardware.faults)))


def _vanishing(graph: ScatteringGraph, expected: Expected) -> Iterator[str]:
    """Where a sample is so well answered that its costates are rounding."""
    behind = terms(graph, expected.exact, expected.sample.targets, expected.kappa)["lam"]
    rows = [slice(site.start, site.stop) for site in graph.sites]
    if vanishing([expected.rest["lam"][row] for row in rows], [behind[row] for row in rows]):
        yield (
            "sample: its costates are as good as rounding, so that a wrong way back would not be seen; choose another "
            "(--sample)"
        )


def _settling(graph: ScatteringGraph, options: Options, expected: Expected) -> Iterator[str]:
    lines = TwoWayLines(graph, options)
    if any(kind.passes for kind in lines.kinds):
        yield (
            "lines: some attenuate, or have gains and offsets of their own; they are pairs of matched lines with amplifiers, and "
            "the circuit rests beside backpropagation, where its static equations say"
        )
    yield from _mishaps(lines)
    if lines.uneven:
        yield (
            "lines: some have a low-pass or a delay of its own in each direction, as no single passive line has; they "
            "are pairs of matched lines"
        )
    for screened in curvature_screen(graph, expected.exact, lines.impedances):
        if screened.trouble:
            yield (
                f"curvature: at the lines to {safe_label(screened.bundle)} the least eigenvalue of 1/Z plus the loss's "
                f"curvature is {screened.least:.3g}, not above 0: it may not settle; an impedance below "
                f"{-1 / screened.hessian:.3g} there passes"
            )
    found = expected.prediction
    if found is None:
        return
    if not found.settles:
        yield f"spectrum: {found.sentence}; lower impedances or other terminations may settle it"
    elif found.steps > expected.hold:
        yield f"spectrum: {found.sentence}, whereas the transient lasts {expected.hold}"


def _mishaps(lines: TwoWayLines) -> Iterator[str]:
    found = lines.mishaps
    if found.none:
        return
    stuck = int(found.stuck_near.sum() + found.stuck_far.sum())
    parts = [
        f"{found.broken.sum()} broken" if found.broken.any() else "",
        f"{stuck} end(s) stuck" if stuck else "",
        "waves leak between neighbours" if found.spill else "",
    ]
    yield (
        f"lines: {', '.join(filter(None, parts))}; they are pairs of matched lines with sources in the place of what went wrong, "
        "and the circuit rests beside backpropagation, where its static equations say"
    )


def _ranges(graph: ScatteringGraph, options: Options) -> Iterator[str]:
    limits, step = options.buildable, graph.step
    weights = [np.abs(parameters.weight).ravel() for parameters in graph.network.parameters.values()]
    used = np.concatenate(weights) if weights else np.zeros(0)
    yield from _outside("conductance", "S", used[used > 0] / options.ohms, limits.conductance)
    if not options.bilateral:
        delays = [delay for c in graph.couplings for delay in (c.delay_forward, c.delay_backward)]
        yield from _outside("delay", "s", np.concatenate(delays) * step, limits.delay)
        return
    lines = TwoWayLines(graph, options)
    yield from _outside("delay", "s", lines.delays, limits.delay)
    yield from _outside("capacitance", "F", lines.capacitances, limits.capacitance)


def _outside(name: str, unit: str, values: np.ndarray, limits: tuple[float, float] | None) -> Iterator[str]:
    if limits is None:
        return
    low, high = limits
    wrong = (values < low * (1 - 1e-9)) | (values > high * (1 + 1e-9))
    if wrong.any():
        span = f"{si(float(values[wrong].min()), unit)} to {si(float(values[wrong].max()), unit)}"
        yield f"{name}: {wrong.sum()} of {len(values)} values ({span}) lie outside {si(low, unit)} to {si(high, unit)}"


def synapse_count(graph: ScatteringGraph) -> int:
    """Number of synapses and wires of a graph."""
    return sum(len(c.rows) * len(c.columns) if c.layer is not None else len(c.rows) for c in graph.couplings)


def _verified(graph: ScatteringGraph, options: Options, expected: Expected) -> Iterator[str]:
    synapses, most = synapse_count(graph), MOST_SYNAPSES[options.circuit]
    if synapses > most:
        yield (
            f"size: {synapses} synapses are more than ngspice can be expected to solve as a {options.circuit} circuit "
            f"(some {most})"
        )
    elif options.bilateral and expected.waves is None and options.termination == "stub":
        yield (
            "waves: before the sample appears brian2 does not come to rest, or a neuron rests at its kink, so verify compares no "
            "waveforms"
        )
