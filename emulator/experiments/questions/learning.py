"""What is learned while samples stream, and what approximate curvature is good for at the ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emulator.experiments.claims.base import Curve, Panel
from emulator.experiments.findings import Row, Table
from emulator.experiments.questions.base import Answer, Question, told
from emulator.scenario.experiments import QuestionsConfig
from emulator.scenario.scenario import Scenario
from emulator.scenario.training import PORTS
from emulator.study.points import Ask
from emulator.study.work import Task, Work

_WAVE = {"name": "wave-pmp", "alpha": 1.0}
#: law, schedule, hold and rate of each training
STREAMED: dict[str, tuple[Any, str, float, float]] = {
    "exact descent (matched, settled)": ("matched", "settled", 4.0, 0.05),
    "matched, hold 4": ("matched", "unlocked", 4.0, 0.05),
    "Algorithm 1, nu = 0, hold 8": ({**_WAVE, "nu": 0.0}, "unlocked", 8.0, 0.05),
    "nu = 0.01, hold 8": ({**_WAVE, "nu": 0.01}, "unlocked", 8.0, 0.05),
    "nu = 0.1, hold 8, rate 0.01": ({**_WAVE, "nu": 0.1}, "unlocked", 8.0, 0.01),
    "nu = 0.1, hold 8": ({**_WAVE, "nu": 0.1}, "unlocked", 8.0, 0.05),
}
#: parameters of each port that are tried
TERMINATIONS: dict[str, tuple[dict[str, float], ...]] = {
    "resistive": ({"rate": 0.02}, {"rate": 0.05}, {"rate": 0.1}),
    "inductive": ({"rate": 0.02, "mass": 500.0}, {"rate": 0.05, "mass": 200.0}),
    "gauss-newton": ({"damping": 0.5}, {"damping": 1.0}, {"damping": 3.0}),
    "adaptive": ({"rate": 0.001}, {"rate": 0.003}, {"rate": 0.01}),
}
_GOAL = 0.8


def _stream_asks(scenario: Scenario, section: QuestionsConfig) -> list[Ask]:
    return [
        Ask({"training": name}, learning(section, law, schedule, hold, {"name": "resistive", "rate": rate}),
            name=f"training/{name}")
        for name, (law, schedule, hold, rate) in STREAMED.items()
    ]  # fmt: skip


def learning(section: QuestionsConfig, law: Any, schedule: str, hold: float, port: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a scenario whose digits network learns."""
    return {
        "law": law,
        "network.loss": "softmax_cross_entropy",
        "data.limit": section.tested,
        "run.hold": hold,
        "run.target": "standalone",
        "training": {
            "schedule": schedule,
            "samples": section.samples,
            "evaluate_every": max(1, section.samples // 10),
            "chunk": max(1, section.samples // 10),
            "decay": False,
            "port": dict(port),
            "data": {"source": "digits"},
        },
    }


def learned(work: Work, scenario: Scenario, task: Task, goal: float = _GOAL) -> dict[str, float | None]:
    """Test accuracy and loss at the end of a training, and the samples until the accuracy stays at the goal."""
    result = scenario.train()
    columns = result.history.columns()
    known = ~np.isnan(columns["test_accuracy"])
    accuracy, at = columns["test_accuracy"][known], columns["samples"][known]
    below = np.flatnonzero(~(accuracy >= goal))
    first = 0 if not len(below) else int(below[-1]) + 1
    complete = result.status != "diverged"
    return {
        "accuracy": float(accuracy[-1]) if complete and len(accuracy) else None,
        "loss": float(columns["test_loss"][known][-1]) if complete and len(accuracy) else None,
        "samples": float(at[first]) if complete and first < len(at) else None,
    }


def _stream_answer(section: QuestionsConfig, rows: Sequence[Row]) -> Answer:
    table: Table = [("training", f"test accuracy after {section.samples} samples", f"samples to {_GOAL:.0%}")]
    accuracy = {name: row.metrics["accuracy"] for name, row in zip(STREAMED, rows, strict=True)}
    table += [
        (name, "diverged" if np.isnan(accuracy[name]) else f"{accuracy[name]:.1%}", told(row.metrics["samples"], 4))
        for name, row in zip(STREAMED, rows, strict=True)
    ]
    good = [name for name in STREAMED if not np.isnan(accuracy[name])]
    lost = [name for name in STREAMED if np.isnan(accuracy[name])]
    exact, *others = (f"{accuracy[name]:.1%} ({name})" for name in good)
    return Answer(
        f"It learns while samples stream where transport is weak: {', '.join(others)}, against {exact}. "
        + (f"Diverged: {', '.join(lost)}." if lost else "None diverged."),
        table,
        Panel(
            "training",
            "test accuracy",
            (
                Curve(
                    [float(k) for k, name in enumerate(STREAMED) if name in good],
                    [accuracy[n] for n in good],
                    "one seed",
                ),
            ),
            points=True,
            categories=tuple(STREAMED),
        ),
    )


def _port_asks(scenario: Scenario, section: QuestionsConfig) -> list[Ask]:
    return [
        Ask({"port": name, "how": k}, learning(section, "matched", "settled", 4.0, {"name": name, **how}),
            name=f"terminations/{name}/{k}")
        for name, tried in TERMINATIONS.items()
        if name in PORTS
        for k, how in enumerate(tried)
    ]  # fmt: skip


def _port_answer(section: QuestionsConfig, rows: Sequence[Row]) -> Answer:
    best: dict[str, tuple[dict[str, float], Row]] = {}
    for row in rows:
        name, how = row.axes["port"], TERMINATIONS[row.axes["port"]][int(row.axes["how"])]
        if name not in best or not row.metrics["loss"] >= best[name][1].metrics["loss"]:
            best[name] = how, row
    table: Table = [("port", "best of", "setting", "test loss", "test accuracy", f"samples to {_GOAL:.0%}")]
    for name, (how, row) in best.items():
        setting = ", ".join(f"{key} = {value:g}" for key, value in how.items())
        table.append((name, str(len(TERMINATIONS[name])), setting, told(row.metrics["loss"]),
                      f"{row.metrics['accuracy']:.1%}", told(row.metrics["samples"], 4)))  # fmt: skip
    losses = {name: row.metrics["loss"] for name, (_, row) in best.items()}
    plain, first = losses["resistive"], min(losses, key=lambda name: losses[name])
    return Answer(
        f"After {section.samples} digits, each at its best setting of a few: "
        + ", ".join(f"{name} {loss:.3g}" for name, loss in losses.items())
        + f" (test loss, settled learning). Least: {first}; against the plain resistance {losses[first] / plain:.2f} of the loss.",
        table,
        Panel(
            "port",
            f"test loss after {section.samples} samples",
            (Curve([float(k) for k in range(len(losses))], list(losses.values()), "best setting"),),
            points=True,
            categories=tuple(losses),
        ),
    )


TRAINING = Question(
    title="Does it train?",
    setup="digits, 64-32-10 tanh, cross-entropy, parameters move at every step unless settled, alpha = 1, one seed",
    asks=_stream_asks,
    measure=learned,
    metrics=("accuracy", "loss", "samples"),
    answer=_stream_answer,
)
CURVATURE = Question(
    title="Do terminations by approximate curvature help?",
    setup="digits, 64-32-10 tanh, cross-entropy, matched law, a step after each settling, no decay of rates, one seed",
    asks=_port_asks,
    measure=learned,
    metrics=("accuracy", "loss", "samples"),
    answer=_port_answer,
)
