#include "pack.h"

#include "memory.h"
#include "team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 2048,     /* of the hash table */
    MOST_THREADS = 16, /* memory is the limit long before */
    FIRST_ROWS = 256,  /* that one thread packs alone: they have nearly all values */
    /* Inputs that are worth a second thread, which takes 30 microseconds to start: a millisecond of packing. */
    WORTH_A_THREAD = 4000000,
    WORTH_GREYS = 1000000, /* from so many inputs on, look whether the values are grey ... */
    GREY_ROWS = 16,        /* ... in so many rows */
};

/* A loop for each type, which compilers vectorise. */
ptrdiff_t count_nonzeros(const Row *row, ptrdiff_t n_in) {
    const char *x = row->x;
    ptrdiff_t nonzeros = 0;
    if (row->bits == 64)
        for (ptrdiff_t i = 0; i < n_in; i++) {
            double number;
            memcpy(&number, x + 8 * i, 8);
            nonzeros += number != 0;
        }
    else
        for (ptrdiff_t i = 0; i < n_in; i++) {
            float number;
            memcpy(&number, x + 4 * i, 4);
            nonzeros += number != 0;
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

static void include_in_largest(double *largest, double x) {
    const double size = fabs(x);
    /* NaN compares false, and stays. */
    if (!(size <= *largest) && *largest == *largest) *largest = size;
}

/* The code of x, which is not 0; or 0 if it has none. If `may_add`, it gets one unless the table is full. */
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
        include_in_largest(&values->largest, x);
    }
    return values->code[place];
}

/* Whether a row's numbers are 0 or k / greys, k = 1 .. 255, in their own type. */
static int is_grey(const Row *row, ptrdiff_t n_in, int greys) {
    for (ptrdiff_t i = 0; i < n_in; i++) {
        const double number = number_at(row->x, row->bits, i), grey = number * greys;
        if (!(grey >= 0 && grey < 255.5)) return 0;
        const int k = (int)(grey + 0.5);
        if (number != (row->bits == 32 ? (double)((float)k / (float)greys) : (double)k / greys)) return 0;
    }
    return 1;
}

/* If the first rows have grey values only, gives all grey values their codes. The scales are that of the book's MNIST,
 * that of most other data sets, and none. A row of another type rounds k / 255 differently. */
static void look_for_greys(Values *values, const Row *rows, ptrdiff_t n, ptrdiff_t n_in) {
    static const int scales[3] = {256, 255, 1};
    for (int s = 0; s < 3; s++) {
        ptrdiff_t grey = 0;
        while (grey < n && grey < GREY_ROWS && rows[grey].bits == rows[0].bits && is_grey(&rows[grey], n_in, scales[s]))
            grey++;
        if (grey < n && grey < GREY_ROWS) continue;
        values->greys = scales[s];
        values->grey_bits = rows[0].bits;
        for (int k = 1; k < 256; k++)
            values->table[k] = rows[0].bits == 32 ? (double)((float)k / (float)scales[s]) : (double)k / scales[s];
        return;
    }
}

/* ---- a share of the rows, which one thread packs ---- */

enum { DONE, FULL, MISFIT };

typedef struct {
    Packing *packing;
    const Row *rows;
    const uint32_t *examples;
    ptrdiff_t next, end; /* the rows to be packed */
    size_t used, room;   /* lines of `data` */
    int alone;           /* no other thread packs, so values may be added */
    double largest;      /* of the values without codes */
    int most;            /* the largest code of a grey value */
    ptrdiff_t nonzeros;
    char *numbers; /* room for a row's nonzeros, and 16 more */
    int state;
} Share;

/* ---- write the n numbers as values of each kind; return whether all of them fit ---- */

static int write_codes_slowly(Share *share, int bits, ptrdiff_t n, uint8_t *value) {
    for (ptrdiff_t k = 0; k < n; k++) {
        const unsigned code = code_of(&share->packing->values, number_at(share->numbers, bits, k), share->alone);
        if (code == 0) return 0;
        value[k] = (uint8_t)code;
    }
    return 1;
}

/* First assumes that each value is where its hash says. */
static int write_codes(Share *share, int bits, ptrdiff_t n, uint8_t *value) {
    const Values *values = &share->packing->values;
    uint64_t differ = 0;
    if (bits == 32)
        for (ptrdiff_t k = 0; k < n; k++) {
            uint32_t number;
            memcpy(&number, share->numbers + 4 * k, 4);
            const unsigned place = place_of_float(number);
            differ |= values->narrow[place] ^ number;
            value[k] = values->code[place];
        }
    else
        for (ptrdiff_t k = 0; k < n; k++) {
            uint64_t number;
            memcpy(&number, share->numbers + 8 * k, 8);
            const unsigned place = place_of_double(number);
            differ |= values->key[place] ^ number;
            value[k] = values->code[place];
        }
    return !differ || write_codes_slowly(share, bits, n, value);
}

static int write_greys(Share *share, const Kernels *kernels, int bits, ptrdiff_t n, uint8_t *value) {
    const Values *values = &share->packing->values;
    if (values->greys == 255 && bits != values->grey_bits) return 0;
    const int most = kernels->grey_codes(share->numbers, n, values->greys, value);
    if (most > share->most) share->most = most;
    return most >= 0;
}

static inline int write_floats(Share *share, const int bits, ptrdiff_t n, float *value) {
    int fits = 1;
    for (ptrdiff_t k = 0; k < n; k++) {
        const double number = number_at(share->numbers, bits, k);
        value[k] = (float)number;
        fits &= bits == 32 || (double)value[k] == number || number != number;
        include_in_largest(&share->largest, number);
    }
    return fits;
}

static inline int write_doubles(Share *share, const int bits, ptrdiff_t n, double *value) {
    for (ptrdiff_t k = 0; k < n; k++) {
        value[k] = number_at(share->numbers, bits, k);
        include_in_largest(&share->largest, value[k]);
    }
    return 1;
}

/* The room that a record may take while it is written: that of one with every input, and a line for what `nonzeros`
 * stores past the last index. */
static size_t longest_record(const Records *records) { return (size_t)record_lines(records, records->n_in) + 1; }

/* Writes a row's record, which has a room of longest_record lines. Returns its number of nonzeros, or -1 if a
 * value does not fit the kind. */
static ptrdiff_t write_record(Share *share, const Row *row, uint8_t *record) {
    const Records *records = share->packing->records;
    const int bits = row->bits;
    const Kernels *kernels = bits == 32 ? share->packing->of_floats : share->packing->of_doubles;
    ptrdiff_t n = 0, begin = 0;
    for (ptrdiff_t t = 0; t < records->n_tiles; t++, begin += records->tile) {
        const ptrdiff_t inputs = records->n_in - begin < records->tile ? records->n_in - begin : records->tile;
        uint16_t *index = record_begin_tile(records, record, t, n);
        n += kernels->nonzeros((const char *)row->x + begin * (bits / 8), inputs, index,
                               share->numbers + n * (bits / 8));
    }
    void *value = record_end(records, record, n);
    int fits;
    if (records->kind == VALUES_CODED)
        fits = share->packing->values.greys ? write_greys(share, kernels, bits, n, value)
                                            : write_codes(share, bits, n, value);
    else if (records->kind == VALUES_FLOAT32)
        fits = bits == 32 ? write_floats(share, 32, n, value) : write_floats(share, 64, n, value);
    else
        fits = bits == 32 ? write_doubles(share, 32, n, value) : write_doubles(share, 64, n, value);
    return fits ? n : -1;
}

/* Packs the share's rows, up to the first for which there is no room or whose values do not fit. */
static void write_share(void *member) {
    Share *share = member;
    const Records *records = share->packing->records;
    const size_t longest = longest_record(records);
    share->state = DONE;
    for (; share->next < share->end; share->next++) {
        if (share->room - share->used < longest) {
            share->state = FULL;
            return;
        }
        const ptrdiff_t n = write_record(share, &share->rows[share->next], records->data + LINE_BYTES * share->used);
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
    uint8_t *data = aligned_malloc(LINE_BYTES * room);
    if (!data) return PACK_NO_MEMORY;
    if (packing->records->data) memcpy(data, packing->records->data, LINE_BYTES * packing->room);
    aligned_free(packing->records->data);
    packing->records->data = data;
    packing->room = room;
    return PACKED;
}

int packing_begin(Packing *packing, ptrdiff_t n, double density) {
    const Records *records = packing->records;
    /* A little more than expected; there is always room for a longest record. */
    const double expected = 1.05 * (double)n * (double)record_lines(records, (ptrdiff_t)(density * records->n_in));
    const double most = (double)n * (double)record_lines(records, records->n_in);
    memset(&packing->values, 0, sizeof packing->values);
    packing->values.n_values = 1; /* code 0 is the value 0 */
    packing->n = n;
    packing->packed = packing->nonzeros = 0;
    packing->used = packing->room = 0;
    aligned_free(packing->records->data);
    packing->records->data = NULL;
    return resize(packing, (size_t)(expected < most ? expected : most) + longest_record(records));
}

/* Makes room for more of a share's records: after its own, or at the end of all. */
static int make_room(Packing *packing, Share *share) {
    if (share->room != packing->room) share->used = packing->room;
    const int status = resize(packing, packing->room + packing->room / 4 + longest_record(packing->records));
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
        Barrier barrier; /* only says how many they are */
        MemberTime spent;
        barrier_init(&barrier, waiting);
        if (team_run(&barrier, write_share, members, &spent) != 0) /* the system refused a thread */
            for (int s = 0; s < waiting; s++) write_share(members[s]);
        barrier_destroy(&barrier);
        for (int s = 0; s < waiting; s++) {
            Share *share = members[s];
            if (share->state == MISFIT) {
                /* Packed alone, the row may add its values. */
                const ptrdiff_t end = share->end;
                if (share->alone) return PACK_MISFIT;
                share->alone = 1;
                share->end = share->next + 1;
                write_share(share);
                share->end = end;
                if (share->state == MISFIT) return PACK_MISFIT;
            }
            if (share->state == FULL) {
                const int status = make_room(packing, share);
                if (status != PACKED) return status;
            }
        }
    }
}

int packing_add(Packing *packing, const Row *rows, const uint32_t *examples, ptrdiff_t n, int n_threads) {
    const ptrdiff_t n_in = packing->records->n_in;
    if (packing->packed == 0 && packing->may_be_grey && packing->records->kind == VALUES_CODED &&
        packing->n * n_in >= WORTH_GREYS)
        look_for_greys(&packing->values, rows, n, n_in);
    if (n_threads > 1 && packing->packed == 0 && n > FIRST_ROWS) {
        const int status = packing_add(packing, rows, examples, FIRST_ROWS, 1);
        if (status != PACKED) return status;
        rows += FIRST_ROWS;
        examples += FIRST_ROWS;
        n -= FIRST_ROWS;
    }
    if (n_threads > MOST_THREADS) n_threads = MOST_THREADS;
    if (n_threads < 1 || n * n_in < WORTH_A_THREAD) n_threads = 1;

    Share shares[MOST_THREADS];
    const size_t numbers = 8 * (size_t)(n_in + 16);
    char *scratch = malloc((size_t)n_threads * numbers);
    if (!scratch) return PACK_NO_MEMORY;
    const double rest = (double)(packing->room - packing->used), left = (double)(packing->n - packing->packed);
    const size_t room = n_threads == 1 ? packing->room - packing->used : (size_t)(rest * (double)n / left / n_threads);
    for (int s = 0; s < n_threads; s++) {
        shares[s] = (Share){.packing = packing, .rows = rows, .examples = examples};
        shares[s].numbers = scratch + numbers * (size_t)s;
        shares[s].next = n * s / n_threads;
        shares[s].end = n * (s + 1) / n_threads;
        shares[s].used = packing->used + room * (size_t)s;
        shares[s].room = shares[s].used + room;
    }
    const int status = finish(packing, shares, n_threads);
    for (int s = 0; s < n_threads; s++) {
        packing->nonzeros += shares[s].nonzeros;
        if (shares[s].used > packing->used) packing->used = shares[s].used;
        include_in_largest(&packing->values.largest, shares[s].largest);
        if (packing->values.greys && shares[s].most >= packing->values.n_values) {
            packing->values.n_values = shares[s].most + 1;
            packing->values.largest = packing->values.table[shares[s].most];
        }
    }
    free(scratch);
    packing->packed += n;
    return status;
}
