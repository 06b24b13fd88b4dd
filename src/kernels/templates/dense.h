/* Products of matrices in panels (matrix.h), on one thread.
 *
 * One micro-kernel, `tile`, does the forward pass, the backward pass and the update: it keeps R rows x V vectors of the
 * result in registers and adds to them, one k after the other, element (row, k) of the left matrix, broadcast, times
 * row k of the right one. Each element of a result is one chain of multiply-adds in the order of k, which starts from
 * the bias. So no bit depends on how a matrix is cut into tiles, blocks and panels, or on the number of rows or
 * threads.
 */
#ifndef CBACKPROP_DENSE_H
#define CBACKPROP_DENSE_H

#include "panels.h"

/* The most rows of a tile of 1, 2, ... vectors. Their sums leave a register for each vector of the right matrix and one
 * for the broadcast, and are at least the 8 that must be in flight (a multiply-add takes 4 cycles, and two start in
 * each cycle). With these, wide layers run at 95 to 107% of OpenBLAS' speed, with AVX2 and AVX-512. */
#if REGISTERS == 32
enum { MOST_VECTORS = 4, MOST_ROWS = 12 };
static const ptrdiff_t tile_rows[MOST_VECTORS + 1] = {0, 12, 12, 8, 6};
#else
/* SSE2 has no multiply-add and needs one more register for the product: 34 to 38% of OpenBLAS' speed, 28% with the
 * sizes of AVX2. */
enum { MOST_VECTORS = 3, MOST_ROWS = 8 };
#if VECTOR_BYTES == 32
static const ptrdiff_t tile_rows[MOST_VECTORS + 1] = {0, 8, 6, 4};
#else
static const ptrdiff_t tile_rows[MOST_VECTORS + 1] = {0, 6, 4, 3};
#endif
#endif

/* Products are cut into blocks of K_BLOCK of the sum's terms (whole panels of the left matrix) and ROW_BLOCK rows, so
 * that a block of the left matrix, 512 KB in float64, stays in the second-level cache while the product goes through
 * the panels of the right one. */
enum { K_BLOCK = 256, ROW_BLOCK = 256 };

/* From MANY rows or terms on, a block's arithmetic takes long enough to prefetch a matrix that comes from memory:
 * a part of it after every PREFETCH_ROWS rows. */
enum { MANY = 64, PREFETCH_ROWS = 24 };

/* A tile: C = start + A B, or, if `update`, C = decay C - step A B. */
typedef struct {
    const real *a; /* element (row r, term k) of A: a[r a_row + (k mod chunk) a_term + (k div chunk) a_chunk] */
    ptrdiff_t a_row, a_term, chunk, a_chunk;
    const real *b; /* row k of B: b + k b_term */
    ptrdiff_t b_term;
    ptrdiff_t terms;   /* of each sum */
    const real *start; /* row r: start + r start_row; NULL: zero */
    ptrdiff_t start_row;
    real *c; /* row r: c + r c_row */
    ptrdiff_t c_row;
    real decay, step;
    int update;
} Tile;

/* C (R x V vectors) from A (R x terms) and B (terms x V vectors).
 * R and V are constants where this is inlined: otherwise the compiler would keep the arrays in memory. */
INLINE void tile(const int R, const int V, const Tile *t) {
    vec sum[MOST_ROWS][MOST_VECTORS];
    const real *a = t->a, *b = t->b;
    if (t->update && t->terms >= MANY) { /* W may be in memory; it arrives while the sums are formed */
        UNROLL for (int r = 0; r < R; r++) {
            UNROLL for (int v = 0; v < V; v++) PREFETCH(t->c + r * t->c_row + v * LANES);
        }
    }
    const ptrdiff_t a_row = t->a_row, a_term = t->a_term, b_term = t->b_term;
    if (t->start) {
        UNROLL for (int r = 0; r < R; r++) {
            UNROLL for (int v = 0; v < V; v++) sum[r][v] = load(t->start + r * t->start_row + v * LANES);
        }
    } else {
        UNROLL for (int r = 0; r < R; r++) { UNROLL for (int v = 0; v < V; v++) sum[r][v] = ZERO; }
    }
    for (ptrdiff_t left = t->terms; left > 0; left -= t->chunk, a += t->a_chunk) {
        const real *x = a;
        for (ptrdiff_t k = left < t->chunk ? left : t->chunk; k > 0; k--, x += a_term, b += b_term) {
            vec row[MOST_VECTORS];
            UNROLL for (int v = 0; v < V; v++) {
                row[v] = load(b + v * LANES);
                if (R > 1) KEEP_IN_REGISTER(row[v]);
            }
            UNROLL for (int r = 0; r < R; r++) {
                const vec x_r = BROADCAST(x[r * a_row]);
                UNROLL for (int v = 0; v < V; v++) sum[r][v] = multiply_add(x_r, row[v], sum[r][v]);
            }
        }
    }
    if (t->update) {
        const vec decay = BROADCAST(t->decay), step = BROADCAST(t->step);
        if (t->decay == 1) { /* the common case, which counts where the sums are short */
            UNROLL for (int r = 0; r < R; r++) {
                UNROLL for (int v = 0; v < V; v++) {
                    real *c = t->c + r * t->c_row + v * LANES;
                    store(c, subtract_product(load(c), step, sum[r][v]));
                }
            }
        } else {
            UNROLL for (int r = 0; r < R; r++) {
                UNROLL for (int v = 0; v < V; v++) {
                    real *c = t->c + r * t->c_row + v * LANES;
                    store(c, subtract_product(decay * load(c), step, sum[r][v]));
                }
            }
        }
    } else {
        UNROLL for (int r = 0; r < R; r++) {
            UNROLL for (int v = 0; v < V; v++) store(t->c + r * t->c_row + v * LANES, sum[r][v]);
        }
    }
}

/* clang-format off */
#define TILE(R, V) \
    NOINLINE void tile_##R##x##V(const Tile *t) { tile(R, V, t); }
TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1)
TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2) TILE(5, 2) TILE(6, 2)
TILE(1, 3) TILE(2, 3) TILE(3, 3) TILE(4, 3)
#if REGISTERS == 32
TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1)
TILE(7, 2) TILE(8, 2) TILE(9, 2) TILE(10, 2) TILE(11, 2) TILE(12, 2)
TILE(5, 3) TILE(6, 3) TILE(7, 3) TILE(8, 3)
TILE(1, 4) TILE(2, 4) TILE(3, 4) TILE(4, 4) TILE(5, 4) TILE(6, 4)
#endif
#undef TILE

static void (*const tiles[MOST_VECTORS + 1][MOST_ROWS + 1])(const Tile *) = {
    {0},
#if REGISTERS == 32
    {0, tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1,
     tile_7x1, tile_8x1, tile_9x1, tile_10x1, tile_11x1, tile_12x1},
    {0, tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2,
     tile_7x2, tile_8x2, tile_9x2, tile_10x2, tile_11x2, tile_12x2},
    {0, tile_1x3, tile_2x3, tile_3x3, tile_4x3, tile_5x3, tile_6x3, tile_7x3, tile_8x3},
    {0, tile_1x4, tile_2x4, tile_3x4, tile_4x4, tile_5x4, tile_6x4},
#else
    {0, tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1, tile_7x1, tile_8x1},
    {0, tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2},
    {0, tile_1x3, tile_2x3, tile_3x3, tile_4x3},
#endif
};
/* clang-format on */

/* The widest panel, in vectors: as wide as a tile, so that a panel is read from its start to its end. Short vectors
 * take the width of several tiles: a sum is interrupted at the end of each panel of the left matrix. */
enum { PANEL_VECTORS = VECTOR_BYTES >= 32 ? MOST_VECTORS : 4 * MOST_VECTORS };

/* The width, in vectors, of the panels of a matrix of n columns: as few panels as PANEL_VECTORS allows, of equal width.
 * The last one's spare vectors are never computed. */
static ptrdiff_t dense_panel(ptrdiff_t n) {
    const ptrdiff_t vectors = n > 0 ? divide_up(n, LANES) : 1;
    return divide_up(vectors, divide_up(vectors, PANEL_VECTORS));
}

/* How many of `left` rows or vectors the next tile takes, of `most`: the last two tiles share what is left for them, so
 * that 10 rows are 5 + 5, not 6 + 4, which keeps enough sums in flight. */
INLINE ptrdiff_t next_part(ptrdiff_t left, ptrdiff_t most) {
    return left >= 2 * most ? most : left > most ? left / 2 : left;
}

/* A block of `rows` x `vectors` of the result, in tiles; `t` describes it as if it were one. */
static void tiled(const Tile *t, ptrdiff_t rows, ptrdiff_t vectors) {
    Tile strip = *t;
    for (ptrdiff_t V; vectors > 0; vectors -= V) {
        V = next_part(vectors, MOST_VECTORS);
        Tile now = strip;
        for (ptrdiff_t R, left = rows; left > 0; left -= R) {
            R = next_part(left, tile_rows[V]);
            tiles[V][R](&now);
            now.a += R * now.a_row;
            if (now.start) now.start += R * now.start_row;
            now.c += R * now.c_row;
        }
        strip.b += V * LANES;
        if (strip.start) strip.start += V * LANES;
        strip.c += V * LANES;
    }
}

/* The vectors of panel p that hold columns: the last panel's others are never computed. */
INLINE ptrdiff_t used_vectors(const Panels *M, ptrdiff_t p) {
    return divide_up(smaller(M->cols - p * M->width, M->width), LANES);
}

/* C = A B + bias in each row: C (m x n), A (m x K), B (K x n). */
static void product(const Panels *A, const Panels *B, const void *bias, const Panels *C, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t m = C->rows, K = A->cols, width = C->width;
    const ptrdiff_t block = divide_up(K_BLOCK, A->width) * A->width;
    for (ptrdiff_t i = 0; i < m; i += ROW_BLOCK) {
        ptrdiff_t k = 0;
        do { /* once even where K is 0: C is the bias then */
            for (ptrdiff_t p = p0; p < p1; p++) {
                real *c = (real *)C->data + (p * m + i) * width;
                const real *begin = bias ? (const real *)bias + p * width : NULL;
                const Tile t = {
                    .a = (const real *)A->data + k * A->rows + i * A->width,
                    .a_row = A->width,
                    .a_term = 1,
                    .chunk = A->width,
                    .a_chunk = A->rows * A->width,
                    .b = (const real *)B->data + (p * K + k) * width,
                    .b_term = width,
                    .terms = smaller(K - k, block),
                    .start = k > 0 ? c : begin,
                    .start_row = k > 0 ? width : 0,
                    .c = c,
                    .c_row = width,
                };
                tiled(&t, smaller(m - i, ROW_BLOCK), used_vectors(C, p));
            }
            k += block;
        } while (k < K);
    }
}

/* T (columns x width) = the transpose of B's rows first .. first + width and of `columns` of its columns, whole vectors
 * of them, from `column` on. The columns of T past B's last row are 0. */
static void transpose_rows(const Panels *B, ptrdiff_t first, ptrdiff_t width, ptrdiff_t column, ptrdiff_t columns,
                           real *T) {
    const ptrdiff_t count = smaller(B->rows - first, width), whole = divide_up(count, LANES) * LANES;
    for (ptrdiff_t j = 0; j < columns; j += B->width) {
        const real *panel = (const real *)B->data + (column + j) * B->rows + first * B->width;
        transpose_array(panel, B->width, count, smaller(columns - j, B->width), T + j * width, width,
                        PADS_READ | PADS_WRITTEN);
    }
    for (ptrdiff_t j = 0; whole < width && j < columns; j++) {
        memset(T + j * width + whole, 0, (size_t)(width - whole) * sizeof(real));
    }
}

/* Prefetches a part of what transpose_rows will read with these arguments: from / m to to / m of it. */
INLINE void prefetch_rows(const Panels *B, ptrdiff_t first, ptrdiff_t width, ptrdiff_t column, ptrdiff_t columns,
                          ptrdiff_t from, ptrdiff_t to, ptrdiff_t m) {
    const ptrdiff_t bytes = smaller(B->rows - first, width) * B->width * (ptrdiff_t)sizeof(real);
    const ptrdiff_t of_panel = divide_up(bytes, LINE_BYTES), lines = divide_up(columns, B->width) * of_panel;
    for (ptrdiff_t l = lines * from / m; l < lines * to / m; l++) {
        const real *panel = (const real *)B->data + (column + l / of_panel * B->width) * B->rows + first * B->width;
        PREFETCH((const char *)panel + l % of_panel * LINE_BYTES);
    }
}

/* The terms of a sum over D's columns that are taken at a time: whole panels of D. */
INLINE ptrdiff_t transposed_block(const Panels *D) { return divide_up(K_BLOCK, D->width) * D->width; }

static ptrdiff_t transposed_scratch(const Panels *D, const Panels *C) {
    const ptrdiff_t padded = divide_up(D->cols, D->width) * D->width;
    return smaller(transposed_block(D), padded) * C->width * (ptrdiff_t)sizeof(real);
}

/* C = D B^T: C (m x K), D (m x n), B (K x n). A block of B^T at a time is formed in `scratch`, 64 KB in float64. The
 * next one is prefetched between the tiles: it comes from memory, and nothing else is done while it is transposed. */
static void product_transposed(const Panels *D, const Panels *B, const Panels *C, void *scratch, ptrdiff_t p0,
                               ptrdiff_t p1) {
    const ptrdiff_t m = C->rows, n = D->cols, width = C->width, block = transposed_block(D);
    ptrdiff_t k = 0;
    do {
        const ptrdiff_t terms = smaller(n - k, block);
        for (ptrdiff_t p = p0; p < p1; p++) {
            real *c = (real *)C->data + p * m * width;
            transpose_rows(B, p * width, width, k, divide_up(terms, LANES) * LANES, scratch);
            const Tile t = {
                .a = (const real *)D->data + k * m,
                .a_row = D->width,
                .a_term = 1,
                .chunk = D->width,
                .a_chunk = m * D->width,
                .b = scratch,
                .b_term = width,
                .terms = terms,
                .start = k > 0 ? c : NULL,
                .start_row = width,
                .c = c,
                .c_row = width,
            };
            const ptrdiff_t part = m >= MANY && p + 1 < p1 ? PREFETCH_ROWS : m;
            for (ptrdiff_t i = 0; i < m; i += part) {
                const ptrdiff_t rows = smaller(m - i, part);
                if (part < m) prefetch_rows(B, (p + 1) * width, width, k, terms, i, i + rows, m);
                Tile now = t;
                now.a += i * now.a_row;
                if (now.start) now.start += i * now.start_row;
                now.c += i * now.c_row;
                tiled(&now, rows, used_vectors(C, p));
            }
        }
        k += block;
    } while (k < n);
}

/* W = A^T D, or, if `update`, W = decay W - step (A^T D): W (K x n), A (m x K), D (m x n).
 * A few panels of A, 256 KB, stay in the second-level cache; each panel of D is loaded once for all of them. */
INLINE void outer_with(const int update, const Panels *A, const Panels *D, double decay, double step, const Panels *W,
                       ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t m = D->rows, K = A->cols, width = W->width, panels = divide_up(K, A->width);
    const ptrdiff_t bytes = A->rows * A->width * (ptrdiff_t)sizeof(real);
    const ptrdiff_t most = bytes > 0 && bytes < (1 << 17) ? (1 << 18) / bytes : 1;
    for (ptrdiff_t q0 = 0; q0 < panels; q0 += most) {
        for (ptrdiff_t p = p0; p < p1; p++) {
            for (ptrdiff_t q = q0; q < smaller(q0 + most, panels); q++) {
                const Tile t = {
                    .a = (const real *)A->data + q * A->rows * A->width,
                    .a_row = 1,
                    .a_term = A->width,
                    .chunk = m,
                    .b = (const real *)D->data + p * m * width,
                    .b_term = width,
                    .terms = m,
                    .c = (real *)W->data + (p * K + q * A->width) * width,
                    .c_row = width,
                    .decay = (real)decay,
                    .step = (real)step,
                    .update = update,
                };
                tiled(&t, smaller(K - q * A->width, A->width), used_vectors(W, p));
            }
        }
    }
}

static void subtract_outer(const Panels *A, const Panels *D, double decay, double step, const Panels *W, ptrdiff_t p0,
                           ptrdiff_t p1) {
    outer_with(1, A, D, decay, step, W, p0, p1);
}

static void set_outer(const Panels *A, const Panels *D, const Panels *W, ptrdiff_t p0, ptrdiff_t p1) {
    outer_with(0, A, D, 0, 0, W, p0, p1);
}

/* b = b - step (sum of the rows of D): b (n), D (m x n). */
static void subtract_rows(const Panels *D, double step, void *b, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t m = D->rows, width = D->width;
    for (ptrdiff_t p = p0; p < p1; p++) {
        for (ptrdiff_t v = 0; v < width; v += LANES) {
            const real *d = (const real *)D->data + p * m * width + v;
            real *to = (real *)b + p * width + v;
            vec sum = ZERO;
            for (ptrdiff_t i = 0; i < m; i++, d += width) sum += load(d);
            store(to, subtract_product(load(to), BROADCAST(step), sum));
        }
    }
}

#endif
