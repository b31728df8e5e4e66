/* addresses.h: single addresses of both families and lists in one hash table, edited in place
 * beside its readers.
 *
 * A bucket is one cache line of tags, so a miss costs one line; which entry a tag belongs to stands
 * elsewhere, where only a hit looks. Tags are 16 bits of a keyed hash: one foreign address in 4,000
 * meets its like and is told by the key in the entry. So a million addresses take 4 MB of tags,
 * which is what decides the cost of a miss: measured against tags of 32 bits in 8 MB,
 * docs/lists.md. A key lives in its home bucket; when that is full in a second one, when both are
 * full in a small stash; the home counts those away, so that no reader looks elsewhere without
 * need. No entry moves while it lives.
 *
 * Order of stores: entry, index, tag. Removal clears the tag; the entry is reused after a grace
 * period (grace.h), so a reader that found the tag still compares against the old key.
 */
#ifndef SB_ADDRESSES_H
#define SB_ADDRESSES_H

#include <emmintrin.h>
#include <stdbool.h>

#include "abi.h"
#include "tables/memory/grace.h"
#include "tables/memory/hash.h"

enum {
    SB_ADDRESS_BUCKET_SLOTS = 31,
    SB_ADDRESS_BUCKET_LOAD =
        16, /* mean keys per bucket at capacity: one in 10,000 lives away from home */
    SB_ADDRESS_STASH = 64,      /* at that load about one of a million needs it */
    SB_ADDRESS_SLACK_SHIFT = 4, /* 1/16 more entries than live, for those in their grace period */
    SB_AWAY_SECOND_MAX = 0xfff,
    SB_AWAY_STASH = SB_AWAY_SECOND_MAX + 1,
    SB_AWAY_STASH_MAX = 0xf
};

#define SB_ADDRESS_NONE UINT32_MAX

struct sb_address_tags {
    uint16_t tag[SB_ADDRESS_BUCKET_SLOTS]; /* 0: empty */
    uint16_t away; /* keys at home here that live in: low 12 bits second bucket, others stash */
} __attribute__((aligned(64)));

struct sb_address_slots {
    uint32_t entry[SB_ADDRESS_BUCKET_SLOTS + 1]; /* the last is not used */
} __attribute__((aligned(64)));

struct sb_address {
    uint64_t hi, lo; /* most significant half first, host order */
    uint64_t hits;   /* counted by the lcores */
    uint32_t deadline_ds;
    uint32_t state; /* list, state, and generation or next free: addresses.c */
};

struct sb_address_stash {
    uint16_t tag[SB_ADDRESS_STASH];
    uint32_t entry[SB_ADDRESS_STASH];
};

struct sb_address_chain { /* of entries, through their state words */
    uint32_t head, tail;
};

struct sb_addresses {
    /* What readers use. */
    struct sb_address_tags *tags;
    struct sb_address_slots *slots;
    struct sb_address *entries;
    struct sb_hash_key hash_key;
    uint32_t bucket_mask;
    /* What only the writer uses: a line of its own, or every put would take the one above from the
     * readers. */
    uint32_t capacity __attribute__((aligned(SB_CACHE_LINE))); /* entries that may live */
    uint32_t entry_count;
    uint32_t used;
    uint32_t fresh; /* entries below it have been used once */
    struct sb_address_chain free;
    struct sb_address_chain waiting; /* in the grace period */
    struct sb_address_chain removed; /* will be in the next one */
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
/* Adds an entry that is not there. 0 or -ENOSPC. */
int sb_addresses_add(struct sb_addresses *table, const struct sb_address *entry, uint32_t list,
                     uint32_t generation);
void sb_addresses_remove(struct sb_addresses *table, uint32_t index);
/* New deadline and generation of an entry. */
void sb_addresses_renew(struct sb_addresses *table, uint32_t index, uint32_t deadline_ds,
                        uint32_t generation);
/* Moves what readers have let go of to the free entries. */
void sb_addresses_reclaim(struct sb_addresses *table);
/* Loads the lines that a look-up of the address will want. */
void sb_addresses_prefetch(const struct sb_addresses *table, uint64_t hi, uint64_t lo);

bool sb_address_live(const struct sb_address *entry);
uint32_t sb_address_generation(const struct sb_address *entry);

enum { SB_ADDRESS_LIST_SHIFT = 31 };

static inline uint32_t sb_address_list(const struct sb_address *entry) {
    return __atomic_load_n(&entry->state, __ATOMIC_RELAXED) >> SB_ADDRESS_LIST_SHIFT;
}

/* Where an address belongs: the lower half of the hash says the home bucket, the upper half
 * (high) the tag and, mixed with the home, the second bucket. */
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

/* Not 0: the address table may know an address with that upper half of the hash: a slot holds its
 * tag, or keys at home here live elsewhere. Cheaper than sb_address_tags_match, which then says
 * where. Tag 0, which sb_address_tag makes 1, gets no other look here: whatever the bucket holds,
 * an empty slot or `away` says so. */
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
