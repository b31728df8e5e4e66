#include "answer.h"

#include "packet/checksum.h"
#include "page.h"
#include "stages/http/responses.h"
#include "stages/http/stream/copies.h"

enum {
    /* Added to the host's timestamp that the client echoed last, so that the client has seen no
     * newer one (RFC 7323, 5). */
    WINDOW = UINT16_MAX,
    TIME_AHEAD = 1 << 20
};

static bool tell_client(const struct sb_http_work *work);
static uint32_t received_from(const struct sb_http_work *work);
static void send_to_client(const struct sb_http_work *work, const struct sb_http_refusal *refusal,
                           bool with_page);
static uint32_t expected_by_host(const struct sb_http_work *work);
static void reset_client(const struct sb_http_work *work);
static void end_flow(const struct sb_http_work *work, uint32_t told);

bool sb_http_refuse(const struct sb_http_work *work) {
    if (sb_http_buffer_of(work)->retry_after_s == 0)
        work->http->stats->blocked++;
    else
        work->http->stats->limited++;
    if (work->lcore->outbox == 0) { /* a node that sends nothing (replay) */
        sb_http_let_go(work, SB_HTTP_STATE_RESET);
        return true;
    }
    (void)sb_originate_reset(work->lcore, work->packet, false, expected_by_host(work));
    if (tell_client(work))
        return true;
    work->http->stats->resets++;
    reset_client(work);
    sb_http_let_go(work, SB_HTTP_STATE_RESET);
    end_flow(work, 0);
    return true;
}

void sb_http_reset(const struct sb_http_work *work) {
    const struct sb_segment *segment = &work->segment;

    work->http->stats->resets++;
    if (work->lcore->outbox == 0) {
        sb_http_let_go(work, SB_HTTP_STATE_RESET);
        return;
    }
    if (segment->from == SB_PORT_OUTSIDE) {
        (void)sb_originate_reset(work->lcore, work->packet, false, expected_by_host(work));
        reset_client(work);
    } else {
        /* The host's segment may be a probe or a retransmission; the RST must not lie before what
         * the client has acknowledged. */
        (void)sb_originate_reset(work->lcore, work->packet, false,
                                 sb_latest(segment->sequence, work->record->host_acked));
        (void)sb_originate_reset(work->lcore, work->packet, true, segment->acknowledgment);
    }
    sb_http_let_go(work, SB_HTTP_STATE_RESET);
    end_flow(work, 0);
}

bool sb_http_lose(const struct sb_http_work *work) {
    if (sb_http_profile_of(work)->fail_closed != 0 &&
        sb_http_reject(work, SB_REASON_HTTP_UNINSPECTED)) {
        sb_http_reset(work);
        return true;
    }
    work->http->stats->not_inspected[SB_HTTP_UNINSPECTED_UNSEEN]++;
    sb_http_let_go(work, SB_HTTP_STATE_EARLIER);
    return false;
}

/* The sequence number that the host expects next, if no segment was lost. If one was, the host
 * answers the RST with a challenge ACK, which sb_http_answer_host answers (RFC 5961, 3.2). In a
 * connection that is not followed, the current segment is the next one. */
static uint32_t expected_by_host(const struct sb_http_work *work) {
    const struct sb_http_record *record = work->record;
    const uint32_t sequence = work->segment.sequence;

    if (record->state == SB_HTTP_STATE_EARLIER)
        return sequence;
    return sb_is_after(record->client_end, sequence + work->size)
               ? sb_latest(sequence, record->acked) /* it fills a gap */
               : record->client_end;
}

static void reset_client(const struct sb_http_work *work) {
    if ((work->segment.flags & SB_TCP_ACK) != 0)
        (void)sb_originate_reset(work->lcore, work->packet, true, work->segment.acknowledgment);
}

/* Ends the record of the connection. told: count of sequence numbers that the client got in the
 * host's name. */
static void end_flow(const struct sb_http_work *work, uint32_t told) {
    struct sb_flow *flow = work->record->flow;

    flow->side[SB_PORT_INSIDE].end += told;
    flow->state = SB_FLOW_STATE_RESET;
    sb_flow_retire(work->http->flows, flow, work->now->boot_ds);
}

/* --- the page --- */

/* Sends the block page. False: the client would take it for the answer to another request, or the
 * pool has no room. */
static bool tell_client(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    struct sb_http_refusal *refusal;
    const uint32_t acknowledgment = received_from(work);
    struct sb_http_page page;
    sb_block block;

    if (!sb_http_may_answer(work, buffer->phase != SB_HTTP_PHASE_HEAD))
        return false;
    sb_http_write_page(&page, &buffer->message, sb_http_message_bytes(work), work->http->incident,
                       buffer->retry_after_s);
    block = sb_http_take(work->http, record, sizeof(*refusal));
    if (block == 0)
        return false;
    sb_http_let_go(work, SB_HTTP_STATE_REFUSED);
    record->buffer = block;
    refusal = sb_pool_at(&work->http->pool, block);
    refusal->sequence = record->host_end;
    refusal->acknowledgment = acknowledgment;
    refusal->size = page.size;
    memcpy(refusal->bytes, page.bytes, page.size);
    send_to_client(work, refusal, true);
    end_flow(work, page.size + 1);
    return true;
}

/* Acknowledges all that the client has sent without a gap, so that the client does not repeat it.
 */
static uint32_t received_from(const struct sb_http_work *work) {
    const struct sb_http_record *record = work->record;
    const uint32_t to = work->segment.sequence + work->size;
    const uint32_t held = sb_http_held_to(sb_http_buffer_of(work), record->next);
    const bool is_fin = held == to && (work->segment.flags & SB_TCP_FIN) != 0;
    const bool was_fin =
        (record->flags & SB_HTTP_CLIENT_FIN) != 0 && record->client_end == held + 1;

    return held + (is_fin || was_fin);
}

/* Sends the page with FIN, or only an acknowledgment with the number behind them. */
static void send_to_client(const struct sb_http_work *work, const struct sb_http_refusal *refusal,
                           bool with_page) {
    const struct sb_flow *flow = work->record->flow;
    struct sb_tcp_options options;
    struct sb_own_segment segment = {
        .kind = SB_ORIGIN_REFUSAL,
        .back = true,
        .like = work->packet,
        .header = {.sequence = refusal->sequence + (with_page ? 0 : refusal->size + 1),
                   .acknowledgment = refusal->acknowledgment,
                   .window = WINDOW,
                   .flags = (uint8_t)(SB_TCP_ACK | (with_page ? SB_TCP_PSH | SB_TCP_FIN : 0)),
                   .lifetime = sb_ip_lifetime(work->packet) == SB_IP_LIFETIME_MAX
                                   ? SB_IP_LIFETIME_MAX
                                   : SB_IP_LIFETIME_DEFAULT,
                   .options = {.scale = SB_TCP_NO_SCALE}},
        .payload = with_page ? refusal->bytes : NULL,
        .payload_size = with_page ? refusal->size : 0,
    };

    sb_tcp_read_options(work->packet, &options);
    if (options.has_times) {
        segment.header.options.has_times = true;
        segment.header.options.time_value = options.time_echo + TIME_AHEAD;
        segment.header.options.time_echo = options.time_value;
        if ((flow->flags & SB_FLOW_TIMES) != 0) /* the client's echo was translated for the host */
            segment.header.options.time_value +=
                sb_flow_record(work->http->flows, flow)->time_delta;
    }
    (void)sb_originate(work->lcore, &segment);
}

/* --- afterwards --- */

bool sb_http_answer_client(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    const struct sb_segment *segment = &work->segment;
    const uint32_t to = segment->sequence + segment->length;
    struct sb_http_refusal *refusal;

    (void)sb_http_absorb(work);
    if ((segment->flags & SB_TCP_RST) != 0 || work->lcore->outbox == 0)
        return true;
    if (record->state == SB_HTTP_STATE_REFUSED &&
        work->now->boot_ds - record->since_ds >= SB_HTTP_LINGER_DS)
        sb_http_let_go(work, SB_HTTP_STATE_RESET);
    if (record->state == SB_HTTP_STATE_RESET) {
        reset_client(work);
        return true;
    }
    if (segment->length == 0)
        return true;
    refusal = sb_pool_at(&work->http->pool, record->buffer);
    if (!sb_is_after(segment->sequence, refusal->acknowledgment))
        refusal->acknowledgment = sb_latest(refusal->acknowledgment, to);
    send_to_client(work, refusal, segment->acknowledgment != refusal->sequence + refusal->size + 1);
    return true;
}

bool sb_http_answer_host(const struct sb_http_work *work) {
    const struct sb_segment *segment = &work->segment;

    (void)sb_http_absorb(work);
    if ((segment->flags & (SB_TCP_RST | SB_TCP_ACK)) == SB_TCP_ACK && work->lcore->outbox != 0)
        (void)sb_originate_reset(work->lcore, work->packet, true, segment->acknowledgment);
    return true;
}
