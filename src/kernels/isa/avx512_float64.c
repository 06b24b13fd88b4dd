#define REAL_BITS 64
#define KERNELS kernels_avx512_float64
#include "avx512.h"
