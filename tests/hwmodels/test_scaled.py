"""Parts of a hardware model scaled by a factor: laws as a whole, in their units, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels import HardwareError, HardwareModel, load, program, reach, scaled
from hwmodels.clock import Clock
from hwmodels.distributions import Steps
from hwmodels.energy import Energy
from hwmodels.faults import StuckPort
from hwmodels.fields import Section, unit_of
from hwmodels.lines import Lines
from hwmodels.noise import BandNoise, FlickerNoise
from hwmodels.precision import Quantizer
from hwmodels.pulses import PulsedUpdate
from hwmodels.scaled import SIZES, sizes_of
from hwmodels.tiles import Tiles
from hwmodels.weights import Drift, PolynomialSpread, PowerSpread, SaturatingSpread, Weights

PCM = load("pcm-crossbar")


@settings(max_examples=20, derandomize=True, deadline=None)
@given(st.just(0.0) | st.floats(1e-6, 4.0))
def test_every_error_of_a_device_grows_with_the_factor_and_nothing_else_changes(factor: float) -> None:
    found = scaled(PCM, {"weights": factor})
    moved = {path for path, entry in PCM.flat().items() if entry.value != found.flat()[path].value}
    assert moved <= {size.path for size in sizes_of(PCM, "weights")}
    g = np.linspace(1e-7, 2.5e-5, 50)
    law, ours = PCM.weights, found.weights
    assert ours.programming is not None and law.programming is not None
    np.testing.assert_allclose(ours.programming.sigma(g), factor * law.programming.sigma(g), rtol=1e-12)
    np.testing.assert_allclose(
        ours.read_noise.relative(0.3, 10.0), factor * law.read_noise.relative(0.3, 10.0), rtol=1e-12
    )  # type: ignore[union-attr]
    np.testing.assert_allclose(
        ours.drift.exponent_mean.at(g / 2.5e-5), factor * law.drift.exponent_mean.at(g / 2.5e-5), rtol=1e-12
    )


def test_devices_without_errors_are_what_was_asked_for_and_drawn_ones_deviate_by_the_factor() -> None:
    weights = np.random.default_rng(0).uniform(-1, 1, (20, 30))
    one, three, none = (program(scaled(PCM, {"weights": k}).weights, weights, 3, "w") for k in (1.0, 3.0, 0.0))
    assert np.array_equal(none.programmed, none.target) and not none.exponents.any()
    free = (one.programmed > 0) & (three.programmed > 0)
    apart = (three.programmed - three.target)[free] / (one.programmed - one.target)[free]
    np.testing.assert_allclose(apart, 3.0, rtol=1e-6)


def test_laws_that_are_named_and_single_numbers_are_scaled_in_their_units() -> None:
    model = HardwareModel.from_dict({
        "lines": {"delay_forward": {"kind": "normal", "mean": "10 ns", "std": "1 ns"}, "jitter": "2 ps"},
        "energy": {"per_event": "3 pJ"},
        "weights": {"g_max": "20 uS", "update": {"pulses": 100, "asymmetry": 0.1, "write_noise": 0.2, "endurance": 1e6}},
    })  # fmt: skip
    found = scaled(model, {"lines": {"delay_forward": 2}, "energy": 0.5, "weights": {"update": 3.0, "g_max": 2.0}})
    assert (found.lines.delay_forward.mean, found.lines.delay_forward.std) == (2e-8, 2e-9)  # type: ignore[union-attr]
    assert found.energy.per_event == 1.5e-12 and found.lines.jitter == 2e-12 and found.weights.g_max == 4e-5
    update = found.weights.update
    assert update is not None and (update.asymmetry, update.write_noise) == (pytest.approx(0.3), pytest.approx(0.6))
    assert (update.pulses, update.endurance) == (100, 1e6)
    assert scaled(model, {"lines": 2.0}).lines.jitter == 4e-12
    assert scaled(model, {"lines": 2.0}).lines.delay_forward == model.lines.delay_forward
    assert reach(model, "weights.update", 4.0) == 4.0
    assert reach(model, "weights.update", 40.0) == pytest.approx(10.0, rel=2e-3)  # an asymmetry is at most 1


def test_tables_of_steps_and_leaking_are_ideal_at_0() -> None:
    update = {
        "pulses": 100,
        "shape": "table",
        "up_steps": [1.4, 0.9],
        "down_steps": [0.7, 1.3],
        "lifetime": "10 s",
        "lifetime_spread": 0.1,
    }
    model = HardwareModel.from_dict({"weights": {"g_max": "20 uS", "levels": 16, "update": update}})
    none, half, twice = (scaled(model, {"weights": k}).weights.update for k in (0, 0.5, 2))
    assert none is not None and half is not None and twice is not None
    assert (none.up_steps, none.down_steps, none.lifetime, none.lifetime_spread) == ((1, 1), (1, 1), None, 0)
    np.testing.assert_allclose([half.up_steps, half.down_steps], [[1.2, 0.95], [0.85, 1.15]])
    assert (half.lifetime, twice.lifetime) == (20, 5)
    assert scaled(model, {"weights": 1}) == model
    assert none.pulses == 100 and scaled(model, {"weights": 0}).weights.levels == 16
    with pytest.raises(HardwareError, match=r"weights\.update: 4 is too much: weights\.update\.down_steps"):
        scaled(model, {"weights": {"update": 4}})


def test_places_of_faults_are_whole_at_0() -> None:
    model = HardwareModel.from_dict({
        "faults": {"dead_node": {"places": ["x1[0]"]}, "dropped_event": {"rate": 0.1, "places": ["x1"]}},
    })  # fmt: skip
    none, half, twice = (scaled(model, {"faults": k}).faults for k in (0, 0.5, 2))
    assert not none.dead_node.active and not none.dropped_event.active
    for some in (half, twice):
        assert (some.dead_node.places, some.dropped_event.places) == (("x1[0]",), ("x1",))
    assert (half.dropped_event.rate, twice.dropped_event.rate) == (0.05, 0.2)


def test_what_is_0_keeps_its_source() -> None:
    sources = {"noise.node.rms": {"status": "missing", "text": "nobody measured it"}}
    model = HardwareModel.from_dict({"noise": {"receiver": 0.1}, "sources": sources})
    found = scaled(model, {"noise": 2})
    assert found.noise.receiver == 0.2 and found.sources["noise.receiver"].status == "assumed"
    assert found.sources["noise.node.rms"] == model.sources["noise.node.rms"]


def _kinds(kind: type[Section]) -> set[type[Section]]:
    return {kind}.union(*map(_kinds, kind.__subclasses__()))


#: numbers that say how large, how fine, how fast or how durable a part is, which no factor of its errors changes
STAY: dict[type[Section], set[str]] = {
    Clock: {"node_update_interval"},
    Tiles: {"rows", "columns"},
    Quantizer: {"bits", "full_scale"},
    Lines: {
        "delay_forward", "delay_backward", "delay_asymmetry", "attenuation_forward", "attenuation_backward", "loss_per_length",
        "bandwidth", "impedance",
    },
    BandNoise: {"bandwidth"},
    FlickerNoise: {"f_low", "f_high"},
    StuckPort: {"value"},
    Weights: {"g_min", "g_max", "levels", "fitted_low", "fitted_high", "fitted_time"},
    PolynomialSpread: {"reference"},
    SaturatingSpread: {"scale"},
    PowerSpread: {"exponent", "reading_time"},
    Drift: {"first_reading"},
    PulsedUpdate: {"pulses", "anchor", "plateau", "plateau_down", "refresh_at", "endurance", "pulse_time", "pulse_energy"},
    Energy: {"unit_amplitude"},
    Steps: {"fewest", "most"},
}  # fmt: skip


def test_every_number_of_a_model_is_scaled_or_stays() -> None:
    for kind in (one for one in _kinds(Section) if one.__module__.startswith("hwmodels.")):
        numbers = {name for name, field in kind.model_fields.items() if unit_of(field) is not None}
        sizes, stay = set(SIZES.get(kind, ())), STAY.get(kind, set())
        assert not sizes & stay
        assert numbers <= sizes | stay, kind
        assert stay <= numbers, kind


def test_every_table_that_has_sizes_names_fields_of_its_own() -> None:
    for kind, names in SIZES.items():
        assert issubclass(kind, Section) and set(names) <= set(kind.model_fields)


@pytest.mark.parametrize(
    ("factors", "told"),
    [
        ({"weigths": 2.0}, r"weigths: unknown field \(did you mean 'weights'\?\)"),
        ({"name": 2.0}, r"name: unknown field"),
        ({"weights": {"updat": 2.0}}, r"weights\.updat: unknown field"),
        ({"weights": -1.0}, r"weights: -1\.0 is no factor, allowed: a number of at least 0"),
        ({"weights": "2"}, r"weights: '2' is no factor"),
        ({"weights": True}, r"weights: True is no factor"),
        ({"weights": float("inf")}, r"weights: inf is no factor"),
        ({"noise": 2.0}, r"noise: has nothing to scale, all of it is 0 or not given"),
        ({"clock": 2.0}, r"clock: has nothing that a factor could scale"),
        ({"precision": {"forward": {"bits": 2.0}}}, r"precision\.forward\.bits: 8 is no quantity that a factor could scale"),
        ({"weights": {"g_max": 2.0}}, r"weights\.g_max: 2 is too much: weights\.g_max: 5e-05 S is outside the fitted range"),
    ],
)  # fmt: skip
def test_what_cannot_be_scaled_is_named(factors: dict, told: str) -> None:
    with pytest.raises(HardwareError, match=told):
        scaled(PCM, factors)
