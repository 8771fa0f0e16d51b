"""Cells of one's own: the contract, refusals, what verification finds, corners, and transistors beside their fitted model."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import Bilateral, ExportError, FileFormatError, SeriesRC, reference
from emulator.cli import app
from emulator.export import Options, contract, held, spice, verify
from emulator.export.bundle import seal
from emulator.export.cell_files import scale_of
from emulator.export.cells import activations, library
from emulator.export.corner_checks import settled_at
from emulator.export.examples import ota
from emulator.export.ngspice import run_ngspice
from emulator.export.two_way import with_two_way_lines
from hwmodels import load
from hwmodels.errors import HardwareError
from tests.benchmarks.transistors import fitted, verified
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.circuits import KINDS, chain, ngspice, sample, scaled
from tests.support.documents import DOCUMENTS

__all__ = ["ngspice"]
SYNAPSE = """\
* a synapse with a gain
.param unit=1
.subckt half a out w=1 vfs=7 rref=1 k=1 unit2=3
G1 0 out a 0 {k*unit*w/rref}
.ends
.subckt synapse x s mu lam vdd vss w=1 vfs=1 rref=50 k=1
X1 x s half w={w} rref={rref} k={k}
X2 mu lam half w={w} rref={rref} k={k}
.ends
"""


def written(tmp_path, text: str = SYNAPSE, name: str = "my.inc"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.mark.parametrize("circuit, synapse, wiring", KINDS)
@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
def test_the_library_keeps_the_contract(circuit, synapse, wiring, loss):
    graph, options = chain(wiring=wiring, loss=loss), Options(circuit, synapse)
    graph = with_two_way_lines(graph) if options.bilateral else graph
    names, seen = {name for name, *_ in activations(graph)}, set()
    for cell in library(graph, options):
        kept = contract.contract("(activation)" if cell.name in names else cell.name, circuit, synapse, loss)
        if kept is not None:
            assert kept.names == cell.pins
            seen.add(kept.cell)
    assert {"synapse", "(activation)", "load", "bias"} <= seen


def test_the_contract_in_the_guide_is_that_of_the_code():
    assert "\n".join(contract.table()) in DOCUMENTS["emulator/export/GUIDE.md"]


BODY = "G1 0 s x 0 {w/rref}\n.ends\n"
REFUSED = {
    "unknown cell": (".subckt synapze x s mu lam vdd vss w=1\n" + BODY, "this circuit has no cell 'synapze' (did you mean 'synapse'?)"),
    "wrong pins": (".subckt synapse x s lam mu vdd vss w=1\n" + BODY, "cell 'synapse' has the pins x s lam mu vdd vss; allowed: x s mu lam vdd vss"),
    "no weight": (".subckt synapse x s mu lam vdd vss\n" + BODY, "cell 'synapse' has no parameter 'w'"),
    "control": (".control\nshell touch canary\n.endc\n", "'.control' is no part of a cell"),
    "include": (".include other.inc\n", "'.include other.inc' is no part of a cell"),
    "lib": (".lib other tt\n", "'.lib other tt' is no part of a cell"),
    "codemodel": (".codemodel evil.cm\n", "'.codemodel evil.cm' is no part of a cell"),
    "osdi": (".pre_osdi evil.osdi\n", "'.pre_osdi evil.osdi' is no part of a cell"),
    "comment that is obeyed": ("*# shell touch canary\n", "is a comment that simulators obey"),
    "shell in an expression": (".subckt synapse x s mu lam vdd vss w=1\nB1 s 0 I=system(1)\n.ends\n", "calls the function 'system'"),
    "model of code": (".model m d_source(input_file=canary)\n", "is no .model as circuits need it"),
    "element outside": ("R1 a 0 1\n", "'R1 a 0 1' stands outside of a subcircuit"),
    "model missing": (".subckt synapse x s mu lam vdd vss w=1\nM1 s x 0 0 nch w=1u l=1u\n.ends\n", "has no model in the file"),
    "helper missing": (".subckt synapse x s mu lam vdd vss w=1\nX1 s x nothing\n.ends\n", "no subcircuit 'nothing'"),
    "twice": (".subckt synapse x s mu lam vdd vss w=1\n" + BODY + ".subckt bw_synapse x s mu lam vdd vss w=1\n" + BODY, "is there twice"),
    "name of a supply": (".subckt synapse x s mu lam vdd vss w=1 vdd=2\n" + BODY, "parameter 'vdd' is one of the circuit's own"),
    "no end": (".subckt synapse x s mu lam vdd vss w=1\n", "its last subcircuit has no '.ends'"),
    "nothing": ("* nothing\n", "has no cell of this circuit"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_files_that_are_no_cells_are_refused_and_nothing_is_written(tmp_path, kind):
    text, words = REFUSED[kind]
    path = written(tmp_path, text)
    with pytest.raises(FileFormatError, match=re.escape(words)) as found:
        spice(chain(), tmp_path / "out", *sample(chain()), cells=path)
    assert f"'{path}'" in str(found.value)
    assert not (tmp_path / "out").exists()


def test_cells_and_corners_that_do_not_fit_are_refused(tmp_path):
    path, graph = written(tmp_path), chain()
    refuses("cells or corners in dialect 'xyce'", lambda: spice(graph, tmp_path / "o", *sample(graph), cells=path, options=Options(dialect="xyce")), ExportError)  # fmt: skip
    for name, text, words in (
        ("slow.inc", ".param nothing=1\n", "corner 'slow.inc': the circuit has no parameter 'nothing'"),
        ("slow.inc", ".param k={a}\n", f"corner '{tmp_path / 'slow.inc'}', line 1: k is '{{a}}'"),
        ("slow.inc", "R1 a 0 1\n", f"corner '{tmp_path / 'slow.inc'}', line 1: 'R1 a 0 1' is no set of parameters"),
        ("slow.inc", "* none\n", f"corner '{tmp_path / 'slow.inc'}' sets nothing"),
        ("sl-ow.inc", ".param k=1\n", f"corner '{tmp_path / 'sl-ow.inc'}' is named 'sl-ow'"),
    ):
        corner = written(tmp_path, text, name)
        with pytest.raises((ExportError, FileFormatError), match="^" + re.escape(words)):
            spice(graph, tmp_path / "o", *sample(graph), cells=path, corners=[corner])
    done = spice(graph, tmp_path / "o", *sample(graph), cells=path, options=Options(ohms=75.0))
    assert scale_of(path) == {"vfs": 1.0, "rref": 50.0}
    assert done.warnings == ("cells: 'my.inc' is sized for rref 50 ohm, whereas the circuit has 75 ohm",)


def test_a_replaced_synapse_is_named_and_one_that_is_wrong_by_design_is_located(ngspice, tmp_path):
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph), cells=written(tmp_path))
    outcome = verify(tmp_path / "out", tolerance=1e-4)
    assert outcome.agrees and [cell.cell for cell in outcome.cells] == ["synapse"] and outcome.cells[0].deviation < 1e-4
    assert any("synapse" in note for note in outcome.notes)
    wrong = SYNAPSE.replace("X2 mu lam half w={w}", "X2 mu lam half w={-w}")
    spice(graph, tmp_path / "wrong", *sample(graph), cells=written(tmp_path, wrong))
    outcome = verify(tmp_path / "wrong")
    assert not outcome.agrees and not outcome.cells[0].keeps and outcome.cells[0].worst.startswith("lam")
    assert outcome.suspects and all(one.node.startswith("lam") for one in outcome.suspects)
    neuron = ".subckt tanh s x lam mu vdd vss vfs=1 rref=50\nB1 x 0 V={vfs}*tanh(V(s)/{vfs})\nE1 mu 0 lam 0 1\n.ends\n"
    spice(graph, tmp_path / "neuron", *sample(graph), cells=written(tmp_path, neuron))
    outcome = verify(tmp_path / "neuron")
    assert not outcome.agrees and "neuron 2_0 (tanh)" in [one.cell for one in outcome.suspects]
    assert {one.node[:2] for one in outcome.suspects} == {"mu"}


BIAS = """\
.subckt bias s bias=0 vfs=1 rref=50
I1 0 s {bias*vfs/rref}
R1 s 0 {rref}
.ends
"""
#: a fault of the library beside an own bias -> file, pattern, text, and how the cell that is named begins
BESIDE = {
    "weight": ("net.cir", r"^(Xw1_1 .* w=)(\S+)", lambda m: f"{m[1]}{1.01 * float(m[2])!r}", "row 1 of crossbar 0"),
    "way back": ("lib.inc", r"^G2 0 lam mu 0 \{w/rref\}", lambda m: "G2 0 lam mu 0 {1.001*w/rref}", "row "),
    "load": ("lib.inc", r"^G1 0 lam x y \{1.0/rref\}", lambda m: "G1 0 lam x y {1.01/rref}", "xload"),
    "input": ("tb_op.cir", r"^(Vx0_0 x0_0 0 DC \{)", lambda m: f"{m[1]}1.01*", "source of x0_0"),
    "neuron": ("lib.inc", r"^(B1 x 0 V=)(.*)", lambda m: f"{m[1]}1.03*({m[2]})", "neuron 1_"),
    "slope": ("lib.inc", r"^(B2 mu 0 V=)(.*)", lambda m: f"{m[1]}1.001*({m[2]})", "neuron 1_"),
}


def test_a_cell_of_ones_own_makes_no_fault_of_the_library_right(ngspice, tmp_path):
    graph, folder = chain(), tmp_path / "out"
    spice(graph, folder, *sample(graph), cells=written(tmp_path, BIAS))
    assert verify(folder).agrees
    for name, (file, pattern, text, begins) in BESIDE.items():
        kept = (folder / file).read_text()
        changed, count = re.subn(pattern, text, kept, count=1, flags=re.M)
        assert count == 1, name
        (folder / file).write_text(changed)
        outcome = verify(folder, tolerance=0.2)
        (folder / file).write_text(kept)
        assert all(check.agrees for check in outcome.checks) and all(cell.keeps for cell in outcome.cells), name
        assert not outcome.agrees and any(one.cell.startswith(begins) for one in outcome.suspects), (
            name,
            outcome.suspects,
        )


def test_a_cell_whose_mean_gain_is_off_breaks_its_contract_although_every_node_is_near(ngspice, tmp_path):
    graph = chain()
    low = SYNAPSE.replace("X2 mu lam half w={w}", "X2 mu lam half w={0.9*w}")
    spice(graph, tmp_path / "out", *sample(graph), cells=written(tmp_path, low))
    (synapse,) = verify(tmp_path / "out").cells
    assert synapse.deviation <= synapse.allowed and abs(synapse.gain - 0.9) < 1e-6 and not synapse.keeps
    rng = np.random.default_rng(1)
    wanted = rng.normal(0, 0.05, 12)
    assert held.mean_gain(wanted + rng.normal(0, 0.02, 12), wanted) == 1.0
    assert held.mean_gain(0.9 * wanted, wanted) == pytest.approx(0.9)


def test_a_contract_that_cannot_be_checked_is_not_taken_for_kept(ngspice, tmp_path):
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph), cells=written(tmp_path), probes=["h1"])
    outcome = verify(tmp_path / "out")
    assert all(check.agrees for check in outcome.checks) and outcome.cells == () and not outcome.agrees
    assert any(note.startswith("contract not checked, since 1 of 3 rows are saved") for note in outcome.notes)
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "out")], prog_name="backwave")
    assert result.exit_code == 1 and "the circuit is not shown to agree" in result.output


def test_cells_that_a_circuit_has_not_are_not_among_those_replaced(ngspice, tmp_path):
    graph, folder = chain(), tmp_path / "out"
    spice(graph, folder, *sample(graph), cells=written(tmp_path))
    for cells, words in (
        (["zzz"], "cells[0] is 'zzz'; allowed: bias, line, load, sum, synapse, tanh, each once"),
        (["gyrator"], "cells[0] is 'gyrator'"),
        (["synapse", "synapse"], "cells[1] is 'synapse'"),
        (["synapse", "tanh"], "cells[1] is 'tanh', which is not among the subcircuits of cells.inc"),
    ):
        described = json.loads((folder / "map.json").read_text())
        described["cells"] = cells
        described["seal"] = seal(described)
        (folder / "map.json").write_text(json.dumps(described))
        with pytest.raises(FileFormatError, match=re.escape(words)):
            verify(folder)
    assert not held.Held("zzz", 0, "", 0.0).keeps


TWO_WAY = """\
.subckt synapse x column vdd vss w=1 vfs=1 rref=50
G1 0 column x 0 {w/rref}
G2 x 0 column 0 {w/rref}
.ends
"""


def test_cells_of_ones_own_stand_between_two_way_lines_and_are_held_to_their_contract(ngspice, tmp_path):
    graph, options = chain(law=Bilateral(0.3, 2.0, far_end=SeriesRC()), high=1), Options("bilateral")
    for gain, keeps in (
        ("", True),
        ("1.2*", False),
    ):  # the way back of one and the way there are no longer those of one weight
        cells = written(tmp_path, TWO_WAY.replace("column 0 {w", f"column 0 {{{gain}w"))
        spice(graph, tmp_path / "out", *sample(graph), options=options, cells=cells, force=not keeps)
        outcome = verify(tmp_path / "out")
        assert [(one.cell, one.keeps) for one in outcome.cells] == [("synapse", keeps)] and outcome.agrees == keeps


def test_a_resistor_of_a_cell_may_be_of_a_model(ngspice, tmp_path):
    """Sheet resistance times squares; what names a model that is not there is refused."""
    text = ".model film r(rsh=10)\n.subckt sum node rref=50\nR1 node 0 film l={rref*1e-7} w=1u\n.ends\n"
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph), cells=written(tmp_path, text))
    outcome = verify(tmp_path / "out", tolerance=1e-6)
    assert outcome.agrees and [cell.cell for cell in outcome.cells] == ["sum"]
    assert ".model film" in (tmp_path / "out" / "cells.inc").read_text()
    missing = written(tmp_path, text.replace("0 film", "0 1k foil"))
    words = (
        f"file of cells '{missing}': 'r1 node 0 1k foil l={{rref*1e-7}} w=1u' has no model in the file; allowed: film"
    )
    refuses(words, lambda: spice(graph, tmp_path / "b", *sample(graph), cells=missing), FileFormatError)
    value = written(tmp_path, text.replace("film l={rref*1e-7} w=1u", "{rref * 1}"))
    spice(graph, tmp_path / "c", *sample(graph), cells=value)


@pytest.mark.parametrize("volts, ohms", [(0.2, 20e3), (1e-9, 1e6)])
def test_behavioural_cells_do_at_every_scale_what_they_do_at_one_volt(ngspice, tmp_path, volts, ohms):
    bent = re.sub(
        r"G1 .*", "B1 0 out I={30*k*unit*w*vfs/rref}*tanh(V(a)/{30*vfs})*{1-1/3}/{2/3}", SYNAPSE.replace("vfs=7", "vfs=1")
    ).replace("half w={w}", "half w={w} vfs={vfs}")  # fmt: skip
    cells = written(tmp_path, bent)
    for name, options in (("one", Options()), ("out", Options(volts=volts, ohms=ohms))):
        graph = chain()
        spice(graph, tmp_path / name, *sample(graph), cells=cells, options=options)
    one, other = verify(tmp_path / "one"), verify(tmp_path / "out")
    assert one.agrees and other.agrees and 1e-4 < one.cells[0].deviation < 0.02
    for unit, small in zip(one.checks, other.checks, strict=True):
        assert small.worst == unit.worst
        np.testing.assert_allclose(small.found, volts * unit.found, rtol=1e-4)


def test_every_corner_has_its_verdict(ngspice, tmp_path):
    graph = chain()
    corners = [
        written(tmp_path, ".param bw_k=0.6 vdd=1.6\n", "slow.inc"), written(tmp_path, ".param unit=1.01 td_f0=3n\n", "fast.inc"),
        written(tmp_path, ".param vfs=0.5 rref=75\n", "low.inc"),
    ]  # fmt: skip
    done = spice(graph, tmp_path / "out", *sample(graph), cells=written(tmp_path), corners=corners)
    assert "tb_corners.cir" in done.files and "cells.inc" in done.files
    outcome = verify(tmp_path / "out")
    assert {one.corner: one.check.agrees for one in outcome.corners} == {
        "typical": True,
        "slow": False,
        "fast": True,
        "low": True,
    }
    typical, slow, fast, low = outcome.corners
    assert (
        typical.output_error < 1e-5 and low.output_error < 1e-5 and 1e-3 < fast.output_error < 0.05 < slow.output_error
    )
    assert fast.settling > typical.settling and not outcome.agrees


def test_a_corner_that_still_drifts_does_not_settle():
    time = np.linspace(0, 10, 1001)
    assert settled_at(time, np.where(time < 4, 0.0, 1.0), 1e-3, 1.0) == pytest.approx(3.99)
    assert settled_at(time, 0.1 * time, 1e-3, 1.0) is None
    assert settled_at(time, np.where(time < 9.5, 0.0, 1.0), 1e-3, 1.0) is None


def test_chips_that_differ_too_much_show_little_and_are_looked_for_before_anything_runs(ngspice, tmp_path, monkeypatch):
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph), cells=written(tmp_path))
    wide, narrow = (load("ideal").replace({"noise.offset_mismatch_forward": x}) for x in (5.0, 1e-3))
    for model, words in ((wide, "shows little"), (narrow, "")):
        notes = verify(tmp_path / "out", hardware=model, chips=5).notes
        assert any(words in note and "chips of" in note for note in notes) == bool(words)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HardwareError, match="no_such"):
        verify(tmp_path / "out", hardware="no_such")


def test_chips_have_the_costates_of_the_law_that_the_circuit_is_of(ngspice, tmp_path):
    graph = chain(high=1, law=Bilateral(0.4, far_end=SeriesRC(), kappa=1.7))
    spice(graph, tmp_path / "out", *sample(graph), options=Options("bilateral"))
    model = delays(1, 2).replace({"noise.offset_mismatch_forward": 0.02, "noise.offset_mismatch_backward": 0.02})
    found = verify(tmp_path / "out", hardware=model, chips=8)
    assert found.agrees and found.prediction.share == 1


def test_a_rest_shorter_than_the_waves_is_refused(tmp_path):
    graph, path = chain(), written(tmp_path)
    with pytest.raises(ExportError, match=r"^hold is 1 steps; allowed: \d+ and more"):
        spice(graph, tmp_path / "out", *sample(graph), cells=path, hold=1e-3)
    assert not (tmp_path / "out").exists()


def test_two_networks_with_own_cells_stand_in_one_deck_each_at_its_corner(ngspice, tmp_path):
    lines, inputs, cells = ["* two"], sample(scaled(1.0))[0], written(tmp_path)
    for prefix, factor in (("a_", 1.0), ("b_", -0.7)):
        graph = scaled(factor)
        corner = written(tmp_path, ".param unit=1\n", "c.inc")
        spice(graph, tmp_path / prefix, *sample(graph), cells=cells, corners=[corner], options=Options(prefix=prefix))
        for name in ("lib.inc", "cells.inc", "net.cir"):
            (tmp_path / f"{prefix}{name}").write_text((tmp_path / prefix / name).read_text())
            lines.append(f".include {prefix}{name}")
    lines += ["Vvdd vdd 0 1", "Vvss vss 0 -1", ".options reltol=1e-9 abstol=1e-15 vntol=1e-12 gmin=1e-20"]
    cases = {
        "p": ("a_", 1.0, ""),
        "q": ("b_", -0.7, "k=0.5"),
        "r": ("a_", 1.0, "unit=0.5"),
        "t": ("a_", 1.0, "k=2 unit=0.4"),
    }
    for name, (prefix, _, settings) in cases.items():
        pins = [*(f"x{k}" for k in range(3)), f"y{name}0", f"y{name}1", f"o{name}0", f"o{name}1", "vdd", "vss"]
        lines += [
            f"X{name} {' '.join(pins)} {prefix}net {settings}",
            f"Vy{name}0 y{name}0 0 0",
            f"Vy{name}1 y{name}1 0 0",
        ]
    lines += [f"Vx{k} x{k} 0 {value!r}" for k, value in enumerate(inputs[0].tolist())]
    (tmp_path / "tb.cir").write_text("\n".join([*lines, ".op", ".end", ""]))
    found = run_ngspice(tmp_path / "tb.cir", 60)
    for name, factor in (("p", 1.0), ("q", -0.35), ("r", 0.5), ("t", 0.8)):
        network = scaled(factor).network
        wanted = reference(network, inputs).states[network.output][0]
        np.testing.assert_allclose([found[f"v(o{name}{k})"][0] for k in range(2)], wanted, rtol=1e-8)


def test_the_transistors_are_those_that_the_script_sizes():
    slopes, share = ota.shares()
    u = np.linspace(-4, 4, 101)
    assert np.abs(ota.pair(np.outer(u, slopes)) @ share - np.tanh(u)).max() < 0.007
    number = re.compile(r"(?<![\w.])\d+\.\d{3,}")
    text, stored = ota.text(), ota.FILE.read_text()
    assert number.sub("#", text) == number.sub("#", stored)
    np.testing.assert_allclose(
        [float(n) for n in number.findall(text)], [float(n) for n in number.findall(stored)], rtol=0.05
    )


@pytest.mark.slow
def test_transistors_lie_among_the_chips_of_the_model_that_their_cells_were_fitted_to(ngspice, tmp_path):
    model = fitted(False)
    outcome = verified(model, tmp_path, samples=4, chips=16)
    found = outcome.prediction
    assert outcome.agrees and found is not None
    assert found.share >= 0.95 and found.compared == 80 and 0.2 < found.spread < 2
    assert all(cell.keeps for cell in outcome.cells)
    blind = model.replace({name: 1e-4 for name in ("noise.offset_mismatch_forward", "noise.offset_mismatch_backward", "noise.gain_mismatch_backward")})  # fmt: skip
    outcome = verified(blind, tmp_path / "blind", samples=2, chips=8)
    assert not outcome.agrees and outcome.prediction is not None and outcome.prediction.share < 0.7


def test_commands_of_cells_that_make_no_sense_are_refused(tmp_path):
    def backwave(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="backwave")

    for words, arguments in (
        (
            "--cells got format 'sax'",
            ("export", "digits", "--format", "sax", "--cells", "ota", "--out", tmp_path / "o"),
        ),
        ("a second file, --corner or --draws got", ("fit", "a.csv", "b.inc", "--out", tmp_path / "m.toml")),
        ("--degree or --as-written got cells", ("fit", "cells", "--degree", "1", "--out", tmp_path / "m.toml")),
        ("--seed got no --mismatch and no --cells", ("export", "digits", "--seed", "5", "--out", tmp_path / "o")),
        (
            "--volts and --full-scale both",
            ("export", "digits", "--volts", "3", "--full-scale", "0.5", "--out", tmp_path / "o"),
        ),
        ("--chips got no --hardware", ("verify", tmp_path, "--chips", "9")),
        (
            "schematic: no crossbar 'none'",
            ("export", "digits", "--picture", tmp_path / "a.png", "--layer", "none", "--out", tmp_path / "o"),
        ),
        (
            f"file '{tmp_path / 'a.xyz'}': no picture format 'xyz'",
            ("export", "digits", "--picture", tmp_path / "a.xyz", "--out", tmp_path / "o"),
        ),
        ("file of cells 'missing.inc' ", ("fit", "cells", "missing.inc", "--out", tmp_path / "m.toml")),
        ("file of cells 'missing.inc' ", ("export", "digits", "--cells", "missing.inc", "--out", tmp_path / "o")),
    ):
        result = backwave(*arguments)
        assert result.exit_code == 2 and result.output.startswith(f"backwave: error: {words}"), result.output
        assert not (tmp_path / "o").exists()
