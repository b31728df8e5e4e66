#define _GNU_SOURCE
#include "prefixes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "memory.h"

enum { STATE_FREE, STATE_LIVE, STATE_REMOVED, STATE_OVER };

/* Spare entries at least: a bulk load puts some hundred in a row while readers let go of none. */
enum { SPARE_MIN = 4096 };

static uint32_t spare(uint32_t capacity);
static uint32_t *chain_head(const struct sb_prefixes *prefixes, uint64_t hi, uint64_t lo);
static uint32_t take_entry(struct sb_prefixes *prefixes);
static struct sb_ranges *build(struct sb_prefixes *prefixes);
static struct sb_ranges *build_without_over(const struct sb_prefixes *prefixes);
static void swap(struct sb_prefixes *prefixes, struct sb_ranges *ranges,
                 struct sb_prefix_chain *removed);
static void free_retired(struct sb_prefixes *prefixes);
static void leave_out_over(struct sb_prefixes *prefixes);
static void splice(struct sb_prefixes *prefixes, struct sb_prefix_chain *to,
                   struct sb_prefix_chain *from);

int sb_prefixes_init(struct sb_prefixes *prefixes, uint32_t capacity, uint32_t lcores, bool is_ipv6,
                     const struct sb_readers *readers) {
    uint32_t heads = 1;

    while (heads < capacity)
        heads *= 2;
    memset(prefixes, 0, sizeof(*prefixes));
    prefixes->capacity = capacity;
    prefixes->entry_count = capacity + spare(capacity);
    prefixes->hits_stride = (prefixes->entry_count + 7) & ~7u; /* lcores share no cache line */
    prefixes->lcores = lcores;
    prefixes->is_ipv6 = is_ipv6;
    prefixes->readers = readers;
    prefixes->head_mask = heads - 1;
    prefixes->heads = sb_memory_map_small(heads * sizeof(*prefixes->heads));
    prefixes->added = sb_memory_map_small(prefixes->entry_count * sizeof(*prefixes->added));
    prefixes->entries = sb_memory_map_small(prefixes->entry_count * sizeof(*prefixes->entries));
    prefixes->hits =
        sb_memory_map_small((size_t)lcores * prefixes->hits_stride * sizeof(*prefixes->hits));
    prefixes->ranges = sb_ranges_create(0, 0, is_ipv6);
    if (prefixes->heads == NULL || prefixes->added == NULL || prefixes->entries == NULL ||
        prefixes->hits == NULL || prefixes->ranges == NULL) {
        sb_prefixes_fini(prefixes);
        return -ENOMEM;
    }
    sb_ranges_build(prefixes->ranges, prefixes->entries);
    return 0;
}

void sb_prefixes_fini(struct sb_prefixes *prefixes) {
    sb_memory_unmap(prefixes->heads, ((size_t)prefixes->head_mask + 1) * sizeof(*prefixes->heads));
    sb_memory_unmap(prefixes->added, prefixes->entry_count * sizeof(*prefixes->added));
    sb_memory_unmap(prefixes->entries, prefixes->entry_count * sizeof(*prefixes->entries));
    sb_memory_unmap(prefixes->hits,
                    (size_t)prefixes->lcores * prefixes->hits_stride * sizeof(*prefixes->hits));
    sb_ranges_destroy(prefixes->ranges);
    for (uint32_t i = 0; i < prefixes->retired_count; i++)
        sb_ranges_destroy(prefixes->retired[i].ranges);
}

/* Entries beyond the capacity, for those removed but still in use by readers. */
static uint32_t spare(uint32_t capacity) {
    return capacity / 16 + SPARE_MIN;
}

uint64_t sb_prefixes_bytes(const struct sb_prefixes *prefixes) {
    uint64_t per_entry =
        sizeof(*prefixes->entries) + sizeof(*prefixes->added) + prefixes->lcores * sizeof(uint64_t);
    uint64_t bytes = ((uint64_t)prefixes->head_mask + 1) * sizeof(*prefixes->heads) +
                     prefixes->fresh * per_entry + sb_ranges_bytes(prefixes->ranges);

    for (uint32_t i = 0; i < prefixes->retired_count; i++)
        bytes += sb_ranges_bytes(prefixes->retired[i].ranges);
    return bytes;
}

bool sb_prefix_live(const struct sb_prefix *entry) {
    return entry->state == STATE_LIVE;
}

uint64_t sb_prefixes_hits(const struct sb_prefixes *prefixes, uint32_t index) {
    uint64_t sum = 0;

    for (uint32_t lcore = 0; lcore < prefixes->lcores; lcore++)
        sum += __atomic_load_n(&prefixes->hits[(size_t)lcore * prefixes->hits_stride + index],
                               __ATOMIC_RELAXED);
    return sum;
}

/* --- the set ---------------------------------------------------------------------------------- */

/* No attacker chooses prefixes, so fixed constants (of splitmix64) do. */
static uint32_t *chain_head(const struct sb_prefixes *prefixes, uint64_t hi, uint64_t lo) {
    uint64_t mixed = sb_hash_fold(hi ^ 0x9e3779b97f4a7c15ull, lo ^ 0xbf58476d1ce4e5b9ull);

    return &prefixes->heads[mixed & prefixes->head_mask];
}

uint32_t sb_prefixes_find(const struct sb_prefixes *prefixes, uint64_t hi, uint64_t lo,
                          uint32_t length, uint32_t list) {
    for (uint32_t next = *chain_head(prefixes, hi, lo); next != 0;) {
        const struct sb_prefix *entry = &prefixes->entries[next - 1];

        if (entry->hi == hi && entry->lo == lo && entry->length == length && entry->list == list)
            return next - 1;
        next = entry->chain;
    }
    return SB_PREFIX_NONE;
}

int sb_prefixes_add(struct sb_prefixes *prefixes, const struct sb_prefix *entry) {
    uint32_t *head = chain_head(prefixes, entry->hi, entry->lo);
    uint32_t index = prefixes->used < prefixes->capacity ? take_entry(prefixes) : SB_PREFIX_NONE;
    struct sb_prefix *own;

    if (index == SB_PREFIX_NONE)
        return -ENOSPC;
    own = &prefixes->entries[index];
    *own = *entry;
    own->state = STATE_LIVE;
    own->chain = *head;
    *head = index + 1;
    for (uint32_t lcore = 0; lcore < prefixes->lcores; lcore++)
        prefixes->hits[(size_t)lcore * prefixes->hits_stride + index] = 0;
    prefixes->added[prefixes->added_count++] = index;
    prefixes->used++;
    prefixes->changed = true;
    return 0;
}

static uint32_t take_entry(struct sb_prefixes *prefixes) {
    uint32_t index;

    if (prefixes->free.head == 0)
        sb_prefixes_reclaim(prefixes);
    if (prefixes->free.head == 0)
        return prefixes->fresh < prefixes->entry_count ? prefixes->fresh++ : SB_PREFIX_NONE;
    index = prefixes->free.head - 1;
    prefixes->free.head = prefixes->entries[index].chain;
    return index;
}

void sb_prefixes_remove(struct sb_prefixes *prefixes, uint32_t index, bool is_over) {
    struct sb_prefix *entry = &prefixes->entries[index];
    uint32_t *next = chain_head(prefixes, entry->hi, entry->lo);

    while (*next != index + 1)
        next = &prefixes->entries[*next - 1].chain;
    *next = entry->chain;
    entry->state = is_over ? STATE_OVER : STATE_REMOVED;
    entry->chain = 0;
    splice(prefixes, is_over ? &prefixes->over : &prefixes->removed,
           &(struct sb_prefix_chain){index + 1, index + 1});
    prefixes->used--;
    if (is_over)
        prefixes->over_count++;
    else
        prefixes->changed = true;
}

static void splice(struct sb_prefixes *prefixes, struct sb_prefix_chain *to,
                   struct sb_prefix_chain *from) {
    if (from->head == 0)
        return;
    prefixes->entries[from->tail - 1].chain = to->head;
    if (to->head == 0)
        to->tail = from->tail;
    to->head = from->head;
    from->head = from->tail = 0;
}

/* --- generations ------------------------------------------------------------------------------ */

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
    splice(prefixes, &prefixes->removed, &prefixes->over);
    swap(prefixes, ranges, &prefixes->removed);
    prefixes->changed = false;
    prefixes->over_count = 0;
    prefixes->added_count = 0;
    free_retired(prefixes);
    return 0;
}

/* From here on readers use the ranges; those before wait for them, with what only they know. */
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

    /* Oldest first: who has let go of a later one has let go of it too. */
    while (freed < prefixes->retired_count &&
           sb_grace_over(&prefixes->retired[freed].grace, prefixes->readers)) {
        sb_ranges_destroy(prefixes->retired[freed].ranges);
        splice(prefixes, &prefixes->free, &prefixes->retired[freed].removed);
        freed++;
    }
    prefixes->retired_count -= freed;
    memmove(prefixes->retired, prefixes->retired + freed,
            prefixes->retired_count * sizeof(*prefixes->retired));
}

void sb_prefixes_reclaim(struct sb_prefixes *prefixes) {
    free_retired(prefixes);
    if (prefixes->over_count > spare(prefixes->capacity) / 2 && prefixes->retired_count == 0) {
        leave_out_over(prefixes);
        free_retired(prefixes);
    }
}

/* Without memory for it, the next call tries again. */
static void leave_out_over(struct sb_prefixes *prefixes) {
    struct sb_ranges *ranges = build_without_over(prefixes);
    uint32_t count = 0;

    if (ranges == NULL)
        return;
    /* Their entries will be added again. */
    for (uint32_t i = 0; i < prefixes->added_count; i++)
        if (prefixes->entries[prefixes->added[i]].state != STATE_OVER)
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
    while (i < count && prefixes->entries[order[i]].state != STATE_LIVE)
        i++;
    return i;
}

/* Merges what was added into the order of the generation in use and leaves out what was removed. */
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

/* The order of the generation in use, but for what has expired. */
static struct sb_ranges *build_without_over(const struct sb_prefixes *prefixes) {
    const struct sb_ranges *old = prefixes->ranges;
    struct sb_ranges *ranges =
        sb_ranges_create(old->order_count, prefixes->fresh, prefixes->is_ipv6);

    if (ranges == NULL)
        return NULL;
    for (uint32_t i = 0; i < old->order_count; i++)
        if (prefixes->entries[old->order[i]].state != STATE_OVER)
            ranges->order[ranges->order_count++] = old->order[i];
    sb_ranges_build(ranges, prefixes->entries);
    return ranges;
}
