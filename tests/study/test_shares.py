"""Shares and medians over several places of the same chips: a chip has the same draws wherever it stands, and counts once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emulator.study import points as running
from emulator.study.evidence import read_evidence
from emulator.study.load import load_study
from emulator.study.run import run_study
from emulator.study.significance import median_interval
from emulator.study.statistics import interval_by_chip, share_interval, share_sequence
from emulator.study.store import Store
from emulator.study.verdict import share
from emulator.study.work import Outcome
from tests.support.made_up import build_store
from tests.support.small import STUDY, write

NOISE, BITS = "hardware.noise.receiver", "hardware.precision.forward.bits"


def first_is_good(axes, chip, noise):
    """The first chip meets the targets wherever it stands, the others nowhere."""
    return {"accuracy": 1.0 if chip == 0 else 0.0}, None


def test_a_chip_that_stands_at_many_places_is_one_chip_to_the_interval(tmp_path: Path) -> None:
    axes = {NOISE: [0.001, 0.002, 0.003, 0.004], BITS: [4, 5, 6, 8]}
    evidence = read_evidence(build_store(tmp_path / "s.db", axes, first_is_good, chips=2, noise=1))
    whole = share(evidence, np.ones(evidence.done, dtype=bool))
    assert (whole.met, whole.total, whole.fraction) == (16, 32, 0.5)
    assert (whole.low, whole.high) == share_interval(1, 2, 0.95)
    place = share(evidence, evidence.place == 0)
    assert (place.low, place.high) == share_interval(1, 2, 0.95)


def test_yields_over_samples_of_the_axes_count_a_chip_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made_up(pool, function, work, items, size, given_up):
        for task in items:
            found = dict.fromkeys(work.metrics, 1.0) | {"gradient_cosine": 1.0 - task.chip}
            yield task, Outcome("settled", None, found, "{}", "{}", "now", 0.0)

    monkeypatch.setattr(running, "shared_out", made_up)
    axis = '[[axes]]\nkey = "hardware.noise.gain_mismatch_backward"\nuniform = { low = 0.0, high = 0.3 }\n'
    rest = '[sampling]\nmethod = "sobol"\npoints = 64\n[repeats]\nchips = 2\nimages = 2\n'
    text = STUDY.split("[[axes]]")[0] + axis + rest + "[targets]\ngradient_cosine = { min = 0.9 }\n"
    run_study(load_study(write(tmp_path, text)), tmp_path / "s.sqlite", workers=1)
    with Store(tmp_path / "s.sqlite") as store:
        (one,) = store.yields()
    assert (one.met, one.total) == (64, 128) and (one.low, one.high) == share_interval(1, 2, 0.95)


def test_an_interval_by_chip_covers_whatever_chips_have_in_common() -> None:
    rng = np.random.default_rng(4)
    for alike in (0.0, 0.5, 1.0):
        missed = 0
        for _ in range(300):
            own, common = rng.random((12, 9)) < 0.7, rng.random((12, 1)) < 0.7
            good = np.where(rng.random((12, 9)) < alike, common, own)
            low, high = interval_by_chip(int(good.sum()), good.size, len(good), 0.95)
            missed += not low <= 0.7 <= high
        assert missed <= 0.05 * 300 + 3 * np.sqrt(300 * 0.05 * 0.95)
    assert interval_by_chip(7, 9, 9, 0.95) == share_interval(7, 9, 0.95)
    assert interval_by_chip(7, 9, 9, 0.95, sequential=True) == share_sequence(7, 9, 0.95)


@pytest.mark.parametrize(("sequential", "of_chips"), [(False, share_interval), (True, share_sequence)])
def test_chips_that_are_good_at_some_places_only_count_in_part(sequential: bool, of_chips: Callable) -> None:
    low, high = interval_by_chip(4, 9, 3, 0.95, sequential)  # 1.33 of 3 chips
    below, above = (of_chips(met, 3, 0.95) for met in (1, 2))
    assert below[0] < low < above[0] and below[1] < high < above[1]


def test_the_median_of_chips_that_stand_at_several_places_is_no_surer_than_theirs() -> None:
    values = np.random.default_rng(5).normal(size=12)
    own = median_interval(values)
    assert median_interval(np.repeat(values, 4), chips=12) == own
    assert np.isnan(median_interval(np.repeat(values[:3], 4), chips=3)).all()
    assert not np.isnan(median_interval(np.repeat(values[:3], 4))).any()
