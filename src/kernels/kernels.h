/* What one instruction set offers for one element type: a table of functions, filled by kernel_set.h, chosen by
 * dispatch.c.
 *
 * The kernels know matrices, not networks. All of them trust their arguments: pointers are aligned to 64 bytes unless
 * "any alignment" is said, sizes agree, no output overlaps an input. `void *` stands for an array of the table's
 * element type. p0, p1: the panels of the result to compute; threads share a matrix by its panels, so that every sum is
 * formed by one thread in one order and the bits do not depend on their number. */
#ifndef CBACKPROP_KERNELS_H
#define CBACKPROP_KERNELS_H

#include "matrix.h"
#include "records.h"
#include "registry.h"

/* Which functions of registry.h a matrix's columns take. `activate` leaves SOFTMAX, for which a row belongs together,
 * to `softmax`; `times_derivative` does not know it. */
typedef struct {
    int all;               /* the function of every column ... */
    ptrdiff_t n_own;       /* ... but these many: */
    const int32_t *column; /* (n_own) their places */
    const int32_t *own;    /* (n_own) their functions */
} Activations;

typedef struct {
    const char *isa;          /* "portable", "avx2", "avx512", "neon" */
    ptrdiff_t itemsize;       /* bytes of an element: 8 or 4 */
    ptrdiff_t lanes;          /* elements of a vector */
    ptrdiff_t dense_vectors;  /* the widest panel that the dense kernels take, in vectors */
    ptrdiff_t sparse_vectors; /* the widest panel that the sparse kernels take, in vectors */

    /* ---- dense.h: products of matrices in panels ---- */

    /* C = A B + bias in each row: C (m x n), A (m x K), B (K x n, the width of C), bias (n) in C's lanes, or NULL for
     * none. */
    void (*product)(const Panels *A, const Panels *B, const void *bias, const Panels *C, ptrdiff_t p0, ptrdiff_t p1);

    /* C = D B^T: C (m x K), D (m x n), B (K x n, the width of D). p0, p1 count C's panels. `scratch` holds
     * transposed_scratch(D, C) bytes, one for each thread. */
    void (*product_transposed)(const Panels *D, const Panels *B, const Panels *C, void *scratch, ptrdiff_t p0,
                               ptrdiff_t p1);
    ptrdiff_t (*transposed_scratch)(const Panels *D, const Panels *C);

    /* W = decay W - step (A^T D): W (K x n), A (m x K), D (m x n). The sum over the m rows is formed before W is
     * touched. */
    void (*subtract_outer)(const Panels *A, const Panels *D, double decay, double step, const Panels *W, ptrdiff_t p0,
                           ptrdiff_t p1);

    /* b = b - step (sum of the rows of D): b (n) in D's lanes. */
    void (*subtract_rows)(const Panels *D, double step, void *b, ptrdiff_t p0, ptrdiff_t p1);

    /* W (K x n) in panels from the row-major array w (n x K), any alignment, and back; the pad lanes of W become 0. */
    void (*pack_transposed)(const void *w, const Panels *W);
    void (*unpack_transposed)(const Panels *W, void *w);

    /* Row i of A (m x n) is the row-major array rows[i] (n elements of `from_bits` bits, 64 or 32, any alignment),
     * converted. p0, p1 count A's panels. Pad lanes become 0. */
    void (*gather)(const void *const *rows, int from_bits, const Panels *A, ptrdiff_t p0, ptrdiff_t p1);

    /* ---- activations.h: `scratch` holds activation_scratch(f, rows) bytes, one for each thread ---- */
    void (*activate)(const Activations *f, const Panels *Z, void *scratch, ptrdiff_t p0, ptrdiff_t p1); /* Z = f(Z) */
    /* D = D f'(Z), element by element, A being f(Z). */
    void (*times_derivative)(const Activations *f, const Panels *A, const Panels *D, void *scratch, ptrdiff_t p0,
                             ptrdiff_t p1);
    ptrdiff_t (*activation_scratch)(const Activations *f, ptrdiff_t m);
    /* Z = e^Z / (the sum of e^Z over the row), for the rows i0 .. i1 - 1 alone. */
    void (*softmax)(const Panels *Z, ptrdiff_t i0, ptrdiff_t i1);

    /* ---- descent.h: regularisation and momentum ---- */
    void (*scale)(double factor, const Panels *M, ptrdiff_t p0, ptrdiff_t p1);        /* M = factor M */
    void (*shrink_signs)(double shrink, const Panels *W, ptrdiff_t p0, ptrdiff_t p1); /* W = W - shrink sgn(W) */
    /* V = V - (shrink / unit) R(W), then W = W + unit V: R(W) is W, or sgn(W) if `signs`. */
    void (*move)(int signs, double shrink, double unit, const Panels *V, const Panels *W, ptrdiff_t p0, ptrdiff_t p1);
    /* Z = factor Z + bias in each row. */
    void (*scale_rows)(double factor, const void *bias, const Panels *Z, ptrdiff_t p0, ptrdiff_t p1);

    /* ---- elementwise.h: n elements ---- */
    void (*sigmoid_array)(const void *z, void *a, ptrdiff_t n); /* any n, any alignment */
    /* The largest |x|: NaN if one is NaN (any n, any alignment). */
    double (*largest)(const void *x, ptrdiff_t n);

    /* ---- columns.h: examples that are the columns of a matrix of NumPy's ---- */
    void (*find_runs)(Columns *X); /* before X is used: fills X->runs */
    /* C = X^T B + bias in each row: C (m x n), B (K x n). */
    void (*product_columns)(const Columns *X, const Panels *B, const void *bias, const Panels *C, ptrdiff_t p0,
                            ptrdiff_t p1);
    /* W = W - step (X D): W (K x n), D (m x n). */
    void (*subtract_columns)(const Columns *X, const Panels *D, double step, const Panels *W, ptrdiff_t p0,
                             ptrdiff_t p1);

    /* ---- rows.h: one example, arrays row-major and of any alignment, as NumPy keeps them ---- */
    void (*matvec)(const void *w, const void *x, const void *b, void *z, ptrdiff_t n,
                   ptrdiff_t K); /* z = w x + b, w (n x K) */
    void (*matvec_transposed)(const void *w, const void *d, void *out, ptrdiff_t n, ptrdiff_t K); /* out = w^T d */
    void (*outer)(const void *d, const void *x, void *nabla_w, ptrdiff_t n, ptrdiff_t K);         /* nabla_w = d x^T */

    /* ---- outputs.h: the output layer's errors and answers ---- */
    void (*subtract_targets)(const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                             const Panels *D, ptrdiff_t p0, ptrdiff_t p1);
    void (*argmax)(const Panels *A, int32_t *answers);
    /* `cost`: a code of registry.h */
    void (*costs)(int cost, const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                  double *cost_of);

    /* ---- nonzeros.h ---- */

    /* The numbers that are not 0 among the n at x (any alignment; n at most 65,536), and their places: how many they
     * are. `index` and `value` have room for 16 more. -0.0 is 0, NaN is not. */
    ptrdiff_t (*nonzeros)(const void *x, ptrdiff_t n, uint16_t *index, void *value);

    /* ---- greys.h ---- */

    /* code[k] = c where value[k] = c / d, c from 1 to 255, in the type's own arithmetic. The largest c, or -1 where a
     * value is no such c / d. `value` and `code` have room for 16 more. */
    int (*grey_codes)(void *value, ptrdiff_t n, double d, uint8_t *code);

    /* ---- sparse.h: the first layer, where most inputs are 0 ---- */

    /* For the panels p0 .. p1 of W (n_in x n): what `update` asks, then what `forward` asks, either may be NULL.
     *   update:  W = W - step (A^T D), A the inputs of the examples that the last forward sweep of this `scratch` read
     *   forward: Z = A W + bias, A the inputs of the examples named
     * The two go together, tile of rows by tile of rows, while the rows are in cache. */
    void (*sweep)(const Sweep *update, const Sweep *forward, const Panels *W, void *scratch, ptrdiff_t p0,
                  ptrdiff_t p1);
    /* Its scratch, for one thread and mini-batches of up to m of these records: how many bytes, and what it must hold
     * at first. */
    ptrdiff_t (*sweep_scratch)(const Records *records, ptrdiff_t m);
    void (*sweep_init)(void *scratch, const Records *records, ptrdiff_t m);

    /* ---- how wide panels should be, in vectors, for n columns: for dense products, and for W in sweeps of m examples
     * ---- */
    ptrdiff_t (*dense_panel)(ptrdiff_t n);
    ptrdiff_t (*sparse_panel)(ptrdiff_t n, ptrdiff_t m, int n_threads);
    /* The inputs of a tile of records for panels of `width` elements. */
    ptrdiff_t (*sparse_tile)(ptrdiff_t width);
} Kernels;

#endif
