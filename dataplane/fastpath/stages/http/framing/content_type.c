/* content_type.c: the kind of content that a Content-Type means, and the boundary of a multipart
 * body.
 *
 * Servers read parameters differently. If one server could take a text for a boundary and another
 * one not, it is a fault.
 */
#include <string.h>

#include "framing.h"

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static enum sb_http_content kind_of(const uint8_t *type, uint32_t size);
static bool find_boundary(struct sb_http_message *message, const uint8_t *bytes,
                          struct cursor cursor);
static bool next_parameter(struct cursor *cursor, struct cursor *name, struct cursor *value);
static struct cursor trimmed(struct cursor text);
static bool is_boundary(struct cursor value);
static bool mentions_boundary(struct cursor text);

void sb_http_check_content_type(struct sb_http_message *message, const uint8_t *bytes,
                                const struct sb_http_header *header) {
    const uint8_t *value = bytes + header->value;
    uint32_t size = 0;

    /* PHP also ends the type at a comma or a blank. */
    while (size < header->value_size && strchr(";, \t", value[size]) == NULL)
        size++;
    message->content = (uint8_t)kind_of(value, size);
    if (message->content != SB_HTTP_CONTENT_MULTIPART)
        return;
    if (!find_boundary(message, bytes, (struct cursor){value + size, value + header->value_size}))
        sb_http_found(message, SB_HTTP_FAULT_MULTIPART_BOUNDARY);
}

static enum sb_http_content kind_of(const uint8_t *type, uint32_t size) {
    if (size == 0)
        return SB_HTTP_CONTENT_NONE;
    if (sb_http_is(type, size, "application/x-www-form-urlencoded"))
        return SB_HTTP_CONTENT_URLENCODED;
    if (size > 10 && sb_http_is(type, 10, "multipart/"))
        return SB_HTTP_CONTENT_MULTIPART;
    if ((size >= 4 && sb_http_is(type + size - 4, 4, "json")) ||
        (size > 5 && sb_http_is(type + size - 5, 5, "+json")))
        return SB_HTTP_CONTENT_JSON;
    return SB_HTTP_CONTENT_OTHER;
}

/* False: there is not exactly one boundary, or servers read it differently (RFC 2046, 5.1.1). */
static bool find_boundary(struct sb_http_message *message, const uint8_t *bytes,
                          struct cursor cursor) {
    struct cursor name = {0}, value = {0};
    uint32_t found = 0;
    bool is_good = true;

    while (cursor.at < cursor.end) {
        bool is_parameter = next_parameter(&cursor, &name, &value);

        if (!is_parameter || !sb_http_is(name.at, (uint32_t)(name.end - name.at), "boundary")) {
            is_good &= is_parameter && !mentions_boundary(name) && !mentions_boundary(value);
            continue;
        }
        is_good &= is_boundary(value) && found++ == 0;
        message->boundary =
            (struct sb_http_span){(uint32_t)(value.at - bytes), (uint32_t)(value.end - value.at)};
    }
    return is_good && found == 1;
}

/* Reads a semicolon and name=value, with optional white space; the value without its quotes. False:
 * the syntax is another one; the cursor is then at the end. */
static bool next_parameter(struct cursor *cursor, struct cursor *name, struct cursor *value) {
    const uint8_t *at = trimmed(*cursor).at, *end = cursor->end, *equal, *stop;

    cursor->at = end;
    if (at == end || *at++ != ';')
        return false;
    *name = *value = (struct cursor){end, end};
    at = trimmed((struct cursor){at, end}).at;
    if (at == end || *at == ';') { /* an empty parameter (RFC 9110, 5.6.6) */
        cursor->at = at;
        return true;
    }
    equal = memchr(at, '=', (size_t)(end - at));
    if (equal == NULL)
        return false;
    *name = trimmed((struct cursor){at, equal});
    if (equal + 1 < end && equal[1] == '"') {
        stop = memchr(equal + 2, '"', (size_t)(end - equal - 2));
        if (stop == NULL)
            return false;
        *value = (struct cursor){equal + 2, stop++};
    } else {
        stop = memchr(equal, ';', (size_t)(end - equal));
        stop = stop == NULL ? end : stop;
        *value = trimmed((struct cursor){equal + 1, stop});
    }
    cursor->at = stop;
    return true;
}

static struct cursor trimmed(struct cursor text) {
    while (text.at < text.end && (*text.at == ' ' || *text.at == '\t'))
        text.at++;
    while (text.at < text.end && (text.end[-1] == ' ' || text.end[-1] == '\t'))
        text.end--;
    return text;
}

/* Whether the value consists of bchars (RFC 2046, 5.1.1) without blanks: no client uses blanks, and
 * some servers end the boundary there. */
static bool is_boundary(struct cursor value) {
    static const char others[] = "'()+_,-./:=?";

    if (value.at == value.end || value.end - value.at > SB_HTTP_BOUNDARY_MAX)
        return false;
    for (const uint8_t *at = value.at; at < value.end; at++) {
        uint8_t byte = sb_http_lower(*at);

        if ((byte < 'a' || byte > 'z') && (byte < '0' || byte > '9') &&
            (byte == '\0' || strchr(others, byte) == NULL))
            return false;
    }
    return true;
}

static bool mentions_boundary(struct cursor text) {
    for (; text.end - text.at >= 8; text.at++)
        if (sb_http_is(text.at, 8, "boundary"))
            return true;
    return false;
}
