"""Networks from ONNX files answer as the files' own evaluator does, and what is no network of waves is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from typer.testing import CliRunner

from emulator import Network, compile_network, reference, settle
from emulator.cli import app
from emulator.errors import FileFormatError
from emulator.importers import import_network
from emulator.importers.onnx_file import import_model
from emulator.network import ACTIVATIONS, Activation, ActivationFunction, Dense
from tests.importers.onnx_models import W, model, node, random_model
from tests.refusals import refuses

#: what the package's reference evaluator computes in single precision, whatever the type of its input
_SINGLE = {"Erf", "Gelu"}


def test_random_models_answer_as_their_own_evaluator() -> None:
    compared = 0
    for seed in range(170):
        try:
            made = random_model(seed)
        except (ValueError, IndexError):
            continue  # the reference evaluator itself fails on a few transposed convolutions
        found = import_model(made, "random")
        bound = 1e-5 if _SINGLE & {one.op_type for one in made.graph.node} else 100 * found.precision
        assert found.deviation <= bound, (seed, found.deviation)
        compared += 1
    assert compared >= 150


def test_models_settle_at_their_reference() -> None:
    settled = 0
    for seed in range(12):
        try:
            network = import_model(random_model(seed), "random").network
        except (ValueError, IndexError):
            continue
        dice = np.random.default_rng(seed)
        x = dice.normal(size=(2, network.size(network.inputs[0])))
        size = network.size(network.output)
        y = np.eye(size)[[0, size - 1]] if network.loss == "softmax_cross_entropy" else dice.normal(size=(2, size))
        result = settle(compile_network(network), x, y, target="numpy")
        errors = result.errors(reference(network, x, y))
        assert result.settled.all() and max(errors["state"], errors["costate"], errors["gradient"]) < 1e-9, (
            seed,
            errors,
        )
        settled += 1
    assert settled > 8


def test_a_convolution_is_the_sum_over_its_windows() -> None:
    """Not symmetric in anything: two channels in, three out, unequal strides, pads and dilations."""
    dice = np.random.default_rng(0)
    w = dice.normal(size=(3, 2, 2, 3)).astype(np.float32)
    conv = node("Conv", "x", "w", strides=[2, 1], pads=[1, 0, 0, 2], dilations=[1, 2])
    network = import_model(model([conv], ("N", 2, 5, 6), w=w), "m").network
    x = dice.normal(size=(2, 5, 6))
    wide = np.pad(x, [(0, 0), (1, 0), (0, 2)])
    expected = np.zeros((3, 3, 4))
    for o in range(3):
        for i in range(3):
            for j in range(4):
                expected[o, i, j] = (w[o] * wide[:, 2 * i : 2 * i + 2, j : j + 5 : 2]).sum()
    found = reference(network, x.ravel()[np.newaxis]).states[network.output][0]
    np.testing.assert_allclose(found, expected.ravel(), rtol=1e-12, atol=1e-13)


def test_normalisations_and_scales_cost_no_devices() -> None:
    bn = [np.array([0.5, 2], np.float32), np.array([1, -1], np.float32), np.array([0.1, 0.2], np.float32),
          np.array([1, 4], np.float32)]  # fmt: skip
    nodes = [
        helper.make_node("Mul", ["x", "s"], ["a"]),
        helper.make_node("Gemm", ["a", "w", ""], ["b"], transB=1),
        helper.make_node("BatchNormalization", ["b", "g", "h", "m", "v"], ["c"], epsilon=0.0),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    made = model(nodes, s=np.array([1, 2, 3], np.float32), w=W, g=bn[0], h=bn[1], m=bn[2], v=bn[3])
    network = import_model(made, "m").network
    (dense,) = (layer for layer in network.layers.values() if isinstance(layer, Dense))
    factor = bn[0] / np.sqrt(bn[3])
    np.testing.assert_allclose(dense.weight, W * [1, 2, 3] * factor[:, None], rtol=1e-6)
    np.testing.assert_allclose(dense.bias, bn[1] - bn[2] * factor, rtol=1e-6)


@pytest.mark.parametrize(
    ("steps", "function"),
    [
        ([("Sigmoid", "x"), ("Mul", "x", 0)], "silu"),
        ([("Div", "x", "r"), ("Erf", 0), ("Add", 1, "one"), ("Mul", "x", 2), ("Mul", 3, "half")], "gelu"),
        ([("Mul", "x", "half"), ("Div", "x", "r"), ("Erf", 1), ("Add", "one", 2), ("Mul", 0, 3)], "gelu"),
        ([("Exp", "x"), ("Add", 0, "one"), ("Log", 1)], "softplus"),
        ([("Neg", "x"), ("Exp", 0), ("Add", 1, "one"), ("Reciprocal", 2)], "sigmoid"),
        ([("Max", "x", "zero")], "relu"),
    ],
)
def test_formulas_are_recognised(steps: list[tuple[Any, ...]], function: str) -> None:
    name = lambda k: f"t{k}" if isinstance(k, int) else k  # noqa: E731
    nodes = [
        helper.make_node(kind, [name(k) for k in operands], ["y" if at == len(steps) - 1 else f"t{at}"])
        for at, (kind, *operands) in enumerate(steps)
    ]
    numbers = {"r": np.sqrt(2), "one": 1.0, "half": 0.5, "zero": 0.0}
    found = import_model(model(nodes, **{k: np.float32(v) for k, v in numbers.items()}), "m")
    kinds = [layer.function for layer in found.network.layers.values() if isinstance(layer, Activation)]
    assert kinds == [function] and found.deviation < 1e-6


def test_a_maximum_routes_the_costate_to_its_winner_and_ties_to_the_first() -> None:
    network = import_model(model([node("MaxPool", "x", kernel_shape=[3], strides=[3])], ("N", 1, 3)), "m").network
    x = np.array([[1.0, 3.0, 2.0], [2.0, 2.0, 2.0], [-5.0, -4.0, -3.0]])
    exact = reference(network, x, np.zeros((3, 1)))
    np.testing.assert_array_equal(exact.states[network.output], [[3.0], [2.0], [-3.0]])
    np.testing.assert_array_equal(exact.costates[network.inputs[0]], [[0, 3, 0], [2, 0, 0], [0, 0, -3]])


def test_a_softmax_at_the_end_is_the_loss() -> None:
    nodes = [helper.make_node("Gemm", ["x", "w", ""], ["z"], transB=1), node("Softmax", "z")]
    assert import_model(model(nodes, w=W), "m").network.loss == "softmax_cross_entropy"
    assert import_model(model(nodes, w=W), "m", "mse").network.loss == "mse"
    assert import_model(model([node("Gemm", "x", "w", "", transB=1)], w=W), "m").network.loss == "mse"


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([node("LayerNormalization", "x", "s")], "operator LayerNormalization (node 'the LayerNormalization') is no element of a "
         "substrate: it divides by a norm of the state, and a product of two waves is no passive linear element"),
        ([helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Gemm", ["x", "w", ""], ["b"], transB=0),
          node("MatMul", "x", "a")], "MatMul (node 'the MatMul') multiplies two states, and a product of two waves"),
        ([node("Sin", "x")], "operator Sin (node 'the Sin') has no element that stands for it: 'Sin'"),
        ([node("Gelu", "x", approximate="tanh")], "is approximated by tanh; allowed: approximate = 'none'"),
        ([node("Exp", "x")], "the elementwise function that ends in 'y' is none that is known; allowed: Relu"),
        ([helper.make_node("Softmax", ["x"], ["a"]), node("Gemm", "a", "w3", "")],
         "operator Softmax (node 0) has no element that stands for it"),
        ([node("PRelu", "x", "s")], "has 3 slopes; allowed: one"),
        ([node("Pad", "x", "p", "one")], "pads with 1.0; allowed: zeros"),
        ([node("Max", "x", "s")], "is not linear in the state; allowed: Add, Sub, Mul, or Div by constants"),
    ],
)  # fmt: skip
def test_what_is_no_network_of_waves_is_refused(nodes: list[Any], words: str) -> None:
    weights = {"w": W.T, "w3": np.eye(3, dtype=np.float32), "s": np.ones(3, np.float32), "one": np.float32(1),
               "p": np.array([0, 0, 0, 1])}  # fmt: skip
    with pytest.raises(FileFormatError) as told:
        import_model(model(nodes, **weights), "m")
    assert words in str(told.value)


def test_files_that_are_refused(tmp_path: Path) -> None:
    good = model([node("Gemm", "x", "w", "", transB=1)], w=W)
    path = tmp_path / "m.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(FileFormatError, match="is not an ONNX file or is damaged"):
        Network.load(path)
    onnx.save(model([node("Gemm", "x", "w", "", transB=1)], opset=9, w=W), path)
    refuses(f"file '{path}': opset is 9; allowed: 13 and later, onnx.version_converter converts older files",
            lambda: Network.load(path), FileFormatError)  # fmt: skip
    onnx.save(good, path, save_as_external_data=True, size_threshold=0, location="w.bin")
    refuses(f"file '{path}': weights lie in other files; allowed: one file, onnx.save(model, path) writes it",
            lambda: Network.load(path), FileFormatError)  # fmt: skip
    onnx.save(model([node("Gemm", "x", "w", "", transB=1)], ("N", "M"), w=W), path)
    refuses(f"file '{path}': input 'x' has shape ['?', '?']; allowed: a batch, then known sizes",
            lambda: Network.load(path), FileFormatError)  # fmt: skip
    for ending, words in (
        (".pkl", "a pickled model would be executed by reading it"),
        (".h5", "Keras files are not read"),
    ):
        with pytest.raises(FileFormatError, match=words):
            import_network(tmp_path / f"m{ending}")


def test_the_command_shows_what_it_found_and_a_scenario_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), node("Gemm", "f", "w", "", transB=1)]
    w = np.random.default_rng(0).normal(size=(10, 64)).astype(np.float32)
    onnx.save(model(nodes, ("N", 1, 8, 8), w=w), "m.onnx")
    done = CliRunner().invoke(app, ["import", "m.onnx", "--loss", "softmax_cross_entropy", "--out", "net.npz"])
    assert done.exit_code == 0 and "crossbar of 64 rows and 10 columns, 640 devices" in done.output
    assert "the network is the file's" in done.output
    assert Network.load("net.npz") == Network.load("m.onnx", loss="softmax_cross_entropy")
    Path("s.toml").write_text(
        'title = "mine"\n[network]\nsource = "file"\npath = "m.onnx"\nloss = "softmax_cross_entropy"\n'
        '[data]\nsource = "digits"\nlimit = 4\n'
    )
    done = CliRunner().invoke(app, ["run", "s.toml", "--target", "numpy", "--set", "run.pictures=0"])
    assert done.exit_code == 0 and "settled: all 4 samples" in done.output
    done = CliRunner().invoke(app, ["import", "m.onnx", "--out", "net.npz"])
    assert done.exit_code == 2 and "is there already; allowed: another name, or --force to replace it" in done.output


def test_only_devices_that_exist_are_imported_and_what_routes_is_fixed() -> None:
    """8 x 8 pixels, four kernels of 3 x 3 with one of zeros, maxima of 2 x 2, ten classes: 4 (8*3 - 2)^2 devices."""
    kernel = np.arange(36, dtype=np.float32).reshape(4, 1, 3, 3) / 36
    kernel[2] = 0.0
    made = model(
        [
            helper.make_node("Conv", ["x", "k", "c"], ["h"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1),
        ],
        shape=("N", 1, 8, 8),
        k=kernel,
        c=np.zeros(4, np.float32),
        w=np.eye(10, 64, dtype=np.float32),
        b=np.zeros(10, np.float32),
    )
    layers = list(import_model(made, "small").network.dense.values())
    assert [layer.count for layer in layers if layer.trainable] == [1936, 640]
    pools = [layer for layer in layers if not layer.trainable]
    assert sum(layer.count for layer in pools) == 2 * (128 + 64) * 2
    assert all(layer.devices is not None for layer in pools)


def test_an_imported_convolution_knows_its_kernel_and_gives_it_up_where_places_differ() -> None:
    dice = np.random.default_rng(0)
    k, g, v = (dice.uniform(0.5, 1, size).astype(np.float32) for size in ((2, 3, 3), (2,), (2,)))
    conv = helper.make_node("Conv", ["x", "k"], ["a"], pads=[1, 1])
    norm = helper.make_node("BatchNormalization", ["a", "g", "g", "v", "v"], ["b"])
    for last, told in (
        ([node("Relu", "b")], 20),
        ([helper.make_node("Transpose", ["b"], ["t"], perm=[0, 2, 1]), node("Relu", "t")], 20),
        ([helper.make_node("Mul", ["b", "s"], ["t"]), node("Relu", "t")], None),
    ):
        s = dice.uniform(1, 2, (2, 6)).astype(np.float32)
        network = import_model(model([conv, norm, *last], ("N", 3, 6), k=k, g=g, v=v, s=s), "m").network
        (layer,) = network.dense.values()
        assert (None if layer.kernel is None else len(set(layer.kernel))) == told
        if told:
            held = layer.weight[layer.devices]
            assert all(len(set(held[layer.kernel[: layer.count] == n])) == 1 for n in range(18))
            assert network.with_sharing("tied").dense[layer.name].tied


def test_a_scenario_ties_what_it_reads(tmp_path: Path) -> None:
    k = np.ones((1, 1, 3), np.float32)
    onnx.save(model([node("Conv", "x", "k")], ("N", 1, 6), k=k), tmp_path / "m.onnx")
    path = tmp_path / "s.toml"
    path.write_text(
        'title = "tied"\n[network]\nsource = "file"\npath = "m.onnx"\nsharing = "tied"\n[data]\nsource = "random"\nlimit = 2\n'
    )
    done = CliRunner().invoke(app, ["inspect", str(path)])
    assert done.exit_code == 0 and "buses: every update sums 16 efforts" in done.output, done.output


def test_a_function_that_is_registered_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who brings a function has it imported, too: here ``s / (1 + |s|)``, of three operators."""
    steps = [("Abs", ["x"], "a"), ("Add", ["a", "one"], "b"), ("Div", ["x", "b"], "y")]
    made = model([helper.make_node(kind, reads, [name]) for kind, reads, name in steps], one=np.float32(1))
    with pytest.raises(FileFormatError, match=r"scaling and shifting, or one of emulator\.register_activation"):
        import_model(made, "m")
    softsign = ActivationFunction(
        name="softsign",
        phi=lambda s: s / (1 + np.abs(s)),
        dphi=lambda s: (1 + np.abs(s)) ** -2.0,
        d2phi=lambda s: -2 * np.sign(s) * (1 + np.abs(s)) ** -3.0,
        L1=1.0,
        L2=2.0,
        brian2=("(s/(1 + abs(s)))", "(1/(1 + abs(s))**2)"),
    )
    monkeypatch.setitem(ACTIVATIONS, "softsign", softsign)
    found = import_model(made, "m")
    assert [one.function for one in found.network.layers.values() if isinstance(one, Activation)] == ["softsign"]
    assert found.deviation < 1e-6


@pytest.mark.parametrize(
    ("kind", "given", "functions"),
    [
        ("Elu", {}, ["elu"]),
        ("Elu", {"alpha": 1.0}, ["elu"]),
        ("Elu", {"alpha": 0.5}, ["elu", "relu"]),
        ("Celu", {"alpha": 2.5}, ["elu"]),
        ("Selu", {}, ["elu", "relu"]),
        ("Selu", {"alpha": 1.0, "gamma": 0.5}, ["elu"]),
    ],
)
def test_exponential_units_of_any_scale_are_built_of_elu(
    kind: str, given: dict[str, float], functions: list[str]
) -> None:
    found = import_model(model([helper.make_node(kind, ["x"], ["y"], **given)]), "m")
    network = found.network
    assert [one.function for one in network.layers.values() if isinstance(one, Activation)] == functions
    assert found.deviation < 1e-6
    alpha, inner = given.get("alpha", 1.0 if kind != "Selu" else 1.67326319), 1.0
    inner, scale = (1 / alpha if kind == "Celu" else 1.0), (given.get("gamma", 1.05070098) if kind == "Selu" else 1.0)
    x = np.array([[-3.0, -1e-3, 0.0], [2.0, 1e-3, -30.0]])
    slope = scale * np.where(x > 0, 1.0, alpha * inner * np.exp(inner * x))  # what others call the gradient, also at 0
    exact = reference(network, x, np.zeros_like(x))
    np.testing.assert_allclose(
        exact.costates[network.inputs[0]], slope * exact.states[network.output], rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize(
    ("end", "names"),
    [
        ([helper.make_node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_strings=["cat", "dog"])], ("cat", "dog")),
        ([helper.make_node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[3, 7])], ("3", "7")),
        ([helper.make_node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])], None),
        ([helper.make_node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_strings=["a", "b", "c"])], None),
        ([helper.make_node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_strings=["a", "a"])], None),
        ([helper.make_node("ArgMax", ["p"], ["k"], axis=1),
          helper.make_node("ArrayFeatureExtractor", ["names", "k"], ["y"], domain="ai.onnx.ml")], ("5", "-1")),
        ([], None),
    ],
)  # fmt: skip
def test_labels_of_a_file_are_the_names_of_the_outputs(end: list[Any], names: tuple[str, ...] | None) -> None:
    softmax = helper.make_node("Softmax", ["z"], ["p" if end else "y"])
    first = [helper.make_node("Gemm", ["x", "w", ""], ["z"], transB=1), softmax]
    made = model([*first, *end], w=W, names=np.array([5, -1]))
    made.graph.output[0].type.tensor_type.shape.dim.add()
    found = import_model(made, "m")
    assert found.network.names.get(found.network.output) == names
    assert import_model(made, "m", "mse").network.names == {}
    assert (names is not None) == any(place == "(classes)" for place, _ in found.notes)
