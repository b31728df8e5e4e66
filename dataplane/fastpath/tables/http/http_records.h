/* http_records.h: the records of inspected connections, for the stages.
 *
 * All sequence numbers are those that the client sees, also those of the host. They are compared
 * modulo 2^32 (RFC 9293, 3.4).
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
    SB_HTTP_STATE_EARLIER,  /* open before inspection began, or not all of it was seen */
    SB_HTTP_STATE_UNPARSED, /* not HTTP, and the profile lets it pass */
    SB_HTTP_STATE_UPGRADED, /* to WebSocket */
    SB_HTTP_STATE_REFUSED,  /* the client got an answer, and gets it again if it goes on */
    SB_HTTP_STATE_RESET     /* both sides got a RST, and get it again */
};

enum sb_http_flag {
    SB_HTTP_RESPONSES_UNKNOWN = 1 << 0, /* the beginning of the host's next response */
    SB_HTTP_ASKED_SOCKET = 1 << 1,      /* the last request asks for a WebSocket */
    SB_HTTP_CLIENT_FIN = 1 << 2,        /* at client_end - 1 */
    SB_HTTP_NOTHING_HELD = 1 << 3,      /* no bytes before next are held: retransmissions pass */
    /* the client has announced that it sends no more requests */
    SB_HTTP_LAST = 1 << 4,
    SB_HTTP_CLOSED = 1 << 5,  /* EARLIER: no byte passes, whatever the profile says */
    SB_HTTP_LEADING = 1 << 6, /* a line end was received before the next request */
    SB_HTTP_EXEMPT = 1 << 7   /* the client's last packet was exempt */
};

/* Memory for inspecting one request, besides its buffer: its content, and three forms of it. */
enum { SB_HTTP_SCRATCH = 9 << 20 };

/* Requests with outstanding responses for which the record tells whether they are HEAD requests. */
enum { SB_HTTP_OUTSTANDING_MAX = 32 };

/* The record of a connection: a cache line. */
struct sb_http_record {
    struct sb_flow *flow;     /* NULL: free */
    uint32_t next;            /* the client's bytes before it were judged or skipped */
    uint32_t acked;           /* acknowledged by the host */
    uint32_t client_end;      /* the number behind the client's last byte seen */
    uint32_t host_next;       /* the host's bytes before it were parsed or skipped */
    uint32_t host_end;        /* the number behind the host's last byte seen */
    uint32_t host_acked;      /* acknowledged by the client */
    sb_block buffer;          /* struct sb_http_buffer; REFUSED: struct sb_http_refusal */
    sb_block response;        /* struct sb_http_response */
    uint32_t since_ds;        /* EARLIER, REFUSED: their begin; RESPONSES_UNKNOWN: last byte */
    uint32_t waits_ds;        /* since when there is no room for its bytes; 0: there is room */
    uint32_t heads;           /* bit n: the n-th of the outstanding requests is a HEAD */
    uint16_t source;          /* index of its share of the pool */
    uint8_t state;            /* enum sb_http_state */
    uint8_t flags;            /* enum sb_http_flag */
    uint32_t outstanding : 6; /* requests whose responses are not complete */
    uint32_t has_read_clock : 1, is_read_behind : 1, read_clock : 24; /* slow.c: of the client */
    /* When the only outstanding request was complete: see sb_http_moment. 0: none. */
    uint32_t asked;
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_http_record) == SB_CACHE_LINE, "64 bytes for each connection");
_Static_assert(SB_HTTP_OUTSTANDING_MAX < 64, "outstanding has 6 bits");

struct sb_http {
    struct sb_http_record *records; /* index 0 is not used */
    uint32_t record_count;
    uint32_t fresh;  /* index of the first record that was never used */
    uint32_t free;   /* index of the first returned one; 0: none. Linked by next */
    uint32_t ending; /* records ended in this run: a packet may still name one */
    struct sb_flows *flows;
    struct sb_http_stats *stats;
    struct sb_hash_key hash_key;
    uint32_t sweep_next, sweep_due, sweep_ds; /* slow.c: records; tenths of a second */
    uint64_t incidents;                       /* number of incidents */
    uint64_t incident;                        /* the last incident number */
    struct sb_http_pool pool;
    uint8_t *scratch; /* for one request at a time: SB_HTTP_SCRATCH bytes */
};

static inline bool sb_is_after(uint32_t one, uint32_t other) {
    return (int32_t)(one - other) > 0;
}

static inline uint32_t sb_latest(uint32_t one, uint32_t other) {
    return sb_is_after(one, other) ? one : other;
}

/* A new incident number that is not predictable. Never 0. */
static inline uint64_t sb_http_next_incident(struct sb_http *http) {
    http->incident = sb_hash_address(&http->hash_key, ++http->incidents, 0);
    http->incident += http->incident == 0;
    return http->incident;
}

/* A time of 32 bits, which wraps after an hour or more. Never 0. */
enum { SB_HTTP_MOMENT_SHIFT = 12 /* of the TSC */ };

static inline uint32_t sb_http_moment(uint64_t tsc) {
    const uint32_t moment = (uint32_t)(tsc >> SB_HTTP_MOMENT_SHIFT);

    return moment == 0 ? 1 : moment;
}

static inline struct sb_http_record *sb_http_record(const struct sb_http *http, uint32_t index) {
    return &http->records[index];
}

/* Begins the record of a connection that has none; there are enough records. client, host: the
 * sequence numbers of the first bytes that each side still has to send. source: a hash. Sets
 * flow->http. */
struct sb_http_record *sb_http_begin(struct sb_http *http, struct sb_flow *flow, uint32_t client,
                                     uint32_t host, uint64_t source);
/* Ends the record of a connection. */
void sb_http_end(struct sb_http *http, struct sb_flow *flow);
/* Makes ended records free. To be called when no packet in flight can name one. */
void sb_http_reclaim(struct sb_http *http);

sb_block sb_http_take(struct sb_http *http, const struct sb_http_record *record, uint32_t bytes);
/* Frees a block and sets *block to 0. If it is 0 already, nothing happens. */
void sb_http_give(struct sb_http *http, const struct sb_http_record *record, sb_block *block);

#endif
