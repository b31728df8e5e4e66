#include "prefixes.h"

#include <errno.h>
#include <string.h>

#include "tables/memory/hash.h"
#include "tables/memory/memory.h"

/* The minimum of spare entries: a bulk load replaces some hundred entries at once, while no grace
 * period ends. */
enum { SPARE_MIN = 4096 };

static uint32_t *chain_head(const struct sb_prefixes *prefixes, uint64_t hi, uint64_t lo);
static uint32_t take_entry(struct sb_prefixes *prefixes);

int sb_prefixes_init(struct sb_prefixes *prefixes, uint32_t capacity, uint32_t lcores, bool is_ipv6,
                     const struct sb_readers *readers) {
    uint32_t heads = 1;

    while (heads < capacity)
        heads *= 2;
    memset(prefixes, 0, sizeof(*prefixes));
    prefixes->capacity = capacity;
    prefixes->entry_count = capacity + sb_prefixes_spare(capacity);
    /* no two lcores share a cache line */
    prefixes->hits_stride = (prefixes->entry_count + 7) & ~7u;
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

uint32_t sb_prefixes_spare(uint32_t capacity) {
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
    return entry->state == SB_PREFIX_LIVE;
}

uint64_t sb_prefixes_hits(const struct sb_prefixes *prefixes, uint32_t index) {
    uint64_t sum = 0;

    for (uint32_t lcore = 0; lcore < prefixes->lcores; lcore++)
        sum += __atomic_load_n(&prefixes->hits[(size_t)lcore * prefixes->hits_stride + index],
                               __ATOMIC_RELAXED);
    return sum;
}

/* --- the set ---------------------------------------------------------------------------------- */

/* Attackers do not choose the prefixes, so fixed constants (of splitmix64) suffice. */
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
    own->state = SB_PREFIX_LIVE;
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
    entry->state = is_over ? SB_PREFIX_OVER : SB_PREFIX_REMOVED;
    entry->chain = 0;
    sb_prefixes_splice(prefixes, is_over ? &prefixes->over : &prefixes->removed,
                       &(struct sb_prefix_chain){index + 1, index + 1});
    prefixes->used--;
    if (is_over)
        prefixes->over_count++;
    else
        prefixes->changed = true;
}

void sb_prefixes_splice(struct sb_prefixes *prefixes, struct sb_prefix_chain *to,
                        struct sb_prefix_chain *from) {
    if (from->head == 0)
        return;
    prefixes->entries[from->tail - 1].chain = to->head;
    if (to->head == 0)
        to->tail = from->tail;
    to->head = from->head;
    from->head = from->tail = 0;
}
