/* The first layer, where most inputs are 0: a zero adds nothing to z and nothing to the gradient, so only the nonzeros
 * are read.
 *
 * The forward pass takes a row of W for each nonzero of an example, a few examples at once. The update is in
 * sparse_update.h.
 *
 * What runs for every nonzero is compiled for each width of a panel, so that a row of a panel is a fixed number of
 * registers: `widths` has these functions. What runs for every tile is compiled once, which halves the time that this
 * file takes to compile. */
#ifndef CBACKPROP_SPARSE_H
#define CBACKPROP_SPARSE_H

#include "sparse_update.h"

enum {
    /* Of W's rows in a tile; ten images read 30 KB of them, which a first-level cache of 32 KB holds. Twice as many are
     * 2% slower with it. */
    TILE_BYTES = 51200,
    TILE_LEAST = 112 /* inputs; with fewer, an example's part would be too short for its loop to pay */
};

/* The examples that go over a tile together: each is a chain of multiply-adds for each vector of a row, and 8 chains
 * keep the processor busy. More examples than needed would leave more entries over, since records differ in length. */
INLINE int examples_at_once(const int vectors) { return vectors == 1 ? 8 : vectors == 2 ? 4 : vectors <= 6 ? 2 : 1; }

enum { MOST_AT_ONCE = 8 };

/* sum = sum + x_i W_i for the entry k of a record: W (tile x width). If `maps`, its code is left in `map`. */
INLINE void add_entry(const int vectors, const int kind, const int maps, const Entries *e, ptrdiff_t k, const real *W,
                      const real *table, uint8_t *map, vec *sum) {
    const size_t input = e->index[k];
    const vec x = BROADCAST(value_of(e, k, kind, table));
    const char *row = (const char *)W + input * ((size_t)vectors * sizeof(vec));
    if (examples_at_once(vectors) > 1) KEEP_ADDRESS(row); /* for one, it costs 2% and more */
    const real *w = (const real *)row;
    if (maps) map[MAPPED * input] = ((const uint8_t *)e->value)[k];
    UNROLL for (int v = 0; v < vectors; v++) sum[v] = multiply_add(x, load(w + v * LANES), sum[v]);
}

/* forward_tile for the E examples of the mini-batch from `from` on. */
INLINE void forward_examples(const int vectors, const int E, const int kind, const int maps, const Sweep *forward,
                             ptrdiff_t from, ptrdiff_t t, const real *W, real *Z, const real *table, uint8_t *map) {
    Entries e[MOST_AT_ONCE];
    vec sum[MOST_AT_ONCE][SPARSE_VECTORS];
    real *z = Z + from * (vectors * LANES);
    UNROLL for (int i = 0; i < E; i++) {
        e[i] = record_entries(forward->records, forward->examples[from + i], t);
        UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = load(z + (i * vectors + v) * LANES);
    }
    ptrdiff_t shortest = e[0].n;
    UNROLL for (int i = 1; i < E; i++) shortest = smaller(shortest, e[i].n);
    for (ptrdiff_t k = 0; k < shortest; k++) {
        UNROLL for (int i = 0; i < E; i++) {
            add_entry(vectors, kind, maps, &e[i], k, W, table, maps ? map + from + i : NULL, sum[i]);
        }
    }
    UNROLL for (int i = 0; i < E; i++) {
        for (ptrdiff_t k = shortest; k < e[i].n; k++)
            add_entry(vectors, kind, maps, &e[i], k, W, table, maps ? map + from + i : NULL, sum[i]);
        UNROLL for (int v = 0; v < vectors; v++) store(z + (i * vectors + v) * LANES, sum[i][v]);
    }
}

/* z = z + sum_i x_i W_i for the inputs of tile t of each example: W (tile x width), Z (m x width), in panels of one
 * width. If `maps`, each code is left in `map` (tile x MAPPED). */
INLINE void forward_tile(const int vectors, const int kind, const int maps, const Sweep *forward, ptrdiff_t t,
                         const real *W, real *Z, const real *table, uint8_t *map) {
    const int E = examples_at_once(vectors);
    const ptrdiff_t m = forward->m;
    ptrdiff_t i = 0;
    for (; i + E <= m; i += E) forward_examples(vectors, E, kind, maps, forward, i, t, W, Z, table, map);
    if (E > 2)
        for (; i + 2 <= m; i += 2) forward_examples(vectors, 2, kind, maps, forward, i, t, W, Z, table, map);
    if (E > 1)
        for (; i < m; i++) forward_examples(vectors, 1, kind, maps, forward, i, t, W, Z, table, map);
}

/* ---- for each width ---- */

typedef struct {
    void (*update_by_map)(real *W, ptrdiff_t n_inputs, const real *D, real step, const real *table, const uint8_t *map,
                          const Lists *lists);
    void (*update_listed)(real *W, const real *D, real step, const Scratch *scratch, ptrdiff_t n);
    void (*add_listed)(real *W, const real *D, const Scratch *scratch, ptrdiff_t n);
    void (*update_hypersparse)(real *W, const real *D, real step, const Scratch *scratch, ptrdiff_t n);
    void (*forward_mapping)(const Sweep *forward, ptrdiff_t t, const real *W, real *Z, const real *table, uint8_t *map);
    /* for each kind of values */
    void (*forward[3])(const Sweep *forward, ptrdiff_t t, const real *W, real *Z, const real *table);
} Width;

#define WIDTH(n)                                                                                                      \
    static void update_by_map_##n(real *W, ptrdiff_t inputs, const real *D, real step, const real *table,             \
                                  const uint8_t *map, const Lists *lists) {                                           \
        update_by_map(n, W, inputs, D, step, table, map, lists);                                                      \
    }                                                                                                                 \
    static void update_listed_##n(real *W, const real *D, real step, const Scratch *scratch, ptrdiff_t inputs) {      \
        update_listed(n, 0, W, D, step, scratch, inputs);                                                             \
    }                                                                                                                 \
    static void add_listed_##n(real *W, const real *D, const Scratch *scratch, ptrdiff_t inputs) {                    \
        update_listed(n, 1, W, D, 0, scratch, inputs);                                                                \
    }                                                                                                                 \
    static void update_hypersparse_##n(real *W, const real *D, real step, const Scratch *scratch, ptrdiff_t inputs) { \
        update_hypersparse(n, W, D, step, scratch, inputs);                                                           \
    }                                                                                                                 \
    static void forward_mapping_##n(const Sweep *forward, ptrdiff_t t, const real *W, real *Z, const real *table,     \
                                    uint8_t *map) {                                                                   \
        forward_tile(n, VALUES_CODED, 1, forward, t, W, Z, table, map);                                               \
    }                                                                                                                 \
    static void forward_coded_##n(const Sweep *forward, ptrdiff_t t, const real *W, real *Z, const real *table) {     \
        forward_tile(n, VALUES_CODED, 0, forward, t, W, Z, table, NULL);                                              \
    }                                                                                                                 \
    static void forward_float32_##n(const Sweep *forward, ptrdiff_t t, const real *W, real *Z, const real *table) {   \
        forward_tile(n, VALUES_FLOAT32, 0, forward, t, W, Z, table, NULL);                                            \
    }                                                                                                                 \
    static void forward_float64_##n(const Sweep *forward, ptrdiff_t t, const real *W, real *Z, const real *table) {   \
        forward_tile(n, VALUES_FLOAT64, 0, forward, t, W, Z, table, NULL);                                            \
    }
/* clang-format off */
WIDTH(1) WIDTH(2) WIDTH(3) WIDTH(4) WIDTH(5) WIDTH(6) WIDTH(7) WIDTH(8) WIDTH(9) WIDTH(10) WIDTH(11) WIDTH(12) WIDTH(13)
#undef WIDTH

#define WIDTH(n)                                                                                                       \
    {update_by_map_##n, update_listed_##n, add_listed_##n, update_hypersparse_##n, forward_mapping_##n,                \
     {forward_coded_##n, forward_float32_##n, forward_float64_##n}}
static const Width widths[SPARSE_VECTORS] = {
    WIDTH(1), WIDTH(2), WIDTH(3), WIDTH(4), WIDTH(5), WIDTH(6), WIDTH(7),
    WIDTH(8), WIDTH(9), WIDTH(10), WIDTH(11), WIDTH(12), WIDTH(13)};
#undef WIDTH
/* clang-format on */

/* ---- for each tile ---- */

/* Prefetches the t'th part of the next examples' records: a little at a time, since a burst of requests would hold up
 * the arithmetic. */
INLINE void prefetch_records(const Sweep *forward, ptrdiff_t t) {
    const Records *records = forward->records;
    const ptrdiff_t n = forward->n_next, n_tiles = records->n_tiles;
    for (ptrdiff_t i = n * t / n_tiles; i < n * (t + 1) / n_tiles; i++) {
        const uint8_t *record = record_of(records, forward->next[i]);
        for (size_t line = 0; line < records->extent[forward->next[i]].lines; line++)
            PREFETCH(record + LINE_BYTES * line);
    }
}

/* Z = bias in each row, or 0. */
static void begin_sums(const Sweep *forward, ptrdiff_t width, ptrdiff_t p0, ptrdiff_t p1) {
    for (ptrdiff_t p = p0; p < p1; p++) {
        for (ptrdiff_t i = 0; i < forward->m; i++) {
            real *z = (real *)forward->rows->data + (p * forward->rows->rows + i) * width;
            if (forward->bias)
                memcpy(z, (const real *)forward->bias + p * width, (size_t)width * sizeof(real));
            else
                memset(z, 0, (size_t)width * sizeof(real));
        }
    }
}

/* The update by lists of a mini-batch that takes several: the gradient of the tile's `inputs` is summed in scratch
 * memory, and W touched once. */
static void update_in_parts(const Width *of_width, real *W, const Sweep *update, Scratch *scratch, ptrdiff_t t,
                            ptrdiff_t inputs, ptrdiff_t width, ptrdiff_t p) {
    const real *D = (const real *)update->rows->data + p * update->rows->rows * width;
    memset(scratch->sum, 0, (size_t)(inputs * width) * sizeof(real));
    for (ptrdiff_t from = 0; from < update->m; from += LISTED) {
        const ptrdiff_t n = list_by_input(scratch, update, from, t, width);
        of_width->add_listed(scratch->sum, D + from * width, scratch, n);
    }
    for (ptrdiff_t k = 0; k < inputs * width; k += LANES)
        store(W + k, subtract_product(load(W + k), BROADCAST((real)update->step), load(scratch->sum + k)));
}

static void sweep(const Sweep *update, const Sweep *forward, const Panels *W, void *memory, ptrdiff_t p0,
                  ptrdiff_t p1) {
    Scratch *scratch = memory;
    const Records *records = forward ? forward->records : update->records;
    const ptrdiff_t width = W->width;
    const Width *of_width = &widths[width / LANES - 1];
    const int by_map = update && scratch->mapped && scratch->mapped == update->examples;
    const int hypersparse = update && records->hypersparse;
    const int in_parts = update && !by_map && !hypersparse && update->m > LISTED;
    const int maps = forward && forward->trains && scratch->maps;
    const int listed = by_map && scratch->listed == update->examples;
    uint8_t *old = scratch->map[0], *fresh = scratch->map[1];
    if (scratch->mapped && !by_map) memset(old, 0, (size_t)(MAPPED * records->n_in));
    scratch->map[0] = maps ? fresh : old;
    scratch->map[1] = maps ? old : fresh;
    scratch->mapped = maps ? forward->examples : NULL;
    scratch->listed = NULL;

    if (forward) begin_sums(forward, width, p0, p1);
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        const ptrdiff_t begin = t * records->tile;
        const ptrdiff_t inputs = smaller(records->n_in - begin, records->tile);
        Lists here;
        const Lists *lists = listed ? &scratch->lists[t] : &here;
        ptrdiff_t n = 0;
        if (by_map && !listed)
            list_nonzeros(scratch, scratch->pairs, old + MAPPED * begin, inputs, &here);
        else if (hypersparse)
            n = list_hypersparse(scratch, update, t);
        else if (update && !by_map && !in_parts)
            n = list_by_input(scratch, update, 0, t, width);
        if (forward) prefetch_records(forward, t);
        for (ptrdiff_t p = p0; p < p1; p++) {
            real *w = (real *)W->data + (p * W->rows + begin) * width;
            const real *d = update ? (const real *)update->rows->data + p * update->rows->rows * width : NULL;
            if (by_map)
                of_width->update_by_map(w, inputs, d, (real)update->step, scratch->table, old + MAPPED * begin, lists);
            else if (hypersparse)
                of_width->update_hypersparse(w, d, (real)update->step, scratch, n);
            else if (in_parts)
                update_in_parts(of_width, w, update, scratch, t, inputs, width, p);
            else if (update)
                of_width->update_listed(w, d, (real)update->step, scratch, n);
            if (!forward) continue;
            real *z = (real *)forward->rows->data + p * forward->rows->rows * width;
            if (maps && p == p0)
                of_width->forward_mapping(forward, t, w, z, scratch->table, fresh + MAPPED * begin);
            else
                of_width->forward[records->kind](forward, t, w, z, scratch->table);
        }
        if (by_map) memset(old + MAPPED * begin, 0, (size_t)(MAPPED * inputs));
    }
}

/* As few panels as the widest allows, of equal width; at least one for each thread. */
static ptrdiff_t sparse_panel(ptrdiff_t n, ptrdiff_t m, int n_threads) {
    (void)m;
    const ptrdiff_t vectors = n > 0 ? divide_up(n, LANES) : 1;
    ptrdiff_t panels = divide_up(vectors, SPARSE_VECTORS);
    if (panels < n_threads) panels = n_threads < vectors ? n_threads : vectors;
    return divide_up(vectors, panels);
}

static ptrdiff_t sparse_tile(ptrdiff_t width) {
    const ptrdiff_t tile = TILE_BYTES / (width * (ptrdiff_t)sizeof(real)) & -2; /* whole pairs */
    return tile < TILE_LEAST ? TILE_LEAST : tile;
}

#endif
