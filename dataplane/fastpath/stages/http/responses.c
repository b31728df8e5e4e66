#include "responses.h"

#include "framing/response.h"
#include "latency.h"
#include "packet/checksum.h"

enum {
    IDLE_DS = 10,       /* after a gap: a host that is silent for so long counts as idle */
    SKIP_MAX = 1 << 30, /* at once: numbers are compared modulo 2^32 */
    SWITCHING = 101,    /* protocols: RFC 9110, 15.2.2 */
    FINAL = 200         /* lower status codes precede the response (RFC 9110, 15.2) */
};

static void follow(const struct sb_http_work *work);
static void parse(const struct sb_http_work *work, const uint8_t *bytes, uint32_t size);
static struct sb_http_response *response_of(const struct sb_http_work *work);
static void count_time(const struct sb_http_work *work);
static void skip(const struct sb_http_work *work, struct sb_http_response *response);
static void end_response(const struct sb_http_work *work);
static void lose_track(const struct sb_http_work *work);

void sb_http_host(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    const uint32_t to = work->segment.sequence + work->size;

    if (work->size != 0 && (record->flags & SB_HTTP_RESPONSES_UNKNOWN) == 0 &&
        sb_is_after(to, record->host_next))
        follow(work);
    if (work->size != 0 && (record->flags & SB_HTTP_RESPONSES_UNKNOWN) != 0) {
        record->since_ds = work->now->boot_ds;
        record->outstanding = 0; /* from now on: requests since the host's last byte */
    }
    record->host_end = sb_latest(record->host_end, to + ((work->segment.flags & SB_TCP_FIN) != 0));
}

static void follow(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    const uint32_t from = work->segment.sequence, to = from + work->size;
    const uint8_t *payload = work->payload;

    if (sb_is_after(from, record->host_next) ||
        work->packet->available < work->packet->payload_offset + work->size) {
        lose_track(work);
        return;
    }
    if (!sb_tcp_checksum_is_right(work->packet))
        return; /* the client ignores it as well */
    while (sb_is_after(to, record->host_next) && record->state == SB_HTTP_STATE_INSPECTED &&
           (record->flags & SB_HTTP_RESPONSES_UNKNOWN) == 0)
        parse(work, payload + (record->host_next - from), to - record->host_next);
}

/* Parses at least one byte, or stops following the responses. */
static void parse(const struct sb_http_work *work, const uint8_t *bytes, uint32_t size) {
    struct sb_http_response *response = response_of(work);
    uint32_t used;

    if (response == NULL) {
        lose_track(work);
        return;
    }
    used = sb_http_response_feed(response, bytes, size);
    work->record->host_next += used;
    if (response->progress == SB_HTTP_COMPLETE)
        end_response(work);
    else if (response->progress == SB_HTTP_BROKEN || used == 0)
        lose_track(work);
    else
        skip(work, response);
}

/* The response to the oldest open request. NULL: no request is open, or the pool has no room. */
static struct sb_http_response *response_of(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;

    if (record->outstanding == 0)
        return NULL;
    if (record->response == 0) {
        record->response = sb_http_take(work->http, record, sizeof(struct sb_http_response));
        if (record->response == 0)
            return NULL;
        count_time(work);
        sb_http_response_begin(sb_pool_at(&work->http->pool, record->response),
                               (record->heads & 1) != 0);
    }
    return sb_pool_at(&work->http->pool, record->response);
}

/* Counts the time from a complete request to the first byte of its response, if no other request
 * was open. */
static void count_time(const struct sb_http_work *work) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)work->lcore->node;
    struct sb_http_record *record = work->record;
    const uint64_t passed = (uint32_t)(sb_http_moment(work->now->tsc) - record->asked);
    const uint64_t ns = (passed << SB_HTTP_MOMENT_SHIFT) * node->ns_per_tsc_q24 >> 24;

    if (record->asked != 0 && record->outstanding == 1)
        sb_latency_count(&sb_stats_of(work->lcore)->response_time, ns, 1);
    record->asked = 0;
}

static void skip(const struct sb_http_work *work, struct sb_http_response *response) {
    uint64_t count = sb_http_response_skippable(response);

    if (count > SKIP_MAX)
        count = SKIP_MAX;
    if (count == 0)
        return;
    sb_http_response_skip(response, count);
    work->record->host_next += (uint32_t)count;
}

static void end_response(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    const struct sb_http_response *response = sb_pool_at(&work->http->pool, record->response);
    const uint32_t status = response->status, class = status / 100;
    const bool is_upgrade = status == SWITCHING;

    work->http->stats->responses[class < SB_HTTP_STATUS_CLASSES ? class : 0]++;
    sb_http_give(work->http, record, &record->response);
    if (is_upgrade && record->outstanding == 1 && (record->flags & SB_HTTP_ASKED_SOCKET) != 0) {
        sb_http_let_go(work, SB_HTTP_STATE_UPGRADED);
        work->http->stats->not_inspected[SB_HTTP_UNINSPECTED_WEBSOCKET]++;
    } else if (is_upgrade) {
        lose_track(work);
    } else if (status >= FINAL) {
        record->outstanding--;
        record->heads >>= 1;
    }
}

static void lose_track(const struct sb_http_work *work) {
    work->record->flags |= SB_HTTP_RESPONSES_UNKNOWN;
    work->record->since_ds = work->now->boot_ds;
    sb_http_give(work->http, work->record, &work->record->response);
}

void sb_http_expect_response(const struct sb_http_work *work,
                             const struct sb_http_message *message) {
    struct sb_http_record *record = work->record;

    record->flags &= (uint8_t)~SB_HTTP_ASKED_SOCKET;
    /* A request for HTTP/2 gets here only if a mode has let it pass. */
    if (message->is_websocket || (message->faults >> SB_HTTP_FAULT_UPGRADE & 1) != 0)
        record->flags |= SB_HTTP_ASKED_SOCKET;
    if (record->outstanding == SB_HTTP_OUTSTANDING_MAX) {
        lose_track(work);
        return;
    }
    record->heads &= ~(1u << record->outstanding);
    record->heads |= (uint32_t)message->is_head << record->outstanding;
    record->outstanding++;
}

void sb_http_recover_responses(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;

    if (SB_LIKELY((record->flags & SB_HTTP_RESPONSES_UNKNOWN) == 0) || record->buffer != 0 ||
        record->outstanding != 0 || record->host_acked != record->host_end ||
        work->now->boot_ds - record->since_ds < IDLE_DS)
        return;
    record->flags &= (uint8_t)~SB_HTTP_RESPONSES_UNKNOWN;
    record->heads = 0;
    record->host_next = record->host_end;
}

bool sb_http_may_answer(const struct sb_http_work *work, bool is_expected) {
    const struct sb_http_record *record = work->record;

    return (record->flags & SB_HTTP_RESPONSES_UNKNOWN) == 0 &&
           record->outstanding == (is_expected ? 1 : 0) && record->response == 0 &&
           record->host_next == record->host_end && record->host_acked == record->host_end;
}
