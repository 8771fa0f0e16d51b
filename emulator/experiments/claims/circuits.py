"""Claims about circuits of two-way lines: where energy goes, and what loads and sources reflect."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from emulator.compile import compile_network
from emulator.experiments.claims.base import Bench, Claim, Curve, Origin, Panel, floats, lines_of, waves
from emulator.laws import Bilateral
from emulator.measure import SettleResult
from emulator.measure.power import power_balance
from emulator.network import Network, NetworkBuilder
from emulator.runs.settle import settle
from hwmodels import rng

#: loads and source resistances tried, as multiples of a matched one
_RATIOS = np.array([0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0])
_Z = 0.4
_EXACT = 1e-12


def energy_through_ports(bench: Bench) -> Claim:
    """A lossless linear circuit: what is stored is what came in through sources and biases and did not leave."""
    draws = rng(bench.seed, "claims", "energy")
    sizes = [6, 8, 5, 4]
    weights = [draws.normal(0.0, a**-0.5, (b, a)) for a, b in pairwise(sizes)]
    biases = [draws.normal(0.0, 0.1, b) for b in sizes[1:]]
    network = Network.mlp(weights, biases, "identity")
    graph = compile_network(
        network, law=Bilateral(0.7, taper=1.5), hardware=lines_of(2, 3), seed=bench.seed, wiring="tile"
    )
    inputs, targets = draws.normal(size=(1, sizes[0])), draws.normal(size=(1, sizes[-1]))
    hold = 120 * graph.step
    result = settle(graph, inputs, targets, hold_seconds=hold, traces=True, target="numpy", diagnose=False)
    balance = power_balance(result)
    through = np.concatenate([[0.0], np.cumsum(balance.source + balance.bias - balance.load)[:-1]])
    steps = floats(np.arange(result.hold))
    return Claim(
        name="Energy only through ports",
        statement="Inside a lossless substrate no energy is made or lost: it changes only through its ports.",
        origin=Origin.OURS,
        source="the circuit's own balance; the paper's, Theorem 2.6 with the power (14), is that of its continuum",
        equation="E(tau + 1) - E(tau) = P_source + P_bias - P_load,  P = x lam = (a^2 - b^2)/Z",
        setup=f"bilateral law without dissipation, linear {'-'.join(map(str, sizes))}, lines of 2 steps there and 3 back",
        measure="largest imbalance of a step over the largest stored energy",
        measured=float(max(balance.worst, np.abs(balance.dissipated).max() / balance.stored.max())),
        tolerance=_EXACT,
        panel=Panel(
            "time (steps)",
            "energy (state x costate x step)",
            (
                Curve(steps, floats(balance.stored), "stored in waves under way"),
                Curve(steps, floats(balance.stored[0] + through), "integral of the power at ports", expected=True),
            ),
        ),
    )


def matched_load_absorbs(bench: Bench) -> Claim:
    """Loads of several conductances at the end of one line."""

    def run(ratio: float) -> tuple[SettleResult, int]:
        return _line(Bilateral(_Z, kappa=ratio / _Z), x=1.0, y=0.0), 1

    def closed(ratio: np.ndarray) -> np.ndarray:
        return np.asarray((1 - ratio) / (1 + ratio))

    measured = _coefficients(run, _RATIOS)
    return Claim(
        name="A matched load absorbs",
        statement="A load of the line's own impedance reflects nothing; others reflect what the mismatch says.",
        origin=Origin.OURS,
        source="the effort end of Lemma 2.5 (15), solved for a load that answers at once; the paper prints it lagged",
        equation="b/a = (1 - Z kappa)/(1 + Z kappa), 0 at Z kappa = 1",
        setup=f"bilateral law, one line of 2 steps, Z = {_Z:g}, squared-loss load kappa",
        measure=f"largest |b/a - closed form| for Z kappa = {_RATIOS[0]:g} to {_RATIOS[-1]:g}",
        measured=float(np.abs(measured - closed(_RATIOS)).max()),
        tolerance=_EXACT,
        panel=_panel("Z kappa", _RATIOS, measured, closed),
    )


def clamp_reflects(bench: Bench) -> Claim:
    """Sources of several resistances at the start of one line, a clamp among them."""

    def run(ratio: float) -> tuple[SettleResult, int]:
        return _line(Bilateral(_Z, source_resistance=ratio * _Z), x=0.0, y=1.0), 0

    def closed(ratio: np.ndarray) -> np.ndarray:
        return np.asarray((ratio - 1) / (ratio + 1))

    ratios = np.concatenate([[0.0], _RATIOS])
    measured = _coefficients(run, ratios)
    return Claim(
        name="A clamp reflects with -1",
        statement="A source that holds its state reflects the wave that comes back to it with the opposite sign.",
        origin=Origin.PROVED,
        source="Lemma 2.5 (15), a flow that is given: R = 0; source resistances are ours",
        equation="a/b = (R - Z)/(R + Z), -1 for a clamp (R = 0)",
        setup=f"bilateral law, one line of 2 steps, Z = {_Z:g}, source resistance R; the wave comes from the load",
        measure=f"largest |a/b - closed form| for R/Z = 0 to {_RATIOS[-1]:g}",
        measured=float(np.abs(measured - closed(ratios)).max()),
        tolerance=_EXACT,
        panel=_panel("R/Z", ratios, measured, closed),
    )


def _line(law: Bilateral, x: float, y: float) -> SettleResult:
    """A source, one line of 2 steps, and a load."""
    build = NetworkBuilder()
    network = build.build(output=build.activation(build.input("x", 1), "identity", name="y"))
    graph = compile_network(network, law=law, hardware=lines_of(2))
    hold = 20 * graph.step
    return settle(graph, [[x]], [[y]], hold_seconds=hold, traces=True, target="numpy", diagnose=False)


def _coefficients(run: Callable[[float], tuple[SettleResult, int]], ratios: np.ndarray) -> np.ndarray:
    """Wave that leaves a port over the wave that arrives, the step where it strays most from the first one taken."""
    found = []
    for ratio in ratios:
        result, port = run(float(ratio))
        leaving, arriving = waves(result).leaving[:, port], waves(result).arriving[:, port]
        there = arriving != 0
        values = leaving[there] / arriving[there]
        found.append(values[np.abs(values - values[0]).argmax()])
    return np.array(found)


def _panel(x_label: str, ratios: np.ndarray, measured: np.ndarray, closed: Callable[[np.ndarray], np.ndarray]) -> Panel:
    fine = np.linspace(0, ratios[-1], 200)
    return Panel(
        x_label,
        "reflection coefficient",
        (
            Curve(floats(ratios), floats(measured), "measured"),
            Curve(floats(fine), floats(closed(fine)), "closed form", expected=True),
        ),
        points=True,
    )
