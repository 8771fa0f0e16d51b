"""Files in each other's place, and misspelt sections: a sentence that says what it is and where it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator import FileFormatError, Network, ScenarioError, StudyError
from emulator.importers import import_network
from emulator.scenario import bundled, load_scenario
from emulator.scenario.build import prepare
from emulator.study.load import bundled_studies, load_study
from tests.refusals import refuses

PRESET = Path(__file__).parents[2] / "hwmodels" / "presets" / "sfq.toml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Network.mlp([np.ones((2, 3))], loss="softmax_cross_entropy").save("net.npz")
    np.savez("d.npz", inputs=np.ones((4, 3)), targets=[0, 1, 1, 0])
    np.save("d.npy", np.ones((4, 3)))
    Path("a.csv").write_text("a,b,c\n1,2,3\n")
    Path("m.onnx").write_bytes(b"\x08\x07")
    return tmp_path


def scenario(network: str, data: str, hardware: str = "ideal") -> str:
    Path("s.toml").write_text(
        f'hardware = "{hardware}"\n[network]\nsource = "file"\npath = "{network}"\n[data]\nsource = "file"\npath = "{data}"\n'
    )
    return "s.toml"


@pytest.mark.parametrize("name", ["net.npz", "m.onnx"])
def test_a_network_given_as_data(here: Path, name: str) -> None:
    words = f"scenario 's': file '{here / name}' holds a network, which belongs in network.path; allowed here: data"
    refuses(words, lambda: prepare(load_scenario(scenario("net.npz", str(here / name)))), FileFormatError)


@pytest.mark.parametrize("name", ["d.npz", "d.npy", "a.csv"])
def test_data_given_as_a_network(here: Path, name: str) -> None:
    words = f"scenario 's': file '{here / name}' holds data, which belongs in data.path; allowed here: a network"
    refuses(words, lambda: prepare(load_scenario(scenario(str(here / name), "d.npz"))), FileFormatError)
    refuses(words.removeprefix("scenario 's': "), lambda: import_network(here / name), FileFormatError)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (bundled_studies()["pair"], "holds a study, which belongs in backwave study"),
        (PRESET, "holds a hardware model, which belongs in hardware.model"),
        (Path("net.npz"), "holds a network, which belongs in network.path"),
        (Path("a.csv"), "holds data, which belongs in data.path"),
    ],
)
def test_what_is_no_scenario(here: Path, path: Path, words: str) -> None:
    refuses(f"file '{path}' {words}; allowed here: a scenario", lambda: load_scenario(path), ScenarioError)


def test_a_scenario_given_as_a_study_or_as_hardware(here: Path) -> None:
    path = bundled()["digits"]
    words = f"file '{path}' holds a scenario, which belongs in backwave run or train; allowed here: a "
    refuses(f"{words}study", lambda: load_study(path), StudyError)
    given = load_scenario(scenario("net.npz", "d.npz", str(path)))
    refuses(f"scenario 's': {words}hardware model", lambda: prepare(given), ScenarioError)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("netwrok", "network"), ("dat", "data"), ("Data", "data"), ("trainig", "training"), ("hardwear", "hardware"), ("net", "network")],
)  # fmt: skip
def test_misspelt_sections(here: Path, written: str, meant: str) -> None:
    Path("s.toml").write_text(f"[{written}]\nsource = 'file'\n")
    refuses(
        f"scenario 's': unknown key '{written}' (did you mean '{meant}'?)",
        lambda: load_scenario("s.toml"),
        ScenarioError,
    )


def test_without_a_title_a_file_is_called_by_its_name(here: Path) -> None:
    assert load_scenario(scenario("net.npz", "d.npz")).title == "s"
    Path("q.toml").write_text('base = "s.toml"\nmetrics = ["accuracy"]\n[repeats]\nchips = 2\n')
    study = load_study("q.toml")
    assert (study.title, study.scenario.title) == ("q", "s")
    assert load_study("q.toml", ["study.title=mine"]).title == "mine"
