/* Subnormal numbers count as 0 while networks train and are evaluated.
 *
 * Neurons that saturate have errors far below the smallest normal number, 1.2e-38 in float32, and Intel's processors
 * take over a hundred cycles for each operation on such a number. Here the processor reads and writes 0 instead. */
#ifndef CBACKPROP_SUBNORMALS_H
#define CBACKPROP_SUBNORMALS_H

#if defined(__SSE2__) || defined(_M_X64)

#include <xmmintrin.h>

typedef unsigned FloatMode;
enum { FLUSHING = 1 << 15 | 1 << 6 }; /* of MXCSR: flush to zero, denormals are zero */
static inline FloatMode float_mode(void) { return _mm_getcsr(); }
static inline void set_float_mode(FloatMode mode) { _mm_setcsr(mode); }

#elif defined(__aarch64__) && defined(__GNUC__)

typedef unsigned long FloatMode;
enum { FLUSHING = 1 << 24 }; /* of FPCR: FZ, both ways */
static inline FloatMode float_mode(void) {
    FloatMode mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static inline void set_float_mode(FloatMode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }

#else

/* Here subnormal numbers are kept. */
typedef unsigned FloatMode;
enum { FLUSHING = 0 };
static inline FloatMode float_mode(void) { return 0; }
static inline void set_float_mode(FloatMode mode) { (void)mode; }

#endif

/* From here on, in this thread; returns the mode to go back to. */
static inline FloatMode flush_subnormals(void) {
    const FloatMode before = float_mode();
    set_float_mode(before | FLUSHING);
    return before;
}

#endif
