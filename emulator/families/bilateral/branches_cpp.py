"""`emulator.families.bilateral.branches` in C++, one junction at a time: for brian2's cython and standalone targets."""

from __future__ import annotations

from math import factorial

from emulator.families.bilateral.branches import (
    APART,
    BROKEN,
    KINDS,
    MOST_BELOW,
    MOST_STEPS,
    P2,
    ROUNDING,
    SATURATING,
    SHAPES,
    STEEPEST,
)

_NONE = (0.0,) * 7


def _shapes() -> str:
    """The bounds on every activation, by its kind."""
    rows = []
    for name in KINDS:
        shape = SHAPES.get(name)
        numbers = _NONE if shape is None else tuple(vars(shape).values())
        rows.append("{" + ", ".join(repr(float(number)) for number in numbers) + "}")
    return ", ".join(rows)


def _series() -> str:
    """``exp(r) - 1 - r`` over ``r^2``, from its last term but one on."""
    return "".join(f"    p = p*r + {1 / factorial(k)!r};\n" for k in range(12, 1, -1))


#: what follows for one junction; bodies of the functions that brian2 calls are in `emulator.families.bilateral.solver`
CODE = f"""
#ifndef BACKWAVE_BRANCHES
#define BACKWAVE_BRANCHES
#include <math.h>
#include <stdint.h>
struct bw_shape {{ double least, up, down, decay, third, mixed, cross; }};
static const bw_shape bw_shapes[] = {{{_shapes()}}};
static inline bool bw_kinked(int kind) {{ return kind == {KINDS["relu"]} || kind == {KINDS["leaky_relu"]}; }}
static inline bool bw_broken(int kind) {{ return {" || ".join(f"kind == {KINDS[n]}" for n in BROKEN)}; }}
static inline bool bw_saturating(int kind) {{ return {" || ".join(f"kind == {KINDS[n]}" for n in SATURATING)}; }}
struct bw_point {{ double value, slope, bend; }};
// not known to the compiler, which would make branches of what follows from it, and then no vectors
static double bw_least __attribute__((used)) = -708.0;
struct bw_decay {{ double e, less; }};
static inline bw_decay bw_exp(double t)  // exp(t) and exp(t) - 1 to a few units in the last place, t <= 0; it vectorises
{{
    const double u = t > bw_least ? t : bw_least;
    const int k = (int)(u*1.4426950408889634 - 0.5);
    const double n = k;
    const double r = fma(-n, 2.3190468138462996e-17, fma(-n, 0.69314718055994529, u));
    double p = {1 / factorial(13)!r};
{_series()}    p = p*(r*r) + r;
    const int64_t bits = ((int64_t)k + 1023) << 52;
    double power;
    __builtin_memcpy(&power, &bits, 8);
    return {{fma(power, p, power), fma(power, p, power - 1.0)}};
}}
static inline bw_point bw_activation(int kind, double low, double s)
{{
    const double a = fabs(s);
    switch (kind)
    {{
    case {KINDS["identity"]}:
        return {{s, 1.0, 0.0}};
    case {KINDS["tanh"]}:
    {{
        const bw_decay d = bw_exp(-2.0*a);
        const double w = 1.0/(1.0 + d.e), F = copysign(d.less*w, s), D = 4.0*d.e*w*w;
        return {{F, D, -2.0*F*D}};
    }}
    case {KINDS["relu"]}:
    case {KINDS["leaky_relu"]}:
        return s > 0.0 ? bw_point{{s, 1.0, 0.0}} : bw_point{{low*s, low, 0.0}};
    case {KINDS["sigmoid"]}:
    {{
        const double e = bw_exp(-a).e, D = e/((1.0 + e)*(1.0 + e)), H = D*(1.0 - e)/(1.0 + e);
        return {{(s < 0.0 ? e : 1.0)/(1.0 + e), D, s < 0.0 ? H : -H}};
    }}
    case {KINDS["softplus"]}:
    {{
        const double e = exp(-a);
        return {{(s > 0.0 ? s : 0.0) + log1p(e), (s < 0.0 ? e : 1.0)/(1.0 + e), e/((1.0 + e)*(1.0 + e))}};
    }}
    case {KINDS["gelu"]}:
    {{
        const double n = 0.5*erfc(-s*0.70710678118654752440), g = 0.39894228040143267794*exp(-0.5*s*s);
        return {{s*n, n + s*g, a < 1e3 ? (2.0 - s*s)*g : 0.0}};
    }}
    case {KINDS["silu"]}:
    {{
        const double e = bw_exp(-a).e, d = (1.0 + e)*(1.0 + e), n = (s < 0.0 ? e : 1.0)/(1.0 + e), D = e/d;
        const double t = (1.0 - e)/(1.0 + e)*a;
        return {{s*n, n*(1.0 + s*((s < 0.0 ? 1.0 : e)/(1.0 + e))), D*(2.0 - t)}};
    }}
    case {KINDS["elu"]}:
    {{
        const bw_decay d = bw_exp(-a);
        return {{s > 0.0 ? s : d.less, s > 0.0 ? 1.0 : d.e, s > 0.0 ? 0.0 : d.e}};
    }}
    }}
    return {{0.0, 0.0, 0.0}};
}}
struct bw_junction {{ int kind; double low, A, J, G, Z, rest; bool coupled; }};
struct bw_miss {{ double f, tilt, size; }};
static inline double bw_share(const bw_junction& o, double x) {{ return o.coupled ? 1.0/(1.0 + exp(o.rest - x)) : 0.0; }}
static inline bw_miss bw_of(const bw_junction& o, double s, const bw_point& at)
{{
    const double p = bw_share(o, at.value), lam = o.G*at.value - o.J + p;
    const double tilt = 1.0 + o.Z*(at.bend*lam + at.slope*at.slope*(o.G + p*(1.0 - p)));
    const double size = fabs(o.A) + o.Z*fabs(at.slope)*(fabs(o.G*at.value) + fabs(o.J) + p);
    return {{s - o.A + o.Z*at.slope*lam, tilt, size + (fabs(tilt) > 1.0 ? fabs(tilt) : 1.0)*fabs(s)}};
}}
static inline bw_miss bw_at(const bw_junction& o, double s) {{ return bw_of(o, s, bw_activation(o.kind, o.low, s)); }}
static inline double bw_flat(const bw_junction& o)
{{
    const bw_shape& q = bw_shapes[o.kind];
    const double steep = o.Z*(o.G*q.mixed + (fabs(o.J) + 1.0)*q.third);
    return 1.0 + (40.0 + (steep > 1.0 ? log(steep) : 0.0))/q.decay;
}}
static inline double bw_margin(const bw_junction& o)
{{
    const bw_shape& q = bw_shapes[o.kind];
    const double bent = !o.coupled ? 0.0 : q.up > q.down ? q.up : q.down;
    return o.Z*(o.G*q.least + (o.J > 0.0 ? o.J*q.up : -o.J*q.down) + bent);
}}
static inline double bw_bend(const bw_junction& o)  // at most so much f bends anywhere, of a load that is not coupled
{{
    const bw_shape& q = bw_shapes[o.kind];
    return bw_broken(o.kind) ? HUGE_VAL : o.Z*(o.G*q.mixed + fabs(o.J)*q.third);
}}
static inline void bw_bracket(const bw_junction& o, double& low, double& high)
{{
    const double reach = {STEEPEST!r}*o.Z*(fabs(o.J) + (o.coupled ? 1.0 : 0.0));
    low = (o.A < 0.0 ? o.A : 0.0) - reach - {MOST_BELOW!r}*o.Z*o.G;
    high = (o.A > 0.0 ? o.A : 0.0) + reach;
}}
static inline double bw_curvature(const bw_junction& o, double s, double inward, double width)
{{
    const bw_shape& q = bw_shapes[o.kind];
    const double near = fabs(s) - inward - 1.0, tail = near > 0.0 ? exp(-q.decay*near) : 1.0;
    double bound = tail*(o.G*q.mixed + fabs(o.J)*q.third);
    if (o.coupled)
    {{
        const double away = bw_activation(o.kind, o.low, s).value - o.rest, span = {STEEPEST!r}*width;
        const double p = away + span < 0.0 ? exp(away + span) : 1.0;
        const double side = fabs(away) > span ? exp(span - fabs(away)) : 1.0;
        bound += tail*(q.third*p + q.cross*(side < 0.25 ? side : 0.25));
        bound += {P2 * STEEPEST**3!r}*side*(bw_saturating(o.kind) ? tail : 1.0);
    }}
    return o.Z*bound;
}}
static double bw_newton(const bw_junction& o, double s, double low, double high)
{{
    double step = high - low;
    for (int k = 0; k < {MOST_STEPS}; k++)
    {{
        const bw_miss at = bw_at(o, s);
        if (!(fabs(at.f) > {ROUNDING!r}*at.size))
            break;
        if (at.f > 0.0)
            high = s;
        else
            low = s;
        const double newton = s - at.f/at.tilt;
        if (newton >= low && newton <= high && fabs(newton - s) < 0.5*step)
        {{
            step = fabs(newton - s);
            s = newton;
            continue;
        }}
        const double flat = bw_flat(o);
        step = high - low;
        s = low < -flat && high > -flat ? -flat : low < flat && high > flat ? flat : 0.5*low + 0.5*high;
    }}
    return s;
}}
static double bw_followed(const bw_junction& o, double s)
{{
    bw_miss at = bw_at(o, s);
    const bool sink = at.f > 0.0, alone = !o.coupled || bw_saturating(o.kind);
    const double flat = bw_flat(o);
    const double most = bw_broken(o.kind) ? 0.0 : HUGE_VAL;
    double width = 1.0;
    for (int k = 0; k < {MOST_STEPS}; k++)
    {{
        if ((at.f > 0.0) != sink || !(fabs(at.f) > {ROUNDING!r}*at.size))
            break;
        const bool outward = (s > 0.0) != sink;
        double moved;
        if (!outward && alone && fabs(s) > flat)
        {{
            moved = fabs(at.f)/at.tilt < fabs(s) - flat ? s - at.f/at.tilt : s > 0.0 ? flat : -flat;
            width = 1.0;
        }}
        else
        {{
            const bool open = outward && alone;
            const double bend = bw_curvature(o, s, outward ? 0.0 : width, alone ? 0.0 : width);
            const double root = sqrt(2.0*bend)*sqrt(fabs(at.f)), larger = fabs(at.tilt) > root ? fabs(at.tilt) : root;
            const double least = fabs(at.tilt) > root ? root : fabs(at.tilt);
            const double hypotenuse = larger > 0.0 ? larger*sqrt(1.0 + least/larger*(least/larger)) : 0.0;
            double step = 2.0*fabs(at.f)/(at.tilt + hypotenuse);
            const bool full = !open && !(step < width);
            if (full)
                step = width;
            moved = sink ? s - step : s + step;
            const double narrow = 8.0*step < width ? 8.0*step : width;
            width = open ? 1.0 : full ? 2.0*width : narrow > 0.125*width ? narrow : 0.125*width;
        }}
        moved = moved < most ? moved : most;
        if (moved == s)
            break;
        s = moved;
        at = bw_at(o, s);
    }}
    if (at.tilt > 0.0)
    {{
        const double full = s - at.f/at.tilt, better = full < most ? full : most;
        if (fabs(bw_at(o, better).f) < fabs(at.f))
            s = better;
    }}
    return s;
}}
static double bw_side(const bw_junction& o, double slope, double s)
{{
    if (!o.coupled)
        return (o.A + o.Z*slope*o.J)/(1.0 + o.Z*slope*slope*o.G);
    const double reach = fabs(slope)*o.Z*(fabs(o.J) + 1.0);
    double low = (o.A < 0.0 ? o.A : 0.0) - reach, high = (o.A > 0.0 ? o.A : 0.0) + reach;
    s = !isfinite(s) ? 0.0 : s;
    s = s < low ? low : s > high ? high : s;
    for (int k = 0; k < {MOST_STEPS}; k++)
    {{
        const bw_miss at = bw_of(o, s, {{slope*s, slope, 0.0}});
        if (!(fabs(at.f) > {ROUNDING!r}*at.size))
            break;
        if (at.f > 0.0)
            high = s;
        else
            low = s;
        const double newton = s - at.f/at.tilt;
        s = newton >= low && newton <= high ? newton : 0.5*low + 0.5*high;
    }}
    return s;
}}
static inline void bw_sides(const bw_junction& o, double s, double& up, double& down)
{{
    up = bw_side(o, 1.0, s);
    down = bw_side(o, o.low, s);
}}
static double bw_way(const bw_junction& o, double s, double low, double high)  // from s, between the ends of the bracket
{{
    const bool one = bw_margin(o) < 1.0;
    if (!bw_broken(o.kind))
        return one ? bw_newton(o, s, low, high) : bw_followed(o, s);
    const double up = bw_side(o, 1.0, s);
    if (up > 0.0 && (s > 0.0 || one))
        return up;
    s = s > 0.0 ? 0.0 : s;
    high = high > 0.0 ? 0.0 : high;
    const double found = one ? bw_newton(o, s, low, high) : bw_followed(o, s);
    return found >= 0.0 && up > 0.0 ? up : found;
}}
static double bw_solved(const bw_junction& o, double s)
{{
    double low, high;
    if (bw_kinked(o.kind))
    {{
        bw_sides(o, s, high, low);
        if (!isfinite(high) || !isfinite(low))
            return NAN;
        return high > 0.0 && (s > 0.0 || low > 0.0) ? high : low <= 0.0 ? low : 0.0;
    }}
    if (o.kind == {KINDS["identity"]} && !o.coupled)
        return (o.A + o.Z*o.J)/(1.0 + o.Z*o.G);
    bw_bracket(o, low, high);
    s = !isfinite(s) ? 0.0 : s;
    s = s < low ? low : s > high ? high : s;
    return bw_way(o, s, low, high);
}}
static double bw_several(const bw_junction& o, double s)
{{
    double low, high;
    if (bw_kinked(o.kind))
    {{
        bw_sides(o, s, high, low);
        return high > 0.0 && low <= 0.0 ? 1.0 : 0.0;
    }}
    if (!(bw_margin(o) >= 1.0))
        return 0.0;
    bw_bracket(o, low, high);
    const double from = low, to = high;
    low = bw_way(o, from, from, to);
    high = bw_way(o, to, from, to);
    const double larger = fabs(low) > fabs(high) ? fabs(low) : fabs(high);
    return high - low > {APART!r}*(1.0 + larger) ? 1.0 : 0.0;
}}
#endif
"""
