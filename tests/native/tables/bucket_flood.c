/* bucket_flood.c: lets tests/native/tables/test_bucket_flood.py send more sources than a set of buckets
 * has ways, all with one home set, which needs chosen hashes. */
#include <stdlib.h>

#include "tables/limits/buckets.h"
#include "tables/limits/limits_private.h"

enum { SOURCES_MAX = 1 << 16 };

struct crowd {
    struct sb_limits *limits;
    uint64_t hash[SOURCES_MAX];
    uint64_t passed[SOURCES_MAX];
    uint32_t count;
    uint64_t random;
    uint64_t now; /* 16 fractional bits */
};

/* Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t next(struct crowd *crowd) {
    crowd->random ^= crowd->random << 13;
    crowd->random ^= crowd->random >> 7;
    crowd->random ^= crowd->random << 17;
    return crowd->random;
}

struct crowd *crowd_make(struct sb_limits *limits, uint64_t random, uint64_t now_ns);
struct crowd *crowd_make(struct sb_limits *limits, uint64_t random, uint64_t now_ns) {
    struct crowd *crowd = calloc(1, sizeof(*crowd));

    crowd->limits = limits;
    crowd->random = random;
    crowd->now = now_ns << SB_BUCKET_FRACTION_BITS;
    return crowd;
}

/* One more source; its home is a set, or, below 0, any. */
uint32_t crowd_add(struct crowd *crowd, int32_t set);
uint32_t crowd_add(struct crowd *crowd, int32_t set) {
    uint64_t mask = crowd->limits->table[SB_SCOPE_SOURCE].set_mask, hash = next(crowd);

    crowd->hash[crowd->count] = set < 0 ? hash : (hash & ~mask) | (uint64_t)set;
    return crowd->count++;
}

/* Whether a packet of one source passes. */
bool crowd_send(struct crowd *crowd, uint32_t source, uint64_t cost, uint64_t burst);
bool crowd_send(struct crowd *crowd, uint32_t source, uint64_t cost, uint64_t burst) {
    struct sb_buckets *table = &crowd->limits->table[SB_SCOPE_SOURCE];
    uint64_t hash = crowd->hash[source];
    bool passes = sb_buckets_pay(table, sb_buckets_home(table, hash), sb_bucket_tag(hash), cost,
                                 burst, crowd->now);

    crowd->passed[source] += passes;
    return passes;
}

/* What a source lacks, in increments of a cost, as `secbeat explain` sees it; -1: it has no bucket. */
int64_t crowd_debt(const struct crowd *crowd, uint32_t source, uint64_t cost, uint64_t burst);
int64_t crowd_debt(const struct crowd *crowd, uint32_t source, uint64_t cost, uint64_t burst) {
    const struct sb_buckets *table = &crowd->limits->table[SB_SCOPE_SOURCE];
    uint64_t hash = crowd->hash[source], debt;
    bool is_known;

    debt = sb_buckets_peek(table, sb_buckets_home(table, hash), sb_bucket_tag(hash), cost, burst,
                           crowd->now, &is_known);
    return is_known ? (int64_t)((debt + cost / 2) / cost) : -1;
}

/* All sources send in a random order, one packet every so many ns. */
void crowd_flood(struct crowd *crowd, uint64_t packets, uint64_t ns_each, uint64_t cost,
                 uint64_t burst);
void crowd_flood(struct crowd *crowd, uint64_t packets, uint64_t ns_each, uint64_t cost,
                 uint64_t burst) {
    for (; packets != 0; packets--) {
        crowd->now += ns_each << SB_BUCKET_FRACTION_BITS;
        crowd_send(crowd, (uint32_t)((next(crowd) >> 32) * crowd->count >> 32), cost, burst);
    }
}

void crowd_wait(struct crowd *crowd, uint64_t ns);
void crowd_wait(struct crowd *crowd, uint64_t ns) {
    crowd->now += ns << SB_BUCKET_FRACTION_BITS;
}

uint64_t crowd_passed(const struct crowd *crowd, uint32_t source);
uint64_t crowd_passed(const struct crowd *crowd, uint32_t source) {
    return crowd->passed[source];
}

void crowd_free(struct crowd *crowd);
void crowd_free(struct crowd *crowd) {
    free(crowd);
}
