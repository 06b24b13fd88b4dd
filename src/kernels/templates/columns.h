/* Products with a matrix X (K x m) as NumPy keeps it, row-major and of any alignment: its columns are the examples.
 *
 * The micro-kernel of dense.h takes it unpacked, with other strides. A row of X that is all 0, an input that is 0 in
 * every example, is skipped unless it would be multiplied by an infinity or a NaN. */
#ifndef CBACKPROP_COLUMNS_H
#define CBACKPROP_COLUMNS_H

#include "dense.h"
#include "elementwise.h"

/* The fewest zero rows that are worth skipping: each run of rows loads and stores the sums once more. */
enum { BREAK_ROWS = 4 };

/* Whether the n reals at x, any alignment, are all 0: no bit but the sign is set. */
INLINE int all_zero(const real *x, ptrdiff_t n) {
    const ivec sign = bits_of(BROADCAST(-0.0));
    ptrdiff_t i = 0;
    if (n > 0 && x[0] != 0) return 0; /* dense rows: no more need be looked at */
    if (n >= LANES) {
        ivec set = bits_of(load_unaligned(x + n - LANES));
        for (; i + LANES <= n; i += LANES) set |= bits_of(load_unaligned(x + i));
        integer lane[LANES], any = 0;
        set &= ~sign;
        memcpy(lane, &set, sizeof lane);
        for (ptrdiff_t l = 0; l < LANES; l++) any |= lane[l];
        return any == 0;
    }
    while (i < n && x[i] == 0) i++;
    return i == n;
}

/* Lists the runs of X's rows that are not all 0, each at most K_BLOCK long. There is at least one run, which may be
 * empty. */
static void find_runs(Columns *X) {
    const real *x = X->data;
    int32_t *run = X->runs; /* run[-2] .. run[-1]: the last one */
    X->all_rows = 1;
    for (int32_t k = 0; k < X->rows; k++, x += X->cols) {
        if (all_zero(x, X->cols)) continue;
        if (run > X->runs && k - run[-1] < BREAK_ROWS && k - run[-2] < K_BLOCK) {
            run[-1] = k + 1;
        } else {
            if (k != (run > X->runs ? run[-1] : 0)) X->all_rows = 0;
            run[0] = k;
            run[1] = k + 1;
            run += 2;
        }
    }
    if (run == X->runs || run[-1] != X->rows) X->all_rows = 0;
    if (run == X->runs) {
        run[0] = run[1] = 0;
        run += 2;
    }
    X->n_runs = (run - X->runs) / 2;
}

/* Whether all the reals of M's panels p0 .. p1 are finite. */
static int all_finite(const Panels *M, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t panel = M->rows * M->width;
    return largest((const real *)M->data + p0 * panel, (p1 - p0) * panel) < INFINITY;
}

/* The runs of X's rows that count in a product with `factors`: all rows where a factor is not finite. */
static ptrdiff_t runs_with(const Columns *X, const Panels *factors, ptrdiff_t p0, ptrdiff_t p1, const int32_t *every,
                           const int32_t **runs) {
    const int skip = X->all_rows || all_finite(factors, p0, p1);
    *runs = skip ? X->runs : every;
    return skip ? X->n_runs : 1;
}

/* C = X^T B + bias in each row: C (m x n), B (K x n). */
static void product_columns(const Columns *X, const Panels *B, const void *bias, const Panels *C, ptrdiff_t p0,
                            ptrdiff_t p1) {
    const ptrdiff_t m = X->cols, K = X->rows, width = C->width;
    const int32_t every[2] = {0, (int32_t)K}, *runs;
    const ptrdiff_t n_runs = runs_with(X, B, p0, p1, every, &runs);
    for (ptrdiff_t p = p0; p < p1; p++) {
        real *c = (real *)C->data + p * m * width;
        for (ptrdiff_t r = 0; r < n_runs; r++) {
            const ptrdiff_t k = runs[2 * r], terms = runs[2 * r + 1] - k;
            const Tile t = {
                .a = (const real *)X->data + k * m,
                .a_row = 1,
                .a_term = m,
                .chunk = terms,
                .b = (const real *)B->data + (p * K + k) * width,
                .b_term = width,
                .terms = terms,
                .start = r > 0 ? c : (const real *)bias + p * width,
                .start_row = r > 0 ? width : 0,
                .c = c,
                .c_row = width,
            };
            tiled(&t, m, used_vectors(C, p));
        }
    }
}

/* W = W - step (X D): W (K x n), D (m x n). */
static void subtract_columns(const Columns *X, const Panels *D, double step, const Panels *W, ptrdiff_t p0,
                             ptrdiff_t p1) {
    const ptrdiff_t m = X->cols, K = X->rows, width = W->width;
    const int32_t every[2] = {0, (int32_t)K}, *runs;
    const ptrdiff_t n_runs = runs_with(X, D, p0, p1, every, &runs);
    for (ptrdiff_t p = p0; p < p1; p++) {
        for (ptrdiff_t r = 0; r < n_runs; r++) {
            const ptrdiff_t k = runs[2 * r];
            const Tile t = {
                .a = (const real *)X->data + k * m,
                .a_row = m,
                .a_term = 1,
                .chunk = m,
                .b = (const real *)D->data + p * m * width,
                .b_term = width,
                .terms = m,
                .c = (real *)W->data + (p * K + k) * width,
                .c_row = width,
                .decay = 1,
                .step = (real)step,
                .update = 1,
            };
            tiled(&t, runs[2 * r + 1] - k, used_vectors(W, p));
        }
    }
}

#endif
