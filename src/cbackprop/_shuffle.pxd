from libc.stdint cimport uint32_t


cdef object draws_of(object user_shuffle, object before)
cdef bint shuffle_as_numpy(object random_state, uint32_t *order, Py_ssize_t n) except -1
cdef int shuffle(object getrandbits, uint32_t *order, Py_ssize_t n, list items) except -1
cdef list places_after(object user_shuffle, object items, list snapshot)
