/* most_hit.c: finds the entries with the most hits of each list, in a walk of the writer.
 *
 * During a round, found is a heap with the least hit entry on top, which a better entry replaces.
 * If a table grows between two calls, the walk's position moves back in the tables, so it may visit
 * an entry twice in a round: the result of that round then contains it twice.
 */
#include <string.h>

#include "lists_private.h"

static uint64_t hits_at(const struct sb_most_hit *heap, uint64_t index) {
    return heap->entry[index].hits;
}

static void swap(struct sb_most_hit *heap, uint64_t left, uint64_t right) {
    struct sb_hit_entry entry = heap->entry[left];

    heap->entry[left] = heap->entry[right];
    heap->entry[right] = entry;
}

static void sift_up(struct sb_most_hit *heap, uint64_t index) {
    for (; index > 0 && hits_at(heap, index) < hits_at(heap, (index - 1) / 2);
         index = (index - 1) / 2)
        swap(heap, index, (index - 1) / 2);
}

static void sift_down(struct sb_most_hit *heap, uint64_t count) {
    for (uint64_t index = 0, child; (child = 2 * index + 1) < count; index = child) {
        if (child + 1 < count && hits_at(heap, child + 1) < hits_at(heap, child))
            child++;
        if (hits_at(heap, index) <= hits_at(heap, child))
            return;
        swap(heap, index, child);
    }
}

static void collect(struct sb_most_hit *heap, const struct sb_hit_entry *entry) {
    if (heap->count < SB_MOST_HIT_MAX) {
        heap->entry[heap->count] = *entry;
        sift_up(heap, heap->count++);
    } else if (entry->hits > heap->entry[0].hits) {
        heap->entry[0] = *entry;
        sift_down(heap, heap->count);
    }
}

/* Moves the least hit entry to the end, repeatedly: this sorts the heap. */
static void put_in_order(struct sb_most_hit *heap) {
    for (uint64_t left = heap->count; left > 1; left--) {
        swap(heap, 0, left - 1);
        sift_down(heap, left - 1);
    }
}

static void store_key(struct sb_hit_entry *entry, uint64_t hi, uint64_t lo) {
    hi = __builtin_bswap64(hi);
    lo = __builtin_bswap64(lo);
    memcpy(entry->key, &hi, sizeof(hi));
    memcpy(entry->key + sizeof(hi), &lo, sizeof(lo));
}

static void visit_address(const struct sb_lists *lists, uint32_t index, struct sb_most_hit *found) {
    const struct sb_address *address = &lists->addresses.entries[index];
    struct sb_hit_entry entry = {.prefix_length = 128};

    if (!sb_address_live(address) || sb_deadline_over(address->deadline_ds, lists->boot_ds))
        return;
    entry.hits = __atomic_load_n(&address->hits, __ATOMIC_RELAXED);
    if (entry.hits == 0)
        return;
    store_key(&entry, address->hi, address->lo);
    collect(&found[sb_address_list(address)], &entry);
}

static void visit_prefix(const struct sb_lists *lists, int family, uint32_t index,
                         struct sb_most_hit *found) {
    const struct sb_prefixes *prefixes = &lists->prefixes[family];
    const struct sb_prefix *prefix = &prefixes->entries[index];
    struct sb_hit_entry entry = {.prefix_length = prefix->length};

    if (!sb_prefix_live(prefix) || sb_deadline_over(prefix->deadline_ds, lists->boot_ds))
        return;
    entry.hits = sb_prefixes_hits(prefixes, index);
    if (entry.hits == 0)
        return;
    if (family == SB_FAMILY_IPV4) { /* left-aligned: ranges.h */
        store_key(&entry, 0, 0xffff00000000ull | prefix->hi >> 32);
        entry.prefix_length += 96;
    } else {
        store_key(&entry, prefix->hi, prefix->lo);
    }
    collect(&found[prefix->list], &entry);
}

static void visit(const struct sb_lists *lists, uint64_t position, struct sb_most_hit *found) {
    if (position < lists->addresses.fresh) {
        visit_address(lists, (uint32_t)position, found);
        return;
    }
    position -= lists->addresses.fresh;
    if (position < lists->prefixes[SB_FAMILY_IPV4].fresh) {
        visit_prefix(lists, SB_FAMILY_IPV4, (uint32_t)position, found);
        return;
    }
    position -= lists->prefixes[SB_FAMILY_IPV4].fresh;
    visit_prefix(lists, SB_FAMILY_IPV6, (uint32_t)position, found);
}

int sb_lists_most_hit(struct sb_lists *lists, struct sb_most_hit found[SB_LIST_COUNT],
                      uint32_t budget) {
    uint64_t end = sb_lists_walk_end(lists);

    if (lists->hit_next == 0)
        for (int list = 0; list < SB_LIST_COUNT; list++)
            found[list].count = 0;
    for (; budget > 0 && lists->hit_next < end; budget--)
        visit(lists, lists->hit_next++, found);
    if (lists->hit_next < end)
        return 0;
    lists->hit_next = 0;
    for (int list = 0; list < SB_LIST_COUNT; list++)
        put_in_order(&found[list]);
    return 1;
}
