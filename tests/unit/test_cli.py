"""The command line: what it prints, writes and returns."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import emulator
from emulator import Network
from emulator.cli import app
from emulator.commands.run import _cosine, _energy
from emulator.measure.energy import EnergyUse
from hwmodels import HardwareModel, presets

ROOT = Path(emulator.__file__).parents[1]
QUICK = ["--set", "data.samples=2", "--set", "run.pictures=0", "--set", "law=matched", "--set", "run.hold=6.2"]


def backwave(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="backwave")


def fails(words: str, *arguments: str | Path) -> None:
    """One line on the error stream, status 2, no traceback."""
    result = backwave(*arguments)
    assert result.exit_code == 2, result.output
    assert result.output.startswith(f"backwave: error: {words}"), result.output
    assert result.output.count("\n") == 1 and isinstance(result.exception, SystemExit)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    draws = np.random.default_rng(0)
    target = np.repeat(np.linspace(2.0, 20.0, 10), 10)
    measured = target + draws.normal(0, 0.3, target.size)
    rows = [f"{t},{m},1" for t, m in zip(target, measured, strict=True)]
    path = tmp_path / "readings.csv"
    path.write_text("\n".join(["target_conductance_uS,measured_conductance_uS,time_s", *rows]))
    return path


def test_a_cosine_is_told_from_one() -> None:
    told = {0.962214155906: "0.9622", 0.9999996: "0.9999996", 1 - 3e-16: "1", 1.0: "1", -0.5: "-0.5", 0.0: "0"}
    assert {value: _cosine(value) for value in told} == told
    assert _cosine(float("nan")) == "none: not settled"


@pytest.mark.parametrize("command", ["", "run", "study", "inspect", "scenarios", "presets", "presets show", "fit"])
def test_help_has_examples(command: str) -> None:
    result = backwave(*command.split(), "--help")
    assert result.exit_code == 0 and "Examples:" in result.output
    assert f"backwave {command}".strip() in result.output


def test_version() -> None:
    result = backwave("--version")
    assert result.exit_code == 0 and result.output.startswith("backwave 0.")


def test_scenarios_say_what_they_show() -> None:
    result = backwave("scenarios")
    assert result.exit_code == 0
    for words in ("digits", "residual", "unstable", "Handwritten digits", "skip connections"):
        assert words in result.output


def test_run_prints_a_table_and_writes_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = backwave("run", "unstable", "--out", out, "--target", "numpy", "--seed", "9", *QUICK)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("settled: all 2 samples of 'A substrate")
    table = {line[:20].strip(): line[20:].strip() for line in lines[1:]}
    assert table["settling time"] == "median 30 ns (6 transits), worst 30 ns (6 transits)"
    assert table["hold"] == "31 ns (6.2 transits)"
    assert table["longest round trip"] == "30 ns (6 transits)"
    assert table["gradient cosine"] == "1"
    assert table["gradient error"].endswith("(relative, against exact backpropagation)")
    assert table["written to"] == str(out)
    results = json.loads((out / "results.json").read_text())
    assert results["seeds"]["run"] == results["seeds"]["hardware"] == 9
    assert results["result"]["target"] == "numpy"
    assert "--set run.target=" in results["command"].replace("'", "")


def test_run_of_what_does_not_settle(tmp_path: Path) -> None:
    arguments = ["--set", "data.samples=1", "--set", "run.pictures=0", "--set", "run.hold=40"]
    result = backwave("run", "unstable", "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    warning, found, outcome = text.partition(" not settled: 1 of 1 samples did not settle")
    assert warning.startswith("backwave: predicted not to settle: the spectral radius 1.029 is not below 1")
    assert "settles near rest: gamma = 0.2" in warning and found and "spectral radius" in outcome
    assert "gradient error none: not settled" in text
    assert (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize(
    ("change", "outcome", "why"),
    [
        ("hardware.noise.receiver=3.0", "lost in noise", "6 standard deviations of the noise exceed"),
        ("run.threshold=5.0", "below the threshold", "what the ports hold back costs"),
    ],
)
def test_run_of_what_noise_or_threshold_swallow(change: str, outcome: str, why: str, tmp_path: Path) -> None:
    result = backwave("run", "unstable", *QUICK, "--set", change, "--out", tmp_path / "out")
    said = " ".join(result.output.split())
    assert result.exit_code == 1 and said.startswith(f"{outcome}: 2 of 2 samples are {outcome}"), said
    assert why in said and "settling time" not in said
    assert json.loads((tmp_path / "out/results.json").read_text())["result"]["status"] == outcome


def test_run_that_settles_against_its_forewarning_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.scenario.run._forewarning", lambda ready: "it takes about 66673 steps")
    result = backwave("run", "unstable", *QUICK, "--out", tmp_path / "out")
    said = " ".join(result.output.split())
    assert result.exit_code == 0 and "predicted not to settle: it takes about 66673 steps" in said
    assert "did not come true" in said and "from rest by its own residuals" in said
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert "did not come true" in found["forewarning_contradicted"]


def test_run_goes_to_runs_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert backwave("run", "unstable", *QUICK).exit_code == 0
    assert (tmp_path / "runs" / "unstable" / "network.npz").exists()


def test_run_leaves_the_files_of_others_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("text")
    fails(f"output folder '{tmp_path}' holds other files", "run", "unstable", "--out", tmp_path, *QUICK)
    assert backwave("run", "unstable", "--out", tmp_path, "--force", *QUICK).exit_code == 0
    assert (tmp_path / "thesis.tex").exists() and (tmp_path / "results.json").exists()


def test_errors_are_one_line(tmp_path: Path) -> None:
    fails("unknown scenario 'digit' (did you mean 'digits'?)", "run", "digit")
    fails("scenario 'digits': unknown key 'run.hol' (did you mean 'run.hold'?)", "run", "digits", "--set", "run.hol=1")
    fails("scenario 'digits': run.target is 'nump'", "run", "digits", "--target", "nump")
    fails("pcm: is neither a preset nor a file ending in .toml", "presets", "show", "pcm")
    fails(f"'{tmp_path}/gone.npz': No such file or directory", "inspect", tmp_path / "gone.npz")
    fails("--set changes scenarios", "inspect", tmp_path / "net.npz", "--set", "run.seed=1")


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(tmp_path / "locked"))

    monkeypatch.setattr("emulator.files.tempfile.mkdtemp", refuse)
    fails(f"'{tmp_path}/locked': Permission denied", "run", "unstable", "--out", tmp_path / "locked" / "out")
    assert names(tmp_path) == []


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 1 PiB")

    monkeypatch.setattr("emulator.runs.settle.settle", refuse)
    fails("not enough memory: Unable to allocate 1 PiB", "run", "unstable", "--out", tmp_path / "out", *QUICK)


def test_our_own_mistakes_are_not_dressed_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("emulator.runs.settle.settle", broken)
    result = backwave("run", "unstable", "--out", tmp_path / "out")
    assert result.exit_code == 70 and names(tmp_path) == []
    assert (
        "\nbackwave: a fault of Backwave, not of yours: ZeroDivisionError: a bug (in test_cli.py, line" in result.output
    )
    assert result.output.endswith(
        "; please report it with this command and `backwave --version`, and with the output under BACKWAVE_TRACEBACK=1\n"
    )
    monkeypatch.setenv("BACKWAVE_TRACEBACK", "1")
    assert isinstance(backwave("run", "unstable", "--out", tmp_path / "out").exception, ZeroDivisionError)


def test_an_interrupt_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("emulator.scenario.run.draw_pictures", interrupted)
    result = backwave("run", "unstable", "--out", tmp_path / "deep" / "out", *QUICK)
    assert result.exit_code == 130 and result.output == "backwave: interrupted, nothing was written\n"
    assert names(tmp_path) == []


#: an interrupt after some steps, and one while the simulation is being built
MOMENTS = {
    "running": "settle(*a, progress=lambda done: done and kill and kill.pop()(os.getpid(), signal.SIGINT), **k)",
    "building": "(brian2.NeuronGroup(1, 'v : 1'), kill[0](os.getpid(), signal.SIGINT), time.sleep(5))",
}
INTERRUPTED = """
import atexit, gc, os, signal, sys, time
import brian2
import emulator.runs.settle as run
from emulator.__main__ import main

atexit.register(gc.collect)
kill = [os.kill]
settle, run.settle = run.settle, lambda *a, progress, **k: {moment}
sys.argv = ["backwave", "run", "unstable", "-s", "run.target=numpy", "-s", "run.hold=2000", "-s", "law.gamma=0.1",
            "--out", sys.argv[1]]
main()
"""


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupt_of_a_real_run(moment: str, tmp_path: Path) -> None:
    code = INTERRUPTED.format(moment=MOMENTS[moment])
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "backwave: interrupted, nothing was written\n")
    assert names(tmp_path) == []


def test_a_real_process_with_an_error() -> None:
    command = [sys.executable, "-m", "emulator", "run", "gone.toml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(
        "backwave: error: there is no scenario file 'gone.toml'; bundled: atlas, atlas-wave-pmp, claims, cnn, "
    )
    assert done.stderr.count("\n") == 1


def test_the_command_itself_needs_nothing_heavy() -> None:
    """Help must be quick: what is slow to import waits until a command runs."""
    code = f"""
import sys, types
package = types.ModuleType("emulator"); package.__path__ = [{str(ROOT / "emulator")!r}]
sys.modules["emulator"] = package
import emulator.cli
print([name for name in ("brian2", "numpy", "scipy", "sklearn", "matplotlib", "pydantic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_inspect_scenario(tmp_path: Path) -> None:
    files = {name: tmp_path / f"g.{name}" for name in ("png", "json", "graphml")}
    result = backwave(
        "inspect", "unstable", "--set", "substrate.wiring=synapse",
        "--draw", files["png"], "--json", files["json"], "--graphml", files["graphml"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for words in ("tanh", "292 parameters", "synapse", "longest round trip", f"written: {files['json']}"):
        assert words in result.output
    assert files["png"].read_bytes().startswith(b"\x89PNG") and json.loads(files["json"].read_text())
    assert "graphml" in files["graphml"].read_text()


def test_inspect_tells_what_was_chosen_for_how_long_it_is_held_and_what_rounding_costs() -> None:
    two_way = ["inspect", "depth", "--set", "network.width=3", "--set"]
    said = backwave(*two_way, 'law={name="bilateral", kappa=2.0}').output
    note = said[said.index("chosen for this network") :]
    assert "impedance" in note and "taper" in note and "far_end.resistance" in note and "kappa" not in note
    assert re.search(r"hold +\d+ steps, \d+ transits", said) and "warning" not in said
    steep = backwave(*two_way, 'law={name="bilateral", taper=4.0}', "--set", "network.depth=24").output
    assert "warning: impedances span 2.81e+14 : 1" in steep
    rates = "hardware.precision={forward={bits=8}, backward={bits=8}}"
    assert "warning: impedances span 10 : 1" in backwave(*two_way, 'law={name="bilateral"}', "--set", rates).output


def test_inspect_network(tmp_path: Path) -> None:
    Network.mlp([np.ones((2, 3))]).save(tmp_path / "net.npz")
    result = backwave("inspect", tmp_path / "net.npz")
    assert result.exit_code == 0 and "output x1, loss mse, 8 parameters" in result.output


def test_presets_list_what_is_missing() -> None:
    result = backwave("presets")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    for name in presets():
        assert any(line.startswith(name) for line in lines)
    assert next(line for line in lines if line.startswith("ideal")).rstrip().endswith("nothing")
    assert "clock.node_update_interval" in next(line for line in lines if line.startswith("cmos-sky130"))


@pytest.mark.parametrize("name", presets())
def test_presets_show(name: str) -> None:
    result = backwave("presets", "show", name)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()[:3]] == ["name", "models", "differs"]
    heads = next(line for line in result.output.splitlines() if line.startswith("field")).split()
    assert heads == ["field", "value", "unit", "status", "source"]


def test_presets_show_values_units_and_status() -> None:
    lines = backwave("presets", "show", "cmos-sky130").output.splitlines()
    rows = {line.split()[0]: line.split()[1:4] for line in lines if line.strip()}
    assert rows["lines.jitter"] == ["2.6e-13", "s", "weak"]
    assert rows["clock.node_update_interval"] == ["missing", "s", "missing"]
    assert rows["energy.unit_amplitude"] == ["0.1", "V", "assumed"]
    assert "lines.crosstalk" not in rows
    assert "lines.crosstalk" in backwave("presets", "show", "cmos-sky130", "--all").output


def test_presets_show_a_file(tmp_path: Path) -> None:
    HardwareModel().replace({"lines.jitter": "3 ps"}).to_toml(tmp_path / "mine.toml")
    assert "3e-12" in backwave("presets", "show", tmp_path / "mine.toml").output


def test_fit_device(readings: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    result = backwave("fit", readings, "--out", out, "--name", "mine", "--degree", "1")
    assert result.exit_code == 0, result.output
    assert "readings.csv: 100 points" in result.output and f"written: {out}" in result.output
    model = HardwareModel.from_toml(out)
    assert model.name == "mine" and model.weights.programming is not None
    fails(f"'{out}': is there already; allowed: another name, or --force to replace it", "fit", readings, "--out", out)
    assert backwave("fit", readings, "--out", out, "--force").exit_code == 0
    assert HardwareModel.from_toml(out).name == "readings"


def test_fit_refuses(readings: Path, tmp_path: Path) -> None:
    fails(
        f"measurement file '{tmp_path}/a.txt' ends in '.txt'; allowed: .csv (device readings), .s2p (a line)",
        "fit", tmp_path / "a.txt", "--out", tmp_path / "o.toml",
    )  # fmt: skip
    fails("gone.csv", "fit", tmp_path / "gone.csv", "--out", tmp_path / "o.toml")
    fails("degree: 9 is out of range", "fit", readings, "--out", tmp_path / "o.toml", "--degree", "9")
    assert not (tmp_path / "o.toml").exists()


def test_fit_line(tmp_path: Path) -> None:
    pytest.importorskip("skrf")
    from hwmodels.fit_line import scattering_parameters

    frequency = np.linspace(1e7, 2e9, 60)
    s = scattering_parameters(frequency, 50.0, 60.0, 0.9, 1e-10, 5e9)
    rows = [
        " ".join(f"{part:.9g}" for part in (f, *(v for m in (s[k, 0, 0], s[k, 1, 0], s[k, 0, 1], s[k, 1, 1])
                                                for v in (m.real, m.imag))))
        for k, f in enumerate(frequency)
    ]  # fmt: skip
    (tmp_path / "line.s2p").write_text("\n".join(["# Hz S RI R 50", *rows]) + "\n")
    result = backwave("fit", tmp_path / "line.s2p", "--out", tmp_path / "line.toml")
    assert result.exit_code == 0, result.output
    assert HardwareModel.from_toml(tmp_path / "line.toml").lines.impedance == pytest.approx(60, rel=1e-3)


def test_energy_is_never_zero_for_unknown() -> None:
    known = {"per_event": np.array([1e-12, 3e-12])}
    assert _energy(EnergyUse(known, ())) == "2 pJ per sample"
    assert _energy(EnergyUse(known, ("static_per_node",))) == (
        "2 pJ per sample, without what is missing of the hardware: static_per_node"
    )
    assert _energy(EnergyUse({}, ("per_event",))) == "not known, because these are missing of the hardware: per_event"


@pytest.mark.slow
def test_a_backend_that_a_notebook_has_set_and_warnings_do_not_matter(tmp_path):
    code = "import warnings; from emulator import cli; cli._quiet(); warnings.warn('for programmers'); cli.main()"
    env = os.environ | {"MPLBACKEND": "module://no.such.backend", "PYTHONPATH": str(ROOT)}
    env.pop("PYTHONWARNINGS", None)
    command = [sys.executable, "-c", code, "inspect", "digits", "--draw", "digits.png"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and (tmp_path / "digits.png").exists() and not done.stderr


def test_an_option_that_there_is_not_is_misuse_and_no_fault():
    done = CliRunner().invoke(app, ["presets", "--bogus"])
    assert done.exit_code == 2 and "fault" not in done.output
