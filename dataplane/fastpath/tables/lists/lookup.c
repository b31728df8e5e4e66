/* lookup.c: the readers' side of lists.h. It handles a burst in passes, so that the cache misses of
 * its packets overlap.
 *
 * A client without any entry costs one cache line of the address table and one of the prefix map.
 * The later passes handle only the few remaining clients.
 */
#include "lists_private.h"
#include "packet/packet.h"

/* One burst's look-up. Sets of clients are bitmaps. */
struct lookup {
    const struct sb_lists *lists;
    const struct sb_address_key *keys;
    const struct sb_ranges *ranges[SB_FAMILY_COUNT];
    uint32_t lcore;
    uint32_t boot_ds;
    uint32_t tagged;  /* the address table may contain the client */
    uint32_t covered; /* a prefix may cover it; after the search: one does */
    const struct sb_address_tags *bucket[SB_BURST_MAX]; /* its home bucket */
    uint32_t high[SB_BURST_MAX];                        /* upper half of the hash */
    uint32_t value[SB_BURST_MAX];                       /* longest prefix entry + 1 */
};

/* The hit counters of the entries that decide about a client, by list; NULL: no entry. */
struct decision {
    uint64_t *hits[SB_LIST_COUNT];
};

/* The position of an address in the ranges of a family. */
struct place {
    const struct sb_ranges *ranges;
    uint64_t hi; /* as in struct sb_prefix */
};

static uint32_t match(const struct sb_lists *lists, uint32_t lcore, const struct sb_burst *plain,
                      const struct sb_address_key *keys, uint32_t count, uint32_t boot_ds,
                      struct sb_lists_match *matches);
static inline void locate_plain(struct lookup *lookup, const struct sb_burst *burst);
static void locate(struct lookup *lookup, uint32_t count);
static void probe(struct lookup *lookup, uint32_t count);
static inline void ask_for_slots(const struct lookup *lookup) __attribute__((always_inline));
static void search_ranges(struct lookup *lookup);
static inline void prefetch_entries(const struct lookup *lookup) __attribute__((always_inline));
static void ask_addresses(const struct lookup *lookup, uint32_t i, struct decision *decision);
static void ask_prefixes(const struct lookup *lookup, uint32_t i, struct decision *decision);

static uint32_t take_bit(uint32_t *set) {
    uint32_t i = (uint32_t)__builtin_ctz(*set);

    *set &= *set - 1;
    return i;
}

static uint32_t family_of(const struct sb_address_key *key) {
    return sb_address_is_ipv4(*key) ? SB_FAMILY_IPV4 : SB_FAMILY_IPV6;
}

static inline struct place place_of(const struct lookup *lookup, uint32_t i) {
    const struct sb_address_key *key = &lookup->keys[i];
    uint32_t family = family_of(key);

    return (struct place){.ranges = lookup->ranges[family],
                          .hi = family == SB_FAMILY_IPV4 ? key->lo << 32 : key->hi};
}

static inline uint32_t plain_client(const struct sb_burst *burst, uint32_t i) {
    return sb_plain_source(&burst->packets[burst->live[i]]);
}

uint32_t sb_lists_match_plain(const struct sb_lists *lists, uint32_t lcore,
                              const struct sb_burst *burst, uint32_t boot_ds,
                              struct sb_lists_match *matches) {
    return match(lists, lcore, burst, NULL, burst->live_count, boot_ds, matches);
}

uint32_t sb_lists_match(const struct sb_lists *lists, uint32_t lcore,
                        const struct sb_address_key *keys, uint32_t count, uint32_t boot_ds,
                        struct sb_lists_match *matches) {
    return match(lists, lcore, NULL, keys, count, boot_ds, matches);
}

/* The keys of the few clients that may be listed. */
static inline void fill_keys(struct sb_address_key keys[SB_BURST_MAX], const struct sb_burst *burst,
                             uint32_t set) {
    while (set != 0) {
        uint32_t i = take_bit(&set);

        keys[i] = (struct sb_address_key){0, SB_ADDRESS_MAPPED << 32 | plain_client(burst, i)};
    }
}

/* Clients are the live packets of plain or, if that is NULL, keys. One function serves both, so
 * that the compiler inlines all helpers. */
static __attribute__((noinline)) uint32_t match(const struct sb_lists *lists, uint32_t lcore,
                                                const struct sb_burst *plain,
                                                const struct sb_address_key *keys, uint32_t count,
                                                uint32_t boot_ds, struct sb_lists_match *matches) {
    struct sb_address_key plain_keys[SB_BURST_MAX];
    struct lookup lookup;
    uint32_t set, matched = 0;

    lookup.lists = lists;
    lookup.keys = keys;
    lookup.lcore = lcore;
    lookup.boot_ds = boot_ds;
    for (int family = 0; family < SB_FAMILY_COUNT; family++)
        lookup.ranges[family] = __atomic_load_n(&lists->prefixes[family].ranges, __ATOMIC_ACQUIRE);
    if (plain != NULL) {
        lookup.keys = plain_keys;
        locate_plain(&lookup, plain);
        fill_keys(plain_keys, plain, lookup.covered);
    } else {
        locate(&lookup, count);
    }
    if (lookup.covered != 0)
        ask_for_slots(&lookup);
    probe(&lookup, count);
    if (plain != NULL)
        fill_keys(plain_keys, plain, lookup.tagged);
    if (lookup.covered != 0)
        search_ranges(&lookup);
    set = lookup.tagged | lookup.covered;
    if (set != 0)
        prefetch_entries(&lookup);
    while (set != 0) {
        uint32_t i = take_bit(&set);
        struct decision decision = {{NULL}};
        uint32_t list;

        if ((lookup.tagged >> i & 1) != 0)
            ask_addresses(&lookup, i, &decision);
        if ((lookup.covered >> i & 1) != 0 && decision.hits[SB_LIST_ALLOWLIST] == NULL)
            ask_prefixes(&lookup, i, &decision);
        list = decision.hits[SB_LIST_ALLOWLIST] != NULL ? SB_LIST_ALLOWLIST : SB_LIST_BLACKLIST;
        if (decision.hits[list] == NULL)
            continue;
        matches[i] = (struct sb_lists_match){.hits = decision.hits[list], .list = list};
        matched |= 1u << i;
    }
    return matched;
}

/* Bit i: words[i] is 0, or its top bit is set. All words are handled together, because a shift by i
 * for every client would cost more. */
static inline uint32_t zeros(const uint32_t words[SB_BURST_MAX]) {
    uint32_t bits = 0;

    for (uint32_t i = 0; i < SB_BURST_MAX; i += 4) {
        __m128i four = _mm_load_si128((const __m128i *)&words[i]);
        __m128i zero = _mm_cmpeq_epi32(four, _mm_setzero_si128());

        bits |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(zero)) << i;
    }
    return bits;
}

static inline uint32_t first_bits(uint32_t count) {
    return count == SB_BURST_MAX ? UINT32_MAX : (1u << count) - 1;
}

static inline uint32_t top_bits(const uint32_t words[SB_BURST_MAX]) {
    uint32_t bits = 0;

    for (uint32_t i = 0; i < SB_BURST_MAX; i += 4) {
        __m128i four = _mm_load_si128((const __m128i *)&words[i]);

        bits |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(four)) << i;
    }
    return bits;
}

/* Finds each client's bucket and prefetches it. The prefix map is small enough to be read
 * immediately. */
static void locate(struct lookup *lookup, uint32_t count) {
    const struct sb_addresses *table = &lookup->lists->addresses;
    uint32_t maybe[SB_BURST_MAX] __attribute__((aligned(16)));

    for (uint32_t i = 0; i < count; i++) {
        const struct sb_address_key *key = &lookup->keys[i];
        uint64_t hash = sb_hash_address(&table->hash_key, key->hi, key->lo);
        struct place place = place_of(lookup, i);

        lookup->high[i] = sb_address_high(hash);
        lookup->bucket[i] = &table->tags[sb_address_home(table->bucket_mask, hash)];
        __builtin_prefetch(lookup->bucket[i]);
        maybe[i] = sb_ranges_maybe(place.ranges->map, (uint32_t)(place.hi >> 32));
    }
    lookup->covered = top_bits(maybe) & first_bits(count);
}

/* As locate, for a plain burst. The table's fields are copied before the loop, because the compiler
 * has to assume that a store to struct lookup changes the table. */
static inline void locate_plain(struct lookup *lookup, const struct sb_burst *burst) {
    const struct sb_address_tags *tags = lookup->lists->addresses.tags;
    const struct sb_hash_key hash_key = lookup->lists->addresses.hash_key;
    const uint32_t mask = lookup->lists->addresses.bucket_mask, count = burst->live_count;
    const uint32_t *map = lookup->ranges[SB_FAMILY_IPV4]->map;
    uint32_t maybe[SB_BURST_MAX] __attribute__((aligned(16)));

    for (uint32_t i = 0; i < count; i++) {
        uint32_t client = plain_client(burst, i);
        uint64_t hash = sb_hash_address(&hash_key, 0, SB_ADDRESS_MAPPED << 32 | client);

        lookup->high[i] = sb_address_high(hash);
        lookup->bucket[i] = &tags[sb_address_home(mask, hash)];
        __builtin_prefetch(lookup->bucket[i]);
        maybe[i] = sb_ranges_maybe(map, client);
    }
    lookup->covered = top_bits(maybe) & first_bits(count);
}

/* Removes the clients that the address table does not contain. */
static void probe(struct lookup *lookup, uint32_t count) {
    uint32_t maybe[SB_BURST_MAX] __attribute__((aligned(16)));

    for (uint32_t i = 0; i < count; i++)
        maybe[i] = sb_address_tags_maybe(lookup->bucket[i], lookup->high[i]);
    lookup->tagged = ~zeros(maybe) & first_bits(count);
}

static inline void ask_for_slots(const struct lookup *lookup) {
    for (uint32_t set = lookup->covered; set != 0;) {
        struct place place = place_of(lookup, take_bit(&set));

        __builtin_prefetch(&place.ranges->root[place.hi >> (64 - SB_RANGES_ROOT_BITS)]);
    }
}

/* In passes, so that the cache misses of all clients overlap. Whether the slot of a split cell
 * requires a search is not predictable, so a bitmap replaces the branch. */
static void search_ranges(struct lookup *lookup) {
    uint32_t searched = 0;

    for (uint32_t set = lookup->covered; set != 0;) {
        uint32_t i = take_bit(&set);
        struct place place = place_of(lookup, i);

        lookup->value[i] = sb_ranges_slot(place.ranges, place.hi);
        searched |= (lookup->value[i] >> 31) << i;
        lookup->covered ^= (uint32_t)(lookup->value[i] == 0) << i;
    }
    while (searched != 0) {
        uint32_t i = take_bit(&searched);
        struct place place = place_of(lookup, i);

        lookup->value[i] =
            sb_ranges_value(place.ranges, lookup->value[i], place.hi, lookup->keys[i].lo);
        lookup->covered ^= (uint32_t)(lookup->value[i] == 0) << i;
    }
}

/* Prefetches the entries of all clients before the first one is read: in a flood from banned
 * addresses every packet needs one. Always inlined: gcc regards a function that only prefetches as
 * one without effect, and removes the call. */
static inline void prefetch_entries(const struct lookup *lookup) {
    const struct sb_addresses *table = &lookup->lists->addresses;
    uint32_t tagged = lookup->tagged, covered = lookup->covered;
    const uint32_t *first[SB_BURST_MAX];

    for (uint32_t set = tagged; set != 0;) {
        uint32_t i = take_bit(&set);
        uint32_t slots = sb_address_tags_match(lookup->bucket[i], sb_address_tag(lookup->high[i]));

        /* The last slot is never used: its entry is 0. */
        first[i] = &table->slots[lookup->bucket[i] - table->tags]
                        .entry[__builtin_ctz(slots | 1u << SB_ADDRESS_BUCKET_SLOTS)];
        __builtin_prefetch(first[i]);
    }
    while (covered != 0) {
        uint32_t i = take_bit(&covered), family = family_of(&lookup->keys[i]);

        __builtin_prefetch(&lookup->lists->prefixes[family].entries[lookup->value[i] - 1]);
        __builtin_prefetch(&lookup->ranges[family]->link[lookup->value[i] - 1]);
    }
    while (tagged != 0)
        __builtin_prefetch(&table->entries[*first[take_bit(&tagged)]], 1);
}

/* --- single addresses ------------------------------------------------------------------------- */

static void ask_entry(const struct lookup *lookup, uint32_t i, const uint32_t *index,
                      struct decision *decision) {
    const struct sb_address_key *key = &lookup->keys[i];
    struct sb_address *entry =
        &lookup->lists->addresses.entries[__atomic_load_n(index, __ATOMIC_ACQUIRE)];

    if (entry->hi != key->hi || entry->lo != key->lo ||
        sb_deadline_over(__atomic_load_n(&entry->deadline_ds, __ATOMIC_RELAXED), lookup->boot_ds))
        return;
    decision->hits[sb_address_list(entry)] = &entry->hits;
}

static void ask_bucket(const struct lookup *lookup, uint32_t i, uint32_t bucket,
                       struct decision *decision) {
    const struct sb_addresses *table = &lookup->lists->addresses;
    uint32_t set = sb_address_tags_match(&table->tags[bucket], sb_address_tag(lookup->high[i]));

    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* tags are read before indices: addresses.h */
    while (set != 0)
        ask_entry(lookup, i, &table->slots[bucket].entry[take_bit(&set)], decision);
}

static void ask_stash(const struct lookup *lookup, uint32_t i, struct decision *decision) {
    const struct sb_address_stash *stash = &lookup->lists->addresses.stash;

    for (uint32_t k = 0; k < SB_ADDRESS_STASH; k++)
        if (__atomic_load_n(&stash->tag[k], __ATOMIC_ACQUIRE) == sb_address_tag(lookup->high[i]))
            ask_entry(lookup, i, &stash->entry[k], decision);
}

static void ask_addresses(const struct lookup *lookup, uint32_t i, struct decision *decision) {
    const struct sb_addresses *table = &lookup->lists->addresses;
    uint32_t home = (uint32_t)(lookup->bucket[i] - table->tags);
    uint32_t away = __atomic_load_n(&lookup->bucket[i]->away, __ATOMIC_RELAXED);

    ask_bucket(lookup, i, home, decision);
    if (sb_away_second(away) != 0)
        ask_bucket(lookup, i, sb_address_second(table, lookup->high[i], home), decision);
    if (sb_away_stash(away) != 0)
        ask_stash(lookup, i, decision);
}

/* --- prefixes --------------------------------------------------------------------------------- */

/* Checks the entries from the longest to the shortest. A ban decides only if no shorter entry can
 * be on the allowlist. */
static void ask_prefixes(const struct lookup *lookup, uint32_t i, struct decision *decision) {
    uint32_t family = family_of(&lookup->keys[i]);
    const struct sb_prefixes *prefixes = &lookup->lists->prefixes[family];
    const struct sb_ranges *ranges = lookup->ranges[family];
    uint64_t *hits = prefixes->hits + (size_t)lookup->lcore * prefixes->hits_stride;
    uint32_t value = lookup->value[i];

    for (uint32_t depth = 0; value != 0 && depth < SB_PREFIX_DEPTH; depth++) {
        const struct sb_prefix *entry = &prefixes->entries[value - 1];
        uint32_t link = ranges->link[value - 1];

        if (!sb_deadline_over(__atomic_load_n(&entry->deadline_ds, __ATOMIC_RELAXED),
                              lookup->boot_ds)) {
            if (decision->hits[entry->list] == NULL)
                decision->hits[entry->list] = &hits[value - 1];
            if (entry->list == SB_LIST_ALLOWLIST)
                return;
        }
        if (decision->hits[SB_LIST_BLACKLIST] != NULL && (link & SB_PREFIX_ALLOW_ABOVE) == 0)
            return;
        value = link & SB_PREFIX_LINK;
    }
}
