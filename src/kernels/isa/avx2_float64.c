#define REAL_BITS 64
#define KERNELS kernels_avx2_float64
#include "avx2.h"
