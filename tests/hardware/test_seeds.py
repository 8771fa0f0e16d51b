"""Every effect has samples of its own: switching another on never changes them; chip and run have separate seeds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emulator import Network, compile_network
from emulator.engine import effects_of
from emulator.families.node import lay_out, values_of
from tests.support.bench import hardware, steady, stream

EFFECTS = {
    "delay": {"lines.delay_forward": {"kind": "steps", "step": 1e-9, "fewest": 20, "most": 40}},
    "jitter": {"lines.jitter": 1e-9},
    "impedance": {"lines.impedance_tolerance": 0.1},
    "stochastic rounding": {"precision.forward.bits": 6, "precision.forward.rounding": "stochastic"},
    "weight rounding": {"precision.weights.bits": 4, "precision.weights.rounding": "stochastic"},
    "receiver noise": {"noise.receiver": 0.1},
    "node noise": {"noise.node.rms": 0.1},
    "flicker": {"noise.flicker": {"rms": 0.1, "f_low": 1e6, "f_high": 1e8}},
    "gain forward": {"noise.gain_mismatch_forward": 0.1},
    "gain backward": {"noise.gain_mismatch_backward": 0.1},
    "offset forward": {"noise.offset_mismatch_forward": 0.1},
    "offset backward": {"noise.offset_mismatch_backward": 0.1},
    "stuck port": {"faults.stuck_port": {"rate": 0.2, "value": 0.5}},
    "open line": {"faults.open_line": {"rate": 0.2}},
    "dead node": {"faults.dead_node": {"rate": 0.2}},
    "dropped": {"faults.dropped_event": {"rate": 0.2}},
    "duplicated": {"faults.duplicated_event": {"rate": 0.2}},
    "crosstalk": {"lines.crosstalk": 0.1},
}
#: where two effects meet in one number, that number is not the other effect's sample
SHARED = {
    frozenset(pair)
    for pair in (
        *itertools.combinations(("gain forward", "gain backward", "open line"), 2),
        *itertools.combinations(("offset forward", "offset backward", "open line"), 2),
        *itertools.combinations(("stuck port", "dead node"), 2),
        ("receiver noise", "open line"), ("delay", "jitter"), ("delay", "crosstalk"),
        ("weight rounding", "offset forward"), ("weight rounding", "offset backward"), ("node noise", "flicker"),
    )
}  # fmt: skip
LONG = {"lines.delay_forward": 30e-9}


def numbers(*changes: dict) -> dict[str, np.ndarray]:
    """Everything drawn for a substrate and a run."""
    rng = np.random.default_rng(1)
    network = Network.mlp([rng.normal(size=(9, 8)), rng.normal(size=(6, 9))])
    model = hardware().replace(LONG)
    for change in changes:
        model = model.replace(change)
    graph = compile_network(network, hardware=model, seed=4)
    layout = lay_out(graph)
    values = values_of(graph, layout, effects_of(graph, layout, 6), loaded=True, seed=6)
    return {"delay": layout.tap_delay, **{name: np.asarray(value) for name, value in values.items()}}


def test_no_effect_changes_the_samples_of_another():
    nothing = numbers()
    alone = {name: numbers(change) for name, change in EFFECTS.items()}
    for one, other in itertools.permutations(EFFECTS, 2):
        if frozenset((one, other)) in SHARED:
            continue
        both = numbers(EFFECTS[one], EFFECTS[other])
        own = [k for k in alone[one] if k not in nothing or not np.array_equal(alone[one][k], nothing[k])]
        assert own or one == "crosstalk", one
        for name in own:
            assert np.array_equal(both[name], alone[one][name]), f"{other} changes {name} of {one}"


ADDED = {
    "receiver noise": {"noise.receiver": 0.1},
    "offset": {"noise.offset_mismatch_forward": 0.1},
}
BESIDE = ["receiver noise", "offset", "node noise", "gain forward", "dropped", "crosstalk"]


@pytest.mark.parametrize("one", ADDED)
def test_in_the_run_an_added_error_is_the_same_whatever_else_is_on(one):
    """What one effect adds to received waves is the difference of two runs, one with it and one without."""
    base = stream(hardware()).received_forward
    own = stream(hardware().replace(ADDED[one])).received_forward - base
    assert np.abs(own[1:]).min() > 0
    for other in BESIDE:
        if other == one:
            continue
        change = EFFECTS.get(other) or ADDED[other]
        beside = stream(hardware().replace(change)).received_forward
        both = stream(hardware().replace({**change, **ADDED[one]})).received_forward
        got = both - beside
        if other == "crosstalk":  # the error leaks to neighbours as the wave does, but is only added once
            assert np.abs(got - own).max() < 1e-12
        elif other == "dropped":
            came = np.abs(beside[1:] - base[1:]) < 1e-12
            np.testing.assert_allclose(got[1:][came], own[1:][came], atol=1e-12)
        else:
            np.testing.assert_allclose(got, own, atol=1e-12)


RANDOM = {"noise.receiver": 0.1, "noise.gain_mismatch_forward": 0.1, "faults.dropped_event.rate": 0.1}


def test_the_same_seeds_give_the_same_run():
    one, two = (stream(hardware().replace(RANDOM), chip=3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.received_forward, two.received_forward)
    np.testing.assert_array_equal(one.received_backward, two.received_backward)


def test_run_and_chip_seeds_draw_different_things():
    model = hardware().replace({"noise.receiver": 0.1, "noise.gain_mismatch_forward": 0.1})
    frozen = hardware().replace({"noise.gain_mismatch_forward": 0.1})

    def received(model, chip, seed):
        return steady(model, width=50, chip=chip, seed=seed).received_forward[-1]

    assert (received(frozen, 0, 0) == received(frozen, 0, 1)).all()
    assert (received(frozen, 0, 0) != received(frozen, 1, 0)).all()
    noise = {run: received(model, 0, run) - received(frozen, 0, run) for run in (0, 1)}
    assert (noise[0] != noise[1]).all()
    other_chip = received(model, 1, 0) - received(frozen, 1, 0)
    np.testing.assert_allclose(other_chip, noise[0], atol=1e-12)
