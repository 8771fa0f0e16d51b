"""The pass that groups joined elements into rows of neurons: what the node law updates."""

from __future__ import annotations

from typing import Literal

from emulator.compile.draft import Draft
from emulator.graph.elements import Element, Site


def form_sites(draft: Draft) -> None:
    """A source, an activation, or an adder that no activation follows is a row of neurons.

    Whatever is joined to it without a line belongs to it: the crossbar or adder before it, the fan-out and
    the load after.
    """
    for element in draft.elements():
        if element.kind in ("crossbar", "fanout", "load") or _precedes_its_activation(draft, element):
            continue
        members, before, role = [element.name], [], _role(draft, element)
        for bundle in draft.into(element.name):
            if draft.element(bundle.tail[0]).kind == "crossbar" or not bundle.is_line:
                members.insert(0, bundle.tail[0])
                before.append(draft.element(bundle.tail[0]).layer)
        members += _joined_after(draft, element.name)
        start = draft.sites[-1].stop if draft.sites else 0
        size = element.port("out").width
        site = Site(element.layer, start, size, role, element.function, element.slope, tuple(members))
        draft.sites.append(site)
        draft.layer_sites[element.layer] = (site.name, "x")
        for layer in before:
            if layer != element.layer:
                draft.layer_sites[layer] = (site.name, "s")


def _precedes_its_activation(draft: Draft, element: Element) -> bool:
    """Whether an adder is joined to the activation that reads it."""
    joints = [bundle for bundle in draft.out_of(element.name) if not bundle.is_line]
    heads = [draft.element(joint.head[0]).kind for joint in joints]
    return element.kind == "adder" and heads == ["activation"]


def _joined_after(draft: Draft, name: str) -> list[str]:
    found = []
    for bundle in draft.out_of(name):
        if draft.element(bundle.head[0]).kind in ("fanout", "load"):
            found += [bundle.head[0], *_joined_after(draft, bundle.head[0])]
    return found


def _role(draft: Draft, element: Element) -> Literal["source", "inner", "output"]:
    if any(draft.element(name).kind == "load" for name in _joined_after(draft, element.name)):
        return "output"
    return "source" if element.kind == "source" else "inner"
