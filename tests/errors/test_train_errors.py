"""Training errors: one clear sentence each, and nothing overwritten."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network
from emulator.errors import EngineError, FileFormatError, NetworkError
from emulator.learning import (
    Adaptive,
    Device,
    GaussNewton,
    Inductive,
    Learning,
    Newton,
    ParameterPort,
    RateSchedule,
    Resistive,
)
from emulator.runs.train import train
from hwmodels import Weights, load
from tests.refusals import refuses

RNG = np.random.default_rng(0)
NETWORK = Network.mlp([RNG.normal(size=(3, 4))], loss="softmax_cross_entropy")
X, Y = RNG.normal(size=(6, 4)), RNG.integers(3, size=6)


def engine(words, action):
    refuses(words, action, EngineError)


def learn(*args, **how):
    return train(NETWORK, *(args or (X, Y)), **({"samples": 2, "target": "numpy"} | how))


@pytest.mark.parametrize(
    ("words", "how"),
    [
        ("batch is 0; allowed: whole numbers from 1", {"batch": 0}),
        ("epochs is 1.5; allowed: whole numbers from 1", {"epochs": 1.5, "samples": None}),
        ("samples is True; allowed: whole numbers from 1", {"samples": True}),
        ("chunk is -1; allowed: whole numbers from 1", {"chunk": -1}),
        ("evaluate_every is 0; allowed: whole numbers from 1", {"evaluate_every": 0}),
        ("patience is 0; allowed: whole numbers from 1", {"patience": 0}),
        ("patience is given without a test set; allowed: with test=(inputs, targets)", {"patience": 3}),
        ("seed is -1; allowed: whole numbers from 0", {"seed": -1}),
        ("unknown target 'gpu'; allowed: auto, numpy, cython, standalone", {"target": "gpu"}),
        ("epochs and samples are both given; allowed: one of them", {"epochs": 1}),
        ("neither epochs nor samples is given; allowed: one of them", {"samples": None}),
        ("unknown order 'epoch' (did you mean 'epochs'?); allowed: epochs, replacement", {"order": "epoch"}),
        ("unknown schedule 'setled' (did you mean 'settled'?); allowed: settled, unlocked", {"schedule": "setled"}),
        ("schedule unlocked: batch is above 1; allowed: 1", {"schedule": "unlocked", "batch": 2}),
        ("port is 0.1; allowed: an instance of a ParameterPort", {"port": 0.1}),
        ("hold and hold_seconds are both given; allowed: one of them", {"hold": 3, "hold_seconds": 1e-8}),
        ("test_hold is 0; allowed: a finite number above 0", {"test_hold": 0}),
        ("threshold is -1; allowed: a finite number, at least 0", {"threshold": -1}),
        ("test is a list; allowed: (inputs, targets), or the path of an .npz", {"test": [1]}),
        ("port inductive: mass is 1; allowed: at least 10 (no negative momentum)", {"port": Inductive(0.1, 1.0)}),
    ],
)
def test_impossible_settings(words, how):
    engine(words, lambda: learn(**how))


def test_data_that_do_not_fit():
    refuses("targets[5] is label 3; allowed: 0 to 2", lambda: learn(X, [0, 1, 2, 0, 1, 3]))
    refuses("input 'x0': shape is (6, 5); allowed: (4,) or (B, 4)", lambda: learn(np.ones((6, 5)), Y))
    bad = X.copy()
    bad[2, 1] = np.nan
    refuses("input 'x0'", lambda: learn(bad, Y))
    refuses("targets have 5 samples; allowed: 6", lambda: learn(X, np.eye(3)[Y][:5]))
    engine("data have no targets; allowed: targets, an .npz that has them", lambda: learn(X))
    refuses("targets[0] is label 7; allowed: 0 to 2", lambda: learn(test=(X, np.full(6, 7))))


def test_iterators_that_do_not_fit():
    pairs = list(zip(X, Y, strict=True))
    engine("targets are given beside an iterator; allowed: an iterator of (input, target)", lambda: learn(iter(X), Y))
    engine(
        "epochs is 2 but an iterator has none; allowed: samples, or neither",
        lambda: learn(iter(pairs), samples=None, epochs=2),
    )
    refuses("sample 0 of the iterator is a ndarray; allowed: (input, target)", lambda: learn(iter(X)))
    refuses("targets[1] is label 9; allowed: 0 to 2", lambda: learn(iter([pairs[0], (X[1], 9)])))


def test_files_that_do_not_fit(tmp_path):
    missing, text, lacking = (tmp_path / name for name in ("no.npz", "text.npz", "part.npz"))
    text.write_text("not an archive")
    np.savez(lacking, inputs=X)
    refuses(f"file '{missing}' does not exist; allowed: an .npz", lambda: learn(missing), FileFormatError)
    refuses(f"file '{text}' is not an .npz of plain arrays", lambda: learn(text), FileFormatError)
    refuses(f"file '{lacking}' has no array 'targets'; arrays: inputs", lambda: learn(lacking), FileFormatError)


def test_checkpoints_of_another_training_are_refused_and_left_alone(tmp_path):
    path = tmp_path / "run.npz"
    learn(checkpoint_path=path)
    before = path.read_bytes()
    engine(f"checkpoint '{path}' exists already; allowed: resume=True", lambda: learn(checkpoint_path=path))
    other = Network.mlp([RNG.normal(size=(3, 4))], loss="softmax_cross_entropy")
    how = {"samples": 2, "target": "numpy", "checkpoint_path": path, "resume": True}
    engine(f"checkpoint '{path}' is of another network (", lambda: train(other, X, Y, **how))
    scaled = NETWORK.altered(scales={name: (np.ones(4), np.full(4, 2.0)) for name in NETWORK.inputs})
    engine(f"checkpoint '{path}' is of this network without the mean and deviation by which its inputs are standardised, which "
           "checkpoints did not keep before; allowed: what it was made with, or another path",
           lambda: train(scaled, X, Y, **how))  # fmt: skip
    for name, change in {
        "port": {"port": Resistive(0.2)},
        "schedule": {"schedule": "unlocked"},
        "batch": {"batch": 3},
        "law": {"law": None, "hold": None} | {"law": __import__("emulator").Worldsheet(0.9), "hold": 4},
        "hold": {"hold": 9},
        "chunk": {"chunk": 2},
        "seeds": {"seed": 5},
        "wiring": {"wiring": "synapse"},
        "rate_schedule": {"rate_schedule": RateSchedule(3)},
        "threshold": {"threshold": 1e-3},
        "hardware": {"hardware": "loihi2"},
    }.items():
        engine(f"checkpoint '{path}' is of a training with another {name} (", lambda c=change: learn(**how | c))
    engine(f"checkpoint '{path}' is of a training with another data (", lambda: train(NETWORK, X + 1, Y, **how))
    assert path.read_bytes() == before


def test_damaged_checkpoints_are_refused_and_left_alone(tmp_path):
    good, path = tmp_path / "good.npz", tmp_path / "bad.npz"
    learn(checkpoint_path=good)
    content = good.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"hello"):
        path.write_bytes(damaged)
        refuses(
            f"file '{path}' is not a checkpoint or is damaged",
            lambda: learn(checkpoint_path=path, resume=True),
            FileFormatError,
        )
        assert path.read_bytes() == damaged
    np.savez(path, header=np.frombuffer(b"{}", np.uint8))
    refuses(
        f"file '{path}' is not a checkpoint of version 3",
        lambda: learn(checkpoint_path=path, resume=True),
        FileFormatError,
    )
    with np.load(good) as file:
        arrays = dict(file)
    header = arrays.pop("header").tobytes()
    np.savez(path, header=np.frombuffer(header.replace(b'"stale"', b'"stole"'), np.uint8), **arrays)
    refuses(f"checkpoint '{path}' has header keys", lambda: learn(checkpoint_path=path, resume=True), FileFormatError)
    del arrays["state.w"]
    np.savez(path, header=np.frombuffer(header, np.uint8), **arrays)
    refuses(f"checkpoint '{path}' holds ", lambda: learn(checkpoint_path=path, resume=True), FileFormatError)


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ("port resistive: rate is 0; allowed: a finite number and above 0", lambda: Resistive(0)),
        ("port resistive: rate is 'fast'; allowed: a finite number and above 0", lambda: Resistive("fast")),
        ("port resistive: leak is 1; allowed: a finite number and at least 0 and below 1", lambda: Resistive(0.1, 1)),
        ("port inductive: mass is -1; allowed: a finite number and above 0", lambda: Inductive(0.1, -1)),
        ("port gauss-newton: damping is 0.0; allowed: a finite number and above 0", lambda: GaussNewton(0.0)),
        ("port gauss-newton: time_constant is 0.5; allowed", lambda: GaussNewton(1.0, 0.5)),
        ("port gauss-newton: memory is 0; allowed: a finite number and at least 1", lambda: GaussNewton(1.0, 2, 0)),
        ("port newton: damping is 0; allowed: a finite number and above 0", lambda: Newton(0)),
        ("port newton: time_constant is 0.9; allowed: a finite number and at least 1", lambda: Newton(1.0, 0.9)),
        ("port adaptive: rate is 0; allowed: a finite number and above 0", lambda: Adaptive(0)),
        ("port adaptive: memory is 0.5; allowed: a finite number and at least 1", lambda: Adaptive(1.0, 0.5)),
        ("port adaptive: averaging is -1; allowed: a finite number and at least 0", lambda: Adaptive(1.0, 2, -1)),
        ("port adaptive: floor is 0; allowed: a finite number and above 0", lambda: Adaptive(1.0, floor=0)),
        ("port device: w_max is nan; allowed: a finite number", lambda: Device(0.1, Weights(g_max=1e-5), float("nan"))),
        (
            "port device: burst is 17; allowed: whole numbers from 1 to 16",
            lambda: Device(0.1, Weights(g_max=1e-5), 1, 17),
        ),
        ("port device: the hardware's weights are exact numbers; allowed", lambda: Device(0.1, Weights())),
        ("rate schedule: warm_up is -1; allowed: whole numbers from 0", lambda: RateSchedule(-1)),
        ("rate schedule: decay is 4; allowed: a whole number above warm_up (4)", lambda: RateSchedule(4, 4)),
        ("rate schedule: floor is 2; allowed: 0 to 1", lambda: RateSchedule(0, 4, 2)),
    ],
)
def test_ports_and_schedules_check_their_numbers(words, make):
    engine(words, make)


def test_devices_that_cannot_hold_the_network():
    port = Device(0.1, Weights(g_max="20 uS"), w_max=0.01)
    engine("port device: the network's largest weight or bias is ", lambda: learn(port=port))
    engine(
        "port device: its weights are other devices than those of hardware ideal (they differ in g_max, read_noise); "
        "allowed: no weights, for the hardware's own, or hardware whose weights are exact",
        lambda: learn(port=Device(0.1, Weights(g_max="20 uS"), w_max=9.0), hardware=noisy_devices()),
    )
    engine(
        "port device: its weights are other devices than those of hardware loihi2 (they differ in g_max, levels)",
        lambda: learn(port=Device(0.1, Weights(g_max="20 uS"), w_max=9.0), hardware="loihi2"),
    )
    engine("port device: the weights of hardware ideal are exact numbers; allowed", lambda: learn(port=Device(0.1)))
    engine("port device: it has no weights of its own; allowed: with hardware", lambda: Learning(Device(0.1)))
    engine(
        "hardware.noise.node.rms is 0.1; allowed with law bilateral: the ideal value, since a junction of two-way lines is passive",
        lambda: learn(
            port=Device(0.1, w_max=9.0),
            hardware=noisy_devices().replace({"noise.node.rms": 0.1}),
            law=Bilateral(1.0),
            hold=9,
        ),
    )
    old = noisy_devices().replace(
        {
            "weights.fitted_time": 25.0,
            "weights.drift": DRIFT,
            "clock.node_update_interval": 1.0,
            "lines.delay_forward": 1.0,
            "lines.delay_backward": 1.0,
        }
    )
    engine(
        "port device: the training takes 27 s on the substrate, and the drift of its devices is known up to "
        "weights.fitted_time = 25 s; allowed: fewer samples",
        lambda: learn(port=Device(0.1, w_max=9.0), hardware=old, hold=9, samples=3),
    )


DRIFT = {
    "first_reading": 20.0,
    "exponent_mean": {"intercept": 0.05, "floor": 0.0, "ceiling": 1.0},
    "exponent_std": {"intercept": 0.0, "floor": 0.0, "ceiling": 1.0},
}


def noisy_devices():
    spread = {"kind": "polynomial", "coefficients": (1e-7,), "reference": 1e-5}
    return load("ideal").replace({"weights.g_max": 1e-5, "weights.read_noise": spread})


class Own(ParameterPort):
    name = "own"
    conductance = "0.1"


def test_ports_of_ones_own_are_checked():
    class Silent(Own):
        update = "v = 1"

    class Copying(Own):
        variables = ("v",)
        update = "old = v\nv = v + effort\ndw = old"

    engine("port own: the update does not assign dw; allowed: code with a line 'dw = ...'", lambda: Learning(Silent()))

    class Rows(Own):
        crossing, row_code, update = True, "row_train = 1", "dw = 0*effort"

    engine("port own: it has row_code or column_code alone, or is not crossing", lambda: Learning(Rows()))
    engine("port own: 'old = v' is a plain copy, which later changes would reach", lambda: Learning(Copying()))


def test_nothing_is_raised_for_what_is_allowed():
    assert learn(order="replacement", batch=2, evaluate_every=1, test=(X, Y), patience=1).status == "finished"
    with pytest.raises(NetworkError):
        learn(X[:, :2], Y)
