"""The cross-entropy load of two-way lines: the outputs' junctions, which it couples, solved exactly.

With a linear output the state is ``x = c - Z' p``, ``c = (A + Z (J + y))/(1 + Z G)``, ``Z' = Z/(1 + Z G)``, and the
probability of a given log-sum-exp `l` is ``p = W(Z' exp(c - l))/Z'`` with Lambert's `W`; `l` is the root of
``sum p = 1``, which falls and is convex in `l`: Newton's method from below runs up to it and never past. All is measured
from the largest `c`, so that no finite logits overflow or round each other away.

Outputs with another activation are solved in turn, each with the others held, along its branch
(`emulator.families.bilateral.branches`), and all together by Newton's method as soon as that is nearer. Both lower the same energy,
so that none rests at a saddle.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from brian2 import Clock, Function, NetworkOperation, NeuronGroup, Unit, get_device
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from scipy.special import wrightomega

from emulator.engine.layout import Ints
from emulator.families.bilateral.branches import (
    KINDS,
    KINKED,
    MOST_STEPS,
    ROUNDING,
    Floats,
    Junctions,
    several,
    slope_of,
    solved,
)
from emulator.families.bilateral.branches_cpp import CODE
from emulator.network.activations import activation_function

#: turns over all outputs
SWEEPS = 60
_NAMES = ("act", "low", "bias", "sum_in", "sum_out", "G", "series", "ext", "load", "s", "p", "several")
_C = f"""{CODE}
static double bw_omega(double z)  // w + log w = z, by the iteration of Fritsch, Shafer and Crowley (1973)
{{
    if (z < -40.0)
        return exp(z);
    if (z > 1e8)
        return z - log(z) + log(z)/z;
    double w = z > 1.5 ? z - log(z) : exp(z)/(1.0 + exp(z));
    for (int k = 0; k < 6; k++)
    {{
        const double r = z - w - log(w), v = 1.0 + w, t = 2.0*v*(v + 2.0/3.0*r);
        const double change = r/v*(t - r)/(t - 2.0*r);
        w *= 1.0 + change;
        if (!(fabs(change) > 1e-16))
            break;
    }}
    return w;
}}
static double bw_log_sum(const double* x, int n, int but)
{{
    double most = -HUGE_VAL, sum = 0.0;
    for (int i = 0; i < n; i++)
        if (i != but && x[i] > most)
            most = x[i];
    if (!isfinite(most))
        return most;
    for (int i = 0; i < n; i++)
        if (i != but)
            sum += exp(x[i] - most);
    return most + log(sum);
}}
static void bw_linear(int n, const double* c, const double* z, double* p)
{{
    double most = -HUGE_VAL, d[n], e[n];
    for (int i = 0; i < n; i++)
        most = c[i] > most ? c[i] : most;
    for (int i = 0; i < n; i++)
    {{
        d[i] = c[i] - most;
        e[i] = d[i] - z[i];
    }}
    double low = bw_log_sum(e, n, -1), high = bw_log_sum(d, n, -1), l = low;
    for (int k = 0; k < {MOST_STEPS}; k++)
    {{
        double sum = -1.0, slope = 0.0;
        for (int i = 0; i < n; i++)
        {{
            const double w = bw_omega(d[i] - l + log(z[i]));
            p[i] = w/z[i];
            sum += p[i];
            slope += p[i]/(1.0 + w);
        }}
        if (sum > 0.0)
            low = l;
        else
            high = l;
        const double next = l + sum/slope;
        if (!(fabs(sum) > {ROUNDING!r}) || next == l)
            break;
        l = next >= low && next <= high ? next : 0.5*low + 0.5*high;
    }}
}}
static double solve_load(int n)
{{
    const int* at = brian::AT;
    bw_junction o[n];
    double s[n], x[n], p[n];
    bool linear = true, kinked = false;
    for (int i = 0; i < n; i++)
    {{
        const int j = at[i];
        const double on = brian::LOAD_[j];
        o[i] = {{brian::ACT[j], brian::LOW[j], brian::BIAS[j] + brian::SUM_IN[j], brian::SUM_OUT[j] + on*brian::EXT[j],
                brian::G_[j], brian::SERIES[j], 0.0, on > 0.0}};
        s[i] = brian::S_[j];
        if (!isfinite(s[i]))
            s[i] = 0.0;
        linear = linear && o[i].kind == {KINDS["identity"]};
        kinked = kinked || bw_kinked(o[i].kind);
    }}
    if (linear && o[0].coupled)
    {{
        double c[n], z[n];
        for (int i = 0; i < n; i++)
        {{
            c[i] = (o[i].A + o[i].Z*o[i].J)/(1.0 + o[i].Z*o[i].G);
            z[i] = o[i].Z/(1.0 + o[i].Z*o[i].G);
        }}
        bw_linear(n, c, z, p);
        for (int i = 0; i < n; i++)
        {{
            brian::P_[at[i]] = p[i];
            brian::S_[at[i]] = c[i] - z[i]*p[i];
        }}
        return 0.0;
    }}
    for (int i = 0; i < n; i++)
        x[i] = bw_activation(o[i].kind, o[i].low, s[i]).value;
    for (int turn = 0; turn < {SWEEPS}; turn++)
    {{
        double worst = 0.0, f[n], u[n], D[n], tilt[n];
        for (int i = 0; i < n; i++)
        {{
            o[i].rest = bw_log_sum(x, n, i);
            s[i] = bw_solved(o[i], s[i]);
            x[i] = bw_activation(o[i].kind, o[i].low, s[i]).value;
        }}
        const double l = bw_log_sum(x, n, -1);
        bool convex = !kinked;
        double dot = 0.0, weight = 1.0;
        for (int i = 0; i < n; i++)
        {{
            o[i].rest = bw_log_sum(x, n, i);
            const bw_point here = bw_activation(o[i].kind, o[i].low, s[i]);
            const bw_miss miss = bw_of(o[i], s[i], here);
            const bool held = bw_kinked(o[i].kind) && s[i] == 0.0;
            p[i] = o[i].coupled ? exp(x[i] - l) : 0.0;
            f[i] = miss.f;
            D[i] = here.slope;
            tilt[i] = miss.tilt + (o[i].coupled ? o[i].Z*D[i]*D[i]*p[i]*p[i] : 0.0);
            convex = convex && tilt[i] > 0.0;
            u[i] = D[i]*p[i];
            weight -= u[i]*o[i].Z*u[i]/tilt[i];
            dot += u[i]*f[i]/tilt[i];
            if (!held && !(fabs(f[i]) <= 4.0*{ROUNDING!r}*miss.size))
                worst = fabs(f[i])/miss.size > worst ? fabs(f[i])/miss.size : isfinite(f[i]) ? worst : HUGE_VAL;
        }}
        if (worst == 0.0 || !o[0].coupled)
            break;
        if (!convex || !(weight > 0.0))
            continue;
        double t[n], y[n], after = 0.0;
        for (int i = 0; i < n; i++)
        {{
            t[i] = s[i] - (f[i] + o[i].Z*u[i]*dot/weight)/tilt[i];
            y[i] = bw_activation(o[i].kind, o[i].low, t[i]).value;
        }}
        for (int i = 0; i < n; i++)
        {{
            o[i].rest = bw_log_sum(y, n, i);
            const bw_miss miss = bw_at(o[i], t[i]);
            const double share = fabs(miss.f)/miss.size;
            after = share > after ? share : isfinite(share) ? after : HUGE_VAL;
        }}
        if (after < worst)
            for (int i = 0; i < n; i++)
            {{
                s[i] = t[i];
                x[i] = y[i];
            }}
    }}
    const double l = bw_log_sum(x, n, -1);
    for (int i = 0; i < n; i++)
    {{
        o[i].rest = bw_log_sum(x, n, i);
        brian::P_[at[i]] = o[i].coupled ? exp(x[i] - l) : 0.0;
        brian::S_[at[i]] = s[i];
        brian::SEVERAL[at[i]] = bw_several(o[i], s[i]);
    }}
    return 0.0;
}}
"""


def load_object(nodes: NeuronGroup, outputs: Ints, clock: Clock, order: int) -> list[Any]:
    """What solves the outputs in slot `start` of every step: in NumPy, and in C++ in a compiled program.

    Parameters
    ----------
    nodes : NeuronGroup
        Those of `emulator.families.bilateral.objects`; of the outputs `s`, `p` and `several` are set.
    outputs : (n,) int32
    clock : Clock
    order : int
    """
    used = {name: nodes.variables[name] for name in _NAMES}
    device = get_device()
    if not isinstance(device, CPPStandaloneDevice):

        def solve() -> None:
            held = {name: variable.get_value() for name, variable in used.items()}
            of = {name: values[outputs] for name, values in held.items()}
            drive = of["sum_out"] + of["load"] * of["ext"]
            numbers = (of["act"], of["low"], of["bias"] + of["sum_in"], drive, of["G"], of["series"])
            with np.errstate(all="ignore"):
                s, p, many = answered(*numbers, of["s"], bool(of["load"][0] > 0))
            for name, values in (("s", s), ("p", p), ("several", many)):
                held[name][outputs] = values

        return [NetworkOperation(solve, clock=clock, when="start", order=order, name="load")]
    terminals = NeuronGroup(len(outputs), "at : integer (constant)", clock=clock, name="answering")
    terminals.at = outputs
    names = {name.upper(): variable for name, variable in used.items()} | {"AT": terminals.variables["at"]}
    places = {name: device.get_array_name(variable, access_data=False) for name, variable in names.items()}
    code = re.sub(r"brian::([A-Z_]+?)_?\b", lambda found: f"brian::{places[found[1]]}", _C)
    function = Function(
        None, arg_units=[1], return_unit=Unit(1), arg_types=["integer"], return_type="float", stateless=False
    )
    function.implementations.add_implementation("cpp", code, name="solve_load")
    load = NeuronGroup(1, "done : 1", namespace={"solve_load": function}, clock=clock, name="load")
    load.run_regularly(
        f"done = solve_load({len(outputs)})", clock=clock, when="start", order=order, name="load_answers"
    )
    return [terminals, load]


def answered(
    kind: Ints, low: Floats, A: Floats, J: Floats, G: Floats, Z: Floats, s: Floats, loaded: bool
) -> tuple[Floats, Floats, Floats]:
    """Pre-activations, probabilities, and 1 where there is more than one answer, of n outputs that were at `s`.

    Parameters
    ----------
    kind, low, A, J, G, Z, s : (n,)
        See `emulator.families.bilateral.branches`; `J` with the target in it.
    loaded : bool
        Whether there is a load.
    """
    s = np.where(np.isfinite(s), s, 0.0)
    if loaded and (kind == KINDS["identity"]).all():
        series, c = Z / (1 + Z * G), (A + Z * J) / (1 + Z * G)
        p = _linear(c, series)
        return c - series * p, p, np.zeros(len(s))
    turns = _Turns(kind, low, A, J, G, Z, loaded)
    s = turns.run(s)
    x = turns.values(s)
    p = np.exp(x - _log_sum(x)) if loaded else np.zeros(len(s))
    many = [float(several(junction, s[i : i + 1])[0]) for i, junction in enumerate(turns.alone(x))]
    return s, p, np.array(many)


def _linear(c: Floats, z: Floats) -> Floats:
    """Probabilities of linear outputs."""
    d = c - c.max()
    low, high = _log_sum(d - z), _log_sum(d)
    at, p = low, np.zeros(len(c))
    for _ in range(MOST_STEPS):
        w = wrightomega(d - at + np.log(z)).real
        p = w / z
        total, slope = p.sum() - 1, (p / (1 + w)).sum()
        low, high = (at, high) if total > 0 else (low, at)
        moved = at + total / slope
        if not abs(total) > ROUNDING or moved == at:
            break
        at = moved if low <= moved <= high else 0.5 * low + 0.5 * high
    return np.asarray(p)


def _log_sum(x: Floats) -> float:
    """Logarithm of the sum of exponentials, measured from the largest."""
    most = float(x.max(initial=-np.inf))
    return most + float(np.log(np.exp(x - most).sum())) if np.isfinite(most) else most


class _Turns:
    """Outputs that bend, solved in turn."""

    def __init__(self, kind: Ints, low: Floats, A: Floats, J: Floats, G: Floats, Z: Floats, loaded: bool) -> None:
        names = list(KINDS)
        self.names, self.columns, self.loaded = [names[k] for k in kind], (low, A, J, G, Z), loaded

    def values(self, s: Floats) -> Floats:
        """States at these pre-activations."""
        low = self.columns[0]
        pairs = enumerate(zip(self.names, s, strict=True))
        return np.array([(v if v > 0 else low[i] * v) if n in KINKED else float(activation_function(n).phi(v))
                         for i, (n, v) in pairs])  # fmt: skip

    def alone(self, x: Floats) -> list[Junctions]:
        """Every output with the others held."""
        return [self._one(i, x) for i in range(len(x))]

    def _one(self, i: int, x: Floats) -> Junctions:
        rest = _log_sum(np.delete(x, i)) if self.loaded else np.inf
        low, A, J, G, Z = (column[i : i + 1] for column in self.columns)
        return Junctions(self.names[i], low, A, J, G, Z, np.array([rest]))

    def run(self, s: Floats) -> Floats:
        """Until what is left of every equation is rounding."""
        s, smooth = s.copy(), not set(self.names) & set(KINKED)
        x = self.values(s)
        for _ in range(SWEEPS if self.loaded else 1):
            before = s.copy()
            for i in range(len(s)):
                s[i] = solved(self._one(i, x), s[i : i + 1])[0]
                x[i] = self.values(s)[i]
            if np.abs(s - before).max() <= ROUNDING * np.abs(s).max() or not np.isfinite(s).all():
                break
            if smooth and self.loaded:
                s, x = self._together(s, x)
        return s

    def _together(self, s: Floats, x: Floats) -> tuple[Floats, Floats]:
        """A step of Newton's method on all outputs, if their energy is convex here and it leads nearer."""
        _, _, _, _, Z = self.columns
        here = [one.at(s[i : i + 1]) for i, one in enumerate(self.alone(x))]
        f, tilt, size = (np.concatenate(part) for part in zip(*here, strict=True))
        p = np.exp(x - _log_sum(x))
        slope = np.array([float(slope_of(name, v)) for name, v in zip(self.names, s, strict=True)])
        u = slope * p
        tilt = tilt + Z * u * u
        weight = 1 - float((u * Z * u / tilt).sum())
        if not ((tilt > 0).all() and weight > 0):
            return s, x
        moved = s - (f + Z * u * float((u * f / tilt).sum()) / weight) / tilt
        there = self.values(moved)
        after = [one.at(moved[i : i + 1]) for i, one in enumerate(self.alone(there))]
        left = max(float(np.abs(g[0]) / q[0]) for g, _, q in after)
        return (moved, there) if left < float((np.abs(f) / size).max()) else (s, x)
