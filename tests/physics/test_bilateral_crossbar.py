"""A crossbar of ideal transformers: lossless, reciprocal, and the right way round."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network, ParallelRL, SeriesRC, compile_network, settle
from emulator.families.bilateral import lay_out
from emulator.families.bilateral.matrices import scattering
from emulator.families.bilateral.power import crossbar_ports
from tests.substrate import delays


def layer(rng: np.random.Generator, rows: int = 3, columns: int = 5, **law):
    weight = rng.normal(size=(columns, rows))
    graph = compile_network(Network.mlp([weight]), law=Bilateral(**law))
    return weight, graph, lay_out(graph)


def power_waves(graph) -> np.ndarray:
    """The crossbar's scattering matrix between waves ``a/sqrt(Z)``; only its own ports."""
    layout = lay_out(graph)
    matrix, (ports,) = scattering(graph, layout).toarray(), crossbar_ports(layout)
    root = np.sqrt(layout.impedance[ports])
    return matrix[np.ix_(ports, ports)] * root / root[:, None]


def lossless_and_reciprocal(matrix: np.ndarray) -> tuple[bool, bool]:
    return (
        bool(np.abs(matrix.T @ matrix - np.eye(len(matrix))).max() < 1e-12),
        bool(np.abs(matrix - matrix.T).max() < 1e-12),
    )


@pytest.mark.parametrize("far_end", [None, SeriesRC(0.7, 2.0)])
@pytest.mark.parametrize("source_end", [None, ParallelRL(1.4, 0.5)])
def test_the_crossbar_is_lossless_and_reciprocal_in_power_waves(far_end, source_end):
    rng = np.random.default_rng(1)
    _, graph, layout = layer(rng, impedance=0.8, taper=2.3, far_end=far_end, source_end=source_end)
    matrix = power_waves(graph)
    assert len(matrix) == 3 * (1 + (far_end is not None)) + 5 * (1 + (source_end is not None))
    if source_end is None:
        assert lossless_and_reciprocal(matrix) == (True, True)
    else:  # the wave of an inductor returns with its sign changed: reciprocal up to that sign
        assert np.abs(matrix.T @ matrix - np.eye(len(matrix))).max() < 1e-12
        (ports,) = crossbar_ports(layout)
        sign = np.where(ports >= layout.ports - layout.lines.count, -1.0, 1.0)
        assert lossless_and_reciprocal(matrix * sign) == (True, True)


def test_an_isolator_and_an_attenuator_are_not():
    assert lossless_and_reciprocal(np.array([[0.0, 0.0], [1.0, 0.0]])) == (False, False)
    assert lossless_and_reciprocal(np.array([[0.0, 0.5], [0.5, 0.0]])) == (False, True)


def test_state_and_costate_obey_the_weights_at_every_step_and_not_their_transpose():
    """``x_right = W x_left`` and ``lam_left = W^T mu_right``, also while waves are on their way."""
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(4, 4))
    graph = compile_network(Network.mlp([weight]), law=Bilateral(0.8, taper=2.3), hardware=delays(1, 4))
    inputs, targets = rng.normal(size=(1, 4)), rng.normal(size=(1, 4))
    result = settle(graph, inputs, targets, hold=30, target="numpy", traces=True, diagnose=False)
    waves, z = result.waves, lay_out(graph).impedance
    rows, columns = slice(8, 12), slice(4, 8)  # ports: 4 + 4 tails, then 4 + 4 heads
    state = (waves.arriving + waves.leaving)[:, rows]
    costate = ((waves.arriving - waves.leaving) / z)[:, rows]
    driven = (waves.arriving + waves.leaving)[:, columns]
    current = ((waves.leaving - waves.arriving) / z)[:, columns]
    np.testing.assert_allclose(driven, state @ weight.T, atol=1e-12)
    np.testing.assert_allclose(costate, current @ weight, atol=1e-12)
    assert np.abs(driven - state @ weight).max() > 0.1
    assert np.abs(costate - current @ weight.T).max() > 0.1


def test_a_transposed_weight_stays_lossless_and_reciprocal_but_unequal_impedances_tell():
    """The scattering matrix of ``W^T`` is another one as soon as both sides differ in impedance."""
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(4, 4))
    found = []
    for matrix in (weight, weight.T):
        graph = compile_network(Network.mlp([matrix]), law=Bilateral(0.8, taper=2.3))
        found.append(power_waves(graph))
        assert lossless_and_reciprocal(found[-1]) == (True, True)
    swapped = np.roll(np.arange(8), 4)
    assert np.abs(found[0] - found[1]).max() > 0.1
    assert np.abs(found[0] - found[1][np.ix_(swapped, swapped)]).max() > 0.1
