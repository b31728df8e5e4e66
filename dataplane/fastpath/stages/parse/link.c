/* link.c: recognizes link control and packets that are not IP, counts them and limits their rate.
 *
 * Link control passes all stages: if the node dropped it, the routers on its two sides would lose
 * each other. Only packets that no host beyond the link can have sent are link control, so an
 * attacker can't use it to pass the node. Other packets that are not IP pass as well, because some
 * links carry them. They are counted apart, because no stage judges them, and a profile can refuse
 * them.
 */
#include "packet/verdict.h"
#include "parse.h"
#include "tables/limits/buckets.h"

enum rule { CODE, ETHERTYPE, STATION, OTHER, LOCAL, GROUP, HOPS };

enum {
    ETHERTYPE_MIN = 0x0600, /* smaller values are a length (IEEE 802.3, 3.2.6) */
    TTL_MAX = 255
};

#define PROTOCOL(protocol, port) ((uint64_t)(protocol) << 16 | (port))

struct row {
    uint64_t first, last;
    enum rule rule;
};

static const struct row rows[SB_LINK_COUNT] = {
#define SB_LINK(name, rule, first, last, text) {first, last, rule},
#define SB_LINK_PROTOCOL(name, rule, protocol, port, text)                                         \
    {PROTOCOL(protocol, port), PROTOCOL(protocol, port), rule},
#include "defs/link.def"
#undef SB_LINK
#undef SB_LINK_PROTOCOL
};

/* The rate and the size of a token bucket, as costs in time. */
struct rate {
    uint64_t increment_q16, burst_q16;
};
#define RATE(pps) {(1000000000ull << 16) / (pps), (1000000000ull << 16) / (pps) * (pps)}
static const struct rate control = RATE(SB_LINK_CONTROL_PPS_MAX);
static const struct rate other = RATE(SB_LINK_OTHER_PPS_MAX);

static enum sb_link find(enum rule rule, uint64_t value);
static uint64_t station_of(const struct sb_packet *packet);
static enum sb_link find_protocol(const struct sb_packet *packet, enum rule rule);
static bool pay(struct sb_lcore *lcore, const struct sb_packet *packet, const struct rate *rate,
                const struct sb_time *now);

void sb_parse_other(struct sb_packet *packet, uint32_t ethertype) {
    enum sb_link link =
        ethertype < ETHERTYPE_MIN ? find(STATION, station_of(packet)) : find(ETHERTYPE, ethertype);

    set_link(packet, link != SB_LINK_NONE ? link : find(OTHER, ethertype));
}

void sb_parse_link_ipv4(struct sb_packet *packet) {
    const uint8_t *ip = sb_packet_bytes(packet, packet->l3_offset, SB_IPV4_BYTES);
    enum sb_link link = SB_LINK_NONE;

    if (ip == NULL)
        return;
    uint32_t ttl = ip[SB_IPV4_LIFETIME], destination = sb_load32(ip + SB_IPV4_DESTINATION);
    if (destination >> 8 == 0xe00000 && (ttl == 1 || ttl == TTL_MAX))
        link = find_protocol(packet, LOCAL);
    if (link == SB_LINK_NONE && destination >> 28 == 14 && ttl == 1)
        link = find_protocol(packet, GROUP);
    if (link == SB_LINK_NONE && ttl == TTL_MAX)
        link = find_protocol(packet, HOPS);
    set_link(packet, link);
}

void sb_parse_link_ipv6(struct sb_packet *packet) {
    const uint8_t *ip = sb_packet_bytes(packet, packet->l3_offset, SB_IPV6_BYTES);

    if (ip != NULL && ip[SB_IPV6_HOP_LIMIT] == TTL_MAX)
        set_link(packet, find_protocol(packet, HOPS));
}

void sb_link_pass(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now) {
    const bool is_other = rows[packet->link].rule == OTHER;

    sb_stats_of(lcore)->link[packet->port][packet->link]++;
    if (is_other && sb_link_is_refused(lcore, packet) &&
        sb_reject(lcore, packet, SB_REASON_ETHERTYPES, now))
        return;
    if (SB_UNLIKELY(!pay(lcore, packet, is_other ? &other : &control, now)))
        sb_reject(lcore, packet, is_other ? SB_REASON_NON_IP_LIMIT : SB_REASON_LINK_LIMIT, now);
}

/* The first row of this rule whose range contains the value. */
static enum sb_link find(enum rule rule, uint64_t value) {
    for (uint32_t link = 0; link < SB_LINK_COUNT; link++)
        if (rows[link].rule == rule && rows[link].first <= value && value <= rows[link].last)
            return (enum sb_link)link;
    return SB_LINK_NONE;
}

/* The destination MAC address of a frame. */
static uint64_t station_of(const struct sb_packet *packet) {
    const uint8_t *frame = sb_packet_bytes(packet, 0, SB_ETHERNET_BYTES);

    return frame == NULL ? 0 : (uint64_t)sb_load32(frame) << 16 | sb_load16(frame + 4);
}

/* Finds the row by IP protocol, and for UDP and TCP also by port. */
static enum sb_link find_protocol(const struct sb_packet *packet, enum rule rule) {
    const bool is_tcp = packet->protocol == SB_PROTOCOL_TCP;

    if (!is_tcp && packet->protocol != SB_PROTOCOL_UDP)
        return find(rule, PROTOCOL(packet->protocol, 0));
    const uint8_t *ports = sb_packet_bytes(packet, packet->l4_offset, SB_L4_PORTS);
    if (packet->l4_offset == 0 || ports == NULL)
        return SB_LINK_NONE;
    enum sb_link link =
        find(rule, PROTOCOL(packet->protocol, sb_load16(ports + SB_L4_DESTINATION_PORT)));
    if (link == SB_LINK_NONE && is_tcp)
        link = find(rule, PROTOCOL(packet->protocol, sb_load16(ports + SB_L4_SOURCE_PORT)));
    return link;
}

bool sb_link_is_refused(const struct sb_lcore *lcore, const struct sb_packet *packet) {
    const struct sb_profile *profile = sb_policy_of(lcore)->profiles;
    const uint32_t offset = SB_ETHERNET_TYPE + packet->vlan_count * SB_VLAN_BYTES;
    const uint8_t *type = sb_packet_bytes(packet, offset, 2);

    return packet->port == SB_PORT_OUTSIDE && type != NULL &&
           (profile->uses & SB_USE_ETHERTYPES) != 0 &&
           sb_port_rule_refuses(&profile->ethertypes, sb_load16(type));
}

/* Each kind, port and lcore has a token bucket, so that a flood of one kind costs no packets of
 * another. */
static bool pay(struct sb_lcore *lcore, const struct sb_packet *packet, const struct rate *rate,
                const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    uint64_t now_q16 = (uint64_t)((unsigned __int128)now->tsc * node->ns_per_tsc_q24 >> 8);

    return sb_bucket_pay(&lcore->link_full_at[packet->port][packet->link], rate->increment_q16,
                         rate->burst_q16, now_q16);
}
