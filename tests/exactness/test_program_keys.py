"""Programs are shared only by substrates whose compiled-in tables are the same."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Matched, NetworkBuilder, compile_network
from emulator.laws import family_of
from hwmodels import load

WEIGHT = np.arange(12.0).reshape(2, 6) / 10


def graph(law, sizes, crosstalk):
    """Six inputs into two outputs: one vector, or two that lie side by side without being neighbours at the seam."""
    b = NetworkBuilder()
    parts = [b.input(f"x{k}", size) for k, size in enumerate(sizes)]
    joined = parts[0] if len(parts) == 1 else b.concat(*parts)
    network = b.build(output=b.dense(joined, WEIGHT, name="y", activation="identity"))
    return compile_network(network, law=law, hardware=load("ideal").replace({"lines.crosstalk": crosstalk}))


@pytest.mark.parametrize("law", [Matched(), Bilateral()])
def test_neighbours_are_compiled_in(law):
    def key(sizes, crosstalk):
        one = graph(law, sizes, crosstalk)
        return family_of(one.law).plan(one, 9, 1).key

    assert key([3, 3], 0.05) != key([6], 0.05)
    assert key([6], 0.05) == key([6], 0.05)
