"""random.shuffle, replayed: the same draws from the same generator, without its call into Python for each of them."""

from cpython.list cimport PyList_GET_SIZE
from libc.stdint cimport uint32_t


cdef extern from *:
    """
    /* Two items of a list change places; neither is made or dropped. */
    static void swap_items(PyObject *list, Py_ssize_t i, Py_ssize_t j) {
        PyObject *item = PyList_GET_ITEM(list, i);
        PyList_SET_ITEM(list, i, PyList_GET_ITEM(list, j));
        PyList_SET_ITEM(list, j, item);
    }
    """
    void swap_items(object items, Py_ssize_t i, Py_ssize_t j)


cdef int bit_length(Py_ssize_t n) noexcept:
    cdef int bits = 0
    while n:
        bits += 1
        n >>= 1
    return bits


cdef int shuffle(object getrandbits, uint32_t *order, Py_ssize_t n, list items) except -1:
    """Shuffles the n numbers of `order`, and `items` with them where it is not None, as random.shuffle(items) would.

    For i = n-1, ..., 1 random.shuffle draws j <= i as the highest bits of one 32-bit word of the generator, and draws again where
    j > i. `getrandbits(32 k)` is the generator's next k words, lowest first: as many are asked for as draws remain, and again for
    those rejected, so that the generator ends where random.shuffle would leave it.
    """
    cdef Py_ssize_t i = n - 1, w, n_words, j
    cdef const unsigned char *words
    cdef bytes drawn
    cdef uint32_t word
    cdef int shift = 32 - bit_length(n)
    while i > 0:
        n_words = i
        drawn = getrandbits(32 * n_words).to_bytes(4 * n_words, "little")
        if items is not None and PyList_GET_SIZE(items) != n:
            raise RuntimeError(f"training_data changed its length from {n} to {len(items)} while it was trained on")
        words = drawn
        for w in range(n_words):
            while (<Py_ssize_t> 1) << (31 - shift) > i + 1:
                shift += 1
            word = (words[4 * w] | words[4 * w + 1] << 8 | words[4 * w + 2] << 16 | <uint32_t> words[4 * w + 3] << 24)
            j = word >> shift
            if j > i:
                continue
            order[i], order[j] = order[j], order[i]
            if items is not None:
                swap_items(items, i, j)
            i -= 1
    return 0
