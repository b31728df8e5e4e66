/* http_records.h: the records of inspected connections, as the stages see them.
 *
 * All sequence numbers are the client's side: the client's own, and the host's as the client sees
 * them. They are compared modulo 2^32 (RFC 9293, 3.4).
 */
#ifndef SB_HTTP_RECORDS_H
#define SB_HTTP_RECORDS_H

#include <stdbool.h>

#include "http_pool.h"
#include "http_table.h"
#include "tables/flows/flows_private.h"
#include "tables/memory/hash.h"

enum sb_http_state {
    SB_HTTP_STATE_FREE,
    SB_HTTP_STATE_INSPECTED,
    SB_HTTP_STATE_EARLIER,  /* was open before inspection began, or something of it went unseen */
    SB_HTTP_STATE_UNPARSED, /* is no HTTP, and the profile lets it pass */
    SB_HTTP_STATE_UPGRADED, /* to WebSocket */
    SB_HTTP_STATE_REFUSED,  /* the client was told so, and may ask again what it was told */
    SB_HTTP_STATE_RESET     /* both sides were: what still comes is answered by a RST */
};

enum sb_http_flag {
    SB_HTTP_RESPONSES_UNKNOWN = 1 << 0, /* where the host's next response begins */
    SB_HTTP_ASKED_SOCKET = 1 << 1,      /* the last request wants a WebSocket */
    SB_HTTP_CLIENT_FIN = 1 << 2,        /* at client_end - 1 */
    SB_HTTP_NOTHING_HELD = 1 << 3,      /* of the bytes before next: whatever repeats them passes */
    SB_HTTP_LAST = 1 << 4,              /* the client has said that it sends no more requests */
    SB_HTTP_CLOSED = 1 << 5,            /* EARLIER: whatever the profile says, no byte passes */
    SB_HTTP_LEADING = 1 << 6,           /* a line end before the next request has come */
    SB_HTTP_EXEMPT = 1 << 7             /* the client's last packet was not to be judged */
};

/* What inspecting one request needs beside its buffer: its content, and three forms of it. */
enum { SB_HTTP_SCRATCH = 9 << 20 };

/* Requests whose answers are outstanding, of which it is known whether they are HEAD. */
enum { SB_HTTP_OUTSTANDING_MAX = 32 };

/* A connection; a cache line. */
struct sb_http_record {
    struct sb_flow *flow; /* NULL: free */
    uint32_t next;        /* the client's bytes before it were judged, or need not be */
    uint32_t acked;       /* by the host */
    uint32_t client_end;  /* behind the client's last byte that was seen */
    uint32_t host_next;   /* the host's bytes before it were parsed, or need not be */
    uint32_t host_end;    /* behind the host's last byte that was seen */
    uint32_t host_acked;  /* by the client */
    sb_block buffer;      /* struct sb_http_buffer; REFUSED: struct sb_http_refusal */
    sb_block response;    /* struct sb_http_response */
    uint32_t since_ds;    /* EARLIER, REFUSED: when that began; RESPONSES_UNKNOWN: the last one */
    uint32_t waits_ds;    /* since when there is no room for its bytes; 0: there is */
    uint32_t heads;       /* bit n: the n-th of the outstanding requests is a HEAD */
    uint16_t source;      /* its share of the pool */
    uint8_t state;        /* enum sb_http_state */
    uint8_t flags;        /* enum sb_http_flag */
    uint32_t outstanding : 6; /* requests whose responses are not complete */
    uint32_t has_read_clock : 1, is_read_behind : 1, read_clock : 24; /* slow.c: of the client */
    uint32_t
        asked; /* when the only outstanding request was complete: see sb_http_moment; 0: none */
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_http_record) == SB_CACHE_LINE, "64 bytes for each connection");
_Static_assert(SB_HTTP_OUTSTANDING_MAX < 64, "outstanding has 6 bits");

struct sb_http {
    struct sb_http_record *records; /* index 0 is not used */
    uint32_t record_count;
    uint32_t fresh;  /* index of the first that was never used */
    uint32_t free;   /* of the first that was given back; 0: none. Linked by next */
    uint32_t ending; /* of those that have ended in this run: a packet may still name one */
    struct sb_flows *flows;
    struct sb_http_stats *stats;
    struct sb_hash_key hash_key;
    uint32_t sweep_next, sweep_due, sweep_ds; /* slow.c: records; tenths of a second */
    uint64_t incidents;                       /* ever */
    uint64_t incident;                        /* the number of the last one */
    struct sb_http_pool pool;
    uint8_t *scratch; /* for one request at a time: SB_HTTP_SCRATCH bytes */
};

static inline bool sb_is_after(uint32_t one, uint32_t other) {
    return (int32_t)(one - other) > 0;
}

static inline uint32_t sb_latest(uint32_t one, uint32_t other) {
    return sb_is_after(one, other) ? one : other;
}

/* A number that tells nothing; not 0. */
static inline uint64_t sb_http_next_incident(struct sb_http *http) {
    http->incident = sb_hash_address(&http->hash_key, ++http->incidents, 0);
    http->incident += http->incident == 0;
    return http->incident;
}

/* A time in 32 bits, which come round after an hour or more; not 0. */
enum { SB_HTTP_MOMENT_SHIFT = 12 /* of the TSC */ };

static inline uint32_t sb_http_moment(uint64_t tsc) {
    const uint32_t moment = (uint32_t)(tsc >> SB_HTTP_MOMENT_SHIFT);

    return moment == 0 ? 1 : moment;
}

static inline struct sb_http_record *sb_http_record(const struct sb_http *http, uint32_t index) {
    return &http->records[index];
}

/* For a connection that has none: there are enough. client, host: the numbers of the first bytes
 * that each of them has still to send. source: a hash. Its index stands in the flow then. */
struct sb_http_record *sb_http_begin(struct sb_http *http, struct sb_flow *flow, uint32_t client,
                                     uint32_t host, uint64_t source);
/* Of a connection that ends. */
void sb_http_end(struct sb_http *http, struct sb_flow *flow);
/* Once no packet is under way that may name a record which has ended. */
void sb_http_reclaim(struct sb_http *http);

sb_block sb_http_take(struct sb_http *http, const struct sb_http_record *record, uint32_t bytes);
/* *block: 0 afterwards; 0 before: nothing to do. */
void sb_http_give(struct sb_http *http, const struct sb_http_record *record, sb_block *block);

#endif
