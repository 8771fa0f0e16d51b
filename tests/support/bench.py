"""A bench for hardware knobs: parallel wires in brian2, what went in and what came out, and intervals of confidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats

from emulator import Network, NetworkBuilder, SettleResult, compile_network, settle
from hwmodels import HardwareModel, load

STEP = 1e-9
#: confidence of every interval: a right knob misses one of ten thousand
LEVEL = 1 - 1e-4


def hardware(**changes: Any) -> HardwareModel:
    """The ideal substrate with changes, ``__`` for the dot."""
    return load("ideal").replace({name.replace("__", "."): value for name, value in changes.items()})


def rejects(check: Callable[[HardwareModel], None], *wrong: HardwareModel) -> None:
    """Require that a check that holds for the right model fails for every wrong one: knob off, factor 2, ..."""
    for model in wrong:
        with pytest.raises(AssertionError):
            check(model)


@dataclass(frozen=True)
class Bench:
    """Waves on n parallel lines over T steps, both directions: what the ports sent, and what came out."""

    result: SettleResult
    sent_forward: np.ndarray
    received_forward: np.ndarray
    sent_backward: np.ndarray
    received_backward: np.ndarray

    def waves(self, direction: str) -> tuple[np.ndarray, np.ndarray]:
        """What was sent and received in one direction."""
        return getattr(self, f"sent_{direction}"), getattr(self, f"received_{direction}")


def wires(model: HardwareModel, data: np.ndarray, targets: np.ndarray, hold: int = 1, **how: Any) -> Bench:
    """Send data (B, n) forward, and ``state - target`` backward, each row for `hold` steps, over n two-way lines."""
    width = data.shape[1]
    build = NetworkBuilder()
    network = build.build(output=build.activation(build.input("x", width), "identity", name="y"))
    graph = compile_network(network, hardware=model, rounding="nearest", seed=how.pop("chip", 0))
    result = settle(
        graph, data, targets, hold_seconds=hold * graph.step, traces=True, diagnose=False, target="numpy", **how
    )
    x, lam = result.traces.x, result.traces.lam
    return Bench(result, x[:, :width], x[:, width:], lam[:, width:], lam[:, :width])


def steady(model: HardwareModel, width: int = 2000, samples: int = 1, hold: int = 12, **how: Any) -> Bench:
    """Constant waves, random ones from sample to sample, held long enough to arrive."""
    rng = np.random.default_rng(0)
    data = rng.uniform(0.2, 0.9, (samples, width)) * rng.choice([-1, 1], (samples, width))
    return wires(model, data, -rng.uniform(0.2, 0.9, (samples, width)), hold, **how)


def stream(model: HardwareModel, width: int = 160, steps: int = 60, **how: Any) -> Bench:
    """A new wave at every step."""
    rng = np.random.default_rng(0)
    return wires(model, rng.uniform(-1, 1, (steps, width)), rng.uniform(-1, 1, (steps, width)), 1, **how)


def crossbar(model: HardwareModel, weight: np.ndarray, inputs: np.ndarray, hold: int = 4, **how: Any) -> np.ndarray:
    """Outputs (B, n_out) of a linear crossbar in brian2 at the end of each hold."""
    network = Network.mlp([weight], activations="identity", loss="mse")
    graph = compile_network(
        network, hardware=model, wiring=how.pop("wiring", "tile"), rounding="nearest", seed=how.pop("chip", 0)
    )
    result = settle(graph, inputs, hold_seconds=hold * graph.step, diagnose=False, target="numpy", **how)
    return result.held_states["s1"]


def held_weights(model: HardwareModel, weight: np.ndarray, **how: Any) -> np.ndarray:
    """The weights (n_out, n_in) that a crossbar in brian2 multiplies with: its answers to unit vectors."""
    return crossbar(model, weight, np.eye(weight.shape[1]), **how).T


def has_mean(samples: np.ndarray, wanted: float) -> None:
    """Require that the mean of independent samples agrees."""
    error = stats.norm.ppf((1 + LEVEL) / 2) * samples.std() / np.sqrt(samples.size)
    assert abs(samples.mean() - wanted) <= error, f"mean {samples.mean():.4g} +- {error:.2g}, asked for {wanted:.4g}"


def has_std(samples: np.ndarray, wanted: float, beyond: float = 0.0) -> None:
    """Require that the standard deviation of independent normal samples agrees (`beyond`: a known further spread)."""
    wanted, count = float(np.hypot(wanted, beyond)), samples.size
    ends = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], count - 1)
    low, high = samples.std(ddof=1) * np.sqrt((count - 1) / ends)
    assert low <= wanted <= high, f"standard deviation {low:.4g} to {high:.4g}, asked for {wanted:.4g}"


def has_rate(hits: int, trials: int, wanted: float) -> None:
    """Require that a share agrees (exact binomial interval)."""
    found = stats.binomtest(int(hits), int(trials)).proportion_ci(LEVEL)
    assert found.low <= wanted <= found.high, f"rate {found.low:.4g} to {found.high:.4g}, asked for {wanted:.4g}"


def follows(samples: np.ndarray, law: Any) -> None:
    """Require that independent samples follow a law of scipy (Kolmogorov-Smirnov)."""
    assert stats.kstest(samples.ravel(), law.cdf).pvalue > 1 - LEVEL
