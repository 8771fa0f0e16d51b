"""Sheets and symbols of xschem: the netlist that it writes of them is ours, and rests where the network does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from emulator import Bilateral, SeriesRC
from emulator.export import Options
from emulator.export.expected import expect
from emulator.export.formats import export_file
from emulator.export.netlist import network
from emulator.export.ngspice import run_ngspice
from emulator.export.spice_text import design_text
from emulator.export.testbench import Bench
from emulator.export.two_way import two_way
from tests.support.circuits import MISHAPS, chain, ngspice, sample

__all__ = ["ngspice"]
CASES = [
    ("directional", "gyrator", "tile"),
    ("directional", "gyrator", "synapse"),
    ("directional", "transformer", "tile"),
    ("bilateral", "gyrator", "tile"),
]


@pytest.fixture
def xschem():
    """Makes xschem write the netlist of a folder; skip without it."""
    if shutil.which("xschem") is None:
        pytest.skip("xschem is not installed: install it, such as by apt-get install xschem")

    def run(folder: Path) -> Path:
        words = ["xschem", "-n", "-s", "-q", "-x", "-r", "--rcfile", "xschemrc", "net.sch"]
        subprocess.run(words, cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        return folder / "net.spice"

    return run


def statements(text: str) -> dict[str, list[list[str]]]:
    """Cards of every subcircuit with its head, and those of the network under an empty name; settings are sorted."""
    found: dict[str, list[list[str]]] = {"": []}
    now = ""
    for line in re.sub(r"\n\+ ?", " ", text).splitlines():
        words = sorted(line.split(), key=lambda word: word if "=" in word[1:] and not word.startswith(".") else "")
        if line.startswith(".subckt"):
            now = words[1]
            found[now] = [words]
        elif line.startswith(".ends"):
            now = ""
        elif line.startswith(("X", ".param")):
            found[now].append(words)
    return found


def graph_of(circuit: str, wiring: str):
    """A graph, and what its circuit is of; two-way lines have faults, and weights that are the chip's."""
    both = circuit == "bilateral"
    made = MISHAPS | {"weights.g_max": 25e-6, "weights.levels": 8}
    graph = chain(
        (4, 5, 3), loss="softmax_cross_entropy", activation="tanh" if both else "relu", wiring=wiring,
        law=Bilateral(0.3, 2.0, far_end=SeriesRC()) if both else None, hardware=made if both else None,
    )  # fmt: skip
    return graph, two_way(graph) if both else graph


def flat(graph, options: Options):
    design = network(graph, options, {})
    design.flat = True
    return design


@pytest.mark.parametrize(("circuit", "synapse", "wiring"), CASES)
def test_sheets_hold_every_instance_with_a_label_at_each_pin_of_its_symbol(tmp_path, circuit, synapse, wiring):
    graph, used = graph_of(circuit, wiring)
    options = Options(circuit, synapse)
    export_file(graph, tmp_path / "out", "xschem", options=options)
    ours = statements("\n".join(design_text(flat(used, options))))
    for name, cards in ours.items():
        text = (tmp_path / "out" / f"{name or 'net'}.sch").read_text()
        placed = re.findall(r"^C \{(.+)\.sym\} (\S+) (\S+) 0 (\d) \{(.*)\}$", text, re.M)
        labels = {
            (float(x), float(y)): re.search(r"lab=(\w+)", rest)[1] for s, x, y, _, rest in placed if "lab_pin" in s
        }
        found = []
        for cell, x, y, _, rest in placed:
            if cell.startswith("devices/"):
                continue
            symbol = (tmp_path / "out" / f"{cell}.sym").read_text()
            boxes = re.findall(r"^B 5 (\S+) (\S+) \S+ \S+ \{name=\w+ ", symbol, re.M)
            nodes = [labels.pop((float(x) + float(a) + 2.5, float(y) + float(b) + 2.5)) for a, b in boxes]
            one, *settings = rest.replace("\\", "").removeprefix("name=").split()
            found.append([one, *nodes, cell, *sorted(settings)])
        assert found == [card for card in cards if card[0].startswith("X")]
        assert not labels


@pytest.mark.parametrize(("circuit", "synapse", "wiring"), CASES)
def test_the_netlist_of_xschem_is_ours_and_rests_where_the_network_does(
    xschem, ngspice, tmp_path, circuit, synapse, wiring
):
    graph, used = graph_of(circuit, wiring)
    options = Options(circuit, synapse)
    folder = tmp_path / "out"
    export_file(graph, folder, "xschem", options=options)
    written = xschem(folder).read_text()
    export_file(
        graph, folder, "xschem", options=options, force=True
    )  # the netlist beside the sheets is no stranger's file
    design = flat(used, options)
    found, ours = (statements(text) for text in (written, "\n".join(design_text(design))))
    assert {name: sorted(cards) for name, cards in found.items()} == {
        name: sorted(cards) for name, cards in ours.items()
    }
    expected = expect(used, *sample(graph), 0, two_way=options.bilateral, predicted=False, waves=False)
    bench = Bench(design, used, options, expected, tuple(range(len(used.sites))), ("net.spice",))
    (folder / "net.spice").write_text(re.sub(r"^\.end$", "", written, flags=re.M))
    (folder / "tb.cir").write_text("\n".join(["* test", *bench.operating_point(), ""]))
    rest = run_ngspice(folder / "tb.cir", 60)
    for signal, _, site, nodes in bench.probes():
        exact = expected.rest[signal][site.start : site.stop] * options.volts
        values = np.array([rest[f"v({name})"][0] for name in nodes])
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-8 * max(np.abs(exact).max(), 1e-3))
