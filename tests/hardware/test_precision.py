"""Quantised waves and weights in the brian2 run are those of `hwmodels.quantize`."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodels import HardwareModel, quantize
from tests.hardware.rig import hardware, has_mean, has_rate, held_weights, rejects, stream

BITS, FULL = 5, 0.8
LEVEL = FULL / (2 ** (BITS - 1) - 1)


def quantised(direction: str, **changes: object) -> HardwareModel:
    return hardware(**{f"precision__{direction}": {"bits": BITS, "full_scale": FULL, **changes}})


def sent_and_received(model: HardwareModel, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Every wave (one delay of one step) as its port was to send it, and as it was received."""
    sent, received = stream(model).waves(direction)
    return sent[:-1], received[1:]


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("rounding", ["nearest", "magnitude_truncation"])
@pytest.mark.parametrize("saturate", [True, False])
def test_received_waves_equal_the_quantiser(direction, rounding, saturate):
    def check(model: HardwareModel) -> None:
        sent, received = sent_and_received(model, direction)
        assert (np.abs(sent) > FULL).mean() > 0.1  # some saturate
        np.testing.assert_allclose(received, quantize(sent, BITS, FULL, rounding, saturate), atol=1e-13)

    check(quantised(direction, rounding=rounding, saturate=saturate))
    other = "magnitude_truncation" if rounding == "nearest" else "nearest"
    rejects(
        check,
        hardware(),
        quantised(direction, rounding=other, saturate=saturate),
        quantised(direction, rounding=rounding, saturate=not saturate),
        quantised(direction, rounding=rounding, saturate=saturate, bits=BITS + 1),
        quantised(direction, rounding=rounding, saturate=saturate, full_scale=2 * FULL),
    )


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_stochastic_rounding_takes_neighbours_with_the_right_odds(direction):
    def check(model: HardwareModel) -> None:
        sent, received = sent_and_received(model, direction)
        inside = np.abs(sent) < FULL - LEVEL
        up = (received - np.floor(sent / LEVEL) * LEVEL)[inside] / LEVEL
        assert np.abs(up - np.rint(up)).max() < 1e-9
        assert set(np.rint(up)) == {0.0, 1.0}
        odds = (sent / LEVEL - np.floor(sent / LEVEL))[inside]
        has_mean(np.rint(up) - odds, 0.0)
        for low in (0.1, 0.6):
            few = (odds >= low) & (odds < low + 0.02)
            has_rate(int(np.rint(up[few]).sum()), int(few.sum()), float(odds[few].mean()))

    check(quantised(direction, rounding="stochastic"))
    rejects(
        check,
        hardware(),
        quantised(direction, rounding="nearest"),
        quantised(direction, rounding="stochastic", bits=BITS + 1),
        quantised(direction, rounding="stochastic", full_scale=2 * FULL),
    )


def test_forward_and_backward_waves_are_quantised_on_their_own():
    for quantised_way, exact_way in (("forward", "backward"), ("backward", "forward")):
        bench = stream(quantised(quantised_way))
        sent, received = bench.waves(exact_way)
        np.testing.assert_allclose(received[1:], sent[:-1], atol=1e-14)
        sent, received = bench.waves(quantised_way)
        assert np.abs(received[1:] - sent[:-1]).max() > LEVEL / 3


@pytest.mark.parametrize("rounding", ["nearest", "magnitude_truncation", "stochastic"])
def test_held_weights_equal_the_quantiser(rounding):
    weight = np.random.default_rng(1).normal(size=(30, 40)) * 0.4

    def model(**changes: object) -> HardwareModel:
        return hardware(precision__weights={"bits": BITS, "full_scale": FULL, "rounding": rounding, **changes})

    def check(model: HardwareModel) -> None:
        held = held_weights(model, weight)
        if rounding != "stochastic":
            np.testing.assert_allclose(held, quantize(weight, BITS, FULL, rounding), atol=1e-13)
            return
        assert np.abs(held / LEVEL - np.rint(held / LEVEL)).max() < 1e-9
        inside = np.abs(weight) < FULL
        assert 0.9 * LEVEL < np.abs(held - weight)[inside].max() <= LEVEL
        has_mean((held - weight)[inside], 0.0)

    check(model())
    rejects(check, hardware(), model(bits=BITS + 1), model(full_scale=2 * FULL))


def test_weights_keep_their_rounding_from_run_to_run():
    weight = np.random.default_rng(1).normal(size=(6, 7)) * 0.4
    model = hardware(precision__weights={"bits": BITS, "full_scale": FULL, "rounding": "stochastic"})
    first, again, other = (held_weights(model, weight, seed=seed, chip=chip) for seed, chip in ((0, 0), (5, 0), (0, 1)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
