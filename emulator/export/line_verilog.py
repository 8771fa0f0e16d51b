"""Two-way lines and their terminations as Verilog-A: delayed waves at both ends, as Branin's method has them."""

from __future__ import annotations


def two_way_verilog(
    kind: str, far: bool, source: bool, stub: bool, pole: float, step: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Body and inner nodes of the module of a line.

    Parameters
    ----------
    kind : str
        ``line``, ``line_two_delays``, or ``line_lossy``, whose waves arrive with a gain and an offset.
    far, source, stub : bool
        Terminations at the far and at the source end, and whether they are stubs.
    pole : float
        Coefficient per step of its low-pass; 1 is none.
    step : float
        Seconds.
    """
    start = "end_" if source else "near"
    ahead, back = ("td", "td") if kind == "line" else ("tdf", "tdb")
    inner, branches, body = [], [f"branch ({start}) b1;", "branch (far, low) b2;"], []
    if source:
        inner.append(start)
        body.append(f"I(near,{start}) <+ V(near,{start})/rs;")
        if stub:
            inner.append("short")
            branches += [f"branch (near, {start}) b3;", "branch (short) b4;"]
            z = "(ls/tstub)"
            body += _line("b3", "b4", z, "tstub", "tstub") + ["I(bz) <+ 0;", "V(short) <+ 0;"][1:]
        else:
            inner.append("flux")
            branches.append(f"branch (near, {start}) b3;")
            body.append("V(b3) <+ ls*ddt(I(b3));")
    if far:
        inner.append("t")
        body.append("I(far,t) <+ V(far,t)/rt;")
        if stub:
            inner.append("open")
            branches += ["branch (t, low) b5;", "branch (open, low) b6;"]
            body += _line("b5", "b6", "(tstub/ct)", "tstub", "tstub")
        else:
            body.append("I(t,low) <+ ct*ddt(V(t,low));")
    carried = ("kf*", "kb*", "+2*vf", "+2*vb") if kind == "line_lossy" else ("", "", "", "")
    if pole < 1:
        inner += ["fy", "by"]
        ways = (("fy", "b1", ahead, *carried[::2]), ("by", "b2", back, *carried[1::2]))
        for y, branch, delay, gain, offset in ways:
            came = f"({gain}absdelay(V({branch})+z0*I({branch}), {delay}){offset})"
            body.append(f"V({y}) <+ {pole!r}*{came}+{1 - pole!r}*absdelay(V({y}), {step!r});")
        body += ["V(b1) <+ z0*I(b1)+V(by);", "V(b2) <+ z0*I(b2)+V(fy);"]
    else:
        body += _line("b1", "b2", "z0", ahead, back, carried)
    return (*branches, "analog begin", *body, "end"), tuple(name for name in inner if name != "flux")


def _line(
    one: str, other: str, z: str, ahead: str, back: str, carried: tuple[str, str, str, str] = ("", "", "", "")
) -> list[str]:
    """Both ends of a line; `carried` are gains forward and backward and offsets likewise, of its waves."""
    gain_ahead, gain_back, more_ahead, more_back = carried
    return [
        f"V({one}) <+ {z}*I({one})+{gain_back}absdelay(V({other})+{z}*I({other}), {back}){more_back};",
        f"V({other}) <+ {z}*I({other})+{gain_ahead}absdelay(V({one})+{z}*I({one}), {ahead}){more_ahead};",
    ]
