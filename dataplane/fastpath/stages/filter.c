/* filter.c: drops what a profile refuses altogether, from outside: bogons, protocols, fragments,
 * ports, reflectors.
 *
 * Keeps no state. All rules are checked: if one is in monitor mode, those behind it still apply.
 */
#include "packet/address.h"
#include "packet/verdict.h"
#include "stages.h"

#define TRANSLATED 0x0064ff9b00000000ull /* 64:ff9b::/96 (RFC 6052) */
/* The parts of 192.0.0.0/24 that are reachable: anycast of PCP (RFC 7723) and TURN (RFC 8155). */
#define REACHABLE_1 0xc0000009
#define REACHABLE_2 0xc000000a
enum { NTP_MODE = 7 }; /* mask of the mode in NTP's first byte */
enum {
    USES = SB_USE_FRAGMENTS | SB_USE_PORTS_TCP | SB_USE_PORTS_UDP | SB_USE_REFLECTORS |
           SB_USE_PROTOCOLS | SB_USE_BOGONS,
};

struct prefix {
    uint64_t prefix, mask; /* for the first 64 bits of an IPv6 address */
};
#define PREFIX(prefix, length) {prefix, UINT64_MAX << (64 - (length))}
#define PREFIX_IPV4(prefix, length) PREFIX((uint64_t)(prefix) << 32, length)
static const struct prefix bogons_ipv4[] = {
    PREFIX_IPV4(0x00000000, 8),  /* this network (RFC 791) */
    PREFIX_IPV4(0x0a000000, 8),  /* private (RFC 1918) */
    PREFIX_IPV4(0x64400000, 10), /* between carrier and customer (RFC 6598) */
    PREFIX_IPV4(0x7f000000, 8),  /* loopback (RFC 1122) */
    PREFIX_IPV4(0xa9fe0000, 16), /* link-local (RFC 3927) */
    PREFIX_IPV4(0xac100000, 12), /* private */
    PREFIX_IPV4(0xc0000000, 24), /* protocol assignments (RFC 6890) */
    PREFIX_IPV4(0xc0000200, 24), /* documentation (RFC 5737) */
    PREFIX_IPV4(0xc0a80000, 16), /* private */
    PREFIX_IPV4(0xc6120000, 15), /* benchmarks (RFC 2544) */
    PREFIX_IPV4(0xc6336400, 24), /* documentation */
    PREFIX_IPV4(0xcb007100, 24), /* documentation */
    PREFIX_IPV4(0xe0000000, 3)   /* groups (RFC 5771), reserved (RFC 1112) */
};
static const struct prefix bogons_ipv6[] = {
    PREFIX(0x2001000200000000, 48), /* benchmarks (RFC 5180) */
    PREFIX(0x2001001000000000, 28), /* ORCHID (RFC 4843) */
    PREFIX(0x20010db800000000, 32), /* documentation (RFC 3849) */
    PREFIX(0x3fff000000000000, 20)  /* documentation (RFC 9637) */
};

static bool judge(struct sb_lcore *lcore, struct sb_packet *packet,
                  const struct sb_profile *profile, const struct sb_time *now);
static bool is_bogon(const struct sb_packet *packet);
static bool is_in(const struct prefix *prefixes, uint32_t count, uint64_t first);
static bool judge_udp(struct sb_lcore *lcore, struct sb_packet *packet,
                      const struct sb_profile *profile, const struct sb_time *now);
static bool is_reflected(const struct sb_profile *profile, const struct sb_packet *packet,
                         const uint8_t *udp);
static bool is_of_modes(const struct sb_packet *packet, uint32_t size, uint32_t ntp_modes);

void sb_filter_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    uint32_t dropped = 0;

    if (SB_LIKELY((sb_policy_of(lcore)->uses & USES) == 0))
        return;
    for (uint32_t left = burst->to_judge; left != 0;) {
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

/* True: dropped. A packet without a readable transport header, such as a later fragment, has no
 * port and is not checked for ports. */
static bool judge(struct sb_lcore *lcore, struct sb_packet *packet,
                  const struct sb_profile *profile, const struct sb_time *now) {
    if ((profile->uses & SB_USE_BOGONS) != 0 && is_bogon(packet) &&
        sb_reject(lcore, packet, SB_REASON_BOGONS, now))
        return true;
    if ((profile->uses & SB_USE_PROTOCOLS) != 0 &&
        (profile->protocols[packet->protocol / 64] >> packet->protocol % 64 & 1) != 0 &&
        sb_reject(lcore, packet, SB_REASON_PROTOCOLS, now))
        return true;
    if ((profile->uses & SB_USE_FRAGMENTS) != 0 && (packet->flags & SB_PACKET_FRAGMENT) != 0 &&
        sb_reject(lcore, packet, SB_REASON_FRAGMENTS, now))
        return true;
    if (packet->l4_offset == 0)
        return false;
    if (packet->protocol == SB_PROTOCOL_UDP)
        return judge_udp(lcore, packet, profile, now);
    if (packet->protocol != SB_PROTOCOL_TCP || (profile->uses & SB_USE_PORTS_TCP) == 0)
        return false;
    const uint8_t *tcp = sb_packet_bytes(packet, packet->l4_offset, SB_L4_PORTS);
    return tcp != NULL &&
           sb_port_rule_refuses(&profile->ports_tcp, sb_load16(tcp + SB_L4_DESTINATION_PORT)) &&
           sb_reject(lcore, packet, SB_REASON_PORTS_TCP, now);
}

/* Not globally reachable according to the special-purpose registries of IPv4 and IPv6 (RFC 6890).
 * Of IPv6, only 2000::/3 is allocated (RFC 4291, 2.4), and 64:ff9b::/96 is translated IPv4. */
static bool is_bogon(const struct sb_packet *packet) {
    const uint8_t *source = sb_client_bytes(packet);
    uint64_t first = (uint64_t)sb_load32(source) << 32;

    if (packet->ip_version == 4)
        return is_in(bogons_ipv4, sizeof(bogons_ipv4) / sizeof(bogons_ipv4[0]), first) &&
               first >> 32 != REACHABLE_1 && first >> 32 != REACHABLE_2;
    first |= sb_load32(source + 4);
    if (first >> 61 != 1)
        return first != TRANSLATED || sb_load32(source + 8) != 0;
    return is_in(bogons_ipv6, sizeof(bogons_ipv6) / sizeof(bogons_ipv6[0]), first);
}

static bool is_in(const struct prefix *prefixes, uint32_t count, uint64_t first) {
    bool found = false;

    for (uint32_t i = 0; i < count; i++)
        found |= (first & prefixes[i].mask) == prefixes[i].prefix;
    return found;
}

/* Also judges first fragments: their UDP length is that of the whole datagram. */
static bool judge_udp(struct sb_lcore *lcore, struct sb_packet *packet,
                      const struct sb_profile *profile, const struct sb_time *now) {
    const uint8_t *udp = sb_packet_bytes(packet, packet->l4_offset, SB_UDP_BYTES);

    if (udp == NULL)
        return false;
    if ((profile->uses & SB_USE_PORTS_UDP) != 0 &&
        sb_port_rule_refuses(&profile->ports_udp, sb_load16(udp + SB_L4_DESTINATION_PORT)) &&
        sb_reject(lcore, packet, SB_REASON_PORTS_UDP, now))
        return true;
    return (profile->uses & SB_USE_REFLECTORS) != 0 && is_reflected(profile, packet, udp) &&
           sb_reject(lcore, packet, SB_REASON_UDP_AMPLIFICATION, now);
}

static bool is_reflected(const struct sb_profile *profile, const struct sb_packet *packet,
                         const uint8_t *udp) {
    uint32_t port = sb_load16(udp + SB_L4_SOURCE_PORT);
    uint32_t size = sb_load16(udp + SB_UDP_LENGTH);

    for (uint32_t i = 0; i < profile->reflector_count && profile->reflector[i].port <= port; i++) {
        const struct sb_reflector *reflector = &profile->reflector[i];

        if (reflector->port == port)
            return size >= reflector->size_min &&
                   (reflector->ntp_modes == 0 || is_of_modes(packet, size, reflector->ntp_modes));
    }
    return false;
}

/* False also for a packet without an NTP mode, or with one that is not readable. */
static bool is_of_modes(const struct sb_packet *packet, uint32_t size, uint32_t ntp_modes) {
    const uint8_t *ntp = sb_packet_bytes(packet, packet->l4_offset + SB_UDP_BYTES, 1);

    return size > SB_UDP_BYTES && ntp != NULL && (ntp_modes >> (ntp[0] & NTP_MODE) & 1) != 0;
}
