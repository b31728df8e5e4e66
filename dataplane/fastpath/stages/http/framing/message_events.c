/* message_events.c: the callbacks that llhttp calls while it parses a request; see message.h. */
#include "message_events.h"

#include "framing.h"

typedef struct sb_http_message message_t;

static int on_method(llhttp_t *parser, const char *at, size_t size);
static int on_method_complete(llhttp_t *parser);
static int on_target(llhttp_t *parser, const char *at, size_t size);
static int on_name(llhttp_t *parser, const char *at, size_t size);
static int on_value(llhttp_t *parser, const char *at, size_t size);
static int on_head_complete(llhttp_t *parser);
static int on_chunk_extension(llhttp_t *parser, const char *at, size_t size);
static int on_chunk_header(llhttp_t *parser);
static int on_message_complete(llhttp_t *parser);

const llhttp_settings_t sb_http_llhttp_settings = {
    .on_method = on_method,
    .on_method_complete = on_method_complete,
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head_complete,
    .on_chunk_extension_name = on_chunk_extension,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

_Static_assert(SB_HTTP_HEAD_MAX <= UINT16_MAX, "headers have offsets of 16 bits");

static void trailer_name(message_t *message, const char *at, size_t size);
static void trailer_value(message_t *message, const char *at, size_t size);

static message_t *message_of(llhttp_t *parser) {
    return (message_t *)parser;
}

static uint64_t offset_of(const message_t *message, const char *at) {
    return message->piece_at + (uint64_t)(at - (const char *)message->piece);
}

static void extend(struct sb_http_span *span, uint64_t offset, size_t size) {
    if (span->size == 0)
        span->offset = (uint32_t)offset;
    span->size += (uint32_t)size;
}

static int on_method(llhttp_t *parser, const char *at, size_t size) {
    extend(&message_of(parser)->method, offset_of(message_of(parser), at), size);
    return 0;
}

/* Stops at the preface of HTTP/2 (RFC 9113, 3.4). */
static int on_method_complete(llhttp_t *parser) {
    message_of(parser)->has_method = true;
    if (parser->method != HTTP_PRI)
        return 0;
    sb_http_found(message_of(parser), SB_HTTP_FAULT_PREFACE);
    return -1;
}

/* For servers that support HTTP/0.9, a line that ends behind the target is a complete request, so
 * the node can't wait for more. */
static int on_target(llhttp_t *parser, const char *at, size_t size) {
    message_t *message = message_of(parser);
    uint64_t end = offset_of(message, at) + size;

    extend(&message->target, offset_of(message, at), size);
    if (message->piece_end > end && (at[size] == '\r' || at[size] == '\n')) {
        sb_http_found(message, SB_HTTP_FAULT_VERSION);
        return HPE_USER;
    }
    return 0;
}

static int one_too_many(message_t *message) {
    sb_http_found(message, SB_HTTP_FAULT_HEADER_COUNT);
    return HPE_USER;
}

static int on_name(llhttp_t *parser, const char *at, size_t size) {
    message_t *message = message_of(parser);
    uint16_t offset = (uint16_t)offset_of(message, at);
    struct sb_http_header *header = &message->header[message->header_count];

    if (message->is_in_trailers) {
        trailer_name(message, at, size);
        return 0;
    }
    /* A colon follows a complete name, so bytes directly behind it are more of the same name. */
    if (message->header_count != 0 && header[-1].name + header[-1].name_size == offset) {
        header[-1].name_size = (uint16_t)(header[-1].name_size + size);
        return 0;
    }
    if (message->header_count > SB_HTTP_HEADERS_MAX)
        return one_too_many(message);
    *header = (struct sb_http_header){.name = offset, .name_size = (uint16_t)size};
    message->header_count++;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t size) {
    message_t *message = message_of(parser);
    struct sb_http_header *header = &message->header[message->header_count - 1];

    if (message->is_in_trailers) {
        trailer_value(message, at, size);
        return 0;
    }
    /* Not before the name is complete: its last bytes may still turn out to be an error. */
    if (message->header_count > SB_HTTP_HEADERS_MAX)
        return one_too_many(message);
    if (header->value_size == 0)
        header->value = (uint16_t)offset_of(message, at);
    header->value_size = (uint16_t)(header->value_size + size);
    return 0;
}

static int on_head_complete(llhttp_t *parser) {
    (void)parser;
    return HPE_PAUSED;
}

/* Called with the name of an extension, or a part of it; a semicolon precedes it. */
static int on_chunk_extension(llhttp_t *parser, const char *at, size_t size) {
    message_t *message = message_of(parser);

    (void)size;
    if (message->extension == 0)
        message->extension = offset_of(message, at) - 1;
    return 0;
}

static int on_chunk_header(llhttp_t *parser) {
    (void)parser;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *parser) {
    message_of(parser)->progress = SB_HTTP_COMPLETE;
    return HPE_PAUSED;
}

/* The element for the current trailer. NULL: there is no room, or bytes before it were skipped. */
static struct sb_http_trailer *place_of(message_t *message) {
    if (message->trailers > SB_HTTP_TRAILERS_MAX || message->kept != SB_HTTP_KEPT_ALL ||
        message->piece_end > UINT32_MAX)
        return NULL;
    return &message->trailer[message->trailers - 1];
}

static void trailer_name(message_t *message, const char *at, size_t size) {
    uint64_t offset = offset_of(message, at);

    if (message->trailers == 0 || offset != message->trailer_name_end) {
        message->trailers++;
        message->trailer_name_size = 0;
        struct sb_http_trailer *place = place_of(message);
        if (place != NULL) {
            *place = (struct sb_http_trailer){0};
            message->trailer_count = (uint8_t)message->trailers;
        }
    }
    message->trailer_name_end = offset + size;
    for (size_t i = 0; i < size && message->trailer_name_size <= SB_HTTP_TRAILER_NAME_MAX; i++) {
        if (message->trailer_name_size < SB_HTTP_TRAILER_NAME_MAX)
            message->trailer_name[message->trailer_name_size] = sb_http_lower((uint8_t)at[i]);
        message->trailer_name_size++;
    }
    struct sb_http_trailer *place = place_of(message);
    if (place != NULL)
        extend(&place->name, offset, size);
}

static void trailer_value(message_t *message, const char *at, size_t size) {
    struct sb_http_trailer *place = place_of(message);

    sb_http_found(message, SB_HTTP_FAULT_TRAILERS);
    if (message->trailers > SB_HTTP_TRAILERS_MAX ||
        sb_http_is_forbidden_trailer(message->trailer_name, message->trailer_name_size))
        sb_http_found(message, SB_HTTP_FAULT_TRAILER);
    if (place != NULL)
        extend(&place->value, offset_of(message, at), size);
}
