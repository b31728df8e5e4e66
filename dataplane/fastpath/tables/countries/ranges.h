/* ranges.h: nested prefixes, flattened into disjoint ranges. A generation is built by the writer
 * and does not change while readers use it.
 *
 * A range begins at a boundary and ends at the next one. Its value is the longest entry that covers
 * it. Each entry links to the next shorter one (or to the same prefix on the other list), so
 * deadlines and lists can be checked at look-up. A map with one bit for each value of an address's
 * top 20 bits tells whether any entry covers one of these addresses: most look-ups without a match
 * read only this cache line. Then the root, indexed by the top 16 bits, tells which boundaries to
 * search, or has the value itself. IPv4 addresses are in the top 32 bits of hi; lo is then not
 * stored.
 */
#ifndef SB_RANGES_H
#define SB_RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

enum {
    /* 128 KB: fits into the second-level cache, and few of the /20 networks contain an entry. */
    SB_RANGES_MAP_BITS = 20,
    SB_RANGES_MAP_WORDS = 1 << (SB_RANGES_MAP_BITS - 5),
    SB_RANGES_ROOT_BITS = 16,
    SB_RANGES_ROOT = 1 << SB_RANGES_ROOT_BITS,
    SB_PREFIX_DEPTH = 2 * 129, /* entries that can cover one address: each length, on both lists */
    SB_PREFIX_LINK = (1 << 28) - 1
};
#define SB_PREFIX_ALLOW_ABOVE (1u << 31) /* in a link: a shorter entry is on the allowlist */

/* An entry. Its index does not change while any generation refers to it. Values and links are its
 * index + 1; 0: none. */
struct sb_prefix {
    uint64_t hi, lo; /* IPv4: only hi, see above */
    uint32_t deadline_ds;
    uint32_t generation;
    /* In prefixes.c: the next entry of the hash chain, of the free or of the removed entries; index
     * + 1. */
    uint32_t chain;
    uint8_t length; /* IPv4: 0 to 31 */
    uint8_t list;
    uint8_t state; /* prefixes.h */
    uint8_t reserved;
};

_Static_assert(sizeof(struct sb_prefix) == 32, "two entries to a cache line");

/* A slot of the root stands for the addresses with the same top bits. It has their value, or
 * SB_RANGES_SEARCH and the cell to search. A cell with many boundaries has about as many slots of
 * its own, indexed by the following bits. Below these, all boundaries are searched. */
#define SB_RANGES_SEARCH (1u << 31)

enum {
    /* Boundaries: searching them takes three rounds, as much time as a second level. */
    SB_RANGES_SPLIT_MIN = 8,
    SB_RANGES_SPLIT_BITS = 16, /* at most */
    SB_RANGES_FEW = 7          /* boundaries that are compared without a loop */
};
#define SB_RANGES_EXPECT_FEW(count) __builtin_expect((count) <= SB_RANGES_FEW, 1)

struct sb_range_cell {
    uint32_t base;  /* the last boundary before the cell ... */
    uint32_t count; /* ... and the number of boundaries in it */
    uint32_t slots; /* the first of its own slots ... */
    uint32_t bits;  /* ... and their number as a power of two; 0: none */
};

struct sb_ranges {
    uint32_t *map;   /* bits, the most significant of a word first */
    uint32_t *root;  /* slots */
    uint32_t *slots; /* of all cells with slots */
    struct sb_range_cell *cells;
    uint64_t *hi; /* of boundary i; boundary 0 is address 0; at the end UINT64_MAX as filler */
    uint64_t *lo; /* NULL: IPv4 */
    uint32_t *value;
    uint32_t *link;
    /* Only used by the writer. */
    uint32_t *order; /* entries by (hi, lo, length, list) */
    uint32_t order_count;
    uint32_t boundary_count;
    uint32_t cell_count;
    uint32_t slot_count;
    size_t bytes; /* of the whole block, with this struct */
};

/* Allocates room for count entries with indices below link_count. NULL: no memory. */
struct sb_ranges *sb_ranges_create(uint32_t count, uint32_t link_count, bool has_lo);
void sb_ranges_destroy(struct sb_ranges *ranges);
/* Fills boundaries, values, links and root from order. */
void sb_ranges_build(struct sb_ranges *ranges, const struct sb_prefix *entries);
/* Bytes in use; the rest of the block has no memory. */
size_t sb_ranges_bytes(const struct sb_ranges *ranges);

/* The top bit is set if an entry may cover the address. The other bits have no meaning. */
static inline uint32_t sb_ranges_maybe(const uint32_t *map, uint32_t top) {
    uint32_t bit = top >> (32 - SB_RANGES_MAP_BITS);

    return map[bit >> 5] << (bit & 31);
}

/* The last boundary at or before (hi, lo), between base and base + count. base is at or before it.
 */
static inline uint32_t sb_ranges_search_all(const struct sb_ranges *ranges, uint32_t base,
                                            uint32_t count, uint64_t hi, uint64_t lo) {
    for (uint32_t length = count + 1; length > 1;) {
        uint32_t half = length / 2, probe = base + half;
        bool before =
            ranges->hi[probe] < hi || (ranges->hi[probe] == hi && ranges->lo[probe] <= lo);

        base = before ? probe : base;
        length -= half;
    }
    return base;
}

/* As sb_ranges_search_all, but compares only the upper halves, unless entries longer than /64 split
 * this /64. Nearly every cell has few boundaries. All of these are compared, because a loop with a
 * varying number of rounds would be mispredicted for every packet. Boundaries behind the cell are
 * greater, so they do not matter. */
static inline uint32_t sb_ranges_search(const struct sb_ranges *ranges,
                                        const struct sb_range_cell *cell, uint64_t hi,
                                        uint64_t lo) {
    const uint64_t *at = ranges->hi + cell->base;
    uint32_t steps = 0, index;

    if (SB_RANGES_EXPECT_FEW(cell->count)) {
        for (uint32_t i = 1; i <= SB_RANGES_FEW; i++)
            steps += at[i] <= hi;
        steps = steps < cell->count ? steps : cell->count; /* hi may equal the filler */
    } else {
        for (uint32_t length = cell->count + 1; length > 1;) {
            uint32_t half = length / 2;

            /* compiles to a conditional move */
            steps = at[steps + half] <= hi ? steps + half : steps;
            length -= half;
        }
    }
    index = cell->base + steps;
    if (ranges->lo != NULL && ranges->hi[index] == hi && ranges->lo[index] > lo)
        index = sb_ranges_search_all(ranges, cell->base, steps, hi, lo);
    return index;
}

/* The slot of an address in the root or, if its cell has slots of its own, there: the value, or
 * SB_RANGES_SEARCH. */
static inline uint32_t sb_ranges_slot(const struct sb_ranges *ranges, uint64_t hi) {
    uint32_t slot = ranges->root[hi >> (64 - SB_RANGES_ROOT_BITS)];

    if ((slot & SB_RANGES_SEARCH) == 0)
        return slot;
    const struct sb_range_cell *cell = &ranges->cells[slot & ~SB_RANGES_SEARCH];
    if (cell->bits == 0)
        return slot;
    return ranges->slots[cell->slots + (hi << SB_RANGES_ROOT_BITS >> (64 - cell->bits))];
}

/* The value of an address whose slot has SB_RANGES_SEARCH. */
static inline uint32_t sb_ranges_value(const struct sb_ranges *ranges, uint32_t slot, uint64_t hi,
                                       uint64_t lo) {
    const struct sb_range_cell *cell = &ranges->cells[slot & ~SB_RANGES_SEARCH];

    return ranges->value[sb_ranges_search(ranges, cell, hi, lo)];
}

#endif
