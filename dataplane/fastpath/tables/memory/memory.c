#include "memory.h"

#include <stdint.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

static void *map(size_t size) {
    void *address;

    if (size == 0)
        return NULL;
    address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return address == MAP_FAILED ? NULL : address;
}

void *sb_memory_map_small(size_t size) {
    return map(size);
}

void *sb_memory_map(size_t size) {
    uint8_t *raw, *aligned;
    size_t head;

    if (size < HUGE_PAGE)
        return map(size);
    size = (size + 4095) & ~(size_t)4095;
    raw = map(size + HUGE_PAGE);
    if (raw == NULL)
        return NULL;
    aligned = (uint8_t *)(((uintptr_t)raw + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    head = (size_t)(aligned - raw);
    if (head > 0)
        munmap(raw, head);
    if (head < HUGE_PAGE)
        munmap(aligned + size, HUGE_PAGE - head);
    /* Fails if the kernel has no transparent huge pages; small pages are used then. */
    (void)madvise(aligned, size, MADV_HUGEPAGE);
    return aligned;
}

void sb_memory_unmap(void *address, size_t size) {
    if (address != NULL)
        munmap(address, size);
}
