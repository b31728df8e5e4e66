#include "slow.h"

#include "blocking/answer.h"
#include "packet/address.h"
#include "tables/policy/policy.h"
#include "tables/traffic/traffic.h"

enum {
    SWEEP_DS = 20,       /* time in which the sweep visits all connections */
    SWEPT_AT_ONCE = 8,   /* connections */
    TICKS_PER_DS = 256,  /* unit of time in this file */
    READ_TICK_BITS = 24, /* of sb_http_record.read_clock: differences of up to 54 minutes */
    READ_MASK = (1 << READ_TICK_BITS) - 1,
    UNDER_WAY_MIN = 4096, /* bytes of a response */
    /* Bytes. With a smaller window from its peer, an endpoint waits for that peer. */
    ROOM_MIN = 1460
};

/* Values of sb_http_buffer.watch. */
enum watch { WATCH_NONE, WATCH_HEAD, WATCH_BODY };

static enum watch kind_of(const struct sb_http_work *work, const struct sb_http_buffer *buffer,
                          uint32_t *first);
static void note_peer(const struct sb_http_work *work, struct sb_http_buffer *buffer);
static int64_t ahead_of_read(const struct sb_http_work *work);
static bool is_reading_behind(const struct sb_http_work *work);
static void visit(struct sb_lcore *lcore, struct sb_http *http, struct sb_http_record *record,
                  const struct sb_time *now);
static struct sb_packet packet_of(const struct sb_lcore *lcore, struct sb_http_buffer *buffer);
static bool is_late(const struct sb_http_work *work, struct sb_http_buffer *buffer);
static bool is_waiting_for_host(const struct sb_http_work *work,
                                const struct sb_http_buffer *buffer);
static bool end_slow(const struct sb_http_work *work, enum sb_http_slow slow);

static inline uint32_t ticks_of(uint32_t seconds) {
    return seconds * 10 * TICKS_PER_DS;
}

static inline uint32_t now_of(const struct sb_http_work *work) {
    return work->now->boot_ds * TICKS_PER_DS;
}

/* The new lead in ticks after some bytes, each worth its time at the rate; at most the given number
 * of seconds. */
static int64_t gain(int64_t ahead, uint32_t bytes, uint32_t rate, uint32_t seconds) {
    const int64_t most = ticks_of(seconds);

    if (bytes != 0)
        ahead += rate == 0 ? most : (int64_t)((uint64_t)bytes * 10 * TICKS_PER_DS / rate);
    return ahead < most ? ahead : most;
}

/* --- responses --- */

bool sb_http_is_read_slowly(const struct sb_http_work *work, uint32_t acked) {
    const struct sb_http_profile *profile = sb_http_profile_of(work);
    struct sb_http_record *record = work->record;
    const bool is_behind = is_reading_behind(work);
    int64_t ahead = ticks_of(profile->read_s);

    if (profile->read_s == 0 || (!is_behind && record->has_read_clock == 0) ||
        !sb_http_is_judged(work))
        return false;
    if (record->has_read_clock != 0)
        ahead = gain(ahead_of_read(work), record->host_acked - acked, profile->read_rate,
                     profile->read_s);
    if (is_behind && ahead < 0) {
        if (end_slow(work, SB_HTTP_SLOW_READ))
            return sb_http_absorb(work);
        ahead = ticks_of(profile->read_s);
    }
    ahead = ahead < 0 ? 0 : ahead;
    record->is_read_behind = is_behind;
    record->read_clock =
        (uint32_t)(is_behind ? now_of(work) + (uint32_t)ahead : (uint32_t)ahead) & READ_MASK;
    /* The clock restarts with the next response. */
    record->has_read_clock =
        is_behind || record->response != 0 || record->host_acked != record->host_end;
    return false;
}

/* While the client is behind, read_clock is the time at which it becomes late; otherwise it is the
 * lead before that time. */
static int64_t ahead_of_read(const struct sb_http_work *work) {
    const uint32_t clock = work->record->read_clock, spare = 32 - READ_TICK_BITS;

    return work->record->is_read_behind == 0
               ? (int64_t)clock
               : (int64_t)((int32_t)((clock - now_of(work)) << spare) >> spare);
}

/* Whether the client leaves the host's bytes unacknowledged, or closes its window within a
 * response. With continuous traffic a few bytes are always unacknowledged. */
static bool is_reading_behind(const struct sb_http_work *work) {
    const struct sb_http_record *record = work->record;
    const struct sb_flow *flow = record->flow;
    const uint32_t half = flow->side[SB_PORT_OUTSIDE].window / 2;
    const uint32_t limit = flow->side[SB_PORT_INSIDE].limit + sb_http_delta(work);
    const int32_t room = (int32_t)(limit - record->host_end);
    const bool is_answered =
        record->response != 0 || (record->flags & SB_HTTP_RESPONSES_UNKNOWN) != 0;

    if (record->host_end - record->host_acked >= UNDER_WAY_MIN)
        return true;
    return is_answered && (flow->flags & SB_FLOW_LIBERAL) == 0 &&
           room < (int32_t)(half < ROOM_MIN ? half : ROOM_MIN);
}

/* --- requests --- */

void sb_http_watch(const struct sb_http_work *work) {
    const struct sb_http_profile *profile = sb_http_profile_of(work);
    struct sb_http_record *record = work->record;
    struct sb_http_buffer *buffer;
    enum watch kind;
    uint32_t first;

    if (record->buffer == 0)
        return;
    buffer = sb_http_buffer_of(work);
    kind = kind_of(work, buffer, &first);
    if (buffer->watch == (uint8_t)kind && (kind == WATCH_NONE || buffer->watched == first))
        return;
    buffer->watch = (uint8_t)kind;
    buffer->watched = first;
    buffer->until = now_of(work) + ticks_of(kind == WATCH_HEAD ? profile->head_s : profile->body_s);
    buffer->acked = record->acked;
    buffer->host_end = record->host_end;
    if (kind != WATCH_NONE)
        note_peer(work, buffer);
}

/* What the client has begun to send. first: sequence number of its first byte. Bytes behind a gap
 * count as a head. A line end does not, because old clients send one behind a body. */
static enum watch kind_of(const struct sb_http_work *work, const struct sb_http_buffer *buffer,
                          uint32_t *first) {
    uint64_t fed;

    *first = work->record->next;
    if (buffer->phase == SB_HTTP_PHASE_IDLE)
        return buffer->range_count == 0 ? WATCH_NONE : WATCH_HEAD;
    fed = buffer->message.fed;
    *first -= (uint32_t)fed;
    if (buffer->phase != SB_HTTP_PHASE_HEAD)
        return WATCH_BODY;
    return fed == 0 || (fed <= 2 && sb_http_message_bytes(work)[0] == '\r') ? WATCH_NONE
                                                                            : WATCH_HEAD;
}

/* Saves the part of a frame that has the addresses of both hosts. */
static void note_peer(const struct sb_http_work *work, struct sb_http_buffer *buffer) {
    const struct sb_packet *packet = work->packet;
    const uint8_t *frame = (const uint8_t *)(uintptr_t)packet->data;
    const uint32_t ip_end =
        packet->l3_offset + (packet->ip_version == 4 ? SB_IPV4_BYTES : SB_IPV6_BYTES);

    _Static_assert(SB_ETHERNET_BYTES + 2 * SB_VLAN_BYTES + SB_IPV6_BYTES + SB_HTTP_PORTS <=
                       SB_HTTP_PEER_MAX,
                   "room for the addresses behind two tags");
    buffer->l3_offset = (uint8_t)packet->l3_offset;
    buffer->ip_version = packet->ip_version;
    memcpy(buffer->peer, frame, ip_end);
    memcpy(buffer->peer + ip_end, frame + packet->l4_offset, SB_HTTP_PORTS);
}

/* --- the sweep --- */

void sb_http_sweep(struct sb_lcore *lcore, const struct sb_time *now) {
    struct sb_http *http = (struct sb_http *)(uintptr_t)lcore->http;
    const uint32_t passed = now->boot_ds - http->sweep_ds, count = http->fresh - 1;

    if (passed != 0) {
        const uint64_t due = http->sweep_due + (uint64_t)passed * count / SWEEP_DS + 1;

        http->sweep_due = due < count ? (uint32_t)due : count;
        http->sweep_ds = now->boot_ds;
    }
    for (uint32_t i = 0; i < SWEPT_AT_ONCE && http->sweep_due != 0; i++) {
        http->sweep_next = http->sweep_next + 1 >= http->fresh ? 1 : http->sweep_next + 1;
        http->sweep_due--;
        visit(lcore, http, sb_http_record(http, http->sweep_next), now);
    }
}

static void visit(struct sb_lcore *lcore, struct sb_http *http, struct sb_http_record *record,
                  const struct sb_time *now) {
    struct sb_http_work work = {.lcore = lcore, .http = http, .now = now, .record = record};
    struct sb_http_buffer *buffer;
    struct sb_packet packet;

    if (record->flow == NULL || record->state != SB_HTTP_STATE_INSPECTED || record->buffer == 0 ||
        !sb_http_is_judged(&work))
        return;
    buffer = sb_http_buffer_of(&work);
    if (buffer->watch == WATCH_NONE ||
        (buffer->phase == SB_HTTP_PHASE_IDLE && buffer->range_count == 0))
        return;
    packet = packet_of(lcore, buffer);
    work.packet = &packet;
    work.segment = (struct sb_segment){.from = SB_PORT_OUTSIDE,
                                       .flags = SB_TCP_ACK,
                                       .sequence = record->acked,
                                       .acknowledgment = record->host_end};
    if (is_late(&work, buffer))
        (void)end_slow(&work, buffer->watch == WATCH_HEAD ? SB_HTTP_SLOW_HEAD : SB_HTTP_SLOW_BODY);
}

/* A packet like those of the client, with the profile in force now. */
static struct sb_packet packet_of(const struct sb_lcore *lcore, struct sb_http_buffer *buffer) {
    const bool is_ipv4 = buffer->ip_version == 4;
    const uint32_t l3 = buffer->l3_offset, l4 = l3 + (is_ipv4 ? SB_IPV4_BYTES : SB_IPV6_BYTES);
    struct sb_packet packet = {
        .data = (uint64_t)(uintptr_t)buffer->peer,
        .length = l4 + SB_HTTP_PORTS,
        .available = (uint16_t)(l4 + SB_HTTP_PORTS),
        .port = SB_PORT_OUTSIDE,
        .l3_offset = (uint16_t)l3,
        .l4_offset = (uint16_t)l4,
        .client_offset = (uint16_t)(l3 + (is_ipv4 ? SB_IPV4_SOURCE : SB_IPV6_SOURCE)),
        .protected_offset = (uint16_t)(l3 + (is_ipv4 ? SB_IPV4_DESTINATION : SB_IPV6_DESTINATION)),
        .ip_version = buffer->ip_version,
        .protocol = SB_PROTOCOL_TCP};
    uint8_t address[16];

    sb_packet_address(&packet, packet.protected_offset, address);
    packet.profile = (uint16_t)sb_policy_select(sb_policy_of(lcore), address);
    return packet;
}

/* Whether the watched head or body is late. Sets the clock again, so that in the mode monitor a
 * slow request counts once in that time. */
static bool is_late(const struct sb_http_work *work, struct sb_http_buffer *buffer) {
    const struct sb_http_profile *profile = sb_http_profile_of(work);
    const bool is_head = buffer->watch == WATCH_HEAD;
    const uint32_t seconds = is_head ? profile->head_s : profile->body_s;
    int64_t ahead = (int32_t)(buffer->until - now_of(work));

    if (seconds == 0)
        return false;
    if (!is_head) {
        ahead = is_waiting_for_host(work, buffer)
                    ? (int64_t)ticks_of(seconds)
                    : gain(ahead, work->record->acked - buffer->acked, profile->body_rate, seconds);
        buffer->acked = work->record->acked;
    }
    buffer->until = now_of(work) + (ahead < 0 ? ticks_of(seconds) : (uint32_t)ahead);
    return ahead < 0;
}

/* Whether the client can't send, or waits for 100 (Continue) before it does (RFC 9110, 10.1.1). */
static bool is_waiting_for_host(const struct sb_http_work *work,
                                const struct sb_http_buffer *buffer) {
    const struct sb_http_record *record = work->record;
    const struct sb_http_message *message = &buffer->message;
    const int32_t room = (int32_t)(record->flow->side[SB_PORT_OUTSIDE].limit - record->acked);

    if (message->expects_continue && record->host_end == buffer->host_end &&
        record->client_end == buffer->watched + message->head_size)
        return true;
    return room < ROOM_MIN && (record->flow->flags & SB_FLOW_LIBERAL) == 0;
}

/* Applies the profile's mode. True: the connection was reset. */
static bool end_slow(const struct sb_http_work *work, enum sb_http_slow slow) {
    static const uint8_t reasons[SB_HTTP_SLOW_COUNT] = {
        SB_REASON_HTTP_SLOW_HEAD, SB_REASON_HTTP_SLOW_BODY, SB_REASON_HTTP_SLOW_READ};
    struct sb_lcore *lcore = work->lcore;
    const enum sb_reason reason = (enum sb_reason)reasons[slow];
    const enum sb_mode mode = (enum sb_mode)sb_profile_of(lcore, work->packet)->mode[reason];

    if (mode == SB_MODE_OFF)
        return false;
    if (lcore->sample_ds[reason] != work->now->boot_ds)
        sb_drop_sample(lcore, work->packet, reason, mode, work->now);
    sb_stats_of(lcore)->profile[work->packet->profile].count[reason][mode]++;
    if (mode == SB_MODE_MONITOR)
        return false;
    work->http->stats->slow[slow]++;
    sb_traffic_count(lcore, work->packet, SB_TRAFFIC_SLOW);
    sb_http_reset(work);
    return true;
}
