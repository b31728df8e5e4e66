/* trie.h: a value for each address of a family. A trie is built once from ranges and then does not
 * change.
 *
 * The root is indexed by the top 18 bits of an address, each node below it by the next 6 bits. A
 * node has 64 slots. It only stores one bit for each slot at which a run of equal values begins,
 * and one value for each run: 32 bytes for up to ten runs, which suffices for nearly every node of
 * a country database. IPv4 addresses are in the top 32 bits, so both families have the same
 * structure. The bitmap over slots, and the popcount of the bits before a slot as index, are those
 * of Poptrie (Asai and Ohara, SIGCOMM 2015, section 3.2).
 */
#ifndef SB_TRIE_H
#define SB_TRIE_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"

enum {
    SB_TRIE_ROOT_BITS = 18, /* IPv4: prefixes up to /24 need one node below it */
    SB_TRIE_ROOT = 1 << SB_TRIE_ROOT_BITS,
    SB_TRIE_STRIDE = 6,
    SB_TRIE_SLOTS = 1 << SB_TRIE_STRIDE,
    SB_TRIE_DEPTH = 19, /* 18 + 19 * 6 is more than 128 */
    SB_TRIE_UNIT = 32,
    SB_TRIE_UNITS_MAX = 1 << 21
};
#define SB_TRIE_NODE (1u << 31)  /* in a root slot: the unit of a node, not a value */
#define SB_TRIE_CHILD (1u << 15) /* in a run: offset of the child from children, not a value */

/* Takes as many units as its runs need. */
struct sb_trie_node {
    uint64_t starts;   /* bit i: a run begins with slot i; bit 0 is set */
    uint32_t children; /* unit of the first child */
    uint16_t run[];
};

_Static_assert(offsetof(struct sb_trie_node, run) == 12, "ten runs to a unit");

struct sb_trie {
    uint32_t *root;
    uint8_t *units;
    uint32_t unit_count;
    size_t bytes; /* of root and units, which are one memory mapping */
};

/* ranges: see sb_countries_create, which has checked them. 0, -ENOMEM, -ENOSPC. */
int sb_trie_build(struct sb_trie *trie, const struct sb_country_range *ranges, uint32_t count);
void sb_trie_destroy(struct sb_trie *trie);

static inline const struct sb_trie_node *sb_trie_node(const struct sb_trie *trie, uint32_t slot) {
    return (const struct sb_trie_node *)(trie->units +
                                         (size_t)(slot & ~SB_TRIE_NODE) * SB_TRIE_UNIT);
}

static inline const uint32_t *sb_trie_root(const struct sb_trie *trie, uint64_t hi) {
    return &trie->root[hi >> (64 - SB_TRIE_ROOT_BITS)];
}

/* One level down from a slot that is a node. rest: the remaining bits of the address, left-aligned.
 */
static inline uint32_t sb_trie_step(const struct sb_trie *trie, uint32_t slot, uint64_t rest) {
    const struct sb_trie_node *node = sb_trie_node(trie, slot);
    uint64_t before = (2ull << (rest >> (64 - SB_TRIE_STRIDE))) - 1;
    uint32_t run = node->run[__builtin_popcountll(node->starts & before) - 1];

    return (run & SB_TRIE_CHILD) == 0 ? run
                                      : SB_TRIE_NODE | (node->children + (run & ~SB_TRIE_CHILD));
}

#endif
