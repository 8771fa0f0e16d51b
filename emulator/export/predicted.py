"""A circuit beside the emulator's prediction: many chips of a hardware model, and how many of its nodes lie among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emulator.compile import compile_network
from emulator.engine import effects_of, flatten
from emulator.errors import ExportError
from emulator.export.cells import neurons_of
from emulator.export.claim import Claim
from emulator.export.compared import OWN
from emulator.export.netlist import Nodes
from emulator.graph import ScatteringGraph
from emulator.measure.reference import Reference
from emulator.measure.rest import neuron_values
from emulator.measure.synapses import Floats
from emulator.runs.settle import settle
from hwmodels import HardwareModel, rng

#: standard deviations within which a node agrees, and the share of nodes that must
WITHIN, SHARE = 3.0, 0.95
#: what is over with the transient, and would only make the chips slower
_DYNAMIC = {"lines.bandwidth": None, "lines.jitter": 0.0}
#: nodes that are listed
_LISTED = 5


@dataclass(frozen=True)
class Prediction:
    """How a circuit lies among chips.

    Parameters
    ----------
    hardware : str
    chips, samples : int
    share : float
        Of states and costates, of all samples, within three standard deviations of the chips' mean.
    compared : int
    spread : float
        Root mean square of the deviations in standard deviations; 1 where the model has neither too much spread nor too little.
    width : float
        Root mean square of the chips' standard deviations, over the largest mean of a state and of a costate.
    worst : tuple of (node, sample, found, mean, deviation)
        In units of the network.
    """

    hardware: str
    chips: int
    samples: int
    share: float
    compared: int
    spread: float
    width: float
    worst: tuple[tuple[str, int, float, float, float], ...]

    @property
    def agrees(self) -> bool:
        """Whether enough nodes are."""
        return self.share >= SHARE

    @property
    def note(self) -> str:
        """What to know where chips differ by so much that hardly any circuit would lie outside; or nothing."""
        if self.width <= OWN:
            return ""
        return (
            f"chips of {self.hardware} spread by {self.width:.2g} of the largest state or costate (rms), more than the {OWN:g} that "
            "is allowed of a circuit with cells of somebody's own: that it lies among them shows little"
        )


def compare(claim: Claim, found: Mapping[str, Floats], hardware: HardwareModel, chips: int) -> Prediction:
    """Settle the samples on many chips, and compare.

    Parameters
    ----------
    claim : Claim
    found : dict of (B, N)
        ``x`` and ``lam`` of the circuit at rest, for the first B samples of the claim's task, in units of the network.
    hardware : HardwareModel
    chips : int

    Raises
    ------
    ExportError
        If a chip does not settle.
    """
    drawn: dict[str, list[Floats]] = {"x": [], "lam": []}
    for chip in range(chips):
        for name, values in _chip(claim, hardware.replace(_DYNAMIC), chip, len(found["x"])).items():
            drawn[name].append(values)
    source = np.array([site.role == "source" for site in claim.graph.sites for _ in range(site.size)])
    node, rows, off, wide = Nodes(claim.graph), [], [], []
    for name in ("x", "lam"):
        values = np.stack(drawn[name])
        mean, deviation = values.mean(axis=0), np.maximum(values.std(axis=0, ddof=1), 1e-12)
        z = (found[name] - mean) / deviation
        at = np.flatnonzero(~source) if name == "x" else np.arange(len(source))
        off.append(z[:, at].ravel())
        wide.append((deviation[:, at] / (np.abs(mean).max() or 1.0)).ravel())
        rows += [
            (node(name, int(n)), b, float(found[name][b, n]), float(mean[b, n]), float(z[b, n]))
            for b in range(len(z)) for n in at
        ]  # fmt: skip
    z = np.concatenate(off)
    inside = np.abs(z) <= WITHIN
    worst = tuple(sorted(rows, key=lambda row: -abs(row[4]))[:_LISTED])
    return Prediction(
        hardware.name,
        chips,
        len(found["x"]),
        float(inside.mean()),
        len(z),
        float(np.sqrt((z**2).mean())),
        float(np.sqrt((np.concatenate(wide) ** 2).mean())),
        worst,
    )


def _chip(claim: Claim, hardware: HardwareModel, chip: int, samples: int) -> dict[str, Floats]:
    """States as their lines deliver them, and costates, of one chip: (B, N)."""
    network = claim.graph.network
    graph = compile_network(network, hardware=hardware, seed=chip, rounding="nearest")
    ends = np.cumsum([network.size(name) for name in network.inputs])[:-1]
    data = np.stack([one.inputs for one in claim.task[:samples]])
    inputs = dict(zip(network.inputs, np.split(data, ends, axis=1), strict=True))
    targets = np.stack([one.targets for one in claim.task[:samples]])
    run = settle(graph, inputs, targets, target="numpy", diagnose=False)
    if run.status != "settled":
        raise ExportError(
            f"chip {chip} of hardware {hardware.name!r} is {run.status}; allowed: hardware on which it settles"
        )
    x, _, lam = neuron_values(graph, Reference(run.states, run.costates, run.gradients, None))
    gain, offset = _delivered(graph, claim)
    return {"x": x * gain + offset, "lam": claim.kappa * lam}


def _delivered(graph: ScatteringGraph, claim: Claim) -> tuple[Floats, Floats]:
    """Gain and offset with which the first line of every neuron delivers its state.

    The model has the errors of a neuron where its wave is received. A neuron without a line, an output, gets a draw of the
    same spread, if its cell is one of somebody's own.
    """
    layout = flatten(graph)
    values = effects_of(graph, layout, seed=0).values
    gain, offset = np.ones(graph.neurons), np.zeros(graph.neurons)
    taps = len(layout.tap_port)
    given = np.broadcast_to(values.get("gain", 1.0), taps), np.broadcast_to(values.get("offset", 0.0), taps)
    states = np.flatnonzero(layout.tap_port < graph.neurons)[::-1]
    gain[layout.tap_port[states]], offset[layout.tap_port[states]] = given[0][states], given[1][states]
    outputs = graph.layer_neurons(graph.network.output)
    alone = outputs[~np.isin(outputs, layout.tap_port)]
    own = neurons_of(graph, claim.cells)
    scores = rng(graph.seed, "offset of outputs").standard_normal(len(alone))
    offset[alone] = own[alone] * graph.hardware.noise.offset_mismatch_forward * scores
    return gain, offset
