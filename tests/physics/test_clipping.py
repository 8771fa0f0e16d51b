"""Waves beyond full scale are counted where they are cut off, said where that matters, and avoided by fitting the range."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import Bilateral, Network, compile_network, settle, train
from emulator.cli import app
from emulator.measure import reference
from emulator.measure.clipping import Clipping, clipped_network
from emulator.measure.ranges import CALIBRATION, fitted, needed, ranges
from emulator.scenario import Scenario, load_scenario
from emulator.study.load import load_study
from emulator.study.run import run_study
from emulator.study.store import Store
from emulator.training import TrainResult
from hwmodels import load

LOUD = """
title = "Loud"
[network]
source = "file"
path = "net.npz"
[data]
source = "file"
path = "data.npz"
[run]
target = "numpy"
pictures = 0
[training]
epochs = 1
[training.data]
source = "file"
path = "data.npz"
"""


def _loud(scale: float) -> tuple[Network, np.ndarray, np.ndarray]:
    """One input of three is beyond a full scale of 4; hidden units and weights stay below it."""
    weights = [np.array([[0.5, 0.1, 0.1], [0.1, 0.1, 0.1]]), np.array([[0.2, 0.3]])]
    network = Network.mlp(weights, [np.zeros(2), np.zeros(1)], "identity")
    return network, np.array([[scale, 0.5, -0.5], [-scale, 0.2, 0.1]]), np.array([[0.1], [0.2]])


def test_the_share_is_that_of_the_ports_beyond_full_scale() -> None:
    network, inputs, targets = _loud(9.0)
    graph = compile_network(network, hardware="loihi2", rounding="nearest")
    result = settle(graph, inputs, targets, target="numpy")
    # 3 inputs and 2 hidden units send: the first input is cut off
    assert result.clipping == Clipping(forward=pytest.approx(2 / 10), backward=0.0, weights=0.0)
    assert result.to_dict()["clipped"]["forward"] == pytest.approx(0.2)
    assert "20.00% of forward" in str(result.clipping.warning())
    quiet = settle(graph, np.clip(inputs, -1, 1), targets, target="numpy")
    assert not quiet.clipping.any and quiet.clipping.warning(0.5) is None


def test_costates_and_weights_are_cut_off_too() -> None:
    network, inputs, targets = _loud(1.0)
    graph = compile_network(network, hardware="loihi2", rounding="nearest")
    result = settle(graph, inputs, targets + 1000.0, target="numpy")
    assert result.clipping.backward == pytest.approx(
        1 / 3
    )  # of the output and two hidden units, which get what is left
    assert result.clipping.forward == 0.0
    heavy = Network.mlp([np.array([[2.5, 1.0, -3.0]])], [np.zeros(1)], "identity")
    assert clipped_network(
        compile_network(heavy, hardware="loihi2", rounding="nearest"), reference(heavy, inputs)
    ).weights == pytest.approx(2 / 3)


def test_any_share_matters_where_the_gradient_is_wrong() -> None:
    little = Clipping(forward=0.001)
    assert little.warning() is None and little.warning(0.999) is None
    assert "substrate.full_scale=network" in str(little.warning(0.3)) and little.warning(float("nan")) is not None
    assert Clipping(weights=0.02).warning(1.0) is not None and Clipping().warning(0.0) is None


def test_full_scales_of_the_network_cut_nothing_off() -> None:
    network, inputs, targets = _loud(9.0)
    exact = reference(network, inputs, targets)
    hardware = fitted(load("loihi2"), ranges(network, exact))
    result = settle(compile_network(network, hardware=hardware, rounding="nearest"), inputs, targets, target="numpy")
    assert not result.clipping.any and result.errors(exact)["gradient_cosine"] > 0.999


def test_calibrated_full_scales_are_those_of_the_first_samples(tmp_path: Path) -> None:
    """What comes later and is larger is cut off, and counted; the first 16 samples never are."""
    network, inputs, _ = _loud(9.0)
    many = np.concatenate([np.repeat(inputs, CALIBRATION // 2, axis=0), 3 * inputs])
    np.savez(tmp_path / "data.npz", inputs=many, targets=np.zeros((len(many), 1)))
    network.save(tmp_path / "net.npz")
    (tmp_path / "loud.toml").write_text(LOUD)
    loud = load_scenario(
        str(tmp_path / "loud.toml"), ["hardware=loihi2", "substrate.rounding=nearest", "substrate.full_scale=calibrate"]
    )
    exact = reference(network, many, np.zeros((len(many), 1)))
    few, whole = needed(network, exact)["calibrate"], needed(network, exact)["network"]
    assert (few.forward, whole.forward) == (9.0, 27.0) and few.backward < whole.backward
    precision = loud.compile().hardware.precision
    assert (precision.forward.full_scale, precision.backward.full_scale) == pytest.approx((few.forward, few.backward))
    assert loud.settle().clipping.forward > 0
    assert not loud.settle(batch=loud.read()[1].first(CALIBRATION)).clipping.any


def test_two_way_lines_count_waves_that_sit_at_full_scale() -> None:
    network, inputs, targets = _loud(9.0)
    law, hardware = Bilateral(1.0), load("ideal").replace({"precision.forward.bits": 12, "precision.backward.bits": 12})
    small = hardware.replace({"precision.forward.full_scale": 0.01, "precision.backward.full_scale": 1e6})
    found = settle(
        compile_network(network, law=law, hardware=small), inputs, targets, target="numpy", hold=20, diagnose=False
    )
    assert found.clipping.forward > 0.2 and found.clipping.backward == 0.0
    large = hardware.replace({"precision.forward.full_scale": 1e6, "precision.backward.full_scale": 1e6})
    assert not settle(
        compile_network(network, law=law, hardware=large), inputs, targets, target="numpy", hold=20, diagnose=False
    ).clipping.any


def test_training_says_what_is_cut_off_before_and_after() -> None:
    network, inputs, targets = _loud(9.0)
    settings = {"epochs": 1, "rounding": "nearest", "target": "numpy"}
    result = train(network, inputs, targets, hardware="loihi2", **settings)  # type: ignore[arg-type]
    assert result.clipping is not None and result.clipping.forward > 0 and result.to_dict()["clipped"]["forward"] > 0
    assert any(text.startswith("before training, cut off") for text in result.warnings)
    assert any(text.startswith("after training, cut off") for text in result.warnings)
    assert train(network, inputs, targets, **settings).clipping is None  # type: ignore[arg-type]


def test_every_command_fits_the_range_when_asked(tmp_path: Path) -> None:
    network, inputs, targets = _loud(9.0)
    network.save(tmp_path / "net.npz")
    np.savez(tmp_path / "data.npz", inputs=inputs, targets=targets)
    scenario = tmp_path / "loud.toml"
    scenario.write_text(LOUD)
    fit = ["--set", "substrate.full_scale=network"]
    common = [str(scenario), "--set", "hardware=loihi2", "--set", "substrate.rounding=nearest"]
    shares = []
    for name, words in (("cut", []), ("whole", fit)):
        for command in ("run", "train"):
            done = CliRunner().invoke(app, [command, *common, *words, "--out", str(tmp_path / f"{command}-{name}")])
            assert done.exit_code == 0, done.output
            assert ("cut off at the hardware's full scale" in " ".join(done.output.split())) == (name == "cut")
            results = json.loads((tmp_path / f"{command}-{name}" / "results.json").read_text())
            shares.append(results["result"]["clipped"]["forward"])
    assert min(shares[:2]) > 0 and max(shares[2:]) == 0
    shown = CliRunner().invoke(app, ["inspect", *common, *fit, "--json", str(tmp_path / "g.json")])
    assert shown.exit_code == 0, shown.output
    done = CliRunner().invoke(app, ["export", *common, *fit, "--out", str(tmp_path / "net")])
    assert done.exit_code == 0 or "loihi2" in str(done.exception), done.output


@pytest.mark.parametrize(("fit", "cut"), [("given", True), ("network", False), ("calibrate", False)])
def test_trainings_in_studies_follow_its_full_scale(fit: str, cut: bool, tmp_path: Path, monkeypatch) -> None:
    network, inputs, targets = _loud(9.0)
    network.save(tmp_path / "net.npz")
    np.savez(tmp_path / "data.npz", inputs=inputs, targets=targets)
    (tmp_path / "loud.toml").write_text(LOUD)
    (tmp_path / "study.toml").write_text(
        f"""
        metrics = ["training_r2"]
        [study]
        title = "Loud"
        [base]
        scenario = "loud.toml"
        full_scale = "{fit}"
        overrides = {{ hardware.model = "loihi2", substrate.rounding = "nearest" }}
        [[axes]]
        key = "hardware.noise.receiver"
        values = [0.0]
        """
    )
    found = []

    def keep(self: Scenario, **how: object) -> TrainResult:
        found.append(trained(self, **how))
        return found[-1]

    trained = Scenario.train
    monkeypatch.setattr(Scenario, "train", keep)
    run_study(load_study(tmp_path / "study.toml"), tmp_path / "study.sqlite", workers=1)
    assert found[0].clipping.any == cut


def test_studies_record_what_is_cut_off(tmp_path: Path) -> None:
    network, inputs, targets = _loud(9.0)
    network.save(tmp_path / "net.npz")
    np.savez(tmp_path / "data.npz", inputs=inputs, targets=targets)
    (tmp_path / "loud.toml").write_text(LOUD)
    study = """
        metrics = ["gradient_cosine"]
        [study]
        title = "Loud"
        [base]
        scenario = "loud.toml"
        full_scale = "{}"
        overrides = {{ hardware.model = "loihi2", substrate.rounding = "nearest", substrate.full_scale = "{}" }}
        [[axes]]
        key = "hardware.noise.receiver"
        values = [0.0]
    """
    for fit, own, share in (("given", "given", 0.2), ("given", "network", 0.0)):
        path, store = tmp_path / "study.toml", tmp_path / f"{fit}-{own}.sqlite"
        path.write_text(study.format(fit, own).replace("[0.0]", "[0.0, 0.001]"))
        run_study(load_study(path), store, workers=1)
        with Store(store) as reader:
            metrics = reader.metrics()
        assert metrics["clipped_forward"][0] == pytest.approx(share) and metrics["clipped_weights"][0] == 0
