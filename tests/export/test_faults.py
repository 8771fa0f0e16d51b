"""Wrong circuits are found and right ones are not: also where costates are a billionth of the numbers they come from."""

from __future__ import annotations

import itertools
import re
import shutil

import numpy as np
import pytest

from emulator import ExportError, NetworkBuilder, compile_network, reference
from emulator.export import Options, spice, verify
from emulator.export.claim import read_claim
from emulator.export.compared import REST, compare_bundles
from emulator.export.rounding import terms
from emulator.export.warnings import MOST_SYNAPSES
from emulator.units import apart, si
from tests.benchmarks.confident import NETWORKS, outcome
from tests.substrate import delays
from tests.support.circuits import ngspice, random_case

__all__ = ["ngspice"]


def sure(margin: float, activation: str = "tanh", sizes: tuple[int, int, int] = (4, 5, 3)):
    """A classifier that is sure of one sample by a margin between its logits; with the sample."""
    rng = np.random.default_rng(11)
    first, second = (rng.normal(0, n**-0.5, (m, n)) for n, m in itertools.pairwise(sizes))
    bias, inputs = rng.normal(0, 0.3, sizes[1]), rng.normal(size=(1, sizes[0]))

    def built(last):
        b = NetworkBuilder()
        h = b.dense(b.input("x", sizes[0]), first, bias, name="h", activation=activation)
        return b.build(output=b.dense(h, last, name="y"), loss="softmax_cross_entropy")

    logits = np.sort(reference(built(second), inputs).states["y"][0])
    network = built(second * margin / (logits[-1] - logits[-2]))
    label = int(reference(network, inputs).states["y"][0].argmax())
    return compile_network(network, hardware=delays(1, 2), seed=1), inputs, np.array([label])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """An ordinary sample, and one whose costates are some 1e-8 of the states."""
    room = tmp_path_factory.mktemp("faults")
    graph, inputs, labels = sure(18.0)
    costates = np.abs(reference(graph.network, inputs, labels).costates["y"])
    assert 1e-10 < costates.max() < 1e-7
    spice(graph, room / "confident", inputs, labels)
    spice(graph, room / "ordinary", inputs, (labels + 1) % 3)
    return room


def both(pattern: str, text: str, other: str, instead: str):
    """Two substitutions, one after the other."""

    def edit(netlist: str) -> str:
        return re.sub(other, instead, re.sub(pattern, text, netlist, count=1, flags=re.M), count=1, flags=re.M)

    return edit


def once(pattern: str, text: str):
    """One substitution."""
    return lambda netlist: re.sub(pattern, text, netlist, count=1, flags=re.M)


def scaled(pattern: str, factor: float):
    """The number that is the second group of a pattern, times a factor."""
    return lambda netlist: re.sub(
        pattern, lambda m: f"{m.group(1)}{float(m.group(2)) * factor!r}", netlist, count=1, flags=re.M
    )


def row(number: int, edit):
    """An edit of one row of neurons."""

    def inside(netlist: str) -> str:
        before, rest = netlist.split(f".subckt bw_row{number} ", 1)
        return f"{before}.subckt bw_row{number} {edit(rest)}"

    return inside


def transposed(netlist: str) -> str:
    """The weights of the first three rows and columns of crossbar 0 the wrong way round."""
    values = dict(re.findall(r"(?m)^Xw(\d_\d) .* w=(\S+)", netlist.split(".ends")[0]))
    head, rest = netlist.split(".ends", 1)
    for i in range(3):
        for j in range(3):
            head = re.sub(rf"(?m)^(Xw{i}_{j} .* w=)\S+", rf"\g<1>{values[f'{j}_{i}']}", head)
    return f"{head}.ends{rest}"


#: kind -> (file, edit, the comparison that must find it)
FAULTS = {
    "weights transposed": ("net.cir", transposed, "operating point"),
    "sign of a weight": ("net.cir", scaled(r"^(Xw1_2 .* w=)(\S+)", -1.0), "operating point"),
    "a weight 1 % too large": ("net.cir", scaled(r"^(Xw0_1 .* w=)(\S+)", 1.01), "operating point"),
    "a weight of the last layer 1 % too large": (
        "net.cir", lambda text: text.split("* tile1_0:", 1)[0] + "* tile1_0:" + scaled(r"^(Xw4_1 .* w=)(\S+)", 1.01)(text.split("* tile1_0:", 1)[1]), "operating point",
    ),
    "a synapse missing": ("net.cir", once(r"^Xw2_0 .*\n", ""), "operating point"),
    "a bias missing": ("net.cir", row(1, scaled(r"^(Xs2 s2 bw_bias bias=)(\S+)", 0.0)), "operating point"),
    "a bias 1 % too large": ("net.cir", row(1, scaled(r"^(Xs3 s3 bw_bias bias=)(\S+)", 1.01)), "operating point"),
    "another activation": ("lib.inc", once(r"V=\{vfs\}\*\(tanh\(\(V\(s\)/\{vfs\}\)\)\)", "V=V(s)"), "operating point"),
    "another slope": ("lib.inc", once(r"^B2 mu 0 V=\(.*\)\*V\(lam\)$", "B2 mu 0 V=(1-tanh(V(s)))*V(lam)"), "operating point"),
    "one way back only": ("lib.inc", once(r"^G2 0 lam mu 0 .*\n", ""), "operating point"),
    "the way back 0.1 % too strong": ("lib.inc", once(r"(G2 0 lam mu 0 )\{w/rref\}", r"\g<1>{1.001*w/rref}"), "operating point"),
    "targets exchanged": ("tb_op.cir", both(r"^Vy0 y0 ", "Vy0 y1 ", r"^Vy1 y1 ", "Vy1 y0 "), "operating point"),
    "targets exchanged in the transient": ("tb_tran.cir", both(r"^Vy0 y0 ", "Vy0 y1 ", r"^Vy1 y1 ", "Vy1 y0 "), "settled values"),
    "a column joined to its neighbour": ("net.cir", once(r"^Xb0 mu1_0 ", "Xb0 mu1_1 "), "operating point"),
    "inputs exchanged": ("tb_op.cir", both(r"^Vx0_0 x0_0 ", "Vx0_0 x0_1 ", r"^Vx0_1 x0_1 ", "Vx0_1 x0_0 "), "operating point"),
    "an input 1 % too large": ("tb_op.cir", scaled(r"^(Vx0_2 x0_2 0 DC \{)([^*]+)", 1.01), "operating point"),
    "a load missing": ("net.cir", once(r"^Xload0 .*\n", ""), "operating point"),
    "a load 1 % too strong": ("lib.inc", once(r"(I=\()(.*)\)/\{rref\}$", r"I=1.01*(\g<2>)/{rref}"), "operating point"),
    "a line of another delay": ("net.cir", once(r"^(Xl0 n0 .* td=)\S+", r"\g<1>7e-09"), "waveforms"),
    "a line that reflects": ("lib.inc", once(r"^R1 far 0 \{rt\}", "R1 far 0 60.0"), "waveforms"),
    "the sample too late": ("tb_tran.cir", lambda text: text.replace("0 1e-09 0.0 1.1", "0 2e-09 0.0 2.1"), "waveforms"),
    "a node never saved anew": ("tb_tran.cir", once(r"^Vx0_1 .*", "Vx0_1 x0_1 0 0"), "settled values"),
}  # fmt: skip


#: kind -> what the worst suspect is called
PLACES = {
    "weights transposed": "xtile0_0.xw", "sign of a weight": "xtile0_0.xw1_2",
    "a weight 1 % too large": "xtile0_0.xw0_1", "a weight of the last layer 1 % too large": "xtile1_0.xw4_1",
    "a synapse missing": "xtile0_0.xw2_0", "a bias missing": "column 2 of crossbar 0, or bias 1_2",
    "a bias 1 % too large": "column 3 of crossbar 0, or bias 1_3", "another activation": "neuron 1_",
    "another slope": "neuron 1_", "one way back only": "row ",
    "targets exchanged": "xload", "inputs exchanged": "source of x0_", "an input 1 % too large": "source of x0_2",
    "a load missing": "xload0", "a load 1 % too strong": "xload", "a column joined to its neighbour": "row ",
}  # fmt: skip


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("folder", ["ordinary", "confident"])
def test_a_planted_fault_is_found(ngspice, folders, tmp_path, folder, kind):
    name, edit, found_by = FAULTS[kind]
    shutil.copytree(folders / folder, tmp_path / "out")
    path = tmp_path / "out" / name
    before = path.read_text()
    path.write_text(edit(before))
    if path.read_text() == before:
        assert kind == "the sample too late"
        path.write_text(re.sub(r"PWL\(0 (\S+) 1e-09 (\S+) 1.1\d*e-09", r"PWL(0 \1 2e-09 \2 2.1e-09", before))
    outcome = verify(tmp_path / "out", limit=60)
    assert not outcome.agrees and outcome.notes[0] == f"edited since the export: {name}"
    assert not {check.name: check for check in outcome.checks}[found_by].agrees
    places = [suspect.cell for suspect in outcome.suspects]
    assert bool(places) == (found_by == "operating point")
    if kind in PLACES:
        # costates that are small beside rounding leave only the column of a synapse to be seen
        assert PLACES[kind] in places[0] or (folder == "confident" and re.match(r"column [0-2] of crossbar", places[0]))


def test_the_task_is_judged_by_several_samples_and_a_wrong_circuit_is_told_by_how_much(ngspice, tmp_path):
    graph, inputs, labels = sure(2.0)
    rng = np.random.default_rng(1)
    batch = np.vstack([inputs, rng.normal(size=(4, 4))])
    spice(graph, tmp_path / "out", batch, np.array([*labels, 0, 1, 2, 0]))
    task = verify(tmp_path / "out", samples=5).task
    assert task is not None and task.samples == 5 and task.agreement == 1.0 and task.output_error < 1e-12
    assert task.gradient_cosine == pytest.approx(1.0, abs=1e-9) and task.settling == pytest.approx(
        task.predicted, abs=1e-9
    )
    net = tmp_path / "out" / "net.cir"
    net.write_text(scaled(r"^(Xw4_1 .* w=)(\S+)", 1.2)(net.read_text()))
    wrong = verify(tmp_path / "out", samples=5).task
    assert wrong.output_error > 1e-3 and wrong.gradient_cosine < 1 - 1e-6
    assert not verify(tmp_path / "out").agrees and verify(tmp_path / "out", tolerance=1.0).agrees
    for words, settings in (("samples is 6; allowed: 0 to 5", {"samples": 6}), ("tolerance is 0", {"tolerance": 0})):
        with pytest.raises(ExportError, match=words):
            verify(tmp_path / "out", **settings)


@pytest.mark.parametrize("folder", ["ordinary", "confident"])
def test_without_a_fault_it_agrees(ngspice, folders, folder):
    outcome = verify(folders / folder, limit=60)
    assert outcome.agrees and outcome.notes == ()
    assert max(check.deviation / check.allowed for check in outcome.checks) < 0.2


@pytest.mark.parametrize("margin", [5.0, 15.0, 22.0, 30.0, 36.0, 60.0, 400.0])
@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
def test_rounding_is_no_difference_however_sure_a_network_is(ngspice, tmp_path, activation, margin):
    """Down to costates that are rounding themselves, of which it is said that they show nothing."""
    graph, inputs, labels = sure(margin, activation)
    done = spice(graph, tmp_path / "out", inputs, labels)
    outcome = verify(tmp_path / "out", limit=60)
    assert outcome.agrees
    words = [text for text in outcome.notes if "as good as rounding" in text]
    assert bool(words) == (margin > 25) == any(text.startswith("sample: ") for text in done.warnings)


def test_what_is_not_a_number_never_agrees(ngspice, folders, tmp_path):
    """A circuit whose nodes come out infinite or as no numbers fails as such, or in the comparison."""
    found = read_claim(folders / "ordinary")
    saved = {
        f"v({found.node(f'{name}_{k}')})": np.array([value])
        for name, values in found.rest.items()
        for k, value in enumerate(values)
    }
    assert compare_bundles("operating point", saved, found.rest, found, REST).deviation == 0.0
    for value in (np.nan, np.inf, -np.inf):
        check = compare_bundles(
            "operating point", {**saved, "v(xnet.lam1_2)": np.array([value])}, found.rest, found, REST
        )
        assert not check.agrees and check.worst == "lam1_2" and check.deviation == np.inf


def test_a_transient_that_stops_early_is_told(ngspice, folders, tmp_path):
    shutil.copytree(folders / "ordinary", tmp_path / "out")
    path = tmp_path / "out" / "tb_tran.cir"
    path.write_text(re.sub(r"(?m)^(\.tran \S+) \S+", r"\1 2e-09", path.read_text()))
    with pytest.raises(ExportError, match=r"tb_tran.cir' went from 0 s to 2e-09 s; allowed: 0 s to .* s, in order"):
        verify(tmp_path / "out")


@pytest.mark.parametrize("seed", range(30))
def test_terms_bound_what_rounding_does(seed):
    """With inputs and parameters each off by 1e-9 of themselves, no value moves by more than that share of its terms."""
    graph, inputs, targets = random_case(seed)
    rng = np.random.default_rng(seed)
    exact = reference(graph.network, inputs, targets)
    wanted = _rows(graph, targets)
    bound = terms(graph, exact, wanted)
    moved = {name: rows * (1 + 1e-9 * rng.choice([-1, 1], rows.shape)) for name, rows in _named(graph, inputs).items()}
    other = reference(graph.network, moved, targets)
    for site in graph.sites:
        part = slice(site.start, site.stop)
        for signal, old, new in (("x", exact.states, other.states), ("lam", exact.costates, other.costates)):
            off = np.abs(new[site.name][0] - old[site.name][0])
            assert (off <= 1.01e-9 * bound[signal][part] + 1e-15).all()


def _named(graph, inputs):
    return inputs if isinstance(inputs, dict) else {graph.network.inputs[0]: np.asarray(inputs)}


def _rows(graph, targets):
    targets = np.asarray(targets)
    if targets.dtype.kind in "iu":
        return np.eye(graph.network.size(graph.network.output))[int(targets.ravel()[0])]
    return targets.reshape(-1)


def test_numbers_that_would_print_alike_are_printed_apart():
    assert apart(1e-9, 2e-9, "V") == ("1 nV", "2 nV")
    assert apart(-9.0612345e-9, -9.0612344e-9, "V") == ("-9.0612345 nV", "-9.0612344 nV")
    assert apart(1.0, 1.0 + 2**-52, "V") == ("1 V", "1.0000000000000002 V")
    assert apart(float("nan"), 1.0, "V") == ("nan V", "1 V")
    assert si(1.23456e-10, "s", 5) == "123.46 ps" and si(1.23456e30, "s", 4) == "1.235e+30 s"


@pytest.mark.slow
def test_forty_samples_of_three_networks_agree(ngspice):
    for name in NETWORKS:
        assert outcome(name, 40).agreed == 40


@pytest.mark.parametrize("synapse", ["gyrator", "transformer"])
@pytest.mark.parametrize("margin", [10.0, 18.0, 26.0, 60.0])
def test_rounding_is_no_difference_on_two_way_lines(ngspice, tmp_path, monkeypatch, margin, synapse):
    monkeypatch.setitem(MOST_SYNAPSES, "bilateral", 1)  # no waves are followed
    graph, inputs, labels = sure(margin)
    spice(graph, tmp_path / "out", inputs, labels, options=Options("bilateral", synapse), hold=5)  # type: ignore[arg-type]
    rest = verify(tmp_path / "out", limit=60).checks[0]
    assert rest.agrees and rest.deviation < 0.5 * rest.allowed
