"""Faults in the brian2 run: as many as the rate says, where the places say, in the direction asked for."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import NetworkBuilder, compile_network, settle
from emulator.engine.random import gauss, key
from emulator.engine.wiring import SECOND
from hwmodels import HardwareModel
from tests.support.bench import Bench, crossbar, hardware, has_rate, rejects, steady, stream

RATE, RMS = 0.1, 0.03
DIRECTIONS = ("forward", "backward")


def fault(kind: str, **fields: object) -> HardwareModel:
    return hardware(**{f"faults__{kind}": fields})


def at_rest(model: HardwareModel) -> Bench:
    return steady(model, width=700)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_stuck_ports_send_the_same_wave_at_the_rate_asked_for(direction):
    other = DIRECTIONS[direction == "forward"]

    def check(model: HardwareModel) -> None:
        bench = at_rest(model)
        sent, received = bench.waves(direction)
        stuck = received[-1] == 2.5
        has_rate(int(stuck.sum()), stuck.size, RATE)
        np.testing.assert_array_equal(received[-1][~stuck], sent[-1][~stuck])
        sent, received = bench.waves(other)
        np.testing.assert_array_equal(received[-1], sent[-1])

    def model(rate: float, direction: str = direction) -> HardwareModel:
        return fault("stuck_port", rate=rate, value=2.5, direction=direction)

    check(model(RATE))
    rejects(check, hardware(), model(2 * RATE), model(RATE, other))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_open_lines_carry_nothing_at_the_rate_asked_for(direction):
    other = DIRECTIONS[direction == "forward"]

    def check(model: HardwareModel) -> None:
        bench = at_rest(model)
        sent, received = bench.waves(direction)
        open_ = received[-1] == 0
        has_rate(int(open_.sum()), open_.size, RATE)
        np.testing.assert_array_equal(received[-1][~open_], sent[-1][~open_])
        sent, received = bench.waves(other)
        np.testing.assert_array_equal(received[-1], sent[-1])

    def model(rate: float, direction: str = direction) -> HardwareModel:
        return fault("open_line", rate=rate, direction=direction)

    check(model(RATE))
    rejects(check, hardware(), model(2 * RATE), model(RATE, other))


def test_dead_nodes_answer_in_neither_direction_at_the_rate_asked_for():
    width = 700
    build = NetworkBuilder()
    middle = build.activation(build.input("x", width), "identity", name="h")
    network = build.build(output=build.activation(middle, "identity", name="y"))

    def check(model: HardwareModel) -> None:
        graph = compile_network(network, hardware=model)
        result = settle(graph, np.ones((1, width)), 3 * np.ones((1, width)), diagnose=False, target="numpy")
        forward, backward = result.held_states["y"][0] == 0, result.held_costates["x"][0] == 0
        dead = result.held_states["h"][0] == 0  # a dead input: nothing comes in
        has_rate(int(dead.sum()), width, RATE)
        has_rate(int((forward & ~dead).sum()), int((~dead).sum()), RATE)
        assert (backward[forward & ~dead]).all()  # a dead node between answers neither way

    check(fault("dead_node", rate=RATE))
    rejects(check, hardware(), fault("dead_node", rate=2 * RATE), fault("stuck_port", rate=RATE))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("stuck_port", {"value": 2.5}), ("open_line", {}), ("dead_node", {})],
)
def test_lasting_faults_are_where_the_places_say(kind, fields):
    bench = at_rest(fault(kind, places=("x[3]", "x[5]"), **fields))
    wrong = np.flatnonzero(bench.received_forward[-1] != bench.sent_forward[-1])
    np.testing.assert_array_equal(wrong, [3, 5])
    np.testing.assert_array_equal(bench.received_forward[-1][wrong], fields.get("value", 0.0))


def test_a_place_without_an_index_is_the_whole_row():
    bench = at_rest(fault("open_line", places=("y",), direction="backward"))
    np.testing.assert_array_equal(bench.received_backward, 0)
    np.testing.assert_array_equal(bench.received_forward[-1], bench.sent_forward[-1])


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_an_open_line_cuts_off_a_row_of_a_tile_and_single_synapses_otherwise(wiring):
    outputs = crossbar(fault("open_line", rate=0.3, direction="forward"), np.ones((50, 40)), np.eye(40), wiring=wiring)
    assert set(np.unique(outputs)) == {0.0, 1.0}
    if wiring == "tile":
        assert (outputs == outputs[:, :1]).all()
    else:
        has_rate(int((outputs == 0).sum()), outputs.size, 0.3)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_events_are_lost_at_the_rate_asked_for_and_the_last_amplitude_stays(direction):
    other = DIRECTIONS[direction == "forward"]

    def check(model: HardwareModel) -> None:
        bench = stream(model)
        sent, received = bench.waves(direction)
        lost = np.abs(received[1:] - sent[:-1]) > 1e-12
        has_rate(int(lost.sum()), lost.size, RATE)
        np.testing.assert_allclose(received[1:][lost], received[:-1][lost], atol=1e-12)
        sent, received = bench.waves(other)
        np.testing.assert_allclose(received[1:], sent[:-1], atol=1e-12)

    def model(rate: float, direction: str = direction) -> HardwareModel:
        return fault("dropped_event", rate=rate, direction=direction)

    check(model(RATE))
    rejects(check, hardware(), model(2 * RATE), model(RATE, other))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_events_arrive_twice_at_the_rate_asked_for(direction):
    """The second arrival brings receiver noise of its own, which tells it from a first."""

    def second(bench: Bench, way: str) -> np.ndarray:
        sent, received = bench.waves(way)
        noise = received[1:] - sent[:-1]
        events, lines = noise.shape
        taps = np.arange(lines) + (lines if way == "backward" else 0)
        count = np.arange(events)[:, None]
        stream_key = key(0, "receiver noise")
        first, again = (RMS * gauss(stream_key, taps, count + after) for after in (0, SECOND))
        doubled = np.abs(noise - again) < 1e-12
        assert (doubled | (np.abs(noise - first) < 1e-12)).all()
        return doubled

    def check(model: HardwareModel) -> None:
        bench = stream(model)
        doubled = second(bench, direction)
        has_rate(int(doubled.sum()), doubled.size, RATE)
        assert not second(bench, DIRECTIONS[direction == "forward"]).any()

    def model(rate: float, direction: str = direction) -> HardwareModel:
        return fault("duplicated_event", rate=rate, direction=direction).replace({"noise.receiver": RMS})

    check(model(RATE))
    rejects(check, hardware(noise__receiver=RMS), model(2 * RATE), model(RATE, "both"))


@pytest.mark.parametrize("kind", ["dropped_event", "duplicated_event"])
def test_events_fail_only_at_the_places_named(kind):
    places = ("x[2]", "x[150]")
    model = fault(kind, rate=0.5, places=places, direction="forward").replace({"noise.receiver": RMS})
    plain, faulty = (stream(m).received_forward for m in (hardware(noise__receiver=RMS), model))
    differs = np.abs(plain - faulty) > 1e-12
    np.testing.assert_array_equal(np.flatnonzero(differs.any(axis=0)), [2, 150])
    has_rate(int(differs[1:, [2, 150]].sum()), 2 * (len(plain) - 1), 0.5)


def test_a_doubled_event_without_noise_does_no_harm():
    bench = stream(fault("duplicated_event", rate=0.5))
    np.testing.assert_array_equal(bench.received_forward[1:], bench.sent_forward[:-1])
