"""A junction of two-way lines with several answers stays on its branch, as one with a little capacitance does."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf, expit, logsumexp

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.families.bilateral.answers import foreseen, largest_margin, margins
from emulator.families.bilateral.branches import BROKEN, KINDS, SHAPES, Junctions, several, solved
from emulator.families.bilateral.branches_cpp import CODE
from emulator.families.bilateral.load import answered
from emulator.families.bilateral.recording import BilateralRecording
from emulator.measure.rest import operating_point

BENDING = [name for name in SHAPES if name != "identity"]
ALL = [name for name in KINDS if name != "source"]
#: with this law many a junction of a fresh network has three answers on its way
CROWDED = Bilateral(12.8, taper=2, far_end=SeriesRC(1, 0.5))


def density(s):
    return np.exp(-s * s / 2) / np.sqrt(2 * np.pi)


#: value, slope and second derivative, written down once more
FORMULAS = {
    "identity": lambda s, low: (s, 1 + 0 * s, 0 * s),
    "tanh": lambda s, low: (np.tanh(s), 1 / np.cosh(s) ** 2, -2 * np.tanh(s) / np.cosh(s) ** 2),
    "relu": lambda s, low: (np.maximum(s, 0), (s > 0) * 1.0, 0 * s),
    "leaky_relu": lambda s, low: (np.where(s > 0, s, low * s), np.where(s > 0, 1.0, low), 0 * s),
    "sigmoid": lambda s, low: (
        expit(s), expit(s) * expit(-s), expit(s) * expit(-s) * (expit(-s) - expit(s)),
    ),
    "softplus": lambda s, low: (np.logaddexp(0, s), expit(s), expit(s) * expit(-s)),
    "gelu": lambda s, low: (
        s * (1 + erf(s / np.sqrt(2))) / 2,
        (1 + erf(s / np.sqrt(2))) / 2 + s * density(s),
        (2 - s * s) * density(s),
    ),
    "silu": lambda s, low: (
        s * expit(s),
        expit(s) * (1 + s * expit(-s)),
        expit(s) * expit(-s) * (2 + s * (expit(-s) - expit(s))),
    ),
    "elu": lambda s, low: (
        np.where(s > 0, s, np.expm1(np.minimum(s, 0))),
        np.exp(np.minimum(s, 0)),
        np.where(s > 0, 0, np.exp(np.minimum(s, 0))),
    ),
}  # fmt: skip


def drawn(name, rng, count, size=3.0):
    """Random junctions, many of them with more than one answer."""
    low = np.full(count, 0.2 if name == "leaky_relu" else 0.0)
    A, J, G = size * rng.normal(size=count), size * rng.normal(size=count), np.abs(rng.normal(size=count))
    return Junctions(name, low, A, J, G, np.exp(1.5 * rng.normal(size=count)), np.full(count, np.inf))


def miss(one, s, part=slice(None)):
    value, slope, _ = FORMULAS[one.name](s, one.low[part])
    return s - one.A[part] + one.Z[part] * slope * (one.G[part] * value - one.J[part])


def flowed(one, s, steps=4000):
    """``ds/dt = -f(s)`` by explicit steps, each below what `f` can turn within."""
    rate = 0.3 / (1 + one.Z * (3 * one.G + np.abs(one.J)))
    for _ in range(steps):
        s = s - rate * miss(one, s)
    return s


@pytest.mark.parametrize("name", BENDING)
def test_the_bounds_on_an_activation_hold(name):
    shape, s = SHAPES[name], np.linspace(-20, 20, 400_001)
    value, slope, bend = FORMULAS[name](s, 0.0)
    third = np.gradient(bend, s)
    if name in BROKEN:
        third[np.abs(s) < 2e-4] = 0.0  # across the jump there is none
    tail = np.exp(-shape.decay * np.maximum(np.abs(s) - 1, 0)) * (1 + 1e-6) + 1e-12
    assert (slope**2 + bend * value >= -shape.least).all()
    assert (bend <= shape.up).all() and (bend >= -shape.down).all()
    assert (np.abs(third) <= shape.third * tail).all()
    assert (np.abs(third * value + 3 * bend * slope) <= shape.mixed * tail).all()
    assert (np.abs(3 * bend * slope) <= shape.cross * tail).all()
    assert slope.max() <= 1.13 and (slope * value)[s <= 0].max() <= 0.35 and (slope * value)[s >= 0].min() >= 0


@pytest.mark.parametrize("name", BENDING)
def test_moving_waves_carry_a_junction_along_its_branch_and_over_its_folds(name):
    rng = np.random.default_rng(sum(map(ord, name)))
    one, count = drawn(name, rng, 40), 40
    s, jumps = np.zeros(count), 0
    for _ in range(6):
        one = Junctions(name, one.low, one.A + rng.normal(size=count), one.J + rng.normal(size=count), one.G, one.Z,
                        one.rest)  # fmt: skip
        expected, before, s = flowed(one, s), s, solved(one, s)
        still = np.abs(miss(one, expected)) < 1e-9  # others pass slowly by where a branch has just ended
        assert still.mean() > 0.8
        np.testing.assert_allclose(s[still], expected[still], atol=1e-6)
        jumps += int((np.abs(s - before) > 2).sum())
    assert jumps > 0


@pytest.mark.parametrize("name", BENDING)
def test_roots_are_counted_and_the_middle_one_is_never_returned(name):
    rng = np.random.default_rng(7)
    one = drawn(name, rng, 120, 6.0)
    grid = np.linspace(-60, 60, 40_001)
    start = 5 * rng.normal(size=120)
    s, many = solved(one, start), several(one, start)
    counted = np.array([(np.diff(np.sign(miss(one, grid, k))) != 0).sum() for k in range(120)])
    clear = counted != 2  # roots that touch
    np.testing.assert_array_equal(many[clear] > 0, counted[clear] > 1)
    assert (many[one.margin < 1] == 0).all() and many.sum() >= 1
    h = 1e-5 * (1 + np.abs(s))
    assert (miss(one, s + h) > miss(one, s - h)).all()


def test_a_branch_that_ends_at_a_jump_of_curvature_goes_on_behind_it():
    """From below 0, where the way up has no root, to the root above; from above, to 0 and then down the branch below."""
    rng = np.random.default_rng(3)
    one = drawn("elu", rng, 4000, 5.0)
    start = np.where(rng.random(4000) < 0.2, 0.0, 3 * rng.normal(size=4000))
    s, many, up = solved(one, start), several(one, start), (one.A + one.Z * one.J) / (1 + one.Z * one.G)
    crossing = (start <= 0) & (s > 0)
    assert crossing.sum() > 100 and ((start > 0) & (s < 0)).sum() > 100 and (many[crossing] > 0).sum() >= 10
    np.testing.assert_array_equal(s[s > 0], up[s > 0])
    f = miss(one, start)
    assert ((s <= start) | (f <= 0)).all() and ((s >= start) | (f >= 0)).all()
    ways = np.linspace(0, 1, 1001)[1:-1, None]
    path = (np.minimum(s, start) + ways * np.abs(s - start)) * 1.0
    turned = np.array([np.sign(miss(one, at)) * np.sign(f) < 0 for at in path])
    assert not turned[:, np.abs(s - start) > 1e-6].any()  # no root is stepped over


@pytest.mark.parametrize("low", [0.0, 0.2, -0.5, 1.5])
def test_a_kink_has_two_answers_one_or_none(low):
    rng = np.random.default_rng(3)
    one = drawn("leaky_relu", rng, 400)
    one.low[:] = low
    start = np.where(rng.random(400) < 0.2, 0.0, rng.normal(size=400))
    s, many = solved(one, start), several(one, start)
    down = miss(one, np.where(start == 0, -1e-300, start)) > 0
    for k in range(400):
        above, below = (miss(one, np.array([side]), slice(k, k + 1))[0] for side in (1e-9, -1e-9))
        if s[k] == 0:
            assert above > 0 > below  # pressed against the kink from both sides
        else:
            assert abs(miss(one, s[k : k + 1], slice(k, k + 1))[0]) < 1e-9
            assert (s[k] <= start[k] + 1e-9) if down[k] else (s[k] >= start[k] - 1e-9)
        assert many[k] == (above < 0 < below)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [1e-290, 1e-150, 1e-10, 1.0, 1e6, 1e100, 1e290])
def test_the_equation_is_solved_to_rounding_at_every_scale(name, size):
    rng = np.random.default_rng(11)
    with np.errstate(all="ignore"):
        one = drawn(name, rng, 60, size)
        s = solved(one, size * rng.normal(size=60))
        if name in BENDING:
            f, _, most = one.at(s)
        else:
            value, slope, _ = FORMULAS[name](s, one.low)
            f = np.where((s == 0) & (name != "identity"), 0, miss(one, s))
            most = np.abs(one.A) + one.Z * np.abs(slope) * (np.abs(one.G * value) + np.abs(one.J))
    assert (np.abs(f) <= 1e-13 * most).all()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The functions in C++, on arrays."""
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("branches")
    loop = "for (int i = 0; i < n; i++) {{ bw_junction o = {{kind, low[i], A[i], J[i], G[i], Z[i], rest[i], isfinite(rest[i]) != 0}}; {} }}"
    names = ("low", "A", "J", "G", "Z", "rest", "s")
    listed = "int kind, int n, " + ", ".join(f"const double* {name}" for name in names) + ", double* out"
    bodies = {"root": "out[i] = bw_solved(o, s[i]);", "several": "out[i] = bw_several(o, s[i]);"}
    text = CODE + "".join(f'extern "C" void {n}({listed}) {{ {loop.format(body)} }}\n' for n, body in bodies.items())
    (folder / "branches.cpp").write_text(text)
    flags = ["-O2", "-ffast-math", "-fno-finite-math-only", "-shared", "-fPIC"]
    subprocess.run(["g++", *flags, "branches.cpp", "-o", "branches.so"], cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "branches.so"))

    def call(name, one, s):
        out = np.empty(len(s))
        columns = (one.low, one.A, one.J, one.G, one.Z, one.rest, s, out)
        pointers = [np.ascontiguousarray(c).ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for c in columns[:-1]]
        getattr(library, name)(KINDS[one.name], len(s), *pointers, out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
        return out

    return call


@pytest.mark.parametrize("coupled", [False, True])
def test_the_compiled_code_follows_the_same_branches(compiled, coupled):
    rng = np.random.default_rng(5)
    for name in ALL:
        for size in (1.0, 3.0, 50.0):
            one = drawn(name, rng, 200, size)
            if coupled:
                one.rest = size * rng.normal(size=200)
            start = size * rng.normal(size=200)
            with np.errstate(all="ignore"):
                ours = solved(one, start), several(one, start)
            np.testing.assert_allclose(compiled("root", one, start), ours[0], rtol=1e-9, atol=1e-9)
            np.testing.assert_array_equal(compiled("several", one, start), ours[1])


@pytest.mark.parametrize("size", [1e-290, 1e-8, 1.0, 40.0, 1e4, 1e12, 1e300])
@pytest.mark.parametrize("Z", [1e-6, 1.0, 1e3])
def test_a_softmax_load_is_solved_exactly_for_any_logits(size, Z):
    """``x + Z (softmax(x) - y) = c``."""
    rng = np.random.default_rng(2)
    kind, n = np.full(10, KINDS["identity"], np.int32), 10
    for _ in range(20):
        c, y = size * rng.normal(size=n), np.eye(n)[rng.integers(n)]
        s, p, many = answered(kind, np.zeros(n), c, y, np.zeros(n), np.full(n, Z), np.zeros(n), True)
        assert p.sum() == pytest.approx(1, abs=1e-14) and (p >= 0).all() and not many.any()
        np.testing.assert_allclose(s, c + Z * (y - p), atol=4e-16 * (np.abs(c).max() + Z))
        if size < 1e10:  # beyond, logits are rounded by more than a probability can bear
            np.testing.assert_allclose(p, np.exp(s - logsumexp(s)), atol=1e-12 * max(1, size))


@pytest.mark.parametrize("name", ALL)
def test_outputs_that_bend_rest_where_a_small_move_of_any_costs_energy(name):
    rng = np.random.default_rng(4)
    for _ in range(4):
        n = 5
        one, y = drawn(name, rng, n, 2.0), np.eye(n)[rng.integers(n)]
        kind = np.full(n, KINDS[name], np.int32)
        s, p, _ = answered(kind, one.low, one.A, one.J + y, one.G, one.Z, rng.normal(size=n), True)

        def energy(s, one=one, y=y):
            x = FORMULAS[name](s, one.low)[0]
            square = ((s - one.A) ** 2 / (2 * one.Z) + one.G * x**2 / 2 - (one.J + y) * x).sum()
            return square + logsumexp(x)

        x = FORMULAS[name](s, one.low)[0]
        np.testing.assert_allclose(p, np.exp(x - logsumexp(x)), atol=1e-12)
        least = energy(s)
        moves = 1e-3 * np.vstack([np.eye(n), -np.eye(n), rng.normal(size=(20, n))])
        assert all(energy(s + move) > least for move in moves)


@pytest.fixture(scope="module")
def crowded():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(32, 64)) / 4, rng.normal(size=(10, 32)) / 2]
    network = Network.mlp(weights, loss="softmax_cross_entropy")
    return network, rng.uniform(size=(2, 64)), np.array([3, 7])


def test_a_run_counts_and_reports_steps_with_more_than_one_answer(crowded):
    network, inputs, targets = crowded
    graph = compile_network(network, law=CROWDED)
    result = settle(graph, inputs, targets, hold=30, target="numpy", diagnose=False)
    steps, junctions = result.several.sum(axis=0)
    assert 0 < steps <= 60 and junctions >= steps
    assert f"in {steps} of 60 steps" in result.warning
    assert result.to_dict()["several_answers"] == {"samples": 2, "steps": steps, "junction_steps": junctions}
    assert (result.unsolved < 1e-14).all()


def test_lines_of_low_impedance_have_one_answer_and_say_nothing(crowded):
    network, inputs, targets = crowded
    graph = compile_network(network, law=Bilateral(0.2, taper=4, far_end=SeriesRC()))
    result = settle(graph, inputs[:1], targets[:1], hold=30, target="numpy", diagnose=False)
    assert not result.several.any() and result.warning is None


def test_the_condition_forewarns(crowded):
    network, inputs, targets = crowded
    exact = reference(network, inputs, targets)
    many, one = (compile_network(network, law=law) for law in (CROWDED, Bilateral(0.2, taper=4, far_end=SeriesRC())))
    point = operating_point(many, exact)
    assert "may have more than one answer" in foreseen(many, point) and foreseen(one, point) is None
    assert largest_margin(many, [point]) > 1 > largest_margin(one, [point])
    tanh = many.site("x1")
    hidden = slice(tanh.start, tanh.stop)
    assert (margins(many, point)[: tanh.start] == 0).all() and (margins(many, point)[hidden] > 0).all()


@pytest.mark.slow
@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    st.sampled_from(ALL),
    st.sampled_from(["mse", "softmax_cross_entropy"]),
    st.sampled_from([1e-300, 1e-150, 1e-12, 1e-3, 1.0, 1e3, 1e9, 1e150, 1e300]),
    st.integers(0, 1000),
)
def test_whatever_the_scale_of_the_data_a_settled_sample_is_exact(activation, loss, size, seed):
    """To 1e-9 of the sample's own scale, or not settled; the sample before leaves nothing behind."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(4, 3)) / 1.7, rng.normal(size=(2, 4)) / 2]
    network = Network.mlp(weights, [rng.normal(size=4), rng.normal(size=2)], activations=activation, loss=loss)
    inputs = np.array([[size], [1.0]]) * rng.normal(size=(2, 3))
    targets = np.array([0, 1]) if loss != "mse" else rng.normal(size=(2, 2))
    graph = compile_network(network, law=Bilateral(0.4, taper=4, far_end=SeriesRC()))
    result = settle(graph, inputs, targets, hold=160, target="numpy", tolerance=1e-10, diagnose=False)
    exact = reference(network, inputs, targets)
    for found, true in ((result.held_states, exact.states), (result.held_costates, exact.costates)):
        scale = np.max([np.abs(rows).max(axis=1) for rows in true.values()], axis=0)
        error = np.max([np.abs(found[name] - true[name]).max(axis=1) for name in true], axis=0)
        assert (error[result.settled] <= 1e-9 * np.maximum(scale, 1e-30)[result.settled]).all()


def test_the_reason_names_rounding_and_junctions_that_were_not_solved():
    """Costates are differences of waves over an impedance: of 1e-13 nothing is left of them."""
    network = Network.mlp([[[0.5, -0.2], [0.3, 0.8]], [[0.4, 0.1]]], activations=["tanh", "identity"])
    graph = compile_network(network, law=Bilateral(1e-13, far_end=SeriesRC()))
    result = settle(graph, [[0.3, -0.4]], [[0.1]], hold=300, target="numpy")
    assert not result.settled.any() and "the rounding of numbers may be" in result.reason
    recording = BilateralRecording(*[None] * 14)
    recording.unsolved, recording.rounding = np.array([0.0, 1e-3, np.nan]), np.array([1e-12, 1e-12, 0.5])
    assert recording.exact(1e-3).tolist() == [True, False, False] and recording.inexact(0, 1e-3) is None
    assert "a junction was not solved: 0.001 of its equation's largest term" in recording.inexact(1, 1e-3)
    assert "not solved" in recording.inexact(2, 1e-3) and "0.5 of the largest" in recording.inexact(2, 1e-3)
