"""The open questions: what is measured for an answer, what an answer says of what was measured, and the page."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from emulator import Matched, ScenarioError, WavePMP, Worldsheet, compile_network, reference, settle
from emulator.experiments import run_experiment
from emulator.experiments.claims.base import Curve, Panel
from emulator.experiments.claims.figure import draw_panel
from emulator.experiments.findings import Row
from emulator.experiments.questions import base, control, depth, metric, stability
from emulator.experiments.questions.experiment import QUESTIONS
from emulator.measure.stability import spectral_radius
from emulator.report.style import new_figure
from emulator.scenario import load_scenario
from emulator.scenario.experiments import QuestionsConfig
from tests.refusals import refuses

NAN = math.nan


def row(metrics: dict[str, float], **axes: object) -> Row:
    return Row(axes, metrics, (), None, 1.0)


def test_the_gradient_of_every_layer_is_compared_with_backpropagation():
    """By products of small parts, which are the norms of the whole matrices; and the round trip is when the last is right."""
    network = base.random_network("errors", [3, 4, 3, 2], "tanh")
    x, y = base.random_sample("errors", network)
    exact = reference(network, x, y)

    def again(law):
        graph = compile_network(network, law=law)
        return settle(graph, np.repeat(x, 8, 0), np.repeat(y, 8, 0), hold=1.0, target="numpy", diagnose=False)

    result = again(Worldsheet(0.7, 0.2))
    layers, whole = depth.gradient_errors(network, result, exact)
    assert layers.shape == (8, 3)
    for k in (3, 4, 7):
        ours = [np.outer(result.held_costates[f"s{n}"][k], result.held_states[f"x{n - 1}"][k]) for n in (1, 2, 3)]
        true = [exact.gradients[f"s{n}"].weight for n in (1, 2, 3)]
        for n in range(3):
            expected = np.linalg.norm(ours[n] - true[n]) / np.linalg.norm(true[n])
            assert layers[k, n] == pytest.approx(expected, rel=1e-9)
        off = np.sqrt(sum(np.linalg.norm(a - b) ** 2 for a, b in zip(ours, true, strict=True)))
        assert whole[k] == pytest.approx(off / np.linalg.norm(np.concatenate([t.ravel() for t in true])), rel=1e-9)
    layers, _ = depth.gradient_errors(network, again(Matched()), exact)
    assert compile_network(network, law=Matched()).longest_round_trip == 6
    assert layers[5].max() < 1e-12 < 0.1 < layers[4].max()
    assert depth._for_good(layers.max(axis=1), 1) == 6 and depth._for_good(np.array([0.0, 1.0]), 1) is None


def test_the_largest_stable_step_is_the_edge_of_the_spectral_radius():
    network = base.random_network("edge", [4, 5, 3], "tanh")
    exact = reference(network, *base.random_sample("edge", network))
    largest, island = base.stable_alphas(network, exact, 0.1, "identity")
    radii = [
        spectral_radius(compile_network(network, law=WavePMP(0.1, alpha)), exact)
        for alpha in (largest, largest + 2 * base._CLOSE)
    ]
    assert 0.5 < largest < 2 and radii[0] < 1 <= radii[1] and island is None


@pytest.mark.slow
def test_bottlenecks_whose_way_out_amplifies_have_no_stable_step():
    found = stability._widths(None, None, type("Task", (), {"name": "widths/2"}))
    assert found["limit"] == 0 and found["above"] == 0 and "below" not in found
    assert stability._sides([row({"limit": 0.0, "below": NAN, "above": 0.0})]) == "brian2 agrees on 1 of 1 sides"


def test_a_tuned_metric_has_less_bias_than_one():
    network = metric.NETWORKS[metric.EVEN]("even")
    exact = reference(network, *base.random_sample("even", network))
    theta = metric._tuned(network, exact)
    biases = [metric.bias_of(metric._graph(network, {"metric": value}), exact) for value in (theta, 1.0)]
    assert biases[0] < biases[1]
    carried = metric._graph(network, {"metric": "carried"})
    assert metric.bias_of(carried, exact) < 1e-9


def accuracy_rows(unlocked: float, locked: float = 500.0) -> list[Row]:
    return [
        row({"accuracy": 0.9, "samples": {"locked": locked}.get(way, unlocked)}, way=way, depth=layers,
            hold={"locked": 8}.get(way, 6))
        for layers in (4, 16)
        for way in depth._WAYS
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("unlocked", "words"),
    [
        (500.0, "Unlocked is ahead at every depth tried, 4 to 16 layers"),
        (700.0, "There is no crossover: locked is ahead at every depth tried"),
        (NAN, "at 4 layers no unlocked training gets there"),
        (NAN, "There is no crossover: locked is ahead at every depth tried"),
    ],
)
def test_the_crossover_is_told_as_measured(unlocked, words):
    section = QuestionsConfig(trained_depths=[4, 16])
    assert words in depth._accuracy_answer(section, accuracy_rows(unlocked)).sentence


def test_where_no_training_gets_there_nobody_is_ahead():
    section = QuestionsConfig(trained_depths=[4, 16])
    said = depth._accuracy_answer(section, accuracy_rows(NAN, NAN)).sentence
    assert "at 4 layers no training gets there" in said and "no crossover" not in said
    assert "Unlocked is ahead nowhere, and locked does not get there everywhere" in said


def test_what_is_ahead_in_steps_may_end_lower():
    found = accuracy_rows(400.0)
    for one in found:
        if one.axes["way"] != "locked":
            one.metrics["accuracy"] = 0.5 if one.axes["depth"] == 4 else NAN
    said = depth._accuracy_answer(QuestionsConfig(trained_depths=[4, 16]), found).sentence
    assert "locked and the best unlocked are at 90% and 50%, 90% and diverged" in said


def test_categories_are_named_on_their_axis():
    panel = Panel("port", "loss", (Curve([0.0, 1.0], [1.0, 2.0], "best"),), points=True, categories=("plain", "mass"))
    axes = new_figure("t").subplots()
    draw_panel(axes, panel)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["plain", "mass"]


def test_the_page_has_every_answer_with_its_table(tmp_path):
    few = ['questions.ask=["gradient"]', "questions.depths=[1, 2]"]
    report = run_experiment(load_scenario("open-questions", few), tmp_path / "out", workers=1)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    (found,) = results["questions"]
    text = (tmp_path / "out" / "questions.md").read_text()
    assert found["name"] == "gradient" and found["answer"] in text and "## How many steps to a gradient" in text
    by = {line[0]: line[1:] for line in found["table"]}
    assert by["a locked pass, forward and back"] == ["2", "4"]
    assert by["matched"] == ["2 (whole: 2)", "4 (whole: 4)"]
    assert by["Algorithm 1, nu = 0.1"][1].startswith("never (")
    assert "| matched | 2 (whole: 2) | 4 (whole: 4) |" in text
    assert {"questions.png", "questions.md", "points.sqlite"} <= set(report.files) and not report.troubles


def test_every_question_of_the_scenario_has_points():
    scenario = load_scenario("open-questions", ["questions.trained_depths=[4, 6]"])
    for name, question in QUESTIONS.items():
        asks = list(question.asks(scenario, scenario.config.questions))
        assert asks and all(ask.name.startswith(f"{name}/") for ask in asks)
        assert len({ask.name for ask in asks}) == len(asks)


@pytest.mark.slow
def test_questions_that_train_are_answered(tmp_path):
    few = [
        "questions.ask=['training', 'accuracy', 'terminations']",
        "questions.trained_depths=[4, 6]",
        "questions.samples=200",
        "questions.tested=40",
    ]
    report = run_experiment(load_scenario("open-questions", few), tmp_path / "out")
    assert len(report.findings.data["questions"]) == 3 and not report.troubles


def test_unknown_questions_and_missing_sections_are_refused(tmp_path):
    refuses("scenario 'open-questions': questions.ask: unknown question 'metrics' (did you mean 'metric'?)",
            lambda: run_experiment(load_scenario("open-questions", ['questions.ask=["metrics"]']), tmp_path / "out"),
            ScenarioError)  # fmt: skip
    refuses("scenario 'digits': questions needs its section; allowed: a scenario with one",
            lambda: run_experiment(load_scenario("digits"), tmp_path / "out", kind="questions"), ScenarioError)  # fmt: skip


def test_controls_are_told_by_law_and_transport():
    found = {"matched": 1e-12, "0": 2e-12, "0.001": 0.01, "0.003": 0.03, "0.01": 0.1}
    rows = [
        row({"control": off * n / 20, "excess": off**2, "steps": 100.0 * n}, way=way, steps=n)
        for n in (10, 20)
        for way, off in found.items()
    ]
    answer = control._answer(QuestionsConfig(), rows)
    assert "find them within 2e-12" in answer.sentence
    assert "1.0% at nu = 0.001, 3.0% at nu = 0.003, 10.0% at nu = 0.01 (the cost there 0.01 above" in answer.sentence
    assert answer.table[-1] == ("wave-pmp, nu = 0.01", "20", "0.1", "0.01", "2000")


def test_the_control_question_is_answered_against_riccati():
    found = control._measured(None, None, type("Task", (), {"name": "control/5/matched"}))
    assert found["control"] < 1e-8 and abs(found["excess"]) < 1e-12 and found["steps"] % 14 == 0
