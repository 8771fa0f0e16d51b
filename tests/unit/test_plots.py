"""Pictures: axes with units, and in them the data they were given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from emulator import Network, SettleResult, Worldsheet, compile_network, reference, settle
from emulator.errors import EngineError
from emulator.report import draw_pictures, event_raster, settling_curve, settling_times, worldsheet
from emulator.report.raster import port_heights
from emulator.report.samples import deviation, sample_trace
from emulator.report.settling import FLOOR
from emulator.report.style import TimeUnit, name_substrate, time_unit
from emulator.report.worldsheet import heat_image
from tests.substrate import delays

NS = 1e-9


@pytest.fixture(scope="module")
def traced() -> SettleResult:
    """Three samples on unequal lines, longer backward than forward."""
    draws = np.random.default_rng(3)
    net = Network.mlp([draws.normal(size=(5, 3)), draws.normal(size=(2, 5))])
    graph = compile_network(net, hardware=delays(1, 3, backward=(2, 6)), seed=1)
    return settle(graph, draws.normal(size=(3, 3)), draws.normal(size=(3, 2)), target="numpy", traces=True)


@pytest.fixture(scope="module")
def inference(traced: SettleResult) -> SettleResult:
    draws = np.random.default_rng(4)
    return settle(traced.graph, draws.normal(size=(2, 3)), target="numpy", traces=True)


def titles(axes: Axes) -> tuple[str, str]:
    return axes.get_xlabel(), axes.get_ylabel()


def top_label(axes: Axes) -> str:
    return next(child.get_xlabel() for child in axes.child_axes)


def letters_stay_apart(figure: Figure) -> None:
    """No two axis labels, titles or legends lie on top of each other."""
    figure.draw_without_rendering()
    boxes = [figure._suptitle.get_window_extent()] if figure._suptitle else []
    for axes in figure.axes:
        for holder in (axes, *axes.child_axes):
            boxes += [
                label.get_window_extent() for label in (holder.xaxis.label, holder.yaxis.label) if label.get_text()
            ]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    assert boxes and not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    page = figure.bbox
    assert all(page.x0 <= b.x0 and b.x1 <= page.x1 and page.y0 <= b.y0 and b.y1 <= page.y1 for b in boxes)


@pytest.mark.parametrize(
    ("span", "unit"),
    [
        (21e-9, TimeUnit(1e-9, "ns")),
        (1.9e-6, TimeUnit(1e-9, "ns")),
        (2e-6, TimeUnit(1e-6, "µs")),
        (5.0, TimeUnit(1.0, "s")),
        (1e-16, TimeUnit(1e-15, "fs")),
    ],
)
def test_time_unit(span: float, unit: TimeUnit) -> None:
    assert time_unit(span) == unit


def test_deviation_is_relative_to_the_row(traced: SettleResult) -> None:
    graph = traced.graph
    values, rest = np.zeros((2, graph.neurons)), np.zeros(graph.neurons)
    rest[:3] = values[1, :3] = [1.0, -4.0, 2.0]
    got = deviation(graph, values, rest)
    assert np.array_equal(got[0, :3], [0.25, 1.0, 0.5]) and not got[1].any() and not got[0, 3:].any()
    values[0, 5] = np.inf
    assert np.isnan(deviation(graph, values, rest)[0, 5])


def test_sample_is_cut_from_the_recording(traced: SettleResult) -> None:
    assert traced.traces is not None
    hold, trace = traced.hold, sample_trace(traced, 1)
    assert trace.seconds[-1] == pytest.approx((hold - 1) * NS)
    x = traced.traces.x[hold : 2 * hold]
    assert trace.state[2, 4] == pytest.approx(abs(x[2, 4] - x[-1, 4]) / np.abs(x[-1, 3:8]).max())  # at rest
    own = (traced.traces.step >= hold) & (traced.traces.step < 2 * hold)
    assert np.array_equal(trace.port, traced.traces.port[own]) and len(trace.port) > 0
    assert trace.event_seconds.max() <= trace.seconds[-1]


def test_settling_curve_shows_worst_and_median(traced: SettleResult) -> None:
    figure = settling_curve(traced)
    above, below = figure.axes
    assert titles(below) == (
        "time since the sample was presented (ns)",
        "distance of costates from rest\n(relative to their row)",
    )
    assert above.get_ylabel() == "distance of states from rest\n(relative to their row)"
    assert top_label(above) == "transits (mean line delays)" and above.get_yscale() == "log"
    trace = sample_trace(traced, 2)
    for axes, values in ((above, trace.state[:, 3:]), (below, trace.costate)):
        worst, median = axes.lines[4], axes.lines[5]  # two lines per sample
        assert np.allclose(worst.get_ydata()[:-1], np.maximum(values.max(axis=1), FLOOR))
        assert np.allclose(median.get_ydata()[:-1], np.maximum(np.median(values, axis=1), FLOOR))
        assert np.allclose(worst.get_xdata()[:-1], trace.seconds / NS)
    for axes, last in ((above, traced.graph.arrival.state), (below, traced.graph.arrival.costate)):
        arrival, tolerance = axes.lines[-2:]
        assert arrival.get_xdata()[0] == pytest.approx(last.max())
        assert tolerance.get_ydata()[0] == traced.tolerance
        worst = axes.lines[0].get_ydata()
        assert worst[last.max()] == FLOOR and worst[last.max() - 1] > FLOOR, "settles on arrival"


def test_settling_curve_of_inference_has_states_only(inference: SettleResult) -> None:
    assert [axes.get_ylabel() for axes in settling_curve(inference).axes] == [
        "distance of states from rest\n(relative to their row)"
    ]
    assert len(worldsheet(inference).axes) == 2, "one panel and the scale"


def test_transits_axis_is_to_scale(traced: SettleResult) -> None:
    figure = settling_curve(traced)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.child_axes[0].get_xlim()[1] == pytest.approx(traced.hold / traced.graph.transit)
    assert axes.get_xlim() == (0, pytest.approx(traced.hold))


def test_heat_image_sorts_each_band_by_arrival(traced: SettleResult) -> None:
    graph = traced.graph
    values = np.outer([1.0, 10.0], np.arange(1, graph.neurons + 1))
    arrival = -np.arange(graph.neurons)
    image = heat_image(graph, values, arrival)
    height = len(image) // 3
    assert image.shape == (3 * height, 2) and height >= 8
    assert np.allclose(image[0], np.log10([3.0, 30.0])), "the input's last neuron arrives first"
    assert np.allclose(image[height - 1], np.log10([1.0, 10.0]))
    assert np.allclose(image[-1], np.log10([9.0, 90.0])) and np.allclose(image[2 * height], np.log10([10.0, 100.0]))


def test_worldsheet_shows_deviation_and_light_cone(traced: SettleResult) -> None:
    figure = worldsheet(traced, sample=1)
    states, costates, scale = figure.axes
    assert states.get_title() == "states" and costates.get_title() == "costates"
    assert titles(states) == ("time since the sample was presented (ns)", "depth (rows of neurons, input to output)")
    assert scale.get_ylabel() == "log10 of the deviation, relative to the row"
    assert [label.get_text() for label in states.get_yticklabels()] == ["x0 (3)", "x1 (5)", "x2 (2)"]
    trace, arrival = sample_trace(traced, 1), traced.graph.arrival
    shown = costates.images[0]
    assert shown.get_extent() == [0, pytest.approx(traced.hold), 0, 3]
    wanted = heat_image(traced.graph, trace.costate, arrival.costate)
    assert np.allclose(shown.get_array(), np.maximum(wanted, -7))
    outlines = {patch.get_label(): patch.get_data() for patch in states.patches[2:4]}
    first, last = states.patches[2].get_data(), states.patches[3].get_data()
    assert outlines and np.allclose(first.edges, np.linspace(1, 2, 6))
    order = np.argsort(arrival.state[3:8], kind="stable")
    assert np.allclose(last.values, arrival.state[3:8][order])
    assert np.allclose(first.values, arrival.first_state[3:8][order])


def test_worldsheet_takes_the_last_sample(traced: SettleResult) -> None:
    assert worldsheet(traced)._suptitle.get_text() == "Worldsheet of sample 2: settled"  # type: ignore[union-attr]


def test_raster_shows_every_event_by_direction(traced: SettleResult) -> None:
    figure = event_raster(traced, sample=1)
    rate, axes = figure.axes
    assert titles(axes) == ("time since the sample was presented (ns)", "ports (by row, input to output)")
    assert rate.get_ylabel() == "events\nper step"
    trace, neurons = sample_trace(traced, 1), traced.graph.neurons
    clouds = [child for child in axes.collections if isinstance(child, PathCollection)]
    assert [cloud.get_label() for cloud in clouds] == ["forward (states)", "backward (costates)"]
    for cloud, mine in zip(clouds, (trace.port < neurons, trace.port >= neurons), strict=True):
        points = np.asarray(cloud.get_offsets())
        assert len(points) == mine.sum() > 0
        assert np.allclose(points[:, 0], trace.event_seconds[mine] / NS)
        assert np.allclose(points[:, 1], port_heights(traced)[trace.port[mine]])
    total = rate.patches[1].get_data().values
    assert np.array_equal(total, np.bincount(np.rint(trace.event_seconds / NS).astype(int), minlength=traced.hold))


def test_ports_stand_in_their_rows(traced: SettleResult) -> None:
    heights, n = port_heights(traced), traced.graph.neurons
    assert np.array_equal(np.floor(heights[:n]), [0] * 3 + [1] * 5 + [2] * 2)
    assert np.array_equal(np.floor(heights[n:]), np.floor(heights[:n]))
    assert (heights[:n] % 1 < 0.5).all() and (heights[n:] % 1 > 0.5).all()


def test_histogram_counts_all_settling_times(traced: SettleResult) -> None:
    steps = np.array([4, 9, 9])
    figure = settling_times(replace(traced, settling_steps=steps))
    (axes,) = figure.axes
    assert titles(axes) == ("settling time (ns)", "number of samples")
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in axes.patches if bar.get_height()}
    assert bars == {4: 1, 9: 2}
    assert axes.lines[0].get_xdata()[0] == 9 and axes.lines[1].get_xdata()[0] == traced.hold
    assert figure.legends[0].get_texts()[0].get_text() == "median 9 ns"


def test_histogram_counts_what_did_not_settle(traced: SettleResult) -> None:
    some = settling_times(replace(traced, settling_steps=np.array([4, 9, 8]), settled=np.array([True, False, True])))
    told = "Settling times of 3 samples: 2 settled, 1 did not within the hold"
    assert some.get_suptitle() == told and sum(bar.get_height() for bar in some.axes[0].patches) == 2


def test_without_a_distribution_it_shows_how_near_to_rest_each_sample_was(traced: SettleResult) -> None:
    off = np.array([0.0, 0.5, np.inf])
    none = settling_times(replace(traced, settled=np.zeros(3, bool), deviation=off))
    assert none.get_suptitle() == "Settling times of 3 samples: none settled"
    shown = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in none.axes[0].lines}
    assert shown["not settled"] == ([0, 1], [1e-16, 0.5]) and shown["beyond all numbers"] == ([2], [5.0])
    assert titles(none.axes[0]) == ("sample", "distance from rest at the end\nof the hold (relative to a row)")
    once = settling_times(replace(traced, settling_steps=np.full(3, 9)))
    assert once.get_suptitle() == "Settling times of 3 samples: all settled at 9 ns"
    assert [line.get_label() for line in once.axes[0].lines] == ["settled", "tolerance 0.001"]


def test_a_run_that_grows_is_seen_to_grow() -> None:
    draws = np.random.default_rng(1)
    net = Network.mlp([2 * draws.normal(size=(6, 4)), 2 * draws.normal(size=(2, 6))])
    graph = compile_network(net, hardware=delays(1, 3), law=Worldsheet(beta=0.5, gamma=0.3))
    grown = settle(graph, draws.normal(size=(1, 4)), draws.normal(size=(1, 2)), target="numpy", traces=True, hold=400)
    assert not grown.settled.any()
    worst = settling_curve(grown).axes[1].lines[0].get_ydata()
    assert worst[-1] > 100 * worst[20], "measured from its own last step it would dive to nothing"


def test_rest_is_the_substrates_own_where_it_has_errors_of_its_own() -> None:
    draws = np.random.default_rng(2)
    net = Network.mlp([draws.normal(size=(5, 3)), draws.normal(size=(2, 5))])
    model = delays(1, 3).replace(weights__levels=4, weights__g_min=1e-6, weights__g_max=1e-4)
    graph, data = compile_network(net, hardware=model), (draws.normal(size=(2, 3)), draws.normal(size=(2, 2)))
    found = settle(graph, *data, target="numpy", traces=True)
    assert found.traces is not None and found.settled.all()
    assert np.allclose(found.traces.rest_x, found.traces.x[found.hold - 1 :: found.hold], atol=1e-12)
    exact = reference(net, *data)
    assert not np.allclose(found.traces.rest_x[:, -2:], exact.states[net.output], atol=1e-3)


def test_many_events_are_drawn_as_rates(traced: SettleResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.report.raster._MOST_MARKS", 10)
    figure = event_raster(traced, sample=1)
    letters_stay_apart(figure)
    shown, trace = np.asarray(figure.axes[1].images[0].get_array()), sample_trace(traced, 1)
    sizes = np.repeat([site.size for site in traced.graph.sites], 2)[:, np.newaxis]
    counted = (shown * sizes).sum(axis=0)
    assert np.allclose(counted, np.bincount(np.rint(trace.event_seconds / NS).astype(int), minlength=traced.hold))
    assert np.isclose((shown * sizes)[::2].sum(), (trace.port < traced.graph.neurons).sum())


def test_pictures_survive_waves_beyond_all_numbers(traced: SettleResult, tmp_path: Path) -> None:
    assert traced.traces is not None
    x = traced.traces.x.copy()
    x[-3:, 4] = [1e200, np.inf, np.nan]
    wild = replace(traced, traces=replace(traced.traces, x=x), settled=np.zeros(3, bool))
    assert draw_pictures(wild, wild, tmp_path) == ("settling_times.png", "settling.png", "worldsheet.png", "events.png")
    assert "not settled" in worldsheet(wild)._suptitle.get_text()  # type: ignore[union-attr]


def test_traces_are_needed(traced: SettleResult) -> None:
    with pytest.raises(EngineError, match=r"the result has no traces; allowed: one of settle\(\.\.\., traces=True\)"):
        settling_curve(replace(traced, traces=None))


def test_letters_stay_apart(traced: SettleResult) -> None:
    for picture in (settling_curve, settling_times, worldsheet, event_raster):
        letters_stay_apart(picture(traced))


def test_files_are_png(traced: SettleResult, tmp_path: Path) -> None:
    for name in draw_pictures(traced, traced, tmp_path, scenario="mine"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert draw_pictures(traced, None, tmp_path) == ("settling_times.png",)


def test_pictures_name_scenario_law_and_hardware(traced: SettleResult) -> None:
    figure = name_substrate(settling_times(traced), traced.graph, "mine")
    assert figure.get_suptitle().splitlines()[1:] == ["mine", "law matched, hardware ideal"]
    figure = name_substrate(settling_times(traced), traced.graph, 20 * "long name ")
    assert len(figure.get_suptitle().splitlines()) > 3
    letters_stay_apart(figure)


def test_without_events_there_is_no_picture_of_them(traced: SettleResult, tmp_path: Path) -> None:
    assert traced.traces is not None
    none = {name: getattr(traced.traces, name)[:0] for name in ("port", "step", "amplitude")}
    silent = replace(traced, traces=replace(traced.traces, **none))
    assert "events.png" not in draw_pictures(traced, silent, tmp_path)
