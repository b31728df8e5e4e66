/* policy.h: the profiles of a policy, and the protected addresses of each profile.
 *
 * Writer: the control loop, which creates a policy, fills in profiles and targets, builds it, swaps
 * sb_node.policy, and destroys the old policy once every reader has been quiescent (readers.h).
 * Readers: the stages; a policy in use does not change. Needs no EAL.
 */
#ifndef SB_POLICY_H
#define SB_POLICY_H

#include <stdbool.h>

#include "abi.h"

/* The index of the profile of each protected address (tables/limits/targets.h). */
struct sb_targets;
struct sb_neighbors; /* neighbours and their protocols (tables/policy/neighbors.h) */

struct sb_policy {
    const struct sb_profile *profiles;    /* SB_PROFILES_MAX; unused ones are zero */
    const struct sb_targets *targets;     /* NULL: all addresses have the default profile, 0 */
    const struct sb_neighbors *neighbors; /* NULL: there are none */
    uint32_t uses;                        /* bits of enum sb_use, of all profiles together */
    uint32_t generation;                  /* different for each policy */
    const uint32_t *share_q16; /* sb_profile.share_q16 of share_count profiles; NULL: all are 0 */
    uint32_t share_count;
    uint8_t http_generation; /* 1 to 255, different for each policy; 0: no inspection */
    uint8_t reserved[3];
};

/* Empties a profile and gives every reason its default mode. */
void sb_profile_init(struct sb_profile *profile);

/* Creates a policy with room for this many targets. All profiles are empty except 0, which has the
 * defaults (sb_profile_init). 0, -EINVAL (more than SB_TARGETS_MAX), -ENOMEM. */
int sb_policy_create(uint32_t targets_max, struct sb_policy **out);
void sb_policy_destroy(struct sb_policy *policy);

/* A profile, to be filled in before the policy is built. NULL: index is SB_PROFILES_MAX or more. */
struct sb_profile *sb_policy_profile(struct sb_policy *policy, uint32_t index);

/* Assigns a profile to the protected addresses of a prefix (key: 16 bytes, IPv4 mapped; length 0 to
 * 128; host bits must be zero). The longest prefix counts; of two equal ones, the one added last.
 * 0, -EINVAL, -ENOSPC. */
int sb_policy_target(struct sb_policy *policy, const uint8_t key[16], uint32_t prefix_length,
                     uint32_t profile);

/* Adds a neighbour with its protocols: bit n is enum sb_neighbor n. The prefix is as in
 * sb_policy_target. At most SB_NEIGHBORS_MAX. 0, -EINVAL (also: no protocol, or an unknown one),
 * -ENOSPC, -ENOMEM. */
int sb_policy_neighbor(struct sb_policy *policy, const uint8_t key[16], uint32_t prefix_length,
                       uint32_t protocols);

/* Builds the tables for readers; to be called once, after everything is filled in. key: 16 random
 * bytes for the salts of limits, constant over the life of the process. 0, -EINVAL (a limit, count
 * or port range is out of bounds), -ENOMEM. */
int sb_policy_build(struct sb_policy *policy, const uint8_t key[16]);

/* Index of the profile of one protected address, as the profile stage selects it. */
uint32_t sb_policy_select(const struct sb_policy *policy, const uint8_t address[16]);
uint64_t sb_policy_bytes(const struct sb_policy *policy);

/* Whether a rule refuses a port, or an EtherType. */
static inline bool sb_port_rule_refuses(const struct sb_port_rule *rule, uint32_t port) {
    bool inside = false;

    for (uint32_t i = 0; i < rule->count && rule->range[i].first <= port; i++)
        inside |= port <= rule->range[i].last;
    return inside == (rule->is_deny != 0);
}

#endif
