#include "inspected.h"

#include "beginning.h"
#include "source_limit.h"

static bool is_wanted(const struct sb_lcore *lcore, const struct sb_packet *packet);
static void begin(struct sb_connections_work *work, const struct sb_packet *packet,
                  struct sb_flow *flow);
static bool is_at_its_beginning(const struct sb_flow *flow, const struct sb_packet *packet);
static bool carries_bytes(const struct sb_packet *packet);

void sb_inspect(struct sb_connections_work *work, uint32_t i) {
    struct sb_packet *packet = &work->burst->packets[i];
    struct sb_flow *flow =
        sb_flow_find(work->flows, work->key[i], work->hash[i], work->now->boot_ds);
    const bool wanted = work->http_generation != 0 && is_wanted(work->lcore, packet);

    if (flow != NULL) {
        const bool is_of_client =
            (flow->flags & (SB_FLOW_OPENED_INSIDE | SB_FLOW_LIBERAL)) != SB_FLOW_OPENED_INSIDE;

        if (!wanted && (flow->flags & SB_FLOW_INSPECTED) != 0)
            sb_http_end(sb_http_of(work->lcore), flow);
        if (wanted && is_of_client &&
            (flow->flags & (SB_FLOW_PROVEN | SB_FLOW_INSPECTED)) == SB_FLOW_PROVEN)
            begin(work, packet, flow);
        flow->http_generation = work->http_generation;
        if ((flow->flags & SB_FLOW_INSPECTED) != 0) {
            sb_inspect_mark(work, i, flow);
            return;
        }
        if (!is_of_client)
            return;
    }
    if (wanted && packet->port == SB_PORT_OUTSIDE && carries_bytes(packet)) {
        packet->http = flow == NULL ? SB_HTTP_UNTRACKED : SB_HTTP_STRANGER;
        work->burst->http |= 1u << i;
    }
}

static bool is_wanted(const struct sb_lcore *lcore, const struct sb_packet *packet) {
    const struct sb_profile *profile = sb_profile_of(lcore, packet);
    const uint32_t port = sb_protected_port(packet);

    if ((profile->uses & SB_USE_HTTP) == 0)
        return false;
    for (uint32_t n = 0; n < profile->http.port_count; n++)
        if (profile->http.port[n] == port)
            return true;
    return false;
}

/* A connection that was open before its port was inspected, or that was picked up, may be in the
 * middle of a request. In all other cases the client has sent no data before this packet. */
static void begin(struct sb_connections_work *work, const struct sb_packet *packet,
                  struct sb_flow *flow) {
    struct sb_http *http = sb_http_of(work->lcore);
    const bool is_earlier =
        (flow->flags & SB_FLOW_LIBERAL) != 0 ||
        (flow->http_generation != work->http_generation && !is_at_its_beginning(flow, packet));
    const uint32_t delta = (flow->flags & SB_FLOW_TRANSLATED) == 0
                               ? 0
                               : sb_flow_record(work->flows, flow)->sequence_delta;
    struct sb_http_record *record =
        sb_http_begin(http, flow, flow->http, flow->side[SB_PORT_INSIDE].end + delta,
                      sb_source_of(work->flows, packet));

    if (!is_earlier)
        return;
    record->state = SB_HTTP_STATE_EARLIER;
    record->since_ds = work->now->boot_ds;
    /* The record of a connection can end although the connection is still open: after a forged RST
     * that the protected host did not accept. */
    if ((flow->flags & SB_FLOW_LIBERAL) != 0 && !sb_begin_is_learning(work))
        record->flags |= SB_HTTP_CLOSED;
    else
        http->stats->not_inspected[SB_HTTP_UNINSPECTED_EARLIER]++;
}

/* The client has sent no data except in this packet. */
static bool is_at_its_beginning(const struct sb_flow *flow, const struct sb_packet *packet) {
    const struct sb_segment segment = sb_tcp_read_segment(packet);
    const uint32_t sent =
        packet->port == SB_PORT_OUTSIDE && segment.sequence == flow->http ? segment.length : 0;

    return flow->side[SB_PORT_OUTSIDE].end == flow->http + sent;
}

static bool carries_bytes(const struct sb_packet *packet) {
    return sb_end_of_ip(packet) > packet->payload_offset;
}

void sb_inspect_proxied(struct sb_lcore *lcore, struct sb_flow *flow,
                        const struct sb_packet *client, uint32_t client_first,
                        uint32_t host_first) {
    const uint8_t generation = sb_http_generation(lcore);

    flow->http_generation = generation;
    if (generation != 0 && is_wanted(lcore, client))
        (void)sb_http_begin(sb_http_of(lcore), flow, client_first, host_first,
                            sb_source_of(sb_http_of(lcore)->flows, client));
}
