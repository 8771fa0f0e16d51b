"""Quantised waves and weights in the brian2 run are those of `hwmodels.rounding`."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodels import HardwareModel, quantize
from tests.support.bench import hardware, has_mean, has_rate, held_weights, rejects, stream

BITS, FULL = 5, 0.8
LEVEL = FULL / (2 ** (BITS - 1) - 1)
#: the backward quantiser is another one
BACK_BITS, BACK_FULL = 4, 1.1


def quantised(rounding: str, bits: int = BITS, full: float = FULL, back: int = BACK_BITS, **how: bool) -> HardwareModel:
    return hardware(
        precision__forward={"bits": bits, "full_scale": full, "rounding": rounding, **how},
        precision__backward={"bits": back, "full_scale": BACK_FULL, "rounding": rounding, **how},
    )


def sent_and_received(model: HardwareModel) -> tuple[np.ndarray, ...]:
    """Every wave (the delay is one step) as its port was to send it, and as it was received, in both directions."""
    bench = stream(model)
    return bench.sent_forward[:-1], bench.received_forward[1:], bench.sent_backward[:-1], bench.received_backward[1:]


@pytest.mark.parametrize("rounding", ["nearest", "magnitude_truncation"])
@pytest.mark.parametrize("saturate", [True, False])
def test_received_waves_equal_the_quantiser(rounding, saturate):
    def check(model: HardwareModel) -> None:
        sent, received, sent_back, received_back = sent_and_received(model)
        assert (np.abs(sent) > FULL).mean() > 0.1  # some saturate
        np.testing.assert_allclose(received, quantize(sent, BITS, FULL, rounding, saturate), atol=1e-13)
        wanted = quantize(sent_back, BACK_BITS, BACK_FULL, rounding, saturate)
        np.testing.assert_allclose(received_back, wanted, atol=1e-13)

    check(quantised(rounding, saturate=saturate))
    other = "magnitude_truncation" if rounding == "nearest" else "nearest"
    rejects(
        check,
        hardware(),
        quantised(other, saturate=saturate),
        quantised(rounding, saturate=not saturate),
        quantised(rounding, saturate=saturate, bits=BITS + 1),
        quantised(rounding, saturate=saturate, full=2 * FULL),
        quantised(rounding, saturate=saturate, back=BITS),
    )


def test_stochastic_rounding_takes_neighbours_with_the_right_odds():
    def check(model: HardwareModel) -> None:
        sent, received, *_ = sent_and_received(model)
        inside = np.abs(sent) < FULL - LEVEL
        up = (received - np.floor(sent / LEVEL) * LEVEL)[inside] / LEVEL
        assert np.abs(up - np.rint(up)).max() < 1e-9
        assert set(np.rint(up)) == {0.0, 1.0}
        odds = (sent / LEVEL - np.floor(sent / LEVEL))[inside]
        has_mean(np.rint(up) - odds, 0.0)
        for low in (0.1, 0.6):
            few = (odds >= low) & (odds < low + 0.02)
            has_rate(int(np.rint(up[few]).sum()), int(few.sum()), float(odds[few].mean()))

    check(quantised("stochastic"))
    rejects(check, hardware(), quantised("nearest"), quantised("stochastic", bits=BITS + 1),
            quantised("stochastic", full=2 * FULL))  # fmt: skip


def test_a_quantiser_of_one_direction_leaves_the_other_exact():
    for one, other in (("forward", "backward"), ("backward", "forward")):
        bench = stream(hardware(**{f"precision__{one}": {"bits": BITS, "full_scale": FULL}}))
        sent, received = bench.waves(other)
        np.testing.assert_allclose(received[1:], sent[:-1], atol=1e-14)
        sent, received = bench.waves(one)
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
