#include "records.h"

#include <string.h>

void records_shape(Records *records, int kind, ptrdiff_t n_in, ptrdiff_t tile) {
    records->kind = kind;
    records->n_in = n_in;
    records->tile = tile;
    records->n_tiles = (n_in + tile - 1) / tile;
}

void records_list_all(const Records *records, const uint32_t *examples, ptrdiff_t m, Records *full) {
    const ptrdiff_t n_tiles = records->n_tiles, size = value_size(records);
    const ptrdiff_t lines = record_lines(full, records->n_in);
    for (ptrdiff_t e = 0; e < m; e++) {
        uint8_t *from = record_of(records, examples[e]);
        const uint32_t *first = record_first(from);
        const uint16_t *index = record_index(records, from);
        const uint8_t *value = from + values_at(records, first[n_tiles]);

        full->extent[e] = (Extent){(uint32_t)(e * lines), (uint32_t)lines};
        uint8_t *to = record_of(full, (uint32_t)e);
        uint32_t *full_first = record_first(to);
        uint16_t *full_index = record_index(full, to);
        uint8_t *full_value = to + values_at(full, records->n_in);
        memset(full_value, 0, (size_t)(records->n_in * size)); /* code 0 and both 0.0 are zero bytes */
        for (ptrdiff_t t = 0; t <= n_tiles; t++)
            full_first[t] = (uint32_t)(t < n_tiles ? t * records->tile : records->n_in);
        for (ptrdiff_t i = 0; i < records->n_in; i++) full_index[i] = (uint16_t)(i % records->tile);
        for (ptrdiff_t t = 0; t < n_tiles; t++)
            for (ptrdiff_t k = first[t]; k < (ptrdiff_t)first[t + 1]; k++)
                memcpy(full_value + (t * records->tile + index[k]) * size, value + k * size, (size_t)size);
    }
}
