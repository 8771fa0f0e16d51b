"""Claims about how waves travel: at a finite speed, and in both directions past each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.compile import compile_network
from emulator.experiments.claims.base import Bench, Claim, Curve, Floats, Origin, Panel, floats, traces
from emulator.laws import Matched, Upwind
from emulator.network import Network, NetworkBuilder
from emulator.runs.settle import settle
from hwmodels import Steps, load, rng

#: cells of the chain through which two fronts pass
_CELLS = 12
#: width and depth of the network whose light cone is measured, and its slowest line in steps
_NARROW, _DEEP, _SLOWEST = 4, 8, 9


def finite_speed(bench: Bench) -> Claim:
    """Two random samples under the matched law: each value first changes when the shortest path of lines says."""
    draws = rng(bench.seed, "claims", "light cone")
    weights = [draws.normal(0.0, _NARROW**-0.5, (_NARROW, _NARROW)) for _ in range(_DEEP)]
    lines = Steps(step=1e-9, fewest=1, most=_SLOWEST)
    hardware = load("ideal").replace({"lines.delay_forward": lines, "lines.delay_backward": lines})
    network = Network.mlp(weights, activations="tanh")
    graph = compile_network(network, law=Matched(), hardware=hardware, seed=bench.seed)
    inputs, targets = draws.normal(size=(2, 2, _NARROW))
    result = settle(graph, inputs, targets, traces=True, target="numpy", diagnose=False, seed=bench.seed)
    second = slice(result.hold - 1, None)
    measured = [first_change(traces(result).x[second]), first_change(traces(result).lam[second])]
    cone = [graph.arrival.first_state, graph.arrival.first_costate]
    order = np.argsort(graph.arrival.first_state, kind="stable")
    curves = []
    for what, ours, expected in zip(("states", "costates"), measured, cone, strict=True):
        curves.append(Curve(floats(np.arange(graph.neurons)), floats(ours[order]), f"{what}: first change"))
        curves.append(
            Curve(floats(np.arange(graph.neurons)), floats(expected[order]), f"{what}: light cone", expected=True)
        )
    return Claim(
        name="Finite speed",
        statement="Waves travel at a finite speed: nothing changes outside the light cone.",
        origin=Origin.STATED,
        source="speed c of the worldsheet, (12), (13); that lines of unequal delay have the shortest path for a light cone is ours",
        equation="tau_first = min over paths of lines of the sum of delays",
        setup=f"tanh network of {_DEEP} layers of {_NARROW}, matched law, lines of 1 to {_SLOWEST} steps; a new sample",
        measure="largest |first change - light cone| of any state or costate (steps)",
        measured=float(max(np.abs(ours - expected).max() for ours, expected in zip(measured, cone, strict=True))),
        tolerance=0.0,
        panel=Panel("neuron, by the light cone of its state", "first change (steps)", tuple(curves), points=True),
    )


def first_change(trace: Floats) -> NDArray[np.int64]:
    """Step of the first change of every column after row 0, counted from row 1 as step 0; the end if there is none."""
    changed = np.diff(trace, axis=0) != 0
    return np.where(changed.any(axis=0), changed.argmax(axis=0), len(changed)).astype(np.int64)


def counter_propagating(bench: Bench) -> Claim:
    """A step of the input through empty cells to a load that is not matched, and its echo: one cell per step each."""
    impedance, kappa = 0.5, 0.4
    graph = compile_network(_chain(), law=Upwind(1.0, impedance, kappa))
    result = settle(
        graph, [[2.0]], [[0.0]], hold_seconds=3 * _CELLS * graph.step, traces=True, target="numpy", diagnose=False
    )
    stations = [int(graph.layer_neurons(f"x{k}")[0]) for k in range(_CELLS + 1)]
    x, lam = traces(result).x[:, stations], traces(result).lam[:, stations]
    fronts = [_arrival(wave) for wave in ((x + impedance * lam) / 2, (x - impedance * lam) / 2)]
    depth = np.arange(_CELLS + 1)
    expected = [depth, 2 * _CELLS - depth]
    names = ("forward wave a", "backward wave b")
    curves = [Curve(floats(depth), floats(front), name) for name, front in zip(names, fronts, strict=True)]
    lines = zip(("t = tau", f"t = {2 * _CELLS} - tau"), expected, strict=True)
    curves += [Curve(floats(depth), floats(line), name, expected=True) for name, line in lines]
    return Claim(
        name="Counter-propagating waves",
        statement="Two waves travel past each other, one towards the output and one back, at the same speed.",
        origin=Origin.PROVED,
        source="Proposition 2.4 (12), (13), where residuals vanish",
        equation="da/dtau + c da/dt = 0,  db/dtau - c db/dt = 0,  a = (x + Z lam)/2,  b = (x - Z lam)/2",
        setup=f"upwind law, nu = 1, {_CELLS} empty cells, Z = {impedance:g}, load kappa = {kappa:g} (Z kappa < 1)",
        measure="largest |arrival of a front - its characteristic| at any cell (steps)",
        measured=float(max(np.abs(front - line).max() for front, line in zip(fronts, expected, strict=True))),
        tolerance=0.0,
        panel=Panel("depth t (cells)", "arrival of the front, tau (steps)", tuple(curves), points=True),
    )


def _chain() -> Network:
    """Residual cells whose branches are 0."""
    build = NetworkBuilder()
    x = build.input("x0", 1)
    for k in range(_CELLS):
        x = build.add(x, build.dense(x, [[0.0]], name=f"f{k}"), name=f"x{k + 1}")
    return build.build(output=x)


def _arrival(wave: Floats) -> NDArray[np.int64]:
    """The step in which a wave (T, K) comes to each place, the last one if it never does."""
    there = np.abs(wave) > 1e-12
    return np.where(there.any(axis=0), there.argmax(axis=0), len(wave)).astype(np.int64)
