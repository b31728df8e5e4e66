/* message.h: one HTTP/1 request, parsed as its bytes come in order.
 *
 * llhttp finds where the message ends; framing.c adds what it does not ask. Nothing is decided
 * here: what is wrong stands in faults, and the stage gives each its reason's mode. A message is
 * plain memory, which may be moved between calls.
 */
#ifndef SB_HTTP_MESSAGE_H
#define SB_HTTP_MESSAGE_H

#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SB_HTTP_HEAD_MAX = 32768, /* bytes, empty line included */
    SB_HTTP_LINE_MAX =
        8192, /* bytes of a line of the head, of one about a chunk, of all trailers */
    SB_HTTP_HEADERS_MAX = 100,
    SB_HTTP_TRAILERS_MAX = 16,
    SB_HTTP_CHUNK_DIGITS_MAX = 16,
    SB_HTTP_BOUNDARY_MAX = 70,    /* RFC 2046, 5.1.1 */
    SB_HTTP_TRAILER_NAME_MAX = 20 /* longer ones are none that is forbidden */
};

/* Of a body, and of a chunk: none is longer, and sums of it and of what was read can't wrap. */
#define SB_HTTP_LENGTH_MAX (1ull << 62)

#define SB_HTTP_KEPT_ALL UINT64_MAX

enum sb_http_fault {
#define SB_HTTP_FAULT(name) SB_HTTP_FAULT_##name,
#include "faults.def"
#undef SB_HTTP_FAULT
    SB_HTTP_FAULT_COUNT
};

enum sb_http_progress {
    SB_HTTP_HEAD,
    SB_HTTP_BODY,
    SB_HTTP_COMPLETE,
    SB_HTTP_BROKEN /* where it ends can't be known: a fault says why */
};

enum sb_http_framing { SB_HTTP_NO_BODY, SB_HTTP_LENGTH, SB_HTTP_CHUNKED };

/* What the body is, as Content-Type says. */
enum sb_http_content {
    SB_HTTP_CONTENT_NONE, /* does not say */
    SB_HTTP_CONTENT_URLENCODED,
    SB_HTTP_CONTENT_JSON,
    SB_HTTP_CONTENT_MULTIPART,
    SB_HTTP_CONTENT_OTHER
};

/* From the message's first byte. */
struct sb_http_span {
    uint32_t offset;
    uint32_t size;
};

struct sb_http_header {
    uint16_t name; /* its offset */
    uint16_t name_size;
    uint16_t value; /* without blanks and tabs at both ends */
    uint16_t value_size;
};

struct sb_http_trailer {
    struct sb_http_span name;
    struct sb_http_span value;
};

struct sb_http_message {
    llhttp_t parser; /* first: callbacks know the message by it */
    uint64_t fed;    /* bytes of the message that were parsed, or passed over */
    uint64_t faults; /* bit f: enum sb_http_fault f was found */
    uint64_t content_length;

    /* once progress is beyond SB_HTTP_HEAD */
    uint32_t head_size; /* with the empty line */
    struct sb_http_span method;
    struct sb_http_span target;
    struct sb_http_span path;     /* of the target, without query */
    struct sb_http_span query;    /* behind the question mark */
    struct sb_http_span host;     /* of an absolute URI, else of the header */
    struct sb_http_span boundary; /* of a multipart body, without quotes */
    uint16_t header_count;
    uint8_t trailer_count; /* those of them that are in trailer; none behind what was passed over */
    uint8_t progress;      /* enum sb_http_progress */
    uint8_t framing;       /* enum sb_http_framing */
    uint8_t content;       /* enum sb_http_content */
    uint8_t version_minor; /* of HTTP/1 */
    bool keep_alive;       /* false: nothing may follow; see fault AFTER_CLOSE */
    bool is_upgrade;       /* asks for another protocol, and goes on with HTTP unless it gets it */
    bool is_websocket;     /* asks for that */
    bool is_head;          /* method HEAD: the response has no body */
    bool is_connect;
    bool expects_continue;
    bool has_content_encoding;

    /* Set by the caller behind sb_http_message_begin: the request before was the last one of its
     * connection, so whatever comes is AFTER_CLOSE, but for line ends, which some clients send. */
    bool is_after_close;

    /* private */
    bool has_method; /* its last byte has come */
    bool is_in_trailers;
    uint8_t trailer_name_size; /* so much of the trailer's name has come, at most ..._MAX + 1 */
    uint16_t start;            /* where the request line begins */
    uint32_t trailers;         /* that have come */
    const uint8_t *piece;      /* bytes that llhttp reads ... */
    uint64_t piece_at;         /* ... from this one of the message on ... */
    uint64_t piece_end;        /* ... to this one */
    uint64_t data_end;         /* of the body, or of the last chunk */
    uint64_t extension;        /* where that of the chunk at hand begins; 0: it has none */
    uint64_t line;             /* where the line about the next chunk begins, or the trailers */
    uint64_t kept;             /* bytes before anything was passed over, or SB_HTTP_KEPT_ALL */
    uint64_t trailer_name_end; /* of what has come of the trailer's name */
    uint8_t trailer_name[SB_HTTP_TRAILER_NAME_MAX]; /* lower case */

    struct sb_http_header header[SB_HTTP_HEADERS_MAX + 1]; /* and the name of one too many */
    struct sb_http_trailer trailer[SB_HTTP_TRAILERS_MAX];
};

/* A message begins with the next byte. */
void sb_http_message_begin(struct sb_http_message *message);

/* Parses what is new of bytes: the message from its first one, size of them so far (at least fed).
 * Stops at the end of the head and at the end of the message; fed says where. The end of the head
 * is reported before a byte of the body is parsed: call again to go on. */
enum sb_http_progress sb_http_feed(struct sb_http_message *message, const uint8_t *bytes,
                                   uint64_t size);

/* The same of bytes that begin where the last call stopped; not while progress is SB_HTTP_HEAD. */
enum sb_http_progress sb_http_feed_body(struct sb_http_message *message, const uint8_t *bytes,
                                        uint64_t size);

/* How many of the bytes that come need not be parsed: what is left of the body or its chunk, but
 * for the last one. */
uint64_t sb_http_skippable(const struct sb_http_message *message);

/* Take so many as parsed: at most as many as skippable. */
void sb_http_skip(struct sb_http_message *message, uint64_t count);

/* Copies the content of the body to out, at most capacity bytes, what frames its chunks left out;
 * only what came before anything was passed over. bytes: the message from its first one. Returns
 * how much it is. */
uint32_t sb_http_content(const struct sb_http_message *message, const uint8_t *bytes, uint8_t *out,
                         uint32_t capacity);

/* The enum sb_reason of a fault; SB_REASON_NONE beyond the end. */
uint32_t sb_http_fault_reason(uint32_t fault);

#endif
