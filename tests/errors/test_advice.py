"""Advice in the form that its reader can use, keys of hardware files in the wrong place, and what is told while one waits."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import ControlProblem, Network, compile_network, settle, solve
from emulator.cli import app
from emulator.commands.console import TimeLeft
from emulator.errors import CompileError, HardwareError
from emulator.options import HoldOptions
from emulator.scenario import load_scenario
from emulator.scenario.build import prepare
from hwmodels import HardwareModel
from tests.refusals import refuses
from tests.support.clock import Clock

NETWORK = Network.mlp([np.ones((2, 3))], loss="softmax_cross_entropy")


def said(*words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, list(words))
    return answer.exit_code, " ".join(answer.output.split())


class TestRounding:
    """Delays that are no whole steps may be rounded, which Python, files and the command line write in other ways."""

    def _refusal(self) -> CompileError:
        odd = HardwareModel.from_dict({"clock": {"node_update_interval": "1 ns"}, "lines": {"delay_forward": "1.5 ns"}})
        with pytest.raises(CompileError) as caught:
            compile_network(NETWORK, hardware=odd)
        assert compile_network(NETWORK, hardware=odd, rounding="nearest").notes  # as the message says
        return caught.value

    def test_in_python(self) -> None:
        error = self._refusal()
        assert str(error).endswith("whole multiples (or rounding='nearest', which reports the largest change)")
        assert str(pickle.loads(pickle.dumps(error))) == str(error)

    def test_in_a_file_and_on_the_command_line(self) -> None:
        odd = "hardware.lines.delay_forward=1.5 ns"
        with pytest.raises(CompileError) as caught:
            prepare(load_scenario("unstable", [odd]))
        assert "(or substrate.rounding = 'nearest', which" in str(caught.value)
        status, words = said("run", "unstable", "--set", odd)
        assert status == 2 and "(or --set substrate.rounding=nearest, which" in words

    def test_delays_below_a_step(self) -> None:
        status, words = said("inspect", "unstable", "--set", "hardware.lines.delay_forward=0.1 ns")
        assert status == 2 and words.endswith("(or --set substrate.rounding=nearest)")


class TestBase:
    """`base` belongs at the top of a hardware file."""

    @pytest.mark.parametrize("table", ["lines", "hardware", "weights.update"])
    def test_inside_a_table(self, tmp_path, table: str) -> None:
        path = tmp_path / "mine.toml"
        path.write_text(f'name = "mine"\n[{table}]\nbase = "sfq"\n')
        refuses(
            f"mine.toml: {table}.base: stands inside a table; allowed: base at the top of the file, before its first table",
            lambda: HardwareModel.from_toml(path),
            HardwareError,
        )

    def test_misspelt(self, tmp_path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text('bas = "sfq"\n')
        with pytest.raises(
            HardwareError, match=r"mine.toml: bas: unknown field \(did you mean 'base'\?\); allowed: base, name"
        ):
            HardwareModel.from_toml(path)

    @pytest.mark.parametrize("key", ["hardware.base", "hardware.lines.base"])
    def test_in_a_scenario(self, key: str) -> None:
        status, words = said("run", "digits", "--set", f"{key}=sfq")
        assert status == 2
        assert f"{key} is a key of hardware files, at their top; allowed here: hardware.model" in words

    def test_unknown_fields_of_files_name_the_nearest(self, tmp_path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text("[lines]\njiter = 1\n")
        with pytest.raises(
            HardwareError, match=r"mine.toml: lines.jiter: unknown field \(did you mean 'lines.jitter'\?\)"
        ):
            HardwareModel.from_toml(path)


def test_labels_may_be_of_any_kind_of_number() -> None:
    inputs, graph = np.random.default_rng(0).normal(size=(3, 3)), compile_network(NETWORK)
    kinds = [[1, 0, 1], [True, False, True], [1.0, 0.0, 1.0]]
    gradients = [settle(graph, inputs, one, target="numpy").gradients["s1"].weight for one in kinds]
    assert all(np.array_equal(one, gradients[0]) for one in gradients)


def test_labels_between_classes_are_refused() -> None:
    words = "targets[0] is 0.5; allowed: the whole number of a class, or a row of 2 probabilities"
    refuses(words, lambda: settle(compile_network(NETWORK), np.ones((1, 3)), [0.5]))


def test_a_file_as_the_network_of_a_bundled_scenario(tmp_path) -> None:
    assert said("run", "digits", "--set", "network.source=file") == (
        2, "backwave: error: scenario 'digits': network.path is missing; it must be given"
    )  # fmt: skip


def test_the_page_of_a_report_ends_in_html(tmp_path) -> None:
    assert "ending in .html" in said("report", "--help")[1]


def test_results_are_named_with_what_shows_them(tmp_path) -> None:
    (tmp_path / "results.json").write_text("{}")
    status, words = said("report", str(tmp_path))
    assert status == 2 and "holds results of a run, which belongs in backwave view" in words


class TestTimeLeft:
    """How long it still takes is not guessed from the first moments."""

    def _told(self, *seen: tuple[float, float | None]) -> list[str]:
        clock, told = Clock(), []
        left = TimeLeft(clock)
        for seconds, fraction in seen:
            clock.now = 100.0 + seconds
            left.saw(fraction)
            told.append(str(left))
        return told

    def test_neither_at_once_nor_from_next_to_nothing(self) -> None:
        assert self._told((0, 0.0), (1, 0.2), (2.9, 0.001)) == ["", "", ""]
        assert self._told((0, 0.0), (10, 0.005), (20, 0.5)) == ["", "", "0:00:20 left"]

    def test_of_long_work_sooner_than_a_hundredth(self) -> None:
        assert self._told((0, 0.0), (40, 0.005))[1] == "2:12:40 left"

    def test_it_counts_down_between_shares(self) -> None:
        clock = Clock()
        left = TimeLeft(clock)
        left.saw(0.0)
        clock.now += 10
        left.saw(0.5)
        clock.now += 4
        assert str(left) == "0:00:06 left"


def test_an_lqr_does_not_announce_the_time_of_all_the_updates_that_it_may_take() -> None:
    told: list[float] = []
    problem = ControlProblem(
        dynamics={"x": "u1"}, running_cost="0.5*(x**2 + u1**2)", terminal_cost="x**2", x0=[1], horizon=1, steps=3
    )
    run = HoldOptions(target="numpy")
    found = solve(problem, updates=100_000, tolerance=1e-6, run=run, progress=lambda _, share: told.append(share))
    assert found.solved and found.updates < 1000 and max(told) > 0.9 and all(0 <= share <= 1 for share in told)
