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

typedef struct {
    uint8_t *data;     /* aligned to 64 bytes */
    uint32_t *start;   /* (n + 1): record e begins at data + 64 start[e], and ends where the next begins */
    ptrdiff_t n_in;    /* inputs of an example */
    ptrdiff_t tile;    /* inputs of a tile, at most 65,535 */
    ptrdiff_t n_tiles; /* ceil(n_in / tile) */
    int kind;          /* one for all records */
    double table[256]; /* the value of each code */
} Records;

/* The distinct values of a data set: they become the records' table. */
typedef struct {
    int n_values;       /* so far; 256 fill the table */
    double table[256];  /* code -> value */
    uint64_t key[2048]; /* a hash table: the value's bits ... */
    uint8_t code[2048]; /* ... and its code; 0 in an empty place */
    double largest;     /* of all values, in absolute value; NaN where one is NaN */
} Values;

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

/* How many of a row's inputs are not 0: n_in numbers of `bits` bits, 64 or 32, contiguous, any alignment. NaN counts,
 * -0.0 does not. */
ptrdiff_t count_nonzeros(const void *x, int bits, ptrdiff_t n_in);

/* What records of this kind look like, and how many lines of 64 bytes one with n nonzeros takes. */
void records_shape(Records *records, int kind, ptrdiff_t n_in, ptrdiff_t tile);
ptrdiff_t record_lines(const Records *records, ptrdiff_t n);

/* Writes a row's record where there is room for record_lines(records, n_in): the number of its lines, or -1 where a
 * value does not fit the kind: all rows are then to be written again as the next kind. `values` collects the values
 * that are coded, and the largest. */
void values_begin(Values *values);
ptrdiff_t record_write(const Records *records, Values *values, const void *x, int bits, uint8_t *record);

/* The same examples with every input listed, zeros included: 0 * infinity is NaN, and NumPy's product says so. `full`
 * is shaped like `records` (same tiles and kind) and has room for m records of record_lines(full, n_in) lines at `data`
 * and m + 1 starts. */
void records_list_all(const Records *records, const uint32_t *examples, ptrdiff_t m, Records *full);

#endif
