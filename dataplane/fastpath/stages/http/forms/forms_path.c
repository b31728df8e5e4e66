/* forms_path.c: the readings of a path. Some servers select the resource by the resolved path but
 * pass on the path that was sent (nginx, Apache), others pass on a path that is only decoded
 * (Gunicorn); so both are scanned. The last two readings are those of servers that decode twice,
 * treat \ as / (IIS) or remove parameters (Tomcat). */
#include <string.h>

#include "forms_private.h"

struct text {
    const uint8_t *bytes;
    uint32_t size;
};

static bool has_bad_escape(const struct text *path);
static bool has_segments(const struct text *path);
static uint32_t resolve(const struct text *path, bool has_parameters, uint8_t *out, bool *climbs);
static bool is_same(const struct text *one, const struct text *other);
static struct text decoded_line(struct sb_http_values *values, const struct text *sent);
static struct text resolved_line(struct sb_http_values *values, const struct text *decoded);
static void folded_lines(struct sb_http_values *values, const struct text *decoded,
                         const struct text *resolved);

void sb_forms_path(struct sb_http_values *values, const uint8_t *in, uint32_t size) {
    const struct text sent = {in, size};
    const uint32_t readings = SB_FORMS_FOLDED | SB_TEXT_BACKSLASH | SB_TEXT_SEMICOLON;
    struct text decoded, resolved;

    /* the target `*`, or an absolute URI without a path */
    if (size == 0 || in[0] != '/')
        return;
    if ((sb_text_traits(in, size) & readings) == 0 && !has_segments(&sent))
        return;
    if (has_bad_escape(&sent))
        sb_forms_fault(values, SB_HTTP_FAULT_PATH_ESCAPE);
    decoded = decoded_line(values, &sent);
    resolved = resolved_line(values, &decoded);
    folded_lines(values, &decoded, &resolved);
}

uint32_t sb_http_canonical_path(const uint8_t *in, uint32_t size, uint8_t *out) {
    const struct text decoded = {out, sb_text_decode(in, size, out, false)};
    bool climbs;

    if (decoded.size == 0 || out[0] != '/' || !has_segments(&decoded))
        return decoded.size;
    return resolve(&decoded, false, out, &climbs); /* writes no further than it has read */
}

static bool has_bad_escape(const struct text *path) {
    for (uint32_t at = 0; at < path->size; at++) {
        const uint8_t *sign = memchr(path->bytes + at, '%', path->size - at);

        if (sign == NULL)
            return false;
        at = (uint32_t)(sign - path->bytes);
        if (at + 2 >= path->size || sb_text_hex(sign[1]) == SB_TEXT_NOT_HEX ||
            sb_text_hex(sign[2]) == SB_TEXT_NOT_HEX)
            return true;
    }
    return false;
}

/* Whether resolving may change the path. */
static bool has_segments(const struct text *path) {
    for (uint32_t at = 0; at + 1 < path->size; at++)
        if (path->bytes[at] == '/' && (path->bytes[at + 1] == '/' || path->bytes[at + 1] == '.'))
            return true;
    return false;
}

static struct text decoded_line(struct sb_http_values *values, const struct text *sent) {
    uint8_t *out = sb_forms_end(values, SB_HTTP_FORM_DECODED);
    uint32_t size = sb_text_decode(sent->bytes, sent->size, out, false);

    if (size == sent->size)
        return *sent;
    sb_forms_line(values, SB_HTTP_FORM_DECODED, size);
    return (struct text){out, size};
}

static struct text resolved_line(struct sb_http_values *values, const struct text *decoded) {
    struct text resolved = {sb_forms_end(values, SB_HTTP_FORM_DECODED), 0};
    bool climbs = false;

    if (!has_segments(decoded))
        return *decoded;
    resolved.size = resolve(decoded, false, sb_forms_end(values, SB_HTTP_FORM_DECODED), &climbs);
    if (climbs)
        sb_forms_fault(values, SB_HTTP_FAULT_PATH_ROOT);
    if (is_same(&resolved, decoded))
        return *decoded;
    sb_forms_line(values, SB_HTTP_FORM_DECODED, resolved.size);
    return resolved;
}

static void folded_lines(struct sb_http_values *values, const struct text *decoded,
                         const struct text *resolved) {
    uint8_t *out = sb_forms_end(values, SB_HTTP_FORM_FOLDED);
    bool has_changed, climbs;
    struct text folded = {out,
                          sb_text_fold(decoded->bytes, decoded->size, out, false, &has_changed)};
    struct text last;

    sb_text_copy(out, folded.size, out, '\\', '/');
    if (is_same(&folded, decoded))
        folded = *decoded;
    else
        sb_forms_line(values, SB_HTTP_FORM_FOLDED, folded.size);
    last.bytes = out = sb_forms_end(values, SB_HTTP_FORM_FOLDED);
    last.size = resolve(&folded, true, out, &climbs);
    if (!is_same(&last, &folded) && !is_same(&last, resolved))
        sb_forms_line(values, SB_HTTP_FORM_FOLDED, last.size);
}

/* Replaces // by / and removes the segments . and .. (RFC 3986, 5.2.4); with has_parameters also
 * everything behind the first ; of a segment. climbs: a .. occurred at the root, where it has no
 * effect. path begins with /. Returns the size. */
static uint32_t resolve(const struct text *path, bool has_parameters, uint8_t *out, bool *climbs) {
    const uint8_t *at = path->bytes, *end = at + path->size;
    bool is_directory = true;
    uint32_t to = 0;

    *climbs = false;
    while (at < end) {
        const uint8_t *name = at + 1, *next = memchr(name, '/', (size_t)(end - name));
        const uint8_t *parameters = NULL;
        uint32_t size;

        next = next == NULL ? end : next;
        if (has_parameters)
            parameters = memchr(name, ';', (size_t)(next - name));
        size = (uint32_t)((parameters == NULL ? next : parameters) - name);
        is_directory = true;
        if (size == 2 && name[0] == '.' && name[1] == '.') {
            *climbs |= to == 0;
            while (to != 0 && out[--to] != '/')
                ;
        } else if (size != 0 && !(size == 1 && name[0] == '.')) {
            out[to++] = '/';
            memmove(out + to, name, size);
            to += size;
            is_directory = false;
        }
        at = next;
    }
    if (is_directory)
        out[to++] = '/';
    return to;
}

static bool is_same(const struct text *one, const struct text *other) {
    return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
}
