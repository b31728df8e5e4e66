/* policy.c: the profiles of a policy, built by the control loop, then only read. */
#define _GNU_SOURCE
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "memory.h"
#include "pipeline.h"
#include "targets.h"

#define MAPPED 0xffffull
/* In place of an address's upper half; no fixed key of a test makes it the zero of a product. */
#define SALT 0xbf58476d1ce4e5b9ull

_Static_assert(sizeof(struct sb_limit) == 32, "two to a line");

/* What only the writer knows. */
struct build {
    struct sb_policy policy;
    struct sb_targets targets;
    struct sb_profile *profiles;
    struct sb_prefix *entries;
    uint16_t *profile; /* of each entry */
    uint32_t target_count;
    uint32_t targets_max;
    uint32_t profile_count; /* the highest index that was asked for, and one */
};

static struct build *build_of(const struct sb_policy *policy);
static bool is_sound(const struct sb_profile *profile);
static bool is_sound_limit(const struct sb_limit *limit);
static bool are_sound_ports(const struct sb_port_rule *rule);
static bool are_sound_reflectors(const struct sb_profile *profile);
static void salt_limits(struct sb_profile *profile, uint32_t index, const struct sb_hash_key *key);
static int build_ranges(struct build *build, uint32_t family);

int sb_policy_create(uint32_t targets_max, struct sb_policy **out) {
    struct build *build;

    if (targets_max > SB_TARGETS_MAX)
        return -EINVAL;
    build = calloc(1, sizeof(*build));
    if (build == NULL)
        return -ENOMEM;
    build->targets_max = targets_max;
    /* Room for the largest index: pages that no profile lies on are never touched. */
    build->profiles = sb_memory_map_small(SB_PROFILES_MAX * sizeof(*build->profiles));
    build->entries = calloc(targets_max + 1, sizeof(*build->entries));
    build->profile = calloc(targets_max + 1, sizeof(*build->profile));
    build->policy.profiles = build->profiles;
    if (build->profiles == NULL || build->entries == NULL || build->profile == NULL) {
        sb_policy_destroy(&build->policy);
        return -ENOMEM;
    }
    sb_profile_init(sb_policy_profile(&build->policy, 0));
    *out = &build->policy;
    return 0;
}

void sb_policy_destroy(struct sb_policy *policy) {
    struct build *build = build_of(policy);

    if (policy == NULL)
        return;
    for (uint32_t family = 0; family < SB_TARGET_FAMILIES; family++)
        sb_ranges_destroy((struct sb_ranges *)(uintptr_t)build->targets.ranges[family]);
    sb_memory_unmap(build->profiles, SB_PROFILES_MAX * sizeof(*build->profiles));
    free(build->entries);
    free(build->profile);
    free(build);
}

struct sb_profile *sb_policy_profile(struct sb_policy *policy, uint32_t index) {
    struct build *build = build_of(policy);

    if (index >= SB_PROFILES_MAX)
        return NULL;
    if (index >= build->profile_count)
        build->profile_count = index + 1;
    return &build->profiles[index];
}

int sb_policy_target(struct sb_policy *policy, const uint8_t key[16], uint32_t prefix_length,
                     uint32_t profile) {
    struct build *build = build_of(policy);
    uint64_t hi = __builtin_bswap64(sb_load64_raw(key));
    uint64_t lo = __builtin_bswap64(sb_load64_raw(key + 8));
    bool is_ipv4 = prefix_length >= 96 && hi == 0 && lo >> 32 == MAPPED;
    struct sb_prefix entry = {.hi = is_ipv4 ? lo << 32 : hi, .lo = is_ipv4 ? 0 : lo};
    uint64_t host_hi, host_lo;

    if (prefix_length > 128 || profile >= SB_PROFILES_MAX)
        return -EINVAL;
    entry.length = (uint8_t)(is_ipv4 ? prefix_length - 96 : prefix_length);
    host_hi = entry.length >= 64 ? 0 : UINT64_MAX >> entry.length;
    host_lo = entry.length <= 64    ? UINT64_MAX
              : entry.length == 128 ? 0
                                    : UINT64_MAX >> (entry.length - 64);
    if ((entry.hi & host_hi) != 0 || (entry.lo & host_lo) != 0)
        return -EINVAL;
    if (build->target_count == build->targets_max)
        return -ENOSPC;
    entry.list = is_ipv4 ? 0 : 1; /* here: the family */
    build->profile[build->target_count] = (uint16_t)profile;
    build->entries[build->target_count++] = entry;
    return 0;
}

int sb_policy_build(struct sb_policy *policy, const uint8_t key[16]) {
    struct build *build = build_of(policy);
    struct sb_hash_key hash_key = {{sb_load64_raw(key) | 1, sb_load64_raw(key + 8) | 1}};

    for (uint32_t i = 0; i < build->profile_count; i++) {
        if (!is_sound(&build->profiles[i]))
            return -EINVAL;
        salt_limits(&build->profiles[i], i, &hash_key);
        policy->uses |= build->profiles[i].uses;
    }
    if (build->target_count == 0)
        return 0;
    for (uint32_t family = 0; family < SB_TARGET_FAMILIES; family++) {
        int result = build_ranges(build, family);

        if (result != 0)
            return result;
    }
    build->targets.profile = build->profile;
    policy->targets = &build->targets;
    return 0;
}

uint32_t sb_policy_select(const struct sb_policy *policy, const uint8_t address[16]) {
    uint64_t hi = __builtin_bswap64(sb_load64_raw(address));
    uint64_t lo = __builtin_bswap64(sb_load64_raw(address + 8));

    if (policy->targets == NULL)
        return 0;
    if (hi == 0 && lo >> 32 == MAPPED)
        return sb_targets_select(policy->targets, 0, lo << 32, 0);
    return sb_targets_select(policy->targets, 1, hi, lo);
}

uint64_t sb_policy_bytes(const struct sb_policy *policy) {
    const struct build *build = build_of(policy);
    uint64_t per_target = sizeof(*build->entries) + sizeof(*build->profile);
    uint64_t bytes =
        build->profile_count * sizeof(*build->profiles) + build->targets_max * per_target;

    for (uint32_t family = 0; family < SB_TARGET_FAMILIES; family++)
        if (build->targets.ranges[family] != NULL)
            bytes += sb_ranges_bytes(build->targets.ranges[family]);
    return bytes;
}

static struct build *build_of(const struct sb_policy *policy) {
    _Static_assert(offsetof(struct build, policy) == 0, "the same address");
    return (struct build *)(uintptr_t)policy;
}

/* --- what is filled in from outside ----------------------------------------------------------- */

static bool is_sound(const struct sb_profile *profile) {
    if (profile->limit_count > SB_LIMITS_MAX || profile->reflector_count > SB_REFLECTORS_MAX)
        return false;
    for (uint32_t reason = 0; reason < SB_REASON_COUNT; reason++)
        if (profile->mode[reason] >= SB_MODE_COUNT)
            return false;
    for (uint32_t i = 0; i < profile->limit_count; i++)
        if (!is_sound_limit(&profile->limit[i]))
            return false;
    return are_sound_ports(&profile->ports_tcp) && are_sound_ports(&profile->ports_udp) &&
           are_sound_reflectors(profile);
}

static bool is_sound_limit(const struct sb_limit *limit) {
    return limit->scope < SB_SCOPE_COUNT && limit->unit < SB_UNIT_COUNT &&
           limit->reason < SB_REASON_COUNT &&
           sb_stage_of((enum sb_reason)limit->reason) == SB_STAGE_LIMITS &&
           limit->increment_q16 > 0 && limit->increment_q16 <= limit->burst_q16 &&
           limit->burst_q16 <= SB_LIMIT_BURST_NS_MAX << 16 && limit->bits_ipv4 <= 32 &&
           limit->bits_ipv6 <= 128 && limit->icmp_only <= 1;
}

static bool are_sound_ports(const struct sb_port_rule *rule) {
    if (rule->count > SB_PORT_RANGES_MAX)
        return false;
    for (uint32_t i = 0; i < rule->count; i++)
        if (rule->range[i].first > rule->range[i].last ||
            (i > 0 && rule->range[i].first <= rule->range[i - 1].last))
            return false;
    return true;
}

static bool are_sound_reflectors(const struct sb_profile *profile) {
    for (uint32_t i = 1; i < profile->reflector_count; i++)
        if (profile->reflector[i].port <= profile->reflector[i - 1].port)
            return false;
    return true;
}

/* By profile and reason: a limit keeps its buckets when a policy changes something else. */
static void salt_limits(struct sb_profile *profile, uint32_t index, const struct sb_hash_key *key) {
    for (uint32_t i = 0; i < profile->limit_count; i++)
        profile->limit[i].salt =
            sb_hash_address(key, SALT, (uint64_t)index << 8 | profile->limit[i].reason);
}

/* --- targets ---------------------------------------------------------------------------------- */

/* What was added last comes last, and so decides. */
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

static int build_ranges(struct build *build, uint32_t family) {
    uint32_t count = 0;
    struct sb_ranges *ranges;

    for (uint32_t i = 0; i < build->target_count; i++)
        count += build->entries[i].list == family;
    if (count == 0)
        return 0;
    ranges = sb_ranges_create(count, build->target_count, family == 1);
    if (ranges == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < build->target_count; i++)
        if (build->entries[i].list == family)
            ranges->order[ranges->order_count++] = i;
    qsort_r(ranges->order, count, sizeof(*ranges->order), compare, build->entries);
    sb_ranges_build(ranges, build->entries);
    build->targets.ranges[family] = ranges;
    return 0;
}
