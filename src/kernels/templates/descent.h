/* What regularisation and momentum do to every weight, whether or not its input was nonzero. */
#ifndef CBACKPROP_DESCENT_H
#define CBACKPROP_DESCENT_H

#include "matrix.h"
#include "simd.h"

/* The elements of M's panels p0 .. p1, as one array. */
INLINE real *panels_from(const Panels *M, ptrdiff_t p0) { return (real *)M->data + p0 * M->rows * M->width; }
INLINE ptrdiff_t panels_size(const Panels *M, ptrdiff_t p0, ptrdiff_t p1) { return (p1 - p0) * M->rows * M->width; }

/* sgn(x): 1, -1, or x itself where it is 0 or NaN. */
INLINE vec sign_of(vec x) {
    const vec one = BROADCAST(1);
    return choose(LESS(ZERO, x), one, choose(LESS(x, ZERO), ZERO - one, x));
}

/* M = factor M. */
static void scale(double factor, const Panels *M, ptrdiff_t p0, ptrdiff_t p1) {
    real *x = panels_from(M, p0);
    const vec f = BROADCAST((real)factor);
    for (ptrdiff_t i = 0, n = panels_size(M, p0, p1); i < n; i += LANES) store(x + i, f * load(x + i));
}

/* W = W - weight_decay sgn(W). */
static void subtract_signs(double weight_decay, const Panels *W, ptrdiff_t p0, ptrdiff_t p1) {
    real *w = panels_from(W, p0);
    const vec decay = BROADCAST((real)weight_decay);
    for (ptrdiff_t i = 0, n = panels_size(W, p0, p1); i < n; i += LANES) {
        const vec x = load(w + i);
        store(w + i, subtract_product(x, decay, sign_of(x)));
    }
}

enum { NO_PENALTY, L2, L1 };
INLINE void move_with(const int penalty, double weight_decay, double velocity_scale, const Panels *V, const Panels *W,
                      ptrdiff_t p0, ptrdiff_t p1) {
    real *v = panels_from(V, p0), *w = panels_from(W, p0);
    const vec v_scale = BROADCAST((real)velocity_scale), decay = BROADCAST((real)(weight_decay / velocity_scale));
    for (ptrdiff_t i = 0, n = panels_size(W, p0, p1); i < n; i += LANES) {
        const vec x = load(w + i);
        vec velocity = load(v + i);
        if (penalty != NO_PENALTY) {
            velocity = subtract_product(velocity, decay, penalty == L1 ? sign_of(x) : x);
            store(v + i, velocity);
        }
        store(w + i, multiply_add(v_scale, velocity, x));
    }
}

/* V = V - (weight_decay / velocity_scale) R(W), then W = W + velocity_scale V: V holds velocities divided by
 * velocity_scale, and R(W) is W, or sgn(W) if `is_l1`. V and W have the same panels. */
static void move(int is_l1, double weight_decay, double velocity_scale, const Panels *V, const Panels *W, ptrdiff_t p0,
                 ptrdiff_t p1) {
    if (weight_decay == 0)
        move_with(NO_PENALTY, weight_decay, velocity_scale, V, W, p0, p1);
    else if (is_l1)
        move_with(L1, weight_decay, velocity_scale, V, W, p0, p1);
    else
        move_with(L2, weight_decay, velocity_scale, V, W, p0, p1);
}

/* Z = factor Z + bias in each row: Z (m x n), bias (n) in Z's lanes. */
static void scale_rows(double factor, const void *bias, const Panels *Z, ptrdiff_t p0, ptrdiff_t p1) {
    const vec f = BROADCAST((real)factor);
    for (ptrdiff_t p = p0; p < p1; p++) {
        const real *b = (const real *)bias + p * Z->width;
        real *z = panels_from(Z, p);
        for (ptrdiff_t i = 0; i < Z->rows; i++, z += Z->width) {
            for (ptrdiff_t v = 0; v < Z->width; v += LANES) store(z + v, multiply_add(f, load(z + v), load(b + v)));
        }
    }
}

#endif
