/* The activation functions f and what backpropagation needs of their derivatives: f'(z) as a function of a = f(z)
 * alone, so that a layer keeps only its activations.
 *
 *     sigmoid    a = 1 / (1 + e^-z)        f' = a (1 - a)
 *     linear     a = z                     f' = 1
 *     tanh       a = tanh z                f' = (1 - a) (1 + a)
 *     relu       a = max(z, 0)             f' = 1 where a > 0, otherwise 0 (at z = 0 as well)
 *     softplus   a = ln(1 + e^z)           f' = sigma(z) = 1 - e^-a
 *     exponential   a = e^z                f' = a
 *
 * None overflows but e^z, NaN stays NaN, and small results keep their digits. Each has a row in registry.h. */
#ifndef CBACKPROP_ACTIVATIONS_H
#define CBACKPROP_ACTIVATIONS_H

#include "elementwise.h"
#include "kernels.h"
#include "panels.h"

/* e^x - 1 for x <= 0 (NaN for NaN), within 2 ulp: with e^x = 2^k (1 + t), |t| < 0.42, it is t where k = 0, and
 * otherwise (2^k - 1) + 2^k t, where the first term is the larger one. */
INLINE vec exp_minus_1_of_negative(vec x) {
    const vec least = BROADCAST(LEAST_EXPM1), one = BROADCAST(1);
    vec k;
    const vec t = exp_minus_1_reduced(choose(LESS(x, least), least, x), &k);
    const vec scale = power_of_two(k);
    return multiply_add(scale, t, scale - one);
}

/* tanh z = sign(z) (1 - e^-2|z|) / (1 + e^-2|z|), and the denominator is 2 minus the numerator. */
INLINE vec tanh_of(vec z) {
    const ivec sign = bits_of(BROADCAST(-0.0));
    const vec t = exp_minus_1_of_negative(BROADCAST(2) * of_bits(bits_of(z) | sign));
    return of_bits((~sign & bits_of(t / (BROADCAST(2) + t))) | (sign & bits_of(z)));
}

/* ln(1 + e) for -0.3 <= e <= 1, from ln(1 + x) = 2 artanh(x / (2 + x)) = y + y u q(u), y = x / (1 + x / 2), u = y^2 /
 * 4, whose series needs a small x: where e is above sqrt(2) - 1, x is (1 + e) / 2 - 1, and ln 2 is added.
 * bench/log_coefficients.py prints q's coefficients. */
INLINE vec log_1_plus(vec e) {
    const vec one = BROADCAST(1), half = BROADCAST(0.5);
    const ivec large = LESS(BROADCAST(0.41421356237309503), e);
    const vec x = choose(large, half * (e - one), e);
    const vec y = x / multiply_add(half, x, one), u = BROADCAST(0.25) * y * y;
#define TERM(c, d) multiply_add(BROADCAST(d), u, BROADCAST(c)) /* c + d u */
#if REAL_BITS == 64
    const vec u2 = u * u;
    const vec q01 = TERM(0.3333333333333335, 0.19999999999949444), q23 = TERM(0.14285714313126918, 0.11111105544689748);
    const vec q45 = TERM(0.09091446216268435, 0.07665805861027504);
    /* (q23 u2 + q01) + (q6 u2 + q45) u2^2 */
    const vec q =
        multiply_add(multiply_add(BROADCAST(0.07308903576708663), u2, q45), u2 * u2, multiply_add(q23, u2, q01));
#else
    const vec q = multiply_add(TERM(0.19994378858302422f, 0.14790492964987212f), u, BROADCAST(0.33333342547714534f));
#endif
#undef TERM
    return choose(large, BROADCAST(0.6931471805599453), ZERO) + multiply_add(y, u * q, y);
}

/* ln(1 + e^z) = max(z, 0) + ln(1 + e^-|z|). */
INLINE vec softplus_of(vec z) {
    vec low;
    const vec e = exp_of_negative(of_bits(bits_of(z) | bits_of(BROADCAST(-0.0))), &low);
    return choose(LESS(z, ZERO), ZERO, z) + log_1_plus(e);
}

/* ln x: -infinity for 0, NaN for NaN and below 0. With x = 2^k m, sqrt(1/2) < m <= sqrt(2), it is k ln 2 + ln(1 + (m -
 * 1)), which keeps its digits where x is near 1. A subnormal x is made normal first. */
INLINE vec log_of(vec x) {
    const vec one = BROADCAST(1);
    const ivec tiny = LESS(x, BROADCAST(LEAST_NORMAL));
    const ivec bits = bits_of(choose(tiny, x * BROADCAST(SUBNORMAL_FACTOR), x));
    const vec fraction = of_bits((bits & (((integer)1 << MANTISSA_BITS) - 1)) | bits_of(one));
    const vec exponent = of_bits(bits_of(BROADCAST(ROUNDER)) + (bits >> MANTISSA_BITS)) - BROADCAST(ROUNDER);
    const ivec large = LESS(BROADCAST(1.4142135623730951), fraction);
    const vec m = choose(large, BROADCAST(0.5) * fraction, fraction);
    const vec k = exponent - choose(large, BROADCAST(EXPONENT_BIAS - 1), BROADCAST(EXPONENT_BIAS)) -
                  choose(tiny, BROADCAST(SUBNORMAL_POWER), ZERO);
    const vec y = multiply_add(k, BROADCAST(0.6931471805599453), log_1_plus(m - one));
    /* 0 and NaN, then what is below 0, then infinity */
    const vec others = choose(LESS(x, ZERO), BROADCAST(NAN), x - BROADCAST(INFINITY));
    return choose(LESS(BROADCAST(LARGEST_REAL), x), x, choose(LESS(ZERO, x), y, others));
}

/* ---- for each row of registry.h f(z), and f' where f has the value a ---- */

INLINE vec sigmoid_prime_at(vec a) { return a * (BROADCAST(1) - a); } /* sigmoid_of is in elementwise.h */

INLINE vec linear_of(vec z) { return z; }
INLINE vec linear_prime_at(vec a) { return (void)a, BROADCAST(1); }

INLINE vec tanh_prime_at(vec a) { return (BROADCAST(1) - a) * (BROADCAST(1) + a); }

INLINE vec relu_of(vec z) { return choose(LESS(z, ZERO), ZERO, z); }
INLINE vec relu_prime_at(vec a) { return choose(LESS(ZERO, a), BROADCAST(1), ZERO); }

/* e^z, where z > 0 as 1 / e^-z, within 2 ulp. */
INLINE vec exponential_of(vec z) {
    vec low;
    const vec e = exp_of_negative(of_bits(bits_of(z) | bits_of(BROADCAST(-0.0))), &low); /* -|z| */
    return choose(LESS(ZERO, z), BROADCAST(1) / e, e);
}
INLINE vec exponential_prime_at(vec a) { return a; }

INLINE vec softplus_prime_at(vec a) { return -exp_minus_1_of_negative(-a); }

/* z = f(z), n elements, whole vectors. */
static void activate_array(int f, real *z, ptrdiff_t n) {
#define ARM(CODE, name)                            \
    case CODE:                                     \
        for (ptrdiff_t i = 0; i < n; i += LANES) { \
            const vec a = name##_of(load(z + i));  \
            store(z + i, a);                       \
        }                                          \
        break;
    switch (f) {
        ACTIVATIONS(ARM)
    case SOFTMAX:
        break;
    }
#undef ARM
}

/* d = d f', n elements, whole vectors, where f has the values a. */
static void times_derivative_array(int f, const real *a, real *d, ptrdiff_t n) {
#define ARM(CODE, name)                                     \
    case CODE:                                              \
        for (ptrdiff_t i = 0; i < n; i += LANES) {          \
            const vec slope = name##_prime_at(load(a + i)); \
            store(d + i, load(d + i) * slope);              \
        }                                                   \
        break;
    switch (f) { ACTIVATIONS(ARM) }
#undef ARM
}

/* ---- exceptions: the layer's activation is applied to every column, and an exception's column is computed in scratch
 * memory, from a copy of what it held before ---- */

/* The elements of a copied column of m: whole vectors. */
INLINE ptrdiff_t copied_column(ptrdiff_t m) { return divide_up(m, LANES) * LANES; }

/* copy (copied_column(m)) = column j of M, padded with 0; and back. */
static void copy_column(const Panels *M, ptrdiff_t j, real *copy) {
    const ptrdiff_t m = M->rows, width = M->width;
    const real *from = (const real *)M->data + j / width * m * width + j % width;
    ptrdiff_t i = 0;
    for (; i < m; i++) copy[i] = from[i * width];
    for (; i < copied_column(m); i++) copy[i] = 0;
}

static void put_column(const Panels *M, ptrdiff_t j, const real *copy) {
    const ptrdiff_t m = M->rows, width = M->width;
    real *to = (real *)M->data + j / width * m * width + j % width;
    for (ptrdiff_t i = 0; i < m; i++) to[i * width] = copy[i];
}

INLINE int in_panels(const Panels *M, ptrdiff_t j, ptrdiff_t p0, ptrdiff_t p1) {
    return p0 * M->width <= j && j < p1 * M->width;
}

/* A copied column for each exception, and one for its activations. */
static ptrdiff_t activation_scratch(const Activations *f, ptrdiff_t m) {
    return f->n_exceptions ? (f->n_exceptions + 1) * copied_column(m) * (ptrdiff_t)sizeof(real) : 0;
}

/* Z = f(Z). */
static void activate(const Activations *f, const Panels *Z, void *scratch, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t panel = Z->rows * Z->width, size = copied_column(Z->rows);
    real *copies = scratch;
    for (ptrdiff_t c = 0; c < f->n_exceptions; c++) {
        if (in_panels(Z, f->column[c], p0, p1)) copy_column(Z, f->column[c], copies + c * size);
    }
    activate_array(f->all, (real *)Z->data + p0 * panel, (p1 - p0) * panel);
    for (ptrdiff_t c = 0; c < f->n_exceptions; c++) {
        if (!in_panels(Z, f->column[c], p0, p1)) continue;
        activate_array(f->exception[c], copies + c * size, size);
        put_column(Z, f->column[c], copies + c * size);
    }
}

/* D = D f'(Z), element by element, where A = f(Z): D and A have the same panels. */
static void times_derivative(const Activations *f, const Panels *A, const Panels *D, void *scratch, ptrdiff_t p0,
                             ptrdiff_t p1) {
    const ptrdiff_t panel = A->rows * A->width, size = copied_column(A->rows);
    real *a = scratch, *copies = a + size;
    for (ptrdiff_t c = 0; c < f->n_exceptions; c++) {
        if (in_panels(D, f->column[c], p0, p1)) copy_column(D, f->column[c], copies + c * size);
    }
    times_derivative_array(f->all, (const real *)A->data + p0 * panel, (real *)D->data + p0 * panel, (p1 - p0) * panel);
    for (ptrdiff_t c = 0; c < f->n_exceptions; c++) {
        if (!in_panels(D, f->column[c], p0, p1)) continue;
        copy_column(A, f->column[c], a);
        times_derivative_array(f->exception[c], a, copies + c * size, size);
        put_column(D, f->column[c], copies + c * size);
    }
}

/* ---- softmax: each output depends on its whole row ---- */

/* a_j = e^(z_j - z_max) / sum_k e^(z_k - z_max) in the rows i0 .. i1 - 1 of Z; pad lanes become 0. */
static void softmax(const Panels *Z, ptrdiff_t i0, ptrdiff_t i1) {
    const ptrdiff_t m = Z->rows, width = Z->width, panels = divide_up(Z->cols, width);
    for (ptrdiff_t i = i0; i < i1; i++) {
        real most = ((const real *)Z->data)[i * width];
        for (ptrdiff_t p = 0; p < panels; p++) {
            const real *z = (const real *)Z->data + (p * m + i) * width;
            for (ptrdiff_t j = 0; j < smaller(Z->cols - p * width, width); j++) {
                if (z[j] > most || z[j] != z[j]) most = z[j]; /* a NaN stays: nothing is larger */
            }
        }
        double sum = 0;
        for (ptrdiff_t p = 0; p < panels; p++) {
            real *z = (real *)Z->data + (p * m + i) * width;
            const ptrdiff_t count = smaller(Z->cols - p * width, width);
            for (ptrdiff_t v = 0; v < width; v += LANES) {
                vec low;
                store(z + v, exp_of_negative(load(z + v) - BROADCAST(most), &low));
            }
            for (ptrdiff_t j = 0; j < count; j++) sum += (double)z[j];
            for (ptrdiff_t j = count; j < width; j++) z[j] = 0;
        }
        for (ptrdiff_t p = 0; p < panels; p++) {
            real *z = (real *)Z->data + (p * m + i) * width;
            for (ptrdiff_t v = 0; v < width; v += LANES) store(z + v, load(z + v) / BROADCAST((real)sum));
        }
    }
}

#endif
