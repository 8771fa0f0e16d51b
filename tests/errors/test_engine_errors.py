"""One clear sentence for every impossible setting of a run."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import CompileError, EngineError, Matched, Network, NetworkError, Worldsheet, compile_network, settle
from emulator.engine import standalone
from tests.refusals import refuses


@pytest.fixture
def graph():
    return compile_network(Network.mlp([np.eye(2)]))


X = np.ones((1, 2))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"hold": 3, "hold_seconds": 1e-9}, "hold and hold_seconds are both given; allowed: one of them"),
        ({"hold": 0}, "hold is 0; allowed: a finite number above 0"),
        ({"hold": float("nan")}, "hold is nan; allowed: a finite number above 0"),
        ({"hold_seconds": -1e-9}, "hold_seconds is -1e-09; allowed: a finite number above 0"),
        ({"threshold": -1e-3}, "threshold is -0.001; allowed: a finite number, at least 0"),
        ({"tolerance": 0.0}, "tolerance is 0.0; allowed: above 0 and below 1"),
        ({"seed": -1}, "seed is -1; allowed: whole numbers from 0"),
        ({"seed": 1.5}, "seed is 1.5; allowed: whole numbers from 0"),
        ({"target": "cuda"}, "unknown target 'cuda'; allowed: auto, numpy, cython, standalone"),
    ],
)
def test_settings_of_a_run(graph, setting, words):
    refuses(words, lambda: settle(graph, X, **setting), EngineError)


def test_data_that_do_not_fit(graph):
    refuses(
        "input 'x0': shape is (1, 3); allowed: (2,) or (B, 2)", lambda: settle(graph, np.ones((1, 3))), NetworkError
    )
    refuses("targets have 2 samples; allowed: 1", lambda: settle(graph, X, np.ones((2, 2))), NetworkError)
    with pytest.raises(NetworkError, match="nan"):
        settle(graph, np.array([[np.nan, 1.0]]))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Worldsheet(beta=-0.1), "law worldsheet: beta is -0.1; allowed: 0 to 2"),
        (lambda: Worldsheet(gamma=-1), "law worldsheet: gamma is -1; allowed: at least 0"),
        (lambda: Worldsheet(impedance=0), "law worldsheet: impedance is 0; allowed: above 0"),
        (lambda: Worldsheet(beta=float("inf")), "law worldsheet: beta is inf; allowed: a finite number"),
        (lambda: Worldsheet(beta="1"), "law worldsheet: beta is '1'; allowed: a finite number"),
        (lambda: Matched(beta=0.5), "law matched: beta is 0.5 and gamma 0.0; allowed: beta = 1, gamma = 0"),
    ],
)
def test_laws(make, words):
    refuses(words, make, CompileError)


def test_no_compiler(graph, monkeypatch, tmp_path):
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(standalone.shutil, "which", lambda name: None)
    refuses(
        "target standalone needs a C++ compiler and found none; allowed: install g++, or target='numpy'",
        lambda: settle(graph, X, target="standalone"),
        EngineError,
    )
    assert not any(path.is_dir() for path in (tmp_path / "programs").iterdir())


def test_a_program_that_fails_says_what_it_said(tmp_path):
    (tmp_path / "main").write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    (tmp_path / "main").chmod(0o755)
    (tmp_path / "manifest.json").write_text('{"inputs": {}, "outputs": {}}')
    refuses(
        f"the compiled program in {tmp_path} failed with status 3: out of luck",
        lambda: standalone.Program(tmp_path, 0.0).run({}, np.zeros((1, 1))),
        EngineError,
    )


def test_a_device_of_another_simulation_is_left_alone(graph):
    from brian2 import device, get_device, set_device

    previous = get_device()
    set_device("cpp_standalone", build_on_run=False, directory=None)
    try:
        refuses(
            "brian2 is set to a device of another simulation", lambda: settle(graph, X, target="numpy"), EngineError
        )
    finally:
        device.reinit()
        device.activate()
        set_device(previous)
