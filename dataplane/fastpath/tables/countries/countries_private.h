/* countries_private.h: how the country stage searches: the addresses of a burst together, level by
 * level, so that their cache misses overlap. */
#ifndef SB_COUNTRIES_PRIVATE_H
#define SB_COUNTRIES_PRIVATE_H

#include <stdbool.h>

#include "countries.h"
#include "packet/address.h"
#include "trie.h"

struct sb_countries {
    struct sb_trie ipv4, ipv6;
};

/* The trie and the bits to look up for an address. An IPv6 address that contains an IPv4 address is
 * looked up as IPv4, because MMDB files alias these ranges to their IPv4 tree: mapped addresses,
 * 6to4 (2002::/16 and the router's address; RFC 3056, 2) and Teredo (2001::/32 and the server's;
 * RFC 4380, 4). */
static inline struct sb_family_address sb_country_address(const uint8_t *bytes,
                                                          uint32_t ip_version) {
    const struct sb_family_address address = sb_family_address_read(bytes, ip_version);

    if (SB_LIKELY(address.is_ipv4))
        return address;
    if (SB_UNLIKELY(address.hi >> 48 == 0x2002))
        return (struct sb_family_address){true, address.hi >> 16 << 32, 0};
    if (SB_UNLIKELY(address.hi >> 32 == 0x20010000))
        return (struct sb_family_address){true, address.hi << 32, 0};
    return address;
}

/* Addresses of one family, and the state of their look-up, by index. The arrays have no byte
 * elements: a compiler must assume that a store to a byte changes any variable, and would keep
 * count in memory. */
struct sb_country_batch {
    uint32_t packet[SB_BURST_MAX]; /* index of the address's packet in the burst */
    uint64_t hi[SB_BURST_MAX];     /* the address; then its remaining bits, left-aligned */
    uint64_t lo[SB_BURST_MAX];
    uint32_t slot[SB_BURST_MAX]; /* SB_TRIE_NODE: the next node; at the end the country */
};

static inline void sb_country_batch_shift(struct sb_country_batch *batch, uint32_t place,
                                          uint32_t bits, bool has_lo) {
    uint64_t hi = batch->hi[place] << bits;

    if (has_lo) {
        hi |= batch->lo[place] >> (64 - bits);
        batch->lo[place] <<= bits;
    }
    batch->hi[place] = hi;
}

/* Finds the countries of count addresses. has_lo, a constant: whether the addresses are longer than
 * 64 bits. */
static inline __attribute__((always_inline)) void
sb_country_batch_find(const struct sb_trie *table, struct sb_country_batch *batch, uint32_t count,
                      bool has_lo) {
    const struct sb_trie trie = *table;
    uint32_t open[SB_BURST_MAX], open_count = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = *sb_trie_root(&trie, batch->hi[i]);

        __builtin_prefetch(sb_trie_node(&trie, slot));
        sb_country_batch_shift(batch, i, SB_TRIE_ROOT_BITS, has_lo);
        batch->slot[i] = slot;
        open[open_count] = i;
        open_count += slot >> 31;
    }
    while (open_count != 0) {
        uint32_t still = 0;

        for (uint32_t i = 0; i < open_count; i++) {
            uint32_t place = open[i];
            uint32_t slot = sb_trie_step(&trie, batch->slot[place], batch->hi[place]);

            __builtin_prefetch(sb_trie_node(&trie, slot));
            sb_country_batch_shift(batch, place, SB_TRIE_STRIDE, has_lo);
            batch->slot[place] = slot;
            open[still] = place;
            still += slot >> 31;
        }
        open_count = still;
    }
}

#endif
