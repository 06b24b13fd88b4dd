/* Writes the records that records.h describes. */
#include "records.h"

#include <math.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { PLACES = 2048 }; /* of the hash table */

/* ---- the distinct values ---- */

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    return bits;
}

/* Where `bits` stands in the hash table, or the empty place where it would. */
static unsigned place_of(const Values *values, uint64_t bits) {
    /* The highest 8 bits of the mantissa and the lowest 3 of the exponent tell the grey values k / 256 apart. */
    unsigned place = (unsigned)(bits >> 44) % PLACES;
    while (values->code[place] != 0 && values->key[place] != bits) place = (place + 1) % PLACES;
    return place;
}

void values_begin(Values *values) {
    memset(values, 0, sizeof *values);
    values->n_values = 1; /* code 0 is the value 0 */
}

static void meet(Values *values, double x) {
    const double size = fabs(x);
    /* NaN compares false, and stays. */
    if (!(size <= values->largest) && values->largest == values->largest) values->largest = size;
}

/* The code of x, which is not 0: a new one where x is met first, 0 where the table is full. */
static unsigned code_of(Values *values, double x) {
    const uint64_t bits = bits_of(x);
    const unsigned place = place_of(values, bits);
    if (values->code[place] == 0 && values->n_values < 256) {
        values->key[place] = bits;
        values->code[place] = (uint8_t)values->n_values;
        values->table[values->n_values++] = x;
        meet(values, x);
    }
    return values->code[place];
}

/* ---- the nonzeros of a row ---- */

/* Some inputs of a row: which of them are not 0. */
enum { CHUNK = 1024 };

static double number_at(const void *x, int bits, ptrdiff_t i) {
    if (bits == 32) {
        float number;
        memcpy(&number, (const char *)x + 4 * i, 4);
        return number;
    }
    double number;
    memcpy(&number, (const char *)x + 8 * i, 8);
    return number;
}

/* The places of a byte's ones, lowest first, and how many they are. Constant, so that no module that is linked with
 * this file has a table to fill first. WITH_BIT_k(n, ...) is an entry for each choice of the bits k .. 0, where n bits
 * above them are ones, at the places `...`; a 0 after the last place keeps the list of byte 0 from being empty. */
#define ENTRY(n, ...) {{__VA_ARGS__}, n, {0}},
#define WITH_BIT_0(n, ...) ENTRY(n, __VA_ARGS__) ENTRY(n + 1, 0, __VA_ARGS__)
#define WITH_BIT_1(n, ...) WITH_BIT_0(n, __VA_ARGS__) WITH_BIT_0(n + 1, 1, __VA_ARGS__)
#define WITH_BIT_2(n, ...) WITH_BIT_1(n, __VA_ARGS__) WITH_BIT_1(n + 1, 2, __VA_ARGS__)
#define WITH_BIT_3(n, ...) WITH_BIT_2(n, __VA_ARGS__) WITH_BIT_2(n + 1, 3, __VA_ARGS__)
#define WITH_BIT_4(n, ...) WITH_BIT_3(n, __VA_ARGS__) WITH_BIT_3(n + 1, 4, __VA_ARGS__)
#define WITH_BIT_5(n, ...) WITH_BIT_4(n, __VA_ARGS__) WITH_BIT_4(n + 1, 5, __VA_ARGS__)
#define WITH_BIT_6(n, ...) WITH_BIT_5(n, __VA_ARGS__) WITH_BIT_5(n + 1, 6, __VA_ARGS__)
#define WITH_BIT_7(n, ...) WITH_BIT_6(n, __VA_ARGS__) WITH_BIT_6(n + 1, 7, __VA_ARGS__)

static const struct {
    uint16_t place[8 + 1], count, unused[6]; /* 32 bytes */
} ones[256] = {WITH_BIT_7(0, 0)};

/* Which of 8 numbers are not 0, as the bits of a byte. -0.0 is 0, NaN is not. */
static unsigned nonzeros_of_8(const char *x, int bits) {
    unsigned met = 0;
#if defined(__SSE2__)
    if (bits == 32)
        for (int k = 0; k < 8; k += 4)
            met |= (unsigned)_mm_movemask_ps(_mm_cmpneq_ps(_mm_loadu_ps((const float *)(x + 4 * k)), _mm_setzero_ps()))
                   << k;
    else
        for (int k = 0; k < 8; k += 2)
            met |= (unsigned)_mm_movemask_pd(_mm_cmpneq_pd(_mm_loadu_pd((const double *)(x + 8 * k)), _mm_setzero_pd()))
                   << k;
#else
    for (int k = 0; k < 8; k++) met |= (unsigned)(number_at(x, bits, k) != 0) << k;
#endif
    return met;
}

/* The inputs from .. to - 1 (at most CHUNK) that are not 0, counted from `from`: their number. Eight at a time by a
 * table, since a branch for each input could not be foretold; `found` has room for 8 more. */
static ptrdiff_t find_nonzeros(const void *x, int bits, ptrdiff_t from, ptrdiff_t to, uint16_t *found) {
    const char *p = (const char *)x + from * (bits / 8);
    ptrdiff_t n = 0, i = 0;
    for (; i + 8 <= to - from; i += 8, p += bits) {
        const unsigned met = nonzeros_of_8(p, bits);
        for (int k = 0; k < 8; k++) found[n + k] = (uint16_t)(i + ones[met].place[k]);
        n += ones[met].count;
    }
    for (; i < to - from; i++) {
        found[n] = (uint16_t)i;
        n += number_at(x, bits, from + i) != 0;
    }
    return n;
}

ptrdiff_t count_nonzeros(const void *x, int bits, ptrdiff_t n_in) {
    uint16_t found[CHUNK + 8];
    ptrdiff_t nonzeros = 0;
    for (ptrdiff_t from = 0; from < n_in; from += CHUNK)
        nonzeros += find_nonzeros(x, bits, from, from + CHUNK < n_in ? from + CHUNK : n_in, found);
    return nonzeros;
}

/* ---- the records ---- */

static const ptrdiff_t value_size[3] = {1, 4, 8};

static ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t unit) { return (n + unit - 1) / unit * unit; }

/* Bytes from a record's beginning to its values. */
static ptrdiff_t values_at(const Records *records, ptrdiff_t n) {
    return round_up(4 * (records->n_tiles + 1) + 2 * n, value_size[records->kind]);
}

void records_shape(Records *records, int kind, ptrdiff_t n_in, ptrdiff_t tile) {
    records->kind = kind;
    records->n_in = n_in;
    records->tile = tile;
    records->n_tiles = (n_in + tile - 1) / tile;
}

ptrdiff_t record_lines(const Records *records, ptrdiff_t n) {
    return (values_at(records, n) + n * value_size[records->kind] + 63) / 64;
}

/* The values of a tile's entries begin .. end - 1, in each kind: whether all of them fit. */

static int write_codes(Values *values, const char *tile, int bits, const uint16_t *index, ptrdiff_t begin,
                       ptrdiff_t end, uint8_t *value) {
    for (ptrdiff_t k = begin; k < end; k++)
        if ((value[k] = (uint8_t)code_of(values, number_at(tile, bits, index[k]))) == 0) return 0;
    return 1;
}

static inline int write_floats(Values *values, const char *tile, const int bits, const uint16_t *index, ptrdiff_t begin,
                               ptrdiff_t end, float *value) {
    int fits = 1;
    for (ptrdiff_t k = begin; k < end; k++) {
        const double number = number_at(tile, bits, index[k]);
        value[k] = (float)number;
        fits &= bits == 32 || (double)value[k] == number || number != number;
        meet(values, number);
    }
    return fits;
}

static int write_doubles(Values *values, const char *tile, int bits, const uint16_t *index, ptrdiff_t begin,
                         ptrdiff_t end, double *value) {
    for (ptrdiff_t k = begin; k < end; k++) {
        value[k] = number_at(tile, bits, index[k]);
        meet(values, value[k]);
    }
    return 1;
}

ptrdiff_t record_write(const Records *records, Values *values, const void *x, int bits, uint8_t *record) {
    uint32_t *first = (uint32_t *)record;
    uint16_t *index = (uint16_t *)(first + records->n_tiles + 1);
    ptrdiff_t n = 0;
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        const ptrdiff_t begin = t * records->tile;
        const ptrdiff_t end = begin + records->tile < records->n_in ? begin + records->tile : records->n_in;
        first[t] = (uint32_t)n;
        for (ptrdiff_t from = begin; from < end; from += CHUNK) {
            uint16_t found[CHUNK + 8];
            const ptrdiff_t k = find_nonzeros(x, bits, from, from + CHUNK < end ? from + CHUNK : end, found);
            for (ptrdiff_t j = 0; j < k; j++) index[n + j] = (uint16_t)(found[j] + (from - begin));
            n += k;
        }
    }
    first[records->n_tiles] = (uint32_t)n;

    void *value = record + values_at(records, n);
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        const char *tile = (const char *)x + t * records->tile * (bits / 8);
        const ptrdiff_t begin = first[t], end = first[t + 1];
        const int fits = records->kind == VALUES_CODED     ? write_codes(values, tile, bits, index, begin, end, value)
                         : records->kind == VALUES_FLOAT64 ? write_doubles(values, tile, bits, index, begin, end, value)
                         : bits == 32                      ? write_floats(values, tile, 32, index, begin, end, value)
                                                           : write_floats(values, tile, 64, index, begin, end, value);
        if (!fits) return -1;
    }
    return record_lines(records, n);
}

void records_list_all(const Records *records, const uint32_t *examples, ptrdiff_t m, Records *full) {
    ptrdiff_t n_tiles = records->n_tiles, size = value_size[records->kind];
    ptrdiff_t lines = record_lines(full, records->n_in);
    for (ptrdiff_t e = 0; e < m; e++) {
        const uint8_t *from = records->data + 64 * (size_t)records->start[examples[e]];
        const uint32_t *first = (const uint32_t *)from;
        const uint16_t *index = (const uint16_t *)(first + n_tiles + 1);
        const uint8_t *value = from + values_at(records, first[n_tiles]);

        uint8_t *to = full->data + 64 * (size_t)(e * lines);
        uint32_t *full_first = (uint32_t *)to;
        uint16_t *full_index = (uint16_t *)(full_first + n_tiles + 1);
        uint8_t *full_value = to + values_at(full, records->n_in);
        memset(full_value, 0, (size_t)(records->n_in * size)); /* code 0 and both 0.0 are zero bytes */
        full->start[e] = (uint32_t)(e * lines);
        for (ptrdiff_t t = 0; t <= n_tiles; t++)
            full_first[t] = (uint32_t)(t < n_tiles ? t * records->tile : records->n_in);
        for (ptrdiff_t i = 0; i < records->n_in; i++) full_index[i] = (uint16_t)(i % records->tile);
        for (ptrdiff_t t = 0; t < n_tiles; t++)
            for (ptrdiff_t k = first[t]; k < (ptrdiff_t)first[t + 1]; k++)
                memcpy(full_value + (t * records->tile + index[k]) * size, value + k * size, (size_t)size);
    }
    full->start[m] = (uint32_t)(m * lines);
}
