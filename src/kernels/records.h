/* Examples whose inputs are mostly 0, packed: runtime/pack.c writes them, templates/sparse.h computes with them. The
 * layout is known here and in records.c alone.
 *
 * One record an example, aligned to a cache line, so that an example costs as few lines as it can:
 *     uint32_t first[n_tiles + 1]   tile t of the inputs has the entries first[t] .. first[t + 1] - 1
 *     uint16_t index[n]             the inputs that are not 0, relative to their tile's first input
 *     value[n]                      aligned to its own size: see `kind`
 * A tile is a run of inputs. Their rows of W fit in the first-level cache while a mini-batch passes over them. */
#ifndef CBACKPROP_RECORDS_H
#define CBACKPROP_RECORDS_H

#include "matrix.h"

enum {
    VALUES_CODED = 0,   /* uint8_t: an index into `table`, whose entry 0 is 0 */
    VALUES_FLOAT32 = 1, /* float */
    VALUES_FLOAT64 = 2  /* double */
};

/* Where a record is: `lines` lines, from line `first` of the data on. */
typedef struct {
    uint32_t first, lines;
} Extent;

typedef struct {
    uint8_t *data;     /* aligned to a line */
    Extent *extent;    /* (n) the place of each record in `data`: in any order, and with gaps between them */
    ptrdiff_t n_in;    /* inputs of an example */
    ptrdiff_t tile;    /* inputs of a tile, at most 65,535 */
    ptrdiff_t n_tiles; /* ceil(n_in / tile) */
    int kind;          /* one for all records */
    double table[256]; /* the value of each code */
    /* Of a matrix that is stored sparsely: what it does not store adds nothing, not even 0 * infinity. */
    int stored;
    int hypersparse;   /* few inputs of a tile are nonzero in any example of a mini-batch: see sparse_update.h */
    ptrdiff_t longest; /* if hypersparse: the most entries of a tile in a record ... */
    ptrdiff_t entries; /* ... and those of all records together */
} Records;

/* Sets what records of this kind look like. */
void records_shape(Records *records, int kind, ptrdiff_t n_in, ptrdiff_t tile);

/* Copies m examples into `dense_records` with every input listed, zeros included: 0 * infinity is NaN, and NumPy's
 * product says so. `dense_records` has the shape of `records`, and room for dense_records_bytes(records, m) at `data`
 * and for m extents. */
void records_list_all(const Records *records, const uint32_t *examples, ptrdiff_t m, Records *dense_records);

static inline ptrdiff_t value_size(const Records *records) {
    static const ptrdiff_t sizes[3] = {1, 4, 8};
    return sizes[records->kind];
}

/* Bytes from the beginning of a record with n nonzeros to its values. */
static inline ptrdiff_t values_at(const Records *records, ptrdiff_t n) {
    const ptrdiff_t size = value_size(records);
    return (4 * (records->n_tiles + 1) + 2 * n + size - 1) & -size;
}

/* How many lines a record with n nonzeros takes. */
static inline ptrdiff_t record_lines(const Records *records, ptrdiff_t n) {
    return (values_at(records, n) + n * value_size(records) + LINE_BYTES - 1) / LINE_BYTES;
}

static inline ptrdiff_t dense_records_bytes(const Records *records, ptrdiff_t m) {
    return LINE_BYTES * m * record_lines(records, records->n_in);
}

/* ---- to read a record ---- */

static inline uint8_t *record_of(const Records *records, uint32_t example) {
    return records->data + LINE_BYTES * (size_t)records->extent[example].first;
}

/* A tile's part of a record: value k, of the records' kind, is that of input index[k] of the tile. */
typedef struct {
    const uint16_t *index;
    const void *value;
    ptrdiff_t n;
} Entries;

static inline Entries record_entries(const Records *records, uint32_t example, ptrdiff_t t) {
    const uint8_t *record = record_of(records, example);
    const uint32_t *first = (const uint32_t *)record;
    const ptrdiff_t n_tiles = records->n_tiles;
    return (Entries){
        .index = (const uint16_t *)(first + n_tiles + 1) + first[t],
        .value = record + values_at(records, first[n_tiles]) + value_size(records) * (ptrdiff_t)first[t],
        .n = (ptrdiff_t)first[t + 1] - (ptrdiff_t)first[t],
    };
}

/* ---- to write a record: record_begin_tile for each tile before its indices, record_end, then the values ---- */

/* Says that the entries of tile t begin after `n` others. Their indices are to be written from what is returned on. */
static inline uint16_t *record_begin_tile(const Records *records, uint8_t *record, ptrdiff_t t, ptrdiff_t n) {
    uint32_t *first = (uint32_t *)record;
    first[t] = (uint32_t)n;
    return (uint16_t *)(first + records->n_tiles + 1) + n;
}

/* Says that there are n entries in all. Their values are to be written from what is returned on. */
static inline void *record_end(const Records *records, uint8_t *record, ptrdiff_t n) {
    ((uint32_t *)record)[records->n_tiles] = (uint32_t)n;
    return record + values_at(records, n);
}

#endif
