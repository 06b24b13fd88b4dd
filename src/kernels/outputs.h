/* The output layer: its errors against the targets, and the class it answers. */

/* D = A - Y: A, D (m x n). Row i's target is the example order[i]'s: a row of `targets` (n reals, any alignment), or,
 * where `labels` is not NULL, 1 at the label and 0 elsewhere (a label outside 0 .. n-1: 0 everywhere). D's pad lanes
 * become 0. */
static void subtract_targets(const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                             const Panels *D, ptrdiff_t p0, ptrdiff_t p1) {
    const ptrdiff_t m = A->rows, n = A->cols, width = A->width;
    for (ptrdiff_t p = p0; p < p1; p++) {
        const ptrdiff_t first = p * width, count = n - first < width ? n - first : width;
        for (ptrdiff_t i = 0; i < m; i++) {
            const real *a = (const real *)A->data + (p * m + i) * width;
            real *d = (real *)D->data + (p * m + i) * width;
            if (labels) {
                const ptrdiff_t label = (ptrdiff_t)labels[order[i]] - first;
                for (ptrdiff_t j = 0; j < count; j++) d[j] = a[j];
                if (label >= 0 && label < count) d[label] -= 1;
            } else {
                const real *y = (const real *)targets + (size_t)order[i] * (size_t)n + first;
                for (ptrdiff_t j = 0; j < count; j++) d[j] = a[j] - y[j];
            }
            for (ptrdiff_t j = count; j < width; j++) d[j] = 0;
        }
    }
}

/* answers[i] = the first j with the largest A(i, j); a NaN counts as the largest, as in numpy.argmax. */
static void argmax(const Panels *A, int32_t *answers) {
    const ptrdiff_t m = A->rows, n = A->cols, width = A->width;
    for (ptrdiff_t i = 0; i < m; i++) {
        const real *a = (const real *)A->data;
        ptrdiff_t best = 0;
        real largest = a[i * width];
        for (ptrdiff_t j = 1; j < n && largest == largest; j++) {
            const real x = a[(j / width * m + i) * width + j % width];
            if (x > largest || x != x) {
                largest = x;
                best = j;
            }
        }
        answers[i] = (int32_t)best;
    }
}
