"""Studies that sample chips until they tell: what is run, when it ends, and what is said of it; no substrate takes part."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from emulator import StudyError
from emulator.study import points as running
from emulator.study.evidence import Evidence, read_evidence
from emulator.study.learned import learnings
from emulator.study.load import load_study
from emulator.study.report import report_of, study_summary
from emulator.study.run import run_study
from emulator.study.significance import median_interval
from emulator.study.statistics import share_interval
from emulator.study.stopping import Stopping
from emulator.study.store import Store
from emulator.study.verdict import share, told
from emulator.study.work import Outcome
from tests.support.small import STUDY, TRAINING, rows, write

#: of 100 chips, how many are good at a spread of gains
GOOD = {0.0: 100, 0.2: 89, 2.0: 10, 3.0: 0}
#: which of them end in an error
LOST = {0.2: {5}, 3.0: set(range(64))}
HEAD = STUDY.split("[[axes]]")[0].replace('"accuracy", ', "").replace(', "energy"', "")
AXIS = '[[axes]]\nkey = "hardware.noise.gain_mismatch_backward"\nvalues = [0.0, 0.2, 2.0]\n'
ONE = AXIS.replace("0.0, 0.2, 2.0", "0.0")
REPEATS = "[repeats]\nchips = 64\nimages = 2\nsequential = true\n"
TARGETS = "[targets]\ngradient_cosine = { min = 0.9 }\n"


def made_up(pool, function, work, items, size, given_up):
    """Outcomes without a substrate: chip k of a place is good if its lot is below the share there, or is lost in an error."""
    for task in items:
        spread = task.changes["hardware.noise.gain_mismatch_backward"]
        lot = np.random.default_rng([task.chip, 3]).integers(100)
        good, failed = bool(lot < GOOD[spread]), task.chip in LOST.get(spread, ())
        metrics = {
            "gradient_cosine": 1.0 if good else 0.0,
            "settled_fraction": 1.0,
            "training_share": 1.0 if good else 0.5,
        }
        told = {name: None if failed else metrics[name] for name in work.metrics}
        yield task, Outcome("failed" if failed else "settled", "lost" if failed else None, told, "{}", "{}", "now", 0.0)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "shared_out", made_up)


def run(folder: Path, text: str, name: str = "s.sqlite", base: str | None = None, **how):
    path = write(folder, text) if base is None else write(folder, text, base)
    return run_study(load_study(path), folder / name, workers=1, **how)


def test_places_end_when_their_chips_tell_however_often_the_study_is_stopped(tmp_path: Path, stand_in: None) -> None:
    report = run(tmp_path, HEAD + AXIS + REPEATS + TARGETS)
    assert report.complete and report.planned == 192 and report.done == report.ran < 192
    with Store(tmp_path / "s.sqlite") as store:
        found = {one.axes["hardware.noise.gain_mismatch_backward"]: one for one in store.yields()}
    assert (found[0.0].met, found[0.0].total) == (56, 56) and found[
        0.0
    ].low >= 0.9  # 53 tell, after every eight one looks
    assert found[2.0].total == 8 and found[2.0].high < 0.9
    assert found[0.2].total == 63 and found[0.2].low < 0.9 < found[0.2].high  # one of 64 ended in an error
    resume = False
    while not run(tmp_path, HEAD + AXIS + REPEATS + TARGETS, "t.sqlite", limit=11, resume=resume).complete:
        resume = True
    for table in ("points", "yields"):
        one, other = ([row[:8] for row in rows(tmp_path / name, table)] for name in ("s.sqlite", "t.sqlite"))
        assert sorted(map(repr, one)) == sorted(map(repr, other))


def test_a_report_says_what_was_told_place_by_place_and_how_many_chips_it_took(tmp_path: Path, stand_in: None) -> None:
    run(tmp_path, HEAD + AXIS + REPEATS + TARGETS)
    evidence = read_evidence(tmp_path / "s.sqlite")
    found = told(evidence)
    assert found is not None and (found.enough, found.short, found.unsure) == (1, 1, 1)
    assert found.chips == 56 + 64 + 8 and found.most == 192
    text = re.sub(r"[\s\\]+", " ", study_summary(report_of(evidence)))
    assert "Can it do it? At 1 of 3 places." in text and "128 were sampled of at most 192." in text
    assert "at 1 place they are, at 1 place they are not, at 1 place the chips do not tell" in text
    assert "128 of 192; the others were not needed" in text
    shares = [row[1] / row[2] for row in rows(tmp_path / "s.sqlite", "yields")]
    assert f"Yield: **{100 * np.mean(shares):.4g} %** (95 % interval of each place: see Yield)" in text


def test_a_study_under_way_tells_no_sooner_than_it_would_stop_and_counts_chips_by_all_their_runs(
    tmp_path: Path, stand_in: None
) -> None:
    report = run(tmp_path, HEAD + ONE + REPEATS + "noise = 2\n" + TARGETS, limit=2 * 40)
    assert not report.complete and share_interval(40, 40, 0.95)[0] > 0.9  # who looks once would call them enough
    found = told(read_evidence(tmp_path / "s.sqlite"))
    assert found is not None and (found.enough, found.short, found.unsure) == (0, 0, 1)
    assert (found.chips, found.most) == (40, 64)


def test_chips_that_end_in_errors_tell_nothing_and_all_are_run(tmp_path: Path, stand_in: None) -> None:
    report = run(tmp_path, HEAD + AXIS.replace("0.0, 0.2, 2.0", "2.0, 3.0") + REPEATS + TARGETS)
    assert report.complete and report.done == 8 + 64


@pytest.mark.parametrize(
    ("text", "head", "runs", "done"),
    [
        ("", "", {chip: (True, True) for chip in range(56)}, True),
        ("", "", {chip: (True, True) for chip in range(48)}, False),  # 53 tell
        ("", "", {chip: (False, None) for chip in range(8)}, True),  # bad whatever the run that failed would have shown
        ("", "", {chip: (True, None) for chip in range(8)}, False),
        ("", "", {chip: (None, None) if chip == 3 else (True, True) for chip in range(56)}, False),  # 55 of 56 would not tell
        ("share = 0.5\n", "", {chip: (True, True) for chip in range(8)}, True),
        ("share = 0.5\n", "", {chip: (chip != 3, True) for chip in range(8)}, False),
        ("", "confidence = 0.99\n", {chip: (True, True) for chip in range(56)}, False),  # 70 tell
        ("", "confidence = 0.8\n", {chip: (True, True) for chip in range(40)}, True),
    ],
)  # fmt: skip
def test_a_place_is_done_when_what_is_known_of_its_chips_tells(
    tmp_path: Path, text: str, head: str, runs: dict[int, tuple[bool | None, bool | None]], done: bool
) -> None:
    repeats = REPEATS.replace("64", "96") + "noise = 2\n" + text
    study = load_study(write(tmp_path, HEAD + head + ONE + repeats + TARGETS))
    due = Stopping(study).due({one.ordinal: runs[one.chip][one.noise] for one in study.places if one.chip in runs})
    ahead = {one.ordinal for one in study.places if one.chip not in runs}
    assert due.now | due.later == (set() if done else ahead) and len(due.now) == (0 if done else 2 * 8)


def test_of_chips_of_which_only_the_first_are_trained_the_others_tell_by_the_other_targets(
    tmp_path: Path, stand_in: None
) -> None:
    text = (HEAD + AXIS + REPEATS + "trained = 12\n" + TARGETS).replace('"settled_fraction"', '"training_share"')
    run(tmp_path, text + "training_share = { min = 2.0 }\n", base=TRAINING)
    with Store(tmp_path / "s.sqlite") as store:
        found = [(one.met, one.total) for one in store.yields()]
        chips = store.points()["chip"]
    assert found == [(0, 12), (0, 11), (0, 12)]  # yields count those that were trained; good gradients told
    assert sorted(np.bincount(chips).tolist(), reverse=True)[:13] == [3] * 12 + [2]
    evidence = read_evidence(tmp_path / "s.sqlite")
    page = told(evidence)  # though no chip learns enough
    assert page is not None and (page.enough, page.short, page.unsure) == (1, 1, 1)
    assert json.loads(evidence.meta["study"])["repeats"]["look"] == 8
    with Store(tmp_path / "s.sqlite") as store:  # no look decided how many were trained
        assert [(one.low, one.high) for one in store.yields()] == [share_interval(0, n, 0.95) for n in (12, 11, 12)]
    found = [share(evidence, evidence.place == place) for place in range(3)]
    assert [(one.low, one.high) for one in found] == [share_interval(0, n, 0.95) for n in (12, 11, 12)]


def test_what_chips_told_is_judged_by_the_rule_that_stopped(tmp_path: Path, stand_in: None) -> None:
    text = (HEAD + AXIS + REPEATS + "trained = 12\n" + TARGETS).replace('"settled_fraction"', '"training_share"')
    run(tmp_path, text + "training_share = { min = 0.5 }\n", base=TRAINING)
    evidence = read_evidence(tmp_path / "s.sqlite")
    found = told(evidence)
    assert found is not None and (found.enough, found.short, found.unsure) == (1, 1, 1)
    text = re.sub(r"[\s\\]+", " ", study_summary(report_of(evidence)))
    assert (
        "at least 90 % of them are good (gradient cosine at least 0.9), with 95 % confidence: at 1 place they are"
        in text
    )
    (one,) = learnings(evidence)
    assert one.learned.met == one.learned.total == 35  # twelve chips, the same at every place, but for one that failed
    assert (one.learned.low, one.learned.high) == share_interval(12, 12, 0.95)
    # good gradients are those of as many chips as it took at each place
    assert one.gradients.total == 60 + 63 + 12 and np.isnan(one.gradients.low) and np.isnan(one.gradients.high)
    places = [store_share(evidence, place) for place in range(3)]
    assert one.gradients.fraction == pytest.approx(np.mean(places)) and max(places) == 1.0
    assert f"{one.gradients.met} of 135 ({100 * np.mean(places):.3g} %, mean of places)" in text


def store_share(evidence: Evidence, place: int) -> float:
    """The share of good gradients of the runs at a place that ended in no error; each chip has one run."""
    cosines = evidence.metrics["gradient_cosine"][evidence.place == place]
    return float(np.mean(cosines[np.isfinite(cosines)] >= 0.9))


def test_chips_that_learn_and_medians_of_unequal_places_have_no_interval(tmp_path: Path, stand_in: None) -> None:
    text = (HEAD + AXIS + REPEATS + TARGETS).replace('"settled_fraction"', '"training_share"')
    run(tmp_path, text + "training_share = { min = 0.6 }\n", base=TRAINING)
    evidence = read_evidence(tmp_path / "s.sqlite")
    (one,) = learnings(evidence)
    middle = one.figures["training_share"]
    assert one.learned.total == middle.count == 127 and np.isnan([one.learned.low, middle.low, middle.high]).all()
    head = report_of(evidence).head
    shares = [store_share(evidence, place) for place in range(3)]  # what is good there learns, too
    assert (
        one.learned.met == 118
        and head.answer == f"On {100 * np.mean(shares):.3g}\N{NO-BREAK SPACE}% of chips, mean of places"
    )
    assert head.technologies is not None and "mean of places" in head.technologies.rows[0][1].text
    assert "unequal numbers" in head.tiles[0].note and not re.search(r"\bnan\b", study_summary(report_of(evidence)))


def test_medians_of_chips_that_were_looked_at_have_wider_intervals_that_cover() -> None:
    values = np.random.default_rng(1).normal(size=(300, 60))
    missed = sum(
        any(
            not low <= 0 <= high
            for n in range(10, 61, 10)
            for low, high in [median_interval(row[:n], 0.95, True)]
            if low == low
        )
        for row in values
    )
    assert missed <= 0.05 * 300
    assert median_interval(values[0], 0.95, True)[0] < median_interval(values[0], 0.95)[0]
    assert np.isnan(median_interval(values[0][:4], 0.95, True)).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (AXIS + REPEATS, "repeats.sequential is true without targets; allowed: at least one target to tell of"),
        (AXIS + REPEATS.replace("64", "40") + TARGETS, "repeats.chips is 40; allowed for a share of 0.9 with a confidence of 0.95: at least 53"),
        (AXIS + REPEATS.replace("sequential = true", "look = 4") + TARGETS, "repeats.look is given; allowed: with repeats.sequential = true"),
        (AXIS + REPEATS.replace("sequential = true", "share = 0.5") + TARGETS, "repeats.share is given; allowed: with repeats.sequential = true"),
        (
            '[[axes]]\nkey = "run.threshold"\nuniform = { low = 0.0, high = 1.0 }\n[sampling]\nmethod = "sobol"\n' + REPEATS + TARGETS,
            "repeats.sequential is true and axis 'run.threshold' is drawn; allowed: axes with values, linear or log",
        ),
    ],
)  # fmt: skip
def test_what_cannot_tell_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(StudyError, match=re.escape(told)):
        load_study(write(tmp_path, HEAD + text))
