"""Text for other simulators: what it means to ngspice where that reads it, and its form elsewhere."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from emulator import ExportError
from emulator.export import Options, spice, verify
from emulator.export.ngspice import run_ngspice
from emulator.export.warnings import MOST_SYNAPSES
from tests.refusals import refuses
from tests.support.circuits import chain, ngspice, node, sample

__all__ = ["ngspice"]


@pytest.fixture(autouse=True)
def text_only(monkeypatch):
    """As for a large circuit: no waves are followed, which nothing here looks at."""
    monkeypatch.setitem(MOST_SYNAPSES, "bilateral", 1)


@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_the_dialect_of_ltspice_means_the_same_to_ngspice(ngspice, tmp_path, circuit):
    out = tmp_path / "out"
    graph = chain((3, 4, 2), high=1, activation="relu", loss="softmax_cross_entropy")
    spice(
        graph,
        out,
        *sample(graph),
        options=Options(circuit, dialect="ltspice"),
        hold=60 if circuit == "bilateral" else None,
    )
    assert "dialect ltspice; UNTESTED" in (out / "net.cir").read_text()
    text = (out / "lib.inc").read_text()
    assert "if(V(" in text and "?" not in text and "rel=" not in text
    refuses(f"export '{out}' is in dialect 'ltspice'; allowed: ngspice", lambda: verify(out), ExportError)
    (out / "lib.inc").write_text(re.sub(r"\bif\(", "ternary_fcn(", text))  # its name in ngspice
    found, rest = run_ngspice(out / "tb_op.cir", 60), json.loads((out / "expected.json").read_text())["rest"]
    for bundle, values in rest.items():
        ours = [node(found, f"{bundle}_{k}")[0] for k in range(len(values))]
        np.testing.assert_allclose(ours, values, atol=1e-8 * max(np.abs(values).max(), 1e-3))


def test_the_dialect_of_xyce_has_its_own_parameters_options_and_prints(tmp_path):
    graph = chain((3, 4, 2), high=1, activation="relu", loss="softmax_cross_entropy")
    spice(graph, tmp_path / "out", *sample(graph), options=Options("bilateral", dialect="xyce"), hold=20)
    texts = {name: (tmp_path / "out" / name).read_text() for name in ("lib.inc", "net.cir", "tb_op.cir", "tb_tran.cir")}
    assert "dialect xyce; UNTESTED" in texts["net.cir"]
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
