#include "prefix_sums.h"

#include <errno.h>

#include "tables/memory/memory.h"

static size_t places_bytes(const struct sb_prefix_sums *prefixes);
static struct sb_prefix_sum *find_or_make(struct sb_prefix_sums *prefixes,
                                          struct sb_address_words key, uint32_t prefix_length,
                                          uint32_t profile);
static inline uint64_t bits_of_word(uint64_t word, uint32_t bits);

int sb_prefix_sums_create(struct sb_prefix_sums *prefixes, uint32_t max,
                          const struct sb_hash_key *hash_key) {
    uint32_t places = 1;

    while (places < 2 * max)
        places *= 2;
    *prefixes =
        (struct sb_prefix_sums){.hash_key = *hash_key, .max = max, .place_mask = places - 1};
    prefixes->places = sb_memory_map_small(places_bytes(prefixes));
    prefixes->sums = sb_memory_map_small((size_t)max * sizeof(*prefixes->sums));
    return prefixes->places == NULL || prefixes->sums == NULL ? -ENOMEM : 0;
}

void sb_prefix_sums_free(struct sb_prefix_sums *prefixes) {
    sb_memory_unmap(prefixes->places, places_bytes(prefixes));
    sb_memory_unmap(prefixes->sums, (size_t)prefixes->max * sizeof(*prefixes->sums));
}

uint64_t sb_prefix_sums_bytes(const struct sb_prefix_sums *prefixes) {
    return places_bytes(prefixes) + (size_t)prefixes->max * sizeof(*prefixes->sums);
}

static size_t places_bytes(const struct sb_prefix_sums *prefixes) {
    return ((size_t)prefixes->place_mask + 1) * sizeof(*prefixes->places);
}

void sb_prefix_sums_clear(struct sb_prefix_sums *prefixes) {
    prefixes->collection++;
    prefixes->count = 0;
}

void sb_prefix_sums_add(struct sb_prefix_sums *prefixes, struct sb_address_words address,
                        uint32_t profile, const struct sb_history *history) {
    const bool is_ipv4 = address.word[0] == 0 && (uint32_t)address.word[1] == 0xffff0000;
    const uint32_t length = is_ipv4 ? SB_PREFIX_IPV4 : SB_PREFIX_IPV6;
    struct sb_prefix_sum *sum =
        find_or_make(prefixes, sb_prefix_of(address, length), length, profile);

    sum->destinations++;
    sb_counts_add(&sum->window, &history->window);
    sb_counts_add(&sum->since, &history->since);
}

static struct sb_prefix_sum *find_or_make(struct sb_prefix_sums *prefixes,
                                          struct sb_address_words key, uint32_t prefix_length,
                                          uint32_t profile) {
    const uint64_t collection = (uint64_t)prefixes->collection << 32;
    uint64_t hash = sb_hash_address(&prefixes->hash_key, key.word[0] ^ profile, key.word[1]);
    struct sb_prefix_sum *sum;

    for (; prefixes->places[hash & prefixes->place_mask] >> 32 == prefixes->collection; hash++) {
        sum = &prefixes->sums[(uint32_t)prefixes->places[hash & prefixes->place_mask]];
        if (sum->key.word[0] == key.word[0] && sum->key.word[1] == key.word[1] &&
            sum->profile == profile && sum->prefix_length == prefix_length)
            return sum;
    }
    prefixes->places[hash & prefixes->place_mask] = collection | prefixes->count;
    sum = &prefixes->sums[prefixes->count++];
    *sum = (struct sb_prefix_sum){.key = key, .prefix_length = prefix_length, .profile = profile};
    return sum;
}

struct sb_address_words sb_prefix_of(struct sb_address_words address, uint32_t prefix_length) {
    const uint32_t high = prefix_length < 64 ? prefix_length : 64;

    return (struct sb_address_words){
        {bits_of_word(address.word[0], high), bits_of_word(address.word[1], prefix_length - high)}};
}

/* The first bits of a word in memory order. */
static inline uint64_t bits_of_word(uint64_t word, uint32_t bits) {
    return bits == 0 ? 0 : word & __builtin_bswap64(UINT64_MAX << (64 - bits));
}
