/* traffic.h: counters of protected destinations: rows of one cache line each, handed out in their
 * order, and a keyed hash that finds them.
 *
 * An attacker chooses the destinations (of IPv6, any of 2^64 in one /64), so there is a bound:
 * destinations that find neither a new row nor an idle one count in a row of their profile, and the
 * sum of all rows stays true. A row's counters never go back, also where it changes its owner: what
 * a reader has not seen yet is then counted for the new one.
 *
 * Each word has one writer, the worker or the collector; see the two halves of the table.
 */
#ifndef SB_TRAFFIC_H
#define SB_TRAFFIC_H

#include <emmintrin.h>

#include "packet/address.h"
#include "tables/memory/hash.h"
#include "traffic_table.h"

enum {
    SB_TRAFFIC_WAYS = 8,
    SB_TRAFFIC_SETS_PER_ROW = 4, /* ways for each row, in all: sets do not fill alike */
    SB_TRAFFIC_PORTS = 1 << 16,
    SB_TRAFFIC_SEEN = 1024, /* power of two: sampled sources of which a worker knows how often */
    SB_TRAFFIC_SEEN_TWICE = 2
};

struct sb_traffic_row {
    uint64_t bytes;
    uint32_t count[SB_TRAFFIC_COUNT]; /* modulo 2^32 */
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_traffic_row) == SB_CACHE_LINE, "one line per destination");

/* Where the rows of some destinations are. Two of them are taken for one if 32 bits of their keyed
 * hashes are the same beside those that say which set. */
struct sb_traffic_set {
    uint32_t tag[SB_TRAFFIC_WAYS];
    uint32_t row[SB_TRAFFIC_WAYS]; /* its index and 1; 0: free */
} __attribute__((aligned(SB_CACHE_LINE)));

/* Whose row it is. */
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
    struct sb_traffic_row *overflow; /* of each profile */
    struct sb_traffic_owner *owners;
    uint32_t *idle_version; /* the collector's: the owner's version when it was found idle */
    struct sb_sample *samples;
    uint64_t reflectors[SB_TRAFFIC_PORTS / 64]; /* bit n: UDP port n */

    /* the worker's */
    uint32_t rows_used __attribute__((aligned(SB_CACHE_LINE)));
    uint32_t hand;      /* where an idle row is looked for next */
    uint32_t countdown; /* packets until the next sample */
    uint32_t epoch;     /* of the collection that seen is about */
    uint64_t random;
    uint64_t produced;
    uint64_t consumed_seen;
    uint64_t samples_lost;
    uint32_t seen[SB_TRAFFIC_SEEN];     /* 30 bits of a source's hash, and how often */
    uint32_t captured[SB_PROFILES_MAX]; /* packets, modulo 2^32 */

    /* the collector's */
    uint64_t consumed __attribute__((aligned(SB_CACHE_LINE)));
    uint32_t is_capturing; /* 1: some profile is */
    uint32_t capture_until[SB_PROFILES_MAX];
};

static inline struct sb_traffic_table *sb_traffic_of(const struct sb_lcore *lcore) {
    return (struct sb_traffic_table *)(uintptr_t)lcore->traffic;
}

static inline uint64_t sb_traffic_hash(const struct sb_traffic_table *table,
                                       struct sb_address_words address) {
    return sb_hash_address(&table->hash_key, address.word[0], address.word[1]);
}

/* The ways of a set that have the tag of a hash, and a row: bits. */
static inline uint32_t sb_traffic_ways(const struct sb_traffic_set *set, uint64_t hash) {
    const __m128i *tags = (const __m128i *)(const void *)set->tag;
    const __m128i wanted = _mm_set1_epi32((int)(hash >> 32));
    const __m128i low = _mm_cmpeq_epi32(_mm_load_si128(tags), wanted);
    const __m128i high = _mm_cmpeq_epi32(_mm_load_si128(tags + 1), wanted);

    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(low)) |
           (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
}

/* NULL: the destination has none. */
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

/* A row for a destination that has none; that of its profile where there is no room. */
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

/* Something about a packet's destination that is known only here and there: for stages. */
static inline void sb_traffic_count(const struct sb_lcore *lcore, const struct sb_packet *packet,
                                    enum sb_traffic_kind kind) {
    struct sb_traffic_table *table = sb_traffic_of(lcore);

    if (table == NULL || packet->ip_version == 0)
        return;
    sb_traffic_find_or_take(table, sb_address_words(sb_protected_bytes(packet), packet->ip_version),
                            packet->profile)
        ->count[kind]++;
}

/* A place in the ring of samples, to be filled and published; NULL: it is full. fill_max: how full
 * it may be. */
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
