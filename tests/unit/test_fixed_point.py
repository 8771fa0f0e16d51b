"""Fixed points of many maps at once."""

from __future__ import annotations

import numpy as np

from emulator.measure.fixed_point import fixed_point


def test_maps_that_plain_iteration_runs_away_from_have_their_fixed_points_found():
    rng = np.random.default_rng(0)
    maps, shift = rng.normal(size=(20, 6, 6)), rng.normal(size=(20, 6))
    maps = -2 * maps @ maps.transpose(0, 2, 1) / 6  # symmetric, of norms up to about 6
    assert np.abs(np.linalg.eigvalsh(maps)).max() > 4
    exact = np.linalg.solve(np.eye(6) - maps, shift[:, :, None])[:, :, 0]
    found, good = fixed_point(lambda z: (maps @ z[:, :, None])[:, :, 0] + shift, 0 * shift, np.full((20, 1), 1e-10))
    assert good.all()
    np.testing.assert_allclose(found, exact, atol=1e-9)


def test_a_map_without_a_fixed_point_is_not_found_and_spoils_no_other():
    def function(z):
        return np.stack([z[0] + 1, np.cos(z[1]), np.full(2, np.nan)])

    with np.errstate(all="ignore"):
        found, good = fixed_point(function, np.zeros((3, 2)), np.full((3, 1), 1e-12))
    assert good.tolist() == [False, True, False]
    np.testing.assert_allclose(found[1], np.cos(found[1]), atol=1e-12)
