/* policy.h: the profiles of a policy and which protected addresses each is for.
 *
 * Writer: the control loop, which creates one, fills profiles and targets, builds it, swaps
 * sb_node.policy, and destroys the old one once every reader has been quiescent (readers.h).
 * Readers: the stages, of a policy that no longer changes. Needs no EAL.
 */
#ifndef SB_POLICY_H
#define SB_POLICY_H

#include <stdbool.h>

#include "abi.h"

struct sb_targets;   /* the index of the profile of each protected address (tables/limits/targets.h)
                      */
struct sb_neighbors; /* routers, and what each may say (tables/policy/neighbors.h) */

struct sb_policy {
    const struct sb_profile *profiles;    /* SB_PROFILES_MAX; those that are not in use are zero */
    const struct sb_targets *targets;     /* NULL: everything has the default profile, 0 */
    const struct sb_neighbors *neighbors; /* NULL: there are none */
    uint32_t uses;                        /* bits of enum sb_use, of all its profiles together */
    uint32_t generation;                  /* another one for each that is built */
    const uint32_t *share_q16; /* sb_profile.share_q16 of share_count profiles; NULL: all are 0 */
    uint32_t share_count;
    uint8_t http_generation; /* 1 to 255, another one for each; 0: nothing is inspected */
    uint8_t reserved[3];
};

/* Empties a profile and gives every reason its default mode. */
void sb_profile_init(struct sb_profile *profile);

/* Room for so many targets. Every profile is empty but 0, which has the defaults (sb_profile_init).
 * 0, -EINVAL (more than SB_TARGETS_MAX), -ENOMEM. */
int sb_policy_create(uint32_t targets_max, struct sb_policy **out);
void sb_policy_destroy(struct sb_policy *policy);

/* To fill, before it is built; NULL: index is SB_PROFILES_MAX or more. */
struct sb_profile *sb_policy_profile(struct sb_policy *policy, uint32_t index);

/* What is sent to this prefix (key: 16 bytes, IPv4 mapped; length 0 to 128) has that profile; of
 * several prefixes the longest decides, of two that are the same the one added last. Host bits must
 * be zero. 0, -EINVAL, -ENOSPC. */
int sb_policy_target(struct sb_policy *policy, const uint8_t key[16], uint32_t prefix_length,
                     uint32_t profile);

/* A router outside, by the same kind of prefix, may say those protocols: bit n is enum sb_neighbor
 * n. At most SB_NEIGHBORS_MAX. 0, -EINVAL (no protocol, or one that is not known, too), -ENOSPC,
 * -ENOMEM. */
int sb_policy_neighbor(struct sb_policy *policy, const uint8_t key[16], uint32_t prefix_length,
                       uint32_t protocols);

/* Once, after everything is filled: what readers look up in. key: 16 random bytes, the same over
 * the life of the process, for the salts of limits. 0, -EINVAL (a limit, count or port range is out
 * of bounds), -ENOMEM. */
int sb_policy_build(struct sb_policy *policy, const uint8_t key[16]);

/* Index of the profile of one protected address: what the profile stage selects. */
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
