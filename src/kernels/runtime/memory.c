#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { LINE = 64, MOST_KEPT = 4 << 20, LARGE_PAGE = 2 << 20 };

/* Lies in the line before the memory that is handed out. */
typedef struct {
    void *block;  /* from malloc */
    size_t bytes; /* for the caller */
} Header;

static Header *header_of(void *start) { return (Header *)((char *)start - LINE); }

/* The block that is kept, or NULL. It is taken and put back in one step, so that threads need no lock. */
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

/* The memory to hand out, from a block of `bytes` and two lines. */
static void *start_of(char *block, size_t bytes) {
    if (!block) return NULL;
    void *start = block + 2 * LINE - (uintptr_t)block % LINE;
    *header_of(start) = (Header){block, bytes};
    return start;
}

/* Takes the block that is kept, if it is large enough and not too large. */
static void *take_kept(size_t bytes) {
    void *start = exchange_kept(NULL);
    if (start && header_of(start)->bytes >= bytes && header_of(start)->bytes / 4 <= bytes) return start;
    really_free(start);
    return NULL;
}

/* Asks for large pages where memory of so many bytes holds some: rows are read in no order. If the system refuses, the
 * others serve as well. Returns `start`. */
static void *in_large_pages(void *start, size_t bytes) {
#if defined(MADV_HUGEPAGE)
    if (start && bytes >= 2 * LARGE_PAGE) {
        char *first = (char *)start + (LARGE_PAGE - (uintptr_t)start % LARGE_PAGE) % LARGE_PAGE;
        (void)madvise(first, (size_t)((char *)start + bytes - first) / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
    }
#else
    (void)bytes;
#endif
    return start;
}

void *aligned_calloc(size_t bytes) {
    void *start = take_kept(bytes);
    if (start) return memset(start, 0, bytes);
    if (bytes > PTRDIFF_MAX - 2 * LINE) return NULL;
    /* calloc returns untouched pages of zeros: scratch that is never used costs nothing. */
    return in_large_pages(start_of(calloc(bytes + 2 * LINE, 1), bytes), bytes);
}

void *aligned_malloc(size_t bytes) {
    if (bytes > PTRDIFF_MAX - 2 * LINE) return NULL;
    /* Marked as too large to be kept: it would take the place of the workers' memory, which the next call needs. */
    return in_large_pages(start_of(malloc(bytes + 2 * LINE), SIZE_MAX), bytes);
}

void aligned_free(void *start) {
    if (!start || header_of(start)->bytes > MOST_KEPT)
        really_free(start);
    else
        really_free(exchange_kept(start));
}
