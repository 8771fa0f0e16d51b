"""Tolerance searches and yields against a truth that is known: 500 simulated studies each, without any substrate."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.study.load import load_study
from emulator.study.statistics import share_interval, share_sequence
from emulator.study.stopping import Stopping
from emulator.study.tolerance import NEVER, Knob, Tried, answered, search_all
from tests.support.small import STUDY, write

pytestmark = pytest.mark.slow
STUDIES, CHIPS, SHARE, CONFIDENCE, HALVINGS = 500, 40, 0.9, 0.95, 6


def _searched(seed: int, middle: float, width: float):
    """The search of a study whose chips break at values drawn from a normal distribution, the same chips at every value."""
    breaks = np.random.default_rng(seed).normal(middle, width, CHIPS)
    (found,) = search_all(
        [Knob("k", "k", good=0.0, bad=1.0)],
        SHARE,
        CONFIDENCE,
        HALVINGS,
        lambda asked: [Tried(int((breaks > value).sum()), CHIPS) for _, value in asked],
    )
    return found


def _looked_at_again_and_again(seed: int, middle: float, width: float, most: int = 240):
    """The same where chips are sampled eight at a time until they tell; and how many were."""
    breaks, spent = np.random.default_rng(seed).normal(middle, width, most), []

    def ask(asked):
        found = []
        for _, value in asked:
            for chips in range(8, most + 1, 8):
                tried = Tried(int((breaks[:chips] > value).sum()), chips)
                if answered(tried, SHARE, CONFIDENCE):
                    break
            found.append(tried)
            spent.append(chips)
        return found

    (found,) = search_all([Knob("k", "k", good=0.0, bad=1.0)], SHARE, CONFIDENCE, HALVINGS, ask, sequential=True)
    return found, float(np.mean(spent))


def _beyond_luck(misses: int, allowed: float) -> bool:
    """More misses than the stated confidence allows, by four standard deviations of their number."""
    return misses > STUDIES * allowed + 4 * np.sqrt(STUDIES * allowed * (1 - allowed))


@pytest.mark.parametrize(("middle", "width"), [(0.5, 0.1), (0.5, 0.3), (0.8, 0.1), (0.2, 0.1)])
def test_intervals_of_a_tolerance_cover_it_as_often_as_they_say(middle: float, width: float) -> None:
    truth = middle - 1.2815515655446004 * width  # where nine chips in ten are left
    found = [_searched(seed, middle, width) for seed in range(STUDIES)]
    beyond = sum(one.value is not None and one.value > max(truth, 0.0) for one in found)
    missed = sum(
        (one.low is not None and one.low > truth) or (one.high is not None and one.high < truth) for one in found
    )
    assert not _beyond_luck(beyond, 1 - CONFIDENCE), beyond
    assert not _beyond_luck(missed, 1 - CONFIDENCE), missed


@pytest.mark.parametrize("good", [0.9001, 0.92, 0.95, 0.99])
def test_never_is_not_said_of_what_holds(good: float) -> None:
    width = 0.1
    middle = width * {0.9001: 1.2821, 0.92: 1.4051, 0.95: 1.6449, 0.99: 2.3263}[good]  # so many are good at 0
    verdicts = [_searched(seed, middle, width).detail["verdict"] for seed in range(STUDIES)]
    assert not _beyond_luck(verdicts.count(NEVER), (1 - CONFIDENCE) / 2)
    assert verdicts.count(NEVER) == 0 or good < 0.95


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.975])
def test_intervals_of_a_yield_cover_it_as_often_as_they_say(share: float) -> None:
    met = np.random.default_rng(3).binomial(CHIPS, share, STUDIES)
    ends = [share_interval(int(one), CHIPS, CONFIDENCE) for one in met]
    assert not _beyond_luck(sum(not low <= share <= high for low, high in ends), 1 - CONFIDENCE)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.975])
def test_looking_after_every_chip_does_not_cost_the_confidence(share: float) -> None:
    """A study errs if its interval misses the truth at any of 200 looks; fixed intervals, looked at so often, do far more often."""
    met = np.cumsum(np.random.default_rng(4).random((STUDIES, 200)) < share, axis=1)
    ends = {(m, n): share_sequence(m, n, CONFIDENCE) for n in range(1, 201) for m in np.unique(met[:, n - 1]).tolist()}
    missed = sum(
        any(not ends[int(m), n][0] <= share <= ends[int(m), n][1] for n, m in enumerate(row, 1)) for row in met
    )
    assert not _beyond_luck(missed, 1 - CONFIDENCE), missed


@pytest.mark.parametrize(("middle", "width"), [(0.5, 0.1), (0.8, 0.1)])
def test_searches_that_stop_when_they_can_tell_cover_the_truth_with_fewer_chips(middle: float, width: float) -> None:
    truth = middle - 1.2815515655446004 * width
    found = [_looked_at_again_and_again(seed, middle, width) for seed in range(STUDIES)]
    missed = sum((one.low or 0.0) > truth or (one.high is not None and one.high < truth) for one, _ in found)
    assert not _beyond_luck(missed, 1 - CONFIDENCE), missed
    assert np.mean([chips for _, chips in found]) < 150


@pytest.mark.parametrize(("share", "most"), [(0.3, 12), (0.9001, 97), (0.99, 80)])
def test_studies_that_stop_when_their_chips_tell_cover_the_yield_and_say_nothing_wrong(
    tmp_path, share: float, most: int
) -> None:
    """The whole rule by which a study of 96 chips ends, 500 times: also the interval that it then states, and its verdict."""
    text = STUDY.split("[[axes]]")[0] + "[repeats]\nchips = 96\nimages = 2\nsequential = true\n"
    rule = Stopping(load_study(write(tmp_path, text + "[targets]\ngradient_cosine = { min = 0.9 }\n")))
    missed = wrong = spent = 0
    for seed in range(STUDIES):
        met, known = np.random.default_rng([seed, 5]).random(96) < share, dict[int, bool | None]()
        while wanted := rule.due(known).now:
            known |= {ordinal: bool(met[ordinal]) for ordinal in wanted}
        low, high = share_sequence(sum(map(bool, known.values())), len(known), CONFIDENCE)
        missed += not low <= share <= high
        wrong += high < SHARE <= share or share < SHARE <= low
        spent += len(known)
    assert not _beyond_luck(missed, 1 - CONFIDENCE), missed
    assert not _beyond_luck(wrong, 1 - CONFIDENCE), wrong
    assert spent / STUDIES < most
