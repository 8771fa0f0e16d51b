"""Programs are shared only by substrates whose compiled-in tables are the same."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Matched, NetworkBuilder, compile_network
from emulator.laws import family_of
from hwmodels import load
from tests.substrate import delays

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


def test_chips_share_a_program_unless_only_the_lines_of_one_are_as_long_as_their_neighbours():
    """A program may fetch what arrives line by line, or a run of lines at a time."""

    def plan(seed, least, most):
        one = compile_network(
            graph(Bilateral(), [6], 0.0).network, law=Bilateral(), hardware=delays(least, most), seed=seed
        )
        return family_of(one.law).plan(one, 9, 1)

    alike, other, apart, again = plan(0, 4, 4), plan(0, 3, 3), plan(0, 3, 4), plan(1, 3, 4)
    assert [one.alike for one in (alike, other, apart, again)] == [True, True, False, False]
    assert {one.ring_depth for one in (alike, other, apart)} == {4}
    assert alike.key == other.key != apart.key == again.key
