"""Cells at rest, judged one by one: whether replaced ones keep their contract, and whose own equations do not hold.

Beside cells of somebody's own the library's are held to `emulator.export.compared.BESIDE` at every node where no replaced
cell shows: their equations take what the circuit has at their pins, so that errors of others do not reach them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emulator.export.claim import Claim
from emulator.export.compared import BESIDE, REST, scale_of_bundle, signals_at_rest
from emulator.export.contract import TOLERANCE
from emulator.export.held import Held, affected, full_scales, held
from emulator.export.locate import Suspect, locate
from emulator.measure.synapses import Floats

#: what the simulator may leave over at a node beside cells of somebody's own, of the terms that make its value
_LEFT = 1e-6


def unchecked(claim: Claim) -> str:
    """Why the equations of single cells are not evaluated; empty where they are."""
    if claim.probed < claim.rows:
        return f"{claim.probed} of {claim.rows} rows are saved"
    return "lines that attenuate, have offsets, leak or have faults move the rest" if claim.own_rest else ""


def kept(saved: Mapping[str, Floats], claim: Claim) -> tuple[Held, ...]:
    """How replaced cells keep their contract."""
    if not claim.cells or unchecked(claim):
        return ()
    sample = claim.sample
    with np.errstate(all="ignore"):
        return held(
            claim.graph, claim.circuit, claim.cells, signals_at_rest(saved, claim), sample.inputs, sample.targets,
            claim.kappa,
        )  # fmt: skip


def suspects(saved: Mapping[str, Floats], claim: Claim, tolerance: float | None) -> tuple[Suspect, ...]:
    """Cells whose equations do not hold; `tolerance` in place of the built-in one, but beside cells of somebody's own."""
    if unchecked(claim):
        return ()
    graph, own = claim.graph, bool(claim.cells)
    allowed = BESIDE if own else tolerance or REST
    values = signals_at_rest(saved, claim)
    scales = {name: np.ones(graph.neurons) for name in values}
    for row, site in enumerate(graph.sites):
        for signal in values:
            bundle = f"{signal}{row}"
            if bundle in claim.rest:
                part = slice(site.start, site.stop)
                scale = scale_of_bundle(bundle, claim.rest[bundle], claim, allowed) * allowed
                # a sum of what deviates by less than is allowed may deviate by more; what is known to be wrong has no such sums
                scale = np.maximum(scale, _LEFT * claim.terms[bundle]) if own else 10 * scale
                scales[signal][part] = scale / claim.volts
    scales = {name: np.where(scale > 0, scale, allowed if own else 10 * allowed) for name, scale in scales.items()}
    for cell in claim.cells:
        for signal, where in affected(graph, claim.circuit, cell).items():
            scales[signal] = np.where(where, TOLERANCE * full_scales(graph)[signal], scales[signal])
    with np.errstate(all="ignore"):
        return locate(graph, values, claim.sample.inputs, claim.sample.targets, claim.kappa, scales)
