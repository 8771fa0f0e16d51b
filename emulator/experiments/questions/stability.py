"""Which nu and alpha are stable, and what a change of width does to that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emulator.compile import compile_network
from emulator.experiments.atlas.cells import bias_of, forecast, measure
from emulator.experiments.claims.base import Curve, Panel
from emulator.experiments.findings import Row, Table
from emulator.experiments.questions.base import (
    Answer,
    Question,
    random_network,
    random_sample,
    stable_alphas,
    told,
)
from emulator.laws import WavePMP
from emulator.measure import reference
from emulator.network import Network
from emulator.scenario.experiments import QuestionsConfig
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.work import Task, Work

_NU = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_MIDDLE = (2, 4, 8, 16, 32, 64, 128)
_HORIZON, _TOLERANCE, _ALPHA, _NU_AT_WIDTHS = 400, 1e-3, 0.5, 0.1
#: how far from the boundary it is tried on both sides
_ASIDE = 0.07


def _stability_asks(scenario: Scenario, section: QuestionsConfig) -> list[Ask]:
    return [Ask({"nu": nu}, {}, name=f"stability/{nu:g}") for nu in _NU]


def _stability(work: Work, scenario: Scenario, task: Task) -> dict[str, float | None]:
    nu, network = float(task.name.partition("/")[2]), random_network("stability", [64, 32, 10], "tanh")
    return {**_limits(network, nu, "identity"), "fastest": _fastest(network, nu)}


def _limits(network: Network, nu: float, transport: str) -> dict[str, float | None]:
    """The largest stable alpha, and whether brian2 agrees a little below and above it."""
    x, y = random_sample("stability", network)
    exact = reference(network, x, y)
    limit, island = stable_alphas(network, exact, nu, transport)
    found: dict[str, float | None] = {"limit": limit, "island": island}
    for name, alpha in (("below", (1 - _ASIDE) * limit), ("above", (1 + _ASIDE) * limit or _ALPHA)):
        if alpha > 0 and limit < 2:
            graph = compile_network(network, law=WavePMP(nu, alpha, transport=transport))
            taken = measure(graph, x, y, exact, horizon=_HORIZON, tolerance=_TOLERANCE, target="numpy")
            found[name] = float(np.isfinite(taken.steps))
    return found


def _sides(rows: Sequence[Row]) -> str:
    """How many sides of the boundary brian2 agrees with."""
    right = sum((row.metrics["below"] == 1) + (row.metrics["above"] == 0) for row in rows)
    tried = sum(row.metrics[name] >= 0 for row in rows for name in ("below", "above"))
    return f"brian2 agrees on {right} of {tried} sides"


def _fastest(network: Network, nu: float) -> float | None:
    """The alpha with the shortest predicted settling time, among a few."""
    x, y = random_sample("stability", network)
    exact = reference(network, x, y)
    steps = {}
    for alpha in (0.3, 0.5, 0.7, 0.9, 1.0, 1.1, 1.3):
        graph = compile_network(network, law=WavePMP(nu, float(alpha)))
        steps[float(alpha)] = forecast(graph, exact, horizon=_HORIZON, tolerance=_TOLERANCE).steps
    best = min(steps, key=lambda alpha: steps[alpha])
    return best if np.isfinite(steps[best]) else None


def _stability_answer(section: QuestionsConfig, rows: Sequence[Row]) -> Answer:
    limits = [row.metrics["limit"] for row in rows]
    islands = [f"nu = {nu:g}" for nu, row in zip(_NU, rows, strict=True) if row.metrics["island"] > 0]
    table: Table = [
        ("nu", "largest stable alpha", "unstable from", "settles 7 % below", "settles 7 % above", "fastest alpha")
    ]
    yes = {1.0: "yes", 0.0: "no"}
    for nu, row in zip(_NU, rows, strict=True):
        found = row.metrics
        sides = (yes.get(found[name], "-") for name in ("below", "above"))
        table.append((f"{nu:g}", told(found["limit"]), told(found["island"], 2), *sides, told(found["fastest"], 2)))
    return Answer(
        f"At 64-32-10 with Theta = 1 steps alpha up to {limits[0]:.2f} are stable without transport, up to "
        f"{limits[_NU.index(0.1)]:.2f} at nu = 0.1, {limits[_NU.index(0.5)]:.2f} at 0.5 and {limits[-1]:.2f} at 1"
        + (f", at {' and '.join(islands)} with unstable ones among the smaller" if islands else "")
        + f" ({_sides(rows)} of that boundary, {_ASIDE:.0%} from it). The fastest is alpha = "
        f"{told(rows[0].metrics['fastest'], 2)} without transport, which is also the unbiased one.",
        table,
        Panel(
            "nu",
            "largest stable alpha",
            (Curve(list(_NU), limits, "64-32-10, Theta = 1"), Curve([0.0, 1.0], [1.0, 1.0], "alpha = 1", True)),
        ),
    )


def _width_asks(scenario: Scenario, section: QuestionsConfig) -> list[Ask]:
    return [Ask({"width": middle}, {}, name=f"widths/{middle}") for middle in _MIDDLE]


def _widths(work: Work, scenario: Scenario, task: Task) -> dict[str, float | None]:
    middle = int(task.name.partition("/")[2])
    network = random_network(f"width {middle}", [16, middle, 16], "tanh")
    x, y = random_sample("stability", network)
    exact = reference(network, x, y)
    found = _limits(network, _NU_AT_WIDTHS, "jacobian")
    for name, metric in (("bias", 1.0), ("bias_carried", "carried")):
        law = WavePMP(_NU_AT_WIDTHS, _ALPHA, metric=metric, form="scalar", transport="jacobian")
        found[name] = bias_of(compile_network(network, law=law), exact)
    return found


def _widths_answer(section: QuestionsConfig, rows: Sequence[Row]) -> Answer:
    limits = [row.metrics["limit"] for row in rows]
    equal = limits[_MIDDLE.index(16)]
    never = [str(middle) for middle, limit in zip(_MIDDLE, limits, strict=True) if not limit]
    known = [row.metrics["bias"] for row in rows if row.metrics["limit"]]
    table: Table = [("width between", "largest stable alpha", "gradient error, Theta = 1", "impedance carried, scalar")]
    table += [
        (f"16-{middle}-16", told(row.metrics["limit"]), told(row.metrics["bias"]), told(row.metrics["bias_carried"]))
        for middle, row in zip(_MIDDLE, rows, strict=True)
    ]
    return Answer(
        f"With nu = {_NU_AT_WIDTHS:g} the largest stable alpha of 16-m-16, transmitted by the Jacobian, is {equal:.2f} at equal "
        f"width and {limits[-1]:.2f} at m = {_MIDDLE[-1]}: layers that narrow, or widen little, cost no stability. "
        + (
            f"Bottlenecks of {' and '.join(never)}, whose way out amplifies, are stable at no alpha"
            if never
            else "None is unstable"
        )
        + f" ({_sides(rows)}). The bias of the gradient stays at {min(known):.2g} to {max(known):.2g} where there is a rest; "
        "an impedance that is carried through as a number changes little.",
        table,
        Panel(
            "width m of 16-m-16",
            "largest stable alpha",
            (
                Curve([float(m) for m in _MIDDLE], limits, f"nu = {_NU_AT_WIDTHS:g}, Theta = 1, Jacobian"),
                Curve([float(_MIDDLE[0]), float(_MIDDLE[-1])], [equal, equal], "equal width", True),
            ),
            points=True,
        ),
    )


STABILITY = Question(
    title="Which nu and alpha are stable?",
    setup="law wave-pmp, tanh 64-32-10 with random weights, one sample; the boundary by the linearised step, its sides in brian2",
    asks=_stability_asks,
    measure=_stability,
    metrics=("limit", "island", "below", "above", "fastest"),
    answer=_stability_answer,
)
WIDTHS = Question(
    title="Are junctions that change width stable?",
    setup=f"law wave-pmp, tanh 16-m-16 with random weights, nu = {_NU_AT_WIDTHS:g}; bias at alpha = {_ALPHA:g}",
    asks=_width_asks,
    measure=_widths,
    metrics=("limit", "island", "below", "above", "bias", "bias_carried"),
    answer=_widths_answer,
)
