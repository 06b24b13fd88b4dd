#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, MOST_KEPT = 4 << 20 };

/* Stands in the line before what is handed out. */
typedef struct {
    void *block;  /* what malloc gave */
    size_t bytes; /* that can be used */
} Header;

static Header *header_of(void *start) { return (Header *)((char *)start - LINE); }

/* The block that is kept, or NULL: taken and put back in one step, so that threads need no lock. */
static void *kept;

#if defined(__GNUC__)
static void *exchange_kept(void *start) { return __atomic_exchange_n(&kept, start, __ATOMIC_ACQ_REL); }
#else
static void *exchange_kept(void *start) {
    (void)kept;
    return start;
}
#endif

static void really_free(void *start) {
    if (start) free(header_of(start)->block);
}

void *aligned_calloc(size_t bytes) {
    void *start = exchange_kept(NULL);
    if (start && header_of(start)->bytes >= bytes && header_of(start)->bytes / 4 <= bytes)
        return memset(start, 0, bytes);
    really_free(start);
    if (bytes > PTRDIFF_MAX - 2 * LINE) return NULL;
    /* calloc hands out untouched zero pages: scratch that is never used costs nothing. */
    char *block = calloc(bytes + 2 * LINE, 1);
    if (!block) return NULL;
    start = block + 2 * LINE - (uintptr_t)block % LINE;
    *header_of(start) = (Header){block, bytes};
    return start;
}

void aligned_free(void *start) {
    if (!start || header_of(start)->bytes > MOST_KEPT)
        really_free(start);
    else
        really_free(exchange_kept(start));
}
