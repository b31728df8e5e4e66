/* path_mtu.c: exempts ICMP errors of routers that report a packet of an open connection as too
 * large.
 *
 * Without these errors a connection hangs (RFC 2979, 3.1.1; RFC 4890, 4.3.1), whatever else the
 * router's address is not allowed to send. An error that quotes a sequence number in flight comes
 * from a sender that has seen the connection (RFC 5927, 4.1), so the stages country, filter and
 * limits do not judge it. The stage lists has judged it before. These errors have one budget for
 * all lcores; beyond it they are judged like all other packets.
 */
#include "connection_key.h"
#include "packet/verdict.h"
#include "stages.h"
#include "tcp_state.h"

enum { TRIES_MAX = 4 };
#define COST_NS (1000000000ull / SB_PATH_MTU_PER_S)
#define BURST_NS 1000000000ull

static bool is_too_big(const struct sb_packet *packet);
static bool is_in_flight(struct sb_flows *flows, const struct sb_packet *packet, uint32_t boot_ds);
static bool may_pass(struct sb_node *node, const struct sb_time *now);

void sb_path_mtu_exempt(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    struct sb_node *node = (struct sb_node *)(uintptr_t)lcore->node;
    struct sb_flows *flows = (struct sb_flows *)(uintptr_t)lcore->flows;

    if (SB_LIKELY(burst->is_plain) || flows == NULL)
        return;
    for (uint32_t left = burst->to_judge; left != 0;) {
        uint32_t i = sb_take_packet(&left);
        struct sb_packet *packet = &burst->packets[i];

        if (SB_LIKELY(!is_too_big(packet)) || !is_in_flight(flows, packet, now->boot_ds) ||
            !may_pass(node, now))
            continue;
        packet->flags |= SB_PACKET_PATH_MTU;
        burst->to_judge &= ~(1u << i);
    }
}

/* "Fragmentation needed" (RFC 1191, 4), "packet too big" (RFC 4443, 3.2). */
static bool is_too_big(const struct sb_packet *packet) {
    const uint8_t *icmp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    if (packet->l4_offset == 0 || (packet->flags & SB_PACKET_FRAGMENT) != 0)
        return false;
    if (packet->protocol == SB_PROTOCOL_ICMPV6)
        return icmp[0] == SB_ICMPV6_PACKET_TOO_BIG;
    return packet->protocol == SB_PROTOCOL_ICMP && icmp[0] == SB_ICMP_UNREACHABLE &&
           icmp[1] == SB_ICMP_FRAGMENTATION_NEEDED;
}

/* Whether the error quotes a TCP segment of a proven connection with known sequence numbers, and
 * the quoted number lies between what the client may not have acknowledged yet (as far as its
 * windows tell) and what the protected host has sent. */
static bool is_in_flight(struct sb_flows *flows, const struct sb_packet *packet, uint32_t boot_ds) {
    const uint32_t tcp_offset = sb_quoted_tcp(packet);
    const struct sb_flow_side *host;
    struct sb_flow *flow;
    uint32_t sequence, first;
    uint64_t key[2];

    if (tcp_offset == 0)
        return false;
    sb_quoted_connection_key(flows, packet, tcp_offset, key);
    flow = sb_flow_find(flows, key, sb_flow_hash(flows, key), boot_ds);
    if (flow == NULL || (flow->flags & SB_FLOW_PROVEN) == 0 ||
        (flow->flags & (SB_FLOW_LIBERAL | SB_FLOW_OPENING)) != 0 || sb_tcp_is_ended(flow))
        return false;
    sequence = sb_load32((const uint8_t *)(uintptr_t)packet->data + tcp_offset + SB_TCP_SEQUENCE);
    if ((flow->flags & SB_FLOW_TRANSLATED) !=
        0) /* the quote has the numbers that the client sees */
        sequence -= sb_flow_record(flows, flow)->sequence_delta;
    host = &flow->side[SB_PORT_INSIDE];
    first = host->limit - flow->side[SB_PORT_OUTSIDE].window;
    return !sb_tcp_is_after(first, sequence) && sb_tcp_is_after(host->end, sequence);
}

/* A token bucket of the whole node, kept as the time at which it is full again. */
static bool may_pass(struct sb_node *node, const struct sb_time *now) {
    uint64_t now_ns = (uint64_t)((unsigned __int128)now->tsc * node->ns_per_tsc_q24 >> 24);
    uint64_t full_at = __atomic_load_n(&node->path_mtu_full_at_ns, __ATOMIC_RELAXED);

    for (uint32_t i = 0; i < TRIES_MAX; i++) { /* after a failed try another lcore has paid */
        uint64_t debt = full_at > now_ns ? full_at - now_ns : 0;

        if (debt + COST_NS > BURST_NS)
            return false;
        if (__atomic_compare_exchange_n(&node->path_mtu_full_at_ns, &full_at,
                                        now_ns + debt + COST_NS, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    }
    return false;
}
