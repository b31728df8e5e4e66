#include "earlier.h"

#include "packet/checksum.h"
#include "stages/http/blocking/answer.h"
#include "stream.h"

enum {
    METHOD_MAX = 32,
    VERSION = 9,           /* bytes: " HTTP/1.x" */
    REPEATED_MAX = 1 << 20 /* bytes after its SYN, a host does not send the SYN again */
};

static bool begins_with_request(const struct sb_http_work *work);
static void restart(const struct sb_http_work *work, uint32_t client, uint32_t host);

bool sb_http_judge_earlier(const struct sb_http_work *work) {
    const bool is_closed =
        sb_http_profile_of(work)->fail_closed != 0 || (work->record->flags & SB_HTTP_CLOSED) != 0;
    const uint32_t age_ds = work->now->boot_ds - work->record->since_ds;

    if (work->size == 0)
        return false;
    if (!is_closed && begins_with_request(work)) {
        restart(work, work->segment.sequence, work->segment.acknowledgment);
        return sb_http_client(work);
    }
    if ((is_closed || age_ds >= SB_HTTP_EARLIER_DS) &&
        sb_http_reject(work, SB_REASON_HTTP_UNINSPECTED)) {
        sb_http_reset(work);
        return true;
    }
    return false;
}

bool sb_http_judge_stranger(const struct sb_http_work *work) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)work->lcore->node;
    const struct sb_segment *segment = &work->segment;
    const bool is_learning = (int32_t)(node->learning_until_ds - work->now->boot_ds) > 0;
    const bool is_untracked = work->packet->http == SB_HTTP_UNTRACKED;

    if (work->packet->port == SB_PORT_INSIDE || work->size == 0)
        return false;
    if ((segment->flags & SB_TCP_SYN) != 0)
        return sb_http_reject(work, SB_REASON_HTTP_SYN_DATA);
    if ((is_learning || is_untracked) && sb_http_profile_of(work)->fail_closed == 0) {
        work->http->stats->not_inspected[SB_HTTP_UNINSPECTED_UNTRACKED] += is_untracked;
        return false;
    }
    if (!sb_http_reject(work, SB_REASON_HTTP_UNINSPECTED))
        return false;
    if (work->lcore->outbox != 0) {
        (void)sb_originate_reset(work->lcore, work->packet, false, segment->sequence);
        if ((segment->flags & SB_TCP_ACK) != 0)
            (void)sb_originate_reset(work->lcore, work->packet, true, segment->acknowledgment);
    }
    return true;
}

bool sb_http_is_answered_anew(const struct sb_http_work *work) {
    const struct sb_segment *segment = &work->segment;
    const struct sb_flow *flow = work->record->flow;
    const bool is_repeated = work->record->host_end - segment->sequence < REPEATED_MAX &&
                             !sb_is_after(segment->acknowledgment, work->record->acked);

    if (!sb_tcp_is_answer_of_host(segment) || (flow->flags & SB_FLOW_LIBERAL) == 0 ||
        (is_repeated && flow->state != SB_FLOW_STATE_PICKED_UP) ||
        !sb_tcp_checksum_is_right(work->packet))
        return false;
    restart(work, segment->acknowledgment, segment->sequence + 1);
    return true;
}

/* Resets the record to a state in which only the position of both sides is known. */
static void restart(const struct sb_http_work *work, uint32_t client, uint32_t host) {
    struct sb_http_record *record = work->record;

    sb_http_let_go(work, SB_HTTP_STATE_INSPECTED);
    record->next = record->acked = record->client_end = client;
    record->host_next = record->host_end = record->host_acked = host;
    record->outstanding = 0;
    record->flags = SB_HTTP_NOTHING_HELD | (record->flags & SB_HTTP_EXEMPT);
    record->heads = 0;
}

/* Whether the segment begins with a complete request line of HTTP/1 (RFC 9112, 3): in the middle of
 * a body, hardly any client does that. The host must accept the segment; otherwise the recorded
 * numbers would be wrong. */
static bool begins_with_request(const struct sb_http_work *work) {
    const uint8_t *line = work->payload;
    const struct sb_flow *flow = work->record->flow;
    uint32_t size = work->size, at = 0;

    if (work->packet->available < work->packet->payload_offset + work->size ||
        (work->segment.flags & (SB_TCP_SYN | SB_TCP_RST | SB_TCP_URG)) != 0 ||
        !sb_tcp_checksum_is_right(work->packet) ||
        ((flow->flags & SB_FLOW_LIBERAL) == 0 &&
         sb_is_after(work->segment.sequence, flow->side[SB_PORT_OUTSIDE].limit)))
        return false;
    while (at < size && at < METHOD_MAX && line[at] >= 'A' && line[at] <= 'Z')
        at++;
    if (at == 0 || at == size || line[at] != ' ')
        return false;
    while (at < size && line[at] != '\r' && line[at] != '\n')
        at++;
    return at < size && at > VERSION && memcmp(line + at - VERSION, " HTTP/1.", VERSION - 1) == 0;
}
