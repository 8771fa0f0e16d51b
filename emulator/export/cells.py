"""The library of cells: everything in an exported circuit that depends on the simulator, written for ngspice.

All cells work in volts. ``V`` below is volts per unit of state, ``R`` ohms per unit of state over costate. A state `x`
is the voltage ``V x``; in the directional circuit a costate `lam` is the voltage ``V lam`` as well, in the bilateral
circuit it is the current ``V lam / R`` out of the neuron, and the probe nodes of costates repeat it as ``V lam`` volts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from emulator.export.options import Options
from emulator.export.two_way import TwoWayLines
from emulator.graph import ScatteringGraph, Site
from emulator.network import ACTIVATIONS, activation_function
from emulator.network.functions import KINK

#: volts by which the pre-activation rises in the gap at a kink
_FLAT = 1e-9


def library(graph: ScatteringGraph, options: Options) -> Iterator[str]:
    """Lines of the library: the cells that this graph needs, each as one subcircuit."""
    if options.bilateral and bent(graph):
        yield ".global gap"
        yield ""
    for name, function, slope in activations(graph):
        yield from _activation(name, function, slope, options)
    yield from _synapse(graph, options)
    if options.bilateral:
        yield from _two_way(TwoWayLines(graph, options), graph.loss, options)
        return
    yield from _line(options)
    if not options.in_series:
        yield from _cell("sum node", f"R node 0 {options.ohms!r}")
    yield from _load(graph.loss, options)


def _two_way(lines: TwoWayLines, loss: str, options: Options) -> Iterator[str]:
    """Lines, what joins them to crossbars, sources and load of the bilateral circuit."""
    for head, cards in lines.cells():
        yield from _cell(head, *cards)
    if not options.in_series:
        yield from _cell("gyrator a b", f"Ga a 0 b 0 {1 / options.ohms!r}", f"Gb 0 b a 0 {1 / options.ohms!r}")
    yield from _cell("source pad x lam", "Vl pad x 0", f"Hl lam 0 Vl {options.ohms!r}")
    yield from _load(loss, options, lines.law.kappa)


def activations(graph: ScatteringGraph) -> list[tuple[str, str, float]]:
    """Cell name, function and slope of the parameter of every activation in a graph, each once."""
    found: dict[tuple[str, float], str] = {}
    for site in graph.sites:
        if site.role != "source" and (key := activation_key(site)) not in found:
            same = sum(function == site.function for function, _ in found)
            label = re.sub(r"\W", "_", site.function)
            found[key] = label if ACTIVATIONS[site.function].of_slope is None else f"{label}{same}"
    return [(name, function, slope) for (function, slope), name in found.items()]


def activation_key(site: Site) -> tuple[str, float]:
    """What tells the activations of a graph apart."""
    return site.function, 0.0 if ACTIVATIONS[site.function].of_slope is None else site.slope


def bent(graph: ScatteringGraph) -> bool:
    """Whether a function of the graph has a kink, which the bilateral circuit keeps a gap for."""
    return any(ACTIVATIONS[site.function].hinge for site in graph.sites if site.role != "source")


def expression(text: str, argument: str, slope: float) -> str:
    """A formula of an activation with `argument` for ``u`` and `slope` for ``a``."""
    words = {"u": argument, "a": f"({slope!r})"}
    return re.sub(r"\b[ua]\b", lambda found: words[found.group()], text)


def _cell(ports: str, *cards: str) -> Iterator[str]:
    yield f".subckt {ports}"
    yield from cards
    yield ".ends"
    yield ""


def _activation(name: str, function: str, slope: float, options: Options) -> Iterator[str]:
    """``x = phi(s)`` and ``mu = phi'(s) lam``; in the bilateral circuit `mu` is the current into ``s``."""
    volts, ohms = options.volts, options.ohms
    argument = "V(s)" if volts == 1.0 else f"(V(s)/{volts!r})"
    value, derivative = (expression(text, argument, slope) for text in ACTIVATIONS[function].circuit())
    state = f"V={value}" if volts == 1.0 else f"V={volts!r}*{value}"
    costate = f"Bm mu 0 V={derivative}*V(lam)"
    if not options.bilateral:
        yield from _cell(f"{name} s x lam mu", f"Bx x 0 {state}", costate)
        return
    ahead = f"Bx drive 0 {state}", "Vl drive x 0", f"Hl lam 0 Vl {ohms!r}"
    known = activation_function(function, slope)
    if known.hinge:
        low = 0.0 - float(known.phi(np.array([-1.0]))[0])
        yield from _cell(f"{name} s x lam mu", *ahead, *_bend(low, options))
    else:
        yield from _cell(f"{name} s x lam mu", *ahead, costate, f"Gm s 0 mu 0 {1 / ohms!r}")


def _bend(low: float, options: Options) -> Iterator[str]:
    """``mu`` of a function with a kink; ``u`` is its pre-activation, with a gap of ``V(gap)`` at the kink.

    With a costate above 0 a neuron may have no answer but at the kink, where it passes on whatever share of the costate
    balances its lines: in the gap the share rises from `low` to 1 while the pre-activation rests. With a costate below 0
    it snaps from one side to the other: an iterate in the gap goes on to the side that it was about to reach. At rest no
    neuron needs the gap, and a simulator finds the operating point better without one: it opens when a transient begins.
    """
    volts, ohms = options.volts, options.ohms

    def sides(below: str, rising: str, to_below: str, to_above: str, above: str) -> str:
        gap = f"(V(lam)>0 ? {rising} : (V(u)>0.5*V(gap) ? {to_below} : {to_above}))"
        return f"(V(u)>0 ? (V(u)>V(gap) ? {above} : {gap}) : {below})"

    share = sides(repr(low), f"{low!r}+{1 - low!r}*V(u)/V(gap)", repr(low), "1", "1")
    rest = sides("V(u)", f"{_FLAT!r}*V(u)/V(gap)", "V(u)", "V(u)-V(gap)", f"V(u)-V(gap)+{_FLAT!r}")
    yield f"Bm mu 0 V=V(lam)*{share}"
    yield f"Bs s sm V={float(KINK) * volts!r}+{rest}"
    yield "Vm sm 0 0"
    yield f"Bu 0 u I=V(mu)/{ohms!r}-I(Vm)"


def _synapse(graph: ScatteringGraph, options: Options) -> Iterator[str]:
    """One weight, both ways; in synapse wiring together with its two lines."""
    per_ohm = f"{{w/{options.ohms!r}}}"
    match options.circuit, options.synapse:
        case "directional", "gyrator":
            yield from _cell("synapse x s mu lam w=1", f"Gf 0 s x 0 {per_ohm}", f"Gb 0 lam mu 0 {per_ohm}")
            if graph.wiring == "synapse":
                yield from _lined("synapse_line x s mu lam w=1 tdf=1 tdb=1", "s", "lam", options)
        case "directional", _:
            yield from _cell("synapse x s0 s mu lam0 lam w=1", "Ef s s0 x 0 {w}", "Eb lam lam0 mu 0 {w}")
            if graph.wiring == "synapse":
                yield from _lined("synapse_line x s0 s mu lam0 lam w=1 tdf=1 tdb=1", "s0 s", "lam0 lam", options)
        case _, "gyrator":
            yield from _cell("synapse x column w=1", f"Gf 0 column x 0 {per_ohm}", f"Gb x 0 column 0 {per_ohm}")
        case _:
            yield from _cell("synapse x s0 s w=1", "Vm s0 m 0", "Ef s m x 0 {w}", "Fb x 0 Vm {w}")


def _lined(ports: str, forward: str, backward: str, options: Options) -> Iterator[str]:
    lines = "Xf x xf line td={tdf}", "Xb mu muf line td={tdb}"
    yield from _cell(ports, *lines, f"Xw xf {forward} muf {backward} synapse w={{w}}")


def _line(options: Options) -> Iterator[str]:
    """A matched line; ``rel=10`` keeps ngspice from adding a breakpoint for every bend of a waveform."""
    ohms = options.ohms
    yield from _cell("line near far td=1", f"T near 0 far 0 Z0={ohms!r} TD={{td}} rel=10", f"R far 0 {ohms!r}")


def _load(loss: str, options: Options, kappa: float = 1.0) -> Iterator[str]:
    """``dLoss/dx`` into the costate of the output (or, as a current, out of it); `kappa` multiplies a squared loss."""
    volts, ohms = options.volts, options.ohms
    series = options.in_series and not options.bilateral
    ports = "x y" if options.bilateral else "x y lam0 lam" if series else "x y lam"
    ends = "x 0" if options.bilateral else "lam lam0" if series else "0 lam"
    if loss == "mse":
        yield from _cell(f"load {ports}", f"El {ends} x y 1" if series else f"Gl {ends} x y {kappa / ohms!r}")
        return
    # no exponent is above 0 at the solution; a simulator's first guesses would overflow
    scaled = "" if volts == 1.0 else f"/{volts!r}"
    share = f"{volts!r}*exp(min(V(x)-V(lse),0){scaled})-V(y)"
    driven = f"V={share}" if series else f"I=({share})/{ohms!r}"
    yield from _cell("larger a b c", "Bm c 0 V=(V(a)>V(b) ? V(a) : V(b))")
    yield from _cell("exponential x top total", f"Be 0 total I=exp(min(V(x)-V(top),0){scaled})")
    cards = "Rz total 0 1", f"Bl lse 0 V=V(top)+{volts!r}*ln(V(total)>0.5 ? V(total) : 0.5)"
    yield from _cell("logsum total top lse", *cards)
    yield from _cell(f"load x lse {ports[2:]}", f"Bl {ends} {driven}")
