from libc.stdint cimport uint32_t

from cbackprop.kernels cimport Barrier, CsrResult, CsrRows, MemberTime, Packing, Records, Row

# runtime/memory.h
cdef void *aligned_calloc(size_t bytes) noexcept nogil
cdef void *aligned_malloc(size_t bytes) noexcept nogil
cdef void aligned_free(void *start) noexcept nogil

# runtime/team.h
cdef void barrier_init(Barrier *barrier, int members) noexcept nogil
cdef void barrier_destroy(Barrier *barrier) noexcept nogil
cdef void barrier_wait(Barrier *barrier) noexcept nogil
cdef int barrier_arrive(Barrier *barrier) noexcept nogil
cdef void barrier_await(Barrier *barrier, int round) noexcept nogil
cdef int team_run(
    Barrier *barrier, void (*work)(void *member) noexcept nogil, void **member, MemberTime *spent) noexcept nogil
cdef void team_set_end(Barrier *barrier, Py_ssize_t final, double duration) noexcept nogil
cdef bint team_goes_on(Barrier *barrier, int number, Py_ssize_t batch) noexcept nogil
cdef Py_ssize_t team_end(const Barrier *barrier) noexcept nogil

# records.h
cdef void records_shape(Records *records, int kind, Py_ssize_t n_in, Py_ssize_t tile) noexcept nogil
cdef void records_list_all(
    const Records *records, const uint32_t *examples, Py_ssize_t m, Records *dense_records) noexcept nogil

# runtime/pack.h
cdef Py_ssize_t count_nonzeros(const Row *row, Py_ssize_t n_in) noexcept nogil
cdef int packing_begin(Packing *packing, Py_ssize_t n, double density) noexcept nogil
cdef int packing_add(
    Packing *packing, const Row *rows, const uint32_t *examples, Py_ssize_t n, int n_threads) noexcept nogil

# runtime/pack_csr.h
cdef int pack_csr(
    Records *records, const CsrRows *rows, Py_ssize_t first, Py_ssize_t n, CsrResult *result) noexcept nogil

# runtime/by_address.h
cdef void by_address(const void *const *address, uint32_t *order, Py_ssize_t n) noexcept nogil
