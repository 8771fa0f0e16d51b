"""Trains of pulses as laboratories write them, fitted: known laws are found again, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator.cli import app
from hwmodels import HardwareError, PulsedUpdate, load
from hwmodels.fit_pulses import fit_pulses

LAW = {"pulses": 40.0, "asymmetry": 0.2, "shape": "linear", "nonlinearity": 0.8, "nonlinearity_down": 0.5}


def rows(law: PulsedUpdate, devices: int = 12, reading: float = 0.0, wear: float = 0.0, seed: int = 0) -> list[tuple]:
    """Device, pulse, polarity and relative conductance of trains up and down, twice."""
    draw, found = np.random.default_rng(seed), []
    for device in range(devices):
        gain = 1 + law.step_spread * draw.normal()
        x = 0.0
        found.append((device, 0, 1, x))
        for pulse, sign in enumerate(([1] * 90 + [-1] * 90) * 2, 1):
            factor = gain * (1 - wear * (pulse > 180)) * (1 + law.write_noise * draw.normal())
            x = float(np.clip(x + law.mean_step(x, sign) * factor, 0, 1))
            found.append((device, pulse, sign, x + reading * draw.normal() / law.pulses))
    return found


def write(
    folder: Path, trains: list[tuple], head: str = "device,pulse,polarity,conductance_uS", sep: str = ",", scale: float = 20.0,
    form: str = "{:.9g}", words: tuple[str, str] = ("1", "-1"), name: str = "pulses.csv",
) -> Path:  # fmt: skip
    lines = [head] + [
        sep.join([f"d{d}", str(p), words[s < 0], form.format(scale * (0.1 + x))]) for d, p, s, x in trains
    ]
    path = folder / name
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_known_law_is_found_within_its_error(tmp_path):
    law = PulsedUpdate(**LAW, write_noise=0.2, step_spread=0.15)
    fit = fit_pulses(write(tmp_path, rows(law, devices=40)))
    for name in ("asymmetry", "nonlinearity", "nonlinearity_down"):
        assert abs(getattr(fit.law, name) - LAW[name]) < 4 * fit.parameters[f"{name}_error"] + 0.03, name
    assert fit.law.pulses == pytest.approx(40, rel=0.08)
    assert fit.law.shape == "linear"
    assert fit.law.write_noise == pytest.approx(0.2, rel=0.15)
    assert fit.law.step_spread == pytest.approx(0.15, rel=0.5)
    weights = fit.model.weights
    assert weights.g_min == pytest.approx(2e-6, rel=1e-6) and weights.g_max == pytest.approx(22e-6, rel=0.02)
    assert fit.model.source("weights.update.pulses").text == "fit to pulses.csv"


def test_noise_of_readings_is_told_from_noise_of_steps(tmp_path):
    law = PulsedUpdate(pulses=40, nonlinearity=1.5)
    fit = fit_pulses(write(tmp_path, rows(law, reading=0.5)))
    assert fit.law.scatter == pytest.approx(0.5, rel=0.35)
    assert max(fit.law.write_noise, fit.law.constant_noise) < 0.3


def test_steps_of_no_law_become_a_table(tmp_path):
    law = PulsedUpdate(pulses=60, shape="table", up_steps=(0.3, 1, 3, 1, 0.3), down_steps=(0.3, 1, 3, 1, 0.3))
    fit = fit_pulses(write(tmp_path, rows(law, devices=4)))
    assert fit.law.shape == "table"
    x = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(fit.law.mean_step(x, 1), law.mean_step(x, 1), atol=0.25 / 60)


@pytest.mark.parametrize(
    ("head", "how"),
    [
        (
            "Device;Pulse number;Polarity;Conductance (\u00b5S)",
            {"sep": ";", "comma": True, "words": ("potentiation", "depression")},
        ),
        ("cell\tn\tsign\tG [nS]", {"sep": "\t", "scale": 2e4, "words": ("+", "-")}),
        ("device,pulse,polarity,conductance_S", {"scale": 2e-5, "words": ("set", "reset")}),
        ("device|pulse|polarity|conductance_pS", {"sep": "|", "scale": 2e7, "words": ("up", "down")}),
        ("# lot 7\n\n# Dev,PulseNumber,Pol,G / uS", {"words": ("Pot.", "Dep.")}),
        ("# lot 7\nDevice no;Pulse #;direction;conductance in uS", {"sep": ";", "words": ("1e0", "\u22121.0")}),
        ('Cell\tpulse idx\tsign\t"Conductance, uS"', {"sep": "\t", "words": ("INC", "dec")}),
    ],
)
def test_dialects_say_the_same(tmp_path, head, how):
    trains = rows(PulsedUpdate(**LAW), devices=3)
    comma, words = how.pop("comma", False), {"scale": 20.0, **how}
    path = write(tmp_path, trains, head, **words)
    if comma:
        path.write_text(path.read_text(encoding="utf-8").replace(".", ","), encoding="utf-8")
    plain = fit_pulses(write(tmp_path, trains, name="plain.csv"))
    found = fit_pulses(path)
    assert found.parameters["pulses"] == pytest.approx(plain.parameters["pulses"], rel=1e-4)
    assert found.model.weights.g_max == pytest.approx(plain.model.weights.g_max, rel=1e-6)


def test_a_first_row_that_looks_like_names_is_none_under_a_comment_that_names_more(tmp_path):
    path = write(tmp_path, rows(PulsedUpdate(**LAW), devices=3))
    plain, text = fit_pulses(path), path.read_text()
    path.write_text("# lot 7\n# " + text.replace("\nd", "\ncell"))
    found = fit_pulses(path)
    assert found.parameters == plain.parameters
    path.write_text("# every device, four columns\n" + text)  # a comment that knows less is none
    assert fit_pulses(path).parameters == plain.parameters


@pytest.mark.parametrize("scale", [1e-9, 1e-3])
def test_conductances_of_any_size(tmp_path, scale):
    fit = fit_pulses(
        write(tmp_path, rows(PulsedUpdate(**LAW), devices=3), "device,pulse,polarity,conductance_S", scale=scale)
    )
    assert fit.law.nonlinearity == pytest.approx(0.8, abs=0.05)


def backwards(trains):
    return [(d, p, -s, x) for d, p, s, x in trains]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: backwards(t), "pulses.csv: pulses up do not move the conductance their way: it falls by "),
        (lambda t: rows(PulsedUpdate(**LAW, write_noise=0.1), wear=0.7), "pulses.csv: steps up after pulse "),
        (lambda t: [(d, p, s, 0.5) for d, p, s, _ in t], "pulses.csv: the conductance stays at 1.2e-05 S whatever the pulses"),
        (lambda t: t[:30], "pulses.csv: has 0 steps down between pulses that follow one another, allowed: at least 20"),
        (lambda t: [*t, t[-1]], "has pulse 360 of its device for the second time, allowed: pulses numbered through"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path, change, words):
    with pytest.raises(HardwareError) as caught:
        fit_pulses(write(tmp_path, change(rows(PulsedUpdate(**LAW)))))
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "line", "words"),
    [
        (
            "device,pulse,polarity,conductance",
            "d,0,1,1",
            "column 'conductance' has no unit; allowed: one as in 'conductance_uS'",
        ),
        ("device,pulse,polarity,conductance_uV", "d,0,1,1", "column 'conductance_uV': "),
        (
            "device,pulse,conductance_uS,polarity",
            "d,0,1,sideways",
            "polarity is 'sideways' in line 2, allowed: +, -, up, down",
        ),
        ("device,pulse,polarity,conductance_uS", "d,0,1,x", "conductance is 'x' in line 2, allowed: a number from 0"),
        ("# a\n# b\ndevice,pulse,polarity,conductance_uS", "d,0,0,1", "polarity is '0' in line 4, allowed: +, -, up"),
        (
            "device,pulse,polarity,conductance_uS,width",
            "d,0,1,1,5",
            "column 'width' has no unit; allowed: one as in 'width_ns'",
        ),
        (
            "device,pulse,polarity,conductance_uS,width_ns",
            "d,0,1,1,0",
            "width is '0' in line 2, allowed: a number above 0",
        ),
        (
            "device,polarity,conductance_uS",
            "d,1,1",
            "has no column 'pulse', allowed: a header with pulse, polarity, conductance",
        ),
    ],
)
def test_wrong_tables(tmp_path, head, line, words):
    path = tmp_path / "bad.csv"
    path.write_text(f"{head}\n{line}\n")
    with pytest.raises(HardwareError) as caught:
        fit_pulses(path)
    assert words in str(caught.value)


def test_a_column_that_is_called_just_so_goes_before_another_name_of_it(tmp_path):
    path = write(tmp_path, rows(PulsedUpdate(**LAW), devices=3), "Device,Pulse,Polarity,conductance_uS,cell,n")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *(f"{line},A,7" for line in lines[1:])]))
    assert fit_pulses(path).law.nonlinearity == pytest.approx(0.8, abs=0.05)


def test_pulses_that_differ_are_refused(tmp_path):
    path = write(tmp_path, rows(PulsedUpdate(**LAW), devices=2), "device,pulse,polarity,conductance_uS,width_ns")
    lines = path.read_text().splitlines()
    same = "\n".join([lines[0], *(f"{line},100" for line in lines[1:])])
    path.write_text(same)
    assert fit_pulses(path).law is not None and fit_pulses(path).model.weights.update.pulse_time == pytest.approx(1e-7)
    path.write_text("\n".join(line[:-3] + "300" if ",-1," in line else line for line in same.splitlines()))
    assert fit_pulses(path).model.weights.update.pulse_time == pytest.approx(3e-7)  # a train waits for the longer one
    path.write_text(same[: same.rindex(",")] + ",200")
    with pytest.raises(HardwareError, match=r"width in line \d+ is 2e-07, and 1e-07 before, allowed: identical pulses"):
        fit_pulses(path)


def test_the_command_puts_a_fitted_device_into_a_fitted_line(tmp_path):
    path = write(tmp_path, rows(PulsedUpdate(**LAW), devices=3))
    line = tmp_path / "line.toml"
    line.write_text('base = "pcb-fr4"\n[lines]\njitter = "3 ps"\n')
    out = tmp_path / "both.toml"
    result = CliRunner().invoke(app, ["fit", str(path), "--out", str(out), "--base", str(line)])
    assert result.exit_code == 0, result.output
    both = load(out)
    assert both.lines == load(line).lines and both.lines.jitter == 3e-12
    assert both.weights.update.nonlinearity == pytest.approx(0.8, abs=0.05)
    assert both.source("lines.delay_forward") == load(line).source("lines.delay_forward")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
