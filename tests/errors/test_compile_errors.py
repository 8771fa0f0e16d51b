"""Every error of the compiler and of compiled graphs, with its words."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from emulator import CompileError, ExportError, Matched, Network, Worldsheet, compile_network
from emulator.laws import LAWS
from hwmodels import HardwareError, HardwareModel, Lines, load
from tests.refusals import refuses

NET = Network.mlp([np.ones((2, 3))])
LINES = "bundle x0->s1.rows[0:3], forward"


def refuses_compile(words: str, **settings: Any) -> None:
    refuses(words, lambda: compile_network(NET, **settings), CompileError)


def ideal(**fields: Any) -> HardwareModel:
    return load("ideal").replace(**fields)


def test_unknown_network() -> None:
    refuses(
        "network is a list; allowed: an emulator.Network",
        lambda: compile_network([1, 2]),  # type: ignore[arg-type]
        CompileError,
    )


def test_unknown_loss() -> None:
    refuses_compile("unknown loss 'msee' (did you mean 'mse'?); allowed: mse, softmax_cross_entropy", loss="msee")


def test_unknown_wiring() -> None:
    refuses_compile("unknown wiring 'tiles' (did you mean 'tile'?); allowed: tile, synapse", wiring="tiles")


def test_unknown_rounding() -> None:
    refuses_compile("unknown rounding 'up'; allowed: error, nearest", rounding="up")


@pytest.mark.parametrize("law", ["matched", Matched])
def test_unknown_law(law: Any) -> None:
    refuses_compile(f"law is {law!r}; allowed: an instance of a law ({', '.join(sorted(LAWS))})", law=law)


@pytest.mark.parametrize("seed", [-1, 1.0, True, None, "3"])
def test_seed(seed: Any) -> None:
    refuses_compile(f"seed is {seed!r}; allowed: whole numbers from 0", seed=seed)


def test_unknown_preset() -> None:
    with pytest.raises(HardwareError, match=r"^idael: is neither a preset nor .*did you mean 'ideal'\?\); allowed: "):
        compile_network(NET, hardware="idael")


@pytest.mark.parametrize("hardware", [3, None, {}])
def test_unknown_hardware(hardware: Any) -> None:
    kind = type(hardware).__name__
    refuses_compile(f"hardware is a {kind}; allowed: a HardwareModel or a preset's name", hardware=hardware)


def test_incomplete_preset() -> None:
    words = (
        r"^hardware model 'sonos-crossbar': not known and must be supplied: "
        r"clock.node_update_interval, lines.delay_forward \(in one go: --set "
    )
    with pytest.raises(HardwareError, match=words):
        compile_network(NET, hardware="sonos-crossbar")


def test_delay_finer_than_the_clock() -> None:
    refuses_compile(
        f"{LINES}: delay 4e-10 s is finer than the clock; allowed: at least one node update interval of 1e-09 s "
        "(or rounding='nearest')",
        hardware=ideal(lines__delay_forward=0.4e-9),
    )


def test_delay_not_in_whole_steps() -> None:
    refuses_compile(
        f"{LINES}: delay 2.4e-09 s of line 0 is not a whole number of steps of 1e-09 s; allowed: whole multiples "
        "(or rounding='nearest', which reports the largest change)",
        hardware=ideal(lines__delay_forward=2.4e-9),
    )


def test_backward_delay_not_in_whole_steps() -> None:
    refuses_compile(
        "bundle s1->x1.in[0:2], backward: delay 1.5e-09 s of line 0 is not a whole number of steps",
        hardware=ideal(lines__delay_backward=1.5e-9),
    )


def test_delay_longer_than_can_be_counted() -> None:
    for rounding in ("error", "nearest"):
        refuses_compile(
            f"{LINES}: delay 10 s; allowed: finite, not negative, at most 2147483647 steps",
            hardware=ideal(lines__delay_forward=10.0),
            rounding=rounding,
        )


@pytest.mark.parametrize(("delay", "shown"), [(-1e-9, "-1e-09"), (np.nan, "nan"), (np.inf, "inf")])
def test_impossible_delay(monkeypatch: pytest.MonkeyPatch, delay: float, shown: str) -> None:
    drawn = SimpleNamespace(delay_forward=np.array([1e-9, delay, 1e-9]), delay_backward=np.full(3, 1e-9))
    monkeypatch.setattr(Lines, "sample", lambda *_: drawn)
    refuses_compile(f"{LINES}: delay {shown} s; allowed: finite, not negative, at most 2147483647 steps")


def test_nearest_reports_the_largest_change() -> None:
    graph = compile_network(NET, hardware=ideal(lines__delay_forward=2.4e-9), rounding="nearest")
    assert graph.notes == ("line delays rounded to whole steps of 1 ns, by at most 400 ps",)
    assert graph.notes[0] in graph.summary()


def test_missing_update_interval() -> None:
    model = load("ideal")
    unclocked = model.model_copy(update={"clock": model.clock.model_copy(update={"node_update_interval": None})})
    words = "hardware.clock.node_update_interval is missing; allowed: a time above 0 s"
    refuses_compile(words, hardware=unclocked)


def test_unknown_site() -> None:
    refuses(
        "no site 'x1s' (did you mean 'x1'?); allowed: x1, x0", lambda: compile_network(NET).site("x1s"), CompileError
    )


def test_picture_of_unknown_format(tmp_path) -> None:
    path = tmp_path / "graph.bmpp"
    refuses(f"file '{path}': no picture format 'bmpp'", lambda: compile_network(NET).draw(path), ExportError)
    nameless = tmp_path / "graph"
    refuses(
        f"file '{nameless}': no picture format ''; allowed: ",
        lambda: compile_network(NET).draw(nameless, Figure().add_subplot()),
        ExportError,
    )
    assert list(tmp_path.iterdir()) == []


def test_json_of_a_law_with_parameters_that_are_no_numbers(tmp_path) -> None:
    class Odd(Worldsheet):
        parameters = {"beta": float("nan"), "gamma": 0.0}  # type: ignore[assignment]

    graph = dataclasses.replace(compile_network(NET), law=Odd(name="odd"))
    words = "law odd: beta is nan; allowed in JSON: finite numbers"
    refuses(words, lambda: graph.to_json(tmp_path / "graph.json"), ExportError)
    assert list(tmp_path.iterdir()) == []
