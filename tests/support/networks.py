"""Networks of certain shapes that tests of several kinds use."""

from __future__ import annotations

import numpy as np

from emulator import Network, NetworkBuilder


def stack(rng: np.random.Generator, blocks: int, width: int, scale: float = 0.5, hidden: int | None = None) -> Network:
    """Blocks ``x + (2/blocks) V tanh(W x + b)``."""
    build, inner = NetworkBuilder(), hidden or width
    x = build.input("x0", width)
    for k in range(blocks):
        weight = scale * rng.normal(size=(inner, width)) / np.sqrt(width)
        h = build.dense(x, weight, rng.normal(size=inner) / 5, activation="tanh", name=f"h{k}")
        f = build.dense(h, 2 / blocks * rng.normal(size=(width, inner)) / np.sqrt(inner), name=f"f{k}")
        x = build.add(x, f, name=f"x{k + 1}")
    return build.build(output=x)


def sparse(fixed: tuple[str, ...] = (), loss: str = "softmax_cross_entropy") -> Network:
    """Concatenated sources of which one is hardly read, a neuron that nothing feeds and one that nobody reads."""
    rng = np.random.default_rng(5)
    build = NetworkBuilder()

    def dense(source: str, rows: int, columns: int, name: str, activation: str | None = None) -> str:
        mask = rng.random((rows, columns)) < 0.45
        mask[1], mask[:, 2] = False, False
        weight = np.where(mask, rng.normal(size=mask.shape) * 0.4, 0.0)
        bias = rng.normal(size=rows) / 10
        how = {"devices": mask, "trainable": name not in fixed, "name": name, "activation": activation}
        return build.dense(source, weight, bias, **how)

    x = build.input("x", 6)
    a = dense(x, 5, 6, "a", "tanh")
    b = dense(a, 5, 5, "b", "sigmoid")
    c = build.add(a, b)
    out = dense(build.concat(x, c), 3, 11, "out")
    return build.build(output=out, loss=loss)


def batch(network: Network, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    width = network.size(network.output)
    inputs = rng.normal(size=(count, 6))
    return inputs, rng.integers(width, size=count) if network.loss != "mse" else rng.normal(size=(count, width))
