#include "buckets.h"

#include <errno.h>
#include <stdlib.h>

#include "limits_private.h"
#include "memory.h"

enum { WHOLE_BYTES = SB_PROFILES_MAX * SB_WHOLE_STRIDE * sizeof(uint64_t), ENTRIES_MAX = 1 << 24 };

static int make_table(struct sb_buckets *table, uint32_t entries_max);
static size_t table_bytes(const struct sb_buckets *table);

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

/* What has been full for the longest time comes first, so that who is seen now and then keeps a
 * place; then what lacks least. */
uint32_t sb_bucket_least(const struct sb_bucket_set *set, uint64_t now, uint64_t *debt) {
    const uint64_t mask = SB_BUCKET_TAG_MASK;
    uint64_t least = UINT64_MAX, taken = 0;

    for (uint64_t way = 0; way < SB_BUCKET_WAYS; way++) {
        /* Modulo 2^64: times past in their order, then debts in theirs. */
        uint64_t order = (set->bucket[way] & ~mask) - now - SB_BUCKET_DEBT_MAX - 1;

        taken = order < least ? way : taken;
        least = order < least ? order : least;
    }
    *debt = sb_bucket_debt(set->bucket[taken] & ~mask, now, SB_BUCKET_DEBT_MAX);
    return (uint32_t)taken;
}

/* Not inlined: a source that is known does not come here. */
__attribute__((noinline)) uint32_t sb_bucket_take(struct sb_bucket_set *set, uint32_t tag,
                                                  uint64_t now, uint64_t *debt) {
    uint32_t taken = sb_bucket_least(set, now, debt);

    set->tag[taken] = (uint8_t)(tag >> SB_BUCKET_FRACTION_BITS);
    set->bucket[taken] = tag & SB_BUCKET_TAG_MASK;
    return taken;
}
