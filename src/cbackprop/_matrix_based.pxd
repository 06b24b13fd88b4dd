from cbackprop._parameters cimport Parameters
from cbackprop._step_options cimport StepOptions


cdef object feedforward_columns(Parameters p, object X)
cdef tuple backprop_columns(Parameters p, object X, object Y, StepOptions options)
cdef object column_targets(object y, Py_ssize_t n_out, Py_ssize_t m)
