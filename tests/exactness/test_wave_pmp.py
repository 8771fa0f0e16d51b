"""Wave-PMP is Algorithm 1 of the paper to round-off, and rests where its stationary equations say."""

from __future__ import annotations

import math
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from emulator import CompileError, Network, Resistive, WavePMP, compile_network, reference, settle, train
from emulator.engine.brian_state import known_brian
from emulator.families.wave_pmp import bias_of, carried, energy_balance
from emulator.families.wave_pmp.metric import metric_of
from emulator.laws import family_of
from emulator.measure.forecast import follow, settling_steps
from emulator.measure.stability import linearised, spectral_radius
from emulator.scenario import load_scenario
from tests.physics.wave_pmp_reference import Algorithm1, perceptron, settled_at
from tests.physics.wave_pmp_reference import bias_of as transcribed_bias
from tests.substrate import delays
from tests.support.stranger_networks import brought
from tests.support.wave_pmp import bounded_case, difference, random_network


def network(seed: int, sizes: list[int], functions: list[str], loss: str = "mse", bias: float = 0.1) -> Network:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return Network.mlp(weights, [bias * rng.normal(size=b) for b in sizes[1:]], functions, loss)


def sample(seed: int, made: Network, count: int = 1):
    rng = np.random.default_rng(seed + 1)
    width = made.size(made.output)
    targets = rng.normal(size=(count, width)) if made.loss == "mse" else rng.dirichlet(np.ones(width), size=count)
    return rng.normal(size=(count, made.size("x0"))), targets


@pytest.mark.parametrize("seed", range(4))
def test_trajectories_are_those_of_the_algorithm_while_it_learns(seed):
    hardware = delays(1, 3) if seed % 2 else "ideal"
    for name, off in difference(bounded_case(seed, steps=200, hardware=hardware), "numpy").items():
        assert off < 1e-12, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 34))
def test_trajectories_of_many_networks(seed):
    hardware = delays(1, 3) if seed % 3 == 0 else "ideal"
    for name, off in difference(bounded_case(seed, hardware=hardware), "numpy").items():
        assert off < 1e-12, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "target"), [(5, "cython"), (2, "standalone"), (5, "standalone")]
)  # cython compiles for minutes
def test_trajectories_on_other_targets(seed, target):
    for name, off in difference(bounded_case(seed, hardware=delays(1, 3)), target).items():
        assert off < 1e-12, name


@pytest.mark.parametrize(
    ("loss", "settings"),
    [
        ("mse", {"nu": 0.3, "alpha": 0.5}),
        ("softmax_cross_entropy", {"nu": 0.1, "metric": 1.3, "transport": "jacobian", "load": "implicit"}),
    ],
)
def test_it_rests_at_its_own_rest_and_tells_the_bias_apart(loss, settings):
    made = network(3, [6, 5, 5, 3], ["tanh", "tanh", "identity"], loss)
    x, y = sample(3, made, 2)
    graph = compile_network(made, law=WavePMP(**settings))
    result, exact = settle(graph, x, y, hold=300, target="numpy", tolerance=1e-9), reference(made, x, y)
    assert result.settled.all()
    assert result.deviation.max() < 1e-9
    measured, computed = result.errors(exact), bias_of(graph, exact)
    assert measured["gradient"] > 0.02
    assert computed.found == 1.0
    for name in ("gradient", "state", "costate"):
        assert getattr(computed, name) == pytest.approx(measured[name], rel=1e-6)
    assert computed.cosine == pytest.approx(measured["gradient_cosine"], abs=1e-9)
    assert family_of(graph.law).bias(graph, exact) == computed


def test_without_transport_it_rests_at_backpropagation():
    made = network(4, [6, 5, 3], ["tanh", "identity"], "softmax_cross_entropy")
    x, y = sample(4, made, 2)
    graph = compile_network(made, law=WavePMP(nu=0.0, alpha=1.0))
    result = settle(graph, x, y, target="numpy", tolerance=1e-9)
    assert result.settled.all()
    assert result.errors(reference(made, x, y))["gradient"] < 1e-12
    assert family_of(graph.law).bias(graph, reference(made, x, y)) is None


@pytest.mark.parametrize("transport", ["identity", "jacobian"])
def test_a_carried_metric_leaves_linear_layers_of_equal_width_unbiased(transport):
    made = network(5, [4, 4, 4, 4], ["identity"] * 3, bias=0.0)
    x, y = sample(5, made)
    law = WavePMP(0.3, 0.3, metric="carried", transport=transport, load="implicit")
    graph, exact = compile_network(made, law=law), reference(made, x, y)
    assert bias_of(graph, exact).gradient < 1e-9
    assert bias_of(compile_network(made, law=WavePMP(0.3, 0.3, transport=transport)), exact).gradient > 0.03
    result = settle(graph, x, y, hold=1500, target="numpy", tolerance=1e-10)
    assert result.settled.all()
    assert result.errors(exact)["gradient"] < 1e-9


def test_a_layer_that_widens_has_exact_states_and_biased_costates():
    """No impedance with an inverse matches it: what is raised where it has none is what costates are made of."""
    made = network(5, [3, 4, 5], ["identity"] * 2, bias=0.0)
    exact = reference(made, *sample(5, made))
    for floor in (1e-3, 1e-5):
        law = WavePMP(0.3, 0.3, metric="carried", transport="jacobian", load="implicit", floor=floor)
        found = bias_of(compile_network(made, law=law), exact)
        assert found.state < 2 * floor
        assert found.costate > 0.1


def test_narrow_layers_and_bent_ones_stay_biased_whatever_the_metric():
    for sizes, function, bias in (([5, 3, 3], "identity", 0.0), ([4, 4], "tanh", 0.0), ([4, 4], "identity", 0.3)):
        made = network(6, sizes, [function] * (len(sizes) - 1), bias=bias)
        exact = reference(made, *sample(6, made))
        graph = compile_network(made, law=WavePMP(0.3, 0.3, metric="carried", transport="jacobian"))
        assert bias_of(graph, exact).gradient > 1e-3


def test_what_transport_changes_at_the_maximum_principle_is_as_derived():
    rng = np.random.default_rng(7)
    jacobian, x, ahead = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
    theta, beyond = rng.normal(size=(4, 4)), rng.normal(size=(3, 3))
    lam_ahead = rng.normal(size=3)
    lam = jacobian.T @ lam_ahead
    waves = [
        (t @ s + sign * np.linalg.inv(t).T @ c)
        for t, s, c in ((theta, x, lam), (beyond, ahead, lam_ahead))
        for sign in (1, -1)
    ]
    transport = beyond @ jacobian @ np.linalg.inv(theta)
    z, z_ahead = (np.linalg.inv(t) @ np.linalg.inv(t).T for t in (theta, beyond))
    up = beyond @ (ahead - jacobian @ x + (z_ahead - jacobian @ z @ jacobian.T) @ lam_ahead)
    down = np.linalg.inv(theta).T @ (theta.T @ theta @ x - jacobian.T @ beyond.T @ beyond @ ahead)
    np.testing.assert_allclose(waves[2] - transport @ waves[0], up, atol=1e-10)
    np.testing.assert_allclose(waves[1] - transport.T @ waves[3], down, atol=1e-10)


def test_only_the_mass_of_a_metric_matters_to_the_jacobian():
    made = network(8, [4, 3, 2], ["tanh", "identity"])
    x, y = sample(8, made)
    rng = np.random.default_rng(8)
    thetas = [np.eye(n) * 1.2 + 0.2 * rng.normal(size=(n, n)) for n in (4, 3, 2)]
    turned = [np.linalg.qr(rng.normal(size=t.shape))[0] @ t for t in thetas]
    held = [
        settle(
            compile_network(made, law=WavePMP(0.2, 0.5, metric=m, transport="jacobian")), x, y, target="numpy", hold=150
        )
        for m in (thetas, turned)
    ]
    for one, other in zip(held[0].held_costates.values(), held[1].held_costates.values(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_settling_is_predicted():
    predicted, measured = [], []
    for seed, settings in enumerate(
        ({"nu": 0.1}, {"nu": 0.3, "alpha": 0.4}, {"nu": 0.05, "metric": 1.5, "load": "implicit"})
    ):
        made = network(seed, [6, 5, 3], ["tanh", "identity"])
        x, y = sample(seed, made)
        graph = compile_network(made, law=WavePMP(**settings), hardware=delays(1, 2) if seed == 1 else "ideal")
        predicted.append(settling_steps(graph, reference(made, x, y)))
        measured.append(settle(graph, x, y, hold=150, target="numpy").settling_steps[0])
    np.testing.assert_allclose(predicted, measured, rtol=0.2, atol=1)


def test_the_lagged_load_diverges_beyond_a_metric_and_the_implicit_one_does_not():
    made = network(9, [6, 5, 3], ["tanh", "identity"])
    x, y = sample(9, made)
    radius = {}
    for impedance in (1.0, 5.0):
        for port in ("lagged", "implicit"):
            law = WavePMP(0.05, 0.5, metric=impedance**-0.5, load=port)
            graph = compile_network(made, law=law)
            radius[impedance, port] = spectral_radius(graph, reference(made, x, y))
            result = settle(graph, x, y, hold=400, target="numpy", diagnose=False)
            assert result.settled.all() == (radius[impedance, port] < 1)
    assert radius[1.0, "lagged"] < 1 < radius[5.0, "lagged"]


def test_the_paper_figures_hold_for_networks_of_our_own():
    """64-32-10 tanh, mse, Theta = 1: orders of the steps, and of the bias, over nu and alpha."""
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=(32, 64)) / 8, rng.normal(size=(10, 32)) / np.sqrt(32)]
    found = {}
    for nu, alpha in ((0.0, 1.0), (0.01, 1.0), (0.1, 1.0), (0.5, 0.5)):
        x, y = np.random.default_rng(2).normal(size=64), np.eye(10)[3]
        nodes, links = perceptron([64, 32, 10], weights, [np.zeros(32), np.zeros(10)], ["tanh", "identity"])
        run = Algorithm1(nodes, links, [np.eye(n) for n in (64, 32, 10)], nu=nu, alpha=alpha)
        steps = settled_at(run, {0: x}, y, 2000, 1e-9)
        found[nu] = steps, *transcribed_bias(run, {0: x}, y)
    assert found[0.0][0] <= 8
    assert found[0.0][1] < 1e-12
    assert 0.001 < found[0.01][1] < 0.02 < found[0.1][1] < 0.2 < found[0.5][1] < 0.9
    assert found[0.1][2] > 0.98 > found[0.5][2] > 0.5
    assert found[0.01][0] < found[0.1][0] < found[0.5][0]


def test_the_number_of_objects_does_not_depend_on_depth():
    counts = []
    for depth in (1, 4):
        made = network(10, [3] * (depth + 1), ["tanh"] * depth)
        graph = compile_network(made, law=WavePMP(metric="carried", form="diagonal"))
        family = family_of(graph.law)
        plan = family.plan(graph, 5, 1)
        with known_brian(codegen__target="numpy"):  # nothing is compiled to be counted
            counts.append(len(family.objects(plan, np.zeros((1, 6))).network.objects))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"nu": 1.5}, r"nu is 1\.5; allowed: 0 to 1"),
        ({"alpha": 0}, "alpha is 0; allowed: above 0"),
        ({"metric": "heavy"}, "metric is 'heavy'; allowed: 'carried', a number, a list, or entries by layer"),
        ({"metric": [1.0, -2.0]}, r"metric\[1\] is -2; allowed: above 0"),
        ({"metric": [[[1.0, 0.0], [1.0, 0.0]]]}, r"metric\[0\] has no inverse"),
        ({"metric": {"x1": [[1.0, 2.0]]}}, r"metric\['x1'\] has shape \(1, 2\)"),
        ({"transport": "train"}, "transport is 'train'"),
        ({"load": "late"}, "load is 'late'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(CompileError, match=words):
        WavePMP(**settings)


def test_a_courant_number_that_is_not_given_is_chosen_so_that_it_settles():
    one = brought(29)
    graph, exact = compile_network(one.network, law=WavePMP()), reference(one.network, one.inputs, one.targets)
    assert 0 < graph.law.nu < 0.004 and graph.law.metric == 2.0
    assert graph.notes == (f"law wave-pmp: chosen for this network: nu {graph.law.nu:.3g}, metric 2",)
    assert graph.law.nu == float(f"{graph.law.nu:.10g}")
    for metric in (3.0, [1.0] * len(graph.sites), "carried"):
        given = compile_network(one.network, law=WavePMP(metric=metric))
        assert given.notes == (f"law wave-pmp: chosen for this network: nu {given.law.nu:.3g}",)
    with np.errstate(over="ignore", invalid="ignore"):
        found, printed = (
            follow(one_graph, linearised(one_graph, exact), most=300).within
            for one_graph in (graph, compile_network(one.network, law=WavePMP(0.1)))
        )
    assert found < 300 and math.isinf(printed)
    named = compile_network(one.network, law=WavePMP(metric={"x1": 1.0})).law
    longer = compile_network(one.network, law=WavePMP(alpha=0.5, metric={"x1": 1.0})).law
    assert longer.nu == pytest.approx(named.nu / 2, rel=1e-9), "it is small beside the step along the sources"
    assert longer.metric == WavePMP(0.1, metric={"x1": 1.0}).metric
    assert WavePMP(0.1).metric == 1.0
    assert compile_network(network(11, [3, 2], ["identity"]), law=WavePMP()).law.nu <= 0.1
    assert compile_network(one.network, law=WavePMP(0.03)).law.nu == 0.03


@pytest.mark.parametrize("metric", [0.1, 2.0])
@pytest.mark.parametrize(("function", "seed"), [("relu", 2), ("tanh", 2)])
def test_large_weights_and_light_metrics_are_heeded_in_the_choice(function, seed, metric):
    """Five times N(0, 1/fan-in): in proportion to the resonance alone a step grows beyond all numbers, or does not die."""
    rng = np.random.default_rng(seed)
    weights = [5 * rng.normal(size=shape) / np.sqrt(8) for shape in ((8, 8), (8, 8), (3, 8))]
    made = Network.mlp(weights, activations=function)
    result = settle(
        compile_network(made, law=WavePMP(metric=metric)),
        rng.normal(size=(1, 8)),
        rng.normal(size=(1, 3)),
        target="numpy",
        hold=100,
        diagnose=False,
    )
    assert result.settled.all() and result.settling_steps[0] < 60


def test_a_metric_with_entries_counts_by_its_extremes():
    made = network(11, [6, 5, 3], ["tanh", "identity"])
    chosen = {
        name: compile_network(made, law=WavePMP(metric=metric)).law.nu
        for name, metric in {
            "one": 1.0,
            "ones": [1.0, np.eye(5), 1.0],
            "light": [1.0, 0.2 * np.eye(5), 1.0],
            "named": {"x1": 0.2},
            "carried": "carried",
        }.items()
    }
    assert chosen["ones"] == chosen["one"]
    assert chosen["light"] == pytest.approx(chosen["named"]) and 0 < chosen["light"] < chosen["one"] / 5
    assert 0 < chosen["carried"] < 0.1


def test_substrates_that_cannot_be_are_refused():
    made = network(11, [3, 2], ["tanh"])
    x, y = sample(11, made)
    for law, words in (
        (WavePMP(metric=[1.0, 1.0, 1.0]), "metric has 3 entries; allowed: 2, one for each of x0, x1"),
        (WavePMP(metric={"x7": 1.0}), "metric: no row of neurons 'x7'"),
        (WavePMP(metric={"x1": [1.0, 1.0, 1.0]}), r"metric of 'x1' has shape \(3,\)"),
    ):
        with pytest.raises(CompileError, match=words):
            settle(compile_network(made, law=law), x, y)


def test_a_metric_carried_at_a_batch_is_that_of_the_weights_where_layers_are_linear():
    made = network(12, [4, 4, 4], ["identity", "identity"], bias=0.0)
    x, y = sample(12, made, 3)
    exact = reference(made, x, y)
    for metric in ("carried", carried(compile_network(made), x)):
        law = WavePMP(0.1, 1.0, metric=metric, transport="jacobian")
        assert bias_of(compile_network(made, law=law), exact).gradient < 1e-9
    bent = network(12, [4, 4, 4], ["tanh", "tanh"])
    at_rest, from_weights = (carried(compile_network(bent), given)["x2"] for given in (x, None))
    assert np.abs(at_rest - from_weights).max() > 0.1


@pytest.mark.parametrize("loss", ["mse", "softmax_cross_entropy"])
def test_the_energy_of_the_waves_is_accounted_for(loss):
    """Theorem 2.6 in its discrete form: transport, sources and ports explain every change to round-off."""
    made = network(13, [5, 4, 4, 3], ["tanh", "tanh", "identity"], loss)
    x, y = sample(13, made)
    law = WavePMP(0.2, 0.6, metric=[1.2, [1.0, 1.1, 1.2, 1.3], np.eye(4) + 0.2, 1.1])
    graph = compile_network(made, law=law)
    found = energy_balance(settle(graph, x, y, hold=60, target="numpy", traces=True))
    assert np.abs(found.imbalance).max() < 1e-12 * found.stored.max()
    assert next(iter(found.injectors())).startswith("ports at x")
    assert found.stored[-1] > 0


def test_ports_without_data_and_load_add_no_energy_and_waves_die():
    """The theorem's conditions: a clamp at 0 and an open end reflect all that comes, to the last bit of it."""
    made = network(14, [4, 4, 3], ["identity", "identity"], bias=0.0)
    rng = np.random.default_rng(14)
    graph = compile_network(made, law=WavePMP(0.2, 0.5, transport="jacobian"))
    x = np.vstack([rng.normal(size=(1, 4)), np.zeros((1, 4))])
    result = settle(graph, x, target="numpy", traces=True, hold=40, diagnose=False)
    found, second = energy_balance(result), slice(41, 80)
    assert np.abs(found.imbalance).max() < 1e-12 * found.stored.max()
    assert (np.diff(found.stored[40:]) < 0).mean() > 0.95
    a, c = np.split(result.waves.leaving[second], 2, axis=1)
    np.testing.assert_allclose(np.abs(a[:, :4]), np.abs(c[:, :4]), atol=1e-15)
    np.testing.assert_allclose(a[:, -3:], c[:, -3:], atol=1e-15)


def test_both_ends_are_passive_where_the_theorem_says_and_not_elsewhere():
    """Measured at every step: data at the clamp, and a load that answers late, give energy; nothing else does."""
    made = network(17, [4, 4, 3], ["tanh", "identity"])
    rng = np.random.default_rng(17)
    x, none = rng.normal(size=(1, 4)), np.zeros((1, 3))

    def ends(given, wanted, load, metric=0.5):
        law = WavePMP(0.2, 0.5, metric=metric, load=load)
        graph = compile_network(made, law=law)
        return energy_balance(settle(graph, given, wanted, target="numpy", traces=True, hold=12, diagnose=False))

    for metric in (0.5, 1.0, 2.0):  # the implicit load of a squared error at 0 reflects (1 - Z)/(1 + Z) of what comes
        assert ends(0 * x, none, "implicit", metric).passive == {"clamp": True, "load": True}
    assert ends(x, none, "implicit").passive == {"clamp": False, "load": True}
    assert ends(0 * x, none + 5, "implicit").passive == {"clamp": True, "load": False}
    assert ends(0 * x, none, "lagged").passive == {"clamp": True, "load": False}  # Z = 4
    found = ends(x, none, "implicit")
    account = found.account()
    assert account.unexplained < 1e-12
    assert account.stored == found.stored.max()
    assert list(account.injected) == list(found.injectors())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("nu", [0.0, 0.05, 0.5, 1.0])
def test_no_graph_is_ahead_of_its_light_cone(seed, nu):
    """Whatever the courant number: states and costates answer an input after as many layers, one or two a step."""
    rng = np.random.default_rng([seed, 18])
    made = random_network(rng, "mse", deep=True)
    graph = compile_network(made, law=WavePMP(nu, 0.5, transport="jacobian"))
    near = [site.role == "source" for site in graph.sites]
    far = np.where(near, 0, 10**6)
    place = {site.start: k for k, site in enumerate(graph.sites)}
    links = [(place[int(link.rows[0])], place[int(link.columns[0])]) for link in graph.couplings]
    for _ in graph.sites:
        for one, other in links:
            far[one], far[other] = min(far[one], far[other] + 1), min(far[other], far[one] + 1)
    x = rng.normal(size=(1, made.size("x")))
    found = [
        settle(graph, given, np.ones((1, 3)), hold=12, target="numpy", traces=True, diagnose=False).waves
        for given in (x, x + 1)
    ]
    moved = np.maximum(*(np.abs(getattr(found[0], name) - getattr(found[1], name)) for name in ("x", "lam"))) > 0
    reach = 1 if nu == 0 else 2
    for site, distance in zip(graph.sites, far, strict=True):
        steps = np.flatnonzero(moved[:, site.start : site.stop].any(axis=1))
        assert not len(steps) or steps[0] >= np.ceil((distance + 1) / reach) - (site.role == "source")
    last = graph.sites[int(np.argmax(far))]
    assert moved[:, last.start : last.stop].any()


def test_nothing_is_ahead_of_the_light_cone():
    """A step moves waves by a layer in A and residuals by another in C; without transport, by one layer a step."""
    made = network(15, [3] * 6, ["tanh"] * 5)
    x, y = sample(15, made)
    for nu, reach in ((0.0, 1), (0.1, 2), (1.0, 2)):
        graph = compile_network(made, law=WavePMP(nu, 0.3))
        traces = [
            settle(graph, given, y * 0, hold=8, target="numpy", traces=True, diagnose=False).waves.x
            for given in (x, 0 * x)
        ]
        moved = np.abs(traces[0] - traces[1]).reshape(8, 6, 3).max(axis=2) > 0
        first = [int(moved[:, k].argmax()) if moved[:, k].any() else 8 for k in range(6)]
        assert first[0] == 1
        assert all(first[k] >= np.ceil((k + 1) / reach) for k in range(6))
        assert first[1] == 3 - reach


def test_networks_learn_while_samples_stream():
    """The paper's mode, parameters moving at every step; and, without transport, exact descent after each settling."""
    made = network(16, [4, 6, 2], ["tanh", "identity"], bias=0.0)
    rng = np.random.default_rng(16)
    x = rng.normal(size=(20, 4))
    y = np.tanh(x @ rng.normal(size=(4, 2)))
    before = reference(made, x, y).loss.mean()
    for law, schedule, hold in ((WavePMP(0.02, 1.0), "unlocked", 8.0), (WavePMP(0.0, 1.0), "settled", 12.0)):
        result = train(
            made, x, y, port=Resistive(0.2), law=law, schedule=schedule, hold=hold, epochs=2, target="numpy", seed=1
        )
        assert reference(result.network, x, y).loss.mean() < 0.3 * before
    exact = train(made, x, y, port=Resistive(0.2), epochs=2, target="numpy", seed=1)
    for name, parameters in exact.network.parameters.items():
        np.testing.assert_allclose(result.network.parameters[name].weight, parameters.weight, atol=1e-7)


def test_a_scenario_and_a_training_carry_the_metric_at_their_first_samples():
    keys = ("law.metric=carried", "law.at=batch", "law.form=diagonal", "network.sizes=[64,4,10]", "data.limit=3")
    graph = load_scenario("wave-pmp", keys).compile()
    assert (graph.law.metric, graph.law.at, graph.law.at_batch) == ("carried", "batch", False)
    batch = load_scenario("wave-pmp", keys).config.data.load(graph.network, Path())
    wanted = carried(compile_network(graph.network), batch.inputs, "diagonal")
    for row, theta in zip(graph.sites, metric_of(graph, graph.law).theta, strict=True):
        np.testing.assert_allclose(theta, wanted[row.name])
    assert pickle.loads(pickle.dumps(graph.law)).metric.entries.keys() == wanted.keys()
    with pytest.raises(CompileError, match="metric is carried at a batch, and there is none; allowed: at = 'weights'"):
        settle(compile_network(graph.network, law=WavePMP(metric="carried", at="batch")), batch.inputs)
