/* Which kernels there are, and which of them this processor can run. */
#ifndef CBACKPROP_DISPATCH_H
#define CBACKPROP_DISPATCH_H

#include "kernels.h"

/* The names of the instruction sets that were built, the slowest first, separated by spaces. */
const char *isa_names(void);

/* The kernels for elements of 8 or 4 bytes: of the best instruction set that this processor has, or of the one named,
 * which is NULL if it was not built or the processor lacks it. */
const Kernels *kernels_for(int itemsize);
const Kernels *kernels_named(const char *isa, int itemsize);

#endif
