/* connections.c: finds the connection of each packet, in both directions, and judges packets that
 * belong to none.
 *
 * Only packets from outside are judged. Packets of protected hosts update or begin a connection and
 * are never refused. The allowlist does not exempt a packet here, because sources can be forged.
 * The stage follows TCP, UDP and ICMP echo; ICMP errors that quote a TCP segment are assigned to
 * its connection. Other packets, and fragments without a transport header, pass.
 */
#include "beginning.h"
#include "connection_key.h"
#include "inspected.h"
#include "source_limit.h"
#include "stages.h"
#include "syn/translation.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

static void take_shares(struct sb_flows *flows, const struct sb_policy *policy);
static uint32_t locate(struct sb_connections_work *work);
static uint32_t locate_plain(struct sb_connections_work *work);
static uint32_t follow_usual(struct sb_connections_work *work, uint32_t packets);
ALWAYS_INLINE uint32_t follow_found(struct sb_connections_work *work, uint32_t packets,
                                    bool is_plain, uint32_t *not_there);
static void follow_special(struct sb_connections_work *work, uint32_t i,
                           const struct sb_flow *flow);
static uint32_t find_elsewhere(struct sb_connections_work *work, uint32_t packets);
static bool judge(struct sb_connections_work *work, uint32_t index);
static bool judge_tcp(struct sb_connections_work *work, uint32_t index, struct sb_flow *flow);
static bool follow_tcp(struct sb_connections_work *work, uint32_t index, struct sb_flow *flow,
                       struct sb_segment *segment, const struct sb_tcp_options *options);
static bool judge_pair(struct sb_connections_work *work, uint32_t index, struct sb_flow *flow);

void sb_connections_stage(struct sb_lcore *lcore, struct sb_burst *burst,
                          const struct sb_time *now) {
    struct sb_connections_work work;
    uint32_t packets, dropped = 0;

    burst->http = 0;
    if (SB_UNLIKELY(lcore->flows == 0)) /* a pipeline without connections, in tests */
        return;
    work.lcore = lcore;
    work.burst = burst;
    work.now = now;
    work.flows = (struct sb_flows *)(uintptr_t)lcore->flows;
    if (SB_UNLIKELY(work.flows->shares.generation != sb_policy_of(lcore)->generation))
        take_shares(work.flows, sb_policy_of(lcore));
    work.proxy = sb_proxy_of(lcore, now);
    work.answered = 0;
    work.http_generation = sb_http_generation(lcore);
    if (SB_UNLIKELY(lcore->http != 0))
        sb_http_reclaim(sb_http_of(lcore));
    packets = SB_LIKELY(burst->is_plain) ? locate_plain(&work) : locate(&work);
    packets = follow_usual(&work, packets);
    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);

        dropped |= (uint32_t)judge(&work, i) << i;
    }
    sb_begin_answer_all(&work);
    sb_flows_sweep(work.flows, now->boot_ds);
    sb_proxy_tick(&work.proxy);
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
}

/* Not inlined: the policy seldom changes. */
static __attribute__((noinline)) void take_shares(struct sb_flows *flows,
                                                  const struct sb_policy *policy) {
    sb_flows_share(flows, policy->share_q16, policy->share_count, policy->generation);
}

void sb_connections_idle(struct sb_lcore *lcore, const struct sb_time *now) {
    const struct sb_proxy proxy = sb_proxy_of(lcore, now);

    if (lcore->http != 0)
        sb_http_reclaim(sb_http_of(lcore));
    sb_flows_sweep(proxy.flows, now->boot_ds);
    sb_proxy_tick(&proxy);
}

/* Prefetches by the likely outcome: a SYN seldom has a record, so the tags are enough; another
 * segment mostly has one. */
static inline void ask_for_flow(struct sb_connections_work *work, uint32_t i,
                                struct sb_flows *flows, uint64_t key_0, uint64_t key_1,
                                bool is_opening) {
    uint64_t hash = sb_hash_address(&flows->hash_key, key_0, key_1);
    struct sb_flow_set *home = sb_flow_home(flows, hash);
    struct sb_flow *flow = &home->flow[sb_flow_preferred_way(hash)];

    work->key[i][0] = key_0;
    work->key[i][1] = key_1;
    work->hash[i] = hash;
    work->flow[i] = flow;
    __builtin_prefetch(is_opening ? (void *)&home->tags : (void *)flow, 1);
    if (is_opening)
        sb_flow_ask_for_owners(flows, hash);
}

/* Returns the packets that can belong to a connection, and prefetches the preferred place of each.
 */
static uint32_t locate(struct sb_connections_work *work) {
    const struct sb_burst *burst = work->burst;
    uint32_t packets = 0, opening = 0;

    for (uint32_t n = 0; n < burst->live_count; n++) {
        uint32_t i = burst->live[n];
        const struct sb_packet *packet = &burst->packets[i];
        uint64_t key[2];
        bool is_opening;

        if (!sb_has_connection(packet))
            continue;
        if (SB_UNLIKELY(sb_is_icmp_error(packet)))
            sb_quoted_connection_key(work->flows, packet, sb_quoted_tcp(packet), key);
        else
            sb_connection_key(work->flows, packet, key);
        is_opening = sb_packet_is_opening(packet);
        ask_for_flow(work, i, work->flows, key[0], key[1], is_opening);
        opening |= (uint32_t)is_opening << i;
        packets |= 1u << i;
    }
    work->opening = opening;
    return packets;
}

/* As locate, for a plain burst. */
static uint32_t locate_plain(struct sb_connections_work *work) {
    const struct sb_burst *burst = work->burst;
    struct sb_flows *flows = work->flows;
    uint32_t packets = 0, opening = 0;

    for (uint32_t n = 0; n < burst->live_count; n++) {
        uint32_t i = burst->live[n];
        const struct sb_packet *packet = &burst->packets[i];
        const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
        uint64_t addresses = sb_load64_raw(data + SB_PLAIN_SOURCE);
        uint64_t ports = sb_load32_raw(data + SB_PLAIN_L4);
        bool is_opening = packet->protocol == SB_PROTOCOL_TCP &&
                          sb_tcp_is_opening(data[SB_PLAIN_L4 + SB_TCP_FLAGS]);

        ask_for_flow(work, i, flows, addresses, ports << 32 | (uint32_t)packet->protocol << 8 | 4,
                     is_opening);
        opening |= (uint32_t)is_opening << i;
        packets |= 1u << i;
    }
    work->opening = opening;
    return packets;
}

/* Handles nearly all packets: segments in the middle of an established connection. Returns the
 * other packets. SB_FLOW_DEFERRED sees to it that no packet of a connection overtakes an earlier
 * one. */
static uint32_t follow_usual(struct sb_connections_work *work, uint32_t packets) {
    uint32_t others = packets & work->opening; /* a SYN changes no open connection */
    uint32_t elsewhere = 0;

    packets &= ~others;
    others |= SB_LIKELY(work->burst->is_plain) ? follow_found(work, packets, true, &elsewhere)
                                               : follow_found(work, packets, false, &elsewhere);
    if (SB_UNLIKELY(elsewhere != 0)) {
        uint32_t found = find_elsewhere(work, elsewhere), not_there = elsewhere & ~found;

        others |= follow_found(work, found, false, &not_there);
        others |= not_there;
    }
    return others;
}

/* Returns those packets whose connection is at work->flow but that are not usual. Adds to not_there
 * those whose connection is elsewhere. Prefetches the tags of both. */
ALWAYS_INLINE uint32_t follow_found(struct sb_connections_work *work, uint32_t packets,
                                    bool is_plain, uint32_t *not_there) {
    const uint32_t deadline_ds =
        work->now->boot_ds + work->flows->timeouts.ds[SB_FLOW_STATE_ESTABLISHED];
    uint32_t others = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);
        const struct sb_packet *packet = &work->burst->packets[i];
        struct sb_flow *flow = work->flow[i];
        bool is_it = sb_flow_is(flow, work->key[i]);

        if (SB_LIKELY(is_it && packet->protocol == SB_PROTOCOL_TCP &&
                      !sb_flow_is_over(flow, work->now->boot_ds) &&
                      (is_plain || (packet->flags & SB_PACKET_FRAGMENT) == 0))) {
            struct sb_segment segment =
                is_plain ? sb_tcp_read_plain(packet) : sb_tcp_read_segment(packet);

            segment.acknowledgment = sb_translated_ack(work->flows, flow, &segment);
            if (SB_LIKELY(sb_tcp_flows(flow, &segment, work->http_generation))) {
                flow->deadline_ds = deadline_ds;
                if (SB_UNLIKELY((flow->flags & (SB_FLOW_TRANSLATED | SB_FLOW_INSPECTED)) != 0))
                    follow_special(work, i, flow);
                continue;
            }
        }
        if (is_it) {
            flow->flags |= SB_FLOW_DEFERRED;
            others |= 1u << i;
        } else {
            *not_there |= 1u << i;
            sb_flow_ask_for_owners(work->flows, work->hash[i]);
        }
        __builtin_prefetch(&sb_flow_home(work->flows, work->hash[i])->tags, 1);
    }
    return others;
}

static void follow_special(struct sb_connections_work *work, uint32_t i,
                           const struct sb_flow *flow) {
    if ((flow->flags & SB_FLOW_TRANSLATED) != 0)
        sb_translate(work->flows, flow, &work->burst->packets[i]);
    if ((flow->flags & SB_FLOW_INSPECTED) != 0)
        sb_inspect_mark(work, i, flow);
}

/* Sets work->flow from the tags of the home set and prefetches it. Returns the packets for which a
 * tag fits. */
static uint32_t find_elsewhere(struct sb_connections_work *work, uint32_t packets) {
    uint32_t found = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);
        uint64_t hash = work->hash[i];
        struct sb_flow_set *home = sb_flow_home(work->flows, hash);
        uint32_t ways = sb_flow_ways(&home->tags, sb_flow_tag(hash));

        if (ways == 0)
            continue;
        work->flow[i] = &home->flow[__builtin_ctz(ways)];
        __builtin_prefetch(work->flow[i], 1);
        found |= 1u << i;
    }
    return found;
}

/* True: dropped. */
static bool judge(struct sb_connections_work *work, uint32_t i) {
    const struct sb_packet *packet = &work->burst->packets[i];
    struct sb_flow *flow = NULL;

    if (!sb_flow_is_unknown(work->flows, work->hash[i]))
        flow = sb_flow_find(work->flows, work->key[i], work->hash[i], work->now->boot_ds);
    if (flow != NULL)
        flow->flags &= (uint16_t)~SB_FLOW_DEFERRED;
    if (packet->protocol == SB_PROTOCOL_TCP) {
        const bool asks =
            work->http_generation != 0 || (flow != NULL && flow->http_generation != 0);

        if (judge_tcp(work, i, flow))
            return true;
        if (asks)
            sb_inspect(work, i);
        return false;
    }
    if (!sb_is_icmp_error(packet))
        return judge_pair(work, i, flow);
    if (flow != NULL)
        sb_translate_quote(work->flows, flow, packet, sb_quoted_tcp(packet));
    return false;
}

static bool judge_tcp(struct sb_connections_work *work, uint32_t i, struct sb_flow *flow) {
    struct sb_packet *packet = &work->burst->packets[i];
    const bool is_opening = (work->opening >> i & 1) != 0;
    const bool is_client_opening = is_opening && packet->port == SB_PORT_OUTSIDE;
    const bool may_begin = flow == NULL || sb_tcp_may_reopen(flow) || sb_tcp_is_half_open(flow);
    struct sb_tcp_options options;
    struct sb_segment segment;

    if (is_client_opening && flow != NULL && (flow->flags & SB_FLOW_OPENING) != 0)
        return sb_begin_answer_again(work, i);
    if (is_client_opening && may_begin && sb_begin_by_syn(work, i))
        return true;
    if (is_client_opening && sb_begin_charge(work, i))
        return true;
    segment = sb_tcp_read_segment(packet);
    if ((segment.flags & SB_TCP_SYN) != 0) {
        sb_tcp_read_options(packet, &options);
        segment.scale = options.scale;
        /* First, because this packet may change what the node knows about the protected host. */
        if (packet->port == SB_PORT_INSIDE)
            sb_begin_answer_all(work);
    }
    if (flow != NULL && (flow->flags & SB_FLOW_OPENING) != 0) {
        if (!sb_segment_may_act(packet, &segment))
            return sb_drop_unread(work, i);
        sb_proxy_wait(&work->proxy, packet, flow, &segment);
        return true;
    }
    if (!is_opening && packet->port == SB_PORT_OUTSIDE && may_begin &&
        sb_begin_by_cookie(work, i, flow, &segment))
        return true;
    if (flow != NULL && sb_tcp_begins_anew(flow, &segment)) {
        sb_flow_end(work->flows, flow);
        flow = NULL;
    }
    if (flow == NULL)
        return sb_begin_tcp(work, i, &segment, &options);
    return follow_tcp(work, i, flow, &segment, &options);
}

static bool follow_tcp(struct sb_connections_work *work, uint32_t i, struct sb_flow *flow,
                       struct sb_segment *segment, const struct sb_tcp_options *options) {
    struct sb_packet *packet = &work->burst->packets[i];
    const bool has_effect = sb_segment_may_act(packet, segment);
    const uint32_t state = flow->state, offered = flow->flags & SB_FLOW_OFFERS;
    const bool was_ended = sb_tcp_is_ended(flow);
    struct sb_flow unmoved;
    bool is_in_window;
    enum sb_reason reason;

    if (SB_UNLIKELY(!has_effect)) { /* judged as usual, but changes nothing */
        unmoved = *flow;
        flow = &unmoved;
        work->flows->stats->bad_checksum++;
    }
    segment->acknowledgment = sb_translated_ack(work->flows, flow, segment);
    /* The window before sb_tcp_follow applies this segment. */
    is_in_window = !sb_tcp_is_opening(segment->flags) && sb_tcp_is_in_window(flow, segment);
    reason = sb_tcp_follow(flow, segment);
    if (reason != SB_REASON_NONE ||
        (state == SB_FLOW_STATE_PICKED_UP && !sb_begin_is_learning(work)))
        sb_mark_stray(packet);
    if (reason != SB_REASON_NONE && sb_connections_reject(work, i, reason))
        return true;
    if ((flow->flags & SB_FLOW_TRANSLATED) != 0)
        sb_translate(work->flows, flow, packet);
    if (reason != SB_REASON_NONE || !has_effect)
        return false;
    if (state == SB_FLOW_STATE_SYN_SENT)
        sb_begin_note_offers(work, packet, flow, segment, options, offered);
    if ((flow->flags & SB_FLOW_PROVEN) == 0 && flow->state >= SB_FLOW_STATE_ESTABLISHED &&
        flow->state <= SB_FLOW_STATE_CLOSED) {
        if (sb_begin_is_one_too_many(work, i, flow, segment))
            return true;
        sb_flow_prove(work->flows, flow, sb_source_of(work->flows, packet));
        if ((flow->flags & (SB_FLOW_OPENED_INSIDE | SB_FLOW_LIBERAL)) == 0)
            sb_proxy_count_completed(&work->proxy, packet);
    }
    /* A first fragment does not tell how long its segment is. A segment that passes outside the
     * window (a SYN: RFC 5961, 4) may be forged, so it does not count here. */
    if ((packet->flags & SB_PACKET_FRAGMENT) != 0 && is_in_window &&
        (flow->flags & SB_FLOW_PROVEN) != 0)
        flow->flags |= SB_FLOW_LIBERAL;
    if (!sb_tcp_is_ended(flow))
        sb_flow_touch(work->flows, flow, work->now->boot_ds);
    else if (!was_ended)
        sb_flow_retire(work->flows, flow, work->now->boot_ds);
    return false;
}

/* UDP and ICMP echo: the record only tells whether there was an answer. */
static bool judge_pair(struct sb_connections_work *work, uint32_t i, struct sb_flow *flow) {
    const struct sb_packet *packet = &work->burst->packets[i];
    const uint8_t type = ((const uint8_t *)(uintptr_t)packet->data)[packet->l4_offset];
    uint16_t opened = packet->port == SB_PORT_INSIDE ? SB_FLOW_OPENED_INSIDE : 0;

    if (flow == NULL) {
        bool is_answer = (packet->protocol == SB_PROTOCOL_ICMP && type == SB_ICMP_ECHO_REPLY) ||
                         (packet->protocol == SB_PROTOCOL_ICMPV6 && type == SB_ICMPV6_ECHO_REPLY);

        if (is_answer)
            return sb_connections_reject(work, i, SB_REASON_OUT_OF_STATE);
        if (sb_begin_flow(work, i, &flow))
            return true;
        if (flow == NULL)
            return false;
        flow->state = SB_FLOW_STATE_ONE_WAY;
        flow->flags |= opened;
    } else if ((flow->flags & SB_FLOW_OPENED_INSIDE) != opened) {
        flow->state = SB_FLOW_STATE_TWO_WAY;
    }
    sb_flow_touch(work->flows, flow, work->now->boot_ds);
    return false;
}
