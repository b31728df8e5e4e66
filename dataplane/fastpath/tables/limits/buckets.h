/* buckets.h: token buckets of addresses that an attacker may choose: a table of fixed size, keyed
 * hash, seven to a cache line.
 *
 * A bucket is one number: the time at which it is full again (the theoretical arrival time of the
 * generic cell rate algorithm, ITU-T I.371, annex A, as virtual scheduling). What it lacks until
 * then is its debt: nothing is refilled, nothing divided, and a bucket that was not used for a
 * while is the same as none. Times are nanoseconds with 16 fractional bits, modulo 2^64.
 *
 * A newcomer gets the bucket of its set that has been full for the longest time, which holds no
 * information. If all seven are in debt, it gets one of a second set, which its tag selects
 * (two choices: Azar et al., "Balanced Allocations", STOC 1994), and its home set notes until when
 * a bucket of its own may be elsewhere. So no source in debt is forgotten while one of its two sets
 * has room, however many flooders a set is home of: a table of 7-way sets is nearly full by then.
 *
 * If both sets are full, a newcomer gets the bucket with the least debt, which loses least by being
 * forgotten, and its debt with it (as the counters of Space-Saving do: Metwally, Agrawal and El
 * Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005), but
 * never more than half a burst and never so much that its first packet has no room. So who sends
 * most is forgotten last, and a flood costs a new source half its burst at most. The price of that
 * promise: a flooder that is forgotten comes back as a new source. In a table that is full of
 * sources in debt, flooders can pass more than their limit.
 */
#ifndef SB_BUCKETS_H
#define SB_BUCKETS_H

#include <emmintrin.h>
#include <stdbool.h>

#include "abi.h"

enum {
    SB_BUCKET_WAYS = 7,
    SB_BUCKET_FRACTION_BITS = 16, /* of a time; in a set they hold the rest of the tag */
    SB_BUCKET_TAG_MASK = (1 << SB_BUCKET_FRACTION_BITS) - 1,
    SB_BUCKET_SLOT_BITS = SB_BUCKET_FRACTION_BITS + 30, /* of a time: slots of 1.07 s */
    SB_BUCKET_DEBT_SLOTS = SB_LIMIT_BURST_S_MAX + 1     /* no debt lasts longer */
};

_Static_assert(SB_BUCKET_DEBT_SLOTS < 128, "sb_bucket_set.strays_until");

/* Debt beyond every burst is a time long past. A bucket untouched for 78 hours (2^48 ns) can be
 * mistaken, for 64 seconds, for one in debt; it then starts empty. */
#define SB_BUCKET_DEBT_MAX (SB_LIMIT_BURST_NS_MAX << SB_BUCKET_FRACTION_BITS)

struct sb_bucket_set {
    uint64_t bucket[SB_BUCKET_WAYS]; /* full again, whole nanoseconds; 16 bits of the tag */
    uint8_t tag[SB_BUCKET_WAYS];     /* 8 more */
    uint8_t strays_until; /* in SB_BUCKET_SLOT_BITS modulo 256: until then a bucket whose home this
                             is may be in debt elsewhere; 0: none */
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_bucket_set) == SB_CACHE_LINE, "9.1 bytes per source");

struct sb_buckets {
    struct sb_bucket_set *sets;
    uint32_t set_mask;
};

/* Where a bucket is, and what it lacks. */
struct sb_bucket_place {
    struct sb_bucket_set *set;
    uint32_t way; /* SB_BUCKET_WAYS: nowhere */
    uint64_t debt;
};

/* The bits of a hash that say which set, and those that tell addresses in it apart: two of them are
 * taken for one if 24 bits are the same, in one set or, while one of them has strayed, in two. */
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

static inline uint64_t sb_bucket_debt_of(const struct sb_bucket_set *set, uint32_t way,
                                         uint64_t now, uint64_t burst) {
    return sb_bucket_debt(set->bucket[way] & ~(uint64_t)SB_BUCKET_TAG_MASK, now, burst);
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
    __m128i tags = _mm_loadl_epi64((const __m128i *)(const void *)set->tag); /* and strays_until */
    __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)(tag >> SB_BUCKET_FRACTION_BITS)));
    uint32_t ways = (uint32_t)_mm_movemask_epi8(same) & ((1 << SB_BUCKET_WAYS) - 1);

    for (; ways != 0; ways &= ways - 1) {
        uint32_t way = (uint32_t)__builtin_ctz(ways);

        if (((set->bucket[way] ^ tag) & SB_BUCKET_TAG_MASK) == 0)
            return way;
    }
    return SB_BUCKET_WAYS;
}

/* The bucket of a tag that is not in its home set, in debt in another; way SB_BUCKET_WAYS: none. */
struct sb_bucket_place sb_buckets_strayed(const struct sb_buckets *table,
                                          struct sb_bucket_set *home, uint32_t tag, uint64_t now,
                                          uint64_t burst);
/* The bucket that loses least by being forgotten, for a newcomer. */
struct sb_bucket_place sb_buckets_least(const struct sb_buckets *table, struct sb_bucket_set *home,
                                        uint32_t tag, uint64_t now);
/* The bucket of a tag that is not in its home set: the strayed one, or one that is the newcomer's
 * from now on. The home set notes what strays. */
struct sb_bucket_place sb_buckets_take(const struct sb_buckets *table, struct sb_bucket_set *home,
                                       uint32_t tag, uint64_t cost, uint64_t burst, uint64_t now);

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

/* One packet that costs so much: whether the bucket of a tag, whose home is that set, has room for
 * it. */
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

/* The debt of a tag's bucket, without charging it. For another thread than the owner's: every word
 * is read once, and may be another's for a moment. */
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
