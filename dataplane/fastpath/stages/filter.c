/* filter.c: what a profile does not take at all, from outside: fragments, ports, reflectors.
 *
 * Keeps no state. Every rule is asked: one in monitor mode does not shield from those behind it.
 */
#include "pipeline.h"

enum { PORT_BYTES = 4, UDP_BYTES = 8, UDP_LENGTH_OFFSET = 4 };
enum {
    USES = SB_USE_FRAGMENTS | SB_USE_PORTS_TCP | SB_USE_PORTS_UDP | SB_USE_REFLECTORS,
};

static bool judge(struct sb_lcore *lcore, struct sb_packet *packet,
                  const struct sb_profile *profile, const struct sb_time *now);
static bool judge_udp(struct sb_lcore *lcore, struct sb_packet *packet,
                      const struct sb_profile *profile, const struct sb_time *now);
static bool is_refused(const struct sb_port_rule *rule, uint32_t port);
static bool is_reflected(const struct sb_profile *profile, uint32_t port, uint32_t size);

void sb_filter_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    uint32_t dropped = 0;

    if (SB_LIKELY((sb_policy_of(lcore)->uses & USES) == 0))
        return;
    for (uint32_t left = burst->judged; left != 0;) {
        uint32_t packets = sb_burst_take_profile(burst, &left);
        const struct sb_profile *profile = sb_profile_of_first(lcore, burst, packets);

        while ((profile->uses & USES) != 0 && packets != 0) {
            uint32_t index = sb_take_packet(&packets);

            dropped |= (uint32_t)judge(lcore, &burst->packets[index], profile, now) << index;
        }
    }
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
}

/* True: dropped. A packet without a transport header at hand, such as a later fragment, has no port
 * to ask about. */
static bool judge(struct sb_lcore *lcore, struct sb_packet *packet,
                  const struct sb_profile *profile, const struct sb_time *now) {
    if ((profile->uses & SB_USE_FRAGMENTS) != 0 && (packet->flags & SB_PACKET_FRAGMENT) != 0 &&
        sb_reject(lcore, packet, SB_REASON_FRAGMENTS, now))
        return true;
    if (packet->l4_offset == 0)
        return false;
    if (packet->protocol == SB_PROTOCOL_UDP)
        return judge_udp(lcore, packet, profile, now);
    if (packet->protocol != SB_PROTOCOL_TCP || (profile->uses & SB_USE_PORTS_TCP) == 0)
        return false;
    const uint8_t *tcp = sb_packet_bytes(packet, packet->l4_offset, PORT_BYTES);
    return tcp != NULL && is_refused(&profile->ports_tcp, sb_load16(tcp + 2)) &&
           sb_reject(lcore, packet, SB_REASON_PORTS_TCP, now);
}

/* Of a first fragment too: its UDP length is that of the whole datagram. */
static bool judge_udp(struct sb_lcore *lcore, struct sb_packet *packet,
                      const struct sb_profile *profile, const struct sb_time *now) {
    const uint8_t *udp = sb_packet_bytes(packet, packet->l4_offset, UDP_BYTES);

    if (udp == NULL)
        return false;
    if ((profile->uses & SB_USE_PORTS_UDP) != 0 &&
        is_refused(&profile->ports_udp, sb_load16(udp + 2)) &&
        sb_reject(lcore, packet, SB_REASON_PORTS_UDP, now))
        return true;
    return (profile->uses & SB_USE_REFLECTORS) != 0 &&
           is_reflected(profile, sb_load16(udp), sb_load16(udp + UDP_LENGTH_OFFSET)) &&
           sb_reject(lcore, packet, SB_REASON_UDP_AMPLIFICATION, now);
}

static bool is_refused(const struct sb_port_rule *rule, uint32_t port) {
    bool inside = false;

    for (uint32_t i = 0; i < rule->count && rule->range[i].first <= port; i++)
        inside |= port <= rule->range[i].last;
    return inside == (rule->is_deny != 0);
}

static bool is_reflected(const struct sb_profile *profile, uint32_t port, uint32_t size) {
    for (uint32_t i = 0; i < profile->reflector_count && profile->reflector[i].port <= port; i++)
        if (profile->reflector[i].port == port)
            return size >= profile->reflector[i].size_min;
    return false;
}
