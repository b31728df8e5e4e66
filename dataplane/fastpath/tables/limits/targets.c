/* targets.c: see targets.h. */
#define _GNU_SOURCE
#include "targets.h"

#include <errno.h>
#include <stdlib.h>

#include "packet/address.h"

static int build_ranges(struct sb_targets_build *build, uint32_t family);

bool sb_targets_create(struct sb_targets_build *build, uint32_t max) {
    build->entries = calloc(max + 1, sizeof(*build->entries));
    build->number = calloc(max + 1, sizeof(*build->number));
    build->max = max;
    build->targets.number = build->number;
    return build->entries != NULL && build->number != NULL;
}

void sb_targets_free(struct sb_targets_build *build) {
    for (uint32_t family = 0; family < SB_TARGET_FAMILIES; family++)
        sb_ranges_destroy((struct sb_ranges *)(uintptr_t)build->targets.ranges[family]);
    free(build->entries);
    free(build->number);
}

int sb_targets_add(struct sb_targets_build *build, const uint8_t key[16], uint32_t prefix_length,
                   uint16_t number) {
    struct sb_address_key first = sb_address_read(key, 6);
    bool is_ipv4 = prefix_length >= 96 && sb_address_is_ipv4(first);
    struct sb_prefix entry = {.hi = is_ipv4 ? first.lo << 32 : first.hi,
                              .lo = is_ipv4 ? 0 : first.lo};
    uint64_t host_hi, host_lo;

    if (prefix_length > 128)
        return -EINVAL;
    entry.length = (uint8_t)(is_ipv4 ? prefix_length - 96 : prefix_length);
    host_hi = entry.length >= 64 ? 0 : UINT64_MAX >> entry.length;
    host_lo = entry.length <= 64    ? UINT64_MAX
              : entry.length == 128 ? 0
                                    : UINT64_MAX >> (entry.length - 64);
    if ((entry.hi & host_hi) != 0 || (entry.lo & host_lo) != 0)
        return -EINVAL;
    if (build->count == build->max)
        return -ENOSPC;
    entry.list = is_ipv4 ? 0 : 1; /* in this file: the family */
    build->number[build->count] = number;
    build->entries[build->count++] = entry;
    return 0;
}

int sb_targets_build(struct sb_targets_build *build) {
    for (uint32_t family = 0; family < SB_TARGET_FAMILIES; family++) {
        int result = build_ranges(build, family);

        if (result != 0)
            return result;
    }
    return 0;
}

uint64_t sb_targets_bytes(const struct sb_targets_build *build) {
    uint64_t bytes = build->max * (sizeof(*build->entries) + sizeof(*build->number));

    for (uint32_t family = 0; family < SB_TARGET_FAMILIES; family++)
        if (build->targets.ranges[family] != NULL)
            bytes += sb_ranges_bytes(build->targets.ranges[family]);
    return bytes;
}

/* Of two equal prefixes, the one that was added last comes last, and so replaces the other. */
static int compare(const void *a, const void *b, void *entries) {
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const struct sb_prefix *one = (const struct sb_prefix *)entries + i;
    const struct sb_prefix *other = (const struct sb_prefix *)entries + j;

    if (one->hi != other->hi)
        return one->hi < other->hi ? -1 : 1;
    if (one->lo != other->lo)
        return one->lo < other->lo ? -1 : 1;
    if (one->length != other->length)
        return one->length - other->length;
    return i < j ? -1 : 1;
}

static int build_ranges(struct sb_targets_build *build, uint32_t family) {
    uint32_t count = 0;
    struct sb_ranges *ranges;

    for (uint32_t i = 0; i < build->count; i++)
        count += build->entries[i].list == family;
    if (count == 0)
        return 0;
    ranges = sb_ranges_create(count, build->count, family == 1);
    if (ranges == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < build->count; i++)
        if (build->entries[i].list == family)
            ranges->order[ranges->order_count++] = i;
    qsort_r(ranges->order, count, sizeof(*ranges->order), compare, build->entries);
    sb_ranges_build(ranges, build->entries);
    build->targets.ranges[family] = ranges;
    return 0;
}
