"""Presenting data to a compiled substrate and waiting for the waves to settle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.measure.result import SettleResult
from emulator.network import check_batch
from emulator.network.batch import Inputs
from emulator.options import SettleOptions
from emulator.runs.holds import steps_of_hold
from emulator.runs.presenting import present


@SettleOptions.shown
@np.errstate(all="ignore")  # what grew beyond all numbers is told by the result
def settle(
    graph: ScatteringGraph,
    inputs: Inputs,
    targets: ArrayLike | None = None,
    *,
    traces: bool = False,
    diagnose: bool = True,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> SettleResult:
    """Present a batch to the substrate, one sample after another, without resetting it in between.

    Parameters
    ----------
    graph : ScatteringGraph
        From `emulator.compile_network`.
    inputs : (B, n) array, or mapping of input name to (B, n)
    targets : (B, n_out), or class labels (B,) for cross-entropy; optional
        Without targets the load is off: no costates, no gradients (inference).
    traces : bool
        Record everything at every step (for pictures; memory grows with steps times neurons).
    diagnose : bool
        Look for the reason when samples do not settle (may take longer than the run).
    workers : int, optional
        Divide the batch among so many compiled programs at a time, or processes where brian2 interprets, with results that do
        not depend on how many; by default it is one run.
    scheduler : str, optional
        Address of a Dask scheduler, among whose workers it is divided instead.
    progress : callable, optional
        Called now and then with the fraction done.
    **options
        ``run=RunOptions(...)``, or its fields: `hold`, `hold_seconds`, `threshold`, `target`, `seed`, `tolerance`, `age`
        (see `emulator.RunOptions`). By default each sample is held one step longer than the longest round trip for a
        law that settles on arrival, forty times that for `Upwind`, sixty times for two-way lines and Algorithm 1, and ten
        times for other laws; two-way lines for three times what random samples of their network are predicted to need, if
        that is less and the network not too large to predict.

    Returns
    -------
    SettleResult

    Raises
    ------
    NetworkError
        If the data do not fit the network.
    EngineError
        For impossible settings.
    StudyError
        If workers cannot be had.
    OptionError
        For an unknown option.
    """
    run = SettleOptions.of(settle, options).run
    hold = steps_of_hold(graph, run)
    data, wanted = check_batch(graph.network, inputs, targets)
    if workers is None and scheduler is None:
        found = present(graph, data, wanted, run, hold=hold, traces=traces, diagnose=diagnose, progress=progress)
        return found.told()
    if traces:
        raise EngineError("traces of a batch that is divided among workers; allowed: traces, or workers")
    from emulator.runs.division import divided

    how: dict[str, Any] = {"workers": workers, "scheduler": scheduler, "diagnose": diagnose, "progress": progress}
    return divided(graph, data, wanted, run, hold=hold, **how).told()
