"""How far a settled substrate is from exact backpropagation, against word length and receiver noise.

Rounding errors halve with every bit and noise is added as it is, so to first order the errors of states, costates and
gradients fall by a factor 2 per bit, down to a floor that receiver noise sets, and rise in proportion to the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.compile import compile_network
from emulator.errors import EngineError
from emulator.laws import Law
from emulator.measure import Reference, SettleResult, reference
from emulator.measure.ranges import fitted, ranges
from emulator.network import Network
from emulator.network.batch import Inputs
from emulator.options import ExperimentOptions
from emulator.runs.settle import settle
from emulator.study.keeping import Keep, compute
from hwmodels import HardwareModel, load

Floats = NDArray[np.float64]
#: what is compared with the reference
QUANTITIES = ("states", "costates", "gradients")


@dataclass(frozen=True)
class Curve:
    """Errors of n runs, each the norm of the deviation over the norm of the exact values.

    Parameters
    ----------
    x : (n,)
        Bits, or rms of the receiver noise.
    states, costates, gradients : (n,)
    """

    x: Floats
    states: Floats
    costates: Floats
    gradients: Floats

    def slope(self, quantity: str, per_bit: bool) -> float:
        """Slope of a straight line through the logarithms of the errors.

        With `per_bit`, against bits: -1 is a factor 2 per bit. Else against the logarithm of x: 1 is proportional.
        """
        errors = np.log2(getattr(self, quantity))
        return float(np.polyfit(self.x if per_bit else np.log2(self.x), errors, 1)[0])


@dataclass(frozen=True)
class PrecisionStudy:
    """Errors against word length and against noise.

    Parameters
    ----------
    bits : Curve
        Waves of so many bits both ways, without noise.
    bits_with_noise : Curve
        The same, with receiver noise of rms `floor`.
    noise : Curve
        Receiver noise of this rms, waves of unlimited precision.
    floor : float
    """

    bits: Curve
    bits_with_noise: Curve
    noise: Curve
    floor: float

    def to_dict(self) -> dict[str, Any]:
        """The same as plain tables."""
        curves = {name: getattr(self, name) for name in ("bits", "bits_with_noise", "noise")}
        columns = ("x", *QUANTITIES)
        return {
            **{name: {column: getattr(curve, column).tolist() for column in columns} for name, curve in curves.items()},
            "floor": self.floor,
        }


@ExperimentOptions.shown
def precision_study(
    network: Network,
    inputs: Inputs,
    targets: ArrayLike,
    *,
    hardware: HardwareModel | str = "ideal",
    bits: Sequence[int] = tuple(range(4, 17)),
    noise: Sequence[float] = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
    floor: float = 1e-3,
    law: Law | None = None,
    progress: Callable[[float], None] | None = None,
    keep: Keep = compute,
    **options: Any,
) -> PrecisionStudy:
    """Settle a batch with waves of different word lengths and different receiver noise.

    Full scales are the largest state and costate of the batch; everything else is as in `hardware`.

    Parameters
    ----------
    network : Network
    inputs, targets
        As for `emulator.settle`.
    hardware : HardwareModel or str
        What is the same in all runs.
    bits : sequence of int
    noise : sequence of float
        Rms of the receiver noise.
    floor : float
        Rms of the receiver noise in the second of the two curves against bits.
    law : Law, optional
    progress : callable, optional
        Called with the fraction done.
    keep : callable, optional
        Gets a name and what computes its results, a plain table; may return what was computed before.
    **options
        ``run=RunOptions(...)`` and ``substrate=SubstrateOptions(...)``, or their fields (the substrate's `seed` as
        `hardware_seed`); delays that are not whole steps are rounded to them whatever `rounding` says.

    Raises
    ------
    EngineError
        If a list is empty.
    """
    for name, values in (("bits", bits), ("noise", noise)):
        if not len(values):
            raise EngineError(f"precision study: {name} is empty; allowed: at least one value")
    exact = reference(network, inputs, targets)
    needed = ranges(network, exact)
    chosen = ExperimentOptions.of(precision_study, options)
    laid_out = chosen.substrate.changed(rounding="nearest")
    base = load(hardware) if isinstance(hardware, str) else hardware
    total, done = 2 * len(bits) + len(noise), 0

    def one(changes: dict[str, Any]) -> dict[str, Any]:
        model = fitted(base.replace(changes), needed)
        graph = compile_network(network, hardware=model, law=law, substrate=laid_out)
        result = settle(graph, inputs, targets, diagnose=False, run=chosen.run)
        return {quantity: relative_error(result, exact, quantity) for quantity in QUANTITIES}

    def errors(changes: dict[str, Any]) -> list[float]:
        nonlocal done
        found = keep(", ".join(f"{key} = {value}" for key, value in changes.items()), partial(one, changes))
        done += 1
        if progress is not None:
            progress(done / total)
        return [found[quantity] for quantity in QUANTITIES]

    def curve(x: Sequence[float], changes: Callable[[Any], dict[str, Any]]) -> Curve:
        found = np.array([errors(changes(value)) for value in x])
        return Curve(np.asarray(x, dtype=float), *found.T)

    def words(count: int) -> dict[str, Any]:
        return {"precision.forward.bits": count, "precision.backward.bits": count}

    return PrecisionStudy(
        bits=curve(bits, words),
        bits_with_noise=curve(bits, lambda count: {**words(count), "noise.receiver": floor}),
        noise=curve(noise, lambda rms: {"noise.receiver": rms}),
        floor=floor,
    )


def relative_error(result: SettleResult, exact: Reference, quantity: str) -> float:
    """Norm of the deviation of what was held over the norm of the exact `states`, `costates` or `gradients`."""
    held, wanted = getattr(result, f"held_{quantity}"), getattr(exact, quantity)
    ours, true = (
        np.concatenate([np.ravel(part) for name in wanted for part in _parts(values[name])])
        for values in (held, wanted)
    )
    return float(np.linalg.norm(ours - true) / np.linalg.norm(true))


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
