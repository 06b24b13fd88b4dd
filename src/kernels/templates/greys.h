/* The codes of grey values c / d, c = 1 .. 255: c itself, computed in vectors, several times as fast as a look-up in a
 * table. */
#ifndef CBACKPROP_GREYS_H
#define CBACKPROP_GREYS_H

#include "elementwise.h"

#if VECTOR_BYTES > 0

typedef uint8_t byte_of_each __attribute__((vector_size(VECTOR_BYTES / sizeof(real))));

static int grey_codes(void *value, ptrdiff_t n, double d, uint8_t *code) {
    const vec greys = BROADCAST(d);
    real *number = value;
    vec most = ZERO;
    ivec fit = ZERO == ZERO;
    for (ptrdiff_t k = n; k < n + LANES; k++) number[k] = number[n > 0 ? n - 1 : 0];
    for (ptrdiff_t k = 0; k < n; k += LANES) {
        const vec v = load_unaligned(number + k), rounded = multiply_add(v, greys, BROADCAST(ROUNDER)),
                  c = rounded - ROUNDER;
        fit &= (c / greys == v) & (c >= 1) & (c <= 255); /* NaN compares false */
        const ivec more = c > most;
        most = (vec)(((ivec)c & more) | ((ivec)most & ~more));
        const byte_of_each codes = __builtin_convertvector((ivec)rounded & 255, byte_of_each);
        memcpy(code + k, &codes, sizeof codes);
    }
    real largest = 0;
    for (ptrdiff_t k = 0; k < LANES; k++) {
        if (!fit[k]) return -1;
        largest = most[k] > largest ? most[k] : largest;
    }
    return (int)largest;
}

#else

static int grey_codes(void *value, ptrdiff_t n, double d, uint8_t *code) {
    const real *number = value, greys = (real)d;
    int largest = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        const real grey = number[k] * greys;
        if (!(grey > 0 && grey < (real)255.5)) return -1;
        const int c = (int)(grey + (real)0.5);
        if (c == 0 || (real)c / greys != number[k]) return -1;
        largest = c > largest ? c : largest;
        code[k] = (uint8_t)c;
    }
    return largest;
}

#endif

#endif
