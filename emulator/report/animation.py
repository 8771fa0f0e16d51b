"""The worldsheet in motion: states rising from the input, costates falling from the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from emulator.errors import ExportError, suggest
from emulator.files import staging_folder
from emulator.graph import ScatteringGraph
from emulator.measure import SettleResult
from emulator.network import Network
from emulator.report.samples import Floats, traces_of
from emulator.report.style import letters, name_rows, name_substrate, new_figure, time_unit

#: pictures of a film, at most; of longer holds every second step is shown, or every third, ...
_MOST_FRAMES = 120
_FRAMES_A_SECOND = 8
#: of signed values, told apart by every kind of colour vision
_SIGNED = "PuOr"
#: pixels across, on which the neurons of a row are spread
_ACROSS = 240
_WRITERS = {".gif": PillowWriter, ".mp4": FFMpegWriter}


def check_film(path: Path) -> None:
    """Refuse a film that cannot be written here.

    Raises
    ------
    ExportError
        If its ending is none that is known, or an MP4 is asked for where there is no ffmpeg.
    """
    if path.suffix not in _WRITERS:
        raise ExportError(f"the animation is '{path}'; allowed: a name that ends in .gif or .mp4")
    if path.suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise ExportError(f"the animation is '{path}', and there is no ffmpeg here; allowed: .gif, or ffmpeg installed")


def animate(result: SettleResult, path: str | Path, sample: int = -1, scenario: str | None = None) -> Path:
    """Write a film of one recorded sample: every neuron's state and costate, over the largest of its row at rest, against depth.

    Parameters
    ----------
    result : SettleResult
        Made with ``traces=True``.
    path : str or Path
        Ends in ``.gif`` or, where ffmpeg is installed, in ``.mp4``.
    sample : int
        Which recorded sample; by default the last, since the first starts from an empty substrate.
    scenario : str, optional
        For the title.

    Raises
    ------
    EngineError, ExportError
        If nothing was recorded, or the film cannot be written.
    """
    path = Path(path)
    traces, graph, hold = traces_of(result), result.graph, result.hold
    check_film(path)
    sample %= len(result.settled)
    part = slice(sample * hold, (sample + 1) * hold)
    panels = [("states", traces.x[part], traces.rest_x[sample])]
    if result.held_costates:
        panels.append(("costates", traces.lam[part], traces.rest_lam[sample]))
    every = math.ceil(hold / _MOST_FRAMES)
    steps = range((hold - 1) % every, hold, every)
    unit = time_unit(hold * graph.step)
    with letters():
        figure = new_figure(f"Waves of sample {sample}", 4.5 * len(panels) + 1.0, 4.5)
        name_substrate(figure, graph, scenario)
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        films = [_relative(graph, values, rest) for _, values, rest in panels]
        drawn = [
            _panel(axes, graph, film[steps[0]], name)
            for axes, film, (name, *_) in zip(grid, films, panels, strict=True)
        ]
        grid[0].set_ylabel("depth (rows of neurons, input to output)")
        figure.colorbar(drawn[-1], ax=grid, label="value over the row's largest at rest", extend="both", aspect=40)
        clock = figure.text(0.99, 0.99, "", ha="right", va="top")

        def show(step: int) -> list[AxesImage]:
            for image, film in zip(drawn, films, strict=True):
                image.set_data(film[step])
            clock.set_text(f"{(step + 1) * graph.step / unit.seconds:.4g} {unit.name}")
            return drawn

        return _write(FuncAnimation(figure, show, frames=list(steps), blit=False), path)


def animate_weights(networks: Sequence[Network], path: str | Path, layer: str | None = None) -> Path:
    """Write a film of weights that move: one layer of a network as it learns, a picture each.

    Parameters
    ----------
    networks : sequence of Network
        The same network at different times, in their order.
    path : str or Path
        Ends in ``.gif`` or, where ffmpeg is installed, in ``.mp4``.
    layer : str, optional
        A dense layer; the first, by default.

    Raises
    ------
    ExportError
        If there is nothing to show, no such layer, or the film cannot be written.
    """
    path = Path(path)
    check_film(path)
    if not networks:
        raise ExportError("the animation got no networks; allowed: at least one")
    if not networks[0].dense:
        raise ExportError("the animation got networks without weights; allowed: with at least one dense layer")
    layer = next(iter(networks[0].dense)) if layer is None else layer
    if any(layer not in one.dense for one in networks):
        raise ExportError(f"the animation: no dense layer {suggest(layer, networks[0].dense)}")
    values = [np.asarray(one.dense[layer].weight) for one in networks]
    most = max(float(np.abs(one).max(initial=0.0)) for one in values) or 1.0
    with letters():
        figure = new_figure(f"Weights of layer {layer}", 5.5, 4.5)
        axes = figure.subplots()
        image = axes.imshow(values[0], aspect="auto", interpolation="nearest", cmap=_SIGNED, vmin=-most, vmax=most)
        axes.set(xlabel="from neuron", ylabel="to neuron")
        figure.colorbar(image, ax=axes, label="weight (output over input)")
        clock = figure.text(0.99, 0.99, "", ha="right", va="top")

        def show(number: int) -> list[AxesImage]:
            image.set_data(values[number])
            clock.set_text(f"{number} of {len(values) - 1}")
            return [image]

        return _write(FuncAnimation(figure, show, frames=len(values), blit=False), path)


def _write(film: FuncAnimation, path: Path) -> Path:
    with staging_folder(path) as staging:
        film.save(staging / path.name, writer=_WRITERS[path.suffix](fps=_FRAMES_A_SECOND), dpi=90)
        (staging / path.name).replace(path)
    return path


def _relative(graph: ScatteringGraph, values: Floats, rest: Floats) -> Floats:
    """Pictures (T, rows, across) of values (T, N) over the largest at rest (N,) of their row."""
    bands = []
    for site in graph.sites:
        scale = np.abs(rest[site.start : site.stop]).max()
        spread = site.start + np.arange(_ACROSS) * site.size // _ACROSS
        with np.errstate(all="ignore"):
            bands.append(values[:, spread] / (scale if scale > 0 else 1.0))
    return np.stack(bands, axis=1)


def _panel(axes: Axes, graph: ScatteringGraph, first: Floats, name: str) -> AxesImage:
    count = len(graph.sites)
    image = axes.imshow(
        first,
        extent=(0, 1, 0, count),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=_SIGNED,
        vmin=-1.2,
        vmax=1.2,
    )
    axes.hlines(np.arange(1, count), 0, 1, color="white", linewidth=1.5)
    name_rows(axes, graph)
    axes.set_xticks([])
    axes.set_xlabel("neurons of the row")
    axes.set_title(name, pad=8)
    return image
