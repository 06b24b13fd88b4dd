/* Packs rows of numbers into records (records.h): the data are read once at the start of SGD, at the speed of memory.
 */
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
    uint32_t narrow[2048]; /* the bits of the same value as a float, if its place is its hash; otherwise 0 */
    double largest;        /* of all values, in absolute value; NaN if one is NaN */
    int greys;             /* d if the values are k / d, k = 1 .. 255, and k is the code of k / d; otherwise 0 */
    int grey_bits;         /* of the type in which k / d was rounded */
} Values;

/* Records that are being packed. */
typedef struct {
    Records *records; /* shaped; `data` is this packing's, which allocates it, `extent` the caller's */
    const Kernels *of_floats, *of_doubles;
    Values values;
    int may_be_grey;     /* set by the caller: whether to look for values k / d */
    ptrdiff_t n, packed; /* rows in all, and those already packed */
    ptrdiff_t nonzeros;  /* of the rows packed */
    size_t used, room;   /* lines of `data` */
} Packing;

enum {
    PACKED,
    /* A value does not fit. All rows are to be packed again: without greys if `values.greys` is not 0, otherwise as
     * another kind. */
    PACK_MISFIT,
    PACK_NO_MEMORY,
    PACK_TOO_MUCH /* more than 2^38 bytes */
};

/* How many of a row's n_in numbers are not 0. NaN counts, -0.0 does not. */
ptrdiff_t count_nonzeros(const Row *row, ptrdiff_t n_in);

/* Begins with none of n rows packed; `density` is the expected share of nonzero inputs. The caller has set `records`,
 * `of_floats` and `of_doubles`. */
int packing_begin(Packing *packing, ptrdiff_t n, double density);

/* Packs the next rows: row k is that of example examples[k]. The number of threads may change the places of the records
 * and the codes of the values, but no bit of a network trained on them. */
int packing_add(Packing *packing, const Row *rows, const uint32_t *examples, ptrdiff_t n, int n_threads);

#endif
