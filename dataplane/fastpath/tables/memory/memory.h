/* memory.h: zeroed memory for tables, from the kernel and independent of EAL.
 *
 * Regions of 2 MiB and more are aligned and offered to transparent huge pages. MAP_HUGETLB is not
 * used: it would take pages from the pool that was sized for EAL, and would take all of them when
 * an empty table is created. Pages that were never written use no memory.
 */
#ifndef SB_MEMORY_H
#define SB_MEMORY_H

#include <stddef.h>

/* size bytes of zeroes, aligned at least to a page. NULL: no memory, or size is 0. */
void *sb_memory_map(size_t size);
/* As sb_memory_map, but never in huge pages: for tables that are often replaced and seldom filled
 * completely. */
void *sb_memory_map_small(size_t size);
/* Unmaps a region. address may be NULL. */
void sb_memory_unmap(void *address, size_t size);

#endif
