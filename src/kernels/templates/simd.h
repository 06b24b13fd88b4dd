/* The vectors that every kernel is written in: a `vec` holds LANES reals and takes +, -, * and / like a number.
 *
 * The files of this folder are compiled once for each instruction set and element type. The including file defines
 *
 *     REAL_BITS      64 or 32: `real` is double or float
 *     VECTOR_BYTES   64, 32 or 16: the size of a vector. 0 for compilers without vector extensions: a vector is one
 * real
 *
 * before it includes the first of them: see isa/avx2_float64.c and isa/avx2.h. */
#ifndef CBACKPROP_SIMD_H
#define CBACKPROP_SIMD_H

#if !defined(REAL_BITS) || !defined(VECTOR_BYTES)
#error "define REAL_BITS and VECTOR_BYTES first: see isa/avx2_float64.c"
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if VECTOR_BYTES >= 32
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h> /* a tenth of the other, which takes a third of a second to compile */
#elif VECTOR_BYTES == 16 && defined(__aarch64__)
#include <arm_neon.h>
#endif

#if REAL_BITS == 64
typedef double real;
typedef int64_t integer;
#else
typedef float real;
typedef int32_t integer;
#endif

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#else
#define INLINE static inline
#define NOINLINE static
#endif

/* Before a loop of constant length over registers. clang ignores GCC's pragma. Sanitized builds define UNROLL as
 * nothing: with checks around each access, unrolled tiles take minutes to compile. */
#if defined(UNROLL)
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif

#if VECTOR_BYTES > 0
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(real)))
typedef real vec __attribute__((vector_size(VECTOR_BYTES), aligned(VECTOR_BYTES), may_alias));
typedef real vec_unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias));
typedef integer ivec __attribute__((vector_size(VECTOR_BYTES), aligned(VECTOR_BYTES), may_alias));
#define ZERO ((vec){0})
/* x in every lane. x - 0 is exact and free; 0 + x would cost an addition, since it turns -0 into 0. */
#define BROADCAST(x) ((real)(x) - ZERO)
#else
#define LANES ((ptrdiff_t)1)
typedef real vec;
typedef real vec_unaligned;
#define ZERO ((real)0)
#define BROADCAST(x) ((real)(x))
#endif

#if REAL_BITS == 64
typedef uint64_t unsigned_integer;
#else
typedef uint32_t unsigned_integer;
#endif

/* LESS(a, b) is a mask: -1 in the lanes where a < b, otherwise 0. */
#if VECTOR_BYTES > 0
typedef unsigned_integer uvec __attribute__((vector_size(VECTOR_BYTES), may_alias));
#define LESS(a, b) ((ivec)((a) < (b)))
#else
typedef integer ivec;
typedef unsigned_integer uvec;
#define LESS(a, b) (-(integer)((a) < (b)))
#endif

/* How many vectors the processor's registers hold. */
#if VECTOR_BYTES == 64 || (VECTOR_BYTES > 0 && defined(__aarch64__))
#define REGISTERS 32
#else
#define REGISTERS 16
#endif

INLINE vec load(const real *p) { return *(const vec *)p; }
INLINE void store(real *p, vec v) { *(vec *)p = v; }
INLINE vec load_unaligned(const real *p) { return *(const vec_unaligned *)p; }
INLINE void store_unaligned(real *p, vec v) { *(vec_unaligned *)p = v; }

/* The first `count` reals at an address of any alignment, 0 in the other lanes; and back: count up to LANES. A copy of
 * some bytes into a vector's place, from where it is then loaded, waits for these bytes to arrive. */
#if VECTOR_BYTES == 64 && REAL_BITS == 64
INLINE vec load_some(const real *from, ptrdiff_t count) {
    return (vec)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), from);
}
INLINE void store_some(real *to, vec v, ptrdiff_t count) {
    _mm512_mask_storeu_pd(to, (__mmask8)((1u << count) - 1), (__m512d)v);
}
#elif VECTOR_BYTES == 64
INLINE vec load_some(const real *from, ptrdiff_t count) {
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}
INLINE void store_some(real *to, vec v, ptrdiff_t count) {
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)v);
}
#else
INLINE vec load_some(const real *from, ptrdiff_t count) {
    vec v = ZERO;
    memcpy(&v, from, (size_t)count * sizeof(real));
    return v;
}
INLINE void store_some(real *to, vec v, ptrdiff_t count) { memcpy(to, &v, (size_t)count * sizeof(real)); }
#endif

/* The bits of v as integers, and back. */
INLINE ivec bits_of(vec v) {
    ivec bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
INLINE vec of_bits(ivec bits) {
    vec v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* a in the lanes where the mask is -1, b where it is 0. */
INLINE vec choose(ivec mask, vec a, vec b) { return of_bits((mask & bits_of(a)) | (~mask & bits_of(b))); }

INLINE ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
INLINE ptrdiff_t divide_up(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

/* a b + c and c - a b, rounded once wherever the processor has an instruction for it. Every such sum of the kernels is
 * one of these: -ffp-contract=off leaves the compiler none to choose, so that gcc and clang, and all sets that are
 * built for a processor with that instruction, give the same bits. Without it the product is rounded first. */

#if VECTOR_BYTES >= 32 || (VECTOR_BYTES == 16 && defined(__aarch64__))
#define IS_FUSED 1
#elif VECTOR_BYTES == 0 && \
    (defined(__FP_FAST_FMA) || defined(__s390x__) || defined(__powerpc64__)) /* clang has no macro */
#define IS_FUSED 1
#else
#define IS_FUSED 0
#endif

/* For scalars; compiles to an instruction, never to a call of the C library. */
#if IS_FUSED
#if REAL_BITS == 64
INLINE real multiply_add_numbers(real a, real b, real c) { return __builtin_fma(a, b, c); }
#else
INLINE real multiply_add_numbers(real a, real b, real c) { return __builtin_fmaf(a, b, c); }
#endif
#else
INLINE real multiply_add_numbers(real a, real b, real c) { return a * b + c; }
#endif

#if VECTOR_BYTES == 64 && REAL_BITS == 64
#define FUSED(op) _mm512_##op##_pd
#elif VECTOR_BYTES == 64
#define FUSED(op) _mm512_##op##_ps
#elif VECTOR_BYTES == 32 && REAL_BITS == 64
#define FUSED(op) _mm256_##op##_pd
#elif VECTOR_BYTES == 32
#define FUSED(op) _mm256_##op##_ps
#endif
#if defined(FUSED)
INLINE vec multiply_add(vec a, vec b, vec c) { return (vec)FUSED(fmadd)(a, b, c); }
INLINE vec subtract_product(vec c, vec a, vec b) { return (vec)FUSED(fnmadd)(a, b, c); }
#elif VECTOR_BYTES == 16 && defined(__aarch64__) && REAL_BITS == 64
INLINE vec multiply_add(vec a, vec b, vec c) { return (vec)vfmaq_f64(c, a, b); }
INLINE vec subtract_product(vec c, vec a, vec b) { return (vec)vfmsq_f64(c, a, b); }
#elif VECTOR_BYTES == 16 && defined(__aarch64__)
INLINE vec multiply_add(vec a, vec b, vec c) { return (vec)vfmaq_f32(c, a, b); }
INLINE vec subtract_product(vec c, vec a, vec b) { return (vec)vfmsq_f32(c, a, b); }
#elif VECTOR_BYTES == 0
INLINE vec multiply_add(vec a, vec b, vec c) { return multiply_add_numbers(a, b, c); }
INLINE vec subtract_product(vec c, vec a, vec b) { return multiply_add_numbers(-a, b, c); }
#else
INLINE vec multiply_add(vec a, vec b, vec c) { return a * b + c; }
INLINE vec subtract_product(vec c, vec a, vec b) { return c - a * b; }
#endif

/* The square roots of the lanes, correctly rounded. */
#if defined(FUSED)
INLINE vec square_root(vec x) { return (vec)FUSED(sqrt)(x); }
#elif VECTOR_BYTES == 16 && defined(__SSE2__) && REAL_BITS == 64
INLINE vec square_root(vec x) { return (vec)_mm_sqrt_pd((__m128d)x); }
#elif VECTOR_BYTES == 16 && defined(__SSE2__)
INLINE vec square_root(vec x) { return (vec)_mm_sqrt_ps((__m128)x); }
#elif VECTOR_BYTES == 16 && defined(__aarch64__) && REAL_BITS == 64
INLINE vec square_root(vec x) { return (vec)vsqrtq_f64(x); }
#elif VECTOR_BYTES == 16 && defined(__aarch64__)
INLINE vec square_root(vec x) { return (vec)vsqrtq_f32(x); }
#elif REAL_BITS == 64
INLINE vec square_root(vec x) { return sqrt(x); }
#else
INLINE vec square_root(vec x) { return sqrtf(x); }
#endif

/* Keeps v in a register: without it GCC folds one load of v into each of the multiplications that use it, and the
 * loads, not the multiplications, become the limit (26% against 83% of the matrix-product peak). */
#if VECTOR_BYTES > 0 && (defined(__x86_64__) || defined(__i386__))
#define KEEP_IN_REGISTER(v) __asm__("" : "+v"(v))
#elif VECTOR_BYTES > 0 && defined(__aarch64__)
#define KEEP_IN_REGISTER(v) __asm__("" : "+w"(v))
#else
#define KEEP_IN_REGISTER(v) ((void)0)
#endif

/* Keeps the address p in a register of its own, so that the loads from it differ only by constants. GCC would compute
 * each of them anew from an index. */
#if defined(__GNUC__)
#define KEEP_ADDRESS(p) __asm__("" : "+r"(p))
#else
#define KEEP_ADDRESS(p) ((void)0)
#endif

/* GCC drops calls of functions that do nothing but __builtin_prefetch; an asm volatile stays. */
#if defined(__GNUC__) && defined(__x86_64__)
#define PREFETCH(p) __asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)(p)))
#elif defined(__GNUC__) && defined(__aarch64__)
#define PREFETCH(p) __asm__ volatile("prfm pldl1keep, %0" : : "Q"(*(const char *)(p)))
#else
#define PREFETCH(p) ((void)(p))
#endif

#endif
