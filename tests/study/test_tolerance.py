"""Tolerance search, yields and sensitivities on problems whose answers are known in closed form.

Every chip fails beyond a threshold of its own, which is normal with a known mean and spread: the share of good chips at
`v` is ``Phi((mean - v) / spread)``, so it is 0.9 at the mean less 1.2816 spreads.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from emulator import StudyError
from emulator.study.design import Axis
from emulator.study.margins import fails_as_it_is, first_to_break, margin, undecided, unknown
from emulator.study.statistics import (
    chips_needed,
    chips_that_meet,
    lower_bound,
    sensitivities,
    share_interval,
    upper_bound,
)
from emulator.study.store import Tolerance
from emulator.study.tolerance import BROKEN, UNSURE, Knob, Tried, check, first_look, hopeless, least_chips, search_all
from tests.refusals import refuses

MEAN, SPREAD, SHARE = 5.0, 1.0, 0.9
TRUTH = MEAN - SPREAD * norm.ppf(SHARE)
KNOB = Knob("k", "k", good=0.0, bad=10.0, offered=2.0)


def looked_for(thresholds: np.ndarray, knob: Knob = KNOB, halvings: int = 10, rising: bool = True) -> Tolerance:
    def ask(wanted: list[tuple[Knob, float]]) -> list[tuple[int, int]]:
        good = [(thresholds >= v if rising else thresholds <= v).sum() for _, v in wanted]
        return [(int(met), len(thresholds)) for met in good]

    return search_all([knob], SHARE, 0.95, halvings, ask)[0]


def test_the_tolerance_of_many_chips_is_the_closed_form() -> None:
    evenly = MEAN + SPREAD * norm.ppf((np.arange(20000) + 0.5) / 20000)
    found = looked_for(evenly, halvings=14)
    assert found.value is not None and found.low is not None and found.high is not None
    assert found.low <= found.value < found.high
    assert found.low <= TRUTH <= found.high and found.high - found.low < 0.12
    assert found.detail["verdict"] == "found" and found.evaluations == len(found.detail["trials"]) < 40


@pytest.mark.slow
def test_intervals_cover_the_truth_at_their_rate_and_the_value_is_on_the_safe_side() -> None:
    draws = np.random.default_rng(1)
    covered = safe = 0
    for _ in range(400):
        found = looked_for(draws.normal(MEAN, SPREAD, 60))
        low = -math.inf if found.low is None else found.low
        covered += low <= TRUTH <= (math.inf if found.high is None else found.high)
        safe += found.value is None or found.value <= TRUTH
    assert covered / 400 > 0.94 and safe / 400 > 0.94
    assert safe < 400  # it is a bound, not a way to play it safe at any price


def test_a_knob_that_gets_worse_downwards_and_only_takes_whole_numbers() -> None:
    bits = Knob("bits", "bits", good=16, bad=2, whole=True, offered=8.0)
    found = looked_for(np.full(40, 6.0), bits, rising=False)
    assert (found.value, found.low, found.high) == (6, 6, 5) and isinstance(found.value, int)
    assert margin(found) == pytest.approx(8 / 6)


@pytest.mark.parametrize(("breaks", "found"), [(8.0, (8, 2)), (8.5, (9, 8))])
def test_what_is_offered_is_tried_where_a_coarse_search_would_not_tell(breaks: float, found: tuple[int, int]) -> None:
    bits = Knob("bits", "bits", good=16, bad=2, whole=True, offered=8.0)
    coarse = looked_for(np.full(40, breaks), bits, halvings=1, rising=False)
    assert (coarse.value, coarse.detail["first_failed"]) == found and isinstance(coarse.value, int)
    assert (margin(coarse) >= 1) == (breaks <= 8)  # type: ignore[operator]
    assert [one["value"] for one in coarse.detail["trials"]] == [2, 8, 9, 16] and coarse.evaluations == 4
    beyond = looked_for(np.full(40, breaks), replace(bits, offered=12.0), halvings=1, rising=False)
    assert beyond.evaluations == 3  # it holds at 9: of 12 nothing is to be asked


def test_leaving_hopeless_values_early_changes_no_answer_and_spares_chips() -> None:
    draws, spent, answers = np.random.default_rng(7), [0, 0], []
    for _ in range(60):
        breaks = draws.normal(draws.uniform(-2, 9), draws.uniform(0.1, 3), 36)

        def ask(wanted: list[tuple[Knob, float]], early: bool, breaks: np.ndarray = breaks) -> list[Tried]:
            found = []
            for _, value in wanted:
                for chips in (8, 16, 24, 32, 36) if early else (36,):
                    tried = Tried(int((breaks[:chips] >= value).sum()), chips)
                    if early and hopeless(tried, 36, SHARE, 0.95):
                        break
                found.append(tried)
                spent[early] += chips
            return found

        one, other = (search_all([KNOB], SHARE, 0.95, 4, lambda asked, e=e: ask(asked, e))[0] for e in (False, True))
        assert (one.value, one.low, one.high, one.detail["verdict"]) == (
            other.value,
            other.low,
            other.high,
            other.detail["verdict"],
        )
        answers.append(one.detail["verdict"])
    assert len(set(answers)) >= 3 and spent[True] < 0.8 * spent[False]
    assert first_look(36, SHARE, 0.95) == 8 and first_look(6, 0.5, 0.95) == 6
    assert not hopeless(Tried(0, 7, 1), 36, SHARE, 0.95)  # one that ended in an error may have been good


def test_a_logarithmic_knob_is_halved_in_ratios() -> None:
    knob = Knob("n", "n", good=1e-4, bad=1.0, scale="log")
    found = looked_for(np.full(40, 1e-2), knob, halvings=3)
    assert found.value == pytest.approx(1e-2) and found.high == pytest.approx(10**-1.5)
    assert [round(math.log10(one["value"]), 2) for one in found.detail["trials"]] == [-4, -2, -1.5, -1, 0]


def test_knobs_that_always_or_never_hold_say_so() -> None:
    always, never = looked_for(np.full(40, 99.0)), looked_for(np.full(40, -1.0))
    assert always.value == 10.0 and always.high is None and always.detail["verdict"] == "holds throughout"
    assert never.value is None and never.low is None and never.detail["verdict"] == "never holds"
    assert first_to_break([always, never]) is never


def test_chips_that_do_not_suffice_are_no_verdict() -> None:
    """With 39 of 40 good, the reference point may well hold: how many chips would tell follows from the interval."""
    found = looked_for(np.array([-1.0] + [99.0] * 39))
    assert found.value is None and found.detail["verdict"] == UNSURE and found.detail["needed"] == 46
    assert lower_bound(45, 46, 0.95) >= SHARE > lower_bound(44, 45, 0.95)
    assert unknown(found, str) == "cannot tell with 40 chips, of which 39 are good at 0.0: at least 46 are needed"
    assert not fails_as_it_is([found]) and first_to_break([found]) is None
    enough = looked_for(np.array([-1.0] + [99.0] * 45))
    assert enough.detail["verdict"] == "holds throughout"


@pytest.mark.parametrize("rising", [True, False])
def test_chips_that_do_not_tell_of_what_is_offered_call_it_neither_good_nor_bad(rising: bool) -> None:
    """One bad chip of 40 at what is offered: it does not break, nor is it known to hold. With half of them bad it does."""
    good, bad = (0.0, 8.0) if rising else (8.0, 0.0)
    knob, worst, best = Knob("k", "k", good=good, bad=bad, offered=4.0), *((-1.0, 1.0) if rising else (1.0, -1.0))
    one = looked_for(np.array([4.0 + worst / 2] + [4.0 + best / 2] * 39), knob, halvings=1, rising=rising)
    assert one.value == good and one.detail["first_failed"] == 4.0 and undecided(one, 4.0)
    assert margin(one) is None and first_to_break([one]) is None
    words = "cannot tell with 40 chips, of which 39 are good at 4.0, which is offered: at least 46 are needed"
    assert unknown(one, str) == words
    few = looked_for(
        np.array([4.0 + 0.8 * worst] + [4.0 + 3 * best] * 39),
        replace(knob, offered=4.0 + best),
        halvings=3,
        rising=rising,
    )
    assert undecided(few, 4.0 + best) and margin(few) is None and first_to_break([few]) is None
    assert unknown(few, str) == words.replace("at 4.0", f"at {4.0 + best}")
    half = looked_for(np.array([4.0 + worst / 2] * 20 + [4.0 + best / 2] * 20), knob, halvings=1, rising=rising)
    assert half.value == good and not undecided(half, 4.0) and unknown(half, str) is None
    assert margin(half) in (0.0, 0.5) and first_to_break([half]) is half


@pytest.mark.parametrize("bad", [0, 1, 7, 40])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.9, 0.99])
def test_the_chips_that_are_needed_are_the_fewest(bad: int, share: float) -> None:
    needed = chips_needed(bad, share, 0.95)
    assert lower_bound(needed - bad, needed, 0.95) >= share
    assert needed == bad + 1 or lower_bound(needed - 1 - bad, needed - 1, 0.95) < share


def test_runs_that_end_in_an_error_are_chips_of_which_nothing_is_known() -> None:
    def search(failed: int, met: int, at: float = 0.0) -> Tolerance:
        def ask(wanted: list[tuple[Knob, float]]) -> list[Tried]:
            there = Tried(met, 40 - failed, failed, "no such age")
            return [there if value == at else Tried(40 if value <= 3 else 0, 40) for _, value in wanted]

        return search_all([KNOB], SHARE, 0.95, 4, ask)[0]

    broken = search(40, 0)
    assert broken.value is None and broken.detail["verdict"] == BROKEN and not fails_as_it_is([broken])
    assert unknown(broken, str) == (
        "the search could not be made: 40 of 40 points at 0.0 ended in an error (no such age)"
    )
    assert search(1, 39).detail["verdict"] == BROKEN  # whether it holds depends on the one that failed
    assert search(1, 39, at=2.5).detail["verdict"] == BROKEN
    decided = search(2, 0)  # 38 of 40 are bad: whatever the others are
    assert decided.detail["verdict"] == "never holds" and decided.detail["trials"][0]["failed"] == 2
    assert Tried.of([(True, None), (None, "b"), (None, "a"), (None, "a"), (False, "late")]) == (1, 2, 3, "a")


def test_a_search_seldom_says_never_where_the_targets_hold() -> None:
    """Truth: 95 of 100 chips are good everywhere, where 90 are asked for."""
    draws = np.random.default_rng(3)
    verdicts = [looked_for(np.where(draws.random(40) < 0.95, 99.0, -1.0)).detail["verdict"] for _ in range(300)]
    assert verdicts.count("never holds") / 300 <= 0.025
    assert verdicts.count("cannot tell") > 100  # 40 chips are few, and that is what is said
    enough = [looked_for(np.where(draws.random(400) < 0.95, 99.0, -1.0)).detail["verdict"] for _ in range(20)]
    assert enough.count("holds throughout") >= 18


def test_chips_count_by_what_is_known_of_them() -> None:
    chip = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    met = np.array([True, True, True, False, True, False, False, False])
    failed = np.array([False, False, False, False, False, True, False, True])
    good, known = chips_that_meet(chip, met, failed)
    assert good.tolist() == [True, False, False, False] and known.tolist() == [True, True, False, True]


def test_the_least_margin_breaks_first() -> None:
    draws = np.full(40, 4.0)
    near, far = looked_for(draws, Knob("near", "k", 0.0, 10.0, offered=3.0)), looked_for(draws)
    unknown, nothing = (looked_for(draws, Knob(n, "k", 0.0, 10.0, offered=o)) for n, o in (("u", None), ("o", 0.0)))
    assert margin(unknown) is None and margin(nothing) == math.inf
    assert first_to_break([far, unknown, near, nothing]) is near and first_to_break([unknown, nothing]) is None


def test_all_knobs_are_asked_for_side_by_side() -> None:
    rounds: list[int] = []

    def ask(wanted: list[tuple[Knob, float]]) -> list[tuple[int, int]]:
        rounds.append(len(wanted))
        return [(40 if value <= 3 else 0, 40) for _, value in wanted]

    found = search_all([KNOB, Knob("other", "o", 0.0, 4.0)], SHARE, 0.95, 4, ask)
    assert rounds[0] == 2 and [one.knob for one in found] == ["k", "other"]
    assert found[0].value == 2.5 and found[1].value == 3.0


def test_too_few_chips_are_refused() -> None:
    assert least_chips(0.9, 0.95) == 36 and lower_bound(36, 36, 0.975) >= 0.9 > lower_bound(35, 35, 0.975)
    refuses("tolerance.chips is 35; allowed for a share of 0.9", lambda: check(0.9, 0.95, 35), StudyError)
    check(0.9, 0.95, 36)


@pytest.mark.parametrize("share", [0.03, 0.5, 0.9, 0.99])
def test_intervals_of_a_share_cover_it_at_their_stated_rate(share: float) -> None:
    met = np.random.default_rng(2).binomial(40, share, 4000)
    ends = {m: share_interval(int(m), 40, 0.9) for m in np.unique(met)}
    covered = np.mean([ends[m][0] <= share <= ends[m][1] for m in met])
    assert 0.89 <= covered <= 1
    assert upper_bound(0, 40, 0.95) == pytest.approx(1 - 0.05 ** (1 / 40)) and share_interval(40, 40, 0.9)[1] == 1


def test_sensitivities_are_slopes_over_the_range_of_each_axis() -> None:
    draws = np.random.default_rng(3)
    a, b = draws.uniform(10, 20, 200), 10 ** draws.uniform(-4, -1, 200)
    axes = [Axis("a", low=10, high=20), Axis("b", low=1e-4, high=1e-1, scale="log"), Axis("name", ("x", "y"))]
    columns = {"a": a, "b": b, "name": np.array(["x", "y"] * 100, dtype=object)}
    metric = 3 + 0.2 * a - 5 * np.log10(b)
    metric[7] = np.nan
    found = sensitivities(axes, columns, {"m": metric, "flat": np.full(200, 0.7), "missing": np.full(200, np.nan)})
    spans = np.ptp(a), np.ptp(np.log10(b))
    assert [(s.knob, s.rank) for s in found if s.metric == "m"] == [("b", 1), ("a", 2)]
    assert found[0].slope == pytest.approx(-5 * spans[1]) and found[1].slope == pytest.approx(0.2 * spans[0])
    assert {s.slope for s in found if s.metric == "flat"} == {0.0}
    assert not [s for s in found if s.metric == "missing"]
