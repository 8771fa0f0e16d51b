"""``backwave export`` and ``backwave verify``: what they print, write and return."""

from __future__ import annotations

import re

from typer.testing import CliRunner

from emulator.cli import app
from tests.support.circuits import chain, ngspice

__all__ = ["ngspice"]
TOML = """
title = "t"
[network]
source = "random-mlp"
sizes = [3, 4, 2]
[data]
source = "random"
samples = 2
"""


def backwave(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="backwave")


def test_help_has_examples():
    for command in ("export", "verify"):
        result = backwave(command, "--help")
        assert result.exit_code == 0 and "Examples:" in result.output and f"backwave {command}" in result.output


def test_an_export_is_verified_and_a_broken_one_is_not(ngspice, tmp_path):
    (tmp_path / "s.toml").write_text(TOML)
    out = tmp_path / "out"
    result = backwave("export", tmp_path / "s.toml", "--out", out)
    assert (
        result.exit_code == 0 and "lib.inc, net.cir, tb_op.cir, tb_tran.cir, map.json, expected.json" in result.output
    )
    result = backwave("verify", out)
    assert result.exit_code == 0 and "the circuit agrees" in result.output and "waveforms" in result.output
    net = out / "net.cir"
    net.write_text(re.sub(r"(?m)^(Xw0_0 .* w=)\S+", r"\g<1>7.0", net.read_text()))
    result = backwave("verify", out)
    assert result.exit_code == 1 and "the circuit does not agree" in result.output and "differs" in result.output


def test_a_saved_network_comes_out_with_its_weights_and_a_picture(tmp_path):
    graph = chain((3, 2))
    graph.network.save(tmp_path / "net.npz")
    (tmp_path / "s.toml").write_text(
        'title = "t"\n[network]\nsource = "file"\npath = "net.npz"\n[data]\nsource = "random"\nsamples = 2\n'
    )
    out = tmp_path / "out"
    result = backwave(
        "export", tmp_path / "s.toml", "--out", out, "--circuit", "bilateral", "--hold", 30, "--termination", "lumped",
        "--picture", tmp_path / "tile.png", "--buildable", "conductance=1 nS:2 nS",
    )  # fmt: skip
    assert result.exit_code == 0 and "warning: conductance: 6 of 6 values" in result.output
    assert (tmp_path / "tile.png").read_bytes().startswith(b"\x89PNG")
    found = re.findall(r"(?m)^Xw(\d)_(\d) .* w=(\S+)", (out / "net.cir").read_text())
    weight = graph.network.parameters["h0_s"].weight
    assert {(int(i), int(j), float(w)) for i, j, w in found} == {
        (i, j, weight[j, i]) for i in range(3) for j in range(2)
    }
    result = backwave("export", tmp_path / "s.toml", "--out", tmp_path / "m", "--format", "touchstone-network")
    assert result.exit_code == 0 and "network.ts" in result.output


def test_bad_input_and_a_missing_simulator_have_status_2(tmp_path, monkeypatch):
    (tmp_path / "s.toml").write_text(TOML)
    out = tmp_path / "out"
    for words, arguments in (
        ("unknown format 'sap'", ("export", tmp_path / "s.toml", "--format", "sap", "--out", out)),
        ("unknown dialect 'x'", ("export", tmp_path / "s.toml", "--dialect", "x", "--out", out)),
        ("unknown circuit 'x'", ("export", tmp_path / "s.toml", "--circuit", "x", "--out", out)),
        ("folder", ("verify", tmp_path)),
    ):
        result = backwave(*arguments)
        assert result.exit_code == 2 and result.output.startswith(f"backwave: error: {words}"), result.output
    assert backwave("export", tmp_path / "s.toml", "--format", "sax", "--out", out).exit_code == 0
    assert backwave("export", tmp_path / "s.toml", "--out", out).exit_code == 2
    assert backwave("export", tmp_path / "s.toml", "--out", out, "--force").exit_code == 0
    monkeypatch.setenv("PATH", str(tmp_path))
    result = backwave("verify", out)
    assert result.exit_code == 2 and "apt-get install ngspice" in result.output


def test_options_that_a_format_does_not_heed_are_refused_and_what_is_left_out_is_told(tmp_path):
    (tmp_path / "s.toml").write_text(TOML + "[hardware]\nlines.crosstalk = 0.02\n")
    start, out = ("export", tmp_path / "s.toml", "--out", tmp_path / "out"), tmp_path / "out"
    for words, arguments in (
        ("--circuit got format 'json'; allowed with it: none of its own", ("--format", "json", "--circuit", "bilateral")),
        ("--hold, --mismatch got format 'vacask'; allowed with it: --circuit", ("--format", "vacask", "--mismatch", "--hold", 3)),
        ("--sample got format 'touchstone'; allowed with it: --layer, --ohms", ("--format", "touchstone", "--sample", 1)),
        ("--layer got format 'spice' and no --picture", ("--layer", "h")),
        ("termination is 'lumped' in the directional circuit", ("--format", "sax", "--termination", "lumped")),
    ):  # fmt: skip
        result = backwave(*start, *arguments)
        assert result.exit_code == 2 and result.output.startswith(f"backwave: error: {words}"), result.output
    assert not out.exists()
    for kind, file in (("vacask", "tb.sim"), ("spectre", "net.scs"), ("sax", "models.py")):
        result = backwave(*start, "--format", kind, "--force")
        assert result.exit_code == 0 and "these are not in the circuit: lines.crosstalk" in result.output.replace(
            "\n", " "
        )
        assert (out / file).exists()
        if kind != "sax":
            assert (
                "// warning: of the hardware, these are not in the circuit: lines.crosstalk" in (out / file).read_text()
            )


def test_how_drivers_move_and_ports_send_is_told_to_be_no_part_of_a_circuit(tmp_path):
    (tmp_path / "s.toml").write_text(TOML + "ramp = 2\n")
    start = ("export", tmp_path / "s.toml", "--out", tmp_path / "out", "--force")
    for more, named in (((), "data.ramp"), (("--set", "run.threshold=0.01"), "data.ramp, run.threshold")):
        result = backwave(*start, *more)
        said = " ".join(result.output.split())
        assert result.exit_code == 0 and f"of the scenario, these are not in the circuit: {named} written" in said
    assert "of the scenario" not in backwave(*start, "--set", "data={source='random', samples=2}").output
    assert "of the scenario" not in backwave(*start, "--format", "json").output
