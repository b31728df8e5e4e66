/* head_error.c: maps an error of llhttp in a head to a fault, by the part of the head that it was
 * reading.
 *
 * Looks at no byte behind the error, so the result does not depend on how the message was cut into
 * segments.
 */
#include <string.h>

#include "framing.h"

static enum sb_http_fault fault_of_method(const struct sb_http_message *message,
                                          const uint8_t *bytes, uint32_t at);
static enum sb_http_fault fault_of_target(const struct sb_http_message *message,
                                          const uint8_t *bytes, uint32_t last);
static enum sb_http_fault fault_of_protocol(const struct sb_http_message *message,
                                            const uint8_t *bytes, uint32_t at);
static enum sb_http_fault fault_of_version(const struct sb_http_message *message,
                                           const uint8_t *bytes, uint32_t at);
static enum sb_http_fault fault_of_header(const uint8_t *bytes, uint32_t at, uint32_t size);

enum sb_http_fault sb_http_fault_of_head(const struct sb_http_message *message,
                                         const uint8_t *bytes, uint32_t at, uint32_t size) {
    uint32_t flags = message->parser.flags;

    switch (llhttp_get_errno(&message->parser)) {
    case HPE_INVALID_METHOD:
        return fault_of_method(message, bytes, at);
    case HPE_INVALID_URL:
        return fault_of_target(message, bytes, at < size ? at : size - 1);
    case HPE_INVALID_CONSTANT:
        return fault_of_protocol(message, bytes, at);
    case HPE_INVALID_VERSION:
        return fault_of_version(message, bytes, at);
    case HPE_STRICT:
    case HPE_CR_EXPECTED:
    case HPE_LF_EXPECTED:
        return SB_HTTP_FAULT_LINE_END;
    case HPE_UNEXPECTED_SPACE:
        return SB_HTTP_FAULT_HEADER_FOLD;
    case HPE_INVALID_HEADER_TOKEN:
        return fault_of_header(bytes, at, size);
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return SB_HTTP_FAULT_CONTENT_LENGTH_REPEATED;
    case HPE_INVALID_CONTENT_LENGTH:
        return (flags & F_TRANSFER_ENCODING) != 0 ? SB_HTTP_FAULT_LENGTH_AND_CHUNKED
                                                  : SB_HTTP_FAULT_CONTENT_LENGTH;
    case HPE_INVALID_TRANSFER_ENCODING:
        return (flags & F_CONTENT_LENGTH) != 0 ? SB_HTTP_FAULT_LENGTH_AND_CHUNKED
                                               : SB_HTTP_FAULT_TRANSFER_ENCODING;
    default:
        return SB_HTTP_FAULT_UNPARSED;
    }
}

/* Whether the first byte can't begin a request. White space can: some servers ignore it there. */
static bool is_other(uint8_t first) {
    static const char separators[] = "\"(),/:;<=>?@[\\]{}";

    if (first >= 0x80)
        return first != 0x85 && first != 0xa0;
    if (first <= ' ' || first == 0x7f)
        return first < '\t' || (first > '\r' && first < 0x1c) || first == 0x7f;
    return strchr(separators, first) != NULL;
}

static enum sb_http_fault fault_of_method(const struct sb_http_message *message,
                                          const uint8_t *bytes, uint32_t at) {
    uint8_t first = bytes[message->start];

    if (message->has_method) /* a known method, followed by something else than a blank */
        return bytes[at] == '\t' ? SB_HTTP_FAULT_REQUEST_LINE : SB_HTTP_FAULT_METHOD;
    if (first == ' ' || (first >= '\t' && first <= '\r') || (first >= 0x1c && first < ' ') ||
        first == 0x85 || first == 0xa0)
        return SB_HTTP_FAULT_REQUEST_LINE;
    return is_other(first) ? SB_HTTP_FAULT_OTHER : SB_HTTP_FAULT_METHOD;
}

static enum sb_http_fault fault_of_target(const struct sb_http_message *message,
                                          const uint8_t *bytes, uint32_t last) {
    uint32_t i = message->method.offset + message->method.size;
    bool is_whole = message->parser.method == HTTP_CONNECT;

    while (i <= last && bytes[i] == ' ')
        i++;
    is_whole |= bytes[i] == '/' || bytes[i] == '*';
    for (; i <= last && bytes[i] > ' ' && bytes[i] != 0x7f; i++)
        is_whole |= bytes[i] == '/' && bytes[i - 1] == '/' && bytes[i - 2] == ':';
    if (i <= last && bytes[i] == ' ' && is_whole) /* without a protocol name behind it */
        return SB_HTTP_FAULT_REQUEST_LINE;
    if (i > last || bytes[i] == ' ' || bytes[i] == '\r' || bytes[i] == '\n')
        return SB_HTTP_FAULT_TARGET_FORM;
    return bytes[i] == '\t' ? SB_HTTP_FAULT_REQUEST_LINE : SB_HTTP_FAULT_TARGET;
}

/* Offset at which the protocol name should begin: behind the target and the blanks after it. */
static uint32_t protocol_at(const struct sb_http_message *message, const uint8_t *bytes,
                            uint32_t at) {
    uint32_t first = message->target.offset + message->target.size;

    while (first < at && bytes[first] == ' ')
        first++;
    return first;
}

static enum sb_http_fault fault_of_protocol(const struct sb_http_message *message,
                                            const uint8_t *bytes, uint32_t at) {
    uint32_t first = protocol_at(message, bytes, at);

    if (at > first && bytes[at - 1] == '/') /* another protocol, without this method */
        return SB_HTTP_FAULT_METHOD;
    switch (bytes[first]) {
    case '\r':
    case '\n':
    case 'H':
    case 'h':
        return SB_HTTP_FAULT_VERSION;
    case 'R':
    case 'I':
        return SB_HTTP_FAULT_PROTOCOL;
    default:
        return SB_HTTP_FAULT_REQUEST_LINE;
    }
}

/* The line has HTTP/1.1, or something else in its place or behind it. */
static enum sb_http_fault fault_of_version(const struct sb_http_message *message,
                                           const uint8_t *bytes, uint32_t at) {
    uint32_t first = protocol_at(message, bytes, at), end = first + 8;

    if (at < end || bytes[first] != 'H' || bytes[first + 5] != '1' || bytes[first + 6] != '.' ||
        (bytes[first + 7] != '0' && bytes[first + 7] != '1'))
        return SB_HTTP_FAULT_VERSION;
    if (bytes[end] == '\n')
        return SB_HTTP_FAULT_LINE_END;
    return bytes[end] == ' ' || bytes[end] == '\t' ? SB_HTTP_FAULT_REQUEST_LINE
                                                   : SB_HTTP_FAULT_VERSION;
}

/* Whether the byte is a tchar (RFC 9110, 5.6.2). */
static bool is_token(uint8_t byte) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    uint8_t lower = sb_http_lower(byte);

    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr(others, byte) != NULL);
}

static enum sb_http_fault fault_of_header(const uint8_t *bytes, uint32_t at, uint32_t size) {
    const uint8_t *here = bytes + at, *line = here;

    while (line > bytes && line[-1] != '\n')
        line--;
    if (line - bytes >= 2 && line[-2] != '\r')
        return SB_HTTP_FAULT_LINE_END;
    if (line < bytes + size && (*line == ' ' || *line == '\t'))
        return SB_HTTP_FAULT_HEADER_FOLD;
    if (line < bytes + size && (*line == '\r' || *line == '\n'))
        return SB_HTTP_FAULT_LINE_END;
    while (line < bytes + size && line <= here && is_token(*line))
        line++;
    if (line == bytes + size || line > here)
        return SB_HTTP_FAULT_HEADER_NAME;
    if (*line == ' ' || *line == '\t' || *line == '\r' || *line == '\n')
        return SB_HTTP_FAULT_HEADER_COLON;
    return *line == ':' && line < here ? SB_HTTP_FAULT_HEADER_VALUE : SB_HTTP_FAULT_HEADER_NAME;
}
