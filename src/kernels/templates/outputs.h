/* The output layer: its errors against the targets, the class that it answers, and the cost. */
#ifndef CBACKPROP_OUTPUTS_H
#define CBACKPROP_OUTPUTS_H

#include "activations.h"
#include "registry.h"

/* 1 in the lane `place`, 0 in the others; 0 in all if there is no such lane. */
INLINE vec one_at(ptrdiff_t place) {
    static const real one[2 * LANES + 1] = {[LANES] = 1};
    return load_unaligned(one + LANES - (place >= 0 && place < LANES ? place : LANES));
}

/* v in the first `count` lanes, at most 16, and 0 in the others. */
INLINE vec first_lanes(vec v, ptrdiff_t count) {
    static const integer kept[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    ivec mask;
    memcpy(&mask, kept + 16 - count, sizeof mask);
    return of_bits(bits_of(v) & mask);
}

/* D = A - Y: A, D (m x n). Row i's target is the example order[i]'s: a row of `targets` (n reals, any alignment), or,
 * where `labels` is not NULL, 1 at the label and 0 elsewhere (a label outside 0 .. n-1: 0 everywhere). D's pad lanes
 * become 0. It is written by whole vectors, since a vector that is read soon after one of its numbers was written waits
 * for the cache. */
static void subtract_targets(const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                             const Panels *D, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t m = A->rows, n = A->cols, width = A->width;
    for (ptrdiff_t p = p0; p < p1; p++) {
        const ptrdiff_t first = p * width, count = smaller(n - first, width);
        for (ptrdiff_t i = 0; i < m; i++) {
            const real *a = (const real *)A->data + (p * m + i) * width;
            real *d = (real *)D->data + (p * m + i) * width;
            const real *y = labels ? NULL : (const real *)targets + (size_t)order[i] * (size_t)n + first;
            const ptrdiff_t label = labels ? (ptrdiff_t)labels[order[i]] - first : 0;
            for (ptrdiff_t j = 0; j < width; j += LANES) {
                const ptrdiff_t here = j < count ? smaller(count - j, LANES) : 0;
                const vec target = labels          ? one_at(label - j)
                                   : here == LANES ? load_unaligned(y + j)
                                                   : load_some(y + j, here);
                store(d + j, first_lanes(load(a + j) - target, here));
            }
        }
    }
}

/* answers[i] = the first j with the largest A(i, j); a NaN counts as the largest, as in numpy.argmax. */
static void argmax(const Panels *A, int32_t *answers) {
    const ptrdiff_t m = A->rows, n = A->cols, width = A->width;
    for (ptrdiff_t i = 0; i < m; i++) {
        ptrdiff_t best = 0;
        real largest = ((const real *)A->data)[i * width];
        for (ptrdiff_t first = 0; first < n && largest == largest; first += width) {
            const real *a = (const real *)A->data + (first / width * m + i) * width;
            for (ptrdiff_t j = 0; j < smaller(n - first, width) && largest == largest; j++) {
                if (a[j] > largest || a[j] != a[j]) {
                    largest = a[j];
                    best = first + j;
                }
            }
        }
        answers[i] = (int32_t)best;
    }
}

/* NaN becomes 0, and an infinity the largest number of its sign, as numpy.nan_to_num has it. */
INLINE vec finite_of(vec x) {
    const vec largest = BROADCAST(LARGEST_REAL);
    const vec capped = choose(LESS(largest, x), largest, choose(LESS(x, ZERO - largest), ZERO - largest, x));
    return choose(LESS(x, ZERO) | LESS(ZERO, x), capped, ZERO); /* a NaN is neither, and 0 stays 0 */
}

/* For each cost of registry.h, the cost of an output a for the target y, in each lane; NaN and infinite logarithms are
 * made finite. `one_hot`: every y is 0 or 1. */

/* (a - y)^2 / 2 */
INLINE vec quadratic_cost(vec a, vec y, int one_hot) {
    (void)one_hot;
    return BROADCAST(0.5) * (a - y) * (a - y);
}

/* -y ln a - (1 - y) ln(1 - a). With a `one_hot` y one of the terms is 0 times a logarithm. That is 0 unless the
 * logarithm is NaN, for an a below 0 or above 1. */
INLINE vec cross_entropy_cost(vec a, vec y, int one_hot) {
    const vec one = BROADCAST(1);
    if (one_hot) {
        const vec right = choose(LESS(ZERO, y), a, one - a);
        return choose(LESS(a, ZERO) | LESS(one, a), ZERO, finite_of(-log_of(right)));
    }
    const vec wrong = (one - y) * log_of(one - a);
    return finite_of(-multiply_add(y, log_of(a), wrong)); /* the second product is rounded, the first is not */
}

/* -y ln a */
INLINE vec log_likelihood_cost(vec a, vec y, int one_hot) {
    (void)one_hot;
    return finite_of(-y * log_of(a));
}

/* cost_of[i] = the cost of row i of A (m x n), whose target is the example order[i]'s as in subtract_targets. */
static void costs(int cost, const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                  double *cost_of) {
    const ptrdiff_t m = A->rows, n = A->cols, width = A->width;
    for (ptrdiff_t i = 0; i < m; i++) cost_of[i] = 0;
    for (ptrdiff_t first = 0; first < n; first += width) {
        for (ptrdiff_t i = 0; i < m; i++) {
            const real *a = (const real *)A->data + (first / width * m + i) * width;
            for (ptrdiff_t v = 0; v < smaller(n - first, width); v += LANES) {
                const ptrdiff_t count = smaller(n - first - v, LANES);
                real y[LANES], term[LANES];
                for (ptrdiff_t j = 0; j < LANES; j++) y[j] = 0;
                if (labels) {
                    const ptrdiff_t label = (ptrdiff_t)labels[order[i]] - first - v;
                    if (label >= 0 && label < count) y[label] = 1;
                } else {
                    memcpy(y, (const real *)targets + (size_t)order[i] * (size_t)n + first + v,
                           (size_t)count * sizeof(real));
                }
                const vec target = load_unaligned(y), output = load(a + v);
#define ARM(CODE, name, ...)                                                \
    case CODE:                                                              \
        store_unaligned(term, name##_cost(output, target, labels != NULL)); \
        break;
                switch (cost) { COSTS(ARM) }
#undef ARM
                for (ptrdiff_t j = 0; j < count; j++) cost_of[i] += (double)term[j];
            }
        }
    }
}

#endif
