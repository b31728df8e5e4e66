/* response.c: parses responses for their status and their end; see response.h. */
#include "response.h"

#include <string.h>

typedef struct sb_http_response response_t;

static int on_head_complete(llhttp_t *parser);
static int on_chunk_header(llhttp_t *parser);
static int on_message_complete(llhttp_t *parser);

static const llhttp_settings_t settings = {
    .on_headers_complete = on_head_complete,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

static uint64_t parse(response_t *response, const uint8_t *piece, uint64_t size);
static void finish_head(response_t *response);
static bool says_keep_alive(const llhttp_t *parser);

_Static_assert(sizeof(response_t) <= 160, "one for each connection with a request under way");

void sb_http_response_begin(response_t *response, bool to_head) {
    memset(response, 0, sizeof(*response));
    response->to_head = to_head;
    llhttp_init(&response->parser, HTTP_RESPONSE, &settings);
}

uint64_t sb_http_response_feed(response_t *response, const uint8_t *bytes, uint64_t size) {
    uint64_t used = 0;

    while (used < size && response->progress < SB_HTTP_COMPLETE) {
        if (response->until_close)
            return size;
        used += parse(response, bytes + used, size - used);
    }
    return used;
}

static uint64_t parse(response_t *response, const uint8_t *piece, uint64_t size) {
    llhttp_t *parser = &response->parser;
    bool is_head = response->progress == SB_HTTP_HEAD;
    llhttp_errno_t error = llhttp_execute(parser, (const char *)piece, size);
    uint64_t used = size;

    if (error != HPE_OK)
        used = (uint64_t)(llhttp_get_error_pos(parser) - (const char *)piece);
    response->left -= used < response->left ? used : response->left;
    if (error == HPE_OK || response->progress == SB_HTTP_COMPLETE)
        return used;
    if (error != HPE_PAUSED) {
        response->progress = SB_HTTP_BROKEN;
        return used;
    }
    llhttp_resume(parser);
    if (is_head)
        finish_head(response);
    else
        response->left = parser->content_length;
    return used;
}

/* Finds the length of the body (RFC 9112, 6.3). */
static void finish_head(response_t *response) {
    const llhttp_t *parser = &response->parser;

    response->status = (uint16_t)parser->status_code;
    response->is_upgraded = parser->status_code == 101;
    response->is_chunked = (parser->flags & F_CHUNKED) != 0;
    if (response->to_head || response->status < 200 || response->status == 204 ||
        response->status == 304) {
        response->progress = SB_HTTP_COMPLETE;
    } else if (llhttp_message_needs_eof(parser)) {
        response->progress = SB_HTTP_BODY;
        response->until_close = true;
    } else if (!response->is_chunked && parser->content_length == 0) {
        response->progress = SB_HTTP_COMPLETE;
    } else {
        response->progress = SB_HTTP_BODY;
        response->left = response->is_chunked ? 0 : parser->content_length;
    }
    response->keep_alive = !response->until_close && says_keep_alive(parser);
}

/* RFC 9112, 9.3. llhttp's own function also considers the body, which the response to a HEAD does
 * not have. */
static bool says_keep_alive(const llhttp_t *parser) {
    if (parser->http_major == 1 && parser->http_minor == 1)
        return (parser->flags & F_CONNECTION_CLOSE) == 0;
    return (parser->flags & F_CONNECTION_KEEP_ALIVE) != 0;
}

uint64_t sb_http_response_skippable(const response_t *response) {
    if (response->progress != SB_HTTP_BODY)
        return 0;
    if (response->until_close)
        return UINT64_MAX;
    return response->left == 0 ? 0 : response->left - 1;
}

void sb_http_response_skip(response_t *response, uint64_t count) {
    if (response->until_close)
        return;
    response->left -= count;
    response->parser.content_length -= count;
}

static int on_head_complete(llhttp_t *parser) {
    (void)parser;
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *parser) {
    (void)parser;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *parser) {
    ((response_t *)parser)->progress = SB_HTTP_COMPLETE;
    return HPE_PAUSED;
}
