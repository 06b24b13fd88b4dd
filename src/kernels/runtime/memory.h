/* Memory for arrays of vectors, aligned to a cache line. */
#ifndef CBACKPROP_MEMORY_H
#define CBACKPROP_MEMORY_H

#include <stddef.h>

/* Zeroed; NULL if there is no memory. */
void *aligned_calloc(size_t bytes);

/* Not zeroed, for blocks of many megabytes that will be written from end to end. It requests large pages: with pages of
 * 4 KB the page faults of 25 MB take 10 ms, twice the time of reading 50,000 images. */
void *aligned_malloc(size_t bytes);

/* Frees either. One block of moderate size is kept for the next call: with one call for each mini-batch, a network
 * would otherwise spend most of its time in page faults. */
void aligned_free(void *start);

#endif
