"""The C library of src/kernels: the headers there say what each name means.

Inline functions can be called from any module. The others are linked into one module each, so that the library has one state:
those of dispatch.h into _isa, the others into _runtime. Other modules cimport them from there.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t


cdef extern from "matrix.h" nogil:
    ctypedef struct Panels:
        void *data
        Py_ssize_t rows, cols, width

    ctypedef struct Columns:
        const void *data
        Py_ssize_t rows, cols
        int32_t *runs


cdef extern from "records.h" nogil:
    int VALUES_CODED, VALUES_FLOAT32, VALUES_FLOAT64

    ctypedef struct Extent:
        pass

    ctypedef struct Entries:
        const uint16_t *index
        Py_ssize_t n

    ctypedef struct Records:
        uint8_t *data
        Extent *extent
        Py_ssize_t n_in, tile, n_tiles
        int kind
        double table[256]
        bint stored, hypersparse
        Py_ssize_t longest, entries

    Entries record_entries(const Records *records, uint32_t example, Py_ssize_t t) noexcept  # inline
    Py_ssize_t dense_records_bytes(const Records *records, Py_ssize_t m) noexcept  # inline
    void records_shape(Records *records, int kind, Py_ssize_t n_in, Py_ssize_t tile) noexcept
    void records_list_all(
        const Records *records, const uint32_t *examples, Py_ssize_t m, Records *dense_records) noexcept


cdef extern from "registry.h" nogil:
    int N_ACTIVATIONS, SOFTMAX, N_COSTS
    int TIMES_DERIVATIVE, DIFFERENCE, CUSTOM_DELTA

    # inline
    const char *activation_name(int code) noexcept
    const char *cost_name(int code) noexcept
    int cost_output_error(int code) noexcept


cdef extern from "kernels.h" nogil:
    ctypedef struct Activations:
        int all
        Py_ssize_t n_exceptions
        const int32_t *column
        const int32_t *exception

    ctypedef struct Sweep:
        const Records *records
        const uint32_t *examples
        Py_ssize_t m
        const Panels *rows
        const void *bias
        double step
        bint trains
        const uint32_t *next
        Py_ssize_t n_next

    ctypedef struct AdamStep:
        double beta_1, beta_2, size, root_factor, epsilon, lmbda_over_n
        bint is_l1

    ctypedef struct LateStep:
        double weight_decay, mu
        bint is_l1
        double squares

    ctypedef struct Kernels:
        const char *isa
        Py_ssize_t itemsize, lanes, dense_vectors, sparse_vectors
        void (*product)(const Panels *A, const Panels *B, const void *bias, const Panels *C,
                        Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*product_transposed)(const Panels *D, const Panels *B, const Panels *C, void *scratch,
                                   Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        Py_ssize_t (*transposed_scratch)(const Panels *D, const Panels *C) noexcept nogil
        void (*subtract_outer)(const Panels *A, const Panels *D, double decay, double step, const Panels *W,
                               Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*set_outer)(const Panels *A, const Panels *D, const Panels *W, Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*subtract_rows)(const Panels *D, double step, void *b, Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*find_runs)(Columns *X) noexcept nogil
        void (*product_columns)(const Columns *X, const Panels *B, const void *bias, const Panels *C,
                                Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*subtract_columns)(const Columns *X, const Panels *D, double step, const Panels *W,
                                 Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*pack_transposed)(const void *w, const Panels *W) noexcept nogil
        void (*unpack_transposed)(const Panels *W, void *w) noexcept nogil
        void (*gather)(const void *const *rows, int from_bits, const Panels *A,
                       Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*activate)(const Activations *f, const Panels *Z, void *scratch,
                         Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*times_derivative)(const Activations *f, const Panels *A, const Panels *D, void *scratch,
                                 Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        Py_ssize_t (*activation_scratch)(const Activations *f, Py_ssize_t m) noexcept nogil
        void (*softmax)(const Panels *Z, Py_ssize_t i0, Py_ssize_t i1) noexcept nogil
        void (*scale)(double factor, const Panels *M, Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        double (*subtract_matrix)(const Panels *G, double decay, double step, const Panels *W,
                                  Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*subtract_signs)(double weight_decay, const Panels *W, Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*move)(bint is_l1, double weight_decay, double velocity_scale, const Panels *V, const Panels *W,
                     Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        double (*nesterov)(bint is_l1, double weight_decay, double mu, const Panels *G, const Panels *V, const Panels *W,
                           Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        double (*adam)(const AdamStep *step, const Panels *G, const Panels *M, const Panels *V, const Panels *H,
                       const Panels *W, Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*late_nesterov)(const LateStep *step, Py_ssize_t n, const Panels *G, const Panels *V, const Panels *W,
                              Py_ssize_t row, Py_ssize_t p0, Py_ssize_t p1, double *squares) noexcept nogil
        void (*late_squares)(double factor, const Panels *W, Py_ssize_t row, Py_ssize_t p0, Py_ssize_t p1,
                             double *squares) noexcept nogil
        void (*prefetch_row)(const Panels *M, Py_ssize_t row, Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*scale_rows)(double factor, const void *bias, const Panels *Z, Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*drop)(const uint8_t *bits, Py_ssize_t row_bytes, double factor, const Panels *A, const Panels *C,
                     Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*sigmoid_array)(const void *z, void *a, Py_ssize_t n) noexcept nogil
        double (*largest)(const void *x, Py_ssize_t n) noexcept nogil
        void (*matvec)(const void *w, const void *x, const void *b, void *z, Py_ssize_t n, Py_ssize_t K) noexcept nogil
        void (*matvec_transposed)(const void *w, const void *d, void *out, Py_ssize_t n, Py_ssize_t K) noexcept nogil
        void (*outer)(const void *d, const void *x, void *nabla_w, Py_ssize_t n, Py_ssize_t K) noexcept nogil
        void (*subtract_targets)(const Panels *A, const int32_t *labels, const void *targets,
                                 const uint32_t *order, const Panels *D, Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        double (*squares)(const Panels *M) noexcept nogil
        void (*weigh_rows)(const Panels *D, const double *weights, const uint32_t *order,
                           Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        void (*argmax)(const Panels *A, int32_t *answers) noexcept nogil
        void (*costs)(int cost, const Panels *A, const int32_t *labels, const void *targets, const uint32_t *order,
                      double low, double high, double *cost_of) noexcept nogil
        void (*sweep)(const Sweep *update, const Sweep *forward, const Panels *W, void *scratch,
                      Py_ssize_t p0, Py_ssize_t p1) noexcept nogil
        Py_ssize_t (*sweep_scratch)(const Records *records, Py_ssize_t m) noexcept nogil
        void (*sweep_init)(void *scratch, const Records *records, Py_ssize_t m) noexcept nogil
        void (*sweep_ahead)(void *scratch, const Records *records) noexcept nogil
        Py_ssize_t (*dense_panel)(Py_ssize_t n) noexcept nogil
        Py_ssize_t (*sparse_panel)(Py_ssize_t n, Py_ssize_t m, int n_threads) noexcept nogil
        Py_ssize_t (*sparse_tile)(Py_ssize_t width) noexcept nogil


cdef extern from "runtime/pack.h" nogil:
    int PACKED, PACK_MISFIT, PACK_NO_MEMORY, PACK_TOO_MUCH

    ctypedef struct Row:
        const void *x
        int bits

    ctypedef struct Values:
        int n_values
        double table[256]
        double largest
        int greys

    ctypedef struct Packing:
        Records *records
        const Kernels *of_floats
        const Kernels *of_doubles
        Values values
        bint may_be_grey
        Py_ssize_t nonzeros

    Py_ssize_t count_nonzeros(const Row *row, Py_ssize_t n_in) noexcept
    int packing_begin(Packing *packing, Py_ssize_t n, double density) noexcept
    int packing_add(
        Packing *packing, const Row *rows, const uint32_t *examples, Py_ssize_t n, int n_threads) noexcept


cdef extern from "runtime/pack_csr.h" nogil:
    int CSR_PACKED, CSR_MISFIT, CSR_NO_MEMORY, CSR_TOO_MUCH, CSR_BAD_INDEX

    ctypedef struct CsrRows:
        const void *data
        int data_bits
        const void *indices
        int index_bits
        const int64_t *indptr

    ctypedef struct CsrResult:
        Py_ssize_t nonzeros, row
        int64_t index

    int pack_csr(
        Records *records, const CsrRows *rows, Py_ssize_t first, Py_ssize_t n, CsrResult *result) noexcept


cdef extern from "runtime/by_address.h" nogil:
    void by_address(const void *const *address, uint32_t *order, Py_ssize_t n) noexcept


cdef extern from "runtime/memory.h" nogil:
    void *aligned_calloc(size_t bytes) noexcept
    void *aligned_malloc(size_t bytes) noexcept
    void aligned_free(void *start) noexcept


cdef extern from "dispatch.h" nogil:
    const char *isa_names() noexcept
    const Kernels *kernels_for(int itemsize) noexcept
    const Kernels *kernels_named(const char *isa, int itemsize) noexcept


cdef extern from "runtime/subnormals.h" nogil:
    ctypedef unsigned long FloatMode

    # inline
    unsigned long FLUSHING
    FloatMode float_mode() noexcept
    FloatMode flush_subnormals() noexcept
    void set_float_mode(FloatMode mode) noexcept


cdef extern from "runtime/team.h" nogil:
    bint CBACKPROP_THREADS

    ctypedef struct Barrier:
        int members

    ctypedef struct MemberTime:
        double used, missing

    void barrier_init(Barrier *barrier, int members) noexcept
    void barrier_destroy(Barrier *barrier) noexcept
    void barrier_wait(Barrier *barrier) noexcept
    int barrier_arrive(Barrier *barrier) noexcept
    void barrier_await(Barrier *barrier, int round) noexcept
    int team_run(
        Barrier *barrier, void (*work)(void *member) noexcept nogil, void **member, MemberTime *spent) noexcept
    void team_set_end(Barrier *barrier, Py_ssize_t final, double duration) noexcept
    bint team_goes_on(Barrier *barrier, int number, Py_ssize_t batch) noexcept
    Py_ssize_t team_end(const Barrier *barrier) noexcept
