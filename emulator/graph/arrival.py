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
        row, column = coupling.pairs()
        forward, _ = coupling.pair_delays()
        source, target = coupling.rows[row], coupling.columns[column]
        np.maximum.at(last, target, last[source] + forward + late)
        np.minimum.at(first, target, first[source] + forward)
    last_costate, first_costate = np.zeros(count, np.int64), np.full(count, _NEVER)
    for neurons in outputs:
        last_costate[neurons] = last[neurons].max() if coupled else last[neurons]
        first_costate[neurons] = 0
    for coupling in reversed(couplings):
        row, column = coupling.pairs()
        _, backward = coupling.pair_delays()
        source, target = coupling.rows[row], coupling.columns[column]
        np.maximum.at(last_costate, source, np.maximum(last_costate[target], last[target]) + backward + late)
        np.minimum.at(first_costate, source, np.minimum(first_costate[target], first[target]) + backward)
    # what nothing reaches, in a crossbar that does not have all devices, is as it is from the start
    return Arrival(last, last_costate, np.minimum(first, last), np.minimum(first_costate, last_costate))


_NEVER = np.int64(2**62)
