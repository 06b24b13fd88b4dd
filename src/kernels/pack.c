#include "pack.h"

#include "memory.h"
#include "team.h"

#include <math.h>
#include <string.h>

enum {
    PLACES = 2048,     /* of the hash table */
    MOST_THREADS = 16, /* memory is the limit long before */
    FIRST_ROWS = 256,  /* that one thread packs alone: nearly all values are found in them */
    /* Inputs that are worth a second thread, which takes 30 microseconds to start: a millisecond of packing. */
    WORTH_A_THREAD = 4000000,
};

ptrdiff_t count_nonzeros(const Row *row, ptrdiff_t n_in) {
    ptrdiff_t nonzeros = 0;
    for (ptrdiff_t i = 0; i < n_in; i++) {
        double wide;
        float narrow;
        if (row->bits == 64) {
            memcpy(&wide, (const char *)row->x + 8 * i, 8);
            nonzeros += wide != 0;
        } else {
            memcpy(&narrow, (const char *)row->x + 4 * i, 4);
            nonzeros += narrow != 0;
        }
    }
    return nonzeros;
}

static inline double number_at(const char *x, int bits, ptrdiff_t i) {
    if (bits == 32) {
        float number;
        memcpy(&number, x + 4 * i, 4);
        return number;
    }
    double number;
    memcpy(&number, x + 8 * i, 8);
    return number;
}

/* ---- the distinct values ---- */

/* Their hash. The highest 8 bits of the mantissa and the lowest 3 of the exponent tell the grey values k / 256 and k /
 * 255 apart; both types have the same bits there, but for numbers too small for a normal float. */
static inline unsigned place_of_double(uint64_t bits) { return (unsigned)(bits >> 44) % PLACES; }
static inline unsigned place_of_float(uint32_t bits) { return (bits >> 15) % PLACES; }

static void meet(double *largest, double x) {
    const double size = fabs(x);
    /* NaN compares false, and stays. */
    if (!(size <= *largest) && *largest == *largest) *largest = size;
}

/* The code of x, which is not 0, or 0 where it has none. Where values may be added it gets one, as long as the table is
 * not full. */
static unsigned code_of(Values *values, double x, int may_add) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    unsigned place = place_of_double(bits);
    while (values->code[place] != 0 && values->key[place] != bits) place = (place + 1) % PLACES;
    if (values->code[place] == 0 && may_add && values->n_values < 256) {
        const float narrow = (float)x;
        uint32_t narrow_bits;
        memcpy(&narrow_bits, &narrow, 4);
        if (narrow == x && place == place_of_float(narrow_bits)) values->narrow[place] = narrow_bits;
        values->key[place] = bits;
        values->code[place] = (uint8_t)values->n_values;
        values->table[values->n_values++] = x;
        meet(&values->largest, x);
    }
    return values->code[place];
}

/* ---- a share of the rows: what one thread packs ---- */

enum { DONE, FULL, MISFIT };

typedef struct {
    Packing *packing;
    const Row *rows;
    const uint32_t *examples;
    ptrdiff_t next, end; /* the rows to be packed */
    size_t used, room;   /* lines of `data` */
    int alone;           /* no other thread packs, so that values may be added */
    double largest;      /* of the values that have no codes */
    ptrdiff_t nonzeros;
    int state;
} Share;

/* The values of n entries of a tile, in each kind: whether all of them fit. */

/* First as if each value were where its hash says; `slowly` otherwise. */
static int write_codes_slowly(Share *share, const char *tile, int bits, const uint16_t *index, ptrdiff_t n,
                              uint8_t *value) {
    for (ptrdiff_t k = 0; k < n; k++) {
        const unsigned code = code_of(&share->packing->values, number_at(tile, bits, index[k]), share->alone);
        if (code == 0) return 0;
        value[k] = (uint8_t)code;
    }
    return 1;
}

static int write_codes(Share *share, const char *tile, int bits, const uint16_t *index, ptrdiff_t n, uint8_t *value) {
    const Values *values = &share->packing->values;
    uint64_t differ = 0;
    if (bits == 32)
        for (ptrdiff_t k = 0; k < n; k++) {
            uint32_t number;
            memcpy(&number, tile + 4 * index[k], 4);
            const unsigned place = place_of_float(number);
            differ |= values->narrow[place] ^ number;
            value[k] = values->code[place];
        }
    else
        for (ptrdiff_t k = 0; k < n; k++) {
            uint64_t number;
            memcpy(&number, tile + 8 * index[k], 8);
            const unsigned place = place_of_double(number);
            differ |= values->key[place] ^ number;
            value[k] = values->code[place];
        }
    return !differ || write_codes_slowly(share, tile, bits, index, n, value);
}

static inline int write_floats(Share *share, const char *tile, const int bits, const uint16_t *index, ptrdiff_t n,
                               float *value) {
    int fits = 1;
    for (ptrdiff_t k = 0; k < n; k++) {
        const double number = number_at(tile, bits, index[k]);
        value[k] = (float)number;
        fits &= bits == 32 || (double)value[k] == number || number != number;
        meet(&share->largest, number);
    }
    return fits;
}

static inline int write_doubles(Share *share, const char *tile, const int bits, const uint16_t *index, ptrdiff_t n,
                                double *value) {
    for (ptrdiff_t k = 0; k < n; k++) {
        value[k] = number_at(tile, bits, index[k]);
        meet(&share->largest, value[k]);
    }
    return 1;
}

static int write_values(Share *share, int kind, const char *tile, int bits, const uint16_t *index, ptrdiff_t n,
                        void *value) {
    if (kind == VALUES_CODED) return write_codes(share, tile, bits, index, n, value);
    if (kind == VALUES_FLOAT32)
        return bits == 32 ? write_floats(share, tile, 32, index, n, value)
                          : write_floats(share, tile, 64, index, n, value);
    return bits == 32 ? write_doubles(share, tile, 32, index, n, value)
                      : write_doubles(share, tile, 64, index, n, value);
}

/* Writes a row's record where there is room for a longest one and a line: its number of nonzeros, or -1 where a value
 * does not fit the kind. */
static ptrdiff_t write_record(Share *share, const Row *row, uint8_t *record) {
    const Records *records = share->packing->records;
    const Kernels *kernels = row->bits == 32 ? share->packing->of_floats : share->packing->of_doubles;
    const ptrdiff_t size = value_size(records);
    uint32_t *first = record_first(record);
    uint16_t *index = record_index(records, record);
    ptrdiff_t n = 0, begin = 0;
    for (ptrdiff_t t = 0; t < records->n_tiles; t++, begin += records->tile) {
        const ptrdiff_t inputs = records->n_in - begin < records->tile ? records->n_in - begin : records->tile;
        first[t] = (uint32_t)n;
        n += kernels->nonzeros((const char *)row->x + begin * (row->bits / 8), inputs, index + n);
    }
    first[records->n_tiles] = (uint32_t)n;

    uint8_t *value = record + values_at(records, n);
    for (ptrdiff_t t = 0; t < records->n_tiles; t++) {
        const char *tile = (const char *)row->x + t * records->tile * (row->bits / 8);
        if (!write_values(share, records->kind, tile, row->bits, index + first[t],
                          (ptrdiff_t)first[t + 1] - (ptrdiff_t)first[t], value + size * (ptrdiff_t)first[t]))
            return -1;
    }
    return n;
}

/* Packs the share's rows up to the first for which there is no room, or whose values do not fit. */
static void write_share(void *member) {
    Share *share = member;
    const Records *records = share->packing->records;
    const size_t longest = (size_t)record_lines(records, records->n_in) + 1;
    share->state = DONE;
    for (; share->next < share->end; share->next++) {
        if (share->room - share->used < longest) {
            share->state = FULL;
            return;
        }
        const ptrdiff_t n = write_record(share, &share->rows[share->next], records->data + 64 * share->used);
        if (n < 0) {
            share->state = MISFIT;
            return;
        }
        const uint32_t lines = (uint32_t)record_lines(records, n);
        records->extent[share->examples[share->next]] = (Extent){(uint32_t)share->used, lines};
        share->used += lines;
        share->nonzeros += n;
    }
}

/* ---- all shares ---- */

static int resize(Packing *packing, size_t room) {
    if (room >= UINT32_MAX) return PACK_TOO_MUCH; /* no test has so much memory */
    uint8_t *data = aligned_malloc(64 * room);
    if (!data) return PACK_NO_MEMORY;
    if (packing->records->data) memcpy(data, packing->records->data, 64 * packing->room);
    aligned_free(packing->records->data);
    packing->records->data = data;
    packing->room = room;
    return PACKED;
}

int packing_begin(Packing *packing, ptrdiff_t n, double density) {
    const Records *records = packing->records;
    const ptrdiff_t longest = record_lines(records, records->n_in);
    /* A little more than expected; a longest record always has room, with a line for what is stored past its indices.
     */
    const double expected = 1.05 * (double)n * (double)record_lines(records, (ptrdiff_t)(density * records->n_in));
    const double most = (double)n * (double)longest;
    memset(&packing->values, 0, sizeof packing->values);
    packing->values.n_values = 1; /* code 0 is the value 0 */
    packing->n = n;
    packing->packed = packing->nonzeros = 0;
    packing->used = packing->room = 0;
    aligned_free(packing->records->data);
    packing->records->data = NULL;
    return resize(packing, (size_t)(expected < most ? expected : most) + (size_t)longest + 1);
}

/* Room for more of a share's records: behind its own, or at the end of all. */
static int make_room(Packing *packing, Share *share) {
    const size_t longest = (size_t)record_lines(packing->records, packing->records->n_in) + 1;
    if (share->room != packing->room) share->used = packing->room;
    const int status = resize(packing, packing->room + packing->room / 4 + longest);
    share->room = packing->room;
    return status;
}

/* Packs what is left of the shares. */
static int finish(Packing *packing, Share *shares, int n_shares) {
    for (;;) {
        void *members[MOST_THREADS];
        int waiting = 0;
        for (int s = 0; s < n_shares; s++)
            if (shares[s].next < shares[s].end) members[waiting++] = &shares[s];
        if (!waiting) return PACKED;
        for (int s = 0; s < waiting; s++) ((Share *)members[s])->alone = waiting == 1;
        Barrier barrier; /* which nobody waits at */
        MemberTime spent;
        barrier_init(&barrier, waiting);
        if (team_run(&barrier, write_share, members, &spent) != 0) /* the system has no thread for us */
            for (int s = 0; s < waiting; s++) write_share(members[s]);
        barrier_destroy(&barrier);
        for (int s = 0; s < waiting; s++) {
            Share *share = members[s];
            if (share->state == MISFIT) {
                /* Alone the row may add its values. */
                const ptrdiff_t end = share->end;
                if (share->alone) return PACK_ANOTHER_KIND;
                share->alone = 1;
                share->end = share->next + 1;
                write_share(share);
                share->end = end;
                if (share->state == MISFIT) return PACK_ANOTHER_KIND;
            }
            if (share->state == FULL) {
                const int status = make_room(packing, share);
                if (status != PACKED) return status;
            }
        }
    }
}

int packing_add(Packing *packing, const Row *rows, const uint32_t *examples, ptrdiff_t n, int n_threads) {
    if (n_threads > 1 && packing->packed == 0 && n > FIRST_ROWS) {
        const int status = packing_add(packing, rows, examples, FIRST_ROWS, 1);
        if (status != PACKED) return status;
        rows += FIRST_ROWS;
        examples += FIRST_ROWS;
        n -= FIRST_ROWS;
    }
    if (n_threads > MOST_THREADS) n_threads = MOST_THREADS;
    if (n_threads < 1 || n * packing->records->n_in < WORTH_A_THREAD) n_threads = 1;

    Share shares[MOST_THREADS];
    const double rest = (double)(packing->room - packing->used), left = (double)(packing->n - packing->packed);
    const size_t room = n_threads == 1 ? packing->room - packing->used : (size_t)(rest * (double)n / left / n_threads);
    for (int s = 0; s < n_threads; s++) {
        shares[s] = (Share){.packing = packing, .rows = rows, .examples = examples};
        shares[s].next = n * s / n_threads;
        shares[s].end = n * (s + 1) / n_threads;
        shares[s].used = packing->used + room * (size_t)s;
        shares[s].room = shares[s].used + room;
    }
    const int status = finish(packing, shares, n_threads);
    for (int s = 0; s < n_threads; s++) {
        packing->nonzeros += shares[s].nonzeros;
        if (shares[s].used > packing->used) packing->used = shares[s].used;
        meet(&packing->values.largest, shares[s].largest);
    }
    packing->packed += n;
    return status;
}
