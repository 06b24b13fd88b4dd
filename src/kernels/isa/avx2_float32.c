#define REAL_BITS 32
#define KERNELS kernels_avx2_float32
#include "avx2.h"
