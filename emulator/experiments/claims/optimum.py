"""Claims about what the waves come to: backpropagation at rest, and gradient descent at matched parameter ports."""

from __future__ import annotations

import numpy as np

from emulator.compile import compile_network
from emulator.experiments.claims.base import Bench, Claim, Curve, Floats, Origin, Panel, floats, traces
from emulator.laws import Bilateral, Law, Matched, SeriesRC, Worldsheet
from emulator.learning import Inductive, ParameterPort, RateSchedule, Resistive
from emulator.measure import Reference, SettleResult, reference
from emulator.measure.rest import operating_point
from emulator.network import Network
from emulator.runs.settle import settle
from emulator.runs.train import train
from emulator.training import TrainResult
from emulator.training.baselines import baseline
from emulator.training.streams import open_stream
from hwmodels import rng

#: laws under which the network must come to rest at backpropagation, and their holds in steps
LAWS: dict[str, tuple[Law, int]] = {
    "matched": (Matched(), 120),
    "worldsheet": (Worldsheet(beta=0.6, gamma=0.1, impedance=0.3), 400),
    "bilateral": (Bilateral(impedance=0.8, taper=4.0, far_end=SeriesRC()), 900),
}
_RATE, _EPOCHS, _SAMPLES, _CHUNK = 0.02, 2, 12, 4


def relaxes_to_the_optimum(bench: Bench) -> Claim:
    """One sample under three laws: at rest states, costates and gradients are those of backpropagation."""
    inputs, targets = _first(bench)
    exact = reference(bench.network, inputs, targets)
    curves, errors = [], []
    for name, (law, hold) in LAWS.items():
        graph = compile_network(bench.network, law=law, hardware=bench.hardware, seed=bench.seed)
        seconds = hold * graph.step
        result = settle(
            graph, inputs, targets, hold_seconds=seconds, traces=True, target="numpy", diagnose=False, tolerance=1e-9
        )
        found = result.errors(exact)
        errors.append(max(found[key] for key in ("state", "costate", "gradient")) if result.settled.all() else np.nan)
        far = np.maximum(_deviation(result, exact), 1e-16)
        curves.append(Curve(floats(np.arange(1, hold + 1)), floats(far), name))
    return Claim(
        name="Relaxation to the optimum",
        statement="The waves come to rest where both residuals vanish: exactly the forward pass and backpropagation.",
        origin=Origin.OURS,
        source="of the laws matched, worldsheet and bilateral; the equations of rest are the paper's (2)-(4), (50)-(52)",
        equation="dx/dt = f and dlam/dt = -dH/dx at rest: x_k = phi(W x_{k-1} + b), lam_{k-1} = W^T phi'(s_k) lam_k",
        setup=f"{graph.neurons} neurons, lines of 1 to {graph.longest_delay} steps, laws {', '.join(LAWS)}",
        measure="largest error of a state, of a costate, and of the gradient (relative)",
        measured=float(np.max(errors)),
        tolerance=1e-7,
        panel=Panel("time (steps)", "deviation from backpropagation\n(relative)", tuple(curves), log=True),
    )


def _first(bench: Bench) -> tuple[dict[str, Floats], Floats]:
    """The first sample."""
    given = bench.inputs if isinstance(bench.inputs, dict) else {bench.network.inputs[0]: bench.inputs}
    return {name: np.asarray(rows)[:1] for name, rows in given.items()}, np.asarray(bench.targets)[:1]


def _deviation(result: SettleResult, exact: Reference) -> Floats:
    """Largest deviation of a costate from backpropagation over the largest magnitude in its row, at every step, (T,)."""
    graph = result.graph
    rest = np.abs(operating_point(graph, exact).lam)
    scale = np.concatenate([np.full(site.size, rest[site.start : site.stop].max()) for site in graph.sites])
    return np.asarray((np.abs(traces(result).lam - operating_point(graph, exact).lam) / scale).max(axis=1))


def descent_is_matched(bench: Bench) -> Claim:
    """A linear regression, learned by matched ports and by ports with a mass, beside descent in NumPy."""
    draws = rng(bench.seed, "claims", "descent")
    network = Network.mlp([draws.normal(size=(3, 5)) / 2], [draws.normal(size=3)], "identity")
    inputs = draws.normal(size=(_SAMPLES, 5))
    targets = inputs @ draws.normal(size=(5, 3)) + 0.5

    def learn(port: ParameterPort) -> TrainResult:
        return train(network, inputs, targets, port=port, epochs=_EPOCHS, chunk=_CHUNK, target="numpy", seed=bench.seed)

    matched, massive = learn(Resistive(_RATE)), learn(Inductive(_RATE, 2 / _RATE))
    stream = open_stream(network, inputs, targets, order="epochs", seed=bench.seed)
    exact = baseline("descent", network, stream, _RATE, RateSchedule(), _SAMPLES * _EPOCHS)
    ours, theirs = (one.parameters["s1"] for one in (matched.network, exact))
    strayed = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, theirs, strict=True))
    powers, other = matched.history.columns(), massive.history.columns()
    reflected = float((powers["reflected"] / powers["available"]).max())
    time = floats(powers["samples"])
    shares = {"matched port": powers, "port with a mass in series": other}
    curves = tuple(
        Curve(time, floats(np.maximum(columns["reflected"] / columns["available"], 1e-33)), name)
        for name, columns in shares.items()
    )
    return Claim(
        name="Gradient descent is the matched port",
        statement="A weight that moves by gradient descent is a port that reflects nothing, however far from the optimum.",
        origin=Origin.PROVED,
        source="Theorem 4.4, with Z = R = 1/rate",
        equation="dw/dtau = e/R, e = -dLoss/dw: reflected wave (e - R dw/dtau)/2 = 0",
        setup=f"linear regression 5-3, {_SAMPLES} samples, {_EPOCHS} epochs, rate 1/R = {_RATE:g}",
        measure="larger of reflected over available power, and deviation of the weights from descent (relative)",
        measured=max(reflected, strayed),
        tolerance=1e-9,
        panel=Panel("samples", "reflected over available power\nat the parameter ports", curves, log=True),
    )


def heavy_ball_has_mass(bench: Bench) -> Claim:
    """A linear regression, learned by ports with a mass, beside the heavy ball in NumPy."""
    draws = rng(bench.seed, "claims", "heavy ball")
    start = draws.normal(size=(3, 5)) / 2
    network = Network.mlp([start], None, "identity")
    inputs = draws.normal(size=(_SAMPLES, 5))
    targets = inputs @ draws.normal(size=(5, 3))
    mass, strayed, curves = 4 / _RATE, 0.0, []
    learned = train(
        network, inputs, targets, port=Inductive(_RATE, mass), epochs=_EPOCHS, chunk=_CHUNK, target="numpy",
        seed=bench.seed,
    ).network.parameters["s1"]  # fmt: skip
    feed = open_stream(network, inputs, targets, order="epochs", seed=bench.seed).rows(0, _SAMPLES * _EPOCHS)
    weight, bias = start.copy(), np.zeros(3)
    flow, drift = np.zeros_like(weight), np.zeros_like(bias)
    for row in feed:
        x, y = row[:5], row[5:]
        miss = weight @ x + bias - y
        # L dw'' = -R dw' - dJ/dw, a step a sample
        flow += (-np.outer(miss, x) - flow / _RATE) / mass
        drift += (-miss - drift / _RATE) / mass
        weight, bias = weight + flow, bias + drift
    for ours, theirs in ((learned.weight, weight), (learned.bias, bias)):
        strayed = max(strayed, float(np.abs(ours - theirs).max() / np.abs(theirs).max()))
        curves += [float(value) for value in ours.ravel()]
    exact = floats(np.concatenate([weight.ravel(), bias]))
    return Claim(
        name="A mass is momentum",
        statement="A weight whose port has a mass beside its resistance moves as a heavy ball.",
        origin=Origin.STATED,
        source="(72), with Z(s) = R + s L",
        equation="-dLoss/dw = R dw/dtau + L d2w/dtau2",
        setup=f"linear regression 5-3, {_SAMPLES} samples, {_EPOCHS} epochs, rate 1/R = {_RATE:g}, L = {mass:g}",
        measure="largest deviation of weights and biases from the heavy ball (relative)",
        measured=strayed,
        tolerance=1e-9,
        panel=Panel(
            "heavy ball in NumPy",
            "learned by ports with a mass",
            (Curve(exact, curves, "weights and biases"), Curve(sorted(exact), sorted(exact), "equal", expected=True)),
            points=True,
        ),
    )
