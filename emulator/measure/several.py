"""What a run says of junctions that had more than one answer."""

from __future__ import annotations


def told(steps: int, of: int) -> str | None:
    """What a run says that had more than one answer in so many of its steps; None if there were none."""
    if steps == 0:
        return None
    return (
        f"in {steps:,} of {of:,} steps a junction had more than one answer: the branch that it was on was followed, and "
        "where the substrate rests depends on the way there; lower the impedance"
    )
