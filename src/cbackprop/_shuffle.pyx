"""random.shuffle, replayed: the same draws from the same generator, without its call into Python for each of them."""

cimport cython
from cpython.list cimport PyList_GET_SIZE
from cpython.method cimport PyMethod_Check, PyMethod_GET_FUNCTION, PyMethod_GET_SELF
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uint32_t

import random

import numpy as np


cdef extern from "Python.h":
    bint PyCFunction_Check(object function)
    PyObject *PyCFunction_GET_SELF(object function)
    PyObject *_PyType_Lookup(type kind, object name)
    dict PyObject_GenericGetDict(object instance, void *context)


cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    /* Other threads read an item without a lock: they must find a whole pointer there. */
    #define PUT_ITEM(list, i, item) __atomic_store_n(&((PyListObject *)(list))->ob_item[i], item, __ATOMIC_RELEASE)
    #else
    #define PUT_ITEM(list, i, item) PyList_SET_ITEM(list, i, item)
    #endif

    /* Two items of a list change places; neither is made or dropped. */
    static void swap_items(PyObject *list, Py_ssize_t i, Py_ssize_t j) {
        PyObject *first = PyList_GET_ITEM(list, i), *second = PyList_GET_ITEM(list, j);
        PUT_ITEM(list, i, second);
        PUT_ITEM(list, j, first);
    }
    """
    void swap_items(object items, Py_ssize_t i, Py_ssize_t j)


cdef extern from "numpy/random/bitgen.h":
    ctypedef struct bitgen_t:
        void *state
        uint32_t (*next_uint32)(void *state) noexcept nogil


cdef type RANDOM = random.Random
cdef object GETRANDBITS = RANDOM.getrandbits
cdef object SHUFFLE = random.Random.shuffle

cdef enum:
    FEW = 16    # examples: for so few, a call for each draw costs less than to read many draws from one number


cdef int bit_length(Py_ssize_t n) noexcept:
    cdef int bits = 0
    while n:
        bits += 1
        n >>= 1
    return bits


cdef object draws_of(object user_shuffle, object before):
    """`getrandbits` of the generator that `user_shuffle` draws from; None if it is not Python's own random.shuffle.

    `before` is what this returned last: a bound method takes longer to make than to call.
    """
    if not PyMethod_Check(user_shuffle) or <object> PyMethod_GET_FUNCTION(user_shuffle) is not SHUFFLE:
        return None
    generator = <object> PyMethod_GET_SELF(user_shuffle)
    if type(generator) is not RANDOM:
        return None
    if (
        PyCFunction_Check(before) and PyCFunction_GET_SELF(before) is <PyObject *> generator
        and _PyType_Lookup(RANDOM, "getrandbits") is <PyObject *> GETRANDBITS
        and "getrandbits" not in PyObject_GenericGetDict(generator, NULL)
    ):
        return before
    return generator.getrandbits


cdef int shuffle(object getrandbits, uint32_t *order, Py_ssize_t n, list items) except -1:
    """Shuffles the n numbers of `order`, and `items` with them if it is not None, as random.shuffle(items) would.

    For i = n-1, ..., 1 random.shuffle draws j <= i as the highest bits of one 32-bit word of the generator, and draws again where
    j > i. `getrandbits(32 k)` is the generator's next k words, lowest first: as many are asked for as draws remain, and again for
    those rejected, so that the generator ends where random.shuffle would leave it.
    """
    cdef Py_ssize_t i = n - 1, n_words, length = n
    cdef bytes drawn
    if n <= FEW and PyCFunction_Check(getrandbits):
        return shuffle_few(getrandbits, order, n, items)
    while i > 0:
        n_words = i
        drawn = getrandbits(32 * n_words).to_bytes(4 * n_words, "little")
        if len(drawn) != 4 * n_words:
            raise RuntimeError(f"getrandbits({32 * n_words}) of the random number generator did not return so many bits")
        if items is None:
            i = take_draws(drawn, n_words, order, i, None)
            continue
        # Without the GIL another thread may shuffle the same list, or shorten it, at any moment.
        with cython.critical_section(items):
            length = PyList_GET_SIZE(items)
            if length == n:
                i = take_draws(drawn, n_words, order, i, items)
        if length != n:
            raise changed_length(n, length)
    return 0


cdef int shuffle_few(object getrandbits, uint32_t *order, Py_ssize_t n, list items) except -1:
    """Shuffles with one Python call per draw."""
    cdef Py_ssize_t i, j
    for i in range(n - 1, 0, -1):
        bits = bit_length(i + 1)
        j = getrandbits(bits)
        while j > i:
            j = getrandbits(bits)
        if items is not None:
            with cython.critical_section(items):
                if PyList_GET_SIZE(items) == n:
                    swap_items(items, i, j)
            if PyList_GET_SIZE(items) != n:
                raise changed_length(n, PyList_GET_SIZE(items))
        order[i], order[j] = order[j], order[i]
    return 0


cdef object changed_length(Py_ssize_t n, Py_ssize_t length):
    return RuntimeError(f"training_data changed its length from {n} to {length} while it was trained on")


cdef Py_ssize_t take_draws(const unsigned char *words, Py_ssize_t n_words, uint32_t *order, Py_ssize_t i, list items) noexcept:
    """Makes the swaps that these words are draws for, from place i down, and returns the place that waits for the next draw."""
    cdef Py_ssize_t w, j
    cdef uint32_t word
    cdef int shift = 32 - bit_length(i + 1)
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
    return i


cdef list places_after(object user_shuffle, object items, list snapshot):
    """Shuffles `items` as the user does; returns the place that each of them has in `snapshot`, the list as it was at first."""
    cdef dict places = {}
    cdef list order = []
    cdef Py_ssize_t place
    user_shuffle(items)
    for place in range(len(snapshot)):
        places.setdefault(id(snapshot[place]), []).append(place)
    try:
        for pair in items:
            order.append(places[id(pair)].pop())
    except (KeyError, IndexError):
        raise ValueError("shuffling training_data changed the pairs in it") from None
    return order


# ---- NumPy's RandomState ----

cdef bint shuffle_as_numpy(object random_state, uint32_t *order, Py_ssize_t n) except -1:
    """Shuffles the n numbers of `order` as random_state.shuffle would an array of them; False, with nothing done, if it is not
    NumPy's own RandomState.

    For i = n-1, ..., 1 RandomState.shuffle draws j <= i as the lowest bits of a 32-bit word of the generator, as many as i has,
    and draws again where j > i. That its draws stay the same, NumPy promises.
    """
    cdef bitgen_t *generator
    if type(random_state) is not np.random.RandomState or n > 2**32 - 1:
        return False
    bit_generator = random_state._bit_generator
    with bit_generator.lock:
        generator = <bitgen_t *> PyCapsule_GetPointer(bit_generator.capsule, "BitGenerator")
        with nogil:
            take_words(generator, order, n)
    return True


cdef void take_words(bitgen_t *generator, uint32_t *order, Py_ssize_t n) noexcept nogil:
    cdef uint32_t mask = 0, i, j
    while mask < n - 1:
        mask = mask << 1 | 1
    for i in range(<uint32_t> (n - 1 if n > 0 else 0), 0, -1):
        while mask >> 1 >= i:
            mask >>= 1
        j = generator.next_uint32(generator.state) & mask
        while j > i:
            j = generator.next_uint32(generator.state) & mask
        order[i], order[j] = order[j], order[i]
