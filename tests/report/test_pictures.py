"""Every picture of the product: named axes, named substrate, data in every panel, series that are told apart, axes that end with the data."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from emulator import Bilateral, ControlProblem, Network, SettleResult, Worldsheet, compile_network, settle, solve
from emulator.control.exact import optimum
from emulator.experiments.atlas.cells import Cell, Map
from emulator.experiments.atlas.figure import COSINE, ERROR, maps_figure, times_figure
from emulator.experiments.claims.base import Curve, Panel
from emulator.experiments.claims.figure import draw_panel
from emulator.experiments.comparison.figure import comparison_figure
from emulator.experiments.comparison.outcome import Outcome
from emulator.experiments.control.figure import control_figure, descent_figure, filling_figure
from emulator.experiments.depth.curves import Point
from emulator.experiments.depth.figure import depth_figure
from emulator.experiments.precision import curves as precise
from emulator.experiments.precision.figure import precision_figure
from emulator.experiments.technologies.figure import technologies_figure
from emulator.experiments.technologies.result import TechnologyResult
from emulator.options import HoldOptions
from emulator.report.pictures import OVERVIEWS, RECORDINGS, TWO_WAY
from emulator.report.style import letters, name_substrate, new_figure, series
from emulator.report.training import training_figure
from emulator.study.report import figures as studied
from emulator.study.report.quantities import Quantity
from emulator.study.summary import Band
from emulator.training.history import History
from tests.substrate import delays
from tests.support.figures import faults


@cache
def run(kind: str) -> SettleResult:
    """Recorded runs: one that settles as its waves land, one that grows, one on two-way lines."""
    draws = np.random.default_rng(1)
    scale = 2.0 if kind == "grows" else 1.0
    network = Network.mlp([scale * draws.normal(size=(6, 4)) / 2, scale * draws.normal(size=(2, 6)) / 2])
    law = {"grows": Worldsheet(beta=0.5, gamma=0.3), "two-way": Bilateral()}.get(kind)
    graph = compile_network(network, hardware=delays(1, 3), law=law)
    data = draws.normal(size=(3, 4)), draws.normal(size=(3, 2))
    return settle(graph, *data, target="numpy", traces=True, hold=None if kind == "settles" else 60)


@pytest.mark.parametrize(
    "kind", ["settles", *(pytest.param(one, marks=pytest.mark.slow) for one in ("grows", "two-way"))]
)
def test_pictures_of_a_run(kind: str) -> None:
    result = run(kind)
    some = replace(result, settling_steps=np.array([4, 9, 9]), settled=np.ones(3, bool))
    pictures = [(draw, result) for draw in (OVERVIEWS | RECORDINGS | (TWO_WAY if kind == "two-way" else {})).values()]
    for draw, of in [*pictures, *((draw, some) for draw in OVERVIEWS.values())]:
        assert faults(name_substrate(draw(of), of.graph, "a scenario")) == [], draw


def test_a_training_is_shown_from_its_beginning() -> None:
    history = History()
    ends = (100, 200, 300)
    for k, samples in enumerate((0, *ends)):
        history.add(samples=float(samples), loss=np.nan if k == 0 else 1.0 / k, accuracy=np.nan if k == 0 else 0.3 * k, test_loss=2.0 / (k + 1),
                    test_accuracy=0.25 * k, absorbed=0.4 / (k + 1), available=0.1 / (k + 1), reflected=0.0)  # fmt: skip
    result = SimpleNamespace(history=history, status="finished", hold=4, step=1e-9, samples=300)
    figure = training_figure(result, "a scenario")
    assert faults(figure, substrate=False) == []
    for axes in figure.axes[:3]:
        assert axes.get_xlim() == (0, 300) and min(line.get_xdata()[0] for line in axes.lines) == 0
        assert axes.lines[0].get_xdata()[0] == 0 and axes.lines[0].get_ydata()[0] == axes.lines[0].get_ydata()[1]


@pytest.mark.slow
def test_pictures_of_experiments() -> None:
    draws = np.random.default_rng(0)
    bits, rms = np.arange(4.0, 9.0), np.logspace(-6, -1, 5)
    errors = [precise.Curve(x, *(10.0**-k / x for k in range(3))) for x in (bits, bits, rms)]
    technologies = [
        TechnologyResult("ideal", (), "", 10, 10, 1.0, 0, 0, 1e-14, 1.0, 4e-9, 6, 2e-9),
        TechnologyResult("photonics", (), "", 10, 0, 0.97, 0.1, 0.1, 0.3, 0.9, None, None, None),
        TechnologyResult("cmos", ("lines.delay_forward",), ""),
    ]
    outcomes = [
        Outcome("descent", None, (0.97, 0.98), (), True), Outcome("pipelined", None, (0.9, 0.91), (), True),
        *(Outcome(f"hold {x}", float(x), tuple(0.9 + 0.01 * draws.random(2)), (), False) for x in (4, 8, 16)),
    ]  # fmt: skip
    points = [Point(f"curve {k}", depth, 10.0 * depth * (k + 1), 10.0 * depth * (k + 1), 0.0, True)
              for k in range(3) for depth in (1, 2, 4, 8)]  # fmt: skip
    axes = Map("digits, worldsheet", "relaxation beta", "scattering gamma", ("0.1", "0.5"), ("0", "0.2"))
    cells = [
        Cell("m", c, r, 100, 0.5 + r, 50.0 + 20 * c, not (r and c), 60.0, 2.0, 0.1, 0.9, 0.1)
        for c in (0, 1)
        for r in (0, 1)
    ]
    maps = [(replace(axes, name=f"map {k}"), cells) for k in range(9)]
    drawn: list[Figure] = [
        precision_figure(precise.PrecisionStudy(*errors, floor=1e-3), "title"),
        technologies_figure(technologies, "title"),
        comparison_figure(outcomes, "title", "hold (transits)"),
        depth_figure(points, "title"),
        *(maps_figure(maps, 0.2, "title", shade) for shade in (ERROR, COSINE)),
        maps_figure(maps, 0.2, "title"),
        times_figure(maps, 0.2),
    ]
    for figure in drawn:
        assert faults(figure, substrate=False) == [], figure.get_suptitle()


@pytest.mark.parametrize("points", [True, False])
def test_panels_of_claims_and_questions(points: bool) -> None:
    x = [float(k) for k in range(20)]
    curves = [Curve(x, [k + value for value in x], f"measured {k}") for k in range(3)]
    curves += [Curve(x, [k + value for value in x], f"expected {k}", expected=True) for k in range(2)]
    with letters():
        figure = new_figure("law and hardware")
        draw_panel(figure.subplots(), Panel("time (steps)", "energy", tuple(curves), points=points))
        assert faults(figure) == []


def test_pictures_of_a_control_problem() -> None:
    problem = ControlProblem(dynamics={"x": "y", "y": "u1"}, running_cost="0.5*(x**2 + u1**2)", terminal_cost="x**2 + y**2",
                             x0=[1, 0], horizon=2, steps=4)  # fmt: skip
    solved = solve(problem, tolerance=1e-4, run=HoldOptions(target="numpy"))
    laws, best = [(solved.graph.law, solved)], optimum(problem, linear=True)
    for figure in (
        control_figure(problem, laws, best, "title"),
        descent_figure(problem, laws, best, "title"),
        filling_figure(solved, "title"),
    ):
        assert faults(figure) == []


def test_pictures_of_studies() -> None:
    x, what = np.array([0.1, 0.2, 0.3]), Quantity("accuracy", "accuracy", "%")
    band = Band(*(np.array([0.9, 0.99, 1.0]) + shift for shift in (-0.01, 0.0, 0.0)), *np.ones((2, 3), int))
    drawn = [studied.Curve(f"chip {k}", x, band) for k in range(7)]
    along = Quantity("noise", "noise of receivers", "V")
    figure = studied.curves(along, what, drawn, [0.95], "chips")
    assert faults(figure, substrate=False) == []
    assert figure.axes[0].get_ylim()[1] <= 1.0
    assert faults(studied.histogram(np.linspace(0.5, 1, 30), what), substrate=False) == []
    bars = studied.bars(["sfq", "pcm"], np.array([0.5, 1.0]), np.array([0.4, 0.9]), np.array([0.6, 1.0]), what)
    assert faults(bars, substrate=False) == [] and bars.axes[0].get_xlim()[1] <= 1.0


def test_curves_that_coincide_are_all_seen() -> None:
    x, what, along = np.array([1.0, 2.0, 3.0]), Quantity("accuracy", "accuracy", "%"), Quantity("bits", "bits", "")
    heights = ([0.1, 0.5, 0.9], [0.1, 0.5, 0.8], [0.3, 0.4, 0.9])
    drawn = [
        studied.Curve(f"chip {k}", x, Band(*np.array([h] * 3), *np.ones((2, 3), int))) for k, h in enumerate(heights)
    ]
    widths = [line.get_linewidth() for line in studied.curves(along, what, drawn, [], "chips").axes[0].lines]
    assert widths[0] > widths[1] + 1 and widths[1] == widths[2]


def test_depths_that_do_not_settle_have_a_mark() -> None:
    points = [
        Point("curve", depth, 4.0 * depth, 4.0 * depth if depth < 8 else np.inf, 0.0, True) for depth in (2, 4, 8)
    ]
    figure = depth_figure(points, "title")
    assert faults(figure, substrate=False) == []
    late = [line for line in figure.axes[0].lines if line.get_fillstyle() == "none"]
    assert [list(line.get_xdata()) for line in late] == [[8], []]
    assert late[1].get_label() == "not within the horizon"
    assert all(line.get_label() != "not within the horizon" for line in depth_figure(points[:2], "title").axes[0].lines)


def test_a_panel_says_which_series_has_no_value_and_counts_in_whole_numbers() -> None:
    axes = Figure().subplots()
    found = (Curve([4, 8], [1, 2], "a"), Curve([4, 8], [np.nan, np.nan], "b"))
    draw_panel(axes, Panel("depth (layers)", "steps", found))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b: none"]
    assert all(tick == int(tick) for tick in axes.get_xticks())


def test_nine_series_differ() -> None:
    looks = [series(k) for k in range(16)]
    assert len({(one.color, one.marker) for one in looks}) == len({(one.color, one.linestyle) for one in looks}) == 16


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda axes: axes.set_xlabel(""), "the x axis has no name"),
        (lambda axes: axes.set(ylabel="share (%)", ylim=(0, 102)), "the y axis of percents goes from 0 to 102"),
        (lambda axes: axes.plot([0, 1], [1, 2], "b-s", label="c"), "'a' and 'c' look alike"),
        (lambda axes: axes.plot([0, 1], [1, 2], "r-s", label="c"), "'a' and 'c' differ in colour alone"),
        (lambda axes: axes.plot([0, 1], [1, 2], "r:^", label="a"), "an entry stands there twice"),
        (lambda axes: axes.plot([0, 1], [1, 2], "r:^", label=" "), "an entry without a text"),
        (lambda axes: axes.set_xlim(-3, 3), "the x axis goes from -3 to 3, the data from 0 to 1"),
        (lambda axes: axes.clear(), "no data"),
        (lambda axes: axes.figure.suptitle("nothing"), "does not name the law"),
    ],
)
def test_faults_are_found(harm, words: str) -> None:
    figure = new_figure("law matched, hardware ideal")
    axes = figure.subplots()
    axes.set(xlabel="time (s)", ylabel="state")
    axes.plot([0, 0.5, 1], [1, 2, 3], "b-s", label="a")
    assert faults(figure) == []
    harm(axes)
    axes.legend(*axes.get_legend_handles_labels())
    assert words in " ".join(faults(figure))
