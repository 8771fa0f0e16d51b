"""Fault rates and energy sums."""

import math

import pytest

from hwmodels import Energy, Fault, Faults, HardwareError, HardwareModel, StuckPort, rng


def test_fault_rate_is_the_stated_one():
    n = 100_000
    hit = Fault(rate=0.03).sample(n, rng(0, "f"))
    assert abs(hit.mean() - 0.03) < 4 * math.sqrt(0.03 * 0.97 / n)
    assert not Fault().sample(n, rng(0, "f")).any()
    assert Fault(rate=1.0).sample(n, rng(0, "f")).all()


def test_activity():
    assert not Fault().active
    assert Fault(rate=0.1).active
    assert StuckPort(places=["x1[3]"], value=-0.5).active


@pytest.mark.parametrize("place", ["x1", "x1[3]", "s2[3,14]", "x0->s1[7]"])
def test_places_are_accepted(place):
    assert Faults(open_line={"places": [place]}).open_line.places == (place,)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dead_node": {"rate": 1.5}}, "dead_node.rate: 1.5 is out of range, .* at least 0 and at most 1"),
        ({"dead_node": {"places": ["x 1"]}}, "dead_node.places: 'x 1' is no place, allowed: a name such as"),
        (
            {"dropped_event": {"direction": "up"}},
            "dropped_event.direction: 'up'; allowed: forward",
        ),
        ({"dead_node": {"places": "x1"}}, "dead_node.places: 'x1'; allowed: a list"),
        ({"dropped_event": {"places": ["x1"]}}, "dropped_event.rate: is 0 although places are named, allowed: a prob"),
        ({"duplicated_event": {"places": ["x1"]}}, "duplicated_event.rate: is 0 although places are named"),
        (
            {"dropped_event": {"rate": 0.7}, "duplicated_event": {"rate": 0.4, "direction": "forward"}},
            "duplicated_event.rate: is 0.4 beside dropped_event.rate 0.7, allowed: at most 1 together",
        ),
    ],
)
def test_wrong_faults_are_refused(fields, words):
    with pytest.raises(HardwareError, match=words):
        Faults(**fields)


AMOUNTS = {"events": 10, "synaptic_operations": 100, "updates": 7, "nodes": 3, "lines": 5, "duration": 2.0}


def test_energy_is_the_sum_of_its_parts():
    energy = Energy(
        per_event="1 pJ",
        per_synaptic_operation="0.1 pJ",
        per_node_update="2 pJ",
        static_per_node="3 pW",
        static_per_line="4 pW",
    )
    estimate = energy.estimate(**AMOUNTS)
    assert estimate.missing == ()
    assert estimate.total == pytest.approx((10 + 10 + 14 + 3 * 3 * 2 + 4 * 5 * 2) * 1e-12)


def test_unknown_costs_are_missing_not_zero():
    estimate = Energy(per_event=1e-12).estimate(**AMOUNTS)
    assert estimate.parts == {"per_event": pytest.approx(1e-11)}
    assert estimate.total is None
    assert "per_node_update" in estimate.missing
    assert len(estimate.missing) == 4


def test_wave_power_needs_a_voltage_and_an_impedance():
    with pytest.raises(HardwareError, match="wave_power: needs unit_amplitude"):
        Energy(wave_power=True)
    volts = {"wave_power": True, "unit_amplitude": "0.1 V"}
    with pytest.raises(HardwareError, match=r"energy.wave_power: needs lines.impedance"):
        HardwareModel(energy=volts)
    assert HardwareModel(energy=volts, lines={"impedance": 50}).energy.wave_power
