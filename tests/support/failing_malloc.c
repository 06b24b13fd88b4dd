/* An allocator that fails on request, to be loaded before the C library's (LD_PRELOAD; glibc).
 *
 * After fail_at(n) the n'th allocation from then on returns NULL: of those that the package's compiled modules make
 * themselves or ask Python's or NumPy's C functions for. The interpreter's own are let through: CPython does not
 * survive all of those. Starting a thread counts as an allocation. stop() ends that and tells whether one failed.
 *
 * live() is how many blocks are in use. After record() new blocks are remembered with their callers, and
 * print_recorded(n) prints the callers by which at least n of them were made that are still in use. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_long countdown, failed, blocks;
static _Thread_local int looking; /* at callers, which may allocate */

void fail_at(long n) {
    failed = 0;
    countdown = n;
}

long stop(void) {
    countdown = 0;
    return failed;
}

long live(void) { return blocks; }

/* ---- whose allocation it is ---- */

enum { NEAREST = 8, CALLERS = 64, KNOWN = 1 << 14 };

typedef enum { OTHER = 1, OURS, INTERPRETER } Kind;

static Kind kind_of(void *caller) {
    static _Thread_local struct {
        void *caller;
        Kind kind;
    } known[KNOWN];
    const size_t place = (uintptr_t)caller % KNOWN;
    if (known[place].caller != caller) {
        Dl_info in = {0};
        Kind kind = OTHER;
        if (dladdr(caller, &in) && in.dli_sname && strcmp(in.dli_sname, "_PyEval_EvalFrameDefault") == 0)
            kind = INTERPRETER;
        else if (in.dli_fname && strstr(in.dli_fname, "cbackprop/_"))
            kind = OURS;
        known[place].caller = caller;
        known[place].kind = kind;
    }
    return known[place].kind;
}

/* The kind of the first caller that is not OTHER, if one of the nearest `most` callers is. */
static Kind kind_among(int most) {
    void *callers[CALLERS];
    const int n = backtrace(callers, most);
    for (int i = 0; i < n; i++) {
        const Kind kind = kind_of(callers[i]);
        if (kind != OTHER) return kind;
    }
    return OTHER;
}

/* Whether compiled code of the package asked, with no Python function in between. Unwinding the whole stack
   would take half of the test's time, and the nearest callers mostly tell. */
static int is_ours(void) {
    if (looking) return 0;
    looking = 1;
    Kind kind = kind_among(NEAREST);
    if (kind == OTHER) kind = kind_among(CALLERS);
    looking = 0;
    return kind == OURS;
}

static int refuse(void) {
    if (atomic_load(&countdown) <= 0 || !is_ours() || atomic_fetch_sub(&countdown, 1) != 1) return 0;
    failed = 1;
    errno = ENOMEM;
    return 1;
}

/* ---- who made the blocks that are in use ---- */

enum { RECORDED = 1 << 14 };

static struct {
    void *block;
    int n;
    void *callers[CALLERS];
} recorded[RECORDED];
static int recording;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void remember(void *block) {
    if (!recording || looking) return;
    looking = 1;
    pthread_mutex_lock(&lock);
    int i = 0;
    while (i < RECORDED - 1 && recorded[i].block) i++; /* the last place takes all that find no other */
    recorded[i].block = block;
    recorded[i].n = backtrace(recorded[i].callers, CALLERS);
    pthread_mutex_unlock(&lock);
    looking = 0;
}

static void forget(void *block) {
    if (!recording || looking) return;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < RECORDED; i++)
        if (recorded[i].block == block) recorded[i].block = NULL;
    pthread_mutex_unlock(&lock);
}

void record(void) {
    memset(recorded, 0, sizeof recorded);
    recording = 1;
}

void print_recorded(int least) {
    recording = 0;
    for (int i = 0; i < RECORDED; i++) {
        if (!recorded[i].block) continue;
        int same = 0;
        for (int j = RECORDED - 1; j >= i; j--) {
            if (!recorded[j].block || recorded[j].n != recorded[i].n) continue;
            if (memcmp(recorded[j].callers, recorded[i].callers, sizeof(void *) * recorded[i].n)) continue;
            recorded[j].block = NULL;
            same++;
        }
        if (same < least) continue;
        fprintf(stderr, "%d blocks made in\n", same);
        for (int k = 1; k < recorded[i].n && kind_of(recorded[i].callers[k]) != INTERPRETER; k++) {
            Dl_info in = {0};
            dladdr(recorded[i].callers[k], &in);
            const long offset = (char *)recorded[i].callers[k] - (char *)in.dli_fbase;
            fprintf(stderr, "    %s, %s+%#lx\n", in.dli_sname ? in.dli_sname : "?", in.dli_fname, offset);
        }
    }
}

/* ---- the allocator ---- */

static void *counted(void *block) {
    if (!block) return NULL;
    blocks++;
    remember(block);
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

void free(void *block) {
    if (!block) return;
    blocks--;
    forget(block);
    __libc_free(block);
}

void *realloc(void *old, size_t bytes) {
    if (!old) return malloc(bytes);
    if (!bytes) {
        free(old);
        return NULL;
    }
    if (refuse()) return NULL;
    void *block = __libc_realloc(old, bytes);
    if (block) {
        forget(old);
        remember(block);
    }
    return block;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument) {
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return refuse() ? EAGAIN : real(thread, attributes, work, argument);
}
