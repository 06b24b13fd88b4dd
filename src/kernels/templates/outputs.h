/* The output layer: its errors against the targets, the class that it answers, and the cost, with what the weights
 * add to it. */
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

/* D_i = weights[order[i]] D_i for each row i of D (m x n). A weight of 0 leaves 0, whatever the row holds. */
static void weigh_rows(const Panels *D, const double *weights, const uint32_t *order, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t m = D->rows, width = D->width;
    for (ptrdiff_t p = p0; p < p1; p++) {
        for (ptrdiff_t i = 0; i < m; i++) {
            real *d = (real *)D->data + (p * m + i) * width;
            const vec weight = BROADCAST((real)weights[order[i]]);
            const ivec counts = LESS(ZERO, weight);
            for (ptrdiff_t j = 0; j < width; j += LANES) store(d + j, choose(counts, weight * load(d + j), ZERO));
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

/* y ln(y / a) - y + a, which is a for y = 0 */
INLINE vec poisson_cost(vec a, vec y, int one_hot) {
    (void)one_hot;
    return choose(LESS(ZERO, y), finite_of(y * (log_of(y) - log_of(a))), ZERO) - y + a;
}

/* The cost with this code, in each lane; an output below `low` or above `high` counts as that. */
INLINE vec cost_in_lanes(int cost, vec a, vec y, double low, double high, int one_hot) {
    const vec least = BROADCAST((real)low), most = BROADCAST((real)high);
    const vec above = choose(LESS(a, least), least, a), output = choose(LESS(most, above), most, above);
    vec result = ZERO;
#define ARM(CODE, name, ...)                      \
    case CODE:                                    \
        result = name##_cost(output, y, one_hot); \
        break;
    switch (cost) { COSTS(ARM) }
#undef ARM
    return result;
}

/* `costs` for single outputs that fill a vector together: those of a few neurons or, where the others' cost nothing, of
 * the label alone. */
static void costs_of_few(int cost, const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                         double low, double high, int only_label, double *cost_of) {
    const ptrdiff_t m = A->rows, n = A->cols, width = A->width;
    real a[LANES], y[LANES], term[LANES];
    ptrdiff_t row[LANES], count = 0;
    for (ptrdiff_t k = 0; k < LANES; k++) a[k] = y[k] = 0;
    for (ptrdiff_t i = 0; i < m; i++) {
        const ptrdiff_t label = labels ? (ptrdiff_t)labels[order[i]] : -1;
        if (only_label && (label < 0 || label >= n)) continue;
        for (ptrdiff_t j = only_label ? label : 0; j < (only_label ? label + 1 : n); j++) {
            a[count] = ((const real *)A->data)[(j / width * m + i) * width + j % width];
            if (labels)
                y[count] = j == label;
            else
                memcpy(&y[count], (const real *)targets + (size_t)order[i] * (size_t)n + j, sizeof(real));
            row[count++] = i;
            if (count < LANES) continue;
            store_unaligned(term, cost_in_lanes(cost, load_unaligned(a), load_unaligned(y), low, high, labels != NULL));
            for (ptrdiff_t k = 0; k < LANES; k++) cost_of[row[k]] += (double)term[k];
            count = 0;
        }
    }
    store_unaligned(term, cost_in_lanes(cost, load_unaligned(a), load_unaligned(y), low, high, labels != NULL));
    for (ptrdiff_t k = 0; k < count; k++) cost_of[row[k]] += (double)term[k];
}

/* cost_of[i] = the cost of row i of A (m x n), whose target is the example order[i]'s as in subtract_targets. An output
 * below `low` or above `high` counts as that. */
static void costs(int cost, const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                  double low, double high, double *cost_of) {
    const ptrdiff_t m = A->rows, n = A->cols, width = A->width;
    const int only_label = labels && cost == LOG_LIKELIHOOD;
    for (ptrdiff_t i = 0; i < m; i++) cost_of[i] = 0;
    if (n < LANES || only_label) {
        costs_of_few(cost, A, labels, targets, order, low, high, only_label, cost_of);
        return;
    }
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
                store_unaligned(term, cost_in_lanes(cost, load(a + v), load_unaligned(y), low, high, labels != NULL));
                for (ptrdiff_t j = 0; j < count; j++) cost_of[i] += (double)term[j];
            }
        }
    }
}

/* The sum of the squares of M, of strips of vectors, so that floats keep their digits. Four sums at once, since each
 * waits for itself. */
static double squares(const Panels *M) {
    enum { STRIP = 256, SUMS = 4 };
    const ptrdiff_t width = M->width, per_row = width / LANES;
    double total = 0;
    for (ptrdiff_t first = 0; first < M->cols; first += width) {
        const real *x = (const real *)M->data + first / width * M->rows * width;
        const ptrdiff_t count = smaller(M->cols - first, width), vectors = M->rows * per_row;
        for (ptrdiff_t from = 0; from < vectors; from += STRIP) {
            const ptrdiff_t to = smaller(from + STRIP, vectors);
            ptrdiff_t v = from;
            vec sum[SUMS];
            UNROLL for (int k = 0; k < SUMS; k++) sum[k] = ZERO;
            if (count == width)
                for (; v + SUMS <= to; v += SUMS) {
                    UNROLL for (int k = 0; k < SUMS; k++) {
                        const vec y = load(x + (v + k) * LANES);
                        sum[k] = multiply_add(y, y, sum[k]);
                    }
                }
            for (; v < to; v++) {
                const ptrdiff_t lane = v % per_row * LANES;
                const vec y = first_lanes(load(x + v * LANES), lane < count ? smaller(count - lane, LANES) : 0);
                sum[0] = multiply_add(y, y, sum[0]);
            }
            real lanes[LANES];
            store_unaligned(lanes, (sum[0] + sum[1]) + (sum[2] + sum[3]));
            for (ptrdiff_t j = 0; j < LANES; j++) total += (double)lanes[j];
        }
    }
    return total;
}

#endif
