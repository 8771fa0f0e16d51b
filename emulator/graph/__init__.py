"""Scattering graphs: what a network becomes on a substrate."""

from emulator.graph.elements import Bundle, Element, Port, Site
from emulator.graph.graph import ScatteringGraph

__all__ = ["Bundle", "Element", "Port", "ScatteringGraph", "Site"]
