"""The pass that gives every two-way line its characteristic impedance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from emulator.compile.draft import Draft
from emulator.laws import Bilateral


def taper_impedances(draft: Draft) -> None:
    """Going back from the load, the impedance falls at every crossbar by the law's taper.

    What an outward port feeds in several places takes the least impedance found there: the farthest from the load.
    Only a law of two-way lines has a taper.
    """
    law = draft.law
    if not isinstance(law, Bilateral):
        return
    behind: dict[str, float] = {}
    for element in reversed(draft.elements()):
        ahead = [behind[bundle.head[0]] for bundle in draft.out_of(element.name)]
        impedance = min(ahead, default=law.impedance)
        for bundle in draft.out_of(element.name):
            draft.replace(bundle, replace(bundle, impedance=behind[bundle.head[0]]))
        behind[element.name] = impedance / _factor(draft, law, element.name)


def _factor(draft: Draft, law: Bilateral, name: str) -> float:
    """By how much the impedance rises from the near to the far side of an element."""
    element = draft.element(name)
    if element.kind != "crossbar":
        return 1.0
    if law.taper != "matched":
        return float(law.taper)
    weight = draft.network.parameters[element.layer].weight
    size = float(np.sum(weight**2))
    return size / weight.shape[1] if size > 0 else 1.0
