"""The junctions of a run of neurons with one activation, in C++, sixteen at a time.

Newton's method from the last root finds where nearly every junction rests in two or three rounds, and does the same for
sixteen of them at once. It is used where a junction has one root (its margin is below 1); what is not solved within `ROUNDS`
rounds, and what may have more than one answer, follows its branch by itself (`emulator.families.bilateral.branches_cpp`).

``@NAME`` stands for the array of that name; see `emulator.engine.native`.
"""

from __future__ import annotations

from emulator.families.bilateral.branches import COUPLED, KINDS, KINKED, ROUNDING, SHAPES
from emulator.families.bilateral.branches_cpp import CODE

#: rounds of Newton's method for all, and junctions that are solved at once
ROUNDS, LANES = 7, 16

_SMOOTH = "".join(
    f"    case {KINDS[name]}:\n        many = bw_rest<{KINDS[name]}>(i, count);\n        break;\n"
    for name in SHAPES
    if name != "identity"
)
SOLVE = f"""{CODE}
static inline bw_junction bw_of_neuron(int kind, int i)
{{
    const double stiff = @LOAD[i]*@SQUARED, drive = stiff*@EXT[i];
    return {{kind, @LOW[i], @BIAS[i] + @SUM_IN[i], @SUM_OUT[i] + drive, @G[i] + stiff, @SERIES[i], 0.0, false}};
}}
template <int KIND> static int bw_rest(int first, int count)
{{
    int some = 0;
    for (int b = first; b < first + count; b += {LANES})
    {{
        const int n = b + {LANES} < first + count ? {LANES} : first + count - b;
        double A[{LANES}], J[{LANES}], G[{LANES}], Z[{LANES}], y[{LANES}], margin[{LANES}], bend[{LANES}];
        double moving[{LANES}];  // as wide as all else, so that the rounds vectorise
        for (int l = 0; l < {LANES}; l++)
        {{
            const bw_junction o = bw_of_neuron(KIND, l < n ? b + l : b);
            A[l] = o.A, J[l] = o.J, G[l] = o.G, Z[l] = o.Z;
            margin[l] = bw_margin(o);
            bend[l] = bw_bend(o);
            double low, high;
            bw_bracket(o, low, high);
            const double s = @S[l < n ? b + l : b], at = isfinite(s) ? s : 0.0;
            y[l] = at < low ? low : at > high ? high : at;
        }}
        for (int k = 0; k < {ROUNDS}; k++)
        {{
            double any = 0.0;
            for (int l = 0; l < {LANES}; l++)
            {{
                const bw_point at = bw_activation(KIND, 0.0, y[l]);
                const double lam = G[l]*at.value - J[l], f = y[l] - A[l] + Z[l]*at.slope*lam;
                const double tilt = 1.0 + Z[l]*(at.bend*lam + at.slope*at.slope*G[l]);
                const double size = fabs(A[l]) + Z[l]*fabs(at.slope)*(fabs(G[l]*at.value) + fabs(J[l]));
                const double steep = fabs(tilt) > 1.0 ? fabs(tilt) : 1.0;
                const double step = f/tilt, next = y[l] - step, left = {ROUNDING!r}*(size + steep*fabs(y[l]));
                const double moves = fabs(f) > left ? 1.0 : 0.0;
                moving[l] = bend[l]*step*step > left ? moves : 0.0;  // after the step no more is left than half of that
                y[l] = moves > 0.0 ? next : y[l];
            }}
            for (int l = 0; l < {LANES}; l++)
                any = moving[l] > any ? moving[l] : any;
            if (!(any > 0.0))
                break;
        }}
        for (int l = 0; l < n; l++)
        {{
            const bool one = margin[l] < 1.0;
            if (!(one && !(moving[l] > 0.0) && isfinite(y[l])))
                y[l] = bw_solved(bw_of_neuron(KIND, b + l), @S[b + l]);
            @S[b + l] = y[l];
            @SEVERAL[b + l] = one ? 0.0 : bw_several(bw_of_neuron(KIND, b + l), y[l]);
            some += @SEVERAL[b + l] > 0.0;
        }}
    }}
    return some;
}}
static int solve(int i, int count, int kind)
{{
    int many = 0;
    switch (kind)
    {{
{_SMOOTH}    case {KINDS["identity"]}:
        for (int k = i; k < i + count; k++)
        {{
            const bw_junction o = bw_of_neuron({KINDS["identity"]}, k);
            @S[k] = (o.A + o.Z*o.J)/(1.0 + o.Z*o.G);
        }}
        break;
    case {COUPLED}:
        break;
    case {KINDS["source"]}:
        break;
    default:
        for (int k = i; k < i + count; k++)
        {{
            const bw_junction o = bw_of_neuron(kind, k);
            @S[k] = bw_solved(o, @S[k]);
            @SEVERAL[k] = bw_several(o, @S[k]);
            many += @SEVERAL[k] > 0.0;
        }}
    }}
    @CROWD[0] += many;
    return 0;
}}
"""
_ANSWERS = "".join(
    f"    case {number}:\n        bw_answers<{number}>(first, count);\n        break;\n"
    for number in KINDS.values()
    if number
)
_HELD = " || ".join(f"KIND == {KINDS[name]}" for name in KINKED)
_TERMS = {
    "mse": ("on*(value - ext[i])", "fabs(on)*(fabs(value) + fabs(ext[i]))"),
    "softmax_cross_entropy": ("p[i] - load[i]*ext[i]", "p[i] + load[i]*fabs(ext[i])"),
}
_READ = ("s", "bias", "sum_in", "sum_out", "series", "load", "low", "G", "ext", "p", "several")
_WRITTEN = ("x", "lam", "mu", "D", "worst", "n_several")
_LOCAL = "".join(f"    const double* __restrict {name} = @{name.upper()};\n" for name in _READ)
_LOCAL += "".join(f"    double* __restrict {name} = @{name.upper()};\n" for name in _WRITTEN)


def answer_code(loss: str) -> str:
    """What the neurons answer once their pre-activations are known."""
    answer, terms = _TERMS[loss]
    return f"""{CODE}
template <int KIND> static void bw_answers(int first, int count)
{{
{_LOCAL}    const double squared = @SQUARED;
    #pragma GCC ivdep
    for (int i = first; i < first + count; i++)
    {{
        const double A = bias[i] + sum_in[i], Z = series[i], on = load[i]*squared;
        const bw_point at = bw_activation(KIND, low[i], s[i]);
        const double value = at.value + 0.0*s[i], costate = G[i]*value - sum_out[i] + ({answer});
        const bool held = ({_HELD}) && s[i] == 0.0;
        const double size = fabs(s[i]) + fabs(A) + Z*fabs(at.slope)*(fabs(G[i]*value) + fabs(sum_out[i]) + {terms});
        const double left = held ? 0.0 : fabs(s[i] - A + Z*at.slope*costate)/(size + 1e-300), most = worst[i];
        D[i] = at.slope;
        x[i] = value;
        lam[i] = costate;
        mu[i] = held ? A/Z : at.slope*costate;
        worst[i] = left <= most ? most : left;
        n_several[i] += several[i];
    }}
}}
static int respond(int first, int count, int kind, int alone)
{{
{_LOCAL}    switch (kind)
    {{
{_ANSWERS}    case {KINDS["source"]}:
        for (int i = first; i < first + count; i++)
        {{
            const double R = @RESISTANCE, held = (ext[i] + R*sum_out[i])/(1.0 + R*G[i]);
            x[i] = held;
            lam[i] = G[i]*held - sum_out[i];
        }}
    }}
    for (int i = first; alone == {COUPLED} && i < first + count; i++)
        @CROWD[0] += several[i];
    return 0;
}}
"""
