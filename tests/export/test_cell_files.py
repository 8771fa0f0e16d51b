"""What files of cells and of corners may say and be called: nothing here runs a simulator."""

from __future__ import annotations

import re
import time

import pytest

from emulator import ExportError, FileFormatError
from emulator.export import Options, measured_cells, spice
from emulator.export.cell_files import read_cells
from emulator.export.corners import number
from tests.refusals import refuses
from tests.support.circuits import chain, sample

GRAPH = chain((2, 2, 1))
HEAD = ".subckt synapse x s mu lam vdd vss w=1 vfs=1 rref=50"
#: a synapse with a parameter of its own
OWN = f"{HEAD} k=1\nG1 0 s x 0 {{k*w/rref}}\nG2 0 lam mu 0 {{k*w/rref}}\n.ends\n"


def written(folder, text: str, name: str = "my.inc"):
    (folder / name).write_text(text, encoding="ascii")
    return folder / name


def exported(folder, text: str = OWN, name: str = "my.inc", corners=(), **more):
    return spice(
        GRAPH, folder / "out", *sample(GRAPH), cells=written(folder, text, name), corners=corners, force=True, **more
    )


def test_the_name_of_a_file_of_cells_is_no_part_of_any_text_but_a_comment(tmp_path):
    name = "a\n.control\nshell touch canary\n.endc\n*\x1b[2J\r.end ü.inc"
    (tmp_path / "plain").mkdir()
    text = OWN.replace("vfs=1", "vfs=2")
    done, plain = exported(tmp_path, text, name), exported(tmp_path / "plain", text)
    assert any("is sized for" in text for text in done.warnings) and all(text.isprintable() for text in done.warnings)
    for file in [one for one in done.files if not one.endswith(".npz")]:
        texts = [(one.directory / file).read_bytes().decode("ascii") for one in (done, plain)]
        assert re.fullmatch(r"[\n\x20-\x7e]*", texts[0]), file
        if not file.endswith(".json"):
            cards = [[line for line in text.split("\n") if not line.startswith("*")] for text in texts]
            assert cards[0] == cards[1], file


@pytest.mark.parametrize(
    "text", [f".subckt synapse x {'a' * 19_000}\n", f".param k={{{'1' * 19_000}+1}}\n"], ids=["word", "digits"]
)
def test_long_words_are_read_in_a_time_that_grows_with_their_length(tmp_path, text):
    started = time.process_time()
    with pytest.raises(FileFormatError):
        read_cells(written(tmp_path, text))
        number(text.split("=")[1].strip(), "k")
    assert time.process_time() - started < 0.5


TANH = ".subckt tanh s x lam mu vdd vss {}\nB1 x 0 V=V(s)\nE1 mu 0 lam 0 1\n.ends\n"
#: kind -> text of the cells, and words of the refusal
CELLS = {
    "name of a parameter of the circuit": (OWN.replace("k=1", "td_f0=1"), "parameter 'td_f0' is one of the circuit's own"),
    "name of a .param of the file": (".param k=2\n" + OWN, "line 2: parameter 'k' of cell 'synapse' is also a .param of the file"),
    "two defaults": (OWN + TANH.format("k=2"), "line 5: cell 'tanh' has 'k' 2, another has 1; allowed: one default"),
    "twice in a head": (OWN.replace("k=1", "k=1 k=2"), "line 1: parameter 'k' is there twice"),
    "twice in the file": (".param a=1\n.param a=2\n" + OWN, "line 2: parameter 'a' is there twice"),
    "a model twice": (OWN + ".model d d is=1e-9\n.model d d is=1e-14\n", "line 6: model 'd' is there twice; allowed: once"),
    "within itself": (OWN.replace(".ends", "X9 x s mu lam vdd vss synapse\n.ends"), "subcircuit synapse within synapse; allowed"),
    "not finite": (OWN.replace("k=1", "k=1e999"), "line 1: default of 'k' is '1e999'; allowed: a finite number"),
    "scale that is an expression": (OWN.replace("vfs=1", "vfs={a}"), "line 1: default of 'vfs' is '{a}'; allowed: a number"),
}  # fmt: skip
HELPED = ".param gain=1\n" + OWN + ".subckt half a b gain=1\nG1 0 b a 0 {gain}\n.ends\n"
HELPED = HELPED.replace("vdd vss w=1 vfs=1 rref=50 k=1\n", "vdd vss w=1 vfs=1 rref=50 k=1\nX1 x s half\n")
#: kind -> what a corner sets, and words of the refusal
SET = {
    "hidden by a helper's own": ("gain=0.5", "a corner sets 'gain', which in 'my.inc' is a .param and, in line 7, a parameter of 'half'"),
    "with and without prefix": ("bw_k=1 k=2", "corner 'slow.inc': parameter 'k' is there twice"),
    "twice": ("k=1 k=2", "line 1: parameter 'k' is there twice"),
    "not finite": ("td_f0=1e999", "line 1: td_f0 is '1e999'; allowed: a finite number"),
    "no scale": ("vfs=0", "corner 'slow.inc': vfs is 0; allowed: above 0"),
    "below a resistance": ("rref=-1", "corner 'slow.inc': rref is -1; allowed: above 0"),
    "a delay of nothing": ("td_f0=0", "corner 'slow.inc': td_f0 is 0; allowed: above 0"),
    "thousandths of an inch": ("k=1mil", "line 1: k is '1mil'; allowed: a finite number, alone or with one of t, g, meg, k"),
    "1e-18 or amperes": ("k=1a", "line 1: k is '1a'"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CELLS)
def test_parameters_of_cells_that_mean_two_things_or_nothing_are_refused(tmp_path, kind):
    text, words = CELLS[kind]
    with pytest.raises(FileFormatError, match=re.escape(words)) as found:
        exported(tmp_path, text)
    assert "my.inc'" in str(found.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", SET)
def test_corners_that_would_set_nothing_or_no_circuit_are_refused(tmp_path, kind):
    text, words = SET[kind]
    corner = written(tmp_path, f".param {text}\n", "slow.inc")
    with pytest.raises((ExportError, FileFormatError), match=re.escape(words)):
        exported(tmp_path, HELPED, corners=[corner])
    assert not (tmp_path / "out").exists()


def test_a_prefix_that_begins_a_name_is_not_taken_from_it(tmp_path):
    corner = written(tmp_path, ".param spread=2 s_k=3\n", "slow.inc")
    text = OWN.replace("k=1", "k=1 spread=1").replace("{k*", "{k*spread*")
    done = exported(tmp_path, text.replace("synapse", "s_synapse"), corners=[corner], options=Options(prefix="s_"))
    assert "spread=2.0 k=3.0" in (done.directory / "tb_corners.cir").read_text().replace("s_", "")
    done = exported(
        tmp_path, text, corners=[written(tmp_path, ".param spread=2\n", "s.inc")], options=Options(prefix="s")
    )
    assert ".subckt ssynapse x s" in (done.directory / "cells.inc").read_text()
    assert "spread=2.0" in (done.directory / "tb_corners.cir").read_text()


def test_every_scale_for_which_cells_are_sized_is_told(tmp_path):
    done = exported(tmp_path, OWN + TANH.format("vfs=0.5 rref=50"))
    assert done.warnings == ("cells: 'my.inc' is sized for vfs 500 mV in tanh, whereas the circuit has 1 V",)


@pytest.mark.parametrize("text, value", [("10pF", 1e-11), ("{2meg}", 2e6), ("3ohm", 3.0), ("-1.5e-3mV", -1.5e-6)])
def test_numbers_have_the_suffixes_of_netlists(text, value):
    assert number(text.lower(), "k") == pytest.approx(value, rel=1e-15)


class Reached(Exception):
    """The first run of ngspice."""


def first_deck(monkeypatch, *arguments: object) -> list[str]:
    """The deck that a measurement would run first."""

    def stop(circuit, *_):
        raise Reached(circuit.text)

    monkeypatch.setattr(measured_cells, "simulate", stop)
    with pytest.raises(Reached) as found:
        measured_cells.measure(*arguments)
    return str(found.value).split("\n")


def test_a_neuron_with_a_slope_is_measured_as_the_cell_that_it_is(tmp_path, monkeypatch):
    path = written(tmp_path, TANH.replace("tanh", "leaky_relu0").format("vfs=1"))
    monkeypatch.setattr(measured_cells._Bench, "_synapses", lambda self: ((), ((), ())))
    deck = first_deck(monkeypatch, path, {})
    assert ".subckt bw_leaky_relu0 s x lam mu vdd vss vfs=1 rref=50" in deck
    assert "Xn0 s x0 lam m0 vdd vss bw_leaky_relu0 vfs=1.0 rref=50.0" in deck


def test_a_measurement_reads_corners_as_an_export_does(tmp_path, monkeypatch):
    path = written(tmp_path, OWN)
    deck = first_deck(monkeypatch, path, {"bw_k": 3.0, "vdd": 1.5, "vfs": 2.0})
    assert (
        "Vvdd vdd 0 DC 1.5" in deck and "Xw0_0 x s0_0 x l0_0 vdd vss bw_synapse w=-1.0 vfs=2.0 rref=50.0 k=3.0" in deck
    )
    for corner, words in (
        ({"kk": 1.0}, "a corner: the circuit has no parameter 'kk' (did you mean 'k'?)"),
        ({"bw_k": 1.0, "k": 2.0}, "a corner: parameter 'k' is there twice; allowed: once"),
    ):
        refuses(words, lambda corner=corner: measured_cells.measure(path, corner), ExportError)


def test_a_file_with_neither_synapse_nor_neuron_is_not_measured(tmp_path):
    path = written(tmp_path, ".subckt sum node\nR1 node 0 50\n.ends\n")
    refuses(f"file of cells '{path}' has sum, and neither", lambda: measured_cells.measure(path, {}), FileFormatError)


@pytest.mark.parametrize("draws", [0, -1, True, 10**6])
def test_cells_are_measured_at_least_once(draws):
    words = f"fit of cells: draws is {draws!r}; allowed: whole numbers from 1 to {measured_cells.MOST_DRAWS}"
    refuses(words, lambda: measured_cells.measure("ota", {}, draws=draws), ExportError)


def test_a_model_of_a_subcircuits_own_is_the_one_it_gets(tmp_path):
    """ngspice takes the first of a name."""
    text = OWN.replace(".ends", ".model dd d is=2e-9\nD1 x s dd\n.ends") + ".model dd d is=1e-14\n"
    cells = (exported(tmp_path, text).directory / "cells.inc").read_text()
    assert "is=2e-9" in cells and "is=1e-14" not in cells


def test_no_parameter_of_a_cell_makes_a_comment_that_simulators_obey(tmp_path):
    text = (
        exported(tmp_path, OWN.replace("k=1", "ng_script=1").replace("{k*", "{ng_script*")).directory / "net.cir"
    ).read_text()
    assert "* parameter ng_script:" in text and "\n* ng_script" not in text
