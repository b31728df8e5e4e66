/* count.c: counts the traffic from outside by its destination, and what became of it.
 *
 * Goes over each burst once, after all verdicts are known. Decides nothing. Looks up the row once
 * for consecutive packets to the same destination. Other stages count what only they know
 * (handshakes, requests, slow clients), with sb_traffic_count.
 */
#include "packet/verdict.h"
#include "stages.h"
#include "traffic.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Consecutive packets of a burst to the same destination, from first to the current one. */
struct run {
    struct sb_traffic_row *row; /* NULL: there are no packets */
    struct sb_address_words destination;
    uint32_t first;
    uint32_t syns;
    uint32_t unusual; /* set; the highest bit is the current packet */
    uint64_t bytes;
};

static uint32_t count_plain(struct sb_lcore *lcore, const struct sb_burst *burst);
static uint32_t count_any(struct sb_lcore *lcore, const struct sb_burst *burst);
static struct run begin_run(struct sb_traffic_table *table, struct sb_address_words destination,
                            uint32_t profile, uint32_t first);
ALWAYS_INLINE uint32_t word_of(const struct sb_packet *packet);
static void count_elsewhere(struct sb_lcore *lcore, const struct sb_packet *packet);
static void end_run(const struct sb_traffic_table *table, const struct sb_burst *burst,
                    struct run run, uint32_t end);
static void count_unusual(const struct sb_traffic_table *table, struct sb_traffic_row *row,
                          const struct sb_burst *burst, uint32_t packets);
static inline bool is_malformed(const struct sb_packet *packet);
static inline uint32_t is_of_none(const struct sb_packet *packet);

void sb_traffic_count_burst(struct sb_lcore *lcore, const struct sb_burst *burst,
                            const struct sb_time *now) {
    const struct sb_traffic_table *table = sb_traffic_of(lcore);

    /* A pipeline without detection, in a replay. */
    if (SB_UNLIKELY(table == NULL || burst->count == 0))
        return;
    sb_sample_burst(
        lcore, burst,
        SB_LIKELY(burst->is_plain) ? count_plain(lcore, burst) : count_any(lcore, burst), now);
    if (SB_UNLIKELY(__atomic_load_n(&table->is_capturing, __ATOMIC_RELAXED) != 0))
        sb_capture_burst(lcore, burst);
}

void sb_traffic_count_released(struct sb_lcore *lcore, const struct sb_burst *burst) {
    for (uint32_t i = 0; i < burst->count; i++)
        if (burst->packets[i].verdict == SB_VERDICT_DROP)
            sb_traffic_count(lcore, &burst->packets[i], SB_TRAFFIC_DROPPED);
}

/* For a burst of IPv4 TCP or UDP from outside. Nearly all of it is TCP that passes, to one
 * destination. Returns the set of packets whose source is sampled. */
static uint32_t count_plain(struct sb_lcore *lcore, const struct sb_burst *burst) {
    const struct sb_packet usual = {.protocol = SB_PROTOCOL_TCP, .verdict = SB_VERDICT_PASS};
    const uint32_t usual_bytes = word_of(&usual), count = burst->count;
    struct sb_traffic_table *table = sb_traffic_of(lcore);
    const struct sb_hash_key key = table->source_key;
    const uint64_t limit = sb_source_limit(lcore);
    uint32_t of_sources = 0;
    struct run run = {.row = NULL};

    for (uint32_t i = 0; i < count; i++) {
        const struct sb_packet *packet = &burst->packets[i];
        const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
        struct sb_address_words source, destination;
        uint32_t is_unusual;

        sb_plain_words(packet, &source, &destination);
        of_sources = of_sources >> 1 | (uint32_t)(sb_sampled_hash(&key, source) <= limit) << 31;
        if (SB_UNLIKELY(run.destination.word[1] != destination.word[1])) {
            end_run(table, burst, run, i);
            run = begin_run(table, destination, packet->profile, i);
        }
        is_unusual = (word_of(packet) != usual_bytes) | ((packet->flags & SB_PACKET_STRAY) != 0);
        run.unusual = run.unusual >> 1 | is_unusual << 31;
        run.bytes += packet->length;
        run.syns += sb_tcp_is_opening(data[SB_PLAIN_L4 + SB_TCP_FLAGS]) & (is_unusual ^ 1);
    }
    end_run(table, burst, run, count);
    return of_sources >> (SB_BURST_MAX - count);
}

/* As count_plain, for any burst. */
static uint32_t count_any(struct sb_lcore *lcore, const struct sb_burst *burst) {
    const struct sb_packet usual = {.protocol = SB_PROTOCOL_TCP, .verdict = SB_VERDICT_PASS};
    const uint32_t marks = SB_PACKET_STRAY | SB_PACKET_FRAGMENT;
    const uint32_t usual_bytes = word_of(&usual), count = burst->count;
    struct sb_traffic_table *table = sb_traffic_of(lcore);
    const struct sb_hash_key key = table->source_key;
    const uint64_t limit = sb_source_limit(lcore);
    uint32_t of_sources = 0;
    struct run run = {.row = NULL};

    for (uint32_t i = 0; i < count; i++) {
        const struct sb_packet *packet = &burst->packets[i];
        const uint8_t *l4 = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
        struct sb_address_words destination;
        uint32_t is_unusual;

        if (SB_UNLIKELY(!sb_is_counted(packet))) {
            end_run(table, burst, run, i);
            run = (struct run){.row = NULL};
            count_elsewhere(lcore, packet);
            continue;
        }
        of_sources |= (uint32_t)(sb_sampled_hash(&key, sb_source_words(packet)) <= limit) << i;
        destination = sb_destination_words(packet);
        if (SB_UNLIKELY(((run.destination.word[0] ^ destination.word[0]) |
                         (run.destination.word[1] ^ destination.word[1])) != 0 ||
                        run.row == NULL)) {
            end_run(table, burst, run, i);
            run = begin_run(table, destination, packet->profile, i);
        }
        is_unusual = (word_of(packet) != usual_bytes) | ((packet->flags & marks) != 0) |
                     (packet->l4_offset == 0);
        run.unusual = run.unusual >> 1 | is_unusual << 31;
        run.bytes += packet->length;
        if (is_unusual == 0)
            run.syns += sb_tcp_is_opening(l4[SB_TCP_FLAGS]);
    }
    end_run(table, burst, run, count);
    return of_sources;
}

static struct run begin_run(struct sb_traffic_table *table, struct sb_address_words destination,
                            uint32_t profile, uint32_t first) {
    return (struct run){.row = sb_traffic_find_or_take(table, destination, profile),
                        .destination = destination,
                        .first = first};
}

/* Protocol, anomaly, verdict and reason in one word, to compare them with those of a usual packet.
 */
ALWAYS_INLINE uint32_t word_of(const struct sb_packet *packet) {
    _Static_assert(offsetof(struct sb_packet, reason) == offsetof(struct sb_packet, protocol) + 3,
                   "four bytes in a row");
    uint32_t word;

    memcpy(&word, &packet->protocol, sizeof(word));
    return word;
}

/* Counts a packet without a row of its own: handed-over packets not at all (the other lcore counts
 * them), of packets from inside only SYN-ACKs, and from outside link control, packets that are not
 * IP, and packets cut before their addresses. */
static void count_elsewhere(struct sb_lcore *lcore, const struct sb_packet *packet) {
    const uint8_t *tcp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
    struct sb_traffic_row *row = &sb_traffic_of(lcore)->overflow[packet->profile];

    if (packet->verdict == SB_VERDICT_HANDED_OVER)
        return;
    if (packet->port == SB_PORT_INSIDE) {
        if (packet->protocol == SB_PROTOCOL_TCP && packet->l4_offset != 0 &&
            (packet->flags & SB_PACKET_LINK_SCOPE) == 0 &&
            (tcp[SB_TCP_FLAGS] & (SB_TCP_SYN | SB_TCP_ACK | SB_TCP_RST)) ==
                (SB_TCP_SYN | SB_TCP_ACK))
            sb_traffic_count(lcore, packet, SB_TRAFFIC_SYN_ACK);
        return;
    }
    row->bytes += packet->length;
    row->count[SB_TRAFFIC_PACKETS]++;
    row->count[SB_TRAFFIC_DROPPED] += packet->verdict == SB_VERDICT_DROP;
    row->count[SB_TRAFFIC_MALFORMED] +=
        (packet->flags & SB_PACKET_LINK_SCOPE) == 0 && is_malformed(packet);
}

static __attribute__((noinline)) void end_run(const struct sb_traffic_table *table,
                                              const struct sb_burst *burst, struct run run,
                                              uint32_t end) {
    const uint32_t count = end - run.first;

    if (run.row == NULL)
        return;
    run.row->bytes += run.bytes;
    run.row->count[SB_TRAFFIC_PACKETS] += count;
    run.row->count[SB_TRAFFIC_SYN] += run.syns;
    if (run.unusual != 0)
        count_unusual(table, run.row, burst, run.unusual >> (SB_BURST_MAX - count) << run.first);
}

/* Counts unusual packets from outside, except PACKETS, which end_run counts. The counters that
 * floods raise are kept in registers. */
static void count_unusual(const struct sb_traffic_table *table, struct sb_traffic_row *row,
                          const struct sb_burst *burst, uint32_t packets) {
    uint32_t dropped = 0, syns = 0, acks = 0, rsts = 0, datagrams = 0, reflected = 0;

    while (packets != 0) {
        const struct sb_packet *packet = &burst->packets[sb_take_packet(&packets)];
        const uint8_t *l4 = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

        dropped += packet->verdict == SB_VERDICT_DROP;
        if (SB_UNLIKELY(packet->verdict == SB_VERDICT_HANDED_OVER)) { /* another lcore counts it */
            row->count[SB_TRAFFIC_PACKETS]--;
            row->bytes -= packet->length;
            continue;
        }
        if (SB_UNLIKELY(is_malformed(packet))) {
            row->count[SB_TRAFFIC_MALFORMED]++;
            continue;
        }
        if (SB_UNLIKELY((packet->flags & SB_PACKET_FRAGMENT) != 0))
            row->count[SB_TRAFFIC_FRAGMENT]++;
        if (packet->l4_offset == 0)
            continue;
        if (packet->protocol == SB_PROTOCOL_TCP) {
            const uint32_t flags = sb_is_answered(packet) ? SB_TCP_SYN : l4[SB_TCP_FLAGS];
            const uint32_t is_opening = sb_tcp_is_opening(flags);
            const uint32_t is_stray = (is_opening ^ 1) & is_of_none(packet);
            const uint32_t is_reset = (flags & SB_TCP_RST) != 0;

            syns += is_opening;
            rsts += is_stray & is_reset;
            acks += is_stray & (is_reset ^ 1);
        } else if (packet->protocol == SB_PROTOCOL_UDP) {
            const uint32_t port = sb_load16(l4 + SB_L4_SOURCE_PORT);

            datagrams++;
            reflected += table->reflectors[port / 64] >> port % 64 & 1;
        } else if (packet->protocol != SB_PROTOCOL_GRE) { /* ICMP and ICMPv6 */
            row->count[SB_TRAFFIC_ICMP]++;
        }
    }
    row->count[SB_TRAFFIC_DROPPED] += dropped;
    row->count[SB_TRAFFIC_SYN] += syns;
    row->count[SB_TRAFFIC_ACK] += acks;
    row->count[SB_TRAFFIC_RST] += rsts;
    row->count[SB_TRAFFIC_UDP] += datagrams;
    row->count[SB_TRAFFIC_AMPLIFICATION] += reflected;
}

/* Whether parse or sanity has found something wrong, whatever the mode. */
static inline bool is_malformed(const struct sb_packet *packet) {
    return packet->anomaly != SB_REASON_NONE ||
           sb_stage_of((enum sb_reason)packet->reason) == SB_STAGE_SANITY;
}

/* 1: TCP that belongs to no connection, or that was dropped before the look-up of its connection.
 */
static inline uint32_t is_of_none(const struct sb_packet *packet) {
    const uint32_t is_early = sb_stage_of((enum sb_reason)packet->reason) < SB_STAGE_CONNECTIONS;

    return (uint32_t)((packet->flags & SB_PACKET_STRAY) != 0) |
           ((uint32_t)(packet->verdict == SB_VERDICT_DROP) & is_early);
}
