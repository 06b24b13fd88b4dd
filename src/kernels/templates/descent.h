/* What regularisation, momentum and the other rules do to every weight, whether or not its input was nonzero. */
#ifndef CBACKPROP_DESCENT_H
#define CBACKPROP_DESCENT_H

#include "elementwise.h"
#include "kernels.h"

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

/* W = decay W - step G: see kernels.h. */
static double subtract_matrix(const Panels *G, double decay, double step, const Panels *W, ptrdiff_t p0, ptrdiff_t p1) {
    const real *g = panels_from(G, p0);
    real *w = panels_from(W, p0);
    const vec shrink = BROADCAST((real)decay), size = BROADCAST((real)step);
    ivec most = bits_of(ZERO);
    for (ptrdiff_t i = 0, n = panels_size(W, p0, p1); i < n; i += LANES) {
        const vec moved = subtract_product(shrink * load(w + i), size, load(g + i));
        store(w + i, moved);
        most = larger(magnitude(moved), most);
    }
    return largest_lane(most);
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
INLINE int penalty_of(double factor, int is_l1) { return factor == 0 ? NO_PENALTY : is_l1 ? L1 : L2; }

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
    const int penalty = penalty_of(weight_decay, is_l1);
    if (penalty == NO_PENALTY)
        move_with(NO_PENALTY, weight_decay, velocity_scale, V, W, p0, p1);
    else if (penalty == L1)
        move_with(L1, weight_decay, velocity_scale, V, W, p0, p1);
    else
        move_with(L2, weight_decay, velocity_scale, V, W, p0, p1);
}

/* ---- rules that need the whole gradient of a weight at once: it comes in G, and they leave 0 there ---- */

/* A step of Nesterov's rule: what it makes of weights w and velocities v whose gradient has added `change` to w. */
INLINE void nesterov_step(const int penalty, vec decay, vec momentum, vec change, vec *v, vec *w) {
    const vec x = *w;
    if (penalty != NO_PENALTY) change = subtract_product(change, decay, penalty == L1 ? sign_of(x) : x);
    *v = multiply_add(momentum, *v, change);
    *w = x + multiply_add(momentum, *v, change);
}

INLINE double nesterov_with(const int penalty, double weight_decay, double mu, const Panels *G, const Panels *V,
                            const Panels *W, ptrdiff_t p0, ptrdiff_t p1) {
    real *g = panels_from(G, p0), *v = panels_from(V, p0), *w = panels_from(W, p0);
    const vec momentum = BROADCAST((real)mu), decay = BROADCAST((real)weight_decay);
    ivec most = bits_of(ZERO);
    for (ptrdiff_t i = 0, n = panels_size(W, p0, p1); i < n; i += LANES) {
        vec moved = load(w + i), velocity = load(v + i);
        nesterov_step(penalty, decay, momentum, load(g + i), &velocity, &moved);
        store(g + i, ZERO);
        store(v + i, velocity);
        store(w + i, moved);
        most = larger(magnitude(moved), most);
    }
    return largest_lane(most);
}

/* With d = G - weight_decay R(W): V = mu V + d, then W = W + mu V + d. Returns the largest |w|. */
static double nesterov(int is_l1, double weight_decay, double mu, const Panels *G, const Panels *V, const Panels *W,
                       ptrdiff_t p0, ptrdiff_t p1) {
    const int penalty = penalty_of(weight_decay, is_l1);
    if (penalty == NO_PENALTY) return nesterov_with(NO_PENALTY, weight_decay, mu, G, V, W, p0, p1);
    if (penalty == L1) return nesterov_with(L1, weight_decay, mu, G, V, W, p0, p1);
    return nesterov_with(L2, weight_decay, mu, G, V, W, p0, p1);
}

/* What a root and a division for each weight cost hides the rest, the choice of the penalty too. */
INLINE double adam_with(const int is_amsgrad, const AdamStep *step, const Panels *G, const Panels *M, const Panels *V,
                        const Panels *H, const Panels *W, ptrdiff_t p0, ptrdiff_t p1) {
    const int penalty = penalty_of(step->lmbda_over_n, step->is_l1);
    real *g = panels_from(G, p0), *m = panels_from(M, p0), *v = panels_from(V, p0), *w = panels_from(W, p0);
    real *h = is_amsgrad ? panels_from(H, p0) : NULL;
    const vec beta_1 = BROADCAST((real)step->beta_1), rest_1 = BROADCAST((real)(1 - step->beta_1));
    const vec beta_2 = BROADCAST((real)step->beta_2), rest_2 = BROADCAST((real)(1 - step->beta_2));
    const vec size = BROADCAST((real)step->size), root_factor = BROADCAST((real)step->root_factor);
    const vec epsilon = BROADCAST((real)step->epsilon), lmbda_over_n = BROADCAST((real)step->lmbda_over_n);
    ivec most = bits_of(ZERO);
    for (ptrdiff_t i = 0, n = panels_size(W, p0, p1); i < n; i += LANES) {
        const vec x = load(w + i);
        vec gradient = load(g + i);
        if (penalty != NO_PENALTY) gradient = multiply_add(lmbda_over_n, penalty == L1 ? sign_of(x) : x, gradient);
        const vec first = multiply_add(beta_1, load(m + i), rest_1 * gradient);
        const vec second = multiply_add(beta_2, load(v + i), rest_2 * gradient * gradient);
        vec under_root = second;
        if (is_amsgrad) {
            const vec highest = load(h + i);
            under_root = choose(LESS(second, highest), highest, second); /* NaN if the second moment is */
            store(h + i, under_root);
        }
        const vec moved = x - size * first / multiply_add(root_factor, square_root(under_root), epsilon);
        store(g + i, ZERO);
        store(m + i, first);
        store(v + i, second);
        store(w + i, moved);
        most = larger(magnitude(moved), most);
    }
    return largest_lane(most);
}

/* With g = G + lmbda_over_n R(W): M = beta_1 M + (1 - beta_1) g, V = beta_2 V + (1 - beta_2) g^2 and
 * W = W - size M / (root_factor sqrt(V) + epsilon). If H is not NULL: H = max(H, V), and sqrt(H) takes the place of
 * sqrt(V). Returns the largest |w|. */
static double adam(const AdamStep *step, const Panels *G, const Panels *M, const Panels *V, const Panels *H,
                   const Panels *W, ptrdiff_t p0, ptrdiff_t p1) {
    return H ? adam_with(1, step, G, M, V, H, W, p0, p1) : adam_with(0, step, G, M, V, H, W, p0, p1);
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
