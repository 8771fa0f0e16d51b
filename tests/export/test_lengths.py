"""Lines shorter than the emulator's steps settle as much sooner in the circuit."""

from __future__ import annotations

import pytest

from emulator.errors import ExportError
from emulator.export.lengths import length_picture, settling_by_length
from tests.refusals import refuses
from tests.support.circuits import chain, ngspice, sample

__all__ = ["ngspice"]


def test_settling_is_proportional_to_the_lengths_of_lines_below_a_step(ngspice):
    graph = chain((3, 4, 2))
    rows = settling_by_length(graph, *sample(graph), (0.02, 0.4, 1.0))
    for row in rows:
        rise = 0.1 * graph.step * row.factor
        assert row.predicted * (1 - 1e-6) <= row.circuit + rise and row.circuit <= row.predicted + 1.1 * rise
    assert rows[0].delay < 0.1 * graph.step and rows[2].predicted == pytest.approx(50 * rows[0].predicted)
    ax = length_picture(rows)
    assert "(ns)" in ax.get_xlabel() and "(ns)" in ax.get_ylabel()


def test_lengths_that_are_none_are_refused():
    graph = chain((3, 2))
    refuses("factor of line lengths is 0", lambda: settling_by_length(graph, *sample(graph), [0]), ExportError)
    lined = chain((3, 2), wiring="synapse")
    refuses("line lengths got wiring 'synapse'", lambda: settling_by_length(lined, *sample(lined), [1]), ExportError)
