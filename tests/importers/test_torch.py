"""Networks from PyTorch answer, and have the gradients, of the modules they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator import Network, reference
from emulator.errors import FileFormatError, NetworkError
from emulator.importers import import_network
from emulator.network import Activation, Dense

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from tests.importers.torch_models import Functional, random_module  # noqa: E402


@pytest.mark.parametrize("seed", range(24))
def test_gradients_are_those_of_autograd(seed: int) -> None:
    """Of both losses, in the inputs, through every layer between, and in the last weights."""
    module, shape = random_module(seed)
    found = Network.from_torch(module, torch.zeros(3, *shape, dtype=torch.float64))
    dice = np.random.default_rng(seed)
    data, y = dice.normal(size=(5, *shape)), torch.tensor(np.eye(4)[dice.integers(0, 4, 5)])
    for loss in ("mse", "softmax_cross_entropy"):
        network = Network(found.layers.values(), output=found.output, loss=loss)
        x = torch.tensor(data, requires_grad=True)
        module.zero_grad()
        z = module(x)
        value = 0.5 * ((z - y) ** 2).sum() if loss == "mse" else F.cross_entropy(z, y, reduction="sum")
        value.backward()
        exact = reference(network, data.reshape(5, -1), y.numpy())
        np.testing.assert_allclose(exact.states[network.output], z.detach().numpy(), rtol=1e-6, atol=1e-8)
        mine, theirs = exact.costates[network.inputs[0]], x.grad.numpy().reshape(5, -1)
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-6 * np.abs(theirs).max())
        own = exact.gradients[list(network.dense)[-1]]
        weights = (
            np.sort(one, axis=1) for one in (own.weight, module[-1].weight.grad.numpy() / 5)
        )  # wiring may be before it
        np.testing.assert_allclose(*weights, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(own.bias, module[-1].bias.grad.numpy() / 5, rtol=1e-6, atol=1e-8)


def test_layers_keep_the_names_of_their_modules_and_the_module_its_mode() -> None:
    module = nn.Sequential()
    module.add_module("first", nn.Linear(3, 4))
    module.add_module("norm", nn.BatchNorm1d(4))
    module.add_module("bent", nn.Tanh())
    module.add_module("last", nn.Linear(4, 2))
    module.train()
    module.norm.eval()
    network = Network.from_torch(module, torch.zeros(7, 3), loss="softmax_cross_entropy")
    assert list(network.dense) == ["first", "last"] and network.loss == "softmax_cross_entropy"
    assert module.training and module.last.training and not module.norm.training
    np.testing.assert_array_equal(network.parameters["last"].weight, module.last.weight.detach().double().numpy())


def test_a_program_needs_no_example_and_its_file_no_pytorch_to_be_read(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4), nn.Softmax(-1)).eval()
    program = torch.export.export(module, (torch.zeros(2, 2, 6),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "m.pt2")
    found = import_network(tmp_path / "m.pt2")
    assert found.network == Network.from_torch(program) == Network.from_torch(module, torch.zeros(1, 2, 6))
    assert found.network.loss == "softmax_cross_entropy" and found.deviation < 1e-5
    (tmp_path / "m.pt2").rename(tmp_path / "m.pt")
    assert Network.load(tmp_path / "m.pt") == found.network


def test_what_is_pickled_is_refused_without_being_read(tmp_path: Path) -> None:
    module = nn.Linear(3, 2)
    export = (
        "export it where it was made, program = torch.export.export(model.eval(), (example,)); "
        "torch.export.save(program, 'model.pt2'), and read model.pt2"
    )
    path = tmp_path / "m.pt"
    for old in (False, True):
        torch.save(module, path, _use_new_zipfile_serialization=not old)
        with pytest.raises(FileFormatError) as told:
            Network.load(path)
        assert str(told.value) == (
            f"file '{path}': holds a pickled 'torch.nn.modules.linear.Linear', which would be executed by reading it; "
            f"allowed: {export}"
        )
        torch.save(module.state_dict(), path, _use_new_zipfile_serialization=not old)
        with pytest.raises(FileFormatError) as told:
            Network.load(path)
        assert str(told.value) == (
            f"file '{path}': holds weights without the network that uses them; allowed: load them into their module and {export}"
        )


class Written(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        z = y[:, :2]
        z.relu_()
        return y * 3


def test_a_file_whose_operators_write_into_tensors_that_are_read_again_is_refused(tmp_path: Path) -> None:
    torch.export.save(torch.export.export(Written(), (torch.zeros(1, 3),)), tmp_path / "m.pt2")
    with pytest.raises(
        FileFormatError, match=r"is read after another operator wrote into it; allowed: program\.run_decompositions"
    ):
        Network.load(tmp_path / "m.pt2")
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)).eval()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3),)), tmp_path / "m.pt2")
    kinds = [
        layer.function for layer in Network.load(tmp_path / "m.pt2").layers.values() if isinstance(layer, Activation)
    ]
    assert kinds == ["relu"]


@pytest.mark.parametrize(
    ("module", "example", "words"),
    [
        (nn.LayerNorm(3), torch.zeros(1, 3), "operator LayerNormalization (node 'layer_norm') is no element of a substrate: it divides "
         "by a norm of the state, and a product of two waves is no passive linear element"),
        (nn.MultiheadAttention(4, 2, batch_first=True), (torch.zeros(1, 3, 4),) * 3, "a product of two waves is no passive"),
        (Written(), torch.zeros(1, 3), "operator aten.slice_scatter (node 'slice_scatter') has no element that stands for it"),
        (nn.LSTM(3, 2, batch_first=True), torch.zeros(1, 4, 3), "operator LSTM (node 'lstm') is no element of a substrate: it multiplies"),
        (Functional(torch.sin), torch.zeros(1, 3), "operator aten.sin (node 'sin') has no element that stands for it"),
        (Functional(lambda x: x * x[:, :1]), torch.zeros(1, 3), "combines two states by Mul"),
        (Functional(lambda x: x.softmax(1)), torch.zeros(1, 3, 4), "is along one axis of (1, 3, 4); allowed: over all outputs of a sample"),
        (nn.GELU("tanh"), torch.zeros(1, 3), "is approximated by tanh"),
        (nn.AdaptiveAvgPool1d(2), torch.zeros(1, 1, 3), "has windows of unequal sizes, (3,) to (2,); allowed: sizes that divide"),
        (Functional(lambda x: x.long().double()), torch.zeros(1, 3), "makes whole numbers; allowed: types of real numbers"),
        (Functional(lambda x: F.dropout(x, 0.5, True)), torch.zeros(1, 3), "is in training mode; allowed: a model exported with model.eval()"),
        (Functional(lambda x: x if x.sum() > 0 else -x), torch.zeros(1, 3), "torch.export cannot follow the model"),
        (nn.Linear(3, 2), [1.0, 2.0, 3.0], "example has type float; allowed: a tensor of a batch, then known sizes"),
        (nn.Linear(3, 2), torch.zeros(3), "example has shape (3,); allowed: a tensor of a batch, then known sizes"),
        (nn.Linear(3, 2), None, "example has type NoneType"),
        ("model.pt", torch.zeros(3), "model is a str; allowed: a torch.nn.Module, or a program of torch.export"),
    ],
)  # fmt: skip
def test_what_is_no_network_of_waves_is_refused(module: Any, example: Any, words: str) -> None:
    with pytest.raises(NetworkError) as told:
        Network.from_torch(module, example)
    assert words in str(told.value)


def test_every_activation_is_itself() -> None:
    for layer, name in ((nn.ReLU(), "relu"), (nn.Tanh(), "tanh"), (nn.Sigmoid(), "sigmoid"), (nn.Softplus(), "softplus"),
                        (nn.GELU(), "gelu"), (nn.SiLU(), "silu"), (nn.LeakyReLU(), "leaky_relu"), (nn.ELU(), "elu")):  # fmt: skip
        network = Network.from_torch(layer, torch.zeros(1, 3))
        (made,) = (one for one in network.layers.values() if isinstance(one, Activation))
        assert made.function == name and not any(isinstance(one, Dense) for one in network.layers.values())


def test_the_gradient_of_a_tied_kernel_is_that_of_the_module() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), nn.Tanh(), nn.ConvTranspose2d(4, 2, 3), nn.Flatten()
    ).double()
    network = Network.from_torch(module, torch.zeros(1, 2, 5, 5).double()).with_sharing("tied")
    x = torch.randn(3, 2, 5, 5, dtype=torch.float64)
    module.eval()(x).square().sum().mul(0.5 / 3).backward()
    found = reference(network, x.reshape(3, -1).numpy(), np.zeros((3, network.size(network.output)))).gradients
    for name, part in (("0", module[0]), ("2", module[2])):
        layer = network.dense[f"x.{name}"]
        total = layer.summed(*found[layer.name])
        count = part.weight.numel()
        held = np.concatenate([total.weight[layer.devices], total.bias])
        for number, theirs in enumerate(torch.cat([part.weight.grad.ravel(), part.bias.grad])):
            mine = held[layer.kernel == number]
            np.testing.assert_allclose(mine, float(theirs), rtol=1e-9, err_msg=f"{name} {number} of {count}")
