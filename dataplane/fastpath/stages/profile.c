/* profile.c: the inside address selects the profile, by longest prefix, in both directions.
 *
 * Before the first stage that judges: modes are a profile's. A node is asked about few addresses at
 * a time, so one answer is kept from packet to packet.
 */
#include "../tables/targets.h"
#include "pipeline.h"

static inline uint32_t look_up(const struct sb_targets *targets, uint32_t ip_version, uint64_t hi,
                               uint64_t lo);

void sb_profile_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_targets *targets = sb_policy_of(lcore)->targets;
    uint64_t last_hi = 0, last_lo = 0;
    uint32_t last_version = 0, profile = 0, changes = 0; /* the first is none */

    (void)now;
    burst->is_one_profile = 1;
    if (SB_LIKELY(targets == NULL)) /* parse has set 0 */
        return;
    for (uint32_t i = 0; i < burst->live_count; i++) {
        struct sb_packet *packet = &burst->packets[burst->live[i]];
        const uint8_t *address =
            (const uint8_t *)(uintptr_t)packet->data + packet->protected_offset;
        uint64_t hi, lo = 0;

        /* parse has checked that the address lies in the bytes at hand: ip_version says so. */
        if (SB_LIKELY(packet->ip_version == 4)) {
            hi = (uint64_t)sb_load32(address) << 32;
        } else if (packet->ip_version == 6) {
            hi = __builtin_bswap64(sb_load64_raw(address));
            lo = __builtin_bswap64(sb_load64_raw(address + 8));
        } else {
            continue;
        }
        if (SB_UNLIKELY(hi != last_hi || lo != last_lo || packet->ip_version != last_version)) {
            uint32_t found = look_up(targets, packet->ip_version, hi, lo);

            changes += last_version == 0 || found != profile;
            profile = found;
            last_hi = hi, last_lo = lo, last_version = packet->ip_version;
        }
        packet->profile = (uint16_t)profile;
    }
    burst->is_one_profile = changes <= 1;
}

/* An IPv6 address that maps one of IPv4 is that (RFC 4291, 2.5.5.2). */
static inline uint32_t look_up(const struct sb_targets *targets, uint32_t ip_version, uint64_t hi,
                               uint64_t lo) {
    if (ip_version == 4)
        return sb_targets_select(targets, 0, hi, 0);
    if (hi == 0 && lo >> 32 == 0xffff)
        return sb_targets_select(targets, 0, lo << 32, 0);
    return sb_targets_select(targets, 1, hi, lo);
}
