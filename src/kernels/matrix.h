/* The matrices that the kernels and the algorithm share. Sizes are in elements, unless they are said to be in bytes. */
#ifndef CBACKPROP_MATRIX_H
#define CBACKPROP_MATRIX_H

#include <stddef.h>
#include <stdint.h>

enum { LINE_BYTES = 64 }; /* of a cache line */

/* A matrix (rows x cols) in panels of `width` columns, one panel after the other:
 *     element (i, j) is data[(j / width * rows + i) * width + j % width].
 * A panel's row is a whole number of vectors, aligned to 64 bytes at the panel's start. The last panel has columns past
 * `cols`, the pad lanes. Kernels may compute in them; what they hold, finite or not, never reaches a column that
 * counts.
 *
 * Layer l keeps its activations a^l and errors delta^l as (m x n_l), an example a row, and its weights *transposed*, as
 * (n_{l-1} x n_l): all three have the neurons of layer l along the lanes. */
typedef struct {
    void *data;
    ptrdiff_t rows, cols, width;
} Panels;

/* A row-major matrix (rows x cols) of any alignment, and which of its rows are not all 0. */
typedef struct {
    const void *data;
    ptrdiff_t rows, cols;
    int32_t *runs; /* (rows + 2) run r: the rows runs[2r] .. runs[2r + 1] - 1 */
    ptrdiff_t n_runs;
    int all_rows; /* whether the runs leave no row out */
} Columns;

#endif
