/* neighbors.c: exempts the routing protocols of the neighbours that the policy names.
 *
 * If the node dropped these packets, the routers on its two sides would lose each other: BGP over
 * several hops, OSPF's databases. So the stages country, filter, limits and connections, and the
 * SYN proxy, do not refuse the listed protocols of a neighbour. The stage lists has judged the
 * packet before. Sources can be forged, so each neighbour has a budget; beyond it its packets are
 * judged like all others.
 */
#include "tables/policy/neighbors.h"

#include "packet/address.h"
#include "packet/verdict.h"
#include "stages.h"
#include "tables/limits/buckets.h"

#define INCREMENT_Q16 ((1000000000ull << 16) / SB_NEIGHBOR_PPS_MAX)
#define BURST_Q16 (INCREMENT_Q16 * SB_NEIGHBOR_PPS_MAX)

/* One port or IP protocol of a routing protocol; see neighbor.def. */
struct row {
    uint16_t port;
    uint8_t protocol;
    uint8_t neighbor; /* enum sb_neighbor */
};

static const struct row rows[] = {
#define SB_NEIGHBOR(name, protocol, port, text) {port, protocol, SB_NEIGHBOR_##name},
#define SB_NEIGHBOR_ALSO(name, protocol, port) {port, protocol, SB_NEIGHBOR_##name},
#include "defs/neighbor.def"
#undef SB_NEIGHBOR
#undef SB_NEIGHBOR_ALSO
};

/* Whether any row has this IP protocol: a cheap first check. */
static inline bool is_known(uint32_t protocol) {
#define SB_NEIGHBOR(name, number, port, text) | (protocol == (number))
#define SB_NEIGHBOR_ALSO(name, number, port) | (protocol == (number))
    return false
#include "defs/neighbor.def"
        ;
#undef SB_NEIGHBOR
#undef SB_NEIGHBOR_ALSO
}

static void judge(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                  const struct sb_neighbors *neighbors, const struct sb_time *now);
static enum sb_neighbor said_by(const struct sb_packet *packet);
static bool pay(struct sb_lcore *lcore, uint32_t neighbor, const struct sb_time *now);

void sb_neighbors_exempt(struct sb_lcore *lcore, struct sb_burst *burst,
                         const struct sb_time *now) {
    const struct sb_neighbors *neighbors = sb_policy_of(lcore)->neighbors;

    if (SB_LIKELY(neighbors == NULL))
        return;
    for (uint32_t n = 0; n < burst->live_count; n++) {
        uint32_t i = burst->live[n];
        const struct sb_packet *packet = &burst->packets[i];

        if (is_known(packet->protocol) && packet->ip_version != 0)
            judge(lcore, burst, i, neighbors, now);
    }
}

static void judge(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t i,
                  const struct sb_neighbors *neighbors, const struct sb_time *now) {
    struct sb_packet *packet = &burst->packets[i];
    struct sb_lcore_stats *stats = sb_stats_of(lcore);
    enum sb_neighbor said = said_by(packet);
    struct sb_family_address address;
    uint32_t found;

    if (SB_LIKELY(said == SB_NEIGHBOR_COUNT))
        return;
    address = sb_family_address_read(sb_client_bytes(packet), packet->ip_version);
    found =
        sb_targets_select(&neighbors->addresses, address.is_ipv4 ? 0 : 1, address.hi, address.lo);
    if (found == 0 || (neighbors->protocols[found - 1] >> said & 1) == 0)
        return;
    if (packet->port == SB_PORT_OUTSIDE && !pay(lcore, found - 1, now)) {
        stats->neighbor_beyond[said]++;
        return;
    }
    stats->neighbor[packet->port][said]++;
    packet->flags |= SB_PACKET_NEIGHBOR;
    burst->to_judge &= ~(1u << i);
}

/* The routing protocol of a packet, by IP protocol, and for UDP and TCP also by port.
 * SB_NEIGHBOR_COUNT: none. A later fragment has no port. */
static enum sb_neighbor said_by(const struct sb_packet *packet) {
    const bool is_tcp = packet->protocol == SB_PROTOCOL_TCP;
    const bool has_ports = is_tcp || packet->protocol == SB_PROTOCOL_UDP;
    const uint8_t *ports = sb_packet_bytes(packet, packet->l4_offset, SB_L4_PORTS);
    uint32_t to = 0, from = 0;

    if (has_ports) {
        if (packet->l4_offset == 0 || ports == NULL)
            return SB_NEIGHBOR_COUNT;
        to = sb_load16(ports + SB_L4_DESTINATION_PORT);
        from = is_tcp ? sb_load16(ports + SB_L4_SOURCE_PORT) : to;
    }
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].protocol == packet->protocol && (rows[i].port == to || rows[i].port == from))
            return (enum sb_neighbor)rows[i].neighbor;
    return SB_NEIGHBOR_COUNT;
}

static bool pay(struct sb_lcore *lcore, uint32_t neighbor, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    uint64_t now_q16 = (uint64_t)((unsigned __int128)now->tsc * node->ns_per_tsc_q24 >> 8);

    return sb_bucket_pay(&lcore->neighbor_full_at[neighbor], INCREMENT_Q16, BURST_Q16, now_q16);
}
