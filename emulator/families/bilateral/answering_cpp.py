"""What a crossbar answers, and how its matrix is inverted, in C++; `emulator.families.bilateral.answering` has the same in NumPy.

Sums over contiguous weights are taken eight columns at a time, in an order that depends on the size of the crossbar alone.
``@NAME`` stands for the array of that name; see `emulator.engine.native`.
"""

from __future__ import annotations

#: the answer; `MOST` is the largest number of columns, `HIGHEST` that of rows
ANSWER = """
typedef double side __attribute__((vector_size(64)));
static inline side eight(const double* from)
{
    side found;
    __builtin_memcpy(&found, from, sizeof found);
    return found;
}
// out[c] += what comes through the rows: four runs of eight columns at a time, whose sums stay in registers; even rows and odd ones
static void through(const double* m, int height, int width, const double* in, double* __restrict out)
{
    int c = 0;
    for (; c + 32 <= width; c += 32)
    {
        side even[4] = {}, odd[4] = {};
        const double* w = m + c;
        int r = 0;
        for (; r + 2 <= height; r += 2, w += 2*width)
            for (int k = 0; k < 4; k++)
            {
                even[k] += in[r]*eight(w + 8*k);
                odd[k] += in[r + 1]*eight(w + width + 8*k);
            }
        for (int k = 0; r < height && k < 4; k++)
            even[k] += in[r]*eight(w + 8*k);
        for (int k = 0; k < 4; k++)
        {
            const side sum = even[k] + odd[k] + eight(out + c + 8*k);
            __builtin_memcpy(out + c + 8*k, &sum, sizeof sum);
        }
    }
    for (; c < width; c += 8)
    {
        const int at = c + 8 <= width ? c : width - 8;  // the last columns of eight, some of which are done already
        side sums[4] = {};
        if (at < 0)
            break;
        const double* w = m + at;
        int r = 0;
        for (; r + 4 <= height; r += 4, w += 4*width)
            for (int k = 0; k < 4; k++)
                sums[k] += in[r + k]*eight(w + k*width);
        for (; r < height; r++, w += width)
            sums[0] += in[r]*eight(w);
        const side sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        for (int k = c - at; k < 8; k++)
            out[at + k] += sum[k];
    }
    for (int r = 0; width < 8 && r < height; r++)
        for (int k = 0; k < width; k++)
            out[k] += in[r]*m[r*width + k];
}
// sums along contiguous weights, four rows at a time: eight numbers of each are added up side by side, then those
static inline double total(side sum) { return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7])); }
static void along(const double* m, int height, int width, const double* in, double* __restrict out)
{
    const int whole = width & ~7;
    int r = 0;
    for (; r + 4 <= height; r += 4, m += 4*width)
    {
        const double *m1 = m + width, *m2 = m1 + width, *m3 = m2 + width;
        side s0 = {0.0}, s1 = s0, s2 = s0, s3 = s0;
        for (int c = 0; c < whole; c += 8)
        {
            const side v = eight(in + c);
            s0 += eight(m + c)*v;
            s1 += eight(m1 + c)*v;
            s2 += eight(m2 + c)*v;
            s3 += eight(m3 + c)*v;
        }
        double t0 = total(s0), t1 = total(s1), t2 = total(s2), t3 = total(s3);
        for (int c = whole; c < width; c++)
        {
            t0 += m[c]*in[c];
            t1 += m1[c]*in[c];
            t2 += m2[c]*in[c];
            t3 += m3[c]*in[c];
        }
        out[r] = t0, out[r + 1] = t1, out[r + 2] = t2, out[r + 3] = t3;
    }
    for (; r < height; r++, m += width)
    {
        side sum = {0.0};
        for (int c = 0; c < whole; c += 8)
            sum += eight(m + c)*eight(in + c);
        double all = total(sum);
        for (int c = whole; c < width; c++)
            all += m[c]*in[c];
        out[r] = all;
    }
}
static int answer(int w0, int r0, int height, int c0, int width, int d0, int full)
{
    static double push[MOST], back[HIGHEST];
    const double* w = height && width ? &@WEIGHT[w0] : 0;
    const double *row = @ROW + r0, *z1 = @ROW_IMPEDANCE + r0, *wave = @COLUMN + c0;
    double *__restrict x = @X + r0, *__restrict lam = @LAM + c0;
    for (int c = 0; c < width; c++)
    {
        push[c] = -2.0*wave[c];
        lam[c] = 0.0;
    }
    if (full)
    {
        through(w, height, width, row, lam);
        for (int c = 0; c < width; c++)
        {
            push[c] += 2.0*lam[c];
            lam[c] = 0.0;
        }
    }
    else
    {
        const double* v = w;
        const int* at = @AT + w0;
        for (int r = 0; r < height; r++)
            for (int k = 0; k < @COUNT[r0 + r]; k++)
                push[*at++] += 2.0*row[r]* *v++;
    }
    through(@INVERSE + d0, width, width, push, lam);
    if (full)
        along(w, height, width, lam, back);
    else
    {
        const int* at = @AT + w0;
        for (int r = 0; r < height; r++)
        {
            back[r] = 0.0;
            for (int k = 0; k < @COUNT[r0 + r]; k++)
                back[r] += *w++*lam[*at++];
        }
    }
    for (int r = 0; r < height; r++)
        x[r] = 2.0*row[r] - z1[r]*back[r];
    return 0;
}
"""
#: inverts one symmetric positive definite matrix by Gauss-Jordan elimination, for which no pivoting is needed
INVERT = """
static int invert(int moved, int w0, int r0, int height, int c0, int width, int d0, int full)
{
    if (!moved || !width)
        return 0;
    const double* w = height ? &@WEIGHT[w0] : 0;
    const int* at = full ? 0 : @AT + w0;
    const double *z1 = @ROW_IMPEDANCE + r0, *z2 = @COLUMN_IMPEDANCE + c0;
    double* d = @INVERSE + d0;
    for (int c = 0; c < width; c++)
        for (int k = 0; k < width; k++)
            d[c*width + k] = c == k ? z2[c] : 0.0;
    for (int r = 0; r < height; r++)
    {
        const int count = full ? width : @COUNT[r0 + r];
        for (int c = 0; c < count; c++)
        {
            const double part = z1[r]*w[c];
            double* __restrict to = d + (full ? c : at[c])*width;
            if (full)
                for (int k = 0; k < width; k++)
                    to[k] += part*w[k];
            else
                for (int k = 0; k < count; k++)
                    to[at[k]] += part*w[k];
        }
        w += count;
        at += full ? 0 : count;
    }
    for (int k = 0; k < width; k++)
    {
        const double pivot = 1.0/d[k*width + k];
        const double* own = d + k*width;
        d[k*width + k] = 1.0;
        for (int j = 0; j < width; j++)
            d[k*width + j] *= pivot;
        for (int c = 0; c < width; c++)
        {
            if (c == k)
                continue;
            double* __restrict to = d + c*width;
            const double part = to[k];
            to[k] = 0.0;
            for (int j = 0; j < width; j++)
                to[j] -= part*own[j];
        }
    }
    return 0;
}
"""
