"""``backwave scenarios --copy``: a scenario and what it needs, never over anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from emulator.cli import app
from emulator.errors import ScenarioError
from emulator.scenario import bundled, load_scenario
from emulator.scenario.build import prepare
from emulator.study.load import bundled_studies, load_study
from tests.refusals import refuses


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copy(name: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["scenarios", "--copy", name])
    return done.exit_code, done.output


def test_a_scenario_comes_with_its_network(here: Path) -> None:
    assert copy("cnn") == (0, "written: cnn.toml, cnn.npz; backwave run cnn.toml\n")
    assert {path.name for path in here.iterdir()} == {"cnn.toml", "cnn.npz"}
    mine = load_scenario("cnn.toml", ["data.limit=2"])
    assert mine.folder == Path() and prepare(mine).graph.neurons > 100


@pytest.mark.parametrize("name", [*bundled(), *bundled_studies()])
def test_every_copy_is_what_was_copied(here: Path, name: str) -> None:
    assert copy(name)[0] == 0
    if name in bundled():
        assert load_scenario(f"{name}.toml").config == load_scenario(name).config
    else:
        assert load_study(f"{name}.toml").config == load_study(name).config


@pytest.mark.parametrize("present", ["cnn.toml", "cnn.npz"])
def test_nothing_is_written_over(here: Path, present: str) -> None:
    Path(present).write_text("mine")
    status, said = copy("cnn")
    assert status == 2
    assert f"'{present}' is here already; allowed: a folder without it (nothing is written over)" in said
    assert {path.name: path.read_text() for path in here.iterdir()} == {present: "mine"}


def test_an_unknown_name(here: Path) -> None:
    status, said = copy("cn")
    assert status == 2 and "no scenario or study 'cn' (did you mean 'cnn'?); allowed: cnn, " in said
    assert not list(here.iterdir())


def test_half_of_a_copy_is_taken_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from emulator.scenario import copying

    opened = Path.open

    def full(self: Path, mode: str = "r", *given: object, **more: object) -> object:
        if mode == "xb" and self.name == "cnn.npz":
            raise OSError(28, "No space left on device")
        return opened(self, mode, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space"):
        copying.copy_bundled(bundled()["cnn"], here)
    assert not list(here.iterdir())
    (here / "cnn.toml").mkdir()
    refuses("'cnn.toml' is here already", lambda: copying.copy_bundled(bundled()["cnn"], here), ScenarioError)
