"""What an export writes: golden text, safe names, size, warnings, and folders that stay whole."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from emulator import Bilateral, ExportError, Matched, NetworkBuilder, SeriesRC, Worldsheet, compile_network, reference
from emulator.export import Buildable, Options, spice, verify
from emulator.export.two_way import TwoWayLines
from emulator.export.warnings import MOST_SYNAPSES
from hwmodels import load
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.circuits import chain, ngspice, sample

__all__ = ["ngspice"]
GOLDEN = Path(__file__).parents[1] / "golden" / "spice"
KINDS = [
    ("directional", "gyrator"),
    ("directional", "transformer"),
    ("bilateral", "gyrator"),
    ("bilateral", "transformer"),
]


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
    "\n*# shell touch canary\n.control\x1b[2J",
    "ends in two \\\\",
)


def test_names_of_layers_come_out_safe_and_unique(ngspice, tmp_path):
    graph = chain((2,) * len(HOSTILE), names=HOSTILE, low=1, high=1)
    plain = chain((2,) * len(HOSTILE), low=1, high=1)
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
        r"v\(([\w.]+)\)", (tmp_path / "out" / "tb_tran.cir").read_text().split(".save")[1].split(".measure")[0]
    )
    assert {name for name in saved if not name.startswith("dev")} == {"x2_0", "x2_1", "xnet.lam2_0", "xnet.lam2_1"}
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


def test_the_size_grows_linearly(tmp_path):
    """Of the files; the time, too, is in ``python -m tests.benchmarks.export``."""
    sizes, synapses = [], []
    for width in (8, 32):
        graph = chain((400, width, 10), low=1, high=1)
        done = spice(graph, tmp_path / str(width), *sample(graph))
        sizes.append(sum((done.directory / name).stat().st_size for name in done.files))
        synapses.append(410 * width)
    assert sizes[1] / sizes[0] < 1.1 * synapses[1] / synapses[0]


def test_warnings_name_what_is_out_of_range_left_out_or_too_large(tmp_path):
    graph = chain()
    buildable = Buildable.of(["conductance=1 mS:5 mS", "delay=2 ns:1 us", "capacitance=1 fF:1 pF"])
    assert buildable == Buildable(conductance=(1e-3, 5e-3), delay=(2e-9, 1e-6), capacitance=(1e-15, 1e-12))
    options = Options("bilateral", buildable=buildable)
    found = spice(graph, tmp_path / "a", *sample(graph), options=options, hold=20).warnings
    kinds = [text.split(":")[0] for text in found]
    assert kinds == ["lines", "spectrum", "conductance", "delay", "capacitance"]
    assert "whereas the transient lasts" in found[1]
    found = found[1:]
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


@pytest.mark.slow
def test_weights_that_a_chip_would_hold_are_in_the_circuit_or_told(tmp_path):
    """Only two-way lines of the graph's own are laid with what was programmed; nothing is read anew, or drifts."""
    weights, both = (
        load("pcm-crossbar").weights.model_copy(update={"levels": 9, "stuck_low": 0.1}),
        "weights.read_noise, weights.drift",
    )
    for law, circuit, missing in (
        (
            Matched(),
            "directional",
            "weights.levels, weights.programming, weights.read_noise, weights.drift, weights.stuck_low",
        ),
        (Bilateral(0.4), "bilateral", both),
    ):
        graph = chain(high=1, law=law, hardware={"weights": weights, "precision.weights.bits": 6})
        told = spice(graph, tmp_path / circuit, *sample(graph), options=Options(circuit)).warnings
        missing = f"precision.weights.bits, {missing}" if circuit == "directional" else missing
        assert f"of the hardware, these are not in the circuit: {missing}" in told


def test_a_circuit_that_is_too_large_is_warned_of_and_its_waves_are_not_followed(tmp_path, monkeypatch):
    for circuit in ("directional", "bilateral"):
        monkeypatch.setitem(MOST_SYNAPSES, circuit, 19)
        done = spice(chain(high=1), tmp_path / circuit, *sample(chain()), options=Options(circuit))
        words = f"size: 20 synapses are more than ngspice can be expected to solve as a {circuit} circuit (some 19)"
        assert done.warnings == (words,)
        waves = json.loads((done.directory / "expected.json").read_text())["waves"]
        assert (waves is None) == (circuit == "bilateral")


def test_negative_curvature_is_warned_of_and_not_refused(tmp_path):
    b = NetworkBuilder()
    x = b.input("x", 1)
    h = b.dense(x, [[4.0]], [0.3], name="h", activation="tanh")
    net = b.build(output=b.dense(h, [[1.0]], name="y"))
    texts = []
    for impedance in (5.0, 0.01):
        law = Bilateral(impedance, far_end=SeriesRC())
        graph = compile_network(net, hardware=delays(1, 1), law=law)
        done = spice(graph, tmp_path / str(impedance), [[0.2]], [[-2.0]], options=Options("bilateral"), hold=20)
        texts.append(done.warnings)
    assert [text.split(":")[0] for text in texts[0]][:2] == ["curvature", "spectrum"]
    assert "an impedance below" in texts[0][0] and "not below 1" in texts[0][1]
    assert not any("curvature" in text or "not below 1" in text for text in texts[1])


def test_an_export_is_whole_or_not_there(tmp_path, monkeypatch):
    graph = chain()

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("emulator.export.bundle._map", fails)
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
        ("unknown termination 'r'", lambda: Options(termination="r")),  # type: ignore[arg-type]
        ("ohms is nan", lambda: Options(ohms=float("nan"))),
        ("volts is -1", lambda: Options(volts=-1)),
        ("seed is 0; allowed: whole numbers from 1", lambda: Options(seed=0)),
        ("unknown dialect 'spectre'", lambda: Options(dialect="spectre")),  # type: ignore[arg-type]
        ("mismatch in dialect 'xyce'; allowed: ngspice", lambda: Options(mismatch=True, dialect="xyce")),
        ("buildable delay is (2, 1)", lambda: Buildable(delay=(2, 1))),
        ("buildable: no component 'delays' (did you mean 'delay'?)", lambda: Buildable.of(["delays=1:2"])),
        ("buildable 'delay=1 ns': '' is not a number", lambda: Buildable.of(["delay=1 ns"])),
    ):
        refuses(words, action, ExportError)
    lined = chain(wiring="synapse")
    words = "the bilateral circuit got wiring 'synapse'; allowed: tile"
    refuses(words, lambda: spice(lined, out, inputs, targets, options=two_way), ExportError)
    resistive = chain(law=Bilateral(far_end=SeriesRC(), source_resistance=0.1))
    words = "the bilateral circuit got law.source_resistance 0.1; allowed: 0"
    refuses(words, lambda: spice(resistive, out, inputs, targets, options=two_way), ExportError)
    words = "the bilateral circuit got law matched; allowed: bilateral"
    refuses(words, lambda: TwoWayLines(graph, two_way), ExportError)
    assert list(tmp_path.iterdir()) == []
