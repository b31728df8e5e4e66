/* traffic.h: counters of protected destinations: rows of one cache line each, assigned in order,
 * and a keyed hash table that finds them.
 *
 * An attacker can choose the destinations (in IPv6, any of 2^64 in one /64), so their number is
 * bounded. A destination that gets neither a new nor an idle row counts in a row of its profile, so
 * the sum of all rows stays correct. The counters of a row never decrease, even if the row gets a
 * new destination: counts that a reader has not seen yet are then attributed to the new one.
 *
 * Each word has one writer, either the worker or the collector; the table has a part for each.
 */
#ifndef SB_TRAFFIC_H
#define SB_TRAFFIC_H

#include <emmintrin.h>

#include "packet/address.h"
#include "tables/memory/hash.h"
#include "traffic_table.h"

enum {
    SB_TRAFFIC_WAYS = 8,
    SB_TRAFFIC_SETS_PER_ROW = 4, /* ways per row in the whole table, as sets do not fill evenly */
    SB_TRAFFIC_PORTS = 1 << 16,
    SB_TRAFFIC_SEEN = 1024, /* power of two: sampled sources whose count a worker remembers */
    SB_TRAFFIC_SEEN_TWICE = 2
};

struct sb_traffic_row {
    uint64_t bytes;
    uint32_t count[SB_TRAFFIC_COUNT]; /* modulo 2^32 */
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_traffic_row) == SB_CACHE_LINE, "one line per destination");

/* Finds the rows of some destinations. Two destinations share a row if their keyed hashes are equal
 * in the bits of the set and in 32 more. */
struct sb_traffic_set {
    uint32_t tag[SB_TRAFFIC_WAYS];
    uint32_t row[SB_TRAFFIC_WAYS]; /* index + 1; 0: free */
} __attribute__((aligned(SB_CACHE_LINE)));

/* The destination of a row. */
struct sb_traffic_owner {
    uint32_t version; /* odd while the address changes */
    uint32_t reserved;
    struct sb_address_words address;
};

struct sb_traffic_table {
    struct sb_hash_key hash_key;
    struct sb_hash_key source_key;
    uint32_t set_mask;
    uint32_t rows_max;
    struct sb_traffic_set *sets;
    struct sb_traffic_row *rows;
    struct sb_traffic_row *overflow; /* one per profile */
    struct sb_traffic_owner *owners;
    uint32_t *idle_version; /* written by the collector: the owner's version when it was idle */
    struct sb_sample *samples;
    uint64_t reflectors[SB_TRAFFIC_PORTS / 64]; /* bit n: UDP port n */

    /* written by the worker */
    uint32_t rows_used __attribute__((aligned(SB_CACHE_LINE)));
    uint32_t hand;      /* where the search for an idle row continues */
    uint32_t countdown; /* packets until the next sample */
    uint32_t epoch;     /* of the collection that seen belongs to */
    uint64_t random;
    uint64_t produced;
    uint64_t consumed_seen;
    uint64_t samples_lost;
    uint32_t seen[SB_TRAFFIC_SEEN];     /* 30 bits of a source's hash, and its count */
    uint32_t captured[SB_PROFILES_MAX]; /* packets, modulo 2^32 */

    /* written by the collector */
    uint64_t consumed __attribute__((aligned(SB_CACHE_LINE)));
    uint32_t is_capturing; /* 1: some profile has captures to make */
    uint32_t capture_until[SB_PROFILES_MAX];
};

static inline struct sb_traffic_table *sb_traffic_of(const struct sb_lcore *lcore) {
    return (struct sb_traffic_table *)(uintptr_t)lcore->traffic;
}

static inline uint64_t sb_traffic_hash(const struct sb_traffic_table *table,
                                       struct sb_address_words address) {
    return sb_hash_address(&table->hash_key, address.word[0], address.word[1]);
}

/* The ways of a set that have the tag of a hash, and a row: a bitmap. */
static inline uint32_t sb_traffic_ways(const struct sb_traffic_set *set, uint64_t hash) {
    const __m128i *tags = (const __m128i *)(const void *)set->tag;
    const __m128i wanted = _mm_set1_epi32((int)(hash >> 32));
    const __m128i low = _mm_cmpeq_epi32(_mm_load_si128(tags), wanted);
    const __m128i high = _mm_cmpeq_epi32(_mm_load_si128(tags + 1), wanted);

    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(low)) |
           (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
}

/* The row of a destination. NULL: it has none. */
static inline struct sb_traffic_row *sb_traffic_find(const struct sb_traffic_table *table,
                                                     uint64_t hash) {
    const struct sb_traffic_set *set = &table->sets[hash & table->set_mask];

    for (uint32_t ways = sb_traffic_ways(set, hash); ways != 0; ways &= ways - 1) {
        uint32_t row = set->row[__builtin_ctz(ways)];

        if (SB_LIKELY(row != 0))
            return &table->rows[row - 1];
    }
    return NULL;
}

/* Assigns a row to a destination that has none. If there is no room, returns the row of its
 * profile. */
struct sb_traffic_row *sb_traffic_take(struct sb_traffic_table *table,
                                       struct sb_address_words address, uint64_t hash,
                                       uint32_t profile);

static inline struct sb_traffic_row *sb_traffic_find_or_take(struct sb_traffic_table *table,
                                                             struct sb_address_words address,
                                                             uint32_t profile) {
    uint64_t hash = sb_traffic_hash(table, address);
    struct sb_traffic_row *row = sb_traffic_find(table, hash);

    return SB_LIKELY(row != NULL) ? row : sb_traffic_take(table, address, hash, profile);
}

/* For stages: counts something about a packet's destination that only this stage knows. */
static inline void sb_traffic_count(const struct sb_lcore *lcore, const struct sb_packet *packet,
                                    enum sb_traffic_kind kind) {
    struct sb_traffic_table *table = sb_traffic_of(lcore);

    if (table == NULL || packet->ip_version == 0)
        return;
    sb_traffic_find_or_take(table, sb_address_words(sb_protected_bytes(packet), packet->ip_version),
                            packet->profile)
        ->count[kind]++;
}

/* A place in the ring of samples, to be filled and published; NULL: the ring is full. fill_max: the
 * maximum of samples in the ring. */
static inline struct sb_sample *sb_traffic_sample_place(struct sb_traffic_table *table,
                                                        uint32_t fill_max) {
    if (table->produced - table->consumed_seen >= fill_max) {
        table->consumed_seen = __atomic_load_n(&table->consumed, __ATOMIC_ACQUIRE);
        if (table->produced - table->consumed_seen >= fill_max)
            return NULL;
    }
    return &table->samples[table->produced & (SB_SAMPLES_MAX - 1)];
}

static inline void sb_traffic_publish_sample(struct sb_traffic_table *table) {
    __atomic_store_n(&table->produced, table->produced + 1, __ATOMIC_RELEASE);
}

#endif
