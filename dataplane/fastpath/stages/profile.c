/* profile.c: selects the profile of each packet by its protected address, by longest prefix, in
 * both directions.
 *
 * This stage comes before the first stage that judges, because each profile has its own modes.
 * Consecutive packets often have the same address, so the last result is kept.
 */
#include "packet/address.h"
#include "packet/verdict.h"
#include "stages.h"
#include "tables/limits/targets.h"

void sb_profile_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_targets *targets = sb_policy_of(lcore)->targets;
    struct sb_family_address last = {0};
    uint32_t profile = 0, changes = 0; /* the first packet counts as a change */
    bool is_first = true;

    (void)now;
    burst->is_one_profile = 1;
    if (SB_LIKELY(targets == NULL)) /* parse has set profile 0 */
        return;
    for (uint32_t i = 0; i < burst->live_count; i++) {
        struct sb_packet *packet = &burst->packets[burst->live[i]];
        struct sb_family_address address;

        if (SB_UNLIKELY(packet->ip_version == 0))
            continue;
        address = sb_family_address_read(sb_protected_bytes(packet), packet->ip_version);
        if (SB_UNLIKELY(is_first || address.hi != last.hi || address.lo != last.lo ||
                        address.is_ipv4 != last.is_ipv4)) {
            uint32_t found =
                sb_targets_select(targets, address.is_ipv4 ? 0 : 1, address.hi, address.lo);

            changes += is_first || found != profile;
            profile = found;
            last = address;
            is_first = false;
        }
        packet->profile = (uint16_t)profile;
    }
    burst->is_one_profile = changes <= 1;
}
