"""Random networks under Wave-PMP, in the engine and in the plain transcription of the algorithm, side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emulator import Network, NetworkBuilder, Resistive, compile_network
from emulator.engine import runtime
from emulator.engine.layout import flatten
from emulator.engine.places import per_node
from emulator.engine.programming import programmed
from emulator.engine.standalone import program
from emulator.graph import ScatteringGraph
from emulator.laws.wave_pmp import WavePMP
from emulator.learning import Learning
from emulator.training.substrate import Substrate
from hwmodels import HardwareModel
from tests.physics.wave_pmp_reference import Algorithm1, Link, Node
from tests.support.wave_pmp_lines import Carrier

#: what waves stay below where nothing diverges
BOUNDED = 100.0
#: what changes less is not sent, by real ports: what is the same up to round-off
THRESHOLD = 1e-9
FUNCTIONS = ("tanh", "relu", "sigmoid", "identity")


@dataclass
class Case:
    """One network, law and data; `metrics` are matrices by row."""

    graph: ScatteringGraph
    law: WavePMP
    inputs: np.ndarray
    targets: np.ndarray
    metrics: list[np.ndarray]
    hold: int
    eta: float
    real: bool = False
    threshold: float = 0.0


def random_network(rng: np.random.Generator, loss: str, deep: bool) -> Network:
    """A chain, or with fan-out, sums and residual blocks where it is `deep`; some layers as wide as those before."""
    build = NetworkBuilder()
    size = int(rng.integers(2, 6))
    here = build.input("x", size)
    penalties: dict[str, Any] = {}
    for k in range(int(rng.integers(1, 4))):
        wide = size if rng.random() < 0.5 else int(rng.integers(2, 6))
        kind = rng.choice(["dense", "residual", "sum"]) if deep else "dense"
        if kind == "residual":
            hidden = int(rng.integers(2, 6))
            inner = rng.normal(size=(hidden, size)) / size**0.5, rng.normal(size=hidden) * 0.1
            outer = rng.normal(size=(size, hidden)) / hidden**0.5, None
            here = build.residual(here, *inner, *outer, activation=str(rng.choice(FUNCTIONS)), name=f"r{k}")
            wide = size
        elif kind == "sum":
            parts = [
                build.dense(here, rng.normal(size=(wide, size)) / size**0.5, activation=str(rng.choice(FUNCTIONS)))
                for _ in range(2)
            ]
            here = build.add(*parts, name=f"a{k}")
        else:
            weight, bias = rng.normal(size=(wide, size)) / size**0.5, rng.normal(size=wide) * 0.1
            here = build.dense(here, weight, bias, activation=str(rng.choice(FUNCTIONS)), name=f"h{k}")
            if rng.random() < 0.5:
                penalties |= {f"h{k}_s": {"weight": 0.1}, f"h{k}": {"state": 0.2}}
        size = wide
    out = build.dense(here, rng.normal(size=(3, size)) / size**0.5, rng.normal(size=3) * 0.1, name="out")
    if rng.random() < 0.5:
        penalties["out"] = {"state": 0.05, "weight": 0.1}
    return build.build(output=out, loss=loss, penalties=penalties)


def bounded_case(seed: int, **settings: Any) -> Case:
    """The first of a row of random cases whose waves stay bounded, as far as the transcription says."""
    for attempt in range(50):
        case = random_case([seed, attempt], **settings)
        with np.errstate(all="ignore"):
            largest = [np.abs(transcribed(case).trace[name]).max() for name in ("x", "lam", "plus", "minus")]
        if np.max(largest) < BOUNDED:
            return case
    raise AssertionError("no case stays bounded")


def random_case(
    seed: int | list[int],
    *,
    steps: int = 400,
    samples: int = 2,
    hardware: HardwareModel | str = "ideal",
    real: bool = False,
) -> Case:
    """A random network, law and data."""
    rng = np.random.default_rng(seed)
    loss = str(rng.choice(["mse", "softmax_cross_entropy"]))
    network = random_network(rng, loss, deep=bool(rng.random() < 0.4))
    plain = compile_network(network)
    form = str(rng.choice(["scalar", "diagonal", "full", "carried"]))
    metrics = []
    for site in plain.sites:
        scale, skew = rng.uniform(1.0, 1.6, site.size), 0.2 * rng.normal(size=(site.size, site.size))
        metrics.append(np.eye(site.size) * scale[0] if form == "scalar" else np.diag(scale) + skew * (form == "full"))
    given: Any = [float(m[0, 0]) if form == "scalar" else np.diag(m) if form == "diagonal" else m for m in metrics]
    law = WavePMP(
        nu=float(rng.choice([0.0, 0.02, 0.1, 0.3])), alpha=float(rng.choice([0.3, 0.6, 1.0])),
        metric="carried" if form == "carried" else given, form=str(rng.choice(["scalar", "diagonal"])), floor=0.1,
        transport=str(rng.choice(["identity", "jacobian"])), load=str(rng.choice(["lagged", "implicit"])),
    )  # fmt: skip
    graph = compile_network(network, law=law, hardware=hardware, seed=int(rng.integers(1000)))
    if form == "carried":
        from emulator.families.wave_pmp.metric import metric_of

        metrics = [np.diag(part) for part in metric_of(graph, law).theta]
    ratio = per_node(graph)
    for k, site in enumerate(graph.sites):
        metrics[k] = metrics[k] * ratio[site.start : site.stop] ** -0.5
    inputs = rng.normal(size=(samples, network.size("x")))
    targets = rng.normal(size=(samples, 3)) if loss == "mse" else rng.dirichlet(np.ones(3), size=samples)
    return Case(graph, law, inputs, targets, metrics, steps // samples, 0.02, real, THRESHOLD * real)


def transcribed(case: Case) -> Algorithm1:
    """The same in NumPy, run to the end."""
    graph, network, law = case.graph, case.graph.network, case.law
    nodes, links = [], []
    for site in graph.sites:
        function = "identity" if site.role == "source" else site.function
        bias = np.zeros(site.size)
        learns = False
        for layer, parameters in network.parameters.items():
            if graph.layer_neurons(layer)[0] == site.start:
                bias, learns = parameters.bias.copy(), True
        penalty = network.penalties.get(site.name)
        nodes.append(Node(site.size, function, bias, learns, 0.0 if penalty is None else penalty.state))
    place = {site.start: k for k, site in enumerate(graph.sites)}
    layout = flatten(graph)
    held = programmed(graph, layout).weight
    for link, block in zip(graph.couplings, layout.blocks, strict=True):
        weight = None if link.layer is None else block.matrix(held)
        penalty = network.penalties.get(link.layer or "")
        links.append(
            Link(
                place[int(link.rows[0])], place[int(link.columns[0])], None if weight is None else weight.copy(),
                link.delay_forward, link.delay_backward, 0.0 if penalty is None else penalty.weight,
            )
        )  # fmt: skip
    run = Algorithm1(
        nodes, links, case.metrics, nu=law.nu, alpha=law.alpha, eta=case.eta, loss=network.loss,
        transport=law.transport, load=law.load, carrier=Carrier(graph, case.threshold) if case.real else None,
    )  # fmt: skip
    for x, y in zip(case.inputs, case.targets, strict=True):
        run.run({0: x}, y, case.hold)
    return run


def learned(case: Case, target: str) -> dict[str, np.ndarray]:
    """Traces of the substrate while it learns at every step."""
    samples = len(case.inputs)
    learning = Learning(Resistive(case.eta * case.hold), "unlocked")
    substrate = Substrate(case.graph, learning, case.hold, samples, 0, case.threshold, target)
    plan = replace(substrate._plan, traces=True)
    values = {**substrate._values(0, loaded=True), **substrate.initial(), "rates": np.ones((samples, 3))}
    feed = np.hstack([case.inputs, case.targets])
    if target == "standalone":
        return program(plan).run(values, feed)[0]
    return runtime.run(plan, values, feed, target)[0]


def difference(case: Case, target: str) -> dict[str, float]:
    """Largest difference of the two, over the largest value, by what was traced."""
    with np.errstate(all="ignore"):
        run, ours = transcribed(case), learned(case, target)
    steps, count = case.hold * len(case.inputs), case.graph.neurons
    theta = np.zeros((count, count))
    for site, part in zip(case.graph.sites, case.metrics, strict=True):
        theta[site.start : site.stop, site.start : site.stop] = part
    traced = {name: ours[f"trace.{name}"][:steps] for name in ("x", "lam")}
    traced["plus"] = np.sqrt(2) * ours["trace.a"][:steps] @ theta.T
    traced["minus"] = np.sqrt(2) * ours["trace.c"][:steps] @ theta.T
    blocks = Substrate(case.graph, Learning(Resistive(1.0), "unlocked"), 1, 1, 0, 0.0, "numpy").layout.blocks
    held = ours["trace.w"][1 : steps + 1]
    rows = [
        held[:, b.first : b.first + b.size].reshape(steps, len(b.rows), len(b.columns)).transpose(0, 2, 1)
        for b in blocks
        if b.layer is not None
    ]
    traced["weights"] = np.hstack([*(part.reshape(steps, -1) for part in rows), ours["trace.bias"][1 : steps + 1]])
    found = {}
    for name, values in traced.items():
        wanted = np.array(run.trace[name])
        found[name] = float(np.abs(values - wanted).max() / max(1.0, np.abs(wanted).max()))
    return found
