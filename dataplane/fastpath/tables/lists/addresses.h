/* addresses.h: the single addresses of both families and lists in one hash table. The writer edits
 * it while readers use it.
 *
 * A bucket is one cache line of tags, so a look-up without a match reads one line. The entries of
 * the tags are in another array, which is only read for a match. Tags are 16 bits of a keyed hash:
 * about one of 4,000 unlisted addresses has the tag of a listed one, and the key in the entry shows
 * the difference. So a million addresses need 4 MB of tags, and this size decides the cost of a
 * look-up; docs/lists.md has the measurement against 32-bit tags in 8 MB. A key is in its home
 * bucket; if that is full, in a second bucket; if both are full, in a small stash. The home bucket
 * counts the keys in other places, so readers look there only if there are any. An entry does not
 * move while it lives.
 *
 * Order of stores: entry, index, tag. A removal clears the tag. The entry is reused after a grace
 * period (grace.h), so a reader that has found the tag still compares with the old key.
 */
#ifndef SB_ADDRESSES_H
#define SB_ADDRESSES_H

#include <emmintrin.h>
#include <stdbool.h>

#include "abi.h"
#include "tables/memory/grace.h"
#include "tables/memory/hash.h"

enum {
    /* Mean number of keys per bucket at full capacity: one key in 10,000 is then not in its home
     * bucket. */
    SB_ADDRESS_BUCKET_SLOTS = 31,
    SB_ADDRESS_BUCKET_LOAD = 16,
    SB_ADDRESS_STASH = 64,      /* at that load about one key in a million needs it */
    SB_ADDRESS_SLACK_SHIFT = 4, /* 1/16 more entries, for those in their grace period */
    SB_AWAY_SECOND_MAX = 0xfff,
    SB_AWAY_STASH = SB_AWAY_SECOND_MAX + 1,
    SB_AWAY_STASH_MAX = 0xf
};

#define SB_ADDRESS_NONE UINT32_MAX

struct sb_address_tags {
    uint16_t tag[SB_ADDRESS_BUCKET_SLOTS]; /* 0: empty */
    uint16_t away; /* keys of this home elsewhere: low 12 bits second bucket, others stash */
} __attribute__((aligned(64)));

struct sb_address_slots {
    uint32_t entry[SB_ADDRESS_BUCKET_SLOTS + 1]; /* the last element is not used */
} __attribute__((aligned(64)));

struct sb_address {
    uint64_t hi, lo; /* most significant half first, host order */
    uint64_t hits;   /* counted by the lcores */
    uint32_t deadline_ds;
    uint32_t state; /* list, state, and generation or next entry: addresses.c */
};

struct sb_address_stash {
    uint16_t tag[SB_ADDRESS_STASH];
    uint32_t entry[SB_ADDRESS_STASH];
};

struct sb_address_chain { /* a chain of entries through their state words */
    uint32_t head, tail;
};

struct sb_addresses {
    /* For readers. */
    struct sb_address_tags *tags;
    struct sb_address_slots *slots;
    struct sb_address *entries;
    struct sb_hash_key hash_key;
    uint32_t bucket_mask;
    /* Only for the writer. On a cache line of its own, because each write would otherwise
     * invalidate the readers' line above. */
    uint32_t capacity __attribute__((aligned(SB_CACHE_LINE))); /* entries that may be live */
    uint32_t entry_count;
    uint32_t used;
    uint32_t fresh; /* entries below it have been used once */
    struct sb_address_chain free;
    struct sb_address_chain waiting; /* in the current grace period */
    struct sb_address_chain removed; /* waiting for the next grace period */
    struct sb_grace grace;
    const struct sb_readers *readers;
    struct sb_address_stash stash;
};

_Static_assert(sizeof(struct sb_address_tags) == SB_CACHE_LINE, "a miss costs one line");
_Static_assert(sizeof(struct sb_address) == 32, "two entries to a cache line");

int sb_addresses_init(struct sb_addresses *table, uint32_t capacity, const uint8_t hash_key[16],
                      const struct sb_readers *readers);
void sb_addresses_fini(struct sb_addresses *table);
uint64_t sb_addresses_bytes(const struct sb_addresses *table);

/* Index of the entry of (hi, lo, list), or SB_ADDRESS_NONE. */
uint32_t sb_addresses_find(const struct sb_addresses *table, uint64_t hi, uint64_t lo,
                           uint32_t list);
/* Adds an entry that is not in the table. 0 or -ENOSPC. */
int sb_addresses_add(struct sb_addresses *table, const struct sb_address *entry, uint32_t list,
                     uint32_t generation);
void sb_addresses_remove(struct sb_addresses *table, uint32_t index);
/* Sets the deadline and the generation of an entry. */
void sb_addresses_renew(struct sb_addresses *table, uint32_t index, uint32_t deadline_ds,
                        uint32_t generation);
/* Frees the entries that no reader can use any more. */
void sb_addresses_reclaim(struct sb_addresses *table);
/* Prefetches the cache lines that a look-up of the address will read. */
void sb_addresses_prefetch(const struct sb_addresses *table, uint64_t hi, uint64_t lo);

bool sb_address_live(const struct sb_address *entry);
uint32_t sb_address_generation(const struct sb_address *entry);

enum { SB_ADDRESS_LIST_SHIFT = 31 };

static inline uint32_t sb_address_list(const struct sb_address *entry) {
    return __atomic_load_n(&entry->state, __ATOMIC_RELAXED) >> SB_ADDRESS_LIST_SHIFT;
}

/* The lower half of the hash selects the home bucket. The upper half (high) gives the tag and,
 * mixed with the home, the second bucket. */
static inline uint32_t sb_address_home(uint32_t bucket_mask, uint64_t hash) {
    return (uint32_t)hash & bucket_mask;
}

static inline uint32_t sb_address_high(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}

static inline uint16_t sb_address_tag(uint32_t high) {
    uint32_t tag = high >> 16;

    return (uint16_t)(tag + (tag == 0));
}

static inline uint32_t sb_address_second(const struct sb_addresses *table, uint32_t high,
                                         uint32_t home) {
    return (home + 1 + ((high * 0x9e3779b1u) >> 5)) & table->bucket_mask;
}

static inline uint32_t sb_away_second(uint32_t away) {
    return away & SB_AWAY_SECOND_MAX;
}

static inline uint32_t sb_away_stash(uint32_t away) {
    return away / SB_AWAY_STASH;
}

/* Bit i: slot i holds the tag. SSE2 is the baseline of every x86-64. */
static inline uint32_t sb_address_tags_match(const struct sb_address_tags *bucket, uint16_t tag) {
    const __m128i *line = (const __m128i *)bucket->tag;
    __m128i want = _mm_set1_epi16((short)tag);
    __m128i a = _mm_cmpeq_epi16(_mm_load_si128(line), want);
    __m128i b = _mm_cmpeq_epi16(_mm_load_si128(line + 1), want);
    __m128i c = _mm_cmpeq_epi16(_mm_load_si128(line + 2), want);
    __m128i d = _mm_cmpeq_epi16(_mm_load_si128(line + 3), want);
    uint32_t low = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(a, b));
    uint32_t high = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(c, d));

    return (high << 16 | low) & ((1u << SB_ADDRESS_BUCKET_SLOTS) - 1);
}

/* Not 0: the table may contain an address with this upper half of the hash: a slot has its tag, or
 * keys of this home bucket are in other places. Cheaper than sb_address_tags_match, which then
 * finds the slot. For tag 0, which sb_address_tag replaces by 1, the result is never 0: `away`
 * either equals 0 and so matches, or is itself in the result. */
static inline uint32_t sb_address_tags_maybe(const struct sb_address_tags *bucket, uint32_t high) {
    const __m128i *line = (const __m128i *)bucket->tag;
    __m128i want = _mm_set1_epi16((short)(high >> 16));
    __m128i ab = _mm_or_si128(_mm_cmpeq_epi16(_mm_load_si128(line), want),
                              _mm_cmpeq_epi16(_mm_load_si128(line + 1), want));
    __m128i cd = _mm_or_si128(_mm_cmpeq_epi16(_mm_load_si128(line + 2), want),
                              _mm_cmpeq_epi16(_mm_load_si128(line + 3), want));

    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(ab, cd)) | bucket->away;
}

#endif
