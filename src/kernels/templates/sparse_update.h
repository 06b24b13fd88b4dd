/* The update of a sparse first layer: W = W - step (A^T D), A the inputs of a mini-batch, D its delta.
 *
 * It goes input by input, so that a row of W is loaded and stored once and the sum over the mini-batch is formed before
 * W is touched. The records go example by example, so the update needs the transposed index: for each input, the
 * examples where it is nonzero. There are two ways to get it.
 *
 * By a map, for coded values and up to 16 examples: the forward pass leaves each code in a map (input x example) as it
 * reads it, and a compare of 32 bytes tells the examples of two neighbouring inputs as the bits of a mask. The update
 * then takes both inputs at once.
 *
 * By lists, otherwise: they are made from the records when the update comes. Those of a hypersparse tile lie one after
 * the other, in room for the entries that there are: a tile of 65,534 inputs, with room for each example, would take
 * 100 MB. */
#ifndef CBACKPROP_SPARSE_UPDATE_H
#define CBACKPROP_SPARSE_UPDATE_H

#include "kernels.h"
#include "panels.h"

enum {
    SPARSE_VECTORS = 13, /* the widest panel: AVX2 has 16 registers, and the loads in flight take two */
    MAPPED = 16,         /* examples of a map */
    LISTED = 128         /* examples in a list at a time: their rows of delta stay in the caches */
};

/* ---- a thread's scratch ---- */

/* Inputs 2 pair and 2 pair + 1, and the examples in which one of them is nonzero as the bits of a mask. */
typedef struct {
    uint16_t pair, mask;
} NonzeroPair;

/* Value k of a record, of a kind that is constant where this is inlined. */
INLINE real value_of(const Entries *e, ptrdiff_t k, const int kind, const real *table) {
    if (kind == VALUES_CODED) return table[((const uint8_t *)e->value)[k]];
    if (kind == VALUES_FLOAT32) return (real)((const float *)e->value)[k];
    return (real)((const double *)e->value)[k];
}

/* The pairs of a tile by the number of examples in their mask. */
typedef struct {
    NonzeroPair *begin[MAPPED + 1], *end[MAPPED + 1];
} Lists;

typedef struct {
    real table[256]; /* the value of each code */

    int maps;               /* whether there is room for maps: only if no mini-batch is longer than one */
    uint8_t *map[2];        /* (n_in x MAPPED) the codes of the mini-batch read last, and of the one before */
    const uint32_t *mapped; /* the examples whose codes map[0] holds; NULL: none, and it is all 0 */
    const uint32_t *listed; /* the examples that `lists` holds, or NULL */
    Lists *lists;           /* (n_tiles) */
    NonzeroPair *pairs;     /* (n_tiles x MAPPED + 1 x pairs of a tile) room for Lists ... */
    NonzeroPair *all_pairs; /* (pairs of a tile) ... and for all of them in one, a vector's more */

    ptrdiff_t room;   /* examples that an input has room for in what follows */
    uint32_t *count;  /* (tile) in how many examples an input is nonzero */
    uint16_t *order;  /* (tile) the inputs that are nonzero in any, by their count */
    uint32_t *offset; /* (tile x room) where the example's row is in a panel of delta ... */
    real *value;      /* (tile x room) ... and the input's value in it */
    real *sum;        /* (tile x width) the gradient of a tile, if the mini-batch takes several lists */

    /* if hypersparse: `order` in ascending order, `offset` and `value` one list after the other, and */
    ptrdiff_t *end; /* (tile) where an input's list ends, and the next one's begins */
} Scratch;

static ptrdiff_t line_up(ptrdiff_t bytes) { return (bytes + 63) & -64; }
static int has_map(const Records *records, ptrdiff_t m) { return records->kind == VALUES_CODED && m <= MAPPED; }

/* Places everything from `p` on, if it is not NULL; returns the bytes. */
static ptrdiff_t place_scratch(char *p, const Records *records, ptrdiff_t m) {
    const ptrdiff_t tile = records->tile, room = m < LISTED ? m : LISTED,
                    inputs = has_map(records, m) ? records->n_in : 0,
                    tiles = has_map(records, m) ? records->n_tiles : 0;
    const int lists = !records->hypersparse;
    /* An example is in a mini-batch once. */
    const ptrdiff_t all = m < records->entries / (records->longest + 1) ? m * records->longest : records->entries;
    const ptrdiff_t entries = lists ? tile * room : all;
    const ptrdiff_t sizes[] = {sizeof(Scratch),
                               MAPPED * (inputs + 1),
                               MAPPED * (inputs + 1),
                               (ptrdiff_t)sizeof(Lists) * tiles,
                               (ptrdiff_t)sizeof(NonzeroPair) * (MAPPED + 1) * (tile / 2) * tiles,
                               (ptrdiff_t)sizeof(NonzeroPair) * (tile / 2 + 16),
                               4 * tile,
                               2 * tile,
                               4 * entries,
                               (ptrdiff_t)sizeof(real) * entries,
                               lists && m > LISTED ? tile * SPARSE_VECTORS * (ptrdiff_t)sizeof(vec) : 0,
                               lists ? 0 : (ptrdiff_t)sizeof(ptrdiff_t) * tile};
    enum { ARRAYS = sizeof sizes / sizeof sizes[0] };
    char *at[ARRAYS];
    ptrdiff_t bytes = 0;
    for (int i = 0; i < ARRAYS; i++) {
        at[i] = p ? p + bytes : NULL;
        bytes += line_up(sizes[i]);
    }
    if (p) {
        Scratch *scratch = (Scratch *)p;
        scratch->maps = has_map(records, m);
        scratch->map[0] = (uint8_t *)at[1];
        scratch->map[1] = (uint8_t *)at[2];
        scratch->mapped = NULL;
        scratch->listed = NULL;
        scratch->lists = (Lists *)at[3];
        scratch->pairs = (NonzeroPair *)at[4];
        scratch->all_pairs = (NonzeroPair *)at[5];
        scratch->room = room;
        scratch->count = (uint32_t *)at[6];
        scratch->order = (uint16_t *)at[7];
        scratch->offset = (uint32_t *)at[8];
        scratch->value = (real *)at[9];
        scratch->sum = (real *)at[10];
        scratch->end = (ptrdiff_t *)at[11];
        memset(at[1], 0, (size_t)(2 * line_up(MAPPED * (inputs + 1))));
        for (int k = 0; k < 256; k++) scratch->table[k] = (real)records->table[k];
    }
    return bytes;
}

static ptrdiff_t sweep_scratch(const Records *records, ptrdiff_t m) { return place_scratch(NULL, records, m); }
static void sweep_init(void *scratch, const Records *records, ptrdiff_t m) { place_scratch(scratch, records, m); }

/* ---- by a map ---- */

/* Which of the 32 codes of two inputs are not 0. */
INLINE uint32_t nonzero_codes(const uint8_t *codes) {
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

/* Lists, in the memory `pairs`, the pairs of a tile that are nonzero in any example; of an odd number of inputs, all
 * but the last. A branch for each pair would be mispredicted: a pair that is zero is written too, and overwritten by
 * the next. */
NOINLINE void list_nonzeros(const Scratch *scratch, NonzeroPair *pairs, const uint8_t *map, ptrdiff_t n_inputs,
                            Lists *lists) {
    const ptrdiff_t n_pairs = n_inputs / 2;
    NonzeroPair *all = scratch->all_pairs;
    ptrdiff_t n = 0, i = 0;
#if VECTOR_BYTES == 64
    /* The masks of 16 pairs, then of these the nonzero ones. */
    __m512i pair = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (; i + 16 <= n_pairs; i += 16) {
        uint64_t masks[8];
        UNROLL for (int k = 0; k < 8; k++) {
            const __m512i codes = _mm512_loadu_si512(map + 2 * MAPPED * i + 64 * k);
            masks[k] = _cvtmask64_u64(_mm512_test_epi8_mask(codes, codes));
        }
        const __m512i two = _mm512_loadu_si512(masks);
        const __m512i either = _mm512_or_si512(_mm512_slli_epi32(two, MAPPED), two); /* in the upper half */
        const __mmask16 nonzero = _mm512_test_epi32_mask(two, two);
        const __m512i sixteen = _mm512_mask_blend_epi16(0x55555555, either, pair);
        _mm512_storeu_si512(all + n, _mm512_maskz_compress_epi32(nonzero, sixteen));
        n += __builtin_popcount(nonzero);
        pair = _mm512_add_epi32(pair, _mm512_set1_epi32(16));
    }
#endif
    for (; i < n_pairs; i++) {
        const uint32_t masks = nonzero_codes(map + 2 * MAPPED * i), either = (masks | masks >> MAPPED) & 0xffff;
        all[n] = (NonzeroPair){(uint16_t)i, (uint16_t)either};
        n += either != 0;
    }
    for (int c = 0; c <= MAPPED; c++) lists->begin[c] = lists->end[c] = pairs + c * n_pairs;
    for (i = 0; i < n; i++) *lists->end[ones_of(all[i].mask)]++ = all[i];
}

/* W_i = W_i - step sum_e x_ei delta_e for the two inputs i of a pair and `count` examples e, in `vectors` vectors of a
 * row of W and D that takes `row` bytes. Each delta is loaded once for both inputs: half of MNIST's nonzeros have a
 * nonzero beside them. If only one input is nonzero, the other's sum gains 0 delta, and delta is finite. */
INLINE void update_pair(const int vectors, const ptrdiff_t row, const int count, real *W, const real *D, real step,
                        const real *table, const uint8_t *code, unsigned mask) {
    real *w = W, *w_next = (real *)((char *)W + row);
    vec sum[SPARSE_VECTORS], sum_next[SPARSE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) sum[v] = sum_next[v] = ZERO;
    for (int k = 0; k < count; k++, mask &= mask - 1) {
        const size_t e = (size_t)(unsigned)lowest_one(mask);
        const vec x = BROADCAST(table[code[e]]), x_next = BROADCAST(table[code[MAPPED + e]]);
        const char *delta_row = (const char *)D + e * (size_t)row;
        KEEP_ADDRESS(delta_row);
        const real *d = (const real *)delta_row;
        UNROLL for (int v = 0; v < vectors; v++) {
            vec delta = load(d + v * LANES);
            KEEP_IN_REGISTER(delta);
            sum[v] = multiply_add(x, delta, sum[v]);
            sum_next[v] = multiply_add(x_next, delta, sum_next[v]);
        }
    }
    UNROLL for (int v = 0; v < vectors; v++) {
        store(w + v * LANES, subtract_product(load(w + v * LANES), BROADCAST(step), sum[v]));
        store(w_next + v * LANES, subtract_product(load(w_next + v * LANES), BROADCAST(step), sum_next[v]));
    }
}

/* Lists all tiles of the mini-batch that the last forward pass has mapped. */
static void sweep_ahead(void *memory, const Records *records) {
    Scratch *scratch = memory;
    if (!scratch->mapped) return;
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        const ptrdiff_t begin = t * records->tile, inputs = smaller(records->n_in - begin, records->tile);
        list_nonzeros(scratch, scratch->pairs + (MAPPED + 1) * (records->tile / 2) * t,
                      scratch->map[0] + MAPPED * begin, inputs, &scratch->lists[t]);
    }
    scratch->listed = scratch->mapped;
}

/* update_pair for the list of `count`: W (tile x width), D (m x width). The loop over the examples has the same length
 * for each pair, so it predicts well; a misprediction costs as much as three products of a row. Rows that are too wide
 * for the registers to hold two are cut in strips. */
INLINE void update_list(const int vectors, const int count, real *W, const real *D, real step, const real *table,
                        const uint8_t *map, const Lists *lists) {
    const int most = REGISTERS == 32 ? SPARSE_VECTORS : 6, strips = (vectors + most - 1) / most;
    const int strip = (vectors + strips - 1) / strips, last = vectors - (strips - 1) * strip;
    const ptrdiff_t row = vectors * (ptrdiff_t)sizeof(vec), lanes = strip * LANES;
    const NonzeroPair *end = lists->end[count];
    for (const NonzeroPair *pair = lists->begin[count]; pair < end; pair++) {
        const uint8_t *code = map + 2 * MAPPED * (size_t)pair->pair;
        const unsigned mask = pair->mask;
        char *rows = (char *)W + 2 * (size_t)row * pair->pair;
        KEEP_ADDRESS(rows);
        real *w = (real *)rows;
        if (strips > 1) update_pair(strip, row, count, w, D, step, table, code, mask);
        if (strips > 2) update_pair(strip, row, count, w + lanes, D + lanes, step, table, code, mask);
        update_pair(last, row, count, w + (strips - 1) * lanes, D + (strips - 1) * lanes, step, table, code, mask);
    }
}

/* The last of an odd number of inputs: its row of W, and its codes. */
INLINE void update_last(const int vectors, real *w, const real *D, real step, const real *table, const uint8_t *code) {
    for (ptrdiff_t v = 0; v < vectors * LANES; v += LANES) {
        vec sum = ZERO;
        for (ptrdiff_t e = 0; e < MAPPED; e++) {
            if (code[e]) sum = multiply_add(BROADCAST(table[code[e]]), load(D + e * (vectors * LANES) + v), sum);
        }
        store(w + v, subtract_product(load(w + v), BROADCAST(step), sum));
    }
}

INLINE void update_by_map(const int vectors, real *W, ptrdiff_t n_inputs, const real *D, real step, const real *table,
                          const uint8_t *map, const Lists *lists) {
    /* Constant counts become straight code; half of MNIST's inputs are nonzero in three examples of ten or fewer. */
    update_list(vectors, 1, W, D, step, table, map, lists);
    update_list(vectors, 2, W, D, step, table, map, lists);
    update_list(vectors, 3, W, D, step, table, map, lists);
    update_list(vectors, 4, W, D, step, table, map, lists);
    for (int count = 5; count <= MAPPED; count++) update_list(vectors, count, W, D, step, table, map, lists);
    const ptrdiff_t last = n_inputs - 1;
    if (n_inputs % 2) update_last(vectors, W + last * (vectors * LANES), D, step, table, map + MAPPED * last);
}

/* ---- by lists ---- */

INLINE void list_kind(const int kind, Scratch *scratch, const Sweep *update, ptrdiff_t from, ptrdiff_t t,
                      ptrdiff_t width) {
    for (ptrdiff_t i = from; i < update->m && i < from + LISTED; i++) {
        const Entries e = record_entries(update->records, update->examples[i], t);
        for (ptrdiff_t k = 0; k < e.n; k++) {
            const ptrdiff_t input = e.index[k], at = input * scratch->room + scratch->count[input]++;
            scratch->offset[at] = (uint32_t)((i - from) * width);
            scratch->value[at] = value_of(&e, k, kind, scratch->table);
        }
    }
}

/* Lists, input by input, tile t of up to LISTED examples of the mini-batch, from example `from` on; and orders the
 * inputs that are nonzero in any by their count. Returns how many these inputs are. */
NOINLINE ptrdiff_t list_by_input(Scratch *scratch, const Sweep *update, ptrdiff_t from, ptrdiff_t t, ptrdiff_t width) {
    enum { COUNTS = 32 };
    const ptrdiff_t tile = update->records->tile;
    uint32_t place[COUNTS + 1] = {0};
    memset(scratch->count, 0, (size_t)(4 * tile));
    if (update->records->kind == VALUES_CODED)
        list_kind(VALUES_CODED, scratch, update, from, t, width);
    else if (update->records->kind == VALUES_FLOAT32)
        list_kind(VALUES_FLOAT32, scratch, update, from, t, width);
    else
        list_kind(VALUES_FLOAT64, scratch, update, from, t, width);
    for (ptrdiff_t i = 0; i < tile; i++) {
        const uint32_t count = scratch->count[i];
        if (count) place[count < COUNTS ? count : COUNTS]++;
    }
    for (uint32_t c = 1, before = 0; c <= COUNTS; c++) {
        const uint32_t here = place[c];
        place[c] = before;
        before += here;
    }
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < tile; i++) {
        const uint32_t count = scratch->count[i];
        if (!count) continue;
        scratch->order[place[count < COUNTS ? count : COUNTS]++] = (uint16_t)i;
        n++;
    }
    return n;
}

/* W_i = W_i - step sum_e x_ei delta_e for the n inputs i of `order`: W (tile x width), D (m x width). If `adds`,
 * W_i = W_i + sum_e x_ei delta_e. */
INLINE void update_listed(const int vectors, const int adds, real *W, const real *D, real step, const Scratch *scratch,
                          ptrdiff_t n) {
    for (ptrdiff_t k = 0; k < n; k++) {
        const ptrdiff_t input = scratch->order[k], count = scratch->count[input];
        const uint32_t *offset = scratch->offset + input * scratch->room;
        const real *value = scratch->value + input * scratch->room;
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

/* ---- by lists of a hypersparse tile ---- */

INLINE void list_entries(const int kind, Scratch *scratch, const Sweep *update, ptrdiff_t t) {
    for (ptrdiff_t i = 0; i < update->m; i++) {
        const Entries e = record_entries(update->records, update->examples[i], t);
        for (ptrdiff_t k = 0; k < e.n; k++) {
            const ptrdiff_t at = scratch->end[e.index[k]]++;
            scratch->offset[at] = (uint32_t)i;
            scratch->value[at] = value_of(&e, k, kind, scratch->table);
        }
    }
}

/* Lists, input by input, tile t of the mini-batch: its example in `offset`, its value in `value`, and the inputs that
 * are nonzero in any example in `order`. Returns how many these inputs are. */
NOINLINE ptrdiff_t list_hypersparse(Scratch *scratch, const Sweep *update, ptrdiff_t t) {
    const Records *records = update->records;
    const ptrdiff_t inputs = smaller(records->n_in - t * records->tile, records->tile);
    memset(scratch->end, 0, (size_t)inputs * sizeof(ptrdiff_t));
    for (ptrdiff_t i = 0; i < update->m; i++) {
        const Entries e = record_entries(records, update->examples[i], t);
        for (ptrdiff_t k = 0; k < e.n; k++) scratch->end[e.index[k]]++;
    }
    ptrdiff_t n = 0, before = 0;
    for (ptrdiff_t i = 0; i < inputs; i++) {
        const ptrdiff_t count = scratch->end[i];
        scratch->end[i] = before; /* where the list begins: list_entries moves it to where it ends */
        scratch->order[n] = (uint16_t)i;
        before += count;
        n += count != 0;
    }
    if (records->kind == VALUES_FLOAT32)
        list_entries(VALUES_FLOAT32, scratch, update, t);
    else
        list_entries(VALUES_FLOAT64, scratch, update, t);
    return n;
}

/* W_i = W_i - step sum_e x_ei delta_e for the n inputs i of `order`: W (tile x width), D (m x width). */
INLINE void update_hypersparse(const int vectors, real *W, const real *D, real step, const Scratch *scratch,
                               ptrdiff_t n) {
    enum { AHEAD = 4 }; /* rows of W that are being fetched: they are in no cache */
    ptrdiff_t e = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        real *w = W + scratch->order[k] * (vectors * LANES);
        const ptrdiff_t end = scratch->end[scratch->order[k]];
        vec sum[SPARSE_VECTORS];
        if (k + AHEAD < n) {
            const char *next = (const char *)(W + scratch->order[k + AHEAD] * (vectors * LANES));
            for (size_t line = 0; line < (size_t)vectors * sizeof(vec); line += LINE_BYTES) PREFETCH(next + line);
        }
        UNROLL for (int v = 0; v < vectors; v++) sum[v] = ZERO;
        for (; e < end; e++) {
            const vec x = BROADCAST(scratch->value[e]);
            const real *d = D + (size_t)scratch->offset[e] * (size_t)(vectors * LANES);
            UNROLL for (int v = 0; v < vectors; v++) sum[v] = multiply_add(x, load(d + v * LANES), sum[v]);
        }
        UNROLL for (int v = 0; v < vectors; v++)
            store(w + v * LANES, subtract_product(load(w + v * LANES), BROADCAST(step), sum[v]));
    }
}

#endif
