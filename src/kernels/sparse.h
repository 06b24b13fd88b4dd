/* The first layer, where most inputs are 0: a zero adds nothing to z and nothing to the gradient, so only nonzeros are
 * met.
 *
 * The forward pass goes example by example, a row of W for each nonzero. The update goes input by input, so that a row
 * of W is loaded and stored once and the sum over the mini-batch is formed before W is touched: who is met in which
 * examples must be turned round for it. For coded values and up to 16 examples the forward pass leaves each code in a
 * map (input x example) as it reads it, and a compare of 16 bytes tells an input's examples as the bits of a mask.
 * Otherwise lists are made when the update comes.
 *
 * Included once for each instruction set and element type, after simd.h. */
#include "records.h"

enum {
    SPARSE_VECTORS = 13, /* the widest panel: AVX2 has 16 registers, and two hold what is on its way */
    MAPPED = 16,         /* examples of a map */
    LISTED = 128,        /* examples that lists are made of at a time: their rows of delta stay in the caches */
    TILE_BYTES =
        51200,        /* of W's rows in a tile; of ten images, 30 KB of them are met, which a first-level cache holds */
    TILE_LEAST = 112, /* inputs; of fewer, an example's part would be too short for its loop to pay */
};

/* ---- an example's record ---- */

/* A tile's part of it. */
typedef struct {
    const uint16_t *index;
    const void *value;
    ptrdiff_t n;
} Entries;

INLINE Entries entries(const Records *records, uint32_t example, ptrdiff_t t) {
    uint8_t *record = record_of(records, example);
    const uint32_t *first = record_first(record);
    return (Entries){
        .index = record_index(records, record) + first[t],
        .value = record + values_at(records, first[records->n_tiles]) + value_size(records) * (ptrdiff_t)first[t],
        .n = (ptrdiff_t)first[t + 1] - (ptrdiff_t)first[t],
    };
}

/* The k-th value, of a kind that is constant where this is inlined. */
INLINE real value_of(const Entries *e, ptrdiff_t k, const int kind, const real *table) {
    if (kind == VALUES_CODED) return table[((const uint8_t *)e->value)[k]];
    if (kind == VALUES_FLOAT32) return (real)((const float *)e->value)[k];
    return (real)((const double *)e->value)[k];
}

/* ---- scratch: one thread's mini-batch, turned round ---- */

/* An input that is not 0 in the examples of the mask. */
typedef struct {
    uint16_t input, mask;
} Met;

/* The inputs of a tile by the number of examples that they are met in. A list grows from its middle at both ends by
 * turns, so that the next input need not wait for the place of the one before. */
typedef struct {
    Met *begin[MAPPED + 1], *end[MAPPED + 1];
} Lists;

typedef struct {
    real table[256]; /* the value of each code */

    int maps;               /* whether there is room for maps: not where a mini-batch may be longer than one */
    uint8_t *map[2];        /* (n_in x MAPPED) the codes of the mini-batch read last, and of the one before */
    const uint32_t *mapped; /* whose codes map[0] holds; NULL: nobody's, and it is all 0 */
    Met *met;               /* room for the lists: MAPPED + 1 times a tile and two more */

    ptrdiff_t room;   /* examples that an input has room for in what follows */
    uint32_t *count;  /* (tile) in how many examples an input is not 0 */
    uint16_t *order;  /* (tile) the inputs that are met, by their count */
    uint32_t *offset; /* (tile x room) where the example's row stands in a panel of delta ... */
    real *value;      /* (tile x room) ... and the input's value in it */
    real *sum;        /* (tile x width) the gradient of a tile, where the mini-batch takes several lists */
} Turned;

static ptrdiff_t line_up(ptrdiff_t bytes) { return (bytes + 63) & -64; }
static int has_map(const Records *records, ptrdiff_t m) { return records->kind == VALUES_CODED && m <= MAPPED; }

/* Places everything from `p` on, if it is not NULL; returns the bytes. */
static ptrdiff_t place_scratch(char *p, const Records *records, ptrdiff_t m) {
    const ptrdiff_t tile = records->tile, room = m < LISTED ? m : LISTED,
                    inputs = has_map(records, m) ? records->n_in : 0;
    const ptrdiff_t sizes[] = {sizeof(Turned),
                               MAPPED * (inputs + 1),
                               MAPPED * (inputs + 1),
                               (ptrdiff_t)sizeof(Met) * (MAPPED + 1) * (tile + 2),
                               4 * tile,
                               2 * tile,
                               4 * tile * room,
                               (ptrdiff_t)sizeof(real) * tile * room,
                               m > LISTED ? tile * SPARSE_VECTORS * (ptrdiff_t)sizeof(vec) : 0};
    char *at[9];
    ptrdiff_t bytes = 0;
    for (int i = 0; i < 9; i++) {
        at[i] = p ? p + bytes : NULL;
        bytes += line_up(sizes[i]);
    }
    if (p) {
        Turned *turned = (Turned *)p;
        turned->maps = has_map(records, m);
        turned->map[0] = (uint8_t *)at[1];
        turned->map[1] = (uint8_t *)at[2];
        turned->mapped = NULL;
        turned->met = (Met *)at[3];
        turned->room = room;
        turned->count = (uint32_t *)at[4];
        turned->order = (uint16_t *)at[5];
        turned->offset = (uint32_t *)at[6];
        turned->value = (real *)at[7];
        turned->sum = (real *)at[8];
        memset(at[1], 0, (size_t)(2 * line_up(MAPPED * (inputs + 1))));
        for (int k = 0; k < 256; k++) turned->table[k] = (real)records->table[k];
    }
    return bytes;
}

static ptrdiff_t sweep_scratch(const Records *records, ptrdiff_t m) { return place_scratch(NULL, records, m); }
static void sweep_init(void *scratch, const Records *records, ptrdiff_t m) { place_scratch(scratch, records, m); }

/* ---- the update by a map ---- */

/* Which of the 32 codes of two inputs are not 0. */
INLINE uint32_t met_in(const uint8_t *codes) {
#if VECTOR_BYTES >= 32
    const __m256i zero = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)codes), _mm256_setzero_si256());
    return ~(uint32_t)_mm256_movemask_epi8(zero);
#elif defined(__SSE2__)
    const __m128i zero = _mm_setzero_si128(), *two = (const __m128i *)codes;
    const uint32_t low = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(two), zero));
    return ~(low | (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(two + 1), zero)) << 16);
#else
    uint32_t mask = 0;
    for (int e = 0; e < 2 * MAPPED; e++) mask |= (uint32_t)(codes[e] != 0) << e;
    return mask;
#endif
}

INLINE int lowest_one(unsigned mask) {
#if defined(__GNUC__)
    return __builtin_ctz(mask);
#else
    int place = 0;
    while (!(mask >> place & 1)) place++;
    return place;
#endif
}

INLINE int ones_of(unsigned mask) {
#if defined(__GNUC__)
    return __builtin_popcount(mask);
#else
    int count = 0;
    for (; mask; mask &= mask - 1) count++;
    return count;
#endif
}

NOINLINE void list_met(const Turned *turned, const uint8_t *map, ptrdiff_t n_inputs, Lists *lists) {
    const ptrdiff_t room = n_inputs + 2;
    for (int c = 0; c <= MAPPED; c++) lists->begin[c] = lists->end[c] = turned->met + c * room + room / 2;
    for (ptrdiff_t i = 0; i < n_inputs; i += 2) {
        uint32_t masks = met_in(map + MAPPED * i);
        if (i + 1 == n_inputs) masks &= 0xffff;
        if (!masks) continue;
        const Met even = {(uint16_t)i, (uint16_t)masks}, odd = {(uint16_t)(i + 1), (uint16_t)(masks >> MAPPED)};
        *lists->end[ones_of(even.mask)]++ = even;
        *--lists->begin[ones_of(odd.mask)] = odd;
    }
}

/* W_i = W_i - step sum_e x_ei delta_e for the inputs i of a list, each met in `count` examples: W (tile x width), D (m
 * x width). A loop of the same length for each input is foretold; a mistaken guess would cost as much as three products
 * of a row. */
INLINE void update_list(const int vectors, int count, real *W, const real *D, real step, const real *table,
                        const uint8_t *map, const Met *met, const Met *end) {
    for (; met < end; met++) {
        const uint8_t *code = map + MAPPED * met->input;
        real *w = W + met->input * (vectors * LANES);
        unsigned mask = met->mask;
        vec sum[SPARSE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) sum[v] = ZERO;
        for (int k = 0; k < count; k++, mask &= mask - 1) {
            const int e = lowest_one(mask);
            const vec x = BROADCAST(table[code[e]]);
            const real *d = D + e * (vectors * LANES);
            UNROLL for (int v = 0; v < vectors; v++) sum[v] = multiply_add(x, load(d + v * LANES), sum[v]);
        }
        UNROLL for (int v = 0; v < vectors; v++) {
            store(w + v * LANES, subtract_product(load(w + v * LANES), BROADCAST(step), sum[v]));
        }
    }
}

/* ---- the update by lists ---- */

INLINE void turn_kind(const int kind, Turned *turned, const Sweep *update, ptrdiff_t from, ptrdiff_t t,
                      ptrdiff_t width) {
    for (ptrdiff_t i = from; i < update->m && i < from + LISTED; i++) {
        const Entries e = entries(update->records, update->examples[i], t);
        for (ptrdiff_t k = 0; k < e.n; k++) {
            const ptrdiff_t input = e.index[k], at = input * turned->room + turned->count[input]++;
            turned->offset[at] = (uint32_t)((i - from) * width);
            turned->value[at] = value_of(&e, k, kind, turned->table);
        }
    }
}

/* Lists tile t of the mini-batch's LISTED examples from `from` on input by input, and the inputs that are met by their
 * count: how many they are. */
NOINLINE ptrdiff_t turn(Turned *turned, const Sweep *update, ptrdiff_t from, ptrdiff_t t, ptrdiff_t width) {
    enum { COUNTS = 32 };
    const ptrdiff_t tile = update->records->tile;
    uint32_t place[COUNTS + 1] = {0};
    memset(turned->count, 0, (size_t)(4 * tile));
    if (update->records->kind == VALUES_CODED)
        turn_kind(VALUES_CODED, turned, update, from, t, width);
    else if (update->records->kind == VALUES_FLOAT32)
        turn_kind(VALUES_FLOAT32, turned, update, from, t, width);
    else
        turn_kind(VALUES_FLOAT64, turned, update, from, t, width);
    for (ptrdiff_t i = 0; i < tile; i++) {
        const uint32_t count = turned->count[i];
        if (count) place[count < COUNTS ? count : COUNTS]++;
    }
    for (uint32_t c = 1, before = 0; c <= COUNTS; c++) {
        const uint32_t here = place[c];
        place[c] = before;
        before += here;
    }
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < tile; i++) {
        const uint32_t count = turned->count[i];
        if (!count) continue;
        turned->order[place[count < COUNTS ? count : COUNTS]++] = (uint16_t)i;
        n++;
    }
    return n;
}

/* W_i = W_i - step sum_e x_ei delta_e for the n inputs i of `order`: W (tile x width), D (m x width). If `adds`,
 * W_i = W_i + sum_e x_ei delta_e. */
INLINE void update_turned(const int vectors, const int adds, real *W, const real *D, real step, const Turned *turned,
                          ptrdiff_t n) {
    for (ptrdiff_t k = 0; k < n; k++) {
        const ptrdiff_t input = turned->order[k], count = turned->count[input];
        const uint32_t *offset = turned->offset + input * turned->room;
        const real *value = turned->value + input * turned->room;
        real *w = W + input * (vectors * LANES);
        vec sum[SPARSE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) sum[v] = adds ? load(w + v * LANES) : ZERO;
        for (ptrdiff_t e = 0; e < count; e++) {
            const vec x = BROADCAST(value[e]);
            const real *d = D + offset[e];
            UNROLL for (int v = 0; v < vectors; v++) sum[v] = multiply_add(x, load(d + v * LANES), sum[v]);
        }
        UNROLL for (int v = 0; v < vectors; v++) {
            store(w + v * LANES, adds ? sum[v] : subtract_product(load(w + v * LANES), BROADCAST(step), sum[v]));
        }
    }
}

/* The same for a mini-batch that takes several lists: the gradient of the tile's `inputs` is summed aside, and W
 * touched once. */
INLINE void update_in_parts(const int vectors, real *W, const Sweep *update, Turned *turned, ptrdiff_t t,
                            ptrdiff_t inputs, ptrdiff_t p) {
    const ptrdiff_t width = vectors * LANES;
    const real *D = (const real *)update->rows->data + p * update->rows->rows * width;
    memset(turned->sum, 0, (size_t)(inputs * width) * sizeof(real));
    for (ptrdiff_t from = 0; from < update->m; from += LISTED) {
        const ptrdiff_t n = turn(turned, update, from, t, width);
        update_turned(vectors, 1, turned->sum, D + from * width, 0, turned, n);
    }
    for (ptrdiff_t k = 0; k < inputs * width; k += LANES)
        store(W + k, subtract_product(load(W + k), BROADCAST((real)update->step), load(turned->sum + k)));
}

/* ---- the forward pass ---- */

/* z = z + sum_i x_i W_i for one example and one tile: W (tile x width), z (width). Where `map` is not NULL it is left
 * the codes. */
INLINE void forward_tile(const int vectors, const int kind, const int maps, const real *W, Entries e, const real *table,
                         uint8_t *map, real *z) {
    vec sum[SPARSE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) sum[v] = load(z + v * LANES);
    for (ptrdiff_t k = 0; k < e.n; k++) {
        const ptrdiff_t input = e.index[k];
        const vec x = BROADCAST(value_of(&e, k, kind, table));
        const real *w = W + input * (vectors * LANES);
        if (maps) map[MAPPED * input] = ((const uint8_t *)e.value)[k];
        UNROLL for (int v = 0; v < vectors; v++) sum[v] = multiply_add(x, load(w + v * LANES), sum[v]);
    }
    UNROLL for (int v = 0; v < vectors; v++) store(z + v * LANES, sum[v]);
}

/* The t'th part of the next examples' records: a little at a time, since a burst of requests would hold up the
 * arithmetic. */
INLINE void prefetch_records(const Sweep *forward, ptrdiff_t t) {
    const Records *records = forward->records;
    const ptrdiff_t n = forward->n_next, n_tiles = records->n_tiles;
    for (ptrdiff_t i = n * t / n_tiles; i < n * (t + 1) / n_tiles; i++) {
        const uint8_t *record = record_of(records, forward->next[i]);
        for (size_t line = 0; line < records->extent[forward->next[i]].lines; line++) PREFETCH(record + 64 * line);
    }
}

/* ---- both ---- */

INLINE void sweep_width(const int vectors, const Sweep *update, const Sweep *forward, const Panels *W, Turned *turned,
                        ptrdiff_t p0, ptrdiff_t p1) {
    const Records *records = forward ? forward->records : update->records;
    const ptrdiff_t width = vectors * LANES;
    const int by_map = update && turned->mapped && turned->mapped == update->examples;
    const int in_parts = update && !by_map && update->m > LISTED;
    const int maps = forward && forward->trains && turned->maps;
    uint8_t *old = turned->map[0], *fresh = turned->map[1];
    if (turned->mapped && !by_map) memset(old, 0, (size_t)(MAPPED * records->n_in));
    turned->map[0] = maps ? fresh : old;
    turned->map[1] = maps ? old : fresh;
    turned->mapped = maps ? forward->examples : NULL;

    for (ptrdiff_t p = p0; forward && p < p1; p++) {
        for (ptrdiff_t i = 0; i < forward->m; i++) {
            real *z = (real *)forward->rows->data + (p * forward->rows->rows + i) * width;
            if (forward->bias)
                memcpy(z, (const real *)forward->bias + p * width, (size_t)width * sizeof(real));
            else
                memset(z, 0, (size_t)width * sizeof(real));
        }
    }
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        const ptrdiff_t begin = t * records->tile;
        const ptrdiff_t inputs = records->n_in - begin < records->tile ? records->n_in - begin : records->tile;
        Lists lists;
        ptrdiff_t n = 0;
        if (by_map)
            list_met(turned, old + MAPPED * begin, inputs, &lists);
        else if (update && !in_parts)
            n = turn(turned, update, 0, t, width);
        if (forward) prefetch_records(forward, t);
        for (ptrdiff_t p = p0; p < p1; p++) {
            real *w = (real *)W->data + (p * W->rows + begin) * width;
            const real *d = update ? (const real *)update->rows->data + p * update->rows->rows * width : NULL;
            if (by_map) {
#define UPDATE(count)                                                                                              \
    update_list(vectors, count, w, d, (real)update->step, turned->table, old + MAPPED * begin, lists.begin[count], \
                lists.end[count]);
                /* Constant counts become straight code; half of MNIST's inputs are met in three examples of ten or
                 * fewer. */
                UPDATE(1) UPDATE(2) UPDATE(3) UPDATE(4) for (int count = 5; count <= MAPPED; count++) { UPDATE(count) }
#undef UPDATE
            } else if (in_parts) {
                update_in_parts(vectors, w, update, turned, t, inputs, p);
            } else if (update) {
                update_turned(vectors, 0, w, d, (real)update->step, turned, n);
            }
            for (ptrdiff_t i = 0; forward && i < forward->m; i++) {
                real *z = (real *)forward->rows->data + (p * forward->rows->rows + i) * width;
                const Entries e = entries(records, forward->examples[i], t);
                if (maps && p == p0)
                    forward_tile(vectors, VALUES_CODED, 1, w, e, turned->table, fresh + MAPPED * begin + i, z);
                else if (records->kind == VALUES_CODED)
                    forward_tile(vectors, VALUES_CODED, 0, w, e, turned->table, NULL, z);
                else if (records->kind == VALUES_FLOAT32)
                    forward_tile(vectors, VALUES_FLOAT32, 0, w, e, NULL, NULL, z);
                else
                    forward_tile(vectors, VALUES_FLOAT64, 0, w, e, NULL, NULL, z);
            }
        }
        if (by_map) memset(old + MAPPED * begin, 0, (size_t)(MAPPED * inputs));
    }
}

#define WIDTH(vectors)                                                                                        \
    NOINLINE void sweep_##vectors(const Sweep *update, const Sweep *forward, const Panels *W, Turned *turned, \
                                  ptrdiff_t p0, ptrdiff_t p1) {                                               \
        sweep_width(vectors, update, forward, W, turned, p0, p1);                                             \
    }
/* clang-format off */
WIDTH(1) WIDTH(2) WIDTH(3) WIDTH(4) WIDTH(5) WIDTH(6) WIDTH(7) WIDTH(8) WIDTH(9) WIDTH(10) WIDTH(11) WIDTH(12) WIDTH(13)
/* clang-format on */
#undef WIDTH

    static void sweep(const Sweep *update, const Sweep *forward, const Panels *W, void *scratch, ptrdiff_t p0,
                      ptrdiff_t p1) {
    static void (*const of_width[])(const Sweep *, const Sweep *, const Panels *, Turned *, ptrdiff_t,
                                    ptrdiff_t) = {NULL,    sweep_1, sweep_2, sweep_3,  sweep_4,  sweep_5,  sweep_6,
                                                  sweep_7, sweep_8, sweep_9, sweep_10, sweep_11, sweep_12, sweep_13};
    of_width[W->width / LANES](update, forward, W, scratch, p0, p1);
}

/* As few panels as the widest allows, cut evenly; at least one for each thread. */
static ptrdiff_t sparse_panel(ptrdiff_t n, ptrdiff_t m, int n_threads) {
    (void)m;
    const ptrdiff_t vectors = n > 0 ? (n + LANES - 1) / LANES : 1;
    ptrdiff_t panels = (vectors + SPARSE_VECTORS - 1) / SPARSE_VECTORS;
    if (panels < n_threads) panels = n_threads < vectors ? n_threads : vectors;
    return (vectors + panels - 1) / panels;
}

static ptrdiff_t sparse_tile(ptrdiff_t width) {
    const ptrdiff_t tile = TILE_BYTES / (width * (ptrdiff_t)sizeof(real));
    return tile < TILE_LEAST ? TILE_LEAST : tile;
}
