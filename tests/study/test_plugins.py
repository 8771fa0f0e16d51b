"""Parts from outside: an installed plug-in, and what a script registers, work in one process and in several."""

from __future__ import annotations

import os
import subprocess
import sys
from configparser import ConfigParser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import pytest

from emulator import Network, Resistive, compile_network, reference, settle, train, tune
from emulator.errors import BackwaveError
from emulator.laws import LAWS, NodeLaw
from emulator.measure.forecast import settling_steps
from emulator.network import ACTIVATIONS, ActivationFunction
from emulator.plugins import REGISTRIES, Parts, missing, registry_of
from emulator.processes import InProcess, equip
from emulator.study.load import load_study
from emulator.study.metrics import METRICS, Metric
from emulator.study.run import run_study
from emulator.study.store import Store
from hwmodels import load, presets
from tests.support.imports import imports
from tests.support.small import BASE, STUDY, rows, write

PLUGIN = Path(__file__).parents[1] / "plugin"
PARTS = {
    "backwave.laws": "lagging",
    "backwave.activations": "softsign",
    "backwave.ports": "halved",
    "backwave.metrics": "largest_output",
    "backwave.formats": "edges",
    "backwave.importers": ".widths",
    "backwave.presets": "slow-board",
}
PLUGGED = """
title = "Everything from outside"
[network]
source = "file"
path = "net.widths"
loss = "softmax_cross_entropy"
[data]
source = "random"
samples = 2
[law]
name = "lagging"
[hardware]
model = "slow-board"
[run]
target = "numpy"
[training]
epochs = 1
port = { name = "halved", rate = 0.1 }
data = { source = "random", samples = 2 }
"""
POINTS = """
base = "small.toml"
metrics = ["largest_output", "settled_fraction", "training_accuracy"]
[study]
title = "Plugged"
[[axes]]
key = "law.name"
values = ["matched", "lagging"]
"""


@pytest.fixture
def plugged(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGIN))


def test_every_kind_of_part_is_found_and_checked(plugged, tmp_path):
    assert set(PARTS) == set(REGISTRIES)
    for group, name in PARTS.items():
        registry = registry_of(group)
        assert name in registry and name in list(registry)
        assert registry[name] is registry[name]
    assert "slow-board" in presets() and load("slow-board").lines.delay_forward is not None


def test_every_part_is_one_file():
    """Each in a module of its own that knows of no other, so that adding one touches nothing else."""
    found = entry_points(PLUGIN)
    assert {group for group, _ in found} == set(REGISTRIES)
    assert len(set(found.values())) == len(found)
    ours = [one for one in imports("tests") if one.importer.startswith("tests.plugin.")]
    assert {one.importer.rpartition(".")[2] for one in ours} == {module.rpartition(".")[2] for module in found.values()}
    assert [str(one) for one in ours if "backwave_example" in one.imported] == []


def entry_points(folder: Path) -> dict[tuple[str, str], str]:
    """Module of every part, by group and name."""
    reader = ConfigParser(delimiters="=")
    reader.read(next(folder.glob("*.dist-info")) / "entry_points.txt")
    return {(group, name): at.partition(":")[0] for group in reader.sections() for name, at in reader[group].items()}


def test_without_the_plugin_nothing_is_known_of_it():
    for group, name in PARTS.items():
        assert name not in registry_of(group) and name not in list(registry_of(group))


@pytest.mark.slow
def test_a_study_of_a_plugin_runs_in_two_processes(tmp_path):
    write(tmp_path, POINTS, PLUGGED)
    (tmp_path / "net.widths").write_text("3 4 2")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PLUGIN), str(PLUGIN.parents[1])])}
    command = [sys.executable, "-m", "emulator", "study", "study.toml"]
    how = ["--workers", "2", "--store", "s.sqlite"]
    done = subprocess.run([*command, *how], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path / "s.sqlite")
    assert len(found) >= 6 and all(value is not None for _, name, value in found)
    bare = {**environment, "PYTHONPATH": str(PLUGIN.parents[1])}
    refused = subprocess.run([*command, "--store", "x"], cwd=tmp_path, env=bare, capture_output=True, text=True)
    assert refused.returncode == 2 and "'largest_output'" in refused.stderr and "Traceback" not in refused.stderr


FAMILY = """
base = "small.toml"
metrics = ["gradient_cosine", "settled_fraction"]
[study]
title = "A family from outside"
[[axes]]
key = "law.share"
values = [0.4, 0.9]
"""
RELAXING = """
title = "Relaxing"
[network]
source = "random-mlp"
sizes = [3, 4, 2]
[data]
source = "random"
samples = 3
[law]
name = "relaxing"
[run]
target = "numpy"
"""


def test_a_family_from_outside_is_run_predicted_diagnosed_and_tuned(plugged):
    law = LAWS["relaxing"]
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(4, 3)), rng.normal(size=(2, 4))], activations=["tanh", "identity"])
    inputs, targets = rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    exact = reference(network, inputs, targets)
    graph = compile_network(network, law=law(0.4))
    result = settle(graph, inputs, targets, hold=200, target="numpy")
    assert result.settled.all() and max(result.errors(exact)[kind] for kind in ("state", "costate", "gradient")) < 1e-12
    assert abs(settling_steps(graph, exact) - result.settling_steps[0]) <= 1
    ringing = compile_network(network, law=law(1.9))
    assert "fast enough: share = 0.5" in settle(ringing, inputs, targets, hold=100, target="numpy").reason
    found = tune(ringing, inputs[:1], targets[:1], evaluations=40, target="numpy")
    assert found.after.measured.settling_steps[0] < 20 < found.before.measured.settling_steps[0]
    noisy = compile_network(network, law=law(), hardware=load("ideal").replace({"noise.receiver": 0.1}))
    with pytest.raises(BackwaveError, match="allowed with law relaxing: the ideal value; law "):
        settle(noisy, inputs, targets)
    with pytest.raises(BackwaveError, match=r"law relaxing: allowed: .* no learning"):
        train(network, inputs, targets, law=law(), port=Resistive(0.1), epochs=1, target="numpy")


@pytest.mark.slow
def test_a_family_from_outside_runs_in_two_processes(tmp_path, plugged, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PLUGIN), os.environ.get("PYTHONPATH", "")]))
    study = load_study(write(tmp_path, FAMILY, RELAXING))
    found = []
    for workers in (1, 2):
        store = tmp_path / f"{workers}.sqlite"
        assert run_study(study, store, workers=workers).complete
        found.append(rows(store))
    assert found[0] == found[1]
    assert {value for _, name, value in found[0] if name == "settled_fraction"} == {1.0}
    assert all(value > 1 - 1e-9 for _, name, value in found[0] if name == "gradient_cosine")


@dataclass(frozen=True)
class Halfway(NodeLaw):
    impedance: float = 1.0
    name = "halfway"
    state_update = "x = 0.5*(x + F)"
    costate_update = "lam = 0.5*(lam + B)"


@pytest.mark.slow
def test_what_a_script_registers_reaches_workers(tmp_path, monkeypatch):
    monkeypatch.setitem(LAWS, "halfway", Halfway)
    monkeypatch.setitem(
        METRICS, "outputs", Metric("", "higher", "number of outputs", compute=lambda run: run.held.size)
    )
    sine = ActivationFunction("sine", np.sin, np.cos, lambda s: -np.sin(s), brian2=("sin(s)", "cos(s)"))
    monkeypatch.setitem(ACTIVATIONS, "sine", sine)
    base = BASE.replace("sizes =", 'activation = "sine"\nsizes =') + '[law]\nname = "halfway"\n'
    study = load_study(write(tmp_path, STUDY.replace('"energy"', '"outputs"'), base))
    found = []
    for workers in (1, 2):
        store = tmp_path / f"{workers}.sqlite"
        assert run_study(study, store, workers=workers).complete
        with Store(store) as reader:
            assert {record.status for record in reader.records()} == {"settled"}
        found.append(rows(store))
    assert found[0] == found[1]
    assert {value for _, name, value in found[0] if name == "outputs"} == {4.0}


class Elsewhere(InProcess):
    """A pool whose workers answer as if a plug-in were not there."""

    def ask(self, function, *given):
        return {"w1": ["law 'lagging' (backwave_example.laws:Lagging)"]}


def test_a_study_whose_parts_a_worker_lacks_is_refused(plugged, monkeypatch):
    assert equip(InProcess(), {}) == Parts()
    parts = Parts.of({"law": {"name": "lagging"}})
    assert ("backwave.laws", "lagging", "backwave_example.laws:Lagging") in parts.loaded
    assert missing(b"", parts.loaded) == []
    strange = [*parts.loaded, ("backwave.laws", "nowhere", "a:b"), ("backwave.laws", "lagging", "other:Lagging")]
    assert len(missing(b"", tuple(strange))) == 2
    monkeypatch.setattr("emulator.processes.InProcess", type("Other", (), {}))
    with pytest.raises(BackwaveError, match=r"worker w1 lacks law 'lagging' .*; allowed: workers in which every part"):
        equip(Elsewhere(), {"law": {"name": "lagging"}})


def test_what_cannot_be_sent_is_refused(monkeypatch):
    monkeypatch.setitem(METRICS, "open", Metric("", "higher", "", compute=partial(int, Lock())))
    with pytest.raises(BackwaveError, match="metric 'open' cannot be sent to workers"):
        Parts.of()


@pytest.mark.parametrize(
    ("group", "name", "part", "words"),
    [
        ("backwave.laws", "matched", Halfway, "law 'matched' is built in; allowed: another name"),
        ("backwave.laws", "own", NodeLaw, "law 'own' is <class"),
        ("backwave.ports", "own", Halfway, "parameter port 'own' is <class"),
        ("backwave.metrics", "own", Metric("", "best", ""), "metric 'own': better is 'best'; allowed: higher, lower"),
        ("backwave.metrics", "own", Metric("", "lower", ""), "metric 'own': compute is None; allowed: a function"),
        ("backwave.formats", "own", ("../x", print), "export format 'own' is ('../x'"),
        ("backwave.importers", "own", print, "importer 'own' is <built-in function print>; allowed: a function"),
        ("backwave.presets", "own", 3, "preset 'own': is 3; allowed: a HardwareModel"),
    ],
)
def test_parts_of_a_wrong_kind_are_refused(group, name, part, words):
    with pytest.raises(BackwaveError) as caught:
        registry_of(group)[name] = part
    assert words in str(caught.value)


def test_a_metric_that_fails_is_named(monkeypatch):
    from emulator.study.metrics import _value

    with pytest.raises(BackwaveError, match="metric 'broken' raises ZeroDivisionError"):
        _value("broken", lambda run: 1 / 0, None)


def test_a_plugin_that_cannot_be_imported_is_named(tmp_path, monkeypatch):
    folder = tmp_path / "broken-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[backwave.laws]\nbroken = nothing_there:Law\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "broken" in LAWS
    with pytest.raises(
        BackwaveError, match=r"law 'broken' of broken \(nothing_there:Law\) cannot be loaded: ModuleNotFound"
    ):
        LAWS["broken"]
