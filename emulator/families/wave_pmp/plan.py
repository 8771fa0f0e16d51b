"""What is to be simulated under Wave-PMP, and the numbers of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from emulator.engine.effects import check_jitter, effects_of, moving
from emulator.engine.expressions import activation_text
from emulator.engine.layout import Floats, Ints, biases, flatten
from emulator.engine.node_noise import noise_at_start
from emulator.engine.plan import SMALLEST, Plan, Values
from emulator.engine.programming import programmed, top_weight
from emulator.families.wave_pmp.links import Links, links_of
from emulator.graph import ScatteringGraph
from emulator.laws.wave_pmp import WavePMP
from emulator.learning import Learning


@dataclass(frozen=True)
class WavePMPPlan(Plan):
    """A plan for Wave-PMP.

    Parameters
    ----------
    links : Links
    pairs : (2, Q) int32
        Neurons of a row that its metric mixes, in pairs; every neuron with itself where no metric is a matrix.
    """

    links: Links = field(kw_only=True)
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
    def eventful(self) -> bool:
        """Whether receivers take events one by one: where some are under way, or counted."""
        return self.late or self.effects.counts

    @property
    def ring_depth(self) -> int:
        """Cells per port: one for each step that an event may wait, and the one in which it is sent."""
        return 1 << (int(self.layout.longest.max(initial=1)) + self.effects.jitter).bit_length()

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
        links, passing = self.links, self.links.passing
        for array in (self.pairs, passing.tap, passing.neuron, passing.taps, links.source, links.output):
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def plan_of(
    graph: ScatteringGraph, law: WavePMP, hold: int, samples: int, seed: int, traces: bool, learning: Learning | None
) -> WavePMPPlan:
    """See `emulator.families.base.Family.plan`."""
    layout, learns = flatten(graph), learning is not None
    effects = effects_of(graph, layout, seed)
    check_jitter(graph, layout, effects)
    links = links_of(graph, law, layout, effects)
    if links.metric.full:
        parts = [np.arange(site.start, site.stop) for site in graph.sites]
        pairs = np.concatenate([np.stack([np.repeat(p, len(p)), np.tile(p, len(p))]) for p in parts], axis=1)
    else:
        pairs = np.stack([np.arange(graph.neurons)] * 2)
    if learns:
        effects = moving(graph, effects)
    return WavePMPPlan(
        layout, law, graph.loss, hold, samples, probe=not learns, power=not learns, traces=traces, effects=effects,
        learning=learning, seed=seed, links=links, pairs=pairs.astype(np.int32),
    )  # fmt: skip


def values_of(
    graph: ScatteringGraph,
    plan: WavePMPPlan,
    *,
    loaded: bool,
    threshold: float,
    resolution: float,
    seed: int,
    age: float | None,
    weight: Floats | None,
) -> Values:
    """See `emulator.families.base.Family.values`."""
    layout, links, law = plan.layout, plan.links, plan.law
    load = np.zeros(layout.neurons)
    load[layout.outputs] = loaded
    shunt = loaded * layout.shunt
    effects = plan.effects if seed == plan.seed else effects_of(graph, layout, seed)
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
        "line_delay": np.asarray(layout.tap_delay - 1, dtype=np.float64),
        "w": held.weight if weight is None else weight,
        "w_sigma": held.sigma,
        "w_top": held.top,
        "pass_up": links.passing.up,
        "pass_down": links.passing.down,
        "Z": links.impedance.diagonal(),
        "M": links.mass.diagonal(),
        "z_pair": np.asarray(links.impedance[j, i]).ravel(),
        "m_pair": np.asarray(links.mass[j, i]).ravel(),
        **effects.values,
        **noise_at_start(effects.noise_poles, effects.values, layout.neurons, seed),
    }
    if "offset" in values:
        values |= {"inbox": values["offset"], "wave_inbox": values["offset"]}
    if plan.implicit and graph.loss == "mse":  # the state that agrees with its own load: (1 + Z g)^-1 (2 a + Z y)
        inner = sparse.eye_array(layout.neurons) + links.impedance @ sparse.diags_array(load + shunt)
        solved = sparse.csr_array(sparse.block_diag([
            np.linalg.inv(inner[site.start : site.stop, site.start : site.stop].toarray()) if plan.full
            else sparse.diags_array(1 / inner.diagonal()[site.start : site.stop])
            for site in graph.sites
        ]))  # fmt: skip
        values |= {"r_pair": np.asarray(solved[j, i]).ravel(), "R": solved.diagonal()}
    return values
