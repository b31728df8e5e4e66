/* generations.c: builds a new generation of the prefixes (prefixes.h) beside the one in use, and
 * swaps them. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prefixes.h"

static struct sb_ranges *build(struct sb_prefixes *prefixes);
static struct sb_ranges *build_without_over(const struct sb_prefixes *prefixes);
static void swap(struct sb_prefixes *prefixes, struct sb_ranges *ranges,
                 struct sb_prefix_chain *removed);
static void free_retired(struct sb_prefixes *prefixes);
static void leave_out_over(struct sb_prefixes *prefixes);

int sb_prefixes_commit(struct sb_prefixes *prefixes) {
    struct sb_ranges *ranges;

    free_retired(prefixes);
    if (!prefixes->changed)
        return 0;
    if (prefixes->retired_count == SB_RETIRED_MAX)
        return -EAGAIN;
    ranges = build(prefixes);
    if (ranges == NULL)
        return -ENOMEM;
    sb_prefixes_splice(prefixes, &prefixes->removed, &prefixes->over);
    swap(prefixes, ranges, &prefixes->removed);
    prefixes->changed = false;
    prefixes->over_count = 0;
    prefixes->added_count = 0;
    free_retired(prefixes);
    return 0;
}

/* Publishes the ranges. The old ranges, and the removed entries that only they refer to, wait for
 * the end of a grace period. */
static void swap(struct sb_prefixes *prefixes, struct sb_ranges *ranges,
                 struct sb_prefix_chain *removed) {
    struct sb_retired *retired = &prefixes->retired[prefixes->retired_count++];

    retired->ranges = prefixes->ranges;
    retired->removed = *removed;
    *removed = (struct sb_prefix_chain){0};
    __atomic_store_n(&prefixes->ranges, ranges, __ATOMIC_RELEASE);
    sb_grace_begin(&retired->grace, prefixes->readers);
}

static void free_retired(struct sb_prefixes *prefixes) {
    uint32_t freed = 0;

    /* Oldest first: a grace period that began later does not end earlier. */
    while (freed < prefixes->retired_count &&
           sb_grace_over(&prefixes->retired[freed].grace, prefixes->readers)) {
        sb_ranges_destroy(prefixes->retired[freed].ranges);
        sb_prefixes_splice(prefixes, &prefixes->free, &prefixes->retired[freed].removed);
        freed++;
    }
    prefixes->retired_count -= freed;
    memmove(prefixes->retired, prefixes->retired + freed,
            prefixes->retired_count * sizeof(*prefixes->retired));
}

void sb_prefixes_reclaim(struct sb_prefixes *prefixes) {
    free_retired(prefixes);
    if (prefixes->over_count > sb_prefixes_spare(prefixes->capacity) / 2 &&
        prefixes->retired_count == 0) {
        leave_out_over(prefixes);
        free_retired(prefixes);
    }
}

/* Rebuilds the ranges without expired entries. Without memory for that, the next call tries again.
 */
static void leave_out_over(struct sb_prefixes *prefixes) {
    struct sb_ranges *ranges = build_without_over(prefixes);
    uint32_t count = 0;

    if (ranges == NULL)
        return;
    /* These entries are free now and may be added again. */
    for (uint32_t i = 0; i < prefixes->added_count; i++)
        if (prefixes->entries[prefixes->added[i]].state != SB_PREFIX_OVER)
            prefixes->added[count++] = prefixes->added[i];
    prefixes->added_count = count;
    swap(prefixes, ranges, &prefixes->over);
    prefixes->over_count = 0;
}

static int compare(const struct sb_prefix *a, const struct sb_prefix *b) {
    if (a->hi != b->hi)
        return a->hi < b->hi ? -1 : 1;
    if (a->lo != b->lo)
        return a->lo < b->lo ? -1 : 1;
    return a->length != b->length ? a->length - b->length : a->list - b->list;
}

static int compare_indices(const void *a, const void *b, void *entries) {
    const struct sb_prefix *first = entries;

    return compare(first + *(const uint32_t *)a, first + *(const uint32_t *)b);
}

static uint32_t skip_removed(const struct sb_prefixes *prefixes, const uint32_t *order, uint32_t i,
                             uint32_t count) {
    while (i < count && prefixes->entries[order[i]].state != SB_PREFIX_LIVE)
        i++;
    return i;
}

/* Merges the added entries into the order of the generation in use, and leaves out the removed
 * ones. */
static struct sb_ranges *build(struct sb_prefixes *prefixes) {
    struct sb_ranges *ranges = sb_ranges_create(prefixes->used, prefixes->fresh, prefixes->is_ipv6);
    const struct sb_prefix *entries = prefixes->entries;
    const uint32_t *old = prefixes->ranges->order, *added = prefixes->added;
    uint32_t old_count = prefixes->ranges->order_count, added_count = prefixes->added_count,
             count = 0, i, j;

    if (ranges == NULL)
        return NULL;
    qsort_r(prefixes->added, added_count, sizeof(*added), compare_indices, prefixes->entries);
    i = skip_removed(prefixes, old, 0, old_count);
    j = skip_removed(prefixes, added, 0, added_count);
    while (i < old_count || j < added_count) {
        bool from_old = j == added_count ||
                        (i < old_count && compare(&entries[old[i]], &entries[added[j]]) < 0);

        ranges->order[count++] = from_old ? old[i] : added[j];
        if (from_old)
            i = skip_removed(prefixes, old, i + 1, old_count);
        else
            j = skip_removed(prefixes, added, j + 1, added_count);
    }
    ranges->order_count = count;
    sb_ranges_build(ranges, entries);
    return ranges;
}

/* The generation in use without its expired entries. */
static struct sb_ranges *build_without_over(const struct sb_prefixes *prefixes) {
    const struct sb_ranges *old = prefixes->ranges;
    struct sb_ranges *ranges =
        sb_ranges_create(old->order_count, prefixes->fresh, prefixes->is_ipv6);

    if (ranges == NULL)
        return NULL;
    for (uint32_t i = 0; i < old->order_count; i++)
        if (prefixes->entries[old->order[i]].state != SB_PREFIX_OVER)
            ranges->order[ranges->order_count++] = old->order[i];
    sb_ranges_build(ranges, prefixes->entries);
    return ranges;
}
