from cbackprop.kernels cimport Kernels


cdef const Kernels *kernels(int itemsize) noexcept
