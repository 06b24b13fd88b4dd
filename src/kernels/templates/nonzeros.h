/* The numbers of a row that are not 0, and their places, as sparse records list them. -0.0 is 0, NaN is not.
 *
 * A branch for each number would be mispredicted. So vectors are compared, and the places of a mask's ones are stored
 * as a whole vector, however many they are: the next store overwrites what lies past the last one. */
#ifndef CBACKPROP_NONZEROS_H
#define CBACKPROP_NONZEROS_H

#include "simd.h"

#if VECTOR_BYTES == 64

/* The ones of a mask are counted directly after the comparison: with -fsanitize=thread gcc 12 would otherwise spill 16
 * bits of the mask and count 32. */
INLINE ptrdiff_t list_vector(const real *x, unsigned lanes, ptrdiff_t base, uint16_t *index, real *value) {
#if REAL_BITS == 64
    const __m512d v = _mm512_maskz_loadu_pd((__mmask8)lanes, x);
    const __mmask8 nonzero = _mm512_cmp_pd_mask(v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
    const ptrdiff_t count = __builtin_popcount(nonzero);
    _mm512_storeu_pd(value, _mm512_maskz_compress_pd(nonzero, v));
    const __m256i places = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32((int)base));
    _mm_storeu_si128((__m128i *)index, _mm256_cvtepi32_epi16(_mm256_maskz_compress_epi32(nonzero, places)));
#else
    const __m512 v = _mm512_maskz_loadu_ps((__mmask16)lanes, x);
    const __mmask16 nonzero = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const ptrdiff_t count = __builtin_popcount(nonzero);
    _mm512_storeu_ps(value, _mm512_maskz_compress_ps(nonzero, v));
    const __m512i places = _mm512_add_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                            _mm512_set1_epi32((int)base));
    _mm256_storeu_si256((__m256i *)index, _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(nonzero, places)));
#endif
    return count;
}

static ptrdiff_t nonzeros(const void *x, ptrdiff_t n, uint16_t *index, void *value) {
    const real *number = x;
    real *values = value;
    const unsigned all = (1U << LANES) - 1;
    ptrdiff_t found = 0, i = 0;
    for (; i + LANES <= n; i += LANES) found += list_vector(number + i, all, i, index + found, values + found);
    if (i < n) found += list_vector(number + i, all >> (i + LANES - n), i, index + found, values + found);
    return found;
}

#else

/* The places of four bits' ones, lowest first, and how many they are. */
static const uint16_t places_of[16][4] = {
    {0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {2, 0, 0, 0}, {0, 2, 0, 0}, {1, 2, 0, 0}, {0, 1, 2, 0},
    {3, 0, 0, 0}, {0, 3, 0, 0}, {1, 3, 0, 0}, {0, 1, 3, 0}, {2, 3, 0, 0}, {0, 2, 3, 0}, {1, 2, 3, 0}, {0, 1, 2, 3}};
static const uint8_t count_of[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};

/* The numbers of x[0 .. 3] that are not 0, as the ones of a mask. */
INLINE unsigned nonzeros_of_4(const real *x) {
#if VECTOR_BYTES == 32 && REAL_BITS == 64
    return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(_mm256_loadu_pd(x), _mm256_setzero_pd(), _CMP_NEQ_UQ));
#elif defined(__SSE2__) && REAL_BITS == 64
    const unsigned low = (unsigned)_mm_movemask_pd(_mm_cmpneq_pd(_mm_loadu_pd(x), _mm_setzero_pd()));
    return low | (unsigned)_mm_movemask_pd(_mm_cmpneq_pd(_mm_loadu_pd(x + 2), _mm_setzero_pd())) << 2;
#elif defined(__SSE2__)
    return (unsigned)_mm_movemask_ps(_mm_cmpneq_ps(_mm_loadu_ps(x), _mm_setzero_ps()));
#elif VECTOR_BYTES == 16 && defined(__aarch64__) && REAL_BITS == 64
    static const uint64_t weights[4] = {1, 2, 4, 8};
    const uint64x2_t low = vandq_u64(vceqzq_f64(vld1q_f64(x)), vld1q_u64(weights));
    return 15 - (unsigned)vaddvq_u64(vaddq_u64(low, vandq_u64(vceqzq_f64(vld1q_f64(x + 2)), vld1q_u64(weights + 2))));
#elif VECTOR_BYTES == 16 && defined(__aarch64__)
    static const uint32_t weights[4] = {1, 2, 4, 8};
    return 15 - vaddvq_u32(vandq_u32(vceqzq_f32(vld1q_f32(x)), vld1q_u32(weights)));
#else
    unsigned nonzero = 0;
    for (int k = 0; k < 4; k++) {
        real number; /* any alignment */
        memcpy(&number, x + k, sizeof number);
        nonzero |= (unsigned)(number != 0) << k;
    }
    return nonzero;
#endif
}

static ptrdiff_t nonzeros(const void *x, ptrdiff_t n, uint16_t *index, void *value) {
    const real *number = x;
    ptrdiff_t found = 0, i = 0;
    for (; i + 4 <= n; i += 4) {
        const unsigned nonzero = nonzeros_of_4(number + i);
        uint64_t four; /* places: no sum of theirs reaches 65,536 */
        memcpy(&four, places_of[nonzero], 8);
        four += (uint64_t)i * 0x0001000100010001;
        memcpy(index + found, &four, 8);
        found += count_of[nonzero];
    }
    for (; i < n; i++) {
        real last;
        memcpy(&last, number + i, sizeof last);
        index[found] = (uint16_t)i;
        found += last != 0;
    }
    for (ptrdiff_t k = 0; k < found; k++) memcpy((real *)value + k, number + index[k], sizeof(real));
    return found;
}

#endif

#endif
