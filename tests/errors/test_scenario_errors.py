"""Every error of scenarios, with its words."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from emulator import FileFormatError, Network, ScenarioError
from emulator.errors import suggest
from emulator.scenario import bundled, load_scenario
from emulator.scenario.build import prepare
from emulator.scenario.config import Config
from emulator.scenario.networks import AnyNetwork
from emulator.scenario.outdir import staged
from tests.refusals import refuses

BASE = """
title = "t"
[network]
source = "random-mlp"
sizes = [3, 2]
[data]
source = "random"
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.toml"
    path.write_text(BASE)
    return path


RUN_KEYS = "run.hold, run.hold_seconds, run.threshold, run.target, run.seed, run.tolerance, run.age, run.pictures"
TOP_KEYS = ", ".join(Config.model_fields)
BUNDLED = ", ".join(bundled())
SOURCES = [get_args(kind.model_fields["source"].annotation)[0] for kind in get_args(get_args(AnyNetwork)[0])]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("run.hol=3", f"unknown key 'run.hol' (did you mean 'run.hold'?); allowed: {RUN_KEYS}"),
        ("run.ramp=3", "run.ramp is given; allowed: data.ramp, the key of the drivers"),
        ("data.ramp={}", "data.ramp is {}; allowed: one of steps, seconds and share"),
        ("data.ramp={steps=3, share=0.2}", "data.ramp.steps and data.ramp.share are both given; allowed: one of them"),
        ("hold=3", f"unknown key 'hold' (did you mean 'run.hold'?); allowed: {TOP_KEYS}"),
        ("titel=x", f"unknown key 'titel' (did you mean 'title'?); allowed: {TOP_KEYS}"),
        (
            "network.size=3",
            "unknown key 'network.size' (did you mean 'network.sizes'?); allowed: network.penalties, network.source, network.sizes, "
            "network.width, network.depth, "
            "network.activation, network.loss, network.scale, network.weights, network.seed",
        ),
        ("law.gama=1", "unknown key 'law.gama' (did you mean 'law.gamma'?); allowed: law.gamma, law.beta"),
        ("law.name=matcht", "law.name is 'matcht' (did you mean 'matched'?); allowed: matched, worldsheet"),
        ("law.beta=3", "law matched: beta is 3; allowed: 0 to 2"),
        ("network={}", f"network.source is missing; allowed: {', '.join(SOURCES)}"),
        (
            "network.source=random-mpl",
            "network.source is 'random-mpl' (did you mean 'random-mlp'?); allowed: random-mlp, digits-mlp, "
            "digits-residual, ",
        ),
        ("data={source='file'}", "data.path is missing; it must be given"),
        ("network.activation=tan", "network.activation is 'tan' (did you mean 'tanh'?); allowed: tanh, identity"),
        ("run.target=nump", "run.target is 'nump' (did you mean 'numpy'?); allowed: numpy, auto, cython, standalone"),
        ("run.seed=1.5", "run.seed is 1.5; allowed: whole numbers from 0"),
        ("run.seed=x", "run.seed is 'x'; allowed: whole numbers from 0"),
        ("run.seed=-1", "run.seed is -1; allowed: whole numbers from 0"),
        ("run.hold=x", "run.hold is 'x'; allowed: a finite number above 0"),
        ("run.hold=nan", "run.hold is nan; allowed: a finite number above 0"),
        ("run.hold=0", "run.hold is 0; allowed: a finite number above 0"),
        ("run.tolerance=1", "run.tolerance is 1; allowed: above 0 and below 1"),
        ("run=3", "run is 3; allowed: a table"),
        ("law=3", "law is 3; allowed: a table"),
        ("hardware.noise=3", "hardware.noise is 3; allowed: a table"),
        ("data.targets=1", "data.targets is 1; allowed: true or false"),
        ("title=3", "title is 3; allowed: a text"),
        ('title=""', "title is ''; allowed: a text that is not empty"),
        ("network.sizes=3", "network.sizes is 3; allowed: a list"),
        ("network.depth=3", "network has sizes and depth; allowed with random-mlp: sizes, or width and depth"),
        ("network.sizes=[3]", "network.sizes is [3]; allowed: a list of at least 2"),
        ("network.sizes=[3, 0]", "network.sizes[1] is 0; allowed: whole numbers from 1"),
    ],
)
def test_wrong_keys_and_values(base: Path, change: str, words: str) -> None:
    refuses(f"scenario 'base': {words}", lambda: load_scenario(base, [change]), ScenarioError)


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ("hardware.set.noise.receiver=3.0", ".noise.receiver", ".noise.receiver"),
        ("hardware={model='sfq', set={lines={delay_forward={kind='steps'}}}}", ".lines.delay_forward", None),
        ("hardware.set={clock={}}", ".clock", None),
        ("hardware.set=3", "", ".noise.receiver, say"),
    ],
)
def test_the_old_spelling_of_a_field_is_refused_with_the_new_one(base: Path, change: str, old: str, new: str) -> None:
    words = f"hardware.set{old} is an old spelling; allowed: hardware{new or old}"
    refuses(f"scenario 'base': {words}", lambda: load_scenario(base, [change]), ScenarioError)


def test_a_field_without_its_section_is_told_where_it_belongs(base: Path) -> None:
    for change, meant in (("noise.receiver=1", "hardware.noise"), ("hardware.noize.receiver=1", "hardware.noise")):
        words = f"unknown key '{change.rpartition('.')[0]}' (did you mean '{meant}'?)"
        refuses(f"scenario 'base': {words}", lambda change=change: load_scenario(base, [change]), ScenarioError)


def test_missing_section(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('title = "t"\n[network]\nsource = "random-mlp"\nsizes = [1, 1]\n')
    refuses(
        "scenario 's': data is missing; it must be given", lambda: load_scenario(tmp_path / "s.toml"), ScenarioError
    )


def test_unknown_keys_come_before_wrong_values(base: Path) -> None:
    changes = ["network.sizes=3", "run.hol=3"]
    refuses("scenario 'base': unknown key 'run.hol'", lambda: load_scenario(base, changes), ScenarioError)


def test_two_holds(base: Path) -> None:
    refuses(
        "scenario 'base': run.hold and run.hold_seconds are both given; allowed: one of them",
        lambda: load_scenario(base, ["run.hold=1", "run.hold_seconds=1e-9"]),
        ScenarioError,
    )


@pytest.mark.parametrize("text", ["seed", "=3", "a b=3", "a.=3", "a\nb=3"])
def test_override_without_form(base: Path, text: str) -> None:
    words = f"override is {text!r}; allowed: key=value with a dotted key, such as run.seed=1"
    refuses(words, lambda: load_scenario(base, [text]), ScenarioError)


def test_unknown_name() -> None:
    refuses(
        f"unknown scenario {suggest('digit', bundled())}, or the path of a .toml file",
        lambda: load_scenario("digit"),
        ScenarioError,
    )


@pytest.mark.parametrize("name", ["gone.toml", "some/where"])
def test_missing_file(name: str) -> None:
    words = f"there is no scenario file '{name}'; bundled: {BUNDLED}"
    refuses(words, lambda: load_scenario(name), ScenarioError)


@pytest.mark.parametrize("content", [b"title = ", b"\xff\xfe"])
def test_no_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    refuses(f"scenario '{path}' is not a TOML file: ", lambda: load_scenario(path), ScenarioError)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["hardware=idael"], "hardware.model: idael: is neither a preset nor a file ending in .toml (did you mean"),
        (
            ["hardware=my.toml"],
            "hardware.model is 'my.toml', and there is no such file; allowed: a file beside the scenario or in the "
            "current directory",
        ),
        (["hardware.lines.jiter=1"], "hardware.lines.jiter: unknown field (did you mean 'hardware.lines.jitter'?)"),
        (["hardware.lines.jitter=2 V"], "hardware.lines.jitter: '2 V' is in V, expected s"),
        (
            ["hardware=cmos-sky130"],
            "hardware.model 'cmos-sky130' lacks what must be supplied: hardware.clock.node_update_interval",
        ),
        (["network={source='file', path='n.npz'}"], "network.path is 'n.npz', and there is no such file; allowed: "),
        (["data={source='file', path='d.npz'}"], "data.path is 'd.npz', and there is no such file; allowed: "),
    ],
)
def test_what_cannot_be_built(base: Path, changes: list[str], words: str) -> None:
    refuses(f"scenario 'base': {words}", lambda: prepare(load_scenario(base, changes)), ScenarioError)


@pytest.mark.parametrize("content", [b"no archive", b"", b"PK\x03\x04 broken"])
def test_damaged_data(base: Path, content: bytes) -> None:
    path = base.parent / "d.npz"
    path.write_bytes(content)
    refuses(
        f"scenario 'base': file '{path}' is not an .npz file of plain arrays: ",
        lambda: prepare(load_scenario(base, ["data={source='file', path='d.npz'}"])),
        FileFormatError,
    )


@pytest.mark.parametrize("kind", ["pickle", "array"])
def test_data_that_would_run_code_or_is_one_array(base: Path, kind: str) -> None:
    path = base.parent / "d.npz"
    if kind == "pickle":
        np.savez(path, inputs=np.array([{"a": 1}], dtype=object))
    else:
        with path.open("wb") as file:
            np.save(file, np.ones((2, 3)))
    refuses(
        f"scenario 'base': file '{path}' is not an .npz file of plain arrays: ",
        lambda: prepare(load_scenario(base, ["data={source='file', path='d.npz'}"])),
        FileFormatError,
    )


def test_data_without_inputs(base: Path) -> None:
    path = base.parent / "d.npz"
    np.savez(path, pixels=np.ones((2, 3)))
    refuses(
        f"scenario 'base': file '{path}' has no array 'inputs'; arrays: pixels",
        lambda: prepare(load_scenario(base, ["data={source='file', path='d.npz'}"])),
        FileFormatError,
    )


def test_damaged_network(base: Path) -> None:
    path = base.parent / "n.npz"
    path.write_bytes(b"no archive")
    refuses(
        f"scenario 'base': file '{path}' is not a network file or is damaged: ",
        lambda: prepare(load_scenario(base, ["network={source='file', path='n.npz'}"])),
        FileFormatError,
    )


def test_saved_network_is_found(base: Path) -> None:
    Network.mlp([np.ones((2, 3))]).save(base.parent / "n.npz")
    assert prepare(load_scenario(base, ["network={source='file', path='n.npz'}"])).graph.neurons == 5


def test_output_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("text")
    words = f"output '{path}' is a file; allowed: a new folder, or one with results of an earlier run"
    refuses(words, lambda: staged(path, force=True).__enter__(), ScenarioError)


@pytest.mark.parametrize("results", [None, "no json", "[]", '{"format": "other", "files": ["a"]}', '{"files": 3}'])
def test_output_holds_other_files(tmp_path: Path, results: str | None) -> None:
    (tmp_path / "a").write_text("text")
    if results is not None:
        (tmp_path / "results.json").write_text(results)
    words = (
        f"output folder '{tmp_path}' holds other files than the results of a run; "
        "allowed: a new or empty folder, one with earlier results only, or --force to write among them"
    )
    refuses(words, lambda: staged(tmp_path).__enter__(), ScenarioError)


@pytest.mark.parametrize("name", ["digits", "two-way", "residual"])
@pytest.mark.parametrize("section", ["network", "data"])
def test_another_source_is_asked_for_what_it_lacks_and_not_for_what_the_former_had(name, section):
    with pytest.raises(ScenarioError) as error:
        load_scenario(name, [f"{section}.source=file"])
    assert str(error.value) == f"scenario '{name}': {section}.path is missing; it must be given"


def test_what_another_source_or_law_knows_too_stays():
    found = load_scenario("two-way", ["data.source=random", "network.path=mine.npz", "network.source=file"]).config
    assert (found.data.source, found.data.limit, found.network.path) == ("random", 12, "mine.npz")
    law = load_scenario("two-way", ["law.name=worldsheet"]).config.law
    assert law.parameters == {"impedance": 0.4}
    with pytest.raises(ScenarioError, match=r"unknown key 'network.hiden' \(did you mean 'network.hidden'"):
        load_scenario("digits", ["network.hiden=[3]", "network.source=digits-mlp"])
