/* countries_private.h: what the country stage searches in: one step at a time, so that the cache
 * misses of a burst overlap. */
#ifndef SB_COUNTRIES_PRIVATE_H
#define SB_COUNTRIES_PRIVATE_H

#include "countries.h"
#include "trie.h"

struct sb_countries {
    struct sb_trie ipv4, ipv6;
};

/* Where a search has come to. */
struct sb_country_search {
    const struct sb_trie *trie;
    uint64_t hi, lo; /* what is left of the address, at the top */
    uint32_t slot;   /* SB_TRIE_NODE: to go on from; else the country */
};

static inline struct sb_country_search sb_country_search_of(const struct sb_trie *trie, uint64_t hi,
                                                            uint64_t lo) {
    return (struct sb_country_search){
        .trie = trie,
        .hi = hi << SB_TRIE_ROOT_BITS | lo >> (64 - SB_TRIE_ROOT_BITS),
        .lo = lo << SB_TRIE_ROOT_BITS,
        .slot = *sb_trie_root(trie, hi),
    };
}

/* An IPv6 address that maps one of IPv4 is that (RFC 4291, 2.5.5.2). */
static inline struct sb_country_search sb_country_search_ipv6(const struct sb_countries *countries,
                                                              uint64_t hi, uint64_t lo) {
    if (hi == 0 && lo >> 32 == 0xffff)
        return sb_country_search_of(&countries->ipv4, lo << 32, 0);
    return sb_country_search_of(&countries->ipv6, hi, lo);
}

static inline void sb_country_search_step(struct sb_country_search *search) {
    search->slot = sb_trie_step(search->trie, search->slot, search->hi);
    search->hi = search->hi << SB_TRIE_STRIDE | search->lo >> (64 - SB_TRIE_STRIDE);
    search->lo <<= SB_TRIE_STRIDE;
}

#endif
