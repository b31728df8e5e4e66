/* message_driver.c: parses bytes in pieces, for tests. Each piece, with all before it, lies in
 * memory of exactly its size, and the message is moved between the pieces. */
#include <stdlib.h>
#include <string.h>

#include "stages/http/framing/message.h"
#include "stages/http/framing/response.h"

/* Mirrored by http_support.py: 8 bytes each. */
struct outcome {
    uint64_t progress, fed, faults, content_length, head_size, framing, content, version_minor;
    uint64_t keep_alive, is_upgrade, is_websocket, is_head, is_connect, expects_continue;
    uint64_t has_content_encoding, header_count, trailer_count, head_reported;
    uint64_t method[2], target[2], path[2], query[2], host[2], boundary[2];
    uint64_t header[SB_HTTP_HEADERS_MAX][4];
    uint64_t trailer[SB_HTTP_TRAILERS_MAX][4];
};

static void copy_span(uint64_t out[2], const struct sb_http_span *span) {
    out[0] = span->offset;
    out[1] = span->size;
}

static void tell(const struct sb_http_message *message, struct outcome *out) {
    *out = (struct outcome){
        .progress = message->progress,
        .fed = message->fed,
        .faults = message->faults,
        .content_length = message->content_length,
        .head_size = message->head_size,
        .framing = message->framing,
        .content = message->content,
        .version_minor = message->version_minor,
        .keep_alive = message->keep_alive,
        .is_upgrade = message->is_upgrade,
        .is_websocket = message->is_websocket,
        .is_head = message->is_head,
        .is_connect = message->is_connect,
        .expects_continue = message->expects_continue,
        .has_content_encoding = message->has_content_encoding,
        .header_count = message->header_count,
        .trailer_count = message->trailer_count,
    };
    copy_span(out->method, &message->method);
    copy_span(out->target, &message->target);
    copy_span(out->path, &message->path);
    copy_span(out->query, &message->query);
    copy_span(out->host, &message->host);
    copy_span(out->boundary, &message->boundary);
    for (uint32_t i = 0; i < message->header_count; i++) {
        const struct sb_http_header *header = &message->header[i];

        out->header[i][0] = header->name;
        out->header[i][1] = header->name_size;
        out->header[i][2] = header->value;
        out->header[i][3] = header->value_size;
    }
    for (uint32_t i = 0; i < message->trailer_count; i++) {
        copy_span(&out->trailer[i][0], &message->trailer[i].name);
        copy_span(&out->trailer[i][2], &message->trailer[i].value);
    }
}

void *message_new(void);
void message_free(void *message);
uint32_t message_feed(void *message, const uint8_t *bytes, uint64_t size, struct outcome *out);
uint32_t message_feed_body(void *message, const uint8_t *bytes, uint64_t size,
                           struct outcome *out);
void message_is_after_close(void *message);
uint64_t message_skippable(const void *message);
void message_skip(void *message, uint64_t count);
uint32_t message_content(const void *message, const uint8_t *bytes, uint64_t size, uint8_t *out,
                         uint32_t capacity);
void parse_in_pieces(const uint8_t *bytes, uint64_t size, const uint64_t *cuts, uint32_t cut_count,
                     struct outcome *out);
void response_in_pieces(const uint8_t *bytes, uint64_t size, uint64_t step, int to_head,
                        uint64_t out[8]);
void response_skipping(const uint8_t *head, uint64_t head_size, const uint8_t *rest,
                       uint64_t rest_size, uint64_t out[3]);

void *message_new(void) {
    struct sb_http_message *message = malloc(sizeof(*message));

    memset(message, 0xa5, sizeof(*message));
    sb_http_message_begin(message);
    return message;
}

void message_free(void *message) {
    free(message);
}

static uint8_t *copy_of(const uint8_t *bytes, uint64_t size) {
    uint8_t *copy = malloc(size);

    memcpy(copy, bytes, size);
    return copy;
}

uint32_t message_feed(void *message, const uint8_t *bytes, uint64_t size, struct outcome *out) {
    uint8_t *copy = copy_of(bytes, size);
    uint32_t progress = sb_http_feed(message, copy, size);

    tell(message, out);
    free(copy);
    return progress;
}

uint32_t message_feed_body(void *message, const uint8_t *bytes, uint64_t size,
                           struct outcome *out) {
    uint8_t *copy = copy_of(bytes, size);
    uint32_t progress = sb_http_feed_body(message, copy, size);

    tell(message, out);
    free(copy);
    return progress;
}

void message_is_after_close(void *message) {
    ((struct sb_http_message *)message)->is_after_close = true;
}

uint64_t message_skippable(const void *message) {
    return sb_http_skippable(message);
}

void message_skip(void *message, uint64_t count) {
    sb_http_skip(message, count);
}

uint32_t message_content(const void *message, const uint8_t *bytes, uint64_t size, uint8_t *out,
                         uint32_t capacity) {
    uint8_t *copy = copy_of(bytes, size), *copied = malloc(capacity);
    uint32_t count = sb_http_content(message, copy, copied, capacity);

    memcpy(out, copied, count);
    free(copied);
    free(copy);
    return count;
}

static struct sb_http_message *moved(struct sb_http_message *message) {
    struct sb_http_message *copy = malloc(sizeof(*copy));

    memcpy(copy, message, sizeof(*copy));
    memset(message, 0xa5, sizeof(*message));
    free(message);
    return copy;
}

/* cuts: sizes in ascending order, before the whole. */
void parse_in_pieces(const uint8_t *bytes, uint64_t size, const uint64_t *cuts, uint32_t cut_count,
                     struct outcome *out) {
    struct sb_http_message *message = message_new();
    uint64_t head_reported = 0;

    for (uint32_t i = 0; i <= cut_count; i++) {
        uint64_t end = i < cut_count ? cuts[i] : size;
        uint8_t *copy = copy_of(bytes, end);

        message = moved(message);
        if (sb_http_feed(message, copy, end) == SB_HTTP_BODY && head_reported == 0) {
            head_reported = message->fed;
            sb_http_feed(message, copy, end);
        }
        free(copy);
    }
    tell(message, out);
    out->head_reported = head_reported;
    free(message);
}

/* out: progress, used, status, keep_alive, is_upgraded, until_close, is_chunked. */
void response_in_pieces(const uint8_t *bytes, uint64_t size, uint64_t step, int to_head,
                        uint64_t out[8]) {
    struct sb_http_response response;
    uint64_t used = 0;

    sb_http_response_begin(&response, to_head != 0);
    while (used < size && response.progress < SB_HTTP_COMPLETE) {
        uint64_t piece = step < size - used ? step : size - used;
        uint8_t *copy = copy_of(bytes + used, piece);

        used += sb_http_response_feed(&response, copy, piece);
        free(copy);
    }
    const uint64_t told[8] = {response.progress,    used,
                              response.status,      response.keep_alive,
                              response.is_upgraded, response.until_close,
                              response.is_chunked};
    memcpy(out, told, sizeof(told));
}

/* out: skippable, then progress and used of the rest. */
void response_skipping(const uint8_t *head, uint64_t head_size, const uint8_t *rest,
                       uint64_t rest_size, uint64_t out[3]) {
    struct sb_http_response response;

    sb_http_response_begin(&response, false);
    sb_http_response_feed(&response, head, head_size);
    out[0] = sb_http_response_skippable(&response);
    sb_http_response_skip(&response, out[0]);
    out[2] = sb_http_response_feed(&response, rest, rest_size);
    out[1] = response.progress;
}
