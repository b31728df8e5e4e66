/* buckets.h: token buckets of addresses that an attacker may choose: a table of fixed size, keyed
 * hash, seven to a cache line.
 *
 * A bucket is one number: the time at which it is full again (the theoretical arrival time of the
 * generic cell rate algorithm, ITU-T I.371, annex A, as virtual scheduling). What it lacks until
 * then is its debt: nothing is refilled, nothing divided, and a bucket that was not used for a
 * while is the same as none. Times are nanoseconds with 16 fractional bits, modulo 2^64.
 *
 * A set that is full gives a newcomer the bucket that has been full for the longest time, which
 * says nothing, or else the one with the least debt, which loses least by being forgotten, and its
 * debt with it (as the counters of Space-Saving do: Metwally, Agrawal and El Abbadi, "Efficient
 * Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005), but never more than half
 * a burst and never so much that its first packet has no room. So no source gains by an eviction,
 * who sends too much is forgotten last, and a flood of forged sources costs a new one half its
 * burst at most.
 */
#ifndef SB_BUCKETS_H
#define SB_BUCKETS_H

#include <emmintrin.h>
#include <stdbool.h>

#include "abi.h"

enum {
    SB_BUCKET_WAYS = 7,
    SB_BUCKET_FRACTION_BITS = 16, /* of a time; in a set they hold the rest of the tag */
    SB_BUCKET_TAG_MASK = (1 << SB_BUCKET_FRACTION_BITS) - 1
};

/* Debt beyond every burst is a time long past. A bucket untouched for 78 hours (2^48 ns) can be
 * mistaken, for 64 seconds, for one in debt; it then starts empty. */
#define SB_BUCKET_DEBT_MAX (SB_LIMIT_BURST_NS_MAX << SB_BUCKET_FRACTION_BITS)

struct sb_bucket_set {
    uint64_t bucket[SB_BUCKET_WAYS]; /* full again, whole nanoseconds; 16 bits of the tag */
    uint8_t tag[SB_BUCKET_WAYS + 1]; /* 8 more; the last is not used */
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_bucket_set) == SB_CACHE_LINE, "9.1 bytes per source");

struct sb_buckets {
    struct sb_bucket_set *sets;
    uint32_t set_mask;
};

/* The bits of a hash that say which set, and those that tell addresses in it apart: two of them are
 * taken for one if 24 bits are the same. */
static inline struct sb_bucket_set *sb_buckets_home(const struct sb_buckets *table, uint64_t hash) {
    return &table->sets[hash & table->set_mask];
}

static inline uint32_t sb_bucket_tag(uint64_t hash) {
    return (uint32_t)(hash >> 40);
}

/* What a bucket lacks; at most burst. */
static inline uint64_t sb_bucket_debt(uint64_t full_at, uint64_t now, uint64_t burst) {
    uint64_t debt = full_at - now;

    debt = debt > SB_BUCKET_DEBT_MAX ? 0 : debt;
    return debt < burst ? debt : burst;
}

/* Whether cost fits beside the debt; if so it is spent. */
static inline bool sb_bucket_spend(uint64_t *debt, uint64_t cost, uint64_t burst) {
    bool fits = cost <= burst - *debt;

    *debt += fits ? cost : 0;
    return fits;
}

/* Whether a bucket that is never evicted has room for one packet. */
static inline bool sb_bucket_pay(uint64_t *full_at, uint64_t cost, uint64_t burst, uint64_t now) {
    uint64_t debt = sb_bucket_debt(*full_at, now, burst);
    bool fits = sb_bucket_spend(&debt, cost, burst);

    *full_at = now + debt;
    return fits;
}

/* Which of the ways has the tag; SB_BUCKET_WAYS: none. */
static inline uint32_t sb_bucket_find(const struct sb_bucket_set *set, uint32_t tag) {
    __m128i tags = _mm_loadl_epi64((const __m128i *)(const void *)set->tag);
    __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)(tag >> SB_BUCKET_FRACTION_BITS)));
    uint32_t ways = (uint32_t)_mm_movemask_epi8(same) & ((1 << SB_BUCKET_WAYS) - 1);

    for (; ways != 0; ways &= ways - 1) {
        uint32_t way = (uint32_t)__builtin_ctz(ways);

        if (((set->bucket[way] ^ tag) & SB_BUCKET_TAG_MASK) == 0)
            return way;
    }
    return SB_BUCKET_WAYS;
}

/* The way that loses least by being forgotten; *debt: what it lacks. */
uint32_t sb_bucket_least(const struct sb_bucket_set *set, uint64_t now, uint64_t *debt);
/* It is the newcomer's from now on; *debt: what it begins with. */
uint32_t sb_bucket_take(struct sb_bucket_set *set, uint32_t tag, uint64_t now, uint64_t *debt);

static inline void sb_bucket_store(struct sb_bucket_set *set, uint32_t way, uint64_t full_at) {
    uint64_t half = 1ull << (SB_BUCKET_FRACTION_BITS - 1), mask = SB_BUCKET_TAG_MASK;

    set->bucket[way] = ((full_at + half) & ~mask) | (set->bucket[way] & mask);
}

/* What a newcomer begins with, in the place of a bucket that lacked `least`. */
static inline uint64_t sb_bucket_newcomer_debt(uint64_t least, uint64_t cost, uint64_t burst) {
    uint64_t room = cost < burst ? burst - cost : 0;
    uint64_t debt = burst / 2 < room ? burst / 2 : room;

    return least < debt ? least : debt;
}

/* One packet that costs so much: whether its bucket has room for it. */
static inline bool sb_buckets_pay(struct sb_bucket_set *set, uint32_t tag, uint64_t cost,
                                  uint64_t burst, uint64_t now) {
    uint32_t way = sb_bucket_find(set, tag);
    uint64_t debt;
    bool fits;

    if (__builtin_expect(way == SB_BUCKET_WAYS, 0)) {
        uint64_t least;

        way = sb_bucket_take(set, tag, now, &least);
        debt = sb_bucket_newcomer_debt(least, cost, burst);
    } else {
        debt = sb_bucket_debt(set->bucket[way] & ~(uint64_t)SB_BUCKET_TAG_MASK, now, burst);
    }
    fits = sb_bucket_spend(&debt, cost, burst);
    sb_bucket_store(set, way, now + debt);
    return fits;
}

/* The debt of a tag's bucket, without charging it. For another thread than the owner's: every word
 * is read once, and may be another's for a moment. */
static inline uint64_t sb_buckets_peek(const struct sb_bucket_set *set, uint32_t tag, uint64_t cost,
                                       uint64_t burst, uint64_t now, bool *is_known) {
    uint32_t way = sb_bucket_find(set, tag);
    uint64_t least;

    *is_known = way != SB_BUCKET_WAYS;
    if (*is_known)
        return sb_bucket_debt(set->bucket[way] & ~(uint64_t)SB_BUCKET_TAG_MASK, now, burst);
    sb_bucket_least(set, now, &least);
    return sb_bucket_newcomer_debt(least, cost, burst);
}

#endif
