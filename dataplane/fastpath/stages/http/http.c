/* http.c: HTTP of inspected connections. The connections stage marks their packets (sb_burst.http);
 * of all other packets, the stage only looks at TCP fragments. */
#include "blocking/answer.h"
#include "burst.h"
#include "responses.h"
#include "slow.h"
#include "stages.h"
#include "stream/earlier.h"
#include "stream/stream.h"

static uint32_t refuse_fragments(const struct sb_http_work *stage, struct sb_burst *burst);
static void look_at(struct sb_http_work *work, struct sb_packet *packet);
static bool judge_client(const struct sb_http_work *work);
static void note_exempt(const struct sb_http_work *work);
static bool judge_inspected(const struct sb_http_work *work);
static bool judge_host(const struct sb_http_work *work);

void sb_http_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    struct sb_http_work work = {
        .lcore = lcore, .http = (struct sb_http *)(uintptr_t)lcore->http, .now = now};
    uint32_t packets = burst->http, dropped = 0;

    if (SB_LIKELY(work.http == NULL))
        return;
    for (uint32_t left = packets; left != 0;) {
        const uint32_t http = burst->packets[sb_take_packet(&left)].http;

        if (http < SB_HTTP_UNTRACKED)
            __builtin_prefetch(sb_http_record(work.http, http), 1);
    }
    if (!burst->is_plain && (sb_policy_of(lcore)->uses & SB_USE_HTTP) != 0)
        dropped = refuse_fragments(&work, burst);
    packets &= ~dropped;
    while (packets != 0) {
        const uint32_t i = sb_take_packet(&packets);
        struct sb_packet *packet = &burst->packets[i];
        bool is_dropped;

        look_at(&work, packet);
        if (work.record == NULL)
            is_dropped = sb_http_judge_stranger(&work);
        else
            is_dropped = packet->port == SB_PORT_OUTSIDE ? judge_client(&work) : judge_host(&work);
        dropped |= (uint32_t)is_dropped << i;
    }
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
    sb_http_sweep(lcore, now);
}

void sb_http_idle(struct sb_lcore *lcore, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;

    if (lcore->http == 0)
        return;
    lcore->policy = __atomic_load_n(&node->policy, __ATOMIC_ACQUIRE);
    sb_http_sweep(lcore, now);
}

/* Refuses TCP fragments to inspected profiles: a fragment does not show which data it carries, and
 * no connection needs fragments. */
static uint32_t refuse_fragments(const struct sb_http_work *stage, struct sb_burst *burst) {
    struct sb_http_work work = *stage;
    uint32_t dropped = 0;

    for (uint32_t n = 0; n < burst->live_count; n++) {
        const uint32_t i = burst->live[n];
        const struct sb_packet *packet = work.packet = &burst->packets[i];

        if ((packet->flags & (SB_PACKET_FRAGMENT | SB_PACKET_INNER)) == SB_PACKET_FRAGMENT &&
            packet->protocol == SB_PROTOCOL_TCP && packet->port == SB_PORT_OUTSIDE &&
            (sb_profile_of(work.lcore, packet)->uses & SB_USE_HTTP) != 0 &&
            sb_http_reject(&work, SB_REASON_HTTP_FRAGMENT))
            dropped |= 1u << i;
    }
    return dropped;
}

/* Reads the packet into work. A record that has ended meanwhile belongs to no connection. */
static void look_at(struct sb_http_work *work, struct sb_packet *packet) {
    const uint32_t flags = SB_TCP_SYN | SB_TCP_FIN;

    work->packet = packet;
    work->record = NULL;
    if (packet->http < SB_HTTP_UNTRACKED) {
        work->record = sb_http_record(work->http, packet->http);
        if (work->record->flow == NULL)
            work->record = NULL;
    }
    work->segment = sb_tcp_read_segment(packet);
    work->size = work->segment.length - (uint32_t)__builtin_popcount(work->segment.flags & flags);
    work->payload = (const uint8_t *)(uintptr_t)packet->data + packet->payload_offset;
    if (work->record != NULL && packet->port == SB_PORT_OUTSIDE)
        work->segment.acknowledgment += sb_http_delta(work);
}

static bool judge_client(const struct sb_http_work *work) {
    note_exempt(work);
    switch (work->record->state) {
    case SB_HTTP_STATE_INSPECTED:
        return judge_inspected(work);
    case SB_HTTP_STATE_EARLIER:
        return sb_http_judge_earlier(work);
    case SB_HTTP_STATE_REFUSED:
    case SB_HTTP_STATE_RESET:
        return sb_http_answer_client(work);
    default:
        return false;
    }
}

static void note_exempt(const struct sb_http_work *work) {
    const uint32_t unjudged = work->packet->flags & (SB_PACKET_ALLOWED | SB_PACKET_NEIGHBOR);

    work->record->flags &= (uint8_t)~SB_HTTP_EXEMPT;
    if (unjudged != 0)
        work->record->flags |= SB_HTTP_EXEMPT;
}

static bool judge_inspected(const struct sb_http_work *work) {
    const uint32_t acked = work->record->host_acked;

    if (sb_http_client(work))
        return true;
    if (work->record->state != SB_HTTP_STATE_INSPECTED)
        return false;
    sb_http_watch(work);
    return sb_http_is_read_slowly(work, acked);
}

static bool judge_host(const struct sb_http_work *work) {
    const struct sb_segment *segment = &work->segment;

    switch (work->record->state) {
    case SB_HTTP_STATE_INSPECTED:
        if ((segment->flags & SB_TCP_SYN) != 0 && sb_http_is_answered_anew(work))
            return false;
        if ((segment->flags & (SB_TCP_ACK | SB_TCP_RST)) == SB_TCP_ACK &&
            sb_http_acknowledged(work, segment->acknowledgment))
            return true;
        if (work->record->state != SB_HTTP_STATE_INSPECTED)
            return false;
        sb_http_host(work);
        return work->record->state == SB_HTTP_STATE_INSPECTED &&
               sb_http_is_read_slowly(work, work->record->host_acked);
    case SB_HTTP_STATE_EARLIER:
        return false;
    case SB_HTTP_STATE_REFUSED:
    case SB_HTTP_STATE_RESET:
        return sb_http_answer_host(work);
    default:
        return false;
    }
}
