#include "beginning.h"

#include "source_limit.h"
#include "stages.h"

static bool answer(struct sb_connections_work *work, uint32_t index);
static bool is_source_full(struct sb_connections_work *work, uint32_t index);
static bool is_refused_at_cookie(struct sb_connections_work *work, uint32_t index,
                                 const struct sb_segment *segment);

bool sb_begin_by_syn(struct sb_connections_work *work, uint32_t i) {
    struct sb_packet *packet = &work->burst->packets[i];
    enum sb_syn_choice choice;

    if ((packet->flags & SB_PACKET_NEIGHBOR) != 0 || !sb_proxy_may_answer(packet) ||
        !sb_proxy_is_on(&work->proxy, packet, true))
        return false;
    if (!sb_tcp_checksum_is_right(packet))
        return sb_drop_unread(work, i);
    sb_tcp_read_options(packet, &work->offered[i]);
    choice = sb_proxy_choose(&work->proxy, packet, &work->offered[i]);
    if (choice == SB_SYN_PASS)
        return false;
    if (choice == SB_SYN_ANSWER)
        return is_source_full(work, i) || answer(work, i);
    sb_drop(work->lcore, packet, SB_REASON_SYN_PROXY_FULL);
    return true;
}

/* Marks the SYN; sb_begin_answer_all sends the answers of a burst together. */
static bool answer(struct sb_connections_work *work, uint32_t i) {
    work->answered |= 1u << i;
    work->proxy.table->answered_ds = work->now->boot_ds == 0 ? 1 : work->now->boot_ds;
    return true;
}

bool sb_begin_answer_again(struct sb_connections_work *work, uint32_t i) {
    struct sb_packet *packet = &work->burst->packets[i];

    if (!sb_tcp_checksum_is_right(packet))
        return sb_drop_unread(work, i);
    if (sb_proxy_may_answer(packet)) {
        sb_tcp_read_options(packet, &work->offered[i]);
        return answer(work, i);
    }
    sb_consume(work->lcore, packet);
    return true;
}

void sb_begin_answer_all(struct sb_connections_work *work) {
    if (work->answered != 0)
        sb_proxy_answer(&work->proxy, work->burst, work->answered, work->offered);
    work->answered = 0;
}

bool sb_begin_charge(struct sb_connections_work *work, uint32_t i) {
    const struct sb_profile *profile = sb_profile_of(work->lcore, &work->burst->packets[i]);

    return profile->syn_proxy != SB_SYN_PROXY_OFF && (profile->uses & SB_USE_LIMITS) != 0 &&
           sb_limits_charge(work->lcore, work->burst, i, work->now);
}

bool sb_begin_by_cookie(struct sb_connections_work *work, uint32_t i, struct sb_flow *flow,
                        const struct sb_segment *segment) {
    struct sb_packet *packet = &work->burst->packets[i];
    const struct sb_proxy *proxy = &work->proxy;
    bool is_on = sb_proxy_is_on(proxy, packet, false);
    int mss_index;

    if (!is_on && !sb_proxy_was_on(proxy))
        return false;
    mss_index = sb_proxy_accepts(proxy, packet, segment);
    if (mss_index >= 0 && !sb_tcp_checksum_is_right(packet))
        return sb_drop_unread(work, i);
    if (mss_index >= 0) {
        const uint64_t source = sb_source_of(work->flows, packet);

        sb_proxy_count_completed(proxy, packet);
        if (is_refused_at_cookie(work, i, segment))
            return true;
        if (!sb_proxy_may_open(proxy, packet, source)) {
            sb_drop(work->lcore, packet, SB_REASON_SYN_PROXY_FULL);
            return true;
        }
        if (sb_begin_charge(work, i))
            return true;
        if (flow != NULL)
            sb_flow_end(work->flows, flow);
        sb_proxy_open(proxy, packet, segment, mss_index, work->key[i], work->hash[i], source);
        return true;
    }
    if (flow != NULL || !is_on || sb_begin_is_learning(work) ||
        (packet->flags & SB_PACKET_NEIGHBOR) != 0)
        return false;
    sb_mark_stray(packet);
    /* If the node forwarded the segment, the protected host would reset a connection that its
     * client considers open: the segment may have overtaken the one with the cookie, or an opening
     * found no room. So this reason has no mode that lets the segment pass. */
    return sb_reject(work->lcore, packet, SB_REASON_SYN_PROXY_NO_COOKIE, work->now);
}

/* True: the packet is dropped, because its source has as many connections as the profile allows. */
static bool is_source_full(struct sb_connections_work *work, uint32_t i) {
    return sb_source_is_full(work->lcore, work->flows, &work->burst->packets[i]) &&
           sb_connections_reject(work, i, SB_REASON_CONNECTIONS_SOURCE);
}

/* The limit does not apply to connections that protected hosts open, to packets of neighbours, and
 * to connections that are picked up while the node is learning. */
bool sb_begin_is_one_too_many(struct sb_connections_work *work, uint32_t i, struct sb_flow *flow,
                              const struct sb_segment *segment) {
    struct sb_packet *packet = &work->burst->packets[i];

    if ((flow->flags & SB_FLOW_OPENED_INSIDE) != 0 || (packet->flags & SB_PACKET_NEIGHBOR) != 0 ||
        ((flow->flags & SB_FLOW_LIBERAL) != 0 && sb_begin_is_learning(work)) ||
        !sb_source_is_full(work->lcore, work->flows, packet) ||
        !sb_reject(work->lcore, packet, SB_REASON_CONNECTIONS_SOURCE, work->now))
        return false;
    sb_source_reset(work->lcore, flow, packet, segment);
    if (sb_tcp_is_ended(flow))
        sb_flow_retire(work->flows, flow, work->now->boot_ds);
    else
        sb_flow_touch(work->flows, flow, work->now->boot_ds);
    return true;
}

/* As sb_begin_is_one_too_many, for a client that has returned a cookie: only the client gets a
 * reset, because the node has not opened the connection to the protected host yet. */
static bool is_refused_at_cookie(struct sb_connections_work *work, uint32_t i,
                                 const struct sb_segment *segment) {
    if (!is_source_full(work, i))
        return false;
    (void)sb_originate_reset(work->lcore, &work->burst->packets[i], true, segment->acknowledgment);
    return true;
}

bool sb_begin_is_learning(const struct sb_connections_work *work) {
    return (int32_t)(work->proxy.node->learning_until_ds - work->now->boot_ds) > 0;
}

bool sb_begin_tcp(struct sb_connections_work *work, uint32_t i, const struct sb_segment *segment,
                  const struct sb_tcp_options *options) {
    struct sb_packet *packet = &work->burst->packets[i];
    bool is_opening = sb_tcp_is_opening(segment->flags);
    bool is_answer = sb_tcp_is_answer_of_host(segment); /* the SYN may have lost its record */
    bool is_first = is_opening || is_answer;
    bool may_be_known =
        (segment->flags & (SB_TCP_SYN | SB_TCP_RST)) == 0 && sb_begin_is_learning(work);
    struct sb_flow *flow;

    if (!is_first && !may_be_known)
        sb_mark_stray(packet);
    if (!is_first && (segment->flags & (SB_TCP_SYN | SB_TCP_RST)) != 0)
        return sb_connections_reject(work, i, SB_REASON_OUT_OF_STATE);
    if (!is_first && !sb_begin_is_learning(work) &&
        sb_connections_reject(work, i, SB_REASON_OUT_OF_STATE))
        return true;
    if (is_opening && packet->port == SB_PORT_OUTSIDE && is_source_full(work, i))
        return true;
    if (sb_begin_flow(work, i, &flow))
        return true;
    if (flow == NULL)
        return false;
    if (is_opening) {
        sb_tcp_open(flow, segment);
        sb_begin_note_offers(work, packet, flow, segment, options, SB_FLOW_OFFERS);
    } else if (is_answer) {
        sb_tcp_open_answered(flow, segment);
    } else {
        sb_tcp_pick_up(flow, segment);
    }
    sb_flow_touch(work->flows, flow, work->now->boot_ds);
    return false;
}

bool sb_begin_flow(struct sb_connections_work *work, uint32_t i, struct sb_flow **flow) {
    const uint32_t profile = work->burst->packets[i].profile;

    *flow = sb_flow_open(work->flows, work->key[i], work->hash[i], profile, work->now->boot_ds);
    return *flow == NULL && sb_connections_reject(work, i,
                                                  sb_flow_share_is_used_up(work->flows, profile)
                                                      ? SB_REASON_CONNECTIONS_SHARE
                                                      : SB_REASON_CONNECTIONS_FULL);
}

void sb_begin_note_offers(const struct sb_connections_work *work, const struct sb_packet *packet,
                          struct sb_flow *flow, const struct sb_segment *segment,
                          const struct sb_tcp_options *options, uint32_t may_offer) {
    if (flow->state == SB_FLOW_STATE_SYN_SENT && segment->from == SB_PORT_OUTSIDE &&
        sb_tcp_is_opening(segment->flags)) {
        const uint32_t offers = (options->has_times ? SB_FLOW_OFFERS_TIMES : 0) |
                                (options->may_sack ? SB_FLOW_OFFERS_SACK : 0) |
                                (options->scale != SB_TCP_NO_SCALE ? SB_FLOW_OFFERS_SCALE : 0);

        flow->flags = (uint16_t)((flow->flags & ~(uint32_t)SB_FLOW_OFFERS) | (offers & may_offer));
    } else if (flow->state == SB_FLOW_STATE_SYN_RECEIVED && segment->from == SB_PORT_INSIDE &&
               work->proxy.table != NULL) {
        sb_proxy_learn(&work->proxy, packet, (flow->flags & SB_FLOW_OFFERS_SCALE) != 0,
                       (flow->flags & SB_FLOW_OFFERS_TIMES) != 0,
                       (flow->flags & SB_FLOW_OFFERS_SACK) != 0);
    }
}
