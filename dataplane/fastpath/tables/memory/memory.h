/* memory.h: zeroed memory for tables, from the kernel and independent of EAL.
 *
 * Regions of 2 MiB and more are aligned and offered to transparent huge pages. MAP_HUGETLB is left
 * alone on purpose: it takes its pages from the pool that EAL was sized for, and takes them all
 * when an empty table is made. Pages that were never written cost nothing.
 */
#ifndef SB_MEMORY_H
#define SB_MEMORY_H

#include <stddef.h>

/* size bytes of zeroes, aligned to a page at least; NULL: no memory. size 0 is no memory. */
void *sb_memory_map(size_t size);
/* As sb_memory_map, but never in huge pages: for what is often replaced and seldom filled to its
 * end. */
void *sb_memory_map_small(size_t size);
/* address may be NULL. */
void sb_memory_unmap(void *address, size_t size);

#endif
