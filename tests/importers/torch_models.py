"""Random PyTorch modules over every layer that the importer knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Branches(nn.Module):
    """A residual block: the sum, difference or concatenation of a state and a function of it."""

    def __init__(self, inner: nn.Module, join: str) -> None:
        super().__init__()
        self.inner, self.join = inner, join

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.inner(x)
        if self.join == "cat":
            return torch.cat([y, x], 1)
        return x + y if self.join == "add" else torch.sub(x, y, alpha=0.5)


class Functional(nn.Module):
    """A step that is no layer."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


ACTIVATIONS = (
    nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.GELU, nn.SiLU, nn.LeakyReLU, nn.PReLU, nn.Hardtanh, nn.ReLU6, nn.Hardsigmoid,
    lambda: nn.ReLU(inplace=True), lambda: nn.Softplus(beta=2), lambda: nn.LeakyReLU(0.3), lambda: nn.Dropout(0.3),
    lambda: Functional(lambda x: F.relu(x) * 0.7 + 0.1), lambda: Functional(lambda x: x.clamp(min=-0.5)),
    lambda: Functional(lambda x: 1 - x / 2),
)  # fmt: skip


def _wiring(dice: np.random.Generator, shape: tuple[int, ...]) -> nn.Module:
    kinds = [lambda x: x.flip(1), lambda x: x[:, : max(1, x.shape[1] - 1)], lambda x: torch.cat(x.chunk(2, 1)[::-1], 1)]
    if len(shape) > 1:
        kinds += [
            lambda x: x.transpose(-1, -2), lambda x: F.pad(x, (1, 0)), lambda x: x[..., 0], lambda x: x.flatten(1),
            lambda x: x.mean(-1), lambda x: x.reshape(x.shape[0], -1, x.shape[1]), lambda x: x.unsqueeze(1).squeeze(1),
        ]  # fmt: skip
    return Functional(kinds[int(dice.integers(len(kinds)))])


def _spatial(dice: np.random.Generator, shape: tuple[int, ...]) -> nn.Module:
    channels, *sizes = shape
    two = len(sizes) == 2
    kernel = int(dice.integers(1, min(3, *sizes) + 1))
    which = int(dice.integers(7))
    if which < 3:
        groups = channels if dice.random() < 0.3 else 1
        layer = nn.Conv2d if two else nn.Conv1d
        padding: Any = "same" if dice.random() < 0.2 and kernel % 2 else int(dice.integers(0, 2))
        stride = 1 if padding == "same" else int(dice.integers(1, 3))
        return layer(
            channels,
            groups * int(dice.integers(1, 3)),
            kernel,
            stride,
            padding,
            groups=groups,
            bias=dice.random() < 0.7,
        )
    if which == 3:
        layer = nn.ConvTranspose2d if two else nn.ConvTranspose1d
        return layer(channels, 2, kernel, stride=int(dice.integers(1, 3)))
    if which == 4:
        return (nn.MaxPool2d if two else nn.MaxPool1d)(kernel, ceil_mode=bool(dice.integers(2)))
    if which == 5:
        layer = nn.AvgPool2d if two else nn.AvgPool1d
        return layer(kernel, padding=kernel // 2, count_include_pad=bool(dice.integers(2)))
    return (nn.AdaptiveAvgPool2d if two else nn.AdaptiveAvgPool1d)(1)


def _step(dice: np.random.Generator, shape: tuple[int, ...]) -> nn.Module:
    which = dice.random()
    if len(shape) in (2, 3) and which < 0.4 and min(shape) > 0:
        return _spatial(dice, shape)
    if which < 0.55:
        return nn.Linear(shape[-1], int(dice.integers(2, 7)), bias=dice.random() < 0.8)
    if which < 0.7:
        norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d}.get(len(shape))
        made = norm(shape[0]) if norm else nn.Identity()
        for tensor in made.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.as_tensor(dice.uniform(0.5, 2, tensor.shape)))
        return made
    if which < 0.8:
        return Branches(ACTIVATIONS[int(dice.integers(len(ACTIVATIONS)))](), str(dice.choice(["add", "sub", "cat"])))
    if which < 0.9:
        return _wiring(dice, shape)
    return ACTIVATIONS[int(dice.integers(len(ACTIVATIONS)))]()


def random_module(seed: int) -> tuple[nn.Module, tuple[int, ...]]:
    """A module in double precision of 4 to 9 random steps and at least one weight, and the shape of its input."""
    dice = np.random.default_rng(seed)
    torch.manual_seed(seed)
    shape = [(5,), (2, 6), (2, 5, 6)][int(dice.integers(3))]
    steps: list[nn.Module] = [nn.Linear(shape[-1], 6)] if len(shape) == 1 else [_spatial(dice, shape)]
    for _ in range(int(dice.integers(4, 10))):
        model = nn.Sequential(*steps).double().eval()
        with torch.no_grad():
            found = tuple(model(torch.zeros(1, *shape, dtype=torch.float64)).shape[1:])
        added = _step(dice, found).double().eval()
        try:
            with torch.no_grad():
                size = nn.Sequential(*steps, added)(torch.zeros(1, *shape, dtype=torch.float64)).numel()
        except (RuntimeError, ValueError):
            continue
        if 2 <= size <= 300:
            steps.append(added)
    steps += [nn.Flatten(), ACTIVATIONS[seed % 8]()]
    with torch.no_grad():
        width = nn.Sequential(*steps).double().eval()(torch.zeros(1, *shape, dtype=torch.float64)).shape[1]
    return nn.Sequential(*steps, nn.Linear(width, 4)).double().eval(), shape
