/* Steps that single rows take late. Nesterov's rule moves every weight in every step, but of a first layer with few
 * nonzero inputs only some rows have a gradient. The others need not be read: they take the steps that they missed, one
 * after the other, when their input is next nonzero, to the same bits. */
#ifndef CBACKPROP_LATE_H
#define CBACKPROP_LATE_H

#include "descent.h"

/* Row `row` of panel p. */
INLINE real *row_of(const Panels *M, ptrdiff_t p, ptrdiff_t row) { return panels_from(M, p) + row * M->width; }

/* Fetches row `row` of panels p0 .. p1 - 1 of M, which is in no cache. */
static void prefetch_row(const Panels *M, ptrdiff_t row, ptrdiff_t p0, ptrdiff_t p1) {
    for (ptrdiff_t p = p0; p < p1; p++) {
        const char *begin = (const char *)row_of(M, p, row);
        for (ptrdiff_t at = 0; at < M->width * (ptrdiff_t)sizeof(real); at += LINE_BYTES) PREFETCH(begin + at);
    }
}

/* sum = sum + x, in double. */
INLINE void add_to_doubles(double *sum, vec x) {
#if REAL_BITS == 64
    store((real *)sum, load((const real *)sum) + x);
#else
    real lanes[LANES];
    store_unaligned(lanes, x);
    for (ptrdiff_t j = 0; j < LANES; j++) sum[j] += (double)lanes[j];
#endif
}

/* sum = sum + factor x^2, in double. */
INLINE void add_squares(double factor, vec x, double *sum) {
#if REAL_BITS == 64
    add_to_doubles(sum, BROADCAST(factor) * x * x);
#else
    real lanes[LANES];
    store_unaligned(lanes, x);
    for (ptrdiff_t j = 0; j < LANES; j++) sum[j] += factor * (double)lanes[j] * (double)lanes[j];
#endif
}

static void late_squares(double factor, const Panels *W, ptrdiff_t row, ptrdiff_t p0, ptrdiff_t p1, double *squares) {
    for (ptrdiff_t p = p0; p < p1; p++) {
        const real *w = row_of(W, p, row);
        for (ptrdiff_t v = 0; v < W->width; v += LANES) add_squares(factor, load(w + v), squares + p * W->width + v);
    }
}

/* Vectors of a row that take a step together: each step waits for the one before. */
enum { TOGETHER = REGISTERS == 32 ? 4 : 2 };

INLINE void late_nesterov_vectors(const int count, const int penalty, const LateStep *step, ptrdiff_t n, real *g,
                                  real *v, real *w, double *squares) {
    vec x[TOGETHER], velocity[TOGETHER], change[TOGETHER], sum[TOGETHER];
    UNROLL for (int i = 0; i < count; i++) {
        x[i] = load(w + i * LANES);
        velocity[i] = load(v + i * LANES);
        change[i] = load(g + i * LANES);
        store(g + i * LANES, ZERO);
        sum[i] = ZERO;
    }
    for (ptrdiff_t k = 0; k < n; k++) {
        const vec factor = BROADCAST((real)step[k].squares), decay = BROADCAST((real)step[k].weight_decay);
        const vec momentum = BROADCAST((real)step[k].mu);
        UNROLL for (int i = 0; i < count; i++) {
            sum[i] = multiply_add(factor * x[i], x[i], sum[i]);
            nesterov_step(penalty, decay, momentum, change[i], &velocity[i], &x[i]);
            change[i] = ZERO;
        }
    }
    UNROLL for (int i = 0; i < count; i++) {
        store(v + i * LANES, velocity[i]);
        store(w + i * LANES, x[i]);
        if (squares) add_to_doubles(squares + i * LANES, sum[i]);
    }
}

INLINE void late_nesterov_with(const int penalty, const LateStep *step, ptrdiff_t n, const Panels *G, const Panels *V,
                               const Panels *W, ptrdiff_t row, ptrdiff_t p0, ptrdiff_t p1, double *squares) {
    for (ptrdiff_t p = p0; p < p1; p++) {
        real *g = row_of(G, p, row), *v = row_of(V, p, row), *w = row_of(W, p, row);
        double *sums = squares ? squares + p * W->width : NULL;
        ptrdiff_t i = 0;
        for (; i + TOGETHER * LANES <= W->width; i += TOGETHER * LANES)
            late_nesterov_vectors(TOGETHER, penalty, step, n, g + i, v + i, w + i, sums ? sums + i : NULL);
        for (; i < W->width; i += LANES)
            late_nesterov_vectors(1, penalty, step, n, g + i, v + i, w + i, sums ? sums + i : NULL);
    }
}

static void late_nesterov(const LateStep *step, ptrdiff_t n, const Panels *G, const Panels *V, const Panels *W,
                          ptrdiff_t row, ptrdiff_t p0, ptrdiff_t p1, double *squares) {
    const int penalty = penalty_of(step->weight_decay, step->is_l1);
    ptrdiff_t alike = 1;
    while (alike < n && penalty_of(step[alike].weight_decay, step[alike].is_l1) == penalty) alike++;
    if (penalty == NO_PENALTY)
        late_nesterov_with(NO_PENALTY, step, alike, G, V, W, row, p0, p1, squares);
    else if (penalty == L1)
        late_nesterov_with(L1, step, alike, G, V, W, row, p0, p1, squares);
    else
        late_nesterov_with(L2, step, alike, G, V, W, row, p0, p1, squares);
    if (alike < n) late_nesterov(step + alike, n - alike, G, V, W, row, p0, p1, squares);
}

#endif
