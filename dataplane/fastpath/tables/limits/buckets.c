#include "buckets.h"

#include <errno.h>
#include <stdlib.h>

#include "limits_private.h"
#include "tables/memory/memory.h"

enum { WHOLE_BYTES = SB_PROFILES_MAX * SB_WHOLE_STRIDE * sizeof(uint64_t), ENTRIES_MAX = 1 << 24 };

static int make_table(struct sb_buckets *table, uint32_t entries_max);
static size_t table_bytes(const struct sb_buckets *table);
static struct sb_bucket_set *other_set(const struct sb_buckets *table,
                                       const struct sb_bucket_set *home, uint32_t tag);
static struct sb_bucket_place least_of(struct sb_bucket_set *set, uint64_t now);
static uint8_t slot_of(uint64_t now);
static void note_stray(struct sb_bucket_set *home, uint64_t now);

int sb_limits_create(uint32_t sources_max, uint32_t prefixes_max, uint32_t destinations_max,
                     const uint8_t hash_key[16], struct sb_limits **out) {
    const uint32_t entries_max[SB_SCOPE_GLOBAL] = {sources_max, prefixes_max, destinations_max};
    struct sb_limits *limits = calloc(1, sizeof(*limits));
    int result = limits == NULL ? -ENOMEM : 0;

    for (uint32_t scope = 0; result == 0 && scope < SB_SCOPE_GLOBAL; scope++)
        result = make_table(&limits->table[scope], entries_max[scope]);
    if (result == 0) {
        limits->whole = sb_memory_map_small(WHOLE_BYTES);
        result = limits->whole == NULL ? -ENOMEM : 0;
    }
    if (result != 0) {
        sb_limits_destroy(limits);
        return result;
    }
    __builtin_memcpy(&limits->hash_key, hash_key, sizeof(limits->hash_key));
    limits->hash_key.word[0] |= 1;
    limits->hash_key.word[1] |= 1;
    *out = limits;
    return 0;
}

void sb_limits_destroy(struct sb_limits *limits) {
    if (limits == NULL)
        return;
    for (uint32_t scope = 0; scope < SB_SCOPE_GLOBAL; scope++)
        sb_memory_unmap(limits->table[scope].sets, table_bytes(&limits->table[scope]));
    sb_memory_unmap(limits->whole, WHOLE_BYTES);
    free(limits);
}

uint64_t sb_limits_bytes(const struct sb_limits *limits) {
    uint64_t bytes = WHOLE_BYTES;

    for (uint32_t scope = 0; scope < SB_SCOPE_GLOBAL; scope++)
        bytes += table_bytes(&limits->table[scope]);
    return bytes;
}

static int make_table(struct sb_buckets *table, uint32_t entries_max) {
    uint32_t sets = 1;

    if (entries_max == 0 || entries_max > ENTRIES_MAX)
        return -EINVAL;
    while ((uint64_t)sets * SB_BUCKET_WAYS < entries_max)
        sets *= 2;
    table->set_mask = sets - 1;
    table->sets = sb_memory_map(table_bytes(table));
    return table->sets == NULL ? -ENOMEM : 0;
}

static size_t table_bytes(const struct sb_buckets *table) {
    return ((size_t)table->set_mask + 1) * sizeof(*table->sets);
}

struct sb_bucket_place sb_buckets_strayed(const struct sb_buckets *table,
                                          struct sb_bucket_set *home, uint32_t tag, uint64_t now,
                                          uint64_t burst) {
    const uint8_t left = (uint8_t)(home->strays_until - slot_of(now));
    struct sb_bucket_place place = {.set = other_set(table, home, tag), .way = SB_BUCKET_WAYS};

    if (home->strays_until == 0 || left > SB_BUCKET_DEBT_SLOTS)
        return place;
    place.way = sb_bucket_find(place.set, tag);
    if (place.way != SB_BUCKET_WAYS)
        place.debt = sb_bucket_debt_of(place.set, place.way, now, burst);
    return place;
}

struct sb_bucket_place sb_buckets_least(const struct sb_buckets *table, struct sb_bucket_set *home,
                                        uint32_t tag, uint64_t now) {
    struct sb_bucket_place found = least_of(home, now), other;

    if (found.debt == 0)
        return found;
    other = least_of(other_set(table, home, tag), now);
    return other.debt < found.debt ? other : found;
}

/* Not inlined: only for sources whose bucket is not in its home set. */
__attribute__((noinline)) struct sb_bucket_place sb_buckets_take(const struct sb_buckets *table,
                                                                 struct sb_bucket_set *home,
                                                                 uint32_t tag, uint64_t cost,
                                                                 uint64_t burst, uint64_t now) {
    struct sb_bucket_place place = sb_buckets_strayed(table, home, tag, now, burst);

    if (place.way == SB_BUCKET_WAYS) {
        place = sb_buckets_least(table, home, tag, now);
        place.set->tag[place.way] = (uint8_t)(tag >> SB_BUCKET_FRACTION_BITS);
        place.set->bucket[place.way] = tag & SB_BUCKET_TAG_MASK;
        place.debt = sb_bucket_newcomer_debt(place.debt, cost, burst);
    }
    if (place.set != home)
        note_stray(home, now);
    return place;
}

/* The second set, which the tag selects; equal to home if there is only one set. */
static struct sb_bucket_set *other_set(const struct sb_buckets *table,
                                       const struct sb_bucket_set *home, uint32_t tag) {
    return &table->sets[((uint32_t)(home - table->sets) ^ (tag | 1)) & table->set_mask];
}

/* The bucket that is replaced first: the one that has been full for the longest time, so that a
 * source which sends now and then keeps its bucket; if none is full, the one with the least debt.
 */
static struct sb_bucket_place least_of(struct sb_bucket_set *set, uint64_t now) {
    const uint64_t mask = SB_BUCKET_TAG_MASK;
    uint64_t least = UINT64_MAX;
    struct sb_bucket_place place = {.set = set};

    for (uint32_t way = 0; way < SB_BUCKET_WAYS; way++) {
        /* Modulo 2^64: past times in their order, then debts in theirs. */
        uint64_t order = (set->bucket[way] & ~mask) - now - SB_BUCKET_DEBT_MAX - 1;

        place.way = order < least ? way : place.way;
        least = order < least ? order : least;
    }
    place.debt = sb_bucket_debt_of(set, place.way, now, SB_BUCKET_DEBT_MAX);
    return place;
}

static uint8_t slot_of(uint64_t now) {
    return (uint8_t)(now >> SB_BUCKET_SLOT_BITS);
}

/* Notes in the home set until when the strayed bucket may be in debt: a debt is at most the largest
 * burst. */
static void note_stray(struct sb_bucket_set *home, uint64_t now) {
    uint8_t until = (uint8_t)(slot_of(now) + SB_BUCKET_DEBT_SLOTS);

    home->strays_until = until == 0 ? 1 : until;
}
