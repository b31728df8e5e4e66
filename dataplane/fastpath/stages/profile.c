/* profile.c: the inside address selects the profile, by longest prefix, in both directions.
 *
 * Before the first stage that judges: modes are a profile's. A node is asked about few addresses at
 * a time, so one answer is kept from packet to packet.
 */
#include "../tables/targets.h"
#include "pipeline.h"

/* An address that was looked up last. */
struct last {
    uint32_t ip_version; /* 0: none */
    uint32_t profile;
    uint64_t hi, lo;
    bool has_changed; /* its profile was another one than that of the address before */
};

static inline void select_ipv4(const struct sb_targets *targets, struct last *last,
                               struct sb_packet *packet);
static inline void select_ipv6(const struct sb_targets *targets, struct last *last,
                               struct sb_packet *packet);
static inline void select_new(const struct sb_targets *targets, struct last *last,
                              struct last next);
static inline uint32_t look_up(const struct sb_targets *targets, const struct last *address);

void sb_profile_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_targets *targets = sb_policy_of(lcore)->targets;
    struct last last = {0};

    (void)now;
    burst->is_one_profile = 1;
    if (SB_LIKELY(targets == NULL)) /* parse has set 0 */
        return;
    for (uint32_t i = 0; i < burst->live_count; i++) {
        struct sb_packet *packet = &burst->packets[burst->live[i]];

        if (packet->ip_version == 4)
            select_ipv4(targets, &last, packet);
        else if (packet->ip_version == 6)
            select_ipv6(targets, &last, packet);
    }
    burst->is_one_profile = !last.has_changed;
}

/* parse has checked that the address lies in the bytes at hand: ip_version says so. */
static inline const uint8_t *protected_of(const struct sb_packet *packet) {
    return (const uint8_t *)(uintptr_t)packet->data + packet->protected_offset;
}

static inline void select_ipv4(const struct sb_targets *targets, struct last *last,
                               struct sb_packet *packet) {
    uint64_t hi = (uint64_t)sb_load32(protected_of(packet)) << 32;

    if (SB_UNLIKELY(hi != last->hi || last->ip_version != 4)) {
        select_new(targets, last, (struct last){.ip_version = 4, .hi = hi});
    }
    packet->profile = (uint16_t)last->profile;
}

static inline void select_ipv6(const struct sb_targets *targets, struct last *last,
                               struct sb_packet *packet) {
    uint64_t hi = __builtin_bswap64(sb_load64_raw(protected_of(packet)));
    uint64_t lo = __builtin_bswap64(sb_load64_raw(protected_of(packet) + 8));

    if (SB_UNLIKELY(hi != last->hi || lo != last->lo || last->ip_version != 6)) {
        select_new(targets, last, (struct last){.ip_version = 6, .hi = hi, .lo = lo});
    }
    packet->profile = (uint16_t)last->profile;
}

static inline void select_new(const struct sb_targets *targets, struct last *last,
                              struct last next) {
    next.profile = look_up(targets, &next);
    next.has_changed =
        last->has_changed || (last->ip_version != 0 && last->profile != next.profile);
    *last = next;
}

/* An IPv6 address that maps one of IPv4 is that (RFC 4291, 2.5.5.2). */
static inline uint32_t look_up(const struct sb_targets *targets, const struct last *address) {
    if (address->ip_version == 4)
        return sb_targets_select(targets, 0, address->hi, 0);
    if (address->hi == 0 && address->lo >> 32 == 0xffff)
        return sb_targets_select(targets, 0, address->lo << 32, 0);
    return sb_targets_select(targets, 1, address->hi, address->lo);
}
