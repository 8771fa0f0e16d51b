"""Random networks for property tests: every layer kind, activation and loss, skips and fan-out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from emulator.network import ACTIVATIONS, LOSSES, Network, NetworkBuilder
from emulator.network.arrays import FloatArray

#: what is drawn from unless told otherwise; the order is that of the draws, so names are added by tests of their own
DRAWN = ("identity", "tanh", "relu", "leaky_relu", "sigmoid", "softplus", "gelu", "silu")
SMOOTH = tuple(name for name in DRAWN if ACTIVATIONS[name].smooth)


def random_network(
    rng: np.random.Generator,
    *,
    max_depth: int = 8,
    max_width: int = 24,
    max_inputs: int = 2,
    max_layers: int = 12,
    activations: Sequence[str] = DRAWN,
    losses: Sequence[str] = tuple(LOSSES),
) -> Network:
    """Draw a random directed acyclic network.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of every draw.
    max_depth : int
        Most operations on any path from input to output, at least 3; a dense map with its activation is one.
    max_width : int
        Most components of any layer, at least 2.
    max_inputs : int
        Most inputs.
    max_layers : int
        Most operations drawn before what is left over is joined into the output.
    activations, losses : sequence of str
        Names to draw from.

    Returns
    -------
    Network
        Weights are drawn from N(0, 1/fan-in), biases from N(0, 0.01).
    """
    b = NetworkBuilder()
    sizes: dict[str, int] = {}
    depths: dict[str, int] = {}
    unused: dict[str, None] = {}

    def note(name: str, size: int, sources: Sequence[str]) -> None:
        sizes[name] = size
        depths[name] = 1 + max((depths[source] for source in sources), default=-1)
        unused[name] = None
        for source in sources:
            unused.pop(source, None)

    def affine(rows: int, source: str) -> tuple[FloatArray, FloatArray]:
        columns = sizes[source]
        return rng.normal(0.0, columns**-0.5, (rows, columns)), rng.normal(0.0, 0.1, rows)

    def function() -> str:
        return str(rng.choice(activations))

    def dense(source: str) -> None:
        rows = int(rng.integers(1, max_width + 1))
        active = function() if rng.random() < 0.8 else None
        slope = float(rng.uniform(-0.2, 0.4))
        note(b.dense(source, *affine(rows, source), activation=active, slope=slope), rows, [source])

    for number in range(int(rng.integers(1, max_inputs + 1))):
        size = int(rng.integers(1, max_width + 1))
        note(b.input(f"in{number}", size), size, [])
    dense(str(rng.choice(list(unused))))
    for _ in range(int(rng.integers(0, max_layers))):
        pool = [name for name in sizes if depths[name] <= max_depth - 3]
        if not pool:
            break
        recency = np.arange(1.0, len(pool) + 1.0)
        source = str(rng.choice(pool, p=recency / recency.sum()))
        equal = [name for name in pool if sizes[name] == sizes[source]]
        match rng.choice(["dense", "dense", "activation", "add", "concat", "residual"]):
            case "activation":
                note(b.activation(source, function()), sizes[source], [source])
            case "add":
                sources = [source, *map(str, rng.choice(equal, size=int(rng.integers(1, 3))))]
                note(b.add(*sources), sizes[source], sources)
            case "concat":
                other = str(rng.choice(pool))
                if sizes[source] + sizes[other] <= max_width:
                    note(b.concat(source, other), sizes[source] + sizes[other], [source, other])
            case "residual" if depths[source] <= max_depth - 5:
                hidden = int(rng.integers(1, max_width + 1))
                first = affine(hidden, source)
                weight = rng.normal(0.0, hidden**-0.5, (sizes[source], hidden))
                bias = rng.normal(0.0, 0.1, sizes[source])
                name = b.residual(source, *first, weight, bias, activation=function())
                note(name, sizes[source], [source])
                depths[name] = depths[source] + 3
            case _:
                dense(source)
    rows = int(rng.integers(2, min(max_width, 6) + 1))
    ends = [b.dense(name, *affine(rows, name)) for name in unused]
    output = ends[0] if len(ends) == 1 else b.add(*ends)
    return b.build(output=output, loss=str(rng.choice(losses)))


def random_batch(
    rng: np.random.Generator, network: Network, samples: int = 3
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Draw inputs ``{name: (samples, n)}`` and targets ``(samples, n_out)`` that suit a network's loss."""
    inputs = {name: rng.normal(size=(samples, network.size(name))) for name in network.inputs}
    width = network.size(network.output)
    if network.loss == "softmax_cross_entropy":
        return inputs, rng.dirichlet(np.ones(width), size=samples)
    return inputs, rng.normal(size=(samples, width))


def networks(
    *,
    max_depth: int = 8,
    max_width: int = 24,
    max_inputs: int = 2,
    max_layers: int = 12,
    activations: Sequence[str] = DRAWN,
    losses: Sequence[str] = tuple(LOSSES),
) -> st.SearchStrategy[Network]:
    """Strategy of networks within the limits of `random_network`; failures shrink towards small ones."""
    return st.builds(
        lambda seed, depth, width, layers: random_network(
            np.random.default_rng(seed),
            max_depth=depth,
            max_width=width,
            max_inputs=max_inputs,
            max_layers=layers,
            activations=activations,
            losses=losses,
        ),
        seed=st.integers(0, 2**32 - 1),
        depth=st.integers(3, max_depth),
        width=st.integers(2, max_width),
        layers=st.integers(1, max_layers),
    )
