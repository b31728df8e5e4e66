#include "stream.h"

#include "copies.h"
#include "packet/checksum.h"
#include "stages/http/blocking/answer.h"
#include "stages/http/inspect.h"
#include "stages/http/request_limits.h"
#include "stages/http/responses.h"
#include "tables/traffic/traffic.h"

enum {
    AHEAD_MAX = 1 << 30, /* the largest window (RFC 7323, 2.3) */
    JUMP_MAX = 1 << 30,  /* at once: numbers are compared modulo 2^32 */
    NO_ROOM_DS = 100     /* after dropping segments for so long, the connection is reset */
};

static void note_acknowledgment(const struct sb_http_work *work);
static bool take(const struct sb_http_work *work);
static bool refuse_unreadable(const struct sb_http_work *work);
static bool is_in_window(const struct sb_http_work *work);
static bool refuse_without_room(const struct sb_http_work *work);
static bool advance(const struct sb_http_work *work);
static bool begin_message(const struct sb_http_work *work);
static bool parse(const struct sb_http_work *work, uint32_t to, bool *is_stuck);
static bool end_head(const struct sb_http_work *work);
static bool end_body(const struct sb_http_work *work, enum sb_http_progress reached);
static bool end_message(const struct sb_http_work *work);
static void note_complete(const struct sb_http_work *work);
static bool give_up(const struct sb_http_work *work);
static void pass_rest(const struct sb_http_work *work);

bool sb_http_client(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    const struct sb_segment *segment = &work->segment;
    const uint32_t to = segment->sequence + work->size;

    /* A fragment does not tell how long its segment is. The node notices its bytes when the host
     * acknowledges them. */
    if ((segment->flags & SB_TCP_RST) != 0 || (work->packet->flags & SB_PACKET_FRAGMENT) != 0)
        return false;
    note_acknowledgment(work);
    if (work->size != 0) {
        if ((segment->flags & SB_TCP_SYN) != 0)
            return sb_http_reject(work, SB_REASON_HTTP_SYN_DATA);
        if ((segment->flags & SB_TCP_URG) != 0 && sb_http_reject(work, SB_REASON_HTTP_URGENT))
            return true;
        /* Skips most of a long body: the host has its bytes, or they need not be known. */
        if ((sb_is_after(to, record->next) || (record->flags & SB_HTTP_NOTHING_HELD) == 0) &&
            take(work))
            return true;
        record->client_end = sb_latest(record->client_end, to);
    }
    if ((segment->flags & SB_TCP_FIN) != 0) {
        record->client_end = sb_latest(record->client_end, to + 1);
        record->flags |= SB_HTTP_CLIENT_FIN;
    }
    return false;
}

/* Records what the client has acknowledged, at most up to the host's end. */
static void note_acknowledgment(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;

    if ((work->segment.flags & SB_TCP_ACK) != 0 &&
        !sb_is_after(work->segment.acknowledgment, record->host_end))
        record->host_acked = sb_latest(record->host_acked, work->segment.acknowledgment);
}

/* True: the segment is not forwarded. */
static bool take(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    const uint32_t from = work->segment.sequence, to = from + work->size;

    if (work->packet->available < work->packet->payload_offset + work->size ||
        !sb_tcp_checksum_is_right(work->packet))
        return refuse_unreadable(work);
    if (!is_in_window(work))
        return sb_http_reject(work, SB_REASON_HTTP_SEQUENCE);
    if (!sb_http_is_same(work) && sb_http_reject(work, SB_REASON_HTTP_RETRANSMISSION))
        return true;
    if (!sb_is_after(to, record->next))
        return false;
    sb_http_recover_responses(work);
    if (!sb_http_keep(work))
        return refuse_without_room(work);
    record->waits_ds = 0;
    return !sb_is_after(from, record->next) && advance(work);
}

/* Packets that a capture has cut can't be inspected; the connection passes. */
static bool refuse_unreadable(const struct sb_http_work *work) {
    if ((work->packet->flags & SB_PACKET_CUT) == 0)
        return sb_http_drop(work, SB_REASON_HTTP_CHECKSUM);
    work->http->stats->not_inspected[SB_HTTP_UNINSPECTED_CUT_OFF]++;
    sb_http_let_go(work, SB_HTTP_STATE_UNPARSED);
    return false;
}

/* Bytes that the host can't accept yet are not kept, whatever the connections stage lets pass. The
 * host's window is known except for picked-up connections. */
static bool is_in_window(const struct sb_http_work *work) {
    const struct sb_flow *flow = work->record->flow;
    const uint32_t from = work->segment.sequence;

    if ((int32_t)(from - work->record->acked) > AHEAD_MAX)
        return false;
    return (flow->flags & SB_FLOW_LIBERAL) != 0 ||
           !sb_is_after(from, flow->side[SB_PORT_OUTSIDE].limit);
}

/* Backpressure: the client sends the segment again. */
static bool refuse_without_room(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    const uint32_t now_ds = work->now->boot_ds;

    if (!sb_http_is_judged(work))
        return false; /* the record is lost when the host acknowledges it */
    work->http->stats->pool_full++;
    if (record->waits_ds == 0)
        record->waits_ds = now_ds == 0 ? 1 : now_ds;
    (void)sb_http_drop(work, SB_REASON_HTTP_POOL);
    if (now_ds - record->waits_ds >= NO_ROOM_DS)
        sb_http_reset(work);
    return true;
}

/* --- parsing --- */

/* Parses the bytes without a gap. True: the current segment is withheld. */
static bool advance(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    bool is_stuck = false;

    while (!is_stuck && record->state == SB_HTTP_STATE_INSPECTED) {
        struct sb_http_buffer *buffer = sb_http_buffer_of(work);
        uint32_t to;

        if (buffer->phase == SB_HTTP_PHASE_REST)
            pass_rest(work);
        to = sb_http_held_to(buffer, record->next);
        if (to == record->next)
            return false;
        if (buffer->phase == SB_HTTP_PHASE_IDLE && begin_message(work))
            return true;
        if (parse(work, to, &is_stuck))
            return true;
    }
    return false;
}

/* Begins a message. True: it is refused, because the previous message was the last one of the
 * connection and some hosts would still answer. For line ends this is decided later: see
 * is_after_close. */
static bool begin_message(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    const uint8_t first = *sb_http_bytes_at(buffer, record->next);
    const bool is_line_end = first == '\r' || first == '\n';

    sb_http_message_begin(&buffer->message);
    buffer->message.is_after_close = (record->flags & SB_HTTP_LAST) != 0;
    buffer->judged = 0;
    buffer->retry_after_s = 0;
    buffer->is_unscanned = false;
    buffer->phase = SB_HTTP_PHASE_HEAD;
    if (buffer->message.is_after_close && !is_line_end)
        buffer->message.faults |= 1ull << SB_HTTP_FAULT_AFTER_CLOSE;
    if ((record->flags & SB_HTTP_LEADING) != 0 && is_line_end)
        buffer->message.faults |= 1ull << SB_HTTP_FAULT_LEADING;
    record->flags &= (uint8_t)~SB_HTTP_LEADING;
    return sb_http_inspect_faults(work, buffer) && sb_http_refuse(work);
}

/* Parses held bytes up to a number, or up to the end of a head or a message. */
static bool parse(const struct sb_http_work *work, uint32_t to, bool *is_stuck) {
    struct sb_http_record *record = work->record;
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    struct sb_http_message *message = &buffer->message;
    const uint32_t phase = buffer->phase, progress = message->progress;
    const uint64_t fed = message->fed, size = to - record->next;
    const uint8_t *bytes = sb_http_bytes_at(buffer, record->next);
    const enum sb_http_progress reached = phase == SB_HTTP_PHASE_HEAD
                                              ? sb_http_feed(message, bytes - fed, fed + size)
                                              : sb_http_feed_body(message, bytes, size);

    *is_stuck = message->fed == fed && reached == progress;
    sb_http_pass_over(work, record->next + (uint32_t)(message->fed - fed));
    if (reached == SB_HTTP_BROKEN)
        return give_up(work);
    if (phase == SB_HTTP_PHASE_HEAD && reached != SB_HTTP_HEAD && end_head(work))
        return true;
    if (buffer->phase == SB_HTTP_PHASE_BODY &&
        (reached == SB_HTTP_COMPLETE ||
         message->fed - message->head_size >= sb_http_profile_of(work)->body_limit) &&
        end_body(work, reached))
        return true;
    return reached == SB_HTTP_COMPLETE && record->state == SB_HTTP_STATE_INSPECTED &&
           end_message(work);
}

static bool end_head(const struct sb_http_work *work) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);

    work->http->stats->requests++;
    sb_traffic_count(work->lcore, work->packet, SB_TRAFFIC_REQUEST);
    sb_http_expect_response(work, &buffer->message);
    buffer->phase = SB_HTTP_PHASE_BODY;
    return (sb_http_limit(work, buffer) || sb_http_inspect_head(work, buffer)) &&
           sb_http_refuse(work);
}

/* Inspects the body, or its first part. The segment that reaches the limit is included completely,
 * if there is room. */
static bool end_body(const struct sb_http_work *work, enum sb_http_progress reached) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    const uint64_t size = buffer->message.fed - buffer->message.head_size;
    const bool is_whole = reached == SB_HTTP_COMPLETE && size <= SB_HTTP_BODY_LIMIT_MAX;

    buffer->phase = SB_HTTP_PHASE_REST;
    if (!is_whole)
        work->http->stats->not_inspected[SB_HTTP_UNINSPECTED_BODY_REST]++;
    return size != 0 && sb_http_inspect_body(work, buffer, is_whole) && sb_http_refuse(work);
}

static bool end_message(const struct sb_http_work *work) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);

    if (sb_http_inspect_faults(work, buffer))
        return sb_http_refuse(work);
    buffer->phase = SB_HTTP_PHASE_IDLE;
    note_complete(work);
    work->record->flags &= (uint8_t)~SB_HTTP_LAST;
    if (!buffer->message.keep_alive)
        work->record->flags |= SB_HTTP_LAST;
    return false;
}

/* The duration of the request counts from here: the transmitting code counts it. */
static void note_complete(const struct sb_http_work *work) {
    struct sb_packet *packet = work->packet;
    struct sb_http_record *record = work->record;

    if ((packet->flags & SB_PACKET_REQUEST) == 0)
        packet->requests = 0;
    packet->flags |= SB_PACKET_REQUEST;
    packet->requests = (uint8_t)(packet->requests + (packet->requests != UINT8_MAX));
    record->asked = record->outstanding == 1 ? sb_http_moment(work->now->tsc) : 0;
}

/* Called for bytes that are no HTTP request. If the profile lets them pass, the rest of the
 * connection is not inspected. */
static bool give_up(const struct sb_http_work *work) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    const bool is_other = (buffer->message.faults >> SB_HTTP_FAULT_OTHER & 1) != 0;

    if (is_other && sb_http_profile_of(work)->pass_other != 0) {
        work->http->stats->not_inspected[SB_HTTP_UNINSPECTED_NOT_HTTP]++;
        sb_http_let_go(work, SB_HTTP_STATE_UNPARSED);
        return false;
    }
    if (sb_http_inspect_faults(work, buffer))
        return sb_http_refuse(work);
    work->http->stats->not_inspected[SB_HTTP_UNINSPECTED_UNPARSED]++;
    sb_http_let_go(work, SB_HTTP_STATE_UNPARSED);
    return false;
}

/* Skips most of a long rest of a body: only its end is needed, to find the next request. */
static void pass_rest(const struct sb_http_work *work) {
    struct sb_http_message *message = &sb_http_buffer_of(work)->message;
    uint64_t count = sb_http_skippable(message);

    if (count > JUMP_MAX)
        count = JUMP_MAX;
    if (count >= SB_HTTP_JUMP_MIN && sb_http_jump(work, (uint32_t)count))
        sb_http_skip(message, count);
}

/* --- bytes that the host has acknowledged --- */

bool sb_http_acknowledged(const struct sb_http_work *work, uint32_t acknowledgment) {
    struct sb_http_record *record = work->record;
    const uint32_t known = record->next + ((record->flags & SB_HTTP_CLIENT_FIN) != 0);

    if (!sb_is_after(acknowledgment, record->acked))
        return false;
    if (sb_is_after(acknowledgment, known)) {
        /* It has bytes that were not inspected: they took another way, or a mode has let them pass.
         */
        if (!sb_tcp_checksum_is_right(work->packet))
            return false;
        return sb_http_lose(work);
    }
    record->acked = acknowledgment;
    sb_http_trim(work);
    return false;
}
