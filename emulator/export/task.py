"""How an exported circuit does its task: outputs, predictions and gradients over several samples, and its settling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emulator.errors import ExportError
from emulator.export.circuit import Circuit
from emulator.export.claim import Claim
from emulator.export.confined import Limits
from emulator.export.expected import Sample
from emulator.export.netlist import interface
from emulator.export.ngspice import simulate_all
from emulator.export.options import Options
from emulator.export.testbench import TOLERANCE
from emulator.measure.reference import reference
from emulator.measure.rest import first_slopes, neuron_values
from emulator.measure.synapses import Floats


@dataclass(frozen=True)
class Task:
    """What several samples show.

    Parameters
    ----------
    samples : int
    output_error : float
        Largest error of an output, over the largest output of the samples.
    agreement : float or None
        Share of samples with the same largest output; None for one output.
    gradient_cosine : float or None
        Least cosine of a sample's gradient, from the circuit's states and costates, with the exact one; None where not
        every row is saved.
    settling, predicted : float or None
        Seconds from the sample's appearance until all states stay within 1e-3 of their rows' largest, in the circuit and
        in brian2; None if they do not, or were not followed.
    """

    samples: int
    output_error: float
    agreement: float | None
    gradient_cosine: float | None
    settling: float | None
    predicted: float | None


def present(
    claim: Claim, circuit: Circuit, name: Path, limits: Limits, samples: int, workers: int
) -> list[dict[str, Floats]]:
    """Run the operating point of the first samples of a claim's task, so many at once.

    Raises
    ------
    ExportError
        If the testbench has not one source for every input and target, or ngspice fails.
    """
    circuits = [Circuit(presenting(claim, circuit.text, one), circuit.digests) for one in claim.task[:samples]]
    return simulate_all([(one, name) for one in circuits], limits, workers)


def judge(claim: Claim, runs: Sequence[Mapping[str, Floats]], settling: tuple[float | None, float | None]) -> Task:
    """Judge the first samples of a claim's task by what `present` saved of them."""
    graph = claim.graph
    found, wanted, cosines = [], [], []
    whole = claim.probed == claim.rows
    outputs = graph.layer_neurons(graph.network.output)
    for one, saved in zip(claim.task, runs, strict=False):
        ours = _signals(claim, saved)
        ends = np.cumsum([graph.network.size(layer) for layer in graph.network.inputs])[:-1]
        inputs = dict(zip(graph.network.inputs, np.split(one.inputs, ends), strict=True))
        exact = reference(graph.network, inputs, one.targets[np.newaxis])
        x, s, lam = (values[0] for values in neuron_values(graph, exact))
        lam = claim.kappa * lam
        found.append(ours["x"][outputs])
        wanted.append(x[outputs])
        if whole:
            cosines.append(_cosine(claim, ours, {"x": x, "mu": first_slopes(graph, s) * lam}))
    a, b = np.array(found), np.array(wanted)
    largest = float(np.abs(b).max()) or 1.0
    same = None if a.shape[1] == 1 else float((a.argmax(axis=1) == b.argmax(axis=1)).mean())
    error = float(np.abs(a - b).max()) / largest
    return Task(len(runs), error, same, min(cosines) if cosines else None, *settling)


def presenting(claim: Claim, text: str, sample: Sample) -> str:
    """A testbench's text with another sample at its sources."""
    options = Options("bilateral" if claim.circuit == "bilateral" else "directional")
    inputs, targets, _ = interface(claim.graph, options)
    values = dict(zip([*inputs, *targets], [*sample.inputs.tolist(), *sample.targets.tolist()], strict=True))

    def put(match: re.Match[str]) -> str:
        key = match.group(1).lower()
        return f"V{key} {key} 0 DC {values.pop(key) * claim.volts!r}" if key in values else match.group()

    found = re.sub(r"(?mi)^V(\w+) \1 0 DC .*$", put, text)
    if values:
        raise ExportError(f"the testbench has no source V{next(iter(values))}; allowed: one for every input and target")
    return found


def measured_settling(saved: Mapping[str, Floats], time: Floats, claim: Claim) -> tuple[float | None, float | None]:
    """When the states settle, in the circuit and in brian2."""
    moving = {name: values for name, values in claim.settled.items() if name.startswith("x")}
    ours, theirs, late = 0.0, 0.0, False
    moments = claim.start + np.arange(0 if claim.waves is None else len(next(iter(claim.waves.values())))) * claim.step
    for name, values in moving.items():
        band = TOLERANCE * (float(np.abs(values).max(initial=0.0)) or claim.volts)
        for k, value in enumerate(values.tolist()):
            outside = np.flatnonzero(np.abs(saved[f"v({claim.node(f'{name}_{k}')})"] - value) > band)
            late |= bool(outside.size and outside[-1] == len(time) - 1)
            ours = max(ours, float(time[outside[-1]]) if outside.size else 0.0)
            if claim.waves is not None:
                outside = np.flatnonzero(np.abs(claim.waves[name][:, k] - value) > band)
                theirs = max(theirs, float(moments[outside[-1]]) + claim.step if outside.size else 0.0)
    measured = None if late else max(ours - claim.start, 0.0)
    return measured, None if claim.waves is None else max(theirs - claim.start, 0.0)


def _signals(claim: Claim, saved: Mapping[str, Floats]) -> dict[str, Floats]:
    found = {name: np.zeros(claim.graph.neurons) for name in ("x", "mu")}
    for row, site in enumerate(claim.graph.sites):
        for signal, values in found.items():
            if f"{signal}{row}" in claim.rest:
                nodes = (f"v({claim.node(f'{signal}{row}_{k}')})" for k in range(site.size))
                values[site.start : site.stop] = [saved[node][-1] / claim.volts for node in nodes]
    return found


def _cosine(claim: Claim, ours: Mapping[str, Floats], exact: Mapping[str, Floats]) -> float:
    """Of the gradients of all weights; an outer product's parts need no matrix."""
    dot = one = two = 0.0
    for coupling in (c for c in claim.graph.couplings if c.layer is not None):
        r, c = coupling.pairs()
        rows, columns = coupling.rows[r], coupling.columns[c]
        a, b = ours["mu"][columns] * ours["x"][rows], exact["mu"][columns] * exact["x"][rows]
        dot, one, two = dot + float(a @ b), one + float(a @ a), two + float(b @ b)
    return dot / float(np.sqrt(one * two)) if one * two > 0 else 1.0
