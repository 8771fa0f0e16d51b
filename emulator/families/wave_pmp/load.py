"""The implicit load of a cross-entropy: the state that agrees with its own answer, ``x + Z grad l(x) = 2 a``.

With ``M = Z^-1`` it is the least of ``(x - 2a)^T M (x - 2a)/2 + l(x) + shunt |x|^2/2``, which is convex: Newton's method
with halved steps finds it from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.layout import Ints
from emulator.engine.native import Arrays, native
from emulator.network import softmax

#: Newton's steps, halvings of each, and the change below which it ends
MOST, HALVED, ROUNDING = 60, 40, 4e-16
_C = f"""
static double load_energy(int n, const double* x, const double* open, const double* mass, const double* shunt,
                          const double* target, double on, double* slope, double* p)
{{
    double most = -HUGE_VAL, sum = 0.0, energy = 0.0;
    for (int i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (int i = 0; i < n; i++)
        sum += exp(x[i] - most);
    for (int i = 0; i < n; i++)
    {{
        p[i] = on*exp(x[i] - most)/sum;
        double pull = 0.0;
        for (int j = 0; j < n; j++)
            pull += mass[i*n + j]*(x[j] - open[j]);
        slope[i] = pull + p[i] - on*target[i] + shunt[i]*x[i];
        energy += (x[i] - open[i])*pull/2 - on*target[i]*x[i] + shunt[i]*x[i]*x[i]/2;
    }}
    return energy + on*(most + log(sum));
}}
static int solve_load(int n)
{{
    double x[n], tried[n], open[n], shunt[n], target[n], slope[n], p[n], change[n], mass[n*n], bend[n*n];
    const double on = @LOAD[@AT[0]];
    for (int i = 0; i < n; i++)
    {{
        const int k = @AT[i];
        open[i] = 2.0*@WAVE[k];
        x[i] = isfinite(@ENDED[k]) ? @ENDED[k] : 0.0;
        shunt[i] = @SHUNT[k];
        target[i] = @EXT[k];
        for (int j = 0; j < n; j++)
            mass[i*n + j] = @PAIR;
    }}
    double energy = load_energy(n, x, open, mass, shunt, target, on, slope, p);
    for (int step = 0; step < {MOST} && isfinite(energy); step++)
    {{
        for (int i = 0; i < n; i++)
        {{
            change[i] = slope[i];
            for (int j = 0; j < n; j++)
                bend[i*n + j] = mass[i*n + j] - p[i]*p[j] + (i == j ? p[i] + shunt[i] : 0.0);
        }}
        for (int k = 0; k < n; k++)  // elimination; the matrix is positive definite
            for (int i = k + 1; i < n; i++)
            {{
                const double part = bend[i*n + k]/bend[k*n + k];
                for (int j = k; j < n; j++)
                    bend[i*n + j] -= part*bend[k*n + j];
                change[i] -= part*change[k];
            }}
        double largest = 0.0, size = 0.0;
        for (int i = n - 1; i >= 0; i--)
        {{
            for (int j = i + 1; j < n; j++)
                change[i] -= bend[i*n + j]*change[j];
            change[i] /= bend[i*n + i];
            largest = fabs(change[i]) > largest ? fabs(change[i]) : largest;
            size = fabs(x[i]) > size ? fabs(x[i]) : size;
        }}
        double share = 1.0, now = energy;
        for (int k = 0; k < {HALVED}; k++, share *= 0.5)
        {{
            for (int i = 0; i < n; i++)
                tried[i] = x[i] - share*change[i];
            now = load_energy(n, tried, open, mass, shunt, target, on, slope, p);
            if (now <= energy + 1e-14*(fabs(energy) + 1.0))
                break;
        }}
        for (int i = 0; i < n; i++)
            x[i] = tried[i];
        energy = now;
        if (!(largest > {ROUNDING!r}*size))
            break;
    }}
    for (int i = 0; i < n; i++)
        @ENDED[@AT[i]] = x[i];
    return 0;
}}
"""


def load_object(
    outputs: Ints, nodes: NeuronGroup, clock: Clock, order: int, metric: Synapses | None = None, first: int = 0
) -> list[Any]:
    """What solves the outputs' load at `order` of every step; `ended` of the outputs is set.

    Without a matrix `metric`, in which the outputs' entries begin at `first`, `M` of the nodes holds it.
    """
    group = NeuronGroup(len(outputs), "at : integer (constant)\ndone : integer (shared)", clock=clock, name="answering")
    group.at = outputs
    used = {name.upper(): nodes.variables[name] for name in ("load", "ended", "shunt", "ext")}
    used |= {"AT": group.variables["at"], "WAVE": nodes.variables["a"]}
    if metric is None:
        used["MASS"], pair = nodes.variables["M"], "(i == j ? @MASS[k] : 0.0)"
    else:
        used["MASS"], pair = metric.variables["m_pair"], f"@MASS[{first} + j*n + i]"
    text = _C.replace("@PAIR", pair)
    work = _Solving(len(outputs), first, metric is not None)
    found = native(
        group, f"done = solve_load({len(outputs)})", "solve_load", text, 1, used, work,
        clock=clock, when="start", order=order,
    )  # fmt: skip
    return [group] if found is None else [group, found]


class _Solving:
    """The same in NumPy."""

    def __init__(self, outputs: int, first: int, full: bool) -> None:
        self.outputs, self.first, self.full = outputs, first, full

    def __call__(self, arrays: Arrays) -> Callable[[], None]:
        n, at = self.outputs, arrays["AT"]

        def solve() -> None:
            mass = arrays["MASS"]
            pair = mass[self.first : self.first + n * n].reshape(n, n).T if self.full else np.diag(mass[at])
            found = solved(2 * arrays["WAVE"][at], pair, arrays["SHUNT"][at], arrays["EXT"][at], float(arrays["LOAD"][at[0]]),
                           arrays["ENDED"][at])  # fmt: skip
            arrays["ENDED"][at] = found

        return solve


def solved(
    open_end: np.ndarray, mass: np.ndarray, shunt: np.ndarray, target: np.ndarray, on: float, start: np.ndarray
) -> np.ndarray:
    """The state at which the load rests."""
    x = np.where(np.isfinite(start), start, 0.0)

    def energy(at: np.ndarray) -> float:
        most = at.max()
        rest = (at - open_end) @ mass @ (at - open_end) / 2 - on * target @ at + shunt @ at**2 / 2
        return float(rest + on * (most + np.log(np.exp(at - most).sum())))

    now = energy(x)
    for _ in range(MOST):
        if not np.isfinite(now):
            break
        p = on * softmax(x)
        slope = mass @ (x - open_end) + p - on * target + shunt * x
        bend = mass + np.diag(p + shunt) - np.outer(p, p)
        change, share = np.linalg.solve(bend, slope), 1.0
        for _ in range(HALVED):
            tried = x - share * change
            after = energy(tried)
            if after <= now + 1e-14 * (abs(now) + 1):
                break
            share /= 2
        size = np.abs(x).max()
        x, now = tried, after
        if not np.abs(change).max() > ROUNDING * size:
            break
    return np.asarray(x)
