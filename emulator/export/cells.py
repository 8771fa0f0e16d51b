"""The library of cells: everything in a circuit that depends on the simulator, as cards of SPICE and as Verilog-A.

All cells work in volts. ``vfs`` below are volts per unit of state, ``rref`` ohms per unit of state over costate. A state
`x` is the voltage ``vfs x``; in the directional circuit a costate `lam` is the voltage ``vfs lam`` as well, in the bilateral
circuit it is the current ``vfs lam / rref`` out of the neuron, and the probe nodes of costates repeat it as ``vfs lam``.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np

from emulator.export.contract import ACTIVATION, pins
from emulator.export.design import SUPPLY
from emulator.export.options import Options
from emulator.export.two_way import TwoWayLines
from emulator.graph import ScatteringGraph, Site
from emulator.network import ACTIVATIONS, activation_function
from emulator.network.functions import KINK

#: volts by which the pre-activation rises in the gap at a kink, and of the gap in a transient and before
_FLAT, _GAP, _NONE = 1e-9, 1000.0, 1e-30
#: the same rise, and where the kink is, in Verilog-A
_FINE = 1e-12
_SCALES = (("vfs", 1.0), ("rref", 50.0))


@dataclass(frozen=True)
class Cell:
    """One cell.

    Parameters
    ----------
    name : str
        Without prefix.
    pins : tuple of str
    parameters : tuple of (name, default)
    spice : tuple of str
        Its cards for ngspice; parameters stand in braces.
    verilog : tuple of str
        The body of its module of Verilog-A.
    inner : tuple of str
        Nodes within that module.
    cells : tuple of str
        Other cells that its cards have instances of.
    """

    name: str
    pins: tuple[str, ...]
    parameters: tuple[tuple[str, float], ...]
    spice: tuple[str, ...]
    verilog: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()


def library(graph: ScatteringGraph, options: Options) -> list[Cell]:
    """The cells that this graph needs."""
    found = [_activation(*known, options) for known in activations(graph)]
    found += _synapses(graph, options)
    in_row = options.in_series or options.bilateral
    if options.bilateral:
        lines = TwoWayLines(graph, options)
        found += [Cell(*parts) for parts in lines.cells()]
        if not options.in_series:
            found.append(_GYRATOR)
        found.append(_SOURCE)
        found += _load(graph.loss, options, lines.law.kappa)
    else:
        found.append(_LINE)
        found += _load(graph.loss, options)
    if not in_row:
        found.append(_SUM)
    if options.in_series:
        found.append(Cell("join", ("a", "b"), (), ("V1 a b 0",), ("V(a,b) <+ 1e-15*I(a,b);",)))
    found.append(_BIAS_IN_SERIES if in_row else _BIAS)
    return found


_SUM = Cell(
    "sum", pins("sum", "directional", "gyrator"), _SCALES[1:], ("R1 node 0 {rref}",), ("I(node) <+ V(node)/rref;",)
)
_BIAS = Cell(
    "bias", pins("bias", "directional", "gyrator"), (("bias", 0.0), *_SCALES), ("I1 0 s {bias*vfs/rref}", "R1 s 0 {rref}"),
    ("I(s) <+ (V(s)-bias*vfs)/rref;",),
)  # fmt: skip
_BIAS_IN_SERIES = Cell(
    "bias", pins("bias", "bilateral", "gyrator"), (("bias", 0.0), *_SCALES), ("V1 s low {bias*vfs}",),
    ("V(s,low) <+ bias*vfs;",),
)  # fmt: skip
_GYRATOR = Cell(
    "gyrator", pins("gyrator", "bilateral", "gyrator"), _SCALES[1:],
    ("G1 a 0 b 0 {1/rref}", "G2 0 b a 0 {1/rref}"),
    ("I(a) <+ V(b)/rref;", "I(b) <+ -V(a)/rref;"),
)  # fmt: skip
_SOURCE = Cell(
    "source", pins("source", "bilateral", "gyrator"), _SCALES[1:], ("V1 pad x 0", "H1 lam 0 V1 {rref}"),
    ("V(pad,x) <+ 1e-15*I(pad,x);", "V(lam) <+ rref*I(pad,x);"),
)  # fmt: skip
#: matched; ``rel=10`` keeps ngspice from adding a breakpoint for every bend of a waveform
_LINE = Cell(
    "line", pins("line", "directional", "gyrator"), (("td", 1.0), ("z0", 50.0), ("rt", 50.0)),
    ("T1 near 0 far 0 Z0={z0} TD={td} rel=10", "R1 far 0 {rt}"),
    (
        "branch (near) b1;", "branch (far) b2;", "analog begin",
        "V(b1) <+ z0*I(b1)+absdelay(V(b2)+z0*I(b2), td);", "V(b2) <+ z0*I(b2)+absdelay(V(b1)+z0*I(b1), td);",
        "I(far) <+ V(far)/rt;", "end",
    ),
)  # fmt: skip


def activations(graph: ScatteringGraph) -> list[tuple[str, str, float]]:
    """Cell name, function and slope of the parameter of every activation in a graph, each once."""
    found: dict[tuple[str, float], str] = {}
    for site in graph.sites:
        if site.role != "source" and (key := activation_key(site)) not in found:
            same = sum(function == site.function for function, _ in found)
            found[key] = activation_cell(site.function, same)
    return [(name, function, slope) for (function, slope), name in found.items()]


def activation_cell(function: str, before: int = 0) -> str:
    """The cell of an activation after so many of its function with other parameters; functions without one have one cell."""
    label = re.sub(r"\W", "_", function)
    return label if ACTIVATIONS[function].of_slope is None else f"{label}{before}"


def activation_key(site: Site) -> tuple[str, float]:
    """What tells the activations of a graph apart."""
    return site.function, 0.0 if ACTIVATIONS[site.function].of_slope is None else site.slope


def site_cells(graph: ScatteringGraph) -> list[str]:
    """The cell of the neurons of every site."""
    names = {(function, slope): name for name, function, slope in activations(graph)}
    return ["source" if site.role == "source" else names[activation_key(site)] for site in graph.sites]


def neurons_of(graph: ScatteringGraph, cells: Container[str]) -> np.ndarray:
    """Which neurons (N,) are of one of these cells of activations."""
    own = [site.role != "source" and cell in cells for site, cell in zip(graph.sites, site_cells(graph), strict=True)]
    return np.repeat(own, [site.size for site in graph.sites])


def bent_cells(graph: ScatteringGraph) -> frozenset[str]:
    """Cells of the activations that have a kink, for which the bilateral circuit keeps a gap."""
    return frozenset(name for name, function, _ in activations(graph) if ACTIVATIONS[function].hinge)


def expression(text: str, argument: str, slope: float) -> str:
    """A formula of an activation with `argument` for ``u`` and `slope` for ``a``."""
    words = {"u": argument, "a": f"({slope!r})"}
    return re.sub(r"\b[ua]\b", lambda found: words[found.group()], text)


def _activation(name: str, function: str, slope: float, options: Options) -> Cell:
    """``x = phi(s)`` and ``mu = phi'(s) lam``; in the bilateral circuit `mu` is the current into ``s``."""
    ends = pins(ACTIVATION, options.circuit, options.synapse)
    value, derivative = (expression(text, "(V(s)/{vfs})", slope) for text in ACTIVATIONS[function].circuit())
    state = f"V={{vfs}}*({value})"
    costate = f"B2 mu 0 V=({derivative})*V(lam)"
    phi, slopes = (expression(text, "u", slope) for text in ACTIVATIONS[function].circuit("verilog_a"))
    if not options.bilateral:
        body: tuple[str, ...] = ("real u;", "analog begin", "u = V(s)/vfs;", f"V(x) <+ vfs*({phi});", f"V(mu) <+ ({slopes})*V(lam);",
                "end")  # fmt: skip
        return Cell(name, ends, _SCALES, (f"B1 x 0 {state}", costate), body)
    ahead = (f"B1 drive 0 {state}", "V1 drive x 0", "H1 lam 0 V1 {rref}")
    known = activation_function(function, slope)
    begin = ("V(drive) <+ vfs*({});", "V(drive,x) <+ 1e-15*I(drive,x);", "V(lam) <+ rref*I(drive,x);")
    if known.hinge:
        low = 0.0 - float(known.phi(np.array([-1.0]))[0])
        kink = _bend_verilog(low)
        body = ("branch (s) bs;", "real u, gap, share, rest;", "analog begin", "u = V(s)/vfs;", begin[0].format(phi), *begin[1:], *kink,
                "end")  # fmt: skip
        parameters = (*_SCALES, ("tgap", 0.0))
        return Cell(name, ends, parameters, (*ahead, *_bend(low)), body, ("drive", "v"))
    body = ("real u;", "analog begin", "u = V(s)/vfs;", begin[0].format(phi), *begin[1:],
            f"V(mu) <+ ({slopes})*V(lam);", "I(s) <+ V(mu)/rref;", "end")  # fmt: skip
    return Cell(name, ends, _SCALES, (*ahead, costate, "G1 s 0 mu 0 {1/rref}"), body, ("drive",))


def _bend(low: float) -> Iterator[str]:
    """``mu`` of a function with a kink; ``u`` is its pre-activation, with a gap of ``V(gap)`` at the kink.

    With a costate above 0 a neuron may have no answer but at the kink, where it passes on whatever share of the costate
    balances its lines: in the gap the share rises from `low` to 1 while the pre-activation rests. With a costate below 0
    it snaps from one side to the other: an iterate in the gap goes on to the side that it was about to reach. At rest no
    neuron needs the gap, and a simulator finds the operating point better without one: it opens when a transient begins.
    """

    def sides(below: str, rising: str, to_below: str, to_above: str, above: str) -> str:
        gap = f"(V(lam)>0 ? {rising} : (V(u)>0.5*V(gap) ? {to_below} : {to_above}))"
        return f"(V(u)>0 ? (V(u)>V(gap) ? {above} : {gap}) : {below})"

    share = sides(repr(low), f"{low!r}+{1 - low!r}*V(u)/V(gap)", repr(low), "1", "1")
    rest = sides("V(u)", f"{_FLAT!r}*V(u)/V(gap)", "V(u)", "V(u)-V(gap)", f"V(u)-V(gap)+{_FLAT!r}")
    yield f"B2 gap 0 V=(time>{{tgap}} ? {_GAP!r} : {_NONE!r})"
    yield f"B3 mu 0 V=V(lam)*{share}"
    yield f"B4 s sm V={float(KINK)!r}*{{vfs}}+{rest}"
    yield "V2 sm 0 0"
    yield "B5 0 u I=V(mu)/{rref}-I(V2)"


def _bend_verilog(low: float) -> Iterator[str]:
    """The same as Verilog-A; its inner node ``v`` is the pre-activation with the gap.

    Where the kink is and how far the gap rises are places by which waves differ from brian2's, and small waves by more than
    a millionth: compilers of Verilog-A are held to less.
    """
    yield f"gap = ($abstime > tgap) ? {_GAP!r} : {_NONE!r};"
    yield f"if (V(v) <= 0) begin share = {low!r}; rest = V(v); end"
    yield f"else if (V(v) > gap) begin share = 1; rest = V(v)-gap+{_FINE!r}; end"
    yield f"else if (V(lam) > 0) begin share = {low!r}+{1 - low!r}*V(v)/gap; rest = {_FINE!r}*V(v)/gap; end"
    yield f"else if (V(v) > 0.5*gap) begin share = {low!r}; rest = V(v); end"
    yield "else begin share = 1; rest = V(v)-gap; end"
    yield "V(mu) <+ V(lam)*share;"
    yield f"V(bs) <+ {_FINE!r}*vfs+rest;"
    yield "I(v) <+ I(bs)-V(mu)/rref;"


def _synapses(graph: ScatteringGraph, options: Options) -> Iterator[Cell]:
    """One weight, both ways; in synapse wiring together with its two lines."""
    parameters = (("w", 1.0), *_SCALES)
    cards: tuple[str, ...]
    ahead, back = "I(s) <+ -w/rref*V(x);", "I(lam) <+ -w/rref*V(mu);"
    match options.circuit, options.synapse:
        case "directional", "gyrator":
            cards = ("G1 0 s x 0 {w/rref}", "G2 0 lam mu 0 {w/rref}")
            body: tuple[str, ...] = (ahead, back)
        case "directional", _:
            cards = ("E1 s s0 x 0 {w}", "E2 lam lam0 mu 0 {w}")
            body = ("V(s,s0) <+ w*V(x);", "V(lam,lam0) <+ w*V(mu);")
        case _, "gyrator":
            cards = ("G1 0 column x 0 {w/rref}", "G2 x 0 column 0 {w/rref}")
            body = ("I(column) <+ -w/rref*V(x);", "I(x) <+ w/rref*V(column);")
        case _:
            cards = ("V1 s0 m 0", "E1 s m x 0 {w}", "F1 x 0 V1 {w}")
            body = ("V(s,s0) <+ w*V(x);", "I(x) <+ -w*I(s,s0);")
    ends = pins("synapse", options.circuit, options.synapse)
    yield Cell("synapse", ends, parameters, cards, body)
    if graph.wiring == "synapse":
        there, returning = f"absdelay({_wave('x')}, tdf)", f"absdelay({_wave('mu')}, tdb)"
        delayed = tuple(part.replace("V(x)", there).replace("V(mu)", returning) for part in body)
        inner = " ".join({"x": "xf", "mu": "muf"}.get(pin, pin) for pin in ends)
        cards = (
            "Xf x xf line td={tdf} z0={rref} rt={rref}", "Xb mu muf line td={tdb} z0={rref} rt={rref}",
            f"Xw {inner} synapse w={{w}} vfs={{vfs}} rref={{rref}}",
        )  # fmt: skip
        times = (("tdf", 1.0), ("tdb", 1.0))
        yield Cell("synapse_line", ends, (*parameters, *times), cards, delayed)


def _wave(node: str) -> str:
    return f"V({node})"


def _load(loss: str, options: Options, kappa: float = 1.0) -> Iterator[Cell]:
    """``dLoss/dx`` into the costate of the output (or, as a current, out of it); `kappa` multiplies a squared loss."""
    series = options.in_series and not options.bilateral
    joined = pins("load", options.circuit, options.synapse, loss)
    ends, branch = (
        ("x 0", "I(x)") if options.bilateral else ("lam lam0", "V(lam,lam0)") if series else ("0 lam", "I(lam)")
    )
    sign = "" if options.bilateral or series else "-"
    if loss == "mse":
        card = f"E1 {ends} x y 1" if series else f"G1 {ends} x y {{{kappa!r}/rref}}"
        body = f"{branch} <+ V(x,y);" if series else f"{branch} <+ {sign}{kappa!r}/rref*V(x,y);"
        yield Cell("load", joined, _SCALES, (card,), (body,))
        return
    # no exponent is above 0 at the solution; a simulator's first guesses would overflow
    share = "{vfs}*exp(min(V(x)-V(lse),0)/{vfs})-V(y)"
    driven = f"V={share}" if series else f"I=({share})/{{rref}}"
    plain = "(vfs*exp(min(V(x)-V(lse),0)/vfs)-V(y))"
    body = f"{branch} <+ {plain};" if series else f"{branch} <+ {sign}{plain}/rref;"
    volts = _SCALES[:1]
    yield Cell("larger", ("a", "b", "c", *SUPPLY), (), ("B1 c 0 V=(V(a)>V(b) ? V(a) : V(b))",),
               ("V(c) <+ (V(a) > V(b)) ? V(a) : V(b);",))  # fmt: skip
    yield Cell("exponential", ("x", "top", "total", *SUPPLY), volts,
               ("B1 0 total I=exp(min(V(x)-V(top),0)/{vfs})",), ("I(total) <+ -exp(min(V(x)-V(top),0)/vfs);",))  # fmt: skip
    yield Cell(
        "logsum", ("total", "top", "lse", *SUPPLY), volts,
        ("R1 total 0 1", "B1 lse 0 V=V(top)+{vfs}*ln(V(total)>0.5 ? V(total) : 0.5)"),
        ("I(total) <+ V(total);", "V(lse) <+ V(top)+vfs*ln((V(total) > 0.5) ? V(total) : 0.5);"),
    )  # fmt: skip
    yield Cell("load", joined, _SCALES, (f"B1 {ends} {driven}",), (body,))
