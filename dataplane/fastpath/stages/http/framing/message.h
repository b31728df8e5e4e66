/* message.h: one HTTP/1 request, parsed as its bytes arrive in order.
 *
 * llhttp finds the end of the message; framing.c makes further checks. Nothing is decided here:
 * problems are recorded in faults, and the HTTP stage applies the mode of each fault's reason. A
 * message may be moved in memory between calls.
 */
#ifndef SB_HTTP_MESSAGE_H
#define SB_HTTP_MESSAGE_H

#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SB_HTTP_HEAD_MAX = 32768, /* bytes, empty line included */
    /* Bytes of a line of the head, of the size line of a chunk, and of all trailers together. */
    SB_HTTP_LINE_MAX = 8192,
    SB_HTTP_HEADERS_MAX = 100,
    SB_HTTP_TRAILERS_MAX = 16,
    SB_HTTP_CHUNK_DIGITS_MAX = 16,
    SB_HTTP_BOUNDARY_MAX = 70,    /* RFC 2046, 5.1.1 */
    SB_HTTP_TRAILER_NAME_MAX = 20 /* no forbidden name is longer */
};

/* Upper limit of the size of a body or chunk, so that sums with it do not overflow. */
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
    SB_HTTP_BROKEN /* the end of the message can't be known; faults tell the cause */
};

enum sb_http_framing { SB_HTTP_NO_BODY, SB_HTTP_LENGTH, SB_HTTP_CHUNKED };

/* Type of the body, by Content-Type. */
enum sb_http_content {
    SB_HTTP_CONTENT_NONE, /* no Content-Type */
    SB_HTTP_CONTENT_URLENCODED,
    SB_HTTP_CONTENT_JSON,
    SB_HTTP_CONTENT_MULTIPART,
    SB_HTTP_CONTENT_OTHER
};

/* A part of the message, as an offset from its first byte. */
struct sb_http_span {
    uint32_t offset;
    uint32_t size;
};

struct sb_http_header {
    uint16_t name; /* offset */
    uint16_t name_size;
    uint16_t value; /* without blanks and tabs at both ends */
    uint16_t value_size;
};

struct sb_http_trailer {
    struct sb_http_span name;
    struct sb_http_span value;
};

struct sb_http_message {
    llhttp_t parser; /* first member: callbacks cast it to the message */
    uint64_t fed;    /* bytes of the message that were parsed or skipped */
    uint64_t faults; /* bit f: enum sb_http_fault f was found */
    uint64_t content_length;

    /* valid after progress has passed SB_HTTP_HEAD */
    uint32_t head_size; /* with the empty line */
    struct sb_http_span method;
    struct sb_http_span target;
    struct sb_http_span path;     /* of the target, without query */
    struct sb_http_span query;    /* behind the question mark */
    struct sb_http_span host;     /* of an absolute URI, else of the Host header */
    struct sb_http_span boundary; /* of a multipart body, without quotes */
    uint16_t header_count;
    /* number of elements of trailer; trailers behind skipped bytes are not recorded */
    uint8_t trailer_count;
    uint8_t progress;      /* enum sb_http_progress */
    uint8_t framing;       /* enum sb_http_framing */
    uint8_t content;       /* enum sb_http_content */
    uint8_t version_minor; /* of HTTP/1 */
    bool keep_alive;       /* false: the connection ends after it; see fault AFTER_CLOSE */
    /* asks for another protocol; HTTP continues unless the server switches */
    bool is_upgrade;
    bool is_websocket; /* asks for the WebSocket protocol */
    bool is_head;      /* method HEAD: the response has no body */
    bool is_connect;
    bool expects_continue;
    bool has_content_encoding;

    /* Set by the caller after sb_http_message_begin if the previous request was the last one of its
     * connection. All bytes are then the fault AFTER_CLOSE, except line ends, which some clients
     * send. */
    bool is_after_close;

    /* private */
    bool has_method; /* the last byte of the method was received */
    bool is_in_trailers;
    uint8_t trailer_name_size; /* bytes received of the trailer's name, at most ..._MAX + 1 */
    uint16_t start;            /* offset of the request line */
    uint32_t trailers;         /* number of trailers received */
    const uint8_t *piece;      /* bytes that llhttp is reading ... */
    uint64_t piece_at;         /* ... offset of the first one in the message ... */
    uint64_t piece_end;        /* ... and offset of their end */
    uint64_t data_end;         /* end of the body, or of the last chunk */
    uint64_t extension;        /* offset of the extension of the current chunk; 0: none */
    uint64_t line;             /* offset of the size line of the next chunk, or of the trailers */
    uint64_t kept;             /* bytes before the first skipped one, or SB_HTTP_KEPT_ALL */
    uint64_t trailer_name_end; /* end of the received part of the trailer's name */
    uint8_t trailer_name[SB_HTTP_TRAILER_NAME_MAX]; /* lower case */

    /* one more, for the header beyond the limit */
    struct sb_http_header header[SB_HTTP_HEADERS_MAX + 1];
    struct sb_http_trailer trailer[SB_HTTP_TRAILERS_MAX];
};

/* Begins a message with the next byte. */
void sb_http_message_begin(struct sb_http_message *message);

/* Parses the new bytes of a message. bytes: the message from its first byte; size: bytes received
 * so far, at least fed. Stops at the end of the head and at the end of the message; fed tells
 * where. The end of the head is reported before a byte of the body is parsed: call again to
 * continue. */
enum sb_http_progress sb_http_feed(struct sb_http_message *message, const uint8_t *bytes,
                                   uint64_t size);

/* As sb_http_feed, with bytes that begin where the last call stopped. Not allowed while progress is
 * SB_HTTP_HEAD. */
enum sb_http_progress sb_http_feed_body(struct sb_http_message *message, const uint8_t *bytes,
                                        uint64_t size);

/* Number of the next bytes that need not be parsed: the rest of the body or of the current chunk,
 * without its last byte. */
uint64_t sb_http_skippable(const struct sb_http_message *message);

/* Skips the next count bytes; count is at most sb_http_skippable(). */
void sb_http_skip(struct sb_http_message *message, uint64_t count);

/* Copies the content of the body, without the framing of chunks, to out, at most capacity bytes and
 * only up to the first skipped byte. bytes: the message from its first byte. Returns the size. */
uint32_t sb_http_content(const struct sb_http_message *message, const uint8_t *bytes, uint8_t *out,
                         uint32_t capacity);

/* The enum sb_reason of a fault; SB_REASON_NONE if there is no such fault. */
uint32_t sb_http_fault_reason(uint32_t fault);

#endif
