"""SAX netlists: every pin joined once, the scattering of the network in both circuits, and the real sax, where it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import warnings

import numpy as np
import pytest

from emulator import Bilateral, NetworkBuilder, ParallelRL, SeriesRC, compile_network, reference
from emulator.errors import ExportError
from emulator.export import Options
from emulator.export.formats import export_file
from emulator.export.sax import sax_netlist
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.circuits import MISHAPS, chain, random_case, sample
from tests.support.scattering import joined, scattering

BOTH = Options(), Options("bilateral")
SOURCE_ENDS = Bilateral(0.3, taper=2.0, bandwidth=0.8, far_end=SeriesRC(), source_end=ParallelRL(), kappa=1.3)


def sliced():
    """Neurons that nobody reads, and others that two read parts of."""
    rng, b = np.random.default_rng(2), NetworkBuilder()
    h = b.dense(b.input("x", 3), rng.normal(size=(5, 3)), rng.normal(size=5), activation="tanh")
    low, high = b.slice(h, 0, 2), b.slice(h, 2, 4)
    out = b.add(*(b.dense(part, rng.normal(size=(2, 2)), np.zeros(2)) for part in (low, high)))
    return compile_network(b.build(output=out), hardware=delays(1, 3), seed=1)


CASES = {
    "chain": lambda: chain(loss="softmax_cross_entropy"),
    "sliced": sliced,
    "source ends": lambda: chain(law=SOURCE_ENDS),
    "mishaps": lambda: chain(law=SOURCE_ENDS, hardware=MISHAPS | {"lines.crosstalk": 0.0}),
    **{f"random {seed}": (lambda seed=seed: random_case(seed)[0]) for seed in (3, 5)},
}


def netlist(graph, options):
    inputs, targets = _sample(graph)
    return sax_netlist(graph, reference(graph.network, inputs, targets), options), inputs, targets


def _sample(graph):
    rng, net = np.random.default_rng(3), graph.network
    inputs = {name: rng.normal(size=(1, net.size(name))) for name in net.inputs}
    size = net.size(net.output)
    return inputs, rng.normal(size=(1, size)) if net.loss == "mse" else np.eye(size)[:1]


@pytest.mark.parametrize("options", BOTH, ids=lambda one: one.circuit)
@pytest.mark.parametrize("case", CASES)
def test_a_netlist_joins_every_pin_once_and_scatters_as_the_network_does(case, options):
    graph = CASES[case]()
    net, inputs, targets = netlist(graph, options)
    net = json.loads(json.dumps(net))
    ends = [*net["connections"], *net["connections"].values(), *net["ports"].values()]
    assert len(ends) == len(set(ends)) and {end.split(",")[0] for end in ends} == set(net["instances"])
    pins: dict[str, set] = {}
    for name, one in net["instances"].items():
        ports = sorted(end.split(",")[1] for end in ends if end.split(",")[0] == name)
        if options.bilateral or one["component"] != "one_way_activation_tanh_5_5":  # some of its states nobody reads
            pins.setdefault(one["component"], set()).add(tuple(ports))
    assert all(len(ports) == 1 for ports in pins.values())  # a component is known by its name alone
    kinds = [one["component"] for one in net["instances"].values()]
    directions = 1 if options.bilateral else 2
    assert kinds.count("line") == kinds.count("far_end" if options.bilateral else "matched_end") > 0
    assert kinds.count("line") >= directions * len(graph.couplings)
    hertz, expected = scattering(graph, inputs, targets, options)
    for k in (0, 7, 50):
        np.testing.assert_allclose(
            joined(net, hertz[k]), expected[k], rtol=0, atol=1e-11 * max(1, np.abs(expected).max())
        )


def test_lumped_terminations_are_those_of_stubs_at_low_frequencies_and_an_end_that_is_not_matched_reflects():
    graph = chain(law=SOURCE_ENDS)
    (stub, *_), (lumped, *_) = (netlist(graph, Options("bilateral", termination=kind)) for kind in ("stub", "lumped"))
    assert lumped != stub
    np.testing.assert_allclose(joined(lumped, 1e5), joined(stub, 1e5), atol=1e-6)
    assert np.abs(joined(lumped, 2e8) - joined(stub, 2e8)).max() > 1e-3
    net, *_ = netlist(chain(), Options())
    matched = joined(net, 1.3e8)
    net["instances"]["tf0_0"]["settings"]["resistance"] = 1.1
    assert 1e-3 < np.abs(joined(net, 1.3e8) - matched).max() < 0.3


def test_a_netlist_wants_tile_wiring_and_a_rest(tmp_path):
    graph = chain(wiring="synapse")
    point = reference(graph.network, *sample(graph))
    refuses("a SAX netlist got wiring 'synapse'", lambda: sax_netlist(graph, point), ExportError)
    refuses("sax: a rest is missing", lambda: export_file(chain(), tmp_path / "out", "sax"), ExportError)


@pytest.fixture(scope="module")
def sax():
    """The real one; skip without, or fail where it is required."""
    if importlib.util.find_spec("sax") is None:
        words = "sax is not installed: pip install '.[sax]'"
        if os.environ.get("BACKWAVE_REQUIRE_SAX") == "1":
            pytest.fail(words)
        pytest.skip(words)
    os.environ["JAX_ENABLE_X64"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sax
    return sax


@pytest.mark.parametrize("options", BOTH, ids=lambda one: one.circuit)
@pytest.mark.parametrize("case", ["chain", "source ends", "random 5"])
@pytest.mark.filterwarnings("ignore")
def test_the_real_sax_finds_the_same_scattering_at_51_frequencies(sax, tmp_path, case, options):
    """From the files of an export, as a stranger would read them."""
    graph = CASES[case]()
    inputs, targets = _sample(graph)
    point = reference(graph.network, inputs, targets)
    assert export_file(graph, tmp_path / "out", "sax", point=point, options=options)[:2] == (
        "netlist.json",
        "models.py",
    )
    spec = importlib.util.spec_from_file_location("exported_models", tmp_path / "out" / "models.py")
    beside = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(beside)
    net = json.loads((tmp_path / "out" / "netlist.json").read_text())
    circuit, _ = sax.circuit(net, beside.models(net), backend="klu", return_type="SDense")
    hertz, expected = scattering(graph, inputs, targets, options)
    found, ports = circuit(f=hertz)
    order = [ports[name] for name in net["ports"]]
    found = np.asarray(found)[:, order][:, :, order]
    assert found.shape == expected.shape and len(hertz) == 51
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * max(1, np.abs(expected).max()))
