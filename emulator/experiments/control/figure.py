"""Pictures of a solved control problem: what it found, how the waves fill the substrate, and how the controls came to rest."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emulator.control.exact import Optimum
from emulator.control.problem import ControlProblem
from emulator.control.solution import Solution
from emulator.laws import Law
from emulator.report.samples import traces_of
from emulator.report.style import (
    HEAT,
    MARK,
    QUIET,
    legend_below,
    letters,
    marks_along,
    name_substrate,
    new_figure,
    series,
    time_unit,
    told_below,
)

_STEPS, _THOUSAND = "steps of the solver (thousands)", 1000.0
#: log10 of the smallest deviation that is told apart
_LEAST = -9.0

Solved = Sequence[tuple[Law, Solution]]


def _label(law: Law, solved: Solved) -> str:
    """A law's name, with its numbers where others have the same name."""
    if sum(one.name == law.name for one, _ in solved) < 2:
        return law.name
    return f"{law.name} ({', '.join(f'{name} {value:g}' for name, value in law.parameters.items())})"


def _named(figure: Figure, solved: Solved) -> Figure:
    laws = ", ".join(_label(law, solved) for law, _ in solved)
    return told_below(figure, f"law {laws}", f"hardware {solved[0][1].graph.hardware.name}")


def control_figure(problem: ControlProblem, solved: Solved, best: Optimum | None, title: str) -> Figure:
    """States, costates and controls against time: every law's as lines, the exact ones as marks."""
    with letters():
        figure = _named(new_figure(title, 9.0, 10.0), solved)
        panels = figure.subplots(3, 1, sharex=True)
        shown = (("states", "states"), ("costates", "costates"), ("controls", "controls"))
        for axes, (what, label) in zip(panels, shown, strict=True):
            names = problem.controls if what == "controls" else problem.states
            for number, (law, solution) in enumerate(solved):
                for k, (name, values) in enumerate(zip(names, getattr(solution, what).T, strict=True)):
                    style = {
                        "color": series(k).color, "marker": series(k).marker, "markersize": 3,
                        "linestyle": series(number).linestyle, "linewidth": 1.4, "clip_on": False,
                        "label": f"{'costate of ' if what == 'costates' else ''}{name}, {_label(law, solved)}",
                    }  # fmt: skip
                    if what == "controls":
                        axes.plot(problem.times, [*values, values[-1]], drawstyle="steps-post", **style)
                    else:
                        axes.plot(problem.times, values, **style)
            if best is not None:
                times = problem.times[:-1] + problem.dt / 2 if what == "controls" else problem.times
                for k, (name, values) in enumerate(zip(names, getattr(best, what).T, strict=True)):
                    axes.plot(times, values, series(k).marker, color=MARK, markersize=7, fillstyle="none", clip_on=False, zorder=3,
                              label=f"{name}, exact ({best.method})")  # fmt: skip
            axes.set_ylabel(f"{label} (units of the problem)")
            axes.grid(color=QUIET, alpha=0.25)
            axes.legend(loc="best", fontsize=8, ncols=1 + (len(names) * len(solved) > 3))
        panels[-1].set_xlabel("time t of the controlled system (unit of the horizon)")
        panels[-1].set_xlim(0, problem.horizon)
    return figure


def filling_figure(solution: Solution, title: str) -> Figure:
    """How the waves fill the substrate: time of the controlled system against time of the solver, from blank."""
    result, problem = solution.settled(traces=True, target=solution.target), solution.problem
    traces, graph = traces_of(result), solution.graph
    unit = time_unit(result.hold * graph.step)
    with letters():
        figure = name_substrate(new_figure(f"{title}: the worldsheet filling in", 11.0, 5.5), graph)
        grid = figure.subplots(1, 2, sharey=True)
        for axes, what, values in zip(grid, ("states", "costates"), (traces.x, traces.lam), strict=True):
            image = _deviations(solution, values, getattr(solution, what))
            drawn = axes.imshow(
                np.maximum(image, _LEAST), origin="lower", aspect="auto", interpolation="nearest", vmin=_LEAST, vmax=0.0,
                extent=(0, len(values) * graph.step / unit.seconds, -problem.dt / 2, problem.horizon + problem.dt / 2),
                cmap=mpl.colormaps[HEAT],
            )  # fmt: skip
            axes.set_title(what)
            axes.set_xlabel(f"time of the solver since it was blank ({unit.name})")
        grid[0].set_ylabel("time t of the controlled system (unit of the horizon)")
        figure.colorbar(
            drawn, ax=grid, label="log10 of the deviation from the solution, over its largest", extend="both"
        )
    return figure


def _deviations(solution: Solution, traced: np.ndarray, final: np.ndarray) -> np.ndarray:
    """log10 of how far every step's row is from the solution, (N + 1, T)."""
    scale, rows = max(float(np.abs(final).max()), 1e-300), []
    for k, values in enumerate(final):
        own = traced[:, solution.graph.layer_neurons(f"x{k}")]
        rows.append(np.abs(own - values).max(axis=1) / scale)
    with np.errstate(divide="ignore"):
        return np.log10(np.array(rows))


def descent_figure(problem: ControlProblem, solved: Solved, best: Optimum | None, title: str) -> Figure:
    """Effort and excess cost against solver steps, and the controls on their way."""
    with letters():
        figure = _named(new_figure(f"{title}: the controls coming to rest", 11.0, 5.5), solved)
        left, right = figure.subplots(1, 2)
        for number, (law, solution) in enumerate(solved):
            history = solution.history
            steps = history["updates"] * solution.hold / _THOUSAND
            _falling(left, steps, history["effort"], number, "-", f"effort on the controls, {_label(law, solved)}")
            if best is not None:
                excess = np.abs(history["cost"] - best.cost) / max(abs(best.cost), 1e-300)
                _falling(left, steps, excess, number, "--", f"cost above the optimum, {_label(law, solved)}")
        left.set_xlabel(_STEPS)
        left.set_xlim(left=0)
        left.set_ylabel("relative to the first, or to the optimum")
        left.grid(color=QUIET, alpha=0.25)
        own = solved[0][1]
        path = own.history["controls"].reshape(len(own.history["updates"]), problem.steps, -1)[:, :, 0]
        drawn = right.pcolormesh(
            own.history["updates"] * own.hold / _THOUSAND,
            problem.times[:-1] + problem.dt / 2,
            path.T,
            cmap=HEAT,
            shading="nearest",
        )
        right.set_xlim(0, own.steps / _THOUSAND)
        right.set_xlabel(_STEPS)
        right.set_ylabel("time t of the controlled system (unit of the horizon)")
        name = next(iter(problem.controls))
        figure.colorbar(drawn, ax=right, label=f"control {name} (units of the problem)")
        legend_below(figure, left)
    return figure


def _falling(axes: Axes, steps: np.ndarray, values: np.ndarray, number: int, line: str, label: str) -> None:
    own = series(number)
    axes.semilogy(steps, np.where(values > 0, values, np.nan), line, color=own.color, marker=own.marker, markersize=4,
                  markevery=marks_along(len(steps)), linewidth=1.3, label=label)  # fmt: skip
