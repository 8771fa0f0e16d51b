"""One named random stream per draw, so that switching one effect on never changes another's samples."""

from __future__ import annotations

import hashlib

import numpy as np

from hwmodels.errors import HardwareError


def rng(root_seed: int, *names: str) -> np.random.Generator:
    """Generator of the stream called `names` under `root_seed`.

    The stream depends on nothing but the root seed and the names: it is the same in every process and on
    every platform, and independent of all streams with other names.

    Parameters
    ----------
    root_seed : int
        Seed of the whole run or of one sampled chip, at least 0.
    *names : str
        Stable name of the draw, such as ``"lines", "delay_forward"``.

    Raises
    ------
    HardwareError
        If the root seed is negative or no name is given.
    """
    if root_seed < 0:
        raise HardwareError("root_seed", f"{root_seed} is out of range, allowed: a whole number at least 0")
    if not names:
        raise HardwareError("names", "a random stream needs at least one name")
    text = "".join(f"{len(name)}:{name}" for name in names)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    words = [int.from_bytes(digest[start : start + 4], "little") for start in range(0, 32, 4)]
    return np.random.default_rng(np.random.SeedSequence([root_seed, *words]))
