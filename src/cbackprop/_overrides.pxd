cimport cython


@cython.final
cdef class Module:
    cdef dict namespace
    cdef readonly str name
    cdef readonly object output_error, step_options
    cdef readonly tuple gradient_methods, training_methods, evaluation_methods
    cdef object random_shuffle(self)
    cpdef replaced(self, net, tuple methods=*)
    cpdef replaced_function(self, net, tuple methods=*)
    cpdef replaced_method(self, net, tuple methods)
