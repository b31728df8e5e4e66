/* ranges.h: nested prefixes flattened into disjoint ranges: one immutable generation, built by the
 * writer, then read.
 *
 * A range starts at a boundary and ends at the next; its value is the longest entry that covers it,
 * and each entry links to the next shorter one (or to the same prefix on the other list), so that
 * expiries and lists are judged at look-up. A map of one bit for the addresses that share their top
 * 20 says whether any entry covers one of them: most misses cost that one cache line. Behind it the
 * root says by the top 16 bits which boundaries to search, or gives the value itself. IPv4
 * addresses stand in the top 32 bits of hi; lo is then not stored.
 */
#ifndef SB_RANGES_H
#define SB_RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

enum {
    SB_RANGES_MAP_BITS =
        20, /* 128 KB: stays in the second-level cache, and a /20 is seldom dirty */
    SB_RANGES_MAP_WORDS = 1 << (SB_RANGES_MAP_BITS - 5),
    SB_RANGES_ROOT_BITS = 16,
    SB_RANGES_ROOT = 1 << SB_RANGES_ROOT_BITS,
    SB_PREFIX_DEPTH = 2 * 129, /* entries that can cover one address: every length on both lists */
    SB_PREFIX_LINK = (1 << 28) - 1
};
#define SB_PREFIX_ALLOW_ABOVE (1u << 31) /* in a link: an allowlist entry is further up */

/* An entry; keeps its place while any generation refers to it. Values and links are its index + 1,
 * 0 is none. */
struct sb_prefix {
    uint64_t hi, lo; /* IPv4: see above */
    uint32_t deadline_ds;
    uint32_t generation;
    uint32_t
        chain; /* prefixes.c: next of the hash chain, the free or the removed entries; index + 1 */
    uint8_t length; /* IPv4: 0 to 31 */
    uint8_t list;
    uint8_t state; /* prefixes.h */
    uint8_t reserved;
};

_Static_assert(sizeof(struct sb_prefix) == 32, "two entries to a cache line");

/* A slot of the root stands for the addresses that share its top bits: it is their value, or says
 * in which cell to search. A cell of many boundaries has slots of its own, about as many, by the
 * bits that follow; below them all is searched. */
#define SB_RANGES_SEARCH (1u << 31)

enum {
    SB_RANGES_SPLIT_MIN =
        8, /* boundaries: three rounds of searching, as much as a second level costs */
    SB_RANGES_SPLIT_BITS = 16, /* at most */
    SB_RANGES_FEW = 7          /* boundaries that are compared at once */
};
#define SB_RANGES_EXPECT_FEW(count) __builtin_expect((count) <= SB_RANGES_FEW, 1)

struct sb_range_cell {
    uint32_t base;  /* the last boundary before the cell ... */
    uint32_t count; /* ... and how many follow in it */
    uint32_t slots; /* first of its own slots ... */
    uint32_t bits;  /* ... of which there are 2^bits; 0: none */
};

struct sb_ranges {
    uint32_t *map;   /* bits, the most significant of a word first */
    uint32_t *root;  /* slots */
    uint32_t *slots; /* of all cells that have some */
    struct sb_range_cell *cells;
    uint64_t *hi; /* of boundary i; boundary 0 is address 0; fillers of UINT64_MAX at the end */
    uint64_t *lo; /* NULL: IPv4 */
    uint32_t *value;
    uint32_t *link;
    /* What only the writer uses. */
    uint32_t *order; /* entries by (hi, lo, length, list) */
    uint32_t order_count;
    uint32_t boundary_count;
    uint32_t cell_count;
    uint32_t slot_count;
    size_t bytes; /* of the whole block, this struct included */
};

/* Room for count entries whose indices lie below link_count. NULL: no memory. */
struct sb_ranges *sb_ranges_create(uint32_t count, uint32_t link_count, bool has_lo);
void sb_ranges_destroy(struct sb_ranges *ranges);
/* Fills boundaries, values, links and root from order. */
void sb_ranges_build(struct sb_ranges *ranges, const struct sb_prefix *entries);
/* Bytes that are in use; the rest of the block was never touched. */
size_t sb_ranges_bytes(const struct sb_ranges *ranges);

/* Top bit: an entry may cover the address. Others: anything. */
static inline uint32_t sb_ranges_maybe(const uint32_t *map, uint32_t top) {
    uint32_t bit = top >> (32 - SB_RANGES_MAP_BITS);

    return map[bit >> 5] << (bit & 31);
}

/* The last boundary at or before (hi, lo) among base .. base + count, where base is known to be. */
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

/* The same by the upper halves alone, which decide unless entries longer than /64 split this one
 * /64. Nearly every cell has few boundaries: those are all compared, since a loop of as many rounds
 * as it takes would be mispredicted for every packet. What lies behind the cell is greater. */
static inline uint32_t sb_ranges_search(const struct sb_ranges *ranges,
                                        const struct sb_range_cell *cell, uint64_t hi,
                                        uint64_t lo) {
    const uint64_t *at = ranges->hi + cell->base;
    uint32_t steps = 0, index;

    if (SB_RANGES_EXPECT_FEW(cell->count)) {
        for (uint32_t i = 1; i <= SB_RANGES_FEW; i++)
            steps += at[i] <= hi;
        steps = steps < cell->count ? steps : cell->count; /* hi can be that of the fillers */
    } else {
        for (uint32_t length = cell->count + 1; length > 1;) {
            uint32_t half = length / 2;

            steps = at[steps + half] <= hi ? steps + half : steps; /* a conditional move */
            length -= half;
        }
    }
    index = cell->base + steps;
    if (ranges->lo != NULL && ranges->hi[index] == hi && ranges->lo[index] > lo)
        index = sb_ranges_search_all(ranges, cell->base, steps, hi, lo);
    return index;
}

/* What the root says of an address or, where its cell has slots of its own, its slot there: the
 * value, or SB_RANGES_SEARCH. */
static inline uint32_t sb_ranges_slot(const struct sb_ranges *ranges, uint64_t hi) {
    uint32_t slot = ranges->root[hi >> (64 - SB_RANGES_ROOT_BITS)];

    if ((slot & SB_RANGES_SEARCH) == 0)
        return slot;
    const struct sb_range_cell *cell = &ranges->cells[slot & ~SB_RANGES_SEARCH];
    if (cell->bits == 0)
        return slot;
    return ranges->slots[cell->slots + (hi << SB_RANGES_ROOT_BITS >> (64 - cell->bits))];
}

/* The value of an address whose slot says SB_RANGES_SEARCH. */
static inline uint32_t sb_ranges_value(const struct sb_ranges *ranges, uint32_t slot, uint64_t hi,
                                       uint64_t lo) {
    const struct sb_range_cell *cell = &ranges->cells[slot & ~SB_RANGES_SEARCH];

    return ranges->value[sb_ranges_search(ranges, cell, hi, lo)];
}

#endif
