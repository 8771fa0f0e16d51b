"""Every error of the bilateral law and of substrates of two-way lines, with its words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emulator import Bilateral, CompileError, EngineError, Network, SeriesRC, Upwind, compile_network, settle
from emulator.families.bilateral import lay_out
from hwmodels import load
from tests.refusals import refuses

NET = Network.mlp([np.ones((2, 3))])


def refuses_law(words: str, **settings: Any) -> None:
    refuses(words, lambda: Bilateral(**settings), CompileError)


@pytest.mark.parametrize("field", ["impedance", "kappa", "taper"])
@pytest.mark.parametrize("value", [0, -1.0])
def test_positive(field: str, value: float) -> None:
    refuses_law(f"law bilateral: {field} is {value!r}; allowed: above 0", **{field: value})


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), "1"])
def test_numbers(value: Any) -> None:
    refuses_law(f"law bilateral: impedance is {value!r}; allowed: a finite number", impedance=value)


@pytest.mark.parametrize("value", [0.0, 1.2])
def test_bandwidth(value: float) -> None:
    refuses_law(f"law bilateral: bandwidth is {value!r}; allowed: above 0, at most 1", bandwidth=value)


def test_source_resistance() -> None:
    refuses_law("law bilateral: source_resistance is -0.1; allowed: at least 0", source_resistance=-0.1)
    assert Bilateral(source_resistance=0).source_resistance == 0


def test_taper() -> None:
    refuses_law("law bilateral: taper is 'match'; allowed: a finite number or 'matched'", taper="match")


def test_terminations() -> None:
    refuses_law("law bilateral: far_end is 3; allowed: SeriesRC, its fields, or None", far_end=3)
    refuses_law(
        "law bilateral: far_end has no field 'resitance' (did you mean 'resistance'?); allowed: resistance, ",
        far_end={"resitance": 1.0},
    )
    refuses_law("law bilateral: source_end: inductance is 0; allowed: above 0", source_end={"inductance": 0})
    assert Bilateral(far_end={"resistance": 1}).far_end == SeriesRC(1.0, 3.0)


def test_synapse_wiring() -> None:
    refuses(
        "law bilateral: wiring is 'synapse'; allowed: tile, one two-way line per neuron, since lines of single weights would "
        "stand in series at a neuron, and their impedances add up",
        lambda: compile_network(NET, law=Bilateral(1.0), wiring="synapse"),
        CompileError,
    )


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("lines.jitter", 1e-10, "a two-way line carries its waves in order, one at every step: a wave that is late makes all after it "
         "late, which is a longer line; law matched or worldsheet "),
        ("noise.node.rms", 0.1, "a junction of two-way lines is passive, and has no driver that could be noisy; law matched or "),
    ],
)  # fmt: skip
def test_hardware_that_two_way_lines_do_not_know(path: str, value: float, why: str) -> None:
    graph = compile_network(NET, law=Bilateral(1.0), hardware=load("ideal").replace({path: value}))
    refuses(
        f"hardware.{path} is {value!r}; allowed with law bilateral: the ideal value, since {why}",
        lambda: settle(graph, np.ones((1, 3)), np.ones((1, 2)), target="numpy"),
        EngineError,
    )


def test_lines_of_one_way() -> None:
    graph = compile_network(NET)
    refuses(
        "scattering of law matched: it has no junctions; allowed: law bilateral",
        lambda: lay_out(graph),
        EngineError,
    )


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("nu is 0; allowed: above 0, at most 1", {"nu": 0}),
        ("nu is 1.5; allowed: above 0, at most 1", {"nu": 1.5}),
        ("impedance is -1.0; allowed: above 0", {"impedance": -1.0}),
        ("kappa is 'x'; allowed: a finite number", {"kappa": "x"}),
        ("kappa is None; allowed: a finite number", {"kappa": None}),
    ],
)
def test_upwind(words: str, settings: dict[str, Any]) -> None:
    refuses(f"law upwind: {words}", lambda: Upwind(**settings), CompileError)
