#include "records.h"

#include <string.h>

void records_shape(Records *records, int kind, ptrdiff_t n_in, ptrdiff_t tile) {
    records->kind = kind;
    records->n_in = n_in;
    records->tile = tile;
    records->n_tiles = (n_in + tile - 1) / tile;
}

void records_list_all(const Records *records, const uint32_t *examples, ptrdiff_t m, Records *dense_records) {
    const ptrdiff_t n_in = records->n_in, tile = records->tile, n_tiles = records->n_tiles, size = value_size(records);
    const uint32_t lines = (uint32_t)record_lines(records, n_in);
    for (ptrdiff_t e = 0; e < m; e++) {
        dense_records->extent[e] = (Extent){(uint32_t)e * lines, lines};
        uint8_t *record = record_of(dense_records, (uint32_t)e);
        for (ptrdiff_t t = 0; t < n_tiles; t++) {
            uint16_t *index = record_begin_tile(dense_records, record, t, t * tile);
            const ptrdiff_t inputs = n_in - t * tile < tile ? n_in - t * tile : tile;
            for (ptrdiff_t i = 0; i < inputs; i++) index[i] = (uint16_t)i;
        }
        uint8_t *value = record_end(dense_records, record, n_in);
        memset(value, 0, (size_t)(n_in * size)); /* code 0 and both 0.0 are zero bytes */
        for (ptrdiff_t t = 0; t < n_tiles; t++) {
            const Entries from = record_entries(records, examples[e], t);
            for (ptrdiff_t k = 0; k < from.n; k++)
                memcpy(value + (t * tile + from.index[k]) * size, (const uint8_t *)from.value + k * size, (size_t)size);
        }
    }
}
