/* One example at a time, on row-major arrays of any alignment, as NumPy keeps them.
 *
 * Where multiply-adds are fused, the sum over a row is spread over ROW_LANES lanes, those of the widest vector: a
 * narrower vector is one of PARTS. So the order of the sum, and with it every bit, is the same for all instruction
 * sets.
 *
 * A row's length is seldom a multiple of ROW_LANES. The last lanes of a row of ROW_LANES or more end with the row and
 * overlap those before; shorter rows are computed one number at a time. */
#ifndef CBACKPROP_ROWS_H
#define CBACKPROP_ROWS_H

#include "panels.h"

/* ROWS of w at once: each vector of x is loaded for all of them, and each has 2 PARTS sums in registers. Three rows
 * with AVX2 are as fast as four of one part; two take a sixth longer. */
#if VECTOR_BYTES == 64 || !IS_FUSED
enum { ROW_LANES = LANES, ROWS = 4 };
#elif VECTOR_BYTES > 0
enum { ROW_LANES = 64 / sizeof(real), ROWS = 3 };
#else
enum { ROW_LANES = 64 / sizeof(real), ROWS = 1 };
#endif

enum {
    PARTS = ROW_LANES / LANES,
    BATCH = LANES % ROWS ? ROWS * LANES : LANES, /* rows whose sums are transposed */
    STRIP_VECTORS = 8 /* vectors of a column sum at once: enough chains to fill the multiply-adds */
};

/* Masks of the last ROW_LANES lanes of a row: those that the lanes before did not hold. */
INLINE void last_lanes(ptrdiff_t K, ivec *mask) {
    integer lane[ROW_LANES];
    for (ptrdiff_t l = 0; l < ROW_LANES; l++) lane[l] = -(integer)(l >= ROW_LANES - K % ROW_LANES);
    memcpy(mask, lane, sizeof lane);
}

/* The sums, still spread over the lanes of a vector, of R rows of w (R x K) times x (K), K at least ROW_LANES. `last`
 * is x's last ROW_LANES numbers under `mask`. The lanes that overlap are 0 in w and in x, since infinity times 0 would
 * be NaN. */
INLINE void spread_sums(const int R, const real *w, const real *x, const vec *last, const ivec *mask, vec *sums,
                        ptrdiff_t K) {
    vec even[ROWS][PARTS], odd[ROWS][PARTS];
    UNROLL for (int r = 0; r < R; r++) { UNROLL for (int p = 0; p < (int)PARTS; p++) even[r][p] = odd[r][p] = ZERO; }
    ptrdiff_t k = 0;
    for (; k + 2 * ROW_LANES <= K; k += 2 * ROW_LANES) {
        UNROLL for (int p = 0; p < (int)PARTS; p++) {
            const ptrdiff_t first = k + p * LANES, second = first + ROW_LANES;
            const vec x0 = load_unaligned(x + first), x1 = load_unaligned(x + second);
            UNROLL for (int r = 0; r < R; r++) {
                even[r][p] = multiply_add(load_unaligned(w + r * K + first), x0, even[r][p]);
                odd[r][p] = multiply_add(load_unaligned(w + r * K + second), x1, odd[r][p]);
            }
        }
    }
    if (k + ROW_LANES <= K) {
        UNROLL for (int p = 0; p < (int)PARTS; p++) {
            const vec x0 = load_unaligned(x + k + p * LANES);
            UNROLL for (int r = 0; r < R; r++) {
                even[r][p] = multiply_add(load_unaligned(w + r * K + k + p * LANES), x0, even[r][p]);
            }
        }
    }
    if (K % ROW_LANES) {
        UNROLL for (int p = 0; p < (int)PARTS; p++) {
            UNROLL for (int r = 0; r < R; r++) {
                const vec row = load_unaligned(w + r * K + K - ROW_LANES + p * LANES);
                odd[r][p] = multiply_add(of_bits(bits_of(row) & mask[p]), last[p], odd[r][p]);
            }
        }
    }
    UNROLL for (int r = 0; r < R; r++) {
        vec part[PARTS];
        UNROLL for (int p = 0; p < (int)PARTS; p++) part[p] = even[r][p] + odd[r][p];
        UNROLL for (int half = PARTS / 2; half > 0; half /= 2) {
            UNROLL for (int p = 0; p < half; p++) part[p] += part[p + half];
        }
        sums[r] = part[0];
    }
}

/* z = w x + b: w (n x K), x (K), b and z (n). For LANES rows at a time, the vectors of sums are transposed and added,
 * each lane to the one half a vector further. */
static void matvec(const void *w, const void *x, const void *b, void *z, ptrdiff_t n, ptrdiff_t K) {
    const real *row = w, *input = x, *bias = b;
    real *to = z;
    if (K < ROW_LANES) {
        for (ptrdiff_t j = 0; j < n; j++, row += K) {
            real sum = bias[j];
            for (ptrdiff_t k = 0; k < K; k++) sum = multiply_add_numbers(row[k], input[k], sum);
            to[j] = sum;
        }
        return;
    }
    ivec mask[PARTS];
    vec last[PARTS];
    last_lanes(K, mask);
    for (ptrdiff_t p = 0; p < (ptrdiff_t)PARTS; p++) {
        last[p] = of_bits(bits_of(load_unaligned(input + K - ROW_LANES + p * LANES)) & mask[p]);
    }
    for (ptrdiff_t j = 0; j < n; j += BATCH) {
        const ptrdiff_t rows = smaller(n - j, BATCH);
        vec sums[BATCH];
        ptrdiff_t r = 0;
        for (; r + ROWS <= rows; r += ROWS) spread_sums(ROWS, row + (j + r) * K, input, last, mask, sums + r, K);
        for (; r < rows; r++) spread_sums(1, row + (j + r) * K, input, last, mask, sums + r, K);
        for (; r < BATCH; r++) sums[r] = ZERO;
        for (ptrdiff_t first = 0; first < rows; first += LANES) {
            const ptrdiff_t count = smaller(rows - first, LANES);
            vec *sum = sums + first;
            transpose(sum);
            for (ptrdiff_t half = LANES / 2; half > 0; half /= 2) {
                for (ptrdiff_t l = 0; l < half; l++) sum[l] += sum[l + half];
            }
            if (count == LANES)
                store_unaligned(to + j + first, sum[0] + load_unaligned(bias + j + first));
            else
                store_some(to + j + first, sum[0] + load_some(bias + j + first, count), count);
        }
    }
}

/* out (V vectors) = the sum over j of d_j times row j: d (n), rows K apart. */
INLINE void sum_of_rows(const int V, const real *w, const real *d, real *out, ptrdiff_t n, ptrdiff_t K) {
    vec sum[STRIP_VECTORS];
    UNROLL for (int v = 0; v < V; v++) sum[v] = ZERO;
    for (ptrdiff_t j = 0; j < n; j++, w += K) {
        const vec d_j = BROADCAST(d[j]);
        UNROLL for (int v = 0; v < V; v++) sum[v] = multiply_add(d_j, load_unaligned(w + v * LANES), sum[v]);
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
        for (ptrdiff_t j = 0; j < n; j++) sum = multiply_add_numbers(error[j], row[j * K + k], sum);
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
