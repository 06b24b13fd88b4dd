/* Mini-batch gradient descent of a network of sigmoid neurons, quadratic cost: what a C programmer writes in an
 * afternoon who knows the processor. Dense, one thread but for what BLAS does.
 *
 * REAL is float or double. With -DBLAS=n, products of n multiplications and more are cblas_?gemm's.
 *
 * Weights are stored (n_in, ld), a row for each input, where ld is n_out rounded up to whole vectors. So the inner
 * loops run over neurons, which lie side by side, and nothing is summed across a vector but in the backward pass.
 * What pads a row is 0 in weights and errors.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef BLAS
#include <cblas.h>
#endif

typedef REAL real;

#if defined(__AVX512F__)
#define BYTES 64
#define WIDE 4 /* vectors of neurons at once: with TALL examples, the sums fill the registers */
#elif defined(__AVX__)
#define BYTES 32
#define WIDE 2
#else
#define BYTES 16
#define WIDE 2
#endif
#define TALL 5
#define LINE 64
#define LANES ((int)(BYTES / sizeof(real)))
#define INLINE static inline __attribute__((always_inline))

typedef real vec __attribute__((vector_size(BYTES)));

typedef struct {
    int n_in, n_out, ld, blas;
    real *w, *b;     /* (n_in, ld), (ld) */
    real *a, *delta; /* (m, ld) */
    const real **in; /* the m inputs of a mini-batch, n_in each */
} layer;

typedef struct {
    int n_layers, m;
    real *x; /* (m, n_in of the first layer), for BLAS */
    layer layers[];
} net;

static real *zeros(size_t n) {
    size_t bytes = (n * sizeof(real) + LINE - 1) / LINE * LINE;
    real *p = aligned_alloc(LINE, bytes ? bytes : LINE);
    if (p) memset(p, 0, bytes);
    return p;
}

/* z[e] = b + Σ_k x[e][k] w[k] for tall examples and wide vectors of neurons from j on. */
INLINE void forward_tile(const layer *restrict l, int e, int j, const int tall, const int wide) {
    vec z[TALL][WIDE];
    const real *x[TALL];
    for (int r = 0; r < tall; r++) {
        x[r] = l->in[e + r];
        for (int c = 0; c < wide; c++) z[r][c] = *(const vec *)(l->b + j + c * LANES);
    }
    const real *w = l->w + j;
    for (int k = 0; k < l->n_in; k++, w += l->ld) {
        for (int r = 0; r < tall; r++)
            for (int c = 0; c < wide; c++) z[r][c] += x[r][k] * *(const vec *)(w + c * LANES);
    }
    for (int r = 0; r < tall; r++)
        for (int c = 0; c < wide; c++) *(vec *)(l->a + (size_t)(e + r) * l->ld + j + c * LANES) = z[r][c];
}

/* w[k] += Σ_e x[e][k] delta[e] for tall inputs from k on and wide vectors of neurons from j on. */
INLINE void update_tile(const layer *restrict l, int m, int k, int j, const int tall, const int wide) {
    vec w[TALL][WIDE];
    real *at = l->w + (size_t)k * l->ld + j;
    for (int r = 0; r < tall; r++)
        for (int c = 0; c < wide; c++) w[r][c] = *(vec *)(at + (size_t)r * l->ld + c * LANES);
    const real *d = l->delta + j;
    for (int e = 0; e < m; e++, d += l->ld) {
        const real *x = l->in[e] + k;
        for (int r = 0; r < tall; r++)
            for (int c = 0; c < wide; c++) w[r][c] += x[r] * *(const vec *)(d + c * LANES);
    }
    for (int r = 0; r < tall; r++)
        for (int c = 0; c < wide; c++) *(vec *)(at + (size_t)r * l->ld + c * LANES) = w[r][c];
}

/* Calls TILE(tall, wide) with constants for tall of 1 to TALL and wide of 1 to WIDE. */
#define TALL_OF(TILE, tall, wide) \
    switch (tall) {               \
    case 5:                       \
        TILE(5, wide);            \
        break;                    \
    case 4:                       \
        TILE(4, wide);            \
        break;                    \
    case 3:                       \
        TILE(3, wide);            \
        break;                    \
    case 2:                       \
        TILE(2, wide);            \
        break;                    \
    default:                      \
        TILE(1, wide);            \
    }
#if WIDE == 4
#define TILE_OF(TILE, tall, wide) \
    switch (wide) {               \
    case 4:                       \
        TALL_OF(TILE, tall, 4);   \
        break;                    \
    case 3:                       \
        TALL_OF(TILE, tall, 3);   \
        break;                    \
    case 2:                       \
        TALL_OF(TILE, tall, 2);   \
        break;                    \
    default:                      \
        TALL_OF(TILE, tall, 1);   \
    }
#else
#define TILE_OF(TILE, tall, wide) \
    switch (wide) {               \
    case 2:                       \
        TALL_OF(TILE, tall, 2);   \
        break;                    \
    default:                      \
        TALL_OF(TILE, tall, 1);   \
    }
#endif

static int least(int a, int b) { return a < b ? a : b; }

static void forward_tiles(const layer *l, int m) {
    for (int j = 0; j < l->ld; j += WIDE * LANES) {
        int wide = least(WIDE, (l->ld - j) / LANES);
        for (int e = 0; e < m; e += TALL) {
            int tall = least(TALL, m - e);
#define FORWARD(tall, wide) forward_tile(l, e, j, tall, wide)
            TILE_OF(FORWARD, tall, wide)
        }
    }
}

static void update_tiles(const layer *l, int m) {
    for (int k = 0; k < l->n_in; k += TALL) {
        int tall = least(TALL, l->n_in - k);
        for (int j = 0; j < l->ld; j += WIDE * LANES) {
            int wide = least(WIDE, (l->ld - j) / LANES);
#define UPDATE(tall, wide) update_tile(l, m, k, j, tall, wide)
            TILE_OF(UPDATE, tall, wide)
        }
    }
}

/* below[e][k] = Σ_j w[k][j] delta[e][j] */
static void backward_dots(const layer *restrict l, const layer *restrict below, int m) {
    for (int e = 0; e < m; e++) {
        const real *d = l->delta + (size_t)e * l->ld;
        real *out = below->delta + (size_t)e * below->ld;
        for (int k = 0; k < l->n_in; k++) {
            const real *w = l->w + (size_t)k * l->ld;
            real sum = 0;
            for (int j = 0; j < l->ld; j++) sum += w[j] * d[j];
            out[k] = sum;
        }
    }
}

#ifdef BLAS
/* c (m, n) = alpha op(a) op(b) + beta c */
static void gemm(int ta, int tb, int m, int n, int k, real alpha, const real *a, int lda, const real *b, int ldb,
                 real beta, real *c, int ldc) {
    CBLAS_TRANSPOSE of_a = ta ? CblasTrans : CblasNoTrans, of_b = tb ? CblasTrans : CblasNoTrans;
    if (sizeof(real) == sizeof(double))
        cblas_dgemm(CblasRowMajor, of_a, of_b, m, n, k, alpha, (const void *)a, lda, (const void *)b, ldb, beta,
                    (void *)c, ldc);
    else
        cblas_sgemm(CblasRowMajor, of_a, of_b, m, n, k, alpha, (const void *)a, lda, (const void *)b, ldb, beta,
                    (void *)c, ldc);
}
#endif

/* gcc calls the C library's vector exp, which -ffast-math allows. */
static void sigmoid(real *restrict a, size_t n) {
    for (size_t i = 0; i < n; i++)
        a[i] = 1 / (1 + (sizeof(real) == sizeof(double) ? (real)exp(-a[i]) : (real)expf(-a[i])));
}

static void forward(const layer *l, int m, int ld_in) {
#ifdef BLAS
    if (l->blas) {
        for (int e = 0; e < m; e++) memcpy(l->a + (size_t)e * l->ld, l->b, l->ld * sizeof(real));
        gemm(0, 0, m, l->n_out, l->n_in, 1, l->in[0], ld_in, l->w, l->ld, 1, l->a, l->ld);
    } else
#endif
        forward_tiles(l, m);
    (void)ld_in;
    sigmoid(l->a, (size_t)m * l->ld);
}

static void update(const layer *l, int m, int ld_in) {
#ifdef BLAS
    if (l->blas)
        gemm(1, 0, l->n_in, l->n_out, m, 1, l->in[0], ld_in, l->delta, l->ld, 1, l->w, l->ld);
    else
#endif
        update_tiles(l, m);
    (void)ld_in;
    for (int e = 0; e < m; e++)
        for (int j = 0; j < l->n_out; j++) l->b[j] += l->delta[(size_t)e * l->ld + j];
}

static void backward(const layer *l, const layer *below, int m) {
#ifdef BLAS
    if (l->blas)
        gemm(0, 1, m, l->n_in, l->n_out, 1, l->delta, l->ld, l->w, l->ld, 0, below->delta, below->ld);
    else
#endif
        backward_dots(l, below, m);
    for (int e = 0; e < m; e++) {
        real *restrict d = below->delta + (size_t)e * below->ld;
        const real *restrict a = below->a + (size_t)e * below->ld;
        for (int k = 0; k < l->n_in; k++) d[k] *= a[k] * (1 - a[k]);
    }
}

/* x (n, n_in), y (n, n_out), order (n): one epoch in mini-batches of m; the last may be short. */
void train_epoch(net *net, const real *x, const real *y, const int64_t *order, int64_t n, double eta) {
    layer *first = net->layers, *last = first + net->n_layers - 1;
    for (int64_t begin = 0; begin < n; begin += net->m) {
        int m = n - begin < net->m ? (int)(n - begin) : net->m;
        for (int e = 0; e < m; e++) {
            first->in[e] = x + order[begin + e] * first->n_in;
            if (first->blas) {
                real *row = net->x + (size_t)e * first->n_in;
                memcpy(row, first->in[e], first->n_in * sizeof(real));
                first->in[e] = row;
            }
        }
        for (layer *l = first; l <= last; l++) forward(l, m, l == first ? l->n_in : l[-1].ld);
        real step = -(real)(eta / m);
        for (int e = 0; e < m; e++) {
            const real *restrict a = last->a + (size_t)e * last->ld;
            const real *restrict target = y + order[begin + e] * last->n_out;
            real *restrict d = last->delta + (size_t)e * last->ld;
            for (int j = 0; j < last->n_out; j++) d[j] = step * (a[j] - target[j]) * a[j] * (1 - a[j]);
        }
        for (layer *l = last; l >= first; l--) {
            if (l > first) backward(l, l - 1, m);
            update(l, m, l == first ? l->n_in : l[-1].ld);
        }
    }
}

void free_network(net *net) {
    if (!net) return;
    for (layer *l = net->layers; l < net->layers + net->n_layers; l++) {
        free(l->w);
        free(l->b);
        free(l->a);
        free(l->delta);
        free(l->in);
    }
    free(net->x);
    free(net);
}

/* NULL where memory is short. */
net *new_network(int n_layers, const int *sizes, int m) {
    net *net = calloc(1, sizeof *net + n_layers * sizeof(layer));
    if (!net) return NULL;
    net->n_layers = n_layers;
    net->m = m;
    net->x = zeros((size_t)m * sizes[0]);
    int whole = net->x != NULL;
    for (int i = 0; i < n_layers; i++) {
        layer *l = net->layers + i;
        l->n_in = sizes[i];
        l->n_out = sizes[i + 1];
        l->ld = (l->n_out + LANES - 1) / LANES * LANES;
#ifdef BLAS
        l->blas = (double)m * l->n_in * l->n_out >= BLAS;
#endif
        l->w = zeros((size_t)l->n_in * l->ld);
        l->b = zeros(l->ld);
        l->a = zeros((size_t)m * l->ld);
        l->delta = zeros((size_t)m * l->ld);
        l->in = calloc(m, sizeof *l->in);
        whole = whole && l->w && l->b && l->a && l->delta && l->in;
        for (int e = 0; whole && i > 0 && e < m; e++) l->in[e] = l[-1].a + (size_t)e * l[-1].ld;
    }
    if (!whole) {
        free_network(net);
        return NULL;
    }
    return net;
}

/* weights (n_out, n_in), biases (n_out) of layer i, into the network or out of it */
void set_layer(net *net, int i, const real *weights, const real *biases) {
    layer *l = net->layers + i;
    for (int j = 0; j < l->n_out; j++) {
        l->b[j] = biases[j];
        for (int k = 0; k < l->n_in; k++) l->w[(size_t)k * l->ld + j] = weights[(size_t)j * l->n_in + k];
    }
}

void get_layer(const net *net, int i, real *weights, real *biases) {
    const layer *l = net->layers + i;
    for (int j = 0; j < l->n_out; j++) {
        biases[j] = l->b[j];
        for (int k = 0; k < l->n_in; k++) weights[(size_t)j * l->n_in + k] = l->w[(size_t)k * l->ld + j];
    }
}
