"""Many graphs of two-way lines in one brian2 network, side by side, each with its own law and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emulator.engine import biases
from emulator.engine.effects import IDEAL
from emulator.engine.simulate import execute
from emulator.families.bilateral import BilateralLayout, lay_out
from emulator.families.bilateral.plan import BilateralPlan, bilateral_values
from emulator.families.bilateral.recording import collect
from emulator.graph import ScatteringGraph
from emulator.measure.deviation import deviation
from emulator.measure.passage import plain_passage
from emulator.measure.settling import RESOLUTION, Verdict, judge

#: fields of a layout that number neurons, that number ports, and that are one number per thing
_NEURONS, _PORTS = ("inputs", "outputs", "node"), ("tap_port", "row", "to_state", "mate")
_PLAIN = (
    "slope", "tap_delay", "lines_of_port", "longest", "impedance", "pole", "at_neuron", "out", "on_x", "on_mu", "own",
    "other", "to_in", "to_out", "series", "conductance", "scattering",
)  # fmt: skip
#: numbers of a run that are the same for all
_SHARED = ("kappa", "resistance", "resolution", "q", "grain")


@dataclass(frozen=True)
class Together:
    """Graphs with a squared loss and source resistances of 0, and their layouts."""

    graphs: Sequence[ScatteringGraph]
    layouts: Sequence[BilateralLayout]

    @classmethod
    def of(cls, graphs: Sequence[ScatteringGraph]) -> Together:
        """Lay the graphs out."""
        return cls(graphs, [lay_out(graph) for graph in graphs])

    def run(self, inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray], hold: int, tolerance: float):
        """Present ``inputs[k]`` (B, n) and ``targets[k]`` (B, m) to graph k, all at once; a recording each."""
        feed = np.hstack([*inputs, *targets])
        merged = _merged(self.layouts)
        how: dict[str, Any] = {"hold": hold, "samples": len(feed), "effects": IDEAL, "power": False}
        plan = BilateralPlan(merged, self.graphs[0].law, "mse", **how)
        outputs, times, target = execute(plan, self._values(tolerance), feed, "numpy")
        found, neuron, port = [], 0, 0
        for graph, layout in zip(self.graphs, self.layouts, strict=True):
            own = _part(outputs, slice(neuron, neuron + layout.neurons), slice(port, port + layout.ports))
            one = replace(plan, layout=layout)
            found.append(collect(one, {"bias": biases(graph), "load": 1.0}, own, times, target))
            neuron, port = neuron + layout.neurons, port + layout.ports
        return found

    def _values(self, tolerance: float) -> dict[str, Any]:
        parts = [
            bilateral_values(g, layout, IDEAL, loaded=True, resolution=tolerance * RESOLUTION)
            for g, layout in zip(self.graphs, self.layouts, strict=True)
        ]
        same = {name: parts[0][name] for name in _SHARED}
        if any(part[name] != same[name] for part in parts for name in _SHARED):
            raise ValueError(f"graphs side by side share {', '.join(_SHARED)}")
        return same | {name: np.concatenate([p[name] for p in parts]) for name in parts[0] if name not in _SHARED}


def judged(
    graph: ScatteringGraph, layout: Any, recording: Any, inputs: Any, targets: Any, hold: int, tolerance: float
) -> Verdict:
    """The verdict on one graph's recording, of two-way lines or of stations, with targets."""
    feed = np.hstack([inputs, targets])
    found = deviation(graph, layout, recording, plain_passage(graph), feed, True)
    return judge(graph, layout, recording, found, feed, hold=hold, tolerance=tolerance, q=0.0, loaded=True)


def _merged(layouts: Sequence[BilateralLayout]) -> BilateralLayout:
    """One layout of them all; what only serves to read a result is the first one's."""
    neurons = np.cumsum([0, *(layout.neurons for layout in layouts)])
    ports = np.cumsum([0, *(layout.ports for layout in layouts)])

    def joined(name: str, start: Sequence[int]) -> np.ndarray:
        parts = [getattr(layout, name) + np.int32(s) for layout, s in zip(layouts, start, strict=False)]
        return np.concatenate(parts)

    changes: dict[str, Any] = {name: joined(name, neurons) for name in _NEURONS}
    changes |= {name: joined(name, ports) for name in _PORTS}
    changes |= {name: np.concatenate([getattr(layout, name) for layout in layouts]) for name in _PLAIN}
    changes["neurons"] = int(neurons[-1])
    changes["function"] = tuple(name for layout in layouts for name in layout.function)
    return replace(layouts[0], **changes)


def _part(outputs: dict[str, np.ndarray], neurons: slice, ports: slice) -> dict[str, np.ndarray]:
    """What one graph left behind."""
    own = {}
    for name, values in outputs.items():
        if name.startswith("end."):
            own[name] = values[:, ports if name in ("end.sent", "end.v", "end.n_sent", "end.a") else neurons]
    inside = (outputs["moved.i"] >= neurons.start) & (outputs["moved.i"] < neurons.stop)
    own |= {name: outputs[name][inside] for name in ("moved.t", "moved.x", "moved.lam")}
    own["moved.i"] = outputs["moved.i"][inside] - neurons.start
    own |= {name: outputs[name][:, neurons] for name in ("held.worst", "held.n_several")}
    own["held.n_steps"] = outputs["held.n_steps"]
    return own
