/* work.h: the state that the files of the HTTP stage share about the current packet. */
#ifndef SB_HTTP_WORK_H
#define SB_HTTP_WORK_H

#include "packet/verdict.h"
#include "stages/connections/tcp_state.h"
#include "tables/http/http_records.h"

/* A segment of an inspected connection. */
struct sb_http_work {
    struct sb_lcore *lcore;
    struct sb_http *http;
    const struct sb_time *now;
    struct sb_packet *packet;
    struct sb_http_record *record;
    struct sb_segment segment; /* with the numbers that the client sees */
    const uint8_t *payload;
    uint32_t size; /* bytes of payload, by the length field of the IP packet */
};

static inline const struct sb_http_profile *sb_http_profile_of(const struct sb_http_work *work) {
    return &sb_profile_of(work->lcore, work->packet)->http;
}

/* The difference between the host's numbers as the client sees them and as the host counts them. */
static inline uint32_t sb_http_delta(const struct sb_http_work *work) {
    const struct sb_flow *flow = work->record->flow;

    return (flow->flags & SB_FLOW_TRANSLATED) == 0
               ? 0
               : sb_flow_record(work->http->flows, flow)->sequence_delta;
}

/* Packets of the allowlist's clients and of neighbours' routing protocols are followed but not
 * judged, and neither are the host's answers to them. */
static inline bool sb_http_is_judged(const struct sb_http_work *work) {
    if (work->record != NULL)
        return (work->record->flags & SB_HTTP_EXEMPT) == 0;
    return (work->packet->flags & (SB_PACKET_ALLOWED | SB_PACKET_NEIGHBOR)) == 0;
}

/* True: dropped. Applies the profile's mode of the reason. */
static inline bool sb_http_reject(const struct sb_http_work *work, enum sb_reason reason) {
    return sb_http_is_judged(work) && sb_reject(work->lcore, work->packet, reason, work->now);
}

/* Drops the packet for a structural reason. Returns true. */
static inline bool sb_http_drop(const struct sb_http_work *work, enum sb_reason reason) {
    if (SB_UNLIKELY(work->lcore->sample_ds[reason] != work->now->boot_ds))
        sb_drop_sample(work->lcore, work->packet, reason, SB_MODE_ENFORCE, work->now);
    sb_drop(work->lcore, work->packet, reason);
    return true;
}

/* Absorbs the packet. Returns true. */
static inline bool sb_http_absorb(const struct sb_http_work *work) {
    sb_consume(work->lcore, work->packet);
    return true;
}

/* From now on the connection passes, or is answered, without inspection. Frees its buffers. */
static inline void sb_http_let_go(const struct sb_http_work *work, enum sb_http_state state) {
    sb_http_give(work->http, work->record, &work->record->buffer);
    sb_http_give(work->http, work->record, &work->record->response);
    work->record->state = (uint8_t)state;
    work->record->since_ds = work->now->boot_ds;
    work->record->waits_ds = 0;
}

#endif
