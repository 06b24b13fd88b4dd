/* Memory for arrays of vectors: aligned to a cache line, zeroed. */
#ifndef CBACKPROP_MEMORY_H
#define CBACKPROP_MEMORY_H

#include <stddef.h>

/* NULL where there is no memory. */
void *aligned_calloc(size_t bytes);

/* Frees it. One block of moderate size is kept for the next call: a network asked for one mini-batch after another
 * would otherwise spend most of its time in page faults. */
void aligned_free(void *start);

#endif
