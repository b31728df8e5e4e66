/* targets.h: assigns a number to each of some prefixes, and finds the number of the longest prefix
 * that contains an address.
 *
 * Used for the profile of a protected address and for the index of a neighbour. Built by the
 * control loop; does not change afterwards.
 */
#ifndef SB_TARGETS_H
#define SB_TARGETS_H

#include "packet/packet.h"
#include "tables/countries/ranges.h"

enum { SB_TARGET_FAMILIES = 2 }; /* 0: IPv4, 1: IPv6 */

struct sb_targets {
    const struct sb_ranges *ranges[SB_TARGET_FAMILIES]; /* NULL: the family has no target */
    /* by entry: index is the value of a range minus 1 */
    const uint16_t *number;
};

/* The number of the longest prefix that contains the address; 0: none does, or its number is 0. hi,
 * lo: as in struct sb_prefix. */
static inline uint32_t sb_targets_select(const struct sb_targets *targets, uint32_t family,
                                         uint64_t hi, uint64_t lo) {
    const struct sb_ranges *ranges = targets->ranges[family];
    uint32_t value;

    if (ranges == NULL || sb_ranges_maybe(ranges->map, (uint32_t)(hi >> 32)) >> 31 == 0)
        return 0;
    value = sb_ranges_slot(ranges, hi);
    if ((value & SB_RANGES_SEARCH) != 0)
        value = sb_ranges_value(ranges, value, hi, lo);
    return value == 0 ? 0 : targets->number[value - 1];
}

/* --- for the writer -------------------------------------------------------------------------- */

struct sb_targets_build {
    struct sb_targets targets; /* readable after sb_targets_build */
    struct sb_prefix *entries;
    uint16_t *number; /* of each entry */
    uint32_t count;
    uint32_t max;
};

/* Allocates room for max prefixes. False: no memory. In both cases, call sb_targets_free in the
 * end. */
bool sb_targets_create(struct sb_targets_build *build, uint32_t max);
void sb_targets_free(struct sb_targets_build *build);

/* Adds a prefix. key: 16 bytes, IPv4 mapped; prefix_length: 0 to 128; host bits must be zero. Of
 * two equal prefixes, the one added last counts. 0, -EINVAL, -ENOSPC. */
int sb_targets_add(struct sb_targets_build *build, const uint8_t key[16], uint32_t prefix_length,
                   uint16_t number);

/* To be called once, after all prefixes are added. 0, -ENOMEM. */
int sb_targets_build(struct sb_targets_build *build);

uint64_t sb_targets_bytes(const struct sb_targets_build *build);

#endif
