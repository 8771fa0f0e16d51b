"""When the last wave of a new sample lands: longest delay paths through the graph.

With ``Tx`` the time at which a neuron's state is final and ``Tl`` that of its costate, under the matched law

    Tx = max over inputs  (Tx_source + delay)
    Tl = max over outputs (max(Tl_dest, Tx_dest) + delay_back),   at the output at least Tx

and nothing can change before the shortest such path: the light cone. A softmax load couples the outputs:
there Tl is the latest Tx of them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emulator.graph.coupling import Coupling
from emulator.graph.elements import Site, Steps


@dataclass(frozen=True)
class Arrival:
    """Arrival times in steps after a sample is presented, one per neuron.

    Parameters
    ----------
    state, costate : (N,) int64
        When the last change can arrive (matched law: exactly when the final value does).
    first_state, first_costate : (N,) int64
        The light cone: before these steps nothing can change.
    """

    state: Steps
    costate: Steps
    first_state: Steps
    first_costate: Steps


def arrival_times(sites: Sequence[Site], couplings: Sequence[Coupling], coupled: bool, late: int = 0) -> Arrival:
    """Longest and shortest delay paths from a change at the sources (and targets, at step 0).

    With `coupled`, the load couples the outputs; with `late`, every wave on the longest paths takes that many steps more
    on each line.
    """
    count = sites[-1].stop
    outputs = [np.arange(s.start, s.stop) for s in sites if s.role == "output"]
    last, first = np.zeros(count, np.int64), np.full(count, _NEVER)
    for site in sites:
        if site.role == "source":
            first[site.start : site.stop] = 0
    for coupling in couplings:
        for latest, reached, more in ((np.maximum, last, late), (np.minimum, first, 0)):
            target, when = _onward(coupling, latest, reached)
            latest.at(reached, target, when + more)
    last_costate, first_costate = np.zeros(count, np.int64), np.full(count, _NEVER)
    for neurons in outputs:
        last_costate[neurons] = last[neurons].max() if coupled else last[neurons]
        first_costate[neurons] = 0
    for coupling in reversed(couplings):
        for latest, reached, state, more in (
            (np.maximum, last_costate, last, late), (np.minimum, first_costate, first, 0),
        ):  # fmt: skip
            source, when = _back(coupling, latest, latest(reached, state))
            latest.at(reached, source, when + more)
    # what nothing reaches, in a crossbar that does not have all devices, is as it is from the start
    return Arrival(last, last_costate, np.minimum(first, last), np.minimum(first_costate, last_costate))


def _onward(coupling: Coupling, latest: np.ufunc, sent: Steps) -> tuple[Steps, Steps]:
    """Neurons behind a coupling, and when the latest, or the first, of what was sent before it gets there."""
    if coupling.by_line:  # the same for all columns, but for the delays of their own lines
        leaving = 0 if coupling.delay_leaving is None else coupling.delay_leaving
        begun = latest.reduce(sent[coupling.rows] + coupling.delay_forward)
        return coupling.columns, np.broadcast_to(begun + leaving, coupling.columns.shape)
    row, column = coupling.pairs()
    return coupling.columns[column], sent[coupling.rows[row]] + coupling.pair_delays()[0]


def _back(coupling: Coupling, latest: np.ufunc, sent: Steps) -> tuple[Steps, Steps]:
    """The same the other way."""
    if coupling.by_line:
        returning = 0 if coupling.delay_returning is None else coupling.delay_returning
        begun = latest.reduce(sent[coupling.columns] + coupling.delay_backward)
        return coupling.rows, np.broadcast_to(begun + returning, coupling.rows.shape)
    row, column = coupling.pairs()
    return coupling.rows[row], sent[coupling.columns[column]] + coupling.pair_delays()[1]


_NEVER = np.int64(2**62)
