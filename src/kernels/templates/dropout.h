/* Dropout: bits say which neurons of which examples stay. */
#ifndef CBACKPROP_DROPOUT_H
#define CBACKPROP_DROPOUT_H

#include "dense.h"

/* A mask of the lanes whose bits are 1: bit l of the word is that of lane l. */
INLINE ivec lanes_of(unsigned word) {
#if VECTOR_BYTES > 0
    integer of_lane[LANES];
    const ivec none = {0};
    ivec each;
    UNROLL for (ptrdiff_t l = 0; l < LANES; l++) of_lane[l] = (integer)1 << l;
    memcpy(&each, of_lane, sizeof each);
    return (ivec)((each & (integer)word) != none);
#else
    return -(integer)(word & 1);
#endif
}

/* C = factor A where the bit of row and column is 1, otherwise 0: A, C (m x n), and C may be A. Bit j of row i is bit
 * j % 8 of bits[i row_bytes + j / 8]; a row has a byte more than its bits need. */
static void drop(const uint8_t *bits, ptrdiff_t row_bytes, double factor, const Panels *A, const Panels *C,
                 ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t width = A->width;
    const vec f = BROADCAST((real)factor);
    for (ptrdiff_t p = p0; p < p1; p++) {
        const ptrdiff_t used = used_vectors(A, p) * LANES;
        for (ptrdiff_t i = 0; i < A->rows; i++) {
            const real *a = (const real *)A->data + (p * A->rows + i) * width;
            real *c = (real *)C->data + (p * A->rows + i) * width;
            for (ptrdiff_t v = 0; v < used; v += LANES) {
                const ptrdiff_t j = p * width + v;
                const uint8_t *byte = bits + i * row_bytes + j / 8;
                const unsigned word = (byte[0] | (unsigned)byte[1] << 8) >> j % 8;
                store(c + v, choose(lanes_of(word), f * load(a + v), ZERO));
            }
        }
    }
}

#endif
