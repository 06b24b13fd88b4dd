#define REAL_BITS 32
#define KERNELS kernels_avx512_float32
#include "avx512.h"
