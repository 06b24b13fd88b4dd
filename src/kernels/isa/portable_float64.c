#define REAL_BITS 64
#define KERNELS kernels_portable_float64
#include "portable.h"
