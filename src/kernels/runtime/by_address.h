/* An order in which to read many small blocks of memory. */
#ifndef CBACKPROP_BY_ADDRESS_H
#define CBACKPROP_BY_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

/* The examples of a shuffled list are all over memory; in the order of their addresses they are read two to three times
 * as fast. Sorts `order` (n), some order of the n addresses, by their cache lines. If there is no memory for it,
 * `order` stays as it is: only the speed depends on it. */
void by_address(const void *const *address, uint32_t *order, ptrdiff_t n);

#endif
