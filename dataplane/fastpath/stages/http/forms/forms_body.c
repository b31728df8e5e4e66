/* forms_body.c: the values of a request's body, and its trailers. See forms.h. */
#include <errno.h>
#include <string.h>

#include "forms_private.h"

struct body {
    struct sb_http_values *values;
    const struct sb_http_message *message;
    const uint8_t *bytes; /* of the message */
    const uint8_t *content;
    uint32_t size;
    bool is_whole;
};

static void add_content(const struct body *body);
static bool is_punctuation(const uint8_t *in, uint32_t size);
static uint32_t trailers_size(const struct sb_http_message *message);
static void add_trailers(const struct body *body);
static bool is_wide(const uint8_t *in, uint32_t size, bool is_json);
static uint32_t blanks(const uint8_t *in, uint32_t size);

int sb_http_values_of_body(struct sb_http_values *values, const struct sb_http_message *message,
                           const uint8_t *bytes, const uint8_t *content, uint32_t size,
                           bool is_whole) {
    const struct body body = {values, message, bytes, content, size, is_whole};
    struct sb_forms_mark since;

    if (size > SB_HTTP_BODY_MAX || trailers_size(message) > SB_HTTP_HEAD_MAX ||
        values->capacity < SB_HTTP_TEXT_SIZE(size))
        return -ENOSPC;
    sb_forms_begin(values);
    since = sb_forms_here(values);
    memcpy(values->text[SB_HTTP_FORM_RAW], content, size);
    values->size[SB_HTTP_FORM_RAW] = size;
    sb_forms_piece(values, SB_WAF_BODY, 0, 0, size);
    add_content(&body);
    sb_forms_pieces(values, SB_WAF_BODY, 0, &since);
    sb_forms_secrets_follow(values);
    add_trailers(&body);
    sb_forms_finish(values);
    return 0;
}

static void add_content(const struct body *body) {
    const struct sb_http_span *boundary = &body->message->boundary;
    enum sb_http_content kind = (enum sb_http_content)body->message->content;

    if (kind == SB_HTTP_CONTENT_MULTIPART && boundary->size != 0 &&
        boundary->size <= SB_HTTP_BOUNDARY_MAX) {
        sb_forms_add_parts(body->values, body->bytes + boundary->offset, boundary->size,
                           body->content, body->size, body->is_whole);
        return;
    }
    if (kind == SB_HTTP_CONTENT_URLENCODED) {
        sb_forms_split(body->values, body->content, body->size, '&', &sb_forms_body_argument);
        return;
    }
    if (is_wide(body->content, body->size, kind == SB_HTTP_CONTENT_JSON))
        sb_forms_fault(body->values, SB_HTTP_FAULT_BODY_CHARSET);
    if (kind == SB_HTTP_CONTENT_JSON)
        sb_forms_add_json(body->values, body->content, body->size);
    else
        sb_forms_add_guessed(body->values, body->content, body->size, false);
}

void sb_forms_add_guessed(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                          bool is_field) {
    uint32_t at = blanks(in, size);
    uint8_t first = at < size ? in[at] : 0;

    if (first == '{' || first == '[')
        sb_forms_add_json(values, in, size);
    else if (is_field || first == '<')
        sb_forms_value(values, in, size, is_field ? &sb_forms_field : &sb_forms_text);
}

/* Size of a byte order mark and white space at the beginning. */
static uint32_t blanks(const uint8_t *in, uint32_t size) {
    uint32_t at = size >= 3 && memcmp(in, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    while (at < size && (in[at] == ' ' || (in[at] >= '\t' && in[at] <= '\r')))
        at++;
    return at;
}

/* Whether the text is UTF-16 or UTF-32, judged by its first characters, which are ASCII (RFC 4627,
 * 3; XML 1.0, F.1). Parsers of JSON and XML read these encodings; patterns of rules do not. */
static bool is_wide(const uint8_t *in, uint32_t size, bool is_json) {
    bool has_mark =
        size >= 2 && ((in[0] == 0xff && in[1] == 0xfe) || (in[0] == 0xfe && in[1] == 0xff));

    if (size < 2)
        return false;
    if (is_json)
        return has_mark || in[0] == 0 || in[1] == 0;
    if (has_mark && size >= 4)
        in += 2;
    return (in[0] == '<' && in[1] == 0) || (in[0] == 0 && in[1] == '<');
}

/* A JSON string ends at a quote with an even number of backslashes before it. Decoding would not
 * change the text outside of strings, so a missing quote hides nothing. */
void sb_forms_add_json(struct sb_http_values *values, const uint8_t *in, uint32_t size) {
    const uint8_t *end = in + size, *at = in;

    while (in < end) {
        const uint8_t *quote = at == end ? NULL : memchr(at, '"', (size_t)(end - at)), *slash;

        quote = quote == NULL ? end : quote;
        for (slash = quote; slash > in && slash[-1] == '\\'; slash--)
            ;
        at = quote == end ? end : quote + 1;
        if (quote < end && (quote - slash) % 2 != 0)
            continue;
        if (!is_punctuation(in, (uint32_t)(quote - in)))
            sb_forms_value(values, in, (uint32_t)(quote - in), &sb_forms_json);
        in = at;
    }
}

/* Nothing but white space and what structures JSON (RFC 8259, 2). */
static bool is_punctuation(const uint8_t *in, uint32_t size) {
    for (uint32_t at = 0; at < size; at++)
        if (memchr(" \t\r\n{}[]:,", in[at], 10) == NULL)
            return false;
    return true;
}

static uint32_t trailers_size(const struct sb_http_message *message) {
    uint32_t size = 0;

    for (uint32_t i = 0; i < message->trailer_count; i++)
        size += message->trailer[i].name.size + message->trailer[i].value.size;
    return size;
}

static void add_trailers(const struct body *body) {
    struct sb_http_values *values = body->values;

    if (body->message->trailer_count != 0)
        sb_forms_line(values, SB_HTTP_FORM_RAW, 0);
    for (uint32_t i = 0; i < body->message->trailer_count; i++) {
        const struct sb_http_trailer *trailer = &body->message->trailer[i];
        uint32_t offset = values->size[SB_HTTP_FORM_RAW];

        memcpy(sb_forms_end(values, SB_HTTP_FORM_RAW), body->bytes + trailer->value.offset,
               trailer->value.size);
        sb_forms_line(values, SB_HTTP_FORM_RAW, trailer->value.size);
        sb_forms_add_header(values, body->bytes + trailer->name.offset, trailer->name.size, offset,
                            trailer->value.size);
    }
}
