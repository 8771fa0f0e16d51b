"""Named random streams."""

import numpy as np
import pytest

from hwmodels import HardwareError, rng


def test_stream_is_pinned_across_processes_and_versions():
    assert rng(7, "lines", "delay").integers(1 << 32, size=3).tolist() == [538977500, 3266190143, 1263048363]


def test_streams_differ_by_name_order_and_seed():
    draws = {
        tuple(rng(seed, *names).integers(1 << 62, size=2))
        for seed in (0, 1)
        for names in (("a", "b"), ("b", "a"), ("ab",), ("a",), ("a", "b", ""))
    }
    assert len(draws) == 10


def test_streams_are_uncorrelated():
    a, b = rng(3, "a").standard_normal(20000), rng(3, "b").standard_normal(20000)
    assert abs(np.mean(a * b)) < 5 / np.sqrt(20000)


def test_negative_seed_is_refused():
    with pytest.raises(HardwareError, match="root_seed: -1 is out of range, allowed: a whole number at least 0"):
        rng(-1, "a")


def test_nameless_stream_is_refused():
    with pytest.raises(HardwareError, match="a random stream needs at least one name"):
        rng(0)
