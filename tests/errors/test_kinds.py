"""Files in each other's place, and misspelt sections: a sentence that says what it is and where it belongs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import FileFormatError, Network, ScenarioError, StudyError
from emulator.cli import app
from emulator.importers import import_network
from emulator.kinds import kind_of
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
    words = f"scenario 's': file '{here / name}' holds a network, which belongs in network.path of a scenario, or in backwave import; allowed here: data"
    refuses(words, lambda: prepare(load_scenario(scenario("net.npz", str(here / name)))), FileFormatError)


@pytest.mark.parametrize("name", ["d.npz", "d.npy", "a.csv"])
def test_data_given_as_a_network(here: Path, name: str) -> None:
    words = f"scenario 's': file '{here / name}' holds data, which belongs in data.path of a scenario; allowed here: a network"
    refuses(words, lambda: prepare(load_scenario(scenario(str(here / name), "d.npz"))), FileFormatError)
    refuses(words.removeprefix("scenario 's': "), lambda: import_network(here / name), FileFormatError)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (bundled_studies()["pair"], "holds a study, which belongs in backwave study"),
        (PRESET, "holds a hardware model, which belongs in hardware.model of a scenario, or in --set hardware=FILE"),
        (Path("net.npz"), "holds a network, which belongs in network.path of a scenario, or in backwave import"),
        (Path("a.csv"), "holds data, which belongs in data.path of a scenario"),
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


_TEXTS = {
    "mine.toml": '[network]\nsource = "digits"\n[data]\nsource = "digits"\n',
    "many.toml": '[study]\ntitle = "t"\n[base]\nscenario = "digits"\n',
    "law.toml": '[law]\nname = "worldsheet"\nbeta = 0.5\n',
    "chip.toml": 'name = "chip"\n[lines]\ndelay_forward = "1 ns"\n',
    "table.csv": "a,b,label\n1,2,x\n",
    "cable.s2p": "# GHz S RI R 50\n1 0 0 1 0 1 0 0 0\n",
    "model.onnx": "\x08\x07",
    "model.pt": "PK",
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """One file of every kind, in the current folder."""
    for name, text in _TEXTS.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    np.savez(tmp_path / "data.npz", x=np.zeros(3))
    Network.mlp([np.ones((2, 3))]).save(tmp_path / "net.npz")
    with sqlite3.connect(tmp_path / "kept.sqlite") as link:
        link.execute("CREATE TABLE points (id TEXT)")
    for folder, name, text in (("circuit", "map.json", '{"format": "backwave-export"}'), ("out", "results.json", "{}")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


_KINDS = {
    "mine.toml": ("a scenario", "backwave run or train"),
    "many.toml": ("a study", "backwave study"),
    "law.toml": ("a law", "law of a scenario, or in --set law=FILE"),
    "chip.toml": ("a hardware model", "hardware.model of a scenario"),
    "table.csv": ("data", "data.path"),
    "data.npz": ("data", "data.path"),
    "net.npz": ("a network", "network.path of a scenario, or in backwave import"),
    "model.onnx": ("a network", "network.path"),
    "model.pt": ("a network", "network.path"),
    "cable.s2p": ("a measured line", "backwave fit"),
    "kept.sqlite": ("the store of a study", "backwave report"),
    "circuit": ("an exported circuit", "backwave verify"),
    "out": ("results of a run", "backwave view"),
}
_TAKES = {
    "run": {"mine.toml"}, "train": {"mine.toml"}, "inspect": {"mine.toml", "net.npz", "model.onnx"}, "tune": {"mine.toml"},
    "study": {"many.toml"}, "view": {"out", "kept.sqlite"}, "report": {"kept.sqlite"}, "verify": {"circuit"},
}  # fmt: skip


@pytest.mark.parametrize("command", _TAKES)
def test_a_file_of_another_kind_is_named_with_what_takes_it(files, command):
    """Whatever is given to a command, the answer says what it is."""
    for name, (kind, use) in _KINDS.items():
        if name in _TAKES[command]:
            continue
        answer = CliRunner().invoke(app, [command, name])
        said = " ".join(answer.output.split())
        assert (answer.exit_code, f"'{name}' holds {kind}, which belongs in {use}" in said) == (2, True), said


def test_each_kind_is_told(files):
    assert {name: kind_of(files / name).words for name in _KINDS} == {name: kind for name, (kind, _) in _KINDS.items()}


@pytest.mark.parametrize(("command", "name", "right"), [("run", "pair", "study"), ("study", "digits", "run or train")])
def test_bundled_names_of_the_other_kind(command, name, right):
    answer = CliRunner().invoke(app, [command, name])
    assert answer.exit_code == 2 and f"which belongs in backwave {right}" in answer.output


def test_what_is_of_no_kind_is_left_to_its_reader(tmp_path):
    """A damaged file, a mixture of tables and no file at all are not called anything."""
    (tmp_path / "odd.toml").write_text("[network]\n[axes]\n")
    (tmp_path / "bad.toml").write_text("= = =")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04")
    (tmp_path / "map.json").write_text("[")
    for path in ("odd.toml", "bad.toml", "text", "cut.npz", "", "none.toml"):
        assert kind_of(tmp_path / path) is None


@pytest.mark.parametrize("command", [["fit", "table.csv"], ["tune", "two-way"]])
def test_a_name_under_which_nothing_would_find_the_file_again(files, command):
    answer = CliRunner().invoke(app, [*command, "--out", "x.yaml"])
    assert answer.exit_code == 2 and "--out is 'x.yaml'; allowed: a path that ends in .toml" in answer.output
    assert not (files / "x.yaml").exists()


class TestLawFiles:
    """What `backwave tune --out` writes is a value of `law`."""

    def _law(self, *overrides):
        from emulator.scenario import load_scenario

        return load_scenario("digits", overrides).config.law.build()

    def test_a_file_stands_for_its_law(self, files):
        law = self._law("law=law.toml")
        assert (law.name, law.beta) == ("worldsheet", 0.5)

    def test_single_parameters_change_it(self, files):
        assert self._law("law=law.toml", "law.beta=0.25").beta == 0.25

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("none.toml", "law is 'none.toml', and there is no such file"),
            ("mine.toml", "holds a scenario, which belongs in backwave run or train; allowed here: a law"),
            ("empty.toml", "holds no table [law] alone"),
            ("text.toml", "allowed: matched, worldsheet"),
        ],
    )
    def test_other_files_are_refused(self, files, name, words):
        (files / "empty.toml").write_text("")
        (files / "text.toml").write_text('law = "other"')
        answer = CliRunner().invoke(app, ["run", "digits", "--set", f"law={name}"])
        assert answer.exit_code == 2 and words in answer.output
