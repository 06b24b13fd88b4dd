/* All kernels for one instruction set and element type, and their table. The including file defines REAL_BITS and
 * VECTOR_BYTES (see simd.h), ISA_NAME, and KERNELS, the table's name. */
#ifndef CBACKPROP_KERNEL_SET_H
#define CBACKPROP_KERNEL_SET_H

#include "kernels.h"

#include "activations.h"
#include "columns.h"
#include "dense.h"
#include "descent.h"
#include "dropout.h"
#include "elementwise.h"
#include "greys.h"
#include "late.h"
#include "nonzeros.h"
#include "outputs.h"
#include "panels.h"
#include "rows.h"
#include "sparse.h"

extern const Kernels KERNELS;
const Kernels KERNELS = {
    .isa = ISA_NAME,
    .itemsize = sizeof(real),
    .lanes = LANES,
    .dense_vectors = PANEL_VECTORS,
    .sparse_vectors = SPARSE_VECTORS,
    .dense_panel = dense_panel,
    .product = product,
    .product_transposed = product_transposed,
    .transposed_scratch = transposed_scratch,
    .subtract_outer = subtract_outer,
    .set_outer = set_outer,
    .subtract_rows = subtract_rows,
    .find_runs = find_runs,
    .product_columns = product_columns,
    .subtract_columns = subtract_columns,
    .pack_transposed = pack_transposed,
    .unpack_transposed = unpack_transposed,
    .gather = gather,
    .activate = activate,
    .times_derivative = times_derivative,
    .activation_scratch = activation_scratch,
    .softmax = softmax,
    .scale = scale,
    .subtract_matrix = subtract_matrix,
    .subtract_signs = subtract_signs,
    .move = move,
    .nesterov = nesterov,
    .adam = adam,
    .late_nesterov = late_nesterov,
    .late_squares = late_squares,
    .prefetch_row = prefetch_row,
    .scale_rows = scale_rows,
    .drop = drop,
    .sigmoid_array = sigmoid_array,
    .largest = largest,
    .matvec = matvec,
    .matvec_transposed = matvec_transposed,
    .outer = outer,
    .subtract_targets = subtract_targets,
    .squares = squares,
    .weigh_rows = weigh_rows,
    .argmax = argmax,
    .costs = costs,
    .nonzeros = nonzeros,
    .grey_codes = grey_codes,
    .sweep = sweep,
    .sweep_scratch = sweep_scratch,
    .sweep_init = sweep_init,
    .sweep_ahead = sweep_ahead,
    .sparse_panel = sparse_panel,
    .sparse_tile = sparse_tile,
};

#endif
