"""Text for other simulators: what it means to ngspice where that reads it, and its form elsewhere."""

from __future__ import annotations

import json
import re
import subprocess

import numpy as np
import pytest

from emulator import ExportError
from emulator.export import Options, spice, verify
from emulator.export.ngspice import read_raw, run_ngspice
from emulator.export.warnings import MOST_SYNAPSES
from tests.refusals import refuses
from tests.support.circuits import chain, ngspice, node, sample

__all__ = ["ngspice"]


@pytest.fixture(autouse=True)
def text_only(monkeypatch):
    """As for a large circuit: no waves are followed, which nothing here looks at."""
    monkeypatch.setitem(MOST_SYNAPSES, "bilateral", 1)


def in_mode(folder, mode: str, name: str):
    """What ngspice makes of a testbench, unmodified, in one of its modes of compatibility."""
    (folder / ".spiceinit").write_text(f"set ngbehavior={mode}\n")
    subprocess.run(["ngspice", "-b", "-r", "out.raw", name], cwd=folder, capture_output=True, check=True, timeout=60)
    return read_raw(folder / "out.raw")


@pytest.mark.parametrize(("dialect", "mode"), [("ltspice", "ltpsa"), ("xyce", "psa"), ("hspice", "hsa")])
@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_other_dialects_mean_the_same_to_ngspice_in_its_modes(ngspice, tmp_path, circuit, dialect, mode):
    """Operating points are the reference; transients are those of the text for ngspice itself."""
    graph = chain((3, 4, 2), high=1, activation="relu", loss="softmax_cross_entropy")
    hold = 20 if circuit == "bilateral" else None
    for name in (dialect, "ngspice"):
        spice(graph, tmp_path / name, *sample(graph), options=Options(circuit, dialect=name), hold=hold)
    out = tmp_path / dialect
    assert (
        f"dialect {dialect}; read by ngspice in its mode {mode}, not by {dialect} itself: unread there"
        in (out / "net.cir").read_text()
    )
    assert json.loads((out / "map.json").read_text())["read_by"].startswith(f"ngspice in its mode {mode}, not")
    assert ("?" in (out / "lib.inc").read_text()) == (dialect == "hspice")
    assert "rel=" not in (out / "lib.inc").read_text()
    refuses(f"export '{out}' is in dialect '{dialect}'; allowed: ngspice", lambda: verify(out), ExportError)
    found, rest = in_mode(out, mode, "tb_op.cir"), json.loads((out / "expected.json").read_text())["rest"]
    for bundle, values in rest.items():
        ours = [node(found, f"{bundle}_{k}")[0] for k in range(len(values))]
        np.testing.assert_allclose(ours, values, atol=1e-9 * max(np.abs(values).max(), 1e-3))
    one, other = in_mode(out, mode, "tb_tran.cir"), run_ngspice(tmp_path / "ngspice" / "tb_tran.cir", 60)
    at = graph.step * (0.5 + np.arange(int(other["time"][-1] / graph.step)))
    for bundle, values in rest.items():
        if bundle.startswith(("x", "lam")):
            waves = [
                [np.interp(at, f["time"], node(f, f"{bundle}_{k}")) for k in range(len(values))] for f in (one, other)
            ]
            np.testing.assert_allclose(*waves, rtol=0, atol=1e-6 * max(np.abs(waves[1]).max(), 1e-3))
    # some 15 points a step: without a bound they would be hundreds
    assert len(one["time"]) < 40 * other["time"][-1] / graph.step


def test_the_dialect_of_hspice_has_its_own_quotes_sources_and_statements(tmp_path):
    graph = chain((2, 1), high=1, activation="relu", loss="mse")
    spice(graph, tmp_path / "out", *sample(graph), options=Options(dialect="hspice"))
    texts = {name: (tmp_path / "out" / name).read_text() for name in ("lib.inc", "net.cir", "tb_op.cir", "tb_tran.cir")}
    cards = {name: [card for card in text.splitlines() if not card.startswith("*")] for name, text in texts.items()}
    assert not any(re.search(r"^B|[{}]|rel=|^\.save|xnet\.|\bln\(", card) for found in cards.values() for card in found)
    assert "\n".join(card for card in cards["lib.inc"] if card).startswith(HSPICE_CELLS)
    assert ".subckt bw_net x0_0 x0_1 y0 x1_0 vdd vss vfs='bw_vfs' rref='bw_rref' td_f0='bw_td_f0'" in texts["net.cir"]
    assert "\n".join(card for card in cards["tb_tran.cir"] if card).startswith(HSPICE_BENCH)
    assert "\n.option delmax=1.0000000000000002e-10\n.tran 1.0000000000000002e-10 " in texts["tb_tran.cir"]
    options = Options("bilateral", dialect="hspice")
    softmax = chain((2, 2), high=1, activation="relu", loss="softmax_cross_entropy")
    spice(softmax, tmp_path / "two", *sample(softmax), options=options, hold=20)
    text = (tmp_path / "two" / "lib.inc").read_text()
    assert "GB5 0 u cur='V(mu)/rref-I(V2)'" in text and "T2 t low open low Z0='tstub/ct' TD='tstub'\n" in text
    assert "EB1 lse 0 vol='V(top)+vfs*log(V(total)>0.5 ? V(total) : 0.5)'" in text


#: what HSPICE's manual has: expressions in quotes, sources by formula as E and G
HSPICE_CELLS = """\
.subckt bw_relu s x lam mu vdd vss vfs=1 rref=50
EB1 x 0 vol='vfs*(((V(s)/vfs)>0 ? (V(s)/vfs) : 0))'
EB2 mu 0 vol='(((V(s)/vfs)>1e-9 ? 1 : 0))*V(lam)'
.ends bw_relu
.subckt bw_synapse x s mu lam vdd vss w=1 vfs=1 rref=50
G1 0 s x 0 'w/rref'
G2 0 lam mu 0 'w/rref'
.ends bw_synapse
.subckt bw_line near far td=1 z0=50 rt=50
T1 near 0 far 0 Z0='z0' TD='td'
R1 far 0 'rt'
.ends bw_line
"""
HSPICE_BENCH = """\
.include 'lib.inc'
.include 'net.cir'
.option post=1 parhier=local reltol=1e-9 abstol=1e-15 vntol=1e-12 itl1=500 gmin=1e-20 gmindc=1e-20
.param bw_temp=27
.temp 'bw_temp'
.param bw_vdd=1.8
.param bw_vss=-1.8
Vvdd vdd 0 DC 'bw_vdd'
"""


def test_the_dialect_of_xyce_has_its_own_parameters_options_and_prints(tmp_path):
    graph = chain((3, 4, 2), high=1, activation="relu", loss="softmax_cross_entropy")
    spice(graph, tmp_path / "out", *sample(graph), options=Options("bilateral", dialect="xyce"), hold=20)
    texts = {name: (tmp_path / "out" / name).read_text() for name in ("lib.inc", "net.cir", "tb_op.cir", "tb_tran.cir")}
    assert "dialect xyce; read by ngspice" in texts["net.cir"]
    for line in "".join(texts.values()).splitlines():
        if not line.startswith(("*", "+")):
            assert "?" not in line and "rel=" not in line and line.count("(") == line.count(")")
        if line.startswith("B"):
            assert re.search(r" [VI]=\{[^{}]+\}$", line)
        if line.startswith("X") and "=" in line:
            assert re.search(r" PARAMS: \w+=", line)
    assert "ln(if(V(total)>0.5,V(total),0.5))" in texts["lib.inc"]
    assert re.search(r"^\.dc V\w+ (\S+) \1 1\n\.print dc format=raw v\(\*\)", texts["tb_op.cir"], flags=re.M)
    assert ".print tran format=raw v(*)" in texts["tb_tran.cir"] and ".save" not in texts["tb_tran.cir"]
