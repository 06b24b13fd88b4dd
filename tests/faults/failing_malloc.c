/* An allocator that fails on request, to be loaded before the C library's (LD_PRELOAD; glibc).
 *
 * After fail_at(n) the n'th allocation from then on returns NULL: of those that the package's compiled modules make
 * themselves or ask Python's or NumPy's C functions for. The interpreter's own are let through: CPython does not
 * survive all of those. Starting a thread counts as an allocation. stop() ends that and tells whether one failed.
 * live() is how many blocks are in use. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_long countdown, failed, blocks;

void fail_at(long n) {
    failed = 0;
    countdown = n;
}

long stop(void) {
    countdown = 0;
    return failed;
}

long live(void) { return blocks; }

/* Whether compiled code of the package asked, with no Python function in between. */
static int is_ours(void) {
    static _Thread_local int looking; /* looking may allocate */
    int ours = 0;
    if (looking) return 0;
    looking = 1;
    void *callers[64];
    const int n = backtrace(callers, 64);
    for (int i = 0; i < n && !ours; i++) {
        Dl_info place;
        if (!dladdr(callers[i], &place)) continue;
        if (place.dli_sname && strcmp(place.dli_sname, "_PyEval_EvalFrameDefault") == 0) break;
        ours = place.dli_fname && strstr(place.dli_fname, "cbackprop/_") != NULL;
    }
    looking = 0;
    return ours;
}

static int refuse(void) {
    if (atomic_load(&countdown) <= 0 || !is_ours() || atomic_fetch_sub(&countdown, 1) != 1) return 0;
    failed = 1;
    errno = ENOMEM;
    return 1;
}

static void *counted(void *block) {
    if (block) blocks++;
    return block;
}

void *malloc(size_t bytes) { return refuse() ? NULL : counted(__libc_malloc(bytes)); }
void *calloc(size_t n, size_t bytes) { return refuse() ? NULL : counted(__libc_calloc(n, bytes)); }
void *memalign(size_t line, size_t bytes) { return refuse() ? NULL : counted(__libc_memalign(line, bytes)); }
void *aligned_alloc(size_t line, size_t bytes) { return memalign(line, bytes); }

int posix_memalign(void **place, size_t line, size_t bytes) {
    void *block = memalign(line, bytes);
    if (!block) return ENOMEM;
    *place = block;
    return 0;
}

void *realloc(void *old, size_t bytes) {
    if (bytes && refuse()) return NULL;
    void *block = __libc_realloc(old, bytes);
    if (!old) counted(block);
    if (old && !bytes) blocks--;
    return block;
}

void free(void *block) {
    if (block) blocks--;
    __libc_free(block);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument) {
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return refuse() ? EAGAIN : real(thread, attributes, work, argument);
}
