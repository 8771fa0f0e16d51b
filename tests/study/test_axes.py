"""Axes whose values are drawn: what a distribution gives between its ends, and what is said beside it."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.errors import ScenarioError
from emulator.scenario.axes import AxisConfig
from emulator.study.design import Axis
from tests.refusals import refuses


@pytest.mark.parametrize("way", ["normal", "uniform", "linear"])
def test_a_scale_is_of_listed_values_alone(way: str) -> None:
    given = {
        "normal": {"mean": 5.0, "deviation": 2.0},
        "uniform": {"low": -1.0, "high": 1.0},
        "linear": {"low": 0.0, "high": 1.0},
    }
    refuses(
        f"axes: 'hardware.noise.receiver' has a scale beside {way}; allowed: a scale of listed values, or another way than {way}",
        lambda: AxisConfig(key="hardware.noise.receiver", scale="log", **{way: given[way]}),
        ScenarioError,
    )
    AxisConfig(key="hardware.noise.receiver", scale="log", values=[1e-3, 1e-2])


def test_whole_numbers_stay_between_their_ends() -> None:
    values = Axis("seed", (), 0.4, 9.6, "linear", True, 5.0, 2.0).at(np.linspace(0, 1, 201))
    assert (min(values), max(values)) == (1, 9)
