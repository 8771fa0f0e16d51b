"""The hierarchy of an exported netlist: instances side by side, parameters, pins and sections."""

from __future__ import annotations

import re

import numpy as np
import pytest

from emulator import ExportError, reference
from emulator.export import Options, design, netlist, spice, verify
from emulator.export.ngspice import run_ngspice
from tests.refusals import refuses
from tests.support.circuits import chain, ngspice, sample, scaled

__all__ = ["ngspice"]


def costates(graph):
    """Costates at the input of the sample."""
    return reference(graph.network, *sample(graph)).costates[graph.network.inputs[0]][0]


def test_instances_stand_side_by_side_with_their_own_weights_and_corners(ngspice, tmp_path):
    """Two networks under two prefixes, one of them twice, at another scale and reference; every file included twice."""
    weights = {"a_": scaled(1.0), "b_": scaled(-0.7)}
    lines = ["* three instances"]
    for prefix, graph in weights.items():
        spice(graph, tmp_path / prefix, *sample(graph), options=Options(prefix=prefix))
        for name in ("lib.inc", "net.cir"):
            (tmp_path / f"{prefix}{name}").write_text((tmp_path / prefix / name).read_text())
            lines += [f".include {prefix}{name}"] * 2
    inputs, targets = sample(weights["a_"])
    lines += ["Vvdd vdd 0 1", "Vvss vss 0 -1", ".options reltol=1e-9 abstol=1e-15 vntol=1e-12 gmin=1e-20"]
    corners = {"p": ("a_", 1.0, ""), "q": ("b_", 1.0, ""), "r": ("a_", 0.4, "vfs=0.4 rref=75 td_f0=7n")}
    for name, (prefix, volts, settings) in corners.items():
        pins = [*(f"x{name}{k}" for k in range(3)), f"y{name}0", f"y{name}1", f"o{name}0", f"o{name}1", "vdd", "vss"]
        lines += [f"X{name} {' '.join(pins)} {prefix}net {settings}"]
        lines += [f"Vx{name}{k} x{name}{k} 0 {volts * v!r}" for k, v in enumerate(inputs[0].tolist())]
        lines += [f"Vy{name}{k} y{name}{k} 0 {volts * v!r}" for k, v in enumerate(targets[0].tolist())]
    (tmp_path / "tb.cir").write_text("\n".join([*lines, ".op", ".end", ""]))
    found = run_ngspice(tmp_path / "tb.cir", 60)
    for name, (prefix, volts, _) in corners.items():
        wanted = reference(weights[prefix].network, inputs, targets).states[weights[prefix].network.output][0]
        outputs = [found[f"v(o{name}{k})"][0] for k in range(2)]
        np.testing.assert_allclose(outputs, volts * wanted, rtol=1e-9)
        lam = [found[f"v(x{name}.lam0_{k})"][0] for k in range(3)]
        np.testing.assert_allclose(lam, volts * costates(weights[prefix]), rtol=1e-8)


@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_parameters_are_named_with_unit_and_default_and_every_name_is_prefixed(tmp_path, circuit):
    graph = chain()
    command = "backwave export x --out 'a b'"
    options = Options(circuit, prefix="mine_")
    spice(graph, tmp_path / "out", *sample(graph), options=options, command=command)
    text = (tmp_path / "out" / "net.cir").read_text() + (tmp_path / "out" / "lib.inc").read_text()
    assert all(name.startswith("mine_") for name in re.findall(r"(?m)^\.(?:subckt|param) (\w+)", text))
    assert f"* command: {command}" in text and "* pins of mine_net, in order: inputs" in text
    listed = dict(re.findall(r"(?m)^\* parameter (\w+): .*?\((ohm|s|F|V)\)\n\.param mine_\1=", text))
    names = {"vfs": "V", "rref": "ohm", "z0_f1": "ohm", "rt_b1": "ohm"} | (
        {"ct_f0": "F"} if options.bilateral else {"td_b0": "s"}
    )
    assert names.items() <= listed.items()
    sections = re.findall(r"(?m)^\* ==== (.*)$", (tmp_path / "out" / "net.cir").read_text())
    assert [title.split(":")[0] for title in sections] == [
        "parameters", "crossbars", "bundles of lines", "rows of neurons", "network",
    ]  # fmt: skip
    refuses("prefix is '1x'", lambda: Options(prefix="1x"), ExportError)


def test_a_network_with_too_many_pins_for_a_subcircuit_stands_in_the_testbench(ngspice, tmp_path, monkeypatch):
    for module in (netlist, design):
        monkeypatch.setattr(module, "MOST_PINS", 6)
    monkeypatch.setattr("emulator.export.claim.MOST_PINS", 6)
    monkeypatch.setattr(design, "CHUNK", 2)
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph))
    assert ".subckt bw_net" not in (tmp_path / "out" / "net.cir").read_text()
    assert verify(tmp_path / "out").agrees
