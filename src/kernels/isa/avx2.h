/* kernel_set.h compiled for AVX2 and FMA, whatever the compiler's options; an empty table if that cannot be. The
 * including file defines REAL_BITS and KERNELS. */
#ifndef CBACKPROP_AVX2_H
#define CBACKPROP_AVX2_H

#if defined(__GNUC__) && defined(__x86_64__)

#define VECTOR_BYTES 32
#define ISA_NAME "avx2"
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "templates/kernel_set.h"
#pragma clang attribute pop
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#include "templates/kernel_set.h"
#pragma GCC pop_options
#endif

#else

#include "kernels.h"
extern const Kernels KERNELS;
const Kernels KERNELS = {0};

#endif

#endif
