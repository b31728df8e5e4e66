/* fuzz_http.c: libFuzzer over requests and responses: however the bytes are cut, the same is found;
 * nothing beyond what has come is read, and a head that is taken holds nothing that lines can't.
 *
 * Byte 0 of an input is the size of a piece, 0: whole, and from 128 on bodies are passed over where
 * they may be; the rest is what comes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stages/http/framing/message.h"
#include "stages/http/framing/response.h"

enum { SKIP = 128 };

static void parse(struct sb_http_message *message, const uint8_t *bytes, size_t size, size_t step);
static void parse_skipping(const struct sb_http_message *whole, const uint8_t *bytes, size_t size);
static void check_same(const struct sb_http_message *whole, const struct sb_http_message *cut);
static void check_spans(const struct sb_http_message *message, size_t size);
static void check_head(const struct sb_http_message *message, const uint8_t *bytes);
static void check_content(const struct sb_http_message *message, const uint8_t *bytes);
static void check_response(const uint8_t *bytes, size_t size, size_t step);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sb_http_message whole, cut;

    if (size < 2)
        return 0;
    size_t step = data[0] % SKIP;
    parse(&whole, data + 1, size - 1, size);
    parse(&cut, data + 1, size - 1, step == 0 ? size : step);
    check_same(&whole, &cut);
    check_spans(&whole, size - 1);
    if (whole.progress == SB_HTTP_BODY || whole.progress == SB_HTTP_COMPLETE) {
        check_head(&whole, data + 1);
        check_content(&whole, data + 1);
    }
    if (data[0] >= SKIP)
        parse_skipping(&whole, data + 1, size - 1);
    check_response(data + 1, size - 1, step == 0 ? size : step);
    return 0;
}

/* Each piece with all before it in memory of its own, which is gone before the next one comes. */
static void parse(struct sb_http_message *message, const uint8_t *bytes, size_t size, size_t step) {
    sb_http_message_begin(message);
    for (size_t end = 0; end < size && message->progress < SB_HTTP_COMPLETE;) {
        enum sb_http_progress before = (enum sb_http_progress)message->progress;

        end = end + step < size ? end + step : size;
        uint8_t *copy = malloc(end);
        memcpy(copy, bytes, end);
        if (sb_http_feed(message, copy, end) == SB_HTTP_BODY && before == SB_HTTP_HEAD)
            sb_http_feed(message, copy, end);
        assert(message->fed <= end);
        assert(message->fed == end || message->progress >= SB_HTTP_COMPLETE);
        free(copy);
    }
}

/* The end is the same, and so is what was found but for trailers, which are not kept. */
static void parse_skipping(const struct sb_http_message *whole, const uint8_t *bytes, size_t size) {
    struct sb_http_message message;

    sb_http_message_begin(&message);
    if (sb_http_feed(&message, bytes, size) != SB_HTTP_BODY)
        return;
    while (message.progress == SB_HTTP_BODY && message.fed < size) {
        uint64_t left = size - message.fed, skip = sb_http_skippable(&message);

        if (skip > 0 && skip < left)
            sb_http_skip(&message, skip);
        else if (skip > 0)
            break;
        sb_http_feed_body(&message, bytes + message.fed, 1);
    }
    assert(message.progress == whole->progress ||
           (message.progress == SB_HTTP_BODY && sb_http_skippable(&message) > 0));
    if (message.progress == SB_HTTP_COMPLETE)
        assert(message.fed == whole->fed && message.faults == whole->faults);
}

static void check_same(const struct sb_http_message *whole, const struct sb_http_message *cut) {
    assert(whole->progress == cut->progress);
    if (whole->progress == SB_HTTP_BROKEN) {
        assert(whole->faults == cut->faults);
        return;
    }
    assert(whole->fed == cut->fed && whole->head_size == cut->head_size);
    if (whole->progress == SB_HTTP_COMPLETE)
        assert(whole->faults == cut->faults && whole->trailer_count == cut->trailer_count);
    if (whole->progress == SB_HTTP_HEAD)
        return;
    assert(whole->header_count == cut->header_count && whole->framing == cut->framing);
    assert(memcmp(whole->header, cut->header, whole->header_count * sizeof(*whole->header)) == 0);
    assert(memcmp(&whole->method, &cut->method, 6 * sizeof(whole->method)) == 0);
}

static void check_spans(const struct sb_http_message *message, size_t size) {
    const struct sb_http_span *spans[] = {&message->method, &message->target, &message->path,
                                          &message->query,  &message->host,   &message->boundary};

    assert(message->fed <= size);
    if (message->progress != SB_HTTP_BODY && message->progress != SB_HTTP_COMPLETE)
        return;
    assert(message->head_size <= SB_HTTP_HEAD_MAX && message->head_size <= message->fed);
    for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
        assert(spans[i]->offset + spans[i]->size <= message->head_size);
    for (uint32_t i = 0; i < message->header_count; i++) {
        const struct sb_http_header *header = &message->header[i];

        assert(header->name_size > 0 && header->name + header->name_size < message->head_size);
        assert(header->value + header->value_size <= message->head_size);
    }
    for (uint32_t i = 0; i < message->trailer_count; i++) {
        const struct sb_http_trailer *trailer = &message->trailer[i];

        assert(trailer->name.offset + trailer->name.size <= message->fed);
        assert(trailer->value.offset + trailer->value.size <= message->fed);
    }
}

/* Lines end in CRLF, the last one is empty, and there is no other control byte but the tab; the
 * head is the same however a server looks for its end. */
static void check_head(const struct sb_http_message *message, const uint8_t *bytes) {
    uint32_t lines = 0;

    for (uint32_t i = message->start; i < message->head_size; i++) {
        lines += bytes[i] == '\n';
        assert((bytes[i] == '\r') == (i + 1 < message->head_size && bytes[i + 1] == '\n'));
        assert(bytes[i] >= ' ' || bytes[i] == '\t' || bytes[i] == '\r' || bytes[i] == '\n');
        assert(bytes[i] != 0x7f);
    }
    assert(lines == message->header_count + 2u);
    assert(memcmp(bytes + message->head_size - 4, "\r\n\r\n", 4) == 0);
}

static void check_content(const struct sb_http_message *message, const uint8_t *bytes) {
    uint64_t size = message->fed - message->head_size;
    uint8_t *out = malloc(size + 1);
    uint32_t all = sb_http_content(message, bytes, out, (uint32_t)size + 1);

    assert(all <= size);
    if (all > 0)
        assert(sb_http_content(message, bytes, out, all - 1) == all - 1);
    free(out);
}

static uint64_t respond(struct sb_http_response *response, const uint8_t *bytes, size_t size,
                        size_t step) {
    uint64_t used = 0;

    sb_http_response_begin(response, false);
    while (used < size && response->progress < SB_HTTP_COMPLETE) {
        size_t piece = step < size - used ? step : size - used;
        uint8_t *copy = malloc(piece);

        memcpy(copy, bytes + used, piece);
        used += sb_http_response_feed(response, copy, piece);
        free(copy);
    }
    return used;
}

static void check_response(const uint8_t *bytes, size_t size, size_t step) {
    struct sb_http_response whole, cut;
    uint64_t used = respond(&whole, bytes, size, size),
             in_pieces = respond(&cut, bytes, size, step);

    assert(whole.progress == cut.progress);
    if (whole.progress == SB_HTTP_BROKEN)
        return;
    assert(used == in_pieces && whole.status == cut.status && whole.left == cut.left);
    assert(whole.keep_alive == cut.keep_alive && whole.until_close == cut.until_close);
}
