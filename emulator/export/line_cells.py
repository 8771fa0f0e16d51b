"""Kinds of two-way lines, and the cells that they are made of.

A line that is more than a delay is a pair of matched lines behind the impedance (F. H. Branin, "Transient analysis of
lossless transmission lines", Proc. IEEE 55, 1967): each end is the impedance in series with twice the wave that arrives
there, and what leaves is the rest. A line that attenuates, or whose drivers and receivers differ, has a gain and an offset
where its waves arrive. An end that is stuck sends the wave of a source; a line that is broken brings each end its own wave
back; lines that run side by side get a share of what arrives at their neighbours, and lack as much for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: pins of a line beside others: the waves that arrive at its far and its near end, and those of its neighbours
BESIDE = ("f1", "b1", "fl", "fr", "bl", "br")


@dataclass(frozen=True, order=True)
class LineKind:
    """What a cell of a line has.

    Parameters
    ----------
    apart : bool
        A delay of its own in each direction, or a low-pass.
    passes : bool
        Gains and offsets.
    broken : bool
    stuck_near, stuck_far : bool
        Ends that always send the same wave.
    beside : bool
        Neighbours.
    """

    apart: bool = False
    passes: bool = False
    broken: bool = False
    stuck_near: bool = False
    stuck_far: bool = False
    beside: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is a single lossless line."""
        return self == LineKind()

    @property
    def name(self) -> str:
        """Of its cell."""
        flags = {
            "lossy": self.passes, "open": self.broken, "stuck_near": self.stuck_near, "stuck_far": self.stuck_far,
            "beside": self.beside,
        }  # fmt: skip
        found = [name for name, has in flags.items() if has]
        return "_".join(["line", *(found or (["two_delays"] if self.apart else []))])

    @property
    def pins(self) -> tuple[str, ...]:
        """Of its cell."""
        return ("near", "far", "low", *(BESIDE if self.beside else ()))

    @property
    def parameters(self) -> tuple[str, ...]:
        """What it takes for its delays and for what it does to waves."""
        found = ["td"] if self.plain else ["tdf", "tdb"]
        found += ["kf", "kb", "vf", "vb"] if self.passes else []
        found += ["sn"] if self.stuck_near else []
        found += ["sf"] if self.stuck_far else []
        return (*found, *(["xt"] if self.beside else []))

    def cards(self, start: str, pole: float, step: float) -> Iterator[str]:
        """Cards of ngspice between the nodes `start`, ``far`` and ``low``, with a low-pass of coefficient `pole` per `step`."""
        if self.plain:
            yield f"T1 {start} 0 far low Z0={{z0}} TD={{td}} rel=10"
            return
        ends = (
            ("f", "b", start, "0", "tdf", "sn", self.stuck_near),
            ("b", "f", "far", "low", "tdb", "sf", self.stuck_far),
        )
        last = "y" if pole < 1 else "g" if self.passes else "x" if self.beside else "1"
        for way, back, port, ground, delay, source, stuck in ends:
            came = f"{back}{last}"
            yield f"R{way} {port} {way}i {{z0}}"
            yield f"E{way}i {way}i {ground} {came} 0 2"
            if stuck:
                yield f"V{way}s {way}0 0 {{{source}}}"
            else:
                yield f"E{way}u {way}u 0 {port} {ground} 1"
                yield f"E{way}0 {way}0 {way}u {came} 0 -1"
            yield f"T{way} {back if self.broken else way}0 0 {way}1 0 Z0=50 TD={{{delay}}} rel=10"
            yield f"R{way}1 {way}1 0 50"
            yield from self._arriving(way, pole, step)

    def _arriving(self, way: str, pole: float, step: float) -> Iterator[str]:
        """What becomes of a wave where it arrives."""
        at = f"{way}1"
        if self.beside:
            yield f"E{way}x {way}x {way}p {at} 0 {{1-2*xt}}"
            yield f"E{way}p {way}p {way}q {way}l 0 {{xt}}"
            yield f"E{way}q {way}q 0 {way}r 0 {{xt}}"
            at = f"{way}x"
        if self.passes:  # an attenuator or an amplifier, matched, at the end of the line
            yield f"E{way}g {way}g {way}o {at} 0 {{k{way}}}"
            yield f"V{way}o {way}o 0 {{v{way}}}"
            at = f"{way}g"
        if pole < 1:
            yield f"E{way}v {way}v 0 {at} 0 {pole!r}"
            yield f"E{way}y {way}y {way}v {way}z 0 {1 - pole!r}"
            yield f"T{way}z {way}y 0 {way}z 0 Z0=50 TD={step!r} rel=10"
            yield f"R{way}z {way}z 0 50"


#: parameters that not every kind has
OF_KINDS = frozenset([*LineKind().parameters, *LineKind(*6 * [True]).parameters])
