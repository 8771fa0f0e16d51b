"""The port that a technology has of itself, made to fit the network that learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from emulator.learning import Coincidence, MixedPrecision, ParameterPort, Written, own_port
from emulator.measure.ranges import Ranges
from hwmodels import HardwareModel

#: a device holds weights up to so many times the largest one that the network is known to need
_ROOM = 1.5


def fitting_port(
    hardware: HardwareModel, given: Mapping[str, Any], needed: Callable[[], Ranges] | None, summed: bool
) -> ParameterPort:
    """The port that a hardware model has of itself (`emulator.learning.own_port`), for a network.

    Parameters
    ----------
    hardware : HardwareModel
    given : mapping
        ``rate``, and ``w_max``: by default one and a half times the largest weight or bias that is needed.
    needed : callable, optional
        Ranges of weights, before learning and after.
    summed : bool
        Whether efforts are added up before anything is written (batches, tied kernels, penalties): then an accumulator
        pays them in pulses.
    """
    port = own_port(hardware, **given)
    if isinstance(port, Coincidence) and summed:
        port = MixedPrecision(port.rate, port.weights, port.w_max)
    if not isinstance(port, Written) or needed is None:
        return port
    return replace(port, w_max=given.get("w_max", _ROOM * needed().weights))  # type: ignore[type-var]
