/* Matrices into panels (matrix.h) and out of them: transposition and gathering. */
#ifndef CBACKPROP_PANELS_H
#define CBACKPROP_PANELS_H

#include "matrix.h"
#include "simd.h"

#if VECTOR_BYTES > 0
/* The lanes of a, then those of b, that the list names. */
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif
#define LIST(...) __VA_ARGS__

/* A step of a transposition: in each square of 2h x 2h, the two quarters off the diagonal change places. For rows i and
 * i + h, `first` and `second` list the lanes that each takes. */
#define EXCHANGE(h, first, second)                    \
    UNROLL for (int i = 0; i < (int)LANES; i++) {     \
        if (!(i & (h))) {                             \
            const vec a = rows[i], b = rows[i + (h)]; \
            rows[i] = SHUFFLE(a, b, first);           \
            rows[i + (h)] = SHUFFLE(a, b, second);    \
        }                                             \
    }

/* rows (LANES x LANES) = its transpose. */
/* clang-format off */
INLINE void transpose(vec *rows) {
#if VECTOR_BYTES * 8 / REAL_BITS == 2
    EXCHANGE(1, LIST(0, 2), LIST(1, 3))
#elif VECTOR_BYTES * 8 / REAL_BITS == 4
    EXCHANGE(2, LIST(0, 1, 4, 5), LIST(2, 3, 6, 7))
    EXCHANGE(1, LIST(0, 4, 2, 6), LIST(1, 5, 3, 7))
#elif VECTOR_BYTES * 8 / REAL_BITS == 8
    EXCHANGE(4, LIST(0, 1, 2, 3, 8, 9, 10, 11), LIST(4, 5, 6, 7, 12, 13, 14, 15))
    EXCHANGE(2, LIST(0, 1, 8, 9, 4, 5, 12, 13), LIST(2, 3, 10, 11, 6, 7, 14, 15))
    EXCHANGE(1, LIST(0, 8, 2, 10, 4, 12, 6, 14), LIST(1, 9, 3, 11, 5, 13, 7, 15))
#else
    EXCHANGE(8, LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
             LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    EXCHANGE(4, LIST(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
             LIST(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
    EXCHANGE(2, LIST(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
             LIST(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
    EXCHANGE(1, LIST(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
             LIST(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#endif
}
/* clang-format on */
#undef EXCHANGE
#undef LIST
#undef SHUFFLE
#else
INLINE void transpose(vec *rows) { (void)rows; }
#endif

/* Which array has rows of whole vectors, so that the pad lanes past a row's end may be read, or written. */
enum {
    PADS_READ = 1,
    PADS_WRITTEN = 2
};

/* to (cols x rows, its rows `to_row` apart) = from^T (rows x cols, its rows `from_row` apart), rows and cols up to
 * LANES, any alignment. Pad lanes are written with 0. */
static void transpose_edge(const real *from, ptrdiff_t from_row, ptrdiff_t rows, ptrdiff_t cols, real *to,
                           ptrdiff_t to_row, int pads) {
    vec square[LANES];
    if (rows * cols <= LANES) { /* one number after the other is faster */
        for (ptrdiff_t j = 0; j < cols; j++) {
            if (pads & PADS_WRITTEN) store_unaligned(to + j * to_row, ZERO);
            for (ptrdiff_t i = 0; i < rows; i++) to[j * to_row + i] = from[i * from_row + j];
        }
        return;
    }
    for (ptrdiff_t i = 0; i < LANES; i++) {
        const real *row = from + i * from_row;
        square[i] = i >= rows ? ZERO : cols >= LANES || pads & PADS_READ ? load_unaligned(row) : load_some(row, cols);
    }
    transpose(square);
    for (ptrdiff_t j = 0; j < cols; j++) {
        if (rows >= LANES || pads & PADS_WRITTEN)
            store_unaligned(to + j * to_row, square[j]);
        else
            store_some(to + j * to_row, square[j], rows);
    }
}

/* For a whole square, LANES x LANES. */
INLINE void transpose_square(const real *from, ptrdiff_t from_row, real *to, ptrdiff_t to_row) {
    vec square[LANES];
    UNROLL for (ptrdiff_t i = 0; i < LANES; i++) square[i] = load_unaligned(from + i * from_row);
    transpose(square);
    UNROLL for (ptrdiff_t j = 0; j < LANES; j++) store_unaligned(to + j * to_row, square[j]);
}

/* For any size. */
static void transpose_array(const real *from, ptrdiff_t from_row, ptrdiff_t rows, ptrdiff_t cols, real *to,
                            ptrdiff_t to_row, int pads) {
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        for (ptrdiff_t j = 0; j < cols; j += LANES) {
            const real *source = from + i * from_row + j;
            real *target = to + j * to_row + i;
            if (rows - i >= LANES && cols - j >= LANES)
                transpose_square(source, from_row, target, to_row);
            else
                transpose_edge(source, from_row, smaller(rows - i, LANES), smaller(cols - j, LANES), target, to_row,
                               pads);
        }
    }
}

/* W (K x n) in panels = w^T, w (n x K) row-major, any alignment. */
static void pack_transposed(const void *w, const Panels *W) {
    const ptrdiff_t K = W->rows, n = W->cols, width = W->width;
    for (ptrdiff_t first = 0; first < n; first += width) {
        const ptrdiff_t count = smaller(n - first, width), whole = divide_up(count, LANES) * LANES;
        real *panel = (real *)W->data + first * K;
        transpose_array((const real *)w + first * K, K, count, K, panel, width, PADS_WRITTEN);
        for (ptrdiff_t k = 0; whole < width && k < K; k++) {
            memset(panel + k * width + whole, 0, (size_t)(width - whole) * sizeof(real));
        }
    }
}

/* w (n x K) row-major, any alignment, = W^T, W (K x n) in panels. */
static void unpack_transposed(const Panels *W, void *w) {
    const ptrdiff_t K = W->rows, n = W->cols, width = W->width;
    for (ptrdiff_t first = 0; first < n; first += width) {
        transpose_array((const real *)W->data + first * K, width, K, smaller(n - first, width), (real *)w + first * K,
                        K, PADS_READ);
    }
}

/* to[j] = from[j], j < count: numbers of `bits` bits and any alignment become reals. */
INLINE void convert(const char *from, const int bits, real *to, ptrdiff_t count) {
    for (ptrdiff_t j = 0; j < count; j++) {
        if (bits == 64) {
            double x;
            memcpy(&x, from + j * (ptrdiff_t)sizeof x, sizeof x);
            to[j] = (real)x;
        } else {
            float x;
            memcpy(&x, from + j * (ptrdiff_t)sizeof x, sizeof x);
            to[j] = (real)x;
        }
    }
}

/* A (m x n): row i is rows[i]. */
static void gather(const void *const *rows, int from_bits, const Panels *A, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t m = A->rows, n = A->cols, width = A->width;
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t p = p0; p < p1; p++) {
            const ptrdiff_t count = smaller(n - p * width, width);
            const char *from = (const char *)rows[i] + p * width * (from_bits / 8);
            real *to = (real *)A->data + (p * m + i) * width;
            if (from_bits == REAL_BITS)
                memcpy(to, from, (size_t)count * sizeof(real));
            else
                convert(from, 96 - REAL_BITS, to, count);
            for (ptrdiff_t j = count; j < width; j++) to[j] = 0;
        }
    }
}

#endif
