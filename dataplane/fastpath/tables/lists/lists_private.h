/* lists_private.h: the parts of lists.h that the writer (lists.c) and the readers (lookup.c) share.
 */
#ifndef SB_LISTS_PRIVATE_H
#define SB_LISTS_PRIVATE_H

#include <stdbool.h>

#include "addresses.h"
#include "lists.h"
#include "prefixes.h"

enum { SB_FAMILY_IPV4, SB_FAMILY_IPV6, SB_FAMILY_COUNT };

struct sb_lists {
    struct sb_addresses addresses;
    struct sb_prefixes prefixes[SB_FAMILY_COUNT];
    /* Only for the writer. */
    uint32_t generation;
    uint32_t boot_ds;      /* the newest time that the writer has received */
    uint32_t reclaimed_ds; /* when a full table was last searched for expired entries */
    uint64_t sweep_next;
    uint64_t expire_next;
    uint64_t hit_next;
};

/* The end of the positions of the writer's walks, which count through all three tables: see
 * sweep.c. */
static inline uint64_t sb_lists_walk_end(const struct sb_lists *lists) {
    return (uint64_t)lists->addresses.fresh + lists->prefixes[SB_FAMILY_IPV4].fresh +
           lists->prefixes[SB_FAMILY_IPV6].fresh;
}

static inline bool sb_deadline_over(uint32_t deadline_ds, uint32_t boot_ds) {
    return boot_ds >= deadline_ds && deadline_ds != SB_DEADLINE_NEVER;
}

#endif
