"""On digits, errors halve with every bit down to the noise floor, and are proportional to receiver noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.experiments.findings import Way
from emulator.experiments.precision import experiment
from emulator.experiments.precision.curves import QUANTITIES
from emulator.experiments.precision.figure import precision_figure
from emulator.measure import reference
from emulator.measure.ranges import fitted, ranges
from emulator.scenario import load_scenario
from emulator.scenario.datasets import DigitsData
from emulator.scenario.networks import DigitsMlp
from tests.support.bench import hardware

FLOOR = 1e-3


@pytest.fixture(scope="module")
def digits():
    network = DigitsMlp(source="digits-mlp", iterations=40).build(Path()).network
    return network, DigitsData(source="digits", limit=24).load(network, Path())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    changes = ["network.iterations=40", "data.limit=24", "precision.bits=[8,10,12,14,20]",
               "precision.noise=[1e-6,1e-5,1e-4,1e-3]", f"precision.floor={FLOOR}"]  # fmt: skip
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "precision_table", lambda found: (seen.append(found), ([], []))[1])
        store = tmp_path_factory.mktemp("slopes") / "points.sqlite"
        experiment.precision(
            load_scenario("precision", changes), Way("precision", store, store, 1, False, lambda *told: None)
        )
    return seen[0]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_errors_halve_with_every_bit(study, quantity):
    assert -1.1 < study.bits.slope(quantity, per_bit=True) < -0.9


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_errors_are_proportional_to_receiver_noise(study, quantity):
    assert 0.97 < study.noise.slope(quantity, per_bit=False) < 1.03


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_with_noise_more_bits_help_down_to_its_floor(study, quantity):
    errors, exact = getattr(study.bits_with_noise, quantity), getattr(study.bits, quantity)
    floor = getattr(study.noise, quantity)[-1]
    assert errors[0] < 2 * np.hypot(exact[0], floor)
    assert abs(errors[-1] / floor - 1) < 0.06
    assert abs(study.bits_with_noise.slope(quantity, per_bit=True)) < 0.7  # no slope of a factor 2 per bit any more


def test_full_scales_are_the_networks_own_range(digits):
    network, batch = digits
    exact = reference(network, batch.inputs, batch.targets)
    needed = ranges(network, exact)
    assert needed.forward == max(np.abs(a).max() for a in exact.states.values())
    assert needed.backward == max(np.abs(a).max() for a in exact.costates.values())
    assert needed.weights == max(np.abs(p.weight).max() for p in network.parameters.values())
    model = fitted(hardware(precision__forward={"bits": 8}, precision__weights={"bits": 6}), needed)
    assert model.precision.forward.full_scale == needed.forward
    assert model.precision.weights.full_scale == needed.weights
    assert model.precision.backward == hardware().precision.backward
    assert fitted(hardware(), needed) == hardware()


def test_the_picture_shows_the_errors(study):
    figure = precision_figure(study, "digits")
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), study.bits.states)
    np.testing.assert_array_equal(left.lines[3].get_ydata(), study.bits_with_noise.costates)
    np.testing.assert_array_equal(right.lines[2].get_ydata(), study.noise.gradients)
    assert "bits" in left.get_xlabel()
    assert "rms" in right.get_xlabel()
    assert left.get_ylabel()
