/* The kernels of one instruction set for one element type: a table of functions, filled by templates/kernel_set.h and
 * chosen by dispatch.c.
 *
 * The kernels know matrices, not networks. They trust their arguments: pointers are aligned to 64 bytes unless the
 * comment says "any alignment", sizes agree, and no output overlaps an input. A `void *` is an array of the table's
 * element type. p0, p1: compute the panels p0 .. p1 - 1 of the result. Threads divide a matrix by its panels, so that
 * one thread forms each sum in one order, and no bit depends on the number of threads. */
#ifndef CBACKPROP_KERNELS_H
#define CBACKPROP_KERNELS_H

#include "matrix.h"
#include "records.h"
#include "registry.h"

/* The activation functions of a matrix's columns, as codes of registry.h. `activate` does nothing for SOFTMAX, which
 * depends on the whole row: that is `softmax`. `times_derivative` does not know it. */
typedef struct {
    int all;                  /* the function of every column ... */
    ptrdiff_t n_exceptions;   /* ... except so many: */
    const int32_t *column;    /* (n_exceptions) which columns */
    const int32_t *exception; /* (n_exceptions) their functions */
} Activations;

/* A mini-batch on its way through a sparse first layer. */
typedef struct {
    const Records *records;
    const uint32_t *examples; /* (m) which records */
    ptrdiff_t m;
    const Panels *rows;   /* (m x n) in an update delta^1 of the examples, in a forward pass their z^1 */
    const void *bias;     /* (n) in the lanes of `rows`: added in a forward pass; NULL for none */
    double step;          /* an update subtracts step times the gradient */
    int trains;           /* whether an update with the same examples will follow this forward pass */
    const uint32_t *next; /* (n_next) the records that the next sweep will read, to be prefetched; NULL for none */
    ptrdiff_t n_next;
} Sweep;

/* A step of Adam, whose bias corrections are in `size` and `root_factor`. */
typedef struct {
    double beta_1, beta_2;
    double size;         /* of the step */
    double root_factor;  /* multiplies the root of the second moment */
    double epsilon;      /* above 0 in the kernel's type */
    double lmbda_over_n; /* lambda / n of the regularisation: L2, or L1 if */
    int is_l1;
} AdamStep;

/* A step of Nesterov's rule, for rows that take it late. */
typedef struct {
    double weight_decay, mu; /* as `nesterov` gets them */
    int is_l1;
    double squares; /* before the step, each w^2 is added to a sum so many times */
} LateStep;

typedef struct {
    const char *isa;          /* "portable", "avx2", "avx512", "neon" */
    ptrdiff_t itemsize;       /* bytes of an element: 8 or 4 */
    ptrdiff_t lanes;          /* elements of a vector */
    ptrdiff_t dense_vectors;  /* the widest panel that the dense kernels take, in vectors */
    ptrdiff_t sparse_vectors; /* the widest panel that the sparse kernels take, in vectors */

    /* ---- templates/dense.h: products of matrices in panels ---- */

    /* C = A B + bias in each row: C (m x n), A (m x K), B (K x n, the width of C), bias (n) in C's lanes, or NULL for
     * none. */
    void (*product)(const Panels *A, const Panels *B, const void *bias, const Panels *C, ptrdiff_t p0, ptrdiff_t p1);

    /* C = D B^T: C (m x K), D (m x n), B (K x n, the width of D). p0, p1 count C's panels. Each thread has its own
     * `scratch`, of transposed_scratch(D, C) bytes. */
    void (*product_transposed)(const Panels *D, const Panels *B, const Panels *C, void *scratch, ptrdiff_t p0,
                               ptrdiff_t p1);
    ptrdiff_t (*transposed_scratch)(const Panels *D, const Panels *C);

    /* W = decay W - step (A^T D): W (K x n), A (m x K), D (m x n). The sum over the m rows is formed before W is
     * touched. */
    void (*subtract_outer)(const Panels *A, const Panels *D, double decay, double step, const Panels *W, ptrdiff_t p0,
                           ptrdiff_t p1);

    /* W = A^T D. */
    void (*set_outer)(const Panels *A, const Panels *D, const Panels *W, ptrdiff_t p0, ptrdiff_t p1);

    /* b = b - step (sum of the rows of D): b (n) in D's lanes. */
    void (*subtract_rows)(const Panels *D, double step, void *b, ptrdiff_t p0, ptrdiff_t p1);

    /* templates/panels.h: W (K x n) in panels from the row-major array w (n x K), any alignment, and back; the pad
     * lanes of W become 0. */
    void (*pack_transposed)(const void *w, const Panels *W);
    void (*unpack_transposed)(const Panels *W, void *w);

    /* Row i of A (m x n) is the row-major array rows[i] (n elements of `from_bits` bits, 64 or 32, any alignment),
     * converted. p0, p1 count A's panels. Pad lanes become 0. */
    void (*gather)(const void *const *rows, int from_bits, const Panels *A, ptrdiff_t p0, ptrdiff_t p1);

    /* ---- templates/activations.h: each thread has its own `scratch`, of activation_scratch(f, rows) bytes ---- */
    void (*activate)(const Activations *f, const Panels *Z, void *scratch, ptrdiff_t p0, ptrdiff_t p1); /* Z = f(Z) */
    /* D = D f'(Z), element by element, where A = f(Z). */
    void (*times_derivative)(const Activations *f, const Panels *A, const Panels *D, void *scratch, ptrdiff_t p0,
                             ptrdiff_t p1);
    ptrdiff_t (*activation_scratch)(const Activations *f, ptrdiff_t m);
    /* Z = e^Z / (the sum of e^Z over the row), for the rows i0 .. i1 - 1. */
    void (*softmax)(const Panels *Z, ptrdiff_t i0, ptrdiff_t i1);

    /* ---- templates/descent.h: regularisation, momentum, Adam ---- */
    void (*scale)(double factor, const Panels *M, ptrdiff_t p0, ptrdiff_t p1); /* M = factor M */
    /* W = decay W - step G, G having W's panels. Returns the largest |w|, NaN if one is NaN. */
    double (*subtract_matrix)(const Panels *G, double decay, double step, const Panels *W, ptrdiff_t p0, ptrdiff_t p1);
    /* W = W - weight_decay sgn(W). */
    void (*subtract_signs)(double weight_decay, const Panels *W, ptrdiff_t p0, ptrdiff_t p1);
    /* V = V - (weight_decay / velocity_scale) R(W), then W = W + velocity_scale V: R(W) is W, or sgn(W) if `is_l1`. */
    void (*move)(int is_l1, double weight_decay, double velocity_scale, const Panels *V, const Panels *W, ptrdiff_t p0,
                 ptrdiff_t p1);
    /* The rules that need the whole gradient of a weight at once take it from G, and leave 0 there; all matrices have
     * the same panels. They return the largest |w|, NaN if one is NaN.
     * nesterov: with d = G - weight_decay R(W), V = mu V + d, then W = W + mu V + d.
     * adam: with g = G + lmbda_over_n R(W), M = beta_1 M + (1 - beta_1) g, V = beta_2 V + (1 - beta_2) g^2, then
     * W = W - size M / (root_factor sqrt(V) + epsilon). If H is not NULL (AMSGrad), H = max(H, V), and sqrt(H) takes
     * the place of sqrt(V). */
    double (*nesterov)(int is_l1, double weight_decay, double mu, const Panels *G, const Panels *V, const Panels *W,
                       ptrdiff_t p0, ptrdiff_t p1);
    double (*adam)(const AdamStep *step, const Panels *G, const Panels *M, const Panels *V, const Panels *H,
                   const Panels *W, ptrdiff_t p0, ptrdiff_t p1);

    /* templates/late.h: the n steps, one after the other, for row `row` of panels p0 .. p1 - 1 alone, to the bits of
     * `nesterov`: in the first its gradient is G's, where 0 is left, in the others 0. squares[j] grows by what the
     * steps say of column j of W; NULL: it is not asked for. */
    void (*late_nesterov)(const LateStep *step, ptrdiff_t n, const Panels *G, const Panels *V, const Panels *W,
                          ptrdiff_t row, ptrdiff_t p0, ptrdiff_t p1, double *squares);
    /* squares[j] = squares[j] + factor w^2, for column j of row `row` of W. */
    void (*late_squares)(double factor, const Panels *W, ptrdiff_t row, ptrdiff_t p0, ptrdiff_t p1, double *squares);
    /* Fetches row `row` of panels p0 .. p1 - 1 of M, so that it is in a cache soon. */
    void (*prefetch_row)(const Panels *M, ptrdiff_t row, ptrdiff_t p0, ptrdiff_t p1);

    /* Z = factor Z + bias in each row. */
    void (*scale_rows)(double factor, const void *bias, const Panels *Z, ptrdiff_t p0, ptrdiff_t p1);

    /* templates/dropout.h: C = factor A where the bit of row and column is 1, otherwise 0: A, C (m x n), and C may be
     * A. Bit j of row i is bit j % 8 of bits[i row_bytes + j / 8]; a row has a byte more than its bits need. */
    void (*drop)(const uint8_t *bits, ptrdiff_t row_bytes, double factor, const Panels *A, const Panels *C,
                 ptrdiff_t p0, ptrdiff_t p1);

    /* ---- templates/elementwise.h: n elements ---- */
    void (*sigmoid_array)(const void *z, void *a, ptrdiff_t n); /* any n, any alignment */
    /* The largest |x|: NaN if one is NaN (any n, any alignment). */
    double (*largest)(const void *x, ptrdiff_t n);

    /* ---- templates/columns.h: examples that are the columns of a NumPy matrix ---- */
    void (*find_runs)(Columns *X); /* fills X->runs, before X is used */
    /* C = X^T B + bias in each row: C (m x n), B (K x n). */
    void (*product_columns)(const Columns *X, const Panels *B, const void *bias, const Panels *C, ptrdiff_t p0,
                            ptrdiff_t p1);
    /* W = W - step (X D): W (K x n), D (m x n). */
    void (*subtract_columns)(const Columns *X, const Panels *D, double step, const Panels *W, ptrdiff_t p0,
                             ptrdiff_t p1);

    /* ---- templates/rows.h: one example, arrays row-major and of any alignment, as NumPy keeps them ---- */
    void (*matvec)(const void *w, const void *x, const void *b, void *z, ptrdiff_t n,
                   ptrdiff_t K); /* z = w x + b, w (n x K) */
    void (*matvec_transposed)(const void *w, const void *d, void *out, ptrdiff_t n, ptrdiff_t K); /* out = w^T d */
    void (*outer)(const void *d, const void *x, void *nabla_w, ptrdiff_t n, ptrdiff_t K);         /* nabla_w = d x^T */

    /* ---- templates/outputs.h: the output layer's errors, answers and costs ---- */

    /* D = A - Y: A, D (m x n). The target of row i is that of the example order[i]: a row of `targets` (n reals, any
     * alignment), or, if `labels` is not NULL, 1 at the label and 0 elsewhere. */
    void (*subtract_targets)(const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                             const Panels *D, ptrdiff_t p0, ptrdiff_t p1);
    /* answers[i] = the first j with the largest A(i, j); a NaN counts as the largest. */
    void (*argmax)(const Panels *A, int32_t *answers);
    double (*squares)(const Panels *M); /* the sum of the squares of M */
    /* D_i = weights[order[i]] D_i for each row i of D; a weight of 0 leaves 0. */
    void (*weigh_rows)(const Panels *D, const double *weights, const uint32_t *order, ptrdiff_t p0, ptrdiff_t p1);
    /* cost_of[i] = the cost of row i of A, with the targets of subtract_targets; `cost` is a code of registry.h. What
     * is below `low` or above `high` counts as that. */
    void (*costs)(int cost, const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                  double low, double high, double *cost_of);

    /* ---- to pack records ---- */

    /* templates/nonzeros.h: lists those of the n numbers at x that are not 0, and their places, and returns how many
     * they are (any alignment; n at most 65,536). `index` and `value` have room for 16 more. -0.0 is 0, NaN is not. */
    ptrdiff_t (*nonzeros)(const void *x, ptrdiff_t n, uint16_t *index, void *value);

    /* templates/greys.h: code[k] = c if value[k] = c / d, c from 1 to 255, in the type's own arithmetic. Returns the
     * largest c, or -1 if a value is no such c / d. `value` and `code` have room for 16 more. */
    int (*grey_codes)(void *value, ptrdiff_t n, double d, uint8_t *code);

    /* ---- templates/sparse.h: the first layer, where most inputs are 0 ---- */

    /* For the panels p0 .. p1 - 1 of W (n_in x n): first `update`, then `forward`; either may be NULL.
     *     update     W = W - step (A^T D), A the inputs of the examples that the last forward sweep of this `scratch`
     * read forward    Z = A W + bias, A the inputs of its examples Both go through W together, one tile of rows after
     * the other, while the tile is in the cache. */
    void (*sweep)(const Sweep *update, const Sweep *forward, const Panels *W, void *scratch, ptrdiff_t p0,
                  ptrdiff_t p1);
    /* The scratch of one thread, for mini-batches of up to m of these records: its size in bytes, and its first
     * contents. */
    ptrdiff_t (*sweep_scratch)(const Records *records, ptrdiff_t m);
    void (*sweep_init)(void *scratch, const Records *records, ptrdiff_t m);
    /* What the update by the examples of the last forward sweep can do before its delta is known. A thread calls it
     * while it waits for others; without it the update does the same. */
    void (*sweep_ahead)(void *scratch, const Records *records);

    /* ---- the best width of a panel, in vectors, for n columns: for dense products, and for W in sweeps of m examples
     * ---- */
    ptrdiff_t (*dense_panel)(ptrdiff_t n);
    ptrdiff_t (*sparse_panel)(ptrdiff_t n, ptrdiff_t m, int n_threads);
    /* The inputs of a tile of records for panels of `width` elements. */
    ptrdiff_t (*sparse_tile)(ptrdiff_t width);
} Kernels;

#endif
