/* policy.c: the profiles of a policy. The control loop builds them; they do not change afterwards.
 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "neighbors.h"
#include "packet/address.h"
#include "packet/reasons.h"
#include "tables/limits/targets.h"
#include "tables/memory/hash.h"
#include "tables/memory/memory.h"

/* Used as the upper half of the hashed value. It makes no operand zero with the fixed keys of
 * tests. */
#define SALT 0xbf58476d1ce4e5b9ull

enum { SHARES_MAX = 1 << 16 }; /* sb_profile.share_q16 */

_Static_assert(sizeof(struct sb_limit) == 32, "two to a line");
_Static_assert(SB_LIMITS_MAX == SB_SCOPE_COUNT * SB_UNIT_REQUESTS + 1,
               "room for every kind of limit");
_Static_assert(SB_REQUEST_LIMITS_MAX == SB_SCOPE_COUNT + SB_REQUEST_PATHS_MAX, "and of requests");
_Static_assert(SB_PROFILES_MAX >= 2 * SB_POLICY_PROFILES_MAX + 1, "two policies and the default");
_Static_assert(SB_TARGETS_MAX >= SB_POLICY_PROFILES_MAX * SB_PROFILE_TARGETS_MAX, "room for all");

/* State that only the writer needs. */
struct build {
    struct sb_policy policy;
    struct sb_targets_build targets;
    struct sb_targets_build addresses; /* of neighbours */
    struct sb_neighbors neighbors;
    struct sb_profile *profiles;
    uint32_t profile_count; /* the highest index in use, + 1 */
    uint32_t share_q16[SB_PROFILES_MAX];
};

static int build_neighbors(struct build *build);
static struct build *build_of(const struct sb_policy *policy);
static bool is_sound(const struct sb_profile *profile);
static bool is_sound_limit(const struct sb_limit *limit, enum sb_stage stage);
static bool are_sound_request_limits(const struct sb_http_profile *http);
static bool are_sound_ports(const struct sb_port_rule *rule);
static bool are_sound_reflectors(const struct sb_profile *profile);
static bool is_sound_http(const struct sb_http_profile *http);
static void salt_limits(struct sb_profile *profile, uint32_t index, const struct sb_hash_key *key);
static uint32_t next_generation(void);
static bool gather_shares(struct build *build);
static uint8_t next_http_generation(void);

void sb_profile_init(struct sb_profile *profile) {
    memset(profile, 0, sizeof(*profile));
    for (uint32_t reason = 0; reason < SB_REASON_COUNT; reason++)
        profile->mode[reason] = (uint8_t)sb_reason_default_mode(reason);
}

int sb_policy_create(uint32_t targets_max, struct sb_policy **out) {
    struct build *build;

    if (targets_max > SB_TARGETS_MAX)
        return -EINVAL;
    build = calloc(1, sizeof(*build));
    if (build == NULL)
        return -ENOMEM;
    /* Room for all indices; pages without a profile use no memory. */
    build->profiles = sb_memory_map_small(SB_PROFILES_MAX * sizeof(*build->profiles));
    build->policy.profiles = build->profiles;
    if (build->profiles == NULL || !sb_targets_create(&build->targets, targets_max)) {
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
    sb_targets_free(&build->targets);
    sb_targets_free(&build->addresses);
    sb_memory_unmap(build->profiles, SB_PROFILES_MAX * sizeof(*build->profiles));
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
    if (profile >= SB_PROFILES_MAX)
        return -EINVAL;
    return sb_targets_add(&build_of(policy)->targets, key, prefix_length, (uint16_t)profile);
}

int sb_policy_neighbor(struct sb_policy *policy, const uint8_t key[16], uint32_t prefix_length,
                       uint32_t protocols) {
    struct build *build = build_of(policy);
    uint32_t index = build->addresses.count;
    int result;

    if (protocols == 0 || protocols >> SB_NEIGHBOR_COUNT != 0)
        return -EINVAL;
    if (build->addresses.entries == NULL && /* few policies have neighbours */
        !sb_targets_create(&build->addresses, SB_NEIGHBORS_MAX))
        return -ENOMEM;
    result = sb_targets_add(&build->addresses, key, prefix_length, (uint16_t)(index + 1));
    if (result == 0)
        build->neighbors.protocols[index] = (uint16_t)protocols;
    return result;
}

/* A new generation number. Only one thread builds policies. 0 is never used. */
static uint32_t next_generation(void) {
    static uint32_t newest;

    newest = newest == UINT32_MAX ? 1 : newest + 1;
    return newest;
}

/* False: the sum of the shares is more than 1. */
static bool gather_shares(struct build *build) {
    uint64_t all = 0;

    for (uint32_t i = 0; i < build->profile_count; i++) {
        build->share_q16[i] = build->profiles[i].share_q16;
        all += build->share_q16[i];
    }
    if (all != 0) {
        build->policy.share_q16 = build->share_q16;
        build->policy.share_count = build->profile_count;
    }
    return all <= SHARES_MAX;
}

static uint8_t next_http_generation(void) {
    static uint8_t newest;

    newest = newest == UINT8_MAX ? 1 : (uint8_t)(newest + 1);
    return newest;
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
    if (!gather_shares(build))
        return -EINVAL;
    policy->generation = next_generation();
    if ((policy->uses & SB_USE_HTTP) != 0)
        policy->http_generation = next_http_generation();
    if (build->targets.count != 0) {
        int result = sb_targets_build(&build->targets);

        if (result != 0)
            return result;
        policy->targets = &build->targets.targets;
    }
    return build->addresses.count == 0 ? 0 : build_neighbors(build);
}

uint32_t sb_policy_select(const struct sb_policy *policy, const uint8_t address[16]) {
    const struct sb_family_address key = sb_family_address_read(address, 6);

    if (policy->targets == NULL)
        return 0;
    return sb_targets_select(policy->targets, key.is_ipv4 ? 0 : 1, key.hi, key.lo);
}

uint64_t sb_policy_bytes(const struct sb_policy *policy) {
    const struct build *build = build_of(policy);

    return build->profile_count * sizeof(*build->profiles) + sb_targets_bytes(&build->targets) +
           sb_targets_bytes(&build->addresses);
}

static int build_neighbors(struct build *build) {
    int result = sb_targets_build(&build->addresses);

    if (result != 0)
        return result;
    build->neighbors.addresses = build->addresses.targets;
    build->policy.neighbors = &build->neighbors;
    return 0;
}

static struct build *build_of(const struct sb_policy *policy) {
    _Static_assert(offsetof(struct build, policy) == 0, "the same address");
    return (struct build *)(uintptr_t)policy;
}

/* --- checks of values from outside --------------------------------------------------------------
 */

static bool is_sound(const struct sb_profile *profile) {
    if (profile->limit_count > SB_LIMITS_MAX || profile->reflector_count > SB_REFLECTORS_MAX)
        return false;
    for (uint32_t reason = 0; reason < SB_REASON_COUNT; reason++)
        if (profile->mode[reason] >= SB_MODE_COUNT)
            return false;
    for (uint32_t kind = 0; kind < SB_ENCAPSULATION_COUNT; kind++)
        if (profile->inside[kind] >= SB_INSIDE_COUNT)
            return false;
    for (uint32_t i = 0; i < profile->limit_count; i++)
        if (profile->limit[i].unit == SB_UNIT_REQUESTS ||
            !is_sound_limit(&profile->limit[i], SB_STAGE_LIMITS))
            return false;
    return are_sound_ports(&profile->ports_tcp) && are_sound_ports(&profile->ports_udp) &&
           are_sound_ports(&profile->ethertypes) && are_sound_reflectors(profile) &&
           is_sound_http(&profile->http);
}

static bool is_sound_limit(const struct sb_limit *limit, enum sb_stage stage) {
    return limit->scope < SB_SCOPE_COUNT && limit->unit < SB_UNIT_COUNT &&
           limit->reason < SB_REASON_COUNT && sb_stage_of((enum sb_reason)limit->reason) == stage &&
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

static bool is_sound_http(const struct sb_http_profile *http) {
    if (http->port_count > SB_HTTP_PORTS_MAX || http->body_limit > SB_HTTP_BODY_LIMIT_MAX)
        return false;
    for (uint32_t i = 1; i < http->port_count; i++)
        if (http->port[i] <= http->port[i - 1])
            return false;
    return are_sound_request_limits(http);
}

static bool are_sound_request_limits(const struct sb_http_profile *http) {
    if (http->request_limit_count > SB_REQUEST_LIMITS_MAX)
        return false;
    for (uint32_t i = 0; i < http->request_limit_count; i++) {
        const struct sb_request_limit *one = &http->request_limit[i];

        if (one->limit.unit != SB_UNIT_REQUESTS || one->path_size > SB_REQUEST_PATH ||
            !is_sound_limit(&one->limit, SB_STAGE_HTTP))
            return false;
    }
    return true;
}

/* The salt depends on profile, reason and path, so a limit keeps its buckets when a policy changes
 * something else. */
static void salt_limits(struct sb_profile *profile, uint32_t index, const struct sb_hash_key *key) {
    for (uint32_t i = 0; i < profile->limit_count; i++)
        profile->limit[i].salt =
            sb_hash_address(key, SALT, (uint64_t)index << 8 | profile->limit[i].reason);
    for (uint32_t i = 0; i < profile->http.request_limit_count; i++) {
        struct sb_request_limit *one = &profile->http.request_limit[i];

        one->limit.salt = sb_hash_address(key, SALT, (uint64_t)index << 8 | one->limit.reason);
        for (uint32_t at = 0; at < one->path_size; at++)
            one->limit.salt = sb_hash_address(key, one->limit.salt, one->path[at]);
        if (one->path_size != 0) /* each scope of a path is a separate limit */
            one->limit.salt = sb_hash_address(key, one->limit.salt, 256u + one->limit.scope);
    }
}
