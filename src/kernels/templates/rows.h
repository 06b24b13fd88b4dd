/* One example at a time, on row-major arrays of any alignment, as NumPy keeps them.
 *
 * A row's length is seldom a multiple of LANES. The last vector of a row of LANES or more ends with the row and
 * overlaps the one before; shorter rows are computed one number at a time. */
#ifndef CBACKPROP_ROWS_H
#define CBACKPROP_ROWS_H

#include "panels.h"

#define ROWS 4 /* rows of w at once: each vector of x is loaded for four, and their sums are independent chains */
#define STRIP_VECTORS 8 /* vectors of a column sum at once: enough chains to fill the multiply-adds */

/* A mask of the lanes of a row's last vector that the vectors before it did not hold. */
INLINE ivec last_lanes(ptrdiff_t K) {
    integer lane[LANES];
    ivec mask;
    for (ptrdiff_t l = 0; l < LANES; l++) lane[l] = -(integer)(l >= LANES - K % LANES);
    memcpy(&mask, lane, sizeof mask);
    return mask;
}

/* The sums, still spread over the lanes, of R rows of w (R x K) times x (K), K at least LANES. `last` is x's last
 * vector under `mask`. The lanes that overlap are 0 in w and in x, since infinity times 0 would be NaN. */
INLINE void spread_sums(const int R, const real *w, const real *x, vec last, ivec mask, vec *sums, ptrdiff_t K) {
    vec even[ROWS], odd[ROWS];
    UNROLL for (int r = 0; r < R; r++) even[r] = odd[r] = ZERO;
    ptrdiff_t k = 0;
    for (; k + 2 * LANES <= K; k += 2 * LANES) {
        const vec x0 = load_unaligned(x + k), x1 = load_unaligned(x + k + LANES);
        UNROLL for (int r = 0; r < R; r++) {
            even[r] += load_unaligned(w + r * K + k) * x0;
            odd[r] += load_unaligned(w + r * K + k + LANES) * x1;
        }
    }
    if (k + LANES <= K) {
        const vec x0 = load_unaligned(x + k);
        UNROLL for (int r = 0; r < R; r++) even[r] += load_unaligned(w + r * K + k) * x0;
    }
    if (K % LANES) {
        UNROLL for (int r = 0; r < R; r++) {
            odd[r] += of_bits(bits_of(load_unaligned(w + r * K + K - LANES)) & mask) * last;
        }
    }
    UNROLL for (int r = 0; r < R; r++) sums[r] = even[r] + odd[r];
}

/* z = w x + b: w (n x K), x (K), b and z (n). For LANES rows at a time, the vectors of sums are transposed and added.
 */
static void matvec(const void *w, const void *x, const void *b, void *z, ptrdiff_t n, ptrdiff_t K) {
    const real *row = w, *input = x, *bias = b;
    real *to = z;
    if (K < LANES) {
        for (ptrdiff_t j = 0; j < n; j++, row += K) {
            real sum = bias[j];
            for (ptrdiff_t k = 0; k < K; k++) sum += row[k] * input[k];
            to[j] = sum;
        }
        return;
    }
    const ivec mask = last_lanes(K);
    const vec last = of_bits(bits_of(load_unaligned(input + K - LANES)) & mask);
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const ptrdiff_t count = smaller(n - j, LANES);
        vec sums[LANES];
        ptrdiff_t r = 0;
        for (; r + ROWS <= count; r += ROWS) spread_sums(ROWS, row + (j + r) * K, input, last, mask, sums + r, K);
        for (; r < count; r++) spread_sums(1, row + (j + r) * K, input, last, mask, sums + r, K);
        for (; r < LANES; r++) sums[r] = ZERO;
        transpose(sums);
        for (ptrdiff_t half = LANES / 2; half > 0; half /= 2) {
            for (ptrdiff_t l = 0; l < half; l++) sums[l] += sums[l + half];
        }
        if (count == LANES)
            store_unaligned(to + j, sums[0] + load_unaligned(bias + j));
        else
            store_some(to + j, sums[0] + load_some(bias + j, count), count);
    }
}

/* out (V vectors) = the sum over j of d_j times row j: d (n), rows K apart. */
INLINE void sum_of_rows(const int V, const real *w, const real *d, real *out, ptrdiff_t n, ptrdiff_t K) {
    vec sum[STRIP_VECTORS];
    UNROLL for (int v = 0; v < V; v++) sum[v] = ZERO;
    for (ptrdiff_t j = 0; j < n; j++, w += K) {
        const vec d_j = BROADCAST(d[j]);
        UNROLL for (int v = 0; v < V; v++) sum[v] += d_j * load_unaligned(w + v * LANES);
    }
    UNROLL for (int v = 0; v < V; v++) store_unaligned(out + v * LANES, sum[v]);
}

/* out = w^T d: w (n x K), d (n), out (K). */
static void matvec_transposed(const void *w, const void *d, void *out, ptrdiff_t n, ptrdiff_t K) {
    const real *row = w, *error = d;
    real *to = out;
    ptrdiff_t k = 0;
    for (; k + STRIP_VECTORS * LANES <= K; k += STRIP_VECTORS * LANES) {
        sum_of_rows(STRIP_VECTORS, row + k, error, to + k, n, K);
    }
    for (; k + 2 * LANES <= K; k += 2 * LANES) sum_of_rows(2, row + k, error, to + k, n, K);
    if (k + LANES <= K) {
        sum_of_rows(1, row + k, error, to + k, n, K);
        k += LANES;
    }
    if (k < K && K >= LANES) {
        sum_of_rows(1, row + K - LANES, error, to + K - LANES, n, K);
        k = K;
    }
    for (; k < K; k++) {
        real sum = 0;
        for (ptrdiff_t j = 0; j < n; j++) sum += error[j] * row[j * K + k];
        to[k] = sum;
    }
}

/* nabla_w = d x^T: nabla_w (n x K), d (n), x (K). */
static void outer(const void *d, const void *x, void *nabla_w, ptrdiff_t n, ptrdiff_t K) {
    const real *error = d, *input = x;
    real *to = nabla_w;
    for (ptrdiff_t j = 0; j < n; j++, to += K) {
        const vec d_j = BROADCAST(error[j]);
        ptrdiff_t k = 0;
        for (; k + LANES <= K; k += LANES) store_unaligned(to + k, d_j * load_unaligned(input + k));
        if (k < K && K >= LANES) {
            store_unaligned(to + K - LANES, d_j * load_unaligned(input + K - LANES));
            k = K;
        }
        for (; k < K; k++) to[k] = error[j] * input[k];
    }
}

#endif
