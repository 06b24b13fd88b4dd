#include "pack_csr.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

static inline double number_at(const CsrRows *rows, int64_t k) {
    if (rows->data_bits == 32) {
        float number;
        memcpy(&number, (const char *)rows->data + 4 * k, 4);
        return number;
    }
    double number;
    memcpy(&number, (const char *)rows->data + 8 * k, 8);
    return number;
}

static inline int64_t index_at(const CsrRows *rows, int64_t k) {
    if (rows->index_bits == 32) {
        int32_t index;
        memcpy(&index, (const char *)rows->indices + 4 * k, 4);
        return index;
    }
    int64_t index;
    memcpy(&index, (const char *)rows->indices + 8 * k, 8);
    return index;
}

typedef struct {
    int32_t column;
    double value;
} Entry;

/* A row's entries, each column once. */
typedef struct {
    Entry *entry;
    ptrdiff_t n;
    uint32_t *place; /* (n_in) where a column is among them ... */
    uint32_t *fill;  /* (n_tiles + 1) how many there are of each tile */
} Row;

static int by_column(const void *a, const void *b) {
    const int32_t x = ((const Entry *)a)->column, y = ((const Entry *)b)->column;
    return (x > y) - (x < y);
}

/* Reads row i into `row`, its columns ascending: in which order they are stored, and in which tiles, then changes no
 * sum. Returns 0 at an index that is no column. */
static int read_row(Row *row, const CsrRows *rows, ptrdiff_t i, ptrdiff_t n_in, int single, CsrResult *result) {
    int ascending = 1;
    row->n = 0;
    for (int64_t k = rows->indptr[i]; k < rows->indptr[i + 1]; k++) {
        const int64_t index = index_at(rows, k);
        const double number = number_at(rows, k);
        if (index < 0 || index >= n_in) {
            result->row = i;
            result->index = index;
            return 0;
        }
        /* A place that an earlier row left is beyond this row's entries, or is another column's. */
        const uint32_t place = row->place[index];
        if (place < (uint32_t)row->n && row->entry[place].column == index) {
            row->entry[place].value += number;
            if (single) row->entry[place].value = (double)(float)row->entry[place].value;
        } else {
            ascending &= row->n == 0 || row->entry[row->n - 1].column < index;
            row->place[index] = (uint32_t)row->n;
            row->entry[row->n++] = (Entry){(int32_t)index, number};
        }
    }
    if (!ascending) qsort(row->entry, (size_t)row->n, sizeof(Entry), by_column);
    return 1;
}

/* Writes the entries that are not 0; returns how many lines the record takes, or -1 if a value does not fit its kind.
 */
static ptrdiff_t write_record(Records *records, const Row *row, uint8_t *record, CsrResult *result) {
    const ptrdiff_t tile = records->tile;
    memset(row->fill, 0, (size_t)(records->n_tiles + 1) * sizeof(uint32_t));
    for (ptrdiff_t k = 0; k < row->n; k++) row->fill[row->entry[k].column / tile] += row->entry[k].value != 0;
    ptrdiff_t n = 0;
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        const ptrdiff_t here = row->fill[t];
        record_begin_tile(records, record, t, n);
        row->fill[t] = (uint32_t)n;
        if (here > records->longest) records->longest = here;
        n += here;
    }
    void *value = record_end(records, record, n);
    uint16_t *index = record_begin_tile(records, record, 0, 0);
    for (ptrdiff_t k = 0; k < row->n; k++) {
        const Entry entry = row->entry[k];
        if (entry.value == 0) continue;
        const ptrdiff_t t = entry.column / tile, at = row->fill[t]++;
        index[at] = (uint16_t)(entry.column - t * tile);
        if (records->kind == VALUES_FLOAT32) {
            const float narrow = (float)entry.value;
            if (narrow != entry.value && entry.value == entry.value) return -1;
            ((float *)value)[at] = narrow;
        } else {
            ((double *)value)[at] = entry.value;
        }
    }
    result->nonzeros += n;
    return record_lines(records, n);
}

int pack_csr(Records *records, const CsrRows *rows, ptrdiff_t first, ptrdiff_t n, CsrResult *result) {
    double lines = 0;
    int64_t longest = 0;
    *result = (CsrResult){0};
    records->longest = 0;
    for (ptrdiff_t i = first; i < first + n; i++) {
        const int64_t entries = rows->indptr[i + 1] - rows->indptr[i];
        if (entries > longest) longest = entries;
        lines += (double)record_lines(records, entries < records->n_in ? (ptrdiff_t)entries : records->n_in);
    }
    if (lines >= (double)UINT32_MAX || longest >= INT32_MAX) return CSR_TOO_MUCH;
    if (longest > records->n_in) longest = records->n_in;
    const Row row = {
        .entry = malloc((size_t)(longest + 1) * sizeof(Entry)),
        .place = calloc((size_t)records->n_in + 1, sizeof(uint32_t)),
        .fill = malloc((size_t)(records->n_tiles + 1) * sizeof(uint32_t)),
    };
    aligned_free(records->data);
    records->data = aligned_malloc(LINE_BYTES * ((size_t)lines + 1));
    int status = row.entry && row.place && row.fill && records->data ? CSR_PACKED : CSR_NO_MEMORY;
    uint32_t used = 0;
    for (ptrdiff_t i = 0; i < n && status == CSR_PACKED; i++) {
        Row of_row = row;
        if (!read_row(&of_row, rows, first + i, records->n_in, rows->data_bits == 32, result)) {
            status = CSR_BAD_INDEX;
            break;
        }
        const ptrdiff_t taken = write_record(records, &of_row, records->data + LINE_BYTES * (size_t)used, result);
        if (taken < 0) {
            status = CSR_MISFIT;
            break;
        }
        records->extent[i] = (Extent){used, (uint32_t)taken};
        used += (uint32_t)taken;
    }
    records->entries = result->nonzeros;
    free(row.entry);
    free(row.place);
    free(row.fill);
    return status;
}
