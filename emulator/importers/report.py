"""What importing a network found, folded and left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator.network.network import Network


@dataclass(frozen=True)
class Imported:
    """A network, and how it came about.

    Parameters
    ----------
    network : Network
    source : str
        Where it comes from.
    notes : tuple of (str, str)
        What each operator became, in the order of the file.
    deviation : float or None
        Largest difference of an output from the file's own reference evaluator on random inputs, relative to the
        largest output; None where the file has none.
    precision : float or None
        Round-off of the file's number format, relative.
    compared : str
        What the deviation is from.
    end : str
        The operator at the end that is the loss's, such as ``Softmax``; empty where there is none.
    """

    network: Network
    source: str
    notes: tuple[tuple[str, str], ...] = field(default=())
    deviation: float | None = None
    precision: float | None = None
    compared: str = "the file's own evaluator"
    end: str = ""
