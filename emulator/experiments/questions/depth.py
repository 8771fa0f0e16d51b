"""What it costs on the clock: solver steps to a gradient, and to an accuracy, against depth, locked and unlocked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from emulator.compile import compile_network
from emulator.experiments.claims.base import Curve, Panel
from emulator.experiments.findings import Row, Table
from emulator.experiments.questions.base import Answer, Floats, Question, random_network, random_sample, told
from emulator.experiments.questions.learning import learned, learning
from emulator.laws import Law, Matched, WavePMP, Worldsheet
from emulator.measure import Reference, SettleResult, reference
from emulator.network import Dense, Network
from emulator.runs.settle import settle
from emulator.scenario.experiments import QuestionsConfig
from emulator.scenario.load import changed
from emulator.scenario.scenario import Scenario
from emulator.study.points import Ask
from emulator.study.work import Task, Work

LAWS: dict[str, Law] = {
    "matched": Matched(),
    "worldsheet, beta = 0.8, gamma = 0.1": Worldsheet(0.8, 0.1, 0.5),
    "Algorithm 1, nu = 0": WavePMP(0.0, 1.0),
    "Algorithm 1, nu = 0.01": WavePMP(0.01, 1.0),
    "Algorithm 1, nu = 0.1": WavePMP(0.1, 1.0, transport="jacobian"),
}
_WIDTH, _GOOD, _LOOKS, _PATIENCE = 8, 0.05, 80, 6
#: test accuracy that a locked training reaches at all default depths with the default samples
_REACHED = 0.4
#: of a training: schedule, law, and its hold as a share of the round trip
_WAYS: dict[str, tuple[str, Any, float]] = {
    "locked": ("settled", "matched", 1.0),
    "unlocked, 3/4 of a round trip": ("unlocked", "matched", 0.75),
    "unlocked, half a round trip": ("unlocked", "matched", 0.5),
    "Algorithm 1, nu = 0, half a round trip": ("unlocked", {"name": "wave-pmp", "nu": 0.0, "alpha": 1.0}, 0.5),
}


def _gradient_asks(scenario: Scenario, section: QuestionsConfig) -> list[Ask]:
    return [
        Ask({"law": law, "depth": depth}, {}, name=f"gradient/{law}/{depth}")
        for law in LAWS
        for depth in section.depths
    ]


def _gradient(work: Work, scenario: Scenario, task: Task) -> dict[str, float | None]:
    """Steps until the gradient stays good: one sample is presented again and again, and read at the end of each hold."""
    _, law, depth = task.name.split("/")
    network = random_network(f"depth {depth}", [_WIDTH] * (int(depth) + 1), "tanh")
    x, y = random_sample(f"depth {depth}", network)
    graph = compile_network(network, law=LAWS[law])
    trip = graph.longest_round_trip
    hold = max(1, _PATIENCE * trip // _LOOKS)
    result = settle(graph, np.repeat(x, _LOOKS, 0), np.repeat(y, _LOOKS, 0), hold=float(hold), target="numpy",
                    diagnose=False)  # fmt: skip
    layers, whole = gradient_errors(network, result, reference(network, x, y))
    worst = layers.max(axis=1)
    return {
        "steps": _for_good(worst, hold),
        "whole": _for_good(whole, hold),
        "trip": float(trip),
        "last": float(worst[-1]) if np.isfinite(worst[-1]) else None,
    }


def _for_good(errors: Floats, hold: int) -> float | None:
    """Steps from which an error stays good; None if it does not."""
    bad = np.flatnonzero(~(errors <= _GOOD))
    first = int(bad[-1]) + 1 if len(bad) else 0
    return float((first + 1) * hold) if first < len(errors) else None


def gradient_errors(network: Network, result: SettleResult, exact: Reference) -> tuple[Floats, Floats]:
    """Errors of the weight gradients of each sample alone against that of the reference's only one, relative.

    Returns
    -------
    layers : (B, K)
    whole : (B,)
        Of all layers together.
    """
    offs, sizes = [], []
    for name, layer in network.layers.items():
        if not isinstance(layer, Dense):
            continue
        (source,) = network.sources(name)
        mu, x = result.held_costates[name], result.held_states[source]
        true_mu, true_x = exact.costates[name][0], exact.states[source][0]
        with np.errstate(over="ignore", invalid="ignore"):
            rise, run = mu - true_mu, x - true_x
            # |mu x' - m v'|^2 with mu = m + rise and x = v + run, whose parts are small where the whole is
            off = (rise**2).sum(axis=1) * (x**2).sum(axis=1) + (true_mu**2).sum() * (run**2).sum(axis=1)
            offs.append(np.maximum(off + 2 * (rise @ true_mu) * (x * run).sum(axis=1), 0.0))
        sizes.append(float((true_mu**2).sum() * (true_x**2).sum()))
    each, size = np.stack(offs, axis=1), np.array(sizes)
    return np.sqrt(each / size), np.sqrt(each.sum(axis=1) / size.sum())


def _gradient_answer(section: QuestionsConfig, rows: Sequence[Row]) -> Answer:
    by = {(row.axes["law"], int(row.axes["depth"])): row.metrics for row in rows}
    table: Table = [("law", *(f"{depth} layers" for depth in section.depths))]
    trips = [by[next(iter(LAWS)), depth]["trip"] for depth in section.depths]
    table.append(("a locked pass, forward and back", *(told(trip, 4) for trip in trips)))
    curves, sentences, early = [], [], []
    for law in LAWS:
        found = [by[law, depth] for depth in section.depths]
        table.append((law, *(_steps(one) for one in found)))
        known = [(depth, one) for depth, one in zip(section.depths, found, strict=True) if one["steps"] > 0]
        curves.append(Curve([float(d) for d, _ in known], [one["steps"] for _, one in known], law))
        early += [one["whole"] / one["trip"] for _, one in known if one["whole"] < one["trip"]]
        reached = ", ".join(f"{one['steps'] / one['trip']:.2g}" for _, one in known)
        where = "" if len(known) == len(found) else f" at {', '.join(str(d) for d, _ in known)} layers, elsewhere never"
        sentences.append(f"{law} {reached} round trips{where}" if known else f"{law} never")
    curves.append(Curve([float(d) for d in section.depths], trips, "a round trip", expected=True))
    first = min((one["steps"] / one["trip"] for one in by.values() if one["steps"] > 0), default=np.inf)
    return Answer(
        f"Until the gradient of every layer is within {_GOOD:.0%} of backpropagation for good, from blank, at "
        f"{section.depths[0]} to {section.depths[-1]} layers: {'; '.join(sentences)}. "
        + f"The earliest of all takes {first:.2g}: for the gradient of every layer unlocking wins next to nothing at any depth, "
        "and what it can win is pipelining. "
        + (f"The gradient as a whole, which the layers next to the output dominate, is there after {min(early):.2g} round "
           "trips at the earliest." if early else ""),
        table,
        Panel("depth (layers)", f"steps to gradients within {_GOOD:.0%}", tuple(curves), log=True, points=True),
    )  # fmt: skip


def _steps(found: Any) -> str:
    if found["steps"] > 0:
        return f"{found['steps']:.0f} (whole: {found['whole']:.0f})"
    return f"never ({found['last']:.0%} off)" if found["last"] == found["last"] else "never"


def _accuracy_asks(scenario: Scenario, section: QuestionsConfig) -> list[Ask]:
    asks = []
    for depth in section.trained_depths:
        blocks = max(1, (depth - 2) // 2)
        network = {"source": "random-residual", "inputs": 64, "outputs": 10, "blocks": blocks, "width": _WIDTH}
        trip = changed(scenario, {"network": network, "law": "matched"}).compile().longest_round_trip
        for way, (schedule, law, share) in _WAYS.items():
            hold = max(1, round(share * trip))
            port = {"name": "resistive", "rate": 0.02}
            keys = {**learning(section, law, schedule, float(hold), port), "network": network}
            del keys["network.loss"]
            keys["training"]["test_hold"] = 2.0 * trip
            asks.append(Ask({"way": way, "depth": depth, "hold": hold}, keys, name=f"accuracy/{way}/{depth}"))
    return asks


def _accuracy_answer(section: QuestionsConfig, rows: Sequence[Row]) -> Answer:
    steps: dict[str, dict[int, float]] = {way: {} for way in _WAYS}
    table: Table = [
        ("way", "depth", "hold (steps)", f"test accuracy after {section.samples} samples", f"steps to {_REACHED:.0%}")
    ]
    for row in rows:
        way, depth, hold = row.axes["way"], int(row.axes["depth"]), int(row.axes["hold"])
        cost = hold * row.metrics["samples"]
        steps[way][depth] = cost
        reached = "diverged" if np.isnan(row.metrics["accuracy"]) else f"{row.metrics['accuracy']:.1%}"
        table.append((way, str(depth), str(hold), reached, told(cost, 6)))
    locked, told_of = steps["locked"], []
    for depth in section.trained_depths:
        others = {way: steps[way][depth] for way in _WAYS if way != "locked" and steps[way][depth] > 0}
        if not others:
            told_of.append(f"at {depth} layers no {'' if not locked[depth] > 0 else 'unlocked '}training gets there")
            continue
        best = min(others, key=lambda way: others[way])
        told_of.append(f"at {depth} layers {others[best]:,.0f} steps at best ({best}), locked "
                       + (f"{locked[depth]:,.0f}" if locked[depth] > 0 else "not at all"))  # fmt: skip
    wins = [
        d
        for d in section.trained_depths
        if any(steps[w][d] > 0 and not steps[w][d] >= locked[d] for w in _WAYS if w != "locked")
    ]
    if wins and len(wins) == len(section.trained_depths):
        crossover = f"Unlocked is ahead at every depth tried, {wins[0]} to {wins[-1]} layers"
    elif wins:
        crossover = f"Unlocked is ahead at {', '.join(map(str, wins))} layers only"
    elif all(locked[d] > 0 for d in section.trained_depths):
        crossover = "There is no crossover: locked is ahead at every depth tried"
    else:
        crossover = "Unlocked is ahead nowhere, and locked does not get there everywhere: more samples would tell"
    curves = tuple(
        Curve([float(d) for d, v in found.items() if v > 0], [v for v in found.values() if v > 0], way)
        for way, found in steps.items()
    )
    ends = [{str(row.axes["way"]): row.metrics["accuracy"] for row in rows if int(row.axes["depth"]) == depth}
            for depth in section.trained_depths]  # fmt: skip
    unlocked = [
        max((value for way, value in end.items() if way != "locked" and value == value), default=np.nan) for end in ends
    ]
    pairs = zip((end["locked"] for end in ends), unlocked, strict=True)
    accuracies = ", ".join(" and ".join("diverged" if v != v else f"{v:.0%}" for v in pair) for pair in pairs)
    return Answer(
        f"Steps to {_REACHED:.0%} on the digits, a locked sample costing a round trip: {'; '.join(told_of)}. {crossover}; it saves at "
        "most the share by which its hold is shorter than the round trip, since in shorter ones the state of one sample meets "
        f"the costate of another. After {section.samples} samples locked and the best unlocked are at {accuracies}.",
        table,
        Panel("depth (layers)", f"steps to {_REACHED:.0%} test accuracy", curves, log=True, points=True),
    )


GRADIENT = Question(
    title="How many steps to a gradient, against depth?",
    setup=f"tanh, {_WIDTH} wide, random weights, one-step lines, one sample from blank; alpha = 1",
    asks=_gradient_asks,
    measure=_gradient,
    metrics=("steps", "whole", "trip", "last"),
    answer=_gradient_answer,
)
ACCURACY = Question(
    title="How many steps to an accuracy, against depth?",
    setup=f"digits on residual networks {_WIDTH} wide, rate 0.02 spread over the hold, one-step lines, one seed",
    asks=_accuracy_asks,
    measure=partial(learned, goal=_REACHED),
    metrics=("accuracy", "loss", "samples"),
    answer=_accuracy_answer,
)
