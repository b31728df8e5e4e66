#include "syn_proxy.h"

#include "stages/connections/inspected.h"
#include "syn_cookie.h"
#include "translation.h"

/* The proxy sends a protected host SYNs after 0, 1, 3, 7 and 15 s (RFC 6298, 2.1 and 5.5) and gives
 * the connection up after 31 s. On a line that loses 10 % in each direction, a try fails with a
 * probability of 19 %, and one opening in 4,000 fails. With more than half of the openings in use,
 * the proxy gives up after 3 s, or after 1 s if the host has never answered a client, so that a
 * host in trouble leaves room for others. */
enum { SYNS_MAX = 5, SYNS_MAX_CROWDED = 2, FIRST_RETRY_DS = 10, TICKED_AT_ONCE = 8 };

/* A source may have at most 1/SOURCE_SHARE as many openings as are free, a protected address at
 * most as many as are free. So there is always room for one more source and one more address. */
enum { SOURCE_SHARE = 4 };

/* Each packet of a burst, and each opening of a tick, may release the held packets of one
 * connection. */
_Static_assert(SB_RELEASED_MAX >= (SB_BURST_MAX + TICKED_AT_ONCE) * SB_HELD_MAX, "room to release");

static struct sb_opening *opening_of(const struct sb_proxy *proxy, const struct sb_flow *flow);
static void hold(const struct sb_proxy *proxy, struct sb_opening *opening,
                 struct sb_packet *packet);
static void wait_for_client(const struct sb_proxy *proxy, struct sb_packet *packet,
                            struct sb_flow *flow, const struct sb_segment *segment);
static void wait_for_host(const struct sb_proxy *proxy, struct sb_packet *packet,
                          struct sb_flow *flow, const struct sb_segment *segment);
static void complete(const struct sb_proxy *proxy, struct sb_flow *flow,
                     const struct sb_packet *packet, const struct sb_segment *segment);
static void release(const struct sb_proxy *proxy, struct sb_opening *opening, struct sb_flow *flow);
static void fail(const struct sb_proxy *proxy, struct sb_flow *flow, bool tell_client);
static void send_syn(const struct sb_proxy *proxy, const struct sb_opening *opening,
                     enum sb_origin kind);
static void reset_client(const struct sb_proxy *proxy, const struct sb_opening *opening);
static void reset_host(const struct sb_proxy *proxy, const struct sb_opening *opening,
                       uint32_t sequence);
static void send_reset(const struct sb_proxy *proxy, const struct sb_opening *opening, bool back,
                       uint32_t sequence);

/* --- opening --- */

int sb_proxy_accepts(const struct sb_proxy *proxy, const struct sb_packet *packet,
                     const struct sb_segment *segment) {
    if ((segment->flags & (SB_TCP_SYN | SB_TCP_RST | SB_TCP_ACK)) != SB_TCP_ACK ||
        (packet->flags & SB_PACKET_FRAGMENT) != 0)
        return SB_COOKIE_NONE;
    return sb_cookie_check(proxy->node, proxy->slot, packet, segment->sequence - 1,
                           segment->acknowledgment - 1);
}

bool sb_proxy_may_open(const struct sb_proxy *proxy, const struct sb_packet *packet,
                       uint64_t source) {
    const struct sb_syn_proxy_table *table = proxy->table;
    const uint32_t left = sb_openings_left(table);
    const uint32_t destination = sb_share_of_address(table, sb_protected_words(packet));

    return table->of_destination[destination] < left &&
           table->of_source[sb_share_of_hash(source)] < (left + SOURCE_SHARE - 1) / SOURCE_SHARE;
}

void sb_proxy_open(const struct sb_proxy *proxy, struct sb_packet *packet,
                   const struct sb_segment *segment, int mss_index, const uint64_t key[2],
                   uint64_t hash, uint64_t source) {
    struct sb_syn_proxy_table *table = proxy->table;
    const uint32_t sharer = sb_share_of_hash(source);
    const uint32_t destination = sb_share_of_address(table, sb_protected_words(packet));
    struct sb_flow *flow =
        sb_flow_open(proxy->flows, key, hash, packet->profile, proxy->now->boot_ds);
    struct sb_opening *opening;
    struct sb_tcp_options options;
    struct sb_cookie_time says = {.scale = SB_COOKIE_NO_SCALE};
    uint32_t window;

    if (flow == NULL) {
        sb_drop(proxy->lcore, packet, SB_REASON_SYN_PROXY_FULL);
        return;
    }
    opening = sb_opening_take(table, sharer, destination);
    sb_tcp_read_options(packet, &options);
    if (options.has_times)
        says = sb_cookie_time_read(options.time_echo);
    window = segment->window << (says.scale == SB_COOKIE_NO_SCALE ? 0 : says.scale);
    *opening = (struct sb_opening){
        .flow = flow,
        .source = (uint16_t)sharer,
        .destination = (uint16_t)destination,
        .retry_ds = proxy->now->boot_ds + FIRST_RETRY_DS,
        .client_isn = segment->sequence - 1,
        .cookie = segment->acknowledgment - 1,
        .client_time = options.time_value,
        .time_told = options.time_echo,
        .mss = (uint16_t)sb_cookie_mss((uint32_t)mss_index),
        .window = (uint16_t)(window < UINT16_MAX ? window : UINT16_MAX),
        .scale = says.scale == SB_COOKIE_NO_SCALE ? (uint8_t)SB_TCP_NO_SCALE : says.scale,
        .announced_scale = says.announced_scale,
        .has_times = options.has_times,
        .has_sack = says.may_sack,
    };
    sb_tcp_open(flow, &(struct sb_segment){.sequence = opening->client_isn,
                                           .length = 1,
                                           .window = opening->window,
                                           .flags = SB_TCP_SYN,
                                           .from = SB_PORT_OUTSIDE,
                                           .scale = opening->scale});
    flow->flags |= SB_FLOW_OPENING;
    sb_flow_add_record(proxy->flows, flow)->opening = (uint32_t)(opening - table->openings);
    sb_flow_prove(proxy->flows, flow, source);
    flow->deadline_ds = proxy->now->boot_ds + INT32_MAX; /* the proxy alone ends this record */
    proxy->flows->stats->opening++;
    proxy->flows->stats->accepted++;
    hold(proxy, opening, packet);
    send_syn(proxy, opening, SB_ORIGIN_OPEN);
}

static struct sb_opening *opening_of(const struct sb_proxy *proxy, const struct sb_flow *flow) {
    return &proxy->table->openings[sb_flow_record(proxy->flows, flow)->opening];
}

static void hold(const struct sb_proxy *proxy, struct sb_opening *opening,
                 struct sb_packet *packet) {
    sb_hold(proxy->lcore, packet);
    opening->held[opening->held_count++] = *packet;
    proxy->table->held++;
}

void sb_proxy_wait(const struct sb_proxy *proxy, struct sb_packet *packet, struct sb_flow *flow,
                   const struct sb_segment *segment) {
    if (segment->from == SB_PORT_OUTSIDE)
        wait_for_client(proxy, packet, flow, segment);
    else
        wait_for_host(proxy, packet, flow, segment);
}

static void wait_for_client(const struct sb_proxy *proxy, struct sb_packet *packet,
                            struct sb_flow *flow, const struct sb_segment *segment) {
    struct sb_opening *opening = opening_of(proxy, flow);

    if ((segment->flags & SB_TCP_RST) != 0) {
        sb_consume(proxy->lcore, packet);
        if (segment->sequence - opening->client_isn - 1 <= SB_PROXY_WINDOW)
            fail(proxy, flow, false);
    } else if (segment->length == 0) {
        sb_consume(proxy->lcore, packet); /* without data it adds nothing */
    } else if (opening->held_count < SB_HELD_MAX && sb_openings_may_hold(proxy->table)) {
        hold(proxy, opening, packet);
    } else {
        sb_drop(proxy->lcore, packet, SB_REASON_SYN_PROXY_FULL);
    }
}

/* No packet of the host reaches the client before the connection is open on both sides. */
static void wait_for_host(const struct sb_proxy *proxy, struct sb_packet *packet,
                          struct sb_flow *flow, const struct sb_segment *segment) {
    struct sb_opening *opening = opening_of(proxy, flow);
    bool is_ours =
        (segment->flags & SB_TCP_ACK) != 0 && segment->acknowledgment == opening->client_isn + 1;

    sb_consume(proxy->lcore, packet);
    if ((segment->flags & SB_TCP_RST) != 0) {
        if (is_ours)
            fail(proxy, flow, true); /* the host has refused the connection */
    } else if ((segment->flags & SB_TCP_SYN) != 0 && is_ours) {
        complete(proxy, flow, packet, segment);
    } else if ((segment->flags & SB_TCP_ACK) != 0) {
        /* The host has another connection between these ports (RFC 9293, 3.10.7.3): reset that one.
         */
        reset_host(proxy, opening, segment->acknowledgment);
    }
}

static void complete(const struct sb_proxy *proxy, struct sb_flow *flow,
                     const struct sb_packet *packet, const struct sb_segment *segment) {
    struct sb_flow_record *record = sb_flow_record(proxy->flows, flow);
    struct sb_opening *opening = opening_of(proxy, flow);
    struct sb_tcp_options options;

    sb_tcp_read_options(packet, &options);
    sb_proxy_learn(proxy, packet, opening->scale != SB_TCP_NO_SCALE, opening->has_times,
                   opening->has_sack);
    if (opening->has_times && !options.has_times) { /* it promised the client timestamps */
        reset_host(proxy, opening, opening->client_isn + 1);
        fail(proxy, flow, true);
        return;
    }
    (void)sb_tcp_follow(flow, segment);
    flow->flags = (uint16_t)((flow->flags & ~SB_FLOW_OPENING) | SB_FLOW_TRANSLATED);
    record->sequence_delta = opening->cookie - segment->sequence;
    record->announced_scale = opening->announced_scale;
    if (opening->has_times) {
        flow->flags |= SB_FLOW_TIMES;
        record->time_delta = opening->time_told - options.time_value;
    }
    proxy->flows->stats->opening--;
    proxy->flows->stats->proxied++;
    sb_inspect_proxied(proxy->lcore, flow, &opening->held[0], opening->client_isn + 1,
                       opening->cookie + 1);
    release(proxy, opening, flow);
    sb_flow_touch(proxy->flows, flow, proxy->now->boot_ds);
}

/* The held acknowledgment that carried the cookie, translated, completes the handshake with the
 * host. */
static void release(const struct sb_proxy *proxy, struct sb_opening *opening,
                    struct sb_flow *flow) {
    for (uint32_t i = 0; i < opening->held_count; i++) {
        struct sb_packet *held = &opening->held[i];
        struct sb_segment segment = sb_tcp_read_segment(held);

        held->http = (flow->flags & SB_FLOW_INSPECTED) != 0 ? flow->http : 0;

        segment.acknowledgment = sb_translated_ack(proxy->flows, flow, &segment);
        (void)sb_tcp_follow(flow, &segment);
        sb_translate(proxy->flows, flow, held);
        sb_release(proxy->lcore, held);
    }
    proxy->table->held -= opening->held_count;
    sb_opening_free(proxy->table, opening);
}

/* Gives a connection up, and absorbs the packets that are held for it. */
static void fail(const struct sb_proxy *proxy, struct sb_flow *flow, bool tell_client) {
    struct sb_opening *opening = opening_of(proxy, flow);

    if (tell_client)
        reset_client(proxy, opening);
    for (uint32_t i = 0; i < opening->held_count; i++)
        sb_give_up(proxy->lcore, &opening->held[i]);
    proxy->table->held -= opening->held_count;
    sb_opening_free(proxy->table, opening);
    proxy->flows->stats->opening--;
    proxy->flows->stats->failed++;
    flow->flags &= (uint16_t)~SB_FLOW_OPENING;
    sb_flow_end(proxy->flows, flow);
}

/* Whether the host has ever answered a client's SYN on this port. */
static bool has_answered(const struct sb_proxy *proxy, const struct sb_opening *opening) {
    const struct sb_packet *client = &opening->held[0];

    return sb_host_find(proxy->table, sb_protected_words(client), sb_protected_port(client)) !=
           NULL;
}

void sb_proxy_tick(const struct sb_proxy *proxy) {
    struct sb_syn_proxy_table *table = proxy->table;
    uint32_t syns_max;
    bool is_crowded;

    if (table == NULL)
        return;
    sb_proxy_report_off(proxy);
    if (table->held == 0)
        return;
    is_crowded = sb_openings_left(table) < table->openings_max / 2;
    syns_max = is_crowded ? SYNS_MAX_CROWDED : SYNS_MAX;
    for (uint32_t i = 0; i < TICKED_AT_ONCE; i++) {
        struct sb_opening *opening = &table->openings[table->tick_next];

        table->tick_next = table->tick_next + 1 == table->openings_max ? 0 : table->tick_next + 1;
        if (opening->flow == NULL || (int32_t)(opening->retry_ds - proxy->now->boot_ds) > 0)
            continue;
        if (opening->tries + 1u >= syns_max || (is_crowded && !has_answered(proxy, opening))) {
            fail(proxy, opening->flow, true); /* the host does not answer */
            continue;
        }
        opening->tries++;
        opening->retry_ds = proxy->now->boot_ds + (FIRST_RETRY_DS << opening->tries);
        send_syn(proxy, opening, SB_ORIGIN_RETRY);
    }
}

/* --- frames that the node originates --- */

static void send_syn(const struct sb_proxy *proxy, const struct sb_opening *opening,
                     enum sb_origin kind) {
    const struct sb_own_segment segment = {
        .kind = kind,
        .like = &opening->held[0],
        .header = {.sequence = opening->client_isn,
                   .window = opening->window,
                   .flags = SB_TCP_SYN,
                   .lifetime = sb_ip_lifetime(&opening->held[0]),
                   .traffic_class = sb_ip_traffic_class(&opening->held[0]),
                   .options = {.mss = opening->mss,
                               .scale = opening->scale,
                               .may_sack = opening->has_sack,
                               .has_times = opening->has_times,
                               .time_value = opening->client_time}},
    };

    sb_originate(proxy->lcore, &segment);
}

static void reset_client(const struct sb_proxy *proxy, const struct sb_opening *opening) {
    send_reset(proxy, opening, true, opening->cookie + 1);
}

static void reset_host(const struct sb_proxy *proxy, const struct sb_opening *opening,
                       uint32_t sequence) {
    send_reset(proxy, opening, false, sequence);
}

static void send_reset(const struct sb_proxy *proxy, const struct sb_opening *opening, bool back,
                       uint32_t sequence) {
    const struct sb_packet *client = &opening->held[0];
    struct sb_own_segment segment = {.kind = SB_ORIGIN_RESET,
                                     .like = client,
                                     .back = back,
                                     .header = {.sequence = sequence,
                                                .flags = SB_TCP_RST,
                                                .lifetime = sb_ip_lifetime(client),
                                                .traffic_class = sb_ip_traffic_class(client),
                                                .options = {.scale = SB_TCP_NO_SCALE}}};

    if (back)
        sb_proxy_speak_as(
            sb_host_find(proxy->table, sb_protected_words(client), sb_protected_port(client)),
            client, &segment.header);
    sb_originate(proxy->lcore, &segment);
}
