"""Cells as a hardware model: gains, offsets and spreads that are put in come out."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodels.errors import HardwareError
from hwmodels.fit_cells import Measured, fit_cells


def points(gain: float, offset: float, spread: float, seed: int):
    rng = np.random.default_rng(seed)
    law = rng.uniform(-1, 1, 20000)
    return law, law * (gain + spread * rng.normal(size=law.size)) + offset * rng.normal(size=law.size)


def test_what_is_put_in_comes_out():
    parts = {
        "neuron forward": points(0.98, 0.02, 0.0, 1), "synapse forward": points(0.99, 0.0, 0.03, 2),
        "neuron backward": points(1.04, 0.01, 0.02, 3), "synapse backward": points(1.0, 0.01, 0.0, 4),
    }  # fmt: skip
    model = fit_cells(Measured("my.inc", parts, 1e-9, 4e-9)).model
    assert model.name == "my"
    assert model.lines.attenuation_forward == pytest.approx(0.98 * 0.99, rel=2e-3)
    assert model.lines.attenuation_backward == 1.0  # a gain above 1 is spread
    assert model.lines.bandwidth == pytest.approx(1 / (2 * np.pi * 4e-9))
    assert model.noise.offset_mismatch_forward == pytest.approx(0.02, rel=0.1)
    assert model.noise.gain_mismatch_forward == pytest.approx(0.03, rel=0.1)
    assert model.noise.offset_mismatch_backward == pytest.approx(0.01 * np.sqrt(2), rel=0.1)
    assert model.noise.gain_mismatch_backward == pytest.approx(np.hypot(0.02, 0.04), rel=0.1)


def test_cells_that_do_something_else_are_refused():
    law = np.linspace(-1, 1, 50)
    good = law, law
    parts = dict.fromkeys(("neuron forward", "synapse forward", "neuron backward"), good) | {
        "synapse backward": (law, -law)
    }
    with pytest.raises(HardwareError, match=r"synapse backward follows its law with R2 = 0\.000"):
        fit_cells(Measured("my.inc", parts, 1e-9, 1e-9))
