"""What is to be simulated under Wave-PMP, and the numbers of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from emulator.engine.claims import check_claims
from emulator.engine.expressions import activation_text
from emulator.engine.layout import Floats, Ints, biases, flatten
from emulator.engine.plan import SMALLEST, Plan, Values
from emulator.engine.programming import programmed, top_weight
from emulator.errors import EngineError
from emulator.families.wave_pmp.links import Links, links_of, passes
from emulator.graph import ScatteringGraph
from emulator.laws.wave_pmp import WavePMP
from emulator.learning import Learning


@dataclass(frozen=True)
class Passes:
    """Waves that the identity transports: P numbers from taps to neurons, in units of the state.

    Parameters
    ----------
    tap, neuron : (P,) int32
    up, down : (P,)
        What a neuron gets of the tap's wave, from below and from above; one of them is 0.
    taps : (C,) bool
        Taps of links that the identity transports.
    """

    tap: Ints
    neuron: Ints
    up: Floats
    down: Floats
    taps: np.ndarray


@dataclass(frozen=True)
class WavePMPPlan(Plan):
    """A plan for Wave-PMP.

    Parameters
    ----------
    links : Links
    passing : Passes
    pairs : (2, Q) int32
        Neurons of a row that its metric mixes, in pairs; every neuron with itself where no metric is a matrix.
    """

    links: Links = field(kw_only=True)
    passing: Passes = field(kw_only=True)
    pairs: Ints = field(kw_only=True)

    @property
    def full(self) -> bool:
        """Whether some metric is a matrix."""
        return self.links.metric.full

    @property
    def late(self) -> bool:
        """Whether some line is longer than a step."""
        return bool(self.layout.longest.max(initial=1) > 1)

    @property
    def ring_depth(self) -> int:
        """Cells per port: one for each step that a wave may be under way, and the one in which it is sent."""
        return 1 << int(self.layout.longest.max(initial=1)).bit_length()

    @property
    def implicit(self) -> bool:
        """Whether the load answers the state that it makes."""
        return isinstance(self.law, WavePMP) and self.law.load == "implicit"

    @cached_property
    def update(self) -> list[str]:
        """What tells one program from another; see `emulator.families.wave_pmp.objects`."""
        texts = [activation_text(name, which) for name in self.used for which in (0, 1)]
        return [f"wave-pmp {self.loss} {self.full} {self.late} {self.implicit} {self.power}", *texts]

    @cached_property
    def key(self) -> str:
        """A hash of everything that is compiled in."""
        digest = hashlib.sha256(super().key.encode())
        links, passing = self.links, self.passing
        for array in (self.pairs, passing.tap, passing.neuron, passing.taps, links.source, links.output):
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def plan_of(
    graph: ScatteringGraph, law: WavePMP, hold: int, samples: int, seed: int, traces: bool, learning: Learning | None
) -> WavePMPPlan:
    """See `emulator.families.base.Family.plan`."""
    check_claims(graph, "")
    if graph.wiring != "tile":
        raise EngineError(
            f"law {law.name}: wiring is {graph.wiring!r}; allowed: tile, since a wave passes a layer on its neuron's line"
        )
    layout, links = flatten(graph), links_of(graph, law)
    learns = learning is not None
    taps, rows = np.zeros(len(layout.tap_port), bool), [np.zeros((4, 0))]
    theta = [np.linalg.inv(t) if t.ndim == 2 else 1 / t for t in links.metric.theta]
    inverse = sparse.csr_array(sparse.block_diag([t if t.ndim == 2 else sparse.diags_array(t) for t in theta]))
    plain = sparse.csr_array(
        sparse.block_diag([t if t.ndim == 2 else sparse.diags_array(t) for t in links.metric.theta])
    )
    for link, block in zip(graph.couplings, layout.blocks, strict=True):
        if not passes(link, law):
            continue
        for to, of, at, way in (
            (link.columns, link.rows, block.row_taps, 2),
            (link.rows, link.columns, block.column_taps, 3),
        ):
            taps[at] = True
            change = sparse.coo_array(inverse[to][:, to] @ plain[of][:, of])
            place, since = change.coords
            found = np.zeros((4, len(place)))
            found[0], found[1], found[way] = at[since], to[place], change.data
            rows.append(found)
    found = np.concatenate(rows, axis=1)
    passing = Passes(found[0].astype(np.int32), found[1].astype(np.int32), found[2], found[3], taps)
    if links.metric.full:
        parts = [np.arange(site.start, site.stop) for site in graph.sites]
        pairs = np.concatenate([np.stack([np.repeat(p, len(p)), np.tile(p, len(p))]) for p in parts], axis=1)
    else:
        pairs = np.stack([np.arange(graph.neurons)] * 2)
    return WavePMPPlan(
        layout, law, graph.loss, hold, samples, probe=not learns, power=not learns, traces=traces, learning=learning,
        seed=seed, links=links, passing=passing, pairs=pairs.astype(np.int32),
    )  # fmt: skip


def values_of(
    graph: ScatteringGraph,
    plan: WavePMPPlan,
    *,
    loaded: bool,
    threshold: float,
    resolution: float,
    age: float | None,
    weight: Floats | None,
) -> Values:
    """See `emulator.families.base.Family.values`."""
    layout, links, law = plan.layout, plan.links, plan.law
    load = np.zeros(layout.neurons)
    load[layout.outputs] = loaded
    shunt = loaded * layout.shunt
    held = programmed(graph, layout, age, top_weight(plan.learning))
    i, j = plan.pairs
    values: dict[str, Floats | float] = {
        "bias": biases(graph),
        "load": load,
        "shunt": shunt,
        "decay": layout.decay,
        "slope": layout.slope,
        **law.parameters,
        "q": max(threshold, SMALLEST),
        "resolution": resolution,
        "line_delay": layout.tap_delay.astype(np.float64),
        "w": held.weight if weight is None else weight,
        "w_top": held.top,
        "pass_up": plan.passing.up,
        "pass_down": plan.passing.down,
        "Z": links.impedance.diagonal(),
        "M": links.mass.diagonal(),
        "z_pair": np.asarray(links.impedance[j, i]).ravel(),
        "m_pair": np.asarray(links.mass[j, i]).ravel(),
    }
    if plan.implicit and graph.loss == "mse":  # the state that agrees with its own load: (1 + Z g)^-1 (2 a + Z y)
        inner = sparse.eye_array(layout.neurons) + links.impedance @ sparse.diags_array(load + shunt)
        solved = sparse.csr_array(sparse.block_diag([
            np.linalg.inv(inner[site.start : site.stop, site.start : site.stop].toarray()) if plan.full
            else sparse.diags_array(1 / inner.diagonal()[site.start : site.stop])
            for site in graph.sites
        ]))  # fmt: skip
        values |= {"r_pair": np.asarray(solved[j, i]).ravel(), "R": solved.diagonal()}
    return values
