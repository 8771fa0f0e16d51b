"""The pass that gives every two-way line its characteristic impedance."""

from __future__ import annotations

from dataclasses import replace

from emulator.compile.draft import Draft


def taper_impedances(draft: Draft) -> None:
    """Going back from the load, the impedance falls at every crossbar by the law's taper.

    What an outward port feeds in several places takes the least impedance found there: the farthest from the load.
    Only a law of two-way lines has a taper.
    """
    law = draft.law
    if not law.two_way:
        return
    behind: dict[str, float] = {}
    for element in reversed(draft.elements()):
        ahead = [behind[bundle.head[0]] for bundle in draft.out_of(element.name)]
        impedance = min(ahead, default=law.impedance)
        for bundle in draft.out_of(element.name):
            draft.replace(bundle, replace(bundle, impedance=behind[bundle.head[0]]))
        if element.kind == "crossbar":
            impedance /= law.impedance_rise(draft.network.parameters[element.layer].weight)
        behind[element.name] = impedance
