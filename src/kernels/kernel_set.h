/* All kernels for one instruction set and element type, and their table. The including file says REAL_BITS,
 * VECTOR_BYTES (see simd.h), ISA_NAME and KERNELS, the table's name. */

/* clang-format off: each file uses those before it. */
#include "simd.h"
#include "kernels.h"
#include "panels.h"
#include "dense.h"
#include "elementwise.h"
#include "activations.h"
#include "descent.h"
#include "columns.h"
#include "rows.h"
#include "outputs.h"
#include "nonzeros.h"
#include "greys.h"
#include "sparse.h"
/* clang-format on */

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
    .shrink_signs = shrink_signs,
    .move = move,
    .scale_rows = scale_rows,
    .sigmoid_array = sigmoid_array,
    .largest = largest,
    .matvec = matvec,
    .matvec_transposed = matvec_transposed,
    .outer = outer,
    .subtract_targets = subtract_targets,
    .argmax = argmax,
    .costs = costs,
    .nonzeros = nonzeros,
    .grey_codes = grey_codes,
    .sweep = sweep,
    .sweep_scratch = sweep_scratch,
    .sweep_init = sweep_init,
    .sparse_panel = sparse_panel,
    .sparse_tile = sparse_tile,
};
