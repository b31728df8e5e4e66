/* replay.c: runs the pipeline over a capture, with the capture's own clock.
 *
 * Does the work of a worker around the pipeline: makes bursts, decides by which port a packet was
 * received, and counts forwarded packets. Reads no file: Python finds the packets and writes those
 * that pass.
 *
 * A capture has packets in the state before the sender's NIC completed them (replay_offload.h).
 */
#include "replay.h"

#include <errno.h>

#include "packet/address.h"
#include "packet/checksum.h"
#include "packet/verdict.h"
#include "pipeline.h"
#include "replay_offload.h"
#include "stages.h"

/* The burst that is being filled, and the records in it. */
struct filling {
    struct sb_burst burst;
    uint32_t record[SB_BURST_MAX];
    struct sb_replay_length set[SB_BURST_MAX];
    uint64_t first_ns;
};

static bool all_inside_buffer(const struct sb_replay_record *records, uint32_t count,
                              uint64_t size);
static uint64_t advance_clock(struct sb_replay *replay, uint64_t timestamp_ns);
static void add(struct filling *filling, uint32_t index, const struct sb_replay *replay,
                uint8_t *buffer, const struct sb_replay_record *record);
static void run(struct sb_replay *replay, struct filling *filling, uint8_t *verdicts);

int sb_replay_run(struct sb_replay *replay, uint8_t *buffer, uint64_t size,
                  const struct sb_replay_record *records, uint32_t count, uint8_t *verdicts) {
    struct filling filling = {.burst.count = 0};

    if (!all_inside_buffer(records, count, size))
        return -EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t before_ns = replay->clock_ns;
        uint64_t now_ns = records[i].timestamp_ns > before_ns ? records[i].timestamp_ns : before_ns;

        /* A burst runs at the time of its last packet, before the clock advances. */
        if (filling.burst.count > 0 && now_ns - filling.first_ns > SB_REPLAY_BURST_NS)
            run(replay, &filling, verdicts);
        now_ns = advance_clock(replay, records[i].timestamp_ns);
        if (filling.burst.count == 0)
            filling.first_ns = now_ns;
        add(&filling, i, replay, buffer, &records[i]);
        if (filling.burst.count == SB_BURST_MAX)
            run(replay, &filling, verdicts);
    }
    run(replay, &filling, verdicts);
    return 0;
}

static bool all_inside_buffer(const struct sb_replay_record *records, uint32_t count,
                              uint64_t size) {
    for (uint32_t i = 0; i < count; i++)
        if (records[i].offset > size || records[i].captured > size - records[i].offset)
            return false;
    return true;
}

static uint64_t advance_clock(struct sb_replay *replay, uint64_t timestamp_ns) {
    if (!replay->started) {
        replay->started = 1;
        replay->first_ns = replay->clock_ns = timestamp_ns;
    }
    if (timestamp_ns < replay->clock_ns)
        replay->backwards++;
    else
        replay->clock_ns = timestamp_ns;
    return replay->clock_ns;
}

static void add(struct filling *filling, uint32_t index, const struct sb_replay *replay,
                uint8_t *buffer, const struct sb_replay_record *record) {
    struct sb_packet *packet = &filling->burst.packets[filling->burst.count];
    uint64_t length = record->length < UINT32_MAX ? record->length : UINT32_MAX;
    uint64_t captured = record->captured < length ? record->captured : length;

    filling->record[filling->burst.count++] = index;
    packet->mbuf = index;
    packet->data = (uint64_t)(uintptr_t)(buffer + record->offset);
    packet->rx_tsc = replay->clock_ns - replay->first_ns;
    packet->length = (uint32_t)length;
    packet->available = (uint16_t)(captured < UINT16_MAX ? captured : UINT16_MAX);
    /* Always set if bytes are missing: a replayed packet has no second segment, so HEADER_SPLIT
     * can't occur. */
    packet->flags = packet->available < length ? SB_PACKET_CUT : 0;
    packet->port = SB_PORT_OUTSIDE;
}

/* --- direction, checksum ---------------------------------------------------------------------- */

static bool is_inside(const struct sb_replay *replay, const struct sb_packet *packet,
                      uint32_t address_offset) {
    const struct sb_replay_prefix *prefixes =
        (const struct sb_replay_prefix *)(uintptr_t)replay->prefixes;
    uint8_t address[16];

    sb_packet_address(packet, address_offset, address);
    uint64_t high = sb_load64_raw(address), low = sb_load64_raw(address + 8);
    for (uint64_t i = 0; i < replay->prefix_count; i++) {
        const struct sb_replay_prefix *prefix = &prefixes[i];
        uint64_t differs =
            ((high & sb_load64_raw(prefix->mask)) ^ sb_load64_raw(prefix->key)) |
            ((low & sb_load64_raw(prefix->mask + 8)) ^ sb_load64_raw(prefix->key + 8));

        if (differs == 0)
            return true;
    }
    return false;
}

static enum sb_port port_of(struct sb_replay *replay, const struct sb_packet *packet) {
    if (packet->ip_version == 0) {
        replay->no_address++;
        return SB_PORT_OUTSIDE;
    }
    /* The packet was parsed as one from outside, so the client is the source. */
    bool source = is_inside(replay, packet, packet->client_offset);
    bool destination = is_inside(replay, packet, packet->protected_offset);

    replay->inside_both += source && destination;
    replay->inside_neither += !source && !destination;
    return source && !destination ? SB_PORT_INSIDE : SB_PORT_OUTSIDE;
}

/* Whether the checksum is not valid, because the packet was captured before the sender's NIC
 * completed it, or is not complete. */
static bool has_no_checksum(struct sb_replay *replay, const struct sb_packet *packet) {
    if ((packet->flags & SB_PACKET_CUT) != 0)
        return true;
    bool is_unfinished = sb_tcp_checksum_is_unfinished(packet);

    replay->checksum_unfinished += is_unfinished;
    return is_unfinished;
}

/* Sets what a worker gets from its port and driver. The addresses come from the pipeline's own
 * parser, so that no second parser can disagree with it. */
static void describe(struct sb_replay *replay, struct filling *filling) {
    for (uint32_t i = 0; i < filling->burst.count; i++) {
        struct sb_packet *packet = &filling->burst.packets[i];

        sb_parse_packet(packet);
        filling->set[i] = sb_replay_set_length(replay, packet);
        if (filling->set[i].field == NULL && has_no_checksum(replay, packet))
            packet->flags |= SB_PACKET_L4_GOOD;
        sb_replay_drop_surplus(replay, packet);
        packet->port = (uint16_t)port_of(replay, packet);
    }
}

/* --- one burst -------------------------------------------------------------------------------- */

static struct sb_time time_of(const struct sb_replay *replay) {
    uint64_t elapsed_ns = replay->clock_ns - replay->first_ns;
    uint64_t boot_ds = 1 + elapsed_ns / SB_REPLAY_NS_PER_DS;

    return (struct sb_time){
        .tsc = elapsed_ns,
        .boot_ds = (uint32_t)(boot_ds < SB_DEADLINE_NEVER ? boot_ds : SB_DEADLINE_NEVER - 1)};
}

/* The SYN proxy answers no SYN inside an encapsulation. */
static void count_syn(struct sb_replay *replay, const struct sb_lcore *lcore,
                      const struct sb_packet *packet) {
    const uint8_t *tcp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    if (packet->port != SB_PORT_OUTSIDE || packet->protocol != SB_PROTOCOL_TCP ||
        packet->payload_offset == 0 || (packet->flags & SB_PACKET_INNER) != 0 ||
        (tcp[SB_TCP_FLAGS] & (SB_TCP_SYN | SB_TCP_ACK)) != SB_TCP_SYN)
        return;
    uint32_t mode = sb_profile_of(lcore, packet)->syn_proxy;
    replay->syns_auto += mode == SB_SYN_PROXY_AUTO;
    replay->syns_always += mode == SB_SYN_PROXY_ALWAYS;
}

static void count(struct sb_replay *replay, struct sb_lcore *lcore, const struct sb_packet *packet,
                  bool is_cut) {
    struct sb_port_stats *port = &sb_stats_of(lcore)->port[packet->port];

    replay->cut += is_cut;
    replay->cut_short += (packet->flags & SB_PACKET_CUT_SHORT) != 0;
    replay->link_scope += (packet->flags & SB_PACKET_LINK_SCOPE) != 0;
    replay->allowed += (packet->flags & SB_PACKET_ALLOWED) != 0;
    replay->neighbors += (packet->flags & SB_PACKET_NEIGHBOR) != 0;
    if (packet->verdict != SB_VERDICT_PASS)
        return;
    port->forwarded++;
    port->forwarded_bytes += packet->length;
    count_syn(replay, lcore, packet);
}

static void run(struct sb_replay *replay, struct filling *filling, uint8_t *verdicts) {
    struct sb_lcore *lcore = (struct sb_lcore *)(uintptr_t)replay->lcore;
    const struct sb_time now = time_of(replay);

    if (filling->burst.count == 0)
        return;
    describe(replay, filling);
    sb_pipeline_run(lcore, &filling->burst, &now);
    for (uint32_t i = 0; i < filling->burst.count; i++) {
        const struct sb_packet *packet = &filling->burst.packets[i];
        bool is_cut = (packet->flags & SB_PACKET_CUT) != 0 && filling->set[i].field == NULL;

        count(replay, lcore, packet, is_cut);
        verdicts[filling->record[i]] = packet->verdict;
        sb_replay_restore_length(&filling->set[i]);
    }
    filling->burst.count = 0;
}
