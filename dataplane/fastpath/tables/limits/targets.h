/* targets.h: a number for each of some prefixes, by the longest that contains an address,
 * flattened.
 *
 * Which profile a protected address has, and which neighbour a router is. Built by the control
 * loop, then only read.
 */
#ifndef SB_TARGETS_H
#define SB_TARGETS_H

#include "packet/packet.h"
#include "tables/countries/ranges.h"

enum { SB_TARGET_FAMILIES = 2 }; /* 0: IPv4, 1: IPv6 */

struct sb_targets {
    const struct sb_ranges *ranges[SB_TARGET_FAMILIES]; /* NULL: the family has no target */
    const uint16_t *number;                             /* by entry: value of a range less one */
};

/* hi, lo: as in struct sb_prefix. 0: none contains it, or what that one has. */
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

/* --- what only the writer uses ---------------------------------------------------------------- */

struct sb_targets_build {
    struct sb_targets targets; /* to be read once it is built */
    struct sb_prefix *entries;
    uint16_t *number; /* of each */
    uint32_t count;
    uint32_t max;
};

/* Room for max prefixes. False: no memory; sb_targets_free then, as in the end. */
bool sb_targets_create(struct sb_targets_build *build, uint32_t max);
void sb_targets_free(struct sb_targets_build *build);

/* key: 16 bytes, IPv4 mapped; length 0 to 128; host bits must be zero. Of two that are the same the
 * one added last decides. 0, -EINVAL, -ENOSPC. */
int sb_targets_add(struct sb_targets_build *build, const uint8_t key[16], uint32_t prefix_length,
                   uint16_t number);

/* Once, after all are added. 0, -ENOMEM. */
int sb_targets_build(struct sb_targets_build *build);

uint64_t sb_targets_bytes(const struct sb_targets_build *build);

#endif
