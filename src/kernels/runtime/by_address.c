#include "by_address.h"

#include <stdlib.h>
#include <string.h>

/* A radix sort: the lowest digit first; each pass keeps the order of the one before. */
enum { DIGIT_BITS = 11, DIGITS = 4, VALUES_OF_A_DIGIT = 1 << DIGIT_BITS, LINE_BITS = 6 };

/* So few are read equally fast in any order. */
enum { FEW = 512 };

typedef struct {
    uint64_t line;
    uint32_t place;
} Block;

static unsigned digit_of(const Block *block, int digit) {
    return (unsigned)(block->line >> (digit * DIGIT_BITS)) % VALUES_OF_A_DIGIT;
}

void by_address(const void *const *address, uint32_t *order, ptrdiff_t n) {
    if (n < FEW) return;
    int ascending = 1;
    for (ptrdiff_t i = 1; i < n; i++) ascending &= address[order[i - 1]] <= address[order[i]];
    if (ascending) return;

    Block *blocks = malloc(2 * (size_t)n * sizeof(Block));
    uint32_t (*count)[VALUES_OF_A_DIGIT] = calloc(DIGITS, sizeof *count);
    if (blocks && count) {
        Block *from = blocks, *to = blocks + n;
        for (ptrdiff_t i = 0; i < n; i++) {
            from[i] = (Block){(uint64_t)(uintptr_t)address[order[i]] >> LINE_BITS, order[i]};
            for (int d = 0; d < DIGITS; d++) count[d][digit_of(&from[i], d)]++;
        }
        for (int d = 0; d < DIGITS; d++) {
            if (count[d][digit_of(&from[0], d)] == (uint32_t)n) continue; /* the same in all */
            uint32_t before = 0;
            for (int v = 0; v < VALUES_OF_A_DIGIT; v++) {
                const uint32_t here = count[d][v];
                count[d][v] = before;
                before += here;
            }
            for (ptrdiff_t i = 0; i < n; i++) to[count[d][digit_of(&from[i], d)]++] = from[i];
            Block *sorted = to;
            to = from;
            from = sorted;
        }
        for (ptrdiff_t i = 0; i < n; i++) order[i] = from[i].place;
    }
    free(blocks);
    free(count);
}
