/* Packs the rows of a CSR matrix into records (records.h), without a dense row anywhere. */
#ifndef CBACKPROP_PACK_CSR_H
#define CBACKPROP_PACK_CSR_H

#include "records.h"

/* Row i has the entries k = indptr[i] .. indptr[i + 1] - 1: data[k] in the column indices[k], in any order, any of them
 * more than once. Arrays may have any alignment. */
typedef struct {
    const void *data; /* numbers of `data_bits` bits, 64 or 32 */
    int data_bits;
    const void *indices; /* integers of `index_bits` bits, 64 or 32 */
    int index_bits;
    const int64_t *indptr; /* ascending, and within both arrays */
} CsrRows;

enum {
    CSR_PACKED,
    CSR_MISFIT, /* a value is no float: pack all of them again, as VALUES_FLOAT64 */
    CSR_NO_MEMORY,
    CSR_TOO_MUCH,  /* more than 2^38 bytes */
    CSR_BAD_INDEX, /* `row` and `index` say which */
};

typedef struct {
    ptrdiff_t nonzeros; /* in all records */
    ptrdiff_t row;
    int64_t index;
} CsrResult;

/* Packs the rows first .. first + n - 1 as the records 0 .. n - 1, which the caller has given their shape, and room for
 * n extents; their kind is VALUES_FLOAT32 or VALUES_FLOAT64. `data` is allocated here. Entries of one column become
 * their sum, and zeros none.
 *
 * Every index is read once and then checked, so that another thread that writes to the arrays spoils no more than
 * numbers. */
int pack_csr(Records *records, const CsrRows *rows, ptrdiff_t first, ptrdiff_t n, CsrResult *result);

#endif
