/* Examples whose inputs are mostly 0, packed: pack.c writes them, sparse.h computes with them.
 *
 * One record an example, 64-byte aligned, so that an example costs as few cache lines as it can:
 *     uint32_t first[n_tiles + 1]   tile t of the inputs has the entries first[t] .. first[t + 1] - 1
 *     uint16_t index[n]             the inputs that are not 0, relative to their tile's first input
 *     value[n]                      aligned to its own size: see `kind`
 * A tile is so many inputs that their rows of W stay in the first-level cache while a mini-batch passes over them. */
#ifndef CBACKPROP_RECORDS_H
#define CBACKPROP_RECORDS_H

#include "matrix.h"

enum {
    VALUES_CODED = 0,   /* uint8_t: an index into `table`, whose entry 0 is 0 */
    VALUES_FLOAT32 = 1, /* float */
    VALUES_FLOAT64 = 2  /* double */
};

/* Where a record is: `lines` lines of 64 bytes, from line `first` on. */
typedef struct {
    uint32_t first, lines;
} Extent;

typedef struct {
    uint8_t *data;     /* aligned to 64 bytes */
    Extent *extent;    /* (n) the place of each record in `data`: in any order, and with gaps between them */
    ptrdiff_t n_in;    /* inputs of an example */
    ptrdiff_t tile;    /* inputs of a tile, at most 65,535 */
    ptrdiff_t n_tiles; /* ceil(n_in / tile) */
    int kind;          /* one for all records */
    double table[256]; /* the value of each code */
} Records;

/* A set of examples on its way through the first layer: see `sweep` in kernels.h. */
typedef struct {
    const Records *records;
    const uint32_t *examples; /* (m): which records */
    ptrdiff_t m;
    const Panels *rows; /* (m x n): delta^1 of the examples for an update, their z^1 for a forward pass */
    const void *bias;   /* (n) in the lanes of `rows`: added in a forward pass; NULL: nothing is */
    double step;        /* W loses step times the gradient in an update */
    int trains;         /* an update of the same examples will follow this forward pass */
    const uint32_t
        *next; /* (n_next): the records that the sweep after this one will read, to be prefetched; NULL: none */
    ptrdiff_t n_next;
} Sweep;

/* ---- the parts of a record ---- */

static inline uint8_t *record_of(const Records *records, uint32_t example) {
    return records->data + 64 * (size_t)records->extent[example].first;
}

static inline uint32_t *record_first(uint8_t *record) { return (uint32_t *)record; }

static inline uint16_t *record_index(const Records *records, uint8_t *record) {
    return (uint16_t *)(record_first(record) + records->n_tiles + 1);
}

static inline ptrdiff_t value_size(const Records *records) {
    static const ptrdiff_t sizes[3] = {1, 4, 8};
    return sizes[records->kind];
}

/* Bytes from the beginning of a record with n nonzeros to its values. */
static inline ptrdiff_t values_at(const Records *records, ptrdiff_t n) {
    const ptrdiff_t size = value_size(records);
    return (4 * (records->n_tiles + 1) + 2 * n + size - 1) & -size;
}

/* How many lines of 64 bytes a record with n nonzeros takes. */
static inline ptrdiff_t record_lines(const Records *records, ptrdiff_t n) {
    return (values_at(records, n) + n * value_size(records) + 63) / 64;
}

/* What records of this kind look like. */
void records_shape(Records *records, int kind, ptrdiff_t n_in, ptrdiff_t tile);

/* The same examples with every input listed, zeros included: 0 * infinity is NaN, and NumPy's product says so. `full`
 * is shaped like `records` (same tiles and kind) and has room for m records of record_lines(full, n_in) lines at `data`
 * and m extents. */
void records_list_all(const Records *records, const uint32_t *examples, ptrdiff_t m, Records *full);

#endif
