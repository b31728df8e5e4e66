/* lists_private.h: what the writer's side (lists.c) and the readers' (lookup.c) of lists.h share.
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
    /* What only the writer uses. */
    uint32_t generation;
    uint32_t boot_ds;      /* newest time the writer was told */
    uint32_t reclaimed_ds; /* when a full table was last searched for expired entries */
    uint64_t sweep_next;
    uint64_t expire_next;
    uint64_t hit_next;
};

/* Positions of the writer's walks count through all three tables: see walk.c. */
static inline uint64_t sb_lists_walk_end(const struct sb_lists *lists) {
    return (uint64_t)lists->addresses.fresh + lists->prefixes[SB_FAMILY_IPV4].fresh +
           lists->prefixes[SB_FAMILY_IPV6].fresh;
}

static inline bool sb_deadline_over(uint32_t deadline_ds, uint32_t boot_ds) {
    return boot_ds >= deadline_ds && deadline_ds != SB_DEADLINE_NEVER;
}

#endif
