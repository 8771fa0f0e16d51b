"""Two-way lines that attenuate, as circuits: from a measured line to ngspice, and back by what the folder says."""

from __future__ import annotations

import json
import re
from functools import partial

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.errors import ExportError, FileFormatError
from emulator.export import Options, spice, verify
from emulator.export.bundle import MAP, seal
from emulator.export.claim import read_claim
from emulator.export.design import chunks
from emulator.export.two_way import two_way
from emulator.measure.rest import operating_point
from emulator.measure.stability import predict
from hwmodels import HardwareModel
from hwmodels.fit_line import fit_line, scattering_parameters
from tests.substrate import delays
from tests.support.circuits import MISHAPS

LAW = Bilateral(0.3, 2.0, far_end=SeriesRC())
UNLIKE = {
    "lines.attenuation_forward": 0.98, "lines.attenuation_backward": 0.96, "lines.impedance_tolerance": 0.1,
    "noise.gain_mismatch_forward": 0.02, "noise.offset_mismatch_backward": 0.01, "noise.offset_mismatch_forward": 0.01,
}  # fmt: skip


def sample(activations: str = "tanh", loss: str = "mse"):
    rng = np.random.default_rng(3)
    network = Network.mlp(
        [rng.normal(size=(4, 3)) / 2, rng.normal(size=(2, 4)) / 2], activations=activations, loss=loss
    )
    targets = rng.normal(size=(1, 2)) if loss == "mse" else np.eye(2)[:1]
    return network, rng.normal(size=(1, 3)), targets


def touchstone(path) -> None:
    """A line of 62 ohm and 2.1 ns, that passes 0.97 of what it gets, below 0.3 GHz, as an analyser stores it."""
    hertz = np.linspace(1e7, 1e9, 200)
    s = scattering_parameters(hertz, 50.0, 62.0, 0.97, 2.1e-9, 0.3e9)
    rows = [
        " ".join(
            repr(float(part))
            for part in (f, *(p for n in (m[0, 0], m[1, 0], m[0, 1], m[1, 1]) for p in (n.real, n.imag)))
        )
        for f, m in zip(hertz, s, strict=True)
    ]
    path.write_text("\n".join(["# Hz S RI R 50", *rows]) + "\n")


def test_a_fitted_lossy_line_runs_is_predicted_exported_and_verified(tmp_path):
    touchstone(tmp_path / "line.s2p")
    fit_line(tmp_path / "line.s2p").to_toml(tmp_path / "line.toml")
    hardware = HardwareModel.from_toml(tmp_path / "line.toml")
    assert hardware.lines.attenuation_forward == pytest.approx(0.97, rel=1e-4)
    network, inputs, targets = sample()
    graph = compile_network(network, law=LAW, hardware=hardware, seed=1, rounding="nearest")
    result = settle(graph, inputs, targets, tolerance=1e-6, hold=200, target="numpy")
    assert result.settled.all()
    predicted = predict(graph, operating_point(graph, reference(network, inputs, targets)), 1e-6).steps
    assert predicted == pytest.approx(int(result.settling_steps[0]), rel=0.25)
    spice(graph, tmp_path / "out", inputs, targets, options=Options(circuit="bilateral"))
    found = verify(tmp_path / "out")
    kinds = {check.name: check.deviation for check in found.checks}
    assert kinds["operating point"] < 1e-9 and kinds["waveforms"] < 1e-6
    net = tmp_path / "out" / "net.cir"
    net.write_text(re.sub(r"(bw_synapse w=)-?([\d.]+)", r"\g<1>1\2", net.read_text(), count=1))
    found = verify(tmp_path / "out")
    assert not found.checks[0].agrees and found.suspects == ()  # no cell's equation holds alone on such lines


@pytest.mark.parametrize(("activations", "loss"), [("tanh", "mse"), ("relu", "softmax_cross_entropy")])
def test_gains_and_offsets_are_in_the_circuit_and_an_edited_line_is_found(tmp_path, activations, loss):
    network, inputs, targets = sample(activations, loss)
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(UNLIKE), seed=3)
    made = spice(graph, tmp_path / "out", inputs, targets, options=Options(circuit="bilateral", volts=0.5))
    assert any("some attenuate" in text for text in made.warnings)
    assert not any("not in the circuit" in text for text in made.warnings)
    found = verify(tmp_path / "out")
    assert {check.name for check in found.checks} == {"operating point", "waveforms", "settled values"}
    assert all(check.deviation < 1e-6 for check in found.checks if check.name != "settled values")
    described = json.loads((tmp_path / "out" / MAP).read_text())
    described["lines"]["gain_forward"][0] = 0.5
    described["seal"] = seal(described)
    (tmp_path / "out" / MAP).write_text(json.dumps(described))
    with pytest.raises(FileFormatError, match="whereas network and sample give"):
        verify(tmp_path / "out")


def wired(activations="tanh", loss="mse", changes=MISHAPS, high=3):
    """A graph whose lines have faults, and a sample."""
    network, inputs, targets = sample(activations, loss)
    named = {"faults.stuck_port": ("x1[1]",), "faults.dead_node": ("x1[3]",), "faults.open_line": ("x1[2]",)}
    placed = {k: v | {"places": named[k]} if k in named else v for k, v in changes.items()}
    return compile_network(network, law=LAW, hardware=delays(1, high).replace(placed), seed=3), inputs, targets


def only(*words):
    return {name: value for name, value in MISHAPS.items() if any(word in name for word in words)}


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        (MISHAPS, Options("bilateral", volts=0.5)),
        *(
            pytest.param(changes, Options("bilateral", "transformer"), marks=pytest.mark.slow)
            for changes in (only("stuck"), only("dead"), only("open", "attenuation"), only("crosstalk"))
        ),
    ],
)
def test_faults_and_leaks_are_in_the_circuit_which_has_brian2s_rest_and_waves(monkeypatch, tmp_path, changes, options):
    """Each direction unlike the other; bundles in pieces, which share the waves of lines that are beside each other."""
    monkeypatch.setattr("emulator.export.bundles.chunks", partial(chunks, size=2))
    graph, inputs, targets = wired(changes=changes, high=2)
    made = spice(graph, tmp_path / "out", inputs, targets, options=options, hold=40)
    assert not any("not in the circuit" in text for text in made.warnings)
    found = {check.name: check.deviation for check in verify(tmp_path / "out").checks}
    assert found["operating point"] < 1e-9 and found["waveforms"] < 1e-6


def test_what_a_folder_says_of_faults_is_held_to_the_rest(tmp_path):
    graph, inputs, targets = wired(changes=only("stuck", "dead"))
    spice(graph, tmp_path / "out", inputs, targets, options=Options("bilateral", termination="lumped"))
    path = tmp_path / "out" / MAP
    for name, value, words in (
        ("broken", 1.0, "no rest that is found"), ("near_at", 0.9, "whereas network and"), ("spill", 0.1, "whereas network and"),
        ("stuck_near", 0.5, "has 0.5; allowed: 0 and 1"), ("spill", 0.7, "is 0.7; allowed: 0 to 0.5"),
    ):  # fmt: skip
        kept = path.read_text()
        described = json.loads(kept)
        lines = described["lines"]
        lines[name] = value if name == "spill" else [value] * len(lines[name])
        described["seal"] = seal(described)
        path.write_text(json.dumps(described))
        with pytest.raises(FileFormatError, match=words):
            read_claim(tmp_path / "out")
        path.write_text(kept)


def test_what_has_no_place_in_a_circuit_is_named_and_the_weights_are_those_of_the_chip(tmp_path):
    network, inputs, targets = sample()
    faults = {"faults.dropped_event": {"rate": 0.1}, "faults.open_line": {"places": ("x1[0]",), "direction": "forward"}}
    changes = faults | {"weights.g_max": 25e-6, "weights.levels": 8}
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(changes), seed=3)
    made = spice(graph, tmp_path / "out", inputs, targets, options=Options(circuit="bilateral"))
    (told,) = [text for text in made.warnings if "not in the circuit" in text]
    assert "faults.dropped_event" in told and "faults.open_line" in told
    found = verify(tmp_path / "out")
    assert found.network == two_way(graph).network.digest != network.digest
    assert all(check.deviation < 1e-6 for check in found.checks if check.name != "settled values")


def test_a_circuit_without_a_rest_is_not_exported(tmp_path):
    """Between two breaks a column floats."""
    graph, inputs, targets = wired(changes={"faults.open_line": {"rate": 1.0}})
    with pytest.raises(ExportError, match="the bilateral circuit has no rest that is found with sample 0"):
        spice(graph, tmp_path / "out", inputs, targets, options=Options("bilateral"))
    assert not (tmp_path / "out").exists()


def test_waves_are_not_compared_from_a_rest_at_a_kink(tmp_path):
    """All inputs of a relu without a bias are 0 before the sample; a stuck port makes an error there."""
    graph, inputs, targets = wired("relu", "softmax_cross_entropy", only("stuck"))
    made = spice(graph, tmp_path / "out", inputs, targets, options=Options("bilateral"))
    assert any("a neuron rests at its kink" in text for text in made.warnings)
    assert [check.name for check in verify(tmp_path / "out").checks] == ["operating point", "settled values"]
