/* copies.h: the client's bytes that are kept: of a message that is not complete, and of all that
 * the host has not acknowledged.
 *
 * What is held lies in two parts: the bytes before a jump, to compare them with what is sent once
 * more, and those behind it. Behind the number that the record calls next there may be gaps.
 */
#ifndef SB_HTTP_COPIES_H
#define SB_HTTP_COPIES_H

#include "stages/http/blocking/evidence.h"
#include "stages/http/framing/message.h"
#include "stages/http/work.h"

enum {
    SB_HTTP_RANGES_MAX = 16,     /* parts behind gaps */
    SB_HTTP_JUMP_MIN = 64 << 10, /* shorter stretches are copied */
    SB_HTTP_PORTS = 4,           /* bytes */
    SB_HTTP_PEER_MAX = 68        /* bytes */
};

enum sb_http_phase {
    SB_HTTP_PHASE_IDLE, /* between messages */
    SB_HTTP_PHASE_HEAD,
    SB_HTTP_PHASE_BODY, /* the part of it that is inspected */
    SB_HTTP_PHASE_REST
};

struct sb_http_range {
    uint32_t from, to; /* numbers of the client */
};

/* A block of the pool. */
struct sb_http_buffer {
    uint32_t old_start, old_size; /* before the jump: bytes[0] to bytes[old_size - 1] */
    uint32_t start;               /* number of bytes[old_size] */
    uint8_t phase;                /* of the message at hand: enum sb_http_phase */
    uint8_t range_count;
    uint8_t retry_after_s; /* of a message that is refused as one too many; 0: it is not */
    bool is_unscanned;     /* the message was counted as not inspected */
    struct sb_http_range range[SB_HTTP_RANGES_MAX]; /* what is held from next on: ascending */
    uint32_t watched;              /* slow.c: number of the first byte of what is open ... */
    uint32_t until;                /* ... until when it may be; 1/256 tenths of a second */
    uint32_t acked;                /* by the host, when that was last looked at */
    uint32_t host_end;             /* of the host, when it began */
    uint8_t watch;                 /* what it is; 0: nothing */
    uint8_t ip_version, l3_offset; /* of peer */
    uint8_t spare;
    uint8_t peer[SB_HTTP_PEER_MAX]; /* link and IP header, and the ports, of the client's frames */
    uint64_t judged; /* faults of the message that its profile has had its say about */
    struct sb_http_message message;
    struct sb_waf_request rules; /* what the message's head has hit */
    struct sb_http_evidence evidence;
    uint8_t bytes[];
};

static inline struct sb_http_buffer *sb_http_buffer_of(const struct sb_http_work *work) {
    return sb_pool_at(&work->http->pool, work->record->buffer);
}

static inline uint8_t *sb_http_bytes_at(struct sb_http_buffer *buffer, uint32_t number) {
    return buffer->bytes + buffer->old_size + (number - buffer->start);
}

/* The message at hand from its first byte, while its head or the inspected part of its body is not
 * complete. */
static inline const uint8_t *sb_http_message_bytes(const struct sb_http_work *work) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);

    return sb_http_bytes_at(buffer, work->record->next - (uint32_t)buffer->message.fed);
}

/* Behind the last byte of those that follow next without a gap. */
static inline uint32_t sb_http_held_to(const struct sb_http_buffer *buffer, uint32_t next) {
    return buffer->range_count != 0 && buffer->range[0].from == next ? buffer->range[0].to : next;
}

/* Whether a segment says what is held of the same bytes. */
bool sb_http_is_same(const struct sb_http_work *work);
/* Keeps the segment's bytes from next on. False: there is no room. */
bool sb_http_keep(const struct sb_http_work *work);
/* next has moved on: over bytes that are held. */
void sb_http_pass_over(const struct sb_http_work *work, uint32_t next);
/* next moves over so many bytes, of which none need be held; false: not now, as copies of before an
 * earlier jump are still needed. */
bool sb_http_jump(const struct sb_http_work *work, uint32_t count);
/* Gives back what is not needed any more. */
void sb_http_trim(const struct sb_http_work *work);

#endif
