/* Writes the records that records.h describes. */
#include "records.h"

#include <string.h>

enum { PLACES = 1024 }; /* of the hash table: 256 values fill a quarter of it */

/* ---- the distinct values ---- */

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, 8);
    return bits;
}

/* Where `bits` stands in the hash table, or the empty place where it would. */
static unsigned place_of(const Values *values, uint64_t bits)
{
    unsigned place = (unsigned)((bits * 0x9E3779B97F4A7C15u) >> 54);
    while (values->code[place] != 0 && values->key[place] != bits)
        place = (place + 1) % PLACES;
    return place;
}

void values_begin(Values *values)
{
    memset(values, 0, sizeof *values);
    values->n_values = 1; /* code 0 is the value 0 */
}

/* The code of x, which is not 0: a new one where x is met first, 0 where the table is full. */
static unsigned code_of(Values *values, double x)
{
    const uint64_t bits = bits_of(x);
    const unsigned place = place_of(values, bits);
    if (values->code[place] == 0 && values->n_values < 256) {
        values->key[place] = bits;
        values->code[place] = (uint8_t)values->n_values;
        values->table[values->n_values++] = x;
    }
    return values->code[place];
}

/* ---- the nonzeros of a row ---- */

/* Some inputs of a row: which of them are not 0. */
enum { CHUNK = 256 };

static double number_at(const void *x, int bits, ptrdiff_t i)
{
    if (bits == 32) {
        float number;
        memcpy(&number, (const char *)x + 4 * i, 4);
        return number;
    }
    double number;
    memcpy(&number, (const char *)x + 8 * i, 8);
    return number;
}

/* The inputs from .. to - 1 (at most CHUNK) that are not 0, counted from `from`: their number. Without a branch an input, since
 * which are 0 is not to be predicted; eight zeros in a row, as in the margin of an image, are passed over at once. */
static ptrdiff_t find_nonzeros(const void *x, int bits, ptrdiff_t from, ptrdiff_t to, uint16_t *found)
{
    ptrdiff_t n = 0, i = from;
    if (bits == 32) {
        const char *p = (const char *)x;
        for (; i + 8 <= to; i += 8) {
            uint32_t word[8], any = 0;
            memcpy(word, p + 4 * i, 32);
            for (int k = 0; k < 8; k++)
                any |= word[k];
            if ((any << 1) == 0)
                continue;
            for (int k = 0; k < 8; k++) {
                found[n] = (uint16_t)(i + k - from);
                n += (word[k] << 1) != 0;
            }
        }
    } else {
        const char *p = (const char *)x;
        for (; i + 8 <= to; i += 8) {
            uint64_t word[8], any = 0;
            memcpy(word, p + 8 * i, 64);
            for (int k = 0; k < 8; k++)
                any |= word[k];
            if ((any << 1) == 0)
                continue;
            for (int k = 0; k < 8; k++) {
                found[n] = (uint16_t)(i + k - from);
                n += (word[k] << 1) != 0;
            }
        }
    }
    for (; i < to; i++) {
        found[n] = (uint16_t)(i - from);
        n += number_at(x, bits, i) != 0;
    }
    return n;
}

ptrdiff_t count_nonzeros(const void *x, int bits, ptrdiff_t n_in)
{
    uint16_t found[CHUNK + 1];
    ptrdiff_t nonzeros = 0;
    for (ptrdiff_t from = 0; from < n_in; from += CHUNK)
        nonzeros += find_nonzeros(x, bits, from, from + CHUNK < n_in ? from + CHUNK : n_in, found);
    return nonzeros;
}

/* ---- the records ---- */

static const ptrdiff_t value_size[3] = {1, 4, 8};

static ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t unit) { return (n + unit - 1) / unit * unit; }

/* Bytes from a record's beginning to its values. */
static ptrdiff_t values_at(const Records *records, ptrdiff_t n)
{
    return round_up(4 * (records->n_tiles + 1) + 2 * n, value_size[records->kind]);
}

void records_shape(Records *records, int kind, ptrdiff_t n_in, ptrdiff_t tile)
{
    records->kind = kind;
    records->n_in = n_in;
    records->tile = tile;
    records->n_tiles = (n_in + tile - 1) / tile;
}

ptrdiff_t record_lines(const Records *records, ptrdiff_t n)
{
    return (values_at(records, n) + n * value_size[records->kind] + 63) / 64;
}

ptrdiff_t record_write(const Records *records, Values *values, const void *x, int bits, uint8_t *record)
{
    uint32_t *first = (uint32_t *)record;
    uint16_t *index = (uint16_t *)(first + records->n_tiles + 1);
    ptrdiff_t n = 0;
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        const ptrdiff_t begin = t * records->tile;
        const ptrdiff_t end = begin + records->tile < records->n_in ? begin + records->tile : records->n_in;
        first[t] = (uint32_t)n;
        for (ptrdiff_t from = begin; from < end; from += CHUNK) {
            uint16_t found[CHUNK + 1];
            const ptrdiff_t k = find_nonzeros(x, bits, from, from + CHUNK < end ? from + CHUNK : end, found);
            for (ptrdiff_t j = 0; j < k; j++)
                index[n + j] = (uint16_t)(found[j] + (from - begin));
            n += k;
        }
    }
    first[records->n_tiles] = (uint32_t)n;

    uint8_t *value = record + values_at(records, n);
    for (ptrdiff_t t = 0; t < records->n_tiles; t++)
        for (ptrdiff_t k = first[t]; k < (ptrdiff_t)first[t + 1]; k++) {
            const double number = number_at(x, bits, t * records->tile + index[k]);
            if (records->kind == VALUES_CODED) {
                if ((value[k] = (uint8_t)code_of(values, number)) == 0)
                    return -1;
            } else if (records->kind == VALUES_FLOAT32) {
                ((float *)value)[k] = (float)number;
                if ((double)(float)number != number && number == number)
                    return -1;
            } else {
                ((double *)value)[k] = number;
            }
        }
    return record_lines(records, n);
}

void records_list_all(const Records *records, const uint32_t *examples, ptrdiff_t m, Records *full)
{
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
        for (ptrdiff_t i = 0; i < records->n_in; i++)
            full_index[i] = (uint16_t)(i % records->tile);
        for (ptrdiff_t t = 0; t < n_tiles; t++)
            for (ptrdiff_t k = first[t]; k < (ptrdiff_t)first[t + 1]; k++)
                memcpy(full_value + (t * records->tile + index[k]) * size, value + k * size, (size_t)size);
    }
    full->start[m] = (uint32_t)(m * lines);
}
