#include "proxy.h"

#include "syn_cookie.h"
#include "translation.h"

enum { TRIES_MAX = 3, FIRST_RETRY_DS = 10, TICKED_AT_ONCE = 8 };

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
static void originate(const struct sb_proxy *proxy, enum sb_origin kind,
                      const struct sb_packet *like, bool back, const struct sb_tcp_header *header);
static struct sb_packet *queue(const struct sb_proxy *proxy);

/* --- opening --- */

int sb_proxy_accepts(const struct sb_proxy *proxy, const struct sb_packet *packet,
                     const struct sb_segment *segment) {
    if ((segment->flags & (SB_TCP_SYN | SB_TCP_RST | SB_TCP_ACK)) != SB_TCP_ACK ||
        (packet->flags & SB_PACKET_FRAGMENT) != 0)
        return SB_COOKIE_NONE;
    return sb_cookie_check(proxy->node, packet, segment->sequence - 1, segment->acknowledgment - 1);
}

void sb_proxy_open(const struct sb_proxy *proxy, struct sb_packet *packet,
                   const struct sb_segment *segment, int mss_index, const uint64_t key[2],
                   uint64_t hash, uint64_t source) {
    struct sb_syn_proxy_table *table = proxy->table;
    struct sb_opening *opening = table->held < table->held_max ? sb_opening_take(table) : NULL;
    struct sb_flow *flow =
        opening == NULL ? NULL : sb_flow_open(proxy->flows, key, hash, proxy->now->boot_ds);
    struct sb_tcp_options options;
    struct sb_cookie_time says = {.scale = SB_COOKIE_NO_SCALE};
    uint32_t window;

    if (flow == NULL) {
        if (opening != NULL)
            sb_opening_free(table, opening);
        sb_drop(proxy->lcore, packet, SB_REASON_SYN_PROXY_FULL);
        return;
    }
    sb_tcp_read_options(packet, &options);
    if (options.has_times)
        says = sb_cookie_time_read(options.time_echo);
    window = segment->window << (says.scale == SB_COOKIE_NO_SCALE ? 0 : says.scale);
    *opening = (struct sb_opening){
        .flow = flow,
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
    flow->sequence_delta = (uint32_t)(opening - table->openings);
    sb_flow_prove(proxy->flows, flow, source);
    flow->deadline_ds = proxy->now->boot_ds + INT32_MAX; /* it is the proxy's to end */
    proxy->flows->stats->opening++;
    proxy->flows->stats->accepted++;
    hold(proxy, opening, packet);
    send_syn(proxy, opening, SB_ORIGIN_OPEN);
}

static struct sb_opening *opening_of(const struct sb_proxy *proxy, const struct sb_flow *flow) {
    return &proxy->table->openings[flow->sequence_delta];
}

static void hold(const struct sb_proxy *proxy, struct sb_opening *opening,
                 struct sb_packet *packet) {
    packet->verdict = SB_VERDICT_HELD;
    packet->owner = (uint16_t)proxy->lcore->index;
    sb_stats_of(proxy->lcore)->port[packet->port].held_now++;
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
        sb_consume(proxy->lcore, packet); /* the first one says all that there is to say */
    } else if (opening->held_count < SB_HELD_MAX && proxy->table->held < proxy->table->held_max) {
        hold(proxy, opening, packet);
    } else {
        sb_drop(proxy->lcore, packet, SB_REASON_SYN_PROXY_FULL);
    }
}

/* Nothing of it reaches the client, who believes that the host has answered. */
static void wait_for_host(const struct sb_proxy *proxy, struct sb_packet *packet,
                          struct sb_flow *flow, const struct sb_segment *segment) {
    struct sb_opening *opening = opening_of(proxy, flow);
    bool is_ours =
        (segment->flags & SB_TCP_ACK) != 0 && segment->acknowledgment == opening->client_isn + 1;

    sb_consume(proxy->lcore, packet);
    if ((segment->flags & SB_TCP_RST) != 0) {
        if (is_ours)
            fail(proxy, flow, true); /* refused */
    } else if ((segment->flags & SB_TCP_SYN) != 0 && is_ours) {
        complete(proxy, flow, packet, segment);
    } else if ((segment->flags & SB_TCP_ACK) != 0) {
        /* It knows another connection between these ports (RFC 9293, 3.10.7.3): end that one. */
        reset_host(proxy, opening, segment->acknowledgment);
    }
}

static void complete(const struct sb_proxy *proxy, struct sb_flow *flow,
                     const struct sb_packet *packet, const struct sb_segment *segment) {
    struct sb_opening *opening = opening_of(proxy, flow);
    struct sb_tcp_options options;

    sb_tcp_read_options(packet, &options);
    sb_proxy_learn(proxy, packet, opening->scale != SB_TCP_NO_SCALE, opening->has_times,
                   opening->has_sack);
    if (opening->has_times && !options.has_times) { /* the client was promised them */
        reset_host(proxy, opening, opening->client_isn + 1);
        fail(proxy, flow, true);
        return;
    }
    (void)sb_tcp_follow(flow, segment);
    flow->flags = (uint16_t)((flow->flags & ~SB_FLOW_OPENING) | SB_FLOW_TRANSLATED);
    flow->sequence_delta = opening->cookie - segment->sequence;
    flow->announced_scale = opening->announced_scale;
    if (opening->has_times) {
        flow->flags |= SB_FLOW_TIMES;
        flow->time_delta = opening->time_told - options.time_value;
    }
    proxy->flows->stats->opening--;
    release(proxy, opening, flow);
    sb_flow_touch(proxy->flows, flow, proxy->now->boot_ds);
}

/* The acknowledgment with the cookie is, translated, the last of the handshake with the host. */
static void release(const struct sb_proxy *proxy, struct sb_opening *opening,
                    struct sb_flow *flow) {
    for (uint32_t i = 0; i < opening->held_count; i++) {
        struct sb_packet *held = &opening->held[i], *out = queue(proxy);
        struct sb_segment segment;

        proxy->table->held--;
        sb_stats_of(proxy->lcore)->port[held->port].held_now--;
        segment = sb_tcp_read_segment(held);
        segment.acknowledgment = sb_translated_ack(flow, &segment);
        (void)sb_tcp_follow(flow, &segment);
        sb_translate(flow, held);
        held->verdict = SB_VERDICT_PASS;
        held->origin = SB_ORIGIN_COUNT;
        *out = *held;
    }
    sb_opening_free(proxy->table, opening);
}

/* Gives a connection up. What is held for it is absorbed. */
static void fail(const struct sb_proxy *proxy, struct sb_flow *flow, bool tell_client) {
    struct sb_opening *opening = opening_of(proxy, flow);

    if (tell_client)
        reset_client(proxy, opening);
    for (uint32_t i = 0; i < opening->held_count; i++) {
        struct sb_packet *held = &opening->held[i], *out = queue(proxy);

        proxy->table->held--;
        sb_stats_of(proxy->lcore)->port[held->port].held_now--;
        sb_consume(proxy->lcore, held);
        held->origin = SB_ORIGIN_COUNT;
        *out = *held;
    }
    sb_opening_free(proxy->table, opening);
    proxy->flows->stats->opening--;
    proxy->flows->stats->failed++;
    flow->flags &= (uint16_t)~SB_FLOW_OPENING;
    sb_flow_end(proxy->flows, flow);
}

void sb_proxy_tick(const struct sb_proxy *proxy) {
    struct sb_syn_proxy_table *table = proxy->table;

    if (table == NULL)
        return;
    sb_proxy_tell_off(proxy);
    if (table->held == 0)
        return;
    for (uint32_t i = 0; i < TICKED_AT_ONCE; i++) {
        struct sb_opening *opening = &table->openings[table->tick_next];

        table->tick_next = table->tick_next + 1 == table->openings_max ? 0 : table->tick_next + 1;
        if (opening->flow == NULL || (int32_t)(opening->retry_ds - proxy->now->boot_ds) > 0)
            continue;
        if (opening->tries + 1 == TRIES_MAX) {
            fail(proxy, opening->flow, true); /* silent */
            continue;
        }
        opening->tries++;
        opening->retry_ds = proxy->now->boot_ds + (FIRST_RETRY_DS << opening->tries);
        send_syn(proxy, opening, SB_ORIGIN_RETRY);
    }
}

/* --- frames of our own --- */

static void send_syn(const struct sb_proxy *proxy, const struct sb_opening *opening,
                     enum sb_origin kind) {
    const struct sb_tcp_header header = {
        .sequence = opening->client_isn,
        .window = opening->window,
        .flags = SB_TCP_SYN,
        .options = {.mss = opening->mss,
                    .scale = opening->scale,
                    .may_sack = opening->has_sack,
                    .has_times = opening->has_times,
                    .time_value = opening->client_time},
    };

    originate(proxy, kind, &opening->held[0], false, &header);
}

static void reset_client(const struct sb_proxy *proxy, const struct sb_opening *opening) {
    const struct sb_tcp_header header = {.sequence = opening->cookie + 1,
                                         .flags = SB_TCP_RST,
                                         .options = {.scale = SB_TCP_NO_SCALE}};

    originate(proxy, SB_ORIGIN_RESET, &opening->held[0], true, &header);
}

static void reset_host(const struct sb_proxy *proxy, const struct sb_opening *opening,
                       uint32_t sequence) {
    const struct sb_tcp_header header = {
        .sequence = sequence, .flags = SB_TCP_RST, .options = {.scale = SB_TCP_NO_SCALE}};

    originate(proxy, SB_ORIGIN_RESET, &opening->held[0], false, &header);
}

/* Without a buffer it is as if it had been lost on the way. */
static void originate(const struct sb_proxy *proxy, enum sb_origin kind,
                      const struct sb_packet *like, bool back, const struct sb_tcp_header *header) {
    struct sb_outbox *outbox = proxy->outbox;
    struct sb_buffer buffer;
    struct sb_packet *packet;
    uint32_t length;

    if (outbox->buffer_count == 0)
        return;
    buffer = outbox->buffer[--outbox->buffer_count];
    packet = queue(proxy);
    length = sb_tcp_write_frame((uint8_t *)(uintptr_t)buffer.data, like, back, header);
    length = sb_pad_frame((uint8_t *)(uintptr_t)buffer.data, length, SB_FRAME_OWN_MAX);
    *packet = (struct sb_packet){.mbuf = buffer.mbuf,
                                 .data = buffer.data,
                                 .length = length,
                                 .available = (uint16_t)length,
                                 .port = (uint16_t)(back ? like->port ^ 1 : like->port),
                                 .verdict = SB_VERDICT_PASS,
                                 .origin = (uint16_t)kind};
    sb_stats_of(proxy->lcore)->origin[kind].originated++;
}

/* SB_OUTBOX_MAX is more than one run can need: for each packet of a burst, and each opening of a
 * tick, what was held for it and a reset to either side. */
static struct sb_packet *queue(const struct sb_proxy *proxy) {
    return &proxy->outbox->packet[proxy->outbox->packet_count++];
}

_Static_assert(SB_OUTBOX_MAX >= (SB_BURST_MAX + TICKED_AT_ONCE) * (SB_HELD_MAX + 2), "queue");

/* --- what protected hosts can --- */

void sb_proxy_learn(const struct sb_proxy *proxy, const struct sb_packet *packet,
                    bool offered_scale, bool offered_times, bool offered_sack) {
    struct sb_host_options *host;
    struct sb_tcp_options options;

    sb_tcp_read_options(packet, &options);
    host = sb_host_learn(proxy->table, sb_protected_words(packet), sb_protected_port(packet));
    host->mss = options.mss >= SB_MSS_DEFAULT ? options.mss : (uint16_t)SB_MSS_DEFAULT;
    if (offered_scale) {
        host->scale = options.scale;
        host->flags |= SB_HOST_KNOWS_SCALE;
    }
    if (offered_times) {
        host->flags &= (uint8_t)~SB_HOST_TIMES;
        host->flags |= SB_HOST_KNOWS_TIMES | (options.has_times ? SB_HOST_TIMES : 0);
    }
    if (offered_sack) {
        host->flags &= (uint8_t)~SB_HOST_SACK;
        host->flags |= options.may_sack ? SB_HOST_SACK : 0;
    }
}
