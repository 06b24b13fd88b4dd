/* kernel_set.h compiled for what the compiler takes for granted: vectors of 16 bytes that every such processor has
 * (SSE2, or NEON on aarch64), single numbers elsewhere or if CBACKPROP_SCALAR is defined. The including file says
 * REAL_BITS and KERNELS. */
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
#include "kernel_set.h"
