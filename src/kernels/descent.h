/* What regularisation and momentum do to every weight, whether or not its input was met. */

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
    const vec by = BROADCAST((real)factor);
    for (ptrdiff_t i = 0, n = panels_size(M, p0, p1); i < n; i += LANES) store(x + i, by * load(x + i));
}

/* W = W - shrink sgn(W). */
static void shrink_signs(double shrink, const Panels *W, ptrdiff_t p0, ptrdiff_t p1) {
    real *w = panels_from(W, p0);
    const vec by = BROADCAST((real)shrink);
    for (ptrdiff_t i = 0, n = panels_size(W, p0, p1); i < n; i += LANES) {
        const vec x = load(w + i);
        store(w + i, x - by * sign_of(x));
    }
}

enum { FREE, BY_SIZE, BY_SIGN };
INLINE void move_by(const int penalty, double shrink, double unit, const Panels *V, const Panels *W, ptrdiff_t p0,
                    ptrdiff_t p1) {
    real *v = panels_from(V, p0), *w = panels_from(W, p0);
    const vec u = BROADCAST((real)unit), by = BROADCAST((real)(shrink / unit));
    for (ptrdiff_t i = 0, n = panels_size(W, p0, p1); i < n; i += LANES) {
        const vec x = load(w + i);
        vec velocity = load(v + i);
        if (penalty != FREE) {
            velocity = velocity - by * (penalty == BY_SIGN ? sign_of(x) : x);
            store(v + i, velocity);
        }
        store(w + i, x + u * velocity);
    }
}

/* V = V - (shrink / unit) R(W), then W = W + unit V, where V holds velocities in this unit; R(W) is W, or sgn(W) if
 * `signs`. V and W in panels alike. */
static void move(int signs, double shrink, double unit, const Panels *V, const Panels *W, ptrdiff_t p0, ptrdiff_t p1) {
    if (shrink == 0)
        move_by(FREE, shrink, unit, V, W, p0, p1);
    else if (signs)
        move_by(BY_SIGN, shrink, unit, V, W, p0, p1);
    else
        move_by(BY_SIZE, shrink, unit, V, W, p0, p1);
}

/* Z = factor Z + bias in each row: Z (m x n), bias (n) in Z's lanes. */
static void scale_rows(double factor, const void *bias, const Panels *Z, ptrdiff_t p0, ptrdiff_t p1) {
    const vec by = BROADCAST((real)factor);
    for (ptrdiff_t p = p0; p < p1; p++) {
        const real *b = (const real *)bias + p * Z->width;
        real *z = panels_from(Z, p);
        for (ptrdiff_t i = 0; i < Z->rows; i++, z += Z->width) {
            for (ptrdiff_t v = 0; v < Z->width; v += LANES) store(z + v, by * load(z + v) + load(b + v));
        }
    }
}
