"""Sizes a synapse and a tanh neuron of operational transconductance amplifiers: ``python -m emulator.export.examples.ota``.

A pair of square-law transistors with the tail current I carries ``I f(v sqrt(beta/I))``, ``f(v) = v sqrt(1 - v^2/4)`` up to
``v = sqrt(2)``, where one of them has all of it. That is no tanh: the best single pair is 7 % of full scale off, three pairs of
different widths side by side 0.6 %, and `shares` finds them. The costate needs the slope: it is the difference of two such
banks, ``phi(s + eps lam) - phi(s - eps lam)``, so that it is the slope of the transistors, not that of a formula. Synapses are
linear pairs with a resistor between their sources, whose currents are mirrored in the ratio of the weight, each way on its own.
All sizes are expressions of ``vfs``, ``rref`` and the technology, so that a corner may change it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.optimize import minimize

#: pairs of a bank, overdrive of a linear pair and of mirrors (V), and what channel-length modulation adds to a pair's width
PAIRS, LINEAR, MIRROR, WIDER = 3, 0.15, 0.2, 1.05
FILE = Path(__file__).with_suffix(".inc")

HEAD = """\
* a synapse and a tanh neuron at transistor level: level-1 MOS models, sized by emulator/export/examples/ota.py
* states and costates are voltages of full scale vfs, into rref; supplies are 1.8 V and -1.8 V
* mm=1 draws every pair and mirror with its mismatch: avt is V um of threshold, over the root of the gate's area
.param kpn=200u kpp=80u vton=0.5 vtop=0.5 lambda=0.05 avt=3.5m eps=0.2
.model nch nmos level=1 kp={kpn} vto={vton} lambda={lambda} tox=4n cgso=0.3n cgdo=0.3n tnom=27
.model pch pmos level=1 kp={kpp} vto={-vtop} lambda={lambda} tox=4n cgso=0.3n cgdo=0.3n tnom=27
"""

PARTS = """\
* a linear pair: the currents into left and right differ by V(a)/rref
.subckt linear a left right vdd vss vfs=0.2 rref=20k mm=0 temp=27
.param ib={2*vfs/rref} wp={ib*2/kpn/%(linear)r/%(linear)r} wm={ib*2/kpn/%(mirror)r/%(mirror)r}
Ib vdd nb {ib}
Mb nb nb vss vss nch w={wm*1u} l=1u temp={temp}
M1 sl nb vss vss nch w={wm*1u} l=1u temp={temp}
M2 sr nb vss vss nch w={wm*1u} l=1u temp={temp}
Vo a ao {mm*agauss(0,avt/sqrt(wp),1)}
M3 left ao sl vss nch w={wp*1u} l=1u temp={temp}
M4 right 0 sr vss nch w={wp*1u} l=1u temp={temp}
Rs sl sr {2.03*rref-rref*%(linear)r/vfs/2}
.ends

* a cascoded pair of diodes, and copies of its current
.subckt diode in gate vdd i=10u temp=27
M1 gate gate vdd vdd pch w={i*2/kpp/%(mirror)r/%(mirror)r*1u} l=1u temp={temp}
M2 in in gate vdd pch w={i*2/kpp/%(mirror)r/%(mirror)r*1u} l=1u temp={temp}
.ends
.subckt copy out in gate vdd i=10u mult=1 mm=0 temp=27
.param w0={i*2/kpp/%(mirror)r/%(mirror)r}
M1 a gate vdd vdd pch w={w0*1u} l=1u m={mult*(1+mm*agauss(0,2*avt/sqrt(w0)/%(mirror)r,1))} temp={temp}
M2 out in a vdd pch w={w0*1u} l=1u m={mult} temp={temp}
.ends
.subckt sink in out vss i=10u mult=1 mm=0 temp=27
.param w0={i*2/kpn/%(mirror)r/%(mirror)r}
M1 g g vss vss nch w={w0*1u} l=1u m={mult} temp={temp}
M2 in in g vss nch w={w0*1u} l=1u m={mult} temp={temp}
M3 b g vss vss nch w={w0*1u} l=1u m={mult*(1+mm*agauss(0,2*avt/sqrt(w0)/%(mirror)r,1))} temp={temp}
M4 out in b vss nch w={w0*1u} l=1u m={mult} temp={temp}
.ends

* the current w V(a)/rref into out
.subckt weigh a out vdd vss w=1 vfs=0.2 rref=20k mm=0 temp=27
.param ib={2*vfs/rref} up={max(w,0)+1e-6} down={max(-w,0)+1e-6}
X1 a l r vdd vss linear vfs={vfs} rref={rref} mm={mm} temp={temp}
X2 l lg vdd diode i={ib} temp={temp}
X3 r rg vdd diode i={ib} temp={temp}
X4 out l lg vdd copy i={ib} mult={up} mm={mm} temp={temp}
X5 out r rg vdd copy i={ib} mult={down} mm={mm} temp={temp}
X6 m r rg vdd copy i={ib} mult={up} mm={mm} temp={temp}
X7 m l lg vdd copy i={ib} mult={down} mm={mm} temp={temp}
X8 m out vss sink i={ib} mult={up+down} mm={mm} temp={temp}
.ends

* the voltage in, able to drive a line: two stages, fed back
.subckt follow in out vdd vss vfs=0.2 rref=20k mm=0 temp=27
.param ib={20*vfs/rref} wp={ib/kpn/%(linear)r/%(linear)r}
Ib vdd nb {ib}
Mb nb nb vss vss nch w={ib*2/kpn/%(mirror)r/%(mirror)r*0.5u} l=0.5u temp={temp}
M1 t nb vss vss nch w={ib*2/kpn/%(mirror)r/%(mirror)r*0.5u} l=0.5u temp={temp}
Vo out oo {mm*agauss(0,avt/sqrt(wp*0.25),1)}
M2 d1 oo t vss nch w={wp*0.5u} l=0.5u temp={temp}
M3 d2 in t vss nch w={wp*0.5u} l=0.5u temp={temp}
M4 d1 d1 vdd vdd pch w={ib/kpp/%(mirror)r/%(mirror)r*0.5u} l=0.5u temp={temp}
M5 d2 d1 vdd vdd pch w={ib/kpp/%(mirror)r/%(mirror)r*0.5u} l=0.5u temp={temp}
M6 out d2 vdd vdd pch w={2*ib/kpp/%(mirror)r/%(mirror)r*0.5u} l=0.5u temp={temp}
M7 out nb vss vss nch w={ib*2/kpn/%(mirror)r/%(mirror)r*0.5u} l=0.5u temp={temp}
Rz d2 z {rref/20}
Cz z out 0.2p
.ends
"""

CELLS = """\
.subckt synapse x s mu lam vdd vss w=1 vfs=0.2 rref=20k mm=0 temp=27
X1 x s vdd vss weigh w={w} vfs={vfs} rref={rref} mm={mm} temp={temp}
X2 mu lam vdd vss weigh w={w} vfs={vfs} rref={rref} mm={mm} temp={temp}
.ends

.subckt tanh s x lam mu vdd vss vfs=0.2 rref=20k mm=0 temp=27
.param it={vfs/rref} ib={2*vfs/rref}
* x = phi(s)
X1 s 0 l r vdd vss bank vfs={vfs} rref={rref} mm={mm} temp={temp}
X2 l lg vdd diode i={it} temp={temp}
X3 r rg vdd diode i={it} temp={temp}
X4 v l lg vdd copy i={it} mm={mm} temp={temp}
X5 m r rg vdd copy i={it} mm={mm} temp={temp}
X6 m v vss sink i={it} mm={mm} temp={temp}
R1 v 0 {rref}
X7 v x vdd vss follow vfs={vfs} rref={rref} mm={mm} temp={temp}
* eps lam, both ways round
X10 lam al ar vdd vss linear vfs={vfs} rref={rref} mm={mm} temp={temp}
X11 al alg vdd diode i={ib} temp={temp}
X12 ar arg vdd diode i={ib} temp={temp}
X13 up al alg vdd copy i={ib} mm={mm} temp={temp}
X14 mu1 ar arg vdd copy i={ib} mm={mm} temp={temp}
X15 mu1 up vss sink i={ib} mm={mm} temp={temp}
R2 up 0 {eps*rref}
X16 down ar arg vdd copy i={ib} mm={mm} temp={temp}
X17 mu2 al alg vdd copy i={ib} mm={mm} temp={temp}
X18 mu2 down vss sink i={ib} mm={mm} temp={temp}
R3 down 0 {eps*rref}
* phi(s + eps lam) - phi(s - eps lam), over 2 eps
X20 s down dl dr vdd vss bank vfs={vfs} rref={rref} mm={mm} temp={temp}
X21 s up dr dl vdd vss bank vfs={vfs} rref={rref} mm={mm} temp={temp}
X22 dl dlg vdd diode i={it} temp={temp}
X23 dr drg vdd diode i={it} temp={temp}
X24 u dl dlg vdd copy i={it} mm={mm} temp={temp}
X25 mu3 dr drg vdd copy i={it} mm={mm} temp={temp}
X26 mu3 u vss sink i={it} mm={mm} temp={temp}
R4 u 0 {rref/2/eps}
X27 u mu vdd vss follow vfs={vfs} rref={rref} mm={mm} temp={temp}
.ends
"""


def pair(v: np.ndarray) -> np.ndarray:
    """Difference of a square-law pair's currents, over their sum."""
    return np.where(np.abs(v) < np.sqrt(2), v * np.sqrt(np.maximum(1 - v * v / 4, 0)), np.sign(v))


def shares(count: int = PAIRS) -> tuple[np.ndarray, np.ndarray]:
    """Slopes, and shares of the current, of the pairs that are nearest to a tanh, with their slopes nearest to its slope."""
    u = np.linspace(-4, 4, 401)

    def parts(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = np.exp(p[count:])
        return np.exp(p[:count]), share / share.sum()

    def loss(p: np.ndarray) -> float:
        slopes, share = parts(p)
        y = pair(np.outer(u, slopes)) @ share
        off, steeper = y - np.tanh(u), np.gradient(y, u) - np.cosh(u) ** -2
        return float(3 * (off**8).mean() ** (1 / 8) + np.sqrt((steeper**2).mean()))

    start = np.concatenate([np.linspace(-0.5, 0.5, count), np.zeros(count)])
    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 8000, "maxfev": 8000, "xatol": 1e-6})
    slopes, share = parts(found.x)
    return slopes.round(4), share.round(4)


def bank() -> str:
    """Pairs side by side, whose currents differ by ``vfs/rref tanh((V(a)-V(b))/vfs)``."""
    lines = [
        "* pairs whose currents into left and right differ by vfs/rref tanh((V(a)-V(b))/vfs)",
        ".subckt bank a b left right vdd vss vfs=0.2 rref=20k mm=0 temp=27",
        f".param it={{vfs/rref}} wm={{it*2/kpn/{MIRROR!r}/{MIRROR!r}}}",
        "Ib vdd nc {it}",
        "Mc nc nc nb vss nch w={wm*1u} l=1u temp={temp}",
        "Mb nb nb vss vss nch w={wm*1u} l=1u temp={temp}",
    ]
    for k, (slope, share) in enumerate(zip(*shares(), strict=True)):
        lines += [
            f".param w{k}={{{float(slope**2 * share / WIDER):.6g}*it/kpn/(vfs*vfs)*2}}",
            f"Mt{k} q{k} nb vss vss nch w={{wm*1u}} l=1u m={float(share)!r} temp={{temp}}",
            f"Mu{k} t{k} nc q{k} vss nch w={{wm*1u}} l=1u m={float(share)!r} temp={{temp}}",
            f"Vo{k} a a{k} {{mm*agauss(0,avt/sqrt(w{k}*2),1)}}",
            f"Ma{k} left a{k} t{k} vss nch w={{w{k}*1u}} l=2u temp={{temp}}",
            f"Mb{k} right b t{k} vss nch w={{w{k}*1u}} l=2u temp={{temp}}",
        ]
    return "\n".join([*lines, ".ends", ""])


def text() -> str:
    """The file of cells."""
    return "\n".join([HEAD, PARTS % {"linear": LINEAR, "mirror": MIRROR}, bank(), CELLS])


if __name__ == "__main__":
    FILE.write_text(text(), encoding="ascii", newline="\n")
