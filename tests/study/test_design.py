"""Where a study looks."""

from __future__ import annotations

import numpy as np

from emulator import ScenarioError
from emulator.study.design import Axis, draw, places
from tests.refusals import refuses

NOISE = Axis("noise", low=1e-4, high=1e-1, scale="log")
BITS = Axis("bits", low=3, high=12, whole=True)


def test_a_grid_is_every_combination_times_chips_times_runs() -> None:
    found = places([Axis("a", (1, 2)), Axis("b", ("x", "y", "z"))], chips=2, noise=3)
    assert [place.ordinal for place in found] == list(range(36))
    assert found[0].axes == {"a": 1, "b": "x"} and found[-1].axes == {"a": 2, "b": "z"}
    assert [(p.chip, p.noise) for p in found[:6]] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert len({(p.axes["a"], p.axes["b"], p.chip, p.noise) for p in found}) == 36


def test_the_same_samples_are_taken_at_every_place_of_the_grid() -> None:
    found = places([Axis("a", (1, 2)), NOISE, BITS], method="latin-hypercube", points=5, seed=3)
    first, second = ([(p.axes["noise"], p.axes["bits"]) for p in found if p.axes["a"] == a] for a in (1, 2))
    assert first == second and len(set(first)) == 5
    assert list(found[0].axes) == ["a", "noise", "bits"]


def test_samples_cover_their_range_in_the_right_measure() -> None:
    for method in ("random", "latin-hypercube", "sobol"):
        sample = draw([NOISE, BITS], method, 256, seed=1)
        noise = np.log10([one["noise"] for one in sample])
        assert -4 <= noise.min() < -3.9 and -1.1 < noise.max() <= -1
        assert abs(noise.mean() + 2.5) < 0.15
        assert {one["bits"] for one in sample} == set(range(3, 13))
        assert all(isinstance(one["bits"], int) for one in sample)
        assert sample == draw([NOISE, BITS], method, 256, seed=1) != draw([NOISE, BITS], method, 256, seed=2)


def test_samples_of_distributions_are_their_quantiles() -> None:
    unit = (np.arange(4000) + 0.5) / 4000
    bell = np.array(Axis("x", low=-np.inf, high=np.inf, middle=3.0, deviation=0.5).at(unit))
    assert abs(bell.mean() - 3) < 1e-3 and abs(bell.std() - 0.5) < 2e-3
    logs = np.log(Axis("x", high=np.inf, scale="log", middle=3.0, deviation=0.5).at(unit))
    assert abs(logs.mean() - np.log(3)) < 1e-3 and abs(logs.std() - 0.5) < 2e-3
    cut = np.array(Axis("x", low=2.0, high=9.0, middle=3.0, deviation=1.0).at(unit))
    assert 2 <= cut.min() < 2.01 and abs((cut < 3).mean() - 0.3413 / 0.8413) < 1e-3
    assert Axis("x", low=-np.inf, high=np.inf, whole=True, middle=3.0, deviation=1.0).at(np.array([0.5])) == [3]


def test_a_latin_hypercube_has_one_sample_in_every_stratum() -> None:
    sample = draw([Axis("x", low=0.0, high=10.0)], "latin-hypercube", 10, seed=0)
    assert sorted(int(one["x"]) for one in sample) == list(range(10))


def test_another_axis_leaves_independent_samples_as_they_are() -> None:
    alone = [one["noise"] for one in draw([NOISE], "random", 4, seed=0)]
    assert alone == [one["noise"] for one in draw([BITS, NOISE], "random", 4, seed=0)]


def test_designs_that_are_not_possible_are_refused() -> None:
    refuses(
        "sampling.method is 'sobol'; allowed without", lambda: places([Axis("a", (1,))], method="sobol"), ScenarioError
    )
    refuses("axis 'noise' is sampled and sampling.method is 'grid'", lambda: places([NOISE]), ScenarioError)
    refuses(
        "sampling.points is 100; allowed with sobol: a power of two",
        lambda: places([NOISE], method="sobol", points=100),
        ScenarioError,
    )
