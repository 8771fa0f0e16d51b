"""Line fits recover known lines, and refuse what is no line."""

import numpy as np
import pytest

from hwmodels import HardwareError, HardwareModel, rng
from hwmodels.fit_line import fit_line, scattering_parameters

skrf = pytest.importorskip("skrf")

F = np.linspace(1e7, 6e9, 300)


def write(path, s, f=F, z0=50):
    """Write a Touchstone file."""
    skrf.Network(f=f, f_unit="Hz", s=s, z0=z0).write_touchstone(path.stem, dir=str(path.parent), form="ri")
    return path


def line(impedance=62.0, attenuation=0.9, delay=0.43e-9, bandwidth=4e9, noise=0.0, f=F):
    """Scattering matrices of a known line in a 50 ohm system."""
    s = scattering_parameters(f, 50.0, impedance, attenuation, delay, bandwidth)
    parts = rng(1, "noise").standard_normal((2, *s.shape))
    return s + noise * (parts[0] + 1j * parts[1])


@pytest.mark.parametrize(
    ("impedance", "attenuation", "delay", "bandwidth"),
    [
        (62.0, 0.9, 0.43e-9, 4e9),
        (50.0, 0.7, 1e-9, 8e9),
        (28.0, 0.98, 0.1e-9, 2e9),
        (110.0, 0.6, 0.7e-9, 20e9),
    ],
)
def test_known_lines_are_recovered(tmp_path, impedance, attenuation, delay, bandwidth):
    file = write(tmp_path / "line.s2p", line(impedance, attenuation, delay, bandwidth, noise=1e-4))
    report = fit_line(file)
    lines = report.model.lines
    assert lines.impedance == pytest.approx(impedance, rel=1e-3)
    assert lines.attenuation_forward == pytest.approx(attenuation, rel=1e-3)
    assert lines.delay_forward.mean == pytest.approx(delay, rel=1e-3)
    assert lines.bandwidth == pytest.approx(bandwidth, rel=5e-3)
    assert report.r2 > 0.9999
    assert report.rms_residual == pytest.approx(np.sqrt(2) * 1e-4, rel=0.1)
    assert report.n == 300


def test_fit_agrees_with_a_circuit_simulation(tmp_path):
    """A lossless 75 ohm line of scikit-rf's own transmission-line model."""
    media = skrf.media.DefinedGammaZ0(skrf.Frequency.from_f(F, unit="Hz"), z0=75, gamma=2j * np.pi * F / 2e8)
    network = media.line(0.1, "m", z0=75)
    network.renormalize(50)
    report = fit_line(write(tmp_path / "line.s2p", network.s))
    assert report.model.lines.impedance == pytest.approx(75, rel=1e-4)
    assert report.model.lines.delay_forward.mean == pytest.approx(0.5e-9, rel=1e-4)
    assert report.model.lines.attenuation_forward == pytest.approx(1, abs=1e-4)


def test_unresolved_pole_is_left_unlimited(tmp_path):
    report = fit_line(write(tmp_path / "line.s2p", line(bandwidth=1e13)))
    assert report.model.lines.bandwidth is None
    assert "bandwidth_Hz" not in report.parameters


def test_report_makes_a_model_file_with_sources(tmp_path):
    report = fit_line(write(tmp_path / "cable.s2p", line(noise=1e-3)), name="mine")
    report.to_toml(tmp_path / "my.toml")
    model = HardwareModel.from_toml(tmp_path / "my.toml")
    assert model == report.model
    assert model.name == "mine"
    assert model.source("lines.impedance").text == "fit to cable.s2p"
    assert "impedance_ohm = 61.99" in report.summary()


def test_an_unmatched_reference_resistance_is_respected(tmp_path):
    s = scattering_parameters(F, 75.0, 62.0, 0.9, 0.43e-9, 4e9)
    assert fit_line(write(tmp_path / "l.s2p", s, z0=75)).model.lines.impedance == pytest.approx(62, rel=1e-4)


def broken(**places):
    """A good line with some entries replaced."""
    s = line().copy()
    for place, value in places.items():
        s[tuple(int(digit) for digit in place[1:].split("_"))] = value
    return s


@pytest.mark.parametrize(
    ("s", "f", "words"),
    [
        (line()[:9], F[:9], "bad.s2p: has 9 points, allowed: at least 10"),
        (broken(i3_1_0=np.nan), F, "bad.s2p: contains NaN or infinite values"),
        (line() * 1.3, F, "bad.s2p: is active at .* Hz .largest singular value 1.*, allowed: a passive line"),
        (line() * [[1, 0.5], [1, 1]], F, "bad.s2p: is not reciprocal .S12 and S21 differ by 0.4"),
        (
            0.5 * line() * np.exp(1j * rng(0, "p").uniform(0, 6, (300, 1, 1))),
            F,
            "bad.s2p: the line model explains only R2 = .* of the data, allowed: at least 0.95",
        ),
    ],
)
def test_what_is_no_line_is_refused(tmp_path, s, f, words):
    with pytest.raises(HardwareError, match=words):
        fit_line(write(tmp_path / "bad.s2p", s, f))


def test_corrupt_files_are_refused(tmp_path):
    file = write(tmp_path / "bad.s2p", line())
    text = file.read_text()
    file.write_text(text[: len(text) // 2])
    with pytest.raises(HardwareError, match=r"bad.s2p: is no readable Touchstone file"):
        fit_line(file)
    file.write_text("hello\nworld\n")
    with pytest.raises(HardwareError, match=r"bad.s2p: is no readable Touchstone file"):
        fit_line(file)
    with pytest.raises(HardwareError, match=r"absent.s2p: no such file"):
        fit_line(tmp_path / "absent.s2p")


def test_one_port_files_are_refused(tmp_path):
    file = write(tmp_path / "one.s1p", line()[:, :1, :1])
    with pytest.raises(HardwareError, match=r"one.s1p: has 1 port\(s\), allowed: 2"):
        fit_line(file)


def test_disordered_frequencies_are_refused(tmp_path):
    file = write(tmp_path / "bad.s2p", line())
    rows = file.read_text().splitlines()
    for disordered in ([*rows[:-2], rows[-1], rows[-2]], [*rows, rows[-1]]):
        file.write_text("\n".join(disordered))
        with pytest.raises(HardwareError, match=r"bad.s2p: frequencies must be at least 0 Hz and rise from row to row"):
            fit_line(file)
