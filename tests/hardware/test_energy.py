"""Energy is what was counted in the brian2 run times its price; what has no price stays unknown."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emulator import Network, Worldsheet, compile_network, settle
from hwmodels import HardwareModel
from tests.substrate import delays
from tests.support.bench import STEP, hardware, rejects

PRICES = {
    "per_event": 3e-12,
    "per_synaptic_operation": 5e-13,
    "per_node_update": 7e-14,
    "static_per_node": 2e-3,
    "static_per_line": 1e-3,
}
SIZES = (5, 7, 3)


def run(model: HardwareModel, wiring: str, **how: object):
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(SIZES)]
    network = Network.mlp(weights, loss="mse")
    graph = compile_network(network, hardware=model, wiring=wiring, seed=2, **how)
    return settle(
        graph, rng.normal(size=(3, 5)), rng.normal(size=(3, 3)), traces=True, hold_seconds=70 * STEP,
        target="numpy", diagnose=False,
    )  # fmt: skip


def counts(result, wiring: str) -> dict[str, np.ndarray]:
    """Counted anew from the recorded events, by what every neuron is wired to, (samples,) each."""
    hold, neurons = result.hold, sum(SIZES)
    starts = np.cumsum([0, *SIZES])
    layer = np.searchsorted(starts, np.arange(neurons), side="right") - 1
    after = np.array([7, 3, 0])[layer]  # synapses that a state feeds
    before = np.array([0, 5, 7])[layer]  # synapses that a costate feeds
    synapses = np.concatenate([after, before])
    lines = np.minimum(synapses, 1) if wiring == "tile" else synapses
    events, operations = np.zeros(3), np.zeros(3)
    sample = result.traces.step // hold
    np.add.at(events, sample, lines[result.traces.port])
    np.add.at(operations, sample, synapses[result.traces.port])
    drawn = 5 + 7 + 7 + 3 if wiring == "tile" else 5 * 7 + 7 * 3
    return {
        "per_event": events,
        "per_synaptic_operation": operations,
        "per_node_update": np.full(3, neurons * hold),
        "static_per_node": np.full(3, neurons * hold * STEP),
        "static_per_line": np.full(3, drawn * hold * STEP),
    }


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_energy_is_counts_times_prices(wiring):
    def check(model: HardwareModel) -> None:
        result = run(model, wiring)
        counted = counts(result, wiring)
        np.testing.assert_array_equal(result.events, counted["per_event"])
        for name, price in PRICES.items():
            np.testing.assert_allclose(result.energy.parts[name], price * counted[name], rtol=1e-12)
        np.testing.assert_allclose(result.energy.total, sum(PRICES[name] * counted[name] for name in PRICES))

    def priced(**changes: float) -> HardwareModel:
        return delays(1, 4).replace({f"energy.{name}": price for name, price in (PRICES | changes).items()})

    check(priced())
    rejects(check, priced(per_event=6e-12), priced(per_node_update=0.0))


def test_a_doubled_event_is_paid_for_twice():
    def paid(rate: float, direction: str) -> np.ndarray:
        doubled = hardware(faults__duplicated_event={"rate": rate, "direction": direction}, energy__per_event=1e-12)
        return run(doubled, "tile").energy.parts["per_event"] / 1e-12

    plain = paid(0.0, "both")
    np.testing.assert_allclose(paid(0.5, "both"), 1.5 * plain)
    assert (paid(0.5, "forward") < 1.5 * plain).all()
    assert (paid(0.5, "forward") > plain).all()


def test_what_has_no_price_is_missing_and_there_is_no_total():
    result = run(hardware(energy__per_event=1e-12), "tile")
    assert result.energy.total is None
    assert result.energy.missing == ("per_synaptic_operation", "per_node_update", "static_per_node", "static_per_line")
    assert set(result.energy.parts) == {"per_event"}
    figures = result.to_dict()
    assert figures["energy_joules"] is None
    assert figures["energy_missing"] == list(result.energy.missing)


def test_reflected_waves_cost_their_power():
    impedance, volts = 50.0, 0.2
    model = hardware(
        lines__impedance=impedance, energy__wave_power=True, energy__unit_amplitude=volts,
        **{f"energy__{name}": 0.0 for name in PRICES},
    )  # fmt: skip
    scattering, matched = (run(model, "tile", law=law) for law in (Worldsheet(0.7, 0.1, 0.5), None))
    power = scattering.reflected_power.reshape(3, -1).sum(axis=1)
    np.testing.assert_allclose(scattering.energy.total, power * STEP * volts**2 / impedance)
    assert scattering.energy.total.min() > 10 * matched.energy.total.max()
