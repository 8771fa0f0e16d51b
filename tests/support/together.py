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
from emulator.families.bilateral.carriage import Carriage, carriage_of
from emulator.families.bilateral.plan import BilateralPlan, bilateral_values
from emulator.families.bilateral.recording import collect
from emulator.graph import ScatteringGraph
from emulator.measure.deviation import deviation
from emulator.measure.passage import plain_passage
from emulator.measure.settling import RESOLUTION, Verdict, judge
from tests.support.joined_lines import joined_carriages, joined_lines, parts_of

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
        merged = joined_lines(self.layouts)
        how: dict[str, Any] = {"hold": hold, "samples": len(feed), "effects": IDEAL, "power": False}
        each = [carriage_of(layout) for layout in self.layouts]
        plan = BilateralPlan(merged, self.graphs[0].law, "mse", carriage=joined_carriages(each), **how)
        outputs, times, target = execute(plan, self._values(plan, each, tolerance), feed, "numpy")
        found, neuron = [], 0
        for graph, layout, carriage, parts in zip(self.graphs, self.layouts, each, parts_of(self.layouts), strict=True):
            own = _part(outputs, slice(neuron, neuron + layout.neurons), parts)
            one = replace(plan, layout=layout, carriage=carriage)
            found.append(collect(one, {"bias": biases(graph), "load": 1.0}, own, times, target))
            neuron += layout.neurons
        return found

    def _values(self, plan: BilateralPlan, each: Sequence[Carriage], tolerance: float) -> dict[str, Any]:
        plans = [replace(plan, layout=one, carriage=own) for one, own in zip(self.layouts, each, strict=True)]
        parts = [
            bilateral_values(graph, one, IDEAL, loaded=True, resolution=tolerance * RESOLUTION)
            for graph, one in zip(self.graphs, plans, strict=True)
        ]
        same = {name: parts[0][name] for name in _SHARED}
        if any(part[name] != same[name] for part in parts for name in _SHARED):
            raise ValueError(f"graphs side by side share {', '.join(_SHARED)}")
        found = same | {name: np.concatenate([p[name] for p in parts]) for name in parts[0] if name not in _SHARED}
        return found | plan.places


def judged(
    graph: ScatteringGraph, layout: Any, recording: Any, inputs: Any, targets: Any, hold: int, tolerance: float
) -> Verdict:
    """The verdict on one graph's recording, of two-way lines or of stations, with targets."""
    feed = np.hstack([inputs, targets])
    found = deviation(graph, layout, recording, plain_passage(graph), feed, True)
    return judge(graph, layout, recording, found, feed, hold=hold, tolerance=tolerance, q=0.0, loaded=True)


def _part(outputs: dict[str, np.ndarray], neurons: slice, parts: dict[str, slice]) -> dict[str, np.ndarray]:
    """What one graph left behind."""
    own = {}
    for name, values in outputs.items():
        if name.startswith("end."):
            own[name] = values[:, parts.get(name, neurons)]
    inside = (outputs["moved.i"] >= neurons.start) & (outputs["moved.i"] < neurons.stop)
    own |= {name: outputs[name][inside] for name in ("moved.t", "moved.x", "moved.lam")}
    own["moved.i"] = outputs["moved.i"][inside] - neurons.start
    own |= {name: outputs[name][:, neurons] for name in ("held.worst", "held.n_several")}
    own["held.n_steps"] = outputs["held.n_steps"]
    return own
