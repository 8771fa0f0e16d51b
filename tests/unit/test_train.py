"""Training: streams, schedules, evaluation, early stop, divergence, checkpoints that survive being killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from emulator import Network
from emulator.learning import Inductive, ParameterPort, RateSchedule, Resistive
from emulator.runs.train import train
from emulator.training.streams import open_stream
from emulator.training.substrate import rate_rows
from hwmodels import load
from tests.support.descent import PORTS, problem


def same(first: Network, second: Network) -> bool:
    return first.digest == second.digest


def test_training_raises_the_accuracy_and_says_how_it_went():
    network, inputs, labels = problem()
    reports = []
    found = train(
        network, inputs, labels, port=Resistive(0.2), epochs=6, test=(inputs, labels), seed=1, target="numpy",
        progress=reports.append,
    )  # fmt: skip
    samples, loss, accuracy = found.history.evaluations()
    np.testing.assert_array_equal(samples, 30.0 * np.arange(7))
    assert found.status == "finished"
    assert found.samples == 180
    assert accuracy[-1] == found.test_accuracy > accuracy[0]
    assert loss[-1] == found.test_loss < loss[0] / 2
    assert [r.samples for r in reports] == [30, 60, 90, 120, 150, 180]
    assert reports[-1].seconds_left == 0.0 < reports[0].seconds_left
    assert found.history.columns()["absorbed"][1] > found.history.columns()["absorbed"][-1] > 0
    json.dumps(found.to_dict(), allow_nan=False)


def test_evaluation_is_that_of_the_network_and_leaves_it_alone():
    from emulator import reference

    network, inputs, labels = problem()
    plain = train(network, inputs, labels, port=Inductive(0.1, 50.0), epochs=2, target="numpy")
    tested = train(network, inputs, labels, port=Inductive(0.1, 50.0), epochs=2, target="numpy", test=(inputs, labels))
    assert same(plain.network, tested.network)
    exact = reference(tested.network, inputs, labels)
    assert tested.test_loss == pytest.approx(exact.loss.mean(), rel=1e-12)
    assert tested.test_accuracy == (exact.states["x2"].argmax(axis=1) == labels).mean()


def test_an_iterator_learns_like_the_array_it_came_from():
    network, inputs, labels = problem()
    stream = open_stream(network, inputs, labels, seed=4)
    rows = stream.rows(0, 45)
    pairs = ((row[:4], row[4:].argmax()) for row in rows)
    one = train(network, inputs, labels, port=Resistive(0.1), samples=45, seed=4, chunk=10, target="numpy")
    two = train(network, pairs, port=Resistive(0.1), seed=4, chunk=10, target="numpy")
    assert two.status == "finished"
    assert two.samples == 45
    for name, p in one.network.parameters.items():
        np.testing.assert_array_equal(two.network.parameters[name].weight, p.weight)


def test_an_iterator_that_ends_early_says_so():
    network, inputs, labels = problem()
    found = train(network, iter(zip(inputs, labels, strict=True)), samples=100, chunk=20, target="numpy")
    assert (found.status, found.samples) == ("out of samples", 30)
    assert found.reason == "the data ended after 30 of 100 samples"


def test_a_file_of_samples(tmp_path):
    network, inputs, labels = problem()
    np.savez(tmp_path / "data.npz", inputs=inputs, targets=labels)
    one = train(network, tmp_path / "data.npz", epochs=1, target="numpy", test=tmp_path / "data.npz")
    two = train(network, inputs, labels, epochs=1, target="numpy", test=(inputs, labels))
    assert same(one.network, two.network)
    assert one.test_accuracy == two.test_accuracy


def test_epochs_visit_every_sample_once_and_draws_do_not():
    network, inputs, labels = problem()
    epochs = open_stream(network, inputs, labels, seed=2)
    for start in (0, 30):
        block = epochs.rows(start, 30)
        np.testing.assert_array_equal(np.sort(block[:, 0]), np.sort(inputs[:, 0]))
    assert (epochs.rows(0, 30) != epochs.rows(30, 30)).any()
    np.testing.assert_array_equal(epochs.rows(0, 60)[25:40], epochs.rows(25, 15))
    drawn = open_stream(network, inputs, labels, order="replacement", seed=2)
    assert len(np.unique(drawn.rows(0, 30)[:, 0])) < 30
    np.testing.assert_array_equal(drawn.rows(4090, 20), drawn.rows(0, 5000)[4090:4110])


def test_rate_schedule_and_mini_batches_as_rows():
    factors = RateSchedule(warm_up=3, decay=13, floor=0.2).factors(0, 20)
    np.testing.assert_allclose(factors[:4], [0.25, 0.5, 0.75, 1.0])
    assert factors[8] == pytest.approx(0.6)
    np.testing.assert_allclose(factors[13:], 0.2)
    rows = rate_rows(np.ones(5), 5, 3, 10)
    np.testing.assert_allclose(rows[:, 1], [1 / 3, 0, 0, 1 / 3, 1.0])


def test_early_stop_keeps_the_best():
    network, inputs, labels = problem()
    rng = np.random.default_rng(5)
    noise = rng.integers(3, size=30)  # labels that cannot be learned: the test loss rises
    found = train(
        network, inputs, noise, port=Resistive(0.3), epochs=40, test=(inputs[::-1], labels), patience=2, target="numpy"
    )
    _, loss, _ = found.history.evaluations()
    assert found.status == "stopped early"
    assert found.reason == "the test loss has not fallen for 2 evaluations"
    assert loss.argmin() == len(loss) - 3
    from emulator import reference

    assert reference(found.network, inputs[::-1], labels).loss.mean() == pytest.approx(loss.min(), rel=1e-9)


def test_divergence_stops_with_the_reason_and_keeps_the_last_good_checkpoint(tmp_path):
    network, inputs, targets = problem(loss="mse")
    path = tmp_path / "run.npz"
    how = {"chunk": 5, "target": "numpy", "checkpoint_path": path}
    rates = RateSchedule(warm_up=60)
    found = train(network, inputs, targets, port=Resistive(3.0), rate_schedule=rates, epochs=40, **how)
    assert found.status == "diverged"
    assert "the loss exploded" in found.reason or "beyond all numbers" in found.reason
    assert f"the parameters of sample {found.samples} are kept" in found.reason
    assert 0 < found.samples < 1200
    assert all(np.isfinite(part).all() for p in found.network.parameters.values() for part in p)
    again = train(network, inputs, targets, port=Resistive(3.0), rate_schedule=rates, epochs=40, resume=True, **how)
    assert same(again.network, found.network)
    assert again.reason == found.reason


def test_a_rate_that_cannot_be_stable_is_warned_of_with_its_bound():
    network, inputs, targets = problem(loss="mse")
    found = train(network, inputs, targets, port=Resistive(50.0), epochs=1, target="numpy")
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("port resistive: rate 50 cannot be stable on these data; it needs to be below ")
    bound = float(found.warnings[0].rsplit(" ", 1)[1])
    calm = train(network, inputs, targets, port=Resistive(bound * 0.99), samples=1, target="numpy")
    assert calm.warnings == ()
    many = train(network, inputs, targets, port=Resistive(50.0), batch=30, epochs=1, target="numpy").warnings[0]
    assert float(many.rsplit(" ", 1)[1]) > bound, "one sample after another, each in its own direction, needs more care"
    heavy = train(network, inputs, targets, port=Inductive(50.0, 0.05), samples=1, target="numpy")
    assert heavy.warnings[0].startswith(
        "port inductive: mass 0.05 cannot be stable on these data; it needs to be above "
    )


def test_the_bound_of_the_rate_is_where_a_convex_problem_turns_unstable():
    rng = np.random.default_rng(3)
    network = Network.mlp([rng.normal(size=(2, 3))], loss="mse", activations="identity")
    inputs, targets = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
    first = train(network, inputs, targets, port=Resistive(99.0), batch=10, epochs=1, target="numpy")
    bound = float(first.warnings[0].rsplit(" ", 1)[1])
    how = {"batch": 10, "epochs": 100, "chunk": 200, "target": "numpy"}
    assert train(network, inputs, targets, port=Resistive(0.97 * bound), **how).status == "finished"
    assert train(network, inputs, targets, port=Resistive(1.05 * bound), **how).status == "diverged"


@pytest.mark.parametrize(
    ("name", "schedule"), [*((name, "settled") for name in PORTS), ("inductive", "unlocked"), ("device", "unlocked")]
)
def test_a_resumed_training_ends_with_the_same_bits(tmp_path, name, schedule):
    network, inputs, labels = problem()
    noisy = load("ideal").replace({"noise.receiver": 0.02, "noise.node.rms": 0.01})
    how = {
        "port": PORTS[name], "schedule": schedule, "chunk": 15, "seed": 7, "target": "numpy", "hardware": noisy,
        "hold": 6,
    }  # fmt: skip
    whole = train(network, inputs, labels, samples=45, checkpoint_path=tmp_path / "whole.npz", **how)
    train(network, inputs, labels, samples=15, checkpoint_path=tmp_path / "part.npz", **how)
    rest = train(network, inputs, labels, samples=45, checkpoint_path=tmp_path / "part.npz", resume=True, **how)
    assert same(whole.network, rest.network)
    assert not same(whole.network, network)
    assert whole.events == rest.events
    for column in ("loss", "absorbed"):
        np.testing.assert_array_equal(whole.history.columns()[column], rest.history.columns()[column])


SCRIPT = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[2])
from tests.support.descent import PORTS, problem
from emulator.runs.train import train
network, inputs, labels = problem()
found = train(network, inputs, labels, port=PORTS["device"], samples=80, chunk=8, seed=7, target="numpy",
              checkpoint_path=sys.argv[1], resume=True)
print(found.network.digest, found.samples)
"""


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_it_ends_with_the_same_bits(tmp_path):
    root = str(Path(__file__).parents[2])
    network, inputs, labels = problem()
    whole = train(
        network, inputs, labels, port=PORTS["device"], samples=80, chunk=8, seed=7, target="numpy"
    )  # fmt: skip
    path, kills, positions = tmp_path / "run.npz", 0, []
    rng = np.random.default_rng(0)
    for _ in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path), root], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": root},
        )  # fmt: skip
        before, begun = path.stat().st_mtime_ns if path.exists() else 0, time.monotonic()
        while process.poll() is None and time.monotonic() - begun < 60:
            moved = path.exists() and path.stat().st_mtime_ns != before
            if moved and kills < 3:
                time.sleep(float(rng.uniform(0, 0.4)))
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        out, err = process.communicate()
        if process.returncode == 0:
            assert out.split() == [whole.network.digest, "80"]
            break
        assert process.returncode == -signal.SIGKILL, err
        kills += 1
        with np.load(path, allow_pickle=False) as file:  # whole at every moment
            positions.append(json.loads(file["header"].tobytes())["position"])
    assert kills == 3
    assert positions == sorted(positions)
    assert len(set(positions)) == 3
    assert [p.name for p in tmp_path.iterdir() if not p.name.endswith(".tmp")] == ["run.npz"]


def test_a_port_of_ones_own():
    class Sign(ParameterPort):
        """Moves by the sign of the effort."""

        name = "sign"
        conductance = "pace"
        update = "dw = h*pace*factor*sign(effort)"
        constants = {"pace": 0.25}

    network, inputs, labels = problem()
    found = train(network, inputs, labels, port=Sign(), samples=1, target="numpy")
    moved = found.network.parameters["s2"].weight - network.parameters["s2"].weight
    np.testing.assert_allclose(np.abs(moved), 0.25)


def test_the_trained_network_can_be_saved_run_and_trained_further(tmp_path):
    from emulator import compile_network, settle

    network, inputs, labels = problem()
    found = train(network, inputs, labels, epochs=1, target="numpy")
    found.network.save(tmp_path / "trained.npz")
    loaded = Network.load(tmp_path / "trained.npz")
    assert settle(compile_network(loaded), inputs[:2], labels[:2], target="numpy").settled.all()
    assert not same(train(loaded, inputs, labels, epochs=1, target="numpy").network, loaded)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_samples():
    import tracemalloc

    network, inputs, labels = problem()

    def peak(samples: int) -> int:
        pairs = ((inputs[k % 30], labels[k % 30]) for k in range(samples))
        tracemalloc.start()
        train(network, pairs, port=Inductive(0.05, 40.0), chunk=30, target="numpy")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(30)  # what is loaded once
    few, many = peak(60), peak(300)
    assert many - few < 8 * 40_000  # for 8 more stretches: brian2 keeps some of what it has translated


def test_a_hold_below_the_round_trip_is_warned_of() -> None:
    network = Network.mlp([np.eye(2), np.eye(2)], [np.zeros(2), np.zeros(2)], "identity")
    data = {"inputs": np.ones((2, 2)), "targets": np.ones((2, 2)), "epochs": 1, "target": "numpy"}
    short = train(network, hold=2, **data).warnings  # type: ignore[arg-type]
    assert any("the hold of 2 steps is shorter than the longest round trip of" in text for text in short)
    assert not any("shorter than" in text for text in train(network, **data).warnings)  # type: ignore[arg-type]
    unlocked = train(network, hold=2, schedule="unlocked", **data).warnings  # type: ignore[arg-type]
    assert not any("shorter than" in text for text in unlocked)
