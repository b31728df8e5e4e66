/* buckets.h: token buckets for addresses that an attacker may choose: a table of fixed size with a
 * keyed hash and seven buckets in a cache line.
 *
 * A bucket is one number: the time at which it is full again (the theoretical arrival time of the
 * generic cell rate algorithm, ITU-T I.371, annex A, as virtual scheduling). The time until then is
 * its debt. Nothing has to be refilled or divided, and a full bucket is the same as no bucket.
 * Times are nanoseconds with 16 fractional bits, modulo 2^64.
 *
 * A new source gets the bucket of its set that has been full for the longest time and so holds no
 * information. If all seven are in debt, it gets one of a second set, which its tag selects (two
 * choices: Azar et al., "Balanced Allocations", STOC 1994), and its home set notes until when one
 * of its buckets may be in another set. So no source in debt is forgotten while one of its two sets
 * has room, even if many flooders have the same home set: a table of 7-way sets is nearly full by
 * then.
 *
 * If both sets are full, a new source gets the bucket with the least debt, because forgetting it
 * costs least. It inherits the debt (like the counters of Space-Saving: Metwally, Agrawal and El
 * Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005), but
 * never more than half a burst, and never so much that its first packet has no room. So the sources
 * that send most are forgotten last, and a flood costs a new source at most half its burst. The
 * drawback: a forgotten flooder returns as a new source. In a table full of sources in debt,
 * flooders can pass more than their limit.
 */
#ifndef SB_BUCKETS_H
#define SB_BUCKETS_H

#include <emmintrin.h>
#include <stdbool.h>

#include "abi.h"

enum {
    SB_BUCKET_WAYS = 7,
    SB_BUCKET_FRACTION_BITS = 16, /* of a time; in a set, these bits hold the rest of the tag */
    SB_BUCKET_TAG_MASK = (1 << SB_BUCKET_FRACTION_BITS) - 1,
    SB_BUCKET_SLOT_BITS = SB_BUCKET_FRACTION_BITS + 30, /* of a time: units of 1.07 s */
    SB_BUCKET_DEBT_SLOTS = SB_LIMIT_BURST_S_MAX + 1     /* no debt lasts longer */
};

_Static_assert(SB_BUCKET_DEBT_SLOTS < 128, "sb_bucket_set.strays_until");

/* A larger difference means a time in the past. A bucket that was not used for 78 hours (2^48 ns)
 * can be taken for one in debt, for 64 seconds; it then begins empty. */
#define SB_BUCKET_DEBT_MAX (SB_LIMIT_BURST_NS_MAX << SB_BUCKET_FRACTION_BITS)

struct sb_bucket_set {
    uint64_t bucket[SB_BUCKET_WAYS]; /* time it is full again, in ns; the low 16 bits: tag */
    uint8_t tag[SB_BUCKET_WAYS];     /* 8 more bits of the tag */
    /* In units of SB_BUCKET_SLOT_BITS, modulo 256: until then, a bucket of this home set may be in
     * debt in another set. 0: none. */
    uint8_t strays_until;
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_bucket_set) == SB_CACHE_LINE, "9.1 bytes per source");

struct sb_buckets {
    struct sb_bucket_set *sets;
    uint32_t set_mask;
};

/* The place of a bucket, and its debt. */
struct sb_bucket_place {
    struct sb_bucket_set *set;
    uint32_t way; /* SB_BUCKET_WAYS: not found */
    uint64_t debt;
};

/* The low bits of a hash select the home set. Two addresses in a set share a bucket if 24 other
 * bits of their hashes are equal; if one of them has strayed, this also holds for its second set.
 */
static inline struct sb_bucket_set *sb_buckets_home(const struct sb_buckets *table, uint64_t hash) {
    return &table->sets[hash & table->set_mask];
}

static inline uint32_t sb_bucket_tag(uint64_t hash) {
    return (uint32_t)(hash >> 40);
}

/* The debt of a bucket; at most burst. */
static inline uint64_t sb_bucket_debt(uint64_t full_at, uint64_t now, uint64_t burst) {
    uint64_t debt = full_at - now;

    debt = debt > SB_BUCKET_DEBT_MAX ? 0 : debt;
    return debt < burst ? debt : burst;
}

static inline uint64_t sb_bucket_debt_of(const struct sb_bucket_set *set, uint32_t way,
                                         uint64_t now, uint64_t burst) {
    return sb_bucket_debt(set->bucket[way] & ~(uint64_t)SB_BUCKET_TAG_MASK, now, burst);
}

/* Adds cost to the debt if the burst has room for it. Returns whether it has. */
static inline bool sb_bucket_spend(uint64_t *debt, uint64_t cost, uint64_t burst) {
    bool fits = cost <= burst - *debt;

    *debt += fits ? cost : 0;
    return fits;
}

/* Pays for one packet from a bucket that is never replaced. Returns whether there was room. */
static inline bool sb_bucket_pay(uint64_t *full_at, uint64_t cost, uint64_t burst, uint64_t now) {
    uint64_t debt = sb_bucket_debt(*full_at, now, burst);
    bool fits = sb_bucket_spend(&debt, cost, burst);

    *full_at = now + debt;
    return fits;
}

/* The way with the tag; SB_BUCKET_WAYS: none. */
static inline uint32_t sb_bucket_find(const struct sb_bucket_set *set, uint32_t tag) {
    __m128i tags = _mm_loadl_epi64((const __m128i *)(const void *)set->tag); /* with strays_until */
    __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)(tag >> SB_BUCKET_FRACTION_BITS)));
    uint32_t ways = (uint32_t)_mm_movemask_epi8(same) & ((1 << SB_BUCKET_WAYS) - 1);

    for (; ways != 0; ways &= ways - 1) {
        uint32_t way = (uint32_t)__builtin_ctz(ways);

        if (((set->bucket[way] ^ tag) & SB_BUCKET_TAG_MASK) == 0)
            return way;
    }
    return SB_BUCKET_WAYS;
}

/* Finds the bucket of a tag that is not in its home set but in debt in its second set. way
 * SB_BUCKET_WAYS: there is none. */
struct sb_bucket_place sb_buckets_strayed(const struct sb_buckets *table,
                                          struct sb_bucket_set *home, uint32_t tag, uint64_t now,
                                          uint64_t burst);
/* The bucket that is replaced first, for a new source. */
struct sb_bucket_place sb_buckets_least(const struct sb_buckets *table, struct sb_bucket_set *home,
                                        uint32_t tag, uint64_t now);
/* The bucket of a tag that is not in its home set: the strayed one, or one that it gets now. The
 * home set notes a strayed bucket. */
struct sb_bucket_place sb_buckets_take(const struct sb_buckets *table, struct sb_bucket_set *home,
                                       uint32_t tag, uint64_t cost, uint64_t burst, uint64_t now);

static inline void sb_bucket_store(struct sb_bucket_set *set, uint32_t way, uint64_t full_at) {
    uint64_t half = 1ull << (SB_BUCKET_FRACTION_BITS - 1), mask = SB_BUCKET_TAG_MASK;

    set->bucket[way] = ((full_at + half) & ~mask) | (set->bucket[way] & mask);
}

/* The debt with which a new source begins, in place of a bucket with the debt `least`. */
static inline uint64_t sb_bucket_newcomer_debt(uint64_t least, uint64_t cost, uint64_t burst) {
    uint64_t room = cost < burst ? burst - cost : 0;
    uint64_t debt = burst / 2 < room ? burst / 2 : room;

    return least < debt ? least : debt;
}

/* Pays for one packet of this cost from the bucket of a tag with this home set. Returns whether
 * there was room. */
static inline bool sb_buckets_pay(const struct sb_buckets *table, struct sb_bucket_set *home,
                                  uint32_t tag, uint64_t cost, uint64_t burst, uint64_t now) {
    struct sb_bucket_place place = {.set = home, .way = sb_bucket_find(home, tag)};
    bool fits;

    if (__builtin_expect(place.way == SB_BUCKET_WAYS, 0))
        place = sb_buckets_take(table, home, tag, cost, burst, now);
    else
        place.debt = sb_bucket_debt_of(home, place.way, now, burst);
    fits = sb_bucket_spend(&place.debt, cost, burst);
    sb_bucket_store(place.set, place.way, now + place.debt);
    return fits;
}

/* The debt of a tag's bucket, without paying. For use by another thread than the owner's: every
 * word is read once, and may belong to another source for a moment. */
static inline uint64_t sb_buckets_peek(const struct sb_buckets *table, struct sb_bucket_set *home,
                                       uint32_t tag, uint64_t cost, uint64_t burst, uint64_t now,
                                       bool *is_known) {
    struct sb_bucket_place place = {.set = home, .way = sb_bucket_find(home, tag)};

    *is_known = true;
    if (place.way != SB_BUCKET_WAYS)
        return sb_bucket_debt_of(home, place.way, now, burst);
    place = sb_buckets_strayed(table, home, tag, now, burst);
    *is_known = place.way != SB_BUCKET_WAYS;
    if (*is_known)
        return place.debt;
    return sb_bucket_newcomer_debt(sb_buckets_least(table, home, tag, now).debt, cost, burst);
}

#endif
