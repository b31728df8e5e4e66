/* targets.h: which profile a protected address has: the prefixes of a policy, flattened. */
#ifndef SB_TARGETS_H
#define SB_TARGETS_H

#include "packet.h"
#include "policy.h"
#include "ranges.h"

enum { SB_TARGET_FAMILIES = 2 }; /* 0: IPv4, 1: IPv6 */

struct sb_targets {
    const struct sb_ranges *ranges[SB_TARGET_FAMILIES]; /* NULL: the family has no target */
    const uint16_t *profile;                            /* by entry: value of a range less one */
};

/* hi, lo: as in struct sb_prefix. */
static inline uint32_t sb_targets_select(const struct sb_targets *targets, uint32_t family,
                                         uint64_t hi, uint64_t lo) {
    const struct sb_ranges *ranges = targets->ranges[family];
    uint32_t value;

    if (ranges == NULL || sb_ranges_maybe(ranges->map, (uint32_t)(hi >> 32)) >> 31 == 0)
        return 0;
    value = sb_ranges_slot(ranges, hi);
    if ((value & SB_RANGES_SEARCH) != 0)
        value = sb_ranges_value(ranges, value, hi, lo);
    return value == 0 ? 0 : targets->profile[value - 1];
}

#endif
