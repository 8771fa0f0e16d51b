"""A few thousand inputs of the fuzzer; ``python -m tests.fuzz`` makes as many as are wanted."""

import os
from pathlib import Path

import pytest

from tests.fuzz.harness import fuzz


@pytest.mark.parametrize("seed", [1])
def test_every_door_answers_with_a_sentence(tmp_path: Path, seed: int) -> None:
    outcome = fuzz(tmp_path, 3000, seed, seconds=8)
    assert not outcome.faults, "\n".join(
        f"{count} x {name}\n{story}" for name, (count, story, _) in outcome.faults.items()
    )
    assert set(outcome.counts) > {"quantities", "touchstone", "csv", "scenario", "network"}


def test_the_fuzzer_sees_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A door that breaks, one that writes elsewhere, and one that takes too long."""
    from tests.fuzz import harness
    from tests.fuzz.loaders import Loader

    elsewhere = tmp_path / "elsewhere"
    inside = tmp_path / "inside"
    inside.mkdir()

    def writes(_: object) -> None:
        elsewhere.write_text("")

    def breaks(_: object) -> None:
        raise ZeroDivisionError

    def sleeps(_: object) -> None:
        while True:
            os.getpid()

    def grows(_: object) -> None:
        bytearray(2 << 30)

    doors = {"writes": writes, "breaks": breaks, "sleeps": sleeps, "grows": grows}
    monkeypatch.setattr(harness, "SLOW", 0.2)
    monkeypatch.setattr(
        harness, "loaders", lambda _: {name: Loader(1, lambda rng: rng.random(), feed) for name, feed in doors.items()}
    )
    found = {fault.split(" at ")[0] for fault in fuzz(inside, 40, 0).faults}
    assert found == {"writes: outside", "breaks: ZeroDivisionError", "sleeps: slow", "grows: MemoryError"}
