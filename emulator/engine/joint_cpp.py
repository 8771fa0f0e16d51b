"""The answer of a layer whose parameters answer together, in C++; `emulator.engine.joint.answered` is the same in NumPy.

The principal directions of the symmetric curvature are those of EISPACK's ``tred2`` and ``tql2`` (Householder's tridiagonal form,
then implicit QL): a program that brian2 writes is linked with no library that has them.
"""

ANSWER_LAYER = r"""
static bool principal(int n, double* v, double* d, double* e)
{
    for (int i = n - 1; i > 0; i--)
    {
        const int l = i - 1;
        double h = 0.0, scale = 0.0;
        if (l > 0)
            for (int k = 0; k <= l; k++)
                scale += fabs(v[i*n + k]);
        if (scale == 0.0)
            e[i] = v[i*n + l];
        else
        {
            for (int k = 0; k <= l; k++)
            {
                v[i*n + k] /= scale;
                h += v[i*n + k]*v[i*n + k];
            }
            double f = v[i*n + l];
            const double g = f >= 0.0 ? -sqrt(h) : sqrt(h);
            e[i] = scale*g;
            h -= f*g;
            v[i*n + l] = f - g;
            f = 0.0;
            for (int j = 0; j <= l; j++)
            {
                v[j*n + i] = v[i*n + j]/h;
                double sum = 0.0;
                for (int k = 0; k <= j; k++)
                    sum += v[j*n + k]*v[i*n + k];
                for (int k = j + 1; k <= l; k++)
                    sum += v[k*n + j]*v[i*n + k];
                e[j] = sum/h;
                f += e[j]*v[i*n + j];
            }
            const double half = f/(h + h);
            for (int j = 0; j <= l; j++)
            {
                const double at = v[i*n + j], less = e[j] - half*at;
                e[j] = less;
                for (int k = 0; k <= j; k++)
                    v[j*n + k] -= at*e[k] + less*v[i*n + k];
            }
        }
        d[i] = h;
    }
    d[0] = 0.0;
    e[0] = 0.0;
    for (int i = 0; i < n; i++)
    {
        if (d[i] != 0.0)
            for (int j = 0; j < i; j++)
            {
                double sum = 0.0;
                for (int k = 0; k < i; k++)
                    sum += v[i*n + k]*v[k*n + j];
                for (int k = 0; k < i; k++)
                    v[k*n + j] -= sum*v[k*n + i];
            }
        d[i] = v[i*n + i];
        v[i*n + i] = 1.0;
        for (int j = 0; j < i; j++)
            v[j*n + i] = v[i*n + j] = 0.0;
    }
    for (int i = 1; i < n; i++)
        e[i - 1] = e[i];
    e[n - 1] = 0.0;
    for (int l = 0; l < n; l++)
        for (int turn = 0;; turn++)
        {
            int m = l;
            for (; m < n - 1; m++)
            {
                const double size = fabs(d[m]) + fabs(d[m + 1]);
                if (fabs(e[m]) + size == size)
                    break;
            }
            if (m == l)
                break;
            if (turn == 60)
                return false;
            double g = (d[l + 1] - d[l])/(2.0*e[l]), r = hypot(g, 1.0);
            g = d[m] - d[l] + e[l]/(g + (g >= 0.0 ? fabs(r) : -fabs(r)));
            double s = 1.0, c = 1.0, p = 0.0;
            int i = m - 1;
            for (; i >= l; i--)
            {
                double f = s*e[i];
                const double b = c*e[i];
                r = hypot(f, g);
                e[i + 1] = r;
                if (r == 0.0)
                {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    break;
                }
                s = f/r;
                c = g/r;
                g = d[i + 1] - p;
                r = (d[i] - g)*s + 2.0*c*b;
                p = s*r;
                d[i + 1] = g + p;
                g = c*r - b;
                for (int k = 0; k < n; k++)
                {
                    f = v[k*n + i + 1];
                    v[k*n + i + 1] = s*v[k*n + i] + c*f;
                    v[k*n + i] = c*v[k*n + i] - s*f;
                }
            }
            if (r == 0.0 && i >= l)
                continue;
            d[l] -= p;
            e[l] = g;
            e[m] = 0.0;
        }
    return true;
}
static int answer_layer(int begin, int n, int pair)
{
    const double seen = @SEEN[0], damping = @DAMPING[0];
    std::vector<double> v(n*n), d(n), e(n), asked(n);
    bool some = false, finite = true;
    for (int k = 0; k < n; k++)
    {
        asked[k] = @IS_BIAS[begin + k] ? @ASKED_BIAS[@NEURON[begin + k]] : @ASKED_WEIGHT[@SYNAPSE[begin + k]];
        some = some || asked[k] != 0.0;
        finite = finite && std::isfinite(asked[k]);
        @FLOW[begin + k] = 0.0;
    }
    if (!some || !(seen > 0.0))
        return 0;
    const double* h = &@CURVATURE[pair];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
        {
            v[i*n + j] = (h[i*n + j]/seen + h[j*n + i]/seen)/2.0;
            finite = finite && std::isfinite(v[i*n + j]);
        }
    finite = finite && principal(n, v.data(), d.data(), e.data());
    for (int k = 0; k < n; k++)
    {
        double along = 0.0;
        for (int i = 0; i < n; i++)
            along += v[i*n + k]*asked[i];
        along /= fabs(d[k]) + damping;
        for (int i = 0; i < n; i++)
            @FLOW[begin + i] += finite ? v[i*n + k]*along : NAN;
    }
    return 1;
}
"""
