"""Claims about Wave-PMP, the algorithm that the paper prints: where it rests, what its waves' energy does, how far they reach."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from emulator.compile import compile_network
from emulator.experiments.claims.base import Bench, Claim, Curve, Floats, Origin, Panel, floats, traces
from emulator.families.wave_pmp import bias_of, energy_balance
from emulator.graph import ScatteringGraph
from emulator.laws import WavePMP, family_of
from emulator.measure import SettleResult, reference
from emulator.network import Network
from emulator.runs.settle import settle
from hwmodels import rng

#: Courant numbers tried, and the step along the sources
_NU, _ALPHA = (0.0, 0.01, 0.03, 0.1, 0.2), 0.7
_HOLD, _TOLERANCE, _EXACT = 600, 1e-9, 1e-12
_SIZES = (12, 8, 4)
#: least bias that counts as one, where waves are transported
_BIASED = 1e-4


def rests_where_its_phases_balance(bench: Bench) -> Claim:
    """The rest that the stationary equations give, and the one that the substrate finds."""
    network, inputs, targets = _bent(bench, "own rest")
    worst, curves = 0.0, []
    for nu in _NU:
        result = _settled(network, WavePMP(nu, _ALPHA), inputs, targets)
        worst = max(worst, _own(result))
    graph, exact = result.graph, reference(network, inputs, targets)
    time = floats(np.arange(1, _HOLD + 1))
    for name, point in (
        ("from its own rest", family_of(graph.law).rest(graph, exact)),
        ("from backpropagation", family_of(graph.law).rest(_graph(network, WavePMP(0.0, _ALPHA)), exact)),
    ):
        far = np.abs(traces(result).lam - point.lam).max(axis=1) / np.abs(point.lam).max()
        curves.append(Curve(time, floats(np.maximum(far, 1e-17)), f"{name}, nu = {graph.law.parameters['nu']:g}"))
    return Claim(
        name="Algorithm 1 has a rest of its own",
        statement="Where Wave-PMP settles, it does so where transport, sources and ports balance, which can be computed.",
        origin=Origin.OURS,
        source="of Algorithm 1 as printed, (41)-(46), (15); the paper does not say where it rests",
        equation="A: nu (w+ - T w+), nu (w- - T^T w-)  =  C: -alpha (Theta r_x +- Theta^-T r_lam)/sqrt 2,  with E",
        setup=f"law wave-pmp, tanh {_told(_SIZES)}, Theta = 1, alpha = {_ALPHA:g}, nu = {_NU[0]:g} to {_NU[-1]:g}",
        measure="largest distance of the substrate from the root of its stationary equations (relative)",
        measured=worst,
        tolerance=_TOLERANCE,
        panel=Panel("time (steps)", "deviation of costates\n(relative)", tuple(curves), log=True),
    )


def is_biased_by_transport(bench: Bench) -> Claim:
    """The gradient at that rest against backpropagation, as measured and as computed."""
    network, inputs, targets = _bent(bench, "own rest")
    exact = reference(network, inputs, targets)
    measured, computed = [], []
    for nu in _NU:
        result = _settled(network, WavePMP(nu, _ALPHA), inputs, targets)
        measured.append(result.errors(exact)["gradient"])
        computed.append(bias_of(result.graph, exact).gradient)
    strayed = float(np.abs(np.subtract(measured, computed)).max())
    shown = computed[0] < _TOLERANCE and min(computed[1:]) > _BIASED
    shares = [nu / _ALPHA for nu in _NU[1:]]
    return Claim(
        name="Transport biases the gradient",
        statement="As printed, Wave-PMP rests at backpropagation without transport alone; with it the gradient is biased.",
        origin=Origin.OURS,
        source="of (12), (13) and (41)-(46): they keep the maximum principle (2)-(4), (50)-(52) only if nu = 0 or T w+ = w+",
        equation="sqrt 2 (w+_{k+1} - T_k w+_k) = Theta_{k+1} [x_{k+1} - J_k x_k + (Z_{k+1} - J_k Z_k J_k^T) lam_{k+1}]",
        setup=f"law wave-pmp, tanh {_told(_SIZES)}, Theta = 1, alpha = {_ALPHA:g}; no bias at nu = 0, above {_BIASED:g} elsewhere",
        measure="largest difference between the measured and the computed bias of the gradient",
        measured=strayed if shown else np.inf,
        tolerance=_TOLERANCE,
        panel=Panel(
            "nu/alpha",
            "error of the gradient\nagainst backpropagation",
            (
                Curve(shares, floats(measured[1:]), "measured"),
                Curve(shares, floats(computed[1:]), "from the stationary equations", expected=True),
            ),
            log=True,
            points=True,
        ),
    )


def carried_impedance_is_exact(bench: Bench) -> Claim:
    """Linear layers of equal width, without bias: an impedance that is carried through them leaves no bias."""
    draws = rng(bench.seed, "claims", "carried")
    width, depth = 5, 3
    turns = [np.linalg.svd(draws.normal(size=(width, width)))[::2] for _ in range(depth)]
    weights = [u @ np.diag(draws.uniform(0.7, 1.4, width)) @ v for u, v in turns]
    network = Network.mlp(weights, None, "identity")
    inputs, targets = draws.normal(size=(2, 1, width))
    exact = reference(network, inputs, targets)
    nus, found = _NU[1:], dict[str, list[float]]()
    for metric in ("carried", 1.0):
        for nu in nus:
            law = WavePMP(nu, 1.0, metric=metric, transport="jacobian")
            result = _settled(network, law, inputs, targets)
            error = result.errors(exact)
            worst = max(error["gradient"], error["state"], error["costate"])
            found.setdefault("carried" if metric == "carried" else "Theta = 1", []).append(worst)
    curves = tuple(Curve(floats(nus), floats(np.maximum(v, 1e-17)), name) for name, v in found.items())
    return Claim(
        name="A carried impedance removes the bias",
        statement="Where layers are linear, the impedance carried through them lets Wave-PMP rest at backpropagation.",
        origin=Origin.OURS,
        source="the metric Theta of (8), which the paper leaves open, as a matching condition on the transmission (44)-(46)",
        equation="Z_{k+1} = J_k Z_k J_k^T,  Z = Theta^-1 Theta^-T",
        setup=f"law wave-pmp, {depth} linear layers of {width} without bias, alpha = 1, nu = {nus[0]:g} to {nus[-1]:g}",
        measure="largest error of a state, of a costate, and of the gradient (relative), with the carried metric",
        measured=float(np.max(found["carried"])),
        tolerance=_TOLERANCE,
        panel=Panel("nu", "error against backpropagation", curves, log=True, points=True),
    )


def energy_is_accounted_for(bench: Bench) -> Claim:
    """Transport, sources and ports explain every change of the energy of the waves."""
    network, inputs, targets = _bent(bench, "discrete energy")
    graph = _graph(network, WavePMP(0.3, 0.6, metric=1.2))
    balance = energy_balance(_run(graph, inputs, targets, 80))
    change = np.cumsum((balance.transport + balance.sources + balance.ports).sum(axis=1))
    time = floats(np.arange(1, 81))
    return Claim(
        name="Energy of transported waves",
        statement="What transport, sources and the two ports do to the waves explains every change of their energy.",
        origin=Origin.OURS,
        source="the discrete form, with a term of second order in alpha, of Theorem 2.6, which the paper proves in the continuum",
        equation="dV = -nu (2 <w, w - Tw> - nu |w - Tw|^2) - alpha (w+.E+ + w-.E-) + alpha^2 (|E+|^2 + |E-|^2)/2 + ends",
        setup=f"law wave-pmp, tanh {_told(_SIZES)}, Theta = 1.2, alpha = 0.6, nu = 0.3",
        measure="largest imbalance of a step over the largest stored energy",
        measured=float(np.abs(balance.imbalance).max() / balance.stored.max()),
        tolerance=_EXACT,
        panel=Panel(
            "time (steps)",
            "energy of all waves",
            (
                Curve(time, floats(balance.stored), "stored"),
                Curve(time, floats(change), "what the three phases added", expected=True),
            ),
        ),
    )


def reaches_two_layers_a_step(bench: Bench) -> Claim:
    """What a new sample changes, layer by layer: one layer a step by the sources, and one more by transport."""
    draws = rng(bench.seed, "claims", "cone of algorithm 1")
    width, depth = 3, 9
    weights = [draws.normal(0.0, width**-0.5, (width, width)) for _ in range(depth)]
    network = Network.mlp(weights, activations="tanh")
    inputs, nothing = draws.normal(size=(1, width)), np.zeros((1, width))
    layers, off, curves = np.arange(depth + 1), 0.0, []
    for nu, reach in ((0.0, 1), (0.1, 2), (1.0, 2)):
        graph = _graph(network, WavePMP(nu, 0.3))
        one, other = (
            traces(_run(graph, given, nothing, depth + 4)).x.reshape(-1, depth + 1, width)
            for given in (inputs, 0 * inputs)
        )
        moved = (one != other).any(axis=2)
        first = np.where(moved.any(axis=0), moved.argmax(axis=0), len(moved))
        cone = np.ceil((layers + 1) / reach)
        off = max(off, float(np.abs(cone - first).max()))
        curves.append(Curve(floats(layers), floats(first), f"nu = {nu:g}"))
        if nu < 1:
            curves.append(
                Curve(floats(layers), floats(cone), f"{reach} layer{'s' if reach > 1 else ''} a step", expected=True)
            )
    return Claim(
        name="Light cone of Algorithm 1",
        statement="Whatever nu, nothing is ahead of two layers a step: one by transport and one by the sources.",
        origin=Origin.OURS,
        source="of the phases A and C of Algorithm 1; the paper states the speed c of its continuum, (12), (13)",
        equation="tau_first(layer k) = (k + 1)/2 rounded up,  without transport k + 1",
        setup=f"law wave-pmp, {depth} tanh layers of {width}, alpha = 0.3, nu = 0, 0.1 and 1; an input against none",
        measure="largest |first change - light cone| of any layer (steps)",
        measured=off,
        tolerance=0.0,
        panel=Panel("layer", "first change (steps)", tuple(curves), points=True),
    )


def _bent(bench: Bench, name: str) -> tuple[Network, Floats, Floats]:
    """A tanh network with random weights and biases, and one sample."""
    draws = rng(bench.seed, "claims", name)
    weights = [draws.normal(0.0, a**-0.5, (b, a)) for a, b in pairwise(_SIZES)]
    biases = [draws.normal(0.0, 0.1, b) for b in _SIZES[1:]]
    network = Network.mlp(weights, biases, "tanh")
    return network, draws.normal(size=(1, _SIZES[0])), draws.normal(size=(1, _SIZES[-1]))


def _graph(network: Network, law: WavePMP) -> ScatteringGraph:
    return compile_network(network, law=law)


def _run(graph: ScatteringGraph, inputs: Floats, targets: Floats, hold: int) -> SettleResult:
    how = {"traces": True, "target": "numpy", "diagnose": False, "tolerance": _TOLERANCE}
    return settle(graph, inputs, targets, hold_seconds=hold * graph.step, **how)  # type: ignore[arg-type]


def _settled(network: Network, law: WavePMP, inputs: Floats, targets: Floats) -> SettleResult:
    return _run(_graph(network, law), inputs, targets, _HOLD)


def _own(result: SettleResult) -> float:
    """Distance from its own rest; not a number where it did not settle."""
    return float(result.deviation[0]) if result.settled.all() else float("nan")


def _told(sizes: Sequence[int]) -> str:
    return "-".join(map(str, sizes))
