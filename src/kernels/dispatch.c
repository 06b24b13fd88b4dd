#include "dispatch.h"

#include <string.h>

extern const Kernels kernels_portable_float64, kernels_portable_float32;
extern const Kernels kernels_avx2_float64, kernels_avx2_float32;
extern const Kernels kernels_avx512_float64, kernels_avx512_float32;

/* The best is last. A set that was not built has a table without a name. */
enum { PORTABLE, AVX2, AVX512, SETS };

static const Kernels *const tables[SETS][2] = {
    [PORTABLE] = {&kernels_portable_float64, &kernels_portable_float32},
    [AVX2] = {&kernels_avx2_float64, &kernels_avx2_float32},
    [AVX512] = {&kernels_avx512_float64, &kernels_avx512_float32},
};

/* Whether this processor, and the operating system that must save its registers, can run the set. */
static int runs(int set) {
#if defined(__GNUC__) && defined(__x86_64__)
    static int
        known; /* bit s: set s runs; bit SETS: the processor was asked. Threads that ask at once write the same. */
    int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!answer) {
        __builtin_cpu_init();
        answer = 1 << SETS | 1 << PORTABLE;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
            answer |= 1 << AVX2;
            if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
                answer |= 1 << AVX512;
        }
        __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
    }
    return answer >> set & 1;
#else
    return set == PORTABLE;
#endif
}

static const Kernels *table(int set, int itemsize) {
    const Kernels *kernels = tables[set][itemsize == 8 ? 0 : 1];
    return kernels->isa ? kernels : NULL;
}

const char *isa_names(void) {
#if defined(__GNUC__) && defined(__x86_64__)
    return "portable avx2 avx512";
#else
    return kernels_portable_float64.isa;
#endif
}

const Kernels *kernels_for(int itemsize) {
    for (int set = SETS - 1; set > PORTABLE; set--) {
        if (runs(set) && table(set, itemsize)) return table(set, itemsize);
    }
    return table(PORTABLE, itemsize); /* no test reaches this on a processor with AVX2 */
}

const Kernels *kernels_named(const char *isa, int itemsize) {
    /* The first set has this name on every processor, and on some a second one: neon. */
    if (strcmp(isa, "portable") == 0) return table(PORTABLE, itemsize);
    for (int set = 0; set < SETS; set++) {
        const Kernels *kernels = table(set, itemsize);
        if (kernels && strcmp(kernels->isa, isa) == 0) return runs(set) ? kernels : NULL;
    }
    return NULL;
}
