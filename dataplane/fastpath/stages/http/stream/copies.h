/* copies.h: copies of the client's bytes: those of a message that is not complete, and those that
 * the host has not acknowledged.
 *
 * The copies have two parts: the bytes before a jump, to compare them with retransmissions, and the
 * bytes behind it. There may be gaps behind the number record->next.
 */
#ifndef SB_HTTP_COPIES_H
#define SB_HTTP_COPIES_H

#include "stages/http/blocking/evidence.h"
#include "stages/http/framing/message.h"
#include "stages/http/work.h"

enum {
    SB_HTTP_RANGES_MAX = 16,     /* ranges behind gaps */
    SB_HTTP_JUMP_MIN = 64 << 10, /* shorter stretches are copied instead of skipped */
    SB_HTTP_PORTS = 4,           /* bytes */
    SB_HTTP_PEER_MAX = 68        /* bytes */
};

enum sb_http_phase {
    SB_HTTP_PHASE_IDLE, /* between messages */
    SB_HTTP_PHASE_HEAD,
    SB_HTTP_PHASE_BODY, /* the inspected part of it */
    SB_HTTP_PHASE_REST
};

struct sb_http_range {
    uint32_t from, to; /* sequence numbers of the client */
};

/* A block of the pool. */
struct sb_http_buffer {
    uint32_t old_start, old_size; /* before the jump: bytes[0] to bytes[old_size - 1] */
    uint32_t start;               /* sequence number of bytes[old_size] */
    uint8_t phase;                /* of the current message: enum sb_http_phase */
    uint8_t range_count;
    uint8_t retry_after_s; /* seconds, if the request exceeds a limit; else 0 */
    bool is_unscanned;     /* the message was counted as not inspected */
    struct sb_http_range range[SB_HTTP_RANGES_MAX]; /* held bytes behind next: ascending */
    uint32_t watched;              /* slow.c: number of the first byte of what is open ... */
    uint32_t until;                /* ... and when it becomes late; 1/256 of 0.1 s */
    uint32_t acked;                /* acknowledged by the host, at the last check */
    uint32_t host_end;             /* end of the host's bytes when the watch began */
    uint8_t watch;                 /* slow.c: enum watch; 0: nothing is open */
    uint8_t ip_version, l3_offset; /* of peer */
    uint8_t spare;
    uint8_t peer[SB_HTTP_PEER_MAX]; /* the headers and ports of a client's frame */
    uint64_t judged;                /* faults of the message that were judged */
    struct sb_http_message message;
    struct sb_waf_request rules; /* the rules that the request has hit */
    struct sb_http_evidence evidence;
    uint8_t bytes[];
};

static inline struct sb_http_buffer *sb_http_buffer_of(const struct sb_http_work *work) {
    return sb_pool_at(&work->http->pool, work->record->buffer);
}

static inline uint8_t *sb_http_bytes_at(struct sb_http_buffer *buffer, uint32_t number) {
    return buffer->bytes + buffer->old_size + (number - buffer->start);
}

/* The current message from its first byte. Valid while its head, or the inspected part of its body,
 * is not complete. */
static inline const uint8_t *sb_http_message_bytes(const struct sb_http_work *work) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);

    return sb_http_bytes_at(buffer, work->record->next - (uint32_t)buffer->message.fed);
}

/* The number behind the last byte that is held without a gap after next. */
static inline uint32_t sb_http_held_to(const struct sb_http_buffer *buffer, uint32_t next) {
    return buffer->range_count != 0 && buffer->range[0].from == next ? buffer->range[0].to : next;
}

/* Whether a segment has the same bytes as the held copy. */
bool sb_http_is_same(const struct sb_http_work *work);
/* Copies the segment's bytes from next on. False: there is no room. */
bool sb_http_keep(const struct sb_http_work *work);
/* Moves next forward over held bytes. */
void sb_http_pass_over(const struct sb_http_work *work, uint32_t next);
/* Moves next forward by count bytes that need not be held. False: not possible now, because copies
 * from before an earlier jump are still needed. */
bool sb_http_jump(const struct sb_http_work *work, uint32_t count);
/* Frees copies that are not needed any more. */
void sb_http_trim(const struct sb_http_work *work);

#endif
