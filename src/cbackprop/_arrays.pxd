cdef bint is_plain(object x, Py_ssize_t n) noexcept
cdef object real_array(object x, str name)
cdef object contiguous(object array, int type_num)
cdef int exact_type(object dtype)
cdef object column_error(tuple shape, Py_ssize_t n, str name)
cdef object column(object x, Py_ssize_t n, int type_num, str name)
cdef object input_array(object x, Py_ssize_t n, str name)
cdef object target(object y, Py_ssize_t n_out, int type_num, str name)
cdef object label(object y, Py_ssize_t n_out, str name)
