/* The first layer, where most inputs are 0: a zero adds nothing to z and nothing to the gradient, so only nonzeros are met.
 * Included once for each instruction set and element type, after simd.h. */
#ifndef CBACKPROP_SPARSE_H
#define CBACKPROP_SPARSE_H

#include "records.h"

enum { SPARSE_VECTORS = 13 }; /* the widest panel: AVX2 has 16 registers, and two hold what is on its way */
#ifndef SORTED
#define SORTED 1
#endif
#ifndef PFSPREAD
#define PFSPREAD 1
#endif

/* A tile's part of an example's record. */
typedef struct {
    const uint16_t *index;
    const void *value;
    ptrdiff_t n;
} Entries;

INLINE Entries entries(const Records *records, uint32_t example, ptrdiff_t t)
{
    static const ptrdiff_t size[3] = {1, 4, 8};
    const uint8_t *record = records->data + 64 * (size_t)records->start[example];
    const uint32_t *first = (const uint32_t *)record;
    ptrdiff_t bytes = size[records->kind], header = 4 * (records->n_tiles + 1) + 2 * (ptrdiff_t)first[records->n_tiles];
    Entries e;
    e.index = (const uint16_t *)(first + records->n_tiles + 1) + first[t];
    e.value = record + ((header + bytes - 1) & -bytes) + bytes * first[t];
    e.n = (ptrdiff_t)first[t + 1] - (ptrdiff_t)first[t];
    return e;
}

/* Of one thread: a tile of a mini-batch's inputs, turned round from example by example to input by input. */
typedef struct {
    real table[256];   /* the value of each code */
    ptrdiff_t room;    /* examples that an input has room for */
    uint32_t *count;   /* (tile): in how many examples input i is not 0 */
    uint16_t *order;   /* (tile): the inputs by their count */
    uint32_t *offset;  /* (tile x room): where the example's row stands in a panel of delta, in elements ... */
    real *value;       /* (tile x room): ... and its input's value */
} Turned;

static ptrdiff_t line_up(ptrdiff_t bytes) { return (bytes + 63) & -64; }

static ptrdiff_t sweep_scratch(const Records *records, ptrdiff_t m)
{
    ptrdiff_t tile = records->tile, room = (m + 15) / 16 * 16;
    return line_up(sizeof(Turned)) + line_up(4 * tile) + line_up(2 * tile) + line_up(4 * tile * room)
           + line_up((ptrdiff_t)sizeof(real) * tile * room);
}

static void sweep_init(void *scratch, const Records *records, ptrdiff_t m)
{
    Turned *turned = (Turned *)scratch;
    ptrdiff_t tile = records->tile, room = (m + 15) / 16 * 16;
    char *p = (char *)scratch + line_up(sizeof(Turned));
    turned->room = room;
    turned->count = (uint32_t *)p, p += line_up(4 * tile);
    turned->order = (uint16_t *)p, p += line_up(2 * tile);
    turned->offset = (uint32_t *)p, p += line_up(4 * tile * room);
    turned->value = (real *)p;
    for (int k = 0; k < 256; k++)
        turned->table[k] = (real)records->table[k];
}

INLINE real value_of(const void *value, ptrdiff_t k, const int kind, const real *table)
{
    return kind == VALUES_CODED ? table[((const uint8_t *)value)[k]] : kind == VALUES_FLOAT32 ? (real)((const float *)value)[k] : (real)((const double *)value)[k];
}

/* Lists tile t of the examples input by input; examples stand in their order. */
INLINE void turn_kind(const int kind, Turned *turned, const Sweep *sweep, ptrdiff_t t, ptrdiff_t width)
{
    for (ptrdiff_t i = 0; i < sweep->m; i++) {
        Entries e = entries(sweep->records, sweep->examples[i], t);
        for (ptrdiff_t k = 0; k < e.n; k++) {
            ptrdiff_t input = e.index[k];
            ptrdiff_t at = input * turned->room + turned->count[input]++;
            turned->offset[at] = (uint32_t)(i * width);
            turned->value[at] = value_of(e.value, k, kind, turned->table);
        }
    }
}

/* How many inputs of the tile are met at all; they stand in `order` sorted by their count, since a loop that runs as often as
 * the one before it is foretold, and a mistaken guess costs more than three multiplications of a row. */
NOINLINE ptrdiff_t turn(Turned *turned, const Sweep *sweep, ptrdiff_t t, ptrdiff_t width)
{
    const Records *records = sweep->records;
    memset(turned->count, 0, (size_t)(4 * records->tile));
    if (records->kind == VALUES_CODED)
        turn_kind(VALUES_CODED, turned, sweep, t, width);
    else if (records->kind == VALUES_FLOAT32)
        turn_kind(VALUES_FLOAT32, turned, sweep, t, width);
    else
        turn_kind(VALUES_FLOAT64, turned, sweep, t, width);
#if SORTED
    enum { COUNTS = 32 };
    uint32_t place[COUNTS + 1] = {0};
    for (ptrdiff_t i = 0; i < records->tile; i++) {
        uint32_t c = turned->count[i];
        place[(c < COUNTS ? c : COUNTS - 1) + 1]++;
    }
    uint32_t zeros = place[1];
    for (int c = 1; c <= COUNTS; c++)
        place[c] += place[c - 1];
    for (ptrdiff_t i = 0; i < records->tile; i++) {
        uint32_t c = turned->count[i];
        turned->order[place[c < COUNTS ? c : COUNTS - 1]++] = (uint16_t)i;
    }
    memmove(turned->order, turned->order + zeros, 2 * (size_t)(records->tile - zeros));
    return records->tile - zeros;
#else
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < records->tile; i++) {
        turned->order[n] = (uint16_t)i;
        n += turned->count[i] != 0;
    }
    return n;
#endif
}

/* W_i = W_i - step sum_e x_ei delta_e, for the n inputs i of `order`: W (tile x width), delta (m x width). A row of W is loaded
 * and stored once. */
INLINE void update_panel(const int vectors, real *W, const real *D, real step, const Turned *turned, ptrdiff_t n)
{
    for (ptrdiff_t k = 0; k < n; k++) {
        ptrdiff_t input = turned->order[k];
        ptrdiff_t count = turned->count[input];
        const uint32_t *offset = turned->offset + input * turned->room;
        const real *value = turned->value + input * turned->room;
        real *w = W + input * (vectors * LANES);
        vec sum[SPARSE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) sum[v] = ZERO;
        for (ptrdiff_t e = 0; e < count; e++) {
            vec x = BROADCAST(value[e]);
            const real *d = D + offset[e];
            UNROLL for (int v = 0; v < vectors; v++) sum[v] += x * load(d + v * LANES);
        }
        UNROLL for (int v = 0; v < vectors; v++) store(w + v * LANES, load(w + v * LANES) - BROADCAST(step) * sum[v]);
    }
}

/* z = z + sum_i x_i W_i for one example and one tile: W (tile x width), z (width). */
INLINE void forward_panel(const int vectors, const real *W, Entries e, const int kind, const real *table, real *z)
{
    vec sum[SPARSE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) sum[v] = load(z + v * LANES);
    for (ptrdiff_t k = 0; k < e.n; k++) {
        vec x = BROADCAST(value_of(e.value, k, kind, table));
        const real *w = W + (ptrdiff_t)e.index[k] * (vectors * LANES);
        UNROLL for (int v = 0; v < vectors; v++) sum[v] += x * load(w + v * LANES);
    }
    UNROLL for (int v = 0; v < vectors; v++) store(z + v * LANES, sum[v]);
}

/* Asks for the part'th of `parts` of a record. A little at a time: a burst of requests would hold up the arithmetic. */
INLINE void prefetch_record(const Records *records, uint32_t example, ptrdiff_t part, ptrdiff_t parts)
{
    size_t begin = records->start[example], lines = records->start[example + 1] - begin;
    for (size_t line = lines * (size_t)part / (size_t)parts; line < lines * (size_t)(part + 1) / (size_t)parts; line++)
        PREFETCH(records->data + 64 * (begin + line));
}

#ifdef PROFILE
#include <x86intrin.h>
extern unsigned long long part[8];
#define TICK(k) { unsigned long long now_ = __rdtsc(); part[k] += now_ - then_; then_ = now_; }
#define TICK0 unsigned long long then_ = __rdtsc();
#else
#define TICK(k)
#define TICK0
#endif

INLINE void sweep_width(const int vectors, const Sweep *update, const Sweep *forward, const Panels *W, void *scratch,
                        ptrdiff_t p0, ptrdiff_t p1)
{
    const Records *records = forward ? forward->records : update->records;
    Turned *turned = (Turned *)scratch;
    ptrdiff_t width = vectors * LANES;
    TICK0
    if (forward)
        for (ptrdiff_t p = p0; p < p1; p++)
            for (ptrdiff_t i = 0; i < forward->m; i++)
                memcpy((real *)forward->rows->data + (p * forward->rows->rows + i) * width, (const real *)forward->bias + p * width,
                       (size_t)width * sizeof(real));
    TICK(0)
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        ptrdiff_t n = update ? turn(turned, update, t, width) : 0;
        TICK(1)
        if (forward)
            for (ptrdiff_t i = 0; i < forward->n_next; i++)
                prefetch_record(records, forward->next[i], t, records->n_tiles);
        TICK(2)
        for (ptrdiff_t p = p0; p < p1; p++) {
            real *w = (real *)W->data + (p * W->rows + t * records->tile) * width;
            if (update)
                update_panel(vectors, w, (const real *)update->rows->data + p * update->rows->rows * width, (real)update->step, turned, n);
            TICK(3)
            if (forward)
                for (ptrdiff_t i = 0; i < forward->m; i++) {
                    real *z = (real *)forward->rows->data + (p * forward->rows->rows + i) * width;
                    Entries e = entries(records, forward->examples[i], t);
                    if (records->kind == VALUES_CODED)
                        forward_panel(vectors, w, e, VALUES_CODED, turned->table, z);
                    else if (records->kind == VALUES_FLOAT32)
                        forward_panel(vectors, w, e, VALUES_FLOAT32, NULL, z);
                    else
                        forward_panel(vectors, w, e, VALUES_FLOAT64, NULL, z);
                }
            TICK(4)
        }
    }
}

#define SWEEP(vectors)                                                                                                       \
    NOINLINE void sweep_##vectors(const Sweep *update, const Sweep *forward, const Panels *W, void *scratch, ptrdiff_t p0,   \
                                  ptrdiff_t p1)                                                                              \
    {                                                                                                                        \
        sweep_width(vectors, update, forward, W, scratch, p0, p1);                                                           \
    }
SWEEP(1) SWEEP(2) SWEEP(3) SWEEP(4) SWEEP(5) SWEEP(6) SWEEP(7) SWEEP(8) SWEEP(9) SWEEP(10) SWEEP(11) SWEEP(12) SWEEP(13)
#undef SWEEP

static void sweep(const Sweep *update, const Sweep *forward, const Panels *W, void *scratch, ptrdiff_t p0, ptrdiff_t p1)
{
    typedef void (*Width)(const Sweep *, const Sweep *, const Panels *, void *, ptrdiff_t, ptrdiff_t);
    static const Width of_width[SPARSE_VECTORS + 1] = {NULL,    sweep_1, sweep_2, sweep_3,  sweep_4,  sweep_5,  sweep_6,
                                                       sweep_7, sweep_8, sweep_9, sweep_10, sweep_11, sweep_12, sweep_13};
    of_width[W->width / LANES](update, forward, W, scratch, p0, p1);
}

/* As few panels as the widest allows, cut evenly; at least one for each thread. */
static ptrdiff_t sparse_panel(ptrdiff_t n, ptrdiff_t m, int n_threads)
{
    (void)m;
    const ptrdiff_t vectors = n > 0 ? (n + LANES - 1) / LANES : 1;
    ptrdiff_t panels = (vectors + SPARSE_VECTORS - 1) / SPARSE_VECTORS;
    if (panels < n_threads) panels = n_threads < vectors ? n_threads : vectors;
    return (vectors + panels - 1) / panels;
}

static ptrdiff_t sparse_tile(ptrdiff_t width)
{
    const ptrdiff_t tile = 24576 / (width * (ptrdiff_t)sizeof(real));
    return tile < 16 ? 16 : tile > 65535 ? 65535 : tile;
}

#endif
