/* Writes records (records.h) of rows of numbers: what is read once at the start of SGD, as fast as memory gives it. */
#ifndef CBACKPROP_PACK_H
#define CBACKPROP_PACK_H

#include "kernels.h"

/* n_in numbers of `bits` bits, 64 or 32, contiguous, any alignment. */
typedef struct {
    const void *x;
    int bits;
} Row;

/* The distinct values of a data set: they become the records' table. */
typedef struct {
    int n_values;          /* so far; 256 fill the table */
    double table[256];     /* code -> value */
    uint64_t key[2048];    /* a hash table: the value's bits ... */
    uint8_t code[2048];    /* ... and its code; 0 in an empty place */
    uint32_t narrow[2048]; /* the bits of the same value as a float, where its place is its hash; otherwise 0 */
    double largest;        /* of all values, in absolute value; NaN where one is NaN */
    int greys;             /* d where the values are k / d, k = 1 .. 255, and k is the code of k / d; otherwise 0 */
    int grey_bits;         /* of the type in which k / d was rounded */
} Values;

/* Records on their way. */
typedef struct {
    Records *records; /* shaped; `data` is this packing's, which allocates it, `extent` the caller's */
    const Kernels *of_floats, *of_doubles;
    Values values;
    int may_be_grey;     /* the caller's: whether to look for values k / d */
    ptrdiff_t n, packed; /* rows in all, and those that have their records */
    ptrdiff_t nonzeros;  /* of these */
    size_t used, room;   /* lines of `data` */
} Packing;

/* Packed; a value does not fit, so all rows are to be packed again, as another kind or, where `values.greys` is not 0,
 * as what may not be grey; no memory; more than 2^38 bytes. */
enum { PACKED, PACK_MISFIT, PACK_NO_MEMORY, PACK_TOO_MUCH };

/* How many of a row's n_in numbers are not 0. NaN counts, -0.0 does not. */
ptrdiff_t count_nonzeros(const Row *row, ptrdiff_t n_in);

/* Begins with none of n rows packed; `density` of their inputs are expected not to be 0. The caller has set `records`,
 * `of_floats` and `of_doubles`. */
int packing_begin(Packing *packing, ptrdiff_t n, double density);

/* Packs the next rows: row k is that of example examples[k]. With more than one thread the bits of what is trained on
 * the records stay the same, the places of the records and the numbers of the codes need not. */
int packing_add(Packing *packing, const Row *rows, const uint32_t *examples, ptrdiff_t n, int n_threads);

#endif
