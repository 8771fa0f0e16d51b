"""The table of errors against word length and noise."""

from __future__ import annotations

from emulator.experiments.findings import Table
from emulator.experiments.precision.curves import QUANTITIES, Curve, PrecisionStudy


def precision_table(study: PrecisionStudy) -> tuple[Table, list[tuple[str, str]]]:
    """A row per word length and per noise; beside it the slopes."""
    table: Table = [("waves", "noise, rms", *(f"error of {quantity}" for quantity in QUANTITIES))]
    for curve, noise in ((study.bits, "0"), (study.bits_with_noise, f"{study.floor:g}")):
        table += [(f"{bits:.0f} bits", noise, *_errors(curve, k)) for k, bits in enumerate(curve.x)]
    table += [("exact", f"{rms:g}", *_errors(study.noise, k)) for k, rms in enumerate(study.noise.x)]
    notes: list[tuple[str, str]] = [
        (quantity, f"x {2 ** study.bits.slope(quantity, True):.3f} per further bit (expected 0.5), proportional to "
                   f"noise^{study.noise.slope(quantity, False):.3f} (expected 1)")
        for quantity in QUANTITIES
    ]  # fmt: skip
    return table, notes


def _errors(curve: Curve, k: int) -> tuple[str, ...]:
    return tuple(f"{getattr(curve, quantity)[k]:.2e}" for quantity in QUANTITIES)
