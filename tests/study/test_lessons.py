"""Studies that train: what is learned beside exact descent, by which devices, and what the page says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emulator import Network, NetworkBuilder, train
from emulator.learning import Coincidence, MixedPrecision, Resistive
from emulator.measure.ranges import Ranges
from emulator.network.scratch import from_scratch
from emulator.scenario.own_port import fitting_port
from emulator.study.evidence import read_evidence
from emulator.study.lessons import LESSONS, Lesson
from emulator.study.load import load_study
from emulator.study.metrics import METRICS, Target, meets
from emulator.study.pace import Kind, Pace
from emulator.study.report import report_of, study_page
from emulator.study.run import run_study
from hwmodels import load

NEEDED = Ranges(3.0, 2.0, 0.8)
SCENARIO = """
title = "small"
[network]
source = "trained"
hidden = [3]
l2 = 1.0
[network.data]
source = "diabetes"
scale = "standard"
[data]
source = "diabetes"
scale = "standard"
[law]
name = "matched"
[hardware]
model = "ideal"
[run]
target = "numpy"
[training]
start = "scratch"
samples = 60
evaluate_every = 30
chunk = 30
port = { name = "own", rate = 0.02 }
[training.data]
source = "diabetes"
scale = "standard"
"""
STUDY = """
metrics = ["training_share", "training_r2", "training_accuracy", "descent_score", "digital_score", "chance_score", "steps_to_target",
  "time_to_target", "energy_to_target", "writes_per_weight", "worn_out", "gradient_cosine"]
[study]
title = "Small"
[base]
scenario = "small.toml"
rate = "best"
[[axes]]
key = "hardware.model"
values = ["ideal", "deaf.toml"]
[repeats]
chips = 3
trained = 2
images = 2
[targets]
training_share = { min = 0.9 }
gradient_cosine = { min = 0.5 }
"""
DEAF = """
name = "deaf"
base = "ideal"
[noise]
receiver = 30.0
"""


def test_from_scratch_draws_what_learns_and_keeps_what_does_not() -> None:
    rng = np.random.default_rng(0)
    builder = NetworkBuilder()
    x = builder.input("x", 400)
    h = builder.dense(x, rng.normal(size=(300, 400)), rng.normal(size=300), name="h", activation="tanh")
    fixed = rng.normal(size=(2, 300))
    network = builder.build(output=builder.dense(h, fixed, name="y", trainable=False), loss="mse")
    fresh = from_scratch(network, 2.0, 1)
    learned, kept = fresh.parameters.values()
    assert learned.weight.std() == pytest.approx(2 / 20, rel=0.02) and not learned.bias.any()
    assert np.array_equal(kept.weight, fixed)
    assert fresh == from_scratch(network, 2.0, 1) != from_scratch(network, 2.0, 2)


def test_places_of_a_kernel_draw_together() -> None:
    builder = NetworkBuilder()
    image = builder.input("x", 16)
    top = builder.conv(image, (1, 4, 4), np.ones((2, 1, 3, 3)), name="c")
    network = builder.build(output=top, loss="mse")
    layer = network.dense["c"]
    weight = from_scratch(network, 1.0, 0).dense["c"].weight
    assert layer.devices is not None and layer.kernel is not None
    assert not weight[~layer.devices].any()
    assert len(np.unique(weight[layer.devices])) == 18


@pytest.mark.parametrize(
    ("preset", "pulsed", "summed", "kind"),
    [
        ("ideal", False, False, Resistive),
        ("loihi2", False, False, MixedPrecision),
        ("pcm-crossbar", False, False, MixedPrecision),
        ("pcm-crossbar", True, False, Coincidence),
        ("pcm-crossbar", True, True, MixedPrecision),
    ],
)
def test_weights_learn_by_what_holds_them(preset: str, pulsed: bool, summed: bool, kind: type) -> None:
    hardware = load(preset)
    if pulsed:
        hardware = hardware.replace({"weights.update.pulses": 100})
    port = fitting_port(hardware, {"rate": 0.1}, lambda: NEEDED, summed)
    assert type(port) is kind
    if not isinstance(port, Resistive):
        assert port.w_max == pytest.approx(1.2)  # room of a half above what is needed


def test_targets_of_a_training_are_not_asked_of_chips_that_are_not_trained() -> None:
    targets = [Target("training_share", low=0.9), Target("gradient_cosine", low=0.5)]
    values = {"training_share": np.array([1.0, 0.2, np.nan, np.nan]), "gradient_cosine": np.array([1.0, 1.0, 1.0, 0.0])}
    assert meets(targets, values, 4, np.array([True, True, False, False])).tolist() == [True, False, True, False]


def test_time_left_is_that_of_each_kind_without_what_compiled() -> None:
    pace, slow, fast, new = Pace(), Kind("a", True), Kind("b", False), Kind("c", False)
    pace.expect(slow, 3)
    pace.expect(fast, 10)
    pace.took(slow, 100.0)
    assert pace.fraction is None  # nothing is known of those that do not train
    pace.took(fast, 7.0)
    pace.took(fast, 1.0)
    pace.took(slow, 10.0)
    assert pace.fraction == pytest.approx(118 / (118 + 10 + 8))
    pace.expect(new, 2)
    assert pace.fraction == pytest.approx(118 / (118 + 10 + 8 + 7 + 1))  # the first compiles, the others do not
    pace.expect(Kind("b", False, "knob"), 100)  # a program of its own, then as fast as the others with its settings
    assert pace.fraction == pytest.approx(118 / (118 + 10 + 8 + 7 + 1 + 7 + 99))


def _lesson(**changes: float) -> Lesson:
    rng = np.random.default_rng(1)
    network = Network.mlp([rng.normal(size=(1, 4))], loss="mse")
    x = rng.normal(size=(20, 4))
    y = x @ [[1.0], [0.5], [-1.0], [0.2]]
    result = train(
        network, x, y, test=(x, y), samples=40, evaluate_every=20, chunk=20, port=Resistive(0.1), target="numpy"
    )
    return replace(Lesson(result, result.test_r2, 1.0, 0.0), **changes)


@pytest.mark.slow
def test_what_is_learned_is_a_share_of_what_exact_descent_learns() -> None:
    lesson = _lesson()
    assert lesson.share == pytest.approx(1) and lesson.reached in (20, 40)
    assert _lesson(descent=2 * lesson.score).share == pytest.approx(0.5)
    assert _lesson(descent=2 * lesson.score).reached is None
    nothing = _lesson(descent=0.01)
    assert nothing.share is None and nothing.reached is None  # exact descent is no measure
    assert (
        _lesson(descent=-0.1, chance=-0.3).share is None
    )  # better than a constant answer, and yet it explains nothing
    assert LESSONS["time_to_target"](lesson) == lesson.reached * lesson.result.hold * lesson.result.step
    assert LESSONS["writes_per_weight"](lesson) == 40 and LESSONS["worn_out"](lesson) is None


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learning")
    for name, text in (("small.toml", SCENARIO), ("deaf.toml", DEAF), ("study.toml", STUDY)):
        (folder / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_study(load_study(folder / "study.toml"), folder / "s.sqlite", workers=1)
    return read_evidence(folder / "s.sqlite")


@pytest.mark.slow
def test_exact_hardware_learns_what_exact_descent_does(evidence) -> None:
    ideal = np.array(evidence.axes["hardware.model"] == "ideal") & evidence.trained
    assert evidence.metrics["training_share"][ideal] == pytest.approx(np.ones(2), abs=1e-9)
    assert evidence.metrics["training_r2"][ideal] == pytest.approx(evidence.metrics["descent_score"][ideal], abs=1e-9)
    assert np.isnan(evidence.metrics["training_share"][~evidence.trained]).all()
    assert "training_accuracy" not in evidence.metrics  # a regression has none


@pytest.mark.slow
def test_the_page_answers_whether_it_is_learned(evidence) -> None:
    report = report_of(evidence)
    assert report.head.answer == "1 of 2 technologies learn it"
    assert "2 of 4 chips that were trained from scratch" in report.head.sentence
    assert "2 of 3 chips were trained (repeats.trained)" in report.head.sentence
    rows = {row[0].text: [cell.text for cell in row] for row in report.head.technologies.rows}
    assert rows["ideal"][1] == "Yes" and rows["deaf.toml"][1] == "No"
    assert "missing" in rows["deaf.toml"][5]  # it never gets there, so there is no number of samples
    assert "1 of 2 technologies learn it" in study_page(report)


@pytest.mark.slow
def test_where_exact_descent_learns_nothing_nothing_is_said_of_substrates(evidence) -> None:
    nothing = {**evidence.metrics, "training_share": np.full(evidence.done, np.nan)}
    head = report_of(replace(evidence, metrics=nothing)).head
    assert head.answer == "Cannot tell" and "Exact descent itself learns nothing" in head.sentence


@pytest.mark.slow
def test_a_rate_is_chosen_by_exact_descent(evidence) -> None:
    rate = evidence.facts["base"]["scenario"]["training"]["port"]["rate"]
    assert rate != 0.02 and 1e-4 < rate < 0.2


def test_metrics_of_a_training_are_those_of_lessons() -> None:
    assert {name for name, one in METRICS.items() if one.trained} == set(LESSONS)
