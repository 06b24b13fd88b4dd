#define REAL_BITS 32
#define KERNELS kernels_portable_float32
#include "portable.h"
