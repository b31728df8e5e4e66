/* request_line.c: method, target, version, and what is between them (RFC 9112, 3). */
#include <string.h>

#include "framing.h"

static void check_version(struct sb_http_message *message, const uint8_t *bytes);
static void check_target(struct sb_http_message *message, const uint8_t *bytes);
static uint32_t authority_of(struct sb_http_message *message, const uint8_t *bytes);
static uint32_t scheme_size(const uint8_t *target, uint32_t size);
static void split(struct sb_http_message *message, const uint8_t *bytes, uint32_t path);

static uint32_t end_of(const struct sb_http_span *span) {
    return span->offset + span->size;
}

void sb_http_check_request_line(struct sb_http_message *message, const uint8_t *bytes) {
    uint32_t line_end =
        message->header_count != 0 ? message->header[0].name : message->head_size - 2;

    message->is_head = message->parser.method == HTTP_HEAD;
    message->is_connect = message->parser.method == HTTP_CONNECT;
    if (message->is_connect)
        sb_http_found(message, SB_HTTP_FAULT_CONNECT);
    if (message->target.offset != end_of(&message->method) + 1)
        sb_http_found(message, SB_HTTP_FAULT_REQUEST_LINE);
    if (line_end - message->start > SB_HTTP_LINE_MAX)
        sb_http_found(message, SB_HTTP_FAULT_LINE_SIZE);
    check_version(message, bytes);
    check_target(message, bytes);
}

/* llhttp has accepted one or more blanks, the name of a protocol, a slash, digit, dot, digit and
 * CRLF. */
static void check_version(struct sb_http_message *message, const uint8_t *bytes) {
    static const char http[] = {'H', 'T', 'T', 'P', '/'};
    const uint8_t *at = bytes + end_of(&message->target) + 1;

    if (*at == ' ')
        sb_http_found(message, SB_HTTP_FAULT_REQUEST_LINE);
    while (*at == ' ')
        at++;
    message->version_minor = message->parser.http_minor;
    if (memcmp(at, http, sizeof(http)) != 0)
        sb_http_found(message, SB_HTTP_FAULT_PROTOCOL);
    else if (message->parser.http_major != 1 || message->parser.http_minor > 1)
        sb_http_found(message, SB_HTTP_FAULT_VERSION);
}

/* The four forms of a target (RFC 9112, 3.2). */
static void check_target(struct sb_http_message *message, const uint8_t *bytes) {
    const uint8_t *target = bytes + message->target.offset;
    uint32_t size = message->target.size;

    for (uint32_t i = 0; i < size; i++)
        if (target[i] >= 0x80)
            sb_http_found(message, SB_HTTP_FAULT_TARGET);
    if (memchr(target, '#', size) != NULL)
        sb_http_found(message, SB_HTTP_FAULT_TARGET_FRAGMENT);
    if (message->is_connect || *target == '/') {
        split(message, bytes, message->target.offset);
        return;
    }
    if (*target == '*') {
        if (size != 1 || message->parser.method != HTTP_OPTIONS)
            sb_http_found(message, SB_HTTP_FAULT_TARGET_FORM);
        split(message, bytes, message->target.offset);
        return;
    }
    split(message, bytes, authority_of(message, bytes));
}

/* Sets the host from the authority of an absolute URI. Returns the offset of the path. */
static uint32_t authority_of(struct sb_http_message *message, const uint8_t *bytes) {
    uint32_t at = message->target.offset, end = end_of(&message->target);
    uint32_t scheme = scheme_size(bytes + at, message->target.size);

    if (scheme == 0) {
        sb_http_found(message, SB_HTTP_FAULT_TARGET_FORM);
        return at;
    }
    at += scheme;
    message->host.offset = at;
    while (at < end && bytes[at] != '/' && bytes[at] != '?' && bytes[at] != '#')
        at++;
    message->host.size = at - message->host.offset;
    if (message->host.size == 0)
        sb_http_found(message, SB_HTTP_FAULT_TARGET_FORM);
    return at;
}

static uint32_t scheme_size(const uint8_t *target, uint32_t size) {
    if (size >= 7 && sb_http_is(target, 7, "http://"))
        return 7;
    return size >= 8 && sb_http_is(target, 8, "https://") ? 8 : 0;
}

static void split(struct sb_http_message *message, const uint8_t *bytes, uint32_t path) {
    uint32_t end = end_of(&message->target);
    const uint8_t *mark = memchr(bytes + path, '?', end - path);
    uint32_t path_end = mark == NULL ? end : (uint32_t)(mark - bytes);

    message->path = (struct sb_http_span){path, path_end - path};
    if (mark != NULL)
        message->query = (struct sb_http_span){path_end + 1, end - path_end - 1};
}
