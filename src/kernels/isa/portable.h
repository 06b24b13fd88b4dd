/* kernel_set.h compiled for the processor's baseline: vectors of 16 bytes (SSE2, or NEON on aarch64), single numbers on
 * other processors or if CBACKPROP_SCALAR is defined. The including file defines REAL_BITS and KERNELS. */
#ifndef CBACKPROP_PORTABLE_H
#define CBACKPROP_PORTABLE_H

#if defined(__GNUC__) && (defined(__SSE2__) || defined(__aarch64__)) && !defined(CBACKPROP_SCALAR)
#define VECTOR_BYTES 16
#else
#define VECTOR_BYTES 0
#endif
#if VECTOR_BYTES == 16 && defined(__aarch64__)
#define ISA_NAME "neon"
#else
#define ISA_NAME "portable"
#endif
#include "templates/kernel_set.h"

#endif
