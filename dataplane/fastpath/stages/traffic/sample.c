/* sample.c: copies single packets for the collector, which finds the sources, ports and so on of a
 * flood.
 *
 * Two samples share one ring. The first takes one of N packets, with random gaps; it shows the
 * shares of packets. The second takes all packets of one of M sources, selected by a keyed hash of
 * the address; it shows whether a source sends once or more often. After two packets of a source
 * since the last collection, its further packets are not sampled, so that a busy source does not
 * fill the ring.
 */
#include "traffic.h"

#include "packet/verdict.h"

/* The sampling rates, as the collector has set them. */
struct sampling {
    uint32_t packets_every;
    uint32_t epoch; /* of the next collection */
    uint32_t sources_shift;
    uint64_t source_limit; /* a source is sampled if its hash is at most this */
};

static struct sampling sampling_of(const struct sb_lcore *lcore);
static uint32_t due(struct sb_traffic_table *table, uint32_t count, uint32_t every);
static uint32_t next_gap(struct sb_traffic_table *table, uint32_t every);
static void sample(struct sb_traffic_table *table, const struct sb_packet *packet, bool is_due,
                   const struct sampling *sampling, const struct sb_time *now);
static bool is_told(struct sb_traffic_table *table, uint64_t hash, uint32_t epoch);
static void fill(struct sb_sample *sample, const struct sb_packet *packet, uint64_t hash,
                 const struct sb_time *now);

void sb_sample_burst(struct sb_lcore *lcore, const struct sb_burst *burst, uint32_t of_sources,
                     const struct sb_time *now) {
    struct sb_traffic_table *table = sb_traffic_of(lcore);
    const struct sampling sampling = sampling_of(lcore);
    uint32_t packets;

    if (SB_UNLIKELY(sampling.packets_every == 0))
        return;
    packets = due(table, burst->count, sampling.packets_every);
    for (uint32_t left = packets | of_sources; left != 0;) {
        uint32_t i = sb_take_packet(&left);

        if (sb_is_counted(&burst->packets[i]))
            sample(table, &burst->packets[i], (packets >> i & 1) != 0, &sampling, now);
    }
}

/* Draws the gap again if it was drawn at a much larger interval. */
static struct sampling sampling_of(const struct sb_lcore *lcore) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    struct sb_traffic_table *table = sb_traffic_of(lcore);
    const uint32_t every = __atomic_load_n(&node->sample_packets_every, __ATOMIC_RELAXED);
    const uint32_t shift = __atomic_load_n(&node->sample_sources_shift, __ATOMIC_RELAXED);

    if (SB_UNLIKELY(table->countdown >= 2 * every && every != 0))
        table->countdown = next_gap(table, every);
    return (struct sampling){
        .packets_every = every,
        .epoch = __atomic_load_n(&node->sample_epoch, __ATOMIC_RELAXED),
        .sources_shift = shift,
        .source_limit = sb_source_limit(lcore),
    };
}

/* Returns the packets that the countdown selects. It also counts packets that are not sampled: a
 * selected one of these is skipped, so of the others still one in N is sampled. */
static uint32_t due(struct sb_traffic_table *table, uint32_t count, uint32_t every) {
    uint32_t next = 0, packets = 0;

    while (table->countdown <= count - next) {
        next += table->countdown;
        packets |= 1u << (next - 1);
        table->countdown = next_gap(table, every);
    }
    table->countdown -= count - next;
    return packets;
}

static __attribute__((noinline)) void sample(struct sb_traffic_table *table,
                                             const struct sb_packet *packet, bool is_due,
                                             const struct sampling *sampling,
                                             const struct sb_time *now) {
    const uint64_t hash = sb_sampled_hash(&table->source_key, sb_source_words(packet));
    const bool is_of_source =
        hash <= sampling->source_limit && !is_told(table, hash, sampling->epoch);
    struct sb_sample *place;

    if (!is_due && !is_of_source)
        return;
    place = sb_traffic_sample_place(table, is_due ? SB_SAMPLES_MAX : SB_SAMPLES_MAX / 2);
    if (place == NULL) {
        table->samples_lost++;
        return;
    }
    fill(place, packet, hash, now);
    place->packets = sampling->packets_every;
    place->sources_shift = (uint8_t)sampling->sources_shift;
    place->sampled =
        (uint8_t)((is_due ? SB_SAMPLED_PACKET : 0) | (is_of_source ? SB_SAMPLED_SOURCE : 0));
    sb_traffic_publish_sample(table);
}

/* Whether two packets of the source were sampled since the last collection. Sources that share a
 * place overwrite each other, and then one more packet is sampled. */
static bool is_told(struct sb_traffic_table *table, uint64_t hash, uint32_t epoch) {
    uint32_t *seen = &table->seen[hash & (SB_TRAFFIC_SEEN - 1)];
    const uint32_t tag = (uint32_t)(hash >> 10 << 2);
    uint32_t count;

    if (table->epoch != epoch) {
        table->epoch = epoch;
        memset(table->seen, 0, sizeof(table->seen));
    }
    count = (*seen & ~3u) == tag ? *seen & 3 : 0;
    if (count == SB_TRAFFIC_SEEN_TWICE)
        return true;
    *seen = tag | (count + 1);
    return false;
}

static void fill(struct sb_sample *sample, const struct sb_packet *packet, uint64_t hash,
                 const struct sb_time *now) {
    const uint8_t *l4 = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
    const bool is_answered = sb_is_answered(packet);
    const bool is_tcp = packet->protocol == SB_PROTOCOL_TCP && packet->l4_offset != 0;
    const bool has_ports =
        is_tcp || (packet->protocol == SB_PROTOCOL_UDP && packet->l4_offset != 0);
    const struct sb_address_words source = sb_source_words(packet);
    const struct sb_address_words destination = sb_destination_words(packet);
    uint32_t source_port = 0, destination_port = 0;

    if (has_ports) {
        source_port = sb_load16(l4 + (is_answered ? SB_L4_DESTINATION_PORT : SB_L4_SOURCE_PORT));
        destination_port =
            sb_load16(l4 + (is_answered ? SB_L4_SOURCE_PORT : SB_L4_DESTINATION_PORT));
    }
    *sample = (struct sb_sample){
        .source_hash = hash,
        .boot_ds = now->boot_ds,
        .source_port = (uint16_t)source_port,
        .destination_port = (uint16_t)destination_port,
        .size = (uint16_t)(packet->length < UINT16_MAX ? packet->length : UINT16_MAX),
        .profile = packet->profile,
        .protocol = packet->protocol,
        .tcp_flags = is_answered ? SB_TCP_SYN
                     : is_tcp    ? l4[SB_TCP_FLAGS]
                                 : (uint8_t)0,
        .verdict = packet->verdict,
        .reason = sb_has_reason(packet) ? packet->reason : (uint8_t)SB_REASON_NONE,
        .ip_version = packet->ip_version,
        .has_ports = has_ports,
    };
    memcpy(sample->source, &source, sizeof(sample->source));
    memcpy(sample->destination, &destination, sizeof(sample->destination));
}

/* A random gap from 1 to 2 * every - 1, uniformly distributed; xorshift64 (Marsaglia, "Xorshift
 * RNGs", 2003, 3). */
static uint32_t next_gap(struct sb_traffic_table *table, uint32_t every) {
    uint64_t random = table->random;

    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    table->random = random;
    return 1 + (uint32_t)((random >> 32) * (2 * (uint64_t)every - 1) >> 32);
}
