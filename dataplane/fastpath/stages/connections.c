/* connections.c: which connection a packet belongs to, in both directions; what belongs to none.
 *
 * Judged is what comes from outside; what protected hosts send moves a connection on, or begins
 * one, and is never refused. The allowlist does not help: sources can be forged. Followed are TCP,
 * UDP and ICMP echo; ICMP errors about a segment are followed to its connection. Other packets, and
 * fragments without a transport header, pass.
 */
#include "connection_key.h"
#include "pipeline.h"
#include "proxy.h"
#include "translation.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { TCP_FLAGS = 13 };

/* The packets of a burst that are of a connection; sets of them are bitmaps. */
struct work {
    struct sb_lcore *lcore;
    struct sb_burst *burst;
    const struct sb_time *now;
    struct sb_flows *flows;
    struct sb_proxy proxy;
    uint64_t key[SB_BURST_MAX][2];
    uint64_t hash[SB_BURST_MAX];
    struct sb_flow *flow[SB_BURST_MAX]; /* where its connection probably is */
    uint32_t opening;                   /* those that are SYNs */
    uint32_t answered;                  /* those that the SYN proxy has yet to answer */
};

static uint32_t locate(struct work *work);
static uint32_t locate_plain(struct work *work);
static uint32_t follow_usual(struct work *work, uint32_t packets);
ALWAYS_INLINE uint32_t follow_found(struct work *work, uint32_t packets, bool is_plain,
                                    uint32_t *not_there);
static uint32_t find_elsewhere(struct work *work, uint32_t packets);
static bool judge(struct work *work, uint32_t index);
static bool judge_tcp(struct work *work, uint32_t index, struct sb_flow *flow);
static bool follow_tcp(struct work *work, uint32_t index, struct sb_flow *flow,
                       struct sb_segment *segment, const struct sb_tcp_options *options);
static void note_offers(const struct work *work, const struct sb_packet *packet,
                        struct sb_flow *flow, const struct sb_segment *segment,
                        const struct sb_tcp_options *options);
static bool judge_opening(struct work *work, uint32_t index);
static bool answer(struct work *work, uint32_t index);
static void answer_all(struct work *work);
static bool judge_cookie(struct work *work, uint32_t index, struct sb_flow **flow,
                         const struct sb_segment *segment);
static inline bool is_source_full(struct work *work, uint32_t index);
static bool is_learning(const struct work *work);
static bool begin_tcp(struct work *work, uint32_t index, const struct sb_segment *segment,
                      const struct sb_tcp_options *options);
static bool begin(struct work *work, uint32_t index, struct sb_flow **flow);
static bool judge_pair(struct work *work, uint32_t index, struct sb_flow *flow);
static uint64_t source_of(const struct work *work, const struct sb_packet *packet);
static bool reject(struct work *work, uint32_t index, enum sb_reason reason);

void sb_connections_stage(struct sb_lcore *lcore, struct sb_burst *burst,
                          const struct sb_time *now) {
    struct work work;
    uint32_t packets, dropped = 0;

    if (SB_UNLIKELY(lcore->flows == 0)) /* a pipeline without connections: tests */
        return;
    work.lcore = lcore;
    work.burst = burst;
    work.now = now;
    work.flows = (struct sb_flows *)(uintptr_t)lcore->flows;
    work.proxy = sb_proxy_of(lcore, now);
    work.answered = 0;
    packets = SB_LIKELY(burst->is_plain) ? locate_plain(&work) : locate(&work);
    packets = follow_usual(&work, packets);
    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);

        dropped |= (uint32_t)judge(&work, i) << i;
    }
    answer_all(&work);
    sb_flows_sweep(work.flows, now->boot_ds);
    sb_proxy_tick(&work.proxy);
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
}

void sb_connections_idle(struct sb_lcore *lcore, const struct sb_time *now) {
    const struct sb_proxy proxy = sb_proxy_of(lcore, now);

    sb_flows_sweep(proxy.flows, now->boot_ds);
    sb_proxy_tick(&proxy);
}

/* A SYN mostly finds no connection, which the tags say; another segment mostly finds one. */
static inline void ask_for_flow(struct work *work, uint32_t i, struct sb_flows *flows,
                                uint64_t key_0, uint64_t key_1, bool is_opening) {
    uint64_t hash = sb_hash_address(&flows->hash_key, key_0, key_1);
    struct sb_flow_set *home = sb_flow_home(flows, hash);
    struct sb_flow *flow = &home->flow[sb_flow_preferred_way(hash)];

    work->key[i][0] = key_0;
    work->key[i][1] = key_1;
    work->hash[i] = hash;
    work->flow[i] = flow;
    __builtin_prefetch(is_opening ? (void *)&home->tags : (void *)flow, 1);
}

/* The packets that are of a connection; asks for its preferred place. */
static uint32_t locate(struct work *work) {
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

/* The same of a plain burst. */
static uint32_t locate_plain(struct work *work) {
    const struct sb_burst *burst = work->burst;
    struct sb_flows *flows = work->flows;
    uint32_t packets = 0, opening = 0;

    for (uint32_t n = 0; n < burst->live_count; n++) {
        uint32_t i = burst->live[n];
        const struct sb_packet *packet = &burst->packets[i];
        const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
        uint64_t addresses = sb_load64_raw(data + SB_PLAIN_SOURCE);
        uint64_t ports = sb_load32_raw(data + SB_PLAIN_L4);
        bool is_opening =
            packet->protocol == SB_PROTOCOL_TCP && sb_tcp_is_opening(data[SB_PLAIN_L4 + TCP_FLAGS]);

        ask_for_flow(work, i, flows, addresses, ports << 32 | (uint32_t)packet->protocol << 8 | 4,
                     is_opening);
        opening |= (uint32_t)is_opening << i;
        packets |= 1u << i;
    }
    work->opening = opening;
    return packets;
}

/* What nearly every packet is: one that only moves on a connection in full flow. Returns the
 * others, of which none is overtaken by a later one of its connection. */
static uint32_t follow_usual(struct work *work, uint32_t packets) {
    uint32_t others = packets & work->opening; /* they change nothing of one in full flow */
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

/* Those whose connection is where work->flow says and that are not usual; not_there: adds those
 * whose connection is not. Asks for the tags of both. */
ALWAYS_INLINE uint32_t follow_found(struct work *work, uint32_t packets, bool is_plain,
                                    uint32_t *not_there) {
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

            segment.acknowledgment = sb_translated_ack(flow, &segment);
            if (SB_LIKELY(sb_tcp_flows(flow, &segment))) {
                flow->deadline_ds = deadline_ds;
                if (SB_UNLIKELY((flow->flags & SB_FLOW_TRANSLATED) != 0))
                    sb_translate(flow, packet);
                continue;
            }
        }
        if (is_it) {
            flow->flags |= SB_FLOW_DEFERRED;
            others |= 1u << i;
        } else {
            *not_there |= 1u << i;
        }
        __builtin_prefetch(&sb_flow_home(work->flows, work->hash[i])->tags, 1);
    }
    return others;
}

/* Those of whose connection the tags of their home say where it may be; asks for it. */
static uint32_t find_elsewhere(struct work *work, uint32_t packets) {
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
static bool judge(struct work *work, uint32_t i) {
    const struct sb_packet *packet = &work->burst->packets[i];
    struct sb_flow *flow = NULL;

    if (!sb_flow_is_unknown(work->flows, work->hash[i]))
        flow = sb_flow_find(work->flows, work->key[i], work->hash[i], work->now->boot_ds);
    if (flow != NULL)
        flow->flags &= (uint16_t)~SB_FLOW_DEFERRED;
    if (packet->protocol == SB_PROTOCOL_TCP)
        return judge_tcp(work, i, flow);
    if (!sb_is_icmp_error(packet))
        return judge_pair(work, i, flow);
    if (flow != NULL)
        sb_translate_quote(flow, packet, sb_quoted_tcp(packet));
    return false;
}

static bool judge_tcp(struct work *work, uint32_t i, struct sb_flow *flow) {
    struct sb_packet *packet = &work->burst->packets[i];
    const bool is_opening = (work->opening >> i & 1) != 0;
    const bool is_client_opening = is_opening && packet->port == SB_PORT_OUTSIDE;
    const bool may_begin = flow == NULL || sb_tcp_may_reopen(flow) || sb_tcp_is_half_open(flow);
    struct sb_tcp_options options;
    struct sb_segment segment;

    if (is_client_opening && flow != NULL && (flow->flags & SB_FLOW_OPENING) != 0)
        return answer(work, i);
    if (is_client_opening && may_begin && judge_opening(work, i))
        return true;
    segment = sb_tcp_read_segment(packet);
    if ((segment.flags & SB_TCP_SYN) != 0) {
        sb_tcp_read_options(packet, &options);
        segment.scale = options.scale;
        if (packet->port == SB_PORT_INSIDE)
            answer_all(work); /* before more is known of what the protected host can */
    }
    if (flow != NULL && (flow->flags & SB_FLOW_OPENING) != 0) {
        sb_proxy_wait(&work->proxy, packet, flow, &segment);
        return true;
    }
    if (!is_opening && packet->port == SB_PORT_OUTSIDE && may_begin &&
        judge_cookie(work, i, &flow, &segment))
        return true;
    if (flow != NULL && is_opening && sb_tcp_may_reopen(flow)) {
        sb_flow_end(work->flows, flow);
        flow = NULL;
    }
    if (flow == NULL)
        return begin_tcp(work, i, &segment, &options);
    return follow_tcp(work, i, flow, &segment, &options);
}

static bool follow_tcp(struct work *work, uint32_t i, struct sb_flow *flow,
                       struct sb_segment *segment, const struct sb_tcp_options *options) {
    const struct sb_packet *packet = &work->burst->packets[i];
    uint32_t state = flow->state;
    enum sb_reason reason;

    segment->acknowledgment = sb_translated_ack(flow, segment);
    reason = sb_tcp_follow(flow, segment);
    if (reason != SB_REASON_NONE && reject(work, i, reason))
        return true;
    if ((flow->flags & SB_FLOW_TRANSLATED) != 0)
        sb_translate(flow, packet);
    if (reason != SB_REASON_NONE)
        return false;
    if (state == SB_FLOW_STATE_SYN_SENT)
        note_offers(work, packet, flow, segment, options);
    if ((flow->flags & SB_FLOW_PROVEN) == 0 && flow->state >= SB_FLOW_STATE_ESTABLISHED &&
        flow->state <= SB_FLOW_STATE_CLOSED) {
        sb_flow_prove(work->flows, flow, source_of(work, packet));
        if ((flow->flags & (SB_FLOW_OPENED_INSIDE | SB_FLOW_LIBERAL)) == 0)
            sb_proxy_count_completed(&work->proxy, packet);
    }
    if (flow->state == SB_FLOW_STATE_CLOSED || flow->state == SB_FLOW_STATE_RESET)
        sb_flow_release_source(work->flows, flow);
    /* How long a first fragment's segment is, it does not say. */
    if ((packet->flags & SB_PACKET_FRAGMENT) != 0 && (flow->flags & SB_FLOW_PROVEN) != 0)
        flow->flags |= SB_FLOW_LIBERAL;
    sb_flow_touch(work->flows, flow, work->now->boot_ds);
    return false;
}

/* What a client's SYN offers says what the protected host's answer means. */
static void note_offers(const struct work *work, const struct sb_packet *packet,
                        struct sb_flow *flow, const struct sb_segment *segment,
                        const struct sb_tcp_options *options) {
    if (flow->state == SB_FLOW_STATE_SYN_SENT && segment->from == SB_PORT_OUTSIDE &&
        sb_tcp_is_opening(segment->flags)) {
        flow->flags |= (uint16_t)((options->has_times ? SB_FLOW_OFFERS_TIMES : 0) |
                                  (options->may_sack ? SB_FLOW_OFFERS_SACK : 0) |
                                  (options->scale != SB_TCP_NO_SCALE ? SB_FLOW_OFFERS_SCALE : 0));
    } else if (flow->state == SB_FLOW_STATE_SYN_RECEIVED && segment->from == SB_PORT_INSIDE &&
               work->proxy.table != NULL) {
        sb_proxy_learn(&work->proxy, packet, (flow->flags & SB_FLOW_OFFERS_SCALE) != 0,
                       (flow->flags & SB_FLOW_OFFERS_TIMES) != 0,
                       (flow->flags & SB_FLOW_OFFERS_SACK) != 0);
    }
}

/* True: the SYN proxy answers a SYN from outside, or its source has too many connections. */
static bool judge_opening(struct work *work, uint32_t i) {
    const struct sb_packet *packet = &work->burst->packets[i];

    if (!sb_proxy_is_on(&work->proxy, packet, true) || sb_proxy_must_ask(&work->proxy, packet))
        return false;
    return is_source_full(work, i) || answer(work, i);
}

/* Later, together with others. */
static bool answer(struct work *work, uint32_t i) {
    work->answered |= 1u << i;
    work->proxy.table->answered_ds = work->now->boot_ds == 0 ? 1 : work->now->boot_ds;
    return true;
}

static void answer_all(struct work *work) {
    if (work->answered != 0)
        sb_proxy_answer(&work->proxy, work->burst, work->answered);
    work->answered = 0;
}

/* Another segment from outside that may bring back a cookie. True: the SYN proxy has taken it, or
 * it was dropped. */
static bool judge_cookie(struct work *work, uint32_t i, struct sb_flow **flow,
                         const struct sb_segment *segment) {
    struct sb_packet *packet = &work->burst->packets[i];
    const struct sb_proxy *proxy = &work->proxy;
    bool is_on = sb_proxy_is_on(proxy, packet, false);
    int mss_index;

    if (!is_on && !sb_proxy_was_on(proxy))
        return false;
    mss_index = sb_proxy_accepts(proxy, packet, segment);
    if (mss_index >= 0) {
        if (*flow != NULL)
            sb_flow_end(work->flows, *flow);
        sb_proxy_open(proxy, packet, segment, mss_index, work->key[i], work->hash[i],
                      source_of(work, packet));
        sb_proxy_count_completed(proxy, packet);
        return true;
    }
    if (*flow != NULL || !is_on || is_learning(work))
        return false;
    /* Passed on, it would make the protected host reset what its client believes to be open. */
    sb_drop(work->lcore, packet, SB_REASON_OUT_OF_STATE);
    return true;
}

/* Dropped for having as many connections as the profile allows. */
static inline bool is_source_full(struct work *work, uint32_t i) {
    const struct sb_packet *packet = &work->burst->packets[i];
    uint32_t most = sb_profile_of(work->lcore, packet)->connections_max;

    return SB_UNLIKELY(most != 0) &&
           sb_flow_source_count(work->flows, source_of(work, packet)) >= most &&
           reject(work, i, SB_REASON_CONNECTIONS_SOURCE);
}

static bool is_learning(const struct work *work) {
    return (int32_t)(work->proxy.node->learning_until_ds - work->now->boot_ds) > 0;
}

static bool begin_tcp(struct work *work, uint32_t i, const struct sb_segment *segment,
                      const struct sb_tcp_options *options) {
    const struct sb_packet *packet = &work->burst->packets[i];
    bool is_opening = sb_tcp_is_opening(segment->flags);
    struct sb_flow *flow;

    if (!is_opening && (segment->flags & (SB_TCP_SYN | SB_TCP_RST)) != 0)
        return reject(work, i, SB_REASON_OUT_OF_STATE);
    if (!is_opening && !is_learning(work) && reject(work, i, SB_REASON_OUT_OF_STATE))
        return true;
    if (is_opening && packet->port == SB_PORT_OUTSIDE && is_source_full(work, i))
        return true;
    if (begin(work, i, &flow))
        return true;
    if (flow == NULL)
        return false;
    if (is_opening) {
        sb_tcp_open(flow, segment);
        note_offers(work, packet, flow, segment, options);
    } else {
        sb_tcp_pick_up(flow, segment);
    }
    sb_flow_touch(work->flows, flow, work->now->boot_ds);
    return false;
}

/* A place for a new one. True: there is none, and the packet was dropped; no place and not dropped:
 * it goes on as if it belonged to no connection. */
static bool begin(struct work *work, uint32_t i, struct sb_flow **flow) {
    *flow = sb_flow_open(work->flows, work->key[i], work->hash[i], work->now->boot_ds);
    return *flow == NULL && reject(work, i, SB_REASON_CONNECTIONS_FULL);
}

/* UDP and ICMP echo: whether there was an answer is all there is to know. */
static bool judge_pair(struct work *work, uint32_t i, struct sb_flow *flow) {
    const struct sb_packet *packet = &work->burst->packets[i];
    const uint8_t type = ((const uint8_t *)(uintptr_t)packet->data)[packet->l4_offset];
    uint16_t opened = packet->port == SB_PORT_INSIDE ? SB_FLOW_OPENED_INSIDE : 0;

    if (flow == NULL) {
        bool is_answer = (packet->protocol == SB_PROTOCOL_ICMP && type == SB_ECHO_REPLY) ||
                         (packet->protocol == SB_PROTOCOL_ICMPV6 && type == SB_ECHO_REPLY_6);

        if (is_answer)
            return reject(work, i, SB_REASON_OUT_OF_STATE);
        if (begin(work, i, &flow))
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

/* A source is an IPv4 address or an IPv6 /64, as for limits; profiles count apart. */
static uint64_t source_of(const struct work *work, const struct sb_packet *packet) {
    const uint8_t *client = (const uint8_t *)(uintptr_t)packet->data + packet->client_offset;
    const struct sb_hash_key *key = &work->flows->hash_key;

    if (packet->ip_version == 4)
        return sb_hash_address(key, packet->profile, 0xffffull << 32 | sb_load32(client));
    return sb_hash_address(key, sb_load64_raw(client), packet->profile);
}

static bool reject(struct work *work, uint32_t i, enum sb_reason reason) {
    struct sb_packet *packet = &work->burst->packets[i];

    return packet->port == SB_PORT_OUTSIDE && sb_reject(work->lcore, packet, reason, work->now);
}
