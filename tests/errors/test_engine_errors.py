"""One clear sentence for every impossible setting of a run."""

from __future__ import annotations

import os
import shutil
import sys

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


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path / "cache"))
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    yield
    assert not (tmp_path / "cache").exists()


def only(folder, *tools):
    """A folder with nothing but links to these tools, to be the whole PATH."""
    for tool in tools:
        (folder / tool).symlink_to(shutil.which(tool))
    return str(folder)


def test_no_compiler(graph, monkeypatch, tmp_path, no_cache):
    monkeypatch.setenv("PATH", str(tmp_path))
    for target in ("standalone", "cython"):
        refuses(
            f"target {target} needs a C++ compiler and found none; allowed: install g++, or target='numpy'",
            lambda target=target: settle(graph, X, target=target),
            EngineError,
        )
    assert settle(graph, X).target == "numpy"


def test_no_make(graph, monkeypatch, tmp_path, no_cache):
    monkeypatch.setenv("PATH", only(tmp_path, "g++", "as"))
    refuses(
        "target standalone needs make and found none; allowed: install make, or target='numpy'",
        lambda: settle(graph, X, target="standalone"),
        EngineError,
    )


@pytest.mark.parametrize(("name", "target"), [("CXX", "standalone"), ("CXX", "cython"), ("CC", "cython")])
@pytest.mark.parametrize("value", ["no-such-compiler", "ls", "'"])
def test_a_compiler_that_is_none(graph, monkeypatch, no_cache, name, target, value):
    monkeypatch.setenv(name, value)
    refuses(
        f"{name} is {value!r}, which is no {'C++' if name == 'CXX' else 'C'} compiler that can be run",
        lambda: settle(graph, X, target=target),
        EngineError,
    )


def test_flags_that_cannot_be_read(graph, monkeypatch, no_cache):
    monkeypatch.setenv("BACKWAVE_CXXFLAGS", "-O1 'x")
    refuses(
        'BACKWAVE_CXXFLAGS is "-O1 \'x": No closing quotation', lambda: settle(graph, X, target="cython"), EngineError
    )


def test_a_compiler_that_fails_is_quoted_and_silences_nobody_else(graph, monkeypatch, tmp_path):
    streams = []

    def make(command, folder):
        streams.append((sys.stdout, sys.stderr, os.fstat(1).st_ino, os.fstat(2).st_ino))
        return 2, "a.cpp:3: in words\na.cpp:4: error: no such thing \nmake: Error 1\n"

    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(standalone, "ensure_right", lambda *_: None)
    monkeypatch.setattr(standalone, "make_arguments", lambda cache: [])
    monkeypatch.setattr(standalone, "output_of", make)
    refuses(
        "compiling the substrate failed: a.cpp:4: error: no such thing",
        lambda: settle(graph, X, target="standalone"),
        EngineError,
    )
    assert (
        streams == [(sys.stdout, sys.stderr, os.fstat(1).st_ino, os.fstat(2).st_ino)] * 2
    )  # joined, and piece by piece


def test_a_program_that_fails_says_what_it_said(tmp_path):
    (tmp_path / "main").write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    (tmp_path / "main").chmod(0o755)
    refuses(
        f"the compiled program in {tmp_path} failed with status 3: out of luck",
        lambda: standalone.Program(tmp_path, 0.0, {"inputs": {}, "outputs": {}}).run({}, np.zeros((1, 1))),
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
