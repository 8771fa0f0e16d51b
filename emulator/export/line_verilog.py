"""Two-way lines and their terminations as Verilog-A: delayed waves at both ends, as Branin's method has them."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.export.line_cells import LineKind


def two_way_verilog(
    kind: LineKind, far: bool, source: bool, stub: bool, pole: float, step: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Body and inner nodes of the module of a line.

    Parameters
    ----------
    kind : LineKind
    far, source, stub : bool
        Terminations at the far and at the source end, and whether they are stubs.
    pole : float
        Coefficient per step of its low-pass; 1 is none.
    step : float
        Seconds.
    """
    start = "end_" if source else "near"
    inner, branches, body = [], [f"branch ({start}) p1;", "branch (far, low) p2;"], []
    if source:
        inner.append(start)
        branches += [f"branch (near, {start}) p3;", f"branch (near, {start}) p4;"]
        body.append("I(p4) <+ V(p4)/rs;")
        body.append(_stub("p3", "(ls/tstub)", "-") if stub else "V(p3) <+ ls*ddt(I(p3));")
    if far:
        inner.append("t")
        branches.append("branch (t, low) p5;")
        body.append("I(far,t) <+ V(far,t)/rt;")
        body.append(_stub("p5", "(tstub/ct)", "+") if stub else "I(p5) <+ ct*ddt(V(p5));")
    if pole < 1:
        inner += ["fy", "by"]
    body += _line(kind, pole, step)
    return (*branches, "analog begin", *body, "end"), tuple(inner)


def _line(kind: LineKind, pole: float, step: float) -> Iterator[str]:
    """Both ends of a line: twice the wave that arrives behind the impedance."""
    ahead, back = ("td", "td") if kind.plain else ("tdf", "tdb")
    near, far = "V(p1)+z0*I(p1)", "V(p2)+z0*I(p2)"
    to_far, to_near = (far, near) if kind.broken else (near, far)
    stuck = (kind.stuck_far, kind.stuck_near) if kind.broken else (kind.stuck_near, kind.stuck_far)
    level = ("sf", "sn") if kind.broken else ("sn", "sf")
    for way, end, left, delay, fixed, wave in (
        ("b", "p1", to_near, back, stuck[1], level[1]), ("f", "p2", to_far, ahead, stuck[0], level[0]),
    ):  # fmt: skip
        came = f"2*{wave}" if fixed else f"absdelay({left}, {delay})"
        if kind.beside:
            yield f"V({way}1) <+ 0.5*{came};"
            came = f"2*((1-2*xt)*V({way}1)+xt*(V({way}l)+V({way}r)))"
        if kind.passes:
            came = f"k{way}*{came}+2*v{way}"
        if pole < 1:
            yield f"V({way}y) <+ {pole!r}*({came})+{1 - pole!r}*absdelay(V({way}y), {step!r});"
            came = f"V({way}y)"
        yield f"V({end}) <+ z0*I({end})+{came};"


def _stub(branch: str, z: str, sign: str) -> str:
    """A lossless line of the delay of a stub, open at its other end (+) or shorted (-): its own wave comes back."""
    return f"V({branch}) <+ {z}*I({branch}){sign}absdelay(V({branch})+{z}*I({branch}), 2*tstub);"
