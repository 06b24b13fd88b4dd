"""Memory, threads and the packing of records: src/kernels/runtime and records.c.

They are linked into this module alone, and exported to the others: linked into each of them they would be copies, each with a
state of its own (memory.c keeps a block for the next call). Each function of C's here is that of its name in the library.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport getenv

cimport cbackprop.kernels as c
from cbackprop.kernels cimport Barrier, CsrResult, CsrRows, MemberTime, Packing, Records, Row


cdef void *aligned_calloc(size_t bytes) noexcept nogil:
    return c.aligned_calloc(bytes)


cdef void *aligned_malloc(size_t bytes) noexcept nogil:
    return c.aligned_malloc(bytes)


cdef void aligned_free(void *start) noexcept nogil:
    c.aligned_free(start)


cdef void barrier_init(Barrier *barrier, int members) noexcept nogil:
    c.barrier_init(barrier, members)


cdef void barrier_destroy(Barrier *barrier) noexcept nogil:
    c.barrier_destroy(barrier)


cdef void barrier_wait(Barrier *barrier) noexcept nogil:
    c.barrier_wait(barrier)


cdef int barrier_arrive(Barrier *barrier) noexcept nogil:
    return c.barrier_arrive(barrier)


cdef void barrier_await(Barrier *barrier, int round) noexcept nogil:
    c.barrier_await(barrier, round)


cdef int team_run(
    Barrier *barrier, void (*work)(void *member) noexcept nogil, void **member, MemberTime *spent,
) noexcept nogil:
    return c.team_run(barrier, work, member, spent)


cdef void team_set_end(Barrier *barrier, Py_ssize_t final, double duration) noexcept nogil:
    c.team_set_end(barrier, final, duration)


cdef bint team_goes_on(Barrier *barrier, int number, Py_ssize_t batch) noexcept nogil:
    return c.team_goes_on(barrier, number, batch)


cdef Py_ssize_t team_end(const Barrier *barrier) noexcept nogil:
    return c.team_end(barrier)


cdef void records_shape(Records *records, int kind, Py_ssize_t n_in, Py_ssize_t tile) noexcept nogil:
    c.records_shape(records, kind, n_in, tile)


cdef void records_list_all(
    const Records *records, const uint32_t *examples, Py_ssize_t m, Records *dense_records,
) noexcept nogil:
    c.records_list_all(records, examples, m, dense_records)


cdef Py_ssize_t count_nonzeros(const Row *row, Py_ssize_t n_in) noexcept nogil:
    return c.count_nonzeros(row, n_in)


cdef int packing_begin(Packing *packing, Py_ssize_t n, double density) noexcept nogil:
    return c.packing_begin(packing, n, density)


cdef int packing_add(
    Packing *packing, const Row *rows, const uint32_t *examples, Py_ssize_t n, int n_threads,
) noexcept nogil:
    return c.packing_add(packing, rows, examples, n, n_threads)


cdef int pack_csr(
    Records *records, const CsrRows *rows, Py_ssize_t first, Py_ssize_t n, CsrResult *result,
) noexcept nogil:
    return c.pack_csr(records, rows, first, n, result)


cdef void by_address(const void *const *address, uint32_t *order, Py_ssize_t n) noexcept nogil:
    c.by_address(address, order, n)


def num_threads_variable():
    """The text of CBACKPROP_NUM_THREADS; None without it, which os.environ takes 0.7 microseconds to say."""
    cdef const char *text = getenv("CBACKPROP_NUM_THREADS")
    return None if text is NULL else text.decode("utf-8", "surrogateescape")
