"""A study measures what its network and hardware have, refuses targets they cannot meet, and takes errors for errors."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import StudyError
from emulator.cli import app
from emulator.measure.fit import fit
from emulator.scenario.load import changed
from emulator.study.load import load_study
from emulator.study.report import read_evidence, report_of
from emulator.study.run import planned, run_study
from emulator.study.store import Store
from tests.refusals import refuses
from tests.support.small import BASE, STUDY, write

REGRESSION = BASE.replace('loss = "softmax_cross_entropy"', 'loss = "mse"')
#: ages below 1 s are outside what the devices were fitted to: such points end in an error
AGES = """
metrics = ["gradient_cosine", "settled_fraction"]
[study]
title = "Ages"
[base]
scenario = "small.toml"
[base.overrides]
hardware.model = "pcm-crossbar"
substrate.rounding = "nearest"
[[axes]]
key = "run.age"
values = {ages}
[repeats]
chips = 2
images = 1
[targets]
settled_fraction = {{ min = 0.5 }}
[tolerance]
share = 0.5
chips = 6
halvings = 1
[[tolerance.knobs]]
key = "run.age"
good = 0.0
bad = 100.0
"""


FACTORS = """
metrics = ["settled_fraction"]
[study]
title = "Factors"
[base]
scenario = "small.toml"
[base.overrides]
substrate.rounding = "nearest"
[[axes]]
key = "hardware.scale.weights"
values = [1.0, 2.0]
[[axes]]
key = "hardware.model"
values = ["ideal", "pcm-crossbar"]
[repeats]
chips = 1
images = 1
"""


def test_a_factor_of_an_axis_leaves_technologies_without_errors_as_they_are(tmp_path: Path) -> None:
    study, plan = planned(load_study(write(tmp_path, FACTORS)), tmp_path / "none.sqlite", lambda text: None)
    found = {}
    for ask in plan.asks:
        scenario = changed(study.scenario, ask.changes)
        found[ask.axes["hardware.model"], ask.axes["hardware.scale.weights"]] = scenario.config.hardware.build(tmp_path)
    assert len(found) == 4
    assert found["ideal", 1.0] == found["ideal", 2.0]
    once, twice = (found["pcm-crossbar", factor].weights.drift for factor in (1.0, 2.0))
    assert twice.exponent_mean.intercept == 2 * once.exponent_mean.intercept


def test_the_fit_of_outputs_is_what_its_words_say() -> None:
    targets = np.array([[0.0, 1.0], [2.0, 5.0]])
    assert fit("mse", targets, targets) == {"loss": 0.0, "rmse": 0.0, "r2": 1.0}
    mean = np.broadcast_to(targets.mean(axis=0), targets.shape)
    found = fit("mse", mean, targets)
    assert found["r2"] == 0.0 and found["loss"] == pytest.approx(2.5) and found["rmse"] == pytest.approx(math.sqrt(2.5))
    assert fit("mse", targets[:1], targets[:1])["r2"] is None  # targets that do not vary explain nothing
    assert fit("mse", targets * np.nan, targets) == dict.fromkeys(("loss", "rmse", "r2"))
    assert fit("mse", targets, None) == dict.fromkeys(("loss", "rmse", "r2"))
    assert set(fit("softmax_cross_entropy", targets, np.eye(2))) == {"loss", "rmse", "r2"}


def test_a_regression_has_scores_of_its_own(tmp_path: Path) -> None:
    metrics = '"loss", "rmse", "r2", "output_error"'
    study = STUDY.replace('"accuracy"', metrics) + "r2 = { max = 1.0 }\noutput_error = { max = 1e-9 }\n"
    store = tmp_path / "s.sqlite"
    run_study(
        load_study(write(tmp_path, study.replace("values = [0.0, 0.2]", "values = [0.0]"), REGRESSION)),
        store,
        workers=1,
    )
    with Store(store) as reader:
        found = reader.metrics()
    assert np.isfinite([found[name] for name in ("loss", "rmse", "r2", "output_error")]).all()
    np.testing.assert_allclose(found["loss"], found["rmse"] ** 2)  # two outputs, half their squares
    answers = CliRunner().invoke(app, ["run", str(tmp_path / "small.toml"), "--out", str(tmp_path / "out")])
    assert answers.exit_code == 0, answers.output
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["fit"]["substrate"]["rmse"] == pytest.approx(results["fit"]["digital"]["rmse"])
    assert "rmse" in answers.output and results["predictions"] is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("gradient_cosine = {", "accuracy = {", "targets.accuracy cannot be met: accuracy is of a classification"),
        (
            "gradient_cosine = { min = 0.9",
            "energy = { max = 0.9",
            "targets.energy cannot be met: hardware 'ideal' has no",
        ),
    ],
)
def test_a_target_that_cannot_be_measured_is_refused_before_anything_runs(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    study, store = load_study(write(tmp_path, STUDY.replace(old, new), REGRESSION)), tmp_path / "s.sqlite"
    refuses(f"study 'study': {words}", lambda: run_study(study, store, workers=1), StudyError)
    with pytest.raises(StudyError, match=r"metrics that can be had: loss, rmse, r2, output_error, gradient_cosine"):
        run_study(study, store, workers=1)
    assert not store.exists()


def test_gradients_need_targets(tmp_path: Path) -> None:
    inputs = np.ones((2, 3))
    np.savez(tmp_path / "data.npz", inputs=inputs)
    base = REGRESSION.replace('source = "random"\nsamples = 3', 'source = "file"\npath = "data.npz"')
    study = load_study(write(tmp_path, STUDY, base))
    refuses(
        "study 'study': targets.gradient_cosine cannot be met: gradient_cosine needs targets, and the data have none",
        lambda: run_study(study, tmp_path / "s.sqlite", workers=1),
        StudyError,
    )


def test_targets_for_another_task_are_left_out(tmp_path: Path) -> None:
    both = STUDY.replace('"accuracy"', '"accuracy", "r2"').replace("chips = 2", "chips = 1") + (
        'accuracy = { min = 0.5, task = "classification" }\nr2 = { max = 1.0, task = "regression" }\n'
    )
    told: list[str] = []
    run_study(
        load_study(write(tmp_path, both, REGRESSION)), tmp_path / "s.sqlite", workers=1, limit=1, warn=told.append
    )
    evidence = read_evidence(tmp_path / "s.sqlite")
    assert evidence.targets == {"gradient_cosine": {"min": 0.9}, "r2": {"max": 1.0}} and not told
    assert set(evidence.metrics) == {"gradient_cosine", "r2", "settled_fraction", "energy"}


def test_points_that_end_in_an_error_are_neither_good_nor_bad(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    run_study(load_study(write(tmp_path, AGES.format(ages="[0.0, 100.0]"))), store, workers=1)
    evidence = read_evidence(store)
    assert evidence.failed.tolist() == [True, True, False, False]
    (good,) = evidence.yields
    assert good.axes == {"run.age": 100.0} and (good.met, good.total) == (2, 2)
    head = report_of(evidence).head
    assert head.answer == "Yes" and head.sentence.endswith(
        "2 points ended in an error and are not counted (see Failures)."
    )
    (found,) = evidence.tolerances
    assert found.value is None and found.detail["verdict"] == "could not be made"
    tile = head.tiles[-1]
    assert tile.cell.text == "cannot tell" and "6 of 6 points at 0" in tile.note and "age" in tile.note
    done = CliRunner().invoke(
        app, ["study", str(tmp_path / "study.toml"), "--store", str(store), "--resume", "-w", "1"]
    )
    assert "the search could not be made: 6 of 6 points at 0 s" in " ".join(done.output.split())


def test_a_study_of_nothing_but_errors_cannot_tell(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    study = AGES[: AGES.index("[tolerance]")].format(ages="[0.0, 0.5]")
    run_study(load_study(write(tmp_path, study)), store, workers=1)
    evidence = read_evidence(store)
    assert report_of(evidence).head.answer == "Cannot tell" and not evidence.yields
