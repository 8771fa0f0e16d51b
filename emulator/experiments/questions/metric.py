"""What a metric is good for: the impedance carried through layers against 1, and against a tuned one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from emulator.compile import compile_network
from emulator.errors import EngineError
from emulator.experiments.atlas.cells import bias_of, measure
from emulator.experiments.claims.base import Curve, Panel
from emulator.experiments.findings import Row, Table
from emulator.experiments.questions.base import Answer, Question, random_network, random_sample, told
from emulator.families.wave_pmp import carried
from emulator.graph import ScatteringGraph
from emulator.laws import WavePMP
from emulator.measure import Reference, reference
from emulator.measure.stability import spectral_radius
from emulator.network import Network
from emulator.scenario.experiments import QuestionsConfig
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.work import Task, Work
from hwmodels import rng


def _linear(name: str) -> Network:
    """Three layers of 16 without bias, whose singular values are within a factor 2."""
    draws = rng(0, "questions", name)
    turns = [np.linalg.svd(draws.normal(size=(16, 16)))[::2] for _ in range(3)]
    return Network.mlp([u @ np.diag(draws.uniform(0.7, 1.4, 16)) @ v for u, v in turns], None, "identity")


EVEN, LINEAR, BENT, NARROW = "linear, even, 16 wide", "linear, random, 16 wide", "tanh, 16 wide", "tanh, 64-32-10"
NETWORKS: dict[str, Callable[[str], Network]] = {
    EVEN: _linear,
    LINEAR: lambda name: random_network(name, [16] * 4, "identity", biased=False),
    BENT: lambda name: random_network(name, [16] * 5, "tanh"),
    NARROW: lambda name: random_network(name, [64, 32, 10], "tanh"),
}
METRICS = ("Theta = 1", "tuned", "carried, scalar", "carried, diagonal", "carried, full", "carried at the rest")
_NU, _ALPHA, _HORIZON, _TOLERANCE = 0.1, 0.5, 1000, 1e-3
_SLOWEST = 0.995


def _asks(scenario: Scenario, section: QuestionsConfig) -> list[Ask]:
    return [
        Ask({"network": network, "metric": metric}, {}, name=f"metric/{network}/{metric}")
        for network in NETWORKS
        for metric in METRICS
    ]


def _measured(work: Work, scenario: Scenario, task: Task) -> dict[str, float | None]:
    _, name, metric = task.name.split("/")
    network = NETWORKS[name](name)
    x, y = random_sample(name, network)
    exact = reference(network, x, y)
    theta = _tuned(network, exact) if metric == "tuned" else None
    graph = _graph(network, _metric(network, x, metric) if theta is None else {"metric": theta})
    taken = measure(graph, x, y, exact, horizon=_HORIZON, tolerance=_TOLERANCE, target="numpy")
    return {"theta": theta, "bias": bias_of(graph, exact), "gradient": taken.gradient, "steps": taken.steps}


def _graph(network: Network, how: dict[str, Any]) -> ScatteringGraph:
    return compile_network(network, law=WavePMP(_NU, _ALPHA, transport="jacobian", load="implicit", **how))


def _metric(network: Network, x: Any, name: str) -> dict[str, Any]:
    """Keywords of the law."""
    if name == "Theta = 1":
        return {"metric": 1.0}
    if name == "carried at the rest":
        return {"metric": carried(compile_network(network), x)}
    return {"metric": "carried", "form": name.removeprefix("carried, ")}


def _tuned(network: Network, exact: Reference) -> float:
    """The number with the least bias among those that are stable."""
    found: dict[float, float] = {}
    for theta in np.geomspace(0.5, 4.0, 13):
        graph = _graph(network, {"metric": float(theta)})
        try:
            if spectral_radius(graph, exact) < _SLOWEST:
                bias = bias_of(graph, exact)
                found |= {float(theta): bias} if np.isfinite(bias) else {}
        except EngineError:
            continue
    return min(found, key=lambda theta: found[theta]) if found else 1.0


def _answer(section: QuestionsConfig, rows: Sequence[Row]) -> Answer:
    by = {(row.axes["network"], row.axes["metric"]): row.metrics for row in rows}
    table: Table = [("network", "metric", "gradient error", "computed", "steps")]
    table += [
        (network, f"{metric} (Theta = {found['theta']:.2g})" if metric == "tuned" else metric,
         told(found["gradient"]) if found["steps"] < np.inf else "does not settle", told(found["bias"]),
         told(found["steps"], 4))
        for (network, metric), found in by.items()
    ]  # fmt: skip
    even, linear, bent, narrow = (
        {metric: found["gradient"] if (found := by[name, metric])["steps"] < np.inf else np.inf for metric in METRICS}
        for name in NETWORKS
    )
    full = "carried, full"
    stiff = "does not settle" if linear[full] == np.inf else f"leaves {linear[full]:.1g}"
    places = [float(k) for k in range(len(METRICS))]
    return Answer(
        f"Error of the gradient at nu = {_NU:g}. In linear layers without bias and of even gain the carried impedance leaves "
        f"{even[full]:.1g} of {even['Theta = 1']:.2g} with Theta = 1 (a single tuned number: {even['tuned']:.2g}). It is only as good "
        f"as its condition: through random square matrices it {stiff} within {_HORIZON} steps, where a tuned number gets to "
        f"{linear['tuned']:.2g}. Bent layers keep a bias: 16 wide, 4 layers, {bent['Theta = 1']:.2g} with 1, "
        f"{bent['tuned']:.2g} tuned, {_best(bent)} carried; 64-32-10, which narrows, {narrow['Theta = 1']:.2g}, "
        f"{narrow['tuned']:.2g} and {_best(narrow)}. For networks that bend, tune a number.",
        table,
        Panel(
            "metric",
            "error of the gradient (settled)",
            tuple(
                Curve(
                    [p for p, m in zip(places, METRICS, strict=True) if found[m] < np.inf],
                    [max(found[m], 1e-16) for m in METRICS if found[m] < np.inf],
                    name,
                )
                for name, found in zip(NETWORKS, (even, linear, bent, narrow), strict=True)
            ),
            log=True,
            points=True,
            categories=METRICS,
        ),
    )


def _best(found: dict[str, float]) -> str:
    """The least error of the carried impedances that settle."""
    metric = min(METRICS[2:], key=lambda metric: found[metric])
    return f"{found[metric]:.2g} at best ({metric})" if found[metric] < np.inf else "never settled"


METRIC = Question(
    title="Which metric?",
    setup=f"law wave-pmp, transport by the Jacobian, implicit load (as printed it diverges for large impedances), nu = {_NU:g}, "
    f"alpha = {_ALPHA:g}, one sample; tuned: least bias of 13 numbers",
    asks=_asks,
    measure=_measured,
    metrics=("theta", "bias", "gradient", "steps"),
    answer=_answer,
)
