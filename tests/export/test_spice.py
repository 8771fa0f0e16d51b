"""What an export writes: golden text, safe names, size, warnings, mismatch, and folders that stay whole."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from emulator import ExportError, NetworkBuilder, Worldsheet, compile_network, reference
from emulator.export import Buildable, Options, TwoWayLines, spice, verify
from emulator.export.mismatch import weight_spread
from emulator.export.ngspice import run_ngspice
from emulator.export.warnings import MOST_SYNAPSES
from hwmodels import load, program, rng
from tests.export.rig import chain, ngspice, sample
from tests.refusals import refuses
from tests.substrate import delays

__all__ = ["ngspice"]
GOLDEN = Path(__file__).parents[1] / "golden" / "spice"
KINDS = [
    ("directional", "gyrator"),
    ("directional", "transformer"),
    ("bilateral", "gyrator"),
    ("bilateral", "transformer"),
]
NOISY = {
    "weights.g_max": 25e-6,
    "weights.programming": {"kind": "polynomial", "coefficients": [1e-7, 2e-7], "reference": 25e-6},
}


def written(folder: Path, name: str) -> str:
    return re.sub(r"(?m)^\* written by backwave \S+;", "* written by backwave;", (folder / name).read_text())


@pytest.mark.parametrize(("circuit", "synapse"), KINDS)
def test_the_netlist_is_the_golden_one(tmp_path, circuit, synapse):
    """For a deliberate change delete the golden files of the kind: the test writes them anew, and fails once."""
    graph = chain((2, 2, 1))
    spice(
        graph,
        tmp_path / "out",
        *sample(graph),
        options=Options(circuit, synapse),
        hold=9 if circuit == "bilateral" else None,
    )
    missing = []
    for name in ("lib.inc", "net.cir", "tb_op.cir", "tb_tran.cir"):
        golden = GOLDEN / f"{circuit}-{synapse}-{name}"
        if not golden.exists():
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(written(tmp_path / "out", name))
            missing.append(golden.name)
        assert written(tmp_path / "out", name) == golden.read_text()
    assert not missing


HOSTILE = (
    "a b",
    ".include /etc/passwd",
    "x\n.include y",
    "1tanh",
    "V1 0 1 5",
    "Tanh",
    "tanh",
    "'q\"",
    "*;$//",
    "é\u202e{w}",
)


def test_names_of_layers_come_out_safe_and_unique(ngspice, tmp_path):
    graph = chain((2,) * 10, names=HOSTILE, low=1, high=1)
    plain = chain((2,) * 10, low=1, high=1)
    inputs, targets = sample(graph)
    for name, g in (("hostile", graph), ("plain", plain)):
        spice(g, tmp_path / name, inputs, targets)
    for name in ("lib.inc", "net.cir", "tb_op.cir", "tb_tran.cir"):
        bare = [
            [
                line
                for line in (tmp_path / folder / name).read_bytes().decode("ascii").splitlines()
                if not line.startswith("*")
            ]
            for folder in ("hostile", "plain")
        ]
        assert bare[0] == bare[1]
    bundles = json.loads((tmp_path / "hostile" / "map.json").read_text())["bundles"]
    named = {layer: bundle["nodes"] for bundle in bundles for layer in bundle["layers"] if bundle["is"] == "state"}
    assert set(named) == set(HOSTILE) and len(set(named.values())) == len(HOSTILE)
    assert verify(tmp_path / "hostile").agrees


def test_the_map_leads_from_nodes_to_layers(tmp_path):
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph), options=Options(volts=0.5))
    described = json.loads((tmp_path / "out" / "map.json").read_text())
    expected = json.loads((tmp_path / "out" / "expected.json").read_text())["rest"]
    exact = reference(graph.network, *sample(graph))
    seen = set()
    for bundle in described["bundles"]:
        values = exact.states if bundle["is"] in ("state", "pre-activation") else exact.costates
        for layer in bundle["layers"]:
            found = np.array(expected[bundle["nodes"].removesuffix("_<k>")]) / described["volts_per_state"]
            np.testing.assert_allclose(found, values[layer][0], rtol=1e-12)
            seen.add((layer, bundle["is"]))
    assert len(seen) == 2 * len(graph.layer_sites) and described["network"] == graph.network.digest


def test_full_scale_is_the_largest_state(tmp_path):
    graph = chain()
    done = spice(graph, tmp_path / "out", *sample(graph), full_scale=0.2)
    rest = json.loads((tmp_path / "out" / "expected.json").read_text())["rest"]
    assert max(abs(v) for name, values in rest.items() if name[0] == "x" for v in values) == pytest.approx(0.2)
    assert done.options.volts == pytest.approx(0.2 / np.abs(sample(graph)[0]).max())


def test_probes_limit_what_is_saved(ngspice, tmp_path):
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph), probes=["h1"])
    saved = re.findall(
        r"v\((\w+)\)", (tmp_path / "out" / "tb_tran.cir").read_text().split(".save")[1].split(".measure")[0]
    )
    assert {name for name in saved if not name.startswith("dev")} == {"x2_0", "x2_1", "lam2_0", "lam2_1"}
    assert verify(tmp_path / "out").agrees


def test_measurements_print_final_values_and_settling_times(ngspice, tmp_path):
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph))
    said = subprocess.run(["ngspice", "-b", "tb_tran.cir"], cwd=tmp_path / "out", capture_output=True, text=True).stdout
    found = {name: float(value) for name, value in re.findall(r"^(\w+)\s*=\s*([-+.e\d]+)", said, flags=re.M)}
    rest = json.loads((tmp_path / "out" / "expected.json").read_text())["rest"]
    for name, k in (("x2", 0), ("x2", 1), ("lam0", 2)):
        assert found[f"{name}_{k}_final"] == pytest.approx(rest[name][k], rel=1e-4)
    assert abs(found["dev_x2_final"]) < 1e-9
    last = 1 + graph.arrival.state[graph.layer_neurons("h1")].max()
    assert found["dev_x2_settled"] == pytest.approx(last * graph.step, abs=0.2 * graph.step)


@pytest.mark.slow
def test_time_and_size_grow_linearly(tmp_path):
    seconds, sizes, synapses = [], [], []
    for width in (32, 128):
        graph = chain((784, width, 10), low=1, high=1)
        begun = time.perf_counter()
        done = spice(graph, tmp_path / str(width), *sample(graph))
        seconds.append(time.perf_counter() - begun)
        sizes.append(sum((done.directory / name).stat().st_size for name in done.files))
        synapses.append(794 * width)
    assert seconds[1] < 10
    assert sizes[1] / sizes[0] < 1.1 * synapses[1] / synapses[0]


def test_warnings_name_what_is_out_of_range_left_out_or_too_large(tmp_path):
    graph = chain()
    buildable = Buildable(conductance=(1e-3, 5e-3), delay=(2e-9, 1e-6), capacitance=(1e-15, 1e-12))
    options = Options("bilateral", lines=TwoWayLines(impedance=0.1), buildable=buildable)
    found = spice(graph, tmp_path / "a", *sample(graph), options=options, hold=5).warnings
    kinds = [text.split(":")[0] for text in found]
    assert kinds == ["two-way lines have one delay", "conductance", "delay", "capacitance"]
    weights = np.concatenate([np.abs(p.weight).ravel() for p in graph.network.parameters.values()]) / 50
    outside = int(((weights < 1e-3) | (weights > 5e-3)).sum())
    assert f"conductance: {outside} of {len(weights)} values" in found[1] and "lie outside 1 mS to 5 mS" in found[1]
    assert "* warning: conductance" in (tmp_path / "a" / "net.cir").read_text()
    assert spice(chain(), tmp_path / "b", *sample(graph)).warnings == ()
    noisy = delays().replace({"noise.receiver": 0.1})
    law = compile_network(graph.network, hardware=noisy, law=Worldsheet(beta=0.5))
    assert spice(law, tmp_path / "c", *sample(graph)).warnings == (
        "the directional circuit is that of the matched law, whereas the graph has the law worldsheet",
        "of the hardware, these are not in the circuit: noise.receiver",
    )


def test_a_circuit_that_is_too_large_is_warned_of(tmp_path, monkeypatch):
    monkeypatch.setitem(MOST_SYNAPSES, "directional", 19)
    (text,) = spice(chain(), tmp_path / "out", *sample(chain())).warnings
    assert text.startswith("size: 20 synapses are more than ngspice can be expected to solve as a directional circuit")


def test_negative_curvature_is_warned_of_and_not_refused(tmp_path):
    b = NetworkBuilder()
    x = b.input("x", 1)
    h = b.dense(x, [[4.0]], [0.3], name="h", activation="tanh")
    graph = compile_network(b.build(output=b.dense(h, [[1.0]], name="y")), hardware=delays(1, 1))
    options = Options("bilateral", lines=TwoWayLines(impedance=5.0, taper=1.0))
    found = spice(graph, tmp_path / "out", [[0.2]], [[-2.0]], options=options, hold=3).warnings
    assert found and "timestep too small" in found[0] and "an impedance below" in found[0]
    weak = Options("bilateral", lines=TwoWayLines(impedance=0.01, taper=1.0))
    assert not spice(graph, tmp_path / "weak", [[0.2]], [[-2.0]], options=weak, hold=3).warnings


def test_an_export_is_whole_or_not_there(tmp_path, monkeypatch):
    graph = chain()

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("emulator.export.spice_files._map", fails)
    with pytest.raises(OSError, match="disk full"):
        spice(graph, tmp_path / "deep" / "out", *sample(graph))
    assert list(tmp_path.iterdir()) == []


def test_only_an_earlier_export_is_replaced_and_only_by_force(tmp_path):
    graph, out = chain(), tmp_path / "out"
    spice(graph, out, *sample(graph))
    (out / "tb_op.raw").write_text("of the simulator")
    refuses(f"export folder '{out}' holds an export already", lambda: spice(graph, out, *sample(graph)), ExportError)
    spice(graph, out, *sample(graph), options=Options(volts=2.0), force=True)
    assert not (out / "tb_op.raw").exists() and '"volts_per_state": 2.0' in (out / "map.json").read_text()
    (out / "mine.txt").write_text("mine")
    words = f"export folder '{out}' holds other files than an export"
    refuses(words, lambda: spice(graph, out, *sample(graph), force=True), ExportError)
    assert (out / "mine.txt").read_text() == "mine" and [p.name for p in tmp_path.iterdir()] == ["out"]
    refuses(
        f"export folder '{out / 'mine.txt'}' is a file",
        lambda: spice(graph, out / "mine.txt", *sample(graph)),
        ExportError,
    )


def test_what_cannot_be_exported_is_refused(tmp_path):
    graph, out = chain(), tmp_path / "out"
    inputs, targets = sample(graph)

    def export(*batch: object, **settings: object):
        return lambda: spice(graph, out, *(batch or (inputs, targets)), **settings)  # type: ignore[arg-type]

    two_way = Options("bilateral")
    for words, action in (
        ("targets are missing", export(inputs, None)),
        ("sample is 1; allowed: 0 to 0", export(sample=1)),
        ("hold is 5; allowed with the directional circuit: none", export(hold=5)),
        ("hold is -1", export(hold=-1, options=two_way)),
        ("full_scale is 0", export(full_scale=0)),
        ("probes: no layer 'h9'", export(probes=["h9"])),
        ("probes are empty", export(probes=[])),
        ("mismatch: hardware 'ideal' has no weights.programming", export(options=Options(mismatch=True))),
        ("unknown circuit 'both'", lambda: Options("both")),  # type: ignore[arg-type]
        ("unknown synapse 'gyrators' (did you mean 'gyrator'?)", lambda: Options(synapse="gyrators")),  # type: ignore[arg-type]
        ("unknown termination 'r'", lambda: TwoWayLines(termination="r")),  # type: ignore[arg-type]
        ("lines.taper is 0", lambda: TwoWayLines(taper=0)),
        ("ohms is nan", lambda: Options(ohms=float("nan"))),
        ("volts is -1", lambda: Options(volts=-1)),
        ("seed is 0; allowed: whole numbers from 1", lambda: Options(seed=0)),
        ("buildable delay is (2, 1)", lambda: Buildable(delay=(2, 1))),
    ):
        refuses(words, action, ExportError)
    lined = chain(wiring="synapse")
    words = "the bilateral circuit got wiring 'synapse'; allowed: tile"
    refuses(words, lambda: spice(lined, out, inputs, targets, options=two_way), ExportError)
    assert list(tmp_path.iterdir()) == []


def test_mismatch_is_off_until_the_testbench_switches_it_on(ngspice, tmp_path):
    base = chain()
    hardware = delays().replace(NOISY)
    graph = compile_network(base.network, hardware=hardware, seed=1)
    spice(graph, tmp_path / "out", *sample(graph), options=Options(mismatch=True))
    assert verify(tmp_path / "out").agrees
    bench = tmp_path / "out" / "tb_op.cir"
    text = bench.read_text()
    outputs = []
    for seed in (1, 2, 1):
        bench.write_text(text.replace("mm=0", "mm=1").replace("seed=1", f"seed={seed}"))
        found = run_ngspice(bench, 60)
        outputs.append([found["v(x2_0)"][0], found["v(x2_1)"][0]])
    assert outputs[0] == outputs[2] != outputs[1]


@pytest.mark.slow
def test_monte_carlo_in_ngspice_agrees_with_the_emulators(ngspice, tmp_path):
    """Mean and spread of the output error agree within four standard errors; a spread twice too wide does not."""
    base = chain((4, 3, 2))
    hardware = delays().replace(NOISY)
    graph = compile_network(base.network, hardware=hardware, seed=1)
    inputs, targets = sample(graph)
    exact = reference(graph.network, inputs, targets).states["h1"][0]
    spice(graph, tmp_path / "out", inputs, targets, options=Options(mismatch=True))
    bench, runs = tmp_path / "out" / "tb_op.cir", 200
    text, circuit = bench.read_text().replace("mm=0", "mm=1"), []
    for seed in range(1, runs + 1):
        bench.write_text(text.replace("seed=1", f"seed={seed}"))
        found = run_ngspice(bench, 60)
        circuit.append([found["v(x2_0)"][0], found["v(x2_1)"][0]] - exact)
    law, ours = load("ideal").replace(NOISY).weights, []
    for seed in range(2000):
        held = {
            name: (program(law, p.weight, seed, f"devices of {name}").weights(), p.bias)
            for name, p in graph.network.parameters.items()
        }
        ours.append(reference(graph.network.with_parameters(held), inputs).states["h1"][0] - exact)
    wide = 2 * np.array(ours)
    assert same_moments(np.array(circuit), np.array(ours))
    assert not same_moments(np.array(circuit), wide)


def same_moments(a: np.ndarray, b: np.ndarray) -> bool:
    mean = np.abs(a.mean(0) - b.mean(0)) <= 4 * np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
    ratio = np.abs(np.log(a.std(0) / b.std(0))) <= 4 * np.sqrt(0.5 / len(a) + 0.5 / len(b))
    return bool(mean.all() and ratio.all())


@pytest.mark.parametrize("differential", [True, False])
def test_a_drawn_weight_is_made_of_the_devices_the_emulator_programs(differential):
    """With the emulator's own scores in place of the simulator's, the formula gives the emulator's weight."""
    changes = {**NOISY, "weights.g_min": 5e-6, "weights.differential": differential}
    graph = compile_network(chain().network, hardware=delays().replace(changes), seed=1)
    weight = graph.network.parameters["h0_s"].weight
    law = graph.hardware.weights
    scores = rng(1, "devices of h0_s", "programming").standard_normal((1 + differential, *weight.shape))
    held = program(law, weight, 1, "devices of h0_s").weights()
    spread = weight_spread(graph)["h0_s"]
    for (column, row), nominal in np.ndenumerate(weight):
        text = spread.formula(float(nominal), column, row)[1:-1]
        draws = iter(scores[:, column, row])
        names = {"max": max, "agauss": lambda mean, sigma, _: mean + sigma * next(draws)}  # noqa: B023
        assert evaluate(text, {**names, "mm": 1}) == pytest.approx(held[column, row], abs=1e-12)
        draws = iter(scores[:, column, row])
        assert evaluate(text, {**names, "mm": 0}) == nominal


def evaluate(text: str, names: dict[str, object]) -> float:
    """A formula of numbers, sums, products and the functions named."""

    def value(node: ast.AST):
        match node:
            case ast.Expression():
                return value(node.body)
            case ast.Constant():
                return node.value
            case ast.Name():
                return names[node.id]
            case ast.UnaryOp():
                return -value(node.operand)
            case ast.Call():
                return value(node.func)(*map(value, node.args))
            case ast.BinOp():
                left, right = value(node.left), value(node.right)
                return {ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right}[type(node.op)]
        raise ValueError(ast.dump(node))

    return value(ast.parse(text, mode="eval"))
