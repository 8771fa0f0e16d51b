"""A second opinion: the ngspice of eecircuit-engine, a newer one in WebAssembly, where its package is installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from emulator.export import Options, spice
from emulator.export.ngspice import run_ngspice
from tests.support.circuits import chain, ngspice, node, sample

__all__ = ["ngspice"]
RUNNER = Path(__file__).parents[1] / "support" / "eecircuit.mjs"


@pytest.fixture
def newer():
    """Runs a testbench of a folder; skip unless BACKWAVE_EECIRCUIT names the folder into which npm installed the package."""
    if "BACKWAVE_EECIRCUIT" not in os.environ:
        pytest.skip("BACKWAVE_EECIRCUIT is not set: npm install --prefix FOLDER eecircuit-engine")

    def run(folder: Path, name: str) -> dict[str, np.ndarray]:
        out = folder / f"{name}.json"
        subprocess.run(["node", RUNNER, folder, name, out], check=True, capture_output=True, timeout=120)
        said = json.loads(out.read_text())
        assert "ngspice-" in said["version"]
        return {key: np.array(values) for key, values in said["values"].items()}

    return run


@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_a_newer_ngspice_finds_the_same_rest_and_the_same_waves(ngspice, newer, tmp_path, circuit):
    graph = chain((3, 4, 2), high=1, activation="relu", loss="softmax_cross_entropy")
    out = tmp_path / "out"
    spice(graph, out, *sample(graph), options=Options(circuit), hold=20 if circuit == "bilateral" else None)
    found = newer(out, "tb_op.cir")
    for bundle, values in json.loads((out / "expected.json").read_text())["rest"].items():
        ours = [node(found, f"{bundle}_{k}")[-1] for k in range(len(values))]
        np.testing.assert_allclose(ours, values, rtol=0, atol=1e-9 * max(np.abs(values).max(), 1e-3))
    moving, known = newer(out, "tb_tran.cir"), run_ngspice(out / "tb_tran.cir", 60)
    at = graph.step * (0.5 + np.arange(int(known["time"][-1] / graph.step)))
    assert set(known) <= set(moving) and len(known) > 10
    for name, values in known.items():
        waves = [np.interp(at, time, wave) for time, wave in ((moving["time"], moving[name]), (known["time"], values))]
        np.testing.assert_allclose(*waves, rtol=0, atol=1e-6 * max(np.abs(waves[1]).max(), 1e-3))
