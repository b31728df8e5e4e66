/* sweep.c: a walk of the writer that removes expired or outdated entries: addresses first, then
 * IPv4 and IPv6 prefixes.
 *
 * A position counts through all three tables. If a table grows between two calls, a position moves
 * back, never forward, so no entry is skipped.
 */
#include "lists_private.h"

enum { GENERATION_MASK = (1 << 28) - 1 }; /* the bits of an address entry */

/* The entries that a walk removes. */
struct filter {
    bool by_deadline; /* otherwise by generation */
    uint32_t boot_ds;
    uint32_t generation;
};

static bool unwanted(const struct filter *filter, uint32_t deadline_ds, uint32_t generation) {
    if (filter->by_deadline)
        return sb_deadline_over(deadline_ds, filter->boot_ds);
    return generation != filter->generation;
}

static uint32_t visit_address(struct sb_addresses *table, uint32_t index,
                              const struct filter *filter) {
    const struct sb_address *entry = &table->entries[index];

    if (!sb_address_live(entry) ||
        !unwanted(filter, entry->deadline_ds, sb_address_generation(entry)))
        return 0;
    sb_addresses_remove(table, index);
    return 1;
}

static uint32_t visit_prefix(struct sb_prefixes *prefixes, uint32_t index,
                             const struct filter *filter) {
    const struct sb_prefix *entry = &prefixes->entries[index];

    if (!sb_prefix_live(entry) || !unwanted(filter, entry->deadline_ds, entry->generation))
        return 0;
    sb_prefixes_remove(prefixes, index, filter->by_deadline);
    return 1;
}

static uint32_t visit(struct sb_lists *lists, uint64_t position, const struct filter *filter) {
    if (position < lists->addresses.fresh)
        return visit_address(&lists->addresses, (uint32_t)position, filter);
    position -= lists->addresses.fresh;
    if (position < lists->prefixes[SB_FAMILY_IPV4].fresh)
        return visit_prefix(&lists->prefixes[SB_FAMILY_IPV4], (uint32_t)position, filter);
    position -= lists->prefixes[SB_FAMILY_IPV4].fresh;
    return visit_prefix(&lists->prefixes[SB_FAMILY_IPV6], (uint32_t)position, filter);
}

static void reclaim(struct sb_lists *lists) {
    sb_addresses_reclaim(&lists->addresses);
    for (int family = 0; family < SB_FAMILY_COUNT; family++)
        sb_prefixes_reclaim(&lists->prefixes[family]);
}

void sb_lists_begin_generation(struct sb_lists *lists) {
    lists->generation = (lists->generation + 1) & GENERATION_MASK;
    lists->sweep_next = 0;
}

int sb_lists_sweep(struct sb_lists *lists, uint32_t budget) {
    struct filter filter = {.generation = lists->generation};
    uint64_t end = sb_lists_walk_end(lists);

    for (; budget > 0 && lists->sweep_next < end; budget--)
        visit(lists, lists->sweep_next++, &filter);
    reclaim(lists);
    return lists->sweep_next < end;
}

uint32_t sb_lists_expire(struct sb_lists *lists, uint32_t boot_ds, uint32_t budget) {
    struct filter filter = {.by_deadline = true, .boot_ds = boot_ds};
    uint64_t end = sb_lists_walk_end(lists);
    uint64_t left = budget < end ? budget : end;
    uint32_t freed = 0;

    lists->boot_ds = boot_ds;
    for (; left > 0; left--) {
        if (lists->expire_next >= end)
            lists->expire_next = 0;
        freed += visit(lists, lists->expire_next++, &filter);
    }
    reclaim(lists);
    return freed;
}
