/* message.c: parses a request with llhttp, in pieces; see message.h. */
#include "message.h"

#include <string.h>

#include "framing.h"
#include "message_events.h"

typedef struct sb_http_message message_t;

static enum sb_http_progress feed_head(message_t *message, const uint8_t *bytes, uint64_t size);
static void find_start(message_t *message, const uint8_t *bytes, uint32_t end);
static llhttp_errno_t parse_head(message_t *message, const uint8_t *bytes, uint32_t end);
static bool is_beyond_ascii(const uint8_t *bytes, uint32_t size);
static void find_target(const uint8_t *line, uint32_t size, uint32_t *first, uint32_t *stop);
static llhttp_errno_t parse(message_t *message, const uint8_t *piece, uint64_t size);
static enum sb_http_progress finish_head(message_t *message, const uint8_t *bytes);
static bool is_too_long(const message_t *message);
static enum sb_http_progress begin_chunk(message_t *message);
static enum sb_http_progress broken_body(message_t *message);
static enum sb_http_progress broken(message_t *message, enum sb_http_fault fault);

void sb_http_message_begin(message_t *message) {
    /* The arrays need no initial value: an element is written before it is counted. */
    memset(message, 0, offsetof(message_t, header));
    message->kept = SB_HTTP_KEPT_ALL;
    llhttp_init(&message->parser, HTTP_REQUEST, &sb_http_llhttp_settings);
}

enum sb_http_progress sb_http_feed(message_t *message, const uint8_t *bytes, uint64_t size) {
    if (message->progress == SB_HTTP_HEAD)
        return feed_head(message, bytes, size);
    return sb_http_feed_body(message, bytes + message->fed, size - message->fed);
}

enum sb_http_progress sb_http_feed_body(message_t *message, const uint8_t *bytes, uint64_t size) {
    uint64_t end = message->fed + size;

    while (message->progress == SB_HTTP_BODY && message->fed < end) {
        llhttp_errno_t error =
            parse(message, bytes + size - (end - message->fed), end - message->fed);
        if ((error != HPE_OK && error != HPE_PAUSED) || is_too_long(message))
            return broken_body(message);
        if (error == HPE_PAUSED && message->progress == SB_HTTP_BODY)
            begin_chunk(message);
    }
    return message->progress;
}

static enum sb_http_progress feed_head(message_t *message, const uint8_t *bytes, uint64_t size) {
    uint32_t end = size < SB_HTTP_HEAD_MAX ? (uint32_t)size : SB_HTTP_HEAD_MAX;

    find_start(message, bytes, end);
    switch (parse_head(message, bytes, end)) {
    case HPE_OK:
        if (end == SB_HTTP_HEAD_MAX)
            return broken(message, SB_HTTP_FAULT_HEAD_SIZE);
        return SB_HTTP_HEAD;
    case HPE_PAUSED:
        return finish_head(message, bytes);
    case HPE_USER: /* a callback has set a fault */
    case HPE_CB_METHOD_COMPLETE:
        message->progress = SB_HTTP_BROKEN;
        return SB_HTTP_BROKEN;
    default:
        return broken(message, sb_http_fault_of_head(message, bytes, (uint32_t)message->fed, end));
    }
}

/* Skips empty lines before the request line. Servers accept one CRLF, which old clients send behind
 * a body (RFC 9112, 2.2), and treat other line ends differently. */
static void find_start(message_t *message, const uint8_t *bytes, uint32_t end) {
    uint16_t start = message->start;

    if (start != message->fed)
        return;
    while (start < end && (bytes[start] == '\r' || bytes[start] == '\n'))
        start++;
    message->start = start;
    if (start < end && start != 0 && (start != 2 || bytes[0] != '\r' || bytes[1] != '\n'))
        sb_http_found(message, SB_HTTP_FAULT_LEADING);
    if (start < end && message->is_after_close)
        sb_http_found(message, SB_HTTP_FAULT_AFTER_CLOSE);
}

/* llhttp rejects bytes above 0x7f in a target, but many servers accept them. To be able to parse
 * such a request, llhttp gets a letter in place of each such byte. */
static llhttp_errno_t parse_head(message_t *message, const uint8_t *bytes, uint32_t end) {
    uint32_t from = (uint32_t)message->fed, first, stop;
    uint8_t shown[SB_HTTP_HEAD_MAX];

    if (message->parser.http_major != 0 || !is_beyond_ascii(bytes + from, end - from))
        return parse(message, bytes + from, end - from);
    find_target(bytes + message->start, end - message->start, &first, &stop);
    first += message->start;
    stop += message->start;
    if (stop > from) {
        for (uint32_t i = from; i < stop; i++)
            shown[i - from] = i >= first && bytes[i] >= 0x80 ? 'x' : bytes[i];
        llhttp_errno_t error = parse(message, shown, stop - from);
        if (error != HPE_OK)
            return error;
        from = stop;
    }
    return parse(message, bytes + from, end - from);
}

/* Tests eight bytes at a time. */
static bool is_beyond_ascii(const uint8_t *bytes, uint32_t size) {
    uint64_t eight, found = 0;

    for (; size >= sizeof(eight); size -= sizeof(eight), bytes += sizeof(eight)) {
        memcpy(&eight, bytes, sizeof(eight));
        found |= eight;
    }
    for (; size > 0; size--)
        found |= *bytes++;
    return (found & 0x8080808080808080) != 0;
}

/* Finds the target in the bytes received so far: behind the method and its blanks, up to another
 * blank or control character. */
static void find_target(const uint8_t *line, uint32_t size, uint32_t *first, uint32_t *stop) {
    uint32_t at = 0;

    while (at < size && line[at] > ' ')
        at++;
    while (at < size && line[at] == ' ')
        at++;
    *first = at;
    while (at < size && line[at] > ' ' && line[at] != 0x7f)
        at++;
    *stop = at;
}

static llhttp_errno_t parse(message_t *message, const uint8_t *piece, uint64_t size) {
    llhttp_t *parser = &message->parser;

    message->piece = piece;
    message->piece_at = message->fed;
    message->piece_end = message->fed + size;
    llhttp_errno_t error = llhttp_execute(parser, (const char *)piece, size);
    if (error == HPE_OK)
        message->fed += size;
    else
        message->fed += (uint64_t)(llhttp_get_error_pos(parser) - (const char *)piece);
    if (error == HPE_PAUSED)
        llhttp_resume(parser);
    return error;
}

static enum sb_http_progress finish_head(message_t *message, const uint8_t *bytes) {
    uint32_t flags = message->parser.flags;

    message->head_size = (uint32_t)message->fed;
    message->content_length = message->parser.content_length;
    sb_http_check_head(message, bytes);
    if (message->content_length > SB_HTTP_LENGTH_MAX)
        return broken(message, SB_HTTP_FAULT_CONTENT_LENGTH);
    if ((flags & F_TRANSFER_ENCODING) != 0 && (flags & F_CHUNKED) == 0)
        return broken(message, SB_HTTP_FAULT_TRANSFER_ENCODING);
    if ((flags & F_CHUNKED) != 0)
        message->framing = SB_HTTP_CHUNKED;
    else if (message->content_length != 0)
        message->framing = SB_HTTP_LENGTH;
    if (message->framing == SB_HTTP_NO_BODY) {
        message->progress = SB_HTTP_COMPLETE;
        return SB_HTTP_COMPLETE;
    }
    if (message->parser.method == HTTP_GET || message->is_head)
        sb_http_found(message, SB_HTTP_FAULT_BODY_OF_GET);
    if (message->is_connect) /* llhttp would read no body, some servers do */
        return broken(message, SB_HTTP_FAULT_CONNECT);
    message->data_end = message->head_size + message->content_length;
    message->line = message->head_size;
    message->progress = SB_HTTP_BODY;
    return SB_HTTP_BODY;
}

/* Whether the size line of a chunk, or the trailers, are too long: llhttp has no limit for them. */
static bool is_too_long(const message_t *message) {
    return message->framing == SB_HTTP_CHUNKED && message->fed >= message->data_end &&
           message->fed > message->line + SB_HTTP_LINE_MAX;
}

/* Called after the size line of a chunk. After the chunk of size 0 the trailers follow. */
static enum sb_http_progress begin_chunk(message_t *message) {
    uint64_t size = message->parser.content_length;

    if (size > SB_HTTP_LENGTH_MAX)
        return broken(message, SB_HTTP_FAULT_CHUNK);
    if (message->extension == 0)
        message->extension = message->fed - 2;
    else
        sb_http_found(message, SB_HTTP_FAULT_CHUNK_EXTENSION);
    if (message->extension - message->line > SB_HTTP_CHUNK_DIGITS_MAX)
        sb_http_found(message, SB_HTTP_FAULT_CHUNK);
    message->extension = 0;
    message->is_in_trailers = size == 0;
    message->data_end = message->fed + size;
    message->line = message->data_end + (size == 0 ? 0 : 2);
    return SB_HTTP_BODY;
}

static enum sb_http_progress broken_body(message_t *message) {
    if (!message->is_in_trailers)
        return broken(message, SB_HTTP_FAULT_CHUNK);
    sb_http_found(message, SB_HTTP_FAULT_TRAILERS);
    return broken(message, SB_HTTP_FAULT_TRAILER);
}

static enum sb_http_progress broken(message_t *message, enum sb_http_fault fault) {
    sb_http_found(message, fault);
    message->progress = SB_HTTP_BROKEN;
    return SB_HTTP_BROKEN;
}
