"""Two-way lines that attenuate, as circuits: from a measured line to ngspice, and back by what the folder says."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.errors import FileFormatError
from emulator.export import Options, spice, verify
from emulator.export.bundle import MAP, seal
from emulator.families.bilateral.held import as_held
from emulator.measure.rest import operating_point
from emulator.measure.stability import predict
from hwmodels import HardwareModel
from hwmodels.fit_line import fit_line, scattering_parameters
from tests.substrate import delays

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


def test_faults_are_named_as_left_out_and_the_weights_are_those_of_the_chip(tmp_path):
    network, inputs, targets = sample()
    faults = {"faults.stuck_port": {"places": ("x1[0]",), "value": 0.2}, "lines.crosstalk": 0.02}
    changes = faults | {"weights.g_max": 25e-6, "weights.levels": 8}
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(changes), seed=3)
    made = spice(graph, tmp_path / "out", inputs, targets, options=Options(circuit="bilateral"))
    (told,) = [text for text in made.warnings if "not in the circuit" in text]
    assert "lines.crosstalk" in told and "faults.stuck_port" in told
    found = verify(tmp_path / "out")
    assert found.network == as_held(graph).network.digest != network.digest
    assert all(check.deviation < 1e-6 for check in found.checks if check.name != "settled values")
