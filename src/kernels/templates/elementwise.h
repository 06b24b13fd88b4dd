/* The exponential, the sigmoid, and the largest magnitude of arrays.
 *
 * sigma(z) = 1 / (1 + e^-z) is computed from e^-|z|, which neither overflows nor loses small results:
 *     z >= 0:  1 / (1 + e^-|z|)        z < 0:  e^-|z| / (1 + e^-|z|)
 * and e^x, x <= 0, as 2^k e^r with k = round(x / ln 2), |r| <= ln(2) / 2, e^r = 1 + r + r^2 p(r).
 * bench/exp_coefficients.py prints p's coefficients e2, e3, ... and the two parts of ln 2: p interpolates at Chebyshev
 * nodes and leaves a relative error of 1.7e-17 (float64) and 1e-8 (float32) in e^r, a sixth of the rounding error. */
#ifndef CBACKPROP_ELEMENTWISE_H
#define CBACKPROP_ELEMENTWISE_H

#include "simd.h"

#if REAL_BITS == 64
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define ROUNDER 0x1.8p52         /* x + ROUNDER rounds x to an integer and keeps it in the lowest bits of the sum */
#define LEAST_ARGUMENT (-746.0)  /* e^x, halved or not, is 0 below this */
#define LEAST_EXPM1 (-60.0)      /* e^x - 1 is -1 below this */
#define LEAST_EXPONENT (-1000.0) /* 2^k is split in two at this, so that a subnormal result is rounded once */
#define LEAST_NORMAL 0x1p-1022
#define LARGEST_REAL 0x1.fffffffffffffp1023
#define SUBNORMAL_POWER 54 /* 2^54 times a subnormal is normal */
#define SUBNORMAL_FACTOR 0x1p54
#define INVERSE_LN2 1.4426950408889634
#define LN2_HIGH 0.6931471806019545 /* 32 bits: k times this is exact */
#define LN2_LOW (-4.2009150726810846e-11)
#else
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define ROUNDER 0x1.8p23f
#define LEAST_ARGUMENT (-105.0f)
#define LEAST_EXPM1 (-30.0f)
#define LEAST_EXPONENT (-120.0f)
#define LEAST_NORMAL 0x1p-126f
#define LARGEST_REAL 0x1.fffffep127f
#define SUBNORMAL_POWER 25
#define SUBNORMAL_FACTOR 0x1p25f
#define INVERSE_LN2 1.44269504f
#define LN2_HIGH 0.693145751953125f /* 16 bits */
#define LN2_LOW 1.4286068203094173e-06f
#endif

/* 2^k for whole numbers k in the range of normal exponents. */
INLINE vec power_of_two(vec k) {
    const uvec bits = (uvec)bits_of(k + BROADCAST(ROUNDER));
    return of_bits((ivec)((bits + EXPONENT_BIAS) << MANTISSA_BITS));
}

/* t = e^r - 1 where x = k ln 2 + r, so that e^x = 2^k (1 + t): LEAST_ARGUMENT <= x <= 0. */
INLINE vec exp_minus_1_reduced(vec x, vec *k_out) {
    const vec k = multiply_add(x, BROADCAST(INVERSE_LN2), BROADCAST(ROUNDER)) - BROADCAST(ROUNDER);
    const vec r = subtract_product(subtract_product(x, k, BROADCAST(LN2_HIGH)), k, BROADCAST(LN2_LOW));
    *k_out = k;
    const vec r2 = r * r, r4 = r2 * r2;
#define TERM(c, d) multiply_add(BROADCAST(d), r, BROADCAST(c)) /* c + d r */
#if REAL_BITS == 64
    const vec p01 = TERM(0.5000000000000001, 0.16666666666666669),
              p23 = TERM(0.04166666666662413, 0.008333333333330062);
    const vec p45 = TERM(0.0013888888917213717, 0.00019841269863053618);
    const vec p67 = TERM(2.4801521295954376e-05, 2.7557268459997064e-06);
    const vec p89 = TERM(2.7620088445409746e-07, 2.510038549551032e-08);
    /* (p23 r2 + p01) + ((p67 r2 + p45) + p89 r4) r4 */
    const vec p = multiply_add(multiply_add(p89, r4, multiply_add(p67, r2, p45)), r4, multiply_add(p23, r2, p01));
#else
    const vec p01 = TERM(0.5f, 0.16666576989698775f), p23 = TERM(0.041666554617204574f, 0.008363179052722578f);
    const vec p = multiply_add(BROADCAST(0.0013926183587713494f), r4, multiply_add(p23, r2, p01));
#endif
#undef TERM
    return multiply_add(p, r2, r);
}

/* The larger of x and `least`, NaN for a NaN x. */
INLINE vec at_least(vec x, vec least) {
#if defined(FUSED)
    return (vec)FUSED(max)(least, x); /* the second if one is NaN */
#else
    return choose(LESS(x, least), least, x);
#endif
}

/* e^x for x <= 0 (NaN for NaN), within 1 ulp. `*low` is what its last rounding lost: e^x + low is within 0.3 ulp. */
INLINE vec exp_of_negative(vec x, vec *low) {
    vec k;
    const vec t = exp_minus_1_reduced(at_least(x, BROADCAST(LEAST_ARGUMENT)), &k), e = t + BROADCAST(1);
    const vec e_low = t - (e - BROADCAST(1));
#if VECTOR_BYTES == 64
    /* One instruction, which rounds once, so its bits are those of the two products below. */
    *low = (vec)FUSED(scalef)(e_low, k);
    return (vec)FUSED(scalef)(e, k);
#else
    const vec split = BROADCAST(LEAST_EXPONENT), high = choose(LESS(k, split), split, k);
    const vec scale = power_of_two(high), rest = power_of_two(k - high);
    *low = e_low * scale * rest;
    return e * scale * rest;
#endif
}

/* a in the lanes where z < 0, b in the others; either if z is -0. */
INLINE vec of_sign(vec z, vec a, vec b) {
#if VECTOR_BYTES == 64 && REAL_BITS == 64
    return (vec)_mm512_mask_blend_pd(_mm512_movepi64_mask((__m512i)z), b, a);
#elif VECTOR_BYTES == 64
    return (vec)_mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)z), b, a);
#else
    return choose(LESS(z, ZERO), a, b);
#endif
}

/* sigma(z), within 2 ulp for every z, subnormal results included; NaN for NaN.
 * The quotient q = n / d is corrected for the rounding errors of n and d, n_low and d_low, by adding
 * (n_low - q d_low) / d. For that, 1.457 - 0.485 d is close enough to 1 / d, 1 <= d <= 2. */
INLINE vec sigmoid_of(vec z) {
    const vec one = BROADCAST(1);
    vec e_low;
    const vec e = exp_of_negative(of_bits(bits_of(z) | bits_of(BROADCAST(-0.0))), &e_low); /* -|z| */
    const vec d = one + e, d_low = ((one - d) + e) + e_low;
    const vec q = of_sign(z, e, one) / d, n_low = of_sign(z, e_low, ZERO);
    const vec inverse = subtract_product(BROADCAST(1.457), BROADCAST(0.485), d);
    return multiply_add(subtract_product(n_low, q, d_low), inverse, q);
}

/* a = sigma(z), n elements, any n and alignment. */
static void sigmoid_array(const void *z, void *a, ptrdiff_t n) {
    const real *from = z;
    real *to = a;
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) store_unaligned(to + i, sigmoid_of(load_unaligned(from + i)));
    if (i < n) store_some(to + i, sigmoid_of(load_some(from + i, n - i)), n - i);
}

/* The larger of each lane. */
INLINE ivec larger(ivec a, ivec b) {
#if VECTOR_BYTES > 0
    const ivec mask = a > b;
#else
    const ivec mask = -(integer)(a > b);
#endif
    return (mask & a) | (~mask & b);
}

/* The bits of |x|. Without their sign bit, reals are ordered as the integers of the same bits, NaNs above infinity. */
INLINE ivec magnitude(vec x) { return ~bits_of(BROADCAST(-0.0)) & bits_of(x); }

/* The largest |x| of n numbers, NaN if one is NaN, 0 if n is 0. */
INLINE double largest_number(const real *x, ptrdiff_t n) {
    unsigned_integer bits, best = 0;
    real answer;
    for (ptrdiff_t i = 0; i < n; i++) {
        memcpy(&bits, x + i, sizeof bits);
        bits = bits << 1 >> 1;
        best = bits > best ? bits : best;
    }
    memcpy(&answer, &best, sizeof answer);
    return (double)answer;
}

/* The largest of the magnitudes in the lanes. */
INLINE double largest_lane(ivec magnitudes) {
    real lane[LANES];
    memcpy(lane, &magnitudes, sizeof lane);
    return largest_number(lane, LANES);
}

/* As `largest_number`, for many: any n and alignment. */
static double largest(const void *x, ptrdiff_t n) {
    enum { CHAINS = 4 };
    const real *from = x;
    ivec most[CHAINS];
    ptrdiff_t i = 0;
    if (n < LANES) return largest_number(from, n);
    UNROLL for (int c = 0; c < CHAINS; c++) most[c] = bits_of(ZERO);
    for (; i + CHAINS * LANES <= n; i += CHAINS * LANES) {
        UNROLL for (int c = 0; c < CHAINS; c++) {
            most[c] = larger(magnitude(load_unaligned(from + i + c * LANES)), most[c]);
        }
    }
    for (; i + LANES <= n; i += LANES) most[0] = larger(magnitude(load_unaligned(from + i)), most[0]);
    if (i < n) most[1] = larger(magnitude(load_some(from + i, n - i)), most[1]);
    return largest_lane(larger(larger(most[0], most[1]), larger(most[2], most[3])));
}

#endif
