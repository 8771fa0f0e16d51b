"""What the page says of a technology that does not learn, and why; the points are made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.study import points as running
from emulator.study.evidence import read_evidence
from emulator.study.load import load_study
from emulator.study.report import report_of
from emulator.study.report.headline import Headline
from emulator.study.run import run_study
from emulator.study.work import Outcome
from tests.support.small import TRAINING, write

STUDY = """
base = "small.toml"
metrics = ["training_share", "training_accuracy", "steps_to_target", "energy_to_target", "worn_out", "at_bounds", "writes_per_weight",
           "gradient_cosine", "settled_fraction"]
[[axes]]
key = "hardware.model"
values = ["ideal"]
[repeats]
chips = 4
trained = 2
images = 2
[targets]
training_share = { min = 0.9 }
gradient_cosine = { min = 0.9 }
settled_fraction = { min = 1.0 }
"""
GOOD = {"training_share": 1.0, "gradient_cosine": 1.0, "settled_fraction": 1.0, "steps_to_target": 20.0, "worn_out": 0.0,
        "at_bounds": 0.0, "writes_per_weight": 30.0}  # fmt: skip
BAD = {"training_share": 0.05, "steps_to_target": None}
PLAIN = "the gradients are good: it is what its devices make of them"
LEFT = "the gradients are good: rate, samples or hold are what is left"
#: what is not known of hardware whose weights are no devices
NONE = {"worn_out": None, "at_bounds": None, "writes_per_weight": None}


def page(
    folder: Path,
    patch: pytest.MonkeyPatch,
    values: dict[str, Any],
    status: str = "settled",
    why: str | Callable[[int, int], str] | None = None,
    study: str = STUDY,
) -> Headline:
    """The first screen where every chip has these metrics, those of trainings only where it was trained."""

    def made_up(pool, function, work, items, size, given_up):
        for task in items:
            reason = why(task.chip, task.noise) if callable(why) else why
            found = {name: None if status == "failed" else {**GOOD, **values}.get(name) for name in work.metrics}
            if task.chip >= 2:
                found |= dict.fromkeys(
                    ("training_share", "steps_to_target", "worn_out", "at_bounds", "writes_per_weight")
                )
            yield task, Outcome(status, reason, found, "{}", "{}", "now", 0.0)

    patch.setattr(running, "shared_out", made_up)
    run_study(load_study(write(folder, study, TRAINING)), folder / "s.sqlite", workers=1)
    return report_of(read_evidence(folder / "s.sqlite")).head


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"worn_out": 0.8}, f"Because 80 % of the devices are worn out; {PLAIN}. 0 of 2 chips"),
        ({"at_bounds": 0.5}, f"Because 50 % of the devices are at an end of their range; {PLAIN}. 0 of 2 chips"),
        ({"writes_per_weight": 0.01}, f"Because a weight is written 0.01 times: less than one step was asked for; {LEFT}. 0 of 2"),
        ({"worn_out": 0.02}, f"Because 2 % of the devices are worn out; {PLAIN}. 0 of 2 chips"),
        ({"at_bounds": 0.1}, f"Because 10 % of the devices are at an end of their range; {PLAIN}. 0 of 2 chips"),
        ({"writes_per_weight": 0.5}, f"Because a weight is written 0.5 times: less than one step was asked for; {LEFT}. 0 of 2"),
        ({"worn_out": 0.005, "at_bounds": 0.03, "writes_per_weight": 2.0}, f"Because {PLAIN}. 0 of 2 chips"),  # no more than usual
        ({"gradient_cosine": 0.3}, "Because gradient cosine 0.3 (at least 0.9 asked) on 4 of 4. 0 of 2 chips"),
        ({"settled_fraction": 0.0}, "Because settled samples 0 % (at least 100 % asked) on 4 of 4. 0 of 2 chips"),
        ({}, f"Because {PLAIN}. 0 of 2 chips"),
        (NONE, f"Because {LEFT}. 0 of 2 chips"),
    ],
)  # fmt: skip
def test_the_page_says_what_is_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict, told: str
) -> None:
    head = page(tmp_path, monkeypatch, BAD | values)
    assert (
        head.answer == "No" and head.tone == "bad" and head.sentence.replace("\N{NO-BREAK SPACE}", " ").startswith(told)
    )
    assert head.tiles[-1].cell.text == "fails as it is" and head.tiles[1].note == "no chip gets so far"


def test_waves_that_are_cut_off_are_in_the_way_where_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = STUDY.replace('"gradient_cosine",', '"gradient_cosine", "clipped_forward", "clipped_backward",')
    study += "clipped_backward = { max = 0.1 }\n"
    for folder, cut, told in (
        ("many", (0.4, 0.2), "clipped backward waves 20 % (at most 10 % asked) on 4 of 4; clipped forward waves 40 %; clipped backward waves 20 %."),
        ("few", (0.005, 0.0), f"{PLAIN}."),
    ):  # fmt: skip
        (tmp_path / folder).mkdir()
        values = BAD | dict(zip(("clipped_forward", "clipped_backward"), cut, strict=True))
        head = page(tmp_path / folder, monkeypatch, values, study=study)
        assert head.sentence.replace("\N{NO-BREAK SPACE}", " ").startswith(f"Because {told}")


def test_what_diverges_or_ends_in_errors_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    head = page(tmp_path / "a", monkeypatch, BAD, "unsettled", "the loss stays above where it began")
    assert head.sentence.startswith(f"Because on 4 of 4 chips the loss stays above where it began; {LEFT}.")
    head = page(tmp_path, monkeypatch, BAD, "failed", "no such device")
    assert head.answer == "Cannot tell"
    assert head.sentence.startswith("Because on 4 of 4 chips an error: no such device. No chip could be trained.")


def test_what_learns_is_not_excused_and_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = page(tmp_path, monkeypatch, {})
    assert head.answer == "Yes" and head.sentence.startswith("2 of 2 chips") and head.technologies is not None
    (row,) = head.technologies.rows
    assert row[head.technologies.heads.index("what falls short")].text == "nothing"
    assert head.tiles[2].note == "a figure of the hardware that it needs is not known"


def test_reasons_and_missed_targets_are_counted_by_chips_and_the_one_that_is_named_by_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def why(chip: int, run: int) -> str:
        """Four runs explode, on two chips; the runs of each of the others end in a way of their own."""
        return {2: "weights are not finite", 3: "the hold is too short"}.get(chip, "the loss explodes")

    study = STUDY.replace("[repeats]", "[repeats]\nnoise = 2")
    head = page(tmp_path, monkeypatch, BAD | {"gradient_cosine": 0.3}, "unsettled", why, study)
    assert head.sentence.replace("\N{NO-BREAK SPACE}", " ").startswith(
        "Because on 2 of 4 chips the loss explodes; 2 others for other reasons; gradient cosine 0.3 (at least 0.9 asked) on 4 of 4."
    )
