/* content.c: skips parts of a request's body, and copies its content; see message.h. */
#include <string.h>

#include "message.h"

typedef struct sb_http_message message_t;

static uint32_t chunk_line(const uint8_t *bytes, uint64_t at, uint64_t end, uint64_t *size);

uint64_t sb_http_skippable(const message_t *message) {
    if (message->progress != SB_HTTP_BODY || message->fed >= message->data_end)
        return 0;
    return message->data_end - message->fed - 1;
}

void sb_http_skip(message_t *message, uint64_t count) {
    if (count == 0)
        return;
    if (message->kept == SB_HTTP_KEPT_ALL)
        message->kept = message->fed;
    message->parser.content_length -= count;
    message->fed += count;
}

uint32_t sb_http_content(const message_t *message, const uint8_t *bytes, uint8_t *out,
                         uint32_t capacity) {
    uint64_t end = message->fed < message->kept ? message->fed : message->kept;
    uint64_t at = message->head_size, size = end - at;
    uint32_t copied = 0, line = 0;

    if (message->framing == SB_HTTP_NO_BODY)
        return 0;
    while (at < end && copied < capacity) {
        if (message->framing == SB_HTTP_CHUNKED) {
            line = chunk_line(bytes, at, end, &size);
            at += line;
            if (line == 0 || size == 0)
                break;
        }
        uint64_t there = size < end - at ? size : end - at;
        uint32_t taken = there < capacity - copied ? (uint32_t)there : capacity - copied;
        memcpy(out + copied, bytes + at, taken);
        copied += taken;
        at += size + 2 < end - at ? size + 2 : end - at;
    }
    return copied;
}

/* Size in bytes of the size line of a chunk, which llhttp has accepted; 0: its end has not been
 * received. size: the size of the chunk. */
static uint32_t chunk_line(const uint8_t *bytes, uint64_t at, uint64_t end, uint64_t *size) {
    const uint8_t *line = bytes + at, *stop = memchr(line, '\n', end - at);
    uint64_t value = 0;

    if (stop == NULL)
        return 0;
    for (const uint8_t *digit = line; *digit != '\r' && *digit != ';'; digit++)
        value = value << 4 | (uint64_t)((*digit & 0xf) + (*digit > '9' ? 9 : 0));
    *size = value;
    return (uint32_t)(stop - line) + 1;
}
